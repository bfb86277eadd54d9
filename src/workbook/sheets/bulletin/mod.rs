//! Official papers (通报).

pub mod declaration;
pub mod sheet;
