//! Writes the rows of a larger table into the package of a workbook.
//!
//! For each cell rust_xlsxwriter makes a copy, looks its format up by all its properties, and keeps the cell or writes it to a file that it
//! reads back: a sixth of the processor time of a run over 100,000 rows. So it writes the workbook with one model row, whose cells have the
//! styles of the table, and here the rows take the place of that row.

use crate::domain::intake::merges::column_letters;
use crate::report::cells::{FEN_PER_YI, ROW_HEIGHT_MAX, cell_text, column_number, day_number, is_long};
use crate::report::formats::{CellFormat, Formats};
use crate::workbook::model::{Entry, Role, Row, Sheet, Value, fit_heights};
use rust_xlsxwriter as xlsx;
use rust_xlsxwriter::XlsxError;
use std::io::{Cursor, Read, Write};
use std::ops::Range;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Tables with fewer rows are left to rust_xlsxwriter.
const TABLE_ROWS_MIN: usize = 1000;

/// Rows are handed to the compressor in pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// The height of a row without a height of its own, in pixels.
const DEFAULT_HEIGHT: u32 = 20;

/// A larger table of a sheet: rows that only differ in their values.
pub(crate) struct Table<'s> {
    sheet: &'s Sheet<'s>,
    /// Those that are made already.
    pub rows: Range<usize>,
    /// Number of rows below them that are made or streamed while they are written.
    later: usize,
}

impl<'s> Table<'s> {
    /// The largest table of a sheet, if it is large enough. One with rows that are not made yet goes to the end of the others.
    pub(crate) fn of(sheet: &'s Sheet<'s>) -> Option<Table<'s>> {
        let later = sheet.lazy_rows.as_ref().map_or(0, |later| later.count) + sheet.streamed;
        let mut largest = sheet.rows.len()..sheet.rows.len();
        let mut end = sheet.rows.len();
        let is_plain = |row: &Row| is_plain_row(row, sheet.columns.len());
        for run in sheet.rows.chunk_by(|a, b| is_plain(a) && is_plain(b)).rev() {
            let rows = end - run.len()..end;
            end = rows.start;
            if is_plain(&run[0]) && run.len() > largest.len() {
                largest = rows;
            }
            if later > 0 {
                break;
            }
        }
        let table = Table { sheet, rows: largest, later };
        (table.height() >= TABLE_ROWS_MIN).then_some(table)
    }

    /// Number of rows.
    pub(crate) fn height(&self) -> usize {
        self.rows.len() + self.later
    }

    /// Whether a rule draws the borders of blank cells, which are then not written. A column that takes entries has styles for them.
    pub(crate) fn has_blank_rule(&self) -> bool {
        is_long(self.sheet) && self.sheet.columns.iter().all(|column| column.entry.is_none())
    }
}

/// Whether a row is one of a table: cells with values and nothing else.
fn is_plain_row(row: &Row, columns: usize) -> bool {
    row.role == Role::Body
        && row.merges.is_empty()
        && row.cells.len() <= columns
        && !row.cells.iter().any(|cell| matches!(cell, Value::Link { .. }))
}

/// A style of the cells of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// By the value, and whether the reader is to fill the cell in.
    Cell(CellFormat, bool),
    /// A blank cell that takes such values.
    Entry(Entry),
}

fn styles() -> impl Iterator<Item = Style> {
    let cells = CellFormat::ALL.into_iter().flat_map(|format| [Style::Cell(format, false), Style::Cell(format, true)]);
    cells.chain([Entry::Text, Entry::Date, Entry::Decimal, Entry::Int].map(Style::Entry))
}

/// Writes the model row: one blank cell in each style.
///
/// # Errors
/// The writer refuses it.
pub(crate) fn write_model_row(target: &mut xlsx::Worksheet, number: u32, formats: &mut Formats) -> Result<(), XlsxError> {
    for (index, style) in styles().enumerate() {
        let format = match style {
            Style::Cell(format, fill) => formats.of_format(Role::Body, format, fill),
            Style::Entry(entry) => formats.of_entry(entry),
        };
        target.write_blank(number, column_number(index), format)?;
    }
    Ok(())
}

