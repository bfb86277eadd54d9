//! The file of an SQLite database as it was opened: whoever deletes or replaces it leaves the service with a file that nobody else sees.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An SQLite file that is open.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFile {
    pub(crate) path: PathBuf,
    /// Device and number of the file.
    identity: (u64, u64),
}

impl DatabaseFile {
    /// The file at a path, which has just been opened.
    pub(crate) fn opened(path: PathBuf) -> io::Result<DatabaseFile> {
        let identity = identity(&path)?;
        Ok(DatabaseFile { path, identity })
    }

    /// Whether the path still names the file that was opened.
    pub(crate) fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|now| now == self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let facts = path.metadata()?;
    Ok((facts.dev(), facts.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_deleted_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("duban.db");
        std::fs::write(&path, "one").unwrap();
        let file = DatabaseFile::opened(path.clone()).unwrap();
        std::fs::write(&path, "its bytes may change").unwrap();
        assert!(file.is_in_place());
        let aside = folder.path().join("aside.db");
        std::fs::rename(&path, &aside).unwrap();
        assert!(!file.is_in_place(), "deleted");
        std::fs::write(&path, "one").unwrap();
        assert!(!file.is_in_place(), "replaced by a copy");
        std::fs::rename(&aside, &path).unwrap();
        assert!(file.is_in_place(), "put back");
    }
}
