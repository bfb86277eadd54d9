//! Indicators (指标): counts, amounts and rates by place, industry and for the province.
//!
//! A cohort is the contracts signed in a window; every rate is taken over the same cohort, never over the previous stage. Sums are
//! exact (分 in `i128`); a rate is rounded once, where it is printed.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::ledger::{FieldKind, Ledger, Purpose, Role};
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use crate::domain::register::record::{Cell, Record};
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::condition::{AGREEMENT_CONTRACT, happened, is_terminated};
use crate::domain::rules::policy::Policy;
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Which contracts a cohort holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// Signed in the year of as_of.
    Year,
    /// Signed at any time up to as_of.
    All,
}

impl Window {
    pub const NAMES: [(&'static str, Window); 2] = [("year", Window::Year), ("all", Window::All)];

    pub fn title(self) -> &'static str {
        match self {
            Window::Year => "本年签约",
            Window::All => "累计签约",
        }
    }
}

/// The counts and sums of the contracts of one cohort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    pub contracts: u64,
    pub performed: u64,
    pub started: u64,
    pub produced: u64,
    /// The agreed start day has come.
    pub start_due: u64,
    /// Those of `start_due` that have started.
    pub start_due_started: u64,
    /// Contract amount in 分.
    pub amount: i128,
    /// Funds in place in 分, of the contracts that state an amount.
    pub funds: i128,
}

impl Cohort {
    fn merge(&mut self, other: &Cohort) {
        self.contracts += other.contracts;
        self.performed += other.performed;
        self.started += other.started;
        self.produced += other.produced;
        self.start_due += other.start_due;
        self.start_due_started += other.start_due_started;
        self.amount += other.amount;
        self.funds += other.funds;
    }

    fn without(&self, other: &Cohort) -> Cohort {
        Cohort {
            contracts: self.contracts - other.contracts,
            performed: self.performed - other.performed,
            started: self.started - other.started,
            produced: self.produced - other.produced,
            start_due: self.start_due - other.start_due,
            start_due_started: self.start_due_started - other.start_due_started,
            amount: self.amount - other.amount,
            funds: self.funds - other.funds,
        }
    }
}

/// All counts of a set of projects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    pub projects: u64,
    /// Projects terminated by as_of, whatever their agreement.
    pub terminated: u64,
    /// By stage word, in the order of [`Indicators::stages`]; the last counts every other word.
    pub stages: Vec<u64>,
    /// By [`Window`]: all contracts, and those of them that were terminated.
    cohorts: Cohorts,
}

impl Measures {
    /// The contracts signed in a window, terminated ones included.
    pub fn signed(&self, window: Window) -> &Cohort {
        &self.cohorts[window as usize].0
    }

    /// Those of them that were terminated.
    pub fn ended(&self, window: Window) -> &Cohort {
        &self.cohorts[window as usize].1
    }

    /// Those of them that were not.
    pub fn live(&self, window: Window) -> Cohort {
        self.signed(window).without(self.ended(window))
    }

    pub fn is_empty(&self) -> bool {
        self.projects == 0
    }

    pub fn merge(&mut self, other: &Measures) {
        self.projects += other.projects;
        self.terminated += other.terminated;
        self.stages.resize(self.stages.len().max(other.stages.len()), 0);
        for (mine, theirs) in self.stages.iter_mut().zip(&other.stages) {
            *mine += theirs;
        }
        for (mine, theirs) in self.cohorts.iter_mut().zip(&other.cohorts) {
            mine.0.merge(&theirs.0);
            mine.1.merge(&theirs.1);
        }
    }
}

/// Cohorts by [`Window`]: all contracts, and those of them that were terminated.
type Cohorts = [(Cohort, Cohort); 2];

/// The numbers behind the rates of one run, by the names of units and industries. It is stored with the run, so that the next run can show
/// the change. An empty name = no known unit or industry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndicatorSnapshot {
    units: Vec<(String, Cohorts)>,
    industries: Vec<(String, Cohorts)>,
    /// Open findings of all rules, in the order of [`crate::domain::rules::rule::Light`].
    pub lights: [u64; 3],
}

