//! The audit: who did what, when and why. Its lines are numbered without gaps.

use crate::store::database::{Database, Result};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// The audit lines.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    pub(super) database: &'a Database,
}

impl Audit<'_> {
    /// Writes one line.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record(self, at: &str, who: &str, what: &str, object: &str, reason: &str) -> Result<()> {
        // on PostgreSQL another process may take the same number; in each round one of them gets it
        loop {
            let done = insert_audit(at, who, what, object, reason).execute(&self.database.pool).await?;
            if done.rows_affected() == 1 {
                return Ok(());
            }
        }
    }
}

/// Inserts one line, or none when another process has just taken its number: the caller then tries once more.
pub(crate) fn insert_audit<'a>(at: &'a str, who: &'a str, what: &'a str, object: &'a str, reason: &'a str) -> Query<'a, Any, AnyArguments> {
    sqlx::query(
        "INSERT INTO audit (id, at, who, what, object, reason) SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5 FROM audit \
         WHERE 1=1 ON CONFLICT (id) DO NOTHING",
    )
    .bind(at)
    .bind(who)
    .bind(what)
    .bind(object)
    .bind(reason)
}
