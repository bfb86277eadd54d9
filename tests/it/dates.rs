//! The dates that people read: mails and papers bear the day they are made, and a reply day is reckoned from it, however late a run is.

use super::helpers::{edit, files_below, fresh_root, import_into, service};
use super::outputs::{PROJECTS, as_read};
use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::cli::run::outcome_text;
use duban::worker::run::runner::{RunRequest, RunWhen};
use std::path::Path;

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}+08:00").parse().expect("a time in Beijing")
}

/// A root whose acts are in force, and its service, which has looked once at a time and has read the register.
async fn begun(at: &str) -> (tempfile::TempDir, App) {
    begun_without(at, &[]).await
}

/// As [`begun`], without some jobs.
async fn begun_without(at: &str, jobs: &[&str]) -> (tempfile::TempDir, App) {
    let root = fresh_root();
    for job in jobs {
        std::fs::remove_file(root.path().join(format!("jobs/{job}.toml"))).expect("removed");
    }
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    let service = service(root.path(), &time(at).to_rfc3339()).await;
    import_into(&service, "台账.csv", PROJECTS, "2026-09-30").await;
    service.scheduler().beat().await.expect("a beat");
    (root, service)
}

async fn beat(service: &App, at: &str) {
    service.clock().set(time(at));
    assert_eq!(service.scheduler().beat().await.expect("a beat").failed, []);
}

async fn run(service: &App, at: &str, job: &str, as_of: &str, revise: bool) -> String {
    service.clock().set(time(at));
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: job.into(), when, revise }).await.expect("a run");
    outcome_text(&outcome, &service.config().policy.units.levels)
}

/// The mail of a job to a unit, as it is read.
fn mail(root: &Path, job: &str, unit: &str) -> String {
    let mails = files_below(&root.join("var/outbox")).into_iter();
    let mut found: Vec<String> =
        mails.filter(|(name, _)| name.starts_with(job) && name.contains(&format!("_{unit}"))).map(|(_, bytes)| as_read(&bytes)).collect();
    found.pop().unwrap_or_else(|| panic!("no mail of {job} to {unit}"))
}

#[tokio::test]
async fn a_late_run_bears_the_day_it_is_made() {
    let (root, service) = begun("2026-10-07T09:00:00").await;
    beat(&service, "2026-10-22T08:00:01").await;
    let text = mail(root.path(), "quarterly", "522725");
    assert!(text.contains("2026年10月22日") && text.contains("10月29日"), "{text}");
    assert!(text.contains("截至2026年9月30日") && !text.contains("2026年10月8日") && !text.contains("10月14日"), "{text}");
    // nobody is late before the day that the mail named
    run(&service, "2026-10-29T08:00:01", "county-monthly-study", "2026-10-29", false).await;
    run(&service, "2026-10-29T08:00:02", "quarterly-supervision", "2026-10-29", false).await;
    let office = mail(root.path(), "quarterly-supervision_2026-10-29", "520000");
    assert!(!office.contains("未按期"), "{office}");
    service.store().close().await;
}

#[tokio::test]
async fn a_unit_is_late_after_the_day_to_reply() {
    let (root, service) = begun("2026-10-07T09:00:00").await;
    beat(&service, "2026-10-22T08:00:01").await;
    run(&service, "2026-10-30T08:00:01", "quarterly-supervision", "2026-10-30", false).await;
    let office = mail(root.path(), "quarterly-supervision_2026-10-30", "520000");
    assert!(office.contains("未按期"), "{office}");
    service.store().close().await;
}

#[tokio::test]
async fn a_slot_that_a_holiday_moves_bears_the_day_of_its_run() {
    let (root, service) = begun_without("2026-09-30T09:00:00", &["quarterly-supervision", "county-monthly-study"]).await;
    beat(&service, "2026-10-08T08:00:01").await;
    let text = mail(root.path(), "weekly-reminder", "522725");
    assert!(text.contains("2026年10月8日") && text.contains("10月14日") && !text.contains("10月5日"), "{text}");
    service.store().close().await;
}

#[tokio::test]
async fn a_revision_of_unchanged_inputs_sends_nothing_however_late() {
    let (root, service) = begun("2026-10-07T09:00:00").await;
    run(&service, "2026-10-08T08:00:01", "quarterly-supervision", "2026-09-30", false).await;
    let revised = run(&service, "2026-11-29T10:00:00", "quarterly-supervision", "2026-09-30", true).await;
    assert!(revised.contains("提醒：0封（另有"), "{revised}");
    // what has changed goes out with the day of the revision
    import_into(&service, "台账.csv", &PROJECTS.replace("现代冷链物流产业园项目", "冷链物流产业园项目"), "2026-09-30").await;
    let revised = run(&service, "2026-11-29T11:00:00", "quarterly-supervision", "2026-09-30", true).await;
    assert!(!revised.contains("提醒：0封"), "{revised}");
    let text = mail(root.path(), "quarterly", "522725-r2");
    assert!(text.contains("2026年11月29日") && text.contains("12月4日"), "{text}");
    // a unit that has the mail before reads that this one replaces it
    assert!(text.contains("更正，代替前一封（2026年10月8日）。"), "{text}");
    service.store().close().await;
}
