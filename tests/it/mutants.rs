//! Damaged inputs for every parser: none ends the calling process, a refusal has a reason and a hint, and the counts of every sheet add up.
//! The same seed makes the same damage. `.ci/test` makes some hundred inputs; a longer run is
//!
//! `DUBAN_MUTANTS=20000 cargo test --release --test it mutants`

use super::helpers::{first_seed, home, number};
use chrono::NaiveDate;
use duban::config::file_set::FileSet;
use duban::config::load::{Config, read_files};
use duban::domain::intake::cell::read_cell;
use duban::domain::intake::raw::Raw;
use duban::domain::intake::sheet::{Outcome, SheetIntake};
use duban::domain::register::ledger::FieldKind;
use duban::domain::register::record::Cell;
use duban::source::child::ParserCommand;
use duban::source::frame::{Frame, Sheet};
use duban::source::input_file::InputFile;
use duban::source::refusal::ReadLimits;
use fastrand::Rng;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use std::io::{Cursor, Read, Write};
use std::ops::Range;
use std::path::Path;

const LIMITS: ReadLimits = ReadLimits { file_mib_max: 64, memory_mib: 512, seconds: 10, rows_max: 1_048_576, columns_max: 1024 };

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day")
}

/// The seeds of the damaged inputs: `count` of them, or as many as `DUBAN_MUTANTS` asks for.
fn seeds(count: u64) -> Range<u64> {
    first_seed()..first_seed() + number("DUBAN_MUTANTS").unwrap_or(count)
}

/// Texts that are put into a damaged input: numbers and markup that have made readers fail, and what clerks write.
const FRAGMENTS: [&str; 40] = [
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "NaN",
    "3e308",
    "900000000000",
    "4294967296",
    "1048577",
    "XFE1",
    "A1",
    "A1048577",
    "\"",
    "'",
    "<",
    ">",
    "</c>",
    "<c>",
    "<row r=\"1\">",
    "<v>",
    "</v></c>",
    "&",
    "&amp;",
    "&xxe;",
    "&#0;",
    "&#x110000;",
    "<!-- x -->",
    "<![CDATA[x]]>",
    "<!DOCTYPE x>",
    "\0",
    "\u{feff}",
    "合计",
    "项目编号",
    "２０２６年１３月",
    "1,23",
    "亿元",
    "约",
    "(500)",
    "\r\n",
];

/// Damages a text in one to four places: bytes are removed, doubled, flipped, swapped or replaced by a fragment. One time in 20 the end is
/// cut off as well.
pub fn damage(bytes: &mut Vec<u8>, dice: &mut Rng) {
    for _ in 0..=dice.usize(..4) {
        let at = dice.usize(..bytes.len());
        let most = if dice.usize(..4) == 0 { 400 } else { 12 };
        let length = dice.usize(..most).min(bytes.len() - at);
        match dice.usize(..6) {
            0 => drop(bytes.drain(at..at + length)),
            1 => {
                let doubled = bytes[at..at + length].to_vec();
                bytes.splice(at..at, doubled);
            }
            2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.usize(..8)),
            3 | 4 => drop(bytes.splice(at..at + length, dice.choice(&FRAGMENTS).expect("one").bytes())),
            _ => {
                let other = dice.usize(..bytes.len());
                if at < bytes.len() {
                    bytes.swap(at, other);
                }
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
    if dice.usize(..20) == 0 {
        bytes.truncate(dice.usize(..bytes.len()));
    }
}

/// A small register with everything that a reader treats specially: a title, a merged header, dates, formulas, a hidden row, a total row, a
/// second sheet.
pub fn undamaged_workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    for (name, first) in [("甲市", 0u32), ("乙市", 20)] {
        let sheet = book.add_worksheet();
        sheet.set_name(name).expect("a name");
        sheet.write_string(0, 0, "项目台账（截至2026年9月30日）").expect("written");
        sheet.merge_range(1, 2, 1, 3, "投资（亿元）", &Format::new()).expect("written");
        for (column, title) in
            ["项目编号", "项目名称", "合同投资额", "累计到位资金", "县（市、区）", "签约时间", "形象进度"].iter().enumerate()
        {
            sheet.write_string(2, column as u16, *title).expect("written");
        }
        for number in 0..10u32 {
            let row = number + 3;
            sheet.write_string(row, 0, format!("GZ{}", first + number)).expect("written");
            sheet.write_string(row, 1, format!("项目<{number}> & 配套")).expect("written");
            sheet.write_number(row, 2, f64::from(number) + 0.5).expect("written");
            sheet
                .write_formula(row, 3, Formula::new(format!("=C{}/2", row + 1)).set_result(format!("{}", f64::from(number) / 2.0)))
                .expect("written");
            sheet.write_string(row, 4, "瓮安县").expect("written");
            match number % 3 {
                0 => sheet.write_datetime_with_format(row, 5, ExcelDateTime::from_ymd(2026, 1, 7).expect("a day"), &day).expect("written"),
                1 => sheet.write_string(row, 5, "2026年1月7日").expect("written"),
                _ => sheet.write_string(row, 5, "—").expect("written"),
            };
            sheet.write_string(row, 6, "35%").expect("written");
        }
        sheet.set_row_hidden(5).expect("written");
        sheet.write_string(13, 0, "合计").expect("written");
        sheet.write_number(13, 2, 50.0).expect("written");
        sheet.write_string(14, 0, "填表人：某某").expect("written");
    }
    book.save_to_buffer().expect("a workbook")
}

/// The parts of a zip package: name and unpacked bytes.
pub fn parts(package: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(package)).expect("a package");
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).expect("a part");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("its bytes");
            (entry.name().expect("its name").into_owned(), bytes)
        })
        .collect()
}

