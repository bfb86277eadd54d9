//! Puts together what decides about a register: ledgers, units, industries, calendar and rules.

use crate::config::file_set::FileSet;
use crate::config::rule_file::RuleSet;
use crate::config::{calendar_file, industry_file, ledger_file, rule_file, unit_file};
use crate::domain::problem::Problems;
use crate::domain::rules::policy::Policy;

/// The policy. `None` where a part has problems that the parts built on it would only repeat.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Option<Policy> {
    let before = problems.0.len();
    let ledgers = ledger_file::parse(files, problems);
    let mut units = unit_file::parse(files, problems)?;
    industry_file::parse(files, &mut units, problems)?;
    let calendar = calendar_file::parse(files, &units, problems);
    if problems.0.len() > before {
        return None;
    }
    if ledgers.is_empty() {
        problems.push("config/ledgers", "holds no ledger file", Some("a fresh checkout ships project.toml and others".into()));
        return None;
    }
    let RuleSet { rules, causes, major, exemptions, accountability_quarters, document } =
        rule_file::parse(files, &ledgers, &units, problems)?;
    Some(Policy { ledgers, rules, units, calendar, causes, major, exemptions, accountability_quarters, document })
}
