//! Marks of secrecy that come by any row, source, ledger or header, and late: what is marked is in no mail and no draft until an accepted row
//! in force of the same source states the contrary or a person lifts it.

use super::super::helpers::{duban, edit, files_below, fresh_root, import, let_data_be_old, seeds, service, stderr, stdout};
use super::super::outputs::{as_read, cells};
use chrono::NaiveDate;
use duban::config::load::{Config, read_files};
use duban::domain::intake::raw::{Raw, RawRow};
use duban::domain::intake::sheet::{Outcome, SheetIntake};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::path::Path;

pub const HEAD: &str = "项目编号,项目名称,市（州）,县（市、区）,产业类别,协议类型,项目阶段,签约时间,录入平台时间,合同投资额（亿元）,计划开工时间,最近更新时间,实际开工时间,终止时间";

/// A register of projects under contract that have not been started: code, day of signing, and the cell of secrecy.
pub fn register(header: &str, rows: &[(&str, &str, &str)]) -> String {
    let mut text = format!("{HEAD},{header}\n");
    for (code, signed_on, secrecy) in rows {
        let name = format!("名{code}称");
        text.push_str(&format!("{code},{name},黔南州,瓮安县,茶叶,合同,签约,{signed_on},2024-01-10,1,2024-06-01,2026-09-20,,,{secrecy}\n"));
    }
    text
}

pub fn root() -> tempfile::TempDir {
    let root = fresh_root();
    let_data_be_old(root.path());
    let path = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(&path, format!("{text}\n[start]\nenforce_on = \"2026-01-01\"\n")).expect("settings");
    root
}

/// The codes of the register that a text names.
pub fn named(text: &str) -> BTreeSet<String> {
    let begins = text.match_indices("名P").map(|(at, _)| at + "名".len());
    begins.map(|at| text[at..].chars().take_while(|c| *c != '称').take(5).collect()).collect()
}

/// The codes that the mails, which are files, and the drafts name.
pub fn mailed(root: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let mails = files_below(&root.join("var/outbox"));
    let mails = mails.iter().flat_map(|(_, bytes)| named(&as_read(bytes))).collect();
    let mut drafts = BTreeSet::new();
    for id in stdout(&duban(root, &["outbox", "list", "--state", "draft"]))
        .lines()
        .filter(|line| line.starts_with("quarterly"))
        .filter_map(|line| line.split(' ').next())
    {
        drafts.extend(named(&as_read(&duban(root, &["outbox", "show", id, "--eml"]).stdout)));
    }
    (mails, drafts)
}

pub fn codes(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|code| (*code).to_owned()).collect()
}

pub fn run(root: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = duban(root, &[&["run", "quarterly-supervision"], arguments].concat());
    (output.status.code(), format!("{}{}", stdout(&output), stderr(&output)))
}

/// The restricted list as data: code and who has lifted the mark.
pub fn listed(root: &Path) -> Vec<(String, String)> {
    let text = stdout(&duban(root, &["restricted", "list", "--format", "json"]));
    let marks: serde_json::Value = serde_json::from_str(&text).expect("a list");
    let of = |mark: &serde_json::Value, key: &str| mark[key].as_str().unwrap_or_default().to_owned();
    for mark in marks.as_array().expect("a list") {
        assert_eq!((of(mark, "file_sha").len(), of(mark, "since").len()), (64, 24), "{mark}");
        assert!(!of(mark, "ledger").is_empty() && !of(mark, "source").is_empty(), "{mark}");
    }
    marks.as_array().into_iter().flatten().map(|mark| (of(mark, "code"), of(mark, "lifted_by"))).collect()
}

