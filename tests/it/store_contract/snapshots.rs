//! Pulls, versions of rows, snapshots.

use super::Db;
use chrono::NaiveDate;
use duban::domain::intake::file::{CodeInFile, RowPlace};
use duban::domain::intake::note::{Note, NoteKind, SheetAccount};
use duban::domain::register::ledger::{Field, FieldKind, Ledger, OwnerSpec, Privacy, Purpose, Roles};
use duban::domain::register::packed::pack;
use duban::domain::register::record::{Cell, Columns, Decimal, Record};
use duban::domain::register::snapshot::Version;
use duban::store::audit::AuditEntry;
use duban::store::changes::{ChangeCounts, Side};
use duban::store::gone::GoneConfirmation;
use duban::store::handle::Store;
use duban::store::pulls::NewSnapshot;
use duban::store::snapshot_writer::{Difference, NewRecord};
use duban::store::snapshots::{FileOrigin, SnapshotState};
use sqlx::Row;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ENTRY: AuditEntry<'_> = AuditEntry { at: "2026-11-23T00:00:00.000Z", who: "张三", why: "核对无误" };

const FIELDS: [&str; 3] = ["code", "name", "amount"];
const AT: &str = "2026-11-23T00:00:00.000Z";

fn ledger(fields: &[&str]) -> Ledger {
    let field = |id: &&str| Field {
        id: (*id).to_owned(),
        title: (*id).to_owned(),
        kind: FieldKind::Text,
        aliases: Vec::new(),
        required: false,
        editable: false,
        privacy: Privacy::None,
        role: None,
        values: Vec::new(),
        words: Vec::new(),
        own: false,
        latest: false,
    };
    let fields: Vec<Field> = fields.iter().map(field).collect();
    Ledger {
        max_age_days: None,
        id: "project".into(),
        purpose: Purpose::Project,
        title: "项目台账".into(),
        counted: "个项目".into(),
        roles: Roles::of(&fields),
        fields,
        owner: OwnerSpec::Unit { unit: 0 },
        money_power: 10,
        negotiation_only: false,
        append_only: Vec::new(),
        without: Vec::new(),
        judged: Columns::default(),
        decided_headers: Vec::new(),
        secrecy: Arc::default(),
    }
}

fn packed(cells: &[Cell]) -> Vec<u8> {
    let mut body = Vec::new();
    pack(&mut body, cells.iter());
    body
}

pub(super) fn row(code: &str, name: &str, amount: i64) -> NewRecord<'static> {
    let cells = [Cell::Text(code.into()), Cell::Text(name.into()), Cell::Money(amount)];
    NewRecord {
        code: code.to_owned().into(),
        unit: "甲县".into(),
        name: name.to_owned().into(),
        project: "".into(),
        amount,
        place: RowPlace { sheet: 1, row: 7 },
        body: packed(&cells).into(),
        row_fingerprint: None,
    }
}

fn note(row: u32, reason: &str) -> Note {
    Note {
        kind: NoteKind::Quarantined,
        sheet: 0,
        row,
        cell: format!("P{row}"),
        field: "开工日期".into(),
        code: "GZ1".into(),
        name: "甲项目".into(),
        unit: "甲县".into(),
        raw: "二〇二六年\"13\"月".into(),
        reason: reason.into(),
        hint: "请填日期🙂".into(),
        restricted: false,
        project: String::new(),
    }
}

/// What one pull came to.
#[derive(Debug)]
pub(super) struct Pulled {
    seq: i64,
    difference: Difference,
    identical: bool,
    added: Vec<CodeInFile>,
}

/// A pull as the puller makes it.
pub(super) struct Take<'a> {
    pub(super) rows: &'a [NewRecord<'a>],
    pub(super) retained: &'a [&'a str],
    pub(super) notes: &'a [Note],
    pub(super) fields: &'a [&'a str],
    pub(super) state: SnapshotState,
    pub(super) at: &'a str,
}

impl Default for Take<'_> {
    fn default() -> Self {
        Take { rows: &[], retained: &[], notes: &[], fields: &FIELDS, state: SnapshotState::InForce, at: AT }
    }
}

