//! What a rule of kind `missing` finds wrong on a record, in words: cells that are empty, and cells that do not hold what the rule asks.

use crate::domain::register::ledger::Ledger;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Cell, Record};
use crate::domain::rules::condition::{Comparison, Condition, Operand};
use crate::domain::rules::rule::{Rule, RuleKind};

/// `缺评审时间`, `评审时间晚于签约时间`, `评审结果为“未通过”`: one text for all empty cells, and one for each other cell. `fields` are those of the
/// finding; without its record all count as empty.
pub fn unmet(ledger: &Ledger, rule: &Rule, record: Option<&Record>, fields: &[usize]) -> Vec<String> {
    let title = |field: usize| ledger.fields[field].title.as_str();
    let cell = |field: usize| record.map_or(&Cell::Empty, |record| record.cell(field));
    let (blank, wrong): (Vec<usize>, Vec<usize>) = fields.iter().copied().partition(|field| matches!(cell(*field), Cell::Empty));
    let mut out = Vec::new();
    if !blank.is_empty() {
        out.push(format!("缺{}", blank.iter().map(|field| title(*field)).collect::<Vec<_>>().join("、")));
    }
    out.extend(wrong.iter().map(|field| match (compared_with(rule, *field), cell(*field)) {
        (Some((word, other)), _) => format!("{}{word}{}", title(*field), title(other)),
        (None, Cell::Date(date)) => format!("{}为{}", title(*field), chinese_date(*date)),
        (None, cell) => format!("{}为“{cell}”", title(*field)),
    }));
    out
}

/// The field that a date has to be before or after, with the word for a date that is not.
fn compared_with(rule: &Rule, field: usize) -> Option<(&'static str, usize)> {
    let RuleKind::Missing { must } = &rule.kind else { return None };
    must.iter().find_map(|condition| match condition {
        Condition::Compare { field: of, comparison, operand: Operand::Field(other) } if *of == field => match comparison {
            Comparison::LessEqual | Comparison::Less => Some(("晚于", *other)),
            Comparison::GreaterEqual | Comparison::Greater => Some(("早于", *other)),
            _ => None,
        },
        _ => None,
    })
}
