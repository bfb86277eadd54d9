//! The context of judging: the policy, the day, and what records of other ledgers contribute.

use crate::domain::register::units::UnitId;
use crate::domain::rules::exemption::Exemption;
use crate::domain::rules::owner::Linked;
use crate::domain::rules::policy::{ExemptKey, Policy};
use crate::domain::rules::rule::Rule;
use chrono::NaiveDate;
use std::collections::HashMap;

/// What judging a record needs besides the record itself.
pub struct Context<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    pub projects: &'a HashMap<String, Linked>,
    /// Project code → the unit whose answer on one of its difficulties is outstanding.
    pub waiting_on: &'a HashMap<String, UnitId>,
    /// Exemptions in force on `as_of`.
    pub exempt: &'a HashMap<ExemptKey, Exemption>,
}

impl Context<'_> {
    /// The exemption in force for a finding.
    pub(crate) fn exemption(&self, rule: &Rule, key: &str) -> Option<Exemption> {
        if self.exempt.is_empty() {
            return None;
        }
        self.exempt.get(&ExemptKey { rule: rule.id.clone(), key: key.to_owned() }).copied()
    }
}
