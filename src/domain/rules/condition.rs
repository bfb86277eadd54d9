//! Conditions on a record, as rules, lists and the lives of records ask them, and the states that such conditions make. The configuration has
//! replaced all names by indices.

use crate::domain::register::ledger::{Field, FieldKind, Ledger, Role};
use crate::domain::register::record::{Cell, Columns, Record};
use crate::domain::register::units::Units;
use chrono::NaiveDate;
use std::sync::Arc;

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

/// One condition of a scope, of a `missing` rule, or of a state. Fields are indices into the ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Filled(usize),
    NotFilled(usize),
    Compare {
        field: usize,
        comparison: Comparison,
        operand: Operand,
    },
    /// The cell is one of the values; `wanted` = false: it is none of them.
    OneOf {
        field: usize,
        values: Vec<Cell>,
        wanted: bool,
    },
    Within {
        field: usize,
        days: u32,
    },
    /// The date is the day itself or lies ahead of it.
    Ahead(usize),
    /// The date lies behind the day.
    Past(usize),
    /// The value of the field comes from an event.
    ByEvent(usize),
    /// The date of the due day in force: the same condition on each field that may hold it, in their order; the first filled one counts.
    Due(Vec<Condition>),
    /// The record is in one of the states (indices); `wanted` = false: it is in none of them.
    State {
        states: Arc<States>,
        any: Vec<usize>,
        wanted: bool,
    },
    Not(Box<Condition>),
    NotTerminated,
    KeyIndustry,
}

/// Who has to act on a record in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    Owner,
    Asked,
    Raiser,
    Pushed,
    IssuerClerk,
    IssuerReleaser,
    LevelClerk,
    Nobody,
}

impl Waits {
    /// Whether a clerk or releaser of an issuer or an office has to act.
    pub fn is_of_desk(self) -> bool {
        matches!(self, Waits::IssuerClerk | Waits::IssuerReleaser | Waits::LevelClerk)
    }
}

impl Waits {
    /// Every value with its word in the ledger files.
    pub const NAMES: [(&'static str, Waits); 8] = [
        ("owner", Waits::Owner),
        ("asked", Waits::Asked),
        ("raiser", Waits::Raiser),
        ("pushed", Waits::Pushed),
        ("issuer-clerk", Waits::IssuerClerk),
        ("issuer-releaser", Waits::IssuerReleaser),
        ("level-clerk", Waits::LevelClerk),
        ("nobody", Waits::Nobody),
    ];
}

/// A state (状态) of the records of a ledger. It holds where every condition of one of its lists holds; no list = always.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub id: String,
    pub title: String,
    pub when: Vec<Vec<Condition>>,
    pub waits: Waits,
    /// Nothing is waited for.
    pub is_final: bool,
}

/// The states of a ledger in their order: a record is in the first one that holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States {
    pub list: Vec<State>,
    /// The fields that may hold the due day in force; the first filled one does.
    pub due: Vec<usize>,
}

impl States {
    /// The state of a record on a day; `None` only where the ledger declares none that always holds.
    pub fn of(&self, ledger: &Ledger, record: &Record, units: &Units, as_of: NaiveDate) -> Option<usize> {
        let all = |list: &Vec<Condition>| list.iter().all(|condition| condition.holds(ledger, record, units, as_of) == Holds::Yes);
        self.list.iter().position(|state| state.when.is_empty() || state.when.iter().any(all))
    }

    /// The fields that the states read.
    pub fn fields(&self, ledger: &Ledger) -> Columns {
        self.list.iter().flat_map(|state| state.when.iter().flatten()).flat_map(|condition| condition.fields(ledger).iter()).collect()
    }

    /// The due day in force.
    pub fn due_on(&self, record: &Record) -> Option<NaiveDate> {
        self.due.iter().find_map(|field| record.cell(*field).date())
    }

    /// The places of a state in the list; a state may be declared in several parts.
    pub fn named(&self, id: &str) -> Vec<usize> {
        self.list.iter().enumerate().filter(|(_, state)| state.id == id).map(|(index, _)| index).collect()
    }
}

