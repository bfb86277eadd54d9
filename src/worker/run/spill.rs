//! Records set aside while a register is read: those that findings, workbooks and mails name. Their cells stay packed. The first ones are in
//! memory, the rest in a temporary file, so that the memory of a large register does not grow with it.

use crate::domain::register::codes::{Codes, TooMany};
use crate::domain::register::packed::{Layout, pack};
use crate::domain::register::record::{Place, Record, Records};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Where a record's cells are.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Memory { chunk: u32, start: u32 },
    File { offset: u64 },
}

/// A record in the spill.
#[derive(Clone, Copy, Debug)]
struct Spilled {
    slot: Slot,
    bytes: u32,
    /// Index into `RecordSpill::layouts`.
    layout: u32,
    place: Place,
}

/// Records in memory and in a temporary file, found by ledger and code.
pub(crate) struct RecordSpill {
    /// Packed cells, each record in one chunk.
    chunks: Vec<Vec<u8>>,
    file: File,
    /// Bytes in the file. The bytes of `unwritten` follow them.
    written: u64,
    unwritten: Vec<u8>,
    /// By ledger index: the number of fields, and where each code's cells are.
    ledgers: Vec<(usize, Codes<Spilled>)>,
    /// The layouts that occur.
    layouts: Vec<Arc<Layout>>,
    /// The first error of a lookup.
    fault: OnceLock<String>,
}

/// Bytes of a chunk, and bytes written to the file at a time.
const CHUNK_BYTES: usize = 1024 * 1024;

/// How many chunks stay in memory: reading a record from the file takes ten times as long.
const CHUNKS_MAX: usize = 32;

impl RecordSpill {
    /// An empty spill for ledgers of these numbers of fields. Its file has no name and ends with the process.
    pub(crate) fn new(folder: &Path, fields: impl Iterator<Item = usize>) -> io::Result<RecordSpill> {
        std::fs::create_dir_all(folder)?;
        Ok(RecordSpill {
            chunks: Vec::new(),
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            unwritten: Vec::new(),
            ledgers: fields.map(|fields| (fields, Codes::default())).collect(),
            layouts: Vec::new(),
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
        pack(&mut body, record.columns.iter().map(|field| record.cell(field))).map_err(io::Error::other)?;
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
        let spilled = Spilled { slot: self.put(body)?, bytes: body.len() as u32, layout: layout as u32, place: record.place };
        if let Some((_, codes)) = self.ledgers.get_mut(ledger) {
            codes.insert(&record.code, spilled).map_err(|TooMany| io::Error::other("too many codes"))?;
        }
        Ok(())
    }

    fn put(&mut self, body: &[u8]) -> io::Result<Slot> {
        let has_room = |chunk: &Vec<u8>| chunk.len() + body.len() <= CHUNK_BYTES;
        if !self.chunks.last().is_some_and(has_room) && self.chunks.len() < CHUNKS_MAX {
            self.chunks.push(Vec::with_capacity(CHUNK_BYTES.max(body.len())));
        }
        let chunk = self.chunks.len().saturating_sub(1) as u32;
        if let Some(last) = self.chunks.last_mut().filter(|last| last.is_empty() || has_room(last)) {
            let start = last.len() as u32;
            last.extend_from_slice(body);
            return Ok(Slot::Memory { chunk, start });
        }
        let offset = self.written + self.unwritten.len() as u64;
        self.unwritten.extend_from_slice(body);
        if self.unwritten.len() >= CHUNK_BYTES {
            self.file.write_all(&self.unwritten)?;
            self.written += self.unwritten.len() as u64;
            self.unwritten.clear();
        }
        Ok(Slot::File { offset })
    }

    fn read(&self, spilled: Spilled) -> io::Result<Cow<'_, [u8]>> {
        let length = spilled.bytes as usize;
        let lost = || io::Error::other("no such place");
        match spilled.slot {
            Slot::Memory { chunk, start } => {
                let start = start as usize;
                self.chunks[chunk as usize].get(start..start + length).map(Cow::Borrowed).ok_or_else(lost)
            }
            Slot::File { offset } => {
                if let Some(start) = offset.checked_sub(self.written) {
                    let start = start as usize;
                    return self.unwritten.get(start..start + length).map(Cow::Borrowed).ok_or_else(lost);
                }
                let mut bytes = vec![0; length];
                std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, offset)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// The first error of a lookup. What was made of the records must not be used then.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    fn look_up(&self, ledger: usize, code: &str) -> Result<Option<Record>, String> {
        let Some(spilled) = self.ledgers.get(ledger).and_then(|(_, codes)| codes.get(code)) else { return Ok(None) };
        let bytes = self.read(*spilled).map_err(|error| format!("the temporary file of records: {error}"))?;
        let layout = &self.layouts[spilled.layout as usize];
        let mut cells = Vec::new();
        layout.unpack(&bytes, &mut cells).ok_or_else(|| format!("the cells of {code} cannot be read back"))?;
        Ok(Some(Record { code: code.to_owned(), cells, columns: layout.columns, place: spilled.place }))
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
            cells: vec![Cell::Text("项目".repeat(3000).into()), Cell::Int(i64::from(number))],
            columns: [0, 1].into_iter().collect(),
            place: Place { origin: 0, sheet: 1, row: number },
        };
        // 36 MB: the last records are in the file
        for number in 0..2000 {
            spill.add(0, &record(number)).unwrap();
        }
        assert!(spill.written > 0 && spill.chunks.len() == CHUNKS_MAX);
        for number in [0, 1, 999, 1800, 1999] {
            assert_eq!(spill.find(0, &format!("GZ{number}")).unwrap().into_owned(), record(number));
        }
        assert!(spill.find(0, "GZ2000").is_none() && spill.fault().is_none());

        // a truncated file is a fault of the workbook that reads it, not of one that reads what is still in memory
        spill.file.set_len(0).unwrap();
        let (whole, broken) = (WorkbookRecords::new(&spill), WorkbookRecords::new(&spill));
        assert!(whole.find(0, "GZ1999").is_some() && whole.fault().is_none());
        assert!(broken.find(0, "GZ0").is_some() && broken.find(0, "GZ1870").is_none());
        assert!(broken.fault().is_some_and(|fault| fault.contains("temporary file")), "{:?}", broken.fault());
        assert!(whole.fault().is_none() && spill.fault().is_none());
    }
}
