//! Reports: writes the plain data of `workbook` as .xlsx and .docx files and puts the files into the archive.

pub mod archive;
pub(crate) mod bundle;
mod cells;
pub mod docx;
mod formats;
pub mod sample;
mod table_rows;
pub mod xlsx;
