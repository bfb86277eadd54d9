//! A query of another database as a sheet whose first row holds the column names: the body of a child process. Rows are streamed, and a value is
//! passed on as text where a number would lose digits.
//!
//! Invariant: nothing is written to that database. SQLite is opened `mode=ro` with `query_only`; PostgreSQL reads in a READ ONLY transaction, and the
//! query is prepared first, which refuses a second statement.

use crate::domain::database_url::DatabaseUrl;
use crate::domain::disk_fault::in_words;
use crate::domain::intake::raw::{Raw, RawRow};
use crate::domain::secret::{Secret, hide_all, without_passwords_of_addresses};
use crate::source::bounds::RowBudget;
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::refusal::{ReadError, Refusal};
use futures_util::TryStreamExt;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Executor, Row, Statement, TypeInfo, ValueRef};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A query with its database and limits.
#[derive(Clone, Serialize, Deserialize)]
pub struct Query {
    /// The source's name, for messages.
    pub source: String,
    pub database: Database,
    /// SQL.
    pub text: String,
    pub rows_max: u32,
    pub columns_max: u32,
    pub timeout: Duration,
}

/// The database of a query, with its password: the process that runs the query gets it through a pipe.
#[derive(Clone, Serialize, Deserialize)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres { url: String, password: Option<String> },
}

/// Without the text, which may hold a password of another database.
impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Query {
    /// The refusal of a query that took too long.
    pub fn timed_out(&self) -> Refusal {
        Refusal::new(format!("查询超过{}秒，已停止", self.timeout.as_secs()), self.hint("query，或加大timeout_seconds"))
    }

    /// The hint to check keys of this source in the configuration.
    fn hint(&self, keys: &str) -> String {
        format!("请核对config/duban.toml中来源“{}”的{keys}", self.source)
    }

    /// A message of the database or the driver, which may repeat a password or a part of the query.
    fn message(&self, text: &str) -> String {
        let text = without_passwords_of_addresses(text, true);
        match &self.database {
            Database::Sqlite(_) => text,
            Database::Postgres { url, password } => {
                let password = password.as_deref().map(Secret::new);
                let of_url = DatabaseUrl::parse(url).map(|url| url.passwords().to_vec()).unwrap_or_default();
                hide_all(&text, of_url.iter().chain(&password))
            }
        }
    }

    fn refused(&self, error: &sqlx::Error) -> Refusal {
        match error {
            sqlx::Error::Database(error) => match error.code().as_deref() {
                // PostgreSQL's and SQLite's code of a query that was stopped
                Some("57014" | "9") => self.timed_out(),
                Some("25006" | "8") => Refusal::new("查询要写入数据，已拒绝", self.hint("query，来源只能读取")),
                Some(code) if code.starts_with("28") => Refusal::new(
                    format!("数据库不允许登录：{}", self.message(error.message())),
                    self.hint("database中的用户和password_file"),
                ),
                Some("3D000") => Refusal::new(format!("没有这个数据库：{}", self.message(error.message())), self.hint("database")),
                Some("14" | "26") => Refusal::new(format!("数据库文件无法打开：{}", self.message(error.message())), self.hint("database")),
                _ => Refusal::new(format!("查询有误：{}", self.message(error.message())), self.hint("query")),
            },
            sqlx::Error::Io(error) => {
                Refusal::new(format!("连不上数据库：{}", in_words(error)), self.hint("database，并检查数据库是否启动、网络是否畅通"))
            }
            sqlx::Error::Tls(error) => Refusal::new(format!("与数据库的加密连接失败：{error}"), self.hint("database中的sslmode")),
            sqlx::Error::Configuration(_) => Refusal::new("数据库地址写法有误", self.hint("database，密码中的特殊字符请改用password_file")),
            error => Refusal::new(format!("读取中断：{}", self.message(&error.to_string())), "请重试"),
        }
    }
}

/// Runs the query on `runtime` and writes its rows to `out`, then their fingerprint, which does not depend on their order. A refusal is a frame
/// too.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn run(runtime: &Runtime, query: &Query, out: &mut FrameWriter<impl Write>) -> std::io::Result<()> {
    // rows are bounded by their number and length; there is no file that they could be out of proportion to
    out.set_budget(RowBudget::of_file(u64::MAX));
    let read = runtime.block_on(async {
        // the database has a time limit of its own; this one is for a database that never answers
        match tokio::time::timeout(query.timeout, read(query, out)).await {
            Ok(read) => read,
            Err(_) => Err(query.timed_out().into()),
        }
    });
    match read {
        Ok(fingerprint) => out.fingerprint(&fingerprint).and_then(|()| out.end()),
        Err(ReadError::Refused(refusal)) => out.refuse(refusal.reason, refusal.hint),
        Err(ReadError::Io(error)) => Err(error),
    }
}

