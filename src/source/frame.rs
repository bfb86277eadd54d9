//! The stream from the parsing child to its parent: blocks of frames. A block is a kind, a 4-byte little-endian length, and its frames one
//! after another. The parent decodes frames in place, without copying texts, and only the cells of a row that it needs. The shared strings of
//! a workbook are sent once, before the rows that refer to them by number.

use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::domain::register::packed::append;
use crate::source::shared_strings::{SharedStrings, hash};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// A sheet whose rows follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet<'a> {
    pub name: &'a str,
    /// The rows of a hidden sheet are not sent.
    pub visible: bool,
    pub merges: Vec<CellRange>,
    /// First and last column (from 0) of each hidden range.
    pub hidden_columns: Vec<(u32, u32)>,
    /// The property of the file by which a document of this service is known; empty = none.
    pub document: &'a str,
}

/// A row that is not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedRow<'a> {
    /// From 1, as a spreadsheet program counts.
    pub number: u32,
    /// Hidden by hand or by a filter.
    pub hidden: bool,
    /// Columns and values in postcard format.
    cells: &'a [u8],
    strings: &'a SharedStrings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Sheet(Sheet<'a>),
    Row(PackedRow<'a>),
}

/// A value to send: encoded like [`Raw`], or the number of a shared string.
#[derive(Debug)]
pub enum Value {
    Inline(Raw<'static>),
    Shared(u32),
}

/// The variant number of [`EncodedValue::Shared`].
const SHARED: u32 = 6;

/// Marks the hash of a text among the bytes of a row.
const TEXT: u8 = 0xff;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Inline(raw) => raw.serialize(serializer),
            Value::Shared(index) => serializer.serialize_newtype_variant("Unread", SHARED, "Shared", index),
        }
    }
}

/// A value as it arrives; the encoding of [`Value`].
#[derive(Deserialize)]
enum EncodedValue<'a> {
    Text(&'a str),
    Number(f64),
    Date(u16, u8, u8),
    Bool(bool),
    Error(&'a str),
    Uncalculated,
    Shared(u32),
}

impl<'a> PackedRow<'a> {
    /// The whole row.
    ///
    /// # Errors
    /// The bytes are no row, or refer to a shared string that does not exist.
    pub fn unpack(&self) -> Result<RawRow<'a>, postcard::Error> {
        let mut row = RawRow { number: 0, hidden: false, cells: Vec::new() };
        self.unpack_into(&mut row, &mut Vec::new())?;
        Ok(row)
    }

    /// Replaces `row` by this one, and `canonical` by its cells as bytes for a fingerprint: the same for equal cells, whatever the number of
    /// the row and whether texts were sent in it or as shared strings. A text is given by its hash.
    ///
    /// # Errors
    /// As [`PackedRow::unpack`].
    pub fn unpack_into(&self, row: &mut RawRow<'a>, canonical: &mut Vec<u8>) -> Result<(), postcard::Error> {
        row.number = self.number;
        row.hidden = self.hidden;
        row.cells.clear();
        canonical.clear();
        let (count, mut rest) = postcard::take_from_bytes::<usize>(self.cells)?;
        for _ in 0..count {
            let ((column, value), left) = postcard::take_from_bytes::<(u16, EncodedValue<'a>)>(rest)?;
            let bytes = &rest[..rest.len() - left.len()];
            rest = left;
            let (raw, hash) = match value {
                EncodedValue::Text(text) => (Raw::Text(Cow::Borrowed(text)), Some(hash(text))),
                EncodedValue::Shared(index) => {
                    let missing = postcard::Error::DeserializeBadEncoding;
                    let (text, hash) = self.strings.get(index).zip(self.strings.hash_of(index)).ok_or(missing)?;
                    (Raw::Text(Cow::Borrowed(text)), Some(hash))
                }
                EncodedValue::Number(number) => (Raw::Number(number), None),
                EncodedValue::Date(year, month, day) => (Raw::Date(year, month, day), None),
                EncodedValue::Bool(value) => (Raw::Bool(value), None),
                EncodedValue::Error(code) => (Raw::Error(Cow::Borrowed(code)), None),
                EncodedValue::Uncalculated => (Raw::Uncalculated, None),
            };
            row.cells.push((column, raw));
            match hash {
                None => canonical.extend_from_slice(bytes),
                Some(hash) => {
                    canonical.extend_from_slice(&column.to_le_bytes());
                    canonical.push(TEXT);
                    canonical.extend_from_slice(&hash.to_le_bytes());
                }
            }
        }
        Ok(())
    }
}

/// A [`Refusal`](crate::source::refusal::Refusal) in the stream.
#[derive(Serialize, Deserialize)]
struct Refused {
    reason: String,
    hint: String,
}

/// Kinds of blocks.
const FRAMES: u8 = 0;
const REFUSED: u8 = 1;
const END: u8 = 2;
const STRINGS: u8 = 3;

/// Kinds of frames.
const SHEET: u8 = 0;
const ROW: u8 = 1;

/// A block is sent once it has so many bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// The longest block: an almost full one, then a row of 1,024 cells of 32,767 characters.
const BLOCK_BYTES_MAX: usize = 136 * 1024 * 1024;

/// Writes frames in blocks.
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
        append(&mut self.block, sheet).map_err(io::Error::other)?;
        self.send_full()
    }

    pub fn row(&mut self, row: &RawRow<'_>) -> io::Result<()> {
        self.row_of(row.number, row.hidden, &row.cells)
    }

    /// A row from columns and values, which are [`Raw`] or [`Value`].
    pub fn row_of(&mut self, number: u32, hidden: bool, cells: &[(u16, impl Serialize)]) -> io::Result<()> {
        self.block.push(ROW);
        append(&mut self.block, &(number, hidden)).map_err(io::Error::other)?;
        let length = self.block.len();
        self.block.extend([0; 4]);
        let start = self.block.len();
        append(&mut self.block, cells).map_err(io::Error::other)?;
        let packed = (self.block.len() - start) as u32;
        self.block[length..start].copy_from_slice(&packed.to_le_bytes());
        self.send_full()
    }

    /// Sends the shared strings that later rows refer to by number. `false` = they are too long to send, so no row may refer to them.
    pub fn strings(&mut self, strings: &SharedStrings) -> io::Result<bool> {
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

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.sent + self.block.len() as u64
    }

    /// Copies blocks that another writer has written.
    pub fn blocks(&mut self, mut blocks: impl Read) -> io::Result<()> {
        self.send(FRAMES)?;
        self.sent += io::copy(&mut blocks, &mut self.out)?;
        Ok(())
    }

    /// Writes the last block and returns what it was written to.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.send(FRAMES)?;
        Ok(self.out)
    }

    fn send_full(&mut self) -> io::Result<()> {
        if self.block.len() >= BLOCK_BYTES { self.send(FRAMES) } else { Ok(()) }
    }

    /// Ends the stream: the file is refused.
    pub fn refuse(&mut self, reason: String, hint: String) -> io::Result<()> {
        self.send(FRAMES)?;
        append(&mut self.block, &Refused { reason, hint }).map_err(io::Error::other)?;
        self.send(REFUSED)
    }

    /// Ends the stream: everything was read.
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

