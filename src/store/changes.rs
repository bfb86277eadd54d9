//! What differs between two snapshots, and which codes have left a register. The database compares, page by page: neither side is held,
//! and nothing rests on the order in which a server sorts codes.

use crate::domain::register::ledger::Ledger;
use crate::domain::register::snapshot::Version;
use crate::store::database::{Result, Store, number, text};
use crate::store::pulls::Difference;
use crate::store::records::{STORED, Stored, stored};
use sqlx::Row;
use std::collections::HashMap;

/// One snapshot of a ledger; `seq` 0 is the empty register before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side<'a> {
    pub source: &'a str,
    pub seq: i64,
}

/// How many records two snapshots differ by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    pub added: i64,
    pub changed: i64,
    pub gone: i64,
}

impl ChangeCounts {
    /// What a pull counted while it wrote.
    pub fn of(difference: &Difference) -> ChangeCounts {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        ChangeCounts { added: number(difference.added), changed: number(difference.changed), gone: number(difference.gone) }
    }
}

/// A version of a code that the snapshot in force does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    pub code: String,
    pub name: String,
    pub unit: String,
    pub version: Version,
    pub sheet: u32,
    pub row: u32,
}

/// The office's word that a code has left the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneConfirmed {
    pub ledger: String,
    pub source: String,
    pub code: String,
    /// The last snapshot in force that held it.
    pub seen_seq: i64,
    pub confirmed_at: String,
    pub who: String,
    pub reason: String,
}

const PAGE: i64 = 1000;

/// Versions of one side ($1 ledger, $2 source, $3 seq) whose code the other ($4 source, $5 seq) does not hold. A version that reaches from
/// one snapshot to the other of the same source is in both: it is left out before anything is looked up.
const ONLY_HERE: &str = "FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.first_seq<=$3 AND r.last_seq>=$3 \
     AND ($2<>$4 OR r.first_seq>$5 OR r.last_seq<$5) AND NOT EXISTS (\
     SELECT 1 FROM record o WHERE o.ledger=$1 AND o.source=$4 AND o.code=r.code AND o.first_seq<=$5 AND o.last_seq>=$5)";

/// Versions of one side whose code the other holds with other cells.
const CHANGED: &str = "FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.first_seq<=$3 AND r.last_seq>=$3 \
     AND ($2<>$4 OR r.first_seq>$5 OR r.last_seq<$5) AND EXISTS (\
     SELECT 1 FROM record o WHERE o.ledger=$1 AND o.source=$4 AND o.code=r.code AND o.first_seq<=$5 AND o.last_seq>=$5 \
     AND o.hash<>r.hash)";

