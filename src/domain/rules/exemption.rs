//! Exemptions (豁免、延期、异议): findings that, by an approval, are not chased for a time. An exemption changes neither the light nor the
//! due date of a finding.

use crate::domain::judging::quality::QualityKind;
use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::{Ledger, Purpose, Role};
use crate::domain::register::record::Record;
use crate::domain::register::units::normalize_name;
use crate::domain::rules::policy::{ExemptKey, Policy};
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap};

/// The kind of an exemption. Where several end on the same day, the greatest kind counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExemptKind {
    Objection,
    Extension,
    Exemption,
}

impl ExemptKind {
    pub fn code(self) -> &'static str {
        match self {
            ExemptKind::Objection => "objection",
            ExemptKind::Extension => "extension",
            ExemptKind::Exemption => "exemption",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            ExemptKind::Objection => "异议",
            ExemptKind::Extension => "延期",
            ExemptKind::Exemption => "豁免",
        }
    }
}

/// An exemption in force. `expires` is its last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub kind: ExemptKind,
    pub expires: NaiveDate,
}

/// The exemptions in force on a day, and the rows that are no valid exemption.
#[derive(Debug, Default)]
pub struct Exemptions {
    pub in_force: HashMap<ExemptKey, Exemption>,
    /// Index into the records, and what is wrong.
    pub doubts: Vec<(usize, QualityKind)>,
}

/// Reads the rows of the exemption ledger. A row counts from the day it was granted to the day it ends, both included; it must name a rule
/// (id or title) and a key. Of several for one finding the one that ends last counts; of objections only the first ever granted.
pub fn exemptions_in_force(policy: &Policy, records: &[Record], as_of: NaiveDate) -> Exemptions {
    let mut out = Exemptions::default();
    let Some(ledger) = policy.ledger_for(Purpose::Exemption).map(|index| &policy.ledgers[index]) else { return out };
    let date = |record: &Record, role: Role| ledger.role(role).and_then(|field| record.cell(field).date());
    let mut objections: BTreeMap<(String, String), Vec<(NaiveDate, usize)>> = BTreeMap::new();
    let mut counted = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let named = normalize_name(record.text(ledger.role(Role::ExemptRule)));
        let rule = policy.rules.iter().find(|rule| rule.id == named || normalize_name(&rule.title) == named);
        let key = record.text(ledger.role(Role::ExemptKey));
        let (Some(rule), false) = (rule, key.is_empty()) else {
            out.doubts.push((index, QualityKind::ExemptionOfNothing));
            continue;
        };
        let kind = match record.text(ledger.role(Role::ExemptionKind)) {
            "异议" => ExemptKind::Objection,
            "延期" => ExemptKind::Extension,
            // an approval without a kind is a plain exemption
            _ => ExemptKind::Exemption,
        };
        let granted = date(record, Role::Granted);
        let stated = date(record, Role::Expires);
        let most = match (kind, policy.exemptions.objection_workdays, granted) {
            (ExemptKind::Objection, Some(workdays), Some(granted)) => end_of_objection(policy, ledger, record, granted, workdays),
            _ => None,
        };
        let expires = match (stated, most) {
            (Some(stated), Some(most)) => Some(stated.min(most)),
            (stated, most) => stated.or(most),
        };
        let (Some(granted), Some(expires)) = (granted, expires) else {
            out.doubts.push((index, QualityKind::ExemptionWithoutTerm));
            continue;
        };
        if kind == ExemptKind::Objection {
            objections.entry((rule.id.clone(), key.to_owned())).or_default().push((granted, index));
        }
        counted.push((index, ExemptKey { rule: rule.id.clone(), key: key.to_owned() }, Exemption { kind, expires }, granted));
    }
    let mut repeated = Vec::new();
    for rows in objections.values_mut() {
        rows.sort_unstable();
        repeated.extend(rows.iter().skip(1).map(|(_, index)| *index));
    }
    out.doubts.extend(repeated.iter().map(|index| (*index, QualityKind::RepeatedObjection)));
    out.doubts.sort_unstable();
    for (index, key, exemption, granted) in counted {
        if granted > as_of || exemption.expires < as_of || repeated.contains(&index) {
            continue;
        }
        let known = out.in_force.entry(key).or_insert(exemption);
        if (exemption.expires, exemption.kind) > (known.expires, known.kind) {
            *known = exemption;
        }
    }
    out
}

/// The last day of an objection, by the calendar of the unit that raised it.
fn end_of_objection(policy: &Policy, ledger: &Ledger, record: &Record, granted: NaiveDate, workdays: u32) -> Option<NaiveDate> {
    let units = &policy.units;
    let division = units.find(record.text(Some(ledger.owner.field()))).and_then(|unit| units.division_of(unit));
    let prefecture = division.map(|division| units.units[division].name.as_str());
    policy.calendar.of(prefecture).due(granted, Span::Workdays(workdays), false)
}
