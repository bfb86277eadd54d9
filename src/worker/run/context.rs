//! What the steps of a run share once its inputs are pinned.

use crate::config::job_file::Job;
use crate::config::load::Config;
use crate::domain::judging::roster::Selection;
use crate::domain::notify::feedback::Answers;
use crate::domain::register::calendar::Span;
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use crate::store::runs::{Run, RunInputs};
use crate::workbook::material::{Audience, GoneRecord, Material};
use crate::workbook::previous_run::PreviousRun;
use crate::workbook::template::{SheetKind, SheetTemplate};
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::evaluate::{Reading, View, read};
use crate::worker::run::facts::Changes;
use crate::worker::run::slot_text::pinned;
use anyhow::Context;
use chrono::{NaiveDate, NaiveDateTime};
use ring::digest::{Context as Hashing, SHA256};

/// What the steps after the pull share: the frozen configuration and the judged register.
pub(crate) struct Stage<'a> {
    pub(crate) evaluator: &'a Evaluator,
    pub(crate) config: Config,
    pub(crate) job: Job,
    pub(crate) as_of: NaiveDate,
    pub(crate) at: NaiveDateTime,
    pub(crate) view: View,
    pub(crate) reading: Reading,
    pub(crate) changes: Changes,
    pub(crate) answers: Answers,
    pub(crate) before: Option<PreviousRun>,
    pub(crate) gone: Vec<GoneRecord>,
}

impl<'a> Stage<'a> {
    /// The stage of a run that has pulled.
    pub(crate) async fn new(
        evaluator: &'a Evaluator,
        config: Config,
        job: Job,
        run: &Run,
        as_of: NaiveDate,
        inputs: &RunInputs,
    ) -> anyhow::Result<Stage<'a>> {
        let at = NaiveDateTime::parse_from_str(&run.slot, "%Y-%m-%dT%H:%M:%S").with_context(|| format!("run {} has no slot", run.id))?;
        Stage::open(evaluator, config, job, as_of, at, inputs).await
    }

    /// Reads and judges what the inputs pin.
    pub(crate) async fn open(
        evaluator: &'a Evaluator,
        mut config: Config,
        job: Job,
        as_of: NaiveDate,
        at: NaiveDateTime,
        inputs: &RunInputs,
    ) -> anyhow::Result<Stage<'a>> {
        let view = pinned(&evaluator.store, inputs, as_of).await?;
        config.policy = config.policy.on(as_of);
        let chosen = selections(&config, &job);
        let mut reading = read(&evaluator.store, &config.policy, &view, as_of, &evaluator.var, chosen).await?;
        let past_start = is_past_start(inputs, as_of);
        let closes = past_start && job.closes_quarter && Period::last_closed(PeriodKind::Quarter, as_of).last_day() == as_of;
        evaluator.record_red_quarters(&config.policy, &mut reading.judged.findings, &inputs.closed, closes).await?;
        let answers = evaluator.store.feedback().up_to(inputs.answers).await?;
        let before = match &inputs.previous_run {
            Some(run) => evaluator.found_before(run).await?,
            None => None,
        };
        let gone = match inputs.gone.as_ref().filter(|_| sheets(&config, &job).any(|sheet| matches!(sheet.kind, SheetKind::Gone))) {
            Some(pin) => evaluator.gone_lines(&config.policy, pin).await?,
            None => Vec::new(),
        };
        Ok(Stage { evaluator, config, job, as_of, at, view, reading, changes: Changes::default(), answers, before, gone })
    }

    pub(crate) fn inputs_named(&self) -> Vec<(String, String)> {
        let short = |prefix: &str| {
            let mut hasher = Hashing::new(&SHA256);
            for (path, text) in self.config.files.iter().filter(|(path, _)| path.starts_with(prefix)) {
                hasher.update(path.as_bytes());
                hasher.update(text.as_bytes());
            }
            hex::encode(hasher.finish())[..12].to_owned()
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

    pub(crate) fn material<'b>(&'b self, audience: Audience, rows: Option<&'b [usize]>, inputs: &'b [(String, String)]) -> Material<'b> {
        let objection = self.config.settings.office.objection_workdays;
        Material {
            policy: &self.config.policy,
            as_of: self.as_of,
            office: &self.config.settings.office.name,
            contact: &self.config.settings.office.contact,
            made_on: self.at.date(),
            reply_by: self.config.policy.calendar.of(None).due(self.at.date(), Span::Workdays(objection), false),
            judged: &self.reading.judged,
            records: &self.reading.records,
            rosters: &self.reading.rosters,
            origins: &self.reading.origins,
            indicators: &self.reading.indicators,
            sources: &self.reading.sources,
            intake: &self.reading.intake,
            audience,
            only_findings: rows,
            only_counted: None,
            answers: &self.answers,
            silent: &[],
            previous_run: self.before.as_ref(),
            gone: &self.gone,
            inputs,
        }
    }
}

/// The sheets of a job's workbooks.
fn sheets<'a>(config: &'a Config, job: &'a Job) -> impl Iterator<Item = &'a SheetTemplate> {
    let names = job.workbooks.iter().chain(job.packs.iter().map(|pack| &pack.template));
    names.filter_map(|name| config.templates.get(name)).flat_map(|template| &template.sheets)
}

/// What the sheets of records of a job's workbooks choose.
fn selections(config: &Config, job: &Job) -> Vec<Selection> {
    sheets(config, job)
        .filter_map(|sheet| match &sheet.kind {
            SheetKind::Records(list) => Some(list.selection.clone()),
            _ => None,
        })
        .collect()
}

/// Acts above 提醒 run from the start day on; the sample alone counts as past it.
pub(crate) fn is_past_start(inputs: &RunInputs, day: NaiveDate) -> bool {
    inputs.enforce_on.map_or(inputs.sample, |start| day >= start)
}
