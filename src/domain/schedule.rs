//! When a job is due: cron time + last slot done + now → due slots. Slots are local times of the job's zone; zones with summer time are
//! refused, so no slot is duplicated or lost when clocks change.

use crate::domain::register::calendar::Local;
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};

/// A parsed 6-field cron time.
#[derive(Clone, Debug)]
pub struct CronTime(Cron);

impl CronTime {
    /// # Errors
    /// A text that is no 6-field cron time, restricts both day of month and weekday, or never fires.
    pub fn parse(text: &str) -> Result<CronTime, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != 6 {
            return Err(format!("has {} fields, not 6", fields.len()));
        }
        if !matches!(fields[3], "*" | "?") && !matches!(fields[5], "*" | "?") {
            return Err("day of month and weekday together mean different things in different crons; use one of them".into());
        }
        let cron =
            CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).build().parse(text).map_err(|error| error.to_string())?;
        let start = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN).and_utc();
        cron.find_next_occurrence(&start, true).map_err(|_| "never comes".to_string())?;
        Ok(CronTime(cron))
    }

    /// The first time at or after `from`.
    pub fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        self.0.find_next_occurrence(&from.and_utc(), true).ok().map(|at: DateTime<Utc>| at.naive_utc())
    }
}

/// The day that the runs of a job judge (as_of).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAsOf {
    SlotDay,
    LastPeriodEnd(PeriodKind),
}

/// What happens to slots that passed while the service was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    Latest,
    All,
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHoliday {
    NextWorkday,
    PreviousWorkday,
    Run,
    Skip,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub cron: CronTime,
    pub utc_offset_seconds: i32,
    pub as_of: RunAsOf,
    pub missed: Missed,
    pub holiday: OnHoliday,
    /// Slots that are more days late than this are skipped.
    pub too_late_days: u32,
}

/// One time a job has to run. `at` names it (the cron time); it runs at `runs_at`, which the holiday policy may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub at: NaiveDateTime,
    pub runs_at: NaiveDateTime,
    pub as_of: NaiveDate,
}

/// The most slots that one search looks through (a job each minute for a month).
const SLOTS_MAX: usize = 50_000;

impl Schedule {
    fn slot(&self, at: NaiveDateTime, calendar: Local<'_>) -> Option<Slot> {
        let day = match self.holiday {
            OnHoliday::Run => at.date(),
            OnHoliday::NextWorkday => calendar.next_workday(at.date()),
            OnHoliday::PreviousWorkday => calendar.previous_workday(at.date()),
            OnHoliday::Skip if calendar.is_workday(at.date()) => at.date(),
            OnHoliday::Skip => return None,
        };
        Some(Slot { at, runs_at: day.and_time(at.time()), as_of: self.as_of_on(day) })
    }

    /// The as_of of a run that starts on a day.
    pub fn as_of_on(&self, day: NaiveDate) -> NaiveDate {
        match self.as_of {
            RunAsOf::SlotDay => day,
            RunAsOf::LastPeriodEnd(every) => Period::last_closed(every, day).last_day(),
        }
    }

    /// The slots from a time on, in order.
    pub fn slots<'a>(&'a self, from: NaiveDateTime, calendar: Local<'a>) -> impl Iterator<Item = Slot> + 'a {
        let mut at = self.cron.next(from);
        std::iter::from_fn(move || {
            let now = at?;
            at = self.cron.next(now + chrono::Duration::seconds(1));
            Some(now)
        })
        .take(SLOTS_MAX)
        .filter_map(move |at| self.slot(at, calendar))
    }

    /// The slots due at `now` after the last one that was run or skipped (`None`: the job was never run, it starts from now).
    pub fn due(&self, last: Option<NaiveDateTime>, now: NaiveDateTime, calendar: Local<'_>) -> Due {
        let Some(last) = last else { return Due { run: Vec::new(), skipped: Vec::new() } };
        // a holiday may move a slot up to two weeks before its own time
        let horizon = now + Days::new(16);
        let passed: Vec<Slot> = self
            .slots(last + chrono::Duration::seconds(1), calendar)
            .take_while(|slot| slot.at <= horizon)
            .filter(|slot| slot.runs_at <= now)
            .collect();
        let oldest = now.checked_sub_days(Days::new(u64::from(self.too_late_days))).unwrap_or(NaiveDateTime::MIN);
        let (mut run, mut skipped): (Vec<Slot>, Vec<Slot>) = passed.into_iter().partition(|slot| slot.runs_at >= oldest);
        match self.missed {
            Missed::All => {}
            Missed::Latest => {
                let keep = run.len().saturating_sub(1);
                skipped.extend(run.drain(..keep));
            }
            // a slot counts as missed when it is later than a normal wake-up of the service
            Missed::Skip => {
                let fresh = now - chrono::Duration::minutes(10);
                let (now_due, late): (Vec<Slot>, Vec<Slot>) = run.into_iter().partition(|slot| slot.runs_at >= fresh);
                run = now_due;
                skipped.extend(late);
            }
        }
        Due { run, skipped }
    }

