//! Findings of runs and the timelines.

use super::Db;
use super::audited_rows::refuse;
use super::runs::{at, claimed, day};
use chrono::NaiveDate;
use duban::domain::judging::finding::{Change, Identity};
use duban::domain::rules::rule::Light;
use duban::store::database::StoreError;
use duban::store::findings::{Detected, NewFinding};
use duban::store::handle::Store;
use duban::store::runs::{Run, RunInputs, RunState};
use duban::store::timeline::{RESOLVED, Timeline};

pub fn identity(key: &str) -> Identity {
    Identity { rule: "start-late".into(), ledger: "project".into(), key: key.into() }
}

fn found(key: &str, light: Option<Light>, change: Change) -> NewFinding {
    let state = if light.is_some() { "open" } else { "unjudged" };
    NewFinding {
        identity: identity(key),
        light,
        state,
        waits_for_data: false,
        body: serde_json::json!({
            "rule": "start-late", "ledger": "project", "key": key, "name": "甲🙂\n\"", "light": light.map(Light::code),
            "state": state, "change": change.code(),
        })
        .to_string(),
    }
}

/// Ends the detect step of a run. `known` is the timeline that it writes with the lives that are over.
async fn commit(
    store: &Store,
    run: &Run,
    sample: bool,
    findings: &[NewFinding],
    resolved: &[Identity],
    known: Option<&Timeline>,
) -> Result<(), StoreError> {
    let inputs = RunInputs { sample, ..RunInputs::default() };
    let timelines: Vec<_> = known.into_iter().map(|timeline| (timeline, resolved)).collect();
    let detected = Detected { as_of: day(&run.as_of), resolved, timelines: &timelines };
    store.findings().commit(run, "detect", &inputs, findings.iter().cloned().map(Ok), detected).await
}

/// Detects on a day in a run of its own and writes the timeline.
async fn detect(db: &Db, as_of: &str, sample: bool, findings: &[NewFinding], resolved: &[Identity]) {
    let store = db.open().await;
    let run = claimed(&store, &format!("{as_of} {sample}"), 0, as_of).await;
    let known = store.timelines().read(sample, "").await.expect("lives");
    commit(&store, &run, sample, findings, resolved, Some(&known)).await.expect("committed");
    store.close().await;
}

/// `key state light first_on changed_on` of the timeline.
async fn lives(db: &Db, sample: bool) -> Vec<String> {
    let store = db.open().await;
    let known = store.timelines().read(sample, "").await.expect("lives");
    let month_day = |day: NaiveDate| day.format("%m-%d").to_string();
    known
        .lives()
        .map(|life| {
            let light = life.light().map_or("", Light::code);
            format!("{} {} {light} {} {}", life.key, life.state, month_day(life.first_on), month_day(life.changed_on))
        })
        .collect()
}

pub async fn detect_is_all_or_nothing(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let one = [found("A", Some(Light::Red), Change::New)];
    let never = Timeline::default();
    let many = |count: i32| (0..count).map(|number| found(&format!("X{number:05}"), Some(Light::Red), Change::New)).collect::<Vec<_>>();
    // the same finding twice is refused, also behind so many that the first of them are written
    for count in [0, 20_000] {
        let mut twice = many(count);
        twice.extend([found("Z", Some(Light::Red), Change::New), found("Z", Some(Light::Red), Change::New)]);
        assert!(commit(&store, &run, false, &twice, &[], Some(&never)).await.is_err());
        assert_eq!(store.findings().count(&run.id).await.expect("a count"), 0);
    }
    assert_eq!(store.findings().count(&run.id).await.expect("a count"), 0);
    assert_eq!(store.runs().get(&run.id).await.expect("a look").expect("a run").step, "");
    assert_eq!(store.timelines().read(false, "").await.expect("lives").lives().count(), 0);
    // a holder that lost the run writes nothing
    store.runs().claim(&run.id, &at(11), &at(20)).await.expect("a claim").expect("run out");
    assert!(commit(&store, &run, false, &one, &[], Some(&never)).await.is_err());
    assert_eq!(store.findings().count(&run.id).await.expect("a count"), 0);
    let known = store.timelines().read(false, "").await.expect("lives");
    assert_eq!((known.lives().count(), known.as_of), (0, None));
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
    // enough for several rows
    all.extend((0..2000).map(|number| found(&format!("X{number:04}"), Some(Light::Yellow), Change::Continued)));
    let resolved = [identity("R1"), identity("Z2")];
    for _ in 0..2 {
        let known = store.timelines().read(false, "").await.expect("lives");
        commit(&store, &run, false, &all, &resolved, Some(&known)).await.expect("committed");
        assert_eq!(store.findings().count(&run.id).await.expect("a count"), 2006);
        let (changes, over) = store.findings().changes_of(&run.id).await.expect("changes");
        assert_eq!(over, resolved);
        assert_eq!(changes.len(), 2004);
        assert_eq!(changes[&identity("A")], Change::Escalated);
        assert_eq!(changes[&identity("D")], Change::Reopened);
        let lights = store.findings().lights_of(&run.id).await.expect("lights");
        assert_eq!(lights.len(), 2004);
        assert_eq!((lights[&identity("A")], lights[&identity("C")]), (Some(Light::Red), None));
        assert_eq!(store.timelines().read(false, "").await.expect("lives").lives().count(), 2006);
    }
    // a repetition that finds less leaves nothing of the first
    commit(&store, &run, false, &all[..1], &[], None).await.expect("committed");
    assert_eq!(store.findings().count(&run.id).await.expect("a count"), 1);
    assert_eq!(store.runs().get(&run.id).await.expect("a look").expect("a run").step, "detect");
}

