//! `blank`: the empty sheet of a ledger; and finding a ledger by its name.

use crate::app::compose;
use crate::cli::Exit;
use crate::config::problem::suggest;
use crate::domain::register::ledger::Ledger;
use crate::domain::rules::policy::Policy;
use crate::report::{archive, xlsx};
use crate::workbook::books::blank::{BlankForm, blank_form_workbook};
use anyhow::{Context, bail, ensure};
use std::path::Path;

/// The ledger of a name.
///
/// # Errors
/// It is unknown; the message suggests one.
pub fn known<'a>(policy: &'a Policy, name: &str) -> anyhow::Result<&'a Ledger> {
    let Some(index) = policy.ledger(name) else {
        let hint = suggest(name, policy.ledgers.iter().map(|ledger| ledger.id.as_str())).unwrap_or_default();
        bail!("ledger \"{name}\" is unknown ({hint})");
    };
    Ok(&policy.ledgers[index])
}

/// Writes the empty sheet of a ledger with its explanation. A file that holds anything else is left alone.
pub fn blank(root: &Path, ledger: &str, file: &Path) -> anyhow::Result<Exit> {
    let config = compose::load_config(root)?;
    let policy = &config.policy;
    let title = &known(policy, ledger)?.title;
    let xlsx_name = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx"));
    ensure!(xlsx_name, "{} must end in .xlsx: the empty sheet is an Excel workbook", file.display());
    let index = policy.ledger(ledger).context("a ledger")?;
    let bytes = xlsx::render(&blank_form_workbook(&BlankForm { policy, ledger: index, office: &config.settings.office.name }))?;
    let name = file.file_name().context("FILE has no name")?.to_string_lossy().into_owned();
    ensure!(archive::safe_name(&name) == name, "{name} is no file name that every system takes");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.exists() {
        let same = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))? == bytes;
        ensure!(same, "{} exists and holds something else; nothing was written (name another file, or move it away first)", file.display());
        say!("{}：已有相同的{title}空表，未作改动", file.display());
        return Ok(Exit::Done);
    }
    let filed = archive::write(folder, &name, &bytes)?;
    say!("{}：{title}空表，填写说明见第二个工作表；填好后用 duban import 导入", filed.path.display());
    Ok(Exit::Done)
}
