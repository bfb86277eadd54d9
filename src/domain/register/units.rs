//! Responsible units (责任单位), industries and who leads them. The order of units is the administrative order of every table.

use crate::domain::look_alikes::usual_char;
use crate::domain::register::levels::{Level, LevelKind, Levels};
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Index of a unit in [`Units`].
pub type UnitId = usize;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    pub code: String,
    pub name: String,
    /// The form of address in mails.
    pub title: String,
    pub level: Level,
    /// The next level up; `None` for the office.
    pub parent: Option<UnitId>,
    /// The place a local department belongs to.
    pub place: Option<UnitId>,
    pub mailbox: Option<String>,
    pub term: Term,
    /// The unit that took over when its term ended.
    pub into: Option<UnitId>,
}

/// The days on which something is valid, both included; `None` = no beginning, no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    pub from: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
}

impl Term {
    pub fn holds(self, on: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= on) && self.until.is_none_or(|until| on <= until)
    }

    fn overlaps(self, other: Term) -> bool {
        let begins_before_end = |one: Term, two: Term| one.from.zip(two.until).is_none_or(|(from, until)| from <= until);
        begins_before_end(self, other) && begins_before_end(other, self)
    }

    /// Days between the term and a day outside it.
    fn distance(self, on: NaiveDate) -> i64 {
        let before = self.from.map_or(0, |from| (from - on).num_days());
        let after = self.until.map_or(0, |until| (on - until).num_days());
        before.max(after).max(0)
    }
}

/// A name of a unit or industry, for the days on which it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    pub name: String,
    pub term: Term,
}

impl Alias {
    /// A name that is always in use.
    pub fn always(name: impl Into<String>) -> Alias {
        Alias { name: name.into(), term: Term::default() }
    }
}

#[derive(Clone, Debug)]
pub struct Industry {
    pub name: String,
    pub group: String,
    /// Lead departments with the day each takes over (`None`: from the beginning).
    pub leads: Vec<(Option<NaiveDate>, UnitId)>,
    pub term: Term,
    /// The industry it was merged into when its term ended.
    pub into: Option<usize>,
}

/// A kind of department that the office's own level and every place has, as difficulties name it (自然资源).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DepartmentKind {
    pub name: String,
    /// What its departments are called behind the name of a place, the longest first; the name is one of them.
    pub words: Vec<String>,
    /// The unit of the office's own level.
    pub top: UnitId,
    /// The local unit by place.
    pub local: BTreeMap<UnitId, UnitId>,
}

/// Names with the terms in which they are in use. The same name may mean different things at different times.
#[derive(Clone, Debug, Default)]
struct Names {
    known: BTreeMap<String, Vec<(Term, usize)>>,
    /// What each name means on the day of the table, else in its last term. It is never iterated for an output, so its order does not matter.
    now: hashbrown::HashMap<String, usize>,
}

impl Names {
    /// Adds a name; `false` = another unit or industry has the name at the same time.
    fn add(&mut self, alias: &Alias, id: usize) -> bool {
        let key = normalize_name(&alias.name);
        let known = self.known.entry(key.clone()).or_default();
        if known.iter().any(|(term, other)| *other != id && term.overlaps(alias.term)) {
            return false;
        }
        if !known.contains(&(alias.term, id)) {
            known.push((alias.term, id));
        }
        let last = known.iter().max_by_key(|(term, _)| (term.until.is_none(), term.until)).map_or(id, |(_, id)| *id);
        self.now.insert(key, last);
        true
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.now.get(name).or_else(|| self.now.get(&normalize_name(name))).copied()
    }

    /// Sets what each name means on a day. Registers use old names for years, so outside all its terms a name means what it means in the
    /// nearest term.
    fn fix(&mut self, on: NaiveDate) {
        for (name, known) in &self.known {
            if let Some((_, id)) = known.iter().min_by_key(|(term, _)| (term.distance(on), term.from)) {
                self.now.insert(name.clone(), *id);
            }
        }
    }
}

/// Serialized it finds units by the names of its day, and nothing else: that is what an intake asks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Units {
    pub levels: Levels,
    pub units: Vec<Unit>,
    #[serde(skip)]
    pub industries: Vec<Industry>,
    pub departments: Vec<DepartmentKind>,
    #[serde(serialize_with = "names_now", deserialize_with = "only_now")]
    names: Names,
    #[serde(skip)]
    industry_names: Names,
    /// The day of the tables, see [`Units::on`].
    day: Option<NaiveDate>,
}

