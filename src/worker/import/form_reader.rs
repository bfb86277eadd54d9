//! Reads what a child has taken in of a feedback form, and checks it.

use crate::domain::intake::file::Forged;
use crate::domain::intake::note::{Note, SheetAccount};
use crate::domain::intake::row_marks::{ClassifiedPlace, ClassifiedPlaces, RowMark};
use crate::domain::intake::rows::SHEETS_MAX;
use crate::domain::intake::sheet::Accepted;
use crate::domain::notify::feedback::FormNumber;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Columns;
use crate::worker::import::file_reader::accepted_of;
use crate::worker::import::form_taker::ROWS_MAX;
use crate::worker::import::taken::{SheetPieces, TEXT_BYTES_MAX, Taken, classified_place};
use chrono::NaiveDate;

/// A sheet of a form.
#[derive(Default)]
pub(crate) struct FormSheet {
    pub name: String,
    pub number: Option<FormNumber>,
    pub who: String,
    pub filled_on: Option<NaiveDate>,
    /// The index of its ledger; `None` = it has the header of none.
    pub ledger: Option<usize>,
    pub columns: Columns,
    pub rows: Vec<Accepted>,
    pub intake: SheetAccount,
    pub notes: Vec<Note>,
    pub marks: Vec<RowMark>,
}

/// The sheets of a form, as the child that takes it in sends them.
pub(crate) struct FormReader<'a> {
    ledgers: &'a [Ledger],
    /// Those that have ended.
    pub sheets: Vec<FormSheet>,
    /// Grades of state secrets in any sheet of the file, hidden ones by their names.
    pub classified: ClassifiedPlaces,
    /// The names of all sheets.
    pub names: Vec<String>,
    open: Option<FormSheet>,
    pieces: SheetPieces,
    rows: usize,
    bytes: usize,
}

/// The most bytes that a child may send about a form, with what each frame takes beside them.
const BYTES_MAX: usize = 96 * 1024 * 1024;
const FRAME_BYTES: usize = 256;

impl<'a> FormReader<'a> {
    /// A reader that has not read anything. `ledgers` are those that the form may hold.
    pub fn new(ledgers: &'a [Ledger]) -> FormReader<'a> {
        FormReader {
            ledgers,
            sheets: Vec::new(),
            classified: ClassifiedPlaces::default(),
            names: Vec::new(),
            open: None,
            pieces: SheetPieces::default(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Reads a block.
    ///
    /// # Errors
    /// It is none of a child of ours.
    pub fn read(&mut self, block: &[u8]) -> Result<(), Forged> {
        let mut rest = block;
        while !rest.is_empty() {
            let (taken, left) = postcard::take_from_bytes::<Taken<'_>>(rest).map_err(|_| Forged("what is no frame"))?;
            self.bytes += rest.len() - left.len() + FRAME_BYTES;
            if self.bytes > BYTES_MAX {
                return Err(Forged("more than any form"));
            }
            rest = left;
            self.take(taken)?;
        }
        Ok(())
    }

    fn take(&mut self, taken: Taken<'_>) -> Result<(), Forged> {
        const ORPHAN: Forged = Forged("what belongs to no sheet");
        if let Taken::Sheet { name, visible } = taken {
            if self.open.is_some() || self.names.len() >= SHEETS_MAX || name.len() > TEXT_BYTES_MAX {
                return Err(Forged("a sheet within a sheet, or too many"));
            }
            if self.ledgers.first().is_some_and(|ledger| ledger.secrecy.is_grade_of_line(name)) {
                self.classified.add(self.names.len() as u32, ClassifiedPlace::SheetName);
            }
            self.names.push(name.to_owned());
            self.pieces = SheetPieces::default();
            self.open = visible.then(|| FormSheet { name: name.to_owned(), ..FormSheet::default() });
            return Ok(());
        }
        let sheet = self.open.as_mut().ok_or(ORPHAN)?;
        let number = self.names.len().saturating_sub(1) as u32;
        let text = |text: &str| (text.len() <= TEXT_BYTES_MAX).then(|| text.to_owned()).ok_or(Forged("a text too long"));
        match taken {
            Taken::Ledger { ledger, columns } => {
                let found = self.ledgers.get(ledger as usize).filter(|found| columns.iter().all(|field| field < found.fields.len()));
                if found.is_none() || sheet.ledger.is_some() {
                    return Err(Forged("a header of no ledger, or a second one"));
                }
                (sheet.ledger, sheet.columns) = (Some(ledger as usize), columns);
            }
            Taken::Note(note) => sheet.notes.push(note.on(number).ok_or(Forged("a text too long"))?),
            Taken::Mark { code, name, cell, header } => {
                sheet.marks.push(RowMark { code: text(code)?, name: text(name)?, cell: text(cell)?, header: text(header)? });
            }
            Taken::Classified { row, header } => self.classified.add(number, classified_place(row, header)),
            Taken::Accepted { row, fingerprint: None, body } => {
                self.rows += 1;
                let ledger = sheet.ledger.filter(|_| self.rows <= ROWS_MAX).and_then(|ledger| self.ledgers.get(ledger));
                let row = ledger.and_then(|ledger| accepted_of(ledger, sheet.columns, row, body.0));
                sheet.rows.push(row.ok_or(Forged("a row that is none of its ledger"))?);
            }
            Taken::About(piece) => self.pieces.add(piece).ok_or(Forged("too much about a sheet"))?,
            Taken::Form { number, who, filled_on } => {
                (sheet.number, sheet.who, sheet.filled_on) = (number.map(FormNumber::from), text(who)?, filled_on);
            }
            Taken::SheetEnd { .. } => {
                let end = std::mem::take(&mut self.pieces).end(&taken).ok_or(Forged("a day of no file"))?;
                if !end.account.adds_up() || end.account.accepted != sheet.rows.len() as u64 {
                    return Err(Forged("an account that is not that of its rows"));
                }
                sheet.intake = SheetAccount { sheet: sheet.name.clone(), ..end.account };
                self.sheets.extend(self.open.take());
            }
            _ => return Err(Forged("a frame of a register")),
        }
        Ok(())
    }
}
