//! Drafts: what a person may release is what the newest run has found.

use super::feedback::{read, write};
use super::helpers::{duban, edit, files_below, fresh_root, import_into, service, stderr, stdout};
use calamine::Data;
use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::domain::notify::delivery::DeliveryState;
use duban::store::outbox::OutboxFilter;
use duban::worker::run::runner::{RunRequest, RunWhen};
use mail_parser::MessageParser;
use std::path::Path;

/// Two projects that are red since 2022; GZ502 may have begun, and GZ501 bear another name.
fn register(began: &str, name: &str) -> String {
    format!(
        "项目编号,项目名称,市（州）,县（市、区）,产业类别,协议类型,项目阶段,签约时间,录入平台时间,履约时间,合同投资额（亿元）,实际开工时间,计划开工时间,责任人,最近更新时间\n\
         GZ501,{name},黔南州,瓮安县,茶叶,合同,签约,2022-01-10,2022-01-20,2022-02-20,1.5,,2022-06-30,经办人甲,2026-09-20\n\
         GZ502,抹茶研发项目,黔南州,福泉市,茶叶,合同,开工,2022-01-10,2022-01-20,2022-02-20,1.5,{began},2022-06-30,经办人甲,2026-09-20\n"
    )
}

async fn run(service: &App, at: &str, as_of: &str, revise: bool) {
    let at: DateTime<Utc> = format!("{at}+08:00").parse().expect("a time in Beijing");
    service.clock().set(at);
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise }).await.expect("a run");
}

/// Unit and run of the drafts in a state, oldest first.
async fn drafts(service: &App, state: DeliveryState) -> Vec<(String, String)> {
    let filter = OutboxFilter { state: Some(state), ..OutboxFilter::default() };
    let rows = service.store().outbox().list(&filter).await.expect("the drafts");
    let mut drafts: Vec<_> = rows.into_iter().filter(|row| !row.act.is_empty()).map(|row| (row.unit, row.run)).collect();
    drafts.sort();
    drafts
}

#[tokio::test]
async fn a_newer_run_replaces_every_draft_that_nobody_has_decided_on() {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let service = service(root.path(), "2026-07-09T01:00:00Z").await;
    import_into(&service, "六月.csv", &register("", "茶园加工项目"), "2026-06-30").await;
    run(&service, "2026-07-09T09:00:00", "2026-06-30", false).await;
    assert_eq!(drafts(&service, DeliveryState::Draft).await.len(), 2);
    import_into(&service, "九月.csv", &register("2026-08-10", "茶园加工项目"), "2026-09-30").await;
    run(&service, "2026-10-09T09:00:00", "2026-09-30", false).await;
    let left = drafts(&service, DeliveryState::Draft).await;
    let units: Vec<&str> = left.iter().map(|(unit, _)| unit.as_str()).collect();
    assert_eq!(units, ["省投资促进局", "黔南布依族苗族自治州"], "the paper for all, and one letter for the city");
    assert!(left.iter().all(|(_, run)| run.contains("2026Q3") | run.contains("2026-10-08")), "{left:?}");
    assert_eq!(drafts(&service, DeliveryState::Superseded).await.len(), 4, "with the copies, also that of a unit that is in order now");
    // where nothing has changed, the draft stays as it is
    run(&service, "2026-10-10T09:00:00", "2026-09-30", true).await;
    assert_eq!(drafts(&service, DeliveryState::Draft).await, left);
    // a revision replaces the drafts of what it revises
    import_into(&service, "改.csv", &register("2026-08-10", "茶园深加工项目"), "2026-09-30").await;
    run(&service, "2026-10-11T09:00:00", "2026-09-30", true).await;
    let revised = drafts(&service, DeliveryState::Draft).await;
    assert!(revised.len() == 2 && revised != left, "{revised:?}");
    assert_eq!(drafts(&service, DeliveryState::Superseded).await.len(), 7);
    service.store().close().await;
}

