//! When a job is due: cron time + last slot done + now → due slots. Slots are local times of the job's zone; zones with summer time are
//! refused, so no slot is duplicated or lost when clocks change.

use crate::domain::register::calendar::{Local, weekday};
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use std::collections::{BTreeMap, VecDeque};

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

    /// Whether it comes more often than a job may run.
    pub fn is_dense(&self) -> bool {
        let start = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
        let times = std::iter::successors(self.next(start), |last| self.next(*last + chrono::Duration::seconds(1)));
        let times: Vec<NaiveDateTime> = times.take_while(|at| *at < start + Days::new(5 * 366)).take(TIMES_COMPARED).collect();
        times.windows(2).any(|two| two[1] - two[0] < chrono::Duration::minutes(GAP_MINUTES))
    }

    /// The first time at or after `from`.
    pub fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        self.0.find_next_occurrence(&from.and_utc(), true).ok().map(|at: DateTime<Utc>| at.naive_utc())
    }
}

/// The fewest minutes from one slot of a job to the next.
pub const GAP_MINUTES: i64 = 15;

/// So many times of a slot are compared with the next: some days of one that is as dense as it may be.
const TIMES_COMPARED: usize = 400;

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
    /// A job has one run for each such period; `None` = one for each slot.
    pub period: Option<PeriodKind>,
    pub missed: Missed,
    pub holiday: OnHoliday,
    /// Slots that are more days late than this are skipped.
    pub too_late_days: u32,
}

/// One time a job has to run. `at` names it (the cron time); it runs at `runs_at`, which the holiday policy may move. Its day is that of its
/// period as the slot is written, or the day that it is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub at: NaiveDateTime,
    pub runs_at: NaiveDateTime,
    pub as_of: NaiveDate,
}

/// A time with its weekday, for people: `星期四 2026-10-08 08:00`.
pub fn slot_words(at: NaiveDateTime) -> String {
    let form = if at.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    format!("{} {}", weekday(at.date()), at.format(form))
}

/// The most slots that one search looks through (a job four times an hour for a year).
const SLOTS_MAX: usize = 50_000;

/// A holiday moves a slot by no more days.
const MOVED_DAYS_MAX: u64 = 16;

impl Schedule {
    fn slot(&self, at: NaiveDateTime, calendar: Local<'_>) -> Option<Slot> {
        let day = match self.holiday {
            OnHoliday::Run => at.date(),
            OnHoliday::NextWorkday => calendar.next_workday(at.date()),
            OnHoliday::PreviousWorkday => calendar.previous_workday(at.date()),
            OnHoliday::Skip if calendar.is_workday(at.date()) => at.date(),
            OnHoliday::Skip => return None,
        };
        let as_of = match self.as_of {
            RunAsOf::SlotDay => day,
            RunAsOf::LastPeriodEnd(_) => self.as_of_on(at.date()),
        };
        Some(Slot { at, runs_at: day.and_time(at.time()), as_of })
    }

    /// The period for which the run of a slot counts; `None` = it counts for its slot alone.
    pub fn period_of(&self, slot: &Slot) -> Option<Period> {
        match self.as_of {
            RunAsOf::LastPeriodEnd(every) => Some(Period::of(every, slot.as_of)),
            RunAsOf::SlotDay => self.period.map(|every| Period::of(every, slot.at.date())),
        }
    }

    /// A period within these years of which the holiday policy leaves no slot, by the first slot that it drops.
    pub fn dropped_period(&self, years: (i32, i32), calendar: Local<'_>) -> Option<(Period, NaiveDate)> {
        let (first, end) = (NaiveDate::from_ymd_opt(years.0, 1, 1)?, NaiveDate::from_ymd_opt(years.1 + 1, 1, 1)?);
        // by period, the first slot of it that is dropped; `None` = one is left
        let mut open: BTreeMap<Period, Option<NaiveDate>> = BTreeMap::new();
        for at in self.times(first.and_time(NaiveTime::MIN)).take_while(|at| at.date() < end) {
            let written = Slot { at, runs_at: at, as_of: self.as_of_on(at.date()) };
            let period = self.period_of(&written)?;
            let dropped = open.entry(period).or_insert(Some(at.date()));
            if self.slot(at, calendar).is_some() {
                *dropped = None;
            }
        }
        let is_whole = |period: &Period| self.period != Some(PeriodKind::Week) || period.first_day() >= first && period.last_day() < end;
        open.into_iter().filter(|(period, _)| is_whole(period)).find_map(|(period, dropped)| Some((period, dropped?)))
    }

    /// The as_of of a run that starts on a day.
    pub fn as_of_on(&self, day: NaiveDate) -> NaiveDate {
        match self.as_of {
            RunAsOf::SlotDay => day,
            RunAsOf::LastPeriodEnd(every) => Period::last_closed(every, day).last_day(),
        }
    }

