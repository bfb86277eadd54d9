//! Findings over several quarters: new, continued, escalated, eased, reopened, resolved, gone; consecutive closed quarters and their acts;
//! the rebuild of a past run; the filters of `findings`; `explain`.

use super::helpers::{duban, edit, files_below, fresh_root, import_into, service, stderr, stdout};
use super::outputs::{as_read, cells};
use duban::app::compose::App;
use duban::cli::run::outcome_text;
use duban::worker::run::runner::{RunOutcome, RunRequest, RunWhen};
use std::collections::BTreeMap;
use std::path::Path;

const HEAD: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,计划开工时间,实际开工时间,终止时间,责任领导,责任人,存在的困难和问题,未推进原因";

/// One row of the register. Empty texts are empty cells.
fn row(code: &str, planned: &str, started: &str, leader: &str, reason: &str) -> String {
    let stage = if started.is_empty() { "签约" } else { "开工" };
    format!(
        "{code},{code}项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,{stage},2,2025-06-01,{planned},{started},,{leader},李四,项目用地未落实,{reason}"
    )
}

/// The register at the end of each quarter.
fn registers() -> Vec<(&'static str, String)> {
    let quarter = |rows: &[String]| format!("{HEAD}\n{}\n", rows.join("\n"));
    let plain = |code: &str, planned: &str| row(code, planned, "", "张三", "");
    vec![
        (
            "2026-03-31",
            quarter(&[
                plain("A", "2026-02-01"),
                plain("B", "2026-06-20"),
                plain("C", "2026-05-01"),
                plain("D", "2026-05-01"),
                plain("F", "2026-03-15"),
                plain("G", "2026-03-01"),
                plain("H", "2026-02-01"),
                plain("X", "2026-02-01"),
            ]),
        ),
        (
            "2026-06-30",
            quarter(&[
                plain("A", "2026-02-01"),
                plain("B", "2026-06-20"),
                plain("C", "2026-05-01"),
                plain("D", "2026-05-01"),
                plain("E", "2026-09-01"),
                plain("F", "2026-03-15"),
                row("G", "2026-03-01", "2026-05-06", "张三", ""),
                plain("H", "2026-02-01"),
                plain("X", "2026-02-01"),
            ]),
        ),
        (
            "2026-09-30",
            quarter(&[
                row("A", "2026-02-01", "", "王五", ""),
                plain("B", "2026-06-20"),
                row("C", "2026-05-01", "2026-08-03", "张三", ""),
                plain("E", "2026-09-01"),
                plain("F", "2026-09-20"),
                plain("G", "2026-03-01"),
                plain("H", "2026-02-01"),
                plain("X", "2026-02-01"),
            ]),
        ),
        (
            "2026-12-31",
            quarter(&[
                row("A", "2026-02-01", "", "王五", ""),
                plain("B", "2026-06-20"),
                plain("E", "2026-09-01"),
                plain("G", "2026-03-01"),
                plain("H", "2026-02-01"),
                plain("X", "2026-02-01"),
            ]),
        ),
        (
            "2027-03-31",
            quarter(&[
                row("A", "2026-02-01", "", "王五", "企业重组，预计五月开工"),
                plain("B", "2026-06-20"),
                plain("E", "2026-09-01"),
                plain("G", "2026-03-01"),
                plain("H", "2026-02-01"),
                plain("X", "2026-02-01"),
            ]),
        ),
    ]
}

const DIFFICULTIES: &str = "问题编号,项目编号,问题类别,问题描述,提出日期,提请层级,责任部门,答复日期,解决日期\n\
    KN1,H,用地,用地指标未落实,2026-01-12,市级,自然资源部门,,\n\
    KN2,A,用电,专线未架设,2026-01-12,市级,能源部门,2026-01-16,2026-02-02\n";

/// At the end of 2026 X is exempt and the exemption of A has ended.
const EXEMPTIONS: &str = "批准编号,事由,办理类型,督办规则,台账编号,申请单位,批准文号,批准人,批准日期,有效期至\n\
    HM1,企业重组,豁免,签约未开工,X,瓮安县,黔招督〔2026〕12号,陈处长,2026-11-02,2027-01-12\n\
    YQ1,等待环评,延期,签约未开工,A,瓮安县,黔招督〔2026〕3号,陈处长,2026-04-01,2026-05-31\n";