#[test]
fn a_mark_restricts_whatever_becomes_of_its_row() {
    let root = root();
    let root = root.path();
    let day = "2024-01-01";
    let all: Vec<String> = (10..60).map(|number| format!("P{number}")).collect();
    let rows = |marked: &[(&str, &str, &str)]| -> String {
        let rows = all.iter().map(|code| {
            let secrecy = marked.iter().find(|row| row.0 == code);
            (code.as_str(), secrecy.map_or(day, |row| row.1), secrecy.map_or("", |row| row.2))
        });
        register("是否涉密", &rows.collect::<Vec<_>>())
    };
    assert_eq!(import(root, "台账.csv", rows(&[]), &["--covers", "2026-09-01"]).status.code(), Some(0));
    // a row that is set aside
    let aside = import(root, "二.csv", rows(&[("P11", "2023-02-30", "是")]), &["--covers", "2026-09-02"]);
    assert_eq!(aside.status.code(), Some(2), "{}", stdout(&aside));
    // a register that the brake holds
    let held = import(root, "三.csv", register("是否涉密", &[("P10", day, ""), ("P12", day, "√")]), &["--covers", "2026-09-03"]);
    assert_eq!(held.status.code(), Some(3), "{}", stdout(&held));
    assert_eq!(duban(root, &["snapshot", "discard", "project", "import", "3"]).status.code(), Some(0));
    // a second source, another header, and a code that is in no other register
    let second = register("是否公开", &[("P13", day, "否"), ("P10", day, "是"), ("P99", day, "N")]);
    assert_eq!(import(root, "四.csv", second, &["--source", "county", "--covers", "2026-09-30"]).status.code(), Some(0));
    // a file that is refused
    let refused = import(root, "五.csv", register("密级", &[("P14", day, "绝密"), ("P98", day, "秘密")]), &["--source", "other"]);
    assert!(refused.status.code() == Some(1) && stderr(&refused).contains("“密级”栏"), "{}", stderr(&refused));
    assert!(!stderr(&refused).contains("绝密") && !stderr(&refused).contains("P14"), "{}", stderr(&refused));
    // orders: a marked one, and one of a project of which nothing but its mark is known
    let orders = "工作单编号,项目编号,项目名称,派发日期,承办类型,承办单位,办结时限,签收日期,涉密等级\n\
        W1,P10,名P90称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,内部\n\
        W2,P99,名P91称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,\n\
        W3,P15,名P92称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02,否\n";
    assert_eq!(import(root, "工作单.csv", orders, &["--covers", "2026-09-30"]).status.code(), Some(0));
    // an exact mark of a county does not lift that of another source
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert_eq!(code, Some(0), "{text}");
    let open: BTreeSet<String> = all.iter().filter(|code| !["P11", "P12", "P13", "P14"].contains(&code.as_str())).cloned().collect();
    let (mails, drafts) = mailed(root);
    assert_eq!(mails, open, "every open project is mailed, and none that is marked");
    assert!(drafts.is_subset(&open) && drafts.len() > 40, "{drafts:?}");
    assert_eq!(
        listed(root).into_iter().map(|(code, _)| code).collect::<BTreeSet<_>>(),
        codes(&["P11", "P12", "P13", "P14", "P99", "W1"]),
        "nothing of a refused file is known but codes that were known before"
    );
    // an accepted row in force lifts the marks of its own source, an empty cell does not, and neither does another source
    let lifted = rows(&[("P11", day, "否"), ("P13", day, "否"), ("P14", day, "否")]);
    assert_eq!(import(root, "六.csv", lifted, &["--covers", "2026-09-04"]).status.code(), Some(0));
    let now: BTreeSet<String> = listed(root).into_iter().map(|(code, _)| code).collect();
    assert_eq!(now, codes(&["P12", "P13", "P14", "P99", "W1"]));
}

