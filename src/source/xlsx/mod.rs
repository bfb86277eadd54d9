//! The quick reader of xlsx files.

mod fault;
mod parts;
pub(crate) mod reader;
mod sheet;
mod strings;
mod tags;
