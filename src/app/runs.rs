//! The runs: which there were, and why each unit was mailed by one of them or was not.

use crate::app::compose::App;
use crate::app::person::Person;
use crate::clock::stamp;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::notify::disposition::NotifyReason;
use crate::domain::problem::suggest;
use crate::store::handle::Store;
use crate::store::notify_reasons::UnitReason;
use crate::store::outbox::{OutboxFilter, OutboxRow};
use crate::store::run_steps::StepTimes;
use crate::store::runs::{Run, RunState};
use crate::worker::run::runner::Runner;
use crate::worker::run::slot_text::{key_of, parse_slot, slot_text};
use anyhow::bail;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use std::collections::BTreeMap;

/// The mails of a run that no server has accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// They go out without a person, or once a person lets sending go on.
    pub(crate) waiting: i64,
    pub(crate) refused: i64,
    pub(crate) dead: i64,
}

impl Undelivered {
    /// Those that were refused or given up.
    pub(crate) fn lost(self) -> i64 {
        self.refused + self.dead
    }

    /// The counts behind a space; empty = every mail was accepted.
    pub(crate) fn in_words(self) -> String {
        let counts = [("待发", self.waiting), ("被拒", self.refused), ("停止发送", self.dead)];
        let words: Vec<String> = counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word}{count}封")).collect();
        if words.is_empty() { String::new() } else { format!(" {}", words.join("、")) }
    }
}

/// How many mails of a run were not accepted.
///
/// # Errors
/// The database fails.
pub(crate) async fn undelivered(store: &Store, run: &str) -> anyhow::Result<Undelivered> {
    let counts = store.outbox().count_by_state(Some(run)).await?;
    let of = |state: DeliveryState| counts.get(&state).copied().unwrap_or_default();
    let waiting = DeliveryState::all_that(DeliveryState::is_undelivered).into_iter().map(of).sum();
    Ok(Undelivered { waiting, refused: of(DeliveryState::Refused), dead: of(DeliveryState::Dead) })
}

/// How many units a run mailed or not, by reason.
#[derive(Debug)]
pub(crate) struct RunReasons {
    pub(crate) run: Run,
    /// Empty = its job mails nobody, or the run has not got there.
    pub(crate) counts: BTreeMap<NotifyReason, usize>,
}

/// The reasons of a run.
///
/// # Errors
/// The run is unknown (the message suggests one), or the database fails.
pub(crate) async fn reasons(runner: &Runner, run: &str) -> anyhow::Result<RunReasons> {
    let run = runner.run_named(run).await?;
    let mut counts = BTreeMap::new();
    for unit in runner.store.notify_reasons().of_run(&run.id).await? {
        *counts.entry(unit.reason).or_default() += 1;
    }
    Ok(RunReasons { run, counts })
}

/// A step of a run with its time and what it handled.
#[derive(Debug)]
pub(crate) struct StepLine {
    pub(crate) step: String,
    pub(crate) began_at: String,
    /// Tenths of a second.
    pub(crate) tenths: i64,
}

/// One run as a page shows it.
#[derive(Debug)]
pub(crate) struct RunDetail {
    pub(crate) run: Run,
    pub(crate) steps: Vec<StepLine>,
    /// Ledger, source, number of the snapshot and its rows.
    pub(crate) read: Vec<(String, String, i64, i64)>,
    /// Files that it has made.
    pub(crate) files: usize,
    pub(crate) mails: BTreeMap<DeliveryState, i64>,
    pub(crate) reasons: BTreeMap<NotifyReason, usize>,
}

/// One run; `None` = there is none of this id.
///
/// # Errors
/// The database fails.
pub(crate) async fn detail(app: &App, id: &str) -> anyhow::Result<Option<RunDetail>> {
    let store = app.store();
    let Some(run) = store.runs().get(id).await? else { return Ok(None) };
    let tenths = |times: &StepTimes| {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis()).unwrap_or_default();
        (at(&times.ended_at) - at(&times.began_at)).max(0) / 100
    };
    let steps = store.runs().steps_of(id).await?;
    let steps = steps.into_iter().map(|times| StepLine { tenths: tenths(&times), step: times.step, began_at: times.began_at }).collect();
    let snapshots = store.snapshots().list().await?;
    let title = |id: &str| app.config().policy.ledger(id).map_or_else(|| id.to_owned(), |at| app.config().policy.ledgers[at].title.clone());
    let read = |(ledger, source, seq): &(String, String, i64)| {
        let rows = snapshots.iter().find(|known| (&known.ledger, &known.source, known.seq) == (ledger, source, *seq));
        (title(ledger), source.clone(), *seq, rows.map_or(0, |known| known.rows))
    };
    Ok(Some(RunDetail {
        read: run.inputs.snapshots.iter().map(read).collect(),
        files: store.reports().list(id).await?.len(),
        mails: store.outbox().count_by_state(Some(id)).await?,
        reasons: reasons(&app.runner(), id).await?.counts,
        steps,
        run,
    }))
}

