//! A second fold and judge of orders and difficulties, written from the description of lives alone: it reads the shipped files as texts and the log
//! as it is printed, shares no code with the service, and has to agree with it about every record of generated offices at twelve month ends.

mod judge;
mod life;

use super::helpers::{fresh_root, import_into, seeds, service};
use chrono::{Datelike, Days, NaiveDate};
use duban::app::compose::App;
use duban::app::findings::{FindingsFilter, find};
use duban::app::handle::{HandleRequest, handle, retract};
use duban::app::matters::{MattersFilter, history, list};
use fastrand::Rng;
use judge::{Calendar, Found, judge, rules_of};
use life::{Import, Ledger, Row};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PROJECTS: [(&str, &str); 3] = [("GZ1", "南明区"), ("GZ2", "云岩区"), ("GZ3", "花溪区")];
const CITY: &str = "贵阳市";
const COLUMNS: [(&str, &[(&str, &str)]); 2] = [
    (
        "work-order",
        &[
            ("code", "工作单编号"),
            ("project_code", "项目编号"),
            ("name", "项目名称"),
            ("dispatched_on", "派发日期"),
            ("holder", "承办单位"),
            ("due_on", "办结时限"),
            ("received_on", "签收日期"),
            ("last_feedback_on", "最近反馈日期"),
            ("handling", "办理情况"),
            ("completed_on", "办结日期"),
            ("extended_to", "延期至"),
        ],
    ),
    (
        "difficulty",
        &[
            ("code", "问题编号"),
            ("project_code", "项目编号"),
            ("name", "问题描述"),
            ("raised_on", "提出日期"),
            ("asked_level", "提请层级"),
            ("department", "责任部门"),
            ("answered_on", "答复日期"),
            ("answer", "答复意见"),
            ("solved_on", "解决日期"),
        ],
    ),
];

/// An office of a year, with what was imported.
struct Office {
    service: App,
    dice: Rng,
    today: NaiveDate,
    imports: BTreeMap<&'static str, Vec<Import>>,
    done: usize,
}

fn json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("json")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

impl Office {
    fn back(&mut self, most: u64) -> String {
        (self.today - Days::new(self.dice.u64(0..most))).to_string()
    }

    fn ahead(&mut self, from: u64, to: u64) -> String {
        (self.today + Days::new(self.dice.u64(from..to))).to_string()
    }

    fn go_on(&mut self, days: u64) {
        self.today = self.today + Days::new(days);
        self.service.clock().set(format!("{}T03:00:00Z", self.today).parse().expect("a time"));
    }

    fn row(&mut self, ledger: &str, code: &str) -> Row {
        let (project, place) = PROJECTS[self.dice.usize(0..PROJECTS.len())];
        let mut row = Row::new();
        let mut put = |field: &str, value: String| row.insert(field.to_owned(), value);
        put("code", code.to_owned());
        put("project_code", project.to_owned());
        put("name", format!("{place}的事"));
        if ledger == "work-order" {
            put("holder", [place, CITY][self.dice.usize(0..2)].to_owned());
            put("dispatched_on", self.back(40));
            put("due_on", self.ahead(0, 60));
        } else {
            put("raised_on", self.back(40));
            put("asked_level", ["县级", "市级", "省级"][self.dice.usize(0..3)].to_owned());
            put("department", ["自然资源部门", "金融部门"][self.dice.usize(0..2)].to_owned());
        }
        row
    }

    /// Changes a row as an office does from one list to the next.
    fn change(&mut self, ledger: &str, row: &mut Row) {
        let dated = match ledger {
            "work-order" => ["received_on", "last_feedback_on", "last_feedback_on", "completed_on"],
            _ => ["answered_on", "answer", "raised_on", "solved_on"],
        };
        let field = dated[self.dice.usize(0..4)];
        let value = if field == "answer" { format!("答复{}", self.dice.u8(..)) } else { self.back(20) };
        match self.dice.u8(0..5) {
            0 => row.remove(field).map(|_| ()),
            1 if ledger == "work-order" => row.insert("extended_to".into(), self.ahead(0, 40)).map(|_| ()),
            _ => row.insert(field.to_owned(), value).map(|_| ()),
        };
    }

