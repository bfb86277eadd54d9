//! Old data accuse nobody: of a source that failed, that is too old or whose newer data wait, nothing is new, nobody is chased, and every reader is
//! warned. What came late is made good once.

use super::helpers::{duban, edit, files_below, fresh_root, import, service, stderr, stdout};
use super::outputs::as_read;
use calamine::{Reader, Xlsx};
use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::cli::run::outcome_text;
use duban::domain::notify::delivery::DeliveryState;
use duban::worker::run::runner::{RunOutcome, RunRequest, RunWhen};
use std::path::Path;

/// GZ501 is late on every day of these tests. GZ511 becomes late on 10 October, and by then its last update is not 35 days old.
const REGISTER: &str = "项目编号,项目名称,市（州）,县（市、区）,产业类别,协议类型,项目阶段,签约时间,录入平台时间,履约时间,合同投资额（亿元）,实际开工时间,\
                        计划开工时间,存在的困难和问题,责任人,最近更新时间,终止时间,上规入统时间\n\
                        GZ501,茶园加工项目,黔南州,瓮安县,茶叶,合同,签约,2025-01-10,2025-01-20,2025-02-20,1.5,,2025-06-30,,经办人甲,2026-09-20,,\n\
                        GZ511,精制茶厂项目,黔南州,瓮安县,茶叶,合同,签约,2026-01-10,2026-01-20,2026-02-20,1.5,,2026-10-10,,经办人甲,2026-09-28,,\n";

const ORDERS: &str =
    "工作单编号,项目编号,项目名称,来源,派发日期,承办类型,承办单位,办结时限,签收日期,最近反馈日期,办理情况,办结日期,延期至\n";

fn order(number: u32, feedback: &str) -> String {
    format!("WO{number},GZ501,茶园加工项目,产业招商推介会,2026-05-10,属地,瓮安县,2026-12-31,2026-05-12,{feedback},,,\n")
}

fn orders(numbers: std::ops::Range<u32>, feedback: &str) -> String {
    numbers.fold(ORDERS.to_owned(), |text, number| text + &order(number, feedback))
}

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}+08:00").parse().expect("a time in Beijing")
}

/// A root whose acts are in force and whose register is a file that the service reads.
async fn with_source(at: &str) -> (tempfile::TempDir, App) {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    edit(root.path(), "config/duban.toml", "[mail]\n", "[[source]]\nname = \"platform\"\npath = \"register.csv\"\n\n[mail]\n");
    put(root.path(), REGISTER);
    let service = service(root.path(), &time(at).to_rfc3339()).await;
    (root, service)
}

/// Lays the register down as a file that nobody is writing any more.
fn put(root: &Path, text: &str) {
    let file = root.join("register.csv");
    std::fs::write(&file, text).expect("the register");
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    std::fs::File::options().write(true).open(file).and_then(|file| file.set_modified(long_ago)).expect("its time");
}

async fn run(service: &App, at: &str, job: &str, as_of: &str) -> RunOutcome {
    service.clock().set(time(at));
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    service.runner().run_job(&RunRequest { job: job.into(), when, revise: false }).await.expect("a run")
}

fn text(service: &App, outcome: &RunOutcome) -> String {
    outcome_text(outcome, &service.config().policy.units.levels)
}

/// The mails whose file name contains this, as they are read.
fn mails(root: &Path, name: &str) -> Vec<String> {
    let mails = files_below(&root.join("var/outbox")).into_iter();
    mails.filter(|(file, _)| file.contains(name)).map(|(_, bytes)| as_read(&bytes)).collect()
}

fn findings(root: &Path, as_of: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(&stdout(&duban(root, &["findings", "--as-of", as_of, "--format", "json"]))).expect("findings")
}

fn finding<'f>(all: &'f [serde_json::Value], rule: &str, key: &str) -> &'f serde_json::Value {
    all.iter().find(|finding| finding["rule"] == rule && finding["key"] == key).unwrap_or_else(|| panic!("{rule} {key}: {all:?}"))
}

