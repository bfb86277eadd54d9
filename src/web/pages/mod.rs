//! The pages and acts, a file for each subject.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod overview;
pub(crate) mod place;
pub(crate) mod records;
pub(crate) mod reports;
pub(crate) mod runs;
pub(crate) mod sending;
pub(crate) mod shown;
pub(crate) mod system;
pub(crate) mod units;
