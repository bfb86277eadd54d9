//! Delivery over loopback SMTP: N messages with an attachment each are queued in a fresh database and delivered by the service to a server
//! in another process. Prints messages per second, CPU seconds and peak memory of the sender.
//!
//! `cargo bench --bench mail` [-- --mails 3000 --kib 20 --connections 8]
//!
//! Linux only: times and memory come from /proc.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time and reads its arguments")]

use chrono::Utc;
use duban::app::compose::App;
use duban::clock::Clock;
use duban::mail::message::{Attachment, Correspondent, Message, build};
use duban::mail::smtp::{Server, ServerTls};
use duban::mail::transport::Mailer;
use duban::store::outbox::{NewMessage, OutboxBatch};
use duban::store::runs::RunInputs;
use duban::worker::deliver::deliverer::Deliverer;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn argument(name: &str, default: usize) -> usize {
    let all: Vec<String> = std::env::args().collect();
    all.iter().position(|word| word == name).and_then(|at| all.get(at + 1)?.parse().ok()).unwrap_or(default)
}

/// A server that accepts every message. It prints its port on the first line.
fn sink() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        std::thread::spawn(move || -> std::io::Result<()> {
            let mut out = stream.try_clone()?;
            let mut lines = BufReader::with_capacity(64 * 1024, stream);
            out.write_all(b"220 sink\r\n")?;
            let mut line = Vec::new();
            loop {
                line.clear();
                if lines.read_until(b'\n', &mut line)? == 0 {
                    return Ok(());
                }
                if line.starts_with(b"DATA") {
                    out.write_all(b"354 go\r\n")?;
                    loop {
                        line.clear();
                        if lines.read_until(b'\n', &mut line)? == 0 {
                            return Ok(());
                        }
                        if line == b".\r\n" {
                            break;
                        }
                    }
                }
                out.write_all(b"250 ok\r\n")?;
            }
        });
    }
    Ok(())
}

fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

fn peak_mib() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).unwrap_or("0").parse::<f64>()? / 1024.0)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

async fn measure(mails: usize, kib: usize, connections: u32, port: u16) -> Result<(), Box<dyn Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tempfile::tempdir()?;
    for folder in ["config", "jobs", "report-templates"] {
        copy(&home.join(folder), &root.path().join(folder))?;
    }
    let app = App::open_with(root.path(), Clock::System, std::env::current_exe()?).await?;
    let mailer = Mailer::smtp(
        Server {
            host: "127.0.0.1".into(),
            port,
            tls: ServerTls::Plain,
            ca_file: None,
            login: None,
            hello: None,
            timeout: Duration::from_secs(60),
            final_timeout: Duration::from_secs(600),
            connections,
        },
        "duban@gz.example",
    )?;
    let deliverer = Deliverer::new(root.path(), app.config().clone(), app.store().clone(), Clock::System, mailer);
    let now = duban::clock::stamp(Utc::now());
    let run = app.store().runs().open("bench", "key", "slot", 0, "2026-09-30".parse()?, true, &RunInputs::default(), &now).await?;
    let run = app.store().runs().claim(&run.id, &now, "2999").await?.ok_or("no claim")?;
    // Random bytes, because an .xlsx file is compressed already.
    let mut dice = fastrand::Rng::with_seed(1);
    let mut noise = |length: usize| -> Vec<u8> {
        let mut bytes = vec![0; length];
        dice.fill(&mut bytes);
        bytes
    };
    let text = "截至2026年9月30日，你单位有16项需办理。".repeat(20);
    for part in (0..mails).collect::<Vec<_>>().chunks(500) {
        let mut messages = Vec::new();
        for number in part {
            let id = format!("bench-{number:06}");
            let address = format!("u{number}@gz.example");
            let attachment = noise(kib * 1024);
            let bytes = build(&Message {
                from: Correspondent { name: "省投资促进局", address: "duban@gz.example" },
                to: Correspondent { name: "瓮安县投资促进局", address: &address },
                meant_for: None,
                reply_to: Correspondent { name: "省投资促进局", address: "520000@gz.example" },
                subject: "【督办提醒】瓮安县 截至2026年9月30日：红3 橙5 黄8",
                date: Utc::now().fixed_offset(),
                id: &id,
                domain: "gz.example",
                html: &text,
                text: &text,
                attachments: &[Attachment { name: "督办清单.xlsx", bytes: &attachment }],
            })?;
            messages.push(NewMessage {
                recipient: id.clone(),
                address,
                unit: id.clone(),
                subject: "s".into(),
                message_id: format!("<{id}@gz.example>"),
                digest_sha256: String::new(),
                bytes,
                act: String::new(),
                copy_of: String::new(),
                names: BTreeSet::new(),
                id,
            });
        }
        let batch = OutboxBatch { messages, now: now.clone(), expires_at: "2999".into(), ..OutboxBatch::default() };
        app.store().outbox().commit(&run, "remind", &RunInputs::default(), &batch).await?;
    }
    // Reset the peak, so that it is the one of the delivery and not of making the messages.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let (before, started) = (processor_seconds()?, Instant::now());
    let delivered = deliverer.deliver_all(None).await?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), processor_seconds()? - before);
    assert_eq!(delivered.accepted, mails as u64, "{delivered:?}");
    println!(
        "{mails} mails with {kib} KiB each, {connections} connections: {wall:.2} s, {:.0} mails/s, {cpu:.2} CPU s, peak {:.0} MiB",
        mails as f64 / wall,
        peak_mib()?
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|word| word == "--sink") {
        return sink();
    }
    let mut server = Command::new(std::env::current_exe()?).arg("--sink").stdout(Stdio::piped()).spawn()?;
    let mut port = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut port)?;
    // The shipped daily limit is 5,000 mails.
    let mails = argument("--mails", 3000).min(5000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(measure(mails, argument("--kib", 20), argument("--connections", 8) as u32, port.trim().parse()?));
    server.kill()?;
    server.wait()?;
    outcome
}
