//! Supervision rules (督办规则) as data: the scope, the dates and the ladder whose steps name the lights. The configuration has replaced all
//! names by indices. Which step applies to a record is decided in [`crate::domain::judging::verdict`], with [`Rule::step`].

use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::{FieldKind, Ledger, Role};
use crate::domain::register::levels::{Level, LevelWord, Levels};
use crate::domain::register::period::PeriodKind;
use crate::domain::register::record::{Cell, Columns, Decimal, Record};
use crate::domain::register::units::{UnitId, Units};
use chrono::NaiveDate;
use std::sync::Arc;

/// The light (灯) of a finding, ordered by severity: red is the highest.
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

    /// A mark and a word, readable in print without colour.
    pub fn title(self) -> &'static str {
        match self {
            Light::Yellow => "■黄",
            Light::Orange => "▲橙",
            Light::Red => "●红",
        }
    }

    /// The Chinese word alone.
    pub fn word(self) -> &'static str {
        match self {
            Light::Yellow => "黄",
            Light::Orange => "橙",
            Light::Red => "红",
        }
    }
}

/// The act (方式) taken on a finding, ordered by severity.
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

/// A recipient of findings, by its relation to the record.
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

    pub fn title(self, levels: &Levels) -> &str {
        match self {
            Relation::Owner => "责任单位",
            Relation::Superior => "上一级",
            Relation::Lead => "产业牵头部门",
            Relation::Raiser => "提请单位",
            Relation::Office => levels.top(LevelWord::Office),
        }
    }
}

/// One step of a ladder, reached when the measure is at least `from`. `relations` include those of all lower steps.
#[derive(Clone, Debug)]
pub struct Step {
    /// Days overdue, percentage points behind plan, or 1 for a missing field or record.
    pub from: Decimal,
    pub light: Light,
    pub act: Act,
    pub relations: Arc<[Relation]>,
}

/// A step reached after `periods` closed quarters in a row that each ended with this light or a worse one. It raises the act, never the
/// light, and adds no recipients.
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

/// One condition of a scope or of a `missing` rule. Fields are indices into the ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Filled(usize),
    NotFilled(usize),
    Compare { field: usize, comparison: Comparison, operand: Operand },
    Within { field: usize, days: u32 },
    NotTerminated,
    KeyIndustry,
}

/// Whether a condition holds. `Blank`: the cell of this field is empty, so the condition cannot be answered and does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Yes,
    No,
    Blank(usize),
}

#[derive(Clone, Debug)]
pub enum RuleKind {
    Deadline { from: Vec<usize>, within: Option<Span>, agreed: Vec<usize>, until: Option<usize>, roll: bool },
    Lag { from: usize, to: usize, actual: usize, planned: Option<usize> },
    Missing { must: Vec<Condition> },
    Periodic { every: PeriodKind, levels: Vec<Level>, units: Vec<UnitId>, date: usize, matching: Vec<Condition> },
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub title: String,
    /// Index of the ledger whose records it judges.
    pub ledger: usize,
    pub kind: RuleKind,
    pub scope: Vec<Condition>,
    pub ladder: Vec<Step>,
    pub repeated: Vec<Repeat>,
    /// The clause, e.g. `一(四)1`.
    pub basis: String,
    /// Rules (indices) under which a mail lists the findings of this one.
    pub under: Vec<usize>,
    /// The cause used when the record names none.
    pub cause: Arc<str>,
    /// Days before the due date in which the owner gets a notice; 0 = no notice.
    pub notice_days: u32,
    /// It finds that a record has not been updated, so it is judged on the day of the data where these cannot be relied on.
    pub is_freshness: bool,
    /// While a project has an open finding of this rule, it is waiting on the owner of that finding.
    pub waiting_on_owner: bool,
    /// Of each set, the source of a row must have at least one column; otherwise the rule is off for that row.
    pub needs: Vec<Columns>,
}

impl Rule {
    /// The highest step that a measure of `numerator / denominator` (denominator positive) has reached; its light is the light of the finding.
    /// `None`: below the first step.
    pub fn step(&self, numerator: i128, denominator: i128) -> Option<&Step> {
        self.ladder.iter().rev().find(|step| {
            let scale = 10i128.pow(u32::from(step.from.scale));
            numerator * scale >= i128::from(step.from.mantissa) * denominator
        })
    }

    /// The first needed column that the source of a row lacks, if any.
    pub fn missing_column(&self, columns: Columns) -> Option<usize> {
        self.needs.iter().find(|set| !set.meets(columns)).and_then(|set| set.iter().next())
    }
}

/// The cell as it counts on `as_of`: an event date after `as_of` has not happened yet and counts as empty.
pub fn happened<'a>(ledger: &Ledger, record: &'a Record, field: usize, as_of: NaiveDate) -> &'a Cell {
    match record.cell(field) {
        Cell::Date(date) if *date > as_of && ledger.fields[field].kind == (FieldKind::Date { planned: false }) => &Cell::Empty,
        cell => cell,
    }
}

/// Whether the project is terminated on `as_of`. The termination date decides; without one, the stage 终止 does.
pub fn is_terminated(ledger: &Ledger, record: &Record, as_of: NaiveDate) -> bool {
    match ledger.role(Role::Terminated).map(|field| record.cell(field)) {
        Some(Cell::Date(date)) => *date <= as_of,
        _ => record.text(ledger.role(Role::Stage)) == STAGE_TERMINATED,
    }
}

/// The stages that the code treats specially.
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
            // without a planned date the condition is answered: the record is not due soon
            Condition::Within { field, days } => {
                yes(record.cell(*field).date().is_some_and(|date| (0..=i64::from(*days)).contains(&(date - as_of).num_days())))
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
                let order = match (left, right) {
                    (Cell::Text(one), Cell::Text(other)) if !ledger.fields[*field].words.is_empty() => {
                        let field = &ledger.fields[*field];
                        Some(field.meaning(one).cmp(field.meaning(other)))
                    }
                    _ => compare(left, right),
                };
                match order {
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
