//! A mail server for tests that keeps what it took and breaks where it is told to.

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

/// Where it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum At {
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
    /// Behind the final dot; the message is taken (with a refusal it is not).
    Dot,
    /// Behind the final dot; the message is thrown away.
    DotLost,
    /// Behind a message that went well, at the next one on the same connection.
    Next,
    Quit,
}

/// How it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Close,
    Reset,
    /// It says nothing more and keeps the connection.
    Stall,
    /// It says this in place of what belongs there, and goes on.
    Say(&'static [u8]),
    /// It says this and closes.
    Last(&'static [u8]),
    /// It says what belongs there, a byte at a time.
    Drip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Plain,
    Starttls,
    /// STARTTLS is not offered.
    NoStarttls,
    Implicit,
}

#[derive(Clone, Copy, Debug)]
pub struct Manners {
    pub speaks: Speaks,
    /// File below tests/fixtures/tls, without ending.
    pub certificate: &'static str,
    /// `AUTH` line, e.g. `PLAIN LOGIN`; empty = none. User `duban`, password `secret`.
    pub login: &'static str,
    /// Bytes the system may keep for the server before it reads them; 0 = as it likes.
    pub buffer: u32,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners { speaks: Speaks::Plain, certificate: "good", login: "", buffer: 0 }
    }
}

#[derive(Debug, Default)]
pub struct Books {
    /// Message-ID → how often it was taken whole.
    pub taken: BTreeMap<String, u32>,
    /// Envelope recipient and bytes of the last message taken.
    pub last: Option<(String, Vec<u8>)>,
    pub connections: u32,
    /// MAIL commands.
    pub begun: u32,
    breaks: Option<(At, How, u32)>,
    /// How often it broke.
    pub broke: u32,
    logged_in: bool,
}

pub struct PostOffice {
    pub port: u16,
    pub books: Arc<Mutex<Books>>,
    /// Told each time it breaks.
    pub broken: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Desk<S> {
    stream: BufReader<S>,
    books: Arc<Mutex<Books>>,
    broken: Arc<Notify>,
}

/// The connection is over.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Over {
        Over
    }
}

impl PostOffice {
    pub async fn open(manners: Manners) -> PostOffice {
        let socket = TcpSocket::new_v4().expect("a socket");
        if manners.buffer > 0 {
            socket.set_recv_buffer_size(manners.buffer).expect("a small buffer");
        }
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
        let listener = socket.listen(64).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let books = Arc::new(Mutex::new(Books::default()));
        let broken = Arc::new(Notify::new());
        let acceptor = acceptor(manners.certificate);
        let (all_books, all_broken) = (books.clone(), broken.clone());
        let task = tokio::spawn(async move {
            // the connections end with the office
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let _ = stream.set_nodelay(true);
                all_books.lock().expect("the books").connections += 1;
                connections.spawn(serve(stream, manners, acceptor.clone(), all_books.clone(), all_broken.clone()));
            }
        });
        PostOffice { port, books, broken, task }
    }

    /// Breaks the next `times` times it comes by a place.
    pub fn breaks(&self, at: At, how: How, times: u32) {
        let mut books = self.books.lock().expect("the books");
        books.breaks = Some((at, how, times));
        books.broke = 0;
    }

    pub fn broke(&self) -> u32 {
        self.books.lock().expect("the books").broke
    }

    pub fn taken(&self, message_id: &str) -> u32 {
        self.books.lock().expect("the books").taken.get(message_id).copied().unwrap_or(0)
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

async fn serve(stream: TcpStream, manners: Manners, acceptor: TlsAcceptor, books: Arc<Mutex<Books>>, broken: Arc<Notify>) {
    let desk = |stream| Desk { stream: BufReader::new(stream), books: books.clone(), broken: broken.clone() };
    if manners.speaks == Speaks::Implicit {
        if let Ok(stream) = acceptor.accept(stream).await {
            let mut desk = Desk { stream: BufReader::new(stream), books, broken };
            let _ = desk.talk(manners, true).await;
        }
        return;
    }
    let mut plain = desk(stream);
    if let Ok(true) = plain.talk(manners, false).await {
        let mut stream = plain.stream.into_inner();
        let breaks = books.lock().expect("the books").comes_by(At::Handshake);
        match breaks {
            Some(How::Say(bytes) | How::Last(bytes)) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.flush().await;
            }
            Some(How::Stall) => std::future::pending().await,
            Some(_) => {}
            None => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let mut desk = Desk { stream: BufReader::new(stream), books, broken };
                    let _ = desk.talk(manners, true).await;
                }
            }
        }
    }
}

