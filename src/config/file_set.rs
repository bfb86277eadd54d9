//! The configuration as texts, and the parsing of one text as TOML.

use crate::domain::problem::{Problems, suggest};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Configuration texts by path relative to the root, `/`-separated.
pub type FileSet = BTreeMap<String, String>;

/// Files of a folder with an ending: (stem, path).
pub(crate) fn files_in<'a>(files: &'a FileSet, folder: &'a str, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    files.keys().filter_map(move |path| {
        let name = path.strip_prefix(folder)?.strip_prefix('/')?;
        Some((name.strip_suffix(ending)?, path.as_str())).filter(|(stem, _)| !stem.contains('/'))
    })
}

/// Parses one file. A missing file, wrong TOML and unknown keys are problems, the last with a suggestion.
pub(crate) fn parse_toml<T: DeserializeOwned>(files: &FileSet, path: &str, problems: &mut Problems) -> Option<T> {
    let Some(text) = files.get(path) else {
        problems.push(path, "is missing", Some("a fresh checkout ships it".into()));
        return None;
    };
    let error = match toml::from_str(text) {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    // serde words it: unknown field `a`, expected one of `b`, `c`
    let (message, hint) = match quoted(error.message()).split_first() {
        Some((unknown, known)) if error.message().starts_with("unknown field") => {
            (format!("unknown key \"{unknown}\""), suggest(unknown, known.iter().map(String::as_str)))
        }
        _ => (error.message().to_owned(), None),
    };
    problems.push(path, format!("{place}{message}"), hint);
    None
}

/// The words between back-ticks in a serde message.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
