//! Children that a file has taken over: what they send is none of ours, and the file is left to a person. Nothing of it is stored, and the service
//! neither dies nor waits.

use crate::helpers::{duban, edit, fresh_root, import, stderr, stdout};
use duban::app::compose::App;
use duban::clock::Clock;
use duban::worker::import::feedback::Sender;
use duban::worker::import::input::Input;
use duban::worker::import::pull_report::{PullError, PullReport};
use duban::worker::import::puller::PullRequest;
use serde::Serialize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a child that takes in sends, as the service reads it.
#[allow(dead_code, reason = "the order of the variants is the format")]
#[derive(Clone, Serialize)]
enum Taken {
    Sheet { name: String, visible: bool },
    Ledger { ledger: u32, columns: u128 },
    HeaderNote(Note),
    Note(Note),
    Mark { code: String, cell: String, header: String },
    Classified { row: u32, header: Option<String> },
    Unchanged { row: u32, fingerprint: [u8; 16] },
    Accepted { row: u32, fingerprint: Option<[u8; 16]>, body: Vec<u8> },
    Passed { code: String },
    Quarantined { code: String },
    Skipped,
    RowEnd,
    About(About),
    SheetEnd { read: u64, accepted: u64, quarantined: u64, skipped: u64, hidden_rows: u64, unlisted: [u64; 3], covers_on: Option<String> },
    Unusable,
    Form { number: Option<(String, String, i64, String)>, who: String, filled_on: Option<String> },
}

#[derive(Clone, Serialize)]
struct Note(u32, u32, [String; 9], bool);

#[allow(dead_code, reason = "the order of the variants is the format")]
#[derive(Clone, Serialize)]
enum About {
    Column(String, String),
    Unit(String, String),
    Unknown(String, String),
    Undecided(String),
    Doubt(String),
    Unread(String),
}

/// Kinds of blocks: see `src/source/frame.rs`.
const FRAMES: u8 = 0;
const END: u8 = 2;
const LEVEL: u8 = 4;

fn block(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn packed(frames: &[Taken]) -> Vec<u8> {
    frames.iter().flat_map(|frame| postcard::to_allocvec(frame).expect("a frame")).collect()
}

/// A stream of these frames, with its beginning and its end.
fn stream(frames: &[Taken]) -> Vec<u8> {
    stream_of(&packed(frames))
}

fn stream_of(packed: &[u8]) -> Vec<u8> {
    let mut sent = block(LEVEL, &[0]);
    for bytes in packed.chunks(256 * 1024) {
        sent.extend_from_slice(&block(FRAMES, bytes));
    }
    sent.extend_from_slice(&block(END, &[]));
    sent
}

/// A program whose children of these subcommands (as a shell matches them) send the contents of a file and then run `then`. Otherwise it is ours.
fn taken_over(folder: &Path, subcommands: &str, sent: &[u8], then: &str) -> std::path::PathBuf {
    let (program, forged) = (folder.join("taken-over"), folder.join("forged"));
    std::fs::write(&forged, sent).expect("written");
    let ours = env!("CARGO_BIN_EXE_duban");
    let text = format!("#!/bin/sh\ncase \"$1\" in {subcommands}) /bin/cat {}; {then} ;; *) exec {ours} \"$@\" ;; esac\n", forged.display());
    std::fs::write(&program, text).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("a program");
    program
}

/// Rows that make a file so long that one child parses it and another takes it in.
fn many_rows() -> String {
    (100..6000).map(|number| format!("GZ{number},乙项目,瓮安县,\n")).collect()
}

async fn service(root: &Path, program: std::path::PathBuf) -> App {
    App::open_with(root, Clock::manual("2026-11-23T01:00:00Z".parse().expect("a time")), program).await.expect("a service")
}

async fn pull(service: &App) -> Result<PullReport, PullError> {
    let path = service.root().join("register.csv");
    std::fs::write(&path, "项目编号,项目名称,县（市、区）\nGZ1,甲,瓮安县\n").expect("written");
    pull_of(service, &path).await
}

async fn pull_of(service: &App, path: &Path) -> Result<PullReport, PullError> {
    let input = Input::File(path.to_owned());
    let request = PullRequest { input, source: "import".into(), sample: false, covers_on: None, accept: false, only: None };
    service.importer().pull(&service.config().policy, &request).await
}

/// The frames of the sheet of a register with one row, as the child sends them that nobody has taken over.
struct Honest {
    columns: u128,
    ledger: u32,
    body: Vec<u8>,
}

impl Honest {
    fn new(app: &App) -> Honest {
        let policy = &app.config().policy;
        let ledger = policy.ledger("project").expect("projects");
        let fields = ["code", "name", "county"].map(|id| policy.ledgers[ledger].field(id).expect("a field"));
        assert!(fields.is_sorted(), "cells come in the order of the fields");
        let columns = fields.iter().fold(0, |columns, field| columns | 1 << field);
        Honest { columns, ledger: ledger as u32, body: body(&["GZ1", "甲", "瓮安县"]) }
    }

    fn begin(&self) -> Vec<Taken> {
        vec![
            Taken::Sheet { name: "表".into(), visible: true },
            Taken::RowEnd,
            Taken::RowEnd,
            Taken::Ledger { ledger: self.ledger, columns: self.columns },
        ]
    }

    fn row(&self) -> Taken {
        Taken::Accepted { row: 2, fingerprint: None, body: self.body.clone() }
    }

    /// The sheet with these frames behind its header.
    fn with(&self, frames: &[Taken], accepted: u64) -> Vec<u8> {
        stream(&[&self.begin(), frames, &[end(accepted, accepted)]].concat())
    }

    /// The sheet with one frame many times behind its header.
    fn with_many(&self, frame: &Taken, count: usize) -> Vec<u8> {
        stream_of(&[packed(&self.begin()), packed(std::slice::from_ref(frame)).repeat(count), packed(&[end(0, 0)])].concat())
    }
}

/// A body of texts.
fn body(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| [&[1, text.len() as u8][..], text.as_bytes()].concat()).collect()
}

