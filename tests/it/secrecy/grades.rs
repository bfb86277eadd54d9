//! Secrecy that is not in a column of secrecy: the grade of a state secret anywhere in a file, and texts that state that a row is restricted.

use super::super::feedback::{Cells, write};
use super::super::helpers::{duban, files_below, import, stderr, stdout};
use super::super::outputs::{as_read, cells};
use super::marks::{HEAD, codes, listed, register, root};
use calamine::Data;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// The codes that marks of a source restrict.
fn restricted_by(root: &Path, source: &str) -> BTreeSet<String> {
    let text = stdout(&duban(root, &["restricted", "list", "--format", "json"]));
    let marks: serde_json::Value = serde_json::from_str(&text).expect("a list");
    let of = |mark: &serde_json::Value, key: &str| mark[key].as_str().unwrap_or_default().to_owned();
    marks.as_array().into_iter().flatten().filter(|mark| of(mark, "source") == source).map(|mark| of(mark, "code")).collect()
}

/// A register with a last column of any header.
fn table(header: &str, rows: &[(&str, &str, &str)]) -> String {
    register(header, rows)
}

/// The rows of a text as cells of a sheet.
fn sheet(name: &str, text: &str) -> (String, Vec<Vec<Data>>) {
    let cell = |text: &str| if text.is_empty() { Data::Empty } else { Data::String(text.to_owned()) };
    (name.to_owned(), text.lines().map(|line| line.split(',').map(cell).collect()).collect())
}

fn book(sheets: &[(&str, &str)]) -> Vec<u8> {
    let cells: Cells = sheets.iter().map(|(name, text)| sheet(name, text)).collect();
    write(&cells)
}

const DAY: &str = "2024-01-01";
const OPEN: [(&str, &str, &str); 3] = [("P10", DAY, ""), ("P11", DAY, ""), ("P97", DAY, "")];

#[test]
fn a_grade_of_state_secrets_has_the_file_refused_wherever_it_is() {
    let root = root();
    let root = root.path();
    let base = register("是否涉密", &["P10", "P11", "P12"].map(|code| (code, DAY, "")));
    assert_eq!(import(root, "台账.csv", base, &[]).status.code(), Some(0));
    let open = table("备注", &OPEN);
    let line = |text: &str| format!("{text}{}\n", ",".repeat(HEAD.matches(',').count()));
    let aside = table("备注", &[("P10", DAY, ""), ("P11", "2023-02-30", ""), ("P98", DAY, "")]);
    let both = ["P10", "P11"];
    // name of the file, its bytes, the known codes that it restricts, the place that the refusal names
    let cases: Vec<(&str, Vec<u8>, &[&str], &str)> = vec![
        ("a.csv", table("备注", &[("P10", DAY, "机密"), ("P11", DAY, "已对接")]).into(), &["P10"], "第2行的“备注”栏"),
        ("b.csv", table("知悉范围", &[("P10", DAY, "省局"), ("P11", DAY, "秘密 ★ 1年")]).into(), &["P11"], "第3行的“知悉范围”栏"),
        ("c.csv", table("秘级", &[("P10", DAY, "机密★5年")]).into(), &["P10"], "“秘级”栏"),
        ("d.csv", table("备注", &[("P11", DAY, "密级：绝密★长期")]).into(), &["P11"], "“备注”栏"),
        ("e.csv", format!("{}{open}", line("机密★5年　2026年项目台账")).into(), &both, "第1行（标题或说明）"),
        ("f.csv", format!("{}{}{open}", line("2026年项目台账"), line(",,,秘密")).into(), &both, "第2行（标题或说明）"),
        ("g.csv", format!("{}{aside}", line("2026年项目台账（机密）")).into(), &both, "第1行（标题或说明）"),
        ("h.csv", format!("{open}{}", line("密级：机密")).into(), &both, "第5行"),
        ("i.csv", format!("{open}备注：本表为机密★1年,,\n").into(), &both, "第5行（标题或说明）"),
        ("j.xlsx", book(&[("项目台账（机密）", &open)]), &both, "第1张工作表的名称"),
        ("k.xlsx", book(&[("封面", "机密★长期\n2026年项目台账\n"), ("台账", &open)]), &both, "“封面”第1行"),
        ("l.xlsx", book(&[("台账", &open), ("说明", "填报说明\n本表属于机密\n")]), &both, "“说明”第2行"),
        ("m.xlsx", book(&[("台账", &open), ("名单", "姓名,电话,单位,备注\n张三,1,局,绝密\n")]), &both, "“名单”第2行"),
        ("n（机密）.csv", open.clone().into(), &both, "文件名"),
    ];
    for (name, bytes, expected, place) in cases {
        let text = format!("不得留存{name}");
        let refused = import(root, name, &bytes, &["--source", name]);
        let printed = format!("{}{}", stdout(&refused), stderr(&refused));
        assert_eq!(refused.status.code(), Some(1), "{name}: {printed}");
        assert!(printed.contains("国家秘密") && printed.contains(place), "{name}: {printed}");
        assert!(!printed.contains("绝密") && !printed.contains("★"), "{name}: {printed}");
        assert_eq!(restricted_by(root, name), codes(expected), "{name}: {text}");
    }
    let shown = stdout(&duban(root, &["restricted", "list"]));
    assert!(["绝密", "机密", "秘密"].iter().all(|grade| !shown.replace("机密）.csv", "").contains(grade)), "{shown}");
    // nothing of the files is in any file of the service
    for (name, bytes) in files_below(&root.join("var")) {
        for text in ["知悉范围", "P97", "名P98称"] {
            assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{name} holds {text}");
        }
    }
}

