//! Runs: leases, fences, frozen texts.

use super::Db;
use chrono::NaiveDate;
use duban::domain::notify::coverage::Coverage;
use duban::domain::notify::inputs::{Unsigned, Yields};
use duban::domain::register::data_condition::DataCondition;
use duban::store::findings::Detected;
use duban::store::handle::Store;
use duban::store::outbox::OutboxBatch;
use duban::store::reports::{ReportFile, ReportKey, ReportKind};
use duban::store::run_result::{
    FindingCounts, JudgedResult, JudgedSource, LetterCounts, MailedResult, PackCounts, PulledLedger, RunFault, RunResult,
};
use duban::store::runs::{GonePin, Run, RunInputs, RunState};
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// Minute `minute` of a fixed hour, as the store keeps times.
pub fn at(minute: u32) -> String {
    format!("2026-11-23T{:02}:{:02}:00.000Z", minute / 60, minute % 60)
}

/// A run of `weekly`, opened and claimed from minute 0 to 10.
pub async fn claimed(store: &Store, slot: &str, revision: i64, as_of: &str) -> Run {
    let run = store.runs().open("weekly", slot, slot, revision, day(as_of), true, &RunInputs::default(), &at(0)).await.expect("a run");
    store.runs().claim(&run.id, &at(0), &at(10)).await.expect("a claim").expect("free")
}

/// One fault of each kind.
fn faults() -> Vec<RunFault> {
    let (name, template, unit) = ("a".to_owned(), "pack".to_owned(), "GZ-1".to_owned());
    let detail = "磁盘满".to_owned();
    vec![
        RunFault::Source { name: name.clone(), detail: detail.clone() },
        RunFault::SourceHeld { name },
        RunFault::OldData { ledger: "project".into(), origin: "a".into(), detail: detail.clone() },
        RunFault::PaperWaits { template: template.clone(), ledgers: "工作单".into() },
        RunFault::Form { detail: detail.clone() },
        RunFault::Forms { detail: detail.clone() },
        RunFault::Workbook { template: template.clone(), detail: detail.clone() },
        RunFault::Pack { template, unit, name: "甲县".into(), detail: detail.clone() },
        RunFault::Mail { act: String::new(), units: ["甲", "乙", "丙", "丁"].map(str::to_owned).to_vec(), detail: detail.clone() },
        RunFault::Mail { act: "supervise".into(), units: vec!["甲".into()], detail },
    ]
}

pub fn result() -> RunResult {
    let sources = vec![JudgedSource {
        ledger: "项目台账".into(),
        source: "a".into(),
        snapshot: 3,
        covers_on: day("2026-09-30"),
        accepted: 7,
        quarantined: 1,
        note: "晚于截至日".into(),
    }];
    let findings = FindingCounts { red: 1, blank_cells: 2, resolved: 3, ..FindingCounts::default() };
    let packs =
        vec![PackCounts { title: "分县清单".into(), made: 2, without_rows: 1, failed: 1, folders: vec!["var/reports/x/县/".into()] }];
    RunResult {
        pulled: vec![PulledLedger { ledger: "项目台账".into(), source: "a".into(), snapshot: 3 }],
        judged: Some(JudgedResult { title: "周提醒".into(), as_of: day("2026-09-30"), sources, findings, packs }),
        mailed: Some(MailedResult {
            digests: 5,
            drafts: 2,
            unchanged: 1,
            coverage: Coverage::default(),
            packs_mailed: 3,
            packs_of_office: 1,
            letters: vec![LetterCounts { message: "m".into(), projects: 2, findings: 3, amount: 4, longest: 5, weight: 6 }],
            not_interviewed: vec!["某市".into()],
        }),
    }
}

