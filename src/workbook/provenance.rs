//! Provenance: the snapshots behind a workbook, and the file, sheet and cell of a row.

use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Place;
use crate::workbook::material::SourceSnapshot;
use crate::workbook::visible::VisibleMaterial;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// How a workbook names its data sources. Of the sheets of a workbook the last in this order decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Provenance {
    /// Ledger, day, snapshot, file and sheet, below the first sheet.
    #[default]
    Snapshots,
    /// Only ledgers and days.
    Days,
    /// A table or a text of the sheet itself.
    OfItsOwn,
}

impl VisibleMaterial<'_> {
    /// The file and its sheets: `register.xlsx 项目台账`.
    pub(crate) fn file_and_sheets(&self, line: &SourceSnapshot) -> String {
        let sheets: Vec<String> = line.sheets.iter().map(|sheet| self.origin(sheet, "")).filter(|sheet| !sheet.is_empty()).collect();
        format!("{} {}", self.origin(&line.file, &line.ledger), sheets.join("、")).trim().to_owned()
    }

    /// The location of a record.
    pub(crate) fn place(&self, ledger: usize, place: Place) -> String {
        // a record that was made here has no row
        let row = if place.row == 0 { String::new() } else { format!("第{}行", place.row) };
        let Some(origin) = self.material.origins.get(place.origin as usize) else { return row };
        let sheet = origin.sheets.get(place.sheet as usize).map_or("", String::as_str);
        self.location(&self.policy().ledgers[ledger].title, &origin.file, sheet, &row)
    }

    /// File, sheet and cell. The file, and the sheet, is left out if the workbook has named it as the only one of the ledger.
    pub(crate) fn location(&self, ledger: &str, file: &str, sheet: &str, cell: &str) -> String {
        let mut lines = self.material.sources.iter().filter(|line| line.ledger == ledger);
        let only = lines.next().filter(|line| lines.next().is_none() && line.file == file);
        let only_sheet = only.is_some_and(|line| line.sheets.iter().all(|known| known == sheet));
        let file = if only.is_some() { String::new() } else { self.origin(file, ledger) };
        let sheet = if only_sheet { String::new() } else { self.origin(sheet, "") };
        [&file, &sheet, cell].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The note on the snapshots of these ledgers, for the first sheet of a workbook; `None` where it is not needed.
    pub(crate) fn data_sources(&self, provenance: Provenance, ledgers: &BTreeSet<usize>) -> Option<String> {
        let used = |line: &&SourceSnapshot| ledgers.iter().any(|ledger| self.policy().ledgers[*ledger].title == line.ledger);
        let lines = self.material.sources.iter().filter(used);
        let named: Vec<String> = match provenance {
            Provenance::OfItsOwn => return None,
            Provenance::Days => {
                let mut days: BTreeMap<NaiveDate, Vec<&str>> = BTreeMap::new();
                lines.for_each(|line| days.entry(line.covers_on).or_default().push(&line.ledger));
                days.into_iter().map(|(day, ledgers)| format!("{}（截至{}）", ledgers.join("、"), chinese_date(day))).collect()
            }
            Provenance::Snapshots => lines
                .map(|line| {
                    let note = if line.note.is_empty() { String::new() } else { format!("；{}", line.note) };
                    format!(
                        "{}（截至{}，第{}次快照，{}{note}）",
                        line.ledger,
                        chinese_date(line.covers_on),
                        line.snapshot,
                        self.file_and_sheets(line)
                    )
                })
                .collect(),
        };
        (!named.is_empty()).then(|| format!("数据来源：{}。", named.join("；")))
    }

    /// The note that a sheet was left out because its ledger was never reported; `None` if it was.
    pub(crate) fn never_reported(&self, ledger: usize, sheet: &str) -> Option<String> {
        let title = &self.policy().ledgers[ledger].title;
        (!self.is_reported(ledger)).then(|| format!("注：“{title}”台账尚未报送，未编制“{sheet}”。"))
    }

    /// The day that the data cover; if the ledgers differ, the first and the last day.
    pub(crate) fn data_days(&self) -> String {
        let days = || self.material.sources.iter().map(|line| line.covers_on);
        match (days().min(), days().max()) {
            (Some(first), Some(last)) if first < last => format!("{}至{}", chinese_date(first), chinese_date(last)),
            (first, _) => first.map_or_else(|| chinese_date(self.material.as_of), chinese_date),
        }
    }
}
