//! The shapes of a digest: what the mail templates may name. See `report-templates/digest.html.j2` for every one in use.

use crate::domain::judging::finding::Identity;
use crate::domain::notify::feedback;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::{Light, Relation};
use chrono::NaiveDate;
use serde::Serialize;

/// What one unit is mailed. Serialised, it is the context of `report-templates/digest.*.j2`; what is skipped there is for the sender.
#[derive(Clone, Debug, Serialize)]
pub struct Digest {
    #[serde(skip)]
    pub unit: UnitId,
    /// The unit whose mailbox it goes to: itself, or the office that passes it on (代转).
    #[serde(skip)]
    pub mailbox_unit: UnitId,
    #[serde(skip)]
    pub mailbox: String,
    /// What the unit knows from now on; replaces what it was told before.
    #[serde(skip)]
    pub told: Vec<(Identity, Option<Light>)>,
    /// The findings (indices, ascending) whose rows the attachment shows; empty where only counts may go.
    #[serde(skip)]
    pub findings: Vec<usize>,
    /// The (finding, relation) pairs this digest answers for in the coverage proof.
    #[serde(skip)]
    pub holds: Vec<(usize, Relation)>,

    pub subject: String,
    /// The name in tables and the subject.
    pub unit_name: String,
    /// How the unit is addressed.
    pub addressee: String,
    /// Title of the unit that is asked to pass the mail on; empty where the unit has its own mailbox.
    pub forwarded_by: String,
    /// Level code of the unit: province, department, support, city, county, platform.
    pub level: &'static str,
    /// Whose items they are, as the opening sentence says it.
    pub scope: &'static str,
    pub office: String,
    pub contact: String,
    pub source_line: String,
    /// What to know of due dates in years without a holiday notice on file; empty = nothing.
    pub calendar_note: String,
    pub as_of: NaiveDate,
    pub sent_on: NaiveDate,
    pub reply_by: NaiveDate,
    pub due_until: NaiveDate,
    pub next_on: Option<NaiveDate>,
    pub started: bool,
    pub counts_only: bool,
    /// The workbook's file name; the sender clears it where none goes with the mail.
    pub attachment: Option<String>,
    /// Its name where it is too large for a mail and waits at the office.
    pub attachment_kept: Option<String>,
    /// Against the items of the unit's last digest: 比上期多1项; empty for its first.
    pub than_before: String,
    /// What is different from the last digest: 新增4项, 有新问题1项, 升级2项, 办结3项.
    pub compared: Vec<String>,
    /// What else the mail tells: 10月15日前到期2项, 待补齐1处 …
    pub besides: Vec<String>,
    pub counts: Counts,
    /// Items that are only counted: 涉密 or 不便公开.
    pub withheld: usize,
    pub numerals: Numerals,
    /// What the unit is asked to do about section one.
    pub ask: String,
    pub urgent: Vec<Item>,
    /// Red items beyond those told in full.
    pub red_more: usize,
    pub due: Vec<Due>,
    pub due_more: usize,
    pub rest: Vec<RestLine>,
    pub resolved: Vec<Named>,
    pub resolved_more: usize,
    pub gone: Vec<Named>,
    pub gone_more: usize,
    pub unjudged: Vec<Blank>,
    pub unjudged_more: usize,
    pub places: Option<Places>,
    pub roll_up: Option<RollUp>,
}

/// An act above 催办 (拟办), for one unit: what the person who releases it reads, and what the unit gets then. Serialised, it is the
/// context of `report-templates/act.*.j2`.
#[derive(Clone, Debug, Serialize)]
pub struct Draft {
    #[serde(skip)]
    pub unit: UnitId,
    #[serde(skip)]
    pub mailbox_unit: UnitId,
    #[serde(skip)]
    pub mailbox: String,
    /// The findings (indices, ascending) whose rows the attachment shows; empty where only counts may go.
    #[serde(skip)]
    pub findings: Vec<usize>,
    /// What it tells once it is released.
    #[serde(skip)]
    pub holds: Vec<(Identity, Option<Light>)>,
    /// supervise, circulate or interview.
    pub act: &'static str,
    /// 督办, 通报 or 约谈.
    pub act_title: &'static str,
    pub subject: String,
    pub unit_name: String,
    pub addressee: String,
    pub forwarded_by: String,
    pub office: String,
    pub contact: String,
    pub source_line: String,
    pub as_of: NaiveDate,
    pub sent_on: NaiveDate,
    pub reply_by: NaiveDate,
    pub counts_only: bool,
    /// Of all its findings, in calendar days.
    pub longest_days: i64,
    /// The unit was told of every item before.
    pub urged: bool,
    pub clauses: Vec<String>,
    pub counts: Counts,
    /// Items of this act that are only counted: 涉密 or 不便公开.
    pub withheld: usize,
    pub items: Vec<Item>,
    /// Items beyond those told in full.
    pub more: usize,
    pub attachment: Option<String>,
    pub attachment_kept: Option<String>,
}

