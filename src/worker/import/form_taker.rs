//! Takes in the sheets of a feedback form in the child: its head, its rows and their notes.

use crate::domain::intake::raw::{Raw, RawRow};
use crate::domain::intake::rows::{SHEETS_MAX, SheetEnd};
use crate::domain::intake::sheet::{Outcome, SheetIntake};
use crate::domain::notify::feedback::{FILLED_ON, FormNumber, WHO};
use crate::domain::register::packed::pack;
use crate::source::frame::{Block, Frame, FrameWriter, Sheet};
use crate::worker::import::taken::{Bytes, PackedNote, PackedNumber, Stop, Taken, Task, send_end};
use chrono::NaiveDate;
use std::io::{Error, Result, Write};

/// A sheet of a form while it is read.
struct OpenSheet<'a> {
    intake: SheetIntake<'a>,
    preamble: Preamble,
    /// The header was sent.
    has_ledger: bool,
}

/// The cells above the table of a sheet.
#[derive(Default)]
struct Preamble {
    number: Option<FormNumber>,
    who: String,
    filled_on: Option<NaiveDate>,
    /// Rows that were searched.
    rows: usize,
}

/// The rows in which the head of a form is searched.
const HEAD_ROWS: usize = 30;
/// The most rows of one form; a unit has some hundred at most.
pub(crate) const ROWS_MAX: usize = 20_000;
/// The most bytes of the texts of one form.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Preamble {
    /// Searches a row for the number of the form, who filled it in, and when.
    fn search(&mut self, row: &RawRow<'_>) {
        if self.rows >= HEAD_ROWS {
            return;
        }
        self.rows += 1;
        for (index, (column, raw)) in row.cells.iter().enumerate() {
            let Raw::Text(text) = raw else { continue };
            if self.number.is_none() {
                self.number = FormNumber::read(text);
            }
            let label = text.trim().trim_end_matches([':', '：']);
            // the value is in the cell to the right of the label
            let beside = row.cells.get(index + 1).filter(|(next, _)| *next == column + 1).map(|(_, raw)| raw);
            match (label, beside) {
                (WHO, Some(raw)) => self.who = raw.display().trim().to_owned(),
                (FILLED_ON, Some(Raw::Date(year, month, day))) => {
                    self.filled_on = NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day));
                }
                (FILLED_ON, Some(raw)) => self.filled_on = raw.display().trim().parse().ok(),
                _ => {}
            }
        }
    }
}

pub(crate) struct FormTaker<'a> {
    task: &'a Task<'a>,
    open: Option<OpenSheet<'a>>,
    sheets: usize,
    rows: usize,
    text_bytes: usize,
    outcomes: Vec<Outcome>,
    body: Vec<u8>,
}

fn refused(reason: String) -> Result<Option<Stop>> {
    Ok(Some(Stop::Refused { reason, hint: "请核对是否选错了文件".to_owned() }))
}

impl<'a> FormTaker<'a> {
    pub fn new(task: &'a Task<'a>) -> FormTaker<'a> {
        FormTaker { task, open: None, sheets: 0, rows: 0, text_bytes: 0, outcomes: Vec::new(), body: Vec::new() }
    }

    /// Takes in a block of frames. Returns why the file is not read on.
    ///
    /// # Errors
    /// The block is damaged, or the parent is gone.
    pub fn take(&mut self, block: &Block, out: &mut FrameWriter<impl Write>) -> Result<Option<Stop>> {
        for frame in block.frames() {
            match frame.map_err(Error::other)? {
                Frame::Sheet(Sheet { name, visible, merges, beside, .. }) => {
                    self.end_sheet(out)?;
                    self.open = visible.then(|| OpenSheet {
                        intake: SheetIntake::new(self.task.ledgers(), self.sheets as u32, name, merges, self.task.today),
                        preamble: Preamble::default(),
                        has_ledger: false,
                    });
                    if let Some(sheet) = &mut self.open {
                        sheet.intake.secrecy.read_beside(&beside);
                    }
                    self.sheets += 1;
                    if self.sheets > SHEETS_MAX {
                        return refused(format!("工作表超过{SHEETS_MAX}张，不像反馈表"));
                    }
                    out.frame(&Taken::Sheet { name, visible })?;
                }
                Frame::Row(row) => {
                    self.rows += 1;
                    if self.rows > ROWS_MAX {
                        return refused(format!("超过{ROWS_MAX}行，不像反馈表"));
                    }
                    if let Some(sheet) = self.open.as_mut() {
                        let row = row.unpack().map_err(Error::other)?;
                        self.text_bytes += row.text_bytes();
                        if self.text_bytes > TEXT_BYTES_MAX {
                            return refused("文字过多，不像反馈表".to_owned());
                        }
                        sheet.preamble.search(&row);
                        sheet.intake.push(&row, &mut self.outcomes);
                        self.send_rows(out)?;
                    }
                }
            }
        }
        Ok(None)
    }

    fn send_rows(&mut self, out: &mut FrameWriter<impl Write>) -> Result<()> {
        let Some(sheet) = self.open.as_mut() else { return Ok(()) };
        let columns = sheet.intake.columns();
        if let Some(ledger) = sheet.intake.ledger().filter(|_| !sheet.has_ledger)
            && let Some(index) = self.task.ledgers().iter().position(|known| known.id == ledger.id)
        {
            sheet.has_ledger = true;
            out.frame(&Taken::Ledger { ledger: index as u32, columns })?;
        }
        for (_, place) in &std::mem::take(&mut sheet.intake.secrecy.classified).first {
            out.frame(&Taken::from(place))?;
        }
        for mark in &sheet.intake.secrecy.take_marks() {
            out.frame(&Taken::from(mark))?;
        }
        for note in &sheet.intake.take_notes() {
            out.frame(&Taken::Note(PackedNote::from(note)))?;
        }
        for outcome in self.outcomes.drain(..) {
            let Outcome::Accepted(accepted) = outcome else { continue };
            self.body.clear();
            pack(&mut self.body, columns.iter().map(|field| &accepted.cells[field]));
            out.frame(&Taken::Accepted { row: accepted.row, fingerprint: None, body: Bytes(&self.body) })?;
        }
        Ok(())
    }

    /// Ends the sheet being read, if there is one: sends the rows that it still buffers.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn end_sheet(&mut self, out: &mut FrameWriter<impl Write>) -> Result<()> {
        if let Some(sheet) = self.open.as_mut() {
            sheet.intake.finish(&mut self.outcomes);
        }
        self.send_rows(out)?;
        let Some(OpenSheet { intake, preamble: Preamble { number, who, filled_on, .. }, .. }) = self.open.take() else { return Ok(()) };
        out.frame(&Taken::Form { number: number.as_ref().map(PackedNumber::from), who: &who, filled_on })?;
        send_end(&SheetEnd { account: intake.account, ..SheetEnd::default() }, out)
    }
}
