//! The handed-in cases of marks of secrecy in every format in which a register comes: workbooks, tables of web pages, texts in both encodings, and
//! the query of a database.

use super::super::feedback::{Cells, write};
use super::super::helpers::{duban, edit, import, stderr, stdout};
use super::binary_workbooks;
use super::marks::{codes, listed, mailed, register, root, run};
use calamine::Data;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn xlsx(text: &str) -> Vec<u8> {
    let cell = |text: &String| if text.is_empty() { Data::Empty } else { Data::String(text.clone()) };
    let cells: Cells = vec![("台账".to_owned(), rows(text).iter().map(|row| row.iter().map(cell).collect()).collect())];
    write(&cells)
}

fn html(text: &str) -> Vec<u8> {
    let cell = |text: &String| format!("<td>{text}</td>");
    let row = |row: &Vec<String>| format!("<tr>{}</tr>", row.iter().map(cell).collect::<String>());
    format!("<html><meta charset=utf-8><table>{}</table></html>", rows(text).iter().map(row).collect::<String>()).into_bytes()
}

fn ods(text: &str) -> Vec<u8> {
    // a remark on a cell is before its text
    let cell = |text: &String| match text.split_once('|').unwrap_or(("", text)) {
        (_, "") => "<table:table-cell/>".to_owned(),
        ("", text) => format!("<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"),
        (remark, text) => format!(
            "<table:table-cell office:value-type=\"string\"><office:annotation><text:p>{remark}</text:p></office:annotation>\
             <text:p>{text}</text:p></table:table-cell>"
        ),
    };
    let row = |row: &Vec<String>| format!("<table:table-row>{}</table:table-row>", row.iter().map(cell).collect::<String>());
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
         office:version=\"1.2\"><office:body><office:spreadsheet><table:table table:name=\"台账\">{}</table:table></office:spreadsheet>\
         </office:body></office:document-content>",
        rows(text).iter().map(row).collect::<String>()
    );
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    out.start_file("mimetype", stored).expect("a part");
    out.write_all(b"application/vnd.oasis.opendocument.spreadsheet").expect("a part");
    let manifest = "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"><manifest:file-entry \
        manifest:full-path=\"/\" manifest:media-type=\"application/vnd.oasis.opendocument.spreadsheet\"/></manifest:manifest>";
    out.start_file("META-INF/manifest.xml", stored).expect("a part");
    out.write_all(manifest.as_bytes()).expect("a part");
    out.start_file("content.xml", stored).expect("a part");
    out.write_all(content.as_bytes()).expect("a part");
    out.finish().expect("a zip").into_inner()
}

fn xls(text: &str) -> Vec<u8> {
    binary_workbooks::xls(&rows(text))
}

fn xlsb(text: &str) -> Vec<u8> {
    binary_workbooks::xlsb(&rows(text))
}

