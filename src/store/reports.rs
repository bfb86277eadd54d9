//! The files that each run has made.

use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Result, StoreError, number, sql, text};
use crate::store::named_records::{NamedCodes, insert_named};
use crate::store::runs::{Run, RunState};
use sqlx::any::AnyRow;

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

/// A file with the run that made it.
#[derive(Clone, Debug)]
pub struct FiledReport {
    pub file: ReportFile,
    pub job: String,
    pub as_of: String,
    pub revision: i64,
    /// When the run ended.
    pub made_at: String,
    /// A later revision of the run has made it anew.
    pub is_superseded: bool,
}

/// Which files a list contains; an empty text excludes nothing.
#[derive(Clone, Debug, Default)]
pub struct ReportFilter {
    pub job: String,
    pub as_of: String,
    /// Code of a unit: only its packs.
    pub unit: String,
    /// A part of the file's name.
    pub name: String,
    /// Also files that a later revision of their run has made anew.
    pub with_superseded: bool,
}

/// The columns of a [`FiledReport`].
const FILED: &str = "f.run, f.template, f.kind, f.unit, f.path, f.sha256, f.bytes, r.job, r.as_of, r.revision, r.finished_at";
/// Whether a later revision of the run, ended with one of the first two parameters, has made the file anew.
const SUPERSEDED: &str = "EXISTS (SELECT 1 FROM run later JOIN report_file anew ON anew.run=later.id WHERE later.job=r.job AND later.key=r.key AND \
                          later.revision>r.revision AND later.state IN ($1,$2) AND anew.template=f.template AND anew.kind=f.kind AND anew.unit=f.unit)";

/// Report files by run.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    pub(super) database: &'a Database,
}

impl Reports<'_> {
    /// Records files of a run in a folder, in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add(self, run: &Run, folder: &str, files: &[ReportFile], at: &str) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for (ReportFile { key, path, sha256, bytes, .. }, no) in files.iter().zip(0_i64..) {
            sqlx::query(
                "INSERT INTO report_file (run, template, kind, unit, path, sha256, bytes, no) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) \
                 ON CONFLICT (run, template, kind, unit) DO UPDATE SET path=excluded.path, sha256=excluded.sha256, bytes=excluded.bytes, \
                 no=excluded.no",
            )
            .bind(&run.id)
            .bind(&key.template)
            .bind(key.kind.code())
            .bind(&key.unit)
            .bind(path)
            .bind(sha256)
            .bind(*bytes as i64)
            .bind(no)
            .execute(&mut *transaction)
            .await?;
        }
        let named = files.iter().map(|file| (file.path.as_str(), &file.names));
        insert_named(self.database.dialect, &mut transaction, folder, at, named).await?;
        let entry = AuditEntry { at, who: "duban", why: "" };
        AuditedRows::files(&run.id).record(&mut transaction, entry, "files made", folder).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A page of the files of ended runs, the latest day first, packs in administrative order; and how many there are.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn page(self, filter: &ReportFilter, first: i64, count: i64) -> Result<(Vec<FiledReport>, i64)> {
        let from = format!(
            "FROM report_file f JOIN run r ON r.id=f.run WHERE r.state IN ($1,$2) AND ($3='' OR r.job=$3) AND ($4='' OR r.as_of=$4) AND \
             ($5='' OR f.unit=$5) AND ($6='' OR LOWER(f.path) LIKE LOWER($6) ESCAPE '!') AND ($7=1 OR NOT {SUPERSEDED})"
        );
        let like = if filter.name.is_empty() { String::new() } else { contains(&filter.name) };
        let bound = |statement: String| {
            sqlx::query(sql(statement))
                .bind(RunState::Done.code())
                .bind(RunState::Partial.code())
                .bind(filter.job.clone())
                .bind(filter.as_of.clone())
                .bind(filter.unit.clone())
                .bind(like.clone())
                .bind(i64::from(filter.with_superseded))
        };
        let total = bound(format!("SELECT COUNT(*) AS n {from}")).fetch_one(&self.database.pool).await?;
        let order = "ORDER BY r.as_of DESC, r.finished_at DESC, f.kind DESC, f.no, f.path LIMIT $8 OFFSET $9";
        let rows = bound(format!("SELECT {FILED}, CASE WHEN {SUPERSEDED} THEN 1 ELSE 0 END AS superseded {from} {order}"))
            .bind(count)
            .bind(first)
            .fetch_all(&self.database.pool)
            .await?;
        Ok((rows.iter().map(filed).collect::<Result<_>>()?, number(&total, "n")?))
    }

    /// The file at a path, if a run has made it.
    ///
    /// # Errors
    /// The database fails, or the row is damaged.
    pub async fn at(self, path: &str) -> Result<Option<FiledReport>> {
        let statement = format!(
            "SELECT {FILED}, CASE WHEN {SUPERSEDED} THEN 1 ELSE 0 END AS superseded FROM report_file f JOIN run r ON r.id=f.run WHERE f.path=$3 \
             ORDER BY r.revision DESC LIMIT 1"
        );
        let row = sqlx::query(sql(statement)).bind(RunState::Done.code()).bind(RunState::Partial.code()).bind(path);
        let row = row.fetch_optional(&self.database.pool).await?;
        row.as_ref().map(filed).transpose()
    }

    /// The days of the files, the latest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn days(self) -> Result<Vec<String>> {
        let rows = sqlx::query("SELECT DISTINCT r.as_of FROM report_file f JOIN run r ON r.id=f.run ORDER BY r.as_of DESC")
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| text(row, "as_of")).collect()
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
        rows.iter().map(|row| report_file(row, run)).collect()
    }
}

fn report_file(row: &AnyRow, run: &str) -> Result<ReportFile> {
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
}

fn filed(row: &AnyRow) -> Result<FiledReport> {
    Ok(FiledReport {
        file: report_file(row, &text(row, "run")?)?,
        job: text(row, "job")?,
        as_of: text(row, "as_of")?,
        revision: number(row, "revision")?,
        made_at: text(row, "finished_at")?,
        is_superseded: number(row, "superseded")? == 1,
    })
}

/// A pattern for LIKE … ESCAPE '!' that matches a text with this part.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
