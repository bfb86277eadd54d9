//! Random walks over both lives, with linked records and imported rows of odd cells.

use super::desk::{Desk, cell_of, day};
use crate::domain::judging::finding::Finding;
use crate::domain::judging::judge::Judged;
use crate::domain::life::declaration::{Party, Transition};
use crate::domain::life::event::{Event, Via};
use crate::domain::life::matter::Matter;
use crate::domain::register::ledger::FieldKind;
use crate::domain::register::record::{Cell, Record};
use crate::domain::register::units::UnitId;
use crate::domain::rules::context::{Context, OldData};
use chrono::{Days, NaiveDate};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const UNITS: [&str; 6] = ["省投资促进局", "贵阳市", "南明区", "瓮安县", "黔南州", "福泉市"];

/// What a walk has seen, over all seeds.
#[derive(Default)]
struct Seen {
    states: BTreeSet<String>,
    /// How often each transition was made.
    transitions: BTreeMap<String, u32>,
    ends: BTreeSet<(String, String)>,
    copies: u32,
    /// The rules that lit a record with events.
    lit: BTreeSet<String>,
    lower_withdrawn: u32,
    events: usize,
}

fn odd_date(dice: &mut Rng, today: NaiveDate) -> Cell {
    match dice.u32(0..8) {
        0..3 => Cell::Empty,
        3 => Cell::Date(today + Days::new(dice.u64(0..400))),
        4 => Cell::Date(day("1999-01-01")),
        5 => Cell::Date(day("2099-12-31")),
        _ => Cell::Date(today - Days::new(dice.u64(0..200))),
    }
}

/// A row whose cells contradict each other as often as not.
fn odd_row(desk: &Desk, dice: &mut Rng) -> Vec<(&'static str, Cell)> {
    let ledger = &desk.policy.ledgers[desk.ledger];
    let mut row = Vec::new();
    for field in ledger.fields.iter().filter(|field| !field.own && field.id != "code") {
        let cell = match (field.id.as_str(), field.kind) {
            ("project_code", _) => Cell::Text(["GZ1", "GZ2", "GZ9", ""][dice.usize(0..4)].into()),
            ("holder", _) => Cell::Text(["瓮安县", "贵阳市", "省投资促进局", "无此单位"][dice.usize(0..4)].into()),
            ("asked_level", _) => Cell::Text(["县级", "市级", "省级", "乡级"][dice.usize(0..4)].into()),
            ("department", _) => Cell::Text(["自然资源部门", "人社部门", "无此部门"][dice.usize(0..3)].into()),
            (_, FieldKind::Date { .. }) => odd_date(dice, desk.today),
            ("restricted", _) => Cell::Empty,
            _ => Cell::Text("文字".into()),
        };
        let cell = if cell == Cell::Text("".into()) { Cell::Empty } else { cell };
        row.push((Box::leak(field.id.clone().into_boxed_str()) as &str, cell));
    }
    row
}

/// Something to give for every field that a transition asks, and for some that it takes.
fn given(desk: &Desk, transition: &Transition, dice: &mut Rng) -> Vec<(usize, Cell)> {
    let ledger = &desk.policy.ledgers[desk.ledger];
    let optional: Vec<usize> = transition.may.iter().copied().filter(|_| dice.bool()).collect();
    let text = |field: &str, dice: &mut Rng| match field {
        "project_code" => ["GZ1", "GZ2", "GZ3"][dice.usize(0..3)].to_owned(),
        "holder" => ["瓮安县", "贵阳市", "南明区", "省投资促进局"][dice.usize(0..4)].to_owned(),
        "asked_level" => ["县级", "市级", "省级"][dice.usize(0..3)].to_owned(),
        "department" => ["自然资源部门", "人社部门"][dice.usize(0..2)].to_owned(),
        "result" => ["已解决", "情况说明", "正在解决", "暂不具备条件"][dice.usize(0..4)].to_owned(),
        "answer_class" => ["已解决", "不具备条件"][dice.usize(0..2)].to_owned(),
        _ => "文字".to_owned(),
    };
    transition
        .ask
        .iter()
        .copied()
        .chain(optional)
        .map(|field| {
            let declared = &ledger.fields[field];
            let cell = match declared.kind {
                FieldKind::Date { .. } => Cell::Date(desk.today + Days::new(dice.u64(0..60))),
                FieldKind::Int => Cell::Int(dice.i64(1..30)),
                FieldKind::Bool => Cell::Bool(dice.bool()),
                kind => cell_of(kind, &text(&declared.id, dice)),
            };
            (field, cell)
        })
        .collect()
}

