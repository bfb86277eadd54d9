//! Ends the records that depend on those which a snapshot in force has ended.

use crate::clock::stamp;
use crate::config::load::Config;
use crate::domain::life::dependents::{SERVICE, dependents};
use crate::domain::life::office::Office;
use crate::store::audit::AuditEntry;
use crate::store::database::Result;
use crate::store::events::Acted;
use crate::store::handle::Store;
use crate::worker::matters::projects_of;
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use std::collections::HashMap;

/// Writes what follows from the snapshots that are in force today. Does nothing where no record has an event.
///
/// # Errors
/// The database fails, or a stored row is damaged.
pub(crate) async fn end_dependents(store: &Store, config: &Config, now: DateTime<Utc>, today: NaiveDate) -> Result<()> {
    if store.events().position().await? == 0 {
        return Ok(());
    }
    let policy = config.policy.on(today);
    let selection = SnapshotSelection::unmarked(store, config, &[], today).await?;
    for (index, ledger) in policy.ledgers.iter().enumerate() {
        let Some(life) = policy.life(index) else { continue };
        let matters = selection.matter_reader(store, ledger, today).with_events().await?;
        let known = projects_of(store, &policy, &selection, ledger, &matters, &[]).await?;
        let persons = HashMap::new();
        let office = Office { policy: &policy, ledger: index, projects: &known.linked, project_names: &known.names, persons: &persons };
        let at = stamp(now);
        for draft in dependents(&office, life, &matters, today) {
            let expected = [(draft.event.code.clone(), draft.event.no - 1)];
            let drafts = [draft];
            let acted = Acted { ledger, drafts: &drafts, named: 0, expected: &expected, sample: selection.sample, year: today.year() };
            // whoever was faster has changed the record: the next snapshot asks anew
            store.events().append(&acted, AuditEntry { at: &at, who: SERVICE, why: &drafts[0].event.reason }).await?;
        }
    }
    Ok(())
}
