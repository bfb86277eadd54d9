//! The bulletin on work orders (通报): its text, that its .docx is well-formed, and that equal data give equal bytes of both files.

use super::helpers::{duban, edit, files_below, fresh_root, import_into, let_data_be_old, service, stderr, stdout};
use super::outputs::cells;
use duban::cli::run::outcome_text;
use duban::worker::run::runner::{RunRequest, RunWhen};
use quick_xml::events::Event;
use std::io::{Cursor, Read};
use std::path::Path;

const PROJECTS: &str = "\
项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,洽谈时间,签约时间,录入平台时间,履约时间,责任单位,责任人,联系电话,存在的困难和问题,最近更新时间
GZ1,磷酸铁锂项目,基础材料,黔南布依族苗族自治州,瓮安县,合同,签约,10,2025-01-06,2025-03-31,2025-04-10,2025-06-01,瓮安县投资促进局,李敏,13812345678,项目用地未落实,2026-09-20
GZ2,冷链物流项目,现代物流,贵阳市,白云区,合同,签约,3.2,2024-10-01,2025-01-20,2025-02-01,2025-05-01,白云区投资促进局,王芳,13987654321,,2026-07-01
GZ3,保密洽谈项目,现代物流,贵阳市,白云区,,洽谈,3.2,2026-04-01,,,,白云区投资促进局,王芳,13987654321,,2026-09-01
";

/// Six orders: two are completed, one of them in the quarter; three are overdue, one of them on a project under negotiation; one is with an
/// unknown unit.
const ORDERS: &str = "\
工作单编号,项目编号,项目名称,来源,派发日期,承办类型,承办单位,办结时限,签收日期,最近反馈日期,办理情况,办结日期,延期至
GZD1,GZ1,磷酸铁锂项目<二期>&扩建,推介会,2026-01-05,产业牵头部门,基础材料牵头部门,2026-02-28,2026-01-07,2026-02-01,请致电13812345678,,
GZD2,GZ1,磷酸铁锂项目,推介会,2026-01-05,属地,瓮安县,2026-08-31,2026-01-06,2026-09-20,,,
GZD3,GZ2,冷链物流项目,推介会,2026-07-10,属地,白云区,2026-09-30,2026-07-11,2026-08-20,,2026-09-10,
GZD4,GZ2,冷链物流项目,推介会,2026-03-10,属地,贵阳市,2026-05-31,2026-03-11,2026-05-20,,2026-05-25,
GZD5,GZ3,保密洽谈项目,推介会,2026-02-10,属地,白云区,2026-03-31,2026-02-11,2026-09-20,,,
GZD6,GZ2,冷链物流项目,推介会,2026-09-28,属地,某不明单位,2026-12-31,,,,,
";

const DECISIONS: &str = "\
事项编号,会议名称,会议日期,议定事项,责任单位,办结时限,办结日期,进展情况
YD1,2026年第一次联席会议,2026-03-20,落实项目用地指标,省自然资源厅,2026-06-30,,
YD2,2026年第一次联席会议,2026-03-20,建立用电协调机制,省能源局,2026-06-30,2026-06-20,
";

/// A root with the registers imported and the quarterly job run on these days. GZD2 is overdue from the second quarter on.
async fn quarters(days: &[&str], decisions: bool) -> tempfile::TempDir {
    let root = fresh_root();
    let at = root.path();
    let_data_be_old(at);
    edit(at, "config/duban.toml", "# [start] enforce_on", "[start]\nenforce_on = \"2026-01-01\"\n# [start] enforce_on");
    let service = service(at, "2026-10-08T00:00:00Z").await;
    for (name, text) in [("台账.csv", PROJECTS), ("工作单.csv", ORDERS)] {
        import_into(&service, name, text, "2026-06-30").await;
    }
    if decisions {
        import_into(&service, "议定事项.csv", DECISIONS, "2026-06-30").await;
    }
    for day in days {
        let when = RunWhen::AsOf(day.parse().expect("a day"));
        let outcome =
            service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise: false }).await.expect("a run");
        assert!(
            !outcome_text(&outcome, &service.config().policy.units.levels).contains("work-order-bulletin"),
            "{}",
            outcome_text(&outcome, &service.config().policy.units.levels)
        );
    }
    service.store().close().await;
    root
}

/// A file of the bulletin of a day, by its extension.
fn bulletin(root: &Path, day: &str, ending: &str) -> Vec<u8> {
    let files = files_below(&root.join("var/reports/quarterly-supervision").join(day));
    let found = files.into_iter().find(|(name, _)| name.contains("办理情况通报") && name.ends_with(ending));
    found.unwrap_or_else(|| panic!("no {ending}")).1
}

/// Name and text of every part of a ZIP package; each is parsed to check that it is well-formed XML.
fn parts(bytes: &[u8]) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a package");
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).expect("a part");
            let name = file.name().expect("a name").into_owned();
            assert_eq!(file.last_modified().map(|time| time.year()), Some(1980), "no wall time");
            let mut text = String::new();
            file.read_to_string(&mut text).expect("UTF-8");
            let mut reader = quick_xml::Reader::from_str(&text);
            let mut depth = 0;
            loop {
                match reader.read_event().unwrap_or_else(|error| panic!("{name}: {error}")) {
                    Event::Start(_) => depth += 1,
                    Event::End(_) => depth -= 1,
                    Event::Eof => break,
                    _ => {}
                }
            }
            assert_eq!(depth, 0, "{name}");
            (name, text)
        })
        .collect()
}

