//! A finding as it is printed in JSON and stored by a run.

use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, Identity};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::store::database::{Result, StoreError};
use crate::store::findings::NewFinding;
use serde::Serialize;

/// One finding of `duban findings --format json`, and the stored body of a finding.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FindingFacts {
    pub(crate) rule: String,
    pub(crate) ledger: String,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    #[serde(rename = "told")]
    pub(crate) relations: Vec<&'static str>,
    pub(crate) light: Option<&'static str>,
    pub(crate) act: Option<&'static str>,
    pub(crate) due_on: Option<String>,
    pub(crate) overdue_days: Option<i64>,
    pub(crate) lag_points: Option<serde_json::Number>,
    pub(crate) state: &'static str,
    pub(crate) change: &'static str,
    pub(crate) basis: String,
    pub(crate) missing: Vec<String>,
    pub(crate) waiting_on: Option<String>,
    pub(crate) cause: Option<String>,
    /// It was not found on the day of its data.
    pub(crate) waits_for_data: bool,
    /// A fact that its unit has reported and nobody has checked yet would meet it. No ledger has such facts.
    #[serde(default)]
    pub(crate) claimed: bool,
    /// The day of its data where they cannot be relied on; not printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old_data: Option<String>,
}

/// The rule, ledger and key of a finding.
pub(crate) fn identity(policy: &Policy, finding: &Finding) -> Identity {
    let (rule, ledger, key) = identity_parts(policy, finding);
    Identity { rule: rule.to_owned(), ledger: ledger.to_owned(), key: key.to_owned() }
}

/// Rule id, ledger id and key.
pub(crate) fn identity_parts<'a>(policy: &'a Policy, finding: &'a Finding) -> (&'a str, &'a str, &'a str) {
    let rule = &policy.rules[finding.rule];
    (&rule.id, &policy.ledgers[rule.ledger].id, &finding.key)
}

/// Indices of the findings in the order of their identities, which is the order of the stored findings and of the timeline.
pub(crate) fn in_order(policy: &Policy, findings: &[Finding]) -> Vec<u32> {
    let mut rules: Vec<usize> = (0..policy.rules.len()).collect();
    rules.sort_unstable_by_key(|rule| (&policy.rules[*rule].id, &policy.ledgers[policy.rules[*rule].ledger].id));
    let mut keys: Vec<Vec<(&str, u32)>> = vec![Vec::new(); policy.rules.len()];
    for (index, finding) in findings.iter().enumerate() {
        keys[finding.rule].push((&finding.key, index as u32));
    }
    let mut order = Vec::with_capacity(findings.len());
    for rule in rules {
        keys[rule].sort_unstable();
        order.extend(keys[rule].iter().map(|(_, index)| *index));
    }
    order
}

impl FindingFacts {
    /// The facts of a finding.
    pub(crate) fn of(policy: &Policy, finding: &Finding) -> FindingFacts {
        let rule = &policy.rules[finding.rule];
        let ledger = &policy.ledgers[rule.ledger];
        FindingFacts {
            rule: rule.id.clone(),
            ledger: ledger.id.clone(),
            key: finding.key.to_string(),
            name: finding.name.to_string(),
            unit: finding.unit.to_string(),
            relations: finding.relations().iter().map(|relation| relation.code()).collect(),
            light: finding.light.map(Light::code),
            act: finding.act.map(|act| act.code()),
            due_on: finding.due_on.map(|day| day.to_string()),
            overdue_days: finding.overdue_days(),
            // a division of floats would print 12.3 as 12.299999
            lag_points: finding.lag.as_ref().and_then(|lag| {
                let tenths = lag.tenths();
                format!("{}{}.{}", if tenths < 0 { "-" } else { "" }, tenths.abs() / 10, tenths.abs() % 10)
                    .parse::<f64>()
                    .ok()
                    .and_then(serde_json::Number::from_f64)
            }),
            state: finding.state.code(),
            change: finding.change.code(),
            basis: rule.basis.clone(),
            missing: finding.missing.iter().map(|field| ledger.fields[*field].id.clone()).collect(),
            waiting_on: finding.waiting_on().map(|unit| policy.units.units[unit].name.clone()),
            cause: (!finding.cause.is_empty()).then(|| finding.cause.to_string()),
            waits_for_data: finding.waits_for_data,
            claimed: false,
            old_data: finding.old_data.map(|day| day.to_string()),
        }
    }

    /// The facts as they are printed: phone numbers masked.
    pub(crate) fn printed(policy: &Policy, finding: &Finding) -> FindingFacts {
        let facts = FindingFacts::of(policy, finding);
        FindingFacts { name: masked(&facts.name), unit: masked(&facts.unit), old_data: None, ..facts }
    }

    /// The finding as a run stores it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn stored(self, light: Option<Light>) -> Result<NewFinding> {
        let body = serde_json::to_string(&self).map_err(|error| StoreError::Internal(error.to_string()))?;
        let identity = Identity { rule: self.rule, ledger: self.ledger, key: self.key };
        Ok(NewFinding { identity, light, state: self.state, waits_for_data: self.waits_for_data, body })
    }
}
