//! Decides about the rows of one file together: what a repeated code means, and what only a person can decide. [`FileRows`] takes in each row by
//! itself, in a confined child whose words are checked here. The caller stores accepted rows, and reports which codes the file had before.
//!
//! Invariant: the accounts of the sheets add up, whatever the child sends, and every row that is not accepted has a note.
//!
//! [`FileRows`]: crate::domain::intake::rows::FileRows

use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::note_room::NoteRoom;
use crate::domain::intake::row_marks::{ClassifiedPlace, ClassifiedPlaces, MarkedRows};
use crate::domain::intake::rows::{FileFault, ROWS_MAX, SHEETS_MAX, SheetEnd, is_unusable, note_on};
use crate::domain::intake::sheet::Accepted;
use crate::domain::plain_text::shown_name;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Columns;
use crate::domain::restriction::mark_text;
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashSet};

/// Two sheets of one ledger are probably the same table twice if more than this share of codes is in both, and at least this many codes.
const COMMON_PCT_MAX: u64 = 80;
const COMMON_MIN: u64 = 2;

/// The most doubts about a sheet for sheets that have the same codes.
const COMMON_LISTED_MAX: usize = 10;

/// The most notes on sheets and headers, doubts and columns of all sheets, and the most bytes of codes that are not stored.
const PIECES_MAX: usize = 60_000;
const CODE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// So many rows of data may come beyond those that a file may have: the first rows of a sheet are read together.
const BUFFERED_ROWS: u64 = 64;

/// What none of our children sends.
#[derive(Debug, thiserror::Error)]
#[error("the child that takes the file in has sent {0}")]
pub struct Forged(pub &'static str);

/// A row in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// From 0.
    pub sheet: u32,
    /// From 1.
    pub row: u32,
}

/// Whether the file has the code of a row in an earlier row too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeInFile {
    New,
    /// The earlier row has the same cells.
    Same(RowPlace),
    /// The earlier row has other cells.
    Conflicting(RowPlace),
}

/// Unit and name of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowNames {
    pub unit: String,
    pub name: String,
}

/// What the file holds of one ledger.
#[derive(Debug)]
pub struct LedgerIntake<'a> {
    pub ledger: &'a Ledger,
    pub accounts: Vec<SheetAccount>,
    pub notes: Vec<Note>,
    /// Codes with a quarantined row in this file: they retain their last accepted version.
    pub retained: HashSet<String>,
    pub covers_on: Option<NaiveDate>,
    /// What only a person can decide; a snapshot that is not the first one is held because of it.
    pub doubts: Vec<String>,
    /// Headers about which the office has to decide before anything of the file comes into force.
    pub undecided: Vec<String>,
    /// The cell of the mark of all its rows, where a line or the name of the file marks them.
    pub marks_all: Option<MarkedRows>,
    /// Rows that have not changed since the previous pull.
    pub unchanged: u64,
    /// Codes in the sheet being read.
    codes_in_sheet: u64,
    /// How many of these codes are also in an earlier sheet, by the number of that sheet.
    common: BTreeMap<u32, u64>,
}

/// A sheet while its rows arrive.
struct OpenSheet<'a> {
    /// Once its header is found: the ledger, and the fields it has columns for.
    ledger: Option<(&'a Ledger, Columns)>,
    account: SheetAccount,
    /// Rows that arrived as accepted, quarantined and skipped, before anything was decided about repeated codes.
    arrived: [u64; 3],
    notes: Vec<Note>,
    room_before: NoteRoom,
}

/// The rows of one file.
pub struct FileIntake<'a> {
    ledgers: &'a [Ledger],
    /// All sheets of the file, hidden ones too; their positions are the sheet numbers.
    pub sheets: Vec<String>,
    /// Sheets that were not read, each with the reason.
    pub unread: Vec<(String, String)>,
    /// What the name of the file states of all rows.
    name_mark: Option<String>,
    /// Grades of state secrets: the file is to be refused.
    pub classified: ClassifiedPlaces,
    /// By the id of the ledger.
    pub by_ledger: BTreeMap<String, LedgerIntake<'a>>,
    /// The sheet being read; `None` while there is none and for a hidden one.
    sheet: Option<OpenSheet<'a>>,
    note_room: NoteRoom,
    /// Rows of all sheets, also of those that are not read.
    rows: u64,
    /// Rows of the sheets before the present one that were read, and those of them that were quarantined or skipped.
    read_before: u64,
    unusable_before: u64,
    /// The most rows with data of all sheets.
    data_rows_max: u64,
    /// Notes, doubts and columns of all sheets so far, and bytes of codes that are not stored.
    pieces: usize,
    code_bytes: usize,
}

