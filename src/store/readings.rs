//! Files that a reader has begun. A row is written before a file is read and taken back when that has ended well, so that a file which ends its
//! reader is known by its sha256 afterwards.

use crate::store::database::{Database, Result, number, text};
use sqlx::any::AnyRow;

/// Readings that did not end well.
#[derive(Clone, Copy, Debug)]
pub struct Readings<'a> {
    pub(super) database: &'a Database,
}

/// A file whose reading was begun and did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnendedReading {
    pub file: String,
    /// When it was begun last.
    pub begun_at: String,
    /// How often it was begun.
    pub attempts: i64,
    /// It ended its reader. Otherwise the whole program ended meanwhile, perhaps for another reason.
    pub ended_reader: bool,
}

impl Readings<'_> {
    /// The file with this sha256, if its reading did not end well.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unended(self, sha256: &str) -> Result<Option<UnendedReading>> {
        let row = sqlx::query("SELECT file, begun_at, attempts, ended_reader FROM reading WHERE sha256=$1")
            .bind(sha256)
            .fetch_optional(&self.database.pool)
            .await?;
        row.as_ref().map(reading).transpose()
    }

    /// All files whose reading did not end well, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self) -> Result<Vec<UnendedReading>> {
        let rows = sqlx::query("SELECT file, begun_at, attempts, ended_reader FROM reading ORDER BY begun_at, sha256")
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(reading).collect()
    }

    /// Notes that a file is about to be read.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin(self, sha256: &str, file: &str, at: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO reading (sha256, file, begun_at, attempts, ended_reader) VALUES ($1,$2,$3,1,0) \
             ON CONFLICT (sha256) DO UPDATE SET file=excluded.file, begun_at=excluded.begun_at, attempts=reading.attempts+1",
        )
        .bind(sha256)
        .bind(file)
        .bind(at)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    /// Notes that a file has ended its reader.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ended_reader(self, sha256: &str) -> Result<()> {
        sqlx::query("UPDATE reading SET ended_reader=1 WHERE sha256=$1").bind(sha256).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Takes the note back: the file was read or refused.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_well(self, sha256: &str) -> Result<()> {
        sqlx::query("DELETE FROM reading WHERE sha256=$1").bind(sha256).execute(&self.database.pool).await?;
        Ok(())
    }
}

fn reading(row: &AnyRow) -> Result<UnendedReading> {
    Ok(UnendedReading {
        file: text(row, "file")?,
        begun_at: text(row, "begun_at")?,
        attempts: number(row, "attempts")?,
        ended_reader: number(row, "ended_reader")? > 0,
    })
}
