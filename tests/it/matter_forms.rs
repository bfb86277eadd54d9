//! What units fill in a feedback form becomes events of orders and difficulties: all of a row or none, once, and for whoever raised it to read.

use super::feedback::{Cells, attachment, attachment_named, column_of, read, write};
use super::helpers::{fresh_root, service};
use super::outputs::{ORDERS, PROJECTS, run_on};
use calamine::Data;
use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::app::matters::history;
use duban::domain::notify::feedback::FormAccount;
use duban::worker::import::feedback::{Clerk, Sender};
use serde_json::{Value, json};
use std::path::Path;

const ORDER: &str = "GZD2026-00002";
const COUNTY: &str = "瓮安县";
const DIFFICULTIES: &str = "问题编号,项目编号,问题类别,问题描述,提出日期,提请层级,责任部门,答复日期,答复意见,解决日期\n\
                            K1,GZ202500123,用地,项目用地未落实,2026-08-03,县级,自然资源部门,,,\n";

/// A root after the quarterly mails, and its service four days later.
async fn mailed() -> (tempfile::TempDir, App) {
    let root = fresh_root();
    run_on(root.path(), &[("台账.csv", PROJECTS), ("工作单.csv", ORDERS), ("困难问题.csv", DIFFICULTIES)]).await;
    let service = service(root.path(), "2026-10-12T04:00:00Z").await;
    (root, service)
}

fn at(service: &App, day: &str) {
    let at: DateTime<Utc> = format!("{day}T04:00:00Z").parse().expect("a time");
    service.clock().set(at);
}

/// Fills cells of the row of a record.
fn fill(form: &mut Cells, code: &str, cells: &[(&str, &str)]) {
    form.retain(|(name, _)| name.starts_with("反馈表"));
    let is_row = |row: &Vec<Data>| row.get(1).is_some_and(|cell| *cell == code);
    let (_, rows) = form.iter_mut().find(|(_, rows)| rows.iter().any(is_row)).unwrap_or_else(|| panic!("no row {code}"));
    let row = rows.iter().position(is_row).expect("a row");
    for (title, text) in cells {
        let column = column_of(rows, title);
        rows[row][column] = Data::String((*text).to_owned());
    }
}

async fn take(service: &App, name: &str, form: &Cells, clerk: Option<Clerk>) -> Vec<FormAccount> {
    let path = service.root().join(name);
    std::fs::write(&path, write(form)).expect("a form");
    let sender = Sender { user: "test".into(), clerk, why: String::new() };
    service.importer().take_form(&service.config().policy, &path, &sender).await.expect("a form of ours")
}

/// The lines on a record in what became of a form.
fn lines(accounts: &[FormAccount], code: &str) -> String {
    let lines = accounts.iter().flat_map(|account| &account.lines);
    lines.filter(|(_, of, _)| of == code).map(|(_, _, line)| line.as_str()).collect::<Vec<_>>().join("\n")
}

async fn events(service: &App, ledger: &str, code: &str) -> Vec<Value> {
    let history = serde_json::to_value(history(service, ledger, code, None).await.expect("a history")).expect("json");
    history["events"].as_array().expect("events").clone()
}

