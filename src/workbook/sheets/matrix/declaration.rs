//! What a template declares of a matrix: its axis, its columns, and the names of its rows.

use crate::domain::judging::indicators::{Rate, Window};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Purpose, Role};
use crate::domain::register::levels::LevelKind;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::workbook::measures::Measure;
use crate::workbook::model::Sheet;
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::list::columns::has_columns;
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatrixKeys {
    #[serde(default)]
    by: String,
    #[serde(default = "all")]
    window: String,
    /// `titles = ["UNIT TITLE"]`
    #[serde(default)]
    titles: Vec<String>,
    /// `apart = ["UNIT"]`
    #[serde(default)]
    apart: Vec<String>,
    #[serde(default)]
    columns: Vec<String>,
}

fn all() -> String {
    "all".into()
}

/// What has a row, which contracts are counted, and in which columns.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub axis: Axis,
    pub window: Window,
    pub columns: Vec<Measure>,
    pub rows: MatrixRows,
}

impl Kind for Matrix {
    type Keys = MatrixKeys;

    fn check(keys: MatrixKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Matrix> {
        if !has_columns(&keys.columns, at) {
            return None;
        }
        let policy = references.policy;
        let axis = at.named(&Axis::NAMES, &keys.by, "by")?;
        let window = at.named(&Window::NAMES, &keys.window, "window")?;
        let project = policy.project_ledger().map(|index| &policy.ledgers[index]);
        let names = Measure::of_matrix();
        let mut columns = Vec::new();
        for word in &keys.columns {
            let Some(column) = at.named(&names, word, "column") else { continue };
            if axis == Axis::Industry && needs_region(column) {
                at.report(
                    format!("column \"{word}\" is for by = \"region\""),
                    Some("work orders and what was found before are known by unit, not by industry".into()),
                );
            }
            if let Some(role) = role_for(column)
                && project.is_none_or(|ledger| ledger.role(role).is_none())
            {
                at.report(format!("column \"{word}\" needs a project field with role \"{}\"", role.name()), None);
            }
            columns.push(column);
        }
        let rows = matrix_rows(&keys, axis, policy, at);
        Some(Matrix { axis, window, columns, rows })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.matrix(self)]
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        let policy = visible.policy();
        let counts_orders = self.columns.iter().any(|column| column.is_of_tasks());
        let of_orders = policy.ledger_for(Purpose::Order).filter(|_| counts_orders);
        policy.project_ledger().into_iter().chain(of_orders).collect()
    }

    fn names(&self, _: &VisibleMaterial<'_>) -> NamedRecords {
        NamedRecords::new()
    }
}

/// The role, beyond those every project ledger has, that a column is computed from.
fn role_for(column: Measure) -> Option<Role> {
    use Measure as M;
    match column {
        M::Rate(rate) | M::LiveRate(rate) | M::Rank(rate) | M::RateChange(rate) => match rate {
            Rate::OnTime => Some(Role::PlannedStart),
            Rate::Funds => Some(Role::Funds),
            Rate::Performed => Some(Role::Performed),
            Rate::Started | Rate::Produced => None,
        },
        M::Funds => Some(Role::Funds),
        M::Performed => Some(Role::Performed),
        _ => None,
    }
}

fn matrix_rows(keys: &MatrixKeys, axis: Axis, policy: &Policy, at: &mut ProblemsAt<'_>) -> MatrixRows {
    let mut rows = MatrixRows::default();
    for entry in &keys.titles {
        let (name, title) = entry.split_once(' ').unwrap_or((entry, entry));
        let unit = unit_of_kind(name, "titles", LevelKind::Middle, policy, at);
        rows.titles.extend(unit.map(|unit| UnitTitle { unit, title: title.trim().to_owned() }));
    }
    for name in &keys.apart {
        rows.apart.extend(unit_of_kind(name, "apart", LevelKind::Park, policy, at));
    }
    if axis != Axis::Region && rows != MatrixRows::default() {
        at.report("titles and apart are for by = \"region\"", None);
    }
    rows
}

/// The unit of a kind of level that the value of a key names.
fn unit_of_kind(name: &str, key: &str, kind: LevelKind, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<UnitId> {
    let units = &policy.units;
    let found = units.find(name).filter(|unit| units.units[*unit].level.kind() == kind);
    if found.is_none() {
        let known = units.units.iter().filter(|unit| unit.level.kind() == kind).map(|unit| unit.name.as_str());
        let what = units.levels.of_kind(kind).map_or(kind.code(), |level| units.levels.id(level));
        at.report(format!("{key} \"{name}\" is no {what}"), suggest(name, known));
    }
    found
}

/// Names and places of single rows, by region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixRows {
    /// Units of the middle under another title, such as one that names a park in it too.
    pub titles: Vec<UnitTitle>,
    /// Parks with a row beside the divisions, not counted in their own.
    pub apart: Vec<UnitId>,
}

/// A unit under another title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitTitle {
    pub unit: UnitId,
    pub title: String,
}

/// What has a row each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Region,
    Industry,
}

impl Axis {
    pub const NAMES: [(&'static str, Axis); 2] = [("region", Axis::Region), ("industry", Axis::Industry)];
}

/// Whether a column exists by region only: work orders have no industry, and findings of earlier runs are known by unit.
fn needs_region(column: Measure) -> bool {
    column.is_of_tasks() || matches!(column, Measure::LightChange(_) | Measure::OpenChange)
}