impl<'a> FileIntake<'a> {
    /// An intake that has not seen any row. `ledgers` are those that the file may hold.
    pub fn new(ledgers: &'a [Ledger], data_rows_max: u32) -> FileIntake<'a> {
        FileIntake {
            ledgers,
            sheets: Vec::new(),
            unread: Vec::new(),
            name_mark: None,
            classified: ClassifiedPlaces::default(),
            by_ledger: BTreeMap::new(),
            sheet: None,
            note_room: NoteRoom::default(),
            rows: 0,
            read_before: 0,
            unusable_before: 0,
            data_rows_max: data_rows_max.into(),
            pieces: 0,
            code_bytes: 0,
        }
    }

    /// Why the file is refused, whatever comes: nearly nothing of it can be used.
    pub fn fault(&self) -> Option<FileFault> {
        let sheet = self.sheet.as_ref()?;
        let read = self.read_before + sheet.account.read;
        let unusable = self.unusable_before + sheet.account.quarantined + sheet.account.skipped;
        is_unusable(read, unusable).then(|| {
            let first = sheet.notes.first().map_or(String::new(), |note| format!("，例如第{}行：{}", note.row, note.reason));
            let reason = format!("已读的{read}行中有{unusable}行不能入库{first}");
            FileFault { reason, hint: "请核对是否选错了文件，改正后重新导入" }
        })
    }

    /// Looks for the grade of a state secret in the name of the file.
    pub fn check_file_name(&mut self, name: &str) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        self.check_name(stem, ClassifiedPlace::FileName);
        self.name_mark = self.ledgers.first().and_then(|ledger| ledger.secrecy.restricting_line(stem));
    }

    /// Looks for the grade of a state secret in the name of the file or of the sheet being read.
    fn check_name(&mut self, name: &str, place: ClassifiedPlace) {
        if self.ledgers.first().is_some_and(|ledger| ledger.secrecy.is_grade_of_line(name)) {
            self.classified.add(self.sheet_number(), place);
        }
    }

    /// Begins a sheet. A hidden one is not read.
    ///
    /// # Errors
    /// The sheet before has not ended, or there are too many.
    pub fn begin_sheet(&mut self, sheet: &str, visible: bool) -> Result<(), Forged> {
        if self.sheet.is_some() || self.sheets.len() >= SHEETS_MAX {
            return Err(Forged("a sheet within a sheet, or too many"));
        }
        // a name that is longer, or steers a terminal, is not one that a spreadsheet program has made
        let name = &*shown_name(sheet);
        self.sheets.push(name.to_owned());
        self.check_name(name, ClassifiedPlace::SheetName);
        if visible {
            self.sheet = Some(OpenSheet {
                ledger: None,
                account: SheetAccount { sheet: name.to_owned(), ..SheetAccount::default() },
                arrived: [0; 3],
                notes: Vec::new(),
                room_before: self.note_room,
            });
        } else {
            self.unread.push((name.to_owned(), "隐藏的工作表，未读取".into()));
        }
        Ok(())
    }

