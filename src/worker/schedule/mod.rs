//! The schedule: jobs start at their slots.

pub mod scheduler;
