//! The office's own part of its digest: how many units are mailed, which records reach no mailbox, and who has not answered.

use crate::domain::audience::{is_named, masked};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::notify::digest::{Digest, RollUp, SilentUnit, UnreachedUnit, UnroutedRecord};
use crate::domain::notify::drafts::Acts;
use crate::domain::notify::feedback::{SilentRecord, silent};
use crate::domain::notify::form_acts::FormFields;
use crate::domain::notify::inputs::{FindingRelation, PlanInputs};
use crate::domain::notify::sections::{LINES_MAX, empty_cells, shorten};
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Act;
use std::collections::{BTreeMap, BTreeSet};

/// The office's own part, once the digests of all other units are planned. `unrouted` are the pairs that no mailbox is known for.
pub(crate) fn roll_up(inputs: &PlanInputs<'_>, digests: &[Digest], unrouted: &[FindingRelation], acts: &Acts) -> RollUp {
    let mut unrouted_lines = unrouted_records(inputs, unrouted);
    let unrouted = unrouted_lines.len();
    unrouted_lines.truncate(LINES_MAX);
    let silent = silent_records(inputs);
    let mut silent_lines: Vec<SilentUnit> = silent
        .chunk_by(|one, other| one.unit == other.unit)
        .map(|records| SilentUnit { unit: inputs.policy.units.units[records[0].unit].name.clone(), items: records.len() })
        .collect();
    let silent_units = silent_lines.len();
    let silent_more = shorten(&mut silent_lines);
    let unreached = |(unit, state): &(UnitId, DeliveryState)| UnreachedUnit {
        unit: inputs.policy.units.units[*unit].name.clone(),
        state: state.word(),
    };
    let mut unreached_lines: Vec<UnreachedUnit> = inputs.unreached.iter().map(unreached).collect();
    let unreached_more = shorten(&mut unreached_lines);
    let open: BTreeSet<(&str, &str)> =
        named_findings(inputs, State::Open).map(|(index, finding)| (ledger_id(inputs, index), &*finding.key)).collect();
    let answers = || inputs.answers.iter().filter(|((ledger, code), _)| open.contains(&(ledger.as_str(), code.as_str())));
    let horizon = inputs.due_until();
    let drafted = |act: Act| acts.drafts.iter().filter(|draft| draft.act == act.code()).count();
    RollUp {
        units_notified: digests.len(),
        forwarded: digests.iter().filter(|digest| !digest.recipient.forwarded_by.is_empty()).count(),
        due: inputs.judged.notices.iter().filter(|notice| notice.due_on <= horizon && is_named(notice)).count(),
        blank: empty_cells(inputs, named_findings(inputs, State::Unjudged).map(|(index, _)| index)).1,
        exempt: named_findings(inputs, State::Exempt).count(),
        unrouted,
        unrouted_more: unrouted - unrouted_lines.len(),
        unrouted_lines,
        silent_units,
        silent_items: silent.len(),
        silent_lines,
        silent_more,
        silent,
        unreached_units: inputs.unreached.len(),
        unreached_lines,
        unreached_more,
        answered: answers().count(),
        proposed: answers().filter(|(_, answer)| !answer.proposals.is_empty()).count(),
        supervised: drafted(Act::Supervise),
        circulated: drafted(Act::Circulate),
        interviewed: drafted(Act::Interview),
        not_interviewed: acts.not_interviewed.len(),
        for_meeting: acts.for_meeting,
        unsigned: inputs.unsigned.drafts,
        unsigned_since: inputs.unsigned.since,
    }
}

/// Findings of a state with their indices, without those of restricted records.
fn named_findings<'i>(inputs: &PlanInputs<'i>, state: State) -> impl Iterator<Item = (usize, &'i Finding)> {
    inputs.judged.findings.iter().enumerate().filter(move |(_, finding)| finding.state == state && is_named(finding))
}

fn ledger_id<'i>(inputs: &PlanInputs<'i>, finding: usize) -> &'i str {
    &inputs.policy.ledgers[inputs.ledger_of(finding)].id
}

/// One line for each record with a relation that no mailbox is known for, however many of its findings are concerned.
fn unrouted_records(inputs: &PlanInputs<'_>, unrouted: &[FindingRelation]) -> Vec<UnroutedRecord> {
    let mut records: BTreeMap<(usize, &str), UnroutedRecord> = BTreeMap::new();
    for pair in unrouted {
        let finding = &inputs.judged.findings[pair.finding];
        let record = records.entry((inputs.ledger_of(pair.finding), &*finding.key)).or_insert_with(|| UnroutedRecord {
            code: finding.key.to_string(),
            name: masked(&finding.name),
            unit: masked(&finding.unit),
            relations: Vec::new(),
        });
        let relation = pair.relation.title(&inputs.policy.units.levels);
        if !record.relations.iter().any(|known| known == relation) {
            record.relations.push(relation.to_owned());
        }
    }
    records.into_values().collect()
}

/// Records whose owner was notified of them, whose day to reply has passed, and that have not been answered since.
fn silent_records(inputs: &PlanInputs<'_>) -> Vec<SilentRecord> {
    let open = named_findings(inputs, State::Open).filter_map(|(index, finding)| {
        let owner = finding.owner?;
        let ledger = inputs.ledger_of(index);
        let was_notified = inputs.last_notified.get(&owner).is_some_and(|known| known.contains_key(&inputs.identity(index)));
        let can_answer = || !FormFields::of(inputs.policy, ledger).is_empty();
        (was_notified && can_answer()).then(|| SilentRecord { unit: owner, ledger, code: finding.key.to_string() })
    });
    let asked_on = |unit| inputs.asked_on.get(&unit).copied().filter(|asked| inputs.reply_by_of(unit, *asked) < inputs.sent_on);
    silent(inputs.policy, asked_on, open, inputs.answers)
}
