//! One run: pull → detect → report → remind. Each step is durable and safe to repeat; a start after a crash goes on from the last
//! finished step with the inputs that were frozen when the pull ended.

use crate::clock::Clock;
use crate::clock::stamp;
use crate::config::job_file::{Job, JobStep};
use crate::config::load::Config;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::schedule::Slot;
use crate::store::handle::Store;
use crate::store::runs::{Run, RunInputs, RunState};
use crate::worker::crash_point::crash_point;
use crate::worker::deliver::deliverer::Deliverer;
use crate::worker::file_lock::FileLock;
use crate::worker::import::importer::Importer;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::slot_text::slot_text;
use crate::worker::run::steps::Stage;
use anyhow::{Context, bail, ensure};
use chrono::{Datelike, NaiveDate, NaiveDateTime};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    pub job: String,
    pub when: RunWhen,
    /// Make a further revision of a slot that is done; only changed digests are mailed.
    pub revise: bool,
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum RunWhen {
    /// What a slot today would use.
    Now,
    AsOf(NaiveDate),
    /// A slot of the schedule.
    Slot(Slot),
}

/// How a run came out.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    pub run: Option<Run>,
    pub state: RunState,
    pub already_done: bool,
    /// What is printed.
    pub text: String,
}

/// How long a run may be silent before another process takes it over.
const LEASE_MINUTES: i64 = 10;

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
}

impl Runner {
    /// A runner over the parts that a run uses one after the other.
    pub fn new(importer: Importer, evaluator: Evaluator, deliverer: Deliverer) -> Runner {
        let Importer { var, config, store, clock, .. } = importer.clone();
        Runner { var, config, store, clock, importer, evaluator, deliverer }
    }

    /// Runs a job for one slot, or goes on with a run that broke off.
    ///
    /// # Errors
    /// The job is unknown, the data are not ready for it, or a step failed; the run is then recorded as failed and can be run again.
    pub async fn run_job(&self, request: &RunRequest) -> anyhow::Result<RunOutcome> {
        let config = &self.config;
        let Some(job) = config.job(&request.job) else {
            let hint = crate::config::load::suggest(&request.job, config.jobs.iter().map(|job| job.name.as_str())).unwrap_or_default();
            bail!("jobs/{}.toml does not exist ({hint})", request.job);
        };
        let national = config.policy.calendar.of(None);
        let (as_of, at) = match request.when {
            RunWhen::Slot(slot) => (slot.as_of, slot.at),
            RunWhen::AsOf(as_of) => (as_of, job.schedule.slot_for(as_of, national)),
            RunWhen::Now => {
                let as_of = job.schedule.as_of_on(self.clock.local(job.schedule.utc_offset_seconds).date());
                (as_of, job.schedule.slot_for(as_of, national))
            }
        };
        // a slip of the pen in a year would be mailed to everyone
        let known: Vec<i32> = config.policy.calendar.years().collect();
        let year = self.clock.today().year();
        let (first, last) =
            (known.iter().min().map_or(year, |known| year.min(*known)), known.iter().max().map_or(year, |known| year.max(*known)) + 1);
        ensure!(
            (first..=last).contains(&as_of.year()),
            "as-of {as_of} lies outside {first} to {last}, the years with working days on file (config/calendar/) and the next one; mistyped?"
        );
        if request.dry_run {
            return self.dry_run(job, as_of, at).await;
        }
        let slot = slot_text(at);
        let scheduled = matches!(request.when, RunWhen::Slot(_));
        let mut revision = 0;
        if let Some(known) = self.store.runs().newest(&job.name, &slot).await? {
            revision = known.revision;
            match known.state {
                RunState::Done | RunState::Partial if request.revise => revision += 1,
                RunState::Done | RunState::Partial => {
                    // what a killed process had queued and not sent still goes; nothing is sent twice
                    let counts = self.store.outbox().count_by_state(Some(&known.id)).await?;
                    let left: i64 = ["pending", "sending"].iter().filter_map(|state| counts.get(*state)).sum();
                    self.deliverer.deliver_all(Some(&known.id)).await?;
                    let state = match known.state {
                        RunState::Partial => format!(
                            "只完成一部分，未重复发送。排除末行所列原因后，用 duban run {} --as-of {as_of} --revise 补做，内容未变的提醒不再发送。",
                            job.name
                        ),
                        _ if left > 0 => format!("完成，本次继续发送其余{left}封，已送达的未重复发送。"),
                        _ => "完成，未重复发送。".to_owned(),
                    };
                    let mut text = format!("本次执行（{} {slot}）已于此前{state}\n\n", job.name);
                    text.push_str(&self.result_text(&known).await?);
                    return Ok(RunOutcome { state: known.state, already_done: true, text, run: Some(known) });
                }
                RunState::Failed => self.store.runs().reopen(&known.id).await?,
                RunState::Running => {}
            }
        }
        let now = self.clock.now();
        let opened = self.store.runs().open(&job.name, &slot, revision, as_of, scheduled, &stamp(now)).await?;
        self.work_on(&opened.id).await
    }

