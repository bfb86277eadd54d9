//! Handling through the use case and the command line: what is answered, refused and remembered.

use super::helpers::{command, duban, edit, fresh_root, import, import_into, service, stderr, stdout};
use chrono::{DateTime, NaiveDate, Utc};
use duban::app::compose::App;
use duban::app::handle::{HandleRequest, Handled, confirm, handle, retract};
use duban::app::matters::{MattersFilter, history, list};
use serde_json::{Value, json};

const PROJECTS: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间\n\
                        GZ1,一个项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2026-06-01\n";
const ORDERS: &str = "工作单编号,项目编号,项目名称,派发日期,承办单位,办结时限,签收日期,最近反馈日期,办结日期\n";

/// An office with one project and one imported order to 瓮安县, at noon of a day.
async fn office(root: &tempfile::TempDir, day: &str) -> App {
    let service = service(root.path(), &format!("{day}T04:00:00Z")).await;
    import_into(&service, "projects.csv", PROJECTS, "2026-06-30").await;
    import_into(&service, "orders.csv", &format!("{ORDERS}A1,GZ1,一个项目,2026-06-10,瓮安县,2026-08-31,,,\n"), "2026-06-30").await;
    service
}

fn at(service: &App, day: &str) {
    let at: DateTime<Utc> = format!("{day}T04:00:00Z").parse().expect("a time");
    service.clock().set(at);
}

fn request(code: &str, transition: &str, unit: Option<&str>, set: &[(&str, &str)]) -> HandleRequest {
    HandleRequest {
        ledger: "work-order".into(),
        codes: vec![code.into()],
        transition: transition.into(),
        by: unit.map_or("张三".into(), |unit| format!("{unit}李四")),
        unit: unit.map(str::to_owned),
        set: set.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect(),
        reason: "理由".into(),
        ..HandleRequest::default()
    }
}

/// What becomes of one act, as it is printed.
async fn act(service: &App, request: &HandleRequest) -> Value {
    let handled = handle(service, request).await.expect("an answer");
    serde_json::to_value(&handled).expect("json")[0].clone()
}

async fn on_order(service: &App, transition: &str, unit: Option<&str>, set: &[(&str, &str)]) -> Value {
    act(service, &request("A1", transition, unit, set)).await
}

async fn history_of(service: &App, code: &str, as_of: Option<&str>) -> Value {
    let as_of: Option<NaiveDate> = as_of.map(|day| day.parse().expect("a day"));
    serde_json::to_value(history(service, "work-order", code, as_of).await.expect("a history")).expect("json")
}

