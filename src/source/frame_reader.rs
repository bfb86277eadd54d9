//! Reads the stream of a child block by block.

use crate::source::confinement::ConfinementLevel;
use crate::source::frame::{
    BLOCK_BYTES_MAX, END, FINGERPRINT, FRAMES, LEVEL, REFUSAL_BYTES_MAX, REFUSED, Refused, STRING_COST, STRINGS, STRINGS_BYTES_MAX,
};
use crate::source::shared_strings::SharedStrings;
use std::io::{self, Read, Write};

/// Kind and length of a block.
const HEAD_BYTES: usize = 5;

/// A block of the stream.
pub enum Received {
    /// How well the child is confined; always the first block.
    Level(ConfinementLevel),
    /// The shared strings that later rows refer to.
    Strings(SharedStrings),
    Frames(Vec<u8>),
    /// Of all rows, in hexadecimal digits.
    Fingerprint(String),
    Refused {
        reason: String,
        hint: String,
    },
    End,
}

/// Reads the blocks of a stream.
pub struct FrameReader<R> {
    from: R,
    has_level: bool,
    has_strings: bool,
}

impl<R: Read> FrameReader<R> {
    pub fn new(from: R) -> FrameReader<R> {
        FrameReader { from, has_level: false, has_strings: false }
    }

    /// A reader of a stream that has no shared strings.
    pub(crate) fn without_strings(from: R) -> FrameReader<R> {
        FrameReader { has_strings: true, ..FrameReader::new(from) }
    }

    /// The next block; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream cannot be read, or it is malformed.
    pub fn read_block(&mut self) -> io::Result<Option<Received>> {
        let mut head = [0u8; HEAD_BYTES];
        match self.from.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let kind = head[0];
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if (kind == LEVEL) == self.has_level {
            return Err(io::Error::other("a stream that does not begin with its level, or has another one"));
        }
        self.has_level = true;
        let longest = match kind {
            STRINGS if self.has_strings => return Err(io::Error::other("shared strings once more, or where there are none")),
            STRINGS => 4 + STRINGS_BYTES_MAX,
            FRAMES => BLOCK_BYTES_MAX,
            LEVEL => 1,
            FINGERPRINT => 64,
            REFUSED => 2 * REFUSAL_BYTES_MAX + 16,
            END => 0,
            _ => return Err(io::Error::other("unknown kind of block")),
        };
        if length > longest {
            return Err(io::Error::other("block too long"));
        }
        if kind == STRINGS {
            self.has_strings = true;
            return self.strings(length).map(Some);
        }
        let bytes = self.exactly(length)?;
        Ok(Some(match kind {
            FRAMES => Received::Frames(bytes),
            LEVEL => {
                let level = bytes.first().and_then(|index| ConfinementLevel::ALL.get(usize::from(*index)));
                Received::Level(*level.ok_or_else(|| io::Error::other("unknown level"))?)
            }
            FINGERPRINT if bytes.iter().all(u8::is_ascii_hexdigit) => {
                Received::Fingerprint(String::from_utf8(bytes).map_err(io::Error::other)?)
            }
            REFUSED => {
                let Refused { reason, hint } = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
                Received::Refused { reason: printable(&reason), hint: printable(&hint) }
            }
            END => Received::End,
            _ => return Err(io::Error::other("a fingerprint of other characters")),
        }))
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        // what has not come yet takes no memory
        let mut bytes = Vec::with_capacity(length.min(BLOCK_BYTES_MAX));
        self.from.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    fn strings(&mut self, length: usize) -> io::Result<Received> {
        let too_short = || io::Error::other("a block of strings too short");
        let mut count = [0u8; 4];
        self.from.read_exact(&mut count)?;
        let count = u32::from_le_bytes(count) as usize;
        let text = length.checked_sub(4 + count * 4).ok_or_else(too_short)?;
        if count * STRING_COST + text > STRINGS_BYTES_MAX {
            return Err(io::Error::other("too many shared strings"));
        }
        let ends: Vec<u32> = self.exactly(count * 4)?.as_chunks().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
        let text = String::from_utf8(self.exactly(text)?).map_err(io::Error::other)?;
        // strings that lie in each other would be hashed any number of times
        if !ends.is_sorted() || ends.last().is_some_and(|end| *end as usize > text.len()) {
            return Err(io::Error::other("shared strings that overlap"));
        }
        let mut strings = SharedStrings::new(text, ends);
        strings.hash();
        Ok(Received::Strings(strings))
    }
}

/// Takes the blocks of a stream in the process that writes them.
pub(crate) struct BlockReceiver<F> {
    /// Of the block that is not whole yet.
    bytes: Vec<u8>,
    has_strings: bool,
    take: F,
}

impl<F: FnMut(Received) -> io::Result<()>> BlockReceiver<F> {
    /// `take` is called with each block.
    pub fn new(take: F) -> BlockReceiver<F> {
        BlockReceiver { bytes: Vec::new(), has_strings: false, take }
    }

