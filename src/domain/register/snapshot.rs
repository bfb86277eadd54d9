//! Which snapshot of each source is in force on a day, and whether an import differs so much that a person has to release it.
//!
//! Two clocks: `seq` orders the pulls, `covers_on` (数据截至日: `--covers`, else 截至 in the file, else the day of the pull) is the day that the
//! data describe. In force on a day is the snapshot with the highest (covers_on, seq) up to that day; if there is none, the earliest.
//! Holding, releasing or discarding a snapshot changes its one row.

use chrono::NaiveDate;

/// The source of files that an office imports by hand.
const IMPORTED: &str = "import";

/// The name of a source for readers.
pub fn source_title(source: &str) -> &str {
    if source == IMPORTED { "手工导入" } else { source }
}

/// A snapshot that may be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub ledger: String,
    pub source: String,
    pub seq: i64,
    /// 数据截至日.
    pub covers_on: NaiveDate,
    /// The day was given by hand or in the file; else it is the day of the pull.
    pub is_day_stated: bool,
    /// The last day on which a pull found it unchanged.
    pub checked_on: NaiveDate,
    pub sample: bool,
}

/// A snapshot in force. `early`: no snapshot covers the day, so the earliest one is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    pub snapshot: Candidate,
    pub early: bool,
}

/// The snapshots in force on `as_of`: for each (ledger, source) the highest (covers_on, seq) not after the day, else the earliest.
/// Sources are in the order of the configuration, then others by name. Once another source has projects, the sample counts for no ledger.
pub fn in_force(candidates: &[Candidate], order: &[String], wanted: &[String], project_ledger: &str, as_of: NaiveDate) -> Vec<InForce> {
    let own = candidates.iter().any(|candidate| candidate.ledger == project_ledger && !candidate.sample);
    let mut usable: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| !(own && candidate.sample))
        .filter(|candidate| wanted.is_empty() || wanted.contains(&candidate.source))
        .collect();
    let rank = |source: &str| order.iter().position(|known| known == source).unwrap_or(usize::MAX);
    usable.sort_by(|a, b| {
        (&a.ledger, rank(&a.source), &a.source, a.covers_on, a.seq).cmp(&(&b.ledger, rank(&b.source), &b.source, b.covers_on, b.seq))
    });
    usable
        .chunk_by(|a, b| a.ledger == b.ledger && a.source == b.source)
        .filter_map(|group| {
            let chosen = group.iter().rev().find(|candidate| candidate.covers_on <= as_of);
            let early = chosen.is_none();
            chosen.or(group.first()).map(|snapshot| InForce { snapshot: (*snapshot).clone(), early })
        })
        .collect()
}

/// The snapshots `first_seq..=last_seq` of one source hold this version of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub first_seq: i64,
    pub last_seq: i64,
}

/// When a code was last in force, and since when it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Index of the version last in force.
    pub version: usize,
    /// The last snapshot in force that contains it.
    pub seen_seq: i64,
    /// The next snapshot in force, which does not.
    pub gone_seq: i64,
}

/// Where a code that the snapshot now in force lacks was last seen. `history` are the snapshots that were in force up to now, in order of
/// (covers_on, seq), the one now in force last. `None`: it never was in force, or still is.
pub fn last_seen(versions: &[Version], history: &[i64]) -> Option<LastSeen> {
    let held = |seq: i64| versions.iter().position(|version| (version.first_seq..=version.last_seq).contains(&seq));
    let (position, version) = history.iter().enumerate().rev().find_map(|(position, seq)| Some((position, held(*seq)?)))?;
    let gone_seq = *history.get(position + 1)?;
    Some(LastSeen { version, seen_seq: history[position], gone_seq })
}

/// The bounds beyond which an import is held, in percent of the last snapshot in force; `amount_times` is a factor.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub rows_fewer_pct: u32,
    pub amount_change_pct: u32,
    pub codes_changed_pct: u32,
    pub amount_times: u32,
}

/// A new snapshot compared with the one in force. Amounts in 分.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub rows_before: i64,
    pub rows: i64,
    pub amount_before: i64,
    pub amount: i64,
    pub codes_new: u64,
    pub codes_gone: u64,
    /// The code whose amount changed most, and by what factor.
    pub amount_times: Option<(String, i64)>,
}

/// Why a snapshot is held, as printed for the office: what the brake finds, then the doubts that only a person can decide. `None` = it comes
/// into force. The rows of an append-only ledger stay, so only a doubt makes the brake look at it.
pub(crate) fn held_because(bounds: Bounds, seen: &Comparison, growth: Growth, append_only: bool, doubts: Vec<String>) -> Option<String> {
    if append_only && doubts.is_empty() {
        return None;
    }
    let reasons: Vec<String> = brake(bounds, seen, growth).into_iter().chain(doubts).collect();
    (!reasons.is_empty()).then(|| reasons.join("；"))
}

/// How the number of rows of a ledger develops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// A list of what there is: new rows are rare.
    Steady,
    /// A list of what has happened, which grows with every event: new rows, and what they add to the amount, are its normal course.
    Growing,
}

