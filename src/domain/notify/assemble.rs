//! Puts the digest of one unit together: subject and opening lines (`opening.rs`), sections (`sections.rs`), and for the office its own
//! part (`roll_up.rs`). A mailbox outside the allowed domains gets the counts only.

use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Change, ItemKey};
use crate::domain::notify::digest::{
    AttachedFile, Counts, Digest, ForwardedItem, ForwardedUnit, ItemText, Numerals, OldItem, Recipient, RollUp, Sections,
};
use crate::domain::notify::disposition::UnitFindings;
use crate::domain::notify::inputs::PlanInputs;
use crate::domain::notify::item_text::item_text;
use crate::domain::notify::items::{FoundRecords, Item, Items, UnitItems};
use crate::domain::notify::opening;
use crate::domain::notify::sections::{due_line, empty_cells, former_items, old_item, places, rest, services, shorten};
use crate::domain::register::calendar::calendar_note;
use crate::domain::register::data_condition::Reader;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use std::collections::HashSet;

/// Items listed in full, and fewer beside so many other parts: a mail stays within two screens of a phone.
const FULL_MAX: usize = 3;
const FULL_MAX_CROWDED: usize = 2;
const CROWDED: usize = 2;
/// Items listed in full in the office's digest, where each is shorter.
const FULL_MAX_OFFICE: usize = 5;

/// The mailbox a unit's mails go to.
#[derive(Clone, Copy)]
pub(crate) struct Mailbox<'a> {
    /// The unit itself, or the office that forwards its mails.
    pub(crate) unit: UnitId,
    pub(crate) address: &'a str,
}

/// Whom a mail is for.
pub(crate) fn recipient(inputs: &PlanInputs<'_>, unit: UnitId, mailbox: Mailbox<'_>) -> Recipient {
    let units = &inputs.policy.units.units;
    Recipient {
        unit,
        mailbox_unit: mailbox.unit,
        mailbox: mailbox.address.to_owned(),
        unit_name: units[unit].name.clone(),
        addressee: units[unit].title.clone(),
        forwarded_by: if mailbox.unit == unit { String::new() } else { units[mailbox.unit].title.clone() },
        counts_only: (inputs.is_counts_only)(mailbox.address),
    }
}

