//! The parts of `duban serve` do not wait for each other: a source that does not answer delays no other job and no mail, and the service stops in
//! time. systemd hears that it is ready, that it works and that it stops.

use super::helpers::{command, duban, edit, files_below, fresh_root, service, stdout};
use duban::clock::Clock;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;

/// Longer than a service needs for anything; ends a test that waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(120);

const REGISTER: &str = "\
项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际开工时间,最近更新时间
GZ1,甲项目,刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,0.5,2025-01-06,,2026-09-25
";

fn job(source: &str, steps: &str, more: &str) -> String {
    format!(
        "title = \"任务\"\nslot = \"0 0 8 * * *\"\nzone = \"Asia/Shanghai\"\nas_of = \"slot-day\"\nholiday = \"run\"\nmissed = \"latest\"\n\
         too_late_days = 1\nsources = [\"{source}\"]\nsteps = [{steps}]\n{more}"
    )
}

const REMIND: &str = "
[remind]
rhythm = \"always\"
levels = [\"county\", \"city\", \"province\"]
template = \"digest\"
";

/// A database server that accepts connections and never answers. Each connection is reported when it begins (`true`) and when its other side has
/// closed it.
async fn silent_database() -> (u16, mpsc::UnboundedReceiver<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (report, reports) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let report = report.clone();
            tokio::spawn(async move {
                let _ = report.send(true);
                let mut bytes = [0; 1024];
                while connection.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
                let _ = report.send(false);
            });
        }
    });
    (port, reports)
}

/// A root with two jobs that are due: `a-slow` reads a database that does not answer, `b-quick` a file, and mails.
async fn root(port: u16) -> tempfile::TempDir {
    let root = fresh_root();
    let at = root.path();
    for file in std::fs::read_dir(at.join("jobs")).expect("jobs").flatten() {
        std::fs::remove_file(file.path()).expect("removed");
    }
    std::fs::write(at.join("jobs/a-slow.toml"), job("silent", "\"pull\"", "")).expect("a job");
    std::fs::write(at.join("jobs/b-quick.toml"), job("file", "\"pull\", \"detect\", \"remind\"", REMIND)).expect("a job");
    std::fs::write(at.join("own.csv"), REGISTER).expect("a register");
    let sources = format!(
        "name = \"file\"\npath = \"own.csv\"\n\n[[source]]\nname = \"silent\"\ndatabase = \"postgres://reader@127.0.0.1:{port}/register\"\n\
         query = \"SELECT 1\""
    );
    edit(at, "config/duban.toml", "name = \"sample\"\npath = \"config/sample/register.xlsx\"\nsample = true", &sources);
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    let now = Clock::System.local(8 * 3600);
    let until = (now - chrono::Duration::days(2)).format("%Y-%m-%dT%H:%M:%S").to_string();
    let service = service(at, "2026-10-08T00:00:00Z").await;
    for job in ["a-slow", "b-quick"] {
        service.store().schedule().reckon_by(job, "0 0 8 * * *", &until).await.expect("settled");
    }
    service.store().close().await;
    root
}

/// A service that runs, and its log.
struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    log: String,
}

fn serve(root: &Path, environment: &[(&str, &str)]) -> Served {
    let mut plain = command(root, &["serve", "--only", "worker"]);
    plain.env("RUST_LOG", "duban=info").envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Command::from(plain).kill_on_drop(true).spawn().expect("duban starts");
    let lines = BufReader::new(child.stderr.take().expect("a log")).lines();
    Served { child, lines, log: String::new() }
}

impl Served {
    /// Reads the log up to a line that holds all these words.
    async fn until(&mut self, words: &[&str]) {
        let read = async {
            while let Some(line) = self.lines.next_line().await.expect("a line") {
                self.log.push_str(&line);
                self.log.push('\n');
                if words.iter().all(|word| line.contains(word)) {
                    return;
                }
            }
            panic!("the log ended without {words:?}: {}", self.log);
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("{words:?} did not come"));
    }

    /// Stops the service as an administrator does. Returns how long that took.
    async fn stop(mut self) -> Duration {
        let begun = Instant::now();
        let pid = self.child.id().expect("it still runs").to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("a signal");
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("an exit status");
        assert!(status.success(), "{status}: {}", self.log);
        begun.elapsed()
    }
}

