//! Sheets of records.

pub mod declaration;
pub mod sheet;
