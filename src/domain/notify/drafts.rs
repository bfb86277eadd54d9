//! Acts above 催办: which letter goes to whom, and the one paper for all. Each is a message of its own that a named person releases (签发).
//! Subject and clauses are worded here, items in `item_text.rs`, the fixed words in `report-templates/act.*.j2`.
//!
//! One letter (督办, or 约谈 in its place) goes to each unit directly below the office, with everything that it answers for; the units below it get
//! a copy of their own lines once it is released. 通报 is one paper for all. Support departments are supervised at most: what is worse is for a
//! meeting to decide. A draft holds only the act; the finding itself is in the digests of its units, worded 催办 at most.

use crate::domain::audience::{is_named, is_named_in_draft, is_named_to_all};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::assemble::{Mailbox, recipient};
use crate::domain::notify::digest::{AttachedFile, Counts, Draft, DraftLine};
use crate::domain::notify::inputs::{LastNotified, PlanInputs};
use crate::domain::notify::item_text::item_text;
use crate::domain::notify::items::{Item, Items};
use crate::domain::notify::{opening, wording};
use crate::domain::register::levels::LevelKind;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Act;
use crate::domain::rules::weight::Weight;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Items listed in full; the rest are in the attachment.
const ITEMS_MAX: usize = 20;

/// Is in a draft in place of the day on which it is released.
pub const RELEASED_ON: &str = "〔签发日期〕";

/// Is in a draft in place of the last day to answer.
pub fn answer_within(workdays: u32) -> String {
    format!("〔签发之日起{workdays}个工作日内〕")
}

/// The acts of a run.
#[derive(Clone, Debug, Default)]
pub struct Acts {
    /// The letters in administrative order, then the paper for all.
    pub drafts: Vec<Draft>,
    /// Units that have reached 约谈 and that nobody is asked to interview now, because others weigh more.
    pub not_interviewed: Vec<UnitId>,
    /// Items of support departments that have gone beyond 督办: lines for the agenda of a meeting.
    pub for_meeting: usize,
}

/// What a letter is about.
#[derive(Default)]
struct Letter {
    /// Findings (indices) by the unit that has to act.
    findings: BTreeMap<UnitId, Vec<usize>>,
    restricted: Vec<usize>,
}

/// The acts above 催办 that are drafted; none before the start.
pub fn acts(inputs: &PlanInputs<'_>, wanted: &[Act]) -> Acts {
    if !inputs.started || wanted.is_empty() {
        return Acts::default();
    }
    let units = &inputs.policy.units;
    let mut letters: BTreeMap<UnitId, Letter> = BTreeMap::new();
    let mut circulated: Vec<usize> = Vec::new();
    let mut circulated_restricted: Vec<usize> = Vec::new();
    for (index, finding) in inputs.judged.findings.iter().enumerate().filter(|(index, finding)| is_pressed(inputs, *index, finding)) {
        let Some(responsible) = finding.waiting_on().or(finding.owner) else { continue };
        let Some(unit) = units.answering(responsible).filter(|unit| units.mailbox(*unit).is_some()) else { continue };
        if finding.act >= Some(Act::Circulate) && units.units[unit].level.kind() != LevelKind::Support {
            match (is_named(finding), is_named_to_all(finding)) {
                (true, true) => circulated.push(index),
                (true, false) => {}
                (false, _) => circulated_restricted.push(index),
            }
        }
        if !is_named_in_draft(finding, unit) {
            continue;
        }
        let letter = letters.entry(unit).or_default();
        if is_named(finding) {
            letter.findings.entry(responsible).or_default().push(index);
        } else {
            letter.restricted.push(index);
        }
    }
    let mut acts = Acts::default();
    let to_interview = if wanted.contains(&Act::Interview) { candidates(inputs, &letters) } else { Vec::new() };
    let most = inputs.policy.acts.interviews_max.unwrap_or(usize::MAX).min(to_interview.len());
    let (proposed, others) = to_interview.split_at(most);
    let proposed: BTreeSet<UnitId> = proposed.iter().copied().collect();
    acts.not_interviewed = others.to_vec();
    acts.not_interviewed.sort_unstable();
    for (unit, letter) in &letters {
        let is_support = units.units[*unit].level.kind() == LevelKind::Support;
        let act = if proposed.contains(unit) { Act::Interview } else { Act::Supervise };
        let all: Vec<usize> = letter.findings.values().flatten().copied().collect();
        let items = Items::of(inputs, *unit, &all, &LastNotified::new()).0;
        if is_support {
            let is_worse = |item: &&Item| act_of(inputs, item) > Act::Supervise;
            acts.for_meeting += items.iter().filter(is_worse).count();
        }
        if wanted.contains(&act) {
            let mut made = draft(inputs, *unit, act, &items, inputs.count_items(&letter.restricted));
            if let Some(made) = &mut made {
                made.copies = copies(inputs, *unit, act, letter);
            }
            acts.drafts.extend(made);
        }
    }
    if wanted.contains(&Act::Circulate) && !circulated.is_empty() {
        let office = units.office();
        let items = Items::of(inputs, office, &circulated, &LastNotified::new()).0;
        acts.drafts.extend(draft(inputs, office, Act::Circulate, &items, inputs.count_items(&circulated_restricted)));
    }
    acts
}