/// Copies a package to `out`, and puts the rows of each table in the place of its model row. `tables` holds them with the index of their
/// sheet; `next` returns the rows that the sheets announce as `streamed`.
///
/// # Errors
/// The package has no model row, a row cannot be part of a table, or `out` cannot be written.
pub(crate) fn write_package(
    package: &[u8],
    tables: &[(usize, Table<'_>)],
    level: Option<u8>,
    next: &mut dyn FnMut() -> Row,
    out: &mut (impl Write + Send),
) -> Result<(), XlsxError> {
    let mut from = ZipArchive::new(Cursor::new(package))?;
    let mut to = ZipWriter::new_stream(out);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(level.map(i64::from))
        .unix_permissions(0o600)
        .last_modified_time(DateTime::default());
    for index in 0..from.len() {
        let mut part = from.by_index(index)?;
        let name = part.name()?.into_owned();
        let table = tables.iter().find(|(number, _)| name == format!("xl/worksheets/sheet{}.xml", number + 1));
        let Some((_, table)) = table else {
            to.raw_copy_file(part)?;
            continue;
        };
        let mut xml = String::new();
        part.read_to_string(&mut xml)?;
        to.start_file(name, options)?;
        table.write(&xml, next, &mut to)?;
    }
    to.finish()?;
    Ok(())
}

impl Table<'_> {
    /// Writes the XML of the sheet with the rows of the table.
    fn write(&self, xml: &str, next: &mut dyn FnMut() -> Row, out: &mut impl Write) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        let no_model = || XlsxError::ParameterError(format!("sheet \"{}\" was written without its model row", sheet.name));
        let first = self.rows.start as u32 + 1;
        let (head, rest) = xml.split_once(&format!("<row r=\"{first}\"")).ok_or_else(no_model)?;
        let (model, tail) = rest.split_once("</row>").ok_or_else(no_model)?;
        let numbers: Vec<&str> = model.split(" s=\"").skip(1).filter_map(|cell| cell.split('"').next()).collect();
        if numbers.len() != styles().count() {
            return Err(no_model());
        }
        // the size of the sheet, which the model row has made wider and may have made shorter
        let (before, dimension) = head.split_once("<dimension ref=\"").ok_or_else(no_model)?;
        let (_, after) = dimension.split_once('"').ok_or_else(no_model)?;
        let last = column_letters(column_number(sheet.columns.len().saturating_sub(1)));
        write!(out, "{before}<dimension ref=\"A1:{last}{}\"{after}", sheet.height())?;
        let mut rows = TableRows::new(self, first, &numbers);
        for row in &sheet.rows[self.rows.clone()] {
            rows.add(row, out)?;
        }
        let made = sheet.lazy_rows.iter().flat_map(|later| (0..later.count).map(|index| later.row(index)));
        for mut row in made.chain((0..sheet.streamed).map(|_| next())) {
            if is_long(sheet) {
                // programs fit a row without a height to its text
                row.height = None;
            } else {
                fit_heights(std::slice::from_mut(&mut row), &sheet.columns);
            }
            if !is_plain_row(&row, sheet.columns.len()) {
                return Err(XlsxError::ParameterError(format!("row {} is not a row of a table", rows.number)));
            }
            rows.add(&row, out)?;
        }
        out.write_all(&rows.xml)?;
        out.write_all(tail.as_bytes())?;
        Ok(())
    }
}

/// A column of the table.
struct TableColumn {
    letters: String,
    fill: bool,
    entry: Option<Entry>,
    /// The style of the cell above, which most cells share, and its number.
    last: Option<(Style, String)>,
}

/// The XML of the rows that are not written yet.
struct TableRows {
    xml: Vec<u8>,
    number: u32,
    columns: Vec<TableColumn>,
    /// A rule draws the borders of blank cells, which are then not written.
    has_blank_rule: bool,
    /// What `s` is in a cell of each style.
    styles: Vec<(Style, String)>,
}

impl TableRows {
    fn new(table: &Table<'_>, number: u32, numbers: &[&str]) -> TableRows {
        let columns = table.sheet.columns.iter().enumerate().map(|(index, column)| TableColumn {
            letters: column_letters(column_number(index)),
            fill: column.fill,
            entry: column.entry,
            last: None,
        });
        TableRows {
            xml: Vec::with_capacity(2 * PIECE_BYTES),
            number,
            columns: columns.collect(),
            has_blank_rule: table.has_blank_rule(),
            styles: styles().zip(numbers.iter().map(|number| (*number).to_owned())).collect(),
        }
    }

    /// Adds a row, and hands the rows on once they are enough.
    fn add(&mut self, row: &Row, out: &mut impl Write) -> Result<(), XlsxError> {
        let mut buffer = itoa::Buffer::new();
        let number = buffer.format(self.number).as_bytes();
        let xml = &mut self.xml;
        xml.extend_from_slice(b"<row r=\"");
        xml.extend_from_slice(number);
        let pixels = row.height.map_or(DEFAULT_HEIGHT, |points| (points.min(ROW_HEIGHT_MAX) * 4.0 / 3.0).round() as u32);
        if pixels != DEFAULT_HEIGHT {
            write!(xml, "\" ht=\"{}\" customHeight=\"1", f64::from(pixels) * 0.75)?;
        }
        xml.extend_from_slice(b"\">");
        for (index, (value, column)) in row.cells.iter().zip(&mut self.columns).enumerate() {
            let fill = column.fill || row.open.contains(&index);
            let is_blank = *value == Value::Blank || matches!(value, Value::Text(text) if text.is_empty());
            if is_blank && self.has_blank_rule && !fill {
                continue;
            }
            let style = match column.entry {
                Some(entry) if is_blank => Style::Entry(entry),
                _ => Style::Cell(CellFormat::of(value), fill),
            };
            if column.last.as_ref().is_none_or(|(last, _)| *last != style) {
                let known = self.styles.iter().find(|(known, _)| *known == style).cloned();
                column.last = Some(known.ok_or_else(|| XlsxError::ParameterError(format!("row {}: a cell without a style", self.number)))?);
            }
            xml.extend_from_slice(b"<c r=\"");
            xml.extend_from_slice(column.letters.as_bytes());
            xml.extend_from_slice(number);
            xml.extend_from_slice(b"\" s=\"");
            xml.extend_from_slice(column.last.as_ref().map_or("0", |(_, number)| number).as_bytes());
            add_value(xml, value);
        }
        xml.extend_from_slice(b"</row>");
        self.number += 1;
        if xml.len() >= PIECE_BYTES {
            out.write_all(xml)?;
            xml.clear();
        }
        Ok(())
    }
}

