//! What is in force today, as the pages look at it: read once as long as neither the data nor the marks of secrecy change, and
//! nobody handles a record. Marks make it dear: the names of all projects are looked through.

use crate::domain::rules::policy::Policy;
use crate::store::snapshots::Snapshot;
use crate::worker::directory::apply_directory;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::NaiveDate;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What is in force on a day.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) as_of: NaiveDate,
    /// With the units as they are on the day.
    pub(crate) policy: Policy,
    pub(crate) selection: SnapshotSelection,
    /// All that were ever taken.
    pub(crate) snapshots: Vec<Snapshot>,
    /// The positions of the data, of the marks and of the events, read before them.
    positions: (i64, i64, i64),
}

/// Reads what is in force.
#[derive(Clone)]
pub(crate) struct PresentReader {
    evaluator: Evaluator,
    known: Arc<Mutex<Option<Arc<Present>>>>,
}

impl PresentReader {
    pub(crate) fn new(evaluator: &Evaluator) -> PresentReader {
        PresentReader { evaluator: evaluator.clone(), known: Arc::default() }
    }

    /// What is in force today.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn now(&self) -> anyhow::Result<Arc<Present>> {
        let Evaluator { store, config, clock, .. } = &self.evaluator;
        let as_of = clock.today();
        let look = store.pictures().look().await?;
        let positions = (look.data, look.restrictions, store.events().position().await?);
        // whoever comes while it is being read waits for it
        let mut known = self.known.lock().await;
        if let Some(present) = known.as_ref().filter(|present| (present.as_of, present.positions) == (as_of, positions)) {
            return Ok(present.clone());
        }
        let selection = self.evaluator.select_snapshots(&[], as_of).await?;
        let snapshots = store.snapshots().list().await?;
        let mut policy = config.policy.on(as_of);
        apply_directory(store, &config.settings, &mut policy, &selection).await?;
        let present = Arc::new(Present { as_of, policy, selection, snapshots, positions });
        *known = Some(present.clone());
        Ok(present)
    }
}
