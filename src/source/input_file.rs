//! Opens a file once. Its bytes are copied to a file without a name, and their sha256 is taken on the way: a child reads the very bytes that
//! have that sum, whoever writes to the file meanwhile.

use crate::domain::disk_fault::in_words;
use crate::source::refusal::{ReadLimits, Refusal};
use ring::digest::{Context, SHA256};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime};

/// A copy of a file, as it was when it was opened.
#[derive(Debug)]
pub struct InputFile {
    copy: File,
    length: u64,
    is_workbook: bool,
    /// When the file was last changed; `None` = its file system does not know.
    pub modified: Option<SystemTime>,
    pub sha256: String,
}

/// What archives begin with, and the compound files of older office programs.
pub(crate) const ZIP: &[u8] = b"PK";
pub(crate) const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];

/// How long a file may take to open. A mount whose server is gone never answers.
pub(crate) const OPEN_SECONDS: u64 = 20;

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 * 1024;

impl InputFile {
    /// Opens a regular file of at most `limits.file_mib_max`, within a time. Blocking.
    ///
    /// # Errors
    /// It does not exist, is a folder, a pipe or a device, is too long, cannot be read, takes too long, or is changed meanwhile.
    pub fn open(path: &Path, limits: ReadLimits) -> Result<InputFile, Refusal> {
        within_time(path, limits.seconds, move |path, opened| {
            let file = open_regular(path, limits)?;
            // nobody waits for a file that has opened too late
            let _ = opened.send(());
            copy(file, limits)
        })
    }

    /// Its bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it is a workbook by its first bytes, or an archive or a document that is refused.
    pub(crate) fn is_workbook(&self) -> bool {
        self.is_workbook
    }

    /// A descriptor of the copy, at its beginning. Only one child reads it at a time.
    pub(crate) fn descriptor(&mut self) -> std::io::Result<File> {
        self.copy.rewind()?;
        self.copy.try_clone()
    }
}

/// The sha256 of a regular file of at most `limits.file_mib_max`, within a time. Blocking.
///
/// # Errors
/// As [`InputFile::open`].
pub fn sha256(path: &Path, limits: ReadLimits) -> Result<String, Refusal> {
    within_time(path, limits.seconds, move |path, opened| {
        let file = open_regular(path, limits)?;
        let _ = opened.send(());
        digest(&file, limits, |_| Ok(()))
    })
}

/// Runs `work` on a path in a thread and waits for it: [`OPEN_SECONDS`] until it reports that the file is open, and then `seconds`. A thread that
/// hangs in the system is left behind.
pub(crate) fn within_time<T: Send + 'static>(
    path: &Path,
    seconds: u64,
    work: impl FnOnce(&Path, &Sender<()>) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let too_slow = |seconds: u64| Refusal::new(format!("{seconds}秒内没有读到文件，网络位置可能已断开"), "请检查网络位置或磁盘是否正常");
    let (opened, is_open) = channel();
    let (done, result) = channel();
    let path: PathBuf = path.to_owned();
    let thread = std::thread::Builder::new().name("open-file".into()).spawn(move || {
        let outcome = work(&path, &opened);
        drop(opened);
        // nobody waits for a result that comes too late
        let _ = done.send(outcome);
    });
    thread.map_err(|error| unreadable(&error))?;
    // an error before the file was open drops the sender
    if is_open.recv_timeout(Duration::from_secs(OPEN_SECONDS)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        return Err(too_slow(OPEN_SECONDS));
    }
    result.recv_timeout(Duration::from_secs(seconds)).unwrap_or_else(|_| Err(too_slow(seconds)))
}

fn unreadable(error: &std::io::Error) -> Refusal {
    Refusal::new(format!("文件无法打开：{}", in_words(error)), "请检查文件是否存在、路径是否正确，是否正被其他程序占用")
}

fn too_long(limits: ReadLimits) -> Refusal {
    Refusal::new(format!("文件超过{}MB", limits.file_mib_max), "请拆分后分别导入")
}

/// A file that somebody writes while it is read.
pub(crate) fn being_written() -> Refusal {
    Refusal::new("文件在读取时还在变化，可能还在复制或保存，本次不读取", "请等复制或保存完成；下次执行时会再读取")
}