impl Store {
    /// Counts what is in one snapshot and not, or not so, in the other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_changes(&self, ledger: &str, old: Side<'_>, new: Side<'_>) -> Result<ChangeCounts> {
        const ALL: &str = "FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.first_seq<=$3 AND r.last_seq>=$3 AND $4=$4 AND $5=$5";
        let count = async |what: &str, side: Side<'_>, other: Side<'_>| -> Result<i64> {
            if side.seq == 0 || other.seq == 0 && what == CHANGED {
                return Ok(0);
            }
            let what = if other.seq == 0 { ALL } else { what };
            let row = sqlx::query(crate::store::database::sql(format!("SELECT CAST(COUNT(*) AS BIGINT) AS n {what}")))
                .bind(ledger)
                .bind(side.source)
                .bind(side.seq)
                .bind(other.source)
                .bind(other.seq)
                .fetch_one(&self.pool)
                .await?;
            number(&row, "n")
        };
        Ok(ChangeCounts {
            added: count(ONLY_HERE, new, old).await?,
            changed: count(CHANGED, new, old).await?,
            gone: count(ONLY_HERE, old, new).await?,
        })
    }

    /// The next records of `side`, behind `after` in code order, whose code `other` does not hold. An empty page is the end.
    ///
    /// # Errors
    /// The database fails or a body is damaged.
    pub async fn only_in(&self, ledger: &Ledger, side: Side<'_>, other: Side<'_>, after: &str) -> Result<Vec<Stored>> {
        self.page(ONLY_HERE, ledger, side, other, after).await
    }

    /// The next records, behind `after` in code order, that both snapshots hold with different cells: old and new.
    ///
    /// # Errors
    /// As [`Store::only_in`].
    pub async fn changed(&self, ledger: &Ledger, old: Side<'_>, new: Side<'_>, after: &str) -> Result<Vec<(Stored, Stored)>> {
        let now = self.page(CHANGED, ledger, new, old, after).await?;
        let codes: Vec<String> = now.iter().map(|stored| stored.record.code.clone()).collect();
        let before = self.records_by_code(ledger, old.source, old.seq, &codes).await?;
        let mut before: HashMap<String, Stored> = before.into_iter().map(|stored| (stored.record.code.clone(), stored)).collect();
        Ok(now.into_iter().filter_map(|stored| Some((before.remove(&stored.record.code)?, stored))).collect())
    }

    async fn page(&self, what: &str, ledger: &Ledger, side: Side<'_>, other: Side<'_>, after: &str) -> Result<Vec<Stored>> {
        let layouts = self.layouts(ledger).await?;
        let statement = format!("SELECT {STORED} {what} AND r.code>$6 ORDER BY r.code LIMIT $7");
        let rows = sqlx::query(crate::store::database::sql(statement))
            .bind(&ledger.id)
            .bind(side.source)
            .bind(side.seq)
            .bind(other.source)
            .bind(other.seq)
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| stored(ledger, &layouts, row)).collect()
    }

    /// Versions of codes that a snapshot does not hold, by code and then by age, each handed to `take`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn each_absent(&self, ledger: &str, source: &str, seq: i64, mut take: impl FnMut(Absent)) -> Result<()> {
        let mut after = (String::new(), 0i64);
        loop {
            let rows = sqlx::query(
                "SELECT r.code, r.name, r.unit, r.first_seq, r.last_seq, r.sheet, r.row_no FROM record r \
                 WHERE r.ledger=$1 AND r.source=$2 AND (r.first_seq>$3 OR r.last_seq<$3) \
                 AND (r.code>$4 OR (r.code=$4 AND r.first_seq>$5)) AND NOT EXISTS (\
                 SELECT 1 FROM record o WHERE o.ledger=$1 AND o.source=$2 AND o.code=r.code AND o.first_seq<=$3 AND o.last_seq>=$3) \
                 ORDER BY r.code, r.first_seq LIMIT $6",
            )
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(&after.0)
            .bind(after.1)
            .bind(PAGE)
            .fetch_all(&self.pool)
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
    pub async fn versions(&self, ledger: &str, source: &str, code: &str) -> Result<Vec<Absent>> {
        let rows = sqlx::query(
            "SELECT code, name, unit, first_seq, last_seq, sheet, row_no FROM record WHERE ledger=$1 AND source=$2 AND code=$3 \
             ORDER BY first_seq",
        )
        .bind(ledger)
        .bind(source)
        .bind(code)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(absent).collect()
    }

    /// Writes the office's confirmation with its line of the audit: both or neither. `false` when it stands already.
    ///
    /// # Errors
    /// The database fails.
    pub async fn confirm_gone(&self, confirmed: &GoneConfirmed) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO gone_confirmed (ledger, source, code, seen_seq, confirmed_at, who, reason) VALUES ($1,$2,$3,$4,$5,$6,$7) \
             ON CONFLICT DO NOTHING",
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
        // on PostgreSQL another process may take the same number; one of them gets it each time round
        loop {
            let audited =
                crate::store::database::insert_audit(&confirmed.confirmed_at, &confirmed.who, "confirm gone", &object, &confirmed.reason)
                    .execute(&mut *transaction)
                    .await?;
            if audited.rows_affected() == 1 {
                break;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// All confirmations.
    ///
    /// # Errors
    /// The database fails.
    pub async fn gone_confirmed(&self) -> Result<Vec<GoneConfirmed>> {
        let rows = sqlx::query("SELECT * FROM gone_confirmed ORDER BY ledger, source, code, seen_seq").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(GoneConfirmed {
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

fn absent(row: &sqlx::any::AnyRow) -> Result<Absent> {
    Ok(Absent {
        code: row.try_get("code")?,
        name: text(row, "name")?,
        unit: text(row, "unit")?,
        version: Version { first_seq: number(row, "first_seq")?, last_seq: number(row, "last_seq")? },
        sheet: number(row, "sheet")? as u32,
        row: number(row, "row_no")? as u32,
    })
}
