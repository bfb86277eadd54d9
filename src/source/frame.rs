//! The stream from a child to whoever reads it, the next child or the service: blocks of frames. A block is a kind, a 4-byte little-endian length, and its frames one
//! after another. The reader decodes frames in place, without copying texts, and only the cells of a row that it needs. The shared strings of
//! a workbook are sent once, before the rows that refer to them by number.
//!
//! A child may have been taken over by the file that it reads: the reader bounds every length before it allocates, and checks every row.

use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::domain::register::packed::{append, push_varint, take_array, take_bytes, take_varint};
use crate::source::bounds::{
    CELL_BYTES_MAX, HIDDEN_RANGES_MAX, ROW_BYTES_MAX, RowBudget, SHEETS_MAX, bound_texts, check_beside, check_merges, too_many_sheets,
};
use crate::source::confinement::ConfinementLevel;
use crate::source::refusal::ReadError;
use crate::source::shared_strings::{SharedStrings, hash};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

/// A sheet whose rows follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet<'a> {
    pub name: &'a str,
    /// The rows of a hidden sheet are not sent.
    pub visible: bool,
    /// The workbook names the sheet and does not hold it.
    pub missing: bool,
    pub merges: Vec<CellRange>,
    /// First and last column (from 0) of each hidden range.
    pub hidden_columns: Vec<(u32, u32)>,
    /// The workbook counts its days from 1904.
    pub days_from_1904: bool,
    /// The property of the file by which a document of this service is known; empty = none.
    pub document: &'a str,
    /// Texts beside the cells: the remarks on cells by their row (from 1), and at row 0 the heads and feet of its printed pages.
    #[serde(borrow)]
    pub beside: Vec<(u32, &'a str)>,
}

/// A row that is not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedRow<'a> {
    /// From 1, as a spreadsheet program counts.
    pub number: u32,
    /// Hidden by hand or by a filter.
    pub hidden: bool,
    /// Columns and values.
    cells: &'a [u8],
    strings: &'a SharedStrings,
    columns_max: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Sheet(Sheet<'a>),
    Row(PackedRow<'a>),
}

/// A value to send: of the cell itself, or the number of a shared string.
#[derive(Debug)]
pub enum Value<'a> {
    Inline(Raw<'a>),
    Shared(u32),
}

/// Kinds of values.
const TEXT: u8 = 0;
const NUMBER: u8 = 1;
const DATE: u8 = 2;
const BOOL: u8 = 3;
const ERROR: u8 = 4;
const UNCALCULATED: u8 = 5;
const SHARED: u8 = 6;
const STRUCK: u8 = 7;

impl Value<'_> {
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Value::Inline(raw) => Value::Inline(raw.into_owned()),
            Value::Shared(index) => Value::Shared(index),
        }
    }

    /// Appends the value of a cell: its column, its kind, and what the kind needs.
    fn append(&self, column: u16, bytes: &mut Vec<u8>) {
        push_varint(bytes, column.into());
        let (kind, text) = match self {
            Value::Shared(index) => {
                bytes.push(SHARED);
                bytes.extend_from_slice(&index.to_le_bytes());
                return;
            }
            Value::Inline(Raw::Number(number)) => {
                bytes.push(NUMBER);
                bytes.extend_from_slice(&number.to_le_bytes());
                return;
            }
            Value::Inline(Raw::Date(year, month, day)) => {
                let [low, high] = year.to_le_bytes();
                bytes.extend_from_slice(&[DATE, low, high, *month, *day]);
                return;
            }
            Value::Inline(Raw::Bool(value)) => return bytes.extend_from_slice(&[BOOL, u8::from(*value)]),
            Value::Inline(Raw::Uncalculated) => return bytes.push(UNCALCULATED),
            Value::Inline(Raw::Text(text)) => (TEXT, text),
            Value::Inline(Raw::Error(text)) => (ERROR, text),
            Value::Inline(Raw::Struck(text)) => (STRUCK, text),
        };
        bytes.push(kind);
        push_varint(bytes, text.len() as u64);
        bytes.extend_from_slice(text.as_bytes());
    }
}

