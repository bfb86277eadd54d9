//! `config/units.toml` → the units and the kinds of local departments of [`Units`].

use crate::config::alias_file::{AliasFile, aliases, term};
use crate::config::file_set::{FileSet, parse_toml};
use crate::domain::mailbox;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::levels::{LevelKind, Levels};
use crate::domain::register::units::{Alias, DepartmentKind, Unit, UnitId, Units, normalize_name};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitsFile {
    unit: Vec<UnitFile>,
    #[serde(default)]
    department: Vec<DepartmentFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitFile {
    code: String,
    name: String,
    level: String,
    title: Option<String>,
    parent: Option<String>,
    #[serde(default)]
    aliases: Vec<AliasFile>,
    mailbox: Option<String>,
    from: Option<String>,
    until: Option<String>,
    into: Option<String>,
}

/// A kind of department that every place has. `{place}` and `{code}` are filled in for each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DepartmentFile {
    name: String,
    /// What its departments are called behind the name of a place.
    #[serde(default)]
    words: Vec<String>,
    code: String,
    province: String,
    local: String,
    mailbox: Option<String>,
}

const FILE: &str = "config/units.toml";

/// The units, without industries. `None` where the file cannot be read at all.
pub(crate) fn parse(files: &FileSet, levels: Levels, problems: &mut Problems) -> Option<Units> {
    let file: UnitsFile = parse_toml(files, FILE, problems)?;
    let mut at = problems.at(FILE, "");
    let mut units = Units::new(levels);
    for raw in &file.unit {
        add_unit(raw, &mut units, &mut at.at(format!("unit \"{}\"", raw.name)));
    }
    for raw in &file.unit {
        // the unit that takes over may come later in the file
        if let Some(id) = units.units.iter().position(|unit| unit.code == raw.code && unit.name == raw.name) {
            units.units[id].into = successor(raw, &units, &mut at.at(format!("unit \"{}\"", raw.name)));
        }
    }
    check_successions(&units, &mut at);
    let top = units.levels.of_kind(LevelKind::Top);
    if let Some(top) = top.filter(|top| units.units.iter().filter(|unit| unit.level == *top).count() != 1) {
        let id = units.levels.id(top);
        at.report(format!("there must be exactly one unit of level \"{id}\""), Some("it is the office everything rolls up to".into()));
    }
    for raw in file.department {
        let mut at = at.at(format!("department \"{}\"", raw.name));
        if let Some(kind) = add_department(raw, &mut units, &mut at) {
            units.departments.push(kind);
        }
    }
    Some(units)
}

fn add_unit(raw: &UnitFile, units: &mut Units, at: &mut ProblemsAt<'_>) {
    // a unit of an unknown level is read as one of the base, so that what names it is not reported too
    let known = units.levels.named(&raw.level, "level", at).or_else(|| units.levels.of_kind(LevelKind::Base));
    let Some(level) = known else { return };
    if let Some(mailbox) = &raw.mailbox {
        check_mailbox(mailbox, at);
    }
    let parent = raw.parent.as_ref().and_then(|name| {
        let parent = units.find(name);
        if parent.is_none() {
            let hint = suggest(name, units.units.iter().map(|unit| unit.name.as_str()));
            at.report(format!("parent \"{name}\" is no unit above it in the file"), hint);
        }
        parent
    });
    if raw.parent.is_none() && level.kind() != LevelKind::Top {
        at.report("parent is missing", Some("only the office has none".into()));
    }
    let unit = Unit {
        code: raw.code.clone(),
        name: raw.name.clone(),
        title: raw.title.clone().unwrap_or_else(|| raw.name.clone()),
        level,
        parent,
        place: None,
        mailbox: raw.mailbox.clone(),
        term: term(raw.from.as_deref(), raw.until.as_deref(), at),
        into: None,
    };
    check_code(&unit.code, units, at);
    let aliases = aliases(&raw.aliases, at);
    if let Err(name) = units.add(unit, &aliases) {
        at.report(
            format!("the name \"{name}\" is already another unit's"),
            Some("a name may pass from one unit to another only with from and until".into()),
        );
    }
}

