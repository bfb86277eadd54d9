//! The answers of units: the list with who handed each in, and taking one back.

use crate::app::import::unit_named;
use crate::app::person::Person;
use crate::clock::stamp;
use crate::domain::notify::feedback::Answer;
use crate::store::audit::AuditEntry;
use crate::store::feedback::AnswerRow;
use crate::store::os_user::os_user;
use crate::worker::import::importer::Importer;
use anyhow::Context;

/// The answers, newest first, of one unit (code or name) or of all.
///
/// # Errors
/// The unit is unknown (the message suggests one), or the database fails.
pub(crate) async fn list(importer: &Importer, unit: Option<&str>, limit: i64) -> anyhow::Result<Vec<AnswerRow>> {
    let policy = &importer.config.policy;
    let unit = unit.map(|name| unit_named(policy, name)).transpose()?;
    let code = unit.map(|unit| policy.units.units[unit].code.as_str());
    Ok(importer.store.feedback().list(code, limit).await?)
}

/// Which answer is meant: its number in the list, or the last one on a record.
#[derive(Clone, Debug)]
pub(crate) enum WhichAnswer {
    Number(i64),
    /// Ledger (id or title) and code.
    LastOn(String, String),
}

/// Takes an answer back; the one before it counts from the next run on. Returns it.
///
/// # Errors
/// Name or reason is empty, there is no such answer, or the database fails.
pub(crate) async fn withdraw(importer: &Importer, which: WhichAnswer, by: Person<'_>) -> anyhow::Result<Answer> {
    by.ensure_named("撤回反馈")?;
    let feedback = importer.store.feedback();
    let no = match which {
        WhichAnswer::Number(no) => no,
        WhichAnswer::LastOn(ledger, code) => {
            let ledger = &crate::app::reports::ledger_named(&importer.config.policy, &ledger)?.id;
            let last = feedback.last_on(ledger, &code).await?;
            last.with_context(|| format!("{ledger} {code} 没有可以撤回的反馈；已收的见 duban feedback list"))?
        }
    };
    let at = stamp(importer.clock.now());
    let taken = feedback.withdraw(no, &os_user(), AuditEntry { at: &at, who: by.who, why: by.why }).await?;
    taken.with_context(|| format!("没有第{no}号可以撤回的反馈；已收的见 duban feedback list"))
}
