//! The use cases: what the command line, the service and the portal can ask for. They return data; callers print it.

pub(crate) mod accountability;
pub(crate) mod check;
pub mod compose;
pub(crate) mod explain;
pub(crate) mod findings;
pub(crate) mod import;
pub(crate) mod outbox;
pub(crate) mod reports;
pub(crate) mod snapshots;
pub(crate) mod start;