    /// Takes a run that nobody holds and works on it to its end.
    ///
    /// # Errors
    /// As [`Runner::run_job`].
    pub async fn work_on(&self, id: &str) -> anyhow::Result<RunOutcome> {
        let busy = || format!("run {id} is being worked on by another process; see `duban runs`");
        let lock = FileLock::try_take(&self.var, id).context("cannot lock var/locks")?;
        ensure!(lock.is_some(), busy());
        // nobody on this machine works on it: a claim of ours is that of a process that died
        self.store.runs().end_dead_claim(id).await?;
        let Some(run) = self.store.runs().claim(id, &stamp(self.clock.now()), &self.lease()).await? else { bail!(busy()) };
        match self.steps(&run).await {
            Ok(()) => {}
            Err(error) => {
                let reason = format!("{error:#}");
                self.store.runs().finish(&run, RunState::Failed, &reason, "", &stamp(self.clock.now())).await?;
                return Err(error);
            }
        }
        let run = self.store.runs().get(id).await?.with_context(|| format!("run {id} vanished"))?;
        self.deliverer.deliver_all(Some(&run.id)).await?;
        let text = self.result_text(&run).await?;
        Ok(RunOutcome { state: run.state, already_done: false, text, run: Some(run) })
    }

    fn lease(&self) -> String {
        stamp(self.clock.now() + chrono::Duration::minutes(LEASE_MINUTES))
    }

    /// The run's printed result with its deliveries as they stand now.
    pub async fn result_text(&self, run: &Run) -> anyhow::Result<String> {
        let mut text = run.result.clone();
        let mut counts = self.store.outbox().count_by_state(Some(&run.id)).await?;
        // what nobody has released is no delivery
        let waiting = counts.remove(DeliveryState::Draft.code()).unwrap_or(0);
        let rejected = counts.remove(DeliveryState::Rejected.code()).unwrap_or(0);
        let queued: i64 = counts.values().sum();
        if queued > 0 {
            let of = |state: &str| counts.get(state).copied().unwrap_or(0);
            let (accepted, refused, unknown, held) = (of("accepted"), of("refused"), of("unknown"), of("held"));
            let pending = of("pending") + of("sending");
            let (superseded, dead) = (of("superseded"), of("dead"));
            ensure!(queued == accepted + refused + unknown + pending + held + superseded + dead, "deliveries of {} do not add up", run.id);
            write!(text, "发送：应发{queued} = 已送达{accepted} + 被拒{refused} + 结果不明{unknown} + 待发{pending} + 暂缓{held}")?;
            for (word, count) in [("已被代替", superseded), ("停止发送", dead)] {
                if count > 0 {
                    write!(text, " + {word}{count}")?;
                }
            }
            writeln!(text)?;
            let (test, repeated) = self.store.outbox().count_marks(&run.id).await?;
            if test > 0 {
                writeln!(text, "试发送：{test}封发往测试邮箱，各单位未收到，不计入已提醒")?;
            }
            if repeated > 0 {
                writeln!(text, "其中{repeated}封曾结果不明而重发，对方可能收到两份（编号相同）")?;
            }
            if pending > 0 {
                for line in self.deliverer.sending_notes().await? {
                    writeln!(text, "{line}")?;
                }
                if let Some(reason) = self.deliverer.left_alone() {
                    writeln!(text, "现在发不出去：{reason}。未丢失，duban serve会自动再试")?;
                }
            }
        }
        if waiting + rejected > 0 {
            writeln!(text, "拟办件：待签发{waiting}件，不予签发{rejected}件（duban outbox list --state draft）")?;
        }
        if !run.reason.is_empty() {
            writeln!(text, "未全部完成：{}", run.reason)?;
        }
        Ok(text)
    }