impl Take<'_> {
    pub(super) async fn into(self, store: &Store) -> Pulled {
        let mut pull = store.pulls().begin().await.expect("a transaction");
        let mut writer = pull.writer("project", "a").await.expect("a writer");
        let fields: Vec<String> = self.fields.iter().map(|field| (*field).to_owned()).collect();
        let layout = pull.layout(&mut writer, &fields).await.expect("a layout");
        let mut added = Vec::new();
        for row in self.rows {
            added.push(pull.add(&mut writer, layout, row.clone()).await.expect("a row"));
        }
        let retained: Vec<String> = self.retained.iter().map(|code| (*code).to_owned()).collect();
        let difference = pull.finish_rows(&mut writer, &retained).await.expect("the rows");
        let facts = NewSnapshot {
            is_day_stated: true,
            covers_on: NaiveDate::from_ymd_opt(2026, 9, 30).expect("a day"),
            taken_at: self.at.into(),
            sample: false,
            file_sha256: "ab".repeat(32),
            origin: FileOrigin { file: "台账.xlsx".into(), sheets: vec!["封面".into(), "项目".into()] },
            accounts: vec![SheetAccount { sheet: "项目".into(), read: 3, accepted: 2, quarantined: 1, ..SheetAccount::default() }],
            notes: self.notes.into(),
        };
        let identical = pull.is_identical(&writer, &facts, None).await.expect("a comparison");
        if identical {
            pull.touch(&writer, self.at, true).await.expect("a touch");
        } else {
            pull.finish(&writer, &facts, self.state, "原因").await.expect("a snapshot");
        }
        pull.commit().await.expect("committed");
        Pulled { seq: writer.seq, difference, identical, added }
    }
}

async fn take(store: &Store, rows: &[NewRecord<'_>]) -> Pulled {
    Take { rows, ..Take::default() }.into(store).await
}

/// `code name amount first_seq` of each record of a snapshot, the same through both ways of reading.
async fn read(store: &Store, seq: i64) -> Vec<String> {
    let ledger = ledger(&FIELDS);
    let mut all = Vec::new();
    let line = |record: &Record, first_seq: i64| {
        let cells = &record.cells;
        format!("{} {} {} @{first_seq}", cells[0], cells[1], cells[2].money().unwrap_or_default())
    };
    let mut codes = Vec::new();
    store
        .records()
        .each(&ledger, "a", seq, |streamed| {
            assert_eq!((streamed.record.place.sheet, streamed.record.place.row), (1, 7));
            all.push(line(streamed.record, streamed.first_seq));
            codes.push(streamed.record.code.clone());
            Ok(())
        })
        .await
        .expect("records");
    codes.push("NONE".into());
    let named = store.records().by_code(&ledger, "a", seq, &codes).await.expect("records");
    let named: Vec<String> = named.iter().map(|stored| line(&stored.record, stored.first_seq)).collect();
    assert_eq!(all, named);
    all
}

pub async fn first_pull_writes_all(db: &Db) {
    let store = db.open().await;
    let pulled = take(&store, &[row("GZ1", "甲", 100), row("GZ2", "乙", 200)]).await;
    assert_eq!(pulled.added, [CodeInFile::New, CodeInFile::New]);
    assert_eq!(pulled.difference, Difference { added: 2, rows: 2, amount: 300, ..Difference::default() });
    assert_eq!(read(&store, 1).await, ["GZ1 甲 100 @1", "GZ2 乙 200 @1"]);
    let snapshots = store.snapshots().list().await.expect("snapshots");
    assert_eq!(snapshots.len(), 1);
    assert_eq!((snapshots[0].seq, snapshots[0].rows, snapshots[0].amount, snapshots[0].state), (1, 2, 300, SnapshotState::InForce));
    assert_eq!((snapshots[0].ledger.as_str(), snapshots[0].source.as_str()), ("project", "a"));
}

pub async fn identical_pull_makes_no_snapshot(db: &Db) {
    let store = db.open().await;
    let rows = [row("GZ1", "甲", 100), row("GZ2", "乙", 200)];
    take(&store, &rows).await;
    let mut moved = rows.clone();
    // the place in the file is no part of a row
    moved[0].place.row = 99;
    let second = Take { rows: &moved, at: "2026-11-24T00:00:00.000Z", ..Take::default() }.into(&store).await;
    assert!(second.identical);
    assert_eq!(second.difference, Difference { rows: 2, amount: 300, ..Difference::default() });
    let snapshots = store.snapshots().list().await.expect("snapshots");
    assert_eq!(snapshots.len(), 1);
    assert_eq!((snapshots[0].taken_at.as_str(), snapshots[0].checked_at.as_str()), (AT, "2026-11-24T00:00:00.000Z"));
    assert_eq!(read(&store, 1).await.len(), 2);
    // a new note is news
    let noted = Take { rows: &rows, notes: &[note(3, "不是日期")], ..Take::default() }.into(&store).await;
    assert!(!noted.identical);
    assert_eq!(read(&store, 2).await, ["GZ1 甲 100 @1", "GZ2 乙 200 @1"]);
}

pub async fn changed_new_and_gone_rows_get_versions(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1), row("B", "乙", 2), row("C", "丙", 3)]).await;
    let second = take(&store, &[row("A", "甲", 1), row("B", "乙二", 20), row("D", "丁", 4)]).await;
    let Difference { added, changed, gone, rows, amount, amount_times } = second.difference;
    assert_eq!((added, changed, gone, rows, amount, amount_times), (1, 1, 1, 3, 25, Some(("B".into(), 10))));
    take(&store, &[row("A", "甲", 1), row("B", "乙", 2), row("C", "丙", 3)]).await;
    assert_eq!(read(&store, 1).await, ["A 甲 1 @1", "B 乙 2 @1", "C 丙 3 @1"]);
    assert_eq!(read(&store, 2).await, ["A 甲 1 @1", "B 乙二 20 @2", "D 丁 4 @2"]);
    assert_eq!(read(&store, 3).await, ["A 甲 1 @1", "B 乙 2 @3", "C 丙 3 @3"]);
}

