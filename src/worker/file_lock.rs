//! File locks below var/locks. The operating system releases them when a process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

/// A lock that is released when it is dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    fn open(var: &Path, name: &str) -> std::io::Result<File> {
        let folder = var.join("locks");
        std::fs::create_dir_all(&folder)?;
        let name: String = name.chars().map(|c| if c.is_alphanumeric() || "-_@#.".contains(c) { c } else { '_' }).collect();
        File::options().create(true).truncate(false).write(true).open(folder.join(name))
    }

    /// Takes the lock; `None` = another process of this machine has it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn try_take(var: &Path, name: &str) -> std::io::Result<Option<FileLock>> {
        let file = FileLock::open(var, name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
