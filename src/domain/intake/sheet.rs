//! What a careful clerk does with a sheet: finds the header, reads the cells, accounts for every row.
//!
//! Invariant: read = accepted + quarantined + skipped-with-reason. A reported value is never corrected; a row that cannot be read is
//! kept as a note with its place, raw text, reason and hint.

use crate::domain::intake::cell::{CellFault, read_cell};
use crate::domain::intake::header::{Column, Header, Merges, UnitFrom, column_letters};
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};

use crate::domain::audience::is_marked;
use crate::domain::intake::group::Groups;
use crate::domain::intake::sums::{Sums, Wrong};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Cell, Columns};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The sheet of an empty form that tells how to fill it.
pub const GUIDE_SHEET: &str = "填写说明";

/// A cell as the file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Raw<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(f64),
    /// A cell formatted as a date: year, month, day.
    Date(u16, u8, u8),
    Bool(bool),
    /// `#REF!` and the like.
    #[serde(borrow)]
    Error(Cow<'a, str>),
    /// A formula whose value the file does not hold.
    Uncalculated,
}

impl Raw<'_> {
    /// What a person sees in the cell.
    pub fn display(&self) -> Cow<'_, str> {
        match self {
            Raw::Text(text) => Cow::Borrowed(text),
            Raw::Number(number) => Cow::Owned(format!("{number}")),
            Raw::Date(year, month, day) => Cow::Owned(format!("{year:04}-{month:02}-{day:02}")),
            Raw::Bool(value) => Cow::Borrowed(if *value { "TRUE" } else { "FALSE" }),
            Raw::Error(code) => Cow::Borrowed(code),
            Raw::Uncalculated => Cow::Borrowed("（公式）"),
        }
    }

    pub(crate) fn into_owned(self) -> Raw<'static> {
        match self {
            Raw::Text(text) => Raw::Text(Cow::Owned(text.into_owned())),
            Raw::Number(number) => Raw::Number(number),
            Raw::Date(year, month, day) => Raw::Date(year, month, day),
            Raw::Bool(value) => Raw::Bool(value),
            Raw::Error(code) => Raw::Error(Cow::Owned(code.into_owned())),
            Raw::Uncalculated => Raw::Uncalculated,
        }
    }
}

/// A row of a sheet as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRow<'a> {
    /// As a person counts, from 1.
    pub number: u32,
    /// Hidden by hand or by a filter.
    pub hidden: bool,
    /// Column (from 0) and value in column order; empty cells are left out.
    pub cells: Vec<(u16, Raw<'a>)>,
}

/// A row that became a record, before the store knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub row: u32,
    pub code: String,
    pub cells: Vec<Cell>,
}

/// What pushing a row came to.
#[derive(Debug)]
pub enum Outcome {
    /// Held back until the header is known.
    Waiting,
    Accepted(Accepted),
    Quarantined {
        code: String,
    },
    Skipped,
}

/// What does not happen to all projects of a register on the day it is handed over, from this many rows on.
pub(crate) const EVENTS: [Role; 5] = [Role::Signed, Role::Performed, Role::Started, Role::Produced, Role::Terminated];
pub(crate) const ALL_TODAY_ROWS: u64 = 10;

/// How many hidden rows a clerk is told by number.
pub(crate) const HIDDEN_NAMED: usize = 10;

/// Rows looked through for a header.
pub(crate) const HEADER_ROWS_MAX: usize = 30;

/// Reads one sheet row by row.
pub struct SheetIntake<'a> {
    ledgers: &'a [Ledger],
    sheet: u32,
    today: NaiveDate,
    merges: Merges,
    hidden_columns: Vec<(u32, u32)>,
    /// The first hidden rows, as a person counts.
    hidden: Vec<u32>,
    groups: Groups,
    waiting: Vec<RawRow<'static>>,
    state: SheetState<'a>,
    pub account: SheetAccount,
    pub notes: Vec<Note>,
    /// 截至 in the rows above the header.
    pub covers_on: Option<NaiveDate>,
    /// What only a person can decide about the sheet as a whole; it is said as a warning, and a later snapshot is held for it.
    pub doubts: Vec<String>,
    /// Second columns of one header that were found to differ from the first.
    differing: Vec<u16>,
    /// Events that have happened today in every row so far.
    all_today: Vec<usize>,
    sums: Sums,
    /// Columns without a header in which something stands: in how many rows, and the first of them.
    beyond: BTreeMap<u16, (u64, u32)>,
    /// The row of another header with its columns in another order, and the column of its codes: nothing below it can be read.
    another: Option<(u32, Option<u16>)>,
    /// A sheet that this service made is refused; where forms come back it is what is read.
    registers_only: bool,
}