/// A value as it arrives.
enum PackedValue<'a> {
    Text(&'a [u8]),
    Error(&'a [u8]),
    Struck(&'a [u8]),
    Shared(u32),
    /// Without text.
    Plain(Raw<'static>),
}

impl<'a> PackedValue<'a> {
    /// Takes the first cell of some bytes; `None` = they do not begin with one.
    fn take(bytes: &mut &'a [u8]) -> Option<(u16, PackedValue<'a>)> {
        let column = u16::try_from(take_varint(bytes)?).ok()?;
        let [kind] = take_array(bytes)?;
        let value = match kind {
            SHARED => PackedValue::Shared(u32::from_le_bytes(take_array(bytes)?)),
            TEXT => PackedValue::Text(take_bytes(bytes)?),
            ERROR => PackedValue::Error(take_bytes(bytes)?),
            STRUCK => PackedValue::Struck(take_bytes(bytes)?),
            NUMBER => PackedValue::Plain(Raw::Number(f64::from_le_bytes(take_array(bytes)?))),
            DATE => {
                let [low, high, month, day] = take_array(bytes)?;
                PackedValue::Plain(Raw::Date(u16::from_le_bytes([low, high]), month, day))
            }
            BOOL => PackedValue::Plain(Raw::Bool(take_array(bytes)? != [0])),
            UNCALCULATED => PackedValue::Plain(Raw::Uncalculated),
            _ => return None,
        };
        Some((column, value))
    }

    /// The value; `None` = its text is no text, or there is no such shared string.
    fn unpack(self, strings: &'a SharedStrings) -> Option<Raw<'a>> {
        Some(match self {
            PackedValue::Text(text) => Raw::Text(Cow::Borrowed(std::str::from_utf8(text).ok()?)),
            PackedValue::Error(text) => Raw::Error(Cow::Borrowed(std::str::from_utf8(text).ok()?)),
            PackedValue::Struck(text) => Raw::Struck(Cow::Borrowed(std::str::from_utf8(text).ok()?)),
            PackedValue::Shared(index) => Raw::Text(Cow::Borrowed(strings.get(index)?)),
            PackedValue::Plain(raw) => raw,
        })
    }

    /// Appends the cell to a row whose texts have `text_bytes` so far. `None` = as [`PackedValue::unpack`], or the texts are too long.
    fn push_to(self, row: &mut RawRow<'a>, column: u16, strings: &'a SharedStrings, text_bytes: &mut usize) -> Option<()> {
        let raw = self.unpack(strings)?;
        let length = raw.text_bytes();
        *text_bytes += length;
        if length > CELL_BYTES_MAX || *text_bytes > ROW_BYTES_MAX {
            return None;
        }
        row.cells.push((column, raw));
        Some(())
    }

    /// Appends the bytes by which equal cells are recognised: the column, the kind and the value of a cell, or the hash of its text. `None` = there
    /// is no such shared string.
    fn append_canonical(&self, column: u16, strings: &SharedStrings, out: &mut Vec<u8>) -> Option<()> {
        let (kind, value) = match self {
            PackedValue::Text(text) => (TEXT, hash(text)),
            PackedValue::Error(text) => (ERROR, hash(text)),
            PackedValue::Struck(text) => (STRUCK, hash(text)),
            PackedValue::Shared(index) => (TEXT, strings.hash_of(*index)?),
            PackedValue::Plain(Raw::Number(number)) => (NUMBER, number.to_bits()),
            PackedValue::Plain(Raw::Date(year, month, day)) => (DATE, u64::from(*year) << 16 | u64::from(*month) << 8 | u64::from(*day)),
            PackedValue::Plain(Raw::Bool(value)) => (BOOL, u64::from(*value)),
            PackedValue::Plain(_) => (UNCALCULATED, 0),
        };
        let mut bytes = [0; 11];
        bytes[..2].copy_from_slice(&column.to_le_bytes());
        bytes[2] = kind;
        bytes[3..].copy_from_slice(&value.to_le_bytes());
        out.extend_from_slice(&bytes);
        Some(())
    }
}

impl<'a> PackedRow<'a> {
    /// The whole row.
    ///
    /// # Errors
    /// The bytes are no row, or refer to a shared string that does not exist.
    pub fn unpack(&self) -> Result<RawRow<'a>, postcard::Error> {
        let mut row = RawRow { number: 0, hidden: false, cells: Vec::new() };
        self.unpack_into(&mut row, |_| true)?;
        Ok(row)
    }

    /// Replaces `row` by the wanted columns of this one.
    ///
    /// # Errors
    /// As [`PackedRow::unpack`].
    pub fn unpack_into(&self, row: &mut RawRow<'a>, is_wanted: impl Fn(u16) -> bool) -> Result<(), postcard::Error> {
        let mut text_bytes = 0;
        row.begin(self.number, self.hidden);
        self.each(|column, value| if is_wanted(column) { value.push_to(row, column, self.strings, &mut text_bytes) } else { Some(()) })
    }

    /// Replaces `canonical` by the cells as bytes for a fingerprint: the same for equal cells, whatever the number of the row and whether texts were
    /// sent in it or as shared strings, which are not looked at.
    ///
    /// # Errors
    /// As [`PackedRow::unpack`].
    pub fn canonical_into(&self, canonical: &mut Vec<u8>) -> Result<(), postcard::Error> {
        canonical.clear();
        self.each(|column, value| value.append_canonical(column, self.strings, canonical))
    }

    /// [`PackedRow::unpack_into`] with all columns and [`PackedRow::canonical_into`] at once, because decoding takes longer than either.
    ///
    /// # Errors
    /// As [`PackedRow::unpack`].
    pub fn unpack_with_canonical(&self, row: &mut RawRow<'a>, canonical: &mut Vec<u8>) -> Result<(), postcard::Error> {
        let mut text_bytes = 0;
        row.begin(self.number, self.hidden);
        canonical.clear();
        self.each(|column, value| {
            value.append_canonical(column, self.strings, canonical)?;
            value.push_to(row, column, self.strings, &mut text_bytes)
        })
    }

    /// Calls `take` with each cell. Cells of another order could not be searched.
    fn each(&self, mut take: impl FnMut(u16, PackedValue<'a>) -> Option<()>) -> Result<(), postcard::Error> {
        let (mut rest, mut free) = (self.cells, 0);
        while !rest.is_empty() {
            let cell = PackedValue::take(&mut rest).filter(|(column, _)| (free..self.columns_max).contains(&u32::from(*column)));
            let (column, value) = cell.ok_or(postcard::Error::DeserializeBadEncoding)?;
            free = u32::from(column) + 1;
            take(column, value).ok_or(postcard::Error::DeserializeBadEncoding)?;
        }
        Ok(())
    }
}

/// A [`Refusal`](crate::source::refusal::Refusal) in the stream.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refused {
    pub reason: String,
    pub hint: String,
}

/// Kinds of blocks.
pub(crate) const FRAMES: u8 = 0;
pub(crate) const REFUSED: u8 = 1;
pub(crate) const END: u8 = 2;
pub(crate) const STRINGS: u8 = 3;
pub(crate) const LEVEL: u8 = 4;
pub(crate) const FINGERPRINT: u8 = 5;

/// Kinds of frames.
const SHEET: u8 = 0;
pub(crate) const ROW: u8 = 1;

/// A block is sent once it has so many bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// The longest block: an almost full one, then a row with the longest texts, or a sheet with the most merged ranges.
pub(crate) const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most bytes of shared strings that are sent, with 12 for the place and the hash of each.
pub(crate) const STRINGS_BYTES_MAX: usize = 64 * 1024 * 1024;
pub(crate) const STRING_COST: usize = 12;

/// The most bytes of the name of a sheet. Spreadsheet programs allow 31 characters, the caption of a web page's table may be longer.
const NAME_BYTES_MAX: usize = 600;

/// The most bytes of each text of a refusal.
pub(crate) const REFUSAL_BYTES_MAX: usize = 4096;

/// Number, visibility and length of a row, before its cells.
const ROW_HEAD_BYTES: usize = 9;

/// Writes frames in blocks.
pub struct FrameWriter<W: Write> {
    out: W,
    block: Vec<u8>,
    /// Where a row begins that has no end yet.
    open_row: Option<usize>,
    sheets: usize,
    budget: RowBudget,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W) -> FrameWriter<W> {
        FrameWriter { out, block: Vec::with_capacity(BLOCK_BYTES * 2), open_row: None, sheets: 0, budget: RowBudget::of_file(0) }
    }

    /// Sets how many bytes the rows may hold by the length of the file they are read from.
    pub(crate) fn set_budget(&mut self, budget: RowBudget) {
        self.budget = budget;
    }

    /// How many bytes the rows may hold.
    pub(crate) fn budget(&self) -> RowBudget {
        self.budget
    }

    /// Begins a sheet.
    ///
    /// # Errors
    /// There are too many sheets, or its merged ranges overlap or are too many, or the parent is gone.
    pub(crate) fn sheet(&mut self, mut sheet: Sheet<'_>) -> Result<(), ReadError> {
        self.sheets += 1;
        if self.sheets > SHEETS_MAX {
            return Err(too_many_sheets().into());
        }
        check_merges(&sheet.merges)?;
        sheet.name = &sheet.name[..sheet.name.floor_char_boundary(NAME_BYTES_MAX)];
        sheet.document = &sheet.document[..sheet.document.floor_char_boundary(NAME_BYTES_MAX)];
        sheet.hidden_columns.truncate(HIDDEN_RANGES_MAX);
        check_beside(&sheet.beside)?;
        self.block.push(SHEET);
        append(&mut self.block, &sheet).map_err(|error| ReadError::Io(io::Error::other(error)))?;
        self.send_full().map_err(ReadError::Io)
    }

    /// Writes a row whose texts are bounded here.
    ///
    /// # Errors
    /// The row is too long, or the rows of the file are, or the parent is gone.
    pub(crate) fn row(&mut self, row: &mut RawRow<'_>) -> Result<(), ReadError> {
        let bytes = bound_texts(row);
        self.budget.take(row.number, row.cells.len(), bytes)?;
        for (column, raw) in row.cells.drain(..) {
            self.cell(column, &Value::Inline(raw));
        }
        self.end_row(row.number, row.hidden).map_err(ReadError::Io)
    }

    /// Writes a cell of a row, with a text that is bounded. The first one begins the row, and nothing of it is sent before its end.
    pub fn cell(&mut self, column: u16, value: &Value<'_>) {
        if self.open_row.is_none() {
            self.open_row = Some(self.block.len());
            self.block.push(ROW);
            self.block.extend([0; ROW_HEAD_BYTES]);
        }
        value.append(column, &mut self.block);
    }

    /// Ends the row whose cells were written.
    pub fn end_row(&mut self, number: u32, hidden: bool) -> io::Result<()> {
        let Some(start) = self.open_row.take() else { return Ok(()) };
        let (head, cells) = self.block[start + 1..].split_at_mut(ROW_HEAD_BYTES);
        head[..4].copy_from_slice(&number.to_le_bytes());
        head[4] = u8::from(hidden);
        head[5..].copy_from_slice(&(cells.len() as u32).to_le_bytes());
        self.send_full()
    }

    /// Sends the first shared strings, which later rows refer to by number, as many as may be sent. Returns how many.
    pub fn strings(&mut self, strings: &SharedStrings) -> io::Result<usize> {
        let fits = |count: usize| count * STRING_COST + strings.bytes_of_first(count) <= STRINGS_BYTES_MAX;
        // the sum grows with the number, so the last one that fits is found by halving
        let (mut count, mut beyond) = (0, strings.ends.len() + 1);
        while count + 1 < beyond {
            let middle = usize::midpoint(count, beyond);
            if fits(middle) { count = middle } else { beyond = middle }
        }
        let text = &strings.text.as_bytes()[..strings.bytes_of_first(count)];
        self.send(FRAMES)?;
        let mut head = Vec::with_capacity(9 + count * 4);
        head.push(STRINGS);
        head.extend(((4 + count * 4 + text.len()) as u32).to_le_bytes());
        head.extend((count as u32).to_le_bytes());
        head.extend(strings.ends[..count].iter().flat_map(|end| end.to_le_bytes()));
        self.out.write_all(&head)?;
        self.out.write_all(text)?;
        Ok(count)
    }

    /// Writes a frame of which this stream knows nothing: its reader decodes it.
    pub(crate) fn frame(&mut self, frame: &impl Serialize) -> io::Result<()> {
        append(&mut self.block, frame).map_err(io::Error::other)?;
        self.send_full()
    }

    /// Sends what waits for a full block.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.send(FRAMES)
    }

    /// Writes blocks that another writer has written.
    pub fn blocks(&mut self, blocks: &[u8]) -> io::Result<()> {
        self.send(FRAMES)?;
        self.out.write_all(blocks)
    }

    /// Writes the last block and returns what it was written to.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.send(FRAMES)?;
        Ok(self.out)
    }

    fn send_full(&mut self) -> io::Result<()> {
        if self.block.len() >= BLOCK_BYTES { self.send(FRAMES) } else { Ok(()) }
    }

    /// Begins the stream: how well the child is confined.
    pub(crate) fn level(&mut self, level: ConfinementLevel) -> io::Result<()> {
        self.send(FRAMES)?;
        let index = ConfinementLevel::ALL.iter().position(|known| *known == level).unwrap_or(ConfinementLevel::ALL.len() - 1);
        self.block.push(index as u8);
        self.send(LEVEL)
    }

    /// Sends the fingerprint of all rows.
    pub(crate) fn fingerprint(&mut self, fingerprint: &str) -> io::Result<()> {
        self.send(FRAMES)?;
        self.block.extend_from_slice(fingerprint.as_bytes());
        self.send(FINGERPRINT)
    }

    /// Ends the stream: the file is refused.
    pub fn refuse(&mut self, reason: String, hint: String) -> io::Result<()> {
        self.send(FRAMES)?;
        append(&mut self.block, &Refused { reason: shortened(reason), hint: shortened(hint) }).map_err(io::Error::other)?;
        self.send(REFUSED)
    }

    /// Ends the stream: everything was read.
    pub fn end(&mut self) -> io::Result<()> {
        self.send(FRAMES)?;
        self.send(END)
    }

    fn send(&mut self, kind: u8) -> io::Result<()> {
        if let Some(start) = self.open_row.take() {
            self.block.truncate(start);
        }
        if kind == FRAMES && self.block.is_empty() {
            return Ok(());
        }
        let [a, b, c, d] = (self.block.len() as u32).to_le_bytes();
        self.out.write_all(&[kind, a, b, c, d])?;
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        self.block.clear();
        Ok(())
    }
}

