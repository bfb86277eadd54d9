//! The sections of a digest: items in full, due dates, the other items by rule, what is finished or gone, cells to fill in, and the table
//! of places. The text of one item is in `item_text.rs`; headings and fixed words are in `report-templates/digest.*.j2`.

use crate::domain::audience::{is_named, masked};
use crate::domain::judging::finding::{Identity, ItemKey, State};
use crate::domain::notify::digest::{
    Counts, Due, EmptyCells, FormerItem, ItemText, LightCount, NamedItem, OldItem, PlaceLine, Places, RestLine, ServiceLine,
};
use crate::domain::notify::inputs::{LastNotified, PlanInputs};
use crate::domain::notify::item_text::item_text;
use crate::domain::notify::items::{FoundRecords, Item, Items, finished_record, notified_items};
use crate::domain::register::ledger::Role;
use crate::domain::register::levels::{LevelKind, LevelWord};
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Rules in the line of items that are not listed in full; the rest are summed up.
const RULES_MAX: usize = 6;
/// Lines of a list; the rest are in the attachment.
pub(crate) const LINES_MAX: usize = 3;

/// Shortens a list to the lines a mail shows; returns how many were removed.
pub(crate) fn shorten<T>(list: &mut Vec<T>) -> usize {
    // the line “one more” takes as much room as the one
    let shown = if list.len() == LINES_MAX + 1 { list.len() } else { LINES_MAX };
    let more = list.len().saturating_sub(shown);
    list.truncate(shown);
    more
}

/// What a line of items that are not listed in full is about: a leading rule, or a phase whose items share one line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RestOf {
    Rule(usize),
    Phase(usize),
}

/// Items that are not listed in full: one line for each leading rule, with counts by light. Items that share a line come last.
pub(crate) fn rest<'a>(inputs: &PlanInputs<'_>, items: impl Iterator<Item = &'a Item>) -> Vec<RestLine> {
    let policy = inputs.policy;
    let mut by_rule: BTreeMap<RestOf, Counts> = BTreeMap::new();
    for item in items {
        let rule = inputs.judged.findings[item.lead].rule;
        let of = match policy.rules[rule].phase.filter(|_| item.shares_line) {
            Some(phase) => RestOf::Phase(phase),
            None => RestOf::Rule(rule),
        };
        *by_rule.entry(of).or_default().light(item.light) += 1;
    }
    let mut rules: Vec<(RestOf, Counts)> = by_rule.into_iter().collect();
    // the sort is stable: rules with equal counts keep the order of the rule file
    rules.sort_by_key(|(of, counts)| (matches!(of, RestOf::Phase(_)), Reverse((counts.orange, counts.yellow))));
    let title = |of: &RestOf| match of {
        RestOf::Rule(rule) => policy.rules[*rule].title.clone(),
        RestOf::Phase(phase) => {
            let named = policy.rules.iter().filter(|rule| rule.phase == Some(*phase)).map(|rule| rule.title.as_str());
            format!("{}（{}）", policy.weights.phases[*phase].title, named.collect::<Vec<_>>().join("、"))
        }
    };
    let line = |rule: &str, counts: &[(RestOf, Counts)]| {
        let sum = |of: fn(&Counts) -> usize| counts.iter().map(|(_, counts)| of(counts)).sum::<usize>();
        let lights = [(Light::Orange, sum(|counts| counts.orange)), (Light::Yellow, sum(|counts| counts.yellow))];
        let shown = lights.into_iter().filter(|(_, count)| *count > 0);
        RestLine {
            rule: rule.to_owned(),
            counts: shown.map(|(light, count)| LightCount { light: light.code(), mark: light.title(), count }).collect(),
        }
    };
    let (rules, sharing): (Vec<_>, Vec<_>) = rules.into_iter().partition(|(of, _)| matches!(of, RestOf::Rule(_)));
    let named = if rules.len() > RULES_MAX { RULES_MAX - 1 } else { rules.len() };
    let one = |one: &(RestOf, Counts)| line(&title(&one.0), std::slice::from_ref(one));
    let mut lines: Vec<RestLine> = rules[..named].iter().map(one).collect();
    if named < rules.len() {
        lines.push(line(&format!("其他{}类", rules.len() - named), &rules[named..]));
    }
    lines.extend(sharing.iter().map(one));
    lines
}

