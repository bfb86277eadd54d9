//! Joins the rooms: reads, asks the domain, writes.

pub mod audit_head;
pub(crate) mod claim_time;
pub mod crash_point;
pub mod deliver;
pub(crate) mod directory;
pub(crate) mod ended;
pub mod file_lock;
pub(crate) mod handling;
pub mod import;
pub(crate) mod matter_reader;
pub(crate) mod matters;
pub mod numbers_file;
pub(crate) mod panic_guard;
pub mod private_files;
pub mod progress;
pub mod pulse;
pub mod records;
pub mod run;
pub mod schedule;
pub mod snapshot_selection;
pub mod watch;
