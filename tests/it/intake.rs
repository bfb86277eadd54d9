//! One case = one file of tests/cases/intake: a file of an office, what of it is accepted, and the notes for the clerk.
//!
//! The file, one of
//!   sheet = "text"          a text file, in `encoding` (utf-8, utf-8-bom, utf-16le, utf-16le-unmarked, gb18030); `garbled` = UTF-8 saved by a program that took it for GB18030
//!   [[sheets]]              a workbook: `name`, `rows`, `merges` (["A3:A5"]), `hidden_rows` ([5]), `hidden_columns` (["C"]),
//!                           `hidden = true`; `document` = the property of the file that names a document of the service; a cell is "text", 1.5, true, a date
//!                           (2026-03-01), { formula = "A1", value = "2" }, { error = "#REF!" } { percent = 0.95 }, { today = true }, or
//!                           { number = 5000, format = '0"万元"' } and { text = "甲", struck = true }; "" is an empty cell, [] an empty row
//!   [parts]                 the parts of a zip by name, stored without compression; other parts that a small workbook needs are added, unless
//!                           `bare = true`.
//!                           `swap` = [["old", "new"]] then replaces bytes (same length), `cut` removes bytes at the end
//!   base64 = "..."          bytes
//! and `file`, its name. `formats` (["ods", "xls", "xlsb", "prefixed"]) = the sheets are read in these formats too, with the same result. `before` is a file described in the same way that is imported first.
//!
//! Then `ledger` (project), `covers` (the day given by hand, "" for none), `as_of` (2026-09-30), and what is expected:
//!   `expect`   exit code, counts, what is printed, then `fields` of each accepted row
//!   `notes`    every note on the file: quarantined rows, warnings and skipped rows; left out where `expect` is enough

use super::helpers::{cases, duban, fresh_root, import, service, stderr, stdout};
use super::office_files::{Cell, Content, Page, ods, prefixed_xlsx, xls, xlsb};
use duban::domain::intake::file::{CodeInFile, FileIntake, RowNames, RowPlace};
use duban::domain::intake::note::{SheetAccount, sentence};
use duban::domain::intake::raw::{Raw, RawRow};
use duban::domain::intake::rows::{FileRows, SheetHead};
use duban::domain::intake::sheet::{Outcome, SheetIntake};
use duban::domain::own_sheet::PROPERTY;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Formula, Workbook};
use std::io::Write;
use std::path::Path;

fn text<'a>(case: &'a toml::Table, key: &str, default: &'a str) -> &'a str {
    case.get(key).map_or(default, |value| value.as_str().expect("a text"))
}

fn list<'a>(case: &'a toml::Table, key: &str) -> &'a [toml::Value] {
    case.get(key).map_or(&[], |value| value.as_array().expect("a list"))
}

/// The name and the bytes of the file of a case.
pub fn case_file(case: &toml::Table) -> (String, Vec<u8>) {
    let (name, bytes) = if let Some(sheet) = case.get("sheet") {
        ("register.csv", text_file(sheet.as_str().expect("a text"), text(case, "encoding", "utf-8")))
    } else if case.contains_key("sheets") {
        ("register.xlsx", workbook(list(case, "sheets"), text(case, "document", "")))
    } else if let Some(parts) = case.get("parts") {
        let mut bytes = package(parts.as_table().expect("parts"), !case.contains_key("bare"));
        for pair in list(case, "swap") {
            let [old, new] = [0, 1].map(|at| pair[at].as_str().expect("a text").as_bytes());
            assert_eq!(old.len(), new.len(), "swapped texts are of one length");
            for at in 0..=bytes.len() - old.len() {
                if bytes[at..].starts_with(old) {
                    bytes[at..at + old.len()].copy_from_slice(new);
                }
            }
        }
        let cut = case.get("cut").map_or(0, |cut| cut.as_integer().expect("a number") as usize);
        bytes.truncate(bytes.len() - cut);
        ("register.xlsx", bytes)
    } else {
        ("register.xlsx", base64(text(case, "base64", "")))
    };
    (text(case, "file", name).to_owned(), bytes)
}

