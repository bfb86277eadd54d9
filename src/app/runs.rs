//! The runs: which there were, and why each unit was mailed by one of them or was not.

use crate::app::person::Person;
use crate::clock::stamp;
use crate::domain::notify::disposition::NotifyReason;
use crate::domain::problem::suggest;
use crate::store::notify_reasons::UnitReason;
use crate::store::outbox::{OutboxFilter, OutboxRow};
use crate::store::runs::{Run, RunState};
use crate::worker::run::runner::Runner;
use anyhow::bail;
use std::collections::BTreeMap;

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
