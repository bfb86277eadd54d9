//! The opened database: SQLite or PostgreSQL through one code path (`sqlx::Any`), its migrations, and helpers to read columns.
//!
//! Invariants: columns are TEXT, BIGINT or BYTEA. Statements use `$N`. [`Dialect`] holds every difference between the two databases, and
//! the store contract tests run on both. Only files of `store` hold SQL of this program; `source::sql` runs queries that the office wrote.

use crate::domain::database_url::DatabaseUrl;
use crate::domain::disk_fault::disk_fault;
use crate::domain::register::codes::TooMany;
use crate::domain::secret::hide_all;
use crate::store::database_file::DatabaseFile;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Any, AnyPool, AssertSqlSafe, Connection, Executor, Row, Transaction};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The SQL in which the two databases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The statement that begins a writing transaction. SQLite takes the write lock at once, because a transaction that begins by reading
    /// can fail when it starts to write.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        }
    }

    /// The setting of a connection that writes many rows: more pages stay in memory, so that an index whose order is not that of the rows is not
    /// read and written page by page.
    pub(crate) fn many_pages(self) -> Option<&'static str> {
        match self {
            Dialect::Sqlite => Some("PRAGMA cache_size=-49152"),
            Dialect::Postgres => None,
        }
    }

    /// The statement that begins a transaction whose statements all read the tables as they are at one moment.
    fn begin_reading(self) -> &'static str {
        match self {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// By how much acts may be committed in another order than they began: an act waits half a minute at most for the write lock of SQLite; on a
    /// server the clocks of several machines differ too.
    pub(crate) fn late(self) -> chrono::Duration {
        match self {
            Dialect::Sqlite => chrono::Duration::minutes(1),
            Dialect::Postgres => chrono::Duration::minutes(10),
        }
    }

    /// The lock with which a transaction alone gives rows of a table their numbers. SQLite needs none beside its write lock.
    fn lock_numbers(self, table: &'static str) -> Option<String> {
        match self {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some(format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")),
        }
    }

    /// The clause that makes a claim skip rows which another process is claiming.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Two aggregates: the texts `head` and the bytes `body` of some rows, each joined in the order of their codes. In SQLite the rows must
    /// come from a sorted subquery, whose order its aggregates keep; it concatenates bytes unchanged.
    pub(crate) fn joined_records(self) -> &'static str {
        match self {
            Dialect::Sqlite => "group_concat(head, ''), CAST(group_concat(body, '') AS BLOB)",
            Dialect::Postgres => "string_agg(head, '' ORDER BY code), string_agg(body, ''::BYTEA ORDER BY code)",
        }
    }

    /// The values list of a bulk insert: `(?,?),(?,?)` on SQLite, where the cost of many numbered parameters is quadratic, and
    /// `($1,$2),($3,$4)` on PostgreSQL.
    pub(crate) fn values(self, rows: usize, columns: usize) -> String {
        let mut sql = String::with_capacity(rows * columns * 5);
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..columns {
                if column > 0 {
                    sql.push(',');
                }
                match self {
                    Dialect::Sqlite => sql.push('?'),
                    Dialect::Postgres => sql.push_str(&format!("${}", row * columns + column + 1)),
                }
            }
            sql.push(')');
        }
        sql
    }

    /// The insert verb for rows of which none exists yet. With `OR FAIL` SQLite saves no copy of each changed page to undo the statement, so
    /// a caller must roll back the whole transaction when the statement fails.
    pub(crate) fn insert_or_fail(self) -> &'static str {
        match self {
            Dialect::Sqlite => "INSERT OR FAIL",
            Dialect::Postgres => "INSERT",
        }
    }

    /// The parameters that follow the first `before` ones, which [`Dialect::values`] has used.
    pub(crate) fn parameters_behind<const N: usize>(self, before: usize) -> [String; N] {
        std::array::from_fn(|index| match self {
            Dialect::Sqlite => "?".to_owned(),
            Dialect::Postgres => format!("${}", before + index + 1),
        })
    }
}

