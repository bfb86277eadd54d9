//! Reads matters: records with their events and the history of their imported row.

use crate::domain::life::event::Event;
use crate::domain::life::fold::{Imported, RowVersion, Step};
use crate::domain::life::matter::{Matter, Matters};
use crate::domain::register::ledger::{Ledger, Role};
use crate::store::database::Result;
use crate::store::handle::Store;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The snapshots in force of one source of a ledger, in the order of their days: day and number.
struct SourceHistory {
    source: String,
    snapshots: Vec<(NaiveDate, i64)>,
}

/// A snapshot in force, of the history of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryEntry {
    pub(crate) ledger: String,
    pub(crate) source: String,
    pub(crate) covers_on: NaiveDate,
    pub(crate) seq: i64,
}

/// Up to where events count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Only the sample holds projects: its events count and no others.
    pub(crate) sample: bool,
    /// The day by which the source that wins is chosen.
    pub(crate) day: NaiveDate,
    /// Later events and retractions are not known.
    pub(crate) pos: i64,
}

/// Reads the matters of one ledger.
pub(crate) struct MatterReader<'a> {
    store: &'a Store,
    ledger: &'a Ledger,
    /// In the order in which the sources win.
    histories: Vec<SourceHistory>,
    sample: bool,
    day: NaiveDate,
    pos: i64,
}

impl<'a> MatterReader<'a> {
    /// A reader of a ledger. `history` are the snapshots in force that count: source, day and number; the first source that has a code wins.
    pub(crate) fn new(store: &'a Store, ledger: &'a Ledger, history: &[HistoryEntry], known: &Known) -> MatterReader<'a> {
        let mut histories: Vec<SourceHistory> = Vec::new();
        for entry in history.iter().filter(|entry| entry.ledger == ledger.id) {
            let snapshot = (entry.covers_on, entry.seq);
            match histories.iter_mut().find(|history| history.source == entry.source) {
                Some(history) => history.snapshots.push(snapshot),
                None => histories.push(SourceHistory { source: entry.source.clone(), snapshots: vec![snapshot] }),
            }
        }
        histories.iter_mut().for_each(|history| history.snapshots.sort_unstable());
        MatterReader { store, ledger, histories, sample: known.sample, day: known.day, pos: known.pos }
    }

    /// The matters with these codes and all that are linked with them. Codes that nothing is known of are left out.
    ///
    /// # Errors
    /// The database fails, or a stored row is damaged.
    pub(crate) async fn linked(&self, codes: &[String]) -> Result<Matters> {
        let mut matters = Matters::new();
        let mut seen: BTreeSet<String> = codes.iter().cloned().collect();
        let mut open: Vec<String> = seen.iter().cloned().collect();
        while !open.is_empty() {
            let found = self.of_codes(&open).await?;
            let mut next = Vec::new();
            for matter in found.values() {
                next.extend(self.links(matter).into_iter().filter(|code| seen.insert(code.clone())));
            }
            matters.extend(found);
            open = next;
        }
        Ok(matters)
    }

    /// All matters with events.
    ///
    /// # Errors
    /// The database fails, or a stored row is damaged.
    pub(crate) async fn with_events(&self) -> Result<Matters> {
        let events = self.store.events().of_ledger(&self.ledger.id, self.sample).await?;
        let codes: Vec<String> = events.iter().map(|event| event.code.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        self.assemble(events, &codes).await
    }

    async fn of_codes(&self, codes: &[String]) -> Result<Matters> {
        let events = self.store.events().of_codes(&self.ledger.id, codes, self.sample).await?;
        self.assemble(events, codes).await
    }

    async fn assemble(&self, events: Vec<Event>, codes: &[String]) -> Result<Matters> {
        let mut matters = Matters::new();
        for event in events.iter().filter_map(|event| event.at(self.pos)) {
            let code = event.code.clone();
            matters.entry(code.clone()).or_insert_with(|| Matter { code, ..Matter::default() }).events.push(event);
        }
        for (code, (source, imported)) in self.imported(codes).await? {
            let matter = matters.entry(code.clone()).or_insert_with(|| Matter { code, ..Matter::default() });
            (matter.source, matter.imported) = (source, imported);
        }
        Ok(matters)
    }

    /// The history of the imported rows with these codes, each in the source that wins on the day.
    async fn imported(&self, codes: &[String]) -> Result<BTreeMap<String, (String, Imported)>> {
        let mut chosen: BTreeMap<String, (String, Imported)> = BTreeMap::new();
        for history in &self.histories {
            let mut versions: BTreeMap<String, Vec<(i64, i64, Arc<RowVersion>)>> = BTreeMap::new();
            for version in self.store.records().versions_of(self.ledger, &history.source, codes).await? {
                let record = version.stored.record;
                let row = RowVersion { cells: record.cells, columns: record.columns, place: record.place };
                versions.entry(record.code).or_default().push((version.stored.first_seq, version.last_seq, Arc::new(row)));
            }
            for (code, versions) in versions {
                let imported = history.steps(&versions);
                let is_better = match chosen.get(&code) {
                    None => imported.is_known(self.day),
                    Some((_, first)) => !first.is_present(self.day) && imported.is_present(self.day),
                };
                if is_better {
                    chosen.insert(code, (history.source.clone(), imported));
                }
            }
        }
        Ok(chosen)
    }

    /// The codes that a matter is linked with.
    fn links(&self, matter: &Matter) -> BTreeSet<String> {
        let mut codes: BTreeSet<String> = matter.events.iter().flat_map(|event| event.opened.iter().cloned()).collect();
        for role in [Role::RaisedFrom, Role::ReassignedFrom, Role::Upper] {
            let Some(field) = self.ledger.role(role).map(|field| &self.ledger.fields[field]) else { continue };
            let values = matter.events.iter().filter_map(|event| event.value_of(&field.id)?.text());
            codes.extend(values.map(str::to_owned));
        }
        codes
    }
}

impl SourceHistory {
    /// The versions of a row, each from the first snapshot in a row that has it.
    fn steps(&self, versions: &[(i64, i64, Arc<RowVersion>)]) -> Imported {
        let mut steps: Vec<Step> = Vec::new();
        for (covers_on, seq) in &self.snapshots {
            let version = versions.iter().find(|(first, last, _)| first <= seq && seq <= last).map(|(.., version)| version);
            let is_same = match (steps.last().map(|step| &step.version), version) {
                (Some(Some(before)), Some(now)) => Arc::ptr_eq(before, now),
                (Some(None), None) => true,
                _ => false,
            };
            if !is_same {
                steps.push(Step { covers_on: *covers_on, version: version.cloned() });
            }
        }
        Imported { steps }
    }
}
