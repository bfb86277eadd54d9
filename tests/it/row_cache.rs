//! The row cache: a row that has not changed since the previous pull is counted and not read. Whatever a clerk does to a register between two
//! pulls, the result is that of reading the register for the first time. A failure prints its seed.

use super::helpers::{edit, fresh_root, seeds, service};
use duban::app::compose::App;
use duban::domain::intake::note::Note;
use duban::domain::register::record::Cell;
use duban::worker::import::input::Input;
use duban::worker::import::pull_report::LedgerPull;
use duban::worker::import::puller::PullRequest;
use fastrand::Rng;
use rust_xlsxwriter::{Format, Workbook};
use std::path::Path;

const NOW: &str = "2026-10-08T01:00:00Z";

/// A row of a register: code, name, city, county, amount, signed, started.
#[derive(Clone)]
struct RegisterRow {
    cells: [String; 7],
    hidden: bool,
}

fn register_row(dice: &mut Rng, number: usize) -> RegisterRow {
    let day = |dice: &mut Rng| match dice.usize(..60) {
        0 => "2023-02-30".to_owned(),
        1 => "2026年1月".to_owned(),
        2 => String::new(),
        3 => "待定".to_owned(),
        _ => format!("2025-{:02}-{:02}", dice.usize(..12) + 1, dice.usize(..28) + 1),
    };
    let amount = match dice.usize(..60) {
        0 => "1.5亿元".to_owned(),
        1 => "abc".to_owned(),
        2 => String::new(),
        _ => format!("{}.{:02}", dice.usize(..90), dice.usize(..100)),
    };
    let county = match dice.usize(..40) {
        0 => "不知道的县",
        1 => "",
        _ => dice.choice(&["瓮安县", "福泉市"]).expect("one"),
    };
    let county = county.to_owned();
    let (signed, started) = (day(dice), day(dice));
    let cells = [format!("GZ{number}"), format!("项目{number}"), "黔南州".into(), county, amount, signed, started];
    RegisterRow { cells, hidden: dice.usize(..20) == 0 }
}

/// A row without data: a heading, a remark or a total.
fn non_data_row(dice: &mut Rng) -> RegisterRow {
    let mut cells: [String; 7] = Default::default();
    match dice.usize(..3) {
        0 => cells[0] = "一、工业项目".into(),
        1 => cells[0] = "备注：以上为截至目前数据".into(),
        _ => {
            cells[0] = (*dice.choice(&["小计", "合计"]).expect("one")).into();
            cells[4] = dice.usize(..3000).to_string();
        }
    }
    RegisterRow { cells, hidden: false }
}

/// Changes a register as clerks do between two pulls.
fn change(dice: &mut Rng, rows: &mut Vec<RegisterRow>, next: &mut usize) {
    for _ in 0..dice.usize(..6) {
        let at = dice.usize(..rows.len());
        match dice.usize(..8) {
            0 => {
                rows.remove(at);
            }
            1 => {
                *next += 1;
                rows.insert(at, register_row(dice, *next));
            }
            2 => rows.insert(at, non_data_row(dice)),
            3 => {
                let other = dice.usize(..rows.len());
                rows.swap(at, other);
            }
            // a duplicate code: of the same row, or of another one
            4 => rows.push(rows[at].clone()),
            5 => {
                let mut other = register_row(dice, 0);
                other.cells[0] = rows[at].cells[0].clone();
                rows.insert(dice.usize(..rows.len()), other);
            }
            6 => rows[at].hidden = !rows[at].hidden,
            _ => {
                let (column, fresh) = (dice.usize(..5) + 2, register_row(dice, 0));
                rows[at].cells[column] = fresh.cells[column].clone();
            }
        }
    }
}

fn write(path: &Path, dice: &mut Rng, rows: &[RegisterRow], with_merges: bool) {
    let mut book = Workbook::new();
    let halves = rows.split_at(rows.len() / 2);
    for (name, part) in [("甲", halves.0), ("乙", halves.1)] {
        let page = book.add_worksheet().set_name(name).expect("a name");
        if with_merges {
            let first = 3 + dice.usize(..part.len().saturating_sub(6).max(1)) as u32;
            page.merge_range(first, 2, first + 2, 2, "", &Format::new()).expect("a merge");
        }
        for (column, title) in
            ["项目编号", "项目名称", "市（州）", "县（市、区）", "合同投资额", "签约时间", "录入平台时间"].iter().enumerate()
        {
            page.write_string(0, column as u16, *title).expect("a header");
        }
        for (row, line) in part.iter().enumerate() {
            let row = row as u32 + 1;
            if line.hidden {
                page.set_row_hidden(row).expect("a row");
            }
            for (column, text) in line.cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                match text.parse::<f64>() {
                    Ok(number) => page.write_number(row, column as u16, number),
                    Err(_) => page.write_string(row, column as u16, text),
                }
                .expect("a cell");
            }
        }
    }
    book.save(path).expect("a workbook");
}

async fn pull(service: &App, path: &Path) -> LedgerPull {
    let request = PullRequest {
        input: Input::File(path.to_owned()),
        source: "import".into(),
        sample: false,
        covers_on: "2026-09-30".parse().ok(),
        accept: true,
        only: None,
    };
    let report = service.importer().pull(&service.config().policy, &request).await.expect("a pull");
    report.ledgers.into_iter().next().expect("a ledger")
}

