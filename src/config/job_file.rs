//! `jobs/NAME.toml` → [`Job`].

use crate::clock::Zone;
use crate::config::file_set::{FileSet, files_in, parse_toml_text, text_of};
use crate::config::level_file::fill_in_words;
use crate::config::settings::{IMPORT, Settings};
use crate::domain::bounds::between;
use crate::domain::notify::inputs::{Rhythm, ThroughPlaces};
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::calendar::Calendar;
use crate::domain::register::levels::Level;
use crate::domain::register::period::PeriodKind;
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Act;
use crate::domain::schedule::{CronTime, GAP_MINUTES, Missed, OnHoliday, RunAsOf, Schedule};
use crate::workbook::template::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a job does, in the order of the steps.
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

/// One job: its schedule, the sources it judges, and what it makes.
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
    /// Workbooks made for each of several units.
    pub packs: Vec<Pack>,
    pub rhythm: Rhythm,
    /// Levels of units that get a digest.
    pub levels: Vec<Level>,
    /// Mail body template stem: `STEM.html.j2` and `STEM.txt.j2`.
    pub digest: String,
    /// Workbook template of a digest's attachment.
    pub attachment: Option<String>,
    /// Packs that go with the mails of their units.
    pub mail_packs: Vec<Pack>,
    /// Which departments are notified in the mail of their place.
    pub through_place: ThroughPlaces,
    /// The job that mails a unit in its place, where it does so for the same day.
    pub yield_to: Option<String>,
    /// Acts above 催办 that are drafted for a person to release.
    pub drafts: Vec<Act>,
    /// Mail body template stem of a draft.
    pub draft: String,
    /// Its run for a quarter's last day closes the quarter: a finding that is red then counts as red at the quarter's end.
    pub closes_quarter: bool,
}

impl Job {
    /// Within which its runs are compared with earlier ones: papers of one kind of period with those of the period before, whichever job made
    /// them; other jobs with themselves.
    pub fn series(&self) -> &str {
        match self.schedule.as_of {
            RunAsOf::LastPeriodEnd(PeriodKind::Week) => "/week",
            RunAsOf::LastPeriodEnd(PeriodKind::Month) => "/month",
            RunAsOf::LastPeriodEnd(PeriodKind::Quarter) => "/quarter",
            RunAsOf::LastPeriodEnd(PeriodKind::Year) => "/year",
            RunAsOf::SlotDay => &self.name,
        }
    }

    /// Whether it makes workbooks or mails. One that does not is no statement about anybody.
    pub fn makes_papers(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, JobStep::Report | JobStep::Remind))
    }
}

/// A workbook for each unit of these levels and for each of these units.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// Workbook template (file stem).
    pub template: String,
    pub levels: Vec<Level>,
    pub units: Vec<UnitId>,
}

