//! What the steps of a run share once its inputs are pinned.

use crate::config::job_file::Job;
use crate::config::load::Config;
use crate::domain::audience::Audience;
use crate::domain::judging::roster::Selection;
use crate::domain::notify::feedback::Answers;
use crate::domain::notify::form_seal::FormKey;
use crate::domain::notify::inputs::{DataState, Unsigned};
use crate::domain::register::data_condition::DataCondition;
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use crate::store::runs::{Run, RunInputs};
use crate::workbook::material::{GoneRecord, Material};
use crate::workbook::previous_run::PreviousRun;
use crate::workbook::template::SheetTemplate;
use crate::worker::directory::apply_directory;
use crate::worker::run::changes::Changes;
use crate::worker::run::done_since::done_since;
use crate::worker::run::evaluate::{EvaluatedRegister, Evaluator, evaluate};
use crate::worker::run::slot_text::parse_slot;
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::Context;
use chrono::{NaiveDate, NaiveDateTime};
use ring::digest::{Context as Hashing, SHA256};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What the steps after the pull share: the frozen configuration and the evaluated register.
pub(crate) struct RunContext<'a> {
    pub(crate) evaluator: &'a Evaluator,
    pub(crate) config: Config,
    pub(crate) job: Job,
    pub(crate) as_of: NaiveDate,
    /// The time of the slot.
    pub(crate) at: NaiveDateTime,
    /// The day that papers and mails bear.
    pub(crate) made_on: NaiveDate,
    /// That of the first edition of the run.
    pub(crate) first_made_on: NaiveDate,
    pub(crate) selection: SnapshotSelection,
    pub(crate) register: EvaluatedRegister,
    pub(crate) changes: Changes,
    pub(crate) answers: Answers,
    /// The answers as others than the office read them.
    pub(crate) answers_for_others: Answers,
    pub(crate) form_key: FormKey,
    pub(crate) previous_run: Option<PreviousRun>,
    /// How far the data can be relied on.
    pub(crate) data: DataState,
    /// A person has had papers made although their data are old.
    pub(crate) accepts_old_data: bool,
    pub(crate) gone: Vec<GoneRecord>,
    /// Its register is in memory until this ends.
    _room: OwnedSemaphorePermit,
    /// Drafts that had waited too long for a person when the run began.
    pub(crate) unsigned: Unsigned,
}

