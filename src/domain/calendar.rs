//! Working days: State Council rest days and 调休 working weekends, plus the rest days a prefecture gives by its own rule.
//!
//! Counting follows Civil Code 200-203: the first day is not counted, a month ends on the same day clipped to the month's end, and a
//! term that ends on a rest day ends on the next working day.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use std::collections::{BTreeMap, BTreeSet};

/// Days of one place: the national calendar, or national plus a prefecture's own rest days.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    years: BTreeSet<i32>,
    rest: BTreeSet<NaiveDate>,
    work: BTreeSet<NaiveDate>,
    /// Month and day that rest every year, by unit name.
    local: BTreeMap<String, Vec<(u32, u32)>>,
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
        self.local.insert(unit, days);
    }

    /// Whether the State Council's notice for this year is on file; without it only weekends are known.
    pub fn knows(&self, year: i32) -> bool {
        self.years.contains(&year)
    }

    pub fn years(&self) -> impl Iterator<Item = i32> {
        self.years.iter().copied()
    }

    /// The calendar as seen from a prefecture (`None` or a name without own days: the national one).
    pub fn of<'a>(&'a self, prefecture: Option<&str>) -> Local<'a> {
        let days = prefecture.and_then(|name| self.local.get(name)).map_or(&[][..], Vec::as_slice);
        Local { calendar: self, days }
    }
}

/// A calendar bound to one place.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    calendar: &'a Calendar,
    days: &'a [(u32, u32)],
}

impl Local<'_> {
    pub fn is_workday(&self, date: NaiveDate) -> bool {
        if self.days.contains(&(date.month(), date.day())) || self.calendar.rest.contains(&date) {
            return false;
        }
        !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) || self.calendar.work.contains(&date)
    }

    /// The day itself if it is a working day, else the next one.
    pub fn next_workday(&self, mut date: NaiveDate) -> NaiveDate {
        while !self.is_workday(date) {
            date = date + Days::new(1);
        }
        date
    }

    /// The day itself if it is a working day, else the one before.
    pub fn previous_workday(&self, mut date: NaiveDate) -> NaiveDate {
        while !self.is_workday(date) {
            date = date - Days::new(1);
        }
        date
    }

    /// `from` plus a span; `roll` moves an end on a rest day to the next working day (spans in days and months only).
    pub fn due(&self, from: NaiveDate, span: Span, roll: bool) -> NaiveDate {
        let end = match span {
            Span::Days(days) => from + Days::new(u64::from(days)),
            Span::Months(months) => from.checked_add_months(Months::new(months)).unwrap_or(from),
            Span::Workdays(count) => {
                let mut date = from;
                for _ in 0..count {
                    date = self.next_workday(date + Days::new(1));
                }
                return date;
            }
        };
        if roll { self.next_workday(end) } else { end }
    }
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
        calendar
    }

    #[test]
    fn terms_end_on_working_days() {
        let calendar = calendar();
        let national = calendar.of(None);
        // 31 August + 1 month clips to 30 September; 1 September + 1 month falls into the national holiday
        assert_eq!(national.due(day("2026-08-31"), Span::Months(1), true), day("2026-09-30"));
        assert_eq!(national.due(day("2026-09-01"), Span::Months(1), true), day("2026-10-08"));
        assert_eq!(national.due(day("2026-09-01"), Span::Months(1), false), day("2026-10-01"));
        // leap day
        assert_eq!(national.due(day("2024-02-29"), Span::Months(12), false), day("2025-02-28"));
        // 18 Sept is Friday, 20 Sept a working Sunday
        assert_eq!(national.due(day("2026-09-18"), Span::Workdays(3), true), day("2026-09-22"));
        assert_eq!(national.due(day("2026-09-30"), Span::Workdays(3), true), day("2026-10-10"));
        // a Saturday that works is no rest day
        assert_eq!(national.due(day("2026-09-10"), Span::Days(30), true), day("2026-10-10"));
        assert_eq!(calendar.of(Some("黔南")).due(day("2026-07-08"), Span::Months(1), true), day("2026-08-10"));
        assert_eq!(calendar.of(Some("黔东南")).due(day("2026-07-07"), Span::Months(1), true), day("2026-08-07"));
    }
}
