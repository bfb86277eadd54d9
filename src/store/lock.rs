//! Locks that keep others out who use the same database, whatever process or machine they are in. They are no transactions: what they guard writes in
//! many, so that nobody waits long for the write lock of SQLite.

use crate::store::database::{Database, Result, StoreError};
use sqlx::pool::PoolConnection;
use sqlx::{Any, Executor};
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What only one may do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusive {
    /// A pull, and what changes what a pull compares with.
    Pull,
    /// Planning mails by what each unit got last, and queueing them.
    Plan,
}

impl Exclusive {
    /// Its number on a server, where all programs share the numbers.
    fn number(self) -> i64 {
        match self {
            Exclusive::Pull => 0x6475_6261_6e01,
            Exclusive::Plan => 0x6475_6261_6e02,
        }
    }

    /// What follows the name of the database file.
    fn suffix(self) -> &'static str {
        match self {
            Exclusive::Pull => "-pull",
            Exclusive::Plan => "-plan",
        }
    }

    /// What a person reads who waits in vain.
    fn title(self) -> &'static str {
        match self {
            Exclusive::Pull => "另一次导入",
            Exclusive::Plan => "另一次执行编制邮件",
        }
    }
}

/// How often a lock is tried, and how long.
const PAUSE: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_secs(600);

/// How often a connection with a lock reports to its server, and after which silence the server ends it: the process was stopped, or its machine.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
const SILENT: &str = "SET idle_session_timeout=120000";

/// A lock. It ends with this value, and with the process.
#[derive(Debug)]
pub enum Lock {
    /// Beside the database file.
    File { _file: File },
    /// Of a connection that is closed with this value.
    Server { connection: Arc<Mutex<PoolConnection<Any>>>, reporting: JoinHandle<()> },
}

impl Lock {
    /// Makes sure that the lock is still held. A server may have ended it while this process was stopped.
    ///
    /// # Errors
    /// It is not.
    pub(crate) async fn ensure_held(&self) -> Result<()> {
        match self {
            Lock::File { .. } => Ok(()),
            Lock::Server { connection, .. } => {
                let held = connection.lock().await.execute("SELECT 1").await;
                held.map(drop).map_err(|_| StoreError::Internal("本进程曾经停顿，数据库已解除它的锁定，本次没有写入；请重试".to_owned()))
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Lock::Server { reporting, .. } = self {
            reporting.abort();
        }
    }
}

impl Database {
    /// Takes a lock; it waits until others have released it.
    ///
    /// # Errors
    /// The database fails, the file of the lock cannot be written, or others hold it for ten minutes.
    pub(crate) async fn lock(&self, what: Exclusive) -> Result<Lock> {
        let begin = Instant::now();
        while begin.elapsed() < LONGEST {
            if let Some(lock) = self.try_lock(what).await? {
                return Ok(lock);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Internal(format!("{}{}分钟还没有结束，本次没有执行；请稍后再试", what.title(), LONGEST.as_secs() / 60)))
    }

    async fn try_lock(&self, what: Exclusive) -> Result<Option<Lock>> {
        if let Some(file) = &self.file {
            let mut path = file.path.clone().into_os_string();
            path.push(what.suffix());
            let path = PathBuf::from(path);
            let failed = |error: std::io::Error| StoreError::Open(path.display().to_string(), error.to_string());
            let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
            return match file.try_lock() {
                Ok(()) => Ok(Some(Lock::File { _file: file })),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(failed(error)),
            };
        }
        // between two tries the connection is free for the one that holds the lock
        let mut connection = self.pool.acquire().await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(what.number()).fetch_one(&mut *connection).await?;
        if !taken {
            return Ok(None);
        }
        connection.close_on_drop();
        // before PostgreSQL 14 there is no such limit, and the connection ends with the network alone
        let _ = connection.execute(SILENT).await;
        let connection = Arc::new(Mutex::new(connection));
        let shared = connection.clone();
        let reporting = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SIGN_OF_LIFE).await;
                if shared.lock().await.execute("SELECT 1").await.is_err() {
                    return;
                }
            }
        });
        Ok(Some(Lock::Server { connection, reporting }))
    }
}
