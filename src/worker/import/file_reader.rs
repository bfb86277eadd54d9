//! Reads what a child has taken in of one file or query, checks it, and writes the accepted rows to the new snapshots of their ledgers.

use crate::domain::audience::is_stated_open;
use crate::domain::intake::code_marks::{CodeMarks, FoundMark};
use crate::domain::intake::file::{CodeInFile, FileIntake, Forged, RowNames, RowPlace};
use crate::domain::intake::row_marks::MarkedRows;
use crate::domain::intake::rows::FileFault;
use crate::domain::intake::sheet::Accepted;
use crate::domain::register::codes::Codes;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::packed::{self, Layout, RowHead};
use crate::domain::register::record::{Cell, Columns};
use crate::domain::rules::policy::Policy;
use crate::source::child::Answers;
use crate::source::refusal::Refusal;
use crate::store::database::StoreError;
use crate::store::handle::Store;
use crate::store::open_versions::RowFingerprint;
use crate::store::pulls::Pull;
use crate::store::snapshot_writer::{NewRecord, SnapshotWriter};
use crate::worker::import::known_marks::CLASSIFIED_FILE;
use crate::worker::import::known_rows;
use crate::worker::import::pull_report::{PullError, interrupted};
use crate::worker::import::taken::{PackedNote, SheetPieces, TEXT_BYTES_MAX, Taken, classified_place};
use indicatif::ProgressBar;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use tokio::sync::mpsc::Receiver;

/// What is written of one ledger while its file is read.
pub(crate) struct LedgerWriter {
    pub(crate) writer: SnapshotWriter,
    /// The layout of the sheet being read.
    layout: Option<(Columns, i64)>,
    /// The marks of secrecy in its rows, whatever became of the rows, by code.
    pub(crate) found_marks: CodeMarks,
    /// Codes that an accepted row states to be open although a mark of this source restricts them.
    pub(crate) stated_open: Codes<()>,
    /// The codes of rows that are not stored, because the file holds grades of state secrets.
    passed_over: Codes<()>,
}

/// The most memory that the marks of a file may take: those of a full sheet, and more.
const MARKS_BYTES_MAX: usize = 128 * 1024 * 1024;

/// What a mark takes beside its code and name; its cell is stored once for all codes.
const MARK_BYTES: usize = 40;

/// The most bytes that a child may send about a file, beside the packed cells of its rows.
const TAKEN_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Adds the rows of a file's sheets to the ledgers they belong to, as the child that takes them in sends them.
pub(crate) struct FileReader<'a> {
    store: &'a Store,
    policy: &'a Policy,
    /// The codes that were given here, by the id of their ledger, once a row has the form of one.
    own_codes: BTreeMap<String, HashSet<String>>,
    source: &'a str,
    /// What a refusal names as the place of the error.
    place: String,
    answers: Option<Answers>,
    pub(crate) intake: FileIntake<'a>,
    /// By the id of the ledger; those that [`FileIntake::by_ledger`] has.
    pub(crate) writers: BTreeMap<String, LedgerWriter>,
    /// About the sheet being read.
    pieces: SheetPieces,
    /// The child has found a grade of state secrets; it does not look at the names of sheets.
    is_classified_by_child: bool,
    /// Memory that the marks take.
    mark_bytes: usize,
    taken_bytes: u64,
    /// What the packed rows may still take.
    row_bytes_left: u64,
}

