//! `[life]` and `[issuer.UNIT]` of `config/ledgers/NAME.toml` → [`Life`].

use crate::domain::bounds::some_between;
use crate::domain::life::declaration::{Audience, Chain, Clauses, From, IssuerSeries, Life, Opening, Party, Transition, Value};
use crate::domain::life::declaration_text::{clause, value};
use crate::domain::life::symbolic;
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::rules::condition::{State, States, Waits};
use crate::domain::rules::condition_text::{FieldType, Scopes, Terms, conditions, field};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `[life]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LifeFile {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    number_by: String,
    #[serde(default)]
    due: Vec<String>,
    #[serde(default)]
    state: Vec<StateFile>,
    #[serde(default)]
    transition: Vec<TransitionFile>,
}

/// `[issuer.UNIT]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerFile {
    prefix: String,
    #[serde(default)]
    number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    id: String,
    title: String,
    when: Lists,
    #[serde(default)]
    waits: Option<String>,
    #[serde(default)]
    r#final: bool,
}

/// A list of conditions that all hold, or several of which one does.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of conditions, or a list of such lists")]
enum Lists {
    One(Vec<String>),
    Several(Vec<Vec<String>>),
}

impl Default for Lists {
    fn default() -> Lists {
        Lists::One(Vec::new())
    }
}

