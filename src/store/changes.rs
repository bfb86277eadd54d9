//! The differences between two snapshots. The database compares them and returns pages, so memory holds neither snapshot. No result depends
//! on the order in which a server sorts codes.

use crate::domain::register::ledger::Ledger;
use crate::store::database::{Database, Result, number, sql};
use crate::store::records::{RECORD_COLUMNS, Records, StoredRecord, stored};
use crate::store::snapshot_writer::Difference;
use std::collections::HashMap;

/// One snapshot of a ledger; `seq` 0 is the empty register before the first snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side<'a> {
    pub source: &'a str,
    pub seq: i64,
}

/// How many records differ between two snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    pub added: i64,
    pub changed: i64,
    pub gone: i64,
}

impl ChangeCounts {
    /// The counts of a pull.
    pub fn of(difference: &Difference) -> ChangeCounts {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        ChangeCounts { added: number(difference.added), changed: number(difference.changed), gone: number(difference.gone) }
    }
}

/// Records in one page.
const PAGE: i64 = 1000;

/// Versions of one side ($1 ledger, $2 source, $3 seq) whose code the other side ($4 source, $5 seq) lacks. A version that spans both
/// snapshots of one source is in both and is excluded first, without a look-up.
const ONLY_HERE: &str = "FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.first_seq<=$3 AND r.last_seq>=$3 \
     AND ($2<>$4 OR r.first_seq>$5 OR r.last_seq<$5) AND NOT EXISTS (\
     SELECT 1 FROM record o WHERE o.ledger=$1 AND o.source=$4 AND o.code=r.code AND o.first_seq<=$5 AND o.last_seq>=$5)";

/// Versions of one side whose code the other side has with other cells.
const CHANGED: &str = "FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.first_seq<=$3 AND r.last_seq>=$3 \
     AND ($2<>$4 OR r.first_seq>$5 OR r.last_seq<$5) AND EXISTS (\
     SELECT 1 FROM record o WHERE o.ledger=$1 AND o.source=$4 AND o.code=r.code AND o.first_seq<=$5 AND o.last_seq>=$5 \
     AND o.hash<>r.hash)";

/// The differences between snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    pub(super) database: &'a Database,
}

impl Changes<'_> {
    /// Counts the records that only one of two snapshots contains, and those that differ.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(self, ledger: &str, old: Side<'_>, new: Side<'_>) -> Result<ChangeCounts> {
        const ALL: &str = "FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.first_seq<=$3 AND r.last_seq>=$3 AND $4=$4 AND $5=$5";
        let count = async |what: &str, side: Side<'_>, other: Side<'_>| -> Result<i64> {
            if side.seq == 0 || other.seq == 0 && what == CHANGED {
                return Ok(0);
            }
            let what = if other.seq == 0 { ALL } else { what };
            let row = sqlx::query(sql(format!("SELECT CAST(COUNT(*) AS BIGINT) AS n {what}")))
                .bind(ledger)
                .bind(side.source)
                .bind(side.seq)
                .bind(other.source)
                .bind(other.seq)
                .fetch_one(&self.database.pool)
                .await?;
            number(&row, "n")
        };
        Ok(ChangeCounts {
            added: count(ONLY_HERE, new, old).await?,
            changed: count(CHANGED, new, old).await?,
            gone: count(ONLY_HERE, old, new).await?,
        })
    }

    /// The next records of `side` whose codes follow `after` and are absent from `other`. An empty page is the end.
    ///
    /// # Errors
    /// The database fails or a body is damaged.
    pub async fn only_in(self, ledger: &Ledger, side: Side<'_>, other: Side<'_>, after: &str) -> Result<Vec<StoredRecord>> {
        self.page(ONLY_HERE, ledger, side, other, after).await
    }

    /// The next records whose codes follow `after` and that both snapshots contain with different cells, as (old, new).
    ///
    /// # Errors
    /// As [`Changes::only_in`].
    pub async fn changed(self, ledger: &Ledger, old: Side<'_>, new: Side<'_>, after: &str) -> Result<Vec<(StoredRecord, StoredRecord)>> {
        let now = self.page(CHANGED, ledger, new, old, after).await?;
        let codes: Vec<String> = now.iter().map(|stored| stored.record.code.clone()).collect();
        let previous = Records { database: self.database }.by_code(ledger, old.source, old.seq, &codes).await?;
        let mut previous: HashMap<String, StoredRecord> = previous.into_iter().map(|stored| (stored.record.code.clone(), stored)).collect();
        Ok(now.into_iter().filter_map(|stored| Some((previous.remove(&stored.record.code)?, stored))).collect())
    }

    async fn page(self, what: &str, ledger: &Ledger, side: Side<'_>, other: Side<'_>, after: &str) -> Result<Vec<StoredRecord>> {
        let layouts = Records { database: self.database }.layouts(ledger).await?;
        let statement = format!("SELECT {RECORD_COLUMNS} {what} AND r.code>$6 ORDER BY r.code LIMIT $7");
        let rows = sqlx::query(sql(statement))
            .bind(&ledger.id)
            .bind(side.source)
            .bind(side.seq)
            .bind(other.source)
            .bind(other.seq)
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| stored(ledger, &layouts, row)).collect()
    }
}
