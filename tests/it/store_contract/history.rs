//! Notifications, the runs that closed quarters, and frozen texts.

use super::Db;
use super::findings::identity;
use super::runs::{at, claimed, day};
use duban::domain::rules::rule::Light;
use duban::store::handle::Store;
use duban::store::outbox::{NewMessage, NewNotified, OutboxBatch};
use duban::store::run_result::RunResult;
use duban::store::runs::{RunInputs, RunState};
use std::collections::{BTreeMap, BTreeSet};

/// The findings of a notification: key and light.
type Findings<'a> = &'a [(&'a str, Option<Light>)];

/// Commits one slot that notifies units of findings, with one message per unit.
async fn notify(store: &Store, slot: &str, notified: &[(&str, Findings<'_>)]) {
    let run = claimed(store, slot, 0, &slot[..10]).await;
    let messages = notified.iter().map(|(unit, _)| NewMessage {
        id: format!("{slot}-{unit}"),
        recipient: format!("{unit}|{unit}@gz.example"),
        address: format!("{unit}@gz.example"),
        unit: (*unit).into(),
        subject: "督办提醒".into(),
        message_id: format!("<{slot}-{unit}@duban>"),
        digest_sha256: slot.into(),
        bytes: slot.as_bytes().to_vec(),
        act: String::new(),
        copy_of: String::new(),
        names: BTreeSet::new(),
    });
    let notified = notified.iter().map(|(unit, lines)| NewNotified {
        unit: (*unit).into(),
        findings: lines.iter().map(|(key, light)| (identity(key), *light)).collect(),
        through: String::new(),
    });
    let batch = OutboxBatch {
        replaces_drafts: true,
        messages: messages.collect(),
        notified: notified.collect(),
        drafts: Vec::new(),
        reasons: Vec::new(),
        notified_on: slot[..10].into(),
        now: at(1),
        result: RunResult::default(),
        expires_at: "9999".into(),
        test: false,
    };
    store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
    store.runs().finish(&run, RunState::Done, "", None, &at(2)).await.expect("an end");
}

pub async fn every_notification_is_listed(db: &Db) {
    let store = db.open().await;
    let (yellow, red) = (Some(Light::Yellow), Some(Light::Red));
    notify(&store, "2026-07-08T08:00:00", &[("甲县", &[("A", yellow), ("B", None)]), ("乙市", &[("B", yellow)])]).await;
    notify(&store, "2026-10-08T08:00:00", &[("甲县", &[("A", red)]), ("乙市", &[("A", red), ("B", red)])]).await;
    notify(&store, "2027-01-08T08:00:00", &[("甲县", &[("C", yellow)])]).await;
    let notified = async |key: &str| -> Vec<String> {
        let all = store.outbox().notifications_of(&identity(key), false).await.expect("tellings");
        all.iter()
            .map(|notified| {
                let (id, state) = (&notified.message, notified.state.code());
                format!("{} {} {} {id} {state}", notified.on, notified.unit, notified.light.map_or("-", Light::code))
            })
            .collect()
    };
    // a message that a newer one replaced before it was sent is listed as superseded
    assert_eq!(
        notified("A").await,
        [
            "2026-07-08 甲县 yellow 2026-07-08T08:00:00-甲县 superseded",
            "2026-10-08 乙市 red 2026-10-08T08:00:00-乙市 pending",
            "2026-10-08 甲县 red 2026-10-08T08:00:00-甲县 superseded",
        ]
    );
    assert_eq!(
        notified("B").await,
        [
            "2026-07-08 乙市 yellow 2026-07-08T08:00:00-乙市 superseded",
            "2026-07-08 甲县 - 2026-07-08T08:00:00-甲县 superseded",
            "2026-10-08 乙市 red 2026-10-08T08:00:00-乙市 pending",
        ]
    );
    assert_eq!(notified("C").await, ["2027-01-08 甲县 yellow 2027-01-08T08:00:00-甲县 pending"]);
    assert_eq!(notified("D").await, Vec::<String>::new());
    assert!(store.outbox().notifications_of(&identity("C"), true).await.expect("tellings").is_empty(), "the sample is apart");
}

pub async fn a_quarter_is_closed_by_its_last_ended_run(db: &Db) {
    let store = db.open().await;
    let run = async |slot: &str, revision: i64, as_of: &str, state: RunState, inputs: RunInputs| -> String {
        let run = claimed(&store, slot, revision, as_of).await;
        store.runs().finish_step(&run, "detect", &inputs).await.expect("a step");
        store.runs().finish(&run, state, "", None, &at(2)).await.expect("an end");
        run.id
    };
    let of = async |as_of: &str, sample: bool| store.runs().on_day("weekly", day(as_of), sample).await.expect("a look");
    let plain = RunInputs::default;
    assert_eq!(of("2026-09-30", false).await, None);
    let first = run("2026-10-08T08:00:00", 0, "2026-09-30", RunState::Done, plain()).await;
    assert_eq!(of("2026-09-30", false).await.as_deref(), Some(first.as_str()));
    assert_eq!(of("2026-09-30", true).await, None, "the sample is apart");
    assert_eq!(of("2026-09-29", false).await, None);
    assert_eq!(store.runs().on_day("monthly", day("2026-09-30"), false).await.expect("a look"), None);
    let revised = run("2026-10-08T08:00:00", 1, "2026-09-30", RunState::Partial, plain()).await;
    run("2026-10-08T08:00:00", 2, "2026-09-30", RunState::Failed, plain()).await;
    assert_eq!(of("2026-09-30", false).await.as_deref(), Some(revised.as_str()), "a failed revision closes nothing");
    // before the start day units only check their rows
    let started = RunInputs { enforce_on: Some(day("2027-01-01")), ..plain() };
    run("2027-01-08T08:00:00", 0, "2026-12-31", RunState::Done, started.clone()).await;
    let after = run("2027-04-08T08:00:00", 0, "2027-03-31", RunState::Done, started).await;
    assert_eq!(of("2026-12-31", false).await, None);
    assert_eq!(of("2027-03-31", false).await.as_deref(), Some(after.as_str()));
    let frozen = store.frozen_texts().freeze(&BTreeMap::from([("a.toml".into(), "甲".to_owned())])).await.expect("frozen");
    assert_eq!(store.frozen_texts().missing(&frozen).await.expect("a look"), Vec::<String>::new());
    let gone = BTreeMap::from([("b.toml".to_owned(), "ff".to_owned())]);
    assert_eq!(store.frozen_texts().missing(&gone).await.expect("a look"), ["b.toml"]);
}
