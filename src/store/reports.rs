//! The workbooks that each run has made.

use crate::store::database::{Database, Result, number, text};
use crate::store::runs::Run;

/// A workbook of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportFile {
    pub path: String,
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Report files by run.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    pub(super) database: &'a Database,
}

impl Reports<'_> {
    /// Records workbooks of a run, in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add(self, run: &Run, files: &[ReportFile]) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for ReportFile { path, sha256, bytes } in files {
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

    /// The workbooks of a run, ordered by path.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self, run: &str) -> Result<Vec<ReportFile>> {
        let rows = sqlx::query("SELECT path, sha256, bytes FROM report_file WHERE run=$1 ORDER BY path")
            .bind(run)
            .fetch_all(&self.database.pool)
            .await?;
        let file = |row| Ok(ReportFile { path: text(row, "path")?, sha256: text(row, "sha256")?, bytes: number(row, "bytes")? as u64 });
        rows.iter().map(file).collect()
    }
}
