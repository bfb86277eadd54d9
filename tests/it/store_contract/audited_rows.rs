//! Acts and their lines in the audit: both or none happen, and rows that somebody changes past the program are found.

use super::snapshots::{Take, row};
use super::{Db, outbox};
use chrono::{DateTime, Utc};
use duban::domain::intake::code_marks::CodeMarks;
use duban::domain::notify::delivery::DeliveryState;
use duban::domain::notify::feedback::Answer;
use duban::domain::register::codes::Codes;
use duban::domain::secrecy::HeaderDecision;
use duban::store::accounts::NewPassword;
use duban::store::audit::AuditEntry;
use duban::store::audit_check::AuditBreak;
use duban::store::feedback::HandedIn;
use duban::store::gone::GoneConfirmation;
use duban::store::handle::Store;
use duban::store::reports::{ReportFile, ReportKey, ReportKind};
use duban::store::restrictions::{FileMarks, Lifting};
use duban::store::sending::HoldReason;
use duban::store::snapshots::SnapshotState;
use sqlx::{AnyPool, AssertSqlSafe};
use std::collections::{BTreeMap, BTreeSet};

const AT: &str = "2026-11-23T00:00:01.000Z";
const ENTRY: AuditEntry<'_> = AuditEntry { at: AT, who: "张三", why: "核对无误" };

fn now() -> DateTime<Utc> {
    "2026-11-23T00:05:00Z".parse().expect("a time")
}

async fn broken(store: &Store) -> Option<AuditBreak> {
    store.audit().verify(None, now()).await.expect("a verdict").broken
}

async fn tamper(raw: &AnyPool, statement: &str) {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(raw).await.expect("tampered");
    assert!(done.rows_affected() > 0, "{statement}");
}

fn answer(code: &str) -> Answer {
    Answer {
        acts: Vec::new(),
        ledger: "project".into(),
        code: code.into(),
        unit: "522725".into(),
        who: "李四".into(),
        filled_on: "2026-11-20".parse().expect("a day"),
        as_of: "2026-09-30".parse().expect("a day"),
        on_behalf: String::new(),
        verdict: "属实".into(),
        remark: String::new(),
        values: BTreeMap::new(),
        proposals: Vec::new(),
    }
}

async fn hand_in(store: &Store, at: &str, answers: &[Answer]) -> duban::store::database::Result<()> {
    let form = HandedIn { file: "反馈表.xlsx", sha256: "ab", received_at: at, sender: "duban(990)", who: "张三", why: "" };
    store.feedback().add(&form, answers).await
}

async fn mark(store: &Store, codes: &[&str]) {
    let (mut found, stated_open) = (CodeMarks::default(), Codes::default());
    for code in codes {
        found.add(code, "名", "是", "").expect("a mark");
    }
    let of_file = FileMarks { found: &found, stated_open: &stated_open, in_force: true, file_sha256: "cd", sample: false, at: AT };
    store.restrictions().restrict_known("project", "a", of_file).await.expect("marked");
}

fn gone(code: &str) -> GoneConfirmation {
    let [ledger, source] = ["project", "a"].map(str::to_owned);
    let [confirmed_at, who, reason] = [AT, "张三", "撤销"].map(str::to_owned);
    GoneConfirmation { ledger, source, code: code.to_owned(), seen_seq: 1, confirmed_at, who, reason }
}

