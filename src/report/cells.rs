//! What a cell, a row and a sheet of an .xlsx file can hold, and values as the format writes them.

use crate::domain::plain_text::within_units;
use crate::workbook::model::Sheet;
use chrono::Datelike;
use rust_xlsxwriter::{ExcelDateTime, XlsxError};
use std::borrow::Cow;

/// Sheets with more rows are long: no row of them is held in memory.
pub(crate) const LONG_ROWS: usize = 20_000;

/// The most UTF-16 units of a cell in the file format.
const CELL_UNITS_MAX: usize = 32_767;

/// The greatest width of a column, in characters.
pub(crate) const COLUMN_WIDTH_MAX: f64 = 255.0;

/// The most UTF-16 units of the text in a printed header or footer, which has 255 with its codes.
pub(crate) const PRINTED_LINE_UNITS_MAX: usize = 90;

/// The greatest row height of the file format, in points.
pub(crate) const ROW_HEIGHT_MAX: f64 = 409.0;

pub(crate) fn is_long(sheet: &Sheet<'_>) -> bool {
    sheet.height() > LONG_ROWS
}

/// A day as the format counts it.
pub(crate) fn day_number(date: chrono::NaiveDate) -> Result<ExcelDateTime, XlsxError> {
    let year = u16::try_from(date.year()).map_err(|_| XlsxError::DateTimeRangeError(date.to_string()))?;
    ExcelDateTime::from_ymd(year, date.month() as u8, date.day() as u8)
}

/// A text as long as a cell may hold.
pub(crate) fn cell_text(text: &str) -> Cow<'_, str> {
    // a text takes at least as many bytes as units
    if text.len() <= CELL_UNITS_MAX || within_units(text, CELL_UNITS_MAX).len() == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", within_units(text, CELL_UNITS_MAX - 1)))
}

/// 分 in one 亿元.
pub(crate) const FEN_PER_YI: f64 = 1e10;

pub(crate) fn column_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
