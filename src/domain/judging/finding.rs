//! A finding (督办事项): one rule broken by one record, with its light, act, dates and recipients.

use crate::domain::register::units::{CompactUnit, UnitId};
use crate::domain::rules::exemption::{ExemptKind, Exemption};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, Light, Relation};
use crate::domain::rules::weight::{Burden, Weight};
use chrono::NaiveDate;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;

/// Percentage points behind plan, exactly: `numerator / denominator`, denominator positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    pub numerator: i128,
    pub denominator: i128,
}

impl Lag {
    /// Tenths of a point, half up: 12.35 → 124.
    pub fn tenths(self) -> i64 {
        let doubled = self.numerator * 20 + self.denominator;
        doubled.div_euclid(self.denominator * 2) as i64
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Open,
    Exempt,
    /// A cell that the rule needs is empty, so the rule could not be judged.
    Unjudged,
}

impl State {
    pub const ALL: [State; 3] = [State::Open, State::Exempt, State::Unjudged];

    pub fn code(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Exempt => "exempt",
            State::Unjudged => "unjudged",
        }
    }
}

/// The cause of what the unit itself has left undone: it waits for nobody.
const CAUSE_OF_ITS_OWN: &str = "本单位";

/// How a finding changed since the previous run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    #[default]
    New,
    Continued,
    Escalated,
    Eased,
    Reopened,
}

impl Change {
    pub const ALL: [Change; 5] = [Change::New, Change::Continued, Change::Escalated, Change::Eased, Change::Reopened];

    pub fn code(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Continued => "continued",
            Change::Escalated => "escalated",
            Change::Eased => "eased",
            Change::Reopened => "reopened",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Change::New => "新增",
            Change::Continued => "持续",
            Change::Escalated => "升级",
            Change::Eased => "减轻",
            Change::Reopened => "再次出现",
        }
    }

    /// The change from the previous light to the present one. `before` is `None` where there was no finding: then it is new, or reopened if
    /// the finding is `known_before`.
    pub fn between(before: Option<Option<Light>>, now: Option<Light>, known_before: bool) -> Change {
        match before {
            None if known_before => Change::Reopened,
            None => Change::New,
            Some(light) => match now.cmp(&light) {
                std::cmp::Ordering::Greater => Change::Escalated,
                std::cmp::Ordering::Less => Change::Eased,
                std::cmp::Ordering::Equal => Change::Continued,
            },
        }
    }
}

/// What identifies a finding across runs: rule, ledger and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub rule: String,
    pub ledger: String,
    pub key: String,
}

/// What identifies an item (事项): the project that its findings belong to, or their record where that belongs to none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// Index of the ledger.
    pub ledger: usize,
    pub code: Arc<str>,
}

/// What a finding is about: the same for all findings of one record.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The record's code; for a periodic rule `unit-period`.
    pub key: Arc<str>,
    pub name: Arc<str>,
    /// The owner unit; `None` = the cell names no known unit.
    pub owner: Option<UnitId>,
    /// The owner as printed: the name of the unit, or the text of the cell where it names no known unit.
    pub unit: Arc<str>,
    /// Code of the project it belongs to (its own code in the project ledger); empty where there is none.
    pub project: Arc<str>,
    /// The day on which its unit received it; `None` = not yet, or its ledger has no such day.
    pub received_on: Option<NaiveDate>,
    /// The day of its data where they cannot be relied on.
    pub old_data: Option<NaiveDate>,
    /// What its owner answers for waits at its desk as issuer or office.
    pub(crate) is_of_desk: bool,
    /// The unit whose answer on a difficulty of this project is outstanding.
    pub(crate) waiting_on: CompactUnit,
    /// What was done about it here, in words: of a record its state, who has to act, and the answer it got; of a project the answers that its unit has
    /// to confirm. `None` = nothing was.
    pub handled: Option<Arc<str>>,
    /// The unit each relation names, in the order of [`Relation::ALL`].
    pub(crate) named: [CompactUnit; Relation::ALL.len()],
    /// The highest level whose major-project ledger lists the project.
    pub major: Option<crate::domain::register::levels::Level>,
    /// The amount of the project, in 分.
    pub amount: Option<i64>,
    /// Whether it is only counted outside the office's own workbook (另有n件不便列示).
    pub restricted: bool,
    /// Whether only its own unit, the recipients of its findings, and the office may see its row.
    pub negotiation_only: bool,
    /// The same of the project it belongs to.
    pub project_negotiation_only: bool,
}

impl Subject {
    /// The act of a ladder as far as it goes for this record: what waits at the desk of an issuer or an office is 催办 at most.
    pub(crate) fn bounded(&self, act: Act) -> Act {
        if self.is_of_desk { act.min(Act::Urge) } else { act }
    }

    /// The owner of the project that it belongs to.
    pub(crate) fn project_owner(&self) -> Option<UnitId> {
        Option::from(self.named[Relation::Raiser as usize]).filter(|_| !self.project.is_empty())
    }

    /// The unit that leads the industry of its project.
    pub(crate) fn project_lead(&self) -> Option<UnitId> {
        Option::from(self.named[Relation::Lead as usize]).filter(|_| !self.project.is_empty())
    }
}

