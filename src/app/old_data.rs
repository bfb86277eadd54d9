//! The data that a run of today could not rely on.

use crate::app::compose::database_url;
use crate::clock::Clock;
use crate::config::load::Config;
use crate::domain::register::data_condition::Reader;
use crate::store::handle::Store;
use crate::worker::snapshot_selection::SnapshotSelection;
use std::path::Path;

/// These data, as sentences. The database is read only, and may not exist yet.
///
/// # Errors
/// The database or its password file cannot be read.
pub(crate) async fn old_data(root: &Path, clock: &Clock, config: &Config) -> anyhow::Result<Vec<String>> {
    // why a database cannot be opened is among the notes about sending
    let Ok(Some(store)) = Store::open_existing(root, &database_url(root, &config.settings.database)?).await else { return Ok(Vec::new()) };
    let selection = SnapshotSelection::unmarked(&store, config, &[], clock.today()).await;
    store.close().await;
    let policy = &config.policy;
    let words = selection?.conditions.into_iter().map(|condition| {
        let title = policy.ledger(&condition.ledger).map_or(condition.ledger.as_str(), |index| policy.ledgers[index].title.as_str());
        condition.in_words(title, clock.today(), Reader::Office)
    });
    Ok(words.filter(|words| !words.is_empty()).collect())
}