impl Lists {
    fn lists(&self) -> &[Vec<String>] {
        match self {
            Lists::One(list) if list.is_empty() => &[],
            Lists::One(list) => std::slice::from_ref(list),
            Lists::Several(lists) => lists,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransitionFile {
    id: String,
    title: String,
    from: Origins,
    #[serde(default)]
    when: Lists,
    #[serde(default)]
    need: Lists,
    by: Vec<String>,
    #[serde(default)]
    ask: Vec<String>,
    #[serde(default)]
    may: Vec<String>,
    #[serde(default)]
    reason: bool,
    #[serde(default, deserialize_with = "some_between::<1, 1000, _, _>")]
    limit: Option<u32>,
    #[serde(default)]
    default: BTreeMap<String, String>,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default, rename = "keeps")]
    unwritten: Vec<String>,
    opens: Option<OpensFile>,
    #[serde(default)]
    below: BTreeMap<String, String>,
    chain: Option<String>,
    to: Option<Vec<String>>,
    #[serde(default)]
    tell: Vec<String>,
    column: Option<String>,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    number: bool,
    first: Option<String>,
}

/// The states from which a transition may be made: a list, or `"any"` in a ledger without states.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of states, or \"any\"")]
enum Origins {
    Any(String),
    States(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpensFile {
    set: BTreeMap<String, String>,
    #[serde(default)]
    number: bool,
    #[serde(default)]
    need: Lists,
}

const CHAINS: [(&str, Chain); 2] = [("below", Chain::Below), ("all", Chain::All)];

/// The life of a ledger's records. `None` where it has problems.
pub(crate) fn life(raw: &LifeFile, issuers: &BTreeMap<String, IssuerFile>, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Option<Life> {
    let before = at.count();
    let states = Arc::new(states(raw, ledger, at));
    let mut transitions: Vec<Transition> = Vec::new();
    for transition in &raw.transition {
        let mut at = at.at(format!("transition \"{}\"", transition.id));
        if transitions.iter().any(|known| known.id == transition.id) {
            at.report_place("appears twice", None);
        }
        transitions.push(TransitionReader { ledger, states: &states, all: &raw.transition }.read(transition, &mut at));
    }
    let number_is_given = raw.number_by == "given";
    if !number_is_given && !raw.number_by.is_empty() {
        at.report(format!("life: number_by \"{}\" is unknown", raw.number_by), Some("leave it out, or write \"given\"".into()));
    }
    check_prefix(&raw.prefix, "life", at);
    check_number(&raw.number, "life", at);
    let makes = |transition: &Transition| transition.from.new || transition.opens.is_some();
    if raw.prefix.is_empty() && transitions.iter().any(makes) {
        at.report("life: prefix is missing", Some("the codes of records that are made here begin with it, such as prefix = \"DB\"".into()));
    }
    let mut series = Vec::new();
    for (unit, issuer) in issuers {
        let place = format!("issuer.{unit}");
        check_prefix(&issuer.prefix, &place, at);
        check_number(&issuer.number, &place, at);
        series.push(IssuerSeries { unit: unit.clone(), prefix: issuer.prefix.clone(), number: issuer.number.clone() });
    }
    let life = Life { states, transitions, prefix: raw.prefix.clone(), number: raw.number.clone(), number_is_given, issuers: series };
    if at.count() == before {
        symbolic::check(ledger, &life, at);
    }
    (at.count() == before).then_some(life)
}

fn check_prefix(prefix: &str, place: &str, at: &mut ProblemsAt<'_>) {
    let is_plain = prefix.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_plain || prefix.starts_with('-') || prefix.ends_with('-') || prefix.len() > 12 {
        at.report(format!("{place}: prefix \"{prefix}\" does not begin a code"), Some("capital letters and digits, at most 12".into()));
    }
}

fn check_number(number: &str, place: &str, at: &mut ProblemsAt<'_>) {
    let repeats = !number.contains("{n}") || !number.contains("{year}");
    if !number.is_empty() && repeats {
        at.report(format!("{place}: number \"{number}\" would repeat itself"), Some("it needs {year} and {n}".into()));
    }
}

fn states(raw: &LifeFile, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> States {
    let due = raw.due.iter().filter_map(|name| field(name, "life: due", FieldType::Date, ledger, at)).collect();
    // the due day may be named in the conditions of the states themselves
    let with_due = Arc::new(States { list: Vec::new(), due });
    let mut list = Vec::new();
    for state in &raw.state {
        let mut at = at.at(format!("state \"{}\"", state.id));
        let scopes = Scopes::new();
        let terms = Terms { scopes: &scopes, states: Some(&with_due) };
        let lists = state.when.lists().iter();
        let when = lists.map(|texts| conditions(texts, "when", ledger, terms, &mut at)).collect();
        let waits = match (&state.waits, state.r#final) {
            (Some(word), _) => at.named(&Waits::NAMES, word, "waits").unwrap_or(Waits::Nobody),
            (None, true) => Waits::Nobody,
            (None, false) => {
                at.report("waits is missing", Some("who has to act in this state, or `final = true`".into()));
                Waits::Nobody
            }
        };
        list.push(State { id: state.id.clone(), title: state.title.clone(), when, waits, is_final: state.r#final });
    }
    States { list, due: with_due.due.clone() }
}

struct TransitionReader<'a> {
    ledger: &'a Ledger,
    states: &'a Arc<States>,
    all: &'a [TransitionFile],
}

impl TransitionReader<'_> {
    fn read(&self, raw: &TransitionFile, at: &mut ProblemsAt<'_>) -> Transition {
        let ask = self.fields(&raw.ask, "ask", at);
        let may = self.fields(&raw.may, "may", at);
        let unwritten = self.fields(&raw.unwritten, "keeps", at);
        for field in unwritten.iter().filter(|field| !ask.contains(field) && !may.contains(field)) {
            at.report(format!("keeps: field \"{}\" is not given", self.ledger.fields[*field].id), Some("name it in `ask` or `may`".into()));
        }
        let default = self.values(&raw.default, "default", at);
        for (field, _) in default.iter().filter(|(field, _)| !ask.contains(field) && !may.contains(field)) {
            at.report(format!("default: field \"{}\" is not given", self.ledger.fields[*field].id), Some("name it in `may`".into()));
        }
        let from = self.from(&raw.from, at);
        Transition {
            id: raw.id.clone(),
            title: raw.title.clone(),
            when: self.clauses(&raw.when, "when", at),
            need: self.clauses(&raw.need, "need", at),
            by: raw.by.iter().filter_map(|word| at.named(&Party::NAMES, word, "by")).collect(),
            ask,
            may,
            reason: raw.reason,
            limit: raw.limit,
            default,
            set: self.values(&raw.set, "set", at),
            unwritten: unwritten.into_iter().collect(),
            opens: raw.opens.as_ref().map(|opens| Opening {
                set: self.values(&opens.set, "opens", at),
                number: opens.number,
                need: self.clauses(&opens.need, "opens: need", at),
            }),
            below: self.values(&raw.below, "below", at),
            chain: raw.chain.as_ref().and_then(|word| at.named(&CHAINS, word, "chain")),
            to: raw.to.as_ref().map(|ids| self.named_states(ids, "to", at)),
            tell: raw.tell.iter().filter_map(|word| at.named(&Audience::NAMES, word, "tell")).collect(),
            column: raw.column.as_ref().and_then(|title| self.column(title, at)),
            answers: raw.answers.clone(),
            link: raw.link,
            number: raw.number,
            first: raw.first.as_ref().and_then(|id| {
                let first = self.all.iter().position(|transition| transition.id == *id);
                if first.is_none() {
                    let hint = suggest(id, self.all.iter().map(|transition| transition.id.as_str()));
                    at.report(format!("first: transition \"{id}\" is unknown"), hint);
                }
                first
            }),
            from,
        }
    }

    fn from(&self, raw: &Origins, at: &mut ProblemsAt<'_>) -> From {
        let ids = match raw {
            Origins::Any(word) if word == "any" => {
                if !self.states.list.is_empty() {
                    at.report("from: \"any\" is for a ledger without states", Some("list the states".into()));
                }
                return From { any: true, ..From::default() };
            }
            Origins::Any(word) => {
                at.report(format!("from: \"{word}\" is no list of states"), Some("write from = [\"…\"], or \"any\"".into()));
                return From::default();
            }
            Origins::States(ids) => ids,
        };
        let (new, ids): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|id| id == "new");
        From { new: !new.is_empty(), any: false, states: self.named_states(&ids, "from", at) }
    }

    fn named_states(&self, ids: &[String], key: &str, at: &mut ProblemsAt<'_>) -> Vec<usize> {
        let mut out = Vec::new();
        for id in ids {
            let named = self.states.named(id);
            if named.is_empty() {
                let hint = suggest(id, self.states.list.iter().map(|state| state.id.as_str()));
                at.report(format!("{key}: state \"{id}\" is unknown"), hint);
            }
            out.extend(named);
        }
        out
    }

    fn fields(&self, names: &[String], key: &str, at: &mut ProblemsAt<'_>) -> Vec<usize> {
        names.iter().filter_map(|name| field(name, key, FieldType::Any, self.ledger, at)).collect()
    }

    fn clauses(&self, raw: &Lists, key: &str, at: &mut ProblemsAt<'_>) -> Clauses {
        let list = |texts: &Vec<String>, at: &mut ProblemsAt<'_>| {
            texts.iter().filter_map(|text| clause(text, key, self.ledger, self.states, at)).collect::<Vec<_>>()
        };
        raw.lists().iter().map(|texts| list(texts, at)).collect()
    }

    fn values(&self, raw: &BTreeMap<String, String>, key: &str, at: &mut ProblemsAt<'_>) -> Vec<(usize, Value)> {
        let mut out = Vec::new();
        for (name, text) in raw {
            let Some(target) = field(name, key, FieldType::Any, self.ledger, at) else { continue };
            let place = format!("{}: {key}.{name}", at.place);
            let is_number = matches!(self.ledger.fields[target].kind, FieldKind::Int);
            if text == "+1" && !is_number {
                at.report(format!("{key}.{name}: +1 is for whole numbers only"), None);
                continue;
            }
            out.extend(value(text, target, self.ledger, self.states, &mut at.at(place)).map(|value| (target, value)));
        }
        out.sort_by_key(|(field, _)| *field);
        out
    }

    /// The field whose column in a form is named by its title.
    fn column(&self, title: &str, at: &mut ProblemsAt<'_>) -> Option<usize> {
        let found = self.ledger.fields.iter().position(|field| field.title == title || field.aliases.iter().any(|alias| alias == title));
        if found.is_none() {
            let hint = suggest(title, self.ledger.fields.iter().map(|field| field.title.as_str()));
            at.report(format!("column: \"{title}\" is the title of no field"), hint);
        }
        found
    }
}
