//! The outbox: what is told, claimed, settled.

use super::Db;
use super::findings::identity;
use super::runs::{at, claimed};
use duban::domain::delivery::{ATTEMPTS_MAX, Attempt, DeliveryState};
use duban::domain::finding::Identity;
use duban::domain::rule::Light;
use duban::store::Store;
use duban::store::outbox::{Claimed, Listed, NewMessage, NewTold, OutboxBatch};
use duban::store::runs::{Run, RunInputs};
use std::collections::{BTreeMap, HashSet};

type Told = Vec<(Identity, Option<Light>)>;

fn bytes(id: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend(id.as_bytes());
    bytes
}

fn message(run: &str, unit: &str, says: &str) -> NewMessage {
    let id = format!("{run}-{unit}");
    NewMessage {
        recipient: format!("{unit}|{unit}@gz.example"),
        address: format!("{unit}@gz.example"),
        unit: unit.into(),
        subject: "督办提醒🙂".into(),
        message_id: format!("<{id}@duban>"),
        digest_sha256: says.into(),
        bytes: bytes(&id),
        act: String::new(),
        held: false,
        id,
    }
}

fn batch(messages: Vec<NewMessage>, minute: u32) -> OutboxBatch {
    OutboxBatch { messages, told: Vec::new(), told_on: "2026-11-23".into(), now: at(minute), result: "发出".into() }
}

/// Commits messages for these units in a run of its own, due from minute 0 on.
async fn queue(store: &Store, slot: &str, units: &[&str]) -> Run {
    let run = claimed(store, slot, 0, "2026-11-23").await;
    let messages = units.iter().map(|unit| message(slot, unit, "x")).collect();
    store.commit_outbox(&run, "remind", &RunInputs::default(), &batch(messages, 0)).await.expect("committed");
    run
}

async fn one(store: &Store, id: &str) -> Listed {
    store.messages(None, None).await.expect("messages").into_iter().find(|message| message.id == id).expect("the message")
}

async fn claim(store: &Store, minute: u32) -> Vec<Claimed> {
    store.claim_messages(None, 100, &at(minute), &at(minute + 15)).await.expect("a claim")
}