/// What was read of a file counts, whatever the file is refused for, and wherever its reading breaks off.
#[test]
fn a_refused_file_has_marked_what_was_read_of_it() {
    let root = root();
    let root = root.path();
    let day = "2024-01-01";
    let base = register("是否涉密", &["P10", "P11", "P12", "P13", "P14"].map(|code| (code, day, "")));
    assert_eq!(import(root, "台账.csv", base, &[]).status.code(), Some(0));
    let lifted = register("是否涉密", &[("P14", day, "是")]);
    assert_eq!(import(root, "一.csv", lifted, &["--source", "county"]).status.code(), Some(0));
    assert_eq!(duban(root, &["restricted", "lift", "P14", "--by", "张三", "--reason", "误标"]).status.code(), Some(0));
    let refused = |name: &str, source: &str, text: String, reason: &str| {
        let output = import(root, name, text, &["--source", source]);
        assert!(output.status.code() == Some(1) && stderr(&output).contains(reason), "{}{}", stdout(&output), stderr(&output));
        listed(root)
    };
    let of = |known: &[(&str, &str)]| -> Vec<(String, String)> { known.iter().map(|(code, by)| ((*code).into(), (*by).into())).collect() };
    // nearly nothing of it can be used; a lift holds against the same cell
    let unusable = ",无编号\n".repeat(20_001);
    let marked = register("是否涉密", &[("P10", day, "是"), ("P11", "2023-02-30", "是"), ("P14", day, "是"), ("P98", day, "是")]);
    let now = refused("二.csv", "county", marked + &unusable, "行不能入库");
    assert_eq!(now, of(&[("P10", ""), ("P11", ""), ("P14", "张三")]), "and no code that was not known before");
    // its reading breaks off below the first rows, in which the header is still searched
    let wide = register("是否涉密", &[("P12", day, "内部")]) + &",".repeat(5_000) + "多";
    let now = refused("三.csv", "other", wide, "列");
    assert_eq!(now, of(&[("P10", ""), ("P11", ""), ("P12", ""), ("P14", "张三")]));
    // the same with the grade of a state secret, of which no text is stored
    let secret = register("密级", &[("P13", day, "机密"), ("P14", day, "内部")]);
    let now = refused("四.csv", "third", secret + &unusable, "行不能入库");
    assert_eq!(now, of(&[("P10", ""), ("P11", ""), ("P12", ""), ("P13", ""), ("P14", "张三"), ("P14", "")]));
    let shown = stdout(&duban(root, &["restricted", "list"]));
    assert!(!shown.contains("机密"), "{shown}");
}

#[test]
fn a_lift_holds_until_the_cell_of_its_source_changes_and_a_flood_is_undone_in_one_act() {
    let root = root();
    let root = root.path();
    let of = |marked: usize, cell: &str| {
        let codes: Vec<String> = (10..60).map(|number| format!("P{number}")).collect();
        let row = |(at, code)| (code, "2024-01-01", if at < marked { cell } else { "" });
        register("是否涉密", &codes.iter().map(String::as_str).enumerate().map(row).collect::<Vec<_>>())
    };
    assert_eq!(import(root, "a.csv", of(1, "是"), &["--covers", "2026-09-01"]).status.code(), Some(0));
    let lift = |arguments: &[&str]| duban(root, &[&["restricted", "lift"], arguments].concat());
    assert_eq!(lift(&["P10", "--by", "张三", "--reason", " "]).status.code(), Some(1), "a blank is no reason");
    assert_eq!(lift(&["P11", "--by", "张三", "--reason", "误标"]).status.code(), Some(1), "it has no mark");
    assert_eq!(lift(&["p10", "--by", "张三", "--reason", "误标"]).status.code(), Some(0));
    assert_eq!(listed(root), [("P10".to_owned(), "张三".to_owned())]);
    // the same cell once more
    assert_eq!(import(root, "b.csv", of(1, "是"), &["--covers", "2026-09-02"]).status.code(), Some(0));
    assert_eq!(listed(root), [("P10".to_owned(), "张三".to_owned())]);
    let (code, text) = run(root, &["--as-of", "2026-06-30"]);
    assert_eq!((code, mailed(root).0.contains("P10")), (Some(0), true), "{text}");
    // an empty cell and the same mark behind it: that is a new one
    assert_eq!(import(root, "b1.csv", of(0, ""), &["--covers", "2026-09-02"]).status.code(), Some(0));
    assert_eq!(listed(root), []);
    assert_eq!(import(root, "b2.csv", of(1, "是"), &["--covers", "2026-09-02"]).status.code(), Some(0));
    assert_eq!(listed(root), [("P10".to_owned(), String::new())]);
    assert_eq!(lift(&["P10", "--by", "张三", "--reason", "误标"]).status.code(), Some(0));
    // another cell: the lift is over
    assert_eq!(import(root, "c.csv", of(1, "内部"), &["--covers", "2026-09-03"]).status.code(), Some(0));
    assert_eq!(listed(root), [("P10".to_owned(), String::new())]);
    // a flood: all of it stays unnamed, the run is partial, one act undoes it
    let flood = import(root, "d.csv", of(30, "内部"), &["--covers", "2026-09-04"]);
    assert!(stdout(&flood).contains("本次新标注不便公开的编号29个"), "{}", stdout(&flood));
    std::fs::remove_dir_all(root.join("var/outbox")).expect("the mails of before");
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert!(code == Some(2) && text.contains("一次标注不便公开29个编号"), "{code:?} {text}");
    assert!((10..40).all(|number| !mailed(root).0.contains(&format!("P{number}"))), "{:?}", mailed(root));
    let sha = text.split("--file ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the file").to_owned();
    let undone = lift(&["--file", &sha, "--by", "李四", "--reason", "整列误填"]);
    assert!(stdout(&undone).contains("解除29处标注"), "{}{}", stdout(&undone), stderr(&undone));
    assert_eq!(listed(root).iter().filter(|(_, by)| by.is_empty()).count(), 1, "the mark of another file stays");
    let (code, text) = run(root, &["--as-of", "2026-09-30", "--revise"]);
    assert_eq!(code, Some(0), "{text}");
    assert!((11..40).all(|number| mailed(root).0.contains(&format!("P{number}"))) && !mailed(root).0.contains("P10"), "{:?}", mailed(root));
}

