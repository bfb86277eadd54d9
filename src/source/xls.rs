//! Reads xls files (BIFF5 and BIFF8, MS-XLS). The stream of a workbook is in memory; the records of a sheet are walked twice: first for what is
//! around its rows, then for the rows. Only what is written is held, so a stray cell far away costs nothing.

use crate::domain::intake::merges::MERGES_MAX;
use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::source::bounds::{HIDDEN_RANGES_MAX, SHEETS_MAX, too_many_merges, too_many_sheets};
use crate::source::cell_style::{CellFormat, CellStyle, finished};
use crate::source::compound::{Compound, long, short};
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use crate::source::xls_text::{Pieces, Texts};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Write};

/// Kinds of records.
mod kind {
    pub const BOF: u16 = 0x0809;
    pub const EOF: u16 = 0x000a;
    pub const CONTINUE: u16 = 0x003c;
    pub const CODEPAGE: u16 = 0x0042;
    pub const DATEMODE: u16 = 0x0022;
    pub const FILEPASS: u16 = 0x002f;
    pub const FONT: u16 = 0x0031;
    pub const FORMAT: [u16; 2] = [0x041e, 0x001e];
    pub const XF: u16 = 0x00e0;
    pub const SHEET: u16 = 0x0085;
    pub const STRINGS: u16 = 0x00fc;
    pub const RECALCULATION: u16 = 0x01c1;
    pub const ROW: u16 = 0x0208;
    pub const COLUMNS: u16 = 0x007d;
    pub const MERGES: u16 = 0x00e5;
    pub const NUMBER: u16 = 0x0203;
    pub const RK: u16 = 0x027e;
    pub const MANY_RK: u16 = 0x00bd;
    pub const SHARED: u16 = 0x00fd;
    pub const LABEL: u16 = 0x0204;
    pub const RICH_LABEL: u16 = 0x00d6;
    pub const BOOL_OR_ERROR: u16 = 0x0205;
    pub const FORMULA: [u16; 3] = [0x0006, 0x0206, 0x0406];
    pub const STRING: u16 = 0x0207;
}

const HINT: &str = "请重新保存或重新下载；仍不能导入的，请用Excel或WPS另存为xlsx";

/// The most bytes of cells that are held because they are out of order.
const UNORDERED_BYTES_MAX: usize = 128 * 1024 * 1024;

fn broken() -> ReadError {
    Refusal::new("文件不完整或结构有误", HINT).into()
}

/// # Errors
/// The file is refused, or the parent is gone.
pub(crate) fn read(mut file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|_| broken())?;
    let stream = Compound::open(&bytes).and_then(|compound| compound.stream(&["Workbook", "Book"])).ok_or_else(broken)?;
    drop(bytes);
    let book = Book::read(&stream)?;
    let mut seen = HashSet::new();
    for sheet in &book.sheets {
        if !seen.insert(sheet.start) {
            let reason = format!("文件结构有误：工作表“{}”与另一张工作表是同一个部件", sheet.name);
            return Err(Refusal::new(reason, HINT).into());
        }
    }
    let outlines = book.sheets.iter().map(|sheet| book.outline(sheet)).collect::<Result<Vec<_>, _>>()?;
    // Excel has calculated a workbook in which some formula has a result
    let uncalculated = !book.recalculated && !outlines.iter().any(|outline| outline.calculated);
    for (sheet, outline) in book.sheets.iter().zip(outlines) {
        let Outline { merges, hidden_columns, hidden_rows, ordered, .. } = outline;
        out.sheet(Sheet {
            name: &sheet.name,
            visible: sheet.visible,
            merges,
            hidden_columns,
            days_from_1904: book.date1904,
            ..Sheet::default()
        })?;
        if sheet.visible {
            RowWriter { limits, hidden_rows, row: None, cells: Vec::new(), out: &mut *out }.write(&book, sheet, ordered, uncalculated)?;
        }
    }
    Ok(())
}

/// A record: its kind, its bytes, and where the next one begins.
struct Record<'s> {
    kind: u16,
    bytes: &'s [u8],
    next: usize,
}

fn record(stream: &[u8], at: usize) -> Option<Record<'_>> {
    let (kind, length) = (short(stream, at)?, usize::from(short(stream, at + 2)?));
    let end = at + 4 + length;
    Some(Record { kind, bytes: stream.get(at + 4..end)?, next: end })
}

