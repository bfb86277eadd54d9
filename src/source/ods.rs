//! Reads ods files. Merged ranges and hidden columns have to be known before the first row is written, so a file is read twice: first what is
//! around the rows, then the rows.

use crate::domain::intake::merges::MERGES_MAX;
use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::source::bounds::{HIDDEN_RANGES_MAX, RowBudget, SHEETS_MAX, into_bounded, too_many_merges, too_many_sheets};
use crate::source::cell_style::CellStyle;
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::number_format::{NumberFormat, SIGNS_OF_MONEY, date_of_serial};
use crate::source::ods_styles::{OdsStyles, StyleCollector};
use crate::source::ods_texts;
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use crate::source::xlsx::encoding::as_utf8;
use crate::source::xlsx::fault::{Fault, SheetFault, broken};
use crate::source::xlsx::tags::{Tags, attributes, is_empty, name, unescape};
use chrono::NaiveDate;
use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom, Write};
use zip::ZipArchive;

/// The most rows with content that a file may declare by a repeat count, all its rows together: a few bytes could become millions of rows.
const REPEATED_ROWS_MAX: u64 = 1000;

/// What is around the rows of a sheet.
#[derive(Debug, Default)]
struct Outline {
    name: String,
    visible: bool,
    merges: Vec<CellRange>,
    hidden_columns: Vec<(u32, u32)>,
}

/// # Errors
/// The file is refused, or the parent is gone.
pub(crate) fn read<F: Read + Seek>(mut file: F, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let texts = ods_texts::read(&mut file);
    file.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
    let mut archive = ZipArchive::new(file).map_err(|error| SheetFault::Part(Fault::Io(error.into())))?;
    if is_encrypted(&mut archive) {
        return Err(Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into());
    }
    let mut collector = StyleCollector::default();
    for part in ["styles.xml", CONTENT] {
        if archive.index_for_name(part).is_some() {
            collector.read(open(&mut archive, part)?).map_err(SheetFault::Part)?;
        }
    }
    let styles = collector.finish();
    let mut outliner = Outliner::default();
    let mut reader = ContentReader::new(&styles, limits);
    reader.read(open(&mut archive, CONTENT)?, &mut outliner)?;
    let days_from_1904 = reader.days_from_1904;
    let mut writer = RowWriter { sheets: outliner.sheets.into_iter(), days_from_1904, texts: &texts, current: Outline::default(), out };
    ContentReader::new(&styles, limits).read(open(&mut archive, CONTENT)?, &mut writer)
}

const CONTENT: &str = "content.xml";

fn open<'a, F: Read + Seek>(archive: &'a mut ZipArchive<F>, name: &str) -> Result<impl Read + 'a, ReadError> {
    let part = archive.by_name(name).map_err(|error| SheetFault::Part(Fault::Io(error.into())))?;
    Ok(as_utf8(part).map_err(SheetFault::Part)?)
}

/// Whether the parts are encrypted, by their list.
fn is_encrypted<F: Read + Seek>(archive: &mut ZipArchive<F>) -> bool {
    const LIST_BYTES_MAX: u64 = 256 * 1024;
    let mut list = Vec::new();
    let Ok(part) = archive.by_name("META-INF/manifest.xml") else { return false };
    part.take(LIST_BYTES_MAX).read_to_end(&mut list).is_ok() && list.windows(15).any(|window| window == b"encryption-data")
}

/// Receives the sheets of a file while it is read.
trait Listener {
    fn sheet(&mut self, name: String, visible: bool) -> Result<(), ReadError>;
    fn hidden_columns(&mut self, first: u32, last: u32) -> Result<(), ReadError>;
    fn merged(&mut self, range: CellRange) -> Result<(), ReadError>;
    fn row(&mut self, row: &mut RawRow<'static>) -> Result<(), ReadError>;
}

/// Collects what is around the rows.
#[derive(Default)]
struct Outliner {
    sheets: Vec<Outline>,
}

impl Listener for Outliner {
    fn sheet(&mut self, name: String, visible: bool) -> Result<(), ReadError> {
        if self.sheets.len() >= SHEETS_MAX {
            return Err(too_many_sheets().into());
        }
        self.sheets.push(Outline { name, visible, ..Outline::default() });
        Ok(())
    }

