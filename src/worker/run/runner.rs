//! One run: pull → detect → report → remind. Each step is stored and safe to repeat. After a crash the run goes on behind the last finished
//! step, with the inputs that were frozen when the pull ended.

use crate::clock::Clock;
use crate::clock::stamp;
use crate::config::job_file::{Job, JobStep};
use crate::config::load::Config;
use crate::domain::notify::coverage::Coverage;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::problem::{nearest, suggest};
use crate::domain::register::data_condition::DataCondition;
use crate::domain::schedule::Slot;
use crate::store::database::Result as StoreResult;
use crate::store::handle::Store;
use crate::store::reports::ReportFile;
use crate::store::run_result::JudgedResult;
use crate::store::runs::{Run, RunInputs, RunState};
use crate::worker::claim_time::claim_time;
use crate::worker::deliver::deliverer::Deliverer;
use crate::worker::deliver::withhold::blocked_packs;
use crate::worker::file_lock::FileLock;
use crate::worker::import::importer::Importer;
use crate::worker::panic_guard::guarded;
use crate::worker::pulse::{Pulse, Stopped};
use crate::worker::run::context::RunContext;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::remind::PlannedMails;
use crate::worker::run::slot_text::{key_of, parse_slot, slot_text};
use crate::worker::run::steps::{Progress, lease};
use anyhow::{Context, bail, ensure};
use chrono::{Datelike, NaiveDate, NaiveDateTime};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the claim of a run that works is renewed.
const RENEWAL: Duration = Duration::from_secs(120);

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    pub job: String,
    pub when: RunWhen,
    /// Make a further revision of a slot that is done. Only changed digests are mailed.
    pub revise: bool,
}

/// The slot to run.
#[derive(Clone, Debug)]
pub enum RunWhen {
    /// The day that a slot today would judge.
    Now,
    /// The slot that judges a day.
    AsOf(NaiveDate),
    /// A slot of the schedule.
    Slot(Slot),
    /// An earlier run that the service makes anew: the day it judged, its slot and its key.
    Earlier { as_of: NaiveDate, at: NaiveDateTime, key: String },
    /// An earlier run whose data have come: it gets a revision, once.
    Late { as_of: NaiveDate, at: NaiveDateTime, key: String },
}

/// The result of a request to run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    pub run: Run,
    /// Set if the run was over before it was asked for.
    pub done_before: Option<DoneBefore>,
    /// Number of mails that were stopped because of a mark of secrecy, for which the run was made.
    pub remade: i64,
    /// The same of packs that named a record which had become restricted.
    pub remade_packs: i64,
    /// Number of mails of its slot that were stopped since it began, and have to be made anew.
    pub stopped: i64,
    /// The files that it made, ordered by path.
    pub reports: Vec<ReportFile>,
    pub deliveries: Deliveries,
}

/// What was done about a run that was over before it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct DoneBefore {
    /// Number of mails that a killed process had queued and that were sent now.
    pub sent_now: i64,
}

/// Number of mails of a run by state.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    pub accepted: i64,
    pub refused: i64,
    pub unknown: i64,
    pub pending: i64,
    pub on_hold: i64,
    pub superseded: i64,
    pub withheld: i64,
    pub dead: i64,
    /// Drafts that wait for a person, and drafts that a person has rejected. Neither is a delivery.
    pub drafts: i64,
    pub rejected_drafts: i64,
    /// Mails that went to the test mailbox.
    pub test: i64,
    /// Mails sent once more after an unknown outcome.
    pub repeated: i64,
    /// Why the pending mails are delayed, as sentences.
    pub notes: Vec<String>,
    /// Why no mail is given to the server now.
    pub channel_fault: Option<String>,
}

impl Deliveries {
    /// Number of mails of the run that were queued for a unit.
    pub fn queued(&self) -> i64 {
        self.accepted + self.refused + self.unknown + self.pending + self.on_hold + self.superseded + self.dead + self.withheld
    }
}

/// A digest or draft that a run would make.
#[derive(Debug)]
pub struct RehearsedMail {
    pub unit: String,
    pub subject: String,
}

/// What a run would find and mail.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// `None` in an empty rehearsal only.
    pub judged: Option<JudgedResult>,
    pub digests: Vec<RehearsedMail>,
    pub drafts: Vec<RehearsedMail>,
    pub coverage: Option<Coverage>,
}

