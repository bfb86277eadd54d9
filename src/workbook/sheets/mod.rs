//! The kinds of sheet that a template can declare, listed in `kinds`. Each has a file or a folder with the keys of its declaration, their
//! check, and the building of its sheets.

pub mod answers;
pub mod bulletin;
pub mod cover;
pub mod feedback;
pub mod gone;
pub(crate) mod kind;
pub mod kinds;
pub mod leader_page;
pub mod list;
pub mod matrix;
pub mod notices;
pub mod quality;
pub mod records;
pub(crate) mod references;
pub mod reporting;
pub mod rules;
pub mod silent;
pub mod summary;
