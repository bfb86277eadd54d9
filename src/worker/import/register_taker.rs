//! Takes in the rows of a register in the child: header search, cells, notes, marks and fingerprints of rows. Unchanged rows are recognised and not
//! read.

use crate::domain::intake::raw::RawRow;
use crate::domain::intake::rows::{FileRows, SheetHead};
use crate::domain::intake::sheet::{Accepted, Outcome};
use crate::domain::register::packed::pack;
use crate::domain::register::record::Columns;
use crate::source::child::Service;
use crate::source::frame::{Block, Frame, FrameWriter, PackedRow};
use crate::store::open_versions::RowFingerprint;
use crate::worker::import::known_rows::KnownRows;
use crate::worker::import::row_cache::RowFingerprinter;
use crate::worker::import::taken::{Bytes, PackedNote, Stop, Taken, Task, send_end};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{Error, Result, Write};

/// So many marks are sent at once, so that they count even if the file ends this process. More of them fill a block before long.
const MARKS_AT_ONCE: usize = 1000;

pub(crate) struct RegisterTaker<'a> {
    task: &'a Task<'a>,
    rows: FileRows<'a>,
    /// Of the sheet being read, once its header is found: the index of its ledger, and its columns.
    ledger: Option<(usize, Columns)>,
    /// By the index of the ledger.
    known: BTreeMap<usize, KnownRows>,
    /// Of the sheet being read; `None` until its header is found.
    fingerprinter: Option<RowFingerprinter>,
    outcomes: Vec<Outcome>,
    canonical: Vec<u8>,
    /// The packed cells of the current row; one buffer for all rows.
    body: Vec<u8>,
    /// How many marks were sent.
    marks: usize,
}

