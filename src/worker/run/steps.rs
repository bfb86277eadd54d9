//! The steps of a run. The result of each is stored together with its name, so a run that broke off goes on behind the last stored name.

use crate::clock::stamp;
use crate::config::job_file::{Job, JobStep};
use crate::config::load::Config;
use crate::domain::notify::inputs::Unsigned;
use crate::store::run_result::{JudgedResult, PulledLedger, RunResult};
use crate::store::run_steps::StepTimes;
use crate::store::runs::{Pinned, Run, RunInputs, RunState};
use crate::worker::claim_time::claim_time;
use crate::worker::crash_point::crash_point;
use crate::worker::import::importer::Importer;
use crate::worker::pulse::Pulse;
use crate::worker::run::context::RunContext;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::pull::{ensure_unaltered_marks, pull_and_pin};
use crate::worker::run::slot_text::parse_slot;
use anyhow::{Context, ensure};
use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use futures_util::future::LocalBoxFuture;

/// One step of a run.
type Step = for<'a> fn(&'a mut Progress<'_>) -> LocalBoxFuture<'a, anyhow::Result<()>>;

/// The steps in their order, each with the name that is stored when it is done.
const STEPS: [(&str, Step); 4] = [
    ("pull", |run| Box::pin(run.pull())),
    ("detect", |run| Box::pin(run.detect())),
    ("report", |run| Box::pin(run.report())),
    ("remind", |run| Box::pin(run.remind())),
];

/// A run that finishes no step within this time loses its lease.
const LEASE_MINUTES: i64 = 10;

/// The end of a lease that begins now: until then no other process takes the run.
pub(crate) fn lease(now: DateTime<Utc>) -> String {
    stamp(now + chrono::Duration::minutes(LEASE_MINUTES))
}

/// A run that is going through its steps.
pub(crate) struct Progress<'r> {
    importer: &'r Importer,
    evaluator: &'r Evaluator,
    pulse: &'r Pulse,
    run: &'r Run,
    /// The job of the current configuration; after the pull, that of the frozen configuration.
    job: Job,
    as_of: NaiveDate,
    inputs: RunInputs,
    /// Opened by the first step after the pull.
    context: Option<RunContext<'r>>,
    /// The result so far.
    result: Option<RunResult>,
}

