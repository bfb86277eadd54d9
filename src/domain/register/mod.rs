//! What a register is: ledgers and their fields, records, units and their levels, the calendar, periods and snapshots.

pub mod calendar;
pub mod codes;
pub mod data_condition;
pub mod ledger;
pub mod levels;
pub mod packed;
pub mod period;
pub mod record;
pub mod required_roles;
pub mod snapshot;
pub mod units;
