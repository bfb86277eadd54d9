//! Hostile files of every format: small valid ones damaged at random, and the kinds that have ended a reader or its service before, in random
//! sizes. Each is read, held or refused with a sentence; the service's own process never dies and has bounds on its memory and processor time.
//!
//! `DUBAN_MUTANTS=20000 cargo test --release --test it hostile`

use crate::helpers::{command, duban, edit, first_seed, fresh_root, number, service, stderr, stdout};
use crate::intake::case_file;
use crate::mutants::{damage, packed, parts, undamaged_workbook};
use duban::app::compose::App;
use duban::worker::import::input::Input;
use duban::worker::import::pull_report::PullError;
use duban::worker::import::puller::PullRequest;
use duban::worker::import::reading_guard::Initiative;
use fastrand::Rng;
use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What the service's own process may take for one file beyond what it takes for a small honest one.
const PEAK_KIB_MAX: u64 = 200 * 1024;
/// Of its own processor time. The program is some ten times slower where it is built for tests.
const CPU_SECONDS_MAX: f64 = if cfg!(debug_assertions) { 20.0 } else { 5.0 };
/// Altogether, that of the reading child included.
const SECONDS_MAX: u64 = 90;

/// How a process that imported a file has ended.
#[derive(Debug)]
struct Ending {
    code: Option<i32>,
    printed: String,
    /// The most memory of the process itself.
    peak_kib: u64,
    /// Of the process itself, without its children.
    cpu_seconds: f64,
    seconds: Duration,
}

