//! The only file that reads the wall clock.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc};
use std::sync::{Arc, Mutex};

/// Seconds by which Asia/Shanghai is ahead of UTC. It has had no summer time since 1991.
pub(crate) const SHANGHAI_SECONDS: i32 = 8 * 3600;

/// A source of the current time: the machine's clock, or a time that tests set.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Manual(Arc<Mutex<ManualTime>>),
}

/// A time that tests set, and what everything beside the clock states.
#[derive(Clone, Debug)]
pub struct ManualTime {
    now: DateTime<Utc>,
    /// `None` = whatever is asked agrees with the clock.
    around: Option<Around>,
}

/// What is known of the time beside the clock.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The newest of files and program.
    pub newest: Option<DateTime<Utc>>,
    pub witnesses: Vec<DateTime<Utc>>,
}

impl Clock {
    /// A clock that shows `at` until [`Clock::set`] changes it.
    pub fn manual(at: DateTime<Utc>) -> Clock {
        Clock::Manual(Arc::new(Mutex::new(ManualTime { now: at, around: None })))
    }

    /// Sets a manual clock; does nothing to the system clock.
    pub fn set(&self, at: DateTime<Utc>) {
        if let Clock::Manual(time) = self {
            time.lock().unwrap_or_else(std::sync::PoisonError::into_inner).now = at;
        }
    }

    /// Sets what everything beside a manual clock states; does nothing to the system clock.
    pub fn set_around(&self, around: Around) {
        if let Clock::Manual(time) = self {
            time.lock().unwrap_or_else(std::sync::PoisonError::into_inner).around = Some(around);
        }
    }

    /// What a test states of the time beside the clock; `None` = this is the system clock, and files and others are asked.
    pub(crate) fn stated_around(&self) -> Option<Around> {
        match self {
            Clock::System => None,
            Clock::Manual(time) => {
                let time = time.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let agreed = || Around { newest: Some(time.now), witnesses: vec![time.now] };
                Some(time.around.clone().unwrap_or_else(agreed))
            }
        }
    }

    /// The current time in UTC.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            #[allow(clippy::disallowed_methods, reason = "only this file reads the machine's clock")]
            Clock::System => Utc::now(),
            Clock::Manual(time) => time.lock().unwrap_or_else(std::sync::PoisonError::into_inner).now,
        }
    }

    /// The current day in Asia/Shanghai.
    pub fn today(&self) -> NaiveDate {
        self.local(SHANGHAI_SECONDS).date()
    }

    /// The wall-clock time at an offset from UTC.
    pub fn local(&self, utc_offset_seconds: i32) -> NaiveDateTime {
        self.now().naive_utc() + chrono::Duration::seconds(i64::from(utc_offset_seconds))
    }
}

/// A time as it is stored: UTC, with a fixed width, so that texts sort as times do.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The day in Asia/Shanghai of a stored time; empty where there is none.
pub(crate) fn stamp_day(stamp: &str) -> String {
    match (DateTime::parse_from_rfc3339(stamp), FixedOffset::east_opt(SHANGHAI_SECONDS)) {
        (Ok(at), Some(offset)) => at.with_timezone(&offset).date_naive().to_string(),
        _ => String::new(),
    }
}

/// A time zone with one offset all year.
#[derive(Clone, Copy, Debug)]
pub struct Zone {
    /// Seconds ahead of UTC.
    pub offset_seconds: i32,
}

impl Zone {
    /// The zone of a name such as `Asia/Shanghai`.
    ///
    /// # Errors
    /// An unknown name, or a zone whose offset changes within the years 2020-2040.
    pub fn parse(name: &str) -> Result<Zone, String> {
        let zone: chrono_tz::Tz = name.parse().map_err(|_| "is unknown".to_string())?;
        let offset_of = |year: i32, month: u32| -> Option<FixedOffset> {
            let noon = NaiveDate::from_ymd_opt(year, month, 1)?.and_hms_opt(12, 0, 0)?;
            Some(zone.offset_from_utc_datetime(&noon).fix())
        };
        let offsets: Vec<FixedOffset> = (2020..=2040).flat_map(|year| (1..=12).filter_map(move |month| offset_of(year, month))).collect();
        match offsets.first() {
            Some(first) if offsets.iter().all(|offset| offset == first) => Ok(Zone { offset_seconds: first.local_minus_utc() }),
            _ => Err("has summer time, which makes slots ambiguous".into()),
        }
    }
}
