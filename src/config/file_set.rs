//! The configuration as texts, and the parsing of one text as TOML.

use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::secret::without_passwords_of_addresses;
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
    let text = text_of(files, path, problems)?;
    parse_toml_text(text, &mut problems.at(path, ""))
}

/// Parses the text of a file, as [`parse_toml`].
pub(crate) fn parse_toml_text<T: DeserializeOwned>(text: &str, at: &mut ProblemsAt<'_>) -> Option<T> {
    match toml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            report_toml(&error, text, "", &[], at);
            None
        }
    }
}

/// The text of a file; a problem where the file is missing.
pub(crate) fn text_of<'a>(files: &'a FileSet, path: &str, problems: &mut Problems) -> Option<&'a str> {
    let text = files.get(path);
    if text.is_none() {
        problems.push(path, "is missing", Some("a fresh checkout ships it".into()));
    }
    text.map(String::as_str)
}

/// Reports what is wrong in a text, with its line. An unknown key is called `unknown key "x" WHOSE`; `also_known` are keys that the error
/// itself does not list.
pub(crate) fn report_toml(error: &toml::de::Error, text: &str, whose: &str, also_known: &[&str], at: &mut ProblemsAt<'_>) {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let key = error.span().and_then(|span| key_before(text, span.start));
    let place = [line.map(|line| format!("line {line}: ")), key.map(|key| format!("{key}: "))].into_iter().flatten().collect::<String>();
    // serde words it: unknown field `a`, expected one of `b`, `c`
    match quoted(error.message()).split_first() {
        Some((unknown, known)) if error.message().starts_with("unknown field") => {
            let hint = suggest(unknown, known.iter().map(String::as_str).chain(also_known.iter().copied()));
            at.report(format!("{place}unknown key \"{unknown}\"{whose}"), hint);
        }
        // a value in the message may be an address with a password
        _ => at.report(format!("{place}{}", without_passwords_of_addresses(error.message(), true)), None),
    }
}

/// The key whose value begins at this byte of a text: `months` in `within = { months = 6 }`.
fn key_before(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?.trim_end().strip_suffix('=')?.trim_end();
    before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().filter(|key| !key.is_empty())
}

/// The words between back-ticks in a serde message.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
