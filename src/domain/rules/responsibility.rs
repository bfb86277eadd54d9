//! Routing: which unit answers for a record, and which units a relation names. What resolves to nothing is a result, never a drop.

use crate::domain::judging::finding::{OneUnit, Subject};
use crate::domain::judging::judge::{Context, Policy};
use crate::domain::register::ledger::{Ledger, OwnerSpec, PROJECT, Role};
use crate::domain::register::record::{Cell, Record};
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::rule::Relation;
use chrono::NaiveDate;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The one unit that answers for a record.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    pub unit: Option<UnitId>,
    /// What the register says, for units nobody knows.
    pub text: String,
    /// The 市（州） whose rest days count.
    pub city: Option<UnitId>,
}

/// What other ledgers need to know of a project.
#[derive(Clone, Debug)]
pub struct Linked {
    pub owner: Owner,
    pub city: Option<UnitId>,
    pub industry: Option<usize>,
    pub major: Option<Level>,
    pub restricted: bool,
}

/// The owner of a record, by its ledger's owner rule.
pub fn owner_of(policy: &Policy, ledger: &Ledger, record: &Record, projects: &HashMap<String, Linked>) -> Owner {
    let units = &policy.units;
    match ledger.owner {
        OwnerSpec::Place { place, within } => {
            let text = record.text(Some(place));
            let within = units.find(record.text(within));
            let unit = units.find_place(text, within);
            let city = within.filter(|city| units.units[*city].level == Level::City);
            let own = unit.and_then(|unit| units.city_of(unit));
            // a county takes its own prefecture's days, a platform those of its 市（州） cell
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

/// What other ledgers need to know of one project record.
pub fn link(policy: &Policy, ledger: &Ledger, record: &Record) -> Linked {
    let owner = owner_of(policy, ledger, record, &HashMap::new());
    let city = owner.unit.and_then(|unit| policy.units.city_of(unit)).or(owner.city);
    let industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
    Linked { city, industry, major: policy.major_level(ledger, record, industry), restricted: is_restricted(ledger, record), owner }
}

/// The words that say a record is open; whatever else stands in the cell is taken for a restriction.
const OPEN: [&str; 7] = ["否", "公开", "无", "不涉密", "非涉密", "非密", "不涉及"];

/// Whether a record is marked 涉密 or 不便公开: outside the office's own workbook it is only counted.
pub fn is_restricted(ledger: &Ledger, record: &Record) -> bool {
    ledger.role(Role::Restricted).is_some_and(|field| is_marked(record.cell(field)))
}

/// Whether the cell of a mark says so.
pub fn is_marked(cell: &Cell) -> bool {
    match cell {
        Cell::Empty => false,
        Cell::Bool(restricted) => *restricted,
        Cell::Text(text) => !text.trim().is_empty() && !OPEN.contains(&text.trim()),
        _ => true,
    }
}

/// Who answers for a record and around it: looked up once per record.
pub struct Seat {
    pub owner: Owner,
    /// The project a record of another ledger belongs to; empty where none.
    pub(crate) linked: Arc<str>,
    /// The record is a project itself.
    is_project: bool,
    pub industry: Option<usize>,
    pub raiser: Option<UnitId>,
    pub major: Option<Level>,
    /// The record or its project is only counted below the office.
    pub restricted: bool,
    /// The cause the unit's own reported difficulty points to (index into the policy's causes): read only where there is a finding.
    cause: OnceCell<Option<usize>>,
    /// What findings of the record share, once there is one.
    pub(crate) subject: OnceCell<Arc<Subject>>,
}

impl Seat {
    /// A seat that knows only its owner.
    pub fn bare(owner: Owner) -> Seat {
        Seat {
            owner,
            linked: Arc::default(),
            is_project: false,
            industry: None,
            raiser: None,
            major: None,
            restricted: false,
            cause: OnceCell::new(),
            subject: OnceCell::new(),
        }
    }

    pub fn of(context: &Context<'_>, ledger_index: usize, record: &Record) -> Seat {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        let owner = owner_of(policy, ledger, record, context.projects);
        let mut seat = Seat::bare(owner);
        seat.restricted = is_restricted(ledger, record);
        if ledger.id == PROJECT {
            seat.is_project = true;
            seat.industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
            seat.major = policy.major_level(ledger, record, seat.industry);
        } else if let Some(field) = ledger.role(Role::Project) {
            seat.linked = record.text(Some(field)).into();
            if let Some(linked) = context.projects.get(&*seat.linked) {
                seat.industry = linked.industry;
                seat.major = linked.major;
                seat.raiser = linked.owner.unit;
                seat.restricted |= linked.restricted;
            }
        } else {
            seat.industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
        }
        seat
    }

    /// The cause that the difficulty reported on a project points to, in its order of precedence.
    pub fn cause<'p>(&self, policy: &'p Policy, ledger: &Ledger, record: &Record) -> Option<&'p Arc<str>> {
        let index = *self.cause.get_or_init(|| {
            let difficulty = record.text(ledger.role(Role::Difficulty).filter(|_| ledger.id == PROJECT));
            if difficulty.is_empty() {
                return None;
            }
            policy.causes.iter().position(|(_, words)| words.iter().any(|word| difficulty.contains(word)))
        });
        index.map(|index| &policy.causes[index].0)
    }

    /// The 市（州） whose own rest days count.
    pub fn prefecture<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        self.owner.city.map(|city| policy.units.units[city].name.as_str())
    }

    /// The project the record belongs to, its own code for a project; empty where none.
    pub fn project<'a>(&'a self, record: &'a Record) -> &'a str {
        if self.is_project { &record.code } else { &self.linked }
    }

    /// What findings of the record are about; `unit` is the owner as a person reads it.
    pub(crate) fn subject_of(&self, context: &Context<'_>, ledger: &Ledger, record: &Record, unit: Arc<str>) -> Subject {
        let key: Arc<str> = record.code.as_str().into();
        Subject {
            name: record.text(ledger.role(Role::Name)).into(),
            owner: self.owner.unit,
            unit,
            project: if self.is_project { key.clone() } else { self.linked.clone() },
            waits_on: context.waiting.get(&record.code).copied().filter(|_| self.is_project).into(),
            named: self.named(context.policy, context.as_of),
            major: self.major,
            restricted: self.restricted,
            key,
        }
    }

    /// The unit each relation names on `as_of`.
    pub(crate) fn named(&self, policy: &Policy, as_of: NaiveDate) -> [OneUnit; Relation::ALL.len()] {
        Relation::ALL.map(|relation| self.resolve(policy, relation, as_of).into())
    }

    /// The unit a relation names on `as_of`.
    pub fn resolve(&self, policy: &Policy, relation: Relation, as_of: NaiveDate) -> Option<UnitId> {
        let units = &policy.units;
        match relation {
            Relation::Owner => self.owner.unit,
            Relation::Superior => self.owner.unit.and_then(|unit| units.units[unit].place.or(units.units[unit].parent)),
            Relation::Lead => self.industry.and_then(|industry| units.lead(industry, as_of)),
            Relation::Raiser => self.raiser,
            Relation::Office => Some(units.office()),
        }
    }
}

/// The codes of the projects that a record of another ledger points to.
pub fn project_of(ledger: &Ledger, record: &Record) -> Option<String> {
    if ledger.id == PROJECT {
        return None;
    }
    match record.cell(ledger.role(Role::Project)?) {
        Cell::Text(code) => Some(code.to_string()),
        _ => None,
    }
}
