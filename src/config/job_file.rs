//! `jobs/NAME.toml` → [`Job`].

use crate::config::load::{FileSet, Problems, coded, files_in, named, parse_toml, suggest};
use crate::config::settings::Settings;
use crate::domain::register::units::{Level, UnitId, Units};
use crate::domain::rules::rule::{Act, Every};
use crate::domain::schedule::{CronTime, Schedule};
use crate::workbook::template::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::domain::notify::plan::Rhythm;
use crate::domain::schedule::{Missed, OnHoliday, RunAsOf};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobStep {
    Pull,
    Detect,
    Report,
    Remind,
}

impl JobStep {
    pub const ALL: [JobStep; 4] = [JobStep::Pull, JobStep::Detect, JobStep::Report, JobStep::Remind];

    pub fn name(self) -> &'static str {
        match self {
            JobStep::Pull => "pull",
            JobStep::Detect => "detect",
            JobStep::Report => "report",
            JobStep::Remind => "remind",
        }
    }
}

/// One job: when, on what, and what it makes.
#[derive(Clone, Debug)]
pub struct Job {
    /// File stem.
    pub name: String,
    pub title: String,
    /// The cron time as written.
    pub slot: String,
    pub schedule: Schedule,
    pub steps: Vec<JobStep>,
    /// Names of sources; empty = all.
    pub sources: Vec<String>,
    /// Workbook templates (file stems).
    pub workbooks: Vec<String>,
    /// Workbooks made for each of many units.
    pub packs: Vec<Pack>,
    pub rhythm: Rhythm,
    /// Levels of units that get a digest.
    pub levels: Vec<Level>,
    /// Mail body template stem: `STEM.html.j2` and `STEM.txt.j2`.
    pub digest: String,
    /// Workbook template of a digest's attachment.
    pub attachment: Option<String>,
    /// Acts above 催办 that are drafted for a person to release.
    pub drafts: Vec<Act>,
    /// Mail body template stem of a draft.
    pub draft: String,
    /// A run of it for a quarter's last day closes the quarter: what it finds red counts as red at the quarter's end.
    pub closes_quarter: bool,
}

/// A workbook for each unit of some levels, or for the units named.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// Workbook template (file stem).
    pub template: String,
    pub levels: Vec<Level>,
    pub units: Vec<UnitId>,
}

