//! Weeks, months, quarters and years: bounds, names, and which one a run reports.

use chrono::{Datelike, Days, Months, NaiveDate};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeriodKind {
    Month,
    Quarter,
    Year,
    /// From Monday to Sunday.
    Week,
}

/// A week, a month, a quarter or a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    first: NaiveDate,
    every: PeriodKind,
}

impl Period {
    /// The period a day lies in.
    pub fn of(every: PeriodKind, day: NaiveDate) -> Period {
        let month = match every {
            PeriodKind::Week => {
                let monday = day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()));
                return Period { first: monday.unwrap_or(day), every };
            }
            PeriodKind::Month => day.month(),
            PeriodKind::Quarter => (day.month() - 1) / 3 * 3 + 1,
            PeriodKind::Year => 1,
        };
        Period { first: NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day), every }
    }

    /// The last period that is closed on `as_of`. A period is closed on its last day.
    pub fn last_closed(every: PeriodKind, as_of: NaiveDate) -> Period {
        as_of.succ_opt().map_or_else(|| Period::of(every, as_of), |next| Period::of(every, next).previous())
    }

    pub fn previous(self) -> Period {
        Period::of(self.every, self.first.pred_opt().unwrap_or(self.first))
    }

    pub fn next(self) -> Period {
        Period::of(self.every, self.last_day().succ_opt().unwrap_or(self.first))
    }

    pub fn first_day(self) -> NaiveDate {
        self.first
    }

    pub fn last_day(self) -> NaiveDate {
        let months = match self.every {
            PeriodKind::Week => return self.first.checked_add_days(Days::new(6)).unwrap_or(NaiveDate::MAX),
            PeriodKind::Month => 1,
            PeriodKind::Quarter => 3,
            PeriodKind::Year => 12,
        };
        // only the last period there is has no day after it
        self.first.checked_add_months(Months::new(months)).and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX)
    }

    pub fn contains(self, day: NaiveDate) -> bool {
        day >= self.first && day <= self.last_day()
    }

    /// `2026W41`, `2026-09`, `2026Q3` or `2026`.
    pub fn code(self) -> String {
        match self.every {
            PeriodKind::Week => format!("{}W{:02}", self.first.iso_week().year(), self.first.iso_week().week()),
            PeriodKind::Month => self.first.format("%Y-%m").to_string(),
            PeriodKind::Quarter => format!("{}Q{}", self.first.year(), (self.first.month() - 1) / 3 + 1),
            PeriodKind::Year => self.first.year().to_string(),
        }
    }

    /// `2026年第41周`, `2026年9月`, `2026年第三季度` or `2026年`.
    pub fn title(self) -> String {
        match self.every {
            PeriodKind::Week => format!("{}年第{}周", self.first.iso_week().year(), self.first.iso_week().week()),
            PeriodKind::Month => format!("{}年{}月", self.first.year(), self.first.month()),
            PeriodKind::Quarter => {
                let word = ["一", "二", "三", "四"][(self.first.month() as usize - 1) / 3];
                format!("{}年第{word}季度", self.first.year())
            }
            PeriodKind::Year => format!("{}年", self.first.year()),
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
        assert_eq!(code(PeriodKind::Quarter, "2026-09-30"), "2026Q3");
        assert_eq!(code(PeriodKind::Quarter, "2026-09-29"), "2026Q2");
        assert_eq!(code(PeriodKind::Month, "2024-02-29"), "2024-02");
        assert_eq!(code(PeriodKind::Month, "2026-01-15"), "2025-12");
        assert_eq!(Period::of(PeriodKind::Quarter, day("2026-11-30")).last_day(), day("2026-12-31"));
        assert_eq!(Period::last_closed(PeriodKind::Quarter, day("2026-09-30")).title(), "2026年第三季度");
        assert_eq!(Period::last_closed(PeriodKind::Year, day("2026-12-31")).last_day(), day("2026-12-31"));
        assert_eq!((code(PeriodKind::Year, "2027-01-15"), code(PeriodKind::Year, "2026-12-30")), ("2026".into(), "2025".into()));
        let week = Period::of(PeriodKind::Week, day("2027-01-01"));
        assert_eq!((week.first_day(), week.last_day(), week.code()), (day("2026-12-28"), day("2027-01-03"), "2026W53".into()));
        assert_eq!((code(PeriodKind::Week, "2026-10-11"), code(PeriodKind::Week, "2026-10-10")), ("2026W41".into(), "2026W40".into()));
    }

    #[test]
    fn the_first_and_the_last_period_have_no_neighbour() {
        for every in [PeriodKind::Week, PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year] {
            let (first, last) = (Period::of(every, NaiveDate::MIN), Period::of(every, NaiveDate::MAX));
            assert_eq!((first.previous(), last.next(), last.last_day()), (first, last, NaiveDate::MAX));
            assert_eq!(Period::last_closed(every, NaiveDate::MAX), last);
            assert_eq!(last.previous().next(), last);
        }
    }
}