/// A text of a refusal without its end, where it names what is in the file.
fn shortened(text: String) -> String {
    let mut text = text;
    text.truncate(text.floor_char_boundary(REFUSAL_BYTES_MAX));
    text
}

/// Frames that were sent together.
pub struct Block {
    pub bytes: Vec<u8>,
    /// The shared strings that its rows refer to by number.
    pub strings: Arc<SharedStrings>,
    /// No row may have more.
    pub columns_max: u32,
}

impl Block {
    /// The frames in order. Where the bytes are no frame, the item is an error and the last one.
    pub fn frames(&self) -> impl Iterator<Item = Result<Frame<'_>, postcard::Error>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken = self.first_frame(rest);
            rest = taken.as_ref().map_or(&[], |(_, left)| left);
            Some(taken.map(|(frame, _)| frame))
        })
    }

    /// The first frame of some bytes, and the rest.
    fn first_frame<'a>(&'a self, bytes: &'a [u8]) -> Result<(Frame<'a>, &'a [u8]), postcard::Error> {
        let (kind, rest) = bytes.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        match *kind {
            SHEET => {
                let (sheet, left): (Sheet<'a>, _) = postcard::take_from_bytes(rest)?;
                let in_bounds = sheet.hidden_columns.len() <= HIDDEN_RANGES_MAX
                    && check_beside(&sheet.beside).is_ok()
                    && sheet.name.len().max(sheet.document.len()) <= NAME_BYTES_MAX
                    && check_merges(&sheet.merges).is_ok();
                if in_bounds { Ok((Frame::Sheet(sheet), left)) } else { Err(postcard::Error::DeserializeBadEncoding) }
            }
            ROW => {
                let (head, rest) = rest.split_first_chunk::<ROW_HEAD_BYTES>().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
                let [n0, n1, n2, n3, hidden, l0, l1, l2, l3] = *head;
                let (number, hidden) = (u32::from_le_bytes([n0, n1, n2, n3]), hidden != 0);
                let cells = rest.split_at_checked(u32::from_le_bytes([l0, l1, l2, l3]) as usize);
                let (cells, left) = cells.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
                let row = PackedRow { number, hidden, cells, strings: &self.strings, columns_max: self.columns_max };
                Ok((Frame::Row(row), left))
            }
            _ => Err(postcard::Error::DeserializeBadEnum),
        }
    }
}
