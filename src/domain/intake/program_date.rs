//! Dates as programs write them: with a time zone, with English names of months, as JSON. A moment of another zone is a day of China.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

/// What a program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramDate {
    Day(NaiveDate),
    /// The time of day is a minute before midnight, as programs write that count in the local mean time of Shanghai.
    NearMidnight(NaiveDate),
    /// The day does not exist.
    None,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// China is this far ahead of Greenwich.
const CHINA_SECONDS: i32 = 8 * 3600;

/// Programs that take the old local time of Shanghai for its zone write midnight as this time.
const MEAN_TIME: (u32, u32, u32) = (23, 59, 17);

/// The date in a text of a program; `None` = it has no form that only programs write.
pub(crate) fn program_date(text: &str) -> Option<ProgramDate> {
    if let Some(inside) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        let milliseconds = inside.get(1..)?.find(['+', '-']).map_or(inside, |at| &inside[..=at]);
        let moment = DateTime::from_timestamp_millis(milliseconds.parse().ok()?)?;
        return Some(of_moment(moment.naive_utc(), 0));
    }
    if text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.len() <= 80
        && let Some(found) = named_month(text)
    {
        return Some(found);
    }
    timestamp(text)
}

/// `2026-02-28T16:00:00.000Z`, `2026-02-28 23:59:17`: a day and a time of day, perhaps with a zone.
fn timestamp(text: &str) -> Option<ProgramDate> {
    let (day, rest) = text.split_at_checked(10)?;
    let mut parts = day.split(['-', '/']);
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (year, month, day) = (number()?, number()?, number()?);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, zone) = time_and_zone(rest)?;
    let Some(date) = NaiveDate::from_ymd_opt(year as i32, month, day) else { return Some(ProgramDate::None) };
    Some(of_moment(date.and_time(time), zone.unwrap_or(CHINA_SECONDS)))
}

/// The time of day of a text, and the seconds of its zone ahead of Greenwich, if it names one.
fn time_and_zone(text: &str) -> Option<(NaiveTime, Option<i32>)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(text.len());
    let (time, zone) = text.split_at(end);
    let mut parts = time.split([':', '.']);
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
    let (hour, minute, second) = (number()?, number()?, number().unwrap_or(0));
    let time = NaiveTime::from_hms_opt(hour, minute, second.min(59))?;
    let zone = zone.trim();
    Some((time, if zone.is_empty() { None } else { Some(zone_seconds(zone)?) }))
}

/// `Z`, `UTC`, `GMT+0800`, `+08:00`, and CST, which is that of China.
fn zone_seconds(zone: &str) -> Option<i32> {
    let zone = zone.split(['(', '[']).next()?.trim();
    let offset = match zone.to_ascii_uppercase().as_str() {
        "Z" | "UTC" | "GMT" => return Some(0),
        "CST" => return Some(CHINA_SECONDS),
        other => other.trim_start_matches("UTC").trim_start_matches("GMT").trim().to_owned(),
    };
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits: String = offset.strip_prefix(['+', '-'])?.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits[..2].parse::<i32>().ok()?, digits[2..].parse::<i32>().ok()?),
        _ => return None,
    };
    let seconds = sign * (hours * 3600 + minutes * 60);
    FixedOffset::east_opt(seconds).map(|_| seconds)
}

/// The day of China at a moment that is given in a zone.
fn of_moment(moment: NaiveDateTime, zone: i32) -> ProgramDate {
    let Some(here) = moment.checked_add_signed(TimeDelta::seconds(i64::from(CHINA_SECONDS - zone))) else { return ProgramDate::None };
    match (here.hour(), here.minute(), here.second()) {
        MEAN_TIME => here.date().succ_opt().map_or(ProgramDate::None, ProgramDate::NearMidnight),
        // the last second of a day is how programs write its end
        (23, 59, 1..59) => ProgramDate::NearMidnight(here.date()),
        _ => ProgramDate::Day(here.date()),
    }
}

/// A date with the English name of its month, in any order: `Sun Mar 01 00:00:00 CST 2026`, `1-Mar-2026`, `March 1, 2026`.
fn named_month(text: &str) -> Option<ProgramDate> {
    let is_month = |word: &str| MONTHS.iter().position(|month| word.len() >= 3 && word.to_ascii_lowercase().starts_with(month));
    let (mut month, mut day, mut year, mut time, mut zone) = (None, None, None, None, None);
    let text = text.split('(').next()?;
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        if word.contains(':') {
            time = Some(time_and_zone(word)?.0);
            continue;
        }
        if time.is_some() && zone.is_none() && zone_seconds(word).is_some() {
            zone = zone_seconds(word);
            continue;
        }
        for part in word.split(['-', '/', '.']).filter(|part| !part.is_empty()) {
            let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            match part.len() {
                4 if part.bytes().all(|byte| byte.is_ascii_digit()) => year = year.is_none().then(|| part.parse::<i32>().ok())?,
                _ if month.is_none() && is_month(part).is_some() => month = is_month(part),
                1..=4 if !digits.is_empty() && digits.len() <= 2 => day = day.is_none().then(|| digits.parse::<u32>().ok())?,
                _ if WEEKDAYS.iter().any(|day| part.to_ascii_lowercase().starts_with(day)) => {}
                _ => return None,
            }
        }
    }
    let Some(date) = NaiveDate::from_ymd_opt(year?, month? as u32 + 1, day?) else { return Some(ProgramDate::None) };
    Some(of_moment(date.and_time(time.unwrap_or_default()), zone.unwrap_or(CHINA_SECONDS)))
}
