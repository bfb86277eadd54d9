//! The audit: a chain of lines that shows what was changed, removed or cut off, on both databases.

use super::audited_rows::refuse;
use super::{Db, outbox};
use chrono::{DateTime, Utc};
use duban::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use duban::store::audit::{AuditEntry, AuditHead};
use duban::store::audit_check::{AuditBreak, AuditVerdict};
use duban::store::handle::Store;
use sqlx::{AnyPool, AssertSqlSafe};

async fn record(store: &Store, at: &str, object: &str) {
    store.audit().record(at, "张三", "test", object, "核对").await.expect("a line");
}

/// The time of every check: some minutes after the lines.
fn now() -> DateTime<Utc> {
    "2026-11-23T00:05:00Z".parse().expect("a time")
}

async fn seal(store: &Store) -> AuditHead {
    store.audit().seal(now()).await.expect("sealed").expect("a head")
}

async fn verify(store: &Store, known: Option<&AuditHead>) -> AuditVerdict {
    store.audit().verify(known, now()).await.expect("a verdict")
}

/// A store with this many sealed lines.
async fn sealed(db: &Db, lines: usize) -> (Store, AuditHead) {
    let store = db.open().await;
    for line in 1..=lines {
        record(&store, &format!("2026-11-23T00:00:{line:02}.000Z"), &line.to_string()).await;
    }
    let head = seal(&store).await;
    (store, head)
}

async fn broken(store: &Store, known: Option<&AuditHead>) -> Option<AuditBreak> {
    verify(store, known).await.broken
}

async fn tamper(raw: &AnyPool, statement: &str) {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(raw).await.expect("tampered");
    assert!(done.rows_affected() > 0, "{statement}");
}

pub async fn a_whole_chain_is_whole(db: &Db) {
    let store = db.open().await;
    assert_eq!(seal(&store).await, AuditHead::default());
    assert_eq!(broken(&store, None).await, None);
    let (store, head) = sealed(db, 3).await;
    record(&store, "2026-11-23T00:01:00.000Z", "4").await;
    let verdict = verify(&store, Some(&head)).await;
    assert_eq!((verdict.broken, verdict.head.no, verdict.unsealed), (None, 3, 1), "the tail is not sealed yet");
    assert_eq!(seal(&store).await.no, 4);
    let verdict = verify(&store, Some(&head)).await;
    assert_eq!((verdict.broken, verdict.head.no, verdict.unsealed), (None, 4, 0));
    let lines = store.audit().list(None).await.expect("lines");
    let shown: Vec<(i64, &str)> = lines.iter().map(|line| (line.no, line.object.as_str())).collect();
    assert_eq!(shown, [(1, "1"), (2, "2"), (3, "3"), (4, "4")]);
    assert!(lines.iter().all(|line| line.who == "张三" && line.os_user.contains('(') && line.hash.len() == 64), "{lines:?}");
    assert_eq!(store.audit().list(Some(1)).await.expect("lines")[0].object, "4");
}

pub async fn changed_and_missing_lines_are_found(db: &Db) {
    let (store, head) = sealed(db, 5).await;
    let raw = db.raw().await;
    for (column, value) in [("who", "李四"), ("os_user", "x"), ("what", "x"), ("object", "x"), ("reason", "x"), ("at", "x"), ("hash", "x")]
    {
        let before: String =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT {column} FROM audit WHERE no=3"))).fetch_one(&raw).await.expect("a value");
        tamper(&raw, &format!("UPDATE audit SET {column}='{value}' WHERE no=3")).await;
        match broken(&store, None).await {
            Some(AuditBreak::Changed(line)) => assert_eq!(line.no, 3, "{column}"),
            other => panic!("{column}: {other:?}"),
        }
        tamper(&raw, &format!("UPDATE audit SET {column}='{before}' WHERE no=3")).await;
        assert_eq!(broken(&store, Some(&head)).await, None, "{column}");
    }
    tamper(&raw, "UPDATE audit_chain SET hash='x'").await;
    assert_eq!(broken(&store, None).await, Some(AuditBreak::OtherHead(5)));
    tamper(&raw, &format!("UPDATE audit_chain SET hash='{}'", head.hash)).await;
    assert_eq!(broken(&store, None).await, None);
    tamper(&raw, "DELETE FROM audit WHERE no=2").await;
    assert_eq!(broken(&store, None).await, Some(AuditBreak::Missing(2)));
    tamper(&raw, "DELETE FROM audit WHERE no=1").await;
    assert_eq!(broken(&store, None).await, Some(AuditBreak::Missing(1)));
    raw.close().await;
}

