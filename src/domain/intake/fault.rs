//! What is wrong with one cell, in words for the clerk.

use crate::domain::register::record::Cell;

/// A problem of one cell. `fatal` quarantines the row; otherwise the row is accepted with a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellFault {
    pub fatal: bool,
    pub reason: String,
    pub hint: String,
}

/// The value of a cell with a warning about it, or the fault that quarantines its row.
pub type CellResult = Result<(Cell, Option<CellFault>), CellFault>;

pub(crate) fn fatal(reason: impl Into<String>, hint: &str) -> CellFault {
    CellFault { fatal: true, reason: reason.into(), hint: hint.to_owned() }
}

pub(crate) fn warning(reason: impl Into<String>, hint: &str) -> CellFault {
    CellFault { fatal: false, reason: reason.into(), hint: hint.to_owned() }
}
