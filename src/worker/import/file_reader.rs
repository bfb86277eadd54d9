//! Reads the blocks of one file or query, and writes the rows that the intake accepts to the new snapshots of their ledgers.

use crate::config::load::Config;
use crate::domain::audience::is_stated_open;
use crate::domain::intake::file::{CodeInFile, FileFault, FileIntake, RowNames, RowPlace};
use crate::domain::intake::raw::RawRow;
use crate::domain::intake::row_marks::{ClassifiedCell, RowMark};
use crate::domain::intake::sheet::{Accepted, Outcome};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::packed::pack;
use crate::domain::register::record::Columns;
use crate::domain::rules::policy::Policy;
use crate::source::frame::{Block, Frame};
use crate::source::refusal::Refusal;
use crate::store::database::StoreError;
use crate::store::open_versions::RowFingerprint;
use crate::store::pulls::{NewRecord, Pull, SnapshotWriter};
use crate::worker::import::pull_report::{PullError, interrupted};
use crate::worker::import::row_cache::RowFingerprinter;
use chrono::NaiveDate;
use indicatif::ProgressBar;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc::Receiver;

/// What is written of one ledger while its file is read.
pub(crate) struct LedgerWriter {
    pub(crate) writer: SnapshotWriter,
    /// The layout of the sheet being read.
    layout: Option<(Columns, i64)>,
    /// The marks of secrecy in its rows, whatever became of the rows, by code.
    pub(crate) found_marks: BTreeMap<String, RowMark>,
    /// Codes that an accepted row states to be open although a mark of this source restricts them.
    pub(crate) stated_open: BTreeSet<String>,
}

/// The cell of a mark in a file with grades of state secrets, because none of its text is stored.
const CLASSIFIED_FILE: &str = "（拒收的文件标注）";

/// Adds the rows of a file's sheets to the ledgers they belong to.
pub(crate) struct FileReader<'a> {
    config: &'a Config,
    source: &'a str,
    /// What a refusal names as the place of the error.
    place: String,
    today: NaiveDate,
    pub(crate) intake: FileIntake<'a>,
    /// By the id of the ledger; those that [`FileIntake::by_ledger`] has.
    pub(crate) writers: BTreeMap<String, LedgerWriter>,
    /// Of the sheet being read; `None` until its header is found.
    fingerprinter: Option<RowFingerprinter>,
    /// The packed cells of the current row; one buffer for all rows.
    body: Vec<u8>,
}

