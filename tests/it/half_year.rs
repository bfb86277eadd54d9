//! A half year of the service under a clock that the test moves, with kills, stops, jumps of the clock, a dead source, a dead mail server and an edited
//! slot, from seeds. A model of its own reckons what has to come of it: every period once, no mail lost and none doubled without a note, every
//! trouble reported once and ended once.
//!
//! `DUBAN_HALF_YEARS=200 cargo test --test it half_year` simulates many; without the variable there is one.

use super::helpers::{edit, first_seed, fresh_root, number, service};
use super::mail_server::{Failure, FailurePoint, ServerOptions, TestMailServer};
use super::status::{listener, secret};
use chrono::{DateTime, Datelike, Days, Duration, FixedOffset, NaiveDate, NaiveDateTime, Utc, Weekday};
use duban::app::compose::App;
use duban::clock::Around;
use duban::domain::notify::delivery::DeliveryState;
use duban::store::outbox::OutboxFilter;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::Receiver;

const FIRST: &str = "2026-01-05";
const DAYS: u64 = 182;

/// Units with a mailbox of their own: 20 projects among them.
const UNITS: [&str; 6] = ["瓮安县", "福泉市", "都匀市", "惠水县", "龙里县", "贵定县"];

fn register() -> String {
    let head = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际开工时间,终止时间\n";
    let row = |number: usize| {
        let unit = UNITS[number % UNITS.len()];
        format!("GZ{number},第{number}个项目,茶叶,黔南布依族苗族自治州,{unit},合同,签约,2.5,2024-0{}-01,,\n", number % 9 + 1)
    };
    head.to_owned() + &(1..=20).map(row).collect::<String>()
}

/// The slots of the weekly job between which the office cannot decide: cron, weekday, hour and minute.
const WEEKLY: [(&str, Weekday, u32, u32); 2] = [("0 0 8 * * MON", Weekday::Mon, 8, 0), ("0 30 8 * * TUE", Weekday::Tue, 8, 30)];

fn job(slot: &str, as_of: &str, period: &str, steps: &str, workbooks: &str) -> String {
    format!(
        "title = \"任务{period}\"\nslot = \"{slot}\"\nzone = \"Asia/Shanghai\"\nas_of = \"{as_of}\"\nperiod = \"{period}\"\nholiday = \"run\"\n\
         missed = \"all\"\ntoo_late_days = 60\nsteps = [{steps}]\n{workbooks}\n[remind]\nrhythm = \"always\"\nlevels = [\"county\"]\n\
         template = \"digest\"\n"
    )
}

/// A root with the two jobs, a mail server and a chat.
fn root(port: u16, chat: &str) -> tempfile::TempDir {
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/units.toml", ".example\"", ".invalid\"");
    for file in std::fs::read_dir(at.join("jobs")).expect("jobs").flatten() {
        std::fs::remove_file(file.path()).expect("removed");
    }
    write_weekly(at, 0);
    let monthly = job(
        "0 0 9 3 * *",
        "last-period-end",
        "month",
        "\"pull\", \"detect\", \"report\", \"remind\"",
        "workbooks = [\"county-monthly-study\"]",
    );
    std::fs::write(at.join("jobs/monthly.toml"), monthly).expect("a job");
    std::fs::write(at.join("own.csv"), register()).expect("a register");
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"\nsample = true", "path = \"own.csv\"");
    edit(at, "config/duban.toml", "allowed_domains = [\"example\"]", "allowed_domains = [\"invalid\", \"example\"]");
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    edit(at, "config/duban.toml", "[mail]\n", "[operator]\nwebhook = \"wecom\"\nwebhook_file = \"config/operator-webhook\"\n\n[mail]\n");
    let settings = std::fs::read_to_string(at.join("config/duban.toml")).expect("settings");
    let smtp =
        format!("\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\ntimeout_seconds = 5\nfinal_timeout_seconds = 5\n");
    std::fs::write(at.join("config/duban.toml"), settings + &smtp).expect("settings");
    secret(at, "config/operator-webhook", chat);
    root
}

