//! The context of judging: the policy, the day, and what records of other ledgers contribute.

use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::exemption::Exemption;
use crate::domain::rules::owner::Linked;
use crate::domain::rules::policy::{ExemptKey, Policy};
use crate::domain::rules::rule::Rule;
use chrono::NaiveDate;
use std::collections::HashMap;
use std::sync::Arc;

/// What judging a record needs besides the record itself.
pub struct Context<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    pub projects: &'a HashMap<String, Linked>,
    /// Project code → the unit whose answer on one of its difficulties is outstanding.
    pub waiting_on: &'a HashMap<String, UnitId>,
    /// Project code → the answers to its difficulties that whoever raised them has to confirm, in words.
    pub answered: &'a HashMap<String, Arc<str>>,
    /// Exemptions in force on `as_of`.
    pub exempt: &'a HashMap<ExemptKey, Exemption>,
    pub old_data: &'a OldData,
}

/// The days of the data that cannot be relied on.
#[derive(Clone, Debug, Default)]
pub struct OldData {
    /// By the index of a record's origin.
    pub of_origin: Vec<Option<NaiveDate>>,
    /// By ledger index, the earliest of its sources.
    pub of_ledger: Vec<Option<NaiveDate>>,
}

impl OldData {
    /// All data can be relied on.
    pub fn none() -> &'static OldData {
        static NONE: OldData = OldData { of_origin: Vec::new(), of_ledger: Vec::new() };
        &NONE
    }
}

impl<'a> Context<'a> {
    /// The same on another day.
    pub(crate) fn on(&self, as_of: NaiveDate) -> Context<'a> {
        Context { as_of, ..*self }
    }

    /// The day of a record's data where they cannot be relied on.
    pub(crate) fn old_data_of(&self, record: &Record) -> Option<NaiveDate> {
        self.old_data.of_origin.get(record.place.origin as usize).copied().flatten()
    }

    /// The earliest day of the data of a ledger's sources that cannot be relied on.
    pub(crate) fn old_data_of_ledger(&self, ledger: usize) -> Option<NaiveDate> {
        self.old_data.of_ledger.get(ledger).copied().flatten()
    }

    /// The context in which a rule judges a record: how fresh a record is can only be seen on the day of its data.
    pub(crate) fn for_rule(&self, rule: &Rule, record: &Record) -> Context<'a> {
        let day = self.old_data_of(record).filter(|_| rule.is_freshness);
        self.on(day.map_or(self.as_of, |day| day.min(self.as_of)))
    }

    /// The exemption in force for a finding.
    pub(crate) fn exemption(&self, rule: &Rule, key: &str) -> Option<Exemption> {
        if self.exempt.is_empty() {
            return None;
        }
        self.exempt.get(&ExemptKey { rule: rule.id.clone(), key: key.to_owned() }).copied()
    }
}