/// A figure of `/proc/PID/status` in KiB.
fn status_kib(pid: u32, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The processor time of a process without its children. A tick is a hundredth of a second on every Linux.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// Runs a command of the binary and watches its own process.
#[allow(clippy::disallowed_methods, reason = "the process is watched until it ends")]
fn watch(root: &Path, arguments: &[&str]) -> Ending {
    let (out, log) = (root.join("printed"), std::fs::File::create(root.join("printed")).expect("a file"));
    let begin = Instant::now();
    let mut child = command(root, arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a descriptor"))
        .stderr(log)
        .spawn()
        .expect("duban starts");
    let (mut peak_kib, mut cpu) = (0, 0.0);
    let status = loop {
        peak_kib = status_kib(child.id(), "VmHWM").unwrap_or_default().max(peak_kib);
        cpu = cpu_seconds(child.id()).unwrap_or_default().max(cpu);
        if let Some(status) = child.try_wait().expect("a status") {
            break status;
        }
        if begin.elapsed() > Duration::from_secs(SECONDS_MAX) {
            child.kill().expect("killed");
            break child.wait().expect("a status");
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let printed = String::from_utf8_lossy(&std::fs::read(out).expect("what it printed")).into_owned();
    Ending { code: status.code(), printed, peak_kib, cpu_seconds: cpu, seconds: begin.elapsed() }
}

/// What is wrong with the way in which a process has ended.
fn fault(ending: &Ending, idle_kib: u64) -> Option<&'static str> {
    let refused_without_hint = ending.code == Some(1) && !(ending.printed.contains('：') && ending.printed.contains('（'));
    [
        (!matches!(ending.code, Some(0..=3)), "it died, or took too long"),
        (ending.printed.contains("panicked"), "it panicked"),
        (refused_without_hint, "it is refused without a sentence"),
        (ending.peak_kib > idle_kib + PEAK_KIB_MAX, "it took too much memory"),
        (ending.cpu_seconds > CPU_SECONDS_MAX, "it took too much processor time"),
    ]
    .into_iter()
    .find_map(|(is_wrong, what)| is_wrong.then_some(what))
}

const HEAD: [&str; 5] = ["项目编号", "项目名称", "县（市、区）", "签约时间", "合同投资额（亿元）"];
const NAMESPACE: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A workbook: its sheets, each the number of its part; the parts; its shared strings as XML.
fn workbook(sheets: &[usize], sheet_parts: &[String], strings: &str) -> Vec<u8> {
    let mut list = String::new();
    let mut relations = String::new();
    for (at, part) in sheets.iter().enumerate() {
        let id = at + 1;
        write!(list, "<sheet name=\"s{id}\" sheetId=\"{id}\" r:id=\"r{id}\"/>").expect("written");
        write!(relations, "<Relationship Id=\"r{id}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{part}.xml\"/>")
            .expect("written");
    }
    let mut all = vec![
        ("xl/workbook.xml".to_owned(), format!("<workbook {NAMESPACE} xmlns:r=\"{RELATIONS}\"><sheets>{list}</sheets></workbook>")),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{relations}\
                 <Relationship Id=\"s\" Type=\"{RELATIONS}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst {NAMESPACE}>{strings}</sst>")),
    ];
    for (number, part) in sheet_parts.iter().enumerate() {
        all.push((format!("xl/worksheets/sheet{number}.xml"), part.clone()));
    }
    packed(&all.into_iter().map(|(name, text)| (name, text.into_bytes())).collect::<Vec<_>>())
}

/// A sheet of rows, each its cells as XML, and what follows them.
fn sheet(rows: impl Iterator<Item = String>, behind: &str) -> String {
    let mut text = format!("<worksheet {NAMESPACE}><sheetData>");
    for row in rows {
        text.push_str("<row>");
        text.push_str(&row);
        text.push_str("</row>");
    }
    text + "</sheetData>" + behind + "</worksheet>"
}

fn inline(text: &str) -> String {
    format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

/// The header and so many rows of a valid register.
fn register(rows: usize) -> impl Iterator<Item = String> {
    let head = HEAD.iter().map(|title| inline(title)).collect::<String>();
    let row = |number| [&format!("GZ{number}"), "甲项目", "瓮安县", "2025-01-01", "1"].map(inline).concat();
    std::iter::once(head).chain((0..rows).map(row))
}

/// A number between two bounds, in the mean the geometric one: small sizes are as likely as large ones.
fn size(dice: &mut Rng, least: usize, most: usize) -> usize {
    let (least, most) = (least as f64, most as f64);
    (least * (most / least).powf(dice.f64())) as usize
}

fn merges(ranges: impl Iterator<Item = String>) -> String {
    format!("<mergeCells>{}</mergeCells>", ranges.map(|range| format!("<mergeCell ref=\"{range}\"/>")).collect::<String>())
}

/// An ods file of rows, each XML of its cells and how often it is repeated.
fn ods(rows: &[(usize, String)]) -> Vec<u8> {
    let rows: String = rows
        .iter()
        .map(|(repeated, cells)| format!("<table:table-row table:number-rows-repeated=\"{repeated}\">{cells}</table:table-row>"))
        .collect();
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\">\
         <office:body><office:spreadsheet><table:table table:name=\"a\">{rows}</table:table></office:spreadsheet></office:body>\
         </office:document-content>"
    );
    let kind = "application/vnd.oasis.opendocument.spreadsheet";
    let manifest = format!(
        "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\">\
         <manifest:file-entry manifest:full-path=\"/\" manifest:media-type=\"{kind}\"/></manifest:manifest>"
    );
    let parts = [("mimetype", kind.to_owned()), ("META-INF/manifest.xml", manifest), ("content.xml", content)];
    packed(&parts.map(|(name, text)| (name.to_owned(), text.into_bytes())))
}

fn ods_cell(text: &str, repeated: usize) -> String {
    format!(
        "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"{repeated}\"><text:p>{text}</text:p></table:table-cell>"
    )
}

/// A kind of hostile file: its name, the ending of its name, and what makes it. The number scales its size: 1 = as handed.
type Kind = (&'static str, &'static str, fn(&mut Rng, f64) -> Vec<u8>);

fn times(size: usize, scale: f64) -> usize {
    ((size as f64 * scale) as usize).max(2)
}

const KINDS: [Kind; 21] = [
    ("one long text named by many cells", "xlsx", |dice, scale| {
        let length = size(dice, 1000, times(1 << 20, scale));
        let (rows, columns) = (size(dice, 2, times(200, scale)), size(dice, 2, 1024));
        let row = "<c t=\"s\"><v>0</v></c>".repeat(columns);
        workbook(&[0], &[sheet(std::iter::repeat_n(row, rows), "")], &format!("<si><t>{}</t></si>", "a".repeat(length)))
    }),
    ("one long text below a header", "xlsx", |dice, scale| {
        let length = size(dice, 1000, 32_767);
        let row = inline("GZ1") + &"<c t=\"s\"><v>0</v></c>".repeat(4);
        let rows = std::iter::repeat_n(row, size(dice, 10, times(20_000, scale)));
        workbook(&[0], &[sheet(register(1).chain(rows), "")], &format!("<si><t>{}</t></si>", "贵".repeat(length)))
    }),
    ("many shared strings", "xlsx", |dice, scale| {
        let count = size(dice, 1000, times(2_000_000, scale));
        workbook(&[0], &[sheet(register(5), "")], &"<si><t>a</t></si>".repeat(count))
    }),
    ("dates that are none", "csv", |dice, scale| {
        let dates = ["洽谈时间", "评审时间", "拟签约时间", "签约时间", "履约时间", "实际开工时间", "终止时间"];
        let mut text = format!("项目编号,项目名称,县（市、区）,{}\n", dates.join(","));
        for number in 0..size(dice, 1000, times(50_000, scale)) {
            writeln!(text, "GZ{number},甲,瓮安县{}", ",x".repeat(dates.len())).expect("written");
        }
        text.into_bytes()
    }),
    ("owners that nobody knows", "csv", |dice, scale| {
        let name = "县".repeat(size(dice, 10, 32_000));
        let mut text = "项目编号,项目名称,县（市、区）\n".to_owned();
        for number in 0..size(dice, 10, times(600, scale)) {
            writeln!(text, "GZ{number},甲,{name}{number}").expect("written");
        }
        text.into_bytes()
    }),
    ("one code in many rows", "csv", |dice, scale| {
        let mut text = "项目编号,项目名称,县（市、区）\n".to_owned();
        let codes = size(dice, 1, 20_000);
        for number in 0..size(dice, 1000, times(60_000, scale)) {
            writeln!(text, "GZ{},甲{},瓮安县", number % codes, number / codes % 2).expect("written");
        }
        text.into_bytes()
    }),
    ("no header anywhere", "csv", |dice, scale| "甲,乙,丙\n".repeat(size(dice, 1000, times(400_000, scale))).into_bytes()),
    ("rows of nothing", "csv", |dice, scale| {
        let mut text = "项目编号,项目名称,县（市、区）\nGZ1,甲,瓮安县\n".to_owned();
        text.push_str(&" , , \n".repeat(size(dice, 1000, times(300_000, scale))));
        text.into_bytes()
    }),
    ("wide rows of headers", "xlsx", |dice, _| {
        let title = "项目编号/合同投资额（万元）".repeat(size(dice, 1, 100));
        let row = inline(&title).repeat(size(dice, 100, 1024));
        workbook(&[0], &[sheet(std::iter::repeat_n(row, size(dice, 5, 60)), "")], "")
    }),
    ("many sheets of wide rows of headers", "xlsx", |dice, scale| {
        let row = inline("项目编号").repeat(size(dice, 100, 1024));
        let part = sheet(std::iter::repeat_n(row, size(dice, 5, 120)), "");
        let count = size(dice, 2, times(400, scale));
        workbook(&(0..count).collect::<Vec<_>>(), &vec![part; count], "")
    }),
    ("rows repeated by their number", "ods", |dice, scale| {
        let cells = ["GZ1", "甲项目", "瓮安县"].map(|text| ods_cell(text, 1)).concat();
        let head = HEAD.map(|title| ods_cell(title, 1)).concat();
        let rows = (0..size(dice, 2, times(1100, scale))).map(|_| (size(dice, 2, 1000), cells.clone()));
        ods(&std::iter::once((1, head)).chain(rows).collect::<Vec<_>>())
    }),
    ("cells repeated by their number", "ods", |dice, scale| {
        let text = "长".repeat(size(dice, 1, 30_000));
        let cells = ods_cell(&text, size(dice, 2, 1024));
        ods(&(0..size(dice, 1, times(300, scale))).map(|_| (1, cells.clone())).collect::<Vec<_>>())
    }),
    ("equal merges", "xlsx", |dice, scale| {
        let count = size(dice, 10, times(250_000, scale));
        workbook(&[0], &[sheet(register(50), &merges(std::iter::repeat_n("A2:A100000".to_owned(), count)))], "")
    }),
    ("merges aside of the table", "xlsx", |dice, scale| {
        let count = size(dice, 10, times(199_999, scale));
        let ranges = (0..count).map(|at| format!("{}{}:{}{}", "Z", at * 2 + 1, "Z", at * 2 + 2));
        workbook(&[0], &[sheet(register(50), &merges(ranges))], "")
    }),
    ("a long text merged over many rows", "xlsx", |dice, scale| {
        let rows = size(dice, 10, times(20_000, scale));
        let behind = merges([format!("B2:B{rows}")].into_iter());
        let long = register(1).nth(1).expect("a row").replace("甲项目", &"长".repeat(size(dice, 10, 400)));
        let row = |number: usize| format!("{}<c/>{}", inline(&format!("GZ{number}")), inline("瓮安县"));
        let all = register(0).chain([long]).chain((1..rows).map(row));
        workbook(&[0], &[sheet(all, &behind)], "")
    }),
    ("rows of a page that reach down", "html", |dice, scale| {
        let mut page = format!("<table><tr>{}</tr>", HEAD.map(|title| format!("<td>{title}</td>")).concat());
        for number in 0..size(dice, 100, times(100_000, scale)) {
            write!(page, "<tr><td rowspan=2>GZ{number}<td>甲<td>瓮安县</tr>").expect("written");
        }
        (page + "</table>").into_bytes()
    }),
    ("tables in tables", "html", |dice, scale| {
        let depth = size(dice, 10, times(20_000, scale));
        ("<table><tr><td>甲".repeat(depth) + &"</td></tr></table>".repeat(depth)).into_bytes()
    }),
    ("many tables", "html", |dice, scale| "<table><tr><td>甲</table>".repeat(size(dice, 10, times(20_000, scale))).into_bytes()),
    ("one part for many sheets", "xlsx", |dice, scale| {
        workbook(&vec![0; size(dice, 2, times(20_000, scale))], &[sheet(register(1000), "")], "")
    }),
    ("many sheets", "xlsx", |dice, scale| {
        let count = size(dice, 2, times(3000, scale));
        workbook(&(0..count).collect::<Vec<_>>(), &vec![sheet(register(2), ""); count], "")
    }),
    ("a bomb", "xlsx", |dice, scale| {
        let part = sheet(register(1), "") + &" ".repeat(size(dice, 1 << 20, times(64 << 20, scale)));
        workbook(&[0], &[part], "")
    }),
];

/// A small valid file of some format, damaged.
fn damaged(dice: &mut Rng, valid: &[(&'static str, Vec<u8>)]) -> (&'static str, Vec<u8>) {
    let (ending, bytes) = dice.choice(valid).expect("one");
    let mut bytes = bytes.clone();
    if bytes.starts_with(b"PK") && dice.usize(..4) > 0 {
        let mut parts = parts(&bytes);
        let at = dice.usize(..parts.len());
        if !parts[at].1.is_empty() {
            damage(&mut parts[at].1, dice);
        }
        bytes = packed(&parts);
    } else {
        damage(&mut bytes, dice);
    }
    (ending, bytes)
}

/// Small valid files of each format.
fn valid_files() -> Vec<(&'static str, Vec<u8>)> {
    let text = "项目台账（截至2026年9月30日）\n项目编号,项目名称,县（市、区）,签约时间\nGZ1,甲项目,瓮安县,2026-01-07\nGZ2,\"乙\n项目\",瓮安县,2026年1月\n";
    let page =
        text.lines().map(|line| format!("<tr><td rowspan=1>{}</td></tr>", line.replace(',', "</td><td colspan=1>"))).collect::<String>();
    let head = HEAD.map(|title| ods_cell(title, 1)).concat();
    let row = ["GZ1", "甲项目", "瓮安县", "2025-01-01", "1"].map(|text| ods_cell(text, 1)).concat();
    let xls = crate::helpers::cases("intake").into_iter().find(|(name, _)| name.starts_with("xls-named")).expect("an xls file").1;
    vec![
        ("xlsx", undamaged_workbook()),
        ("ods", ods(&[(1, head), (3, row)])),
        ("xls", case_file(&xls).1),
        ("html", format!("<html><table>{page}</table></html>").into_bytes()),
        ("csv", text.as_bytes().to_vec()),
        ("csv", encoding_rs::GB18030.encode(text).0.into_owned()),
    ]
}

/// Pulls a file in this process.
///
/// # Errors
/// What is wrong with the way in which it ended.
async fn pull(service: &App, path: &Path) -> Result<(), String> {
    let request = PullRequest {
        input: Input::File(path.to_owned()),
        source: "import".into(),
        sample: false,
        covers_on: None,
        accept: false,
        only: None,
    };
    match service.importer().pull(&service.config().policy, &request).await {
        Ok(report) => match report.ledgers.iter().flat_map(|ledger| &ledger.accounts).find(|account| !account.adds_up()) {
            Some(account) => Err(format!("{account:?}")),
            None => report.fault.map_or(Ok(()), Err),
        },
        Err(PullError::Refused { refusal, .. } | PullError::ReaderEnded { refusal, .. }) => {
            let is_whole = !refusal.reason.is_empty() && !refusal.hint.is_empty();
            is_whole.then_some(()).ok_or_else(|| "a refusal without reason or hint".to_owned())
        }
        Err(PullError::Store(error)) => Err(error.to_string()),
    }
}

/// Every kind as the binary reads it, with bounds on its own process.
#[test]
fn the_service_is_bounded_whatever_it_is_sent() {
    let root = fresh_root();
    let file = |name: &str, bytes: &[u8]| {
        let path = root.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("a path").to_owned()
    };
    let small = file("small.csv", "项目编号,项目名称,县（市、区）\nGZ1,甲,瓮安县\n".as_bytes());
    let idle = watch(root.path(), &["import", &small]);
    assert_eq!((idle.code, fault(&idle, idle.peak_kib)), (Some(0), None), "{idle:?}");
    // a sample of the longer work; the sizes of the test command are such that all kinds take half a minute
    let rounds = number("DUBAN_MUTANTS").map_or(1, |count| (count / 400).max(1));
    let scale = if number("DUBAN_MUTANTS").is_some() { 1.0 } else { 0.12 };
    for seed in first_seed()..first_seed() + rounds {
        for (kind, ending, make) in KINDS {
            let bytes = make(&mut Rng::with_seed(seed), scale);
            let path = file(&format!("hostile.{ending}"), &bytes);
            let ended = watch(root.path(), &["import", &path, "--source", "hostile"]);
            let wrong = fault(&ended, idle.peak_kib);
            let figures = (ended.code, ended.peak_kib / 1024, ended.cpu_seconds, ended.seconds.as_millis());
            println!(
                "{seed} {kind}: {} bytes, exit {:?}, {} MiB, {} s of its own, {} ms",
                bytes.len(),
                figures.0,
                figures.1,
                figures.2,
                figures.3
            );
            if let Some(wrong) = wrong {
                panic!("seed {seed}, {kind} ({} bytes): {wrong}: {ended:?}", bytes.len());
            }
        }
    }
}

/// Many files in this process: none makes it panic, and each ends in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_is_read_held_or_refused() {
    let valid = valid_files();
    for (ending, bytes) in &valid {
        let root = fresh_root();
        let path = root.path().join(format!("valid.{ending}"));
        std::fs::write(&path, bytes).expect("written");
        let read = duban(root.path(), &["import", path.to_str().expect("a path")]);
        assert!(matches!(read.status.code(), Some(0 | 2)), "{ending}: {}", stderr(&read));
    }
    let mut root = fresh_root();
    let mut service = service(root.path(), "2026-11-23T01:00:00Z").await;
    for (at, seed) in (first_seed()..first_seed() + number("DUBAN_MUTANTS").unwrap_or(60)).enumerate() {
        // what was read before makes reading slower
        if at % 500 == 499 {
            root = fresh_root();
            service = crate::helpers::service(root.path(), "2026-11-23T01:00:00Z").await;
        }
        let mut dice = Rng::with_seed(seed);
        let (what, ending, bytes) = if dice.usize(..5) == 0 {
            let (kind, ending, make) = dice.choice(&KINDS).expect("one");
            (*kind, *ending, make(&mut dice, 0.01))
        } else {
            let (ending, bytes) = damaged(&mut dice, &valid);
            ("damaged", ending, bytes)
        };
        let path = root.path().join(format!("hostile.{ending}"));
        std::fs::write(&path, bytes).expect("written");
        let ended = tokio::time::timeout(Duration::from_secs(SECONDS_MAX), pull(&service, &path)).await;
        if let Err(wrong) = ended.map_err(|_| "it took too long".to_owned()).and_then(|ended| ended) {
            panic!("seed {seed}, {what} ({ending}): {wrong}");
        }
    }
}

/// Owners as long as a cell may be are looked up in linear time.
#[test]
fn long_names_of_owners_are_looked_up_at_once() {
    let root = fresh_root();
    let path = root.path().join("owners.csv");
    let rows = (0..20).map(|number| format!("GZ{number},甲,{}{number}\n", "县".repeat(32_000)));
    std::fs::write(&path, format!("项目编号,项目名称,县（市、区）\n{}", rows.collect::<String>())).expect("written");
    let ended = watch(root.path(), &["import", path.to_str().expect("a path")]);
    assert!(ended.code == Some(0) && ended.printed.contains("读入20行"), "{ended:?}");
}

/// A small file whose reader needs more memory than it may have.
fn poison() -> Vec<u8> {
    const TEXTS: usize = 2600;
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut dice = fastrand::Rng::with_seed(1);
    let mut texts = format!("<sst xmlns=\"{MAIN}\">");
    for _ in 0..TEXTS {
        let other: String = (0..500).map(|_| dice.alphanumeric()).collect();
        texts.push_str(&format!("<si><t>{}{other}</t></si>", "长".repeat(20_000)));
    }
    texts.push_str("</sst>");
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData/></worksheet>");
    let book = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"表\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let relations = format!(
        "<Relationships><Relationship Id=\"r1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
         <Relationship Id=\"r2\" Type=\"{RELATIONS}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
    );
    let parts = [
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/sharedStrings.xml", texts),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    packed(&parts.map(|(name, text)| (name.to_owned(), text.into_bytes())))
}

/// A file that ended its reader: the run goes on without it, is partial and names it; the service does not read it once more, and a person may.
#[test]
fn a_file_that_ended_its_reader_is_not_read_once_more_by_itself() {
    let root = fresh_root();
    let at = root.path();
    std::fs::create_dir_all(at.join("incoming/forms")).expect("a folder");
    std::fs::write(at.join("register.csv"), "项目编号,项目名称,县（市、区）\nGZ1,甲项目,瓮安县\n").expect("written");
    std::fs::write(at.join("incoming/poison.ods"), poison()).expect("written");
    std::fs::write(at.join("incoming/forms/poison.ods"), [poison(), b" ".to_vec()].concat()).expect("written");
    edit(
        at,
        "config/duban.toml",
        "name = \"sample\"\npath = \"config/sample/register.xlsx\"\nsample = true",
        "name = \"own\"\npath = \"register.csv\"\n\n[[source]]\nname = \"county\"\nfolder = \"incoming\"\npattern = \"*.ods\"\nsettle_seconds = 0\n\n[feedback]\nfolder = \"incoming/forms\"\n\n[limits]\nparse_memory_mib = 256",
    );
    let ended = "解析所需内存超过256MB或解析中断";
    let first = duban(at, &["run", "daily-pull"]);
    assert_eq!(first.status.code(), Some(2), "{}", stderr(&first));
    let printed = stdout(&first);
    assert!(printed.contains("incoming/poison.ods") && printed.contains("incoming/forms/poison.ods"), "{printed}");
    assert_eq!(printed.matches(ended).count(), 2, "{printed}");
    // another run does not read them
    let second = duban(at, &["run", "daily-pull", "--revise"]);
    assert_eq!(second.status.code(), Some(2), "{}", stderr(&second));
    let printed = stdout(&second);
    assert!(printed.matches("该文件曾使解析进程中断").count() == 2 && !printed.contains(ended), "{printed}");
    assert!(stderr(&duban(at, &["pull"])).contains("不再自动读取"));
    assert_eq!(stdout(&duban(at, &["check"])).matches("注意：poison.ods曾使解析进程中断").count(), 2);
    // a person may: by the name of the source, or of the file
    for arguments in
        [&["pull", "county"][..], &["import", "incoming/poison.ods"], &["import", "incoming/forms/poison.ods", "--ledger", "feedback"]]
    {
        let file = at.join(arguments[1]);
        let arguments: Vec<&str> = arguments
            .iter()
            .map(|word| if file.is_file() && *word == arguments[1] { file.to_str().expect("a path") } else { *word })
            .collect();
        let tried = duban(at, &arguments);
        assert!(tried.status.code() == Some(1) && stderr(&tried).contains(ended), "{arguments:?}: {}", stderr(&tried));
    }
    // with room for it, it is read or refused, and not remembered any more
    std::fs::write(at.join("incoming/poison.ods"), "项目编号,项目名称,县（市、区）\nGZ2,乙项目,瓮安县\n").expect("written");
    assert_eq!(duban(at, &["pull", "county"]).status.code(), Some(0));
}

/// A pipe, a device or a folder in the place of a file ends by itself, and so does one in the folder of the forms.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let root = fresh_root();
    let pipe = root.path().join("pipe.xlsx");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    for (path, reason) in [(pipe.to_str().expect("a path"), "不是普通文件"), ("/dev/zero", "不是普通文件"), ("/tmp", "是文件夹")]
    {
        let ended = watch(root.path(), &["import", path]);
        assert!(ended.code == Some(1) && ended.printed.contains(reason) && ended.seconds < Duration::from_secs(20), "{path}: {ended:?}");
    }
}

/// What a query may add to the service's memory: less than half of a cell of 38 MiB.
const PEAK_BESIDE_A_CELL_KIB: u64 = 16 * 1024;

/// One huge cell of another database stays in the process that queries it.
#[test]
fn a_huge_cell_of_a_query_does_not_grow_the_service() {
    let root = fresh_root();
    let at = root.path();
    let make = async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(at.join("business.db")).create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.expect("a database");
        for statement in [
            "CREATE TABLE register (code TEXT, title TEXT, county TEXT, remark TEXT)",
            "INSERT INTO register VALUES ('GZ1', '甲项目', '瓮安县', '')",
            "INSERT INTO register SELECT 'GZ2', '乙项目', '瓮安县', replace(hex(zeroblob(20000000)), '0', 'x')",
        ] {
            sqlx::query(statement).execute(&pool).await.expect("a register");
        }
        pool.close().await;
    };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(make);
    let query =
        |columns: &str| format!("name = \"business\"\ndatabase = \"sqlite:business.db\"\nquery = \"SELECT {columns} FROM register\"\n");
    let settings = std::fs::read_to_string(at.join("config/duban.toml")).expect("the settings");
    let source = |columns: &str| {
        let text = settings.replace("# [brake]", &format!("[[source]]\n{}\n# [brake]", query(columns)));
        std::fs::write(at.join("config/duban.toml"), text).expect("written");
    };
    source("code, title AS 名称, county AS '县（市、区）'");
    let idle = watch(at, &["pull", "business"]);
    assert_eq!(idle.code, Some(0), "{idle:?}");
    source("code, title AS 名称, county AS '县（市、区）', remark AS 形象进度说明");
    let ended = watch(at, &["pull", "business", "--accept"]);
    assert!(matches!(ended.code, Some(0..=2)) && ended.peak_kib < idle.peak_kib + PEAK_BESIDE_A_CELL_KIB, "{ended:?}");
    // the cell is the name: it is cut, and the row waits for a person
    source("code, title || remark AS 名称, county AS '县（市、区）'");
    let ended = watch(at, &["pull", "business", "--accept"]);
    assert!(ended.code == Some(2) && ended.printed.contains("内容超过500个字"), "{ended:?}");
    assert!(ended.peak_kib < idle.peak_kib + PEAK_BESIDE_A_CELL_KIB, "{ended:?}");
}

