//! What was done about a record, in words for those who read about it: its state and who has to act, and the answer to a difficulty.

use crate::domain::life::office::Office;
use crate::domain::plain_text::on_one_line;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::period::chinese_day;
use crate::domain::register::record::Record;
use crate::domain::rules::condition::{States, happened};
use chrono::NaiveDate;

/// The most characters of an answer that are quoted.
const ANSWER_CHARS_MAX: usize = 60;

/// The state of a record on a day, who has to act, and the answer it got: `已答复待确认，待某单位办理；10月9日答复（已解决）：指标已下达`. `None` where
/// its ledger has no states.
pub fn in_words(office: &Office<'_>, states: &States, record: &Record, day: NaiveDate) -> Option<String> {
    let ledger = office.ledger();
    let state = &states.list[states.of(ledger, record, &office.policy.units, day)?];
    let names: Vec<&str> = office.waited_for(state.waits, record).into_iter().map(|unit| office.name(unit)).collect();
    let waits = if names.is_empty() { String::new() } else { format!("，待{}办理", names.join("、")) };
    let answer = answer_in_words(ledger, record, day).map_or_else(String::new, |answer| format!("；{answer}"));
    Some(format!("{}{waits}{answer}", state.title))
}

/// The answer that a difficulty has on a day: `10月9日答复（已解决）：指标已下达`; `None` where it has none.
pub fn answer_in_words(ledger: &Ledger, record: &Record, day: NaiveDate) -> Option<String> {
    let on = ledger.role(Role::Answered).and_then(|field| happened(ledger, record, field, day).date())?;
    let text = on_one_line(record.text(ledger.role(Role::Answer)).trim());
    let class = record.text(ledger.role(Role::AnswerClass));
    let class = if class.is_empty() { String::new() } else { format!("（{class}）") };
    let text = match text.char_indices().nth(ANSWER_CHARS_MAX) {
        Some((end, _)) => format!("{}……", &text[..end]),
        None => text.trim_end_matches(['。', '；', '.', ';']).to_owned(),
    };
    let text = if text.is_empty() { text } else { format!("：{text}") };
    Some(format!("{}答复{class}{text}", chinese_day(on)))
}
