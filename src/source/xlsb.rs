//! Reads xlsb files (MS-XLSB): a zip package whose parts are records instead of XML. A sheet is read twice: first what is around its rows, then the
//! rows.

use crate::domain::intake::merges::MERGES_MAX;
use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::source::bounds::{HIDDEN_RANGES_MAX, SHEETS_MAX, too_many_merges, too_many_sheets};
use crate::source::cell_style::{CellFormat, CellStyle, finished};
use crate::source::compound::{long, short};
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use crate::source::xls::{bool_or_error, rk_number};
use crate::source::xls_text::RichText;
use crate::source::xlsx::fault::{Fault, SheetFault, broken};
use crate::source::xlsx::parts::{PartKind, Relations, relations};
use crate::source::xlsx::reader::{entry_name, main_part};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read, Seek, Write};
use zip::ZipArchive;

/// Kinds of records.
mod kind {
    pub const ROW: u32 = 0;
    pub const RK: u32 = 2;
    pub const ERROR: u32 = 3;
    pub const BOOL: u32 = 4;
    pub const REAL: u32 = 5;
    pub const TEXT: u32 = 6;
    pub const SHARED: u32 = 7;
    pub const FORMULA_TEXT: u32 = 8;
    pub const FORMULA_NUMBER: u32 = 9;
    pub const FORMULA_BOOL: u32 = 10;
    pub const FORMULA_ERROR: u32 = 11;
    pub const STRING: u32 = 19;
    pub const FONT: u32 = 43;
    pub const FORMAT: u32 = 44;
    pub const STYLE: u32 = 47;
    pub const COLUMNS: u32 = 60;
    pub const RICH_TEXT: u32 = 62;
    pub const WORKBOOK: u32 = 153;
    pub const SHEET: u32 = 156;
    pub const CALCULATION: u32 = 157;
    pub const MERGE: u32 = 176;
    pub const CELL_STYLES: u32 = 617;
    pub const CELL_STYLES_END: u32 = 618;
}

/// The longest record: a text of a cell, with its fonts.
const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// The records of a part.
struct Records<R> {
    from: BufReader<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Records<R> {
    /// The kind and the bytes of the next record; `None` at the end.
    fn next(&mut self) -> Result<Option<(u32, &[u8])>, Fault> {
        let Some(first) = self.byte()? else { return Ok(None) };
        let cut = || broken("部件在记录中间中断");
        let mut kind = u32::from(first);
        if first & 0x80 != 0 {
            kind = (kind & 0x7f) | u32::from(self.byte()?.ok_or_else(cut)?) << 7;
        }
        let mut length = 0usize;
        for place in 0..4 {
            let byte = self.byte()?.ok_or_else(cut)?;
            length |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length > RECORD_BYTES_MAX {
            // what is so long is no cell
            std::io::copy(&mut self.from.by_ref().take(length as u64), &mut std::io::sink()).map_err(Fault::Io)?;
            length = 0;
        }
        self.bytes.resize(length, 0);
        self.from.read_exact(&mut self.bytes).map_err(Fault::Io)?;
        Ok(Some((kind, &self.bytes)))
    }

    fn byte(&mut self) -> Result<Option<u8>, Fault> {
        let mut byte = [0];
        Ok((self.from.read(&mut byte).map_err(Fault::Io)? == 1).then_some(byte[0]))
    }
}

fn open<'a, F: Read + Seek>(archive: &'a mut ZipArchive<F>, name: &str) -> Result<Records<impl Read + 'a>, Fault> {
    let found = entry_name(archive, name).ok_or_else(|| broken(format!("部件{name}在文件中缺失")))?;
    let part = archive.by_name(&found).map_err(|error| Fault::Io(error.into()))?;
    Ok(Records { from: BufReader::new(part), bytes: Vec::new() })
}

struct SheetEntry {
    name: String,
    visible: bool,
    relation: String,
}

#[derive(Default)]
struct Book {
    sheets: Vec<SheetEntry>,
    date1904: bool,
    uncalculated: bool,
    struck_fonts: Vec<bool>,
    styles: Vec<CellStyle>,
    has_struck: bool,
    strings: String,
    ends: Vec<u32>,
    struck_strings: HashSet<u32>,
}

#[derive(Default)]
struct Outline {
    merges: Vec<CellRange>,
    hidden_columns: Vec<(u32, u32)>,
}

