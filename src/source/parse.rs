//! Reads one file into raw rows: the body of the child process. Every file is parsed in a child under a memory and a time limit, because a
//! crafted workbook can abort the process that reads it (calamine allocates by declared size).
//!
//! Invariant: nothing in `source` knows what a row means; that is `domain::intake`.

use crate::source::frame::FrameWriter;
use crate::source::package::{CompoundKind, PackageKind, inspect, inspect_compound};
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use crate::source::text;
use crate::source::workbook::{read_compound, read_ods, read_xlsb};
use crate::source::xlsx::reader as xlsx;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Reads a file and writes its frames to `out`. A refusal is a frame too.
///
/// # Errors
/// `out` cannot be written.
pub fn parse_file(path: &Path, limits: ReadLimits, out: impl Write) -> std::io::Result<()> {
    let mut out = FrameWriter::new(out);
    match read(path, limits, &mut out) {
        Ok(()) => out.end(),
        Err(ReadError::Refused(refusal)) => out.refuse(refusal.reason, refusal.hint),
        Err(ReadError::Io(error)) => Err(error),
    }
}

/// Chooses the reader by the first bytes of the file: its name may be wrong.
fn read(path: &Path, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let unreadable = |error: std::io::Error| Refusal::new(format!("文件无法打开：{error}"), "请检查文件是否存在、是否正被其他程序占用");
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length == 0 {
        return Err(Refusal::new("文件是空的", "请重新导出后再导入").into());
    }
    if length > limits.file_mib_max * 1024 * 1024 {
        return Err(Refusal::new(format!("文件超过{}MB", limits.file_mib_max), "请拆分后分别导入").into());
    }
    let mut head = [0u8; 8];
    let got = file.read(&mut head).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let head = &head[..got];
    if head.starts_with(b"PK") {
        read_package(file, limits, out)
    } else if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        match inspect_compound(&mut file) {
            CompoundKind::Encrypted => Err(Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into()),
            CompoundKind::Other => Err(Refusal::new("这是Word等其他办公文件，不是表格", "请把其中的表格另存为xlsx后再导入").into()),
            CompoundKind::Workbook => {
                file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
                read_compound(file, limits, out)
            }
        }
    } else if head.starts_with(b"%PDF") {
        Err(Refusal::new("这是PDF文件，不是表格", "请导出为xlsx").into())
    } else {
        text::read(file, limits, out)
    }
}

fn read_package(file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let kind = inspect(&mut reader)?;
    reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
    match kind {
        PackageKind::Xlsx => xlsx::read(reader, limits, out),
        PackageKind::Ods => read_ods(reader, limits, out),
        PackageKind::Xlsb => read_xlsb(reader, limits, out),
    }
}
