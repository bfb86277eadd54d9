//! Which records each message and each file of a run names, so that a mark of secrecy that comes later finds it.

use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Dialect, ROWS_PER_STATEMENT, Result, StoreError, json, sql, text, to_json};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeSet;
use std::io::{Read, Write};

/// The records that a text names: id of the ledger and code.
pub type NamedCodes = BTreeSet<(String, String)>;

/// A file of a run with the records it names.
#[derive(Clone, Debug)]
pub struct NamingFile {
    pub path: String,
    /// Code of the unit of a pack; empty for the other files.
    pub unit: String,
    pub names: NamedCodes,
}

/// Table `named_records`.
#[derive(Clone, Copy, Debug)]
pub struct NamedRecords<'a> {
    pub(super) database: &'a Database,
}

impl NamedRecords<'_> {
    /// The files of runs with the records they name, by path.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn files(self) -> Result<Vec<NamingFile>> {
        let rows = sqlx::query("SELECT f.path, f.unit, n.body FROM report_file f JOIN named_records n ON n.object=f.path ORDER BY f.path")
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let path = text(row, "path")?;
                Ok(NamingFile { names: unpack(&path, row.try_get("body")?)?, unit: text(row, "unit")?, path })
            })
            .collect()
    }

    /// The records that the packs of a run name, pack by pack.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn of_packs(self, run: &str) -> Result<Vec<NamedCodes>> {
        let rows = sqlx::query(
            "SELECT f.path, n.body FROM report_file f JOIN named_records n ON n.object=f.path WHERE f.run=$1 AND f.unit<>'' ORDER BY f.path",
        )
        .bind(run)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| unpack(&text(row, "path")?, row.try_get("body")?)).collect()
    }

    /// The records that a message or a file names.
    ///
    /// # Errors
    /// The database fails, or the row is damaged.
    pub async fn of(self, object: &str) -> Result<NamedCodes> {
        let row = sqlx::query("SELECT body FROM named_records WHERE object=$1").bind(object).fetch_optional(&self.database.pool).await?;
        row.map_or_else(|| Ok(NamedCodes::new()), |row| unpack(object, row.try_get("body")?))
    }
}

/// Stores which records messages or files name, and in the audit as what; one of the same name is replaced. `part`: the run of the messages, or
/// the folder of the files.
pub(crate) async fn insert_named<'a>(
    dialect: Dialect,
    transaction: &mut Transaction<'static, Any>,
    part: &str,
    at: &str,
    objects: impl Iterator<Item = (&'a str, &'a NamedCodes)>,
) -> Result<()> {
    let objects: Vec<(&str, &NamedCodes)> = objects.filter(|(_, names)| !names.is_empty()).collect();
    if objects.is_empty() {
        return Ok(());
    }
    for rows in objects.chunks(ROWS_PER_STATEMENT) {
        let statement = format!(
            "INSERT INTO named_records (object, part, body) VALUES {} \
             ON CONFLICT (object) DO UPDATE SET part=excluded.part, body=excluded.body",
            dialect.values(rows.len(), 3)
        );
        let mut query = sqlx::query(sql(statement));
        for (object, names) in rows {
            query = query.bind(*object).bind(part).bind(pack(names)?);
        }
        query.execute(&mut **transaction).await?;
    }
    let entry = AuditEntry { at, who: "duban", why: "" };
    AuditedRows::named(part).record(transaction, entry, "records named", part).await
}

fn pack(names: &NamedCodes) -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let failed = |error: std::io::Error| StoreError::Internal(format!("packing the records of a text: {error}"));
    encoder.write_all(to_json(names)?.as_bytes()).map_err(failed)?;
    encoder.finish().map_err(failed)
}

pub(crate) fn unpack(object: &str, body: &[u8]) -> Result<NamedCodes> {
    let mut text = String::new();
    let damaged =
        |error: std::io::Error| StoreError::Damaged { what: "records of text", key: object.to_owned(), detail: error.to_string() };
    ZlibDecoder::new(body).read_to_string(&mut text).map_err(damaged)?;
    json("records of text", object, &text)
}
