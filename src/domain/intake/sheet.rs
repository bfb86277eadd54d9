//! Reads one sheet row by row: finds the header, decides what becomes of each row, and keeps the account of them.
//!
//! Invariant: read = accepted + quarantined + skipped with a reason. A reported value is never corrected; a row that cannot be read becomes
//! a note with its place, raw text, reason and hint.

mod notes;

use crate::domain::intake::cell::{self, canonical_code};
use crate::domain::intake::covered_cells::CoveredCells;
use crate::domain::intake::data_merges::{DataMerges, merges_across_header};
use crate::domain::intake::date::covers_on;
use crate::domain::intake::header::{Column, Header, SecondHeader, UnitFrom};
use crate::domain::intake::header_search::find;
use crate::domain::intake::merges::{Merges, column_letters};
use crate::domain::intake::money::unit_name;
use crate::domain::intake::non_data::{NonData, non_data};
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::note_room::NoteRoom;
use crate::domain::intake::place_headings::PlaceHeadings;
use crate::domain::intake::raw::{CellRange, Raw, RawRow, cell_at};
use crate::domain::intake::row::{RowReader, RowReading};
use crate::domain::intake::row_marks::{CodedRow, RowStatement};
use crate::domain::intake::sheet_secrecy::{SheetSecrecy, is_classified_line, is_classified_row};
use crate::domain::intake::sums::Sums;
use crate::domain::intake::text::excerpt;
use crate::domain::personal_numbers::mask::masked;
use crate::domain::personal_numbers::numbers::is_code_of_person;
use crate::domain::register::ledger::{Ledger, Purpose, Role};
use crate::domain::register::record::{Cell, Columns};
use crate::domain::register::units::Units;
use chrono::NaiveDate;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A row that became a record, before it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// From 1.
    pub row: u32,
    pub code: String,
    pub cells: Vec<Cell>,
}

/// What became of a row below the header.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing in it; not counted.
    Blank,
    Accepted(Accepted),
    Quarantined {
        code: String,
    },
    Skipped,
}

impl Outcome {
    /// The code of a row of data; empty ones are left out.
    pub(crate) fn into_code(self) -> Option<String> {
        match self {
            Outcome::Accepted(Accepted { code, .. }) | Outcome::Quarantined { code } => Some(code).filter(|code| !code.is_empty()),
            Outcome::Blank | Outcome::Skipped => None,
        }
    }
}

/// Dates of events that do not all happen on the day on which a register is imported.
const EVENTS: [Role; 5] = [Role::Signed, Role::Performed, Role::Started, Role::Produced, Role::Terminated];

/// From so many accepted rows on, a column of events that are all of today is a doubt.
const ALL_TODAY_ROWS: u64 = 10;

/// How many hidden rows a note lists by number.
const HIDDEN_LISTED_MAX: usize = 10;

/// How many of the first rows may hold the header.
const HEADER_ROWS_MAX: usize = 30;

/// How many bytes the texts of the first rows may have before they are searched for the header.
const HEADER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often the header is searched, each time in some more of the first rows.
const SEARCHES_MAX: u32 = 4;

/// How many bytes rows may share by merged cells.
pub(crate) const SHARED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How many columns without header get a note.
const UNHEADED_NOTED_MAX: usize = 5;

