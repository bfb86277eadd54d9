//! The check of a life on symbolic records, which only know of each field whether it is filled and where its date lies: every transition that can
//! be reached has to end in one of the states it declares, and no state may always be hidden by an earlier one.
//!
//! Symbolic records begin as imported rows, in which events have set nothing, or with a transition that creates a record; transitions and the
//! passing of days make new ones.

use crate::domain::life::declaration::{Chain, Clause, Clauses, Life, Transition, Value};
use crate::domain::problem::ProblemsAt;
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::register::record::Cell;
use crate::domain::rules::condition::{Comparison, Condition, Operand, compare};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What is known of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Mark {
    Empty,
    /// A date behind the day, or on it, or ahead of it.
    Past,
    Today,
    Ahead,
    /// A value that no condition names.
    Other,
    /// One of the values that conditions name.
    Named(u8),
}

/// The marks of the fields that decide, in the order of [`Symbols::fields`].
type Symbol = Vec<Mark>;

/// The most symbolic records that are looked at; a life with more is not refused for what lies behind them.
const SYMBOLS_MAX: usize = 50_000;

struct Symbols<'a> {
    ledger: &'a Ledger,
    life: &'a Life,
    /// The fields that decide about states and transitions.
    fields: Vec<usize>,
    place: BTreeMap<usize, usize>,
    /// By place: the values that conditions compare the field with.
    named: Vec<Vec<Cell>>,
    /// By place: whether a condition asks where the date lies.
    dated: Vec<bool>,
}

/// Reports what is wrong with a life: states that cannot be left, are hidden, or are missed.
pub(crate) fn check(ledger: &Ledger, life: &Life, at: &mut ProblemsAt<'_>) {
    let states = &life.states.list;
    if states.is_empty() {
        return;
    }
    if states.last().is_some_and(|state| !state.when.is_empty()) {
        at.report("the last state has conditions, so that a record may be in none", Some("give it `when = []`".into()));
    }
    for (index, state) in states.iter().enumerate() {
        let is_left = life.transitions.iter().any(|transition| life.contains_state(&transition.from.states, Some(index)));
        if !state.is_final && !is_left && states.iter().position(|other| other.id == state.id) == Some(index) {
            let hint = "name it in `from` of one, or set `final = true`";
            at.report(format!("state \"{}\": no transition leads out of it", state.id), Some(hint.into()));
        }
    }
    let symbols = Symbols::new(ledger, life);
    for (index, state) in states.iter().enumerate() {
        let apart: Vec<usize> = (0..index).filter(|earlier| states[*earlier].id != state.id).collect();
        if !symbols.can_be_seen(index, &apart) {
            at.report(format!("state \"{}\" is always hidden by an earlier one", state.id), Some("move it up".into()));
        }
    }
    let mut wrong: BTreeSet<(usize, usize, usize)> = BTreeSet::new();
    symbols.walk(&mut |transition, before, after| {
        wrong.insert((transition, before, after));
    });
    for (transition, before, after) in wrong {
        let (from, to) = (if before < states.len() { &states[before].id } else { "new" }, &states[after].id);
        let message = format!("transition \"{}\" can end in state \"{to}\" (from \"{from}\")", life.transitions[transition].id);
        at.report(message, Some("name that state in `to`, or set what is missing".into()));
    }
}

