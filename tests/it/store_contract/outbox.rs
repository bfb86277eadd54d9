//! The outbox: messages are committed, claimed, delivered; outcomes are recorded.

use super::Db;
use super::findings::identity;
use super::runs::{at, claimed};
use duban::domain::judging::finding::Identity;
use duban::domain::notify::channel::{Fault, FaultKind, Phase};
use duban::domain::notify::delivery::{Attempt, DeliveryState, UNKNOWNS_MAX, verdict};
use duban::domain::notify::disposition::NotifyReason;
use duban::domain::rules::rule::Light;
use duban::store::audit::AuditEntry;
use duban::store::handle::Store;
use duban::store::notify_reasons::UnitReason;
use duban::store::outbox::{NewMessage, NewNotified, OutboxBatch, OutboxFilter, OutboxRow};
use duban::store::run_result::RunResult;
use duban::store::runs::{Run, RunInputs};
use duban::store::sending::{ClaimRequest, Claimed, Claims, HoldReason};
use std::collections::{BTreeMap, BTreeSet, HashSet};

type Findings = Vec<(Identity, Option<Light>)>;

fn bytes(id: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend(id.as_bytes());
    bytes
}

fn message(run: &str, unit: &str, content: &str) -> NewMessage {
    let id = format!("{run}-{unit}");
    NewMessage {
        recipient: format!("{unit}|{unit}@gz.example"),
        address: format!("{unit}@gz.example"),
        unit: unit.into(),
        subject: "督办提醒🙂".into(),
        message_id: format!("<{id}@duban>"),
        digest_sha256: content.into(),
        bytes: bytes(&id),
        act: String::new(),
        copy_of: String::new(),
        names: BTreeSet::from([("project".to_owned(), unit.to_owned())]),
        id,
    }
}

fn batch(messages: Vec<NewMessage>, minute: u32) -> OutboxBatch {
    OutboxBatch {
        replaces_drafts: true,
        messages,
        notified: Vec::new(),
        drafts: Vec::new(),
        reasons: Vec::new(),
        notified_on: "2026-11-23".into(),
        now: at(minute),
        result: RunResult::default(),
        expires_at: "2026-11-28T00:00:00.000Z".into(),
        test: false,
    }
}

/// Commits messages for these units in a run of its own, due from minute 0 on.
pub async fn queue(store: &Store, slot: &str, units: &[&str]) -> Run {
    let run = claimed(store, slot, 0, "2026-11-23").await;
    let messages = units.iter().map(|unit| message(slot, unit, "x")).collect();
    store.outbox().commit(&run, "remind", &RunInputs::default(), &batch(messages, 0)).await.expect("committed");
    run
}

/// Commits drafts, each to a unit and of an act.
pub async fn queue_drafts(store: &Store, slot: &str, drafts: &[(&str, &str)]) {
    let run = claimed(store, slot, 0, "2026-11-23").await;
    let messages = drafts.iter().map(|(unit, act)| NewMessage { act: (*act).into(), ..message(slot, unit, "x") }).collect();
    store.outbox().commit(&run, "remind", &RunInputs::default(), &batch(messages, 0)).await.expect("committed");
}

async fn all(store: &Store) -> Vec<OutboxRow> {
    store.outbox().list(&OutboxFilter::default()).await.expect("messages")
}

async fn one(store: &Store, id: &str) -> OutboxRow {
    store.outbox().get(id).await.expect("a look").expect("the message")
}

/// Claims with a daily limit of `daily_max` mails.
async fn claims(store: &Store, run: Option<&str>, limit: i64, minute: u32, daily_max: i64) -> Claims {
    let claiming = ClaimRequest {
        run,
        limit,
        now: &at(minute),
        claimed_at: &at(minute),
        lease_until: &at(minute + 15),
        test: false,
        day: "2026-11-23",
        daily_max,
    };
    store.sending().claim(&claiming).await.expect("a claim")
}

async fn claim_some(store: &Store, run: Option<&str>, limit: i64, minute: u32) -> Vec<Claimed> {
    match claims(store, run, limit, minute, 100_000).await {
        Claims::Taken { messages, .. } => messages,
        other => panic!("{other:?}"),
    }
}

async fn claim(store: &Store, minute: u32) -> Vec<Claimed> {
    claim_some(store, None, 100, minute).await
}

async fn record(store: &Store, claimed: &Claimed, attempt: Attempt, minute: u32, next: u32) -> bool {
    let verdict = verdict(&attempt, claimed.attempts, claimed.unknowns);
    let (_, mine) = store.sending().record_outcomes(&[(claimed, &verdict, at(next))], &at(minute), "2026-11-23").await.expect("settled");
    mine == [true]
}