    /// The header of the sheet is found: the index of its ledger among those that the file may hold, and the fields it has columns for.
    ///
    /// # Errors
    /// There is no such ledger, or the sheet has one already, or none is being read.
    pub fn find_ledger(&mut self, ledger: usize, columns: Columns) -> Result<&'a Ledger, Forged> {
        let found = self.ledgers.get(ledger).filter(|found| columns.iter().all(|field| field < found.fields.len()));
        let (Some(found), Some(sheet)) = (found, self.sheet.as_mut().filter(|sheet| sheet.ledger.is_none())) else {
            return Err(Forged("a header of no ledger, or a second one"));
        };
        sheet.ledger = Some((found, columns));
        let (number, name_mark) = (self.sheet_number(), &self.name_mark);
        self.by_ledger.entry(found.id.clone()).or_insert_with(|| {
            let mut intake = LedgerIntake::new(found);
            if let Some(words) = name_mark {
                let reason = format!("文件名写有“{words}”，各行按不便公开处理");
                let hint = "如不是保密标注，请改文件名后重新导入，并由办公室解除：duban restricted list，duban restricted lift --file";
                intake.notes.push(Note::new(NoteKind::Warning, number, 0, reason, hint));
                intake.marks_all = Some(MarkedRows { cell: mark_text(&format!("文件名：{words}")), remark: String::new() });
            }
            intake
        });
        Ok(found)
    }

    /// The ledger of the sheet being read, and the fields it has columns for; `None` until its header is found.
    pub fn ledger(&self) -> Option<(&'a Ledger, Columns)> {
        self.sheet.as_ref()?.ledger
    }

    /// The number of the sheet being read, from 0.
    pub fn sheet_number(&self) -> u32 {
        self.sheets.len().saturating_sub(1) as u32
    }

    /// Whether a sheet has begun and not ended.
    pub fn is_within_sheet(&self) -> bool {
        self.sheet.is_some()
    }

    /// Ends a row, whatever became of it.
    ///
    /// # Errors
    /// There are more rows than a file may have.
    pub fn end_row(&mut self) -> Result<(), Forged> {
        self.rows += 1;
        if self.rows > ROWS_MAX { Err(Forged("more rows than a file may have")) } else { Ok(()) }
    }

    /// The sheet and what the file holds of its ledger, for a row that was read; `kind` is its place in what has arrived.
    fn row(&mut self, kind: usize) -> Result<(&mut OpenSheet<'a>, &mut LedgerIntake<'a>), Forged> {
        const ORPHAN: Forged = Forged("a row of no ledger");
        let sheet = self.sheet.as_mut().ok_or(ORPHAN)?;
        let ledger = self.by_ledger.get_mut(&sheet.ledger.ok_or(ORPHAN)?.0.id).ok_or(ORPHAN)?;
        sheet.arrived[kind] += 1;
        sheet.account.read += 1;
        if self.read_before + sheet.account.read > self.data_rows_max.saturating_add(BUFFERED_ROWS).min(self.rows + 1) {
            return Err(Forged("more rows of data than a file may have"));
        }
        Ok((sheet, ledger))
    }

    /// Counts a row that was accepted without a note at the previous pull and has not changed.
    ///
    /// # Errors
    /// No header is found, or there are too many rows.
    pub fn count_unchanged(&mut self) -> Result<(), Forged> {
        let (sheet, ledger) = self.row(0)?;
        sheet.account.accepted += 1;
        ledger.codes_in_sheet += 1;
        ledger.unchanged += 1;
        self.end_row()
    }

    /// Counts an accepted row.
    ///
    /// # Errors
    /// As [`FileIntake::count_unchanged`].
    pub fn count_accepted(&mut self) -> Result<(), Forged> {
        self.row(0)?.0.account.accepted += 1;
        Ok(())
    }

    /// Counts a quarantined row: its code, if it has one, retains its last accepted version.
    ///
    /// # Errors
    /// As [`FileIntake::count_unchanged`], or the codes are too long.
    pub fn quarantine(&mut self, code: &str) -> Result<(), Forged> {
        let is_classified = self.is_classified();
        let (sheet, ledger) = self.row(1)?;
        sheet.account.quarantined += 1;
        // a file with state secrets is refused: nothing of it is stored
        if !code.is_empty() && !is_classified && ledger.retained.insert(code.to_owned()) {
            self.take_code_bytes(code.len())?;
        }
        Ok(())
    }

    /// Counts a row that holds no data.
    ///
    /// # Errors
    /// As [`FileIntake::count_unchanged`].
    pub fn skip(&mut self) -> Result<(), Forged> {
        self.row(2)?.0.account.skipped += 1;
        Ok(())
    }

    /// Adds a note on a row of the sheet, if the file has room for it, or on the sheet or its header.
    ///
    /// # Errors
    /// No sheet is being read, or there is too much about the sheets.
    pub fn add_note(&mut self, note: Note, is_of_header: bool) -> Result<(), Forged> {
        if note.row == 0 || is_of_header {
            self.take_pieces(1)?;
        }
        let sheet = self.sheet.as_mut().ok_or(Forged("a note on no sheet"))?;
        let before = sheet.notes.len();
        sheet.notes.push(note);
        if !is_of_header {
            self.note_room.bound(&mut sheet.notes, before);
        }
        Ok(())
    }

    fn take_pieces(&mut self, count: usize) -> Result<(), Forged> {
        self.pieces += count;
        if self.pieces > PIECES_MAX { Err(Forged("too much about its sheets")) } else { Ok(()) }
    }

    fn take_code_bytes(&mut self, count: usize) -> Result<(), Forged> {
        self.code_bytes += count;
        if self.code_bytes > CODE_BYTES_MAX { Err(Forged("codes too long")) } else { Ok(()) }
    }

    /// Notes the grade of a state secret in the sheet being read.
    ///
    /// # Errors
    /// No sheet is being read.
    pub fn add_classified(&mut self, place: ClassifiedPlace) -> Result<(), Forged> {
        if self.sheet.is_none() {
            return Err(Forged("a grade in no sheet"));
        }
        self.classified.add(self.sheet_number(), place);
        Ok(())
    }

    /// Whether the file holds grades of state secrets so far.
    pub fn is_classified(&self) -> bool {
        !self.classified.is_empty()
    }

    /// Notes an accepted row whose code the file did not have before.
    pub fn count_new_code(&mut self) {
        if let Some((ledger, _)) = self.ledger()
            && let Some(intake) = self.by_ledger.get_mut(&ledger.id)
        {
            intake.codes_in_sheet += 1;
        }
    }

    /// Decides about an accepted row by whether the file has its code before: the same row twice counts once; of two different rows neither is
    /// accepted, because nobody can decide which one is right. `first` are the names in the earlier row.
    pub fn decide(&mut self, accepted: &Accepted, code: CodeInFile, first: RowNames) {
        let number = self.sheet_number();
        self.count_new_code();
        if let CodeInFile::Same(place) | CodeInFile::Conflicting(place) = code
            && place.sheet != number
            && let Some((ledger, _)) = self.ledger()
            && let Some(intake) = self.by_ledger.get_mut(&ledger.id)
        {
            *intake.common.entry(place.sheet).or_default() += 1;
        }
        match code {
            CodeInFile::New => {}
            CodeInFile::Same(place) => self.skip_repeated(accepted, place),
            CodeInFile::Conflicting(place) => self.quarantine_both(accepted, place, first),
        }
    }

    /// Sets a row aside whose code has the form of those that are given here and is none of them: an event of ours would some day meet it.
    pub fn quarantine_foreign_code(&mut self, accepted: &Accepted) {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return };
        let Some((ledger, intake)) = sheet.ledger.and_then(|(ledger, _)| Some((ledger, self.by_ledger.get_mut(&ledger.id)?))) else {
            return;
        };
        sheet.account.accepted -= 1;
        sheet.account.quarantined += 1;
        intake.retained.insert(accepted.code.clone());
        let reason = format!("编号“{}”是本系统立件的编号格式，而本系统没有立过这一件", accepted.code);
        let note = note_on(ledger, accepted, number, NoteKind::Quarantined, reason);
        let before = sheet.notes.len();
        sheet.notes.push(Note { hint: "请核对编号；不是本系统立的件，请用台账自己的编号".to_owned(), ..note });
        self.note_room.bound(&mut sheet.notes, before);
    }

    fn skip_repeated(&mut self, accepted: &Accepted, first: RowPlace) {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return };
        let Some((ledger, _)) = sheet.ledger else { return };
        sheet.account.accepted -= 1;
        sheet.account.skipped += 1;
        let reason = format!("与{}完全相同，只计一次", place_name(&self.sheets, number, first));
        let before = sheet.notes.len();
        sheet.notes.push(note_on(ledger, accepted, number, NoteKind::Skipped, reason));
        self.note_room.bound(&mut sheet.notes, before);
    }

    fn quarantine_both(&mut self, accepted: &Accepted, first: RowPlace, names: RowNames) {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return };
        let Some((ledger, intake)) = sheet.ledger.and_then(|(ledger, _)| Some((ledger, self.by_ledger.get_mut(&ledger.id)?))) else {
            return;
        };
        let hint = "请核对，同一编号只保留一行".to_string();
        let reason = |place: String| format!("编号与{place}重复而内容不同");
        sheet.account.accepted -= 1;
        sheet.account.quarantined += 1;
        let second = note_on(ledger, accepted, number, NoteKind::Quarantined, reason(place_name(&self.sheets, number, first)));
        let before = sheet.notes.len();
        sheet.notes.push(Note { hint: hint.clone(), ..second });
        self.note_room.bound(&mut sheet.notes, before);
        if !intake.retained.insert(accepted.code.clone()) {
            return;
        }
        // the note on the first row goes to the unit that the first row names
        let here = RowPlace { sheet: number, row: accepted.row };
        let note = note_on(ledger, accepted, first.sheet, NoteKind::Quarantined, reason(place_name(&self.sheets, first.sheet, here)));
        let before = sheet.notes.len();
        sheet.notes.push(Note { row: first.row, unit: names.unit, name: names.name, hint, ..note });
        self.note_room.bound(&mut sheet.notes, before);
        let account = if first.sheet == number {
            Some(&mut sheet.account)
        } else {
            intake.accounts.iter_mut().find(|account| account.sheet == self.sheets[first.sheet as usize])
        };
        if let Some(account) = account {
            account.accepted -= 1;
            account.quarantined += 1;
        }
    }

    /// Ends the sheet: its account, notes and doubts go to its ledger. Call it after its last rows are decided.
    ///
    /// # Errors
    /// No sheet is being read, its account is not that of its rows, or there is too much about it.
    pub fn end_sheet(&mut self, end: SheetEnd) -> Result<(), Forged> {
        let number = self.sheet_number();
        let Some(mut sheet) = self.sheet.take() else { return Err(Forged("the end of no sheet")) };
        let SheetEnd { account, notes, unlisted, covers_on, mut doubts, mut undecided, marks_all } = end;
        if !account.adds_up() || [account.accepted, account.quarantined, account.skipped] != sheet.arrived {
            return Err(Forged("an account that is not that of its rows"));
        }
        let about = [notes.len(), doubts.len(), undecided.len(), account.undecided.len(), account.columns.len()];
        self.take_pieces(about.iter().sum::<usize>() + account.units.len() + account.unknown.len())?;
        sheet.notes.extend(notes);
        self.note_room.add_unlisted(unlisted);
        let on_sheet = |reason: String, hint: &str| Note::new(NoteKind::Warning, number, 0, reason, hint);
        if let Some(unlisted) = self.note_room.unlisted_since(&sheet.room_before) {
            sheet.notes.push(on_sheet(unlisted, "请先改正已列出的各行，再重新导入"));
        }
        let SheetAccount { sheet: name, read, accepted, quarantined, skipped, .. } = sheet.account;
        self.read_before += read;
        self.unusable_before += quarantined + skipped;
        let Some((ledger, _)) = sheet.ledger else {
            self.unread.push((name, account.unread.unwrap_or_else(|| "未读取".into())));
            return Ok(());
        };
        if account.columns.iter().chain(&account.units).any(|(id, _)| ledger.field(id).is_none()) {
            return Err(Forged("a column of no field"));
        }
        let intake = self.by_ledger.entry(ledger.id.clone()).or_insert_with(|| LedgerIntake::new(ledger));
        intake.covers_on = intake.covers_on.or(covers_on);
        let codes = std::mem::take(&mut intake.codes_in_sheet);
        let mut listed = 0;
        for (first, common) in std::mem::take(&mut intake.common) {
            let other = &self.sheets[first as usize];
            let rows = intake.accounts.iter().find(|account| account.sheet == *other).map_or(codes, |account| account.read);
            let pct = common * 100 / codes.min(rows).max(1);
            if common >= COMMON_MIN && pct > COMMON_PCT_MAX && listed < COMMON_LISTED_MAX {
                listed += 1;
                doubts.push(format!("工作表“{other}”与“{name}”有{pct}%的编号相同，请核对以哪张为准"));
            }
        }
        sheet.notes.extend(doubts.iter().map(|doubt| on_sheet(doubt.clone(), "")));
        intake.doubts.append(&mut doubts);
        intake.undecided.append(&mut undecided);
        if let Some(marks) = marks_all {
            intake.marks_all = Some(marks.with(intake.marks_all.take()));
        }
        intake.accounts.push(SheetAccount { sheet: name, read, accepted, quarantined, skipped, ..account });
        intake.notes.append(&mut sheet.notes);
        Ok(())
    }
}

