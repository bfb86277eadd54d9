//! The snapshots that one judgement reads: those in force on a day, or those that a run has pinned.

use crate::clock::stamp_day;
use crate::config::load::Config;
use crate::domain::compared_form::compared_name;
use crate::domain::life::fold::{Folded, fold};
use crate::domain::register::data_condition::{DataCondition, Reliance, conditions};
use crate::domain::register::ledger::Ledger;
use crate::domain::register::snapshot::{Candidate, InForce, in_force};
use crate::domain::restriction::Restrictions;
use crate::domain::rules::policy::Policy;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::store::records::NamedRow;
use crate::store::runs::RunInputs;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::worker::matter_reader::{HistoryEntry, Known, MatterReader};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// The snapshots that one judgement reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct SnapshotSelection {
    pub(crate) in_force: Vec<InForce>,
    /// Only the shipped sample contains projects.
    pub(crate) sample: bool,
    /// Whether each of them can be relied on.
    pub(crate) conditions: Vec<DataCondition>,
    /// The marks of secrecy that count.
    pub(crate) restrictions: Arc<Restrictions>,
    /// The position up to which they count.
    pub(crate) restrictions_position: i64,
    /// The snapshots in force of the sources that count, the sources in the order in which they win.
    pub(crate) history: Arc<Vec<HistoryEntry>>,
    /// The position up to which events count.
    pub(crate) events_position: i64,
    /// What events make of the records that have some: ledger → code → record.
    pub(crate) folds: Arc<Folds>,
}

/// The records with events, as they are on the day of a selection: ledger → code → record.
pub(crate) type Folds = BTreeMap<String, BTreeMap<String, FoldedRow>>;

/// A record with events.
#[derive(Clone, Debug)]
pub(crate) struct FoldedRow {
    /// The source of its row; empty where it was made here.
    pub(crate) source: String,
    /// `None` = it was made here on a later day, whatever a list holds of it.
    pub(crate) folded: Option<Folded>,
}

