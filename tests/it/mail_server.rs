//! A mail server for tests: it logs the messages it accepts and fails at a chosen point of the session.

use super::helpers::home;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The point of the session where the server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum FailurePoint {
    Greeting,
    Hello,
    Starttls,
    Handshake,
    Login,
    Mail,
    Rcpt,
    Data,
    /// In the middle of a message.
    Body,
    /// After the final dot; the message is accepted unless the reply refuses it.
    Dot,
    /// After the final dot; the message is dropped.
    DotLost,
    /// At MAIL of a second message on the same connection.
    Next,
    Quit,
}

/// How the server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Close,
    Reset,
    /// Sends nothing more and keeps the connection open.
    Stall,
    /// Sends this instead of the proper reply and continues.
    Reply(&'static [u8]),
    /// Sends this and closes the connection.
    ReplyAndClose(&'static [u8]),
    /// Sends the proper reply byte by byte.
    ByteByByte,
    /// Sends the proper reply late.
    Late,
}

/// How the server offers TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    Plain,
    Starttls,
    /// STARTTLS is not offered.
    NoStarttls,
    Implicit,
}

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    pub tls: TlsMode,
    /// File below tests/fixtures/tls, without its extension.
    pub certificate: &'static str,
    /// `AUTH` line, e.g. `PLAIN LOGIN`; empty = none. User `duban`, password `secret`.
    pub login: &'static str,
    /// What it asks for user and password, as `AUTH LOGIN` sends it.
    pub prompts: [&'static str; 2],
    /// Size of the receive buffer in bytes; 0 = the default of the system.
    pub buffer: u32,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions { tls: TlsMode::Plain, certificate: "good", login: "", prompts: ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"], buffer: 0 }
    }
}

/// What the server has seen.
#[derive(Debug, Default)]
pub struct ServerLog {
    /// By Message-ID: how often the message was accepted.
    pub taken: BTreeMap<String, u32>,
    /// Envelope recipient and bytes of the last accepted message.
    pub last: Option<(String, Vec<u8>)>,
    pub connections: u32,
    /// The number of MAIL commands.
    pub mail_commands: u32,
    /// The failure to inject, and how many more times.
    injected: Option<(FailurePoint, Failure, u32)>,
    /// How often the failure was injected.
    failures: u32,
    logged_in: bool,
}

/// A running server; it stops when it is dropped.
pub struct TestMailServer {
    pub port: u16,
    pub log: Arc<Mutex<ServerLog>>,
    /// Notified at each injected failure.
    pub failed: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for TestMailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection of a client.
struct Session<S> {
    stream: BufReader<S>,
    log: Arc<Mutex<ServerLog>>,
    failed: Arc<Notify>,
}

/// The connection has ended.
struct SessionEnded;

impl From<std::io::Error> for SessionEnded {
    fn from(_: std::io::Error) -> SessionEnded {
        SessionEnded
    }
}

impl TestMailServer {
    pub async fn open(options: ServerOptions) -> TestMailServer {
        let socket = TcpSocket::new_v4().expect("a socket");
        if options.buffer > 0 {
            socket.set_recv_buffer_size(options.buffer).expect("a small buffer");
        }
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
        let listener = socket.listen(64).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let log = Arc::new(Mutex::new(ServerLog::default()));
        let failed = Arc::new(Notify::new());
        let acceptor = acceptor(options.certificate);
        let (all_log, all_failed) = (log.clone(), failed.clone());
        let task = tokio::spawn(async move {
            // the connections end with the server
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let _ = stream.set_nodelay(true);
                all_log.lock().expect("the log").connections += 1;
                connections.spawn(serve(stream, options, acceptor.clone(), all_log.clone(), all_failed.clone()));
            }
        });
        TestMailServer { port, log, failed, task }
    }

    /// Fails the next `times` times a session reaches a point.
    pub fn fail_at(&self, at: FailurePoint, how: Failure, times: u32) {
        let mut log = self.log.lock().expect("the log");
        log.injected = Some((at, how, times));
        log.failures = 0;
    }

    /// How often the injected failure has happened.
    pub fn failures(&self) -> u32 {
        self.log.lock().expect("the log").failures
    }

