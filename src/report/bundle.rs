//! Many files as one zip that is written as it is read: neither the whole nor one whole file is in memory. Names are UTF-8.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};

/// What one file of the zip is made from.
pub(crate) enum Content {
    File(PathBuf),
    /// Removed once it is packed.
    Temporary(TempPath),
    Bytes(Vec<u8>),
    Missing(Missing),
}

/// Why a file is not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Gone,
    /// It is not what was made.
    Altered,
    Unreadable,
}

impl Missing {
    const ALL: [Missing; 3] = [Missing::Gone, Missing::Altered, Missing::Unreadable];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Missing::Gone => "已不在服务器上",
            Missing::Altered => "与生成时登记的不一致",
            Missing::Unreadable => "服务器读不出",
        }
    }
}

/// A file of the zip.
pub(crate) struct Entry {
    /// With its folders, divided by `/`.
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// The file that names what is not in the zip.
const MISSING: &str = "没有收入的文件.txt";

/// Opens a file; a link in its place is none.
fn open_file(path: impl AsRef<Path>) -> io::Result<File> {
    match path.as_ref().symlink_metadata()?.is_file() {
        true => File::open(path),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Writes a zip. A file that cannot be opened is named in a text of its own, and the others are written. Returns why it could not be, by name,
/// where it is there.
///
/// # Errors
/// The zip cannot be written, or a file ends in the middle of its reading.
pub(crate) fn bundle(out: impl Write, entries: impl Iterator<Item = Entry>) -> io::Result<Vec<(String, io::Error)>> {
    let failed = |error: ZipError| io::Error::other(error);
    let mut zip = ZipWriter::new_stream(out);
    // what is in it is packed already
    let options = SimpleFileOptions::default().compression_level(Some(1)).large_file(false);
    let mut names = HashSet::new();
    let (mut missing, mut unreadable) = (Vec::new(), Vec::new());
    for Entry { name, content } in entries {
        let opened = match content {
            Content::File(path) => open_file(path),
            // it stays open though its name goes
            Content::Temporary(path) => File::open(&path),
            Content::Bytes(bytes) => {
                zip.start_file(free_name(&mut names, &name), options).map_err(failed)?;
                zip.write_all(&bytes)?;
                continue;
            }
            Content::Missing(why) => {
                missing.push((why, name));
                continue;
            }
        };
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push((Missing::Gone, name));
                continue;
            }
            Err(error) => {
                missing.push((Missing::Unreadable, name.clone()));
                unreadable.push((name, error));
                continue;
            }
        };
        zip.start_file(free_name(&mut names, &name), options).map_err(failed)?;
        io::copy(&mut file, &mut zip)?;
    }
    if !missing.is_empty() {
        zip.start_file(free_name(&mut names, MISSING), options).map_err(failed)?;
    }
    for why in Missing::ALL {
        let names: Vec<&str> = missing.iter().filter(|(reason, _)| *reason == why).map(|(_, name)| name.as_str()).collect();
        if !names.is_empty() {
            write!(zip, "以下文件{}，请告诉管理员：\r\n{}\r\n", why.words(), names.join("\r\n"))?;
        }
    }
    zip.finish().map_err(failed)?;
    Ok(unreadable)
}

/// The name, with a number before its ending where another file has it.
fn free_name(names: &mut HashSet<String>, name: &str) -> String {
    let (stem, ending) = name.rsplit_once('.').map_or((name, String::new()), |(stem, ending)| (stem, format!(".{ending}")));
    let numbered = (1..).map(|number| if number == 1 { name.to_owned() } else { format!("{stem}（{number}）{ending}") });
    let free = numbered.into_iter().find(|name| !names.contains(name)).unwrap_or_else(|| name.to_owned());
    names.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};

    #[test]
    fn a_zip_has_its_chinese_names_and_names_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "the county").unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
        let file = |name: &str, path: &str| Entry { name: name.into(), content: Content::File(folder.path().join(path)) };
        let bytes = Entry { name: "季度/瓮安县清单.xlsx".into(), content: Content::Bytes(b"a second one".to_vec()) };
        let mut out = Vec::new();
        let altered = Entry { name: "季度/改过.xlsx".into(), content: Content::Missing(Missing::Altered) };
        let gone = [file("季度/没有.xlsx", "none"), altered, file("季度/链接.xlsx", "link"), file("季度/坏.xlsx", "a/within a file")];
        let entries = [file("季度/瓮安县清单.xlsx", "a"), bytes].into_iter().chain(gone);
        let unreadable = bundle(&mut out, entries).unwrap();
        assert_eq!(unreadable.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["季度/坏.xlsx"]);
        // bit 11 of the flags: the name is UTF-8
        assert_eq!(out[6..8][1] & 0b1000, 0b1000, "{:?}", &out[..30]);
        let mut zip = zip::ZipArchive::new(Cursor::new(out)).unwrap();
        let mut read = |name: &str| {
            let mut text = String::new();
            zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(read("季度/瓮安县清单.xlsx"), "the county");
        assert_eq!(read("季度/瓮安县清单（2）.xlsx"), "a second one");
        let unread = "以下文件已不在服务器上，请告诉管理员：\r\n季度/没有.xlsx\r\n季度/链接.xlsx\r\n以下文件与生成时登记的不一致，请告诉管理员：\r\n季度/改过.xlsx\r\n以下文件服务器读不出，请告诉管理员：\r\n季度/坏.xlsx\r\n";
        assert_eq!(read(MISSING), unread);
    }
}
