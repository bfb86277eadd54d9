//! What the service does when it is woken: the slots of each job that are due, the mails, a look at the clock. The database records the slots that are
//! done. A beat does everything one after another; `serving.rs` has the parts work side by side. Both may come twice, late, or not at all for a while,
//! and nothing is lost or done twice.

use crate::clock::{Clock, stamp};
use crate::config::job_file::Job;
use crate::config::load::Config;
use crate::domain::schedule::{CronTime, Due, Schedule, Slot};
use crate::store::handle::Store;
use crate::store::runs::RunState;
use crate::worker::audit_head::seal_audit;
use crate::worker::claim_time::claim_time;
use crate::worker::file_lock::FileLock;
use crate::worker::numbers_file::move_on;
use crate::worker::panic_guard::guarded;
use crate::worker::pulse::{Pulse, Stopped};
use crate::worker::run::runner::{RunOutcome, RunRequest, RunWhen, Runner};
use crate::worker::run::slot_text::{key_of, parse_slot, slot_text};
use crate::worker::watch::operator::Operator;
use anyhow::Context;
use chrono::NaiveDateTime;
use std::path::PathBuf;
use std::sync::Arc;

/// Pause before a failed run is retried.
const RETRY_MINUTES: i64 = 15;

/// The slots of a job that are due.
struct JobDue {
    due: Due,
    /// Local time.
    now: NaiveDateTime,
    /// The slot is another one than that by which the last ones were reckoned, or the job is new.
    is_edited: bool,
}

/// What one beat did.
#[derive(Debug, Default)]
pub struct Beat {
    /// Runs that ended: id, or job and slot; state.
    pub ran: Vec<(String, String)>,
    /// Runs that failed: id, or job and slot, or job; reason.
    pub failed: Vec<(String, String)>,
    /// Slots that the policy for missed slots skipped.
    pub skipped: usize,
    /// The clock is not believed, so nothing was done.
    pub is_clock_doubted: bool,
}

/// Starts the jobs at their slots, resumes runs that broke off, and sends the mails that are due.
#[derive(Clone)]
pub struct Scheduler {
    var: PathBuf,
    config: Arc<Config>,
    store: Store,
    clock: Clock,
    runner: Runner,
    operator: Operator,
}

impl Scheduler {
    /// A scheduler for the jobs of the runner's configuration.
    pub fn new(runner: Runner, operator: Operator) -> Scheduler {
        let Runner { var, config, store, clock, .. } = runner.clone();
        Scheduler { var, config, store, clock, runner, operator }
    }

    /// The same scheduler, whose work somebody watches and may stop.
    pub(crate) fn watched_by(&self, pulse: Pulse) -> Scheduler {
        Scheduler { runner: self.runner.watched_by(pulse), ..self.clone() }
    }

    /// Does everything that is due now, one after another: resumes runs that broke off, runs slots, sends mail. A job that fails or panics does not
    /// stop the others, nor the delivery.
    ///
    /// # Errors
    /// The database fails, or the delivery fails or panics.
    pub async fn beat(&self) -> anyhow::Result<Beat> {
        let mut beat = Beat::default();
        if !self.watch().await? {
            self.report(None).await;
            return Ok(Beat { is_clock_doubted: true, ..beat });
        }
        self.resume(|_| true, &mut beat).await?;
        for job in &self.config.jobs {
            self.run_slots(job, &mut beat).await;
        }
        for job in &self.config.jobs {
            self.remake_latest(job, &mut beat).await;
        }
        let delivered = self.deliver().await;
        self.seal().await?;
        delivered?;
        self.report(None).await;
        Ok(beat)
    }

    /// Looks at the clock and the database, and records what was done until now. Whether the clock is believed: by one that is not, no job runs and no
    /// mail goes.
    ///
    /// # Errors
    /// The database fails, or its file was taken away.
    pub(crate) async fn watch(&self) -> anyhow::Result<bool> {
        self.store.ensure_in_place()?;
        let is_believed = self.runner.deliverer.clock_watch.judge().await?.is_none();
        self.seal().await?;
        if is_believed {
            self.store.schedule().record_beat(&stamp(self.clock.now())).await?;
        }
        Ok(is_believed)
    }

    async fn seal(&self) -> anyhow::Result<()> {
        guarded(seal_audit(&self.store, &self.var, self.clock.now())).await.context("the audit")?;
        guarded(move_on(&self.store, &self.var)).await.context("var/numbers")
    }

    /// The jobs of the configuration.
    pub(crate) fn jobs(&self) -> &[Job] {
        &self.config.jobs
    }

