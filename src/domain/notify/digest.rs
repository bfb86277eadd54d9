//! The data of a mail: what the mail templates may name. `docs/DIGESTS.md` lists every name, `report-templates/digest.html.j2` uses each.
//!
//! Grouped fields are flattened: a template names `{{ unit_name }}`, not `{{ recipient.unit_name }}`. A field with `rename` has another
//! word here than in the templates, which offices edit and which keep their names.

use crate::domain::judging::finding::Identity;
use crate::domain::notify::feedback;
use crate::domain::notify::inputs::FindingRelation;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use serde::Serialize;

/// What one unit is mailed. Serialised, it is the context of `report-templates/digest.*.j2`; skipped fields are for the sender only.
#[derive(Clone, Debug, Serialize)]
pub struct Digest {
    /// What the unit is notified of once the digest is queued; replaces what it was last notified of.
    #[serde(skip)]
    pub notified: Vec<(Identity, Option<Light>)>,
    /// The findings (indices, ascending) whose rows the attachment shows; empty where the mail may hold counts only.
    #[serde(skip)]
    pub findings: Vec<usize>,
    /// The pairs of its own unit that the coverage proof counts as in this digest.
    #[serde(skip)]
    pub covered: Vec<FindingRelation>,

    pub subject: String,
    #[serde(flatten)]
    pub recipient: Recipient,
    /// Id of the unit's level.
    pub level: String,
    /// Whose items they are, for the opening sentence.
    pub scope: String,
    #[serde(flatten)]
    pub letterhead: Letterhead,
    /// Sentences on data that cannot be relied on, for the first lines.
    pub data_notes: Vec<String>,
    /// A remark on due dates in years without a holiday notice on file; empty = nothing to remark.
    pub calendar_note: String,
    pub due_until: NaiveDate,
    pub next_on: Option<NaiveDate>,
    pub started: bool,
    #[serde(flatten)]
    pub attached: AttachedFile,
    /// Against the items of the unit's last digest: 比上期多1个; empty for its first.
    pub than_before: String,
    /// What changed since the last digest: 新增4个, 有新问题1个, 升级2个, 办结3个.
    pub compared: Vec<String>,
    /// What else the mail lists: 10月7日前到期2件, 待补齐1处 …
    pub besides: Vec<String>,
    pub counts: Counts,
    /// Restricted items (涉密 or 不便公开), which are only counted.
    #[serde(rename = "withheld")]
    pub restricted: usize,
    pub numerals: Numerals,
    /// What the unit is asked to do about section one.
    pub ask: String,
    #[serde(flatten)]
    pub sections: Sections,
    /// Departments of the place whose few items the mail passes on (转达).
    pub forwarded: Vec<ForwardedUnit>,
    /// Names of further files: the packs of the unit.
    pub packs: Vec<String>,
    pub roll_up: Option<RollUp>,
    /// The day of the mail that this one corrects and replaces; `None` = it is the first of its run. No part of what the mail states.
    pub replaces_on: Option<NaiveDate>,
    /// The end of the audit, for the office: a mail that somebody stores proves later that no line before it was changed. No part of what the mail
    /// states, so that it alone makes no mail new.
    pub sealed_audit: Option<SealedAudit>,
}

/// Up to where the audit is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealedAudit {
    pub no: i64,
    /// sha256 of the chain up to this line.
    pub hash: String,
}

/// Whom a mail is for.
#[derive(Clone, Debug, Serialize)]
pub struct Recipient {
    #[serde(skip)]
    pub unit: UnitId,
    /// The unit whose mailbox it goes to: the unit itself, or the office that forwards it (代转).
    #[serde(skip)]
    pub mailbox_unit: UnitId,
    #[serde(skip)]
    pub mailbox: String,
    /// The name in tables and the subject.
    pub unit_name: String,
    /// The full title by which the mail addresses the unit.
    pub addressee: String,
    /// Title of the unit that is asked to forward the mail; empty where the unit has its own mailbox.
    pub forwarded_by: String,
    /// The mail may hold counts only, because the mailbox is outside `mail.allowed_domains`.
    pub counts_only: bool,
}

/// The fixed data at head and foot of a mail.
#[derive(Clone, Debug, Serialize)]
pub struct Letterhead {
    pub office: String,
    pub contact: String,
    pub source_line: String,
    pub as_of: NaiveDate,
    pub sent_on: NaiveDate,
    pub reply_by: NaiveDate,
}

/// The workbook that belongs to a mail.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AttachedFile {
    /// The file name; the sender clears it where no file goes with the mail.
    pub attachment: Option<String>,
    /// The file name where the file is too large for a mail and is retained at the office.
    #[serde(rename = "attachment_kept")]
    pub attachment_retained: Option<String>,
}

