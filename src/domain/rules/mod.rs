//! The rules: what each asks, of which records, who answers for it, and who is exempt.
//!
//! `rule` defines a rule and its ladder of steps, each with a light; `judging::verdict` decides which step a record has reached.

pub mod compiled;
pub mod condition;
pub(crate) mod condition_text;
pub mod context;
pub mod exemption;
pub mod owner;
pub mod policy;
pub mod responsibility;
pub mod rule;
pub mod sentence;
pub mod unmet;
pub mod weight;
