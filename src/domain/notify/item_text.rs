//! The text of one item in a digest or a draft: its name and leading line, its other problems in brief, responsible persons, difficulty,
//! and the answers of units. The sentences on a single finding are in `wording.rs`.

use crate::domain::audience::{masked, masked_phone};
use crate::domain::judging::finding::ItemKey;
use crate::domain::notify::digest::ItemText;
use crate::domain::notify::feedback::Answer;
use crate::domain::notify::inputs::PlanInputs;
use crate::domain::notify::items::Item;
use crate::domain::notify::wording;
use crate::domain::plain_text::on_one_line;
use crate::domain::register::ledger::Role;
use crate::domain::register::units::{UnitId, normalize_name};
use crate::domain::rules::rule::Light;
use std::collections::BTreeSet;

/// Other problems listed with an item; the rest are in the attachment.
const OTHERS_MAX: usize = 2;
/// Answers listed with an item; the rest are in the attachment.
const ANSWERS_MAX: usize = 2;

/// The text of an item for a unit.
pub(crate) fn item_text(inputs: &PlanInputs<'_>, unit: UnitId, item: &Item) -> ItemText {
    let policy = inputs.policy;
    let lead = &inputs.judged.findings[item.lead];
    let ItemKey { ledger: own, code } = &item.key;
    let ledger = &policy.ledgers[*own];
    let has_own_finding = item.findings().any(|index| inputs.ledger_of(index) == *own);
    let record = inputs.record(*own, code);
    let record = record.as_deref();
    // a project under negotiation is named only where one of its own findings is listed, not through a difficulty or an order
    let hides_project = !has_own_finding && lead.project_negotiation_only;
    let record = record.filter(|_| !hides_project);
    let shown_code = if hides_project { &*lead.key } else { &**code };
    let own_record = record.filter(|_| has_own_finding);
    let text = |role: Role| own_record.map_or(String::new(), |record| masked(&on_one_line(record.text(ledger.role(role)).trim())));
    let name = record.map(|record| record.text(ledger.role(Role::Name))).filter(|name| !name.is_empty()).unwrap_or(&lead.name);
    let line = |index: usize| {
        let finding = &inputs.judged.findings[index];
        let line = wording::line(inputs, finding);
        // the line of a difficulty or an order names its own record
        if inputs.ledger_of(index) == *own {
            line
        } else if normalize_name(&finding.name) == normalize_name(name) {
            format!("{line}（{}）", finding.key)
        } else {
            format!("{line}（{}，{}）", masked(&finding.name), finding.key)
        }
    };
    let light_of = |index: usize| inputs.judged.findings[index].counted_light(policy).map_or("", Light::title);
    let marked_line = |index: usize| format!("{} {}", light_of(index), line(index)).trim_start().to_owned();
    let waiting_on = item.findings().find_map(|index| inputs.judged.findings[index].waiting_on());
    // whoever raised a difficulty reads its answer with the project
    let of_item = item.findings().map(|index| &inputs.judged.findings[index]);
    let to_confirm = of_item.map(|finding| wording::answers_to_confirm(inputs, finding)).find(|text| !text.is_empty());
    let to_confirm = to_confirm.filter(|_| !hides_project && lead.owner == Some(unit)).unwrap_or_default();
    let answers = answers(inputs, item);
    let is_periodic = lead.project.is_empty() && ledger.role(Role::Held).is_some();
    ItemText {
        light: item.light.code(),
        mark: item.light.title(),
        change: item.change_word(),
        name: if is_periodic { policy.rules[lead.rule].title.clone() } else { masked(name) },
        // the key of a periodic finding is its unit and period, which the line names already
        code: if is_periodic { String::new() } else { shown_code.to_owned() },
        unit: if lead.owner == Some(unit) { String::new() } else { masked(&lead.unit) },
        amount: item.amount.filter(|_| record.is_some()),
        major: wording::major(&policy.units.levels, lead.major.filter(|_| !hides_project)),
        act: wording::act(inputs, lead.act),
        // where another finding of the item is worse, the leading line shows its own light
        line: if lead.light == Some(item.light) { line(item.lead) } else { marked_line(item.lead) },
        basis: wording::clause(&policy.rules[lead.rule].basis),
        others: others(inputs, item),
        leader: text(Role::Leader),
        officer: text(Role::Officer),
        phone: own_record
            .zip(ledger.role(Role::Phone))
            .map_or(String::new(), |(record, field)| masked_phone(&record.cell(field).to_string())),
        difficulty: if has_own_finding { wording::difficulty(inputs, *own, code) } else { String::new() },
        waiting_on: [wording::waiting_on(inputs, waiting_on), to_confirm]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("；"),
        answers: answers
            .iter()
            .map(|(ledger, answer)| {
                let text = answer.text(&policy.ledgers[*ledger]);
                masked(&format!("{}：{}", answer.by(), if text.is_empty() { "已核对" } else { &text }))
            })
            .collect(),
        proposed: answers
            .iter()
            .map(|(ledger, answer)| masked(&answer.proposed(&policy.ledgers[*ledger])))
            .filter(|text| !text.is_empty())
            .collect(),
    }
}

/// The answers on the records of an item's findings with the index of their ledger, that of the leading finding first.
fn answers<'a>(inputs: &PlanInputs<'a>, item: &Item) -> Vec<(usize, &'a Answer)> {
    let mut seen = BTreeSet::new();
    item.findings()
        .filter_map(|index| {
            let finding = &inputs.judged.findings[index];
            let ledger = inputs.ledger_of(index);
            let answer = inputs.answers.get(&(inputs.policy.ledgers[ledger].id.clone(), finding.key.to_string()))?;
            seen.insert((ledger, &*finding.key)).then_some((ledger, answer))
        })
        .take(ANSWERS_MAX)
        .collect()
}

/// The other problems of an item: the worst finding of each rule in brief. Dates and codes are in the attachment.
fn others(inputs: &PlanInputs<'_>, item: &Item) -> Vec<String> {
    let mut rules: Vec<(usize, usize)> = Vec::new();
    for index in &item.others {
        let rule = inputs.judged.findings[*index].rule;
        match rules.iter_mut().find(|(first, _)| inputs.judged.findings[*first].rule == rule) {
            Some((_, count)) => *count += 1,
            None => rules.push((*index, 1)),
        }
    }
    let line = |(index, count): &(usize, usize)| {
        let finding = &inputs.judged.findings[*index];
        let more = if *count > 1 { format!("等{count}件") } else { String::new() };
        let light = finding.counted_light(inputs.policy).map_or(String::new(), |light| format!("{} ", light.title()));
        format!("{light}{}{more}", wording::brief(inputs, finding))
    };
    let mut lines: Vec<String> = rules.iter().take(OTHERS_MAX).map(line).collect();
    if rules.len() > OTHERS_MAX {
        lines.push(format!("另{}个问题见附件", rules.len() - OTHERS_MAX));
    }
    lines
}
