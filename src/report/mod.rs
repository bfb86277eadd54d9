//! Reports: the workbook model as a file, and the file in the archive. Knows the domain and one outside crate for each.

pub mod archive;
pub mod docx;
pub mod sample;
pub mod xlsx;
