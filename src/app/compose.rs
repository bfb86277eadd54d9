//! The composition root: the only place that picks concrete types.

use crate::clock::Clock;
use crate::config::load::{Config, read_files};
use crate::config::settings::{MailSettings, SmtpTls};
use crate::mail::smtp::{Server, ServerTls};
use crate::mail::transport::Mailer;
use crate::source::child::ParserCommand;
use crate::store::handle::Store;
use crate::worker::service::Service;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Reads the configuration below a root.
///
/// # Errors
/// Every problem of the files, one line each.
pub fn load_config(root: &Path) -> anyhow::Result<Config> {
    let files = read_files(root)?;
    Ok(Config::parse(files)?)
}

/// Builds the service on a root folder.
///
/// # Errors
/// The configuration has problems, or the database cannot be opened.
pub async fn service(root: &Path, clock: Clock) -> anyhow::Result<Service> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    service_with(root, clock, program).await
}

/// As [`service`], with the program that parses files.
///
/// # Errors
/// As [`service`].
pub async fn service_with(root: &Path, clock: Clock, program: PathBuf) -> anyhow::Result<Service> {
    let config = load_config(root)?;
    let mailer = mailer(root, &config.settings.mail)?;
    let store = Store::open(root, &config.settings.database.url).await?;
    Ok(Service {
        root: root.to_owned(),
        config: Arc::new(config),
        store,
        clock,
        parser: ParserCommand { program },
        mailer,
        channel: Arc::default(),
    })
}

/// Where mails go by the settings.
///
/// # Errors
/// The password file cannot be read, or the server's name is none.
pub fn mailer(root: &Path, settings: &MailSettings) -> anyhow::Result<Mailer> {
    let Some(smtp) = &settings.smtp else { return Ok(Mailer::Directory(root.join("var/outbox"))) };
    let login = match (&smtp.user, &smtp.password_file) {
        (Some(user), Some(file)) => {
            let path = root.join(file);
            let password =
                std::fs::read_to_string(&path).with_context(|| format!("mail.smtp: cannot read password_file {}", path.display()))?;
            Some((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned()))
        }
        _ => None,
    };
    let server = Server {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::Starttls => ServerTls::Starttls,
            SmtpTls::Implicit => ServerTls::Implicit,
            SmtpTls::None => ServerTls::Plain,
        },
        ca_file: smtp.ca_file.as_ref().map(|file| root.join(file)),
        login,
        timeout: Duration::from_secs(smtp.timeout_seconds),
        final_timeout: Duration::from_secs(smtp.final_timeout_seconds),
        connections: smtp.connections,
    };
    Ok(Mailer::smtp(server, &settings.from)?)
}
