//! The pages over a large register: a generated root is imported and judged once, then clients ask for the lists, each one page a second. Prints
//! the time of each kind of page from the request to the last byte, the memory of the service, and how much of the processors the service and
//! the clients used.
//!
//! `cargo bench --bench portal` [-- --projects 20000 --clients 50 --seconds 60 --root FOLDER]
//!
//! 115,000 projects have 300,000 findings. With `--root` the root is retained and used once more. Linux only: times and memory come from /proc.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time and reads its arguments")]

use fastrand::Rng;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const PASSWORD: &str = "correct horse battery";
/// Accounts with their unit and role; the clients share them.
const ACCOUNTS: [(&str, &str, &str); 4] =
    [("office", "520000", "clerk"), ("city", "遵义市", "viewer"), ("county", "瓮安县", "viewer"), ("county2", "仁怀市", "handler")];

/// The pages with their share in a hundred.
const PAGES: [(&str, &str, u32); 8] = [
    ("first page", "/findings", 30),
    ("by light", "/findings?light=red", 15),
    ("by rule and light", "/findings?rule=unstarted&light=orange", 15),
    ("by unit", "/findings?unit=%E9%81%B5%E4%B9%89%E5%B8%82&state=open", 10),
    ("deep page", "/findings?page=900", 10),
    ("text", "/findings?text=%E6%96%B0%E8%83%BD%E6%BA%90", 5),
    ("overview", "/", 10),
    ("reports", "/reports", 5),
];

fn argument(name: &str, default: usize) -> usize {
    text_argument(name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn text_argument(name: &str) -> Option<String> {
    let all: Vec<String> = std::env::args().collect();
    all.iter().position(|word| word == name).and_then(|at| all.get(at + 1).cloned())
}

fn duban(root: &Path, arguments: &[&str]) -> Outcome<()> {
    let begin = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_duban")).arg("--root").arg(root).args(arguments).output()?;
    // 2 = some rows wait for a correction, as in every generated register
    if !matches!(done.status.code(), Some(0 | 2)) {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
    }
    println!("{}: {:.1} s", arguments[0], begin.elapsed().as_secs_f64());
    Ok(())
}

/// A root with a register and its accounts.
fn prepare(root: &Path, projects: usize) -> Outcome<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["config", "config/ledgers", "config/calendar", "jobs", "report-templates"] {
        std::fs::create_dir_all(root.join(folder))?;
        for entry in std::fs::read_dir(home.join(folder))?.flatten().filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), root.join(folder).join(entry.file_name()))?;
        }
    }
    let settings = root.join("config/duban.toml");
    let text = std::fs::read_to_string(&settings)?;
    std::fs::write(&settings, format!("{text}\n[portal]\nlisten = \"127.0.0.1:0\"\n"))?;
    let register = root.join("register.xlsx");
    let register = register.to_str().ok_or("a path")?;
    duban(root, &["sample", "--projects", &projects.to_string(), register])?;
    duban(root, &["import", register, "--accept"])?;
    let password = root.join("password");
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&password)?;
    writeln!(file, "{PASSWORD}")?;
    for (name, unit, role) in ACCOUNTS {
        let file = password.to_str().ok_or("a path")?;
        duban(root, &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", file])?;
    }
    Ok(())
}

/// A connection that stays open.
struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

/// An answer: its head and its body.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> Outcome<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Client { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    fn ask(&mut self, request: &str, more: &str, body: &str) -> Outcome<Answer> {
        let text = format!("{request} HTTP/1.1\r\nHost: {}\r\n{more}Content-Length: {}\r\n\r\n{body}", self.address, body.len());
        self.stream.get_mut().write_all(text.as_bytes())?;
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the service has closed the connection".into());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { head, body })
    }

    /// The cookie of a new session.
    fn login(&mut self, name: &str) -> Outcome<String> {
        let page = self.ask("GET /login", "", "")?;
        let text = format!("{}{}", page.head, String::from_utf8_lossy(&page.body));
        let between = |begin: &str, end: char| text.split_once(begin).and_then(|(_, rest)| rest.split(end).next()).map(str::to_owned);
        let cookie = between("set-cookie: ", ';').ok_or("no cookie")?;
        let token = between("name=\"csrf\" value=\"", '"').ok_or("no token")?;
        let form = format!("csrf={token}&name={name}&password={}", PASSWORD.replace(' ', "+"));
        let head = format!("Origin: http://{}\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n", self.address);
        let answer = self.ask("POST /login", &head, &form)?;
        let session = answer.head.split_once("set-cookie: ").and_then(|(_, rest)| rest.split(';').next());
        Ok(session.ok_or_else(|| format!("no session: {}", answer.head))?.to_owned())
    }
}