/// # Errors
/// The file is refused, or the parent is gone.
pub(crate) fn read<F: Read + Seek>(file: F, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut archive = ZipArchive::new(file).map_err(|error| SheetFault::Part(Fault::Io(error.into())))?;
    let (book, relations) = Book::read(&mut archive).map_err(SheetFault::Part)?;
    let mut parts = Vec::new();
    let mut named = HashSet::new();
    for sheet in &book.sheets {
        let part = match relations.get(&sheet.relation) {
            Some((PartKind::Sheet, name)) if entry_name(&archive, name).is_some() => Some(name),
            Some((kind, _)) if *kind != PartKind::Sheet => None,
            _ => {
                parts.push((sheet, None, Outline::default()));
                continue;
            }
        };
        let Some(part) = part else { continue };
        if !named.insert(part.to_ascii_lowercase()) {
            return Err(SheetFault::Part(broken(format!("工作表“{}”与另一张工作表是同一个部件", sheet.name))).into());
        }
        let outline = if sheet.visible { outline(open(&mut archive, part).map_err(SheetFault::Part)?)? } else { Outline::default() };
        parts.push((sheet, Some(part), outline));
    }
    if let Some((sheet, ..)) = parts.first().filter(|_| parts.iter().all(|(_, part, _)| part.is_none())) {
        return Err(SheetFault::Part(broken(format!("工作表“{}”在文件中缺失", sheet.name))).into());
    }
    for (sheet, part, Outline { merges, hidden_columns }) in parts {
        let (name, visible, days_from_1904) = (sheet.name.as_str(), sheet.visible, book.date1904);
        out.sheet(Sheet { name, visible, missing: part.is_none(), merges, hidden_columns, days_from_1904, ..Sheet::default() })?;
        if let Some(part) = part.filter(|_| visible) {
            book.write_rows(open(&mut archive, part).map_err(SheetFault::Part)?, limits, out)?;
        }
    }
    Ok(())
}

impl Book {
    fn read<F: Read + Seek>(archive: &mut ZipArchive<F>) -> Result<(Book, Relations), Fault> {
        let main = main_part(archive)?.unwrap_or_else(|| "xl/workbook.bin".to_owned());
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let folders: Vec<&str> = folder.split('/').filter(|folder| !folder.is_empty()).collect();
        let mut book = Book::default();
        let mut records = open(archive, &main)?;
        while let Some((kind, bytes)) = records.next()? {
            match kind {
                kind::WORKBOOK => book.date1904 = long(bytes, 0).is_some_and(|bits| bits & 1 != 0),
                kind::CALCULATION => book.uncalculated = short(bytes, 24).is_some_and(|bits| bits & 1 != 0),
                kind::SHEET => {
                    let mut rest = bytes.get(8..).unwrap_or_default();
                    let (relation, name) = (take_text(&mut rest), take_text(&mut rest));
                    let visible = long(bytes, 0) == Some(0);
                    book.sheets.push(SheetEntry {
                        name: name.ok_or_else(|| broken("工作表没有名称"))?,
                        visible,
                        relation: relation.unwrap_or_default(),
                    });
                    if book.sheets.len() > SHEETS_MAX {
                        return Err(broken(too_many_sheets().reason));
                    }
                }
                _ => {}
            }
        }
        drop(records);
        let name = folders.iter().copied().chain(["_rels", &format!("{file}.rels")]).collect::<Vec<_>>().join("/");
        let found = entry_name(archive, &name).ok_or_else(|| broken(format!("部件{name}在文件中缺失")))?;
        let relations = relations(archive.by_name(&found).map_err(|error| Fault::Io(error.into()))?, &folders)?;
        for wanted in [PartKind::Styles, PartKind::SharedStrings] {
            let declared = relations.values().find(|(kind, name)| *kind == wanted && entry_name(archive, name).is_some());
            let Some((_, name)) = declared else { continue };
            let records = open(archive, name)?;
            match wanted {
                PartKind::Styles => book.read_styles(records)?,
                _ => book.read_strings(records)?,
            }
        }
        book.has_struck = !book.struck_strings.is_empty() || book.styles.iter().any(|style| style.struck);
        Ok((book, relations))
    }

