//! Reads the blocks of one file or query, and adds its rows to the new snapshots of the ledgers they belong to.

use crate::config::load::Config;
use crate::domain::audience::is_marked;
use crate::domain::intake::check::{KnownOwners, remarks};
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::sheet::{Accepted, Outcome, SheetIntake};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::record::{Columns, pack_into};
use crate::domain::rules::policy::Policy;
use crate::source::frame::{Block, Frame, PackedRow, Sheet};
use crate::store::database::StoreError;
use crate::store::open_versions::RowFingerprint;
use crate::store::pulls::{Added, NewRecord, Pull, SnapshotWriter};
use crate::worker::import::pull_report::{PullError, interrupted};
use crate::worker::import::row_cache::RowFingerprinter;
use chrono::NaiveDate;
use indicatif::ProgressBar;
use std::collections::{BTreeMap, HashSet};
use tokio::sync::mpsc::Receiver;

/// Two sheets of one ledger are probably the same table twice if more than this share of codes is in both, and at least this many codes.
const COMMON_PCT_MAX: u64 = 80;
const COMMON_MIN: u64 = 2;

/// The state of one ledger while its file is read.
pub(crate) struct Target<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) writer: SnapshotWriter,
    pub(crate) accounts: Vec<SheetAccount>,
    pub(crate) notes: Vec<Note>,
    /// Codes with a quarantined row in this file: they retain their last accepted version.
    pub(crate) retained: HashSet<String>,
    pub(crate) covers_on: Option<NaiveDate>,
    /// What only a person can decide; a snapshot that is not the first one is held because of it.
    pub(crate) doubts: Vec<String>,
    /// Rows that have not changed since the previous pull.
    pub(crate) unchanged: u64,
    /// The layout of the sheet being read.
    layout: Option<(Columns, i64)>,
    /// Codes in the sheet being read.
    codes_in_sheet: u64,
    /// How many of these codes are also in an earlier sheet, by the number of that sheet.
    common: BTreeMap<u32, u64>,
}

/// A visible sheet while it is read.
struct OpenSheet<'a> {
    intake: SheetIntake<'a>,
    /// `None` until the header is found.
    fingerprinter: Option<RowFingerprinter>,
}

/// Adds the rows of a file's sheets to the ledgers they belong to.
pub(crate) struct FileReader<'a> {
    config: &'a Config,
    policy: &'a Policy,
    source: &'a str,
    /// What a refusal names as the place of the error.
    place: String,
    today: NaiveDate,
    pub(crate) targets: BTreeMap<String, Target<'a>>,
    /// Sheets that were not read, each with the reason.
    pub(crate) unread: Vec<(String, String)>,
    /// All sheets of the file, hidden ones too; their positions are the sheet numbers.
    pub(crate) sheets: Vec<String>,
    known_owners: KnownOwners,
    /// The packed cells of the current row; one buffer for all rows.
    body: Vec<u8>,
}

impl<'a> FileReader<'a> {
    /// A reader that has not read anything. `place` is named in a refusal.
    pub(crate) fn new(config: &'a Config, policy: &'a Policy, source: &'a str, place: String, today: NaiveDate) -> FileReader<'a> {
        FileReader {
            config,
            policy,
            source,
            place,
            today,
            targets: BTreeMap::new(),
            unread: Vec::new(),
            sheets: Vec::new(),
            known_owners: KnownOwners::default(),
            body: Vec::new(),
        }
    }

    /// Reads all blocks. Returns the last sheet for [`FileReader::end_sheet`], which the caller calls only if the source was read to its end.
    ///
    /// # Errors
    /// A block is damaged, or the database fails.
    pub(crate) async fn read(
        &mut self,
        pull: &mut Pull,
        ledgers: &'a [Ledger],
        mut receiver: Receiver<Block>,
        progress: &ProgressBar,
    ) -> Result<Option<SheetIntake<'a>>, PullError> {
        let mut open: Option<OpenSheet<'a>> = None;
        let mut outcomes = Vec::new();
        let mut cell_bytes = Vec::new();
        while let Some(block) = receiver.recv().await {
            for frame in block.frames() {
                match frame.map_err(|error| self.broken(error))? {
                    Frame::Sheet(sheet) => {
                        if let Some(done) = open.take() {
                            self.end_sheet(pull, done.intake).await?;
                        }
                        open = self.begin_sheet(ledgers, sheet);
                    }
                    Frame::Row(row) => {
                        progress.inc(1);
                        let Some(sheet) = open.as_mut() else { continue };
                        let fingerprint = self.fingerprint(sheet, &row, &mut cell_bytes)?;
                        if let Some(fingerprint) = fingerprint
                            && self.count_if_unchanged(&mut sheet.intake, &row, fingerprint)?
                        {
                            continue;
                        }
                        let notes_before = sheet.intake.note_count();
                        sheet.intake.push(row.unpack().map_err(|error| self.broken(error))?, &mut outcomes);
                        let fingerprint = fingerprint.filter(|_| sheet.intake.note_count() == notes_before);
                        self.add_rows(pull, &mut sheet.intake, &mut outcomes, fingerprint).await?;
                    }
                }
            }
        }
        Ok(open.map(|sheet| sheet.intake))
    }