/// The job and the slot that a request names.
struct RequestedSlot<'a> {
    job: &'a Job,
    /// The day that the run judges.
    as_of: NaiveDate,
    /// The time of the slot.
    at: NaiveDateTime,
    /// For what the run counts.
    key: String,
}

/// Runs jobs: pulls, judges, writes the workbooks, queues the mail and sends it.
#[derive(Clone)]
pub struct Runner {
    pub(crate) var: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    importer: Importer,
    pub(crate) evaluator: Evaluator,
    pub(crate) deliverer: Deliverer,
    pulse: Pulse,
    /// The runs without packs that name a restricted record, each with the position of the marks for which that is so.
    without_blocked_packs: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl Runner {
    /// A runner that uses these parts.
    pub fn new(importer: Importer, evaluator: Evaluator, deliverer: Deliverer) -> Runner {
        let Importer { var, config, store, clock, .. } = importer.clone();
        Runner { var, config, store, clock, importer, evaluator, deliverer, pulse: Pulse::default(), without_blocked_packs: Arc::default() }
    }

    /// The same runner, whose work somebody watches and may stop.
    pub(crate) fn watched_by(&self, pulse: Pulse) -> Runner {
        Runner { deliverer: self.deliverer.watched_by(pulse.clone()), pulse, ..self.clone() }
    }

    /// Runs a job for one slot, or goes on with a run that broke off.
    ///
    /// # Errors
    /// The job is unknown, the data are not ready for it, or a step failed or panicked; the run is then recorded as failed and can be started once more.
    pub async fn run_job(&self, request: &RunRequest) -> anyhow::Result<RunOutcome> {
        self.run_with(request, false).await
    }

    /// Makes a further revision of a run with the papers that wait because their data are old; a person has decided so.
    ///
    /// # Errors
    /// As [`Runner::run_job`].
    pub async fn revise_despite_old_data(&self, request: &RunRequest) -> anyhow::Result<RunOutcome> {
        self.run_with(&RunRequest { revise: true, ..request.clone() }, true).await
    }

    async fn run_with(&self, request: &RunRequest, accepts_old_data: bool) -> anyhow::Result<RunOutcome> {
        if let Some(doubt) = self.deliverer.clock_watch.recorded().await? {
            bail!(doubt.text);
        }
        self.store.ensure_in_place()?;
        let RequestedSlot { job, mut as_of, mut at, mut key } = self.slot_of(&request.job, &request.when)?;
        let scheduled = matches!(request.when, RunWhen::Slot(_) | RunWhen::Earlier { .. } | RunWhen::Late { .. });
        let makes_good = matches!(request.when, RunWhen::Late { .. });
        let mut revision = 0;
        let (mut remade, mut remade_packs) = (0, 0);
        let mut known = self.store.runs().newest(&job.name, &key).await?;
        if !scheduled && known.as_ref().is_some_and(|known| known.as_of != as_of.to_string()) {
            // the period has its run, which judged another day
            at = job.schedule.time_apart(as_of);
            key = slot_text(at);
            known = self.store.runs().newest(&job.name, &key).await?;
        }
        if let Some(known) = known {
            // an edited slot goes on with the run of its period
            (as_of, at) = times_of(&known)?;
            revision = known.revision;
            let has_result = known.state.has_result();
            let stopped = if has_result { self.stopped_of(&known).await? } else { 0 };
            let blocked = if has_result && !request.revise { self.blocked_packs(&known).await? } else { 0 };
            match known.state {
                RunState::Done | RunState::Partial if request.revise || makes_good => revision += 1,
                RunState::Done | RunState::Partial if stopped + blocked > 0 => {
                    (remade, remade_packs) = (stopped, blocked);
                    revision += 1;
                }
                RunState::Done | RunState::Partial => {
                    // mails that a killed process had queued are sent now; no mail is sent twice
                    let counts = self.store.outbox().count_by_state(Some(&known.id)).await?;
                    let left: i64 = [DeliveryState::Pending, DeliveryState::Sending].iter().filter_map(|state| counts.get(state)).sum();
                    self.deliverer.deliver_all(Some(&known.id)).await?;
                    return self.outcome(known, Some(DoneBefore { sent_now: left })).await;
                }
                RunState::Failed => self.store.runs().reopen(&known.id).await?,
                RunState::Running => {}
            }
        }
        let now = self.clock.now();
        let inputs = RunInputs { remakes_withheld: remade + remade_packs > 0, makes_good, accepts_old_data, ..RunInputs::default() };
        let opened = self.store.runs().open(&job.name, &key, &slot_text(at), revision, as_of, scheduled, &inputs, &stamp(now)).await?;
        let outcome = self.work_on(&opened.id).await?;
        Ok(RunOutcome { remade, remade_packs, ..outcome })
    }

    /// How many mails of a run's slot were stopped because of a mark of secrecy since its newest run began.
    async fn stopped_of(&self, run: &Run) -> anyhow::Result<i64> {
        self.deliverer.withhold().await?;
        let slots = self.store.marked_messages().stopped_slots().await?;
        Ok(slots.iter().filter(|stopped| (&stopped.job, &stopped.slot) == (&run.job, &run.slot)).map(|stopped| stopped.messages).sum())
    }

    /// How many packs of a run name a record that has become restricted since. An answer is looked for once for each state of the marks.
    pub(crate) async fn blocked_packs(&self, run: &Run) -> anyhow::Result<i64> {
        let position = self.store.restrictions().position().await?;
        let is_known = |checked: &BTreeMap<String, i64>| checked.get(&run.id) == Some(&position);
        if self.without_blocked_packs.lock().is_ok_and(|checked| is_known(&checked)) {
            return Ok(0);
        }
        let blocked = blocked_packs(&self.store, &self.config, &self.clock, run).await?;
        if blocked == 0
            && let Ok(mut checked) = self.without_blocked_packs.lock()
        {
            checked.insert(run.id.clone(), position);
        }
        Ok(blocked)
    }

    /// Makes the mails of `newest`, the latest run of a job, anew that were stopped because of a mark of secrecy since it began. `None` = there
    /// are none.
    ///
    /// # Errors
    /// As [`Runner::run_job`].
    pub(crate) async fn remake_stopped(&self, job: &Job, newest: &Run) -> anyhow::Result<Option<RunOutcome>> {
        let is_due = match newest.state {
            RunState::Done | RunState::Partial => self.stopped_of(newest).await? + self.blocked_packs(newest).await? > 0,
            RunState::Failed => newest.inputs.remakes_withheld,
            RunState::Running => false,
        };
        if !is_due {
            return Ok(None);
        }
        let (as_of, at) = times_of(newest)?;
        let when = RunWhen::Earlier { as_of, at, key: newest.key.clone() };
        Ok(Some(self.run_job(&RunRequest { job: job.name.clone(), when, revise: false }).await?))
    }

    /// Makes a revision of `newest`, the latest run of a job, where it could not rely on its data and can now. There is one at most, and none once the
    /// slot is too late. `None` = none is due.
    ///
    /// # Errors
    /// As [`Runner::run_job`].
    pub(crate) async fn make_good(&self, job: &Job, newest: &Run) -> anyhow::Result<Option<RunOutcome>> {
        let RunInputs { conditions, makes_good, .. } = &newest.inputs;
        let was_old = conditions.iter().any(|condition| !condition.is_current());
        if newest.state != RunState::Partial || !newest.scheduled || *makes_good || !was_old {
            return Ok(None);
        }
        let (as_of, at) = times_of(newest)?;
        let late_days = (self.clock.local(job.schedule.utc_offset_seconds).date() - at.date()).num_days();
        let selection = self.evaluator.select_snapshots(&job.sources, as_of).await?;
        let has_come = selection.conditions.iter().all(DataCondition::is_current);
        if late_days > i64::from(job.schedule.too_late_days) || !has_come {
            return Ok(None);
        }
        let when = RunWhen::Late { as_of, at, key: newest.key.clone() };
        Ok(Some(self.run_job(&RunRequest { job: job.name.clone(), when, revise: false }).await?))
    }

    /// The job of a name with the day it judges and the slot of its run.
    fn slot_of(&self, job: &str, when: &RunWhen) -> anyhow::Result<RequestedSlot<'_>> {
        let config = &self.config;
        let Some(job) = config.job_named(job) else {
            let names = || config.jobs.iter().flat_map(|job| [job.name.as_str(), job.title.as_str()]);
            let hint = match nearest(job, names()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => suggest(job, config.jobs.iter().map(|job| job.name.as_str())).unwrap_or_default(),
            };
            bail!("jobs/{job}.toml does not exist ({hint})");
        };
        let national = config.policy.calendar.of(None);
        let on_day = |as_of: NaiveDate| match job.schedule.slot_for(as_of, national) {
            Some(slot) => (as_of, slot.at, key_of(&job.schedule, &slot)),
            None => (as_of, job.schedule.time_apart(as_of), slot_text(job.schedule.time_apart(as_of))),
        };
        let (as_of, at, key) = match when {
            RunWhen::Slot(slot) => (slot.as_of, slot.at, key_of(&job.schedule, slot)),
            RunWhen::Earlier { as_of, at, key } | RunWhen::Late { as_of, at, key } => (*as_of, *at, key.clone()),
            RunWhen::AsOf(as_of) => on_day(*as_of),
            RunWhen::Now => on_day(job.schedule.as_of_on(self.clock.local(job.schedule.utc_offset_seconds).date())),
        };
        // with a mistyped year every unit would get wrong mail
        let known: Vec<i32> = config.policy.calendar.years().collect();
        let year = self.clock.today().year();
        let (first, last) =
            (known.iter().min().map_or(year, |known| year.min(*known)), known.iter().max().map_or(year, |known| year.max(*known)) + 1);
        ensure!(
            (first..=last).contains(&as_of.year()),
            "as-of {as_of} lies outside {first} to {last}, the years with working days on file (config/calendar/) and the next one; mistyped?"
        );
        Ok(RequestedSlot { job, as_of, at, key })
    }