/// Ends the cell that has been begun up to the number of its style.
fn add_value(xml: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Blank => xml.extend_from_slice(b"\"/>"),
        Value::Text(text) | Value::Link { text, .. } if text.is_empty() => xml.extend_from_slice(b"\"/>"),
        Value::Text(text) | Value::Link { text, .. } => add_text(xml, &cell_text(text)),
        Value::Percent(None) | Value::Change(None) | Value::Points(None) => add_text(xml, "-"),
        Value::Light(light) => add_text(xml, light.title()),
        Value::Number(number) => add_number(xml, number.to_f64()),
        Value::Amount(fen) => add_number(xml, *fen as f64 / FEN_PER_YI),
        Value::Percent(Some(tenths)) => add_number(xml, *tenths as f64 / 1000.0),
        Value::Points(Some(tenths)) => add_number(xml, *tenths as f64 / 10.0),
        Value::Count(count) | Value::Change(Some(count)) => add_number(xml, *count as f64),
        Value::Date(date) => match day_number(*date) {
            Ok(day) => add_number(xml, day.to_excel()),
            // the format has no dates before 1900, so they are written as text
            Err(_) => add_text(xml, &date.to_string()),
        },
    }
}

/// `value` is finite. Whole numbers are written without a point, as all programs read them.
fn add_number(xml: &mut Vec<u8>, value: f64) {
    xml.extend_from_slice(b"\"><v>");
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        xml.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        // writing to memory does not fail
        let _ = write!(xml, "{value}");
    }
    xml.extend_from_slice(b"</v></c>");
}

/// Below it every whole floating-point number is exact.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

fn add_text(xml: &mut Vec<u8>, text: &str) {
    xml.extend_from_slice(b"\" t=\"inlineStr\"><is><t");
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t' | b'\n'));
    if is_space(text.as_bytes().first()) || is_space(text.as_bytes().last()) {
        xml.extend_from_slice(b" xml:space=\"preserve\"");
    }
    xml.push(b'>');
    if is_plain(text.as_bytes()) {
        xml.extend_from_slice(text.as_bytes());
    } else {
        add_escaped(xml, text);
    }
    xml.extend_from_slice(b"</t></is></c>");
}

/// Whether a text has nothing to escape. A text with `_` may hold what looks like an escaped character, one with the bytes EF BF a
/// character that XML does not have; both are looked at more closely.
fn is_plain(bytes: &[u8]) -> bool {
    // no early end, so that the compiler looks at many bytes at once
    let marked = bytes.iter().fold(false, |found, byte| found | (*byte < b' ') | matches!(byte, b'&' | b'<' | b'>' | b'_'));
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    !(marked | pairs.fold(false, |found, (a, b)| found | ((*a == 0xEF) & (*b == 0xBF))))
}

/// Adds a text as spreadsheets escape it: a character that XML does not have as `_x0007_`, and what looks like that with its `_` escaped.
fn add_escaped(xml: &mut Vec<u8>, text: &str) {
    for (at, character) in text.char_indices() {
        match character {
            '&' => xml.extend_from_slice(b"&amp;"),
            '<' => xml.extend_from_slice(b"&lt;"),
            '>' => xml.extend_from_slice(b"&gt;"),
            '\t' | '\n' => xml.push(character as u8),
            '\0'..='\x1F' | '\u{FFFE}' | '\u{FFFF}' => {
                // writing to memory does not fail
                let _ = write!(xml, "_x{:04X}_", u32::from(character));
            }
            '_' if looks_escaped(&text.as_bytes()[at..]) => xml.extend_from_slice(b"_x005F_"),
            _ => xml.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Whether bytes begin like `_x0007_`.
fn looks_escaped(bytes: &[u8]) -> bool {
    bytes.len() >= 7 && bytes.starts_with(b"_x") && bytes[2..6].iter().all(u8::is_ascii_hexdigit) && bytes[6] == b'_'
}
