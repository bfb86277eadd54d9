//! Cells that a merge covers. They may still hold what was in them before; nobody sees it, so it is not read.

use crate::domain::intake::merges::Merges;
use crate::domain::intake::raw::{CellRange, Raw};
use std::borrow::Cow;

/// The merges of a sheet, whose rows come from top to bottom. A row outside all of them costs one comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct CoveredCells {
    /// The merges further down, the nearest last.
    ahead: Vec<CellRange>,
    /// The merges that the present row lies in.
    open: Vec<CellRange>,
    /// Cells with content that a merge covers, and the row of the first one.
    pub hidden: u64,
    pub first_row: u32,
}

impl CoveredCells {
    /// Those of the rows below a row (from 1).
    pub fn below(merges: &Merges, row: u32) -> CoveredCells {
        let mut ahead: Vec<CellRange> = merges.ranges().iter().filter(|range| range.bottom >= row).copied().collect();
        ahead.sort_unstable_by_key(|range| std::cmp::Reverse(range.top));
        CoveredCells { ahead, ..CoveredCells::default() }
    }

    /// Whether a row (from 1) at or below the present one lies in a merge.
    pub fn reaches(&self, number: u32) -> bool {
        self.open.iter().any(|range| range.bottom + 1 >= number) || self.ahead.last().is_some_and(|range| range.top < number)
    }

    /// The cells of the next row that can be seen.
    pub fn visible<'c, 'r>(&mut self, number: u32, cells: &'c [(u16, Raw<'r>)]) -> Cow<'c, [(u16, Raw<'r>)]> {
        if !self.reaches(number) {
            return Cow::Borrowed(cells);
        }
        self.open.retain(|range| range.bottom + 1 >= number);
        while self.ahead.last().is_some_and(|range| range.top < number) {
            self.open.extend(self.ahead.pop().filter(|range| range.bottom + 1 >= number));
        }
        let is_covered = |column: u16| {
            let column = u32::from(column);
            let range = self.open.iter().find(|range| (range.left..=range.right).contains(&column));
            range.is_some_and(|range| range.left != column || range.top + 1 != number)
        };
        if !cells.iter().any(|(column, _)| is_covered(*column)) {
            return Cow::Borrowed(cells);
        }
        let visible: Vec<(u16, Raw<'r>)> = cells.iter().filter(|(column, _)| !is_covered(*column)).cloned().collect();
        let hidden = cells.iter().filter(|(column, raw)| is_covered(*column) && !raw.is_blank()).count() as u64;
        if hidden > 0 && self.hidden == 0 {
            self.first_row = number;
        }
        self.hidden += hidden;
        Cow::Owned(visible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_cell_of_a_merge_is_seen() {
        let range = |top, left, bottom, right| CellRange { top, left, bottom, right };
        let merges = Merges::new(vec![range(0, 0, 0, 5), range(1, 1, 1, 2), range(3, 0, 5, 0)]);
        let mut covered = CoveredCells::below(&merges, 1);
        let cells: Vec<(u16, Raw<'_>)> = (0..4).map(|column| (column, Raw::Number(f64::from(column)))).collect();
        let mut columns = |number| covered.visible(number, &cells).iter().map(|(column, _)| *column).collect::<Vec<_>>();
        assert_eq!(columns(2), [0, 1, 3]);
        assert_eq!(columns(3), [0, 1, 2, 3]);
        assert_eq!(columns(4), [0, 1, 2, 3]);
        assert_eq!(columns(5), [1, 2, 3]);
        assert_eq!(columns(6), [1, 2, 3]);
        assert_eq!(columns(7), [0, 1, 2, 3]);
        assert_eq!((covered.hidden, covered.first_row), (3, 2));
    }
}
