//! The clock: one that is far from everything else that is known starts nothing and mails nothing, and what it has recorded blocks nothing.

use super::helpers::{duban, edit, files_below, fresh_root, import_into, service, stderr, stdout};
use super::outputs::PROJECTS;
use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::clock::Around;
use duban::worker::run::runner::{RunRequest, RunWhen};

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}+08:00").parse().expect("a time in Beijing")
}

/// A service that has looked once on 7 October and has read the register; nothing beside its clock states a time.
async fn begun() -> (tempfile::TempDir, App) {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    let service = service(root.path(), &time("2026-10-07T09:00:00").to_rfc3339()).await;
    service.clock().set_around(Around::default());
    import_into(&service, "台账.csv", PROJECTS, "2026-09-30").await;
    service.scheduler().beat().await.expect("a beat");
    (root, service)
}

/// How many runs a beat at a time makes; `None` = the clock is not believed.
async fn beat(service: &App, at: &str) -> Option<usize> {
    service.clock().set(time(at));
    let beat = service.scheduler().beat().await.expect("a beat");
    assert_eq!(beat.failed, []);
    (!beat.is_clock_doubted).then_some(beat.ran.len())
}

fn mails(root: &std::path::Path) -> usize {
    files_below(&root.join("var/outbox")).len()
}

#[tokio::test]
async fn a_clock_years_ahead_starts_nothing_and_blocks_nothing_afterwards() {
    let (root, service) = begun().await;
    for at in ["2030-01-09T08:00:05", "2030-01-09T08:00:35"] {
        assert_eq!(beat(&service, at).await, None);
    }
    assert_eq!(mails(root.path()), 0);
    // a run by hand does nothing either, and the reason is named everywhere
    let when = RunWhen::AsOf("2029-12-31".parse().expect("a day"));
    let refused = service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise: false }).await;
    let refused = refused.expect_err("by such a clock nothing is run").to_string();
    assert!(
        refused.contains("本机时钟为2030-01-09 08:00，比最近的记录（2026-10-07 09:00）晚1189天") && refused.contains("duban clock trust"),
        "{refused}"
    );
    let printed = stdout(&duban(root.path(), &["status", "--json"]));
    assert!(printed.contains("\"clock\":\"distrusted\"") && printed.contains("\"id\":\"clock\""), "{printed}");
    // the register is read by that clock, which makes no fact of its time
    import_into(&service, "又.csv", &PROJECTS.replace("现代冷链", "冷链"), "2026-09-30").await;
    assert_eq!(beat(&service, "2030-01-09T09:00:00").await, None);
    // it is right once more
    assert!(beat(&service, "2026-10-09T08:00:05").await.expect("believed") > 0);
    assert!(mails(root.path()) > 0);
    let printed = stdout(&duban(root.path(), &["status", "--json"]));
    assert!(printed.contains("\"clock\":\"trusted\""), "{printed}");
    service.store().close().await;
}

#[tokio::test]
async fn a_person_or_a_witness_vouches_for_the_clock() {
    let (root, service) = begun().await;
    assert_eq!(beat(&service, "2026-10-22T08:00:05").await, None, "15 days ahead, and nobody agrees");
    service.clock().set_around(Around { newest: None, witnesses: vec![time("2026-10-22T08:05:00")] });
    assert!(beat(&service, "2026-10-22T08:00:05").await.expect("believed") > 0, "somebody does");
    // two months without a beat: a witness alone does not do
    service.clock().set_around(Around { newest: None, witnesses: vec![time("2027-01-11T08:05:00")] });
    assert_eq!(beat(&service, "2027-01-11T08:00:05").await, None);
    let nameless = duban(root.path(), &["clock", "trust"]);
    assert_eq!(nameless.status.code(), Some(1));
    assert!(stderr(&nameless).contains("--by 姓名"), "{nameless:?}");
    service.store().schedule().end_clock_doubt().await.expect("an end");
    service.store().schedule().record_beat(&duban::clock::stamp(time("2027-01-11T08:00:05"))).await.expect("vouched");
    assert!(beat(&service, "2027-01-11T08:00:05").await.is_some());
    let vouched = duban(root.path(), &["clock", "trust", "--by", "王处长", "--reason", "对过表"]);
    assert_eq!(vouched.status.code(), Some(0), "{vouched:?}");
    assert!(stdout(&duban(root.path(), &["audit"])).contains("trust the clock"));
    service.store().close().await;
}

#[tokio::test]
async fn a_clock_before_a_time_that_was_seen_waits_until_it_is_right() {
    let (_root, service) = begun().await;
    assert_eq!(beat(&service, "2026-10-07T07:59:00").await, None, "more than an hour behind");
    assert!(beat(&service, "2026-10-07T08:01:00").await.is_some(), "an hour is no matter");
    assert_eq!(beat(&service, "2026-10-01T08:00:00").await, None);
    service.clock().set_around(Around { newest: None, witnesses: vec![time("2026-10-01T08:01:00")] });
    assert!(beat(&service, "2026-10-01T08:00:00").await.is_some(), "the time seen was wrong");
    service.clock().set_around(Around::default());
    assert!(beat(&service, "2026-10-01T08:00:30").await.is_some(), "it is struck");
    service.store().close().await;
}

#[tokio::test]
async fn what_a_clock_ahead_has_recorded_blocks_nothing() {
    let (root, service) = begun().await;
    service.store().schedule().advance("quarterly-supervision", "2030-01-08T08:00:00").await.expect("recorded");
    assert!(beat(&service, "2026-10-09T08:00:05").await.is_some_and(|ran| ran > 0));
    let runs = service.store().runs().newest_of("quarterly-supervision").await.expect("the runs");
    assert!(runs.is_none(), "the slot of 8 October is not known to be due: the job starts from now");
    assert!(beat(&service, "2027-01-08T08:00:05").await.is_none(), "nobody agrees");
    service.clock().set_around(Around { newest: Some(time("2027-01-07T08:00:00")), witnesses: Vec::new() });
    service.store().schedule().end_clock_doubt().await.expect("an end");
    assert!(beat(&service, "2027-01-08T08:00:05").await.is_some_and(|ran| ran > 0));
    assert!(service.store().runs().newest_of("quarterly-supervision").await.expect("the runs").is_some());
    drop(root);
    service.store().close().await;
}
