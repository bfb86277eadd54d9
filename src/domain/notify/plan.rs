//! The plan of a run: which unit gets which digest (提醒摘要), and the proof that no finding was left out.
//!
//! There is one digest per unit and run. An item is a project: findings of other ledgers on the same project belong to it, so a project
//! is one item however many rules it breaks. [`plan`] is a function of findings, policy and what each unit was last notified of; nothing
//! here sends or renders.
//!
//! Invariants: every (finding, relation) has exactly one disposition, see [`Coverage`]; a digest names only findings addressed to its
//! unit, except that of the office, which lists all; no text in it holds a full phone number.

use crate::domain::audience::{is_named, is_named_to_place};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::assemble::{Mailbox, digest, forwarded_unit};
use crate::domain::notify::coverage::Coverage;
use crate::domain::notify::digest::{Digest, RollUp};
use crate::domain::notify::disposition::{Disposition, NotifyReason, UnitFindings, disposition_of, is_notified, notify_reason};
use crate::domain::notify::drafts::{Acts, acts};
use crate::domain::notify::inputs::{FindingRelation, PlanInputs, ThroughPlaces};
use crate::domain::notify::items::{FoundRecords, UnitItems};
use crate::domain::notify::roll_up::roll_up;
use crate::domain::register::levels::LevelKind;
use crate::domain::register::units::UnitId;
use std::collections::BTreeMap;

/// The digests of a run, in administrative order, and their proof.
#[derive(Debug)]
pub struct Plan {
    pub digests: Vec<Digest>,
    /// Why each unit of the policy is mailed or not.
    pub reasons: BTreeMap<UnitId, NotifyReason>,
    /// The pairs that are in no digest, each for a reason the proof counts.
    pub not_notified: Vec<FindingRelation>,
    pub coverage: Coverage,
    /// The acts above 催办 that a person has to release.
    pub acts: Acts,
}

/// Plans the digests of a run.
pub fn plan(inputs: &PlanInputs<'_>) -> Plan {
    let office = inputs.policy.units.office();
    let (mut addressed, dispositions) = route_findings(inputs);
    route_notices(inputs, &mut addressed);
    // the office sees everything, also what is addressed to others only
    if inputs.levels.iter().any(|level| level.kind() == LevelKind::Top) && !inputs.judged.findings.is_empty() {
        addressed.entry(office).or_default();
    }
    let office_findings = addressed.remove(&office);
    let acts = acts(inputs, inputs.drafts);
    let mut planning = Planning {
        inputs,
        found: inputs.judged.findings.iter().map(|finding| (inputs.policy.rules[finding.rule].ledger, &*finding.key)).collect(),
        digests: Vec::new(),
        reasons: BTreeMap::new(),
        dispositions,
    };
    let mut forwarded = through_places(inputs, &mut addressed);
    for unit in forwarded.values().flatten().map(|department| department.unit) {
        planning.reasons.insert(unit, NotifyReason::ThroughPlace);
    }
    for (unit, mut findings) in addressed {
        let departments = forwarded.remove(&unit).unwrap_or_default();
        findings.passes_on = !departments.is_empty();
        planning.build_or_skip(unit, &findings, departments, None);
    }
    if let Some(findings) = office_findings {
        let unrouted: Vec<FindingRelation> =
            planning.dispositions.iter().filter(|(_, of)| *of == Disposition::Unrouted).map(|(pair, _)| *pair).collect();
        let roll_up = roll_up(inputs, &planning.digests, &unrouted, &acts);
        planning.build_or_skip(office, &findings, Vec::new(), Some(roll_up));
    }
    for unit in 0..inputs.policy.units.units.len() {
        let reason = || notify_reason(inputs, unit, &UnitFindings::default(), &UnitItems::none());
        planning.reasons.entry(unit).or_insert_with(reason);
    }
    let Planning { mut digests, reasons, dispositions, .. } = planning;
    digests.sort_by_key(|digest| digest.recipient.unit);
    let coverage = Coverage::of(inputs.judged, &digests, &dispositions);
    Plan { digests, reasons, not_notified: dispositions.into_iter().map(|(pair, _)| pair).collect(), coverage, acts }
}

