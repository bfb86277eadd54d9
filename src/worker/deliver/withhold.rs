//! Messages that wait are checked against marks of secrecy that came after they were made: what names a restricted record is not sent. The next
//! run makes it anew without that record.

use crate::clock::{Clock, stamp};
use crate::config::load::Config;
use crate::domain::register::codes::Codes;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::store::runs::Run;
use crate::worker::records::LedgerRecords;
use crate::worker::snapshot_selection::SnapshotSelection;
use std::collections::BTreeMap;

/// How many codes the reason of a stopped message names.
const CODES_NAMED: usize = 3;

/// Stops the messages that name a record which has become restricted. Returns the ids of those that were stopped now.
///
/// # Errors
/// The database fails.
pub(crate) async fn withhold(store: &Store, config: &Config, clock: &Clock) -> Result<Vec<String>> {
    let position = store.restrictions().position().await?;
    let unchecked = store.marked_messages().unchecked(position).await?;
    let Some(least) = unchecked.iter().map(|message| message.checked).min() else { return Ok(Vec::new()) };
    if let Some(marks) = store.audit().altered_marks().await? {
        // what is not checked is not sent
        tracing::error!(%marks, "marks of secrecy were changed past the program: mails wait until `duban audit --verify` is clear");
        return Ok(Vec::new());
    }
    let begun = begun_with_parts(store, config, clock, least).await?;
    let (mut passed, mut withheld) = (Vec::new(), Vec::new());
    for message in unchecked {
        let began = |(ledger, code): &(String, String)| begun.get(ledger).and_then(|codes| codes.get(code)).copied();
        let is_new = |name: &&(String, String)| began(name).is_some_and(|began| began > message.checked);
        let codes: Vec<&str> = message.names.iter().filter(is_new).map(|(_, code)| code.as_str()).collect();
        if codes.is_empty() {
            passed.push(message.id);
            continue;
        }
        let more = if codes.len() > CODES_NAMED { format!("等{}个", codes.len()) } else { String::new() };
        let named = codes.iter().take(CODES_NAMED).copied().collect::<Vec<_>>().join("、");
        withheld.push((message.id, format!("所列{named}{more}已标注为不便公开")));
    }
    store.marked_messages().record_check(position, &passed, &withheld, &stamp(clock.now())).await
}

/// How many packs of a run name a record that has become restricted since it read the marks: they are not given to units any more.
///
/// # Errors
/// The database fails.
pub(crate) async fn blocked_packs(store: &Store, config: &Config, clock: &Clock, run: &Run) -> Result<i64> {
    if store.restrictions().begun_since(run.inputs.restrictions).await?.is_empty() {
        return Ok(0);
    }
    let packs = store.named_records().of_packs(&run.id).await?;
    if packs.is_empty() {
        return Ok(0);
    }
    let begun = begun_with_parts(store, config, clock, run.inputs.restrictions).await?;
    let is_begun = |(ledger, code): &(String, String)| begun.get(ledger).is_some_and(|codes| codes.get(code).is_some());
    Ok(packs.iter().filter(|names| names.iter().any(is_begun)).count() as i64)
}

/// The records that have become restricted behind a position: those with a mark, and those that belong to such a project or name it.
/// Each with the position of its mark.
///
/// # Errors
/// The database fails.
pub(crate) async fn begun_with_parts(store: &Store, config: &Config, clock: &Clock, position: i64) -> Result<BTreeMap<String, Codes<i64>>> {
    let policy = &config.policy;
    let mut begun = store.restrictions().begun_since(position).await?;
    let Some(projects) = policy.projects().and_then(|projects| begun.get(&projects.id)) else { return Ok(begun) };
    let selection = SnapshotSelection::on(store, config, &[], clock.today()).await?;
    let mut parts = Vec::new();
    for ledger in &policy.ledgers {
        LedgerRecords::as_imported(store, ledger, &selection)
            .each(|_, streamed| {
                if let Some(began) = selection.restrictions.project_of(ledger, streamed.record).and_then(|code| projects.get(&code)) {
                    parts.push((&ledger.id, streamed.record.code.clone(), *began));
                }
                Ok(())
            })
            .await?;
    }
    for (ledger, code, began) in parts {
        let codes = begun.entry(ledger.clone()).or_default();
        match codes.get_mut(&code) {
            Some(latest) => *latest = (*latest).max(began),
            None => codes.insert(&code, began)?,
        }
    }
    Ok(begun)
}
