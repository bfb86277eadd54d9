//! The composition root: the only place that picks concrete types.

use crate::clock::Clock;
use crate::config::{Config, read_files};
use crate::source::child::ParserCommand;
use crate::store::Store;
use crate::worker::Service;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    let store = Store::open(root, &config.settings.database.url).await?;
    Ok(Service { root: root.to_owned(), config: Arc::new(config), store, clock, parser: ParserCommand { program } })
}