/// What is addressed to each unit, and what becomes of the pairs that are addressed to none.
fn route_findings(inputs: &PlanInputs<'_>) -> (BTreeMap<UnitId, UnitFindings>, Vec<(FindingRelation, Disposition)>) {
    let units = &inputs.policy.units;
    let mut addressed: BTreeMap<UnitId, UnitFindings> = BTreeMap::new();
    let mut dispositions = Vec::new();
    for (index, finding) in inputs.judged.findings.iter().enumerate() {
        for (relation, unit) in finding.relations().iter().copied().zip(finding.recipients()) {
            let pair = FindingRelation { finding: index, relation };
            let recipient = unit.filter(|unit| units.mailbox(*unit).is_some());
            let disposition = disposition_of(inputs, finding, relation, recipient);
            let counted_for = recipient.filter(|unit| is_notified(inputs, *unit, relation));
            // a job gives units of other levels nothing, and no number either
            let is_of_job = |unit: &UnitId| inputs.levels.contains(&units.units[*unit].level);
            match (disposition, counted_for.filter(is_of_job)) {
                (Disposition::Addressed, Some(unit)) => {
                    let findings = addressed.entry(unit).or_default();
                    match finding.state {
                        State::Unjudged => findings.unjudged.push(index),
                        State::Open | State::Exempt => findings.open.push(pair),
                    }
                    continue;
                }
                // its units are given a number and no name
                (Disposition::Restricted, Some(unit)) => addressed.entry(unit).or_default().restricted.push(index),
                // an exemption is shown to the units it would have been addressed to, but none of them has to act
                (Disposition::Exempt, Some(unit)) => addressed.entry(unit).or_default().exempt += 1,
                _ => {}
            }
            if let Some(unit) = unit.filter(|_| counted_for.is_none()) {
                let findings = addressed.entry(unit).or_default();
                findings.without_mailbox |= recipient.is_none();
                findings.before_start |= recipient.is_some();
            }
            dispositions.push((pair, disposition));
        }
    }
    (addressed, dispositions)
}

/// Adds the due dates of the next days to what is addressed to their owners.
fn route_notices(inputs: &PlanInputs<'_>, addressed: &mut BTreeMap<UnitId, UnitFindings>) {
    let units = &inputs.policy.units;
    let horizon = inputs.due_until();
    for (index, notice) in inputs.judged.notices.iter().enumerate() {
        let Some(owner) = notice.owner.filter(|_| notice.due_on <= horizon && is_named(notice)) else { continue };
        if !inputs.levels.contains(&units.units[owner].level) {
            continue;
        }
        let findings = addressed.entry(owner).or_default();
        match units.mailbox(owner) {
            Some(_) => findings.due.push(index),
            None => findings.without_mailbox = true,
        }
    }
}

/// A plan while it grows unit by unit.
struct Planning<'p, 'i> {
    inputs: &'p PlanInputs<'i>,
    found: FoundRecords<'p>,
    digests: Vec<Digest>,
    reasons: BTreeMap<UnitId, NotifyReason>,
    dispositions: Vec<(FindingRelation, Disposition)>,
}