/// Opens a file without waiting for the other end of a pipe. One that is too long is not read at all.
fn open_regular(path: &Path, limits: ReadLimits) -> Result<File, Refusal> {
    let check = |facts: &Metadata| match (facts.is_file(), facts.is_dir()) {
        (true, _) if facts.len() > limits.file_mib_max * 1024 * 1024 => Err(too_long(limits)),
        (true, _) => Ok(()),
        (_, true) => Err(unreadable(&std::io::Error::other("是文件夹"))),
        _ => Err(Refusal::new("不是普通文件，而是管道、设备或套接字", "请指明一个文件")),
    };
    // a device may act on being opened, so it is not opened at all
    check(&std::fs::metadata(path).map_err(|error| unreadable(&error))?)?;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = file.map_err(|error| unreadable(&error))?;
    check(&file.metadata().map_err(|error| unreadable(&error))?)?;
    Ok(file)
}

fn copy(file: File, limits: ReadLimits) -> Result<InputFile, Refusal> {
    let no_room = |error: std::io::Error| Refusal::new(format!("临时文件无法写入：{}", in_words(&error)), "请检查临时文件夹的磁盘空间");
    let mut copy = tempfile::tempfile().map_err(no_room)?;
    let (mut length, mut is_workbook) = (0, false);
    let modified = file.metadata().and_then(|facts| facts.modified()).ok();
    let sha256 = digest(&file, limits, |bytes| {
        is_workbook |= length == 0 && (bytes.starts_with(ZIP) || bytes.starts_with(COMPOUND));
        length += bytes.len() as u64;
        copy.write_all(bytes).map_err(no_room)
    })?;
    Ok(InputFile { copy, length, is_workbook, modified, sha256 })
}

/// The sha256 of a file, whose pieces are given to `take`.
///
/// # Errors
/// It is too long or cannot be read, or somebody changes it meanwhile: then its pieces may be of no file at all.
fn digest(mut file: &File, limits: ReadLimits, mut take: impl FnMut(&[u8]) -> Result<(), Refusal>) -> Result<String, Refusal> {
    let facts = || file.metadata().map(|facts| (facts.len(), facts.modified().ok())).map_err(|error| unreadable(&error));
    let before = facts()?;
    let mut hasher = Context::new(&SHA256);
    let mut piece = vec![0; PIECE_BYTES];
    let most = limits.file_mib_max * 1024 * 1024;
    let mut length = 0;
    loop {
        let count = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&error)),
        };
        length += count as u64;
        if length > most {
            return Err(too_long(limits));
        }
        hasher.update(&piece[..count]);
        take(&piece[..count])?;
    }
    if facts()? != before || length != before.0 {
        return Err(being_written());
    }
    Ok(hex::encode(hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ReadLimits = ReadLimits { file_mib_max: 1, memory_mib: 64, seconds: 9, rows_max: 100, columns_max: 100 };

    #[test]
    fn the_copy_is_what_the_sum_was_taken_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "项目编号").unwrap();
        let mut opened = InputFile::open(&path, LIMITS).unwrap();
        std::fs::write(&path, "another content").unwrap();
        let mut text = String::new();
        opened.descriptor().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(
            (text.as_str(), opened.sha256.as_str()),
            ("项目编号", &*hex::encode(ring::digest::digest(&SHA256, "项目编号".as_bytes())))
        );
        assert_ne!(sha256(&path, LIMITS).unwrap(), opened.sha256);
    }

    #[test]
    fn only_a_regular_file_of_some_length_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        std::fs::write(&path, vec![0; 1024 * 1024 + 1]).unwrap();
        let reason = |path: &Path| InputFile::open(path, LIMITS).unwrap_err().reason;
        assert_eq!(reason(&path), "文件超过1MB");
        assert!(reason(folder.path()).ends_with("是文件夹"));
        assert!(reason(&folder.path().join("missing")).starts_with("文件无法打开"));
        assert!(reason(Path::new("/dev/zero")).starts_with("不是普通文件"));
        let pipe = folder.path().join("pipe");
        // a file of a tebibyte without content is refused before a byte of it is read
        std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(reason(&path), "文件超过1MB");
        assert_eq!(sha256(&path, LIMITS).unwrap_err().reason, "文件超过1MB");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(reason(&pipe).starts_with("不是普通文件"));
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_not_taken_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let write = |text: &str| OpenOptions::new().append(true).create(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        write("项目编号\n");
        let file = File::open(&path).unwrap();
        let mut taken = 0;
        let grown = digest(&file, LIMITS, |piece| {
            // once, so that the reading ends
            if taken == 0 {
                write("GZ1\n");
            }
            taken += piece.len();
            Ok(())
        });
        assert_eq!(grown.unwrap_err().reason, being_written().reason);
        let file = File::open(&path).unwrap();
        let cut = digest(&file, LIMITS, |_| {
            OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
            Ok(())
        });
        assert_eq!(cut.unwrap_err().reason, being_written().reason);
        write("项目编号\n");
        assert!(sha256(&path, LIMITS).is_ok());
    }
}