impl Pack {
    /// The units it is made for, in administrative order.
    pub fn units<'a>(&'a self, units: &'a Units) -> impl Iterator<Item = UnitId> + 'a {
        (0..units.units.len())
            .filter(|unit| units.is_there(*unit) && (self.levels.contains(&units.units[*unit].level) || self.units.contains(unit)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackFile {
    template: String,
    #[serde(default)]
    levels: Vec<String>,
    #[serde(default)]
    units: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobFile {
    title: String,
    slot: String,
    zone: String,
    as_of: String,
    period: Option<String>,
    holiday: String,
    missed: String,
    too_late_days: u32,
    steps: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    workbooks: Vec<String>,
    #[serde(default)]
    packs: Vec<PackFile>,
    /// `quarter`.
    closes: Option<String>,
    remind: Option<RemindFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemindFile {
    rhythm: String,
    levels: Vec<String>,
    template: String,
    attachment: Option<String>,
    #[serde(default)]
    drafts: Vec<String>,
    draft_template: Option<String>,
}

pub fn parse(
    files: &FileSet,
    templates: &BTreeMap<String, Template>,
    units: &Units,
    settings: Option<&Settings>,
    problems: &mut Problems,
) -> Vec<Job> {
    let jobs: Vec<Job> =
        files_in(files, "jobs", ".toml").filter_map(|(stem, path)| job(files, stem, path, templates, units, settings, problems)).collect();
    let closing: Vec<&str> = jobs.iter().filter(|job| job.closes_quarter).map(|job| job.name.as_str()).collect();
    if let [first, second, ..] = closing[..] {
        problems.push(&format!("jobs/{second}.toml"), format!("closes: jobs/{first}.toml already closes the quarter"), None);
    }
    jobs
}

fn job(
    files: &FileSet,
    stem: &str,
    path: &str,
    templates: &BTreeMap<String, Template>,
    units: &Units,
    settings: Option<&Settings>,
    problems: &mut Problems,
) -> Option<Job> {
    let file: JobFile = parse_toml(files, path, problems)?;
    let before = problems.0.len();
    let cron = match CronTime::parse(&file.slot) {
        Ok(cron) => Some(cron),
        Err(message) => {
            problems.push(
                path,
                format!("slot \"{}\": {message}", file.slot),
                Some("six fields: second minute hour day month weekday, such as \"0 0 8 * * MON\"".into()),
            );
            None
        }
    };
    let zone = match crate::clock::Zone::parse(&file.zone) {
        Ok(zone) => Some(zone),
        Err(message) => {
            problems.push(path, format!("zone \"{}\" {message}", file.zone), Some("did you mean \"Asia/Shanghai\"?".into()));
            None
        }
    };
    let missed = named(
        &[("latest", Missed::Latest), ("all", Missed::All), ("skip", Missed::Skip)],
        &file.missed,
        path,
        "missed",
        "policy",
        problems,
    );
    let holiday = named(
        &[
            ("next-workday", OnHoliday::NextWorkday),
            ("previous-workday", OnHoliday::PreviousWorkday),
            ("run", OnHoliday::Run),
            ("skip", OnHoliday::Skip),
        ],
        &file.holiday,
        path,
        "holiday",
        "policy",
        problems,
    );
    let period = match &file.period {
        None => None,
        Some(word) => {
            named(&[("month", Every::Month), ("quarter", Every::Quarter), ("year", Every::Year)], word, path, "period", "period", problems)
        }
    };
    let as_of = match (file.as_of.as_str(), period) {
        ("slot-day", _) => Some(RunAsOf::SlotDay),
        ("last-period-end", Some(every)) => Some(RunAsOf::LastPeriodEnd(every)),
        ("last-period-end", None) => {
            problems.push(path, "as_of \"last-period-end\" needs `period`", Some("month, quarter or year".into()));
            None
        }
        (other, _) => {
            problems.push(path, format!("as_of \"{other}\" is unknown"), suggest(other, ["slot-day", "last-period-end"].into_iter()));
            None
        }
    };
    let closes_quarter = match file.closes.as_deref() {
        None => false,
        Some("quarter") => {
            if period != Some(Every::Quarter) || !file.steps.iter().any(|step| step == JobStep::Detect.name()) {
                problems.push(
                    path,
                    "closes \"quarter\" needs a job that judges quarter ends",
                    Some("as_of = \"last-period-end\", period = \"quarter\", step detect".into()),
                );
            }
            true
        }
        Some(other) => {
            problems.push(path, format!("closes \"{other}\" is unknown"), suggest(other, ["quarter"].into_iter()));
            false
        }
    };
    let mut steps: Vec<JobStep> =
        file.steps.iter().filter_map(|word| coded(&JobStep::ALL, JobStep::name, word, path, "steps", "step", problems)).collect();
    steps.sort_unstable();
    steps.dedup();
    if steps.iter().any(|step| *step > JobStep::Detect) && !steps.contains(&JobStep::Detect) {
        problems.push(path, "steps: report and remind need detect", None);
    }
    if let Some(settings) = settings {
        for name in &file.sources {
            if settings.source(name).is_none() && name != crate::config::settings::IMPORT {
                problems.push(
                    path,
                    format!("source \"{name}\" is not in config/duban.toml"),
                    suggest(name, settings.sources.iter().map(|source| source.name.as_str())),
                );
            }
        }
    }
    let packed = file.packs.iter().map(|pack| &pack.template);
    for name in file.workbooks.iter().chain(packed).chain(file.remind.iter().filter_map(|remind| remind.attachment.as_ref())) {
        // a template that does not parse is reported by its own file
        if !templates.contains_key(name) && !files.contains_key(&format!("report-templates/{name}.toml")) {
            problems.push(
                path,
                format!("workbook template \"{name}\" does not exist"),
                suggest(name, templates.keys().map(String::as_str)),
            );
        }
    }
    let packs = packs(path, &file.packs, templates, units, problems);
    if !packs.is_empty() && !steps.contains(&JobStep::Report) {
        problems.push(path, "[[packs]] need step report", None);
    }
    if steps.contains(&JobStep::Remind) != file.remind.is_some() {
        problems.push(path, "step remind and table [remind] go together", None);
    }
    let (mut rhythm, mut levels, mut digest, mut attachment) = (Rhythm::Always, Vec::new(), String::new(), None);
    let (mut drafts, mut draft) = (Vec::new(), String::new());
    if let Some(remind) = file.remind {
        rhythm = named(&[("always", Rhythm::Always), ("changes", Rhythm::Changes)], &remind.rhythm, path, "remind", "rhythm", problems)
            .unwrap_or(Rhythm::Always);
        levels = remind.levels.iter().filter_map(|word| coded(&Level::ALL, Level::code, word, path, "remind", "level", problems)).collect();
        drafts = remind.drafts.iter().filter_map(|word| coded(&Act::ALL, Act::code, word, path, "remind", "act", problems)).collect();
        for act in drafts.iter().filter(|act| **act <= Act::Urge) {
            let message = format!("remind: drafts \"{}\" needs no release", act.code());
            problems.push(path, message, Some("supervise, circulate and interview are drafted; the digest reminds and urges".into()));
        }
        if drafts.is_empty() == remind.draft_template.is_some() {
            problems.push(path, "remind: `drafts` and `draft_template` go together", None);
        }
        draft = remind.draft_template.unwrap_or_default();
        for template in std::iter::once(&remind.template).chain(Some(&draft).filter(|draft| !draft.is_empty())) {
            for ending in ["html.j2", "txt.j2"] {
                if !files.contains_key(&format!("report-templates/{template}.{ending}")) {
                    problems.push(path, format!("remind: report-templates/{template}.{ending} does not exist"), None);
                }
            }
        }
        digest = remind.template;
        attachment = remind.attachment;
    }
    if problems.0.len() > before {
        return None;
    }
    let schedule = Schedule {
        cron: cron?,
        utc_offset_seconds: zone?.offset_seconds,
        as_of: as_of?,
        missed: missed?,
        holiday: holiday?,
        too_late_days: file.too_late_days,
    };
    Some(Job {
        name: stem.to_owned(),
        title: file.title,
        slot: file.slot,
        schedule,
        steps,
        sources: file.sources,
        workbooks: file.workbooks,
        packs,
        rhythm,
        levels,
        digest,
        attachment,
        drafts,
        draft,
        closes_quarter,
    })
}

fn packs(path: &str, files: &[PackFile], templates: &BTreeMap<String, Template>, units: &Units, problems: &mut Problems) -> Vec<Pack> {
    let mut out: Vec<Pack> = Vec::new();
    for file in files {
        let place = format!("packs \"{}\"", file.template);
        let levels = file.levels.iter().filter_map(|word| coded(&Level::ALL, Level::code, word, path, &place, "level", problems)).collect();
        let mut named_units = Vec::new();
        for name in &file.units {
            match units.find(name) {
                Some(unit) => named_units.push(unit),
                None => {
                    let hint = suggest(name, units.units.iter().map(|unit| unit.name.as_str()));
                    problems.push(path, format!("{place}: unit \"{name}\" is unknown"), hint);
                }
            }
        }
        if file.levels.is_empty() && file.units.is_empty() {
            problems.push(path, format!("{place} is for nobody"), Some("name `levels` or `units`".into()));
        }
        let pack = Pack { template: file.template.clone(), levels, units: named_units };
        if let Some(template) = templates.get(&pack.template) {
            let name = |template: &Template| template.file.replace("{title}", &template.title);
            if !name(template).contains("{unit}") {
                let hint = "put {unit} into the template's `file` or `title`".into();
                problems.push(path, format!("{place}: all units would share one file name"), Some(hint));
            }
            let shared = |other: &&Pack| {
                let same = templates.get(&other.template).is_some_and(|other| name(other) == name(template));
                same && other.units(units).any(|unit| pack.units(units).any(|own| own == unit))
            };
            if let Some(other) = out.iter().find(shared) {
                problems.push(path, format!("{place} writes the files of packs \"{}\"", other.template), None);
            }
        }
        out.push(pack);
    }
    out
}
