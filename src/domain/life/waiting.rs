//! By project, the unit whose answer to a difficulty it waits for, and the answers that its own unit has to confirm.

use crate::domain::audience::is_restricted;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::life::office::Office;
use crate::domain::life::words::answer_in_words;
use crate::domain::register::ledger::Role;
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::condition::{Waits, happened};
use crate::domain::rules::context::Context;
use crate::domain::rules::rule::{Rule, RuleKind};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The units by project: of a record without events the one that owes an answer past its day, of one with events the one for which it waits since
/// it was raised. `records` are those of each ledger (index).
pub fn waiting_units<'a>(
    context: &Context<'_>,
    findings: &[Finding],
    records: impl Iterator<Item = (usize, &'a [Record])> + Clone,
) -> HashMap<String, UnitId> {
    let policy = context.policy;
    let mut waiting_on: HashMap<String, UnitId> = HashMap::new();
    let (names, persons) = (HashMap::new(), HashMap::new());
    for rule in policy.rules.iter().filter(|rule| rule.waiting_on_owner) {
        let handled = || records.clone().filter(|(ledger, _)| *ledger == rule.ledger).flat_map(|(_, records)| records);
        let of_rule = |finding: &&Finding| std::ptr::eq(&policy.rules[finding.rule], rule) && finding.state == State::Open;
        let with_events: Vec<&Record> = handled().filter(|record| record.has_events).collect();
        for finding in findings.iter().filter(of_rule) {
            let has_events = with_events.iter().any(|record| *record.code == *finding.key);
            if let Some(owner) = finding.owner.filter(|_| !has_events) {
                waiting_on.entry(finding.project.to_string()).or_insert(owner);
            }
        }
        let office = Office { policy, ledger: rule.ledger, projects: context.projects, project_names: &names, persons: &persons };
        for record in with_events {
            if let (Some(unit), Some(project)) = (waited_for(context, rule, &office, record), office.ledger().project_of(record)) {
                waiting_on.entry(project).or_insert(unit);
            }
        }
    }
    waiting_on
}

/// The unit whose act an open record waits for; `None` where it waits for nobody, for its raiser alone, or for the unit of its project.
fn waited_for(context: &Context<'_>, rule: &Rule, office: &Office<'_>, record: &Record) -> Option<UnitId> {
    let RuleKind::Deadline { from, .. } = &rule.kind else { return None };
    let raised = from.fields().first()?;
    if happened(office.ledger(), record, *raised, context.as_of).is_empty() {
        return None;
    }
    let states = context.policy.states(rule.ledger)?;
    let state = &states.list[states.of(office.ledger(), record, &context.policy.units, context.as_of)?];
    if state.is_final || state.waits == Waits::Raiser {
        return None;
    }
    let unit = office.waited_for(state.waits, record).into_iter().next();
    // what waits for the project's own unit is its own cause
    unit.filter(|unit| office.project(record).is_none_or(|project| project.owner.unit != Some(*unit)))
}

/// By project, the answers to its difficulties that wait for whoever raised them, in words. `records` are those of each ledger (index).
pub fn answers_to_confirm<'a>(context: &Context<'_>, records: impl Iterator<Item = (usize, &'a [Record])>) -> HashMap<String, Arc<str>> {
    let policy = context.policy;
    let (names, persons) = (HashMap::new(), HashMap::new());
    let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (index, records) in records {
        let Some(states) = policy.states(index) else { continue };
        let office = Office { policy, ledger: index, projects: context.projects, project_names: &names, persons: &persons };
        let ledger = office.ledger();
        for record in records.iter().filter(|record| record.has_events) {
            let state = states.of(ledger, record, &policy.units, context.as_of).map(|state| &states.list[state]);
            let is_raised_here = record.text(ledger.role(Role::RaisedFrom)).is_empty();
            let is_open = !is_restricted(ledger, record, || office.project(record).is_some_and(|project| project.restricted));
            if !state.is_some_and(|state| state.waits == Waits::Raiser) || !is_raised_here || !is_open {
                continue;
            }
            let answer = answer_in_words(ledger, record, context.as_of);
            if let (Some(answer), Some(project)) = (answer, ledger.project_of(record)) {
                let owner = office.owner(record).unit.map_or("", |unit| office.name(unit));
                let name = record.text(ledger.role(Role::Name));
                answers.entry(project).or_default().push(format!("“{name}”{owner}{answer}，请确认是否解决（{}）", record.code));
            }
        }
    }
    answers.into_iter().map(|(project, answers)| (project, answers.join("；").into())).collect()
}
