//! Each case is one file: the records of a day and all findings that judging makes of them.

use super::helpers::{cases, home};
use chrono::NaiveDate;
use duban::config::file_set::FileSet;
use duban::config::load::{Config, read_files};
use duban::domain::judging::explain::explanation::Explanation;
use duban::domain::judging::explain::question::Outcome;
use duban::domain::judging::finding::{Finding, State};
use duban::domain::judging::judge::Judged;
use duban::domain::life::waiting::waiting_units;
use duban::domain::register::ledger::{FieldKind, Ledger};
use duban::domain::register::record::{Cell, Columns, Decimal, FEN_PER_YI, Record};
use duban::domain::register::units::UnitId;
use duban::domain::rules::context::{Context, OldData};
use duban::domain::rules::exemption::{Exemptions, exemptions_in_force};
use duban::domain::rules::owner::{Linked, link};
use duban::domain::rules::policy::Policy;
use duban::domain::rules::rule::RuleKind;
use std::collections::HashMap;

fn cell(kind: FieldKind, text: &str) -> Cell {
    if text.is_empty() {
        return Cell::Empty;
    }
    match kind {
        FieldKind::Text => Cell::Text(text.into()),
        FieldKind::Date { .. } => Cell::Date(text.parse().expect("a date")),
        FieldKind::Money => Cell::Money(Decimal::parse(text).and_then(|yi| yi.scaled(10)).expect("亿元")),
        FieldKind::Decimal | FieldKind::Int => Cell::Decimal(Decimal::parse(text).expect("a number")),
        FieldKind::Bool => Cell::Bool(text == "是"),
    }
}

/// A record from `field = "text"` pairs. A field that is not named is empty; its column exists unless `no_column` lists it.
fn record(ledger: &Ledger, table: &toml::Table) -> Record {
    let absent: Vec<&str> =
        table.get("no_column").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect();
    // the shipped registers have no such columns, so only a case that fills one has it
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
        if ["ledger", "no_column", "by_event", "expect"].contains(&key.as_str()) {
            continue;
        }
        let field = ledger.field(key).unwrap_or_else(|| panic!("no field {key} in {}", ledger.id));
        cells[field] = cell(ledger.fields[field].kind, value.as_str().expect("a text"));
    }
    let code = cells[ledger.field("code").expect("a code")].to_string();
    let by_event = table.get("by_event").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str);
    let by_event: Columns = by_event.map(|id| ledger.field(id).unwrap_or_else(|| panic!("no field {id}"))).collect();
    Record { code, cells, columns, by_event, has_events: !by_event.is_empty(), ..Record::default() }
}

/// Records of a day with what judging needs to know of the register as a whole, as a run collects it.
pub struct JudgingInput<'a> {
    pub policy: &'a Policy,
    pub records: &'a [(usize, Record)],
    pub as_of: NaiveDate,
    pub projects: HashMap<String, Linked>,
    pub waiting: HashMap<String, UnitId>,
    pub granted: Exemptions,
    pub periodic: bool,
}

impl<'a> JudgingInput<'a> {
    pub fn new(policy: &'a Policy, records: &'a [(usize, Record)], as_of: NaiveDate, periodic: bool) -> JudgingInput<'a> {
        let project = policy.project_ledger().expect("projects");
        let of = |name: &str| {
            let ledger = policy.ledger(name).expect("a ledger");
            records.iter().filter(|(index, _)| *index == ledger).map(|(_, record)| record.clone()).collect::<Vec<Record>>()
        };
        let projects: HashMap<String, Linked> = records
            .iter()
            .filter(|(ledger, _)| *ledger == project)
            .map(|(ledger, record)| (record.code.clone(), link(policy, &policy.ledgers[*ledger], record)))
            .collect();
        let granted = exemptions_in_force(policy, &of("exemption"), as_of);
        let mut input = JudgingInput { policy, records, as_of, projects, waiting: HashMap::new(), granted, periodic };
        let ledgers: Vec<(usize, Vec<Record>)> = (0..policy.ledgers.len())
            .map(|index| (index, records.iter().filter(|(ledger, _)| *ledger == index).map(|(_, record)| record.clone()).collect()))
            .collect();
        let by_ledger = ledgers.iter().map(|(ledger, records)| (*ledger, records.as_slice()));
        let waiting = waiting_units(&input.context(), &input.judge().findings, by_ledger);
        input.waiting = waiting;
        input
    }

    pub fn context(&self) -> Context<'_> {
        let JudgingInput { policy, as_of, projects, waiting, granted, .. } = self;
        static UNANSWERED: std::sync::LazyLock<HashMap<String, std::sync::Arc<str>>> = std::sync::LazyLock::new(HashMap::new);
        let (exempt, old_data) = (&granted.in_force, OldData::none());
        Context { policy, as_of: *as_of, projects, waiting_on: waiting, answered: &UNANSWERED, exempt, old_data }
    }

    pub fn judge(&self) -> Judged {
        let (policy, context) = (self.policy, self.context());
        let mut judged = Judged::new(policy);
        for (ledger, record) in self.records {
            judged.record(&context, *ledger, record);
        }
        let of = |name: &str| {
            let ledger = policy.ledger(name).expect("a ledger");
            let records: Vec<Record> =
                self.records.iter().filter(|(index, _)| *index == ledger).map(|(_, record)| record.clone()).collect();
            (ledger, records)
        };
        if self.periodic {
            let (ledger, sessions) = of("session");
            judged.periodic(&context, ledger, &sessions, None);
        }
        let (ledger, exemptions) = of("exemption");
        judged.doubtful_exemptions(&context, ledger, &exemptions, &self.granted.doubts);
        judged.sort();
        judged
    }
}

