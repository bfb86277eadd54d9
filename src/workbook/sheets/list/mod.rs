//! Lists of findings.

pub mod columns;
pub mod declaration;
pub mod sheet;
