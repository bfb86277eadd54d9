//! Lists of findings: one row per finding, or per project.

pub mod columns;
pub mod declaration;
pub(crate) mod row;
pub mod sheet;
