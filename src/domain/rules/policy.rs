//! The policy: everything that decides, besides the records and the day.

use crate::domain::register::calendar::Calendar;
use crate::domain::register::ledger::{Ledger, PROJECT, Role};
use crate::domain::register::record::Record;
use crate::domain::register::units::{Level, Units};
use crate::domain::rules::rule::{Rule, RuleKind, STAGE_NEGOTIATING};
use chrono::NaiveDate;
use std::sync::Arc;

/// Everything that decides, besides the records: read once, frozen with each run.
#[derive(Clone, Debug)]
pub struct Policy {
    pub ledgers: Vec<Ledger>,
    pub rules: Vec<Rule>,
    pub units: Units,
    pub calendar: Calendar,
    /// Cause names with the words that point to them, first match decides.
    pub causes: Vec<(Arc<str>, Vec<String>)>,
    /// Major-project bounds in 分, highest first.
    pub major: Vec<(Level, i64)>,
    pub exemptions: ExemptionTerms,
    /// Closed quarters in a row, red at their end, from which a finding may enter the accountability list.
    pub accountability_quarters: Option<u32>,
    /// The rule of the province whose clauses findings cite, as papers name it; empty = not named.
    pub document: String,
}

impl Policy {
    /// The policy with the tables of units and industries as they are on a day.
    pub fn on(&self, day: NaiveDate) -> Policy {
        let mut policy = Policy { units: self.units.on(day), ..self.clone() };
        for rule in &mut policy.rules {
            if let RuleKind::Periodic { units, .. } = &mut rule.kind {
                units.iter_mut().for_each(|unit| *unit = self.units.heir(*unit, day));
            }
        }
        policy
    }

    pub fn ledger(&self, id: &str) -> Option<usize> {
        self.ledgers.iter().position(|ledger| ledger.id == id)
    }

    pub fn rule(&self, id: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.id == id)
    }

    pub fn project_ledger(&self) -> Option<usize> {
        self.ledger(PROJECT)
    }

    /// Whether a project record is still at stage 洽谈: its row goes only to its own unit, the units its rule tells, and the office.
    pub fn is_negotiating(&self, record: &Record) -> bool {
        self.project_ledger().is_some_and(|index| record.text(self.ledgers[index].role(Role::Stage)) == STAGE_NEGOTIATING)
    }

    /// The level whose major-project ledger lists a project of an industry: key industry and amount from the level's bound on.
    pub fn major_level(&self, ledger: &Ledger, record: &Record, industry: Option<usize>) -> Option<Level> {
        industry?;
        let amount = record.cell(ledger.role(Role::Amount)?).money()?;
        self.major.iter().find(|(_, bound)| amount >= *bound).map(|(level, _)| *level)
    }
}

/// The terms of `config/rules.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExemptionTerms {
    /// Working days an objection lasts, at most; `None` = until its own date.
    pub objection_workdays: Option<u32>,
    /// Days before the end in which the end is told; 0 = not at all.
    pub warn_days: u32,
}

/// What an approved 豁免, 延期 or 异议 is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExemptKey {
    pub rule: String,
    pub key: String,
}
