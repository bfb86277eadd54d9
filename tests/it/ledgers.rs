//! Commands on registers: the import report, blank forms, the comparison of two snapshots, and codes that are gone.

use super::helpers::{duban, edit, files_below, fresh_root, import, service, stderr, stdout};
use super::outputs::{as_read, cells, run_on};
use chrono::NaiveDate;
use duban::store::gone::GoneConfirmation;
use duban::worker::import::input::Input;
use duban::worker::import::puller::PullRequest;
use duban::worker::run::runner::{RunRequest, RunWhen};
use rust_xlsxwriter::{Workbook, XlsxError};
use std::path::Path;

const HEAD: &str = "项目编号,项目名称,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间\n";

/// Imports a file with these rows below the header, as data of this day. Returns what the command printed.
fn import_rows(root: &Path, name: &str, day: &str, rows: &str) -> String {
    let done = import(root, name, format!("{HEAD}{rows}"), &["--covers", day, "--accept"]);
    assert!(matches!(done.status.code(), Some(0 | 2)), "{}{}", stdout(&done), stderr(&done));
    stdout(&done)
}

fn row(code: &str, name: &str, amount: &str) -> String {
    format!("{code},{name},贵阳市,白云区,合同,签约,{amount},2025-01-01\n")
}

fn report_line(printed: &str) -> &str {
    printed.lines().find_map(|line| line.strip_prefix("导入报告：")).expect("a report")
}

#[test]
fn the_same_file_makes_the_same_import_report() {
    let rows = format!("{}GZ2,乙项目,贵阳市,白云区,合同,签约,三亿,2023-02-30\n", row("GZ1", "甲项目", "1"));
    let (first, second) = (fresh_root(), fresh_root());
    let printed = import_rows(first.path(), "台账.csv", "2026-09-30", &rows);
    assert_eq!(printed, import_rows(second.path(), "台账.csv", "2026-09-30", &rows));
    let path = report_line(&printed);
    let made = files_below(&first.path().join("var/reports"));
    assert_eq!(made.len(), 1);
    assert!(made == files_below(&second.path().join("var/reports")), "the reports differ");
    assert!(path.ends_with(&made[0].0), "{path}");
    // a report that was lost is rebuilt by the next pull of the same file
    std::fs::remove_file(first.path().join(path)).expect("the report");
    import_rows(first.path(), "台账.csv", "2026-09-30", &rows);
    assert!(made == files_below(&first.path().join("var/reports")), "the report of a killed pull differs");
    // another file with the same rows makes no snapshot and no report
    let printed = import_rows(first.path(), "台账二.csv", "2026-09-30", &format!("{rows}\n"));
    assert!(printed.contains("无需更新") && !printed.contains("导入报告："), "{printed}");
}

#[test]
fn a_report_that_cannot_be_written_is_reported() {
    let root = fresh_root();
    std::fs::create_dir_all(root.path().join("var")).expect("a folder");
    std::fs::write(root.path().join("var/reports"), "in the way").expect("a file");
    let file = root.path().join("台账.csv");
    std::fs::write(&file, format!("{HEAD}{}", row("GZ1", "甲项目", "1"))).expect("a register");
    let done = duban(root.path(), &["import", file.to_str().expect("a path"), "--covers", "2026-09-30"]);
    assert_eq!(done.status.code(), Some(2), "{}", stdout(&done));
    assert!(stderr(&done).contains("导入报告未能生成"), "{}", stderr(&done));
    assert!(stdout(&done).contains("入库1"), "the rows are in: {}", stdout(&done));
}

/// Writes a filled form: the header that `blank` makes, and one row.
fn filled(form: &Path, to: &Path, values: &[(&str, &str)]) -> Result<(), XlsxError> {
    use calamine::{Reader, Xlsx};
    let mut book: Xlsx<_> = calamine::open_workbook(form).expect("the form");
    let name = book.sheet_names()[0].clone();
    let range = book.worksheet_range(&name).expect("a sheet");
    let mut out = Workbook::new();
    let sheet = out.add_worksheet();
    sheet.set_name(&name)?;
    for (column, head) in range.rows().next().expect("a head").iter().enumerate() {
        let head = head.to_string();
        sheet.write(0, column as u16, &head)?;
        let value = values.iter().find(|(title, _)| head == *title || head.starts_with(&format!("{title}（"))).map(|(_, value)| *value);
        if let Some(value) = value {
            sheet.write(1, column as u16, value)?;
        }
    }
    out.save(to)?;
    Ok(())
}

