//! Takes in the rows of one file, each by itself: finds the headers of its sheets, reads the cells, and notes what is wrong. It runs in a confined
//! child; [`FileIntake`] decides in the service about the rows of the file together.
//!
//! [`FileIntake`]: crate::domain::intake::file::FileIntake

use crate::domain::audience::is_marked;
use crate::domain::intake::check::{KnownOwners, remarks};
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::note_room::NoteRoom;
use crate::domain::intake::raw::{CellRange, RawRow};
use crate::domain::intake::row_marks::{ClassifiedPlaces, MarkedRows, RowMark};
use crate::domain::intake::sheet::{Accepted, Outcome, SheetIntake};
use crate::domain::plain_text::shown_name;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::units::Units;
use chrono::NaiveDate;

/// The most sheets of a file.
pub const SHEETS_MAX: usize = 500;

/// The most rows of all sheets of a file, and the most merged ranges.
pub(crate) const ROWS_MAX: u64 = 8 * 1_048_576;
const MERGES_MAX: usize = 1_000_000;

/// From so many rows on that are quarantined or skipped, a file is refused if they are more than this share of its rows, or if they are more than
/// the second number, whatever their share.
const UNUSABLE_ROWS_MIN: u64 = 20_000;
const UNUSABLE_PCT_MAX: u64 = 75;
const UNUSABLE_ROWS_MAX: u64 = 100_000;

/// The most cells of all sheets among which their headers are searched: a hundred sheets of two hundred columns.
const SEARCHED_CELLS_MAX: u64 = 600_000;

/// Why a file is refused as a whole, in words for the clerk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    pub reason: String,
    pub hint: &'static str,
}

/// Whether nearly nothing of a file can be used: so many of the rows that were read are quarantined or skipped.
pub(crate) fn is_unusable(read: u64, unusable: u64) -> bool {
    unusable >= UNUSABLE_ROWS_MAX || unusable >= UNUSABLE_ROWS_MIN && unusable * 100 > read * UNUSABLE_PCT_MAX
}

/// What is known of a sheet before its rows.
#[derive(Clone, Debug, Default)]
pub struct SheetHead<'a> {
    pub name: &'a str,
    pub visible: bool,
    /// The workbook names the sheet and does not hold it.
    pub missing: bool,
    pub merges: Vec<CellRange>,
    /// First and last column (from 0) of each hidden range.
    pub hidden_columns: Vec<(u32, u32)>,
    /// The workbook counts its days from 1904.
    pub days_from_1904: bool,
    /// That of the file, by which [`own_sheet`](crate::domain::own_sheet) knows a list.
    pub property: &'a str,
    /// Texts beside the cells: the remarks on cells by their row (from 1), and at row 0 those of the page.
    pub beside: &'a [(u32, &'a str)],
}

/// What is known of a sheet at its end, beside its rows and the notes on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetEnd {
    pub account: SheetAccount,
    /// On the sheet as a whole.
    pub notes: Vec<Note>,
    /// Notes of each kind for which the file had no room.
    pub unlisted: [u64; 3],
    pub covers_on: Option<NaiveDate>,
    pub doubts: Vec<String>,
    pub undecided: Vec<String>,
    /// What marks rows of the ledger in the file, wherever they are.
    pub marks_all: Option<MarkedRows>,
}

/// The rows of one file.
pub struct FileRows<'a> {
    units: &'a Units,
    ledgers: &'a [Ledger],
    today: NaiveDate,
    /// How many sheets have begun, hidden ones too.
    sheets: usize,
    /// The sheet being read; `None` while there is none and for a hidden one.
    sheet: Option<SheetIntake<'a>>,
    known_owners: KnownOwners,
    note_room: NoteRoom,
    is_classified: bool,
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