impl<'a> FileReader<'a> {
    /// A reader that has not read anything. `ledgers` are those that the file may hold; `place` is named in a refusal.
    pub(crate) fn new(
        config: &'a Config,
        policy: &'a Policy,
        ledgers: &'a [Ledger],
        source: &'a str,
        place: String,
        today: NaiveDate,
    ) -> FileReader<'a> {
        FileReader {
            config,
            source,
            place,
            today,
            intake: FileIntake::new(policy, ledgers, today),
            writers: BTreeMap::new(),
            fingerprinter: None,
            body: Vec::new(),
        }
    }

    /// Reads all blocks. The last sheet is left open for [`FileReader::end_sheet`], which the caller calls only if the source was read to its
    /// end.
    ///
    /// # Errors
    /// A block is damaged, or the database fails.
    pub(crate) async fn read(&mut self, pull: &mut Pull, mut receiver: Receiver<Block>, progress: &ProgressBar) -> Result<(), PullError> {
        let mut outcomes = Vec::new();
        let mut canonical = Vec::new();
        while let Some(block) = receiver.recv().await {
            let mut row = RawRow { number: 0, hidden: false, cells: Vec::new() };
            for frame in block.frames() {
                match frame.map_err(|error| self.broken(error))? {
                    Frame::Sheet(sheet) => {
                        self.end_sheet(pull).await?;
                        self.intake.begin_sheet(sheet.name, sheet.visible, sheet.merges, sheet.hidden_columns, sheet.document);
                        self.check_bounds()?;
                    }
                    Frame::Row(packed) => {
                        progress.inc(1);
                        if self.intake.sheet().is_none_or(|sheet| sheet.is_refused()) {
                            self.intake.count_row();
                            self.check_bounds()?;
                            continue;
                        }
                        packed.unpack_into(&mut row, &mut canonical).map_err(|error| self.broken(error))?;
                        let fingerprint = self.fingerprint(row.number, &canonical);
                        if let Some(fingerprint) = fingerprint
                            && self.count_if_unchanged(&row, fingerprint)?
                        {
                            continue;
                        }
                        let is_clean = self.intake.push(&row, &mut outcomes);
                        self.add_rows(pull, &mut outcomes, fingerprint.filter(|_| is_clean)).await?;
                        self.check_bounds()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The failure where the child has sent what none of ours sends: the file has taken it over.
    fn broken(&self, error: impl std::fmt::Display) -> PullError {
        PullError::ReaderEnded { file: self.place.clone(), refusal: interrupted(error) }
    }

    /// # Errors
    /// The file has more of something than a real register, or nearly nothing of it can be used.
    fn check_bounds(&self) -> Result<(), PullError> {
        match self.intake.fault() {
            None => Ok(()),
            Some(FileFault { reason, hint }) => {
                Err(PullError::Refused { file: self.place.clone(), refusal: Refusal { reason, hint: hint.to_owned() } })
            }
        }
    }

    /// The fingerprint of a row with these canonical bytes; `None` before the header is found, and for a row whose reading depends on other
    /// rows.
    fn fingerprint(&mut self, row: u32, canonical: &[u8]) -> Option<RowFingerprint> {
        let sheet = self.intake.sheet()?;
        if self.fingerprinter.is_none() {
            self.fingerprinter = RowFingerprinter::of(self.config, sheet, self.today);
        }
        self.fingerprinter.as_ref().filter(|_| sheet.is_independent(row)).map(|fingerprinter| fingerprinter.fingerprint(canonical))
    }

    /// Counts a row that was accepted without a note at the previous pull and has not changed since. Returns `false` if the row must be read.
    fn count_if_unchanged(&mut self, row: &RawRow<'_>, fingerprint: RowFingerprint) -> Result<bool, StoreError> {
        let Some(ledger) = self.intake.sheet().and_then(|sheet| sheet.ledger()) else { return Ok(false) };
        let Some(ledger) = self.writers.get_mut(&ledger.id) else { return Ok(false) };
        let place = RowPlace { sheet: self.intake.sheet_number(), row: row.number };
        let is_unchanged = ledger.writer.add_unchanged(fingerprint, place)?;
        if is_unchanged {
            self.intake.count_unchanged(row);
        }
        Ok(is_unchanged)
    }

    /// Adds the rows of `outcomes` to their ledger. `fingerprint` is that of the last row, if it was read without a note.
    async fn add_rows(
        &mut self,
        pull: &mut Pull,
        outcomes: &mut Vec<Outcome>,
        fingerprint: Option<RowFingerprint>,
    ) -> Result<(), StoreError> {
        let Some(ledger) = self.intake.ledger().map(|intake| intake.ledger) else { return Ok(()) };
        if !self.writers.contains_key(&ledger.id) {
            let writer = pull.writer(&ledger.id, self.source).await?;
            let ledger_writer = LedgerWriter { writer, layout: None, found_marks: BTreeMap::new(), stated_open: BTreeSet::new() };
            self.writers.insert(ledger.id.clone(), ledger_writer);
        }
        let marks = self.intake.take_marks();
        if let Some(writer) = self.writers.get_mut(&ledger.id) {
            for mark in marks {
                writer.found_marks.entry(mark.code.clone()).or_insert(mark);
            }
        }
        // a file with state secrets is refused: its rows are looked through for marks and not stored
        if self.intake.is_classified() {
            outcomes.clear();
            return Ok(());
        }
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::Blank | Outcome::Skipped => {}
                Outcome::Quarantined { code } => self.intake.retain(code),
                Outcome::Accepted(accepted) => self.add_row(pull, ledger, &accepted, fingerprint).await?,
            }
        }
        Ok(())
    }

    /// Writes an accepted row to the snapshot of its ledger, and lets the intake decide what it means if the file had its code before.
    async fn add_row(
        &mut self,
        pull: &mut Pull,
        ledger: &Ledger,
        accepted: &Accepted,
        fingerprint: Option<RowFingerprint>,
    ) -> Result<(), StoreError> {
        let is_clean = self.intake.check(accepted);
        let Some(LedgerWriter { writer, layout: known_layout, stated_open, .. }) = self.writers.get_mut(&ledger.id) else { return Ok(()) };
        let is_open = || ledger.role(Role::Restricted).is_some_and(|field| is_stated_open(ledger, &accepted.cells[field]));
        if writer.has_mark(&accepted.code) && is_open() {
            stated_open.insert(accepted.code.clone());
        }
        let columns = self.intake.sheet().map(|sheet| sheet.columns()).unwrap_or_default();
        let text = |field: usize| accepted.cells[field].text().unwrap_or_default();
        self.body.clear();
        pack(&mut self.body, columns.iter().map(|field| &accepted.cells[field]))
            .map_err(|error| StoreError::Internal(format!("cannot pack a row: {error}")))?;
        let record = NewRecord {
            code: accepted.code.as_str().into(),
            unit: text(ledger.owner.field()).into(),
            name: ledger.role(Role::Name).map(text).unwrap_or_default().into(),
            amount: ledger.role(Role::Amount).and_then(|field| accepted.cells[field].money()).unwrap_or(0),
            place: RowPlace { sheet: self.intake.sheet_number(), row: accepted.row },
            body: self.body.as_slice().into(),
            row_fingerprint: fingerprint.filter(|_| is_clean),
        };
        let layout = match *known_layout {
            Some((known, layout)) if known == columns => layout,
            _ => {
                let layout = pull.layout(writer, &layout_of(ledger, columns)).await?;
                *known_layout = Some((columns, layout));
                layout
            }
        };
        let code = pull.add(writer, layout, record).await?;
        let first = match code {
            CodeInFile::New | CodeInFile::Same(_) => RowNames::default(),
            CodeInFile::Conflicting(_) => pull.names_of(writer, &accepted.code).await?,
        };
        self.intake.decide(accepted, code, first);
        Ok(())
    }

    /// Ends the sheet being read, if there is one: adds the rows that it still buffers.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn end_sheet(&mut self, pull: &mut Pull) -> Result<(), StoreError> {
        let mut outcomes = self.intake.last_outcomes();
        self.add_rows(pull, &mut outcomes, None).await?;
        self.intake.end_sheet();
        self.fingerprinter = None;
        Ok(())
    }
}

impl FileReader<'_> {
    /// The marks of the rows that were read of a file which is not read to its end, or is refused; each with the id of its ledger.
    pub(crate) fn marks_so_far(mut self) -> Vec<(String, RowMark)> {
        // the first rows of a sheet wait for its header; nothing but their marks is looked at
        self.intake.last_outcomes();
        let of_sheet = self.intake.take_marks();
        let sheet_ledger = self.intake.ledger().map(|intake| intake.ledger.id.clone());
        self.intake.end_sheet();
        let mut marks: Vec<(String, RowMark)> = Vec::new();
        for (id, ledger) in self.writers {
            marks.extend(ledger.found_marks.into_values().map(|mark| (id.clone(), mark)));
        }
        if let Some(id) = sheet_ledger {
            marks.extend(of_sheet.into_iter().map(|mark| (id.clone(), mark)));
        }
        if !self.intake.classified.is_empty() {
            for (id, _, ClassifiedCell { code, .. }) in self.intake.classified.into_iter().filter(|(.., cell)| !cell.code.is_empty()) {
                marks.push((id, RowMark { code, cell: String::new(), header: String::new() }));
            }
            marks.iter_mut().for_each(|(_, mark)| mark.cell = CLASSIFIED_FILE.to_owned());
        }
        marks
    }
}

/// The ids of the fields a sheet has columns for, in field order.
fn layout_of(ledger: &Ledger, columns: Columns) -> Vec<String> {
    columns.iter().map(|field| ledger.fields[field].id.clone()).collect()
}
