//! The inputs of a plan: everything that decides which unit is mailed what.
//!
//! The files of this folder read [`PlanInputs`]; nothing here decides who is mailed or words a sentence.

use crate::domain::audience::{is_code_restricted, masked};
use crate::domain::judging::finding::{Identity, ItemKey};
use crate::domain::judging::judge::Judged;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::notify::feedback::Answers;
use crate::domain::register::data_condition::{DataCondition, Reader};
use crate::domain::register::levels::Level;
use crate::domain::register::record::{Record, Records};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, Light, Relation};
use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// When a unit is mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Whenever it has an item.
    Always,
    /// Only for new, worsened or soon due items, and not within [`QUIET_DAYS`] of its last digest.
    Changes,
}

/// A due date is announced (近期到期) this many days ahead.
pub const DUE_DAYS: u64 = 7;
/// Days without a mail after any digest, for [`Rhythm::Changes`].
pub(crate) const QUIET_DAYS: i64 = 6;

/// What a unit was last notified of: the light of each finding; `None` = listed as cells to fill in.
pub type LastNotified = BTreeMap<Identity, Option<Light>>;

/// A finding (its index) and one of the relations it is addressed to. The coverage proof counts these pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingRelation {
    pub finding: usize,
    pub relation: Relation,
}

/// Which departments are notified of their items in the mail of their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThroughPlaces {
    /// Those with at most so many items.
    pub most: usize,
    /// Of places of these levels; empty = none, every department has a mail of its own.
    pub levels: Vec<Level>,
}

/// Which units a run leaves to another job, because that mails them for the same day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Yields {
    #[default]
    Nobody,
    /// The other job has notified these units (by code).
    Notified(Vec<String>),
    /// The other job is still to mail for the day.
    Ahead,
}

/// Drafts that have waited too long for the decision of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsigned {
    pub drafts: usize,
    /// The day the oldest was made on.
    pub since: Option<NaiveDate>,
}

/// How far the data behind the findings can be relied on.
#[derive(Clone, Debug, Default)]
pub struct DataState {
    pub conditions: Vec<DataCondition>,
    /// The ledgers (indices) of which more than half cannot be relied on: no draft is made from them.
    pub old_ledgers: BTreeSet<usize>,
    /// Some data cannot be relied on that could at the job's previous run.
    pub has_worsened: bool,
}

/// Everything that decides which unit is mailed what.
pub struct PlanInputs<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    /// The day on which the mails are made and which they bear: the day to reply and the quiet days count from it.
    pub sent_on: NaiveDate,
    pub office_name: &'a str,
    pub contact: &'a str,
    pub objection_workdays: u32,
    /// Sorted, see [`Judged::sort`].
    pub judged: &'a Judged,
    /// By ledger index and code: the records behind the findings, and their projects. A finding without its record is still notified,
    /// without amount and officer.
    pub records: &'a dyn Records,
    pub last_notified: &'a HashMap<UnitId, LastNotified>,
    pub last_digest_on: &'a HashMap<UnitId, NaiveDate>,
    /// When the last digest of a unit was accepted; a unit without one is not asked yet.
    pub asked_on: &'a HashMap<UnitId, NaiveDate>,
    /// Units whose last digest no server has accepted, with its state, in administrative order.
    pub unreached: &'a [(UnitId, DeliveryState)],
    /// (ledger index, code) of records that left the register without a confirmation. Their units are asked about them, not thanked.
    pub gone: &'a BTreeSet<(usize, String)>,
    /// The last answer of a unit on each record.
    pub answers: &'a Answers,
    pub rhythm: Rhythm,
    pub through_place: &'a ThroughPlaces,
    /// Units whose mail of the same day another job makes.
    pub covered: &'a BTreeSet<UnitId>,
    /// The acts above 催办 that this job drafts.
    pub drafts: &'a [Act],
    /// Drafts of earlier runs that no person has decided on.
    pub unsigned: Unsigned,
    /// Levels of the units that this job mails.
    pub levels: &'a [Level],
    /// `false` = 建账期: only owners and the office are notified, and no act is above 提醒.
    pub started: bool,
    pub data: &'a DataState,
    /// `数据来源：…9月30日台账（第37次快照）`, without the full stop.
    pub source_line: &'a str,
    /// The day a level is mailed next in any case, by whatever job.
    pub next_on: &'a dyn Fn(Level) -> Option<NaiveDate>,
    /// Whether a mail to this address holds counts only (`mail.allowed_domains`).
    pub is_counts_only: &'a dyn Fn(&str) -> bool,
}

