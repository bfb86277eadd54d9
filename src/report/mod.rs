//! Reports: writes the plain data of `workbook` as .xlsx and .docx files and puts the files into the archive.

pub mod archive;
pub mod docx;
mod formats;
pub mod sample;
pub mod xlsx;