/// Rows in one bulk insert statement.
pub(crate) const ROWS_PER_STATEMENT: usize = 200;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database {0}: {1}")]
    Open(String, String),
    #[error(
        "数据库 {0} 没有应答，已等待{1}秒（{2}）。请检查数据库服务是否在运行、网络是否通、config/duban.toml 的 [database] url 是否正确，然后重试；没有改动任何数据"
    )]
    Away(String, u64, String),
    #[error("数据库 {0} 所在的{1}（{2}）")]
    Unwritable(String, &'static str, String),
    #[error("数据库文件 {0} 已损坏或不是数据库（{1}），{RESTORE}")]
    DamagedFile(String, String),
    #[error(
        "database {0} was made by an earlier version of duban, and this version cannot read its tables: begin with a new database and an \
         empty var/ ([database] url in config/duban.toml), and leave the old ones as they are for the version that made them"
    )]
    Earlier(String),
    #[error("database {0} was made by a later version of duban: use that version, or begin with a new database")]
    Later(String),
    #[error(
        "database {0} holds the tables of another program: name a file of its own for duban ([database] url in config/duban.toml); nothing was \
         changed in it"
    )]
    Foreign(String),
    #[error("database {0}: its tables cannot be made")]
    Migrate(String, #[source] MigrateError),
    #[error("{}", fault_text(.0))]
    Sql(#[from] sqlx::Error),
    #[error("stored {what} {key} cannot be read: {detail}")]
    Damaged { what: &'static str, key: String, detail: String },
    #[error(
        "数据库文件 {0} 已被移走或替换，本服务打开着的已不是它，因此不再执行任务、不发邮件。请停止服务，把原文件放回，或按docs/OPERATIONS.md“恢复”办理，再启动"
    )]
    TakenAway(String),
    #[error("another run has written the timeline meanwhile")]
    TimelineMoved,
    #[error("run {0} was taken over by another process")]
    TakenOver(String),
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// Whether the disk below the database takes nothing.
    pub fn is_of_disk(&self) -> bool {
        match self {
            StoreError::Unwritable(..) => true,
            StoreError::Sql(error) => disk_words(error).is_some(),
            _ => false,
        }
    }
}

