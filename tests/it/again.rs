//! A row that stands as it stood is counted and not read once more: whatever a clerk does to a register between two pulls, the result is
//! that of reading it for the first time. A failure prints its seed.

use super::helpers::{edit, fresh_root, service};
use super::properties::Dice;
use duban::app::compose::App;
use duban::domain::intake::note::Note;
use duban::domain::register::record::Cell;
use duban::worker::import::input::Input;
use duban::worker::import::puller::{LedgerPull, PullRequest};
use rust_xlsxwriter::{Format, Workbook};
use std::path::Path;

const NOW: &str = "2026-10-08T01:00:00Z";

/// A row as a clerk keeps it: code, name, city, county, amount, signed, started.
#[derive(Clone)]
struct Line {
    cells: [String; 7],
    hidden: bool,
}

fn line(dice: &mut Dice, number: usize) -> Line {
    let day = |dice: &mut Dice| match dice.roll(60) {
        0 => "2023-02-30".to_owned(),
        1 => "2026年1月".to_owned(),
        2 => String::new(),
        3 => "待定".to_owned(),
        _ => format!("2025-{:02}-{:02}", dice.roll(12) + 1, dice.roll(28) + 1),
    };
    let amount = match dice.roll(60) {
        0 => "1.5亿元".to_owned(),
        1 => "abc".to_owned(),
        2 => String::new(),
        _ => format!("{}.{:02}", dice.roll(90), dice.roll(100)),
    };
    let county = match dice.roll(40) {
        0 => "不知道的县",
        1 => "",
        _ => dice.pick(&["瓮安县", "福泉市"]),
    };
    let county = county.to_owned();
    let (signed, started) = (day(dice), day(dice));
    let cells = [format!("GZ{number}"), format!("项目{number}"), "黔南州".into(), county, amount, signed, started];
    Line { cells, hidden: dice.chance(20) }
}

/// A line that is none of data.
fn remark(dice: &mut Dice) -> Line {
    let mut cells: [String; 7] = Default::default();
    match dice.roll(3) {
        0 => cells[0] = "一、工业项目".into(),
        1 => cells[0] = "备注：以上为截至目前数据".into(),
        _ => {
            cells[0] = (*dice.pick(&["小计", "合计"])).into();
            cells[4] = dice.roll(3000).to_string();
        }
    }
    Line { cells, hidden: false }
}

/// What happens to a register between two pulls.
fn work_on(dice: &mut Dice, lines: &mut Vec<Line>, next: &mut usize) {
    for _ in 0..dice.roll(6) {
        let at = dice.roll(lines.len());
        match dice.roll(8) {
            0 => {
                lines.remove(at);
            }
            1 => {
                *next += 1;
                lines.insert(at, line(dice, *next));
            }
            2 => lines.insert(at, remark(dice)),
            3 => {
                let other = dice.roll(lines.len());
                lines.swap(at, other);
            }
            // one code twice: the same row, or another
            4 => lines.push(lines[at].clone()),
            5 => {
                let mut other = line(dice, 0);
                other.cells[0] = lines[at].cells[0].clone();
                lines.insert(dice.roll(lines.len()), other);
            }
            6 => lines[at].hidden = !lines[at].hidden,
            _ => {
                let (column, fresh) = (dice.roll(5) + 2, line(dice, 0));
                lines[at].cells[column] = fresh.cells[column].clone();
            }
        }
    }
}