impl SnapshotSelection {
    /// The snapshots in force on a day, with the marks of secrecy as they are now; `wanted` = only these sources, or all where it is empty.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn on(store: &Store, config: &Config, wanted: &[String], as_of: NaiveDate) -> Result<SnapshotSelection> {
        let selection = SnapshotSelection::unmarked(store, config, wanted, as_of).await?;
        let position = store.restrictions().position().await?;
        let selection = selection.with_folds(store, &config.policy, as_of).await?;
        selection.with_restrictions(store, &config.policy, position).await
    }

    /// The snapshots in force on a day without the marks of secrecy, for records as they were imported.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn unmarked(store: &Store, config: &Config, wanted: &[String], as_of: NaiveDate) -> Result<SnapshotSelection> {
        let snapshots = store.snapshots().list().await?;
        let in_state = |state| snapshots.iter().filter(move |snapshot| snapshot.state == state).map(candidate);
        let candidates: Vec<Candidate> = in_state(SnapshotState::InForce).collect();
        let order: Vec<String> = config.settings.sources.iter().map(|source| source.name.clone()).collect();
        let project_ledger = config.policy.projects().map_or("", |ledger| &ledger.id);
        let in_force = in_force(&candidates, &order, wanted, project_ledger, as_of);
        let projects: Vec<&InForce> = in_force.iter().filter(|found| found.snapshot.ledger == project_ledger).collect();
        let sample = !projects.is_empty() && projects.iter().all(|found| found.snapshot.sample);
        let failed = store.source_checks().failed().await?.into_iter().filter(|failed| order.contains(&failed.source));
        let failures: BTreeMap<String, String> = failed.map(|failed| (failed.source, failed.failure)).collect();
        let policy = &config.policy;
        let max_age_days = |ledger: &str| policy.ledger(ledger).and_then(|index| policy.ledgers[index].max_age_days);
        let held: Vec<Candidate> = in_state(SnapshotState::Held).collect();
        let conditions = conditions(&in_force, &held, &Reliance { as_of, failures: &failures, max_age_days: &max_age_days });
        let history = Arc::new(history(&in_force, &candidates));
        let events_position = store.events().position().await?;
        Ok(SnapshotSelection { in_force, sample, conditions, history, events_position, ..SnapshotSelection::default() })
    }

    /// The selection with the records that have events, as they are on its day.
    async fn with_folds(self, store: &Store, policy: &Policy, as_of: NaiveDate) -> Result<SnapshotSelection> {
        let mut folds = Folds::new();
        for (index, ledger) in policy.ledgers.iter().enumerate().filter(|_| self.events_position > 0) {
            let Some(life) = policy.life(index) else { continue };
            let matters = self.matter_reader(store, ledger, as_of).with_events().await?;
            let of_ledger: &mut BTreeMap<String, FoldedRow> = folds.entry(ledger.id.clone()).or_default();
            for (code, matter) in matters {
                let events = matter.counting();
                let folded = fold(ledger, Some(life), &code, &matter.imported, &events, as_of);
                of_ledger.insert(code, FoldedRow { source: matter.source.clone(), folded });
            }
        }
        Ok(SnapshotSelection { folds: Arc::new(folds), ..self })
    }

    /// Whether records of a ledger were made here.
    pub(crate) fn has_own(&self, ledger: &str) -> bool {
        self.folds.get(ledger).is_some_and(|rows| rows.values().any(|row| row.folded.as_ref().is_some_and(|folded| folded.is_own)))
    }

    /// The selection with the marks of secrecy that count at a position.
    async fn with_restrictions(self, store: &Store, policy: &Policy, position: i64) -> Result<SnapshotSelection> {
        let projects = policy.projects().map_or("", |ledger| &ledger.id);
        let mut restrictions = store.restrictions().at(position, self.sample, projects).await?;
        let codes: Vec<String> = restrictions.marked_projects().map(str::to_owned).collect();
        if !codes.is_empty() {
            let mut names = store.restrictions().names_at(position, projects).await?;
            for found in self.of_ledger(projects) {
                names.extend(store.records().names_up_to(projects, &found.snapshot.source, found.snapshot.seq, &codes).await?);
            }
            let mut rows = self.rows_like(store, projects, &restrictions, &names).await?;
            // a project whose code is written in another way may have a name of its own
            let alike = |row: &NamedRow| restrictions.marked_project(&row.code).map(|code| (code.to_owned(), row.name.clone()));
            let known: HashSet<&(String, String)> = names.iter().collect();
            let more: Vec<(String, String)> = rows.iter().filter_map(alike).filter(|named| !known.contains(named)).collect();
            if !more.is_empty() {
                names.extend(more);
                rows = self.rows_like(store, projects, &restrictions, &names).await?;
            }
            let shared = names_of_open_projects(&restrictions, rows);
            restrictions.look_for_projects(policy, names.iter().map(|(code, name)| (code.as_str(), name.as_str())), &shared);
        }
        Ok(SnapshotSelection { restrictions: Arc::new(restrictions), restrictions_position: position, ..self })
    }

    /// The rows of projects that are marked, or bear one of these names, written in whatever way.
    async fn rows_like(
        &self,
        store: &Store,
        projects: &str,
        restrictions: &Restrictions,
        names: &[(String, String)],
    ) -> Result<Vec<NamedRow>> {
        let wanted: HashSet<String> = names.iter().map(|(_, name)| compared_name(name)).filter(|name| !name.is_empty()).collect();
        let is_wanted = |row: &NamedRow| wanted.contains(&compared_name(&row.name)) || restrictions.has_project(&row.code);
        let mut rows = Vec::new();
        for found in self.of_ledger(projects) {
            rows.extend(store.records().named(projects, &found.snapshot.source, found.snapshot.seq, is_wanted).await?);
        }
        Ok(rows)
    }

    /// The snapshots that a run has pinned, without those that no longer exist.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn pinned(store: &Store, policy: &Policy, inputs: &RunInputs, as_of: NaiveDate) -> Result<SnapshotSelection> {
        let snapshots = store.snapshots().list().await?;
        let in_force = inputs
            .snapshots
            .iter()
            .filter_map(|(ledger, source, seq)| {
                let snapshot =
                    snapshots.iter().find(|snapshot| (&snapshot.ledger, &snapshot.source, snapshot.seq) == (ledger, source, *seq))?;
                let candidate = candidate(snapshot);
                Some(InForce { early: candidate.covers_on > as_of, snapshot: candidate })
            })
            .collect();
        let selection = SnapshotSelection {
            history: Arc::new(pinned_history(&snapshots, inputs)),
            conditions: inputs.conditions.clone(),
            in_force,
            sample: inputs.sample,
            events_position: inputs.events,
            ..SnapshotSelection::default()
        };
        let selection = selection.with_folds(store, policy, as_of).await?;
        selection.with_restrictions(store, policy, inputs.restrictions).await
    }

    /// The ledger, source and number of each snapshot, as a run pins them.
    pub(crate) fn pins(&self) -> Vec<(String, String, i64)> {
        let pin = |found: &InForce| (found.snapshot.ledger.clone(), found.snapshot.source.clone(), found.snapshot.seq);
        self.in_force.iter().map(pin).collect()
    }

    /// The condition of the data of a source; `None` = a run from before conditions were pinned.
    pub(crate) fn condition_of(&self, ledger: &str, source: &str) -> Option<&DataCondition> {
        self.conditions.iter().find(|condition| (condition.ledger.as_str(), condition.source.as_str()) == (ledger, source))
    }

    /// The reader of a ledger's matters as they are known to the selection, for a day.
    pub(crate) fn matter_reader<'a>(&self, store: &'a Store, ledger: &'a Ledger, day: NaiveDate) -> MatterReader<'a> {
        MatterReader::new(store, ledger, &self.history, &Known { sample: self.sample, day, pos: self.events_position })
    }

    /// The snapshots of one ledger, in the order of the sources.
    pub(crate) fn of_ledger(&self, ledger: &str) -> impl Iterator<Item = &InForce> {
        self.in_force.iter().filter(move |found| found.snapshot.ledger == ledger)
    }
}

