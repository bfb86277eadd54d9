//! Conditions as text, such as `amount >= 1亿元`, `not started` or `signed within 30 d` → [`Condition`]s on the fields of a ledger.
//!
//! Rules write them in `scope`, `must` and `where`, record lists in `where`.

use crate::domain::bounds::{DAYS_MAX, out_of_range};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::calendar::parse_day;
use crate::domain::register::ledger::{FieldKind, Ledger, MONEY_UNITS, Role};
use crate::domain::register::record::{Cell, Decimal};
use crate::domain::rules::condition::{Comparison, Condition, Operand, States};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The named scopes of `config/rules.toml`: lists of conditions by name.
pub(crate) type Scopes = BTreeMap<String, Vec<String>>;

/// The type of field that a key takes.
#[derive(Clone, Copy)]
pub(crate) enum FieldType {
    Any,
    Date,
    Number,
}

impl FieldType {
    fn accepts(self, kind: FieldKind) -> bool {
        match self {
            FieldType::Any => true,
            FieldType::Date => matches!(kind, FieldKind::Date { .. }),
            FieldType::Number => matches!(kind, FieldKind::Decimal | FieldKind::Int),
        }
    }

    fn description(self) -> &'static str {
        match self {
            FieldType::Any => "a field",
            FieldType::Date => "a date",
            FieldType::Number => "a number",
        }
    }
}

/// Index of the field that the value of a key names.
pub(crate) fn field(name: &str, key: &str, wanted: FieldType, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Option<usize> {
    let Some(field) = ledger.field(name) else {
        let hint = suggest(name, ledger.fields.iter().map(|field| field.id.as_str()));
        at.report(format!("{key}: field \"{name}\" is not in ledger \"{}\"", ledger.id), hint);
        return None;
    };
    if !wanted.accepts(ledger.fields[field].kind) {
        at.report(format!("{key}: field \"{name}\" is not {}", wanted.description()), None);
        return None;
    }
    Some(field)
}

/// What the texts of conditions on a ledger may name besides its fields.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) scopes: &'a Scopes,
    /// The states of the ledger's records, if it declares them.
    pub(crate) states: Option<&'a Arc<States>>,
}

/// The conditions that the value of a key lists; the name of a scope is replaced by the conditions of the scope.
pub(crate) fn conditions(texts: &[String], key: &str, ledger: &Ledger, terms: Terms<'_>, at: &mut ProblemsAt<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for text in texts {
        for text in terms.scopes.get(text.as_str()).map_or(std::slice::from_ref(text), Vec::as_slice) {
            conditions.extend(condition(text, key, ledger, terms.states, at));
        }
    }
    conditions
}

/// One condition.
pub(crate) fn condition(
    text: &str,
    key: &str,
    ledger: &Ledger,
    states: Option<&Arc<States>>,
    at: &mut ProblemsAt<'_>,
) -> Option<Condition> {
    let text = text.trim();
    if text == "key-industry" {
        if ledger.role(Role::Industry).is_none() {
            at.report(format!("{key}: key-industry needs a field with role \"industry\""), None);
        }
        return Some(Condition::KeyIndustry);
    }
    if text == "not terminated" {
        if ledger.role(Role::Terminated).is_none() && ledger.role(Role::Stage).is_none() {
            at.report(format!("{key}: terminated needs a field with role \"terminated\" or \"stage\""), None);
        }
        return Some(Condition::NotTerminated);
    }
    if let Some(rest) = text.strip_prefix("not ") {
        return Some(match condition(rest, key, ledger, states, at)? {
            Condition::Filled(field) => Condition::NotFilled(field),
            other => Condition::Not(Box::new(other)),
        });
    }
    if (text == "due" || text.starts_with("due ")) && ledger.field("due").is_none() {
        let fields = states.map_or(&[][..], |states| &states.due);
        if fields.is_empty() {
            at.report(format!("{key} \"{text}\": ledger \"{}\" has no `due`", ledger.id), None);
            return None;
        }
        let on = |field: &usize| condition(&text.replacen("due", &ledger.fields[*field].id, 1), key, ledger, states, at);
        return Some(Condition::Due(fields.iter().map(on).collect::<Option<_>>()?));
    }
    for (ending, make) in ENDINGS {
        if let Some(name) = text.strip_suffix(ending) {
            let wanted = if ending == BY_EVENT { FieldType::Any } else { FieldType::Date };
            return Some(make(field(name.trim(), key, wanted, ledger, at)?));
        }
    }
    // two-character signs come first in the table, so that `<=` is not read as `<`
    let compared = Comparison::NAMES.into_iter().find_map(|(sign, comparison)| Some((comparison, text.split_once(sign)?)));
    if let Some((comparison, (left, right))) = compared {
        if left.trim() == "state" && ledger.field("state").is_none() {
            return state_condition(text, comparison, right, key, ledger, states, at);
        }
        let field = field(left.trim(), key, FieldType::Any, ledger, at)?;
        let mut at = at.at(format!("{}: {key} \"{text}\"", at.place));
        if right.contains('|') && matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            let value = |word: &str| match operand(word.trim(), field, ledger, &mut at)? {
                Operand::Value(cell) => Some(cell),
                Operand::Field(_) => {
                    at.report(format!("\"{}\" is a field, expected a value", word.trim()), None);
                    None
                }
            };
            let values = right.split('|').map(value).collect::<Option<_>>()?;
            return Some(Condition::OneOf { field, values, wanted: comparison == Comparison::Equal });
        }
        return Some(Condition::Compare { field, comparison, operand: operand(right.trim(), field, ledger, &mut at)? });
    }
    if let Some((name, days)) = text.split_once(" within ") {
        let field = field(name.trim(), key, FieldType::Date, ledger, at)?;
        let number =
            days.trim().strip_suffix('d').map(str::trim).filter(|days| !days.is_empty() && days.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(number) = number else {
            at.report(format!("{key} \"{text}\": write it as FIELD within 30 d"), None);
            return None;
        };
        let days = number.parse().ok().filter(|days| i64::from(*days) <= DAYS_MAX);
        if days.is_none() {
            at.report(format!("{key} \"{text}\": {}", out_of_range(number, 0, DAYS_MAX)), None);
        }
        return Some(Condition::Within { field, days: days? });
    }
    Some(Condition::Filled(field(text, key, FieldType::Any, ledger, at)?))
}

