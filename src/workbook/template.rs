//! Templates (报表模板): which sheets a workbook has and what stands on them, already checked against the policy.

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
    /// How many lists show every finding of a rule in a state; a list that folds findings into projects shows only some.
    pub fn lists_of(&self, rule: usize, state: State) -> usize {
        let lists = self.sheets.iter().filter_map(|sheet| if let SheetKind::List(list) = &sheet.kind { Some(list) } else { None });
        lists.filter(|list| !list.fold && list.rules.contains(&rule) && list.states.contains(&state)).count()
    }
}

#[derive(Clone, Debug)]
pub struct SheetTemplate {
    /// On the tab.
    pub name: String,
    /// Above the table.
    pub title: String,
    /// 附件1, where the sheet is an attachment.
    pub mark: String,
    pub note: String,
    /// A line below the notes for stamp, names and date, where the sheet is filled in and sent back.
    pub sign: String,
    pub landscape: bool,
    pub paper: Paper,
    /// The most pages it is printed on, one below the other, made smaller where it needs more; 0 = as many as it needs.
    pub pages_high: u16,
    /// Left out when it has no rows.
    pub optional: bool,
    pub kind: SheetKind,
}

/// What kind of sheet it is. Open: a bulletin or a one-page form is one more kind.
#[derive(Clone, Debug)]
pub enum SheetKind {
    /// What the workbook is, where its data come from, and what stands in it.
    Cover { paragraphs: Vec<String>, objection: String },
    /// What each rule asks, and what could not be judged by it.
    Rules,
    /// Key figures, rates, lights by rule, a chart.
    Summary { chart: bool },
    /// One row per place or industry.
    Matrix { axis: Axis, window: Window, columns: Vec<MatrixColumn>, rows: MatrixRows },
    /// One row per finding.
    List(List),
    /// Due dates that come near.
    Notices {
        /// `None` = all.
        rules: Option<Vec<usize>>,
        columns: Vec<ListColumn>,
    },
    /// Rows a person should look at, and rows that could not be read.
    Quality,
    /// The leader's page.
    LeaderPage(LeaderPage),
    /// An official paper (通报): text with figures filled in, tables by unit, the items that are furthest behind.
    Bulletin(Box<Bulletin>),
    /// What units have said of the records listed.
    Answers,
    /// Records that their units have not answered for in time.
    Silent,
    /// What the unit is to fill in and send back: a sheet for each ledger.
    Feedback,
    /// One row per record of a ledger.
    Records(RecordList),
    /// Codes that have left the register and are not confirmed to have.
    Gone,
    /// How every unit keeps its register: in time, complete.
    Reporting { rules: Vec<usize> },
}
