//! Handling (办理): the one use case by which every door makes a transition of a record. It reads the matter, has the domain decide, and writes the
//! events of the act in one transaction.

use crate::app::compose::App;
use crate::app::import::unit_named;
use crate::app::matters::ledger_index;
use crate::app::person::has_name;
use crate::clock::stamp;
use crate::domain::life::act::{Act, Decision, Refusal};
use crate::domain::life::confirm::confirm_day;
use crate::domain::life::declaration::Life;
use crate::domain::life::event::{Event, Via};
use crate::domain::life::given::given_cells;
use crate::domain::life::handle::{decide, refusal};
use crate::domain::life::matter::Matters;
use crate::domain::life::office::Office;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::store::audit::AuditEntry;
use crate::store::events::{Acted, Appended, Retracted};
use crate::store::handle::Store;
use crate::store::os_user::os_user;
use crate::worker::crash_point::crash_point;
use crate::worker::matters::{KnownProjects, persons, projects_of};
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::Context;
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Why nothing is numbered on a restored copy.
const NUMBERS_HELD: &str =
    "数据库是从备份恢复的，其后的编号可能已经用过，暂不办理。请负责人核对后执行 duban outbox release --sending --by 姓名 --reason 事由";

/// The word for the code of a record that is to be created.
const NEW: &str = "new";

/// The key of `--set` by which a number is typed.
const NUMBER: &str = "number";

/// What a person wants to do with records.
#[derive(Clone, Debug, Default)]
pub struct HandleRequest {
    /// Id of the ledger.
    pub ledger: String,
    pub codes: Vec<String>,
    pub transition: String,
    pub by: String,
    /// The unit for which it is recorded; `None` = the office acts itself.
    pub unit: Option<String>,
    pub on: Option<NaiveDate>,
    /// Field id and text.
    pub set: Vec<(String, String)>,
    pub reason: String,
    pub key: String,
    /// Do it for several records without a preview.
    pub is_confirmed: bool,
}

/// What became of an act on one record.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Handled {
    Done {
        code: String,
        done: bool,
        no: u32,
        number: Option<String>,
        state: Option<String>,
    },
    Refused {
        code: String,
        done: bool,
        state: Option<String>,
        by: Option<String>,
        on: Option<NaiveDate>,
        possible: Vec<String>,
        reason: String,
    },
}

impl Handled {
    pub fn is_done(&self) -> bool {
        matches!(self, Handled::Done { .. })
    }

    fn done(code: String, no: u32, number: String, state: String) -> Handled {
        Handled::Done { code, done: true, no, number: filled(number), state: filled(state) }
    }

    fn refused(code: &str, refusal: Refusal) -> Handled {
        let Refusal { state, last, possible, reason } = refusal;
        let (by, on) = last.unzip();
        Handled::Refused { code: code.to_owned(), done: false, state: filled(state), by, on, possible, reason }
    }

