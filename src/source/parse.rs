//! Reads one file into raw rows: the body of the child process. Every file is parsed in a child under a memory and a time limit, because a
//! crafted workbook can abort the process that reads it.
//!
//! Invariant: nothing in `source` knows what a row means; that is `domain::intake`.

use crate::domain::disk_fault::in_words;
use crate::source::bounds::RowBudget;
use crate::source::frame::FrameWriter;
use crate::source::input_file::{COMPOUND, ZIP};
use crate::source::ods;
use crate::source::package::{CompoundKind, PackageKind, inspect, inspect_compound};
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use crate::source::text;
use crate::source::xls;
use crate::source::xlsb;
use crate::source::xlsx::reader as xlsx;
use crate::source::xlsx::spill::RowSpill;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};

/// Reads a file and writes its frames to `out`. A refusal is a frame too. `scratch` holds what does not fit into memory.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn parse_file(file: File, scratch: Option<File>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> std::io::Result<()> {
    match read(file, scratch, limits, out) {
        Ok(()) => out.end(),
        Err(ReadError::Refused(refusal)) => out.refuse(refusal.reason, refusal.hint),
        Err(ReadError::Io(error)) => Err(error),
    }
}

/// Reads a file of our own and makes no use of its rows.
///
/// # Errors
/// This program cannot read it.
pub(crate) fn read_back(file: File, limits: ReadLimits) -> Result<(), Refusal> {
    match read(file, None, limits, &mut FrameWriter::new(std::io::sink())) {
        Ok(()) => Ok(()),
        Err(ReadError::Refused(refusal)) => Err(refusal),
        Err(ReadError::Io(error)) => Err(Refusal::new(in_words(&error), "")),
    }
}

/// Chooses the reader by the first bytes of the file: its name may be wrong.
fn read(mut file: File, scratch: Option<File>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let unreadable = |error: std::io::Error| Refusal::new(format!("文件无法读取：{}", in_words(&error)), "请重试");
    let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    if length == 0 {
        return Err(Refusal::new("文件是空的", "请重新导出后再导入").into());
    }
    out.set_budget(RowBudget::of_file(length));
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut head = [0u8; 8];
    let got = file.read(&mut head).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let head = &head[..got];
    if head.starts_with(ZIP) {
        read_package(file, scratch, limits, out)
    } else if head.starts_with(COMPOUND) {
        match inspect_compound(&mut file) {
            CompoundKind::Encrypted => Err(Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into()),
            CompoundKind::Other => Err(Refusal::new("这是Word等其他办公文件，不是表格", "请把其中的表格另存为xlsx后再导入").into()),
            CompoundKind::Workbook => {
                file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
                xls::read(file, limits, out)
            }
        }
    } else if head.starts_with(b"%PDF") {
        Err(Refusal::new("这是PDF文件，不是表格", "请导出为xlsx").into())
    } else {
        text::read(file, limits, out)
    }
}

fn read_package(file: File, scratch: Option<File>, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let kind = inspect(&mut reader)?;
    reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
    match kind {
        PackageKind::Xlsx => xlsx::read(reader, RowSpill::new(scratch), limits, out),
        PackageKind::Ods => ods::read(reader, limits, out),
        PackageKind::Xlsb => xlsb::read(reader, limits, out),
    }
}
