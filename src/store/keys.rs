//! Secret keys of the service, by purpose. A key that was replaced still proves what was made with it; a revoked one proves nothing.

use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Result, number, text};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::fmt;

/// The purpose of the keys of feedback forms.
pub const FORMS: &str = "form";

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    pub id: i64,
    pub purpose: String,
    pub valid_from: String,
    /// Empty = in use.
    pub valid_until: String,
    /// Empty = not revoked.
    pub revoked_at: String,
}

/// A key with its secret, which is never printed.
#[derive(Clone)]
pub struct SecretKey {
    pub row: KeyRow,
    pub secret: Vec<u8>,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SecretKey").field("row", &self.row).finish_non_exhaustive()
    }
}

/// The table of keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    pub(super) database: &'a Database,
}

impl Keys<'_> {
    /// The key in use for a purpose; `None` = one has to be made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn current(self, purpose: &str) -> Result<Option<SecretKey>> {
        let statement = "SELECT id, purpose, secret, valid_from, valid_until, revoked_at FROM secret_key \
                         WHERE purpose=$1 AND valid_until='' AND revoked_at='' ORDER BY id DESC LIMIT 1";
        let row = sqlx::query(statement).bind(purpose).fetch_optional(&self.database.pool).await?;
        row.as_ref().map(secret_key).transpose()
    }

    /// A key by its number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(self, id: i64) -> Result<Option<SecretKey>> {
        let statement = "SELECT id, purpose, secret, valid_from, valid_until, revoked_at FROM secret_key WHERE id=$1";
        let row = sqlx::query(statement).bind(id).fetch_optional(&self.database.pool).await?;
        row.as_ref().map(secret_key).transpose()
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self) -> Result<Vec<KeyRow>> {
        let statement = "SELECT id, purpose, valid_from, valid_until, revoked_at FROM secret_key ORDER BY id";
        sqlx::query(statement).fetch_all(&self.database.pool).await?.iter().map(key_row).collect()
    }

    /// Makes the first key of a purpose, unless there is one. Returns the key in use.
    ///
    /// # Errors
    /// The database fails.
    pub async fn make(self, purpose: &str, secret: &[u8], at: &str) -> Result<SecretKey> {
        loop {
            if let Some(key) = self.current(purpose).await? {
                return Ok(key);
            }
            let mut transaction = self.database.begin_numbering("secret_key").await?;
            let statement = "SELECT COUNT(*) AS n FROM secret_key WHERE purpose=$1 AND valid_until='' AND revoked_at=''";
            if number(&sqlx::query(statement).bind(purpose).fetch_one(&mut *transaction).await?, "n")? == 0 {
                let id = insert(&mut transaction, purpose, secret, at).await?;
                let entry = AuditEntry { at, who: "duban", why: "" };
                AuditedRows::key(id).record(&mut transaction, entry, "key made", &format!("{purpose} key {id}")).await?;
            }
            transaction.commit().await?;
        }
    }

    /// Ends the use of the key of a purpose and begins that of a new one. What was made with the old one stays valid. Returns the number of
    /// the new key.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rotate(self, purpose: &str, secret: &[u8], entry: AuditEntry<'_>) -> Result<i64> {
        let mut transaction = self.database.begin_numbering("secret_key").await?;
        let ended = sqlx::query("UPDATE secret_key SET valid_until=$1 WHERE purpose=$2 AND valid_until='' RETURNING id")
            .bind(entry.at)
            .bind(purpose)
            .fetch_all(&mut *transaction)
            .await?;
        for row in &ended {
            let id = number(row, "id")?;
            AuditedRows::key(id).record(&mut transaction, entry, "key ended", &format!("{purpose} key {id}")).await?;
        }
        let id = insert(&mut transaction, purpose, secret, entry.at).await?;
        AuditedRows::key(id).record(&mut transaction, entry, "key rotate", &format!("{purpose} key {id}")).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Revokes a key: nothing that was made with it is taken any more. Returns `false` if there is no such key, or it was revoked before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn revoke(self, id: i64, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let revoked = sqlx::query("UPDATE secret_key SET revoked_at=$1 WHERE id=$2 AND revoked_at=''")
            .bind(entry.at)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        if revoked.rows_affected() == 0 {
            return Ok(false);
        }
        AuditedRows::key(id).record(&mut transaction, entry, "key revoke", &format!("key {id}")).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Inserts a key that is in use from now on. Returns its number.
async fn insert(connection: &mut AnyConnection, purpose: &str, secret: &[u8], at: &str) -> Result<i64> {
    let statement = "INSERT INTO secret_key (id, purpose, secret, valid_from, valid_until, revoked_at) \
                     SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, '', '' FROM secret_key RETURNING id";
    number(&sqlx::query(statement).bind(purpose).bind(secret.to_vec()).bind(at).fetch_one(connection).await?, "id")
}

fn key_row(row: &AnyRow) -> Result<KeyRow> {
    Ok(KeyRow {
        id: number(row, "id")?,
        purpose: text(row, "purpose")?,
        valid_from: text(row, "valid_from")?,
        valid_until: text(row, "valid_until")?,
        revoked_at: text(row, "revoked_at")?,
    })
}

fn secret_key(row: &AnyRow) -> Result<SecretKey> {
    Ok(SecretKey { row: key_row(row)?, secret: row.try_get("secret")? })
}
