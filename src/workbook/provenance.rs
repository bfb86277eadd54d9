//! Provenance: the snapshots behind a workbook, and the file, sheet and cell of a row.

use crate::domain::judging::roster::Doubt;
use crate::domain::register::ledger::Purpose;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Place;
use crate::workbook::material::SourceSnapshot;
use crate::workbook::sheets::list::columns::{ColumnKey, ListColumn};
use crate::workbook::template::{SheetKind, SheetTemplate};
use crate::workbook::visible::VisibleMaterial;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// The source of files that an office imports by hand.
const IMPORTED: &str = "import";

/// The name of a source for readers.
pub(crate) fn source_title(source: &str) -> &str {
    if source == IMPORTED { "手工导入" } else { source }
}

impl SourceSnapshot {
    /// The file and its sheets: `register.xlsx 全省项目台账`.
    pub(crate) fn file_and_sheets(&self) -> String {
        let sheets: Vec<&str> = self.sheets.iter().map(String::as_str).filter(|sheet| !sheet.is_empty()).collect();
        format!("{} {}", self.file, sheets.join("、")).trim().to_owned()
    }
}

impl VisibleMaterial<'_> {
    /// The location of a record.
    pub(crate) fn place(&self, ledger: usize, place: Place) -> String {
        let row = format!("第{}行", place.row);
        let Some(origin) = self.material.origins.get(place.origin as usize) else { return row };
        let sheet = origin.sheets.get(place.sheet as usize).map_or("", String::as_str);
        self.location(&self.policy().ledgers[ledger].title, &origin.file, sheet, &row)
    }

    /// File, sheet and cell. The file, and the sheet, is left out if the workbook has named it as the only one of the ledger.
    pub(crate) fn location(&self, ledger: &str, file: &str, sheet: &str, cell: &str) -> String {
        let mut lines = self.material.sources.iter().filter(|line| line.ledger == ledger);
        let only = lines.next().filter(|line| lines.next().is_none() && line.file == file);
        let only_sheet = only.is_some_and(|line| line.sheets.iter().all(|known| known == sheet));
        let parts = [if only.is_some() { "" } else { file }, if only_sheet { "" } else { sheet }, cell];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The note on the snapshots behind a workbook, for its first sheet; `None` for a workbook with a cover, which has a table of them, or a
    /// bulletin, whose text mentions them.
    pub(crate) fn provenance(&self, sheets: &[&SheetTemplate]) -> Option<String> {
        if sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::Cover { .. } | SheetKind::Bulletin(_))) {
            return None;
        }
        let used: BTreeSet<&str> = sheets
            .iter()
            .flat_map(|sheet| self.ledgers_of(&sheet.kind))
            .map(|ledger| self.policy().ledgers[ledger].title.as_str())
            .collect();
        let lines = self.material.sources.iter().filter(|line| used.contains(line.ledger.as_str()));
        // The leader page names only ledgers and days.
        let days = sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::LeaderPage(_))).then(|| {
            let mut days: BTreeMap<NaiveDate, Vec<&str>> = BTreeMap::new();
            lines.clone().for_each(|line| days.entry(line.covers_on).or_default().push(&line.ledger));
            days.into_iter().map(|(day, ledgers)| format!("{}（截至{}）", ledgers.join("、"), chinese_date(day))).collect()
        });
        let named: Vec<String> = days.unwrap_or_else(|| {
            lines
                .map(|line| {
                    let note = if line.note.is_empty() { String::new() } else { format!("；{}", line.note) };
                    format!(
                        "{}（截至{}，第{}次快照，{}{note}）",
                        line.ledger,
                        chinese_date(line.covers_on),
                        line.snapshot,
                        line.file_and_sheets()
                    )
                })
                .collect()
        });
        (!named.is_empty()).then(|| format!("数据来源：{}。", named.join("；")))
    }

    /// The day that the data cover; if the ledgers differ, the first and the last day.
    pub(crate) fn data_days(&self) -> String {
        let days = || self.material.sources.iter().map(|line| line.covers_on);
        match (days().min(), days().max()) {
            (Some(first), Some(last)) if first < last => format!("{}至{}", chinese_date(first), chinese_date(last)),
            (first, _) => first.map_or_else(|| chinese_date(self.material.as_of), chinese_date),
        }
    }

    /// The ledgers that the rows of a sheet come from.
    fn ledgers_of(&self, kind: &SheetKind) -> BTreeSet<usize> {
        let policy = self.policy();
        let of_rule = |rule: usize| policy.rules[rule].ledger;
        let project = |columns: &[ListColumn]| {
            let shown = columns.iter().any(|column| matches!(column.key, ColumnKey::Project(_)));
            policy.project_ledger().filter(|_| shown)
        };
        match kind {
            SheetKind::List(list) => {
                let found = self.findings.iter().filter(|finding| list.takes(finding)).map(|finding| of_rule(finding.rule));
                found.chain(project(&list.columns)).collect()
            }
            SheetKind::Notices { rules, columns } => {
                self.notices_of(rules.as_deref()).map(|notice| of_rule(notice.rule)).chain(project(columns)).collect()
            }
            SheetKind::Records(list) => project(&list.columns).into_iter().chain([list.selection.ledger]).collect(),
            SheetKind::LeaderPage(page) => {
                let figures = page.figures.iter().flat_map(|figures| &figures.rules);
                figures.chain(&page.decide).map(|rule| of_rule(*rule)).collect()
            }
            SheetKind::Matrix { columns, .. } => {
                let of_orders = columns.iter().any(|column| column.is_of_orders());
                let orders = policy.ledger_for(Purpose::Order).filter(|_| of_orders);
                policy.project_ledger().into_iter().chain(orders).collect()
            }
            SheetKind::Reporting { .. } => policy.project_ledger().into_iter().collect(),
            // Their records are listed on other sheets, or they have no rows.
            SheetKind::Answers
            | SheetKind::Silent
            | SheetKind::Feedback
            | SheetKind::Cover { .. }
            | SheetKind::Rules
            | SheetKind::Bulletin(_) => BTreeSet::new(),
            SheetKind::Summary { .. } | SheetKind::Quality | SheetKind::Gone => (0..policy.ledgers.len()).collect(),
        }
    }

    /// The note on an empty sheet that was left out because its ledger has never been reported or lacks a column that the sheet needs.
    pub(crate) fn left_out(&self, sheet: &SheetTemplate) -> Option<String> {
        let policy = self.policy();
        let was_reported = |ledger: usize| self.material.sources.iter().any(|line| line.ledger == policy.ledgers[ledger].title);
        let note = |ledger: usize| format!("注：“{}”台账尚未报送，未编制“{}”。", policy.ledgers[ledger].title, sheet.name);
        match &sheet.kind {
            SheetKind::Records(list) if !was_reported(list.selection.ledger) => Some(note(list.selection.ledger)),
            SheetKind::Records(list) => {
                let shape = &policy.ledgers[list.selection.ledger];
                self.doubts(list).into_keys().find_map(|doubt| match doubt {
                    Doubt::NoColumn(field) => {
                        Some(format!("注：{}没有“{}”一栏，无从选取，未编制“{}”。", shape.title, shape.fields[field].title, sheet.name))
                    }
                    Doubt::Blank(_) => None,
                })
            }
            SheetKind::List(list) => {
                let ledgers: BTreeSet<usize> = list.rules.iter().map(|rule| policy.rules[*rule].ledger).collect();
                ledgers.iter().all(|ledger| !was_reported(*ledger)).then(|| ledgers.first().map(|ledger| note(*ledger))).flatten()
            }
            _ => None,
        }
    }
}
