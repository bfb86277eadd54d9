//! The command line: parses arguments, calls a use case of `app`, prints its result. Results go to stdout, logs and errors to stderr.

#[macro_use]
mod print;

mod accountability;
mod arguments;
mod audit;
mod check;
mod clock;
pub mod command_line;
mod csv_text;
mod day;
mod despite_faults;
mod diff;
mod exit;
mod explain;
mod feedback;
mod findings;
mod held;
mod intake;
mod ledger;
mod local_time;
mod matters;
mod outbox;
mod person;
mod portal;
mod rebuild;
mod restricted;
pub mod run;
mod runs;
mod serve;
mod status;
mod waiting;
mod with_app;