/// Whether an act above 催办 is taken on a finding.
fn is_pressed(inputs: &PlanInputs<'_>, index: usize, finding: &Finding) -> bool {
    finding.state == State::Open
        && finding.done_since.is_none()
        && finding.act > Some(Act::Urge)
        && !inputs.policy.acts.without.contains(&finding.rule)
        && finding.old_data.is_none()
        && !inputs.data.old_ledgers.contains(&inputs.ledger_of(index))
}

fn act_of(inputs: &PlanInputs<'_>, item: &Item) -> Act {
    item.findings().filter_map(|index| inputs.judged.findings[index].act).max().unwrap_or(Act::Supervise)
}

/// The units that have reached 约谈, the weightiest first.
fn candidates(inputs: &PlanInputs<'_>, letters: &BTreeMap<UnitId, Letter>) -> Vec<UnitId> {
    let units = &inputs.policy.units;
    let worst = |letter: &Letter| -> Option<(Weight, usize)> {
        let found = letter.findings.values().flatten().map(|index| &inputs.judged.findings[*index]);
        let reached: Vec<Weight> =
            found.filter(|finding| finding.act >= Some(Act::Interview)).map(|finding| finding.weight(inputs.policy)).collect();
        Some((reached.iter().copied().max()?, reached.len()))
    };
    let may_be = letters.iter().filter(|(unit, _)| units.units[**unit].level.kind() != LevelKind::Support);
    let mut ranked: Vec<((Weight, usize), UnitId)> = may_be.filter_map(|(unit, letter)| Some((worst(letter)?, *unit))).collect();
    ranked.sort_by_key(|(worst, unit)| (Reverse(*worst), *unit));
    ranked.into_iter().map(|(_, unit)| unit).collect()
}

/// The copies of a letter for the units below its addressee, each with its own lines. A department that no mail has reached yet is notified by its place.
fn copies(inputs: &PlanInputs<'_>, addressee: UnitId, act: Act, letter: &Letter) -> Vec<Draft> {
    let units = &inputs.policy.units;
    let mut by_unit: BTreeMap<UnitId, Vec<usize>> = BTreeMap::new();
    for (responsible, findings) in &letter.findings {
        let place = units.units[*responsible].place.filter(|_| !inputs.asked_on.contains_key(responsible));
        let unit = place.unwrap_or(*responsible);
        if unit != addressee {
            by_unit.entry(unit).or_default().extend(findings);
        }
    }
    let copy = |(unit, findings): (UnitId, Vec<usize>)| {
        let named: Vec<usize> = findings.into_iter().filter(|index| is_named_in_draft(&inputs.judged.findings[*index], unit)).collect();
        let items = Items::of(inputs, unit, &named, &LastNotified::new()).0;
        let made = draft(inputs, unit, act, &items, 0).filter(|_| !items.is_empty())?;
        let title = units.units[addressee].title.clone();
        Some(Draft { subject: format!("（抄送）{}", made.subject), copy_of: title, ..made })
    };
    by_unit.into_iter().filter_map(copy).collect()
}

