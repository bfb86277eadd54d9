//! Responsible units (责任单位), industries and who leads them. The order of units is the administrative order of every table.

use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Index of a unit in [`Units`].
pub type UnitId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Province,
    /// A lead department of an industry or of a signing event.
    Department,
    /// A factor department: of the province, or of a place.
    Support,
    City,
    County,
    Platform,
}

impl Level {
    pub const NAMES: [(&'static str, Level); 6] = [
        ("province", Level::Province),
        ("department", Level::Department),
        ("support", Level::Support),
        ("city", Level::City),
        ("county", Level::County),
        ("platform", Level::Platform),
    ];

    /// The Chinese name of the level.
    pub fn title(self) -> &'static str {
        match self {
            Level::Province => "省级",
            Level::Department => "省产业牵头部门",
            Level::Support => "要素保障部门",
            Level::City => "市（州）",
            Level::County => "县（市、区）",
            Level::Platform => "平台",
        }
    }

    /// A place that projects are built in and that answers for them.
    pub fn is_place(self) -> bool {
        matches!(self, Level::County | Level::Platform)
    }
}

#[derive(Clone, Debug)]
pub struct Unit {
    pub code: String,
    pub name: String,
    /// How a mail addresses it.
    pub title: String,
    pub level: Level,
    /// The next level up; `None` for the province office.
    pub parent: Option<UnitId>,
    /// The place a local department belongs to.
    pub place: Option<UnitId>,
    pub mailbox: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Industry {
    pub name: String,
    pub group: String,
    /// Lead departments with the day each takes over (`None`: from the beginning).
    pub leads: Vec<(Option<NaiveDate>, UnitId)>,
}

/// A kind of department that every place has, as a difficulty names it (自然资源部门).
#[derive(Clone, Debug)]
pub struct DepartmentKind {
    pub name: String,
    pub province: UnitId,
    /// The local unit by place.
    pub local: BTreeMap<UnitId, UnitId>,
}

#[derive(Clone, Debug, Default)]
pub struct Units {
    pub units: Vec<Unit>,
    pub industries: Vec<Industry>,
    pub departments: Vec<DepartmentKind>,
    names: BTreeMap<String, UnitId>,
    industry_names: BTreeMap<String, usize>,
}

impl Units {
    /// Adds a unit; an alias or name already taken by another unit is returned.
    pub fn add(&mut self, unit: Unit, aliases: &[String]) -> Result<UnitId, String> {
        let id = self.units.len();
        for name in std::iter::once(&unit.name).chain(aliases) {
            if let Some(taken) = self.names.insert(spelling(name), id)
                && taken != id
            {
                return Err(name.clone());
            }
        }
        self.units.push(unit);
        Ok(id)
    }

    pub fn add_industry(&mut self, industry: Industry, aliases: &[String]) -> Result<(), String> {
        let index = self.industries.len();
        for name in std::iter::once(&industry.name).chain(aliases) {
            if self.industry_names.insert(spelling(name), index).is_some_and(|taken| taken != index) {
                return Err(name.clone());
            }
        }
        self.industries.push(industry);
        Ok(())
    }

    /// The unit of a name or alias, whatever spaces it is written with.
    pub fn find(&self, name: &str) -> Option<UnitId> {
        self.names.get(name).or_else(|| self.names.get(&spelling(name))).copied()
    }

    /// The place a 县 cell names; where `within` names a 市（州） the place must lie in it.
    pub fn find_place(&self, name: &str, within: &str) -> Option<UnitId> {
        let id = self.find(name)?;
        match self.find(within) {
            Some(city) if self.units[id].level == Level::County && self.units[id].parent != Some(city) => None,
            _ => Some(id),
        }
    }

    pub fn industry(&self, name: &str) -> Option<usize> {
        self.industry_names.get(name).or_else(|| self.industry_names.get(&spelling(name))).copied()
    }

    /// The department that leads an industry on a day.
    pub fn lead(&self, industry: usize, on: NaiveDate) -> Option<UnitId> {
        let leads = &self.industries[industry].leads;
        leads.iter().filter(|(since, _)| since.is_none_or(|since| since <= on)).max_by_key(|(since, _)| *since).map(|(_, unit)| *unit)
    }

    /// The province office: the unit of level province.
    pub fn office(&self) -> UnitId {
        self.units.iter().position(|unit| unit.level == Level::Province).unwrap_or(0)
    }

    /// The 市（州） a unit lies in (itself if it is one); `None` for provincial units.
    pub fn city_of(&self, unit: UnitId) -> Option<UnitId> {
        let mut at = Some(unit);
        while let Some(id) = at {
            if self.units[id].level == Level::City {
                return Some(id);
            }
            at = self.units[id].place.or(self.units[id].parent);
        }
        None
    }

    /// The asked department of a difficulty: the provincial one, or that of a place.
    pub fn department(&self, name: &str, place: Option<UnitId>) -> Option<UnitId> {
        let kind = self.departments.iter().find(|kind| kind.name == name)?;
        match place {
            None => Some(kind.province),
            Some(place) => kind.local.get(&place).copied(),
        }
    }

    /// Where a unit's mail goes: itself, or, without a mailbox, the office of its own level (代转), at last the province office.
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

/// The key two spellings of one name share: no spaces of any width, full-width letters and brackets as ASCII.
pub fn spelling(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}'))
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        })
        .collect()
}
