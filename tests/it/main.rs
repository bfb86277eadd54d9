//! The one integration binary. A case is one file below tests/cases; a new rule means a new case, looked at.

mod config_check;
mod detection;
mod end_to_end;
mod helpers;
mod intake;
mod ledgers;
mod life;
mod mutants;
mod outputs;
mod properties;
mod sources;
mod store_contract;
mod tidy;