async fn quarter(service: &App, as_of: &str) -> RunOutcome {
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise: false }).await.expect("a run")
}

/// A root after its start day: the registers of the first `quarters` quarters are imported and run one after the other.
async fn root_after(quarters: usize) -> tempfile::TempDir {
    let root = fresh_root();
    let settings = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[start]\nenforce_on = \"2026-01-01\"\n")).expect("settings");
    let service = service(root.path(), "2027-06-01T00:00:00Z").await;
    import_into(&service, "困难问题.csv", DIFFICULTIES, "2026-03-31").await;
    import_into(&service, "豁免.csv", EXEMPTIONS, "2026-03-31").await;
    for (as_of, text) in registers().into_iter().take(quarters) {
        import_into(&service, &format!("台账{as_of}.csv"), &text, as_of).await;
        let outcome = quarter(&service, as_of).await;
        assert_eq!(
            outcome.run.state,
            duban::store::runs::RunState::Done,
            "{}",
            outcome_text(&outcome, &service.config().policy.units.levels)
        );
    }
    service.store().close().await;
    root
}

/// `key → field` of every finding of a rule on a day.
fn findings(root: &Path, as_of: &str, field: &str) -> BTreeMap<String, String> {
    let output = duban(root, &["findings", "--as-of", as_of, "--rule", "unstarted", "--format", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let all: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("json");
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    all.as_array().expect("an array").iter().map(|item| (text(&item["key"]), text(&item[field]))).collect()
}

fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The line of a sheet that names a code.
fn line<'a>(book: &'a str, sheet: &str, code: &str) -> &'a str {
    let start = book.find(&format!("-- {sheet}\n")).unwrap_or_else(|| panic!("no sheet {sheet}"));
    let body = &book[start + 3..];
    let body = &body[..body.find("\n-- ").unwrap_or(body.len())];
    body.lines().find(|line| line.split(" | ").any(|cell| cell == code)).unwrap_or_else(|| panic!("{sheet} does not hold {code}:\n{body}"))
}

fn book(root: &Path, as_of: &str) -> String {
    let books = files_below(&root.join("var/reports/quarterly-supervision").join(as_of));
    let mut books = books.iter().filter(|(name, _)| name.contains("季度督办工作簿"));
    let (_, book) = books.next().expect("the workbook");
    assert!(books.next().is_none(), "{as_of}");
    cells(book)
}

fn mail(root: &Path, as_of: &str, unit: &str) -> String {
    let mails = files_below(&root.join("var/outbox"));
    let found = mails.iter().find(|(name, _)| name.contains(&format!("_{as_of}_")) && name.ends_with(&format!("_{unit}.eml")));
    let (_, bytes) =
        found.unwrap_or_else(|| panic!("no mail to {unit} for {as_of}: {:?}", mails.iter().map(|(name, _)| name).collect::<Vec<_>>()));
    as_read(bytes).replace("\r\n", "\n")
}