/// A store in which each kind of act was done, some of them twice.
async fn after_all_acts(db: &Db) -> Store {
    let store = db.open().await;
    Take { rows: &[row("A", "甲", 1), row("B", "乙", 2)], ..Take::default() }.into(&store).await;
    for seq in [2, 3, 4] {
        let name = format!("甲{seq}");
        Take { rows: &[row("A", &name, 1), row("B", "乙", 2)], state: SnapshotState::Held, ..Take::default() }.into(&store).await;
    }
    store.snapshots().decide_held("project", "a", 2, SnapshotState::InForce, ENTRY).await.expect("released");
    store.snapshots().decide_held("project", "a", 3, SnapshotState::Discarded, ENTRY).await.expect("discarded");
    mark(&store, &["A", "B"]).await;
    store.restrictions().lift(Lifting::Codes(&["A".into()]), ENTRY).await.expect("lifted");
    store.restrictions().decide_header("a", "是否公开发布", HeaderDecision::Ignored, |_| false, ENTRY).await.expect("decided");
    store.keys().make("form", b"one", AT).await.expect("a key");
    store.keys().rotate("form", b"two", ENTRY).await.expect("a key");
    store.keys().revoke(1, ENTRY).await.expect("revoked");
    hand_in(&store, AT, &[answer("A"), answer("B")]).await.expect("answers");
    hand_in(&store, "2026-11-23T00:00:02.000Z", &[]).await.expect("a form without answers");
    store.feedback().withdraw(1, "duban(990)", ENTRY).await.expect("withdrawn");
    store.gone().confirm(&gone("C")).await.expect("confirmed");
    store.sending().hold(HoldReason::Person, ENTRY).await.expect("held");
    store.sending().release(0, "2026-11-23", 0, "person", ENTRY).await.expect("released");
    store.sending().hold(HoldReason::Person, ENTRY).await.expect("held");
    let password = NewPassword { hash: "$argon2id$one", must_change: true };
    store.accounts().add("Zhang", "522725", "reader,clerk", password, ENTRY).await.expect("added");
    store.accounts().set_password("Zhang", NewPassword { hash: "$argon2id$two", must_change: false }, ENTRY).await.expect("set");
    store.accounts().begin_totp("Zhang", "cd", AT).await.expect("a secret");
    store.accounts().confirm_totp("Zhang", "cd", 7, &["ef".to_owned()], ENTRY).await.expect("confirmed");
    store.accounts().add("Li", "office", "reader", password, ENTRY).await.expect("added");
    store.accounts().end("Li", ENTRY).await.expect("ended");
    // a newer run would replace the drafts
    let run = outbox::queue(&store, "slot00", &["z", "w"]).await;
    outbox::queue_drafts(&store, "slot0", &[("x", "circulate"), ("y", "supervise")]).await;
    let key = ReportKey { template: "list".into(), kind: ReportKind::Workbook, unit: String::new() };
    let names = BTreeSet::from([("project".to_owned(), "A".to_owned())]);
    let file = ReportFile { key, path: "var/reports/a.xlsx".into(), sha256: "ab".into(), bytes: 1, names };
    store.reports().add(&run, "reports/job/2026-09-30", &[file], AT).await.expect("reports");
    store
}

