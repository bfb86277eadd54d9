//! Puts together what decides about a register: ledgers, units, industries, calendar and rules.

use crate::config::file_set::FileSet;
use crate::config::rule_file::RuleSet;
use crate::config::{calendar_file, industry_file, ledger_file, level_file, rule_file, secrecy_file, unit_file};
use crate::domain::life::declaration::Life;
use crate::domain::problem::{Problems, suggest};
use crate::domain::register::ledger::{Ledger, OwnerSpec};
use crate::domain::register::levels::{LevelWord, Levels};
use crate::domain::register::units::Units;
use crate::domain::rules::policy::Policy;
use std::sync::Arc;

/// The policy. `None` where a part has problems that the parts built on it would only repeat.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Option<Policy> {
    let before = problems.0.len();
    let secrecy = Arc::new(secrecy_file::parse(files, problems).unwrap_or_default());
    let (mut ledgers, lives): (Vec<Ledger>, Vec<Option<Arc<Life>>>) = ledger_file::parse(files, &secrecy, problems).into_iter().unzip();
    let levels = level_file::parse(files, problems)?;
    let mut units = unit_file::parse(files, levels, problems)?;
    industry_file::parse(files, &mut units, problems)?;
    check_asked_levels(&ledgers, &units.levels, problems);
    check_issuers(&ledgers, &lives, &units, problems);
    let calendar = calendar_file::parse(files, &units, problems);
    if problems.0.len() > before {
        return None;
    }
    if ledgers.is_empty() {
        problems.push("config/ledgers", "holds no ledger file", Some("a fresh checkout ships project.toml and others".into()));
        return None;
    }
    let RuleSet { rules, causes, exemptions, accountability_quarters, document, weights, acts } =
        rule_file::parse(files, &ledgers, &lives, &units, problems)?;
    for rule in &rules {
        let needed = rule.needs.iter().flat_map(|columns| columns.iter());
        let ledger = &mut ledgers[rule.ledger];
        needed.filter(|field| !ledger.fields[*field].own).collect::<Vec<_>>().into_iter().for_each(|field| ledger.judged.insert(field));
    }
    for ledger in &mut ledgers {
        ledger.owner.fields().for_each(|field| ledger.judged.insert(field));
    }
    Some(Policy { ledgers, lives, rules, weights, acts, units, calendar, causes, exemptions, accountability_quarters, document, secrecy })
}

/// Reports units that issue records and are not in the list of units.
fn check_issuers(ledgers: &[Ledger], lives: &[Option<Arc<Life>>], units: &Units, problems: &mut Problems) {
    for (ledger, life) in ledgers.iter().zip(lives) {
        let issuers = life.iter().flat_map(|life| &life.issuers);
        for series in issuers.filter(|series| units.find_configured(&series.unit).is_none()) {
            let path = format!("config/ledgers/{}.toml", ledger.id);
            let hint = suggest(&series.unit, units.units.iter().map(|unit| unit.name.as_str()));
            problems.push(&path, format!("issuer.{0}: unit \"{0}\" is unknown", series.unit), hint);
        }
    }
}

/// Reports words for the level that a difficulty is raised to and that are the rank of no level.
fn check_asked_levels(ledgers: &[Ledger], levels: &Levels, problems: &mut Problems) {
    for ledger in ledgers {
        let OwnerSpec::Department { level, .. } = ledger.owner else { continue };
        let field = &ledger.fields[level];
        for value in field.values.iter().filter(|value| levels.asked(value).is_none()) {
            let grades = levels.all().map(|level| levels.word(level, LevelWord::Grade)).filter(|grade| !grade.is_empty());
            let path = format!("config/ledgers/{}.toml", ledger.id);
            let message = format!("field \"{}\": value \"{value}\" is the grade of no level in config/levels.toml", field.id);
            problems.push(&path, message, suggest(value, grades));
        }
    }
}