/// The sections of a digest. A `*_more` is the number of entries a mail does not list.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sections {
    /// Items in full.
    pub urgent: Vec<ItemText>,
    /// Red items that are not listed in full.
    pub red_more: usize,
    pub due: Vec<Due>,
    pub due_more: usize,
    /// Orange and yellow items that are not listed in full, by rule.
    pub rest: Vec<RestLine>,
    /// Services to offer, which are in no count of lights.
    pub services: Vec<ServiceLine>,
    pub resolved: Vec<FormerItem>,
    pub resolved_more: usize,
    pub gone: Vec<FormerItem>,
    pub gone_more: usize,
    /// Items of data that cannot be relied on, which are listed apart.
    pub old_items: Vec<OldItem>,
    #[serde(rename = "old_items_more")]
    pub old_more: usize,
    pub unjudged: Vec<EmptyCells>,
    pub unjudged_more: usize,
    pub places: Option<Places>,
}

/// A department whose items the mail of its place passes on. Its own workbook, with its form, goes along.
#[derive(Clone, Debug, Serialize)]
pub struct ForwardedUnit {
    #[serde(skip)]
    pub unit: UnitId,
    #[serde(rename = "unit")]
    pub unit_name: String,
    pub items: Vec<ForwardedItem>,
    /// The pairs that the coverage proof counts as in the digest.
    #[serde(skip)]
    pub covered: Vec<FindingRelation>,
    #[serde(skip)]
    pub notified: Vec<(Identity, Option<Light>)>,
    #[serde(skip)]
    pub findings: Vec<usize>,
    #[serde(skip)]
    pub restricted: usize,
    #[serde(skip)]
    pub counts: Counts,
    /// Name of its workbook; the sender clears it where none goes along.
    pub attachment: Option<String>,
}

/// One item of such a department.
#[derive(Clone, Debug, Serialize)]
pub struct ForwardedItem {
    /// `●红`; empty for a service.
    pub mark: &'static str,
    pub name: String,
    pub code: String,
    pub line: String,
}

impl Digest {
    /// All pairs that the coverage proof counts as in this digest, also those of units that it is passed on to.
    pub fn all_covered(&self) -> impl Iterator<Item = &FindingRelation> {
        self.covered.iter().chain(self.forwarded.iter().flat_map(|unit| &unit.covered))
    }

    /// Numbers the sections that are not empty.
    pub(crate) fn renumber(&mut self) {
        self.numerals = numerals(&self.sections, !self.forwarded.is_empty(), self.roll_up.as_ref());
    }

    /// Removes everything but the counts.
    pub(crate) fn strip_to_counts(&mut self) {
        self.findings.clear();
        self.attached.attachment = None;
        self.sections = Sections::default();
        self.forwarded.clear();
        self.packs.clear();
        if let Some(roll_up) = &mut self.roll_up {
            roll_up.unrouted_lines.clear();
            roll_up.silent_lines.clear();
            roll_up.silent.clear();
            roll_up.silent_more = 0;
            roll_up.unreached_lines.clear();
            roll_up.unreached_more = 0;
            roll_up.unrouted_more = 0;
        }
    }
}

/// An act above 催办 (拟办): a letter to one unit, a copy of it, or the paper for all: what the person who releases it reads, and what the unit gets then. Serialised, it is the
/// context of `report-templates/act.*.j2`.
#[derive(Clone, Debug, Serialize)]
pub struct Draft {
    /// The findings (indices, ascending) whose rows the attachment shows; empty where the mail may hold counts only.
    #[serde(skip)]
    pub findings: Vec<usize>,
    /// What the unit is notified of once the draft is released.
    #[serde(skip)]
    pub notified: Vec<(Identity, Option<Light>)>,
    /// supervise, circulate or interview.
    pub act: &'static str,
    /// 督办, 通报 or 约谈.
    pub act_title: &'static str,
    pub subject: String,
    #[serde(flatten)]
    pub recipient: Recipient,
    /// Whose items they are.
    pub scope: String,
    #[serde(flatten)]
    pub letterhead: Letterhead,
    /// Who signs (落款).
    pub signature: String,
    /// Words in place of the day of the release, and of the last day to answer.
    pub dated: String,
    pub answer_by: String,
    /// The highest number of days overdue of all its findings, in calendar days.
    pub longest_days: i64,
    /// The unit was notified of every item before.
    pub urged: bool,
    /// Items that were red at the end of as many quarters in a row as an interview takes.
    pub repeated: usize,
    pub clauses: Vec<String>,
    pub counts: Counts,
    /// Restricted items of this act (涉密 or 不便公开), which are only counted.
    #[serde(rename = "withheld")]
    pub restricted: usize,
    /// Who has to act on how many of them, in administrative order.
    pub lines: Vec<DraftLine>,
    pub items: Vec<ItemText>,
    /// Items that are not listed in full.
    pub more: usize,
    /// The sum of the projects' amounts, in 分.
    pub amount: i64,
    /// Items on which a unit has answered.
    pub answered: usize,
    /// Points of its weightiest finding.
    #[serde(skip)]
    pub weight: u32,
    #[serde(flatten)]
    pub attached: AttachedFile,
    /// Copies for the units below the addressee, which go out with it.
    #[serde(skip)]
    pub copies: Vec<Draft>,
    /// Title of the addressee of the letter that this is a copy of; empty for the letter itself.
    pub copy_of: String,
}

