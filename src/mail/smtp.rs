//! The SMTP session over one connection, step by step. `lettre` writes the commands; replies, timeouts and the final dot are handled here,
//! because the outcome of a message depends on them:
//!
//! - every step has its own timeout, and a connection with any fault is not reused;
//! - it is known whether the final dot was sent: before it nothing can have been delivered;
//! - a reply may have any encoding and no text, and it must belong to its command;
//! - where TLS is set it is required and verified; there is no fallback to plain text;
//! - `TCP_NODELAY` is on: with Nagle's algorithm the final dot waits 40 ms for the acknowledgement of the body.

use crate::domain::disk_fault::in_words;
use crate::domain::notify::channel::{Fault, FaultKind, Phase};
use crate::domain::notify::delivery::Attempt;
use crate::domain::notify::replies::{classify, names_sender};
use crate::domain::secret::Secret;
use crate::mail::login_writings::LoginWritings;
use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::commands::{Auth, Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailParameter};
use lettre::transport::smtp::response::{Category, Code, Detail, Response, Severity};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error as TlsError, RootCertStore};

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub tls: ServerTls,
    /// Further trusted certificates (PEM), beside those of the system.
    pub ca_file: Option<PathBuf>,
    pub login: Option<(String, Secret)>,
    /// The name by which this machine greets; `None` = its own, or its address where that is not a full one.
    pub hello: Option<String>,
    /// The timeout of every step before the final dot.
    pub timeout: Duration,
    /// The timeout of the reply to the final dot. Giving up early makes duplicates; RFC 5321 asks for ten minutes.
    pub final_timeout: Duration,
    /// How many messages are sent at the same time.
    pub connections: u32,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTls {
    Starttls,
    Implicit,
    Plain,
}

/// What is wrong in the settings of a server.
#[derive(Debug, thiserror::Error)]
#[error("mail.smtp: {0}")]
pub struct ServerError(pub(crate) String);

/// A server with what all connections to it share.
pub struct Smtp {
    server: Server,
    from: Address,
    /// What no reply is shown with.
    writings: Arc<LoginWritings>,
    /// Made when the first connection needs it, because it reads the certificates of the system.
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.server.host, self.server.port)
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Stream = Box<dyn Duplex>;

/// One connection, logged in and ready for a message.
pub(crate) struct Connection {
    stream: BufReader<Stream>,
    timeout: Duration,
    writings: Arc<LoginWritings>,
    hello: ClientId,
    /// The extensions the server offers, in capitals.
    extensions: BTreeSet<String>,
    auth: Vec<Mechanism>,
}

/// Whether a connection is reused after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reuse {
    Yes,
    No,
    /// The server had closed it before this message began.
    Stale,
}

/// A reply of a server. The code decides, the text is shown to people.
#[derive(Debug)]
struct Reply {
    code: u16,
    lines: Vec<String>,
    /// The lines as one text without what the login holds.
    shown: String,
}

/// A longer reply is not SMTP.
const REPLY_BYTES_MAX: u64 = 64 * 1024;
/// A message is written in pieces of this size, each with its own timeout.
const CHUNK_BYTES: usize = 64 * 1024;
/// How long to wait for a reply after a connection failed in the middle of a message.
const LAST_REPLY: Duration = Duration::from_secs(2);
/// The timeout of QUIT.
const QUIT: Duration = Duration::from_secs(1);

/// Why a command got no reply.
#[derive(Debug)]
enum ReplyError {
    Timeout,
    Closed,
    Io(io::Error),
    NotSmtp(String),
}

impl Display for ReplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReplyError::Timeout => f.write_str("对方没有及时应答"),
            ReplyError::Closed => f.write_str("对方断开了连接"),
            ReplyError::Io(error) => f.write_str(&in_words(error)),
            ReplyError::NotSmtp(text) => write!(f, "对方的应答不合规范：{text:?}"),
        }
    }
}

impl From<io::Error> for ReplyError {
    fn from(error: io::Error) -> ReplyError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ReplyError::Closed,
            _ => ReplyError::Io(error),
        }
    }
}

impl ReplyError {
    fn fault(self, phase: Phase) -> Fault {
        let kind = match &self {
            ReplyError::Timeout => FaultKind::Timeout,
            ReplyError::Closed | ReplyError::Io(_) | ReplyError::NotSmtp(_) => FaultKind::Protocol,
        };
        Fault { kind, phase, detail: self.to_string() }
    }
}