    fn hidden_columns(&mut self, first: u32, last: u32) -> Result<(), ReadError> {
        if let Some(sheet) = self.sheets.last_mut().filter(|sheet| sheet.hidden_columns.len() < HIDDEN_RANGES_MAX) {
            sheet.hidden_columns.push((first, last));
        }
        Ok(())
    }

    fn merged(&mut self, range: CellRange) -> Result<(), ReadError> {
        let Some(sheet) = self.sheets.last_mut() else { return Ok(()) };
        sheet.merges.push(range);
        if sheet.merges.len() > MERGES_MAX { Err(too_many_merges().into()) } else { Ok(()) }
    }

    fn row(&mut self, _: &mut RawRow<'static>) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Writes the rows as frames.
struct RowWriter<'w, W: Write> {
    sheets: std::vec::IntoIter<Outline>,
    days_from_1904: bool,
    texts: &'w ods_texts::TextsBeside,
    current: Outline,
    out: &'w mut FrameWriter<W>,
}

impl<W: Write> Listener for RowWriter<'_, W> {
    fn sheet(&mut self, _: String, _: bool) -> Result<(), ReadError> {
        self.current = self.sheets.next().unwrap_or_default();
        let Outline { name, visible, merges, hidden_columns } = &mut self.current;
        self.out.sheet(Sheet {
            name,
            visible: *visible,
            merges: std::mem::take(merges),
            hidden_columns: std::mem::take(hidden_columns),
            days_from_1904: self.days_from_1904,
            beside: self.texts.of_sheet(name),
            ..Sheet::default()
        })
    }

    fn hidden_columns(&mut self, _: u32, _: u32) -> Result<(), ReadError> {
        Ok(())
    }

    fn merged(&mut self, _: CellRange) -> Result<(), ReadError> {
        Ok(())
    }

    fn row(&mut self, row: &mut RawRow<'static>) -> Result<(), ReadError> {
        if self.current.visible { self.out.row(row) } else { Ok(()) }
    }
}

/// The cell that is open.
#[derive(Default)]
struct OpenCell {
    repeated: u32,
    kind: String,
    value: String,
    style: String,
    formula: bool,
    error: bool,
    /// The text that comes is one of the cell.
    in_paragraph: bool,
    text: ShownText,
}

/// Tags that are open, one in the other, some of them marked.
#[derive(Default)]
struct OpenTags {
    open: Vec<bool>,
    marked: usize,
}

impl OpenTags {
    fn push(&mut self, is_marked: bool) {
        self.open.push(is_marked);
        self.marked += usize::from(is_marked);
    }

    fn pop(&mut self) {
        self.marked -= usize::from(self.open.pop() == Some(true));
    }
}

/// The text of a cell as a person sees it: a run of white space is one space, and struck-out text is left out unless it is all there is.
#[derive(Default)]
struct ShownText {
    visible: String,
    struck: String,
    /// The spans that are open; a marked one is struck out.
    spans: OpenTags,
    has_paragraph: bool,
}

impl ShownText {
    fn push(&mut self, text: &str) {
        let target = if self.spans.marked > 0 { &mut self.struck } else { &mut self.visible };
        for c in text.chars() {
            if !matches!(c, ' ' | '\t' | '\r' | '\n') {
                target.push(c);
            } else if !target.is_empty() && !target.ends_with([' ', '\n']) {
                target.push(' ');
            }
        }
    }

    fn push_exactly(&mut self, text: &str) {
        let target = if self.spans.marked > 0 { &mut self.struck } else { &mut self.visible };
        target.push_str(text);
    }