/// How many columns without a header a clerk is told of.
pub(crate) const BEYOND_NAMED: usize = 5;

pub(crate) enum SheetState<'a> {
    Searching,
    /// A list of our own; nothing of it is read.
    Refused,
    Reading {
        ledger: &'a Ledger,
        header: Rc<Header>,
    },
}

impl<'a> SheetIntake<'a> {
    /// `today` bounds plausible dates.
    pub fn new(ledgers: &'a [Ledger], sheet: u32, name: &str, merges: Vec<(u32, u32, u32, u32)>, today: NaiveDate) -> SheetIntake<'a> {
        SheetIntake {
            hidden_columns: Vec::new(),
            hidden: Vec::new(),
            ledgers,
            sheet,
            today,
            merges: Merges::new(merges),
            groups: Groups::default(),
            doubts: Vec::new(),
            differing: Vec::new(),
            all_today: Vec::new(),
            waiting: Vec::new(),
            state: SheetState::Searching,
            account: SheetAccount { sheet: name.to_owned(), ..SheetAccount::default() },
            notes: Vec::new(),
            covers_on: None,
            sums: Sums::default(),
            beyond: BTreeMap::new(),
            another: None,
            registers_only: false,
        }
    }

    /// A list or form that this service made is not read as a register.
    pub fn take_registers_only(&mut self) {
        self.registers_only = true;
    }

    /// How many times something was said so far, of a cell, a row or a column.
    pub fn said(&self) -> u64 {
        self.notes.len() as u64 + self.beyond.values().map(|(rows, _)| rows).sum::<u64>()
    }

    /// The sheet's hidden columns: first and last of each range, from 0. They are read like the others, and said.
    pub fn hide_columns(&mut self, ranges: Vec<(u32, u32)>) {
        self.hidden_columns = ranges;
    }

    /// The ledger the sheet was found to hold.
    pub fn ledger(&self) -> Option<&'a Ledger> {
        let SheetState::Reading { ledger, .. } = &self.state else { return None };
        Some(ledger)
    }

    /// The fields the sheet has columns for.
    pub fn columns(&self) -> Columns {
        match &self.state {
            SheetState::Reading { header, .. } => header.present,
            SheetState::Searching | SheetState::Refused => Columns::default(),
        }
    }

    /// The columns the sheet's rows are read by.
    pub fn mapping(&self) -> &[Column] {
        match &self.state {
            SheetState::Reading { header, .. } => &header.columns,
            SheetState::Searching | SheetState::Refused => &[],
        }
    }

    /// Whether nothing but its own cells decides what a row says: no merge it lies in, no column that stands twice, nothing that is asked
    /// of all rows together.
    pub fn stands_alone(&self, number: u32) -> bool {
        let SheetState::Reading { header, .. } = &self.state else { return false };
        header.repeated.is_empty() && self.all_today.is_empty() && self.another.is_none() && !self.groups.reach(number)
    }

    /// The columns whose sums are compared with printed totals.
    pub fn summed(&self) -> &[u16] {
        self.sums.columns()
    }

