//! Working days: the rest days and 调休 working weekends of the State Council, plus the rest days of a prefecture's own.
//!
//! Counting follows Civil Code 200-203: the first day is not counted, a month ends on the same day clipped to the month's end, and a
//! term that ends on a rest day ends on the next working day.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use std::collections::{BTreeMap, BTreeSet};

/// The national calendar and the rest days of prefectures.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    years: BTreeSet<i32>,
    /// Looked up for every due date; the order does not matter.
    rest: hashbrown::HashSet<NaiveDate>,
    work: hashbrown::HashSet<NaiveDate>,
    /// Yearly rest days (month, day) of a prefecture, by unit name.
    local: BTreeMap<String, Vec<(u32, u32)>>,
    /// The occasion of a rest day or working weekend, as the calendar files name it.
    names: BTreeMap<NaiveDate, String>,
    local_names: BTreeMap<(String, u32, u32), String>,
}

/// A span of time as rules write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    Days(u32),
    Months(u32),
    Workdays(u32),
}

impl Calendar {
    pub fn add_year(&mut self, year: i32, rest: impl IntoIterator<Item = NaiveDate>, work: impl IntoIterator<Item = NaiveDate>) {
        self.years.insert(year);
        self.rest.extend(rest);
        self.work.extend(work);
    }

    pub fn add_local(&mut self, unit: String, days: Vec<(u32, u32)>) {
        self.local.entry(unit).or_default().extend(days);
    }

    /// Sets the occasion of a day of the national calendar.
    pub fn name_day(&mut self, date: NaiveDate, name: &str) {
        self.names.insert(date, name.to_owned());
    }

    /// Sets the occasion of a rest day of a prefecture.
    pub fn name_local(&mut self, unit: &str, (month, day): (u32, u32), name: &str) {
        self.local_names.insert((unit.to_owned(), month, day), name.to_owned());
    }

    /// Whether the holiday notice of the State Council for this year is on file. Without it only weekends are known.
    pub fn knows(&self, year: i32) -> bool {
        self.years.contains(&year)
    }

    /// Whether the notices for the year of a day and for the year before are on file: a quick test before [`Local::missing_years`].
    pub fn knows_until(&self, date: NaiveDate) -> bool {
        self.knows(date.year()) && self.knows(date.year() - 1)
    }

    pub fn years(&self) -> impl Iterator<Item = i32> {
        self.years.iter().copied()
    }

    /// The calendar of a prefecture; `None` or a name without rest days of its own: the national one.
    pub fn of<'a>(&'a self, prefecture: Option<&str>) -> Local<'a> {
        match prefecture.and_then(|name| self.local.get_key_value(name)) {
            Some((unit, days)) => Local { calendar: self, unit, days },
            None => Local { calendar: self, unit: "", days: &[] },
        }
    }
}

/// The longest run of rest days that is searched for a working day. A calendar without any working day leaves a day as it is.
const REST_DAYS_MAX: usize = 366;

/// A calendar bound to one place.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    calendar: &'a Calendar,
    /// The prefecture, where it has rest days of its own.
    unit: &'a str,
    days: &'a [(u32, u32)],
}

