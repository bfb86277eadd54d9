//! Exemptions (豁免、延期、异议): what is approved not to be chased for a time. The light stays as it is computed: an extension moves no
//! date, an objection softens nothing.

use crate::domain::judging::quality::QualityKind;
use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::record::Record;
use crate::domain::register::units::spelling;
use crate::domain::rules::policy::{ExemptKey, Policy};
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap};

/// What kind of leave it is. The order is that of precedence where several end on one day.
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

/// One in force: the last day it holds is `expires`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub kind: ExemptKind,
    pub expires: NaiveDate,
}

/// The exemptions in force on a day, and the rows that could not be taken for one.
#[derive(Debug, Default)]
pub struct Exemptions {
    pub in_force: HashMap<ExemptKey, Exemption>,
    /// Index into the records, and what is wrong.
    pub doubts: Vec<(usize, QualityKind)>,
}

/// Reads the rows of the exemption ledger. A row counts from the day it was granted to the day it ends; it must name a rule (id or title)
/// and a key. Of several for one finding the one that ends last counts; of objections only the first ever granted.
pub fn exemptions_in_force(policy: &Policy, records: &[Record], as_of: NaiveDate) -> Exemptions {
    let mut out = Exemptions::default();
    let Some(ledger) = policy.ledger("exemption").map(|index| &policy.ledgers[index]) else { return out };
    let date = |record: &Record, role: Role| ledger.role(role).and_then(|field| record.cell(field).date());
    let mut objections: BTreeMap<(String, String), Vec<(NaiveDate, usize)>> = BTreeMap::new();
    let mut counted = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let named = spelling(record.text(ledger.role(Role::ExemptRule)));
        let rule = policy.rules.iter().find(|rule| rule.id == named || spelling(&rule.title) == named);
        let key = record.text(ledger.role(Role::ExemptKey));
        let (Some(rule), false) = (rule, key.is_empty()) else {
            out.doubts.push((index, QualityKind::ExemptionOfNothing));
            continue;
        };
        let kind = match record.text(ledger.role(Role::ExemptionKind)) {
            "异议" => ExemptKind::Objection,
            "延期" => ExemptKind::Extension,
            // an approval that does not say what it is is the plain one
            _ => ExemptKind::Exemption,
        };
        let granted = date(record, Role::Granted);
        let stated = date(record, Role::Expires);
        let most = match (kind, policy.exemptions.objection_workdays, granted) {
            (ExemptKind::Objection, Some(workdays), Some(granted)) => Some(end_of_objection(policy, ledger, record, granted, workdays)),
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
    let mut again = Vec::new();
    for rows in objections.values_mut() {
        rows.sort_unstable();
        again.extend(rows.iter().skip(1).map(|(_, index)| *index));
    }
    out.doubts.extend(again.iter().map(|index| (*index, QualityKind::ObjectionAgain)));
    out.doubts.sort_unstable();
    for (index, key, exemption, granted) in counted {
        if granted > as_of || exemption.expires < as_of || again.contains(&index) {
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
fn end_of_objection(policy: &Policy, ledger: &Ledger, record: &Record, granted: NaiveDate, workdays: u32) -> NaiveDate {
    let units = &policy.units;
    let city = units.find(record.text(Some(ledger.owner.field()))).and_then(|unit| units.city_of(unit));
    let prefecture = city.map(|city| units.units[city].name.as_str());
    policy.calendar.of(prefecture).due(granted, Span::Workdays(workdays), false)
}
