//! A finding (督办事项): one rule broken by one record, with its light, act, dates, and who is told.

use crate::domain::register::units::{CompactUnit, UnitId};
use crate::domain::rules::exemption::{ExemptKind, Exemption};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, Light, Relation};
use chrono::NaiveDate;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;

/// Points behind plan, exactly: `numerator / denominator`, denominator positive.
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
    /// A cell that the rule needs is empty: counted apart from fine.
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

/// How a finding stands against what was known before.
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

    /// Against the light of the period before: `None` before = new (or reopened where an older life is known).
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

/// What a finding is the same finding by, next quarter too: rule, ledger and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub rule: String,
    pub ledger: String,
    pub key: String,
}

/// What a finding is about: the same for all findings of one record.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The record's code; for a periodic rule `unit-period`.
    pub key: Arc<str>,
    pub name: Arc<str>,
    /// The owner unit; `None` = the cell names no known unit.
    pub owner: Option<UnitId>,
    /// The owner as a person reads it: the unit's name, or the unknown text of the cell.
    pub unit: Arc<str>,
    /// The project it belongs to (its own code for the project ledger), empty where none.
    pub project: Arc<str>,
    /// The unit that owes an answer on a difficulty of this project.
    pub(crate) waiting_on: CompactUnit,
    /// The unit each relation names, in the order of [`Relation::ALL`].
    pub(crate) named: [CompactUnit; Relation::ALL.len()],
    /// Levels whose major-project ledger lists the project.
    pub major: Option<crate::domain::register::units::Level>,
    /// Only counted outside the office's own workbook (另有n项不便列示).
    pub restricted: bool,
}

/// Reads as its [`Subject`] too. Kept small: a register of a million rows has as many findings.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(crate) subject: Arc<Subject>,
    /// Index of the rule.
    pub rule: usize,
    pub light: Option<Light>,
    pub act: Option<Act>,
    pub(crate) told: Arc<[Relation]>,
    pub due_on: Option<NaiveDate>,
    pub(crate) overdue: Option<NonZeroU32>,
    pub lag: Option<Box<Lag>>,
    pub state: State,
    /// Field indices of the rule's ledger.
    pub missing: Box<[usize]>,
    pub cause: Arc<str>,
    /// Against what was known before; set by whoever knows it, no part of the judgement.
    pub change: Change,
    /// Closed quarters in a row, up to now, with the finding red at their end: history too, see [`Finding::stood_red`].
    pub quarters: u32,
    /// The exemption it is under.
    pub exempt: Option<Exemption>,
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

    /// The unit that owes an answer on a difficulty of this project.
    pub fn waiting_on(&self) -> Option<UnitId> {
        Option::from(self.subject.waiting_on).filter(|_| self.state != State::Unjudged)
    }

    /// Who is told, by relation.
    pub fn told(&self) -> &[Relation] {
        &self.told
    }

    /// The units of [`Finding::told`], in the same order; `None` = resolves to nothing.
    pub fn told_units(&self) -> impl Iterator<Item = Option<UnitId>> {
        self.told.iter().map(|relation| self.named[*relation as usize].into())
    }

    /// Whether a unit is told of it.
    pub fn tells(&self, unit: UnitId) -> bool {
        self.told_units().any(|told| told == Some(unit))
    }

    /// What it counts under: its project, or, where it belongs to none, its own rule and key.
    pub fn item(&self) -> (Option<usize>, &str) {
        if self.project.is_empty() { (Some(self.rule), &self.key) } else { (None, &self.project) }
    }

    /// Notes for how many closed quarters in a row the finding was red at their end, and takes the act its rule has for that. The light
    /// stays: acts may wait for a person, lights do not.
    pub fn stood_red(&mut self, policy: &Policy, quarters: u32) {
        self.quarters = quarters;
        if self.state != State::Open {
            return;
        }
        let steps = policy.rules[self.rule].repeated.iter();
        let reached = steps.filter(|step| Some(step.light) <= self.light && step.periods <= quarters).map(|step| step.act).max();
        self.act = self.act.max(reached);
    }
}

/// A date that comes near (提醒, no light, owner only; not a finding). Reads as its [`Subject`] too.
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

/// Cells to fill among unjudged findings, each counted once however many rules wait for it.
pub fn blank_cells<'f>(policy: &Policy, findings: impl Iterator<Item = &'f Finding>) -> usize {
    let mut cells: Vec<(usize, &str, usize)> = findings
        .filter(|finding| finding.state == State::Unjudged)
        .flat_map(|finding| finding.missing.iter().map(|field| (policy.rules[finding.rule].ledger, &*finding.key, *field)))
        .collect();
    cells.sort_unstable();
    cells.dedup();
    cells.len()
}