pub async fn rows_changed_by_hand_are_found(db: &Db) {
    let store = after_all_acts(db).await;
    assert_eq!(broken(&store).await, None, "unsealed");
    store.audit().seal(now()).await.expect("sealed");
    assert_eq!(broken(&store).await, None, "sealed");
    let raw = db.raw().await;
    const OPEN: i64 = i64::MAX;
    for copy in [
        "CREATE TABLE copied_w AS SELECT body FROM named_records WHERE object='slot00-w'",
        "CREATE TABLE copied_sums AS SELECT id, bytes_sha256 FROM outbox",
    ] {
        sqlx::query(AssertSqlSafe(copy)).execute(&raw).await.expect("a copy");
    }
    for (change, undo, key) in [
        (
            format!("UPDATE restriction SET lifted=3, lifted_by='张三' WHERE code='B' AND lifted={OPEN}"),
            format!("UPDATE restriction SET lifted={OPEN}, lifted_by='' WHERE code='B'"),
            "marks 3",
        ),
        (
            format!("UPDATE restriction SET lifted={OPEN} WHERE code='A'"),
            "UPDATE restriction SET lifted=3 WHERE code='A'".into(),
            "marks 3",
        ),
        (
            "UPDATE restriction SET lift_reason='x' WHERE code='A'".into(),
            "UPDATE restriction SET lift_reason='核对无误' WHERE code='A'".into(),
            "marks 3",
        ),
        (
            format!("UPDATE restriction SET ended=9 WHERE code='B' AND ended={OPEN}"),
            format!("UPDATE restriction SET ended={OPEN} WHERE code='B'"),
            "marks 9",
        ),
        ("UPDATE restriction SET code='Z' WHERE code='B'".into(), "UPDATE restriction SET code='B' WHERE code='Z'".into(), "marks 2"),
        ("UPDATE restriction SET cell='否' WHERE code='B'".into(), "UPDATE restriction SET cell='是' WHERE code='B'".into(), "marks 2"),
        (
            "UPDATE restriction SET since='x' WHERE code='B'".into(),
            format!("UPDATE restriction SET since='{AT}' WHERE code='B'"),
            "marks 2",
        ),
        (
            "UPDATE restriction SET lifted_at='x' WHERE code='A'".into(),
            format!("UPDATE restriction SET lifted_at='{AT}' WHERE code='A'"),
            "marks 3",
        ),
        (
            "UPDATE restriction_position SET position=position-2".into(),
            "UPDATE restriction_position SET position=position+2".into(),
            "marks position",
        ),
        (
            "UPDATE secrecy_header SET decision='opens'".into(),
            "UPDATE secrecy_header SET decision='ignored'".into(),
            "header a 是否公开发布",
        ),
        ("UPDATE secret_key SET revoked_at='' WHERE id=1".into(), format!("UPDATE secret_key SET revoked_at='{AT}' WHERE id=1"), "key 1"),
        ("UPDATE secret_key SET valid_until='' WHERE id=1".into(), format!("UPDATE secret_key SET valid_until='{AT}' WHERE id=1"), "key 1"),
        (
            "INSERT INTO secret_key SELECT 7, purpose, secret, valid_from, valid_until, revoked_at FROM secret_key WHERE id=2".into(),
            "DELETE FROM secret_key WHERE id=7".into(),
            "key 7",
        ),
        (
            "INSERT INTO feedback SELECT 9, ledger, code, unit, received_at, form, sender, body, 2 FROM feedback WHERE no=2".into(),
            "DELETE FROM feedback WHERE no=9".into(),
            "withdrawal 9",
        ),
        (
            "INSERT INTO feedback SELECT 9, ledger, code, unit, received_at, form, sender, body, 0 FROM feedback WHERE no=2".into(),
            "DELETE FROM feedback WHERE no=9".into(),
            &format!("answers {AT} ab"),
        ),
        (
            "UPDATE feedback SET body='{}' || body WHERE no=2".into(),
            "UPDATE feedback SET body=substr(body, 3) WHERE no=2".into(),
            &format!("answers {AT} ab"),
        ),
        ("UPDATE feedback SET withdraws=2 WHERE no=3".into(), "UPDATE feedback SET withdraws=1 WHERE no=3".into(), "withdrawal 3"),
        ("UPDATE gone_confirmed SET who='x'".into(), "UPDATE gone_confirmed SET who='张三'".into(), "gone project/a/C/1"),
        ("UPDATE gone_confirmed SET code='D'".into(), "UPDATE gone_confirmed SET code='C'".into(), "gone project/a/D/1"),
        (
            "UPDATE snapshot SET state='in-force', reason='' WHERE seq=4".into(),
            "UPDATE snapshot SET state='held', reason='原因' WHERE seq=4".into(),
            "snapshot project/a/4",
        ),
        (
            "UPDATE snapshot SET covers_on='2027-01-01' WHERE seq=1".into(),
            "UPDATE snapshot SET covers_on=(SELECT covers_on FROM snapshot WHERE seq=2) WHERE seq=1".into(),
            "snapshot project/a/1",
        ),
        (
            "INSERT INTO snapshot SELECT ledger, 'b', seq, state, covers_on, day_stated, taken_at, checked_at, sample, row_count, amount, notes_hash, \
             file_sha256, origin, accounts, reason FROM snapshot WHERE seq=1"
                .into(),
            "DELETE FROM snapshot WHERE source='b'".into(),
            "snapshot project/b/1",
        ),
        (
            "UPDATE account SET roles='admin' WHERE id='zhang'".into(),
            "UPDATE account SET roles='reader,clerk' WHERE id='zhang'".into(),
            "account zhang",
        ),
        (
            "UPDATE account SET password='$argon2id$x' WHERE id='zhang'".into(),
            "UPDATE account SET password='$argon2id$two' WHERE id='zhang'".into(),
            "account zhang",
        ),
        ("UPDATE account SET ended_at='' WHERE id='li'".into(), format!("UPDATE account SET ended_at='{AT}' WHERE id='li'"), "account li"),
        (
            "INSERT INTO account (id, name, unit, roles, password, password_set_at, must_change, created_at, created_by, ended_at) \
             SELECT 'wang', 'Wang', unit, roles, password, password_set_at, must_change, created_at, created_by, ended_at \
             FROM account WHERE id='zhang'"
                .into(),
            "DELETE FROM account WHERE id='wang'".into(),
            "account wang",
        ),
        ("UPDATE account SET totp_on=0 WHERE id='zhang'".into(), "UPDATE account SET totp_on=1 WHERE id='zhang'".into(), "account zhang"),
        (
            "UPDATE account SET totp_secret='ef' WHERE id='zhang'".into(),
            "UPDATE account SET totp_secret='cd' WHERE id='zhang'".into(),
            "account zhang",
        ),
        (
            "INSERT INTO outbox_findings (message, body) VALUES ('slot00-z', '[]')".into(),
            "DELETE FROM outbox_findings WHERE message='slot00-z'".into(),
            "mails weekly@slot00#0",
        ),
        ("UPDATE report_file SET sha256='cd'".into(), "UPDATE report_file SET sha256='ab'".into(), "files weekly@slot00#0"),
        ("INSERT INTO frozen (sha256, body) VALUES ('ab', 'x')".into(), "DELETE FROM frozen WHERE sha256='ab'".into(), "frozen ab"),
        ("UPDATE outbox SET id='q' WHERE id='slot0-x'".into(), "UPDATE outbox SET id='slot0-x' WHERE id='q'".into(), "message q"),
        (
            "UPDATE outbox_body SET id='q' WHERE id='slot0-x'".into(),
            "UPDATE outbox_body SET id='slot0-x' WHERE id='q'".into(),
            "bytes slot0-x",
        ),
        (
            "UPDATE outbox SET bytes_sha256=digest_sha256 WHERE id='slot00-z'".into(),
            "UPDATE outbox SET bytes_sha256=(SELECT bytes_sha256 FROM copied_sums WHERE id='slot00-z') WHERE id='slot00-z'".into(),
            "mails weekly@slot00#0",
        ),
        (
            "UPDATE outbox SET address='x@evil.example' WHERE id='slot0-x'".into(),
            "UPDATE outbox SET address='x@gz.example' WHERE id='slot0-x'".into(),
            "message slot0-x",
        ),
        (
            "UPDATE outbox SET unit='q' WHERE id='slot00-z'".into(),
            "UPDATE outbox SET unit='z' WHERE id='slot00-z'".into(),
            "mails weekly@slot00#0",
        ),
        (
            "UPDATE named_records SET object='q' WHERE object='slot0-x'".into(),
            "UPDATE named_records SET object='slot0-x' WHERE object='q'".into(),
            "named weekly@slot0#0",
        ),
        (
            "UPDATE named_records SET body=(SELECT body FROM named_records WHERE object='slot00-z') WHERE object='slot00-w'".into(),
            "UPDATE named_records SET body=(SELECT body FROM copied_w) WHERE object='slot00-w'".into(),
            "named weekly@slot00#0",
        ),
        (
            "UPDATE snapshot SET state='held' WHERE seq=2".into(),
            "UPDATE snapshot SET state='in-force' WHERE seq=2".into(),
            "snapshot project/a/2",
        ),
        (
            "UPDATE snapshot SET state='discarded' WHERE seq=1".into(),
            "UPDATE snapshot SET state='in-force' WHERE seq=1".into(),
            "snapshot project/a/1",
        ),
        ("UPDATE sending SET hold=''".into(), "UPDATE sending SET hold='person'".into(), "sending "),
        ("UPDATE sending SET hold_by='x'".into(), "UPDATE sending SET hold_by='张三'".into(), "sending "),
    ] {
        tamper(&raw, &change).await;
        assert_eq!(broken(&store).await, Some(AuditBreak::Rows(key.to_owned())), "{change}");
        tamper(&raw, &undo).await;
        assert_eq!(broken(&store).await, None, "{undo}");
    }
    for (table, key) in [
        ("restriction", "marks 2"),
        ("secret_key", "key 1"),
        ("feedback", "answers"),
        ("gone_confirmed", "gone"),
        ("secrecy_header", "header"),
        ("account", "account"),
        ("snapshot", "snapshot"),
        ("named_records", "named"),
        ("report_file", "files"),
    ] {
        let copy = format!("CREATE TABLE copied AS SELECT * FROM {table}");
        sqlx::query(AssertSqlSafe(copy)).execute(&raw).await.expect("a copy");
        tamper(&raw, &format!("DELETE FROM {table}")).await;
        match broken(&store).await {
            Some(AuditBreak::Rows(found)) => assert!(found.starts_with(key), "{found}"),
            other => panic!("{table}: {other:?}"),
        }
        tamper(&raw, &format!("INSERT INTO {table} SELECT * FROM copied")).await;
        sqlx::query("DROP TABLE copied").execute(&raw).await.expect("dropped");
        assert_eq!(broken(&store).await, None, "{table}");
    }
    // a draft that was deleted is named, whatever else of it was deleted
    for table in ["outbox", "outbox_event", "outbox_body", "outbox_findings"] {
        let id = if ["outbox", "outbox_body"].contains(&table) { "id" } else { "message" };
        let copy = format!("CREATE TABLE copied_{table} AS SELECT * FROM {table}");
        sqlx::query(AssertSqlSafe(copy)).execute(&raw).await.expect("a copy");
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE {id}='slot0-y'"))).execute(&raw).await.expect("deleted");
    }
    assert_eq!(broken(&store).await, Some(AuditBreak::Rows("message slot0-y".into())));
    tamper(&raw, "INSERT INTO outbox SELECT * FROM copied_outbox WHERE id='slot0-y'").await;
    tamper(&raw, "INSERT INTO outbox_body SELECT * FROM copied_outbox_body WHERE id='slot0-y'").await;
    assert_eq!(broken(&store).await, None);
    tamper(&raw, "DELETE FROM outbox WHERE id='slot00-w'").await;
    assert_eq!(broken(&store).await, Some(AuditBreak::Rows("mails weekly@slot00#0".into())));
    tamper(&raw, "INSERT INTO outbox SELECT * FROM copied_outbox WHERE id='slot00-w'").await;
    assert_eq!(broken(&store).await, None);
    // a person accepts what was changed; the next change is found all the same
    tamper(&raw, "UPDATE secret_key SET revoked_at='' WHERE id=1").await;
    assert!(store.audit().accept_rows("key 1", "与记录不符", ENTRY).await.expect("accepted"));
    let verdict = store.audit().verify(None, now()).await.expect("a verdict");
    assert_eq!((verdict.broken, verdict.accepted.len()), (None, 1));
    tamper(&raw, "UPDATE secret_key SET revoked_at='x' WHERE id=1").await;
    assert_eq!(broken(&store).await, Some(AuditBreak::Rows("key 1".into())));
    assert!(!store.audit().accept_rows("nothing 1", "x", ENTRY).await.expect("refused"));
    raw.close().await;
}

