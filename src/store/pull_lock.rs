//! The lock that keeps other pulls out, and with them whoever changes what a pull compares with. It is no transaction: a pull writes in many, so
//! that nobody waits long for the write lock of SQLite.

use crate::store::database::{Database, Result, StoreError};
use sqlx::Any;
use sqlx::pool::PoolConnection;
use std::fs::{File, TryLockError};
use std::time::Duration;
use tokio::time::Instant;

/// The number of the lock on a server, where all programs share the numbers.
const NUMBER: i64 = 0x6475_6261_6e01;

/// How often the lock is tried, and how long.
const PAUSE: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_secs(600);

/// The lock of pulls. It ends with this value, and with the process.
#[derive(Debug)]
pub(crate) enum PullLock {
    /// Beside the database file.
    File { _file: File },
    /// Of a connection that is closed with this value.
    Server { _connection: PoolConnection<Any> },
}

impl Database {
    /// Takes the lock of pulls; it waits until others have released it.
    ///
    /// # Errors
    /// The database fails, the file of the lock cannot be written, or others hold it for ten minutes.
    pub(crate) async fn lock_pulls(&self) -> Result<PullLock> {
        let begin = Instant::now();
        while begin.elapsed() < LONGEST {
            if let Some(lock) = self.try_lock_pulls().await? {
                return Ok(lock);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Internal(format!("另一次导入{}分钟还没有结束，本次没有执行；请稍后再试", LONGEST.as_secs() / 60)))
    }

    async fn try_lock_pulls(&self) -> Result<Option<PullLock>> {
        if let Some(path) = &self.lock_file {
            let failed = |error: std::io::Error| StoreError::Open(path.display().to_string(), error.to_string());
            let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
            return match file.try_lock() {
                Ok(()) => Ok(Some(PullLock::File { _file: file })),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(failed(error)),
            };
        }
        // between two tries the connection is free for the one that holds the lock
        let mut connection = self.pool.acquire().await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(NUMBER).fetch_one(&mut *connection).await?;
        if !taken {
            return Ok(None);
        }
        connection.close_on_drop();
        Ok(Some(PullLock::Server { _connection: connection }))
    }
}
