//! Reads the records of one ledger in a selection of snapshots, streamed or by code. Every use case and every step of a run reads records
//! here.
//!
//! A ledger may come from several sources, each with a snapshot of its own. They are read in the order of the selection; where two sources
//! have the same code, the first one wins.

use crate::domain::life::fold::Folded;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::packed::Layout;
use crate::domain::register::record::{Columns, Record};
use crate::domain::restriction::Restrictions;
use crate::domain::rules::owner::{Linked, link};
use crate::domain::rules::policy::Policy;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::store::records::{StoredRecord, StreamedRecord};
use crate::worker::snapshot_selection::{FoldedRow, SnapshotSelection};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One snapshot of a ledger whose name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceSnapshotRef<'a> {
    pub(crate) seq: i64,
    pub(crate) source: &'a str,
}

/// Where records that were made here are found.
pub(crate) const MADE_HERE: SourceSnapshotRef<'static> = SourceSnapshotRef { seq: 0, source: "" };

/// A record with the snapshot in which it was found.
pub(crate) struct FoundRecord<'a> {
    pub(crate) snapshot: SourceSnapshotRef<'a>,
    pub(crate) stored: StoredRecord,
    /// Later sources that contain the code too.
    pub(crate) other_sources: Vec<&'a str>,
}

/// The records of one ledger in a selection of snapshots.
pub(crate) struct LedgerRecords<'a> {
    store: &'a Store,
    ledger: &'a Ledger,
    snapshots: Vec<SourceSnapshotRef<'a>>,
    /// What events make of its records, by code; `None` = the records are as they were imported.
    folds: Option<&'a BTreeMap<String, FoldedRow>>,
    /// The marks of secrecy that decide about the records; `None` = the records are as they were imported.
    restrictions: Option<&'a Restrictions>,
}

impl<'a> LedgerRecords<'a> {
    /// The records of a ledger in a selection.
    pub(crate) fn new(store: &'a Store, ledger: &'a Ledger, selection: &'a SnapshotSelection) -> LedgerRecords<'a> {
        let snapshots = selection.of_ledger(&ledger.id);
        let snapshots = snapshots.map(|found| SourceSnapshotRef { seq: found.snapshot.seq, source: &found.snapshot.source }).collect();
        let folds = selection.folds.get(&ledger.id);
        LedgerRecords { store, ledger, snapshots, folds, restrictions: Some(&selection.restrictions) }
    }

    /// The records of a ledger in a selection as they were imported, without events and what marks of other rows state of them.
    pub(crate) fn as_imported(store: &'a Store, ledger: &'a Ledger, selection: &'a SnapshotSelection) -> LedgerRecords<'a> {
        LedgerRecords { folds: None, restrictions: None, ..LedgerRecords::new(store, ledger, selection) }
    }

    /// The records of a ledger in the snapshots that a run has pinned: (ledger, source, number).
    pub(crate) fn pinned(store: &'a Store, ledger: &'a Ledger, pins: &'a [(String, String, i64)]) -> LedgerRecords<'a> {
        let snapshots = pins.iter().filter(|(id, ..)| *id == ledger.id);
        let snapshots = snapshots.map(|(_, source, seq)| SourceSnapshotRef { seq: *seq, source }).collect();
        LedgerRecords { store, ledger, snapshots, folds: None, restrictions: None }
    }

    /// Sets the secrecy cell of a record to what all marks state together. Returns whether the record has changed.
    fn apply_marks(&self, record: &mut Record) -> bool {
        self.restrictions.is_some_and(|restrictions| restrictions.apply(self.ledger, record))
    }

    /// What events have made of a record of a source; `None` = nothing, it is as it was imported.
    fn row_of(&self, source: &str, code: &str) -> Option<&'a FoldedRow> {
        self.folds.and_then(|folds| folds.get(code)).filter(|row| row.source == source)
    }

    /// The records that were made here and that no source has, in code order.
    fn own(&self) -> impl Iterator<Item = &'a Record> + use<'a> {
        let rows = self.folds.into_iter().flat_map(BTreeMap::values).filter_map(|row| row.folded.as_ref());
        rows.filter(|folded| folded.is_own && !folded.has_row).map(|folded| &folded.record)
    }

    /// Calls `take` with every record, source by source and in code order, then with those made here. A code that several sources contain
    /// comes once for each.
    ///
    /// # Errors
    /// The database fails, a stored body is damaged, or `take` returns an error.
    pub(crate) async fn each(&self, mut take: impl FnMut(SourceSnapshotRef<'a>, StreamedRecord<'_>) -> Result<()>) -> Result<()> {
        for snapshot in &self.snapshots {
            let with_marks = |mut streamed: StreamedRecord<'_>| {
                let row = self.row_of(snapshot.source, &streamed.record.code);
                // the next record is unpacked into the same one
                let (by_event, differs) = (Columns::default(), Columns::default());
                (streamed.record.has_events, streamed.record.by_event, streamed.record.differs) = (false, by_event, differs);
                match row {
                    Some(FoldedRow { folded: None, .. }) => return Ok(()),
                    Some(FoldedRow { folded: Some(folded), .. }) => apply_events(folded, streamed.record),
                    None => {}
                }
                streamed.has_changed = self.apply_marks(streamed.record) || row.is_some();
                take(*snapshot, streamed)
            };
            self.store.records().each(self.ledger, snapshot.source, snapshot.seq, with_marks).await?;
        }
        let layout = Arc::new(Layout::new(self.ledger.fields.len(), (0..self.ledger.fields.len()).map(Some).collect()));
        for own in self.own() {
            let mut record = own.clone();
            self.apply_marks(&mut record);
            let streamed = StreamedRecord { record: &mut record, first_seq: MADE_HERE.seq, layout: &layout, body: &[], has_changed: true };
            take(MADE_HERE, streamed)?;
        }
        Ok(())
    }

    /// The records with these codes, one for each code; codes that no source contains are left out.
    ///
    /// # Errors
    /// The database fails, or a stored body is damaged.
    pub(crate) async fn records_by_code(&self, codes: &[String]) -> Result<Vec<FoundRecord<'a>>> {
        let mut found: Vec<FoundRecord<'a>> = Vec::new();
        let mut index_of: HashMap<String, usize> = HashMap::new();
        for snapshot in &self.snapshots {
            for mut stored in self.store.records().by_code(self.ledger, snapshot.source, snapshot.seq, codes).await? {
                match self.row_of(snapshot.source, &stored.record.code) {
                    Some(FoldedRow { folded: None, .. }) => continue,
                    Some(FoldedRow { folded: Some(folded), .. }) => apply_events(folded, &mut stored.record),
                    None => {}
                }
                self.apply_marks(&mut stored.record);
                match index_of.get(&stored.record.code) {
                    Some(index) => {
                        let first = &mut found[*index];
                        // a code that is asked for twice may come twice from one source
                        if first.snapshot != *snapshot && first.other_sources.last() != Some(&snapshot.source) {
                            first.other_sources.push(snapshot.source);
                        }
                    }
                    None => {
                        index_of.insert(stored.record.code.clone(), found.len());
                        found.push(FoundRecord { snapshot: *snapshot, stored, other_sources: Vec::new() });
                    }
                }
            }
        }
        for own in self.own().filter(|own| codes.contains(&own.code)) {
            let mut record = own.clone();
            self.apply_marks(&mut record);
            let stored = StoredRecord { record, first_seq: MADE_HERE.seq };
            found.push(FoundRecord { snapshot: MADE_HERE, stored, other_sources: Vec::new() });
        }
        Ok(found)
    }