    async fn import(&mut self, ledger: &'static str) {
        let mut rows = self.imports[ledger].last().map(|last| last.rows.clone()).unwrap_or_default();
        for code in rows.keys().cloned().collect::<Vec<_>>() {
            match self.dice.u8(0..12) {
                0 if rows.len() > 4 => drop(rows.remove(&code)),
                1..=3 => {
                    let mut row = rows[&code].clone();
                    self.change(ledger, &mut row);
                    rows.insert(code, row);
                }
                _ => {}
            }
        }
        for _ in 0..self.dice.u8(1..4) {
            let code = format!("A{}", self.dice.u8(0..12));
            let row = self.row(ledger, &code);
            rows.entry(code).or_insert(row);
        }
        let columns = COLUMNS.iter().find(|(id, _)| *id == ledger).expect("columns").1;
        let mut text = columns.iter().map(|(_, title)| *title).collect::<Vec<_>>().join(",");
        for row in rows.values() {
            let cells = columns.iter().map(|(field, _)| row.get(*field).cloned().unwrap_or_default());
            text.push_str(&format!("\n{}", cells.collect::<Vec<_>>().join(",")));
        }
        let covers_on = self.today;
        import_into(&self.service, &format!("{ledger}.csv"), &text, &covers_on.to_string()).await;
        let imports = self.imports.get_mut(ledger).expect("a ledger");
        // an identical list makes no snapshot, and of two lists of one day the later one counts
        if imports.last().is_none_or(|last| last.rows != rows) {
            imports.push(Import { covers_on, rows });
        }
    }

    /// What is given for a transition: mostly what it takes, sometimes not.
    fn given(&mut self, transition: &str) -> Vec<(String, String)> {
        let place = PROJECTS[self.dice.usize(0..3)].1.to_owned();
        let project = PROJECTS[self.dice.usize(0..3)].0.to_owned();
        let results = ["已解决", "情况说明", "正在解决", "暂不具备条件"];
        let given: Vec<(&str, String)> = match transition {
            "propose" => vec![
                ("project_code", project),
                ("matter", "用地".into()),
                ("requirement", "请办理".into()),
                ("holder", [place, CITY.to_owned()][self.dice.usize(0..2)].clone()),
                ("due_on", self.ahead(10, 60)),
            ],
            "reassign" => vec![("holder", place), ("due_on", self.ahead(8, 40))],
            "pass-down" => vec![("holder", place), ("requirement", "请办理".into()), ("due_on", self.ahead(8, 40))],
            "feedback" => vec![("handling", format!("进展{}", self.dice.u8(..)))],
            "ask-extension" => vec![("wanted_on", self.ahead(0, 40))],
            "grant" => vec![("leader", "某领导".into())],
            "report" => vec![("handling", "已办".into()), ("result", results[self.dice.usize(0..4)].into())],
            "return" | "reopen" => vec![("due_on", self.ahead(6, 30))],
            "suspend" => vec![("review_on", self.ahead(0, 60))],
            "raise" => vec![
                ("project_code", project),
                ("category", "用地".into()),
                ("name", "用地未落实".into()),
                ("asked_level", ["县级", "市级", "省级"][self.dice.usize(0..3)].into()),
                ("department", "自然资源部门".into()),
            ],
            "answer" => vec![("answer", "已办".into()), ("answer_class", "已解决".into())],
            "answer-by-decision" => vec![("answer", "已办".into()), ("answer_class", "不具备条件".into()), ("decision", "会议纪要".into())],
            "promise" => vec![("answer", "正在办".into()), ("promised_on", self.ahead(0, 50))],
            "ask-up" => vec![("tried", "已协调".into())],
            "redirect" => vec![("department", ["自然资源部门", "金融部门"][self.dice.usize(0..2)].into())],
            _ => Vec::new(),
        };
        given.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
    }

    /// Tries an act by each unit in turn until one may do it.
    async fn act(&mut self, ledger: &str, code: &str, transition: &str, units: &[Option<String>]) {
        let mut request = HandleRequest {
            ledger: ledger.into(),
            codes: vec![code.into()],
            transition: transition.into(),
            reason: "理由".into(),
            set: self.given(transition),
            ..HandleRequest::default()
        };
        // for difficulties `return` takes nothing
        if ledger == "difficulty" && transition == "return" {
            request.set.clear();
        }
        for unit in units {
            request.unit = unit.clone();
            request.by = format!("{}{}", unit.as_deref().unwrap_or("办公室"), ["甲", "乙"][self.dice.usize(0..2)]);
            request.on = (unit.is_some() && self.dice.u8(0..4) == 0).then(|| day(&self.back(9)));
            if handle(&self.service, &request).await.expect("an answer")[0].is_done() {
                self.done += 1;
                return;
            }
        }
    }