fn candidate(snapshot: &Snapshot) -> Candidate {
    let checked_on = stamp_day(&snapshot.checked_at).parse().unwrap_or(snapshot.covers_on);
    Candidate {
        ledger: snapshot.ledger.clone(),
        source: snapshot.source.clone(),
        seq: snapshot.seq,
        covers_on: snapshot.covers_on,
        is_day_stated: snapshot.is_day_stated,
        checked_on,
        sample: snapshot.sample,
    }
}

/// The history of the snapshots that a run has pinned.
fn pinned_history(snapshots: &[Snapshot], inputs: &RunInputs) -> Vec<HistoryEntry> {
    let pinned = inputs.gone.iter().flat_map(|pin| &pin.history);
    let of_pin = |(ledger, source, numbers): &(String, String, Vec<i64>)| {
        let is_of = |known: &&Snapshot| known.ledger == *ledger && known.source == *source && numbers.contains(&known.seq);
        snapshots.iter().filter(is_of).map(entry).collect::<Vec<_>>()
    };
    let in_force = |(ledger, source, seq): &(String, String, i64)| {
        let used = snapshots.iter().find(|known| (&known.ledger, &known.source, known.seq) == (ledger, source, *seq));
        let last = used.map(|used| (used.covers_on, used.seq));
        let is_before = |known: &&Snapshot| {
            let counts = known.state == SnapshotState::InForce && known.ledger == *ledger && known.source == *source;
            counts && Some((known.covers_on, known.seq)) <= last
        };
        snapshots.iter().filter(is_before).map(entry).collect::<Vec<_>>()
    };
    // a rehearsal pins none: it reads what is in force now
    match inputs.gone {
        Some(_) => pinned.flat_map(of_pin).collect(),
        None => inputs.snapshots.iter().flat_map(in_force).collect(),
    }
}

fn entry(known: &Snapshot) -> HistoryEntry {
    HistoryEntry { ledger: known.ledger.clone(), source: known.source.clone(), covers_on: known.covers_on, seq: known.seq }
}

/// The snapshots in force of the sources of a selection, in the order of these.
fn history(in_force: &[InForce], candidates: &[Candidate]) -> Vec<HistoryEntry> {
    let of_source = |found: &InForce| {
        let chosen = found.snapshot.clone();
        candidates.iter().filter(move |known| (&known.ledger, &known.source) == (&chosen.ledger, &chosen.source))
    };
    let entry = |known: &Candidate| HistoryEntry {
        ledger: known.ledger.clone(),
        source: known.source.clone(),
        covers_on: known.covers_on,
        seq: known.seq,
    };
    in_force.iter().flat_map(of_source).map(entry).collect()
}

/// Those of the names of marked projects, in the compared form, that a project of another unit has too, which bears no mark. A second row of the
/// same unit may be the same project and counts for nothing.
fn names_of_open_projects(restrictions: &Restrictions, rows: Vec<NamedRow>) -> BTreeSet<String> {
    let (mut of_marked, mut of_open) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for row in rows {
        let side = if restrictions.has_project(&row.code) { &mut of_marked } else { &mut of_open };
        side.entry(compared_name(&row.name)).or_default().insert(row.unit);
    }
    let is_elsewhere = |name: &str, units: &BTreeSet<String>| {
        of_marked.get(name).is_some_and(|own| units.iter().any(|unit| !unit.is_empty() && !own.contains(unit)))
    };
    of_open.into_iter().filter(|(name, units)| is_elsewhere(name, units)).map(|(name, _)| name).collect()
}
