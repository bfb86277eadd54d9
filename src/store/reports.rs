//! The workbooks that each run has made.

use crate::store::database::{Database, Result, number, text};
use crate::store::runs::Run;

/// Report files by run.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    pub(super) database: &'a Database,
}

impl Reports<'_> {
    /// Records workbooks of a run, in one transaction: path, sha256, size in bytes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add(self, run: &Run, files: &[(String, String, u64)]) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for (path, sha256, bytes) in files {
            sqlx::query(
                "INSERT INTO report_file (run, path, sha256, bytes) VALUES ($1,$2,$3,$4) \
                 ON CONFLICT (run, path) DO UPDATE SET sha256=excluded.sha256, bytes=excluded.bytes",
            )
            .bind(&run.id)
            .bind(path)
            .bind(sha256)
            .bind(*bytes as i64)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The workbooks of a run: path, sha256, size in bytes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self, run: &str) -> Result<Vec<(String, String, i64)>> {
        let rows = sqlx::query("SELECT path, sha256, bytes FROM report_file WHERE run=$1 ORDER BY path")
            .bind(run)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| Ok((text(row, "path")?, text(row, "sha256")?, number(row, "bytes")?))).collect()
    }
}