/// One finding. It dereferences to its [`Subject`]. The type is small because a register of a million rows has as many findings.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(crate) subject: Arc<Subject>,
    /// Index of the rule.
    pub rule: usize,
    pub light: Option<Light>,
    pub act: Option<Act>,
    pub(crate) relations: Arc<[Relation]>,
    pub due_on: Option<NaiveDate>,
    pub(crate) overdue: Option<NonZeroU32>,
    pub lag: Option<Box<Lag>>,
    pub state: State,
    /// 待数据更新: on the day of its data it was not found. Light and due date are as on the day that is judged, but it is no news and nobody is
    /// chased.
    pub waits_for_data: bool,
    /// Fields (indices into the rule's ledger) that are empty or do not hold.
    pub missing: Box<[usize]>,
    pub cause: Arc<str>,
    /// The change since the previous run. Set by the run from its history, not by judging.
    pub change: Change,
    /// Number of closed quarters in a row, up to now, that ended with the finding red. Set by [`Finding::record_red_quarters`].
    pub quarters: u32,
    /// The exemption it is under.
    pub exempt: Option<Exemption>,
    /// 期后已办: what ended it between the day that is judged and the day on which the run is made, in words. Set by the run, not by judging.
    pub done_since: Option<Arc<str>>,
}

impl Deref for Finding {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        &self.subject
    }
}

impl Finding {
    /// Calendar days, at least 1; only for a deadline that has passed.
    pub fn overdue_days(&self) -> Option<i64> {
        self.overdue.map(|days| i64::from(days.get()))
    }

    /// The unit whose answer on a difficulty of this project is outstanding.
    pub fn waiting_on(&self) -> Option<UnitId> {
        Option::from(self.subject.waiting_on).filter(|_| self.state != State::Unjudged && *self.cause != *CAUSE_OF_ITS_OWN)
    }

    /// Marks it as found only because nothing newer was read.
    pub(crate) fn wait_for_data(&mut self) {
        self.waits_for_data = true;
        self.act = self.act.min(Some(Act::Remind));
    }

    /// What a change comes to with the data that it was seen in: data that cannot be relied on bring no news.
    pub(crate) fn change_by_its_data(&self, change: Change) -> Change {
        match change {
            _ if self.waits_for_data => Change::Continued,
            Change::Escalated if self.old_data.is_some() => Change::Continued,
            change => change,
        }
    }

    /// How much it weighs against other findings.
    pub fn weight(&self, policy: &Policy) -> Weight {
        policy.weights.of(Burden {
            light: self.light,
            phase: policy.rules[self.rule].phase,
            amount: self.amount,
            days: self.overdue_days(),
            quarters: self.quarters,
        })
    }

    /// Its light as totals count it: a service has none.
    pub fn counted_light(&self, policy: &Policy) -> Option<Light> {
        self.light.filter(|_| !self.is_service(policy))
    }

    /// Whether it is a service to offer.
    pub fn is_service(&self, policy: &Policy) -> bool {
        policy.rules[self.rule].service.is_some()
    }

    /// The relations it is addressed to.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// The units behind [`Finding::relations`], in the same order; `None` = the relation resolves to no unit.
    pub fn recipients(&self) -> impl Iterator<Item = Option<UnitId>> {
        self.relations.iter().map(|relation| self.named[*relation as usize].into())
    }

    /// Whether a unit is among its recipients.
    pub fn is_addressed_to(&self, unit: UnitId) -> bool {
        self.recipients().any(|recipient| recipient == Some(unit))
    }

    /// The item it is counted under.
    pub fn item(&self, policy: &Policy) -> ItemKey {
        match policy.project_ledger().filter(|_| !self.project.is_empty()) {
            Some(ledger) => ItemKey { ledger, code: Arc::clone(&self.project) },
            None => ItemKey { ledger: policy.rules[self.rule].ledger, code: Arc::clone(&self.key) },
        }
    }

    /// Sets for how many closed quarters in a row the finding was red at their end, and raises the act as its rule provides. The light does
    /// not change.
    pub fn record_red_quarters(&mut self, policy: &Policy, quarters: u32) {
        self.quarters = quarters;
        if self.state != State::Open {
            return;
        }
        let steps = policy.rules[self.rule].repeated.iter();
        let reached = steps.filter(|step| Some(step.light) <= self.light && step.periods <= quarters).map(|step| step.act).max();
        self.act = self.act.max(reached.map(|act| self.bounded(act)));
    }
}

/// A due date that is near (提醒): it has no light, goes to the owner only, and is no finding. It dereferences to its [`Subject`].
#[derive(Clone, Debug)]
pub struct Notice {
    pub(crate) subject: Arc<Subject>,
    pub rule: usize,
    pub due_on: NaiveDate,
    /// The exemption that ends on that day; `None` = the rule's own due date.
    pub ends: Option<ExemptKind>,
}

impl Deref for Notice {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        &self.subject
    }
}

/// The number of cells to fill among unjudged findings. A cell that several rules need is counted once.
pub fn count_blank_cells<'f>(policy: &Policy, findings: impl Iterator<Item = &'f Finding>) -> usize {
    let mut cells: Vec<(usize, &str, usize)> = findings
        .filter(|finding| finding.state == State::Unjudged)
        .flat_map(|finding| finding.missing.iter().map(|field| (policy.rules[finding.rule].ledger, &*finding.key, *field)))
        .collect();
    cells.sort_unstable();
    cells.dedup();
    cells.len()
}