/// Makes a kind of statement on the rows of a table fail, as in a process that dies right before it.
pub(super) async fn refuse(db: &Db, raw: &AnyPool, what: &str) {
    let statements = match db.is_postgres() {
        true => vec![
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$".to_owned(),
            format!("CREATE TRIGGER refused BEFORE {what} FOR EACH ROW EXECUTE FUNCTION refuse()"),
        ],
        false => vec![format!("CREATE TRIGGER refused BEFORE {what} BEGIN SELECT RAISE(ABORT, 'refused'); END")],
    };
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(raw).await.expect("a trigger");
    }
}

/// Everything in the tables that acts write.
async fn contents(raw: &AnyPool) -> Vec<String> {
    let mut all = Vec::new();
    for (table, columns) in [
        ("restriction", "code || lifted_by || CAST(ended AS TEXT)"),
        ("secrecy_header", "source || header || decision"),
        ("secret_key", "CAST(id AS TEXT) || valid_until || revoked_at"),
        ("feedback", "CAST(no AS TEXT) || code || CAST(withdraws AS TEXT)"),
        ("feedback_form", "sha256"),
        ("gone_confirmed", "code"),
        ("snapshot", "CAST(seq AS TEXT) || state"),
        ("sending", "hold || hold_by"),
        ("outbox", "id || state"),
        ("account", "id || roles || password || ended_at"),
        ("named_records", "object || part"),
        ("outbox_event", "message || CAST(no AS TEXT) || what"),
        ("audit", "id"),
    ] {
        let statement = format!("SELECT {columns} AS cells FROM {table} ORDER BY 1");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(raw).await.expect("rows");
        all.extend(rows.into_iter().map(|row| format!("{table} {row}")));
    }
    all
}