impl From<TooMany> for StoreError {
    fn from(_: TooMany) -> StoreError {
        StoreError::Internal("a snapshot of more codes than 4 GB hold".into())
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// An opened database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) pool: AnyPool,
    pub(crate) dialect: Dialect,
    /// Whether this opening has made the tables.
    pub(crate) is_new: bool,
    /// This machine and root. It is written into each claim, so that a start after a kill can end the claims of the dead process.
    pub(crate) holder: String,
    /// `None` = the database is on a server.
    pub(crate) file: Option<DatabaseFile>,
}

impl Database {
    /// Opens the database of a configuration url (`sqlite:PATH` relative to `root`, or `postgres://…`) and brings its tables up to date.
    ///
    /// # Errors
    /// The database cannot be reached or created, or another version of the program made it.
    pub(crate) async fn open(root: &Path, address: &DatabaseUrl) -> Result<Database> {
        sqlx::any::install_default_drivers();
        let (url, dialect, shown) = match address {
            DatabaseUrl::Sqlite(path) => {
                let path: PathBuf = root.join(path.trim_start_matches("//"));
                let failed = |error: std::io::Error| match disk_fault(error.kind()) {
                    Some(words) => StoreError::Unwritable(path.display().to_string(), words, error.to_string()),
                    None => StoreError::Open(path.display().to_string(), error.to_string()),
                };
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).map_err(failed)?;
                }
                let absolute = std::path::absolute(&path).map_err(failed)?;
                (sqlite_url(&absolute, "rwc").map_err(failed)?, Dialect::Sqlite, absolute.display().to_string())
            }
            DatabaseUrl::Postgres(postgres) => (postgres.exposed().to_owned(), Dialect::Postgres, address.to_string()),
        };
        // a server may repeat what was sent to it
        let message = |error: &sqlx::Error| hide_all(&error.to_string(), address.passwords());
        let open_error = |error: sqlx::Error| match damage(&error) {
            Some(detail) => StoreError::DamagedFile(shown.clone(), detail),
            None => match disk_words(&error) {
                Some(words) => StoreError::Unwritable(shown.clone(), words, message(&error)),
                None => StoreError::Open(shown.clone(), message(&error)),
            },
        };
        // a pool retries every fault until its time limit and then reports only the time-out, so one connection goes before it
        let mut last = None;
        match tokio::time::timeout(AWAY, reach(dialect, &url, &mut last)).await {
            Ok(reached) => reached.map_err(open_error)?,
            Err(_) => {
                let fault = last.map_or_else(|| "no answer".to_owned(), |error| message(&error));
                return Err(StoreError::Away(shown, AWAY.as_secs(), fault));
            }
        }
        if dialect == Dialect::Sqlite {
            // before the settings of our own connections, which write to the file
            let plain = AnyPoolOptions::new().max_connections(1).connect(&url).await.map_err(open_error)?;
            let is_foreign = is_foreign(&plain).await;
            plain.close().await;
            if is_foreign? {
                return Err(StoreError::Foreign(shown));
            }
            let mut first = <sqlx::AnyConnection as Connection>::connect(&url).await.map_err(open_error)?;
            set_up_sqlite(&mut first).await.map_err(open_error)?;
            first.close().await.map_err(open_error)?;
        }
        // migrations use a pool of their own, because a failed one leaves PostgreSQL's migration lock on its connection
        let migrating = options(dialect, 1).connect(&url).await.map_err(open_error)?;
        let is_new = sqlx::query("SELECT version FROM _sqlx_migrations LIMIT 1").fetch_optional(&migrating).await.ok().flatten().is_none();
        let migrated = match tokio::time::timeout(Duration::from_secs(120), migrate(&migrating, dialect)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(match other_version(&migrating, &shown).await? {
                Some(other) => other,
                None => match std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
                    .find_map(|error| error.downcast_ref().and_then(disk_words))
                {
                    Some(words) => StoreError::Unwritable(shown.clone(), words, hide_all(&error.to_string(), address.passwords())),
                    None => StoreError::Migrate(shown.clone(), error),
                },
            }),
            Err(_) => Err(StoreError::Open(shown.clone(), "the tables are locked by another process".into())),
        };
        migrating.close().await;
        migrated?;
        // a connection that is made later opens the file that is there, and makes none
        let url = match &url.strip_suffix("mode=rwc") {
            Some(address) => format!("{address}mode=rw"),
            None => url,
        };
        let pool = options(dialect, CONNECTIONS).connect(&url).await.map_err(open_error)?;
        let file = database_file(root, address).map_err(|error| StoreError::Open(shown, error.to_string()))?;
        Ok(Database { pool, dialect, is_new, holder: holder(root), file })
    }

    /// Opens an existing database without migrating it; `None` = there is none yet.
    ///
    /// # Errors
    /// The database cannot be reached, or another version of the program made it.
    pub(crate) async fn open_existing(root: &Path, address: &DatabaseUrl) -> Result<Option<Database>> {
        sqlx::any::install_default_drivers();
        let (url, dialect, shown) = match address {
            DatabaseUrl::Sqlite(path) => {
                let path = root.join(path.trim_start_matches("//"));
                if !path.is_file() {
                    return Ok(None);
                }
                let shown = path.display().to_string();
                (sqlite_url(&path, "rw").map_err(|error| StoreError::Open(shown.clone(), error.to_string()))?, Dialect::Sqlite, shown)
            }
            DatabaseUrl::Postgres(postgres) => (postgres.exposed().to_owned(), Dialect::Postgres, address.to_string()),
        };
        let pool =
            AnyPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(5)).connect(&url).await.map_err(|error| {
                match damage(&error) {
                    Some(detail) => StoreError::DamagedFile(shown.clone(), detail),
                    None => StoreError::Open(shown.clone(), hide_all(&error.to_string(), address.passwords())),
                }
            })?;
        let file = database_file(root, address).map_err(|error| StoreError::Open(shown.clone(), error.to_string()))?;
        let database = Database { pool, dialect, is_new: false, holder: holder(root), file };
        if let Err(error) = sqlx::query("SELECT 1 FROM sending").fetch_optional(&database.pool).await {
            if let Some(detail) = damage(&error) {
                database.close().await;
                return Err(StoreError::DamagedFile(shown, detail));
            }
            let is_foreign = dialect == Dialect::Sqlite && is_foreign(&database.pool).await?;
            database.close().await;
            return if is_foreign { Err(StoreError::Foreign(shown)) } else { Ok(None) };
        }
        match other_version(&database.pool, &shown).await? {
            None => Ok(Some(database)),
            Some(other) => {
                database.close().await;
                Err(other)
            }
        }
    }

    /// Opens an SQLite file to look at it only, where nothing can be written: `None` = there is none that can be read so. What a process has written
    /// last and not moved into the file is missing, where the files beside it cannot be used.
    pub(crate) async fn open_to_look(root: &Path, address: &DatabaseUrl) -> Option<Database> {
        sqlx::any::install_default_drivers();
        let DatabaseUrl::Sqlite(path) = address else { return None };
        let path = root.join(path.trim_start_matches("//"));
        let file = database_file(root, address).ok()?;
        for mode in ["ro", "ro&immutable=1"] {
            let url = sqlite_url(&path, mode).ok()?;
            let Ok(pool) = AnyPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(5)).connect(&url).await else {
                continue;
            };
            if sqlx::query("SELECT 1 FROM sending").fetch_optional(&pool).await.is_ok() {
                return Some(Database { pool, dialect: Dialect::Sqlite, is_new: false, holder: String::new(), file });
            }
            pool.close().await;
        }
        None
    }

    /// Looks through an SQLite file for damage, and whether it takes writing. `shown` names it. One that is too large to be looked through within
    /// some seconds counts as whole.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) async fn examine(&self, shown: &str) -> Result<()> {
        if self.dialect == Dialect::Postgres {
            return Ok(());
        }
        let damaged = |detail: String| StoreError::DamagedFile(shown.to_owned(), detail);
        let look = sqlx::query("PRAGMA quick_check(1)").fetch_optional(&self.pool);
        match tokio::time::timeout(EXAMINATION, look).await {
            Ok(Ok(Some(row))) => match row.try_get::<String, _>(0)? {
                found if found == "ok" => {}
                found => return Err(damaged(found)),
            },
            Ok(Err(error)) => return Err(damage(&error).map_or(StoreError::Sql(error), damaged)),
            Ok(Ok(None)) | Err(_) => {}
        }
        match self.begin().await {
            Ok(transaction) => Ok(transaction.rollback().await?),
            // another process is writing
            Err(StoreError::Sql(error)) if may_pass(&error) => Ok(()),
            Err(StoreError::Sql(error)) => Err(match disk_words(&error) {
                Some(words) => StoreError::Unwritable(shown.to_owned(), words, error.to_string()),
                None => StoreError::Sql(error),
            }),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that the file at the path is still the one that is open. A server looks after its own.
    ///
    /// # Errors
    /// Somebody has deleted or replaced it.
    pub(crate) fn ensure_in_place(&self) -> Result<()> {
        match &self.file {
            Some(file) if !file.is_in_place() => Err(StoreError::TakenAway(file.path.display().to_string())),
            _ => Ok(()),
        }
    }

    /// The name of this machine and root without the id: that of a `var/` that was made anew is the same.
    pub(crate) fn place(&self) -> &str {
        self.holder.rsplit_once(':').map_or(&self.holder, |(place, _)| place)
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// The time by the clock of the database's own machine, in milliseconds since 1970; `None` = it is an SQLite file.
    pub(crate) async fn clock(&self) -> Result<Option<i64>> {
        const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT) AS n";
        match self.dialect {
            Dialect::Sqlite => Ok(None),
            Dialect::Postgres => Ok(Some(number(&sqlx::query(NOW).fetch_one(&self.pool).await?, "n")?)),
        }
    }

    /// A transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.pool.begin_with(self.dialect.begin()).await?)
    }

    /// A transaction that will add rows to a table and number them: no other one does so until it has ended.
    pub(crate) async fn begin_numbering(&self, table: &'static str) -> Result<Transaction<'static, Any>> {
        let mut transaction = self.begin().await?;
        if let Some(lock) = self.dialect.lock_numbers(table) {
            sqlx::query(sql(lock)).execute(&mut *transaction).await?;
        }
        Ok(transaction)
    }

    /// A transaction that only reads, and reads everything as it is at one moment.
    pub(crate) async fn begin_reading(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.pool.begin_with(self.dialect.begin_reading()).await?)
    }
}

