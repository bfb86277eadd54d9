//! `var/numbers`: how far events and the numbers of their records have come, beside the database. A database behind it is a restored copy, which would
//! give numbers twice.

use crate::domain::disk_fault::in_words;
use crate::store::event_numbers::EventNumbers;
use crate::store::handle::Store;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file.
#[derive(Debug)]
pub struct NumbersFile(PathBuf);

/// What it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownNumbers {
    /// There is no file yet.
    None,
    Known(EventNumbers),
    /// It cannot be read. In Chinese.
    Damaged(String),
}

impl NumbersFile {
    /// The file of a `var` folder.
    pub fn below(var: &Path) -> NumbersFile {
        NumbersFile(var.join("numbers"))
    }

    pub fn read(&self) -> KnownNumbers {
        match std::fs::read(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => KnownNumbers::None,
            Err(error) => KnownNumbers::Damaged(in_words(&error)),
            Ok(bytes) => serde_json::from_slice(&bytes).map_or_else(|_| KnownNumbers::Damaged("内容不全".to_owned()), KnownNumbers::Known),
        }
    }

    /// Replaces what the file holds. It is whole at any time, and on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replace(&self, numbers: &EventNumbers) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".duban-").suffix(".part").tempfile_in(folder)?;
        serde_json::to_writer(&mut file, numbers)?;
        writeln!(file)?;
        file.as_file().sync_all()?;
        file.persist(&self.0).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    }
}

/// Moves the file on to the numbers of the database. One that is damaged, or ahead of the database, stays as it is.
///
/// # Errors
/// The database fails, or the file cannot be written.
pub async fn move_on(store: &Store, var: &Path) -> anyhow::Result<()> {
    let file = NumbersFile::below(var);
    let known = match file.read() {
        KnownNumbers::None => EventNumbers::default(),
        KnownNumbers::Known(known) => known,
        KnownNumbers::Damaged(_) => return Ok(()),
    };
    let now = store.events().numbers().await?;
    if now != known && !now.is_behind(&known) {
        file.replace(&now)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_torn_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = NumbersFile::below(&folder.path().join("var"));
        assert_eq!(file.read(), KnownNumbers::None);
        let numbers = EventNumbers { position: 7, ..EventNumbers::default() };
        file.replace(&numbers).unwrap();
        assert_eq!(file.read(), KnownNumbers::Known(numbers));
        for torn in ["", "{\"position\":7", "\0\0\0"] {
            std::fs::write(&file.0, torn).unwrap();
            assert!(matches!(file.read(), KnownNumbers::Damaged(_)), "{torn:?}");
        }
    }
}