fn write_weekly(root: &Path, slot: usize) {
    let text = job(WEEKLY[slot].0, "slot-day", "week", "\"pull\", \"detect\", \"remind\"", "");
    std::fs::write(root.join("jobs/weekly.toml"), text).expect("a job");
}

/// A time in Beijing as the clock has it.
fn utc(local: NaiveDateTime) -> DateTime<Utc> {
    local.and_local_timezone(FixedOffset::east_opt(8 * 3600).expect("a zone")).single().expect("a time").to_utc()
}

/// The days between which the service ran, as the model knows them: when each weekly slot was in force.
struct Model {
    /// From when on each slot of the weekly job is reckoned.
    slots: Vec<(NaiveDateTime, usize)>,
    begun: NaiveDateTime,
}

impl Model {
    /// The weeks and months that have to have one run each, up to a time.
    fn periods(&self, until: NaiveDateTime) -> BTreeSet<(String, String)> {
        let mut periods = BTreeSet::new();
        let mut day = self.begun.date();
        while day <= until.date() {
            for (index, (from, slot)) in self.slots.iter().enumerate() {
                let end = self.slots.get(index + 1).map_or(until, |(from, _)| *from);
                let (_, weekday, hour, minute) = WEEKLY[*slot];
                let at = day.and_hms_opt(hour, minute, 0).expect("a time");
                if day.weekday() == weekday && at > *from && at <= end {
                    let week = day.iso_week();
                    periods.insert(("weekly".to_owned(), format!("{}W{:02}", week.year(), week.week())));
                }
            }
            let at = day.and_hms_opt(9, 0, 0).expect("a time");
            if day.day() == 3 && at > self.begun && at <= until {
                let closed = day.with_day(1).and_then(|first| first.pred_opt()).expect("the month before");
                periods.insert(("monthly".to_owned(), format!("{}-{:02}", closed.year(), closed.month())));
            }
            day = day + Days::new(1);
        }
        periods
    }
}

/// What goes wrong until a day.
#[derive(Default)]
struct Faults {
    source_dead_until: Option<NaiveDate>,
    server_dead_until: Option<NaiveDate>,
}

/// What was done to the service.
#[derive(Debug, Default)]
struct Tally {
    beats: u32,
    kills: u32,
    stops: u32,
    jumps: u32,
    dead_sources: u32,
    dead_servers: u32,
    edits: u32,
}

struct World {
    root: tempfile::TempDir,
    server: TestMailServer,
    chat: Receiver<(String, String)>,
    service: App,
    dice: Rng,
    model: Model,
    faults: Faults,
    tally: Tally,
    slot: usize,
}

impl World {
    async fn beat(&mut self, at: NaiveDateTime) {
        self.service.clock().set(utc(at));
        self.service.clock().set_around(Around { newest: Some(utc(at)), witnesses: vec![utc(at)] });
        self.tally.beats += 1;
        // what fails is reported by the service and tried once more
        let _ = self.service.scheduler().beat().await;
    }

    async fn restart(&mut self, at: NaiveDateTime) {
        self.service = service(self.root.path(), &utc(at).to_rfc3339()).await;
    }

    /// A beat that is broken off somewhere in its midst, as by a kill; the next start goes on.
    async fn kill_in_beat(&mut self, at: NaiveDateTime) {
        self.service.clock().set(utc(at));
        let after = std::time::Duration::from_millis(self.dice.u64(1..600));
        let broken_off = tokio::time::timeout(after, self.service.scheduler().beat()).await.is_err();
        self.tally.kills += u32::from(broken_off);
        self.restart(at).await;
    }

