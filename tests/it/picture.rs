//! The picture of the pages: marks that come late hide at once, no transaction of a run blocks other writers for long, the lists are read by
//! their indexes; and the daily job that makes it changes no word of what other jobs make.

use super::helpers::{command, duban, edit, files_below, fresh_root, import_into, let_data_be_old, service, stderr, stdout};
use super::outputs::as_read;
use super::store_contract::on;
use chrono::NaiveDate;
use duban::app::compose::App;
use duban::cli::run::outcome_text;
use duban::store::pictures::{NUMBERS, OF_KEY, READER, TEXT, keys_statement, lines_statement};
use duban::worker::run::runner::{RunRequest, RunWhen};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::path::Path;
use std::time::{Duration, Instant};

fn started(root: &Path) {
    edit(root, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
}

fn register(lines: &[&str]) -> String {
    let head = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,计划开工时间,实际开工时间,最近更新时间";
    let row = |line: &&str| {
        let (code, rest) = line.split_once(' ').expect("code, planned, started");
        let (planned, started) = rest.split_once(' ').expect("planned, started");
        let stage = if started == "-" { "签约" } else { "开工" };
        let started = started.trim_matches('-');
        format!("{code},{code}项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,{stage},2,2026-01-05,{planned},{started},2026-10-12")
    };
    format!("{head}\n{}\n", lines.iter().map(row).collect::<Vec<_>>().join("\n"))
}

async fn run(service: &App, job: &str, as_of: &str, revise: bool) -> String {
    let when = RunWhen::AsOf(as_of.parse().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: job.into(), when, revise }).await.expect("a run");
    outcome_text(&outcome, &service.config().policy.units.levels)
}

/// A day, the register that is imported on it, and the jobs that run, each with the day it judges.
type Day = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

/// All that the weekly and the quarterly job print, write and mail over some weeks, with or without the daily job in between.
async fn papers(daily: bool) -> Vec<String> {
    let root = fresh_root();
    started(root.path());
    let service = service(root.path(), "2026-10-20T00:00:00Z").await;
    let mut out = Vec::new();
    let days: [Day; 4] = [
        ("2026-09-28", &["A 2026-09-01 -", "B 2026-06-01 -", "C 2026-08-01 -", "D 2026-07-01 -"], &[("weekly-reminder", "2026-09-28")]),
        (
            "2026-09-30",
            // B has started and D is back to a later day; E is new
            &["A 2026-09-01 -", "B 2026-06-01 2026-09-29", "C 2026-08-01 -", "D 2026-09-20 -", "E 2026-09-10 -"],
            &[("quarterly-supervision", "2026-09-30"), ("county-monthly-study", "2026-09-30")],
        ),
        // found by the daily job alone: F comes and goes between two papers, B returns
        ("2026-10-01", &["A 2026-09-01 -", "B 2026-06-01 -", "C 2026-08-01 -", "D 2026-09-20 -", "F 2026-09-10 -"], &[]),
        (
            "2026-10-05",
            &["A 2026-09-01 -", "B 2026-06-01 -", "C 2026-08-01 2026-10-02", "D 2026-09-20 -", "E 2026-09-10 -", "F 2026-09-10 2026-10-02"],
            &[("weekly-reminder", "2026-10-05")],
        ),
    ];
    for (day, lines, jobs) in days {
        import_into(&service, &format!("台账{day}.csv"), &register(lines), day).await;
        for turn in 0..2 {
            if daily {
                run(&service, "daily-pull", day, turn > 0).await;
            }
            for (job, as_of) in jobs {
                out.push(run(&service, job, as_of, turn > 0).await);
            }
        }
    }
    for (name, bytes) in files_below(&root.path().join("var/outbox")) {
        let text = as_read(&bytes);
        out.push(format!("{name}\n{text}"));
    }
    out.extend(files_below(&root.path().join("var/reports")).into_iter().map(|(name, bytes)| {
        assert!(!bytes.is_empty(), "{name}");
        format!("{name} {}", duban::report::archive::sha256(&bytes))
    }));
    out
}

#[tokio::test]
async fn the_daily_job_changes_no_word_of_other_papers() {
    let (without, with) = (papers(false).await, papers(true).await);
    let all = without.join("\n");
    assert!(all.contains("新增1") && all.contains("升级1") && all.contains("减轻1") && all.contains("办结1"), "every change occurs: {all}");
    for (without, with) in without.iter().zip(&with) {
        assert_eq!(without, with);
    }
    assert_eq!(without.len(), with.len());
}

/// What the daily job counts is what the pages show: it compares with all jobs, not only with its own runs.
#[tokio::test]
async fn the_daily_job_counts_as_the_pages_do() {
    let root = fresh_root();
    started(root.path());
    let service = service(root.path(), "2026-10-01T00:00:00Z").await;
    import_into(&service, "台账.csv", &register(&["A 2026-01-09 -", "B 2026-01-09 -"]), "2026-09-28").await;
    run(&service, "weekly-reminder", "2026-09-28", false).await;
    let text = register(&["A 2026-01-09 -", "B 2026-01-09 2026-09-29", "C 2026-01-09 -"]);
    import_into(&service, "台账.csv", &text, "2026-10-01").await;
    let printed = run(&service, "daily-pull", "2026-10-01", false).await;
    let look = service.store().pictures().look().await.expect("a look");
    let no = look.picture.expect("a picture").no;
    let lines = service.store().pictures().lines(no, &(0..100).collect::<Vec<_>>()).await.expect("lines");
    let count = |change: &str| lines.iter().filter(|(_, line)| line.change == change).count();
    let expected = format!("较上期：新增{} 升级0 减轻0 持续{} 再次出现0 办结", count("new"), count("continued"));
    assert!(count("new") > 0 && count("continued") > 0 && printed.contains(&expected), "{expected}: {printed}");
    assert!(!printed.contains("办结0"), "B has started: {printed}");
}