/// How many items of a draft one unit has to act on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DraftLine {
    pub unit: String,
    pub items: usize,
    pub findings: usize,
    pub longest_days: i64,
}

/// The numbers of subject and body; items are projects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub items: usize,
    /// The findings of the items.
    pub findings: usize,
    pub red: usize,
    pub orange: usize,
    pub yellow: usize,
    /// Items the unit was not notified of before.
    pub new: usize,
    /// Items the unit was notified of before and that have a new finding.
    pub added: usize,
    pub escalated: usize,
    pub resolved: usize,
    /// Findings that are done on items that still have others.
    pub partly: usize,
    pub gone: usize,
    pub due: usize,
    /// Cells to fill in, each counted once.
    pub blank: usize,
    /// Findings under an exemption.
    pub exempt: usize,
    /// Services to offer, which are in no other count.
    pub services: usize,
    /// Items of data that cannot be relied on, which are listed apart.
    pub old_items: usize,
    /// Those of them that wait for newer data and are in no other count.
    pub waiting: usize,
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

/// The Chinese numeral of each section that is not empty, numbered without gaps; an empty section has an empty numeral.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Numerals {
    pub urgent: &'static str,
    pub places: &'static str,
    pub unrouted: &'static str,
    pub unreached: &'static str,
    pub silent: &'static str,
    pub due: &'static str,
    pub rest: &'static str,
    pub services: &'static str,
    pub forwarded: &'static str,
    pub old_items: &'static str,
    pub resolved: &'static str,
    pub unjudged: &'static str,
}

/// The numerals of the sections that are not empty: 一, 二, 三 … in the order in which a mail has them.
fn numerals(sections: &Sections, passes_on: bool, roll_up: Option<&RollUp>) -> Numerals {
    let mut next = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"].into_iter();
    let mut numeral = |is_shown: bool| if is_shown { next.next().unwrap_or_default() } else { "" };
    let of_office = |count: fn(&RollUp) -> usize| roll_up.is_some_and(|roll_up| count(roll_up) > 0);
    Numerals {
        urgent: numeral(!sections.urgent.is_empty()),
        places: numeral(sections.places.is_some()),
        unrouted: numeral(of_office(|roll_up| roll_up.unrouted)),
        unreached: numeral(of_office(|roll_up| roll_up.unreached_units)),
        silent: numeral(of_office(|roll_up| roll_up.silent_units)),
        due: numeral(!sections.due.is_empty()),
        rest: numeral(!sections.rest.is_empty()),
        services: numeral(!sections.services.is_empty()),
        forwarded: numeral(passes_on),
        old_items: numeral(!sections.old_items.is_empty()),
        resolved: numeral(!sections.resolved.is_empty() || !sections.gone.is_empty()),
        unjudged: numeral(!sections.unjudged.is_empty()),
    }
}

/// The text of one item in full.
#[derive(Clone, Debug, Serialize)]
pub struct ItemText {
    /// red, orange, yellow.
    pub light: &'static str,
    /// `●红`.
    pub mark: &'static str,
    /// 新增, 有新问题, 升级 …; empty for an unchanged item.
    pub change: &'static str,
    pub name: String,
    pub code: String,
    /// The owner, where it is not the unit addressed.
    pub unit: String,
    /// In 分.
    pub amount: Option<i64>,
    pub major: String,
    pub act: &'static str,
    pub line: String,
    pub basis: String,
    /// The other findings of the item, each with the mark of its light.
    pub others: Vec<String>,
    pub leader: String,
    pub officer: String,
    /// With its middle digits masked.
    pub phone: String,
    pub difficulty: String,
    /// That another unit owes an answer; empty where none does.
    #[serde(rename = "waiting")]
    pub waiting_on: String,
    /// The last answers of units, with day and name.
    pub answers: Vec<String>,
    /// Facts that the answers state differently from the register.
    pub proposed: Vec<String>,
}

