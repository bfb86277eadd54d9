//! Merged ranges of a sheet, and the letters of its columns.

use crate::domain::intake::raw::CellRange;

/// The merged ranges of a sheet, from top to bottom.
#[derive(Clone, Debug, Default)]
pub struct Merges(Vec<CellRange>);

impl Merges {
    pub(crate) fn new(mut ranges: Vec<CellRange>) -> Merges {
        ranges.sort_unstable();
        Merges(ranges)
    }

    pub(crate) fn ranges(&self) -> &[CellRange] {
        &self.0
    }

    /// Row and column of the top-left cell of the range that a cell lies in, or of the cell itself.
    pub(crate) fn anchor(&self, row: u32, column: u32) -> (u32, u32) {
        self.0
            .iter()
            .take_while(|range| range.top <= row)
            .find(|range| (range.top..=range.bottom).contains(&row) && (range.left..=range.right).contains(&column))
            .map_or((row, column), |range| (range.top, range.left))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The letters of a column (from 0): `A`, `B`, … `AA`.
pub fn column_letters(column: u16) -> String {
    let mut letters = Vec::new();
    let mut rest = u32::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}
