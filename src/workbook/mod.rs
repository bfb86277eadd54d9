//! The presenter: findings and records become plain data of workbooks, which `report` writes as files.

pub mod balance;
pub mod books;
pub mod build;
pub(crate) mod item_counts;
pub mod material;
pub mod model;
pub mod pagination;
pub mod previous_run;
pub mod provenance;
pub mod reconcile;
pub(crate) mod sheet_builder;
pub mod sheets;
pub mod template;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod visible;
