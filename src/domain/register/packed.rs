//! Packed cells: the one form in which rows are stored, spilled and sent. Everything is in postcard format, whose varints are LEB128.
//!
//! The body of a record is, for each field of its layout in order, one [`PackedCell`]. The layout (ordered field ids that the source sheet has
//! a column for) is stored beside it, so a body stays readable when a ledger gains or loses a field.

use crate::domain::intake::cell::TEXT_CHARS_MAX;
use crate::domain::intake::money::FEN_MAX;
use crate::domain::register::ledger::{FieldKind, Ledger, Role};
use crate::domain::register::record::{Cell, Columns, Decimal};
use chrono::{Datelike, NaiveDate};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// A cell of a body. The order of the variants and their fields is the format.
#[cfg_attr(test, derive(Debug, PartialEq, serde::Serialize))]
enum PackedCell<'a> {
    Empty,
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// 分.
    Money(i64),
    /// Scale and mantissa.
    Decimal(u8, i64),
    Int(i64),
    No,
    Yes,
    /// Several empty cells.
    Blanks(u64),
}

impl PackedCell<'_> {
    /// Appends a cell as postcard does, in a third of its time.
    fn append(&self, out: &mut Vec<u8>) {
        match self {
            PackedCell::Empty => out.push(0),
            PackedCell::Text(text) => {
                out.push(1);
                push_varint(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            PackedCell::Date(days) => {
                out.push(2);
                push_varint(out, zigzag(i64::from(*days)));
            }
            PackedCell::Money(fen) => {
                out.push(3);
                push_varint(out, zigzag(*fen));
            }
            PackedCell::Decimal(scale, mantissa) => {
                out.extend_from_slice(&[4, *scale]);
                push_varint(out, zigzag(*mantissa));
            }
            PackedCell::Int(value) => {
                out.push(5);
                push_varint(out, zigzag(*value));
            }
            PackedCell::No => out.push(6),
            PackedCell::Yes => out.push(7),
            PackedCell::Blanks(count) => {
                out.push(8);
                push_varint(out, *count);
            }
        }
    }

    /// Takes the first cell of some bytes; `None` = they do not begin with one.
    fn take<'a>(bytes: &mut &'a [u8]) -> Option<PackedCell<'a>> {
        let [kind] = take_array(bytes)?;
        Some(match kind {
            0 => PackedCell::Empty,
            1 => PackedCell::Text(std::str::from_utf8(take_bytes(bytes)?).ok()?),
            2 => PackedCell::Date(i32::try_from(from_zigzag(take_varint(bytes)?)).ok()?),
            3 => PackedCell::Money(from_zigzag(take_varint(bytes)?)),
            4 => {
                let [scale] = take_array(bytes)?;
                PackedCell::Decimal(scale, from_zigzag(take_varint(bytes)?))
            }
            5 => PackedCell::Int(from_zigzag(take_varint(bytes)?)),
            6 => PackedCell::No,
            7 => PackedCell::Yes,
            8 => PackedCell::Blanks(take_varint(bytes)?),
            _ => return None,
        })
    }
}

impl<'a> From<&'a Cell> for PackedCell<'a> {
    fn from(cell: &'a Cell) -> PackedCell<'a> {
        match cell {
            Cell::Empty => PackedCell::Empty,
            Cell::Text(text) => PackedCell::Text(text),
            Cell::Date(date) => PackedCell::Date(date.to_epoch_days()),
            Cell::Money(fen) => PackedCell::Money(*fen),
            Cell::Decimal(value) => PackedCell::Decimal(value.scale, value.mantissa),
            Cell::Int(value) => PackedCell::Int(*value),
            Cell::Bool(false) => PackedCell::No,
            Cell::Bool(true) => PackedCell::Yes,
        }
    }
}

/// The sign of a number as its last bit, so that a small one is short.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn from_zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends a number in seven bits a byte.
pub(crate) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes such a number; `None` = the bytes do not begin with one.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let [byte] = take_array(bytes)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            // the tenth byte holds one bit
            return (shift < 63 || byte < 2).then_some(value);
        }
        shift += 7;
    }
}

/// Takes bytes with their length before them; `None` = there are fewer.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// Takes so many bytes; `None` = there are fewer.
pub(crate) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*array)
}

