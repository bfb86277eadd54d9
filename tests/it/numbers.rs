//! The files beside the database: a copy from before gives no number twice and sends nothing until a person has accepted it.

use super::helpers::{duban, fresh_root, import_into, service, stderr, stdout};
use duban::app::compose::App;
use duban::app::handle::{HandleRequest, handle};
use serde_json::Value;
use std::path::Path;

const PROJECTS: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间\n\
                        GZ1,一个项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2026-06-01\n";
const ORDERS: &str = "工作单编号,项目编号,项目名称,派发日期,承办单位,办结时限,签收日期,最近反馈日期,办结日期\n\
                      A1,GZ1,一个项目,2026-06-10,瓮安县,2026-08-31,,,\nA2,GZ1,一个项目,2026-06-10,瓮安县,2026-08-31,,,\n";

async fn office(root: &Path) -> App {
    service(root, "2026-07-01T04:00:00Z").await
}

/// 瓮安县 receives an order: its number as an event, or why not.
async fn receive(service: &App, code: &str) -> Result<i64, String> {
    let request = HandleRequest {
        ledger: "work-order".into(),
        codes: vec![code.into()],
        transition: "receive".into(),
        by: "瓮安县李四".into(),
        unit: Some("瓮安县".into()),
        reason: "理由".into(),
        ..HandleRequest::default()
    };
    let handled: Value = serde_json::to_value(handle(service, &request).await.expect("an answer")).expect("json")[0].clone();
    match handled["done"].as_bool() {
        Some(true) => Ok(handled["no"].as_i64().expect("a number")),
        _ => Err(handled["reason"].as_str().unwrap_or_default().to_owned()),
    }
}

/// Closes the service, so that the database is one file, as after a stop.
async fn close(service: App) {
    service.seal_audit().await.expect("sealed");
    service.store().close().await;
}

fn problems(root: &Path) -> Vec<String> {
    let status: Value = serde_json::from_str(&stdout(&duban(root, &["status", "--json"]))).expect("json");
    status["problems"].as_array().expect("problems").iter().filter_map(|problem| problem["id"].as_str().map(str::to_owned)).collect()
}

const RELEASE: [&str; 7] = ["outbox", "release", "--sending", "--by", "王处长", "--reason", "核对过"];

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_copy_gives_no_number_and_sends_nothing_until_it_is_accepted() {
    let root = fresh_root();
    let at = root.path();
    let database = at.join("var/duban.db");
    let first = office(at).await;
    import_into(&first, "projects.csv", PROJECTS, "2026-06-30").await;
    import_into(&first, "orders.csv", ORDERS, "2026-06-30").await;
    close(first).await;
    let copy = std::fs::read(&database).expect("a backup");
    let second = office(at).await;
    assert!(receive(&second, "A1").await.is_ok());
    let last = second.store().events().position().await.expect("a position");
    close(second).await;

    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(at.join(format!("var/duban.db{ending}")));
    }
    std::fs::write(&database, copy).expect("restored");
    let restored = office(at).await;
    let refused = receive(&restored, "A2").await.expect_err("no number");
    assert!(refused.contains("从备份恢复"), "{refused}");
    close(restored).await;
    let found = problems(at);
    assert!(["numbering-held", "sending-held"].iter().all(|id| found.contains(&(*id).to_owned())), "{found:?}");

    let released = duban(at, &RELEASE);
    assert_eq!(released.status.code(), Some(0), "{}", stderr(&released));
    assert!(!problems(at).iter().any(|id| id.ends_with("-held")));
    let accepted = office(at).await;
    assert!(receive(&accepted, "A2").await.is_ok());
    assert!(accepted.store().events().position().await.expect("a position") > last, "no position is given twice");
    close(accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_file_of_numbers_holds_sending_alone() {
    let root = fresh_root();
    let at = root.path();
    let first = office(at).await;
    import_into(&first, "projects.csv", PROJECTS, "2026-06-30").await;
    import_into(&first, "orders.csv", ORDERS, "2026-06-30").await;
    assert!(receive(&first, "A1").await.is_ok());
    close(first).await;
    std::fs::write(at.join("var/numbers"), "{").expect("torn");
    let second = office(at).await;
    assert!(receive(&second, "A2").await.is_ok(), "numbers go on");
    close(second).await;
    let found = problems(at);
    assert!(found.contains(&"sending-held".to_owned()) && !found.contains(&"numbering-held".to_owned()), "{found:?}");
    let listed = stdout(&duban(at, &["outbox", "list"]));
    assert!(listed.contains("var/numbers不能读取"), "{listed}");
    assert_eq!(duban(at, &RELEASE).status.code(), Some(0));
    assert!(!problems(at).contains(&"sending-held".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_the_database_cannot_take_is_in_a_file() {
    let root = fresh_root();
    let at = root.path();
    close(office(at).await).await;
    std::fs::write(at.join("var/sending.hold"), "值班员\n发错\n").expect("the stop");
    let service = office(at).await;
    assert!(!at.join("var/sending.hold").exists(), "the database has it now");
    let state = service.store().sending().state("2026-07-01").await.expect("a state");
    assert_eq!(state.hold.map(|hold| (hold.by, hold.why)), Some(("值班员".to_owned(), "发错".to_owned())));
    close(service).await;
    assert!(problems(at).contains(&"sending-held".to_owned()));
}