/// A writer beside a run waits at most half a second for its turn, and twice that where the machine is busy.
#[test]
fn no_transaction_of_a_run_holds_the_writer_for_long() {
    let root = fresh_root();
    let_data_be_old(root.path());
    started(root.path());
    let register = root.path().join("register.xlsx");
    let register = register.to_str().expect("a path");
    for arguments in [&["sample", "--projects", "6000", register][..], &["import", register, "--accept"]] {
        let done = duban(root.path(), arguments);
        assert!(matches!(done.status.code(), Some(0 | 2)), "{}", stderr(&done));
    }
    let mut run = command(root.path(), &["run", "daily-pull"]).stdout(std::process::Stdio::piped()).spawn().expect("a run");
    let url = format!("sqlite://{}", root.path().join("var/duban.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (longest, looks) = runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&url).await.expect("a connection");
        connection.execute("PRAGMA busy_timeout=0").await.expect("a setting");
        let (mut longest, mut looks) = (Duration::ZERO, 0);
        let mut refused_since: Option<Instant> = None;
        while run.try_wait().expect("a look").is_none() {
            match connection.execute("BEGIN IMMEDIATE").await {
                Ok(_) => {
                    connection.execute("ROLLBACK").await.expect("an end");
                    longest = longest.max(refused_since.take().map_or(Duration::ZERO, |since| since.elapsed()));
                    looks += 1;
                }
                Err(_) => {
                    refused_since.get_or_insert_with(Instant::now);
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (longest, looks)
    });
    let printed = run.wait_with_output().expect("an end");
    assert_eq!(printed.status.code(), Some(0), "{}", stdout(&printed));
    assert!(stdout(&printed).contains("督办事项：红"), "{}", stdout(&printed));
    assert!(looks > 20, "the run was looked at {looks} times");
    assert!(longest < Duration::from_millis(1000), "the writer was held for {longest:?}");
}

/// Every statement of the lists finds its rows by an index.
#[test]
fn the_lists_are_read_by_their_indexes() {
    on(false, async |db: &super::store_contract::Db| {
        db.open().await.close().await;
        let pool = db.raw().await;
        for statement in [READER, NUMBERS, OF_KEY, TEXT, &lines_statement(50), &keys_statement(50)] {
            let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"))).fetch_all(&pool).await.expect("a plan");
            let plan: Vec<String> = rows.iter().map(|row| row.get::<String, _>("detail")).collect();
            for step in &plan {
                let is_by_index = step.starts_with("SEARCH") && (step.contains("INDEX") || step.contains("PRIMARY KEY"));
                assert!(is_by_index, "{statement}: {plan:?}");
            }
        }
        pool.close().await;
    });
}

/// What a day of the daily job leaves: the findings of its last run, and one picture beside the one before.
#[tokio::test]
async fn the_daily_job_retains_its_last_findings_only() {
    let root = fresh_root();
    started(root.path());
    let clock = "2026-10-01T00:00:00Z";
    let service = service(root.path(), clock).await;
    import_into(&service, "台账.csv", &register(&["A 2026-09-01 -", "B 2026-06-01 -"]), "2026-09-28").await;
    let mut last = String::new();
    for day in 1..5 {
        let day = NaiveDate::from_ymd_opt(2026, 10, day).expect("a day");
        service.clock().set(day.and_hms_opt(1, 0, 0).expect("a time").and_utc());
        last = run(&service, "daily-pull", &day.to_string(), false).await;
        let look = service.store().pictures().look().await.expect("a look");
        let picture = look.picture.expect("a picture");
        assert_eq!((picture.as_of, picture.data, picture.restrictions), (day, look.data, look.restrictions));
    }
    assert!(last.contains("项目台账（import）：第1次快照\n") && last.contains("督办事项：红"), "{last}");
    let raw = sqlx::AnyPool::connect(&format!("sqlite://{}", root.path().join("var/duban.db").display())).await.expect("the tables");
    let count = async |statement: &'static str| sqlx::query(statement).fetch_one(&raw).await.expect("a count").get::<i64, _>("n");
    assert_eq!(count("SELECT COUNT(DISTINCT run) AS n FROM finding").await, 1);
    assert_eq!(count("SELECT COUNT(DISTINCT picture) AS n FROM picture_finding").await, 2);
    assert_eq!(count("SELECT COUNT(DISTINCT writer) AS n FROM timeline_part").await, 1);
}

/// The findings of a run count though no picture can be made of them, and the pages may make one at once.
#[tokio::test]
async fn a_run_does_not_fail_with_its_picture() {
    let root = fresh_root();
    started(root.path());
    let service = service(root.path(), "2026-10-01T00:00:00Z").await;
    import_into(&service, "台账.csv", &register(&["A 2026-09-01 -"]), "2026-09-28").await;
    let raw = sqlx::AnyPool::connect(&format!("sqlite://{}", root.path().join("var/duban.db").display())).await.expect("the tables");
    let refuse = "CREATE TRIGGER refused BEFORE INSERT ON picture_finding BEGIN SELECT RAISE(ABORT, 'refused'); END";
    sqlx::query(refuse).execute(&raw).await.expect("a trigger");
    let printed = run(&service, "daily-pull", "2026-10-01", false).await;
    assert!(printed.contains("督办事项：红"), "{printed}");
    let pictures = service.store().pictures();
    assert!(pictures.look().await.expect("a look").picture.is_none());
    let (now, until) = ("2026-10-01T00:00:01.000Z", "2026-10-01T00:10:00.000Z");
    assert!(pictures.begin(now, until, false).await.expect("a start").is_some(), "it holds up nobody");
}
