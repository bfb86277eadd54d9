//! Tables of figures: one row per place or industry.

pub mod declaration;
pub mod sheet;
