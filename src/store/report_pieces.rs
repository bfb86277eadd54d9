//! The files of runs in the database, in pieces, where several machines share it.

use crate::store::database::{Dialect, Result};
use crate::store::reports::Reports;
use sqlx::Row;

/// Bytes of a piece: what one statement carries, and all of a file that is in memory.
pub const PIECE_BYTES: usize = 1 << 20;

impl Reports<'_> {
    /// Whether the database holds the files too, because other machines may use it.
    pub fn are_shared(self) -> bool {
        self.database.dialect == Dialect::Postgres
    }

    /// Stores the next piece of a file, unless it is there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_piece(self, sha256: &str, part: i64, bytes: &[u8]) -> Result<()> {
        sqlx::query("INSERT INTO report_piece (sha256, part, body) VALUES ($1,$2,$3) ON CONFLICT (sha256, part) DO NOTHING")
            .bind(sha256)
            .bind(part)
            .bind(bytes)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// A piece of a file; `None` = behind the last one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn piece(self, sha256: &str, part: i64) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query("SELECT body FROM report_piece WHERE sha256=$1 AND part=$2").bind(sha256).bind(part);
        Ok(row.fetch_optional(&self.database.pool).await?.map(|row| row.try_get("body")).transpose()?)
    }
}