#[tokio::test]
async fn every_blank_form_can_be_filled_and_imported() {
    let root = fresh_root();
    let at = root.path();
    let service = service(at, "2026-10-08T00:00:00Z").await;
    let ledgers = service.config().policy.ledgers.clone();
    service.store().close().await;
    assert_eq!(ledgers.len(), 9);
    for ledger in &ledgers {
        let form = at.join(format!("{}.xlsx", ledger.id));
        let form_text = form.to_str().expect("a path");
        let made = duban(at, &["blank", &ledger.id, form_text]);
        assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
        let bytes = std::fs::read(&form).expect("the form");
        // writing the same form a second time changes nothing
        assert!(stdout(&duban(at, &["blank", &ledger.id, form_text])).contains("已有相同的"));
        assert!(std::fs::read(&form).expect("the form") == bytes);
        let empty = duban(at, &["import", form_text]);
        assert_eq!(empty.status.code(), Some(1), "{}", stdout(&empty));
        assert!(stderr(&empty).contains("表头下面没有数据"), "{}: {}", ledger.id, stderr(&empty));

        let head: Vec<String> = cells(&bytes).lines().nth(1).expect("a head").split(" | ").map(str::to_owned).collect();
        // what only events set is on no form
        let fields: Vec<_> = ledger.fields.iter().filter(|field| !field.own).collect();
        assert_eq!(head.len(), fields.len());
        let mut values: Vec<(&str, &str)> = Vec::new();
        for (field, head) in fields.iter().zip(&head) {
            assert!(head.starts_with(&field.title), "{head}");
            assert_eq!(head.contains("必填"), field.required, "{head}");
            // a row of an append-only ledger counts only if one of its own fields is filled in
            let own_field = ledger.append_only.last().is_some_and(|last| ledger.fields[*last].id == field.id);
            if field.required || own_field {
                values.push((&field.title, "GZ202600001"));
            }
        }
        let full = at.join(format!("{}-filled.xlsx", ledger.id));
        filled(&form, &full, &values).expect("a filled form");
        let read = duban(at, &["import", full.to_str().expect("a path"), "--covers", "2026-09-30"]);
        assert_eq!(read.status.code(), Some(0), "{}{}", stdout(&read), stderr(&read));
        assert!(stdout(&read).contains(&format!("{}（截至2026年9月30日）：读入1行，入库1，待核0", ledger.title)), "{}", stdout(&read));
    }
    let form = at.join("project.xlsx");
    std::fs::write(&form, "mine").expect("a file");
    let refused = duban(at, &["blank", "project", form.to_str().expect("a path")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("holds something else"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&form).expect("a file"), b"mine");
    for (arguments, expect) in [
        (["blank", "projekt", "a.xlsx"], "ledger \"projekt\" is unknown (did you mean \"project\"?)"),
        (["blank", "project", "a.csv"], "must end in .xlsx"),
    ] {
        let refused = duban(at, &arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(expect), "{}", stderr(&refused));
    }
}

#[test]
fn a_filled_amount_is_in_the_unit_of_its_head() {
    let root = fresh_root();
    let (form, full) = (root.path().join("form.xlsx"), root.path().join("full.xlsx"));
    assert!(duban(root.path(), &["blank", "project", form.to_str().expect("a path")]).status.success());
    let values = [("项目编号", "GZ1"), ("项目名称", "甲项目"), ("合同投资额", "2.5"), ("签约时间", "2025-01-01"), ("市（州）", "贵阳市")];
    filled(&form, &full, &values).expect("a filled form");
    let read = duban(root.path(), &["import", full.to_str().expect("a path"), "--covers", "2026-09-30"]);
    assert_eq!(read.status.code(), Some(0), "{}{}", stdout(&read), stderr(&read));
    let exported = stdout(&duban(root.path(), &["snapshot", "export", "project", "--as-of", "2026-09-30"]));
    let line = exported.lines().nth(1).expect("a row");
    assert!(line.starts_with("GZ1,甲项目,") && line.contains(",2.5,") && line.contains(",2025-01-01,"), "{line}");
}

#[test]
fn diff_compares_two_snapshots_cell_by_cell() {
    let root = fresh_root();
    let at = root.path();
    import_rows(at, "六月.csv", "2026-06-30", &[row("GZ1", "甲项目", "1"), row("GZ2", "乙项目", "2"), row("GZ3", "丙项目", "3")].concat());
    import_rows(at, "九月.csv", "2026-09-30", &[row("GZ4", "丁项目", "4"), row("GZ1", "甲项目", "1"), row("GZ2", "乙项目", "20")].concat());
    let expected = "\
项目台账：import第1次快照（截至2026年6月30日） → import第2次快照（截至2026年9月30日）
新增 GZ4 丁项目 白云区（九月.csv 第2行）
消失 GZ3 丙项目 白云区（六月.csv 第4行）
变更 GZ2 乙项目 白云区 合同投资额：2 → 20（六月.csv G3 → 九月.csv G4）
新增1，消失1，变更1
";
    let compared = duban(at, &["diff", "project/import/1", "project/import/2"]);
    assert_eq!((compared.status.code(), stdout(&compared).as_str()), (Some(0), expected), "{}", stderr(&compared));
    let days = stdout(&duban(at, &["diff", "2026-07-01", "2026-10-01", "--ledger", "project"]));
    assert_eq!(days.lines().skip(1).collect::<Vec<_>>(), expected.lines().skip(1).collect::<Vec<_>>());
    assert!(days.starts_with("项目台账（import）"), "{days}");
    let table = stdout(&duban(at, &["diff", "project/import/2", "project/import/1", "--format", "csv"]));
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        [
            "类别,台账,来源,编号,名称,责任单位,栏目,原内容,新内容,原位置,新位置",
            "新增,项目台账,import,GZ3,丙项目,白云区,,,,,六月.csv 第4行",
            "消失,项目台账,import,GZ4,丁项目,白云区,,,,九月.csv 第2行,",
            "变更,项目台账,import,GZ2,乙项目,白云区,合同投资额,20,2,九月.csv G4,六月.csv G3",
        ]
    );
    for (arguments, expect) in [
        (vec!["diff", "projct/import/1", "project/import/2"], "ledger \"projct\" is unknown (did you mean \"project\"?)"),
        (vec!["diff", "project/imprt/1", "project/import/2"], "source \"imprt\" holds no project (did you mean \"import\"?)"),
        (vec!["diff", "project/import/1", "project/import/9"], "project/import has no snapshot 9 (there are: 1, 2)"),
        (vec!["diff", "2026-07-01", "2026-10-01"], "two days need --ledger"),
        (vec!["diff", "2026-07-01", "project/import/2"], "give two snapshots"),
        (vec!["diff", "project", "project/import/2"], "project is no snapshot"),
        (vec!["diff", "2026-07-01", "2026-10-01", "--ledger", "contact"], "ledger \"contact\" was never read"),
    ] {
        let refused = duban(at, &arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&refused).contains(expect), "{arguments:?} printed {}", stderr(&refused));
    }
}

