//! The result of a pull: a report of each ledger that was found, or the reason why nothing was read.

use crate::domain::intake::note::{Note, SheetAccount};
use crate::domain::register::ledger::{Ledger, OwnerSpec};
use crate::domain::register::record::Columns;
use crate::domain::rules::policy::Policy;
use crate::source::child::ReadFailure;
use crate::source::refusal::Refusal;
use crate::store::database::StoreError;
use crate::store::snapshot_writer::Difference;
use crate::store::snapshots::SnapshotState;
use chrono::NaiveDate;
use std::sync::Arc;

/// The result of one ledger of the file.
#[derive(Clone, Debug)]
pub struct LedgerPull {
    pub ledger: String,
    pub title: String,
    pub seq: i64,
    /// `None` = nothing new.
    pub state: Option<SnapshotState>,
    pub covers_on: NaiveDate,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    pub warnings: u64,
    /// Rows that have not changed since the previous pull and were counted without being read.
    pub unchanged: u64,
    pub difference: Difference,
    /// Why the snapshot is held; empty if it is not.
    pub held_because: String,
    /// The file's sheets that contain this ledger.
    pub accounts: Vec<SheetAccount>,
    /// Whether this pull made the snapshot.
    pub fresh: bool,
    /// Number and day of a snapshot in force that covers a later day. This is legal, but the clerk should know it.
    pub newer: Option<(i64, NaiveDate)>,
    /// Whether the day it covers is in the future.
    pub ahead: bool,
    /// The day the file itself gives, if it is not the day the snapshot got.
    pub day_in_file: Option<NaiveDate>,
    /// Titles of the fields that have a column in the previous snapshot in force and none in this one.
    pub lost: Vec<String>,
    /// Titles of the fields that no sheet has a column for and some rule needs, and of the rules that judge none of the rows.
    pub missing: Vec<String>,
    pub idle_rules: Vec<String>,
    /// Titles of the fields that no sheet has a column for and by which a record finds its owner.
    pub ownerless: Vec<String>,
    /// Headers about which the office has to decide before anything of the file comes into force.
    pub undecided: Vec<String>,
    /// Headers that are almost the name of a field, each with the title of the field: the same holds for them.
    pub proposals: Vec<(String, String)>,
    /// Codes that the file newly restricts.
    pub restricted: u64,
    pub notes: Arc<[Note]>,
    /// All sheets of the file, as notes number them.
    pub sheets_of_file: Vec<String>,
}

/// The result of a pull.
#[derive(Clone, Debug, Default)]
pub struct PullReport {
    pub file: String,
    /// Which file of a folder was chosen and why.
    pub picked: Option<String>,
    pub ledgers: Vec<LedgerPull>,
    /// Sheets without a known ledger, each with the reason.
    pub unread: Vec<(String, String)>,
    /// Mails that are not sent any more, because they name what the file restricts.
    pub withheld: u64,
    /// Of the file's bytes.
    pub sha256: String,
    /// Path of the import report relative to the root; `None` = the same rows came earlier with another file, whose report covers them.
    pub workbook: Option<String>,
    /// Why the import report could not be written.
    pub fault: Option<String>,
}

impl PullReport {
    /// Quarantined rows of all ledgers.
    pub fn quarantined(&self) -> u64 {
        self.ledgers.iter().map(|ledger| ledger.quarantined).sum()
    }

    /// Whether a snapshot is held.
    pub fn held(&self) -> bool {
        self.ledgers.iter().any(|ledger| ledger.state == Some(SnapshotState::Held))
    }
}

/// The fields without a column that rules of a ledger need, and these rules: titles of both.
pub(crate) fn idle_rules(policy: &Policy, ledger: usize, accounts: &[SheetAccount]) -> (Vec<String>, Vec<String>) {
    let shape = &policy.ledgers[ledger];
    let fields = &shape.fields;
    let columns = accounts.iter().flat_map(|account| &account.columns);
    let present: Columns = columns.filter_map(|(id, _)| shape.field(id)).chain(shape.own_fields().iter()).collect();
    let (mut missing, mut rules) = (Vec::new(), Vec::new());
    for rule in policy.rules.iter().filter(|rule| rule.ledger == ledger) {
        let lacking: Vec<&Columns> = rule.needs.iter().filter(|needed| needed.iter().next().is_some() && !needed.meets(present)).collect();
        if lacking.is_empty() {
            continue;
        }
        rules.push(rule.title.clone());
        for field in lacking.into_iter().flat_map(|needed| needed.iter().take(1)) {
            if !missing.contains(&fields[field].title) {
                missing.push(fields[field].title.clone());
            }
        }
    }
    (missing, rules)
}

/// The titles of the fields without a column by which a record of a ledger finds its owner. Of the place and what it lies in the place is asked for.
pub(crate) fn ownerless(policy: &Policy, ledger: usize, accounts: &[SheetAccount]) -> Vec<String> {
    let shape = &policy.ledgers[ledger];
    if !policy.rules.iter().any(|rule| rule.ledger == ledger) {
        return Vec::new();
    }
    let has = |field: usize| accounts.iter().any(|account| account.columns.iter().any(|(id, _)| *id == shape.fields[field].id));
    let asked = shape.owner.fields().filter(|field| match shape.owner {
        OwnerSpec::Place { place, .. } => *field == place,
        OwnerSpec::Unit { .. } | OwnerSpec::Department { .. } => true,
    });
    asked.filter(|field| !has(*field)).map(|field| shape.fields[field].title.clone()).collect()
}

/// Why a pull failed.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("{file}：{refusal}")]
    Refused { file: String, refusal: Refusal },
    /// The file has ended the process that read it.
    #[error("{file}：{refusal}；该文件不再自动读取")]
    ReaderEnded { file: String, refusal: Refusal },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PullError {
    /// The failure of a reading of `file`.
    pub(crate) fn of(file: String, failure: ReadFailure) -> PullError {
        match failure {
            ReadFailure::Refused(refusal) => PullError::Refused { file, refusal },
            ReadFailure::ReaderEnded(refusal) => PullError::ReaderEnded { file, refusal },
        }
    }
}

/// A source that stopped in the middle.
pub(crate) fn interrupted(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(format!("读取中断：{error}"), "请重试")
}

/// The titles of the fields that have a column in the sheets `before` and none in the sheets `now`. A renamed column looks like an empty
/// one, and the clerk is warned of it.
pub(crate) fn lost_columns(ledger: &Ledger, before: &[SheetAccount], now: &[SheetAccount]) -> Vec<String> {
    let has = |accounts: &[SheetAccount], id: &str| accounts.iter().any(|account| account.columns.iter().any(|(known, _)| known == id));
    let lost = ledger.fields.iter().filter(|field| has(before, &field.id) && !has(now, &field.id));
    lost.map(|field| field.title.clone()).collect()
}