fn inputs() -> RunInputs {
    RunInputs {
        form_key: Some(1),
        snapshots: vec![("project".into(), "a".into(), 3)],
        files: BTreeMap::from([("config/rules.toml".into(), "ff".into())]),
        sample: true,
        enforce_on: Some(day("2027-01-01")),
        faults: faults(),
        closed: vec!["q@2026-07-08T08:00:00#0".into()],
        intake_reports: vec!["var/reports/导入报告/a/2026-09-30-abababab/导入报告.xlsx".into()],
        answers: 7,
        previous_run: Some("weekly@s1#0".into()),
        gone: Some(GonePin { at: at(0), history: vec![("project".into(), "a".into(), vec![1, 3])] }),
        restrictions: 4,
        events: 5,
        data: 9,
        remakes_withheld: true,
        makes_good: true,
        accepts_old_data: true,
        conditions: vec![DataCondition {
            ledger: "project".into(),
            source: "a".into(),
            data_day: day("2026-09-30"),
            failure: "磁盘满".into(),
            too_old: true,
            held: Some(4),
        }],
        made_on: Some(day("2026-11-23")),
        first_made_on: Some(day("2026-11-24")),
        unsigned: Unsigned { drafts: 2, since: Some(day("2026-11-01")) },
        yields: Yields::Notified(vec!["522725".into()]),
    }
}

pub async fn opening_twice_gives_one_row(db: &Db) {
    let (store, other) = (db.open().await, db.open().await);
    let open = |store: Store, minute: u32| async move {
        store
            .runs()
            .open("weekly", "2026-11-23T08:00", "2026-11-23T08:00", 0, day("2026-11-23"), true, &RunInputs::default(), &at(minute))
            .await
            .expect("a run")
    };
    let (first, second) = tokio::join!(open(store.clone(), 1), open(other, 1));
    assert_eq!((&first.id, first.fence), (&second.id, second.fence));
    let later = open(store.clone(), 5).await;
    assert_eq!((later.started_at.as_str(), later.as_of.as_str(), later.scheduled), (at(1).as_str(), "2026-11-23", true));
    assert_eq!((later.state, later.step.as_str(), later.inputs), (RunState::Running, "", RunInputs::default()));
    assert_eq!(store.runs().list(10).await.expect("runs").len(), 1);
    let revised = store
        .runs()
        .open("weekly", "2026-11-23T08:00", "2026-11-23T08:00", 1, day("2026-11-23"), false, &RunInputs::default(), &at(6))
        .await
        .expect("a run");
    assert_eq!((revised.revision, revised.scheduled), (1, false));
    let newest = store.runs().newest("weekly", "2026-11-23T08:00").await.expect("a look").expect("a run");
    assert_eq!(newest.id, revised.id);
    assert!(store.runs().newest("weekly", "2026-11-30T08:00").await.expect("a look").is_none());
    let ids: Vec<String> = store.runs().list(10).await.expect("runs").into_iter().map(|run| run.id).collect();
    assert_eq!(ids, [revised.id, first.id]);
    assert_eq!(store.runs().list(1).await.expect("runs").len(), 1);
}

pub async fn claim_goes_to_one_of_two(db: &Db) {
    let (one, two) = (db.open().await, db.open().await);
    for round in 0..10 {
        let run = one
            .runs()
            .open("weekly", &format!("key{round}"), &format!("slot{round}"), 0, day("2026-11-23"), true, &RunInputs::default(), &at(0))
            .await
            .expect("a run");
        let (now, until) = (at(0), at(10));
        let (a, b) = tokio::join!(one.runs().claim(&run.id, &now, &until), two.runs().claim(&run.id, &now, &until));
        let got: Vec<Run> = [a.expect("a claim"), b.expect("a claim")].into_iter().flatten().collect();
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].fence, 1);
        one.runs().finish_step(&got[0], "pull", &inputs()).await.expect("a step");
        one.runs().finish(&got[0], RunState::Partial, "", Some(&result()), &at(3)).await.expect("an end");
        assert!(two.runs().claim(&run.id, &at(59), &at(60)).await.expect("a claim").is_none(), "it has ended");
        let ended = two.runs().get(&run.id).await.expect("a look").expect("a run");
        assert_eq!((ended.state, ended.step.as_str(), ended.inputs), (RunState::Partial, "pull", inputs()));
        assert_eq!((ended.result, ended.finished_at), (Some(result()), at(3)));
    }
}