/// Why the numbers of a snapshot are implausible; `None` = they are not.
pub fn brake(bounds: Bounds, seen: &Comparison, growth: Growth) -> Option<String> {
    let mut reasons = Vec::new();
    let before = i128::from(seen.rows_before.max(1));
    let fewer = i128::from(seen.rows_before - seen.rows);
    if fewer * 100 > before * i128::from(bounds.rows_fewer_pct) {
        reasons.push(format!("行数由{}减为{}，超过{}%", seen.rows_before, seen.rows, bounds.rows_fewer_pct));
    }
    let grown = i128::from(seen.amount) - i128::from(seen.amount_before);
    let change = if growth == Growth::Growing { (-grown).max(0) } else { grown.abs() };
    if seen.amount_before > 0 && change * 100 > i128::from(seen.amount_before) * i128::from(bounds.amount_change_pct) {
        reasons.push(format!("投资额合计变动超过{}%", bounds.amount_change_pct));
    }
    let (codes, what) = match growth {
        Growth::Steady => (seen.codes_new + seen.codes_gone, "新增或消失"),
        Growth::Growing => (seen.codes_gone, "消失"),
    };
    if i128::from(codes) * 100 > before * i128::from(bounds.codes_changed_pct) {
        reasons.push(format!("{what}的编号有{codes}个，超过{}%", bounds.codes_changed_pct));
    }
    if let Some((code, times)) = seen.amount_times.as_ref().filter(|(_, times)| *times >= i64::from(bounds.amount_times)) {
        reasons.push(format!("{code}的投资额变动{times}倍，疑似单位有误"));
    }
    (!reasons.is_empty()).then(|| reasons.join("；"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(ledger: &str, source: &str, seq: i64, covers: &str, sample: bool) -> Candidate {
        let covers_on = covers.parse().unwrap();
        Candidate { ledger: ledger.into(), source: source.into(), seq, covers_on, is_day_stated: true, checked_on: covers_on, sample }
    }

    #[test]
    fn the_latest_that_covers_the_day_is_in_force() {
        let all = [
            candidate("project", "a", 1, "2026-06-30", false),
            candidate("project", "a", 2, "2026-09-30", false),
            candidate("project", "a", 3, "2026-09-30", false),
            candidate("project", "sample", 1, "2026-09-30", true),
            candidate("work-order", "sample", 1, "2026-09-30", true),
            candidate("work-order", "import", 1, "2026-11-23", false),
        ];
        let pick = |day: &str| {
            in_force(&all, &["sample".into(), "a".into()], &[], "project", day.parse().unwrap())
                .into_iter()
                .map(|found| (found.snapshot.ledger, found.snapshot.source, found.snapshot.seq, found.early))
                .collect::<Vec<_>>()
        };
        assert_eq!(pick("2026-09-30"), [("project".into(), "a".into(), 3, false), ("work-order".into(), "import".into(), 1, true)]);
        assert_eq!(pick("2026-09-29")[0].2, 1);
        assert_eq!(pick("2020-01-01")[0], ("project".into(), "a".into(), 1, true));
        assert_eq!(in_force(&all[3..5], &[], &[], "project", "2026-09-30".parse().unwrap()).len(), 2);
    }

    #[test]
    fn a_code_is_gone_since_the_first_snapshot_in_force_without_it() {
        let version = |first_seq, last_seq| Version { first_seq, last_seq };
        // 2 is held and 5 covers an earlier day than 4
        let history = [1, 3, 5, 4];
        assert_eq!(last_seen(&[version(1, 3)], &history), Some(LastSeen { version: 0, seen_seq: 3, gone_seq: 5 }));
        assert_eq!(
            last_seen(&[version(1, 1), version(3, 3), version(5, 5)], &history).map(|seen| (seen.version, seen.seen_seq)),
            Some((2, 5))
        );
        assert_eq!(last_seen(&[version(2, 2)], &history), None, "only a held one had it");
        assert_eq!(last_seen(&[version(1, i64::MAX)], &history), None, "it is there");
        assert_eq!(last_seen(&[], &history), None);
    }

    #[test]
    fn a_halved_register_is_held() {
        let bounds = Bounds { rows_fewer_pct: 20, amount_change_pct: 30, codes_changed_pct: 10, amount_times: 1000 };
        let same =
            Comparison { rows_before: 100, rows: 100, amount_before: 1000, amount: 1000, codes_new: 0, codes_gone: 0, amount_times: None };
        let steady = |seen: &Comparison| brake(bounds, seen, Growth::Steady);
        assert_eq!(steady(&same), None);
        assert_eq!(steady(&Comparison { rows: 80, codes_new: 4, codes_gone: 6, ..same.clone() }), None);
        assert!(steady(&Comparison { rows: 79, ..same.clone() }).is_some());
        assert!(steady(&Comparison { amount: 1301, ..same.clone() }).is_some());
        assert!(steady(&Comparison { codes_new: 5, codes_gone: 6, ..same.clone() }).is_some());
        assert!(steady(&Comparison { amount_times: Some(("GZ1".into(), 10_000)), ..same }).is_some());
    }

    #[test]
    fn a_ledger_that_grows_is_held_for_what_it_loses_alone() {
        let bounds = Bounds { rows_fewer_pct: 20, amount_change_pct: 30, codes_changed_pct: 10, amount_times: 1000 };
        let grown =
            Comparison { rows_before: 10, rows: 30, amount_before: 100, amount: 900, codes_new: 20, codes_gone: 0, amount_times: None };
        assert!(brake(bounds, &grown, Growth::Steady).is_some());
        assert_eq!(brake(bounds, &grown, Growth::Growing), None);
        let losing = Comparison { codes_gone: 2, ..grown.clone() };
        assert_eq!(brake(bounds, &losing, Growth::Growing).as_deref(), Some("消失的编号有2个，超过10%"));
        assert!(brake(bounds, &Comparison { amount: 60, ..grown }, Growth::Growing).is_some());
    }
}
