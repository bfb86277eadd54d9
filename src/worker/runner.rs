//! One run: pull → detect → report → remind. Each step is durable and safe to repeat; a start after a crash goes on from the last
//! finished step with the inputs that were frozen when the pull ended.

use super::Service;
use super::facts::{Changes, FindingFacts, identity};
use super::lock::FileLock;
use super::reading::{Reading, View, read};
use crate::clock::stamp;
use crate::config::{Config, Job, JobStep};
use crate::domain::digest::{Digest, Plan, Planned, plan};
use crate::domain::finding::{Change, Identity, State};
use crate::domain::judge::blank_cells;
use crate::domain::period::{chinese_date, chinese_day};
use crate::domain::rule::Light;
use crate::domain::schedule::Slot;
use crate::domain::snapshot::{Candidate, InForce};
use crate::domain::units::UnitId;
use crate::domain::workbook::{Material, Viewer, Workbook, build, file_name, tie_out};
use crate::mail::message::{self, Attachment, Correspondent, Letter};
use crate::mail::templates::Templates;
use crate::report::{archive, xlsx};
use crate::store::outbox::{NewMessage, NewTold, OutboxBatch};
use crate::store::runs::{Run, RunInputs, RunState};
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

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

/// Stored form of a slot.
pub fn slot_text(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S").to_string()
}

impl Service {
    /// Runs a job for one slot, or goes on with a run that broke off.
    ///
    /// # Errors
    /// The job is unknown, the data are not ready for it, or a step failed; the run is then recorded as failed and can be run again.
    pub async fn run_job(&self, request: &RunRequest) -> anyhow::Result<RunOutcome> {
        let config = &self.config;
        let Some(job) = config.job(&request.job) else {
            let hint = crate::config::suggest(&request.job, config.jobs.iter().map(|job| job.name.as_str())).unwrap_or_default();
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
        if request.dry_run {
            return self.dry_run(job, as_of, at).await;
        }
        let slot = slot_text(at);
        let scheduled = matches!(request.when, RunWhen::Slot(_));
        let mut revision = 0;
        if let Some(known) = self.store.run_of(&job.name, &slot).await? {
            revision = known.revision;
            match known.state {
                RunState::Done | RunState::Partial if request.revise => revision += 1,
                RunState::Done | RunState::Partial => {
                    // what a killed process had queued and not sent still goes; nothing is sent twice
                    self.deliver_all(Some(&known.id)).await?;
                    let mut text = format!("本次执行（{} {slot}）已于此前完成，未重复发送。\n\n", job.name);
                    text.push_str(&self.result_text(&known).await?);
                    return Ok(RunOutcome { state: known.state, already_done: true, text, run: Some(known) });
                }
                RunState::Failed => self.store.reopen_run(&known.id).await?,
                RunState::Running => {}
            }
        }
        let now = self.clock.now();
        let opened = self.store.open_run(&job.name, &slot, revision, as_of, scheduled, &stamp(now)).await?;
        self.work_on(&opened.id).await
    }

    /// Takes a run that nobody holds and works on it to its end.
    ///
    /// # Errors
    /// As [`Service::run_job`].
    pub async fn work_on(&self, id: &str) -> anyhow::Result<RunOutcome> {
        let busy = || format!("run {id} is being worked on by another process; see `duban runs`");
        let lock = FileLock::try_take(&self.var(), id).context("cannot lock var/locks")?;
        ensure!(lock.is_some(), busy());
        // nobody on this machine works on it: a claim of ours is that of a process that died
        self.store.take_back_run(id).await?;
        let Some(run) = self.store.claim_run(id, &stamp(self.clock.now()), &self.lease()).await? else { bail!(busy()) };
        match self.steps(&run).await {
            Ok(()) => {}
            Err(error) => {
                let reason = format!("{error:#}");
                self.store.finish_run(&run, RunState::Failed, &reason, "", &stamp(self.clock.now())).await?;
                return Err(error);
            }
        }
        let run = self.store.run(id).await?.with_context(|| format!("run {id} vanished"))?;
        self.deliver_all(Some(&run.id)).await?;
        let text = self.result_text(&run).await?;
        Ok(RunOutcome { state: run.state, already_done: false, text, run: Some(run) })
    }

    fn lease(&self) -> String {
        stamp(self.clock.now() + chrono::Duration::minutes(LEASE_MINUTES))
    }

    /// The run's printed result with its deliveries as they stand now.
    pub async fn result_text(&self, run: &Run) -> anyhow::Result<String> {
        let mut text = run.result.clone();
        let counts = self.store.delivery_counts(Some(&run.id)).await?;
        let queued: i64 = counts.values().sum();
        if queued > 0 {
            let of = |state: &str| counts.get(state).copied().unwrap_or(0);
            let (accepted, refused, unknown, held) = (of("accepted"), of("refused"), of("unknown"), of("held"));
            let pending = of("pending") + of("sending");
            ensure!(queued == accepted + refused + unknown + pending + held, "deliveries of {} do not add up", run.id);
            writeln!(text, "发送：应发{queued} = 已送达{accepted} + 被拒{refused} + 结果不明{unknown} + 待发{pending} + 暂缓{held}")?;
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
        let mut done = JobStep::NAMES.iter().find(|(name, _)| *name == run.step).map(|(_, step)| *step);
        if done.is_none() {
            inputs = self.pull_step(&job, as_of).await?;
            self.store.finish_step(run, JobStep::Pull.name(), &inputs).await?;
            done = Some(JobStep::Pull);
            crash_point("pull");
        }
        let mut result = run.result.clone();
        if job.steps.contains(&JobStep::Detect) && done < Some(JobStep::Remind) {
            let config = Config::parse(self.store.thaw(&inputs.files).await?)?;
            // the job as it was when the run began; the file may have been edited since
            let job = config.job(&run.job).unwrap_or(&job).clone();
            let mut stage = Stage::new(self, config, &job, run, as_of, &inputs).await?;
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
                    self.store.finish_step(run, JobStep::Report.name(), &inputs).await?;
                    crash_point("report");
                }
                files = self.store.reports(&run.id).await?;
            }
            result = stage.summary(&files);
            if job.steps.contains(&JobStep::Remind) {
                self.keep(run).await?;
                stage.remind(run, &mut inputs, &mut result).await?;
                crash_point("remind");
            }
        }
        let state = if inputs.faults.is_empty() { RunState::Done } else { RunState::Partial };
        let result = if result.is_empty() { self.pulled_text(&inputs).await? } else { result };
        self.store.finish_run(run, state, &inputs.faults.join("；"), &result, &stamp(self.clock.now())).await?;
        Ok(())
    }

