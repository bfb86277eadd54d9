//! What the parsing child says to its parent: blocks of frames. A block is a kind, a 4-byte little-endian length and frames one after
//! another; the parent decodes them out of the block without copying their texts, and of a row no more than it wants.

use crate::domain::intake::{Raw, RawRow};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// A sheet of which rows follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet<'a> {
    pub name: &'a str,
    /// A hidden sheet is named and not read.
    pub visible: bool,
    /// Merged ranges: first row, first column, last row, last column (from 0).
    pub merges: Vec<(u32, u32, u32, u32)>,
    /// First and last column (from 0) of each hidden range.
    pub hidden_columns: Vec<(u32, u32)>,
}

/// A row as it travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedRow<'a> {
    /// As a person counts, from 1.
    pub number: u32,
    /// Hidden by hand or by a filter.
    pub hidden: bool,
    /// What stands in the row, whatever its number: postcard of columns and values.
    pub cells: &'a [u8],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Sheet(Sheet<'a>),
    Row(PackedRow<'a>),
}

/// A value whose text has not been looked at; written as [`Raw`] is.
#[derive(Deserialize)]
enum Unread<'a> {
    Text(&'a [u8]),
    Number(f64),
    Date(u16, u8, u8),
    Bool(bool),
    Error(&'a [u8]),
    Uncalculated,
}

impl<'a> Unread<'a> {
    fn read(self) -> Result<Raw<'a>, postcard::Error> {
        let text = |bytes| std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| postcard::Error::DeserializeBadUtf8);
        Ok(match self {
            Unread::Text(bytes) => Raw::Text(text(bytes)?),
            Unread::Number(number) => Raw::Number(number),
            Unread::Date(year, month, day) => Raw::Date(year, month, day),
            Unread::Bool(value) => Raw::Bool(value),
            Unread::Error(bytes) => Raw::Error(text(bytes)?),
            Unread::Uncalculated => Raw::Uncalculated,
        })
    }
}

impl<'a> PackedRow<'a> {
    /// # Errors
    /// The bytes are no row.
    pub fn unpack(&self) -> Result<RawRow<'a>, postcard::Error> {
        Ok(RawRow { number: self.number, hidden: self.hidden, cells: postcard::from_bytes(self.cells)? })
    }

    /// The cells of some columns.
    ///
    /// # Errors
    /// The bytes are no row.
    pub fn only(&self, columns: &[u16]) -> Result<Vec<(u16, Raw<'a>)>, postcard::Error> {
        let mut out = Vec::with_capacity(columns.len());
        let (count, mut rest) = postcard::take_from_bytes::<usize>(self.cells)?;
        for _ in 0..count {
            if columns.len() == out.len() {
                break;
            }
            let ((column, value), left) = postcard::take_from_bytes::<(u16, Unread<'a>)>(rest)?;
            rest = left;
            if columns.contains(&column) {
                out.push((column, value.read()?));
            }
        }
        Ok(out)
    }
}

/// Why a file cannot be read on, as the child says it.
#[derive(Serialize, Deserialize)]
struct Refused {
    reason: String,
    hint: String,
}

const FRAMES: u8 = 0;
const REFUSED: u8 = 1;
const END: u8 = 2;

/// Kinds of frames.
const SHEET: u8 = 0;
const ROW: u8 = 1;

/// A block is sent once it holds this much.
const BLOCK_BYTES: usize = 256 * 1024;

/// The longest block: a row of 1,024 cells of 32,767 characters behind a full block.
const BLOCK_BYTES_MAX: usize = 136 * 1024 * 1024;

/// Packs behind what is in a block: `postcard::to_extend` takes twice the time over texts.
struct Packing(Vec<u8>);

impl Flavor for Packing {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

pub struct FrameWriter<W: Write> {
    out: W,
    block: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W) -> FrameWriter<W> {
        FrameWriter { out, block: Vec::with_capacity(BLOCK_BYTES * 2) }
    }

    pub fn sheet(&mut self, sheet: &Sheet<'_>) -> io::Result<()> {
        self.block.push(SHEET);
        self.pack(sheet)?;
        self.send_full()
    }

    pub fn row(&mut self, row: &RawRow<'_>) -> io::Result<()> {
        self.block.push(ROW);
        self.pack(&(row.number, row.hidden))?;
        let length = self.block.len();
        self.block.extend([0; 4]);
        let cells = self.block.len();
        self.pack(&row.cells)?;
        let packed = (self.block.len() - cells) as u32;
        self.block[length..cells].copy_from_slice(&packed.to_le_bytes());
        self.send_full()
    }