pub async fn a_quarantined_code_has_its_last_version(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1), row("B", "乙", 2)]).await;
    let pulled = Take { rows: &[row("A", "甲二", 1)], retained: &["B", "NEW"], ..Take::default() }.into(&store).await;
    assert_eq!(pulled.difference.gone, 0);
    assert_eq!(read(&store, 2).await, ["A 甲二 1 @2", "B 乙 2 @1"]);
}

pub async fn a_code_quarantined_after_a_discarded_snapshot_has_the_version_in_force(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1), row("B", "乙", 2)]).await;
    let wrong = [row("A", "错", 1000), row("C", "错", 3)];
    Take { rows: &wrong, state: SnapshotState::Held, ..Take::default() }.into(&store).await;
    assert!(store.snapshots().decide_held("project", "a", 2, SnapshotState::Discarded, ENTRY).await.expect("settled"));
    // A changed, B vanished and C came in the discarded one; now all three are quarantined
    Take { rows: &[row("D", "丁", 4)], retained: &["A", "B", "C"], ..Take::default() }.into(&store).await;
    let codes: Vec<String> = read(&store, 3).await.into_iter().map(|line| line.split(" @").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(codes, ["A 甲 1", "B 乙 2", "D 丁 4"]);
    assert_eq!(read(&store, 2).await, ["A 错 1000 @2", "C 错 3 @2"]);
    assert_eq!(read(&store, 1).await, ["A 甲 1 @1", "B 乙 2 @1"]);
}

pub async fn conflicting_codes_are_withdrawn(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("CHG", "旧", 1), row("SAME", "同", 2), row("OK", "好", 3)]).await;
    let rows = [
        row("CHG", "新", 10),
        row("SAME", "同", 2),
        row("NEW", "新来", 5),
        row("OK", "好", 3),
        row("CHG", "另", 11),
        row("SAME", "异", 2),
        row("NEW", "又来", 6),
    ];
    let pulled =
        Take { rows: &rows, retained: &["CHG", "SAME", "NEW"], notes: &[note(1, "编号重复")], ..Take::default() }.into(&store).await;
    assert_eq!(
        pulled.added[4..],
        [
            CodeInFile::Conflicting(RowPlace { sheet: 1, row: 7 }),
            CodeInFile::Conflicting(RowPlace { sheet: 1, row: 7 }),
            CodeInFile::Conflicting(RowPlace { sheet: 1, row: 7 })
        ]
    );
    let Difference { added, changed, gone, .. } = pulled.difference;
    assert_eq!((added, changed, gone), (0, 0, 0));
    assert_eq!(read(&store, 2).await, ["CHG 旧 1 @1", "OK 好 3 @1", "SAME 同 2 @1"]);
    // the versions are open: the next pull closes those it changes
    take(&store, &[row("CHG", "新", 10), row("OK", "好", 3)]).await;
    assert_eq!(read(&store, 3).await, ["CHG 新 10 @3", "OK 好 3 @1"]);
    assert_eq!(read(&store, 2).await, ["CHG 旧 1 @1", "OK 好 3 @1", "SAME 同 2 @1"]);
}

pub async fn a_conflict_leaves_no_trace_in_the_figures(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 100), row("B", "乙", 7)]).await;
    // one wrong copy of A, 5,000 times too large, and its right copy: A keeps its version, so nothing grew
    let rows = [row("A", "甲错", 500_000), row("A", "甲对", 101), row("B", "乙", 14), row("N", "新", 900), row("N", "新二", 901)];
    let pulled = Take { rows: &rows, retained: &["A", "N"], ..Take::default() }.into(&store).await;
    assert_eq!(
        pulled.difference,
        Difference { changed: 1, rows: 2, amount: 114, amount_times: Some(("B".into(), 2)), ..Difference::default() }
    );
    let snapshots = store.snapshots().list().await.expect("snapshots");
    assert_eq!((snapshots[1].rows, snapshots[1].amount), (2, 114));
}

