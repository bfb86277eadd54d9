//! The kinds of sheet that a template can declare. Each has a file, or a folder if the template declares more of it than its kind:
//! `declaration` has the settings, `sheet` builds the sheet.

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
