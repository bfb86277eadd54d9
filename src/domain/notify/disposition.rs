//! Why a finding is in no digest, and why a unit is mailed or not. Both are decided here, `plan.rs` applies it: [`disposition_of`] decides for one
//! (finding, relation), [`notify_reason`] for one unit.
//!
//! Invariant: every (finding, relation) has exactly one [`Disposition`], every unit of a run one [`NotifyReason`].

use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::inputs::{FindingRelation, PlanInputs, QUIET_DAYS, Rhythm};
use crate::domain::notify::items::{Item, UnitItems, is_news};
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Relation;

/// What becomes of one (finding, relation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It is addressed to its unit and in the digest, if the unit is mailed.
    Addressed,
    /// The record is restricted: it is counted, never named.
    Restricted,
    /// The finding is exempt.
    Exempt,
    /// It was ended between the day that is judged and the day of the mail (期后已办).
    DoneSince,
    /// No mailbox is known for the relation.
    Unrouted,
    /// The job does not mail the level of the unit.
    OtherLevel,
    /// The relation is not notified before the start (建账期).
    BeforeStart,
    /// It is addressed to its unit, whose mail of the same day another job makes.
    Covered,
    /// It is addressed to its unit, and the unit is not mailed; [`NotifyReason`] names why.
    NothingNew,
}

/// Decides for one (finding, relation). `recipient` is the unit behind the relation, if it can be mailed.
pub(crate) fn disposition_of(inputs: &PlanInputs<'_>, finding: &Finding, relation: Relation, recipient: Option<UnitId>) -> Disposition {
    match recipient {
        _ if !is_named(finding) => Disposition::Restricted,
        _ if finding.state == State::Exempt => Disposition::Exempt,
        _ if finding.done_since.is_some() => Disposition::DoneSince,
        None => Disposition::Unrouted,
        Some(unit) if !inputs.levels.contains(&inputs.policy.units.units[unit].level) => Disposition::OtherLevel,
        Some(unit) if !is_notified(inputs, unit, relation) => Disposition::BeforeStart,
        Some(_) => Disposition::Addressed,
    }
}

/// Whether a relation is notified at all: before the start only the owner and the office are.
pub(crate) fn is_notified(inputs: &PlanInputs<'_>, unit: UnitId, relation: Relation) -> bool {
    inputs.started || relation == Relation::Owner || unit == inputs.policy.units.office()
}

/// What is addressed to one unit, whether it is mailed or not. Findings and notices are indices.
#[derive(Default)]
pub(crate) struct UnitFindings {
    /// Open findings with the relation each is addressed to.
    pub(crate) open: Vec<FindingRelation>,
    /// Findings with cells to fill in.
    pub(crate) unjudged: Vec<usize>,
    /// Notices of due dates.
    pub(crate) due: Vec<usize>,
    /// How many are exempt.
    pub(crate) exempt: usize,
    /// Findings of restricted records.
    pub(crate) restricted: Vec<usize>,
    /// A finding concerns it in a relation that is not notified before the start.
    pub(crate) before_start: bool,
    /// Something concerns it, and no mail can reach it.
    pub(crate) without_mailbox: bool,
    /// Its mail passes on what its departments have.
    pub(crate) passes_on: bool,
}

impl UnitFindings {
    /// The pairs a digest of this unit lists.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = FindingRelation> + '_ {
        let unjudged = self.unjudged.iter().map(|finding| FindingRelation { finding: *finding, relation: Relation::Owner });
        self.open.iter().copied().chain(unjudged)
    }
}

/// Why a unit is mailed in a run, or why not. One is stored for every (unit, run).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotifyReason {
    /// Mailed: it has an item, a cell to fill in or a due date.
    HasItems,
    /// Mailed: something is new, worse or soon due.
    HasNews,
    /// Notified in the mail of its place: it has few items.
    ThroughPlace,
    /// Not mailed: another job mails it for the same day.
    Covered,
    /// Not mailed by a revision: its mail would repeat that of an earlier revision.
    Unchanged,
    /// Not mailed by a revision that makes only stopped mails anew: its mail was not stopped.
    NotStopped,
    /// Not mailed: its mail could not be made; the faults of the run name why.
    NotMade,
    /// Not mailed: a newer mail of the job replaced its mail before it was sent.
    Superseded,
    /// Not mailed: what is addressed to it is what it was last notified of.
    NothingNew,
    /// Not mailed: it had a digest within the last [`QUIET_DAYS`].
    QuietDays,
    /// Not mailed: neither the unit nor an office that forwards has a mailbox.
    NoMailbox,
    /// Not mailed: everything that concerns it is restricted.
    RestrictedOnly,
    /// Not mailed: everything that concerns it is exempt.
    ExemptOnly,
    /// Not mailed: what concerns it is addressed to its owner only before the start (建账期).
    BeforeStart,
    /// Not mailed: the job does not mail the level of the unit.
    OtherLevel,
    /// Not mailed: nothing that a mail lists is addressed to it.
    NoItems,
}

impl NotifyReason {
    pub const ALL: [NotifyReason; 16] = [
        NotifyReason::HasItems,
        NotifyReason::HasNews,
        NotifyReason::ThroughPlace,
        NotifyReason::Covered,
        NotifyReason::Unchanged,
        NotifyReason::NotStopped,
        NotifyReason::NotMade,
        NotifyReason::Superseded,
        NotifyReason::NothingNew,
        NotifyReason::QuietDays,
        NotifyReason::NoMailbox,
        NotifyReason::RestrictedOnly,
        NotifyReason::ExemptOnly,
        NotifyReason::BeforeStart,
        NotifyReason::OtherLevel,
        NotifyReason::NoItems,
    ];

