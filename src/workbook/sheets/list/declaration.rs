//! What a template declares of a list of findings.

use crate::domain::judging::finding::{Finding, State};
use crate::workbook::sheets::list::columns::ListColumn;

#[derive(Clone, Debug)]
pub struct List {
    /// Rule indices.
    pub rules: Vec<usize>,
    pub states: Vec<State>,
    pub group: Option<Group>,
    /// One row per project: its leading rule, the others in the column `also`.
    pub fold: bool,
    /// A unit's page keeps the columns in which nothing stands.
    pub blank: bool,
    pub columns: Vec<ListColumn>,
}

impl List {
    pub(crate) fn takes(&self, finding: &Finding) -> bool {
        self.rules.contains(&finding.rule) && self.states.contains(&finding.state)
    }
}

/// Rows under headings of their own.
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