/// A record with the records that continue it.
fn with_pieces<'s>(stream: &'s [u8], first: &Record<'s>) -> Vec<&'s [u8]> {
    let mut pieces = vec![first.bytes];
    let mut at = first.next;
    while let Some(more) = record(stream, at).filter(|record| record.kind == kind::CONTINUE) {
        pieces.push(more.bytes);
        at = more.next;
    }
    pieces
}

struct SheetEntry {
    name: String,
    visible: bool,
    start: usize,
}

/// The workbook, without its sheets.
struct Book<'s> {
    stream: &'s [u8],
    texts: Texts,
    sheets: Vec<SheetEntry>,
    styles: Vec<CellStyle>,
    has_struck: bool,
    /// For each font, whether it strikes out.
    struck_fonts: Vec<bool>,
    date1904: bool,
    recalculated: bool,
    /// The shared strings, one behind the other, and where each ends.
    strings: String,
    ends: Vec<u32>,
    struck_strings: HashSet<u32>,
}

/// What is around the rows of a sheet.
#[derive(Default)]
struct Outline {
    merges: Vec<CellRange>,
    hidden_columns: Vec<(u32, u32)>,
    hidden_rows: HashSet<u32>,
    /// The cells come from top to bottom and from left to right.
    ordered: bool,
    /// Some formula has a result.
    calculated: bool,
}

/// A cell as its record has it.
enum Found<'s> {
    Number(f64),
    Shared(u32),
    Raw(Raw<'s>),
    /// A formula whose text is in the next record.
    TextFollows,
    /// A formula with an empty text as its result.
    EmptyFormula,
}

impl<'s> Book<'s> {
    fn read(stream: &'s [u8]) -> Result<Book<'s>, ReadError> {
        let begin = record(stream, 0).filter(|record| record.kind == kind::BOF).ok_or_else(broken)?;
        let is_wide = short(begin.bytes, 0) == Some(0x0600);
        let mut book = Book {
            stream,
            texts: Texts::new(is_wide),
            sheets: Vec::new(),
            styles: Vec::new(),
            has_struck: false,
            struck_fonts: Vec::new(),
            date1904: false,
            recalculated: false,
            strings: String::new(),
            ends: Vec::new(),
            struck_strings: HashSet::new(),
        };
        let mut formats: HashMap<u16, CellFormat> = HashMap::new();
        // font and format of each style
        let mut styles: Vec<(u16, u16)> = Vec::new();
        let mut entries: Vec<(&[u8], SheetEntry)> = Vec::new();
        let mut format_codes: Vec<(u16, &[u8])> = Vec::new();
        let (mut strings, mut at) = (None, begin.next);
        while let Some(record) = record(stream, at) {
            at = record.next;
            let bytes = record.bytes;
            match record.kind {
                kind::EOF => break,
                kind::FILEPASS => return Err(Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into()),
                kind::CODEPAGE => book.texts.set_code_page(short(bytes, 0).unwrap_or(0)),
                kind::DATEMODE => book.date1904 = short(bytes, 0) == Some(1),
                kind::RECALCULATION => book.recalculated = true,
                kind::FONT => {
                    // the fifth font is not written
                    if book.struck_fonts.len() == 4 {
                        book.struck_fonts.push(false);
                    }
                    book.struck_fonts.push(short(bytes, 2).is_some_and(|bits| bits & 8 != 0));
                }
                kind if kind::FORMAT.contains(&kind) => {
                    if let Some(id) = short(bytes, 0) {
                        format_codes.push((id, bytes.get(2..).unwrap_or_default()));
                    }
                }
                kind::XF => styles.push((short(bytes, 0).unwrap_or(0), short(bytes, 2).unwrap_or(0))),
                kind::SHEET => {
                    let (Some(start), Some([state, sheet_kind, name @ ..])) = (long(bytes, 0), bytes.get(4..)) else {
                        return Err(broken());
                    };
                    // a chart or a macro has no rows
                    if *sheet_kind == 0 {
                        entries.push((name, SheetEntry { name: String::new(), visible: *state & 3 == 0, start: start as usize }));
                    }
                    if entries.len() > SHEETS_MAX {
                        return Err(too_many_sheets().into());
                    }
                }
                kind::STRINGS => strings = Some(with_pieces(stream, &record)),
                _ => {}
            }
        }
        if !is_wide {
            book.texts.find_code_page(stream);
        }
        for (id, code) in format_codes {
            let code = if is_wide { book.texts.long(code) } else { book.texts.short(code) };
            formats.insert(id, CellFormat::parse(&code.unwrap_or_default()));
        }
        for (name, entry) in entries {
            let name = book.texts.short(name).ok_or_else(broken)?;
            book.sheets.push(SheetEntry { name, ..entry });
        }
        let style = |(font, format): (u16, u16)| CellStyle {
            format: formats.get(&format).cloned().unwrap_or_else(|| CellFormat::built_in(format.into())),
            struck: book.struck_fonts.get(usize::from(font)).copied().unwrap_or(false),
        };
        book.styles = styles.into_iter().map(style).collect();
        if let Some(pieces) = strings {
            book.read_strings(&pieces)?;
        }
        book.has_struck = !book.struck_strings.is_empty() || book.styles.iter().any(|style| style.struck);
        Ok(book)
    }

    fn read_strings(&mut self, pieces: &[&[u8]]) -> Result<(), ReadError> {
        let mut pieces = Pieces::new(pieces);
        pieces.skip(4).ok_or_else(broken)?;
        let count = pieces.long().ok_or_else(broken)?;
        for index in 0..count {
            let Some(text) = pieces.rich_text() else {
                // some programs count more strings than they write
                break;
            };
            let is_struck = text.push_to(&mut self.strings, &self.struck_fonts);
            if is_struck {
                self.struck_strings.insert(index);
            }
            self.ends.push(u32::try_from(self.strings.len()).map_err(|_| broken())?);
        }
        Ok(())
    }

    fn string(&self, index: u32) -> Option<&str> {
        let index = index as usize;
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? as usize };
        self.strings.get(start..*self.ends.get(index)? as usize)
    }