const BY_EVENT: &str = " by event";

/// Makes a condition on a field.
type OnField = fn(usize) -> Condition;

/// The conditions on one field that end in words.
const ENDINGS: [(&str, OnField); 3] = [(" ahead", Condition::Ahead), (" past", Condition::Past), (BY_EVENT, Condition::ByEvent)];

/// `state = ID | ID` and `state != ID | ID`.
fn state_condition(
    text: &str,
    comparison: Comparison,
    ids: &str,
    key: &str,
    ledger: &Ledger,
    states: Option<&Arc<States>>,
    at: &mut ProblemsAt<'_>,
) -> Option<Condition> {
    let Some(states) = states else {
        at.report(format!("{key} \"{text}\": ledger \"{}\" declares no states", ledger.id), None);
        return None;
    };
    let wanted = match comparison {
        Comparison::Equal => true,
        Comparison::NotEqual => false,
        _ => {
            at.report(format!("{key} \"{text}\": a state is compared with = or !="), None);
            return None;
        }
    };
    let mut any = Vec::new();
    for id in ids.split([',', '|']).map(str::trim) {
        let named = states.named(id);
        if named.is_empty() {
            at.report(format!("{key}: state \"{id}\" is unknown"), suggest(id, states.list.iter().map(|state| state.id.as_str())));
        }
        any.extend(named);
    }
    Some(Condition::State { states: Arc::clone(states), any, wanted })
}

/// The right side of a comparison: another field, else a value of the type of the field on the left.
fn operand(text: &str, field: usize, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Option<Operand> {
    if text.starts_with(['=', '<', '>', '!']) {
        at.report(format!("\"{text}\" is no value"), Some("equal is one sign: FIELD = VALUE".into()));
        return None;
    }
    let field = &ledger.fields[field];
    if let Some(other) = ledger.field(text) {
        if std::mem::discriminant(&ledger.fields[other].kind) != std::mem::discriminant(&field.kind) {
            at.report_place("compares fields of different types", None);
        }
        return Some(Operand::Field(other));
    }
    let value = literal(field.kind, text);
    if value.is_none() {
        at.report(format!("\"{text}\" is no value for field \"{}\"", field.id), None);
    }
    if let Some(Cell::Text(word)) = &value
        && !field.values.is_empty()
        && !field.values.iter().any(|value| value == word)
    {
        let hint = suggest(word, field.values.iter().map(String::as_str));
        at.report(format!("\"{word}\" is none of the values of \"{}\"", field.id), hint);
    }
    Some(Operand::Value(value?))
}

/// The value of a text in a condition; an amount needs its unit (亿元, 亿, 万元, 万 …).
fn literal(kind: FieldKind, text: &str) -> Option<Cell> {
    Some(match kind {
        FieldKind::Text if !text.is_empty() => Cell::Text(text.into()),
        FieldKind::Date { .. } => Cell::Date(parse_day(text)?),
        FieldKind::Money => {
            let (unit, power) = MONEY_UNITS.into_iter().chain([("亿", 10), ("万", 6)]).find(|(unit, _)| text.ends_with(unit))?;
            Cell::Money(Decimal::parse(text.strip_suffix(unit)?.trim())?.scaled(power)?)
        }
        FieldKind::Decimal | FieldKind::Int => Cell::Decimal(Decimal::parse(text)?),
        FieldKind::Bool => Cell::Bool(text == "是"),
        FieldKind::Text => return None,
    })
}
