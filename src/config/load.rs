//! Reads the files under `config/`, `jobs/` and `report-templates/` once into a [`FileSet`] and parses them strictly into a [`Config`].
//!
//! Invariant: parsing depends on the texts alone, so a run can be repeated from the texts frozen with it.

use crate::config::brake_settings::check_brake;
use crate::config::file_set::FileSet;
use crate::config::job_file::Job;
use crate::config::settings::{self, Settings};
use crate::config::{job_file, policy_file, source_settings, template_file};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::problem::Problems;
use crate::domain::register::units::normalize_name;
use crate::domain::rules::policy::Policy;
use crate::domain::secret::Secret;
use crate::workbook::template::Template;
use std::collections::BTreeMap;
use std::path::Path;

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
    /// The texts all of this was parsed from.
    pub files: FileSet,
}

impl Config {
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == name)
    }

    /// The job of an id or a title.
    pub fn job_named(&self, name: &str) -> Option<&Job> {
        self.job(name).or_else(|| self.jobs.iter().find(|job| normalize_name(&job.title) == normalize_name(name)))
    }

    /// Path and text of the files that decide how a register is read: ledgers, units, rules, calendar. `duban.toml` is left out: it names
    /// the sources, not their meaning.
    pub fn files_of_policy(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(|(path, _)| path.starts_with("config/") && *path != settings::FILE)
    }

    /// The passwords that the addresses of databases hold.
    pub fn passwords(&self) -> Vec<Secret> {
        let sources = self.settings.sources.iter().filter_map(|source| source.database.as_ref());
        sources.chain([&self.settings.database.url]).flat_map(DatabaseUrl::passwords).cloned().collect()
    }

    /// The texts as a run may store them: without passwords.
    pub fn files_without_secrets(&self) -> FileSet {
        let passwords = self.passwords();
        let stored = |(path, text): (&String, &String)| {
            let text = if path == settings::FILE {
                source_settings::settings_without_secrets(text, &passwords)
            } else {
                source_settings::text_without_secrets(text, &passwords)
            };
            (path.clone(), text)
        };
        self.files.iter().map(stored).collect()
    }

    /// Parses the texts.
    ///
    /// # Errors
    /// All problems at once, sorted by file.
    pub fn parse(files: FileSet) -> Result<Config, Problems> {
        let mut problems = Problems::default();
        let settings = settings::parse(&files, &mut problems);
        let policy = policy_file::parse(&files, &mut problems);
        let (mut jobs, mut templates) = (Vec::new(), BTreeMap::new());
        if let Some(policy) = &policy {
            templates = template_file::parse(&files, policy, &mut problems);
            jobs = job_file::parse(&files, &templates, policy, settings.as_ref(), &mut problems);
        }
        if let (Some(settings), Some(policy)) = (settings, policy)
            && problems.0.is_empty()
        {
            settings::check_mailboxes(&settings, &policy.units, &mut problems);
            check_brake(&settings.brake, &policy, settings::FILE, &mut problems);
            if problems.0.is_empty() {
                let mail_templates = mail_templates(&files);
                return Ok(Config { settings, policy, jobs, templates, mail_templates, files });
            }
        }
        problems.0.sort();
        problems.0.dedup();
        Err(problems)
    }
}

fn mail_templates(files: &FileSet) -> BTreeMap<String, String> {
    files
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("report-templates/")?, text)))
        .filter(|(name, _)| name.ends_with(".j2"))
        .map(|(name, text)| (name.to_owned(), text.clone()))
        .collect()
}

/// Reads the configuration texts below a root.
///
/// # Errors
/// Every folder or file that is missing, unreadable or not UTF-8.
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
                    // Windows editors begin a file with a byte order mark
                    files.insert(path, text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text));
                }
                Err(error) => problems.push(&path, format!("cannot be read: {error}"), Some("save it as UTF-8 text".into())),
            }
        }
    }
    if problems.0.is_empty() { Ok(files) } else { Err(problems) }
}