pub async fn a_tail_cut_off_is_found_by_the_head_elsewhere(db: &Db) {
    let (store, head) = sealed(db, 5).await;
    let raw = db.raw().await;
    tamper(&raw, "DELETE FROM audit WHERE no>3").await;
    assert_eq!(broken(&store, None).await, Some(AuditBreak::CutOff { after: 3, head: 5 }), "the database has the head too");
    let third: String = sqlx::query_scalar("SELECT hash FROM audit WHERE no=3").fetch_one(&raw).await.expect("a hash");
    tamper(&raw, &format!("UPDATE audit_chain SET no=3, hash='{third}'")).await;
    assert_eq!(broken(&store, None).await, None, "whoever changes both is not found in the database");
    assert_eq!(broken(&store, Some(&head)).await, Some(AuditBreak::CutOff { after: 3, head: 5 }));
    assert!(!store.audit().contains(&head).await.expect("a look"));
    // other lines in place of those cut off
    for line in ["x", "y"] {
        record(&store, "2026-11-23T00:02:00.000Z", line).await;
    }
    seal(&store).await;
    assert_eq!(broken(&store, None).await, None);
    match broken(&store, Some(&head)).await {
        Some(AuditBreak::Changed(line)) => assert_eq!(line.no, 5),
        other => panic!("{other:?}"),
    }
    tamper(&raw, "DELETE FROM audit").await;
    assert_eq!(broken(&store, Some(&head)).await, Some(AuditBreak::CutOff { after: 0, head: 5 }));
    raw.close().await;
}

pub async fn several_instances_seal_one_chain(db: &Db) {
    let mut writing = tokio::task::JoinSet::new();
    for instance in 0..3 {
        let store = db.open().await;
        writing.spawn(async move {
            for line in 0..15 {
                record(&store, "2026-11-23T00:00:00.000Z", &format!("{instance}/{line}")).await;
                if line % 4 == instance {
                    seal(&store).await;
                }
            }
        });
    }
    while let Some(written) = writing.join_next().await {
        written.expect("a task");
    }
    let store = db.open().await;
    let head = seal(&store).await;
    assert_eq!(head.no, 45);
    let verdict = verify(&store, Some(&head)).await;
    assert_eq!((verdict.broken, verdict.head, verdict.unsealed), (None, head, 0));
}

pub async fn old_lines_leave_a_link(db: &Db) {
    let (store, head) = sealed(db, 5).await;
    record(&store, "2026-11-23T00:00:02.500Z", "not sealed").await;
    let entry = AuditEntry { at: "2026-11-23T00:00:06.000Z", who: "张三", why: "到期" };
    let raw = db.raw().await;
    refuse(db, &raw, "INSERT ON audit").await;
    assert!(store.audit().prune("2026-11-23T00:00:03", entry).await.is_err());
    assert_eq!(verify(&store, Some(&head)).await.broken, None, "without the line that names who had them removed, none is");
    let drop = if db.is_postgres() { "DROP TRIGGER refused ON audit" } else { "DROP TRIGGER refused" };
    sqlx::query(drop).execute(&raw).await.expect("dropped");
    assert_eq!(store.audit().prune("2026-11-23T00:00:03", entry).await.expect("pruned"), 2);
    let verdict = verify(&store, Some(&head)).await;
    assert_eq!((verdict.broken, verdict.pruned, verdict.head.no, verdict.unsealed), (None, 2, 5, 2));
    assert!(store.audit().contains(&head).await.expect("a look"));
    assert_eq!(store.audit().prune("2025", entry).await.expect("nothing"), 0);
    assert_eq!(verify(&store, None).await.unsealed, 2, "where nothing was removed there is no line");
    tamper(&raw, "DELETE FROM audit WHERE what='audit pruned'").await;
    assert_eq!(broken(&store, Some(&head)).await, Some(AuditBreak::Missing(2)), "lines are gone, and nobody had them removed");
    tamper(&raw, "DELETE FROM audit WHERE no=3").await;
    assert_eq!(broken(&store, None).await, Some(AuditBreak::Missing(3)), "the link shows what was removed too early");
    raw.close().await;
}

