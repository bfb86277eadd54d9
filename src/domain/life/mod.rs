//! The life of a record (办理): its states, the transitions that people make, the events that record them, and what becomes of the imported row.
//!
//! A state is not stored: it is the first of the ledger's states that holds on the folded record.

pub mod act;
pub mod confirm;
pub mod declaration;
pub(crate) mod declaration_text;
pub mod dependents;
pub mod event;
pub mod fold;
pub mod given;
pub(crate) mod ground;
pub mod handle;
pub mod matter;
pub mod office;
pub mod rule_owner;
pub(crate) mod symbolic;
pub mod waiting;
pub mod words;
pub(crate) mod worked;

#[cfg(test)]
mod tests;