impl Planning<'_, '_> {
    /// Makes a unit's digest, or records why it gets none. `roll_up` is given for the office.
    fn build_or_skip(&mut self, unit: UnitId, addressed: &UnitFindings, forwarded: Vec<ThroughPlace>, roll_up: Option<RollUp>) {
        let inputs = self.inputs;
        let items = if roll_up.is_some() {
            let open = |finding: &Finding| finding.state == State::Open && finding.done_since.is_none() && is_named(finding);
            let all = inputs.judged.findings.iter().enumerate().filter(|(_, finding)| open(finding)).map(|(index, _)| index);
            UnitItems::of(inputs, unit, &all.collect::<Vec<usize>>(), inputs.last_notified_of(unit))
        } else {
            items_of(inputs, unit, addressed)
        };
        let reason = notify_reason(inputs, unit, addressed, &items);
        self.reasons.insert(unit, reason);
        match inputs.policy.units.mailbox(unit).filter(|_| reason.is_mailed()) {
            Some((mailbox_unit, address)) => {
                let mailbox = Mailbox { unit: mailbox_unit, address };
                let mut digest = digest(inputs, unit, mailbox, addressed, &items, &self.found, roll_up);
                add_forwarded(inputs, &mut digest, forwarded);
                self.digests.push(digest);
            }
            None => {
                let disposition = if reason == NotifyReason::Covered { Disposition::Covered } else { Disposition::NothingNew };
                self.dispositions.extend(addressed.pairs().map(|pair| (pair, disposition)));
            }
        }
    }
}

/// The items of a unit.
fn items_of(inputs: &PlanInputs<'_>, unit: UnitId, addressed: &UnitFindings) -> UnitItems {
    let mut findings: Vec<usize> = addressed.open.iter().map(|pair| pair.finding).collect();
    findings.sort_unstable();
    findings.dedup();
    UnitItems::of(inputs, unit, &findings, inputs.last_notified_of(unit))
}

/// A department that is notified of its items in the mail of its place.
struct ThroughPlace {
    unit: UnitId,
    addressed: UnitFindings,
    items: UnitItems,
}

/// Takes the departments with few items out of those that get a mail of their own, where the mail of their place may carry what they have: no row
/// that only its own units may see. By place.
fn through_places(inputs: &PlanInputs<'_>, addressed: &mut BTreeMap<UnitId, UnitFindings>) -> BTreeMap<UnitId, Vec<ThroughPlace>> {
    let units = &inputs.policy.units;
    let mut forwarded: BTreeMap<UnitId, Vec<ThroughPlace>> = BTreeMap::new();
    let ThroughPlaces { most, levels } = inputs.through_place;
    let candidates: Vec<(UnitId, UnitId)> = addressed
        .keys()
        .filter_map(|unit| Some((*unit, units.units[*unit].place.filter(|place| levels.contains(&units.units[*place].level))?)))
        .collect();
    let mut is_mailed: BTreeMap<UnitId, bool> = BTreeMap::new();
    for (unit, place) in candidates {
        let carries = *is_mailed.entry(place).or_insert_with(|| {
            let of_place = addressed.get(&place);
            of_place.is_some_and(|of_place| {
                let counts_only = units.mailbox(place).is_none_or(|(_, address)| (inputs.is_counts_only)(address));
                !counts_only && notify_reason(inputs, place, of_place, &items_of(inputs, place, of_place)).is_mailed()
            })
        });
        let Some(own) = addressed.get(&unit).filter(|_| carries) else { continue };
        let items = items_of(inputs, unit, own);
        let may_pass = |finding: &usize| is_named_to_place(&inputs.judged.findings[*finding], place);
        let passes = own.open.iter().map(|pair| &pair.finding).chain(&own.unjudged).all(may_pass)
            && own.due.iter().all(|index| is_named_to_place(&inputs.judged.notices[*index], place));
        let few = (1..=*most).contains(&items.all().count());
        if few
            && passes
            && notify_reason(inputs, unit, own, &items).is_mailed()
            && let Some(own) = addressed.remove(&unit)
        {
            forwarded.entry(place).or_default().push(ThroughPlace { unit, addressed: own, items });
        }
    }
    forwarded
}

/// Adds to the digest of a place what the departments have that it passes on.
fn add_forwarded(inputs: &PlanInputs<'_>, digest: &mut Digest, forwarded: Vec<ThroughPlace>) {
    for ThroughPlace { unit, addressed, items } in forwarded {
        digest.forwarded.push(forwarded_unit(inputs, unit, &addressed, &items));
    }
    digest.renumber();
}