    /// The clock is far ahead for one beat, and nothing else is.
    async fn jump(&mut self, at: NaiveDateTime) {
        let ahead = utc(at) + Duration::days(400);
        self.service.clock().set(ahead);
        self.service.clock().set_around(Around { newest: Some(utc(at)), witnesses: Vec::new() });
        let beat = self.service.scheduler().beat().await.expect("a beat");
        assert!(beat.is_clock_doubted, "{at}: the jump is believed");
        self.tally.jumps += 1;
    }

    fn change_faults(&mut self, day: NaiveDate) {
        let root = self.root.path();
        let (own, away) = (root.join("own.csv"), root.join("away.csv"));
        match self.faults.source_dead_until {
            Some(until) if day >= until => {
                std::fs::rename(&away, &own).expect("mended");
                self.faults.source_dead_until = None;
            }
            None if self.dice.u32(..100) < 4 => {
                std::fs::rename(&own, &away).expect("taken away");
                self.faults.source_dead_until = Some(day + Days::new(self.dice.u64(1..6)));
                self.tally.dead_sources += 1;
            }
            _ => {}
        }
        match self.faults.server_dead_until {
            Some(until) if day >= until => {
                self.server.fail_at(FailurePoint::Greeting, Failure::Close, 0);
                self.faults.server_dead_until = None;
            }
            None if self.dice.u32(..100) < 4 => {
                self.server.fail_at(FailurePoint::Greeting, Failure::Close, u32::MAX);
                self.faults.server_dead_until = Some(day + Days::new(self.dice.u64(1..4)));
                self.tally.dead_servers += 1;
            }
            _ => {}
        }
    }

    async fn live(&mut self) {
        let first: NaiveDate = FIRST.parse().expect("a day");
        let mut offset = 0;
        while offset < DAYS {
            let day = first + Days::new(offset);
            let at = |hour: u32, minute: u32| day.and_hms_opt(hour, minute, 5).expect("a time");
            self.change_faults(day);
            if self.dice.u32(..100) < 5 {
                // the machine is off for some days
                self.tally.stops += 1;
                offset += self.dice.u64(1..9);
                self.restart((first + Days::new(offset)).and_hms_opt(0, 0, 5).expect("a time")).await;
                continue;
            }
            match self.dice.u32(..100) {
                0..3 => self.jump(at(8, 0)).await,
                3..6 => {
                    self.slot = 1 - self.slot;
                    // the beat of an edit ends the old slot
                    write_weekly(self.root.path(), self.slot);
                    self.restart(at(6, 0)).await;
                    self.beat(at(6, 0)).await;
                    self.model.slots.push((at(6, 0), self.slot));
                    self.tally.edits += 1;
                }
                _ => {}
            }
            // most kills on days with runs
            let is_busy = [Weekday::Mon, Weekday::Tue].contains(&day.weekday()) || day.day() == 3;
            for (hour, minute) in [(8, 0), (8, 30), (9, 0), (9, 40)] {
                if self.dice.u32(..100) < if is_busy { 40 } else { 2 } {
                    self.kill_in_beat(at(hour, minute)).await;
                }
                self.beat(at(hour, minute)).await;
            }
            offset += 1;
        }
    }

