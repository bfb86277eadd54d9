//! What is given for a transition, from texts to cells.

use crate::domain::intake::cell::read_cell;
use crate::domain::intake::raw::Raw;
use crate::domain::life::worked::named;
use crate::domain::problem::{NAMES_OFFERED, by_nearness};
use crate::domain::register::ledger::{Field, Ledger};
use crate::domain::register::record::Cell;
use chrono::NaiveDate;
use std::borrow::Cow;

/// Field (index) and value of each pair of id and text. An empty text gives nothing.
///
/// # Errors
/// An unknown field, one that is given twice, or a text that is no value of its field.
pub fn given_cells(ledger: &Ledger, pairs: &[(String, String)], today: NaiveDate) -> Result<Vec<(usize, Cell)>, String> {
    let mut given: Vec<(usize, Cell)> = Vec::new();
    for (id, text) in pairs {
        let by_title = || ledger.fields.iter().position(|field| field.title == *id);
        let Some(field) = ledger.field(id).or_else(by_title) else {
            let words = |Field { id, title, .. }: &Field| (named(title, id), [title.clone(), id.clone()]);
            let near = by_nearness(id, ledger.fields.iter().map(words)).into_iter().take(NAMES_OFFERED).collect::<Vec<_>>().join("、");
            return Err(format!("台账“{}”没有字段“{id}”，相近的有：{near}", ledger.title));
        };
        if given.iter().any(|(known, _)| *known == field) {
            return Err(format!("“{}”写了两次", ledger.fields[field].title));
        }
        given.push((field, given_cell(ledger, field, text, today)?));
    }
    Ok(given)
}

/// The value of a text for a field.
fn given_cell(ledger: &Ledger, field: usize, text: &str, today: NaiveDate) -> Result<Cell, String> {
    let declared = &ledger.fields[field];
    let wrong = |reason: &str, hint: &str| format!("{}“{text}”{reason}，{hint}", named(&declared.title, &declared.id));
    let (cell, _) = read_cell(declared, &Raw::Text(Cow::Borrowed(text)), ledger.money_power, today)
        .map_err(|fault| wrong(&fault.reason, &fault.hint))?;
    match cell.text() {
        Some(word) if !declared.values.is_empty() && !declared.values.iter().any(|value| value == word) => {
            Err(wrong("不是可填的内容", &format!("可填：{}", declared.values.join("、"))))
        }
        _ => Ok(cell),
    }
}
