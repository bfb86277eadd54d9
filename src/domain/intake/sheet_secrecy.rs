//! What one sheet states about secrecy, whatever becomes of its rows: the marks of its rows, and the grades of state secrets in them, in the
//! lines around them.

use crate::domain::intake::header::DoubtfulColumn;
use crate::domain::intake::raw::{Raw, RawRow};
use crate::domain::intake::row_marks::{ClassifiedPlace, ClassifiedPlaces, DoubtfulColumns, DoubtfulResult, RowMark, RowStatement};
use crate::domain::restriction::mark_text;
use crate::domain::secrecy::{Marking, Secrecy};

/// A row of data as it is read for marks.
pub(crate) struct CodedRow<'r, 'c> {
    /// From 1.
    pub number: u32,
    /// Empty where the row has none: it cannot be restricted.
    pub code: &'r str,
    pub cells: &'r [(u16, Raw<'c>)],
}

/// What a sheet states about secrecy.
#[derive(Default)]
pub struct SheetSecrecy {
    /// The words with what the office has decided; `None` = there is no ledger that could be read.
    words: Option<Secrecy>,
    sheet: u32,
    /// The marks of rows that the caller has not taken yet.
    marks: Vec<RowMark>,
    /// Grades of state secrets that the caller has not taken yet: the file is to be refused.
    pub classified: ClassifiedPlaces,
    /// The last row with a grade in a cell; a row counts once.
    last_classified: u32,
    /// The last of the first rows that was looked through for a grade.
    last_looked_through: u32,
    doubtful: DoubtfulColumns,
}

/// Whether a line that holds no data of a row bears the grade of a state secret.
pub(crate) fn is_classified_line(secrecy: &Secrecy, cells: &[(u16, Raw<'_>)]) -> bool {
    cells.iter().any(|(_, raw)| matches!(raw, Raw::Text(text) if secrecy.is_grade_of_line(text)))
}

/// From so many cells on, a line of a sheet that is not read is taken for a row of a table.
const LINE_CELLS_MAX: usize = 3;

/// Whether a row of a sheet that is not read bears the grade of a state secret: in a title line, or as a cell.
pub(crate) fn is_classified_row(secrecy: &Secrecy, cells: &[(u16, Raw<'_>)]) -> bool {
    match cells.iter().filter(|(_, raw)| !raw.is_blank()).count() {
        0..=LINE_CELLS_MAX => is_classified_line(secrecy, cells),
        _ => cells.iter().any(|(_, raw)| matches!(raw, Raw::Text(text) if secrecy.is_grade_of_cell(text))),
    }
}

impl SheetSecrecy {
    /// `sheet` is its number in the file, from 0.
    pub(crate) fn new(secrecy: Option<&Secrecy>, sheet: u32) -> SheetSecrecy {
        SheetSecrecy { words: secrecy.cloned(), sheet, ..SheetSecrecy::default() }
    }

    /// The marks of the rows that the caller has not taken.
    pub fn marks(&self) -> &[RowMark] {
        &self.marks
    }

    /// The marks of the rows since the last call.
    pub(crate) fn take_marks(&mut self) -> Vec<RowMark> {
        std::mem::take(&mut self.marks)
    }

    /// Looks for the grade of a state secret in rows that are no data; some of them may have been looked through before.
    pub(crate) fn look_through<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r RawRow<'static>>,
        is_classified: fn(&Secrecy, &[(u16, Raw<'_>)]) -> bool,
    ) {
        let Some(secrecy) = &self.words else { return };
        for row in rows {
            if row.number > self.last_looked_through && is_classified(secrecy, &row.cells) {
                self.classified.add(self.sheet, ClassifiedPlace::Line(row.number));
            }
            self.last_looked_through = self.last_looked_through.max(row.number);
        }
    }

    /// Begins the rows below the header.
    pub(crate) fn begin_rows(&mut self, columns: &[DoubtfulColumn]) {
        self.doubtful = DoubtfulColumns::new(columns);
    }

    /// Looks for a grade in a line below the header that is no data.
    pub(crate) fn read_line(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        if self.words.as_ref().is_some_and(|secrecy| is_classified_line(secrecy, cells)) {
            self.classified.add(self.sheet, ClassifiedPlace::Line(number));
        }
    }

    /// Takes what the columns of secrecy state of a row. `header` is that of the column which decided it.
    pub(crate) fn read_marking(&mut self, row: &CodedRow<'_, '_>, marking: &Marking, header: &str) {
        match marking {
            Marking::None | Marking::Open(_) => {}
            Marking::Marked(cell) => self.mark(row, mark_text(cell)),
            Marking::Classified => self.classify(row, header),
        }
    }

    /// Takes what the other cells of a row state.
    pub(crate) fn read_statement<'h>(&mut self, row: &CodedRow<'_, '_>, statement: &RowStatement, header_of: impl Fn(u16) -> &'h str) {
        // a line with one cell is none of the table
        if row.cells.iter().filter(|(_, raw)| !raw.is_blank()).take(2).count() == 1 {
            self.read_line(row.number, row.cells);
        } else if let Some(column) = statement.classified {
            self.classify(row, header_of(column));
        }
        if let Some((column, words, _)) = &statement.restricting {
            self.mark(row, mark_text(&format!("{}：{words}", header_of(*column))));
        }
    }

    /// Reads the cells of a row below headers that may be of secrecy.
    pub(crate) fn read_doubtful(&mut self, row: &CodedRow<'_, '_>) {
        if let Some(secrecy) = &self.words {
            self.doubtful.read(secrecy, row.cells, row.code, &mut self.marks);
        }
    }

    /// Ends the rows: what is known of the columns whose header may be of secrecy.
    pub(crate) fn finish_rows(&mut self) -> Vec<DoubtfulResult> {
        std::mem::take(&mut self.doubtful).finish(&mut self.marks)
    }

    fn mark(&mut self, row: &CodedRow<'_, '_>, cell: String) {
        self.marks.extend((!row.code.is_empty()).then(|| RowMark { code: row.code.to_owned(), cell, header: String::new() }));
    }

    /// Records the grade of a state secret in a row, whose code is restricted.
    fn classify(&mut self, row: &CodedRow<'_, '_>, header: &str) {
        if row.number != self.last_classified {
            self.last_classified = row.number;
            self.classified.add(self.sheet, ClassifiedPlace::Cell { row: row.number, header: header.to_owned() });
        }
        self.mark(row, String::new());
    }
}
