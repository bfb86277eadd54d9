//! The secret keys of the service: what a person may do with them. Secrets are never returned.

use crate::app::person::Person;
use crate::clock::stamp;
use crate::store::audit::AuditEntry;
use crate::store::keys::{FORMS, KeyRow};
use crate::worker::import::feedback::new_secret;
use crate::worker::import::importer::Importer;
use anyhow::ensure;

/// All keys, oldest first.
///
/// # Errors
/// The database fails.
pub(crate) async fn list(importer: &Importer) -> anyhow::Result<Vec<KeyRow>> {
    Ok(importer.store.keys().list().await?)
}

/// Begins the use of a new key for feedback forms; forms that were sent stay valid. Returns its number.
///
/// # Errors
/// Name or reason is empty, the machine gives no random numbers, or the database fails.
pub(crate) async fn rotate(importer: &Importer, by: Person<'_>) -> anyhow::Result<i64> {
    by.ensure_named("更换密钥")?;
    let secret = new_secret()?;
    let at = stamp(importer.clock.now());
    Ok(importer.store.keys().rotate(FORMS, &secret, AuditEntry { at: &at, who: by.who, why: by.why }).await?)
}

/// Revokes a key: forms that were made with it are sent back. The next run makes a new one if it was in use.
///
/// # Errors
/// Name or reason is empty, there is no such key, it was revoked before, or the database fails.
pub(crate) async fn revoke(importer: &Importer, id: i64, by: Person<'_>) -> anyhow::Result<()> {
    by.ensure_named("作废密钥")?;
    let at = stamp(importer.clock.now());
    let revoked = importer.store.keys().revoke(id, AuditEntry { at: &at, who: by.who, why: by.why }).await?;
    ensure!(revoked, "没有第{id}号可以作废的密钥；各号密钥见 duban key list");
    Ok(())
}
