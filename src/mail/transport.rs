//! Handing finished bytes to a server, or, with no SMTP set, to a folder.

use crate::domain::delivery::{Attempt, classify};
use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, SmtpTransport, Transport};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub tls: ServerTls,
    pub login: Option<(String, String)>,
    /// For every read and write; a server that says nothing longer is given up.
    pub timeout: Duration,
    /// Messages under way at a time.
    pub connections: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTls {
    Starttls,
    Implicit,
    Plain,
}

#[derive(Debug, thiserror::Error)]
#[error("mail.smtp: {0}")]
pub struct ServerError(String);

/// Where mails go.
#[derive(Clone)]
pub enum Mailer {
    Smtp {
        transport: SmtpTransport,
        from: Address,
        connections: u32,
    },
    /// One .eml file per message.
    Directory(PathBuf),
}

impl Mailer {
    /// # Errors
    /// A host name TLS cannot check, or a sender that is no address.
    pub fn smtp(server: &Server, from: &str) -> Result<Mailer, ServerError> {
        let fault = |error: &dyn std::fmt::Display| ServerError(error.to_string());
        let from: Address = from.parse().map_err(|error| fault(&error))?;
        let tls = match server.tls {
            ServerTls::Plain => Tls::None,
            ServerTls::Starttls => Tls::Required(TlsParameters::new(server.host.clone()).map_err(|error| fault(&error))?),
            ServerTls::Implicit => Tls::Wrapper(TlsParameters::new(server.host.clone()).map_err(|error| fault(&error))?),
        };
        let mut builder = SmtpTransport::builder_dangerous(&server.host).port(server.port).tls(tls).timeout(Some(server.timeout));
        if let Some((user, password)) = &server.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        let pool = PoolConfig::new().max_size(server.connections);
        Ok(Mailer::Smtp { transport: builder.pool_config(pool).build(), from, connections: server.connections })
    }

    /// How many messages may be under way at a time.
    pub fn parallel(&self) -> i64 {
        match self {
            Mailer::Smtp { connections, .. } => i64::from((*connections).max(1)),
            Mailer::Directory(_) => 16,
        }
    }

    /// Delivers one message. Blocking. `file` names it in a directory.
    pub fn deliver(&self, to: &str, file: &str, bytes: &[u8]) -> Attempt {
        match self {
            Mailer::Directory(folder) => match write_file(folder, file, bytes) {
                Ok(()) => Attempt::Accepted(format!("{file}.eml")),
                Err(error) => Attempt::Later(format!("cannot write {}: {error}", folder.display())),
            },
            Mailer::Smtp { transport, from, .. } => {
                let envelope = to
                    .parse::<Address>()
                    .map_err(|error| error.to_string())
                    .and_then(|to| Envelope::new(Some(from.clone()), vec![to]).map_err(|error| error.to_string()));
                match envelope {
                    Err(error) => Attempt::Refused(format!("not an address: {error}")),
                    Ok(envelope) => match transport.send_raw(&envelope, bytes) {
                        Ok(response) => classify(response.code().into(), &response.message().collect::<Vec<_>>().join(" ")),
                        Err(error) => failed(&error),
                    },
                }
            }
        }
    }
}

/// What a failed send came to. An error without a reply may have come after the server took the message.
fn failed(error: &lettre::transport::smtp::Error) -> Attempt {
    let text = error.to_string();
    if let Some(code) = error.status() {
        return classify(code.into(), &text);
    }
    if error.is_client() || error.is_tls() {
        return Attempt::Channel(text);
    }
    if text.to_ascii_lowercase().contains("connect") {
        return Attempt::Later(text);
    }
    Attempt::Unknown(text)
}

/// Temp file, fsync, rename, fsync of the folder: a visible file is whole, and the same bytes written twice are one file.
fn write_file(folder: &std::path::Path, file: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut temp = tempfile::NamedTempFile::new_in(folder)?;
    temp.write_all(bytes)?;
    temp.as_file().sync_all()?;
    temp.persist(folder.join(format!("{file}.eml"))).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}
