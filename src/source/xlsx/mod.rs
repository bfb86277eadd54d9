//! The reader of xlsx files.

pub(crate) mod encoding;
pub(crate) mod fault;
pub(crate) mod parts;
pub(crate) mod reader;
mod shared_strings;
mod sheet;
pub(crate) mod spill;
pub(crate) mod tags;
