//! Workbooks against digests: what is mailed and what is listed are the same findings, and a mail's numbers are those of the rows. Held on
//! the finished rows before anything is queued.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::digest::{Counts, Digest};
use crate::domain::notify::plan::Plan;
use crate::domain::rules::policy::Policy;
use crate::workbook::item_counts::count_items;
use crate::workbook::model::{Value, Workbook};
use crate::workbook::template::{SheetKind, Template};
use std::collections::{BTreeMap, BTreeSet};

/// Where digest and workbook part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The unit whose mail it is.
    pub unit: String,
    /// The code of the record with the title of the rule; empty where a number is wrong.
    pub finding: String,
    /// `签约未开工!D7`, or the sheets in question.
    pub place: String,
    pub what: String,
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [&self.unit, &self.finding, &self.place].map(String::as_str);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        write!(f, "{}：{}", parts.join(" "), self.what)
    }
}

/// Sheet and row, by rule, code and state.
type Places<'b> = BTreeMap<(usize, &'b str, State), Vec<(usize, usize)>>;

/// The rows of a workbook's lists that name a finding.
struct Listed<'b> {
    book: &'b Workbook<'b>,
    rows: Places<'b>,
}

impl<'b> Listed<'b> {
    fn of(book: &'b Workbook<'b>) -> Listed<'b> {
        let mut rows = Places::new();
        for (number, sheet) in book.sheets.iter().enumerate() {
            for (row, tag, key) in sheet.listed() {
                rows.entry((tag.rule, key, tag.state)).or_default().push((number, row));
            }
        }
        Listed { book, rows }
    }

    fn rows<'s>(&'s self, finding: &'s Finding) -> &'s [(usize, usize)] {
        self.rows.get(&(finding.rule, &*finding.key, finding.state)).map_or(&[], Vec::as_slice)
    }

    /// The cells of these rows that name the code.
    fn cells(&self, rows: &[(usize, usize)], key: &str) -> String {
        let cells = rows.iter().filter_map(|(sheet, row)| {
            let sheet = self.book.sheets.get(*sheet)?;
            let names = |cell: &Value| matches!(cell, Value::Text(text) if text == key);
            let column = sheet.row_at(*row).and_then(|row| row.cells.iter().position(names));
            Some(sheet.place(*row, column.unwrap_or(0)))
        });
        cells.collect::<Vec<_>>().join("、")
    }

    /// What no digest speaks of.
    fn beyond(&self, policy: &Policy, unit: &str, known: &BTreeSet<(usize, &str, State)>, out: &mut Vec<Disagreement>) {
        for ((rule, key, _), rows) in self.rows.iter().filter(|(of, _)| !known.contains(*of)) {
            let finding = format!("{key}（{}）", policy.rules[*rule].title);
            out.push(Disagreement {
                unit: unit.to_owned(), finding, place: self.cells(rows, key), what: "清单列有，提醒没有".into()
            });
        }
    }

    /// Whether a finding stands on as many lists as the template has for it.
    fn hold(&self, policy: &Policy, unit: &str, finding: &Finding, template: &Template, out: &mut Vec<Disagreement>) {
        let (rows, wanted) = (self.rows(finding), template.lists_of(finding.rule, finding.state));
        if wanted == rows.len() || wanted == 0 {
            return;
        }
        let (place, what) = match rows.is_empty() {
            true => (sheets_of(template, finding), "提醒列有，清单没有".to_owned()),
            false => (self.cells(rows, &finding.key), format!("清单列出{}次，应为{wanted}次", rows.len())),
        };
        let finding = format!("{}（{}）", finding.key, policy.rules[finding.rule].title);
        out.push(Disagreement { unit: unit.to_owned(), finding, place, what });
    }
}

/// The sheets of a template that list a finding.
fn sheets_of(template: &Template, finding: &Finding) -> String {
    let lists = template.sheets.iter().filter(|sheet| matches!(&sheet.kind, SheetKind::List(list) if list.takes(finding)));
    lists.map(|sheet| sheet.name.as_str()).collect::<Vec<_>>().join("、")
}

