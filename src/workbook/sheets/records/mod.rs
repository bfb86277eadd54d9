//! Sheets of records: one row per selected record of a ledger.

pub mod declaration;
pub mod sheet;
