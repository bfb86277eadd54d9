//! Cells merged down over several rows of data: a 市州 written once for all its projects.
//!
//! What names or dates a row holds for every row of the merge. A code or a number does not: nobody can say which row it belongs to, so
//! those rows wait for a person.

use crate::domain::intake::header::{Header, Merges};
use crate::domain::intake::sheet::Raw;
use crate::domain::register::ledger::{FieldKind, Ledger, Role};

/// A merge of one mapped column below the header. Rows as a person counts.
#[derive(Clone, Debug)]
struct Group {
    first: u32,
    last: u32,
    column: u16,
    field: usize,
    /// Whether its value holds for every row.
    shared: bool,
    /// The value of its top cell.
    value: Option<Raw<'static>>,
}

/// The merges of a sheet's data. Rows come from top to bottom, so a row without a merge costs one comparison.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// Those further down, the nearest last.
    ahead: Vec<Group>,
    /// Those the present row lies in.
    open: Vec<Group>,
}

/// A field whose value the present row shares with its neighbours although it cannot.
pub struct Unshared {
    pub field: usize,
    pub column: u16,
    pub raw: String,
    pub first: u32,
    pub last: u32,
}

impl Groups {
    pub fn new(merges: &Merges, header: &Header, ledger: &Ledger) -> Groups {
        let mut ahead: Vec<Group> = merges
            .ranges()
            .iter()
            .filter(|(top, left, bottom, right)| left == right && bottom > top && *top >= header.last_row)
            .filter_map(|(top, left, bottom, _)| {
                let column = header.columns.iter().find(|column| u32::from(column.column) == *left)?;
                let field = &ledger.fields[column.field];
                let is_text = matches!(field.kind, FieldKind::Text | FieldKind::Date { .. } | FieldKind::Bool);
                Some(Group {
                    first: top + 1,
                    last: bottom + 1,
                    column: column.column,
                    field: column.field,
                    shared: is_text && field.role != Some(Role::Code),
                    value: None,
                })
            })
            .collect();
        ahead.sort_by_key(|group| std::cmp::Reverse(group.first));
        Groups { ahead, open: Vec::new() }
    }

    /// Moves on to a row.
    pub fn advance(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        if self.open.is_empty() && self.ahead.last().is_none_or(|group| group.first > number) {
            return;
        }
        self.open.retain(|group| group.last >= number);
        while self.ahead.last().is_some_and(|group| group.first <= number) {
            let Some(mut group) = self.ahead.pop() else { return };
            if group.last < number {
                continue;
            }
            // a top cell without content has no row of its own where its neighbours are empty too
            if group.first == number
                && let Ok(found) = cells.binary_search_by_key(&group.column, |(column, _)| *column)
            {
                group.value = Some(cells[found].1.clone().into_owned());
            }
            self.open.push(group);
        }
    }

    /// Whether a row further down lies in a merge.
    pub fn reach(&self, number: u32) -> bool {
        self.open.iter().any(|group| group.last >= number) || self.ahead.last().is_some_and(|group| group.first <= number)
    }

    /// Whether the present row lies in a merge.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The value the present row shares in a column.
    pub fn value(&self, column: u16) -> Option<&Raw<'static>> {
        self.open.iter().find(|group| group.column == column && group.shared)?.value.as_ref()
    }

    /// What stands in the merge of a column that the present row lies in.
    pub fn top(&self, column: u16) -> Option<&Raw<'static>> {
        self.open.iter().find(|group| group.column == column)?.value.as_ref()
    }

    /// The merges of the present row that leave open which row a value belongs to.
    pub fn unshared(&self) -> Vec<Unshared> {
        self.open
            .iter()
            .filter(|group| !group.shared)
            .filter_map(|group| {
                let raw = group.value.as_ref()?.display().into_owned();
                Some(Unshared { field: group.field, column: group.column, raw, first: group.first, last: group.last })
            })
            .collect()
    }
}

/// The merges of mapped columns that reach from the header into the data, as `A3:A9`.
pub fn across(merges: &Merges, header: &Header) -> Vec<String> {
    merges
        .ranges()
        .iter()
        .filter(|(top, _, bottom, _)| *top < header.last_row && *bottom >= header.last_row && *top + 1 >= header.first_row)
        .filter(|(_, left, _, right)| header.columns.iter().any(|column| (*left..=*right).contains(&u32::from(column.column))))
        .map(|(top, left, bottom, right)| {
            let letters = |column: u32| crate::domain::intake::header::column_letters(u16::try_from(column).unwrap_or(u16::MAX));
            format!("{}{}:{}{}", letters(*left), top + 1, letters(*right), bottom + 1)
        })
        .collect()
}