/// A root with the start day in the past, and its drafts of September.
async fn drafted(root: &std::path::Path) -> App {
    edit(root, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let service = service(root, "2026-10-09T01:00:00Z").await;
    import_into(&service, "九月.csv", &register("", "茶园加工项目"), "2026-09-30").await;
    run(&service, "2026-10-09T09:00:00", "2026-09-30", false).await;
    assert_eq!(drafts(&service, DeliveryState::Draft).await.len(), 2);
    service
}

#[tokio::test]
async fn a_revision_that_would_change_nothing_but_its_day_makes_no_file_and_sends_nothing() {
    let root = fresh_root();
    let service = drafted(root.path()).await;
    let reports = root.path().join("var/reports/quarterly-supervision");
    let files = || {
        let mut files = files_below(&reports);
        files.sort();
        files
    };
    let mails = || files_below(&root.path().join("var/outbox")).len();
    let (before, sent) = (files(), mails());
    assert!(!before.is_empty() && sent > 0);
    // on another day, with the same data
    for day in ["2026-10-20T09:00:00", "2026-10-21T09:00:00"] {
        run(&service, day, "2026-09-30", true).await;
        assert!(files() == before && mails() == sent, "{:?}", files().iter().map(|(name, _)| name).collect::<Vec<_>>());
    }
    let runs = service.store().runs().list(9).await.expect("runs");
    let newest = runs.iter().find(|run| run.revision == 2).expect("the second revision");
    let files_of_it = service.store().reports().list(&newest.id).await.expect("files");
    assert!(!files_of_it.is_empty() && files_of_it.iter().all(|file| !file.path.contains("-r")), "{files_of_it:?}");
    // an earlier file is rebuilt as it was made
    let rebuilt = service.runner().rebuild(&newest.id, Some(root.path().join("rebuilt"))).await.expect("a rebuild");
    assert!(rebuilt.len() == files_of_it.len() && rebuilt.iter().all(|file| file.is_identical()), "{rebuilt:?}");
    // changed data make new files, which bear their day, and stay in turn
    import_into(&service, "改.csv", &register("2026-08-10", "茶园加工项目"), "2026-09-30").await;
    run(&service, "2026-10-22T09:00:00", "2026-09-30", true).await;
    let changed = files();
    assert!(changed.len() > before.len() && changed.iter().any(|(name, _)| name.contains("-r3")));
    assert!(mails() > sent);
    run(&service, "2026-10-26T09:00:00", "2026-09-30", true).await;
    assert_eq!(files(), changed);
    service.store().close().await;
}

#[tokio::test]
async fn what_is_released_is_looked_at_once_more() {
    let root = fresh_root();
    let at = root.path();
    let service = drafted(at).await;
    let filter = OutboxFilter { state: Some(DeliveryState::Draft), ..OutboxFilter::default() };
    let rows = service.store().outbox().list(&filter).await.expect("the drafts");
    let letter = rows.iter().find(|row| row.unit == "黔南布依族苗族自治州").map(|row| row.id.clone()).expect("the letter");
    // 福泉市 is in order by now
    import_into(&service, "今日.csv", &register("2026-11-10", "茶园加工项目"), "2026-11-20").await;
    service.seal_audit().await.expect("sealed");
    service.store().close().await;
    let released = duban(at, &["outbox", "release", &letter, "--by", "主任", "--reason", "同意"]);
    let printed = stdout(&released);
    assert_eq!(released.status.code(), Some(2), "{printed}{}", stderr(&released));
    assert!(printed.contains(&format!("{letter}：所列GZ502（")) && printed.contains("不能签发"), "{printed}");
    assert!(printed.contains("签发0件"), "{printed}");
    assert!(stdout(&duban(at, &["outbox", "show", &letter])).contains("待签发"));
}

/// Writes a copy of a signing list with these decisions, by unit. Returns its name.
fn decided(root: &Path, list: &str, name: &str, decisions: &[(&str, &str)], forged: bool) -> String {
    let mut cells = read(&std::fs::read(root.join(list)).expect("the list"));
    let rows = &mut cells[0].1;
    let head = rows.iter().position(|row| row.iter().any(|cell| *cell == "签发意见")).expect("a head");
    let column = |title: &str| rows[head].iter().position(|cell| *cell == title).expect("a column");
    let (unit, decision, check) = (column("责任单位"), column("签发意见"), column("校验码"));
    for row in rows.iter_mut().skip(head + 1) {
        let Some((_, word)) = decisions.iter().find(|(named, _)| row[unit] == *named) else { continue };
        row[decision] = Data::String((*word).to_owned());
        if forged {
            row[check] = Data::String("1-ABCDABCDABCDABCD".to_owned());
        }
    }
    let path = root.join(name);
    std::fs::write(&path, write(&cells)).expect("a copy");
    path.to_string_lossy().into_owned()
}

/// The signing list goes out with the drafts and comes back with a decision in each row; what is released bears the day of its release, and its
/// copies go out with it.
#[tokio::test]
async fn a_signing_list_releases_what_was_agreed_to() {
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let opened = service(at, "2026-10-09T01:00:00Z").await;
    import_into(&opened, "九月.csv", &register("", "茶园加工项目"), "2026-09-30").await;
    run(&opened, "2026-10-09T09:00:00", "2026-09-30", false).await;
    opened.store().close().await;
    let outbox = |arguments: &[&str]| duban(at, &[&["outbox"], arguments].concat());
    let city = "黔南布依族苗族自治州";
    let file = at.join("签发清单.xlsx");
    let written = outbox(&["signing-list", file.to_str().expect("a path")]);
    assert!(written.status.success() && stdout(&written).contains("待签发2件"), "{}{}", stdout(&written), stderr(&written));
    assert_eq!(
        outbox(&["signing-list", file.to_str().expect("a path")]).status.code(),
        Some(1),
        "a file that is there is not written over"
    );
    let shown = read(&std::fs::read(&file).expect("the list"));
    let row = shown[0].1.iter().find(|row| row.iter().any(|cell| *cell == city)).expect("the city's row");
    let words: Vec<String> = row.iter().map(ToString::to_string).collect();
    assert!(words.contains(&"督办".to_owned()) && words.contains(&"2".to_owned()) && words.contains(&"3".to_owned()), "{words:?}");

    let list = |name: &str, decisions: &[(&str, &str)], forged| decided(at, "签发清单.xlsx", name, decisions, forged);
    let forged = list("伪造.xlsx", &[(city, "同意")], true);
    let refused = outbox(&["release", "--list", &forged, "--by", "王局长"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stdout(&refused).contains("校验码不符") && stdout(&refused).contains("签发0件"), "{}", stdout(&refused));
    let unclear = list("写错.xlsx", &[(city, "可以")], false);
    assert!(stdout(&outbox(&["release", "--list", &unclear, "--by", "王局长"])).contains("只能填“同意”或“不同意”"));
    let good = list("签批.xlsx", &[(city, "同意"), ("省投资促进局", "不同意")], false);
    assert_eq!(outbox(&["release", "--list", &good]).status.code(), Some(1), "nobody signs without a name");
    let released = outbox(&["release", "--list", &good, "--by", "王局长"]);
    assert!(released.status.success(), "{}{}", stdout(&released), stderr(&released));
    assert!(stdout(&released).contains("清单：签发督办1件（截至2026年9月30日，随附抄送2件）"), "{}", stdout(&released));
    assert!(stdout(&released).contains("签发1件，不予签发1件，退回0行"), "{}", stdout(&released));
    let repeated = outbox(&["release", "--list", &good, "--by", "王局长"]);
    assert!(repeated.status.code() == Some(2) && stdout(&repeated).contains("不是待签发的拟办件"), "{}", stdout(&repeated));

    assert!(outbox(&["send"]).status.success());
    let mails = files_below(&at.join("var/outbox"));
    let letters: Vec<String> = mails
        .iter()
        .filter_map(|(_, bytes)| MessageParser::default().parse(bytes))
        .filter(|mail| mail.subject().is_some_and(|subject| subject.contains("【督办】")))
        .map(|mail| format!("{}\n{}", mail.subject().unwrap_or_default(), mail.body_text(0).unwrap_or_default()))
        .collect();
    assert_eq!(letters.len(), 3, "the letter and two copies: {letters:?}");
    assert_eq!(letters.iter().filter(|letter| letter.starts_with("（抄送）")).count(), 2);
    assert!(letters.iter().all(|letter| !letter.contains('〔') && letter.contains("前书面报告")), "{letters:?}");
    let audit = duban(at, &["audit", "--verify"]);
    assert_eq!(audit.status.code(), Some(0), "{}{}", stdout(&audit), stderr(&audit));
}