/// Reports a code that another unit has: messages are named by codes in small letters.
fn check_code(code: &str, units: &Units, at: &mut ProblemsAt<'_>) {
    if units.units.iter().any(|other| other.code.eq_ignore_ascii_case(code)) {
        at.report(format!("code \"{code}\" is already taken"), Some("codes that differ in capitals only are one".into()));
    }
}

/// A plain check that catches slips; whether the mailbox exists only the mail server knows. `false` = it was reported.
fn check_mailbox(mailbox: &str, at: &mut ProblemsAt<'_>) -> bool {
    let fault = mailbox::fault(mailbox);
    if let Some(fault) = fault {
        at.report(format!("mailbox \"{mailbox}\" is no mail address: {fault}"), Some("write name@domain in ASCII".into()));
    }
    fault.is_none()
}

/// The unit that takes over when the term of this one ends.
fn successor(raw: &UnitFile, units: &Units, at: &mut ProblemsAt<'_>) -> Option<UnitId> {
    match (&raw.into, &raw.until) {
        (None, None) => None,
        (Some(name), Some(_)) => {
            let found = units.units.iter().position(|unit| unit.name == *name && unit.code != raw.code);
            if found.is_none() {
                let names = units.units.iter().map(|unit| unit.name.as_str());
                at.report(format!("into \"{name}\" is no other unit"), suggest(name, names));
            }
            found
        }
        _ => {
            at.report("until and into go together", Some("a unit that ends has one that takes over; a new name alone is an alias".into()));
            None
        }
    }
}

/// Reports units whose successors lead back to themselves.
fn check_successions(units: &Units, at: &mut ProblemsAt<'_>) {
    for (id, unit) in units.units.iter().enumerate() {
        let mut next = unit.into;
        for _ in 0..units.units.len() {
            next = next.filter(|next| *next != id).and_then(|next| units.units[next].into);
        }
        // a chain of successors without a circle ends after as many steps as there are units
        if next.is_some() || unit.into == Some(id) {
            at.at(format!("unit \"{}\"", unit.name)).report("into leads back to itself", None);
        }
    }
}

/// Adds the local unit of this kind to every division and place.
fn add_department(raw: DepartmentFile, units: &mut Units, at: &mut ProblemsAt<'_>) -> Option<DepartmentKind> {
    let Some(province) = units.find(&raw.province) else {
        at.report(format!("province \"{}\" is no unit", raw.province), None);
        return None;
    };
    let Some(support) = units.levels.of_kind(LevelKind::Support) else {
        at.report_place("needs a level of kind \"support\"", Some("config/levels.toml has none".into()));
        return None;
    };
    let has_department = |unit: &Unit| units.levels.is_division(unit.level) || unit.level.is_place();
    let places: Vec<UnitId> = units.units.iter().enumerate().filter(|(_, unit)| has_department(unit)).map(|(id, _)| id).collect();
    let (mut local, mut is_fine) = (BTreeMap::new(), true);
    for id in places {
        let place = units.units[id].clone();
        let fill = |pattern: &str| pattern.replace("{place}", &place.name).replace("{code}", &place.code.to_lowercase());
        let unit = Unit {
            code: format!("{}-{}", place.code, raw.code),
            name: fill(&raw.local),
            title: fill(&raw.local),
            level: support,
            parent: Some(id),
            place: Some(id),
            mailbox: raw.mailbox.as_deref().map(fill),
            term: place.term,
            into: None,
        };
        // one pattern makes all of them, so one fault is enough
        if let Some(mailbox) = unit.mailbox.as_deref().filter(|_| is_fine) {
            is_fine = check_mailbox(mailbox, at);
        }
        check_code(&unit.code, units, at);
        match units.add(unit, &[Alias::always(format!("{}{}", place.name, raw.name))]) {
            Ok(unit) => {
                local.insert(id, unit);
            }
            Err(name) => at.report(format!("the name \"{name}\" is already another unit's"), None),
        }
    }
    // a longer word first: it may end with a shorter one
    let mut words: Vec<String> = raw.words.iter().chain([&raw.name]).map(|word| normalize_name(word)).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    Some(DepartmentKind { name: raw.name, words, top: province, local })
}
