//! The configuration: files become domain types; every problem is listed with file, place and hint.

pub(crate) mod addressees;
pub(crate) mod alias_file;
pub(crate) mod brake_settings;
pub(crate) mod calendar_file;
pub mod file_set;
pub(crate) mod industry_file;
pub mod job_file;
pub(crate) mod ladder_file;
pub(crate) mod ledger_file;
pub(crate) mod level_file;
pub(crate) mod life_file;
pub mod load;
pub mod operator_settings;
pub(crate) mod policy_file;
pub mod portal_settings;
pub(crate) mod rule_file;
pub(crate) mod secrecy_file;
pub mod settings;
pub mod source_settings;
pub(crate) mod template_file;
pub(crate) mod unit_file;
pub(crate) mod weight_file;
