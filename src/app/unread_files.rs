//! The files that the service does not read by itself any more.

use crate::app::compose::database_url;
use crate::config::load::Config;
use crate::store::handle::Store;
use crate::worker::import::reading_guard::{HINT, left_to_a_person};
use std::path::Path;

/// These files, as sentences. The database is read only, and may not exist yet.
///
/// # Errors
/// The database or its password file cannot be read.
pub(crate) async fn unread_files(root: &Path, config: &Config) -> anyhow::Result<Vec<String>> {
    // why a database cannot be opened is among the notes about sending
    let Ok(Some(store)) = Store::open_existing(root, &database_url(root, &config.settings.database)?).await else { return Ok(Vec::new()) };
    let readings = store.readings().list().await?;
    store.close().await;
    Ok(readings.iter().filter_map(|unended| Some(format!("{}{}。{HINT}", unended.file, left_to_a_person(unended)?))).collect())
}
