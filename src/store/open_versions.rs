//! The open versions of a ledger after its last pull, packed in a few rows, so that the next pull does not read one row per record to compare
//! with them.
//!
//! A pull behind a held or discarded snapshot stores no list, and the pull after it reads table `record` instead.
//!
//! Invariant: a stored list equals the open versions in table `record`.

use crate::domain::register::codes::Codes;
use crate::store::database::{Dialect, Result, StoreError, sql};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Fingerprint of a row's cells in the file and of everything else its reading depends on. Two rows with the same one give the same record.
pub type RowFingerprint = [u8; 16];

/// A version that the newest snapshot still contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenVersion {
    pub(crate) hash: [u8; 16],
    pub(crate) amount: i64,
    pub(crate) row_fingerprint: Option<RowFingerprint>,
}

/// One open version as postcard stores it: the order of the fields is the format.
#[derive(Serialize, Deserialize)]
struct PackedVersion<'a> {
    code: &'a str,
    hash: [u8; 16],
    amount: i64,
    row_fingerprint: Option<RowFingerprint>,
}

/// `last_seq` of an open version.
pub(crate) const OPEN: i64 = i64::MAX;

/// Bytes in one part.
pub(crate) const PART_BYTES: usize = 256 * 1024;

/// The list of a snapshot, in the order in which it was written; `None` = the snapshot has none.
///
/// # Errors
/// The database fails, or a part is damaged.
pub(crate) async fn read(connection: &mut AnyConnection, ledger: &str, source: &str, seq: i64) -> Result<Option<Codes<OpenVersion>>> {
    let mut rows = sqlx::query("SELECT body FROM open_part WHERE ledger=$1 AND source=$2 AND seq=$3 ORDER BY part")
        .bind(ledger)
        .bind(source)
        .bind(seq)
        .fetch(connection);
    let mut out = None;
    while let Some(row) = rows.try_next().await? {
        let known = out.get_or_insert_with(Codes::default);
        let mut rest: &[u8] = row.try_get(0)?;
        while !rest.is_empty() {
            let damaged = |error: postcard::Error| StoreError::Damaged {
                what: "open rows",
                key: format!("{ledger}/{source}/{seq}"),
                detail: error.to_string(),
            };
            let (PackedVersion { code, hash, amount, row_fingerprint }, left) = postcard::take_from_bytes(rest).map_err(damaged)?;
            known.insert(code, OpenVersion { hash, amount, row_fingerprint })?;
            rest = left;
        }
    }
    Ok(out)
}

/// One part of a list.
pub(crate) struct OpenPart {
    number: i64,
    body: Vec<u8>,
}

/// A list in parts. An item that cannot be packed is an error.
pub(crate) fn parts<'a>(open: impl Iterator<Item = (&'a str, OpenVersion)>) -> impl Iterator<Item = Result<OpenPart>> {
    let (mut open, mut number) = (open, 0);
    std::iter::from_fn(move || {
        let mut body = Vec::with_capacity(PART_BYTES + 1024);
        for (code, OpenVersion { hash, amount, row_fingerprint }) in open.by_ref() {
            body = match postcard::to_extend(&PackedVersion { code, hash, amount, row_fingerprint }, body) {
                Ok(body) => body,
                Err(error) => return Some(Err(StoreError::Internal(format!("cannot pack an open row: {error}")))),
            };
            if body.len() >= PART_BYTES {
                break;
            }
        }
        number += 1;
        (!body.is_empty()).then_some(Ok(OpenPart { number: number - 1, body }))
    })
}

/// Adds a part of the list of a snapshot.
///
/// # Errors
/// The database fails.
pub(crate) async fn add(connection: &mut AnyConnection, (ledger, source, seq): (&str, &str, i64), part: &OpenPart) -> Result<()> {
    sqlx::query("INSERT INTO open_part (ledger, source, seq, part, body) VALUES ($1,$2,$3,$4,$5)")
        .bind(ledger)
        .bind(source)
        .bind(seq)
        .bind(part.number)
        .bind(part.body.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the lists of other snapshots of the source's ledger.
///
/// # Errors
/// The database fails.
pub(crate) async fn remove_others(connection: &mut AnyConnection, (ledger, source, seq): (&str, &str, i64)) -> Result<()> {
    sqlx::query("DELETE FROM open_part WHERE ledger=$1 AND source=$2 AND seq<>$3")
        .bind(ledger)
        .bind(source)
        .bind(seq)
        .execute(connection)
        .await?;
    Ok(())
}

/// The versions that a condition selects, by code; `seq` fills `$3`.
pub(crate) async fn versions(
    connection: &mut AnyConnection,
    ledger: &str,
    source: &str,
    condition: &'static str,
    seq: i64,
) -> Result<Codes<OpenVersion>> {
    let statement = format!("SELECT code, hash, amount FROM record WHERE ledger=$1 AND source=$2 AND {condition}");
    let mut rows = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(seq).fetch(connection);
    let mut out = Codes::default();
    while let Some(row) = rows.try_next().await? {
        let hash: &[u8] = row.try_get(1)?;
        let hash = hash.try_into().map_err(|_| StoreError::Damaged { what: "record", key: ledger.to_owned(), detail: "hash".into() })?;
        out.insert(row.try_get(0)?, OpenVersion { hash, amount: row.try_get(2)?, row_fingerprint: None })?;
    }
    Ok(out)
}

/// Closes the open versions of codes as of the previous snapshot.
pub(crate) async fn close(
    connection: &mut AnyConnection,
    dialect: Dialect,
    (ledger, source, seq): (&str, &str, i64),
    codes: &[impl AsRef<str>],
) -> Result<()> {
    if codes.is_empty() {
        return Ok(());
    }
    let list = match dialect {
        Dialect::Sqlite => vec!["?"; codes.len()].join(","),
        Dialect::Postgres => (0..codes.len()).map(|index| format!("${}", index + 6)).collect::<Vec<_>>().join(","),
    };
    let (a, b, c, d, e) = match dialect {
        Dialect::Sqlite => ("?", "?", "?", "?", "?"),
        Dialect::Postgres => ("$1", "$2", "$3", "$4", "$5"),
    };
    let statement =
        format!("UPDATE record SET last_seq={a} WHERE ledger={b} AND source={c} AND last_seq={d} AND first_seq<{e} AND code IN ({list})");
    let mut query = sqlx::query(sql(statement)).bind(seq - 1).bind(ledger).bind(source).bind(OPEN).bind(seq);
    for code in codes {
        query = query.bind(code.as_ref());
    }
    query.execute(connection).await?;
    Ok(())
}

/// Checks that the packed list equals the open versions.
#[cfg(debug_assertions)]
pub(crate) fn assert_same(packed: &Codes<OpenVersion>, open: &Codes<OpenVersion>) {
    let sorted = |codes: &Codes<OpenVersion>| {
        codes.iter().map(|(code, known)| (code.to_owned(), (known.hash, known.amount))).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(sorted(packed), sorted(open), "the list of open rows differs from the records");
}

/// The hash of a record's layout and cells, without its place in the file.
pub(crate) fn content_hash(layout: i64, body: &[u8]) -> [u8; 16] {
    xxh3_128_with_seed(body, layout as u64).to_le_bytes()
}
