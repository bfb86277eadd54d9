//! The sentences on one finding, worded as the official notice words them: what is late, since when, on which clause, by which act, and
//! who owes an answer. `item_text.rs` and `drafts.rs` put them together. Also the formats of days and amounts.

use crate::domain::audience::masked;
use crate::domain::judging::finding::Finding;
use crate::domain::notify::inputs::PlanInputs;
use crate::domain::register::ledger::Role;
use crate::domain::register::levels::{Level, Levels};
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::FEN_PER_YI;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::{Act, RuleKind};
use crate::domain::rules::unmet::unmet;
use chrono::{Datelike, NaiveDate};

/// What a finding is, without its light: `签约未开工，约定2026年3月31日，已超期183天`; of a record that people have handled here also its
/// state.
pub(crate) fn line(inputs: &PlanInputs<'_>, finding: &Finding) -> String {
    format!("{}{}", fact(inputs, finding), handled(inputs, finding))
}

/// What was done here about the record of a finding: `（办理中，待某单位办理）`; empty where nothing was, and for projects.
fn handled(inputs: &PlanInputs<'_>, finding: &Finding) -> String {
    let is_project = Some(inputs.policy.rules[finding.rule].ledger) == inputs.policy.project_ledger();
    let words = finding.handled.as_ref().filter(|_| !is_project);
    words.map_or_else(String::new, |words| format!("（{}）", masked(words)))
}

fn fact(inputs: &PlanInputs<'_>, finding: &Finding) -> String {
    let rule = &inputs.policy.rules[finding.rule];
    let title = &rule.title;
    if let Some(service) = &rule.service {
        return service.to_string();
    }
    match &rule.kind {
        RuleKind::Deadline { agreed, .. } => {
            let (Some(due_on), Some(days)) = (finding.due_on, finding.overdue_days()) else { return title.clone() };
            let record = inputs.record(rule.ledger, &finding.key);
            let is_agreed = record.is_some_and(|record| agreed.iter().any(|field| record.cell(*field).date() == Some(due_on)));
            let term = if is_agreed { "约定" } else { "时限" };
            format!("{title}，{term}{}，已超期{days}天{}", chinese_date(due_on), quarters(finding))
        }
        RuleKind::Lag { .. } => {
            let Some(tenths) = finding.lag.as_ref().map(|lag| lag.tenths()) else { return title.clone() };
            format!("{title}，比计划进度慢{}.{}个百分点{}", tenths / 10, tenths % 10, quarters(finding))
        }
        RuleKind::Missing { .. } => {
            let record = inputs.record(rule.ledger, &finding.key);
            let found = unmet(&inputs.policy.ledgers[rule.ledger], rule, record.as_deref(), &finding.missing);
            let parts = std::iter::once(title.clone()).chain(found.iter().map(|text| masked(text)));
            parts.collect::<Vec<_>>().join("，")
        }
        RuleKind::Periodic { .. } => format!("{title}，{}尚无记录", finding.name),
    }
}

/// `（第2个季度）`, from the second closed quarter in a row that ended red; empty before.
fn quarters(finding: &Finding) -> String {
    if finding.quarters < 2 { String::new() } else { format!("（第{}个季度）", finding.quarters) }
}

/// A finding in a few words, for the line of other problems of an item: `签约未开工，超期183天`.
pub(crate) fn brief(inputs: &PlanInputs<'_>, finding: &Finding) -> String {
    let title = &inputs.policy.rules[finding.rule].title;
    match finding.overdue_days().filter(|_| !finding.is_service(inputs.policy)) {
        Some(days) => format!("{title}，超期{days}天{}", handled(inputs, finding)),
        // the empty cells are named, so that the unit can fill them in
        None => line(inputs, finding),
    }
}

/// A clause as the official notice cites it: `一(四)1` → `第一条（四）1`.
pub(crate) fn clause(basis: &str) -> String {
    let rest = basis.trim_start_matches(|c: char| "一二三四五六七八九十".contains(c));
    let article = &basis[..basis.len() - rest.len()];
    let rest = rest.replace('(', "（").replace(')', "）");
    if article.is_empty() { rest } else { format!("第{article}条{rest}") }
}

/// The act a digest may name: at most 催办, because a person releases what is above; at most 提醒 before the start.
pub(crate) fn act(inputs: &PlanInputs<'_>, act: Option<Act>) -> &'static str {
    let most = if inputs.started { Act::Urge } else { Act::Remind };
    act.unwrap_or(Act::Remind).min(most).title()
}

/// Which unit owes an answer, worded so that the unit addressed is not blamed; empty where none does.
pub(crate) fn waiting_on(inputs: &PlanInputs<'_>, unit: Option<UnitId>) -> String {
    unit.map_or_else(String::new, |unit| format!("已提请{}，待答复，已另行催办答复单位", inputs.policy.units.units[unit].name))
}

/// The answers to difficulties of a project that its unit has to confirm; empty where there is none.
pub(crate) fn answers_to_confirm(inputs: &PlanInputs<'_>, finding: &Finding) -> String {
    let is_project = Some(inputs.policy.rules[finding.rule].ledger) == inputs.policy.project_ledger();
    finding.handled.as_ref().filter(|_| is_project).map_or_else(String::new, |words| masked(words))
}

/// The mark of a major project; empty for any other.
pub(crate) fn major(levels: &Levels, level: Option<Level>) -> String {
    level.map_or_else(String::new, |level| levels.major_mark(level))
}

/// The difficulty as written in the register, in at most 60 characters, phone numbers masked.
pub(crate) fn difficulty(inputs: &PlanInputs<'_>, ledger: usize, key: &str) -> String {
    const CHARS_MAX: usize = 60;
    let field = inputs.policy.ledgers[ledger].role(Role::Difficulty);
    let record = inputs.record(ledger, key);
    let text = masked(record.as_deref().map_or("", |record| record.text(field)).trim()).replace(['\r', '\n'], " ");
    let text = text.trim_end_matches(['。', '；', '.', ';']);
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}……", &text[..end]),
        None => text.to_owned(),
    }
}

/// An amount in 分 as `10.00亿元`, rounded half up.
pub fn yi(fen: i64) -> String {
    let cent = FEN_PER_YI / 100;
    let rounded = (i128::from(fen) + i128::from(cent / 2)).div_euclid(i128::from(cent));
    let sign = if rounded < 0 { "-" } else { "" };
    let rounded = rounded.unsigned_abs();
    format!("{sign}{}.{:02}亿元", rounded / 100, rounded % 100)
}

/// `10月15日`, with the year where it is not the year of the mail.
pub(crate) fn day(inputs: &PlanInputs<'_>, date: NaiveDate) -> String {
    if date.year() == inputs.sent_on.year() { chinese_day(date) } else { chinese_date(date) }
}
