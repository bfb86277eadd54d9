//! The service while it runs. Its parts work side by side: none waits for another, and one that does not go on is noticed. tokio-cron-scheduler only
//! wakes the service.

use crate::store::database::StoreError;
use crate::worker::panic_guard::guarded;
use crate::worker::pulse::Pulse;
use crate::worker::schedule::scheduler::{Beat, Scheduler};
use crate::worker::watch::service_manager;
use anyhow::Context;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_cron_scheduler::{Job as Alarm, JobScheduler};
use tokio_util::sync::CancellationToken;

/// A beat comes at least this often, because the alarm clock can miss a slot: after a clock jump, a suspension, or if a holiday moves a slot.
const SWEEP: Duration = Duration::from_secs(30);

/// What is over before this is reported once, as it ended: a source that is read at the beat that would have found it old.
const REPORT_AFTER: Duration = Duration::from_secs(60);

/// The time for the parts to end when the service stops. What has not ended then goes on at the next start.
const STOP_TIME: Duration = Duration::from_secs(20);

/// The scheduler over another configuration that is in force; `None` = there is none.
pub type OtherConfig = BoxFuture<'static, anyhow::Result<Option<Box<Scheduler>>>>;

/// Looks whether another configuration is in force.
pub type ConfigLook = Arc<dyn Fn() -> OtherConfig + Send + Sync>;

/// A part of the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Looks at the clock and the database.
    Watch,
    /// The runs of a job.
    Job(String),
    /// The mails that are due.
    Delivery,
    /// Reports troubles to the operator.
    Report,
    /// Calls the heartbeat.
    Heartbeat,
    /// Looks whether another configuration is in force.
    Configuration,
}

impl Part {
    /// How long it may do nothing that can be noticed, before the service counts as stuck.
    fn patience(&self) -> Duration {
        match self {
            Part::Watch => Duration::from_secs(10 * 60),
            // the longest of its steps is a register of a million rows behind another one
            Part::Job(_) => Duration::from_secs(2 * 3600),
            Part::Delivery | Part::Report | Part::Heartbeat | Part::Configuration => Duration::from_secs(3600),
        }
    }
}

/// How a part has ended.
enum Ended {
    /// Whether the clock is believed.
    Watch(anyhow::Result<bool>),
    Job(Beat),
    Delivery(anyhow::Result<()>),
    Report,
    Heartbeat,
    Configuration(anyhow::Result<Option<Box<Scheduler>>>),
}

/// The parts that are at work, and what was found last.
struct Serving {
    scheduler: Scheduler,
    look: ConfigLook,
    /// Another configuration is in force, by whose times the alarm is not set yet.
    is_alarm_old: bool,
    stop: CancellationToken,
    tasks: JoinSet<(Part, Ended)>,
    at_work: BTreeMap<Part, Pulse>,
    /// Parts whose last work failed.
    failed: BTreeSet<Part>,
    is_clock_believed: bool,
    /// By part, what was wrong with the database at its last work.
    database_faults: BTreeMap<Part, String>,
    /// Since when something waits to be reported.
    report_since: Option<Instant>,
    /// The alarm has rung while the watch was at work.
    has_rung: bool,
    /// The parts of which it was logged that they are stuck.
    stuck: BTreeSet<Part>,
}

