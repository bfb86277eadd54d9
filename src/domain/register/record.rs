//! A record (一条台账) as a row of cells.

use chrono::NaiveDate;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A decimal number, `mantissa / 10^scale`. A crate would not do: a spreadsheet's 1.6199999999999999 is 1.62 here, texts such as `1_000` are no
/// numbers, and `rust_decimal` takes twelve times as long to read a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    pub mantissa: i64,
    pub scale: u8,
}

impl Decimal {
    /// Drops trailing zeros so equal values have equal bytes.
    pub fn new(mut mantissa: i64, mut scale: u8) -> Decimal {
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal { mantissa, scale }
    }

    /// Parses plain digits with an optional sign and point; `None` for anything else or more than 18 digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || whole.len() + fraction.len() > 30 {
            return None;
        }
        let mut mantissa: i128 = 0;
        for c in whole.chars().chain(fraction.chars()) {
            mantissa = mantissa * 10 + i128::from(c.to_digit(10)?);
        }
        let mut scale = fraction.len() as u8;
        // 1.6199999999999999 from a spreadsheet has more digits than the mantissa holds: round half up to what fits
        while mantissa > i128::from(i64::MAX) || scale > 15 {
            if scale == 0 {
                return None;
            }
            mantissa = (mantissa + 5) / 10;
            scale -= 1;
        }
        let mantissa = mantissa as i64;
        Some(Decimal::new(if negative { -mantissa } else { mantissa }, scale))
    }

    /// The value of a spreadsheet number in its shortest decimal notation; `None` when not finite or too large.
    pub fn from_f64(value: f64) -> Option<Decimal> {
        if !value.is_finite() || value.abs() >= 1e18 {
            return None;
        }
        if value.fract() == 0.0 && value.abs() < 1e15 {
            return Some(Decimal::new(value as i64, 0));
        }
        // a decimal of at most 15 digits identifies its number, so hundredths that give this number are its shortest notation
        let hundredths = (value * 100.0).round();
        if hundredths.abs() < 1e15 && hundredths / 100.0 == value {
            return Some(Decimal::new(hundredths as i64, 2));
        }
        Decimal::parse(&format!("{value}"))
    }

    /// `self × 10^power`, rounded half away from zero to an integer; `None` on overflow.
    pub fn scaled(self, power: i32) -> Option<i64> {
        let shift = power - i32::from(self.scale);
        let mantissa = i128::from(self.mantissa);
        let value = if shift >= 0 {
            mantissa.checked_mul(10i128.checked_pow(shift as u32)?)?
        } else {
            let divisor = 10i128.checked_pow(shift.unsigned_abs())?;
            let half = divisor / 2;
            if mantissa >= 0 { (mantissa + half) / divisor } else { (mantissa - half) / divisor }
        };
        i64::try_from(value).ok()
    }

    pub fn to_f64(self) -> f64 {
        const TENS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
        match TENS.get(usize::from(self.scale)) {
            // both are exact, so their quotient is the nearest there is
            Some(tens) if self.mantissa.unsigned_abs() < 1 << 53 => self.mantissa as f64 / tens,
            _ => self.to_string().parse().unwrap_or(0.0),
        }
    }

    /// Compares as numbers, exactly.
    pub fn compare(self, other: Decimal) -> std::cmp::Ordering {
        let left = i128::from(self.mantissa) * 10i128.pow(u32::from(other.scale));
        let right = i128::from(other.mantissa) * 10i128.pow(u32::from(self.scale));
        left.cmp(&right)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let divisor = 10i64.pow(u32::from(self.scale)).unsigned_abs();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        write!(f, "{sign}{}.{:0width$}", magnitude / divisor, magnitude % divisor, width = usize::from(self.scale))
    }
}

/// One value of a record. `Money` is in 分 (1/100 yuan).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cell {
    #[default]
    Empty,
    Text(CompactString),
    Date(NaiveDate),
    Money(i64),
    Decimal(Decimal),
    Int(i64),
    Bool(bool),
}

/// 分 in one 亿元.
pub const FEN_PER_YI: i64 = 10_000_000_000;

/// 亿元 as 分.
pub fn yi_as_fen(amount: i64) -> i64 {
    amount * FEN_PER_YI
}

/// An amount in 分 written in 亿元, exactly, without trailing zeros.
pub fn fen_as_yi(fen: i64) -> Decimal {
    Decimal::new(fen, 10)
}