async fn change_state(store: &Store, ids: &[&str], from: &[DeliveryState], to: DeliveryState, minute: u32) -> usize {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let entry = AuditEntry { at: &at(minute), who: "张三", why: "试" };
    store.outbox().change_state(&ids, from, to, entry, &at(59)).await.expect("moved").len()
}

pub async fn committing_twice_adds_nothing(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let mut messages: Vec<NewMessage> = (0..30).map(|number| message("r", &format!("u{number}"), "x")).collect();
    messages[3].act = "supervise".into();
    let batch = batch(messages, 2);
    for _ in 0..2 {
        store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
        let listed = store.outbox().list(&OutboxFilter { run: Some(run.id.clone()), ..OutboxFilter::default() }).await.expect("messages");
        assert_eq!(listed.len(), 30);
        assert_eq!(
            store.outbox().count_by_state(Some(&run.id)).await.expect("counts"),
            BTreeMap::from([(DeliveryState::Pending, 29), (DeliveryState::Draft, 1)])
        );
        assert_eq!(store.outbox().count_undelivered().await.expect("a count"), 29);
    }
    let stored = store.runs().get(&run.id).await.expect("a look").expect("a run");
    assert_eq!((stored.step.as_str(), stored.result), ("remind", Some(RunResult::default())));
    assert_eq!(store.outbox().body("r-u7").await.expect("a look"), Some(bytes("r-u7")));
    assert_eq!(store.outbox().body("none").await.expect("a look"), None);
    let held = store.outbox().list(&OutboxFilter { state: Some(DeliveryState::Draft), ..OutboxFilter::default() }).await.expect("messages");
    assert_eq!((held.len(), held[0].id.as_str(), held[0].subject.as_str()), (1, "r-u3", "督办提醒🙂"));
    // one recipient, one message per run, whatever its id
    let mut same = message("r", "u7", "y");
    same.id = "other".into();
    store.outbox().commit(&run, "remind", &RunInputs::default(), &self::batch(vec![same], 3)).await.expect("committed");
    assert_eq!(all(&store).await.len(), 30);
}

pub async fn a_lost_run_notifies_nobody(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    store.runs().claim(&run.id, &at(11), &at(20)).await.expect("a claim").expect("run out");
    let notified = NewNotified { unit: "甲县".into(), findings: BTreeMap::from([(identity("A"), None)]), through: String::new() };
    let batch = OutboxBatch { notified: vec![notified], ..batch(vec![message("r", "u", "x")], 12) };
    assert!(store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.is_err());
    assert!(all(&store).await.is_empty());
    assert!(store.notified().last(false).await.expect("told").is_empty());
    assert_eq!(store.runs().get(&run.id).await.expect("a look").expect("a run").result, None);
}

pub async fn each_unit_of_a_run_has_one_reason(db: &Db) {
    let store = db.open().await;
    let reason = |unit: usize, reason| UnitReason { unit: format!("GZ-{}", 9999 - unit), name: format!("单位{unit}"), reason };
    let reasons: Vec<UnitReason> = (0..450).map(|unit| reason(unit, NotifyReason::ALL[unit % NotifyReason::ALL.len()])).collect();
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    assert!(store.notify_reasons().of_run(&run.id).await.expect("reasons").is_empty());
    let lost = Run { fence: run.fence + 1, ..run.clone() };
    let batch = OutboxBatch { reasons: reasons.clone(), ..batch(Vec::new(), 0) };
    assert!(store.outbox().commit(&lost, "remind", &RunInputs::default(), &batch).await.is_err());
    assert!(store.notify_reasons().of_run(&run.id).await.expect("reasons").is_empty(), "a lost run stores none");
    for _ in 0..2 {
        store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
        assert_eq!(store.notify_reasons().of_run(&run.id).await.expect("reasons"), reasons);
    }
    let other = claimed(&store, "slot", 1, "2026-11-23").await;
    assert!(store.notify_reasons().of_run(&other.id).await.expect("reasons").is_empty());
}

