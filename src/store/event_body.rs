//! How the parts of an event that no statement asks for are stored: JSON with typed cells, which outlives the fields of a ledger.

use crate::domain::register::record::{Cell, Decimal};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A value of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoredCell {
    Empty,
    Text(String),
    Date(NaiveDate),
    Money(i64),
    Decimal(i64, u8),
    Int(i64),
    Bool(bool),
}

impl From<&Cell> for StoredCell {
    fn from(cell: &Cell) -> StoredCell {
        match cell {
            Cell::Empty => StoredCell::Empty,
            Cell::Text(text) => StoredCell::Text(text.to_string()),
            Cell::Date(date) => StoredCell::Date(*date),
            Cell::Money(fen) => StoredCell::Money(*fen),
            Cell::Decimal(value) => StoredCell::Decimal(value.mantissa, value.scale),
            Cell::Int(value) => StoredCell::Int(*value),
            Cell::Bool(value) => StoredCell::Bool(*value),
        }
    }
}

impl From<StoredCell> for Cell {
    fn from(cell: StoredCell) -> Cell {
        match cell {
            StoredCell::Empty => Cell::Empty,
            StoredCell::Text(text) => Cell::Text(text.into()),
            StoredCell::Date(date) => Cell::Date(date),
            StoredCell::Money(fen) => Cell::Money(fen),
            StoredCell::Decimal(mantissa, scale) => Cell::Decimal(Decimal::new(mantissa, scale)),
            StoredCell::Int(value) => Cell::Int(value),
            StoredCell::Bool(value) => Cell::Bool(value),
        }
    }
}

/// Ids and values.
pub(crate) type StoredCells = Vec<(String, StoredCell)>;

pub(crate) fn stored_cells(cells: &[(String, Cell)]) -> StoredCells {
    cells.iter().map(|(id, cell)| (id.clone(), cell.into())).collect()
}

pub(crate) fn cells(stored: StoredCells) -> Vec<(String, Cell)> {
    stored.into_iter().map(|(id, cell)| (id, cell.into())).collect()
}

/// The column `body` of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventBody {
    pub(crate) transition: String,
    pub(crate) creates: bool,
    pub(crate) by: String,
    pub(crate) unit: String,
    pub(crate) actor: String,
    pub(crate) via: String,
    pub(crate) on_behalf: bool,
    pub(crate) late: bool,
    pub(crate) same_person: bool,
    pub(crate) given: StoredCells,
    pub(crate) set: StoredCells,
    pub(crate) reason: String,
    pub(crate) opened: Vec<String>,
}
