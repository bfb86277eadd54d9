//! Findings of runs and the one timeline.

use super::Db;
use super::runs::{at, claimed, day};
use duban::domain::finding::{Change, Identity};
use duban::domain::rule::Light;
use duban::store::findings::{RESOLVED, StoredFinding};
use duban::store::runs::{RunInputs, RunState};
use sqlx::Row;

pub fn identity(key: &str) -> Identity {
    Identity { rule: "start-late".into(), ledger: "project".into(), key: key.into() }
}

fn found(key: &str, light: Option<Light>, change: Change) -> StoredFinding {
    let state = if light.is_some() { "open" } else { "unjudged" };
    StoredFinding {
        identity: identity(key),
        unit: "甲县".into(),
        light,
        state: state.into(),
        change: change.code().into(),
        body: "{\"name\":\"甲🙂\"}".into(),
    }
}

/// Detects on a day in a run of its own and writes the timeline.
async fn detect(db: &Db, as_of: &str, sample: bool, findings: &[StoredFinding], resolved: &[Identity]) {
    let store = db.open().await;
    let run = claimed(&store, &format!("{as_of} {sample}"), 0, as_of).await;
    let inputs = RunInputs { sample, ..RunInputs::default() };
    store.commit_detect(&run, "detect", &inputs, findings.iter().cloned().map(Ok), resolved, Some(day(as_of))).await.expect("committed");
    store.close().await;
}

/// `key state light first_on changed_on as_of sample` of the timeline.
async fn lives(db: &Db) -> Vec<String> {
    let raw = db.raw().await;
    let rows = sqlx::query("SELECT * FROM timeline ORDER BY key").fetch_all(&raw).await.expect("lives");
    raw.close().await;
    rows.iter()
        .map(|row| {
            let text = |column: &str| row.get::<String, _>(column);
            let month_day = |column: &str| text(column)[5..].to_owned();
            let days = format!("{} {} {}", month_day("first_on"), month_day("changed_on"), month_day("as_of"));
            format!("{} {} {} {days} {}", text("key"), text("state"), text("light"), row.get::<i64, _>("sample"))
        })
        .collect()
}

pub async fn detect_is_all_or_nothing(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let one = [found("A", Some(Light::Red), Change::New)];
    // the same finding twice breaks the statement after the step was moved on
    let twice = [one[0].clone(), one[0].clone()];
    assert!(
        store
            .commit_detect(&run, "detect", &RunInputs::default(), twice.iter().cloned().map(Ok), &[], Some(day("2026-11-23")))
            .await
            .is_err()
    );
    assert_eq!(store.finding_count(&run.id).await.expect("a count"), 0);
    assert_eq!(store.run(&run.id).await.expect("a look").expect("a run").step, "");
    assert!(store.timeline(false).await.expect("lives").is_empty());
    // a holder that lost the run writes nothing
    store.claim_run(&run.id, &at(11), &at(20)).await.expect("a claim").expect("run out");
    assert!(
        store
            .commit_detect(&run, "detect", &RunInputs::default(), one.iter().cloned().map(Ok), &[], Some(day("2026-11-23")))
            .await
            .is_err()
    );
    assert_eq!(store.finding_count(&run.id).await.expect("a count"), 0);
    assert!(store.timeline(false).await.expect("lives").is_empty());
    assert_eq!(store.timeline_as_of(false).await.expect("a look"), None);
}

pub async fn detect_is_repeatable_and_reads_back(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let mut all = vec![
        found("A", Some(Light::Red), Change::Escalated),
        found("B", Some(Light::Yellow), Change::Eased),
        found("C", None, Change::New),
        found("D", Some(Light::Orange), Change::Reopened),
    ];
    all.extend((0..200).map(|number| found(&format!("X{number}"), Some(Light::Yellow), Change::Continued)));
    let resolved = [identity("R1"), identity("R2")];
    for _ in 0..2 {
        store
            .commit_detect(&run, "detect", &RunInputs::default(), all.iter().cloned().map(Ok), &resolved, Some(day("2026-11-23")))
            .await
            .expect("committed");
        assert_eq!(store.finding_count(&run.id).await.expect("a count"), 206);
        let (changes, over) = store.changes_of(&run.id).await.expect("changes");
        assert_eq!(over, resolved);
        assert_eq!(changes.len(), 204);
        assert_eq!(changes[&identity("A")], Change::Escalated);
        assert_eq!(changes[&identity("D")], Change::Reopened);
        let lights = store.lights_of(&run.id).await.expect("lights");
        assert_eq!(lights.len(), 204);
        assert_eq!((lights[&identity("A")], lights[&identity("C")]), (Some(Light::Red), None));
        assert_eq!(store.timeline(false).await.expect("lives").len(), 206);
    }
    // a repetition that finds less leaves nothing of the first
    store.commit_detect(&run, "detect", &RunInputs::default(), all[..1].iter().cloned().map(Ok), &[], None).await.expect("committed");
    assert_eq!(store.finding_count(&run.id).await.expect("a count"), 1);
    assert_eq!(store.run(&run.id).await.expect("a look").expect("a run").step, "detect");
}

