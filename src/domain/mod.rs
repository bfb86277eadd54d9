//! The pure core: everything that decides. It reads no clock, file, database or network; `as_of` and `now` are arguments.

pub mod account;
pub mod audience;
pub(crate) mod bounds;
pub mod database_url;
pub mod disk_fault;
pub mod intake;
pub mod judging;
pub mod lockout;
pub mod mailbox;
pub mod notify;
pub mod own_sheet;
pub mod personal_numbers;
pub mod plain_text;
pub mod problem;
pub mod register;
pub mod restriction;
pub mod rules;
pub mod sample;
pub mod schedule;
pub mod secrecy;
pub mod secrecy_words;
pub mod secret;
pub mod source_choice;
pub mod stated_secrecy;
pub(crate) mod totp;