fn end(read: u64, accepted: u64) -> Taken {
    Taken::SheetEnd { read, accepted, quarantined: 0, skipped: 0, hidden_rows: 0, unlisted: [0; 3], covers_on: None }
}

fn note(row: u32, text: &str) -> Note {
    Note(0, row, std::array::from_fn(|_| text.to_owned()), false)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_child_forges_of_a_register_is_not_stored() {
    let root = fresh_root();
    let known = service(root.path(), env!("CARGO_BIN_EXE_duban").into()).await;
    let honest = Honest::new(&known);
    known.store().close().await;
    let row = |body: Vec<u8>| Taken::Accepted { row: 2, fingerprint: None, body };
    let texts = |cells: &[&str]| honest.with(&[row(body(cells))], 1);
    let many = |frame: Taken, count: usize| honest.with_many(&frame, count);
    let whole = honest.with(&[honest.row()], 1);
    let forged: Vec<(&str, Vec<u8>)> = vec![
        ("bytes that are no frame", [block(LEVEL, &[0]), block(FRAMES, &[200, 200, 200]), block(END, &[])].concat()),
        ("a block too long", [&block(LEVEL, &[0])[..], &[FRAMES, 255, 255, 255, 127]].concat()),
        ("nothing", Vec::new()),
        ("a stream cut off", whole[..whole.len() - 6].to_vec()),
        ("no end", whole[..whole.len() - 5].to_vec()),
        (
            "a ledger that does not exist",
            stream(&[Taken::Sheet { name: "表".into(), visible: true }, Taken::Ledger { ledger: 99, columns: 1 }]),
        ),
        (
            "a field that does not exist",
            stream(&[Taken::Sheet { name: "表".into(), visible: true }, Taken::Ledger { ledger: 0, columns: 1 << 127 }]),
        ),
        ("a second header", honest.with(&[Taken::Ledger { ledger: honest.ledger, columns: honest.columns }], 0)),
        ("a row before the header", stream(&[Taken::Sheet { name: "表".into(), visible: true }, Taken::RowEnd, honest.row(), end(1, 1)])),
        ("a row of no sheet", stream(&[honest.row()])),
        ("a mark before the header", {
            let mark = Taken::Mark { code: "GZ1".into(), cell: "是".into(), header: String::new() };
            stream(&[Taken::Sheet { name: "表".into(), visible: true }, mark, end(0, 0)])
        }),
        ("a cell too few", texts(&["GZ1", "甲"])),
        ("a cell too many", texts(&["GZ1", "甲", "瓮安县", "乙"])),
        ("a row without a code", texts(&["", "甲", "瓮安县"])),
        ("a text that no database holds", texts(&["GZ1", "甲\0", "瓮安县"])),
        ("a text that is none", honest.with(&[row([&body(&["GZ1", "甲"])[..], &[1, 2, 0xff, 0xff]].concat())], 1)),
        ("a number in a field of text", honest.with(&[row([&body(&["GZ1", "甲"])[..], &[5, 2]].concat())], 1)),
        ("a text that no cell holds", {
            let text = "长".repeat(40_000);
            let length = [(text.len() & 127 | 128) as u8, (text.len() >> 7 & 127 | 128) as u8, (text.len() >> 14) as u8];
            honest.with(&[row([&body(&["GZ1"])[..], &[1], &length, text.as_bytes(), &body(&["瓮安县"])].concat())], 1)
        }),
        ("blanks without end", honest.with(&[row([&body(&["GZ1"])[..], &[8, 255, 255, 255, 255, 15]].concat())], 1)),
        ("a length beyond the frame", honest.with(&[row([&body(&["GZ1", "甲"])[..], &[1, 255, 255, 3, 65]].concat())], 1)),
        ("an unchanged row that nobody knows", honest.with(&[Taken::Unchanged { row: 2, fingerprint: [7; 16] }], 1)),
        ("more rows of data than rows", honest.with(&vec![honest.row(); 9], 9)),
        ("an account that does not add up", stream(&[&honest.begin()[..], &[honest.row(), end(2, 1)]].concat())),
        ("an account that is not that of its rows", stream(&[&honest.begin()[..], &[honest.row(), end(0, 0)]].concat())),
        ("a sheet without an end", stream(&[&honest.begin()[..], &[honest.row()]].concat())),
        ("a sheet within a sheet", stream(&vec![Taken::Sheet { name: "表".into(), visible: true }; 2])),
        ("too many sheets", stream(&vec![Taken::Sheet { name: "表".into(), visible: false }; 501])),
        ("rows without end", many(Taken::RowEnd, 9_000_000)),
        ("notes on the sheet without end", many(Taken::Note(note(0, "")), 70_000)),
        ("a note too long", many(Taken::Note(note(2, &"长".repeat(50_000))), 1)),
        ("pieces without end", many(Taken::About(About::Doubt(String::new())), 70_000)),
        ("a column of no field", honest.with(&[honest.row(), Taken::About(About::Column("nothing".into(), "A".into()))], 1)),
        ("marks without end", {
            let mark =
                |number: u32| Taken::Mark { code: format!("{number}{}", "长".repeat(2000)), cell: "是".into(), header: String::new() };
            honest.with(&(0..20_000).map(mark).collect::<Vec<_>>(), 0)
        }),
        ("a row to store of a file with state secrets", {
            let grade = Taken::Classified { row: 2, header: Some("密级".into()) };
            honest.with(&[grade, honest.row()], 1)
        }),
        ("a file that is said to be unusable", honest.with(&[honest.row(), Taken::Unusable], 1)),
        ("a frame of a form", honest.with(&[Taken::Form { number: None, who: String::new(), filled_on: None }], 0)),
        ("a day of no year", {
            let covers_on = Some("+200000-01-01".to_owned());
            let end = Taken::SheetEnd { read: 0, accepted: 0, quarantined: 0, skipped: 0, hidden_rows: 0, unlisted: [0; 3], covers_on };
            stream(&[&honest.begin()[..], &[end]].concat())
        }),
    ];
    for (what, sent) in forged {
        let service = service(root.path(), taken_over(root.path(), "take-in*", &sent, "exit")).await;
        match pull(&service).await {
            Err(PullError::ReaderEnded { refusal, .. }) => assert!(!refusal.reason.is_empty() && !refusal.hint.is_empty(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert!(service.store().snapshots().list().await.expect("snapshots").is_empty(), "{what}");
        service.store().close().await;
    }
    // the same frames, unforged
    let service = service(root.path(), taken_over(root.path(), "take-in*", &whole, "exit")).await;
    let report = pull(&service).await.expect("a pull");
    assert_eq!(report.ledgers.iter().map(|ledger| (ledger.accepted, ledger.quarantined)).collect::<Vec<_>>(), [(1, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_child_forges_of_a_form_is_not_taken() {
    let root = fresh_root();
    let sheet = || Taken::Sheet { name: "反馈表".into(), visible: true };
    let header = || Taken::Ledger { ledger: 0, columns: 1 };
    let row = |text: &str| Taken::Accepted { row: 2, fingerprint: None, body: body(&[text]) };
    let grade = || Taken::Classified { row: 1, header: None };
    let forged: Vec<(&str, Vec<u8>)> = vec![
        ("bytes that are no frame", [block(LEVEL, &[0]), block(FRAMES, &[200, 200, 200]), block(END, &[])].concat()),
        ("a row before the header", stream(&[sheet(), row("GZ1"), end(1, 1)])),
        ("a row without a code", stream(&[sheet(), header(), row(""), end(1, 1)])),
        ("an account that is not that of its rows", stream(&[sheet(), header(), row("GZ1"), end(2, 2)])),
        ("a ledger that does not exist", stream(&[sheet(), Taken::Ledger { ledger: 99, columns: 1 }])),
        ("rows without end", stream(&[vec![sheet(), header()], vec![row("GZ1"); 20_001]].concat())),
        ("grades without end", stream(&[vec![sheet(), header()], vec![grade(); 500_000]].concat())),
        ("a frame of a register", stream(&[sheet(), Taken::RowEnd])),
    ];
    for (what, sent) in forged {
        let service = service(root.path(), taken_over(root.path(), "take-in*", &sent, "exit")).await;
        let path = root.path().join("反馈表.csv");
        std::fs::write(&path, format!("{what}\n")).expect("written");
        let sender = Sender { user: "test".into(), clerk: None, why: String::new() };
        let taken = service.importer().take_form(&service.config().policy, &path, &sender).await;
        assert!(matches!(taken, Err(PullError::ReaderEnded { .. })), "{what}: {taken:?}");
        service.store().close().await;
    }
}

/// The child that takes in is not taken over by the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_parsing_child_forges_is_not_taken_in() {
    let root = fresh_root();
    let forged: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("a block too long", [&block(LEVEL, &[0])[..], &[FRAMES, 255, 255, 255, 127]].concat()),
        ("bytes that are no frame", [block(LEVEL, &[0]), block(FRAMES, &[9, 9, 9]), block(END, &[])].concat()),
        ("no end", [block(LEVEL, &[0]), block(FRAMES, &[0, 0, 1, 0, 0, 0])].concat()),
    ];
    for (what, sent) in forged {
        let service = service(root.path(), taken_over(root.path(), "parse-file", &sent, "exit")).await;
        let path = root.path().join("long.csv");
        std::fs::write(&path, format!("项目编号,项目名称,县（市、区）\n{}", many_rows())).expect("written");
        let pulled = pull_of(&service, &path).await;
        assert!(matches!(pulled, Err(PullError::ReaderEnded { .. })), "{what}: {pulled:?}");
        service.store().close().await;
    }
}

/// A child that hangs is ended with its time. The marks of the rows that were read count.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_hangs_is_ended_and_what_it_has_read_is_restricted() {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "# [brake]", "[limits]\nparse_seconds = 1\n\n# [brake]");
    let head = "项目编号,项目名称,县（市、区）,是否涉密\n";
    let known = import(root.path(), "known.csv", format!("{head}GZ1,甲,瓮安县,\nGZ2,乙,瓮安县,\n"), &[]);
    assert_eq!(known.status.code(), Some(0), "{}", stderr(&known));
    let path = root.path().join("marked.csv");
    std::fs::write(&path, format!("{head}GZ1,甲,瓮安县,是\nGZ2,乙,瓮安县,\n{}", many_rows())).expect("written");
    let ours = env!("CARGO_BIN_EXE_duban");
    let parsed = std::process::Command::new(ours)
        .args(["parse-file", "1", "2048", "9", "10000", "1000"])
        .stdin(std::fs::File::open(&path).expect("the file"))
        .output()
        .expect("rows");
    for hanging in ["parse-file", "take-in*"] {
        // all rows without the block of the end, or the level alone
        let sent = if hanging == "parse-file" { &parsed.stdout[..parsed.stdout.len() - 5] } else { &parsed.stdout[..6] };
        let program = taken_over(root.path(), hanging, sent, "exec /bin/sleep 600");
        let service = service(root.path(), program).await;
        let pulled = pull_of(&service, &path).await;
        assert!(
            matches!(&pulled, Err(PullError::ReaderEnded { refusal, .. }) if refusal.reason.contains("超过1秒")),
            "{hanging}: {pulled:?}"
        );
        service.store().close().await;
        let restricted = stdout(&duban(root.path(), &["restricted", "list"]));
        assert!(restricted.contains("GZ1") && !restricted.contains("GZ2"), "{hanging}: {restricted}");
    }
}