fn hold_counts(unit: &str, told: &Counts, listed: &Counts, place: &str, out: &mut Vec<Disagreement>) {
    for (word, told, listed) in [
        ("事项", told.items, listed.items),
        ("红灯", told.red, listed.red),
        ("橙灯", told.orange, listed.orange),
        ("黄灯", told.yellow, listed.yellow),
    ] {
        if told != listed {
            let what = format!("提醒所写{word}{told}项，清单所列{listed}项");
            out.push(Disagreement { unit: unit.to_owned(), finding: String::new(), place: place.to_owned(), what });
        }
    }
}

/// Holds the attachment of one mail against the findings it is to show (`rows`, indices) and, where the mail counts exactly these, against
/// its numbers.
pub fn against_attachment(
    policy: &Policy,
    findings: &[Finding],
    (unit, rows, told): (&str, &[usize], Option<&Counts>),
    template: &Template,
    book: &Workbook<'_>,
) -> Vec<Disagreement> {
    let listed = Listed::of(book);
    let mut out = Vec::new();
    let wanted = || rows.iter().filter_map(|index| findings.get(*index));
    for finding in wanted() {
        listed.hold(policy, unit, finding, template, &mut out);
    }
    let known: BTreeSet<(usize, &str, State)> = wanted().map(|finding| (finding.rule, &*finding.key, finding.state)).collect();
    listed.beyond(policy, unit, &known, &mut out);
    let all_open = wanted().all(|finding| finding.state != State::Open || template.lists_of(finding.rule, State::Open) > 0);
    if let Some(told) = told.filter(|_| all_open) {
        let shown = wanted().filter(|finding| !listed.rows(finding).is_empty());
        hold_counts(unit, told, &count_items(policy, shown), &book.title, &mut out);
    }
    out
}

/// Holds a workbook of the office against the digests of its run: every finding that a digest tells, or for a reason does not, stands on its
/// list; every row of a list is told, or for a reason is not; each digest counts the items that its rows come to.
pub fn against_digests(
    policy: &Policy,
    findings: &[Finding],
    planned: &Plan,
    template: &Template,
    book: &Workbook<'_>,
) -> Vec<Disagreement> {
    let listed = Listed::of(book);
    let mut out = Vec::new();
    let lists = |index: usize| findings.get(index).map_or(0, |finding| template.lists_of(finding.rule, finding.state));
    let mut spoken: BTreeMap<usize, &str> = BTreeMap::new();
    for digest in &planned.digests {
        spoken.extend(digest.covered.iter().map(|pair| (pair.finding, digest.recipient.unit_name.as_str())));
    }
    for pair in &planned.not_notified {
        if let Some(finding) = findings.get(pair.finding) {
            spoken.entry(pair.finding).or_insert(&finding.unit);
        }
    }
    for (index, unit) in &spoken {
        if let Some(finding) = findings.get(*index) {
            listed.hold(policy, unit, finding, template, &mut out);
        }
    }
    let known: BTreeSet<(usize, &str, State)> = spoken
        .keys()
        .filter_map(|index| findings.get(*index))
        // what is told to nobody by its rule is in no digest
        .chain(findings.iter().filter(|finding| finding.told().is_empty()))
        .map(|finding| (finding.rule, &*finding.key, finding.state))
        .collect();
    listed.beyond(policy, &book.author, &known, &mut out);
    for digest in &planned.digests {
        hold_digest(policy, findings, digest, &lists, &listed, book, &mut out);
    }
    out
}

/// A digest's numbers against the rows of the findings it tells; the office's against those of the whole province.
fn hold_digest(
    policy: &Policy,
    findings: &[Finding],
    digest: &Digest,
    lists: &dyn Fn(usize) -> usize,
    listed: &Listed<'_>,
    book: &Workbook<'_>,
    out: &mut Vec<Disagreement>,
) {
    let told: BTreeSet<usize> = match digest.roll_up.is_some() {
        true => (0..findings.len()).filter(|index| !findings[*index].restricted && findings[*index].state == State::Open).collect(),
        false => digest.covered.iter().map(|pair| pair.finding).filter(|index| *index < findings.len()).collect(),
    };
    if told.iter().all(|index| findings[*index].state != State::Open || lists(*index) > 0) {
        let rows = told.iter().map(|index| &findings[*index]).filter(|finding| !listed.rows(finding).is_empty());
        hold_counts(&digest.recipient.unit_name, &digest.counts, &count_items(policy, rows), &book.title, out);
    }
}
