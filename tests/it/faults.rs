//! Every way in which a mail server can fail, at every step, with and without a crash of the sender at that moment: no message is lost, and none
//! arrives twice unless the reply to the final dot was not recorded; that is counted.

use super::helpers::{edit, fresh_root, service};
use super::mail_server::{Failure, FailurePoint, ServerOptions, TestMailServer};
use super::store_contract;
use chrono::Duration as Span;
use duban::app::compose::App;
use duban::domain::notify::delivery::DeliveryState;
use duban::mail::smtp::{Server, ServerTls};
use duban::mail::transport::Mailer;
use duban::store::handle::Store;
use duban::store::outbox::{NewMessage, OutboxBatch, OutboxFilter, OutboxRow};
use duban::store::runs::RunInputs;
use duban::worker::deliver::deliverer::Deliverer;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The failure of a cell whose message became unknown or arrived twice although every reply was clear.
const UNCLEAR: &str = "nothing was unclear, yet it counts as unknown or came twice";

/// Added to the number of a cell that is retried.
const RETRY: usize = 10_000;

/// The timeout of a step with a stalled server.
const TIMEOUT: Duration = Duration::from_millis(2500);

/// One combination of a step, a failure and a crash.
#[derive(Clone, Copy, Debug)]
struct Cell {
    at: FailurePoint,
    how: Failure,
    /// The sender crashes when the server fails.
    kill: bool,
}

fn cells() -> Vec<Cell> {
    const PLACES: [FailurePoint; 11] = [
        FailurePoint::Greeting,
        FailurePoint::Hello,
        FailurePoint::Login,
        FailurePoint::Mail,
        FailurePoint::Rcpt,
        FailurePoint::Data,
        FailurePoint::Body,
        FailurePoint::Dot,
        FailurePoint::DotLost,
        FailurePoint::Next,
        FailurePoint::Quit,
    ];
    const WAYS: [Failure; 14] = [
        Failure::Close,
        Failure::Reset,
        Failure::Stall,
        Failure::ByteByByte,
        Failure::ReplyAndClose(b"421 4.3.2 shutting down\r\n"),
        Failure::ReplyAndClose(b"25"),
        Failure::Reply(b"451 4.7.1 greylisted, come back\r\n"),
        Failure::Reply(b"550 5.1.1 no such user\r\n"),
        Failure::Reply(b"550 Domain frequency limited\r\n"),
        Failure::Reply(b"552 5.3.4 message too large\r\n"),
        Failure::Reply(b"354 what is this\r\n"),
        Failure::ReplyAndClose(b"hello, this is no SMTP\r\n"),
        Failure::ReplyAndClose(b"\x16\x03\x01\xff\x00\xb2\xbb\r\n"),
        Failure::Reply(b"451-4.7.1 several\r\n451-\r\n451 lines\r\n"),
    ];
    let mut out = Vec::new();
    for at in PLACES {
        for how in WAYS {
            // a server that accepts a message and drops it cannot be detected by any sender
            if (at, how) == (FailurePoint::DotLost, Failure::ByteByByte) {
                continue;
            }
            for kill in [false, true] {
                out.push(Cell { at, how, kill });
            }
        }
    }
    out
}

/// Works through cells with a root, a database and a server of its own.
struct Bench {
    root: tempfile::TempDir,
    /// Of the database.
    url: String,
    app: App,
}

/// Queues messages of a size in a run of their own, and returns the id of the run.
async fn queue(store: &Store, number: usize, size: usize, count: usize) -> String {
    let slot = format!("cell-{number:04}");
    let now = "2026-11-23T00:00:00.000Z";
    let run = store
        .runs()
        .open("faults", &slot, &slot, 0, "2026-11-23".parse().expect("a day"), true, &RunInputs::default(), now)
        .await
        .expect("a run");
    let run = store.runs().claim(&run.id, now, "2026-11-23T00:10:00.000Z").await.expect("a claim").expect("free");
    let messages = (0..count)
        .map(|one| {
            let id = format!("{slot}-{one}");
            let mut bytes = format!("From: <a@x.example>\r\nMessage-ID: <{id}@x.example>\r\n\r\n").into_bytes();
            while bytes.len() < size {
                bytes.extend_from_slice(b"................ a line that begins with a dot ................\r\n");
            }
            NewMessage {
                recipient: id.clone(),
                address: format!("{id}@gz.example"),
                unit: id.clone(),
                subject: "s".into(),
                message_id: format!("<{id}@x.example>"),
                digest_sha256: String::new(),
                bytes,
                act: String::new(),
                copy_of: String::new(),
                names: BTreeSet::new(),
                id,
            }
        })
        .collect();
    let batch = OutboxBatch { messages, now: now.into(), expires_at: "2099".into(), ..OutboxBatch::default() };
    store.outbox().commit(&run, "remind", &RunInputs::default(), &batch).await.expect("committed");
    run.id
}