/// The address by which the driver opens a file. Whatever the path holds is a part of it: `?`, `%`, `#` and spaces are escaped.
fn sqlite_url(path: &Path, mode: &str) -> std::io::Result<String> {
    // an address has no steps to the folder above, so they are gone first
    let folder = path.parent().unwrap_or(Path::new("/")).canonicalize()?;
    let path = folder.join(path.file_name().unwrap_or_default());
    let path = path.to_str().ok_or_else(|| std::io::Error::new(ErrorKind::InvalidInput, "its path is no UTF-8 text"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    let escaped: String =
        path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    Ok(format!("sqlite://{escaped}?mode={mode}"))
}

/// Connections of a process: several runs, a pull and the delivery work at once. Each is made when it is needed first.
const CONNECTIONS: u32 = 12;

/// How long a file is looked through for damage.
const EXAMINATION: Duration = Duration::from_secs(10);

/// How long a database is waited for that does not answer.
const AWAY: Duration = Duration::from_secs(15);
/// How long it is left alone between two attempts, and one attempt may take.
const PAUSE: Duration = Duration::from_millis(300);
const ATTEMPT: Duration = Duration::from_secs(5);

/// Waits until one connection and one query succeed; `last` is the last fault that may end by itself.
///
/// # Errors
/// What no waiting will change.
async fn reach(dialect: Dialect, url: &str, last: &mut Option<sqlx::Error>) -> std::result::Result<(), sqlx::Error> {
    loop {
        match tokio::time::timeout(ATTEMPT, probe(dialect, url)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if !may_pass(&error) => return Err(error),
            Ok(Err(error)) => *last = Some(error),
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Makes one connection and one query.
async fn probe(dialect: Dialect, url: &str) -> std::result::Result<(), sqlx::Error> {
    let mut connection = <sqlx::AnyConnection as Connection>::connect(url).await?;
    let query = match dialect {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_schema",
        Dialect::Postgres => "SELECT 1",
    };
    connection.execute(query).await?;
    connection.close().await
}

/// Whether a fault of opening ends by itself: the network, a server that begins or has no connection free, a file that another process has locked.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        // PostgreSQL: shutting down, crashed, starting up, too many connections; SQLite: busy, locked
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| ["57P01", "57P02", "57P03", "53300", "5", "6"].contains(&code.as_ref()))
        }
        _ => false,
    }
}

/// What is wrong inside a SQLite file; `None` = the fault is another one.
fn damage(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    // SQLITE_CORRUPT and SQLITE_NOTADB with their extensions; the codes of PostgreSQL have five characters
    let code = error.code().filter(|code| code.len() < 5)?.parse::<u32>().ok()?;
    [11, 26].contains(&(code & 0xff)).then(|| error.message().to_owned())
}

/// What is to be read of a fault of the database in place of the driver's words.
fn fault_text(error: &sqlx::Error) -> String {
    match (damage(error), disk_words(error)) {
        (Some(_), _) => format!("数据库文件已损坏，{RESTORE}"),
        (None, Some(words)) => format!("数据库所在的{words}"),
        (None, None) => "database".to_owned(),
    }
}

/// What SQLite reports of the disk below its file, in words: SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN.
fn disk_words(error: &sqlx::Error) -> Option<&'static str> {
    let code = error.as_database_error()?.code().filter(|code| code.len() < 5)?.parse::<u32>().ok()?;
    match code & 0xff {
        13 => disk_fault(ErrorKind::StorageFull),
        8 => disk_fault(ErrorKind::ReadOnlyFilesystem),
        10 => Some("磁盘不能读写：已满，或有故障。请由管理员检查该位置的磁盘，删去不用的文件或更换磁盘，然后重试"),
        14 => Some("文件夹不能写入。请由管理员检查该位置的磁盘和权限，然后重试"),
        _ => None,
    }
}