impl Units {
    /// An office without units yet.
    pub fn new(levels: Levels) -> Units {
        Units { levels, ..Units::default() }
    }

    /// Adds a unit with its aliases; its name is in use for its own term.
    ///
    /// # Errors
    /// The name or alias that another unit has at the same time.
    pub fn add(&mut self, unit: Unit, aliases: &[Alias]) -> Result<UnitId, String> {
        let id = self.units.len();
        let own = Alias { name: unit.name.clone(), term: unit.term };
        for alias in std::iter::once(&own).chain(aliases) {
            if !self.names.add(alias, id) {
                return Err(alias.name.clone());
            }
        }
        self.units.push(unit);
        Ok(id)
    }

    /// As [`Units::add`], for industries.
    pub fn add_industry(&mut self, industry: Industry, aliases: &[Alias]) -> Result<(), String> {
        let index = self.industries.len();
        let own = Alias { name: industry.name.clone(), term: industry.term };
        for alias in std::iter::once(&own).chain(aliases) {
            if !self.industry_names.add(alias, index) {
                return Err(alias.name.clone());
            }
        }
        self.industries.push(industry);
        Ok(())
    }

    /// The tables as of a day: every name has its meaning on that day, a merged unit is replaced by its successor, and a role such as
    /// 基础材料牵头部门 names the department that leads the industry on that day. Indices do not change.
    pub fn on(&self, day: NaiveDate) -> Units {
        let mut units = self.clone();
        units.day = Some(day);
        units.names.fix(day);
        units.industry_names.fix(day);
        let successor = |id: UnitId| self.successor(id, day);
        for id in units.names.now.values_mut() {
            *id = successor(*id);
        }
        for id in units.industry_names.now.values_mut() {
            *id = self.industry_successor(*id, day);
        }
        for unit in &mut units.units {
            unit.parent = unit.parent.map(successor);
            unit.place = unit.place.map(successor);
        }
        for industry in &mut units.industries {
            industry.leads.iter_mut().for_each(|(_, lead)| *lead = successor(*lead));
        }
        for kind in &mut units.departments {
            kind.top = successor(kind.top);
            // the names of the local departments of a dissolved place mean those of its successor
            let locals: Vec<(UnitId, UnitId)> = kind.local.iter().map(|(place, local)| (*place, *local)).collect();
            for (place, local) in locals {
                if let Some(inherited) = kind.local.get(&successor(place)).copied().filter(|inherited| *inherited != local) {
                    for id in units.names.now.values_mut().filter(|id| **id == local) {
                        *id = inherited;
                    }
                }
            }
        }
        let roles: Vec<(String, UnitId)> = units
            .industry_names
            .now
            .iter()
            .filter_map(|(name, industry)| Some((name, units.lead(*industry, day)?)))
            .flat_map(|(name, lead)| ROLE_ENDINGS.map(|ending| (format!("{name}{ending}"), lead)))
            .collect();
        units.names.now.extend(roles);
        units
    }

    /// The successor of a unit on a day: the unit it was merged into by then, else itself.
    pub fn successor(&self, mut id: UnitId, day: NaiveDate) -> UnitId {
        // bounded, in case of a cycle; `check` refuses one
        for _ in 0..self.units.len() {
            match self.units[id].into {
                Some(into) if self.units[id].term.until.is_some_and(|until| until < day) => id = into,
                _ => return id,
            }
        }
        id
    }

    fn industry_successor(&self, mut index: usize, day: NaiveDate) -> usize {
        for _ in 0..self.industries.len() {
            match self.industries[index].into {
                Some(into) if self.industries[index].term.until.is_some_and(|until| until < day) => index = into,
                _ => return index,
            }
        }
        index
    }

    /// Whether a unit exists on the day of the tables.
    pub fn is_active(&self, unit: UnitId) -> bool {
        self.day.is_none_or(|day| {
            self.units[unit].term.holds(day) && self.units[unit].place.is_none_or(|place| self.units[place].term.holds(day))
        })
    }

    pub fn has_industry(&self, industry: usize) -> bool {
        self.day.is_none_or(|day| self.industries[industry].term.holds(day))
    }

