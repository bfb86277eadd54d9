//! The use cases of the command line and the service. They return data; callers print it.

pub(crate) mod accountability;
pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod check_text;
pub mod compose;
pub(crate) mod current_findings;
pub mod explain;
pub(crate) mod explained_text;
pub(crate) mod feedback;
pub mod findings;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod outbox;
pub(crate) mod passwords;
pub(crate) mod person;
pub(crate) mod picture_lists;
pub(crate) mod records;
pub(crate) mod reports;
pub(crate) mod restricted;
pub(crate) mod runs;
pub(crate) mod snapshots;
pub(crate) mod start;
pub(crate) mod unread_files;