impl<'a> FileRows<'a> {
    /// An intake that has not seen any row. `ledgers` are those that the file may hold; `today` bounds plausible dates.
    pub fn new(units: &'a Units, ledgers: &'a [Ledger], today: NaiveDate, data_rows_max: u32) -> FileRows<'a> {
        FileRows {
            units,
            ledgers,
            today,
            sheets: 0,
            sheet: None,
            known_owners: KnownOwners::default(),
            note_room: NoteRoom::default(),
            is_classified: false,
            rows: 0,
            merges: 0,
            read_before: 0,
            unusable_before: 0,
            searched_before: 0,
            data_rows_max: data_rows_max.into(),
        }
    }

    /// Why the file is refused, whatever comes: it has more of something than a real register.
    pub fn fault(&self) -> Option<FileFault> {
        let split = "请只保留台账所在的工作表，或分成几个文件导入";
        if self.sheets > SHEETS_MAX {
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
        if self.read_before + sheet.account.read > self.data_rows_max {
            return Some(FileFault { reason: format!("文件各工作表的数据合计超过{}行", self.data_rows_max), hint: split });
        }
        None
    }

    /// Whether nearly nothing of the file can be used, repeated codes aside.
    pub fn is_unusable(&self) -> bool {
        self.sheet.as_ref().is_some_and(|sheet| {
            let unusable = self.unusable_before + sheet.account.quarantined + sheet.account.skipped;
            is_unusable(self.read_before + sheet.account.read, unusable)
        })
    }

    /// Counts a row that is not looked at.
    pub fn count_row(&mut self) {
        self.rows += 1;
    }

    /// Begins a sheet. A hidden one is not read.
    pub fn begin_sheet(&mut self, head: SheetHead<'_>) {
        let number = self.sheets as u32;
        self.sheets += 1;
        if !head.visible {
            return;
        }
        self.merges += head.merges.len();
        let mut sheet = SheetIntake::new(self.ledgers, number, &shown_name(head.name), head.merges, self.today);
        sheet.note_room = self.note_room;
        sheet.refuse_own_lists(head.property);
        sheet.set_hidden_columns(head.hidden_columns);
        sheet.secrecy.read_beside(head.beside);
        sheet.set_units(self.units);
        if head.days_from_1904 {
            sheet.set_days_from_1904();
        }
        if head.missing {
            sheet.account.unread = Some("文件中没有这张工作表的内容".into());
        }
        self.sheet = Some(sheet);
    }

    /// The sheet being read.
    pub fn sheet(&self) -> Option<&SheetIntake<'a>> {
        self.sheet.as_ref()
    }

    /// The number of the sheet being read, from 0.
    fn sheet_number(&self) -> u32 {
        self.sheets.saturating_sub(1) as u32
    }

    /// Takes the next row of the sheet. Returns whether it was read without a note.
    pub fn push(&mut self, row: &RawRow<'_>, out: &mut Vec<Outcome>) -> bool {
        self.rows += 1;
        let Some(sheet) = self.sheet.as_mut() else { return false };
        let notes_before = sheet.note_count();
        sheet.push(row, out);
        sheet.note_count() == notes_before
    }

    /// Counts a row that was accepted without a note at the previous pull and has not changed.
    pub fn count_unchanged(&mut self, row: &RawRow<'_>) {
        self.rows += 1;
        if let Some(sheet) = self.sheet.as_mut() {
            sheet.count_unchanged(row);
        }
    }

    /// The last outcomes of the sheet, which come once its end is known.
    pub fn last_outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if let Some(sheet) = self.sheet.as_mut() {
            sheet.finish(&mut outcomes);
        }
        outcomes
    }

    /// Adds warnings to the cells of an accepted row. Returns whether there was none.
    pub fn check(&mut self, accepted: &Accepted) -> bool {
        let number = self.sheet_number();
        let Some(sheet) = self.sheet.as_mut() else { return true };
        let Some(ledger) = sheet.ledger() else { return true };
        let columns = sheet.columns();
        let (notes_before, count_before) = (sheet.notes.len(), sheet.note_count());
        for remark in remarks(self.units, ledger, &accepted.cells, &mut self.known_owners) {
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

    /// The notes about the header of the sheet, once.
    pub fn take_header_notes(&mut self) -> Vec<Note> {
        self.sheet.as_mut().map(SheetIntake::take_header_notes).unwrap_or_default()
    }

    /// The notes since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.sheet.as_mut().map(SheetIntake::take_notes).unwrap_or_default()
    }

    /// The marks of the rows since the last call, whatever became of the rows.
    pub fn take_marks(&mut self) -> Vec<RowMark> {
        self.sheet.as_mut().map(|sheet| sheet.secrecy.take_marks()).unwrap_or_default()
    }

    /// The grades of state secrets since the last call.
    pub fn take_classified(&mut self) -> ClassifiedPlaces {
        let taken = self.sheet.as_mut().map(|sheet| std::mem::take(&mut sheet.secrecy.classified)).unwrap_or_default();
        self.is_classified |= !taken.is_empty();
        taken
    }

    /// Whether grades of state secrets were taken.
    pub fn is_classified(&self) -> bool {
        self.is_classified
    }

    /// Ends the sheet. Call it after its last outcomes; `None` = none is being read.
    pub fn end_sheet(&mut self) -> Option<SheetEnd> {
        let sheet = self.sheet.take()?;
        let unlisted = sheet.note_room.unlisted_counts(&self.note_room);
        self.note_room = sheet.note_room;
        self.read_before += sheet.account.read;
        self.searched_before += sheet.searched_cells();
        self.unusable_before += sheet.account.quarantined + sheet.account.skipped;
        let SheetIntake { account, notes, covers_on, doubts, undecided, secrecy, .. } = sheet;
        Some(SheetEnd { account, notes, unlisted, covers_on, doubts, undecided, marks_all: secrecy.marks_all })
    }
}

/// A note on a row as a whole, without a hint.
pub(crate) fn note_on(ledger: &Ledger, accepted: &Accepted, sheet: u32, kind: NoteKind, reason: String) -> Note {
    Note {
        code: accepted.code.clone(),
        name: ledger.role(Role::Name).map(|field| accepted.cells[field].to_string()).unwrap_or_default(),
        unit: accepted.cells[ledger.owner.field()].to_string(),
        restricted: ledger.role(Role::Restricted).is_some_and(|field| is_marked(ledger, &accepted.cells[field])),
        project: ledger.project_in(&accepted.cells).unwrap_or_default(),
        ..Note::new(kind, sheet, accepted.row, reason, "")
    }
}
