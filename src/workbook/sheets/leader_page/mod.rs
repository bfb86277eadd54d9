//! The leader's page (领导一页).

pub mod declaration;
pub mod sheet;