    /// Claims a run that no process works on and takes it to its end.
    ///
    /// # Errors
    /// As [`Runner::run_job`].
    pub async fn work_on(&self, id: &str) -> anyhow::Result<RunOutcome> {
        let busy = || format!("run {id} is being worked on by another process; see `duban runs`");
        let lock = FileLock::try_take(&self.var, id).context("cannot lock var/locks")?;
        ensure!(lock.is_some(), busy());
        // the file lock is free, so a claim of this machine belongs to a process that has died
        self.store.runs().end_dead_claim(id).await?;
        let now = claim_time(&self.store, &self.clock).await?;
        let Some(run) = self.store.runs().claim(id, &stamp(now), &lease(now)).await? else { bail!(busy()) };
        match self.steps_of(&run).await {
            Ok(()) => {}
            Err(error) if error.is::<Stopped>() => {
                self.store.runs().release(&run).await?;
                return Err(error);
            }
            Err(error) => {
                let reason = format!("{error:#}");
                self.store.runs().finish(&run, RunState::Failed, &reason, None, &stamp(self.clock.now())).await?;
                return Err(error);
            }
        }
        let run = self.store.runs().get(id).await?.with_context(|| format!("run {id} vanished"))?;
        self.deliverer.deliver_all(Some(&run.id)).await?;
        self.outcome(run, None).await
    }