/// Days back in which slots are looked for that have no run.
const MISSED_DAYS: u64 = 60;

/// A slot that has passed without a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MissedSlot {
    /// Title of the job.
    pub(crate) job: String,
    pub(crate) runs_at: NaiveDateTime,
    pub(crate) as_of: NaiveDate,
    /// The service will still run it; otherwise it has passed it over.
    pub(crate) is_due: bool,
}

/// The slots of the last days that have passed since a job was first run and have no run, the latest first.
///
/// # Errors
/// The database fails.
pub(crate) async fn missed(app: &App) -> anyhow::Result<Vec<MissedSlot>> {
    let runs = app.store().runs();
    let mut missed = Vec::new();
    for job in &app.config().jobs {
        let Some(first) = runs.first_slot(&job.name).await? else { continue };
        let now = app.clock().local(job.schedule.utc_offset_seconds);
        let Some(since) = now.checked_sub_days(Days::new(MISSED_DAYS)) else { continue };
        let since = parse_slot(&first)?.max(since);
        let known = runs.keys_of(&job.name).await?;
        let handled = app.store().schedule().handled(&job.name).await?.map_or_else(String::new, |handled| handled.until);
        let slots = job.schedule.slots(since, app.config().policy.calendar.of(None)).take_while(|slot| slot.at <= now);
        let without_run = slots.filter(|slot| slot.runs_at <= now && !known.contains(&key_of(&job.schedule, slot)));
        missed.extend(without_run.map(|slot| MissedSlot {
            job: job.title.clone(),
            runs_at: slot.runs_at,
            as_of: slot.as_of,
            is_due: slot_text(slot.at) > handled,
        }));
    }
    missed.sort_by(|a, b| (b.runs_at, &b.job).cmp(&(a.runs_at, &a.job)));
    Ok(missed)
}

/// Records that a person has the workbooks of a run made once more.
///
/// # Errors
/// The run is unknown (the message suggests one), or the database fails.
pub(crate) async fn record_rebuild(runner: &Runner, run: &str, by: Person<'_>) -> anyhow::Result<()> {
    let run = runner.run_named(run).await?;
    Ok(runner.store.audit().record(&stamp(runner.clock.now()), by.who, "rebuild", &run.id, by.why).await?)
}

/// Why a unit was mailed by a run or was not, and the messages of the run to it.
#[derive(Debug)]
pub(crate) struct UnitInRun {
    pub(crate) reason: UnitReason,
    /// Its digest and the drafts to it.
    pub(crate) messages: Vec<OutboxRow>,
}

/// The reason of one unit (code or name, also one of its former names) in a run.
///
/// # Errors
/// The run is unknown, mails nobody, or did not know the unit; or the database fails.
pub(crate) async fn unit_in_run(runner: &Runner, run: &str, unit: &str) -> anyhow::Result<UnitInRun> {
    let run = runner.run_named(run).await?;
    let reasons = runner.store.notify_reasons().of_run(&run.id).await?;
    if reasons.is_empty() {
        match run.state {
            RunState::Done | RunState::Partial => bail!("run {} mails nobody: its job has no step remind", run.id),
            RunState::Running | RunState::Failed => bail!("run {} has mailed nobody yet; see `duban runs`", run.id),
        }
    }
    let units = &runner.config.policy.units;
    // a unit is looked for under the name it had in the run before the name it has now
    let now = units.find(unit).map(|unit| units.units[unit].code.as_str());
    let is_named = |known: &&UnitReason| known.unit.eq_ignore_ascii_case(unit) || known.name == unit;
    let found = reasons.iter().find(is_named).or_else(|| reasons.iter().find(|known| Some(known.unit.as_str()) == now));
    let Some(reason) = found.cloned() else {
        let hint = suggest(unit, reasons.iter().map(|known| known.name.as_str())).unwrap_or_default();
        bail!("run {} knew no unit \"{unit}\" ({hint})", run.id);
    };
    let filter = OutboxFilter { run: Some(run.id), unit: Some(reason.name.clone()), ..OutboxFilter::default() };
    let messages = runner.store.outbox().list(&filter).await?;
    Ok(UnitInRun { reason, messages })
}
