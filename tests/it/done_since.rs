//! 期后已办: what was done between the day that a run judges and the day on which it is made is asked of nobody, and stays in the tables with its mark.

use super::helpers::{fresh_root, import_into, service};
use super::outputs::{ORDERS, PROJECTS, as_read, cells};
use duban::app::handle::{HandleRequest, handle};
use duban::cli::run::outcome_text;
use duban::worker::run::runner::{RunRequest, RunWhen};

const ORDER: &str = "GZD2026-00002";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_since_is_asked_of_nobody() {
    let root = fresh_root();
    let settings = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[start]\nenforce_on = \"2026-07-01\"\n")).expect("settings");
    let service = service(root.path(), "2026-10-05T02:00:00Z").await;
    import_into(&service, "台账.csv", PROJECTS, "2026-09-30").await;
    import_into(&service, "工作单.csv", ORDERS, "2026-09-30").await;
    let act = |code: &str, transition: &str, unit: &str, set: &[(&str, &str)]| HandleRequest {
        ledger: "work-order".into(),
        codes: vec![code.into()],
        transition: transition.into(),
        by: "李四".into(),
        unit: Some(unit.into()),
        set: set.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect(),
        ..HandleRequest::default()
    };
    let done = handle(&service, &act(ORDER, "receive", "瓮安县", &[])).await.expect("an answer");
    assert!(done[0].is_done(), "{done:?}");
    // the other order is overdue whatever is fed back: feedback ends one of its two findings
    let fed_back = act("GZD2026-00001", "feedback", "基础材料牵头部门", &[("handling", "已协调")]);
    let done = handle(&service, &fed_back).await.expect("an answer");
    assert!(done[0].is_done(), "{done:?}");
    service.clock().set("2026-10-08T00:00:00Z".parse().expect("a time"));
    let when = RunWhen::AsOf("2026-09-30".parse().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise: false }).await.expect("a run");
    let printed = outcome_text(&outcome, &service.config().policy.units.levels);
    assert!(printed.contains("期后已办") && !printed.contains("不符"), "{printed}");
    service.store().close().await;
    let mails = super::helpers::files_below(&root.path().join("var/outbox"));
    let mail = |unit: &str| {
        let ends = format!("_{unit}.eml");
        as_read(&mails.iter().find(|(name, _)| name.ends_with(&ends)).expect("a mail").1)
    };
    let county = mail("瓮安县");
    // what was done since is asked nowhere; the pack lists the order, which is still open
    let (asked, pack) = county.split_once("研究材料（截至2026年9月30日）.xlsx\n-- ").expect("a pack");
    assert!(!asked.contains("工作单未签收") && !asked.contains(ORDER), "{county}");
    for line in pack.lines().filter(|line| line.contains("工作单未签收")) {
        assert!(line.contains("工作单未签收〔期后已办（10月5日签收）〕"), "{line}");
    }
    let department = mail("基础材料牵头部门");
    let (asked, pack) = department.split_once("项目台账（截至2026年9月30日）.xlsx\n-- ").expect("a pack");
    assert!(asked.contains("工作单逾期未办结") && !asked.contains("工作单未反馈"), "{department}");
    assert!(pack.contains("工作单未反馈〔期后已办（10月5日反馈）〕") && !pack.contains("工作单未反馈\n"), "{department}");
    let books = super::helpers::files_below(&root.path().join("var/reports"));
    let (_, book) = books.iter().find(|(name, _)| name.contains("季度督办工作簿")).expect("a workbook");
    let book = cells(book);
    let line = book.lines().find(|line| line.contains(ORDER) && line.contains("工作单未签收")).unwrap_or_else(|| panic!("{book}"));
    assert!(line.contains("期后已办（10月5日签收）"), "{line}");
}