#[tokio::test]
async fn a_source_that_failed_accuses_nobody_of_new_things() {
    let (root, service) = with_source("2026-10-08T08:00:01").await;
    run(&service, "2026-10-08T08:00:01", "weekly-reminder", "2026-10-08").await;
    std::fs::remove_file(root.path().join("register.csv")).expect("gone");
    let late = text(&service, &run(&service, "2026-11-30T08:00:01", "weekly-reminder", "2026-11-30").await);
    assert!(late.contains("较上期：新增0 升级0 减轻0 持续2 再次出现0 办结0"), "{late}");
    assert!(late.contains("未全部完成") && late.contains("项目台账数据已53天未更新（截至2026年10月8日）"), "{late}");
    let county =
        mails(root.path(), "weekly-reminder_2026-11-30").into_iter().find(|mail| mail.contains("瓮安县投资促进局：")).expect("a mail");
    assert!(county.contains("项目台账数据已53天未更新（截至2026年10月8日），来源“platform”未能读取。"), "{county}");
    assert!(!county.contains("未能读取：") && !county.contains("新问题"), "{county}");
    // what is late only since the data's day waits, apart from what was late then
    assert!(county.contains("你单位有1个项目（1件）需办理") && county.contains("另有：待数据更新1个"), "{county}");
    assert!(county.contains("GZ501）：签约未开工") && county.contains("（待数据更新）"), "{county}");
    let office = mails(root.path(), "weekly-reminder_2026-11-30_20261130T080000_520000").pop().expect("the office's mail");
    assert!(office.contains("来源“platform”未能读取") && office.contains("register.csv") && office.contains("不存在"), "{office}");
    // what `findings` prints is the same
    let all = findings(root.path(), "2026-11-30");
    let waiting = finding(&all, "unstarted", "GZ511");
    assert_eq!((&waiting["waits_for_data"], &waiting["change"], &waiting["act"]), (&true.into(), &"continued".into(), &"remind".into()));
    assert_eq!((&waiting["due_on"], &waiting["overdue_days"], &waiting["light"]), (&"2026-10-10".into(), &51.into(), &"orange".into()));
    assert_eq!(finding(&all, "unstarted", "GZ501")["waits_for_data"], false);
    assert!(all.iter().all(|finding| finding["rule"] != "stale"), "{all:?}");
    let check = stdout(&duban(root.path(), &["check"]));
    assert!(check.contains("来源“platform”未能读取"), "{check}");
    service.store().close().await;
}

#[tokio::test]
async fn what_waited_for_data_is_new_once_they_have_come() {
    let (root, service) = with_source("2026-10-08T08:00:01").await;
    run(&service, "2026-10-08T08:00:01", "weekly-reminder", "2026-10-08").await;
    std::fs::remove_file(root.path().join("register.csv")).expect("gone");
    let waiting = text(&service, &run(&service, "2026-10-19T08:00:01", "weekly-reminder", "2026-10-19").await);
    assert!(waiting.contains("新增0 ") && waiting.contains("持续2 "), "{waiting}");
    put(root.path(), REGISTER);
    let come = text(&service, &run(&service, "2026-10-26T08:00:01", "weekly-reminder", "2026-10-26").await);
    assert!(come.contains("新增1 ") && come.contains("持续1 ") && !come.contains("未全部完成"), "{come}");
    let county =
        mails(root.path(), "weekly-reminder_2026-10-26").into_iter().find(|mail| mail.contains("瓮安县投资促进局：")).expect("a mail");
    assert!(county.contains("新增1个") && !county.contains("待数据更新"), "{county}");
    service.store().close().await;
}

#[tokio::test]
async fn a_late_source_is_made_good_once() {
    let (root, service) = with_source("2026-10-07T09:00:00").await;
    run(&service, "2026-10-07T09:00:00", "daily-pull", "2026-10-07").await;
    service.scheduler().beat().await.expect("a beat");
    std::fs::remove_file(root.path().join("register.csv")).expect("gone");
    service.clock().set(time("2026-10-09T10:00:01"));
    service.scheduler().beat().await.expect("a beat");
    let newest = async |job: &str| service.store().runs().newest_of(job).await.expect("the runs").expect("a run");
    let first = newest("quarterly-supervision").await;
    assert_eq!((first.revision, first.state.code()), (0, "partial"), "{first:?}");
    let drafts = service.store().outbox().count_by_state(Some(&first.id)).await.expect("the mails");
    assert!(!drafts.contains_key(&DeliveryState::Draft), "{drafts:?}");
    // nothing happens until it is there
    service.clock().set(time("2026-10-10T10:00:01"));
    service.scheduler().beat().await.expect("a beat");
    assert_eq!(newest("quarterly-supervision").await.revision, 0);
    put(root.path(), REGISTER);
    for at in ["2026-10-11T10:00:01", "2026-10-11T10:01:01", "2026-10-12T10:01:01"] {
        service.clock().set(time(at));
        service.scheduler().beat().await.expect("a beat");
    }
    let made_good = newest("quarterly-supervision").await;
    assert_eq!((made_good.revision, made_good.state.code(), made_good.as_of.as_str()), (1, "done", "2026-09-30"), "{made_good:?}");
    let drafts = service.store().outbox().count_by_state(Some(&made_good.id)).await.expect("the mails");
    assert!(drafts.contains_key(&DeliveryState::Draft), "{drafts:?}");
    // gone and back once more: no further revision
    std::fs::remove_file(root.path().join("register.csv")).expect("gone");
    service.clock().set(time("2026-10-13T10:00:01"));
    service.scheduler().beat().await.expect("a beat");
    put(root.path(), REGISTER);
    service.clock().set(time("2026-10-14T10:00:01"));
    service.scheduler().beat().await.expect("a beat");
    assert_eq!(newest("quarterly-supervision").await.revision, 1);
    service.store().close().await;
}

