//! The words of a finding, as an official notice says them: what, since when, on what basis.

use crate::domain::audience::masked;
use crate::domain::judging::finding::Finding;
use crate::domain::notify::plan::Plan;
use crate::domain::register::ledger::Role;
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::{Cell, FEN_PER_YI};
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::rule::{Act, RuleKind};
use chrono::{Datelike, NaiveDate};

/// What is wrong, without the light: `签约未开工，约定2026年3月31日，已超期183天`.
pub(crate) fn line(plan: &Plan<'_>, finding: &Finding) -> String {
    let rule = &plan.policy.rules[finding.rule];
    let title = &rule.title;
    match &rule.kind {
        RuleKind::Deadline { agreed, .. } => {
            let (Some(due_on), Some(days)) = (finding.due_on, finding.overdue_days()) else { return title.clone() };
            let record = plan.record(rule.ledger, &finding.key);
            let is_agreed = record.is_some_and(|record| agreed.iter().any(|field| record.cell(*field).date() == Some(due_on)));
            let term = if is_agreed { "约定" } else { "时限" };
            format!("{title}，{term}{}，已超期{days}天{}", chinese_date(due_on), quarters(finding))
        }
        RuleKind::Lag { .. } => {
            let Some(tenths) = finding.lag.as_ref().map(|lag| lag.tenths()) else { return title.clone() };
            format!("{title}，比计划进度慢{}.{}个百分点{}", tenths / 10, tenths % 10, quarters(finding))
        }
        RuleKind::Missing { .. } => {
            let ledger = &plan.policy.ledgers[rule.ledger];
            let record = plan.record(rule.ledger, &finding.key);
            let (mut blank, mut wrong) = (Vec::new(), Vec::new());
            for field in &finding.missing {
                let name = ledger.fields[*field].title.as_str();
                match record.as_deref().map_or(&Cell::Empty, |record| record.cell(*field)) {
                    Cell::Empty => blank.push(name.to_owned()),
                    Cell::Date(date) => wrong.push(format!("{name}为{}", chinese_date(*date))),
                    cell => wrong.push(format!("{name}为“{}”", masked(&cell.to_string()))),
                }
            }
            let mut parts = vec![title.clone()];
            if !blank.is_empty() {
                parts.push(format!("缺{}", blank.join("、")));
            }
            parts.extend(wrong);
            parts.join("，")
        }
        RuleKind::Periodic { .. } => format!("{title}，{}尚无记录", finding.name),
    }
}

/// `（第2个季度）`, from the second closed quarter on that ended red.
fn quarters(finding: &Finding) -> String {
    if finding.quarters < 2 { String::new() } else { format!("（第{}个季度）", finding.quarters) }
}

/// The same in a few words, beside a line that leads.
pub(crate) fn brief(plan: &Plan<'_>, finding: &Finding) -> String {
    let title = &plan.policy.rules[finding.rule].title;
    match finding.overdue_days() {
        Some(days) => format!("{title}，超期{days}天"),
        // what is missing is named: a unit can fill it at once
        None => line(plan, finding),
    }
}

/// A clause as the notice cites it: `一(四)1` → `第一条（四）1`.
pub(crate) fn clause(basis: &str) -> String {
    let rest = basis.trim_start_matches(|c: char| "一二三四五六七八九十".contains(c));
    let article = &basis[..basis.len() - rest.len()];
    let rest = rest.replace('(', "（").replace(')', "）");
    if article.is_empty() { rest } else { format!("第{article}条{rest}") }
}

/// The act a mail may speak of: above 催办 a person releases it; before the start everything is a reminder.
pub(crate) fn act(plan: &Plan<'_>, act: Option<Act>) -> &'static str {
    let most = if plan.started { Act::Urge } else { Act::Remind };
    act.unwrap_or(Act::Remind).min(most).title()
}

/// Whose answer a project waits for, said so that the waiting unit is not blamed.
pub(crate) fn waiting(plan: &Plan<'_>, on: Option<UnitId>) -> String {
    on.map_or_else(String::new, |unit| format!("已提请{}，待答复，已另行催办答复单位", plan.policy.units.units[unit].name))
}

/// 省级重点 and its kin, of a project in a major-project ledger.
pub(crate) fn major(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Province) => "省级重点",
        Some(Level::City) => "市级重点",
        Some(Level::County) => "县级重点",
        _ => "",
    }
}

/// The free text of a record's difficulty, phone numbers cut and no longer than a glance.
pub(crate) fn difficulty(plan: &Plan<'_>, ledger: usize, key: &str) -> String {
    const CHARS_MAX: usize = 60;
    let field = plan.policy.ledgers[ledger].role(Role::Difficulty);
    let record = plan.record(ledger, key);
    let text = masked(record.as_deref().map_or("", |record| record.text(field)).trim()).replace(['\r', '\n'], " ");
    let text = text.trim_end_matches(['。', '；', '.', ';']);
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}……", &text[..end]),
        None => text.to_owned(),
    }
}

/// `10.00亿元`, half up.
pub fn yi(fen: i64) -> String {
    let cent = FEN_PER_YI / 100;
    let rounded = (i128::from(fen) + i128::from(cent / 2)).div_euclid(i128::from(cent));
    let sign = if rounded < 0 { "-" } else { "" };
    let rounded = rounded.unsigned_abs();
    format!("{sign}{}.{:02}亿元", rounded / 100, rounded % 100)
}

/// `10月15日`, with the year where it is not that of the mail.
pub(crate) fn day(plan: &Plan<'_>, date: NaiveDate) -> String {
    if date.year() == plan.sent_on.year() { chinese_day(date) } else { chinese_date(date) }
}

/// The subject line: unit, date, counts; what is nothing is left out.
pub(crate) fn subject(plan: &Plan<'_>, unit: &str, counts: &crate::domain::notify::digest::Counts) -> String {
    let lights = [("红", counts.red), ("橙", counts.orange), ("黄", counts.yellow)];
    let lights: Vec<String> = lights.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word}{count}")).collect();
    let date = chinese_date(plan.as_of);
    if !plan.started {
        let lights = if lights.is_empty() { String::new() } else { format!("（{}）", lights.join(" ")) };
        let blanks = if counts.blank > 0 { format!("，待补齐{}处", counts.blank) } else { String::new() };
        return format!("【存量核对单】{unit} 截至{date}：请核对{}项{lights}{blanks}", counts.items);
    }
    let mut parts = Vec::new();
    if !lights.is_empty() {
        parts.push(lights.join(" "));
    }
    if counts.due > 0 {
        parts.push(format!("本周到期{}", counts.due));
    }
    if parts.is_empty() && counts.blank > 0 {
        parts.push(format!("待补齐{}处", counts.blank));
    }
    if parts.is_empty() {
        parts.push("无督办事项".to_owned());
    }
    let news: Vec<String> = [("新增", counts.new), ("新问题", counts.added), ("升级", counts.escalated)]
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{word}{count}"))
        .collect();
    let news = if news.is_empty() { String::new() } else { format!("（{}）", news.join("、")) };
    format!("【督办提醒】{unit} 截至{date}：{}{news}", parts.join("，"))
}
