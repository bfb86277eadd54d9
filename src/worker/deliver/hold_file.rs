//! `var/sending.hold`: somebody has stopped all sending while the database took nothing. The next delivery moves it there.

use std::io;
use std::path::{Path, PathBuf};

/// The file: who, and why.
#[derive(Debug)]
pub struct HoldFile(PathBuf);

impl HoldFile {
    /// The file of a `var` folder.
    pub fn below(var: &Path) -> HoldFile {
        HoldFile(var.join("sending.hold"))
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.0.exists()
    }

    /// Who has stopped sending and why; `None` = there is no file.
    pub fn read(&self) -> Option<(String, String)> {
        if !self.is_there() {
            return None;
        }
        // on a full disk the file may be without its text, and stops all the same
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let (by, why) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
        let by = if by.is_empty() { "未署名" } else { by };
        Some((by.to_owned(), why.to_owned()))
    }

    /// Stops all sending.
    ///
    /// # Errors
    /// Not even an empty file can be made.
    pub fn write(&self, by: &str, why: &str) -> io::Result<()> {
        std::fs::File::create(&self.0)?.sync_all()?;
        // the file alone stops
        let _ = std::fs::write(&self.0, format!("{}\n{}\n", by.replace('\n', " "), why.replace('\n', " ")));
        Ok(())
    }

    /// Takes the file away, once the database knows.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stops_also_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = HoldFile::below(folder.path());
        assert_eq!(file.read(), None);
        file.write("值班员", "发错\n了").unwrap();
        assert_eq!(file.read(), Some(("值班员".into(), "发错 了".into())));
        std::fs::write(folder.path().join("sending.hold"), "").unwrap();
        assert_eq!(file.read(), Some(("未署名".into(), String::new())));
        file.remove().unwrap();
        file.remove().unwrap();
        assert!(!file.is_there());
    }
}
