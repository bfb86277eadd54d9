//! The service that runs for years: slots come from the ledger of runs, tokio-cron-scheduler only wakes it up.
//!
//! A beat looks at what is due and works it off; it may come twice, late, or not at all for a while, and nothing is lost or doubled.

use crate::clock::Clock;
use crate::clock::stamp;
use crate::config::job_file::Job;
use crate::config::load::Config;
use crate::domain::schedule::{Due, Slot};
use crate::store::handle::Store;
use crate::store::runs::RunState;
use crate::worker::file_lock::FileLock;
use crate::worker::run::runner::Runner;
use crate::worker::run::runner::{RunOutcome, RunRequest, RunWhen};
use crate::worker::run::slot_text::slot_text;
use anyhow::Context;
use chrono::NaiveDateTime;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job as Alarm, JobScheduler};
use tokio_util::sync::CancellationToken;

/// The sweep that repairs whatever the alarm clock misses: clock jumps, suspension, a schedule moved by a holiday.
const SWEEP: Duration = Duration::from_secs(30);

/// Pause before a failed run is tried again.
const RETRY_MINUTES: i64 = 15;

/// What one beat did.
#[derive(Debug, Default)]
pub struct Beat {
    /// Runs that ended, with their state.
    pub ran: Vec<(String, String)>,
    /// Runs that failed, with the reason.
    pub failed: Vec<(String, String)>,
    pub skipped: usize,
}

/// Starts the jobs at their slots, goes on with runs that broke off, and sends what is due.
#[derive(Clone)]
pub struct Scheduler {
    var: PathBuf,
    config: Arc<Config>,
    store: Store,
    clock: Clock,
    runner: Runner,
}

impl Scheduler {
    /// A scheduler of the jobs of the runner's configuration.
    pub fn new(runner: Runner) -> Scheduler {
        let Runner { var, config, store, clock, .. } = runner.clone();
        Scheduler { var, config, store, clock, runner }
    }

    /// Works off everything due now: runs that broke off, then slots, then mail. A failed job does not keep others from running.
    ///
    /// # Errors
    /// The database fails.
    pub async fn beat(&self) -> anyhow::Result<Beat> {
        let mut beat = Beat::default();
        for run in self.store.runs().orphaned(&stamp(self.clock.now())).await? {
            if FileLock::try_take(&self.var, &run.id)?.is_none() {
                continue;
            }
            tracing::info!(run = %run.id, step = %run.step, "going on with a run that broke off");
            self.record(&mut beat, &run.id.clone(), self.runner.work_on(&run.id).await);
        }
        for job in &self.config.jobs {
            let due = self.due(job).await?;
            for slot in due.run {
                let name = slot_text(slot.at);
                if self.failed_lately(&job.name, &name).await? {
                    break;
                }
                let request = RunRequest { job: job.name.clone(), when: RunWhen::Slot(slot), revise: false };
                let outcome = self.runner.run_job(&request).await;
                let failed = outcome.is_err();
                self.record(&mut beat, &format!("{}@{name}", job.name), outcome);
                if failed {
                    // the slot stays due: it is tried again until it succeeds or is too late
                    break;
                }
                self.store.schedule().advance(&job.name, &name).await?;
            }
            if let Some(last) = due.skipped.last() {
                beat.skipped += due.skipped.len();
                tracing::warn!(job = %job.name, slots = due.skipped.len(), last = %last.at, "slots passed over by the job's missed or too-late policy");
                self.store.schedule().advance(&job.name, &slot_text(last.at)).await?;
            }
        }
        self.runner.deliverer.deliver_all(None).await?;
        Ok(beat)
    }

    /// Whether a slot's run failed less than [`RETRY_MINUTES`] ago.
    async fn failed_lately(&self, job: &str, slot: &str) -> anyhow::Result<bool> {
        let again = stamp(self.clock.now() - chrono::Duration::minutes(RETRY_MINUTES));
        Ok(self.store.runs().newest(job, slot).await?.is_some_and(|run| run.state == RunState::Failed && run.finished_at > again))
    }

    async fn due(&self, job: &Job) -> anyhow::Result<Due> {
        let now = self.clock.local(job.schedule.utc_offset_seconds);
        let settled = match self.store.schedule().handled_until(&job.name).await? {
            Some(text) => NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S")
                .with_context(|| format!("job {} is settled until \"{text}\"", job.name))?,
            None => {
                // a job never seen starts from now: nobody wants years of quarters at once
                self.store.schedule().advance(&job.name, &slot_text(now)).await?;
                now
            }
        };
        Ok(job.schedule.due(Some(settled), now, self.config.policy.calendar.of(None)))
    }

    fn record(&self, beat: &mut Beat, name: &str, outcome: anyhow::Result<RunOutcome>) {
        match outcome {
            Ok(outcome) => {
                tracing::info!(run = %name, state = outcome.run.state.code(), already_done = outcome.done_before.is_some(), "run ended");
                beat.ran.push((name.to_owned(), outcome.run.state.code().to_owned()));
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
                (job, job.schedule.slots(now, self.config.policy.calendar.of(None)).take(count).collect())
            })
            .collect()
    }

    /// Runs until told to stop: beats at every job's time and every half minute.
    ///
    /// # Errors
    /// The alarm clock cannot be set.
    pub async fn serve(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let wake = Arc::new(Notify::new());
        let mut alarm = JobScheduler::new().await.context("cannot set the alarm clock")?;
        for job in &self.config.jobs {
            let wake = wake.clone();
            let offset = chrono::FixedOffset::east_opt(job.schedule.utc_offset_seconds).context("a zone out of range")?;
            let ring = Alarm::new_async_tz(job.slot.as_str(), offset, move |_, _| {
                let wake = wake.clone();
                Box::pin(async move { wake.notify_one() })
            })
            .with_context(|| format!("jobs/{}.toml: slot", job.name))?;
            alarm.add(ring).await.context("cannot set the alarm clock")?;
        }
        alarm.start().await.context("cannot start the alarm clock")?;
        tracing::info!(jobs = self.config.jobs.len(), "serving");
        // a stop in the middle of a delivery waits for what is under way, not for all that is due
        let (stopping, deliverer) = (stop.clone(), self.runner.deliverer.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            deliverer.stop_sending();
        });
        loop {
            if let Err(error) = self.beat().await {
                tracing::error!(error = %format!("{error:#}"), "a beat failed; the next one tries again");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = wake.notified() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
        let _ = alarm.shutdown().await;
        tracing::info!("stopped");
        Ok(())
    }
}
