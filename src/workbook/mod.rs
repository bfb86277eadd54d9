//! Builds workbooks as plain data from findings and records; `report` writes them as files.
//!
//! `template` declares the sheets of a workbook, `material` is what a run hands over, `visible` is the part of it that the audience may see.
//! `build` lets each kind in `sheets` build its sheets; `balance` checks the finished workbook.

pub mod balance;
pub mod books;
pub mod build;
pub(crate) mod choices;
pub(crate) mod counts;
pub(crate) mod findings_by_record;
pub(crate) mod item_counts;
pub mod material;
pub mod measures;
pub mod model;
pub mod named;
pub mod pagination;
pub mod previous_run;
pub mod provenance;
pub mod reconcile;
pub(crate) mod sheet_builder;
pub mod sheet_frame;
pub mod sheets;
pub(crate) mod spanning;
pub(crate) mod tab_names;
pub mod template;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod visible;
