//! Delivery: every queued mail is sent once, and its outcome is recorded.

pub mod deliverer;
pub mod journal;
pub mod restore_guard;
