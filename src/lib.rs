//! `duban` (督办): supervises the investment projects of an investment-promotion office. docs/ARCHITECTURE.md describes the modules and their
//! invariants.

#![allow(rustdoc::private_intra_doc_links, reason = "the documentation is built with its private items")]

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod mail;
pub mod report;
pub mod source;
pub mod store;
pub mod web;
pub mod workbook;
pub mod worker;
