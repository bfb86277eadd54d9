//! The use cases: what the command line, the service and the portal can ask for. They return data; doors print it.

pub mod accountability;
pub mod check;
pub mod compose;
pub mod explain;
pub mod findings;
pub mod import;
pub mod outbox;
pub mod reports;
pub mod snapshots;
pub mod start;
