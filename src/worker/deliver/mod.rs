//! Delivery: queued mails go out once, and what happened to each is recorded.

pub mod deliverer;
pub mod journal;
pub mod restore_guard;
