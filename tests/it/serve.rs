//! `duban serve` as a process: it refuses what `check` refuses, and a panic in one beat ends neither the service nor the next beat.

use super::helpers::{cases, command, duban, edit, files_below, fresh_root, service, stderr, stdout};
use duban::clock::Clock;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Longer than a service needs for anything; ends a test that waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(120);

const OWN: &str = "\
项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际开工时间,最近更新时间
GZ1,甲项目,刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,0.5,2025-01-06,,2026-09-25
";

/// A job with these steps, once a day.
fn job(slot: &str, steps: &str, more: &str) -> String {
    format!(
        "title = \"任务\"\nslot = \"{slot}\"\nzone = \"Asia/Shanghai\"\nas_of = \"slot-day\"\nholiday = \"run\"\nmissed = \"latest\"\n\
         too_late_days = 1\nsteps = [{steps}]\n{more}"
    )
}

const DAILY: &str = "0 0 8 * * *";

const REMIND: &str = "
[remind]
rhythm = \"always\"
levels = [\"county\", \"city\", \"province\"]
template = \"digest\"
";

/// So long after the root is made the second job is due.
const LATER_SECONDS: i64 = 15;

/// A root with a register of its own. A job that judges is due at the first beat, one that only pulls a little later; a third one reminds.
async fn root() -> tempfile::TempDir {
    let root = fresh_root();
    let now = Clock::System.local(8 * 3600);
    let later = (now + chrono::Duration::seconds(LATER_SECONDS)).format("%-S %-M %-H * * *").to_string();
    let at = root.path();
    for file in std::fs::read_dir(at.join("jobs")).expect("jobs").flatten() {
        std::fs::remove_file(file.path()).expect("removed");
    }
    let write = |name: &str, text: String| std::fs::write(at.join("jobs").join(name), text).expect("a job");
    write("judge.toml", job(DAILY, "\"pull\", \"detect\"", ""));
    write("later.toml", job(&later, "\"pull\"", ""));
    write("remind.toml", job("0 0 8 * * *", "\"pull\", \"detect\", \"remind\"", REMIND));
    std::fs::write(at.join("own.csv"), OWN).expect("a register");
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"\nsample = true", "path = \"own.csv\"");
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    let service = service(at, "2026-10-08T00:00:00Z").await;
    for (job, slot, days) in [("judge", DAILY, 2), ("later", later.as_str(), 0)] {
        let until = (now - chrono::Duration::days(days)).format("%Y-%m-%dT%H:%M:%S").to_string();
        service.store().schedule().reckon_by(job, slot, &until).await.expect("settled");
    }
    service.store().close().await;
    root
}

/// Serves with a panic at a crash point until `is_enough` holds for a line of the log, then stops the service as an administrator does.
async fn serve(root: &Path, panic_after: &str, mut is_enough: impl FnMut(&str) -> bool) -> (ExitStatus, String) {
    let mut plain = command(root, &["serve"]);
    plain.env("RUST_LOG", "duban=info").env("DUBAN_PANIC_AFTER", panic_after).env("RUST_BACKTRACE", "0");
    plain.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Command::from(plain).kill_on_drop(true).spawn().expect("duban starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a log")).lines();
    let (mut log, mut is_stopped) = (String::new(), false);
    let watched = async {
        while let Some(line) = lines.next_line().await.expect("a line") {
            log.push_str(&line);
            log.push('\n');
            if !is_stopped && is_enough(&line) {
                let pid = child.id().expect("it still runs").to_string();
                std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("a signal");
                is_stopped = true;
            }
        }
        child.wait().await.expect("an exit status")
    };
    let status = tokio::time::timeout(PATIENCE, watched).await;
    (status.unwrap_or_else(|_| panic!("it did not come: {log}")), log)
}

#[tokio::test]
async fn a_panic_in_a_run_is_recorded_and_the_next_beat_goes_on() {
    let root = root().await;
    let mut has_panicked = false;
    let (status, log) = serve(root.path(), "detect", |line| {
        has_panicked |= line.contains("run failed") && line.contains("judge@") && line.contains("panicked: crash point detect");
        has_panicked && line.contains("run ended") && line.contains("later@")
    })
    .await;
    assert!(status.success(), "{status}: {log}");
    let runs = stdout(&duban(root.path(), &["runs"]));
    let failed: Vec<&str> = runs.lines().filter(|line| line.contains("失败")).collect();
    assert!(matches!(failed[..], [line] if line.contains("panicked: crash point detect")), "{runs}");
}

#[tokio::test]
async fn a_panic_in_the_delivery_ends_neither_the_service_nor_the_mails() {
    let root = root().await;
    let at = root.path();
    let killed = command(at, &["run", "remind"]).env("DUBAN_CRASH_AFTER", "remind").output().expect("duban starts");
    assert!(!killed.status.success(), "it was killed with mails in its outbox");
    let mails = || files_below(&at.join("var/outbox")).into_iter().filter(|(name, _)| name.ends_with(".eml")).count();
    assert_eq!(mails(), 0);
    let mut has_panicked = false;
    let (status, log) = serve(at, "claimed", |line| {
        has_panicked |= line.contains("panicked: crash point claimed");
        has_panicked && mails() > 0
    })
    .await;
    assert!(status.success(), "{status}: {log}");
}

#[tokio::test]
async fn what_check_refuses_is_not_served() {
    for wanted in ["unknown-name-in-mail", "unknown-light"] {
        let (_, case) = cases("config-bad").into_iter().find(|(name, _)| name.trim_end_matches(".toml") == wanted).expect("the case");
        let text = |key: &str| case[key].as_str().expect("a text").to_owned();
        let root = fresh_root();
        edit(root.path(), &text("file"), &text("old"), &text("new"));
        let checked = duban(root.path(), &["check"]);
        let mut serve = Command::from(command(root.path(), &["serve"]));
        let served = tokio::time::timeout(PATIENCE, serve.kill_on_drop(true).output()).await;
        let served = served.unwrap_or_else(|_| panic!("{wanted}: it serves")).expect("duban starts");
        assert_eq!((served.status.code(), stderr(&served)), (Some(1), stderr(&checked)), "{wanted}");
        assert!(!root.path().join("var").exists(), "{wanted}: nothing is opened");
    }
}