impl Reply {
    fn text(&self) -> String {
        // keeps control characters of a hostile server out of logs and lists
        self.shown.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect::<String>().trim().to_owned()
    }

    fn is(&self, class: u16) -> bool {
        self.code / 100 == class
    }

    fn fault(&self, phase: Phase, kind: FaultKind) -> Fault {
        // a server may repeat the login in its reply to it, so that only the code is shown
        let detail = if phase == Phase::Login { self.code.to_string() } else { format!("{} {}", self.code, self.text()) };
        Fault { kind, phase, detail }
    }
}

impl Smtp {
    /// # Errors
    /// A host name TLS cannot check, a `ca_file` without certificates, or a sender that is no address.
    pub fn new(server: Server, from: &str) -> Result<Smtp, ServerError> {
        let from: Address = from.parse().map_err(|error| ServerError(format!("from \"{from}\" is no address: {error}")))?;
        ServerName::try_from(server.host.clone()).map_err(|_| ServerError(format!("host \"{}\" is no host name", server.host)))?;
        if let Some(path) = &server.ca_file {
            certificates(path).map_err(ServerError)?;
        }
        let writings = Arc::new(LoginWritings::of(server.login.as_ref()));
        Ok(Smtp { server, from, writings, tls: OnceLock::new() })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Connects, agrees on TLS and logs in.
    ///
    /// # Errors
    /// What prevents every message from being sent, by kind and phase.
    pub(crate) async fn open(&self) -> Result<Connection, Fault> {
        let server = &self.server;
        let fault = |kind, phase, detail: String| Fault { kind, phase, detail };
        let connecting = async {
            let addresses: Vec<_> = tokio::net::lookup_host((server.host.as_str(), server.port))
                .await
                .map_err(|error| fault(FaultKind::Name, Phase::Connect, error.to_string()))?
                .collect();
            let mut last = fault(FaultKind::Name, Phase::Connect, "这个名称没有地址".into());
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = fault(FaultKind::Unreachable, Phase::Connect, error.to_string()),
                }
            }
            Err(last)
        };
        let stream = timeout(server.timeout, connecting)
            .await
            .map_err(|_| fault(FaultKind::Timeout, Phase::Connect, "对方没有及时应答".into()))??;
        let hello = hello_name(server.hello.as_deref(), &stream);
        stream.set_nodelay(true).map_err(|error| fault(FaultKind::Unreachable, Phase::Connect, error.to_string()))?;
        let stream: Stream = match server.tls {
            ServerTls::Implicit => self.secure(Box::new(stream)).await?,
            ServerTls::Starttls | ServerTls::Plain => Box::new(stream),
        };
        let mut connection = Connection::over(stream, server.timeout, &self.writings, hello.clone());
        connection.greeting().await?;
        connection.hello().await?;
        if server.tls == ServerTls::Starttls {
            let plain = connection.starttls().await?;
            connection = Connection::over(self.secure(plain).await?, server.timeout, &self.writings, hello);
            connection.hello().await?;
        }
        if let Some((user, password)) = &server.login {
            connection.login(&Credentials::new(user.clone(), password.exposed().to_owned())).await?;
        }
        Ok(connection)
    }

    async fn secure(&self, stream: Stream) -> Result<Stream, Fault> {
        let fault = |kind, detail: String| Fault { kind, phase: Phase::Tls, detail };
        let connector = self.tls.get_or_init(|| connector(&self.server)).clone().map_err(|detail| fault(FaultKind::Certificate, detail))?;
        let name = ServerName::try_from(self.server.host.clone()).map_err(|error| fault(FaultKind::Certificate, error.to_string()))?;
        match timeout(self.server.timeout, connector.connect(name, stream)).await {
            Err(_) => Err(fault(FaultKind::Timeout, "对方没有及时应答".into())),
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => {
                let kind = match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
                    Some(TlsError::InvalidCertificate(_)) => FaultKind::Certificate,
                    _ => FaultKind::Handshake,
                };
                Err(fault(kind, error.to_string()))
            }
        }
    }
}

fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error: &dyn Display| format!("cannot read ca_file {}: {error}", path.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?.collect();
    let found = found.map_err(|error| wrong(&error))?;
    if found.is_empty() { Err(wrong(&"it holds no certificate (PEM)")) } else { Ok(found) }
}