    async fn steps(&self, run: &Run) -> anyhow::Result<()> {
        let job = self.config.job(&run.job).with_context(|| format!("jobs/{}.toml does not exist any more", run.job))?.clone();
        let as_of: NaiveDate = run.as_of.parse().with_context(|| format!("run {} has no date", run.id))?;
        let mut inputs = run.inputs.clone();
        let mut done = JobStep::ALL.into_iter().find(|step| step.name() == run.step);
        if done.is_none() {
            inputs = self.pull_step(&job, as_of).await?;
            self.store.runs().finish_step(run, JobStep::Pull.name(), &inputs).await?;
            done = Some(JobStep::Pull);
            crash_point("pull");
        }
        let mut result = run.result.clone();
        if job.steps.contains(&JobStep::Detect) && done < Some(JobStep::Remind) {
            let config = Config::parse(self.store.frozen_texts().read(&inputs.files).await?)?;
            // the job as it was when the run began; the file may have been edited since
            let job = config.job(&run.job).unwrap_or(&job).clone();
            let mut stage = Stage::new(&self.evaluator, config, &job, run, as_of, &inputs).await?;
            if done < Some(JobStep::Detect) {
                stage.detect(run, &inputs).await?;
                done = Some(JobStep::Detect);
                crash_point("detect");
            } else {
                stage.recall(run).await?;
            }
            let mut files = Vec::new();
            if job.steps.contains(&JobStep::Report) {
                if done < Some(JobStep::Report) {
                    inputs.faults.extend(stage.report(run).await?);
                    self.keep(run).await?;
                    self.store.runs().finish_step(run, JobStep::Report.name(), &inputs).await?;
                    crash_point("report");
                }
                files = self.store.reports().list(&run.id).await?;
            }
            result = stage.summary(Some(&files), &inputs.faults);
            for path in &inputs.intake_reports {
                writeln!(result, "导入报告：{path}")?;
            }
            if job.steps.contains(&JobStep::Remind) {
                self.keep(run).await?;
                stage.remind(run, &mut inputs, &mut result).await?;
                crash_point("remind");
            }
        }
        let state = if inputs.faults.is_empty() { RunState::Done } else { RunState::Partial };
        let result = if result.is_empty() { self.pulled_text(&inputs).await? } else { result };
        self.store.runs().finish(run, state, &inputs.faults.join("；"), &result, &stamp(self.clock.now())).await?;
        Ok(())
    }

    /// Fails when another process has taken the run over.
    async fn keep(&self, run: &Run) -> anyhow::Result<()> {
        ensure!(self.store.runs().renew_lease(run, &self.lease()).await?, "run {} was taken over by another process", run.id);
        Ok(())
    }