impl<'a> Symbols<'a> {
    fn new(ledger: &'a Ledger, life: &'a Life) -> Symbols<'a> {
        let mut symbols = Symbols { ledger, life, fields: Vec::new(), place: BTreeMap::new(), named: Vec::new(), dated: Vec::new() };
        for condition in life.states.list.iter().flat_map(|state| state.when.iter().flatten()) {
            symbols.note(condition);
        }
        // of the conditions of transitions only those that ask whether a field is filled: others may or may not hold
        for clause in life.transitions.iter().flat_map(|transition| transition.when.iter().flatten()) {
            if let Clause::Record(condition @ (Condition::Filled(_) | Condition::NotFilled(_))) = clause {
                symbols.note(condition);
            }
        }
        symbols
    }

    /// Notes the fields that a condition asks.
    fn note(&mut self, condition: &Condition) {
        let mut add = |field: usize| {
            let next = self.fields.len();
            let place = *self.place.entry(field).or_insert(next);
            if place == next {
                self.fields.push(field);
                self.named.push(Vec::new());
                self.dated.push(false);
            }
            place
        };
        match condition {
            Condition::Filled(field) | Condition::NotFilled(field) => {
                add(*field);
            }
            Condition::Ahead(field) | Condition::Past(field) | Condition::Within { field, .. } => {
                let place = add(*field);
                self.dated[place] = true;
            }
            Condition::Compare { field, operand, .. } => {
                let place = add(*field);
                if let Operand::Value(value) = operand {
                    self.name(place, value);
                }
            }
            Condition::OneOf { field, values, .. } => {
                let place = add(*field);
                values.iter().for_each(|value| self.name(place, value));
            }
            Condition::Not(condition) => self.note(condition),
            Condition::Due(conditions) => conditions.iter().for_each(|condition| self.note(condition)),
            Condition::ByEvent(_) | Condition::State { .. } | Condition::NotTerminated | Condition::KeyIndustry => {}
        }
    }

    fn name(&mut self, place: usize, value: &Cell) {
        if !self.named[place].contains(value) {
            self.named[place].push(value.clone());
        }
    }

    /// The marks that a field may have.
    fn marks(&self, place: usize) -> Vec<Mark> {
        let mut marks = vec![Mark::Empty];
        match self.ledger.fields[self.fields[place]].kind {
            FieldKind::Date { .. } if self.dated[place] => marks.extend([Mark::Past, Mark::Today, Mark::Ahead]),
            FieldKind::Date { .. } => marks.push(Mark::Today),
            _ => {
                marks.push(Mark::Other);
                marks.extend((0..self.named[place].len()).map(|index| Mark::Named(index as u8)));
            }
        }
        marks
    }

    /// Whether a condition holds; `None` = it may or may not.
    fn holds(&self, condition: &Condition, symbol: &Symbol) -> Option<bool> {
        let mark = |field: &usize| self.place.get(field).map(|place| (*place, symbol[*place]));
        let filled = |field: &usize| {
            let (place, mark) = mark(field)?;
            let is_planned = self.ledger.fields[self.fields[place]].kind == FieldKind::Date { planned: true };
            // a day that something happened on and that lies ahead counts as empty
            Some(mark != Mark::Empty && (mark != Mark::Ahead || is_planned))
        };
        match condition {
            Condition::Filled(field) => filled(field),
            Condition::NotFilled(field) => filled(field).map(|filled| !filled),
            Condition::Ahead(field) => mark(field).map(|(_, mark)| matches!(mark, Mark::Today | Mark::Ahead)),
            Condition::Past(field) => mark(field).map(|(_, mark)| mark == Mark::Past),
            Condition::Within { field, .. } => match mark(field)?.1 {
                Mark::Empty | Mark::Past => Some(false),
                Mark::Today => Some(true),
                _ => None,
            },
            Condition::OneOf { field, values, wanted } => match mark(field)? {
                (_, Mark::Empty) => Some(false),
                (place, Mark::Named(index)) => {
                    let value = &self.named[place][usize::from(index)];
                    Some(values.iter().any(|one| compare(one, value) == Some(std::cmp::Ordering::Equal)) == *wanted)
                }
                (_, Mark::Other) => Some(!*wanted),
                _ => None,
            },
            Condition::Compare { field, comparison, operand: Operand::Value(value) } => match (mark(field)?, comparison) {
                ((_, Mark::Empty), _) => Some(false),
                ((place, Mark::Named(index)), Comparison::Equal | Comparison::NotEqual) => {
                    let is_equal = compare(value, &self.named[place][usize::from(index)]) == Some(std::cmp::Ordering::Equal);
                    Some(is_equal == (*comparison == Comparison::Equal))
                }
                ((_, Mark::Other), Comparison::Equal) => Some(false),
                ((_, Mark::Other), Comparison::NotEqual) => Some(true),
                _ => None,
            },
            Condition::Not(condition) => self.holds(condition, symbol).map(|holds| !holds),
            Condition::Due(conditions) => {
                let is_filled = |condition: &&Condition| {
                    condition.fields(self.ledger).iter().any(|field| mark(&field).is_some_and(|(_, mark)| mark != Mark::Empty))
                };
                conditions.iter().find(is_filled).or(conditions.last()).and_then(|condition| self.holds(condition, symbol))
            }
            Condition::Compare { .. }
            | Condition::ByEvent(_)
            | Condition::State { .. }
            | Condition::NotTerminated
            | Condition::KeyIndustry => None,
        }
    }

    /// Whether a list of lists holds; `None` = it may or may not.
    fn any(&self, lists: &[Vec<Condition>], symbol: &Symbol) -> Option<bool> {
        if lists.is_empty() {
            return Some(true);
        }
        let all = |list: &Vec<Condition>| list.iter().map(|condition| self.holds(condition, symbol)).fold(Some(true), and);
        lists.iter().map(all).fold(Some(false), or)
    }

    /// The states in which a record may be.
    fn states(&self, symbol: &Symbol) -> Vec<usize> {
        let mut found = Vec::new();
        for (index, state) in self.life.states.list.iter().enumerate() {
            match self.any(&state.when, symbol) {
                Some(false) => {}
                None => found.push(index),
                Some(true) => {
                    found.push(index);
                    break;
                }
            }
        }
        found
    }

    fn may_hold(&self, clauses: &Clauses, symbol: &Symbol) -> bool {
        let may = |clause: &Clause| match clause {
            Clause::Record(condition) => self.holds(condition, symbol) != Some(false),
            Clause::Given(_) | Clause::WorkdaysAhead(..) | Clause::WorkdaysBack(..) | Clause::BelowTop | Clause::Not(_) => true,
        };
        clauses.is_empty() || clauses.iter().any(|list| list.iter().all(may))
    }

    /// Whether a record may be in a state while none of the earlier ones holds. Only the fields that these states ask are tried.
    fn can_be_seen(&self, state: usize, earlier: &[usize]) -> bool {
        let list = &self.life.states.list;
        let asked: BTreeSet<usize> = earlier
            .iter()
            .chain([&state])
            .flat_map(|state| list[*state].when.iter().flatten())
            .flat_map(|condition| condition.fields(self.ledger).iter())
            .filter_map(|field| self.place.get(&field).copied())
            .collect();
        let asked: Vec<usize> = asked.into_iter().collect();
        let blank: Symbol = vec![Mark::Empty; self.fields.len()];
        self.seen_from(&asked, blank, &mut |symbol| {
            self.any(&list[state].when, symbol) != Some(false)
                && earlier.iter().all(|earlier| self.any(&list[*earlier].when, symbol) != Some(true))
        })
    }

    fn seen_from(&self, open: &[usize], symbol: Symbol, is_seen: &mut dyn FnMut(&Symbol) -> bool) -> bool {
        // most states are seen with the other fields empty
        if is_seen(&symbol) {
            return true;
        }
        let Some((place, rest)) = open.split_first() else { return false };
        self.marks(*place).into_iter().any(|mark| {
            let mut next = symbol.clone();
            next[*place] = mark;
            self.seen_from(rest, next, is_seen)
        })
    }

    /// Walks over all symbolic records that can be reached and calls `wrong` with (transition, state before, state after) for each end that is
    /// not declared; the state before is the number of states where a record is created.
    fn walk(&self, wrong: &mut dyn FnMut(usize, usize, usize)) {
        let blank: Symbol = vec![Mark::Empty; self.fields.len()];
        let mut seen: HashSet<Symbol> = HashSet::new();
        let mut open: Vec<Symbol> = Vec::new();
        for (index, transition) in self.life.transitions.iter().enumerate().filter(|(_, transition)| transition.from.new) {
            for after in self.after(transition, &blank) {
                self.judge(index, transition, self.life.states.list.len(), &after, wrong);
                push(after, &mut seen, &mut open);
            }
        }
        let imported: Vec<usize> = (0..self.fields.len()).filter(|place| !self.ledger.fields[self.fields[*place]].own).collect();
        self.rows(&imported, blank, &mut |row| push(row, &mut seen, &mut open));
        while let Some(symbol) = open.pop() {
            if seen.len() > SYMBOLS_MAX {
                return;
            }
            for later in self.later(&symbol) {
                push(later, &mut seen, &mut open);
            }
            for state in self.states(&symbol) {
                for (index, transition) in self.life.transitions.iter().enumerate() {
                    let is_from = self.life.contains_state(&transition.from.states, Some(state));
                    if is_from && self.may_hold(&transition.when, &symbol) {
                        for after in self.after(transition, &symbol) {
                            self.judge(index, transition, state, &after, wrong);
                            push(after, &mut seen, &mut open);
                        }
                        if let Some(opening) = &transition.opens {
                            let given = self.given(transition, &symbol);
                            let blank: Symbol = vec![Mark::Empty; self.fields.len()];
                            for base in given {
                                for opened in self.written(&opening.set, &base, blank.clone()) {
                                    push(opened, &mut seen, &mut open);
                                }
                            }
                        }
                    } else if transition.chain == Some(Chain::Below)
                        && self.life.states.list[state].waits == crate::domain::rules::condition::Waits::Nobody
                        && !self.life.states.list[state].is_final
                    {
                        // a record that waits for the one above gets a copy of its end
                        for after in self.after(transition, &symbol) {
                            push(after, &mut seen, &mut open);
                        }
                    }
                }
            }
        }
    }

    fn judge(&self, index: usize, transition: &Transition, before: usize, after: &Symbol, wrong: &mut dyn FnMut(usize, usize, usize)) {
        for state in self.states(after) {
            let allowed = match &transition.to {
                Some(to) => self.life.contains_state(to, Some(state)),
                None => before == self.life.states.list.len() || self.life.contains_state(&[before], Some(state)),
            };
            if !allowed {
                wrong(index, before, state);
            }
        }
    }

    /// Every imported row: its fields are filled in all ways.
    fn rows(&self, open: &[usize], symbol: Symbol, take: &mut dyn FnMut(Symbol)) {
        let Some((place, rest)) = open.split_first() else { return take(symbol) };
        for mark in self.marks(*place) {
            let mut next = symbol.clone();
            next[*place] = mark;
            self.rows(rest, next, take);
        }
    }

    /// The record a day later: dates come nearer and pass.
    fn later(&self, symbol: &Symbol) -> Vec<Symbol> {
        let mut out = vec![symbol.clone()];
        for place in (0..symbol.len()).filter(|place| self.dated[*place]) {
            let next: &[Mark] = match symbol[place] {
                Mark::Today => &[Mark::Past],
                Mark::Ahead => &[Mark::Ahead, Mark::Today],
                _ => continue,
            };
            out = out
                .into_iter()
                .flat_map(|known| {
                    next.iter().map(move |mark| {
                        let mut later = known.clone();
                        later[place] = *mark;
                        later
                    })
                })
                .collect();
        }
        out
    }

    /// The record with what may be given, in all ways that the transition takes.
    fn given(&self, transition: &Transition, symbol: &Symbol) -> Vec<Symbol> {
        let mut out = vec![symbol.clone()];
        for place in 0..self.fields.len() {
            let field = self.fields[place];
            if !transition.takes(field) || transition.unwritten.contains(field) {
                continue;
            }
            let marks = self.marks(place);
            let is_asked = transition.ask.contains(&field);
            out = out
                .into_iter()
                .flat_map(|known| {
                    let filled = marks.iter().copied().filter(|mark| *mark != Mark::Empty);
                    let left_out = known[place];
                    let all: Vec<Mark> = if is_asked { filled.collect() } else { filled.chain([left_out]).collect() };
                    all.into_iter().map(move |mark| {
                        let mut next = known.clone();
                        next[place] = mark;
                        next
                    })
                })
                .collect();
        }
        out.retain(|symbol| self.may_hold(&transition.need, symbol));
        out
    }

    /// The records in which a transition may end.
    fn after(&self, transition: &Transition, symbol: &Symbol) -> Vec<Symbol> {
        let given = self.given(transition, symbol);
        given.into_iter().flat_map(|base| self.written(&transition.set, &base, base.clone())).collect()
    }

    /// `onto` with the values of fields that are computed on `base`.
    fn written(&self, set: &[(usize, Value)], base: &Symbol, onto: Symbol) -> Vec<Symbol> {
        let mut out = vec![onto];
        for (field, value) in set {
            let Some(place) = self.place.get(field).copied() else { continue };
            let marks = self.value(value, place, base);
            out = out
                .into_iter()
                .flat_map(|known| {
                    marks.iter().map(move |mark| {
                        let mut next = known.clone();
                        next[place] = *mark;
                        next
                    })
                })
                .collect();
        }
        out
    }

    /// The marks that a value may give a field.
    fn value(&self, value: &Value, place: usize, base: &Symbol) -> Vec<Mark> {
        let filled = || self.marks(place).into_iter().filter(|mark| *mark != Mark::Empty).collect::<Vec<_>>();
        match value {
            Value::Day => vec![Mark::Today],
            Value::Empty => vec![Mark::Empty],
            Value::Literal(cell) => {
                let named = self.named[place].iter().position(|known| compare(known, cell) == Some(std::cmp::Ordering::Equal));
                match named {
                    Some(index) => vec![Mark::Named(index as u8)],
                    None => filled(),
                }
            }
            Value::By | Value::Unit | Value::Above | Value::Increment => filled(),
            Value::Field(field) => match self.place.get(field) {
                Some(source) if self.ledger.fields[self.fields[place]].kind == self.ledger.fields[*field].kind => match base[*source] {
                    mark @ (Mark::Empty | Mark::Past | Mark::Today | Mark::Ahead) if !self.dated[place] && mark != Mark::Empty => {
                        vec![Mark::Today]
                    }
                    Mark::Named(_) => filled(),
                    mark => vec![mark],
                },
                Some(source) if base[*source] == Mark::Empty => vec![Mark::Empty],
                Some(_) => filled(),
                None if Some(*field) == self.ledger.role(crate::domain::register::ledger::Role::Code) => filled(),
                None => self.marks(place),
            },
            Value::Given(_) | Value::Due | Value::Later(_) | Value::First(_) | Value::Workdays(..) => self.marks(place),
        }
    }
}

fn push(symbol: Symbol, seen: &mut HashSet<Symbol>, open: &mut Vec<Symbol>) {
    if seen.insert(symbol.clone()) {
        open.push(symbol);
    }
}

/// Both hold, where each may be open.
fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    and(one.map(|one| !one), other.map(|other| !other)).map(|neither| !neither)
}
