//! The id of a message, from which its Message-ID, its boundaries and its file name are made: ASCII, short, and the same for every attempt.

use chrono::{NaiveDate, NaiveDateTime};
use ring::digest::{SHA256, digest};

/// What a message is one of.
pub(crate) struct MessageOf<'a> {
    pub(crate) job: &'a str,
    pub(crate) as_of: NaiveDate,
    /// The time of the run's slot.
    pub(crate) at: NaiveDateTime,
    /// Code of the unit.
    pub(crate) unit: &'a str,
    /// Code of a draft's act.
    pub(crate) act: Option<&'a str>,
    pub(crate) revision: i64,
}

/// A longer name of a job or code of a unit is shortened.
const PART_CHARS_MAX: usize = 48;

/// Letters that a shortened name begins with, and hex digits that tell it from others.
const SHOWN_CHARS: usize = 24;
const PRINT_CHARS: usize = 12;

impl MessageOf<'_> {
    /// The id.
    pub(crate) fn id(&self) -> String {
        let MessageOf { job, as_of, at, unit, act, revision } = self;
        let act = act.map_or(String::new(), |act| format!("_{act}"));
        let revision = if *revision > 0 { format!("-r{revision}") } else { String::new() };
        format!("{}_{as_of}_{}_{}{act}{revision}", part(job), at.format("%Y%m%dT%H%M%S"), part(&unit.to_lowercase()))
    }
}

/// A name as a part of an id. One that an id cannot hold becomes what it can hold of it with a fingerprint.
fn part(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.len() <= PART_CHARS_MAX && !name.is_empty() && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let shown: String = name.chars().filter(|c| is_plain(*c)).take(SHOWN_CHARS).collect();
    let print = hex::encode(digest(&SHA256, name.as_bytes()));
    format!("{shown}{}{}", if shown.is_empty() { "x" } else { "-" }, &print[..PRINT_CHARS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_job_or_a_unit_makes_an_id_of_its_own() {
        let day: NaiveDate = "2026-09-30".parse().unwrap();
        let id = |job: &str, unit: &str| {
            MessageOf { job, as_of: day, at: day.and_hms_opt(8, 0, 0).unwrap(), unit, act: Some("supervise"), revision: 2 }.id()
        };
        assert_eq!(id("quarterly", "YJT"), "quarterly_2026-09-30_20260930T080000_yjt_supervise-r2");
        let long = "季度督办".repeat(30);
        let names = ["季度督办", "季度 督办", "a b", "a_b", "ab", "甲/乙", &long, "月度研究", &"x".repeat(200)];
        let mut ids: Vec<String> = names.iter().flat_map(|name| [id(name, "522725"), id("q", name)]).collect();
        let is_plain = |id: &String| id.len() <= 160 && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        assert!(ids.iter().all(is_plain), "{ids:?}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 2 * names.len());
    }
}
