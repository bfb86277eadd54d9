//! Templates (报表模板): the sheets of a workbook and their contents, already checked against the policy.

use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::Window;
use crate::workbook::model::Paper;
use crate::workbook::sheets::bulletin::declaration::Bulletin;
use crate::workbook::sheets::leader_page::declaration::LeaderPage;
use crate::workbook::sheets::list::columns::ListColumn;
use crate::workbook::sheets::list::declaration::List;
use crate::workbook::sheets::matrix::declaration::{Axis, MatrixColumn, MatrixRows};
use crate::workbook::sheets::records::declaration::RecordList;

/// One `report-templates/NAME.toml`.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// File stem.
    pub name: String,
    pub title: String,
    pub subject: String,
    pub keywords: String,
    /// File name with `{title}`, `{as_of}` and `{unit}`.
    pub file: String,
    pub sheets: Vec<SheetTemplate>,
}

impl Template {
    /// How many lists show every finding of a rule in a state. A list with one row per project shows only some and is not counted.
    pub fn lists_of(&self, rule: usize, state: State) -> usize {
        let lists = self.sheets.iter().filter_map(|sheet| if let SheetKind::List(list) = &sheet.kind { Some(list) } else { None });
        lists.filter(|list| !list.fold && list.rules.contains(&rule) && list.states.contains(&state)).count()
    }
}

/// One `[[sheet]]` of a template.
#[derive(Clone, Debug)]
pub struct SheetTemplate {
    /// Name on the tab.
    pub name: String,
    /// Title above the table.
    pub title: String,
    /// Mark of an attachment above the title: 附件1; empty = none.
    pub mark: String,
    pub note: String,
    /// Line below the notes for stamp, names and date, on sheets that are filled in and sent back; empty = none.
    pub sign: String,
    pub landscape: bool,
    pub paper: Paper,
    /// The sheet is printed smaller to fit this many pages in height; 0 = as many pages as it needs.
    pub pages_high: u16,
    /// The sheet is left out if it has no rows.
    pub optional: bool,
    pub kind: SheetKind,
}

/// The kinds of sheet, with what a template declares for each.
#[derive(Clone, Debug)]
pub enum SheetKind {
    /// Purpose, data sources and contents of the workbook.
    Cover { paragraphs: Vec<String>, objection: String },
    /// The criterion of each rule, and the rows that it could not judge.
    Rules,
    /// Key figures, rates, findings by rule and light; `chart` adds charts.
    Summary { chart: bool },
    /// One row per place or industry.
    Matrix { axis: Axis, window: Window, columns: Vec<MatrixColumn>, rows: MatrixRows },
    /// One row per finding.
    List(List),
    /// One row per due date that is near.
    Notices {
        /// Rule indices; `None` = all rules.
        rules: Option<Vec<usize>>,
        columns: Vec<ListColumn>,
    },
    /// Doubtful values found while judging, and rows and cells that intake quarantined or changed.
    Quality,
    /// One page of A4 for a leader (领导一页).
    LeaderPage(LeaderPage),
    /// An official paper (通报).
    Bulletin(Box<Bulletin>),
    /// Feedback of units on the listed records.
    Answers,
    /// Records without the feedback that their units owed by now.
    Silent,
    /// The feedback form of a unit: one sheet per ledger.
    Feedback,
    /// One row per record of a ledger.
    Records(RecordList),
    /// Records that are missing from the register without confirmation by the office.
    Gone,
    /// How timely and complete each unit's rows are; `rules` (indices) are those about late rows.
    Reporting { rules: Vec<usize> },
}
