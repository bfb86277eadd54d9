//! The second judge: the rules on orders and difficulties, from the text of their file.

use super::life::{Folded, Ledger};
use crate::helpers::home;
use chrono::{Datelike, Days, Months, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};
use toml::Table;

/// What was found: due day, days over it, light.
pub type Found = (String, i64, String);

/// Working days of the country.
pub struct Calendar {
    rest: BTreeSet<NaiveDate>,
    work: BTreeSet<NaiveDate>,
}

impl Calendar {
    pub fn read() -> Calendar {
        let (mut rest, mut work) = (BTreeSet::new(), BTreeSet::new());
        for entry in std::fs::read_dir(home().join("config/calendar")).expect("the calendar").flatten() {
            let file: Table = toml::from_str(&std::fs::read_to_string(entry.path()).expect("a year")).expect("a year");
            for (key, days) in [("rest", &mut rest), ("work", &mut work)] {
                let groups = file.get(key).and_then(toml::Value::as_table).into_iter().flat_map(Table::values);
                let listed = groups.filter_map(toml::Value::as_array).flatten().filter_map(toml::Value::as_str);
                days.extend(listed.map(|day| day.parse::<NaiveDate>().expect("a day")));
            }
        }
        Calendar { rest, work }
    }

    fn is_workday(&self, day: NaiveDate) -> bool {
        self.work.contains(&day) || !self.rest.contains(&day) && day.weekday().num_days_from_monday() < 5
    }

    fn after_workdays(&self, from: NaiveDate, count: i64) -> NaiveDate {
        (1..count).fold(self.next(from + Days::new(1)), |day, _| self.next(day + Days::new(1)))
    }

    /// The day itself, or the next working day.
    fn next(&self, day: NaiveDate) -> NaiveDate {
        day.iter_days().find(|day| self.is_workday(*day)).expect("a working day")
    }
}

/// The rules of a ledger.
pub fn rules_of(ledger: &str) -> Vec<Table> {
    let text = std::fs::read_to_string(home().join("config/rules.toml")).expect("the rules");
    let file: Table = toml::from_str(&text).expect("rules");
    let rules = file["rule"].as_array().expect("rules").iter().filter_map(toml::Value::as_table);
    rules.filter(|rule| rule["ledger"].as_str() == Some(ledger)).cloned().collect()
}

fn list(rule: &Table, key: &str) -> Vec<String> {
    match rule.get(key) {
        Some(toml::Value::String(one)) => vec![one.clone()],
        Some(toml::Value::Array(several)) => several.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The day from which a rule counts.
fn from(rule: &Table, ledger: &Ledger, folded: &Folded, day: NaiveDate) -> Option<NaiveDate> {
    let latest = list(rule, "from_latest").into_iter().filter_map(|name| match name.strip_suffix(" past") {
        Some(field) => folded.record.get(field).filter(|value| **value < day.to_string()).cloned(),
        None => ledger.happened(&folded.record, &name, day).map(str::to_owned),
    });
    let first = list(rule, "from").into_iter().find_map(|field| ledger.happened(&folded.record, &field, day).map(str::to_owned));
    latest.max().or(first).map(|date| date.parse().expect("a date"))
}

/// What the rules find of a record on a day, by rule.
pub fn judge(rules: &[Table], ledger: &Ledger, calendar: &Calendar, folded: &Folded, day: NaiveDate) -> BTreeMap<String, Found> {
    let mut found = BTreeMap::new();
    for rule in rules {
        let mut rule = rule.clone();
        if let Some(handled) = rule.remove("handled").filter(|_| folded.has_events) {
            let handled = handled.as_table().expect("a table").clone();
            if handled.contains_key("from_latest") {
                rule.remove("from");
            }
            rule.extend(handled);
        }
        if !list(&rule, "scope").iter().all(|condition| ledger.holds(condition, folded, day)) {
            continue;
        }
        if list(&rule, "until").iter().any(|field| ledger.happened(&folded.record, field, day).is_some()) {
            continue;
        }
        let agreed = list(&rule, "agreed").into_iter().find_map(|field| folded.record.get(&field).cloned());
        let within = rule.get("within").and_then(toml::Value::as_table);
        let span = |unit: &str| within.and_then(|within| within.get(unit)).and_then(toml::Value::as_integer);
        let due_on = match (agreed, from(&rule, ledger, folded, day)) {
            (Some(agreed), _) => agreed.parse().expect("a date"),
            (None, None) => continue,
            (None, Some(from)) => match (span("workdays"), span("months"), span("days")) {
                (Some(count), ..) => calendar.after_workdays(from, count),
                (_, Some(count), _) => calendar.next(from + Months::new(count as u32)),
                (.., Some(count)) => calendar.next(from + Days::new(count as u64)),
                other => panic!("a span of another kind: {other:?}"),
            },
        };
        let over = (day - due_on).num_days();
        let mut steps = rule["ladder"].as_array().expect("a ladder").iter().filter_map(toml::Value::as_table);
        let reached = steps.rfind(|step| step.get("from").and_then(toml::Value::as_integer).is_some_and(|from| from <= over));
        if let Some(step) = reached {
            let id = rule["id"].as_str().expect("an id").to_owned();
            found.insert(id, (due_on.to_string(), over, step["light"].as_str().expect("a light").to_owned()));
        }
    }
    found
}