    /// Takes the steps of a claimed run. Its claim holds meanwhile, however long a step takes.
    async fn steps_of(&self, run: &Run) -> anyhow::Result<()> {
        let progress = Progress::new(&self.importer, &self.evaluator, &self.pulse, run)?;
        let mut steps = std::pin::pin!(guarded(progress.run_steps()));
        loop {
            match tokio::time::timeout(RENEWAL, &mut steps).await {
                Ok(done) => return done,
                // a claim that was lost is noticed by the next write of the run
                Err(_) => {
                    if let Err(error) = self.renew(run).await {
                        tracing::warn!(run = %run.id, %error, "the claim of a run could not be renewed");
                    }
                }
            }
        }
    }

    async fn renew(&self, run: &Run) -> StoreResult<bool> {
        self.store.runs().renew_lease(run, &lease(claim_time(&self.store, &self.clock).await?)).await
    }

    /// A run that is over, with its files and the states of its mails.
    async fn outcome(&self, run: Run, done_before: Option<DoneBefore>) -> anyhow::Result<RunOutcome> {
        let reports = self.store.reports().list(&run.id).await?;
        let deliveries = self.deliveries(&run).await?;
        let stopped = self.stopped_of(&run).await?;
        Ok(RunOutcome { run, done_before, remade: 0, remade_packs: 0, stopped, reports, deliveries })
    }