pub async fn the_timeline_lives(db: &Db) {
    let red = |key: &str| found(key, Some(Light::Red), Change::New);
    let yellow = |key: &str| found(key, Some(Light::Yellow), Change::New);
    detect(db, "2026-11-01", false, &[yellow("A"), yellow("B"), yellow("GONE")], &[]).await;
    detect(db, "2026-11-02", false, &[yellow("A"), red("B")], &[]).await;
    assert_eq!(
        lives(db).await,
        ["A open yellow 11-01 11-01 11-02 0", "B open red 11-01 11-02 11-02 0", "GONE open yellow 11-01 11-01 11-01 0"]
    );
    detect(db, "2026-11-03", false, &[red("B")], &[identity("A")]).await;
    let store = db.open().await;
    let known = store.timeline(false).await.expect("lives");
    let life = &known[&identity("A")];
    assert_eq!((life.state.as_str(), life.light, life.first_on, life.as_of), (RESOLVED, None, day("2026-11-01"), day("2026-11-03")));
    assert_eq!(known[&identity("GONE")].state, "open", "what the register no longer holds stays as it was");
    detect(db, "2026-11-04", false, &[red("B")], &[]).await;
    detect(db, "2026-11-05", false, &[found("A", Some(Light::Orange), Change::Reopened), red("B")], &[]).await;
    assert_eq!(lives(db).await[..2], ["A open orange 11-01 11-05 11-05 0", "B open red 11-01 11-02 11-05 0"]);
    assert_eq!(store.timeline_as_of(false).await.expect("a look"), Some(day("2026-11-05")));
}

pub async fn an_older_day_changes_no_life(db: &Db) {
    detect(db, "2026-11-05", false, &[found("A", Some(Light::Red), Change::New)], &[]).await;
    // it looked at the timeline before the run above wrote it
    detect(db, "2026-11-02", false, &[found("A", Some(Light::Yellow), Change::New)], &[]).await;
    assert_eq!(lives(db).await, ["A open red 11-05 11-05 11-05 0"]);
}

pub async fn sample_and_own_lives_are_apart(db: &Db) {
    let finding = |key: &str| found(key, Some(Light::Yellow), Change::New);
    detect(db, "2026-11-03", true, &[finding("A"), finding("S")], &[]).await;
    let store = db.open().await;
    assert!(store.timeline(false).await.expect("lives").is_empty());
    assert_eq!(store.timeline_as_of(false).await.expect("a look"), None);
    assert_eq!(store.timeline_as_of(true).await.expect("a look"), Some(day("2026-11-03")));
    // the office's own register begins, on an earlier day and with a code of the sample: a life of its own
    detect(db, "2026-11-02", false, &[finding("A")], &[]).await;
    assert_eq!(lives(db).await, ["A open yellow 11-02 11-02 11-02 0", "S open yellow 11-03 11-03 11-03 1"]);
    let own = store.timeline(false).await.expect("lives");
    assert_eq!(own.keys().collect::<Vec<_>>(), [&identity("A")]);
    assert_eq!(store.timeline_as_of(false).await.expect("a look"), Some(day("2026-11-02")));
    assert!(store.timeline(true).await.expect("lives").contains_key(&identity("S")));
}

pub async fn run_before_is_the_last_ended_of_its_kind(db: &Db) {
    let store = db.open().await;
    let plan = [
        ("s1", 0, "2026-09-30", false, RunState::Done),
        ("s2", 0, "2026-10-31", true, RunState::Done),
        ("s2", 1, "2026-10-31", false, RunState::Partial),
        ("s3", 0, "2026-11-30", false, RunState::Failed),
    ];
    for (slot, revision, as_of, sample, state) in plan {
        let run = claimed(&store, slot, revision, as_of).await;
        store.finish_step(&run, "detect", &RunInputs { sample, ..RunInputs::default() }).await.expect("a step");
        store.finish_run(&run, state, "", "", &at(1)).await.expect("an end");
    }
    let before = async |as_of: &str, sample: bool| store.run_before("weekly", day(as_of), sample).await.expect("a look");
    assert_eq!(before("2026-12-31", false).await.as_deref(), Some("weekly@s2#1"));
    assert_eq!(before("2026-10-31", false).await.as_deref(), Some("weekly@s1#0"));
    assert_eq!(before("2026-12-31", true).await.as_deref(), Some("weekly@s2#0"));
    assert_eq!(before("2026-09-30", false).await, None);
    assert_eq!(store.run_before("monthly", day("2026-12-31"), false).await.expect("a look"), None);
}
