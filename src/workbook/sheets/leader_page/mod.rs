//! The leader's page (领导一页): figures, a chart by city, the largest red projects, findings to decide.

pub mod declaration;
pub mod sheet;