    /// The unit that a configuration file names: by name or alias, or as the office's own department of a kind.
    pub fn find_configured(&self, name: &str) -> Option<UnitId> {
        self.find(name).or_else(|| self.department(name, None))
    }

    /// The unit that a person names by its code or by a name.
    pub fn named(&self, text: &str) -> Option<UnitId> {
        let by_code = || self.units.iter().position(|unit| unit.code.eq_ignore_ascii_case(text.trim()));
        by_code().or_else(|| self.find(text.trim()))
    }

    /// The unit with a name or alias, compared by [`normalize_name`].
    pub fn find(&self, name: &str) -> Option<UnitId> {
        self.names.find(name).or_else(|| self.find_below(name))
    }

    /// A place written with what it lies in, and that perhaps with its province.
    fn find_below(&self, name: &str) -> Option<UnitId> {
        // no two names are nearly as long, and the time grows with the square
        const BYTES_MAX: usize = 1000;
        if name.len() > BYTES_MAX {
            return None;
        }
        let name = normalize_name(name);
        let name = name.split_once('省').map_or(name.as_str(), |(_, below)| below);
        name.char_indices().skip(1).find_map(|(at, _)| {
            let (within, place) = (self.names.find(&name[..at])?, self.names.find(&name[at..])?);
            (self.levels.holds_places(self.units[within].level) && self.units[place].parent == Some(within)).then_some(place)
        })
    }

    /// The place that a cell names. `within` is the division that the cell beside it names; a base unit must lie in it.
    pub fn find_place(&self, name: &str, within: Option<UnitId>) -> Option<UnitId> {
        let id = self.find(name)?;
        match within {
            Some(division) if self.units[id].level.kind() == LevelKind::Base && self.units[id].parent != Some(division) => None,
            _ => Some(id),
        }
    }

    pub fn industry(&self, name: &str) -> Option<usize> {
        self.industry_names.find(name)
    }

    /// The department that leads an industry on a day.
    pub fn lead(&self, industry: usize, on: NaiveDate) -> Option<UnitId> {
        let leads = &self.industries[industry].leads;
        leads.iter().filter(|(since, _)| since.is_none_or(|since| since <= on)).max_by_key(|(since, _)| *since).map(|(_, unit)| *unit)
    }

    /// The day since which that department leads it; `None` = from the beginning.
    pub fn lead_since(&self, industry: usize, on: NaiveDate) -> Option<NaiveDate> {
        let leads = &self.industries[industry].leads;
        leads
            .iter()
            .filter(|(since, _)| since.is_none_or(|since| since <= on))
            .max_by_key(|(since, _)| *since)
            .and_then(|(since, _)| *since)
    }

    /// The office: the unit of the top level.
    pub fn office(&self) -> UnitId {
        self.units.iter().position(|unit| unit.level.kind() == LevelKind::Top).unwrap_or(0)
    }

    /// The division of the office's area that a unit lies in (itself if it is one); `None` for units of the office's own level.
    pub fn division_of(&self, unit: UnitId) -> Option<UnitId> {
        let mut at = Some(unit);
        while let Some(id) = at {
            if self.levels.is_division(self.units[id].level) {
                return Some(id);
            }
            at = self.units[id].place.or(self.units[id].parent);
        }
        None
    }

    /// The unit directly below the office that answers for a unit: itself or one of its superiors. A unit that is subordinate to another than its
    /// place follows that one. `None` for the office, and for a unit that is not below it.
    pub fn answering(&self, unit: UnitId) -> Option<UnitId> {
        let office = self.office();
        let above = |unit: UnitId| self.units[unit].parent.or(self.units[unit].place);
        std::iter::successors(Some(unit), |unit| above(*unit)).take(self.units.len()).find(|unit| above(*unit) == Some(office))
    }

