//! The matters (办件) of the ledgers: who has what, in which state and for whom it waits; and the history of one.

use crate::app::compose::App;
use crate::app::import::unit_named;
use crate::app::reports::ledger_named;
use crate::domain::life::declaration::Life;
use crate::domain::life::event::Event;
use crate::domain::life::fold::{Imported, RowVersion, Step};
use crate::domain::life::matter::{Matter, MatterOn, Matters};
use crate::domain::life::office::Office;
use crate::domain::register::ledger::Role;
use crate::domain::register::record::Cell;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::worker::matter_reader::MatterReader;
use crate::worker::matters::{KnownProjects, projects_of};
use crate::worker::records::LedgerRecords;
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::{Context, bail};
use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::Arc;

/// The ledger of an id or a title whose records have a life.
///
/// # Errors
/// There is no such ledger, or its records have none.
pub(crate) fn ledger_index(policy: &Policy, name: &str) -> anyhow::Result<usize> {
    let by_title = policy.ledgers.iter().position(|ledger| ledger.title == name);
    let index = match by_title {
        Some(index) => index,
        None => policy.ledger(&ledger_named(policy, name)?.id).context("a ledger without its id")?,
    };
    if policy.life(index).is_none() {
        let known: Vec<&str> = (0..policy.ledgers.len())
            .filter(|index| policy.life(*index).is_some())
            .map(|index| policy.ledgers[index].id.as_str())
            .collect();
        bail!("台账“{}”没有办理流程；有的是：{}", policy.ledgers[index].title, known.join("、"));
    }
    Ok(index)
}

/// Which matters are listed. Empty texts exclude nothing.
#[derive(Clone, Debug, Default)]
pub struct MattersFilter {
    pub ledger: Option<String>,
    pub states: Vec<String>,
    /// The owner.
    pub unit: Option<String>,
    pub waits_for: Option<String>,
    /// The ones in a final state too.
    pub all: bool,
    pub as_of: Option<NaiveDate>,
}

/// The last event of a matter.
#[derive(Clone, Debug, Serialize)]
pub struct LastEvent {
    pub no: u32,
    pub transition: String,
    pub on: NaiveDate,
    pub recorded_at: String,
    pub by: String,
    pub unit: String,
    pub via: &'static str,
}

/// One matter of the list.
#[derive(Clone, Debug, Serialize)]
pub struct MatterLine {
    pub ledger: String,
    pub code: String,
    pub number: Option<String>,
    pub name: Option<String>,
    pub unit: Option<String>,
    pub raiser: Option<String>,
    pub issuer: Option<String>,
    pub project: Option<String>,
    pub state: Option<String>,
    pub title: Option<String>,
    pub since: Option<NaiveDate>,
    pub waits_for: Vec<String>,
    pub due_on: Option<NaiveDate>,
    pub origin: &'static str,
    pub gone: bool,
    pub sample: bool,
    pub raised_from: Option<String>,
    pub reassigned_from: Option<String>,
    pub upper: Option<String>,
    pub events: usize,
    pub last: Option<LastEvent>,
    pub possible: Vec<String>,
}

/// Ids and values in an order of their own; an empty cell is null.
#[derive(Clone, Debug)]
pub struct Ordered<T>(pub(crate) Vec<(String, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, value)| (id, value)))
    }
}

/// The value of a field, and where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct FieldLine {
    /// The Chinese name of the field.
    #[serde(skip)]
    pub title: String,
    pub value: String,
    pub from: &'static str,
    pub no: Option<u32>,
    pub on: Option<NaiveDate>,
    pub imported: Option<String>,
    pub imported_since: Option<NaiveDate>,
}

/// Why an event no longer counts.
#[derive(Clone, Debug, Serialize)]
pub struct RetractionLine {
    pub pos: i64,
    pub by: String,
    pub recorded_at: String,
    pub reason: String,
}

