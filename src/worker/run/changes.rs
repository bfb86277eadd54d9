//! How the findings of a register have changed since they were judged before, and which are resolved.

use crate::config::job_file::Job;
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
    /// Findings of the job that had a light before and are no longer found although the record is still in the register.
    pub(crate) resolved: Vec<Identity>,
    /// The change of each finding since what all jobs knew, as `duban findings` prints it.
    pub(crate) by_all: Vec<Change>,
    /// The timelines that the run rewrites: those that no later as_of has written.
    pub(crate) timelines: Vec<ComparedTimeline>,
}

/// A timeline with the lives that are over on the day that was compared with it.
#[derive(Debug)]
pub(crate) struct ComparedTimeline {
    pub(crate) timeline: Timeline,
    pub(crate) ended: Vec<Identity>,
}

/// What one comparison finds.
struct Compared {
    /// Lives that are over.
    ended: Vec<Identity>,
    /// Those of them that had a light before the day.
    resolved: Vec<Identity>,
}

impl Evaluator {
    /// Sets the change of every finding since what was known before: for a run that makes papers, by its own series of runs, so that no other job
    /// changes a word of it; else by all jobs.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn changes(
        &self,
        policy: &Policy,
        register: &mut EvaluatedRegister,
        job: Option<&Job>,
        as_of: NaiveDate,
        sample: bool,
    ) -> Result<Changes> {
        let mut changes = Changes::default();
        let all = self.store.timelines().read(sample, "").await?;
        if all.as_of.is_none_or(|latest| as_of >= latest) {
            let Compared { ended, resolved } = compare(policy, register, &all, as_of);
            changes.timelines.push(ComparedTimeline { timeline: all, ended });
            changes.resolved = resolved;
        } else {
            set_changes(policy, register, &HashMap::new());
        }
        changes.by_all = register.judged.findings.iter().map(|finding| finding.change).collect();
        let Some(job) = job.filter(|job| job.makes_papers()) else { return Ok(changes) };
        changes.resolved = Vec::new();
        let own = self.store.timelines().read(sample, job.series()).await?;
        if own.as_of.is_none_or(|latest| as_of >= latest) {
            let Compared { ended, resolved } = compare(policy, register, &own, as_of);
            changes.timelines.push(ComparedTimeline { timeline: own, ended });
            changes.resolved = resolved;
            return Ok(changes);
        }
        let known = match self.store.runs().previous(&job.name, as_of, sample).await? {
            Some(run) => self.store.findings().lights_of(&run).await?,
            None => HashMap::new(),
        };
        set_changes(policy, register, &known);
        Ok(changes)
    }
}

/// Sets the change of every finding since an earlier run with these lights.
fn set_changes(policy: &Policy, register: &mut EvaluatedRegister, known: &HashMap<Identity, Option<Light>>) {
    for finding in &mut register.judged.findings {
        let change = known.get(&identity(policy, finding)).map_or(Change::New, |light| change_since(*light, finding));
        finding.change = finding.change_by_its_data(change);
    }
}

/// Sets the change of every finding by its life in the timeline as it was before the day. Findings and lives have the same order, so both are
/// read in parallel.
fn compare(policy: &Policy, register: &mut EvaluatedRegister, timeline: &Timeline, as_of: NaiveDate) -> Compared {
    let mut compared = Compared { ended: Vec::new(), resolved: Vec::new() };
    let order = in_order(policy, &register.judged.findings);
    let mut lives = timeline.lives().peekable();
    let not_found = |register: &EvaluatedRegister, life: &Life<'_>, compared: &mut Compared| {
        let before = life.before(as_of);
        let was_open = before.is_some_and(|before| before.state != RESOLVED);
        let has = policy.ledger(life.ledger).is_some_and(|ledger| register.has(ledger, life.key));
        if !has || life.state == RESOLVED && !was_open {
            return;
        }
        compared.ended.push(life.identity());
        if was_open && before.is_some_and(|before| before.light.is_some()) {
            compared.resolved.push(life.identity());
        }
    };
    for index in order {
        let parts = identity_parts(policy, &register.judged.findings[index as usize]);
        while let Some(life) = lives.next_if(|life| life.order(parts).is_lt()) {
            not_found(register, &life, &mut compared);
        }
        let life = lives.next_if(|life| life.order(parts).is_eq());
        let finding = &mut register.judged.findings[index as usize];
        let change = match life.and_then(|life| life.before(as_of)) {
            None => Change::New,
            Some(before) if before.state == RESOLVED => Change::Reopened,
            Some(before) => change_since(before.light, finding),
        };
        finding.change = finding.change_by_its_data(change);
    }
    for life in lives {
        not_found(register, &life, &mut compared);
    }
    compared
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
