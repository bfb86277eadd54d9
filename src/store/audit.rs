//! The audit: who did what, when and why. Lines are numbered without a gap.

use crate::store::database::{Database, Result};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// The table of the audit.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    pub(super) database: &'a Database,
}

impl Audit<'_> {
    /// Writes one line of the audit.
    pub async fn record(self, at: &str, who: &str, what: &str, object: &str, reason: &str) -> Result<()> {
        // another process may take the same number on PostgreSQL; one of them gets it each time round
        loop {
            let done = insert_audit(at, who, what, object, reason).execute(&self.database.pool).await?;
            if done.rows_affected() == 1 {
                return Ok(());
            }
        }
    }
}

/// One line of the audit; it inserts none when another process has just taken its number.
pub(crate) fn insert_audit<'a>(at: &'a str, who: &'a str, what: &'a str, object: &'a str, reason: &'a str) -> Query<'a, Any, AnyArguments> {
    sqlx::query(
        "INSERT INTO audit (id, at, who, what, object, reason) SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5 FROM audit \
         WHERE 1=1 ON CONFLICT DO NOTHING",
    )
    .bind(at)
    .bind(who)
    .bind(what)
    .bind(object)
    .bind(reason)
}
