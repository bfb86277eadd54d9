//! Sources: files, folders and queries become raw rows with their provenance.

pub(crate) mod bounds;
pub(crate) mod cell_style;
pub mod child;
pub(crate) mod compound;
pub mod confinement;
pub(crate) mod folder;
pub mod frame;
pub mod frame_reader;
pub(crate) mod html;
pub(crate) mod html_cell;
pub(crate) mod html_tag;
pub mod input_file;
pub(crate) mod number_format;
pub(crate) mod ods;
pub(crate) mod ods_styles;
pub(crate) mod ods_texts;
pub(crate) mod package;
pub(crate) mod parse;
pub mod refusal;
pub mod shared_strings;
pub mod sql;
pub(crate) mod text;
pub(crate) mod xls;
pub(crate) mod xls_text;
pub(crate) mod xlsb;
pub(crate) mod xlsx;
