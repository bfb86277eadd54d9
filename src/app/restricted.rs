//! What is restricted (涉密、不便公开): the marks that count, what a person lifts, and what had gone out before.

use crate::app::compose::App;
use crate::app::person::Person;
use crate::config::load::Config;
use crate::domain::register::record::Record;
use crate::store::audit::AuditEntry;
use crate::store::handle::Store;
use crate::store::outbox::OutboxRow;
use crate::store::records::StreamedRecord;
use crate::store::restrictions::{Lifting, ListedMark};
use crate::worker::records::LedgerRecords;
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::ensure;
use std::collections::{BTreeMap, BTreeSet};

/// The fewest characters of a sha256 that name a file.
const SHA_CHARS_MIN: usize = 8;

/// The marks that no row has ended, lifted or not, by ledger, code and source.
///
/// # Errors
/// The database fails.
pub(crate) async fn list(store: &Store) -> anyhow::Result<Vec<ListedMark>> {
    Ok(store.restrictions().list().await?)
}

/// Which marks a person lifts.
#[derive(Clone, Debug)]
pub(crate) struct LiftRequest {
    pub(crate) codes: Vec<String>,
    /// All that a file brought, by the beginning of its sha256.
    pub(crate) file: Option<String>,
}

/// The result of lifting marks: ledger, source and code of each.
#[derive(Debug)]
pub(crate) struct Lifted {
    pub(crate) marks: Vec<(String, String, String)>,
    /// Codes of the request without a mark that counts.
    pub(crate) unknown: Vec<String>,
}

/// Lifts marks in a person's name. The lift of a mark holds until the cell of the same source changes.
///
/// # Errors
/// The person, the reason or the marks are not named, or the database fails.
pub(crate) async fn lift(app: &App, now: &str, request: LiftRequest, by: Person<'_>) -> anyhow::Result<Lifted> {
    let store = app.store();
    by.ensure_named("解除标注")?;
    ensure!(request.codes.is_empty() != request.file.is_none(), "name the codes, or the file with --file SHA");
    let entry = AuditEntry { at: now, who: by.who, why: by.why };
    let marks = match &request.file {
        Some(file) => {
            let file = file.trim().to_ascii_lowercase();
            ensure!(
                file.len() >= SHA_CHARS_MIN,
                "--file needs at least {SHA_CHARS_MIN} characters of the sha256; see duban restricted list"
            );
            store.restrictions().lift(Lifting::File(&file), entry).await?
        }
        None => store.restrictions().lift(Lifting::Codes(&request.codes), entry).await?,
    };
    let mut lifted = Lifted { marks, unknown: Vec::new() };
    let selection = SnapshotSelection::on(store, app.config(), &[], app.clock().today()).await?;
    for code in request.codes {
        // a record with a mark of its own may name a marked project too, and several ledgers may have the code
        for named in mentioning(app, &selection, Some(&code)).await? {
            store.restrictions().lift_mention(&named.ledger, &named.code, &named.cell, selection.sample, entry).await?;
            lifted.marks.push((named.ledger, named.cell, named.code));
        }
        if !lifted.marks.iter().any(|(.., lifted)| *lifted == code) {
            lifted.unknown.push(code);
        }
    }
    Ok(lifted)
}

/// The latest run of a job with packs that name a record which has become restricted since.
#[derive(Debug)]
pub(crate) struct BlockedPacks {
    pub(crate) job: String,
    pub(crate) as_of: String,
    pub(crate) packs: i64,
}

/// The packs that are not given to units any more and have to be made anew, by job.
///
/// # Errors
/// The database fails.
pub(crate) async fn blocked(app: &App) -> anyhow::Result<Vec<BlockedPacks>> {
    let (mut blocked, runner) = (Vec::new(), app.runner());
    for job in &app.config().jobs {
        let Some(run) = app.store().runs().newest_of(&job.name).await?.filter(|run| run.state.has_result()) else { continue };
        let packs = runner.blocked_packs(&run).await?;
        if packs > 0 {
            blocked.push(BlockedPacks { job: job.name.clone(), as_of: run.as_of, packs });
        }
    }
    Ok(blocked)
}

/// A record that is restricted because it names a marked project.
#[derive(Debug)]
pub(crate) struct Mentioning {
    pub(crate) ledger: String,
    pub(crate) code: String,
    /// What its mark would be.
    pub(crate) cell: String,
}

