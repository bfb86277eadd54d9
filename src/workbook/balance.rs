//! The balance check (表间平衡): every total equals the sum of its parts and the number of listed rows, checked on the finished workbook.

use crate::domain::judging::finding::State;
use crate::workbook::model::{At, FigureKey, Tag, Workbook};
use std::collections::BTreeMap;

/// A cell whose figure is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Reference of the cell: `分地区!D7`.
    pub place: String,
    pub printed: i128,
    pub expected: i128,
    /// What it was compared with: the parts, the listed rows, or another cell.
    pub against: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} 为{}，{}为{}", self.place, self.printed, self.against, self.expected)
    }
}

/// Returns every cell that differs from the sum of its parts, from another cell with the same figure, or from the number of listed rows.
pub fn check_balance(book: &Workbook<'_>) -> Vec<Mismatch> {
    let mut out = Vec::new();
    for sum in &book.sums {
        let expected = sum.parts.iter().map(|at| value(book, *at)).sum();
        compare(book, sum.total, expected, "各分项之和", &mut out);
    }
    let mut first: BTreeMap<&FigureKey, At> = BTreeMap::new();
    for figure in &book.figures {
        let at = *first.entry(&figure.key).or_insert(figure.at);
        if at != figure.at {
            compare(book, figure.at, value(book, at), &place(book, at), &mut out);
        }
    }
    compare_with_lists(book, &first, &mut out);
    out
}

/// Compares counts of findings with the rows of the lists.
fn compare_with_lists(book: &Workbook<'_>, first: &BTreeMap<&FigureKey, At>, out: &mut Vec<Mismatch>) {
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
        compare(book, *at, total, what, out);
    }
}

/// Adds a mismatch if a cell does not print the expected value.
fn compare(book: &Workbook<'_>, at: At, expected: i128, against: &str, out: &mut Vec<Mismatch>) {
    let printed = value(book, at);
    if printed != expected {
        out.push(Mismatch { place: place(book, at), printed, expected, against: against.to_owned() });
    }
}

/// The number in a cell; 0 if it has none.
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