pub async fn a_repeated_row_counts_once(db: &Db) {
    let store = db.open().await;
    let pulled = take(&store, &[row("A", "甲", 1), row("A", "甲", 1)]).await;
    assert_eq!(pulled.added, [CodeInFile::New, CodeInFile::Same(RowPlace { sheet: 1, row: 7 })]);
    assert_eq!((pulled.difference.rows, pulled.difference.amount), (1, 1));
    assert_eq!(read(&store, 1).await, ["A 甲 1 @1"]);
}

pub async fn rollback_leaves_nothing(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1)]).await;
    let mut pull = store.pulls().begin().await.expect("a transaction");
    let mut writer = pull.writer("project", "a").await.expect("a writer");
    let layout = pull.layout(&mut writer, &["code".into()]).await.expect("a layout");
    for number in 0..200 {
        pull.add(&mut writer, layout, row(&format!("X{number}"), "未", 1)).await.expect("a row");
    }
    pull.finish_rows(&mut writer, &[]).await.expect("the rows");
    pull.rollback().await.expect("rolled back");
    assert_eq!(read(&store, 1).await, ["A 甲 1 @1"]);
    assert_eq!(read(&store, 2).await, ["A 甲 1 @1"], "A is open");
    let next = take(&store, &[row("A", "甲", 1), row("B", "乙", 1)]).await;
    assert_eq!((next.seq, next.difference.added, next.difference.gone), (2, 1, 0));
}

/// The process of a pull may end at any time: what it has written is in no snapshot, and the next pull finds the source as it was before.
pub async fn a_pull_that_ends_in_its_midst_leaves_nothing(db: &Db) {
    let store = db.open().await;
    let many: Vec<NewRecord<'_>> = (0..6_000).map(|number| row(&format!("GZ{number:05}"), "甲", 1)).collect();
    take(&store, &many).await;
    let before = read(&store, 1).await;
    let mut pull = store.pulls().begin().await.expect("a pull");
    let mut writer = pull.writer("project", "a").await.expect("a writer");
    let layout = pull.layout(&mut writer, &FIELDS.map(String::from)).await.expect("a layout");
    for number in 0..5_990 {
        pull.add(&mut writer, layout, row(&format!("GZ{number:05}"), "乙", 2)).await.expect("a row");
    }
    pull.add(&mut writer, layout, row("NEW", "新", 1)).await.expect("a row");
    pull.finish_rows(&mut writer, &[]).await.expect("the rows");
    drop((pull, writer));
    let raw = db.raw().await;
    let count = async |condition: &str| -> i64 {
        let statement = format!("SELECT COUNT(*) FROM record WHERE {condition}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&raw).await.expect("a count")
    };
    assert_eq!((count("first_seq=2").await, count("last_seq=1").await), (5_991, 6_000), "pieces were written");
    assert_eq!(read(&store, 1).await, before);
    assert_eq!(store.records().holdings("project", "NEW").await.expect("holdings"), []);
    let mut absent = 0;
    store.gone().each_absent("project", "a", 1, |_| absent += 1).await.expect("absent codes");
    assert_eq!((absent, store.gone().versions("project", "a", "GZ00001").await.expect("versions").len()), (0, 1));

    let next = take(&store, &many[1..]).await;
    let Difference { added, changed, gone, .. } = next.difference;
    assert_eq!((next.seq, added, changed, gone), (2, 0, 0, 1));
    assert_eq!(read(&store, 2).await, before[1..]);
    assert_eq!((count("first_seq=2").await, count("last_seq=1").await), (0, 1));
}

/// While a large file is taken, a page or another command that writes waits half a second at most.
pub async fn others_write_while_a_pull_writes(db: &Db) {
    let (store, other) = (db.open().await, db.open().await);
    let many: Vec<NewRecord<'_>> = (0..30_000).map(|number| row(&format!("GZ{number:05}"), "甲", 1)).collect();
    let pulling = tokio::spawn(async move { take(&store, &many).await.seq });
    let (mut longest, mut count) = (Duration::ZERO, 0);
    while !pulling.is_finished() {
        let begin = Instant::now();
        other.audit().record(AT, "张三", "download", "x", "").await.expect("a line");
        longest = longest.max(begin.elapsed());
        count += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(pulling.await.expect("a pull"), 1);
    eprintln!("{count} lines beside the pull, the slowest in {longest:?}");
    assert!(count >= 4 && longest < Duration::from_millis(500), "{count} {longest:?}");
}

pub async fn a_held_snapshot_is_decided_once(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1)]).await;
    for seq in [2, 3] {
        let name = format!("甲{seq}");
        Take { rows: &[row("A", &name, 1)], state: SnapshotState::Held, ..Take::default() }.into(&store).await;
    }
    let state = async |seq: usize| store.snapshots().list().await.expect("snapshots")[seq - 1].state;
    assert_eq!(store.snapshots().list().await.expect("snapshots")[1].reason, "原因");
    let mut pull = store.pulls().begin().await.expect("a transaction");
    assert_eq!(pull.in_force("project", "a").await.expect("figures"), Some((1, 1)));
    assert_eq!(pull.in_force("project", "b").await.expect("figures"), None);
    pull.rollback().await.expect("rolled back");
    assert!(store.snapshots().decide_held("project", "a", 2, SnapshotState::InForce, ENTRY).await.expect("settled"));
    assert!(!store.snapshots().decide_held("project", "a", 2, SnapshotState::Discarded, ENTRY).await.expect("settled"));
    assert!(store.snapshots().decide_held("project", "a", 3, SnapshotState::Discarded, ENTRY).await.expect("settled"));
    assert!(!store.snapshots().decide_held("project", "a", 3, SnapshotState::InForce, ENTRY).await.expect("settled"));
    assert!(
        !store.snapshots().decide_held("project", "a", 1, SnapshotState::Discarded, ENTRY).await.expect("settled"),
        "it was never held"
    );
    assert!(!store.snapshots().decide_held("project", "b", 2, SnapshotState::InForce, ENTRY).await.expect("settled"));
    assert_eq!(
        (state(1).await, state(2).await, state(3).await),
        (SnapshotState::InForce, SnapshotState::InForce, SnapshotState::Discarded)
    );
}

