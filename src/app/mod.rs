//! The use cases: what the command line, the service and the portal can ask for. They return data; doors print it.

pub mod accountability;
pub mod compose;
pub mod explain;