/// Reads one sheet row by row.
pub struct SheetIntake<'a> {
    ledgers: &'a [Ledger],
    sheet: u32,
    today: NaiveDate,
    merges: Merges,
    /// First and last column (from 0) of each hidden range.
    hidden_columns: Vec<(u32, u32)>,
    /// The first hidden rows, from 1.
    hidden_rows: Vec<u32>,
    data_merges: DataMerges,
    covered: CoveredCells,
    headings: PlaceHeadings,
    /// By which headings of places are known.
    units: Option<&'a Units>,
    /// The workbook counts its days from 1904.
    days_from_1904: bool,
    /// Totals above all rows, compared once the rows are read.
    totals_above: Vec<TotalAbove>,
    /// Rows that wait to be filled in: how many, the first and the last one.
    prepared: (u64, u32, u32),
    /// The first rows, until the header is found.
    first_rows: Vec<RawRow<'static>>,
    /// Bytes of their texts.
    first_bytes: usize,
    /// How often the header was searched in vain.
    searches: u32,
    /// Cells among which it was searched, empty ones included.
    searched_cells: u64,
    state: SheetState<'a>,
    pub account: SheetAccount,
    pub notes: Vec<Note>,
    /// The first of the notes: those about the header, until they are taken.
    header_notes: usize,
    /// How many notes were taken.
    taken_notes: u64,
    pub(crate) note_room: NoteRoom,
    /// Bytes of texts and dates that rows have shared with their neighbours by merged cells.
    shared_bytes: usize,
    /// The date in a line above the header: 截至2026年9月30日.
    pub covers_on: Option<NaiveDate>,
    /// What only a person can decide about the sheet as a whole. Each becomes a warning, and the snapshot is held unless it is the first.
    pub doubts: Vec<String>,
    /// Duplicate columns with a doubt already: they differ from the first column of their field.
    conflicting_duplicates: Vec<u16>,
    /// Fields of events whose date is today in every accepted row so far.
    all_today: Vec<usize>,
    sums: Sums,
    /// Columns without header that have content.
    unheaded: BTreeMap<u16, UnheadedColumn>,
    /// No row below a second header can be read. Its row, and its columns.
    second_header: Option<(u32, SecondHeader)>,
    /// What the rows state about secrecy, whatever became of them.
    pub secrecy: SheetSecrecy,
    /// The headers about which the office has to decide before the sheet comes into force; known at its end.
    pub undecided: Vec<String>,
    /// The property of the file, where lists of this service are not read.
    own_lists_refused: Option<String>,
}

/// The most totals above all rows that are compared.
const TOTALS_ABOVE_MAX: usize = 5;

/// A row of totals above all rows of data.
struct TotalAbove {
    number: u32,
    word: String,
    cells: Vec<(u16, Raw<'static>)>,
}

#[derive(Default)]
struct UnheadedColumn {
    /// Rows with content.
    rows: u64,
    first_row: u32,
}

enum SheetState<'a> {
    /// The header is not found yet.
    Searching,
    /// A list that this service made, or a sheet without header; nothing of it is read.
    Refused,
    Reading {
        ledger: &'a Ledger,
        header: Rc<Header>,
    },
}

impl<'a> SheetIntake<'a> {
    /// `sheet` is its number in the file, from 0; `today` bounds plausible dates.
    pub fn new(ledgers: &'a [Ledger], sheet: u32, name: &str, merges: Vec<CellRange>, today: NaiveDate) -> SheetIntake<'a> {
        SheetIntake {
            ledgers,
            sheet,
            today,
            merges: Merges::new(merges),
            hidden_columns: Vec::new(),
            hidden_rows: Vec::new(),
            data_merges: DataMerges::default(),
            covered: CoveredCells::default(),
            headings: PlaceHeadings::default(),
            units: None,
            days_from_1904: false,
            totals_above: Vec::new(),
            prepared: (0, 0, 0),
            first_rows: Vec::new(),
            first_bytes: 0,
            searches: 0,
            searched_cells: 0,
            state: SheetState::Searching,
            account: SheetAccount { sheet: name.to_owned(), ..SheetAccount::default() },
            notes: Vec::new(),
            header_notes: 0,
            taken_notes: 0,
            note_room: NoteRoom::default(),
            shared_bytes: 0,
            covers_on: None,
            doubts: Vec::new(),
            conflicting_duplicates: Vec::new(),
            all_today: Vec::new(),
            sums: Sums::default(),
            unheaded: BTreeMap::new(),
            second_header: None,
            secrecy: SheetSecrecy::new(ledgers.first().map(|ledger| &*ledger.secrecy), sheet, name),
            undecided: Vec::new(),
            own_lists_refused: None,
        }
    }

    /// From now on a list that this service made is not read as a register. `property` is that of [`own_sheet`](crate::domain::own_sheet).
    pub(crate) fn refuse_own_lists(&mut self, property: &str) {
        self.own_lists_refused = Some(property.to_owned());
    }

    /// Sets the sheet's hidden columns: first and last (from 0) of each range. They are read like the others, and a note names them.
    pub(crate) fn set_hidden_columns(&mut self, ranges: Vec<(u32, u32)>) {
        self.hidden_columns = ranges;
    }

    /// From now on headings that name units are known.
    pub(crate) fn set_units(&mut self, units: &'a Units) {
        self.units = Some(units);
    }

    /// The workbook counts its days from 1904.
    pub(crate) fn set_days_from_1904(&mut self) {
        self.days_from_1904 = true;
    }

    /// Whether the workbook counts its days from 1904.
    pub(crate) fn has_days_from_1904(&self) -> bool {
        self.days_from_1904
    }

    /// How many notes there are so far, those to come about columns without header included.
    pub(crate) fn note_count(&self) -> u64 {
        self.taken_notes
            + self.notes.len() as u64
            + self.note_room.unlisted()
            + self.unheaded.values().map(|column| column.rows).sum::<u64>()
    }

    /// The notes about the header, once, where none was taken before.
    pub(crate) fn take_header_notes(&mut self) -> Vec<Note> {
        let count = std::mem::take(&mut self.header_notes);
        self.taken_notes += count as u64;
        self.notes.drain(..count).collect()
    }

    /// The notes since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        self.header_notes = 0;
        self.taken_notes += self.notes.len() as u64;
        std::mem::take(&mut self.notes)
    }