impl<'a> FileReader<'a> {
    /// A reader that has not read anything. `ledgers` are those that the file may hold; `place` is named in a refusal.
    #[allow(clippy::too_many_arguments, reason = "what is read, for what, and within which bounds")]
    pub(crate) fn new(
        store: &'a Store,
        policy: &'a Policy,
        ledgers: &'a [Ledger],
        source: &'a str,
        place: String,
        data_rows_max: u32,
        row_bytes_max: u64,
        answers: Answers,
    ) -> FileReader<'a> {
        FileReader {
            store,
            policy,
            own_codes: BTreeMap::new(),
            source,
            place,
            answers: Some(answers),
            intake: FileIntake::new(ledgers, data_rows_max),
            writers: BTreeMap::new(),
            pieces: SheetPieces::default(),
            is_classified_by_child: false,
            mark_bytes: 0,
            taken_bytes: 0,
            row_bytes_left: row_bytes_max,
        }
    }

    /// Reads all blocks: one that was received already, and those behind it.
    ///
    /// # Errors
    /// A block is none of a child of ours, or the file is refused, or the database fails.
    pub(crate) async fn read(
        &mut self,
        pull: &mut Pull,
        (mut first, mut blocks): (Option<Vec<u8>>, Receiver<Vec<u8>>),
        progress: &ProgressBar,
    ) -> Result<(), PullError> {
        while let Some(block) = match first.take() {
            Some(first) => Some(first),
            None => blocks.recv().await,
        } {
            let mut rest = block.as_slice();
            while !rest.is_empty() {
                let (taken, left) = postcard::take_from_bytes::<Taken<'_>>(rest).map_err(|error| self.broken(error))?;
                let bytes = rest.len() - left.len();
                rest = left;
                match taken {
                    Taken::Unchanged { row, fingerprint } => {
                        progress.inc(1);
                        self.add_unchanged(row, fingerprint)?;
                    }
                    Taken::Accepted { row, fingerprint, body } => self.add_row(pull, row, fingerprint, body.0).await?,
                    Taken::RowEnd => {
                        progress.inc(1);
                        self.intake.end_row().map_err(|forged| self.broken(forged))?;
                        self.check_bounds()?;
                    }
                    other => {
                        self.taken_bytes += bytes as u64;
                        if self.taken_bytes > TAKEN_BYTES_MAX {
                            return Err(self.broken("more than any file"));
                        }
                        self.take(pull, other).await?;
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
    /// Nearly nothing of the file can be used.
    fn check_bounds(&self) -> Result<(), PullError> {
        match self.intake.fault() {
            None => Ok(()),
            Some(FileFault { reason, hint }) => {
                Err(PullError::Refused { file: self.place.clone(), refusal: Refusal { reason, hint: hint.to_owned() } })
            }
        }
    }

    /// Takes a frame other than those of most rows.
    async fn take(&mut self, pull: &mut Pull, taken: Taken<'_>) -> Result<(), PullError> {
        let done = match taken {
            Taken::Sheet { name, visible } => {
                self.intake.begin_sheet(name, visible).map_err(|forged| self.broken(forged))?;
                self.pieces = SheetPieces::default();
                return self.check_bounds();
            }
            Taken::Ledger { ledger, columns } => {
                let ledger = self.intake.find_ledger(ledger as usize, columns).map_err(|forged| self.broken(forged))?;
                return self.begin_ledger(pull, ledger).await;
            }
            Taken::HeaderNote(note) => self.add_note(&note, true),
            Taken::Note(note) => self.add_note(&note, false),
            Taken::Mark { code, name, cell, header } => self.add_mark(FoundMark { code, name, cell, header }),
            Taken::Classified { row, header } => {
                self.is_classified_by_child = true;
                self.intake.add_classified(classified_place(row, header))
            }
            Taken::Passed { code } => self.intake.count_accepted().and_then(|()| self.pass_over(code)),
            Taken::Quarantined { code } => {
                self.intake.quarantine(code).and_then(|()| match self.intake.is_classified() && !code.is_empty() {
                    true => self.pass_over(code),
                    false => Ok(()),
                })
            }
            Taken::Skipped => self.intake.skip(),
            Taken::About(piece) => self.pieces.add(piece).ok_or(Forged("too much about a sheet")),
            Taken::SheetEnd { .. } => match std::mem::take(&mut self.pieces).end(&taken) {
                Some(end) => self.intake.end_sheet(end),
                None => Err(Forged("a day of no file")),
            },
            Taken::Unusable => {
                self.check_bounds()?;
                Err(Forged("a file that can be used"))
            }
            Taken::Unchanged { .. } | Taken::Accepted { .. } | Taken::RowEnd | Taken::Form { .. } => Err(Forged("a frame of a form")),
        };
        done.map_err(|forged| self.broken(forged))
    }

    fn add_note(&mut self, note: &PackedNote<'_>, is_of_header: bool) -> Result<(), Forged> {
        let note = note.on(self.intake.sheet_number()).ok_or(Forged("a text too long"))?;
        self.intake.add_note(note, is_of_header)
    }

    /// What is written of the ledger of the sheet being read.
    fn ledger_writer(&mut self) -> Result<&mut LedgerWriter, Forged> {
        const ORPHAN: Forged = Forged("a mark in no ledger");
        let (ledger, _) = self.intake.ledger().ok_or(ORPHAN)?;
        self.writers.get_mut(&ledger.id).ok_or(ORPHAN)
    }

    /// Counts the memory of a mark.
    fn take_mark_bytes(&mut self, texts: [&str; 4]) -> Result<(), Forged> {
        self.mark_bytes += texts[0].len() + texts[1].len() + MARK_BYTES;
        let is_long = |text: &&str| text.len() > TEXT_BYTES_MAX || text.contains('\0');
        match self.mark_bytes > MARKS_BYTES_MAX || texts.iter().any(is_long) {
            true => Err(Forged("too many marks, or too long ones")),
            false => Ok(()),
        }
    }

    fn add_mark(&mut self, FoundMark { code, name, cell, header }: FoundMark<'_>) -> Result<(), Forged> {
        if self.ledger_writer()?.found_marks.has(code) {
            return Ok(());
        }
        self.take_mark_bytes([code, name, cell, header])?;
        self.ledger_writer()?.found_marks.add(code, name, cell, header).map_err(|_| Forged("too many marks"))
    }

    /// Notes the code of a row that is not stored, because the file holds grades of state secrets.
    fn pass_over(&mut self, code: &str) -> Result<(), Forged> {
        if self.ledger_writer()?.passed_over.index(code).is_some() {
            return Ok(());
        }
        self.take_mark_bytes([code, "", "", ""])?;
        self.ledger_writer()?.passed_over.insert(code, ()).map_err(|_| Forged("too many codes"))
    }

    /// Begins the snapshot of a ledger when the file is found to hold it, and sends its known rows to the child.
    async fn begin_ledger(&mut self, pull: &mut Pull, ledger: &Ledger) -> Result<(), PullError> {
        if self.writers.contains_key(&ledger.id) {
            return Ok(());
        }
        let writer = pull.writer(&ledger.id, self.source).await?;
        let known = known_rows::pack(writer.known_rows()).map_err(|error| self.broken(error))?;
        let (found_marks, stated_open, passed_over) = (CodeMarks::default(), Codes::default(), Codes::default());
        self.writers.insert(ledger.id.clone(), LedgerWriter { writer, layout: None, found_marks, stated_open, passed_over });
        if let Some(mut answers) = self.answers.take() {
            let sent = tokio::task::spawn_blocking(move || {
                answers.send(&known);
                answers
            });
            self.answers = Some(sent.await.map_err(|error| self.broken(error))?);
        }
        Ok(())
    }

    /// Counts a row that the child has recognised as unchanged.
    fn add_unchanged(&mut self, row: u32, fingerprint: RowFingerprint) -> Result<(), PullError> {
        let place = RowPlace { sheet: self.intake.sheet_number(), row };
        let writer = self.intake.ledger().and_then(|(ledger, _)| self.writers.get_mut(&ledger.id));
        let Some(writer) = writer else { return Err(self.broken(Forged("a row of no ledger"))) };
        if !writer.writer.add_unchanged(fingerprint, place)? {
            return Err(self.broken(Forged("a changed row as an unchanged one")));
        }
        self.intake.count_unchanged().map_err(|forged| self.broken(forged))
    }

    /// Writes an accepted row to the snapshot of its ledger, and lets the intake decide what it means if the file had its code before.
    async fn add_row(&mut self, pull: &mut Pull, row: u32, row_fingerprint: Option<RowFingerprint>, body: &[u8]) -> Result<(), PullError> {
        self.intake.count_accepted().map_err(|forged| self.broken(forged))?;
        let Some((ledger, columns)) = self.intake.ledger().filter(|_| !self.is_classified_by_child) else {
            return Err(self.broken(Forged("a row to store, of a file with state secrets")));
        };
        let left = self.row_bytes_left.checked_sub(body.len() as u64);
        self.row_bytes_left = left.ok_or_else(|| self.broken(Forged("more than the file holds")))?;
        let Some(RowHead { code, unit, name, project, amount }) = packed::head(body, ledger, columns) else {
            return Err(self.broken(Forged("a row that is none of its ledger")));
        };
        if self.intake.is_classified() {
            return self.pass_over(code).map_err(|forged| self.broken(forged));
        }
        if self.is_foreign_code(ledger, code).await? {
            if let Some(accepted) = accepted_of(ledger, columns, row, body) {
                self.intake.quarantine_foreign_code(&accepted);
            }
            return Ok(());
        }
        let place = RowPlace { sheet: self.intake.sheet_number(), row };
        let Some(LedgerWriter { writer, layout: known_layout, stated_open, .. }) = self.writers.get_mut(&ledger.id) else { return Ok(()) };
        let layout = match *known_layout {
            Some((known, layout)) if known == columns => layout,
            _ => {
                let layout = pull.layout(writer, &layout_of(ledger, columns)).await?;
                *known_layout = Some((columns, layout));
                layout
            }
        };
        if writer.has_mark(code)
            && stated_open.index(code).is_none()
            && let Some(field) = ledger.role(Role::Restricted)
            && cells_of(ledger, columns, body).is_some_and(|cells| is_stated_open(ledger, &cells[field]))
        {
            stated_open.insert(code, ()).map_err(StoreError::from)?;
        }
        let (code, unit, name, project) = (Cow::Borrowed(code), Cow::Borrowed(unit), Cow::Borrowed(name), Cow::Borrowed(project));
        let record = NewRecord { code, unit, name, project, amount, place, body: Cow::Borrowed(body), row_fingerprint };
        let in_file = pull.add(writer, layout, record).await?;
        if in_file == CodeInFile::New {
            self.intake.count_new_code();
            return Ok(());
        }
        let Some(accepted) = accepted_of(ledger, columns, row, body) else { return Ok(()) };
        let first = match in_file {
            CodeInFile::New | CodeInFile::Same(_) => RowNames::default(),
            CodeInFile::Conflicting(_) => pull.names_of(writer, &accepted.code).await?,
        };
        self.intake.decide(&accepted, in_file, first);
        Ok(())
    }

    /// Whether a code has the form of those that are given here and is none of them.
    async fn is_foreign_code(&mut self, ledger: &Ledger, code: &str) -> Result<bool, PullError> {
        let life = self.policy.ledger(&ledger.id).and_then(|index| self.policy.life(index));
        if !life.is_some_and(|life| life.has_form_of_own(code)) {
            return Ok(false);
        }
        if !self.own_codes.contains_key(&ledger.id) {
            let made = self.store.events().first_codes(&ledger.id).await?;
            self.own_codes.insert(ledger.id.clone(), made);
        }
        Ok(self.own_codes.get(&ledger.id).is_some_and(|made| !made.contains(code)))
    }

    /// # Errors
    /// A sheet has begun and not ended.
    pub(crate) fn check_end(&self) -> Result<(), PullError> {
        if self.intake.is_within_sheet() { Err(self.broken(Forged("a sheet without an end"))) } else { Ok(()) }
    }
}

impl FileReader<'_> {
    /// The marks of the rows that were read of a file which is not read to its end, or is refused, by the id of their ledger. A grade of state
    /// secrets in a title or a name marks all rows.
    ///
    /// # Errors
    /// The codes together are longer than 4 GB.
    pub(crate) fn marks_so_far(self) -> Result<BTreeMap<String, CodeMarks>, StoreError> {
        let classified = &self.intake.classified;
        let mut marks: BTreeMap<String, CodeMarks> = BTreeMap::new();
        for (id, ledger) in self.writers {
            let found = marks.entry(id.clone()).or_insert(ledger.found_marks);
            let intake = self.intake.by_ledger.get(&id);
            let marks_all = intake.and_then(|intake| intake.marks_all.clone());
            if let Some(marks) = marks_all.filter(|_| !classified.is_of_file).or_else(|| classified.is_of_file.then(MarkedRows::default)) {
                let set_aside = intake.into_iter().flat_map(|intake| &intake.retained).map(String::as_str);
                let passed_over = ledger.passed_over.iter().map(|(code, ())| code);
                for code in marks.meant(ledger.writer.codes().chain(set_aside).chain(passed_over).collect()) {
                    found.add(code, "", &marks.cell, "")?;
                }
            }
            if !classified.is_empty() {
                found.set_cells(CLASSIFIED_FILE);
            }
        }
        Ok(marks)
    }
}

/// The ids of the fields a sheet has columns for, in field order.
fn layout_of(ledger: &Ledger, columns: Columns) -> Vec<String> {
    columns.iter().map(|field| ledger.fields[field].id.clone()).collect()
}

/// The cells of a row, one for each field of its ledger; `None` = the bytes are no body of these columns.
fn cells_of(ledger: &Ledger, columns: Columns, body: &[u8]) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    Layout::new(ledger.fields.len(), columns.iter().map(Some).collect()).unpack(body, &mut cells)?;
    Some(cells)
}

/// A row as the intake has accepted it; `None` = the bytes are no row of this ledger.
pub(crate) fn accepted_of(ledger: &Ledger, columns: Columns, row: u32, body: &[u8]) -> Option<Accepted> {
    let code = packed::head(body, ledger, columns)?.code.to_owned();
    Some(Accepted { row, code, cells: cells_of(ledger, columns, body)? })
}
