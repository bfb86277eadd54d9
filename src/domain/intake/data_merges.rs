//! Cells merged down over several rows of data, such as a division written once for all its projects.
//!
//! A text or a date of such a merge holds for every row of it. A code or a number does not, because nobody can know which row it belongs
//! to: those rows are quarantined.

use crate::domain::intake::header::Header;
use crate::domain::intake::merges::Merges;
use crate::domain::intake::raw::{CellRange, Raw, cell_at};
use crate::domain::register::ledger::{FieldKind, Ledger, Role};

/// A merge of one mapped column below the header. Rows from 1.
#[derive(Clone, Debug)]
struct DataMerge {
    first: u32,
    last: u32,
    column: u16,
    field: usize,
    /// Whether its value holds for every row.
    shared: bool,
    /// The value of its top cell.
    value: Option<Raw<'static>>,
}

/// The merges of a sheet's data. Rows come from top to bottom, so a row outside all merges costs one comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataMerges {
    /// The merges further down, the nearest last.
    ahead: Vec<DataMerge>,
    /// The merges that the present row lies in.
    open: Vec<DataMerge>,
}

/// A field of the present row whose value stems from a merge but cannot hold for several rows.
pub(crate) struct AmbiguousCell {
    pub field: usize,
    pub column: u16,
    pub raw: String,
    pub first: u32,
    pub last: u32,
}

impl DataMerges {
    pub fn new(merges: &Merges, header: &Header, ledger: &Ledger) -> DataMerges {
        let mut ahead: Vec<DataMerge> = merges
            .ranges()
            .iter()
            .filter(|range| range.left == range.right && range.bottom > range.top && range.top >= header.last_row)
            .filter_map(|range| {
                let column = header.columns.iter().find(|column| u32::from(column.column) == range.left)?;
                let field = &ledger.fields[column.field];
                let is_text = matches!(field.kind, FieldKind::Text | FieldKind::Date { .. } | FieldKind::Bool);
                Some(DataMerge {
                    first: range.top + 1,
                    last: range.bottom + 1,
                    column: column.column,
                    field: column.field,
                    shared: is_text && field.role != Some(Role::Code),
                    value: None,
                })
            })
            .collect();
        ahead.sort_by_key(|merge| std::cmp::Reverse(merge.first));
        DataMerges { ahead, open: Vec::new() }
    }

    /// Moves on to a row.
    pub fn advance(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        if self.open.is_empty() && self.ahead.last().is_none_or(|merge| merge.first > number) {
            return;
        }
        self.open.retain(|merge| merge.last >= number);
        while self.ahead.last().is_some_and(|merge| merge.first <= number) {
            let Some(mut merge) = self.ahead.pop() else { return };
            if merge.last < number {
                continue;
            }
            // the row of an empty top cell is left out where its other cells are empty too: the merge has no value then
            if merge.first == number
                && let Some(raw) = cell_at(cells, merge.column)
            {
                merge.value = Some(raw.clone().into_owned());
            }
            self.open.push(merge);
        }
    }

    /// Whether a row at or below the present one lies in a merge.
    pub fn covers(&self, number: u32) -> bool {
        self.open.iter().any(|merge| merge.last >= number) || self.ahead.last().is_some_and(|merge| merge.first <= number)
    }

    /// Whether the present row lies in a merge.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The value that the present row shares with its neighbours in a column.
    pub fn shared_value(&self, column: u16) -> Option<&Raw<'static>> {
        self.open.iter().find(|merge| merge.column == column && merge.shared)?.value.as_ref()
    }

    /// Bytes of the texts that the present row shares with its neighbours.
    pub fn shared_bytes(&self) -> usize {
        self.open.iter().filter(|merge| merge.shared).filter_map(|merge| merge.value.as_ref()).map(Raw::text_bytes).sum()
    }

    /// The top cell of the merge of a column that the present row lies in.
    pub fn top(&self, column: u16) -> Option<&Raw<'static>> {
        self.open.iter().find(|merge| merge.column == column)?.value.as_ref()
    }

    /// The cells of the present row whose value may belong to any row of its merge.
    pub fn ambiguous(&self) -> Vec<AmbiguousCell> {
        self.open
            .iter()
            .filter(|merge| !merge.shared)
            .filter_map(|merge| {
                let raw = merge.value.as_ref()?.display().into_owned();
                Some(AmbiguousCell { field: merge.field, column: merge.column, raw, first: merge.first, last: merge.last })
            })
            .collect()
    }
}

/// The merges of mapped columns that reach from the header into the data, as `A3:A9`.
pub(crate) fn merges_across_header(merges: &Merges, header: &Header) -> Vec<String> {
    merges
        .ranges()
        .iter()
        .filter(|range| range.top < header.last_row && range.bottom >= header.last_row && range.top + 1 >= header.first_row)
        .filter(|range| header.columns.iter().any(|column| (range.left..=range.right).contains(&u32::from(column.column))))
        .map(CellRange::name)
        .collect()
}