    fn begin_paragraph(&mut self) {
        if self.has_paragraph {
            self.visible.truncate(self.visible.trim_end_matches(' ').len());
            self.visible.push('\n');
        }
        self.has_paragraph = true;
    }
}

/// Turns the tags of the content into rows.
struct ContentReader<'s> {
    styles: &'s OdsStyles,
    limits: ReadLimits,
    /// The workbook counts its days from 1904.
    days_from_1904: bool,
    /// From 0, of the next row and of the next cell.
    row: u32,
    column: u32,
    row_repeated: u32,
    row_hidden: bool,
    row_style: String,
    cells: Vec<(u16, Raw<'static>)>,
    /// Bytes of their texts.
    row_bytes: usize,
    /// The groups of rows or columns that are open; a marked one is folded.
    groups: OpenTags,
    /// The styles of the columns, from left to right: first column, the column behind the last one, the style.
    column_styles: Vec<(u32, u32, String)>,
    columns: u32,
    repeated_rows: u64,
}

impl<'s> ContentReader<'s> {
    fn new(styles: &'s OdsStyles, limits: ReadLimits) -> ContentReader<'s> {
        ContentReader {
            styles,
            limits,
            days_from_1904: false,
            row: 0,
            column: 0,
            row_repeated: 1,
            row_hidden: false,
            row_style: String::new(),
            cells: Vec::new(),
            row_bytes: 0,
            groups: OpenTags::default(),
            column_styles: Vec::new(),
            columns: 0,
            repeated_rows: 0,
        }
    }

    fn read(&mut self, part: impl Read, listener: &mut impl Listener) -> Result<(), ReadError> {
        let mut tags = Tags::new(part);
        let (mut in_sheet, mut has_root, mut cell) = (0usize, false, None::<OpenCell>);
        // within an element whose text is none of the cell: its name and how many of it are open
        let mut skipped: Option<(Vec<u8>, usize)> = None;
        while let Some(piece) = tags.next().map_err(SheetFault::Part)? {
            let tag = piece.tag;
            let tag_name = name(tag);
            if let Some((element, depth)) = &mut skipped {
                match tag_name.strip_prefix(b"/") {
                    Some(closed) if closed == element.as_slice() => *depth -= 1,
                    None if tag_name == element.as_slice() && !is_empty(tag) => *depth += 1,
                    _ => {}
                }
                if *depth == 0 {
                    skipped = None;
                }
                continue;
            }
            has_root |= tag_name == b"office:document-content" || tag_name == b"document-content";
            // the text before a tag is that of the cell, wherever the tag ends it
            if let Some(open) = cell.as_mut().filter(|open| open.in_paragraph)
                && !piece.text.is_empty()
            {
                open.text.push(&unescape(piece.text).map_err(SheetFault::Part)?);
            }
            match tag_name {
                b"table:null-date" => self.days_from_1904 = attribute(tag, b"table:date-value").starts_with("1904"),
                b"table:table" => {
                    in_sheet += 1;
                    if in_sheet == 1 {
                        self.begin_sheet(tag, listener)?;
                    }
                    if is_empty(tag) {
                        in_sheet -= 1;
                    }
                }
                b"/table:table" => in_sheet = in_sheet.saturating_sub(1),
                // a table within a cell is none of the sheet
                _ if in_sheet != 1 => {}
                b"table:shapes" | b"annotation" | b"office:annotation" | b"draw:frame" | b"table:detective" | b"text:note"
                | b"text:ruby-text"
                    if !is_empty(tag) =>
                {
                    skipped = Some((tag_name.to_vec(), 1));
                }
                b"table:table-row-group" | b"table:table-column-group" => {
                    self.groups.push(attribute(tag, b"table:display") == "false");
                    if is_empty(tag) {
                        self.groups.pop();
                    }
                }
                b"/table:table-row-group" | b"/table:table-column-group" => self.groups.pop(),
                b"table:table-column" => self.add_columns(tag, listener)?,
                b"table:table-row" => {
                    self.begin_row(tag);
                    if is_empty(tag) {
                        self.end_row(listener)?;
                    }
                }
                b"/table:table-row" => self.end_row(listener)?,
                b"table:table-cell" | b"table:covered-table-cell" => {
                    let open = self.begin_cell(tag, listener)?;
                    match is_empty(tag) {
                        true => self.end_cell(open)?,
                        false => cell = Some(open),
                    }
                }
                b"/table:table-cell" | b"/table:covered-table-cell" => {
                    if let Some(open) = cell.take() {
                        self.end_cell(open)?;
                    }
                }
                text_tag => {
                    if let Some(open) = &mut cell {
                        self.take_text_tag(text_tag, tag, open);
                    }
                }
            }
        }
        if has_root { Ok(()) } else { Err(SheetFault::Part(broken("部件的内容不是ods表格")).into()) }
    }

    fn take_text_tag(&self, tag_name: &[u8], tag: &[u8], open: &mut OpenCell) {
        match tag_name {
            b"text:p" | b"text:h" => {
                open.text.begin_paragraph();
                open.in_paragraph = !is_empty(tag);
            }
            b"/text:p" | b"/text:h" => open.in_paragraph = false,
            b"text:span" if !is_empty(tag) => open.text.spans.push(self.styles.is_struck_text(&attribute(tag, b"text:style-name"))),
            b"/text:span" => open.text.spans.pop(),
            b"text:s" => {
                const SPACES_MAX: usize = 1000;
                let count = attribute(tag, b"text:c").parse::<usize>().unwrap_or(1).min(SPACES_MAX);
                open.text.push_exactly(&" ".repeat(count));
            }
            b"text:tab" => open.text.push_exactly(" "),
            b"text:line-break" => open.text.push_exactly("\n"),
            _ => {}
        }
    }

    fn begin_sheet(&mut self, tag: &[u8], listener: &mut impl Listener) -> Result<(), ReadError> {
        self.row = 0;
        self.columns = 0;
        self.column_styles.clear();
        self.groups = OpenTags::default();
        let visible = !self.styles.is_hidden_sheet(&attribute(tag, b"table:style-name"));
        listener.sheet(attribute(tag, b"table:name"), visible)
    }

    fn add_columns(&mut self, tag: &[u8], listener: &mut impl Listener) -> Result<(), ReadError> {
        let first = self.columns;
        self.columns = first.saturating_add(count(tag, b"table:number-columns-repeated"));
        let style = attribute(tag, b"table:default-cell-style-name");
        if !style.is_empty() && self.column_styles.len() < HIDDEN_RANGES_MAX {
            self.column_styles.push((first, self.columns, style));
        }
        if self.is_folded(tag) {
            listener.hidden_columns(first, self.columns.saturating_sub(1))?;
        }
        Ok(())
    }

    /// Whether a row or a column is hidden.
    fn is_folded(&self, tag: &[u8]) -> bool {
        self.groups.marked > 0 || matches!(attribute(tag, b"table:visibility").as_str(), "collapse" | "filter")
    }

    fn begin_row(&mut self, tag: &[u8]) {
        self.column = 0;
        self.row_repeated = count(tag, b"table:number-rows-repeated");
        self.row_hidden = self.is_folded(tag);
        self.row_style = attribute(tag, b"table:default-cell-style-name");
        self.cells.clear();
        self.row_bytes = 0;
    }

    fn end_row(&mut self, listener: &mut impl Listener) -> Result<(), ReadError> {
        let (first, repeated) = (self.row, std::mem::replace(&mut self.row_repeated, 1));
        self.row = first.saturating_add(repeated);
        if self.cells.is_empty() {
            return Ok(());
        }
        self.repeated_rows += u64::from(repeated - 1);
        if self.repeated_rows > REPEATED_ROWS_MAX {
            let reason = format!("疑似构造的文件：有内容的行按重复次数累计{}行", self.repeated_rows);
            return Err(Refusal::new(reason, "请用Excel或WPS另存为xlsx后再导入").into());
        }
        if self.row > self.limits.rows_max {
            return Err(self.outside(self.row, 1));
        }
        for number in first..self.row {
            let cells = if number + 1 == self.row { std::mem::take(&mut self.cells) } else { self.cells.clone() };
            listener.row(&mut RawRow { number: number + 1, hidden: self.row_hidden, cells })?;
        }
        Ok(())
    }

    /// The refusal of a cell outside the limits. Row and column from 1.
    fn outside(&self, row: u32, column: u32) -> ReadError {
        let ReadLimits { rows_max, columns_max, .. } = self.limits;
        let reason = format!("第{row}行第{column}列有内容，超出{rows_max}行、{columns_max}列的限度");
        Refusal::new(reason, "请删除表格之外的零散内容后再导入").into()
    }

    fn begin_cell(&mut self, tag: &[u8], listener: &mut impl Listener) -> Result<OpenCell, ReadError> {
        let mut open = OpenCell { repeated: 1, ..OpenCell::default() };
        let (mut rows, mut columns) = (1u32, 1u32);
        for (key, value) in attributes(tag) {
            let number = || std::str::from_utf8(value).ok().and_then(|value| value.parse::<u32>().ok()).unwrap_or(1).max(1);
            let text = || unescape(value).map(Cow::into_owned).unwrap_or_default();
            match key {
                b"table:number-columns-repeated" => open.repeated = number(),
                b"table:number-columns-spanned" => columns = number(),
                b"table:number-rows-spanned" => rows = number(),
                b"table:style-name" => open.style = text(),
                b"table:formula" => open.formula = true,
                b"office:value-type" => open.kind = text(),
                b"calcext:value-type" => open.error = value == b"error",
                b"office:value" | b"office:date-value" | b"office:time-value" | b"office:boolean-value" | b"office:string-value" => {
                    open.value = text()
                }
                _ => {}
            }
        }
        if rows > 1 || columns > 1 {
            let (top, left) = (self.row, self.column);
            let (bottom, right) = (top.saturating_add(rows - 1), left.saturating_add(columns - 1));
            listener.merged(CellRange { top, left, bottom, right })?;
        }
        Ok(open)
    }

    fn end_cell(&mut self, open: OpenCell) -> Result<(), ReadError> {
        let (first, repeated) = (self.column, open.repeated);
        self.column = first.saturating_add(repeated);
        let Some(raw) = self.raw(open, first) else { return Ok(()) };
        // a space far away is no content
        if self.column > self.limits.columns_max && raw.is_blank() {
            return Ok(());
        }
        if self.column > self.limits.columns_max {
            return Err(self.outside(self.row + 1, self.column));
        }
        // a few bytes could become a row that no memory holds
        self.row_bytes += raw.text_bytes().saturating_mul(repeated as usize);
        RowBudget::of_file(0).take(self.row + 1, 0, self.row_bytes)?;
        for column in first..self.column {
            self.cells.push((column as u16, raw.clone()));
        }
        Ok(())
    }

    /// The style of a cell: its own, else that of its row, else that of its column.
    fn style(&self, own: &str, column: u32) -> Option<&'s CellStyle> {
        let of_column = || {
            let at = self.column_styles.partition_point(|(_, end, _)| *end <= column);
            self.column_styles.get(at).filter(|(first, ..)| *first <= column).map(|(.., style)| style.as_str())
        };
        let name = [own, &self.row_style].into_iter().find(|name| !name.is_empty()).or_else(of_column)?;
        self.styles.cell(name)
    }