pub async fn the_timeline_follows_each_finding(db: &Db) {
    let red = |key: &str| found(key, Some(Light::Red), Change::New);
    let yellow = |key: &str| found(key, Some(Light::Yellow), Change::New);
    detect(db, "2026-11-01", false, &[yellow("A"), yellow("B"), yellow("GONE")], &[]).await;
    detect(db, "2026-11-02", false, &[yellow("A"), red("B")], &[]).await;
    assert_eq!(lives(db, false).await, ["A open yellow 11-01 11-01", "B open red 11-01 11-02", "GONE open yellow 11-01 11-01"]);
    detect(db, "2026-11-03", false, &[red("B")], &[identity("A")]).await;
    let store = db.open().await;
    let known = store.timelines().read(false, "").await.expect("lives");
    let life = known.lives().find(|life| life.key == "A").expect("a life");
    assert_eq!((life.state, life.light(), life.first_on, life.changed_on), (RESOLVED, None, day("2026-11-01"), day("2026-11-03")));
    let gone = known.lives().find(|life| life.key == "GONE").expect("a life");
    assert_eq!(gone.state, "open", "what the register no longer holds stays as it was");
    detect(db, "2026-11-04", false, &[red("B")], &[]).await;
    detect(db, "2026-11-05", false, &[found("A", Some(Light::Orange), Change::Reopened), red("B")], &[]).await;
    assert_eq!(lives(db, false).await[..2], ["A open orange 11-01 11-05", "B open red 11-01 11-02"]);
    assert_eq!(store.timelines().read(false, "").await.expect("a look").as_of, Some(day("2026-11-05")));
}

/// All runs of a day find the same changes, whatever another run of the day has written.
pub async fn a_life_is_known_as_it_was_before_the_day(db: &Db) {
    let before = async |as_of: &str| -> Vec<String> {
        let store = db.open().await;
        let known = store.timelines().read(false, "").await.expect("lives");
        let line = |life: duban::store::timeline::Life<'_>| match life.before(day(as_of)) {
            None => format!("{} new", life.key),
            Some(earlier) => format!("{} {} {}", life.key, earlier.state, earlier.light.map_or("", Light::code)),
        };
        known.lives().map(line).collect()
    };
    let light = |key: &str, light: Light| found(key, Some(light), Change::New);
    detect(db, "2026-11-01", false, &[light("A", Light::Yellow), light("B", Light::Yellow)], &[]).await;
    assert_eq!(before("2026-11-01").await, ["A new", "B new"]);
    let store = db.open().await;
    for (slot, now, resolved) in [("1", Light::Red, "B"), ("2", Light::Orange, "B"), ("3", Light::Orange, "B")] {
        let run = claimed(&store, slot, 0, "2026-11-02").await;
        let known = store.timelines().read(false, "").await.expect("lives");
        commit(&store, &run, false, &[light("A", now), light("C", Light::Red)], &[identity(resolved)], Some(&known))
            .await
            .expect("committed");
        assert_eq!(before("2026-11-02").await, ["A open yellow", "B open yellow", "C new"], "{slot}");
    }
    assert_eq!(before("2026-11-03").await, ["A open orange", "B resolved ", "C open red"]);
    // each job has a timeline of its own
    assert_eq!(store.timelines().read(false, "weekly").await.expect("lives").lives().count(), 0);
}

