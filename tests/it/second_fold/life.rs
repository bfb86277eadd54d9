//! The second reading of a life: fields, states and the fold, from the text of a ledger's file and from events as `history` prints them.

use crate::helpers::home;
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use toml::Table;

/// Values by field id; what is not in it is empty.
pub type Row = BTreeMap<String, String>;

/// The rows of one import.
#[derive(Clone)]
pub struct Import {
    pub covers_on: NaiveDate,
    pub rows: BTreeMap<String, Row>,
}

/// A ledger as its file declares it.
pub struct Ledger {
    pub id: String,
    fields: Vec<Table>,
    states: Vec<Table>,
    pub due: Vec<String>,
}

/// A record on a day.
pub struct Folded {
    pub record: Row,
    /// The event that set a field.
    pub set_by: BTreeMap<String, u64>,
    /// What the list states of a field, and since when.
    pub imported: BTreeMap<String, (String, NaiveDate)>,
    pub is_own: bool,
    pub is_gone: bool,
    pub has_events: bool,
}

fn texts(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.and_then(toml::Value::as_array).into_iter().flatten();
    list.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

impl Ledger {
    pub fn read(id: &str) -> Ledger {
        let text = std::fs::read_to_string(home().join(format!("config/ledgers/{id}.toml"))).expect("the ledger");
        let file: Table = toml::from_str(&text).expect("a ledger");
        let tables =
            |value: &toml::Value| value.as_array().expect("a list").iter().map(|one| one.as_table().expect("a table").clone()).collect();
        let life = file["life"].as_table().expect("a life");
        Ledger { id: id.to_owned(), fields: tables(&file["field"]), states: tables(&life["state"]), due: texts(life.get("due")) }
    }

    fn is(&self, field: &str, key: &str) -> bool {
        let of = self.fields.iter().find(|of| of["id"].as_str() == Some(field));
        of.and_then(|of| of.get(key)).and_then(toml::Value::as_bool).unwrap_or(false)
    }

    fn is_date(&self, field: &str) -> bool {
        self.fields.iter().any(|of| of["id"].as_str() == Some(field) && of["type"].as_str() == Some("date"))
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|of| of["id"].as_str())
    }

    /// The value of a field unless it is a date that has not happened.
    pub fn happened<'a>(&self, record: &'a Row, field: &str, day: NaiveDate) -> Option<&'a str> {
        let value = record.get(field).map(String::as_str)?;
        let is_ahead = self.is_date(field) && !self.is(field, "planned") && value > day.to_string().as_str();
        (!is_ahead).then_some(value)
    }

    pub fn due_on(&self, record: &Row) -> Option<String> {
        self.due.iter().find_map(|field| record.get(field).cloned())
    }

    /// Whether a condition holds on a record.
    pub fn holds(&self, condition: &str, folded: &Folded, day: NaiveDate) -> bool {
        let record = &folded.record;
        if let Some(rest) = condition.strip_prefix("not ") {
            return !self.holds(rest, folded, day);
        }
        let among = |words: &str, word: &str| words.split('|').any(|one| one.trim() == word);
        if let Some(states) = condition.strip_prefix("state != ") {
            return !among(states, self.state(folded, day));
        }
        if let Some(states) = condition.strip_prefix("state = ") {
            return among(states, self.state(folded, day));
        }
        if let Some(field) = condition.strip_suffix(" ahead") {
            return record.get(field).is_some_and(|value| *value >= day.to_string());
        }
        if let Some(field) = condition.strip_suffix(" past") {
            return record.get(field).is_some_and(|value| *value < day.to_string());
        }
        if let Some(field) = condition.strip_suffix(" by event") {
            return folded.set_by.contains_key(field) && record.contains_key(field);
        }
        assert!(self.ids().any(|id| id == condition), "an unknown condition: {condition}");
        self.happened(record, condition, day).is_some()
    }

    /// The first state that holds.
    pub fn state(&self, folded: &Folded, day: NaiveDate) -> &str {
        let holds = |state: &&Table| {
            let when = state["when"].as_array().expect("a list");
            let lists: Vec<Vec<String>> = match when.first() {
                Some(toml::Value::Array(_)) => when.iter().map(|list| texts(Some(list))).collect(),
                _ => vec![texts(Some(&state["when"]))],
            };
            lists.iter().any(|list| list.iter().all(|condition| self.holds(condition, folded, day)))
        };
        self.states.iter().find(holds).and_then(|state| state["id"].as_str()).expect("a state")
    }

    fn closing_fields(&self) -> BTreeSet<String> {
        let of_final = self.states.iter().filter(|state| state.get("final").and_then(toml::Value::as_bool) == Some(true));
        of_final.flat_map(|state| texts(state.get("when"))).collect()
    }

    /// The record on a day. `events` are those of the record, as they are printed; `is_own`: it was made here.
    pub fn fold(&self, code: &str, imports: &[Import], events: &[Value], is_own: bool, day: NaiveDate) -> Option<Folded> {
        let mut in_order: Vec<&Import> = imports.iter().collect();
        in_order.sort_by_key(|import| import.covers_on);
        let used = in_order.iter().rposition(|import| import.covers_on <= day).unwrap_or(0);
        let known: Vec<Option<&Row>> = in_order.iter().map(|import| import.rows.get(code)).collect();
        let base = (0..=used).rev().find(|index| known.get(*index).copied().flatten().is_some());
        let on = |event: &Value| event["on"].as_str().expect("a day").to_owned();
        let counting: Vec<&Value> = events.iter().filter(|event| event["retracted"].is_null() && on(event) <= day.to_string()).collect();
        let begins = || counting.iter().any(|event| event["no"].as_u64() == Some(1));
        if is_own && !begins() || !is_own && base.is_none() {
            return None;
        }
        let mut imported = BTreeMap::new();
        if let Some(base) = base {
            for (field, value) in known[base].expect("a row") {
                let same = (0..base).rev().take_while(|index| known[*index].is_some_and(|row| row.get(field) == Some(value))).count();
                imported.insert(field.clone(), (value.clone(), in_order[base - same].covers_on));
            }
        }
        let mut record: Row = imported.iter().map(|(field, (value, _))| (field.clone(), value.clone())).collect();
        let mut last: BTreeMap<String, (u64, String, Option<String>)> = BTreeMap::new();
        for event in &counting {
            for (field, value) in event["set"].as_object().expect("values") {
                let value = value.as_str().map(str::to_owned);
                last.insert(field.clone(), (event["no"].as_u64().expect("a number"), on(event), value));
            }
        }
        let closing = self.closing_fields();
        let mut set_by = BTreeMap::new();
        for (field, (no, on, value)) in last {
            let import_wins = match imported.get(&field) {
                None => false,
                Some((cell, _)) if self.is(&field, "latest") => value.as_ref().is_none_or(|value| cell > value),
                Some(_) if closing.contains(&field) && value.is_some() => false,
                Some((_, since)) => since.to_string() > on,
            };
            if import_wins {
                continue;
            }
            match value {
                Some(value) => record.insert(field.clone(), value),
                None => record.remove(&field),
            };
            set_by.insert(field, no);
        }
        record.insert("code".into(), code.to_owned());
        let is_gone = !is_own && base.is_some_and(|base| base < used);
        Some(Folded { record, set_by, imported, is_own, is_gone, has_events: !counting.is_empty() })
    }
}
