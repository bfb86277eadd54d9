//! Drafts: what a person may release is what the newest run has found.

use super::helpers::{edit, fresh_root, import_into, service};
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