    /// The value of a cell; `None` = it is empty.
    fn raw(&self, open: OpenCell, column: u32) -> Option<Raw<'static>> {
        let style = self.style(&open.style, column);
        let OpenCell { kind, value, formula, error, text, .. } = open;
        let has_paragraph = text.has_paragraph;
        let has_visible = !text.visible.trim().is_empty();
        let all_struck = style.is_some_and(|style| style.struck) || !has_visible && !text.struck.trim().is_empty();
        let shown = if has_visible || text.struck.is_empty() { text.visible } else { text.struck };
        let shown = shown.trim_end_matches(' ').to_owned();
        let in_words = |text: String| if text.is_empty() { None } else { Some(Raw::Text(into_bounded(Cow::Owned(text)))) };
        let number = || value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let raw = match kind.as_str() {
            _ if error => Some(Raw::Error(into_bounded(Cow::Owned(shown)))),
            _ if formula && shown.is_empty() && is_without_result(&value, has_paragraph, style) => Some(Raw::Uncalculated),
            "percentage" => match (number(), style.map(|style| &style.format.numbers)) {
                (Some(number), Some(format @ (NumberFormat::Sections(_) | NumberFormat::Text(_)))) => Some(format.shown(number, false)),
                (Some(number), _) => Some(NumberFormat::Percent.shown(number, false)),
                (None, _) => in_words(shown),
            },
            // the sign of foreign money may be that of the language of the file, which stands in the text alone
            "float" | "currency" if shown.contains(SIGNS_OF_MONEY) => in_words(shown),
            "float" | "currency" => match (number(), style) {
                (Some(number), Some(style)) => Some(style.format.numbers.shown(number, self.days_from_1904)),
                (Some(number), None) => Some(Raw::Number(number)),
                (None, _) => in_words(shown),
            },
            "date" => Some(date(&value, style).unwrap_or_else(|| Raw::Text(into_bounded(Cow::Owned(value))))),
            "boolean" => match value.as_str() {
                "true" => Some(Raw::Bool(true)),
                "false" => Some(Raw::Bool(false)),
                _ => in_words(shown),
            },
            "time" => in_words(if shown.is_empty() { value } else { shown }),
            _ => in_words(if shown.is_empty() { value } else { shown }),
        };
        match raw {
            Some(raw) if all_struck && !raw.is_blank() => Some(Raw::Struck(Cow::Owned(raw.display().into_owned()))),
            raw => raw,
        }
    }
}

