//! One case = one file: records on a day, and exactly the findings they make.

use super::helpers::{cases, home};
use duban::config::{Config, read_files};
use duban::domain::finding::State;
use duban::domain::judge::{Context, Judged, Policy};
use duban::domain::ledger::{FieldKind, Ledger};
use duban::domain::record::{Cell, Columns, Decimal, FEN_PER_YI, Place, Record};
use duban::domain::routing::{Linked, link};
use std::collections::HashMap;

fn cell(kind: FieldKind, text: &str) -> Cell {
    if text.is_empty() {
        return Cell::Empty;
    }
    match kind {
        FieldKind::Text => Cell::Text(text.to_owned()),
        FieldKind::Date { .. } => Cell::Date(text.parse().expect("a date")),
        FieldKind::Money => Cell::Money(Decimal::parse(text).and_then(|yi| yi.scaled(10)).expect("亿元")),
        FieldKind::Decimal | FieldKind::Int => Cell::Decimal(Decimal::parse(text).expect("a number")),
        FieldKind::Bool => Cell::Bool(text == "是"),
    }
}

/// A record from `field = "text"` pairs; fields that are not named have a column and are empty, unless listed in `no_column`.
fn record(ledger: &Ledger, table: &toml::Table) -> Record {
    let absent: Vec<&str> =
        table.get("no_column").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect();
    // the shipped registers have no such columns; a case that needs one fills it
    let optional = ["evaluation_result", "planned_signing_on", "planned_progress_pct", "reason", "measure", "next_on"];
    let mut cells = vec![Cell::Empty; ledger.fields.len()];
    let columns: Columns = ledger
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| {
            !absent.contains(&field.id.as_str()) && (!optional.contains(&field.id.as_str()) || table.contains_key(&field.id))
        })
        .map(|(index, _)| index)
        .collect();
    for (key, value) in table {
        if ["ledger", "no_column", "expect"].contains(&key.as_str()) {
            continue;
        }
        let field = ledger.field(key).unwrap_or_else(|| panic!("no field {key} in {}", ledger.id));
        cells[field] = cell(ledger.fields[field].kind, value.as_str().expect("a text"));
    }
    let code = cells[ledger.field("code").expect("a code")].to_string();
    Record { code, cells, columns, place: Place::default() }
}

fn judge(policy: &Policy, case: &toml::Table) -> Vec<String> {
    let as_of = case["as_of"].as_str().expect("as_of").parse().expect("a date");
    let mut records: Vec<(usize, Record)> = Vec::new();
    for table in case["record"].as_array().expect("records") {
        let table = table.as_table().expect("a record");
        let ledger = policy.ledger(table.get("ledger").map_or("project", |name| name.as_str().expect("a ledger"))).expect("a known ledger");
        records.push((ledger, record(&policy.ledgers[ledger], table)));
    }
    let project = policy.project_ledger().expect("projects");
    let projects: HashMap<String, Linked> = records
        .iter()
        .filter(|(ledger, _)| *ledger == project)
        .map(|(ledger, record)| (record.code.clone(), link(policy, &policy.ledgers[*ledger], record)))
        .collect();
    let (waiting, exempt) = (HashMap::new(), HashMap::new());
    let context = Context { policy, as_of, projects: &projects, waiting: &waiting, exempt: &exempt };
    let mut judged = Judged::new(policy);
    for (ledger, record) in &records {
        judged.record(&context, *ledger, record);
    }
    if case.get("periodic").is_some() {
        let ledger = policy.ledger("session").expect("sessions");
        let held: Vec<Record> = records.iter().filter(|(index, _)| *index == ledger).map(|(_, record)| record.clone()).collect();
        judged.periodic(&context, ledger, &held);
    }
    judged.sort();
    let only: Vec<&str> = case.get("rules").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect();
    judged
        .findings
        .iter()
        .filter(|finding| only.is_empty() || only.contains(&policy.rules[finding.rule].id.as_str()))
        .map(|finding| {
            let rule = &policy.rules[finding.rule];
            let told: Vec<&str> = finding.told.iter().map(|relation| relation.code()).collect();
            let measure = match (finding.state, finding.due_on, finding.lag) {
                (State::Unjudged, ..) => format!(
                    "缺 {}",
                    finding
                        .missing
                        .iter()
                        .map(|field| policy.ledgers[rule.ledger].fields[*field].id.as_str())
                        .collect::<Vec<_>>()
                        .join(" ")
                ),
                (_, Some(due), _) => format!("{due} +{}", finding.overdue_days.unwrap_or_default()),
                (_, _, Some(lag)) => format!("{:.1}", lag.tenths() as f64 / 10.0),
                _ => {
                    finding.missing.iter().map(|field| policy.ledgers[rule.ledger].fields[*field].id.as_str()).collect::<Vec<_>>().join(" ")
                }
            };
            let light = finding.light.map_or("unjudged", |light| light.code());
            let act = finding.act.map_or("-", |act| act.code());
            format!("{} {} {} {light} {act} {measure} → {}", rule.id, finding.key, finding.unit, told.join(","))
        })
        .collect()
}

#[test]
fn every_case_has_its_findings() {
    let policy = Config::parse(read_files(home()).expect("files")).expect("the shipped configuration").policy;
    let mut wrong = Vec::new();
    for (name, case) in cases("detection") {
        let expected: Vec<String> =
            case["expect"].as_array().expect("expect").iter().map(|line| line.as_str().expect("a line").to_owned()).collect();
        let found = judge(&policy, &case);
        if found != expected {
            wrong.push(format!("{name}\n  expected {expected:#?}\n  found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lights never fall as days pass, and due dates land on working days where the rule rolls them.
#[test]
fn findings_only_worsen_with_time() {
    let policy = Config::parse(read_files(home()).expect("files")).expect("the shipped configuration").policy;
    let project = policy.project_ledger().expect("projects");
    let ledger = &policy.ledgers[project];
    let table: toml::Table = toml::from_str(
        "code = \"GZ1\"\nname = \"x\"\ncity = \"黔南布依族苗族自治州\"\ncounty = \"瓮安县\"\nindustry = \"茶叶\"\nagreement = \"合同\"\nstage = \"签约\"\n\
         amount = \"2\"\nsigned_on = \"2025-12-31\"\nupdated_on = \"2026-01-05\"\nnegotiation_began_on = \"2025-06-01\"",
    )
    .expect("a record");
    let record = record(ledger, &table);
    let none = HashMap::new();
    let (waiting, exempt) = (HashMap::new(), HashMap::new());
    let mut last: HashMap<usize, (u8, i64)> = HashMap::new();
    for offset in 0..400u64 {
        let as_of = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day") + chrono::Days::new(offset);
        let context = Context { policy: &policy, as_of, projects: &none, waiting: &waiting, exempt: &exempt };
        let mut judged = Judged::new(&policy);
        judged.record(&context, project, &record);
        for finding in &judged.findings {
            let Some(due) = finding.due_on else { continue };
            let days = finding.overdue_days.expect("overdue");
            assert_eq!(days, (as_of - due).num_days());
            assert!(days >= 1);
            assert!(policy.calendar.of(Some("黔南布依族苗族自治州")).is_workday(due), "{due}");
            let now = (finding.light.expect("a light") as u8, days);
            if let Some(before) = last.insert(finding.rule, now) {
                assert!(now.0 >= before.0 && now.1 == before.1 + 1, "{} on {as_of}", policy.rules[finding.rule].id);
            }
        }
    }
    assert!(last.len() >= 4);
    assert_eq!(FEN_PER_YI, 10_000_000_000);
}