pub async fn a_superseded_mail_was_not_sent_after_all(db: &Db) {
    use NotifyReason::{HasItems, NoItems, Superseded};
    let store = db.open().await;
    let queue = async |slot: &str, units: &[&str]| -> Run {
        let run = claimed(&store, slot, 0, "2026-11-23").await;
        let reason = |unit: &&str| {
            let reason = if units.contains(unit) { HasItems } else { NoItems };
            UnitReason { unit: format!("GZ-{unit}"), name: (*unit).to_owned(), reason }
        };
        let reasons = ["waits", "held", "gone", "unclear", "other"].iter().map(reason).collect();
        let messages = units.iter().map(|unit| message(slot, unit, "x")).collect();
        store
            .outbox()
            .commit(&run, "remind", &RunInputs::default(), &OutboxBatch { reasons, ..batch(messages, 0) })
            .await
            .expect("committed");
        run
    };
    let reasons = async |run: &Run| -> Vec<NotifyReason> {
        store.notify_reasons().of_run(&run.id).await.expect("reasons").into_iter().map(|unit| unit.reason).collect()
    };
    let first = queue("2026-11-16", &["waits", "held", "gone", "unclear", "other"]).await;
    for message in claim(&store, 0).await {
        let attempt = match message.unit.as_str() {
            "gone" => Attempt::Accepted("250".into()),
            "unclear" => Attempt::Unknown("cut".into()),
            _ => Attempt::Deferred("421".into()),
        };
        record(&store, &message, attempt, 0, 30).await;
    }
    change_state(&store, &["2026-11-16-held"], &[DeliveryState::Pending], DeliveryState::OnHold, 1).await;
    assert_eq!(reasons(&first).await, [HasItems; 5]);
    let second = queue("2026-11-23", &["waits", "held", "gone", "unclear"]).await;
    assert_eq!(reasons(&first).await, [Superseded, Superseded, HasItems, HasItems, HasItems], "gone arrived, unclear may have");
    assert_eq!(reasons(&second).await, [HasItems, HasItems, HasItems, HasItems, NoItems]);
}

pub async fn last_notified_is_replaced_per_unit(db: &Db) {
    let store = db.open().await;
    let notify = async |slot: &str, notified: Vec<(&str, Findings)>| {
        let run = claimed(&store, slot, 0, "2026-11-23").await;
        let notified = notified
            .into_iter()
            .map(|(unit, notified)| NewNotified { unit: unit.into(), findings: notified.into_iter().collect(), through: String::new() })
            .collect();
        let batch = OutboxBatch { notified, ..batch(Vec::new(), 0) };
        store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
    };
    let many: Findings = (0..150).map(|number| (identity(&format!("X{number}")), Some(Light::Yellow))).collect();
    notify("s1", vec![("甲县", many.clone()), ("乙县", vec![(identity("B"), None)])]).await;
    assert_eq!(store.notified().last(false).await.expect("told")["甲县"], many.into_iter().collect());
    notify("s2", vec![("甲县", vec![(identity("A"), Some(Light::Red))])]).await;
    let notified = store.notified().last(false).await.expect("told");
    assert_eq!(notified.len(), 2);
    assert_eq!(notified["甲县"], BTreeMap::from([(identity("A"), Some(Light::Red))]));
    assert_eq!(notified["乙县"], BTreeMap::from([(identity("B"), None)]));
    assert!(store.notified().last(true).await.expect("told").is_empty());
    notify("s3", vec![("甲县", Vec::new())]).await;
    assert!(!store.notified().last(false).await.expect("told").contains_key("甲县"));
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
        store.outbox().commit(&run, "remind", &inputs, &batch(messages, 0)).await.expect("committed");
        for message in claim(&store, 0).await {
            record(&store, &message, Attempt::Accepted("250".into()), 0, 0).await;
        }
    }
    // one that was refused was no digest
    queue(&store, "2026-11-25T08:00:00", &["甲"]).await;
    let refused = claim(&store, 0).await.remove(0);
    record(&store, &refused, Attempt::Refused("550".into()), 0, 0).await;
    let mut last: Vec<(String, String)> = store
        .notified()
        .last_digests(false, "", "")
        .await
        .expect("days")
        .into_iter()
        .map(|(unit, digest)| (unit, digest.made_on.to_string()))
        .collect();
    last.sort();
    let expected = [("丙", "2026-11-16"), ("乙", "2026-11-23"), ("甲", "2026-11-23")];
    assert_eq!(last, expected.map(|(unit, day)| (unit.to_string(), day.to_string())));
    assert_eq!(store.notified().last_digests(true, "", "").await.expect("days").len(), 1);
}