/// The digest of a unit with its items. `roll_up` is given for the office.
pub(crate) fn digest(
    inputs: &PlanInputs<'_>,
    unit: UnitId,
    mailbox: Mailbox<'_>,
    addressed: &UnitFindings,
    UnitItems { counted: Items(items), services: Items(offered), waiting }: &UnitItems,
    found: &FoundRecords<'_>,
    roll_up: Option<RollUp>,
) -> Digest {
    let own = &inputs.policy.units.units[unit];
    let is_office = roll_up.is_some();
    let last_notified = inputs.last_notified_of(unit);
    let mut counts = count_items(items);
    (counts.due, counts.exempt, counts.services) = (addressed.due.len(), addressed.exempt, offered.len());

    let is_old = |item: &&Item| item.findings().all(|index| inputs.judged.findings[index].old_data.is_some());
    let (old, current): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_old);
    let places = places(inputs, unit, items, is_office);
    let now: HashSet<&ItemKey> = items.iter().chain(&waiting.0).map(|item| &item.key).collect();
    let mut former = former_items(inputs, last_notified, found, &now);
    let other_parts = [
        places.is_some(),
        !addressed.due.is_empty(),
        !offered.is_empty(),
        addressed.passes_on,
        !old.is_empty() || !waiting.0.is_empty(),
        !former.resolved.is_empty() || !former.gone.is_empty(),
        !addressed.unjudged.is_empty(),
    ];
    let most = match other_parts.iter().filter(|is_there| **is_there).count() {
        _ if is_office => FULL_MAX_OFFICE,
        others if others < CROWDED => FULL_MAX,
        _ => FULL_MAX_CROWDED,
    };
    let (sharing, alone): (Vec<&Item>, Vec<&Item>) = current.iter().copied().partition(|item| item.shares_line);
    let (in_full, others) = alone.split_at(most.min(alone.len()));
    let others: Vec<&Item> = others.iter().chain(&sharing).copied().collect();
    let old_line = |waits: bool| move |item: &Item| old_item(inputs, unit, item, waits);
    let mut old_items: Vec<OldItem> = old.iter().copied().map(old_line(false)).chain(waiting.0.iter().map(old_line(true))).collect();
    (counts.old_items, counts.waiting) = (old_items.len(), waiting.0.len());
    let urgent: Vec<ItemText> = in_full.iter().map(|item| item_text(inputs, unit, item)).collect();
    let (mut unjudged, blank) = empty_cells(inputs, addressed.unjudged.iter().copied());
    (counts.blank, counts.resolved, counts.gone, counts.partly) = (blank, former.resolved.len(), former.gone.len(), former.partly);
    let comparison = opening::compare_to_last(inputs, &counts, last_notified, &former);
    let mut due: Vec<_> = addressed.due.iter().map(|index| due_line(inputs, *index)).collect();
    let sections = Sections {
        urgent,
        red_more: others.iter().filter(|item| item.light == Light::Red).count(),
        due_more: shorten(&mut due),
        due,
        rest: rest(inputs, others.iter().copied().filter(|item| item.light != Light::Red)),
        services: services(inputs, unit, offered),
        old_more: shorten(&mut old_items),
        old_items,
        resolved_more: shorten(&mut former.resolved),
        resolved: former.resolved,
        gone_more: shorten(&mut former.gone),
        gone: former.gone,
        unjudged_more: shorten(&mut unjudged),
        unjudged,
        places,
    };

    // what waits for data counts as notified once it is found in newer ones
    let notified = sorted(items.iter().chain(offered).flat_map(Item::findings).chain(addressed.unjudged.iter().copied()));
    let findings = sorted(notified.iter().copied().chain(waiting.0.iter().flat_map(Item::findings)));
    let data_notes = inputs.data_notes(findings.iter().copied(), if is_office { Reader::Office } else { Reader::Unit });
    let all_restricted = || {
        let restricted = inputs.judged.findings.iter().enumerate().filter(|(_, finding)| !is_named(finding));
        restricted.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let mut digest = Digest {
        notified: notified.iter().map(|index| (inputs.identity(*index), inputs.judged.findings[*index].light)).collect(),
        findings,
        covered: addressed.pairs().collect(),
        subject: opening::subject(inputs, &own.name, &counts),
        recipient: recipient(inputs, unit, mailbox),
        level: inputs.policy.units.levels.id(own.level).to_owned(),
        scope: opening::scope(&inputs.policy.units.levels, own.level).to_owned(),
        letterhead: opening::letterhead(inputs, unit),
        data_notes,
        calendar_note: calendar_note(&inputs.missing_calendar_years(unit)).unwrap_or_default(),
        due_until: inputs.due_until(),
        next_on: (inputs.next_on)(own.level),
        started: inputs.started,
        attached: AttachedFile { attachment: Some(format!("督办清单_{}_{}.xlsx", own.name, inputs.as_of)), attachment_retained: None },
        than_before: comparison.total,
        compared: comparison.parts,
        besides: opening::besides(inputs, &counts),
        counts,
        restricted: if is_office { inputs.count_items(&all_restricted()) } else { inputs.count_items(&addressed.restricted) },
        numerals: Numerals::default(),
        ask: opening::ask(inputs, unit, &current, is_office),
        sections,
        forwarded: Vec::new(),
        packs: Vec::new(),
        roll_up,
        replaces_on: None,
        sealed_audit: None,
    };
    if digest.recipient.counts_only {
        digest.strip_to_counts();
    }
    digest.renumber();
    digest
}

/// What the mail of a place names of a department to which it passes items on, and what the department's own workbook holds.
pub(crate) fn forwarded_unit(inputs: &PlanInputs<'_>, unit: UnitId, addressed: &UnitFindings, items: &UnitItems) -> ForwardedUnit {
    let UnitItems { counted: Items(counted), services: Items(offered), waiting } = items;
    let line = |item: &Item| {
        let ItemText { mark, name, code, line, .. } = item_text(inputs, unit, item);
        ForwardedItem { mark: if item.is_service { "" } else { mark }, name, code, line }
    };
    let mut counts = count_items(counted);
    counts.services = offered.len();
    let of_items = items.all().flat_map(Item::findings);
    let findings = sorted(of_items.chain(addressed.unjudged.iter().copied()));
    let notified = sorted(counted.iter().chain(offered).flat_map(Item::findings).chain(addressed.unjudged.iter().copied()));
    ForwardedUnit {
        unit,
        unit_name: inputs.policy.units.units[unit].name.clone(),
        items: counted.iter().chain(offered).chain(&waiting.0).map(line).collect(),
        notified: notified.iter().map(|index| (inputs.identity(*index), inputs.judged.findings[*index].light)).collect(),
        covered: addressed.pairs().collect(),
        findings,
        restricted: inputs.count_items(&addressed.restricted),
        counts,
        attachment: None,
    }
}

fn sorted(findings: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut findings: Vec<usize> = findings.collect();
    findings.sort_unstable();
    findings.dedup();
    findings
}

/// The counts of items by light and change.
fn count_items(items: &[Item]) -> Counts {
    let findings = items.iter().map(|item| item.findings().count()).sum();
    let mut counts = Counts { items: items.len(), findings, ..Counts::default() };
    for item in items {
        *counts.light(item.light) += 1;
        match item.change {
            _ if !item.was_notified => counts.new += 1,
            Change::New | Change::Reopened => counts.added += 1,
            _ => {}
        }
        counts.escalated += usize::from(item.change == Change::Escalated);
    }
    counts
}