impl<'a> LedgerIntake<'a> {
    fn new(ledger: &'a Ledger) -> LedgerIntake<'a> {
        LedgerIntake {
            ledger,
            accounts: Vec::new(),
            notes: Vec::new(),
            retained: HashSet::new(),
            covers_on: None,
            doubts: Vec::new(),
            undecided: Vec::new(),
            marks_all: None,
            unchanged: 0,
            codes_in_sheet: 0,
            common: BTreeMap::new(),
        }
    }

    /// Sorts the notes by place, and adds to those on quarantined rows whose code keeps a previous version that it does.
    pub fn complete_notes(&mut self, has_previous_version: impl Fn(&str) -> bool) {
        for note in self.notes.iter_mut().filter(|note| note.kind == NoteKind::Quarantined) {
            if !note.code.is_empty() && has_previous_version(&note.code) {
                let hint = Some(note.hint.as_str()).filter(|hint| !hint.is_empty()).unwrap_or("请改正后重新导入");
                note.hint = format!("{hint}；改正前，该编号仍按上次入库的内容计");
            }
        }
        self.notes.sort_by(|a, b| (a.sheet, a.row, &a.cell, a.kind).cmp(&(b.sheet, b.row, &b.cell, b.kind)));
    }
}

/// The place of a row for a reader of the sheet `here`: the sheet is named only if it is another one.
fn place_name(sheets: &[String], here: u32, RowPlace { sheet, row }: RowPlace) -> String {
    match sheets.get(sheet as usize) {
        Some(name) if sheet != here => format!("“{name}”第{row}行"),
        _ => format!("第{row}行"),
    }
}
