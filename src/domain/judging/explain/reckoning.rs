//! The calculation, line by line: start + span = due date, the rest days it skipped, the days overdue; planned and actual progress.

use crate::domain::judging::explain::question::Question;
use crate::domain::judging::verdict::{Verdict, behind};
use crate::domain::register::calendar::{Span, weekday};
use crate::domain::register::record::Cell;
use crate::domain::rules::rule::{Began, RuleKind, Starts};
use crate::domain::rules::sentence::span_words;
use chrono::{Datelike, NaiveDate};

/// The most runs of rest days that are listed one by one.
const NAMED_MAX: usize = 12;

/// `12.3` of 123 tenths.
pub(crate) fn tenths(tenths: i64) -> String {
    format!("{}{}.{}", if tenths < 0 { "-" } else { "" }, tenths.abs() / 10, tenths.abs() % 10)
}

fn day(date: NaiveDate) -> String {
    format!("{date}（{}）", weekday(date))
}

/// The lines by which a clerk can verify the calculation by hand.
pub(crate) fn reckoning(question: &Question<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    match &question.rule.kind {
        RuleKind::Deadline { from, within, agreed, until, roll } => {
            deadline(question, &mut lines, from, *within, agreed, *roll);
            for until in until {
                let Some(done) = question.record.cell(*until).date() else { continue };
                let ahead = if done > question.context.as_of { "，晚于截至日，视为尚未发生" } else { "" };
                lines.push(format!("“{}”为{}{ahead}", question.title(*until), day(done)));
            }
            if let Verdict::Found { due_on: Some(due_on), overdue_days: Some(days), .. } = question.verdict(question.context.as_of) {
                lines.push(format!("截至日{} − 到期日{due_on} ＝ 已超期{days}天（按自然日计）", question.context.as_of));
            }
        }
        RuleKind::Lag { from, to, actual, planned } => lag(question, &mut lines, *from, *to, *actual, *planned),
        RuleKind::Missing { .. } | RuleKind::Periodic { .. } => {}
    }
    lines
}

fn deadline(question: &Question<'_>, lines: &mut Vec<String>, from: &Starts, within: Option<Span>, agreed: &[usize], roll: bool) {
    let as_of = question.context.as_of;
    let date = |field: &usize| question.record.cell(*field).date();
    if let Some(field) = agreed.iter().find(|field| date(field).is_some())
        && let Some(due_on) = date(field)
    {
        // the weekday is printed already
        let rests = question.calendar.rest_name(due_on).filter(|name| !name.starts_with("星期"));
        let rests = rests.map_or(String::new(), |name| format!("，当天为{name}"));
        lines.push(format!("“{}”约定为{}{rests}，约定日期按原文，不顺延", question.title(*field), day(due_on)));
        return;
    }
    for field in agreed {
        lines.push(format!("“{}”未填，没有约定日期", question.title(*field)));
    }
    let (Some(within), Began::On(field, began)) = (within, from.began(question.record, as_of)) else { return };
    let field = &field;
    let skipped = match from {
        Starts::First(fields) => fields.as_slice(),
        Starts::Latest(..) => &[],
    };
    for blank in skipped.iter().take_while(|other| *other != field) {
        match date(blank) {
            None => lines.push(format!("“{}”未填，改按下一项起算", question.title(*blank))),
            Some(ahead) => lines.push(format!("“{}”为{}，晚于截至日，改按下一项起算", question.title(*blank), day(ahead))),
        }
    }
    let calendar = question.calendar;
    let (Some(end), Some(due_on)) = (calendar.due(began, within, false), calendar.due(began, within, roll)) else { return };
    match within {
        Span::Workdays(_) => workdays(question, lines, *field, began, within, due_on),
        Span::Days(_) | Span::Months(_) => {
            let clipped = matches!(within, Span::Months(_)) && end.day() < began.day();
            let clip = if clipped { format!("（当月没有{}日，取最后一天）", began.day()) } else { String::new() };
            lines.push(format!("“{}”{} ＋ {}{clip} ＝ {}", question.title(*field), day(began), span_words(within), day(end)));
            match calendar.rest_name(end) {
                None if calendar.works_on_weekend(end) => lines.push(format!("{end}为调休上班日，不顺延")),
                None => lines.push(format!("{end}是工作日，不顺延")),
                Some(name) if !roll => lines.push(format!("{end}为{name}，此规则不顺延")),
                Some(_) => lines.push(format!("{}，顺延至下一个工作日{}", rests(question, end, due_on), day(due_on))),
            }
        }
    }
    if calendar.unit().is_empty() {
        lines.push("日历：国家节假日安排".to_owned());
    } else {
        lines.push(format!("日历：国家节假日安排，另加{}自行规定的休息日", calendar.unit()));
    }
    let lacking: Vec<String> = calendar.missing_years(began, within, roll).map(|year| format!("{year}年")).collect();
    if !lacking.is_empty() {
        lines.push(format!("注意：缺{}的节假日安排，这些年份只按周末计算，到期日可能有出入", lacking.join("、")));
    }
}

