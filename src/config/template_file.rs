//! stub
use super::{FileSet, Problems, files_in};
use crate::domain::judge::Policy;
use crate::domain::workbook::Template;
use std::collections::BTreeMap;

pub fn parse(files: &FileSet, _policy: &Policy, _problems: &mut Problems) -> BTreeMap<String, Template> {
    files_in(files, "report-templates", ".toml").map(|(stem, _)| (stem.to_owned(), Template { name: stem.to_owned() })).collect()
}
