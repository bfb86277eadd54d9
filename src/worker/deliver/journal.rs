//! The journal of sent messages: `var/sent.log` gets a line for every message that a server has accepted, before the database records it. So
//! the message is not sent twice if the process dies in between, or if the database fails or is replaced by an older copy.

use crate::store::sending::Claimed;
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// At this size a new file is begun; one old file is retained.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// `time ⇥ id ⇥ time the message was made ⇥ reply`, one line each.
#[derive(Debug)]
pub struct Journal {
    file: PathBuf,
    old: PathBuf,
}

/// The key of a message in the journal. It contains the time the message was made, because two databases may give messages the same id.
pub fn key(id: &str, created_at: &str) -> String {
    format!("{id}\t{created_at}")
}

impl Journal {
    /// The journal of a `var` folder.
    pub fn below(var: &Path) -> Journal {
        Journal { file: var.join("sent.log"), old: var.join("sent.log.1") }
    }

    /// The keys of all messages in the journal, as [`key`] makes them. A line that was cut off when the process was killed is ignored.
    ///
    /// # Errors
    /// An existing file cannot be read.
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

    /// Adds messages that a server has just accepted.
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
            // a line that was cut off is ended first
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
        Claimed { id: id.into(), created_at: "2026".into(), fence: 1, ..Claimed::default() }
    }

    #[test]
    fn a_line_counts_if_it_is_complete() {
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
        // a new file is begun when the old one is full
        std::fs::write(&path, format!("now\tc\t2026\t{}\n", "x".repeat(9 << 20))).unwrap();
        journal.append("now", [(&b, "250")].into_iter()).unwrap();
        assert_eq!(journal.read().unwrap(), [key("b", "2026"), key("c", "2026")].into());
    }
}