    /// Fails when another process has taken the run over.
    async fn keep(&self, run: &Run) -> anyhow::Result<()> {
        ensure!(self.store.renew_run(run, &self.lease()).await?, "run {} was taken over by another process", run.id);
        Ok(())
    }

    /// Pulls the job's sources and fixes what the run is made from.
    async fn pull_step(&self, job: &Job, as_of: NaiveDate) -> anyhow::Result<RunInputs> {
        let mut inputs = RunInputs::default();
        let own = self.own_projects().await?;
        for source in &self.config.settings.sources {
            if !job.sources.is_empty() && !job.sources.contains(&source.name) || source.sample && own {
                continue;
            }
            match self.pull_source(source, false).await {
                Ok(report) if report.held() => {
                    inputs.faults.push(format!("{}：新读入的台账与上次差异过大，暂缓生效，沿用上次", source.name))
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(source = %source.name, %error, "a source could not be pulled");
                    inputs.faults.push(format!("{}：{error}", source.name));
                }
            }
        }
        let view = self.view(&job.sources, as_of).await?;
        if job.steps.contains(&JobStep::Detect) {
            ensure!(
                view.in_force.iter().any(|found| found.snapshot.ledger == crate::domain::ledger::PROJECT),
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
        inputs.sample = view.sample;
        inputs.snapshots =
            view.in_force.iter().map(|found| (found.snapshot.ledger.clone(), found.snapshot.source.clone(), found.snapshot.seq)).collect();
        inputs.files = self.store.freeze(&self.config.files_without_secrets()).await?;
        Ok(inputs)
    }

    /// The view a run pinned, with what its snapshots are.
    async fn pinned(&self, inputs: &RunInputs, as_of: NaiveDate) -> anyhow::Result<View> {
        let snapshots = self.store.snapshots().await?;
        let in_force = inputs
            .snapshots
            .iter()
            .filter_map(|(ledger, source, seq)| {
                let snapshot =
                    snapshots.iter().find(|snapshot| (&snapshot.ledger, &snapshot.source, snapshot.seq) == (ledger, source, *seq))?;
                let candidate = Candidate {
                    ledger: ledger.clone(),
                    source: source.clone(),
                    seq: *seq,
                    covers_on: snapshot.covers_on,
                    sample: snapshot.sample,
                };
                Some(InForce { early: candidate.covers_on > as_of, snapshot: candidate })
            })
            .collect();
        Ok(View { in_force, sample: inputs.sample })
    }

    async fn pulled_text(&self, inputs: &RunInputs) -> anyhow::Result<String> {
        let mut text = String::new();
        for (ledger, source, seq) in &inputs.snapshots {
            let title = self.config.policy.ledger(ledger).map_or(ledger.as_str(), |index| self.config.policy.ledgers[index].title.as_str());
            writeln!(text, "{title}（{source}）：第{seq}次快照")?;
        }
        Ok(text)
    }

    /// Judges what is stored and says what a run would make; writes nothing.
    async fn dry_run(&self, job: &Job, as_of: NaiveDate, at: NaiveDateTime) -> anyhow::Result<RunOutcome> {
        let view = self.view(&job.sources, as_of).await?;
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
            ..RunInputs::default()
        };
        let mut text = "试运行：以下为将要生成和发送的内容，未写入、未发送。\n\n".to_owned();
        let mut stage = Stage::open(self, (*self.config).clone(), job, as_of, at, &inputs).await?;
        stage.changes = self.changes(&stage.config.policy, &stage.reading, Some(&job.name), as_of, inputs.sample).await?;
        text.push_str(&stage.summary(&[]));
        if job.steps.contains(&JobStep::Remind) {
            let planned = stage.plan(&inputs, 0).await?;
            for digest in &planned.digests {
                writeln!(text, "{} ← {}", digest.unit_name, digest.subject)?;
            }
            writeln!(text, "{}", planned.coverage)?;
        }
        Ok(RunOutcome { run: None, state: RunState::Done, already_done: false, text })
    }
}

/// A test build dies here on command, so that every step can be shown to survive a kill.
fn crash_point(step: &str) {
    #[allow(clippy::disallowed_methods, reason = "read in debug builds only, by the crash tests")]
    if cfg!(debug_assertions) && std::env::var("DUBAN_CRASH_AFTER").is_ok_and(|at| at == step) {
        std::process::abort();
    }
}

/// What the steps after the pull share: the frozen configuration and the judged register.
struct Stage<'a> {
    service: &'a Service,
    config: Config,
    job: &'a Job,
    as_of: NaiveDate,
    at: NaiveDateTime,
    view: View,
    reading: Reading,
    changes: Changes,
}