/// Services to offer: one line for each, with the projects that it is for.
pub(crate) fn services(inputs: &PlanInputs<'_>, unit: UnitId, items: &[Item]) -> Vec<ServiceLine> {
    let mut by_rule: BTreeMap<usize, Vec<&Item>> = BTreeMap::new();
    for item in items {
        by_rule.entry(inputs.judged.findings[item.lead].rule).or_default().push(item);
    }
    let line = |(rule, items): (usize, Vec<&Item>)| {
        let shown = items.iter().take(LINES_MAX).map(|item| {
            let ItemText { name, code, .. } = item_text(inputs, unit, item);
            NamedItem { name, code }
        });
        ServiceLine {
            text: inputs.policy.rules[rule].service.as_deref().unwrap_or_default().to_owned(),
            count: items.len(),
            items: shown.collect(),
            more: items.len().saturating_sub(LINES_MAX),
        }
    };
    by_rule.into_iter().map(line).collect()
}

/// The line of an item of data that cannot be relied on.
pub(crate) fn old_item(inputs: &PlanInputs<'_>, unit: UnitId, item: &Item, waits: bool) -> OldItem {
    let ItemText { light, mark, name, code, line, unit, .. } = item_text(inputs, unit, item);
    let line = if unit.is_empty() { line } else { format!("{unit}，{line}") };
    OldItem { light, mark, name, code, line, waits }
}

/// The line of a due date (index of the notice).
pub(crate) fn due_line(inputs: &PlanInputs<'_>, index: usize) -> Due {
    let notice = &inputs.judged.notices[index];
    let rule = &inputs.policy.rules[notice.rule].title;
    Due {
        name: masked(&notice.name),
        code: notice.key.to_string(),
        rule: match notice.ends {
            Some(kind) => format!("{}到期，恢复催办：{rule}", kind.title()),
            None => rule.clone(),
        },
        due_on: notice.due_on,
        passed: notice.due_on < inputs.sent_on,
    }
}

/// Records with cells to fill in, and the number of cells. A cell that several rules need counts once.
pub(crate) fn empty_cells(inputs: &PlanInputs<'_>, findings: impl Iterator<Item = usize>) -> (Vec<EmptyCells>, usize) {
    let mut cells: BTreeMap<(usize, &str), (&str, BTreeSet<usize>)> = BTreeMap::new();
    for index in findings {
        let finding = &inputs.judged.findings[index];
        let key = (inputs.ledger_of(index), &*finding.key);
        let (_, fields) = cells.entry(key).or_insert_with(|| (&*finding.name, BTreeSet::new()));
        fields.extend(&finding.missing);
    }
    let count = cells.values().map(|(_, fields)| fields.len()).sum();
    let lines = cells
        .into_iter()
        .map(|((ledger, code), (name, fields))| EmptyCells {
            code: code.to_owned(),
            name: masked(name),
            cells: fields.into_iter().map(|field| inputs.policy.ledgers[ledger].fields[field].title.clone()).collect(),
        })
        .collect();
    (lines, count)
}

/// What became of the items that the unit was last notified of and that are not among its items any more.
pub(crate) struct FormerItems {
    /// Items with no finding any more.
    pub(crate) resolved: Vec<FormerItem>,
    /// Records that are not in the register any more, and not confirmed.
    pub(crate) gone: Vec<FormerItem>,
    /// Items that others answer for now, or that are no longer addressed to the unit.
    pub(crate) elsewhere: usize,
    /// Findings that are done on items that still have others.
    pub(crate) partly: usize,
}

/// `now`: the items that the digest lists.
pub(crate) fn former_items(
    inputs: &PlanInputs<'_>,
    last_notified: &LastNotified,
    found: &FoundRecords<'_>,
    now: &HashSet<&ItemKey>,
) -> FormerItems {
    let mut former = FormerItems { resolved: Vec::new(), gone: Vec::new(), elsewhere: 0, partly: 0 };
    let mut gone: BTreeMap<(usize, String), Vec<&str>> = BTreeMap::new();
    for (key, identities) in notified_items(inputs, last_notified) {
        let finished = |identity: &Identity| finished_record(inputs, identity, found);
        let is_done = |identity: &Identity| finished(identity).is_some_and(|record| !inputs.gone.contains(&record));
        let title = |identity: &Identity| inputs.policy.rule(&identity.rule).map(|rule| inputs.policy.rules[rule].title.as_str());
        for identity in &identities {
            if let Some(record) = finished(identity).filter(|record| inputs.gone.contains(record)) {
                gone.entry(record).or_default().extend(title(identity));
            }
        }
        let done = identities.iter().filter(|identity| is_done(identity)).count();
        if now.contains(&key) {
            former.partly += done;
        } else if done == identities.len() {
            let mut rules: Vec<&str> = identities.iter().filter_map(|identity| title(identity)).collect();
            rules.dedup();
            former.resolved.push(former_item(inputs, key.ledger, &key.code, &rules));
        } else {
            former.elsewhere += 1;
        }
    }
    former.gone = gone.into_iter().map(|((ledger, code), rules)| former_item(inputs, ledger, &code, &rules)).collect();
    former
}

