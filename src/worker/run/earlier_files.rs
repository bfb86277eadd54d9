//! The files of earlier revisions of a run. One of which nothing but its day would change stays in force: a revision makes no other in its place.

use crate::store::handle::Store;
use crate::store::named_records::NamedCodes;
use crate::store::reports::{ReportFile, ReportKey};
use crate::store::runs::Run;
use crate::worker::run::slot_text::parse_slot;
use chrono::NaiveDate;
use std::collections::HashMap;
use std::path::Path;

/// The last file of each key, with the day that it bears.
#[derive(Debug, Default)]
pub(crate) struct EarlierFiles(HashMap<ReportKey, (ReportFile, NaiveDate)>);

impl EarlierFiles {
    /// The files of the revisions before a run.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub(crate) async fn before(store: &Store, run: &Run) -> anyhow::Result<EarlierFiles> {
        match run.revision {
            0 => Ok(EarlierFiles::default()),
            _ => EarlierFiles::of(store, store.runs().earlier_revisions(run).await?).await,
        }
    }

    /// The files of a run, each with the day on which it was made, maybe by a revision before it.
    ///
    /// # Errors
    /// As [`EarlierFiles::before`].
    pub(crate) async fn until(store: &Store, run: &Run) -> anyhow::Result<EarlierFiles> {
        let mut runs = store.runs().earlier_revisions(run).await?;
        runs.push(run.clone());
        EarlierFiles::of(store, runs).await
    }

    /// `runs` begins with the first edition.
    async fn of(store: &Store, runs: Vec<Run>) -> anyhow::Result<EarlierFiles> {
        let (mut files, mut days) = (HashMap::new(), HashMap::new());
        for run in runs {
            let Some(day) = run.inputs.made_on.or_else(|| Some(parse_slot(&run.slot).ok()?.date())) else { continue };
            for file in store.reports().list(&run.id).await? {
                let made_on = *days.entry(file.path.clone()).or_insert(day);
                files.insert(file.key.clone(), (file, made_on));
            }
        }
        Ok(EarlierFiles(files))
    }

    /// The day that the file of a key bears; `None` = there is none.
    pub(crate) fn day_of(&self, key: &ReportKey) -> Option<NaiveDate> {
        self.0.get(key).map(|(_, day)| *day)
    }

    /// The file of a key, if it is there and holds these bytes.
    pub(crate) fn same(&self, root: &Path, key: &ReportKey, sha256: &str) -> Option<ReportFile> {
        let (file, _) = self.0.get(key)?;
        let is_there = root.join(&file.path).metadata().is_ok_and(|facts| facts.len() == file.bytes);
        // the records that it names are stored with the revision that has made it
        (file.sha256 == sha256 && is_there).then(|| ReportFile { names: NamedCodes::new(), ..file.clone() })
    }
}