#[test]
fn texts_that_only_speak_of_secrets_are_taken() {
    let root = root();
    let root = root.path();
    let line = |text: &str| format!("{text}{}\n", ",".repeat(HEAD.matches(',').count()));
    let rows = |texts: &[&str]| {
        let codes: Vec<String> = (10..10 + texts.len()).map(|number| format!("P{number}")).collect();
        let rows: Vec<(&str, &str, &str)> = codes.iter().zip(texts).map(|(code, text)| (code.as_str(), DAY, *text)).collect();
        table("备注", &rows)
    };
    let texts = rows(&[
        "公司名 秘密花园",
        "秘密花园",
        "已签保密协议",
        "非涉密",
        "不涉密",
        "不得涉及国家秘密",
        "不属于涉密项目",
        "不宜公开招标",
        "机密文件销毁",
        "绝密、机密、秘密",
    ]);
    let text = format!("{}{}{texts}备注：不得填报绝密、机密、秘密级项目,,\n", line("2026年秘密花园等项目台账"), line("严禁填报涉密项目"));
    let taken = import(root, "a.csv", text, &[]);
    assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
    assert!(listed(root).is_empty(), "{:?}", listed(root));
}

#[test]
fn a_name_or_a_remark_that_states_it_restricts_its_row() {
    let root = root();
    let root = root.path();
    let remarks = ["本项目涉密", "涉密项目", "不宜公开", "企业要求不得公开", "是否涉密：是", "【涉密】", "保密"];
    let names = ["（涉密）", "(涉密)", "【涉密】", "[机密]"];
    let mut text = format!("{HEAD},备注\n");
    let mut expected = BTreeSet::new();
    let mut add = |name: &dyn Fn(&str) -> String, remark: &str, restricted: bool| {
        let code = format!("P{}", 10 + text.lines().count());
        let name = name(&format!("名{code}称"));
        text.push_str(&format!("{code},{name},黔南州,瓮安县,茶叶,合同,签约,{DAY},2024-01-10,1,2024-06-01,2026-09-20,,,{remark}\n"));
        if restricted {
            expected.insert(code);
        }
    };
    for remark in remarks {
        add(&|name| name.to_owned(), remark, true);
    }
    for bracket in names {
        add(&|name| format!("{name}{bracket}"), "", true);
        add(&|name| format!("{bracket}{name}"), "", true);
    }
    for remark in ["不涉密", "非涉密", "不属于涉密项目", "本项目不涉密", "公开"] {
        add(&|name| name.to_owned(), remark, false);
    }
    let taken = import(root, "a.csv", text, &["--covers", "2026-09-30"]);
    assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
    assert_eq!(listed(root).into_iter().map(|(code, _)| code).collect::<BTreeSet<_>>(), expected);
    let report = files_below(&root.join("var/reports")).into_iter().find(|(name, _)| name.ends_with("导入报告.xlsx")).expect("a report");
    let report = cells(&report.1);
    for part in ["有“项目涉密”字样，该行按不便公开处理", "duban restricted lift P11 --by 姓名 --reason 理由", "〔不便公开〕名P11称"]
    {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    // a lift holds while the text is the same
    assert_eq!(duban(root, &["restricted", "lift", "P11", "--by", "张三", "--reason", "误写"]).status.code(), Some(0));
    let once_more = table("备注", &[("P11", DAY, "本项目涉密"), ("P12", DAY, "是")]);
    import(root, "b.csv", once_more, &["--covers", "2026-09-30", "--accept"]);
    assert!(listed(root).contains(&("P11".to_owned(), "张三".to_owned())), "{:?}", listed(root));
}

/// A job mails the levels it names and no others, whatever the rows hold.
#[test]
fn a_restricted_row_gives_no_mail_to_a_level_that_the_job_does_not_name() {
    let root = root();
    let root = root.path();
    let rows = [("P10", "2024-01-01", "否"), ("P11", "2024-01-01", "是")];
    assert_eq!(import(root, "a.csv", register("是否涉密", &rows), &["--covers", "2026-09-30"]).status.code(), Some(0));
    let run = duban(root, &["run", "county-monthly-study", "--as-of", "2026-09-30"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", stdout(&run), stderr(&run));
    let mails: Vec<(String, String)> =
        files_below(&root.join("var/outbox")).into_iter().map(|(name, bytes)| (name, as_read(&bytes))).collect();
    assert!(mails.iter().any(|(name, text)| name.contains("瓮安县") && text.contains("另有1件不便列示")), "{mails:?}");
    assert!(!mails.iter().any(|(name, _)| name.contains("省投资促进局")), "{:?}", mails.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

/// A register as the table of a page, with texts before and behind it.
fn page(before: &str, text: &str, behind: &str) -> Vec<u8> {
    let row = |line: &str| format!("<tr><td>{}</td></tr>", line.replace(',', "</td><td>"));
    let rows: String = text.lines().map(row).collect();
    format!("<html><meta charset=utf-8>{before}<table>{rows}</table>{behind}</html>").into_bytes()
}

/// A workbook with a box with text over its first sheet.
fn with_box(book: &[u8], text: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).expect("a workbook");
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        out.raw_copy_file(archive.by_index_raw(index).expect("a part")).expect("a part");
    }
    let drawing = format!("<xdr:wsDr xmlns:xdr=\"a\" xmlns:a=\"b\"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></xdr:wsDr>");
    let relation = "<Relationships><Relationship Id=\"rId1\" Type=\"x/drawing\" Target=\"../drawings/drawing1.xml\"/></Relationships>";
    for (name, part) in [("xl/worksheets/_rels/sheet1.xml.rels", relation), ("xl/drawings/drawing1.xml", drawing.as_str())] {
        out.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
        out.write_all(part.as_bytes()).expect("a part");
    }
    out.finish().expect("a zip").into_inner()
}

#[test]
fn texts_around_a_table_mark_its_rows() {
    let root = root();
    let root = root.path();
    let base = register("是否涉密", &["P10", "P11", "P12"].map(|code| (code, DAY, "")));
    assert_eq!(import(root, "台账.csv", base, &[]).status.code(), Some(0));
    let open = table("备注", &[("P10", DAY, ""), ("P11", DAY, "")]);
    let line = |text: &str| format!("{text}{}\n", ",".repeat(HEAD.matches(',').count()));
    let last = |text: &str| format!("{open}{}", line(text));
    let (header, rows) = open.split_once('\n').expect("a header");
    let second = "P12,名P12称,黔南州,瓮安县,茶叶,合同,签约,2024-01-01,2024-01-10,1,2024-06-01,2026-09-20,,,\n";
    let section = |part: &str| format!("{header}\n{}{rows}{}{second}", line("二、不公开项目"), line(part));
    let title = format!("{}（内部资料）", "二〇二六年上半年招商引资重大产业项目签约开工投产情况".repeat(3));
    let excel = "<!--[if gte mso 9]><xml><x:ExcelWorksheet><x:Name>机密</x:Name></x:ExcelWorksheet></xml><![endif]-->";
    let (none, both, all): (&[&str], &[&str], &[&str]) = (&[], &["P10", "P11"], &["P10", "P11", "P12"]);
    // name of the file, its bytes, the codes that it restricts
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("a.xls", page("<h1>项目台账</h1><title>项目</title>", &open, "<p>单位：亿元</p>"), none),
        ("b.xls", page("<h1>内部<b>资料</b></h1>", &open, ""), both),
        ("c.xls", page("<title>不得外传</title>", &open, ""), both),
        ("d.xls", page("", &open, "<div>请勿外传</div>"), both),
        ("e.xls", page("<table><tr><td>内部资料</td></tr></table>", &open, ""), both),
        ("f.xls", page("<table><tr><td>内部资料</td></tr><tr><td>", &open, "</td></tr></table>"), both),
        ("g.xls", page("<p>机密</p>", &open, ""), both),
        ("h.xls", page(excel, &open, ""), both),
        ("i.xlsx", with_box(&book(&[("台账", &open)]), "项目台账"), none),
        ("j.xlsx", with_box(&book(&[("台账", &open)]), "内部资料"), both),
        ("k.csv", format!("{}{open}", line(&title)).into(), both),
        ("l.csv", format!("{}{open}", line("填报,单位,时间,电话,内部资料").replacen(",,,,", "", 1)).into(), both),
        ("m.csv", section("（一）茶叶产业").into(), all),
        ("n.csv", section("1、南明区").into(), all),
        ("o.csv", section("南明区").into(), all),
        ("p.csv", section("三、公开项目").into(), both),
        ("q.csv", last("注：无涉密项目、敏感项目").into(), none),
        ("r.csv", last("注：涉密项目共0个").into(), none),
        ("s.csv", last("备注：涉密项目另行线下报送").into(), none),
        ("t.csv", last("注意：涉密项目线下报送").into(), none),
        ("u.csv", last("本表为非涉密项目").into(), none),
        ("v.csv", format!("{}{open}", line("请勿将涉密项目录入本表")).into(), none),
        ("w.csv", format!("{}{open}", line("各单位内部使用请自行下载")).into(), none),
        ("x.csv", table("备注", &[("P10", DAY, "内 部 掌 握"), ("P11", DAY, "原为涉密项目，现已解密")]).into(), &["P10"]),
    ];
    for (name, bytes, expected) in cases {
        let taken = import(root, name, &bytes, &["--source", name]);
        let printed = format!("{}{}", stdout(&taken), stderr(&taken));
        assert_eq!(restricted_by(root, name), codes(expected), "{name}: {printed}");
        let is_refused = matches!(name, "g.xls" | "h.xls");
        assert_eq!(is_refused, printed.contains("国家秘密"), "{name}: {printed}");
    }
}