pub async fn an_act_without_its_line_does_not_happen(db: &Db) {
    let store = after_all_acts(db).await;
    outbox::queue_drafts(&store, "slot", &[("a", "circulate"), ("b", "supervise")]).await;
    outbox::queue(&store, "slot2", &["c"]).await;
    let ids = |rows: Vec<duban::store::outbox::OutboxRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let messages = ids(store.outbox().list(&Default::default()).await.expect("messages"));
    let raw = db.raw().await;
    refuse(db, &raw, "INSERT ON audit").await;
    let before = contents(&raw).await;
    let queued = DeliveryState::all_that(DeliveryState::is_queued);
    let password = NewPassword { hash: "x", must_change: true };
    let acts = [
        ("account", store.accounts().add("Wu", "office", "reader", password, ENTRY).await.is_err()),
        ("password", store.accounts().set_password("Zhang", password, ENTRY).await.is_err()),
        ("end of an account", store.accounts().end("Zhang", ENTRY).await.is_err()),
        ("lift", store.restrictions().lift(Lifting::Codes(&["B".into()]), ENTRY).await.is_err()),
        ("lift a file", store.restrictions().lift(Lifting::File("cd"), ENTRY).await.is_err()),
        ("header", store.restrictions().decide_header("b", "密", HeaderDecision::Ignored, |_| false, ENTRY).await.is_err()),
        ("key made", store.keys().make("other", b"three", AT).await.is_err()),
        ("key rotate", store.keys().rotate("form", b"three", ENTRY).await.is_err()),
        ("key revoke", store.keys().revoke(2, ENTRY).await.is_err()),
        ("answers", hand_in(&store, "2026-11-23T00:00:03.000Z", &[answer("A")]).await.is_err()),
        ("withdraw", store.feedback().withdraw(2, "duban(990)", ENTRY).await.is_err()),
        ("gone", store.gone().confirm(&gone("E")).await.is_err()),
        ("snapshot", store.snapshots().decide_held("project", "a", 4, SnapshotState::InForce, ENTRY).await.is_err()),
        ("snapshot", store.snapshots().decide_held("project", "a", 4, SnapshotState::Discarded, ENTRY).await.is_err()),
        ("release sending", store.sending().release(0, "2026-11-23", 0, "person", ENTRY).await.is_err()),
        (
            "release drafts",
            store.outbox().decide_drafts(&messages, DeliveryState::Pending, &Default::default(), &[], ENTRY, "2027").await.is_err(),
        ),
        (
            "reject drafts",
            store.outbox().decide_drafts(&messages, DeliveryState::Rejected, &Default::default(), &[], ENTRY, "2027").await.is_err(),
        ),
        (
            "first of two",
            store
                .outbox()
                .decide_drafts(&messages, DeliveryState::Pending, &Default::default(), &["circulate"], ENTRY, "2027")
                .await
                .is_err(),
        ),
        ("hold", store.outbox().change_state(&[], &queued, DeliveryState::OnHold, ENTRY, "2027").await.is_err()),
    ];
    for (act, failed) in acts {
        assert!(failed, "{act} was done without its line");
    }
    assert_eq!(contents(&raw).await, before);
    raw.close().await;
}

