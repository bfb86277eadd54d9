//! Records of any ledger that belong to a marked project or name it in a text, however the register is filled in: they leave the office no more
//! than the project itself.

use super::super::feedback::{Cells, write};
use super::super::helpers::{duban, files_below, import, stderr, stdout};
use super::super::outputs::cells;
use super::marks::{HEAD, codes, listed, mailed, named, register, root, run};
use super::producers::is_marked;
use calamine::Data;
use duban::domain::register::ledger::{FieldKind, Role};
use duban::domain::register::record::{Cell, Record};
use duban::domain::rules::policy::Policy;
use fastrand::Rng;
use rust_xlsxwriter::{Note, Workbook};
use std::collections::BTreeSet;
use std::path::Path;

const DAY: &str = "2024-01-01";

/// A register with a column of difficulties and one of secrecy.
fn with_difficulties(rows: &[(&str, &str, &str)]) -> String {
    let mut text = format!("{HEAD},存在的困难和问题,是否涉密\n");
    for (code, difficulty, secrecy) in rows {
        let name = format!("名{code}称");
        text.push_str(&format!(
            "{code},{name},黔南州,瓮安县,茶叶,合同,签约,{DAY},2024-01-10,1,2024-06-01,2026-09-20,,,{difficulty},{secrecy}\n"
        ));
    }
    text
}

fn orders(rows: &[(&str, &str, &str, &str)]) -> String {
    let mut text = "工作单编号,项目编号,项目名称,派发日期,承办类型,承办单位,办结时限,签收日期,办结日期,延期至,办理情况\n".to_owned();
    for (code, project, name, handling) in rows {
        text.push_str(&format!("{code},{project},{name},2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,,,{handling}\n"));
    }
    text
}