/// The texts of all parts of a workbook or document, each cell or paragraph on a line.
pub fn texts_of_package(bytes: &[u8]) -> String {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a package");
    let mut out = String::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("a part");
        let mut xml = String::new();
        file.read_to_string(&mut xml).expect("UTF-8");
        let texts = xml.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).filter(|text| !text.is_empty());
        texts.for_each(|text| {
            out.push_str(text);
            out.push('\n');
        });
        // names of sheets, headers and titles of charts are attributes
        if !file.name().expect("a name").contains("styles") {
            xml.split('"').skip(1).step_by(2).filter(|text| !text.is_ascii()).for_each(|text| {
                out.push_str(text);
                out.push('\n');
            });
        }
    }
    out
}

/// A document as text: each paragraph with its style, each row of a table on one line.
fn read(document: &str) -> String {
    let mut out = String::new();
    let (mut style, mut text, mut in_table) = (String::new(), String::new(), false);
    let mut reader = quick_xml::Reader::from_str(document);
    loop {
        match reader.read_event().expect("XML") {
            Event::Empty(tag) if tag.name().as_ref() == "w:pStyle" => {
                style = tag.attributes().next().expect("a name").expect("a name").value.into_owned();
            }
            Event::Text(piece) => text.push_str(piece.trim_start_matches('\n')),
            Event::GeneralRef(sign) => text.push_str(match &*sign {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                other => panic!("{other}"),
            }),
            Event::Start(tag) if tag.name().as_ref() == "w:tr" => in_table = true,
            Event::End(tag) => match tag.name().as_ref() {
                "w:p" if !in_table => {
                    out.push_str(&format!("[{style}] {text}\n"));
                    text.clear();
                }
                "w:tc" => text.push('|'),
                "w:tr" => {
                    out.push_str(&format!("{}\n", text.trim_end_matches('|')));
                    text.clear();
                    in_table = false;
                }
                _ => {}
            },
            Event::Eof => return out,
            _ => {}
        }
    }
}

fn document(bytes: &[u8]) -> String {
    let parts = parts(bytes);
    let (_, text) = parts.iter().find(|(name, _)| name == "word/document.xml").expect("the document");
    read(text)
}

#[tokio::test]
async fn text_of_the_bulletin() {
    let root = quarters(&["2026-06-30", "2026-09-30"], true).await;
    let text = document(&bulletin(root.path(), "2026-09-30", ".docx"));
    insta::assert_snapshot!("bulletin_document", text);
    insta::assert_snapshot!("bulletin_sheet", cells(&bulletin(root.path(), "2026-09-30", ".xlsx")).replace(" | | ", " "));
    for hidden in ["13812345678", "李敏", "保密洽谈项目", "GZD5"] {
        assert!(!text.contains(hidden), "{hidden} is not for all to read");
    }
    // The totals of both tables add up to the number in the text.
    let dispatched = |row: &str| row.split('|').nth(1).and_then(|cell| cell.parse::<u32>().ok()).expect("a count");
    let totals: Vec<u32> = text.lines().filter(|line| line.starts_with("合计|")).take(2).map(dispatched).collect();
    assert!(totals.len() == 2 && text.contains(&format!("累计派发{}件", totals[0] + totals[1])), "{totals:?}");
    // The first quarter has no previous one to compare with.
    assert!(document(&bulletin(root.path(), "2026-06-30", ".docx")).contains("无上期数可比"));
}

#[tokio::test]
async fn both_files_are_well_formed_and_reproducible() {
    let (one, other) = (quarters(&["2026-09-30"], false).await, quarters(&["2026-09-30"], false).await);
    for ending in [".docx", ".xlsx"] {
        assert!(bulletin(one.path(), "2026-09-30", ending) == bulletin(other.path(), "2026-09-30", ending), "{ending}");
    }
    let bytes = bulletin(one.path(), "2026-09-30", ".docx");
    let parts = parts(&bytes);
    let part = |name: &str| &parts.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1;
    // A4, the margins of an official paper, table headers repeated on every page, page numbers.
    let document = part("word/document.xml");
    for text in ["w:w=\"11906\" w:h=\"16838\"", "w:top=\"2098\" w:right=\"1474\" w:bottom=\"1984\" w:left=\"1587\"", "<w:tblHeader/>"] {
        assert!(document.contains(text), "{text}");
    }
    assert!(part("word/footer1.xml").contains("PAGE") && part("word/styles.xml").contains("方正小标宋简体"));
    assert!(part("docProps/core.xml").contains("2026-09-30T00:00:00Z"));
    // The target of every relationship is a part of the package.
    for target in part("word/_rels/document.xml.rels").split("Target=\"").skip(1) {
        part(&format!("word/{}", target.split('"').next().expect("a name")));
    }
    // A rebuild lists the document and gives the same bytes.
    let rebuilt = duban(one.path(), &["rebuild", "quarterly-supervision@2026-10-08T08:00:00#0"]);
    assert!(rebuilt.status.success() && stdout(&rebuilt).contains(".docx"), "{}{}", stdout(&rebuilt), stderr(&rebuilt));
    // Nobody has reported decisions, which is not the same as none: the workbook and the bulletin agree.
    assert!(read(document).contains("议定事项台账尚未报送，未作统计。") && !read(document).contains("台账中没有联席会议议定事项"));
}
