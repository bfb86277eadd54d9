//! What a template declares of a matrix: its axis, its columns, and the names of its rows.

use crate::domain::judging::indicators::{Rate, Window};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Purpose, Role};
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::model::Sheet;
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
    /// `titles = ["贵阳市 贵阳贵安"]`
    #[serde(default)]
    titles: Vec<String>,
    /// `apart = ["贵安新区"]`
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
    pub columns: Vec<MatrixColumn>,
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
        let names = MatrixColumn::names();
        let mut columns = Vec::new();
        for word in &keys.columns {
            let Some(column) = at.named(&names, word, "column") else { continue };
            if axis == Axis::Industry && column.needs_region() {
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
        let counts_orders = self.columns.iter().any(|column| column.is_of_orders());
        let of_orders = policy.ledger_for(Purpose::Order).filter(|_| counts_orders);
        policy.project_ledger().into_iter().chain(of_orders).collect()
    }
}

/// The role, beyond those every project ledger has, that a column is computed from.
fn role_for(column: MatrixColumn) -> Option<Role> {
    use MatrixColumn as M;
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
        let city = unit_of_level(name, "titles", Level::City, "市（州）", policy, at);
        rows.titles.extend(city.map(|city| (city, title.trim().to_owned())));
    }
    for name in &keys.apart {
        rows.apart.extend(unit_of_level(name, "apart", Level::Platform, "platform", policy, at));
    }
    if axis != Axis::Region && rows != MatrixRows::default() {
        at.report("titles and apart are for by = \"region\"", None);
    }
    rows
}

/// The unit of a level that the value of a key names; `what` names the level in the problem.
fn unit_of_level(name: &str, key: &str, level: Level, what: &str, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<UnitId> {
    let units = &policy.units;
    let found = units.find(name).filter(|unit| units.units[*unit].level == level);
    if found.is_none() {
        let known = units.units.iter().filter(|unit| unit.level == level).map(|unit| unit.name.as_str());
        at.report(format!("{key} \"{name}\" is no {what}"), suggest(name, known));
    }
    found
}
/// Names and places of single rows, by region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixRows {
    /// Cities under another title, such as 贵阳贵安 for 贵阳市 with its platforms.
    pub titles: Vec<(UnitId, String)>,
    /// Platforms with a row beside the cities, not counted in their city.
    pub apart: Vec<UnitId>,
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

/// A column of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixColumn {
    Projects,
    Terminated,
    /// One printed column per stage word, and one for other stages.
    Stages,
    Contracts,
    ContractsTerminated,
    Amount,
    Funds,
    Performed,
    Started,
    Produced,
    Rate(Rate),
    /// The rate without terminated contracts.
    LiveRate(Rate),
    /// Rank by the rate within the row's group.
    Rank(Rate),
    /// Change of the rate since the previous run, in percentage points.
    RateChange(Rate),
    /// Open findings on projects with the light.
    Light(Light),
    Open,
    /// Change since the previous run.
    LightChange(Light),
    OpenChange,
    Exempt,
    Unjudged,
    OrdersDispatched,
    OrdersReceived,
    OrdersCompleted,
    OrdersOpen,
}

impl MatrixColumn {
    /// Every column with its key in a template.
    pub fn names() -> Vec<(&'static str, MatrixColumn)> {
        use MatrixColumn as M;
        let mut names = vec![
            ("projects", M::Projects),
            ("terminated", M::Terminated),
            ("stages", M::Stages),
            ("contracts", M::Contracts),
            ("contracts_terminated", M::ContractsTerminated),
            ("amount", M::Amount),
            ("funds", M::Funds),
            ("performed", M::Performed),
            ("started", M::Started),
            ("produced", M::Produced),
            ("red", M::Light(Light::Red)),
            ("orange", M::Light(Light::Orange)),
            ("yellow", M::Light(Light::Yellow)),
            ("open", M::Open),
            ("red_change", M::LightChange(Light::Red)),
            ("orange_change", M::LightChange(Light::Orange)),
            ("yellow_change", M::LightChange(Light::Yellow)),
            ("open_change", M::OpenChange),
            ("exempt", M::Exempt),
            ("unjudged", M::Unjudged),
            ("orders_dispatched", M::OrdersDispatched),
            ("orders_received", M::OrdersReceived),
            ("orders_completed", M::OrdersCompleted),
            ("orders_open", M::OrdersOpen),
        ];
        for (key, live, place, moved, rate) in [
            ("performed_rate", "performed_live_rate", "performed_rank", "performed_rate_change", Rate::Performed),
            ("started_rate", "started_live_rate", "started_rank", "started_rate_change", Rate::Started),
            ("produced_rate", "produced_live_rate", "produced_rank", "produced_rate_change", Rate::Produced),
            ("funds_rate", "funds_live_rate", "funds_rank", "funds_rate_change", Rate::Funds),
            ("on_time_rate", "on_time_live_rate", "on_time_rank", "on_time_rate_change", Rate::OnTime),
        ] {
            names.extend([(key, M::Rate(rate)), (live, M::LiveRate(rate)), (place, M::Rank(rate)), (moved, M::RateChange(rate))]);
        }
        names
    }

    pub fn title(self) -> String {
        use MatrixColumn as M;
        match self {
            M::Projects => "在册项目（个）".into(),
            M::Terminated => "其中终止（个）".into(),
            M::Stages => "项目阶段".into(),
            M::Contracts => "合同项目（个）".into(),
            M::ContractsTerminated => "合同终止（个）".into(),
            M::Amount => "合同投资额（亿元）".into(),
            M::Funds => "到位资金（亿元）".into(),
            M::Performed => "已履约（个）".into(),
            M::Started => "已开工（个）".into(),
            M::Produced => "已投产（个）".into(),
            M::Rate(rate) => rate.title().into(),
            M::LiveRate(rate) => format!("{}（剔除终止）", rate.title()),
            M::Rank(rate) => format!("{}排名", rate.title()),
            M::RateChange(rate) => format!("{}比上期（百分点）", rate.title()),
            M::Light(light) => format!("{}灯（项）", light.title()),
            M::Open => "督办事项（项）".into(),
            M::LightChange(light) => format!("{}灯比上期（项）", light.title()),
            M::OpenChange => "督办事项比上期（项）".into(),
            M::Exempt => "豁免（项）".into(),
            M::Unjudged => "无法判定（项）".into(),
            M::OrdersDispatched => "工作单派发（件）".into(),
            M::OrdersReceived => "签收（件）".into(),
            M::OrdersCompleted => "办结（件）".into(),
            M::OrdersOpen => "未办结（件）".into(),
        }
    }

    /// Whether the column compares with the previous run.
    pub fn is_change(self) -> bool {
        matches!(self, MatrixColumn::LightChange(_) | MatrixColumn::OpenChange | MatrixColumn::RateChange(_))
    }

    /// Whether the column counts work orders.
    pub fn is_of_orders(self) -> bool {
        use MatrixColumn as M;
        matches!(self, M::OrdersDispatched | M::OrdersReceived | M::OrdersCompleted | M::OrdersOpen)
    }

    /// Whether the column exists by region only: work orders have no industry, and findings of earlier runs are known by unit.
    pub fn needs_region(self) -> bool {
        use MatrixColumn as M;
        self.is_of_orders() || matches!(self, M::LightChange(_) | M::OpenChange)
    }
}
