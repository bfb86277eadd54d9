//! Records set aside while a register is read: those that findings and mails speak of. Their cells wait in a temporary file, so a
//! register of a million rows takes as little memory as one of a thousand.

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
    /// Index into the known sets of columns.
    columns: u32,
    place: Place,
}

pub struct Kept {
    file: File,
    /// Bytes in the file; what is not written yet follows them.
    written: u64,
    waiting: Vec<u8>,
    /// By ledger index.
    ledgers: Vec<(usize, Codes<Slot>)>,
    columns: Vec<Columns>,
    fault: OnceLock<String>,
}

/// Bytes written at a time.
const CHUNK_BYTES: usize = 256 * 1024;

impl Kept {
    /// An empty one, for ledgers of these numbers of fields; its file has no name and goes with it.
    pub fn new(folder: &Path, fields: impl Iterator<Item = usize>) -> io::Result<Kept> {
        std::fs::create_dir_all(folder)?;
        Ok(Kept {
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            waiting: Vec::with_capacity(CHUNK_BYTES * 2),
            ledgers: fields.map(|fields| (fields, Codes::default())).collect(),
            columns: Vec::new(),
            fault: OnceLock::new(),
        })
    }

    pub fn has(&self, ledger: usize, code: &str) -> bool {
        self.ledgers.get(ledger).is_some_and(|(_, codes)| codes.get(code).is_some())
    }

    /// Sets a record aside, once.
    pub fn keep(&mut self, ledger: usize, record: &Record) -> io::Result<()> {
        if self.has(ledger, &record.code) {
            return Ok(());
        }
        let columns = self.columns.iter().position(|known| *known == record.columns).unwrap_or_else(|| {
            self.columns.push(record.columns);
            self.columns.len() - 1
        });
        let start = self.waiting.len();
        pack_into(&mut self.waiting, record.cells.iter());
        let slot = Slot {
            offset: self.written + start as u64,
            bytes: (self.waiting.len() - start) as u32,
            columns: columns as u32,
            place: record.place,
        };
        if let Some((_, codes)) = self.ledgers.get_mut(ledger) {
            codes.insert(&record.code, slot).map_err(|TooMany| io::Error::other("too many codes"))?;
        }
        if self.waiting.len() >= CHUNK_BYTES {
            self.file.write_all(&self.waiting)?;
            self.written += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(())
    }

    fn read(&self, slot: Slot) -> io::Result<Vec<u8>> {
        let length = slot.bytes as usize;
        if let Some(start) = slot.offset.checked_sub(self.written) {
            let start = start as usize;
            return self.waiting.get(start..start + length).map(<[u8]>::to_vec).ok_or_else(|| io::Error::other("no such place"));
        }
        let mut bytes = vec![0; length];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, slot.offset)?;
        Ok(bytes)
    }

    /// What went wrong while records were looked up: whatever was made of them is not to be used.
    pub fn fault(&self) -> Option<&str> {
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

/// What was looked up, or nothing and a fault.
fn found<'a>(looked_up: Result<Option<Record>, String>, fault: &OnceLock<String>) -> Option<Cow<'a, Record>> {
    looked_up
        .unwrap_or_else(|reason| {
            let _ = fault.set(reason);
            None
        })
        .map(Cow::Owned)
}

impl Records for Kept {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        found(self.look_up(ledger, code), &self.fault)
    }
}

/// The records as one workbook reads them: what goes wrong meanwhile is the fault of that workbook and of no other.
pub struct Watched<'a> {
    kept: &'a Kept,
    fault: OnceLock<String>,
}

impl<'a> Watched<'a> {
    pub fn new(kept: &'a Kept) -> Watched<'a> {
        Watched { kept, fault: OnceLock::new() }
    }

    /// As [`Kept::fault`].
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }
}

impl Records for Watched<'_> {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        found(self.kept.look_up(ledger, code), &self.fault)
    }
}

/// The records set aside, and some more that only a mail speaks of.
pub struct Completed<'a> {
    pub kept: &'a Kept,
    /// By ledger index and code.
    pub more: HashMap<(usize, String), Record>,
}

impl Records for Completed<'_> {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        let more = || self.more.get(&(ledger, code.to_owned())).map(Cow::Borrowed);
        if self.kept.has(ledger, code) { self.kept.find(ledger, code) } else { more() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::register::record::Cell;

    #[test]
    fn records_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::new(folder.path(), [2].into_iter()).unwrap();
        let record = |number: u32| Record {
            code: format!("GZ{number}"),
            cells: vec![Cell::Text("项目".repeat(100).into()), Cell::Int(i64::from(number))],
            columns: [number as usize % 3].into_iter().collect(),
            place: Place { origin: 0, sheet: 1, row: number },
        };
        for number in 0..2000 {
            kept.keep(0, &record(number)).unwrap();
        }
        for number in [0, 1, 999, 1999] {
            assert_eq!(kept.find(0, &format!("GZ{number}")).unwrap().into_owned(), record(number));
        }
        assert!(kept.find(0, "GZ2000").is_none() && kept.fault().is_none());

        // a file that is cut short is the fault of who reads it, not of who reads what still waits in memory
        kept.file.set_len(0).unwrap();
        let (whole, broken) = (Watched::new(&kept), Watched::new(&kept));
        assert!(whole.find(0, "GZ1999").is_some() && whole.fault().is_none());
        assert!(broken.find(0, "GZ0").is_none());
        assert!(broken.fault().is_some_and(|fault| fault.contains("temporary file")), "{:?}", broken.fault());
        assert!(whole.fault().is_none() && kept.fault().is_none());
    }
}