/// A digest asks a unit about a project that is gone from the register until the office confirms that it has left.
#[tokio::test]
async fn a_unit_is_not_asked_about_a_gone_code_that_is_confirmed() {
    const OWN: &str =
        "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际开工时间,终止时间\n";
    let own = |code: &str| format!("{code},{code}项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2.5,2025-01-01,,\n");
    for confirmed in [false, true] {
        let root = fresh_root();
        edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
        let service = service(root.path(), "2026-10-08T00:00:00Z").await;
        for (name, rows, as_of) in [("九月.csv", own("GZ1") + &own("GZ2"), "2026-09-30"), ("十二月.csv", own("GZ1"), "2026-12-31")] {
            let path = root.path().join(name);
            std::fs::write(&path, format!("{OWN}{rows}")).expect("a register");
            let day: NaiveDate = as_of.parse().expect("a day");
            let request = PullRequest {
                input: Input::File(path),
                source: "import".into(),
                sample: false,
                covers_on: Some(day),
                accept: true,
                only: None,
            };
            service.importer().pull(&service.config().policy, &request).await.expect("a pull");
            if confirmed && name == "十二月.csv" {
                let gone = GoneConfirmation {
                    ledger: "project".into(),
                    source: "import".into(),
                    code: "GZ2".into(),
                    seen_seq: 1,
                    confirmed_at: "2027-01-08T00:00:00.000Z".into(),
                    who: "张三".into(),
                    reason: "合同已解除".into(),
                };
                assert!(service.store().gone().confirm(&gone).await.expect("a confirmation"));
            }
            let request = RunRequest { job: "quarterly-supervision".into(), when: RunWhen::AsOf(day), revise: false };
            service.runner().run_job(&request).await.expect("a run");
            service.clock().set("2027-01-08T00:00:00Z".parse().expect("a time"));
        }
        service.store().close().await;
        let mails = files_below(&root.path().join("var/outbox"));
        let county = |as_of: &str| {
            let (_, bytes) = mails.iter().find(|(name, _)| name.contains(as_of) && name.ends_with("_瓮安县.eml")).expect("a mail");
            as_read(bytes)
        };
        assert!(county("_2026-09-30_").contains("GZ2"));
        assert_eq!(county("_2026-12-31_").contains("GZ2"), !confirmed);
    }
}