impl IndicatorSnapshot {
    /// The province's contracts; the window of a year is that of the run's own.
    pub fn whole(&self) -> Measures {
        let mut sum = Measures::default();
        self.units.iter().for_each(|(_, cohorts)| sum.merge(&Measures { cohorts: *cohorts, ..Measures::default() }));
        sum
    }

    /// By present unit; a merged unit is counted under its successor.
    pub fn by_unit(&self, units: &Units) -> BTreeMap<Option<UnitId>, Measures> {
        by_key(&self.units, |name| units.find(name))
    }

    /// By present industry; a merged industry is counted under its successor.
    pub fn by_industry(&self, units: &Units) -> BTreeMap<Option<usize>, Measures> {
        by_key(&self.industries, |name| units.industry(name))
    }
}

fn by_key<K: Ord>(lines: &[(String, Cohorts)], find: impl Fn(&str) -> Option<K>) -> BTreeMap<Option<K>, Measures> {
    let mut out: BTreeMap<Option<K>, Measures> = BTreeMap::new();
    for (name, cohorts) in lines {
        out.entry(find(name)).or_default().merge(&Measures { cohorts: *cohorts, ..Measures::default() });
    }
    out
}

/// Counts of the work orders that a unit holds, or of the decisions it has to carry out. An order counts as dispatched when a dispatch,
/// receipt or completion day has happened; a decision counts from the day it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    pub dispatched: u64,
    pub received: u64,
    /// With a feedback day, or completed.
    pub fed_back: u64,
    pub completed: u64,
    /// Of those, dispatched in the month and in the quarter of as_of.
    pub dispatched_in: [u64; 2],
    /// Of those, completed in the month and in the quarter of as_of.
    pub completed_in: [u64; 2],
}

impl Orders {
    pub fn open(&self) -> u64 {
        self.dispatched - self.completed
    }

    pub fn merge(&mut self, other: &Orders) {
        self.dispatched += other.dispatched;
        self.received += other.received;
        self.fed_back += other.fed_back;
        self.completed += other.completed;
        for (mine, theirs) in self.dispatched_in.iter_mut().zip(other.dispatched_in) {
            *mine += theirs;
        }
        for (mine, theirs) in self.completed_in.iter_mut().zip(other.completed_in) {
            *mine += theirs;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.dispatched == 0
    }

    /// Of those dispatched, the share that was received, fed back or completed.
    pub fn share(&self, part: u64) -> Ratio {
        Ratio { numerator: i128::from(part), denominator: i128::from(self.dispatched) }
    }
}

/// The rates a report may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    Performed,
    Started,
    Produced,
    Funds,
    OnTime,
}

impl Rate {
    pub const ALL: [Rate; 5] = [Rate::Performed, Rate::Started, Rate::Produced, Rate::Funds, Rate::OnTime];

    /// The word that keys of columns begin with: `performed` in `performed_rate`.
    pub fn name(self) -> &'static str {
        match self {
            Rate::Performed => "performed",
            Rate::Started => "started",
            Rate::Produced => "produced",
            Rate::Funds => "funds",
            Rate::OnTime => "on_time",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Rate::Performed => "履约率",
            Rate::Started => "开工率",
            Rate::Produced => "投产率",
            Rate::Funds => "资金到位率",
            Rate::OnTime => "时序开工率",
        }
    }

    /// The formula, as a note below a table.
    pub fn meaning(self) -> &'static str {
        match self {
            Rate::Performed => "已履约合同项目数÷合同项目数",
            Rate::Started => "已开工合同项目数÷合同项目数",
            Rate::Produced => "已投产合同项目数÷合同项目数",
            Rate::Funds => "累计到位资金÷同一批合同项目的合同投资额（未填投资额的项目两边都不计）",
            Rate::OnTime => "已开工数÷约定开工日期已到的合同项目数",
        }
    }

    pub fn of(self, cohort: &Cohort) -> Ratio {
        let (numerator, denominator) = match self {
            Rate::Performed => (i128::from(cohort.performed), i128::from(cohort.contracts)),
            Rate::Started => (i128::from(cohort.started), i128::from(cohort.contracts)),
            Rate::Produced => (i128::from(cohort.produced), i128::from(cohort.contracts)),
            Rate::Funds => (cohort.funds, cohort.amount),
            Rate::OnTime => (i128::from(cohort.start_due_started), i128::from(cohort.start_due)),
        };
        Ratio { numerator, denominator }
    }
}

