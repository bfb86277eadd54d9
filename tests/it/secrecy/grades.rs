//! Secrecy that is not in a column of secrecy: the grade of a state secret anywhere in a file, and texts that state that a row is restricted.

use super::super::feedback::{Cells, write};
use super::super::helpers::{duban, files_below, import, stderr, stdout};
use super::super::outputs::{as_read, cells};
use super::marks::{HEAD, codes, listed, register, root};
use calamine::Data;
use std::collections::BTreeSet;
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