pub async fn only_what_is_due_is_claimed(db: &Db) {
    let store = db.open().await;
    let first = queue(&store, "s1", &["a", "b", "c"]).await;
    let second = queue(&store, "s2", &["d"]).await;
    let next = claim_some(&store, Some(&first.id), 1, 0).await;
    assert_eq!(next.len(), 1, "no more than asked for");
    record(&store, &next[0], Attempt::Deferred("421 busy".into()), 0, 5).await;
    let ids = async |run: &Run, minute: u32| -> HashSet<String> {
        let claimed = claim_some(&store, Some(&run.id), 100, minute).await;
        claimed.into_iter().map(|message| message.id).collect()
    };
    assert_eq!(ids(&first, 4).await, ["s1-b".to_string(), "s1-c".into()].into(), "a is due in a minute, d is another run's");
    assert_eq!(ids(&first, 5).await, ["s1-a".to_string()].into());
    assert!(ids(&first, 6).await.is_empty(), "all are leased");
    assert_eq!(ids(&second, 6).await, ["s2-d".to_string()].into());
    assert_eq!(change_state(&store, &[], &[DeliveryState::Sending], DeliveryState::OnHold, 7).await, 4);
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
                    let claimed = claim_some(&store, None, 7, 0).await;
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

pub async fn an_expired_claim_is_resent_with_the_same_bytes(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a"]).await;
    let old = claim(&store, 0).await.remove(0);
    assert_eq!((old.address.as_str(), old.unit.as_str(), old.message_id.as_str()), ("a@gz.example", "a", "<slot-a@duban>"));
    assert_eq!(store.sending().begin(&[&old]).await.expect("begun"), [true]);
    assert!(claim(&store, 14).await.is_empty());
    let new = claim(&store, 16).await.remove(0);
    assert_eq!((&new.id, &new.message_id, new.size), (&old.id, &old.message_id, bytes("slot-a").len() as u64));
    assert_eq!(
        store.sending().bodies(&["slot-a", "none"]).await.expect("bodies"),
        BTreeMap::from([("slot-a".to_string(), bytes("slot-a"))])
    );
    assert_eq!((new.fence, new.attempts, new.unknowns), (old.fence + 1, 2, 1), "how the first claim ended nobody knows");
    assert!(!record(&store, &old, Attempt::Refused("550 no".into()), 17, 17).await);
    assert_eq!(one(&store, "slot-a").await.state, DeliveryState::Sending);
    assert!(record(&store, &new, Attempt::Accepted("250 ok".into()), 18, 18).await);
    assert!(!record(&store, &new, Attempt::Refused("550".into()), 19, 19).await, "settled once");
    let recorded = one(&store, "slot-a").await;
    assert_eq!((recorded.state, recorded.reply.as_str(), recorded.ended_at), (DeliveryState::Accepted, "250 ok", at(18)));
}

pub async fn every_outcome_is_recorded(db: &Db) {
    let store = db.open().await;
    let run = queue(&store, "slot", &["accepted", "channel", "later", "refused", "unknown"]).await;
    for message in claim(&store, 0).await {
        let attempt = match message.unit.as_str() {
            "accepted" => Attempt::Accepted("250".into()),
            "refused" => Attempt::Refused("550 无此用户".into()),
            "later" => Attempt::Deferred("421".into()),
            "channel" => Attempt::Channel(fault()),
            _ => Attempt::Unknown("cut after DATA".into()),
        };
        assert!(record(&store, &message, attempt, 1, 5).await);
    }
    use DeliveryState::{Accepted, Pending, Refused, Unknown};
    let counts = BTreeMap::from([(Accepted, 1), (Pending, 2), (Refused, 1), (Unknown, 1)]);
    assert_eq!(store.outbox().count_by_state(Some(&run.id)).await.expect("counts"), counts);
    assert_eq!(store.outbox().count_by_state(None).await.expect("counts"), counts);
    assert_eq!(store.outbox().count_undelivered().await.expect("a count"), 3);
    let refused = one(&store, "slot-refused").await;
    assert_eq!((refused.reply.as_str(), refused.ended_at), ("550 无此用户", at(1)));
    assert_eq!(one(&store, "slot-later").await.ended_at, "");
    assert!(claim(&store, 4).await.is_empty());
    let mut next: Vec<String> = claim(&store, 5).await.into_iter().map(|message| message.unit).collect();
    next.sort();
    assert_eq!(next, ["channel", "later", "unknown"]);
}

fn fault() -> Fault {
    Fault { kind: FaultKind::Login, phase: Phase::Login, detail: "535 no".into() }
}

pub async fn a_fault_of_the_channel_is_no_attempt(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a"]).await;
    for minute in 1..40 {
        let message = claim(&store, minute).await.remove(0);
        assert_eq!(message.attempts, 1);
        let attempt = if minute % 2 == 0 { Attempt::Channel(fault()) } else { Attempt::NotTried };
        record(&store, &message, attempt, minute, minute + 1).await;
    }
    let message = one(&store, "slot-a").await;
    assert_eq!((message.state, message.attempts, message.unknowns), (DeliveryState::Pending, 0, 0));
    assert_eq!(message.reply, "登录（AUTH）：535 no", "what kept it back stays to be read");
    assert!(store.outbox().events("slot-a").await.expect("events").is_empty());
}

pub async fn what_is_too_late_is_given_up(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["pending", "unknown", "held", "accepted", "busy"]).await;
    for message in claim(&store, 0).await {
        let attempt = match message.unit.as_str() {
            "accepted" => Attempt::Accepted("250".into()),
            "unknown" => Attempt::Unknown("cut".into()),
            "busy" => continue,
            _ => Attempt::Deferred("451 later".into()),
        };
        record(&store, &message, attempt, 0, 1).await;
    }
    change_state(&store, &["slot-held"], &[DeliveryState::Pending], DeliveryState::OnHold, 1).await;
    assert!(store.sending().expire(&at(50), &at(50)).await.expect("expired").is_empty());
    let late = "2026-11-28T00:00:00.001Z";
    assert_eq!(store.sending().expire(late, late).await.expect("expired"), ["slot-busy", "slot-pending", "slot-unknown"]);
    let dead = one(&store, "slot-pending").await;
    assert_eq!((dead.state, dead.reply.as_str(), dead.ended_at.as_str()), (DeliveryState::Dead, "451 later", late));
    assert_eq!(one(&store, "slot-unknown").await.unknowns, 1, "it is still seen that it may have arrived");
    assert_eq!(one(&store, "slot-held").await.state, DeliveryState::OnHold);
    // released by hand, it is resent with a new time limit and all its attempts
    assert_eq!(change_state(&store, &[], &[DeliveryState::Refused, DeliveryState::Dead], DeliveryState::Pending, 2).await, 3);
    assert!(store.sending().expire(&at(58), &at(58)).await.expect("expired").is_empty());
    assert_eq!(claim(&store, 2).await.len(), 3);
}