#[tokio::test]
async fn two_consecutive_red_quarters_draft_an_interview() {
    let root = root_after(3).await;
    let at = root.path();
    // lights and changes at the end of the third quarter, against the second
    assert_eq!(
        findings(at, "2026-09-30", "light"),
        pairs(&[("A", "red"), ("B", "red"), ("E", "yellow"), ("F", "yellow"), ("G", "red"), ("H", "red"), ("X", "red")])
    );
    let workbook = book(at, "2026-09-30");
    for (code, change) in [("A", "持续"), ("B", "升级"), ("E", "新增"), ("F", "减轻"), ("G", "再次出现"), ("H", "持续"), ("X", "持续")]
    {
        let line = line(&workbook, "签约未开工", code);
        assert!(line.split(" | ").any(|cell| cell == change), "{code} is not {change}: {line}");
    }
    // findings of a day show the changes that the run of that day stored
    let changes = findings(at, "2026-09-30", "change");
    assert_eq!((changes["A"].as_str(), changes["F"].as_str()), ("continued", "eased"), "what the run of that day said");

    // after two consecutive red quarters an interview is drafted; the light is unchanged and the quarter is counted
    let acts = findings(at, "2026-09-30", "act");
    assert_eq!((acts["A"].as_str(), acts["B"].as_str(), acts["G"].as_str()), ("interview", "circulate", "circulate"));
    assert_eq!(findings(at, "2026-06-30", "act")["A"], "circulate", "one quarter is not two");
    let line_a = line(&workbook, "签约未开工", "A");
    assert!(line_a.contains("约谈（拟办）") && line_a.contains("| 持续 | #2 |"), "{line_a}");
    assert!(line(&workbook, "签约未开工", "B").contains("| 升级 | #1 |"));
    let county = mail(at, "2026-09-30", "瓮安县");
    assert!(county.contains("签约未开工，约定2026年2月1日，已超期241天（第2个季度）"), "{county}");
    assert!(!county.contains("约谈") && !county.contains("（第1个季度）"), "{county}");

    // the county's mail names every change; the total is equal: 2 new - 1 done - 1 no longer in the register
    assert!(county.contains("与上期个数相同：新增2个，升级1个，办结1个，1个已转出、终止或转由下级办理，不再列入。"), "{county}");
    for (code, change) in [("G", "| 再次出现 |"), ("B", "| 升级 |")] {
        assert!(line(&county, "督办事项", code).contains(change), "{county}");
    }
    assert!(county.contains("三、本期办结（1个），感谢支持\nC项目（C，签约未开工）\n- D 本次台账中未见，请核实\n"), "{county}");
    let printed = stdout(&duban(at, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]));
    let compared = "较上期：新增1 升级1 减轻1 持续5 再次出现1 办结1";
    assert!(printed.contains(compared), "{printed}");
    // other papers of the day compare with the same quarter
    let packs = stdout(&duban(at, &["run", "quarterly-packs", "--as-of", "2026-09-30"]));
    assert!(packs.contains(compared), "{packs}");

    // between quarter ends the count is unchanged, and a finding that is not red has none
    assert_eq!(findings(at, "2026-10-12", "act")["A"], "interview");
    assert_eq!(findings(at, "2026-10-12", "act")["F"], "urge");
}

