//! The audit: its lines, whether they are whole, and the removal of old ones.

use crate::app::compose::App;
use crate::app::person::Person;
use crate::clock::stamp;
use crate::store::audit::{AuditHead, AuditLine, AuditVerdict, PRUNE_DAYS_MIN};
use crate::worker::audit_head::AuditHeadFile;
use anyhow::{Context, ensure};
use chrono::{Days, NaiveDate};

/// The last lines, oldest first; `None` = all.
///
/// # Errors
/// The database fails.
pub(crate) async fn list(app: &App, limit: Option<u32>) -> anyhow::Result<Vec<AuditLine>> {
    Ok(app.store().audit().list(limit.map(i64::from)).await?)
}

/// Checks the chain against itself and against the head beside the database, which is returned too.
///
/// # Errors
/// The database fails, or the file cannot be read.
pub(crate) async fn verify(app: &App) -> anyhow::Result<(AuditVerdict, Option<AuditHead>)> {
    let known = AuditHeadFile::below(&app.root().join("var")).read().context("cannot read var/audit.head")?;
    Ok((app.store().audit().verify(known.as_ref()).await?, known))
}

/// Removes the lines before a day, and records it.
///
/// # Errors
/// The day is less than [`PRUNE_DAYS_MIN`] days ago, the chain is broken, or the database fails.
pub(crate) async fn prune(app: &App, before: NaiveDate, by: Person<'_>) -> anyhow::Result<u64> {
    let latest = app.clock().today().checked_sub_days(Days::new(PRUNE_DAYS_MIN as u64)).context("no such day")?;
    ensure!(before <= latest, "lines of the last {PRUNE_DAYS_MIN} days are never removed: name a day up to {latest}");
    app.seal_audit().await?;
    ensure!(verify(app).await?.0.broken.is_none(), "the audit is not whole, nothing was removed: duban audit --verify");
    let removed = app.store().audit().prune(&before.to_string()).await?;
    let object = format!("{removed} lines before {before}");
    app.store().audit().record(&stamp(app.clock().now()), by.who, "audit pruned", &object, by.why).await?;
    Ok(removed)
}
