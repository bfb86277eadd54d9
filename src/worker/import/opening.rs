//! Opens what is read. The service does not take a file that somebody still writes: it looks twice.

use crate::source::child::Rows;
use crate::source::input_file::{InputFile, being_written};
use crate::source::refusal::Refusal;
use crate::worker::import::importer::Importer;
use crate::worker::import::input::Input;
use crate::worker::import::pull_report::interrupted;
use crate::worker::import::reading_guard::Initiative;
use chrono::{DateTime, Utc};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// So long a file has to stay the same before the service takes it: a program that copies or saves it writes more often.
const QUIET: Duration = Duration::from_secs(3);

/// How long it takes until a file is old enough; `None` = it is. A time in the future comes from another clock, not from a copy in progress.
fn young_for(modified: Option<SystemTime>, now: DateTime<Utc>) -> Option<Duration> {
    let age = (now - DateTime::<Utc>::from(modified?)).to_std().ok()?;
    QUIET.checked_sub(age).filter(|rest| !rest.is_zero())
}

/// Whether two looks at a file saw the same.
fn is_unchanged(before: &InputFile, after: &InputFile) -> bool {
    before.modified == after.modified && before.sha256 == after.sha256
}

impl Importer {
    /// Opens a file, whose bytes are what is read from now on; a query is opened by its reader. The service does not take a file that somebody has
    /// just written until it has stayed the same for some seconds.
    ///
    /// # Errors
    /// The file cannot be opened, or is still being written.
    pub(crate) async fn open_input(&self, input: &Input, initiative: Initiative) -> Result<Rows, Refusal> {
        match input.clone() {
            Input::File(path) => {
                let opened = self.open_file(path.clone()).await?;
                let Some(rest) = young_for(opened.modified, self.clock.now()).filter(|_| initiative == Initiative::Service) else {
                    return Ok(Rows::File(opened));
                };
                tokio::time::sleep(rest).await;
                let later = self.open_file(path).await?;
                if is_unchanged(&opened, &later) { Ok(Rows::File(later)) } else { Err(being_written()) }
            }
            Input::Query(query) => Ok(Rows::Query(query)),
        }
    }

    async fn open_file(&self, path: PathBuf) -> Result<InputFile, Refusal> {
        let limits = self.read_limits();
        tokio::task::spawn_blocking(move || InputFile::open(&path, limits)).await.map_err(interrupted)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::refusal::ReadLimits;
    use chrono::TimeDelta;

    #[test]
    fn a_file_is_young_for_three_seconds() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let rest = |seconds: i64| young_for(Some((now - TimeDelta::seconds(seconds)).into()), now).map(|rest| rest.as_secs());
        assert_eq!([-60, 0, 1, 2, 3, 60].map(rest), [None, Some(3), Some(2), Some(1), None, None]);
        assert_eq!(young_for(None, now), None);
    }

    #[test]
    fn a_file_written_between_two_looks_is_not_taken() {
        let limits = ReadLimits { file_mib_max: 1, memory_mib: 64, seconds: 9, rows_max: 100, columns_max: 100 };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let look = |text: &str, seconds: u64| {
            std::fs::write(&path, text).unwrap();
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
            InputFile::open(&path, limits).unwrap()
        };
        let first = look("项目编号", 9);
        assert!(is_unchanged(&first, &look("项目编号", 9)));
        assert!(!is_unchanged(&first, &look("项目编号\nGZ1", 9)));
        assert!(!is_unchanged(&first, &look("项目编号", 10)));
    }
}