/// Writes the rows of the query, and returns their fingerprint.
///
/// # Errors
/// The database cannot be reached, the query is wrong or does more than read, there are more rows than allowed, or `out` cannot be written.
async fn read<W: Write>(query: &Query, out: &mut FrameWriter<W>) -> Result<String, ReadError> {
    let rows = RowSender { query, out, number: 0, head: Context::new(&SHA256), sum: [0; 4] };
    match &query.database {
        Database::Sqlite(path) => read_sqlite(query, path, rows).await,
        Database::Postgres { url, password } => read_postgres(query, url, password.as_deref(), rows).await,
    }
}

async fn read_sqlite<W: Write>(query: &Query, path: &Path, mut rows: RowSender<'_, W>) -> Result<String, ReadError> {
    let refused = |error: sqlx::Error| query.refused(&error);
    if !path.is_file() {
        return Err(Refusal::new(format!("数据库文件{}不存在", path.display()), query.hint("database")).into());
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .pragma("query_only", "on")
        // a sort that is too large for memory would need a file, which this process cannot make
        .pragma("temp_store", "memory")
        .busy_timeout(Duration::from_secs(30))
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(refused)?;
    let deadline = Instant::now() + query.timeout;
    // the time limit of a query that returns no row
    connection.lock_handle().await.map_err(refused)?.set_progress_handler(10_000, move || Instant::now() < deadline);
    let statement = (&mut connection).prepare(sql(query)).await.map_err(refused)?;
    let names: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    rows.names(&names)?;
    {
        let mut found = sqlx::query(AssertSqlSafe(query.text.clone())).fetch(&mut connection);
        while let Some(row) = found.try_next().await.map_err(refused)? {
            rows.push((0..names.len()).filter_map(|column| Some((column as u16, sqlite_cell(&row, column)?))).collect())?;
        }
    }
    let _ = connection.close().await;
    Ok(rows.end())
}

async fn read_postgres<W: Write>(
    query: &Query,
    url: &str,
    password: Option<&str>,
    mut rows: RowSender<'_, W>,
) -> Result<String, ReadError> {
    let refused = |error: sqlx::Error| query.refused(&error);
    let mut options: PgConnectOptions = url.parse().map_err(refused)?;
    if let Some(password) = password {
        options = options.password(password);
    }
    let mut connection = options.application_name("duban").disable_statement_logging().connect().await.map_err(refused)?;
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'Asia/Shanghai'; SET LOCAL DateStyle = 'ISO, YMD'; \
         SET LOCAL extra_float_digits = 1",
        query.timeout.as_millis()
    );
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(refused)?;
    let statement = (&mut connection).prepare(sql(query)).await.map_err(refused)?;
    let names: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let kinds: Vec<Kind> = statement.columns().iter().map(|column| Kind::of(column.type_info().name())).collect();
    rows.names(&names)?;
    {
        // the simple protocol sends every type as text: decimals with all digits, dates in ISO format
        let mut found = sqlx::raw_sql(AssertSqlSafe(query.text.clone())).fetch(&mut connection);
        while let Some(row) = found.try_next().await.map_err(refused)? {
            let cells = kinds.iter().enumerate().filter_map(|(column, kind)| Some((column as u16, postgres_cell(&row, column, *kind)?)));
            rows.push(cells.collect())?;
        }
    }
    let _ = connection.close().await;
    Ok(rows.end())
}

/// The SQL text. It is safe to run because it comes from the configuration, which only the operator of the service writes.
fn sql(query: &Query) -> sqlx::SqlStr {
    use sqlx::SqlSafeStr;
    AssertSqlSafe(query.text.clone()).into_sql_str()
}

/// How a PostgreSQL column is read.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Float,
    Day,
    Bytes,
    Text,
}

impl Kind {
    fn of(name: &str) -> Kind {
        match name {
            "BOOL" => Kind::Bool,
            "FLOAT4" | "FLOAT8" => Kind::Float,
            "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => Kind::Day,
            "BYTEA" => Kind::Bytes,
            _ => Kind::Text,
        }
    }
}

/// A value of a type that cannot be shown.
const UNREADABLE: Raw<'static> = Raw::Error(std::borrow::Cow::Borrowed("（无法识别的内容）"));