impl<'a> RegisterTaker<'a> {
    pub fn new(task: &'a Task<'a>) -> RegisterTaker<'a> {
        RegisterTaker {
            task,
            rows: FileRows::new(&task.units, task.ledgers(), task.today, task.data_rows_max),
            ledger: None,
            known: BTreeMap::new(),
            fingerprinter: None,
            outcomes: Vec::new(),
            canonical: Vec::new(),
            body: Vec::new(),
            marks: 0,
        }
    }

    /// Takes in a block of frames. Returns why the file is not read on.
    ///
    /// # Errors
    /// The block is damaged, or the parent is gone.
    pub fn take(&mut self, block: &Block, service: &mut Service) -> Result<Option<Stop>> {
        let mut row = RawRow { number: 0, hidden: false, cells: Vec::new() };
        for frame in block.frames() {
            let stop = match frame.map_err(Error::other)? {
                Frame::Sheet(sheet) => {
                    self.end_sheet(service)?;
                    self.rows.begin_sheet(SheetHead {
                        name: sheet.name,
                        visible: sheet.visible,
                        missing: sheet.missing,
                        merges: sheet.merges,
                        hidden_columns: sheet.hidden_columns,
                        days_from_1904: sheet.days_from_1904,
                        property: sheet.document,
                        beside: &sheet.beside,
                    });
                    let stop = self.stop();
                    if !matches!(stop, Some(Stop::Refused { .. })) {
                        service.out.frame(&Taken::Sheet { name: sheet.name, visible: sheet.visible })?;
                    }
                    stop
                }
                Frame::Row(packed) => self.take_row(packed, &mut row, service)?,
            };
            if stop.is_some() {
                return Ok(stop);
            }
        }
        Ok(None)
    }

    fn take_row<'b>(&mut self, packed: PackedRow<'b>, row: &mut RawRow<'b>, service: &mut Service) -> Result<Option<Stop>> {
        if self.rows.sheet().is_none_or(|sheet| sheet.is_refused()) {
            self.rows.count_row();
        } else {
            if self.take_unchanged(packed, row, service)? {
                return Ok(None);
            }
            packed.unpack_with_canonical(row, &mut self.canonical).map_err(Error::other)?;
            let fingerprint = self.fingerprint(row.number);
            let mut outcomes = std::mem::take(&mut self.outcomes);
            let is_clean = self.rows.push(row, &mut outcomes);
            self.send_rows(&mut outcomes, fingerprint.filter(|_| is_clean), service)?;
            self.outcomes = outcomes;
        }
        let stop = self.stop();
        // the parent judges the file at the end of a row, and this one has a fault of its own
        if !matches!(stop, Some(Stop::Refused { .. })) {
            service.out.frame(&Taken::RowEnd)?;
        }
        Ok(stop)
    }

    /// Counts a row that is unchanged since the previous pull and is not read. `false` = it is another one.
    fn take_unchanged<'b>(&mut self, packed: PackedRow<'b>, row: &mut RawRow<'b>, service: &mut Service) -> Result<bool> {
        let Some((ledger, _)) = self.ledger else { return Ok(false) };
        if !self.known.get(&ledger).is_some_and(KnownRows::expects_unchanged) {
            return Ok(false);
        }
        packed.canonical_into(&mut self.canonical).map_err(Error::other)?;
        let Some(fingerprint) = self.fingerprint(packed.number) else { return Ok(false) };
        if !self.known.get_mut(&ledger).is_some_and(|known| known.take_unchanged(fingerprint)) {
            return Ok(false);
        }
        let is_summed = |column| self.rows.sheet().is_some_and(|sheet| sheet.is_summed(column));
        packed.unpack_into(row, is_summed).map_err(Error::other)?;
        self.rows.count_unchanged(row);
        service.out.frame(&Taken::Unchanged { row: row.number, fingerprint })?;
        Ok(true)
    }

    /// Why no further row is read: the file has more of something than a real register, or nearly nothing of it can be used.
    fn stop(&self) -> Option<Stop> {
        if let Some(fault) = self.rows.fault() {
            return Some(Stop::Refused { reason: fault.reason, hint: fault.hint.to_owned() });
        }
        self.rows.is_unusable().then_some(Stop::Unusable)
    }

    /// The fingerprint of the current row; `None` before the header is found, and for a row whose reading depends on other rows.
    fn fingerprint(&mut self, row: u32) -> Option<RowFingerprint> {
        let sheet = self.rows.sheet()?;
        if self.fingerprinter.is_none() {
            self.fingerprinter = RowFingerprinter::of(&self.task.reading, sheet, self.task.today);
        }
        self.fingerprinter.as_ref().filter(|_| sheet.is_independent(row)).map(|fingerprinter| fingerprinter.fingerprint(&self.canonical))
    }

    /// Sends what became of rows. `fingerprint` is that of the last one, if it was read without a note.
    fn send_rows(&mut self, outcomes: &mut Vec<Outcome>, fingerprint: Option<RowFingerprint>, service: &mut Service) -> Result<()> {
        self.find_ledger(service)?;
        self.send_marks(&mut service.out)?;
        self.send_notes(&mut service.out)?;
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::Blank => {}
                Outcome::Skipped => service.out.frame(&Taken::Skipped)?,
                Outcome::Quarantined { code } => service.out.frame(&Taken::Quarantined { code: &code })?,
                // a file with state secrets is refused: its rows are looked through for marks and not stored
                Outcome::Accepted(Accepted { code, .. }) if self.rows.is_classified() => {
                    service.out.frame(&Taken::Passed { code: &code })?
                }
                Outcome::Accepted(accepted) => self.send_accepted(&accepted, fingerprint, &mut service.out)?,
            }
        }
        Ok(())
    }

    /// Sends the ledger of the sheet once its header is found, and gets its known rows.
    fn find_ledger(&mut self, service: &mut Service) -> Result<()> {
        let Some(ledger) = self.rows.sheet().and_then(|sheet| sheet.ledger()).filter(|_| self.ledger.is_none()) else { return Ok(()) };
        let Some(index) = self.task.ledgers().iter().position(|known| known.id == ledger.id) else { return Ok(()) };
        let columns = self.rows.sheet().map(|sheet| sheet.columns()).unwrap_or_default();
        self.ledger = Some((index, columns));
        service.out.frame(&Taken::Ledger { ledger: index as u32, columns })?;
        for note in &self.rows.take_header_notes() {
            service.out.frame(&Taken::HeaderNote(PackedNote::from(note)))?;
        }
        if let Entry::Vacant(unknown) = self.known.entry(index) {
            unknown.insert(KnownRows::unpack(&service.answer()?)?);
        }
        Ok(())
    }

    /// Sends the marks since the last call.
    fn send_marks(&mut self, out: &mut FrameWriter<impl Write>) -> Result<()> {
        let (classified, marks) = (self.rows.take_classified(), self.rows.take_marks());
        for (_, place) in &classified.first {
            out.frame(&Taken::from(place))?;
        }
        for mark in &marks {
            out.frame(&Taken::from(mark))?;
        }
        let count = classified.first.len() + marks.len();
        self.marks += count;
        if count > 0 && self.marks <= MARKS_AT_ONCE { out.flush() } else { Ok(()) }
    }

    fn send_notes(&mut self, out: &mut FrameWriter<impl Write>) -> Result<()> {
        for note in &self.rows.take_notes() {
            out.frame(&Taken::Note(PackedNote::from(note)))?;
        }
        Ok(())
    }

    fn send_accepted(&mut self, accepted: &Accepted, fingerprint: Option<RowFingerprint>, out: &mut FrameWriter<impl Write>) -> Result<()> {
        let is_clean = self.rows.check(accepted);
        self.send_notes(out)?;
        let Some((ledger, columns)) = self.ledger else { return Ok(()) };
        self.body.clear();
        pack(&mut self.body, columns.iter().map(|field| &accepted.cells[field]));
        if let Some(known) = self.known.get_mut(&ledger) {
            known.add(&accepted.code);
        }
        out.frame(&Taken::Accepted { row: accepted.row, fingerprint: fingerprint.filter(|_| is_clean), body: Bytes(&self.body) })
    }

    /// Ends the sheet being read, if there is one: sends the rows that it still buffers.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn end_sheet(&mut self, service: &mut Service) -> Result<()> {
        let mut outcomes = self.rows.last_outcomes();
        self.send_rows(&mut outcomes, None, service)?;
        if let Some(end) = self.rows.end_sheet() {
            send_end(&end, &mut service.out)?;
        }
        self.ledger = None;
        self.fingerprinter = None;
        Ok(())
    }

    /// Sends the marks of the rows that were read, of a file that is not read on.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn end_early(&mut self, service: &mut Service) -> Result<()> {
        // the first rows of a sheet wait for its header; nothing but their marks is looked at, and their codes where the file is classified
        let outcomes = self.rows.last_outcomes();
        self.find_ledger(service)?;
        self.send_marks(&mut service.out)?;
        for code in outcomes.into_iter().filter_map(Outcome::into_code).filter(|_| self.rows.is_classified()) {
            service.out.frame(&Taken::Passed { code: &code })?;
        }
        Ok(())
    }
}