    fn broken(&self, error: impl std::fmt::Display) -> PullError {
        PullError::Refused { file: self.place.clone(), refusal: interrupted(error) }
    }

    /// Begins a sheet; `None` for a hidden one, which is not read.
    fn begin_sheet(&mut self, ledgers: &'a [Ledger], sheet: Sheet<'_>) -> Option<OpenSheet<'a>> {
        let number = self.sheets.len() as u32;
        self.sheets.push(sheet.name.to_owned());
        if !sheet.visible {
            self.unread.push((sheet.name.to_owned(), "隐藏的工作表，未读取".into()));
            return None;
        }
        let mut intake = SheetIntake::new(ledgers, number, sheet.name, sheet.merges, self.today);
        intake.refuse_own_lists();
        intake.set_hidden_columns(sheet.hidden_columns);
        Some(OpenSheet { intake, fingerprinter: None })
    }

    /// The fingerprint of a row; `None` before the header is found, and for a row whose reading depends on other rows.
    fn fingerprint(
        &self,
        sheet: &mut OpenSheet<'a>,
        row: &PackedRow<'_>,
        cell_bytes: &mut Vec<u8>,
    ) -> Result<Option<RowFingerprint>, PullError> {
        if sheet.fingerprinter.is_none() {
            sheet.fingerprinter = RowFingerprinter::of(self.config, &sheet.intake, self.today);
        }
        let Some(fingerprinter) = sheet.fingerprinter.as_ref().filter(|_| sheet.intake.is_independent(row.number)) else { return Ok(None) };
        let cells = row.canonical_bytes(cell_bytes).map_err(|error| self.broken(error))?;
        Ok(Some(fingerprinter.fingerprint(cells)))
    }

    /// Counts a row that was accepted without a note at the previous pull and has not changed since. Returns `false` if the row must be read.
    fn count_if_unchanged(
        &mut self,
        sheet: &mut SheetIntake<'a>,
        row: &PackedRow<'_>,
        fingerprint: RowFingerprint,
    ) -> Result<bool, PullError> {
        let Some(target) = sheet.ledger().and_then(|ledger| self.targets.get_mut(&ledger.id)) else { return Ok(false) };
        if !target.writer.add_unchanged(fingerprint, (self.sheets.len() - 1) as u32, row.number)? {
            return Ok(false);
        }
        target.codes_in_sheet += 1;
        target.unchanged += 1;
        let summed = row.cells_of(sheet.summed_columns()).map_err(|error| self.broken(error))?;
        sheet.count_unchanged(row.number, row.hidden, &summed);
        Ok(true)
    }

    /// Adds the rows of `outcomes` to their ledger. `fingerprint` is that of the last row, if it was read without a note.
    async fn add_rows(
        &mut self,
        pull: &mut Pull,
        sheet: &mut SheetIntake<'a>,
        outcomes: &mut Vec<Outcome>,
        fingerprint: Option<RowFingerprint>,
    ) -> Result<(), StoreError> {
        let Some(ledger) = sheet.ledger() else { return Ok(()) };
        if !self.targets.contains_key(&ledger.id) {
            let writer = pull.writer(&ledger.id, self.source).await?;
            self.targets.insert(ledger.id.clone(), Target::new(ledger, writer));
        }
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::Blank | Outcome::Skipped => {}
                Outcome::Quarantined { code } => {
                    if !code.is_empty()
                        && let Some(target) = self.targets.get_mut(&ledger.id)
                    {
                        target.retained.insert(code);
                    }
                }
                Outcome::Accepted(accepted) => self.add_row(pull, sheet, ledger, &accepted, fingerprint).await?,
            }
        }
        Ok(())
    }

    /// Adds an accepted row to the snapshot of its ledger, with the warnings on its cells. A row whose code was added before is skipped or
    /// quarantined.
    async fn add_row(
        &mut self,
        pull: &mut Pull,
        sheet: &mut SheetIntake<'a>,
        ledger: &'a Ledger,
        accepted: &Accepted,
        fingerprint: Option<RowFingerprint>,
    ) -> Result<(), StoreError> {
        let Some(target) = self.targets.get_mut(&ledger.id) else { return Ok(()) };
        let sheet_number = (self.sheets.len() - 1) as u32;
        let columns = sheet.columns();
        let notes_before = sheet.notes.len();
        for remark in remarks(self.policy, ledger, &accepted.cells, &mut self.known_owners) {
            if columns.contains(remark.field) {
                sheet.notes.push(Note {
                    field: ledger.fields[remark.field].title.clone(),
                    raw: accepted.cells[remark.field].to_string(),
                    hint: remark.hint,
                    ..note_on(ledger, accepted, sheet_number, NoteKind::Warning, remark.reason)
                });
            }
        }
        let text = |field: usize| accepted.cells[field].text().unwrap_or_default();
        self.body.clear();
        pack_into(&mut self.body, columns.iter().map(|field| &accepted.cells[field]));
        let record = NewRecord {
            code: accepted.code.as_str().into(),
            unit: text(ledger.owner.field()).into(),
            name: ledger.role(Role::Name).map(text).unwrap_or_default().into(),
            amount: ledger.role(Role::Amount).and_then(|field| accepted.cells[field].money()).unwrap_or(0),
            sheet: sheet_number,
            row: accepted.row,
            body: self.body.as_slice().into(),
            row_fingerprint: fingerprint.filter(|_| sheet.notes.len() == notes_before),
        };
        let layout = match target.layout {
            Some((known, layout)) if known == columns => layout,
            _ => {
                let layout = pull.layout(&mut target.writer, &layout_of(ledger, columns)).await?;
                target.layout = Some((columns, layout));
                layout
            }
        };
        target.codes_in_sheet += 1;
        let added = pull.add(&mut target.writer, layout, record).await?;
        if let Added::Repeated(first_sheet, _) | Added::Conflict(first_sheet, _) = added
            && first_sheet != sheet_number
        {
            *target.common.entry(first_sheet).or_default() += 1;
        }
        match added {
            Added::Taken => {}
            Added::Repeated(first_sheet, first_row) => {
                sheet.account.accepted -= 1;
                sheet.account.skipped += 1;
                let first = place(&self.sheets, sheet_number, first_sheet, first_row);
                let reason = format!("与{first}完全相同，只计一次");
                sheet.notes.push(note_on(ledger, accepted, sheet_number, NoteKind::Skipped, reason));
            }
            Added::Conflict(first_sheet, first_row) => {
                self.quarantine_both(pull, sheet, ledger, accepted, (first_sheet, first_row)).await?;
            }
        }
        Ok(())
    }

    /// Quarantines a row whose code another row with different content has, and that row too, because nobody can decide which one is right.
    /// `first` is sheet and row of the other one.
    async fn quarantine_both(
        &mut self,
        pull: &mut Pull,
        sheet: &mut SheetIntake<'a>,
        ledger: &'a Ledger,
        accepted: &Accepted,
        (first_sheet, first_row): (u32, u32),
    ) -> Result<(), StoreError> {
        let Some(target) = self.targets.get_mut(&ledger.id) else { return Ok(()) };
        let sheet_number = (self.sheets.len() - 1) as u32;
        let hint = "请核对，同一编号只保留一行".to_string();
        sheet.account.accepted -= 1;
        sheet.account.quarantined += 1;
        let reason = format!("编号与{}重复而内容不同", place(&self.sheets, sheet_number, first_sheet, first_row));
        sheet.notes.push(Note { hint: hint.clone(), ..note_on(ledger, accepted, sheet_number, NoteKind::Quarantined, reason) });
        if !target.retained.insert(accepted.code.clone()) {
            return Ok(());
        }
        let reason = format!("编号与{}重复而内容不同", place(&self.sheets, first_sheet, sheet_number, accepted.row));
        // the note goes to the unit that the first row names
        let (unit, name) = pull.names_of(&mut target.writer, &accepted.code).await?;
        sheet.notes.push(Note {
            row: first_row,
            unit,
            name,
            hint,
            ..note_on(ledger, accepted, first_sheet, NoteKind::Quarantined, reason)
        });
        if first_sheet == sheet_number {
            sheet.account.accepted -= 1;
            sheet.account.quarantined += 1;
        } else if let Some(account) = target.accounts.iter_mut().find(|account| account.sheet == self.sheets[first_sheet as usize]) {
            account.accepted -= 1;
            account.quarantined += 1;
        }
        Ok(())
    }

    /// Adds the rows that a sheet still buffers, and its account and notes to its ledger.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn end_sheet(&mut self, pull: &mut Pull, mut sheet: SheetIntake<'a>) -> Result<(), StoreError> {
        let mut outcomes = Vec::new();
        sheet.finish(&mut outcomes);
        self.add_rows(pull, &mut sheet, &mut outcomes, None).await?;
        let Some(ledger) = sheet.ledger() else {
            self.unread.push((sheet.account.sheet.clone(), sheet.account.unread.clone().unwrap_or_else(|| "未读取".into())));
            return Ok(());
        };
        let Some(target) = self.targets.get_mut(&ledger.id) else { return Ok(()) };
        target.covers_on = target.covers_on.or(sheet.covers_on);
        let codes = std::mem::take(&mut target.codes_in_sheet);
        for (first, common) in std::mem::take(&mut target.common) {
            let other = &self.sheets[first as usize];
            let rows = target.accounts.iter().find(|account| account.sheet == *other).map_or(codes, |account| account.read);
            let pct = common * 100 / codes.min(rows).max(1);
            if common >= COMMON_MIN && pct > COMMON_PCT_MAX {
                let name = &sheet.account.sheet;
                sheet.doubts.push(format!("工作表“{other}”与“{name}”有{pct}%的编号相同，请核对以哪张为准"));
            }
        }
        sheet.note_doubts();
        target.doubts.append(&mut sheet.doubts);
        target.accounts.push(sheet.account);
        target.notes.append(&mut sheet.notes);
        Ok(())
    }
}

