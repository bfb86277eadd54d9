//! The kinds of sheet a template can declare, one file each.

pub mod bulletin;
pub mod cover;
pub mod feedback;
pub mod gone;
pub mod leader_page;
pub mod list;
pub mod matrix;
pub mod quality;
pub mod records;
pub mod reporting;
pub mod rules;
pub mod summary;
