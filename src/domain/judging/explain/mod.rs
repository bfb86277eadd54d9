//! Why a record has a finding of a rule, or has none.

pub mod cells;
pub mod explanation;
pub mod question;
pub mod recipients;
pub mod reckoning;