#[tokio::test]
async fn the_accountability_list_is_for_the_office_only() {
    let root = root_after(5).await;
    let at = root.path();
    let mails = files_below(&at.join("var/outbox")).len();
    let file = at.join("清单.xlsx");
    let made = duban(at, &["accountability", "--as-of", "2027-03-31", file.to_str().expect("a path")]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    assert!(stdout(&made).contains("列入3件，涉及2个单位"), "{}", stdout(&made));
    let bytes = std::fs::read(&file).expect("the list");
    let list = cells(&bytes);
    // A was red at four consecutive quarter ends, B at three, E and G at fewer; H waits on an answer; X was exempt at one
    let line_a = line(&list, "事项明细", "A");
    for part in [
        "瓮安县",
        "王五、张三",
        "李四",
        "签约未开工",
        "第一条（四）1",
        "#4",
        "●红",
        "要素",
        "台账填报：项目用地未落实",
        "KN2",
        "2026-02-02解决",
        "延期2026-04-01至2026-05-31（黔招督〔2026〕3号）：等待环评",
        "未推进原因：企业重组，预计五月开工",
        "台账2027-03-31.csv",
    ] {
        assert!(line_a.contains(part), "{part} is not in {line_a}");
    }
    // the department that owes H an answer is listed with both of its overdue answers, without a person
    assert!(line(&list, "事项明细", "KN1").contains("黔南布依族苗族自治州自然资源局 | 未写明 | 未写明"), "{list}");
    assert!(line(&list, "按单位", "黔南布依族苗族自治州自然资源局").contains("| #2 | #1 | #5"), "{list}");
    for code in ["B", "E", "G", "H", "X"] {
        assert!(!list.lines().any(|line| line.split(" | ").any(|cell| cell == code)), "{code} is in\n{list}");
    }
    assert!(
        list.contains("等待的1件") && list.contains("2027年第一季度、2026年第四季度、2026年第三季度、2026年第二季度、2026年第一季度"),
        "{list}"
    );
    assert!(line(&list, "按责任人", "张三").contains("责任领导") && line(&list, "按责任人", "李四").contains("责任人"));
    assert!(!list.contains("名次") || list.contains("不排名次"), "{list}");
    // nothing is mailed or written elsewhere, and an existing list is not overwritten
    assert_eq!(files_below(&at.join("var/outbox")).len(), mails);
    assert!(!files_below(&at.join("var")).iter().any(|(name, _)| name.contains("清单.xlsx")));
    let repeated = duban(at, &["accountability", "--as-of", "2027-03-31", file.to_str().expect("a path")]);
    assert!(repeated.status.code() == Some(1) && stderr(&repeated).contains("nothing was written"), "{}", stderr(&repeated));
    std::fs::remove_file(&file).expect("removed");
    assert!(duban(at, &["accountability", "--as-of", "2027-03-31", file.to_str().expect("a path")]).status.success());
    assert!(std::fs::read(&file).expect("the list") == bytes, "the same list has the same bytes");
    for (name, bytes) in files_below(&at.join("var/outbox")) {
        assert!(!as_read(&bytes).contains("责任追究"), "{name}");
    }

    // 2027 has no calendar yet: outputs that depend on it remark it; the end of the exemption is announced before
    assert!(!book(at, "2026-12-31").contains("缺2027年"), "no date in 2027 decided anything then");
    let county = mail(at, "2026-12-31", "瓮安县");
    assert!(
        county.contains("1月12日")
            && county.contains("豁免到期，恢复催办：签约未开工：X项目（X）")
            && county.contains("缺2027年的节假日安排"),
        "{county}"
    );
    assert!(line(&book(at, "2026-12-31"), "签约未开工", "X").contains("豁免至2027-01-12"));
    assert!(book(at, "2026-12-31").contains("已批准豁免、延期或异议的1件照常亮灯"));

    // the table remarks a due date in that year; CSV and JSON keep the remark out of the data
    let new = at.join("新签.csv");
    std::fs::write(&new, format!("{HEAD}\nN,N项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2,2026-07-31,,,,张三,李四,,\n"))
        .expect("a register");
    assert!(duban(at, &["import", new.to_str().expect("a path"), "--source", "new", "--covers", "2027-03-31"]).status.success());
    let table = duban(at, &["findings", "--as-of", "2027-03-31", "--rule", "unstarted"]);
    assert!(stdout(&table).ends_with("注：缺2027年的节假日安排，这些年份只按周末计算休息日，到期日可能有出入\n"), "{}", stdout(&table));
    let json = duban(at, &["findings", "--as-of", "2027-03-31", "--rule", "unstarted", "--format", "json"]);
    assert!(stdout(&json).trim_end().ends_with(']') && stderr(&json).contains("缺2027年"), "{}", stderr(&json));

    // with fewer closed quarters than required nothing is listed
    let few = at.join("早.xlsx");
    let made = duban(at, &["accountability", "--as-of", "2026-09-30", few.to_str().expect("a path")]);
    assert!(made.status.success() && stdout(&made).contains("已结束的季度只有3个，不足4个"), "{}", stdout(&made));
    assert!(cells(&std::fs::read(&few).expect("a list")).contains("没有可以列入的事项"));
    let odd = duban(at, &["accountability", "清单.csv"]);
    assert!(stderr(&odd).contains("must end in .xlsx"), "{}", stderr(&odd));

    // what is restricted by then is marked in the list, in the heads of its sheets and on its first page
    for word in ["不便公开", "不得外传", "内部资料"] {
        assert!(!list.contains(word), "{word} is in {list}");
    }
    let mark = at.join("标注.csv");
    let row = "A,A项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2,2025-01-01,,,,张三,李四,,,是";
    std::fs::write(&mark, format!("{HEAD},是否涉密\n{row}\n")).expect("a register");
    duban(at, &["import", mark.to_str().expect("a path"), "--source", "marks", "--covers", "2027-03-31"]);
    let marked = at.join("标注.xlsx");
    let made = duban(at, &["accountability", "--as-of", "2027-03-31", marked.to_str().expect("a path")]);
    assert!(made.status.success(), "{}", stderr(&made));
    let list = cells(&std::fs::read(&marked).expect("a list"));
    assert!(line(&list, "事项明细", "A").contains("〔不便公开〕A项目"), "{list}");
    assert!(!line(&list, "事项明细", "KN1").contains("〔不便公开〕"), "{list}");
    assert!(line(&list, "按责任人", "张三").contains("〔不便公开〕A"), "{list}");
    let sheets = format!("\n{list}");
    let sheet = |name: &str| sheets.split("\n-- ").find(|sheet| sheet.starts_with(name)).expect("a sheet");
    for (name, words) in [("说明", "内部资料"), ("按责任人", "不得外传"), ("事项明细", "不得外传")] {
        assert!(sheet(name).contains(words), "{name}: {list}");
    }
    assert!(!sheet("按单位").contains("不得外传"), "it names no record: {list}");
}

#[tokio::test]
async fn quarters_before_the_start_day_or_without_a_run_do_not_count() {
    let root = root_after(2).await;
    let at = root.path();
    // without a run of the third quarter the fourth does not continue the second
    let (_, third) = registers().swap_remove(2);
    {
        let service = service(at, "2027-06-01T00:00:00Z").await;
        import_into(&service, "台账.csv", &third, "2026-12-31").await;
        quarter(&service, "2026-12-31").await;
        service.store().close().await;
    }
    assert_eq!(findings(at, "2026-12-31", "act")["A"], "circulate");
    // with a start day after the second quarter, its run was in the 建账期
    let root = root_after(1).await;
    edit(root.path(), "config/duban.toml", "enforce_on = \"2026-01-01\"", "enforce_on = \"2026-07-01\"");
    let service = service(root.path(), "2027-06-01T00:00:00Z").await;
    for (as_of, text) in registers().into_iter().skip(1).take(2) {
        import_into(&service, &format!("台账{as_of}.csv"), &text, as_of).await;
        quarter(&service, as_of).await;
    }
    service.store().close().await;
    assert_eq!(findings(root.path(), "2026-09-30", "act")["A"], "circulate", "only the third quarter counts");
}

#[tokio::test]
async fn a_past_run_is_rebuilt_to_the_byte() {
    let root = root_after(3).await;
    let at = root.path();
    const RUN: &str = "quarterly-supervision@2026-07-08T08:00:00#0";
    assert!(stdout(&duban(at, &["runs"])).contains(RUN));
    let before = files_below(&at.join("var/reports/quarterly-supervision/2026-06-30"));
    // after later pulls, rules, units, templates and the job change, and the report is deleted
    edit(at, "config/rules.toml", "from = 90, light = \"red\"", "from = 95, light = \"red\"");
    edit(at, "config/units.toml", "name = \"瓮安县\"", "name = \"新瓮安县\"\nuntil = \"2026-05-31\"\ninto = \"福泉市\"");
    edit(at, "report-templates/quarterly-supervision.toml", "name = \"签约未开工\"", "name = \"未开工\"");
    edit(at, "jobs/quarterly-supervision.toml", "title = \"季度督办\"", "title = \"季度督办二\"");
    edit(at, "config/calendar/2026.toml", "\"2026-10-01\", ", "");
    std::fs::remove_dir_all(at.join("var/reports/quarterly-supervision/2026-06-30")).expect("deleted");
    let rebuilt = duban(at, &["rebuild", RUN]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}{}", stdout(&rebuilt), stderr(&rebuilt));
    assert!(stdout(&rebuilt).contains("重新生成4个报表，4个与当时逐字节一致"), "{}", stdout(&rebuilt));
    assert!(files_below(&at.join("var/rebuild").join(RUN)) == before);
    // a rebuild into another folder can be repeated, and does not overwrite a file that differs
    let elsewhere = at.join("核对");
    let to = ["rebuild", RUN, "--to", elsewhere.to_str().expect("a path")];
    assert!(duban(at, &to).status.success() && duban(at, &to).status.success());
    let copy = elsewhere.join(&before[0].0);
    std::fs::write(&copy, b"changed by hand").expect("a change");
    let refused = duban(at, &to);
    assert!(refused.status.code() == Some(1) && stderr(&refused).contains("is there and differs"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&copy).expect("the copy"), b"changed by hand");

    let unknown = duban(at, &["rebuild", "quarterly-supervision@2026-07-08T08:00:00#1"]);
    assert!(unknown.status.code() == Some(1) && stderr(&unknown).contains(&format!("did you mean \"{RUN}\"?")), "{}", stderr(&unknown));
    // after a cleanup the error names what is missing
    sqlx::any::install_default_drivers();
    let tables = sqlx::AnyPool::connect(&format!("sqlite://{}", at.join("var/duban.db").display())).await.expect("the tables");
    sqlx::query("UPDATE report_file SET sha256='00' WHERE run=$1").bind(RUN).execute(&tables).await.expect("a report");
    let differs = duban(at, &["rebuild", RUN]);
    assert!(differs.status.code() == Some(2) && stdout(&differs).contains("不一致（原为00"), "{}", stdout(&differs));
    sqlx::query("DELETE FROM frozen WHERE body LIKE '%quarters = 2%'").execute(&tables).await.expect("a text");
    let gone = duban(at, &["rebuild", RUN]);
    assert!(
        gone.status.code() == Some(1) && stderr(&gone).contains("was cleaned up: the frozen texts of config/rules.toml are gone"),
        "{}",
        stderr(&gone)
    );
    tables.close().await;
}

#[tokio::test]
async fn findings_are_filtered_by_every_option() {
    let root = root_after(3).await;
    let at = root.path();
    let filtered = |arguments: &[&str]| {
        let output = duban(at, &[&["findings", "--as-of", "2026-09-30", "--format", "csv"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).lines().skip(1).map(|line| line.split(',').take(3).collect::<Vec<_>>().join(" ")).collect::<Vec<String>>()
    };
    let project = |keys: &str| keys.chars().map(|key| format!("unstarted project {key}")).collect::<Vec<_>>();
    assert_eq!(filtered(&["--rule", "签约未开工", "--light", "red"]), project("ABGHX"));
    assert_eq!(filtered(&["--light", "yellow,orange", "--ledger", "project"]), project("EF"));
    assert_eq!(filtered(&["--light", "yellow", "--light", "red", "--rule", "unstarted", "--unit", "瓮安县"]), project("ABEFGHX"));
    assert_eq!(filtered(&["--unit", "茶叶牵头部门"]), project("ABGHX"));
    assert_eq!(filtered(&["--unit", "茶叶牵头部门", "--relation", "owner"]), Vec::<String>::new());
    assert_eq!(filtered(&["--relation", "raiser"]), ["difficulty-unanswered difficulty KN1", "difficulty-unsolved difficulty KN1"]);
    assert_eq!(
        filtered(&["--unit", "瓮安县", "--relation", "raiser", "--light", "red", "--rule", "difficulty-unanswered"]),
        ["difficulty-unanswered difficulty KN1"]
    );
    assert_eq!(filtered(&["--state", "exempt"]), Vec::<String>::new());
    assert_eq!(
        filtered(&["--state", "open", "--ledger", "difficulty", "--rule", "difficulty-unsolved"]),
        ["difficulty-unsolved difficulty KN1"]
    );
    for (option, word, message) in [
        ("--rule", "unstrated", "rule \"unstrated\" is unknown (did you mean \"unstarted\"?)"),
        ("--rule", "签约没开工", "rule \"签约没开工\" is unknown (did you mean \"签约未开工\"?)"),
        ("--unit", "瓮按县", "unit \"瓮按县\" is unknown (did you mean \"瓮安县\"?)"),
        ("--relation", "boss", "relation \"boss\" is unknown (expected one of: owner, superior, lead, raiser, office)"),
        ("--light", "rde", "light \"rde\" is unknown (did you mean \"red\"?)"),
        ("--state", "resolved", "state \"resolved\" is unknown (expected one of: open, exempt, unjudged)"),
        ("--ledger", "projct", "ledger \"projct\" is unknown (did you mean \"project\"?)"),
    ] {
        let output = duban(at, &["findings", "--as-of", "2026-09-30", option, word]);
        assert!(output.status.code() == Some(1) && stderr(&output).contains(message), "{option} {word}: {}", stderr(&output));
    }
}

/// `explain` for every outcome.
#[tokio::test]
async fn every_outcome_is_explained() {
    let root = root_after(4).await;
    let at = root.path();
    let mut text = String::new();
    for arguments in [
        ["unstarted", "A", "2026-12-31"],
        ["签约未开工", "F", "2026-09-30"],
        ["unstarted", "X", "2026-12-31"],
        ["unstarted", "H", "2026-09-30"],
        ["unstarted", "C", "2026-09-30"],
        ["unstarted", "D", "2026-09-30"],
        ["unstarted", "E", "2026-06-30"],
        ["slow", "A", "2026-09-30"],
        ["unsigned", "A", "2026-09-30"],
        ["difficulty-unanswered", "KN1", "2026-01-20"],
        ["difficulty-unanswered", "KN2", "2026-09-30"],
        ["difficulty-unsolved", "KN1", "2026-09-30"],
    ] {
        let [rule, key, as_of] = arguments;
        let output = duban(at, &["explain", rule, key, "--as-of", as_of]);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        text.push_str(&format!("$ duban explain {rule} {key} --as-of {as_of}\n{}\n", stdout(&output)));
    }
    insta::assert_snapshot!("explained", text);
    let json = duban(at, &["explain", "unstarted", "A", "--as-of", "2026-12-31", "--format", "json"]);
    let explained: serde_json::Value = serde_json::from_str(&stdout(&json)).expect("json");
    assert_eq!(explained["outcome"], "found");
    assert_eq!(explained["quarters"], 3);
    assert_eq!(explained["cells"][3]["place"], "台账2026-09-30.csv J2");
    assert_eq!(explained["told_before"].as_array().map(Vec::len), Some(16));
    for (arguments, expect) in [
        (["explain", "unstrated", "A"], "rule \"unstrated\" is unknown (did you mean \"unstarted\"?)"),
        (["explain", "unstarted", "Q"], "project holds no \"Q\" (did you mean"),
        (["explain", "study-month", "瓮安县"], "was never read"),
    ] {
        let output = duban(at, &arguments);
        assert!(output.status.code() == Some(1) && stderr(&output).contains(expect), "{arguments:?}: {}", stderr(&output));
    }
    // sessions: a unit with one, a unit without, a unit that needs none
    {
        let service = service(at, "2027-06-01T00:00:00Z").await;
        let sessions =
            "会议编号,会议名称,会议类型,召开单位,召开日期\nHY1,八月研究,研究,福泉市,2026-08-12\nHY2,七月研究,研究,瓮安县,2026-07-15\n";
        import_into(&service, "会议.csv", sessions, "2026-08-31").await;
        service.store().close().await;
    }
    let explain = |key: &str| {
        let output = duban(at, &["explain", "study-month", key, "--as-of", "2026-08-31"]);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let idle = explain("瓮安县-2026-08");
    assert!(idle.contains("县级未按月研究，2026年8月尚无记录") && idle.contains("在此之前最近一次：2026-07-15"), "{idle}");
    assert!(explain("福泉市").contains("2026年8月已有记录，没有督办事项"));
    assert!(explain("贵阳市").contains("不适用：此规则只适用于县（市、区）、平台"));
    let other = duban(at, &["explain", "study-month", "瓮安县-2026-05", "--as-of", "2026-08-31"]);
    assert!(stderr(&other).contains("judges 2026-08 only, not 2026-05"), "{}", stderr(&other));
}
