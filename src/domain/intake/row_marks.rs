//! The marks of secrecy (涉密、不便公开) in the rows of a sheet. A mark counts whatever becomes of its row.

use crate::domain::intake::cell::canonical_code;
use crate::domain::intake::header::DoubtfulColumn;
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::mentions::is_named_in;
use crate::domain::restriction::mark_text;
use crate::domain::secrecy::{Marking, Secrecy, compared_header};
use serde::{Deserialize, Serialize};

/// The mark of a row with a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowMark {
    /// That of the row, or its name where it has none.
    pub code: String,
    /// The name of the row, by which texts of other records may name it.
    pub name: String,
    /// The cell as it was read.
    pub cell: String,
    /// The header of a doubtful column; empty = a column of secrecy.
    pub header: String,
}

/// What a line or a name states of the rows of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkedRows {
    /// The cell of their marks.
    pub cell: String,
    /// A remark that may name some of the rows by their codes: only these are meant then. Empty = all rows are.
    pub remark: String,
}

impl MarkedRows {
    /// Those of the codes of a file that are meant.
    pub fn meant<'c>(&self, codes: Vec<&'c str>) -> Vec<&'c str> {
        let is_named = |code: &&str| !self.remark.is_empty() && is_named_in(&self.remark, code);
        let named: Vec<&str> = codes.iter().copied().filter(is_named).collect();
        if named.is_empty() { codes } else { named }
    }

    /// What this and what was known before state together.
    pub(crate) fn with(self, known: Option<MarkedRows>) -> MarkedRows {
        let Some(known) = known else { return self };
        let is_of_all = known.remark.is_empty() || self.remark.is_empty();
        let remark = if is_of_all { String::new() } else { format!("{}；{}", known.remark, self.remark) };
        MarkedRows { remark, ..known }
    }
}

/// A row of data as it is read for marks.
pub(crate) struct CodedRow<'r, 'c> {
    /// From 1.
    pub number: u32,
    /// Empty where the row has none: it is restricted by its name.
    pub code: &'r str,
    pub name: &'r str,
    pub cells: &'r [(u16, Raw<'c>)],
}

impl CodedRow<'_, '_> {
    /// Its mark; `None` = it has neither code nor name.
    pub fn mark(&self, cell: String, header: String) -> Option<RowMark> {
        let code = if self.code.is_empty() { canonical_code(self.name) } else { self.code.to_owned() };
        let name = self.name.chars().take(MARK_NAME_CHARS_MAX).collect();
        (!code.is_empty()).then_some(RowMark { code, name, cell, header })
    }
}

/// The most characters of the name of a mark.
const MARK_NAME_CHARS_MAX: usize = 200;

/// Where a file holds the grade of a state secret. The grade is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassifiedPlace {
    /// The name of the file.
    FileName,
    /// The name of the sheet.
    SheetName,
    /// The head or foot of a printed page.
    Page,
    /// A title line, or another line without data. From 1.
    Line(u32),
    /// A cell of a row, below this header.
    Cell { row: u32, header: String },
}

/// How many places a refusal may name; the others are counted.
const PLACES_MAX: usize = 20;

/// The places of grades of state secrets in a sheet or a file, which is to be refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassifiedPlaces {
    /// The first ones, each with the number of its sheet from 0.
    pub first: Vec<(u32, ClassifiedPlace)>,
    pub count: u64,
    /// One of them is no cell of a row: all rows of the file are meant.
    pub is_of_file: bool,
}

impl ClassifiedPlaces {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn add(&mut self, sheet: u32, place: ClassifiedPlace) {
        self.count += 1;
        self.is_of_file |= !matches!(place, ClassifiedPlace::Cell { .. });
        if self.first.len() < PLACES_MAX {
            self.first.push((sheet, place));
        }
    }
}

/// What the cells of a row outside the columns of secrecy state.
#[derive(Debug, Default)]
pub(crate) struct RowStatement {
    /// The column of a cell that holds the grade of a state secret.
    pub classified: Option<u16>,
    /// The column of a cell that restricts the row, the words that do, and the whole text.
    pub restricting: Option<(u16, String, String)>,
}

