//! The bytes of messages against those with which they were made.

use crate::store::audit::Audit;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Result, sql, text};
use ring::digest::{SHA256, digest};
use sqlx::Row;
use sqlx::any::AnyRow;

impl Audit<'_> {
    /// Those of some messages whose bytes, or what of them never changes, are not as the message was made: somebody changed them past the program.
    ///
    /// # Errors
    /// The database fails.
    pub async fn altered_messages(self, ids: &[String]) -> Result<Vec<String>> {
        let mut moment = self.database.begin_reading().await?;
        let mut altered = Vec::new();
        for id in ids {
            let row = sqlx::query(sql(format!("{BYTES} WHERE o.id=$1"))).bind(id).fetch_optional(&mut *moment).await?;
            let has_own_bytes = row.as_ref().map_or(Ok(true), has_own_bytes)?;
            if !has_own_bytes || !AuditedRows::message(id).is_as_left(&mut moment).await? {
                altered.push(id.clone());
            }
        }
        Ok(altered)
    }
}

/// The sha256 of the bytes of a message, in lower-case hex.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// Selects messages with their bytes.
pub(crate) const BYTES: &str = "SELECT o.id, o.bytes_sha256, b.message FROM outbox o LEFT JOIN outbox_body b ON b.id=o.id";

/// Whether a row of [`BYTES`] has the bytes with which the message was made.
pub(crate) fn has_own_bytes(row: &AnyRow) -> Result<bool> {
    // a text that somebody put in their place cannot be read as bytes
    let bytes: Option<Vec<u8>> = row.try_get("message").unwrap_or_default();
    let sha256 = text(row, "bytes_sha256")?;
    Ok(bytes.is_some_and(|bytes| sha256_of(&bytes) == sha256))
}
