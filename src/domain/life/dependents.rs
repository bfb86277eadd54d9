//! What a snapshot in force ends counts as what a person ends: the lower orders of an order that an import closed are withdrawn, and the other
//! records of a difficulty's chain are solved.

use crate::domain::life::act::{Act, Draft, by_id};
use crate::domain::life::declaration::{Chain, Life, Transition, WITHDRAW};
use crate::domain::life::event::Via;
use crate::domain::life::matter::{MatterOn, Matters};
use crate::domain::life::office::Office;
use crate::domain::life::worked::{blank, work};
use crate::domain::register::ledger::Role;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// The name under which the service acts.
pub const SERVICE: &str = "duban";

/// The events by which the service ends the open records that depend on ended ones, on a day.
pub fn dependents(office: &Office<'_>, life: &Life, matters: &Matters, day: NaiveDate) -> Vec<Draft> {
    let ledger = office.ledger();
    let on_day: BTreeMap<&str, MatterOn> =
        matters.values().filter_map(|matter| Some((matter.code.as_str(), matter.on(office, life, day)?))).collect();
    let link = |on: &MatterOn, role: Role| on.folded.record.text(ledger.role(role)).to_owned();
    let withdraw = life.transition(WITHDRAW).map(|index| &life.transitions[index]);
    // record → the transition that ends it, and the code of the record that has ended
    let mut ended_by: BTreeMap<&str, (&Transition, String)> = BTreeMap::new();
    let mut ended: Vec<String> = on_day.iter().filter(|(_, on)| life.is_final(on.state)).map(|(code, _)| (*code).to_owned()).collect();
    let mut seen: BTreeSet<String> = ended.iter().cloned().collect();
    let states: BTreeMap<String, Option<usize>> = on_day.iter().map(|(code, on)| ((*code).to_owned(), on.state)).collect();
    let mut ends: BTreeMap<String, Option<usize>> = ended.iter().map(|code| (code.clone(), states[code])).collect();
    while let Some(code) = ended.pop() {
        let state = ends.get(&code).copied().flatten();
        let along_chain = life.transitions.iter().find(|transition| {
            let to = transition.to.as_deref().unwrap_or_default();
            transition.chain == Some(Chain::All) && life.contains_state(to, state) && !transition.reason
        });
        let below = on_day.get(code.as_str()).map(|on| link(on, Role::RaisedFrom)).unwrap_or_default();
        for (other, on) in on_day.iter().filter(|(_, on)| !life.is_final(on.state)) {
            let is_lower = link(on, Role::Upper) == code;
            let is_of_chain = link(on, Role::RaisedFrom) == code || *other == below;
            let transition = if is_lower { withdraw } else { along_chain.filter(|_| is_of_chain) };
            if let Some(transition) = transition.filter(|_| seen.insert((*other).to_owned())) {
                ended_by.insert(other, (transition, code.clone()));
                let to = transition.to.as_deref().unwrap_or_default().first().copied();
                ends.insert((*other).to_owned(), to);
                ended.push((*other).to_owned());
            }
        }
    }
    let act = |reason: String| Act {
        code: None,
        transition: String::new(),
        by: SERVICE.to_owned(),
        unit: office.policy.units.office(),
        on_behalf: false,
        stated_on: None,
        given: Vec::new(),
        number: None,
        reason,
        key: String::new(),
        actor: SERVICE.to_owned(),
        via: Via::Service,
    };
    let draft = |(code, (transition, of)): (&&str, &(&Transition, String))| {
        let on = &on_day[*code];
        let act = act(format!("{of}{}", life.state_title(states.get(of).copied().flatten())));
        let worked = work(office, life, transition, &on.folded.record, &blank(office), &act, day);
        let mut draft = Draft::of(office, &act, Some(code), &transition.id, day);
        draft.event.no = matters[*code].next_no();
        draft.event.set = by_id(ledger, &worked.set);
        draft
    };
    ended_by.iter().map(draft).collect()
}