/// What to do about a damaged file.
const RESTORE: &str = "请停止服务，用备份恢复（docs/OPERATIONS.md“恢复”）；没有备份的，把文件移走后从头开始";

/// The file of an SQLite database that has just been opened.
fn database_file(root: &Path, address: &DatabaseUrl) -> std::io::Result<Option<DatabaseFile>> {
    let DatabaseUrl::Sqlite(path) = address else { return Ok(None) };
    DatabaseFile::opened(std::path::absolute(root.join(path.trim_start_matches("//")))?).map(Some)
}

/// The name of this machine and root, as a claim stores it. Two machines may bear one name and have one path, so the file `var/instance` holds an
/// id of its own.
fn holder(root: &Path) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // where nothing can be written, nothing can be claimed either
    let id = instance_id(&root.join("var/instance")).unwrap_or_default();
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    format!("{}:{}:{id}", host.trim(), root.display())
}

/// The id in a file, which is made where there is none.
fn instance_id(path: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        // a crash has left it without its text
        Ok(_) => std::fs::remove_file(path)?,
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // whole or not at all: another process may make it at the same moment, and the first one counts
    let made = path.with_extension(id.trim());
    std::fs::write(&made, id.as_bytes())?;
    let linked = std::fs::hard_link(&made, path);
    std::fs::remove_file(&made)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(std::fs::read_to_string(path)?.trim().to_owned()),
    }
}

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Brings the tables up to date. SQLite has no lock for migrations, so they run in one transaction whose write lock keeps other processes out.
async fn migrate(pool: &AnyPool, dialect: Dialect) -> std::result::Result<(), MigrateError> {
    match dialect {
        Dialect::Postgres => MIGRATIONS.run(pool).await,
        Dialect::Sqlite => {
            let mut transaction = pool.begin_with(dialect.begin()).await?;
            MIGRATIONS.run(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        }
    }
}

/// Whether a SQLite file holds tables, and none that a migration made. A database on a server may be shared, a file is not.
async fn is_foreign(pool: &AnyPool) -> Result<bool> {
    let rows = sqlx::query("SELECT name FROM sqlite_schema WHERE type=$1").bind("table").fetch_all(pool).await?;
    let names = rows.iter().map(|row| text(row, "name")).collect::<Result<Vec<String>>>()?;
    let mut tables = names.iter().filter(|name| !name.starts_with("sqlite_")).peekable();
    Ok(tables.peek().is_some() && tables.all(|name| name != "_sqlx_migrations"))
}

/// The refusal of a database whose migrations are not those of this version; `None` = they are, or none was applied.
async fn other_version(pool: &AnyPool, shown: &str) -> Result<Option<StoreError>> {
    let Ok(applied) = sqlx::query("SELECT version, checksum FROM _sqlx_migrations").fetch_all(pool).await else { return Ok(None) };
    let mut later = false;
    for row in &applied {
        let (version, checksum) = (number(row, "version")?, row.try_get::<Vec<u8>, _>("checksum")?);
        match MIGRATIONS.iter().find(|known| known.version == version) {
            Some(known) if *known.checksum == *checksum => {}
            Some(_) => return Ok(Some(StoreError::Earlier(shown.to_owned()))),
            None => later = true,
        }
    }
    Ok(later.then(|| StoreError::Later(shown.to_owned())))
}

/// Pool options, with the pragmas of each SQLite connection.
fn options(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(60));
    match dialect {
        Dialect::Postgres => options.after_connect(|connection, _| Box::pin(set_up_postgres(connection))),
        Dialect::Sqlite => options.after_connect(|connection, _| Box::pin(set_up_sqlite(connection))),
    }
}

