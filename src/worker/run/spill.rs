//! Records set aside while a register is read: those that findings, workbooks and mails name. Their cells stay packed, in a temporary file, so
//! that memory holds their codes only.

use crate::domain::register::codes::{Codes, TooMany};
use crate::domain::register::packed::{Layout, pack};
use crate::domain::register::record::{Place, Record, Records};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where a record's cells are.
#[derive(Clone, Copy, Debug)]
struct Slot {
    offset: u64,
    bytes: u32,
    /// Index into `RecordSpill::layouts`.
    layout: u32,
    place: Place,
}

/// Records in a temporary file, found by ledger and code.
pub(crate) struct RecordSpill {
    file: File,
    /// Bytes in the file. The bytes of `unwritten` follow them.
    written: u64,
    unwritten: Vec<u8>,
    /// By ledger index: the number of fields, and where each code's cells are.
    ledgers: Vec<(usize, Codes<Slot>)>,
    /// The layouts that occur.
    layouts: Vec<Arc<Layout>>,
    read_ahead: Mutex<ReadAhead>,
    /// The first error of a lookup.
    fault: OnceLock<String>,
}

/// A part of the file in memory. A list names the records of one place after another, so the next one is often close behind.
#[derive(Default)]
struct ReadAhead {
    start: u64,
    /// Only the first `filled` bytes are of the file: the rest stays from before, so that nothing is cleared in vain.
    bytes: Vec<u8>,
    filled: usize,
    /// Where the last record ended.
    last_end: u64,
}

/// Bytes written at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// A record that begins so close behind the last one is read together with those that follow it.
const CLOSE_BYTES: u64 = 16 * 1024;
const AHEAD_BYTES: usize = 64 * 1024;

impl RecordSpill {
    /// An empty spill for ledgers of these numbers of fields. Its file has no name and ends with the process.
    pub(crate) fn new(folder: &Path, fields: impl Iterator<Item = usize>) -> io::Result<RecordSpill> {
        std::fs::create_dir_all(folder)?;
        Ok(RecordSpill {
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            unwritten: Vec::with_capacity(CHUNK_BYTES * 2),
            ledgers: fields.map(|fields| (fields, Codes::default())).collect(),
            layouts: Vec::new(),
            read_ahead: Mutex::default(),
            fault: OnceLock::new(),
        })
    }

    pub(crate) fn has(&self, ledger: usize, code: &str) -> bool {
        self.ledgers.get(ledger).is_some_and(|(_, codes)| codes.get(code).is_some())
    }

    /// Adds a record unless its code is there already.
    pub(crate) fn add(&mut self, ledger: usize, record: &Record) -> io::Result<()> {
        let Some((fields, _)) = self.ledgers.get(ledger) else { return Ok(()) };
        let layout = Arc::new(Layout::new(*fields, record.columns.iter().map(Some).collect()));
        let mut body = Vec::new();
        pack(&mut body, record.columns.iter().map(|field| record.cell(field)));
        self.add_packed(ledger, record, &layout, &body)
    }

    /// As [`RecordSpill::add`], for a record whose cells are packed by a layout already.
    pub(crate) fn add_packed(&mut self, ledger: usize, record: &Record, layout: &Arc<Layout>, body: &[u8]) -> io::Result<()> {
        if self.has(ledger, &record.code) {
            return Ok(());
        }
        let is_known = |known: &Arc<Layout>| Arc::ptr_eq(known, layout) || known == layout;
        let layout = self.layouts.iter().position(is_known).unwrap_or_else(|| {
            self.layouts.push(Arc::clone(layout));
            self.layouts.len() - 1
        });
        let offset = self.written + self.unwritten.len() as u64;
        self.unwritten.extend_from_slice(body);
        let slot = Slot { offset, bytes: body.len() as u32, layout: layout as u32, place: record.place };
        if let Some((_, codes)) = self.ledgers.get_mut(ledger) {
            codes.insert(&record.code, slot).map_err(|TooMany| io::Error::other("too many codes"))?;
        }
        if self.unwritten.len() >= CHUNK_BYTES {
            self.file.write_all(&self.unwritten)?;
            self.written += self.unwritten.len() as u64;
            self.unwritten.clear();
        }
        Ok(())
    }