fn text_file(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-8" => text.as_bytes().to_vec(),
        "utf-8-bom" => [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
        "utf-16le" => [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        "utf-16le-unmarked" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be-unmarked" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "gb18030" => encoding_rs::GB18030.encode(text).0.into_owned(),
        "garbled" => encoding_rs::GB18030.decode_without_bom_handling(text.as_bytes()).0.into_owned().into_bytes(),
        other => panic!("encoding {other}"),
    }
}

fn workbook(sheets: &[toml::Value], document: &str) -> Vec<u8> {
    let mut workbook = Workbook::new();
    if !document.is_empty() {
        workbook.set_properties(&DocProperties::new().set_custom_property(PROPERTY, document));
    }
    for sheet in sheets {
        let sheet = sheet.as_table().expect("a sheet");
        let page = workbook.add_worksheet();
        page.set_name(text(sheet, "name", "Sheet1")).expect("a name");
        page.set_hidden(sheet.get("hidden").is_some_and(|hidden| hidden.as_bool() == Some(true)));
        for row in list(sheet, "hidden_rows") {
            page.set_row_hidden(row.as_integer().expect("a row") as u32 - 1).expect("a row");
        }
        for column in list(sheet, "hidden_columns") {
            let (_, column) = place(&format!("{}1", column.as_str().expect("letters")));
            page.set_column_hidden(column).expect("a column");
        }
        // values are written after merges, since a merge writes its own value
        for range in list(sheet, "merges") {
            let (from, to) = range.as_str().expect("a range").split_once(':').expect("A1:B2");
            let ((top, left), (bottom, right)) = (place(from), place(to));
            page.merge_range(top, left, bottom, right, "", &Format::new()).expect("a merge");
        }
        for (row, cells) in list(sheet, "rows").iter().enumerate() {
            for (column, value) in cells.as_array().expect("a row").iter().enumerate() {
                let (row, column) = (row as u32, column as u16);
                let done = match value {
                    toml::Value::String(text) if text.is_empty() => continue,
                    toml::Value::String(text) => page.write_string(row, column, text),
                    toml::Value::Integer(number) => page.write_number(row, column, *number as f64),
                    toml::Value::Float(number) => page.write_number(row, column, *number),
                    toml::Value::Boolean(value) => page.write_boolean(row, column, *value),
                    toml::Value::Datetime(day) => {
                        let day = ExcelDateTime::parse_from_str(&day.to_string()).expect("a date");
                        page.write_date_with_format(row, column, &day, &Format::new().set_num_format("yyyy-mm-dd"))
                    }
                    toml::Value::Table(cell) if cell.contains_key("percent") => {
                        let share = cell["percent"].as_float().expect("a number");
                        page.write_number_with_format(row, column, share, &Format::new().set_num_format("0.0%"))
                    }
                    toml::Value::Table(cell) if cell.contains_key("struck") || cell.contains_key("format") => {
                        let format = Format::new().set_num_format(text(cell, "format", "General"));
                        let format = if cell.contains_key("struck") { format.set_font_strikethrough() } else { format };
                        match cell.get("number") {
                            Some(number) => {
                                let number = number.as_float().or(number.as_integer().map(|number| number as f64)).expect("a number");
                                page.write_number_with_format(row, column, number, &format)
                            }
                            None => page.write_string_with_format(row, column, text(cell, "text", ""), &format),
                        }
                    }
                    toml::Value::Table(cell) if cell.contains_key("today") => {
                        let today = duban::clock::Clock::System.today();
                        let day = ExcelDateTime::parse_from_str(&today.to_string()).expect("a date");
                        page.write_date_with_format(row, column, &day, &Format::new().set_num_format("yyyy-mm-dd"))
                    }
                    toml::Value::Table(cell) => {
                        let result = cell.get("value").or(cell.get("error")).map_or("", |value| value.as_str().expect("a text"));
                        page.write_formula(row, column, Formula::new(text(cell, "formula", "A1")).set_result(result))
                    }
                    other => panic!("no cell: {other}"),
                };
                done.expect("a cell");
            }
        }
    }
    workbook.save_to_buffer().expect("a workbook")
}

/// The sheets of a case for the writers of the other formats.
fn pages(sheets: &[toml::Value]) -> Vec<Page> {
    let page = |sheet: &toml::Value| {
        let sheet = sheet.as_table().expect("a sheet");
        let rows = list(sheet, "rows").iter().map(|cells| cells.as_array().expect("a row").iter().map(page_cell).collect()).collect();
        let merges = list(sheet, "merges").iter().map(|range| {
            let (from, to) = range.as_str().expect("a range").split_once(':').expect("A1:B2");
            let ((top, left), (bottom, right)) = (place(from), place(to));
            (top, left, bottom, right)
        });
        let column = |letters: &toml::Value| place(&format!("{}1", letters.as_str().expect("letters"))).1;
        Page {
            name: text(sheet, "name", "Sheet1").to_owned(),
            hidden: sheet.get("hidden").is_some_and(|hidden| hidden.as_bool() == Some(true)),
            rows,
            merges: merges.collect(),
            hidden_rows: list(sheet, "hidden_rows").iter().map(|row| row.as_integer().expect("a row") as u32 - 1).collect(),
            hidden_columns: list(sheet, "hidden_columns").iter().map(column).collect(),
        }
    };
    sheets.iter().map(page).collect()
}

fn page_cell(value: &toml::Value) -> Cell {
    let plain = |content| Cell { content, ..Cell::default() };
    match value {
        toml::Value::String(text) if text.is_empty() => Cell::default(),
        toml::Value::String(text) => plain(Content::Text(text.clone())),
        toml::Value::Integer(number) => plain(Content::Number(*number as f64)),
        toml::Value::Float(number) => plain(Content::Number(*number)),
        toml::Value::Boolean(value) => plain(Content::Bool(*value)),
        toml::Value::Datetime(day) => {
            let day: chrono::NaiveDate = day.to_string().parse().expect("a day");
            let serial = (day - chrono::NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day")).num_days();
            Cell { content: Content::Number(serial as f64), format: "yyyy-mm-dd".into(), ..Cell::default() }
        }
        toml::Value::Table(cell) => {
            let number = |key: &str| {
                cell.get(key).map(|number| number.as_float().or(number.as_integer().map(|number| number as f64)).expect("a number"))
            };
            if let Some(share) = number("percent") {
                return Cell { content: Content::Number(share), format: "0.0%".into(), ..Cell::default() };
            }
            let result = cell.get("value").map(|value| value.as_str().expect("a text"));
            let content = match (number("number"), cell.get("text"), cell.get("error"), result) {
                (Some(number), ..) => Content::Number(number),
                (_, Some(text), ..) => Content::Text(text.as_str().expect("a text").to_owned()),
                (_, _, Some(code), _) => Content::Error(code.as_str().expect("a code").to_owned()),
                (.., Some(result)) => result.parse().map_or(Content::Text(result.to_owned()), Content::Number),
                _ => Content::Empty,
            };
            Cell {
                content,
                format: text(cell, "format", "").to_owned(),
                struck: cell.contains_key("struck"),
                formula: cell.contains_key("formula"),
            }
        }
        other => panic!("no cell: {other}"),
    }
}

/// The file of a case with sheets in another format: its name and its bytes.
fn case_file_as(format: &str, case: &toml::Table) -> (String, Vec<u8>) {
    let pages = pages(list(case, "sheets"));
    match format {
        "ods" => ("register.ods".into(), ods(&pages)),
        "xls" => ("register.xls".into(), xls(&pages)),
        "xlsb" => ("register.xlsb".into(), xlsb(&pages)),
        "prefixed" => ("register.xlsx".into(), prefixed_xlsx(&pages)),
        other => panic!("format {other}"),
    }
}

/// What a person sees in a workbook does not depend on its format.
#[test]
fn a_case_is_read_alike_in_every_format() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, case) in cases("intake") {
        for format in list(&case, "formats").iter().map(|format| format.as_str().expect("a format")) {
            let root = fresh_root();
            let (file, bytes) = case_file_as(format, &case);
            let imported = import(root.path(), &file, bytes, &["--covers", text(&case, "covers", "2026-09-30")]);
            let found: Vec<String> =
                outcome(root.path(), &case, &imported).iter().map(|line| line.replace(&file, "register.xlsx")).collect();
            let expected: Vec<&str> = list(&case, "expect").iter().map(|line| line.as_str().expect("a line")).collect();
            if found != expected {
                wrong.push(format!("{name} as {format}\n  expected {expected:#?}\n  found {found:#?}"));
            }
            count += 1;
        }
    }
    assert!(count >= 20, "{count} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an import prints, and the fields of the accepted rows.
fn outcome(root: &Path, case: &toml::Table, imported: &std::process::Output) -> Vec<String> {
    let mut found = vec![format!("exit {}", imported.status.code().unwrap_or(-1))];
    let printed = stdout(imported);
    let root_path = root.display().to_string();
    let without_root = |line: &str| line.trim().replace(&root_path, "ROOT");
    // the sheets of the cases have few columns, so that most rules are idle and most rows without owner
    let is_reported = |line: &&str| {
        !line.starts_with("导入报告：") && !line.contains("栏，以下规则不作判断：") && !line.contains("栏，找不到各行的责任单位")
    };
    found.extend(printed.lines().skip(1).filter(is_reported).map(without_root));
    found.extend(stderr(imported).lines().map(|line| line.split_once("：").map_or(line, |(_, rest)| rest).to_owned()));
    if let Some((counts, what)) = printed.lines().next().and_then(|line| line.split_once('：')).and_then(|(_, rest)| rest.split_once('；'))
    {
        found.insert(1, counts.to_owned());
        if case.contains_key("before") {
            found.insert(2, what.to_owned());
        }
    }
    let ledger = text(case, "ledger", "project");
    let exported = duban(root, &["snapshot", "export", ledger, "--as-of", text(case, "as_of", "2026-09-30")]);
    let fields: Vec<&str> = list(case, "fields").iter().map(|field| field.as_str().expect("a field")).collect();
    let mut reader = csv::Reader::from_reader(exported.stdout.as_slice());
    let header = reader.headers().cloned().unwrap_or_default();
    for row in reader.records().flatten() {
        let cell = |field: &&str| header.iter().position(|known| known == *field).and_then(|at| row.get(at)).unwrap_or("?").to_owned();
        found.push(fields.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    found
}

/// `B3` as row and column from 0.
fn place(cell: &str) -> (u32, u16) {
    let letters = cell.trim_end_matches(|c: char| c.is_ascii_digit());
    let column = letters.bytes().fold(0u16, |column, letter| column * 26 + u16::from(letter - b'A') + 1) - 1;
    (cell[letters.len()..].parse::<u32>().expect("a row") - 1, column)
}

/// The parts that every workbook has.
const SKELETON: [(&str, &str); 4] = [
    (
        "[Content_Types].xml",
        r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
    ),
    (
        "_rels/.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="台账" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#,
    ),
];

fn package(parts: &toml::Table, is_completed: bool) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let skeleton = SKELETON.iter().copied().filter(|(name, _)| is_completed && !parts.contains_key(*name));
    for (name, xml) in skeleton.chain(parts.iter().map(|(name, xml)| (name.as_str(), xml.as_str().expect("xml")))) {
        zip.start_file(name, stored).expect("a part");
        zip.write_all(xml.as_bytes()).expect("a part");
    }
    zip.finish().expect("a package").into_inner()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut buffer, mut bits) = (Vec::new(), 0u32, 0);
    for character in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        buffer = buffer << 6 | DIGITS.iter().position(|digit| *digit == character).expect("a sign of base64") as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
    }
    out
}

/// Imports the file of a case.
fn import_case(root: &Path, case: &toml::Table, covers: &str) -> std::process::Output {
    let (name, bytes) = case_file(case);
    let arguments: &[&str] = if covers.is_empty() { &[] } else { &["--covers", covers] };
    import(root, &name, bytes, arguments)
}

#[tokio::test]
async fn every_case_is_accepted_and_noted_as_expected() {
    let mut wrong = Vec::new();
    for (name, case) in cases("intake") {
        let root = fresh_root();
        let ledger = text(&case, "ledger", "project");
        if let Some(before) = case.get("before").and_then(toml::Value::as_table) {
            let done = import_case(root.path(), before, text(before, "covers", "2026-06-30"));
            assert!(matches!(done.status.code(), Some(0 | 2)), "{name} before: {}{}", stdout(&done), stderr(&done));
        }
        let imported = import_case(root.path(), &case, text(&case, "covers", "2026-09-30"));
        let found = outcome(root.path(), &case, &imported);
        let lines = |key: &str| -> Vec<String> { list(&case, key).iter().map(|line| line.as_str().expect("a line").to_owned()).collect() };
        if found != lines("expect") {
            wrong.push(format!("{name}\n  expected {:#?}\n  found {found:#?}", lines("expect")));
        }
        if case.contains_key("notes") {
            let service = service(root.path(), "2026-11-23T02:00:00Z").await;
            let snapshots = service.store().snapshots().list().await.expect("snapshots");
            let last = snapshots.iter().rfind(|snapshot| snapshot.ledger == ledger).expect("a snapshot");
            assert!(last.accounts.iter().all(SheetAccount::adds_up), "{name}: the account does not add up");
            let notes = service.store().notes().of_snapshot(ledger, &last.source, last.seq).await.expect("notes");
            let sentences: Vec<String> = notes.iter().map(|note| sentence(note, &last.origin.sheets[note.sheet as usize])).collect();
            if sentences != lines("notes") {
                wrong.push(format!("{name}\n  expected notes {:#?}\n  found {sentences:#?}", lines("notes")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn hidden_rows_are_read_counted_and_noted() {
    let root = fresh_root();
    let service = service(root.path(), "2026-11-23T02:00:00Z").await;
    let mut sheet = SheetIntake::new(&service.config().policy.ledgers, 0, "台账", Vec::new(), service.clock().today());
    let mut outcomes = Vec::new();
    for (number, hidden, cells) in
        [(1, false, ["项目编号", "项目名称"]), (2, true, ["GZ1", "甲项目"]), (3, true, [" ", ""]), (4, true, ["GZ2", "乙项目"])]
    {
        let cells = cells.into_iter().enumerate().map(|(column, text)| (column as u16, Raw::Text(text.into()))).collect();
        sheet.push(&RawRow { number, hidden, cells }, &mut outcomes);
    }
    sheet.finish(&mut outcomes);
    assert_eq!((sheet.account.read, sheet.account.accepted, sheet.account.hidden_rows), (2, 2, 2));
    let sentences: Vec<String> = sheet.notes.iter().map(|note| sentence(note, "台账")).collect();
    assert_eq!(sentences, ["台账 第2、4行为隐藏行，已照常读取。如不应报送，请删除后重新导入。"]);
}

/// The intake decides about a repeated code by itself; whoever stores the rows only reports where the file had the code before.
#[tokio::test]
async fn the_intake_decides_about_repeated_codes() {
    let root = fresh_root();
    let service = service(root.path(), "2026-11-23T02:00:00Z").await;
    let policy = &service.config().policy;
    let mut rows_of_file = FileRows::new(&policy.units, &policy.ledgers, service.clock().today(), 1000);
    let mut intake = FileIntake::new(&policy.ledgers, 1000);
    let project = policy.ledger("project").expect("projects");
    let sheets = [
        ("一", vec![["项目编号", "项目名称"], ["GZ1", "甲项目"], ["GZ2", "乙项目"], ["GZ3", "丙项目"]]),
        ("二", vec![["项目编号", "项目名称"], ["GZ1", "甲项目"], ["GZ2", "另一项目"], ["GZ4", "丁项目"]]),
    ];
    let mut stored: Vec<(String, String, RowPlace)> = Vec::new();
    for (number, (name, rows)) in sheets.into_iter().enumerate() {
        rows_of_file.begin_sheet(SheetHead { name, visible: true, ..SheetHead::default() });
        intake.begin_sheet(name, true).expect("a sheet");
        let mut outcomes = Vec::new();
        for (row, cells) in rows.into_iter().enumerate() {
            let cells = cells.into_iter().enumerate().map(|(column, text)| (column as u16, Raw::Text(text.into()))).collect();
            rows_of_file.push(&RawRow { number: row as u32 + 1, hidden: false, cells }, &mut outcomes);
            intake.end_row().expect("a row");
        }
        outcomes.extend(rows_of_file.last_outcomes());
        let columns = ["code", "name"].map(|id| policy.ledgers[project].field(id).expect("a field"));
        intake.find_ledger(project, columns.into_iter().collect()).expect("a header");
        for outcome in outcomes {
            let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
            rows_of_file.check(&accepted);
            intake.count_accepted().expect("a row");
            let name = accepted.cells[1].to_string();
            let code = match stored.iter().find(|(code, ..)| *code == accepted.code) {
                None => CodeInFile::New,
                Some((_, known, place)) if *known == name => CodeInFile::Same(*place),
                Some((_, _, place)) => CodeInFile::Conflicting(*place),
            };
            intake.decide(&accepted, code, RowNames { unit: String::new(), name: "乙项目".into() });
            stored.push((accepted.code, name, RowPlace { sheet: number as u32, row: accepted.row }));
        }
        intake.end_sheet(rows_of_file.end_sheet().expect("a sheet")).expect("an account");
    }
    let ledger = &intake.by_ledger["project"];
    let counts: Vec<_> =
        ledger.accounts.iter().map(|account| (account.read, account.accepted, account.quarantined, account.skipped)).collect();
    assert_eq!(counts, [(3, 2, 1, 0), (3, 1, 1, 1)]);
    assert!(ledger.retained.contains("GZ2") && ledger.retained.len() == 1);
    let notes: Vec<String> = ledger.notes.iter().map(|note| format!("{} {} {}", note.sheet, note.name, sentence(note, ""))).collect();
    assert_eq!(
        notes,
        [
            "1 甲项目 第2行 与“一”第2行完全相同，只计一次。",
            "1 另一项目 第3行 编号与“一”第3行重复而内容不同，该行暂未入库。请核对，同一编号只保留一行。",
            "0 乙项目 第3行 编号与“二”第3行重复而内容不同，该行暂未入库。请核对，同一编号只保留一行。",
        ]
    );
    assert!(ledger.doubts.is_empty(), "two of three codes are fewer than four fifths");
}

/// What a person names is looked up in the ledger of the file: other ledgers have fields of the same title and id.
#[test]
fn a_decision_about_a_header_is_that_of_its_ledger() {
    let value = |root: &Path, ledger: &str, field: &str| {
        let exported = duban(root, &["snapshot", "export", ledger, "--as-of", "2026-09-30"]);
        let mut reader = csv::Reader::from_reader(exported.stdout.as_slice());
        let at = reader.headers().expect("a header").iter().position(|known| known == field).expect("the field");
        reader.records().next().expect("a row").expect("a row").get(at).expect("a value").to_owned()
    };
    let orders = "工作单编号,项目名称,承办单位,派发日期,办结时限,办结的日期\nGD1,甲项目,瓮安县,2026-07-01,2026-08-01,2026-07-20\n";
    let difficulties = "问题编号,关联项目号,问题类别,问题描述,提出日期,提请层级,责任部门\nKN1,GZ1,用地,甲,2026-07-01,县级,自然资源部门\n";
    let at_left = "关联项目号,问题编号,问题类别,问题描述,提出日期,提请层级,责任部门\nGZ1,KN1,用地,甲,2026-07-01,县级,自然资源部门\n";
    for (ledger, text, map, field, expected) in [
        ("work-order", orders, "办结的日期=办结日期", "completed_on", "2026-07-20"),
        ("difficulty", difficulties, "关联项目号=项目编号", "project_code", "GZ1"),
        ("difficulty", at_left, "关联项目号=项目编号", "project_code", "GZ1"),
        ("difficulty", at_left, "关联项目号=项目编号", "code", "KN1"),
        ("difficulty", difficulties, "关联项目号=difficulty.project_code", "project_code", "GZ1"),
    ] {
        let root = fresh_root();
        let done = import(root.path(), "a.csv", text, &["--covers", "2026-09-30", "--map", map, "--by", "张三"]);
        assert_eq!(done.status.code(), Some(0), "{map}: {}{}", stdout(&done), stderr(&done));
        assert_eq!(value(root.path(), ledger, field), expected, "{map}");
    }
}

/// Whose findings would go to nobody is told at import.
#[test]
fn a_register_without_the_column_of_its_owner_says_so() {
    for (text, told) in [
        ("项目编号,项目名称,市（州）\nGZ1,甲项目,黔南州\n", "没有“县（市、区）”栏，找不到各行的责任单位"),
        ("问题编号,项目编号,问题描述,提出日期\nKN1,GZ1,甲,2026-07-01\n", "没有“责任部门”“提请层级”栏，找不到各行的责任单位"),
        ("项目编号,项目名称,所属县区\nGZ1,甲项目,瓮安县\n", ""),
    ] {
        let root = fresh_root();
        let done = import(root.path(), "a.csv", text, &["--covers", "2026-09-30"]);
        let printed = stdout(&done);
        assert_eq!((done.status.code(), printed.contains("找不到各行的责任单位")), (Some(0), !told.is_empty()), "{printed}");
        assert!(printed.contains(told), "{printed}");
    }
}

/// The office decides once for a source and a header; then the column is read, or left out without a word.
#[test]
fn a_header_that_is_almost_known_is_decided_once() {
    let file = |amount: &str| format!("项目编号,项目名称,合同总投资额（亿元）,县（市、区）\nGZ1,甲项目,{amount},瓮安县\n");
    for (decision, expected) in [("合同投资额", "1.5"), ("amount", "1.5"), ("忽略", "")] {
        let root = fresh_root();
        let held = import(root.path(), "a.csv", file("1.5"), &["--covers", "2026-09-30"]);
        assert_eq!(held.status.code(), Some(3), "{}", stdout(&held));
        let released = duban(root.path(), &["snapshot", "release", "project", "1", "--by", "张三", "--reason", "已核对"]);
        assert_eq!(released.status.code(), Some(1), "{}", stdout(&released));
        let map = format!("合同总投资额（亿元）={decision}");
        let decided = import(root.path(), "a.csv", file("1.5"), &["--covers", "2026-09-30", "--map", &map, "--by", "张三"]);
        assert_eq!(decided.status.code(), Some(0), "{decision}: {}{}", stdout(&decided), stderr(&decided));
        let exported = duban(root.path(), &["snapshot", "export", "project", "--as-of", "2026-09-30"]);
        let mut reader = csv::Reader::from_reader(exported.stdout.as_slice());
        let at = reader.headers().expect("a header").iter().position(|field| field == "amount").expect("an amount");
        let row = reader.records().next().expect("a row").expect("a row");
        assert_eq!(row.get(at), Some(expected), "{decision}");
        let later = import(root.path(), "b.csv", file("1.6"), &["--covers", "2026-10-01"]);
        assert_eq!(later.status.code(), Some(0), "{}", stdout(&later));
    }
    let root = fresh_root();
    let code = import(root.path(), "a.csv", "项目代码编号,项目名称,县（市、区）\nGZ1,甲项目,瓮安县\n", &[]);
    let stated = stderr(&code);
    assert!(code.status.code() == Some(1) && stated.contains("--map '项目代码编号="), "{stated}");
}
