//! Intake: rows as they stand in a file become records and notes.

pub mod cell;
pub mod check;
pub mod group;
pub mod header;
pub mod money;
pub mod note;
pub mod place;
pub mod sheet;
pub mod sums;
