//! The figures that tables of counts, bulletins, the summary and the leader page print. Everything fixed about a figure is in one arm of
//! [`Measure::profile`]: its keys in templates, its title, whether totals add it up.

use crate::domain::judging::indicators::{Cohort, Rate, Window};
use crate::domain::rules::rule::Light;
use crate::workbook::model::{LIGHTS, Value};

/// A computed figure. `counts` has its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
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
    /// Open findings with the light.
    Light(Light),
    /// Open findings.
    Open,
    /// Change since the previous run.
    LightChange(Light),
    OpenChange,
    /// Open findings of one rule (its index).
    Rule(usize),
    Exempt,
    Unjudged,
    /// Days overdue of the finding that is overdue longest.
    Longest,
    /// Units with an open finding.
    Units,
    /// Work orders or decisions, as all tasks below.
    Dispatched,
    Received,
    FedBack,
    Completed,
    /// Dispatched and not completed.
    Left,
    /// Dispatched in the period.
    New,
    /// Completed in the period.
    Done,
    ReceivedRate,
    FedBackRate,
    CompletedRate,
    /// Rank by the rate of completion within the table.
    CompletedRank,
}

/// Heads of the columns of lights in tables of findings, worst first.
pub(crate) fn light_heads() -> [String; 3] {
    LIGHTS.map(|light| format!("{}（件）", light.title()))
}

/// What is fixed about a measure.
struct Profile {
    title: String,
    /// In a matrix, where no title of the table names what is counted; `None` = the same title.
    title_in_matrix: Option<&'static str>,
    /// The key of its column in a matrix; `None` = a matrix has no such column.
    matrix: Option<String>,
    /// The key in a bulletin, as a figure of the text and a column of a table.
    bulletin: Option<String>,
    /// Whether the total of a table is the sum of its rows.
    adds_up: bool,
}

impl Profile {
    fn new(title: impl Into<String>) -> Profile {
        Profile { title: title.into(), title_in_matrix: None, matrix: None, bulletin: None, adds_up: true }
    }

    fn matrix(self, key: impl Into<String>) -> Profile {
        Profile { matrix: Some(key.into()), ..self }
    }

    fn bulletin(self, key: impl Into<String>) -> Profile {
        Profile { bulletin: Some(key.into()), ..self }
    }

    fn matrix_and_bulletin(self, key: impl Into<String>) -> Profile {
        let key = key.into();
        self.matrix(key.clone()).bulletin(key)
    }

    fn titled_in_matrix(self, title: &'static str) -> Profile {
        Profile { title_in_matrix: Some(title), ..self }
    }

    fn without_total(self) -> Profile {
        Profile { adds_up: false, ..self }
    }
}

impl Measure {
    fn profile(self) -> Profile {
        use Measure as M;
        let of = |title: &str| Profile::new(title);
        match self {
            M::Projects => of("在册项目（个）").matrix("projects"),
            M::Terminated => of("其中终止（个）").matrix("terminated"),
            M::Stages => of("项目阶段").matrix("stages"),
            M::Contracts => of("合同项目（个）").matrix("contracts"),
            M::ContractsTerminated => of("合同终止（个）").matrix("contracts_terminated"),
            M::Amount => of("合同投资额（亿元）").matrix("amount"),
            M::Funds => of("到位资金（亿元）").matrix("funds"),
            M::Performed => of("已履约（个）").matrix("performed"),
            M::Started => of("已开工（个）").matrix("started"),
            M::Produced => of("已投产（个）").matrix("produced"),
            M::Rate(rate) => of(rate.title()).matrix(format!("{}_rate", rate.name())).without_total(),
            M::LiveRate(rate) => {
                Profile::new(format!("{}（剔除终止）", rate.title())).matrix(format!("{}_live_rate", rate.name())).without_total()
            }
            M::Rank(rate) => Profile::new(format!("{}排名", rate.title())).matrix(format!("{}_rank", rate.name())).without_total(),
            M::RateChange(rate) => {
                Profile::new(format!("{}比上期（百分点）", rate.title())).matrix(format!("{}_rate_change", rate.name())).without_total()
            }
            M::Light(light) => Profile::new(format!("{}灯（件）", light.title())).matrix_and_bulletin(light.code()),
            M::Open => of("督办事项（件）").matrix_and_bulletin("open"),
            M::LightChange(light) => {
                Profile::new(format!("{}灯比上期（件）", light.title())).matrix_and_bulletin(format!("{}_change", light.code()))
            }
            M::OpenChange => of("比上期（件）").titled_in_matrix("督办事项比上期（件）").matrix_and_bulletin("open_change"),
            // a bulletin names it by the id of the rule and titles it with the rule's title
            M::Rule(_) => of("督办事项（件）"),
            M::Exempt => of("豁免（件）").matrix("exempt"),
            M::Unjudged => of("无法判定（件）").matrix("unjudged"),
            M::Longest => of("最长超期（天）").bulletin("longest").without_total(),
            M::Units => of("涉及单位（个）").bulletin("units"),
            M::Dispatched => of("派发（件）").titled_in_matrix("工作单派发（件）").matrix("orders_dispatched").bulletin("dispatched"),
            M::Received => of("签收（件）").matrix("orders_received").bulletin("received"),
            M::FedBack => of("反馈（件）").bulletin("fed_back"),
            M::Completed => of("办结（件）").matrix("orders_completed").bulletin("completed"),
            M::Left => of("未办结（件）").matrix("orders_open").bulletin("left"),
            M::New => of("本期派发（件）").bulletin("new"),
            M::Done => of("本期办结（件）").bulletin("done"),
            M::ReceivedRate => of("签收率").bulletin("received_rate").without_total(),
            M::FedBackRate => of("反馈率").bulletin("fed_back_rate").without_total(),
            M::CompletedRate => of("办结率").bulletin("completed_rate").without_total(),
            M::CompletedRank => of("办结率排名").bulletin("completed_rank").without_total(),
        }
    }

