//! Judging: records and rules give findings, indicators and explanations.
//!
//! A light is decided in `verdict`; `judge` asks it for every record and rule and collects the findings.

pub mod explain;
pub mod finding;
pub mod indicators;
pub mod judge;
pub(crate) mod measure;
pub mod quality;
pub mod roster;
pub mod verdict;
