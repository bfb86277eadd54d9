//! What the parsing child says to its parent: blocks of frames. A block is a kind, a 4-byte little-endian length and frames one after
//! another; the parent decodes them out of the block without copying their texts, and of a row no more than it wants. The shared strings of
//! a workbook travel once, before the rows that name them by number.

use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::source::strings::Strings;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// A sheet of which rows follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet<'a> {
    pub name: &'a str,
    /// A hidden sheet is named and not read.
    pub visible: bool,
    pub merges: Vec<CellRange>,
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
    /// Postcard of columns and values.
    cells: &'a [u8],
    strings: &'a Strings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Sheet(Sheet<'a>),
    Row(PackedRow<'a>),
}

/// A value on its way: as [`Raw`] is written, or the number of a shared string.
#[derive(Debug)]
pub enum Value {
    Own(Raw<'static>),
    Shared(u32),
}

/// The number of [`Unread::Shared`].
const SHARED: u32 = 6;

/// As postcard writes the number of [`Unread::Text`].
const TEXT: u8 = 0;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Own(raw) => raw.serialize(serializer),
            Value::Shared(index) => serializer.serialize_newtype_variant("Unread", SHARED, "Shared", index),
        }
    }
}

/// A value whose text has not been looked at; written as [`Value`] is.
#[derive(Deserialize)]
enum Unread<'a> {
    Text(&'a [u8]),
    Number(f64),
    Date(u16, u8, u8),
    Bool(bool),
    Error(&'a [u8]),
    Uncalculated,
    Shared(u32),
}

impl<'a> Unread<'a> {
    fn read(self, strings: &'a Strings) -> Result<Raw<'a>, postcard::Error> {
        let text = |bytes| std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| postcard::Error::DeserializeBadUtf8);
        Ok(match self {
            Unread::Text(bytes) => Raw::Text(text(bytes)?),
            Unread::Number(number) => Raw::Number(number),
            Unread::Date(year, month, day) => Raw::Date(year, month, day),
            Unread::Bool(value) => Raw::Bool(value),
            Unread::Error(bytes) => Raw::Error(text(bytes)?),
            Unread::Uncalculated => Raw::Uncalculated,
            Unread::Shared(index) => Raw::Text(Cow::Borrowed(strings.get(index).ok_or(postcard::Error::DeserializeBadEncoding)?)),
        })
    }
}

impl<'a> PackedRow<'a> {
    /// Hands over the cells one by one, each with its own bytes, until `take` wants no more.
    fn each(&self, mut take: impl FnMut(u16, Unread<'a>, &'a [u8]) -> Result<bool, postcard::Error>) -> Result<(), postcard::Error> {
        let (count, mut rest) = postcard::take_from_bytes::<usize>(self.cells)?;
        for _ in 0..count {
            let ((column, value), left) = postcard::take_from_bytes::<(u16, Unread<'a>)>(rest)?;
            let bytes = &rest[..rest.len() - left.len()];
            rest = left;
            if !take(column, value, bytes)? {
                break;
            }
        }
        Ok(())
    }

    /// # Errors
    /// The bytes are no row, or speak of a string that is not there.
    pub fn unpack(&self) -> Result<RawRow<'a>, postcard::Error> {
        let mut cells = Vec::with_capacity(48);
        self.each(|column, value, _| {
            cells.push((column, value.read(self.strings)?));
            Ok(true)
        })?;
        Ok(RawRow { number: self.number, hidden: self.hidden, cells })
    }

    /// The cells of some columns.
    ///
    /// # Errors
    /// As [`PackedRow::unpack`].
    pub fn only(&self, columns: &[u16]) -> Result<Vec<(u16, Raw<'a>)>, postcard::Error> {
        let mut out = Vec::with_capacity(columns.len());
        if columns.is_empty() {
            return Ok(out);
        }
        self.each(|column, value, _| {
            if columns.contains(&column) {
                out.push((column, value.read(self.strings)?));
            }
            Ok(out.len() < columns.len())
        })?;
        Ok(out)
    }

    /// What stands in the row, whatever its number and however it travelled, as bytes in `out`.
    ///
    /// # Errors
    /// As [`PackedRow::unpack`].
    pub fn spell<'o>(&'o self, out: &'o mut Vec<u8>) -> Result<&'o [u8], postcard::Error> {
        if self.strings.is_empty() {
            return Ok(self.cells);
        }
        out.clear();
        let (count, _) = postcard::take_from_bytes::<usize>(self.cells)?;
        pack(out, &count)?;
        self.each(|_, value, bytes| {
            match value {
                Unread::Shared(index) => {
                    let text = self.strings.get(index).ok_or(postcard::Error::DeserializeBadEncoding)?;
                    // the column stands there already
                    let column = 1 + bytes.iter().take_while(|byte| **byte >= 0x80).count();
                    out.extend_from_slice(&bytes[..column]);
                    out.push(TEXT);
                    let mut length = text.len();
                    while length >= 0x80 {
                        out.push(length as u8 | 0x80);
                        length >>= 7;
                    }
                    out.push(length as u8);
                    out.extend_from_slice(text.as_bytes());
                }
                _ => out.extend_from_slice(bytes),
            }
            Ok(true)
        })?;
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
const STRINGS: u8 = 3;

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

/// Packs something behind what is in `bytes`.
fn pack(bytes: &mut Vec<u8>, what: &(impl Serialize + ?Sized)) -> Result<(), postcard::Error> {
    *bytes = postcard::serialize_with_flavor(what, Packing(std::mem::take(bytes)))?;
    Ok(())
}

pub struct FrameWriter<W: Write> {
    out: W,
    block: Vec<u8>,
    sent: u64,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W) -> FrameWriter<W> {
        FrameWriter { out, block: Vec::with_capacity(BLOCK_BYTES * 2), sent: 0 }
    }

    pub fn sheet(&mut self, sheet: &Sheet<'_>) -> io::Result<()> {
        self.block.push(SHEET);
        pack(&mut self.block, sheet).map_err(io::Error::other)?;
        self.send_full()
    }

    pub fn row(&mut self, row: &RawRow<'_>) -> io::Result<()> {
        self.row_of(row.number, row.hidden, &row.cells)
    }

    /// A row of columns and values, which are [`Raw`] or [`Value`].
    pub fn row_of(&mut self, number: u32, hidden: bool, cells: &[(u16, impl Serialize)]) -> io::Result<()> {
        self.block.push(ROW);
        pack(&mut self.block, &(number, hidden)).map_err(io::Error::other)?;
        let length = self.block.len();
        self.block.extend([0; 4]);
        let start = self.block.len();
        pack(&mut self.block, cells).map_err(io::Error::other)?;
        let packed = (self.block.len() - start) as u32;
        self.block[length..start].copy_from_slice(&packed.to_le_bytes());
        self.send_full()
    }

    /// Texts that rows behind them speak of by number. `false` = they are too long to travel; no row may speak of them.
    pub fn strings(&mut self, strings: &Strings) -> io::Result<bool> {
        let ends = strings.ends.len() * 4;
        let length = 4 + ends + strings.text.len();
        if length > BLOCK_BYTES_MAX {
            return Ok(false);
        }
        self.send(FRAMES)?;
        let mut head = Vec::with_capacity(9 + ends);
        head.push(STRINGS);
        head.extend((length as u32).to_le_bytes());
        head.extend((strings.ends.len() as u32).to_le_bytes());
        head.extend(strings.ends.iter().flat_map(|end| end.to_le_bytes()));
        self.out.write_all(&head)?;
        self.out.write_all(strings.text.as_bytes())?;
        self.sent += (head.len() + strings.text.len()) as u64;
        Ok(true)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.sent + self.block.len() as u64
    }

    /// Blocks that another writer wrote, to their end.
    pub fn blocks(&mut self, mut blocks: impl Read) -> io::Result<()> {
        self.send(FRAMES)?;
        self.sent += io::copy(&mut blocks, &mut self.out)?;
        Ok(())
    }

    /// Writes what is in the block, and gives back what it was written to.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.send(FRAMES)?;
        Ok(self.out)
    }

    fn send_full(&mut self) -> io::Result<()> {
        if self.block.len() >= BLOCK_BYTES { self.send(FRAMES) } else { Ok(()) }
    }

    /// Says that the file cannot be read on. Last.
    pub fn refuse(&mut self, reason: String, hint: String) -> io::Result<()> {
        self.send(FRAMES)?;
        pack(&mut self.block, &Refused { reason, hint }).map_err(io::Error::other)?;
        self.send(REFUSED)
    }

    /// Says that all was read. Last.
    pub fn end(&mut self) -> io::Result<()> {
        self.send(FRAMES)?;
        self.send(END)
    }

    fn send(&mut self, kind: u8) -> io::Result<()> {
        if kind == FRAMES && self.block.is_empty() {
            return Ok(());
        }
        self.out.write_all(&[kind])?;
        self.out.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        self.sent += 5 + self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

/// Frames that travelled together.
pub struct Block {
    pub bytes: Vec<u8>,
    /// The texts its rows speak of by number.
    pub strings: Arc<Strings>,
}

impl Block {
    /// The frames in their order.
    ///
    /// # Errors
    /// An item is an error where the bytes are no frame; it is the last.
    pub fn frames(&self) -> impl Iterator<Item = Result<Frame<'_>, postcard::Error>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken = take(rest, &self.strings);
            rest = taken.as_ref().map_or(&[], |(_, left)| left);
            Some(taken.map(|(frame, _)| frame))
        })
    }
}

