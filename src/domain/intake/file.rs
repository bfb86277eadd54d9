//! Decides about the rows of one file together: which sheets are read, what a repeated code means, and what only a person can decide.
//! [`SheetIntake`] decides about each row of a sheet by itself. The caller stores accepted rows, and reports which codes the file had before.
//!
//! Invariant: the accounts of the sheets add up, and every row that is not accepted has a note.

use crate::domain::audience::is_marked;
use crate::domain::intake::check::{KnownOwners, remarks};
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::note_room::NoteRoom;
use crate::domain::intake::raw::{CellRange, RawRow};
use crate::domain::intake::row_marks::{ClassifiedCell, RowMark};
use crate::domain::intake::sheet::{Accepted, Outcome, SheetIntake};
use crate::domain::plain_text::shown_name;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::rules::policy::Policy;
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashSet};

/// Two sheets of one ledger are probably the same table twice if more than this share of codes is in both, and at least this many codes.
const COMMON_PCT_MAX: u64 = 80;
const COMMON_MIN: u64 = 2;

/// The most sheets of a file.
pub const SHEETS_MAX: usize = 500;

/// The most rows of all sheets of a file, and the most merged ranges.
const ROWS_MAX: u64 = 8 * 1_048_576;
const MERGES_MAX: usize = 1_000_000;

/// From so many rows on that are quarantined or skipped, a file is refused if they are more than this share of its rows, or if they are more than
/// the second number, whatever their share.
const UNUSABLE_ROWS_MIN: u64 = 20_000;
const UNUSABLE_PCT_MAX: u64 = 75;
const UNUSABLE_ROWS_MAX: u64 = 100_000;

/// The most cells of all sheets among which their headers are searched: a hundred sheets of two hundred columns.
const SEARCHED_CELLS_MAX: u64 = 600_000;

/// The most doubts about a sheet for sheets that have the same codes.
const COMMON_LISTED_MAX: usize = 10;

/// Why a file is refused as a whole, in words for the clerk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    pub reason: String,
    pub hint: &'static str,
}

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
    /// Rows that have not changed since the previous pull.
    pub unchanged: u64,
    /// Codes in the sheet being read.
    codes_in_sheet: u64,
    /// How many of these codes are also in an earlier sheet, by the number of that sheet.
    common: BTreeMap<u32, u64>,
}

/// The rows of one file.
pub struct FileIntake<'a> {
    policy: &'a Policy,
    ledgers: &'a [Ledger],
    today: NaiveDate,
    /// All sheets of the file, hidden ones too; their positions are the sheet numbers.
    pub sheets: Vec<String>,
    /// Sheets that were not read, each with the reason.
    pub unread: Vec<(String, String)>,
    /// Grades of state secrets, each with its ledger and sheet: the file is to be refused.
    pub classified: Vec<(String, String, ClassifiedCell)>,
    /// By the id of the ledger.
    pub by_ledger: BTreeMap<String, LedgerIntake<'a>>,
    /// The sheet being read; `None` while there is none and for a hidden one.
    sheet: Option<SheetIntake<'a>>,
    known_owners: KnownOwners,
    note_room: NoteRoom,
    /// Rows of all sheets, also of those that are not read.
    rows: u64,
    merges: usize,
    /// Rows of the sheets before the present one that were read, and those of them that were quarantined or skipped.
    read_before: u64,
    unusable_before: u64,
    searched_before: u64,
    /// The most rows with data of all sheets.
    data_rows_max: u64,
}