impl<'a> Local<'a> {
    /// The prefecture whose own rest days count, beside the national ones; empty = national only.
    pub fn unit(&self) -> &'a str {
        self.unit
    }

    /// The years that decide where a span ends although their notice is not on file: only their weekends are known.
    pub fn missing_years(&self, from: NaiveDate, span: Span, roll: bool) -> impl Iterator<Item = i32> + use<'a> {
        // a span in months or days depends only on a roll of its end; a span in working days on every day in between
        let first = match span {
            Span::Workdays(_) => Some(from),
            Span::Days(_) | Span::Months(_) => self.due(from, span, false).filter(|_| roll),
        };
        let calendar = self.calendar;
        let decisive = first.zip(self.due(from, span, roll)).into_iter().flat_map(|(first, last)| first.year()..=last.year());
        decisive.filter(move |year| !calendar.knows(*year))
    }

    /// Why a day is no working day, as printed; `None` = it is a working day.
    pub fn rest_name(&self, date: NaiveDate) -> Option<String> {
        if self.is_workday(date) {
            return None;
        }
        let local = self.calendar.local_names.get(&(self.unit.to_owned(), date.month(), date.day()));
        let named = if self.days.contains(&(date.month(), date.day())) { local } else { self.calendar.names.get(&date) };
        Some(named.map_or_else(|| weekday(date).to_owned(), |name| format!("{name}放假")))
    }

    /// Whether a weekend day is a working day (调休).
    pub fn works_on_weekend(&self, date: NaiveDate) -> bool {
        matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && self.is_workday(date)
    }

    pub fn is_workday(&self, date: NaiveDate) -> bool {
        if self.days.contains(&(date.month(), date.day())) || self.calendar.rest.contains(&date) {
            return false;
        }
        !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) || self.calendar.work.contains(&date)
    }

    /// The day itself if it is a working day, else the next one within [`REST_DAYS_MAX`].
    pub fn next_workday(&self, date: NaiveDate) -> NaiveDate {
        date.iter_days().take(REST_DAYS_MAX).find(|day| self.is_workday(*day)).unwrap_or(date)
    }

    /// The day itself if it is a working day, else the one before within [`REST_DAYS_MAX`].
    pub fn previous_workday(&self, date: NaiveDate) -> NaiveDate {
        date.iter_days().rev().take(REST_DAYS_MAX).find(|day| self.is_workday(*day)).unwrap_or(date)
    }

    /// `from` plus a span; `roll` moves an end on a rest day to the next working day (spans in days and months only). `None` where the
    /// end lies beyond the last date there is.
    pub fn due(&self, from: NaiveDate, span: Span, roll: bool) -> Option<NaiveDate> {
        let end = match span {
            Span::Days(days) => from.checked_add_days(Days::new(u64::from(days)))?,
            Span::Months(months) => from.checked_add_months(Months::new(months))?,
            Span::Workdays(count) => return (0..count).try_fold(from, |date, _| Some(self.next_workday(date.succ_opt()?))),
        };
        Some(if roll { self.next_workday(end) } else { end })
    }

    /// The last of a number of working days that begin after a day.
    pub fn after_workdays(&self, from: NaiveDate, count: u32) -> NaiveDate {
        self.due(from, Span::Workdays(count), false).unwrap_or(NaiveDate::MAX)
    }
}

/// The years that a date of the configuration or of a command may have.
pub const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// A date of the configuration or of a command, as `2026-09-30`. `None` for another text, or outside [`YEARS`].
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|day: &NaiveDate| YEARS.contains(&day.year()))
}

/// The note to print beside due dates when holiday notices of years are missing; `None` = none is missing.
pub fn calendar_note(missing_years: &BTreeSet<i32>) -> Option<String> {
    if missing_years.is_empty() {
        return None;
    }
    let years: Vec<String> = missing_years.iter().map(|year| format!("{year}年")).collect();
    Some(format!("缺{}的节假日安排，这些年份只按周末计算休息日，到期日可能有出入", years.join("、")))
}

/// The warning to the office about missing holiday notices. From 1 December the notice of the next year should be on file.
pub fn calendar_warning(calendar: &Calendar, today: NaiveDate) -> Option<String> {
    let (year, next) = (today.year(), today.year() + 1);
    if !calendar.knows(year) {
        return Some(format!("缺{year}年的节假日安排，按周末估算"));
    }
    (today.month() == 12 && !calendar.knows(next))
        .then(|| format!("请尽快录入{next}年的节假日安排（config/calendar/{next}.toml），否则按周末估算"))
}

