//! Writes the import report (导入报告) of a pull from the data in the store, so that a process which resumes after a crash writes the same bytes.
//! Rows are read from the store in pages and written at once.

use crate::domain::intake::note::NoteKind;
use crate::domain::intake::place::place_of;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::restriction::Restrictions;
use crate::domain::rules::policy::Policy;
use crate::report::archive;
use crate::report::archive::ArchiveWriter;
use crate::report::xlsx;
use crate::store::changes::{ChangeCounts, Side};
use crate::store::records::StoredRecord;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::workbook::balance::check_balance;
use crate::workbook::books::intake_report::{
    CodeChange, IntakeFacts, IntakeReport, LedgerIntake, RestrictedLists, SnapshotComparison, UnitRank, plan_report, unit_rank,
};
use crate::workbook::model::Row;
use crate::worker::import::importer::Importer;
use crate::worker::import::pull_report::{LedgerPull, PullReport, lost_columns};
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use tokio::sync::mpsc::Sender;

/// The folder below `var/reports/`, and the name of the workbook.
const FOLDER: &str = "导入报告";
const FILE: &str = "导入报告.xlsx";

/// Rows sent to the writer at a time, and how many such chunks may wait.
const CHUNK: usize = 1000;
const CHUNKS_AHEAD: usize = 2;

/// The sort key of a note: (rank of its unit, ledger of the file, number).
type Key = (u32, u32, i64);

/// A ledger of the file, with the snapshots that its part of the report is read from.
struct Source<'a> {
    pulled: &'a LedgerPull,
    snapshot: &'a Snapshot,
    /// The previous snapshot in force.
    base: Option<&'a Snapshot>,
    ledger: usize,
    /// All snapshots, to find the file in which a version began.
    all: &'a [Snapshot],
}

/// The notes of all ledgers in the order of the report.
#[derive(Default)]
struct Order {
    quarantined: Vec<Key>,
    warnings: Vec<Key>,
    skipped: Vec<Key>,
    /// Which of them are on rows of restricted records.
    restricted: RestrictedLists,
}

impl Importer {
    /// Writes the import report of a pull, and enters its path in `report`. A failure is entered there too; it does not undo the pull.
    pub(crate) async fn write_intake_report(&self, policy: &Policy, source: &str, report: &mut PullReport) {
        match self.intake_report(policy, source, report).await {
            Ok(path) => report.workbook = path,
            Err(error) => {
                tracing::error!(file = %report.file, %error, "the import report could not be written");
                report.fault = Some(format!("导入报告未能生成：{error:#}"));
            }
        }
    }

