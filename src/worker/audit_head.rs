//! The end of the audit's chain in a file beside the database: a copy of the database in which the last lines are missing is known by it.

use crate::store::audit::AuditHead;
use crate::store::handle::Store;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `var/audit.head`: number and hash of the last sealed line.
#[derive(Debug)]
pub struct AuditHeadFile(PathBuf);

impl AuditHeadFile {
    /// The file of a `var` folder.
    pub fn below(var: &Path) -> AuditHeadFile {
        AuditHeadFile(var.join("audit.head"))
    }

    /// The head; `None` = there is no file yet.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(&self) -> io::Result<Option<AuditHead>> {
        let text = match std::fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let head = text.trim_end().split_once(' ').and_then(|(no, hash)| Some(AuditHead { no: no.parse().ok()?, hash: hash.to_owned() }));
        head.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no number and hash"))
    }

    /// Replaces the head. The file is whole at any time, and on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replace(&self, head: &AuditHead) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".duban-").suffix(".part").tempfile_in(folder)?;
        writeln!(file, "{} {}", head.no, head.hash)?;
        file.as_file().sync_all()?;
        file.persist(&self.0).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    }
}

/// Seals the audit lines that are not sealed yet, and moves the file on to the new end. A file that knows an end which the database does not
/// have stays as it is: `duban audit --verify` reports it.
///
/// # Errors
/// The database fails, or the file cannot be read or written.
pub async fn seal_audit(store: &Store, var: &Path) -> anyhow::Result<()> {
    let head = store.audit().seal().await?;
    let file = AuditHeadFile::below(var);
    let known = file.read()?.unwrap_or_default();
    if known == head {
        return Ok(());
    }
    if store.audit().contains(&known).await? {
        // another process may have moved it on in the meantime
        if known.no < head.no {
            file.replace(&head)?;
        }
    } else {
        tracing::error!(file = known.no, database = head.no, "the audit ends elsewhere than var/audit.head says: duban audit --verify");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_one_head() {
        let folder = tempfile::tempdir().unwrap();
        let file = AuditHeadFile::below(folder.path());
        assert_eq!(file.read().unwrap(), None);
        for no in [7, 3] {
            let head = AuditHead { no, hash: "ab".repeat(32) };
            file.replace(&head).unwrap();
            assert_eq!(file.read().unwrap(), Some(head));
        }
        std::fs::write(folder.path().join("audit.head"), "x").unwrap();
        assert!(file.read().is_err());
    }
}
