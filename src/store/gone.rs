//! Codes that have left a register, and the office's confirmations that they have.
//!
//! A code is gone if an earlier snapshot in force of its source has it and the one now in force has not. A confirmation belongs to the
//! snapshot that had the code last: a code that returns and leaves once more is listed anew.

use crate::domain::register::snapshot::Version;
use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Result, number, sql, text};
use crate::store::staged_rows::TAKEN;
use sqlx::Row;

/// A version of a code that a snapshot lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentVersion {
    pub code: String,
    pub name: String,
    pub unit: String,
    pub version: Version,
    pub sheet: u32,
    pub row: u32,
}

/// The office's confirmation that a code has left the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneConfirmation {
    pub ledger: String,
    pub source: String,
    pub code: String,
    /// The last snapshot in force that contained it.
    pub seen_seq: i64,
    pub confirmed_at: String,
    pub who: String,
    pub reason: String,
}

/// Versions in one page.
const PAGE: i64 = 1000;

/// Codes that a snapshot lacks, and the confirmations.
#[derive(Clone, Copy, Debug)]
pub struct Gone<'a> {
    pub(super) database: &'a Database,
}

impl Gone<'_> {
    /// Calls `take` with each version of each code that a snapshot lacks, ordered by code and then oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn each_absent(self, ledger: &str, source: &str, seq: i64, mut take: impl FnMut(AbsentVersion)) -> Result<()> {
        let mut after = (String::new(), 0i64);
        loop {
            let rows = sqlx::query(sql(format!(
                "SELECT r.code, r.name, r.unit, r.first_seq, r.last_seq, r.sheet, r.row_no FROM record r \
                 WHERE r.ledger=$1 AND r.source=$2 AND (r.first_seq>$3 OR r.last_seq<$3) AND {TAKEN} \
                 AND (r.code>$4 OR (r.code=$4 AND r.first_seq>$5)) AND NOT EXISTS (\
                 SELECT 1 FROM record o WHERE o.ledger=$1 AND o.source=$2 AND o.code=r.code AND o.first_seq<=$3 AND o.last_seq>=$3) \
                 ORDER BY r.code, r.first_seq LIMIT $6"
            )))
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(&after.0)
            .bind(after.1)
            .bind(PAGE)
            .fetch_all(&self.database.pool)
            .await?;
            for row in &rows {
                take(absent(row)?);
            }
            match rows.last() {
                Some(row) if rows.len() as i64 == PAGE => after = (text(row, "code")?, number(row, "first_seq")?),
                _ => return Ok(()),
            }
        }
    }

    /// All versions of one code, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn versions(self, ledger: &str, source: &str, code: &str) -> Result<Vec<AbsentVersion>> {
        let rows = sqlx::query(sql(format!(
            "SELECT code, name, unit, first_seq, last_seq, sheet, row_no FROM record r WHERE ledger=$1 AND source=$2 AND code=$3 AND {TAKEN} \
             ORDER BY first_seq"
        )))
        .bind(ledger)
        .bind(source)
        .bind(code)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(absent).collect()
    }

    /// Stores the office's confirmation and its audit line in one transaction. `false` = it was confirmed before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn confirm(self, confirmed: &GoneConfirmation) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let done = sqlx::query(
            "INSERT INTO gone_confirmed (ledger, source, code, seen_seq, confirmed_at, who, reason) VALUES ($1,$2,$3,$4,$5,$6,$7) \
             ON CONFLICT (ledger, source, code, seen_seq) DO NOTHING",
        )
        .bind(&confirmed.ledger)
        .bind(&confirmed.source)
        .bind(&confirmed.code)
        .bind(confirmed.seen_seq)
        .bind(&confirmed.confirmed_at)
        .bind(&confirmed.who)
        .bind(&confirmed.reason)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        let object = format!("{}/{}/{}", confirmed.ledger, confirmed.source, confirmed.code);
        let entry = AuditEntry { at: &confirmed.confirmed_at, who: &confirmed.who, why: &confirmed.reason };
        let rows = AuditedRows::gone(&confirmed.ledger, &confirmed.source, &confirmed.code, confirmed.seen_seq);
        rows.record(&mut transaction, entry, "confirm gone", &object).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// All confirmations.
    ///
    /// # Errors
    /// The database fails.
    pub async fn confirmed(self) -> Result<Vec<GoneConfirmation>> {
        let rows =
            sqlx::query("SELECT * FROM gone_confirmed ORDER BY ledger, source, code, seen_seq").fetch_all(&self.database.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(GoneConfirmation {
                    ledger: text(row, "ledger")?,
                    source: text(row, "source")?,
                    code: text(row, "code")?,
                    seen_seq: number(row, "seen_seq")?,
                    confirmed_at: text(row, "confirmed_at")?,
                    who: text(row, "who")?,
                    reason: text(row, "reason")?,
                })
            })
            .collect()
    }
}

fn absent(row: &sqlx::any::AnyRow) -> Result<AbsentVersion> {
    Ok(AbsentVersion {
        code: row.try_get("code")?,
        name: text(row, "name")?,
        unit: text(row, "unit")?,
        version: Version { first_seq: number(row, "first_seq")?, last_seq: number(row, "last_seq")? },
        sheet: number(row, "sheet")? as u32,
        row: number(row, "row_no")? as u32,
    })
}