impl PlanInputs<'_> {
    /// What a unit was last notified of; empty for a unit that never was.
    pub(crate) fn last_notified_of(&self, unit: UnitId) -> &LastNotified {
        static NOTHING: LastNotified = LastNotified::new();
        self.last_notified.get(&unit).unwrap_or(&NOTHING)
    }

    /// The identity of a finding (index), by which notifications are stored.
    pub(crate) fn identity(&self, finding: usize) -> Identity {
        let finding = &self.judged.findings[finding];
        let rule = &self.policy.rules[finding.rule];
        Identity { rule: rule.id.clone(), ledger: self.policy.ledgers[rule.ledger].id.clone(), key: finding.key.to_string() }
    }

    /// The ledger (index) whose rule made a finding (index).
    pub(crate) fn ledger_of(&self, finding: usize) -> usize {
        self.policy.rules[self.judged.findings[finding].rule].ledger
    }

    /// How many items these findings come to; for restricted findings, which are counted and not named.
    pub(crate) fn count_items(&self, findings: &[usize]) -> usize {
        let item = |index: &usize| self.judged.findings[*index].item(self.policy);
        findings.iter().map(item).collect::<BTreeSet<_>>().len()
    }

    /// Whether a record or its project is restricted.
    pub(crate) fn is_restricted(&self, ledger: usize, code: &str) -> bool {
        is_code_restricted(self.policy, self.records, ledger, code)
    }

    /// The item a record belongs to: its project, else the record itself; `None` where it is restricted.
    pub(crate) fn item_of(&self, ledger: usize, code: &str) -> Option<ItemKey> {
        if self.is_restricted(ledger, code) {
            return None;
        }
        let project = self.record(ledger, code).and_then(|record| self.policy.ledgers[ledger].project_of(&record));
        Some(match (self.policy.project_ledger(), project) {
            (Some(ledger), Some(project)) => ItemKey { ledger, code: project.into() },
            _ => ItemKey { ledger, code: code.into() },
        })
    }

    pub(crate) fn record(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        self.records.find(ledger, code)
    }

    /// Sentences on data that cannot be relied on, for the first lines of a mail: all for the office, for a unit those of its findings and of ledgers
    /// that are old as a whole.
    pub(crate) fn data_notes(&self, findings: impl Iterator<Item = usize>, reader: Reader) -> Vec<String> {
        let concerned: BTreeSet<(usize, NaiveDate)> =
            findings.filter_map(|index| Some((self.ledger_of(index), self.judged.findings[index].old_data?))).collect();
        let is_shown = |condition: &&DataCondition| {
            let Some(ledger) = self.policy.ledger(&condition.ledger) else { return false };
            let is_judged = || self.policy.rules.iter().any(|rule| rule.ledger == ledger);
            !condition.is_current()
                && match reader {
                    Reader::Office => is_judged(),
                    Reader::Unit => {
                        concerned.contains(&(ledger, condition.data_day)) || self.data.old_ledgers.contains(&ledger) && is_judged()
                    }
                }
        };
        let title = |condition: &DataCondition| {
            let ledger = self.policy.ledger(&condition.ledger).map(|index| self.policy.ledgers[index].title.as_str());
            masked(&condition.in_words(ledger.unwrap_or_default(), self.as_of, reader))
        };
        self.data.conditions.iter().filter(is_shown).map(title).collect()
    }

    /// The years the calendar does not know that decided a due date or the day to reply.
    pub(crate) fn missing_calendar_years(&self, unit: UnitId) -> BTreeSet<i32> {
        let mut years = self.judged.missing_calendar_years.clone();
        let reply = self.sent_on.year()..=self.reply_by(unit).year();
        years.extend(reply.filter(|year| !self.policy.calendar.knows(*year)));
        years
    }

    /// The last day of the deadlines that a mail of this plan announces.
    pub(crate) fn due_until(&self) -> NaiveDate {
        self.sent_on.checked_add_days(Days::new(DUE_DAYS)).unwrap_or(NaiveDate::MAX)
    }

    /// The last day to reply to a mail of this plan, by the recipient's own calendar.
    pub(crate) fn reply_by(&self, unit: UnitId) -> NaiveDate {
        self.reply_by_of(unit, self.sent_on)
    }

    /// The last day to reply to a mail sent on a given day.
    pub(crate) fn reply_by_of(&self, unit: UnitId, sent_on: NaiveDate) -> NaiveDate {
        let units = &self.policy.units;
        let prefecture = units.division_of(unit).map(|division| units.units[division].name.as_str());
        self.policy.calendar.of(prefecture).after_workdays(sent_on, self.objection_workdays)
    }
}