/// The program may be stopped while it reads a file, which is then read once more; one that was never read to its end is left to a person.
#[tokio::test]
async fn a_file_that_the_program_never_read_to_its_end_is_left_to_a_person() {
    let root = fresh_root();
    let at = root.path();
    std::fs::write(at.join("register.csv"), "项目编号,项目名称,县（市、区）\nGZ1,甲项目,瓮安县\n").expect("written");
    edit(at, "config/duban.toml", "config/sample/register.xlsx\"\nsample = true", "register.csv\"");
    let service = service(at, "2026-11-23T01:00:00Z").await;
    let source = service.config().settings.source("sample").expect("the source");
    let sha256 = duban::report::archive::sha256(&std::fs::read(at.join("register.csv")).expect("the file"));
    let begin = || async { service.store().readings().begin(&sha256, "register.csv", "2026-11-22T01:00:00Z").await.expect("begun") };
    let by_itself = || service.importer().pull_source(source, false, Initiative::Service);
    for stopped in [0, 2] {
        for _ in 0..stopped {
            begin().await;
        }
        assert!(by_itself().await.is_ok(), "stopped {stopped} times");
        assert_eq!(service.store().readings().unended(&sha256).await.expect("read"), None, "it ended well");
    }
    for _ in 0..3 {
        begin().await;
    }
    let refused = by_itself().await.expect_err("refused").to_string();
    assert!(refused.contains("该文件曾使本程序未能读完（2026-11-22），不再自动读取"), "{refused}");
    assert!(service.importer().pull_source(source, false, Initiative::Person).await.is_ok());
    assert!(by_itself().await.is_ok(), "it ended well once");
}
