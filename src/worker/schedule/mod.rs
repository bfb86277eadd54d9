//! The schedule: starts the jobs at their slots.

pub mod scheduler;
pub(crate) mod serving;