impl<'a> FileIntake<'a> {
    /// An intake that has not seen any row. `ledgers` are those that the file may hold; `today` bounds plausible dates.
    pub fn new(policy: &'a Policy, ledgers: &'a [Ledger], today: NaiveDate) -> FileIntake<'a> {
        FileIntake {
            policy,
            ledgers,
            today,
            sheets: Vec::new(),
            unread: Vec::new(),
            classified: Vec::new(),
            by_ledger: BTreeMap::new(),
            sheet: None,
            known_owners: KnownOwners::default(),
            note_room: NoteRoom::default(),
            rows: 0,
            merges: 0,
            read_before: 0,
            unusable_before: 0,
            searched_before: 0,
            data_rows_max: ROWS_MAX,
        }
    }

    /// Sets how many rows with data all sheets may have together.
    pub fn set_data_rows_max(&mut self, rows: u32) {
        self.data_rows_max = rows.into();
    }

    /// Why the file is refused, whatever comes: it has more of something than a real register, or nearly nothing of it can be used.
    pub fn fault(&self) -> Option<FileFault> {
        let split = "请只保留台账所在的工作表，或分成几个文件导入";
        if self.sheets.len() > SHEETS_MAX {
            return Some(FileFault { reason: format!("文件中的工作表超过{SHEETS_MAX}张"), hint: split });
        }
        if self.rows > ROWS_MAX {
            return Some(FileFault { reason: format!("文件各工作表合计超过{ROWS_MAX}行"), hint: split });
        }
        if self.merges > MERGES_MAX {
            return Some(FileFault {
                reason: format!("文件中的合并单元格超过{MERGES_MAX}处"), hint: "请取消合并，逐行填写后再导入"
            });
        }
        let sheet = self.sheet.as_ref()?;
        if sheet.shares_too_much() {
            let reason = "合并单元格中的长文字被过多的行共用".to_owned();
            return Some(FileFault { reason, hint: "请取消合并，逐行填写后再导入" });
        }
        if self.searched_before + sheet.searched_cells() > SEARCHED_CELLS_MAX {
            return Some(FileFault { reason: "各工作表的前几行过宽，找不到表头".to_owned(), hint: split });
        }
        let read = self.read_before + sheet.account.read;
        if read > self.data_rows_max {
            return Some(FileFault { reason: format!("文件各工作表的数据合计超过{}行", self.data_rows_max), hint: split });
        }
        let unusable = self.unusable_before + sheet.account.quarantined + sheet.account.skipped;
        if unusable >= UNUSABLE_ROWS_MAX || unusable >= UNUSABLE_ROWS_MIN && unusable * 100 > read * UNUSABLE_PCT_MAX {
            let first = sheet.notes.first().map_or(String::new(), |note| format!("，例如第{}行：{}", note.row, note.reason));
            let reason = format!("已读的{read}行中有{unusable}行不能入库{first}");
            return Some(FileFault { reason, hint: "请核对是否选错了文件，改正后重新导入" });
        }
        None
    }

    /// Counts a row that is not looked at.
    pub fn count_row(&mut self) {
        self.rows += 1;
    }

    /// Begins a sheet. A hidden one is not read. `property` is that of the file, by which [`own_sheet`](crate::domain::own_sheet) knows a list.
    pub fn begin_sheet(&mut self, sheet: &str, visible: bool, merges: Vec<CellRange>, hidden_columns: Vec<(u32, u32)>, property: &str) {
        let number = self.sheets.len() as u32;
        // a name that is longer, or steers a terminal, is not one that a spreadsheet program has made
        let name = &*shown_name(sheet);
        self.sheets.push(name.to_owned());
        if !visible {
            self.unread.push((name.to_owned(), "隐藏的工作表，未读取".into()));
            return;
        }
        self.merges += merges.len();
        let mut sheet = SheetIntake::new(self.ledgers, number, name, merges, self.today);
        sheet.note_room = self.note_room;
        sheet.refuse_own_lists(property);
        sheet.set_hidden_columns(hidden_columns);
        self.sheet = Some(sheet);
    }

    /// The sheet being read.
    pub fn sheet(&self) -> Option<&SheetIntake<'a>> {
        self.sheet.as_ref()
    }

    /// The number of the sheet being read, from 0.
    pub fn sheet_number(&self) -> u32 {
        self.sheets.len().saturating_sub(1) as u32
    }

    /// Takes the next row of the sheet. Returns whether it was read without a note.
    pub fn push(&mut self, row: &RawRow<'_>, out: &mut Vec<Outcome>) -> bool {
        self.rows += 1;
        let Some(sheet) = self.sheet.as_mut() else { return false };
        let notes_before = sheet.note_count();
        sheet.push(row, out);
        sheet.note_count() == notes_before
    }

    /// The marks of the rows since the last call, whatever became of the rows.
    pub fn take_marks(&mut self) -> Vec<RowMark> {
        self.sheet.as_mut().map(SheetIntake::take_marks).unwrap_or_default()
    }

    /// Whether the file holds grades of state secrets so far.
    pub fn is_classified(&self) -> bool {
        !self.classified.is_empty() || self.sheet.as_ref().is_some_and(|sheet| !sheet.classified.is_empty())
    }

    /// The grades of state secrets, each with the name of its sheet.
    pub fn classified_cells(&self) -> Vec<(String, ClassifiedCell)> {
        self.classified.iter().map(|(_, sheet, cell)| (sheet.clone(), cell.clone())).collect()
    }

    /// Counts a row that was accepted without a note at the previous pull and has not changed.
    pub fn count_unchanged(&mut self, row: &RawRow<'_>) {
        self.rows += 1;
        let Some(sheet) = self.sheet.as_mut() else { return };
        let Some(intake) = sheet.ledger().and_then(|ledger| self.by_ledger.get_mut(&ledger.id)) else { return };
        intake.codes_in_sheet += 1;
        intake.unchanged += 1;
        sheet.count_unchanged(row);
    }

    /// The last outcomes of the sheet, which come once its end is known.
    pub fn last_outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if let Some(sheet) = self.sheet.as_mut() {
            sheet.finish(&mut outcomes);
        }
        outcomes
    }

    /// The ledger of the sheet being read, with what the file holds of it.
    pub fn ledger(&mut self) -> Option<&mut LedgerIntake<'a>> {
        let ledger = self.sheet.as_ref()?.ledger()?;
        Some(self.by_ledger.entry(ledger.id.clone()).or_insert_with(|| LedgerIntake::new(ledger)))
    }

    /// A row of this code is quarantined: the code retains its last accepted version.
    pub fn retain(&mut self, code: String) {
        if let Some(intake) = self.ledger().filter(|_| !code.is_empty()) {
            intake.retained.insert(code);
        }
    }

    /// Adds warnings to the cells of an accepted row. Returns whether there was none.
    pub fn check(&mut self, accepted: &Accepted) -> bool {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return true };
        let Some(ledger) = sheet.ledger() else { return true };
        let columns = sheet.columns();
        let (notes_before, count_before) = (sheet.notes.len(), sheet.note_count());
        for remark in remarks(self.policy, ledger, &accepted.cells, &mut self.known_owners) {
            if columns.contains(remark.field) {
                sheet.notes.push(Note {
                    field: ledger.fields[remark.field].title.clone(),
                    raw: accepted.cells[remark.field].to_string(),
                    hint: remark.hint,
                    ..note_on(ledger, accepted, number, NoteKind::Warning, remark.reason)
                });
            }
        }
        sheet.bound_notes(notes_before);
        sheet.note_count() == count_before
    }

    /// Decides about an accepted row by whether the file has its code before: the same row twice counts once; of two different rows neither is
    /// accepted, because nobody can decide which one is right. `first` are the names in the earlier row.
    pub fn decide(&mut self, accepted: &Accepted, code: CodeInFile, first: RowNames) {
        let number = self.sheet_number();
        let Some(intake) = self.ledger() else { return };
        intake.codes_in_sheet += 1;
        if let CodeInFile::Same(place) | CodeInFile::Conflicting(place) = code
            && place.sheet != number
        {
            *intake.common.entry(place.sheet).or_default() += 1;
        }
        match code {
            CodeInFile::New => {}
            CodeInFile::Same(place) => self.skip_repeated(accepted, place),
            CodeInFile::Conflicting(place) => self.quarantine_both(accepted, place, first),
        }
    }

    fn skip_repeated(&mut self, accepted: &Accepted, first: RowPlace) {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return };
        let Some(ledger) = sheet.ledger() else { return };
        sheet.account.accepted -= 1;
        sheet.account.skipped += 1;
        let reason = format!("与{}完全相同，只计一次", place_name(&self.sheets, number, first));
        let before = sheet.notes.len();
        sheet.notes.push(note_on(ledger, accepted, number, NoteKind::Skipped, reason));
        sheet.bound_notes(before);
    }

    fn quarantine_both(&mut self, accepted: &Accepted, first: RowPlace, names: RowNames) {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return };
        let Some((ledger, intake)) = sheet.ledger().and_then(|ledger| Some((ledger, self.by_ledger.get_mut(&ledger.id)?))) else { return };
        let hint = "请核对，同一编号只保留一行".to_string();
        let reason = |place: String| format!("编号与{place}重复而内容不同");
        sheet.account.accepted -= 1;
        sheet.account.quarantined += 1;
        let second = note_on(ledger, accepted, number, NoteKind::Quarantined, reason(place_name(&self.sheets, number, first)));
        let before = sheet.notes.len();
        sheet.notes.push(Note { hint: hint.clone(), ..second });
        sheet.bound_notes(before);
        if !intake.retained.insert(accepted.code.clone()) {
            return;
        }
        // the note on the first row goes to the unit that the first row names
        let here = RowPlace { sheet: number, row: accepted.row };
        let note = note_on(ledger, accepted, first.sheet, NoteKind::Quarantined, reason(place_name(&self.sheets, first.sheet, here)));
        let before = sheet.notes.len();
        sheet.notes.push(Note { row: first.row, unit: names.unit, name: names.name, hint, ..note });
        sheet.bound_notes(before);
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

    /// Ends the sheet: its account, notes and doubts go to its ledger. Call it after its last outcomes are decided.
    pub fn end_sheet(&mut self) {
        let Some(mut sheet) = self.sheet.take() else { return };
        sheet.note_unlisted(&self.note_room);
        self.note_room = sheet.note_room;
        self.read_before += sheet.account.read;
        self.searched_before += sheet.searched_cells();
        self.unusable_before += sheet.account.quarantined + sheet.account.skipped;
        let Some(ledger) = sheet.ledger() else {
            self.unread.push((sheet.account.sheet.clone(), sheet.account.unread.clone().unwrap_or_else(|| "未读取".into())));
            return;
        };
        let intake = self.by_ledger.entry(ledger.id.clone()).or_insert_with(|| LedgerIntake::new(ledger));
        intake.covers_on = intake.covers_on.or(sheet.covers_on);
        let classified = std::mem::take(&mut sheet.classified).into_iter();
        self.classified.extend(classified.map(|cell| (ledger.id.clone(), sheet.account.sheet.clone(), cell)));
        let codes = std::mem::take(&mut intake.codes_in_sheet);
        let mut listed = 0;
        for (first, common) in std::mem::take(&mut intake.common) {
            let other = &self.sheets[first as usize];
            let rows = intake.accounts.iter().find(|account| account.sheet == *other).map_or(codes, |account| account.read);
            let pct = common * 100 / codes.min(rows).max(1);
            if common >= COMMON_MIN && pct > COMMON_PCT_MAX && listed < COMMON_LISTED_MAX {
                listed += 1;
                let name = &sheet.account.sheet;
                sheet.doubts.push(format!("工作表“{other}”与“{name}”有{pct}%的编号相同，请核对以哪张为准"));
            }
        }
        sheet.note_doubts();
        intake.doubts.append(&mut sheet.doubts);
        intake.undecided.append(&mut sheet.undecided);
        intake.accounts.push(sheet.account);
        intake.notes.append(&mut sheet.notes);
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

/// A note on a row as a whole, without a hint.
fn note_on(ledger: &Ledger, accepted: &Accepted, sheet: u32, kind: NoteKind, reason: String) -> Note {
    Note {
        code: accepted.code.clone(),
        name: ledger.role(Role::Name).map(|field| accepted.cells[field].to_string()).unwrap_or_default(),
        unit: accepted.cells[ledger.owner.field()].to_string(),
        restricted: ledger.role(Role::Restricted).is_some_and(|field| is_marked(ledger, &accepted.cells[field])),
        project: ledger.project_in(&accepted.cells).unwrap_or_default(),
        ..Note::new(kind, sheet, accepted.row, reason, "")
    }
}

/// The place of a row for a reader of the sheet `here`: the sheet is named only if it is another one.
fn place_name(sheets: &[String], here: u32, RowPlace { sheet, row }: RowPlace) -> String {
    match sheets.get(sheet as usize) {
        Some(name) if sheet != here => format!("“{name}”第{row}行"),
        _ => format!("第{row}行"),
    }
}