#[test]
fn gone_codes_are_listed_until_the_office_confirms_them() {
    let root = fresh_root();
    let at = root.path();
    let gone = || stdout(&duban(at, &["snapshot", "gone"]));
    import_rows(at, "六月.csv", "2025-06-30", &[row("GZ1", "甲项目", "1"), row("GZ2", "乙项目", "2"), row("GZ3", "丙项目", "3")].concat());
    assert_eq!(gone(), "消失而未经确认的编号0个\n");
    import_rows(at, "八月.csv", "2025-08-31", &row("GZ1", "甲项目", "1"));
    let second = "project/import GZ2 乙项目 白云区：自第2次快照（截至2025年8月31日）起没有，最后见于第1次快照（六月.csv 第3行）\n";
    let third = "project/import GZ3 丙项目 白云区：自第2次快照（截至2025年8月31日）起没有，最后见于第1次快照（六月.csv 第4行）\n";
    assert_eq!(gone(), format!("{second}{third}消失而未经确认的编号2个\n"));
    let confirm =
        |code: &str| duban(at, &["snapshot", "confirm-gone", "project", "import", code, "--by", "张三", "--reason", "合同已解除"]);
    let confirmed = confirm("GZ2");
    assert_eq!(confirmed.status.code(), Some(0), "{}", stderr(&confirmed));
    assert!(stdout(&confirmed).contains("已由张三确认退出台账"), "{}", stdout(&confirmed));
    assert_eq!(gone(), format!("{third}消失而未经确认的编号1个\n"));
    assert!(stdout(&confirm("GZ2")).contains("已由张三确认过，未作改动"));
    let refused = confirm("GZ1");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("GZ1 has not left project/import"), "{}", stderr(&refused));
    let nobody = duban(at, &["snapshot", "confirm-gone", "project", "import", "GZ3", "--by", " ", "--reason", "x"]);
    assert_eq!(nobody.status.code(), Some(1));
    // a code that returns and leaves a second time needs a confirmation of its own
    import_rows(at, "九月.csv", "2025-09-30", &[row("GZ1", "甲项目", "1"), row("GZ2", "乙项目", "2")].concat());
    assert_eq!(gone(), format!("{third}消失而未经确认的编号1个\n"));
    import_rows(at, "十月.csv", "2025-10-31", &row("GZ1", "甲项目", "1"));
    let second_time = "project/import GZ2 乙项目 白云区：自第4次快照（截至2025年10月31日）起没有，最后见于第3次快照（九月.csv 第3行）\n";
    assert_eq!(gone(), format!("{second_time}{third}消失而未经确认的编号2个\n"));
    assert_eq!(stdout(&duban(at, &["snapshot", "gone", "--ledger", "contact"])), "消失而未经确认的编号0个\n");
}

