//! Supervision rules (督办规则) as data: scope, dates, ladder. Names are indices by the time a rule exists (see `config`).

use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::{FieldKind, Ledger, Role};
use crate::domain::register::record::{Cell, Columns, Decimal, Record};
use crate::domain::register::units::{Level, UnitId, Units};
use chrono::{Days, NaiveDate};
use std::sync::Arc;

/// How bad it is. Ordered: red is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Light {
    Yellow,
    Orange,
    Red,
}

impl Light {
    pub const ALL: [Light; 3] = [Light::Yellow, Light::Orange, Light::Red];

    pub fn code(self) -> &'static str {
        match self {
            Light::Yellow => "yellow",
            Light::Orange => "orange",
            Light::Red => "red",
        }
    }

    pub fn from_code(code: &str) -> Option<Light> {
        Light::ALL.into_iter().find(|light| light.code() == code)
    }

    /// Readable without colour: a mark and a word.
    pub fn title(self) -> &'static str {
        match self {
            Light::Yellow => "■黄",
            Light::Orange => "▲橙",
            Light::Red => "●红",
        }
    }

    /// The bare word.
    pub fn word(self) -> &'static str {
        match self {
            Light::Yellow => "黄",
            Light::Orange => "橙",
            Light::Red => "红",
        }
    }
}

/// What is done about it. Ordered by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    Remind,
    Urge,
    Supervise,
    Circulate,
    Interview,
}

impl Act {
    pub const ALL: [Act; 5] = [Act::Remind, Act::Urge, Act::Supervise, Act::Circulate, Act::Interview];

    pub fn code(self) -> &'static str {
        match self {
            Act::Remind => "remind",
            Act::Urge => "urge",
            Act::Supervise => "supervise",
            Act::Circulate => "circulate",
            Act::Interview => "interview",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Act::Remind => "提醒",
            Act::Urge => "催办",
            Act::Supervise => "督办",
            Act::Circulate => "通报",
            Act::Interview => "约谈",
        }
    }
}

/// Who is told, by relation to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    Owner,
    Superior,
    Lead,
    Raiser,
    Office,
}

impl Relation {
    pub const ALL: [Relation; 5] = [Relation::Owner, Relation::Superior, Relation::Lead, Relation::Raiser, Relation::Office];

    pub fn code(self) -> &'static str {
        match self {
            Relation::Owner => "owner",
            Relation::Superior => "superior",
            Relation::Lead => "lead",
            Relation::Raiser => "raiser",
            Relation::Office => "office",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Relation::Owner => "责任单位",
            Relation::Superior => "上一级",
            Relation::Lead => "产业牵头部门",
            Relation::Raiser => "提请单位",
            Relation::Office => "省办公室",
        }
    }
}

/// One step of a ladder: reached when the measure is at least `from`. `told` is already cumulated.
#[derive(Clone, Debug)]
pub struct Step {
    /// Overdue days, points, or 1 for a missing field.
    pub from: Decimal,
    pub light: Light,
    pub act: Act,
    pub told: Arc<[Relation]>,
}

/// A step that closed quarters in a row lead to, each with this light or a worse one at its end: it raises the act, never the light, and
/// tells nobody new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub periods: u32,
    pub light: Light,
    pub act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    pub const NAMES: [(&'static str, Comparison); 6] = [
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessEqual),
        (">=", Comparison::GreaterEqual),
        ("=", Comparison::Equal),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];

    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterEqual => order.is_ge(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Value(Cell),
    Field(usize),
}

/// One condition of a scope or of a `missing` rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Filled(usize),
    NotFilled(usize),
    Compare { field: usize, comparison: Comparison, operand: Operand },
    Within { field: usize, days: u32 },
    NotTerminated,
    KeyIndustry,
}