    /// Every measure that a template can name by a key.
    fn all() -> Vec<Measure> {
        use Measure as M;
        let tasks = [
            M::Dispatched,
            M::Received,
            M::FedBack,
            M::Completed,
            M::Left,
            M::New,
            M::Done,
            M::ReceivedRate,
            M::FedBackRate,
            M::CompletedRate,
            M::CompletedRank,
        ];
        let projects = [
            M::Projects,
            M::Terminated,
            M::Stages,
            M::Contracts,
            M::ContractsTerminated,
            M::Amount,
            M::Funds,
            M::Performed,
            M::Started,
            M::Produced,
        ];
        let findings = [M::Open, M::OpenChange, M::Exempt, M::Unjudged, M::Longest, M::Units];
        let of_lights = LIGHTS.map(M::Light).into_iter().chain(LIGHTS.map(M::LightChange));
        let of_rates = Rate::ALL.into_iter().flat_map(|rate| [M::Rate(rate), M::LiveRate(rate), M::Rank(rate), M::RateChange(rate)]);
        tasks.into_iter().chain(projects).chain(of_lights).chain(findings).chain(of_rates).collect()
    }

    /// The columns of a matrix by key.
    pub(crate) fn of_matrix() -> Vec<(String, Measure)> {
        Measure::all().into_iter().filter_map(|measure| Some((measure.profile().matrix?, measure))).collect()
    }

    /// The measures of a bulletin by key.
    pub(crate) fn of_bulletin() -> Vec<(String, Measure)> {
        Measure::all().into_iter().filter_map(|measure| Some((measure.profile().bulletin?, measure))).collect()
    }

    pub(crate) fn title(self) -> String {
        self.profile().title
    }

    pub(crate) fn title_in_matrix(self) -> String {
        let profile = self.profile();
        profile.title_in_matrix.map_or(profile.title, str::to_owned)
    }

    /// Whether the total of a table is the sum of its rows.
    pub(crate) fn adds_up(self) -> bool {
        self.profile().adds_up
    }

    /// Whether the measure counts work orders or decisions.
    pub(crate) fn is_of_tasks(self) -> bool {
        use Measure as M;
        matches!(
            self,
            M::Dispatched
                | M::Received
                | M::FedBack
                | M::Completed
                | M::Left
                | M::New
                | M::Done
                | M::ReceivedRate
                | M::FedBackRate
                | M::CompletedRate
                | M::CompletedRank
        )
    }

    /// Whether the measure compares with the previous run.
    pub(crate) fn is_change(self) -> bool {
        matches!(self, Measure::LightChange(_) | Measure::OpenChange | Measure::RateChange(_))
    }

    /// The count or the sum of these contracts; blank for a measure that counts anything else.
    pub(crate) fn of_contracts(self, contracts: &Cohort) -> Value {
        match self {
            Measure::Contracts => Value::count(contracts.contracts),
            Measure::Performed => Value::count(contracts.performed),
            Measure::Started => Value::count(contracts.started),
            Measure::Produced => Value::count(contracts.produced),
            Measure::Amount => Value::Amount(contracts.amount),
            Measure::Funds => Value::Amount(contracts.funds),
            _ => Value::Blank,
        }
    }

    /// The name of a total that several sheets print; `None` if no other sheet prints it.
    pub(crate) fn total_name(self, window: Window) -> Option<String> {
        use Measure as M;
        let window = window as usize;
        Some(match self {
            M::Projects => "projects".into(),
            M::Terminated => "terminated".into(),
            M::Contracts => format!("contracts/{window}"),
            M::ContractsTerminated => format!("contracts-terminated/{window}"),
            M::Amount => format!("amount/{window}"),
            M::Funds => format!("funds/{window}"),
            M::Performed => format!("performed/{window}"),
            M::Started => format!("started/{window}"),
            M::Produced => format!("produced/{window}"),
            M::Light(light) => format!("light/{}", light.code()),
            M::Open => "open".into(),
            M::Exempt => "exempt".into(),
            M::Unjudged => "unjudged".into(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_key_names_one_measure() {
        for (measures, count) in [(Measure::of_matrix(), 44), (Measure::of_bulletin(), 21)] {
            let keys: BTreeSet<&String> = measures.iter().map(|(key, _)| key).collect();
            assert_eq!((keys.len(), measures.len()), (count, count), "{keys:?}");
        }
    }
}