impl Books {
    fn comes_by(&mut self, place: At) -> Option<How> {
        match &mut self.breaks {
            Some((at, how, times)) if *at == place && *times > 0 => {
                *times -= 1;
                self.broke += 1;
                Some(*how)
            }
            _ => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Desk<S> {
    /// Says what belongs at a place, or breaks there. `false` = something else was said.
    async fn say(&mut self, at: At, words: &str) -> Result<bool, Over> {
        let how = self.books.lock().expect("the books").comes_by(at);
        let Some(how) = how else {
            self.stream.write_all(words.as_bytes()).await?;
            self.stream.flush().await?;
            return Ok(true);
        };
        match how {
            How::Close | How::Reset => {}
            How::Stall => {
                self.broken.notify_one();
                std::future::pending::<()>().await;
            }
            How::Say(bytes) => {
                self.stream.write_all(bytes).await?;
                self.stream.flush().await?;
                self.broken.notify_one();
                return Ok(false);
            }
            How::Last(bytes) => {
                self.stream.write_all(bytes).await?;
                self.stream.flush().await?;
            }
            How::Drip => {
                self.broken.notify_one();
                for byte in words.bytes() {
                    self.stream.write_all(&[byte]).await?;
                    self.stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                return Ok(true);
            }
        }
        if how != How::Reset {
            let _ = self.stream.shutdown().await;
        }
        // what is left unread makes the system reset the connection when it is dropped
        self.broken.notify_one();
        Err(Over)
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(Over);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// The dialogue; `true` = the client has asked for TLS.
    async fn talk(&mut self, manners: Manners, secure: bool) -> Result<bool, Over> {
        if !secure || manners.speaks == Speaks::Implicit {
            self.say(At::Greeting, "220 localhost ESMTP\r\n").await?;
        }
        let mut to = String::new();
        let mut sent = false;
        loop {
            let line = self.line().await?;
            let upper = line.to_ascii_uppercase();
            if upper.starts_with("EHLO") {
                let mut words = String::from("250-localhost\r\n250-SIZE 100000000\r\n");
                if manners.speaks == Speaks::Starttls && !secure {
                    words.push_str("250-STARTTLS\r\n");
                }
                if !manners.login.is_empty() {
                    words.push_str(&format!("250-AUTH {}\r\n", manners.login));
                }
                words.push_str("250 8BITMIME\r\n");
                self.say(At::Hello, &words).await?;
            } else if upper == "STARTTLS" {
                if self.say(At::Starttls, "220 go\r\n").await? {
                    return Ok(true);
                }
            } else if upper.starts_with("AUTH") {
                self.login(&line).await?;
            } else if upper.starts_with("MAIL") {
                self.books.lock().expect("the books").begun += 1;
                let place = if sent { At::Next } else { At::Mail };
                self.say(place, "250 2.1.0 ok\r\n").await?;
            } else if upper.starts_with("RCPT") {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                self.say(At::Rcpt, "250 2.1.5 ok\r\n").await?;
            } else if upper == "DATA" {
                if self.say(At::Data, "354 go ahead\r\n").await? {
                    self.message(&to).await?;
                    sent = true;
                }
            } else if upper == "QUIT" {
                self.say(At::Quit, "221 bye\r\n").await?;
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

    async fn login(&mut self, line: &str) -> Result<(), Over> {
        // base64 of \0duban\0secret, of duban and of secret
        let good = if line.to_ascii_uppercase().starts_with("AUTH PLAIN") {
            line.ends_with("AGR1YmFuAHNlY3JldA==")
        } else {
            self.stream.write_all(b"334 VXNlcm5hbWU6\r\n").await?;
            let user = self.line().await?;
            self.stream.write_all(b"334 UGFzc3dvcmQ6\r\n").await?;
            user == "ZHViYW4=" && self.line().await? == "c2VjcmV0"
        };
        self.books.lock().expect("the books").logged_in |= good;
        let words = if good { "235 2.7.0 welcome\r\n" } else { "535 5.7.8 Error: authentication failed\r\n" };
        self.say(At::Login, words).await?;
        Ok(())
    }

    async fn message(&mut self, to: &str) -> Result<(), Over> {
        let mut bytes = Vec::new();
        let breaks_here = matches!(self.books.lock().expect("the books").breaks, Some((At::Body, _, times)) if times > 0);
        if breaks_here {
            let mut some = [0; 700];
            self.stream.read_exact(&mut some).await?;
            bytes.extend_from_slice(&some);
            self.say(At::Body, "").await?;
        }
        loop {
            let start = bytes.len();
            if self.stream.read_until(b'\n', &mut bytes).await? == 0 {
                return Err(Over);
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
            let books = self.books.lock().expect("the books");
            match books.breaks {
                Some((At::DotLost, _, times)) => times > 0,
                Some((At::Dot, How::Say(said) | How::Last(said), times)) => times > 0 && (said.starts_with(b"4") || said.starts_with(b"5")),
                _ => false,
            }
        };
        if !refuses {
            let mut books = self.books.lock().expect("the books");
            let text = String::from_utf8_lossy(&bytes);
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default().trim().to_owned();
            *books.taken.entry(id).or_default() += 1;
            books.last = Some((to.to_owned(), bytes));
        }
        let lost = matches!(self.books.lock().expect("the books").breaks, Some((At::DotLost, ..)));
        self.say(if lost { At::DotLost } else { At::Dot }, "250 2.0.0 queued\r\n").await?;
        Ok(())
    }
}
