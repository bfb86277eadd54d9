//! Sources: files, folders and queries become raw rows with their provenance.

pub mod child;
pub mod folder;
pub mod frame;
pub mod html;
pub mod package;
pub mod parse;
pub mod refusal;
pub mod shared_strings;
pub mod sql;
pub mod text;
pub mod workbook;
pub mod xlsx;
