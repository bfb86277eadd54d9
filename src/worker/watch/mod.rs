//! Watching: what needs a person, and who hears of it.

pub mod clock_watch;
pub mod operator;
pub mod service_manager;
pub mod troubles;