    async fn turn(&mut self) {
        let ledger = ["work-order", "difficulty"][self.dice.usize(0..2)];
        let days = self.dice.u64(0..9);
        self.go_on(days);
        if self.dice.u8(0..8) == 0 {
            self.import(ledger).await;
            return;
        }
        if self.dice.u8(0..5) == 0 {
            let creating = if ledger == "work-order" { "propose" } else { "raise" };
            let units: Vec<Option<String>> = match creating {
                "propose" => vec![None],
                _ => PROJECTS.iter().map(|(_, place)| Some((*place).to_owned())).collect(),
            };
            return self.act(ledger, "new", creating, &units).await;
        }
        let filter = MattersFilter { ledger: Some(ledger.into()), all: self.dice.u8(0..6) == 0, ..MattersFilter::default() };
        let lines = json(list(&self.service, &filter).await.expect("a list"));
        let lines = lines.as_array().expect("a list");
        if lines.is_empty() {
            return;
        }
        let line = &lines[self.dice.usize(0..lines.len())];
        let code = line["code"].as_str().expect("a code");
        if self.dice.u8(0..20) == 0 && !line["last"].is_null() {
            let no = line["last"]["no"].as_u64().expect("a number") as u32;
            retract(&self.service, ledger, code, no, "张三", "错办").await.expect("an answer");
            return;
        }
        let possible = line["possible"].as_array().expect("a list");
        if possible.is_empty() {
            return;
        }
        let transition = possible[self.dice.usize(0..possible.len())].as_str().expect("an id");
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let places = PROJECTS.iter().map(|(_, place)| Some((*place).to_owned()));
        let units: Vec<Option<String>> =
            [text("unit"), text("raiser"), text("issuer"), Some(CITY.to_owned()), None].into_iter().chain(places).collect();
        let units: Vec<Option<String>> = units.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        self.act(ledger, code, transition, &units).await;
    }
}

async fn office(root: &tempfile::TempDir, seed: u64) -> Office {
    let orders = root.path().join("config/ledgers/work-order.toml");
    let text = std::fs::read_to_string(&orders).expect("the ledger");
    let issuer = format!("[issuer.\"{CITY}\"]\nprefix = \"GY\"\nnumber = \"筑单〔{{year}}〕{{n}}号\"\n");
    std::fs::write(&orders, format!("{text}\n{issuer}")).expect("the ledger");
    let service = service(root.path(), "2026-01-05T03:00:00Z").await;
    let mut projects = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间".to_owned();
    for (code, place) in PROJECTS {
        projects.push_str(&format!("\n{code},{place}项目,茶叶,{CITY},{place},合同,签约,2025-12-01"));
    }
    import_into(&service, "projects.csv", &projects, "2026-01-05").await;
    let imports = COLUMNS.iter().map(|(id, _)| (*id, Vec::new())).collect();
    let mut office = Office { service, dice: Rng::with_seed(seed), today: day("2026-01-05"), imports, done: 0 };
    for (ledger, _) in COLUMNS {
        office.import(ledger).await;
    }
    while office.today < day("2026-12-31") {
        office.turn().await;
    }
    office
}

/// The last days of the months of 2026.
fn month_ends() -> impl Iterator<Item = NaiveDate> {
    day("2026-01-31").iter_days().take_while(|day| day.year() == 2026).filter(|day| (*day + Days::new(1)).day() == 1)
}

/// The cells by which a field of a history is compared.
fn cells(value: &Value) -> Value {
    serde_json::json!([value["value"], value["from"], value["no"], value["imported"], value["imported_since"]])
}