/// The limits of a connection to a server, in milliseconds: a process that was stopped, or waits for one that was, holds up nobody for ever.
async fn set_up_postgres(connection: &mut sqlx::AnyConnection) -> std::result::Result<(), sqlx::Error> {
    connection.execute("SET statement_timeout=600000").await?;
    connection.execute("SET lock_timeout=60000").await?;
    connection.execute("SET idle_in_transaction_session_timeout=120000").await?;
    Ok(())
}

/// The pragmas of a SQLite connection.
async fn set_up_sqlite(connection: &mut sqlx::AnyConnection) -> std::result::Result<(), sqlx::Error> {
    connection.execute("PRAGMA busy_timeout=30000").await?;
    // takes effect in a new file only; a register of a million rows then needs a quarter of the write calls
    connection.execute("PRAGMA page_size=16384").await?;
    connection.execute("PRAGMA cache_size=-4096").await?;
    // the data to undo a statement is small and needs no file
    connection.execute("PRAGMA temp_store=MEMORY").await?;
    connection.execute("PRAGMA journal_mode=WAL").await?;
    connection.execute("PRAGMA synchronous=FULL").await?;
    Ok(())
}

/// Marks a statement composed at run time as safe. Its parts come from `store` only; values are always bound.
pub(crate) fn sql(text: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(text)
}

/// `count` parameters from `$first` on, as the values of an IN list.
pub(crate) fn parameters(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(",")
}

/// A text column.
pub(crate) fn text(row: &AnyRow, column: &str) -> Result<String> {
    Ok(row.try_get::<String, _>(column)?)
}

/// A whole-number column.
pub(crate) fn number(row: &AnyRow, column: &str) -> Result<i64> {
    Ok(row.try_get::<i64, _>(column)?)
}

/// Parses a JSON column; `what` and `key` name the row in the error.
pub(crate) fn json<T: serde::de::DeserializeOwned>(what: &'static str, key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged { what, key: key.to_owned(), detail: error.to_string() })
}

/// A value as a JSON column.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Internal(format!("cannot write as JSON: {error}")))
}