pub async fn what_persons_did_to_messages_is_compared(db: &Db) {
    let store = db.open().await;
    outbox::queue(&store, "slot", &["a", "b"]).await;
    let entry = AuditEntry { at: "2026-11-23T00:00:01.000Z", who: "张三", why: "地址有误" };
    let queued = DeliveryState::all_that(DeliveryState::is_queued);
    let held = store.outbox().change_state(&[], &queued, DeliveryState::OnHold, entry, "2027").await.expect("held");
    assert_eq!(held.len(), 2);
    let head = seal(&store).await;
    assert_eq!((head.no, broken(&store, Some(&head)).await), (4, None), "a line for each message, behind those of the run");
    let events = store.outbox().events(&held[1]).await.expect("events");
    assert_eq!((events[0].who.as_str(), events[0].os_user.contains('(')), ("张三", true));
    let raw = db.raw().await;
    let found = AuditBreak::Event { message: held[1].clone(), no: 1 };
    for (column, value, before) in [("who", "李四", "张三"), ("detail", "x", "地址有误"), ("who", "", "张三"), ("what", "released", "held")]
    {
        let of = format!("WHERE message='{}' AND no=1", held[1]);
        tamper(&raw, &format!("UPDATE outbox_event SET {column}='{value}' {of}")).await;
        assert_eq!(broken(&store, Some(&head)).await, Some(found.clone()), "{column}");
        tamper(&raw, &format!("UPDATE outbox_event SET {column}='{before}' {of}")).await;
        assert_eq!(broken(&store, Some(&head)).await, None, "{column}");
    }
    tamper(&raw, &format!("DELETE FROM outbox_event WHERE message='{}'", held[1])).await;
    assert_eq!(broken(&store, Some(&head)).await, Some(found));
    raw.close().await;
}

pub async fn a_draft_may_need_two_persons(db: &Db) {
    let store = db.open().await;
    outbox::queue_drafts(&store, "slot", &[("a", "circulate"), ("b", "supervise")]).await;
    let drafts: Vec<String> = store.outbox().list(&Default::default()).await.expect("drafts").into_iter().map(|draft| draft.id).collect();
    let decide = async |who: &str, to: DeliveryState| {
        let entry = AuditEntry { at: "2026-11-23T00:00:01.000Z", who, why: "已核实" };
        store.outbox().decide_drafts(&drafts, to, &Default::default(), &["circulate", "interview"], entry, "2027").await.expect("decided")
    };
    let states = async || {
        let rows = store.outbox().list(&Default::default()).await.expect("drafts");
        rows.into_iter().map(|draft| draft.state).collect::<Vec<_>>()
    };
    let first = decide("张三", DeliveryState::Pending).await;
    assert_eq!((first.decided.len(), first.approved.len(), first.same_person.len()), (1, 1, 0), "one act needs two persons");
    assert_eq!(states().await, [DeliveryState::Draft, DeliveryState::Pending]);
    let same = decide("张 三", DeliveryState::Pending).await;
    assert_eq!(
        (same.decided.len(), same.approved.len(), same.same_person.len()),
        (0, 0, 1),
        "written in another way he is the same person"
    );
    assert_eq!(states().await, [DeliveryState::Draft, DeliveryState::Pending]);
    let second = decide("李四", DeliveryState::Pending).await;
    assert_eq!((second.decided.len(), second.approved.len(), second.same_person.len()), (1, 0, 0));
    assert_eq!(states().await, [DeliveryState::Pending, DeliveryState::Pending]);
    let events: Vec<_> =
        store.outbox().events(&drafts[0]).await.expect("events").into_iter().map(|event| (event.what, event.who)).collect();
    assert_eq!(events, [(DeliveryEvent::Approved, "张三".into()), (DeliveryEvent::Released, "李四".into())]);
    let late = decide("王五", DeliveryState::Rejected).await;
    assert_eq!(late, Default::default(), "it is no draft any more");
    let refused = store.audit().list(None).await.expect("lines").into_iter().filter(|line| line.what.starts_with("refused")).count();
    assert_eq!(refused, 5, "the same person twice, four orders on what was no draft any more");
}