/// A connector that trusts the authorities of this system.
pub(crate) fn trusting_the_system() -> Result<TlsConnector, String> {
    trusting(system_roots())
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // certificates of the system that cannot be parsed are left out
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn connector(server: &Server) -> Result<TlsConnector, String> {
    let mut roots = system_roots();
    if let Some(path) = &server.ca_file {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| format!("ca_file {}: {error}", path.display()))?;
        }
    }
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Result<TlsConnector, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Connection {
    fn over(stream: Stream, timeout: Duration, writings: &Arc<LoginWritings>, hello: ClientId) -> Connection {
        let writings = Arc::clone(writings);
        Connection { stream: BufReader::new(stream), timeout, writings, hello, extensions: BTreeSet::new(), auth: Vec::new() }
    }

    async fn greeting(&mut self) -> Result<(), Fault> {
        let reply = self.reply(self.timeout).await.map_err(|error| error.fault(Phase::Greeting))?;
        match reply.code {
            220 => Ok(()),
            400..=499 => Err(reply.fault(Phase::Greeting, FaultKind::Busy)),
            500..=599 => Err(reply.fault(Phase::Greeting, FaultKind::Rejected)),
            _ => Err(reply.fault(Phase::Greeting, FaultKind::Protocol)),
        }
    }

    async fn hello(&mut self) -> Result<(), Fault> {
        let reply = self.ask(Ehlo::new(self.hello.clone())).await.map_err(|error| error.fault(Phase::Hello))?;
        match reply.code {
            250 => {}
            400..=499 => return Err(reply.fault(Phase::Hello, FaultKind::Busy)),
            500..=599 => return Err(reply.fault(Phase::Hello, FaultKind::Rejected)),
            _ => return Err(reply.fault(Phase::Hello, FaultKind::Protocol)),
        }
        self.extensions.clear();
        self.auth.clear();
        for line in reply.lines.iter().skip(1) {
            // old servers send AUTH=LOGIN
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_whitespace();
            let Some(first) = words.next() else { continue };
            self.extensions.insert(first.to_owned());
            if first == "AUTH" {
                let offered: Vec<&str> = words.collect();
                self.auth.extend(DEFAULT_MECHANISMS.iter().filter(|known| offered.contains(&known.to_string().as_str())));
            }
        }
        Ok(())
    }

    /// Asks for TLS; returns the stream for the handshake.
    async fn starttls(mut self) -> Result<Stream, Fault> {
        let no = |detail: String| Fault { kind: FaultKind::NoTls, phase: Phase::Starttls, detail };
        if !self.extensions.contains("STARTTLS") {
            return Err(no("对方不提供STARTTLS".into()));
        }
        let reply = self.ask(Starttls).await.map_err(|error| error.fault(Phase::Starttls))?;
        if reply.code != 220 {
            return Err(no(format!("{} {}", reply.code, reply.text())));
        }
        // plain text sent before the handshake would be read as if it were protected by TLS
        if !self.stream.buffer().is_empty() {
            return Err(no("对方在STARTTLS之后仍发明文".into()));
        }
        Ok(self.stream.into_inner())
    }

    async fn login(&mut self, credentials: &Credentials) -> Result<(), Fault> {
        // a server asks for the user and then for the password in whatever words, which are not to be read (draft-murchison-sasl-login)
        const LOGIN_PROMPTS: [&str; 2] = ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"];
        let fault = |kind, detail: String| Fault { kind, phase: Phase::Login, detail };
        let mechanism = *self.auth.first().ok_or_else(|| fault(FaultKind::NoLogin, "对方不提供AUTH PLAIN和AUTH LOGIN".into()))?;
        let unusable = |_: lettre::transport::smtp::Error| fault(FaultKind::NoLogin, "对方的登录询问无法回答".into());
        let unanswered = |error: ReplyError| match error {
            ReplyError::NotSmtp(_) => fault(FaultKind::Protocol, "对方的应答不合规范".into()),
            error => error.fault(Phase::Login),
        };
        let mut reply = self.ask(Auth::new(mechanism, credentials.clone(), None).map_err(unusable)?).await.map_err(unanswered)?;
        for prompt in LOGIN_PROMPTS {
            if reply.code != 334 || mechanism != Mechanism::Login {
                break;
            }
            let prompt =
                Response::new(Code::new(Severity::PositiveIntermediate, Category::Unspecified3, Detail::Four), vec![prompt.into()]);
            reply =
                self.ask(Auth::new_from_response(mechanism, credentials.clone(), &prompt).map_err(unusable)?).await.map_err(unanswered)?;
        }
        match reply.code {
            235 => Ok(()),
            // 454: a temporary failure of the server's user list
            421 | 450..=459 => Err(reply.fault(Phase::Login, FaultKind::Busy)),
            _ => Err(reply.fault(Phase::Login, FaultKind::Login)),
        }
    }

    async fn ask(&mut self, command: impl Display) -> Result<Reply, ReplyError> {
        // an unsolicited reply would be taken for the reply to this command, and every later one would be shifted
        if !self.stream.buffer().is_empty() {
            return Err(ReplyError::NotSmtp("没有问就应答".into()));
        }
        self.write(command.to_string().as_bytes()).await?;
        self.reply(self.timeout).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ReplyError> {
        let writing = async {
            self.stream.get_mut().write_all(bytes).await?;
            self.stream.get_mut().flush().await
        };
        Ok(timeout(self.timeout, writing).await.map_err(|_| ReplyError::Timeout)??)
    }

    /// One whole reply within the limit, in however many packets it comes.
    async fn reply(&mut self, limit: Duration) -> Result<Reply, ReplyError> {
        timeout(limit, read_reply(&mut self.stream, &self.writings)).await.map_err(|_| ReplyError::Timeout)?
    }

    /// Sends one message without the final dot.
    async fn send(
        &mut self,
        from: &Address,
        to: &Address,
        bytes: &[u8],
        may_finish: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), (Attempt, Reuse)> {
        let size = if self.extensions.contains("SIZE") { vec![MailParameter::Size(bytes.len())] } else { Vec::new() };
        let steps = [
            (Phase::Mail, 2, Mail::new(Some(from.clone()), size).to_string()),
            (Phase::Rcpt, 2, Rcpt::new(to.clone(), Vec::new()).to_string()),
            (Phase::Data, 3, Data.to_string()),
        ];
        for (phase, class, command) in steps {
            let reuse = if phase == Phase::Mail { Reuse::Stale } else { Reuse::No };
            match self.ask(command).await {
                Err(error) => return Err((deferred(phase, &error), reuse)),
                Ok(reply) if reply.is(class) => {}
                Ok(reply) => {
                    let attempt = match classify(phase, reply.code, &reply.text()) {
                        // a server that names our address refuses us, not the recipient
                        Attempt::Refused(detail) if names_sender(&detail, from.as_ref(), to.as_ref()) => {
                            Attempt::Channel(Fault { kind: FaultKind::Sender, phase, detail })
                        }
                        attempt => attempt,
                    };
                    // after an unexpected reply to DATA the server may read the message as commands
                    let sound = reply.is(4) || reply.is(5);
                    let reuse = match reply.code {
                        421 => reuse,
                        _ if sound && self.reset().await => Reuse::Yes,
                        _ => Reuse::No,
                    };
                    return Err((attempt, reuse));
                }
            }
        }
        let stuffed = dot_stuffed(bytes);
        for chunk in stuffed.chunks(CHUNK_BYTES) {
            if let Err(error) = self.write(chunk).await {
                return Err((self.last_reply(&error).await, Reuse::No));
            }
        }
        // an early reply would be taken for the reply to the final dot and could turn a refusal into a success
        if timeout(Duration::ZERO, self.stream.fill_buf()).await.is_ok() {
            let error = ReplyError::NotSmtp("没有问就应答".into());
            return Err((self.last_reply(&error).await, Reuse::No));
        }
        if may_finish() {
            Ok(())
        } else {
            Err((Attempt::Deferred("本次发送用时过长而中止，对方没有收到".into()), Reuse::No))
        }
    }

    /// The outcome after a connection failed in the middle of a message: many servers send the reason before they close it.
    async fn last_reply(&mut self, error: &ReplyError) -> Attempt {
        match timeout(LAST_REPLY.min(self.timeout), read_reply(&mut self.stream, &self.writings)).await {
            Ok(Ok(reply)) if reply.code >= 400 => classify(Phase::Body, reply.code, &reply.text()),
            _ => deferred(Phase::Body, error),
        }
    }

    /// Sends the final dot and reads the reply to it. From here on the server may have taken the message.
    async fn finish(&mut self, limit: Duration) -> (Attempt, Reuse) {
        let unknown = |error: &ReplyError| Attempt::Unknown(format!("{}：{error}", Phase::Dot.name()));
        if let Err(error) = self.write(b".\r\n").await {
            return (unknown(&error), Reuse::No);
        }
        match self.reply(limit).await {
            Ok(reply) if !self.stream.buffer().is_empty() => {
                (Attempt::Unknown(format!("{} {}；其后又有应答", reply.code, reply.text())), Reuse::No)
            }
            Ok(reply) => {
                let attempt = classify(Phase::Dot, reply.code, &reply.text());
                let sound = !matches!(attempt, Attempt::Unknown(_)) && reply.code != 421;
                (attempt, if sound { Reuse::Yes } else { Reuse::No })
            }
            Err(error) => (unknown(&error), Reuse::No),
        }
    }

    /// Names sender and recipient as for a message, and takes it back.
    async fn rehearse(&mut self, from: &Address, to: &Address) -> Result<(), Fault> {
        let steps = [
            (Phase::Mail, Mail::new(Some(from.clone()), Vec::new()).to_string()),
            (Phase::Rcpt, Rcpt::new(to.clone(), Vec::new()).to_string()),
        ];
        for (phase, command) in steps {
            let reply = self.ask(command).await.map_err(|error| error.fault(phase))?;
            if reply.is(2) {
                continue;
            }
            match classify(phase, reply.code, &reply.text()) {
                Attempt::Channel(fault) => return Err(fault),
                Attempt::Refused(detail) => return Err(Fault { kind: FaultKind::Everybody, phase, detail }),
                // it takes a message later
                _ => break,
            }
        }
        self.reset().await;
        Ok(())
    }

    async fn reset(&mut self) -> bool {
        self.ask(Rset).await.is_ok_and(|reply| reply.is(2))
    }

    async fn quit(mut self) {
        let _ = timeout(QUIT.min(self.timeout), self.ask(Quit)).await;
    }
}

/// The name by which this machine greets: a full name, else the address of the connection, because servers refuse a bare name.
fn hello_name(set: Option<&str>, stream: &TcpStream) -> ClientId {
    let own = match set {
        Some(name) => return ClientId::Domain(name.to_owned()),
        None => ClientId::default(),
    };
    match (&own, stream.local_addr().map(|local| local.ip())) {
        (ClientId::Domain(name), Ok(address)) if !name.contains('.') || !name.is_ascii() => match address {
            IpAddr::V4(address) => ClientId::Ipv4(address),
            IpAddr::V6(address) => ClientId::Ipv6(address),
        },
        _ => own,
    }
}

/// The outcome of a connection that failed before the final dot.
fn deferred(phase: Phase, error: &ReplyError) -> Attempt {
    Attempt::Deferred(format!("{}：{error}；对方没有收到", phase.name()))
}

/// The lines of one reply: `250-text` … `250 text`. Text may be in any encoding, or missing.
async fn read_reply(stream: &mut BufReader<Stream>, writings: &LoginWritings) -> Result<Reply, ReplyError> {
    let mut lines = Vec::new();
    let mut left = REPLY_BYTES_MAX;
    let mut code = None;
    loop {
        let mut line = Vec::new();
        let read = (&mut *stream).take(left).read_until(b'\n', &mut line).await?;
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        let strange = || ReplyError::NotSmtp(writings.hide_in(&text).chars().take(80).collect());
        if read == 0 && lines.is_empty() {
            return Err(ReplyError::Closed);
        }
        if line.last() != Some(&b'\n') {
            return Err(if text.is_empty() { ReplyError::Closed } else { strange() });
        }
        left -= read as u64;
        let number: u16 =
            text.get(..3).filter(|head| head.bytes().all(|b| b.is_ascii_digit())).and_then(|head| head.parse().ok()).ok_or_else(strange)?;
        if !(200..600).contains(&number) || code.is_some_and(|known| known != number) {
            return Err(strange());
        }
        code = Some(number);
        let more = match text.as_bytes().get(3) {
            Some(b'-') => true,
            None | Some(b' ' | b'\t') => false,
            Some(_) => return Err(strange()),
        };
        lines.push(text.get(4..).unwrap_or_default().to_owned());
        if !more {
            let shown = writings.hide_in(&lines.join(" "));
            return Ok(Reply { code: number, lines, shown });
        }
    }
}

/// Dot-stuffing (RFC 5321, 4.5.2): doubles a dot at the start of a line; ends the last line.
fn dot_stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A connection that one sender uses for message after message: opened when first needed, dropped after any fault.
#[derive(Default)]
pub struct PooledConnection {
    open: Option<Connection>,
}

impl PooledConnection {
    /// Delivers one message to one address. `may_finish` is called right before the final dot: a sender whose lease has expired must not
    /// finish a message that another sender may have taken over.
    pub async fn deliver(&mut self, smtp: &Smtp, to: &str, bytes: &[u8], may_finish: &(dyn Fn() -> bool + Sync)) -> Attempt {
        let to: Address = match to.parse::<Address>() {
            Ok(to) if to.to_string().is_ascii() => to,
            Ok(_) => return Attempt::Refused("邮箱地址含有英文字母、数字以外的字，多数服务器不收".into()),
            Err(error) => return Attempt::Refused(format!("不是邮箱地址：{error}")),
        };
        loop {
            let (mut connection, is_reused) = match self.open.take() {
                Some(connection) => (connection, true),
                None => match smtp.open().await {
                    Ok(connection) => (connection, false),
                    Err(fault) => return Attempt::Channel(fault),
                },
            };
            let (attempt, reuse) = match connection.send(&smtp.from, &to, bytes, may_finish).await {
                Ok(()) => connection.finish(smtp.server.final_timeout).await,
                // servers close connections that were idle or carried many messages: the message has no outcome yet
                Err((_, Reuse::Stale)) if is_reused => continue,
                Err(ended) => ended,
            };
            self.open = (reuse == Reuse::Yes).then_some(connection);
            return attempt;
        }
    }

    /// Opens the connection and names sender and recipient, without sending a message.
    ///
    /// # Errors
    /// What prevents every message from being sent, or those to this address.
    pub async fn rehearse(&mut self, smtp: &Smtp, to: &str) -> Result<(), Fault> {
        let no_address =
            |error: lettre::address::AddressError| Fault { kind: FaultKind::Everybody, phase: Phase::Rcpt, detail: error.to_string() };
        let to: Address = to.parse().map_err(no_address)?;
        self.open.insert(smtp.open().await?).rehearse(&smtp.from, &to).await
    }

    /// Closes the connection with QUIT.
    pub async fn close(&mut self) {
        if let Some(connection) = self.open.take() {
            connection.quit().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8]) -> Result<Reply, ReplyError> {
        let (mut server, client) = tokio::io::duplex(1 << 20);
        server.write_all(bytes).await.unwrap();
        drop(server);
        read_reply(&mut BufReader::new(Box::new(client)), &LoginWritings::default()).await
    }

    #[tokio::test]
    async fn replies_are_read_in_any_form() {
        for (bytes, code, text) in [
            (&b"250 ok\r\n"[..], 250, "ok"),
            (b"250\r\n", 250, ""),
            (b"250 \n", 250, ""),
            (b"250-one\r\n250-\r\n250 two\r\n", 250, "one  two"),
            (
                b"550 \xd3\xc3\xbb\xa7\xb2\xbb\xb4\xe6\xd4\xda\r\n",
                550,
                "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            (b"421 \x1b[2Jgone\x00\r\n", 421, "[2Jgone"),
        ] {
            let reply = read(bytes).await.unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
            assert_eq!(reply.code, code);
            if code != 550 {
                assert_eq!(reply.text(), text);
            }
        }
        for bytes in [
            &b"hello\r\n"[..],
            b"25\r\n",
            b"250-a\r\n251 b\r\n",
            b"250 ok",
            b"250-a\r\n",
            b"999 no\r\n",
            b"250ok\r\n",
            b"\xe4\xb8\xad\r\n",
            b"",
        ] {
            assert!(read(bytes).await.is_err(), "{bytes:?}");
        }
        assert!(read(Box::leak(vec![b'2'; 100_000].into_boxed_slice())).await.is_err());
        assert!(read(Box::leak(b"250-x\r\n".repeat(20_000).into_boxed_slice())).await.is_err());
    }

    #[test]
    fn dots_are_doubled_and_the_last_line_is_ended() {
        assert_eq!(dot_stuffed(b".a\r\nb.\r\n..\r\nc"), b"..a\r\nb.\r\n...\r\nc\r\n");
        assert_eq!(dot_stuffed(b"a\r\n"), b"a\r\n");
    }
}
