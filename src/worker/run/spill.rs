//! Records set aside while a register is read: those that findings, workbooks and mails name. Their cells are in a temporary file, so that
//! memory holds their codes only.

use crate::domain::register::codes::{Codes, TooMany};
use crate::domain::register::record::{Columns, Place, Record, Records, pack_into, unpack};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;

/// Where a record's cells are.
#[derive(Clone, Copy, Debug)]
struct Slot {
    offset: u64,
    bytes: u32,
    /// Index into `RecordSpill::columns`.
    columns: u32,
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
    /// The sets of columns that occur.
    columns: Vec<Columns>,
    /// The first error of a lookup.
    fault: OnceLock<String>,
}

/// Bytes written at a time.
const CHUNK_BYTES: usize = 256 * 1024;

impl RecordSpill {
    /// An empty spill for ledgers of these numbers of fields. Its file has no name and ends with the process.
    pub(crate) fn new(folder: &Path, fields: impl Iterator<Item = usize>) -> io::Result<RecordSpill> {
        std::fs::create_dir_all(folder)?;
        Ok(RecordSpill {
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            unwritten: Vec::with_capacity(CHUNK_BYTES * 2),
            ledgers: fields.map(|fields| (fields, Codes::default())).collect(),
            columns: Vec::new(),
            fault: OnceLock::new(),
        })
    }

    pub(crate) fn has(&self, ledger: usize, code: &str) -> bool {
        self.ledgers.get(ledger).is_some_and(|(_, codes)| codes.get(code).is_some())
    }

    /// Adds a record unless its code is there already.
    pub(crate) fn add(&mut self, ledger: usize, record: &Record) -> io::Result<()> {
        if self.has(ledger, &record.code) {
            return Ok(());
        }
        let columns = self.columns.iter().position(|known| *known == record.columns).unwrap_or_else(|| {
            self.columns.push(record.columns);
            self.columns.len() - 1
        });
        let start = self.unwritten.len();
        pack_into(&mut self.unwritten, record.cells.iter());
        let slot = Slot {
            offset: self.written + start as u64,
            bytes: (self.unwritten.len() - start) as u32,
            columns: columns as u32,
            place: record.place,
        };
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

    fn read(&self, slot: Slot) -> io::Result<Vec<u8>> {
        let length = slot.bytes as usize;
        if let Some(start) = slot.offset.checked_sub(self.written) {
            let start = start as usize;
            return self.unwritten.get(start..start + length).map(<[u8]>::to_vec).ok_or_else(|| io::Error::other("no such place"));
        }
        let mut bytes = vec![0; length];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, slot.offset)?;
        Ok(bytes)
    }

    /// The first error of a lookup. What was made of the records must not be used then.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    fn look_up(&self, ledger: usize, code: &str) -> Result<Option<Record>, String> {
        let known = self.ledgers.get(ledger).and_then(|(fields, codes)| Some((*fields, *codes.get(code)?)));
        let Some((fields, slot)) = known else { return Ok(None) };
        let bytes = self.read(slot).map_err(|error| format!("the temporary file of records: {error}"))?;
        let cells = unpack(&bytes, fields).ok_or_else(|| format!("the cells of {code} cannot be read back"))?;
        Ok(Some(Record { code: code.to_owned(), cells, columns: self.columns[slot.columns as usize], place: slot.place }))
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
            columns: [number as usize % 3].into_iter().collect(),
            place: Place { origin: 0, sheet: 1, row: number },
        };
        for number in 0..2000 {
            spill.add(0, &record(number)).unwrap();
        }
        for number in [0, 1, 999, 1999] {
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
