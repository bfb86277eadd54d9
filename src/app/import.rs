//! Imports: a file that a person hands in, and the sources of the configuration.

use crate::app::reports::ledger_named;
use crate::domain::notify::feedback::FormAccount;
use crate::domain::problem::suggest;
use crate::worker::import::importer::Importer;
use crate::worker::import::input::Input;
use crate::worker::import::pull_report::PullReport;
use crate::worker::import::puller::PullRequest;
use crate::worker::import::reading_guard::Initiative;
use anyhow::{bail, ensure};
use chrono::NaiveDate;
use std::path::PathBuf;

/// The ledger under which a returned feedback form is imported.
const FEEDBACK: &str = "feedback";

/// A file to import.
#[derive(Clone, Debug)]
pub(crate) struct ImportRequest {
    pub(crate) file: PathBuf,
    /// Only this ledger, or `feedback` for a form that a unit has sent back.
    pub(crate) ledger: Option<String>,
    /// The source under which the rows are filed.
    pub(crate) source: String,
    /// 数据截至日, where it is given by hand.
    pub(crate) covers_on: Option<NaiveDate>,
    /// Bring it into force even if the brake would hold it.
    pub(crate) accept: bool,
}

/// The result of an import.
#[derive(Debug)]
pub(crate) enum Imported {
    Register(PullReport),
    Forms(Vec<FormAccount>),
}

/// Imports one file.
///
/// # Errors
/// A name is unknown, the file is refused, or the database fails; nothing is changed then.
pub(crate) async fn import(importer: &Importer, request: ImportRequest) -> anyhow::Result<Imported> {
    let ImportRequest { file, ledger, source, covers_on, accept } = request;
    let config = &importer.config;
    if ledger.as_deref() == Some(FEEDBACK) {
        return Ok(Imported::Forms(importer.take_form(&config.policy, &file).await?));
    }
    if let Some(ledger) = &ledger {
        ledger_named(&config.policy, ledger)?;
    }
    ensure!(!source.trim().is_empty() && source.chars().count() <= 64, "source \"{source}\" is no name of a source");
    let sample = config.settings.source(&source).is_some_and(|source| source.sample);
    let request = PullRequest { input: Input::File(file), source, sample, covers_on, accept, only: ledger };
    Ok(Imported::Register(importer.pull(&config.policy, &request).await?))
}

/// The result of pulling one source.
#[derive(Debug)]
pub(crate) enum Pulled {
    Report(PullReport),
    /// The shipped sample, which does not count once other projects are there.
    SampleUnused,
    Failed(anyhow::Error),
}

/// Pulls one source, or all of them; a source that fails does not stop the others. Calls `each` with the result of every source.
///
/// # Errors
/// The source is not configured (the message suggests one), or the database fails.
pub(crate) async fn pull(importer: &Importer, name: Option<&str>, accept: bool, mut each: impl FnMut(&str, Pulled)) -> anyhow::Result<()> {
    let settings = &importer.config.settings;
    if let Some(name) = name
        && settings.source(name).is_none()
    {
        let hint = suggest(name, settings.sources.iter().map(|source| source.name.as_str())).unwrap_or_default();
        bail!("source \"{name}\" is not in config/duban.toml ({hint})");
    }
    // a person who names a source may try a file once more that has ended its reader
    let initiative = if name.is_some() { Initiative::Person } else { Initiative::Service };
    for source in settings.sources.iter().filter(|source| name.is_none_or(|name| name == source.name)) {
        let pulled = if source.sample && name.is_none() && importer.own_projects().await? {
            Pulled::SampleUnused
        } else {
            importer.pull_source(source, accept, initiative).await.map_or_else(|error| Pulled::Failed(error.into()), Pulled::Report)
        };
        each(&source.name, pulled);
    }
    Ok(())
}
