//! Makes acts of persons and of the service events, whatever door they come through: reads the record with all that is linked, has the domain
//! decide, and writes the events in one transaction.

use crate::clock::{Clock, stamp};
use crate::config::load::Config;
use crate::domain::life::act::{Act, Decision, Refusal};
use crate::domain::life::confirm::confirm_day;
use crate::domain::life::declaration::Life;
use crate::domain::life::event::Event;
use crate::domain::life::handle::{decide, refusal};
use crate::domain::life::matter::Matters;
use crate::domain::life::office::Office;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::store::audit::AuditEntry;
use crate::store::database::{Result, StoreError};
use crate::store::events::{Acted, Appended, Retracted};
use crate::store::handle::Store;
use crate::worker::crash_point::crash_point;
use crate::worker::matters::{KnownProjects, persons, projects_of};
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::{Datelike, NaiveDate};
use std::collections::{BTreeSet, HashMap};
use tokio::sync::OnceCell;

/// Why nothing is numbered on a restored copy.
const NUMBERS_HELD: &str =
    "数据库是从备份恢复的，其后的编号可能已经用过，暂不办理。请负责人核对后执行 duban outbox release --sending --by 姓名 --reason 事由";

/// What became of the acts on one record.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The record, and the number and state of the event of the transition that was named last.
    Done {
        code: String,
        no: u32,
        number: String,
        state: String,
    },
    Refused(Refusal),
}

/// What handling in one ledger works with.
pub(crate) struct Handling<'a> {
    store: &'a Store,
    clock: &'a Clock,
    /// With the units of today.
    pub(crate) policy: Policy,
    ledger: usize,
    selection: SnapshotSelection,
    pub(crate) today: NaiveDate,
    /// The names of the persons that the directory knows of a unit, once they are needed.
    persons: OnceCell<HashMap<UnitId, BTreeSet<String>>>,
}

/// What is known of the records that an act concerns.
struct Desk<'a> {
    handling: &'a Handling<'a>,
    projects: KnownProjects,
    persons: &'a HashMap<UnitId, BTreeSet<String>>,
}

impl Desk<'_> {
    fn with<T>(&self, decide: impl FnOnce(&Office<'_>, &Life) -> T) -> T {
        let office = Office {
            policy: &self.handling.policy,
            ledger: self.handling.ledger,
            projects: &self.projects.linked,
            project_names: &self.projects.names,
            persons: self.persons,
        };
        decide(&office, self.handling.life())
    }
}

