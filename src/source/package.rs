//! A look at a zip package before any parser opens it: entries, sizes, ratio, encryption. Facts come from the directory, which may
//! lie; the child's memory and time limits catch what it hides.

use super::Refusal;
use std::io::{Read, Seek};

/// The most entries an office file has.
const ENTRIES_MAX: usize = 10_000;
/// Bytes out per byte in.
const RATIO_MAX: u64 = 200;
/// Below this unpacked size the ratio says nothing.
const RATIO_FROM_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageKind {
    Xlsx,
    Ods,
    Xlsb,
}

pub fn inspect(file: impl Read + Seek) -> Result<PackageKind, Refusal> {
    let broken = |_| Refusal::new("文件不完整或已损坏", "请重新保存或重新下载后再导入");
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    if archive.len() > ENTRIES_MAX {
        return Err(Refusal::new(format!("文件内有{}个部件，疑似构造的压缩包", archive.len()), "请用Excel或WPS另存为xlsx后再导入"));
    }
    let mut kind = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        let (size, packed) = (entry.size(), entry.compressed_size().max(1));
        if size > RATIO_FROM_BYTES && size / packed > RATIO_MAX {
            return Err(Refusal::new("疑似压缩炸弹：部件解压后过大", "请用Excel或WPS另存为xlsx后再导入"));
        }
        match entry.name().map_err(broken)?.as_ref() {
            "xl/workbook.xml" => kind = Some(PackageKind::Xlsx),
            "xl/workbook.bin" => kind = Some(PackageKind::Xlsb),
            "xl/vbaProject.bin" => return Err(Refusal::new("文件含有宏", "请另存为不含宏的xlsx后再导入")),
            "content.xml" => kind = kind.or(Some(PackageKind::Ods)),
            _ => {}
        }
    }
    kind.ok_or_else(|| Refusal::new("这是压缩包，不是表格文件", "请解压后导入其中的表格，或另存为xlsx"))
}