pub fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        // the writer refuses a name that is there twice; the part is left out then
        if zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).is_ok() {
            zip.write_all(bytes).expect("written");
        }
    }
    zip.finish().expect("a package").into_inner()
}

/// Reads a file as a pull does, without the store. A refusal with reason and hint is fine.
///
/// # Errors
/// What the reading did wrong.
fn read(config: &Config, parser: &ParserCommand, path: &Path) -> Result<(), String> {
    let ledgers = &config.policy.ledgers;
    let mut sheets: Vec<SheetIntake<'_>> = Vec::new();
    let mut visible = false;
    let mut given: Vec<u64> = Vec::new();
    let mut outcomes = Vec::new();
    let mut fault = None;
    let mut file = InputFile::open(path, LIMITS).map_err(|refusal| refusal.to_string())?;
    let done = parser.read(&mut file, LIMITS, |block| {
        for frame in block.frames() {
            match frame {
                Ok(Frame::Sheet(Sheet { name, visible: shown, merges, .. })) => {
                    visible = shown;
                    if let Some(sheet) = sheets.last_mut() {
                        sheet.finish(&mut outcomes);
                    }
                    sheets.push(SheetIntake::new(ledgers, sheets.len() as u32, name, merges, today()));
                    given.push(0);
                }
                Ok(Frame::Row(row)) => {
                    let row = match row.unpack() {
                        Ok(row) => row,
                        Err(error) => {
                            fault = Some(error.to_string());
                            continue;
                        }
                    };
                    if row.cells.is_empty() || row.cells.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
                        fault = Some(format!("row {} is empty or out of order", row.number));
                    }
                    if let (true, Some(sheet), Some(given)) = (visible, sheets.last_mut(), given.last_mut()) {
                        *given += 1;
                        sheet.push(&row, &mut outcomes);
                    }
                }
                Err(error) => fault = Some(error.to_string()),
            }
        }
        true
    });
    if let Some(sheet) = sheets.last_mut() {
        sheet.finish(&mut outcomes);
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if let Err(failure) = done {
        let refusal = failure.into_refusal();
        return if refusal.reason.is_empty() || refusal.hint.is_empty() { Err("a refusal without reason or hint".into()) } else { Ok(()) };
    }
    let count_of = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count() as u64;
    let sum = |count: fn(&duban::domain::intake::note::SheetAccount) -> u64| sheets.iter().map(|sheet| count(&sheet.account)).sum::<u64>();
    for (sheet, given) in sheets.iter().zip(&given) {
        if !sheet.account.adds_up() || sheet.account.read > *given {
            return Err(format!("the account of {}: {:?} of {given} rows", sheet.account.sheet, sheet.account));
        }
        if sheet.ledger().is_none() && sheet.account.unread.is_none() {
            return Err("a sheet that is neither read nor named as unread".into());
        }
    }
    let counted = [
        count_of(|outcome| matches!(outcome, Outcome::Accepted(_))) == sum(|account| account.accepted),
        count_of(|outcome| matches!(outcome, Outcome::Quarantined { .. })) == sum(|account| account.quarantined),
        count_of(|outcome| matches!(outcome, Outcome::Skipped)) == sum(|account| account.skipped),
    ];
    if counted.contains(&false) { Err(format!("outcomes and accounts differ: {counted:?}")) } else { Ok(()) }
}

fn shipped() -> (Config, ParserCommand) {
    let config = Config::parse(read_files(home()).expect("the files")).expect("a configuration");
    (config, ParserCommand { program: env!("CARGO_BIN_EXE_duban").into() })
}