    /// Calls `take` with the packed cells of a record.
    fn read<T>(&self, slot: Slot, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let length = slot.bytes as usize;
        if let Some(start) = slot.offset.checked_sub(self.written) {
            let bytes = self.unwritten.get(start as usize..).and_then(|rest| rest.get(..length));
            return bytes.map(take).ok_or_else(|| io::Error::other("no such place"));
        }
        let mut ahead = self.read_ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let is_close = slot.offset.checked_sub(ahead.last_end).is_some_and(|distance| distance < CLOSE_BYTES);
        ahead.last_end = slot.offset + length as u64;
        let in_memory = |ahead: &ReadAhead| slot.offset >= ahead.start && ahead.last_end <= ahead.start + ahead.filled as u64;
        if !in_memory(&ahead) {
            let wanted = if is_close { AHEAD_BYTES.max(length) } else { length } as u64;
            let bytes = wanted.min(self.written - slot.offset) as usize;
            if ahead.bytes.len() < bytes {
                ahead.bytes.resize(bytes.max(AHEAD_BYTES), 0);
            }
            ahead.start = slot.offset;
            // nothing is valid while it is read, or after an error
            ahead.filled = 0;
            self.file.read_exact_at(&mut ahead.bytes[..bytes], slot.offset)?;
            ahead.filled = bytes;
        }
        let start = (slot.offset - ahead.start) as usize;
        Ok(take(&ahead.bytes[start..start + length]))
    }

    /// The first error of a lookup. What was made of the records must not be used then.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    fn look_up(&self, ledger: usize, code: &str) -> Result<Option<Record>, String> {
        let Some(slot) = self.ledgers.get(ledger).and_then(|(_, codes)| codes.get(code)) else { return Ok(None) };
        let layout = &self.layouts[slot.layout as usize];
        let mut cells = Vec::new();
        self.read(*slot, |body| layout.unpack(body, &mut cells))
            .map_err(|error| format!("the temporary file of records: {error}"))?
            .ok_or_else(|| format!("the cells of {code} cannot be read back"))?;
        Ok(Some(Record { code: code.to_owned(), cells, columns: layout.columns, place: slot.place, ..Record::default() }))
    }
}

/// The record that was looked up. An error is stored in `fault` and counts as no record.
fn found<'a>(looked_up: Result<Option<Record>, String>, fault: &OnceLock<String>) -> Option<Cow<'a, Record>> {
    looked_up
        .unwrap_or_else(|reason| {
            let _ = fault.set(reason);
            None
        })
        .map(Cow::Owned)
}

impl Records for RecordSpill {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        found(self.look_up(ledger, code), &self.fault)
    }
}

/// The records as one workbook reads them: an error of its lookups is a fault of that workbook and of no other.
pub(crate) struct WorkbookRecords<'a> {
    spill: &'a RecordSpill,
    fault: OnceLock<String>,
}

impl<'a> WorkbookRecords<'a> {
    pub(crate) fn new(spill: &'a RecordSpill) -> WorkbookRecords<'a> {
        WorkbookRecords { spill, fault: OnceLock::new() }
    }

    /// As [`RecordSpill::fault`].
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }
}

impl Records for WorkbookRecords<'_> {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        found(self.spill.look_up(ledger, code), &self.fault)
    }
}

/// The records as the digests read them: the spill, and the records of resolved findings, which only a digest names.
pub(crate) struct DigestRecords<'a> {
    pub(crate) spill: &'a RecordSpill,
    /// By ledger index and code.
    pub(crate) resolved: HashMap<(usize, String), Record>,
}

impl Records for DigestRecords<'_> {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        let resolved = || self.resolved.get(&(ledger, code.to_owned())).map(Cow::Borrowed);
        if self.spill.has(ledger, code) { self.spill.find(ledger, code) } else { resolved() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::register::record::Cell;

    #[test]
    fn records_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = RecordSpill::new(folder.path(), [2].into_iter()).unwrap();
        let record = |number: u32| Record {
            code: format!("GZ{number}"),
            cells: vec![Cell::Text("项目".repeat(100).into()), Cell::Int(i64::from(number))],
            columns: [0, 1].into_iter().collect(),
            place: Place { origin: 0, sheet: 1, row: number },
            ..Record::default()
        };
        for number in 0..2000 {
            spill.add(0, &record(number)).unwrap();
        }
        assert!(spill.written > 0);
        // one after the other, with leaps forward and back
        for number in (0..2000).step_by(3).chain([0, 1, 999, 998, 1999]) {
            assert_eq!(spill.find(0, &format!("GZ{number}")).unwrap().into_owned(), record(number));
        }
        assert!(spill.find(0, "GZ2000").is_none() && spill.fault().is_none());

        // a truncated file is a fault of the workbook that reads it, not of one that reads what is still in memory
        spill.file.set_len(0).unwrap();
        let (whole, broken) = (WorkbookRecords::new(&spill), WorkbookRecords::new(&spill));
        assert!(whole.find(0, "GZ1999").is_some() && whole.fault().is_none());
        assert!(broken.find(0, "GZ0").is_none());
        assert!(broken.fault().is_some_and(|fault| fault.contains("temporary file")), "{:?}", broken.fault());
        assert!(whole.fault().is_none() && spill.fault().is_none());
    }
}