/// Records, notes and counts of a snapshot; the places of rows are left out, since those of unchanged rows stay.
async fn content(service: &App, pulled: &LedgerPull) -> (Vec<(String, Vec<Cell>)>, Vec<Note>, String) {
    let ledger = &service.config().policy.ledgers[service.config().policy.ledger("project").expect("projects")];
    let mut records = Vec::new();
    let each = service.store().records().each(ledger, "import", pulled.seq, |streamed| {
        records.push((streamed.record.code.clone(), streamed.record.cells.clone()));
        Ok(())
    });
    each.await.expect("the records");
    let notes = service.store().notes().of_snapshot("project", "import", pulled.seq).await.expect("the notes");
    let counts = format!(
        "{:?} {} {} {} {} {} {}",
        pulled.accounts,
        pulled.accepted,
        pulled.quarantined,
        pulled.skipped,
        pulled.warnings,
        pulled.difference.rows,
        pulled.difference.amount
    );
    (records, notes, counts)
}

#[tokio::test]
async fn a_second_pull_gives_the_same_as_a_first_one() {
    let mut unchanged = 0;
    for seed in seeds(6) {
        let mut dice = Rng::with_seed(seed * 104_729 + 11);
        let root = fresh_root();
        let old = service(root.path(), NOW).await;
        // the first thirty rows are buffered until the header is found, and are read at every pull
        let mut next = 240;
        let mut rows: Vec<RegisterRow> = (1..=next).map(|number| register_row(&mut dice, number)).collect();
        let with_merges = seed % 2 == 1;
        for round in 0..5 {
            let path = root.path().join(format!("register{round}.xlsx"));
            write(&path, &mut dice, &rows, with_merges);
            let repeated = pull(&old, &path).await;
            let other = fresh_root();
            let new = service(other.path(), NOW).await;
            let first = pull(&new, &path).await;
            assert_eq!(first.unchanged, 0, "the cache is empty before the first pull");
            if round == 0 {
                assert_eq!(repeated.unchanged, 0);
            } else {
                unchanged += repeated.unchanged;
            }
            // a quarantined code keeps its last accepted version, which a first pull does not have
            let quarantined: Vec<&str> =
                first.notes.iter().filter(|note| note.kind.code() == "quarantined").map(|note| note.code.as_str()).collect();
            let ((records, notes, counts), (first_records, first_notes, first_counts)) =
                (content(&old, &repeated).await, content(&new, &first).await);
            let accepted = |records: Vec<(String, Vec<Cell>)>| -> Vec<(String, Vec<Cell>)> {
                records.into_iter().filter(|(code, _)| !quarantined.contains(&code.as_str())).collect()
            };
            assert_eq!(accepted(records), accepted(first_records), "seed {seed}, round {round}");
            let without_hint = |mut notes: Vec<Note>| {
                for note in &mut notes {
                    note.hint = note.hint.replace("；改正前，该编号仍按上次入库的内容计", "");
                }
                notes
            };
            assert!(without_hint(notes) == without_hint(first_notes), "seed {seed}, round {round}");
            if quarantined.is_empty() {
                assert_eq!(counts, first_counts, "seed {seed}, round {round}");
            }
            let accounts = (&repeated.accounts, repeated.accepted, repeated.quarantined, repeated.skipped, repeated.warnings);
            assert_eq!(
                accounts,
                (&first.accounts, first.accepted, first.quarantined, first.skipped, first.warnings),
                "seed {seed}, round {round}"
            );
            assert!(repeated.accounts.iter().all(|account| account.adds_up()));
            change(&mut dice, &mut rows, &mut next);
        }
    }
    assert!(unchanged > 1500, "only {unchanged} rows came from the cache");
}

#[tokio::test]
async fn a_row_is_read_when_its_reading_could_differ() {
    let root = fresh_root();
    let path = root.path().join("register.xlsx");
    let mut dice = Rng::with_seed(5);
    let mut rows: Vec<RegisterRow> = (1..=240).map(|number| register_row(&mut dice, number)).collect();
    write(&path, &mut dice, &rows, false);
    let first = service(root.path(), NOW).await;
    pull(&first, &path).await;
    assert!(pull(&first, &path).await.unchanged > 100);
    // two columns change places
    for line in &mut rows {
        line.cells.swap(5, 6);
    }
    let moved = root.path().join("moved.xlsx");
    write(&moved, &mut dice, &rows, false);
    assert!(pull(&first, &moved).await.unchanged < 10, "only rows whose dates are the same");
    pull(&first, &path).await;
    assert!(pull(&first, &path).await.unchanged > 100);
    // the year bounds plausible dates
    assert_eq!(pull(&service(root.path(), "2027-01-08T01:00:00Z").await, &path).await.unchanged, 0);
    // a new alias of the ledger
    edit(root.path(), "config/ledgers/project.toml", "aliases = [\"名称\"]", "aliases = [\"名称\", \"项目\"]");
    assert_eq!(pull(&service(root.path(), NOW).await, &path).await.unchanged, 0);
}
