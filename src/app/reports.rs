//! Files made on request: the empty sheet of a ledger, a sample register, the accountability list.

use crate::app::accountability::{AccountabilityList, accountability_list};
use crate::app::person::Person;
use crate::clock::stamp;
use crate::config::load::Config;
use crate::domain::problem::{nearest, suggest};
use crate::domain::register::ledger::Ledger;
use crate::domain::register::units::normalize_name;
use crate::domain::rules::policy::Policy;
use crate::domain::sample::sample;
use crate::report;
use crate::report::archive::ArchivedFile;
use crate::report::{archive, xlsx};
use crate::workbook::books::blank::{BlankForm, blank_form_workbook};
use crate::worker::run::evaluate::Evaluator;
use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use std::path::{Path, PathBuf};

/// The ledger of an id or a title.
///
/// # Errors
/// It is unknown; the message suggests one.
pub(crate) fn ledger_named<'a>(policy: &'a Policy, name: &str) -> anyhow::Result<&'a Ledger> {
    let of_title = || policy.ledgers.iter().position(|ledger| normalize_name(&ledger.title) == normalize_name(name));
    let Some(index) = policy.ledger(name).or_else(of_title) else {
        let names = policy.ledgers.iter().flat_map(|ledger| [ledger.id.as_str(), ledger.title.as_str()]);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => suggest(name, policy.ledgers.iter().map(|ledger| ledger.id.as_str())).unwrap_or_default(),
        };
        bail!("ledger \"{name}\" is unknown ({hint})");
    };
    Ok(&policy.ledgers[index])
}

/// The folder and the name of a file to write.
fn folder_and_name(file: &Path) -> anyhow::Result<(&Path, String)> {
    let name = file.file_name().context("FILE has no name")?.to_string_lossy().into_owned();
    Ok((file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")), name))
}

/// The empty sheet of a ledger.
#[derive(Debug)]
pub(crate) struct BlankFile {
    /// Title of the ledger.
    pub(crate) title: String,
    /// Where it was written; `None` = the file was there already, with the same contents.
    pub(crate) written: Option<PathBuf>,
}

/// Writes the empty sheet of a ledger with its explanation. A file with other contents is not changed.
///
/// # Errors
/// The ledger is unknown, the name is not that of a workbook, or the file exists and differs.
pub(crate) fn write_blank(config: &Config, ledger: &str, file: &Path) -> anyhow::Result<BlankFile> {
    let policy = &config.policy;
    let Ledger { id, title, .. } = ledger_named(policy, ledger)?.clone();
    let xlsx_name = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx"));
    ensure!(xlsx_name, "{} must end in .xlsx: the empty sheet is an Excel workbook", file.display());
    let index = policy.ledger(&id).context("a ledger")?;
    let bytes = xlsx::render(&blank_form_workbook(&BlankForm { policy, ledger: index, office: &config.settings.office.name }))?;
    let (folder, name) = folder_and_name(file)?;
    ensure!(archive::safe_name(&name) == name, "{name} is no file name that every system takes");
    if file.exists() {
        let same = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))? == bytes;
        ensure!(same, "{} exists and holds something else; nothing was written (name another file, or move it away first)", file.display());
        return Ok(BlankFile { title, written: None });
    }
    let filed = archive::write(folder, &name, &bytes)?;
    Ok(BlankFile { title, written: Some(filed.path) })
}

/// Limits of the number of projects in a sample register.
const PROJECTS_MIN: usize = 1;
const PROJECTS_MAX: usize = 1_000_000;

/// A file that was written.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: usize,
    pub(crate) sha256: String,
}

/// Writes a sample register that describes a day.
///
/// # Errors
/// The number of projects is out of bounds, or the file cannot be written.
pub(crate) fn write_sample(config: &Config, projects: usize, as_of: NaiveDate, file: &Path) -> anyhow::Result<WrittenFile> {
    let made = sample(&config.policy, projects, as_of);
    let bytes = report::sample::write(&made, &config.policy)?;
    let (folder, name) = folder_and_name(file)?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let ArchivedFile { path, sha256, .. } = archive::write(folder, &name, &bytes)?;
    Ok(WrittenFile { path, bytes: bytes.len(), sha256 })
}

/// Checks the number of projects of a sample register.
///
/// # Errors
/// It is out of bounds.
pub(crate) fn check_projects(projects: usize) -> anyhow::Result<()> {
    ensure!((PROJECTS_MIN..=PROJECTS_MAX).contains(&projects), "--projects must be between {PROJECTS_MIN} and {PROJECTS_MAX}");
    Ok(())
}

/// The accountability list and the file it was written to.
pub(crate) struct WrittenAccountability {
    pub(crate) path: PathBuf,
    pub(crate) list: AccountabilityList,
}

/// Writes the accountability list into a new file and records that it was made.
///
/// # Errors
/// The name is no name of a workbook, the file exists, the rules name no number of quarters, or the database fails.
pub(crate) async fn write_accountability(
    evaluator: &Evaluator,
    as_of: NaiveDate,
    file: &Path,
    by: Person<'_>,
) -> anyhow::Result<WrittenAccountability> {
    let is_xlsx = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx"));
    ensure!(is_xlsx, "{} must end in .xlsx: the list is an Excel workbook", file.display());
    let (folder, name) = folder_and_name(file)?;
    ensure!(archive::safe_name(&name) == name, "{name} is no file name that every system takes");
    ensure!(!file.exists(), "{} exists; nothing was written (name another file, or move it away first)", file.display());
    let list = accountability_list(evaluator, as_of).await?;
    let bytes = xlsx::render(&list.book)?;
    let ArchivedFile { path, sha256, .. } = archive::write(folder, &name, &bytes)?;
    let now = stamp(evaluator.clock.now());
    let object = format!("{as_of} sha256 {sha256}");
    evaluator.store.audit().record(&now, by.who, "accountability list", &object, by.why).await?;
    Ok(WrittenAccountability { path, list })
}