#[tokio::test]
async fn an_exemption_holds_whatever_the_file_of_its_ledger_is_called() {
    const PROJECTS: &str = "\
        项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,洽谈时间,评审时间,评审结果,签约时间,录入平台时间,履约时间,\
        实际开工时间,责任单位,责任领导,责任人,联系电话,工作专班,推进方案,最近更新时间\n\
        GZ1,甲项目,刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,0.5,2025-01-01,2025-01-02,通过,2025-01-06,2025-01-10,2025-02-01,\
        ,瓮安县投资促进局,张建国,李敏,13812345678,有,有,2026-09-25\n";
    const EXEMPTIONS: &str = "\
        批准编号,事由,办理类型,督办规则,台账编号,申请单位,批准文号,批准人,批准日期,有效期至\n\
        HM1,企业重组,豁免,签约未开工,GZ1,瓮安县,黔招督〔2026〕12号,陈处长,2026-09-01,2027-01-12\n";
    for renamed in [false, true] {
        let root = fresh_root();
        let at = root.path();
        if renamed {
            std::fs::rename(at.join("config/ledgers/exemption.toml"), at.join("config/ledgers/hmyq.toml")).expect("renamed");
        }
        run_on(at, &[("台账.csv", PROJECTS), ("豁免.csv", EXEMPTIONS)]).await;
        let found = duban(at, &["findings", "--as-of", "2026-09-30", "--rule", "unstarted", "--format", "json"]);
        let found: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
        assert_eq!(found[0]["state"], "exempt", "renamed: {renamed}: {found}");
        let mails = files_below(&at.join("var/outbox"));
        assert!(!mails.iter().any(|(name, _)| name.ends_with("_瓮安县.eml")), "renamed: {renamed}: the exempted unit is chased");
    }
}

/// The papers on land and finance hold the difficulties of their kind, whatever word their rows have for it.
#[tokio::test]
async fn kinds_are_known_by_their_words() {
    let root = fresh_root();
    let at = root.path();
    import_rows(at, "台账.csv", "2026-09-30", &row("GZ1", "甲项目", "1"));
    let line = |code: &str, kind: &str| format!("{code},GZ1,{kind},问题,2026-07-01,省级,自然资源部门,,\n");
    let rows: String = [("KN1", "用地"), ("KN2", "土地"), ("KN3", "用地征拆"), ("KN4", "土地要素"), ("KN5", "融资"), ("KN6", "资金")]
        .iter()
        .map(|(code, kind)| line(code, kind))
        .collect();
    let head = "问题编号,项目编号,问题类别,问题描述,提出日期,提请层级,责任部门,答复日期,解决日期\n";
    let done = import(at, "问题.csv", format!("{head}{rows}"), &["--covers", "2026-09-30"]);
    assert_eq!(done.status.code(), Some(0), "{}{}", stdout(&done), stderr(&done));
    assert!(duban(at, &["init"]).status.code() == Some(0));
    let run = duban(at, &["run", "quarterly-packs", "--as-of", "2026-09-30"]);
    assert!(matches!(run.status.code(), Some(0 | 2)), "{}{}", stdout(&run), stderr(&run));
    let papers = files_below(&at.join("var/reports/quarterly-packs"));
    let codes_of = |title: &str| -> Vec<String> {
        let (_, bytes) = papers.iter().find(|(name, _)| name.contains(title)).unwrap_or_else(|| panic!("{title}: {}", stdout(&run)));
        let text = format!("{:?}", cells(bytes));
        (1..=6).map(|number| format!("KN{number}")).filter(|code| text.contains(code.as_str())).collect()
    };
    assert_eq!(codes_of("用地季度会商材料"), ["KN1", "KN2", "KN3", "KN4"]);
    assert_eq!(codes_of("融资季度对接材料"), ["KN5", "KN6"]);
}