impl<'a> RunContext<'a> {
    /// The context of a run that has pulled.
    ///
    /// # Errors
    /// As [`RunContext::open`], or the run has no slot.
    pub(crate) async fn new(
        evaluator: &'a Evaluator,
        config: Config,
        job: Job,
        run: &Run,
        as_of: NaiveDate,
        inputs: &RunInputs,
    ) -> anyhow::Result<RunContext<'a>> {
        let at = parse_slot(&run.slot).with_context(|| format!("run {} has no slot", run.id))?;
        RunContext::open(evaluator, config, job, as_of, at, inputs).await
    }

    /// Evaluates the snapshots that the inputs pin.
    ///
    /// # Errors
    /// The database fails, a stored body is damaged, or the temporary file of records cannot be written.
    pub(crate) async fn open(
        evaluator: &'a Evaluator,
        mut config: Config,
        job: Job,
        as_of: NaiveDate,
        at: NaiveDateTime,
        inputs: &RunInputs,
    ) -> anyhow::Result<RunContext<'a>> {
        let selection = SnapshotSelection::pinned(&evaluator.store, &config.policy, inputs, as_of).await?;
        config.policy = config.policy.on(as_of);
        apply_directory(&evaluator.store, &config.settings, &mut config.policy, &selection).await?;
        let rosters = roster_selections(&config, &job);
        let room = evaluator.room.clone().acquire_owned().await.context("the room for registers")?;
        let mut register = evaluate(&evaluator.store, &config.policy, &selection, as_of, &evaluator.var, rosters).await?;
        let past_start = is_past_start(inputs, as_of);
        let closes = past_start && job.closes_quarter && Period::last_closed(PeriodKind::Quarter, as_of).last_day() == as_of;
        evaluator.record_red_quarters(&config.policy, &mut register.judged.findings, &inputs.closed, closes).await?;
        let made_on = inputs.made_on.unwrap_or(at.date());
        let done = done_since(&evaluator.store, &config.policy, &selection, (as_of, made_on)).await?;
        for finding in register.judged.findings.iter_mut().filter(|finding| finding.light.is_some()) {
            let key = (config.policy.rules[finding.rule].ledger, finding.key.to_string());
            finding.done_since = done.get(&key).filter(|(_, still)| !still.contains(&finding.rule)).map(|(words, _)| Arc::clone(words));
        }
        let answers = evaluator.store.feedback().up_to(inputs.answers).await?;
        let names_restricted = |text: &str| selection.restrictions.project_in_text(text).is_some();
        let answers_for_others = answers.iter().map(|(of, answer)| (of.clone(), answer.for_others(names_restricted))).collect();
        let form_key = match inputs.form_key {
            Some(id) => {
                let key = evaluator.store.keys().get(id).await?;
                let key = key.with_context(|| format!("the key {id} of the feedback forms is gone; restore it from a backup"))?;
                FormKey::new(id, &key.secret)
            }
            None => FormKey::of_nobody(),
        };
        let previous_run = match &inputs.previous_run {
            Some(run) => evaluator.previous_run(run).await?,
            None => None,
        };
        let gone = match inputs.gone.as_ref().filter(|_| sheets(&config, &job).any(|sheet| sheet.kind.as_kind().lists_gone())) {
            Some(pin) => evaluator.gone_records(&config.policy, &selection.restrictions, pin).await?,
            None => Vec::new(),
        };
        let changes = Changes::default();
        let data = DataState {
            has_worsened: has_worsened(evaluator, inputs).await?,
            conditions: selection.conditions.clone(),
            old_ledgers: register.old_ledgers.clone(),
        };
        Ok(RunContext {
            made_on,
            first_made_on: inputs.first_made_on.unwrap_or(made_on),
            evaluator,
            config,
            job,
            as_of,
            at,
            selection,
            register,
            changes,
            answers,
            answers_for_others,
            form_key,
            previous_run,
            data,
            accepts_old_data: inputs.accepts_old_data,
            gone,
            _room: room,
            unsigned: inputs.unsigned,
        })
    }

    /// The kinds of configuration files and the first 12 hex digits of the sha256 over the paths and texts of each.
    pub(crate) fn inputs_named(&self) -> Vec<(String, String)> {
        let short_hash = |prefixes: &[&str]| {
            let mut hasher = Hashing::new(&SHA256);
            let is_of_kind = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix));
            for (path, text) in self.config.files.iter().filter(|(path, _)| is_of_kind(path)) {
                hasher.update(path.as_bytes());
                hasher.update(text.as_bytes());
            }
            hex::encode(hasher.finish())[..12].to_owned()
        };
        [
            ("督办规则", &["config/rules"][..]),
            ("台账字段", &["config/ledgers/", "config/secrecy"]),
            ("工作日历", &["config/calendar/"]),
            ("责任单位", &["config/levels", "config/units"]),
            ("产业", &["config/industries"]),
            ("报表模板", &["report-templates/"]),
        ]
        .map(|(name, prefixes)| (name.to_owned(), short_hash(prefixes)))
        .to_vec()
    }

    /// The last day to reply to a workbook that is made on a day.
    pub(crate) fn reply_by(&self, made_on: NaiveDate) -> NaiveDate {
        self.config.policy.calendar.of(None).after_workdays(made_on, self.config.settings.office.objection_workdays)
    }

    /// What a workbook is made from that bears another day.
    pub(crate) fn material_dated<'b>(
        &'b self,
        dated: NaiveDate,
        audience: Audience,
        findings: Option<&'b [usize]>,
        inputs: &'b [(String, String)],
    ) -> Material<'b> {
        Material { made_on: dated, reply_by: self.reply_by(dated), ..self.material(audience, findings, inputs) }
    }

    /// What a workbook is made from. `findings` = the indices of the findings it lists; `None` = all.
    pub(crate) fn material<'b>(
        &'b self,
        audience: Audience,
        findings: Option<&'b [usize]>,
        inputs: &'b [(String, String)],
    ) -> Material<'b> {
        Material {
            policy: &self.config.policy,
            as_of: self.as_of,
            office: &self.config.settings.office.name,
            contact: &self.config.settings.office.contact,
            made_on: self.made_on,
            data_line: "",
            reply_by: self.reply_by(self.made_on),
            judged: &self.register.judged,
            records: &self.register.records,
            rosters: &self.register.rosters,
            origins: &self.register.origins,
            indicators: &self.register.indicators,
            sources: &self.register.sources,
            intake: &self.register.intake,
            restrictions: &self.selection.restrictions,
            audience,
            only_findings: findings,
            only_counted: None,
            answers: if audience == Audience::Office { &self.answers } else { &self.answers_for_others },
            form_key: &self.form_key,
            silent: &[],
            previous_run: self.previous_run.as_ref(),
            gone: &self.gone,
            unsigned: self.unsigned,
            inputs,
        }
    }
}

/// Whether data cannot be relied on that could at the previous run of the job.
async fn has_worsened(evaluator: &Evaluator, inputs: &RunInputs) -> anyhow::Result<bool> {
    let previous = match &inputs.previous_run {
        Some(run) => evaluator.store.runs().get(run).await?,
        None => None,
    };
    let before = previous.map(|run| run.inputs.conditions).unwrap_or_default();
    let was_old = |now: &DataCondition| {
        let is_same = |known: &&DataCondition| (&known.ledger, &known.source) == (&now.ledger, &now.source);
        before.iter().find(is_same).is_some_and(|known| !known.is_current())
    };
    Ok(inputs.conditions.iter().any(|now| !now.is_current() && !was_old(now)))
}

/// The sheets of all workbooks of a job, those of its mails included.
fn sheets<'a>(config: &'a Config, job: &'a Job) -> impl Iterator<Item = &'a SheetTemplate> {
    let names = job.workbooks.iter().chain(job.packs.iter().chain(&job.mail_packs).map(|pack| &pack.template)).chain(&job.attachment);
    names.filter_map(|name| config.templates.get(name)).flat_map(|template| &template.sheets)
}

/// What the sheets of a job's workbooks select.
fn roster_selections(config: &Config, job: &Job) -> Vec<Selection> {
    sheets(config, job).filter_map(|sheet| sheet.kind.as_kind().selection().cloned()).collect()
}

/// Whether acts above 提醒 are in effect on a day: from the start day on, and always where the register is the sample.
pub(crate) fn is_past_start(inputs: &RunInputs, day: NaiveDate) -> bool {
    inputs.enforce_on.map_or(inputs.sample, |start| day >= start)
}
