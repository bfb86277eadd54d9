//! The archive of reports.
//!
//! Invariant: a file has its final name only once it is complete and flushed to disk, and its SHA-256 is known.

use crate::domain::disk_fault::disk_fault;
use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The most bytes of a file name without its extension. Common file systems allow 255 bytes in all.
const STEM_BYTES_MAX: usize = 200;

/// Prefix and suffix of the name of a temporary file.
const TEMPORARY_PREFIX: &str = ".duban-";
const TEMPORARY_SUFFIX: &str = ".part";

/// A complete file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedFile {
    pub path: PathBuf,
    /// In lower-case hex.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
}

/// Writes one file of the archive: a temporary file in the target folder, which [`ArchiveWriter::publish`] gives its final name. Dropping
/// the writer removes the temporary file.
pub struct ArchiveWriter {
    file: NamedTempFile,
    dir: PathBuf,
    hash: Context,
    bytes: u64,
}

impl ArchiveWriter {
    /// Creates the folder where it is missing, and a temporary file in it.
    ///
    /// # Errors
    /// The folder cannot be created or written; the message names it.
    pub fn create(dir: &Path) -> io::Result<ArchiveWriter> {
        std::fs::create_dir_all(dir).map_err(|error| with_path(dir, &error))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Reports contain names and phone numbers, so only the owner and the group of the service may read them.
            builder.permissions(std::fs::Permissions::from_mode(0o640));
        }
        let file = builder.tempfile_in(dir).map_err(|error| with_path(dir, &error))?;
        Ok(ArchiveWriter { file, dir: dir.to_owned(), hash: Context::new(&SHA256), bytes: 0 })
    }

    /// SHA-256 of the bytes written so far, in lower-case hex.
    pub fn sha256(&self) -> String {
        hex::encode(self.hash.clone().finish())
    }

    /// Flushes the file to disk and renames it to [`safe_name`] of the name. It replaces an existing file of the same name.
    ///
    /// # Errors
    /// The file cannot be flushed or renamed; the message names it.
    pub fn publish(self, name: &str) -> io::Result<ArchivedFile> {
        let path = self.dir.join(safe_name(name));
        self.file.as_file().sync_all().map_err(|error| with_path(&path, &error))?;
        self.file.persist(&path).map_err(|error| with_path(&path, &error.error))?;
        #[cfg(unix)]
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|error| with_path(&path, &error))?;
        Ok(ArchivedFile { path, sha256: hex::encode(self.hash.finish()), bytes: self.bytes })
    }
}

impl Write for ArchiveWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| with_path(&self.dir, &error))?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The error with the path in front of its message, and what to do about a disk that takes nothing more.
fn with_path(path: &Path, error: &io::Error) -> io::Error {
    let words = disk_fault(error.kind()).map_or_else(String::new, |words| format!("{words}："));
    io::Error::new(error.kind(), format!("{words}{}: {error}", path.display()))
}

/// Writes a file of the archive atomically: after a failure the folder is as before.
///
/// # Errors
/// As [`ArchiveWriter::create`] and [`ArchiveWriter::publish`].
pub fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<ArchivedFile> {
    let mut writer = ArchiveWriter::create(dir)?;
    writer.write_all(bytes)?;
    writer.publish(name)
}

/// Removes the temporary files that a killed process left in a folder. No other process may write to the folder at this time. A missing
/// folder counts as empty.
///
/// # Errors
/// The folder cannot be read, or a file cannot be removed.
pub(crate) fn remove_temporary_files(dir: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// SHA-256 of the bytes, in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&SHA256, bytes))
}

/// The name changed so that it is a valid file name on Linux, macOS and Windows: path separators, reserved characters and control
/// characters become `_`, leading dots go, a long stem is cut. An ASCII extension of at most 8 bytes stays.
pub(crate) fn safe_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
        .collect();
    let clean = clean.trim().trim_start_matches('.');
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 8 && extension.is_ascii() => (stem, format!(".{extension}")),
        _ => (clean, String::new()),
    };
    let mut cut = stem.len().min(STEM_BYTES_MAX);
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    let stem = stem[..cut].trim_end_matches(['.', ' ']);
    format!("{}{extension}", if stem.is_empty() { "_" } else { stem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_never_leads_out_of_its_folder() {
        assert_eq!(safe_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(safe_name("瓮安县/督办:清单.xlsx"), "瓮安县_督办_清单.xlsx");
        assert_eq!(safe_name(""), "_");
        let long = safe_name(&format!("{}.xlsx", "县".repeat(300)));
        assert!(long.len() <= 205 && long.ends_with("县.xlsx"));
    }

    #[test]
    fn a_new_report_replaces_the_old_one_and_no_temporary_file_remains() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("季度/2026-09-30");
        write(&folder, "甲.xlsx", b"old").unwrap();
        let archived = write(&folder, "甲.xlsx", b"abc").unwrap();
        assert_eq!((std::fs::read(&archived.path).unwrap().as_slice(), archived.bytes), (&b"abc"[..], 3));
        assert_eq!(archived.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::write(folder.join(".duban-x.part"), b"half").unwrap();
        remove_temporary_files(&folder).unwrap();
        remove_temporary_files(&dir.path().join("nothing")).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
}
