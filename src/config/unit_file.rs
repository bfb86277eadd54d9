//! `config/units.toml`, `config/industries.toml`, `config/calendar/*.toml` → units, industries, working days.

use crate::config::load::{FileSet, Problems, coded, files_in, parse_toml, suggest};
use crate::domain::register::calendar::Calendar;
use crate::domain::register::units::{Alias, DepartmentKind, Industry, Level, Term, Unit, Units};
use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitsFile {
    unit: Vec<UnitFile>,
    #[serde(default)]
    department: Vec<DepartmentFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitFile {
    code: String,
    name: String,
    level: String,
    title: Option<String>,
    parent: Option<String>,
    #[serde(default)]
    aliases: Vec<AliasFile>,
    mailbox: Option<String>,
    from: Option<String>,
    until: Option<String>,
    into: Option<String>,
}

/// A name, or a name with its term.
#[derive(Deserialize)]
#[serde(untagged)]
enum AliasFile {
    Always(String),
    Dated(DatedAlias),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatedAlias {
    name: String,
    from: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DepartmentFile {
    name: String,
    code: String,
    province: String,
    local: String,
    mailbox: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndustriesFile {
    industry: Vec<IndustryFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndustryFile {
    name: String,
    group: String,
    #[serde(default)]
    aliases: Vec<AliasFile>,
    #[serde(default)]
    lead: Vec<LeadFile>,
    from: Option<String>,
    until: Option<String>,
    into: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeadFile {
    unit: String,
    since: Option<String>,
}

const UNITS: &str = "config/units.toml";
const INDUSTRIES: &str = "config/industries.toml";
const LOCAL: &str = "config/calendar/local.toml";

/// A term from its two dates.
fn term(from: Option<&str>, until: Option<&str>, file: &str, place: &str, problems: &mut Problems) -> Term {
    let mut date = |key: &str, text: Option<&str>| match text.map(str::parse::<NaiveDate>) {
        None => None,
        Some(Ok(date)) => Some(date),
        Some(Err(_)) => {
            let text = text.unwrap_or_default();
            problems.push(file, format!("{place}: {key} \"{text}\" is no date"), Some("write 2026-01-01".into()));
            None
        }
    };
    let term = Term { from: date("from", from), until: date("until", until) };
    if term.from.zip(term.until).is_some_and(|(from, until)| from > until) {
        problems.push(file, format!("{place}: from lies after until"), None);
    }
    term
}

fn aliases(raw: &[AliasFile], file: &str, place: &str, problems: &mut Problems) -> Vec<Alias> {
    raw.iter()
        .map(|alias| match alias {
            AliasFile::Always(name) => Alias::always(name),
            AliasFile::Dated(dated) => {
                let place = format!("{place}: alias \"{}\"", dated.name);
                Alias { name: dated.name.clone(), term: term(dated.from.as_deref(), dated.until.as_deref(), file, &place, problems) }
            }
        })
        .collect()
}

pub fn parse_units(files: &FileSet, problems: &mut Problems) -> Option<Units> {
    let file: UnitsFile = parse_toml(files, UNITS, problems)?;
    let mut units = Units::default();
    for raw in &file.unit {
        let place = format!("unit \"{}\"", raw.name);
        let level = coded(&Level::ALL, Level::code, &raw.level, UNITS, &place, "level", problems).unwrap_or(Level::County);
        if let Some(mailbox) = &raw.mailbox {
            check_mailbox(mailbox, UNITS, &place, problems);
        }
        let parent = match &raw.parent {
            None => None,
            Some(name) => {
                let parent = units.find(name);
                if parent.is_none() {
                    let known: Vec<String> = units.units.iter().map(|unit| unit.name.clone()).collect();
                    problems.push(
                        UNITS,
                        format!("{place}: parent \"{name}\" is no unit above it in the file"),
                        suggest(name, known.iter().map(String::as_str)),
                    );
                }
                parent
            }
        };
        if raw.parent.is_none() && level != Level::Province {
            problems.push(UNITS, format!("{place}: parent is missing"), Some("only the province office has none".into()));
        }
        let unit = Unit {
            code: raw.code.clone(),
            name: raw.name.clone(),
            title: raw.title.clone().unwrap_or_else(|| raw.name.clone()),
            level,
            parent,
            place: None,
            mailbox: raw.mailbox.clone(),
            term: term(raw.from.as_deref(), raw.until.as_deref(), UNITS, &place, problems),
            into: None,
        };
        if units.units.iter().any(|other| other.code == raw.code) {
            problems.push(UNITS, format!("{place}: code \"{}\" is already taken", raw.code), None);
        }
        let aliases = aliases(&raw.aliases, UNITS, &place, problems);
        if let Err(name) = units.add(unit, &aliases) {
            problems.push(
                UNITS,
                format!("{place}: the name \"{name}\" is already another unit's"),
                Some("a name may pass from one unit to another only with from and until".into()),
            );
        }
    }
    // whom a unit was merged into may stand below it in the file
    for raw in &file.unit {
        let place = format!("unit \"{}\"", raw.name);
        let Some(id) = units.units.iter().position(|unit| unit.code == raw.code && unit.name == raw.name) else { continue };
        units.units[id].into = match (&raw.into, &raw.until) {
            (None, None) => None,
            (Some(name), Some(_)) => {
                let known = units.units.iter().position(|unit| unit.name == *name && unit.code != raw.code);
                if known.is_none() {
                    let names = units.units.iter().map(|unit| unit.name.as_str());
                    problems.push(UNITS, format!("{place}: into \"{name}\" is no other unit"), suggest(name, names));
                }
                known
            }
            _ => {
                problems.push(
                    UNITS,
                    format!("{place}: until and into go together"),
                    Some("a unit that ends has one that takes over; a new name alone is an alias".into()),
                );
                None
            }
        };
    }
    for (id, unit) in units.units.iter().enumerate() {
        let mut at = unit.into;
        for _ in 0..units.units.len() {
            at = at.filter(|at| *at != id).and_then(|at| units.units[at].into);
        }
        if at.is_some() || unit.into == Some(id) {
            problems.push(UNITS, format!("unit \"{}\": into leads back to itself", unit.name), None);
        }
    }
    if units.units.iter().filter(|unit| unit.level == Level::Province).count() != 1 {
        problems.push(
            UNITS,
            "there must be exactly one unit of level \"province\"",
            Some("it is the office everything rolls up to".into()),
        );
    }
    for raw in file.department {
        let place = format!("department \"{}\"", raw.name);
        let Some(province) = units.find(&raw.province) else {
            problems.push(UNITS, format!("{place}: province \"{}\" is no unit", raw.province), None);
            continue;
        };
        let mut local = BTreeMap::new();
        let places: Vec<usize> = units
            .units
            .iter()
            .enumerate()
            .filter(|(_, unit)| unit.level == Level::City || unit.level.is_place())
            .map(|(id, _)| id)
            .collect();
        for id in places {
            let (name, code, title) = (units.units[id].name.clone(), units.units[id].code.clone(), units.units[id].name.clone());
            let fill = |pattern: &str| pattern.replace("{place}", &title).replace("{code}", &code.to_lowercase());
            let unit = Unit {
                code: format!("{code}-{}", raw.code),
                name: fill(&raw.local),
                title: fill(&raw.local),
                level: Level::Support,
                parent: Some(id),
                place: Some(id),
                mailbox: raw.mailbox.as_deref().map(fill),
                term: units.units[id].term,
                into: None,
            };
            match units.add(unit, &[Alias::always(format!("{name}{}", raw.name))]) {
                Ok(unit) => {
                    local.insert(id, unit);
                }
                Err(name) => problems.push(UNITS, format!("{place}: the name \"{name}\" is already another unit's"), None),
            }
        }
        units.departments.push(DepartmentKind { name: raw.name, province, local });
    }
    let industries: IndustriesFile = parse_toml(files, INDUSTRIES, problems)?;
    let merged: Vec<(String, Option<String>, bool)> =
        industries.industry.iter().map(|raw| (raw.name.clone(), raw.into.clone(), raw.until.is_some())).collect();
    for raw in industries.industry {
        let place = format!("industry \"{}\"", raw.name);
        let term = term(raw.from.as_deref(), raw.until.as_deref(), INDUSTRIES, &place, problems);
        let aliases = aliases(&raw.aliases, INDUSTRIES, &place, problems);
        let mut leads = Vec::new();
        for lead in raw.lead {
            let since = match lead.since.as_deref().map(str::parse::<NaiveDate>) {
                None => None,
                Some(Ok(date)) => Some(date),
                Some(Err(_)) => {
                    problems.push(
                        INDUSTRIES,
                        format!("{place}: since \"{}\" is no date", lead.since.unwrap_or_default()),
                        Some("write 2026-01-01".into()),
                    );
                    continue;
                }
            };
            match units.find(&lead.unit) {
                Some(unit) => leads.push((since, unit)),
                None => {
                    let known: Vec<String> = units.units.iter().map(|unit| unit.name.clone()).collect();
                    problems.push(
                        INDUSTRIES,
                        format!("{place}: lead \"{}\" is no unit", lead.unit),
                        suggest(&lead.unit, known.iter().map(String::as_str)),
                    );
                }
            }
        }
        let industry = Industry { name: raw.name, group: raw.group, leads, term, into: None };
        if let Err(name) = units.add_industry(industry, &aliases) {
            problems.push(INDUSTRIES, format!("{place}: the name \"{name}\" is already another industry's"), None);
        }
    }
    for (name, into, ends) in &merged {
        let place = format!("industry \"{name}\"");
        let index = |name: &str| units.industries.iter().position(|industry| industry.name == *name);
        match (into, ends, index(name)) {
            (None, false, _) | (_, _, None) => {}
            (Some(into), true, Some(own)) => match index(into).filter(|other| *other != own) {
                Some(other) if units.industries[other].into.is_none() => units.industries[own].into = Some(other),
                Some(_) => problems.push(
                    INDUSTRIES,
                    format!("{place}: into \"{into}\" was merged itself"),
                    Some("name the one that is left".into()),
                ),
                None => {
                    let names = units.industries.iter().map(|industry| industry.name.as_str());
                    problems.push(INDUSTRIES, format!("{place}: into \"{into}\" is no other industry"), suggest(into, names));
                }
            },
            _ => problems.push(INDUSTRIES, format!("{place}: until and into go together"), Some("a new name alone is an alias".into())),
        }
    }
    Some(units)
}

/// A plain check that catches slips; the mail server has the last word.
fn check_mailbox(mailbox: &str, file: &str, place: &str, problems: &mut Problems) {
    let good = mailbox.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && mailbox.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte))
            && !domain.contains('@')
    });
    if !good {
        problems.push(file, format!("{place}: mailbox \"{mailbox}\" is no mail address"), Some("write name@domain in ASCII".into()));
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearFile {
    year: i32,
    #[serde(default)]
    rest: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    work: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalFile {
    #[serde(default)]
    local: Vec<LocalDays>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalDays {
    unit: String,
    name: String,
    days: Vec<String>,
}

pub fn parse_calendar(files: &FileSet, units: &Units, problems: &mut Problems) -> Calendar {
    let mut calendar = Calendar::default();
    for (stem, path) in files_in(files, "config/calendar", ".toml") {
        if path == LOCAL {
            continue;
        }
        let Some(file) = parse_toml::<YearFile>(files, path, problems) else { continue };
        if stem != file.year.to_string() {
            problems.push(
                path,
                format!("year {} does not fit the file name", file.year),
                Some(format!("name the file {}.toml", file.year)),
            );
        }
        let mut days = |named: &BTreeMap<String, Vec<String>>, weekend_only: bool| -> Vec<NaiveDate> {
            let mut out = Vec::new();
            for (name, dates) in named {
                for text in dates {
                    match text.parse::<NaiveDate>() {
                        // a long holiday may reach over the turn of the year
                        Ok(date) if (date.year() - file.year).abs() <= 1 => {
                            if weekend_only && !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
                                problems.push(
                                    path,
                                    format!("work \"{name}\": {text} is no weekend day"),
                                    Some("调休 working days fall on weekends".into()),
                                );
                            }
                            out.push(date);
                        }
                        _ => problems.push(
                            path,
                            format!("\"{name}\": \"{text}\" is no date of {}", file.year),
                            Some("write 2026-10-01".into()),
                        ),
                    }
                }
            }
            out
        };
        let rest = days(&file.rest, false);
        let work = days(&file.work, true);
        for (name, dates) in file.rest.iter().chain(&file.work) {
            dates.iter().filter_map(|text| text.parse().ok()).for_each(|date| calendar.name_day(date, name));
        }
        if let Some(both) = rest.iter().find(|date| work.contains(date)) {
            problems.push(path, format!("{both} is both a rest day and a working day"), None);
        }
        calendar.add_year(file.year, rest, work);
    }
    if files.contains_key(LOCAL)
        && let Some(file) = parse_toml::<LocalFile>(files, LOCAL, problems)
    {
        for raw in file.local {
            let place = format!("local \"{}\"", raw.name);
            let Some(unit) = units.find(&raw.unit).filter(|unit| units.units[*unit].level == Level::City) else {
                let cities: Vec<&str> =
                    units.units.iter().filter(|unit| unit.level == Level::City).map(|unit| unit.name.as_str()).collect();
                problems.push(LOCAL, format!("{place}: unit \"{}\" is no 市（州）", raw.unit), suggest(&raw.unit, cities.into_iter()));
                continue;
            };
            let days: Vec<(u32, u32)> = raw
                .days
                .iter()
                .filter_map(|text| {
                    let parsed = format!("2024-{text}").parse::<NaiveDate>().ok().map(|date| (date.month(), date.day()));
                    if parsed.is_none() {
                        problems.push(LOCAL, format!("{place}: \"{text}\" is no day"), Some("write month-day, such as 08-08".into()));
                    }
                    parsed
                })
                .collect();
            days.iter().for_each(|day| calendar.name_local(&units.units[unit].name, *day, &raw.name));
            calendar.add_local(units.units[unit].name.clone(), days);
        }
    }
    calendar
}
