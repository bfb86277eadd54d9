//! The rules: what each asks, of which records, who answers for it, and who is exempt.

pub mod compiled;
pub mod context;
pub mod exemption;
pub mod owner;
pub mod policy;
pub mod responsibility;
pub mod rule;
pub mod sentence;
