//! The owner: which unit answers for a record. An owner that resolves to no unit is a result; the record is never dropped.

use crate::domain::audience::{is_negotiation_only, is_restricted};
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::record::Record;
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::policy::Policy;
use std::collections::HashMap;

/// The one unit that is responsible for a record.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    pub unit: Option<UnitId>,
    /// The text of the register, for an owner that is no known unit.
    pub text: String,
    /// The 市（州） whose rest days count.
    pub city: Option<UnitId>,
}

/// The facts of a project that the records of other ledgers need.
#[derive(Clone, Debug)]
pub struct Linked {
    pub owner: Owner,
    pub city: Option<UnitId>,
    pub industry: Option<usize>,
    pub major: Option<Level>,
    pub restricted: bool,
    /// Its row is shown only to its own unit, the recipients of its findings, and the office.
    pub negotiation_only: bool,
}

/// The owner of a record, found as the ledger specifies.
pub fn owner_of(policy: &Policy, ledger: &Ledger, record: &Record, projects: &HashMap<String, Linked>) -> Owner {
    let units = &policy.units;
    match ledger.owner {
        OwnerSpec::Place { place, within } => {
            let text = record.text(Some(place));
            let within = units.find(record.text(within));
            let unit = units.find_place(text, within);
            let city = within.filter(|city| units.units[*city].level == Level::City);
            let own = unit.and_then(|unit| units.city_of(unit));
            // a county follows the rest days of its own prefecture, a platform those of its 市（州） cell
            let city = match unit.map(|unit| units.units[unit].level) {
                Some(Level::Platform) | None => city.or(own),
                Some(_) => own.or(city),
            };
            Owner { unit, text: if unit.is_none() { text.to_owned() } else { String::new() }, city }
        }
        OwnerSpec::Unit { unit } => {
            let text = record.text(Some(unit));
            let unit = units.find(text);
            Owner { unit, text: text.to_owned(), city: unit.and_then(|unit| units.city_of(unit)) }
        }
        OwnerSpec::Department { department, level, project } => {
            let name = record.text(Some(department));
            let asked = record.text(Some(level));
            let linked = projects.get(record.text(Some(project)));
            let place = match asked {
                ASKED_PROVINCE => Some(None),
                ASKED_CITY => linked.and_then(|project| project.city).map(Some),
                _ => linked.and_then(|project| project.owner.unit).map(Some),
            };
            let unit = place.and_then(|place| units.department(name, place));
            Owner { unit, text: format!("{asked}{name}"), city: unit.and_then(|unit| units.city_of(unit)) }
        }
    }
}

/// The words of 提请层级.
const ASKED_PROVINCE: &str = "省级";
const ASKED_CITY: &str = "市级";

/// The facts of one project record that the records of other ledgers need.
pub fn link(policy: &Policy, ledger: &Ledger, record: &Record) -> Linked {
    let owner = owner_of(policy, ledger, record, &HashMap::new());
    let city = owner.unit.and_then(|unit| policy.units.city_of(unit)).or(owner.city);
    let industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
    Linked {
        city,
        industry,
        major: policy.major_level(ledger, record, industry),
        restricted: is_restricted(ledger, record, || false),
        negotiation_only: is_negotiation_only(ledger, record),
        owner,
    }
}
