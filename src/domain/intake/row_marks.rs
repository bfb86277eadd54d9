//! The marks of secrecy (涉密、不便公开) in the rows of a sheet. A mark counts whatever becomes of its row.

use crate::domain::intake::header::DoubtfulColumn;
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::restriction::mark_text;
use crate::domain::secrecy::{Marking, Polarity, Secrecy};
use serde::{Deserialize, Serialize};

/// The mark of a row with a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowMark {
    pub code: String,
    /// The cell as it was read.
    pub cell: String,
    /// The header of a doubtful column; empty = a column of secrecy.
    pub header: String,
}

/// A cell of secrecy that holds the grade of a state secret. The grade is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassifiedCell {
    /// From 1.
    pub row: u32,
    /// Code of the row; empty where it has none.
    pub code: String,
    /// The header of its column.
    pub header: String,
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
}

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
        };
        DoubtfulColumns(columns.iter().map(column).collect())
    }

    /// Reads the doubtful cells of a row. In doubt they restrict the row: a word of secrecy does, and a yes below 密 or 敏感.
    pub fn read(&mut self, secrecy: &Secrecy, cells: &[(u16, Raw<'_>)], code: &str, marks: &mut Vec<RowMark>) {
        for column in &mut self.0 {
            let Some(text) = cell_at(cells, column.column).map(Raw::display) else { continue };
            let polarity = secrecy.likely_polarity(&column.header);
            let marking = secrecy.read(polarity, &text);
            if marking == Marking::None {
                continue;
            }
            let is_grade = secrecy.is_grade(&text);
            let restricts = marking.restricts() && (is_grade || polarity == Polarity::Marks) && !code.is_empty();
            let shown = if marking == Marking::Classified { "（密级）" } else { text.trim() };
            let mark = || RowMark {
                code: code.to_owned(),
                cell: mark_text(&format!("{}：{shown}", column.header)),
                header: column.header.clone(),
            };
            if is_grade || secrecy.is_answer(&text) {
                column.words += 1;
                marks.extend(restricts.then(mark));
            } else if secrecy.may_be_answer(&text) {
                column.digits += 1;
                column.by_digits.extend((restricts && column.others == 0).then(mark));
            } else {
                column.others += 1;
                column.by_digits = Vec::new();
            }
        }
    }

    /// Ends the sheet. The marks that only now count are added to `marks`. A column without any content is left out.
    pub fn finish(self, marks: &mut Vec<RowMark>) -> Vec<DoubtfulResult> {
        let mut results = Vec::new();
        for Column { column, header, words, digits, others, by_digits } in self.0 {
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
