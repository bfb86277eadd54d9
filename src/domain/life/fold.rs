//! The fold: what a record is on a day, from the imported versions of its row and the events that took effect by then.
//!
//! A field that an event set has the event's value, unless a later import states another one: the later of the event's day and the day since
//! which the imported cell is as it is counts, the event where both are one day. An empty imported cell clears nothing, and neither does a date
//! that has not happened yet. What an event closed no import reopens or dates anew.

use crate::domain::life::declaration::Life;
use crate::domain::life::event::Event;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::record::{Cell, Columns, Place, Record};
use crate::domain::rules::condition::happened;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A version of a row as a source stated it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowVersion {
    pub cells: Vec<Cell>,
    pub columns: Columns,
    pub place: Place,
}

/// The row of a record in one snapshot that is in force from its day on.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub covers_on: NaiveDate,
    /// `None` = the snapshot has no such code.
    pub version: Option<Arc<RowVersion>>,
}

/// The row of a record in the snapshots in force of the source that counts, in the order of their days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    pub steps: Vec<Step>,
}

/// The version on which a fold is based.
struct Base<'a> {
    /// Its place among the steps.
    step: usize,
    version: &'a Arc<RowVersion>,
    /// The snapshot of the day has the code no more.
    gone: bool,
}

impl Imported {
    /// Whether the source has the code on a day.
    pub fn is_present(&self, day: NaiveDate) -> bool {
        self.base(day).is_some_and(|base| !base.gone)
    }

    /// Whether the source has or had the code on a day.
    pub fn is_known(&self, day: NaiveDate) -> bool {
        self.base(day).is_some()
    }

    /// The version of a day: that of the last snapshot that covers it, else of the earliest; where it has the code no more, the last one that had it.
    fn base(&self, day: NaiveDate) -> Option<Base<'_>> {
        let used = self.steps.iter().rposition(|step| step.covers_on <= day).unwrap_or(0);
        let known = self.steps.get(..=used)?;
        let (step, version) = known.iter().enumerate().rev().find_map(|(index, step)| Some((index, step.version.as_ref()?)))?;
        Some(Base { step, version, gone: step < used })
    }

    /// What the source states of a field on a day, and since when; `None` where it states nothing.
    pub fn cell(&self, field: usize, day: NaiveDate) -> Option<(&Cell, NaiveDate)> {
        let base = self.base(day)?;
        let cell = base.version.cells.get(field).filter(|cell| !cell.is_empty())?;
        Some((cell, self.since(base.step, field)))
    }

    /// The day since which the cell of a field is as it is at a step: that of the earliest snapshot in a row that has the same cell.
    fn since(&self, step: usize, field: usize) -> NaiveDate {
        let cell = |step: &Step| step.version.as_ref().map(|version| version.cells.get(field).unwrap_or(&Cell::Empty).clone());
        let now = cell(&self.steps[step]);
        let same = self.steps[..step].iter().rev().take_while(|before| cell(before) == now).count();
        self.steps[step - same].covers_on
    }
}

/// A record as it is on a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    pub record: Record,
    /// The fields whose value comes from an event, each with the place of the event in the list.
    pub set_by: BTreeMap<usize, usize>,
    /// The source has the code no more. A record that was made here is never gone.
    pub gone: bool,
    /// The record was made here.
    pub is_own: bool,
    /// A source has the code on the day.
    pub has_row: bool,
}

/// The record on a day; `None` where it does not exist yet. `events` are those of the record that count, in their order.
pub fn fold(ledger: &Ledger, life: Option<&Life>, code: &str, imported: &Imported, events: &[&Event], day: NaiveDate) -> Option<Folded> {
    let base = imported.base(day);
    let counting = || events.iter().enumerate().filter(|(_, event)| event.on <= day);
    let made_on = events.iter().filter(|event| event.creates).map(|event| event.on).min();
    let is_own = made_on.is_some();
    // whatever a later list holds of it, a record that was made here does not exist before
    if made_on.map_or(base.is_none(), |made_on| made_on > day) {
        return None;
    }
    let mut record = match &base {
        Some(base) => Record { cells: base.version.cells.clone(), place: base.version.place, ..Record::default() },
        None => Record::default(),
    };
    record.code = code.to_owned();
    record.columns = match &base {
        Some(base) if !is_own => base.version.columns.joined(ledger.own_fields()),
        _ => (0..ledger.fields.len()).collect(),
    };
    record.cells.resize(ledger.fields.len(), Cell::Empty);
    let is_missing = base.as_ref().is_some_and(|base| base.gone);
    let mut folded = Folded { gone: is_missing && !is_own, is_own, has_row: base.is_some() && !is_missing, ..Folded::default() };
    // the last event that set a field
    let mut set: BTreeMap<usize, (usize, &Cell, NaiveDate)> = BTreeMap::new();
    for (index, event) in counting() {
        record.has_events = true;
        for (id, cell) in &event.set {
            if let Some(field) = ledger.field(id) {
                set.insert(field, (index, cell, event.on));
            }
        }
    }
    let closing = life.map(Life::closing_fields).unwrap_or_default();
    for (field, (index, value, on)) in set {
        record.columns.insert(field);
        let cell = happened(ledger, &record, field, day).clone();
        if !cell.is_empty() && cell != *value && !ledger.fields[field].latest {
            record.differs.insert(field);
        }
        let since = base.as_ref().map(|base| imported.since(base.step, field));
        let import_counts = match (since, cell.is_empty()) {
            (None, _) | (_, true) => false,
            _ if ledger.fields[field].latest => cell.date() > value.date(),
            _ if closing.contains(field) && !value.is_empty() => false,
            (Some(since), false) => since > on,
        };
        if !import_counts {
            record.cells[field] = value.clone();
            record.by_event.insert(field);
            folded.set_by.insert(field, index);
        }
    }
    if let Some(field) = ledger.role(Role::Code).filter(|field| record.cells[*field].is_empty()) {
        record.cells[field] = Cell::Text(code.into());
    }
    folded.record = record;
    Some(folded)
}
