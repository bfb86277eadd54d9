//! Tables of figures (一览表).

pub mod declaration;
pub mod sheet;
