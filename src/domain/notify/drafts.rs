//! Drafts (拟办) of 督办, 通报 and 约谈: each is a message of its own that a named person releases (签发). Subject and clauses are worded
//! here, items in `item_text.rs`, the fixed words in `report-templates/act.*.j2`.
//!
//! A draft holds only the act; the finding itself is in the unit's digest, worded 催办 at most. The draft goes to the unit that has to act:
//! where a project waits for an answer, to the unit that owes it.

use crate::domain::audience::{is_named, is_named_in_draft};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::assemble::{Mailbox, recipient};
use crate::domain::notify::digest::{AttachedFile, Counts, Draft};
use crate::domain::notify::inputs::{LastNotified, PlanInputs};
use crate::domain::notify::item_text::item_text;
use crate::domain::notify::items::{Item, Items};
use crate::domain::notify::{opening, wording};
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Act;
use std::collections::BTreeMap;

/// Items listed in full; the rest are in the attachment.
const ITEMS_MAX: usize = 20;

/// The drafts of these acts, by unit in administrative order; an item is in the draft of its highest act. None before the start.
pub fn drafts(inputs: &PlanInputs<'_>, acts: &[Act]) -> Vec<Draft> {
    if !inputs.started {
        return Vec::new();
    }
    let units = &inputs.policy.units;
    let mut by_unit: BTreeMap<UnitId, Vec<usize>> = BTreeMap::new();
    for (index, finding) in inputs.judged.findings.iter().enumerate().filter(|(_, finding)| finding.state == State::Open) {
        let responsible = finding.waiting_on().or(finding.owner);
        if let (Some(act), Some(unit)) = (finding.act, responsible)
            && act > Act::Urge
            && acts.contains(&act)
            && units.mailbox(unit).is_some()
            && is_named_in_draft(finding, unit)
            && finding.done_since.is_none()
            && finding.old_data.is_none()
            && !inputs.data.old_ledgers.contains(&inputs.ledger_of(index))
        {
            by_unit.entry(unit).or_default().push(index);
        }
    }
    let mut out = Vec::new();
    for (unit, findings) in by_unit {
        let (restricted, findings): (Vec<usize>, Vec<usize>) =
            findings.into_iter().partition(|index| !is_named(&inputs.judged.findings[*index]));
        let mut by_act: BTreeMap<Act, Vec<Item>> = BTreeMap::new();
        for item in Items::of(inputs, unit, &findings, &LastNotified::new()).0 {
            let act = item.findings().filter_map(|index| inputs.judged.findings[index].act).max();
            by_act.entry(act.unwrap_or(Act::Supervise)).or_default().push(item);
        }
        out.extend(by_act.into_iter().rev().filter_map(|(act, items)| {
            let of_act = |index: &usize| inputs.judged.findings[*index].act == Some(act);
            let restricted: Vec<usize> = restricted.iter().copied().filter(of_act).collect();
            draft(inputs, unit, act, &items, inputs.count_items(&restricted))
        }));
    }
    out
}

fn draft(inputs: &PlanInputs<'_>, unit: UnitId, act: Act, items: &[Item], restricted: usize) -> Option<Draft> {
    let (mailbox_unit, address) = inputs.policy.units.mailbox(unit)?;
    let recipient = recipient(inputs, unit, Mailbox { unit: mailbox_unit, address });
    let mut counts = Counts { items: items.len(), ..Counts::default() };
    for item in items {
        *counts.light(item.light) += 1;
    }
    let mut findings: Vec<usize> = items.iter().flat_map(Item::findings).collect();
    findings.sort_unstable();
    let shown = if recipient.counts_only { 0 } else { items.len().min(ITEMS_MAX) };
    let days = |finding: &Finding| finding.overdue_days().unwrap_or(0);
    let last_light = |index: usize| inputs.last_notified_of(unit).get(&inputs.identity(index)).copied().flatten();
    let urged = restricted == 0 && items.iter().all(|item| item.findings().any(|index| last_light(index).is_some()));
    Some(Draft {
        notified: findings.iter().map(|index| (inputs.identity(*index), inputs.judged.findings[*index].light)).collect(),
        act: act.code(),
        act_title: act.title(),
        subject: format!("【{}】{} 截至{}：{}项", act.title(), recipient.unit_name, chinese_date(inputs.as_of), items.len()),
        letterhead: opening::letterhead(inputs, unit),
        longest_days: findings.iter().map(|index| days(&inputs.judged.findings[*index])).max().unwrap_or(0),
        urged,
        clauses: clauses(inputs, &findings),
        items: items[..shown].iter().map(|item| item_text(inputs, unit, item)).collect(),
        more: if recipient.counts_only { 0 } else { items.len() - shown },
        attached: AttachedFile::default(),
        counts,
        restricted,
        findings: if recipient.counts_only { Vec::new() } else { findings },
        recipient,
    })
}

/// The clauses the findings rest on, each once, in the order of the official notice.
fn clauses(inputs: &PlanInputs<'_>, findings: &[usize]) -> Vec<String> {
    let mut clauses: Vec<&str> =
        findings.iter().map(|index| inputs.policy.rules[inputs.judged.findings[*index].rule].basis.as_str()).collect();
    clauses.sort_unstable_by_key(|clause| ("一二三四五六七八九十".find(clause.chars().next().unwrap_or('十')), *clause));
    clauses.dedup();
    clauses.into_iter().map(wording::clause).collect()
}
