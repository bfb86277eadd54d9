//! Reads one sheet. Hidden columns come before the rows and merged ranges behind them, and both have to be known before the first row is
//! written, so the rows are spilled meanwhile. Those of a very long sheet are skipped and read once more.

use crate::domain::intake::merges::MERGES_MAX;
use crate::domain::intake::raw::{CellRange, Raw};
use crate::source::bounds::{HIDDEN_RANGES_MAX, RowBudget, into_bounded, too_many_merges};
use crate::source::cell_style::CellStyle;
use crate::source::frame::{FrameWriter, Value};
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::shared_strings::SharedStrings;
use crate::source::xlsx::fault::{Fault, SheetFault, broken};
use crate::source::xlsx::parts::page_texts;
use crate::source::xlsx::shared_strings::Runs;
use crate::source::xlsx::spill::RowSpill;
use crate::source::xlsx::tags::{Tags, attributes, cell_text, is_empty, name, unescape};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::ops::Range;

/// What comes before and behind the rows of a sheet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SheetOutline {
    pub merges: Vec<CellRange>,
    /// First and last column (from 0).
    pub hidden_columns: Vec<(u32, u32)>,
    /// The texts of the heads and feet of its printed pages.
    pub page_texts: Vec<String>,
}

/// Reads a sheet. Its rows are spilled where there is room; `None` = they have to be read once more.
///
/// # Errors
/// The sheet is damaged or outside the limits.
pub fn scan(
    part: impl Read,
    context: CellContext<'_>,
    budget: &mut RowBudget,
    spill: &mut RowSpill,
) -> Result<(SheetOutline, Option<Range<u64>>), SheetFault> {
    let mut tags = Tags::new(part);
    let mut outline = SheetOutline::default();
    let (mut has_root, mut closed) = (false, false);
    let mut rows = None;
    let mut data = false;
    while let Some(piece) = tags.next()? {
        match name(piece.tag) {
            b"worksheet" => has_root = true,
            b"/worksheet" => closed = true,
            other if !has_root && !other.starts_with(b"?") => return Err(broken("工作表的部件不是工作表").into()),
            b"col" => {
                let get = |key: &[u8]| attributes(piece.tag).find(|(found, _)| *found == key).map(|(_, value)| value);
                let hidden = get(b"hidden").is_some_and(is_true) || get(b"width").is_some_and(is_zero);
                if outline.hidden_columns.len() >= HIDDEN_RANGES_MAX {
                    return Err(broken("隐藏列的范围过多").into());
                }
                if let (true, Some(first), Some(last)) = (hidden, get(b"min").and_then(digits), get(b"max").and_then(digits)) {
                    outline.hidden_columns.push((first.saturating_sub(1), last.saturating_sub(1)));
                }
            }
            b"sheetData" => {
                data = true;
                let start = spill.end();
                let mut blocks = FrameWriter::new(&mut *spill);
                // without room the rows are read once more: the file is not at fault
                if (is_empty(piece.tag) || copy_rows(&mut tags, context, budget, &mut blocks)?.is_ok()) && blocks.into_inner().is_ok() {
                    rows = Some(start..spill.end());
                } else {
                    spill.truncate(start);
                    while tags.next()?.is_some_and(|piece| name(piece.tag) != b"/sheetData") {}
                }
            }
            b"/oddHeader" | b"/oddFooter" | b"/evenHeader" | b"/evenFooter" | b"/firstHeader" | b"/firstFooter" => {
                outline.page_texts.extend(page_texts(&unescape(piece.text)?));
            }
            b"mergeCell" => {
                if let Some((_, range)) = attributes(piece.tag).find(|(key, _)| *key == b"ref") {
                    outline.merges.push(merge(range).ok_or_else(|| broken("合并单元格的范围有误"))?);
                }
                if outline.merges.len() > MERGES_MAX {
                    return Err(SheetFault::Refused(too_many_merges()));
                }
            }
            _ => {}
        }
    }
    match (data, closed) {
        (true, true) => Ok((outline, rows)),
        // the merged ranges at the end may be missing
        (true, false) => Err(broken("工作表不完整").into()),
        (false, _) => Err(broken("工作表没有数据部分").into()),
    }
}

