//! Crash tests. `duban` is killed with SIGKILL at every named moment of a run and of its delivery, at every command of the SMTP dialogue,
//! and after fixed times; the next start resumes the run. No mail may be lost, and one may be sent twice only where the outbox records that
//! the result of an attempt is unknown.
//!
//! `DUBAN_KILLS=2000 cargo test --test it kills` runs many trials; without the variable there is one trial for each moment, on PostgreSQL for every second.

use super::helpers::{command, duban, edit, files_below, number, stdout};
use super::mail::root_with_server;
use super::mail_server::{Failure, FailurePoint, ServerOptions, TestMailServer};
use super::store_contract;
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// At a named crash point of the program.
    Named(&'static str),
    /// When the mail server has received this command and does not reply.
    Asked(FailurePoint),
    /// After this many milliseconds.
    After(u64),
}

const MOMENTS: [Moment; 24] = [
    Moment::Named("pull"),
    Moment::Named("detect"),
    Moment::Named("report"),
    Moment::Named("remind"),
    Moment::Named("claimed"),
    Moment::Named("begun"),
    Moment::Named("replied"),
    Moment::Named("replied:3"),
    Moment::Named("journaled"),
    Moment::Named("settled"),
    Moment::Named("settled:2"),
    Moment::Asked(FailurePoint::Greeting),
    Moment::Asked(FailurePoint::Hello),
    Moment::Asked(FailurePoint::Mail),
    Moment::Asked(FailurePoint::Rcpt),
    Moment::Asked(FailurePoint::Data),
    Moment::Asked(FailurePoint::Dot),
    Moment::Asked(FailurePoint::DotLost),
    Moment::Asked(FailurePoint::Next),
    Moment::Asked(FailurePoint::Quit),
    Moment::After(30),
    Moment::After(90),
    Moment::After(160),
    Moment::After(260),
];

/// The number of trials: that of `DUBAN_KILLS`, else `default`.
fn trials(default: usize) -> usize {
    number("DUBAN_KILLS").map_or(default, |trials| trials as usize)
}

fn start(root: &Path, arguments: &[&str], moment: Option<&str>) -> Child {
    let mut plain = command(root, arguments);
    if let Some(moment) = moment {
        plain.env("DUBAN_CRASH_AFTER", moment);
    }
    plain.stdout(Stdio::null()).stderr(Stdio::null());
    Command::from(plain).spawn().expect("duban starts")
}

/// Starts a command and kills it at the moment; `false` = it ended before.
async fn kill(root: &Path, arguments: &[&str], mail_server: &TestMailServer, moment: Moment) -> bool {
    match moment {
        Moment::Named(name) => {
            let status = start(root, arguments, Some(name)).wait().await.expect("an exit status");
            !status.success()
        }
        Moment::Asked(at) => {
            mail_server.fail_at(at, Failure::Stall, 1);
            let mut child = start(root, arguments, None);
            let asked = tokio::select! {
                () = mail_server.failed.notified() => true,
                _ = child.wait() => false,
            };
            let _ = child.kill().await;
            mail_server.fail_at(at, Failure::Stall, 0);
            asked
        }
        Moment::After(milliseconds) => {
            let mut child = start(root, arguments, None);
            let dead = tokio::time::timeout(Duration::from_millis(milliseconds), child.wait()).await.is_err();
            let _ = child.kill().await;
            dead
        }
    }
}

/// How often the server accepted each message of a day, by Message-ID without the day.
fn accepted_on(mail_server: &TestMailServer, day: NaiveDate) -> BTreeMap<String, u32> {
    let log = mail_server.log.lock().expect("the log");
    let prefix = format!("<list_{day}_{}T080000_", day.format("%Y%m%d"));
    log.taken.iter().filter_map(|(id, times)| Some((id.strip_prefix(&prefix)?.to_owned(), *times))).collect()
}

/// The result of all trials of a test.
#[derive(Default)]
struct Tally {
    trials: usize,
    /// Kills by moment.
    killed: BTreeMap<String, usize>,
    /// Mails sent twice whose unknown result the outbox records.
    doubled: usize,
}

/// Checks a finished day: every expected mail was accepted once, or at most once more for each unknown result in the outbox.
fn check_day(root: &Path, mail_server: &TestMailServer, day: NaiveDate, expected: &BTreeSet<String>, what: &str, tally: &mut Tally) {
    let accepted = accepted_on(mail_server, day);
    assert_eq!(&accepted.keys().cloned().collect::<BTreeSet<_>>(), expected, "{what}: LOST, or sent to somebody else");
    let doubled: Vec<_> = accepted.iter().filter(|(_, times)| **times > 1).collect();
    if !doubled.is_empty() {
        let listed = stdout(&duban(root, &["outbox", "list", "--run", &format!("list@{day}T08:00:00#0")]));
        for (id, times) in doubled {
            let unit = id.split('@').next().unwrap_or_default();
            let line = listed
                .lines()
                .find(|line| line.contains(&format!("_{unit} ")))
                .unwrap_or_else(|| panic!("{what}: {id} is not in {listed}"));
            let unknown: u32 = line
                .split_once("曾")
                .and_then(|(_, rest)| rest.split_once("次结果不明"))
                .and_then(|(count, _)| count.parse().ok())
                .unwrap_or_else(|| panic!("{what}: DOUBLED and not counted: {line}"));
            assert!(*times <= 1 + unknown, "{what}: {id} came {times} times, {unknown} unknown");
            tally.doubled += 1;
        }
    }
    let unfinished: Vec<String> =
        files_below(&root.join("var")).into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".part")).collect();
    assert!(unfinished.is_empty(), "{what}: {unfinished:?}");
    tally.trials += 1;
}