pub async fn committing_twice_adds_nothing(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let mut messages: Vec<NewMessage> = (0..30).map(|number| message("r", &format!("u{number}"), "x")).collect();
    messages[3].held = true;
    let batch = batch(messages, 2);
    for _ in 0..2 {
        store.commit_outbox(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
        let listed = store.messages(Some(&run.id), None).await.expect("messages");
        assert_eq!(listed.len(), 30);
        assert_eq!(store.delivery_counts(Some(&run.id)).await.expect("counts"), BTreeMap::from([("pending", 29), ("held", 1)]));
        assert_eq!(store.undelivered().await.expect("a count"), 29);
    }
    let stored = store.run(&run.id).await.expect("a look").expect("a run");
    assert_eq!((stored.step.as_str(), stored.result.as_str()), ("remind", "发出"));
    assert_eq!(store.message("r-u7").await.expect("a look"), Some(bytes("r-u7")));
    assert_eq!(store.message("none").await.expect("a look"), None);
    let held = store.messages(None, Some(DeliveryState::Held)).await.expect("messages");
    assert_eq!((held.len(), held[0].id.as_str(), held[0].subject.as_str()), (1, "r-u3", "督办提醒🙂"));
    // one recipient, one message per run, whatever its id
    let mut same = message("r", "u7", "y");
    same.id = "other".into();
    store.commit_outbox(&run, "remind", &RunInputs::default(), &self::batch(vec![same], 3)).await.expect("committed");
    assert_eq!(store.messages(None, None).await.expect("messages").len(), 30);
}

pub async fn a_lost_run_tells_nothing(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    store.claim_run(&run.id, &at(11), &at(20)).await.expect("a claim").expect("run out");
    let told = NewTold { unit: "甲县".into(), told: BTreeMap::from([(identity("A"), None)]) };
    let batch = OutboxBatch { told: vec![told], ..batch(vec![message("r", "u", "x")], 12) };
    assert!(store.commit_outbox(&run, "remind", &RunInputs::default(), &batch).await.is_err());
    assert!(store.messages(None, None).await.expect("messages").is_empty());
    assert!(store.told(false).await.expect("told").is_empty());
    assert_eq!(store.run(&run.id).await.expect("a look").expect("a run").result, "");
}

pub async fn told_is_replaced_per_unit(db: &Db) {
    let store = db.open().await;
    let tell = async |slot: &str, told: Vec<(&str, Told)>| {
        let run = claimed(&store, slot, 0, "2026-11-23").await;
        let told = told.into_iter().map(|(unit, told)| NewTold { unit: unit.into(), told: told.into_iter().collect() }).collect();
        let batch = OutboxBatch { told, ..batch(Vec::new(), 0) };
        store.commit_outbox(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
    };
    let many: Told = (0..150).map(|number| (identity(&format!("X{number}")), Some(Light::Yellow))).collect();
    tell("s1", vec![("甲县", many.clone()), ("乙县", vec![(identity("B"), None)])]).await;
    assert_eq!(store.told(false).await.expect("told")["甲县"], many.into_iter().collect());
    tell("s2", vec![("甲县", vec![(identity("A"), Some(Light::Red))])]).await;
    let told = store.told(false).await.expect("told");
    assert_eq!(told.len(), 2);
    assert_eq!(told["甲县"], BTreeMap::from([(identity("A"), Some(Light::Red))]));
    assert_eq!(told["乙县"], BTreeMap::from([(identity("B"), None)]));
    assert!(store.told(true).await.expect("told").is_empty());
    tell("s3", vec![("甲县", Vec::new())]).await;
    assert!(!store.told(false).await.expect("told").contains_key("甲县"));
}

pub async fn last_digest_is_the_latest_slot(db: &Db) {
    let store = db.open().await;
    for (slot, units, sample) in [
        ("2026-11-23T08:00:00", vec!["甲", "乙"], false),
        ("2026-11-16T08:00:00", vec!["甲", "丙"], false),
        ("2026-11-30T08:00:00", vec!["甲"], true),
    ] {
        let run = claimed(&store, slot, 0, "2026-11-23").await;
        let messages = units.iter().map(|unit| message(slot, unit, "x")).collect();
        let inputs = RunInputs { sample, ..RunInputs::default() };
        store.commit_outbox(&run, "remind", &inputs, &batch(messages, 0)).await.expect("committed");
    }
    let mut last: Vec<(String, String)> =
        store.last_digest_on(false, "", "").await.expect("days").into_iter().map(|(unit, day)| (unit, day.to_string())).collect();
    last.sort();
    let expected = [("丙", "2026-11-16"), ("乙", "2026-11-23"), ("甲", "2026-11-23")];
    assert_eq!(last, expected.map(|(unit, day)| (unit.to_string(), day.to_string())));
    assert_eq!(store.last_digest_on(true, "", "").await.expect("days").len(), 1);
}

pub async fn only_what_is_due_is_claimed(db: &Db) {
    let store = db.open().await;
    let first = queue(&store, "s1", &["a", "b", "c"]).await;
    let second = queue(&store, "s2", &["d"]).await;
    let again = store.claim_messages(Some(&first.id), 1, &at(0), &at(15)).await.expect("a claim");
    assert_eq!(again.len(), 1, "no more than asked for");
    store.settle_message(&again[0], &Attempt::Later("421 busy".into()), &at(0), &at(5)).await.expect("settled");
    let ids = async |run: &Run, minute: u32| -> HashSet<String> {
        let claimed = store.claim_messages(Some(&run.id), 100, &at(minute), &at(minute + 15)).await.expect("a claim");
        claimed.into_iter().map(|message| message.id).collect()
    };
    assert_eq!(ids(&first, 4).await, ["s1-b".to_string(), "s1-c".into()].into(), "a is due in a minute, d is another run's");
    assert_eq!(ids(&first, 5).await, ["s1-a".to_string()].into());
    assert!(ids(&first, 6).await.is_empty(), "all are leased");
    assert_eq!(ids(&second, 6).await, ["s2-d".to_string()].into());
    let held = store.move_messages(&[], DeliveryState::Sending, DeliveryState::Held, &at(7)).await.expect("moved");
    assert_eq!(held, 4);
    assert!(claim(&store, 59).await.is_empty(), "held is not sent");
}

pub async fn two_claimers_never_share(db: &Db) {
    let store = db.open().await;
    let units: Vec<String> = (0..500).map(|number| format!("u{number}")).collect();
    queue(&store, "slot", &units.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut claiming = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let handle = db.open().await;
        for _ in 0..4 {
            let store = handle.clone();
            claiming.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = store.claim_messages(None, 7, &at(0), &at(15)).await.expect("a claim");
                    assert!(claimed.len() <= 7, "{} taken", claimed.len());
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed.into_iter().map(|message| (message.id, message.fence, message.attempts)));
                }
            });
        }
    }
    let all: Vec<(String, i64, u32)> = claiming.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<&String> = all.iter().map(|(id, ..)| id).collect();
    assert_eq!((all.len(), distinct.len()), (500, 500));
    assert!(all.iter().all(|(_, fence, attempts)| (*fence, *attempts) == (1, 1)));
}

