//! The configuration in force: what `serve` has published counts for every service, and what changes who gets what waits for a person.

use super::helpers::{command, duban, edit, files_below, fresh_root, import, stderr, stdout};
use super::outputs::PROJECTS;
use duban::clock::Clock;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the service and waits for a line of its log; it is stopped with the value.
struct Served(Child, std::sync::mpsc::Receiver<String>);

impl Served {
    fn start(root: &Path) -> Served {
        let mut plain = command(root, &["serve", "--only", "worker"]);
        plain.env("RUST_LOG", "duban=info").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = plain.spawn().expect("duban starts");
        let lines = BufReader::new(child.stderr.take().expect("a log")).lines();
        let (sender, received) = std::sync::mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Served(child, received)
    }

    fn until(&self, words: &str) {
        let mut log = String::new();
        loop {
            let line = self.1.recv_timeout(std::time::Duration::from_secs(90)).unwrap_or_else(|_| panic!("no {words:?} in {log}"));
            if line.contains(words) {
                return;
            }
            log.push_str(&line);
            log.push('\n');
        }
    }

    fn stop(mut self) {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().expect("a signal");
        assert!(self.0.wait().expect("an exit status").success());
    }
}

/// Serves for a moment.
fn serve_once(root: &Path) {
    let served = Served::start(root);
    served.until("serving");
    served.stop();
}

fn config_state(root: &Path) -> (String, bool) {
    let status: Value = serde_json::from_str(&stdout(&duban(root, &["status", "--json"]))).expect("json");
    let waits = status["problems"].as_array().expect("problems").iter().any(|problem| problem["id"] == "config-waiting");
    (status["config"].as_str().expect("a state").to_owned(), waits)
}

const DAILY: &str = "title = \"每日清单\"\nslot = \"0 0 8 * * *\"\nzone = \"Asia/Shanghai\"\nas_of = \"slot-day\"\nholiday = \"run\"\n\
                     missed = \"latest\"\ntoo_late_days = 2\nsteps = [\"pull\", \"detect\", \"remind\"]\n\n[remind]\nrhythm = \"always\"\n\
                     levels = [\"county\"]\ntemplate = \"digest\"\n";

/// Makes the daily job due.
fn make_due(root: &Path) {
    let until = (Clock::System.local(8 * 3600) - chrono::Duration::days(2)).format("%Y-%m-%dT%H:%M:%S").to_string();
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
        sqlx::any::install_default_drivers();
        let tables = sqlx::AnyPool::connect(&format!("sqlite://{}", root.join("var/duban.db").display())).await.expect("the tables");
        let set = sqlx::query("UPDATE job_state SET handled_until=$1 WHERE job='daily'").bind(until).execute(&tables).await;
        assert_eq!(set.expect("set back").rows_affected(), 1);
        tables.close().await;
    });
}

const APPLY: [&str; 6] = ["check", "--apply", "--by", "王处长", "--reason", "核对过"];

#[test]
fn what_decides_who_gets_what_waits_for_a_person() {
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    std::fs::write(at.join("jobs/daily.toml"), DAILY).expect("a job");
    import(at, "台账.csv", PROJECTS, &["--covers", &Clock::System.today().to_string()]);
    // as long as nothing was published, the folder counts
    assert_eq!(config_state(at), ("in-force".to_owned(), false));
    serve_once(at);
    assert!(stdout(&duban(at, &["audit"])).contains("configuration in force"));

    // a slot changes nothing of that: it counts from the next start on
    edit(at, "jobs/weekly-reminder.toml", "0 0 8 * * MON", "0 30 8 * * MON");
    let printed = stdout(&duban(at, &["check"]));
    assert!(printed.contains("分钟不再变动后自动生效"), "{printed}");
    assert_eq!(config_state(at), ("waiting".to_owned(), true));
    serve_once(at);
    assert_eq!(config_state(at), ("in-force".to_owned(), false));

    // a mailbox does
    edit(at, "config/units.toml", "\"522725@gz.example\"", "\"new-box@gz.example\"");
    make_due(at);
    let served = Served::start(at);
    served.until("run ended");
    served.stop();
    assert_eq!(config_state(at), ("waiting".to_owned(), true));
    let mails = |mailbox: &str| {
        let of = |(name, bytes): &(String, Vec<u8>)| name.ends_with(".eml") && String::from_utf8_lossy(bytes).contains(mailbox);
        files_below(&at.join("var/outbox")).iter().filter(|file| of(file)).count()
    };
    assert!(mails("522725@gz.example") > 0 && mails("new-box@gz.example") == 0);
    for missing in [&["check", "--apply"][..], &["check", "--apply", "--by", "王处长"]] {
        assert_eq!(duban(at, missing).status.code(), Some(1), "{missing:?}");
    }
    assert_eq!(config_state(at), ("waiting".to_owned(), true));

    // a person puts it in force, also for a service that runs
    let served = Served::start(at);
    served.until("serving");
    let applied = duban(at, &APPLY);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    assert!(stdout(&applied).contains("+ mailbox = \"new-box@gz.example\""), "{}", stdout(&applied));
    served.until("another configuration is in force");
    served.stop();
    assert_eq!(config_state(at), ("in-force".to_owned(), false));
    assert!(stdout(&duban(at, &["audit"])).contains("核对过"));
    // a command by hand takes the folder
    duban(at, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
    assert!(mails("new-box@gz.example") > 0);
    let twice = duban(at, &APPLY);
    assert!(twice.status.code() == Some(0) && stdout(&twice).contains("没有变化"), "{}", stdout(&twice));
    assert_eq!(duban(at, &["audit", "--verify"]).status.code(), Some(0));
}