/// One event of a history.
#[derive(Clone, Debug, Serialize)]
pub struct EventLine {
    pub no: u32,
    pub pos: i64,
    pub transition: String,
    pub title: String,
    pub on: NaiveDate,
    pub recorded_at: String,
    pub by: String,
    pub unit: String,
    pub actor: String,
    pub via: &'static str,
    pub on_behalf: bool,
    pub late: bool,
    /// The only known person of the unit did the owner's act and this one.
    #[serde(skip)]
    pub same_person: bool,
    pub given: Ordered<Option<String>>,
    pub set: Ordered<Option<String>>,
    pub reason: Option<String>,
    pub key: Option<String>,
    pub state_after: Option<String>,
    pub opened: Vec<String>,
    pub retracted: Option<RetractionLine>,
}

/// A matter with all its events.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    pub ledger: String,
    pub code: String,
    pub number: Option<String>,
    pub unit: Option<String>,
    pub state: Option<String>,
    /// The Chinese name of the state.
    #[serde(skip)]
    pub title: String,
    pub origin: Option<&'static str>,
    pub gone: bool,
    pub as_of: NaiveDate,
    pub fields: Ordered<FieldLine>,
    pub events: Vec<EventLine>,
}

/// The matters of a day that a filter selects: ledgers in the order of the configuration, codes by their bytes.
///
/// # Errors
/// A ledger, state or unit is unknown, or the database fails.
pub async fn list(app: &App, filter: &MattersFilter) -> anyhow::Result<Vec<MatterLine>> {
    let as_of = filter.as_of.unwrap_or_else(|| app.clock().today());
    let shelf = Shelf::open(app, as_of).await?;
    let policy = &shelf.policy;
    let ledgers: Vec<usize> = match &filter.ledger {
        Some(name) => vec![ledger_index(policy, name)?],
        None => (0..policy.ledgers.len()).filter(|ledger| policy.life(*ledger).is_some()).collect(),
    };
    let unit = |name: &Option<String>| name.as_deref().map(|name| unit_named(policy, name)).transpose();
    let (unit, waits_for) = (unit(&filter.unit)?, unit(&filter.waits_for)?);
    for state in &filter.states {
        let of = |ledger: &usize| policy.life(*ledger).is_some_and(|life| !life.states.named(state).is_empty());
        if !ledgers.iter().any(of) {
            bail!("没有状态“{state}”");
        }
    }
    let mut lines = Vec::new();
    for ledger in ledgers {
        let Some(life) = policy.life(ledger) else { continue };
        let matters = shelf.all(ledger).await?;
        let known = shelf.projects(ledger, &matters).await?;
        shelf.with(ledger, &known, |office| {
            for matter in matters.values() {
                let Some(on) = matter.on(office, life, as_of) else { continue };
                let state = life.state_id(on.state);
                let is_wanted = match filter.states.is_empty() {
                    true => filter.all || !life.is_final(on.state),
                    false => filter.states.iter().any(|wanted| wanted == state),
                };
                let waited = on.state.map_or_else(Vec::new, |state| office.waited_for(life.states.list[state].waits, &on.folded.record));
                let fits = |wanted: Option<UnitId>, units: &[UnitId]| wanted.is_none_or(|wanted| units.contains(&wanted));
                let owner = office.owner(&on.folded.record).unit;
                if is_wanted && fits(unit, owner.as_slice()) && fits(waits_for, &waited) {
                    lines.push(line(office, life, &matters, matter, &on, &waited, as_of, shelf.selection.sample));
                }
            }
        });
    }
    Ok(lines)
}

/// A matter with its events up to a day.
///
/// # Errors
/// The ledger or the code is unknown, or the database fails.
pub async fn history(app: &App, ledger: &str, code: &str, as_of: Option<NaiveDate>) -> anyhow::Result<History> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let shelf = Shelf::open(app, as_of).await?;
    let ledger = ledger_index(&shelf.policy, ledger)?;
    let matters = shelf.reader(ledger).linked(&[code.to_owned()]).await?;
    let declared = &shelf.policy.ledgers[ledger];
    let matter = matters.get(code).with_context(|| format!("{}没有编号“{code}”", declared.title))?;
    let life = shelf.policy.life(ledger).context("a ledger without a life")?;
    let known = shelf.projects(ledger, &matters).await?;
    Ok(shelf.with(ledger, &known, |office| history_of(office, life, matter, as_of)))
}