    /// The times as written, from one on.
    fn times(&self, from: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> + '_ {
        std::iter::successors(self.cron.next(from), |last| self.cron.next(*last + chrono::Duration::seconds(1))).take(SLOTS_MAX)
    }

    /// The slots from a time on, in order. Those of a day onto which a holiday moves one are one, the last.
    pub fn slots<'a>(&'a self, from: NaiveDateTime, calendar: Local<'a>) -> impl Iterator<Item = Slot> + 'a {
        let mut single = self.times(from).filter_map(move |at| self.slot(at, calendar)).peekable();
        let mut of_day: VecDeque<Slot> = VecDeque::new();
        std::iter::from_fn(move || {
            if of_day.is_empty() {
                let day = single.peek()?.runs_at.date();
                while let Some(slot) = single.next_if(|slot| slot.runs_at.date() == day) {
                    of_day.push_back(slot);
                }
                if of_day.iter().any(|slot| slot.runs_at != slot.at) {
                    of_day.drain(..of_day.len() - 1);
                }
            }
            of_day.pop_front()
        })
    }

    /// The slots that are still to come at `now`, also those that a holiday has moved behind it.
    pub fn upcoming<'a>(&'a self, now: NaiveDateTime, calendar: Local<'a>) -> impl Iterator<Item = Slot> + 'a {
        self.slots(now - Days::new(MOVED_DAYS_MAX), calendar).filter(move |slot| slot.runs_at >= now)
    }

    /// The slots due at `now` after the last one that was run or skipped (`None`: the job was never run, it starts from now).
    pub fn due(&self, last: Option<NaiveDateTime>, now: NaiveDateTime, calendar: Local<'_>) -> Due {
        let Some(last) = last else { return Due { run: Vec::new(), skipped: Vec::new() } };
        // a holiday may move a slot before its own time
        let horizon = now + Days::new(MOVED_DAYS_MAX);
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

    /// The first slot that judges a day, for a manual run; `None` = there is none.
    pub fn slot_for(&self, as_of: NaiveDate, calendar: Local<'_>) -> Option<Slot> {
        let midnight = as_of.and_time(NaiveTime::MIN);
        // a holiday may move a slot that lies before as_of onto it
        self.slots(midnight - Days::new(MOVED_DAYS_MAX), calendar)
            .take_while(|slot| slot.as_of <= as_of || slot.at <= midnight + Days::new(MOVED_DAYS_MAX))
            .find(|slot| slot.as_of == as_of)
    }

    /// The time that names a manual run of a day that no slot judges: its midnight, or the second behind it where that is a slot.
    pub fn time_apart(&self, as_of: NaiveDate) -> NaiveDateTime {
        let midnight = as_of.and_time(NaiveTime::MIN);
        let is_slot = self.cron.next(midnight) == Some(midnight);
        if is_slot { midnight + chrono::Duration::seconds(1) } else { midnight }
    }
}

/// Slots to run now, and slots that are skipped by the policy for missed slots.
#[derive(Debug, Default, PartialEq, Eq)]
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
            period: Some(PeriodKind::Quarter),
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
        let slot = job.slot_for("2026-09-30".parse().unwrap(), local).unwrap();
        assert_eq!((slot.at, job.period_of(&slot).unwrap().code()), (at("2026-10-08 08:00:00"), "2026Q3".into()));
        assert_eq!(job.slot_for("2026-08-15".parse().unwrap(), local), None);
        assert_eq!(job.time_apart("2026-08-15".parse().unwrap()), at("2026-08-15 00:00:00"));
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

    /// The slots of 1 to 8 October, of which seven are holidays, as time of the slot, time of the run and day.
    fn october(job: &Schedule) -> Vec<(String, String, String)> {
        let mut calendar = Calendar::default();
        calendar.add_year(2026, (1..=7).map(|d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap()), []);
        let slots = job.slots(at("2026-09-30 00:00:00"), calendar.of(None)).take_while(|slot| slot.at < at("2026-10-10 00:00:00"));
        let text = |at: NaiveDateTime| at.format("%d %H").to_string();
        slots.map(|slot| (text(slot.at), text(slot.runs_at), slot.as_of.to_string())).collect()
    }

