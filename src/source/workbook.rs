//! Workbooks read with calamine, whole, within the child's memory limit: xls, xlsb and ods.
//!
//! calamine does not tell hidden rows and columns, nor the merged ranges of xlsb and ods, nor that a number is shown as a percentage. Rows
//! and columns are read as visible ones, so nothing is lost; only the remark that they are hidden is missing. Remarks on cells and the heads and
//! feet of pages are read of ods only.

use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::ods_texts::TextsBeside;
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use crate::source::{ods_texts, package};
use calamine::{Data, Dimensions, ExcelDateTime, ExcelDateTimeType, Ods, Reader, SheetVisible, Xls, Xlsb};
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom, Write};

/// # Errors
/// The file is refused, or the parent is gone. The same holds for the other readers of this file.
pub(crate) fn read_ods(mut reader: BufReader<File>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    package::refuse_repeated_rows(&mut reader)?;
    reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
    let texts = ods_texts::read(&mut reader);
    reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
    read_whole(Ods::new(reader).map_err(broken)?, |_, _| Vec::new(), &texts, limits, out)
}

pub(crate) fn read_xlsb(reader: BufReader<File>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    read_whole(Xlsb::new(reader).map_err(broken)?, |_, _| Vec::new(), &TextsBeside::default(), limits, out)
}

/// Reads an xls file.
pub(crate) fn read_compound(file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    match Xls::new(BufReader::new(file)) {
        Ok(workbook) => {
            let merges = |workbook: &Xls<BufReader<File>>, sheet: &str| workbook.merge_cells_by_sheet_name(sheet).unwrap_or_default();
            read_whole(workbook, merges, &TextsBeside::default(), limits, out)
        }
        Err(error) => Err(broken(error)),
    }
}

/// The refusal of a workbook that calamine cannot read.
fn broken(error: impl std::fmt::Display) -> ReadError {
    let message = error.to_string();
    if message.to_ascii_lowercase().contains("password") || message.contains("EncryptedPackage") {
        return Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into();
    }
    tracing::debug!(message, "a workbook that cannot be read");
    Refusal::new("文件不完整或结构有误", "请重新保存或重新下载；仍不能导入的，请用Excel或WPS另存为xlsx").into()
}

fn cell_range(range: &Dimensions) -> CellRange {
    CellRange { top: range.start.0, left: range.start.1, bottom: range.end.0, right: range.end.1 }
}

/// Collects cells in file order into rows.
#[derive(Default)]
struct RowBuilder<'a> {
    /// From 0; `None` before the first cell.
    number: Option<u32>,
    cells: Vec<(u16, Raw<'a>)>,
}

impl<'a> RowBuilder<'a> {
    fn push(
        &mut self,
        (row, column): (u32, u32),
        value: Raw<'a>,
        limits: ReadLimits,
        out: &mut FrameWriter<impl Write>,
    ) -> Result<(), ReadError> {
        if row >= limits.rows_max || column >= limits.columns_max {
            let place = format!("第{}行第{}列", row + 1, column + 1);
            return Err(Refusal::new(
                format!("{place}有内容，超出{}行、{}列的限度", limits.rows_max, limits.columns_max),
                "请删除表格之外的零散内容后再导入",
            )
            .into());
        }
        match self.number {
            Some(number) if number == row => {}
            Some(number) if number > row => {
                return Err(Refusal::new(format!("第{}行重复或次序颠倒，文件结构损坏", row + 1), "请用Excel或WPS另存为xlsx后再导入").into());
            }
            _ => self.flush(out)?,
        }
        if self.cells.last().is_some_and(|(last, _)| u32::from(*last) >= column) {
            return Err(Refusal::new(format!("第{}行的单元格重复，文件结构损坏", row + 1), "请用Excel或WPS另存为xlsx后再导入").into());
        }
        self.number = Some(row);
        self.cells.push((column as u16, value));
        Ok(())
    }

    fn flush(&mut self, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
        if let Some(row) = self.number.take() {
            let mut row = RawRow { number: row + 1, hidden: false, cells: std::mem::take(&mut self.cells) };
            out.row(&mut row)?;
            row.cells.clear();
            self.cells = row.cells;
        }
        Ok(())
    }
}

/// Reads a workbook that calamine holds in memory as a whole.
fn read_whole<R, RS>(
    mut workbook: R,
    merges: impl Fn(&R, &str) -> Vec<Dimensions>,
    texts: &TextsBeside,
    limits: ReadLimits,
    out: &mut FrameWriter<impl Write>,
) -> Result<(), ReadError>
where
    R: Reader<RS>,
    RS: std::io::Read + Seek,
    R::Error: std::fmt::Display,
{
    let sheets = workbook.sheets_metadata().to_vec();
    for sheet in sheets {
        let visible = sheet.visible == SheetVisible::Visible;
        let merges = merges(&workbook, &sheet.name).iter().map(cell_range).collect();
        out.sheet(Sheet { name: &sheet.name, visible, merges, beside: texts.of_sheet(&sheet.name), ..Sheet::default() })?;
        if !visible {
            continue;
        }
        let range = workbook.worksheet_range(&sheet.name).map_err(broken)?;
        let formulas = workbook.worksheet_formula(&sheet.name).map_err(broken)?;
        let has_formula = |place| formulas.get_value(place).is_some_and(|formula| !formula.is_empty());
        let (first_row, first_column) = range.start().unwrap_or((0, 0));
        let mut row = RowBuilder::default();
        for (row_index, cells) in range.rows().enumerate() {
            for (column_index, cell) in cells.iter().enumerate() {
                let place = (first_row + row_index as u32, first_column + column_index as u32);
                let value = raw(cell).or_else(|| (*cell == Data::Empty && has_formula(place)).then_some(Raw::Uncalculated));
                if let Some(value) = value {
                    row.push(place, value, limits, out)?;
                }
            }
        }
        row.flush(out)?;
    }
    Ok(())
}

fn raw(value: &Data) -> Option<Raw<'_>> {
    Some(match value {
        Data::Empty => return None,
        Data::Int(value) => Raw::Number(*value as f64),
        Data::Float(value) => Raw::Number(*value),
        Data::String(text) if text.is_empty() => return None,
        Data::String(text) => Raw::Text(text.into()),
        Data::Bool(value) => Raw::Bool(*value),
        Data::DateTime(value) => date(value),
        Data::DateTimeIso(text) | Data::DurationIso(text) => Raw::Text(text.into()),
        Data::Error(code) => Raw::Error(code.to_string().into()),
    })
}

/// The day of a number that its cell shows as a date. `date1904` = days count from 1904-01-01.
pub(crate) fn date_of_serial(number: f64, date1904: bool) -> Raw<'static> {
    date(&ExcelDateTime::new(number, ExcelDateTimeType::DateTime, date1904))
}

/// A duration, a time without a day and day 0 are no dates and stay numbers, which the intake reports.
fn date(value: &ExcelDateTime) -> Raw<'static> {
    if !value.is_datetime() || !value.as_f64().is_finite() || value.as_f64() < 1.0 {
        return Raw::Number(value.as_f64());
    }
    let (year, month, day, ..) = value.to_ymd_hms_milli();
    Raw::Date(year, month, day)
}