    /// A refusal about which no record gives more.
    fn refused_outright(code: &str, reason: String) -> Handled {
        Handled::refused(code, Refusal { state: String::new(), last: None, possible: Vec::new(), reason })
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Makes a transition of one or several records. Several are only shown as they would be, unless that is confirmed.
///
/// # Errors
/// The ledger is unknown or has no life, or the database fails.
pub async fn handle(app: &App, request: &HandleRequest) -> anyhow::Result<Vec<Handled>> {
    let room = Room::open(app, &request.ledger).await?;
    let is_preview = request.codes.len() > 1 && !request.is_confirmed;
    let mut out = Vec::new();
    for code in &request.codes {
        out.push(room.handle(code, request, is_preview).await?);
    }
    Ok(out)
}

/// Confirms the day that a unit stated for an event.
///
/// # Errors
/// As [`handle`].
pub async fn confirm(app: &App, ledger: &str, code: &str, no: u32, by: &str) -> anyhow::Result<Handled> {
    let room = Room::open(app, ledger).await?;
    let request = HandleRequest { by: by.to_owned(), ..HandleRequest::default() };
    let act = match room.act(code, &request) {
        Ok(act) => act,
        Err(reason) => return Ok(Handled::refused_outright(code, reason)),
    };
    let matters = room.matters(Some(code)).await?;
    let desk = room.desk(&matters, &[]).await?;
    match desk.with(|office, life| confirm_day(office, life, &matters, &act, no, room.today)) {
        Ok(decision) => room.write(&act, &matters, decision).await,
        Err(reason) => Ok(room.refuse(code, &matters, reason).await?),
    }
}

/// Retracts an event.
///
/// # Errors
/// As [`handle`].
pub async fn retract(app: &App, ledger: &str, code: &str, no: u32, by: &str, reason: &str) -> anyhow::Result<Handled> {
    let room = Room::open(app, ledger).await?;
    let entry = AuditEntry { at: &stamp(app.clock().now()), who: by.trim(), why: reason.trim() };
    let missing = [("姓名", entry.who), ("理由", entry.why)].into_iter().find(|(_, text)| !has_name(text));
    let refused = match missing {
        Some((what, _)) => format!("更正须写明{what}"),
        None => match app.store().events().retract(&room.ledger().id, (code, no), room.selection.sample, entry).await? {
            Retracted::Done(_) => {
                let matters = room.matters(Some(code)).await?;
                let desk = room.desk(&matters, &[]).await?;
                let state = desk.with(|office, life| refusal(office, life, &matters, Some(code), room.today, String::new()).state);
                let number = matters.get(code).map_or("", |matter| matter.number(room.today)).to_owned();
                return Ok(Handled::done(code.to_owned(), no, number, state));
            }
            Retracted::NumbersHeld => NUMBERS_HELD.to_owned(),
            Retracted::NoSuchEvent => format!("{code}没有第{no}条可以更正的办理记录"),
            Retracted::Follows(first, no) => format!("这一条随{first}第{no}条而来，请更正那一条"),
            Retracted::OpenedWasHandled(opened) => format!("由此立的{opened}已有办理记录，不能更正"),
        },
    };
    let matters = room.matters(Some(code)).await?;
    room.refuse(code, &matters, refused).await
}

/// What handling in one ledger works with.
struct Room<'a> {
    app: &'a App,
    /// With the units of today.
    policy: Policy,
    ledger: usize,
    selection: SnapshotSelection,
    today: NaiveDate,
}

/// A room with what is known of the records that an act concerns.
struct Desk<'a> {
    room: &'a Room<'a>,
    projects: KnownProjects,
    persons: HashMap<UnitId, BTreeSet<String>>,
}

impl Desk<'_> {
    fn with<T>(&self, decide: impl FnOnce(&Office<'_>, &Life) -> T) -> T {
        let office = Office {
            policy: &self.room.policy,
            ledger: self.room.ledger,
            projects: &self.projects.linked,
            project_names: &self.projects.names,
            persons: &self.persons,
        };
        decide(&office, self.room.life())
    }
}

impl<'a> Room<'a> {
    async fn open(app: &'a App, ledger: &str) -> anyhow::Result<Room<'a>> {
        let today = app.clock().today();
        let policy = app.config().policy.on(today);
        let ledger = ledger_index(&policy, ledger)?;
        let mut selection = SnapshotSelection::unmarked(app.store(), app.config(), &[], today).await?;
        // an act sees what others write meanwhile
        selection.events_position = i64::MAX;
        Ok(Room { app, policy, ledger, selection, today })
    }

    fn store(&self) -> &'a Store {
        self.app.store()
    }

    fn ledger(&self) -> &Ledger {
        &self.policy.ledgers[self.ledger]
    }

    fn life(&self) -> &Life {
        static NONE: std::sync::LazyLock<Life> = std::sync::LazyLock::new(Life::default);
        self.policy.life(self.ledger).unwrap_or(&NONE)
    }

    /// The record and all that are linked with it.
    async fn matters(&self, code: Option<&str>) -> anyhow::Result<Matters> {
        let Some(code) = code else { return Ok(Matters::new()) };
        Ok(self.selection.matter_reader(self.store(), self.ledger(), self.today).linked(&[code.to_owned()]).await?)
    }