#[test]
fn what_waits_is_stopped_when_it_names_what_is_marked_by_then() {
    let root = root();
    let root = root.path();
    edit(root, "config/duban.toml", "daily_max = 5000", "daily_max = 1");
    let of = |cell: &str| register("是否涉密", &[("P10", "2022-01-01", cell), ("P11", "2024-01-01", "否"), ("P12", "2024-01-01", "否")]);
    assert_eq!(import(root, "a.csv", of("否"), &["--covers", "2026-09-30"]).status.code(), Some(0));
    run(root, &["--as-of", "2026-09-30"]);
    let (first, drafts) = mailed(root);
    let waiting = stdout(&duban(root, &["outbox", "list", "--state", "pending"]));
    assert!(first.contains("P10") && drafts.contains("P10") && waiting.lines().count() > 2, "{first:?} {drafts:?}\n{waiting}");
    assert_eq!(files_below(&root.join("var/outbox")).len(), 1);
    let marked = import(root, "b.csv", of("是"), &["--covers", "2026-10-10"]);
    assert!(stdout(&marked).contains("封列有这些编号的待发邮件和拟办件"), "{}", stdout(&marked));
    let stopped = stdout(&duban(root, &["outbox", "list", "--state", "withheld"]));
    assert!(stopped.lines().count() >= 4 && stopped.contains("不便公开，停发"), "{stopped}");
    let released = duban(root, &["outbox", "release", "--act", "circulate", "--by", "张三", "--reason", "经研究"]);
    let text = stdout(&released);
    assert!(text.contains("签发0件") && text.contains("所列P10已标注为不便公开"), "{text}");
    edit(root, "config/duban.toml", "daily_max = 1", "daily_max = 5000");
    duban(root, &["outbox", "retry"]);
    duban(root, &["outbox", "send"]);
    assert_eq!(files_below(&root.join("var/outbox")).len(), 1, "nothing else has gone out");
    let sent = stdout(&duban(root, &["restricted", "list", "--sent"]));
    assert!(sent.contains("P10：标注以前已发出或已存档") && sent.contains("已送达") && sent.contains("季度督办工作簿"), "{sent}");
    // the same command once more makes the mails anew without it, and only those that were stopped
    assert!(stopped.contains("duban run quarterly-supervision --as-of 2026-09-30"), "{stopped}");
    let runs = || stdout(&duban(root, &["runs"]));
    assert!(runs().contains("封尚未另行生成：duban run quarterly-supervision --as-of 2026-09-30（duban serve"), "{}", runs());
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert!(code == Some(0) && text.contains("停发，现另行生成（第1次修订）") && text.contains("没有停发或与前次相同，未再发送"), "{text}");
    let made = || -> Vec<(String, Vec<u8>)> {
        let mails = files_below(&root.join("var/outbox"));
        mails.into_iter().filter(|(name, _)| name.contains("-r1")).collect()
    };
    let made_of: BTreeSet<String> = made().iter().flat_map(|(_, bytes)| named(&as_read(bytes))).collect();
    assert_eq!(made_of, codes(&["P11", "P12"]));
    let first = files_below(&root.join("var/outbox")).into_iter().find(|(name, _)| !name.contains("-r1")).expect("the first mail").0;
    let unit = first.trim_end_matches(".eml").rsplit('_').next().expect("a unit").to_owned();
    assert!(!made().iter().any(|(name, _)| name.contains(&format!("_{unit}-r1."))), "the mail that had gone out was not stopped: {first}");
    assert!(!runs().contains("尚未另行生成"), "{}", runs());
    let listed = stdout(&duban(root, &["outbox", "list", "--state", "withheld"]));
    assert!(listed.contains("停发") && !listed.contains("尚未另行生成"), "{listed}");
    // there is nothing more to do
    let count = made().len();
    let (code, text) = run(root, &["--as-of", "2026-09-30"]);
    assert!(code == Some(0) && text.contains("已于此前完成") && made().len() == count, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_makes_stopped_mails_anew_by_itself_and_once() {
    let root = root();
    let root = root.path();
    edit(root, "config/duban.toml", "daily_max = 5000", "daily_max = 1");
    let of = |cell: &str| register("是否涉密", &[("P10", "2022-01-01", cell), ("P11", "2024-01-01", "否"), ("P12", "2024-01-01", "否")]);
    assert_eq!(import(root, "a.csv", of("否"), &["--covers", "2026-09-30"]).status.code(), Some(0));
    run(root, &["--as-of", "2026-09-30"]);
    import(root, "b.csv", of("是"), &["--covers", "2026-10-10"]);
    let service = service(root, "2027-01-20T03:00:00Z").await;
    let scheduler = service.scheduler();
    let ran = scheduler.beat().await.expect("a beat").ran;
    assert!(ran.len() == 1 && ran[0].0.starts_with("quarterly-supervision@") && ran[0].0.ends_with("#1"), "{ran:?}");
    for _ in 0..2 {
        let ran = scheduler.beat().await.expect("a beat").ran;
        assert!(ran.is_empty(), "once for a change of marks: {ran:?}");
    }
    service.store().close().await;
    let listed = stdout(&duban(root, &["outbox", "list"]));
    assert!(listed.lines().any(|line| line.contains("-r1 ") && line.contains("待")), "{listed}");
}

#[test]
fn a_doubtful_header_waits_for_the_office_and_a_shipped_one_is_never_ignored() {
    let root = root();
    let root = root.path();
    let of = |cell: &str| register("知悉密别", &[("P10", "2024-01-01", cell), ("P11", "2024-01-01", "否")]);
    let first = import(root, "a.csv", of("是"), &["--accept"]);
    assert!(first.status.code() == Some(3) && stdout(&first).contains("“知悉密别”栏可能是保密标注"), "{}", stdout(&first));
    let release = duban(root, &["snapshot", "release", "project", "import", "1"]);
    assert!(release.status.code() == Some(1) && stderr(&release).contains("知悉密别"), "{}", stderr(&release));
    assert_eq!(listed(root).len(), 1, "in doubt it is restricted meanwhile");
    let map = |decision: &str, extra: &[&str]| import(root, "a.csv", of("是"), &[&["--map", decision], extra].concat());
    assert_eq!(map("知悉密别=ignore", &[]).status.code(), Some(1), "nobody has decided it");
    assert_eq!(map("是否涉密=ignore", &["--by", "张三"]).status.code(), Some(1), "a header of secrecy stays one");
    assert_eq!(map("知悉密别=name", &["--by", "张三"]).status.code(), Some(1), "no field of secrecy");
    assert_eq!(map("知悉密别=ignore", &["--by", "张三"]).status.code(), Some(0));
    assert!(listed(root).is_empty(), "{:?}", listed(root));
    assert_eq!(map("知悉密别=是否涉密", &["--by", "张三"]).status.code(), Some(0));
    assert_eq!(listed(root), [("P10".to_owned(), String::new())]);
    // the other way round: the no restricts
    assert_eq!(map("知悉密别=是否公开", &["--by", "张三"]).status.code(), Some(0));
    assert_eq!(listed(root), [("P11".to_owned(), String::new())]);
    let inverse = map("是否公开=是否涉密", &["--by", "张三"]);
    assert!(inverse.status.code() == Some(1) && stderr(&inverse).contains("不能反过来"), "{}", stderr(&inverse));
    // of a header that may be read the other way round the no restricts at once, and ends with the decision
    let of = register("能否对社会公开", &[("P12", "2024-01-01", "否"), ("P13", "2024-01-01", "是"), ("P14", "2024-01-01", "待定")]);
    let marked = || listed(root).into_iter().map(|(code, _)| code).filter(|code| code != "P11").collect::<BTreeSet<_>>();
    let held = import(root, "b.csv", &of, &["--source", "county"]);
    assert!(held.status.code() == Some(3) && marked() == codes(&["P12", "P14"]), "{:?} {}", marked(), stdout(&held));
    let command = format!("duban import {}", root.join("b.csv").display());
    for choice in ["是否涉密", "是否公开", "忽略"] {
        let way = format!("{command} --source county --map '能否对社会公开={choice}' --by 姓名");
        assert!(stdout(&held).contains(&way), "{way} is not in {}", stdout(&held));
    }
    assert_eq!(import(root, "b.csv", &of, &["--source", "county", "--map", "能否对社会公开=忽略", "--by", "张三"]).status.code(), Some(0));
    assert!(marked().is_empty(), "{:?}", marked());
}

#[test]
fn no_third_party_gets_a_restricted_row_and_the_books_of_the_office_mark_it() {
    let root = root();
    let root = root.path();
    let head = format!("{HEAD},密级");
    let row = |code: &str, started_on: &str, cell: &str| {
        format!("{code},名{code}称,黔南州,瓮安县,茶叶,合同,签约,2024-01-10,2024-01-20,1.5,2024-08-01,2026-09-20,{started_on},,{cell}\n")
    };
    let started = "2026-08-01";
    let rows = [row("P10", started, "公开"), row("P11", started, "内部"), row("P12", "", "公开"), row("P13", "", "内部")];
    let text = format!("{head}\n{}", rows.concat());
    assert_eq!(import(root, "a.csv", text, &["--covers", "2026-09-30"]).status.code(), Some(0));
    for job in ["quarterly-packs", "quarterly-supervision"] {
        let output = duban(root, &["run", job, "--as-of", "2026-09-30"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let reports = files_below(&root.join("var/reports"));
    let book = |word: &str| cells(&reports.iter().find(|(name, _)| name.contains(word)).expect("a workbook").1);
    let form = book("第三方测评表");
    assert!(form.contains("P10") && !form.contains("P11") && !form.contains("不得外传"), "{form}");
    let office = book("全省招商项目分类台账");
    assert!(office.contains("〔不便公开〕名P11称") && !office.contains("〔不便公开〕名P10称"), "{office}");
    let office = book("季度督办工作簿");
    assert!(office.contains("〔不便公开〕名P13称") && !office.contains("〔不便公开〕名P12称"), "{office}");
    assert!(office.contains("内含不便公开项目，不得外传") && office.contains("内部资料"), "{office}");
    // once it is open, nothing is marked any more
    let rows = [row("P10", started, "公开"), row("P11", started, "公开"), row("P12", "", "公开"), row("P13", "", "公开")];
    let text = format!("{head}\n{}", rows.concat());
    assert_eq!(import(root, "b.csv", text, &["--covers", "2026-09-30"]).status.code(), Some(0));
    assert_eq!(duban(root, &["run", "quarterly-packs", "--as-of", "2026-09-30", "--revise"]).status.code(), Some(0));
    let reports = files_below(&root.join("var/reports/quarterly-packs/2026-09-30-r1"));
    let all: String = reports.iter().filter(|(name, _)| name.ends_with(".xlsx")).map(|(_, bytes)| cells(bytes)).collect();
    assert!(all.contains("P11") && !all.contains("不便公开") && !all.contains("内部资料"), "{all}");
}

#[test]
fn the_import_report_marks_the_rows_of_restricted_records() {
    let root = root();
    let root = root.path();
    let day = "2024-01-01";
    let reports = || -> Vec<String> {
        let reports = files_below(&root.join("var/reports")).into_iter().filter(|(name, _)| name.ends_with("导入报告.xlsx"));
        reports.map(|(_, bytes)| cells(&bytes)).collect()
    };
    let first = register("是否涉密", &[("P10", day, ""), ("P11", day, ""), ("P15", "2023-02-30", "")]);
    import(root, "a.csv", first, &["--covers", "2026-09-01"]);
    let open = reports().concat();
    assert!(open.contains("名P15称"), "{open}");
    for word in ["〔不便公开〕", "不得外传", "内部资料"] {
        assert!(!open.contains(word), "{word} is in a report without a restricted row: {open}");
    }
    let rows = [("P10", day, ""), ("P11", "2023-02-30", "是"), ("P12", day, "内部"), ("P13", day, ""), ("P15", "2023-02-30", "")];
    import(root, "b.csv", register("是否涉密", &rows), &["--covers", "2026-09-02"]);
    let second = reports().into_iter().find(|report| report.contains("名P12称")).expect("the second report");
    for (code, restricted) in [("P11", true), ("P12", true), ("P13", false), ("P15", false)] {
        assert!(second.contains(&format!("名{code}称")), "{code}: {second}");
        assert_eq!(second.contains(&format!("〔不便公开〕名{code}称")), restricted, "{code}: {second}");
    }
    assert_eq!(second.matches("内含不便公开项目，不得外传").count(), 2, "待核行 and 新增与消失, and no other sheet: {second}");
    assert_eq!(second.matches("内部资料").count(), 1, "the cover: {second}");
    // the same order is marked by its project alone
    let orders = "工作单编号,项目编号,项目名称,派发日期,承办类型,承办单位,办结时限,签收日期\n\
        W1,P12,名P12称,2025-02-30,属地,瓮安县,2025-06-01,2025-01-02\n\
        W2,P13,名P13称,2025-02-30,属地,瓮安县,2025-06-01,2025-01-02\n\
        W3,P13,名P13称,2025-01-01,属地,瓮安县,2025-06-01,2025-01-02\n";
    import(root, "工作单.csv", orders, &["--covers", "2026-09-30"]);
    let orders = reports().into_iter().find(|report| report.contains("W1")).expect("the third report");
    assert!(orders.contains("〔不便公开〕名P12称") && orders.contains("名P13称") && !orders.contains("〔不便公开〕名P13称"), "{orders}");
    assert!(orders.contains("内含不便公开项目，不得外传") && orders.contains("内部资料"), "{orders}");
}

/// A header and a cell of secrecy as offices write them, with what they mean.
fn random_column(dice: &mut Rng) -> (String, bool, &'static str, Option<bool>) {
    const MARKS: [&str; 12] = [
        "是否涉密",
        "密级",
        "密级程度",
        "保密级别",
        "保密",
        "是否保密",
        "敏感项目",
        "定密情况",
        "涉密等级",
        "涉密情况",
        "不便公开",
        "是否敏感项目",
    ];
    const OPENS: [&str; 4] = ["是否公开", "可否公开", "是否对外公开", "公开情况"];
    const YES: [&str; 6] = ["是", "Y", "TRUE", "1", "√", "yes"];
    const NO: [&str; 6] = ["否", "N", "FALSE", "0", "×", "no"];
    const OPEN: [&str; 4] = ["公开", "非密", "不涉密", "可以公开"];
    const UNCLEAR: [&str; 6] = ["内部", "公开招标", "待定", "详见附件", "2", "#REF!"];
    let opens = dice.bool();
    let name = if opens { *dice.choice(&OPENS).expect("one") } else { *dice.choice(&MARKS).expect("one") };
    let header = match dice.usize(..6) {
        0 => format!(" {name} "),
        1 => name.chars().map(|c| format!("{c} ")).collect(),
        2 => format!("{name}（是/否）"),
        3 => format!("{name}(必填)"),
        4 => format!("\u{feff}{name}\n"),
        _ => name.to_owned(),
    };
    // whether the row is restricted; `None` = the cell states nothing
    let (cell, restricted) = match dice.usize(..5) {
        0 => (*dice.choice(&YES).expect("one"), Some(!opens)),
        1 => (*dice.choice(&NO).expect("one"), Some(opens)),
        2 => (*dice.choice(&OPEN).expect("one"), Some(false)),
        3 => (*dice.choice(&UNCLEAR).expect("one"), Some(true)),
        _ => (*dice.choice(&["", "-", "／", " "]).expect("one"), None),
    };
    (header, opens, cell, restricted)
}

/// Generated headers and cells of secrecy in every ledger: the mark of a row is what its cells mean together, whatever becomes of the row.
#[test]
fn generated_columns_of_secrecy_are_read_as_they_are_meant() {
    let config = Config::parse(read_files(super::super::helpers::home()).expect("files")).expect("the shipped configuration");
    let today: NaiveDate = "2026-11-30".parse().expect("a day");
    let ledgers = &config.policy.ledgers;
    let mut restricted_rows = 0;
    for seed in seeds(400) {
        let mut dice = Rng::with_seed(seed * 31 + 7);
        let ledger = dice.choice(ledgers).expect("a ledger");
        let required: Vec<&str> = ledger.fields.iter().filter(|field| field.required).map(|field| field.title.as_str()).collect();
        let mut heads: Vec<String> = required.iter().map(|title| (*title).to_owned()).collect();
        let date = ledger.fields.iter().find(|field| matches!(field.kind, duban::domain::register::ledger::FieldKind::Date { .. }));
        heads.extend(date.map(|field| field.title.clone()));
        let owner = &ledger.fields[ledger.owner.field()].title;
        if !heads.contains(owner) {
            heads.push(owner.clone());
        }
        let filled = heads.len();
        let (mut values, mut states): (Vec<&str>, Vec<Option<bool>>) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        for _ in 0..1 + dice.usize(..2) {
            let (header, _, cell, state) = random_column(&mut dice);
            if names.insert(header.trim().replace(' ', "")) {
                heads.push(header);
                values.push(cell);
                states.push(state);
            }
        }
        let is_bad = date.is_some() && dice.usize(..3) == 0;
        let mut cells: Vec<String> = (0..filled).map(|at| if at == 0 { "X1".to_owned() } else { format!("值{at}") }).collect();
        if let Some(date) = date {
            let at = heads.iter().position(|head| *head == date.title).expect("a date");
            cells[at] = if is_bad { "2023-02-30" } else { "2026-01-05" }.into();
        }
        cells.extend(values.iter().map(|value| (*value).to_owned()));
        let row = |number: u32, cells: &[String]| RawRow {
            number,
            hidden: false,
            cells: (0u16..)
                .zip(cells)
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(at, cell)| (at, Raw::Text(cell.clone().into())))
                .collect(),
        };
        let mut sheet = SheetIntake::new(std::slice::from_ref(ledger), 0, "表", Vec::new(), today);
        let mut outcomes = Vec::new();
        sheet.push(&row(1, &heads), &mut outcomes);
        sheet.push(&row(2, &cells), &mut outcomes);
        sheet.finish(&mut outcomes);
        let shown = || format!("seed {seed}, {}: {heads:?} {cells:?} {outcomes:?} {:?}", ledger.id, sheet.notes);
        assert!(sheet.undecided.is_empty() && sheet.secrecy.classified.is_empty(), "{}", shown());
        let expected = states.iter().flatten().any(|restricted| *restricted);
        let found = !sheet.secrecy.marks().is_empty();
        assert_eq!(found, expected, "{}", shown());
        if let [.., Outcome::Accepted(accepted)] = &outcomes[..] {
            let field = ledger.role(duban::domain::register::ledger::Role::Restricted).expect("a field");
            assert_eq!(duban::domain::audience::is_marked(ledger, &accepted.cells[field]), expected, "{}", shown());
            let stated = states.iter().flatten().any(|restricted| !restricted) && !expected;
            assert_eq!(duban::domain::audience::is_stated_open(ledger, &accepted.cells[field]), stated, "{}", shown());
            assert!(!is_bad, "{}", shown());
        }
        restricted_rows += usize::from(expected);
    }
    assert!(restricted_rows > 50, "{restricted_rows} rows are too few to show anything");
}