pub async fn a_change_is_recorded_once(db: &Db) {
    let store = db.open().await;
    for reason in ["a", "a", "b", "b", "a"] {
        store.audit().record_change("2026-11-23T00:00:00.000Z", "duban", "plain", "mail.smtp", reason).await.expect("a line");
    }
    let reasons: Vec<String> = store.audit().list(None).await.expect("lines").into_iter().map(|line| line.reason).collect();
    assert_eq!(reasons, ["a", "b", "a"]);
    assert_eq!(store.audit().objects_of("plain").await.expect("objects"), ["mail.smtp"]);
}

pub async fn an_emptied_audit_is_broken_at_its_first_line(db: &Db) {
    let (store, head) = sealed(db, 3).await;
    let raw = db.raw().await;
    tamper(&raw, "DELETE FROM audit").await;
    assert_eq!(broken(&store, None).await, Some(AuditBreak::CutOff { after: 0, head: 3 }));
    tamper(&raw, "UPDATE audit_chain SET no=0, hash=''").await;
    assert_eq!(broken(&store, Some(&head)).await, Some(AuditBreak::CutOff { after: 0, head: 3 }));
    tamper(&raw, "DELETE FROM audit_chain").await;
    for known in [None, Some(&head)] {
        assert_eq!(broken(&store, known).await, Some(AuditBreak::NoHead));
    }
    // nothing else fails for it
    record(&store, "2026-11-23T00:01:00.000Z", "later").await;
    assert_eq!(store.audit().seal(now()).await.expect("no error"), None);
    assert!(!store.audit().contains(&head).await.expect("a look"));
    // a person accepts it, and it is shown for ever
    let entry = AuditEntry { at: "2026-11-23T00:01:01.000Z", who: "张三", why: "误删" };
    assert!(store.audit().accept_head("here/var/audit.head", "第1条起被删", entry).await.expect("accepted"));
    let head = seal(&store).await;
    let verdict = verify(&store, Some(&head)).await;
    assert_eq!((verdict.broken, head.no), (None, 2));
    let shown: Vec<(&str, &str)> = verdict.accepted.iter().map(|line| (line.who.as_str(), line.reason.as_str())).collect();
    assert_eq!(shown, [("张三", "误删（第1条起被删）")]);
    // what is broken inside is accepted by nobody
    tamper(&raw, "UPDATE audit SET who='x' WHERE no=1").await;
    assert!(!store.audit().accept_head("here/var/audit.head", "x", entry).await.expect("refused"));
    raw.close().await;
}