/// The years and digits behind the point of cells that an intake reads.
const YEARS: std::ops::Range<i32> = 1900..2200;
const SCALE_MAX: u8 = 18;

/// Appends to bytes. `postcard::to_extend` takes twice the time for texts.
struct Appending(Vec<u8>);

impl Flavor for Appending {
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

/// Appends a value in postcard format.
///
/// # Errors
/// The value cannot be serialized; one without maps and sequences of unknown length always can.
pub(crate) fn append(bytes: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), postcard::Error> {
    *bytes = postcard::serialize_with_flavor(value, Appending(std::mem::take(bytes)))?;
    Ok(())
}

/// Appends the cells of a layout, in its order.
pub fn pack<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a Cell>) {
    let mut blanks = 0;
    for cell in cells {
        if cell.is_empty() {
            blanks += 1;
            continue;
        }
        append_blanks(out, &mut blanks);
        PackedCell::from(cell).append(out);
    }
    append_blanks(out, &mut blanks);
}

fn append_blanks(out: &mut Vec<u8>, blanks: &mut u64) {
    match std::mem::take(blanks) {
        0 => {}
        1 => PackedCell::Empty.append(out),
        count => PackedCell::Blanks(count).append(out),
    }
}

/// What the store holds of a row beside its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowHead<'a> {
    pub code: &'a str,
    pub unit: &'a str,
    pub name: &'a str,
    /// The project that a row of another ledger belongs to; empty = none.
    pub project: &'a str,
    pub amount: i64,
}

/// The head of a row that an intake has packed; `None` = the bytes are not the cells of these columns as an intake of this ledger reads them.
pub fn head<'a>(mut body: &'a [u8], ledger: &Ledger, columns: Columns) -> Option<RowHead<'a>> {
    let (code, name, amount) = (ledger.role(Role::Code), ledger.role(Role::Name), ledger.role(Role::Amount));
    let project = ledger.role(Role::Project).filter(|_| !ledger.is_of_projects());
    let mut head = RowHead::default();
    let mut fields = columns.iter();
    while !body.is_empty() {
        let cell = PackedCell::take(&mut body)?;
        if let PackedCell::Blanks(count) = cell {
            // a ledger has fewer fields than that
            (0..count.min(u64::from(u8::MAX))).try_for_each(|_| fields.next().map(drop))?;
            continue;
        }
        let field = fields.next()?;
        match (cell, ledger.fields.get(field)?.kind) {
            (PackedCell::Empty, _) | (PackedCell::Int(_), FieldKind::Int) | (PackedCell::No | PackedCell::Yes, FieldKind::Bool) => {}
            (PackedCell::Text(text), FieldKind::Text) if text.len() <= 3 * TEXT_CHARS_MAX && !text.contains('\0') => {
                if Some(field) == code {
                    head.code = text;
                }
                if field == ledger.owner.field() {
                    head.unit = text;
                }
                if Some(field) == name {
                    head.name = text;
                }
                if Some(field) == project {
                    head.project = text;
                }
            }
            (PackedCell::Date(days), FieldKind::Date { .. }) => {
                NaiveDate::from_epoch_days(days).filter(|date| YEARS.contains(&date.year()))?;
            }
            (PackedCell::Money(fen), FieldKind::Money) if (0..=FEN_MAX).contains(&fen) => {
                if Some(field) == amount {
                    head.amount = fen;
                }
            }
            (PackedCell::Decimal(scale, _), FieldKind::Decimal) if scale <= SCALE_MAX => {}
            _ => return None,
        }
    }
    (fields.next().is_none() && !head.code.is_empty()).then_some(head)
}

/// How the cells of packed bodies map to the current fields of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many fields the ledger has.
    ledger_fields: usize,
    /// For each packed cell its field; `None` = the ledger no longer has it.
    fields: Vec<Option<usize>>,
    pub columns: Columns,
}

impl Layout {
    /// The layout of bodies whose cells belong to these fields of a ledger with `ledger_fields` fields.
    pub fn new(ledger_fields: usize, fields: Vec<Option<usize>>) -> Layout {
        let columns = fields.iter().copied().flatten().collect();
        Layout { ledger_fields, fields, columns }
    }

