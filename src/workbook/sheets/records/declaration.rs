//! What a template declares of a sheet of records.

use crate::domain::judging::roster::{Doubt, Selection};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::rules::condition::Condition;
use crate::domain::rules::condition_text::{Terms, conditions};
use crate::domain::rules::rule::Light;
use crate::workbook::model::Sheet;
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::list::columns::{BuiltIn, ListColumn, has_columns, list_columns, project_if_shown};
use crate::workbook::sheets::list::declaration::Group;
use crate::workbook::sheets::references::{References, rules_named};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordsKeys {
    #[serde(default)]
    ledger: String,
    #[serde(default)]
    r#where: Vec<String>,
    major: Option<String>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    lights: Vec<String>,
    #[serde(default = "own")]
    reach: String,
    group: Option<String>,
    #[serde(default)]
    order: Vec<String>,
    #[serde(default)]
    columns: Vec<String>,
}

fn own() -> String {
    "own".into()
}

/// Which records a sheet lists, and how.
#[derive(Clone, Debug)]
pub struct RecordList {
    pub selection: Selection,
    /// Only records with an open finding of one of these rules (indices); empty = all records.
    pub rules: Vec<usize>,
    /// Only records whose worst open finding has one of these lights; empty = all records.
    pub lights: Vec<Light>,
    /// Which of the records a unit sees.
    pub reach: Reach,
    pub group: Option<Group>,
    pub order: Vec<Order>,
    pub columns: Vec<ListColumn>,
}

/// Which records of a selection a unit sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Records that the unit and its subordinates own.
    Held,
    /// Also records they raised, and records of the industries that the unit leads.
    Own,
    /// Every record.
    All,
}

impl Reach {
    pub const NAMES: [(&'static str, Reach); 3] = [("held", Reach::Held), ("own", Reach::Own), ("all", Reach::All)];
}

/// A sort key of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// A field of the ledger; `None` = the worst light.
    pub field: Option<usize>,
    pub descending: bool,
}

/// What the rows can be grouped by: not by rule, because a record may have findings of several rules.
const GROUPS: [(&str, Group); 3] = [("unit", Group::Unit), ("city", Group::City), ("light", Group::Light)];

impl Kind for RecordList {
    type Keys = RecordsKeys;

    fn check(keys: RecordsKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<RecordList> {
        let policy = references.policy;
        let before = at.count();
        if !has_columns(&keys.columns, at) {
            return None;
        }
        let Some(index) = policy.ledger(&keys.ledger) else {
            let hint = suggest(&keys.ledger, policy.ledgers.iter().map(|ledger| ledger.id.as_str()));
            at.report(format!("ledger \"{}\" is unknown", keys.ledger), hint);
            return None;
        };
        let selection = selection(&keys, index, references, at);
        let rules = rules_named(&keys.rules, policy, at);
        let lights = at.all_coded(&Light::ALL, Light::code, &keys.lights, "light");
        let reach = at.named(&Reach::NAMES, &keys.reach, "reach")?;
        let group = match &keys.group {
            None => None,
            Some(word) => Some(at.named(&GROUPS, word, "group")?),
        };
        let order = keys.order.iter().filter_map(|word| order(word, &policy.ledgers[index], at)).collect();
        let columns = list_columns(&keys.columns, &[index], BuiltIn::is_of_record, policy, at);
        (at.count() == before).then_some(RecordList { selection, rules, lights, reach, group, order, columns })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        builder.records(self)
    }

    fn selection(&self) -> Option<&Selection> {
        Some(&self.selection)
    }

    /// A sheet without rows still counts the records that could not be selected because a cell is empty; a missing column is named on the
    /// first sheet.
    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        if visible.has_members(self) {
            return Rows::Listed;
        }
        let doubts = visible.doubts(self);
        let is_noted = !doubts.is_empty() && !doubts.keys().any(|doubt| matches!(doubt, Doubt::NoColumn(_)));
        if is_noted { Rows::Noted } else { Rows::None }
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        project_if_shown(&self.columns, visible.policy()).into_iter().chain([self.selection.ledger]).collect()
    }

    fn missing_data(&self, name: &str, visible: &VisibleMaterial<'_>) -> Option<String> {
        let shape = &visible.policy().ledgers[self.selection.ledger];
        let no_column = |doubt| match doubt {
            Doubt::NoColumn(field) => {
                Some(format!("注：{}没有“{}”一栏，无从选取，未编制“{name}”。", shape.title, shape.fields[field].title))
            }
            Doubt::Blank(_) => None,
        };
        visible.never_reported(self.selection.ledger, name).or_else(|| visible.doubts(self).into_keys().find_map(no_column))
    }

    fn names(&self, visible: &VisibleMaterial<'_>) -> NamedRecords {
        visible.named_members(self)
    }
}

/// Which records of a ledger are listed: `where` holds conditions like a rule's scope, those after `project.` on the record's project.
fn selection(keys: &RecordsKeys, index: usize, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Selection {
    let References { policy, scopes, .. } = references;
    let ledger = &policy.ledgers[index];
    let (of_project, own): (Vec<String>, Vec<String>) =
        keys.r#where.iter().cloned().partition(|text| text.trim_start_matches("not ").starts_with("project."));
    let of_project: Vec<String> = of_project.iter().map(|text| text.replacen("project.", "", 1)).collect();
    let conditions_on_record = conditions(&own, "where", ledger, Terms { scopes, states: policy.states(index) }, at);
    let mut project: Vec<Condition> = Vec::new();
    if !of_project.is_empty() {
        match policy.project_ledger() {
            Some(linked) if linked != index && ledger.role(Role::Project).is_some() => {
                project = conditions(&of_project, "where", &policy.ledgers[linked], Terms { scopes, states: policy.states(linked) }, at);
            }
            _ => at.report(format!("records of ledger \"{}\" belong to no project", ledger.id), None),
        }
    }
    let major = keys.major.as_ref().and_then(|word| policy.units.levels.named(word, "major", at));
    let levels = &policy.units.levels;
    if let Some(level) = major
        && levels.major().all(|(known, _)| known != level)
    {
        let known: Vec<&str> = levels.major().map(|(known, _)| levels.id(known)).collect();
        let hint = "the bounds stand in config/levels.toml".into();
        at.report(format!("major \"{}\" is none of {}", levels.id(level), known.join(", ")), Some(hint));
    }
    Selection { ledger: index, conditions: conditions_on_record, project, major }
}

/// `light`, or a field of the ledger; `desc` after it reverses the order.
fn order(word: &str, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Option<Order> {
    let (name, descending) = match word.strip_suffix(" desc") {
        Some(name) => (name.trim(), true),
        None => (word.trim(), false),
    };
    if name == "light" {
        return Some(Order { field: None, descending });
    }
    let field = ledger.field(name);
    if field.is_none() {
        let known = ledger.fields.iter().map(|field| field.id.as_str()).chain(["light"]);
        at.report(format!("order \"{word}\": no field of the ledger"), suggest(name, known));
    }
    Some(Order { field: Some(field?), descending })
}