#[tokio::test]
async fn a_source_that_does_not_answer_delays_no_other_job_and_no_mail_and_no_stop() {
    let (port, mut connections) = silent_database().await;
    let root = root(port).await;
    let mut served = serve(root.path(), &[]);
    assert_eq!(connections.recv().await, Some(true), "the slow job has begun to read");
    served.until(&["run ended", "b-quick@"]).await;
    assert!(!served.log.contains("a-slow@"), "{}", served.log);
    let mails = files_below(&root.path().join("var/outbox")).into_iter().filter(|(name, _)| name.ends_with(".eml")).count();
    assert!(mails > 0, "its mails are sent");
    let listed = stdout(&duban(root.path(), &["runs"]));
    let state = |job: &str| listed.lines().find(|line| line.contains(job)).map(str::to_owned).unwrap_or_default();
    assert!(state("a-slow").contains("进行中") && state("b-quick").contains("完成"), "{listed}");
    assert!(served.stop().await < Duration::from_secs(30));
    let closed = tokio::time::timeout(Duration::from_secs(10), connections.recv()).await;
    assert_eq!(closed, Ok(Some(false)), "the process that asked the database has ended with the service");
    assert!(stdout(&duban(root.path(), &["runs"])).contains("进行中"), "the run goes on at the next start");

    // the next start goes on with it; meanwhile the source has become a file
    let other = format!("database = \"postgres://reader@127.0.0.1:{port}/register\"\nquery = \"SELECT 1\"");
    edit(root.path(), "config/duban.toml", &other, "path = \"own.csv\"");
    let mut served = serve(root.path(), &[]);
    served.until(&["run ended", "a-slow@"]).await;
    served.stop().await;
}

/// What systemd has heard so far.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    let mut messages = Vec::new();
    let mut bytes = [0; 256];
    while let Ok(read) = socket.recv(&mut bytes) {
        messages.push(String::from_utf8_lossy(&bytes[..read]).trim().to_owned());
    }
    messages
}

#[tokio::test]
async fn systemd_hears_that_the_service_is_ready_and_works_and_stops() {
    let (port, mut connections) = silent_database().await;
    let root = root(port).await;
    let path = root.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    let served = serve(root.path(), &[("NOTIFY_SOCKET", path.to_str().expect("a path")), ("WATCHDOG_USEC", "1500000")]);
    assert_eq!(connections.recv().await, Some(true), "a run is at work");
    let mut messages = heard(&socket);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE && messages.iter().filter(|message| *message == "WATCHDOG=1").count() < 5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        messages.extend(heard(&socket));
    }
    assert_eq!(messages[0], "READY=1", "{messages:?}");
    assert!(messages.iter().filter(|message| *message == "WATCHDOG=1").count() >= 5, "{messages:?}");
    served.stop().await;
    assert_eq!(heard(&socket).iter().filter(|message| *message == "STOPPING=1").count(), 1);
}

#[tokio::test]
async fn a_database_that_is_taken_away_stops_the_jobs_and_the_mails() {
    let root = root(9).await;
    let at = root.path();
    let service = service(at, "2026-10-09T00:00:00Z").await;
    std::fs::rename(at.join("var/duban.db"), at.join("var/away.db")).expect("renamed");
    for replaced in [false, true] {
        if replaced {
            std::fs::copy(at.join("var/away.db"), at.join("var/duban.db")).expect("a copy");
        }
        let words = "已被移走或替换";
        let beat = service.scheduler().beat().await.expect_err("no beat");
        assert!(format!("{beat:#}").contains(words), "{beat:#}");
        let delivery = service.deliverer().deliver_all(None).await.expect_err("no mail");
        assert!(format!("{delivery:#}").contains(words), "{delivery:#}");
    }
    std::fs::rename(at.join("var/away.db"), at.join("var/duban.db")).expect("put back");
    edit(at, "jobs/a-slow.toml", "\"silent\"", "\"file\"");
    service.scheduler().beat().await.expect("it goes on");
}