/// What the workbook determines about its cells.
#[derive(Clone, Copy)]
pub struct CellContext<'a> {
    pub strings: &'a SharedStrings,
    /// How many of the strings the parent has: rows refer to them by number.
    pub strings_sent: usize,
    pub styles: &'a [CellStyle],
    /// Some style or string is struck out, or puts words around a text; in nearly every workbook none does.
    pub changes_texts: bool,
    /// The strings of which nothing can be seen.
    pub blank_strings: &'a HashSet<u32>,
    /// The strings that are struck out altogether.
    pub struck_strings: &'a HashSet<u32>,
    pub date1904: bool,
    /// The program that wrote the file did not calculate its formulas: a formula with the value 0 has none.
    pub uncalculated: bool,
    pub limits: ReadLimits,
}

/// The row being read.
struct Row {
    /// From 1.
    number: u32,
    /// The same in digits.
    digits: String,
    hidden: bool,
    /// The column (from 0) of the last cell with content.
    last: Option<u32>,
    /// Cells with content, and bytes of their texts.
    cells: usize,
    text_bytes: usize,
}

/// The tag of a cell.
#[derive(Clone, Copy, Debug, Default)]
struct CellTag {
    column: u32,
    kind: CellKind,
    style: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CellKind {
    #[default]
    Number,
    Shared,
    /// A formula with a text as its value.
    Text,
    Inline,
    Bool,
    Error,
    /// An ISO 8601 date.
    Iso,
}

/// Reads a sheet once more and writes its rows as frames.
///
/// # Errors
/// The sheet is damaged, or the parent is gone.
pub fn write_rows(
    part: impl Read,
    context: CellContext<'_>,
    budget: &mut RowBudget,
    out: &mut FrameWriter<impl Write>,
) -> Result<(), SheetFault> {
    let mut tags = Tags::new(part);
    while let Some(piece) = tags.next()? {
        if name(piece.tag) == b"sheetData" {
            if is_empty(piece.tag) {
                return Ok(());
            }
            break;
        }
    }
    copy_rows(&mut tags, context, budget, out)?.map_err(SheetFault::Out)
}

/// Writes each row that has cells, up to `</sheetData>`. Returns why `out` could not be written.
fn copy_rows(
    tags: &mut Tags<impl Read>,
    context: CellContext<'_>,
    budget: &mut RowBudget,
    out: &mut FrameWriter<impl Write>,
) -> Result<std::io::Result<()>, SheetFault> {
    let mut row = Row { number: 0, digits: "0".to_owned(), hidden: false, last: None, cells: 0, text_bytes: 0 };
    let mut next_column = 0;
    let mut tag = CellTag::default();
    let mut value: Option<Value<'static>> = None;
    let mut formula = false;
    let mut inline = String::new();
    let mut runs = Runs::default();
    loop {
        // nearly every cell is a plain value
        while let Some(plain) = tags.plain_cell() {
            let tag = CellTag {
                column: row.column(plain.reference)?,
                kind: plain.kind.map_or(Ok(CellKind::Number), kind_of)?,
                style: plain.style.and_then(digits).unwrap_or(0) as usize,
            };
            next_column = tag.column + 1;
            let found = match plain.is_inline {
                true => Some(cell_text(plain.value)?).filter(|text| !text.is_empty()).map(inline_text),
                false => read_value(tag, plain.value, context)?,
            };
            let found = if context.changes_texts { found.map(|found| seen(found, tag, context)) } else { found };
            row.write(tag.column, found, context, out)?;
        }
        let Some(piece) = tags.next()? else { return Err(broken("工作表不完整").into()) };
        match name(piece.tag) {
            b"c" => {
                tag = open_cell(piece.tag, row.number, next_column)?;
                next_column = tag.column + 1;
                if is_empty(piece.tag) {
                    continue;
                }
                value = None;
                formula = false;
                inline.clear();
            }
            b"/v" if value.is_some() => return Err(broken("一个单元格有两个值").into()),
            b"/v" => value = read_value(tag, piece.text, context)?.map(Value::into_owned),
            b"f" => formula = true,
            b"r" | b"strike" | b"rPh" | b"/rPh" | b"/t" if tag.kind == CellKind::Inline => runs.take(&piece, &mut inline)?,
            b"/c" => {
                let is_struck = tag.kind == CellKind::Inline && runs.end(&mut inline);
                let found = match value.take() {
                    _ if is_struck => Some(Value::Inline(Raw::Struck(into_bounded(Cow::Owned(std::mem::take(&mut inline)))))),
                    // a program that writes both repeats the text as the value
                    _ if !inline.is_empty() => Some(inline_text(Cow::Owned(std::mem::take(&mut inline)))),
                    Some(Value::Inline(Raw::Number(0.0))) if formula && context.uncalculated => Some(Value::Inline(Raw::Uncalculated)),
                    Some(found) => Some(found),
                    // a formula with an empty text as its value is calculated, unless the program has calculated none
                    None if formula && (tag.kind != CellKind::Text || context.uncalculated) => Some(Value::Inline(Raw::Uncalculated)),
                    None => None,
                };
                let found = if context.changes_texts { found.map(|found| seen(found, tag, context)) } else { found };
                row.write(tag.column, found, context, out)?;
            }
            b"row" => {
                let (number, hidden) = open_row(piece.tag, row.number)?;
                if number > context.limits.rows_max {
                    return Err(outside_limits(number, 1, context.limits));
                }
                row.begin(number, hidden);
                next_column = 0;
            }
            b"/row" if row.cells > 0 => {
                budget.take(row.number, row.cells, row.text_bytes).map_err(SheetFault::Refused)?;
                let written = out.end_row(row.number, row.hidden);
                if written.is_err() {
                    return Ok(written);
                }
                (row.last, row.cells, row.text_bytes) = (None, 0, 0);
            }
            b"/sheetData" => return Ok(Ok(())),
            _ => {}
        }
    }
}

/// A text of the cell itself.
fn inline_text(text: Cow<'_, str>) -> Value<'_> {
    Value::Inline(Raw::Text(into_bounded(text)))
}

impl Row {
    fn begin(&mut self, number: u32, hidden: bool) {
        self.number = number;
        self.hidden = hidden;
        self.digits = number.to_string();
    }

    /// The column (from 0) of a cell by its reference, which has to name this row.
    fn column(&self, place: &[u8]) -> Result<u32, Fault> {
        // nearly every program writes capital letters and the plain number
        if let Some(letters @ [_] | letters @ [_, _]) = place.strip_suffix(self.digits.as_bytes())
            && letters.iter().all(u8::is_ascii_uppercase)
        {
            return Ok(column_of(letters));
        }
        column_in(self.number, place)
    }

    /// Writes a cell; an empty one is left out.
    fn write(
        &mut self,
        column: u32,
        value: Option<Value<'_>>,
        context: CellContext<'_>,
        out: &mut FrameWriter<impl Write>,
    ) -> Result<(), SheetFault> {
        let Some(value) = value else { return Ok(()) };
        if column >= context.limits.columns_max {
            let is_blank = match &value {
                Value::Shared(index) => context.blank_strings.contains(index),
                Value::Inline(raw) => raw.is_blank(),
            };
            // a space far away is no content
            return if is_blank { Ok(()) } else { Err(outside_limits(self.number, column + 1, context.limits)) };
        }
        if self.last.is_some_and(|last| last >= column) {
            return Err(broken(format!("第{}行的单元格重复或次序颠倒", self.number)).into());
        }
        self.last = Some(column);
        self.cells += 1;
        self.text_bytes += match &value {
            Value::Shared(index) => context.strings.len_of(*index).unwrap_or_default(),
            Value::Inline(raw) => raw.text_bytes(),
        };
        out.cell(column as u16, &value);
        Ok(())
    }
}

/// The refusal of a cell outside the limits. Row and column from 1.
fn outside_limits(row: u32, column: u32, limits: ReadLimits) -> SheetFault {
    SheetFault::Refused(Refusal::new(
        format!("第{row}行第{column}列有内容，超出{}行、{}列的限度", limits.rows_max, limits.columns_max),
        "请删除表格之外的零散内容后再导入",
    ))
}

/// The number of a row (from 1) and whether it is hidden. A row without a number follows the previous one.
fn open_row(tag: &[u8], previous: u32) -> Result<(u32, bool), Fault> {
    let mut number = previous + 1;
    let mut hidden = false;
    for (key, value) in attributes(tag) {
        match key {
            b"r" => number = digits(value).ok_or_else(|| broken("行号有误"))?,
            b"hidden" => hidden |= is_true(value),
            b"ht" => hidden |= is_zero(value),
            _ => {}
        }
    }
    if number <= previous {
        return Err(broken(format!("第{number}行重复或次序颠倒")));
    }
    Ok((number, hidden))
}

fn open_cell(tag: &[u8], row: u32, next_column: u32) -> Result<CellTag, Fault> {
    let mut cell = CellTag { column: next_column, ..CellTag::default() };
    for (key, value) in attributes(tag) {
        match key {
            b"r" => cell.column = column_in(row, value)?,
            b"s" => cell.style = digits(value).unwrap_or(0) as usize,
            b"t" => cell.kind = kind_of(value)?,
            _ => {}
        }
    }
    Ok(cell)
}

fn kind_of(value: &[u8]) -> Result<CellKind, Fault> {
    Ok(match value {
        b"n" => CellKind::Number,
        b"s" => CellKind::Shared,
        b"str" => CellKind::Text,
        b"inlineStr" => CellKind::Inline,
        b"b" => CellKind::Bool,
        b"e" => CellKind::Error,
        b"d" => CellKind::Iso,
        _ => return Err(broken("单元格类型有误")),
    })
}

/// The column (from 0) of a cell by its reference, which has to name the row it is in.
fn column_in(row: u32, place: &[u8]) -> Result<u32, Fault> {
    let (found, column) = reference(place).ok_or_else(|| broken("单元格位置有误"))?;
    if found != row {
        return Err(broken(format!("第{row}行内有第{found}行的单元格")));
    }
    Ok(column)
}

/// The value of a cell; `None` = it is empty.
fn read_value<'t>(tag: CellTag, text: &'t [u8], context: CellContext<'t>) -> Result<Option<Value<'t>>, SheetFault> {
    let text = if tag.kind == CellKind::Text { text } else { text.trim_ascii() };
    if text.is_empty() {
        return Ok(None);
    }
    let read = |text: &'t [u8]| -> Result<Cow<'t, str>, Fault> { Ok(into_bounded(cell_text(text)?)) };
    Ok(Some(Value::Inline(match tag.kind {
        CellKind::Shared => {
            let found = digits(text).and_then(|index| Some((index, context.strings.len_of(index)?)));
            let (index, length) = found.ok_or_else(|| broken("共享字符串的序号有误"))?;
            if length == 0 {
                return Ok(None);
            }
            if (index as usize) < context.strings_sent {
                return Ok(Some(Value::Shared(index)));
            }
            Raw::Text(Cow::Borrowed(context.strings.get(index).unwrap_or_default()))
        }
        CellKind::Number => {
            // nearly every number is a short whole one
            let number = digits(text).map(f64::from).or_else(|| std::str::from_utf8(text).ok()?.parse().ok());
            match (number, context.styles.get(tag.style)) {
                // a text that is no number is read as text
                (None, _) => Raw::Text(read(text)?),
                (Some(number), Some(style)) => style.format.numbers.shown(number, context.date1904),
                (Some(number), None) => Raw::Number(number),
            }
        }
        CellKind::Text | CellKind::Iso | CellKind::Inline => Raw::Text(read(text)?),
        CellKind::Bool => match text.to_ascii_lowercase().as_slice() {
            b"1" | b"true" => Raw::Bool(true),
            b"0" | b"false" => Raw::Bool(false),
            _ => Raw::Text(read(text)?),
        },
        CellKind::Error => Raw::Error(read(text)?),
    })))
}

/// A value as a person sees it, by its style and its string.
fn seen<'t>(value: Value<'t>, tag: CellTag, context: CellContext<'t>) -> Value<'t> {
    let style = context.styles.get(tag.style);
    let is_struck =
        style.is_some_and(|style| style.struck) || matches!(&value, Value::Shared(index) if context.struck_strings.contains(index));
    // a number has the words of its format already
    let is_text = matches!(tag.kind, CellKind::Shared | CellKind::Text | CellKind::Inline);
    let worded = style.filter(|style| is_text && style.format.texts.is_some());
    let text = match (&value, worded) {
        (Value::Shared(index), _) if is_struck || worded.is_some() => Cow::Borrowed(context.strings.get(*index).unwrap_or_default()),
        (Value::Inline(Raw::Text(text)), Some(_)) => text.clone(),
        (Value::Inline(raw), _) if is_struck && !raw.is_blank() => Cow::Owned(raw.display().into_owned()),
        _ => return value,
    };
    let text = into_bounded(worded.map_or_else(|| text.clone(), |style| style.text(text.clone())));
    Value::Inline(if is_struck { Raw::Struck(text) } else { Raw::Text(text) })
}

fn is_true(value: &[u8]) -> bool {
    matches!(value, b"1" | b"true" | b"on")
}

/// Whether a height or a width is none, so that nothing can be seen.
fn is_zero(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|value| value.parse() == Ok(0.0))
}

/// A number of at most nine digits.
fn digits(value: &[u8]) -> Option<u32> {
    if value.is_empty() || value.len() > 9 {
        return None;
    }
    value.iter().try_fold(0u32, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

/// Row (from 1) and column (from 0) of a reference: `AB12` → 12, 27.
fn reference(value: &[u8]) -> Option<(u32, u32)> {
    let letters = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if letters == 0 || letters > 4 {
        return None;
    }
    Some((digits(&value[letters..])?, column_of(&value[..letters])))
}

/// The column (from 0) of some letters.
fn column_of(letters: &[u8]) -> u32 {
    letters.iter().fold(0u32, |column, byte| column * 26 + u32::from(byte.to_ascii_uppercase() - b'A') + 1) - 1
}

/// The range of `A1:B2`, or of one cell.
fn merge(range: &[u8]) -> Option<CellRange> {
    let at = range.iter().position(|byte| *byte == b':');
    let (first, last) = match at {
        Some(at) => (reference(&range[..at])?, reference(&range[at + 1..])?),
        None => (reference(range)?, reference(range)?),
    };
    Some(CellRange { top: first.0.checked_sub(1)?, left: first.1, bottom: last.0.checked_sub(1)?, right: last.1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::intake::raw::RawRow;
    use crate::source::confinement::ConfinementLevel;
    use crate::source::frame::{Block, Frame};
    use crate::source::frame_reader::{FrameReader, Received};
    use std::sync::Arc;

    #[test]
    fn references_are_rows_and_columns() {
        assert_eq!(reference(b"A1"), Some((1, 0)));
        assert_eq!(reference(b"XFD1048576"), Some((1_048_576, 16_383)));
        assert_eq!(reference(b"1A"), None);
        assert_eq!(merge(b"B2:C4"), Some(CellRange { top: 1, left: 1, bottom: 3, right: 2 }));
    }

    const LIMITS: ReadLimits = ReadLimits { file_mib_max: 1, memory_mib: 64, seconds: 9, rows_max: 100, columns_max: 100 };

    /// Spilled rows and rows read once more are the same, and so are shared strings by number and in full.
    #[test]
    fn every_way_of_reading_a_sheet_gives_the_same_rows() {
        let (strings, struck_strings) =
            crate::source::xlsx::shared_strings::read("<sst><si><t>贵阳</t></si><si/><si><t>遵义</t></si></sst>".as_bytes()).unwrap();
        let part = "<?xml version=\"1.0\"?><worksheet><cols><col min=\"2\" max=\"3\" hidden=\"1\"/></cols><sheetData>\
            <row r=\"1\"><c r=\"A1\" t=\"s\"><v>2</v></c><c r=\"B1\" t=\"s\"><v>1</v></c><c r=\"C1\"><v>2.5</v></c></row>\
            <row r=\"4\" hidden=\"1\"><c r=\"A4\" t=\"inlineStr\"><is><t>安&amp;顺</t></is></c><c t=\"s\"><v>0</v></c><c r=\"D4\"><f>1+1</f></c></row>\
            </sheetData><mergeCells><mergeCell ref=\"A1:A4\"/></mergeCells></worksheet>";
        let read = |strings_sent: usize, spilled: bool| -> Vec<RawRow<'static>> {
            let context = CellContext {
                strings: &strings,
                strings_sent,
                styles: &[],
                changes_texts: false,
                struck_strings: &struck_strings,
                blank_strings: &HashSet::new(),
                date1904: false,
                uncalculated: false,
                limits: LIMITS,
            };
            let (mut spill, mut budget) = (RowSpill::new(None), RowBudget::of_file(0));
            let (outline, rows) = scan(part.as_bytes(), context, &mut budget, &mut spill).ok().unwrap();
            assert_eq!((outline.merges, outline.hidden_columns), (vec![CellRange { top: 0, left: 0, bottom: 3, right: 0 }], vec![(1, 2)]));
            let mut out = FrameWriter::new(Vec::new());
            out.level(ConfinementLevel::Full).unwrap();
            match rows.filter(|_| spilled) {
                Some(rows) => spill.read(rows, |blocks| out.blocks(blocks)).unwrap(),
                None => write_rows(part.as_bytes(), context, &mut budget, &mut out).ok().unwrap(),
            }
            let bytes = out.into_inner().unwrap();
            let mut reader = FrameReader::new(bytes.as_slice());
            reader.read_block().unwrap();
            let Some(Received::Frames(bytes)) = reader.read_block().unwrap() else { panic!("no frames") };
            let mut known = if strings_sent > 0 { strings.clone() } else { SharedStrings::default() };
            known.hash();
            let block = Block { bytes, strings: Arc::new(known), columns_max: 100 };
            let rows = block.frames().map(|frame| match frame.unwrap() {
                Frame::Row(row) => {
                    let RawRow { number, hidden, cells } = row.unpack().unwrap();
                    let owned = |raw: Raw<'_>| match raw {
                        Raw::Text(text) => Raw::Text(Cow::Owned(text.into_owned())),
                        Raw::Number(number) => Raw::Number(number),
                        Raw::Uncalculated => Raw::Uncalculated,
                        other => panic!("{other:?}"),
                    };
                    RawRow { number, hidden, cells: cells.into_iter().map(|(column, raw)| (column, owned(raw))).collect() }
                }
                Frame::Sheet(_) => panic!("a sheet"),
            });
            rows.collect()
        };
        let text = |text: &'static str| Raw::Text(text.into());
        let expected = [
            RawRow { number: 1, hidden: false, cells: vec![(0, text("遵义")), (2, Raw::Number(2.5))] },
            RawRow { number: 4, hidden: true, cells: vec![(0, text("安&顺")), (1, text("贵阳")), (3, Raw::Uncalculated)] },
        ];
        for (strings_sent, spilled) in [(3, true), (3, false), (1, true), (0, true), (0, false)] {
            assert_eq!(read(strings_sent, spilled), expected, "{strings_sent} strings sent, spilled {spilled}");
        }
    }
}
