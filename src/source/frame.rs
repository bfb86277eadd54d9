//! What the parsing child says to its parent: frames, each a 4-byte little-endian length and a postcard body.

use crate::domain::intake::Raw;
use serde::{Deserialize, Serialize};
use std::io::{self, BufWriter, Read, Write};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    Sheet {
        name: String,
        /// A hidden sheet is named and not read.
        visible: bool,
        /// Merged ranges: first row, first column, last row, last column (from 0).
        merges: Vec<(u32, u32, u32, u32)>,
    },
    Row {
        /// As a person counts, from 1.
        number: u32,
        /// Column (from 0) and value; empty cells are left out.
        cells: Vec<(u16, Raw)>,
    },
    /// The file cannot be read on.
    Refused { reason: String, hint: String },
    /// All was read.
    End,
}

/// The longest frame: a row of 1,024 cells of 32,767 characters.
const FRAME_BYTES_MAX: usize = 128 * 1024 * 1024;

pub struct FrameWriter<W: Write> {
    out: BufWriter<W>,
    buffer: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W) -> FrameWriter<W> {
        FrameWriter { out: BufWriter::with_capacity(256 * 1024, out), buffer: Vec::new() }
    }

    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        self.buffer.clear();
        self.buffer = postcard::to_extend(frame, std::mem::take(&mut self.buffer)).map_err(io::Error::other)?;
        self.out.write_all(&(self.buffer.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.buffer)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads the next frame; `None` at the end of the stream.
pub fn read(from: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<Frame>> {
    let mut length = [0u8; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other("frame too long"));
    }
    buffer.resize(length, 0);
    from.read_exact(buffer)?;
    postcard::from_bytes(buffer).map(Some).map_err(io::Error::other)
}
