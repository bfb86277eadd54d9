//! Drafts: what a person may release is what the newest run has found.

use super::helpers::{duban, edit, files_below, fresh_root, import_into, service, stderr, stdout};
use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::domain::notify::delivery::DeliveryState;
use duban::store::outbox::OutboxFilter;
use duban::worker::run::runner::{RunRequest, RunWhen};

/// Two projects that are red since 2022; GZ502 may have begun, and GZ501 bear another name.
fn register(began: &str, name: &str) -> String {
    format!(
        "项目编号,项目名称,市（州）,县（市、区）,产业类别,协议类型,项目阶段,签约时间,录入平台时间,履约时间,合同投资额（亿元）,实际开工时间,计划开工时间,责任人,最近更新时间\n\
         GZ501,{name},黔南州,瓮安县,茶叶,合同,签约,2022-01-10,2022-01-20,2022-02-20,1.5,,2022-06-30,经办人甲,2026-09-20\n\
         GZ502,抹茶研发项目,黔南州,福泉市,茶叶,合同,开工,2022-01-10,2022-01-20,2022-02-20,1.5,{began},2022-06-30,经办人甲,2026-09-20\n"
    )
}

async fn run(service: &App, at: &str, as_of: &str, revise: bool) {
    let at: DateTime<Utc> = format!("{at}+08:00").parse().expect("a time in Beijing");
    service.clock().set(at);
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise }).await.expect("a run");
}

/// Unit and run of the drafts in a state, oldest first.
async fn drafts(service: &App, state: DeliveryState) -> Vec<(String, String)> {
    let filter = OutboxFilter { state: Some(state), ..OutboxFilter::default() };
    let rows = service.store().outbox().list(&filter).await.expect("the drafts");
    let mut drafts: Vec<_> = rows.into_iter().filter(|row| !row.act.is_empty()).map(|row| (row.unit, row.run)).collect();
    drafts.sort();
    drafts
}

#[tokio::test]
async fn a_newer_run_replaces_every_draft_that_nobody_has_decided_on() {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let service = service(root.path(), "2026-07-09T01:00:00Z").await;
    import_into(&service, "六月.csv", &register("", "茶园加工项目"), "2026-06-30").await;
    run(&service, "2026-07-09T09:00:00", "2026-06-30", false).await;
    assert_eq!(drafts(&service, DeliveryState::Draft).await.len(), 2);
    import_into(&service, "九月.csv", &register("2026-08-10", "茶园加工项目"), "2026-09-30").await;
    run(&service, "2026-10-09T09:00:00", "2026-09-30", false).await;
    let left = drafts(&service, DeliveryState::Draft).await;
    assert!(left.len() == 1 && left[0].0 == "瓮安县" && left[0].1.contains("2026Q3") | left[0].1.contains("2026-10-08"), "{left:?}");
    assert_eq!(drafts(&service, DeliveryState::Superseded).await.len(), 2, "also that of a unit that is in order now");
    // where nothing has changed, the draft stays as it is
    run(&service, "2026-10-10T09:00:00", "2026-09-30", true).await;
    assert_eq!(drafts(&service, DeliveryState::Draft).await, left);
    // a revision replaces the drafts of what it revises
    import_into(&service, "改.csv", &register("2026-08-10", "茶园深加工项目"), "2026-09-30").await;
    run(&service, "2026-10-11T09:00:00", "2026-09-30", true).await;
    let revised = drafts(&service, DeliveryState::Draft).await;
    assert!(revised.len() == 1 && revised != left, "{revised:?}");
    assert_eq!(drafts(&service, DeliveryState::Superseded).await.len(), 3);
    service.store().close().await;
}