pub async fn an_expired_claim_goes_again_with_the_same_bytes(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a"]).await;
    let old = claim(&store, 0).await.remove(0);
    assert_eq!((old.address.as_str(), old.unit.as_str(), old.message_id.as_str()), ("a@gz.example", "a", "<slot-a@duban>"));
    assert!(claim(&store, 14).await.is_empty());
    let new = claim(&store, 16).await.remove(0);
    assert_eq!((&new.id, &new.bytes, &new.message_id), (&old.id, &bytes("slot-a"), &old.message_id));
    assert_eq!((new.fence, new.attempts), (old.fence + 1, 2));
    assert!(!store.settle_message(&old, &Attempt::Refused("550 no".into()), &at(17), &at(17)).await.expect("settled"));
    assert_eq!(one(&store, "slot-a").await.state, DeliveryState::Sending);
    assert!(store.settle_message(&new, &Attempt::Accepted("250 ok".into()), &at(18), &at(18)).await.expect("settled"));
    assert!(!store.settle_message(&new, &Attempt::Refused("550".into()), &at(19), &at(19)).await.expect("settled"), "settled once");
    let settled = one(&store, "slot-a").await;
    assert_eq!((settled.state, settled.reply.as_str(), settled.settled_at), (DeliveryState::Accepted, "250 ok", at(18)));
}

pub async fn every_outcome_settles(db: &Db) {
    let store = db.open().await;
    let run = queue(&store, "slot", &["accepted", "channel", "later", "refused", "unknown"]).await;
    for message in claim(&store, 0).await {
        let attempt = match message.unit.as_str() {
            "accepted" => Attempt::Accepted("250".into()),
            "refused" => Attempt::Refused("550 无此用户".into()),
            "later" => Attempt::Later("421".into()),
            "channel" => Attempt::Channel("535".into()),
            _ => Attempt::Unknown("cut after DATA".into()),
        };
        assert!(store.settle_message(&message, &attempt, &at(1), &at(5)).await.expect("settled"));
    }
    let counts = BTreeMap::from([("accepted", 1), ("pending", 2), ("refused", 1), ("unknown", 1)]);
    assert_eq!(store.delivery_counts(Some(&run.id)).await.expect("counts"), counts);
    assert_eq!(store.delivery_counts(None).await.expect("counts"), counts);
    assert_eq!(store.undelivered().await.expect("a count"), 3);
    let refused = one(&store, "slot-refused").await;
    assert_eq!((refused.reply.as_str(), refused.settled_at), ("550 无此用户", at(1)));
    assert_eq!(one(&store, "slot-later").await.settled_at, "");
    assert!(claim(&store, 4).await.is_empty());
    let mut again: Vec<String> = claim(&store, 5).await.into_iter().map(|message| message.unit).collect();
    again.sort();
    assert_eq!(again, ["channel", "later", "unknown"]);
}

