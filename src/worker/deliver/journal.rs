//! The second witness: `var/sent.log` gets a line for every message a server has taken, before the database hears of it. A process that
//! dies in between, or a database that is away or has been set back to a copy, makes no second mail of it.

use crate::store::sending::Claimed;
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The file begins anew at this size; one old file is kept.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// `time ⇥ id ⇥ time the message was made ⇥ reply`, one line each.
#[derive(Debug)]
pub struct Journal {
    file: PathBuf,
    old: PathBuf,
}

/// A message in the journal. The time it was made tells it from one that another database made under the same id.
pub fn key(id: &str, created_at: &str) -> String {
    format!("{id}\t{created_at}")
}

impl Journal {
    pub fn below(var: &Path) -> Journal {
        Journal { file: var.join("sent.log"), old: var.join("sent.log.1") }
    }

    /// All messages it knows, by [`key`]. A line that a kill cut off before its end counts for nothing.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn read(&self) -> std::io::Result<HashSet<String>> {
        let mut known = HashSet::new();
        for path in [&self.old, &self.file] {
            let mut bytes = Vec::new();
            match std::fs::File::open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened?.read_to_end(&mut bytes)?,
            };
            let text = String::from_utf8_lossy(&bytes);
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                let mut fields = line.splitn(4, '\t');
                if let (Some(_), Some(id), Some(created_at), Some(_)) = (fields.next(), fields.next(), fields.next(), fields.next()) {
                    known.insert(key(id, created_at));
                }
            }
        }
        Ok(known)
    }

    /// Adds messages that a server has just taken.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append<'a>(&self, at: &str, taken: impl Iterator<Item = (&'a Claimed, &'a str)>) -> std::io::Result<()> {
        let mut lines = String::new();
        for (message, reply) in taken {
            let reply: String = reply.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            lines.push_str(&format!("{at}\t{}\t{}\t{reply}\n", message.id, message.created_at));
        }
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::options().create(true).append(true).read(true).open(&self.file)?;
        let length = file.metadata()?.len();
        if length > BYTES_MAX {
            std::fs::rename(&self.file, &self.old)?;
            file = std::fs::File::options().create(true).append(true).read(true).open(&self.file)?;
        } else if length > 0 {
            // behind a line that a kill cut off
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                lines.insert(0, '\n');
            }
        }
        file.write_all(lines.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Claimed {
        Claimed {
            id: id.into(),
            address: String::new(),
            unit: String::new(),
            message_id: String::new(),
            created_at: "2026".into(),
            size: 0,
            attempts: 1,
            unknowns: 0,
            fence: 1,
        }
    }

    #[test]
    fn what_was_written_whole_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::below(&folder.path().join("var"));
        assert!(journal.read().unwrap().is_empty());
        let (a, b) = (message("a"), message("b"));
        journal.append("now", [(&a, "250 ok\r\nand\tmore")].into_iter()).unwrap();
        let path = folder.path().join("var/sent.log");
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}now\tcut\t2026")).unwrap();
        journal.append("now", [(&b, "250")].into_iter()).unwrap();
        let known = journal.read().unwrap();
        assert_eq!(known, [key("a", "2026"), key("b", "2026")].into());
        assert!(!known.contains(&key("a", "2027")), "another database made that one");
        // a full file makes way for a new one
        std::fs::write(&path, format!("now\tc\t2026\t{}\n", "x".repeat(9 << 20))).unwrap();
        journal.append("now", [(&b, "250")].into_iter()).unwrap();
        assert_eq!(journal.read().unwrap(), [key("b", "2026"), key("c", "2026")].into());
    }
}