fn draft(inputs: &PlanInputs<'_>, unit: UnitId, act: Act, items: &[Item], restricted: usize) -> Option<Draft> {
    let policy = inputs.policy;
    let (mailbox_unit, address) = policy.units.mailbox(unit)?;
    let recipient = recipient(inputs, unit, Mailbox { unit: mailbox_unit, address });
    let mut findings: Vec<usize> = items.iter().flat_map(Item::findings).collect();
    findings.sort_unstable();
    let mut counts = Counts { items: items.len(), findings: findings.len(), ..Counts::default() };
    for item in items {
        *counts.light(item.light) += 1;
    }
    let shown = if recipient.counts_only { 0 } else { items.len().min(ITEMS_MAX) };
    let days = |finding: &Finding| finding.overdue_days().unwrap_or(0);
    let last_light = |index: usize| inputs.last_notified_of(unit).get(&inputs.identity(index)).copied().flatten();
    let urged = restricted == 0 && items.iter().all(|item| item.findings().any(|index| last_light(index).is_some()));
    let is_repeated = |item: &&Item| act_of(inputs, item) >= Act::Interview;
    Some(Draft {
        notified: findings.iter().map(|index| (inputs.identity(*index), inputs.judged.findings[*index].light)).collect(),
        act: act.code(),
        act_title: act.title(),
        subject: format!("【{}】{} 截至{}：{}个项目", act.title(), recipient.unit_name, chinese_date(inputs.as_of), items.len()),
        scope: opening::scope(&policy.units.levels, policy.units.units[unit].level).to_owned(),
        letterhead: opening::letterhead(inputs, unit),
        signature: policy.acts.signed.get(act.code()).cloned().unwrap_or_else(|| inputs.office_name.to_owned()),
        dated: RELEASED_ON.to_owned(),
        answer_by: answer_within(inputs.objection_workdays),
        longest_days: findings.iter().map(|index| days(&inputs.judged.findings[*index])).max().unwrap_or(0),
        urged,
        repeated: items.iter().filter(is_repeated).count(),
        clauses: clauses(inputs, &findings),
        lines: if recipient.counts_only { Vec::new() } else { lines(inputs, items, act) },
        items: items[..shown].iter().map(|item| item_text(inputs, unit, item)).collect(),
        more: if recipient.counts_only { 0 } else { items.len() - shown },
        amount: items.iter().filter_map(|item| item.amount).fold(0, i64::saturating_add),
        answered: items.iter().filter(|item| has_answer(inputs, item)).count(),
        weight: items.iter().map(|item| item.weight.points).max().unwrap_or(0),
        attached: AttachedFile::default(),
        counts,
        restricted,
        findings: if recipient.counts_only { Vec::new() } else { findings },
        copies: Vec::new(),
        copy_of: String::new(),
        recipient,
    })
}

/// Whether a unit has answered on a record of the item.
fn has_answer(inputs: &PlanInputs<'_>, item: &Item) -> bool {
    item.findings().any(|index| {
        let ledger = &inputs.policy.ledgers[inputs.ledger_of(index)].id;
        inputs.answers.contains_key(&(ledger.clone(), inputs.judged.findings[index].key.to_string()))
    })
}

/// Who has to act on how many items: for a letter the units below its addressee, for the paper for all the units directly below the office.
fn lines(inputs: &PlanInputs<'_>, items: &[Item], act: Act) -> Vec<DraftLine> {
    let units = &inputs.policy.units;
    let mut by_unit: BTreeMap<UnitId, DraftLine> = BTreeMap::new();
    for item in items {
        let lead = &inputs.judged.findings[item.lead];
        let Some(responsible) = lead.waiting_on().or(lead.owner) else { continue };
        let unit = if act == Act::Circulate { units.answering(responsible).unwrap_or(responsible) } else { responsible };
        let line = by_unit.entry(unit).or_insert_with(|| DraftLine { unit: units.units[unit].name.clone(), ..DraftLine::default() });
        line.items += 1;
        line.findings += item.findings().count();
        let days = item.findings().filter_map(|index| inputs.judged.findings[index].overdue_days()).max();
        line.longest_days = line.longest_days.max(days.unwrap_or(0));
    }
    by_unit.into_values().collect()
}

/// The clauses the findings rest on, each once, in the order of the official notice.
fn clauses(inputs: &PlanInputs<'_>, findings: &[usize]) -> Vec<String> {
    let mut clauses: Vec<&str> =
        findings.iter().map(|index| inputs.policy.rules[inputs.judged.findings[*index].rule].basis.as_str()).collect();
    clauses.sort_unstable_by_key(|clause| ("一二三四五六七八九十".find(clause.chars().next().unwrap_or('十')), *clause));
    clauses.dedup();
    clauses.into_iter().map(wording::clause).collect()
}
