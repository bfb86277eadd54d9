//! The command line: parse arguments, call the app, print, exit code. Results go to stdout, logs to stderr.

#[macro_use]
mod print;

mod accountability;
mod check;
pub mod command_line;
mod csv_text;
mod diff;
mod exit;
mod explain;
mod findings;
mod intake;
mod ledger;
mod outbox;
mod rebuild;
pub mod run;