    /// How often a message was accepted.
    pub fn taken(&self, message_id: &str) -> u32 {
        self.log.lock().expect("the log").taken.get(message_id).copied().unwrap_or(0)
    }
}

fn acceptor(certificate: &str) -> TlsAcceptor {
    let file = |ending: &str| home().join("tests/fixtures/tls").join(format!("{certificate}.{ending}"));
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(file("pem")).expect("a certificate").collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a key that fits");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(stream: TcpStream, options: ServerOptions, acceptor: TlsAcceptor, log: Arc<Mutex<ServerLog>>, failed: Arc<Notify>) {
    let session = |stream| Session { stream: BufReader::new(stream), log: log.clone(), failed: failed.clone() };
    if options.tls == TlsMode::Implicit {
        if let Ok(stream) = acceptor.accept(stream).await {
            let mut session = Session { stream: BufReader::new(stream), log, failed };
            let _ = session.serve(options, true).await;
        }
        return;
    }
    let mut plain = session(stream);
    if let Ok(true) = plain.serve(options, false).await {
        let mut stream = plain.stream.into_inner();
        let failure = log.lock().expect("the log").failure_at(FailurePoint::Handshake);
        match failure {
            Some(Failure::Reply(bytes) | Failure::ReplyAndClose(bytes)) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.flush().await;
            }
            Some(Failure::Stall) => std::future::pending().await,
            Some(_) => {}
            None => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let mut session = Session { stream: BufReader::new(stream), log, failed };
                    let _ = session.serve(options, true).await;
                }
            }
        }
    }
}