/// The records of a case.
fn records(policy: &Policy, case: &toml::Table) -> Vec<(usize, Record)> {
    case["record"]
        .as_array()
        .expect("records")
        .iter()
        .map(|table| {
            let table = table.as_table().expect("a record");
            let name = table.get("ledger").map_or("project", |name| name.as_str().expect("a ledger"));
            let ledger = policy.ledger(name).unwrap_or_else(|| panic!("no ledger {name}"));
            (ledger, record(&policy.ledgers[ledger], table))
        })
        .collect()
}

/// The configuration of a case: the shipped one with its edits.
fn policy_of(shipped: &FileSet, case: &toml::Table) -> Policy {
    let mut files = shipped.clone();
    for edit in case.get("edit").and_then(toml::Value::as_array).into_iter().flatten() {
        let text = |key: &str| edit[key].as_str().expect("a text");
        let file = files.get_mut(text("file")).expect("a shipped file");
        assert!(file.contains(text("old")), "{} does not hold {}", text("file"), text("old"));
        *file = file.replace(text("old"), text("new"));
    }
    Config::parse(files).expect("a configuration").policy
}

fn words<'t>(case: &'t toml::Table, key: &str) -> Vec<&'t str> {
    case.get(key).and_then(toml::Value::as_array).into_iter().flatten().map(|word| word.as_str().expect("a text")).collect()
}

/// What judging finds on one day of a case, as text: findings, quality issues, notices of coming dates, missing calendar years.
fn found(policy: &Policy, case: &toml::Table, records: &[(usize, Record)], as_of: NaiveDate) -> [Vec<String>; 4] {
    let policy = &policy.on(as_of);
    let input = JudgingInput::new(policy, records, as_of, case.get("periodic").is_some());
    let judged = input.judge();
    explanations_agree(&input, &judged);
    let only = words(case, "rules");
    let findings = judged
        .findings
        .iter()
        .filter(|finding| only.is_empty() || only.contains(&policy.rules[finding.rule].id.as_str()))
        .map(|finding| line(policy, finding))
        .collect();
    let quality = judged.quality.iter().map(|line| format!("{} {:?}", line.key, line.kind)).collect();
    let notices = judged
        .notices
        .iter()
        .map(|notice| {
            let ends = notice.ends.map_or("", |kind| kind.code());
            format!("{} {} {} {ends}", policy.rules[notice.rule].id, notice.key, notice.due_on).trim_end().to_owned()
        })
        .collect();
    let missing_years = judged.missing_calendar_years.iter().map(ToString::to_string).collect();
    [findings, quality, notices, missing_years]
}

fn line(policy: &Policy, finding: &Finding) -> String {
    let rule = &policy.rules[finding.rule];
    let fields = &policy.ledgers[rule.ledger].fields;
    let relations: Vec<&str> = finding.relations().iter().map(|relation| relation.code()).collect();
    let missing = || finding.missing.iter().map(|field| fields[*field].id.as_str()).collect::<Vec<_>>().join(" ");
    let measure = match (finding.state, finding.due_on, &finding.lag) {
        (State::Unjudged, ..) => format!("缺 {}", missing()),
        (_, Some(due), _) => format!("{due} +{}", finding.overdue_days().unwrap_or_default()),
        (_, _, Some(lag)) => format!("{:.1}", lag.tenths() as f64 / 10.0),
        _ => missing(),
    };
    let light = finding.light.map_or("unjudged", |light| light.code());
    let act = finding.act.map_or("-", |act| act.code());
    let exempt = finding.exempt.map_or(String::new(), |exempt| format!(" [{} {}]", exempt.kind.code(), exempt.expires));
    let waiting = finding.waiting_on().map_or(String::new(), |unit| format!(" ⇒ {}", policy.units.units[unit].name));
    format!("{} {} {} {light} {act} {measure} → {}{exempt}{waiting}", rule.id, finding.key, finding.unit, relations.join(","))
}