pub async fn an_unknown_end_is_repeated_a_few_times_only(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["server", "sender"]).await;
    for minute in 0..UNKNOWNS_MAX {
        for message in claim(&store, minute).await {
            store.sending().begin(&[&message]).await.expect("begun");
            if message.unit == "server" {
                record(&store, &message, Attempt::Unknown("no reply to the dot".into()), minute, minute + 1).await;
            }
        }
        assert_eq!(store.sending().end_dead_claims(&at(minute)).await.expect("taken back"), 1, "the sender of one died");
    }
    assert!(claim(&store, 59).await.is_empty());
    for unit in ["slot-server", "slot-sender"] {
        let message = one(&store, unit).await;
        assert_eq!((message.state, message.unknowns), (DeliveryState::Dead, i64::from(UNKNOWNS_MAX)), "{unit}");
        assert_eq!(store.outbox().events(unit).await.expect("events").len(), UNKNOWNS_MAX as usize);
    }
}

/// Kills and expired claims count nothing against a message that no sender had begun with.
pub async fn only_a_message_whose_sending_was_begun_counts(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["begun", "claimed"]).await;
    for round in 0..UNKNOWNS_MAX + 2 {
        let claims = claim(&store, round).await;
        assert_eq!(claims.len(), if round < UNKNOWNS_MAX { 2 } else { 1 });
        for message in &claims {
            assert_eq!(message.attempts, if message.unit == "begun" { round + 1 } else { 1 }, "{}", message.unit);
            if message.unit == "begun" {
                assert_eq!(store.sending().begin(&[message]).await.expect("begun"), [true]);
            }
        }
        let ended = store.sending().end_dead_claims(&at(round)).await.expect("taken back");
        assert_eq!(ended, u64::from(round < UNKNOWNS_MAX));
    }
    let states = [one(&store, "slot-begun").await, one(&store, "slot-claimed").await].map(|row| (row.state, row.attempts, row.unknowns));
    assert_eq!(states, [(DeliveryState::Dead, 5, 5), (DeliveryState::Pending, 0, 0)]);
    assert!(store.outbox().events("slot-claimed").await.expect("events").is_empty());
    // the same where the machine does not come back, and another takes the claims over when their leases have expired
    for round in 0..UNKNOWNS_MAX + 2 {
        let claims = claim(&store, 100 + 20 * round).await;
        assert_eq!(
            claims.iter().map(|message| (&*message.id, message.attempts, message.unknowns)).collect::<Vec<_>>(),
            [("slot-claimed", 1, 0)]
        );
        assert!(store.sending().expire(&at(100 + 20 * round + 16), &at(100 + 20 * round + 16)).await.expect("expired").is_empty());
    }
    // a claim that was taken over begins nothing
    let old = claim(&store, 300).await.remove(0);
    let new = claim(&store, 330).await.remove(0);
    assert_eq!(store.sending().begin(&[&old, &new]).await.expect("begun"), [false, true]);
    assert_eq!(claim(&store, 360).await[0].unknowns, 1);
}