    pub fn is_mailed(self) -> bool {
        matches!(self, NotifyReason::HasItems | NotifyReason::HasNews)
    }

    /// It is notified of its items, by a mail of its own or in that of its place.
    pub fn is_notified(self) -> bool {
        self.is_mailed() || self == NotifyReason::ThroughPlace
    }

    pub fn code(self) -> &'static str {
        match self {
            NotifyReason::HasItems => "has-items",
            NotifyReason::HasNews => "has-news",
            NotifyReason::ThroughPlace => "through-place",
            NotifyReason::Covered => "covered",
            NotifyReason::Unchanged => "unchanged",
            NotifyReason::NotStopped => "not-stopped",
            NotifyReason::NotMade => "not-made",
            NotifyReason::Superseded => "superseded",
            NotifyReason::NothingNew => "nothing-new",
            NotifyReason::QuietDays => "quiet-days",
            NotifyReason::NoMailbox => "no-mailbox",
            NotifyReason::RestrictedOnly => "restricted-only",
            NotifyReason::ExemptOnly => "exempt-only",
            NotifyReason::BeforeStart => "before-start",
            NotifyReason::OtherLevel => "other-level",
            NotifyReason::NoItems => "no-items",
        }
    }

    pub fn parse(code: &str) -> Option<NotifyReason> {
        NotifyReason::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The reason as a Chinese sentence, without the full stop.
    pub fn sentence(self) -> String {
        match self {
            NotifyReason::HasItems => "有需要办理、补齐或近期到期的事项，已生成提醒".into(),
            NotifyReason::HasNews => "有新增、加重、待补齐或近期到期的事项，已生成提醒".into(),
            NotifyReason::ThroughPlace => "事项不多，列入当地政府的提醒，由其转达".into(),
            NotifyReason::Covered => "同一截至日的提醒由另一任务发送，未重复发送".into(),
            NotifyReason::Unchanged => "补做的提醒与前次内容相同，未再发送".into(),
            NotifyReason::NotStopped => "本次只补做因标注不便公开而停发的提醒，本单位的没有停发".into(),
            NotifyReason::NotMade => "提醒未能生成，原因见本次执行未全部完成的说明".into(),
            NotifyReason::Superseded => "提醒未及发出，已由较新的提醒代替".into(),
            NotifyReason::NothingNew => "与上次告知的相比没有新情况，未发提醒".into(),
            NotifyReason::QuietDays => format!("{QUIET_DAYS}日内已收到过提醒，未再发送"),
            NotifyReason::NoMailbox => "本单位和上级办公室都没有邮箱，提醒无处可送".into(),
            NotifyReason::RestrictedOnly => "应告知的事项都不便列示，未发提醒".into(),
            NotifyReason::ExemptOnly => "有关事项都已豁免、延期或提出异议，未发提醒".into(),
            NotifyReason::BeforeStart => "建账期内只提醒责任单位，未发提醒".into(),
            NotifyReason::OtherLevel => "本任务不向这一级单位发送提醒".into(),
            NotifyReason::NoItems => "没有需要告知的事项，未发提醒".into(),
        }
    }
}

/// Decides whether a unit is mailed.
pub(crate) fn notify_reason(inputs: &PlanInputs<'_>, unit: UnitId, addressed: &UnitFindings, items: &UnitItems) -> NotifyReason {
    let has_items = items.all().next().is_some() || !addressed.unjudged.is_empty() || !addressed.due.is_empty();
    if inputs.policy.units.mailbox(unit).is_none() && (has_items || addressed.without_mailbox) {
        return NotifyReason::NoMailbox;
    }
    let last_digest = inputs.last_digest_on.get(&unit);
    // 建账期: one 存量核对单 for each unit, a second only for what came since
    let rhythm = if !inputs.started && last_digest.is_some() { Rhythm::Changes } else { inputs.rhythm };
    let has_news = || {
        let last_notified = inputs.last_notified_of(unit);
        let new_cells = addressed.unjudged.iter().any(|index| !last_notified.contains_key(&inputs.identity(*index)));
        let is_office = unit == inputs.policy.units.office();
        // the office hears of its sources until they are mended, a unit when its data become old
        let is_old = |item: &Item| item.findings().any(|index| inputs.judged.findings[index].old_data.is_some());
        let data_news = match is_office {
            true => inputs.data.conditions.iter().any(|condition| !condition.is_current()),
            false => inputs.data.has_worsened && items.all().any(is_old),
        };
        data_news || new_cells || !addressed.due.is_empty() || items.counted.0.iter().any(|item| is_news(item.change))
    };
    let is_quiet = last_digest.is_some_and(|last| (inputs.sent_on - *last).num_days() <= QUIET_DAYS);
    match rhythm {
        _ if has_items && inputs.covered.contains(&unit) => NotifyReason::Covered,
        _ if !has_items => reason_without_items(inputs, unit, addressed),
        Rhythm::Always => NotifyReason::HasItems,
        Rhythm::Changes if !has_news() => NotifyReason::NothingNew,
        Rhythm::Changes if is_quiet => NotifyReason::QuietDays,
        Rhythm::Changes => NotifyReason::HasNews,
    }
}

/// Why there is nothing that a mail to a unit would list.
fn reason_without_items(inputs: &PlanInputs<'_>, unit: UnitId, addressed: &UnitFindings) -> NotifyReason {
    if !inputs.levels.contains(&inputs.policy.units.units[unit].level) {
        NotifyReason::OtherLevel
    } else if !addressed.restricted.is_empty() {
        NotifyReason::RestrictedOnly
    } else if addressed.exempt > 0 {
        NotifyReason::ExemptOnly
    } else if addressed.before_start {
        NotifyReason::BeforeStart
    } else {
        NotifyReason::NoItems
    }
}