    /// The record with a code.
    ///
    /// # Errors
    /// The database fails, or the stored body is damaged.
    pub(crate) async fn record_by_code(&self, code: &str) -> Result<Option<FoundRecord<'a>>> {
        Ok(self.records_by_code(&[code.to_owned()]).await?.into_iter().next())
    }

    /// The codes that begin with a text, source by source, at most `most` of each.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn codes_with_prefix(&self, prefix: &str, most: i64) -> Result<Vec<String>> {
        let mut codes = Vec::new();
        for SourceSnapshotRef { source, seq } in &self.snapshots {
            codes.extend(self.store.records().codes_with_prefix(&self.ledger.id, source, *seq, prefix, most).await?);
        }
        Ok(codes)
    }
}

/// Makes a record of a source what events have made of it.
fn apply_events(folded: &Folded, record: &mut Record) {
    let place = record.place;
    record.clone_from(&folded.record);
    record.place = place;
}

/// What other ledgers need to know of the projects with these codes. `inspect` is called with each project once.
///
/// # Errors
/// The database fails, or a stored body is damaged.
pub(crate) async fn linked_projects(
    store: &Store,
    policy: &Policy,
    selection: &SnapshotSelection,
    codes: &[String],
    mut inspect: impl FnMut(&Record),
) -> Result<HashMap<String, Linked>> {
    let mut linked: HashMap<String, Linked> = HashMap::with_capacity(codes.len());
    let Some(ledger) = policy.project_ledger().map(|index| &policy.ledgers[index]) else { return Ok(linked) };
    for FoundRecord { stored, .. } in LedgerRecords::new(store, ledger, selection).records_by_code(codes).await? {
        inspect(&stored.record);
        let linked_project = link(policy, ledger, &stored.record);
        linked.insert(stored.record.code, linked_project);
    }
    Ok(linked)
}
