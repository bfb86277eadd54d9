//! Workbooks through calamine: xlsx is streamed cell by cell; xls and ods are parsed whole (the child's memory limit holds).

use crate::domain::intake::sheet::{Raw, RawRow};
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::package;
use crate::source::package::PackageKind;
use crate::source::parse::{ReadError, ReadLimits, Refusal};
use crate::source::xlsx;
use calamine::{
    Data, DataRef, Dimensions, ExcelDateTime, ExcelDateTimeType, Ods, Reader, SheetType, SheetVisible, Xls, Xlsb, Xlsx, XlsxError,
};
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom, Write};

pub fn read_package(file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let kind = package::inspect(&mut reader)?;
    reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
    match kind {
        PackageKind::Xlsx => {
            if xlsx::read(&mut reader, limits, out)? {
                return Ok(());
            }
            reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
            read_xlsx(reader, limits, out)
        }
        PackageKind::Ods => {
            package::refuse_repeated_rows(&mut reader)?;
            reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
            dense(Ods::new(reader).map_err(broken)?, |_, _| Vec::new(), limits, out)
        }
        PackageKind::Xlsb => dense(Xlsb::new(reader).map_err(broken)?, |_, _| Vec::new(), limits, out),
    }
}

pub fn read_compound(file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    match Xls::new(BufReader::new(file)) {
        Ok(workbook) => {
            let merges = |workbook: &Xls<BufReader<File>>, sheet: &str| workbook.merge_cells_by_sheet_name(sheet).unwrap_or_default();
            dense(workbook, merges, limits, out)
        }
        Err(error) => Err(broken(error)),
    }
}

fn broken(error: impl std::fmt::Display) -> ReadError {
    let message = error.to_string();
    if message.to_ascii_lowercase().contains("password") || message.contains("EncryptedPackage") {
        return Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into();
    }
    tracing::debug!(message, "a workbook that cannot be read");
    Refusal::new("文件不完整或结构有误", "请重新保存或重新下载；仍不能导入的，请用Excel或WPS另存为xlsx").into()
}

fn read_xlsx(reader: BufReader<File>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut workbook = Xlsx::new(reader).map_err(|error| match error {
        XlsxError::Password => Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into(),
        error => broken(error),
    })?;
    let sheets = workbook.sheets_metadata().to_vec();
    for sheet in sheets {
        let visible = sheet.visible == SheetVisible::Visible;
        if !visible {
            out.sheet(&Sheet { name: &sheet.name, ..Sheet::default() }).map_err(ReadError::Io)?;
            continue;
        }
        if sheet.typ != SheetType::WorkSheet {
            // a chart sheet has no cells
            continue;
        }
        let merges = workbook.merge_cells_by_sheet_name(&sheet.name).map_err(broken)?;
        let merges = merges.iter().map(|range| (range.start.0, range.start.1, range.end.0, range.end.1)).collect();
        out.sheet(&Sheet { name: &sheet.name, visible, merges, ..Sheet::default() }).map_err(ReadError::Io)?;
        let mut cells = workbook.worksheet_cells_reader(&sheet.name).map_err(broken)?;
        let mut row = RowBuilder::default();
        while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(broken)? {
            let value = match (raw_ref(cell.value), &cell.formula) {
                (None, Some(_)) => Some(Raw::Uncalculated),
                (value, _) => value,
            };
            if let Some(value) = value {
                row.push(cell.pos, value, limits, out)?;
            }
        }
        row.flush(out)?;
    }
    Ok(())
}

/// Puts cells together into rows, in file order.
#[derive(Default)]
struct RowBuilder<'a> {
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
            out.row(&row).map_err(ReadError::Io)?;
            row.cells.clear();
            self.cells = row.cells;
        }
        Ok(())
    }
}

fn dense<R, RS>(
    mut workbook: R,
    merges: impl Fn(&R, &str) -> Vec<Dimensions>,
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
        let merges = merges(&workbook, &sheet.name).iter().map(|range| (range.start.0, range.start.1, range.end.0, range.end.1)).collect();
        out.sheet(&Sheet { name: &sheet.name, visible, merges, ..Sheet::default() }).map_err(ReadError::Io)?;
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

fn raw_ref(value: DataRef<'_>) -> Option<Raw<'_>> {
    Some(match value {
        DataRef::Empty => return None,
        DataRef::Int(value) => Raw::Number(value as f64),
        DataRef::Float(value) => Raw::Number(value),
        DataRef::String(text) if text.is_empty() => return None,
        DataRef::String(text) => Raw::Text(text.into()),
        DataRef::SharedString("") => return None,
        DataRef::SharedString(text) => Raw::Text(text.into()),
        DataRef::Bool(value) => Raw::Bool(value),
        DataRef::DateTime(value) => date(&value),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Raw::Text(text.into()),
        DataRef::Error(code) => Raw::Error(code.to_string().into()),
    })
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

/// The day that a number formatted as a date shows.
pub(crate) fn serial(number: f64, date1904: bool) -> Raw<'static> {
    date(&ExcelDateTime::new(number, ExcelDateTimeType::DateTime, date1904))
}

/// A duration, a time without a day and day 0 are no dates: handed on as numbers, so that the intake says so.
fn date(value: &ExcelDateTime) -> Raw<'static> {
    if !value.is_datetime() || !value.as_f64().is_finite() || value.as_f64() < 1.0 {
        return Raw::Number(value.as_f64());
    }
    let (year, month, day, ..) = value.to_ymd_hms_milli();
    Raw::Date(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::frame;
    use crate::source::frame::{Block, Frame, Received};
    use std::io::Cursor;
    use std::sync::Arc;

    const LIMITS: ReadLimits = ReadLimits { file_mib_max: 64, memory_mib: 512, seconds: 60, rows_max: 1_048_576, columns_max: 1024 };

    /// Sheets with their merges, and rows, as text.
    fn seen(written: &[u8]) -> Vec<String> {
        let mut from = Cursor::new(written);
        let mut seen = Vec::new();
        let mut strings = Arc::default();
        while let Some(received) = frame::read(&mut from).unwrap() {
            let block = match received {
                Received::Frames(bytes) => Block { bytes, strings: Arc::clone(&strings) },
                Received::Strings(known) => {
                    strings = Arc::new(known);
                    continue;
                }
                _ => break,
            };
            for frame in block.frames() {
                seen.push(match frame.unwrap() {
                    Frame::Sheet(sheet) => format!("{} {} {:?}", sheet.name, sheet.visible, sheet.merges),
                    Frame::Row(row) => format!("{} {:?}", row.number, row.unpack().unwrap().cells),
                });
            }
        }
        seen
    }

    /// The quick reader reads every workbook as calamine does.
    #[test]
    fn two_readers_read_the_same() {
        let sample = std::fs::File::open(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sample/register.xlsx")).unwrap();
        let (mut quick, mut slow) = (Vec::new(), Vec::new());
        let mut out = FrameWriter::new(&mut quick);
        assert!(xlsx::read(BufReader::new(sample.try_clone().unwrap()), LIMITS, &mut out).ok().unwrap());
        out.end().unwrap();
        let mut out = FrameWriter::new(&mut slow);
        read_xlsx(BufReader::new(sample), LIMITS, &mut out).ok().unwrap();
        out.end().unwrap();
        let (quick, slow) = (seen(&quick), seen(&slow));
        assert!(quick.len() > 2000);
        for (quick, slow) in quick.iter().zip(&slow) {
            assert_eq!(quick, slow);
        }
        assert_eq!(quick.len(), slow.len());
    }
}
