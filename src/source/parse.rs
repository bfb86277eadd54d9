//! In-bound adapters: a file becomes raw rows. Every file is parsed in a child process of the same binary under a memory and a time
//! limit, because a crafted workbook can abort the process that reads it (calamine allocates by declared size).
//!
//! Invariant: nothing here knows what a row means; that is `domain::intake`. calamine is used in `workbook.rs` only.

use crate::source::frame::FrameWriter;
use crate::source::package::CompoundKind;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Limits a file is read under.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    pub file_mib_max: u64,
    pub memory_mib: u64,
    pub seconds: u64,
    pub rows_max: u32,
    pub columns_max: u32,
}

/// A file that cannot be read, in words for the clerk.
#[derive(Debug, thiserror::Error)]
#[error("{reason}（{hint}）")]
pub struct Refusal {
    pub reason: String,
    pub hint: String,
}

impl Refusal {
    pub fn new(reason: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into(), hint: hint.into() }
    }
}

/// Reads a file and writes its frames to `out`; the body of the child process. A refusal is a frame too.
///
/// # Errors
/// Only when `out` cannot be written.
pub fn parse_file(path: &Path, limits: ReadLimits, out: impl Write) -> std::io::Result<()> {
    let mut out = FrameWriter::new(out);
    match read(path, limits, &mut out) {
        Ok(()) => out.end(),
        Err(ReadError::Refused(refusal)) => out.refuse(refusal.reason, refusal.hint),
        Err(ReadError::Io(error)) => Err(error),
    }
}

#[derive(Debug)]
pub enum ReadError {
    Refused(Refusal),
    /// The parent is gone.
    Io(std::io::Error),
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> ReadError {
        ReadError::Refused(refusal)
    }
}

/// What a file is, by its first bytes: names lie.
pub(crate) fn read(path: &Path, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
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
        crate::source::workbook::read_package(file, limits, out)
    } else if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        match crate::source::package::inspect_compound(&mut file) {
            CompoundKind::Encrypted => Err(Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入").into()),
            CompoundKind::Other => Err(Refusal::new("这是Word等其他办公文件，不是表格", "请把其中的表格另存为xlsx后再导入").into()),
            CompoundKind::Workbook => {
                file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
                crate::source::workbook::read_compound(file, limits, out)
            }
        }
    } else if head.starts_with(b"%PDF") {
        Err(Refusal::new("这是PDF文件，不是表格", "请导出为xlsx").into())
    } else {
        crate::source::text::read(file, limits, out)
    }
}