impl<'a> Stage<'a> {
    async fn new(
        service: &'a Service,
        config: Config,
        job: &'a Job,
        run: &Run,
        as_of: NaiveDate,
        inputs: &RunInputs,
    ) -> anyhow::Result<Stage<'a>> {
        let at = NaiveDateTime::parse_from_str(&run.slot, "%Y-%m-%dT%H:%M:%S").with_context(|| format!("run {} has no slot", run.id))?;
        Stage::open(service, config, job, as_of, at, inputs).await
    }

    async fn open(
        service: &'a Service,
        config: Config,
        job: &'a Job,
        as_of: NaiveDate,
        at: NaiveDateTime,
        inputs: &RunInputs,
    ) -> anyhow::Result<Stage<'a>> {
        let view = service.pinned(inputs, as_of).await?;
        let reading = read(&service.store, &config.policy, &view, as_of).await?;
        Ok(Stage { service, config, job, as_of, at, view, reading, changes: Changes::default() })
    }

    /// Judges, compares with what was known, and stores the findings; the timeline follows if this is the latest as_of.
    async fn detect(&mut self, run: &Run, inputs: &RunInputs) -> anyhow::Result<()> {
        let policy = &self.config.policy;
        self.changes = self.service.changes(policy, &self.reading, Some(&self.job.name), self.as_of, self.view.sample).await?;
        let mut stored = Vec::with_capacity(self.reading.judged.findings.len());
        for finding in &self.reading.judged.findings {
            let identity = identity(policy, finding);
            let change = self.changes.of.get(&identity).copied().unwrap_or(Change::New);
            stored.push(FindingFacts::of(policy, finding, change).stored(finding.light)?);
        }
        let timeline = self.changes.writes_timeline.then_some(self.as_of);
        self.service.store.commit_detect(run, JobStep::Detect.name(), inputs, &stored, &self.changes.resolved, timeline).await?;
        Ok(())
    }

    /// After a restart: the changes as the detect step stored them.
    async fn recall(&mut self, run: &Run) -> anyhow::Result<()> {
        let (of, resolved) = self.service.store.changes_of(&run.id).await?;
        self.changes = Changes { of, resolved, writes_timeline: false };
        Ok(())
    }

    fn inputs_named(&self) -> Vec<(String, String)> {
        let short = |prefix: &str| {
            let mut hasher = Sha256::new();
            for (path, text) in self.config.files.iter().filter(|(path, _)| path.starts_with(prefix)) {
                hasher.update(path);
                hasher.update(text);
            }
            format!("{:x}", hasher.finalize())[..12].to_owned()
        };
        [
            ("督办规则", "config/rules"),
            ("台账字段", "config/ledgers/"),
            ("工作日历", "config/calendar/"),
            ("责任单位", "config/units"),
            ("产业", "config/industries"),
            ("报表模板", "report-templates/"),
        ]
        .map(|(name, prefix)| (name.to_owned(), short(prefix)))
        .to_vec()
    }

    fn material<'b>(&'b self, viewer: Viewer, rows: Option<&'b [usize]>, inputs: &'b [(String, String)]) -> Material<'b> {
        Material {
            policy: &self.config.policy,
            as_of: self.as_of,
            office: &self.config.settings.office.name,
            judged: &self.reading.judged,
            records: &self.reading.records,
            origins: &self.reading.origins,
            indicators: &self.reading.indicators,
            changes: &self.changes.of,
            sources: &self.reading.sources,
            intake: &self.reading.intake,
            viewer,
            rows,
            inputs,
        }
    }

    /// Makes the job's workbooks. Returns what could not be made.
    async fn report(&self, run: &Run) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        let inputs = self.inputs_named();
        for name in &self.job.workbooks {
            let Some(template) = self.config.templates.get(name) else {
                faults.push(format!("报表模板{name}不存在"));
                continue;
            };
            let material = self.material(Viewer::Office, None, &inputs);
            let book = build(template, &material);
            let file = file_name(template, &material);
            if let Err(fault) = balanced(&book) {
                faults.push(format!("{file}：{fault}"));
                continue;
            }
            let folder = format!("reports/{}/{}", self.job.name, folder_of(self.as_of, run.revision));
            let var = self.service.var();
            let written = tokio::task::spawn_blocking(move || -> anyhow::Result<(String, String, u64)> {
                let bytes = xlsx::render(&book)?;
                let (path, sha256) = archive::write(&var.join(&folder), &file, &bytes)?;
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Ok((format!("var/{folder}/{name}"), sha256, bytes.len() as u64))
            })
            .await?;
            match written {
                Ok((path, sha256, bytes)) => self.service.store.add_report(run, &path, &sha256, bytes).await?,
                Err(error) => faults.push(format!("{name}：{error:#}")),
            }
        }
        Ok(faults)
    }

    /// Files and findings per light, as printed.
    fn summary(&self, files: &[(String, String, i64)]) -> String {
        let findings = &self.reading.judged.findings;
        let open = |light: Light| findings.iter().filter(|finding| finding.state == State::Open && finding.light == Some(light)).count();
        let state = |state: State| findings.iter().filter(|finding| finding.state == state).count();
        let change = |wanted: Change| {
            findings
                .iter()
                .filter(|finding| {
                    finding.state == State::Open && self.changes.of.get(&identity(&self.config.policy, finding)) == Some(&wanted)
                })
                .count()
        };
        let mut text = format!("{} 截至{}\n", self.job.title, chinese_date(self.as_of));
        for line in &self.reading.sources {
            let _ = writeln!(
                text,
                "台账：{}（{}，第{}次快照，截至{}）入库{} 待核{}{}",
                line.ledger,
                line.source,
                line.snapshot,
                chinese_date(line.covers_on),
                line.accepted,
                line.quarantined,
                if line.note.is_empty() { String::new() } else { format!("；{}", line.note) }
            );
        }
        let _ = writeln!(
            text,
            "督办事项：红{} 橙{} 黄{}；无法判定{}（待补齐{}处），豁免{}",
            open(Light::Red),
            open(Light::Orange),
            open(Light::Yellow),
            state(State::Unjudged),
            blank_cells(&self.config.policy, findings.iter()),
            state(State::Exempt)
        );
        let _ = writeln!(
            text,
            "较上期：新增{} 升级{} 减轻{} 持续{} 再次出现{} 办结{}",
            change(Change::New),
            change(Change::Escalated),
            change(Change::Eased),
            change(Change::Continued),
            change(Change::Reopened),
            self.changes.resolved.len()
        );
        for (path, sha256, bytes) in files {
            let _ = writeln!(text, "报表：{path}（{bytes}字节，sha256 {}）", &sha256[..12.min(sha256.len())]);
        }
        text
    }

    async fn plan(&self, inputs: &RunInputs, revision: i64) -> anyhow::Result<Planned> {
        let policy = &self.config.policy;
        let settings = &self.config.settings;
        let store = &self.service.store;
        let by_id = |name: &str| policy.units.find(name);
        let mut told_before: HashMap<UnitId, BTreeMap<Identity, Option<Light>>> =
            store.told(inputs.sample).await?.into_iter().filter_map(|(unit, told)| Some((by_id(&unit)?, told))).collect();
        let last_digest_on: HashMap<UnitId, NaiveDate> = store
            .last_digest_on(inputs.sample, &self.job.name, &slot_text(self.at))
            .await?
            .into_iter()
            .filter_map(|(unit, day)| Some((by_id(&unit)?, day)))
            .collect();
        // a revision compares with what was told before the slot, not with its own first edition
        let slot = slot_text(self.at);
        for (unit, told) in store.told_before_slot(&self.job.name, &slot, revision).await? {
            if let Some(unit) = by_id(&unit) {
                told_before.insert(unit, told);
            }
        }
        let mut gone = BTreeSet::new();
        for identity in told_before.values().flat_map(BTreeMap::keys) {
            if let Some(ledger) = policy.ledger(&identity.ledger)
                && !self.reading.has(ledger, &identity.key)
            {
                gone.insert((ledger, identity.key.clone()));
            }
        }
        let source_line = source_line(&self.reading);
        let sent_on = self.at.date();
        let national = policy.calendar.of(None);
        let next_on = self.job.schedule.slots(self.at + chrono::Duration::seconds(1), national).next().map(|slot| slot.runs_at.date());
        Ok(plan(&Plan {
            policy,
            as_of: self.as_of,
            sent_on,
            office_name: &settings.office.name,
            contact: &settings.office.contact,
            objection_workdays: settings.office.objection_workdays,
            judged: &self.reading.judged,
            records: &self.reading.records,
            origins: &self.reading.origins,
            told_before: &told_before,
            last_digest_on: &last_digest_on,
            gone: &gone,
            rhythm: self.job.rhythm,
            levels: &self.job.levels,
            started: started(inputs, sent_on),
            source_line: &source_line,
            next_on,
            may_carry_rows: &|address| settings.domain_allowed(address),
        }))
    }

    /// Plans the digests, proves that nobody is left out, and commits every message in one transaction with the step.
    async fn remind(&self, run: &Run, inputs: &mut RunInputs, result: &mut String) -> anyhow::Result<()> {
        let mut planned = self.plan(inputs, run.revision).await?;
        ensure!(planned.coverage.holds(), "the coverage proof fails, nothing was mailed:\n{}", planned.coverage);
        let said_before = self.service.store.said_before(&run.job, &run.slot, run.revision).await?;
        let templates = Templates::new(&self.config.mail_templates)
            .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let named = self.inputs_named();
        let mut messages = Vec::new();
        let mut told = Vec::new();
        let mut unchanged = 0;
        let progress = self.service.progress("生成邮件");
        for digest in &mut planned.digests {
            progress.inc(1);
            let made = self.message(run, digest, &templates, &named);
            match made {
                Ok(message) => {
                    if said_before.get(&message.recipient) == Some(&message.digest_sha256) {
                        unchanged += 1;
                        continue;
                    }
                    told.push(NewTold { unit: digest.unit_name.clone(), told: digest.told.iter().cloned().collect() });
                    messages.push(message);
                }
                Err(error) => inputs.faults.push(format!("{}的提醒未能生成：{error:#}", digest.unit_name)),
            }
        }
        progress.finish_and_clear();
        let _ = writeln!(
            result,
            "提醒：{}封{}",
            messages.len(),
            if unchanged > 0 { format!("（另有{unchanged}封与前次相同，未再发送）") } else { String::new() }
        );
        let _ = writeln!(result, "{}", planned.coverage);
        let batch = OutboxBatch {
            messages,
            told,
            told_on: self.at.date().to_string(),
            now: stamp(self.service.clock.now()),
            result: result.clone(),
        };
        self.service.store.commit_outbox(run, JobStep::Remind.name(), inputs, &batch).await?;
        Ok(())
    }

    fn message(&self, run: &Run, digest: &mut Digest, templates: &Templates, named: &[(String, String)]) -> anyhow::Result<NewMessage> {
        let settings = &self.config.settings;
        let policy = &self.config.policy;
        let unit = &policy.units.units[digest.unit];
        let attachment = match self.job.attachment.as_ref().and_then(|name| self.config.templates.get(name)) {
            Some(template) if !digest.counts_only => {
                // the office's roll-up counts the whole province; its attachment holds what is told to the office itself
                let findings = &self.reading.judged.findings;
                let own = |index: &usize| digest.roll_up.is_none() || findings[*index].told_units.contains(&Some(digest.unit));
                let rows: Vec<usize> = digest.findings.iter().copied().filter(own).collect();
                let material = self.material(Viewer::Unit(digest.unit), Some(&rows), named);
                let book = build(template, &material);
                Some((file_name(template, &material), xlsx::render(&book)?))
            }
            _ => None,
        };
        let most = settings.limits.attachment_kib_max * 1024;
        let attachment = attachment.filter(|(name, bytes)| {
            let fits = bytes.len() as u64 <= most;
            if !fits {
                tracing::warn!(unit = %unit.name, file = %name, bytes = bytes.len(), "the attachment is too large and stays in the office");
            }
            fits
        });
        digest.attachment = attachment.as_ref().map(|(name, _)| name.clone());
        let rendered = templates.render(&self.job.digest, digest)?;
        let revision = if run.revision > 0 { format!("-r{}", run.revision) } else { String::new() };
        let slot_day = self.at.format("%Y%m%dT%H%M%S");
        let id = format!("{}_{}_{slot_day}_{}{revision}", self.job.name, self.as_of, unit.code.to_lowercase());
        let from_domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
        let date: DateTime<FixedOffset> = self.service.clock.now().fixed_offset();
        let date = date.with_timezone(&FixedOffset::east_opt(self.job.schedule.utc_offset_seconds).unwrap_or_else(|| *date.offset()));
        let bytes = message::build(&Letter {
            from: Correspondent { name: &settings.office.name, address: &settings.mail.from },
            to: Correspondent { name: &unit.title, address: &digest.mailbox },
            reply_to: Correspondent { name: &settings.office.name, address: &settings.mail.reply_to },
            subject: &digest.subject,
            date,
            id: &id,
            domain: from_domain,
            html: &rendered.html,
            text: &rendered.text,
            attachment: attachment.as_ref().map(|(name, bytes)| Attachment { name, bytes }),
        })?;
        let mut hasher = Sha256::new();
        hasher.update(&digest.subject);
        hasher.update(&rendered.text);
        if let Some((_, bytes)) = &attachment {
            hasher.update(bytes);
        }
        Ok(NewMessage {
            message_id: format!("<{id}@{from_domain}>"),
            id,
            recipient: format!("{} {}", unit.code, digest.mailbox),
            address: digest.mailbox.clone(),
            unit: unit.name.clone(),
            subject: digest.subject.clone(),
            digest_sha256: format!("{:x}", hasher.finalize()),
            bytes,
            held: false,
        })
    }
}

/// Acts above 提醒 run from the start day on; the sample alone counts as past it.
fn started(inputs: &RunInputs, day: NaiveDate) -> bool {
    inputs.enforce_on.map_or(inputs.sample, |start| day >= start)
}

fn folder_of(as_of: NaiveDate, revision: i64) -> String {
    if revision == 0 { as_of.to_string() } else { format!("{as_of}-r{revision}") }
}

/// Sums, rates and parts agree before a workbook is released.
fn balanced(book: &Workbook) -> Result<(), String> {
    let wrong = tie_out(book);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("；")) }
}

/// `数据来源：项目台账9月30日（第1次快照）`.
fn source_line(reading: &Reading) -> String {
    let parts: Vec<String> = reading
        .sources
        .iter()
        .take(2)
        .map(|line| format!("{}{}数据（第{}次快照）", line.ledger, chinese_day(line.covers_on), line.snapshot))
        .collect();
    format!("数据来源：{}", parts.join("、"))
}