/// Serves until `stop` is cancelled: everything that is due at every job's time and every half minute.
///
/// # Errors
/// The alarm clock cannot be set.
pub async fn serve(scheduler: Scheduler, look: ConfigLook, stop: CancellationToken) -> anyhow::Result<()> {
    let wake = Arc::new(Notify::new());
    let mut alarm = alarm(&scheduler, &wake).await?;
    tracing::info!(jobs = scheduler.jobs().len(), "serving");
    side_by_side(scheduler, look, &wake, &mut alarm, stop).await;
    let _ = alarm.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

/// An alarm clock that rings at the times of all jobs.
async fn alarm(scheduler: &Scheduler, wake: &Arc<Notify>) -> anyhow::Result<JobScheduler> {
    let alarm = JobScheduler::new().await.context("cannot set the alarm clock")?;
    for job in scheduler.jobs() {
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
    Ok(alarm)
}

/// Has the parts work until `stop` is cancelled. Then they get some time to end.
async fn side_by_side(scheduler: Scheduler, look: ConfigLook, wake: &Arc<Notify>, clock: &mut JobScheduler, stop: CancellationToken) {
    let mut serving = Serving {
        scheduler,
        look,
        is_alarm_old: false,
        stop: stop.clone(),
        tasks: JoinSet::new(),
        at_work: BTreeMap::new(),
        failed: BTreeSet::new(),
        is_clock_believed: true,
        database_faults: BTreeMap::new(),
        report_since: None,
        has_rung: true,
        stuck: BTreeSet::new(),
    };
    // systemd hears of the service three times within its patience
    let turn = service_manager::patience().map_or(SWEEP, |patience| SWEEP.min(patience / 3));
    let mut swept_at = Instant::now();
    loop {
        serving.has_rung |= swept_at.elapsed() >= SWEEP;
        if serving.has_rung && serving.start(Part::Watch) {
            (swept_at, serving.has_rung) = (Instant::now(), false);
        }
        serving.report_in_time();
        if std::mem::take(&mut serving.is_alarm_old) {
            match alarm(&serving.scheduler, wake).await {
                Ok(set) => {
                    let _ = std::mem::replace(clock, set).shutdown().await;
                }
                // every half minute is enough meanwhile
                Err(error) => tracing::error!(error = %format!("{error:#}"), "the alarm clock retains its old times"),
            }
        }
        if serving.goes_on() {
            service_manager::works();
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = wake.notified() => serving.has_rung = true,
            Some(ended) = serving.tasks.join_next() => serving.after(ended),
            () = tokio::time::sleep(turn) => {}
        }
    }
    serving.stop().await;
}

impl Serving {
    /// Starts a part, unless it is at work; `false` = it is.
    fn start(&mut self, part: Part) -> bool {
        if self.at_work.contains_key(&part) {
            return false;
        }
        let pulse = Pulse::new(self.stop.clone());
        self.at_work.insert(part.clone(), pulse.clone());
        let scheduler = self.scheduler.watched_by(pulse);
        let look = self.look.clone();
        let (is_well, fault) = (self.is_well(), self.database_faults.values().next().cloned());
        let runtime = Handle::current();
        // a thread of its own: a run works long between two waits
        self.tasks.spawn_blocking(move || {
            let ended = match part {
                Part::Configuration => Ended::Configuration(runtime.block_on(guarded(look()))),
                _ => runtime.block_on(work(&scheduler, &part, is_well, fault.as_deref())),
            };
            (part, ended)
        });
        true
    }

    /// Whether all went well as far as is known.
    fn is_well(&self) -> bool {
        self.failed.is_empty() && self.is_clock_believed && self.scheduler.channel_fault().is_none()
    }

    /// Goes on behind a part that has ended.
    fn after(&mut self, ended: Result<(Part, Ended), JoinError>) {
        let (part, ended) = match ended {
            Ok(ended) => ended,
            // its pulse has ended, so systemd hears of it
            Err(error) => return tracing::error!(%error, "a part of the service broke off"),
        };
        self.at_work.remove(&part);
        self.stuck.remove(&part);
        self.database_faults.remove(&part);
        let has_failed = match ended {
            Ended::Watch(Ok(is_clock_believed)) => {
                self.is_clock_believed = is_clock_believed;
                if is_clock_believed {
                    let jobs: Vec<Part> = self.scheduler.jobs().iter().map(|job| Part::Job(job.name.clone())).collect();
                    for job in jobs {
                        self.start(job);
                    }
                    self.start(Part::Delivery);
                }
                self.start(Part::Configuration);
                self.report_since.get_or_insert_with(Instant::now);
                self.start(Part::Heartbeat);
                false
            }
            Ended::Watch(Err(error)) => {
                self.failed_with(&part, &error);
                self.start(Part::Heartbeat);
                true
            }
            Ended::Job(beat) => !beat.failed.is_empty(),
            Ended::Delivery(Err(error)) => {
                self.failed_with(&part, &error);
                true
            }
            Ended::Configuration(Ok(Some(scheduler))) => {
                // what is at work ends as it began
                self.scheduler = *scheduler;
                self.is_alarm_old = true;
                false
            }
            Ended::Configuration(Err(error)) => {
                self.failed_with(&part, &error);
                true
            }
            Ended::Delivery(Ok(())) | Ended::Report | Ended::Heartbeat | Ended::Configuration(Ok(None)) => false,
        };
        if has_failed {
            self.failed.insert(part);
        } else {
            self.failed.remove(&part);
        }
    }

    /// A look failed: the next one comes by itself.
    fn failed_with(&mut self, part: &Part, error: &anyhow::Error) {
        tracing::error!(error = %format!("{error:#}"), "a beat failed; the next one tries once more");
        if error.chain().any(|cause| cause.is::<StoreError>()) {
            self.database_faults.insert(part.clone(), format!("{error:#}"));
        }
        // a fault of the database is reported at once
        self.report_since = Instant::now().checked_sub(REPORT_AFTER);
    }

    /// Reports once no job is at work, or some time after the look.
    fn report_in_time(&mut self) {
        let is_quiet = !self.at_work.keys().any(|part| matches!(part, Part::Job(_)));
        let is_due = self.report_since.is_some_and(|since| is_quiet || since.elapsed() >= REPORT_AFTER);
        if is_due && self.start(Part::Report) {
            self.report_since = None;
        }
    }

    /// Whether every part that is at work goes on.
    fn goes_on(&mut self) -> bool {
        let stuck: Vec<&Part> =
            self.at_work.iter().filter(|(part, pulse)| pulse.silence() > part.patience()).map(|(part, _)| part).collect();
        let goes_on = stuck.is_empty();
        for part in stuck {
            if self.stuck.insert(part.clone()) {
                tracing::error!(?part, "a part of the service does not go on; systemd will restart the service, if it watches it");
            }
        }
        goes_on
    }

    /// Lets the parts come to their ends.
    async fn stop(mut self) {
        self.scheduler.stop_sending();
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME, all_ended).await.is_err() {
            tracing::warn!(seconds = STOP_TIME.as_secs(), "what has not ended in time goes on at the next start");
            self.tasks.detach_all();
        }
    }
}

/// The work of a part.
async fn work(scheduler: &Scheduler, part: &Part, is_well: bool, database_fault: Option<&str>) -> Ended {
    match part {
        Part::Watch => Ended::Watch(
            guarded(async {
                let is_clock_believed = scheduler.watch().await?;
                if is_clock_believed {
                    scheduler.end_runs_without_job().await?;
                }
                Ok(is_clock_believed)
            })
            .await,
        ),
        Part::Job(job) => Ended::Job(scheduler.work_on_job(job).await),
        Part::Delivery => Ended::Delivery(guarded(scheduler.deliver()).await),
        Part::Report => {
            scheduler.report(database_fault).await;
            Ended::Report
        }
        Part::Heartbeat => {
            scheduler.call_heartbeat(is_well).await;
            Ended::Heartbeat
        }
        // `start` does it
        Part::Configuration => Ended::Configuration(Ok(None)),
    }
}
