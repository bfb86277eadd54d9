//! The rows of marks of secrecy: what a pull reads and writes of them, and the position that counts what happens to them.

use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Result, number, text};
use crate::store::open_versions::OPEN;
use sqlx::AnyConnection;
use std::collections::HashMap;

/// Sets the held snapshot with which a mark ends; 0 = none.
pub(crate) async fn set_ends_with(connection: &mut AnyConnection, (ledger, source): (&str, &str), code: &str, seq: i64) -> Result<()> {
    sqlx::query("UPDATE restriction SET ends_with=$1 WHERE ledger=$2 AND source=$3 AND code=$4 AND ended=$5 AND ends_with<>$1")
        .bind(seq)
        .bind(ledger)
        .bind(source)
        .bind(code)
        .bind(OPEN)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the marks that end with a snapshot.
pub(crate) async fn end_with(connection: &mut AnyConnection, ledger: &str, source: &str, seq: i64, at: &str) -> Result<()> {
    let next = next_position(connection).await?;
    sqlx::query("UPDATE restriction SET ended=$1, ended_at=$2 WHERE ledger=$3 AND source=$4 AND ends_with=$5 AND ended=$6")
        .bind(next)
        .bind(at)
        .bind(ledger)
        .bind(source)
        .bind(seq)
        .bind(OPEN)
        .execute(&mut *connection)
        .await?;
    let entry = AuditEntry { at, who: "duban", why: "" };
    AuditedRows::marks(next).record(connection, entry, "marks ended", &format!("{ledger}/{source}/{seq} in force")).await
}

/// The cells of the marks of a source that no row has ended, by code.
pub(crate) async fn open_marks(connection: &mut AnyConnection, ledger: &str, source: &str) -> Result<HashMap<String, String>> {
    let rows = sqlx::query("SELECT code, cell FROM restriction WHERE ledger=$1 AND source=$2 AND ended=$3")
        .bind(ledger)
        .bind(source)
        .bind(OPEN)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((text(row, "code")?, text(row, "cell")?))).collect()
}

/// The present position.
pub(crate) async fn position(connection: &mut AnyConnection) -> Result<i64> {
    number(&sqlx::query("SELECT position FROM restriction_position WHERE id=1").fetch_one(connection).await?, "position")
}

/// Takes the next position.
pub(crate) async fn next_position(connection: &mut AnyConnection) -> Result<i64> {
    let row =
        sqlx::query("UPDATE restriction_position SET position=position+1 WHERE id=1 RETURNING position").fetch_one(connection).await?;
    number(&row, "position")
}