fn history_of(office: &Office<'_>, life: &Life, matter: &Matter, as_of: NaiveDate) -> History {
    let ledger = office.ledger();
    let on = matter.on(office, life, as_of);
    let counting = matter.counting();
    let fields = on.as_ref().map_or_else(Vec::new, |on| {
        let record = &on.folded.record;
        let filled = (0..ledger.fields.len()).filter(|field| !record.cell(*field).is_empty());
        filled
            .map(|field| {
                let event = on.folded.set_by.get(&field).and_then(|index| counting.get(*index));
                let (imported, since) = matter.imported.cell(field, as_of).unzip();
                let line = FieldLine {
                    title: ledger.fields[field].title.clone(),
                    value: record.cell(field).to_string(),
                    from: if event.is_some() || imported.is_none() { "event" } else { "import" },
                    no: event.map(|event| event.no),
                    on: event.map(|event| event.on),
                    imported: imported.map(ToString::to_string),
                    imported_since: since,
                };
                (ledger.fields[field].id.clone(), line)
            })
            .collect()
    });
    let events = matter.events.iter().filter(|event| event.on <= as_of);
    History {
        ledger: ledger.id.clone(),
        code: matter.code.clone(),
        number: filled(matter.number(as_of)),
        unit: on.as_ref().and_then(|on| office.owner(&on.folded.record).unit).map(|unit| office.name(unit).to_owned()),
        state: on.as_ref().and_then(|on| filled(life.state_id(on.state))),
        title: on.as_ref().map_or(String::new(), |on| life.state_title(on.state).to_owned()),
        origin: on.as_ref().map(|on| origin(on)),
        gone: on.as_ref().is_some_and(|on| on.folded.gone),
        as_of,
        fields: Ordered(fields),
        events: events.map(|event| event_line(office, life, matter, event)).collect(),
    }
}

fn event_line(office: &Office<'_>, life: &Life, matter: &Matter, event: &Event) -> EventLine {
    let ledger = office.ledger();
    let cells = |cells: &[(String, Cell)]| {
        let mut cells: Vec<&(String, Cell)> = cells.iter().collect();
        cells.sort_by_key(|(id, _)| ledger.field(id).unwrap_or(usize::MAX));
        Ordered(cells.into_iter().map(|(id, cell)| (id.clone(), filled(&cell.to_string()))).collect())
    };
    let retracted = event.retracted.as_ref().map(|retraction| RetractionLine {
        pos: retraction.pos,
        by: retraction.by.clone(),
        recorded_at: retraction.recorded_at.clone(),
        reason: retraction.reason.clone(),
    });
    EventLine {
        no: event.no,
        pos: event.pos,
        transition: event.transition.clone(),
        title: life.title(&event.transition).to_owned(),
        on: event.on,
        recorded_at: event.recorded_at.clone(),
        by: event.by.clone(),
        unit: event.unit.clone(),
        actor: event.actor.clone(),
        via: event.via.code(),
        on_behalf: event.on_behalf,
        late: event.late,
        same_person: event.same_person,
        given: cells(&event.given),
        set: cells(&event.set),
        reason: filled(&event.reason),
        key: filled(&event.key),
        state_after: filled(life.state_id(matter.state_after(office, life, event))),
        opened: event.opened.clone(),
        retracted,
    }
}

fn filled(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn origin(on: &MatterOn) -> &'static str {
    if on.folded.is_own { "own" } else { "import" }
}