    /// Pulls the job's sources and fixes what the run is made from.
    async fn pull_step(&self, job: &Job, as_of: NaiveDate) -> anyhow::Result<RunInputs> {
        let mut inputs = RunInputs::default();
        let own = self.importer.own_projects().await?;
        for source in &self.config.settings.sources {
            if !job.sources.is_empty() && !job.sources.contains(&source.name) || source.sample && own {
                continue;
            }
            match self.importer.pull_source(source, false).await {
                Ok(report) => {
                    if report.held() {
                        inputs.faults.push(format!("{}：新读入的台账与上次差异过大，暂缓生效，沿用上次", source.name));
                    }
                    inputs.faults.extend(report.fault.map(|fault| format!("{}：{fault}", source.name)));
                    inputs.intake_reports.extend(report.workbook);
                }
                Err(error) => {
                    tracing::error!(source = %source.name, %error, "a source could not be pulled");
                    inputs.faults.push(format!("{}：{error}", source.name));
                }
            }
        }
        match self.importer.take_forms().await {
            Ok(came) => inputs.faults.extend(came.into_iter().filter_map(|(_, taken)| Some(format!("反馈表 {}", taken.err()?)))),
            Err(error) => inputs.faults.push(format!("{error:#}")),
        }
        inputs.answers = self.store.feedback().last_no().await?;
        let view = self.evaluator.view(&job.sources, as_of).await?;
        if job.steps.contains(&JobStep::Detect) {
            ensure!(
                view.in_force.iter().any(|found| found.snapshot.ledger == crate::domain::register::ledger::PROJECT),
                "there is no project register to judge{}",
                if inputs.faults.is_empty() {
                    "; name a source in config/duban.toml or run `duban import FILE`".into()
                } else {
                    format!(": {}", inputs.faults.join("; "))
                }
            );
            inputs.enforce_on = self.config.settings.enforce_on();
            ensure!(
                view.sample || inputs.enforce_on.is_some(),
                "this register has no start day yet (建账期): run `duban init` first, so that every unit can check its rows before acts begin"
            );
        }
        inputs.gone = Some(self.evaluator.gone_pin(&view).await?);
        inputs.sample = view.sample;
        inputs.before = self.store.runs().previous(&job.name, as_of, view.sample).await?;
        inputs.closed = self.evaluator.closed_quarters(&self.config, Some(&job.name), as_of, view.sample).await?;
        inputs.snapshots =
            view.in_force.iter().map(|found| (found.snapshot.ledger.clone(), found.snapshot.source.clone(), found.snapshot.seq)).collect();
        inputs.files = self.store.frozen_texts().freeze(&self.config.files_without_secrets()).await?;
        Ok(inputs)
    }

    async fn pulled_text(&self, inputs: &RunInputs) -> anyhow::Result<String> {
        let mut text = String::new();
        for (ledger, source, seq) in &inputs.snapshots {
            let title = self.config.policy.ledger(ledger).map_or(ledger.as_str(), |index| self.config.policy.ledgers[index].title.as_str());
            writeln!(text, "{title}（{source}）：第{seq}次快照")?;
        }
        for path in &inputs.intake_reports {
            writeln!(text, "导入报告：{path}")?;
        }
        Ok(text)
    }

    /// Judges what is stored and says what a run would make; writes nothing.
    async fn dry_run(&self, job: &Job, as_of: NaiveDate, at: NaiveDateTime) -> anyhow::Result<RunOutcome> {
        let view = self.evaluator.view(&job.sources, as_of).await?;
        ensure!(!view.in_force.is_empty(), "nothing has been read yet; run `duban pull` first (a dry run reads no source)");
        let enforce_on = self.config.settings.enforce_on();
        let inputs = RunInputs {
            snapshots: view
                .in_force
                .iter()
                .map(|found| (found.snapshot.ledger.clone(), found.snapshot.source.clone(), found.snapshot.seq))
                .collect(),
            sample: view.sample,
            enforce_on,
            answers: self.store.feedback().last_no().await?,
            before: self.store.runs().previous(&job.name, as_of, view.sample).await?,
            closed: self.evaluator.closed_quarters(&self.config, Some(&job.name), as_of, view.sample).await?,
            ..RunInputs::default()
        };
        let mut text = "试运行：以下为将要生成和发送的内容，未写入、未发送。\n\n".to_owned();
        let mut stage = Stage::open(&self.evaluator, (*self.config).clone(), job, as_of, at, &inputs).await?;
        stage.changes = self.evaluator.changes(&stage.config.policy, &mut stage.reading, Some(&job.name), as_of, inputs.sample).await?;
        text.push_str(&stage.summary(None, &[]));
        if job.steps.contains(&JobStep::Remind) {
            let (planned, drafts) = stage.plan(&inputs, 0).await?;
            for digest in &planned.digests {
                writeln!(text, "{} ← {}", digest.unit_name, digest.subject)?;
            }
            for draft in &drafts {
                writeln!(text, "{} ←（拟办，签发后发送）{}", draft.unit_name, draft.subject)?;
            }
            writeln!(text, "{}", planned.coverage)?;
        }
        Ok(RunOutcome { run: None, state: RunState::Done, already_done: false, text })
    }
}