pub async fn a_reply_with_a_nul_byte_is_recorded(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a"]).await;
    let message = claim(&store, 0).await.remove(0);
    assert!(record(&store, &message, Attempt::Accepted("250 ok\0".into()), 1, 1).await);
    assert_eq!(one(&store, "slot-a").await.reply, "250 ok");
}

pub async fn messages_changed_by_hand_start_anew(db: &Db) {
    use DeliveryState::{Dead, OnHold, Pending, Refused};
    let store = db.open().await;
    queue(&store, "slot", &["a", "b", "c"]).await;
    for message in claim(&store, 1).await {
        record(&store, &message, Attempt::Refused("550 无此用户".into()), 1, 1).await;
    }
    assert_eq!(store.outbox().count_by_state(None).await.expect("counts"), BTreeMap::from([(Refused, 3)]));
    assert_eq!(change_state(&store, &["slot-a", "none"], &[Refused, Dead], Pending, 40).await, 1);
    assert_eq!(change_state(&store, &["slot-a"], &[Refused, Dead], Pending, 40).await, 0, "it is no longer refused");
    let listed = one(&store, "slot-a").await;
    assert_eq!((listed.state, listed.ended_at.as_str(), listed.attempts), (Pending, "", 0));
    assert!(claim(&store, 39).await.is_empty());
    let message = claim(&store, 40).await.remove(0);
    assert_eq!((message.id.as_str(), message.attempts), ("slot-a", 1));
    record(&store, &message, Attempt::Deferred("421".into()), 40, 50).await;
    assert_eq!(change_state(&store, &[], &[Refused, Dead], Pending, 41).await, 2);
    assert_eq!(change_state(&store, &[], &[Pending], OnHold, 42).await, 3);
    assert_eq!(change_state(&store, &[], &[OnHold], Pending, 43).await, 3);
    assert_eq!(claim(&store, 43).await.len(), 3);
    let notified: Vec<(String, String)> =
        store.outbox().events("slot-a").await.expect("events").into_iter().map(|event| (event.what.code().to_owned(), event.who)).collect();
    let expected = [("refused", ""), ("released", "张三"), ("pending", ""), ("held", "张三"), ("released", "张三")];
    assert_eq!(notified, expected.map(|(what, who)| (what.to_string(), who.to_string())));
}

pub async fn a_newer_digest_replaces_an_unsent_one(db: &Db) {
    let store = db.open().await;
    queue(&store, "2026-11-16", &["waits", "gone", "unclear", "other"]).await;
    for message in claim(&store, 0).await {
        match message.unit.as_str() {
            "gone" => record(&store, &message, Attempt::Accepted("250".into()), 0, 0).await,
            "unclear" => record(&store, &message, Attempt::Unknown("cut".into()), 0, 30).await,
            _ => record(&store, &message, Attempt::Deferred("421".into()), 0, 30).await,
        };
    }
    queue(&store, "2026-11-23", &["waits", "gone", "unclear"]).await;
    let states: Vec<DeliveryState> = {
        let mut listed = store
            .outbox()
            .list(&OutboxFilter { run: Some("weekly@2026-11-16#0".into()), ..OutboxFilter::default() })
            .await
            .expect("messages");
        listed.sort_by(|a, b| a.unit.cmp(&b.unit));
        listed.into_iter().map(|message| message.state).collect()
    };
    use DeliveryState::{Accepted, Pending, Superseded};
    assert_eq!(states, [Accepted, Pending, Superseded, Superseded], "gone, other, unclear, waits");
    assert_eq!(store.outbox().events("2026-11-16-waits").await.expect("events").last().expect("one").detail, "weekly@2026-11-23#0");
    // an older slot run by hand replaces nothing
    queue(&store, "2026-11-09", &["waits"]).await;
    assert_eq!(one(&store, "2026-11-23-waits").await.state, Pending);
}