fn taken(root: &Path, name: &str, text: impl AsRef<[u8]>, arguments: &[&str]) -> String {
    let output = import(root, name, text, arguments);
    assert_eq!(output.status.code(), Some(0), "{name}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

#[test]
fn a_lift_is_of_all_that_restricts_a_code() {
    let root = root();
    let root = root.path();
    let rows = [("P10", "", "是"), ("P11", "与P10共用进场路", "是"), ("P12", "", "")];
    taken(root, "台账.csv", with_difficulties(&rows), &["--covers", "2026-09-30"]);
    taken(root, "单.csv", orders(&[("P11", "", "名P95称", "随P10一并办")]), &["--covers", "2026-09-30"]);
    let restricted = || stdout(&duban(root, &["restricted", "list"]));
    let lifted = duban(root, &["restricted", "lift", "P11", "P13", "--by", "张三", "--reason", "误标"]);
    let printed = stdout(&lifted);
    assert!(printed.contains("解除3处标注") && printed.contains("P13：没有生效的标注"), "{printed}{}", stderr(&lifted));
    assert_eq!(printed.matches("提到P10").count(), 2, "{printed}");
    assert!(restricted().contains("P10 ") && !restricted().contains("提到P10\n"), "{}", restricted());
}

#[test]
fn what_names_a_marked_project_goes_out_no_more_than_the_project() {
    let root = root();
    let root = root.path();
    let rows =
        [("P10", "", "是"), ("P11", "与P10共用进场路", ""), ("P12", "待名P10称供电", "否"), ("P13", "用地未落实", ""), ("P101", "", "")];
    taken(root, "台账.csv", with_difficulties(&rows), &["--covers", "2026-09-30"]);
    let rows = [
        ("W1", "", "名P90称", "随p１０一并办"),
        ("W2", "P13、P10", "名P91称", ""),
        ("W3", "名P10称", "名P92称", ""),
        ("W4", "P13", "名P93称", "见“名P10 称”的意见"),
        ("W5", "", "名P10称用地", ""),
        ("W6", "P13", "名P94称", "正在办理"),
    ];
    taken(root, "工作单.csv", orders(&rows), &["--covers", "2026-09-30"]);
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert_eq!(code, Some(0), "{text}");
    let open = codes(&["P13", "P101", "P94"]);
    let (mails, drafts) = mailed(root);
    assert_eq!(mails, open, "{drafts:?}");
    assert!(drafts.is_subset(&open), "{drafts:?}");
    let shown = stdout(&duban(root, &["restricted", "list"]));
    for line in ["P11 项目台账 提到P10", "P12 项目台账 提到P10", "W1 工作单 提到P10", "W5 工作单 提到P10"] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    assert!(!shown.contains("P13") && !shown.contains("W6"), "{shown}");
    // a person finds that a text does not mean the project
    let lifted = duban(root, &["restricted", "lift", "P11", "--by", "张三", "--reason", "同名道路"]);
    assert!(stdout(&lifted).contains("解除1处标注"), "{}{}", stdout(&lifted), stderr(&lifted));
    assert!(!stdout(&duban(root, &["restricted", "list"])).contains("P11 项目台账 提到P10\n"), "the lift is shown in place of the mention");
    let (code, text) = run(root, &["--as-of", "2026-09-30", "--revise"]);
    assert_eq!(code, Some(0), "{text}");
    let open = codes(&["P11", "P13", "P101", "P94"]);
    assert_eq!(mailed(root).0, open);
    assert_eq!(duban(root, &["audit", "--verify"]).status.code(), Some(0), "the lift is an act of the audit");
}

/// Between two codes of one cell may be a line break or nothing: intake reads codes without spaces.
#[test]
fn codes_joined_in_one_cell_tie_a_record_to_each() {
    let root = root();
    let root = root.path();
    let register = with_difficulties(&[("P1000010", "", "是"), ("P1000020", "", "")]);
    taken(root, "台账.csv", register, &["--covers", "2026-09-30"]);
    let rows = [("W1", "P1000020\u{3000}P1000010", "名P1000020称", "密语甲"), ("W2", "P10000201", "名P1000020称", "正在办理")];
    taken(root, "工作单.csv", orders(&rows), &["--covers", "2026-09-30"]);
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert_eq!(code, Some(0), "{text}");
    let shown = stdout(&duban(root, &["restricted", "list"]));
    assert!(shown.contains("W1 工作单 提到P1000010") && !shown.contains("W2"), "{shown}");
}

/// A project as other ledgers write it: its name in quotes, brackets, traditional characters, with 项目 or without, and its code with other signs.
#[test]
fn a_marked_project_is_known_however_its_name_and_code_are_written() {
    let root = root();
    let root = root.path();
    let mut text = format!("{HEAD},是否涉密\n");
    for (code, name, secrecy) in [
        ("GZ-2024-001", "黔南·磷酸铁锂（电池）生产线项目", "是"),
        ("P13", "名P13称", ""),
        ("GZ2024001", "名P20称", ""),
        ("GZ2024002", "名P21称", ""),
    ] {
        text.push_str(&format!("{code},{name},黔南州,瓮安县,茶叶,合同,签约,{DAY},2024-01-10,1,2024-06-01,2026-09-20,,,{secrecy}\n"));
    }
    taken(root, "台账.csv", text, &["--covers", "2026-09-30"]);
    let ties =
        ["GZ2024001", "ＧＺ－２０２４－００１", "gz2024OO1", "GZ2024001（一期）", "《黔南磷酸铁锂电池生产线》", "黔南磷酸鐵鋰電池生產線"];
    let texts = [
        "请办理《黔南磷酸铁锂（电池）生产线》用地",
        "“黔南 · 磷酸铁锂电池生产线项目”供电",
        "黔南磷酸鐵鋰電池生產線項目環評",
        "见GZ2024001号",
        "见ＧＺ２０２４００I",
        "与名P20称共用道路",
    ];
    let mut rows: Vec<(String, &str, &str, &str)> = Vec::new();
    rows.extend(ties.iter().enumerate().map(|(at, tie)| (format!("W1{at}"), *tie, "名P90称", "正在办理")));
    rows.extend(texts.iter().enumerate().map(|(at, text)| (format!("W2{at}"), "P13", "名P91称", *text)));
    rows.extend(texts.iter().enumerate().map(|(at, text)| (format!("W3{at}"), "P13", *text, "正在办理")));
    rows.push(("W90".into(), "GZ2024002", "名P92称", "黔南磷酸铁锂、电池生产线"));
    let rows: Vec<(&str, &str, &str, &str)> = rows.iter().map(|(code, tie, name, text)| (code.as_str(), *tie, *name, *text)).collect();
    taken(root, "工作单.csv", orders(&rows), &["--covers", "2026-09-30"]);
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert_eq!(code, Some(0), "{text}");
    let open = codes(&["P13", "P92", "P21"]);
    let (mails, drafts) = mailed(root);
    assert!(mails == open && drafts.is_subset(&open), "{mails:?} {drafts:?}");
    let shown = stdout(&duban(root, &["restricted", "list"]));
    for (code, ..) in &rows[..rows.len() - 1] {
        assert!(shown.contains(&format!("{code} 工作单 提到GZ-2024-001")), "{code} is not in {shown}");
    }
    assert!(shown.contains("GZ2024001 项目台账 提到GZ-2024-001") && !shown.contains("W90"), "{shown}");
    // a person finds that the other code is another project
    let lifted = duban(root, &["restricted", "lift", "GZ2024001", "--by", "张三", "--reason", "另一项目"]);
    assert!(stdout(&lifted).contains("解除1处标注"), "{}{}", stdout(&lifted), stderr(&lifted));
    assert!(!stdout(&duban(root, &["restricted", "list"])).contains("GZ2024001 项目台账 提到GZ-2024-001\n"));
    // a refused file marks what the store knows in another way of writing
    let secret = format!("{HEAD},密级\nGZ-2024-002,名,黔南州,瓮安县,茶叶,合同,签约,{DAY},2024-01-10,1,2024-06-01,2026-09-20,,,机密\n");
    assert_eq!(import(root, "密.csv", secret, &["--source", "other"]).status.code(), Some(1));
    let shown = stdout(&duban(root, &["restricted", "list"]));
    assert!(shown.contains("GZ2024002 项目台账 other “（拒收的文件标注）”"), "{shown}");
}

/// A name that an open project of another unit has too does not tell which project is meant. A second row of the same unit may be the project.
#[test]
fn a_name_that_an_open_project_elsewhere_has_marks_no_other_record() {
    let root = root();
    let root = root.path();
    let mut text = format!("{HEAD},是否涉密\n");
    for (code, county, secrecy) in [("P10", "瓮安县", "是"), ("P20", "福泉市", ""), ("P30", "瓮安县", "是"), ("P31", "瓮安县", "")]
    {
        let name = if code < "P30" { "名P20称" } else { "名P31称" };
        text.push_str(&format!("{code},{name},黔南州,{county},茶叶,合同,签约,{DAY},2024-01-10,1,2024-06-01,2026-09-20,,,{secrecy}\n"));
    }
    taken(root, "台账.csv", text, &["--covers", "2026-09-30"]);
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(mailed(root).0, codes(&["P20"]));
    let shown = stdout(&duban(root, &["restricted", "list"]));
    assert!(shown.contains("P31 项目台账 提到P30") && !shown.contains("P20"), "{shown}");
}

#[test]
fn a_mail_that_waits_is_stopped_when_a_project_that_it_names_in_a_text_is_marked() {
    let root = root();
    let root = root.path();
    super::super::helpers::edit(root, "config/duban.toml", "daily_max = 5000", "daily_max = 1");
    let of = |secrecy| with_difficulties(&[("P10", "", secrecy), ("P11", "与P10共用进场路", "")]);
    taken(root, "a.csv", of("否"), &["--covers", "2026-09-30"]);
    run(root, &["--as-of", "2026-09-30"]);
    // the mark comes by another source, and by the name that only the register has
    let marked = format!("{HEAD},是否涉密\n,名P10称,黔南州,瓮安县,茶叶,合同,签约,{DAY},2024-01-10,1,2024-06-01,2026-09-20,,,是\n");
    let output = import(root, "b.csv", marked, &["--source", "county", "--covers", "2026-09-30"]);
    assert_eq!(output.status.code(), Some(2), "a row without code waits for correction: {}", stdout(&output));
    assert_eq!(listed(root), [("名P10称".to_owned(), String::new())]);
    let stopped = stdout(&duban(root, &["outbox", "list", "--state", "withheld"]));
    assert!(stopped.contains("不便公开，停发"), "{stopped}");
    let waiting = stdout(&duban(root, &["outbox", "list", "--state", "pending"]));
    assert!(!waiting.contains("quarterly-supervision"), "{waiting}");
    let shown = stdout(&duban(root, &["restricted", "list"]));
    assert!(shown.contains("P10 项目台账 提到名P10称"), "{shown}");
}

/// The rows of a text as cells of a sheet.
fn cells_of(text: &str) -> Vec<Vec<Data>> {
    let cell = |text: &str| if text.is_empty() { Data::Empty } else { Data::String(text.to_owned()) };
    text.lines().map(|line| line.split(',').map(cell).collect()).collect()
}

fn restricted(root: &Path) -> BTreeSet<String> {
    listed(root).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn a_line_or_a_name_marks_the_rows_below_it() {
    let line = |text: &str| format!("{text}{}\n", ",".repeat(HEAD.matches(',').count()));
    let rows = |list: &[&str]| {
        list.iter().map(|code| register("备注", &[(code, DAY, "")]).lines().nth(1).expect("a row").to_owned() + "\n").collect::<String>()
    };
    let head = format!("{HEAD},备注\n");
    let all = rows(&["P10", "P11", "P12"]);
    let (first, last) = (rows(&["P10"]), rows(&["P11", "P12"]));
    let book = |sheets: &[(&str, String)]| -> Vec<u8> {
        let cells: Cells = sheets.iter().map(|(name, text)| ((*name).to_owned(), cells_of(text))).collect();
        write(&cells)
    };
    let every: &[&str] = &["P10", "P11", "P12"];
    // name of the file, its bytes, and what it restricts
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("a.csv", format!("{}{head}{all}", line("内部资料 注意保存")).into(), every),
        ("b.csv", format!("{head}{}{first}{}{last}", line("一、公开项目"), line("二、不公开项目")).into(), &["P11", "P12"]),
        ("c.csv", format!("{head}{}{first}{}{last}", line("一、涉密项目"), line("二、其他项目")).into(), &["P10"]),
        ("d.csv", format!("{head}{}{first}{}{last}", line("不公开项目"), line("公开项目")).into(), &["P10"]),
        ("e.csv", format!("{head}{all}备注：内部资料，请勿外传,,\n").into(), every),
        ("不公开项目台账.csv", format!("{head}{all}").into(), every),
        ("g.xlsx", book(&[("公开", format!("{head}{first}")), ("不公开项目", format!("{head}{last}"))]), &["P11", "P12"]),
        ("secret.csv", format!("{head}{all}").into(), every),
        ("i.xlsx", book(&[("公开", format!("{head}{first}")), ("密", format!("{head}{last}"))]), &["P11", "P12"]),
        ("j.csv", format!("{}{head}{all}", line("Confidential")).into(), every),
        ("k.csv", format!("{head}{all}备注：P11为涉密项目,,\n").into(), &["P11"]),
        ("l.csv", format!("{head}{all}备注：P11已公开，其余均为涉密项目,,\n").into(), every),
        ("m.csv", format!("{head}{all}备注：A4纸打印，本表为涉密项目,,\n").into(), every),
        ("o.csv", format!("{head}{all}{}", line("以上项目不公开")).into(), every),
        ("p.csv", format!("{head}{first}{}{last}", line("本表均为不公开项目")).into(), every),
        ("q.csv", format!("{head}{first}{}{last}", line("不公开项目，请勿外传")).into(), every),
        ("n.csv", format!("{head}{}{first}单位：亿元,,\n{last}", line("一、不公开项目")).into(), every),
        ("h.csv", format!("{}{head}{all}说明：涉密项目不得填报,,\n", line("项目台账（公开）")).into(), &[]),
    ];
    for (name, bytes, expected) in cases {
        let root = root();
        let root = root.path();
        // a line that is no title by its form waits for correction like a row
        let printed = stdout(&import(root, name, &bytes, &["--covers", "2026-09-30"]));
        assert_eq!(restricted(root), codes(expected), "{name}: {printed}");
        // the rows are known by now, and the same file is read once more
        import(root, name, &bytes, &["--covers", "2026-09-30"]);
        assert_eq!(restricted(root), codes(expected), "{name}: {printed}");
    }
    // rows that were taken in before without a mark
    let root = root();
    let root = root.path();
    taken(root, "a.csv", format!("{head}{all}"), &["--covers", "2026-09-29"]);
    assert!(restricted(root).is_empty());
    taken(root, "b.csv", format!("{}{head}{all}", line("内部资料 注意保存")), &["--covers", "2026-09-30"]);
    assert_eq!(restricted(root), codes(every));
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert!(code == Some(2) && text.contains("一次标注不便公开3个编号"), "a flood is said: {code:?} {text}");
}

#[test]
fn a_remark_on_a_cell_and_the_head_of_a_page_count() {
    let text = register("备注", &[("P10", DAY, ""), ("P11", DAY, ""), ("P12", DAY, "")]);
    let book = |note: Option<(u32, &str)>, footer: &str| {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        for (at, row) in text.lines().enumerate() {
            for (column, cell) in row.split(',').enumerate().filter(|(_, cell)| !cell.is_empty()) {
                sheet.write_string(at as u32, column as u16, cell).expect("a cell");
            }
        }
        if let Some((row, note)) = note {
            sheet.insert_note(row, 1, &Note::new(note)).expect("a note");
        }
        sheet.set_footer(footer);
        book.save_to_buffer().expect("a workbook")
    };
    for (note, footer, expected) in [
        (Some((2, "涉密")), "&C第&P页", &["P11"][..]),
        (Some((3, "张三:\n该项目不宜公开")), "", &["P12"]),
        (Some((0, "本栏填写编号，涉密项目另行报送")), "", &[]),
        (Some((2, "已核对")), "&L单位：省局", &[]),
        (None, "&L&10内部资料&R注意保存", &["P10", "P11", "P12"]),
    ] {
        let root = root();
        let printed = taken(root.path(), "a.xlsx", book(note, footer), &["--covers", "2026-09-30"]);
        assert_eq!(restricted(root.path()), codes(expected), "{note:?} {footer}: {printed}");
    }
    let root = root();
    let root = root.path();
    taken(root, "a.csv", register("备注", &[("P10", DAY, ""), ("P11", DAY, "")]), &["--covers", "2026-09-29"]);
    for (note, footer, place, expected) in
        [(None, "&R机密★5年", "页眉或页脚", &["P10", "P11"][..]), (Some((2, "机密")), "", "第3行的“批注”栏", &["P11"])]
    {
        let source = place;
        let refused = import(root, "b.xlsx", book(note, footer), &["--source", source]);
        assert!(refused.status.code() == Some(1) && stderr(&refused).contains(place), "{}{}", stdout(&refused), stderr(&refused));
        assert!(restricted(root).is_superset(&codes(expected)), "{place}");
    }
}

#[test]
fn boxes_and_pictures_of_a_web_page_are_ticks() {
    let page = |cell: &[&str]| {
        let row = |code: &str, cell: &str| {
            let text = register("是否涉密", &[(code, DAY, "")]);
            let cells: String = text.lines().nth(1).expect("a row").split(',').take(14).map(|cell| format!("<td>{cell}</td>")).collect();
            format!("<tr>{cells}<td>{cell}</td></tr>")
        };
        let head: String = HEAD.split(',').map(|cell| format!("<th>{cell}</th>")).collect();
        let rows: String = cell.iter().enumerate().map(|(at, cell)| row(&format!("P{}", 10 + at), cell)).collect();
        format!("<html><meta charset=utf-8><table><tr>{head}<th>*是否涉密</th></tr>{rows}</table></html>")
    };
    let root = root();
    let cells = [
        "<input type=checkbox checked>",
        "<input type='checkbox'>",
        "<img src=a.gif alt='是'>",
        "<img src=b.gif title=否>",
        "<input type=radio checked>是 <input type=radio>否",
        "<input type=radio>是 <input type=radio checked>否",
        "<input value='涉密'>",
        "<input type=hidden value='是'>",
    ];
    taken(root.path(), "a.html", page(&cells), &["--covers", "2026-09-30"]);
    assert_eq!(restricted(root.path()), codes(&["P10", "P12", "P14", "P16"]));
}

#[test]
fn words_and_headers_as_offices_write_them() {
    // header, cell, and whether the row is restricted, or the file held
    for (header, cell, expected) in [
        ("*是否涉密", "否（已核）", Some(false)),
        ("*是否涉密", "是", Some(true)),
        ("是否涉密", "□是 ☑否", Some(false)),
        ("是否涉密", "☑是 □否", Some(true)),
        ("是否涉密", "未涉", Some(false)),
        ("密级", "一般", Some(false)),
        ("密级", "內部", Some(true)),
        ("is_public", "0", Some(true)),
        ("is_public", "1", Some(false)),
        ("confidential", "1", Some(true)),
        ("非涉密", "√", Some(false)),
        ("涉密", "√", Some(true)),
        ("备注", "勿外传", Some(true)),
        ("备注", "对外保密", Some(true)),
        ("备注", "（內部）", Some(true)),
        ("备注", "机密级保险柜采购", Some(false)),
        ("是否暂缓公开", "是", None),
        ("是否限制公开", "是", None),
        ("限制公开", "是", None),
        ("保密要求", "内部掌握", None),
        ("是否上网", "否", None),
        ("是否脱敏", "否", None),
        ("上网电价", "0.35", Some(false)),
        ("是否涉密", "×", Some(false)),
        ("是否公开", "×", Some(true)),
    ] {
        let root = root();
        let root = root.path();
        let text = register(header, &[("P10", DAY, cell), ("P11", DAY, "")]);
        let output = import(root, "a.csv", text, &["--covers", "2026-09-30"]);
        let held = output.status.code() == Some(3);
        let is_restricted = restricted(root) == codes(&["P10"]);
        assert_eq!(held, expected.is_none(), "{header} {cell}: {}", stdout(&output));
        assert_eq!(is_restricted, expected.unwrap_or(true), "{header} {cell}: {}", stdout(&output));
    }
}

#[test]
fn packs_that_name_what_was_marked_later_are_made_anew_by_the_next_run() {
    let root = root();
    let root = root.path();
    let of = |secrecy| with_difficulties(&[("P10", "", secrecy), ("P11", "", ""), ("P12", "", "")]);
    taken(root, "a.csv", of("否"), &["--covers", "2026-09-30"]);
    let packs = || {
        let output = duban(root, &["run", "quarterly-packs", "--as-of", "2026-09-30"]);
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        stdout(&output)
    };
    // the packs of units are in a folder of their level
    let named_in = |folder: &str| -> BTreeSet<String> {
        let files = files_below(&root.join("var/reports/quarterly-packs").join(folder));
        files.iter().filter(|(name, _)| name.contains('/')).flat_map(|(_, bytes)| named(&cells(bytes))).collect()
    };
    packs();
    assert!(named_in("2026-09-30").contains("P10"), "{:?}", named_in("2026-09-30"));
    let list = || stdout(&duban(root, &["restricted", "list"]));
    assert!(!list().contains("份分级材料"), "{}", list());
    taken(root, "b.csv", of("是"), &["--covers", "2026-10-01"]);
    assert!(
        list().contains("份分级材料列有其后标注的事项，不再提供给各单位，尚未重新生成：duban run quarterly-packs --as-of 2026-09-30"),
        "{}",
        list()
    );
    let printed = packs();
    assert!(printed.contains("分级材料列有其后标注为不便公开的事项，已停止提供，现重新生成（第1次修订）"), "{printed}");
    assert!(!list().contains("份分级材料"), "{}", list());
    let anew = named_in("2026-09-30-r1");
    assert!(!anew.contains("P10") && anew.contains("P11"), "{anew:?}");
    assert!(packs().contains("未重复发送"), "it is done once");
}

/// Names marked projects in other records: as one of several in the cell of the project, by their name in it, and in any text.
pub fn name_marked_projects(dice: &mut Rng, policy: &Policy, register: &mut [(usize, Record)]) {
    let is_project = |row: &&(usize, Record)| policy.ledgers[row.0].id == "project";
    let marked: Vec<String> =
        register.iter().filter(is_project).filter(|row| is_marked(policy, row)).map(|(_, record)| record.code.clone()).collect();
    if marked.is_empty() {
        return;
    }
    for (ledger, record) in register {
        let shape = &policy.ledgers[*ledger];
        let code = dice.choice(&marked).expect("one").clone();
        let named = if dice.bool() { code.clone() } else { format!("名{code}称") };
        let is_text = |at: &usize| {
            let field = &shape.fields[*at];
            let role = matches!(field.role, None | Some(Role::Officer | Role::Leader | Role::Difficulty | Role::Event));
            field.kind == FieldKind::Text && field.values.is_empty() && role && !["county", "holder", "unit"].contains(&field.id.as_str())
        };
        let texts: Vec<usize> = (0..shape.fields.len()).filter(is_text).collect();
        match (dice.usize(..12), shape.role(Role::Project)) {
            (0, Some(project)) => record.cells[project] = Cell::Text(format!("PROJECT0003、{named}").into()),
            (1, Some(project)) => record.cells[project] = Cell::Text(named.into()),
            (2 | 3, Some(project)) => {
                record.cells[project] = Cell::Empty;
                let at = texts.get(dice.usize(..texts.len().max(1))).copied().or(shape.role(Role::Name)).expect("a text");
                record.cells[at] = Cell::Text(format!("请与{named}统筹").into());
            }
            (4, _) if !texts.is_empty() => {
                record.cells[*dice.choice(&texts).expect("one")] = Cell::Text(format!("见{named}的意见").into());
            }
            _ => {}
        }
    }
}