pub async fn every_claim_has_its_own_fence(db: &Db) {
    let store = db.open().await;
    let run = store.runs().open("weekly", "key", "slot", 0, day("2026-11-23"), true, &RunInputs::default(), &at(0)).await.expect("a run");
    // each later claim finds the lease of each earlier one run out
    let mut claiming = tokio::task::JoinSet::new();
    for minute in 1..300 {
        let (store, id) = (store.clone(), run.id.clone());
        claiming.spawn(async move { store.runs().claim(&id, &at(minute), &at(minute)).await.expect("a claim").map(|run| run.fence) });
    }
    let fences: Vec<i64> = claiming.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<i64> = fences.iter().copied().collect();
    assert_eq!(fences.len(), distinct.len(), "two holders of one fence");
    assert!(!fences.is_empty());
}

pub async fn an_expired_lease_is_taken_over(db: &Db) {
    let store = db.open().await;
    let old = claimed(&store, "slot", 0, "2026-11-23").await;
    assert!(store.runs().claim(&old.id, &at(9), &at(20)).await.expect("a claim").is_none(), "it is held");
    assert!(store.runs().renew_lease(&old, &at(15)).await.expect("renewed"));
    assert!(store.runs().claim(&old.id, &at(12), &at(20)).await.expect("a claim").is_none(), "it was renewed");
    let new = store.runs().claim(&old.id, &at(16), &at(30)).await.expect("a claim").expect("run out");
    assert_eq!((old.fence, new.fence), (1, 2));
    assert!(!store.runs().renew_lease(&old, &at(40)).await.expect("renewed"));
    let lost = inputs();
    let detected = Detected { as_of: day("2026-11-23"), resolved: &[], timelines: &[] };
    assert!(store.runs().finish_step(&old, "pull", &lost).await.is_err());
    assert!(store.runs().finish(&old, RunState::Done, "", None, &at(17)).await.is_err());
    assert!(store.outbox().commit(&old, "remind", &lost, &OutboxBatch::default()).await.is_err());
    assert!(store.findings().commit(&old, "detect", &lost, [], detected).await.is_err());
    store.runs().release(&old).await.expect("nothing");
    assert!(store.runs().claim(&old.id, &at(17), &at(40)).await.expect("a claim").is_none(), "the old holder cannot give it back");
    let now = store.runs().get(&old.id).await.expect("a look").expect("a run");
    assert_eq!((now.state, now.step.as_str(), now.inputs), (RunState::Running, "", RunInputs::default()));
    store.runs().finish_step(&new, "pull", &lost).await.expect("the new holder goes on");
    store.runs().release(&new).await.expect("given back");
    let next = store.runs().claim(&old.id, &at(18), &at(40)).await.expect("a claim").expect("free at once");
    assert_eq!((next.fence, next.step.as_str()), (3, "pull"));
    store.runs().finish(&next, RunState::Done, "", None, &at(19)).await.expect("an end");
    assert!(store.runs().finish(&next, RunState::Failed, "", None, &at(19)).await.is_err(), "it ends once");
    assert!(store.runs().finish_step(&next, "report", &lost).await.is_err(), "an ended run takes no step");
}

