//! What the figures of a row, a total or a text are computed from, and the value of each measure.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::{Measures, Orders, Window};
use crate::domain::register::period::PeriodKind;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::measures::Measure;
use crate::workbook::model::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Projects, tasks and findings, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) projects: Measures,
    /// Those of the previous run.
    pub(crate) previous_projects: Measures,
    pub(crate) tasks: Orders,
    /// Open findings by rule and light.
    open: BTreeMap<(usize, Light), u64>,
    /// Services to offer by rule; no total counts them.
    services: BTreeMap<usize, u64>,
    /// Open findings of the previous run by light.
    previous_open: BTreeMap<Light, u64>,
    exempt: u64,
    unjudged: u64,
    /// Days overdue of the finding that is overdue longest.
    longest: Option<i64>,
    /// Units with an open finding.
    units: BTreeSet<Option<UnitId>>,
}

impl Counts {
    pub(crate) fn is_empty(&self) -> bool {
        self.projects.is_empty()
            && self.tasks.is_empty()
            && self.open.is_empty()
            && self.services.is_empty()
            && self.previous_open.is_empty()
            && self.exempt == 0
            && self.unjudged == 0
    }

    pub(crate) fn add_finding(&mut self, policy: &Policy, finding: &Finding) {
        if finding.is_service(policy) {
            *self.services.entry(finding.rule).or_default() += u64::from(finding.state == State::Open);
            return;
        }
        match (finding.state, finding.light) {
            (State::Open, Some(light)) => {
                *self.open.entry((finding.rule, light)).or_default() += 1;
                self.longest = self.longest.max(finding.overdue_days());
                self.units.insert(finding.owner);
            }
            (State::Exempt, _) => self.exempt += 1,
            (State::Unjudged, _) | (State::Open, None) => self.unjudged += 1,
        }
    }

    /// Adds open findings of the previous run.
    pub(crate) fn add_previous(&mut self, light: Light, count: usize) {
        *self.previous_open.entry(light).or_default() += count as u64;
    }

    pub(crate) fn merge(&mut self, other: &Counts) {
        self.projects.merge(&other.projects);
        self.previous_projects.merge(&other.previous_projects);
        self.tasks.merge(&other.tasks);
        for (of, count) in &other.open {
            *self.open.entry(*of).or_default() += count;
        }
        for (rule, count) in &other.services {
            *self.services.entry(*rule).or_default() += count;
        }
        for (light, count) in &other.previous_open {
            *self.previous_open.entry(*light).or_default() += count;
        }
        self.exempt += other.exempt;
        self.unjudged += other.unjudged;
        self.longest = self.longest.max(other.longest);
        self.units.extend(&other.units);
    }

    /// How many open findings there are with these rules and lights.
    fn count(&self, takes: impl Fn(usize, Light) -> bool) -> u64 {
        self.open.iter().filter(|((rule, light), _)| takes(*rule, *light)).map(|(_, count)| count).sum()
    }

    /// Change of the number of open findings with these lights since the previous run.
    fn change(&self, takes: impl Fn(Light) -> bool) -> Option<i64> {
        let previous: u64 = self.previous_open.iter().filter(|(light, _)| takes(**light)).map(|(_, count)| count).sum();
        i64::try_from(self.count(|_, light| takes(light))).ok()?.checked_sub_unsigned(previous)
    }

    /// The value of a measure, of the contracts of a window and the tasks of a period. Ranks need the other rows and stages take several
    /// cells, so they are blank here. Whether there is a previous run to compare with is for the caller to know.
    pub(crate) fn value(&self, measure: Measure, window: Window, period: PeriodKind) -> Value {
        use Measure as M;
        let (projects, tasks) = (&self.projects, &self.tasks);
        let signed = projects.signed(window);
        let share = |part: u64| Value::Percent(tasks.share(part).tenths());
        match measure {
            M::Projects => Value::count(projects.projects),
            M::Terminated => Value::count(projects.terminated),
            M::Contracts | M::Amount | M::Funds | M::Performed | M::Started | M::Produced => measure.of_contracts(signed),
            M::ContractsTerminated => Measure::Contracts.of_contracts(projects.ended(window)),
            M::Rate(rate) => Value::Percent(rate.of(signed).tenths()),
            M::LiveRate(rate) => Value::Percent(rate.of(&projects.live(window)).tenths()),
            M::RateChange(rate) => Value::Points(rate.of(signed).points_since(rate.of(self.previous_projects.signed(window)))),
            M::Light(light) => Value::count(self.count(|_, known| known == light)),
            M::Open => Value::count(self.count(|_, _| true)),
            M::LightChange(light) => Value::Change(self.change(|known| known == light)),
            M::OpenChange => Value::Change(self.change(|_| true)),
            M::Rule(rule) => Value::count(self.count(|known, _| known == rule) + self.services.get(&rule).copied().unwrap_or_default()),
            M::Exempt => Value::count(self.exempt),
            M::Unjudged => Value::count(self.unjudged),
            M::Longest => self.longest.map_or(Value::Percent(None), Value::Count),
            M::Units => Value::count(self.units.len()),
            M::Dispatched => Value::count(tasks.dispatched),
            M::Received => Value::count(tasks.received),
            M::FedBack => Value::count(tasks.fed_back),
            M::Completed => Value::count(tasks.completed),
            M::Left => Value::count(tasks.open()),
            M::New => Value::count(tasks.dispatched_in[period as usize]),
            M::Done => Value::count(tasks.completed_in[period as usize]),
            M::ReceivedRate => share(tasks.received),
            M::FedBackRate => share(tasks.fed_back),
            M::CompletedRate => share(tasks.completed),
            M::Stages | M::Rank(_) | M::CompletedRank => Value::Blank,
        }
    }
}
