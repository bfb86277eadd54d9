//! What a template declares of a matrix: its axis, its columns, and the names of its rows.

use crate::domain::judging::indicators::Rate;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;

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
