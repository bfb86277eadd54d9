//! Whether the clock of the machine can be believed. One that is far from everything else that is known starts nothing and mails nothing.

use chrono::{DateTime, Duration, Utc};

/// So much may the clock be behind the last time that was seen: clocks of machines are set now and then.
fn behind_max() -> Duration {
    Duration::hours(1)
}

/// So far ahead of the newest fact it may be without a witness, and with one.
const AHEAD_DAYS_ALONE: i64 = 14;
const AHEAD_DAYS: i64 = 60;

/// A witness agrees with the clock within this time.
fn agreement() -> Duration {
    Duration::minutes(10)
}

/// What is known beside the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockFacts {
    /// The last time at which the service trusted the clock.
    pub last_seen: Option<DateTime<Utc>>,
    /// The newest of that time, the last snapshot, the files of the configuration and the program itself.
    pub newest: Option<DateTime<Utc>>,
    /// The times that others state now.
    pub witnesses: Vec<DateTime<Utc>>,
}

/// Why the clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is before a time that was seen already.
    Behind { last_seen: DateTime<Utc> },
    /// It is far behind the newest fact.
    Ahead { newest: DateTime<Utc>, days: i64 },
}

/// Judges the clock; `None` = it is believed.
pub fn doubt(now: DateTime<Utc>, facts: &ClockFacts) -> Option<Doubt> {
    let is_confirmed = facts.witnesses.iter().any(|witness| (*witness - now).abs() <= agreement());
    if let Some(last_seen) = facts.last_seen.filter(|last_seen| *last_seen - now > behind_max()) {
        return (!is_confirmed).then_some(Doubt::Behind { last_seen });
    }
    let newest = facts.newest?;
    let ahead = now - newest;
    let days = ahead.num_days();
    let most = Duration::days(if is_confirmed { AHEAD_DAYS } else { AHEAD_DAYS_ALONE });
    (ahead > most).then_some(Doubt::Ahead { newest, days })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}Z").parse().unwrap()
    }

    fn facts(last_seen: &str, newest: &str, witness: Option<&str>) -> ClockFacts {
        ClockFacts { last_seen: Some(at(last_seen)), newest: Some(at(newest)), witnesses: witness.map(at).into_iter().collect() }
    }

    #[test]
    fn a_clock_far_from_all_facts_is_not_believed() {
        let seen = "2026-10-07T01:00:00";
        let judged = |now: &str, newest: &str, witness: Option<&str>| doubt(at(now), &facts(seen, newest, witness));
        assert_eq!(judged("2026-10-07T00:00:00", seen, None), None, "an hour behind");
        assert_eq!(judged("2026-10-06T23:59:59", seen, None), Some(Doubt::Behind { last_seen: at(seen) }));
        assert_eq!(judged("2026-10-06T23:59:59", seen, Some("2026-10-07T00:09:00")), None, "a witness agrees: the time seen was wrong");
        assert!(judged("2026-10-06T23:59:59", seen, Some("2026-10-07T01:00:00")).is_some(), "the witness has another time");
        assert_eq!(judged("2026-10-21T01:00:00", seen, None), None, "14 days ahead");
        assert_eq!(judged("2026-10-21T01:00:01", seen, None), Some(Doubt::Ahead { newest: at(seen), days: 14 }));
        assert_eq!(judged("2026-10-21T01:00:01", seen, Some("2026-10-21T01:05:00")), None);
        assert_eq!(judged("2026-12-06T01:00:00", seen, Some("2026-12-06T01:00:00")), None, "60 days ahead");
        assert!(judged("2026-12-06T01:00:01", seen, Some("2026-12-06T01:00:00")).is_some());
        assert_eq!(judged("2026-12-06T01:00:01", "2026-12-01T00:00:00", None), None, "a file of the configuration is newer");
        assert_eq!(doubt(at("2030-01-01T00:00:00"), &ClockFacts::default()), None, "nothing is known");
    }
}
