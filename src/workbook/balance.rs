//! 表间平衡: every total equals its parts and the rows behind it, checked on the cells of the finished workbook.

use crate::domain::judging::finding::State;
use crate::workbook::model::{At, FigureKey, Tag, Workbook};
use std::collections::BTreeMap;

/// A cell whose figure does not agree with what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `分地区!D7`
    pub place: String,
    pub printed: i128,
    pub expected: i128,
    /// What it was held against.
    pub against: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} 为{}，{}为{}", self.place, self.printed, self.against, self.expected)
    }
}

/// Every cell that breaks a balance: totals against their parts, one figure on several sheets, counts against listed rows.
pub fn tie_out(book: &Workbook<'_>) -> Vec<Mismatch> {
    let mut out = Vec::new();
    for sum in &book.sums {
        let expected = sum.parts.iter().map(|at| value(book, *at)).sum();
        hold(book, sum.total, expected, "各分项之和", &mut out);
    }
    let mut first: BTreeMap<&FigureKey, At> = BTreeMap::new();
    for figure in &book.figures {
        let at = *first.entry(&figure.key).or_insert(figure.at);
        if at != figure.at {
            hold(book, figure.at, value(book, at), &place(book, at), &mut out);
        }
    }
    listed(book, &first, &mut out);
    out
}

/// Counts by rule against the rows of the sheets that list them.
fn listed(book: &Workbook<'_>, first: &BTreeMap<&FigureKey, At>, out: &mut Vec<Mismatch>) {
    let rows: Vec<BTreeMap<Tag, i128>> = book
        .sheets
        .iter()
        .map(|sheet| {
            let mut counts = BTreeMap::new();
            for (_, tag, _) in sheet.listed() {
                *counts.entry(tag).or_default() += 1;
            }
            counts
        })
        .collect();
    for (key, at) in first {
        let FigureKey::Findings { rule, state, light } = key else { continue };
        let count_of = |counts: &BTreeMap<Tag, i128>| -> i128 {
            counts
                .iter()
                .filter(|(tag, _)| tag.rule == *rule && tag.state == *state && (light.is_none() || tag.light == *light))
                .map(|(_, count)| *count)
                .sum()
        };
        let total: i128 = rows.iter().map(count_of).sum();
        let what = match state {
            State::Open => "清单所列行数",
            State::Exempt => "清单所列豁免行数",
            State::Unjudged => "清单所列无法判定行数",
        };
        hold(book, *at, total, what, out);
    }
}

fn hold(book: &Workbook<'_>, at: At, expected: i128, against: &str, out: &mut Vec<Mismatch>) {
    let printed = value(book, at);
    if printed != expected {
        out.push(Mismatch { place: place(book, at), printed, expected, against: against.to_owned() });
    }
}

/// A blank cell counts as nothing.
fn value(book: &Workbook<'_>, at: At) -> i128 {
    book.sheets
        .get(at.sheet)
        .and_then(|sheet| sheet.rows.get(at.row))
        .and_then(|row| row.cells.get(at.column))
        .and_then(|cell| cell.figure())
        .unwrap_or(0)
}

fn place(book: &Workbook<'_>, at: At) -> String {
    book.sheets.get(at.sheet).map_or_else(String::new, |sheet| sheet.place(at.row, at.column))
}
