//! Items (事项): the findings of one project that a unit is notified of, which of them leads, and the order of a unit's items.

use crate::domain::judging::finding::{Change, Identity, ItemKey};
use crate::domain::notify::inputs::{LastNotified, PlanInputs};
use crate::domain::register::ledger::Role;
use crate::domain::register::units::UnitId;
use crate::domain::rules::owner::owner_of;
use crate::domain::rules::rule::Light;
use crate::domain::rules::weight::Weight;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// One project, or one record that belongs to none, as a unit sees it. Findings are indices.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) key: ItemKey,
    /// The leading finding.
    pub(crate) lead: usize,
    /// The other findings, worst first.
    pub(crate) others: Vec<usize>,
    /// The worst light of all its findings: a finding `under` another rule is not softened by it.
    pub(crate) light: Light,
    pub(crate) change: Change,
    /// The unit was notified of the item before, whatever is new in it now.
    pub(crate) was_notified: bool,
    /// 合同投资额 of the project in 分.
    pub(crate) amount: Option<i64>,
    /// That of its weightiest finding.
    pub(crate) weight: Weight,
    /// Nothing but services to offer was found on it: it has a part of its own and is in no count of lights.
    pub(crate) is_service: bool,
    /// Everything found on it is of phases that share one line of a mail.
    pub(crate) shares_line: bool,
    /// The unit whose place it counts for: the owner of the project, also where a finding of another unit leads.
    pub(crate) counted_for: Option<UnitId>,
}

impl Item {
    /// The change as one word; empty for an unchanged item.
    pub(crate) fn change_word(&self) -> &'static str {
        match self.change {
            Change::Continued => "",
            Change::New if self.was_notified => "有新问题",
            change => change.title(),
        }
    }

    pub(crate) fn findings(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lead).chain(self.others.iter().copied())
    }
}

/// Whether a change is worth a mail between the regular ones.
pub(crate) fn is_news(change: Change) -> bool {
    matches!(change, Change::New | Change::Reopened | Change::Escalated)
}

/// A unit's items in the order it should act on them: light, weight, then administrative order.
pub(crate) struct Items(pub(crate) Vec<Item>);

/// What a unit is notified of.
pub(crate) struct UnitItems {
    pub(crate) counted: Items,
    /// Services to offer, listed apart and in no count of lights.
    pub(crate) services: Items,
    /// Items that wait for newer data: they are listed apart and in no count of lights.
    pub(crate) waiting: Items,
}

impl UnitItems {
    /// The items of findings (indices).
    pub(crate) fn of(inputs: &PlanInputs<'_>, unit: UnitId, findings: &[usize], last_notified: &LastNotified) -> UnitItems {
        let (waiting, counted): (Vec<usize>, Vec<usize>) =
            findings.iter().copied().partition(|index| inputs.judged.findings[*index].waits_for_data);
        let items = |findings: &[usize]| Items::of(inputs, unit, findings, last_notified);
        let (services, counted) = items(&counted).0.into_iter().partition(|item| item.is_service);
        UnitItems { counted: Items(counted), services: Items(services), waiting: items(&waiting) }
    }

    pub(crate) fn none() -> UnitItems {
        UnitItems { counted: Items(Vec::new()), services: Items(Vec::new()), waiting: Items(Vec::new()) }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Item> {
        self.counted.0.iter().chain(&self.services.0).chain(&self.waiting.0)
    }
}

impl Items {
    /// Groups findings (indices) into the items of a unit.
    pub(crate) fn of(inputs: &PlanInputs<'_>, unit: UnitId, findings: &[usize], last_notified: &LastNotified) -> Items {
        let mut groups: BTreeMap<ItemKey, Vec<usize>> = BTreeMap::new();
        for index in findings {
            groups.entry(inputs.judged.findings[*index].item(inputs.policy)).or_default().push(*index);
        }
        let before = notified_items(inputs, last_notified);
        let one = |(key, findings): (ItemKey, Vec<usize>)| {
            let was_notified = before.contains_key(&key);
            item(inputs, unit, key, findings, last_notified, was_notified)
        };
        let mut items: Vec<Item> = groups.into_iter().filter_map(one).collect();
        let owner = |item: &Item| item.counted_for.unwrap_or(usize::MAX);
        items.sort_by(|a, b| {
            let rank = |item: &Item| (Reverse(item.light), Reverse(item.weight), owner(item), item.key.clone());
            rank(a).cmp(&rank(b))
        });
        Items(items)
    }
}

/// The items a unit was last notified of, each with its findings. Cells to fill in and services are no items.
pub(crate) fn notified_items<'b>(inputs: &PlanInputs<'_>, last_notified: &'b LastNotified) -> BTreeMap<ItemKey, Vec<&'b Identity>> {
    let mut items: BTreeMap<ItemKey, Vec<&Identity>> = BTreeMap::new();
    let is_service =
        |identity: &Identity| inputs.policy.rule(&identity.rule).is_some_and(|rule| inputs.policy.rules[rule].service.is_some());
    for (identity, _) in last_notified.iter().filter(|(identity, light)| light.is_some() && !is_service(identity)) {
        let ledger = inputs.policy.ledger(&identity.ledger);
        if let Some(item) = ledger.and_then(|ledger| inputs.item_of(ledger, &identity.key)) {
            items.entry(item).or_default().push(identity);
        }
    }
    items
}

/// Ledger (index) and code of every record with a finding in this run, in whatever state.
pub(crate) type FoundRecords<'a> = HashSet<(usize, &'a str)>;

