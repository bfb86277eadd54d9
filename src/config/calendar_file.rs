//! `config/calendar/YEAR.toml` and `config/calendar/local.toml` → rest days and working days of the [`Calendar`].

use crate::config::file_set::{FileSet, files_in, parse_toml};
use crate::domain::bounds::between;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::calendar::Calendar;
use crate::domain::register::levels::LevelWord;
use crate::domain::register::units::{Unit, Units};
use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Dates by the name of the holiday.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearFile {
    #[serde(deserialize_with = "between::<1900, 2999, _, _>")]
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

/// Days on which one division rests every year, as month-day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalDays {
    unit: String,
    name: String,
    days: Vec<String>,
}

const LOCAL: &str = "config/calendar/local.toml";

/// A date of a year file: the name of its holiday, its text and its day.
struct NamedDay<'a> {
    name: &'a str,
    text: &'a str,
    date: NaiveDate,
}

pub(crate) fn parse(files: &FileSet, units: &Units, problems: &mut Problems) -> Calendar {
    let mut calendar = Calendar::default();
    for (stem, path) in files_in(files, "config/calendar", ".toml").filter(|(_, path)| *path != LOCAL) {
        if let Some(file) = parse_toml::<YearFile>(files, path, problems) {
            add_year(stem, &file, &mut calendar, &mut problems.at(path, ""));
        }
    }
    if files.contains_key(LOCAL)
        && let Some(file) = parse_toml::<LocalFile>(files, LOCAL, problems)
    {
        for raw in &file.local {
            add_local_days(raw, units, &mut calendar, &mut problems.at(LOCAL, format!("local \"{}\"", raw.name)));
        }
    }
    calendar
}

fn add_year(stem: &str, file: &YearFile, calendar: &mut Calendar, at: &mut ProblemsAt<'_>) {
    if stem != file.year.to_string() {
        let hint = format!("name the file {}.toml", file.year);
        at.report(format!("year {} does not fit the file name", file.year), Some(hint));
    }
    let rest = days(&file.rest, file.year, at);
    let work = days(&file.work, file.year, at);
    for day in work.iter().filter(|day| !matches!(day.date.weekday(), Weekday::Sat | Weekday::Sun)) {
        let message = format!("work \"{}\": {} is no weekend day", day.name, day.text);
        at.report(message, Some("调休 working days fall on weekends".into()));
    }
    if let Some(both) = rest.iter().find(|rest| work.iter().any(|work| work.date == rest.date)) {
        at.report(format!("{} is both a rest day and a working day", both.date), None);
    }
    rest.iter().chain(&work).for_each(|day| calendar.name_day(day.date, day.name));
    calendar.add_year(file.year, rest.iter().map(|day| day.date), work.iter().map(|day| day.date));
}

fn days<'a>(holidays: &'a BTreeMap<String, Vec<String>>, year: i32, at: &mut ProblemsAt<'_>) -> Vec<NamedDay<'a>> {
    let mut days = Vec::new();
    for (name, texts) in holidays {
        for text in texts {
            match text.parse::<NaiveDate>() {
                // a long holiday may reach over the turn of the year
                Ok(date) if (date.year() - year).abs() <= 1 => days.push(NamedDay { name, text, date }),
                _ => at.report(format!("\"{name}\": \"{text}\" is no date of {year}"), Some("write 2026-10-01".into())),
            }
        }
    }
    days
}

fn add_local_days(raw: &LocalDays, units: &Units, calendar: &mut Calendar, at: &mut ProblemsAt<'_>) {
    let is_division = |unit: &&Unit| units.levels.is_division(unit.level);
    let Some(unit) = units.find(&raw.unit).map(|unit| &units.units[unit]).filter(is_division) else {
        let divisions = units.units.iter().filter(is_division).map(|unit| unit.name.as_str());
        let what = units.levels.division(LevelWord::Name);
        at.report(format!("unit \"{}\" is no {what}", raw.unit), suggest(&raw.unit, divisions));
        return;
    };
    let mut days: Vec<(u32, u32)> = Vec::new();
    for text in &raw.days {
        // 2024 is a leap year, so that 02-29 is a day
        match format!("2024-{text}").parse::<NaiveDate>() {
            Ok(date) => days.push((date.month(), date.day())),
            Err(_) => at.report(format!("\"{text}\" is no day"), Some("write month-day, such as 08-08".into())),
        }
    }
    days.iter().for_each(|day| calendar.name_local(&unit.name, *day, &raw.name));
    calendar.add_local(unit.name.clone(), days);
}
