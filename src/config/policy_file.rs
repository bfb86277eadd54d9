//! Puts together what decides about a register: ledgers, units, industries, calendar and rules.

use crate::config::file_set::FileSet;
use crate::config::rule_file::RuleSet;
use crate::config::{calendar_file, industry_file, ledger_file, level_file, rule_file, secrecy_file, unit_file};
use crate::domain::problem::{Problems, suggest};
use crate::domain::register::ledger::{Ledger, OwnerSpec};
use crate::domain::register::levels::{LevelWord, Levels};
use crate::domain::rules::policy::Policy;
use std::sync::Arc;

/// The policy. `None` where a part has problems that the parts built on it would only repeat.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Option<Policy> {
    let before = problems.0.len();
    let secrecy = Arc::new(secrecy_file::parse(files, problems).unwrap_or_default());
    let mut ledgers = ledger_file::parse(files, &secrecy, problems);
    let levels = level_file::parse(files, problems)?;
    let mut units = unit_file::parse(files, levels, problems)?;
    industry_file::parse(files, &mut units, problems)?;
    check_asked_levels(&ledgers, &units.levels, problems);
    let calendar = calendar_file::parse(files, &units, problems);
    if problems.0.len() > before {
        return None;
    }
    if ledgers.is_empty() {
        problems.push("config/ledgers", "holds no ledger file", Some("a fresh checkout ships project.toml and others".into()));
        return None;
    }
    let RuleSet { rules, causes, exemptions, accountability_quarters, document } = rule_file::parse(files, &ledgers, &units, problems)?;
    for rule in &rules {
        let needed = rule.needs.iter().flat_map(|columns| columns.iter());
        needed.for_each(|field| ledgers[rule.ledger].judged.insert(field));
    }
    Some(Policy { ledgers, rules, units, calendar, causes, exemptions, accountability_quarters, document, secrecy })
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
