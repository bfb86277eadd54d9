//! The rehearsal of `duban check` beyond the words of mails: a message to every mailbox and a workbook of every template of the jobs are made from
//! the sample register with the real units and names, and read back. Nothing of it stays.

use crate::clock::SHANGHAI_SECONDS;
use crate::config::load::Config;
use crate::domain::audience::Audience;
use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::roster::{Reach, Rosters};
use crate::domain::notify::feedback::Answers;
use crate::domain::notify::form_seal::FormKey;
use crate::domain::notify::inputs::Unsigned;
use crate::domain::problem::{Problem, Problems};
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::restriction::Restrictions;
use crate::domain::rules::context::Context as Judging;
use crate::domain::rules::owner::owner_of;
use crate::mail::message;
use crate::mail::message::{Attachment, Correspondent, Message};
use crate::report::xlsx;
use crate::source::parse::read_back;
use crate::workbook::build::{build, file_name, lists_anything};
use crate::workbook::material::Material;
use crate::workbook::template::Template;
use crate::worker::import::input::read_limits;
use crate::worker::run::message_id::MessageOf;
use anyhow::Context;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

/// A register of samples, judged.
pub(crate) struct SampleRegister<'a> {
    pub(crate) context: &'a Judging<'a>,
    pub(crate) records: &'a HashMap<(usize, String), Record>,
    pub(crate) judged: &'a Judged,
    pub(crate) answers: &'a Answers,
}