fn write(path: &Path, dice: &mut Dice, lines: &[Line], with_merges: bool) {
    let mut book = Workbook::new();
    let halves = lines.split_at(lines.len() / 2);
    for (name, part) in [("甲", halves.0), ("乙", halves.1)] {
        let page = book.add_worksheet().set_name(name).expect("a name");
        if with_merges {
            let first = 3 + dice.roll(part.len().saturating_sub(6)) as u32;
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

/// All that can be asked of a snapshot but where a row stood that has not changed since.
async fn seen(service: &App, pulled: &LedgerPull) -> (Vec<(String, Vec<Cell>)>, Vec<Note>, String) {
    let ledger = &service.config().policy.ledgers[service.config().policy.ledger("project").expect("projects")];
    let mut records = Vec::new();
    let each = service.store().records().each(ledger, "import", pulled.seq, |stored| {
        records.push((stored.record.code, stored.record.cells));
        Ok(())
    });
    each.await.expect("the records");
    let notes = service.store().notes().of_snapshot("project", "import", pulled.seq).await.expect("the notes");
    let said = format!(
        "{:?} {} {} {} {} {} {}",
        pulled.accounts,
        pulled.accepted,
        pulled.quarantined,
        pulled.skipped,
        pulled.warnings,
        pulled.difference.rows,
        pulled.difference.amount
    );
    (records, notes, said)
}

#[tokio::test]
async fn a_register_pulled_again_is_as_one_read_for_the_first_time() {
    let mut known = 0;
    for seed in 0..6u64 {
        let mut dice = Dice(seed * 104_729 + 11);
        let root = fresh_root();
        let old = service(root.path(), NOW).await;
        // the rows above the thirtieth wait for the header, and are read every time
        let mut next = 240;
        let mut lines: Vec<Line> = (1..=next).map(|number| line(&mut dice, number)).collect();
        let with_merges = seed % 2 == 1;
        for round in 0..5 {
            let path = root.path().join(format!("register{round}.xlsx"));
            write(&path, &mut dice, &lines, with_merges);
            let again = pull(&old, &path).await;
            let other = fresh_root();
            let new = service(other.path(), NOW).await;
            let afresh = pull(&new, &path).await;
            assert_eq!(afresh.known_again, 0, "nothing is known before the first pull");
            if round == 0 {
                assert_eq!(again.known_again, 0);
            } else {
                known += again.known_again;
            }
            // rows that wait keep what an earlier file said of them, so the two may differ in nothing else
            let waiting: Vec<&str> =
                afresh.notes.iter().filter(|note| note.kind.code() == "quarantined").map(|note| note.code.as_str()).collect();
            let ((records, notes, said), (fresh_records, fresh_notes, fresh_said)) = (seen(&old, &again).await, seen(&new, &afresh).await);
            let taken = |records: Vec<(String, Vec<Cell>)>| -> Vec<(String, Vec<Cell>)> {
                records.into_iter().filter(|(code, _)| !waiting.contains(&code.as_str())).collect()
            };
            assert_eq!(taken(records), taken(fresh_records), "seed {seed}, round {round}");
            let said_alone = |mut notes: Vec<Note>| {
                for note in &mut notes {
                    note.hint = note.hint.replace("；改正前，该编号仍按上次入库的内容计", "");
                }
                notes
            };
            assert!(said_alone(notes) == said_alone(fresh_notes), "seed {seed}, round {round}");
            if waiting.is_empty() {
                assert_eq!(said, fresh_said, "seed {seed}, round {round}");
            }
            let accounts = (&again.accounts, again.accepted, again.quarantined, again.skipped, again.warnings);
            assert_eq!(
                accounts,
                (&afresh.accounts, afresh.accepted, afresh.quarantined, afresh.skipped, afresh.warnings),
                "seed {seed}, round {round}"
            );
            assert!(again.accounts.iter().all(|account| account.adds_up()));
            work_on(&mut dice, &mut lines, &mut next);
        }
    }
    assert!(known > 1500, "only {known} rows were known again");
}

#[tokio::test]
async fn a_row_is_read_again_where_its_reading_could_differ() {
    let root = fresh_root();
    let path = root.path().join("register.xlsx");
    let mut dice = Dice(5);
    let mut lines: Vec<Line> = (1..=240).map(|number| line(&mut dice, number)).collect();
    write(&path, &mut dice, &lines, false);
    let first = service(root.path(), NOW).await;
    pull(&first, &path).await;
    assert!(pull(&first, &path).await.known_again > 100);
    // the same columns elsewhere
    for line in &mut lines {
        line.cells.swap(5, 6);
    }
    let moved = root.path().join("moved.xlsx");
    write(&moved, &mut dice, &lines, false);
    assert!(pull(&first, &moved).await.known_again < 10, "only rows whose dates are the same");
    pull(&first, &path).await;
    assert!(pull(&first, &path).await.known_again > 100);
    // another year moves the dates that are plausible
    assert_eq!(pull(&service(root.path(), "2027-01-08T01:00:00Z").await, &path).await.known_again, 0);
    // a word that a ledger now knows
    edit(root.path(), "config/ledgers/project.toml", "aliases = [\"名称\"]", "aliases = [\"名称\", \"项目\"]");
    assert_eq!(pull(&service(root.path(), NOW).await, &path).await.known_again, 0);
}