impl<'r> Progress<'r> {
    /// A run at the step it has reached.
    ///
    /// # Errors
    /// Its job no longer exists, or its as_of is not a date.
    pub(crate) fn new(importer: &'r Importer, evaluator: &'r Evaluator, pulse: &'r Pulse, run: &'r Run) -> anyhow::Result<Progress<'r>> {
        let config = &evaluator.config;
        let job = config.job(&run.job).with_context(|| format!("jobs/{}.toml does not exist any more", run.job))?.clone();
        let as_of = run.as_of.parse().with_context(|| format!("run {} has no date", run.id))?;
        let (inputs, result) = (run.inputs.clone(), run.result.clone());
        Ok(Progress { importer, evaluator, pulse, run, job, as_of, inputs, context: None, result })
    }

    /// Takes the steps that are not done yet, then records the result and the final state.
    ///
    /// # Errors
    /// A step failed, another process has taken the run over, or the run is to stop here.
    pub(crate) async fn run_steps(mut self) -> anyhow::Result<()> {
        let done = STEPS.iter().position(|(name, _)| *name == self.run.step).map_or(0, |at| at + 1);
        for (name, step) in &STEPS[done..] {
            self.pulse.check()?;
            self.evaluator.store.ensure_in_place()?;
            if self.open_for(name).await? {
                let began_at = stamp(self.evaluator.clock.now());
                step(&mut self).await?;
                let times = StepTimes { step: (*name).to_owned(), began_at, ended_at: stamp(self.evaluator.clock.now()) };
                self.evaluator.store.runs().record_step(self.run, &times).await?;
                self.pulse.beat();
                crash_point(name);
            }
        }
        if let Some(context) = self.context.as_ref().filter(|_| !self.job.steps.contains(&JobStep::Remind)) {
            let pulled = if self.job.makes_papers() { Vec::new() } else { self.pulled() };
            self.result = Some(RunResult { pulled, judged: Some(self.summary(context).await?), ..RunResult::default() });
        }
        let result = self.result.take().unwrap_or_else(|| RunResult { pulled: self.pulled(), ..RunResult::default() });
        let state = if self.inputs.faults.is_empty() { RunState::Done } else { RunState::Partial };
        self.evaluator.store.runs().finish(self.run, state, "", Some(&result), &stamp(self.evaluator.clock.now())).await?;
        Ok(())
    }

    /// Whether the job has a step. Every job pulls. The later steps need the evaluated register, so this opens the run context for them.
    async fn open_for(&mut self, step: &str) -> anyhow::Result<bool> {
        if step == JobStep::Pull.name() {
            return Ok(true);
        }
        if self.context.is_none() {
            // a job without papers runs before there is a register
            let has_register = self.job.makes_papers() || !self.inputs.snapshots.is_empty();
            if !self.job.steps.contains(&JobStep::Detect) || !has_register {
                return Ok(false);
            }
            ensure_unaltered_marks(&self.evaluator.store).await?;
            let config = Config::parse(self.evaluator.store.frozen_texts().read(&self.inputs.files).await?)?;
            // the job file may have been edited since the run began
            if let Some(job) = config.job(&self.run.job) {
                self.job = job.clone();
            }
            let mut context = RunContext::new(self.evaluator, config, self.job.clone(), self.run, self.as_of, &self.inputs).await?;
            if step != JobStep::Detect.name() {
                context.load_changes(self.run).await?;
            }
            self.context = Some(context);
        }
        Ok(self.job.steps.iter().any(|known| known.name() == step))
    }

    async fn pull(&mut self) -> anyhow::Result<()> {
        let inputs = pull_and_pin(self.importer, self.evaluator, self.pulse, &self.job, self.as_of).await?;
        let made_on = self.evaluator.clock.local(self.job.schedule.utc_offset_seconds).date();
        let first = match self.run.revision {
            0 => None,
            _ => self.evaluator.store.runs().first_inputs(&self.run.job, &self.run.key).await?,
        };
        // a revision names what the first edition named, so that a mail in which nothing has changed is not sent anew
        let unsigned = match &first {
            Some(first) => first.unsigned,
            None => self.unsigned(made_on).await?,
        };
        self.inputs = RunInputs {
            remakes_withheld: self.run.inputs.remakes_withheld,
            makes_good: self.run.inputs.makes_good,
            accepts_old_data: self.run.inputs.accepts_old_data,
            made_on: Some(made_on),
            first_made_on: Some(first.and_then(|first| first.made_on).unwrap_or(made_on)),
            unsigned,
            yields: self
                .evaluator
                .yields(&self.job, self.as_of, parse_slot(&self.run.slot).unwrap_or_default(), self.run.scheduled)
                .await?,
            ..inputs
        };
        self.evaluator.store.runs().finish_step(self.run, JobStep::Pull.name(), &self.inputs).await?;
        Ok(())
    }

    /// The drafts that have waited so many working days that the office is reminded of them.
    async fn unsigned(&self, today: NaiveDate) -> anyhow::Result<Unsigned> {
        let policy = &self.evaluator.config.policy;
        let offset = FixedOffset::east_opt(self.job.schedule.utc_offset_seconds);
        let mut unsigned = Unsigned::default();
        for (made_at, count) in self.evaluator.store.outbox().undecided_by_time().await? {
            let made_at = DateTime::parse_from_rfc3339(&made_at).with_context(|| format!("a draft was made at \"{made_at}\""))?;
            let made_on = offset.map_or(made_at, |offset| made_at.with_timezone(&offset)).date_naive();
            if policy.calendar.of(None).after_workdays(made_on, policy.acts.unsigned_workdays) < today {
                unsigned.drafts += usize::try_from(count).unwrap_or_default();
                unsigned.since = Some(unsigned.since.map_or(made_on, |since| since.min(made_on)));
            }
        }
        Ok(unsigned)
    }

    async fn detect(&mut self) -> anyhow::Result<()> {
        let Some(context) = &mut self.context else { return Ok(()) };
        context.detect(self.run, &self.inputs).await
    }

    async fn report(&mut self) -> anyhow::Result<()> {
        let Some(context) = &self.context else { return Ok(()) };
        let faults = context.report(self.run).await?;
        self.inputs.faults.extend(faults);
        self.renew_lease().await?;
        self.evaluator.store.runs().finish_step(self.run, JobStep::Report.name(), &self.inputs).await?;
        Ok(())
    }

    async fn remind(&mut self) -> anyhow::Result<()> {
        let Some(context) = &self.context else { return Ok(()) };
        let judged = self.summary(context).await?;
        let _planning = self.evaluator.store.lock_planning().await?;
        self.renew_lease().await?;
        self.result = Some(context.remind(self.run, &mut self.inputs, judged).await?);
        Ok(())
    }

    /// Extends the lease. Fails if another process has taken the run over.
    async fn renew_lease(&self) -> anyhow::Result<()> {
        let store = &self.evaluator.store;
        let renewed = store.runs().renew_lease(self.run, &lease(claim_time(store, &self.evaluator.clock).await?)).await?;
        ensure!(renewed, "run {} was taken over by another process", self.run.id);
        Ok(())
    }

    /// What the run has judged and made.
    async fn summary(&self, context: &RunContext<'_>) -> anyhow::Result<JudgedResult> {
        let files = self.evaluator.store.reports().list(&self.run.id).await?;
        Ok(context.summary(context.pack_counts(&files, &self.inputs.faults)))
    }

    /// What a run that judges nothing has pulled.
    fn pulled(&self) -> Vec<PulledLedger> {
        let policy = &self.evaluator.config.policy;
        let title = |ledger: &String| policy.ledger(ledger).map_or(ledger, |index| &policy.ledgers[index].title).clone();
        let pulled = |(ledger, source, seq): &Pinned| PulledLedger { ledger: title(ledger), source: source.clone(), snapshot: *seq };
        self.inputs.snapshots.iter().map(pulled).collect()
    }
}