/// A unit with a row in the directory gets its mail there; the others keep the mailbox of the configuration.
#[tokio::test]
async fn the_directory_gives_units_their_mailboxes() {
    let root = fresh_root();
    let at = root.path();
    let head = "项目编号,项目名称,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,录入平台时间,实际开工时间,履约时间,终止时间\n";
    let line = |code: &str, name: &str, county: &str| format!("{code},{name},黔南州,{county},合同,签约,1,2024-01-01,2024-01-02,,,\n");
    let rows = format!("{head}{}{}", line("GZ1", "甲项目", "瓮安县"), line("GZ2", "乙项目", "龙里县"));
    assert!(matches!(import(at, "台账.csv", rows, &["--covers", "2026-09-30"]).status.code(), Some(0 | 2)));
    let directory =
        "通讯编号,单位名称,姓名,电子邮箱\nT2,瓮安县,李四,second@gz.example\nT1,瓮安县,张三,\"first@gz.example；other@gz.example\"\n";
    assert_eq!(import(at, "通讯录.csv", directory, &["--covers", "2026-09-30"]).status.code(), Some(0));
    assert!(duban(at, &["init"]).status.code() == Some(0));
    let run = duban(at, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
    assert!(matches!(run.status.code(), Some(0 | 2)), "{}{}", stdout(&run), stderr(&run));
    let mails: Vec<String> =
        files_below(&at.join("var/outbox")).into_iter().map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let count = |address: &str| mails.iter().filter(|mail| mail.contains(&format!("<{address}>"))).count();
    assert!(count("first@gz.example") == 1 && count("second@gz.example") == 0 && count("522725@gz.example") == 0, "{}", stdout(&run));
    assert_eq!(count("522730@gz.example"), 1, "{}", stdout(&run));
}

/// Whoever may write into a folder turns no mail of another unit to their own mailbox, unless the office has the folder for its own.
#[tokio::test]
async fn the_directory_of_a_folder_gives_no_mailboxes_by_itself() {
    for (more, own, elsewhere) in [("", 1, 0), ("mailboxes = true\n", 0, 1)] {
        let root = fresh_root();
        let at = root.path();
        std::fs::create_dir(at.join("incoming")).expect("a folder");
        std::fs::write(at.join("incoming/通讯录.csv"), "通讯编号,单位名称,姓名,电子邮箱\nT0,瓮安县,王五,elsewhere@gz.example\n")
            .expect("a file");
        let source = format!("[[source]]\nname = \"county\"\nfolder = \"incoming\"\npattern = \"*.csv\"\nsettle_seconds = 0\n{more}");
        edit(at, "config/duban.toml", "[mail]\n", &format!("{source}\n[start]\nenforce_on = \"2026-01-01\"\n\n[mail]\n"));
        let rows = "项目编号,项目名称,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,录入平台时间,实际开工时间,履约时间,终止时间\n\
                    GZ1,甲项目,黔南州,瓮安县,合同,签约,1,2024-01-01,2024-01-02,,,\n";
        assert!(matches!(import(at, "台账.csv", rows, &["--covers", "2026-12-01"]).status.code(), Some(0 | 2)));
        let run = duban(at, &["run", "quarterly-supervision", "--as-of", "2026-12-01"]);
        assert!(matches!(run.status.code(), Some(0 | 2)), "{}{}", stdout(&run), stderr(&run));
        let mails = files_below(&at.join("var/outbox"));
        let count =
            |address: &str| mails.iter().filter(|(_, mail)| String::from_utf8_lossy(mail).contains(&format!("<{address}>"))).count();
        assert_eq!((count("522725@gz.example"), count("elsewhere@gz.example")), (own, elsewhere), "{more}{}", stdout(&run));
    }
}

/// A ledger that begins now has no unit late for the time before it.
#[test]
fn a_ledger_that_has_just_begun_accuses_nobody() {
    let findings = |held_on: &str, covers: &str| {
        let root = fresh_root();
        let at = root.path();
        import_rows(at, "台账.csv", "2026-09-30", &row("GZ1", "甲项目", "1"));
        let sessions = format!("会议编号,会议名称,会议类型,召开单位,召开日期\nHY1,研究会,研究,贵阳市,{held_on}\n");
        assert_eq!(import(at, "会议.csv", sessions, &["--covers", covers]).status.code(), Some(0));
        let found = duban(at, &["findings", "--as-of", "2026-10-10", "--format", "json"]);
        let found: serde_json::Value = serde_json::from_str(&stdout(&found)).expect("findings");
        found.as_array().expect("a list").iter().filter(|finding| finding["ledger"] == "session").count()
    };
    assert_eq!(findings("2026-10-08", "2026-10-09"), 0, "the first period that it covers is not closed");
    assert!(findings("2026-09-08", "2026-10-09") > 0, "its records begin in the closed period");
    assert!(findings("2026-10-08", "2026-09-30") > 0, "it covers the closed period");
}

/// Rules that judge nothing because a column is missing are named at once.
#[test]
fn a_missing_column_names_the_idle_rules() {
    let root = fresh_root();
    let printed = import_rows(root.path(), "台账.csv", "2026-09-30", &row("GZ1", "甲项目", "1"));
    let line = printed.lines().find(|line| line.contains("以下规则不作判断")).expect("a line");
    assert!(line.contains("实际开工时间"), "{line}");
}
