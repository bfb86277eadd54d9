//! Findings as others read them: the JSON of `duban findings`, the rows a run stores, and how each stands against what was known.

use crate::domain::judging::finding::{Change, Finding, Identity, State};
use crate::domain::judging::indicators::IndicatorSnapshot;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::store::database::Result;
use crate::store::findings::NewFinding;
use crate::store::runs::Run;
use crate::store::timeline::{Life, RESOLVED, Timeline};
use crate::workbook::previous_run::PreviousRun;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::evaluate::Reading;
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::HashMap;

/// Periods that a workbook looks back over.
const STANDINGS_MAX: usize = 7;

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
    let (rule, ledger, key) = names(policy, finding);
    Identity { rule: rule.to_owned(), ledger: ledger.to_owned(), key: key.to_owned() }
}

/// Rule, ledger and key.
fn names<'a>(policy: &'a Policy, finding: &'a Finding) -> (&'a str, &'a str, &'a str) {
    let rule = &policy.rules[finding.rule];
    (&rule.id, &policy.ledgers[rule.ledger].id, &finding.key)
}

/// The findings in the order of their identities, as they and their lives are stored.
pub fn in_order(policy: &Policy, findings: &[Finding]) -> Vec<u32> {
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
    pub fn of(policy: &Policy, finding: &Finding) -> FindingFacts {
        let rule = &policy.rules[finding.rule];
        let ledger = &policy.ledgers[rule.ledger];
        FindingFacts {
            rule: rule.id.clone(),
            ledger: ledger.id.clone(),
            key: finding.key.to_string(),
            name: finding.name.to_string(),
            unit: finding.unit.to_string(),
            told: finding.relations().iter().map(|relation| relation.code()).collect(),
            light: finding.light.map(Light::code),
            act: finding.act.map(|act| act.code()),
            due_on: finding.due_on.map(|day| day.to_string()),
            overdue_days: finding.overdue_days(),
            // tenths as text keep 12.3 from becoming 12.299999
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
        }
    }

    pub fn stored(self, light: Option<Light>) -> Result<NewFinding> {
        let body = serde_json::to_string(&self).map_err(|error| crate::store::database::StoreError::Internal(error.to_string()))?;
        let identity = Identity { rule: self.rule, ledger: self.ledger, key: self.key };
        Ok(NewFinding { identity, light, state: self.state, body })
    }
}

/// How the findings of a reading stand against what was known before, and what is over.
#[derive(Debug, Default)]
pub struct Changes {
    /// Known before, no longer found, and the record is still in the register.
    pub resolved: Vec<Identity>,
    /// The timeline it was compared with, where this reading is the latest and may write it anew.
    pub timeline: Option<Timeline>,
}

impl Evaluator {
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
        let timeline = self.store.timelines().read(sample).await?;
        if timeline.as_of.is_none_or(|latest| as_of >= latest) {
            // another run of the same day has moved the timeline already: what it said of a finding holds while the finding stands as it did
            let said = match timeline.as_of == Some(as_of) {
                true => self.store.findings().moved_in(&timeline.run).await?,
                false => HashMap::new(),
            };
            let resolved = compare(policy, reading, &timeline, as_of, &said);
            return Ok(Changes { resolved, timeline: Some(timeline) });
        }
        let known = match job {
            Some(job) => match self.store.runs().previous(job, as_of, sample).await? {
                Some(run) => self.store.findings().lights_of(&run).await?,
                None => HashMap::new(),
            },
            None => HashMap::new(),
        };
        for finding in &mut reading.judged.findings {
            finding.change = known.get(&identity(policy, finding)).map_or(Change::New, |light| before(*light, finding));
        }
        Ok(Changes::default())
    }
}

impl Evaluator {
    /// What an earlier run found open; `None` where the run is gone.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn found_before(&self, run: &str) -> Result<Option<PreviousRun>> {
        let Some(of) = self.store.runs().get(run).await? else { return Ok(None) };
        let Ok(as_of) = of.as_of.parse() else { return Ok(None) };
        let mut before = PreviousRun { as_of, ..PreviousRun::default() };
        self.store
            .findings()
            .each(run, |finding| {
                if finding.state == State::Open.code() {
                    *before.open.entry((finding.rule.to_string(), finding.light())).or_default() += 1;
                    if let Some(light) = finding.light() {
                        let of = (finding.rule.to_string(), finding.unit.to_string(), light);
                        *before.by_unit.entry(of).or_default() += 1;
                    }
                }
                Ok(())
            })
            .await?;
        before.indicator_snapshots = self.standings(of).await?;
        Ok(Some(before))
    }

    /// What a run and those before it came to, newest first. Each run pins the one it compares with, so the row stays as it is.
    async fn standings(&self, run: Run) -> Result<Vec<(NaiveDate, IndicatorSnapshot)>> {
        let mut out = Vec::new();
        let mut next = Some(run);
        while let Some(run) = next.take().filter(|_| out.len() < STANDINGS_MAX) {
            let (Ok(as_of), Some(standing)) = (run.as_of.parse(), self.store.indicators().get(&run.id).await?) else { break };
            out.push((as_of, standing));
            if let Some(before) = &run.inputs.previous_run {
                next = self.store.runs().get(before).await?;
            }
        }
        Ok(out)
    }
}

/// Sets the change of every finding by its life; returns what is over. Findings and lives are walked side by side in one order.
fn compare(
    policy: &Policy,
    reading: &mut Reading,
    timeline: &Timeline,
    as_of: NaiveDate,
    said: &HashMap<Identity, (Option<Light>, Change)>,
) -> Vec<Identity> {
    let mut resolved = Vec::new();
    let same_day = timeline.as_of == Some(as_of);
    let over = |life: &Life<'_>| life.state != RESOLVED || same_day && life.changed_on == as_of;
    let order = in_order(policy, &reading.judged.findings);
    let mut lives = timeline.lives().peekable();
    let has = |reading: &Reading, life: &Life<'_>| policy.ledger(life.ledger).is_some_and(|ledger| reading.has(ledger, life.key));
    for index in order {
        let names = names(policy, &reading.judged.findings[index as usize]);
        while let Some(life) = lives.next_if(|life| life.order(names).is_lt()) {
            if over(&life) && has(reading, &life) {
                resolved.push(life.identity());
            }
        }
        let life = lives.next_if(|life| life.order(names).is_eq());
        let finding = &mut reading.judged.findings[index as usize];
        finding.change = match life {
            // another job judged the same day: what was new then is new now
            Some(life) if same_day && life.first_on == as_of => Change::New,
            Some(Life { state: RESOLVED, .. }) => Change::Reopened,
            Some(life) => match Some(said).filter(|said| !said.is_empty()).and_then(|said| said.get(&life.identity())) {
                Some((light, change)) if *light == finding.light => *change,
                _ => before(life.light(), finding),
            },
            None => Change::New,
        };
    }
    resolved.extend(lives.filter(|life| over(life) && has(reading, life)).map(|life| life.identity()));
    resolved
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