pub async fn two_processes_number_without_a_gap(db: &Db) {
    let mut writing = tokio::task::JoinSet::new();
    for instance in 0..3u8 {
        let store = db.open().await;
        writing.spawn(async move {
            for number in 0..6u8 {
                let at = format!("2026-11-23T00:00:{:02}.000Z", instance * 10 + number);
                store.keys().rotate("form", &[instance, number], AuditEntry { at: &at, ..ENTRY }).await.expect("a key");
                hand_in(&store, &at, &[answer("A")]).await.expect("an answer");
                store.feedback().withdraw(i64::from(number) + 1, "duban(990)", AuditEntry { at: &at, ..ENTRY }).await.expect("a look");
                store.audit().seal(now()).await.expect("sealed");
            }
        });
    }
    while let Some(written) = writing.join_next().await {
        written.expect("a task");
    }
    let store = db.open().await;
    let ids: Vec<i64> = store.keys().list().await.expect("keys").iter().map(|key| key.id).collect();
    assert_eq!(ids, (1..=18).collect::<Vec<_>>());
    assert_eq!(store.keys().list().await.expect("keys").iter().filter(|key| key.valid_until.is_empty()).count(), 1);
    store.audit().seal(now()).await.expect("sealed");
    let raw = db.raw().await;
    let (lines, last): (i64, i64) = sqlx::query_as("SELECT COUNT(*), MAX(no) FROM audit WHERE no>0").fetch_one(&raw).await.expect("lines");
    assert_eq!(lines, last, "lines 1 to n");
    let (answers, last): (i64, i64) = sqlx::query_as("SELECT COUNT(*), MAX(no) FROM feedback").fetch_one(&raw).await.expect("answers");
    assert_eq!(answers, last);
    assert_eq!(broken(&store).await, None);
    raw.close().await;
}