/// Whether a condition holds; `Blank` = the cell it reads is empty, so it cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Yes,
    No,
    Blank(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Every {
    Month,
    Quarter,
    Year,
}

#[derive(Clone, Debug)]
pub enum RuleKind {
    Deadline { from: Vec<usize>, within: Option<Span>, agreed: Vec<usize>, until: Option<usize>, roll: bool },
    Lag { from: usize, to: usize, actual: usize, planned: Option<usize> },
    Missing { must: Vec<Condition> },
    Periodic { every: Every, levels: Vec<Level>, units: Vec<UnitId>, date: usize, matching: Vec<Condition> },
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub title: String,
    /// Index of the ledger it reads.
    pub ledger: usize,
    pub kind: RuleKind,
    pub scope: Vec<Condition>,
    pub ladder: Vec<Step>,
    pub repeated: Vec<Repeat>,
    /// The clause, e.g. `一(四)1`.
    pub basis: String,
    /// Rules (indices) beneath which this one speaks in a mail.
    pub under: Vec<usize>,
    /// The cause where the record names none.
    pub cause: Arc<str>,
    /// Notice this many days before the due date, to the owner; 0 = none.
    pub notice_days: u32,
    /// A project with an open finding of this rule waits on the finding's owner.
    pub waits: bool,
    /// Each set must meet the columns a row's source has, or the rule is off for the row.
    pub needs: Vec<Columns>,
}

impl Rule {
    /// The highest step reached by a measure given as `numerator / denominator` (denominator positive).
    pub fn step(&self, numerator: i128, denominator: i128) -> Option<&Step> {
        self.ladder.iter().rev().find(|step| {
            let scale = 10i128.pow(u32::from(step.from.scale));
            numerator * scale >= i128::from(step.from.mantissa) * denominator
        })
    }

    /// The first of the needed columns a row's source lacks, if any.
    pub fn lacks(&self, columns: Columns) -> Option<usize> {
        self.needs.iter().find(|set| !set.meets(columns)).and_then(|set| set.iter().next())
    }
}

/// A date or other cell that counts on `as_of`: an event date after it has not happened, so it is empty.
pub fn happened<'a>(ledger: &Ledger, record: &'a Record, field: usize, as_of: NaiveDate) -> &'a Cell {
    match record.cell(field) {
        Cell::Date(date) if *date > as_of && ledger.fields[field].kind == (FieldKind::Date { planned: false }) => &Cell::Empty,
        cell => cell,
    }
}

/// Terminated on `as_of`: the date decides where filled, else the stage word 终止.
pub fn is_terminated(ledger: &Ledger, record: &Record, as_of: NaiveDate) -> bool {
    match ledger.role(Role::Terminated).map(|field| record.cell(field)) {
        Some(Cell::Date(date)) => *date <= as_of,
        _ => record.text(ledger.role(Role::Stage)) == STAGE_TERMINATED,
    }
}

/// The stage words that have a meaning of their own.
pub const STAGE_TERMINATED: &str = "终止";
pub const STAGE_NEGOTIATING: &str = "洽谈";
/// Only this agreement counts as signed.
pub const AGREEMENT_CONTRACT: &str = "合同";

impl Condition {
    pub fn holds(&self, ledger: &Ledger, record: &Record, units: &Units, as_of: NaiveDate) -> Holds {
        let yes = |holds: bool| if holds { Holds::Yes } else { Holds::No };
        match self {
            Condition::Filled(field) => yes(!happened(ledger, record, *field, as_of).is_empty()),
            Condition::NotFilled(field) => yes(happened(ledger, record, *field, as_of).is_empty()),
            Condition::NotTerminated => yes(!is_terminated(ledger, record, as_of)),
            Condition::KeyIndustry => {
                let Some(field) = ledger.role(Role::Industry) else { return Holds::No };
                match record.cell(field).text() {
                    None => Holds::Blank(field),
                    Some(name) => yes(units.industry(name).is_some()),
                }
            }
            // no plan yet is no slip: the row is simply not about to
            Condition::Within { field, days } => {
                let last = as_of + Days::new(u64::from(*days));
                yes(record.cell(*field).date().is_some_and(|date| date >= as_of && date <= last))
            }
            Condition::Compare { field, comparison, operand } => {
                let left = happened(ledger, record, *field, as_of);
                let (right, blank) = match operand {
                    Operand::Value(cell) => (cell, *field),
                    Operand::Field(other) => (happened(ledger, record, *other, as_of), *other),
                };
                if left.is_empty() {
                    return Holds::Blank(*field);
                }
                match compare(left, right) {
                    Some(order) => yes(comparison.holds(order)),
                    None => Holds::Blank(blank),
                }
            }
        }
    }

    /// The fields the condition reads; for [`Condition::NotTerminated`] any one of them is enough.
    pub fn fields(&self, ledger: &Ledger) -> Columns {
        match self {
            Condition::Filled(field) | Condition::NotFilled(field) | Condition::Within { field, .. } => [*field].into_iter().collect(),
            Condition::NotTerminated => [Role::Terminated, Role::Stage].into_iter().filter_map(|role| ledger.role(role)).collect(),
            Condition::KeyIndustry => ledger.role(Role::Industry).into_iter().collect(),
            Condition::Compare { field, .. } => [*field].into_iter().collect(),
        }
    }
}

fn compare(left: &Cell, right: &Cell) -> Option<std::cmp::Ordering> {
    Some(match (left, right) {
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        (Cell::Date(left), Cell::Date(right)) => left.cmp(right),
        (Cell::Money(left), Cell::Money(right)) => left.cmp(right),
        (Cell::Bool(left), Cell::Bool(right)) => left.cmp(right),
        (left, right) => left.decimal()?.compare(right.decimal()?),
    })
}