pub async fn an_undelivered_message_notifies_nobody(db: &Db) {
    let store = db.open().await;
    let notify = async |slot: &str, key: &str, test: bool| {
        let run = claimed(&store, slot, 0, "2026-11-23").await;
        let notified =
            NewNotified { unit: "甲县".into(), findings: BTreeMap::from([(identity(key), Some(Light::Red))]), through: String::new() };
        let messages = vec![NewMessage { unit: "甲县".into(), ..message(slot, "甲县", slot) }];
        let batch = OutboxBatch { notified: vec![notified], test, ..batch(messages, 0) };
        store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
    };
    let instead = async |slot: &str| -> Option<Vec<String>> {
        let notified = store.notified().instead_of_undelivered("weekly", slot).await.expect("told");
        notified.get("甲县").map(|notified| notified.keys().map(|identity| identity.key.clone()).collect())
    };
    let record_all = async |attempt: Attempt| {
        for message in claim(&store, 1).await {
            record(&store, &message, attempt.clone(), 1, 1).await;
        }
    };
    notify("s1", "A", false).await;
    record_all(Attempt::Accepted("250".into())).await;
    assert_eq!(instead("s2").await, None);
    notify("s2", "B", false).await;
    assert_eq!(instead("s3").await, Some(vec!["A".into()]), "it waits, and the next one will replace it");
    assert_eq!(instead("s2").await, None, "its own revision has a rule of its own");
    record_all(Attempt::Refused("550".into())).await;
    assert_eq!(instead("s3").await, Some(vec!["A".into()]));
    assert_eq!(store.notified().last_digests(false, "", "").await.expect("days").len(), 0, "slots without dates");
    // after two undelivered messages the findings from before the first still count
    notify("s3", "C", false).await;
    record_all(Attempt::Refused("550".into())).await;
    assert_eq!(instead("s4").await, Some(vec!["A".into()]));
    // after an unknown outcome the unit may have been notified
    notify("s4", "D", false).await;
    record_all(Attempt::Unknown("cut".into())).await;
    assert_eq!(instead("s5").await, None);
    // a message of the test mode notifies nobody
    notify("s5", "E", true).await;
    assert_eq!(store.notified().last(false).await.expect("told")["甲县"].keys().next().expect("one").key, "D");
    assert!(store.outbox().earlier_digests("weekly", "s5", 1).await.expect("said").is_empty());
}

pub async fn a_finding_finds_its_messages(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let notified = |unit: &str, keys: &[&str]| NewNotified {
        unit: unit.into(),
        findings: keys.iter().map(|key| (identity(key), Some(Light::Orange))).collect(),
        through: String::new(),
    };
    let batch = OutboxBatch {
        notified: vec![notified("a", &["GZ_1", "甲%"]), notified("b", &["gz_1", "GZX1"])],
        ..batch(vec![message("r", "a", "x"), message("r", "b", "x")], 0)
    };
    store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
    let rule = identity("GZ_1").rule;
    let found = async |key: &str| -> Vec<String> {
        let filter = OutboxFilter { finding: Some((rule.clone(), key.into())), ..OutboxFilter::default() };
        store.outbox().list(&filter).await.expect("messages").into_iter().map(|message| message.id).collect()
    };
    assert_eq!(found("GZ_1").await, ["r-a"]);
    assert_eq!(found("gz_1").await, ["r-b"]);
    assert_eq!(found("甲%").await, ["r-a"]);
    assert!(found("甲").await.is_empty() && found("%").await.is_empty());
    let row = one(&store, "r-a").await;
    assert_eq!(store.outbox().light_in(&row, &rule, "GZ_1").await.expect("told"), Some(Some(Light::Orange)));
    assert_eq!(store.outbox().light_in(&row, &rule, "GZX1").await.expect("told"), None);
    let unit = OutboxFilter { unit: Some("b".into()), ..OutboxFilter::default() };
    assert_eq!(store.outbox().list(&unit).await.expect("messages").len(), 1);

    // the same content to a corrected address
    for message in claim(&store, 1).await {
        record(&store, &message, Attempt::Refused("550".into()), 1, 1).await;
    }
    let new = NewMessage { address: "new@gz.example".into(), recipient: "a|new@gz.example".into(), ..message("r", "a-a1", "x") };
    let entry = AuditEntry { at: &at(2), who: "李四", why: "邮箱更正" };
    assert!(store.outbox().readdress("r-a", &new, entry, &at(59)).await.expect("readdressed"));
    assert!(!store.outbox().readdress("r-a", &new, entry, &at(59)).await.expect("a look"), "once");
    assert_eq!(found("GZ_1").await, ["r-a-a1", "r-a"]);
    let (old, new) = (one(&store, "r-a").await, one(&store, "r-a-a1").await);
    assert_eq!((old.state, old.reply.as_str()), (DeliveryState::Superseded, "550"));
    assert_eq!(
        (new.state, new.unit.as_str(), new.address.as_str(), new.instead_of.as_str()),
        (DeliveryState::Pending, "a", "new@gz.example", "r-a")
    );
    assert_eq!(store.outbox().light_in(&new, &rule, "GZ_1").await.expect("told"), Some(Some(Light::Orange)));
}