/// The records that are restricted because they name a marked project: all, or the one of a code.
///
/// # Errors
/// The database fails.
pub(crate) async fn all_mentioning(app: &App) -> anyhow::Result<Vec<Mentioning>> {
    let selection = SnapshotSelection::on(app.store(), app.config(), &[], app.clock().today()).await?;
    mentioning(app, &selection, None).await
}

async fn mentioning(app: &App, selection: &SnapshotSelection, code: Option<&str>) -> anyhow::Result<Vec<Mentioning>> {
    let restrictions = &selection.restrictions;
    let mut found = Vec::new();
    if restrictions.marked_projects().next().is_none() {
        return Ok(found);
    }
    for ledger in &app.config().policy.ledgers {
        let records = LedgerRecords::as_imported(app.store(), ledger, selection);
        let mut take = |record: &Record| {
            if let Some(cell) = restrictions.mention_in(ledger, record).filter(|_| !restrictions.has(&ledger.id, &record.code)) {
                found.push(Mentioning { ledger: ledger.id.clone(), code: record.code.clone(), cell });
            }
        };
        match code {
            Some(code) => records.record_by_code(code).await?.iter().for_each(|found| take(&found.stored.record)),
            None => {
                let take_streamed = |_, streamed: StreamedRecord<'_>| {
                    take(streamed.record);
                    Ok(())
                };
                records.each(take_streamed).await?;
            }
        }
    }
    Ok(found)
}

/// A mail or a file that names a restricted record.
#[derive(Debug)]
pub(crate) enum WentOut {
    /// It has arrived, or may have.
    Mail(Box<OutboxRow>),
    File {
        path: String,
        /// Name of the unit that a pack is for; empty for the other files.
        unit: String,
    },
}

/// What names each restricted record and went out or was filed before the mark, by code. `codes` empty = all.
///
/// # Errors
/// The database fails.
pub(crate) async fn went_out(store: &Store, config: &Config, codes: &[String]) -> anyhow::Result<BTreeMap<String, Vec<WentOut>>> {
    let marks = store.restrictions().list().await?;
    let counting = marks.into_iter().filter(|mark| mark.lifted_by.is_empty() && (codes.is_empty() || codes.contains(&mark.code)));
    let restricted: BTreeSet<(String, String)> = counting.map(|mark| (mark.ledger, mark.code)).collect();
    let mut out: BTreeMap<String, Vec<WentOut>> = restricted.iter().map(|(_, code)| (code.clone(), Vec::new())).collect();
    let mut add = |code: &str, one: WentOut| out.entry(code.to_owned()).or_default().push(one);
    store
        .marked_messages()
        .each_sent(|message, names| {
            let codes: BTreeSet<&str> = names.intersection(&restricted).map(|(_, code)| code.as_str()).collect();
            codes.into_iter().for_each(|code| add(code, WentOut::Mail(Box::new(message.clone()))));
        })
        .await?;
    let units = &config.policy.units.units;
    for file in store.named_records().files().await? {
        let unit = units.iter().find(|unit| !file.unit.is_empty() && unit.code == file.unit).map_or("", |unit| &unit.name);
        let codes: BTreeSet<&str> = file.names.intersection(&restricted).map(|(_, code)| code.as_str()).collect();
        codes.into_iter().for_each(|code| add(code, WentOut::File { path: file.path.clone(), unit: unit.to_owned() }));
    }
    Ok(out)
}

/// Whether a stored text (a file of a run by its path, a message by its id) names a record that is restricted now, or one that belongs to such a
/// project or names it. Reads the marks of what it names, and where there is none the records.
///
/// # Errors
/// The database fails.
pub(crate) async fn names_restricted(app: &App, object: &str) -> anyhow::Result<bool> {
    let (store, policy) = (app.store(), &app.config().policy);
    let restrictions = store.restrictions();
    if restrictions.position().await? == 0 {
        return Ok(false);
    }
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (ledger, code) in store.named_records().of(object).await? {
        named.entry(ledger).or_default().push(code);
    }
    for (ledger, codes) in &named {
        if restrictions.has_any(ledger, codes).await? {
            return Ok(true);
        }
    }
    let present = app.present().await?;
    let selection = &present.selection;
    for ledger in &policy.ledgers {
        let Some(codes) = named.get(&ledger.id) else { continue };
        let records = LedgerRecords::as_imported(store, ledger, selection).records_by_code(codes).await?;
        if records.iter().any(|found| selection.restrictions.project_of(ledger, &found.stored.record).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}