/// Whether a formula that shows no text has no result: neither a value nor an empty text, or a zero that its style would show.
fn is_without_result(value: &str, has_paragraph: bool, style: Option<&CellStyle>) -> bool {
    let is_hidden = || style.is_some_and(|style| *style.format.numbers.of_number(0.0) == NumberFormat::Unseen);
    if value.is_empty() { !has_paragraph } else { value.parse() == Ok(0.0) && !is_hidden() }
}

/// A day as far as its style shows it; `None` = the text is none.
fn date(value: &str, style: Option<&CellStyle>) -> Option<Raw<'static>> {
    let (day, time) = value.split_once('T').unwrap_or((value, ""));
    let mut parts = day.split('-');
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (year, month, day_of_month) = (number()?, number()?, number()?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day_of_month)?;
    // a format shows days by their count, which before March 1900 is another one in other programs
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30)?;
    if (date - epoch).num_days() <= 60 {
        return Some(Raw::Date(u16::try_from(year).ok()?, month as u8, day_of_month as u8));
    }
    let mut clock = time.split(':');
    let mut seconds = || clock.next().and_then(|part| part.parse::<f64>().ok()).unwrap_or(0.0);
    let second = seconds() * 3600.0 + seconds() * 60.0 + seconds();
    let serial = (date - epoch).num_days() as f64 + second / 86_400.0;
    match style.map(|style| style.format.numbers.of_number(serial)) {
        Some(format @ (NumberFormat::Month | NumberFormat::Year)) => Some(format.shown(serial, false)),
        _ => Some(date_of_serial(serial, false)),
    }
}