/// Asks for a page each second. Returns the time of each by its kind.
fn visit(address: &str, number: usize, seconds: usize) -> Outcome<Vec<(&'static str, Duration)>> {
    let mut dice = Rng::with_seed(number as u64);
    let mut client = Client::connect(address)?;
    let cookie = client.login(ACCOUNTS[number % ACCOUNTS.len()].0)?;
    let mut times = Vec::with_capacity(seconds);
    std::thread::sleep(Duration::from_millis(dice.u64(..1000)));
    let begin = Instant::now();
    for second in 0..seconds {
        std::thread::sleep((begin + Duration::from_secs(second as u64)).saturating_duration_since(Instant::now()));
        let mut share = dice.u32(..100);
        let page = PAGES.iter().find(|(.., of)| {
            let is_it = share < *of;
            share = share.saturating_sub(*of);
            is_it
        });
        let (kind, path, _) = page.ok_or("the shares are a hundred")?;
        let asked = Instant::now();
        let answer = client.ask(&format!("GET {path}"), &format!("Cookie: {cookie}\r\n"), "")?;
        times.push((*kind, asked.elapsed()));
        if !answer.head.starts_with("HTTP/1.1 200") {
            return Err(format!("{path}: {}", answer.head).into());
        }
    }
    Ok(times)
}

/// Processor seconds of a process, and the highest memory it had, in MiB.
fn used(process: u32) -> Outcome<(f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("stat")?.1.split_whitespace().collect();
    let ticks = fields.get(11).ok_or("stat")?.parse::<f64>()? + fields.get(12).ok_or("stat")?.parse::<f64>()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("status")?;
    Ok((ticks / 100.0, peak.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0))
}

/// The time that a share of the requests does not exceed, in milliseconds.
fn at_share(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len());
    times[at - 1].as_secs_f64() * 1000.0
}

fn start(root: &Path) -> Outcome<(Child, String)> {
    let mut service = Command::new(env!("CARGO_BIN_EXE_duban"))
        .arg("--root")
        .arg(root)
        .args(["serve", "--only", "portal"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::new(service.stdout.take().ok_or("no output")?).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.starts_with("网页："))).ok_or("no address")?;
    std::thread::spawn(move || lines.for_each(drop));
    Ok((service, line.trim_start_matches("网页：http://").trim_end_matches('/').to_owned()))
}

fn measure(root: &Path, clients: usize, seconds: usize) -> Outcome<()> {
    duban(root, &["run", "daily-pull"])?;
    let (mut service, address) = start(root)?;
    // the first look reads the names of the picture
    let mut first = Client::connect(&address)?;
    let cookie = first.login("office")?;
    let page = first.ask("GET /findings", &format!("Cookie: {cookie}\r\n"), "")?;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let count = text.split_once("<p class=\"pager\">共").and_then(|(_, rest)| rest.split('条').next()).unwrap_or("no");
    println!("{count} findings");
    std::fs::write(format!("/proc/{}/clear_refs", service.id()), "5")?;
    let (before, own_before, begin) = (used(service.id())?.0, used(std::process::id())?.0, Instant::now());
    let visits: Vec<_> = (0..clients)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || visit(&address, number, seconds))
        })
        .collect();
    let mut by_kind: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut all = Vec::new();
    for visit in visits {
        for (kind, time) in visit.join().map_err(|_| "a client has panicked")?? {
            by_kind.entry(kind).or_default().push(time);
            all.push(time);
        }
    }
    let wall = begin.elapsed().as_secs_f64();
    let (after, peak) = used(service.id())?;
    let own = used(std::process::id())?.0 - own_before;
    for (kind, times) in &mut by_kind {
        let (half, most, last) = (at_share(times, 0.5), at_share(times, 0.95), at_share(times, 1.0));
        println!("{kind:>18}: {:>5} pages, half within {half:.1} ms, 95 in 100 within {most:.1} ms, all within {last:.1} ms", times.len());
    }
    println!(
        "{clients} clients, {} pages in {wall:.0} s: 95 in 100 within {:.1} ms; service {:.2} processors, peak {peak:.0} MiB; clients {:.2} processors",
        all.len(),
        at_share(&mut all, 0.95),
        (after - before) / wall,
        own / wall
    );
    service.kill()?;
    service.wait()?;
    Ok(())
}

fn main() -> Outcome<()> {
    let (clients, seconds) = (argument("--clients", 50), argument("--seconds", 60));
    let temporary = tempfile::tempdir()?;
    let root = text_argument("--root").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    if !root.join("var").exists() {
        prepare(&root, argument("--projects", 20_000))?;
    }
    measure(&root, clients, seconds)
}
