//! The store: SQLite or PostgreSQL through one code path.

pub mod changes;
pub mod database;
pub mod feedback;
pub mod findings;
pub mod history;
pub mod lives;
pub mod notes;
pub mod open_rows;
pub mod outbox;
pub mod pulls;
pub mod records;
pub mod runs;
pub mod sending;
pub mod snapshots;