/// An exact share; a denominator of 0 has no value and prints `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    pub numerator: i128,
    pub denominator: i128,
}

impl Ratio {
    /// Tenths of a percent, half up: 2/3 → 667.
    pub fn tenths(self) -> Option<i64> {
        if self.denominator <= 0 {
            return None;
        }
        i64::try_from((self.numerator * 2000 + self.denominator).div_euclid(self.denominator * 2)).ok()
    }

    /// The difference to an earlier ratio in tenths of a percentage point, of the printed (rounded) values; `None` where either has no value.
    pub fn points_since(self, before: Ratio) -> Option<i64> {
        Some(self.tenths()? - before.tenths()?)
    }

    fn order(self, other: Ratio) -> Ordering {
        (self.numerator * other.denominator).cmp(&(other.numerator * self.denominator))
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.tenths() {
            Some(tenths) => write!(f, "{}.{}%", tenths / 10, tenths.abs() % 10),
            None => f.write_str("-"),
        }
    }
}

/// The ranks within one group, highest ratio first. Equal ratios share a rank (1, 2, 2, 4); a zero denominator has none.
pub fn rank(ratios: &[Ratio]) -> Vec<Option<u32>> {
    ratios
        .iter()
        .map(|ratio| {
            ratio.tenths()?;
            let ahead = ratios.iter().filter(|other| other.denominator > 0 && other.order(*ratio) == Ordering::Greater).count();
            u32::try_from(ahead + 1).ok()
        })
        .collect()
}

/// The fields of the project ledger that the indicators read, looked up once.
#[derive(Clone, Debug)]
struct ProjectFields {
    ledger: usize,
    industry: Option<usize>,
    stage: Option<usize>,
    agreement: Option<usize>,
    amount: Option<usize>,
    funds: Option<usize>,
    signed: Option<usize>,
    performed: Option<usize>,
    planned_start: Option<usize>,
    started: Option<usize>,
    produced: Option<usize>,
}

/// Counts records one by one; see the module head.
#[derive(Clone, Debug)]
pub struct Indicators {
    as_of: NaiveDate,
    fields: Option<ProjectFields>,
    /// The stage words of the project ledger, in its order.
    pub stages: Vec<String>,
    units: BTreeMap<Option<UnitId>, Measures>,
    industries: BTreeMap<Option<usize>, Measures>,
    orders: BTreeMap<Option<UnitId>, Orders>,
    /// Records that are assigned to a unit and completed by it (work orders, decisions), by ledger and unit.
    tasks: BTreeMap<(usize, Option<UnitId>), Orders>,
}