impl Cell {
    pub fn is_empty(&self) -> bool {
        matches!(self, Cell::Empty)
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn date(&self) -> Option<NaiveDate> {
        match self {
            Cell::Date(date) => Some(*date),
            _ => None,
        }
    }

    pub fn money(&self) -> Option<i64> {
        match self {
            Cell::Money(fen) => Some(*fen),
            _ => None,
        }
    }

    /// The number of a decimal or int cell.
    pub fn decimal(&self) -> Option<Decimal> {
        match self {
            Cell::Decimal(value) => Some(*value),
            Cell::Int(value) => Some(Decimal::new(*value, 0)),
            _ => None,
        }
    }
}

/// The plain text of a cell: dates in ISO form, money in 亿元, an empty cell as nothing.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Empty => Ok(()),
            Cell::Text(text) => f.write_str(text),
            Cell::Date(date) => write!(f, "{date}"),
            Cell::Money(fen) => write!(f, "{}", fen_as_yi(*fen)),
            Cell::Decimal(value) => write!(f, "{value}"),
            Cell::Int(value) => write!(f, "{value}"),
            Cell::Bool(value) => f.write_str(if *value { "是" } else { "否" }),
        }
    }
}

/// Where a record comes from: the file (index into a list of [`Origin`]s), the sheet in it (from 0), the row as a person counts (from 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub origin: u32,
    pub sheet: u32,
    pub row: u32,
}

/// A file that rows came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub file: String,
    pub sheets: Vec<String>,
}

/// One accepted row of a ledger. `cells` follow the ledger's field order; a field the source has no column for is empty there and
/// unset in `columns`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub code: String,
    pub cells: Vec<Cell>,
    /// Which fields the row's source has a column for.
    pub columns: Columns,
    pub place: Place,
    /// The fields whose value comes from an event.
    pub by_event: Columns,
    /// The fields that an event set and in which a source states something else.
    pub differs: Columns,
    /// Events of ours belong to the record.
    pub has_events: bool,
}

impl Record {
    pub fn cell(&self, field: usize) -> &Cell {
        self.cells.get(field).unwrap_or(&Cell::Empty)
    }

    pub fn text(&self, field: Option<usize>) -> &str {
        field.and_then(|field| self.cell(field).text()).unwrap_or("")
    }
}

/// The records behind findings, by ledger index and code.
pub trait Records: Sync {
    /// The record, if it is available.
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>>;
}

impl Records for HashMap<(usize, String), Record> {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        // the key owns its text, so a lookup needs an owned text too
        self.get(&(ledger, code.to_owned())).map(Cow::Borrowed)
    }
}

/// A set of field indices, at most 128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Columns(u128);

/// The most fields a ledger may have (the width of [`Columns`]).
pub const FIELDS_MAX: usize = 128;

impl Columns {
    pub fn insert(&mut self, field: usize) {
        self.0 |= 1 << field;
    }

    pub fn contains(self, field: usize) -> bool {
        self.0 >> field & 1 == 1
    }

    pub fn remove(&mut self, field: usize) {
        self.0 &= !(1 << field);
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields of both sets.
    pub fn joined(self, other: Columns) -> Columns {
        Columns(self.0 | other.0)
    }

    /// Whether the two sets share a field.
    pub fn meets(self, other: Columns) -> bool {
        self.0 & other.0 != 0
    }

    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let field = rest.trailing_zeros() as usize;
            rest &= rest.checked_sub(1)?;
            Some(field)
        })
    }
}

impl FromIterator<usize> for Columns {
    fn from_iter<T: IntoIterator<Item = usize>>(iter: T) -> Columns {
        let mut columns = Columns::default();
        for field in iter {
            columns.insert(field);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_f64_equals_parsing_the_shortest_notation() {
        let mut dice = fastrand::Rng::with_seed(7);
        for turn in 0..200_000u64 {
            let state = dice.u64(..);
            let value = match turn % 3 {
                0 => f64::from_bits(state),
                1 => (state >> (11 + turn % 50)) as f64 / 100.0,
                _ => (state >> 40) as f64 / 1000.0 - 5000.0,
            };
            if value.is_finite() && value.abs() < 1e15 && value.abs() > 1e-9 {
                assert_eq!(Decimal::from_f64(value), Decimal::parse(&format!("{value}")), "{value:?}");
            }
        }
    }

    #[test]
    fn spreadsheet_numbers_become_exact_amounts() {
        for (value, fen) in [(1.62, 16_200_000_000), (0.1, 1_000_000_000), (1.619_999_999_999_999_9, 16_200_000_000), (3.0, 30_000_000_000)]
        {
            assert_eq!(Decimal::from_f64(value).unwrap().scaled(10), Some(fen), "{value}");
        }
        assert_eq!(Decimal::from_f64(f64::NAN), None);
        assert_eq!(Decimal::parse("-0.5").unwrap().to_string(), "-0.5");
        assert_eq!(Decimal::parse("1.2.3"), None);
        assert_eq!(fen_as_yi(16_200_000_000).to_string(), "1.62");
    }
}
