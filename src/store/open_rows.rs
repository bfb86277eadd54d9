//! The open versions of a ledger after its last pull, packed: the next pull compares with them, and reads some parts instead of a row for
//! each record.
//!
//! Invariant: a list that is there says the same as the open versions in `record`.

use crate::domain::register::codes::Codes;
use crate::store::database::{Result, StoreError};
use crate::store::pulls::{Known, Mark};
use futures_util::TryStreamExt;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// One open version.
#[derive(Serialize, Deserialize)]
struct OpenRow<'a> {
    code: &'a str,
    hash: [u8; 16],
    amount: i64,
    mark: Option<Mark>,
}

/// Bytes packed into one part.
const PART_BYTES: usize = 256 * 1024;

/// The list of a snapshot, in the order it was written; `None` = it has none.
pub(crate) async fn read(connection: &mut AnyConnection, ledger: &str, source: &str, seq: i64) -> Result<Option<Codes<Known>>> {
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
            let (OpenRow { code, hash, amount, mark }, left) = postcard::take_from_bytes(rest).map_err(damaged)?;
            known.insert(code, Known { hash, amount, mark })?;
            rest = left;
        }
    }
    Ok(out)
}

/// Puts the list of a snapshot in the place of the one before; `None` leaves none.
pub(crate) async fn replace<'a>(
    connection: &mut AnyConnection,
    (ledger, source, seq): (&str, &str, i64),
    open: Option<impl Iterator<Item = (&'a str, Known)>>,
) -> Result<()> {
    sqlx::query("DELETE FROM open_part WHERE ledger=$1 AND source=$2").bind(ledger).bind(source).execute(&mut *connection).await?;
    let Some(open) = open else { return Ok(()) };
    let (mut body, mut part) = (Vec::with_capacity(PART_BYTES + 1024), 0i64);
    let mut open = open.peekable();
    while let Some((code, Known { hash, amount, mark })) = open.next() {
        body = postcard::to_extend(&OpenRow { code, hash, amount, mark }, body)
            .map_err(|error| StoreError::Lost(format!("cannot pack an open row: {error}")))?;
        if body.len() < PART_BYTES && open.peek().is_some() {
            continue;
        }
        sqlx::query("INSERT INTO open_part (ledger, source, seq, part, body) VALUES ($1,$2,$3,$4,$5)")
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(part)
            .bind(body.as_slice())
            .execute(&mut *connection)
            .await?;
        part += 1;
        body.clear();
    }
    Ok(())
}

/// A row's fingerprint: its layout and cells; the place it stands in the file is no part of it. A version that stands with the same
/// fingerprint in the first form (16 bytes of SHA-256, up to migration 10) keeps it: nothing has changed.
pub(crate) fn fingerprint(layout: i64, body: &[u8], standing: Option<[u8; 16]>) -> [u8; 16] {
    let hash = xxh3_128_with_seed(body, layout as u64).to_le_bytes();
    match standing {
        Some(known) if known != hash => {
            let mut first = Context::new(&SHA256);
            first.update(&layout.to_le_bytes());
            first.update(body);
            if first.finish().as_ref().starts_with(&known) { known } else { hash }
        }
        _ => hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_from_before_stands_while_its_cells_do() {
        let mut first = Context::new(&SHA256);
        first.update(&3i64.to_le_bytes());
        first.update(b"cells");
        let mut before = [0; 16];
        before.copy_from_slice(&first.finish().as_ref()[..16]);
        let now = fingerprint(3, b"cells", None);
        assert_ne!(now, before);
        assert_eq!(fingerprint(3, b"cells", Some(before)), before);
        assert_eq!(fingerprint(3, b"cells", Some(now)), now);
        // another layout, or other cells
        assert_ne!(fingerprint(4, b"cells", Some(before)), before);
        assert_ne!(fingerprint(3, b"other", Some(before)), before);
        assert_ne!(fingerprint(4, b"cells", None), now);
    }
}
