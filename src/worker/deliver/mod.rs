//! Delivery: sends queued mails and records each outcome; one whose outcome is unknown is sent once more with the same bytes.

pub mod deliverer;
pub(crate) mod first_refusals;
pub mod hold_file;
pub mod journal;
pub mod restore_guard;
pub(crate) mod withhold;
