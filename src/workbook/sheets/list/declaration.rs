//! What a template declares of a list of findings.

use crate::domain::judging::finding::{Finding, State};
use crate::workbook::sheets::list::columns::ListColumn;

/// Which findings a list shows, and how.
#[derive(Clone, Debug)]
pub struct List {
    /// Rule indices.
    pub rules: Vec<usize>,
    pub states: Vec<State>,
    pub group: Option<Group>,
    /// One row per project and state with its leading finding; the column `also` names the project's other findings.
    pub fold: bool,
    /// The list of a unit keeps columns that are blank in every row.
    pub blank: bool,
    pub columns: Vec<ListColumn>,
}

impl List {
    /// Whether the list is about this finding.
    pub(crate) fn takes(&self, finding: &Finding) -> bool {
        self.rules.contains(&finding.rule) && self.states.contains(&finding.state)
    }
}

/// What the rows of a list or a sheet of records are grouped by, each group below its own heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Unit,
    City,
    Rule,
    Light,
}

impl Group {
    pub const NAMES: [(&'static str, Group); 4] =
        [("unit", Group::Unit), ("city", Group::City), ("rule", Group::Rule), ("light", Group::Light)];
}
