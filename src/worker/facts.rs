//! Findings as others read them: the JSON of `duban findings`, the rows a run stores, and how each stands against what was known.

use super::Service;
use super::reading::Reading;
use crate::domain::finding::{Change, Finding, Identity, State};
use crate::domain::judge::Policy;
use crate::domain::rule::Light;
use crate::store::Result;
use crate::store::findings::{Life, RESOLVED, StoredFinding};
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::HashMap;

/// One item of `duban findings --format json`.
#[derive(Clone, Debug, Serialize)]
pub struct FindingFacts {
    pub rule: String,
    pub ledger: String,
    pub key: String,
    pub name: String,
    pub unit: String,
    pub told: Vec<&'static str>,
    pub light: Option<&'static str>,
    pub act: Option<&'static str>,
    pub due_on: Option<String>,
    pub overdue_days: Option<i64>,
    pub lag_points: Option<serde_json::Number>,
    pub state: &'static str,
    pub change: &'static str,
    pub basis: String,
    pub missing: Vec<String>,
    pub waiting_on: Option<String>,
    pub cause: Option<String>,
}

pub fn identity(policy: &Policy, finding: &Finding) -> Identity {
    let rule = &policy.rules[finding.rule];
    Identity { rule: rule.id.clone(), ledger: policy.ledgers[rule.ledger].id.clone(), key: finding.key.clone() }
}

impl FindingFacts {
    pub fn of(policy: &Policy, finding: &Finding) -> FindingFacts {
        let rule = &policy.rules[finding.rule];
        let ledger = &policy.ledgers[rule.ledger];
        FindingFacts {
            rule: rule.id.clone(),
            ledger: ledger.id.clone(),
            key: finding.key.clone(),
            name: finding.name.clone(),
            unit: finding.unit.clone(),
            told: finding.told.iter().map(|relation| relation.code()).collect(),
            light: finding.light.map(Light::code),
            act: finding.act.map(|act| act.code()),
            due_on: finding.due_on.map(|day| day.to_string()),
            overdue_days: finding.overdue_days,
            // tenths as text keep 12.3 from becoming 12.299999
            lag_points: finding.lag.and_then(|lag| {
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
            waiting_on: finding.waiting_on.map(|unit| policy.units.units[unit].name.clone()),
            cause: (!finding.cause.is_empty()).then(|| finding.cause.clone()),
        }
    }

    pub fn stored(self, light: Option<Light>) -> Result<StoredFinding> {
        let body = serde_json::to_string(&self).map_err(|error| crate::store::StoreError::Lost(error.to_string()))?;
        let identity = Identity { rule: self.rule, ledger: self.ledger, key: self.key };
        Ok(StoredFinding { identity, unit: self.unit, light, state: self.state.to_owned(), change: self.change.to_owned(), body })
    }
}

/// How the findings of a reading stand against what was known before, and what is over.
#[derive(Debug, Default)]
pub struct Changes {
    /// Known before, no longer found, and the record is still in the register.
    pub resolved: Vec<Identity>,
    /// This reading is the latest: it may write the timeline.
    pub writes_timeline: bool,
}

impl Service {
    /// Compares a reading with the timeline, or, for an as_of older than the timeline, with the job's own last run before it, and sets
    /// the change of every finding.
    pub async fn changes(
        &self,
        policy: &Policy,
        reading: &mut Reading,
        job: Option<&str>,
        as_of: NaiveDate,
        sample: bool,
    ) -> Result<Changes> {
        let latest = self.store.timeline_as_of(sample).await?;
        let writes_timeline = latest.is_none_or(|latest| as_of >= latest);
        let mut resolved = Vec::new();
        if writes_timeline {
            let mut known = self.store.timeline(sample).await?;
            for finding in &mut reading.judged.findings {
                // a life that is found leaves the map: what stays in it is over
                finding.change = match known.remove(&identity(policy, finding)) {
                    // another job judged the same day: what was new then is new now
                    Some(life) if life.as_of == as_of && life.first_on == as_of => Change::New,
                    Some(Life { state, .. }) if state == RESOLVED => Change::Reopened,
                    Some(life) => before(life.light, finding),
                    None => Change::New,
                };
            }
            for (identity, life) in known {
                if life.state != RESOLVED && policy.ledger(&identity.ledger).is_some_and(|ledger| reading.has(ledger, &identity.key)) {
                    resolved.push(identity);
                }
            }
            resolved.sort();
            return Ok(Changes { resolved, writes_timeline });
        }
        let known = match job {
            Some(job) => match self.store.run_before(job, as_of, sample).await? {
                Some(run) => self.store.lights_of(&run).await?,
                None => HashMap::new(),
            },
            None => HashMap::new(),
        };
        for finding in &mut reading.judged.findings {
            finding.change = known.get(&identity(policy, finding)).map_or(Change::New, |light| before(*light, finding));
        }
        Ok(Changes { resolved, writes_timeline })
    }
}

fn before(light: Option<Light>, finding: &Finding) -> Change {
    // an unjudged cell that is filled may show a light: that is new, not worse
    if light.is_none() && finding.state != State::Unjudged {
        return Change::New;
    }
    if finding.state == State::Unjudged && light.is_some() {
        return Change::Continued;
    }
    Change::between(Some(light), finding.light, true)
}
