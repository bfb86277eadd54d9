//! The rows of marks of secrecy: what a pull reads and writes of them, and the position that counts what happens to them.

use crate::domain::intake::code_marks::CodeMarks;
use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{ROWS_PER_STATEMENT, Result, number, parameters, sql, text};
use crate::store::open_versions::OPEN;
use futures_util::TryStreamExt;
use sqlx::AnyConnection;

/// Sets the held snapshot with which the marks of some codes end; 0 = none.
pub(crate) async fn set_ends_with(
    connection: &mut AnyConnection,
    (ledger, source): (&str, &str),
    mut codes: impl Iterator<Item = &str>,
    seq: i64,
) -> Result<()> {
    while let Some(part) = next_part(&mut codes) {
        let statement = format!(
            "UPDATE restriction SET ends_with=$1 WHERE ledger=$2 AND source=$3 AND ended=$4 AND ends_with<>$1 AND code IN ({})",
            parameters(5, part.len())
        );
        let mut query = sqlx::query(sql(statement)).bind(seq).bind(ledger).bind(source).bind(OPEN);
        for code in part {
            query = query.bind(code);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Ends the marks of some codes at a position. Returns how many.
pub(crate) async fn end_marks(
    connection: &mut AnyConnection,
    (ledger, source): (&str, &str),
    mut codes: impl Iterator<Item = &str>,
    position: i64,
    at: &str,
) -> Result<u64> {
    let mut ended = 0;
    while let Some(part) = next_part(&mut codes) {
        let statement = format!(
            "UPDATE restriction SET ended=$1, ended_at=$2 WHERE ledger=$3 AND source=$4 AND ended=$5 AND code IN ({})",
            parameters(6, part.len())
        );
        let mut query = sqlx::query(sql(statement)).bind(position).bind(at).bind(ledger).bind(source).bind(OPEN);
        for code in part {
            query = query.bind(code);
        }
        ended += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(ended)
}

/// The next codes for one statement.
pub(crate) fn next_part<T>(rest: &mut impl Iterator<Item = T>) -> Option<Vec<T>> {
    let part: Vec<T> = rest.by_ref().take(ROWS_PER_STATEMENT).collect();
    (!part.is_empty()).then_some(part)
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
pub(crate) async fn open_marks(connection: &mut AnyConnection, ledger: &str, source: &str) -> Result<CodeMarks> {
    let mut rows = sqlx::query("SELECT code, cell FROM restriction WHERE ledger=$1 AND source=$2 AND ended=$3")
        .bind(ledger)
        .bind(source)
        .bind(OPEN)
        .fetch(connection);
    let mut marks = CodeMarks::default();
    while let Some(row) = rows.try_next().await? {
        marks.add(&text(&row, "code")?, "", &text(&row, "cell")?, "")?;
    }
    Ok(marks)
}

/// The codes of the marks of a source that a person has lifted and no row has ended.
pub(crate) async fn lifted_codes(connection: &mut AnyConnection, ledger: &str, source: &str) -> Result<Vec<String>> {
    let statement = "SELECT code FROM restriction WHERE ledger=$1 AND source=$2 AND ended=$3 AND lifted<>$3 ORDER BY code";
    let rows = sqlx::query(statement).bind(ledger).bind(source).bind(OPEN).fetch_all(connection).await?;
    rows.iter().map(|row| text(row, "code")).collect()
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
