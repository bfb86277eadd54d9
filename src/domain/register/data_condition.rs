//! Whether the data of a source can be relied on for a day. Old data accuse nobody: what is found only because nothing newer was read waits for
//! the data.
//!
//! Data are current unless their source could not be read at the last try, they are older than their ledger allows, or a newer snapshot waits
//! for a person.

use crate::domain::register::period::chinese_date;
use crate::domain::register::snapshot::{Candidate, InForce, source_title};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who reads of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Office,
    Unit,
}

/// The condition of the data of one ledger from one source on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCondition {
    /// Id of the ledger.
    pub ledger: String,
    pub source: String,
    /// The day that the data describe: the stated one, else the last day on which a pull found them unchanged.
    pub data_day: NaiveDate,
    /// Why the source could not be read at the last try; empty = it could.
    pub failure: String,
    /// They are older than the ledger allows.
    pub too_old: bool,
    /// Number of a newer snapshot that waits for a person.
    pub held: Option<i64>,
}

impl DataCondition {
    /// Whether a run relies on the data as they are.
    pub fn is_current(&self) -> bool {
        self.failure.is_empty() && !self.too_old && self.held.is_none()
    }

    /// Days between the day of the data and a day.
    pub fn days_before(&self, as_of: NaiveDate) -> i64 {
        (as_of - self.data_day).num_days().max(0)
    }

    /// The condition as a sentence without a full stop, empty where the data are current. `ledger` is the ledger's title; the reason of a failure may
    /// name folders and machines, so it is for the office.
    pub fn in_words(&self, ledger: &str, as_of: NaiveDate, reader: Reader) -> String {
        if self.is_current() {
            return String::new();
        }
        let (source, days) = (source_title(&self.source), self.days_before(as_of));
        let mut parts = vec![match days {
            0 => format!("{ledger}数据截至{}", chinese_date(self.data_day)),
            days => format!("{ledger}数据已{days}天未更新（截至{}）", chinese_date(self.data_day)),
        }];
        match self.failure.as_str() {
            "" => {}
            reason if reader == Reader::Office => parts.push(format!("来源“{source}”未能读取：{reason}")),
            _ => parts.push(format!("来源“{source}”未能读取")),
        }
        parts.extend(self.held.map(|seq| format!("新报来的数据（来源“{source}”第{seq}次快照）暂缓生效，待核对")));
        parts.join("，")
    }
}

/// What decides about conditions beside the snapshots.
pub struct Reliance<'a> {
    pub as_of: NaiveDate,
    /// By source, why it could not be read at the last try.
    pub failures: &'a BTreeMap<String, String>,
    /// The most days that data of a ledger (its id) may be old.
    pub max_age_days: &'a dyn Fn(&str) -> Option<u32>,
}

/// The conditions of the snapshots in force on a day. `held` are the snapshots that wait for a person.
pub fn conditions(in_force: &[InForce], held: &[Candidate], reliance: &Reliance<'_>) -> Vec<DataCondition> {
    in_force.iter().map(|found| condition(&found.snapshot, held, reliance)).collect()
}

fn condition(used: &Candidate, held: &[Candidate], reliance: &Reliance<'_>) -> DataCondition {
    let as_of = reliance.as_of;
    // data without a day of their own are as they were when somebody looked at them last
    let last_seen = if used.is_day_stated { used.covers_on } else { used.checked_on.max(used.covers_on) };
    let is_of_source = |other: &&Candidate| (&other.ledger, &other.source) == (&used.ledger, &used.source);
    // one that states a later day would not be used for this day either
    let is_for_the_day = |other: &&Candidate| !other.is_day_stated || other.covers_on <= as_of;
    let newer = held.iter().filter(is_of_source).filter(|other| other.seq > used.seq).filter(is_for_the_day);
    let max_age = (reliance.max_age_days)(&used.ledger).filter(|_| !used.sample);
    DataCondition {
        ledger: used.ledger.clone(),
        source: used.source.clone(),
        data_day: last_seen.min(as_of).max(used.covers_on),
        failure: reliance.failures.get(&used.source).cloned().unwrap_or_default(),
        too_old: max_age.is_some_and(|most| (as_of - last_seen).num_days() > i64::from(most)),
        held: newer.map(|other| other.seq).max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(seq: i64, covers: &str, checked: Option<&str>) -> Candidate {
        let day = |text: &str| text.parse().unwrap();
        Candidate {
            ledger: "project".into(),
            source: "a".into(),
            seq,
            covers_on: day(covers),
            is_day_stated: checked.is_none(),
            checked_on: checked.map_or(day(covers), day),
            sample: false,
        }
    }

    fn on(as_of: &str, used: &Candidate, held: &[Candidate], failure: &str) -> DataCondition {
        let failures = BTreeMap::from([("a".to_owned(), failure.to_owned())]);
        let reliance = Reliance { as_of: as_of.parse().unwrap(), failures: &failures, max_age_days: &|_| Some(10) };
        condition(used, held, &reliance)
    }

    #[test]
    fn data_are_too_old_by_their_stated_day_else_by_the_day_they_were_last_seen() {
        let stated = snapshot(1, "2026-09-30", None);
        assert!(on("2026-10-10", &stated, &[], "").is_current());
        assert!(on("2026-10-11", &stated, &[], "").too_old);
        let pulled = snapshot(1, "2026-09-01", Some("2026-09-30"));
        assert!(on("2026-10-10", &pulled, &[], "").is_current());
        let old = on("2026-10-11", &pulled, &[], "");
        assert!(old.too_old && old.data_day.to_string() == "2026-09-30");
        assert_eq!(old.in_words("项目台账", "2026-10-11".parse().unwrap(), Reader::Unit), "项目台账数据已11天未更新（截至2026年9月30日）");
        // a day before the last look is described by what was found then
        assert_eq!(on("2026-09-15", &pulled, &[], "").data_day.to_string(), "2026-09-15");
        let sample = Candidate { sample: true, ..stated };
        assert!(on("2027-12-31", &sample, &[], "").is_current());
    }

    #[test]
    fn a_failed_source_and_a_newer_snapshot_that_waits_are_named() {
        let used = snapshot(2, "2026-09-30", None);
        let failed = on("2026-09-30", &used, &[], "文件夹不存在");
        assert!(!failed.is_current());
        let words = |reader| failed.in_words("项目台账", "2026-09-30".parse().unwrap(), reader);
        assert_eq!(words(Reader::Office), "项目台账数据截至2026年9月30日，来源“a”未能读取：文件夹不存在");
        assert_eq!(words(Reader::Unit), "项目台账数据截至2026年9月30日，来源“a”未能读取");
        let held = |seq, covers, checked| on("2026-09-30", &used, &[snapshot(seq, covers, checked)], "").held;
        assert_eq!(held(3, "2026-09-30", None), Some(3));
        assert_eq!(held(3, "2026-10-08", Some("2026-10-08")), Some(3), "nobody knows which day it describes");
        assert_eq!(held(3, "2026-12-31", None), None, "it is for another day");
        assert_eq!(held(1, "2026-09-30", None), None, "it is the older one");
    }
}
