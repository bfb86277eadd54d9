//! Text of others steers no terminal, forges no line and begins no formula, wherever it is printed.

use super::helpers::{command, duban, edit, fresh_root, import, stderr, stdout};
use duban::domain::plain_text::is_steering;
use rust_xlsxwriter::Workbook;
use std::process::Output;

const HEAD: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间,实际开工时间,合同投资额（亿元）";

/// Both streams of an output, which hold no character that steers a terminal, and no line that begins like one of the text.
fn printed(output: &Output) -> String {
    let printed = format!("{}{}", stdout(output), stderr(output));
    let steering: Vec<char> = printed.chars().filter(|c| *c != '\n' && is_steering(*c)).collect();
    assert!(steering.is_empty(), "{steering:?} in {printed:?}");
    assert!(!printed.lines().any(|line| line.starts_with("error: forged")), "{printed}");
    printed
}

#[test]
fn names_and_messages_of_others_are_printed_plain() {
    let root = fresh_root();
    let at = root.path();
    let forged = "\u{1b}[2J\nerror: forged\u{9b}31m\u{202e}\u{2066}";
    printed(&import(at, &format!("a{forged}.csv"), "a,b\n1,2\n", &[]));
    let rows = format!("{HEAD}\nGZ1,\"甲{forged}\",刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,\"前年{forged}\",,1\n");
    let output = import(at, "b.csv", &rows, &["--source", &format!("b{forged}")]);
    assert!(printed(&output).contains("待核1"), "{}", printed(&output));
    // a sheet name of any length: the writer takes 31 characters, so the file is changed behind it
    let mut book = Workbook::new();
    book.add_worksheet().set_name("长长长").expect("a name").write(0, 0, "x").expect("a cell");
    let plain = book.save_to_buffer().expect("a workbook");
    let long = renamed(&plain, "长长长", &format!("{}&#x202E;", "长".repeat(100_000)));
    let output = printed(&import(at, "c.xlsx", long, &[]));
    assert!(output.contains(&format!("{}…", "长".repeat(80))) && output.len() < 4000, "{}", &output[..output.len().min(4000)]);
    // messages of a database, in a log too
    let query = format!("query = \"SELECT 1 AS \\\"{}\\\"\"", forged.escape_debug().to_string().replace("\\u{", "\\U{"));
    let query =
        query.replace("\\U{1b}", "\\u001b").replace("\\U{9b}", "\\u009b").replace("\\U{202e}", "\\u202e").replace("\\U{2066}", "\\u2066");
    std::fs::write(at.join("empty.db"), "").expect("a database");
    let source = format!("sample = true\n[[source]]\nname = \"q\"\ndatabase = \"sqlite:empty.db\"\n{query}\n");
    edit(at, "config/duban.toml", "sample = true\n", &source);
    let logged = command(at, &["pull", "q"]).env("RUST_LOG", "duban=debug").output().expect("duban starts");
    assert!(printed(&logged).contains("没有找到任何台账的表头"), "{}", printed(&logged));
    printed(&duban(at, &["snapshot", "list"]));
    printed(&duban(at, &["outbox", "list", "--unit", forged]));
}

/// A workbook whose sheet has another name.
fn renamed(workbook: &[u8], from: &str, to: &str) -> Vec<u8> {
    use std::io::{Cursor, Read, Write};
    let mut source = zip::ZipArchive::new(Cursor::new(workbook)).expect("a zip file");
    let mut target = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..source.len() {
        let mut part = source.by_index(index).expect("a part");
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("its bytes");
        let name = part.name().expect("a name").into_owned();
        if name == "xl/workbook.xml" {
            bytes = String::from_utf8(bytes).expect("text").replace(from, to).into_bytes();
        }
        target.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
        target.write_all(&bytes).expect("written");
    }
    target.finish().expect("a zip file").into_inner()
}

#[test]
fn no_cell_of_any_csv_begins_a_formula() {
    let root = fresh_root();
    let at = root.path();
    let rows = |amount: u32| {
        ["=CMD|' /C calc'!A0", "@SUM(1+1)", "-2+3", "＝1+1", "+1"]
            .iter()
            .map(|code| format!("\"{code}\",\"{code}\",刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,2025-01-06,,{amount}\n"))
            .fold(format!("{HEAD}\n"), |text, row| text + &row)
    };
    for amount in [1, 2] {
        assert!(import(at, "a.csv", rows(amount), &["--covers", "2026-09-30", "--accept"]).status.success());
    }
    for arguments in [
        &["findings", "--as-of", "2026-09-30", "--format", "csv"][..],
        &["snapshot", "export", "project", "--as-of", "2026-09-30"],
        &["diff", "project/import/1", "project/import/2", "--format", "csv"],
    ] {
        let output = duban(at, arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(output.stdout.as_slice());
        let cells: Vec<String> =
            reader.records().flat_map(|row| row.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>()).collect();
        let formulas: Vec<&String> =
            cells.iter().filter(|cell| cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r'])).collect();
        assert!(formulas.is_empty(), "{arguments:?}: {formulas:?}");
        assert!(cells.iter().any(|cell| cell == "'=CMD|' /C calc'!A0"), "{arguments:?}: {cells:?}");
    }
}

/// stdout and stderr are written in one file, whose filter everything passes.
#[test]
fn one_file_writes_to_the_terminal() {
    let mut wrong = Vec::new();
    for source in super::tidy::sources("src") {
        // the child that parses writes frames to its parent
        if ["src/cli/print.rs", "src/source/child.rs", "src/worker/progress.rs"].contains(&source.name.as_str()) || source.is_unit_tests() {
            continue;
        }
        let code = super::tidy::shipped(&source.text);
        for three in code.windows(3) {
            let found = match [three[0].text, three[1].text, three[2].text] {
                [_, "println" | "eprintln" | "print" | "eprint", "!"] => true,
                // `.stdout(…)` is a setting of a child process
                [before, "stdout" | "stderr", "("] => before != ".",
                _ => false,
            };
            if found {
                wrong.push(format!("{}:{} {}", source.name, three[1].line, three[1].text));
            }
        }
    }
    assert!(wrong.is_empty(), "print by src/cli/print.rs: {}", wrong.join("\n"));
}