    /// `more`: codes of projects that are given.
    async fn desk(&self, matters: &Matters, more: &[String]) -> anyhow::Result<Desk<'_>> {
        let projects = projects_of(self.store(), &self.policy, &self.selection, self.ledger(), matters, more).await?;
        let persons = persons(self.store(), &self.policy, &self.selection).await?;
        Ok(Desk { room: self, projects, persons })
    }

    /// What a request asks for one record.
    ///
    /// # Errors
    /// Why nobody can do that.
    fn act(&self, code: &str, request: &HandleRequest) -> Result<Act, String> {
        let office = self.policy.units.office();
        let unit = match request.unit.as_deref() {
            None => office,
            Some(name) => unit_named(&self.policy, name).map_err(|error| error.to_string())?,
        };
        let (numbers, set): (Vec<_>, Vec<_>) =
            request.set.iter().cloned().partition(|(id, _)| id == NUMBER && self.ledger().field(NUMBER).is_none());
        Ok(Act {
            code: (code != NEW).then(|| code.to_owned()),
            transition: request.transition.clone(),
            // a name that nobody sees names nobody
            by: Some(request.by.trim()).filter(|by| has_name(by)).unwrap_or_default().to_owned(),
            unit,
            on_behalf: unit != office,
            stated_on: request.on,
            given: given_cells(self.ledger(), &set, self.today)?,
            number: numbers.into_iter().next().map(|(_, number)| number),
            reason: request.reason.clone(),
            key: request.key.clone(),
            actor: os_user(),
            via: Via::CommandLine,
        })
    }

    async fn handle(&self, code: &str, request: &HandleRequest, is_preview: bool) -> anyhow::Result<Handled> {
        let act = match self.act(code, request) {
            Ok(act) => act,
            Err(reason) if code == NEW => return Ok(Handled::refused_outright(code, reason)),
            Err(reason) => return self.refuse(code, &self.matters(Some(code)).await?, reason).await,
        };
        let matters = self.matters(act.code.as_deref()).await?;
        if let Some(first) = self.store().events().by_key(&self.ledger().id, act.code.as_deref(), &act.key, self.selection.sample).await? {
            return self.repeated(first).await;
        }
        let project = self.ledger().role(Role::Project);
        let more: Vec<String> =
            act.given.iter().filter(|(field, _)| Some(*field) == project).filter_map(|(_, cell)| cell.text()).map(str::to_owned).collect();
        let desk = self.desk(&matters, &more).await?;
        match desk.with(|office, life| decide(office, life, &matters, &act, self.today)) {
            Ok(decision) if is_preview => {
                let found = desk.with(|office, life| refusal(office, life, &matters, act.code.as_deref(), self.today, "preview".into()));
                Ok(Handled::refused(code, Refusal { state: decision.state, ..found }))
            }
            Ok(decision) => self.write(&act, &matters, decision).await,
            Err(refusal) => Ok(Handled::refused(code, refusal)),
        }
    }

    /// Writes what was decided. Whoever was outrun answers with what is found now.
    async fn write(&self, act: &Act, matters: &Matters, decision: Decision) -> anyhow::Result<Handled> {
        let expected: Vec<(String, u32)> =
            matters.values().map(|matter| (matter.code.clone(), u32::try_from(matter.events.len()).unwrap_or(u32::MAX))).collect();
        let at = stamp(self.app.clock().now());
        let acted = Acted {
            ledger: self.ledger(),
            drafts: &decision.drafts,
            named: decision.named,
            expected: &expected,
            sample: self.selection.sample,
            year: self.today.year(),
        };
        let code = act.code.as_deref().unwrap_or(NEW);
        let entry = AuditEntry { at: &at, who: &act.by, why: &act.reason };
        crash_point("decided");
        let appended = self.store().events().append(&acted, entry).await?;
        crash_point("appended");
        match appended {
            Appended::Written { code, no, number } => {
                let before = || matters.get(&code).map_or("", |matter| matter.number(self.today)).to_owned();
                let number = if number.is_empty() { before() } else { number };
                Ok(Handled::done(code, no, number, decision.state))
            }
            Appended::Repeated(first) => self.repeated(*first).await,
            Appended::NumbersHeld => self.refuse(code, matters, NUMBERS_HELD.into()).await,
            Appended::NumberTaken => self.refuse(code, matters, "这个编号已经用过".into()).await,
            Appended::Outrun => {
                let now = self.matters(act.code.as_deref()).await?;
                let last = now.get(code).and_then(|matter| matter.last());
                let done = last.map_or_else(String::new, |last| {
                    format!("{}（{}）已于{}“{}”，", last.by, last.unit, last.on, self.life().title(&last.transition))
                });
                self.refuse(code, &now, format!("{done}此件刚有变动，请核对后再办")).await
            }
        }
    }

    async fn refuse(&self, code: &str, matters: &Matters, reason: String) -> anyhow::Result<Handled> {
        let desk = self.desk(matters, &[]).await?;
        Ok(Handled::refused(code, desk.with(|office, life| refusal(office, life, matters, Some(code), self.today, reason))))
    }

    /// The answer to an act that was made before with the same key.
    async fn repeated(&self, first: Event) -> anyhow::Result<Handled> {
        let matters = self.matters(Some(&first.code)).await?;
        let desk = self.desk(&matters, &[]).await?;
        let matter = matters.get(&first.code).context("an event without a record")?;
        let state = desk.with(|office, life| life.state_id(matter.state_after(office, life, &first)).to_owned());
        let number = if first.number.is_empty() { matter.number(self.today).to_owned() } else { first.number };
        Ok(Handled::done(first.code, first.no, number, state))
    }
}
