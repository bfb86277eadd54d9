//! The store: SQLite or PostgreSQL through one code path.

pub mod audit;
pub mod changes;
pub mod database;
pub mod feedback;
pub mod findings;
pub mod frozen_texts;
pub mod gone;
pub mod handle;
pub mod indicators;
pub mod notes;
pub mod notified;
pub mod notify_reasons;
pub mod open_versions;
pub mod outbox;
pub mod pulls;
pub mod readings;
pub mod records;
pub mod reports;
pub mod run_result;
pub mod runs;
pub mod schedule;
pub mod sending;
pub mod snapshots;
pub mod timeline;
