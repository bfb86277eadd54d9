//! The texts of clauses and values, such as `received_on last 3 workdays` or `later(due, @day + 5 workdays)` → [`Clause`]s and [`Value`]s.

use crate::domain::bounds::{WORKDAYS_MAX, out_of_range};
use crate::domain::life::declaration::{Clause, Count, DateOf, Value};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::calendar::parse_day;
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::register::record::{Cell, Decimal};
use crate::domain::rules::condition::States;
use crate::domain::rules::condition_text::{FieldType, condition, field};
use std::sync::Arc;

const GIVEN: &str = "@given.";

/// A clause of the key of a transition.
pub(crate) fn clause(text: &str, key: &str, ledger: &Ledger, states: &Arc<States>, at: &mut ProblemsAt<'_>) -> Option<Clause> {
    let text = text.trim();
    if text == "below top" {
        return Some(Clause::BelowTop);
    }
    if let Some(rest) = text.strip_prefix("not ") {
        return Some(match clause(rest, key, ledger, states, at)? {
            Clause::Record(_) => Clause::Record(condition(text, key, ledger, Some(states), at)?),
            other => Clause::Not(Box::new(other)),
        });
    }
    if let Some((left, count)) = text.strip_suffix(" workdays").and_then(|text| text.rsplit_once(' ')) {
        let (name, make): (&str, fn(DateOf, u32) -> Clause) = match (left.strip_suffix(" ahead"), left.strip_suffix(" last")) {
            (Some(name), _) => (name.trim(), Clause::WorkdaysAhead),
            (None, Some(name)) => (name.trim(), Clause::WorkdaysBack),
            (None, None) => {
                at.report(format!("{key} \"{text}\": write it as FIELD ahead 5 workdays, or FIELD last 3 workdays"), None);
                return None;
            }
        };
        let date = match (name, name.strip_prefix(GIVEN)) {
            (_, Some(given)) => DateOf::Given(field(given, key, FieldType::Date, ledger, at)?),
            ("due", None) if !states.due.is_empty() && ledger.field("due").is_none() => DateOf::Due,
            _ => DateOf::Field(field(name, key, FieldType::Date, ledger, at)?),
        };
        return Some(make(date, workdays(count, key, at)?));
    }
    match text.strip_prefix(GIVEN) {
        Some(rest) => Some(Clause::Given(condition(rest, key, ledger, Some(states), at)?)),
        None => Some(Clause::Record(condition(text, key, ledger, Some(states), at)?)),
    }
}

fn workdays(text: &str, key: &str, at: &mut ProblemsAt<'_>) -> Option<u32> {
    let count = text.parse().ok().filter(|count| i64::from(*count) <= WORKDAYS_MAX);
    if count.is_none() {
        at.report(format!("{key}: {}", out_of_range(text, 0, WORKDAYS_MAX)), None);
    }
    count
}

/// The value that a key writes to a field (index).
pub(crate) fn value(text: &str, target: usize, ledger: &Ledger, states: &States, at: &mut ProblemsAt<'_>) -> Option<Value> {
    let reader = ValueReader { target, ledger, states };
    let value = reader.value(text, at)?;
    let wanted = ledger.fields[target].kind;
    if reader.kind(&value).is_some_and(|kind| std::mem::discriminant(&kind) != std::mem::discriminant(&wanted)) {
        at.report(format!("\"{text}\" is of another type than field \"{}\"", ledger.fields[target].id), None);
        return None;
    }
    Some(value)
}

struct ValueReader<'a> {
    target: usize,
    ledger: &'a Ledger,
    states: &'a States,
}

impl ValueReader<'_> {
    fn value(&self, text: &str, at: &mut ProblemsAt<'_>) -> Option<Value> {
        let text = text.trim();
        let parts = split(text, '|');
        if parts.len() > 1 {
            return Some(Value::First(parts.into_iter().map(|part| self.value(part, at)).collect::<Option<_>>()?));
        }
        if let Some(inside) = text.strip_prefix("later(").and_then(|rest| rest.strip_suffix(')')) {
            let values: Vec<Value> = split(inside, ',').into_iter().map(|part| self.date(part, at)).collect::<Option<_>>()?;
            return Some(Value::Later(values));
        }
        if let Some((from, count)) = text.split_once(" + ") {
            let from = Box::new(self.date(from, at)?);
            let count = match count.trim().strip_suffix(" workdays") {
                Some(count) => Count::Fixed(workdays(count.trim(), "workdays", at)?),
                None => Count::Field(field(count.trim(), "workdays", FieldType::Number, self.ledger, at)?),
            };
            return Some(Value::Workdays(from, count));
        }
        if let Some(given) = text.strip_prefix(GIVEN) {
            return Some(Value::Given(field(given, "value", FieldType::Any, self.ledger, at)?));
        }
        Some(match text {
            "" => Value::Empty,
            "+1" => Value::Increment,
            "@day" => Value::Day,
            "@by" => Value::By,
            "@unit" => Value::Unit,
            "@above" => Value::Above,
            "due" if !self.states.due.is_empty() => Value::Due,
            _ => match self.ledger.field(text) {
                Some(field) => Value::Field(field),
                None => Value::Literal(self.literal(text, at)?),
            },
        })
    }

    /// A value that has to be a date.
    fn date(&self, text: &str, at: &mut ProblemsAt<'_>) -> Option<Value> {
        let value = self.value(text, at)?;
        if self.kind(&value).is_some_and(|kind| !matches!(kind, FieldKind::Date { .. })) {
            at.report(format!("\"{}\" is not a date", text.trim()), None);
            return None;
        }
        Some(value)
    }

    /// A word or number as it is written. A word in Latin letters that is no value of the field is taken for the misspelt name of a field.
    fn literal(&self, text: &str, at: &mut ProblemsAt<'_>) -> Option<Cell> {
        let field = &self.ledger.fields[self.target];
        let is_value = field.values.iter().any(|value| value == text);
        let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'@' | b'.'));
        let cell = match field.kind {
            FieldKind::Text if is_value || !is_name && field.values.is_empty() => Some(Cell::Text(text.into())),
            FieldKind::Date { .. } => parse_day(text).map(Cell::Date),
            FieldKind::Int => text.parse().ok().map(Cell::Int),
            FieldKind::Decimal => Decimal::parse(text).map(Cell::Decimal),
            FieldKind::Bool if matches!(text, "是" | "否") => Some(Cell::Bool(text == "是")),
            FieldKind::Text | FieldKind::Bool | FieldKind::Money => None,
        };
        if cell.is_none() {
            let known = self.ledger.fields.iter().map(|field| field.id.as_str()).chain(field.values.iter().map(String::as_str));
            at.report(format!("\"{text}\" is no value for field \"{}\"", field.id), suggest(text, known));
        }
        cell
    }

    /// The type of a value; `None` = any.
    fn kind(&self, value: &Value) -> Option<FieldKind> {
        match value {
            Value::Day | Value::Due | Value::Later(_) | Value::Workdays(..) => Some(FieldKind::Date { planned: true }),
            Value::By | Value::Unit | Value::Above => Some(FieldKind::Text),
            Value::Given(field) | Value::Field(field) => Some(self.ledger.fields[*field].kind),
            Value::First(values) => values.iter().find_map(|value| self.kind(value)),
            Value::Increment => Some(FieldKind::Int),
            Value::Empty | Value::Literal(_) => None,
        }
    }
}

/// The parts of a text between separators that are in no brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0;
    text.split(move |one: char| {
        depth += i32::from(one == '(') - i32::from(one == ')');
        depth == 0 && one == separator
    })
    .collect()
}
