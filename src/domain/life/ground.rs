//! What a transition is judged on: the record with what is given, the day and who acts. Clauses hold on it, values are computed from it.

use crate::domain::life::declaration::{Clause, Clauses, Count, DateOf, Value};
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::{Cell, Record};
use crate::domain::register::units::Units;
use crate::domain::rules::condition::{Condition, Holds, States};
use chrono::NaiveDate;

pub struct Ground<'a> {
    pub ledger: &'a Ledger,
    pub states: &'a States,
    pub record: &'a Record,
    /// A record of what is given alone.
    pub given: &'a Record,
    pub units: &'a Units,
    pub day: NaiveDate,
    /// Of the owner's place.
    pub calendar: Local<'a>,
    pub below_top: bool,
    /// The name of the person, and that of the unit.
    pub by: &'a str,
    pub unit: &'a str,
    /// The word of the level above that of the record; empty where there is none.
    pub above: &'a str,
}

impl Ground<'_> {
    /// Whether one of the lists holds.
    pub fn holds(&self, clauses: &Clauses) -> bool {
        clauses.is_empty() || clauses.iter().any(|list| list.iter().all(|clause| self.clause_holds(clause)))
    }

    /// What of a record keeps every list from holding, where it is whether a field is filled: `签收日期已是2026-07-01`.
    pub fn obstacle(&self, clauses: &Clauses) -> Option<String> {
        let title = |field: usize| &self.ledger.fields[field].title;
        let failing = clauses.iter().flatten().find(|clause| !self.clause_holds(clause))?;
        match failing {
            Clause::Record(Condition::NotFilled(field)) => Some(format!("{}已是{}", title(*field), self.record.cell(*field))),
            Clause::Record(Condition::Filled(field)) => Some(format!("{}未填", title(*field))),
            _ => None,
        }
    }

    fn clause_holds(&self, clause: &Clause) -> bool {
        let on = |condition: &Condition, record: &Record| condition.holds(self.ledger, record, self.units, self.day) == Holds::Yes;
        match clause {
            Clause::Record(condition) => on(condition, self.record),
            Clause::Given(condition) => on(condition, self.given),
            Clause::WorkdaysAhead(date, count) => {
                self.date(*date).is_some_and(|date| date >= self.calendar.after_workdays(self.day, *count))
            }
            Clause::WorkdaysBack(date, count) => {
                self.date(*date).is_some_and(|date| date <= self.day && self.day <= self.calendar.after_workdays(date, *count))
            }
            Clause::BelowTop => self.below_top,
            Clause::Not(clause) => !self.clause_holds(clause),
        }
    }

    fn date(&self, date: DateOf) -> Option<NaiveDate> {
        match date {
            DateOf::Field(field) => self.record.cell(field).date(),
            DateOf::Given(field) => self.given.cell(field).date(),
            DateOf::Due => self.states.due_on(self.record),
        }
    }

    /// The value of a field (index) that a transition writes.
    pub fn value(&self, field: usize, value: &Value) -> Cell {
        match value {
            Value::Day => Cell::Date(self.day),
            Value::By => text(self.by),
            Value::Unit => text(self.unit),
            Value::Above => text(self.above),
            Value::Given(given) => self.given.cell(*given).clone(),
            Value::Field(other) => self.record.cell(*other).clone(),
            Value::Due => self.states.due_on(self.record).map_or(Cell::Empty, Cell::Date),
            Value::Later(values) => {
                let dates: Vec<Option<NaiveDate>> = values.iter().map(|value| self.value(field, value).date()).collect();
                match dates.first() {
                    Some(Some(_)) => dates.into_iter().flatten().max().map_or(Cell::Empty, Cell::Date),
                    _ => Cell::Empty,
                }
            }
            Value::First(values) => {
                values.iter().map(|value| self.value(field, value)).find(|cell| !cell.is_empty()).unwrap_or(Cell::Empty)
            }
            Value::Workdays(from, count) => {
                let count = match count {
                    Count::Fixed(count) => Some(*count),
                    Count::Field(other) => match self.record.cell(*other) {
                        Cell::Int(count) => u32::try_from(*count).ok(),
                        _ => None,
                    },
                };
                match (self.value(field, from).date(), count) {
                    (Some(from), Some(count)) => Cell::Date(self.calendar.after_workdays(from, count)),
                    _ => Cell::Empty,
                }
            }
            Value::Increment => match self.record.cell(field) {
                Cell::Int(count) => Cell::Int(count.saturating_add(1)),
                _ => Cell::Int(1),
            },
            Value::Empty => Cell::Empty,
            Value::Literal(cell) => cell.clone(),
        }
    }
}

/// A cell of a text; an empty text is an empty cell.
pub(crate) fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.into()) }
}
