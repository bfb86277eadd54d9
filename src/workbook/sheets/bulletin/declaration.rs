//! What a template declares of an official paper.

use crate::domain::register::levels::{LevelWord, Levels};
use crate::domain::register::period::PeriodKind;
use crate::domain::rules::rule::Light;
use crate::workbook::measures::Measure;
use crate::workbook::sheets::list::columns::ListColumn;

/// One `[sheet.bulletin]`.
#[derive(Clone, Debug)]
pub struct Bulletin {
    /// The period that `{period}` names, and in which the measures `new` and `done` count.
    pub period: PeriodKind,
    /// Addressees (主送); empty = none.
    pub to: String,
    pub opening: Vec<String>,
    pub figures: Vec<BulletinFigure>,
    pub parts: Vec<BulletinPart>,
    /// Lines below the signature, such as 抄送.
    pub copies: Vec<String>,
    /// Lines flush right: office and date.
    pub signature: Vec<String>,
}

/// A figure that replaces `{name}` in the texts.
#[derive(Clone, Debug)]
pub struct BulletinFigure {
    pub name: String,
    /// One of tasks needs a ledger in the scope, one of findings needs rules.
    pub measure: Measure,
    pub scope: Scope,
    /// Measure word of a change: 件 in 比上期增加119件.
    pub counted: String,
}

/// The records and findings that a figure or a table counts.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Ledger (index) whose records are counted as tasks.
    pub ledger: Option<usize>,
    /// Rules (indices) whose open findings are counted.
    pub rules: Vec<usize>,
    /// Counts only units that have a row in such a table; `None` = all units.
    pub rows: Option<TableRows>,
}

/// A part of the paper: heading, text, table and list.
#[derive(Clone, Debug)]
pub struct BulletinPart {
    pub heading: String,
    pub paragraphs: Vec<String>,
    pub table: Option<BulletinTable>,
    pub list: Option<BulletinList>,
    /// The figure (index) that the part is about; the part is empty if it is 0.
    pub about: Option<usize>,
    /// Replaces the contents of the part if that figure is 0 or the list is empty.
    pub none: String,
    /// Below the table or the list.
    pub note: String,
}

/// A table with one row per unit.
#[derive(Clone, Debug)]
pub struct BulletinTable {
    pub title: String,
    pub rows: TableRows,
    pub scope: Scope,
    pub columns: Vec<BulletinColumn>,
}

/// Which units have a row, in administrative order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableRows {
    /// The divisions of the office's area, each with every unit within it.
    City,
    /// Units outside every division, and tasks and findings without a known unit.
    Department,
    /// Places: the units of base and park.
    Place,
}

impl TableRows {
    pub const NAMES: [(&'static str, TableRows); 3] =
        [("city", TableRows::City), ("department", TableRows::Department), ("place", TableRows::Place)];

    pub(crate) fn head(self, levels: &Levels) -> String {
        match self {
            TableRows::City => levels.division(LevelWord::Name).to_owned(),
            TableRows::Department => "单位".into(),
            TableRows::Place => levels.places(LevelWord::Name, "、"),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct BulletinColumn {
    pub title: String,
    pub measure: Measure,
}

/// A list of the findings that are overdue longest.
#[derive(Clone, Debug)]
pub struct BulletinList {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
    pub most: usize,
    pub columns: Vec<ListColumn>,
    /// Note on the rows beyond `most`; contains `{more}`.
    pub more: String,
    /// Note on the records that are only counted; contains `{withheld}`.
    pub withheld: String,
}