/// The units that may make a transition, and sometimes any other.
fn unit(desk: &Desk, code: Option<&str>, transition: &Transition, dice: &mut Rng) -> UnitId {
    let record = code.and_then(|code| desk.on(code, desk.today)).map(|(folded, _)| folded.record);
    let units: Vec<UnitId> = desk.with_office(|office| {
        let of = |party: &Party| record.as_ref().map_or_else(Vec::new, |record| office.units_of(*party, record));
        transition.by.iter().flat_map(of).collect()
    });
    if units.is_empty() || dice.u32(0..10) == 0 { desk.unit(UNITS[dice.usize(0..UNITS.len())]) } else { units[dice.usize(0..units.len())] }
}

fn check(desk: &Desk) {
    let life = desk.life();
    for (code, matter) in &desk.matters {
        // exactly one state on every day, and every prefix is a life
        for back in [0, 1, 30] {
            let day = desk.today - Days::new(back);
            if let Some((folded, state)) = desk.on(code, day) {
                assert!(life.states.list.iter().any(|known| known.id == state), "{code} on {day}: {state:?}");
                assert_eq!(folded.record.cells.len(), desk.policy.ledgers[desk.ledger].fields.len());
            }
        }
        let events: Vec<&Event> = matter.events.iter().collect();
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event.no as usize, index + 1);
            assert!(index == 0 || events[index - 1].on <= event.on, "{code}: the days of events follow each other");
            let on = desk.with_office(|office| matter.with(office, life, &events[..=index], event.on));
            let state = on.expect("it exists").state.expect("a state");
            let declared = life.transition(&event.transition).map(|index| &life.transitions[index]).unwrap();
            let is_opened = event.creates && !declared.from.new;
            let named = event.act == event.pos && !is_opened;
            if let Some(to) = declared.to.as_ref().filter(|_| named && event.via != Via::Service) {
                assert!(life.contains_state(to, Some(state)), "{code} {}: {}", event.transition, life.states.list[state].id);
            }
            party_is_right(desk, matter, &events[..index], event, declared);
        }
    }
    let mut numbers: Vec<&String> = desk.numbers.iter().collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), desk.numbers.len(), "every number once");
}

/// No event of a unit on a record it neither owns, is asked, raised, supervises nor issued; nobody ends what he reported alone.
fn party_is_right(desk: &Desk, matter: &Matter, before: &[&Event], event: &Event, declared: &Transition) {
    if event.act != event.pos || event.via == Via::Service || event.creates {
        return;
    }
    let unit = desk.unit(&event.unit);
    let life = desk.life();
    desk.with_office(|office| {
        let on = matter.with(office, life, before, event.on).expect("it existed before");
        let record = &on.folded.record;
        let mut related = vec![office.owner(record).unit, office.raiser(record), Some(office.issuer(record)), office.superior(record)];
        related.push(on.folded.gone.then(|| desk.policy.units.office()));
        assert!(related.contains(&Some(unit)), "{} of {} on {}", event.transition, event.unit, matter.code);
        let owner_acts = |event: &&&Event| {
            let index = life.transition(&event.transition).unwrap();
            life.transitions[index].by.iter().any(|party| party.is_of_owner())
        };
        let last = before.iter().rev().find(owner_acts);
        let of_issuer = declared.by.iter().any(|party| party.is_of_issuer()) && !declared.by.iter().any(|party| party.is_of_owner());
        if of_issuer && office.owner(record).unit == Some(unit) && !event.same_person {
            assert!(last.is_none_or(|last| last.by != event.by), "{} ends alone what he reported", event.by);
        }
    });
}

/// What the rules find of a record on a day, with a light.
fn lit(desk: &Desk, record: &Record, as_of: NaiveDate) -> Vec<Finding> {
    let (none, exempt) = (HashMap::new(), HashMap::new());
    let context = Context {
        policy: desk.policy,
        as_of,
        projects: &desk.projects,
        waiting_on: &none,
        answered: &HashMap::new(),
        exempt: &exempt,
        old_data: OldData::none(),
    };
    let mut judged = Judged::new(desk.policy);
    judged.record(&context, desk.ledger, record);
    judged.findings.retain(|finding| finding.light.is_some());
    judged.findings
}