impl Bench {
    async fn open(url: &str) -> Bench {
        let root = fresh_root();
        edit(root.path(), "config/duban.toml", "sqlite:var/duban.db", url);
        let app = service(root.path(), "2026-11-23T00:00:00Z").await;
        Bench { root, url: url.to_owned(), app }
    }

    /// A deliverer as after a restart of the process, with connections to a server.
    async fn sender(&self, port: u16) -> Deliverer {
        let server = Server {
            host: "127.0.0.1".into(),
            port,
            tls: ServerTls::Plain,
            ca_file: None,
            login: Some(("duban".into(), duban::domain::secret::Secret::new("secret"))),
            hello: None,
            timeout: TIMEOUT,
            final_timeout: TIMEOUT,
            // one connection, so that the next message uses it too
            connections: 1,
        };
        let mailer = Mailer::smtp(server, "duban@gz.example").expect("a mailer");
        let store = Store::open(self.root.path(), &store_contract::address(&self.url)).await.expect("the store");
        Deliverer::new(self.root.path(), self.app.config().clone(), store, self.app.clock().clone(), mailer)
    }

    /// Runs one cell.
    ///
    /// # Errors
    /// What went wrong.
    async fn work(&self, number: usize, cell: Cell) -> Result<(), String> {
        let mail_server = TestMailServer::open(ServerOptions {
            login: "PLAIN",
            buffer: if cell.at == FailurePoint::Body { 4096 } else { 0 },
            ..ServerOptions::default()
        })
        .await;
        // larger than the buffers of a connection, so that the server fails while the body is being sent
        let (size, count) = if cell.at == FailurePoint::Body { (7_000_000, 1) } else { (2000, 3) };
        let run = queue(self.app.store(), number, size, count).await;
        mail_server.fail_at(cell.at, cell.how, 1);
        let start = self.app.clock().now();
        if cell.kill {
            let sender = self.sender(mail_server.port).await;
            let mine = run.clone();
            let sending = tokio::spawn(async move { sender.deliver_all(Some(&mine)).await });
            if tokio::time::timeout(TIMEOUT * 4, mail_server.failed.notified()).await.is_err() {
                return Err("the server was never asked to break".into());
            }
            sending.abort();
            let _ = sending.await;
        }
        let sender = self.sender(mail_server.port).await;
        let mut rows = Vec::new();
        for _ in 0..14 {
            sender.deliver_all(Some(&run)).await.map_err(|error| format!("{error:#}"))?;
            rows = self
                .app
                .store()
                .outbox()
                .list(&OutboxFilter { run: Some(run.clone()), ..OutboxFilter::default() })
                .await
                .expect("messages");
            if rows.iter().all(|row| !row.ended_at.is_empty()) {
                break;
            }
            self.app.clock().set(self.app.clock().now() + Span::hours(5));
        }
        self.app.clock().set(start);
        sender.close().await;
        if mail_server.failures() == 0 {
            return Err("the server never broke: the cell shows nothing".into());
        }
        rows.iter().try_for_each(|row| judge(cell, row, mail_server.taken(&row.message_id)))
    }
}