impl Pack {
    /// The units it is made for, in the order of `config/units.toml`.
    pub fn units<'a>(&'a self, units: &'a Units) -> impl Iterator<Item = UnitId> + 'a {
        (0..units.units.len())
            .filter(|unit| units.is_active(*unit) && (self.levels.contains(&units.units[*unit].level) || self.units.contains(unit)))
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
    #[serde(deserialize_with = "between::<0, 3650, _, _>")]
    too_late_days: u32,
    steps: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    workbooks: Vec<String>,
    #[serde(default)]
    packs: Vec<PackFile>,
    /// `quarter`, or nothing.
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
    packs: Vec<PackFile>,
    through_place: Option<ThroughPlaceFile>,
    yield_to: Option<String>,
    #[serde(default)]
    drafts: Vec<String>,
    draft_template: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThroughPlaceFile {
    #[serde(deserialize_with = "between::<1, 100, _, _>")]
    most: usize,
    levels: Vec<String>,
}

/// The most bytes of a job's name, so that names of files can be made of it.
const NAME_BYTES_MAX: usize = 120;

const PERIODS: [(&str, PeriodKind); 4] =
    [("week", PeriodKind::Week), ("month", PeriodKind::Month), ("quarter", PeriodKind::Quarter), ("year", PeriodKind::Year)];

/// The jobs without problems.
pub(crate) fn parse(
    files: &FileSet,
    templates: &BTreeMap<String, Template>,
    policy: &Policy,
    settings: Option<&Settings>,
    problems: &mut Problems,
) -> Vec<Job> {
    let (units, calendar) = (&policy.units, &policy.calendar);
    let references = References { files, templates, units, calendar, settings };
    let mut jobs: Vec<Job> = Vec::new();
    for (stem, path) in files_in(files, "jobs", ".toml") {
        let Some(text) = text_of(files, path, problems) else { continue };
        let mut at = problems.at(path, "");
        let file = fill_in_words(text, &units.levels, &mut at).and_then(|text| parse_toml_text(&text, &mut at));
        jobs.extend(file.and_then(|file| job(stem, file, &references, &mut at)));
    }
    let names: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
    for job in &jobs {
        let Some(other) = job.yield_to.as_ref().filter(|other| !names.contains(other) || **other == job.name) else { continue };
        let hint = suggest(other, names.iter().map(String::as_str).filter(|name| *name != job.name));
        problems.push(&format!("jobs/{}.toml", job.name), format!("remind: yield_to: job \"{other}\" is unknown"), hint);
    }
    let closing: Vec<&str> = jobs.iter().filter(|job| job.closes_quarter).map(|job| job.name.as_str()).collect();
    if let [first, second, ..] = closing[..] {
        problems.push(&format!("jobs/{second}.toml"), format!("closes: jobs/{first}.toml already closes the quarter"), None);
    }
    jobs
}

/// What a job may refer to by name.
struct References<'a> {
    files: &'a FileSet,
    templates: &'a BTreeMap<String, Template>,
    units: &'a Units,
    calendar: &'a Calendar,
    /// `None` where `config/duban.toml` cannot be read.
    settings: Option<&'a Settings>,
}

/// The keys of `[remind]`, checked.
#[derive(Default)]
struct Reminders {
    rhythm: Option<Rhythm>,
    levels: Vec<Level>,
    digest: String,
    attachment: Option<String>,
    packs: Vec<Pack>,
    through_place: ThroughPlaces,
    yield_to: Option<String>,
    drafts: Vec<Act>,
    draft: String,
}

fn job(stem: &str, file: JobFile, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Job> {
    let before = at.count();
    if stem.len() > NAME_BYTES_MAX || stem.starts_with('-') || stem.contains(char::is_control) {
        let hint = "the folder of its workbooks and the names of its runs are made of it; the title may be longer";
        at.report(format!("the name of the file has more than {NAME_BYTES_MAX} bytes, or what no command line takes"), Some(hint.into()));
    }
    let schedule = schedule(&file, at);
    if let Some(schedule) = &schedule {
        check_periods(schedule, references.calendar, at);
    }
    let closes_quarter = closes_quarter(&file, at);
    let mut steps = at.at("steps").all_coded(&JobStep::ALL, JobStep::name, &file.steps, "step");
    steps.sort_unstable();
    steps.dedup();
    if steps.iter().any(|step| *step > JobStep::Detect) && !steps.contains(&JobStep::Detect) {
        at.report("steps: report and remind need detect", None);
    }
    check_sources(&file.sources, references, at);
    check_workbooks(&file, references, at);
    let packs = packs(&file.packs, references, at);
    if !packs.is_empty() && !steps.contains(&JobStep::Report) {
        at.report("[[packs]] need step report", None);
    }
    if steps.contains(&JobStep::Remind) != file.remind.is_some() {
        at.report("step remind and table [remind] go together", None);
    }
    let reminders = file.remind.map(|remind| reminders(remind, references, &mut at.at("remind"))).unwrap_or_default();
    if at.count() > before {
        return None;
    }
    Some(Job {
        name: stem.to_owned(),
        title: file.title,
        slot: file.slot,
        schedule: schedule?,
        steps,
        sources: file.sources,
        workbooks: file.workbooks,
        packs,
        rhythm: reminders.rhythm.unwrap_or(Rhythm::Always),
        levels: reminders.levels,
        digest: reminders.digest,
        attachment: reminders.attachment,
        mail_packs: reminders.packs,
        through_place: reminders.through_place,
        yield_to: reminders.yield_to,
        drafts: reminders.drafts,
        draft: reminders.draft,
        closes_quarter,
    })
}

/// When the job runs, and for which day.
fn schedule(file: &JobFile, at: &mut ProblemsAt<'_>) -> Option<Schedule> {
    const MISSED: [(&str, Missed); 3] = [("latest", Missed::Latest), ("all", Missed::All), ("skip", Missed::Skip)];
    const HOLIDAY: [(&str, OnHoliday); 4] = [
        ("next-workday", OnHoliday::NextWorkday),
        ("previous-workday", OnHoliday::PreviousWorkday),
        ("run", OnHoliday::Run),
        ("skip", OnHoliday::Skip),
    ];
    let cron = CronTime::parse(&file.slot);
    if let Err(message) = &cron {
        let hint = "six fields: second minute hour day month weekday, such as \"0 0 8 * * MON\"";
        at.report(format!("slot \"{}\": {message}", file.slot), Some(hint.into()));
    }
    if cron.as_ref().is_ok_and(CronTime::is_dense) {
        let hint = "a star in the first or second field means each second or minute; \"0 0 8 8 * *\" is at 8 on the 8th";
        at.report(format!("slot \"{}\" comes more often than every {GAP_MINUTES} minutes", file.slot), Some(hint.into()));
    }
    let zone = Zone::parse(&file.zone);
    if let Err(message) = &zone {
        at.report(format!("zone \"{}\" {message}", file.zone), Some("did you mean \"Asia/Shanghai\"?".into()));
    }
    let missed = at.at("missed").named(&MISSED, &file.missed, "policy");
    let holiday = at.at("holiday").named(&HOLIDAY, &file.holiday, "policy");
    let period = file.period.as_ref().and_then(|word| at.at("period").named(&PERIODS, word, "period"));
    let as_of = match (file.as_of.as_str(), period) {
        ("slot-day", _) => Some(RunAsOf::SlotDay),
        ("last-period-end", Some(every)) => Some(RunAsOf::LastPeriodEnd(every)),
        ("last-period-end", None) => {
            at.report("as_of \"last-period-end\" needs `period`", Some("week, month, quarter or year".into()));
            None
        }
        (other, _) => {
            at.report(format!("as_of \"{other}\" is unknown"), suggest(other, ["slot-day", "last-period-end"].into_iter()));
            None
        }
    };
    Some(Schedule {
        cron: cron.ok()?,
        utc_offset_seconds: zone.ok()?.offset_seconds,
        as_of: as_of?,
        period,
        missed: missed?,
        holiday: holiday?,
        too_late_days: file.too_late_days,
    })
}

/// Reports a holiday policy that leaves a period without a run, in the years whose working days are known.
fn check_periods(schedule: &Schedule, calendar: &Calendar, at: &mut ProblemsAt<'_>) {
    let (Some(first), Some(last)) = (calendar.years().min(), calendar.years().max()) else { return };
    if let Some((period, slot)) = schedule.dropped_period((first, last), calendar.of(None)) {
        let hint = "\"next-workday\" runs it on the next working day";
        at.report(format!("holiday \"skip\" leaves {} without a run: {slot} is no working day", period.code()), Some(hint.into()));
    }
}

/// Whether the job closes quarters. Only one that judges quarter ends can.
fn closes_quarter(file: &JobFile, at: &mut ProblemsAt<'_>) -> bool {
    match file.closes.as_deref() {
        None => false,
        Some("quarter") => {
            if file.period.as_deref() != Some("quarter") || !file.steps.iter().any(|step| step == JobStep::Detect.name()) {
                at.report(
                    "closes \"quarter\" needs a job that judges quarter ends",
                    Some("as_of = \"last-period-end\", period = \"quarter\", step detect".into()),
                );
            }
            true
        }
        Some(other) => {
            at.report(format!("closes \"{other}\" is unknown"), suggest(other, ["quarter"].into_iter()));
            false
        }
    }
}

fn check_sources(sources: &[String], references: &References<'_>, at: &mut ProblemsAt<'_>) {
    let Some(settings) = references.settings else { return };
    for name in sources.iter().filter(|name| settings.source(name).is_none() && *name != IMPORT) {
        let hint = suggest(name, settings.sources.iter().map(|source| source.name.as_str()));
        at.report(format!("source \"{name}\" is not in config/duban.toml"), hint);
    }
}

/// Reports workbook templates that do not exist. One that does not parse is reported for its own file.
fn check_workbooks(file: &JobFile, references: &References<'_>, at: &mut ProblemsAt<'_>) {
    let mailed = file.remind.iter().flat_map(|remind| &remind.packs);
    let packed = file.packs.iter().chain(mailed).map(|pack| &pack.template);
    let attached = file.remind.iter().filter_map(|remind| remind.attachment.as_ref());
    for name in file.workbooks.iter().chain(packed).chain(attached) {
        if !references.templates.contains_key(name) && !references.files.contains_key(&format!("report-templates/{name}.toml")) {
            let hint = suggest(name, references.templates.keys().map(String::as_str));
            at.report(format!("workbook template \"{name}\" does not exist"), hint);
        }
    }
}

fn reminders(raw: RemindFile, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Reminders {
    const RHYTHMS: [(&str, Rhythm); 2] = [("always", Rhythm::Always), ("changes", Rhythm::Changes)];
    let rhythm = at.named(&RHYTHMS, &raw.rhythm, "rhythm");
    let levels = references.units.levels.all_named(&raw.levels, at);
    let drafts = at.all_coded(&Act::ALL, Act::code, &raw.drafts, "act");
    for act in drafts.iter().filter(|act| **act <= Act::Urge) {
        let hint = "supervise, circulate and interview are drafted; the digest reminds and urges";
        at.report(format!("drafts \"{}\" needs no release", act.code()), Some(hint.into()));
    }
    if drafts.is_empty() == raw.draft_template.is_some() {
        at.report("`drafts` and `draft_template` go together", None);
    }
    let draft = raw.draft_template.unwrap_or_default();
    for template in std::iter::once(&raw.template).chain(Some(&draft).filter(|draft| !draft.is_empty())) {
        for ending in ["html.j2", "txt.j2"] {
            if !references.files.contains_key(&format!("report-templates/{template}.{ending}")) {
                at.report(format!("report-templates/{template}.{ending} does not exist"), None);
            }
        }
    }
    let packs = packs(&raw.packs, references, at);
    let through_place = raw
        .through_place
        .map(|through| ThroughPlaces { most: through.most, levels: references.units.levels.all_named(&through.levels, at) });
    let through_place = through_place.unwrap_or_default();
    Reminders {
        rhythm,
        levels,
        digest: raw.template,
        attachment: raw.attachment,
        packs,
        through_place,
        yield_to: raw.yield_to,
        drafts,
        draft,
    }
}

fn packs(raw: &[PackFile], references: &References<'_>, at: &mut ProblemsAt<'_>) -> Vec<Pack> {
    let mut packs: Vec<Pack> = Vec::new();
    for raw in raw {
        let mut at = at.at(format!("packs \"{}\"", raw.template));
        let pack = pack(raw, references.units, &mut at);
        check_file_names(&pack, &packs, references, &mut at);
        packs.push(pack);
    }
    packs
}

fn pack(raw: &PackFile, units: &Units, at: &mut ProblemsAt<'_>) -> Pack {
    let levels = units.levels.all_named(&raw.levels, at);
    let mut named = Vec::new();
    for name in &raw.units {
        match units.find_configured(name) {
            Some(unit) => named.push(unit),
            None => at.report(format!("unit \"{name}\" is unknown"), suggest(name, units.units.iter().map(|unit| unit.name.as_str()))),
        }
    }
    if raw.levels.is_empty() && raw.units.is_empty() {
        at.report_place("is for nobody", Some("name `levels` or `units`".into()));
    }
    Pack { template: raw.template.clone(), levels, units: named }
}

/// Reports where two workbooks would be written to one file: of two units, or of an earlier pack with a unit in common.
fn check_file_names(pack: &Pack, earlier: &[Pack], references: &References<'_>, at: &mut ProblemsAt<'_>) {
    let Some(template) = references.templates.get(&pack.template) else { return };
    let pattern = |template: &Template| template.file.replace("{title}", &template.title);
    if !pattern(template).contains("{unit}") {
        let hint = "put {unit} into the template's `file` or `title`".into();
        at.report("all units would share one file name", Some(hint));
    }
    let units = references.units;
    let shares_files = |other: &&Pack| {
        let same_pattern = references.templates.get(&other.template).is_some_and(|other| pattern(other) == pattern(template));
        same_pattern && other.units(units).any(|unit| pack.units(units).any(|own| own == unit))
    };
    if let Some(other) = earlier.iter().find(shares_files) {
        at.report_place(format!("writes the files of packs \"{}\"", other.template), None);
    }
}
