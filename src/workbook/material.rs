//! What a workbook is made of: the policy, what a run judged, and for whom the workbook is.

use crate::domain::audience::Audience;
use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::roster::Rosters;
use crate::domain::notify::feedback::{Answers, SilentRecord};
use crate::domain::notify::form_seal::FormKey;
use crate::domain::notify::inputs::Unsigned;
use crate::domain::register::record::{Origin, Records};
use crate::domain::restriction::Restrictions;
use crate::domain::rules::policy::Policy;
use crate::workbook::previous_run::PreviousRun;
use chrono::NaiveDate;

/// A snapshot that the run judged.
#[derive(Clone, Debug, Default)]
pub struct SourceSnapshot {
    /// Title of the ledger.
    pub ledger: String,
    pub source: String,
    /// Number of the snapshot.
    pub snapshot: i64,
    pub covers_on: NaiveDate,
    pub file: String,
    /// Sheets of the file that contain rows of the ledger.
    pub sheets: Vec<String>,
    /// Rows by what intake did with them; skipped rows are titles, totals and remarks.
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    /// A warning for the reader, such as that the snapshot covers a later day than as_of; empty = none.
    pub note: String,
}

/// A row or a cell that intake quarantined or changed.
#[derive(Clone, Debug, Default)]
pub struct IntakeIssue {
    /// Title of the ledger.
    pub ledger: String,
    /// 待核 or 提示.
    pub level: String,
    pub file: String,
    pub sheet: String,
    /// Reference of the cell, `P27`, or of the whole row, `第27行`.
    pub cell: String,
    /// Title of the field.
    pub field: String,
    pub raw: String,
    pub reason: String,
    pub hint: String,
    /// Name of the unit that maintains the row.
    pub unit: String,
    pub code: String,
    /// Shown to the office only.
    pub restricted: bool,
}

/// A record that is missing from the snapshot in force, while the office has not confirmed that it left the register.
#[derive(Clone, Debug, Default)]
pub struct GoneRecord {
    /// Title of the ledger.
    pub ledger: String,
    pub source: String,
    pub code: String,
    pub name: String,
    /// Name of the unit in the last version of the record.
    pub unit: String,
    /// The days that the last snapshot with the record and the first snapshot without it cover.
    pub seen_on: Option<NaiveDate>,
    pub gone_on: Option<NaiveDate>,
    /// File, sheet and row of the last version.
    pub place: String,
    /// The last version is marked as restricted.
    pub restricted: bool,
    /// The project it belonged to; empty where none.
    pub project: String,
}

/// Everything a workbook is built from.
pub struct Material<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    pub office: &'a str,
    /// Department and telephone number for questions.
    pub contact: &'a str,
    /// The day the run was due; official papers are dated with it.
    pub made_on: NaiveDate,
    /// The first line of a paper that a person has made although its data are old; empty = none.
    pub data_line: &'a str,
    /// The last day for objections.
    pub reply_by: NaiveDate,
    /// Sorted findings, notices and quality lines.
    pub judged: &'a Judged,
    /// Records by ledger index and code: every record with a finding, a notice or a quality line, and the projects they belong to.
    pub records: &'a dyn Records,
    /// The records that the selections of the templates took.
    pub rosters: &'a Rosters,
    pub origins: &'a [Origin],
    pub indicators: &'a Indicators,
    pub sources: &'a [SourceSnapshot],
    pub intake: &'a [IntakeIssue],
    pub restrictions: &'a Restrictions,
    pub audience: Audience,
    /// Indices of the findings to show, ascending; `None` = all that the audience may see. The attachment of a digest shows the findings
    /// of the digest.
    pub only_findings: Option<&'a [usize]>,
    /// How many items the audience may only see as a number; `None` = counted from the findings.
    pub only_counted: Option<usize>,
    /// Feedback of units on their records.
    pub answers: &'a Answers,
    /// The key of the feedback forms.
    pub form_key: &'a FormKey,
    /// Records without the feedback that their units owe; only workbooks of the office list them.
    pub silent: &'a [SilentRecord],
    pub gone: &'a [GoneRecord],
    /// `None` if the job has no earlier run to compare with.
    pub previous_run: Option<&'a PreviousRun>,
    /// Drafts that had waited too long for a person when the run began.
    pub unsigned: Unsigned,
    /// Names and fingerprints of the configuration, as the cover prints them.
    pub inputs: &'a [(String, String)],
}