async fn state(service: &App, ledger: &str, code: &str) -> Value {
    serde_json::to_value(history(service, ledger, code, None).await.expect("a history")).expect("json")["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_row_becomes_events_once() {
    let (root, service) = mailed().await;
    let sent = read(&attachment(root.path(), COUNTY));
    let mut form = sent.clone();
    fill(&mut form, ORDER, &[("签收日期", "2026-10-09"), ("办理情况", "已现场核对"), ("下步办理日期", "2026-10-30")]);
    let accounts = take(&service, "一.xlsx", &form, None).await;
    assert!(lines(&accounts, ORDER).contains("已记：签收（10月9日）、反馈"), "{accounts:?}");
    let events_now = events(&service, "work-order", ORDER).await;
    let brief: Vec<Value> =
        events_now.iter().map(|event| json!([event["transition"], event["on"], event["unit"], event["via"], event["on_behalf"]])).collect();
    let expected = [json!(["receive", "2026-10-09", COUNTY, "form", false]), json!(["feedback", "2026-10-12", COUNTY, "form", false])];
    assert_eq!(brief, expected);
    assert!(events_now[0]["actor"].as_str().is_some_and(|actor| actor.starts_with("表号 ") && actor.ends_with("/20260930")));
    assert_eq!(events_now[1]["given"]["handling"], json!("已现场核对"));
    // the same answers in a file that was saved anew, and another row of it
    at(&service, "2026-10-13");
    form.retain(|(name, _)| name.starts_with("反馈表"));
    form[0].1.push(vec![Data::Empty, Data::String("附注".into())]);
    let repeated = take(&service, "二.xlsx", &form, None).await;
    assert_eq!(events(&service, "work-order", ORDER).await.len(), 2, "{repeated:?}");
    assert!(!lines(&repeated, ORDER).contains("退回"), "{repeated:?}");
    // later the same form states more
    fill(&mut form, ORDER, &[("办理情况", "土地已交付"), ("办结日期", "2026-10-13"), ("办理结果", "已解决")]);
    let accounts = take(&service, "三.xlsx", &form, None).await;
    assert_eq!(state(&service, "work-order", ORDER).await, json!("checking"), "{accounts:?}");
    let last = events(&service, "work-order", ORDER).await;
    assert_eq!(last.iter().map(|event| &event["transition"]).collect::<Vec<_>>(), ["receive", "feedback", "feedback", "report"]);
    service.store().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_row_or_nothing_is_written() {
    let (root, service) = mailed().await;
    let sent = read(&attachment(root.path(), COUNTY));
    for (cells, reason) in [
        (&[("签收日期", "2026-10-09"), ("办结日期", "2026-10-12")][..], "须填"),
        (&[("签收日期", "2026-10-09"), ("办理情况", "已办"), ("办结日期", "2026-10-20")], "晚于今天"),
        (&[("签收日期", "2026-10-09"), ("下步办理日期", "2026-10-20")], "填了下步办理日期，没有填办理情况"),
        (&[("办理情况", "已办"), ("办结日期", "2026-10-12"), ("办理结果", "大概解决")], "办理结果"),
    ] {
        let mut form = sent.clone();
        fill(&mut form, ORDER, cells);
        let accounts = take(&service, "一.xlsx", &form, None).await;
        assert!(lines(&accounts, ORDER).contains("退回：") && lines(&accounts, ORDER).contains(reason), "{reason}: {accounts:?}");
        assert_eq!(events(&service, "work-order", ORDER).await, Vec::<Value>::new());
    }
    let answers = service.store().feedback().up_to(i64::MAX).await.expect("answers");
    assert!(answers.is_empty(), "a row that is sent back is no answer: {answers:?}");
    // what a unit states too late is of today, with the day it states
    at(&service, "2026-11-20");
    let mut form = sent.clone();
    fill(&mut form, ORDER, &[("签收日期", "2026-10-09"), ("办理情况", "已办"), ("办结日期", "2026-11-19")]);
    take(&service, "二.xlsx", &form, None).await;
    let late = events(&service, "work-order", ORDER).await;
    let brief: Vec<Value> =
        late.iter().map(|event| json!([event["transition"], event["on"], event["late"], event["given"]["on"]])).collect();
    let expected = [
        json!(["receive", "2026-11-20", true, "2026-10-09"]),
        json!(["feedback", "2026-11-20", true, "2026-11-19"]),
        json!(["report", "2026-11-20", true, "2026-11-19"]),
    ];
    assert_eq!(brief, expected);
    service.store().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_takes_a_form_for_a_unit() {
    let (root, service) = mailed().await;
    let mut form = read(&attachment(root.path(), COUNTY));
    fill(&mut form, ORDER, &[("签收日期", "2026-09-21"), ("办理情况", "已现场核对")]);
    let unit = service.config().policy.units.find(COUNTY).expect("a unit");
    take(&service, "代录.xlsx", &form, Some(Clerk { unit, name: "张三".into() })).await;
    let recorded = events(&service, "work-order", ORDER).await;
    assert_eq!(recorded.len(), 2);
    assert!(recorded.iter().all(|event| event["on_behalf"] == json!(true) && event["by"] == json!("张三")), "{recorded:?}");
    assert_eq!((&recorded[0]["on"], &recorded[0]["late"]), (&json!("2026-09-21"), &json!(false)), "a clerk may give any earlier day");
    service.store().close().await;
}

/// The asked department answers by its form; whoever raised the difficulty reads the answer in its own and confirms by it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_who_raised_the_difficulty() {
    let (root, service) = mailed().await;
    // its one question goes with the mail of its government
    let mut form = read(&attachment_named(root.path(), COUNTY, "瓮安县自然资源局"));
    fill(&mut form, "K1", &[("答复意见", "指标已下达")]);
    let refused = take(&service, "缺类别.xlsx", &form, None).await;
    assert!(lines(&refused, "K1").contains("答复类别"), "{refused:?}");
    fill(&mut form, "K1", &[("答复类别", "已解决")]);
    let accounts = take(&service, "答复.xlsx", &form, None).await;
    assert_eq!(state(&service, "difficulty", "K1").await, json!("answered"), "{accounts:?}");
    service.store().close().await;
    let raiser = raisers_form(root.path()).await;
    let mails = super::helpers::files_below(&root.path().join("var/outbox"));
    let ends = format!("_{COUNTY}.eml");
    let (_, mail) = mails.iter().find(|(name, _)| name.contains("2026-12-31") && name.ends_with(&ends)).expect("a mail of the county");
    let mail = super::outputs::as_read(mail);
    assert!(mail.contains("“项目用地未落实”瓮安县自然资源局10月12日答复（已解决）：指标已下达，请确认是否解决（K1）"), "{mail}");
    let explained = super::helpers::duban(root.path(), &["explain", "difficulty-unconfirmed", "K1", "--as-of", "2026-12-31"]);
    let explained = super::helpers::stdout(&explained);
    assert!(explained.contains("办理：已答复待确认，待瓮安县办理；10月12日答复（已解决）：指标已下达"), "{explained}");
    let is_row = |row: &Vec<Data>| row.get(1).is_some_and(|cell| *cell == "K1");
    let (_, rows) = raiser.iter().find(|(name, rows)| name.starts_with("反馈表") && rows.iter().any(is_row)).expect("the difficulty");
    let row = rows.iter().find(|row| is_row(row)).expect("its row");
    assert_eq!(row[column_of(rows, "答复意见")].to_string(), "指标已下达");
    assert!(row[column_of(rows, "督办事项")].to_string().contains("办理：已答复待确认，待瓮安县办理"), "{row:?}");
    let mut form = raiser.clone();
    fill(&mut form, "K1", &[("解决日期", "2027-01-08")]);
    let service = super::helpers::service(root.path(), "2027-01-11T04:00:00Z").await;
    let accounts = take(&service, "解决.xlsx", &form, None).await;
    assert_eq!(state(&service, "difficulty", "K1").await, json!("solved"), "{accounts:?}");
    service.store().close().await;
}

/// The form of the county in the next quarterly mails.
async fn raisers_form(root: &Path) -> Cells {
    let service = service(root, "2027-01-08T00:00:00Z").await;
    let when = duban::worker::run::runner::RunWhen::AsOf("2026-12-31".parse().expect("a day"));
    let request = duban::worker::run::runner::RunRequest { job: "quarterly-supervision".into(), when, revise: false };
    service.runner().run_job(&request).await.expect("a run");
    service.store().close().await;
    let mails = super::helpers::files_below(&root.join("var/outbox"));
    let ends = format!("_{COUNTY}.eml");
    let (_, mail) = mails.iter().find(|(name, _)| name.contains("2026-12-31") && name.ends_with(&ends)).expect("a mail of the county");
    let mail = mail_parser::MessageParser::default().parse(mail).expect("a mail");
    read(mail.attachments().next().expect("an attachment").contents())
}
