//! Rows that a pull has written for a snapshot that is not there: the pull goes on, or it was ended in the middle. They are in no snapshot.

use crate::store::database::{Database, Result, number};
use crate::store::open_versions::{OPEN, versions};
use sqlx::AnyConnection;
use std::collections::BTreeSet;

/// The condition on a row `r` of table `record` that a pull which has ended wrote it: where rows are not selected by a snapshot that is there.
pub(crate) const TAKEN: &str =
    "r.first_seq<=(SELECT COALESCE(MAX(s.seq), 0) FROM snapshot s WHERE s.ledger=r.ledger AND s.source=r.source)";

/// The most rows that are undone in a transaction.
const ROWS_AT_ONCE: usize = 5_000;

/// Removes what a pull of a source has left behind in its midst, and opens the versions that it has closed. Only under the lock of pulls.
///
/// # Errors
/// The database fails.
pub(crate) async fn remove_left(database: &Database, ledger: &str, source: &str) -> Result<()> {
    let left = sqlx::query("SELECT seq FROM staged_snapshot WHERE ledger=$1 AND source=$2")
        .bind(ledger)
        .bind(source)
        .fetch_optional(&database.pool)
        .await?;
    let Some(left) = left else { return Ok(()) };
    let key = (ledger, source, number(&left, "seq")?);
    let mut connection = database.pool.acquire().await?;
    let added = versions(&mut connection, ledger, source, "first_seq=$3", key.2).await?;
    // a version that ends there was closed by this pull: what earlier ones have closed ends before
    let closed = versions(&mut connection, ledger, source, "last_seq=$3", key.2 - 1).await?;
    drop(connection);
    let codes: BTreeSet<&str> = added.iter().chain(closed.iter()).map(|(code, _)| code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    for part in codes.chunks(ROWS_AT_ONCE) {
        let mut transaction = database.begin().await?;
        undo(&mut transaction, key, part).await?;
        transaction.commit().await?;
    }
    sqlx::query("DELETE FROM open_part WHERE ledger=$1 AND source=$2 AND seq=$3")
        .bind(ledger)
        .bind(source)
        .bind(key.2)
        .execute(&database.pool)
        .await?;
    sqlx::query("DELETE FROM staged_snapshot WHERE ledger=$1 AND source=$2").bind(ledger).bind(source).execute(&database.pool).await?;
    Ok(())
}

/// Removes the versions of a snapshot that is not there, and opens those that it has closed.
pub(crate) async fn undo(connection: &mut AnyConnection, (ledger, source, seq): (&str, &str, i64), codes: &[&str]) -> Result<()> {
    for code in codes {
        sqlx::query("DELETE FROM record WHERE ledger=$1 AND source=$2 AND code=$3 AND first_seq=$4")
            .bind(ledger)
            .bind(source)
            .bind(*code)
            .bind(seq)
            .execute(&mut *connection)
            .await?;
        sqlx::query("UPDATE record SET last_seq=$5 WHERE ledger=$1 AND source=$2 AND code=$3 AND last_seq=$4")
            .bind(ledger)
            .bind(source)
            .bind(*code)
            .bind(seq - 1)
            .bind(OPEN)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