    /// Ends the runs that broke off and whose jobs are gone.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn end_runs_without_job(&self) -> anyhow::Result<()> {
        self.resume(|job| self.config.job(job).is_none(), &mut Beat::default()).await
    }

    /// Does everything that is due of one job.
    pub(crate) async fn work_on_job(&self, name: &str) -> Beat {
        let mut beat = Beat::default();
        if let Err(error) = guarded(self.resume(|job| job == name, &mut beat)).await {
            self.record(&mut beat, name, Err(error));
        }
        if let Some(job) = self.config.job(name) {
            self.run_slots(job, &mut beat).await;
            self.remake_latest(job, &mut beat).await;
        }
        if !beat.ran.is_empty()
            && let Err(error) = self.seal().await
        {
            self.record(&mut beat, name, Err(error));
        }
        beat
    }

    /// Sends the mails that are due.
    ///
    /// # Errors
    /// The database fails, or `var/` cannot be written.
    pub(crate) async fn deliver(&self) -> anyhow::Result<()> {
        guarded(self.runner.deliverer.deliver_all(None)).await.context("the mails that are due").map(|_| ())
    }

    /// Lets no further mail begin: the service stops.
    pub(crate) fn stop_sending(&self) {
        self.runner.deliverer.stop_sending();
    }

    /// Why no mail goes now; `None` = mails go.
    pub(crate) fn channel_fault(&self) -> Option<String> {
        self.runner.deliverer.pause_reason()
    }

    /// Reports to the operator the troubles that have begun or ended, and of the database where it fails.
    pub(crate) async fn report(&self, database_fault: Option<&str>) {
        self.operator.report_database(database_fault).await;
        if database_fault.is_none()
            && let Err(error) = guarded(self.operator.report()).await
        {
            tracing::error!(error = %format!("{error:#}"), "troubles could not be reported");
        }
    }

    /// Calls the heartbeat, where there is one.
    pub(crate) async fn call_heartbeat(&self, is_well: bool) {
        self.operator.beat(is_well).await;
    }

    /// Goes on with the runs that broke off, of the jobs that are wanted.
    async fn resume(&self, is_wanted: impl Fn(&str) -> bool, beat: &mut Beat) -> anyhow::Result<()> {
        let broken_off = self.store.runs().orphaned(&stamp(claim_time(&self.store, &self.clock).await?)).await?;
        for run in broken_off.into_iter().filter(|run| is_wanted(&run.job)) {
            if FileLock::try_take(&self.var, &run.id)?.is_none() {
                continue;
            }
            tracing::info!(run = %run.id, step = %run.step, "going on with a run that broke off");
            self.record(beat, &run.id, guarded(self.runner.work_on(&run.id)).await);
        }
        Ok(())
    }

    async fn run_slots(&self, job: &Job, beat: &mut Beat) {
        if let Err(error) = guarded(self.run_due(job, beat)).await {
            self.record(beat, &job.name, Err(error));
        }
    }

    async fn remake_latest(&self, job: &Job, beat: &mut Beat) {
        if let Err(error) = guarded(self.remake(job, beat)).await {
            self.record(beat, &job.name, Err(error));
        }
    }

    /// Runs the slots of a job that are due now.
    async fn run_due(&self, job: &Job, beat: &mut Beat) -> anyhow::Result<()> {
        let JobDue { due, now, is_edited } = self.due(job).await?;
        let mut stays_due = false;
        for slot in due.run {
            let name = slot_text(slot.at);
            stays_due = self.failed_lately(&job.name, &key_of(&job.schedule, &slot)).await?;
            if stays_due {
                break;
            }
            let request = RunRequest { job: job.name.clone(), when: RunWhen::Slot(slot), revise: false };
            let outcome = guarded(self.runner.run_job(&request)).await;
            // a slot that fails stays due, and is retried until it succeeds or is too late
            stays_due = outcome.is_err();
            self.record(beat, &format!("{}@{name}", job.name), outcome);
            if stays_due {
                break;
            }
            self.store.schedule().advance(&job.name, &name).await?;
        }
        if let Some(last) = due.skipped.last() {
            beat.skipped += due.skipped.len();
            tracing::warn!(job = %job.name, slots = due.skipped.len(), last = %last.at, "slots passed over by the job's missed or too-late policy");
            self.store.schedule().advance(&job.name, &slot_text(last.at)).await?;
        }
        if is_edited && !stays_due {
            // what was due by the old slot is done: the new one comes from now on
            self.store.schedule().reckon_by(&job.name, &job.slot, &slot_text(now)).await?;
        }
        Ok(())
    }

    /// Makes a job's latest run anew: mails that were stopped because of a mark of secrecy, and a run whose data have come.
    async fn remake(&self, job: &Job, beat: &mut Beat) -> anyhow::Result<()> {
        let Some(newest) = self.store.runs().newest_of(&job.name).await? else { return Ok(()) };
        if self.failed_lately(&job.name, &newest.key).await? {
            return Ok(());
        }
        if let Some(outcome) = self.runner.remake_stopped(job, &newest).await? {
            tracing::info!(run = %outcome.run.id, mails = outcome.remade, "mails that were stopped by marks of secrecy are made anew");
            let id = outcome.run.id.clone();
            self.record(beat, &id, Ok(outcome));
        } else if let Some(outcome) = self.runner.make_good(job, &newest).await? {
            tracing::info!(run = %outcome.run.id, "the data of an earlier run have come");
            let id = outcome.run.id.clone();
            self.record(beat, &id, Ok(outcome));
        }
        Ok(())
    }

    /// Whether the run of a key failed less than [`RETRY_MINUTES`] ago.
    async fn failed_lately(&self, job: &str, key: &str) -> anyhow::Result<bool> {
        let earliest = stamp(self.clock.now() - chrono::Duration::minutes(RETRY_MINUTES));
        Ok(self.store.runs().newest(job, key).await?.is_some_and(|run| run.state == RunState::Failed && run.finished_at > earliest))
    }

    /// The slots of a job that are due now. Until the slots before an edit are done, they are those of the slot as it was.
    async fn due(&self, job: &Job) -> anyhow::Result<JobDue> {
        let now = self.clock.local(job.schedule.utc_offset_seconds);
        let Some(handled) = self.store.schedule().handled(&job.name).await? else {
            // a new job starts from now, because nobody wants the runs of past years at once
            return Ok(JobDue { due: Due::default(), now, is_edited: true });
        };
        let until = parse_slot(&handled.until).with_context(|| format!("job {} is settled until \"{}\"", job.name, handled.until))?;
        let is_edited = handled.slot != job.slot;
        let mut schedule = job.schedule.clone();
        if let Some(cron) = CronTime::parse(&handled.slot).ok().filter(|_| is_edited) {
            schedule.cron = cron;
        }
        let until = self.without_future(job, &schedule, until, now).await?;
        Ok(JobDue { due: schedule.due(Some(until), now, self.config.policy.calendar.of(None)), now, is_edited })
    }

    /// How far the slots of a job are handled, without what a clock that was ahead has recorded: that blocks nothing.
    async fn without_future(
        &self,
        job: &Job,
        schedule: &Schedule,
        until: NaiveDateTime,
        now: NaiveDateTime,
    ) -> anyhow::Result<NaiveDateTime> {
        // a holiday may move a slot before its own time
        let is_of_schedule = |slot: &Slot| slot.at == until && slot.runs_at <= now;
        let calendar = self.config.policy.calendar.of(None);
        if until <= now || schedule.slots(until, calendar).next().as_ref().is_some_and(is_of_schedule) {
            return Ok(until);
        }
        let last = self.store.runs().last_slot(&job.name, &slot_text(now)).await?;
        tracing::warn!(job = %job.name, %until, "the slots of the job are handled until a time that has not come; that counts for nothing");
        let until = last.as_deref().and_then(|slot| parse_slot(slot).ok()).unwrap_or(now);
        self.store.schedule().set_back(&job.name, &slot_text(until)).await?;
        Ok(until)
    }

    /// Logs the outcome of a run and adds it to the beat.
    fn record(&self, beat: &mut Beat, name: &str, outcome: anyhow::Result<RunOutcome>) {
        match outcome {
            Ok(outcome) => {
                tracing::info!(run = %name, state = outcome.run.state.code(), already_done = outcome.done_before.is_some(), "run ended");
                beat.ran.push((name.to_owned(), outcome.run.state.code().to_owned()));
            }
            Err(error) if error.is::<Stopped>() => {
                tracing::info!(run = %name, "a run stops between two steps and goes on at the next start")
            }
            Err(error) => {
                tracing::error!(run = %name, error = %format!("{error:#}"), "run failed");
                beat.failed.push((name.to_owned(), format!("{error:#}")));
            }
        }
    }

    /// The next slots of each job.
    pub fn next_slots(&self, count: usize) -> Vec<(&Job, Vec<Slot>)> {
        self.config
            .jobs
            .iter()
            .map(|job| {
                let now = self.clock.local(job.schedule.utc_offset_seconds);
                (job, job.schedule.upcoming(now, self.config.policy.calendar.of(None)).take(count).collect())
            })
            .collect()
    }
}
