//! A run: its steps, the register it judges, and what is rebuilt from its frozen inputs.

pub mod changes;
pub mod context;
pub mod detect;
pub(crate) mod done_since;
pub(crate) mod earlier_files;
pub mod evaluate;
pub mod finding_facts;
pub mod gone;
pub mod history;
pub(crate) mod mail_files;
pub(crate) mod message_id;
pub(crate) mod one_mail;
pub mod packs;
pub(crate) mod picture;
pub mod previous_run;
pub mod pull;
pub mod rebuild;
pub mod remind;
pub mod report;
pub mod runner;
pub mod slot_text;
pub mod spill;
pub mod steps;
pub mod summary;