    /// The slot of a manual run on a given as_of: the first slot with this as_of, else midnight of the day itself.
    pub fn slot_for(&self, as_of: NaiveDate, calendar: Local<'_>) -> NaiveDateTime {
        let midnight = as_of.and_time(NaiveTime::MIN);
        // a holiday may move a slot that lies before as_of onto it
        self.slots(midnight - Days::new(16), calendar)
            .take_while(|slot| slot.as_of <= as_of || slot.at <= midnight + Days::new(16))
            .find(|slot| slot.as_of == as_of)
            .map_or(midnight, |slot| slot.at)
    }
}

/// Slots to run now, and slots that are skipped by the policy for missed slots.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    pub run: Vec<Slot>,
    pub skipped: Vec<Slot>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::register::calendar::Calendar;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
    }

    fn quarterly(missed: Missed) -> Schedule {
        Schedule {
            cron: CronTime::parse("0 0 8 8 1,4,7,10 *").unwrap(),
            utc_offset_seconds: 8 * 3600,
            as_of: RunAsOf::LastPeriodEnd(PeriodKind::Quarter),
            missed,
            holiday: OnHoliday::NextWorkday,
            too_late_days: 400,
        }
    }

    #[test]
    fn a_quarter_has_its_slot() {
        let mut calendar = Calendar::default();
        calendar.add_year(2026, (1..=8).map(|d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap()), []);
        let local = calendar.of(None);
        let job = quarterly(Missed::Latest);
        assert_eq!(job.slot_for("2026-09-30".parse().unwrap(), local), at("2026-10-08 08:00:00"));
        assert_eq!(job.slot_for("2026-08-15".parse().unwrap(), local), at("2026-08-15 00:00:00"));
        let due = job.due(Some(at("2026-01-08 08:00:00")), at("2026-10-09 08:00:00"), local);
        assert_eq!(
            due.run.iter().map(|slot| (slot.at, slot.as_of)).collect::<Vec<_>>(),
            [(at("2026-10-08 08:00:00"), "2026-09-30".parse().unwrap())]
        );
        assert_eq!(due.run[0].runs_at, at("2026-10-09 08:00:00"));
        assert_eq!(due.skipped.len(), 2);
        assert!(job.due(Some(at("2026-01-08 08:00:00")), at("2026-04-08 07:59:59"), local).run.is_empty());
        assert!(job.due(None, at("2026-10-09 08:00:00"), local).run.is_empty());
        // a clock that went back finds nothing
        assert!(job.due(Some(at("2026-10-08 08:00:00")), at("2026-01-01 00:00:00"), local).run.is_empty());
    }

    #[test]
    fn policies_for_missed_slots() {
        let calendar = Calendar::default();
        let local = calendar.of(None);
        let from = Some(at("2026-01-01 00:00:00"));
        let now = at("2026-12-01 00:00:00");
        assert_eq!(quarterly(Missed::All).due(from, now, local).run.len(), 4);
        assert_eq!(quarterly(Missed::Latest).due(from, now, local).run.len(), 1);
        assert_eq!(quarterly(Missed::Skip).due(from, now, local).run.len(), 0);
        assert_eq!(Schedule { too_late_days: 10, ..quarterly(Missed::All) }.due(from, now, local).run.len(), 0);
    }

    #[test]
    fn cron_times_that_are_refused() {
        assert!(CronTime::parse("0 8 * * *").is_err());
        assert!(CronTime::parse("0 0 8 1 * MON").is_err());
        assert!(CronTime::parse("0 0 8 31 2 *").is_err());
        assert!(CronTime::parse("0 0 25 * * *").is_err());
    }
}
