//! Cells and rows as the file has them, before the intake reads them.

use crate::domain::intake::text::is_unseen;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The content of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Raw<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(f64),
    /// A cell formatted as a date: year, month, day.
    Date(u16, u8, u8),
    Bool(bool),
    /// An error value such as `#REF!`.
    #[serde(borrow)]
    Error(Cow<'a, str>),
    /// A formula whose result the file does not hold.
    Uncalculated,
    /// A cell whose content is struck out altogether.
    #[serde(borrow)]
    Struck(Cow<'a, str>),
}

impl Raw<'_> {
    /// The text that a person sees in the cell.
    pub fn display(&self) -> Cow<'_, str> {
        match self {
            Raw::Text(text) | Raw::Struck(text) => Cow::Borrowed(text),
            Raw::Number(number) => Cow::Owned(format!("{number}")),
            Raw::Date(year, month, day) => Cow::Owned(format!("{year:04}-{month:02}-{day:02}")),
            Raw::Bool(value) => Cow::Borrowed(if *value { "TRUE" } else { "FALSE" }),
            Raw::Error(code) => Cow::Borrowed(code),
            Raw::Uncalculated => Cow::Borrowed("（公式）"),
        }
    }

    /// Bytes of its text; 0 for a value that has none.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Raw::Text(text) | Raw::Error(text) | Raw::Struck(text) => text.len(),
            Raw::Number(_) | Raw::Date(..) | Raw::Bool(_) | Raw::Uncalculated => 0,
        }
    }

    pub(crate) fn into_owned(self) -> Raw<'static> {
        match self {
            Raw::Text(text) => Raw::Text(Cow::Owned(text.into_owned())),
            Raw::Number(number) => Raw::Number(number),
            Raw::Date(year, month, day) => Raw::Date(year, month, day),
            Raw::Bool(value) => Raw::Bool(value),
            Raw::Error(code) => Raw::Error(Cow::Owned(code.into_owned())),
            Raw::Uncalculated => Raw::Uncalculated,
            Raw::Struck(text) => Raw::Struck(Cow::Owned(text.into_owned())),
        }
    }

    /// Whether the cell holds a text of which nothing can be seen.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self, Raw::Text(text) if is_unseen(text))
    }
}

/// A row of a sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRow<'a> {
    /// From 1, as a spreadsheet program counts.
    pub number: u32,
    /// Hidden by hand or by a filter.
    pub hidden: bool,
    /// Column (from 0) and value in column order; empty cells are left out.
    pub cells: Vec<(u16, Raw<'a>)>,
}

impl RawRow<'_> {
    /// Makes it another row, without cells.
    pub(crate) fn begin(&mut self, number: u32, hidden: bool) {
        self.number = number;
        self.hidden = hidden;
        self.cells.clear();
    }

    /// Bytes of the texts of its cells.
    pub(crate) fn text_bytes(&self) -> usize {
        self.cells.iter().map(|(_, raw)| raw.text_bytes()).sum()
    }
}

/// The value of a column in the cells of a row.
pub(crate) fn cell_at<'c, 'r>(cells: &'c [(u16, Raw<'r>)], column: u16) -> Option<&'c Raw<'r>> {
    let found = cells.binary_search_by_key(&column, |(index, _)| *index).ok()?;
    Some(&cells[found].1)
}

/// The cells of a row, to find many of them by their columns.
pub(crate) struct CellsByColumn<'c, 'r> {
    cells: &'c [(u16, Raw<'r>)],
    /// For each of the first columns the number of its cell, from 1; 0 = it is empty.
    numbers: [u8; 128],
}

impl<'c, 'r> CellsByColumn<'c, 'r> {
    pub fn new(cells: &'c [(u16, Raw<'r>)]) -> CellsByColumn<'c, 'r> {
        let mut numbers = [0; 128];
        for (number, (column, _)) in (1..).zip(cells) {
            let Some(of_column) = numbers.get_mut(usize::from(*column)) else { break };
            *of_column = number;
        }
        CellsByColumn { cells, numbers }
    }

    pub fn get(&self, column: u16) -> Option<&'c Raw<'r>> {
        match self.numbers.get(usize::from(column)) {
            Some(number) => self.cells.get(usize::from(*number).checked_sub(1)?).map(|(_, raw)| raw),
            None => cell_at(self.cells, column),
        }
    }
}

/// A rectangle of cells; rows and columns from 0, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellRange {
    pub top: u32,
    pub left: u32,
    pub bottom: u32,
    pub right: u32,
}
