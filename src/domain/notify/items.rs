//! Items (事项): the findings of one project that a unit is told of, with the one that leads.

use crate::domain::judging::finding::{Change, Identity};
use crate::domain::notify::plan::Plan;
use crate::domain::register::ledger::Role;
use crate::domain::register::units::UnitId;
use crate::domain::rules::owner::owner_of;
use crate::domain::rules::rule::Light;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// One project (or one record that belongs to none) as a unit sees it.
#[derive(Debug)]
pub(crate) struct Case {
    /// Ledger and code of the record it is named by.
    pub ledger: usize,
    pub key: String,
    /// The leading finding.
    pub lead: usize,
    /// The rest, worst first.
    pub others: Vec<usize>,
    /// The worst light of all its findings: what speaks beneath another rule is not softened by it.
    pub light: Light,
    pub change: Change,
    /// The unit was told of the item before, whatever is new in it now.
    pub known: bool,
    /// 合同投资额 of the project in 分.
    pub amount: Option<i64>,
    /// The unit whose place it counts for: the project's own, also where another's finding leads.
    pub seat: Option<UnitId>,
}

impl Case {
    /// What is different in one word; empty for what goes on unchanged.
    pub fn news(&self) -> &'static str {
        match self.change {
            Change::Continued => "",
            Change::New if self.known => "有新问题",
            change => change.title(),
        }
    }

    pub fn findings(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lead).chain(self.others.iter().copied())
    }
}

/// Whether a change is worth a mail between the regular ones.
pub(crate) fn is_news(change: Change) -> bool {
    matches!(change, Change::New | Change::Reopened | Change::Escalated)
}

/// A unit's items in the order it should act: light, news, amount, then administrative order.
pub(crate) struct Cases(pub Vec<Case>);

impl Cases {
    pub fn of(plan: &Plan<'_>, unit: UnitId, told: &[usize], before: &BTreeMap<Identity, Option<Light>>) -> Cases {
        let projects = plan.policy.project_ledger();
        let mut groups: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
        for index in told {
            let finding = &plan.judged.findings[*index];
            let key = match projects {
                Some(ledger) if !finding.project.is_empty() => (ledger, &*finding.project),
                _ => (plan.policy.rules[finding.rule].ledger, &*finding.key),
            };
            groups.entry(key).or_default().push(*index);
        }
        let known = items_told(plan, before);
        let one = |((ledger, key), findings)| case(plan, unit, (ledger, key), findings, before, &known);
        let mut cases: Vec<Case> = groups.into_iter().filter_map(one).collect();
        let owner = |case: &Case| case.seat.unwrap_or(usize::MAX);
        cases.sort_by(|a, b| {
            let rank = |case: &Case| {
                (Reverse(case.light), !is_news(case.change), Reverse(case.amount), owner(case), case.ledger, case.key.clone())
            };
            rank(a).cmp(&rank(b))
        });
        Cases(cases)
    }
}

/// The items that a unit was told of, each with the findings told.
pub(crate) fn items_told<'b>(
    plan: &Plan<'_>,
    before: &'b BTreeMap<Identity, Option<Light>>,
) -> BTreeMap<(usize, String), Vec<&'b Identity>> {
    let mut items: BTreeMap<(usize, String), Vec<&Identity>> = BTreeMap::new();
    for (identity, _) in before.iter().filter(|(_, light)| light.is_some()) {
        let ledger = plan.policy.ledger(&identity.ledger);
        if let Some(item) = ledger.and_then(|ledger| plan.item_of(ledger, &identity.key)) {
            items.entry(item).or_default().push(identity);
        }
    }
    items
}

fn case(
    plan: &Plan<'_>,
    unit: UnitId,
    (ledger, key): (usize, &str),
    mut findings: Vec<usize>,
    before: &BTreeMap<Identity, Option<Light>>,
    told: &BTreeMap<(usize, String), Vec<&Identity>>,
) -> Option<Case> {
    let of = |index: usize| &plan.judged.findings[index];
    // of equally bad ones a unit reads first what it answers for itself, then what the project is told for, then what others owe it
    let worst_first = |index: &usize| {
        let finding = of(*index);
        let distance = (finding.owner != Some(unit), plan.policy.rules[finding.rule].ledger != ledger);
        let lag = finding.lag.as_ref().map(|lag| lag.tenths());
        (Reverse(finding.light), distance, Reverse(finding.overdue_days()), Reverse(lag), finding.rule)
    };
    findings.sort_by_key(worst_first);
    let beneath = |index: usize| {
        let under = &plan.policy.rules[of(index).rule].under;
        findings.iter().any(|other| under.contains(&of(*other).rule))
    };
    let lead_at = findings.iter().position(|index| !beneath(*index)).unwrap_or(0);
    let light = findings.iter().filter_map(|index| of(*index).light).max()?;
    let changes: Vec<Change> = findings
        .iter()
        .map(|index| match before.get(&plan.identity(*index)) {
            None if of(*index).change == Change::Reopened => Change::Reopened,
            // told as a cell to fill: the light is new
            None | Some(None) => Change::New,
            Some(light) => Change::between(Some(*light), of(*index).light, true),
        })
        .collect();
    let change = change_of(&changes, lead_at);
    let known = told.contains_key(&(ledger, key.to_owned()));
    let lead = findings.remove(lead_at);
    let shape = &plan.policy.ledgers[ledger];
    let found = plan.record(ledger, key);
    let record = found.as_deref();
    let amount = record.and_then(|record| record.cell(shape.role(Role::Amount)?).money());
    let seat = match record.filter(|_| plan.policy.project_ledger() == Some(ledger)) {
        Some(record) => owner_of(plan.policy, shape, record, &HashMap::new()).unit,
        None => of(lead).owner,
    };
    Some(Case { ledger, key: key.to_owned(), lead, others: findings, light, change, known, amount, seat })
}

/// How an item stands against what the unit was last told: wholly new, worse in any part, joined by something new, else as its lead.
fn change_of(changes: &[Change], lead: usize) -> Change {
    let any = |change: Change| changes.contains(&change);
    if changes.iter().all(|change| *change == Change::New) {
        Change::New
    } else if any(Change::Escalated) {
        Change::Escalated
    } else if any(Change::New) {
        Change::New
    } else {
        changes[lead]
    }
}