/// Frames that were sent together.
pub struct Block {
    pub bytes: Vec<u8>,
    /// The shared strings that its rows refer to by number.
    pub strings: Arc<SharedStrings>,
}

impl Block {
    /// The frames in order. Where the bytes are no frame, the item is an error and the last one.
    pub fn frames(&self) -> impl Iterator<Item = Result<Frame<'_>, postcard::Error>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken = first_frame(rest, &self.strings);
            rest = taken.as_ref().map_or(&[], |(_, left)| left);
            Some(taken.map(|(frame, _)| frame))
        })
    }
}

/// The first frame of some bytes, and the rest.
fn first_frame<'a>(bytes: &'a [u8], strings: &'a SharedStrings) -> Result<(Frame<'a>, &'a [u8]), postcard::Error> {
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

/// A block of the stream.
pub enum Received {
    /// The shared strings that later rows refer to.
    Strings(SharedStrings),
    Frames(Vec<u8>),
    Refused {
        reason: String,
        hint: String,
    },
    End,
}

/// Reads the next block; `None` at the end of the stream.
///
/// # Errors
/// The stream cannot be read, or it is malformed.
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
        let mut strings = SharedStrings::new(text, ends);
        strings.hash();
        return Ok(Some(Received::Strings(strings)));
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
    fn rows_arrive_as_they_were_sent() {
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
            document: "report",
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
        let cut = Block { bytes: bytes[5..40].to_vec(), ..block };
        assert!(cut.frames().last().unwrap().is_err());
    }

    #[test]
    fn shared_strings_are_sent_once_and_give_the_same_canonical_bytes() {
        let strings = SharedStrings::new("贵阳遵义".into(), vec![6, 6, 12]);
        let own = |text: &'static str| Raw::Text(text.into());
        let texts = [(0, own("贵阳")), (1, Raw::Number(2.5)), (300, own("遵义")), (301, own("安顺"))];
        let shared = [
            (0, Value::Shared(0)),
            (1, Value::Inline(Raw::Number(2.5))),
            (300, Value::Shared(2)),
            (301, Value::Inline(Raw::Text("安顺".into()))),
        ];
        let mut spill = FrameWriter::new(Vec::new());
        spill.row_of(7, false, &shared).unwrap();
        spill.row_of(8, true, &texts).unwrap();
        spill.row_of(9, true, &[(0, Value::Shared(3))]).unwrap();
        let spill = spill.into_inner().unwrap();
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        assert!(writer.strings(&strings).unwrap());
        writer.blocks(spill.as_slice()).unwrap();
        writer.end().unwrap();
        let mut from = bytes.as_slice();
        let Some(Received::Strings(known)) = read(&mut from).unwrap() else { panic!("no strings") };
        assert_eq!([0, 1, 2, 3].map(|index| known.get(index)), [0, 1, 2, 3].map(|index| strings.get(index)));
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
        let mut unpacked = rows[0].unpack().unwrap();
        let canonical = |row: &PackedRow<'_>| {
            let mut bytes = Vec::new();
            row.unpack_into(&mut RawRow { number: 0, hidden: false, cells: Vec::new() }, &mut bytes).unwrap();
            bytes
        };
        assert_eq!(canonical(&rows[0]), canonical(&rows[1]));
        assert!(rows[2].unpack_into(&mut unpacked, &mut Vec::new()).is_err());
        assert!(matches!(read(&mut from).unwrap(), Some(Received::End)));
        // a block whose length is greater than its content
        bytes[5] = 200;
        assert!(read(&mut bytes.as_slice()).is_err());
    }
}