impl<'a> Target<'a> {
    fn new(ledger: &'a Ledger, writer: SnapshotWriter) -> Target<'a> {
        Target {
            ledger,
            writer,
            accounts: Vec::new(),
            notes: Vec::new(),
            retained: HashSet::new(),
            covers_on: None,
            doubts: Vec::new(),
            unchanged: 0,
            layout: None,
            codes_in_sheet: 0,
            common: BTreeMap::new(),
        }
    }
}

/// A note on a row as a whole, without a hint.
fn note_on(ledger: &Ledger, accepted: &Accepted, sheet: u32, kind: NoteKind, reason: String) -> Note {
    Note {
        kind,
        sheet,
        row: accepted.row,
        cell: String::new(),
        field: String::new(),
        code: accepted.code.clone(),
        name: ledger.role(Role::Name).map(|field| accepted.cells[field].to_string()).unwrap_or_default(),
        unit: accepted.cells[ledger.owner.field()].to_string(),
        raw: String::new(),
        reason,
        hint: String::new(),
        restricted: ledger.role(Role::Restricted).is_some_and(|field| is_marked(&accepted.cells[field])),
    }
}

/// The place of a row for a reader of the sheet `here`: the sheet is named only if it is another one.
fn place(sheets: &[String], here: u32, sheet: u32, row: u32) -> String {
    match sheets.get(sheet as usize) {
        Some(name) if sheet != here => format!("“{name}”第{row}行"),
        _ => format!("第{row}行"),
    }
}

/// The ids of the fields a sheet has columns for, in field order.
fn layout_of(ledger: &Ledger, columns: Columns) -> Vec<String> {
    columns.iter().map(|field| ledger.fields[field].id.clone()).collect()
}
