//! The archive of reports: a visible file is whole, its name tells what it is, its sha256 is known.

use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The most bytes of a file name that every file system takes, with room for the ending.
const NAME_BYTES_MAX: usize = 200;

/// How the name of a file begins and ends while it is written.
const PART: (&str, &str) = (".duban-", ".part");

/// A file that stands in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    pub path: PathBuf,
    /// Lower-case hex.
    pub sha256: String,
    pub bytes: u64,
}

/// A file while it is written: a temporary one in the folder it is for, seen under its name only when it is whole.
pub struct Part {
    file: NamedTempFile,
    dir: PathBuf,
    hash: Context,
    bytes: u64,
}

impl Part {
    /// # Errors
    /// The folder cannot be made or written; the message names it.
    pub fn begin(dir: &Path) -> io::Result<Part> {
        std::fs::create_dir_all(dir).map_err(|error| told(dir, &error))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(PART.0).suffix(PART.1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // reports hold names and phone numbers: the service's own group may read them, others not
            builder.permissions(std::fs::Permissions::from_mode(0o640));
        }
        let file = builder.tempfile_in(dir).map_err(|error| told(dir, &error))?;
        Ok(Part { file, dir: dir.to_owned(), hash: Context::new(&SHA256), bytes: 0 })
    }

    /// Of what has been written, in lower-case hex.
    pub fn sha256(&self) -> String {
        hex::encode(self.hash.clone().finish())
    }

    /// Flushes the file to disk and gives it its name. An older file of the same name is replaced.
    ///
    /// # Errors
    /// It cannot be flushed or renamed; the message names the file.
    pub fn keep(self, name: &str) -> io::Result<Filed> {
        let path = self.dir.join(safe_name(name));
        self.file.as_file().sync_all().map_err(|error| told(&path, &error))?;
        self.file.persist(&path).map_err(|error| told(&path, &error.error))?;
        #[cfg(unix)]
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|error| told(&path, &error))?;
        Ok(Filed { path, sha256: hex::encode(self.hash.finish()), bytes: self.bytes })
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| told(&self.dir, &error))?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn told(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
/// As [`Part`].
pub fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<Filed> {
    let mut part = Part::begin(dir)?;
    part.write_all(bytes)?;
    part.keep(name)
}

/// Removes what a killed process left half written in a folder that nobody else writes to now.
///
/// # Errors
/// The folder cannot be read or a file not removed; a folder that is not there holds nothing.
pub fn sweep(dir: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PART.0) && name.ends_with(PART.1) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&SHA256, bytes))
}

/// A name that is a file name on every system: no separators, no reserved signs, no leading dot, not too long. The ending stays.
pub fn safe_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
        .collect();
    let clean = clean.trim().trim_start_matches('.');
    let (stem, ending) = match clean.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 8 && ending.is_ascii() => (stem, format!(".{ending}")),
        _ => (clean, String::new()),
    };
    let mut cut = stem.len().min(NAME_BYTES_MAX);
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    let stem = stem[..cut].trim_end_matches(['.', ' ']);
    format!("{}{ending}", if stem.is_empty() { "_" } else { stem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_folder() {
        assert_eq!(safe_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(safe_name("瓮安县/督办:清单.xlsx"), "瓮安县_督办_清单.xlsx");
        assert_eq!(safe_name(""), "_");
        let long = safe_name(&format!("{}.xlsx", "县".repeat(300)));
        assert!(long.len() <= 205 && long.ends_with("县.xlsx"));
    }

    #[test]
    fn a_report_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("季度/2026-09-30");
        write(&below, "甲.xlsx", b"old").unwrap();
        let filed = write(&below, "甲.xlsx", b"abc").unwrap();
        assert_eq!((std::fs::read(&filed.path).unwrap().as_slice(), filed.bytes), (&b"abc"[..], 3));
        assert_eq!(filed.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::read_dir(&below).unwrap().count(), 1);
        std::fs::write(below.join(".duban-x.part"), b"half").unwrap();
        sweep(&below).unwrap();
        sweep(&dir.path().join("nothing")).unwrap();
        assert_eq!(std::fs::read_dir(&below).unwrap().count(), 1);
    }
}
