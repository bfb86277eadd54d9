//! What a run has found, made and queued, as data; the command line words it. Stored as JSON with its version. The files that a run made are
//! in table `report_file`, the states of its mails in table `outbox`.

use crate::domain::notify::coverage::Coverage;
use crate::domain::rules::rule::Act;
use crate::store::database::{Result, json, to_json};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// The snapshots of a run that judges nothing.
    pub pulled: Vec<PulledLedger>,
    /// `None` = the job does not judge.
    pub judged: Option<JudgedResult>,
    /// `None` = the job mails nobody.
    pub mailed: Option<MailedResult>,
}

/// A snapshot that a run read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledLedger {
    /// Title of the ledger.
    pub ledger: String,
    pub source: String,
    pub snapshot: i64,
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedResult {
    /// Title of the job.
    pub title: String,
    pub as_of: NaiveDate,
    pub sources: Vec<JudgedSource>,
    pub findings: FindingCounts,
    /// In the order of the job's packs.
    pub packs: Vec<PackCounts>,
}

/// A snapshot that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedSource {
    /// Title of the ledger.
    pub ledger: String,
    pub source: String,
    pub snapshot: i64,
    pub covers_on: NaiveDate,
    pub accepted: u64,
    pub quarantined: u64,
    /// A warning for the reader; empty = none.
    pub note: String,
}

/// How many findings there are: open ones by light and by change, the others by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCounts {
    pub red: usize,
    pub orange: usize,
    pub yellow: usize,
    /// Services to offer, which are in no count of lights or changes.
    #[serde(default)]
    pub services: usize,
    pub unjudged: usize,
    /// Cells to fill in, so that the unjudged ones can be judged.
    pub blank_cells: usize,
    pub exempt: usize,
    pub new: usize,
    pub escalated: usize,
    pub eased: usize,
    pub continued: usize,
    pub reopened: usize,
    pub resolved: usize,
}

/// How many packs of one template there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackCounts {
    /// Subject of the template.
    pub title: String,
    pub made: usize,
    /// Units for which there is nothing to list.
    pub without_rows: usize,
    pub failed: usize,
    /// The folders of those that were made, in order.
    pub folders: Vec<String>,
}

/// What a run queued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedResult {
    pub digests: usize,
    pub drafts: usize,
    /// Digests and drafts that a revision did not queue, because their content is that of the revision before.
    pub unchanged: usize,
    pub coverage: Coverage,
    /// Packs that went with mails, and those of the same templates that are in the office only.
    #[serde(default)]
    pub packs_mailed: usize,
    #[serde(default)]
    pub packs_of_office: usize,
    /// What each draft comes to, for the signing list.
    #[serde(default)]
    pub letters: Vec<LetterCounts>,
    /// Names of the units that have come to 约谈 and are not proposed.
    #[serde(default)]
    pub not_interviewed: Vec<String>,
}

/// What a draft comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterCounts {
    /// Id of the message.
    pub message: String,
    pub projects: usize,
    pub findings: usize,
    /// In 分.
    pub amount: i64,
    /// Days overdue of the finding that is overdue longest.
    pub longest: i64,
    /// Points of its weightiest finding.
    pub weight: u32,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Stored {
    #[serde(rename = "1")]
    V1(RunResult),
}

/// The column of a result; empty = there is none.
pub(crate) fn to_column(result: Option<&RunResult>) -> Result<String> {
    result.map_or_else(|| Ok(String::new()), |result| to_json(&Stored::V1(result.clone())))
}

/// The result in a column; `run` names it in the error.
pub(crate) fn from_column(run: &str, column: &str) -> Result<Option<RunResult>> {
    if column.is_empty() {
        return Ok(None);
    }
    json("result of run", run, column).map(|Stored::V1(result)| Some(result))
}

/// Something that a run could not read or make. As text it is one of the reasons why the run is partial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RunFault {
    /// A source could not be read, or only in part.
    #[error("{name}：{detail}")]
    Source { name: String, detail: String },
    /// The brake holds the new snapshot of a source.
    #[error("{name}：新读入的台账与上次差异过大，暂缓生效，沿用上次")]
    SourceHeld { name: String },
    /// Data that were used cannot be relied on: they are too old, or newer ones wait for a person.
    #[error("{detail}")]
    OldData { ledger: String, origin: String, detail: String },
    /// A paper was not made, because more than half of a ledger that it reads cannot be relied on. The titles of template and ledgers.
    #[error("{template}：{ledgers}的数据多半待更新，暂不编制")]
    PaperWaits { template: String, ledgers: String },
    /// A file restricts many codes at once, or a form any.
    #[error("{ledger}（{origin}）：文件{}一次标注不便公开{codes}个编号，均已停止公开，请核对；如系误标：duban restricted lift --file {} --by 姓名 --reason 理由", short(.file), short(.file))]
    RestrictedFlood {
        /// Title of the ledger.
        ledger: String,
        origin: String,
        /// The sha256 of the file.
        file: String,
        codes: u64,
    },
    /// So many projects are marked that texts of other records are not looked through for some of them.
    #[error(
        "标注不便公开的项目过多，其中{projects}个不再到其他台账的文字中查找，提到它们的记录可能已发出；请核对标注：duban restricted list"
    )]
    UnsearchedProjects { projects: usize },
    /// A returned feedback form could not be read.
    #[error("反馈表 {detail}")]
    Form { detail: String },
    /// The folder of returned forms could not be read.
    #[error("{detail}")]
    Forms { detail: String },
    /// A workbook of the job could not be made.
    #[error("{template}：{detail}")]
    Workbook { template: String, detail: String },
    /// The pack of one unit (its code and name) could not be made.
    #[error("{template}（{name}）：{detail}")]
    Pack { template: String, unit: String, name: String, detail: String },
    /// The mails of some units (their names) could not be made, all for one reason. `act` is the code of a draft's act, empty for digests.
    #[error("{}的{}未能生成：{detail}", units_named(.units), mail_kind(.act))]
    Mail { act: String, units: Vec<String>, detail: String },
}

/// The beginning of a sha256.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// The maximum number of units that are named for one reason.
const UNITS_NAMED: usize = 3;

fn units_named(units: &[String]) -> String {
    let named = units.iter().take(UNITS_NAMED).map(String::as_str).collect::<Vec<_>>().join("、");
    if units.len() > UNITS_NAMED { format!("{named}等{}个单位", units.len()) } else { named }
}

fn mail_kind(act: &str) -> String {
    match Act::ALL.into_iter().find(|known| known.code() == act) {
        Some(act) => format!("{}拟办件", act.title()),
        None => "提醒".to_owned(),
    }
}