/// Checks the final state of a message.
///
/// # Errors
/// The message was lost, arrived twice without being counted, or is in a wrong state.
fn judge(cell: Cell, row: &OutboxRow, taken: u32) -> Result<(), String> {
    let of = |what: &str| Err(format!("{what}: {} {:?} taken {taken}, unknowns {}, {}", row.id, row.state, row.unknowns, row.reply));
    let refusing = matches!(cell.how, Failure::Reply(reply) if reply.starts_with(b"550 5.1.1") || reply.starts_with(b"552"));
    match row.state {
        DeliveryState::Accepted if taken == 0 => return of("LOST"),
        DeliveryState::Accepted => {}
        DeliveryState::Refused if refusing && taken == 0 && cell.at >= FailurePoint::Mail => {}
        _ => return of("not where it should end"),
    }
    if i64::from(taken) > 1 + row.unknowns {
        return of("DOUBLED and not counted");
    }
    let after_the_dot = matches!(cell.at, FailurePoint::Dot | FailurePoint::DotLost);
    if !cell.kill && !after_the_dot && (taken > 1 || row.unknowns > 0) {
        return of(UNCLEAR);
    }
    if !cell.kill && taken > 2 {
        return of("more than one copy too many");
    }
    Ok(())
}

/// Runs all cells, on a few benches in parallel.
fn no_message_is_lost_or_doubled_uncounted(postgres: bool, benches: usize) {
    let all = cells();
    assert!(all.len() >= 250, "{} cells", all.len());
    let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
    let waiting = Arc::new(Mutex::new(all.into_iter().enumerate().collect::<Vec<_>>()));
    std::thread::scope(|scope| {
        for _ in 0..benches {
            scope.spawn(|| {
                store_contract::on(postgres, async |db| {
                    let bench = Bench::open(if postgres { db.url() } else { "sqlite:var/duban.db" }).await;
                    loop {
                        let Some((number, cell)) = waiting.lock().expect("the cells").pop() else { return };
                        let mut done = bench.work(number, cell).await;
                        // a machine that stalls for the whole timeout makes a clear reply unknown; that does not happen twice in a row
                        if done.as_ref().is_err_and(|what| what.starts_with(UNCLEAR)) {
                            done = bench.work(number + RETRY, cell).await;
                        }
                        if let Err(what) = done {
                            wrong.lock().expect("a list").push(format!("{cell:?}: {what}"));
                        }
                    }
                });
            });
        }
    });
    let wrong = wrong.lock().expect("a list");
    assert!(wrong.is_empty(), "{} cells went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn on_sqlite() {
    no_message_is_lost_or_doubled_uncounted(false, 8);
}

/// Fewer benches, since each has its own database and connections.
#[test]
fn on_postgres() {
    no_message_is_lost_or_doubled_uncounted(true, 4);
}

/// The database fails for a moment while a mail is being sent: that mail is sent to its end and recorded, and the others wait.
#[test]
fn a_fault_of_the_database_cuts_no_mail() {
    store_contract::on(false, async |_: &store_contract::Db| {
        let bench = Bench::open("sqlite:var/duban.db").await;
        let mail_server = TestMailServer::open(ServerOptions { login: "PLAIN", ..ServerOptions::default() }).await;
        mail_server.fail_at(FailurePoint::Dot, Failure::Late, 1);
        let run = queue(bench.app.store(), 1, 2000, 3).await;
        let (sender, mine) = (bench.sender(mail_server.port).await, run.clone());
        let sending = tokio::spawn(async move { sender.deliver_all(Some(&mine)).await });
        mail_server.failed.notified().await;
        let raw =
            sqlx::AnyPool::connect(&format!("sqlite://{}", bench.root.path().join("var/duban.db").display())).await.expect("the tables");
        sqlx::query("ALTER TABLE restriction_position RENAME TO away").execute(&raw).await.expect("renamed");
        sending.await.expect("no panic").expect_err("the next mails cannot be claimed");
        sqlx::query("ALTER TABLE away RENAME TO restriction_position").execute(&raw).await.expect("renamed");
        let filter = OutboxFilter { run: Some(run), ..OutboxFilter::default() };
        let rows = bench.app.store().outbox().list(&filter).await.expect("messages");
        let mut states: Vec<_> = rows.iter().map(|row| (row.state, mail_server.taken(&row.message_id), row.unknowns)).collect();
        states.sort();
        assert_eq!(states, [(DeliveryState::Pending, 0, 0), (DeliveryState::Pending, 0, 0), (DeliveryState::Accepted, 1, 0)], "{rows:?}");
        raw.close().await;
    });
}
