//! Intake: the raw rows of a sheet become records and notes.

pub mod cell;
pub(crate) mod check;
pub mod code_marks;
pub(crate) mod data_merges;
pub(crate) mod date;
pub mod fault;
pub mod file;
pub(crate) mod header;
pub(crate) mod header_search;
pub(crate) mod merges;
pub(crate) mod money;
pub(crate) mod non_data;
pub mod note;
pub mod note_room;
pub(crate) mod place;
pub mod raw;
pub(crate) mod row;
pub mod row_marks;
pub mod rows;
pub mod sheet;
pub mod sheet_secrecy;
pub(crate) mod sums;
pub(crate) mod text;