pub async fn all_sending_can_be_held(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a", "b"]).await;
    let entry = AuditEntry { at: &at(0), who: "张三", why: "地址有误" };
    assert!(store.sending().hold(HoldReason::Person, entry).await.expect("held"));
    assert!(!store.sending().hold(HoldReason::Restored, entry).await.expect("a look"), "the first reason stays");
    let before = store.sending().state("2026-11-23").await.expect("a state");
    match claims(&store, None, 10, 1, 100).await {
        Claims::Held(hold) => assert_eq!((hold.reason, hold.by.as_str(), hold.why.as_str()), (HoldReason::Person, "张三", "地址有误")),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.sending().state("2026-11-23").await.expect("a state").counter, before.counter, "nothing was taken");
    let counter = store.sending().release(1000, "2026-11-23", 0, "person", AuditEntry { at: &at(2), ..entry }).await.expect("released");
    assert_eq!(counter, 1001, "past the file");
    match claims(&store, None, 10, 2, 100).await {
        Claims::Taken { messages, counter } => assert_eq!((messages.len(), counter), (2, 1002)),
        other => panic!("{other:?}"),
    }
    // what is claimed already and not sent yet is asked about once more
    assert!(!store.sending().must_stop().await.expect("a look"));
    let raw = db.raw().await;
    for (change, must_stop) in [
        ("UPDATE outbox SET checked=-1", true),
        // the claims of another machine, even of one that never comes back, stop nobody else
        ("UPDATE outbox SET holder='another'", false),
    ] {
        sqlx::query(change).execute(&raw).await.expect("changed");
        assert_eq!(store.sending().must_stop().await.expect("a look"), must_stop, "{change}");
    }
    raw.close().await;
    let entry = AuditEntry { at: &at(3), ..entry };
    assert!(store.sending().hold(HoldReason::Person, entry).await.expect("held"));
    assert!(store.sending().must_stop().await.expect("a look"), "a person has stopped all sending");
}

pub async fn the_daily_limit_counts_what_was_sent(db: &Db) {
    let store = db.open().await;
    queue(&store, "slot", &["a", "b", "c", "d", "e", "f"]).await;
    let take = async |limit: i64, minute: u32| match claims(&store, None, limit, minute, 3).await {
        Claims::Taken { messages, .. } => Ok(messages),
        Claims::DailyLimitReached { sent, allowed } => Err((sent, allowed)),
        Claims::Held(hold) => panic!("{hold:?}"),
    };
    let first = take(100, 0).await.expect("three");
    assert_eq!(first.len(), 3, "no more than the day may bring");
    assert_eq!(take(100, 0).await.expect_err("the rest waits").1, 3, "what is under way counts");
    record(&store, &first[0], Attempt::Accepted("250".into()), 1, 1).await;
    record(&store, &first[1], Attempt::Unknown("cut".into()), 1, 59).await;
    record(&store, &first[2], Attempt::Refused("550".into()), 1, 1).await;
    let second = take(100, 2).await.expect("a refusal brought no mail");
    assert_eq!(second.len(), 1);
    record(&store, &second[0], Attempt::Accepted("250".into()), 2, 2).await;
    assert_eq!(take(100, 3).await.expect_err("blown"), (3, 3));
    store.sending().release(0, "2026-11-23", 3, "fuse", AuditEntry { at: &at(3), who: "张三", why: "试" }).await.expect("released");
    assert_eq!(take(100, 3).await.expect("released").len(), 2);
    assert_eq!(store.sending().state("2026-11-24").await.expect("a state").sent, 0, "the next day begins anew");
}

pub async fn earlier_digests_are_those_of_the_last_revision_with_one(db: &Db) {
    let store = db.open().await;
    for (revision, earlier) in [(0, vec![("a", "a0"), ("b", "b0")]), (1, vec![("a", "a1")]), (2, vec![("b", "b2")])] {
        let run = claimed(&store, "slot", revision, "2026-11-23").await;
        let messages = earlier.into_iter().map(|(unit, content)| message(&run.id, unit, content)).collect();
        store.outbox().commit(&run, "remind", &RunInputs::default(), &batch(messages, 0)).await.expect("committed");
    }
    queue(&store, "other", &["a"]).await;
    let earlier = async |revision: i64| -> Vec<String> {
        store.outbox().earlier_digests("weekly", "slot", revision).await.expect("said").into_values().collect()
    };
    assert!(earlier(0).await.is_empty());
    assert_eq!(earlier(1).await, ["a0", "b0"]);
    assert_eq!(earlier(2).await, ["a1", "b0"]);
    assert_eq!(earlier(3).await, ["a1", "b2"]);
    assert!(store.outbox().earlier_digests("monthly", "slot", 3).await.expect("said").is_empty());
}
