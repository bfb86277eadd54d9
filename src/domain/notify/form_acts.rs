//! What a unit fills in a returned form as acts on the record: a changed column that a transition names means that transition, and the other
//! columns of the row give what it takes.

use crate::domain::audience::{NOT_SHOWN, masked};
use crate::domain::life::declaration::{Life, Party, Transition, Value};
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::register::record::{Cell, Columns, Record};
use crate::domain::rules::policy::Policy;
use chrono::NaiveDate;
use ring::digest;

/// The fields of a ledger that a unit fills in.
#[derive(Clone, Copy, Debug)]
pub struct FormFields {
    /// Answers to the office, which a ledger file marks `editable`.
    pub answers: Columns,
    /// What acts on the record take.
    pub acts: Columns,
}

impl FormFields {
    /// Those of a ledger (index).
    pub fn of(policy: &Policy, ledger: usize) -> FormFields {
        let acts: Columns = policy.life(ledger).into_iter().flat_map(transitions).flat_map(fields_of).collect();
        let fields = policy.ledgers[ledger].fields.iter().enumerate();
        let answers = fields.filter(|(field, of)| of.editable && !acts.contains(*field)).map(|(field, _)| field).collect();
        FormFields { answers, acts }
    }

    pub fn contains(self, field: usize) -> bool {
        self.answers.contains(field) || self.acts.contains(field)
    }

    /// In the order of the ledger.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        self.answers.joined(self.acts).iter()
    }

    pub fn is_empty(self) -> bool {
        self.answers.is_empty() && self.acts.is_empty()
    }
}

/// One row of a returned form, with the fields of a form's ledger.
pub struct FormRow<'a> {
    pub code: &'a str,
    pub cells: &'a [Cell],
    /// The fields that are columns of the form.
    pub columns: Columns,
}

impl FormRow<'_> {
    pub(crate) fn text(&self, field: usize) -> String {
        self.cells.get(field).map_or(String::new(), |cell| cell.to_string().trim().to_owned())
    }
}

/// The transitions that a form can mean, in their order.
fn transitions(life: &Life) -> impl Iterator<Item = &Transition> {
    life.transitions.iter().filter(|transition| transition.column.is_some())
}

/// The column that means a transition, and the fields that it takes.
fn fields_of(transition: &Transition) -> impl Iterator<Item = usize> {
    transition.column.into_iter().chain(transition.ask.iter().chain(&transition.may).copied())
}

/// Whether a unit fills a field of an act on a record, as the one that raised it or as its owner.
pub fn is_asked(life: &Life, field: usize, is_raiser: bool) -> bool {
    let is_party = |party: &Party| if is_raiser { *party == Party::Raiser } else { party.is_of_owner() };
    transitions(life).any(|transition| transition.by.iter().any(is_party) && fields_of(transition).any(|taken| taken == field))
}

/// Who may make the acts that a form can mean.
pub fn parties(life: &Life) -> impl Iterator<Item = Party> {
    transitions(life).flat_map(|transition| transition.by.iter().copied())
}

/// An act that a row of a form means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormAct {
    /// The id of the transition.
    pub transition: String,
    /// Field id and text.
    pub given: Vec<(String, String)>,
    /// The day that the row states for it.
    pub stated_on: Option<NaiveDate>,
    pub reason: String,
    /// The same form makes it once.
    pub key: String,
}