    /// Number of mails of a run by state, now.
    async fn deliveries(&self, run: &Run) -> anyhow::Result<Deliveries> {
        let counts = self.store.outbox().count_by_state(Some(&run.id)).await?;
        let mut deliveries = Deliveries::default();
        for (state, count) in &counts {
            let sum = match state {
                DeliveryState::Pending | DeliveryState::Sending => &mut deliveries.pending,
                DeliveryState::Accepted => &mut deliveries.accepted,
                DeliveryState::Refused => &mut deliveries.refused,
                DeliveryState::Unknown => &mut deliveries.unknown,
                DeliveryState::OnHold => &mut deliveries.on_hold,
                DeliveryState::Draft => &mut deliveries.drafts,
                DeliveryState::Rejected => &mut deliveries.rejected_drafts,
                DeliveryState::Superseded => &mut deliveries.superseded,
                DeliveryState::Dead => &mut deliveries.dead,
                DeliveryState::Withheld => &mut deliveries.withheld,
            };
            *sum += count;
        }
        let all: i64 = counts.values().sum();
        // a draft that was not released is not a delivery
        ensure!(all - deliveries.drafts - deliveries.rejected_drafts == deliveries.queued(), "deliveries of {} do not add up", run.id);
        if deliveries.queued() > 0 {
            (deliveries.test, deliveries.repeated) = self.store.outbox().count_marks(&run.id).await?;
        }
        if deliveries.pending > 0 {
            deliveries.notes = self.deliverer.sending_notes().await?;
            deliveries.channel_fault = self.deliverer.pause_reason();
        }
        Ok(deliveries)
    }

    /// Evaluates the stored register and returns what a run of the job would find and mail. Writes nothing.
    ///
    /// # Errors
    /// The job is unknown, nothing has been read yet, or the database fails.
    pub async fn rehearse(&self, job: &str, when: RunWhen) -> anyhow::Result<Rehearsal> {
        let RequestedSlot { job, as_of, at, .. } = self.slot_of(job, &when)?;
        let selection = self.evaluator.select_snapshots(&job.sources, as_of).await?;
        ensure!(!selection.in_force.is_empty(), "nothing has been read yet; run `duban pull` first (a dry run reads no source)");
        let enforce_on = self.config.settings.enforce_on();
        let inputs = RunInputs {
            snapshots: selection.pins(),
            sample: selection.sample,
            enforce_on,
            answers: self.store.feedback().last_no().await?,
            previous_run: self.store.runs().previous(&job.name, as_of, selection.sample).await?,
            closed: self.evaluator.closed_quarters(&self.config, Some(&job.name), as_of, selection.sample).await?,
            restrictions: selection.restrictions_position,
            conditions: selection.conditions.clone(),
            events: selection.events_position,
            made_on: Some(self.clock.local(job.schedule.utc_offset_seconds).date()),
            ..RunInputs::default()
        };
        let mut context = RunContext::open(&self.evaluator, (*self.config).clone(), job.clone(), as_of, at, &inputs).await?;
        context.changes = self.evaluator.changes(&context.config.policy, &mut context.register, Some(job), as_of, inputs.sample).await?;
        let mut rehearsal = Rehearsal { judged: Some(context.summary(Vec::new())), ..Rehearsal::default() };
        if job.steps.contains(&JobStep::Remind) {
            let PlannedMails { planned, .. } = context.plan(&inputs, 0, context.made_on).await?;
            rehearsal.digests = planned
                .digests
                .into_iter()
                .map(|digest| RehearsedMail { unit: digest.recipient.unit_name, subject: digest.subject })
                .collect();
            rehearsal.drafts = planned
                .acts
                .drafts
                .into_iter()
                .map(|draft| RehearsedMail { unit: draft.recipient.unit_name, subject: draft.subject })
                .collect();
            rehearsal.coverage = Some(planned.coverage);
        }
        Ok(rehearsal)
    }
}

/// The day that a run has judged and the time of its slot.
fn times_of(run: &Run) -> anyhow::Result<(NaiveDate, NaiveDateTime)> {
    let as_of = run.as_of.parse().with_context(|| format!("run {} has no date", run.id))?;
    let at = parse_slot(&run.slot).with_context(|| format!("run {} has no time", run.id))?;
    Ok((as_of, at))
}
