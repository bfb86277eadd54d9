//! Inspects a file before any parser opens it. Of a zip archive: entries, names, sizes, compression ratio, overlaps and document types; of a
//! compound file: the names of its streams. The directory of a file may be false; the child's memory and time limits apply then.

use crate::source::refusal::Refusal;
use crate::source::xlsx::reader::main_part;
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

/// The most entries of an office file.
const ENTRIES_MAX: usize = 10_000;
/// The largest ratio of unpacked to packed bytes.
const RATIO_MAX: u64 = 200;
/// The ratio is checked from this unpacked size on.
const RATIO_FROM_BYTES: u64 = 16 * 1024 * 1024;

/// The kind of workbook in a zip archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageKind {
    Xlsx,
    Ods,
    Xlsb,
}

const HINT: &str = "请用Excel或WPS另存为xlsx后再导入";

/// The kind of workbook that an archive holds.
///
/// # Errors
/// The archive is no workbook, is damaged, encrypted or holds macros, or is built as no office program builds one.
pub fn inspect(mut file: impl Read + Seek) -> Result<PackageKind, Refusal> {
    let declared = declared_entries(&mut file);
    if let Some(entries) = declared.filter(|entries| *entries > ENTRIES_MAX) {
        return Err(too_many(entries));
    }
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    if archive.len() > ENTRIES_MAX {
        return Err(too_many(archive.len()));
    }
    // of several parts of one name this reader takes the last, another program perhaps the first
    if declared.is_some_and(|entries| entries != archive.len()) {
        return Err(Refusal::new("文件结构异常：有重名的部件", HINT));
    }
    if archive.has_overlapping_files().map_err(broken)? {
        return Err(Refusal::new("疑似压缩炸弹：部件互相重叠", HINT));
    }
    let mut kind = None;
    let mut names = HashSet::new();
    let (mut size_of_all, mut packed_of_all) = (0u64, 0u64);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        let (size, packed) = (entry.size(), entry.compressed_size().max(1));
        size_of_all = size_of_all.saturating_add(size);
        packed_of_all = packed_of_all.saturating_add(packed);
        if size > RATIO_FROM_BYTES && size / packed > RATIO_MAX {
            return Err(Refusal::new("疑似压缩炸弹：部件解压后过大", HINT));
        }
        if entry.encrypted() {
            return Err(Refusal::new("文件有密码", "请另存为无密码的xlsx后再导入"));
        }
        // office programs ignore case in the names of parts
        let name = entry.name().map_err(broken)?.replace('\\', "/").to_ascii_lowercase();
        if name.starts_with('/') || name.split('/').any(|part| part == "..") || name.contains('\0') {
            return Err(Refusal::new("文件结构异常：部件名指向文件之外", HINT));
        }
        match name.as_str() {
            "xl/workbook.xml" => kind = Some(PackageKind::Xlsx),
            "xl/workbook.bin" => kind = Some(PackageKind::Xlsb),
            "content.xml" => kind = kind.or(Some(PackageKind::Ods)),
            name if name.ends_with("vbaproject.bin") => return Err(Refusal::new("文件含有宏", "请另存为不含宏的xlsx后再导入")),
            _ => {}
        }
        if !names.insert(name) {
            return Err(Refusal::new("文件结构异常：有重名的部件", HINT));
        }
    }
    if size_of_all > RATIO_FROM_BYTES && size_of_all / packed_of_all.max(1) > RATIO_MAX {
        return Err(Refusal::new("疑似压缩炸弹：部件解压后过大", HINT));
    }
    // a program may give the workbook another name; the relations of the package name it
    let kind = match kind {
        Some(kind) => kind,
        None => kind_of_main_part(&mut archive).ok_or_else(|| not_a_workbook(&names))?,
    };
    // a workbook may embed other workbooks below xl/embeddings; no office program embeds archives
    let is_archive = |name: &String| [".zip", ".rar", ".7z", ".gz"].iter().any(|ending| name.ends_with(ending));
    if names.iter().any(is_archive) {
        return Err(Refusal::new("文件结构异常：表格内夹带压缩包", HINT));
    }
    refuse_document_types(&mut archive)?;
    Ok(kind)
}