    fn read_styles(&mut self, mut records: Records<impl Read>) -> Result<(), Fault> {
        let mut formats: HashMap<u16, CellFormat> = HashMap::new();
        let mut in_cells = false;
        while let Some((kind, bytes)) = records.next()? {
            match kind {
                kind::FORMAT => {
                    let mut rest = bytes.get(2..).unwrap_or_default();
                    if let (Some(id), Some(code)) = (short(bytes, 0), take_text(&mut rest)) {
                        formats.insert(id, CellFormat::parse(&code));
                    }
                }
                kind::FONT => self.struck_fonts.push(short(bytes, 2).is_some_and(|bits| bits & 8 != 0)),
                kind::CELL_STYLES => in_cells = true,
                kind::CELL_STYLES_END => in_cells = false,
                kind::STYLE if in_cells => {
                    let (format, font) = (short(bytes, 2).unwrap_or(0), short(bytes, 4).unwrap_or(0));
                    self.styles.push(CellStyle {
                        format: formats.get(&format).cloned().unwrap_or_else(|| CellFormat::built_in(format.into())),
                        struck: self.struck_fonts.get(usize::from(font)).copied().unwrap_or(false),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_strings(&mut self, mut records: Records<impl Read>) -> Result<(), Fault> {
        while let Some((kind, bytes)) = records.next()? {
            if kind != kind::STRING {
                continue;
            }
            let text = rich_text(bytes).ok_or_else(|| broken("共享字符串有误"))?;
            if text.push_to(&mut self.strings, &self.struck_fonts) {
                self.struck_strings.insert(self.ends.len() as u32);
            }
            self.ends.push(u32::try_from(self.strings.len()).map_err(|_| broken("文字总量超过4GB"))?);
        }
        Ok(())
    }

    fn string(&self, index: u32) -> Option<&str> {
        let index = index as usize;
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? as usize };
        self.strings.get(start..*self.ends.get(index)? as usize)
    }

    fn write_rows(&self, mut records: Records<impl Read>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
        let ReadLimits { rows_max, columns_max, .. } = limits;
        let mut row: RawRow<'_> = RawRow { number: 0, hidden: false, cells: Vec::new() };
        while let Some((kind, bytes)) = records.next().map_err(SheetFault::Part)? {
            if kind == kind::ROW {
                let number = long(bytes, 0).ok_or_else(|| SheetFault::Part(broken("行号有误")))?;
                if !row.cells.is_empty() {
                    out.row(&mut row)?;
                    row.cells.clear();
                }
                if number < row.number {
                    return Err(SheetFault::Part(broken(format!("第{}行重复或次序颠倒", number.saturating_add(1)))).into());
                }
                (row.number, row.hidden) = (number.saturating_add(1), is_hidden_row(bytes));
                continue;
            }
            let Some(raw) = self.cell(kind, bytes).map_err(SheetFault::Part)? else { continue };
            let column = long(bytes, 0).unwrap_or(u32::MAX);
            // a space far away is no content
            if column >= columns_max && raw.is_blank() {
                continue;
            }
            if row.number > rows_max || column >= columns_max {
                let reason = format!("第{}行第{}列有内容，超出{rows_max}行、{columns_max}列的限度", row.number, column.saturating_add(1));
                return Err(Refusal::new(reason, "请删除表格之外的零散内容后再导入").into());
            }
            if row.number == 0 || row.cells.last().is_some_and(|(last, _)| u32::from(*last) >= column) {
                return Err(SheetFault::Part(broken(format!("第{}行的单元格重复或次序颠倒", row.number))).into());
            }
            row.cells.push((column as u16, raw));
        }
        if row.cells.is_empty() { Ok(()) } else { out.row(&mut row) }
    }

    /// The value of a cell as a person sees it; `None` = it is empty, or the record is none of a cell.
    fn cell(&self, kind: u32, bytes: &[u8]) -> Result<Option<Raw<'static>>, Fault> {
        let style = self.styles.get(long(bytes, 4).unwrap_or(0) as usize & 0x00ff_ffff);
        let mut is_struck = self.has_struck && style.is_some_and(|style| style.struck);
        let value = bytes.get(8..).unwrap_or_default();
        let mut behind_text = value;
        let text = take_text(&mut behind_text);
        // a formula that has to be calculated by the program that opens the file: its result is none
        let is_uncalculated = |bits_at: &[u8]| self.uncalculated || short(bits_at, 0).is_some_and(|bits| bits & 2 != 0);
        let number = |number: f64| style.map_or(Raw::Number(number), |style| style.format.numbers.shown(number, self.date1904));
        let byte = || value.first().copied();
        let raw = match kind {
            kind::RK => long(value, 0).map(|rk| number(rk_number(rk))),
            kind::REAL => f64_at(value).map(number),
            kind::FORMULA_NUMBER => {
                let is_none = |found: f64| found == 0.0 && is_uncalculated(value.get(8..).unwrap_or_default());
                f64_at(value).map(|found| if is_none(found) { Raw::Uncalculated } else { number(found) })
            }
            kind::ERROR | kind::FORMULA_ERROR => byte().map(|byte| bool_or_error(byte, true)),
            kind::BOOL | kind::FORMULA_BOOL => byte().map(|byte| bool_or_error(byte, false)),
            kind::TEXT => text.map(|text| Raw::Text(Cow::Owned(text))),
            kind::FORMULA_TEXT => {
                let is_none = |text: &str| text.is_empty() && is_uncalculated(behind_text);
                text.map(|text| if is_none(&text) { Raw::Uncalculated } else { Raw::Text(Cow::Owned(text)) })
            }
            kind::SHARED => {
                let index = long(value, 0).ok_or_else(|| broken("共享字符串的序号有误"))?;
                is_struck |= self.struck_strings.contains(&index);
                self.string(index).map(|text| Raw::Text(Cow::Owned(text.to_owned())))
            }
            kind::RICH_TEXT => rich_text(value).map(|found| {
                let mut text = String::new();
                is_struck |= found.push_to(&mut text, &self.struck_fonts);
                Raw::Text(Cow::Owned(text))
            }),
            _ => return Ok(None),
        };
        let raw = raw.ok_or_else(|| broken("单元格的记录有误"))?;
        // a number has the words of its format already
        let is_text = matches!(kind, kind::TEXT | kind::FORMULA_TEXT | kind::SHARED | kind::RICH_TEXT);
        let raw = match (raw, style) {
            (Raw::Text(text), Some(style)) if is_text => Raw::Text(style.text(text)),
            (raw, _) => raw,
        };
        Ok(finished(raw, is_struck))
    }
}

/// Whether a row is hidden, or of no height by hand.
fn is_hidden_row(bytes: &[u8]) -> bool {
    bytes.get(11).is_some_and(|bits| bits & 0x10 != 0 || bits & 0x20 != 0 && short(bytes, 8) == Some(0))
}

/// What is around the rows of a sheet.
fn outline(mut records: Records<impl Read>) -> Result<Outline, ReadError> {
    let mut outline = Outline::default();
    while let Some((kind, bytes)) = records.next().map_err(SheetFault::Part)? {
        let at = |at: usize| long(bytes, at).unwrap_or(0);
        match kind {
            kind::COLUMNS
                if (short(bytes, 16).is_some_and(|bits| bits & 1 != 0) || long(bytes, 8) == Some(0))
                    && outline.hidden_columns.len() < HIDDEN_RANGES_MAX =>
            {
                outline.hidden_columns.push((at(0), at(4)));
            }
            kind::MERGE => {
                outline.merges.push(CellRange { top: at(0), bottom: at(4), left: at(8), right: at(12) });
                if outline.merges.len() > MERGES_MAX {
                    return Err(too_many_merges().into());
                }
            }
            _ => {}
        }
    }
    Ok(outline)
}

fn f64_at(bytes: &[u8]) -> Option<f64> {
    Some(f64::from_le_bytes(bytes.get(..8)?.try_into().ok()?))
}

/// Takes a text of UTF-16 behind its length; one of no length at all is empty.
fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = long(bytes, 0)?;
    let length = if length == u32::MAX { 0 } else { length as usize };
    let text = bytes.get(4..4usize.checked_add(length.checked_mul(2)?)?)?;
    *bytes = &bytes[4 + text.len()..];
    let units: Vec<u16> = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(String::from_utf16_lossy(&units))
}

/// A text with its fonts.
fn rich_text(bytes: &[u8]) -> Option<RichText> {
    let (bits, mut rest) = bytes.split_first()?;
    let text = take_text(&mut rest)?;
    let count = if bits & 1 != 0 { long(rest, 0)? as usize } else { 0 };
    let runs = rest.get(4..).unwrap_or_default().chunks_exact(4).take(count);
    let runs = runs.map(|run| (u16::from_le_bytes([run[0], run[1]]), u16::from_le_bytes([run[2], run[3]]))).collect();
    Some(RichText { text, runs })
}
