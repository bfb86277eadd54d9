//! The rows of all sheets of a file that wait until its merged ranges are known: in memory, and then in one file without a name that the parent
//! process has let this one have.

use crate::source::confinement::SCRATCH_BYTES_MAX;
use std::fs::File;
use std::io::{Error, Read, Result, Seek, SeekFrom, Write};
use std::ops::Range;

/// The most bytes in memory; the others go to the file.
const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes read from the file at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Blocks of rows, one behind the other.
#[derive(Debug, Default)]
pub struct RowSpill {
    /// Without it nothing is spilled but what has room in memory.
    scratch: Option<File>,
    /// The bytes in the file; those in memory follow them.
    in_scratch: u64,
    memory: Vec<u8>,
}

impl RowSpill {
    pub fn new(scratch: Option<File>) -> RowSpill {
        RowSpill { scratch, ..RowSpill::default() }
    }

    /// The bytes so far.
    pub fn end(&self) -> u64 {
        self.in_scratch + self.memory.len() as u64
    }

    /// Takes back what was written behind an earlier end.
    pub fn truncate(&mut self, end: u64) {
        match end.checked_sub(self.in_scratch) {
            Some(in_memory) => self.memory.truncate(in_memory as usize),
            None => {
                self.in_scratch = end;
                self.memory.clear();
            }
        }
    }

    /// Calls `take` with the bytes of a range, piece by piece.
    ///
    /// # Errors
    /// The file cannot be read, or `take` fails.
    pub fn read(&mut self, range: Range<u64>, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if range.start < self.in_scratch {
            let scratch = self.scratch.as_mut().ok_or_else(|| Error::other("no scratch file"))?;
            scratch.seek(SeekFrom::Start(range.start))?;
            let mut left = range.end.min(self.in_scratch) - range.start;
            let mut piece = vec![0; PIECE_BYTES];
            while left > 0 {
                let length = left.min(PIECE_BYTES as u64) as usize;
                scratch.read_exact(&mut piece[..length])?;
                take(&piece[..length])?;
                left -= length as u64;
            }
        }
        let in_memory = |at: u64| (at.max(self.in_scratch) - self.in_scratch) as usize;
        take(&self.memory[in_memory(range.start)..in_memory(range.end)])
    }
}

impl Write for &mut RowSpill {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.memory.len() + bytes.len() > MEMORY_BYTES_MAX {
            if self.end() + bytes.len() as u64 > SCRATCH_BYTES_MAX {
                return Err(Error::other("no room for more rows"));
            }
            let scratch = self.scratch.as_mut().ok_or_else(|| Error::other("no scratch file"))?;
            scratch.seek(SeekFrom::Start(self.in_scratch))?;
            scratch.write_all(&self.memory)?;
            self.in_scratch += self.memory.len() as u64;
            self.memory.clear();
        }
        self.memory.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spill: &mut RowSpill, range: Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        spill.read(range, |piece| bytes.write_all(piece)).unwrap();
        bytes
    }

    #[test]
    fn what_was_written_is_read_from_memory_and_from_the_file() {
        let mut spill = RowSpill::new(tempfile::tempfile().ok());
        let all: Vec<u8> = (0..3 * MEMORY_BYTES_MAX / 2).map(|at| (at % 251) as u8).collect();
        for piece in all.chunks(1_000_000) {
            (&mut spill).write_all(piece).unwrap();
        }
        assert!(spill.in_scratch > 0 && !spill.memory.is_empty());
        let edge = spill.in_scratch as usize;
        for range in [0..10, edge - 3..edge + 3, edge..edge + 5, 0..all.len(), all.len() - 1..all.len(), 5..5] {
            assert_eq!(read(&mut spill, range.start as u64..range.end as u64), all[range]);
        }
        spill.truncate(edge as u64 - 1);
        (&mut spill).write_all(b"end").unwrap();
        let end = spill.end();
        assert_eq!(read(&mut spill, edge as u64 - 2..end), [&all[edge - 2..edge - 1], b"end"].concat());
    }

    #[test]
    fn without_a_file_only_memory_is_filled() {
        let mut spill = RowSpill::new(None);
        (&mut spill).write_all(&vec![0; MEMORY_BYTES_MAX]).unwrap();
        assert!((&mut spill).write_all(b"more").is_err());
        assert_eq!(spill.end(), MEMORY_BYTES_MAX as u64);
    }
}