    #[test]
    fn slots_that_a_holiday_moves_onto_one_day_are_one() {
        let job = |cron: &str, holiday| Schedule {
            cron: CronTime::parse(cron).unwrap(),
            as_of: RunAsOf::SlotDay,
            period: None,
            missed: Missed::All,
            holiday,
            ..quarterly(Missed::All)
        };
        let seen =
            |cron, holiday| october(&job(cron, holiday)).iter().map(|(at, runs_at, _)| format!("{at}→{runs_at}")).collect::<Vec<_>>();
        assert_eq!(seen("0 0 8 * * *", OnHoliday::NextWorkday), ["30 08→30 08", "08 08→08 08", "09 08→09 08"]);
        assert_eq!(
            seen("0 0 8,14 * * *", OnHoliday::NextWorkday),
            ["30 08→30 08", "30 14→30 14", "08 14→08 14", "09 08→09 08", "09 14→09 14"]
        );
        assert_eq!(seen("0 0 8,14 * * *", OnHoliday::PreviousWorkday)[..2], ["07 14→30 14", "08 08→08 08"]);
        assert_eq!(seen("0 0 8 * * *", OnHoliday::Skip), ["30 08→30 08", "08 08→08 08", "09 08→09 08"]);
        assert_eq!(seen("0 0 8 * * *", OnHoliday::Run).len(), 10);
        assert_eq!(october(&job("0 0 8 5 * *", OnHoliday::NextWorkday))[0].2, "2026-10-08", "slot-day is the day it is moved to");
        let due = |now: &str| {
            let mut calendar = Calendar::default();
            calendar.add_year(2026, (1..=7).map(|d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap()), []);
            job("0 0 8,14 * * *", OnHoliday::NextWorkday).due(Some(at("2026-09-30 14:00:00")), at(now), calendar.of(None)).run.len()
        };
        assert_eq!((due("2026-10-08 13:59:59"), due("2026-10-08 14:00:00")), (0, 1), "the last one's time");
        let mut calendar = Calendar::default();
        calendar.add_year(2026, (1..=7).map(|d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap()), []);
        let weekly = job("0 0 8 * * MON", OnHoliday::NextWorkday);
        let next = weekly.upcoming(at("2026-10-06 00:00:00"), calendar.of(None)).next().unwrap();
        assert_eq!((next.at, next.runs_at), (at("2026-10-05 08:00:00"), at("2026-10-08 08:00:00")), "moved behind now");
    }

    #[test]
    fn a_period_belongs_to_the_slot_as_it_is_written() {
        let monthly = Schedule {
            cron: CronTime::parse("0 0 8 1 * *").unwrap(),
            as_of: RunAsOf::LastPeriodEnd(PeriodKind::Month),
            period: Some(PeriodKind::Month),
            holiday: OnHoliday::PreviousWorkday,
            ..quarterly(Missed::Latest)
        };
        let calendar = Calendar::default();
        let slots: Vec<Slot> = monthly.slots(at("2026-01-01 00:00:00"), calendar.of(None)).take(24).collect();
        let months: Vec<String> = slots.iter().map(|slot| monthly.period_of(slot).unwrap().code()).collect();
        assert_eq!(slots[1].runs_at, at("2026-01-30 08:00:00"), "1 February 2026 is a Sunday");
        assert_eq!((months[0].as_str(), months[1].as_str(), months[23].as_str()), ("2025-12", "2026-01", "2027-11"));
        assert!(months.windows(2).all(|two| two[0] < two[1]), "none twice, none left out: {months:?}");
        assert_eq!(monthly.dropped_period((2026, 2026), calendar.of(None)), None);
        let skips = Schedule { holiday: OnHoliday::Skip, ..monthly };
        let (period, day) = skips.dropped_period((2026, 2026), calendar.of(None)).unwrap();
        assert_eq!((period.code(), day), ("2026-01".into(), "2026-02-01".parse().unwrap()));
        let daily = Schedule { cron: CronTime::parse("0 0 8 * * *").unwrap(), ..skips };
        assert_eq!(daily.dropped_period((2026, 2026), calendar.of(None)), None);
    }

    #[test]
    fn slots_that_are_too_dense() {
        for (text, is_dense) in [
            ("* * 8 8 1,4,7,10 *", true),
            ("* 0 8 * * *", true),
            ("0 * 8 * * *", true),
            ("0 0,10 8 1 1 *", true),
            ("0 50,0 0,23 * * *", true),
            ("0 */14 * * * *", true),
            ("0 */15 * * * *", false),
            ("0 0 8 8 1,4,7,10 *", false),
            ("0 30 6 * * *", false),
            ("0 50,0 0,23 * * MON", false),
            ("0 0 0 1 1 *", false),
        ] {
            assert_eq!(CronTime::parse(text).unwrap().is_dense(), is_dense, "{text}");
        }
    }

    #[test]
    fn cron_times_that_are_refused() {
        assert!(CronTime::parse("0 8 * * *").is_err());
        assert!(CronTime::parse("0 0 8 1 * MON").is_err());
        assert!(CronTime::parse("0 0 8 31 2 *").is_err());
        assert!(CronTime::parse("0 0 25 * * *").is_err());
    }
}