/// The record of a finding a unit was notified of before, where that record has no finding any more; else `None`.
pub(crate) fn finished_record(inputs: &PlanInputs<'_>, identity: &Identity, found: &FoundRecords<'_>) -> Option<(usize, String)> {
    let ledger = inputs.policy.ledger(&identity.ledger)?;
    // a month that closed without a session is never made good: the next month is another finding
    let is_periodic = inputs.policy.ledgers[ledger].role(Role::Held).is_some();
    let is_open = is_periodic || inputs.is_restricted(ledger, &identity.key) || found.contains(&(ledger, identity.key.as_str()));
    (!is_open).then(|| (ledger, identity.key.clone()))
}

/// One item; `None` where none of its findings has a light.
fn item(
    inputs: &PlanInputs<'_>,
    unit: UnitId,
    key: ItemKey,
    mut findings: Vec<usize>,
    last_notified: &LastNotified,
    was_notified: bool,
) -> Option<Item> {
    let ledger = key.ledger;
    let of = |index: usize| &inputs.judged.findings[index];
    // among equal lights a unit reads first what it owns, then findings on the project itself, then what other units owe the project; of these
    // what weighs most
    let worst_first = |index: &usize| {
        let finding = of(*index);
        let distance = (finding.owner != Some(unit), inputs.ledger_of(*index) != ledger);
        let lag = finding.lag.as_ref().map(|lag| lag.tenths());
        (Reverse(finding.light), distance, Reverse(finding.weight(inputs.policy)), Reverse(lag), finding.rule)
    };
    findings.sort_by_key(worst_first);
    let is_under_another = |index: usize| {
        let under = &inputs.policy.rules[of(index).rule].under;
        findings.iter().any(|other| under.contains(&of(*other).rule))
    };
    let lead_at = findings.iter().position(|index| !is_under_another(*index)).unwrap_or(0);
    let counted_light = findings.iter().filter_map(|index| of(*index).counted_light(inputs.policy)).max();
    let is_service = counted_light.is_none();
    let light = counted_light.or_else(|| findings.iter().filter_map(|index| of(*index).light).max())?;
    let weight = findings.iter().map(|index| of(*index).weight(inputs.policy)).max().unwrap_or_default();
    let phase = |index: &usize| inputs.policy.rules[of(*index).rule].phase.and_then(|phase| inputs.policy.weights.phases.get(phase));
    let shares_line = light != Light::Red && findings.iter().all(|index| phase(index).is_some_and(|phase| phase.shares_line));
    let changes: Vec<Change> = findings
        .iter()
        .map(|index| {
            let change = match last_notified.get(&inputs.identity(*index)) {
                None if of(*index).change == Change::Reopened => Change::Reopened,
                // a finding notified as cells to fill in had no light: the light is new
                None | Some(None) => Change::New,
                Some(light) => Change::between(Some(*light), of(*index).light, true),
            };
            of(*index).change_by_its_data(change)
        })
        .collect();
    let change = change_of(&changes, lead_at);
    let lead = findings.remove(lead_at);
    let shape = &inputs.policy.ledgers[ledger];
    let record = inputs.record(ledger, &key.code);
    let record = record.as_deref();
    let amount = record.and_then(|record| shape.amount_of(record));
    let counted_for = match record.filter(|_| inputs.policy.project_ledger() == Some(ledger)) {
        Some(record) => owner_of(inputs.policy, shape, record, &HashMap::new()).unit,
        None => of(lead).owner,
    };
    Some(Item { key, lead, others: findings, light, change, was_notified, amount, weight, is_service, shares_line, counted_for })
}

/// How an item differs from what the unit was last notified of: new if all of it is, worse if any part is, with something new if any part
/// is new, else as its leading finding.
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
