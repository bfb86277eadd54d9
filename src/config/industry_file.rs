//! `config/industries.toml` → the industries of [`Units`] and the units that lead them.

use crate::config::alias_file::{AliasFile, aliases, date, term};
use crate::config::file_set::{FileSet, parse_toml};
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::units::{Industry, UnitId, Units};
use chrono::NaiveDate;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndustriesFile {
    industry: Vec<IndustryFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndustryFile {
    name: String,
    group: String,
    #[serde(default)]
    aliases: Vec<AliasFile>,
    #[serde(default)]
    lead: Vec<LeadFile>,
    from: Option<String>,
    until: Option<String>,
    into: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeadFile {
    unit: String,
    since: Option<String>,
}

const FILE: &str = "config/industries.toml";

/// Adds the industries to the units. `None` where the file cannot be read at all.
pub(crate) fn parse(files: &FileSet, units: &mut Units, problems: &mut Problems) -> Option<()> {
    let file: IndustriesFile = parse_toml(files, FILE, problems)?;
    for raw in &file.industry {
        let mut at = problems.at(FILE, format!("industry \"{}\"", raw.name));
        let term = term(raw.from.as_deref(), raw.until.as_deref(), &mut at);
        let aliases = aliases(&raw.aliases, &mut at);
        let leads = raw.lead.iter().filter_map(|lead| leading_unit(lead, units, &mut at)).collect();
        let industry = Industry { name: raw.name.clone(), group: raw.group.clone(), leads, term, into: None };
        if let Err(name) = units.add_industry(industry, &aliases) {
            at.report(format!("the name \"{name}\" is already another industry's"), None);
        }
    }
    for raw in &file.industry {
        // the industry that takes over may come later in the file
        merge(raw, units, &mut problems.at(FILE, format!("industry \"{}\"", raw.name)));
    }
    Some(())
}

/// The unit that leads an industry, and since when (`None`: from the beginning).
fn leading_unit(lead: &LeadFile, units: &Units, at: &mut ProblemsAt<'_>) -> Option<(Option<NaiveDate>, UnitId)> {
    let since = match &lead.since {
        None => None,
        Some(text) => Some(date("since", text, at)?),
    };
    let unit = units.find(&lead.unit);
    if unit.is_none() {
        let hint = suggest(&lead.unit, units.units.iter().map(|unit| unit.name.as_str()));
        at.report(format!("lead \"{}\" is no unit", lead.unit), hint);
    }
    Some((since, unit?))
}

/// Sets the industry that takes over when the term of this one ends.
fn merge(raw: &IndustryFile, units: &mut Units, at: &mut ProblemsAt<'_>) {
    let index = |name: &str| units.industries.iter().position(|industry| industry.name == *name);
    match (&raw.into, raw.until.is_some(), index(&raw.name)) {
        (None, false, _) | (_, _, None) => {}
        (Some(into), true, Some(own)) => match index(into).filter(|other| *other != own) {
            Some(other) if units.industries[other].into.is_none() => units.industries[own].into = Some(other),
            Some(_) => at.report(format!("into \"{into}\" was merged itself"), Some("name the one that is left".into())),
            None => {
                let names = units.industries.iter().map(|industry| industry.name.as_str());
                at.report(format!("into \"{into}\" is no other industry"), suggest(into, names));
            }
        },
        _ => at.report("until and into go together", Some("a new name alone is an alias".into())),
    }
}