fn former_item(inputs: &PlanInputs<'_>, ledger: usize, code: &str, rules: &[&str]) -> FormerItem {
    let role = inputs.policy.ledgers[ledger].role(Role::Name);
    let name = inputs.record(ledger, code).map_or(String::new(), |found| masked(found.text(role)));
    FormerItem { code: code.to_owned(), name, rules: rules.join("、") }
}

/// The table of places: for a unit of the middle its places, for a lead department and the office the divisions. `None` for other levels, and where the table
/// would repeat what the mail lists anyway.
pub(crate) fn places(inputs: &PlanInputs<'_>, unit: UnitId, items: &[Item], is_office: bool) -> Option<Places> {
    let units = &inputs.policy.units;
    let levels = &units.levels;
    let kind = units.units[unit].level.kind();
    let (whose, head) = match kind {
        LevelKind::Middle => ("所辖各地".to_owned(), levels.of_kind(LevelKind::Base).map_or("", |base| levels.name(base))),
        LevelKind::Top => (levels.division(LevelWord::Each).to_owned(), levels.division(LevelWord::Name)),
        LevelKind::Lead => (format!("本产业{}", levels.division(LevelWord::Each)), levels.division(LevelWord::Name)),
        LevelKind::Support | LevelKind::Base | LevelKind::Park => return None,
    };
    // owners without a place are in the last lines
    let place_of = |owner: UnitId| match kind {
        LevelKind::Middle => Some(units.units[owner].place.unwrap_or(owner)),
        _ => units.division_of(owner),
    };
    let mut lines: BTreeMap<(bool, Option<UnitId>, bool), PlaceLine> = BTreeMap::new();
    let mut count = |owner: Option<UnitId>, add: &dyn Fn(&mut PlaceLine)| {
        let place = owner.and_then(place_of);
        let name = match place {
            Some(place) if place == unit => "本级".to_owned(),
            Some(place) => units.units[place].name.clone(),
            None if owner.is_none() => "责任单位待明确".to_owned(),
            None => levels.top(LevelWord::Departments).to_owned(),
        };
        add(lines.entry((place.is_none(), place, owner.is_none())).or_insert(PlaceLine { name, ..PlaceLine::default() }));
    };
    for item in items {
        count(item.counted_for, &|line| match item.light {
            Light::Red => line.red += 1,
            Light::Orange => line.orange += 1,
            Light::Yellow => line.yellow += 1,
        });
    }
    let with_own = kind == LevelKind::Middle && inputs.started;
    if with_own {
        for item in items_of_owners_only(inputs, unit, items) {
            count(item.counted_for, &|line| line.own += 1);
        }
    }
    if lines.is_empty() || (!is_office && lines.len() == 1 && items.len() < 2) {
        return None;
    }
    let all = units
        .units
        .iter()
        .enumerate()
        .filter(|(id, candidate)| match kind {
            LevelKind::Middle => candidate.level.is_place() && units.is_active(*id) && units.division_of(*id) == Some(unit),
            _ => levels.is_division(candidate.level),
        })
        .map(|(id, _)| id);
    let present: HashSet<UnitId> = lines.keys().filter_map(|(_, place, _)| *place).collect();
    let quiet = all.filter(|id| !present.contains(id)).count();
    let lines: Vec<PlaceLine> = lines.into_values().collect();
    let mut total = PlaceLine { name: "合计".to_owned(), ..PlaceLine::default() };
    for line in &lines {
        total.red += line.red;
        total.orange += line.orange;
        total.yellow += line.yellow;
        total.own += line.own;
    }
    let title = format!("{whose}情况（个，每个项目计一次）");
    Some(Places { title, head: head.to_owned(), with_own, lines, total, quiet })
}

/// Items of a division's places that are not among its own items: only their owners are notified of them (当地自办).
fn items_of_owners_only(inputs: &PlanInputs<'_>, division: UnitId, items: &[Item]) -> Vec<Item> {
    let units = &inputs.policy.units;
    let own: HashSet<&ItemKey> = items.iter().map(|item| &item.key).collect();
    let below: Vec<usize> = inputs
        .judged
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.state == State::Open && is_named(finding))
        .filter(|(_, finding)| finding.owner.is_some_and(|owner| owner != division && units.division_of(owner) == Some(division)))
        .map(|(index, _)| index)
        .collect();
    let mut out = Items::of(inputs, division, &below, &LastNotified::new()).0;
    out.retain(|item| !own.contains(&item.key));
    out
}
