//! The units behind a record: its owner, who raised it, in whose name it was issued, and which of them a party of a transition names.

use crate::domain::life::declaration::Party;
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::levels::{Level, LevelKind, LevelWord};
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::condition::Waits;
use crate::domain::rules::owner::{Linked, Owner, owner_of};
use crate::domain::rules::policy::Policy;
use std::collections::{BTreeSet, HashMap};

/// What deciding about the records of a ledger needs besides the records.
pub struct Office<'a> {
    /// With the units that are valid on the day.
    pub policy: &'a Policy,
    /// Index of the ledger.
    pub ledger: usize,
    /// The projects to which records belong, by code.
    pub projects: &'a HashMap<String, Linked>,
    /// Their names.
    pub project_names: &'a HashMap<String, String>,
    /// The names of the persons that the directory knows of a unit.
    pub persons: &'a HashMap<UnitId, BTreeSet<String>>,
}

impl<'a> Office<'a> {
    pub fn ledger(&self) -> &'a Ledger {
        &self.policy.ledgers[self.ledger]
    }

    pub fn owner(&self, record: &Record) -> Owner {
        owner_of(self.policy, self.ledger(), record, self.projects)
    }

    /// The calendar by which the working days of a record count.
    pub fn calendar(&self, record: &Record) -> Local<'a> {
        let division = self.owner(record).division;
        self.policy.calendar.of(division.map(|division| self.policy.units.units[division].name.as_str()))
    }

    pub fn project(&self, record: &Record) -> Option<&'a Linked> {
        self.projects.get(&self.ledger().project_of(record)?)
    }

    fn unit_in(&self, record: &Record, role: Role) -> Option<UnitId> {
        let text = record.text(self.ledger().role(role));
        if text.is_empty() { None } else { self.policy.units.find_configured(text) }
    }

    /// The level that a record belongs to: the one that is asked, else that of its owner. An empty or unknown level is the lowest.
    fn level(&self, record: &Record) -> Option<Level> {
        let units = &self.policy.units;
        match self.ledger().owner {
            OwnerSpec::Department { level, .. } => units.levels.asked(record.text(Some(level))).or_else(|| self.grades().last().copied()),
            OwnerSpec::Place { .. } | OwnerSpec::Unit { .. } => self.owner(record).unit.map(|unit| units.units[unit].level),
        }
    }

    /// The levels that are a rank, from the top down.
    fn grades(&self) -> Vec<Level> {
        let levels = &self.policy.units.levels;
        levels.all().filter(|level| !levels.word(*level, LevelWord::Grade).is_empty()).collect()
    }

    /// Whether a record belongs to a level below the office's own.
    pub fn is_below_top(&self, record: &Record) -> bool {
        self.level(record).is_none_or(|level| level.kind() != LevelKind::Top)
    }

    /// The word of the level above that of a record.
    pub fn above(&self, record: &Record) -> &'a str {
        let grades = self.grades();
        let level = self.level(record);
        let above = grades.iter().position(|grade| Some(*grade) == level).and_then(|position| grades.get(position.checked_sub(1)?));
        above.map_or("", |level| self.policy.units.levels.word(*level, LevelWord::Grade))
    }

    /// The office of the level that a record belongs to: of the place or division of its project, or the office itself.
    pub fn level_office(&self, record: &Record) -> UnitId {
        let linked = self.project(record);
        let unit = match self.level(record).map(Level::kind) {
            Some(LevelKind::Top | LevelKind::Lead | LevelKind::Support) => None,
            Some(LevelKind::Middle) => linked.and_then(|project| project.division),
            Some(LevelKind::Base | LevelKind::Park) | None => linked.and_then(|project| project.owner.unit),
        };
        unit.unwrap_or_else(|| self.policy.units.office())
    }

    /// The unit in whose name the record was issued, decided or recorded.
    pub fn issuer(&self, record: &Record) -> UnitId {
        if let Some(unit) = self.unit_in(record, Role::Issuer) {
            return unit;
        }
        match self.ledger().owner {
            OwnerSpec::Department { .. } => self.level_office(record),
            OwnerSpec::Place { .. } | OwnerSpec::Unit { .. } => self.policy.units.office(),
        }
    }

    /// The unit that raised the record, else the owner of its project.
    pub fn raiser(&self, record: &Record) -> Option<UnitId> {
        self.unit_in(record, Role::RaisedBy).or_else(|| self.project(record)?.owner.unit)
    }

    fn pushed_to(&self, record: &Record) -> Vec<UnitId> {
        let text = record.text(self.ledger().role(Role::PushedTo));
        text.split(['、', '，', ',', '；', ';']).filter_map(|name| self.policy.units.find_configured(name.trim())).collect()
    }

    /// The next unit above the owner.
    pub fn superior(&self, record: &Record) -> Option<UnitId> {
        let units = &self.policy.units;
        self.owner(record).unit.and_then(|unit| units.units[unit].place.or(units.units[unit].parent))
    }

    /// The units whose act a record in a state waits for.
    pub fn waited_for(&self, waits: Waits, record: &Record) -> Vec<UnitId> {
        match waits {
            Waits::Owner | Waits::Asked => self.owner(record).unit.into_iter().collect(),
            Waits::Raiser => self.raiser(record).into_iter().collect(),
            Waits::Pushed => self.pushed_to(record),
            Waits::IssuerClerk | Waits::IssuerReleaser => vec![self.issuer(record)],
            Waits::LevelClerk => vec![self.level_office(record)],
            Waits::Nobody => Vec::new(),
        }
    }

    /// The units that may act as a party of a transition on a record.
    pub fn units_of(&self, party: Party, record: &Record) -> Vec<UnitId> {
        let units = &self.policy.units;
        let owner = || self.owner(record).unit;
        match party {
            Party::Owner | Party::Asked => owner().into_iter().collect(),
            Party::OwnerAbove => owner().filter(|owner| self.has_units_below(*owner)).into_iter().collect(),
            Party::Raiser => self.raiser(record).into_iter().collect(),
            Party::Pushed => self.pushed_to(record),
            Party::Superior => self.superior(record).into_iter().collect(),
            Party::LevelClerk => vec![self.level_office(record)],
            Party::IssuerClerk | Party::IssuerReleaser => vec![self.issuer(record)],
            Party::Any => self.project(record).and_then(|project| project.owner.unit).into_iter().collect(),
            Party::Service => vec![units.office()],
        }
    }

    fn has_units_below(&self, unit: UnitId) -> bool {
        let units = &self.policy.units;
        (0..units.units.len()).any(|other| units.is_active(other) && units.units[other].place.or(units.units[other].parent) == Some(unit))
    }

    pub fn name(&self, unit: UnitId) -> &'a str {
        &self.policy.units.units[unit].name
    }
}
