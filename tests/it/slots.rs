//! The slots of jobs: one run for each period, also where a slot is edited or a holiday moves several onto one day.

use super::helpers::{duban, edit, files_below, fresh_root, import_into, service, stdout};
use super::outputs::PROJECTS;
use chrono::{DateTime, NaiveDate, Utc};
use duban::app::compose::App;
use duban::worker::run::runner::{RunRequest, RunWhen};
use std::path::Path;

const JOB: &str = "jobs/quarterly-supervision.toml";
const SLOT: &str = "slot = \"0 0 8 8 1,4,7,10 *\"";

/// A root with one job, whose acts are in force.
fn root_with(job: &str) -> tempfile::TempDir {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    for file in std::fs::read_dir(root.path().join("jobs")).expect("jobs").flatten() {
        if !file.file_name().to_string_lossy().starts_with(job) {
            std::fs::remove_file(file.path()).expect("removed");
        }
    }
    root
}

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}+08:00").parse().expect("a time in Beijing")
}

/// The service, which has looked once at a time and has read the register.
async fn begun(root: &Path, at: &str) -> App {
    let service = service(root, &time(at).to_rfc3339()).await;
    import_into(&service, "台账.csv", PROJECTS, "2026-09-30").await;
    assert_eq!(service.scheduler().beat().await.expect("a beat").ran, []);
    service
}

/// The service opened anew at a time, as after an edit, with the runs of one beat.
async fn restarted(root: &Path, at: &str) -> (App, Vec<String>) {
    let service = service(root, &time(at).to_rfc3339()).await;
    let ran = beat(&service, at).await;
    (service, ran)
}

async fn beat(service: &App, at: &str) -> Vec<String> {
    service.clock().set(time(at));
    let beat = service.scheduler().beat().await.expect("a beat");
    assert_eq!(beat.failed, []);
    beat.ran.into_iter().map(|(run, state)| format!("{run} {state}")).collect()
}

fn mails(root: &Path) -> usize {
    files_below(&root.join("var/outbox")).iter().filter(|(name, _)| name.ends_with("522725_瓮安县.eml")).count()
}

async fn runs(service: &App) -> Vec<String> {
    let mut runs: Vec<String> = service.store().runs().list(99).await.expect("runs").into_iter().map(|run| run.id).collect();
    runs.sort();
    runs
}

#[tokio::test]
async fn an_edited_slot_mails_no_quarter_twice() {
    // edited behind its run to a day that comes, and to one that has passed
    for (slot, restart) in [("0 0 8 12 1,4,7,10 *", "2026-10-10T10:00:00"), ("0 0 8 15 1,4,7,10 *", "2026-10-20T10:00:00")] {
        let root = root_with("quarterly-supervision");
        let service = begun(root.path(), "2026-10-07T08:00:00").await;
        assert_eq!(beat(&service, "2026-10-09T08:00:01").await.len(), 1);
        assert_eq!((runs(&service).await.len(), mails(root.path())), (1, 1));
        service.store().close().await;
        edit(root.path(), JOB, SLOT, &format!("slot = \"{slot}\""));
        let (service, _) = restarted(root.path(), restart).await;
        for at in ["2026-10-12T08:00:01", "2026-10-15T08:00:01", "2026-10-21T08:00:01"] {
            if time(at) > time(restart) {
                beat(&service, at).await;
            }
        }
        assert_eq!((runs(&service).await.len(), mails(root.path())), (1, 1), "{slot}");
        // the next quarter comes by the new slot
        let run = beat(&service, "2027-01-18T08:00:01").await;
        assert_eq!((run.len(), runs(&service).await.len()), (1, 2), "{slot}: {run:?}");
        service.store().close().await;
    }
}

