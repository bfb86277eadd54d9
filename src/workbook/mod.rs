//! The presenter: findings and records become plain data of workbooks, which `report` writes as files.

pub mod balance;
pub mod books;
pub mod build;
pub mod model;
pub mod pagination;
pub mod provenance;
pub mod reconcile;
pub mod sheets;
pub mod template;
#[cfg(test)]
pub(crate) mod tests;
