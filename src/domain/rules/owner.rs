//! The owner: which unit answers for a record. An owner that resolves to no unit is a result; the record is never dropped.

use crate::domain::audience::{is_negotiation_only, is_restricted};
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::levels::{Level, LevelKind};
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use std::collections::HashMap;

/// The one unit that is responsible for a record.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    pub unit: Option<UnitId>,
    /// The text of the register, for an owner that is no known unit.
    pub text: String,
    /// The division whose rest days count.
    pub division: Option<UnitId>,
}

/// The facts of a project that the records of other ledgers need.
#[derive(Clone, Debug)]
pub struct Linked {
    pub owner: Owner,
    pub division: Option<UnitId>,
    pub industry: Option<usize>,
    pub major: Option<Level>,
    /// In 分.
    pub amount: Option<i64>,
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
            let written = within.filter(|division| units.levels.is_division(units.units[*division].level));
            let own = unit.and_then(|unit| units.division_of(unit));
            // a base unit follows the rest days of its own division, a park those of the division that the row names
            let division = match unit.map(|unit| units.units[unit].level.kind()) {
                Some(LevelKind::Park) | None => written.or(own),
                Some(_) => own.or(written),
            };
            Owner { unit, text: if unit.is_none() { text.to_owned() } else { String::new() }, division }
        }
        OwnerSpec::Unit { unit } => {
            let text = record.text(Some(unit));
            let unit = units.find(text).or_else(|| units.responsible(text, Some(None)));
            Owner { unit, text: text.to_owned(), division: unit.and_then(|unit| units.division_of(unit)) }
        }
        OwnerSpec::Department { department, level, project } => {
            let name = record.text(Some(department));
            let asked = record.text(Some(level));
            let linked = projects.get(record.text(Some(project)));
            let place = match units.levels.asked(asked).map(Level::kind) {
                Some(LevelKind::Top) => Some(None),
                Some(LevelKind::Middle) => linked.and_then(|project| project.division).map(Some),
                _ => linked.and_then(|project| project.owner.unit).map(Some),
            };
            let unit = units.responsible(name, place);
            // the word of a kind means nothing without the level
            let text = if units.departments.iter().any(|kind| kind.name == name) { format!("{asked}{name}") } else { name.to_owned() };
            Owner { unit, text, division: unit.and_then(|unit| units.division_of(unit)) }
        }
    }
}

/// The facts of one project record that the records of other ledgers need.
pub fn link(policy: &Policy, ledger: &Ledger, record: &Record) -> Linked {
    let owner = owner_of(policy, ledger, record, &HashMap::new());
    let division = owner.unit.and_then(|unit| policy.units.division_of(unit)).or(owner.division);
    let industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
    Linked {
        division,
        industry,
        major: policy.major_level(ledger, record, industry),
        amount: ledger.amount_of(record),
        restricted: is_restricted(ledger, record, || false),
        negotiation_only: is_negotiation_only(ledger, record),
        owner,
    }
}