#[allow(clippy::too_many_arguments)]
fn line(
    office: &Office<'_>,
    life: &Life,
    matters: &Matters,
    matter: &Matter,
    on: &MatterOn,
    waited: &[UnitId],
    as_of: NaiveDate,
    sample: bool,
) -> MatterLine {
    let record = &on.folded.record;
    let ledger = office.ledger();
    let text = |role: Role| filled(record.text(ledger.role(role)));
    let name = |unit: UnitId| office.name(unit).to_owned();
    let events: Vec<&Event> = matter.events.iter().filter(|event| event.on <= as_of).collect();
    let counting = || events.iter().rev().filter(|event| event.retracted.is_none());
    MatterLine {
        ledger: ledger.id.clone(),
        code: matter.code.clone(),
        number: filled(matter.number(as_of)),
        name: text(Role::Name),
        unit: office.owner(record).unit.map(name),
        raiser: office.raiser(record).map(name),
        issuer: Some(name(office.issuer(record))),
        project: ledger.project_of(record),
        state: filled(life.state_id(on.state)),
        title: filled(life.state_title(on.state)),
        since: matter.since(office, life, as_of),
        waits_for: waited.iter().map(|unit| name(*unit)).collect(),
        due_on: life.states.due_on(record),
        origin: origin(on),
        gone: on.folded.gone,
        sample,
        raised_from: text(Role::RaisedFrom),
        reassigned_from: text(Role::ReassignedFrom),
        upper: text(Role::Upper),
        events: events.len(),
        last: counting().next().map(|event| LastEvent {
            no: event.no,
            transition: event.transition.clone(),
            on: event.on,
            recorded_at: event.recorded_at.clone(),
            by: event.by.clone(),
            unit: event.unit.clone(),
            via: event.via.code(),
        }),
        possible: matter.possible(office, life, matters, as_of),
    }
}

/// What the matters of a day are read from.
struct Shelf<'a> {
    app: &'a App,
    /// With the units of the day.
    policy: Policy,
    selection: SnapshotSelection,
    as_of: NaiveDate,
}

impl<'a> Shelf<'a> {
    async fn open(app: &'a App, as_of: NaiveDate) -> anyhow::Result<Shelf<'a>> {
        let selection = SnapshotSelection::unmarked(app.store(), app.config(), &[], as_of).await?;
        Ok(Shelf { app, policy: app.config().policy.on(as_of), selection, as_of })
    }

    fn reader(&self, ledger: usize) -> MatterReader<'_> {
        self.selection.matter_reader(self.app.store(), &self.policy.ledgers[ledger], self.as_of)
    }

    /// All records of a ledger, with their events.
    async fn all(&self, index: usize) -> anyhow::Result<Matters> {
        let mut matters = self.reader(index).with_events().await?;
        let ledger = &self.policy.ledgers[index];
        let covers: HashMap<&str, NaiveDate> =
            self.selection.of_ledger(&ledger.id).map(|found| (found.snapshot.source.as_str(), found.snapshot.covers_on)).collect();
        LedgerRecords::as_imported(self.app.store(), ledger, &self.selection)
            .each(|snapshot, streamed| {
                let record = &streamed.record;
                // a record with events is read with its history, and of two sources the first one wins
                if !matters.contains_key(&record.code) {
                    let version = RowVersion { cells: record.cells.clone(), columns: record.columns, place: record.place };
                    let covers_on = covers.get(snapshot.source).copied().unwrap_or(self.as_of);
                    let step = Step { covers_on, version: Some(Arc::new(version)) };
                    let matter = Matter { code: record.code.clone(), imported: Imported { steps: vec![step] }, ..Matter::default() };
                    matters.insert(record.code.clone(), matter);
                }
                Ok(())
            })
            .await?;
        Ok(matters)
    }

    async fn projects(&self, ledger: usize, matters: &Matters) -> anyhow::Result<KnownProjects> {
        let ledger = &self.policy.ledgers[ledger];
        Ok(projects_of(self.app.store(), &self.policy, &self.selection, ledger, matters, &[]).await?)
    }

    fn with<T>(&self, ledger: usize, known: &KnownProjects, of: impl FnOnce(&Office<'_>) -> T) -> T {
        let persons = HashMap::new();
        of(&Office { policy: &self.policy, ledger, projects: &known.linked, project_names: &known.names, persons: &persons })
    }
}
