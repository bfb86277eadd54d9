//! Each source as it was when it was pulled last: whether it could be read, else why not and since when.

use crate::store::database::{Database, Result, text};

/// The last pulls of the sources.
#[derive(Clone, Copy, Debug)]
pub struct SourceChecks<'a> {
    pub(super) database: &'a Database,
}

/// A source that could not be read when it was pulled last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSource {
    pub source: String,
    pub failure: String,
    pub failed_since: String,
}

impl SourceChecks<'_> {
    /// Records a pull; `failure` = why the source could not be read, empty = it could.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record(self, source: &str, failure: &str, at: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO source_check (source, checked_at, failure, failed_since) VALUES ($1,$2,$3,CASE WHEN $3='' THEN '' ELSE $2 END) \
             ON CONFLICT (source) DO UPDATE SET checked_at=excluded.checked_at, failure=excluded.failure, failed_since=CASE \
             WHEN excluded.failure='' THEN '' WHEN source_check.failed_since<>'' THEN source_check.failed_since ELSE excluded.failed_since END",
        )
        .bind(source)
        .bind(at)
        .bind(failure)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    /// The sources that could not be read when they were pulled last, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn failed(self) -> Result<Vec<FailedSource>> {
        let rows = sqlx::query("SELECT source, failure, failed_since FROM source_check WHERE failure<>'' ORDER BY source")
            .fetch_all(&self.database.pool)
            .await?;
        let failed = |row| {
            Ok(FailedSource { source: text(row, "source")?, failure: text(row, "failure")?, failed_since: text(row, "failed_since")? })
        };
        rows.iter().map(failed).collect()
    }
}
