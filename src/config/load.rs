//! Configuration: the files under `config/`, `jobs/` and `report-templates/`, read once into [`FileSet`], parsed strictly, every
//! problem listed with file, place and hint.
//!
//! Invariant: parsing is a function of the texts alone, so a run can be made again from the texts frozen with it.

use crate::config::job_file::Job;
use crate::config::settings::Settings;

use crate::domain::rules::policy::Policy;
use crate::workbook::template::Template;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Configuration texts by path relative to the root, `/`-separated.
pub type FileSet = BTreeMap<String, String>;

/// One thing wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// What is wrong and where in the file, e.g. `rule "unstarted": step 2 light "oragne" is unknown`.
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Every problem of a configuration; as an error it prints one line each.
#[derive(Debug, Default, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub fn push(&mut self, file: &str, message: impl Into<String>, hint: Option<String>) {
        self.0.push(Problem { file: file.to_owned(), message: message.into(), hint });
    }
}

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub settings: Settings,
    pub policy: Policy,
    pub jobs: Vec<Job>,
    /// Workbook templates by file stem.
    pub templates: BTreeMap<String, Template>,
    /// Mail body templates by file name.
    pub mail_templates: BTreeMap<String, String>,
    /// The texts all of this came from.
    pub files: FileSet,
}

impl Config {
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == name)
    }

    /// The texts that decide how a register is read: ledgers, units, rules, calendar. What `duban.toml` says decides where it comes from.
    pub fn files_of_policy(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(|(path, _)| path.starts_with("config/") && *path != crate::config::settings::FILE)
    }

    /// The texts as a run may keep them: the password of a database url stays in its file.
    pub fn files_without_secrets(&self) -> FileSet {
        let mut files = self.files.clone();
        if let Some(text) = files.get_mut(crate::config::settings::FILE) {
            let sources = self.settings.sources.iter().filter_map(|source| source.database.as_ref());
            *text = crate::config::source_settings::without_passwords(text, sources.chain([&self.settings.database.url]));
        }
        files
    }

    /// Parses the texts; all problems at once.
    pub fn parse(files: FileSet) -> Result<Config, Problems> {
        let mut problems = Problems::default();
        let settings = crate::config::settings::parse(&files, &mut problems);
        let policy = crate::config::policy_file::parse(&files, &mut problems);
        let (mut jobs, mut templates) = (Vec::new(), BTreeMap::new());
        if let Some(policy) = &policy {
            templates = crate::config::template_file::parse(&files, policy, &mut problems);
            jobs = crate::config::job_file::parse(&files, &templates, &policy.units, settings.as_ref(), &mut problems);
        }
        let mail_templates = files
            .iter()
            .filter_map(|(path, text)| Some((path.strip_prefix("report-templates/")?, text)))
            .filter(|(name, _)| name.ends_with(".j2"))
            .map(|(name, text)| (name.to_owned(), text.clone()))
            .collect();
        match (settings, policy) {
            (Some(settings), Some(policy)) if problems.0.is_empty() => {
                if let Some(problem) = crate::config::settings::cross_check(&settings, &policy) {
                    problems.0.extend(problem);
                }
                if problems.0.is_empty() {
                    return Ok(Config { settings, policy, jobs, templates, mail_templates, files });
                }
            }
            _ => {}
        }
        problems.0.sort();
        problems.0.dedup();
        Err(problems)
    }
}

/// Reads the configuration texts below a root.
///
/// # Errors
/// A folder or file that is missing, unreadable or no UTF-8, as a problem that names it.
pub fn read_files(root: &Path) -> Result<FileSet, Problems> {
    let mut files = FileSet::new();
    let mut problems = Problems::default();
    for (folder, endings) in [
        ("config", &[".toml"][..]),
        ("config/ledgers", &[".toml"][..]),
        ("config/calendar", &[".toml"][..]),
        ("jobs", &[".toml"][..]),
        ("report-templates", &[".toml", ".j2"][..]),
    ] {
        let listing = match std::fs::read_dir(root.join(folder)) {
            Ok(listing) => listing,
            Err(error) => {
                problems.push(
                    folder,
                    format!("cannot list {}: {error}", root.join(folder).display()),
                    Some("is --root the folder that holds config/ and jobs/?".into()),
                );
                continue;
            }
        };
        for entry in listing.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // editors leave ~name and .name copies beside the file
            if !endings.iter().any(|ending| name.ends_with(ending)) || name.starts_with(['.', '~']) {
                continue;
            }
            let path = format!("{folder}/{name}");
            match std::fs::read_to_string(entry.path()) {
                Ok(text) => {
                    files.insert(path, text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text));
                }
                Err(error) => problems.push(&path, format!("cannot be read: {error}"), Some("save it as UTF-8 text".into())),
            }
        }
    }
    if problems.0.is_empty() { Ok(files) } else { Err(problems) }
}

/// Parses one file into its shape. Unknown keys are errors with a suggestion.
pub(crate) fn parse_toml<T: DeserializeOwned>(files: &FileSet, path: &str, problems: &mut Problems) -> Option<T> {
    let Some(text) = files.get(path) else {
        problems.push(path, "is missing", Some("a fresh checkout ships it".into()));
        return None;
    };
    match toml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let message = error.message();
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let (message, hint) = match quoted(message).split_first() {
                Some((unknown, known)) if message.starts_with("unknown field") => {
                    (format!("unknown key \"{unknown}\""), suggest(unknown, known.iter().map(String::as_str)))
                }
                _ => (message.to_owned(), None),
            };
            problems.push(path, format!("{place}{message}"), hint);
            None
        }
    }
}

/// The words between back-ticks in a serde message.
pub(crate) fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The known word that is nearest, if one is near.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, _)| *distance <= 2.max(word.chars().count() / 3)).map(|(_, candidate)| candidate)
}

/// `did you mean "…"?` when a known word is near, else the list of known words.
pub fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(candidate) => Some(format!("did you mean \"{candidate}\"?")),
        _ if known.is_empty() => None,
        _ => Some(format!("expected one of: {}", known.join(", "))),
    }
}

/// Looks a word up in a table of names; a problem with suggestion when unknown.
pub(crate) fn named<T: Copy>(
    table: &[(&'static str, T)],
    word: &str,
    file: &str,
    place: &str,
    what: &str,
    problems: &mut Problems,
) -> Option<T> {
    let found = table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    if found.is_none() {
        problems.push(file, format!("{place}: {what} \"{word}\" is unknown"), suggest(word, table.iter().map(|(name, _)| *name)));
    }
    found
}

/// The value that a word is the code of; a problem with suggestion when it is none's.
pub(crate) fn coded<T: Copy>(
    values: &[T],
    code: fn(T) -> &'static str,
    word: &str,
    file: &str,
    place: &str,
    what: &str,
    problems: &mut Problems,
) -> Option<T> {
    let found = values.iter().copied().find(|value| code(*value) == word);
    if found.is_none() {
        problems.push(file, format!("{place}: {what} \"{word}\" is unknown"), suggest(word, values.iter().map(|value| code(*value))));
    }
    found
}

/// Files of a folder with an ending: (stem, path).
pub(crate) fn files_in<'a>(files: &'a FileSet, folder: &'a str, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    files.keys().filter_map(move |path| {
        let name = path.strip_prefix(folder)?.strip_prefix('/')?;
        Some((name.strip_suffix(ending)?, path.as_str())).filter(|(stem, _)| !stem.contains('/'))
    })
}
