//! Why a unit was mailed by a run, or was not: `duban runs RUN --unit U`.

use super::helpers::{duban, fresh_root, let_data_be_old, service, stderr, stdout};
use super::outputs::run;
use duban::worker::run::runner::{RunRequest, RunWhen};
use std::path::Path;

const QUARTERLY: &str = "quarterly-supervision@2026-10-08T08:00:00#0";

/// Runs a job on a day, at nine o'clock in the evening.
async fn run_on(root: &Path, job: &str, as_of: &str, revise: bool) -> String {
    let service = service(root, "2026-10-08T13:00:00Z").await;
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: job.into(), when, revise }).await.expect("a run");
    service.store().close().await;
    outcome.run.id
}

/// What `duban runs` prints of a run, or of one of its units.
fn printed(root: &Path, run: &str, unit: Option<&str>) -> String {
    let mut arguments = vec!["runs", run];
    arguments.extend(unit.iter().flat_map(|unit| ["--unit", unit]));
    let output = duban(root, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

#[tokio::test]
async fn a_run_names_why_each_unit_was_mailed_or_not() {
    let root = fresh_root();
    let_data_be_old(root.path());
    let root = root.path();
    run(root).await;
    let mut text = printed(root, QUARTERLY, None);
    for unit in ["瓮安县", "黔南布依族苗族自治州", "赤水市"] {
        text += &printed(root, QUARTERLY, Some(unit));
    }
    let weekly = run_on(root, "weekly-reminder", "2026-10-12", false).await;
    text += &printed(root, &weekly, None);
    text += &printed(root, &weekly, Some("瓮安县"));
    let revised = run_on(root, "quarterly-supervision", "2026-09-30", true).await;
    text += &printed(root, &revised, None);
    text += &printed(root, &revised, Some("瓮安县"));
    let pulled = run_on(root, "daily-pull", "2026-10-08", false).await;
    text += &printed(root, &pulled, None);
    insta::assert_snapshot!("reasons", text);
    // a unit is named by its code too
    let by_name = printed(root, QUARTERLY, Some("瓮安县"));
    let code = by_name.split(['（', '）']).nth(1).expect("a code");
    assert_eq!(printed(root, QUARTERLY, Some(&code.to_lowercase())), by_name);
}

#[tokio::test]
async fn an_unknown_run_or_unit_is_refused_with_the_nearest() {
    let root = fresh_root();
    let root = root.path();
    run(root).await;
    let pulled = run_on(root, "daily-pull", "2026-10-08", false).await;
    for (arguments, message) in [
        (vec!["runs", QUARTERLY, "--unit", "瓮案县"], "did you mean \"瓮安县\"?"),
        (vec!["runs", "quarterly-supervision@2026-10-08T08:00:00#1"], "did you mean \"quarterly-supervision@2026-10-08T08:00:00#0\"?"),
        (vec!["runs", &pulled, "--unit", "瓮安县"], "mails nobody"),
        (vec!["runs", "--unit", "瓮安县"], "RUN"),
    ] {
        let output = duban(root, &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stdout(&output));
        assert!(stderr(&output).contains(message), "{arguments:?}: {}", stderr(&output));
    }
}