impl RowStatement {
    /// `read_by_header` are the columns whose cells are read as marks of secrecy, or about which the office has decided that they are none.
    pub fn of<'c>(secrecy: &Secrecy, cells: impl Iterator<Item = (u16, &'c Raw<'c>)>, read_by_header: &[u16]) -> RowStatement {
        let mut statement = RowStatement::default();
        for (column, raw) in cells {
            let (Raw::Text(text) | Raw::Struck(text)) = raw else { continue };
            if !secrecy.may_state(text) {
                continue;
            }
            if secrecy.is_grade_of_cell(text) {
                statement.classified.get_or_insert(column);
            } else if statement.restricting.is_none()
                && !read_by_header.contains(&column)
                && let Some(words) = secrecy.restricting_words(text)
            {
                statement.restricting = Some((column, words, text.clone().into_owned()));
            }
        }
        statement
    }
}

/// What one column of doubtful secrecy holds.
struct Column {
    column: u16,
    header: String,
    /// Cells with a word of secrecy, or a yes or a no in words.
    words: u64,
    /// Cells with `1` or `0`.
    digits: u64,
    /// Cells with anything else.
    others: u64,
    /// Marks by digits: they count only if no cell of the column holds anything else.
    by_digits: Vec<RowMark>,
    /// Marks by other texts: they count only if a cell of the column is a word of secrecy, or a yes or a no in words.
    by_others: Vec<RowMark>,
}

/// So many digits show that a column is one of yes and no, and so many other texts that it is none.
const UNDECIDED_MARKS_MAX: usize = 20_000;

/// The columns of a sheet whose header may be one of secrecy.
#[derive(Default)]
pub(crate) struct DoubtfulColumns(Vec<Column>);

/// What is known of such a column at the end of its sheet.
pub(crate) struct DoubtfulResult {
    pub column: u16,
    pub header: String,
    /// Its cells are those of a column of secrecy.
    pub must_be_decided: bool,
}

impl DoubtfulColumns {
    pub fn new(columns: &[DoubtfulColumn]) -> DoubtfulColumns {
        let column = |DoubtfulColumn { column, header }: &DoubtfulColumn| Column {
            column: *column,
            header: header.clone(),
            words: 0,
            digits: 0,
            others: 0,
            by_digits: Vec::new(),
            by_others: Vec::new(),
        };
        DoubtfulColumns(columns.iter().map(column).collect())
    }

    /// Reads the doubtful cells of a row. Whatever may be a mark restricts the row until the office has decided. Returns the header of a cell that
    /// holds the grade of a state secret, which has the file refused.
    pub fn read(&mut self, secrecy: &Secrecy, row: &CodedRow<'_, '_>, marks: &mut Vec<RowMark>) -> Option<String> {
        let mut classified = None;
        for column in &mut self.0 {
            let Some(text) = cell_at(row.cells, column.column).map(Raw::display) else { continue };
            let marking = secrecy.read(secrecy.likely_polarity(&column.header), &text);
            match marking {
                Marking::None => continue,
                Marking::Classified => {
                    classified.get_or_insert_with(|| column.header.clone());
                    continue;
                }
                Marking::Open(_) | Marking::Marked(_) => {}
            }
            let mark = || row.mark(mark_text(&format!("{}：{}", column.header, text.trim())), compared_header(&column.header));
            let mark = marking.restricts().then(mark).flatten();
            if secrecy.speaks_of_secrecy(&text) {
                column.words += 1;
                marks.append(&mut column.by_others);
                marks.extend(mark);
            } else if secrecy.may_be_answer(&text) {
                column.digits += 1;
                column.by_digits.extend(mark.filter(|_| column.others == 0));
                if column.by_digits.len() > UNDECIDED_MARKS_MAX {
                    marks.append(&mut column.by_digits);
                }
            } else {
                column.others += 1;
                column.by_digits = Vec::new();
                match column.words {
                    0 if column.by_others.len() < UNDECIDED_MARKS_MAX => column.by_others.extend(mark),
                    0 => {}
                    _ => marks.extend(mark),
                }
            }
        }
        classified
    }

    /// Ends the sheet. The marks that only now count are added to `marks`. A column without any content is left out.
    pub fn finish(self, marks: &mut Vec<RowMark>) -> Vec<DoubtfulResult> {
        let mut results = Vec::new();
        for Column { column, header, words, digits, others, by_digits, .. } in self.0 {
            let must_be_decided = words > 0 || digits > 0 && others == 0;
            if digits > 0 && others == 0 {
                marks.extend(by_digits);
            }
            if words + digits + others > 0 {
                results.push(DoubtfulResult { column, header, must_be_decided });
            }
        }
        results
    }
}
