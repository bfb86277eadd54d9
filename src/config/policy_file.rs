//! Everything that decides, put together: ledgers, units, calendar, rules.

use crate::config::load::{FileSet, Problems};
use crate::config::{ledger_file, rule_file, unit_file};
use crate::domain::rules::policy::Policy;

/// `None` when a part is so broken that the parts built on it cannot be looked at.
pub fn parse(files: &FileSet, problems: &mut Problems) -> Option<Policy> {
    let before = problems.0.len();
    let ledgers = ledger_file::parse(files, problems);
    let units = unit_file::parse_units(files, problems)?;
    let calendar = unit_file::parse_calendar(files, &units, problems);
    if problems.0.len() > before {
        return None;
    }
    if ledgers.is_empty() {
        problems.push("config/ledgers", "holds no ledger file", Some("a fresh checkout ships project.toml and others".into()));
        return None;
    }
    let rule_file::Parsed { rules, causes, major, exemptions, accountability_quarters, document } =
        rule_file::parse(files, &ledgers, &units, problems)?;
    Some(Policy { ledgers, rules, units, calendar, causes, major, exemptions, accountability_quarters, document })
}
