//! Imports: a pull or a file becomes a snapshot, a report and the answers of units.

pub mod feedback;
pub(crate) mod file_reader;
pub(crate) mod form_reader;
pub(crate) mod form_taker;
pub mod importer;
pub mod input;
pub mod intake_report;
pub(crate) mod known_marks;
pub(crate) mod known_rows;
pub(crate) mod opening;
pub mod pull_report;
pub mod puller;
pub mod reading_guard;
pub(crate) mod register_taker;
pub mod row_cache;
pub(crate) mod taken;
pub(crate) mod taker;