impl ServerLog {
    /// The failure to inject at a point, if any.
    fn failure_at(&mut self, place: FailurePoint) -> Option<Failure> {
        match &mut self.injected {
            Some((at, how, times)) if *at == place && *times > 0 => {
                *times -= 1;
                self.failures += 1;
                Some(*how)
            }
            _ => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Sends the proper reply at a point, or fails there. `false` = another reply was sent.
    async fn reply(&mut self, at: FailurePoint, words: &str) -> Result<bool, SessionEnded> {
        let how = self.log.lock().expect("the log").failure_at(at);
        let Some(how) = how else {
            self.stream.write_all(words.as_bytes()).await?;
            self.stream.flush().await?;
            return Ok(true);
        };
        match how {
            Failure::Close | Failure::Reset => {}
            Failure::Stall => {
                self.failed.notify_one();
                std::future::pending::<()>().await;
            }
            Failure::Reply(bytes) => {
                self.stream.write_all(bytes).await?;
                self.stream.flush().await?;
                self.failed.notify_one();
                return Ok(false);
            }
            Failure::ReplyAndClose(bytes) => {
                self.stream.write_all(bytes).await?;
                self.stream.flush().await?;
            }
            Failure::ByteByByte => {
                self.failed.notify_one();
                for byte in words.bytes() {
                    self.stream.write_all(&[byte]).await?;
                    self.stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                return Ok(true);
            }
            Failure::Late => {
                self.failed.notify_one();
                tokio::time::sleep(Duration::from_millis(700)).await;
                self.stream.write_all(words.as_bytes()).await?;
                self.stream.flush().await?;
                return Ok(true);
            }
        }
        if how != Failure::Reset {
            let _ = self.stream.shutdown().await;
        }
        // unread data makes the system reset the connection when it is dropped
        self.failed.notify_one();
        Err(SessionEnded)
    }

    async fn line(&mut self) -> Result<String, SessionEnded> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(SessionEnded);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Serves the session; `true` = the client asks for TLS.
    async fn serve(&mut self, options: ServerOptions, secure: bool) -> Result<bool, SessionEnded> {
        if !secure || options.tls == TlsMode::Implicit {
            self.reply(FailurePoint::Greeting, "220 localhost ESMTP\r\n").await?;
        }
        let mut to = String::new();
        let mut sent = false;
        loop {
            let line = self.line().await?;
            let upper = line.to_ascii_uppercase();
            if upper.starts_with("EHLO") {
                let mut words = String::from("250-localhost\r\n250-SIZE 100000000\r\n");
                if options.tls == TlsMode::Starttls && !secure {
                    words.push_str("250-STARTTLS\r\n");
                }
                if !options.login.is_empty() {
                    words.push_str(&format!("250-AUTH {}\r\n", options.login));
                }
                words.push_str("250 8BITMIME\r\n");
                self.reply(FailurePoint::Hello, &words).await?;
            } else if upper == "STARTTLS" {
                if self.reply(FailurePoint::Starttls, "220 go\r\n").await? {
                    return Ok(true);
                }
            } else if upper.starts_with("AUTH") {
                self.login(&line, options.prompts).await?;
            } else if upper.starts_with("MAIL") {
                self.log.lock().expect("the log").mail_commands += 1;
                let place = if sent { FailurePoint::Next } else { FailurePoint::Mail };
                self.reply(place, "250 2.1.0 ok\r\n").await?;
            } else if upper.starts_with("RCPT") {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                self.reply(FailurePoint::Rcpt, "250 2.1.5 ok\r\n").await?;
            } else if upper == "DATA" {
                if self.reply(FailurePoint::Data, "354 go ahead\r\n").await? {
                    self.message(&to).await?;
                    sent = true;
                }
            } else if upper == "QUIT" {
                self.reply(FailurePoint::Quit, "221 bye\r\n").await?;
                return Ok(false);
            } else if upper == "RSET" {
                self.stream.write_all(b"250 ok\r\n").await?;
                self.stream.flush().await?;
            } else {
                self.stream.write_all(b"502 5.5.2 what?\r\n").await?;
                self.stream.flush().await?;
            }
        }
    }

    async fn login(&mut self, line: &str, [user_prompt, password_prompt]: [&str; 2]) -> Result<(), SessionEnded> {
        // base64 of \0duban\0secret, of duban and of secret
        let good = if line.to_ascii_uppercase().starts_with("AUTH PLAIN") {
            line.ends_with("AGR1YmFuAHNlY3JldA==")
        } else {
            self.stream.write_all(format!("334 {user_prompt}\r\n").as_bytes()).await?;
            let user = self.line().await?;
            self.stream.write_all(format!("334 {password_prompt}\r\n").as_bytes()).await?;
            user == "ZHViYW4=" && self.line().await? == "c2VjcmV0"
        };
        self.log.lock().expect("the log").logged_in |= good;
        let words = if good { "235 2.7.0 welcome\r\n" } else { "535 5.7.8 Error: authentication failed\r\n" };
        self.reply(FailurePoint::Login, words).await?;
        Ok(())
    }

    async fn message(&mut self, to: &str) -> Result<(), SessionEnded> {
        let mut bytes = Vec::new();
        let fails_here = matches!(self.log.lock().expect("the log").injected, Some((FailurePoint::Body, _, times)) if times > 0);
        if fails_here {
            let mut some = [0; 700];
            self.stream.read_exact(&mut some).await?;
            bytes.extend_from_slice(&some);
            self.reply(FailurePoint::Body, "").await?;
        }
        loop {
            let start = bytes.len();
            if self.stream.read_until(b'\n', &mut bytes).await? == 0 {
                return Err(SessionEnded);
            }
            if &bytes[start..] == b".\r\n" && (start == 0 || bytes[..start].ends_with(b"\r\n")) {
                bytes.truncate(start);
                break;
            }
            if bytes[start] == b'.' && (start == 0 || bytes[..start].ends_with(b"\r\n")) {
                bytes.remove(start);
            }
        }
        let refuses = {
            let log = self.log.lock().expect("the log");
            match log.injected {
                Some((FailurePoint::DotLost, _, times)) => times > 0,
                Some((FailurePoint::Dot, Failure::Reply(reply) | Failure::ReplyAndClose(reply), times)) => {
                    times > 0 && (reply.starts_with(b"4") || reply.starts_with(b"5"))
                }
                _ => false,
            }
        };
        if !refuses {
            let mut log = self.log.lock().expect("the log");
            let text = String::from_utf8_lossy(&bytes);
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default().trim().to_owned();
            *log.taken.entry(id).or_default() += 1;
            log.last = Some((to.to_owned(), bytes));
        }
        let lost = matches!(self.log.lock().expect("the log").injected, Some((FailurePoint::DotLost, ..)));
        self.reply(if lost { FailurePoint::DotLost } else { FailurePoint::Dot }, "250 2.0.0 queued\r\n").await?;
        Ok(())
    }
}