fn csv(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

/// The end of the file's name, and its bytes for a text of rows.
type Format = (&'static str, fn(&str) -> Vec<u8>);

const FORMATS: [Format; 7] = [("xlsx", xlsx), ("xls", xls), ("xlsb", xlsb), ("ods", ods), ("html", html), ("csv", csv), ("gbk.csv", gbk)];

#[test]
fn a_remark_on_a_cell_of_an_ods_file_marks_its_row() {
    let root = root();
    let text = of("备注", &[]).replace("\nP11,", "\n该项目不宜公开|P11,").replace("\nP13,", "\n已核对|P13,");
    let (code, printed) = take(root.path(), "台账.ods", &ods(&text), &["--covers", "2026-09-30"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(listed(root.path()).into_iter().map(|(code, _)| code).collect::<BTreeSet<_>>(), codes(&["P11"]), "{printed}");
}

/// Takes a register, and returns the exit code with what was printed.
fn take(root: &Path, name: &str, bytes: &[u8], arguments: &[&str]) -> (Option<i32>, String) {
    let output = import(root, name, bytes, arguments);
    (output.status.code(), format!("{}{}", stdout(&output), stderr(&output)))
}

const DAY: &str = "2024-01-01";
const CODES: [&str; 12] = ["P10", "P11", "P12", "P13", "P14", "P15", "P16", "P17", "P18", "P19", "P20", "P21"];

/// A register of all codes, in which some have another day of signing or a cell of secrecy.
fn of(header: &str, others: &[(&str, &str, &str)]) -> String {
    let row = |code: &&'static str| others.iter().find(|(other, ..)| other == code).copied().unwrap_or((code, DAY, "否"));
    register(header, &CODES.iter().map(row).collect::<Vec<_>>())
}

/// Runs the quarterly job, and returns what its mails and drafts name.
fn mailed_on(root: &Path, day: &str) -> BTreeSet<String> {
    let (code, text) = run(root, &["--as-of", day]);
    assert_eq!(code, Some(0), "{text}");
    let (mails, drafts) = mailed(root);
    mails.union(&drafts).cloned().collect()
}

/// In every format: a mark in a row that is set aside, in a register that is held, in a second source, in another ledger, and one that comes after
/// the drafts.
#[test]
fn a_mark_restricts_its_row_in_every_format() {
    for (ending, bytes) in FORMATS {
        let root = root();
        let root = root.path();
        let name = |number: u32| format!("{number}.{ending}");
        let ok = |number: u32, text: &str, arguments: &[&str], expected: i32| {
            let (code, printed) = take(root, &name(number), &bytes(text), arguments);
            assert_eq!(code, Some(expected), "{ending} {number}: {printed}");
        };
        ok(1, &of("是否涉密", &[]), &["--covers", "2026-09-01"], 0);
        // a row that is set aside
        ok(2, &of("是否涉密", &[("P10", "2023-02-30", "是")]), &["--covers", "2026-09-02"], 2);
        // a register that the brake holds
        ok(3, &register("是否涉密", &[("P11", DAY, "是"), ("P12", DAY, "否")]), &["--covers", "2026-09-03"], 3);
        // nobody waits for it: where more than half of a ledger waits, there are no drafts
        assert_eq!(duban(root, &["snapshot", "discard", "project", "import", "3"]).status.code(), Some(0), "{ending}");
        // a second source, read the other way round, which has an open row of a restricted code too
        ok(4, &register("是否公开", &[("P13", DAY, "否"), ("P10", DAY, "是")]), &["--source", "county", "--covers", "2026-09-30"], 0);
        // another ledger: an order that is marked, and one of a marked project
        let orders = "工作单编号,项目编号,项目名称,派发日期,承办类型,承办单位,办结时限,签收日期,涉密等级\n\
            W1,P14,名P90称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,内部\n\
            W2,P13,名P91称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,\n\
            W3,P14,名P92称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,否\n";
        ok(5, orders, &["--covers", "2026-09-30"], 0);
        let restricted: BTreeSet<String> = listed(root).into_iter().map(|(code, _)| code).collect();
        assert_eq!(restricted, codes(&["P10", "P11", "P13", "W1"]), "{ending}");
        let named = mailed_on(root, "2026-09-30");
        assert!(named.contains("P12") && named.contains("P14"), "{ending}: {named:?}");
        for code in ["P10", "P11", "P13", "P90", "P91"] {
            assert!(!named.contains(code), "{ending}: {code} is in {named:?}");
        }
        // a mark that comes after the drafts
        ok(6, &of("涉密情况", &[("P14", DAY, "√")]), &["--covers", "2026-10-10"], 0);
        let released = duban(root, &["outbox", "release", "--act", "circulate", "--by", "张三", "--reason", "经研究"]);
        assert!(stdout(&released).contains("所列P14已标注为不便公开"), "{ending}: {}{}", stdout(&released), stderr(&released));
        // a grade of state secrets, and a header that waits for the office
        let (code, printed) = take(root, &name(7), &bytes(&of("备注", &[("P15", DAY, "机密★5年")])), &[]);
        assert!(code == Some(1) && printed.contains("国家秘密") && !printed.contains('★'), "{ending}: {printed}");
        let (code, printed) = take(root, &name(8), &bytes(&of("能否对社会公开", &[("P16", DAY, "否"), ("P17", DAY, "是")])), &["--accept"]);
        assert!(code == Some(3) && printed.contains("--map '能否对社会公开=是否公开' --by 姓名"), "{ending}: {printed}");
        let restricted: BTreeSet<String> = listed(root).into_iter().map(|(code, _)| code).collect();
        assert!(restricted.contains("P15") && restricted.contains("P16") && !restricted.contains("P17"), "{ending}: {restricted:?}");
    }
}

/// A register in a database, each row a code with its cell of secrecy.
fn fill(path: &Path, rows: &[(&str, &str)]) {
    let _ = std::fs::remove_file(path);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.expect("a database");
        sqlx::query("CREATE TABLE register (code TEXT, title TEXT, secrecy TEXT)").execute(&pool).await.expect("a table");
        for (code, secrecy) in rows {
            let insert = sqlx::query("INSERT INTO register VALUES (?, ?, ?)").bind(code).bind(format!("名{code}称")).bind(secrecy);
            insert.execute(&pool).await.expect("a row");
        }
        pool.close().await;
    });
}

/// The same by queries of a database, whose columns are named in SQL.
#[test]
fn a_mark_restricts_its_row_in_a_query() {
    let root = root();
    let root = root.path();
    let source = |name: &str, header: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\ndatabase = \"sqlite:business.db\"\n\
             query = '''SELECT code, title AS name, '瓮安县' AS county, secrecy AS \"{header}\" FROM register'''\n\n"
        )
    };
    let sources = [source("platform", "密级"), source("other", "是否解密")].concat();
    edit(root, "config/duban.toml", "# [brake]", &format!("{sources}# [brake]"));
    let path = root.join("business.db");
    let pull = |arguments: &[&str], rows: &[(&str, &str)], expected: i32| {
        fill(&path, rows);
        let output = duban(root, &[&["pull"], arguments].concat());
        let printed = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(expected), "{printed}");
        printed
    };
    let restricted = || listed(root).into_iter().map(|(code, _)| code).collect::<BTreeSet<_>>();
    pull(&["platform"], &[("P10", ""), ("P11", "否"), ("P12", "")], 0);
    pull(&["platform"], &[("P10", "内部"), ("P11", "否"), ("P12", "")], 0);
    assert_eq!(restricted(), codes(&["P10"]));
    let printed = pull(&["platform"], &[("P10", "内部"), ("P11", "秘密★1年"), ("P12", "")], 1);
    assert!(printed.contains("国家秘密") && !printed.contains('★') && restricted() == codes(&["P10", "P11"]), "{printed}");
    // a header that is read the other way round by decision
    let rows = [("P10", ""), ("P11", "是"), ("P12", "否")];
    let printed = pull(&["other"], &rows, 3);
    assert!(printed.contains("填“否”的不便公开：duban pull other --map '是否解密=是否公开' --by 姓名"), "{printed}");
    assert!(restricted().contains("P12"), "in doubt it is restricted meanwhile");
    pull(&["other", "--map", "是否解密=是否公开", "--by", "张三"], &rows, 0);
    assert_eq!(restricted(), codes(&["P10", "P11", "P12"]));
    pull(&["other", "--map", "是否解密=忽略", "--by", "张三"], &[("P10", ""), ("P11", "否"), ("P12", "否")], 0);
    pull(&["other", "--map", "是否解密=是否涉密", "--by", "张三"], &[("P10", ""), ("P11", "是"), ("P12", "否")], 0);
    assert_eq!(restricted(), codes(&["P10", "P11"]), "a no opens now, in its own source");
}