/// The acts that a changed row means, in the order of the transitions. `form` names the form; `remark` is the reason where one is needed. A column
/// of text is of the day that a later column of the row states, else of today.
pub(crate) fn acts_of(ledger: &Ledger, life: &Life, form: &str, record: &Record, row: &FormRow<'_>, remark: &str) -> Vec<FormAct> {
    let mut seen = Columns::default();
    let mut acts: Vec<FormAct> = Vec::new();
    for transition in transitions(life) {
        let Some(column) = transition.column.filter(|column| !seen.contains(*column)) else { continue };
        let Some(text) = changed(ledger, record, row, column) else { continue };
        if !transition.answers.is_empty() && !transition.answers.contains(&text) {
            continue;
        }
        seen.insert(column);
        let mut given: Vec<(String, String)> = Vec::new();
        for field in transition.ask.iter().chain(&transition.may).copied().filter(|field| row.columns.contains(*field)) {
            let text = written(ledger, record, row, field);
            if !text.is_empty() {
                given.push((ledger.fields[field].id.clone(), text));
            }
        }
        let is_date = |field: usize| matches!(ledger.fields[field].kind, FieldKind::Date { .. });
        let of_its_day = transition.set.iter().filter(|(field, value)| *value == Value::Day && is_date(*field)).map(|(field, _)| *field);
        let dates = Some(column).filter(|column| is_date(*column)).into_iter().chain(of_its_day);
        let stated_on = dates.filter_map(|field| changed(ledger, record, row, field)?.parse().ok()).next();
        let key = format!("{form} {} {}", transition.id, digest_of(&text, &given));
        let reason = if transition.reason { remark.to_owned() } else { String::new() };
        acts.push(FormAct { transition: transition.id.clone(), given, stated_on, reason, key });
    }
    let mut day = None;
    for act in acts.iter_mut().rev() {
        act.stated_on = act.stated_on.or(day);
        day = act.stated_on;
    }
    acts
}

/// The fields whose columns these acts have used.
pub(crate) fn used_by(ledger: &Ledger, life: &Life, acts: &[FormAct]) -> Columns {
    let made = acts.iter().filter_map(|act| life.transition(&act.transition)).map(|index| &life.transitions[index]);
    let days = |transition: &Transition| {
        let of_day = transition.set.iter().filter(|(_, value)| *value == Value::Day).map(|(field, _)| *field);
        of_day.collect::<Vec<_>>()
    };
    let used = made.flat_map(|transition| fields_of(transition).chain(days(transition)));
    used.filter(|field| *field < ledger.fields.len()).collect()
}

/// Why a filled cell means nothing: what it belongs to is not filled, or its word is none that counts. `used` are the fields that the acts of the row
/// take.
pub(crate) fn unused(ledger: &Ledger, life: &Life, record: &Record, row: &FormRow<'_>, used: Columns) -> Option<String> {
    let title = |field: usize| ledger.fields[field].title.as_str();
    let of_acts: Columns = transitions(life).flat_map(fields_of).collect();
    // what was taken before and is sent once more is as the record has it
    let is_new = |field: usize| changed(ledger, record, row, field).is_some_and(|text| text != record.cell(field).to_string());
    let field = of_acts.iter().find(|field| !used.contains(*field) && is_new(*field))?;
    let taking = transitions(life).filter(|transition| fields_of(transition).any(|taken| taken == field));
    let columns: Vec<&str> = taking.filter_map(|transition| transition.column).filter(|column| *column != field).map(title).collect();
    Some(match columns.is_empty() {
        true => format!("{}“{}”不是可填的内容", title(field), row.text(field)),
        false => format!("填了{}，没有填{}", title(field), columns.join("或")),
    })
}

/// What a form shows of a field of acts before the unit fills it in: what is in the register; what only events set is asked anew.
pub(crate) fn shown(ledger: &Ledger, record: &Record, field: usize) -> String {
    if ledger.fields[field].own { String::new() } else { record.cell(field).to_string() }
}

/// The text of a cell; a number that the form shows masked is the one in the register.
fn written(ledger: &Ledger, record: &Record, row: &FormRow<'_>, field: usize) -> String {
    let (text, before) = (row.text(field), shown(ledger, record, field));
    if text == NOT_SHOWN || text == masked(&before) { before } else { text }
}

/// The text of a cell that is neither empty nor as the register has it.
fn changed(ledger: &Ledger, record: &Record, row: &FormRow<'_>, field: usize) -> Option<String> {
    let is_column = row.columns.contains(field);
    let text = written(ledger, record, row, field);
    (is_column && !text.is_empty() && text != shown(ledger, record, field)).then_some(text)
}

fn digest_of(text: &str, given: &[(String, String)]) -> String {
    let all = given.iter().flat_map(|(id, text)| [id.as_str(), text.as_str()]).chain([text]).collect::<Vec<_>>().join("\u{0}");
    let sum = digest::digest(&digest::SHA256, all.as_bytes());
    sum.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
