//! The pure core: what a record means, which rule it breaks, who is responsible and what they read.
//!
//! Invariant: nothing here reads a file, a clock, a database or the environment; `as_of` and `now` are arguments, so the same
//! inputs give the same findings for ever. Deliberately absent: async, logging, any adapter.

pub mod calendar;
pub mod codes;
pub mod delivery;
pub mod digest;
mod docket;
pub mod exemption;
pub mod explain;
pub mod feedback;
pub mod finding;
pub mod folder;
pub mod indicators;
pub mod intake;
pub mod judge;
pub mod ledger;
pub mod period;
pub mod privacy;
pub mod record;
pub mod roster;
pub mod routing;
pub mod rule;
pub mod sample;
pub mod schedule;
pub mod snapshot;
pub mod units;
pub mod workbook;