#[test]
fn a_ledger_that_grew_is_taken_and_one_that_lost_rows_waits() {
    let root = fresh_root();
    let root = root.path();
    edit(root, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    let code = |output: std::process::Output| output.status.code().expect("an exit code");
    assert_eq!(code(import(root, "6月.csv", orders(600..610, "2026-06-20"), &["--covers", "2026-06-30"])), 0);
    assert_eq!(code(import(root, "9月.csv", orders(600..640, "2026-09-20"), &["--covers", "2026-09-30"])), 0);
    assert_eq!(code(import(root, "台账.csv", REGISTER, &["--covers", "2026-09-30"])), 0);
    assert_eq!(code(import(root, "缺.csv", orders(600..620, "2026-09-25"), &["--covers", "2026-09-30"])), 3);
    let run = duban(root, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
    let (printed, words) = (stdout(&run), "工作单数据截至2026年9月30日，新报来的数据（来源“手工导入”第3次快照）暂缓生效，待核对");
    assert_eq!(code(run), 2, "{printed}");
    assert!(printed.contains(words) && printed.contains("work-order-bulletin：工作单的数据多半待更新，暂不编制"), "{printed}");
    let files = files_below(&root.join("var/reports/quarterly-supervision"));
    assert!(files.iter().all(|(name, _)| !name.contains("工作单办理情况通报")), "the paper of old data");
    assert!(files.iter().any(|(name, _)| name.contains("季度督办工作簿")), "the office's own book");
    assert!(mails(root, "_520000").pop().expect("the office's mail").contains(words));
    for command in [&["runs"][..], &["check"]] {
        let printed = stdout(&duban(root, command));
        assert!(printed.contains("第3次快照）暂缓生效"), "{command:?}: {printed}");
    }
    // a person has the paper made all the same: its first line states the day of its data
    let revise = ["run", "quarterly-supervision", "--as-of", "2026-09-30", "--revise", "--accept-old"];
    let nameless = duban(root, &revise);
    assert!(nameless.status.code() == Some(1) && stderr(&nameless).contains("--by 姓名 --reason 事由"), "{}", stderr(&nameless));
    let printed = stdout(&duban(root, &[&revise[..], &["--by", "主任", "--reason", "须按期报送"]].concat()));
    assert!(printed.contains("项目落地服务工作单办理情况通报") && !printed.contains("暂不编制") && printed.contains(words), "{printed}");
    let files = files_below(&root.join("var/reports/quarterly-supervision"));
    let paper = files.into_iter().find(|(name, _)| name.contains("工作单办理情况通报") && name.ends_with(".xlsx")).expect("the paper").1;
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(paper)).expect("a workbook");
    let sheet = book.worksheet_range_at(0).expect("a sheet").expect("its cells");
    let first = sheet.rows().flatten().map(ToString::to_string).find(|cell| !cell.is_empty()).expect("a cell");
    assert_eq!(first, "工作单数据截至2026年9月30日");
    assert!(stdout(&duban(root, &["audit"])).contains("--accept-old"));
    assert_eq!(code(duban(root, &["snapshot", "discard", "work-order", "import", "3"])), 0);
    let run = stdout(&duban(root, &["run", "quarterly-supervision", "--as-of", "2026-09-30", "--revise"]));
    assert!(!run.contains("暂缓生效") && run.contains("项目落地服务工作单办理情况通报"), "{run}");
}

#[test]
fn the_brake_has_bounds_for_each_ledger() {
    let root = fresh_root();
    let root = root.path();
    edit(root, "config/duban.toml", "[mail]\n", "[brake.ledgers.work-order]\ncodes_changed_pct = 60\nrows_fewer_pct = 60\n\n[mail]\n");
    let code = |output: std::process::Output| output.status.code().expect("an exit code");
    assert_eq!(code(import(root, "全.csv", orders(600..610, "2026-06-20"), &["--covers", "2026-06-30"])), 0);
    assert_eq!(code(import(root, "半.csv", orders(600..605, "2026-09-20"), &["--covers", "2026-09-30"])), 0);
    edit(root, "config/duban.toml", "brake.ledgers.work-order", "brake.ledgers.work-ordr");
    let check = duban(root, &["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(super::helpers::stderr(&check).contains("brake.ledgers: there is no ledger \"work-ordr\""), "{check:?}");
}
