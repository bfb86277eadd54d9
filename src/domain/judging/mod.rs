//! Judging: records and rules give findings, indicators and explanations.

pub mod explain;
pub mod finding;
pub mod indicators;
pub mod judge;
pub mod quality;
pub mod roster;
pub mod verdict;
