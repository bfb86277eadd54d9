//! What a workbook is made of: the policy, what a run judged, and for whom the workbook is.

use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::roster::Rosters;
use crate::domain::notify::feedback::{Answers, Silent};
use crate::domain::register::record::{Origin, Records};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::workbook::previous_run::PreviousRun;
use chrono::NaiveDate;

/// For whom a workbook is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everything, phone numbers in full.
    Office,
    /// What this unit is told of and what it has to complete, personal fields masked.
    Unit(UnitId),
}

/// One snapshot that a run judged.
#[derive(Clone, Debug, Default)]
pub struct SourceSnapshot {
    /// Ledger title.
    pub ledger: String,
    pub source: String,
    pub snapshot: i64,
    pub covers_on: NaiveDate,
    pub file: String,
    /// The sheets of the file that hold rows of the ledger.
    pub sheets: Vec<String>,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    /// What a reader should know of it, e.g. that it covers a later day than as_of.
    pub note: String,
}

/// One row or cell the intake could not take as it stands.
#[derive(Clone, Debug, Default)]
pub struct IntakeIssue {
    /// Ledger title.
    pub ledger: String,
    /// 待核 or 提示.
    pub level: String,
    pub file: String,
    pub sheet: String,
    /// The cell, or the row where it is about all of it: `P27`, `第27行`.
    pub cell: String,
    /// Field title.
    pub field: String,
    pub raw: String,
    pub reason: String,
    pub hint: String,
    /// Name of the unit that keeps the row.
    pub unit: String,
    pub code: String,
    /// For the office alone.
    pub restricted: bool,
}

/// A code that has left the register without a word from the office.
#[derive(Clone, Debug, Default)]
pub struct GoneRecord {
    /// Ledger title.
    pub ledger: String,
    pub source: String,
    pub code: String,
    pub name: String,
    /// The unit as the register last had it.
    pub unit: String,
    /// What the last snapshot with it and the first without it cover.
    pub seen_on: Option<NaiveDate>,
    pub gone_on: Option<NaiveDate>,
    /// Where it stood.
    pub place: String,
}

/// All that a workbook is made of.
pub struct Material<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    pub office: &'a str,
    /// Whom to call.
    pub contact: &'a str,
    /// The day the run was due: papers bear it.
    pub made_on: NaiveDate,
    /// The last day to object.
    pub reply_by: NaiveDate,
    /// Sorted.
    pub judged: &'a Judged,
    /// By ledger index and code: every record with a finding, notice or quality line, and the projects that orders and the like
    /// belong to.
    pub records: &'a dyn Records,
    /// The records that sheets of records choose.
    pub rosters: &'a Rosters,
    pub origins: &'a [Origin],
    pub indicators: &'a Indicators,
    pub sources: &'a [SourceSnapshot],
    pub intake: &'a [IntakeIssue],
    pub audience: Audience,
    /// The findings (indices, ascending) to show; `None` = all that the viewer may see. A digest's attachment shows what the digest tells.
    pub only_findings: Option<&'a [usize]>,
    /// Items that this viewer is only told the number of; `None` = counted from what is judged.
    pub only_counted: Option<usize>,
    /// What units have said of their records.
    pub answers: &'a Answers,
    /// Records that their units have not answered for; told to the office alone.
    pub silent: &'a [Silent],
    pub gone: &'a [GoneRecord],
    /// What the job's run before this one found.
    pub previous_run: Option<&'a PreviousRun>,
    /// Named inputs that the cover prints.
    pub inputs: &'a [(String, String)],
}