#[test]
fn a_damaged_workbook_is_read_or_refused_and_loses_no_row() {
    let (config, parser) = shipped();
    let whole = undamaged_workbook();
    let parts = parts(&whole);
    // only the sheets, their strings and the workbook part are read
    let read_parts: Vec<usize> =
        (0..parts.len()).filter(|index| parts[*index].0.starts_with("xl/") && !parts[*index].0.contains("theme")).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mutant.xlsx");
    std::fs::write(&path, &whole).expect("written");
    read(&config, &parser, &path).expect("the undamaged workbook");
    for seed in seeds(120) {
        let mut dice = Rng::with_seed(seed);
        let bytes = if dice.usize(..4) == 0 {
            let mut bytes = whole.clone();
            damage(&mut bytes, &mut dice);
            bytes
        } else {
            let mut parts = parts.clone();
            let index = *dice.choice(&read_parts).expect("one");
            damage(&mut parts[index].1, &mut dice);
            packed(&parts)
        };
        std::fs::write(&path, bytes).expect("written");
        if let Err(fault) = read(&config, &parser, &path) {
            panic!("seed {seed}: {fault}");
        }
    }
}

#[test]
fn a_damaged_text_file_is_read_or_refused_and_loses_no_row() {
    let (config, parser) = shipped();
    let text = "项目台账（截至2026年9月30日）\n项目编号,项目名称,合同投资额(亿元),签约时间\nGZ1,甲项目,\"1,234.5\",2026-01-07\nGZ2,\"乙\n项目\",约5000万,2026年1月\n合计,,1235,\n";
    let gb = encoding_rs::GB18030.encode(text).0.into_owned();
    let page = format!(
        "<html><table><caption>甲</caption>{}</table></html>",
        text.lines().map(|line| format!("<tr><td>{}</td></tr>", line.replace(',', "</td><td colspan=2>"))).collect::<String>()
    );
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mutant.csv");
    for seed in seeds(120) {
        let mut dice = Rng::with_seed(seed);
        let mut bytes = dice.choice(&[text.as_bytes(), &gb, page.as_bytes(), &utf16]).expect("one").to_vec();
        damage(&mut bytes, &mut dice);
        std::fs::write(&path, bytes).expect("written");
        if let Err(fault) = read(&config, &parser, &path) {
            panic!("seed {seed}: {fault}");
        }
    }
}

/// Any text in a date or an amount is read or refused with a reason. A date that is read lies between 1900 and 2099; an amount that is read
/// is not negative.
#[test]
fn any_text_in_a_date_or_an_amount_is_read_or_refused() {
    let (config, _) = shipped();
    let ledger = &config.policy.ledgers[config.policy.project_ledger().expect("projects")];
    let words =
        ["2026年1月7日", "２０２６－１３－４０", "20260107", "3月下旬", "2026年底", "45000.5", "1,234.5万元", "￥(500)", "约1.2亿", "100%"];
    for seed in seeds(20_000) {
        let mut dice = Rng::with_seed(seed);
        let mut bytes = dice.choice(&words).expect("one").as_bytes().to_vec();
        damage(&mut bytes, &mut dice);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for field in ledger.fields.iter().filter(|field| !matches!(field.kind, FieldKind::Text)) {
            match read_cell(field, &Raw::Text(text.as_str().into()), 10, today()) {
                Ok((Cell::Date(date), _)) => assert!((1900..2100).contains(&chrono::Datelike::year(&date)), "{text:?} → {date}"),
                Ok((Cell::Money(fen), _)) => assert!(fen >= 0, "{text:?} → {fen}"),
                Ok(_) => {}
                Err(fault) => assert!(!fault.reason.is_empty() && !fault.hint.is_empty(), "{text:?}"),
            }
        }
    }
}

/// A damaged configuration is accepted or refused with a list of problems; the program does not panic.
#[test]
fn a_damaged_configuration_is_accepted_or_refused() {
    let whole: FileSet = read_files(home()).expect("the files");
    // the file of units takes longest to read, and has cases of its own
    let names: Vec<&String> = whole.keys().filter(|name| !name.contains("units")).collect();
    for seed in seeds(60).take(2_000) {
        let mut dice = Rng::with_seed(seed);
        let name = (*dice.choice(&names).expect("one")).clone();
        let mut bytes = whole[&name].as_bytes().to_vec();
        damage(&mut bytes, &mut dice);
        let mut files = whole.clone();
        files.insert(name.clone(), String::from_utf8_lossy(&bytes).into_owned());
        if let Err(problems) = Config::parse(files) {
            assert!(!problems.to_string().is_empty(), "seed {seed}: {name}");
        }
    }
}