    /// Whether no further row of the sheet is read.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.state, SheetState::Refused)
    }

    /// Cells among which the header was searched so far.
    pub(crate) fn searched_cells(&self) -> u64 {
        self.searched_cells
    }

    /// Whether a few merged cells have given their long texts to so many rows that no real register is like it.
    pub(crate) fn shares_too_much(&self) -> bool {
        self.shared_bytes > SHARED_BYTES_MAX
    }

    /// Removes the notes from an index on for which the file has no room, and counts them.
    pub(crate) fn bound_notes(&mut self, from: usize) {
        self.note_room.bound(&mut self.notes, from);
    }

    /// The ledger that the header belongs to, once it is found.
    pub fn ledger(&self) -> Option<&'a Ledger> {
        let SheetState::Reading { ledger, .. } = &self.state else { return None };
        Some(ledger)
    }

    /// The fields that the sheet has columns for.
    pub(crate) fn columns(&self) -> Columns {
        match &self.state {
            SheetState::Reading { header, .. } => header.present,
            SheetState::Searching | SheetState::Refused => Columns::default(),
        }
    }

    /// The columns that are read, in field order.
    pub(crate) fn mapping(&self) -> &[Column] {
        match &self.state {
            SheetState::Reading { header, .. } => &header.columns,
            SheetState::Searching | SheetState::Refused => &[],
        }
    }

    /// Whether the reading of a row depends on its own cells alone: it lies in no merge and below no second header, and the sheet has no
    /// duplicate column, no column of doubtful secrecy, no line that marks its rows and no doubt about all rows that is still possible.
    pub(crate) fn is_independent(&self, number: u32) -> bool {
        let SheetState::Reading { header, .. } = &self.state else { return false };
        header.duplicates.is_empty()
            && header.doubtful.is_empty()
            && self.all_today.is_empty()
            && self.second_header.is_none()
            && !self.secrecy.marks_row(number)
            && !self.data_merges.covers(number)
            && !self.covered.reaches(number)
            && !self.headings.is_any()
    }

    /// Whether [`SheetIntake::count_unchanged`] needs the cell of a column.
    pub(crate) fn is_summed(&self, column: u16) -> bool {
        self.sums.has_column(column)
    }

    /// Counts an independent row that was accepted without a note at the previous pull and has not changed: as [`SheetIntake::push`], without
    /// reading it.
    pub(crate) fn count_unchanged(&mut self, row: &RawRow<'_>) {
        let SheetState::Reading { ledger, .. } = self.state else { return };
        self.account.read += 1;
        self.count_hidden(row.number, row.hidden);
        self.account.accepted += 1;
        self.sums.add_cells(ledger, &row.cells, self.today);
    }

    fn count_hidden(&mut self, number: u32, hidden: bool) {
        self.account.hidden_rows += u64::from(hidden);
        if hidden && self.hidden_rows.len() < HIDDEN_LISTED_MAX {
            self.hidden_rows.push(number);
        }
    }

    /// Takes the next row. The outcomes of the first rows come once the header is found.
    pub fn push(&mut self, row: &RawRow<'_>, out: &mut Vec<Outcome>) {
        match self.state {
            SheetState::Refused => {}
            SheetState::Searching => {
                let cells = row.cells.iter().map(|(column, raw)| (*column, raw.clone().into_owned())).collect();
                self.first_rows.push(RawRow { number: row.number, hidden: row.hidden, cells });
                self.first_bytes += row.text_bytes();
                if self.first_rows.len() >= HEADER_ROWS_MAX || self.first_bytes > HEADER_BYTES_MAX {
                    self.find_header(out);
                }
            }
            SheetState::Reading { .. } => out.push(self.row(row)),
        }
    }

    /// Ends the sheet: the last outcomes, and the notes about the sheet as a whole.
    pub fn finish(&mut self, out: &mut Vec<Outcome>) {
        if matches!(self.state, SheetState::Searching) && !self.first_rows.is_empty() {
            self.find_header(out);
        }
        if matches!(self.state, SheetState::Searching) && self.account.unread.is_none() {
            self.account.unread = Some(if self.first_rows.is_empty() { "空表".into() } else { "前30行未找到表头".into() });
        }
        let SheetState::Reading { ledger, .. } = self.state else { return };
        if self.account.accepted >= ALL_TODAY_ROWS {
            for field in std::mem::take(&mut self.all_today) {
                self.doubts.push(format!("“{}”整列都是导入当天，疑似批量填充，请核对", ledger.fields[field].title));
            }
        }
        for (column, UnheadedColumn { rows, first_row }) in std::mem::take(&mut self.unheaded).into_iter().take(UNHEADED_NOTED_MAX) {
            let letters = column_letters(column);
            self.sheet_note(
                format!("{letters}列没有表头，其中{rows}行有内容（首见第{first_row}行），未读取"),
                "如是台账内容，请补写表头后重新导入",
            );
        }
        self.check_totals_above();
        self.note_unseen_rows();
        self.note_doubtful_columns();
        self.doubt_nameless_marks();
        self.note_marking_lines();
        if self.account.hidden_rows > 0 {
            let rows = self.hidden_rows.iter().map(u32::to_string).collect::<Vec<_>>().join("、");
            let rest = match self.account.hidden_rows {
                count if count > self.hidden_rows.len() as u64 => format!("等{count}行"),
                _ => String::new(),
            };
            self.sheet_note(format!("第{rows}行{rest}为隐藏行，已照常读取"), "如不应报送，请删除后重新导入");
        }
    }

    fn find_header(&mut self, out: &mut Vec<Outcome>) {
        let rows = std::mem::take(&mut self.first_rows);
        self.first_bytes = 0;
        let width = rows.iter().filter_map(|row| row.cells.last()).map(|(column, _)| u64::from(*column) + 1).max().unwrap_or(0);
        self.searched_cells += rows.len() as u64 * width;
        let (ledger, header) = match find(self.ledgers, &rows, &self.merges) {
            Ok(found) => found,
            Err(near) => {
                self.secrecy.look_through(&rows, is_classified_row);
                let reason = self.unread_reason(near);
                self.account.unread.get_or_insert(reason);
                self.searches += 1;
                if self.searches >= SEARCHES_MAX {
                    self.state = SheetState::Refused;
                    return;
                }
                self.first_rows = rows;
                self.first_rows.truncate(1);
                return;
            }
        };
        if self.own_lists_refused.as_ref().is_some_and(|property| header.is_own_list(ledger, &rows, property)) {
            self.secrecy.look_through(&rows, is_classified_row);
            self.account.unread.get_or_insert("是本系统编制的清单，不是台账".into());
            self.state = SheetState::Refused;
            return;
        }
        self.account.unread = None;
        self.secrecy.look_through(rows.iter().filter(|row| row.number < header.first_row), is_classified_line);
        self.secrecy.read_title_lines(rows.iter().filter(|row| row.number < header.first_row));
        self.secrecy.read_title_remarks(header.first_row, header.last_row);
        let above = rows.iter().filter(|row| row.number < header.first_row).flat_map(|row| &row.cells);
        let mut days = above.filter_map(|(_, raw)| if let Raw::Text(text) = raw { covers_on(text) } else { None });
        self.covers_on = self.covers_on.or(days.next());
        let last = header.last_row;
        self.start_reading(ledger, header);
        for row in rows.into_iter().filter(|row| row.number > last) {
            out.push(self.row(&row));
        }
    }

    /// Records what the header shows about the sheet, and prepares the reading of rows.
    fn start_reading(&mut self, ledger: &'a Ledger, header: Header) {
        self.account.columns =
            header.columns.iter().map(|column| (ledger.fields[column.field].id.clone(), column_letters(column.column))).collect();
        self.account.unknown.clone_from(&header.unknown);
        for column in header.columns.iter().filter(|column| column.unit_from != UnitFrom::None) {
            let unit = column.unsupported_currency.clone().unwrap_or_else(|| unit_name(column.money_power));
            self.account.units.push((ledger.fields[column.field].id.clone(), format!("{unit}（{}）", column.unit_from.title())));
        }
        for duplicate in &header.duplicates {
            let note = Note::new(NoteKind::Warning, self.sheet, header.first_row, "表头重复，只读取左边第一列", "请删除或改名重复的列");
            let cell = format!("{}{}", column_letters(duplicate.column), header.last_row);
            self.notes.push(Note { cell, field: ledger.fields[duplicate.field].title.clone(), ..note });
        }
        self.note_proposals(ledger, &header);
        self.note_hidden_columns(ledger, &header);
        self.header_notes = self.notes.len();
        self.sums = Sums::new(ledger, &header);
        let fields = header.columns.iter().map(|column| column.field);
        self.all_today = fields.filter(|field| ledger.fields[*field].role.is_some_and(|role| EVENTS.contains(&role))).collect();
        self.data_merges = DataMerges::new(&self.merges, &header, ledger);
        self.covered = CoveredCells::below(&self.merges, header.last_row);
        self.secrecy.begin_rows(&header.doubtful);
        for range in merges_across_header(&self.merges, &header) {
            self.doubts.push(format!("单元格{range}把表头与数据合并在一起，请取消合并后核对"));
        }
        self.state = SheetState::Reading { ledger, header: Rc::new(header) };
    }

    fn row(&mut self, row: &RawRow<'_>) -> Outcome {
        let number = row.number;
        let cells = self.covered.visible(number, &row.cells);
        let cells = &*cells;
        let SheetState::Reading { ledger, header } = &self.state else { return Outcome::Blank };
        let ledger: &'a Ledger = ledger;
        let header = Rc::clone(header);
        if cells.iter().all(|(_, raw)| raw.is_blank()) {
            return Outcome::Blank;
        }
        self.account.read += 1;
        self.count_hidden(number, row.hidden);
        self.data_merges.advance(number, cells);
        self.shared_bytes += self.data_merges.shared_bytes();
        if self.second_header.is_some() {
            return self.quarantine_below(ledger, number, cells);
        }
        let is_unit = |name: &str| self.units.is_some_and(|units| units.find(name).is_some());
        if let Some(found) = non_data(ledger, &header, &self.data_merges, number, cells, is_unit) {
            let reason = found.reason();
            match found {
                NonData::Total(word) => self.take_total(ledger, number, cells, word),
                NonData::SecondHeader(second) => self.second_header = Some((number, second)),
                NonData::Heading => {
                    self.secrecy.begin_section(number, cells);
                    let heading = cells.iter().map(|(_, raw)| raw).find(|raw| !raw.is_blank());
                    if let (Some(Raw::Text(heading)), Some(units)) = (heading, self.units) {
                        self.headings.take(heading, units);
                    }
                }
                NonData::Remark => self.secrecy.read_remark(number, cells),
                NonData::Line => self.secrecy.read_words(number, cells),
                NonData::Prepared => return self.take_prepared(number, row.hidden),
                NonData::RepeatedHeader | NonData::PageFoot | NonData::Template(_) => {}
            }
            self.secrecy.read_line(number, cells);
            let texts = cells.iter().map(|(_, raw)| raw.display()).filter(|text| !text.trim().is_empty());
            let raw = texts.take(3).collect::<Vec<Cow<'_, str>>>().join(" ");
            return self.skip(number, &raw, reason);
        }
        let is_text_file = self.account.sheet.is_empty();
        let (merges, headings, days_from_1904) = (&self.data_merges, &self.headings, self.days_from_1904);
        let reader = RowReader { ledger, header: &header, merges, is_text_file, today: self.today, days_from_1904, headings };
        let reading = reader.read(cells);
        let code = ledger.role(Role::Code).and_then(|field| reading.record[field].text()).unwrap_or_default();
        let name = ledger.role(Role::Name).and_then(|field| reading.record[field].text()).unwrap_or_default();
        let row = CodedRow { number, code, name, cells };
        self.secrecy.read_marking(&row, &reading.marking, header.leaf(reading.marking_column));
        self.secrecy.read_statement(&row, &reading.statement, |column| header.leaf(column));
        self.secrecy.read_doubtful(&row);
        if header.is_unfilled(ledger, cells) {
            return self.skip(number, "", "没有填写".into());
        }
        for column in &reading.unheaded {
            let unheaded = self.unheaded.entry(*column).or_insert(UnheadedColumn { rows: 0, first_row: number });
            unheaded.rows += 1;
        }
        if !header.duplicates.is_empty() {
            self.compare_duplicates(ledger, &header, number, cells);
        }
        self.judge_row(ledger, &header, number, reading)
    }

    /// Quarantines a row below a second header: its columns are not those of the first header. Its mark counts.
    fn quarantine_below(&mut self, ledger: &Ledger, number: u32, cells: &[(u16, Raw<'_>)]) -> Outcome {
        let (row, second) = self.second_header.clone().unwrap_or_default();
        let code = second.code_column.and_then(|column| cell_at(cells, column));
        let code = code.map(|raw| canonical_code(&raw.display())).unwrap_or_default();
        let markings = second
            .secrecy
            .iter()
            .filter_map(|(column, polarity)| Some(ledger.secrecy.read(*polarity, &cell_at(cells, *column)?.display())));
        let coded = CodedRow { number, code: &code, name: "", cells };
        if let Some(marking) = markings.max() {
            self.secrecy.read_marking(&coded, &marking, "");
        }
        let read_by_header: Vec<u16> = second.secrecy.iter().map(|(column, _)| *column).collect();
        let statement = RowStatement::of(&ledger.secrecy, cells.iter().map(|(column, raw)| (*column, raw)), &read_by_header);
        self.secrecy.read_statement(&coded, &statement, |_| "");
        self.account.quarantined += 1;
        let before = self.notes.len();
        let reason = format!("第{row}行是另一个表头，栏目次序与上面不同，其下各行未读取");
        let note = Note::new(NoteKind::Quarantined, self.sheet, number, reason, "请把两张表分放在两个工作表，或统一栏目次序后重新导入");
        self.notes.push(Note { code: code.clone(), ..note });
        self.bound_notes(before);
        Outcome::Quarantined { code }
    }

    fn skip(&mut self, number: u32, raw: &str, reason: String) -> Outcome {
        self.account.skipped += 1;
        let before = self.notes.len();
        self.notes.push(Note { raw: excerpt(raw), ..Note::new(NoteKind::Skipped, self.sheet, number, reason, "") });
        self.bound_notes(before);
        Outcome::Skipped
    }

    /// Accepts a row, or quarantines it where it is shifted, a cell is unreadable or a required field is empty. Notes all that is wrong.
    fn judge_row(&mut self, ledger: &Ledger, header: &Header, number: u32, reading: RowReading) -> Outcome {
        let RowReading { record, faults, struck, shifted, marking, statement, .. } = reading;
        let mut code = ledger.role(Role::Code).and_then(|field| record[field].text()).unwrap_or_default().to_owned();
        let is_of_person = ledger.purpose != Purpose::Directory && is_code_of_person(&code);
        if is_of_person {
            code = masked(&code);
        }
        let unit = record[ledger.owner.field()].text().unwrap_or_default();
        let (sheet, before) = (self.sheet, self.notes.len());
        let note = |kind: NoteKind, reason: String, hint: String| Note {
            code: code.clone(),
            unit: unit.to_owned(),
            ..Note::new(kind, sheet, number, reason, hint)
        };
        let cell_name = |column: u16| format!("{}{number}", column_letters(column));
        let unreadable: Vec<usize> = faults.iter().filter(|fault| fault.fault.fatal).map(|fault| fault.field).collect();
        let mut quarantined = !unreadable.is_empty();
        if let Some(column) = shifted {
            quarantined = true;
            let reason = format!("该行的内容到{}列，超出表头，各栏可能已错位", column_letters(column));
            let hint = "请检查该行是否有多余的逗号（内容中的逗号要用引号括起），或另存为xlsx后再导入".to_owned();
            self.notes.push(note(NoteKind::Quarantined, reason, hint));
        }
        if struck {
            quarantined = true;
            let fault = cell::struck();
            self.notes.push(note(NoteKind::Quarantined, "整行加了删除线".to_owned(), fault.hint));
        }
        if is_of_person {
            quarantined = true;
            let hint = "编号随提醒和报表发出，不能含个人号码，请另编编号后重新导入".to_owned();
            self.notes.push(note(NoteKind::Quarantined, "编号中有手机号码或身份证号码".to_owned(), hint));
        }
        for fault in faults {
            let kind = if fault.fault.fatal { NoteKind::Quarantined } else { NoteKind::Warning };
            let note = note(kind, fault.fault.reason, fault.fault.hint);
            let (cell, field) = (cell_name(fault.column), ledger.fields[fault.field].title.clone());
            self.notes.push(Note { cell, field, raw: excerpt(&fault.raw), ..note });
        }
        for (index, field) in ledger.fields.iter().enumerate() {
            if field.required && record[index].is_empty() && !unreadable.contains(&index) {
                quarantined = true;
                let note = note(NoteKind::Quarantined, format!("缺{}", field.title), format!("请补填{}后重新导入", field.title));
                let cell = header.column_of(index).map(cell_name).unwrap_or_default();
                self.notes.push(Note { cell, field: field.title.clone(), ..note });
            }
        }
        if let Some((column, words, text)) = statement.restricting.as_ref().filter(|_| !code.is_empty()) {
            let field = ledger.role(Role::Restricted).map_or("", |field| ledger.fields[field].title.as_str());
            let reason = format!("有“{words}”字样，该行按不便公开处理");
            let hint = format!(
                "如系误写，请改正并在“{field}”栏填“否”后重新导入；或由办公室解除：duban restricted lift {code} --by 姓名 --reason 理由"
            );
            let note = note(NoteKind::Warning, reason, hint);
            let named = header.columns.iter().find(|known| known.column == *column).map(|known| ledger.fields[known.field].title.as_str());
            let field = named.unwrap_or(header.leaf(*column)).to_owned();
            self.notes.push(Note { cell: cell_name(*column), field, raw: excerpt(text), ..note });
        }
        if self.notes.len() > before {
            // the mark of a shifted row may be in any cell
            let is_marked = shifted.is_some() || marking.restricts() || statement.restricting.is_some();
            let restricted = ledger.role(Role::Restricted).is_some() && is_marked;
            self.complete_notes(ledger, &record, before, restricted);
            self.bound_notes(before);
        }
        if quarantined {
            self.account.quarantined += 1;
            return Outcome::Quarantined { code };
        }
        self.sums.add(&record);
        if !self.all_today.is_empty() {
            self.all_today.retain(|field| record[*field].date() == Some(self.today));
        }
        self.account.accepted += 1;
        Outcome::Accepted(Accepted { row: number, code, cells: record })
    }

    /// Gives the notes of a row (those from `from` on) its name and project, and restricts them where the row is restricted.
    fn complete_notes(&mut self, ledger: &Ledger, record: &[Cell], from: usize, restricted: bool) {
        let name = ledger.role(Role::Name).and_then(|field| record[field].text()).map(excerpt).unwrap_or_default();
        let project = ledger.project_in(record).unwrap_or_default();
        for note in &mut self.notes[from..] {
            note.name.clone_from(&name);
            note.project.clone_from(&project);
            note.restricted = restricted;
        }
    }

    /// Compares a printed total with the rows above it. One above all rows is compared at the end of the sheet.
    fn take_total(&mut self, ledger: &Ledger, number: u32, cells: &[(u16, Raw<'_>)], word: String) {
        if self.account.accepted + self.account.quarantined > 0 {
            return self.check_total(ledger, number, cells, &word);
        }
        if self.totals_above.len() < TOTALS_ABOVE_MAX {
            let cells = cells.iter().map(|(column, raw)| (*column, raw.clone().into_owned())).collect();
            self.totals_above.push(TotalAbove { number, word, cells });
        }
    }

    /// Adds a warning about the sheet as a whole.
    fn sheet_note(&mut self, reason: String, hint: &str) {
        self.notes.push(Note::new(NoteKind::Warning, self.sheet, 0, reason, hint));
    }
}
