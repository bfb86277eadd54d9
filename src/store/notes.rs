//! The notes of snapshots: what was noted of rows when a file was read. A large set is read in pages.

use crate::domain::intake::note::Note;
use crate::store::database::{Database, Result, StoreError, json, number, sql, text};
use std::collections::HashMap;

/// Notes in one page.
const PAGE: i64 = 5000;

/// The notes of snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Notes<'a> {
    pub(super) database: &'a Database,
}

impl Notes<'_> {
    /// All notes of a snapshot, in file order.
    ///
    /// # Errors
    /// The database fails, or a note is damaged.
    pub async fn of_snapshot(self, ledger: &str, source: &str, seq: i64) -> Result<Vec<Note>> {
        let rows = sqlx::query("SELECT body FROM intake_note WHERE ledger=$1 AND source=$2 AND seq=$3 ORDER BY no")
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| json("note", ledger, &text(row, "body")?)).collect()
    }

    /// The notes on one code in a snapshot.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_code(self, ledger: &str, source: &str, seq: i64, code: &str) -> Result<Vec<Note>> {
        let rows = sqlx::query("SELECT body FROM intake_note WHERE ledger=$1 AND source=$2 AND seq=$3 AND code=$4 ORDER BY no")
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(code)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| json("note", code, &text(row, "body")?)).collect()
    }

    /// Calls `take` with number and content of every note of a snapshot, in file order. Memory holds one page.
    ///
    /// # Errors
    /// The database fails, or a note is damaged.
    pub async fn each(self, ledger: &str, source: &str, seq: i64, mut take: impl FnMut(i64, Note)) -> Result<()> {
        let mut after = -1i64;
        loop {
            let rows =
                sqlx::query("SELECT no, body FROM intake_note WHERE ledger=$1 AND source=$2 AND seq=$3 AND no>$4 ORDER BY no LIMIT $5")
                    .bind(ledger)
                    .bind(source)
                    .bind(seq)
                    .bind(after)
                    .bind(PAGE)
                    .fetch_all(&self.database.pool)
                    .await?;
            for row in &rows {
                after = number(row, "no")?;
                take(after, json("note", ledger, &text(row, "body")?)?);
            }
            if (rows.len() as i64) < PAGE {
                return Ok(());
            }
        }
    }

    /// The notes with these numbers, in this order.
    ///
    /// # Errors
    /// The database fails, or a note is missing or damaged.
    pub async fn numbered(self, ledger: &str, source: &str, seq: i64, numbers: &[i64]) -> Result<Vec<Note>> {
        let mut found: HashMap<i64, Note> = HashMap::with_capacity(numbers.len());
        for part in numbers.chunks(200) {
            let list = (0..part.len()).map(|index| format!("${}", index + 4)).collect::<Vec<_>>().join(",");
            let statement = format!("SELECT no, body FROM intake_note WHERE ledger=$1 AND source=$2 AND seq=$3 AND no IN ({list})");
            let mut query = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(seq);
            for number in part {
                query = query.bind(*number);
            }
            for row in &query.fetch_all(&self.database.pool).await? {
                found.insert(number(row, "no")?, json("note", ledger, &text(row, "body")?)?);
            }
        }
        let missing = |no: &i64| StoreError::Damaged { what: "note", key: format!("{ledger}/{source}/{seq}"), detail: format!("no {no}") };
        numbers.iter().map(|no| found.remove(no).ok_or_else(|| missing(no))).collect()
    }
}