/// `星期三`.
pub fn weekday(date: NaiveDate) -> &'static str {
    ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"][date.weekday().num_days_from_monday() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn calendar() -> Calendar {
        let mut calendar = Calendar::default();
        calendar.add_year(2026, (1..=7).map(|d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap()), [day("2026-09-20"), day("2026-10-10")]);
        calendar.add_local("黔南".into(), vec![(8, 8), (8, 9)]);
        calendar.name_local("黔南", (8, 8), "州庆");
        calendar.name_day(day("2026-10-01"), "国庆节");
        calendar
    }

    #[test]
    fn years_without_a_notice_are_named_where_they_decide() {
        let calendar = calendar();
        let national = calendar.of(None);
        let lacking = |from, span, roll| national.missing_years(day(from), span, roll).collect::<Vec<i32>>();
        let none: [i32; 0] = [];
        assert_eq!(lacking("2025-12-30", Span::Workdays(3), true), [2025]);
        assert_eq!(lacking("2025-09-01", Span::Months(6), true), none);
        assert_eq!(lacking("2026-09-01", Span::Months(6), true), [2027]);
        assert_eq!(lacking("2026-09-01", Span::Months(6), false), none, "an end that is not rolled asks no calendar");
        // 31 December 2022 is a Saturday: the end rolls into the next year
        assert_eq!(lacking("2022-12-01", Span::Days(30), true), [2022, 2023]);
        assert_eq!(lacking("2026-12-25", Span::Workdays(20), true), [2027]);
    }

    #[test]
    fn the_next_year_is_asked_for_from_december_on() {
        let calendar = calendar();
        let warning = |text| calendar_warning(&calendar, day(text)).unwrap_or_default();
        assert_eq!(warning("2026-11-30"), "");
        assert!(warning("2026-12-01").contains("请尽快录入2027年") && warning("2026-12-31").contains("config/calendar/2027.toml"));
        assert!(warning("2027-01-01").contains("缺2027年"));
        assert_eq!(calendar_note(&BTreeSet::new()), None);
        assert!(calendar_note(&BTreeSet::from([2021, 2027])).unwrap().starts_with("缺2021年、2027年的节假日安排"));
    }

    #[test]
    fn terms_end_on_working_days() {
        let calendar = calendar();
        let national = calendar.of(None);
        // 31 August + 1 month clips to 30 September; 1 September + 1 month falls into the national holiday
        assert_eq!(national.due(day("2026-08-31"), Span::Months(1), true), Some(day("2026-09-30")));
        assert_eq!(national.due(day("2026-09-01"), Span::Months(1), true), Some(day("2026-10-08")));
        assert_eq!(national.due(day("2026-09-01"), Span::Months(1), false), Some(day("2026-10-01")));
        // leap day
        assert_eq!(national.due(day("2024-02-29"), Span::Months(12), false), Some(day("2025-02-28")));
        // 18 Sept is Friday, 20 Sept a working Sunday
        assert_eq!(national.due(day("2026-09-18"), Span::Workdays(3), true), Some(day("2026-09-22")));
        assert_eq!(national.due(day("2026-09-30"), Span::Workdays(3), true), Some(day("2026-10-10")));
        // a Saturday that works is no rest day
        assert_eq!(national.due(day("2026-09-10"), Span::Days(30), true), Some(day("2026-10-10")));
        assert_eq!(calendar.of(Some("黔南")).due(day("2026-07-08"), Span::Months(1), true), Some(day("2026-08-10")));
        assert_eq!(calendar.of(Some("黔南")).rest_name(day("2026-08-08")).as_deref(), Some("州庆放假"));
        assert_eq!(calendar.of(Some("黔南")).rest_name(day("2026-10-01")).as_deref(), Some("国庆节放假"));
        assert_eq!(calendar.of(Some("黔南")).rest_name(day("2026-10-11")).as_deref(), Some("星期日"));
        assert_eq!(national.rest_name(day("2026-10-10")), None);
        assert!(national.works_on_weekend(day("2026-10-10")) && !national.works_on_weekend(day("2026-10-09")));
        assert_eq!(calendar.of(Some("黔东南")).due(day("2026-07-07"), Span::Months(1), true), Some(day("2026-08-07")));
    }

    #[test]
    fn no_date_panics() {
        let calendar = calendar();
        let national = calendar.of(None);
        for span in [Span::Days(1), Span::Months(1), Span::Workdays(1), Span::Days(u32::MAX), Span::Months(u32::MAX)] {
            assert_eq!(national.due(NaiveDate::MAX, span, true), None, "{span:?}");
            assert_eq!(national.missing_years(NaiveDate::MAX, span, true).count(), 0, "{span:?}");
            let _ = national.due(NaiveDate::MIN, span, true);
        }
        assert_eq!(national.after_workdays(NaiveDate::MAX, 5), NaiveDate::MAX);
        assert_eq!(national.due(day("9999-12-31"), Span::Days(1), false), day("9999-12-31").succ_opt());
        // a place that never works: the search for a working day ends
        let mut idle = Calendar::default();
        idle.add_local("黔南".into(), (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day))).collect());
        let idle = idle.of(Some("黔南"));
        assert_eq!(idle.next_workday(day("2026-01-01")), day("2026-01-01"));
        assert_eq!(idle.previous_workday(day("2026-01-01")), day("2026-01-01"));
        assert_eq!(parse_day("2026-09-30"), Some(day("2026-09-30")));
        for text in ["0000-12-31", "+10000-01-01", "+262142-12-31", "2026-02-30", ""] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
