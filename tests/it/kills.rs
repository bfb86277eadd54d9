//! The service is killed (SIGKILL) at every named moment of a run and of its delivery, at every step of the dialogue with the mail
//! server, and at any moment; the next start goes on. Nothing is lost, and a mail comes twice only where the outbox says that its end
//! was unknown.
//!
//! `DUBAN_KILLS=2000 cargo test --test it kills` for many trials; a slice runs with every test.

use super::helpers::{command, duban, edit, files_below, stdout};
use super::mail::root_with_server;
use super::post_office::{At, How, Manners, PostOffice};
use super::store_contract;
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

#[derive(Clone, Copy, Debug)]
enum Moment {
    /// A named place of the program.
    Named(&'static str),
    /// When the server has just been asked this, and does not answer.
    Asked(At),
    /// So many milliseconds after the start.
    After(u64),
}

const MOMENTS: [Moment; 23] = [
    Moment::Named("pull"),
    Moment::Named("detect"),
    Moment::Named("report"),
    Moment::Named("remind"),
    Moment::Named("claimed"),
    Moment::Named("replied"),
    Moment::Named("replied:3"),
    Moment::Named("journaled"),
    Moment::Named("settled"),
    Moment::Named("settled:2"),
    Moment::Asked(At::Greeting),
    Moment::Asked(At::Hello),
    Moment::Asked(At::Mail),
    Moment::Asked(At::Rcpt),
    Moment::Asked(At::Data),
    Moment::Asked(At::Dot),
    Moment::Asked(At::DotLost),
    Moment::Asked(At::Next),
    Moment::Asked(At::Quit),
    Moment::After(30),
    Moment::After(90),
    Moment::After(160),
    Moment::After(260),
];

#[allow(clippy::disallowed_methods, reason = "the one who tests says how many")]
fn trials(slice: usize) -> usize {
    std::env::var("DUBAN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(slice)
}

fn start(root: &Path, arguments: &[&str], moment: Option<&str>) -> Child {
    let mut plain = command(root, arguments);
    if let Some(moment) = moment {
        plain.env("DUBAN_CRASH_AFTER", moment);
    }
    plain.stdout(Stdio::null()).stderr(Stdio::null());
    Command::from(plain).spawn().expect("duban starts")
}

/// Starts a command and kills it at the moment; `false` = it was through before.
async fn kill(root: &Path, arguments: &[&str], office: &PostOffice, moment: Moment) -> bool {
    match moment {
        Moment::Named(name) => {
            let status = start(root, arguments, Some(name)).wait().await.expect("an end");
            !status.success()
        }
        Moment::Asked(at) => {
            office.breaks(at, How::Stall, 1);
            let mut child = start(root, arguments, None);
            let asked = tokio::select! {
                () = office.broken.notified() => true,
                _ = child.wait() => false,
            };
            let _ = child.kill().await;
            office.breaks(at, How::Stall, 0);
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

/// Message-IDs of a day: without the day, how often each was taken.
fn of_day(office: &PostOffice, day: NaiveDate) -> BTreeMap<String, u32> {
    let books = office.books.lock().expect("the books");
    let mark = format!("<list_{day}_{}T080000_", day.format("%Y%m%d"));
    books.taken.iter().filter_map(|(id, times)| Some((id.strip_prefix(&mark)?.to_owned(), *times))).collect()
}

/// What a trial showed.
#[derive(Default)]
struct Tally {
    trials: usize,
    killed: BTreeMap<String, usize>,
    doubled: usize,
}

/// Checks a day that is over: everybody once, or as often as the outbox admits.
fn judge(root: &Path, office: &PostOffice, day: NaiveDate, expected: &BTreeSet<String>, what: &str, tally: &mut Tally) {
    let taken = of_day(office, day);
    assert_eq!(&taken.keys().cloned().collect::<BTreeSet<_>>(), expected, "{what}: LOST, or sent to somebody else");
    let doubled: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
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
    let half: Vec<String> =
        files_below(&root.join("var")).into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".part")).collect();
    assert!(half.is_empty(), "{what}: {half:?}");
    tally.trials += 1;
}

fn report(name: &str, tally: &Tally) {
    eprintln!("{name}: {} trials, killed {:?}, mails that came twice and are counted: {}", tally.trials, tally.killed, tally.doubled);
}

const FIRST: &str = "2026-01-01";

/// A day nobody is killed shows who is to be told.
async fn calm(root: &Path, office: &PostOffice, day: NaiveDate) -> BTreeSet<String> {
    let status = start(root, &["run", "list", "--as-of", &day.to_string()], None).wait().await.expect("an end");
    assert!(status.success());
    let expected: BTreeSet<String> = of_day(office, day).into_keys().collect();
    assert!(expected.len() >= 3, "{expected:?}");
    expected
}

fn root_for(office: &PostOffice, url: Option<&str>) -> tempfile::TempDir {
    let root = root_with_server(office.port, "");
    // on SQLite one line, so that every step of a dialogue with several messages comes by
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
fn on_sqlite() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let office = PostOffice::open(Manners::default()).await;
        let root = root_for(&office, None);
        let at = root.path();
        let first: NaiveDate = FIRST.parse().expect("a day");
        let expected = calm(at, &office, first).await;
        let mut tally = Tally::default();
        for number in 0..trials(MOMENTS.len()) {
            let day = first + Days::new(number as u64 + 1);
            let moment = MOMENTS[number % MOMENTS.len()];
            let what = format!("{day}, killed at {moment:?}");
            let arguments = ["run", "list", "--as-of", &day.to_string()];
            if kill(at, &arguments, &office, moment).await {
                *tally.killed.entry(format!("{moment:?}")).or_default() += 1;
            }
            let again = duban(at, &arguments);
            assert!(again.status.success(), "{what}: {}", stdout(&again));
            judge(at, &office, day, &expected, &what, &mut tally);
        }
        report("SQLite", &tally);
        assert!(tally.killed.len() >= MOMENTS.len() - 5, "too few moments were hit: {:?}", tally.killed);
    });
}

/// Two processes of two machines (roots) send from one PostgreSQL; one of them, and at times both, die.
#[test]
fn on_postgres_with_two_senders() {
    store_contract::on(true, async |db| {
        let office = PostOffice::open(Manners::default()).await;
        let (here, there) = (root_for(&office, Some(db.url())), root_for(&office, Some(db.url())));
        let first: NaiveDate = FIRST.parse().expect("a day");
        let expected = calm(here.path(), &office, first).await;
        let mut tally = Tally::default();
        for number in 0..trials(MOMENTS.len() / 2) {
            let day = first + Days::new(number as u64 + 1);
            // a slice takes moments from all over the list, many trials take them all
            let moment = MOMENTS[(number * 7) % MOMENTS.len()];
            let what = format!("{day}, killed at {moment:?}, two senders");
            let arguments = ["run", "list", "--as-of", &day.to_string()];
            let mut other = start(there.path(), &["outbox", "send"], None);
            if kill(here.path(), &arguments, &office, moment).await {
                *tally.killed.entry(format!("{moment:?}")).or_default() += 1;
            }
            if number % 3 == 0 {
                let _ = other.kill().await;
            }
            let _ = other.wait().await;
            // both start again, at the same time
            let (mut one, mut two) = (start(here.path(), &arguments, None), start(there.path(), &["outbox", "send"], None));
            let (one, _) = (one.wait().await.expect("an end"), two.wait().await);
            assert!(one.success(), "{what}");
            // what one gave back while the other had looked already
            for root in [&there, &here] {
                let _ = start(root.path(), &["outbox", "send"], None).wait().await;
            }
            judge(here.path(), &office, day, &expected, &what, &mut tally);
        }
        report("PostgreSQL, two senders", &tally);
        assert!(!tally.killed.is_empty());
    });
}
