//! Confirming the day (核实日期) that a unit stated too late for its event: the fields get that day.

use crate::domain::life::act::{Act, Decision, Draft, by_id};
use crate::domain::life::declaration::{CONFIRM_DAY, Life, Value};
use crate::domain::life::event::{EVENT_NO, STATED_DAY};
use crate::domain::life::matter::Matters;
use crate::domain::life::office::Office;
use crate::domain::register::record::Cell;
use chrono::NaiveDate;

/// Decides that the event `no` of a record happened on the day that its unit stated.
///
/// # Errors
/// Why it is refused.
pub fn confirm_day(office: &Office<'_>, life: &Life, matters: &Matters, act: &Act, no: u32, today: NaiveDate) -> Result<Decision, String> {
    let code = act.code.as_deref().unwrap_or_default();
    let matter = matters.get(code).ok_or_else(|| format!("没有编号“{code}”"))?;
    let on = matter.on(office, life, today).ok_or_else(|| format!("没有编号“{code}”"))?;
    if act.by.trim().is_empty() {
        return Err("请写明办理人姓名".into());
    }
    let counting = matter.counting();
    let event = counting.iter().find(|event| event.no == no).ok_or_else(|| format!("{code}没有第{no}条办理记录"))?;
    let stated = event.given.iter().find(|(id, _)| id == STATED_DAY).and_then(|(_, cell)| cell.date());
    let Some(stated) = stated.filter(|_| event.late) else { return Err(format!("第{no}条不是补录，没有待核实的日期")) };
    let is_of = |cell: &Cell| *cell == Cell::Int(i64::from(no));
    let is_confirmed = |id: &str, cell: &Cell| id == EVENT_NO && is_of(cell);
    let confirmed = counting.iter().filter(|event| event.transition == CONFIRM_DAY.0);
    if confirmed.into_iter().any(|event| event.given.iter().any(|(id, cell)| is_confirmed(id, cell))) {
        return Err(format!("第{no}条的日期已经核实"));
    }
    let issuer = office.issuer(&on.folded.record);
    if issuer != act.unit {
        return Err(format!("应由{}核实", office.name(issuer)));
    }
    let ledger = office.ledger();
    let transition = life.transition(&event.transition).map(|index| &life.transitions[index]);
    let is_day = |field: usize| {
        transition.is_none_or(|transition| transition.set.iter().any(|(known, value)| *known == field && *value == Value::Day))
    };
    let days = event.set.iter().filter(|(_, cell)| cell.date() == Some(event.on));
    let fields = days.filter_map(|(id, _)| ledger.field(id)).filter(|field| is_day(*field));
    let set: Vec<(usize, Cell)> = fields.map(|field| (field, Cell::Date(stated))).collect();
    let mut after = on.folded.record.clone();
    set.iter().for_each(|(field, cell)| after.cells[*field] = cell.clone());
    let state = life.states.of(ledger, &after, &office.policy.units, today);
    let mut draft = Draft::of(office, act, Some(code), CONFIRM_DAY.0, today);
    draft.event.no = matter.next_no();
    draft.event.on_behalf = false;
    draft.event.given = vec![(EVENT_NO.to_owned(), Cell::Int(i64::from(no)))];
    draft.event.set = by_id(ledger, &set);
    Ok(Decision { drafts: vec![draft], named: 0, state: life.state_id(state).to_owned() })
}
