//! `duban` (督办): the system an investment-promotion office lives by. See docs/ARCHITECTURE.md for the map and its invariants.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod mail;
pub mod report;
pub mod source;
pub mod store;
pub mod workbook;
pub mod worker;
