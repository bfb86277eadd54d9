//! The configuration: files become domain types; every problem is listed with file, key and hint.

pub mod bulletin_file;
pub mod job_file;
pub mod ledger_file;
pub mod load;
pub mod policy_file;
pub mod rule_file;
pub mod settings;
pub mod source_settings;
pub mod template_file;
pub mod unit_file;