/// `explain` and judging agree on every rule and record: outcome, light, dates and recipients. The next change that `explain` names is the
/// first day on which judging finds something else.
pub fn explanations_agree(input: &JudgingInput<'_>, judged: &Judged) {
    let policy = input.policy;
    let context = input.context();
    for (ledger, record) in input.records {
        for (index, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.ledger == *ledger) {
            if matches!(rule.kind, RuleKind::Periodic { .. }) {
                continue;
            }
            let found = judged.findings.iter().find(|finding| finding.rule == index && *finding.key == *record.code);
            let explained = Explanation::record(&context, index, record, found);
            let place = format!("{} {}: {explained:?}", rule.id, record.code);
            assert_eq!(explained.state, found.map(|finding| finding.state.code()), "{place}");
            assert_eq!(explained.light, found.and_then(|finding| finding.light).map(|light| light.code()), "{place}");
            assert_eq!(explained.act, found.and_then(|finding| finding.act).map(|act| act.code()), "{place}");
            assert_eq!(explained.overdue_days, found.and_then(|finding| finding.overdue_days()), "{place}");
            let expected = match found.map(|finding| finding.state) {
                Some(State::Unjudged) => Outcome::Unjudged,
                Some(_) => Outcome::Found,
                None => explained.outcome,
            };
            assert!(
                explained.outcome == expected && (found.is_some() || !matches!(explained.outcome, Outcome::Found | Outcome::Unjudged)),
                "{place}"
            );
            assert!(!explained.reason.is_empty() && !explained.sentence.is_empty() && !explained.cells.is_empty(), "{place}");
            if let Some(finding) = found.filter(|finding| finding.due_on.is_some()) {
                assert_eq!(explained.due_on, finding.due_on, "{place}");
                let last = explained.reckoning.last().expect("a reckoning");
                assert!(last.contains(&format!("已超期{}天", finding.overdue_days().expect("days"))), "{place}");
                let rung = explained.ladder.iter().find(|rung| rung.applies).expect("a step");
                assert!(rung.on.is_some_and(|on| on <= input.as_of) && Some(rung.light) == explained.light, "{place}");
            }
            if let Some(finding) = found {
                let recipients: Vec<Option<String>> =
                    finding.recipients().map(|unit| unit.map(|unit| policy.units.units[unit].name.clone())).collect();
                assert_eq!(explained.recipients.iter().map(|recipient| recipient.unit.clone()).collect::<Vec<_>>(), recipients, "{place}");
            }
            let at = |day: NaiveDate| {
                let context = Context { as_of: day, ..input.context() };
                let mut judged = Judged::new(policy);
                judged.record(&context, *ledger, record);
                judged.findings.into_iter().find(|finding| finding.rule == index).map(|finding| (finding.state, finding.light, finding.act))
            };
            if let Some(next) = explained.next.filter(|next| next.outcome == Outcome::Found) {
                let (before, on) = (at(next.on.pred_opt().expect("a day")), at(next.on));
                assert!(before != on && before == at(input.as_of), "{} {}: {next:?}", rule.id, record.code);
                assert_eq!(on.and_then(|(_, light, _)| light).map(|light| light.code()), next.light);
                assert_eq!(next.days, (next.on - input.as_of).num_days());
            }
            if let Some(since) = explained.since {
                assert_eq!(at(since), at(input.as_of));
                assert_ne!(at(since.pred_opt().expect("a day")), at(input.as_of));
            }
        }
    }
}

fn check_cases(folder: &str) {
    let shipped = read_files(home()).expect("files");
    let usual = Config::parse(shipped.clone()).expect("the shipped configuration").policy;
    let mut wrong = Vec::new();
    for (name, case) in cases(folder) {
        let policy = if case.contains_key("edit") { &policy_of(&shipped, &case) } else { &usual };
        let records = records(policy, &case);
        let days: Vec<&toml::Table> = match case.get("at").and_then(toml::Value::as_array) {
            Some(days) => days.iter().map(|day| day.as_table().expect("a day")).collect(),
            None => vec![&case],
        };
        for day in days {
            let as_of = day["as_of"].as_str().expect("as_of").parse().expect("a date");
            let found = found(policy, &case, &records, as_of);
            assert!(day.contains_key("expect"), "{folder}/{name} expects nothing on {as_of}");
            for (key, found) in ["expect", "quality", "notices", "lacking"].into_iter().zip(found) {
                if day.contains_key(key) && found != words(day, key) {
                    wrong.push(format!("{name} on {as_of}\n  {key}: {:#?}\n  found {found:#?}", words(day, key)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_case_has_exactly_its_findings() {
    check_cases("detection");
}

/// 豁免、延期、异议: which are in force, which have ended, the notice before the end, and that an objection counts once.
#[test]
fn exemptions_apply_only_while_they_are_in_force() {
    check_cases("exemptions");
}

/// Names, mergers and lead departments that changed on a day.
#[test]
fn units_are_resolved_as_they_were_on_the_day() {
    check_cases("dated");
}

/// While a record is unchanged, its lights do not improve from day to day, and rolled due dates are working days.
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
        let context = Context {
            policy: &policy,
            as_of,
            projects: &none,
            waiting_on: &waiting,
            answered: &HashMap::new(),
            exempt: &exempt,
            old_data: OldData::none(),
        };
        let mut judged = Judged::new(&policy);
        judged.record(&context, project, &record);
        for finding in &judged.findings {
            let Some(due) = finding.due_on else { continue };
            let days = finding.overdue_days().expect("overdue");
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