/// The first frame of some bytes and what is left behind it.
fn take<'a>(bytes: &'a [u8], strings: &'a Strings) -> Result<(Frame<'a>, &'a [u8]), postcard::Error> {
    let (kind, rest) = bytes.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
    match *kind {
        SHEET => postcard::take_from_bytes(rest).map(|(sheet, left)| (Frame::Sheet(sheet), left)),
        ROW => {
            let ((number, hidden), rest) = postcard::take_from_bytes(rest)?;
            let (length, rest) = rest.split_first_chunk().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
            let cells = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
            let (cells, left) = cells.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
            Ok((Frame::Row(PackedRow { number, hidden, cells, strings }), left))
        }
        _ => Err(postcard::Error::DeserializeBadEnum),
    }
}

/// What came through the pipe.
pub enum Received {
    /// The texts that rows behind them speak of.
    Strings(Strings),
    Frames(Vec<u8>),
    Refused {
        reason: String,
        hint: String,
    },
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
    let exactly = |from: &mut dyn Read, length: usize| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        from.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    };
    if head[0] == STRINGS {
        let mut count = [0u8; 4];
        from.read_exact(&mut count)?;
        let bytes = u32::from_le_bytes(count) as usize * 4;
        let text = length.checked_sub(4 + bytes).ok_or_else(|| io::Error::other("a block of strings too short"))?;
        let ends = exactly(from, bytes)?.as_chunks().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
        let text = String::from_utf8(exactly(from, text)?).map_err(io::Error::other)?;
        return Ok(Some(Received::Strings(Strings { text, ends })));
    }
    let bytes = exactly(from, length)?;
    Ok(Some(match head[0] {
        FRAMES => Received::Frames(bytes),
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
        let sheet = Sheet {
            name: "表",
            visible: true,
            merges: vec![CellRange { top: 0, left: 0, bottom: 1, right: 1 }],
            hidden_columns: vec![(2, 2)],
        };
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        writer.sheet(&sheet).unwrap();
        writer.row(&row).unwrap();
        writer.end().unwrap();
        let Some(Received::Frames(frames)) = read(&mut bytes.as_slice()).unwrap() else { panic!("no frames") };
        let block = Block { bytes: frames, strings: Arc::default() };
        let frames: Vec<Frame<'_>> = block.frames().map(Result::unwrap).collect();
        let [Frame::Sheet(first), Frame::Row(packed)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!((first, packed.unpack().unwrap()), (&sheet, row.clone()));
        // every kind of value reads the same by either way
        let columns: Vec<u16> = row.cells.iter().map(|(column, _)| *column).collect();
        assert_eq!(packed.only(&columns).unwrap(), row.cells);
        assert_eq!(packed.only(&[2, 3]).unwrap(), row.cells[2..3]);
        let cut = Block { bytes: bytes[5..40].to_vec(), ..block };
        assert!(cut.frames().last().unwrap().is_err());
    }

    #[test]
    fn shared_strings_travel_once_and_spell_as_own_texts() {
        let strings = Strings { text: "贵阳遵义".into(), ends: vec![6, 6, 12] };
        let own = |text: &'static str| Raw::Text(text.into());
        let texts = [(0, own("贵阳")), (1, Raw::Number(2.5)), (300, own("遵义")), (301, own("安顺"))];
        let shared = [
            (0, Value::Shared(0)),
            (1, Value::Own(Raw::Number(2.5))),
            (300, Value::Shared(2)),
            (301, Value::Own(Raw::Text("安顺".into()))),
        ];
        let mut held = FrameWriter::new(Vec::new());
        held.row_of(7, false, &shared).unwrap();
        held.row_of(8, true, &texts).unwrap();
        held.row_of(9, true, &[(0, Value::Shared(3))]).unwrap();
        let held = held.into_inner().unwrap();
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        assert!(writer.strings(&strings).unwrap());
        writer.blocks(held.as_slice()).unwrap();
        writer.end().unwrap();
        let mut from = bytes.as_slice();
        let Some(Received::Strings(known)) = read(&mut from).unwrap() else { panic!("no strings") };
        assert_eq!(known, strings);
        let Some(Received::Frames(frames)) = read(&mut from).unwrap() else { panic!("no frames") };
        let block = Block { bytes: frames, strings: Arc::new(known) };
        let rows: Vec<PackedRow<'_>> = block
            .frames()
            .map(|frame| match frame.unwrap() {
                Frame::Row(row) => row,
                Frame::Sheet(_) => panic!("a sheet"),
            })
            .collect();
        assert_eq!(rows[0].unpack().unwrap(), RawRow { number: 7, hidden: false, cells: texts.to_vec() });
        let (mut one, mut other) = (Vec::new(), Vec::new());
        assert_eq!(rows[0].spell(&mut one).unwrap(), rows[1].spell(&mut other).unwrap());
        assert_eq!(rows[0].only(&[300]).unwrap(), texts[2..3]);
        assert!(rows[2].unpack().is_err() && rows[2].spell(&mut one).is_err());
        assert!(matches!(read(&mut from).unwrap(), Some(Received::End)));
        // a block that says it is longer than its strings
        bytes[5] = 200;
        assert!(read(&mut bytes.as_slice()).is_err());
    }
}