impl<'a> Handling<'a> {
    /// Handling in a ledger (index) as its records are today.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn open(store: &'a Store, config: &Config, clock: &'a Clock, ledger: usize) -> Result<Handling<'a>> {
        let today = clock.today();
        let mut selection = SnapshotSelection::unmarked(store, config, &[], today).await?;
        // an act sees what others write meanwhile
        selection.events_position = i64::MAX;
        Ok(Handling { store, clock, policy: config.policy.on(today), ledger, selection, today, persons: OnceCell::new() })
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.policy.ledgers[self.ledger]
    }

    pub(crate) fn life(&self) -> &Life {
        static NONE: std::sync::LazyLock<Life> = std::sync::LazyLock::new(Life::default);
        self.policy.life(self.ledger).unwrap_or(&NONE)
    }

    /// The record and all that are linked with it.
    async fn matters(&self, code: Option<&str>) -> Result<Matters> {
        let Some(code) = code else { return Ok(Matters::new()) };
        self.selection.matter_reader(self.store, self.ledger(), self.today).linked(&[code.to_owned()]).await
    }

    /// `more`: codes of projects that are given.
    async fn desk(&self, matters: &Matters, more: &[String]) -> Result<Desk<'_>> {
        let projects = projects_of(self.store, &self.policy, &self.selection, self.ledger(), matters, more).await?;
        let persons = self.persons.get_or_try_init(|| persons(self.store, &self.policy, &self.selection)).await?;
        Ok(Desk { handling: self, projects, persons })
    }

    /// Makes acts on one record together: all of them or none. An act that was made before with its key is passed over. With `is_preview` it is only
    /// found out what would become of them.
    ///
    /// # Errors
    /// The database fails, or a stored row is damaged.
    pub(crate) async fn handle(&self, acts: &[Act], is_preview: bool) -> Result<Outcome> {
        let code = acts.first().and_then(|act| act.code.as_deref());
        let matters = self.matters(code).await?;
        let (mut open, mut repeated): (Vec<Act>, Option<Event>) = (Vec::new(), None);
        for act in acts {
            match self.store.events().by_key(&self.ledger().id, act.code.as_deref(), &act.key, self.selection.sample).await? {
                Some(first) => repeated = Some(first),
                None => open.push(act.clone()),
            }
        }
        if let Some(first) = repeated.filter(|_| open.is_empty()) {
            return self.repeated(first).await;
        }
        let project = self.ledger().role(Role::Project);
        let given = open.iter().flat_map(|act| &act.given).filter(|(field, _)| Some(*field) == project);
        let more: Vec<String> = given.filter_map(|(_, cell)| cell.text()).map(str::to_owned).collect();
        let desk = self.desk(&matters, &more).await?;
        match desk.with(|office, life| decide(office, life, &matters, &open, self.today)) {
            Ok(decision) if is_preview => {
                let found = desk.with(|office, life| refusal(office, life, &matters, code, self.today, "preview".into()));
                Ok(Outcome::Refused(Refusal { state: decision.state, ..found }))
            }
            Ok(decision) => self.write(code, &matters, decision).await,
            Err(refusal) => Ok(Outcome::Refused(refusal)),
        }
    }

    /// Confirms the day that a unit stated for an event.
    ///
    /// # Errors
    /// As [`Handling::handle`].
    pub(crate) async fn confirm(&self, act: &Act, no: u32) -> Result<Outcome> {
        let matters = self.matters(act.code.as_deref()).await?;
        let desk = self.desk(&matters, &[]).await?;
        match desk.with(|office, life| confirm_day(office, life, &matters, act, no, self.today)) {
            Ok(decision) => self.write(act.code.as_deref(), &matters, decision).await,
            Err(reason) => self.refuse(act.code.as_deref(), reason).await,
        }
    }

    /// Retracts an event.
    ///
    /// # Errors
    /// As [`Handling::handle`].
    pub(crate) async fn retract(&self, code: &str, no: u32, entry: AuditEntry<'_>) -> Result<Outcome> {
        let reason = match self.store.events().retract(&self.ledger().id, (code, no), self.selection.sample, entry).await? {
            Retracted::Done(_) => {
                let matters = self.matters(Some(code)).await?;
                let desk = self.desk(&matters, &[]).await?;
                let state = desk.with(|office, life| refusal(office, life, &matters, Some(code), self.today, String::new()).state);
                let number = matters.get(code).map_or("", |matter| matter.number(self.today)).to_owned();
                return Ok(Outcome::Done { code: code.to_owned(), no, number, state });
            }
            Retracted::NumbersHeld => NUMBERS_HELD.to_owned(),
            Retracted::NoSuchEvent => format!("{code}没有第{no}条可以更正的办理记录"),
            Retracted::Follows(first, no) => format!("这一条随{first}第{no}条而来，请更正那一条"),
            Retracted::OpenedWasHandled(opened) => format!("由此立的{opened}已有办理记录，不能更正"),
        };
        self.refuse(Some(code), reason).await
    }

    /// Writes what was decided. Whoever was outrun answers with what is found now.
    async fn write(&self, code: Option<&str>, matters: &Matters, decision: Decision) -> Result<Outcome> {
        let Decision { drafts, named, state } = decision;
        let expected: Vec<(String, u32)> =
            matters.values().map(|matter| (matter.code.clone(), u32::try_from(matter.events.len()).unwrap_or(u32::MAX))).collect();
        let at = stamp(self.clock.now());
        let (ledger, sample, year) = (self.ledger(), self.selection.sample, self.today.year());
        let acted = Acted { ledger, drafts: &drafts, named, expected: &expected, sample, year };
        let event = &drafts[named].event;
        crash_point("decided");
        let appended = self.store.events().append(&acted, AuditEntry { at: &at, who: &event.by, why: &event.reason }).await?;
        crash_point("appended");
        match appended {
            Appended::Written { code, no, number } => {
                let before = || matters.get(&code).map_or("", |matter| matter.number(self.today)).to_owned();
                let number = if number.is_empty() { before() } else { number };
                Ok(Outcome::Done { code, no, number, state })
            }
            Appended::Repeated(first) => self.repeated(*first).await,
            Appended::NumbersHeld => self.refuse(code, NUMBERS_HELD.into()).await,
            Appended::NumberTaken => self.refuse(code, "这个编号已经用过".into()).await,
            Appended::Outrun => {
                let now = self.matters(code).await?;
                let last = code.and_then(|code| now.get(code)).and_then(|matter| matter.last());
                let done = last.map_or_else(String::new, |last| {
                    format!("{}（{}）已于{}“{}”，", last.by, last.unit, last.on, self.life().title(&last.transition))
                });
                self.refuse(code, format!("{done}此件刚有变动，请核对后再办")).await
            }
        }
    }

    /// A refusal with what is found of the record now.
    ///
    /// # Errors
    /// As [`Handling::handle`].
    pub(crate) async fn refuse(&self, code: Option<&str>, reason: String) -> Result<Outcome> {
        let matters = self.matters(code).await?;
        let desk = self.desk(&matters, &[]).await?;
        Ok(Outcome::Refused(desk.with(|office, life| refusal(office, life, &matters, code, self.today, reason))))
    }

    /// The answer to an act that was made before with the same key.
    async fn repeated(&self, first: Event) -> Result<Outcome> {
        let matters = self.matters(Some(&first.code)).await?;
        let desk = self.desk(&matters, &[]).await?;
        let matter = matters.get(&first.code).ok_or_else(|| StoreError::Internal("an event without a record".into()))?;
        let state = desk.with(|office, life| life.state_id(matter.state_after(office, life, &first)).to_owned());
        let number = if first.number.is_empty() { matter.number(self.today).to_owned() } else { first.number };
        Ok(Outcome::Done { code: first.code, no: first.no, number, state })
    }
}