/// What a walk leaves behind is found within 60 days, and the days of rest behind them, unless it is a draft or suspended, or speaks through another
/// record: the one above it that was passed up, or the first one that was raised.
fn no_open_state_is_silent(desk: &Desk) {
    let later = desk.today + Days::new(70);
    for (code, matter) in &desk.matters {
        let Some((folded, state)) = desk.on(code, later) else { continue };
        let life = desk.life();
        let is_final = life.states.list.iter().any(|known| known.id == state && known.is_final);
        let speaks_elsewhere = ["draft", "suspended", "passed-up"].contains(&state.as_str())
            || state == "answered" && !desk.cell(code, "raised_from").is_empty();
        let has_owner = desk.with_office(|office| office.owner(&folded.record).unit.is_some());
        if folded.is_own && !is_final && !speaks_elsewhere && has_owner {
            let found = lit(desk, &folded.record, later);
            assert!(!found.is_empty(), "{code} is silent in state {state}: {:#?}", matter.events.last());
        }
    }
}

/// Nobody has a lit finding on a record that waits for another, nor on the day on which the record begins to wait for him.
fn nobody_is_chased_for_another(desk: &Desk, seen: &mut Seen) {
    let life = desk.life();
    for code in desk.matters.keys() {
        let Some((folded, state)) = desk.on(code, desk.today) else { continue };
        if !folded.record.has_events || folded.gone {
            continue;
        }
        let waited = |day: NaiveDate| {
            let on = desk.with_office(|office| {
                let on = desk.matters[code].on(office, life, day)?;
                Some(office.waited_for(life.states.list[on.state?].waits, &on.folded.record))
            });
            on.unwrap_or_default()
        };
        let (now, before) = (waited(desk.today), waited(desk.today - Days::new(1)));
        for finding in lit(desk, &folded.record, desk.today) {
            let rule = &desk.policy.rules[finding.rule].id;
            let Some(owner) = finding.owner else { continue };
            assert!(now.contains(&owner), "{rule} on {code} in state {state}: {}", desk.policy.units.units[owner].name);
            assert!(
                before.contains(&owner),
                "{rule} on {code}: state {state} waits for {} since today",
                desk.policy.units.units[owner].name
            );
            seen.lit.insert(rule.clone());
        }
    }
}