async fn compare(office: &Office, ledger: &Ledger, calendar: &Calendar, rules: &[toml::Table], as_of: NaiveDate, seed: u64) {
    let service = &office.service;
    let imports = &office.imports[ledger.id.as_str()];
    let all = MattersFilter { ledger: Some(ledger.id.clone()), all: true, as_of: Some(as_of), ..MattersFilter::default() };
    let lines = json(list(service, &all).await.expect("a list"));
    let lines: BTreeMap<&str, &Value> =
        lines.as_array().expect("a list").iter().map(|line| (line["code"].as_str().expect("a code"), line)).collect();
    let latest = json(list(service, &MattersFilter { as_of: None, ..all.clone() }).await.expect("a list"));
    let mut codes: BTreeSet<String> = imports.iter().flat_map(|import| import.rows.keys().cloned()).collect();
    codes.extend(latest.as_array().expect("a list").iter().map(|line| line["code"].as_str().expect("a code").to_owned()));
    let mut expected_findings: BTreeMap<(String, String), Found> = BTreeMap::new();
    let mut expected_codes = BTreeSet::new();
    for code in &codes {
        let at = |what: &str| format!("seed {seed}, {} {code} on {as_of}: {what}", ledger.id);
        let Ok(now) = history(service, &ledger.id, code, None).await else { continue };
        let events = json(now)["events"].as_array().expect("events").clone();
        let is_own = code.starts_with("DB-") || code.starts_with("GY-") || code.starts_with("KN-");
        let Some(folded) = ledger.fold(code, imports, &events, is_own, as_of) else { continue };
        // what left its list without an event of ours is no matter
        if folded.is_gone && events.is_empty() {
            continue;
        }
        expected_codes.insert(code.clone());
        let printed = json(history(service, &ledger.id, code, Some(as_of)).await.expect("a history"));
        let of_service: BTreeMap<&str, Value> =
            printed["fields"].as_object().expect("fields").iter().map(|(id, value)| (id.as_str(), cells(value))).collect();
        let expected: BTreeMap<&str, Value> = ledger
            .ids()
            .filter_map(|id| {
                let value = folded.record.get(id)?;
                let no = folded.set_by.get(id);
                let (cell, since) = folded.imported.get(id).cloned().unzip();
                let from = if no.is_some() || cell.is_none() { "event" } else { "import" };
                Some((id, serde_json::json!([value, from, no, cell, since])))
            })
            .collect();
        assert_eq!(of_service, expected, "{}", at("fields"));
        let state = ledger.state(&folded, as_of);
        assert_eq!((printed["state"].as_str(), printed["gone"].as_bool()), (Some(state), Some(folded.is_gone)), "{}", at("state"));
        assert_eq!(printed["origin"].as_str(), Some(if folded.is_own { "own" } else { "import" }), "{}", at("origin"));
        let line = lines.get(code.as_str()).unwrap_or_else(|| panic!("{}", at("it is not listed")));
        assert_eq!(line["state"].as_str(), Some(state), "{}", at("state of the list"));
        assert_eq!(line["due_on"].as_str(), ledger.due_on(&folded.record).as_deref(), "{}", at("due day"));
        let known = |event: &&Value| event["on"].as_str().is_some_and(|on| on <= as_of.to_string().as_str());
        let known: Vec<&Value> = events.iter().filter(known).collect();
        assert_eq!(line["events"].as_u64(), Some(known.len() as u64), "{}", at("events"));
        let last = known.iter().rev().find(|event| event["retracted"].is_null());
        assert_eq!(line["last"]["no"], last.map_or(Value::Null, |event| event["no"].clone()), "{}", at("last event"));
        let first = known.iter().filter(|event| event["retracted"].is_null()).filter_map(|event| event["on"].as_str()).min();
        let state_on = |day: NaiveDate| {
            let folded = ledger.fold(code, imports, &events, is_own, day)?;
            Some(ledger.state(&folded, day).to_owned())
        };
        let since = first.map(|first| {
            let days = day(first).iter_days().take_while(|day| *day <= as_of).collect::<Vec<_>>();
            days.into_iter().rev().take_while(|day| state_on(*day).as_deref() == Some(state)).last().expect("a day").to_string()
        });
        assert_eq!(line["since"].as_str(), since.as_deref(), "{}", at("since"));
        if !folded.is_gone {
            for (rule, found) in judge(rules, ledger, calendar, &folded, as_of) {
                expected_findings.insert((rule, code.clone()), found);
            }
        }
    }
    assert_eq!(
        lines.keys().map(|code| (*code).to_owned()).collect::<BTreeSet<_>>(),
        expected_codes,
        "seed {seed}, {} on {as_of}",
        ledger.id
    );
    let found = find(service.evaluator(), as_of, &FindingsFilter { ledgers: vec![ledger.id.clone()], ..FindingsFilter::default() }).await;
    let found = found.expect("findings");
    let found: BTreeMap<(String, String), Found> = found
        .iter()
        .filter_map(|finding| {
            let found = (finding.due_on?.to_string(), finding.overdue_days()?, finding.light?.code().to_owned());
            Some(((service.config().policy.rules[finding.rule].id.clone(), finding.key.to_string()), found))
        })
        .collect();
    assert_eq!(found, expected_findings, "seed {seed}, findings of {} on {as_of}", ledger.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_fold_and_judge_agree() {
    let calendar = Calendar::read();
    let ledgers = ["work-order", "difficulty"].map(Ledger::read);
    for seed in seeds(1) {
        let root = fresh_root();
        let office = office(&root, seed).await;
        assert!(office.done > 20, "seed {seed}: {} acts", office.done);
        for ledger in &ledgers {
            let rules = rules_of(&ledger.id);
            for as_of in month_ends() {
                compare(&office, ledger, &calendar, &rules, as_of, seed).await;
            }
        }
        office.service.store().close().await;
    }
}