pub async fn a_line_dated_back_is_found(db: &Db) {
    let (store, head) = sealed(db, 3).await;
    let raw = db.raw().await;
    let columns = "(id, at, who, os_user, what, object, reason, row_key, row_hash, no, hash)";
    let planted = |id: &str, at: &str, no: i64, hash: &str| {
        format!("INSERT INTO audit {columns} VALUES ('{id}', '{at}', '张三', 'x(1)', 'export', 'project', '', '', '', {no}, '{hash}')")
    };
    let (long_before, just_now) = ("2026-11-22T23:00:00.000Z", "2026-11-22T23:59:59.000Z");
    for (line, id) in [
        (planted(&format!("{long_before} 0000000000 aa"), long_before, 0, ""), "2026-11-22T23:00"),
        (planted("0", just_now, 0, ""), "0"),
        (planted(&format!("{just_now} 0000000000 ab"), just_now, 0, "ab"), just_now),
        (planted(&format!("{just_now} 0000000000 ac"), just_now, -1, ""), just_now),
        (planted("x 1", "x", 0, ""), "x"),
    ] {
        tamper(&raw, &line).await;
        // a beat does not take it for one of ours
        for _ in 0..2 {
            match broken(&store, Some(&head)).await {
                Some(AuditBreak::DatedBack(found)) => assert!(found.id.starts_with(id), "{found:?}"),
                other => panic!("{line}: {other:?}"),
            }
            if line.contains("'', 0, '')") {
                assert_eq!(seal(&store).await, head, "{line}");
            }
        }
        tamper(&raw, "DELETE FROM audit WHERE no<=0").await;
    }
    // two processes may commit in another order than they began, and the clock may have been set back
    record(&store, just_now, "a slow act").await;
    assert_eq!(broken(&store, Some(&head)).await, None);
    assert_eq!(seal(&store).await.no, 4);
    record(&store, "2027-01-01T00:00:00.000Z", "by a clock that is wrong").await;
    assert_eq!(seal(&store).await.no, 5);
    record(&store, "2026-11-23T00:04:00.000Z", "by a clock that is right").await;
    assert_eq!(broken(&store, None).await, None);
    assert_eq!(seal(&store).await.no, 6);
    assert_eq!(broken(&store, None).await, None);
    raw.close().await;
}

/// A state that no decision has led to.
pub async fn a_state_changed_by_hand_is_found(db: &Db) {
    let store = db.open().await;
    // a newer run would replace the drafts
    outbox::queue(&store, "slot2", &["e", "f"]).await;
    outbox::queue_drafts(&store, "slot", &[("a", "circulate"), ("b", "supervise"), ("c", "supervise"), ("d", "supervise")]).await;
    let all = store.outbox().list(&Default::default()).await.expect("messages");
    let id = |ends: &str| all.iter().find(|row| row.id.ends_with(ends)).unwrap_or_else(|| panic!("{ends} in {all:?}")).id.clone();
    let entry = AuditEntry { at: "2026-11-23T00:00:01.000Z", who: "张三", why: "已核实" };
    let [released, rejected, draft] = ["a", "b", "c"].map(id);
    let [held, pending] = ["e", "f"].map(id);
    let outbox = store.outbox();
    outbox
        .decide_drafts(std::slice::from_ref(&released), DeliveryState::Pending, &Default::default(), &[], entry, "2027")
        .await
        .expect("released");
    outbox
        .decide_drafts(std::slice::from_ref(&rejected), DeliveryState::Rejected, &Default::default(), &[], entry, "2027")
        .await
        .expect("rejected");
    let queued = DeliveryState::all_that(DeliveryState::is_queued);
    outbox.change_state(std::slice::from_ref(&held), &queued, DeliveryState::OnHold, entry, "2027").await.expect("held");
    assert_eq!(broken(&store, None).await, None);
    let raw = db.raw().await;
    for (id, state, before) in [
        (&draft, "pending", "draft"),
        (&draft, "accepted", "draft"),
        (&draft, "rejected", "draft"),
        (&released, "draft", "pending"),
        (&rejected, "pending", "rejected"),
        (&held, "pending", "held"),
        (&pending, "held", "pending"),
        (&pending, "superseded", "pending"),
        (&pending, "nonsense", "pending"),
    ] {
        tamper(&raw, &format!("UPDATE outbox SET state='{state}' WHERE id='{id}' AND state='{before}'")).await;
        assert_eq!(broken(&store, None).await, Some(AuditBreak::State { message: id.clone(), state: state.into() }), "{before}");
        tamper(&raw, &format!("UPDATE outbox SET state='{before}' WHERE id='{id}'")).await;
    }
    for state in ["sending", "accepted", "refused", "unknown", "dead"] {
        tamper(&raw, &format!("UPDATE outbox SET state='{state}' WHERE id='{pending}'")).await;
        assert_eq!(broken(&store, None).await, None, "{state}");
    }
    raw.close().await;
}