fn report(name: &str, tally: &Tally) {
    eprintln!("{name}: {} trials, killed {:?}, mails that came twice and are counted: {}", tally.trials, tally.killed, tally.doubled);
}

/// The day without a kill; the trials take the days after it.
const FIRST: &str = "2026-01-01";

/// Runs a day without a kill. Returns the messages that every later day must send.
async fn undisturbed_day(root: &Path, mail_server: &TestMailServer, day: NaiveDate) -> BTreeSet<String> {
    let status = start(root, &["run", "list", "--as-of", &day.to_string()], None).wait().await.expect("an exit status");
    assert!(status.success());
    let expected: BTreeSet<String> = accepted_on(mail_server, day).into_keys().collect();
    assert!(expected.len() >= 3, "{expected:?}");
    expected
}

fn root_for(mail_server: &TestMailServer, url: Option<&str>) -> tempfile::TempDir {
    let root = root_with_server(mail_server.port, "");
    // one connection on SQLite, so that a dialogue with several messages has every step
    let connections = if url.is_some() { 4 } else { 1 };
    let timeouts = "final_timeout_seconds = 5\n";
    edit(root.path(), "config/duban.toml", timeouts, &format!("{timeouts}connections = {connections}\n"));
    edit(root.path(), "config/duban.toml", "daily_max = 5000", "daily_max = 1000000");
    if let Some(url) = url {
        edit(root.path(), "config/duban.toml", "url = \"sqlite:var/duban.db\"", &format!("url = \"{url}\""));
    }
    root
}

#[test]
fn a_killed_run_loses_and_doubles_no_mail_on_sqlite() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mail_server = TestMailServer::open(ServerOptions::default()).await;
        let root = root_for(&mail_server, None);
        let at = root.path();
        let first: NaiveDate = FIRST.parse().expect("a day");
        let expected = undisturbed_day(at, &mail_server, first).await;
        let mut tally = Tally::default();
        for number in 0..trials(MOMENTS.len()) {
            let day = first + Days::new(number as u64 + 1);
            let moment = MOMENTS[number % MOMENTS.len()];
            let what = format!("{day}, killed at {moment:?}");
            let arguments = ["run", "list", "--as-of", &day.to_string()];
            if kill(at, &arguments, &mail_server, moment).await {
                *tally.killed.entry(format!("{moment:?}")).or_default() += 1;
            }
            let resumed = duban(at, &arguments);
            assert!(resumed.status.success(), "{what}: {}", stdout(&resumed));
            check_day(at, &mail_server, day, &expected, &what, &mut tally);
        }
        report("SQLite", &tally);
        assert!(tally.killed.len() >= MOMENTS.len() - 5, "too few moments were hit: {:?}", tally.killed);
    });
}

/// Two roots on one PostgreSQL database are like two machines that send at the same time. One process is killed, in every third trial both.
#[test]
fn a_killed_sender_of_two_loses_and_doubles_no_mail_on_postgres() {
    store_contract::on(true, async |db| {
        let mail_server = TestMailServer::open(ServerOptions::default()).await;
        let (here, there) = (root_for(&mail_server, Some(db.url())), root_for(&mail_server, Some(db.url())));
        let first: NaiveDate = FIRST.parse().expect("a day");
        let expected = undisturbed_day(here.path(), &mail_server, first).await;
        let mut tally = Tally::default();
        for number in 0..trials(MOMENTS.len() / 2) {
            let day = first + Days::new(number as u64 + 1);
            // a step of 7 spreads few trials over the list, and many trials reach every moment
            let moment = MOMENTS[(number * 7) % MOMENTS.len()];
            let what = format!("{day}, killed at {moment:?}, two senders");
            let arguments = ["run", "list", "--as-of", &day.to_string()];
            let mut other = start(there.path(), &["outbox", "send"], None);
            if kill(here.path(), &arguments, &mail_server, moment).await {
                *tally.killed.entry(format!("{moment:?}")).or_default() += 1;
            }
            if number % 3 == 0 {
                let _ = other.kill().await;
            }
            let _ = other.wait().await;
            // both restart at the same time
            let (mut one, mut two) = (start(here.path(), &arguments, None), start(there.path(), &["outbox", "send"], None));
            // one of them may end while the other still sends: 2 in place of 0
            let (one, _) = (one.wait().await.expect("an exit status"), two.wait().await);
            assert!(one.code().is_some(), "{what}: {one}");
            // one process may have released mails after the other looked for the last time
            for root in [&there, &here] {
                let _ = start(root.path(), &["outbox", "send"], None).wait().await;
            }
            // nobody sends any more: the run is wholly done
            let done = start(here.path(), &arguments, None).wait().await.expect("an exit status");
            assert_eq!(done.code(), Some(0), "{what}: {done}");
            check_day(here.path(), &mail_server, day, &expected, &what, &mut tally);
        }
        report("PostgreSQL, two senders", &tally);
        assert!(!tally.killed.is_empty());
    });
}