    /// Lets everything come to its end, and compares with the model.
    async fn check(mut self, seed: u64) {
        let first: NaiveDate = FIRST.parse().expect("a day");
        if self.faults.source_dead_until.take().is_some() {
            std::fs::rename(self.root.path().join("away.csv"), self.root.path().join("own.csv")).expect("mended");
        }
        self.server.fail_at(FailurePoint::Greeting, Failure::Close, 0);
        let last = first + Days::new(DAYS + 9);
        let mut end = last.and_hms_opt(10, 0, 5).expect("a time");
        for _ in 0..12 {
            self.beat(end).await;
            end += Duration::hours(3);
        }
        // by the runs of the last week every trouble of data is over
        let (what, store) = (format!("seed {seed}, {:?}", self.tally), self.service.store());
        let runs = store.runs().list(10_000).await.expect("runs");
        let mut results: BTreeMap<(String, String), u32> = BTreeMap::new();
        for run in &runs {
            assert!(run.state.has_result(), "{what}: {} {:?} {}", run.id, run.state, run.reason);
            if run.revision == 0 {
                *results.entry((run.job.clone(), run.key.clone())).or_default() += 1;
            }
            assert!(run.revision == 0 || run.inputs.makes_good, "{what}: {}", run.id);
        }
        let expected = self.model.periods(end);
        let found: BTreeSet<_> = results.keys().cloned().collect();
        assert_eq!(found, expected, "{what}: missing {:?}, too many {:?}", &expected - &found, &found - &expected);
        assert!(results.values().all(|times| *times == 1), "{what}: {results:?}");

        let rows = store.outbox().list(&OutboxFilter::default()).await.expect("mails");
        let taken = self.server.log.lock().expect("the log").taken.clone();
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.message_id.trim_matches(['<', '>'])).collect();
        assert!(taken.keys().all(|id| ids.contains(id.trim_matches(['<', '>']))), "{what}: a mail of nobody");
        for row in &rows {
            let times = self.server.taken(&row.message_id);
            match row.state {
                DeliveryState::Accepted => {
                    assert!(times >= 1, "{what}: LOST {}", row.id);
                    assert!(i64::from(times) <= 1 + row.unknowns, "{what}: DOUBLED {} came {times} times", row.id);
                }
                // a newer one went in its place
                DeliveryState::Superseded => assert!(times <= 1, "{what}: {}", row.id),
                state => panic!("{what}: {} is {state:?} at the end", row.id),
            }
        }
        assert!(rows.len() > 100 && self.tally.kills > 3, "{what}: {} mails show nothing", rows.len());
        self.check_reports(&what);
        println!("{what}: {} runs, {} mails", runs.len(), rows.len());
        self.service.store().close().await;
    }

    /// Every trouble has a beginning and an end, in turn.
    fn check_reports(&self, what: &str) {
        let mut open: BTreeMap<String, bool> = BTreeMap::new();
        let mut ended = 0;
        for (_, body) in self.chat.try_iter() {
            let body: serde_json::Value = serde_json::from_str(&body).expect("json");
            for line in body["text"]["content"].as_str().expect("a text").lines() {
                if let Some(text) = line.strip_prefix("问题：") {
                    assert!(!open.insert(text.to_owned(), true).unwrap_or(false), "{what}: reported twice: {text}");
                } else if let Some(text) = line.strip_prefix("已解除：") {
                    assert_eq!(open.insert(text.to_owned(), false), Some(true), "{what}: ended without a beginning: {text}");
                    ended += 1;
                }
            }
        }
        let left: Vec<_> = open.iter().filter(|(_, is_open)| **is_open).map(|(text, _)| text).collect();
        assert!(left.is_empty(), "{what}: never ended: {left:?}");
        assert!(ended > 0, "{what}: nothing was reported");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_year_runs_every_period_once_and_loses_and_doubles_no_mail() {
    let half_years = number("DUBAN_HALF_YEARS").unwrap_or(1);
    for seed in first_seed()..first_seed() + half_years {
        let server = TestMailServer::open(ServerOptions::default()).await;
        let (address, chat) = listener("{\"errcode\":0}");
        let root = root(server.port, &address);
        let begun = format!("{FIRST}T00:00:05").parse().expect("a time");
        let service = service(root.path(), &utc(begun).to_rfc3339()).await;
        let mut world = World {
            root,
            server,
            chat,
            service,
            dice: Rng::with_seed(seed * 104_729 + 5),
            model: Model { slots: vec![(begun, 0)], begun },
            faults: Faults::default(),
            tally: Tally::default(),
            slot: 0,
        };
        // a new job starts from now
        world.beat(begun).await;
        world.live().await;
        world.check(seed).await;
    }
}