    /// Calls `take` with the records of a sheet, without those of what is embedded in it.
    fn each(&self, sheet: &SheetEntry, mut take: impl FnMut(&Record<'s>) -> Result<(), ReadError>) -> Result<(), ReadError> {
        let begin = record(self.stream, sheet.start).filter(|record| record.kind == kind::BOF).ok_or_else(broken)?;
        let (mut at, mut depth) = (begin.next, 0usize);
        loop {
            let Some(record) = record(self.stream, at) else {
                return Err(Refusal::new(format!("文件结构有误：工作表“{}”不完整", sheet.name), HINT).into());
            };
            at = record.next;
            match record.kind {
                kind::BOF => depth += 1,
                kind::EOF if depth == 0 => return Ok(()),
                kind::EOF => depth -= 1,
                _ if depth == 0 => take(&record)?,
                _ => {}
            }
        }
    }

    fn outline(&self, sheet: &SheetEntry) -> Result<Outline, ReadError> {
        let mut outline = Outline { ordered: true, ..Outline::default() };
        let mut last = None;
        self.each(sheet, |record| {
            let bytes = record.bytes;
            match record.kind {
                kind::ROW => {
                    // hidden, or of no height by hand
                    if let (Some(row), Some(height), Some(bits)) = (short(bytes, 0), short(bytes, 6), short(bytes, 12))
                        && (bits & 0x20 != 0 || bits & 0x40 != 0 && height & 0x7fff == 0)
                    {
                        outline.hidden_rows.insert(row.into());
                    }
                }
                kind::COLUMNS => {
                    if let (Some(first), Some(end), Some(width), Some(bits)) =
                        (short(bytes, 0), short(bytes, 2), short(bytes, 4), short(bytes, 8))
                        && (bits & 1 != 0 || width == 0)
                        && outline.hidden_columns.len() < HIDDEN_RANGES_MAX
                    {
                        outline.hidden_columns.push((first.into(), end.into()));
                    }
                }
                kind::MERGES => {
                    for range in bytes.get(2..).unwrap_or_default().chunks_exact(8).take(short(bytes, 0).unwrap_or(0).into()) {
                        let at = |at: usize| u32::from(u16::from_le_bytes([range[at], range[at + 1]]));
                        outline.merges.push(CellRange { top: at(0), bottom: at(2), left: at(4), right: at(6) });
                    }
                    if outline.merges.len() > MERGES_MAX {
                        return Err(too_many_merges().into());
                    }
                }
                _ => {
                    self.cells(record, |row, column, _, found| {
                        outline.ordered &= last.is_none_or(|last| last < (row, column));
                        last = Some((row, column));
                        outline.calculated |= kind::FORMULA.contains(&record.kind) && !matches!(found, Found::EmptyFormula);
                        Ok(())
                    })?;
                }
            }
            Ok(())
        })?;
        Ok(outline)
    }

    /// Calls `take` with the row, the column, the style and the content of each cell of a record. Blank cells are left out.
    fn cells(&self, record: &Record<'s>, mut take: impl FnMut(u32, u16, u16, Found<'s>) -> Result<(), ReadError>) -> Result<(), ReadError> {
        let bytes = record.bytes;
        let place = || Some((u32::from(short(bytes, 0)?), short(bytes, 2)?, short(bytes, 4)?));
        let rest = || bytes.get(6..).unwrap_or_default();
        let found = match record.kind {
            kind::NUMBER => f64_at(bytes, 6).map(Found::Number),
            kind::RK => long(bytes, 6).map(|rk| Found::Number(rk_number(rk))),
            kind::MANY_RK => {
                let (row, first) = (short(bytes, 0).ok_or_else(broken)?, short(bytes, 2).ok_or_else(broken)?);
                let cells = bytes.get(4..bytes.len().saturating_sub(2)).unwrap_or_default();
                for (cell, column) in cells.chunks_exact(6).zip(first..=u16::MAX) {
                    let (style, rk) = (u16::from_le_bytes([cell[0], cell[1]]), long(cell, 2).unwrap_or(0));
                    take(row.into(), column, style, Found::Number(rk_number(rk)))?;
                }
                return Ok(());
            }
            kind::SHARED => long(bytes, 6).map(Found::Shared),
            kind::LABEL => self.texts.long(rest()).map(|text| Found::Raw(Raw::Text(Cow::Owned(text)))),
            kind::RICH_LABEL => self.texts.rich_label(rest(), &self.struck_fonts).map(Found::Raw),
            kind::BOOL_OR_ERROR => {
                bytes.get(6).zip(bytes.get(7)).map(|(value, is_error)| Found::Raw(bool_or_error(*value, *is_error != 0)))
            }
            kind if kind::FORMULA.contains(&kind) => bytes.get(6..14).and_then(|result| match result {
                [0, .., 0xff, 0xff] => Some(Found::TextFollows),
                [1, _, value, .., 0xff, 0xff] => Some(Found::Raw(bool_or_error(*value, false))),
                [2, _, value, .., 0xff, 0xff] => Some(Found::Raw(bool_or_error(*value, true))),
                [3, .., 0xff, 0xff] => Some(Found::EmptyFormula),
                _ => {
                    let number = f64_at(bytes, 6)?;
                    let on_load = short(bytes, 14).is_some_and(|bits| bits & 2 != 0);
                    // the program that opens the file has to calculate it
                    Some(if number == 0.0 && on_load { Found::Raw(Raw::Uncalculated) } else { Found::Number(number) })
                }
            }),
            _ => return Ok(()),
        };
        let ((row, column, style), found) = place().zip(found).ok_or_else(broken)?;
        take(row, column, style, found)
    }