    /// Counts a row that stands alone and was accepted without a word when it was read before: what [`SheetIntake::push`] would do but for
    /// the reading. `cells` are those of [`SheetIntake::summed`].
    pub fn count_again(&mut self, number: u32, hidden: bool, cells: &[(u16, Raw<'_>)]) {
        let SheetState::Reading { ledger, .. } = self.state else { return };
        self.account.read += 1;
        self.note_hidden(number, hidden);
        self.account.accepted += 1;
        self.sums.add_cells(ledger, cells, self.today);
    }

    fn note_hidden(&mut self, number: u32, hidden: bool) {
        self.account.hidden_rows += u64::from(hidden);
        if hidden && self.hidden.len() < HIDDEN_NAMED {
            self.hidden.push(number);
        }
    }

    /// Takes the next row; outcomes of rows held back for the header come with the row that settles it.
    pub fn push(&mut self, row: RawRow<'_>, out: &mut Vec<Outcome>) {
        if matches!(self.state, SheetState::Refused) {
            return;
        }
        if matches!(self.state, SheetState::Searching) {
            let RawRow { number, hidden, cells } = row;
            let cells = cells.into_iter().map(|(column, raw)| (column, raw.into_owned())).collect();
            self.waiting.push(RawRow { number, hidden, cells });
            if self.waiting.len() >= HEADER_ROWS_MAX {
                self.find_header(out);
            }
            return;
        }
        out.push(self.row(&row));
    }

    /// The sheet has ended.
    pub fn finish(&mut self, out: &mut Vec<Outcome>) {
        if matches!(self.state, SheetState::Searching) && !self.waiting.is_empty() {
            self.find_header(out);
        }
        if matches!(self.state, SheetState::Searching) && self.account.unread.is_none() {
            self.account.unread = Some(if self.waiting.is_empty() { "空表".into() } else { "前30行未找到表头".into() });
        }
        let SheetState::Reading { ledger, .. } = self.state else { return };
        if self.account.accepted >= ALL_TODAY_ROWS {
            for field in std::mem::take(&mut self.all_today) {
                self.doubts.push(format!("“{}”整列都是导入当天，疑似批量填充，请核对", ledger.fields[field].title));
            }
        }
        for (column, (rows, first)) in std::mem::take(&mut self.beyond).into_iter().take(BEYOND_NAMED) {
            let letters = column_letters(column);
            self.sheet_note(
                format!("{letters}列没有表头，其中{rows}行有内容（首见第{first}行），未读取"),
                "如是台账内容，请补写表头后重新导入",
            );
        }
        if self.account.hidden_rows > 0 {
            let rows = self.hidden.iter().map(u32::to_string).collect::<Vec<_>>().join("、");
            let rest = match self.account.hidden_rows {
                count if count > self.hidden.len() as u64 => format!("等{count}行"),
                _ => String::new(),
            };
            self.sheet_note(format!("第{rows}行{rest}为隐藏行，已照常读取"), "如不应报送，请删除后重新导入");
        }
    }

    fn find_header(&mut self, out: &mut Vec<Outcome>) {
        let rows = std::mem::take(&mut self.waiting);
        let (ledger, header) = match crate::domain::intake::header::find(self.ledgers, &rows, &self.merges) {
            Ok(found) => found,
            // a sheet without a header of any ledger is named, not read
            Err(near) => {
                let reason = match near {
                    Some(near) => format!(
                        "第{}行像是“{}”的表头，但缺必填栏{}",
                        near.row,
                        near.ledger,
                        near.missing.iter().map(|title| format!("“{title}”")).collect::<String>()
                    ),
                    None if self.account.sheet == GUIDE_SHEET => "填写说明，不是数据".into(),
                    None => "前30行未找到表头".into(),
                };
                self.account.unread.get_or_insert(reason);
                self.waiting = rows;
                self.waiting.truncate(1);
                return;
            }
        };
        if self.registers_only && header.is_of_own_list(ledger, &rows) {
            self.account.unread.get_or_insert("是本系统编制的清单，不是台账".into());
            self.state = SheetState::Refused;
            return;
        }
        for row in rows.iter().filter(|row| row.number < header.first_row) {
            for (_, raw) in &row.cells {
                if let Raw::Text(text) = raw {
                    self.covers_on = self.covers_on.or_else(|| crate::domain::intake::cell::covers_on(text));
                }
            }
        }
        self.account.unread = None;
        self.account.columns =
            header.columns.iter().map(|column| (ledger.fields[column.field].id.clone(), column_letters(column.column))).collect();
        self.account.unknown.clone_from(&header.unknown);
        for column in header.columns.iter().filter(|column| column.unit_from != UnitFrom::None) {
            let unit = column.foreign.clone().unwrap_or_else(|| crate::domain::intake::money::unit_name(column.money_power));
            self.account.units.push((ledger.fields[column.field].id.clone(), format!("{unit}（{}）", column.unit_from.title())));
        }
        for (field, column) in &header.repeated {
            self.notes.push(Note {
                kind: NoteKind::Warning,
                sheet: self.sheet,
                row: header.first_row,
                cell: format!("{}{}", column_letters(*column), header.last_row),
                field: ledger.fields[*field].title.clone(),
                code: String::new(),
                name: String::new(),
                unit: String::new(),
                raw: String::new(),
                reason: "表头重复，只读取左边第一列".into(),
                hint: "请删除或改名重复的列".into(),
                restricted: false,
            });
        }
        let mut hidden: Vec<(usize, u16)> = header
            .columns
            .iter()
            .filter(|column| self.hidden_columns.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(column.column))))
            .map(|column| (column.field, column.column))
            .collect();
        hidden.sort_unstable_by_key(|(_, column)| *column);
        if !hidden.is_empty() {
            let names: Vec<String> =
                hidden.iter().map(|(field, column)| format!("{}（{}列）", ledger.fields[*field].title, column_letters(*column))).collect();
            let reason = format!("{}为隐藏列，已照常读取", names.join("、"));
            self.sheet_note(reason, "如不应报送，请删除后重新导入");
        }
        self.sums = Sums::new(ledger, &header);
        self.all_today = header
            .columns
            .iter()
            .map(|column| column.field)
            .filter(|field| ledger.fields[*field].role.is_some_and(|role| EVENTS.contains(&role)))
            .collect();
        let last = header.last_row;
        self.groups = Groups::new(&self.merges, &header, ledger);
        for range in crate::domain::intake::group::across(&self.merges, &header) {
            self.doubts.push(format!("单元格{range}把表头与数据合并在一起，请取消合并后核对"));
        }
        self.state = SheetState::Reading { ledger, header: Rc::new(header) };
        for row in rows.into_iter().filter(|row| row.number > last) {
            out.push(self.row(&row));
        }
    }

