//! The unit that answers for the findings of a rule, where it is not the owner of the record.

use crate::domain::life::office::Office;
use crate::domain::register::record::Record;
use crate::domain::rules::context::Context;
use crate::domain::rules::owner::Owner;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::{Rule, RuleOwner};
use std::collections::HashMap;

/// The responsibility for a record as a rule sees it.
pub fn responsibility_for(context: &Context<'_>, rule: &Rule, record: &Record) -> Responsibility {
    let mut responsibility = Responsibility::of(context, rule.ledger, record);
    let (names, persons) = (HashMap::new(), HashMap::new());
    let policy = context.policy;
    let office = Office { policy, ledger: rule.ledger, projects: context.projects, project_names: &names, persons: &persons };
    let (unit, is_of_desk) = match rule.owner {
        RuleOwner::Record => return responsibility,
        RuleOwner::Issuer => (Some(office.issuer(record)), true),
        RuleOwner::Raiser => (office.raiser(record), false),
        RuleOwner::LevelOffice => (Some(office.level_office(record)), true),
        RuleOwner::Office => (Some(policy.units.office()), true),
        RuleOwner::Waits => {
            let states = policy.states(rule.ledger);
            let state = states.and_then(|states| Some(&states.list[states.of(office.ledger(), record, &policy.units, context.as_of)?]));
            let is_of_desk = state.is_some_and(|state| state.waits.is_of_desk());
            (state.and_then(|state| office.waited_for(state.waits, record).into_iter().next()), is_of_desk)
        }
    };
    responsibility.is_of_desk = is_of_desk;
    let division = unit.and_then(|unit| policy.units.division_of(unit));
    responsibility.owner = Owner { unit, text: String::new(), division };
    responsibility
}
