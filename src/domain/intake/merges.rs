//! Merged ranges of a sheet, and the letters of its columns.

use crate::domain::intake::raw::CellRange;
use std::collections::BTreeMap;

/// The most merged ranges of a sheet, whatever the format of its file.
pub(crate) const MERGES_MAX: usize = 200_000;

/// What is wrong with the merged ranges of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeFault {
    TooMany,
    /// This range has a cell of another one, or no cell at all.
    Overlap(CellRange),
}

/// What is wrong with the merged ranges of a sheet. No spreadsheet program lets two of them overlap.
pub(crate) fn fault_of(ranges: &[CellRange]) -> Option<MergeFault> {
    if ranges.len() > MERGES_MAX {
        return Some(MergeFault::TooMany);
    }
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    // by left column the ranges above: right column and bottom row. They never overlap each other
    let mut above: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for range in sorted {
        if range.bottom < range.top || range.right < range.left {
            return Some(MergeFault::Overlap(range));
        }
        // those whose columns are among those of this range, from right to left
        while let Some((left, (right, bottom))) = above.range(..=range.right).next_back().map(|(left, ends)| (*left, *ends)) {
            if right < range.left {
                break;
            }
            if bottom >= range.top {
                return Some(MergeFault::Overlap(range));
            }
            // it ends above this one, and so above all that come
            above.remove(&left);
        }
        above.insert(range.left, (range.right, range.bottom));
    }
    None
}

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

    /// The merged ranges of some rows (from 0), which are looked up often.
    pub(crate) fn of_rows(&self, rows: impl Iterator<Item = u32>) -> MergesOfRows {
        let mut found: BTreeMap<u32, Vec<CellRange>> = rows.map(|row| (row, Vec::new())).collect();
        let last = found.keys().next_back().copied().unwrap_or_default();
        for range in self.0.iter().take_while(|range| range.top <= last) {
            for (_, of_row) in found.range_mut(range.top..=range.bottom) {
                of_row.push(*range);
            }
        }
        for of_row in found.values_mut() {
            of_row.sort_unstable_by_key(|range| range.left);
        }
        MergesOfRows { found, any: !self.0.is_empty() }
    }
}

/// The merged ranges of some rows of a sheet.
pub(crate) struct MergesOfRows {
    /// By row (from 0), from left to right.
    found: BTreeMap<u32, Vec<CellRange>>,
    any: bool,
}

impl MergesOfRows {
    /// Row and column of the top-left cell of the range that a cell lies in, or of the cell itself.
    pub(crate) fn anchor(&self, row: u32, column: u32) -> (u32, u32) {
        let Some(of_row) = self.found.get(&row) else { return (row, column) };
        // of ranges that do not overlap the last one that begins at or before the column
        let before = of_row.partition_point(|range| range.left <= column);
        match before.checked_sub(1).map(|at| of_row[at]) {
            Some(range) if range.right >= column => (range.top, range.left),
            _ => (row, column),
        }
    }

    /// Whether the sheet has no merged ranges at all.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any
    }
}

impl CellRange {
    /// As a spreadsheet program writes it: `A3:A9`.
    pub(crate) fn name(&self) -> String {
        let letters = |column: u32| column_letters(u16::try_from(column).unwrap_or(u16::MAX));
        format!("{}{}:{}{}", letters(self.left), self.top + 1, letters(self.right), self.bottom + 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn range(top: u32, left: u32, bottom: u32, right: u32) -> CellRange {
        CellRange { top, left, bottom, right }
    }

    #[test]
    fn ranges_that_overlap_are_found_and_neighbours_are_not() {
        let apart = [range(0, 0, 1, 5), range(2, 0, 9, 0), range(2, 1, 2, 1), range(3, 1, 9, 2), range(10, 0, 10, 9), range(2, 3, 9, 5)];
        assert_eq!(fault_of(&apart), None);
        for other in [range(0, 3, 0, 3), range(1, 5, 2, 6), range(9, 2, 9, 3), range(5, 0, 5, 0), range(0, 0, 20, 20), range(3, 9, 2, 9)] {
            let ranges = [apart.as_slice(), &[other]].concat();
            assert!(matches!(fault_of(&ranges), Some(MergeFault::Overlap(_))), "{other:?}");
        }
        // against every pair compared with each other
        let mut dice = 7u32;
        let mut next = |bound: u32| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 16) % bound
        };
        for _ in 0..2000 {
            let ranges: Vec<CellRange> = (0..next(6))
                .map(|_| {
                    let (top, left) = (next(8), next(8));
                    range(top, left, top + next(3), left + next(3))
                })
                .collect();
            let meet = |a: &CellRange, b: &CellRange| a.top <= b.bottom && b.top <= a.bottom && a.left <= b.right && b.left <= a.right;
            let overlap = (0..ranges.len()).any(|at| ranges[at + 1..].iter().any(|other| meet(&ranges[at], other)));
            assert_eq!(fault_of(&ranges).is_some(), overlap, "{ranges:?}");
        }
    }

    #[test]
    fn the_anchor_of_a_cell_is_that_of_its_range() {
        let merges = Merges::new(vec![range(0, 0, 0, 3), range(1, 2, 3, 4), range(70_000, 0, 70_001, 0)]);
        let rows = merges.of_rows([0, 1, 2, 70_001].into_iter());
        assert_eq!(
            [(0, 3), (0, 4), (2, 1), (2, 3), (70_001, 0)].map(|(row, column)| rows.anchor(row, column)),
            [(0, 0), (0, 4), (2, 1), (1, 2), (70_000, 0)]
        );
    }
}