async fn matters(service: &App, filter: MattersFilter) -> Value {
    serde_json::to_value(list(service, &filter).await.expect("a list")).expect("json")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_order_lives_on() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    let listed = matters(&service, MattersFilter::default()).await;
    let expected = json!([{
        "ledger": "work-order", "code": "A1", "number": null, "name": "一个项目", "unit": "瓮安县", "raiser": "瓮安县", "issuer": "省投资促进局",
        "project": "GZ1", "state": "issued", "title": "待签收", "since": null, "waits_for": ["瓮安县"], "due_on": "2026-08-31", "origin": "import",
        "gone": false, "sample": false, "raised_from": null, "reassigned_from": null, "upper": null, "events": 0, "last": null,
        "possible": ["receive", "object", "reassign", "withdraw"],
    }]);
    assert_eq!(listed, expected);
    let done = on_order(&service, "feedback", Some("瓮安县"), &[("handling", "正在办")]).await;
    assert_eq!(done, json!({ "code": "A1", "done": true, "no": 2, "number": null, "state": "handling" }), "it is received first");
    let refused = on_order(&service, "accept", None, &[]).await;
    assert_eq!(
        (&refused["done"], &refused["state"], &refused["by"], &refused["on"]),
        (&json!(false), &json!("handling"), &json!("瓮安县李四"), &json!("2026-07-01"))
    );
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("办理中")), "{refused}");
    at(&service, "2026-07-03");
    on_order(&service, "report", Some("瓮安县"), &[("handling", "已办")]).await;
    let history = history_of(&service, "A1", None).await;
    assert_eq!((&history["state"], &history["origin"], &history["unit"]), (&json!("checking"), &json!("import"), &json!("瓮安县")));
    assert_eq!(
        history["fields"]["received_on"],
        json!({ "value": "2026-07-01", "from": "event", "no": 1, "on": "2026-07-01", "imported": null, "imported_since": null })
    );
    assert_eq!(
        history["fields"]["due_on"],
        json!({ "value": "2026-08-31", "from": "import", "no": null, "on": null, "imported": "2026-08-31", "imported_since": "2026-06-30" })
    );
    let report = &history["events"][2];
    assert_eq!(report["set"]["review_on"], Value::Null);
    assert_eq!((&report["set"]["reported_on"], &report["given"]["result"]), (&json!("2026-07-03"), &json!("已解决")));
    assert_eq!((&report["on_behalf"], &report["via"], &report["state_after"]), (&json!(true), &json!("cli"), &json!("checking")));
    assert_eq!(history_of(&service, "A1", Some("2026-07-02")).await["state"], json!("handling"));
    assert_eq!(on_order(&service, "accept", None, &[]).await["state"], json!("closed"));
    assert_eq!(matters(&service, MattersFilter::default()).await, json!([]), "final ones only on demand");
    assert_eq!(matters(&service, MattersFilter { all: true, ..MattersFilter::default() }).await[0]["events"], json!(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_made_numbered_and_passed_on_its_key() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    let mut propose =
        request("new", "propose", None, &[("project_code", "GZ1"), ("matter", "用地"), ("requirement", "供地"), ("holder", "瓮安县")]);
    propose.key = "k".into();
    let made = act(&service, &propose).await;
    assert_eq!(made, json!({ "code": "DB-2026-000001", "done": true, "no": 1, "number": null, "state": "draft" }));
    assert_eq!(act(&service, &propose).await, made, "the same key once more");
    let issue = request("DB-2026-000001", "issue", None, &[("due_on", "2026-08-31")]);
    assert_eq!(act(&service, &issue).await["number"], json!("招商服务单〔2026〕1号"));
    let late = act(&service, &issue).await;
    assert_eq!((&late["done"], &late["state"], &late["by"]), (&json!(false), &json!("issued"), &json!("张三")));
    let filter = MattersFilter { waits_for: Some("瓮安县".into()), ..MattersFilter::default() };
    let codes = matters(&service, filter).await;
    assert_eq!(codes.as_array().unwrap().iter().map(|line| &line["code"]).collect::<Vec<_>>(), ["A1", "DB-2026-000001"]);
    for (set, word) in [
        (("holder", "无此单位"), "不是单位名录中的单位"),
        (("due_on", "2026-07-02"), "2026-07-02"),
        (("no_field", "1"), "没有字段"),
        (("due_on", "二月三十"), "due_on"),
    ] {
        let refused =
            act(&service, &request("DB-2026-000001", "reassign", None, &[("holder", "福泉市"), set][usize::from(set.0 == "holder")..]))
                .await;
        assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains(word)), "{refused}");
    }
    let unknown =
        act(&service, &request("new", "propose", None, &[("project_code", "GZ9"), ("matter", "用地"), ("requirement", "供地")])).await;
    assert!(unknown["reason"].as_str().is_some_and(|reason| reason.contains("不在台账中")), "{unknown}");
    assert_eq!(act(&service, &request("X9", "receive", Some("瓮安县"), &[])).await["state"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_records_are_shown_before_they_are_handled() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    let orders = format!("{ORDERS}A1,GZ1,一,2026-06-10,瓮安县,2026-08-31,,,\nA2,GZ1,二,2026-06-10,瓮安县,2026-08-31,2026-06-12,,\n");
    import_into(&service, "more.csv", &orders, "2026-06-30").await;
    let mut receive = request("A1", "receive", Some("瓮安县"), &[]);
    receive.codes = vec!["A1".into(), "A2".into()];
    let preview = serde_json::to_value(handle(&service, &receive).await.unwrap()).unwrap();
    assert_eq!((&preview[0]["reason"], &preview[0]["state"], &preview[0]["done"]), (&json!("preview"), &json!("handling"), &json!(false)));
    assert!(preview[1]["reason"].as_str().is_some_and(|reason| reason.contains("不具备")));
    assert_eq!(service.store().events().position().await.unwrap(), 0);
    receive.is_confirmed = true;
    let done: Vec<bool> = handle(&service, &receive).await.unwrap().iter().map(Handled::is_done).collect();
    assert_eq!(done, [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_event_counts_on_no_day() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    on_order(&service, "receive", Some("瓮安县"), &[]).await;
    at(&service, "2026-07-10");
    on_order(&service, "reassign", None, &[("holder", "福泉市")]).await;
    let refused = serde_json::to_value(retract(&service, "work-order", "A1", 9, "张三", "错办").await.unwrap()).unwrap();
    assert_eq!((&refused["done"], &refused["state"]), (&json!(false), &json!("reassigned")));
    let done = serde_json::to_value(retract(&service, "work-order", "A1", 2, "张三", "错办").await.unwrap()).unwrap();
    assert_eq!((&done["done"], &done["state"]), (&json!(true), &json!("handling")));
    let history = history_of(&service, "A1", None).await;
    assert_eq!((&history["events"][1]["retracted"]["by"], &history["events"][1]["state_after"]), (&json!("张三"), &Value::Null));
    let opened = history["events"][1]["opened"][0].as_str().unwrap().to_owned();
    let codes = matters(&service, MattersFilter { all: true, ..MattersFilter::default() }).await;
    assert!(codes.as_array().unwrap().iter().all(|line| line["code"] != json!(opened)), "what it opened is gone with it");
    assert_eq!(codes[0]["events"], json!(2));
    on_order(&service, "reassign", None, &[("holder", "福泉市")]).await;
    let after = history_of(&service, "A1", None).await;
    assert_eq!(after["events"][2]["opened"], json!(["DB-2026-000002"]), "codes and numbers stay used");
    assert_eq!(history_of(&service, "DB-2026-000002", None).await["number"], json!("招商服务单〔2026〕2号"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_was_no_supplement_is_not_confirmed() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    let mut receive = request("A1", "receive", Some("瓮安县"), &[]);
    receive.on = "2026-06-12".parse().ok();
    assert_eq!(act(&service, &receive).await["done"], json!(true), "a clerk may give any earlier day");
    assert_eq!(history_of(&service, "A1", None).await["fields"]["received_on"]["value"], json!("2026-06-12"));
    let refused = serde_json::to_value(confirm(&service, "work-order", "A1", 1, "张三").await.unwrap()).unwrap();
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("不是补录")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_on_the_sample_does_not_count_afterwards() {
    let root = fresh_root();
    let service = service(root.path(), "2026-10-08T04:00:00Z").await;
    let register = root.path().join("config/sample/register.xlsx");
    std::fs::create_dir_all(register.parent().unwrap()).unwrap();
    assert!(duban(root.path(), &["sample", "--projects", "120", register.to_str().unwrap()]).status.success());
    assert_eq!(duban(root.path(), &["pull"]).status.code(), Some(0));
    let sample = matters(&service, MattersFilter { ledger: Some("work-order".into()), ..MattersFilter::default() }).await;
    let line = sample.as_array().unwrap().iter().find(|line| line["state"] == json!("issued")).expect("an order of the sample").clone();
    assert_eq!(line["sample"], json!(true));
    let (code, unit) = (line["code"].as_str().unwrap(), line["unit"].as_str().unwrap());
    assert_eq!(act(&service, &request(code, "receive", Some(unit), &[])).await["done"], json!(true));
    import_into(&service, "projects.csv", PROJECTS, "2026-06-30").await;
    assert_eq!(matters(&service, MattersFilter { all: true, ..MattersFilter::default() }).await, json!([]));
}

#[test]
fn the_command_line_answers_in_json_with_its_exit_codes() {
    let root = fresh_root();
    let root = root.path();
    std::fs::write(root.join("projects.csv"), PROJECTS).unwrap();
    std::fs::write(
        root.join("orders.csv"),
        format!("{ORDERS}A1,GZ1,一,2026-06-10,瓮安县,2026-08-31,,,\nA2,GZ1,二,2026-06-10,瓮安县,2026-08-31,,,\n"),
    )
    .unwrap();
    for file in ["projects.csv", "orders.csv"] {
        assert_eq!(duban(root, &["import", root.join(file).to_str().unwrap(), "--covers", "2026-06-30"]).status.code(), Some(0));
    }
    let run = |arguments: &[&str]| {
        let output = duban(root, arguments);
        let parsed: Value = serde_json::from_str(&stdout(&output)).unwrap_or_default();
        (output.status.code(), parsed)
    };
    let json = ["--format", "json"];
    let receive = |codes: &[&str], more: &[&str]| {
        run(&[&["handle", "work-order"], codes, &["receive", "--by", "李四", "--unit", "瓮安县"], more, &json].concat())
    };
    let (exit, handled) = receive(&["A1"], &[]);
    assert_eq!((exit, &handled[0]["state"], &handled[0]["no"]), (Some(0), &json!("handling"), &json!(1)));
    assert_eq!(receive(&["A1", "A2"], &[]).0, Some(1), "a preview");
    assert_eq!(receive(&["A1", "A2"], &["--yes"]).0, Some(2), "one of them is received");
    assert_eq!(receive(&["A1"], &[]).0, Some(1));
    let (exit, listed) = run(&[&["matters", "--ledger", "工作单", "--state", "handling"][..], &json].concat());
    assert_eq!((exit, listed.as_array().map(Vec::len)), (Some(0), Some(2)));
    let (exit, history) = run(&[&["history", "work-order", "A1"][..], &json].concat());
    assert_eq!((exit, &history["events"][0]["title"]), (Some(0), &json!("签收")));
    let (exit, retracted) = run(&[&["retract", "work-order", "A1", "1", "--by", "张三", "--reason", "错录"][..], &json].concat());
    assert_eq!((exit, &retracted[0]["state"]), (Some(0), &json!("issued")));
    assert_eq!(run(&[&["confirm-day", "work-order", "A2", "1", "--by", "张三"][..], &json].concat()).0, Some(1));
    assert_eq!(run(&["history", "work-order", "X9"]).0, Some(1));
    assert!(stdout(&duban(root, &["matters"])).contains("待签收"));
    assert!(stdout(&duban(root, &["audit"])).contains("handle receive"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_closes_ends_the_lower_orders() {
    let root = fresh_root();
    let orders = root.path().join("config/ledgers/work-order.toml");
    let text = std::fs::read_to_string(&orders).unwrap();
    let issuer = "[issuer.\"黔南布依族苗族自治州\"]\nprefix = \"QN\"\nnumber = \"黔南单〔{year}〕{n}号\"\n";
    std::fs::write(&orders, format!("{text}\n{issuer}")).unwrap();
    let service = office(&root, "2026-07-01").await;
    let upper = |done: &str| format!("{ORDERS}A1,GZ1,一个项目,2026-06-10,黔南布依族苗族自治州,2026-08-31,,,{done}\n");
    import_into(&service, "upper.csv", &upper(""), "2026-06-30").await;
    let city = "黔南布依族苗族自治州";
    on_order(&service, "receive", Some(city), &[]).await;
    let given = [("holder", "瓮安县"), ("requirement", "请办理"), ("due_on", "2026-07-31")];
    assert_eq!(on_order(&service, "pass-down", Some(city), &given).await["state"], json!("handling"));
    assert_eq!(history_of(&service, "QN-2026-000001", None).await["number"], json!("黔南单〔2026〕1号"));
    at(&service, "2026-08-01");
    import_into(&service, "closed.csv", &upper("2026-07-20"), "2026-07-31").await;
    let lower = history_of(&service, "QN-2026-000001", None).await;
    assert_eq!((&lower["state"], &lower["events"][1]["via"]), (&json!("withdrawn"), &json!("service")));
    assert_eq!(lower["events"][1]["reason"], json!("A1已办结"));
    import_into(&service, "more.csv", &upper("2026-07-20").replace("一个项目", "那个项目"), "2026-07-31").await;
    assert_eq!(history_of(&service, "QN-2026-000001", None).await["events"].as_array().map(Vec::len), Some(2), "once");
}

/// A process that ends at any point of an act leaves the act whole or undone; repeated with its key it happens once, with one number.
#[test]
fn an_act_that_breaks_off_is_whole_or_undone() {
    let root = fresh_root();
    let root = root.path();
    std::fs::write(root.join("projects.csv"), PROJECTS).unwrap();
    assert_eq!(duban(root, &["import", root.join("projects.csv").to_str().unwrap()]).status.code(), Some(0));
    let fields =
        ["--set", "project_code=GZ1", "--set", "matter=用地", "--set", "requirement=供地", "--set", "holder=瓮安县", "--set", "within=20"];
    let propose = [&["handle", "work-order", "new", "propose", "--by", "张三", "--key", "k1", "--format", "json"][..], &fields].concat();
    let issue = ["handle", "work-order", "DB-2026-000001", "issue", "--by", "张三", "--key", "k2", "--format", "json"];
    for (arguments, events) in [(&propose[..], 1), (&issue[..], 2)] {
        for moment in ["decided", "appended"] {
            let broken = command(root, arguments).env("DUBAN_CRASH_AFTER", moment).output().unwrap();
            assert!(!broken.status.success(), "{moment}");
        }
        for _ in 0..2 {
            let done: Value = serde_json::from_str(&stdout(&duban(root, arguments))).unwrap();
            assert_eq!((&done[0]["done"], &done[0]["no"]), (&json!(true), &json!(events)), "{done}");
        }
        let history: Value =
            serde_json::from_str(&stdout(&duban(root, &["history", "work-order", "DB-2026-000001", "--format", "json"]))).unwrap();
        assert_eq!(history["events"].as_array().map(Vec::len), Some(events));
    }
    let listed: Value = serde_json::from_str(&stdout(&duban(root, &["matters", "--all", "--format", "json"]))).unwrap();
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["number"]), (Some(1), &json!("招商服务单〔2026〕1号")));
}

/// What waits at the desk of an office is its work, not that of the unit that raised it: it is urged at most, however long it waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_an_office_is_urged_at_most() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    let on = async |code: &str, transition: &str, unit: Option<&str>, set: &[(&str, &str)]| {
        let asked = HandleRequest { ledger: "difficulty".into(), ..request(code, transition, unit, set) };
        act(&service, &asked).await
    };
    let facts =
        [("project_code", "GZ1"), ("category", "融资"), ("name", "贷款未落实"), ("asked_level", "省级"), ("department", "金融部门")];
    let raised = on("new", "raise", Some("瓮安县"), &facts).await;
    let code = raised["code"].as_str().unwrap_or_else(|| panic!("{raised}")).to_owned();
    let waiting = matters(&service, MattersFilter { ledger: Some("difficulty".into()), ..MattersFilter::default() }).await;
    let asked = waiting[0]["waits_for"][0].as_str().unwrap_or_else(|| panic!("{waiting}")).to_owned();
    let up = on(&code, "ask-up", Some(&asked), &[("tried", "已协调两次")]).await;
    assert_eq!(up["state"], "proposed-up", "{up}");
    let agenda = on(&code, "to-agenda", None, &[]).await;
    assert_eq!(agenda["state"], "on-agenda", "{agenda}");
    for as_of in ["2026-10-15", "2027-01-15"] {
        let printed = duban(root.path(), &["findings", "--as-of", as_of, "--rule", "difficulty-unsolved", "--format", "json"]);
        let found: Value = serde_json::from_str(&stdout(&printed)).expect("findings");
        assert_eq!(
            (&found[0]["key"], &found[0]["unit"], &found[0]["act"]),
            (&json!(code), &json!("省投资促进局"), &json!("urge")),
            "{found}"
        );
        assert_ne!(found[0]["light"], "yellow", "the light goes on");
    }
}

/// A register has no column for what only events set, and none of its rules waits for one.
#[test]
fn what_only_events_set_needs_no_column() {
    let root = fresh_root();
    let rows = "问题编号,项目编号,问题描述,提出日期,提请层级,责任部门,答复日期,解决日期\nK1,GZ1,贷款未落实,2026-06-01,县级,金融部门,,\n";
    let read = import(root.path(), "困难问题.csv", rows, &["--covers", "2026-06-30"]);
    assert!(stdout(&read).contains("困难问题（截至2026年6月30日）"), "{}", stdout(&read));
    assert!(!stdout(&read).contains("以下规则不作判断"), "{}", stdout(&read));
}

async fn codes(service: &App, filter: MattersFilter) -> Vec<String> {
    let listed = matters(service, filter).await;
    listed.as_array().unwrap().iter().map(|line| line["code"].as_str().unwrap().to_owned()).collect()
}

/// A code of the form that is given here is ours alone: another list cannot bring one, and one of ours that a list holds stays ours.
#[tokio::test(flavor = "multi_thread")]
async fn codes_of_our_form_are_ours() {
    let root = fresh_root();
    let service = office(&root, "2026-07-01").await;
    let all = || MattersFilter { all: true, ..MattersFilter::default() };
    let rows = |code: &str| format!("{ORDERS}A1,GZ1,一,2026-06-10,瓮安县,2026-08-31,,,\n{code},GZ1,二,2026-06-10,瓮安县,2026-08-31,,,\n");
    for foreign in ["DB-2026-000001", "DB-2026-000099", "db-2026-1"] {
        import_into(&service, "foreign.csv", &rows(foreign), "2026-06-30").await;
        assert_eq!(codes(&service, all()).await, ["A1"], "{foreign}");
    }
    // letters of a prefix at the beginning are not the form
    import_into(&service, "other.csv", &rows("DB00001"), "2026-06-30").await;
    assert_eq!(codes(&service, all()).await, ["A1", "DB00001"]);
    let made =
        act(&service, &request("new", "propose", None, &[("project_code", "GZ1"), ("matter", "用地"), ("requirement", "供地")])).await;
    assert_eq!(made["code"], json!("DB-2026-000001"), "nobody has taken it");
    at(&service, "2026-07-10");
    import_into(&service, "ours.csv", &rows("DB-2026-000001"), "2026-05-31").await;
    let line = matters(&service, all()).await.as_array().unwrap().iter().find(|line| line["code"] == json!("DB-2026-000001")).cloned();
    let line = line.expect("our own order");
    assert_eq!((&line["origin"], &line["unit"], &line["gone"]), (&json!("own"), &json!("瓮安县"), &json!(false)));
    // before it was made it was not there, whatever a list of that time holds
    let before = MattersFilter { as_of: "2026-06-10".parse().ok(), ..all() };
    assert!(!codes(&service, before).await.contains(&"DB-2026-000001".to_owned()));
    let judged = duban(root.path(), &["findings", "--as-of", "2026-06-10", "--ledger", "work-order", "--format", "json"]);
    assert!(!stdout(&judged).contains("DB-2026-000001"), "{}", stdout(&judged));
    // a list without it does not make it gone
    import_into(&service, "without.csv", &rows("DB00001"), "2026-07-08").await;
    let now = matters(&service, all()).await;
    let line = now.as_array().unwrap().iter().find(|line| line["code"] == json!("DB-2026-000001")).expect("our own order");
    assert_eq!((&line["gone"], &line["state"]), (&json!(false), &json!("issued")), "the list has dispatched it");
}

#[test]
fn a_prefix_that_imported_codes_have_is_refused() {
    let root = fresh_root();
    let rows = format!("{ORDERS}ZZ-2026-000001,GZ1,一,2026-06-10,瓮安县,2026-08-31,,,\n");
    import(root.path(), "orders.csv", rows, &["--covers", "2026-06-30"]);
    assert_eq!(duban(root.path(), &["check"]).status.code(), Some(0));
    edit(root.path(), "config/ledgers/work-order.toml", "prefix = \"DB\"", "prefix = \"ZZ\"");
    let refused = duban(root.path(), &["check"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("ZZ-2026-000001"), "{}", stderr(&refused));
}

/// Of two doors at once one is let through; the other hears who was faster, and when.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_doors_at_once_one_is_let_through() {
    let root = fresh_root();
    let first = office(&root, "2026-07-01").await;
    let second = service(root.path(), "2026-07-01T04:00:00Z").await;
    for (transition, set) in [("receive", &[][..]), ("feedback", &[("handling", "一")]), ("report", &[("handling", "二")])] {
        let ask = |by: &str| HandleRequest { by: by.into(), ..request("A1", transition, Some("瓮安县"), set) };
        let (one, other) = (ask("甲"), ask("乙"));
        let (one, other) = tokio::join!(act(&first, &one), act(&second, &other));
        let refused: Vec<&Value> = [&one, &other].into_iter().filter(|done| done["done"] == json!(false)).collect();
        // feedback may be given twice: whoever comes second is refused only if both began at once
        assert!(refused.len() == 1 || transition == "feedback" && refused.is_empty(), "{transition}: {one} {other}");
        for refused in refused {
            assert!(["甲", "乙"].iter().any(|by| refused["by"] == json!(by)) && refused["on"] == json!("2026-07-01"), "{refused}");
        }
    }
    let numbers: Vec<Value> =
        history_of(&first, "A1", None).await["events"].as_array().unwrap().iter().map(|event| event["no"].clone()).collect();
    assert_eq!(numbers, (1..=numbers.len()).map(|no| json!(no)).collect::<Vec<_>>());
}
