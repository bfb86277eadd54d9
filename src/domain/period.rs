//! Months and quarters: bounds, names, and which one a run reports.

use super::rule::Every;
use chrono::{Datelike, Days, Months, NaiveDate};

/// A month or a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    first: NaiveDate,
    every: PeriodLength,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PeriodLength {
    Month,
    Quarter,
}

impl Period {
    /// The period a day lies in.
    pub fn of(every: Every, day: NaiveDate) -> Period {
        let (month, every) = match every {
            Every::Month => (day.month(), PeriodLength::Month),
            Every::Quarter => ((day.month() - 1) / 3 * 3 + 1, PeriodLength::Quarter),
        };
        Period { first: NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day), every }
    }

    /// The last period closed by `as_of`; one whose last day is `as_of` is closed.
    pub fn last_closed(every: Every, as_of: NaiveDate) -> Period {
        Period::of(every, as_of + Days::new(1)).previous()
    }

    pub fn previous(self) -> Period {
        let every = match self.every {
            PeriodLength::Month => Every::Month,
            PeriodLength::Quarter => Every::Quarter,
        };
        Period::of(every, self.first - Days::new(1))
    }

    pub fn first_day(self) -> NaiveDate {
        self.first
    }

    pub fn last_day(self) -> NaiveDate {
        let months = match self.every {
            PeriodLength::Month => 1,
            PeriodLength::Quarter => 3,
        };
        self.first + Months::new(months) - Days::new(1)
    }

    pub fn contains(self, day: NaiveDate) -> bool {
        day >= self.first && day <= self.last_day()
    }

    /// `2026-09` or `2026Q3`.
    pub fn code(self) -> String {
        match self.every {
            PeriodLength::Month => self.first.format("%Y-%m").to_string(),
            PeriodLength::Quarter => format!("{}Q{}", self.first.year(), (self.first.month() - 1) / 3 + 1),
        }
    }

    /// `2026年9月` or `2026年第三季度`.
    pub fn title(self) -> String {
        match self.every {
            PeriodLength::Month => format!("{}年{}月", self.first.year(), self.first.month()),
            PeriodLength::Quarter => {
                let word = ["一", "二", "三", "四"][(self.first.month() as usize - 1) / 3];
                format!("{}年第{word}季度", self.first.year())
            }
        }
    }
}

/// `2026年9月30日`.
pub fn chinese_date(day: NaiveDate) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}

/// `9月30日`.
pub fn chinese_day(day: NaiveDate) -> String {
    format!("{}月{}日", day.month(), day.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_closes_on_its_last_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let code = |every, text| Period::last_closed(every, day(text)).code();
        assert_eq!(code(Every::Quarter, "2026-09-30"), "2026Q3");
        assert_eq!(code(Every::Quarter, "2026-09-29"), "2026Q2");
        assert_eq!(code(Every::Month, "2024-02-29"), "2024-02");
        assert_eq!(code(Every::Month, "2026-01-15"), "2025-12");
        assert_eq!(Period::of(Every::Quarter, day("2026-11-30")).last_day(), day("2026-12-31"));
        assert_eq!(Period::last_closed(Every::Quarter, day("2026-09-30")).title(), "2026年第三季度");
    }
}