#[tokio::test]
async fn an_edited_slot_does_not_come_for_a_time_before_the_edit() {
    // nothing has run in this quarter: the service began behind its slot
    let root = root_with("quarterly-supervision");
    let service = begun(root.path(), "2026-10-10T08:00:00").await;
    service.store().close().await;
    edit(root.path(), JOB, SLOT, "slot = \"0 0 8 15 1,4,7,10 *\"");
    let (service, ran) = restarted(root.path(), "2026-10-20T10:00:00").await;
    assert_eq!(ran, [] as [String; 0]);
    service.store().close().await;
    // a slot that was due before the edit is not lost by it
    let root = root_with("quarterly-supervision");
    let service = begun(root.path(), "2026-10-07T08:00:00").await;
    service.store().close().await;
    edit(root.path(), JOB, SLOT, "slot = \"0 0 8 25 1,4,7,10 *\"");
    let (service, ran) = restarted(root.path(), "2026-10-20T10:00:00").await;
    assert_eq!(ran.len(), 1, "{ran:?}");
    beat(&service, "2026-10-27T08:00:01").await;
    assert_eq!((runs(&service).await.len(), mails(root.path())), (1, 1));
    service.store().close().await;
}

#[tokio::test]
async fn slots_that_a_holiday_piles_up_are_one_run() {
    let root = root_with("weekly-reminder");
    let job = "jobs/weekly-reminder.toml";
    for (old, new) in [
        ("slot = \"0 0 8 * * MON\"", "slot = \"0 0 8 * * *\""),
        ("missed = \"latest\"", "missed = \"all\""),
        ("rhythm = \"changes\"", "rhythm = \"always\""),
        ("too_late_days = 3", "too_late_days = 10"),
        ("period = \"week\"\n", ""),
    ] {
        edit(root.path(), job, old, new);
    }
    let service = begun(root.path(), "2026-09-30T09:00:00").await;
    let ran = beat(&service, "2026-10-08T08:00:01").await;
    assert_eq!(ran, ["weekly-reminder@2026-10-08T08:00:00 done"]);
    assert_eq!((runs(&service).await.len(), mails(root.path())), (1, 1));
    assert_eq!(beat(&service, "2026-10-08T09:00:01").await, [] as [String; 0]);
    service.store().close().await;
    let printed = stdout(&duban(root.path(), &["check"]));
    assert!(printed.contains("每周督办提醒（weekly-reminder）：星期"), "{printed}");
}

#[tokio::test]
async fn a_job_of_a_week_has_one_run_in_it() {
    let root = root_with("weekly-reminder");
    edit(root.path(), "jobs/weekly-reminder.toml", "rhythm = \"changes\"", "rhythm = \"always\"");
    edit(root.path(), "jobs/weekly-reminder.toml", "slot = \"0 0 8 * * MON\"", "slot = \"0 0 8 * * MON,WED\"");
    let service = begun(root.path(), "2026-10-11T09:00:00").await;
    for at in ["2026-10-12T08:00:01", "2026-10-14T08:00:01", "2026-10-19T08:00:01"] {
        beat(&service, at).await;
    }
    let keys: Vec<String> = service.store().runs().list(9).await.expect("runs").into_iter().map(|run| run.key).collect();
    assert_eq!(keys, ["2026W43", "2026W42"]);
    // a run of another day counts for no week
    service.clock().set(time("2026-10-20T09:00:00"));
    let when = RunWhen::AsOf("2026-10-20".parse::<NaiveDate>().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: "weekly-reminder".into(), when, revise: false }).await.expect("a run");
    assert_eq!((outcome.run.key.as_str(), outcome.run.as_of.as_str()), ("2026-10-20T00:00:00", "2026-10-20"));
    // nor does one of a day whose week has its run
    let when = RunWhen::AsOf("2026-10-14".parse::<NaiveDate>().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: "weekly-reminder".into(), when, revise: false }).await.expect("a run");
    assert_eq!((outcome.run.key.as_str(), outcome.run.as_of.as_str()), ("2026-10-14T00:00:00", "2026-10-14"));
    service.store().close().await;
    let checked = stdout(&duban(root.path(), &["check"]));
    assert!(checked.contains("有几个时点，一个期间只执行一次"), "{checked}");
}