    /// The bytes that the block needs to be whole, as far as is known.
    fn missing(&self) -> usize {
        let length = self.bytes.get(1..HEAD_BYTES).and_then(|length| length.first_chunk());
        HEAD_BYTES + length.map_or(0, |length| u32::from_le_bytes(*length) as usize) - self.bytes.len()
    }
}

impl<F: FnMut(Received) -> io::Result<()>> Write for BlockReceiver<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.missing().min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        if self.missing() == 0 {
            let mut reader = FrameReader { from: self.bytes.as_slice(), has_level: true, has_strings: self.has_strings };
            let received = reader.read_block()?;
            self.has_strings = reader.has_strings;
            self.bytes.clear();
            // shared strings are long and come once
            self.bytes.shrink_to(HEAD_BYTES + BLOCK_BYTES_MAX);
            received.map_or(Ok(()), &mut self.take)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text without characters that change how a terminal shows the rest.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::intake::raw::{CellRange, Raw, RawRow};
    use crate::source::bounds::{CELL_BYTES_MAX, SHEETS_MAX};
    use crate::source::frame::{Block, Frame, FrameWriter, PackedRow, ROW, Sheet, Value};
    use crate::source::refusal::ReadError;
    use std::sync::Arc;

    fn write_row(writer: &mut FrameWriter<Vec<u8>>, number: u32, cells: impl IntoIterator<Item = (u16, Value<'static>)>) {
        cells.into_iter().for_each(|(column, value)| writer.cell(column, &value));
        writer.end_row(number, false).unwrap();
    }

    #[test]
    fn rows_arrive_as_they_were_sent() {
        let cells = vec![
            (0, Raw::Text("贵阳".into())),
            (1, Raw::Number(0.5)),
            (3, Raw::Date(2026, 9, 30)),
            (4, Raw::Bool(true)),
            (200, Raw::Error("#REF!".into())),
            (1022, Raw::Struck("旧值".into())),
            (1023, Raw::Uncalculated),
        ];
        let row = RawRow { number: 70_000, hidden: true, cells };
        let sheet = Sheet {
            name: "表",
            visible: true,
            missing: false,
            merges: vec![CellRange { top: 0, left: 0, bottom: 1, right: 1 }],
            hidden_columns: vec![(2, 2)],
            days_from_1904: true,
            document: "report",
            beside: vec![(0, "页脚"), (3, "批注")],
        };
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        writer.level(ConfinementLevel::NoLandlock).unwrap();
        writer.sheet(sheet.clone()).unwrap();
        writer.row(&mut row.clone()).unwrap();
        writer.end().unwrap();
        let mut reader = FrameReader::new(bytes.as_slice());
        let Some(Received::Level(ConfinementLevel::NoLandlock)) = reader.read_block().unwrap() else { panic!("no level") };
        let Some(Received::Frames(frames)) = reader.read_block().unwrap() else { panic!("no frames") };
        let block = Block { bytes: frames, strings: Arc::default(), columns_max: 1024 };
        let frames: Vec<Frame<'_>> = block.frames().map(Result::unwrap).collect();
        let [Frame::Sheet(first), Frame::Row(packed)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!((first, packed.unpack().unwrap()), (&sheet, row.clone()));
        let narrow = Block { columns_max: 1023, ..Block { bytes: block.bytes.clone(), strings: Arc::default(), columns_max: 0 } };
        let Some(Ok(Frame::Row(packed))) = narrow.frames().nth(1) else { panic!("no row") };
        assert!(packed.unpack().is_err(), "more columns than a row may have");
        let cut = Block { bytes: bytes[11..46].to_vec(), ..block };
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
        write_row(&mut spill, 7, shared);
        write_row(&mut spill, 8, texts.clone().map(|(column, raw)| (column, Value::Inline(raw))));
        write_row(&mut spill, 9, [(0, Value::Shared(3))]);
        // a row that does not end is not sent
        spill.cell(0, &Value::Shared(0));
        let spill = spill.into_inner().unwrap();
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        writer.level(ConfinementLevel::Full).unwrap();
        assert_eq!(writer.strings(&strings).unwrap(), 3);
        writer.blocks(&spill).unwrap();
        writer.end().unwrap();
        let mut from = FrameReader::new(bytes.as_slice());
        assert!(matches!(from.read_block().unwrap(), Some(Received::Level(ConfinementLevel::Full))));
        let Some(Received::Strings(known)) = from.read_block().unwrap() else { panic!("no strings") };
        assert_eq!([0, 1, 2, 3].map(|index| known.get(index)), [0, 1, 2, 3].map(|index| strings.get(index)));
        let Some(Received::Frames(frames)) = from.read_block().unwrap() else { panic!("no frames") };
        let block = Block { bytes: frames, strings: Arc::new(known), columns_max: 1024 };
        let rows: Vec<PackedRow<'_>> = block
            .frames()
            .map(|frame| match frame.unwrap() {
                Frame::Row(row) => row,
                Frame::Sheet(_) => panic!("a sheet"),
            })
            .collect();
        assert_eq!(rows[0].unpack().unwrap(), RawRow { number: 7, hidden: false, cells: texts.to_vec() });
        let mut some = rows[0].unpack().unwrap();
        rows[1].unpack_into(&mut some, |column| column == 300).unwrap();
        assert_eq!(some, RawRow { number: 8, hidden: false, cells: texts[2..3].to_vec() });
        let canonical = |row: &PackedRow<'_>| {
            let mut bytes = Vec::new();
            row.canonical_into(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(canonical(&rows[0]), canonical(&rows[1]));
        let mut both = Vec::new();
        rows[1].unpack_with_canonical(&mut some, &mut both).unwrap();
        assert_eq!((some, both), (rows[1].unpack().unwrap(), canonical(&rows[1])));
        assert!(rows[2].unpack().is_err() && rows[2].canonical_into(&mut Vec::new()).is_err());
        assert!(matches!(from.read_block().unwrap(), Some(Received::End)));
    }

    #[test]
    fn blocks_are_received_whole_in_whatever_pieces_they_are_written() {
        let mut strings = SharedStrings::new("贵阳遵义".into(), vec![6, 12]);
        let mut writer = FrameWriter::new(Vec::new());
        writer.strings(&strings).unwrap();
        write_row(&mut writer, 7, [(0, Value::Shared(1))]);
        writer.end().unwrap();
        let bytes = writer.into_inner().unwrap();
        strings.hash();
        for length in [1, 4, 9, bytes.len()] {
            let mut received = Vec::new();
            let mut blocks = BlockReceiver::new(|block| {
                received.push(block);
                Ok(())
            });
            bytes.chunks(length).for_each(|piece| blocks.write_all(piece).unwrap());
            let [Received::Strings(known), Received::Frames(frames), Received::End] = received.as_slice() else { panic!("{length}") };
            assert_eq!((known, frames.first()), (&strings, Some(&ROW)), "{length}");
        }
        let long = SharedStrings::new("a".repeat(2 * BLOCK_BYTES_MAX), vec![2 * BLOCK_BYTES_MAX as u32]);
        let mut writer = FrameWriter::new(BlockReceiver::new(|_| Ok(())));
        writer.strings(&long).unwrap();
        let receiver = writer.into_inner().unwrap();
        assert!(receiver.bytes.capacity() <= HEAD_BYTES + BLOCK_BYTES_MAX, "{} bytes stay", receiver.bytes.capacity());
        let mut blocks = BlockReceiver::new(|_| Err(io::Error::other("enough")));
        assert!(blocks.write_all(&bytes).is_err());
    }

    /// A stream that begins as ours does, then has one block.
    fn with_block(kind: u8, length: usize, content: &[u8]) -> Vec<u8> {
        [&[LEVEL, 1, 0, 0, 0, 0, kind][..], &(length as u32).to_le_bytes(), content].concat()
    }

    #[test]
    fn what_no_child_of_ours_sends_is_an_error_and_takes_no_memory() {
        let strings = |ends: &[u32], text: &str| {
            let content = [
                &(ends.len() as u32).to_le_bytes()[..],
                &ends.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<_>>(),
                text.as_bytes(),
            ];
            with_block(STRINGS, content.concat().len(), &content.concat())
        };
        let cases = [
            ("without level", vec![END, 0, 0, 0, 0]),
            ("a second level", with_block(LEVEL, 1, &[0])),
            ("an unknown level", vec![LEVEL, 1, 0, 0, 0, 9]),
            ("a block too long", with_block(FRAMES, BLOCK_BYTES_MAX + 1, b"")),
            ("a block that does not come", with_block(FRAMES, 200, b"abc")),
            ("strings too long", with_block(STRINGS, STRINGS_BYTES_MAX + 5, b"")),
            ("more strings than there is text for", with_block(STRINGS, 8, &[0xff; 8])),
            ("strings that overlap", strings(&[2, 1, 2], "ab")),
            ("strings beyond their text", strings(&[1, 3], "ab")),
            ("a fingerprint of other characters", with_block(FINGERPRINT, 2, b"zz")),
            ("an unknown kind", with_block(77, 0, b"")),
        ];
        for (what, bytes) in cases {
            let mut reader = FrameReader::new(bytes.as_slice());
            let first = reader.read_block();
            assert!(first.is_err() || reader.read_block().is_err(), "{what}");
        }
        let mut reader = FrameReader::new(&*strings(&[1, 2], "ab")).from.to_vec();
        reader.extend(strings(&[1], "a").split_off(6));
        let mut reader = FrameReader::new(reader.as_slice());
        assert!(reader.read_block().is_ok() && reader.read_block().is_ok() && reader.read_block().is_err(), "strings twice");
    }

    #[test]
    fn a_row_out_of_bounds_is_an_error() {
        let row = |cells: &[(u16, Raw<'static>)]| {
            let mut writer = FrameWriter::new(Vec::new());
            write_row(&mut writer, 1, cells.iter().map(|(column, raw)| (*column, Value::Inline(raw.clone()))));
            let bytes = writer.into_inner().unwrap().split_off(5);
            let block = Block { bytes, strings: Arc::default(), columns_max: 100 };
            let Some(Ok(Frame::Row(packed))) = block.frames().next() else { panic!("no row") };
            packed.unpack().is_ok()
        };
        let text = |bytes: usize| Raw::Text("a".repeat(bytes).into());
        assert!(row(&[(0, text(CELL_BYTES_MAX)), (99, text(1))]));
        assert!(!row(&[(0, text(CELL_BYTES_MAX + 1))]), "a cell too long");
        assert!(!row(&[(0, text(1)), (100, text(1))]), "a column too many");
        assert!(!row(&[(1, text(1)), (1, text(1))]), "a column twice");
        let wide: Vec<_> = (0..12).map(|column| (column, text(90_000))).collect();
        assert!(!row(&wide), "a row too long");
    }

    #[test]
    fn a_sheet_out_of_bounds_is_not_written() {
        let mut writer = FrameWriter::new(Vec::new());
        let merges = vec![CellRange { top: 0, left: 0, bottom: 5, right: 0 }; 2];
        assert!(matches!(writer.sheet(Sheet { merges, ..Sheet::default() }), Err(ReadError::Refused(_))));
        let last = (0..SHEETS_MAX).map(|_| writer.sheet(Sheet::default()).is_ok()).last();
        assert_eq!(last, Some(false), "one sheet too many");
    }
}
