//! Reconciles mails and workbooks: what is mailed and what is listed are the same findings, and the counts of a mail are those of the rows.
//!
//! Invariant: the finished rows are checked before anything is queued.

use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::digest::{Counts, Digest};
use crate::domain::notify::plan::Plan;
use crate::domain::rules::policy::Policy;
use crate::workbook::item_counts::count_items;
use crate::workbook::model::{Value, Workbook};
use crate::workbook::sheets::kinds::SheetKind;
use crate::workbook::template::Template;
use std::collections::{BTreeMap, BTreeSet};

/// A difference between a mail and a workbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Discrepancy {
    /// The unit that gets the mail.
    pub(crate) unit: String,
    /// The code of the record with the title of the rule; empty for a wrong count.
    pub(crate) finding: String,
    /// The cells, such as `签约未开工!D7`, or the names of the sheets.
    pub(crate) place: String,
    pub(crate) problem: String,
}

impl std::fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [&self.unit, &self.finding, &self.place].map(String::as_str);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        write!(f, "{}：{}", parts.join(" "), self.problem)
    }
}

/// A finding as the rows of a list identify it: rule, code of the record, state.
type FindingKey<'b> = (usize, &'b str, State);

fn key_of(finding: &Finding) -> FindingKey<'_> {
    (finding.rule, &*finding.key, finding.state)
}

/// The findings that the lists of a workbook contain.
struct ListedFindings<'b> {
    book: &'b Workbook<'b>,
    /// Sheet and row of each place where the finding is listed.
    rows: BTreeMap<FindingKey<'b>, Vec<(usize, usize)>>,
}

impl<'b> ListedFindings<'b> {
    fn of(book: &'b Workbook<'b>) -> ListedFindings<'b> {
        let mut rows: BTreeMap<FindingKey<'b>, Vec<(usize, usize)>> = BTreeMap::new();
        for (number, sheet) in book.sheets.iter().enumerate() {
            for (row, tag, key) in sheet.listed() {
                rows.entry((tag.rule, key, tag.state)).or_default().push((number, row));
            }
        }
        ListedFindings { book, rows }
    }

    fn rows<'s>(&'s self, finding: &'s Finding) -> &'s [(usize, usize)] {
        self.rows.get(&key_of(finding)).map_or(&[], Vec::as_slice)
    }

    /// The names of the cells with the code in these rows.
    fn cells(&self, rows: &[(usize, usize)], key: &str) -> String {
        let cells = rows.iter().filter_map(|(sheet, row)| {
            let sheet = self.book.sheets.get(*sheet)?;
            let is_code = |cell: &Value| matches!(cell, Value::Text(text) if text == key);
            let column = sheet.row_at(*row).and_then(|row| row.cells.iter().position(is_code));
            Some(sheet.place(*row, column.unwrap_or(0)))
        });
        cells.collect::<Vec<_>>().join("、")
    }

    /// Reports each listed finding that is not among the mailed ones.
    fn check_mailed(&self, policy: &Policy, unit: &str, mailed: &BTreeSet<FindingKey<'_>>, out: &mut Vec<Discrepancy>) {
        for ((rule, key, _), rows) in self.rows.iter().filter(|(listed, _)| !mailed.contains(*listed)) {
            let finding = format!("{key}（{}）", policy.rules[*rule].title);
            out.push(Discrepancy {
                unit: unit.to_owned(), finding, place: self.cells(rows, key), problem: "清单列有，提醒没有".into()
            });
        }
    }

    /// Reports a mailed finding that is not listed once on each sheet of the template that lists its rule and state.
    fn check_listed(&self, policy: &Policy, unit: &str, finding: &Finding, template: &Template, out: &mut Vec<Discrepancy>) {
        let (rows, expected) = (self.rows(finding), template.lists_of(finding.rule, finding.state));
        if expected == rows.len() || expected == 0 {
            return;
        }
        let (place, problem) = match rows.is_empty() {
            true => (sheets_of(template, finding), "提醒列有，清单没有".to_owned()),
            false => (self.cells(rows, &finding.key), format!("清单列出{}次，应为{expected}次", rows.len())),
        };
        let finding = format!("{}（{}）", finding.key, policy.rules[finding.rule].title);
        out.push(Discrepancy { unit: unit.to_owned(), finding, place, problem });
    }
}

/// The names of the sheets of a template that list a finding.
fn sheets_of(template: &Template, finding: &Finding) -> String {
    let lists = template.sheets.iter().filter(|sheet| matches!(&sheet.kind, SheetKind::List(list) if list.takes(finding)));
    lists.map(|sheet| sheet.frame.name.as_str()).collect::<Vec<_>>().join("、")
}