/// The kind of workbook by the main part that the relations of a package name.
fn kind_of_main_part(archive: &mut zip::ZipArchive<impl Read + Seek>) -> Option<PackageKind> {
    let name = main_part(archive).ok()??;
    let position = (0..archive.len()).find(|index| {
        archive.by_index_raw(*index).is_ok_and(|entry| entry.name().is_ok_and(|found| found.replace('\\', "/").eq_ignore_ascii_case(&name)))
    })?;
    if name.to_ascii_lowercase().ends_with(".bin") {
        return Some(PackageKind::Xlsb);
    }
    let mut head = Vec::with_capacity(PROLOG_BYTES as usize);
    archive.by_index(position).ok()?.take(PROLOG_BYTES).read_to_end(&mut head).ok()?;
    // in UTF-16 the same characters alternate with zero bytes
    head.retain(|byte| *byte != 0);
    head.windows(9).any(|window| matches!(window, b"<workbook" | b":workbook")).then_some(PackageKind::Xlsx)
}

/// The refusal of an archive without a workbook.
fn not_a_workbook(names: &HashSet<String>) -> Refusal {
    let has = |folder: &str| names.iter().any(|name| name.starts_with(folder));
    match () {
        () if has("word/") => Refusal::new("这是Word文档，不是表格", "请把其中的表格复制到Excel或WPS表格，另存为xlsx后再导入"),
        () if has("ppt/") => Refusal::new("这是演示文稿，不是表格", "请把其中的表格复制到Excel或WPS表格，另存为xlsx后再导入"),
        () => Refusal::new("这是压缩包，不是表格文件", "请解压后导入其中的表格，或另存为xlsx"),
    }
}

fn broken(_: zip::result::ZipError) -> Refusal {
    Refusal::new("文件不完整或已损坏", "还在复制的请等复制完成；否则请重新保存或重新下载后再导入")
}

/// Checks that no XML part declares a document type, which could define entities.
///
/// # Errors
/// A part does, or cannot be unpacked.
fn refuse_document_types(archive: &mut zip::ZipArchive<impl Read + Seek>) -> Result<(), Refusal> {
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(broken)?;
        let name = entry.name().map_err(broken)?.to_ascii_lowercase();
        if [".xml", ".rels"].iter().any(|ending| name.ends_with(ending)) {
            let mut head = Vec::with_capacity(PROLOG_BYTES as usize);
            entry
                .take(PROLOG_BYTES)
                .read_to_end(&mut head)
                .map_err(|_| Refusal::new("文件不完整或已损坏", "还在复制的请等复制完成；否则请重新保存或重新下载后再导入"))?;
            if has_document_type(&head) {
                return Err(Refusal::new("文件结构异常：部件含有文档类型定义（DOCTYPE）", HINT));
            }
        }
    }
    Ok(())
}

fn too_many(entries: usize) -> Refusal {
    Refusal::new(format!("文件内有{entries}个部件，疑似构造的压缩包"), HINT)
}

/// The number of entries in the end record of an archive; `None` without an end record, or where it is elsewhere (zip64).
fn declared_entries(file: &mut (impl Read + Seek)) -> Option<usize> {
    const RECORD: u64 = 22;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    // a comment of at most 64 KiB may follow
    let from = length.saturating_sub(RECORD + 0xffff);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut tail = Vec::new();
    file.take(RECORD + 0xffff).read_to_end(&mut tail).ok()?;
    let at = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let count = u16::from_le_bytes([*tail.get(at + 10)?, *tail.get(at + 11)?]);
    (count != u16::MAX).then_some(usize::from(count))
}

/// The bytes of a part that are searched: a document type comes before the first element.
const PROLOG_BYTES: u64 = 4096;

fn has_document_type(head: &[u8]) -> bool {
    // in UTF-16 the same characters alternate with zero bytes
    let plain: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    plain.windows(9).any(|window| window.eq_ignore_ascii_case(b"<!DOCTYPE"))
}

/// The content of a compound file: the container of xls, of old Word files and of encrypted workbooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompoundKind {
    Workbook,
    Encrypted,
    Other,
}

/// The most sectors of a directory that are read, of four or 32 entries each.
const DIRECTORY_SECTORS_MAX: usize = 1024;

/// The kind of a compound file by the names in its directory. A file whose directory cannot be read counts as a workbook: the parser refuses it.
pub fn inspect_compound(file: &mut (impl Read + Seek)) -> CompoundKind {
    match stream_names(file) {
        Some(names) if names.iter().any(|name| name == "EncryptedPackage") => CompoundKind::Encrypted,
        Some(names) if !names.iter().any(|name| ["workbook", "book"].contains(&name.to_ascii_lowercase().as_str())) => CompoundKind::Other,
        _ => CompoundKind::Workbook,
    }
}