/// Whether a condition holds. `Blank`: the cell of this field is empty, so the condition cannot be answered and does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Yes,
    No,
    Blank(usize),
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
            Condition::OneOf { field, values, wanted } => match happened(ledger, record, *field, as_of) {
                Cell::Empty => Holds::Blank(*field),
                cell => {
                    let is_it = |value: &Cell| order_of(&ledger.fields[*field], cell, value) == Some(std::cmp::Ordering::Equal);
                    yes(values.iter().any(is_it) == *wanted)
                }
            },
            Condition::Ahead(field) => yes(record.cell(*field).date().is_some_and(|date| date >= as_of)),
            Condition::Past(field) => yes(record.cell(*field).date().is_some_and(|date| date < as_of)),
            Condition::ByEvent(field) => yes(record.by_event.contains(*field) && !record.cell(*field).is_empty()),
            Condition::Due(conditions) => {
                let is_filled = |condition: &&Condition| condition.fields(ledger).iter().any(|field| !record.cell(field).is_empty());
                let first = conditions.iter().find(is_filled).or(conditions.last());
                first.map_or(Holds::No, |condition| condition.holds(ledger, record, units, as_of))
            }
            Condition::State { states, any, wanted } => {
                yes(states.of(ledger, record, units, as_of).is_some_and(|state| any.contains(&state)) == *wanted)
            }
            Condition::Not(condition) => match condition.holds(ledger, record, units, as_of) {
                Holds::Yes => Holds::No,
                Holds::No | Holds::Blank(_) => Holds::Yes,
            },
            Condition::Compare { field, comparison, operand } => {
                let left = happened(ledger, record, *field, as_of);
                let (right, blank) = match operand {
                    Operand::Value(cell) => (cell, *field),
                    Operand::Field(other) => (happened(ledger, record, *other, as_of), *other),
                };
                if left.is_empty() {
                    return Holds::Blank(*field);
                }
                match order_of(&ledger.fields[*field], left, right) {
                    Some(order) => yes(comparison.holds(order)),
                    None => Holds::Blank(blank),
                }
            }
        }
    }

    /// The fields the condition reads, a state left out: it is no column; for [`Condition::NotTerminated`] any one of them is enough.
    pub fn fields(&self, ledger: &Ledger) -> Columns {
        match self {
            Condition::Filled(field)
            | Condition::NotFilled(field)
            | Condition::Within { field, .. }
            | Condition::OneOf { field, .. }
            | Condition::Ahead(field)
            | Condition::Past(field)
            | Condition::ByEvent(field) => [*field].into_iter().collect(),
            Condition::Due(conditions) => conditions.iter().flat_map(|condition| condition.fields(ledger).iter()).collect(),
            Condition::Not(condition) => condition.fields(ledger),
            Condition::State { .. } => Columns::default(),
            Condition::NotTerminated => [Role::Terminated, Role::Stage].into_iter().filter_map(|role| ledger.role(role)).collect(),
            Condition::KeyIndustry => ledger.role(Role::Industry).into_iter().collect(),
            Condition::Compare { field, .. } => [*field].into_iter().collect(),
        }
    }
}

/// How two cells of a field compare. Texts of a field with other words for its values compare by what they mean.
fn order_of(field: &Field, left: &Cell, right: &Cell) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Cell::Text(one), Cell::Text(other)) if !field.words.is_empty() => Some(field.meaning(one).cmp(field.meaning(other))),
        _ => compare(left, right),
    }
}

/// The order of two cells of comparable types.
pub(crate) fn compare(left: &Cell, right: &Cell) -> Option<std::cmp::Ordering> {
    Some(match (left, right) {
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        (Cell::Date(left), Cell::Date(right)) => left.cmp(right),
        (Cell::Money(left), Cell::Money(right)) => left.cmp(right),
        (Cell::Bool(left), Cell::Bool(right)) => left.cmp(right),
        (left, right) => left.decimal()?.compare(right.decimal()?),
    })
}