pub async fn a_failed_run_reopens(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    store.runs().finish_step(&run, "pull", &inputs()).await.expect("a step");
    store.runs().reopen(&run.id).await.expect("nothing");
    assert!(store.runs().claim(&run.id, &at(1), &at(2)).await.expect("a claim").is_none(), "a running one is not opened");
    store.runs().finish(&run, RunState::Failed, "磁盘满", None, &at(3)).await.expect("an end");
    store.runs().reopen(&run.id).await.expect("opened");
    let reopened = store.runs().claim(&run.id, &at(4), &at(14)).await.expect("a claim").expect("open");
    assert_eq!((reopened.step.as_str(), reopened.reason.as_str(), reopened.fence), ("", "", 2), "from its beginning");
    assert_eq!(reopened.finished_at, "", "it goes on");
    store.runs().finish(&reopened, RunState::Done, "", None, &at(5)).await.expect("an end");
    store.runs().reopen(&run.id).await.expect("nothing");
    assert_eq!(store.runs().get(&run.id).await.expect("a look").expect("a run").state, RunState::Done);
}

pub async fn orphaned_runs_are_listed(db: &Db) {
    let store = db.open().await;
    let open = async |slot: &str| {
        store.runs().open("weekly", slot, slot, 0, day("2026-11-23"), true, &RunInputs::default(), &at(0)).await.expect("a run").id
    };
    let held = claimed(&store, "held", 0, "2026-11-23").await;
    let ended = claimed(&store, "ended", 0, "2026-11-23").await;
    store.runs().finish(&ended, RunState::Failed, "", None, &at(1)).await.expect("an end");
    let fresh = open("fresh").await;
    let ids = async |minute: u32| -> Vec<String> {
        store.runs().orphaned(&at(minute)).await.expect("runs").into_iter().map(|run| run.id).collect()
    };
    // a claim of this machine may belong to a dead process: its file lock decides
    assert_eq!(ids(9).await, [fresh.clone(), held.id.clone()]);
    let raw = db.raw().await;
    sqlx::query("UPDATE run SET holder='another machine:/srv' WHERE id=$1")
        .bind(&held.id)
        .execute(&raw)
        .await
        .expect("another machine's claim");
    raw.close().await;
    store.runs().end_dead_claim(&held.id).await.expect("nothing");
    assert_eq!(ids(9).await, ["weekly@fresh#0"], "another machine works on the other");
    assert_eq!(ids(11).await, [fresh, held.id], "its lease has run out");
}

pub async fn handled_until_never_goes_back(db: &Db) {
    let store = db.open().await;
    let handled = async |job: &str| store.schedule().handled(job).await.expect("a look").map(|handled| (handled.until, handled.slot));
    assert_eq!(handled("weekly").await, None);
    for until in ["2026-11-23T08:00:00", "2026-11-30T08:00:00", "2026-11-16T08:00:00"] {
        store.schedule().advance("weekly", until).await.expect("settled");
    }
    store.schedule().advance("monthly", "2026-01-01T08:00:00").await.expect("settled");
    assert_eq!(handled("weekly").await, Some(("2026-11-30T08:00:00".into(), String::new())));
    assert_eq!(handled("monthly").await, Some(("2026-01-01T08:00:00".into(), String::new())));
    for (slot, from, until) in
        [("0 0 9 * * MON", "2026-11-01T00:00:00", "2026-11-30T08:00:00"), ("x", "2026-12-01T00:00:00", "2026-12-01T00:00:00")]
    {
        store.schedule().reckon_by("weekly", slot, from).await.expect("recorded");
        assert_eq!(handled("weekly").await, Some((until.into(), slot.into())));
    }
}

pub async fn freeze_and_thaw(db: &Db) {
    let store = db.open().await;
    // two files of one text, and more than one statement
    let mut files =
        BTreeMap::from([("a.toml".to_string(), "同文".to_string()), ("b.toml".into(), "同文".into()), ("空".into(), String::new())]);
    files.extend((0..150).map(|number| (format!("f{number}"), format!("# 第{number}份\n🙂"))));
    let frozen = store.frozen_texts().freeze(&files).await.expect("frozen");
    assert_eq!(frozen["a.toml"], frozen["b.toml"]);
    assert_eq!(store.frozen_texts().freeze(&files).await.expect("frozen again"), frozen);
    assert_eq!(store.frozen_texts().read(&frozen).await.expect("thawed"), files);
    assert!(store.frozen_texts().read(&BTreeMap::from([("x".into(), "00".into())])).await.is_err(), "a lost text is an error");
}