/// The names of the streams; `None` where the directory cannot be read.
fn stream_names(file: &mut (impl Read + Seek)) -> Option<Vec<String>> {
    let mut header = [0u8; 512];
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_exact(&mut header).ok()?;
    let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let long = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let size = 1usize.checked_shl(u32::from(short(0x1e))).filter(|size| (512..=4096).contains(size))?;
    let mut sector = |number: u32| -> Option<Vec<u8>> {
        let mut bytes = vec![0; size];
        file.seek(SeekFrom::Start((u64::from(number) + 1) * size as u64)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    };
    let mut names = Vec::new();
    let mut next = long(&header, 0x30)?;
    for _ in 0..DIRECTORY_SECTORS_MAX {
        for entry in sector(next)?.chunks_exact(128) {
            let length = usize::from(u16::from_le_bytes([entry[64], entry[65]])).min(64);
            let units: Vec<u16> = entry[..length].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            names.push(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned());
        }
        // the allocation table holds the number of the next sector; the header lists the table's first 109 sectors
        let per_sector = (size / 4) as u32;
        let table = (next / per_sector) as usize;
        if table >= 109 {
            return Some(names);
        }
        next = long(&sector(long(&header, 0x4c + table * 4)?)?, (next % per_sector) as usize * 4)?;
        if next >= 0xffff_fff0 {
            return Some(names);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    /// A workbook of the given parts beside `xl/workbook.xml`.
    fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in [("xl/workbook.xml", b"<workbook/>".as_slice())].iter().chain(parts) {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// The bytes with each `old` replaced by `new` of the same length.
    fn swapped(bytes: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
        assert_eq!(old.len(), new.len());
        let mut out = bytes;
        for at in 0..=out.len() - old.len() {
            if out[at..].starts_with(old.as_bytes()) {
                out[at..at + old.len()].copy_from_slice(new.as_bytes());
            }
        }
        out
    }

    /// The reason of the refusal, or the kind.
    fn refused(bytes: Vec<u8>) -> String {
        inspect(Cursor::new(bytes)).map_or_else(|refusal| refusal.reason, |kind| format!("{kind:?}"))
    }

    #[test]
    fn packages_that_no_office_program_writes_are_refused() {
        assert_eq!(refused(package(&[("xl/a.xml", b"<a/>")])), "Xlsx");
        let twice = swapped(package(&[("xl/workbook.xmk", b"<workbook/>")]), "workbook.xmk", "workbook.xml");
        assert_eq!(refused(twice), "文件结构异常：有重名的部件");
        assert_eq!(refused(package(&[("XL/Workbook.xml", b"<a/>")])), "文件结构异常：有重名的部件");
        assert_eq!(refused(swapped(package(&[("xl/aa/a.xml", b"<a/>")]), "xl/aa/", "xl/../")), "文件结构异常：部件名指向文件之外");
        assert_eq!(refused(swapped(package(&[("xl\\aa\\a.xml", b"<a/>")]), "xl\\aa", "..\\..")), "文件结构异常：部件名指向文件之外");
        assert_eq!(refused(package(&[("xl/a.zip", b"PK")])), "文件结构异常：表格内夹带压缩包");
        assert_eq!(refused(package(&[("xl/VBAProject.bin", b"")])), "文件含有宏");
        assert_eq!(refused(package(&[("xl/media/a.png", &vec![0; 32 << 20])])), "疑似压缩炸弹：部件解压后过大");
        let parts: Vec<String> = (0..ENTRIES_MAX).map(|number| format!("xl/{number}.txt")).collect();
        let parts: Vec<(&str, &[u8])> = parts.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        assert_eq!(refused(package(&parts)), "文件内有10001个部件，疑似构造的压缩包");
        for xml in ["<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "<!doctype a><a/>"] {
            assert_eq!(refused(package(&[("xl/a.xml", xml.as_bytes())])), "文件结构异常：部件含有文档类型定义（DOCTYPE）");
            let utf16: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(refused(package(&[("xl/a.xml", &utf16)])), "文件结构异常：部件含有文档类型定义（DOCTYPE）");
        }
        let whole = package(&[("xl/a.xml", b"<a/>")]);
        assert_eq!(refused(whole[..whole.len() - 30].to_vec()), "文件不完整或已损坏");
    }

    #[test]
    fn overlapping_parts_are_refused() {
        let mut bytes = package(&[("xl/b.xml", b"<b/>"), ("xl/c.xml", b"<c/>")]);
        // the last directory entry gets the offset of the one before it
        let entries: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02")).collect();
        let offset: [u8; 4] = bytes[entries[1] + 42..entries[1] + 46].try_into().unwrap();
        bytes[entries[2] + 42..entries[2] + 46].copy_from_slice(&offset);
        assert_eq!(refused(bytes), "疑似压缩炸弹：部件互相重叠");
    }
}