/// A due date within the next days.
#[derive(Clone, Debug, Serialize)]
pub struct Due {
    pub name: String,
    pub code: String,
    pub rule: String,
    pub due_on: NaiveDate,
    /// The due date is before the day of the mail (a quarterly mail looks back).
    pub passed: bool,
}

/// Items of one leading rule that are not listed in full.
#[derive(Clone, Debug, Serialize)]
pub struct RestLine {
    pub rule: String,
    pub counts: Vec<LightCount>,
}

/// A service to offer, and the projects that it is for.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceLine {
    /// What is to be done, in the words of its rule.
    pub text: String,
    pub count: usize,
    pub items: Vec<NamedItem>,
    /// Projects that are not listed.
    pub more: usize,
}

/// An item by name and code.
#[derive(Clone, Debug, Serialize)]
pub struct NamedItem {
    pub name: String,
    pub code: String,
}

/// How many items have one light.
#[derive(Clone, Debug, Serialize)]
pub struct LightCount {
    pub light: &'static str,
    pub mark: &'static str,
    pub count: usize,
}

/// An item of data that cannot be relied on.
#[derive(Clone, Debug, Serialize)]
pub struct OldItem {
    pub light: &'static str,
    /// `●红`.
    pub mark: &'static str,
    pub name: String,
    pub code: String,
    pub line: String,
    /// It was not found on the day of the data.
    pub waits: bool,
}

/// A record the unit was notified of and that has no finding any more.
#[derive(Clone, Debug, Serialize)]
pub struct FormerItem {
    pub code: String,
    pub name: String,
    /// Titles of the rules that had found it.
    #[serde(rename = "matter")]
    pub rules: String,
}

/// The empty cells of one record that must be filled in before it can be judged.
#[derive(Clone, Debug, Serialize)]
pub struct EmptyCells {
    pub code: String,
    pub name: String,
    pub cells: Vec<String>,
}

/// The table of counts by place, in administrative order.
#[derive(Clone, Debug, Serialize)]
pub struct Places {
    pub title: String,
    /// Header of the first column.
    pub head: String,
    /// Whether there is a last column of items that only their owner is notified of (当地自办).
    pub with_own: bool,
    pub lines: Vec<PlaceLine>,
    pub total: PlaceLine,
    /// How many places are left out because they have no item.
    pub quiet: usize,
}

/// The items of one place by light.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlaceLine {
    pub name: String,
    pub red: usize,
    pub orange: usize,
    pub yellow: usize,
    /// Items that only their owner is notified of.
    pub own: usize,
}

/// The office's own part: what became of all mails of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RollUp {
    /// Units that get a digest.
    #[serde(rename = "units_told")]
    pub units_notified: usize,
    /// Digests that go to an office that forwards them.
    pub forwarded: usize,
    pub due: usize,
    pub blank: usize,
    pub exempt: usize,
    /// Records with a relation that no mailbox is known for.
    pub unrouted: usize,
    pub unrouted_lines: Vec<UnroutedRecord>,
    pub unrouted_more: usize,
    /// Units whose day to reply has passed without an answer, and their records.
    pub silent_units: usize,
    pub silent_items: usize,
    pub silent_lines: Vec<SilentUnit>,
    pub silent_more: usize,
    /// The same records for the attachment.
    #[serde(skip)]
    pub silent: Vec<feedback::SilentRecord>,
    /// Units whose last mail has not reached them, those of the first lines with what became of it.
    pub unreached_units: usize,
    pub unreached_lines: Vec<UnreachedUnit>,
    pub unreached_more: usize,
    /// Records with an answer, and those of them with facts to verify.
    pub answered: usize,
    pub proposed: usize,
    /// Drafts of this run by act, which a person has to release.
    pub supervised: usize,
    pub circulated: usize,
    pub interviewed: usize,
    /// Units that have reached 约谈 and are not proposed, because others weigh more.
    pub not_interviewed: usize,
    /// Items of support departments beyond 督办, which are for a meeting to decide.
    pub for_meeting: usize,
    /// Drafts of earlier runs that have waited too long, and the day the oldest was made.
    pub unsigned: usize,
    pub unsigned_since: Option<NaiveDate>,
}

/// A unit whose last mail no server has accepted.
#[derive(Clone, Debug, Serialize)]
pub struct UnreachedUnit {
    pub unit: String,
    /// The state of the mail, in Chinese.
    pub state: &'static str,
}

/// A unit that has not answered.
#[derive(Clone, Debug, Serialize)]
pub struct SilentUnit {
    pub unit: String,
    pub items: usize,
}

/// A record with relations that no mailbox is known for.
#[derive(Clone, Debug, Serialize)]
pub struct UnroutedRecord {
    pub code: String,
    pub name: String,
    /// The unit as written in the register.
    pub unit: String,
    pub relations: Vec<String>,
}