/// A root with the start day in the past, and its drafts of September.
async fn drafted(root: &std::path::Path) -> App {
    edit(root, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let service = service(root, "2026-10-09T01:00:00Z").await;
    import_into(&service, "九月.csv", &register("", "茶园加工项目"), "2026-09-30").await;
    run(&service, "2026-10-09T09:00:00", "2026-09-30", false).await;
    assert_eq!(drafts(&service, DeliveryState::Draft).await.len(), 2);
    service
}

#[tokio::test]
async fn a_revision_that_would_change_nothing_but_its_day_makes_no_file_and_sends_nothing() {
    let root = fresh_root();
    let service = drafted(root.path()).await;
    let reports = root.path().join("var/reports/quarterly-supervision");
    let files = || {
        let mut files = files_below(&reports);
        files.sort();
        files
    };
    let mails = || files_below(&root.path().join("var/outbox")).len();
    let (before, sent) = (files(), mails());
    assert!(!before.is_empty() && sent > 0);
    // on another day, with the same data
    for day in ["2026-10-20T09:00:00", "2026-10-21T09:00:00"] {
        run(&service, day, "2026-09-30", true).await;
        assert!(files() == before && mails() == sent, "{:?}", files().iter().map(|(name, _)| name).collect::<Vec<_>>());
    }
    let runs = service.store().runs().list(9).await.expect("runs");
    let newest = runs.iter().find(|run| run.revision == 2).expect("the second revision");
    let files_of_it = service.store().reports().list(&newest.id).await.expect("files");
    assert!(!files_of_it.is_empty() && files_of_it.iter().all(|file| !file.path.contains("-r")), "{files_of_it:?}");
    // an earlier file is rebuilt as it was made
    let rebuilt = service.runner().rebuild(&newest.id, Some(root.path().join("rebuilt"))).await.expect("a rebuild");
    assert!(rebuilt.len() == files_of_it.len() && rebuilt.iter().all(|file| file.is_identical()), "{rebuilt:?}");
    // changed data make new files, which bear their day, and stay in turn
    import_into(&service, "改.csv", &register("2026-08-10", "茶园加工项目"), "2026-09-30").await;
    run(&service, "2026-10-22T09:00:00", "2026-09-30", true).await;
    let changed = files();
    assert!(changed.len() > before.len() && changed.iter().any(|(name, _)| name.contains("-r3")));
    assert!(mails() > sent);
    run(&service, "2026-10-26T09:00:00", "2026-09-30", true).await;
    assert_eq!(files(), changed);
    service.store().close().await;
}

#[tokio::test]
async fn what_is_released_is_looked_at_once_more() {
    let root = fresh_root();
    let at = root.path();
    let service = drafted(at).await;
    let filter = OutboxFilter { state: Some(DeliveryState::Draft), ..OutboxFilter::default() };
    let rows = service.store().outbox().list(&filter).await.expect("the drafts");
    let id_of = |unit: &str| rows.iter().find(|row| row.unit == unit).map(|row| row.id.clone()).expect("a draft");
    let (weng, fuquan) = (id_of("瓮安县"), id_of("福泉市"));
    let text = |id: &str| stdout(&duban(at, &["outbox", "show", id]));
    let first = text(&weng);
    let by = |text: &str| {
        text.split_once("请于").and_then(|(_, rest)| rest.split_once('前')).map(|(day, _)| day.to_owned()).expect("a day to answer")
    };
    assert!(by(&first).starts_with("10月"), "{first}");
    // 福泉市 is in order by now
    import_into(&service, "今日.csv", &register("2026-11-10", "茶园加工项目"), "2026-11-20").await;
    service.seal_audit().await.expect("sealed");
    service.store().close().await;
    let released = duban(at, &["outbox", "release", &weng, &fuquan, "--by", "主任", "--reason", "同意"]);
    let printed = stdout(&released);
    assert_eq!(released.status.code(), Some(2), "{printed}{}", stderr(&released));
    assert!(printed.contains(&format!("{fuquan}：所列GZ502（")) && printed.contains("不能签发"), "{printed}");
    assert!(printed.contains("签发1件（截至2026-09-30）") && printed.contains("改自今日起算"), "{printed}");
    // the letter bears the day of its release, and the day to answer is reckoned from it
    let signed = text(&weng);
    assert!(by(&signed) != by(&first) && !by(&signed).starts_with("10月"), "{signed}");
    assert!(signed.contains("截至2026年9月30日"), "{signed}");
    let verified = duban(at, &["audit", "--verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", stdout(&verified));
    assert!(text(&fuquan).contains("待签发"));
}
