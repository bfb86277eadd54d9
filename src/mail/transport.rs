//! Delivers finished messages: to a mail server, or to a folder where no SMTP server is configured.

use crate::domain::notify::channel::{Fault, FaultKind, Phase};
use crate::domain::notify::delivery::Attempt;
use crate::mail::smtp::{PooledConnection, Server, ServerError, Smtp};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where messages are delivered.
#[derive(Clone, Debug)]
pub enum Mailer {
    Smtp(Arc<Smtp>),
    /// One .eml file per message.
    Directory(PathBuf),
}

/// One message to deliver.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingFile<'a> {
    pub to: &'a str,
    /// Its file name in a directory, without the extension.
    pub file: &'a str,
    pub bytes: &'a [u8],
}

impl Mailer {
    /// A mailer for an SMTP server; nothing is connected yet.
    ///
    /// # Errors
    /// A host name TLS cannot check, a `ca_file` that cannot be read, or a sender that is no address.
    pub fn smtp(server: Server, from: &str) -> Result<Mailer, ServerError> {
        Ok(Mailer::Smtp(Arc::new(Smtp::new(server, from)?)))
    }

    /// How many messages may be sent at the same time.
    pub fn parallel(&self) -> usize {
        match self {
            Mailer::Smtp(smtp) => smtp.server().connections.clamp(1, 64) as usize,
            Mailer::Directory(_) => 16,
        }
    }

    /// The longest time between a final dot and its reply, in seconds.
    pub fn final_seconds(&self) -> i64 {
        match self {
            Mailer::Smtp(smtp) => i64::try_from(smtp.server().final_timeout.as_secs()).unwrap_or(i64::MAX / 2),
            Mailer::Directory(_) => 0,
        }
    }

    /// Delivers one message over the sender's connection. `may_finish` is called right before the final dot.
    pub async fn deliver(
        &self,
        connection: &mut PooledConnection,
        message: &OutgoingFile<'_>,
        may_finish: &(dyn Fn() -> bool + Sync),
    ) -> Attempt {
        match self {
            Mailer::Smtp(smtp) => connection.deliver(smtp, message.to, message.bytes, may_finish).await,
            Mailer::Directory(folder) => {
                let written = {
                    let (folder, file, bytes) = (folder.clone(), message.file.to_owned(), message.bytes.to_vec());
                    tokio::task::spawn_blocking(move || write_file(&folder, &file, &bytes)).await
                };
                let failed = |detail: String| {
                    let detail = format!("cannot write {}: {detail}", folder.display());
                    Attempt::Channel(Fault { kind: FaultKind::Folder, phase: Phase::Body, detail })
                };
                match written {
                    Ok(Ok(())) => Attempt::Accepted(format!("已写入文件夹：{}.eml", message.file)),
                    Ok(Err(error)) => failed(error.to_string()),
                    Err(error) => failed(error.to_string()),
                }
            }
        }
    }

    /// Removes the partial files of a killed process from the folder. No other process may be delivering.
    ///
    /// # Errors
    /// The folder cannot be read, or a file cannot be removed. A missing folder is no error.
    pub fn sweep(&self) -> std::io::Result<()> {
        let Mailer::Directory(folder) = self else { return Ok(()) };
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(PART.0) && name.ends_with(PART.1) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Connects, agrees on TLS, logs in, and names sender and recipient without sending a message. `None` = messages go to a folder.
    ///
    /// # Errors
    /// What prevents every message from being sent, or those to this address.
    pub async fn try_out(&self, to: &str) -> Option<Result<(), Fault>> {
        let Mailer::Smtp(smtp) = self else { return None };
        let mut connection = PooledConnection::default();
        let outcome = connection.rehearse(smtp, to).await;
        connection.close().await;
        Some(outcome)
    }
}

/// Prefix and suffix of a file name while the file is being written.
const PART: (&str, &str) = (".duban-", ".part");

/// Temporary file, fsync, rename, fsync of the folder: a visible file is complete, and a repeated delivery replaces its file.
fn write_file(folder: &Path, file: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut temp = tempfile::Builder::new().prefix(PART.0).suffix(PART.1).tempfile_in(folder)?;
    temp.write_all(bytes)?;
    temp.as_file().sync_all()?;
    temp.persist(folder.join(format!("{file}.eml"))).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}
