//! The reader of xlsx files.

mod encoding;
mod fault;
mod parts;
pub(crate) mod reader;
mod shared_strings;
mod sheet;
pub(crate) mod spill;
mod tags;