fn walk(ledger: &str, seed: u64, steps: usize, seen: &mut Seen) {
    let mut dice = Rng::with_seed(seed);
    let mut desk = Desk::new(ledger, "2026-03-02");
    for row in 0..3 {
        let cells = odd_row(&desk, &mut dice);
        let covers = desk.today - Days::new(dice.u64(0..60));
        desk.import(&format!("A{row}"), &covers.to_string(), &cells);
    }
    if dice.bool() {
        desk.persons.insert(desk.policy.units.office(), ["一人".to_owned()].into());
    }
    let life = desk.life();
    for _ in 0..steps {
        desk.today = desk.today + Days::new(dice.u64(0..6));
        let codes: Vec<String> = desk.matters.keys().cloned().collect();
        let code = codes.get(dice.usize(0..codes.len() + 1)).cloned();
        let possible: Vec<usize> = match &code {
            None => (0..life.transitions.len()).filter(|index| life.transitions[*index].from.new).collect(),
            Some(code) => {
                let ids = desk.with_office(|office| desk.matters[code].possible(office, life, &desk.matters, desk.today));
                ids.iter().filter_map(|id| life.transition(id)).collect()
            }
        };
        // half of the acts are those made least often so far
        let rare = |index: &&usize| seen.transitions.get(&life.transitions[**index].id).copied().unwrap_or(0);
        let index = match possible.iter().min_by_key(rare).filter(|_| dice.u32(0..8) > 0) {
            None => dice.usize(0..life.transitions.len()),
            Some(rarest) if dice.bool() => *rarest,
            Some(_) => possible[dice.usize(0..possible.len())],
        };
        let transition = &life.transitions[index];
        let office = desk.policy.units.office();
        let unit = unit(&desk, code.as_deref(), transition, &mut dice);
        let mut act = desk.act(code.as_deref().unwrap_or("new"), &transition.id, "省投资促进局", &[]);
        act.unit = unit;
        act.on_behalf = unit != office && dice.bool();
        act.by = format!("{}{}", desk.policy.units.units[unit].name, dice.u32(0..2));
        act.given = given(&desk, transition, &mut dice);
        if dice.u32(0..4) == 0 {
            act.stated_on = Some(desk.today - Days::new(dice.u64(0..20)));
        }
        let before = desk.matters.clone();
        match desk.handle(&act) {
            Ok((code, state)) => {
                let matter = &desk.matters[&code];
                let named = matter.events.iter().rev().find(|event| event.transition == transition.id && event.act == event.pos).unwrap();
                assert_eq!(desk.with_office(|office| life.state_id(matter.state_after(office, life, named)).to_owned()), state);
                seen.ends.insert((transition.id.clone(), state.clone()));
                *seen.transitions.entry(transition.id.clone()).or_default() += 1;
            }
            Err(refusal) => {
                assert!(!refusal.reason.is_empty());
                assert!(before.keys().eq(desk.matters.keys()), "a refused act changes nothing");
            }
        }
        nobody_is_chased_for_another(&desk, seen);
        for code in desk.matters.keys() {
            seen.states.insert(desk.state(code));
        }
    }
    seen.copies +=
        desk.matters.values().flat_map(|matter| &matter.events).filter(|event| event.act != event.pos && !event.creates).count() as u32;
    seen.lower_withdrawn +=
        desk.matters.values().flat_map(|matter| &matter.events).filter(|event| event.via == Via::Service).count() as u32;
    seen.events += desk.matters.values().map(|matter| matter.events.len()).sum::<usize>();
    check(&desk);
    no_open_state_is_silent(&desk);
}

/// The seeds of the walks: as many times more, and from the seed on, that `.ci/long lives` sets.
#[allow(clippy::disallowed_methods, reason = "the length of a longer run is set from outside")]
fn seeds() -> std::ops::Range<u64> {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("DUBAN_SEED").unwrap_or(1);
    first..first + 59 * number("DUBAN_CASES").unwrap_or(1)
}

fn walk_over(ledger: &str) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds() {
        let walked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk(ledger, seed, 90, &mut seen)));
        assert!(walked.is_ok(), "seed {seed} of {ledger}");
    }
    println!("{ledger}: {} events", seen.events);
    seen
}

#[test]
fn walks_over_orders_hold_the_invariants_and_reach_every_state() {
    let seen = walk_over("work-order");
    let desk = Desk::new("work-order", "2026-03-02");
    let states: BTreeSet<String> = desk.life().states.list.iter().map(|state| state.id.clone()).collect();
    assert_eq!(seen.states, states);
    let missed: Vec<&str> =
        desk.life().transitions.iter().map(|transition| transition.id.as_str()).filter(|id| !seen.transitions.contains_key(*id)).collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert!(seen.lower_withdrawn > 0);
    let rules = ["order-extension-open", "order-objection-open", "order-overdue", "order-silent", "order-unchecked", "order-unreceived"];
    assert!(seen.lit.iter().eq(rules), "{:?}", seen.lit);
    let ends = |id: &str| seen.ends.iter().filter(|(transition, _)| transition == id).map(|(_, end)| end.as_str()).collect::<Vec<_>>();
    assert_eq!((ends("uphold"), ends("reopen")), (vec!["handling", "issued"], vec!["handling", "issued"]));
}

#[test]
fn walks_over_difficulties_hold_the_invariants_and_reach_every_state() {
    let seen = walk_over("difficulty");
    let desk = Desk::new("difficulty", "2026-03-02");
    let states: BTreeSet<String> = desk.life().states.list.iter().map(|state| state.id.clone()).collect();
    assert_eq!(seen.states, states);
    let missed: Vec<&str> =
        desk.life().transitions.iter().map(|transition| transition.id.as_str()).filter(|id| !seen.transitions.contains_key(*id)).collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert!(seen.copies > 0);
    let rules = ["difficulty-unanswered", "difficulty-unconfirmed", "difficulty-undecided", "difficulty-unsolved"];
    assert!(seen.lit.iter().eq(rules), "{:?}", seen.lit);
}
