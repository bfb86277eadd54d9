//! Official papers (通报): texts with figures, tables by unit, lists of the longest overdue findings.

pub(crate) mod check;
pub mod declaration;
pub mod sheet;
