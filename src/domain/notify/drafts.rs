//! Drafts (拟办): 督办, 通报 and 约谈 wait, each as a message of its own, until a named person releases them (签发).
//!
//! A draft holds only the act; the finding itself is in the unit's digest, worded 催办 at most. It goes to the unit that has to act:
//! where a project waits for an answer, to the unit that owes it.

use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::digest::{Counts, Draft};
use crate::domain::notify::items::{Case, Cases};
use crate::domain::notify::plan::Plan;
use crate::domain::notify::{sections, wording};
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Act;
use std::collections::BTreeMap;

/// Items told in full; the others are in the attachment.
const ITEMS_MAX: usize = 20;

/// The drafts of these acts, by unit in administrative order; a project stands in the draft of its highest act. None before the start.
pub fn drafts(plan: &Plan<'_>, acts: &[Act]) -> Vec<Draft> {
    if !plan.started {
        return Vec::new();
    }
    let units = &plan.policy.units;
    let mut by_unit: BTreeMap<UnitId, Vec<usize>> = BTreeMap::new();
    for (index, finding) in plan.judged.findings.iter().enumerate().filter(|(_, finding)| finding.state == State::Open) {
        let to = finding.waiting_on().or(finding.owner);
        if let (Some(act), Some(unit)) = (finding.act, to)
            && act > Act::Urge
            && acts.contains(&act)
            && units.mailbox(unit).is_some()
            && may_know(plan, unit, finding)
        {
            by_unit.entry(unit).or_default().push(index);
        }
    }
    let mut out = Vec::new();
    for (unit, findings) in by_unit {
        let (withheld, findings): (Vec<usize>, Vec<usize>) =
            findings.into_iter().partition(|index| plan.judged.findings[*index].restricted);
        let mut by_act: BTreeMap<Act, Vec<Case>> = BTreeMap::new();
        for case in Cases::of(plan, unit, &findings, &BTreeMap::new()).0 {
            let act = case.findings().filter_map(|index| plan.judged.findings[index].act).max();
            by_act.entry(act.unwrap_or(Act::Supervise)).or_default().push(case);
        }
        out.extend(by_act.into_iter().rev().filter_map(|(act, cases)| {
            let of_act = |index: &usize| plan.judged.findings[*index].act == Some(act);
            let withheld: Vec<usize> = withheld.iter().copied().filter(of_act).collect();
            draft(plan, unit, act, &cases, plan.withheld(&withheld))
        }));
    }
    out
}

/// A project under negotiation is named only to those its own rule tells; a unit that owes it an answer has the draft of the difficulty.
fn may_know(plan: &Plan<'_>, unit: UnitId, finding: &Finding) -> bool {
    let ledger = plan.policy.project_ledger().filter(|ledger| plan.policy.rules[finding.rule].ledger == *ledger);
    let record = || plan.record(ledger?, &finding.key);
    finding.tells(unit) || !record().is_some_and(|record| plan.policy.is_negotiating(&record))
}

fn draft(plan: &Plan<'_>, unit: UnitId, act: Act, cases: &[Case], withheld: usize) -> Option<Draft> {
    let units = &plan.policy.units.units;
    let (mailbox_unit, mailbox) = plan.policy.units.mailbox(unit)?;
    let me = &units[unit];
    let mut counts = Counts { items: cases.len(), ..Counts::default() };
    for case in cases {
        *counts.light(case.light) += 1;
    }
    let mut findings: Vec<usize> = cases.iter().flat_map(Case::findings).collect();
    findings.sort_unstable();
    let carries_rows = (plan.may_carry_rows)(mailbox);
    let shown = if carries_rows { cases.len().min(ITEMS_MAX) } else { 0 };
    let days = |finding: &Finding| finding.overdue_days().unwrap_or(0);
    let told = |index: usize| plan.told_before.get(&unit)?.get(&plan.identity(index))?.as_ref();
    let urged = withheld == 0 && cases.iter().all(|case| case.findings().any(|index| told(index).is_some()));
    Some(Draft {
        unit,
        mailbox_unit,
        mailbox: mailbox.to_owned(),
        holds: findings.iter().map(|index| (plan.identity(*index), plan.judged.findings[*index].light)).collect(),
        findings: if carries_rows { findings.clone() } else { Vec::new() },
        act: act.code(),
        act_title: act.title(),
        subject: format!("【{}】{} 截至{}：{}项", act.title(), me.name, chinese_date(plan.as_of), cases.len()),
        unit_name: me.name.clone(),
        addressee: me.title.clone(),
        forwarded_by: if mailbox_unit == unit { String::new() } else { units[mailbox_unit].title.clone() },
        office: plan.office_name.to_owned(),
        contact: masked(plan.contact),
        source_line: masked(plan.source_line),
        as_of: plan.as_of,
        sent_on: plan.sent_on,
        reply_by: plan.reply_by(unit),
        counts_only: !carries_rows,
        longest_days: findings.iter().map(|index| days(&plan.judged.findings[*index])).max().unwrap_or(0),
        urged,
        clauses: clauses(plan, &findings),
        items: cases[..shown].iter().map(|case| sections::item(plan, unit, case)).collect(),
        more: if carries_rows { cases.len() - shown } else { 0 },
        attachment: None,
        attachment_kept: None,
        counts,
        withheld,
    })
}

/// The clauses the findings rest on, each once, in the order of the notice.
fn clauses(plan: &Plan<'_>, findings: &[usize]) -> Vec<String> {
    let mut clauses: Vec<&str> = findings.iter().map(|index| plan.policy.rules[plan.judged.findings[*index].rule].basis.as_str()).collect();
    clauses.sort_unstable_by_key(|clause| ("一二三四五六七八九十".find(clause.chars().next().unwrap_or('十')), *clause));
    clauses.dedup();
    clauses.into_iter().map(wording::clause).collect()
}
