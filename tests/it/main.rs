//! The one integration test binary. A case is one file below `tests/cases`; every new rule gets a case.

mod bulletin;
mod config_check;
mod detection;
mod end_to_end;
mod faults;
mod feedback;
mod helpers;
mod intake;
mod kills;
mod ledgers;
mod life;
mod mail;
mod mail_server;
mod mutants;
mod outputs;
mod packs;
mod postfix;
mod properties;
mod reasons;
mod row_cache;
mod secrecy;
mod sources;
mod store_contract;
mod templates;
mod tidy;
mod xlsx_forms;
