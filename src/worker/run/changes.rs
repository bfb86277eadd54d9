//! How the findings of a register have changed since they were judged before, and which are resolved.

use crate::domain::judging::finding::{Change, Finding, Identity, State};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::store::database::Result;
use crate::store::timeline::{Life, RESOLVED, Timeline};
use crate::worker::run::evaluate::{EvaluatedRegister, Evaluator};
use crate::worker::run::finding_facts::{identity, identity_parts, in_order};
use chrono::NaiveDate;
use std::collections::HashMap;

/// What a comparison with earlier findings returns, beside the change of each finding.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Findings known before that are no longer found although the record is still in the register.
    pub(crate) resolved: Vec<Identity>,
    /// The timeline that was compared with. `None` = a later as_of has been judged, so the timeline is not rewritten.
    pub(crate) timeline: Option<Timeline>,
}

impl Evaluator {
    /// Sets the change of every finding by comparing with the timeline, or, for an as_of before the timeline's, with the job's previous run.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn changes(
        &self,
        policy: &Policy,
        register: &mut EvaluatedRegister,
        job: Option<&str>,
        as_of: NaiveDate,
        sample: bool,
    ) -> Result<Changes> {
        let timeline = self.store.timelines().read(sample).await?;
        if timeline.as_of.is_none_or(|latest| as_of >= latest) {
            // another run of the same day has rewritten the timeline: its change of a finding is valid while the finding has the same light
            let same_day_changes = match timeline.as_of == Some(as_of) {
                true => self.store.findings().moved_in(&timeline.run).await?,
                false => HashMap::new(),
            };
            let resolved = compare(policy, register, &timeline, as_of, &same_day_changes);
            return Ok(Changes { resolved, timeline: Some(timeline) });
        }
        let known = match job {
            Some(job) => match self.store.runs().previous(job, as_of, sample).await? {
                Some(run) => self.store.findings().lights_of(&run).await?,
                None => HashMap::new(),
            },
            None => HashMap::new(),
        };
        for finding in &mut register.judged.findings {
            finding.change = known.get(&identity(policy, finding)).map_or(Change::New, |light| change_since(*light, finding));
        }
        Ok(Changes::default())
    }
}

/// Sets the change of every finding by its life in the timeline. Returns the findings that are resolved. Findings and lives have the same
/// order, so both are read in parallel.
fn compare(
    policy: &Policy,
    register: &mut EvaluatedRegister,
    timeline: &Timeline,
    as_of: NaiveDate,
    same_day_changes: &HashMap<Identity, (Option<Light>, Change)>,
) -> Vec<Identity> {
    let mut resolved = Vec::new();
    let same_day = timeline.as_of == Some(as_of);
    let may_resolve = |life: &Life<'_>| life.state != RESOLVED || same_day && life.changed_on == as_of;
    let order = in_order(policy, &register.judged.findings);
    let mut lives = timeline.lives().peekable();
    let has =
        |register: &EvaluatedRegister, life: &Life<'_>| policy.ledger(life.ledger).is_some_and(|ledger| register.has(ledger, life.key));
    for index in order {
        let parts = identity_parts(policy, &register.judged.findings[index as usize]);
        while let Some(life) = lives.next_if(|life| life.order(parts).is_lt()) {
            if may_resolve(&life) && has(register, &life) {
                resolved.push(life.identity());
            }
        }
        let life = lives.next_if(|life| life.order(parts).is_eq());
        let finding = &mut register.judged.findings[index as usize];
        finding.change = match life {
            // another job has judged the same day: what was new then is new now
            Some(life) if same_day && life.first_on == as_of => Change::New,
            Some(Life { state: RESOLVED, .. }) => Change::Reopened,
            Some(life) => {
                match Some(same_day_changes).filter(|changes| !changes.is_empty()).and_then(|changes| changes.get(&life.identity())) {
                    Some((light, change)) if *light == finding.light => *change,
                    _ => change_since(life.light(), finding),
                }
            }
            None => Change::New,
        };
    }
    resolved.extend(lives.filter(|life| may_resolve(life) && has(register, life)).map(|life| life.identity()));
    resolved
}

/// The change of a finding that had a light before; `None` = it had none, because a cell was missing.
fn change_since(light: Option<Light>, finding: &Finding) -> Change {
    // a missing cell was filled and the record is late: the finding is new, it has not escalated
    if light.is_none() && finding.state != State::Unjudged {
        return Change::New;
    }
    if finding.state == State::Unjudged && light.is_some() {
        return Change::Continued;
    }
    Change::between(Some(light), finding.light, true)
}