    /// Writes the import report. Returns its path relative to the root; `None` = the same rows came earlier with another file.
    async fn intake_report(&self, policy: &Policy, source: &str, report: &PullReport) -> anyhow::Result<Option<String>> {
        let snapshots = self.store.snapshots().list().await?;
        let sources = sources(policy, source, report, &snapshots)?;
        let brought = |source: &&Source<'_>| source.snapshot.file_sha256 == report.sha256;
        let Some(first) = sources.iter().find(brought) else { return Ok(None) };
        let covers_on = first.snapshot.covers_on;
        let folder =
            format!("reports/{FOLDER}/{}/{covers_on}-{}", archive::safe_name(source), &report.sha256[..8.min(report.sha256.len())]);
        let path = format!("var/{folder}/{FILE}");
        let nothing_new = sources.iter().all(|source| !source.pulled.fresh && source.pulled.state.is_none());
        if nothing_new && self.var.join(&folder).join(FILE).is_file() {
            return Ok(Some(path));
        }
        let restrictions = SnapshotSelection::on(&self.store, &self.config, &[], self.clock.today()).await?.restrictions;
        let order = self.order(policy, &sources, &restrictions).await?;
        let mut ledgers = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            let of = |keys: &[Key]| keys.iter().filter(|(_, ledger, _)| *ledger as usize == index).count();
            ledgers.push(LedgerIntake {
                ledger: source.ledger,
                seq: source.snapshot.seq,
                covers_on: source.snapshot.covers_on,
                identical: source.snapshot.file_sha256 != report.sha256,
                held_because: match source.snapshot.state {
                    SnapshotState::Held => source.snapshot.reason.clone(),
                    SnapshotState::InForce | SnapshotState::Discarded => String::new(),
                },
                accounts: source.pulled.accounts.clone(),
                quarantined: of(&order.quarantined),
                warnings: of(&order.warnings),
                skipped: of(&order.skipped),
                comparison: self.compared(&policy.ledgers[source.ledger], source, report).await?,
            });
        }
        let codes = self.changes_a_restricted_code(policy, &sources, &ledgers, &restrictions).await?;
        let facts = IntakeFacts {
            policy,
            office: &self.config.settings.office.name,
            file: &report.file,
            sha256: &report.sha256,
            source,
            covers_on,
            ledgers: &ledgers,
            restricted: RestrictedLists { codes, ..order.restricted },
            unread: &report.unread,
        };
        let planned = plan_report(&facts);
        let wrong = check_balance(&planned.book);
        ensure!(wrong.is_empty(), "{}", wrong.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("；"));
        let book = planned.book.clone();
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Vec<Row>>(CHUNKS_AHEAD);
        let target = self.var.join(&folder);
        let rendering = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::new().into_iter();
            archive::remove_temporary_files(&target)?;
            let mut part = ArchiveWriter::create(&target)?;
            let mut next = || {
                loop {
                    if let Some(row) = chunk.next() {
                        return Some(row);
                    }
                    chunk = receiver.blocking_recv()?.into_iter();
                }
            };
            xlsx::render_into(&book, &mut next, &mut part)?;
            anyhow::Ok(part)
        });
        let fed = self.feed(policy, &planned, &sources, &order, &ledgers, &restrictions, &sender).await;
        drop(sender);
        let rendered = rendering.await?;
        // an error here is the cause of an incomplete workbook, so it is returned first
        fed?;
        let part = rendered?;
        tokio::task::spawn_blocking(move || part.publish(FILE)).await??;
        Ok(Some(path))
    }

    /// The keys of all notes: sorted by the unit that maintains the row, then by ledger, sheet and row; notes on skipped rows in file order.
    async fn order(&self, policy: &Policy, sources: &[Source<'_>], restrictions: &Restrictions) -> anyhow::Result<Order> {
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        let mut order = Order::default();
        for (index, source) in sources.iter().enumerate() {
            let snapshot = source.snapshot;
            self.store
                .notes()
                .each(&snapshot.ledger, &snapshot.source, snapshot.seq, |no, note| {
                    let known = names.get(&note.unit).copied();
                    let name = known.unwrap_or_else(|| {
                        let next = names.len() as u32;
                        names.insert(note.unit.clone(), next);
                        next
                    });
                    let key = (name, index as u32, no);
                    let (keys, key, holds_restricted) = match note.kind {
                        NoteKind::Quarantined => (&mut order.quarantined, key, &mut order.restricted.quarantined),
                        NoteKind::Warning => (&mut order.warnings, key, &mut order.restricted.warnings),
                        NoteKind::Skipped => (&mut order.skipped, (0, index as u32, no), &mut order.restricted.skipped),
                    };
                    keys.push(key);
                    *holds_restricted |= restrictions.has_note(&snapshot.ledger, &note);
                })
                .await?;
        }
        // different names of one unit have one rank
        let mut ranks: Vec<UnitRank> = names.keys().map(|name| unit_rank(policy, name)).collect();
        ranks.sort();
        ranks.dedup();
        let mut rank_of = vec![0u32; names.len()];
        for (name, number) in &names {
            rank_of[*number as usize] = ranks.binary_search(&unit_rank(policy, name)).unwrap_or_default() as u32;
        }
        for keys in [&mut order.quarantined, &mut order.warnings] {
            for key in keys.iter_mut() {
                key.0 = rank_of[key.0 as usize];
            }
            keys.sort_unstable();
        }
        Ok(order)
    }

    /// The differences between a snapshot and the previous one in force.
    async fn compared(&self, ledger: &Ledger, source: &Source<'_>, report: &PullReport) -> anyhow::Result<SnapshotComparison> {
        let snapshot = source.snapshot;
        if snapshot.file_sha256 != report.sha256 {
            return Ok(SnapshotComparison::default());
        }
        let (old, new) = source.sides();
        let counts = match source.base {
            // the pull that made the snapshot has counted them
            Some(_) if source.pulled.fresh => ChangeCounts::of(&source.pulled.difference),
            _ => self.store.changes().count(&snapshot.ledger, old, new).await?,
        };
        #[cfg(debug_assertions)]
        assert_eq!(counts, self.store.changes().count(&snapshot.ledger, old, new).await?, "a pull has counted otherwise than the database");
        let number = |count: i64| usize::try_from(count).unwrap_or(0);
        Ok(SnapshotComparison {
            previous: source.base.map(|base| (base.seq, base.covers_on)),
            added: number(counts.added),
            changed: number(counts.changed),
            gone: number(counts.gone),
            lost_fields: source.base.map_or_else(Vec::new, |base| lost_columns(ledger, &base.accounts, &source.pulled.accounts)),
        })
    }

    /// Whether a code that is new or gone is one of a restricted record.
    async fn changes_a_restricted_code(
        &self,
        policy: &Policy,
        sources: &[Source<'_>],
        ledgers: &[LedgerIntake],
        restrictions: &Restrictions,
    ) -> anyhow::Result<bool> {
        // without any mark no page has to be read for it
        if restrictions.is_empty() {
            return Ok(false);
        }
        for (source, facts) in sources.iter().zip(ledgers) {
            let ledger = &policy.ledgers[facts.ledger];
            for (_, side, other) in source.changed_sides(facts) {
                let mut after = String::new();
                loop {
                    let page = self.store.changes().only_in(ledger, side, other, &after).await?;
                    let Some(last) = page.last() else { break };
                    after.clone_from(&last.record.code);
                    if page.iter().any(|stored| restrictions.has_record(ledger, &stored.record)) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Sends the rows of all sheets to the writer, in the order of the sheets.
    #[allow(clippy::too_many_arguments, reason = "what is planned, and what its rows are read from")]
    async fn feed(
        &self,
        policy: &Policy,
        planned: &IntakeReport<'_>,
        sources: &[Source<'_>],
        order: &Order,
        ledgers: &[LedgerIntake],
        restrictions: &Restrictions,
        sender: &Sender<Vec<Row>>,
    ) -> anyhow::Result<()> {
        for (keys, skipped) in [(&order.quarantined, false), (&order.warnings, false), (&order.skipped, true)] {
            let mut number = 0;
            for part in keys.chunks(CHUNK) {
                let mut rows = Vec::with_capacity(part.len());
                // the notes of one ledger are read together, so a part is split where the ledger changes
                for run in part.chunk_by(|a, b| a.1 == b.1) {
                    let source = &sources[run[0].1 as usize];
                    let numbers: Vec<i64> = run.iter().map(|(.., no)| *no).collect();
                    let snapshot = source.snapshot;
                    for note in self.store.notes().numbered(&snapshot.ledger, &snapshot.source, snapshot.seq, &numbers).await? {
                        number += 1;
                        let sheets = &source.pulled.sheets_of_file;
                        let restricted = restrictions.has_note(&snapshot.ledger, &note);
                        rows.push(match skipped {
                            true => planned.skipped_row(number, source.ledger, sheets, &note, restricted),
                            false => planned.note_row(number, source.ledger, sheets, &note, restricted),
                        });
                    }
                }
                if sender.send(rows).await.is_err() {
                    return Ok(());
                }
            }
        }
        let mut number = 0;
        for (source, facts) in sources.iter().zip(ledgers) {
            for (gone, side, other) in source.changed_sides(facts) {
                let ledger = &policy.ledgers[facts.ledger];
                let mut after = String::new();
                loop {
                    let page = self.store.changes().only_in(ledger, side, other, &after).await?;
                    let Some(last) = page.last() else { break };
                    after.clone_from(&last.record.code);
                    let mut rows = Vec::with_capacity(page.len());
                    for stored in &page {
                        number += 1;
                        let change = source.code_change(ledger, stored, gone, restrictions);
                        rows.push(planned.code_row(number, &change));
                    }
                    if sender.send(rows).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'a> Source<'a> {
    /// The previous snapshot in force and the new one, as the sides of a comparison.
    fn sides(&self) -> (Side<'a>, Side<'a>) {
        let source = self.snapshot.source.as_str();
        (Side { source, seq: self.base.map_or(0, |base| base.seq) }, Side { source, seq: self.snapshot.seq })
    }

    /// The sides that have codes which the other lacks: whether these are gone, the side, the other side.
    fn changed_sides(&self, facts: &LedgerIntake) -> impl Iterator<Item = (bool, Side<'a>, Side<'a>)> {
        let (old, new) = self.sides();
        let comparison = &facts.comparison;
        let sides = [(false, new, old, comparison.added), (true, old, new, comparison.gone)];
        let is_compared = comparison.previous.is_some();
        sides.into_iter().filter(move |(.., count)| is_compared && *count > 0).map(|(gone, side, other, _)| (gone, side, other))
    }

    /// A code that is new or gone, as the report lists it.
    fn code_change(&self, ledger: &Ledger, stored: &StoredRecord, gone: bool, restrictions: &Restrictions) -> CodeChange {
        let record = &stored.record;
        CodeChange {
            gone,
            ledger: self.ledger,
            code: record.code.clone(),
            name: record.text(ledger.role(Role::Name)).to_owned(),
            unit: record.text(Some(ledger.owner.field())).to_owned(),
            place: place_in(self.all, &self.snapshot.ledger, &self.snapshot.source, stored, None),
            restricted: restrictions.has_record(ledger, record),
        }
    }
}

/// The place of a version in the file of the snapshot in which it began: sheet and row, and the cell of `field` if given.
pub fn place_in(all: &[Snapshot], ledger: &str, source: &str, stored: &StoredRecord, field: Option<&str>) -> String {
    let began = all.iter().find(|known| known.ledger == ledger && known.source == source && known.seq == stored.first_seq);
    let place = stored.record.place;
    match began {
        Some(began) => place_of(&began.origin.file, &began.origin.sheets, &began.accounts, place.sheet, place.row, field),
        None => place_of("", &[], &[], place.sheet, place.row, None),
    }
}

/// The ledgers of a pull with their snapshots.
fn sources<'a>(policy: &Policy, source: &str, report: &'a PullReport, all: &'a [Snapshot]) -> anyhow::Result<Vec<Source<'a>>> {
    report
        .ledgers
        .iter()
        .map(|pulled| {
            let of = || all.iter().filter(|known| known.ledger == pulled.ledger && known.source == source);
            let snapshot = of().find(|known| known.seq == pulled.seq).context("the snapshot is not there")?;
            let base = of().rfind(|known| known.seq < pulled.seq && known.state == SnapshotState::InForce);
            let ledger = policy.ledger(&pulled.ledger).context("the ledger is not configured")?;
            Ok(Source { pulled, snapshot, base, ledger, all })
        })
        .collect()
}