    /// The value of a cell as a person sees it; `None` = it is empty.
    fn shown(&self, style: u16, found: Found<'s>, uncalculated: bool) -> Result<Option<Raw<'s>>, ReadError> {
        let style = self.styles.get(usize::from(style));
        let is_struck = self.has_struck
            && (style.is_some_and(|style| style.struck) || matches!(&found, Found::Shared(index) if self.struck_strings.contains(index)));
        // a number has the words of its format already
        let is_text = !matches!(found, Found::Number(_));
        let raw = match found {
            Found::Number(number) => style.map_or(Raw::Number(number), |style| style.format.numbers.shown(number, self.date1904)),
            Found::Shared(index) => Raw::Text(Cow::Owned(self.string(index).ok_or_else(broken)?.to_owned())),
            Found::Raw(raw) => raw,
            Found::EmptyFormula if uncalculated => Raw::Uncalculated,
            Found::TextFollows | Found::EmptyFormula => return Ok(None),
        };
        let raw = match (raw, style) {
            (Raw::Text(text), Some(style)) if is_text => Raw::Text(style.text(text)),
            (raw, _) => raw,
        };
        Ok(finished(raw, is_struck))
    }
}

/// Writes the rows of a sheet.
struct RowWriter<'w, 's, W: Write> {
    limits: ReadLimits,
    hidden_rows: HashSet<u32>,
    /// From 0.
    row: Option<u32>,
    cells: Vec<(u16, Raw<'s>)>,
    out: &'w mut FrameWriter<W>,
}

impl<'s, W: Write> RowWriter<'_, 's, W> {
    fn write(mut self, book: &Book<'s>, sheet: &SheetEntry, ordered: bool, uncalculated: bool) -> Result<(), ReadError> {
        // cells out of order are put in order first; of two in one place the last counts
        let (mut unordered, mut unordered_bytes): (Vec<(u32, u16, Raw<'s>)>, usize) = (Vec::new(), 0);
        let mut take = |writer: &mut Self, row: u32, column: u16, raw: Raw<'s>| {
            if ordered {
                return writer.push(row, column, raw);
            }
            unordered_bytes += size_of::<(u32, u16, Raw<'_>)>() + raw.text_bytes();
            if unordered_bytes > UNORDERED_BYTES_MAX {
                let reason = format!("工作表“{}”的单元格没有按行列次序保存，数量过多", sheet.name);
                return Err(Refusal::new(reason, "请用Excel或WPS打开后另存为xlsx再导入").into());
            }
            unordered.push((row, column, raw));
            Ok(())
        };
        // the formula whose text comes in a later record
        let mut waiting: Option<(u32, u16, u16)> = None;
        let mut at = None;
        book.each(sheet, |record| {
            at = Some(record.next);
            if record.kind == kind::STRING {
                if let Some((row, column, style)) = waiting.take() {
                    let pieces = with_pieces(book.stream, record);
                    let text = book.texts.long_in(&pieces).ok_or_else(broken)?;
                    if let Some(raw) = book.shown(style, Found::Raw(Raw::Text(Cow::Owned(text))), uncalculated)? {
                        take(&mut self, row, column, raw)?;
                    }
                }
                return Ok(());
            }
            book.cells(record, |row, column, style, found| {
                if let Some((row, column, _)) = waiting.take() {
                    take(&mut self, row, column, Raw::Uncalculated)?;
                }
                if matches!(found, Found::TextFollows) {
                    waiting = Some((row, column, style));
                    return Ok(());
                }
                match book.shown(style, found, uncalculated)? {
                    Some(raw) => take(&mut self, row, column, raw),
                    None => Ok(()),
                }
            })
        })?;
        if let Some((row, column, _)) = waiting {
            take(&mut self, row, column, Raw::Uncalculated)?;
        }
        unordered.sort_by_key(|(row, column, _)| (*row, *column));
        let mut ordered = unordered.into_iter().peekable();
        while let Some((row, column, raw)) = ordered.next() {
            if ordered.peek().is_none_or(|(next_row, next_column, _)| (*next_row, *next_column) != (row, column)) {
                self.push(row, column, raw)?;
            }
        }
        self.end_row()
    }

    fn push(&mut self, row: u32, column: u16, raw: Raw<'s>) -> Result<(), ReadError> {
        let ReadLimits { rows_max, columns_max, .. } = self.limits;
        if row >= rows_max || u32::from(column) >= columns_max {
            let reason = format!("第{}行第{}列有内容，超出{rows_max}行、{columns_max}列的限度", row + 1, u32::from(column) + 1);
            return Err(Refusal::new(reason, "请删除表格之外的零散内容后再导入").into());
        }
        if self.row != Some(row) {
            self.end_row()?;
            self.row = Some(row);
        }
        self.cells.push((column, raw));
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ReadError> {
        let Some(row) = self.row.take() else { return Ok(()) };
        let mut row = RawRow { number: row + 1, hidden: self.hidden_rows.contains(&row), cells: std::mem::take(&mut self.cells) };
        self.out.row(&mut row)?;
        self.cells = row.cells;
        self.cells.clear();
        Ok(())
    }
}

fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A number in four bytes: a whole one, or the upper half of a floating one, perhaps times a hundred.
pub(crate) fn rk_number(rk: u32) -> f64 {
    let number = if rk & 2 != 0 { f64::from(rk as i32 >> 2) } else { f64::from_bits(u64::from(rk & !3) << 32) };
    if rk & 1 != 0 { number / 100.0 } else { number }
}

/// A truth or an error by its byte.
pub(crate) fn bool_or_error(value: u8, is_error: bool) -> Raw<'static> {
    if !is_error {
        return Raw::Bool(value != 0);
    }
    let code = match value {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0f => "#VALUE!",
        0x17 => "#REF!",
        0x1d => "#NAME?",
        0x24 => "#NUM!",
        0x2b => "#GETTING_DATA",
        _ => "#N/A",
    };
    Raw::Error(Cow::Borrowed(code))
}
