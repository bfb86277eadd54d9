//! What is given for a transition, from texts to cells.

use crate::domain::intake::cell::read_cell;
use crate::domain::intake::raw::Raw;
use crate::domain::problem::suggest;
use crate::domain::register::ledger::Ledger;
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
        let Some(field) = ledger.field(id) else {
            let hint = suggest(id, ledger.fields.iter().map(|field| field.id.as_str())).unwrap_or_default();
            return Err(format!("台账“{}”没有字段“{id}”（{hint}）", ledger.title));
        };
        if given.iter().any(|(known, _)| *known == field) {
            return Err(format!("“{id}”写了两次"));
        }
        given.push((field, given_cell(ledger, field, text, today)?));
    }
    Ok(given)
}

/// The value of a text for a field.
fn given_cell(ledger: &Ledger, field: usize, text: &str, today: NaiveDate) -> Result<Cell, String> {
    let declared = &ledger.fields[field];
    let named = |reason: &str, hint: &str| format!("{}（{}）“{text}”{reason}，{hint}", declared.title, declared.id);
    let (cell, _) = read_cell(declared, &Raw::Text(Cow::Borrowed(text)), ledger.money_power, today)
        .map_err(|fault| named(&fault.reason, &fault.hint))?;
    match cell.text() {
        Some(word) if !declared.values.is_empty() && !declared.values.iter().any(|value| value == word) => {
            Err(named("不是可填的内容", &format!("可填：{}", declared.values.join("、"))))
        }
        _ => Ok(cell),
    }
}