fn attribute(tag: &[u8], key: &[u8]) -> String {
    let found = attributes(tag).find(|(known, _)| *known == key);
    found.and_then(|(_, value)| unescape(value).ok()).map(Cow::into_owned).unwrap_or_default()
}

/// A count of repetitions.
fn count(tag: &[u8], key: &[u8]) -> u32 {
    attribute(tag, key).parse::<u32>().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::frame::{Block, Frame};
    use crate::source::frame_reader::{FrameReader, Received};
    use std::io::Cursor;
    use std::sync::Arc;

    const LIMITS: ReadLimits = ReadLimits { file_mib_max: 64, memory_mib: 512, seconds: 10, rows_max: 1_048_576, columns_max: 1024 };

    /// What is read of a sheet with these rows: merges and hidden columns, then each row; or the reason of the refusal.
    fn read_sheet(styles: &str, inside: &str) -> Vec<String> {
        let xml = format!(
            "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"o\"><office:automatic-styles>{styles}</office:automatic-styles>\
             <office:body><office:spreadsheet><table:table table:name=\"台账\">{inside}</table:table></office:spreadsheet></office:body></office:document-content>"
        );
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(CONTENT, zip::write::SimpleFileOptions::default()).expect("a part");
        zip.write_all(xml.as_bytes()).expect("written");
        let file = zip.finish().expect("a file");
        let mut out = FrameWriter::new(Vec::new());
        out.level(crate::source::confinement::ConfinementLevel::Full).expect("written");
        if let Err(ReadError::Refused(refusal)) = read(file, LIMITS, &mut out) {
            return vec![refusal.reason];
        }
        let bytes = out.into_inner().expect("bytes");
        let mut reader = FrameReader::new(bytes.as_slice());
        let mut seen = Vec::new();
        while let Ok(Some(received)) = reader.read_block() {
            let Received::Frames(bytes) = received else { continue };
            for frame in (Block { bytes, strings: Arc::default(), columns_max: 1024 }).frames() {
                seen.push(match frame.expect("a frame") {
                    Frame::Sheet(sheet) => {
                        let merges: Vec<String> = sheet.merges.iter().map(CellRange::name).collect();
                        format!("{} {merges:?} {:?}", sheet.name, sheet.hidden_columns)
                    }
                    Frame::Row(row) => {
                        let row = row.unpack().expect("a row");
                        format!("{}{} {:?}", row.number, if row.hidden { " hidden" } else { "" }, row.cells)
                    }
                });
            }
        }
        seen
    }

    #[test]
    fn cells_hold_what_a_person_sees() {
        let styles = "<style:style style:name=\"S\" style:family=\"text\"><style:text-properties style:text-line-through-type=\"single\"/></style:style>\
                      <style:style style:name=\"C\" style:family=\"table-cell\"><style:text-properties style:text-line-through-type=\"single\"/></style:style>";
        let rows = "<table:table-column/>\n <table:table-column table:number-columns-repeated=\"2\" table:visibility=\"collapse\" table:default-cell-style-name=\"C\"/>\n\
             <table:table-header-rows>\n<!-- a remark --><table:table-row>\n\t<table:table-cell office:value-type=\"string\"><text:p><![CDATA[项目&编号]]></text:p></table:table-cell>\n\
             </table:table-row></table:table-header-rows>\
             <table:table-row table:visibility=\"filter\"><table:table-cell table:number-rows-spanned=\"2\" table:number-columns-spanned=\"1\" office:value-type=\"string\">\
             <text:p>甲 \n 乙<text:s text:c=\"2\"/>丙<office:annotation><text:p>批注</text:p></office:annotation>丁</text:p><text:p>戊</text:p></table:table-cell>\
             <table:table-cell office:value-type=\"string\" table:style-name=\"X\"><text:p><text:span text:style-name=\"S\">旧</text:span>新</text:p></table:table-cell>\
             <table:table-cell office:value-type=\"float\" office:value=\"5\"><text:p>5</text:p></table:table-cell></table:table-row>\
             <table:table-row><table:covered-table-cell office:value-type=\"string\"><text:p>藏</text:p></table:covered-table-cell>\
             <table:table-cell office:value-type=\"percentage\" office:value=\"0.95\" table:style-name=\"X\"><text:p>95%</text:p></table:table-cell>\
             <table:table-cell table:formula=\"of:=1\" table:style-name=\"X\"/><table:table-cell office:value-type=\"date\" office:date-value=\"2026-03-01\" table:style-name=\"X\"/>\
             <table:table-cell table:number-columns-repeated=\"2\" office:value-type=\"boolean\" office:boolean-value=\"true\"/></table:table-row>\
             <table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>";
        assert_eq!(
            read_sheet(styles, rows),
            [
                "台账 [\"A2:A3\"] [(1, 2)]",
                "1 [(0, Text(\"项目&编号\"))]",
                "2 hidden [(0, Text(\"甲 乙  丙丁\\n戊\")), (1, Text(\"新\")), (2, Struck(\"5\"))]",
                "3 [(0, Text(\"藏\")), (1, Text(\"95%\")), (2, Uncalculated), (3, Date(2026, 3, 1)), (4, Bool(true)), (5, Bool(true))]",
            ]
        );
    }

    /// Programs write a table without rows within a cell; days before March 1900 have another number in each program.
    #[test]
    fn a_table_within_a_cell_ends_with_its_cell() {
        let rows = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>甲</text:p><table:table table:is-sub-table=\"true\"/></table:table-cell>\
             <table:table-cell office:value-type=\"date\" office:date-value=\"1900-01-15\"/>\
             <table:table-cell office:value-type=\"date\" office:date-value=\"1900-03-01\"/></table:table-row>\
             <table:table-row><table:table-cell office:value-type=\"string\"><text:p>乙</text:p></table:table-cell></table:table-row>";
        let read = read_sheet("", rows);
        assert_eq!(read[1..], ["1 [(0, Text(\"甲\")), (1, Date(1900, 1, 15)), (2, Date(1900, 3, 1))]", "2 [(0, Text(\"乙\"))]"]);
    }

    /// An empty text is the result of a formula; a value of 0 that no text shows is what a program writes that calculates nothing.
    #[test]
    fn formulas_without_result_are_told_from_empty_ones() {
        let style = "<number:number-style style:name=\"P0\"><number:text/></number:number-style><number:number-style style:name=\"N\"><number:number number:min-integer-digits=\"1\"/>\
                     <style:map style:condition=\"value()=0\" style:apply-style-name=\"P0\"/></number:number-style><style:style style:name=\"Z\" style:family=\"table-cell\" style:data-style-name=\"N\"/>";
        let cells = "<table:table-row><table:table-cell table:formula=\"of:=1+1\" office:value-type=\"float\" office:value=\"0\"/>\
             <table:table-cell table:formula=\"of:=1+1\" office:value-type=\"float\" office:value=\"0\"><text:p/></table:table-cell>\
             <table:table-cell table:formula=\"of:=1+1\"/><table:table-cell table:formula=\"of:=&quot;&quot;\"><text:p/></table:table-cell>\
             <table:table-cell table:formula=\"of:=&quot;&quot;\" office:value-type=\"string\" office:string-value=\"\"/>\
             <table:table-cell table:formula=\"of:=1-1\" office:value-type=\"float\" office:value=\"0\"><text:p>0</text:p></table:table-cell>\
             <table:table-cell table:formula=\"of:=1-1\" office:value-type=\"float\" office:value=\"0\" table:style-name=\"Z\"><text:p/></table:table-cell></table:table-row>";
        assert_eq!(
            read_sheet(style, cells)[1..],
            ["1 [(0, Uncalculated), (1, Uncalculated), (2, Uncalculated), (4, Uncalculated), (5, Number(0.0)), (6, Number(0.0))]"]
        );
    }

    /// The sign of money is that of the language where the style names none; a hair before midnight is midnight.
    #[test]
    fn money_and_days_are_read_as_they_are_shown() {
        let style = "<number:currency-style style:name=\"N\"><number:currency-symbol/><number:number number:min-integer-digits=\"1\"/><number:text>万</number:text></number:currency-style>\
                     <style:style style:name=\"C\" style:family=\"table-cell\" style:data-style-name=\"N\"/>";
        let cells = "<table:table-row><table:table-cell office:value-type=\"currency\" office:value=\"500\" table:style-name=\"C\"><text:p>$500万</text:p></table:table-cell>\
             <table:table-cell office:value-type=\"currency\" office:value=\"500\" table:style-name=\"C\"><text:p>￥500万</text:p></table:table-cell>\
             <table:table-cell office:value-type=\"date\" office:date-value=\"2026-02-28T23:59:59.99\"><text:p>2026-03-01</text:p></table:table-cell></table:table-row>";
        assert_eq!(read_sheet(style, cells)[1..], ["1 [(0, Text(\"$500万\")), (1, Text(\"500万\")), (2, Date(2026, 3, 1))]"]);
    }

    #[test]
    fn rows_with_content_are_repeated_up_to_a_bound_in_all() {
        let row = |(repeated, cell): &(&str, &str)| {
            format!("<table:table-row table:number-rows-repeated=\"{repeated}\"><table:table-cell{cell}/></table:table-row>")
        };
        let rows = |rows: &[(&str, &str)]| read_sheet("", &rows.iter().map(row).collect::<String>()).len();
        let filled = " office:value-type=\"string\" office:string-value=\"x\"";
        assert_eq!(rows(&[("2000000000", filled)]), 1, "the refusal");
        assert_eq!(rows(&[("1048570", "")]), 1, "the empty rest of a sheet");
        assert_eq!(rows(&[("20", filled), ("900", ""), ("1", filled)]), 22);
        assert_eq!(rows(&[("1000", filled); 2]), 1, "no single one is large");
        assert_eq!(rows(&[("600", " table:formula=\"of:=1\""); 2]), 1);
    }
}