    /// A unit and all its superiors, bottom up.
    pub fn upwards(&self, unit: UnitId) -> impl Iterator<Item = UnitId> + '_ {
        // bounded by the number of units, in case the table contains a cycle
        std::iter::successors(Some(unit), |unit| self.units[*unit].place.or(self.units[*unit].parent)).take(self.units.len())
    }

    /// Whether `unit` is `above` or subordinate to it.
    pub fn is_within(&self, unit: UnitId, above: UnitId) -> bool {
        self.upwards(unit).any(|known| known == above)
    }

    /// The asked department of a difficulty: that of the office's own level, or that of a place.
    pub fn department(&self, name: &str, place: Option<UnitId>) -> Option<UnitId> {
        let kind = self.departments.iter().find(|kind| kind.name == name)?;
        match place {
            None => Some(kind.top),
            Some(place) => kind.local.get(&place).copied(),
        }
    }

    /// The unit that a record names as responsible: by a name of its own, as a department of a kind, or as a department with the place before it
    /// `place` is where a department without a place is: `None` = not known, `Some(None)` = the office's own level.
    pub fn responsible(&self, text: &str, place: Option<Option<UnitId>>) -> Option<UnitId> {
        let name = normalize_name(text);
        let at = |kind: &DepartmentKind| match place? {
            None => Some(kind.top),
            Some(place) => kind.local.get(&place).copied(),
        };
        let (kind, before) = match self.department_kind(&name) {
            Some((kind, "")) => return at(kind),
            Some((kind, before)) => (Some(kind), before),
            None => (None, ""),
        };
        if let Some(unit) = self.find(&name) {
            return Some(unit);
        }
        if let Some(kind) = kind {
            if let Some(unit) = self.find(before) {
                return if unit == self.office() { Some(kind.top) } else { kind.local.get(&unit).copied() };
            }
            match self.levels.word_of_place(before) {
                Some(LevelKind::Top) => return Some(kind.top),
                // the department of a place that nobody knows is none
                Some(_) if place != Some(None) => return at(kind),
                _ => {}
            }
        }
        let of_place = |place: UnitId| self.find(&format!("{}{name}", self.units[place].name));
        place.flatten().and_then(of_place)
    }

    /// Whether a text names a unit or a department, wherever the department is.
    pub fn is_responsible(&self, text: &str) -> bool {
        let name = normalize_name(text);
        let is_department = || {
            let found = self.department_kind(&name);
            let is_place = |before: &str| before.is_empty() || self.levels.word_of_place(before).is_some() || self.find(before).is_some();
            found.is_some_and(|(_, before)| is_place(before))
        };
        self.find(&name).is_some() || is_department()
    }

    /// The kind of a department and what is written before its word.
    fn department_kind<'n>(&self, name: &'n str) -> Option<(&DepartmentKind, &'n str)> {
        let of_kind = |kind| Self::before_word(kind, name).map(|before| (kind, before));
        self.departments.iter().filter_map(of_kind).min_by_key(|(_, before)| before.len())
    }

    fn before_word<'n>(kind: &DepartmentKind, name: &'n str) -> Option<&'n str> {
        kind.words.iter().find_map(|word| name.strip_suffix(word.as_str()))
    }

    /// The unit and mailbox that receive the mail of a unit: its own, else those of the nearest superior that has one (代转).
    pub fn mailbox(&self, unit: UnitId) -> Option<(UnitId, &str)> {
        let mut at = unit;
        loop {
            if let Some(mailbox) = &self.units[at].mailbox {
                return Some((at, mailbox));
            }
            at = self.units[at].place.or(self.units[at].parent)?;
        }
    }
}

/// Names with what they mean on the day of the table.
fn names_now<S: Serializer>(names: &Names, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(&names.now)
}

fn only_now<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
    let now: Vec<(String, usize)> = Vec::deserialize(deserializer)?;
    Ok(Names { known: BTreeMap::new(), now: now.into_iter().collect() })
}

/// The suffixes by which a register names the department that leads an industry.
const ROLE_ENDINGS: [&str; 2] = ["牵头部门", "产业牵头部门"];

/// The canonical form of a name: no spaces of any width, full-width letters and brackets as ASCII.
pub fn normalize_name(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}'))
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => usual_char(c),
        })
        .collect()
}

/// An optional unit in four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CompactUnit(Option<NonZeroU32>);

impl From<Option<UnitId>> for CompactUnit {
    fn from(unit: Option<UnitId>) -> CompactUnit {
        CompactUnit(unit.and_then(|unit| NonZeroU32::new(u32::try_from(unit).ok()?.checked_add(1)?)))
    }
}

impl From<CompactUnit> for Option<UnitId> {
    fn from(CompactUnit(unit): CompactUnit) -> Option<UnitId> {
        unit.map(|unit| unit.get() as UnitId - 1)
    }
}