pub async fn an_older_day_leaves_the_timeline(db: &Db) {
    let store = db.open().await;
    let never = store.timelines().read(false, "").await.expect("lives");
    detect(db, "2026-11-05", false, &[found("A", Some(Light::Red), Change::New)], &[]).await;
    // these looked at the timeline before the run above wrote it
    let run = claimed(&store, "older", 0, "2026-11-02").await;
    let yellow = [found("A", Some(Light::Yellow), Change::New)];
    commit(&store, &run, false, &yellow, &[], Some(&never)).await.expect("committed");
    assert_eq!(store.findings().count(&run.id).await.expect("a count"), 1);
    assert_eq!(lives(db, false).await, ["A open red 11-05 11-05"]);
    let run = claimed(&store, "newer", 0, "2026-11-06").await;
    let moved = commit(&store, &run, false, &yellow, &[], Some(&never)).await;
    assert!(matches!(moved, Err(StoreError::TimelineMoved)), "{moved:?}");
    assert_eq!(store.findings().count(&run.id).await.expect("a count"), 0);
    assert_eq!(lives(db, false).await, ["A open red 11-05 11-05"]);
}

/// Another run may have read the timeline right after it was put in force, and write its rows while old ones are still being removed.
pub async fn what_is_written_for_the_next_version_remains(db: &Db) {
    let yellow = || [found("A", Some(Light::Yellow), Change::New)];
    detect(db, "2026-11-01", false, &yellow(), &[]).await;
    let raw = db.raw().await;
    let insert = "INSERT INTO timeline_part (sample, series, writer, version, part, body) VALUES (0, '', 'another', 3, 0, $1)";
    sqlx::query(insert).bind(Vec::<u8>::new()).execute(&raw).await.expect("rows of another run");
    for (day, left) in [("2026-11-02", 1), ("2026-11-03", 1), ("2026-11-04", 0)] {
        detect(db, day, false, &yellow(), &[]).await;
        let others = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM timeline_part WHERE writer='another'");
        assert_eq!(others.fetch_one(&raw).await.expect("a count"), left, "{day}");
        let all = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM timeline_part").fetch_one(&raw).await.expect("a count");
        assert_eq!(all, left + 1, "{day}: those of older versions are gone");
        assert_eq!(lives(db, false).await, ["A open yellow 11-01 11-01"]);
    }
    raw.close().await;
}

pub async fn a_clean_up_that_fails_changes_no_outcome(db: &Db) {
    let store = db.open().await;
    let never = store.timelines().read(false, "").await.expect("lives");
    let yellow = || [found("A", Some(Light::Yellow), Change::New)];
    detect(db, "2026-11-01", false, &yellow(), &[]).await;
    let raw = db.raw().await;
    refuse(db, &raw, "DELETE ON timeline_part").await;
    detect(db, "2026-11-02", false, &yellow(), &[]).await;
    assert_eq!(store.timelines().read(false, "").await.expect("a look").as_of, Some(day("2026-11-02")));
    let run = claimed(&store, "late", 0, "2026-11-03").await;
    let moved = commit(&store, &run, false, &yellow(), &[], Some(&never)).await;
    assert!(matches!(moved, Err(StoreError::TimelineMoved)), "{moved:?}");
    raw.close().await;
}

pub async fn sample_and_own_timelines_are_separate(db: &Db) {
    let finding = |key: &str| found(key, Some(Light::Yellow), Change::New);
    detect(db, "2026-11-03", true, &[finding("A"), finding("S")], &[]).await;
    let store = db.open().await;
    let own = store.timelines().read(false, "").await.expect("lives");
    assert_eq!((own.lives().count(), own.as_of), (0, None));
    assert_eq!(store.timelines().read(true, "").await.expect("a look").as_of, Some(day("2026-11-03")));
    // the office's own register begins, on an earlier day and with a code of the sample: a life of its own
    detect(db, "2026-11-02", false, &[finding("A")], &[]).await;
    assert_eq!(lives(db, false).await, ["A open yellow 11-02 11-02"]);
    assert_eq!(lives(db, true).await, ["A open yellow 11-03 11-03", "S open yellow 11-03 11-03"]);
    assert_eq!(store.timelines().read(false, "").await.expect("a look").as_of, Some(day("2026-11-02")));
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
        store.runs().finish_step(&run, "detect", &RunInputs { sample, ..RunInputs::default() }).await.expect("a step");
        store.runs().finish(&run, state, "", None, &at(1)).await.expect("an end");
    }
    let before = async |as_of: &str, sample: bool| store.runs().previous("weekly", day(as_of), sample).await.expect("a look");
    assert_eq!(before("2026-12-31", false).await.as_deref(), Some("weekly@s2#1"));
    assert_eq!(before("2026-10-31", false).await.as_deref(), Some("weekly@s1#0"));
    assert_eq!(before("2026-12-31", true).await.as_deref(), Some("weekly@s2#0"));
    assert_eq!(before("2026-09-30", false).await, None);
    assert_eq!(store.runs().previous("monthly", day("2026-12-31"), false).await.expect("a look"), None);
}