pub async fn a_discarded_file_pulled_twice_is_compared_with_the_one_in_force(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1), row("B", "乙", 2), row("C", "丙", 3)]).await;
    let wrong = [row("A", "甲", 1), row("B", "乙", 4000), row("D", "丁", 3)];
    let first = Take { rows: &wrong, state: SnapshotState::Held, ..Take::default() }.into(&store).await;
    assert!(store.snapshots().decide_held("project", "a", 2, SnapshotState::Discarded, ENTRY).await.expect("settled"));
    let second = Take { rows: &wrong, state: SnapshotState::Held, ..Take::default() }.into(&store).await;
    assert!(!second.identical, "a discarded snapshot says nothing");
    assert_eq!(second.difference, first.difference);
    assert_eq!(second.difference.amount_times, Some(("B".into(), 2000)));
    // one held, no decision yet: a new note does not slip the same rows past the brake
    let noted = Take { rows: &wrong, state: SnapshotState::Held, notes: &[note(9, "看")], ..Take::default() }.into(&store).await;
    assert_eq!((noted.seq, noted.difference), (4, first.difference));
    assert_eq!(read(&store, 1).await, ["A 甲 1 @1", "B 乙 2 @1", "C 丙 3 @1"]);
    assert_eq!(read(&store, 4).await, read(&store, 2).await);
}

pub async fn a_field_added_later_reads_as_empty(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1)]).await;
    let cells = [Cell::Text("B".into()), Cell::Text("备".into())];
    let other = NewRecord { body: packed(&cells).into(), ..row("B", "乙", 2) };
    let mut pull = store.pulls().begin().await.expect("a transaction");
    let mut writer = pull.writer("project", "b").await.expect("a writer");
    let layout = pull.layout(&mut writer, &["code".into(), "note".into()]).await.expect("a layout");
    let known = pull.layout(&mut writer, &FIELDS.map(String::from)).await.expect("a layout");
    assert_ne!(layout, known);
    pull.add(&mut writer, layout, other).await.expect("a row");
    pull.add(&mut writer, known, row("C", "丙", 3)).await.expect("a row");
    pull.finish_rows(&mut writer, &[]).await.expect("the rows");
    pull.commit().await.expect("committed");

    let today = ledger(&["name", "note", "code"]);
    let mut seen = Vec::new();
    for source in ["a", "b"] {
        store
            .records()
            .each(&today, source, 1, |stored| {
                let columns: Vec<usize> = stored.record.columns.iter().collect();
                seen.push((stored.record.cells.clone(), columns));
                Ok(())
            })
            .await
            .expect("records");
    }
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(
        seen,
        [
            (vec![text("甲"), Cell::Empty, text("A")], vec![0, 2]),
            (vec![Cell::Empty, text("备"), text("B")], vec![1, 2]),
            (vec![text("丙"), Cell::Empty, text("C")], vec![0, 2]),
        ]
    );
}