/// Makes a message to every unit with a mailbox, and one of every job, and reads them back.
///
/// # Errors
/// A name, an address or an id that no message takes, by the file that has it.
pub(crate) fn rehearse_messages(config: &Config, as_of: NaiveDate) -> anyhow::Result<()> {
    let (settings, units) = (&config.settings, &config.policy.units.units);
    let at = as_of.and_time(NaiveTime::MIN);
    let zone = FixedOffset::east_opt(SHANGHAI_SECONDS).context("no zone")?;
    let date: DateTime<FixedOffset> = at.and_local_timezone(zone).single().context("no such time")?;
    let domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
    let mut problems = Problems::default();
    let mut make = |job: &str, unit: UnitId, file: &str| {
        let unit = &units[unit];
        let Some(mailbox) = &unit.mailbox else { return };
        let id = MessageOf { job, as_of, at, unit: &unit.code, act: None, revision: 1 }.id();
        let name = format!("{}督办事项清单.xlsx", unit.title);
        let made = message::build(&Message {
            from: Correspondent { name: &settings.office.name, address: &settings.mail.from },
            to: Correspondent { name: &unit.title, address: mailbox },
            meant_for: None,
            reply_to: Correspondent { name: &settings.office.name, address: &settings.mail.reply_to },
            subject: &format!("【督办提醒】{}", unit.name),
            date,
            id: &id,
            domain,
            html: "<p>某事项</p>",
            text: "某事项",
            attachments: &[Attachment { name: &name, bytes: b"PK" }],
        });
        let fault = match made.map(|bytes| message::contents(&bytes)) {
            Ok(Some(contents)) if contents.text.trim() == "某事项" && matches!(contents.attachments[..], [(_, 2)]) => return,
            Ok(_) => "its mail cannot be read back".to_owned(),
            Err(error) => error.to_string(),
        };
        problems.push(file, format!("unit {} ({job}): {fault}", unit.name), None);
    };
    let mut mailed = config.jobs.iter().filter(|job| !job.digest.is_empty());
    if let Some(first) = mailed.next() {
        (0..units.len()).for_each(|unit| make(&first.name, unit, "config/units.toml"));
    }
    let one = units.iter().position(|unit| unit.mailbox.is_some());
    for (job, unit) in mailed.filter_map(|job| Some((job, one?))) {
        make(&job.name, unit, &format!("jobs/{}.toml", job.name));
    }
    if problems.0.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// Makes a workbook of every template that a job uses, and reads it back.
///
/// # Errors
/// A workbook that cannot be made or read, by the file of its template.
pub(crate) fn rehearse_workbooks(config: &Config, register: &SampleRegister<'_>) -> anyhow::Result<()> {
    let SampleRegister { context, records, judged, answers } = register;
    let (policy, as_of) = (context.policy, context.as_of);
    let mut used: BTreeMap<&str, Option<Vec<UnitId>>> = BTreeMap::new();
    for job in &config.jobs {
        used.extend(job.workbooks.iter().map(|name| (name.as_str(), None)));
        used.extend(job.packs.iter().map(|pack| (pack.template.as_str(), Some(pack.units(&policy.units).collect()))));
        used.extend(job.attachment.iter().map(|name| (name.as_str(), Some((0..policy.units.units.len()).collect()))));
    }
    let templates: Vec<(&Template, &Option<Vec<UnitId>>)> =
        used.iter().filter_map(|(name, units)| Some((config.templates.get(*name)?, units))).collect();
    let selections =
        templates.iter().flat_map(|(template, _)| &template.sheets).filter_map(|sheet| sheet.kind.as_kind().selection().cloned());
    let (mut rosters, mut indicators) = (Rosters::new(selections), Indicators::new(policy, as_of));
    let mut sorted: Vec<(&(usize, String), &Record)> = records.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    for (_, project) in sorted.iter().filter(|((ledger, _), _)| Some(*ledger) == policy.project_ledger()) {
        rosters.note_project(policy, project, as_of);
    }
    for ((ledger, _), record) in sorted {
        rosters.add(context, *ledger, record);
        indicators.add(policy, *ledger, record, owner_of(policy, &policy.ledgers[*ledger], record, context.projects).unit);
    }
    rosters.finish(policy, judged);
    let reach = Reach::new(&policy.units, judged);
    let mut problems = Problems::default();
    for (template, units) in templates {
        let material = |audience, only_findings| Material {
            policy,
            as_of,
            office: &config.settings.office.name,
            contact: &config.settings.office.contact,
            made_on: as_of,
            data_line: "",
            reply_by: as_of,
            judged,
            records: *records,
            rosters: &rosters,
            origins: &[],
            indicators: &indicators,
            sources: &[],
            intake: &[],
            restrictions: NO_RESTRICTIONS.get_or_init(Restrictions::default),
            audience,
            only_findings,
            only_counted: None,
            answers,
            form_key: FORM_KEY.get_or_init(FormKey::of_nobody),
            silent: &[],
            unsigned: Unsigned::default(),
            previous_run: None,
            gone: &[],
            inputs: &[],
        };
        let of_unit = |unit: &UnitId| material(Audience::Unit(*unit), Some(reach.of(*unit)));
        let made = match units {
            None => Some(material(template.audience(), None)),
            // the first one that lists something
            Some(units) => units.iter().map(of_unit).find(|material| lists_anything(template, material)),
        };
        if let Some(fault) = made.and_then(|material| fault_of(config, template, &material)) {
            problems.0.push(Problem { file: format!("report-templates/{}.toml", template.name), message: fault, hint: None });
        }
    }
    if problems.0.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// They are the same for every rehearsal.
static NO_RESTRICTIONS: std::sync::OnceLock<Restrictions> = std::sync::OnceLock::new();
static FORM_KEY: std::sync::OnceLock<FormKey> = std::sync::OnceLock::new();

/// What is wrong with a workbook; `None` = it is made and read back.
fn fault_of(config: &Config, template: &Template, material: &Material<'_>) -> Option<String> {
    let book = match build(template, material) {
        Ok(book) => book,
        Err(error) => return Some(error.to_string()),
    };
    let read = || -> anyhow::Result<()> {
        let mut file = tempfile::tempfile().context("no temporary file")?;
        file.write_all(&xlsx::render(&book)?)?;
        read_back(file, read_limits(&config.settings.limits))?;
        Ok(())
    };
    read().err().map(|error| format!("“{}”{error:#}", file_name(template, material)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::read_files;
    use std::path::Path;

    #[test]
    fn a_mailbox_that_no_message_takes_is_named() {
        let mut config = Config::parse(read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap();
        let day: NaiveDate = "2026-09-30".parse().unwrap();
        rehearse_messages(&config, day).unwrap();
        let unit = config.policy.units.units.iter_mut().find(|unit| unit.name == "瓮安县").unwrap();
        unit.mailbox = Some("no address".into());
        let fault = rehearse_messages(&config, day).unwrap_err();
        let problems = &fault.downcast_ref::<Problems>().unwrap().0;
        assert!(problems.len() == 1 && problems[0].file == "config/units.toml" && problems[0].message.contains("瓮安县"), "{problems:?}");
    }

    #[test]
    fn what_is_no_workbook_is_not_read_back() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"PK\x03\x04 no package").unwrap();
        let config = Config::parse(read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap();
        assert!(read_back(file, read_limits(&config.settings.limits)).is_err());
    }
}