    fn row(&mut self, row: &RawRow<'_>) -> Outcome {
        let (number, cells) = (row.number, row.cells.as_slice());
        let SheetState::Reading { ledger, header } = &self.state else { return Outcome::Waiting };
        let ledger: &'a Ledger = ledger;
        let header = Rc::clone(header);
        if cells.iter().all(|(_, raw)| matches!(raw, Raw::Text(text) if text.trim().is_empty())) {
            return Outcome::Waiting;
        }
        self.account.read += 1;
        self.note_hidden(number, row.hidden);
        self.groups.advance(number, cells);
        if let Some((above, code_column)) = self.another {
            let code = code_column.and_then(|at| cells.iter().find(|(column, _)| *column == at));
            let code = code.map(|(_, raw)| crate::domain::intake::cell::key(&raw.display())).unwrap_or_default();
            self.account.quarantined += 1;
            let reason = format!("第{above}行是另一个表头，栏目次序与上面不同，其下各行未读取");
            let hint = "请把两张表分放在两个工作表，或统一栏目次序后重新导入".to_owned();
            self.note(NoteKind::Quarantined, number, None, None, &code, "", "", reason, hint);
            return Outcome::Quarantined { code };
        }
        if let Some(reason) = self.no_data(ledger, &header, number, cells) {
            self.account.skipped += 1;
            let shown: Vec<Cow<'_, str>> =
                cells.iter().map(|(_, raw)| raw.display()).filter(|text| !text.trim().is_empty()).take(3).collect();
            self.note(NoteKind::Skipped, number, None, None, "", "", &shown.join(" "), reason, String::new());
            return Outcome::Skipped;
        }
        if header.is_blank_form(ledger, cells) {
            self.account.skipped += 1;
            self.note(NoteKind::Skipped, number, None, None, "", "", "", "没有填写".into(), String::new());
            return Outcome::Skipped;
        }
        let mut record = vec![Cell::Empty; ledger.fields.len()];
        let mut faults: Vec<(usize, u16, String, CellFault)> = Vec::new();
        // text files have no sheets: a comma too many shifts everything behind it
        let mut shifted = None;
        for (column, raw) in cells.iter().filter(|(column, _)| !header.is_over(*column)) {
            if matches!(raw, Raw::Text(text) if text.trim().is_empty()) {
                continue;
            }
            if self.account.sheet.is_empty() && header.ends_before(*column) {
                shifted = Some(*column);
            } else {
                self.beyond.entry(*column).or_insert((0, number)).0 += 1;
            }
        }
        for column in &header.columns {
            let shared = if self.groups.is_open() { self.groups.value(column.column) } else { None };
            let raw = match (shared, cells.binary_search_by_key(&column.column, |(index, _)| *index)) {
                (Some(raw), _) => raw,
                (None, Ok(found)) => &cells[found].1,
                (None, Err(_)) => continue,
            };
            let field = &ledger.fields[column.field];
            match read_cell(field, raw, column.money_power, self.today) {
                Ok((value, _)) if column.foreign.is_some() && !value.is_empty() => {
                    let unit = column.foreign.as_deref().unwrap_or_default();
                    let reason = format!("表头注明的单位是“{unit}”，不能作为人民币金额读取");
                    let hint = "请折合成人民币，并在表头写明亿元或万元".to_owned();
                    faults.push((column.field, column.column, raw.display().into_owned(), CellFault { fatal: true, reason, hint }));
                }
                Ok((value, warning)) => {
                    record[column.field] = value;
                    if let Some(fault) = warning {
                        faults.push((column.field, column.column, raw.display().into_owned(), fault));
                    }
                }
                Err(fault) => faults.push((column.field, column.column, raw.display().into_owned(), fault)),
            }
        }
        if self.groups.is_open() {
            for group in self.groups.unshared() {
                let (title, first, last) = (&ledger.fields[group.field].title, group.first, group.last);
                let reason = format!("{title}在第{first}行至第{last}行合并为一格，分不清属于哪一行");
                let fault = CellFault { fatal: true, reason, hint: format!("请取消合并，逐行填写{title}") };
                faults.push((group.field, group.column, group.raw, fault));
            }
        }
        if !header.repeated.is_empty() {
            self.compare_repeated(ledger, &header, number, cells);
        }
        let code = ledger.role(Role::Code).and_then(|field| record[field].text()).unwrap_or_default().to_owned();
        let unit = record[ledger.owner.field()].text().unwrap_or_default().to_owned();
        let noted = self.notes.len();
        let unreadable: Vec<usize> = faults.iter().filter(|(.., fault)| fault.fatal).map(|(field, ..)| *field).collect();
        let mut quarantined = !unreadable.is_empty();
        if let Some(column) = shifted {
            quarantined = true;
            let reason = format!("该行的内容到{}列，超出表头，各栏可能已错位", column_letters(column));
            let hint = "请检查该行是否有多余的逗号（内容中的逗号要用引号括起），或另存为xlsx后再导入".to_owned();
            self.note(NoteKind::Quarantined, number, None, None, &code, &unit, "", reason, hint);
        }
        for (field, column, raw, fault) in faults {
            let title = ledger.fields[field].title.clone();
            let kind = if fault.fatal { NoteKind::Quarantined } else { NoteKind::Warning };
            self.note(kind, number, Some(column), Some(title), &code, &unit, &raw, fault.reason, fault.hint);
        }
        for (index, field) in ledger.fields.iter().enumerate() {
            if field.required && record[index].is_empty() && !unreadable.contains(&index) {
                quarantined = true;
                let column = header.columns.iter().find(|column| column.field == index).map(|column| column.column);
                let reason = format!("缺{}", field.title);
                let hint = format!("请补填{}后重新导入", field.title);
                self.note(NoteKind::Quarantined, number, column, Some(field.title.clone()), &code, &unit, "", reason, hint);
            }
        }
        if let Some(name) = ledger.role(Role::Name).and_then(|field| record[field].text()) {
            for note in &mut self.notes[noted..] {
                note.name = crate::domain::intake::cell::shown(name);
            }
        }
        // read from the row itself: one that is not taken has no record to ask
        let restricted = ledger.role(Role::Restricted).is_some_and(|field| {
            let unreadable = |note: &Note| note.kind == NoteKind::Quarantined && note.field == ledger.fields[field].title;
            // in a row that is shifted the mark may stand in any cell
            shifted.is_some() || is_marked(&record[field]) || self.notes[noted..].iter().any(unreadable)
        });
        for note in &mut self.notes[noted..] {
            note.restricted = restricted;
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

    /// Looks whether a second column under the same header says something else.
    fn compare_repeated(&mut self, ledger: &Ledger, header: &Header, number: u32, cells: &[(u16, Raw<'_>)]) {
        let text = |column: u16| {
            let found = cells.binary_search_by_key(&column, |(index, _)| *index).ok()?;
            Some(crate::domain::intake::cell::key(&cells[found].1.display())).filter(|text| !text.is_empty())
        };
        for (field, second) in &header.repeated {
            let Some(first) = header.columns.iter().find(|column| column.field == *field) else { continue };
            let other = text(*second);
            if other.is_some() && other != text(first.column) && !self.differing.contains(second) {
                self.differing.push(*second);
                self.doubts.push(format!(
                    "“{}”有{}、{}两列，第{number}行起内容不同，请核对以哪一列为准",
                    ledger.fields[*field].title,
                    column_letters(first.column),
                    column_letters(*second)
                ));
            }
        }
    }

    /// The reason why a row is no row of data: a repeated header, a total, a heading, a remark or a signature line.
    fn no_data(&mut self, ledger: &Ledger, header: &Header, number: u32, cells: &[(u16, Raw<'_>)]) -> Option<String> {
        let code_column = header.columns.iter().find(|column| Some(column.field) == ledger.role(Role::Code)).map(|column| column.column);
        let code = cells
            .iter()
            .find(|(column, _)| Some(*column) == code_column)
            .map(|(_, raw)| crate::domain::intake::cell::clean(&raw.display()))
            .unwrap_or_default();
        // nearly every row: a code such as GZ202500001 beside other cells. No total, heading, remark or repeated header begins so.
        let latin = code.starts_with(|c: char| c.is_ascii_alphanumeric() || ('\u{ff10}'..='\u{ff5a}').contains(&c));
        let number_only = code.bytes().all(|byte| byte.is_ascii_digit());
        if cells.len() > 3 && latin && (!number_only || code.len() > COUNT_DIGITS) {
            return None;
        }
        let words: Vec<String> =
            cells.iter().map(|(_, raw)| crate::domain::intake::cell::key(&raw.display())).filter(|text| !text.is_empty()).collect();
        // the lower rows of a header of several rows lie below its merged cells
        let under = |column: u16| self.groups.top(column).is_some_and(|raw| header.says(column, raw));
        if header.is_repeated(cells) || self.groups.is_open() && code_column.is_some_and(under) {
            return Some("重复的表头".into());
        }
        if let Some(code_column) = header.is_another(cells) {
            self.another = Some((number, code_column));
            return Some("另一个表头，栏目次序与上面不同".into());
        }
        let total = words
            .iter()
            .take(3)
            .find(|word| {
                TOTALS.contains(&word.as_str())
                    || TOTALS.iter().any(|total| {
                        word.strip_prefix(total)
                            .is_some_and(|rest| rest.starts_with(|c: char| matches!(c, ':' | '(' | '共') || c.is_ascii_digit()))
                    })
            })
            .cloned();
        let name_column = header.columns.iter().find(|column| Some(column.field) == ledger.role(Role::Name)).map(|column| column.column);
        let named = || cells.iter().any(|(column, raw)| Some(*column) == name_column && !raw.display().trim().is_empty());
        // how many rows there are may stand below their codes
        let counted = || number_only && !named();
        // a project that is named 合计… has a code of its own
        let of_none = |word: &String| {
            code.is_empty()
                || TOTALS.contains(&crate::domain::intake::cell::key(&code).as_str())
                || crate::domain::intake::cell::key(&code) == *word
        };
        if let Some(word) = total.filter(|word| of_none(word) || counted()) {
            self.check_total(ledger, number, cells, &word);
            return Some(format!("{word}行"));
        }
        let numeral =
            |text: &str| text.trim_start_matches('(').starts_with(|c| "一二三四五六七八九十".contains(c)) && text.contains(['、', ')']);
        // 一、工业项目（53个） may stand in any column, the code's included
        if words.len() <= 4
            && (code.is_empty() || numeral(&crate::domain::intake::cell::key(&code)))
            && words.iter().any(|word| numeral(word))
        {
            return Some("标题行".into());
        }
        // a signature line that begins below the codes: 填表人：张三 …… 审核人：李四
        let signed = code.contains([':', '：']) && !cells.iter().any(|(column, _)| Some(*column) == name_column);
        if !code.is_empty() && cells.len() > 1 && !signed {
            return None;
        }
        let first = words.first()?;
        // 共15个 alone in its row
        let counted = words.len() == 1 && first.strip_prefix('共').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if counted || REMARKS.iter().any(|remark| first.starts_with(remark)) {
            return Some("备注或签名行".into());
        }
        None
    }

    /// Compares a printed total with the rows above it.
    fn check_total(&mut self, ledger: &Ledger, number: u32, cells: &[(u16, Raw<'_>)], word: &str) {
        for Wrong { column, field, printed, total } in self.sums.compare(ledger, cells, word, self.today) {
            let rows = crate::domain::register::record::fen_as_yi(i64::try_from(total).unwrap_or(i64::MAX));
            let reason = format!("{word}与各行之和不符：各行之和为{rows}亿元");
            let title = ledger.fields[field].title.clone();
            self.note(
                NoteKind::Warning,
                number,
                Some(column),
                Some(title),
                "",
                "",
                &printed,
                reason,
                "请核对是否漏填、重复或单位有误".into(),
            );
        }
    }

    /// Notes the doubts as warnings; last.
    pub fn say_doubts(&mut self) {
        for doubt in self.doubts.clone() {
            self.sheet_note(doubt, "");
        }
    }

    /// Says something about the sheet as a whole.
    fn sheet_note(&mut self, reason: String, hint: &str) {
        self.note(NoteKind::Warning, 0, None, None, "", "", "", reason, hint.to_owned());
    }

    #[allow(clippy::too_many_arguments, reason = "a note is these nine facts")]
    fn note(
        &mut self,
        kind: NoteKind,
        row: u32,
        column: Option<u16>,
        field: Option<String>,
        code: &str,
        unit: &str,
        raw: &str,
        reason: String,
        hint: String,
    ) {
        self.notes.push(Note {
            kind,
            sheet: self.sheet,
            row,
            cell: column.map(|column| format!("{}{row}", column_letters(column))).unwrap_or_default(),
            field: field.unwrap_or_default(),
            code: code.to_owned(),
            name: String::new(),
            unit: unit.to_owned(),
            raw: crate::domain::intake::cell::shown(raw),
            reason,
            hint,
            restricted: false,
        });
    }
}

/// No table has so many rows that their number is longer.
pub(crate) const COUNT_DIGITS: usize = 7;
pub(crate) const SUBTOTAL: &str = "小计";
pub(crate) const TOTALS: [&str; 6] = ["合计", SUBTOTAL, "总计", "本页合计", "本页小计", "累计"];
pub(crate) const REMARKS: [&str; 15] = [
    "注:",
    "注1",
    "备注",
    "说明",
    "填表人",
    "制表",
    "审核人",
    "填报人",
    "填报单位",
    "测评单位",
    "办理单位",
    "数据来源",
    "联系人",
    "填表日期",
    "负责人",
];

/// `截至2026年9月30日`, for a snapshot.
pub fn covers_text(day: NaiveDate) -> String {
    format!("截至{}", chinese_date(day))
}