pub async fn bodies_survive(db: &Db) {
    let store = db.open().await;
    let day = |text: &str| Cell::Date(text.parse().expect("a day"));
    let cells = vec![
        Cell::Text("项目“甲”一期\n🏗️👷 𠮷'\";--".into()),
        Cell::Empty,
        Cell::Text("".into()),
        Cell::Money(i64::MIN),
        Cell::Money(i64::MAX),
        Cell::Int(-1),
        Cell::Int(i64::MIN),
        Cell::Decimal(Decimal { mantissa: i64::MAX, scale: 15 }),
        Cell::Decimal(Decimal { mantissa: -123, scale: 2 }),
        day("1899-12-31"),
        day("9999-12-31"),
        Cell::Bool(true),
        Cell::Bool(false),
        Cell::Empty,
        Cell::Empty,
    ];
    let ids: Vec<String> = (0..cells.len()).map(|index| format!("f{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let odd = NewRecord { body: packed(&cells).into(), amount: -5, unit: "𠮷县".into(), ..row("黔-GZ/1 '🙂'", "名", 0) };
    let blank = NewRecord { body: packed(&vec![Cell::Empty; ids.len()]).into(), ..row("Z", "", i64::MAX) };
    let pulled = Take { rows: &[odd.clone(), blank], fields: &ids, ..Take::default() }.into(&store).await;
    assert_eq!(pulled.difference.amount, i64::MAX - 5);
    let ledger = ledger(&ids);
    let mut found = Vec::new();
    store
        .records()
        .each(&ledger, "a", 1, |stored| {
            found.push(std::mem::take(stored.record));
            Ok(())
        })
        .await
        .expect("records");
    found.sort_by(|a, b| a.code.cmp(&b.code));
    assert_eq!((found[0].code.as_str(), &found[0].cells), ("Z", &vec![Cell::Empty; ids.len()]));
    assert_eq!((&*found[1].code, &found[1].cells), (&*odd.code, &cells));
    assert_eq!(found[0].columns.iter().count(), ids.len());
    assert_eq!(store.snapshots().list().await.expect("snapshots")[0].amount, i64::MAX - 5);
}

pub async fn notes_and_accounts_read_back(db: &Db) {
    let store = db.open().await;
    // more than one statement, in the order given
    let notes: Vec<Note> = (0..150).map(|row| note(row, &format!("原因{row}"))).collect();
    Take { rows: &[row("A", "甲", 1)], notes: &notes, ..Take::default() }.into(&store).await;
    assert_eq!(store.notes().of_snapshot("project", "a", 1).await.expect("notes"), notes);
    assert_eq!(store.notes().of_snapshot("project", "a", 2).await.expect("notes"), []);
    let snapshot = store.snapshots().list().await.expect("snapshots").remove(0);
    assert_eq!(snapshot.accounts, [SheetAccount { sheet: "项目".into(), read: 3, accepted: 2, quarantined: 1, ..SheetAccount::default() }]);
    assert_eq!(snapshot.origin, FileOrigin { file: "台账.xlsx".into(), sheets: vec!["封面".into(), "项目".into()] });
    assert_eq!((snapshot.file_sha256, snapshot.covers_on.to_string(), snapshot.sample), ("ab".repeat(32), "2026-09-30".into(), false));
}

pub async fn many_rows_are_read_once_over_batch_borders(db: &Db) {
    let store = db.open().await;
    // codes whose order differs between bytes and a dictionary
    let code = |number: i64| match number % 4 {
        0 => format!("gz-{number}"),
        1 => format!("GZ{number}"),
        2 => format!("贵{number}"),
        _ => format!("安_{number}"),
    };
    let rows: Vec<NewRecord<'_>> = (0..5000).map(|number| row(&code(number), "甲", number)).collect();
    let pulled = take(&store, &rows).await;
    assert_eq!((pulled.difference.added, pulled.difference.amount), (5000, 4999 * 2500));
    // exactly two batches
    let fewer = take(&store, &rows[..4000]).await;
    assert_eq!((fewer.difference.gone, fewer.difference.changed), (1000, 0));
    for (seq, count) in [(1, 5000), (2, 4000)] {
        let mut amounts = Vec::new();
        store
            .records()
            .each(&ledger(&FIELDS), "a", seq, |stored| {
                amounts.push(stored.record.cells[2].money());
                Ok(())
            })
            .await
            .expect("records");
        amounts.sort_unstable();
        assert_eq!(amounts, (0..count).map(Some).collect::<Vec<_>>());
    }
    let filter: Vec<String> = (0..1000).map(code).collect();
    assert_eq!(store.records().by_code(&ledger(&FIELDS), "a", 2, &filter).await.expect("records").len(), 1000);
}

pub async fn concurrent_pulls_of_one_source_follow_each_other(db: &Db) {
    let mut pulling = tokio::task::JoinSet::new();
    let stores = [db.open().await, db.open().await, db.open().await, db.open().await];
    for store in stores {
        let rows: Vec<NewRecord<'_>> = (0..100).map(|number| row(&format!("GZ{number}"), "甲", 1)).collect();
        pulling.spawn(async move { take(&store, &rows).await.identical });
    }
    let mut identical = pulling.join_all().await;
    identical.sort_unstable();
    assert_eq!(identical, [false, true, true, true]);
    let store = db.open().await;
    assert_eq!(store.snapshots().list().await.expect("snapshots").len(), 1);
    assert_eq!(read(&store, 1).await.len(), 100);
}

/// Codes of a whole comparison, page after page.
async fn only_in(store: &Store, side: Side<'_>, other: Side<'_>) -> Vec<String> {
    let ledger = ledger(&FIELDS);
    let mut codes: Vec<String> = Vec::new();
    loop {
        let after = codes.last().cloned().unwrap_or_default();
        let page = store.changes().only_in(&ledger, side, other, &after).await.expect("a page");
        if page.is_empty() {
            return codes;
        }
        codes.extend(page.into_iter().map(|stored| stored.record.code));
    }
}

pub async fn differences_are_counted_and_paged(db: &Db) {
    let store = db.open().await;
    let many = |from: usize, to: usize| (from..to).map(|number| row(&format!("贵{number:05}"), "甲", 1)).collect::<Vec<_>>();
    take(&store, &many(0, 1500)).await;
    let mut rows = many(10, 2600);
    rows[0] = row("贵00010", "甲", 7);
    take(&store, &rows).await;
    let (old, new, none) = (Side { source: "a", seq: 1 }, Side { source: "a", seq: 2 }, Side { source: "a", seq: 0 });
    let count = async |a, b| store.changes().count("project", a, b).await.expect("counts");
    assert_eq!(count(old, new).await, ChangeCounts { added: 1100, changed: 1, gone: 10 });
    assert_eq!(count(new, old).await, ChangeCounts { added: 10, changed: 1, gone: 1100 });
    assert_eq!(count(none, old).await, ChangeCounts { added: 1500, ..ChangeCounts::default() });
    assert_eq!(count(old, old).await, ChangeCounts::default());
    // several pages, each code once
    let mut added = only_in(&store, new, old).await;
    assert_eq!(added.len(), 1100);
    added.sort_unstable();
    added.dedup();
    assert_eq!((added.len(), added[0].as_str()), (1100, "贵01500"));
    assert_eq!(only_in(&store, old, new).await.len(), 10);
    let ledger = ledger(&FIELDS);
    let changed = store.changes().changed(&ledger, old, new, "").await.expect("a page");
    let [(before, now)] = &changed[..] else { panic!("{} changed", changed.len()) };
    assert_eq!((before.record.code.as_str(), before.first_seq, now.first_seq), ("贵00010", 1, 2));
    assert_eq!((before.record.cells[2].money(), now.record.cells[2].money()), (Some(1), Some(7)));
    assert!(store.changes().changed(&ledger, old, new, "贵00010").await.expect("a page").is_empty());
    // another source is another register
    assert_eq!(count(Side { source: "b", seq: 1 }, new).await.added, 2590);
}

pub async fn gone_codes_are_confirmed_once(db: &Db) {
    let store = db.open().await;
    take(&store, &[row("A", "甲", 1), row("B", "乙", 2)]).await;
    take(&store, &[row("A", "甲", 1), row("B", "乙二", 2)]).await;
    take(&store, &[row("A", "甲", 1)]).await;
    let mut absent = Vec::new();
    store.gone().each_absent("project", "a", 3, |found| absent.push(found)).await.expect("codes");
    let spans: Vec<(&str, &str, Version)> = absent.iter().map(|found| (found.code.as_str(), found.name.as_str(), found.version)).collect();
    assert_eq!(spans, [("B", "乙", Version { first_seq: 1, last_seq: 1 }), ("B", "乙二", Version { first_seq: 2, last_seq: 2 })]);
    assert_eq!(store.gone().versions("project", "a", "B").await.expect("versions"), absent);
    assert_eq!((absent[0].unit.as_str(), absent[0].sheet, absent[0].row), ("甲县", 1, 7));
    let mut none = 0;
    store.gone().each_absent("project", "a", 2, |_| none += 1).await.expect("codes");
    assert_eq!(none, 0, "both stand in the second");

    let confirmed = GoneConfirmation {
        ledger: "project".into(),
        source: "a".into(),
        code: "B".into(),
        seen_seq: 2,
        confirmed_at: AT.into(),
        who: "张三".into(),
        reason: "合同已解除".into(),
    };
    assert!(store.gone().confirm(&confirmed).await.expect("a word"));
    assert!(
        !store.gone().confirm(&GoneConfirmation { who: "李四".into(), ..confirmed.clone() }).await.expect("a word"),
        "the first stands"
    );
    let later = GoneConfirmation { seen_seq: 4, ..confirmed.clone() };
    assert!(store.gone().confirm(&later).await.expect("a word"), "it came back and went again");
    assert_eq!(store.gone().confirmed().await.expect("words"), [confirmed, later]);
    let raw = db.raw().await;
    let rows = sqlx::query("SELECT who, what, object, reason FROM audit WHERE what<>'snapshot taken' ORDER BY id")
        .fetch_all(&raw)
        .await
        .expect("lines");
    let lines: Vec<String> = rows.iter().map(|row| (0..4).map(|at| row.get::<String, _>(at)).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, ["张三 confirm gone project/a/B 合同已解除"; 2], "one line for each word that counts");
    raw.close().await;
}

pub async fn notes_come_in_pages(db: &Db) {
    let store = db.open().await;
    let notes: Vec<Note> = (0..6000).map(|row| note(row, "不是日期")).collect();
    Take { rows: &[row("A", "甲", 1)], notes: &notes, ..Take::default() }.into(&store).await;
    let mut keys = Vec::new();
    store.notes().each("project", "a", 1, |no, note| keys.push((no, note.kind, note.unit))).await.expect("keys");
    assert_eq!(keys.len(), 6000);
    assert!(keys.iter().enumerate().all(|(at, key)| *key == (at as i64, NoteKind::Quarantined, "甲县".to_owned())));
    let asked: Vec<i64> = (0..600).rev().map(|number| number * 10).collect();
    let found = store.notes().numbered("project", "a", 1, &asked).await.expect("notes");
    assert!(found.iter().zip(&asked).all(|(note, no)| i64::from(note.row) == *no) && found.len() == 600);
    assert!(store.notes().numbered("project", "a", 1, &[6000]).await.is_err(), "no such note");
}

pub async fn a_code_is_found_in_every_snapshot(db: &Db) {
    let store = db.open().await;
    let noted = [Note { kind: NoteKind::Warning, ..note(7, "改了写法") }];
    Take { rows: &[row("GZ1", "甲", 1), row("GZ2", "乙", 2), row("G%1", "丙", 3)], notes: &noted, ..Take::default() }.into(&store).await;
    take(&store, &[row("GZ1", "甲改", 1), row("GZ2", "乙", 2)]).await;
    let held = store.records().holdings("project", "GZ1").await.expect("holdings");
    assert_eq!(held.iter().map(|held| (held.first_seq, held.last_seq)).collect::<Vec<_>>(), [(2, i64::MAX), (1, 1)]);
    assert_eq!(store.records().holdings("project", "G%1").await.expect("holdings").len(), 1);
    assert_eq!(store.records().holdings("project", "GZ3").await.expect("holdings"), []);
    let codes = async |seq: i64, start: &str| {
        store
            .records()
            .codes_with_prefix("project", "a", seq, start, 10)
            .await
            .expect("codes")
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
    };
    let set = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(codes(2, "GZ").await, set(&["GZ1", "GZ2"]));
    assert_eq!(codes(1, "").await, set(&["GZ1", "GZ2", "G%1"]));
    assert_eq!(codes(1, "G%").await, set(&["G%1"]), "no pattern");
    assert_eq!(store.records().codes_with_prefix("project", "a", 1, "", 2).await.expect("codes").len(), 2);
    let notes = store.notes().of_code("project", "a", 1, "GZ1").await.expect("notes");
    assert_eq!(notes, noted);
    assert!(store.notes().of_code("project", "a", 1, "GZ2").await.expect("notes").is_empty());
}

/// The next pull reads the open versions from a few packed rows; behind a held snapshot it reads the records themselves. With debug
/// assertions every pull checks that both are equal.
pub async fn open_versions_are_packed(db: &Db) {
    let store = db.open().await;
    let raw = db.raw().await;
    let parts = async || {
        let row =
            sqlx::query("SELECT COUNT(*) AS parts, CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM open_part").fetch_one(&raw).await;
        let row = row.expect("the parts");
        (row.get::<i64, _>("parts"), row.get::<i64, _>("seq"))
    };
    let many: Vec<NewRecord<'_>> = (0..20_000).map(|number| row(&format!("GZ{number:06}"), "甲", number)).collect();
    take(&store, &many).await;
    assert_eq!(parts().await, (3, 1), "some thousand rows to a part");
    take(&store, &many).await;
    assert_eq!(parts().await, (3, 1), "nothing new: the list stands");
    Take { rows: &many[..10], retained: &["GZ000011"], state: SnapshotState::Held, ..Take::default() }.into(&store).await;
    assert_eq!(parts().await, (1, 2));
    take(&store, &many).await;
    assert_eq!(parts().await, (0, 0), "versions came back that this pull did not see");
    let last = take(&store, &many[1..]).await;
    assert_eq!((last.difference.gone, last.difference.changed, parts().await), (1, 0, (3, last.seq)));
    // a damaged list is an error
    sqlx::query("UPDATE open_part SET body=$1 WHERE part=0").bind(vec![0xffu8; 9]).execute(&raw).await.expect("damage");
    let mut pull = store.pulls().begin().await.expect("a transaction");
    let message = pull.writer("project", "a").await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("open rows") && message.contains("project/a/"), "{message}");
}