fn postgres_cell(row: &PgRow, column: usize, kind: Kind) -> Option<Raw<'_>> {
    let Ok(value) = row.try_get_raw(column) else { return Some(UNREADABLE) };
    if value.is_null() {
        return None;
    }
    let Ok(text) = value.as_str() else { return Some(UNREADABLE) };
    Some(match kind {
        Kind::Bool => Raw::Bool(text == "t"),
        Kind::Float => text.parse().map_or(UNREADABLE, Raw::Number),
        Kind::Day => day(text).unwrap_or(Raw::Text(text.into())),
        Kind::Bytes => UNREADABLE,
        Kind::Text if text.is_empty() => return None,
        Kind::Text => Raw::Text(text.into()),
    })
}

/// The day of `2026-09-30` or `2026-09-30 12:00:00+08`; `None` for `infinity` and dates before Christ.
fn day(text: &str) -> Option<Raw<'static>> {
    if text.ends_with("BC") {
        return None;
    }
    let mut parts = text.get(..10)?.split('-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Raw::Date(year, month, day))
}

/// The value of a SQLite column: its type is that of the value, not of the column.
fn sqlite_cell(row: &SqliteRow, column: usize) -> Option<Raw<'_>> {
    let Ok(value) = row.try_get_raw(column) else { return Some(UNREADABLE) };
    if value.is_null() {
        return None;
    }
    let name = value.type_info().name().to_owned();
    let raw = match name.as_str() {
        "INTEGER" => <i64 as Decode<sqlx::Sqlite>>::decode(value).map(|number| Raw::Text(number.to_string().into())),
        "REAL" => <f64 as Decode<sqlx::Sqlite>>::decode(value).map(Raw::Number),
        "TEXT" => <String as Decode<sqlx::Sqlite>>::decode(value).map(|text| Raw::Text(text.into())),
        _ => Ok(UNREADABLE),
    };
    match raw {
        Ok(Raw::Text(text)) if text.is_empty() => None,
        raw => Some(raw.unwrap_or(UNREADABLE)),
    }
}

/// Writes rows and hashes them.
struct RowSender<'q, W: Write> {
    query: &'q Query,
    out: &'q mut FrameWriter<W>,
    /// Number of the last row; the column names are row 1.
    number: u32,
    /// Hash of the column names.
    head: Context,
    /// Sum of the hashes of all rows, since a database returns rows in any order.
    sum: [u64; 4],
}

impl<W: Write> RowSender<'_, W> {
    /// Sends the sheet with its first row, the column names.
    fn names(&mut self, names: &[String]) -> Result<(), ReadError> {
        if names.is_empty() {
            return Err(Refusal::new("查询没有结果列", self.query.hint("query，应为SELECT")).into());
        }
        if names.len() > self.query.columns_max as usize {
            let reason = format!("查询结果有{}列，超出{}列的限度", names.len(), self.query.columns_max);
            return Err(Refusal::new(reason, self.query.hint("query，只列出需要的列")).into());
        }
        self.out.sheet(Sheet { visible: true, ..Sheet::default() })?;
        let cells: Vec<(u16, Raw<'_>)> =
            names.iter().enumerate().map(|(column, name)| (column as u16, Raw::Text(name.as_str().into()))).collect();
        let mut row = self.row(cells);
        hash(&mut self.head, &row);
        self.out.row(&mut row)
    }

    fn push(&mut self, cells: Vec<(u16, Raw<'_>)>) -> Result<(), ReadError> {
        if self.number > self.query.rows_max {
            let reason = format!("查询结果超过{}行", self.query.rows_max);
            return Err(Refusal::new(reason, self.query.hint("query，或加大rows_max")).into());
        }
        let mut row = self.row(cells);
        let mut hasher = Context::new(&SHA256);
        hash(&mut hasher, &row);
        for (sum, part) in self.sum.iter_mut().zip(hasher.finish().as_ref().chunks_exact(8)) {
            *sum = sum.wrapping_add(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
        self.out.row(&mut row)
    }

    fn row<'r>(&mut self, cells: Vec<(u16, Raw<'r>)>) -> RawRow<'r> {
        self.number += 1;
        RawRow { number: self.number, hidden: false, cells }
    }

    /// The fingerprint of all rows.
    fn end(mut self) -> String {
        self.head.update(&self.number.to_le_bytes());
        for part in self.sum {
            self.head.update(&part.to_le_bytes());
        }
        hex::encode(self.head.finish())
    }
}

/// Adds the cells of a row to a hash; its number is not part of it.
fn hash(hasher: &mut Context, row: &RawRow<'_>) {
    for (column, raw) in &row.cells {
        let text = raw.display();
        hasher.update(&column.to_le_bytes());
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
}
