//! The end of the audit's chain in a file beside the database: a copy of the database in which the last lines are missing is known by it. The
//! file is made with the database; where it is missing later, only a named person begins it anew.

use crate::store::audit::{AuditEntry, AuditHead};
use crate::store::audit_check::{AuditBreak, HEAD_MISSING};
use crate::store::handle::Store;
use chrono::{DateTime, Utc};
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `var/audit.head`: number and hash of the last sealed line.
#[derive(Debug)]
pub struct AuditHeadFile(PathBuf);

/// The name of the file as the audit and messages give it.
pub const FILE: &str = "var/audit.head";

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredHead {
    /// There is no file.
    Missing,
    /// It holds no number and hash.
    Damaged,
    Head(AuditHead),
}

impl StoredHead {
    /// The head, if the file holds one.
    pub fn known(&self) -> Option<&AuditHead> {
        match self {
            StoredHead::Head(head) => Some(head),
            StoredHead::Missing | StoredHead::Damaged => None,
        }
    }
}

/// In place of the hash while no line is sealed.
const NO_HASH: &str = "-";

impl AuditHeadFile {
    /// The file of a `var` folder.
    pub fn below(var: &Path) -> AuditHeadFile {
        AuditHeadFile(var.join("audit.head"))
    }

    /// What the file holds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<StoredHead> {
        let bytes = match std::fs::read(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(StoredHead::Missing),
            bytes => bytes?,
        };
        let text = String::from_utf8(bytes).unwrap_or_default();
        let hash = |hash: &str| if hash == NO_HASH { String::new() } else { hash.to_owned() };
        let head = text.trim_end().split_once(' ').and_then(|(no, of)| Some(AuditHead { no: no.parse().ok()?, hash: hash(of) }));
        Ok(head.map_or(StoredHead::Damaged, StoredHead::Head))
    }

    /// Replaces the head. The file is whole at any time, and on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replace(&self, head: &AuditHead) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".duban-").suffix(".part").tempfile_in(folder)?;
        writeln!(file, "{} {}", head.no, if head.hash.is_empty() { NO_HASH } else { &head.hash })?;
        file.as_file().sync_all()?;
        file.persist(&self.0).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    }

    /// Begins the file beside a database that was just made, unless there is one.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn begin(&self) -> io::Result<()> {
        match self.read()? {
            StoredHead::Missing => self.replace(&AuditHead::default()),
            StoredHead::Damaged | StoredHead::Head(_) => Ok(()),
        }
    }
}

/// The kind of the line on a root that has begun its copy of the head.
const BEGUN: &str = "audit head begun";

/// Begins the file of a root that is used for the first time over a database that several roots share, at the present end of the audit. A root that
/// had one before has lost it: then nothing is begun.
///
/// # Errors
/// The database fails, or the file cannot be written.
pub async fn begin_head(store: &Store, var: &Path, now: DateTime<Utc>) -> anyhow::Result<()> {
    let (audit, file) = (store.audit(), AuditHeadFile::below(var));
    let name = audit.file_of_root(FILE);
    for what in [BEGUN, HEAD_MISSING] {
        if audit.objects_of(what).await?.contains(&name) {
            return Ok(());
        }
    }
    audit.record(&crate::clock::stamp(now), "duban", BEGUN, &name, "").await?;
    if let Some(head) = audit.seal(now).await? {
        file.replace(&head)?;
    }
    Ok(())
}

/// Seals the audit lines that are not sealed yet, and moves the file on to the new end. A file that is missing or damaged, or knows an end which
/// the database does not have, stays as it is: `duban audit --verify` reports it.
///
/// # Errors
/// The database fails, or the file cannot be read or written.
pub async fn seal_audit(store: &Store, var: &Path, now: DateTime<Utc>) -> anyhow::Result<()> {
    const SEE: &str = "duban audit --verify";
    let audit = store.audit();
    let file = AuditHeadFile::below(var);
    let known = file.read()?;
    match known {
        StoredHead::Missing => {
            audit.record_missing_head(&audit.file_of_root(FILE), &crate::clock::stamp(now)).await?;
            tracing::error!("var/audit.head is missing: {SEE}");
        }
        StoredHead::Damaged => tracing::error!("var/audit.head holds no number and hash: {SEE}"),
        StoredHead::Head(_) => {}
    }
    let Some(head) = audit.seal(now).await? else {
        tracing::error!("the row with the end of the audit is missing in the database: {SEE}");
        return Ok(());
    };
    let Some(known) = known.known().filter(|known| **known != head) else { return Ok(()) };
    if audit.contains(known).await? {
        // another process may have moved it on in the meantime
        if known.no < head.no {
            file.replace(&head)?;
        }
    } else {
        tracing::error!(file = known.no, database = head.no, "the audit ends elsewhere than var/audit.head says: {SEE}");
    }
    Ok(())
}

/// Accepts the audit as it ends now in the name of a person, with a line that shows it for ever, and begins the file anew. `before`: what was
/// wrong. Returns the break inside the chain for which nothing can be accepted; `None` = it is done.
///
/// # Errors
/// The database fails, or the file cannot be written.
pub async fn accept_end(
    store: &Store,
    var: &Path,
    before: &str,
    entry: AuditEntry<'_>,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<AuditBreak>> {
    let audit = store.audit();
    if !audit.accept_head(&audit.file_of_root(FILE), before, entry).await? {
        return Ok(audit.verify(None, now).await?.broken);
    }
    if let Some(head) = audit.seal(now).await? {
        AuditHeadFile::below(var).replace(&head)?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_one_head() {
        let folder = tempfile::tempdir().unwrap();
        let file = AuditHeadFile::below(folder.path());
        assert_eq!(file.read().unwrap(), StoredHead::Missing);
        for _ in 0..2 {
            file.begin().unwrap();
            assert_eq!(file.read().unwrap(), StoredHead::Head(AuditHead::default()));
        }
        for no in [7, 3] {
            let head = AuditHead { no, hash: "ab".repeat(32) };
            file.replace(&head).unwrap();
            file.begin().unwrap();
            assert_eq!(file.read().unwrap(), StoredHead::Head(head));
        }
        for damaged in [&b"x"[..], b"", b"\xff\xfe 7", b"seven ab"] {
            std::fs::write(folder.path().join("audit.head"), damaged).unwrap();
            file.begin().unwrap();
            assert_eq!(file.read().unwrap(), StoredHead::Damaged, "it stays for whoever looks into it");
        }
    }
}
