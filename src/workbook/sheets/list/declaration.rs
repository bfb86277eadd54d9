//! What a template declares of a list of findings.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::problem::ProblemsAt;
use crate::workbook::model::Sheet;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::list::columns::{BuiltIn, ListColumn, has_columns, list_columns, project_if_shown};
use crate::workbook::sheets::references::{References, ledgers_of, rules_named};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListKeys {
    #[serde(default)]
    rules: Vec<String>,
    states: Option<Vec<String>>,
    group: Option<String>,
    #[serde(default)]
    fold: bool,
    #[serde(default)]
    blank: bool,
    #[serde(default)]
    columns: Vec<String>,
}

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

impl Kind for List {
    type Keys = ListKeys;

    fn check(keys: ListKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<List> {
        if !has_columns(&keys.columns, at) {
            return None;
        }
        let policy = references.policy;
        let rules = rules_named(&keys.rules, policy, at);
        if rules.is_empty() {
            at.report("`rules` names no rule", Some("\"*\" stands for all, \"order-*\" for a family".into()));
            return None;
        }
        let mut states = match &keys.states {
            None => vec![State::Open, State::Exempt],
            Some(words) => at.all_coded(&State::ALL, State::code, words, "state"),
        };
        states.sort_unstable();
        states.dedup();
        let group = match &keys.group {
            None => None,
            Some(word) => Some(at.named(&Group::NAMES, word, "group")?),
        };
        let columns = list_columns(&keys.columns, &ledgers_of(&rules, policy), BuiltIn::is_of_finding, policy, at);
        Some(List { rules, states, group, fold: keys.fold, blank: keys.blank, columns })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        builder.list(self)
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(visible.findings.iter().any(|finding| self.takes(finding)))
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        let policy = visible.policy();
        let found = visible.findings.iter().filter(|finding| self.takes(finding)).map(|finding| policy.rules[finding.rule].ledger);
        found.chain(project_if_shown(&self.columns, policy)).collect()
    }

    fn missing_data(&self, name: &str, visible: &VisibleMaterial<'_>) -> Option<String> {
        let ledgers = ledgers_of(&self.rules, visible.policy());
        let notes: Option<Vec<String>> = ledgers.iter().map(|ledger| visible.never_reported(*ledger, name)).collect();
        notes?.into_iter().next()
    }
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