/// Reports each count of a mail that differs from the count of the listed rows.
fn check_counts(unit: &str, mailed: &Counts, listed: &Counts, place: &str, out: &mut Vec<Discrepancy>) {
    for (word, mailed, listed) in [
        ("项目", mailed.items, listed.items),
        ("红灯", mailed.red, listed.red),
        ("橙灯", mailed.orange, listed.orange),
        ("黄灯", mailed.yellow, listed.yellow),
    ] {
        if mailed != listed {
            let problem = format!("提醒所写{word}{mailed}个，清单所列{listed}个");
            out.push(Discrepancy { unit: unit.to_owned(), finding: String::new(), place: place.to_owned(), problem });
        }
    }
}

/// The content of a mail that its attachment has to match.
pub(crate) struct MailContent<'m> {
    /// Name of the unit that gets the mail.
    pub(crate) unit: &'m str,
    /// Indices of the findings that the attachment has to list.
    pub(crate) findings: &'m [usize],
    /// The counts of the mail; `None` if it counts other findings than these.
    pub(crate) counts: Option<&'m Counts>,
}

/// The differences between a mail and the workbook attached to it.
pub(crate) fn reconcile_attachment(
    policy: &Policy,
    findings: &[Finding],
    mail: &MailContent<'_>,
    template: &Template,
    book: &Workbook<'_>,
) -> Vec<Discrepancy> {
    let listed = ListedFindings::of(book);
    let mut out = Vec::new();
    let mailed = || mail.findings.iter().filter_map(|index| findings.get(*index));
    for finding in mailed() {
        listed.check_listed(policy, mail.unit, finding, template, &mut out);
    }
    listed.check_mailed(policy, mail.unit, &mailed().map(key_of).collect(), &mut out);
    let all_open_listed = mailed().all(|finding| finding.state != State::Open || template.lists_of(finding.rule, State::Open) > 0);
    if let Some(counts) = mail.counts.filter(|_| all_open_listed) {
        let shown = mailed().filter(|finding| !finding.waits_for_data && !listed.rows(finding).is_empty());
        check_counts(mail.unit, counts, &count_items(policy, shown), &book.title, &mut out);
    }
    out
}

/// The differences between a workbook of the office and the digests of its run. Every finding that a digest covers, or that was left out for a
/// reason, is on its list; every listed finding is covered, or was left out for a reason; each digest counts the items of its rows.
pub(crate) fn reconcile_digests(
    policy: &Policy,
    findings: &[Finding],
    plan: &Plan,
    template: &Template,
    book: &Workbook<'_>,
) -> Vec<Discrepancy> {
    let listed = ListedFindings::of(book);
    let mut out = Vec::new();
    let mut accounted_for: BTreeMap<usize, &str> = BTreeMap::new();
    for digest in &plan.digests {
        accounted_for.extend(digest.all_covered().map(|pair| (pair.finding, digest.recipient.unit_name.as_str())));
    }
    for pair in &plan.not_notified {
        if let Some(finding) = findings.get(pair.finding) {
            accounted_for.entry(pair.finding).or_insert(&finding.unit);
        }
    }
    for (index, unit) in &accounted_for {
        if let Some(finding) = findings.get(*index) {
            listed.check_listed(policy, unit, finding, template, &mut out);
        }
    }
    let mailed: BTreeSet<FindingKey<'_>> = accounted_for
        .keys()
        .filter_map(|index| findings.get(*index))
        // A finding whose rule has no recipients is in no digest.
        .chain(findings.iter().filter(|finding| finding.relations().is_empty()))
        .map(key_of)
        .collect();
    listed.check_mailed(policy, &book.author, &mailed, &mut out);
    for digest in &plan.digests {
        check_digest(policy, findings, digest, template, &listed, &mut out);
    }
    out
}

/// Compares the counts of a digest with the rows of the findings it covers; those of the office with the rows of all units.
fn check_digest(
    policy: &Policy,
    findings: &[Finding],
    digest: &Digest,
    template: &Template,
    listed: &ListedFindings<'_>,
    out: &mut Vec<Discrepancy>,
) {
    let counted: BTreeSet<usize> = match digest.roll_up.is_some() {
        true => (0..findings.len()).filter(|index| is_named(&findings[*index]) && findings[*index].state == State::Open).collect(),
        false => digest.covered.iter().map(|pair| pair.finding).filter(|index| *index < findings.len()).collect(),
    };
    let is_listed = |finding: &Finding| template.lists_of(finding.rule, finding.state) > 0;
    let counted = || counted.iter().map(|index| &findings[*index]);
    if counted().all(|finding| finding.state != State::Open || is_listed(finding)) {
        let rows = counted().filter(|finding| !finding.waits_for_data && !listed.rows(finding).is_empty());
        check_counts(&digest.recipient.unit_name, &digest.counts, &count_items(policy, rows), &listed.book.title, out);
    }
}