    fn pack(&mut self, what: &impl Serialize) -> io::Result<()> {
        self.block = postcard::serialize_with_flavor(what, Packing(std::mem::take(&mut self.block))).map_err(io::Error::other)?;
        Ok(())
    }

    fn send_full(&mut self) -> io::Result<()> {
        if self.block.len() >= BLOCK_BYTES { self.send(FRAMES) } else { Ok(()) }
    }

    /// Says that the file cannot be read on. Last.
    pub fn refuse(&mut self, reason: String, hint: String) -> io::Result<()> {
        self.send(FRAMES)?;
        self.pack(&Refused { reason, hint })?;
        self.send(REFUSED)
    }

    /// Says that all was read. Last.
    pub fn end(&mut self) -> io::Result<()> {
        self.send(FRAMES)?;
        self.send(END)
    }

    fn send(&mut self, kind: u8) -> io::Result<()> {
        self.out.write_all(&[kind])?;
        self.out.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        self.block.clear();
        Ok(())
    }
}

/// Frames that travelled together.
pub struct Block(Vec<u8>);

impl Block {
    /// The frames in their order.
    ///
    /// # Errors
    /// An item is an error where the bytes are no frame; it is the last.
    pub fn frames(&self) -> impl Iterator<Item = Result<Frame<'_>, postcard::Error>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken = take(rest);
            rest = taken.as_ref().map_or(&[], |(_, left)| left);
            Some(taken.map(|(frame, _)| frame))
        })
    }
}

/// The first frame of some bytes and what is left behind it.
fn take(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), postcard::Error> {
    let (kind, rest) = bytes.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
    match *kind {
        SHEET => postcard::take_from_bytes(rest).map(|(sheet, left)| (Frame::Sheet(sheet), left)),
        ROW => {
            let ((number, hidden), rest) = postcard::take_from_bytes(rest)?;
            let (length, rest) = rest.split_first_chunk().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
            let cells = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
            let (cells, left) = cells.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
            Ok((Frame::Row(PackedRow { number, hidden, cells }), left))
        }
        _ => Err(postcard::Error::DeserializeBadEnum),
    }
}

/// What came through the pipe.
pub enum Received {
    Frames(Block),
    Refused { reason: String, hint: String },
    End,
}

/// Reads the next block; `None` at the end of the stream.
pub fn read(from: &mut impl Read) -> io::Result<Option<Received>> {
    let mut head = [0u8; 5];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > BLOCK_BYTES_MAX {
        return Err(io::Error::other("block too long"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Some(match head[0] {
        FRAMES => Received::Frames(Block(bytes)),
        REFUSED => {
            let Refused { reason, hint } = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
            Received::Refused { reason, hint }
        }
        END => Received::End,
        _ => return Err(io::Error::other("unknown kind of block")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_as_they_went() {
        let cells = vec![
            (0, Raw::Text("贵阳".into())),
            (1, Raw::Number(0.5)),
            (3, Raw::Date(2026, 9, 30)),
            (4, Raw::Bool(true)),
            (200, Raw::Error("#REF!".into())),
            (1023, Raw::Uncalculated),
        ];
        let row = RawRow { number: 70_000, hidden: true, cells };
        let sheet = Sheet { name: "表", visible: true, merges: vec![(0, 0, 1, 1)], hidden_columns: vec![(2, 2)] };
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        writer.sheet(&sheet).unwrap();
        writer.row(&row).unwrap();
        writer.end().unwrap();
        let Some(Received::Frames(block)) = read(&mut bytes.as_slice()).unwrap() else { panic!("no frames") };
        let frames: Vec<Frame<'_>> = block.frames().map(Result::unwrap).collect();
        let [Frame::Sheet(first), Frame::Row(packed)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!((first, packed.unpack().unwrap()), (&sheet, row.clone()));
        // every kind of value reads the same by either way
        let columns: Vec<u16> = row.cells.iter().map(|(column, _)| *column).collect();
        assert_eq!(packed.only(&columns).unwrap(), row.cells);
        assert_eq!(packed.only(&[2, 3]).unwrap(), row.cells[2..3]);
        let cut = Block(bytes[5..40].to_vec());
        assert!(cut.frames().last().unwrap().is_err());
    }
}