pub async fn a_fault_is_one_sentence(_: &Db) {
    let sentences: Vec<String> = faults().iter().map(ToString::to_string).collect();
    let expected = [
        "a：磁盘满",
        "a：新读入的台账与上次差异过大，暂缓生效，沿用上次",
        "磁盘满",
        "pack：工作单的数据多半待更新，暂不编制",
        "反馈表 磁盘满",
        "磁盘满",
        "pack：磁盘满",
        "pack（甲县）：磁盘满",
        "甲、乙、丙等4个单位的提醒未能生成：磁盘满",
        "甲的督办拟办件未能生成：磁盘满",
    ];
    assert_eq!(sentences, expected);
}

pub async fn a_result_of_another_version_is_not_guessed(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    store.runs().finish(&run, RunState::Done, "", Some(&result()), &at(3)).await.expect("an end");
    let raw = db.raw().await;
    for (column, message) in [(r#"{"version":"2"}"#, "unknown variant"), ("提醒：5封", "expected value")] {
        sqlx::query("UPDATE run SET result=$1").bind(column).execute(&raw).await.expect("a result");
        let error = store.runs().get(&run.id).await.expect_err("another version").to_string();
        assert!(error.contains("stored result of run weekly@slot#0 cannot be read") && error.contains(message), "{error}");
    }
    raw.close().await;
}

pub async fn reports_read_back(db: &Db) {
    let store = db.open().await;
    let run = claimed(&store, "slot", 0, "2026-11-23").await;
    let key = |template: &str, kind, unit: &str| ReportKey { template: template.into(), kind, unit: unit.into() };
    let file = |key: &ReportKey, path: &str, bytes| ReportFile {
        key: key.clone(),
        path: path.into(),
        sha256: path.into(),
        bytes,
        names: BTreeSet::new(),
    };
    let (book, paper) = (key("quarterly", ReportKind::Workbook, ""), key("quarterly", ReportKind::Document, ""));
    let (first, second) = (key("list", ReportKind::Pack, "GZ-1"), key("list", ReportKind::Pack, "GZ-2"));
    // a run that goes on behind a crash writes its files once more
    for round in 0..2 {
        let files = [file(&book, "3", u64::from(u32::MAX) + round), file(&paper, "4", 2), file(&first, "1", 3), file(&second, "2", 4)];
        store.reports().add(&run, "f", &files, "2026-10-08T02:00:00.000Z").await.expect("reports");
    }
    let reports = store.reports().list(&run.id).await.expect("reports");
    assert_eq!(reports, [file(&first, "1", 3), file(&second, "2", 4), file(&book, "3", 4_294_967_296), file(&paper, "4", 2)]);
}

pub async fn files_are_stored_in_pieces(db: &Db) {
    let store = db.open().await;
    let reports = store.reports();
    assert_eq!(reports.are_shared(), db.is_postgres(), "on SQLite the folder is the truth");
    let big = vec![7_u8; duban::store::report_pieces::PIECE_BYTES];
    for _ in 0..2 {
        reports.add_piece("ab", 0, &big).await.expect("a piece");
        reports.add_piece("ab", 1, b"end").await.expect("a piece");
    }
    assert_eq!(reports.piece("ab", 0).await.expect("a piece"), Some(big));
    assert_eq!(reports.piece("ab", 1).await.expect("a piece").as_deref(), Some(&b"end"[..]));
    assert_eq!((reports.piece("ab", 2).await.expect("none"), reports.piece("cd", 0).await.expect("none")), (None, None));
}
