//! The files that each run has made.

use crate::store::database::{Database, Result, StoreError, number, text};
use crate::store::named_records::{NamedCodes, insert_named};
use crate::store::runs::Run;

/// What a file of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportKind {
    /// A workbook for the office.
    Workbook,
    /// The text document beside a workbook that contains an official paper.
    Document,
    /// The workbook of one unit (分级材料).
    Pack,
}

impl ReportKind {
    pub const ALL: [ReportKind; 3] = [ReportKind::Workbook, ReportKind::Document, ReportKind::Pack];

    pub fn code(self) -> &'static str {
        match self {
            ReportKind::Workbook => "workbook",
            ReportKind::Document => "document",
            ReportKind::Pack => "pack",
        }
    }
}

/// By which a run names each of its files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportKey {
    /// Id of the template.
    pub template: String,
    pub kind: ReportKind,
    /// Code of the unit of a pack; empty for the other kinds.
    pub unit: String,
}

/// A file of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportFile {
    pub key: ReportKey,
    pub path: String,
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The records it names; stored apart, and empty where the list of files is read.
    pub names: NamedCodes,
}

/// Report files by run.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    pub(super) database: &'a Database,
}

impl Reports<'_> {
    /// Records files of a run, in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add(self, run: &Run, files: &[ReportFile]) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for ReportFile { key, path, sha256, bytes, .. } in files {
            sqlx::query(
                "INSERT INTO report_file (run, template, kind, unit, path, sha256, bytes) VALUES ($1,$2,$3,$4,$5,$6,$7) \
                 ON CONFLICT (run, template, kind, unit) DO UPDATE SET path=excluded.path, sha256=excluded.sha256, bytes=excluded.bytes",
            )
            .bind(&run.id)
            .bind(&key.template)
            .bind(key.kind.code())
            .bind(&key.unit)
            .bind(path)
            .bind(sha256)
            .bind(*bytes as i64)
            .execute(&mut *transaction)
            .await?;
        }
        let named = files.iter().map(|file| (file.path.as_str(), &file.names));
        insert_named(self.database.dialect, &mut transaction, named).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The files of a run, ordered by path.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn list(self, run: &str) -> Result<Vec<ReportFile>> {
        let rows = sqlx::query("SELECT template, kind, unit, path, sha256, bytes FROM report_file WHERE run=$1 ORDER BY path")
            .bind(run)
            .fetch_all(&self.database.pool)
            .await?;
        let file = |row| {
            let code = text(row, "kind")?;
            let damaged = || StoreError::Damaged { what: "report of run", key: run.to_owned(), detail: format!("kind {code}") };
            let kind = ReportKind::ALL.into_iter().find(|kind| kind.code() == code).ok_or_else(damaged)?;
            Ok(ReportFile {
                key: ReportKey { template: text(row, "template")?, kind, unit: text(row, "unit")? },
                path: text(row, "path")?,
                sha256: text(row, "sha256")?,
                bytes: number(row, "bytes")? as u64,
                names: NamedCodes::new(),
            })
        };
        rows.iter().map(file).collect()
    }
}