pub async fn attempts_are_bounded(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["channel", "later"]).await;
    for attempt in 1..=ATTEMPTS_MAX {
        let claimed = claim(&store, attempt).await;
        assert_eq!(claimed.len(), 2, "attempt {attempt}");
        for message in claimed {
            let outcome = if message.unit == "later" { Attempt::Later("421".into()) } else { Attempt::Channel("535".into()) };
            store.settle_message(&message, &outcome, &at(attempt), &at(attempt + 1)).await.expect("settled");
        }
    }
    assert_eq!(one(&store, "slot-later").await.state, DeliveryState::Refused);
    // a wrong password is no fault of the message: it does not use up its attempts
    let message = claim(&store, ATTEMPTS_MAX + 1).await.remove(0);
    store.settle_message(&message, &Attempt::Later("421".into()), &at(50), &at(51)).await.expect("settled");
    assert_eq!(one(&store, "slot-channel").await.state, DeliveryState::Pending);
}

pub async fn a_reply_with_a_nul_byte_settles(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a"]).await;
    let message = claim(&store, 0).await.remove(0);
    assert!(store.settle_message(&message, &Attempt::Accepted("250 ok\0".into()), &at(1), &at(1)).await.expect("settled"));
    assert_eq!(one(&store, "slot-a").await.reply, "250 ok");
}

pub async fn moved_messages_start_anew(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a", "b", "c"]).await;
    let moved = async |ids: &[String], from: DeliveryState, to: DeliveryState, minute: u32| {
        store.move_messages(ids, from, to, &at(minute)).await.expect("moved")
    };
    for attempt in 1..=ATTEMPTS_MAX {
        for message in claim(&store, attempt).await {
            store.settle_message(&message, &Attempt::Later("421".into()), &at(attempt), &at(attempt + 1)).await.expect("settled");
        }
    }
    assert_eq!(store.delivery_counts(None).await.expect("counts"), BTreeMap::from([("refused", 3)]));
    assert_eq!(moved(&["slot-a".into(), "none".into()], DeliveryState::Refused, DeliveryState::Pending, 40).await, 1);
    assert_eq!(moved(&["slot-a".into()], DeliveryState::Refused, DeliveryState::Pending, 40).await, 0, "it is no longer refused");
    let listed = one(&store, "slot-a").await;
    assert_eq!((listed.state, listed.settled_at.as_str()), (DeliveryState::Pending, ""));
    assert!(claim(&store, 39).await.is_empty());
    let message = claim(&store, 40).await.remove(0);
    assert_eq!((message.id.as_str(), &message.bytes), ("slot-a", &bytes("slot-a")));
    // given up after all its attempts and sent again by hand: one busy answer is not the end
    store.settle_message(&message, &Attempt::Later("421".into()), &at(40), &at(50)).await.expect("settled");
    assert_eq!(one(&store, "slot-a").await.state, DeliveryState::Pending);
    assert_eq!(moved(&[], DeliveryState::Refused, DeliveryState::Pending, 41).await, 2);
    assert_eq!(moved(&[], DeliveryState::Pending, DeliveryState::Held, 42).await, 3);
    assert_eq!(moved(&[], DeliveryState::Held, DeliveryState::Pending, 43).await, 3);
    assert_eq!(claim(&store, 43).await.len(), 3);
}

pub async fn said_before_is_the_last_revision_that_spoke(db: &Db) {
    let store = db.open().await;
    for (revision, said) in [(0, vec![("a", "a0"), ("b", "b0")]), (1, vec![("a", "a1")]), (2, vec![("b", "b2")])] {
        let run = claimed(&store, "slot", revision, "2026-11-23").await;
        let messages = said.into_iter().map(|(unit, says)| message(&run.id, unit, says)).collect();
        store.commit_outbox(&run, "remind", &RunInputs::default(), &batch(messages, 0)).await.expect("committed");
    }
    queue(&store, "other", &["a"]).await;
    let said =
        async |revision: i64| -> Vec<String> { store.said_before("weekly", "slot", revision).await.expect("said").into_values().collect() };
    assert!(said(0).await.is_empty());
    assert_eq!(said(1).await, ["a0", "b0"]);
    assert_eq!(said(2).await, ["a1", "b0"]);
    assert_eq!(said(3).await, ["a1", "b2"]);
    assert!(store.said_before("monthly", "slot", 3).await.expect("said").is_empty());
}