/// The numbers of subject and body; items are projects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub items: usize,
    pub red: usize,
    pub orange: usize,
    pub yellow: usize,
    /// Items the unit was not told of before.
    pub new: usize,
    /// Items it knows, with something new held against them.
    pub added: usize,
    pub escalated: usize,
    pub resolved: usize,
    pub gone: usize,
    pub due: usize,
    /// Cells to fill, each counted once.
    pub blank: usize,
    /// Findings under an exemption.
    pub exempt: usize,
}

impl Counts {
    pub(crate) fn light(&mut self, light: Light) -> &mut usize {
        match light {
            Light::Red => &mut self.red,
            Light::Orange => &mut self.orange,
            Light::Yellow => &mut self.yellow,
        }
    }
}

/// The Chinese numeral of each section that is there, so that numbers run on; empty for one that is not.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Numerals {
    pub urgent: &'static str,
    pub due: &'static str,
    pub rest: &'static str,
    pub resolved: &'static str,
    pub unjudged: &'static str,
}

/// One item in full.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// red, orange, yellow.
    pub light: &'static str,
    /// `●红`.
    pub mark: &'static str,
    /// 新增, 有新问题, 升级 …; empty for what goes on unchanged.
    pub change: &'static str,
    pub name: String,
    pub code: String,
    /// The owner, where it is another than the one addressed.
    pub unit: String,
    /// 分.
    pub amount: Option<i64>,
    pub major: &'static str,
    pub act: &'static str,
    pub line: String,
    pub basis: String,
    /// The other findings of the item, with their marks.
    pub others: Vec<String>,
    pub leader: String,
    pub officer: String,
    /// Masked.
    pub phone: String,
    pub difficulty: String,
    pub waiting: String,
    /// What was said of it last, with day and name.
    pub answers: Vec<String>,
    /// Facts that the answers show otherwise than the register.
    pub proposed: Vec<String>,
}

/// A due date that comes near.
#[derive(Clone, Debug, Serialize)]
pub struct Due {
    pub name: String,
    pub code: String,
    pub rule: String,
    pub due_on: NaiveDate,
    /// Before the mail goes out (a quarterly mail looks back).
    pub passed: bool,
}

/// Items of one leading rule that are not told in full.
#[derive(Clone, Debug, Serialize)]
pub struct RestLine {
    pub rule: String,
    pub counts: Vec<Count>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Count {
    pub light: &'static str,
    pub mark: &'static str,
    pub count: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub code: String,
    pub name: String,
    /// The rules it was told of by.
    pub matter: String,
}

/// The empty cells of one record that keep it from being judged.
#[derive(Clone, Debug, Serialize)]
pub struct Blank {
    pub code: String,
    pub name: String,
    pub cells: Vec<String>,
}

/// Counts side by side, in administrative order.
#[derive(Clone, Debug, Serialize)]
pub struct Places {
    pub title: &'static str,
    /// Head of the first column.
    pub head: &'static str,
    /// Whether the last column (当地自办: told to the owner only) is there.
    pub with_own: bool,
    pub lines: Vec<PlaceLine>,
    pub total: PlaceLine,
    /// Places without any item, left out.
    pub quiet: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct PlaceLine {
    pub name: String,
    pub red: usize,
    pub orange: usize,
    pub yellow: usize,
    pub own: usize,
}

/// What only the province office needs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RollUp {
    pub units_told: usize,
    pub forwarded: usize,
    pub due: usize,
    pub blank: usize,
    pub exempt: usize,
    /// (finding, relation) pairs that reach nobody.
    pub unrouted: usize,
    pub unrouted_lines: Vec<Unrouted>,
    pub unrouted_more: usize,
    /// Units whose day to answer has passed without an answer, and their items.
    pub silent_units: usize,
    pub silent_items: usize,
    pub silent_lines: Vec<Silent>,
    pub silent_more: usize,
    /// What the attachment lists of them.
    #[serde(skip)]
    pub silent: Vec<feedback::Silent>,
    /// Records with an answer, and with facts to verify among them.
    pub answered: usize,
    pub proposed: usize,
}

/// A unit that has not answered.
#[derive(Clone, Debug, Serialize)]
pub struct Silent {
    pub unit: String,
    pub items: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Unrouted {
    pub code: String,
    pub name: String,
    /// What the register writes.
    pub unit: String,
    pub relations: Vec<&'static str>,
}