impl Indicators {
    pub fn new(policy: &Policy, as_of: NaiveDate) -> Indicators {
        let fields = policy.project_ledger().map(|index| {
            let ledger = &policy.ledgers[index];
            ProjectFields {
                ledger: index,
                industry: ledger.role(Role::Industry),
                stage: ledger.role(Role::Stage),
                agreement: ledger.role(Role::Agreement),
                amount: ledger.role(Role::Amount),
                funds: ledger.role(Role::Funds),
                signed: ledger.role(Role::Signed),
                performed: ledger.role(Role::Performed),
                planned_start: ledger.role(Role::PlannedStart),
                started: ledger.role(Role::Started),
                produced: ledger.role(Role::Produced),
            }
        });
        let stages =
            fields.as_ref().and_then(|fields| Some(policy.ledgers[fields.ledger].fields[fields.stage?].values.clone())).unwrap_or_default();
        Indicators {
            as_of,
            fields,
            stages,
            units: BTreeMap::new(),
            industries: BTreeMap::new(),
            orders: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// Counts one record; call it once per record. Ledgers that no indicator reads are ignored.
    pub fn add(&mut self, policy: &Policy, ledger_index: usize, record: &Record, owner: Option<UnitId>) {
        let ledger = &policy.ledgers[ledger_index];
        if ledger.is_of_projects() {
            let Some(fields) = self.fields.as_ref().filter(|fields| fields.ledger == ledger_index) else { return };
            let one = project(self.as_of, fields, &self.stages, ledger, record);
            let industry = policy.units.industry(record.text(fields.industry));
            self.units.entry(owner).or_default().merge(&one);
            self.industries.entry(industry).or_default().merge(&one);
        } else if let Some(task) = task(self.as_of, ledger, record) {
            if ledger.purpose == Purpose::Order {
                self.orders.entry(owner).or_default().merge(&task);
            }
            self.tasks.entry((ledger_index, owner)).or_default().merge(&task);
        }
    }

    /// The projects that one unit owns itself; `None` = those without a known owner.
    pub fn of_unit(&self, unit: Option<UnitId>) -> Measures {
        self.units.get(&unit).cloned().unwrap_or_default()
    }

    /// The projects by the unit that owns them; `None` = those without a known owner.
    pub fn by_unit(&self) -> impl Iterator<Item = (Option<UnitId>, &Measures)> {
        self.units.iter().map(|(unit, measures)| (*unit, measures))
    }

    /// The projects of a division and of all places in it.
    pub fn of_division(&self, policy: &Policy, division: UnitId) -> Measures {
        let mut sum = Measures::default();
        for (unit, measures) in &self.units {
            if unit.and_then(|unit| policy.units.division_of(unit)) == Some(division) {
                sum.merge(measures);
            }
        }
        sum
    }

    pub fn of_industry(&self, industry: Option<usize>) -> Measures {
        self.industries.get(&industry).cloned().unwrap_or_default()
    }

    pub fn whole(&self) -> Measures {
        let mut sum = Measures::default();
        self.units.values().for_each(|measures| sum.merge(measures));
        sum
    }

    /// Orders held by one unit; `None` = those without a known holder.
    pub fn orders_of(&self, unit: Option<UnitId>) -> Orders {
        self.orders.get(&unit).copied().unwrap_or_default()
    }

    /// The snapshot to store with the run that has these findings.
    pub fn snapshot(&self, policy: &Policy, findings: &[Finding]) -> IndicatorSnapshot {
        let units = &policy.units;
        let named = |unit: &Option<UnitId>| unit.map_or_else(String::new, |unit| units.units[unit].name.clone());
        let industry = |index: &Option<usize>| index.map_or_else(String::new, |index| units.industries[index].name.clone());
        let mut lights = [0; 3];
        for light in findings.iter().filter(|finding| finding.state == State::Open).filter_map(|finding| finding.counted_light(policy)) {
            lights[light as usize] += 1;
        }
        IndicatorSnapshot {
            units: self.units.iter().map(|(unit, measures)| (named(unit), measures.cohorts)).collect(),
            industries: self.industries.iter().map(|(index, measures)| (industry(index), measures.cohorts)).collect(),
            lights,
        }
    }

    /// Tasks of a ledger by the unit that holds them; `None` = no known unit.
    pub fn tasks(&self, ledger: usize) -> impl Iterator<Item = (Option<UnitId>, &Orders)> {
        self.tasks.range((ledger, None)..(ledger + 1, None)).map(|((_, unit), orders)| (*unit, orders))
    }

    pub fn orders(&self) -> Orders {
        let mut sum = Orders::default();
        self.orders.values().for_each(|orders| sum.merge(orders));
        sum
    }
}

/// One record of a ledger whose records are dispatched, or decided, and completed; `None` for every other ledger.
fn task(as_of: NaiveDate, ledger: &Ledger, record: &Record) -> Option<Orders> {
    let assigned = ledger.role(Role::Assigned);
    let begun = ledger.role(Role::Dispatched).or(assigned)?;
    let on = |field: usize| happened(ledger, record, field, as_of);
    let has = |role| ledger.role(role).is_some_and(|field| !on(field).is_empty());
    let (received, fed_back, completed) = (has(Role::Received), has(Role::FedBack), has(Role::Completed));
    // a decision counts even without the day it was taken
    let dispatched = !on(begun).is_empty() || received || completed || assigned.is_some() && record.cell(begun).is_empty();
    if !dispatched {
        return Some(Orders::default());
    }
    let within = |field: Option<usize>| {
        let day = field.and_then(|field| on(field).date());
        [PeriodKind::Month, PeriodKind::Quarter].map(|every| u64::from(day.is_some_and(|day| Period::of(every, as_of).contains(day))))
    };
    Some(Orders {
        dispatched: 1,
        received: u64::from(received || completed),
        fed_back: u64::from(fed_back || completed),
        completed: u64::from(completed),
        dispatched_in: within(Some(begun)),
        completed_in: within(ledger.role(Role::Completed)),
    })
}

fn project(as_of: NaiveDate, fields: &ProjectFields, stages: &[String], ledger: &Ledger, record: &Record) -> Measures {
    let terminated = is_terminated(ledger, record, as_of);
    let mut out = Measures { projects: 1, terminated: u64::from(terminated), stages: vec![0; stages.len() + 1], ..Measures::default() };
    let stage = record.text(fields.stage);
    out.stages[stages.iter().position(|word| word == stage).unwrap_or(stages.len())] = 1;
    let event = |field: Option<usize>| field.and_then(|field| happened(ledger, record, field, as_of).date());
    let Some(signed_on) = event(fields.signed).filter(|_| record.text(fields.agreement) == AGREEMENT_CONTRACT) else { return out };
    let started = event(fields.started).is_some();
    // a planned date counts as written, unlike an event date
    let due = fields
        .planned_start
        .filter(|field| matches!(ledger.fields[*field].kind, FieldKind::Date { .. }))
        .and_then(|field| record.cell(field).date())
        .is_some_and(|day| day <= as_of);
    let money = |field: Option<usize>| field.map_or(&Cell::Empty, |field| record.cell(field)).money().map(i128::from);
    let amount = money(fields.amount);
    let cohort = Cohort {
        contracts: 1,
        performed: u64::from(event(fields.performed).is_some()),
        started: u64::from(started),
        produced: u64::from(event(fields.produced).is_some()),
        start_due: u64::from(due),
        start_due_started: u64::from(due && started),
        amount: amount.unwrap_or(0),
        funds: amount.and_then(|_| money(fields.funds)).unwrap_or(0),
    };
    for window in [Window::Year, Window::All] {
        if window == Window::All || signed_on.year() == as_of.year() {
            out.cohorts[window as usize] = (cohort, if terminated { cohort } else { Cohort::default() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_a_rank_and_an_empty_denominator_has_none() {
        let ratio = |numerator, denominator| Ratio { numerator, denominator };
        assert_eq!(rank(&[ratio(1, 2), ratio(3, 4), ratio(2, 4), ratio(0, 5), ratio(0, 0)]), [Some(2), Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn a_rate_rounds_half_up_once() {
        let print = |numerator, denominator| Ratio { numerator, denominator }.to_string();
        assert_eq!(print(2, 3), "66.7%");
        assert_eq!(print(1, 2000), "0.1%");
        assert_eq!(print(1, 2001), "0.0%");
        assert_eq!(print(286, 289), "99.0%");
        assert_eq!(print(0, 0), "-");
    }
}