/// `2026-10-01至2026-10-07休息（国庆节放假）`: the rest days from one day up to another, named in runs.
fn rests(question: &Question<'_>, from: NaiveDate, to: NaiveDate) -> String {
    let mut runs: Vec<(NaiveDate, NaiveDate, String)> = Vec::new();
    for at in from.iter_days().take_while(|at| *at < to) {
        if let Some(name) = question.calendar.rest_name(at) {
            let name = if name.starts_with("星期") { "周末".to_owned() } else { name };
            match runs.last_mut() {
                Some((_, last, known)) if *known == name && last.succ_opt() == Some(at) => *last = at,
                _ => runs.push((at, at, name)),
            }
        }
    }
    let more = runs.len().saturating_sub(NAMED_MAX);
    let mut words: Vec<String> = runs
        .iter()
        .take(NAMED_MAX)
        .map(|(first, last, name)| if first == last { format!("{first}为{name}") } else { format!("{first}至{last}为{name}") })
        .collect();
    if more > 0 {
        words.push(format!("等{}处休息日", more + NAMED_MAX));
    }
    words.join("，")
}

fn workdays(question: &Question<'_>, lines: &mut Vec<String>, field: usize, began: NaiveDate, within: Span, due_on: NaiveDate) {
    lines.push(format!("“{}”{}，当天不计，数{} ＝ {}", question.title(field), day(began), span_words(within), day(due_on)));
    let days_after = || began.iter_days().skip(1);
    let skipped = days_after().next().map_or_else(String::new, |first| rests(question, first, due_on));
    if !skipped.is_empty() {
        lines.push(format!("其间不计：{skipped}"));
    }
    let counted = days_after().take_while(|at| *at <= due_on);
    let working: Vec<String> = counted.filter(|at| question.calendar.works_on_weekend(*at)).map(|at| at.to_string()).collect();
    if !working.is_empty() {
        lines.push(format!("其间调休上班、照计：{}", working.join("、")));
    }
}

fn lag(question: &Question<'_>, lines: &mut Vec<String>, from: usize, to: usize, actual: usize, planned: Option<usize>) {
    let as_of = question.context.as_of;
    let record = question.record;
    let Some(began) = record.cell(from).date().filter(|began| *began <= as_of) else { return };
    let own_plan = planned.and_then(|field| record.cell(field).decimal());
    let ends = record.cell(to).date();
    let Some(done) = record.cell(actual).decimal() else { return };
    match (own_plan, ends) {
        (Some(plan), _) => lines.push(format!("计划进度按台账“{}”：{plan}", planned.map_or("", |field| question.title(field)))),
        (None, Some(ends)) if as_of < ends => {
            let (past, whole) = ((as_of - began).num_days(), (ends - began).num_days());
            let planned = behind(began, Some(ends), None, zero(), as_of);
            lines.push(format!(
                "计划进度：“{}”{began}为0，“{}”{ends}为100，按天均摊；已过{past}天 ÷ 共{whole}天 × 100 ＝ {}",
                question.title(from),
                question.title(to),
                tenths(planned.tenths())
            ));
        }
        (None, Some(ends)) => lines.push(format!("计划进度：“{}”{ends}已到，为100", question.title(to))),
        (None, None) => return,
    }
    let lag = behind(began, ends, own_plan, done, as_of);
    lines.push(format!("实际进度：“{}”为{}", question.title(actual), shown(record.cell(actual))));
    lines.push(format!("计划 − 实际 ＝ {}个百分点（保留一位小数，四舍五入；分档按未舍入的值）", tenths(lag.tenths())));
}

fn zero() -> crate::domain::register::record::Decimal {
    crate::domain::register::record::Decimal::new(0, 0)
}

fn shown(cell: &Cell) -> String {
    cell.to_string()
}