    /// Replaces `cells` by those of a body, one for each field of the ledger; `None` = the bytes are no body of this layout.
    pub fn unpack(&self, mut body: &[u8], cells: &mut Vec<Cell>) -> Option<()> {
        // most records replace one of the same ledger
        cells.iter_mut().for_each(|cell| *cell = Cell::Empty);
        cells.resize(self.ledger_fields, Cell::Empty);
        let mut index = 0;
        while !body.is_empty() {
            let cell = match PackedCell::take(&mut body)? {
                PackedCell::Empty => Cell::Empty,
                PackedCell::Text(text) => Cell::Text(text.into()),
                PackedCell::Date(days) => Cell::Date(NaiveDate::from_epoch_days(days)?),
                PackedCell::Money(fen) => Cell::Money(fen),
                PackedCell::Decimal(scale, mantissa) => Cell::Decimal(Decimal { mantissa, scale }),
                PackedCell::Int(value) => Cell::Int(value),
                PackedCell::No => Cell::Bool(false),
                PackedCell::Yes => Cell::Bool(true),
                PackedCell::Blanks(count) => {
                    index = usize::try_from(count).ok()?.checked_add(index).filter(|index| *index <= self.fields.len())?;
                    continue;
                }
            };
            if let Some(field) = *self.fields.get(index)? {
                cells[field] = cell;
            }
            index += 1;
        }
        (index == self.fields.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_packed_as_postcard_packs_it() {
        let long = "长".repeat(100);
        let texts = ["", "贵阳", &long].map(PackedCell::Text);
        let numbers = [0, 1, -1, 63, 64, -64, -65, 8191, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN];
        let cells = numbers.iter().flat_map(|number| {
            let days = PackedCell::Date(i32::try_from(*number).unwrap_or_default());
            [
                PackedCell::Money(*number),
                PackedCell::Int(*number),
                PackedCell::Decimal(200, *number),
                days,
                PackedCell::Blanks(*number as u64),
            ]
        });
        for cell in cells.chain(texts).chain([PackedCell::Empty, PackedCell::No, PackedCell::Yes]) {
            let mut bytes = Vec::new();
            cell.append(&mut bytes);
            assert_eq!(bytes, postcard::to_allocvec(&cell).unwrap(), "{cell:?}");
            assert!((0..bytes.len()).all(|end| PackedCell::take(&mut &bytes[..end]).is_none()), "{cell:?} cut");
            let mut rest = bytes.as_slice();
            assert_eq!((PackedCell::take(&mut rest), rest), (Some(cell), &[][..]));
        }
        for bad in
            [&[9][..], &[1, 1, 0xff], &[2, 0xff, 0xff, 0xff, 0xff, 0x7f], &[5, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], &[8, 128]]
        {
            assert!(PackedCell::take(&mut &*bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_body_reads_back() {
        let cells = vec![
            Cell::Empty,
            Cell::Empty,
            Cell::Text("贵阳市".into()),
            Cell::Date(NaiveDate::from_ymd_opt(1969, 12, 31).unwrap()),
            Cell::Empty,
            Cell::Money(-1),
            Cell::Decimal(Decimal { mantissa: 325, scale: 1 }),
            Cell::Int(i64::MIN),
            Cell::Bool(true),
            Cell::Bool(false),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
        ];
        let mut body = Vec::new();
        pack(&mut body, cells.iter());
        // the format is what earlier versions have stored
        assert_eq!(body[..14], [8, 2, 1, 9, 0xe8, 0xb4, 0xb5, 0xe9, 0x98, 0xb3, 0xe5, 0xb8, 0x82, 2]);
        let all: Vec<Option<usize>> = (0..cells.len()).map(Some).collect();
        let mut found = vec![Cell::Int(1)];
        assert_eq!(Layout::new(cells.len(), all.clone()).unpack(&body, &mut found), Some(()));
        assert_eq!(found, cells);
        // a ledger that has lost a field and moved another
        let mut moved = all.clone();
        (moved[2], moved[5], moved[9]) = (None, Some(9), Some(5));
        assert_eq!(Layout::new(cells.len(), moved).unpack(&body, &mut found), Some(()));
        assert_eq!((&found[2], &found[5], &found[9]), (&Cell::Empty, &Cell::Bool(false), &Cell::Money(-1)));
        assert_eq!(Layout::new(cells.len(), all[1..].to_vec()).unpack(&body, &mut found), None);
        assert_eq!(Layout::new(cells.len(), all).unpack(&body[..body.len() - 1], &mut found), None);
    }
}
