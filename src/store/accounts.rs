//! Accounts of the portal. An account is never deleted: the audit names it.

use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Result, number, sql, text};
use sqlx::any::AnyRow;
use std::fmt;

/// An account.
#[derive(Clone)]
pub struct Account {
    pub name: String,
    /// Code of its unit.
    pub unit: String,
    /// The codes of its roles, joined by commas.
    pub roles: String,
    /// In the form of argon2: algorithm, its numbers, salt and hash.
    pub password: String,
    /// When the password was set.
    pub password_set_at: String,
    /// Somebody else set the password, so that its owner has to choose one first.
    pub must_change: bool,
    pub created_at: String,
    pub created_by: String,
    /// Empty = it is in use.
    pub ended_at: String,
    /// The secret of its authenticator, in hex; empty = none.
    pub totp_secret: String,
    /// When the secret was made.
    pub totp_begun_at: String,
    /// A login asks for a code.
    pub has_totp: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Account").field("name", &self.name).field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// What of an account is set.
#[derive(Clone, Copy)]
pub struct NewPassword<'a> {
    /// In the form of argon2.
    pub hash: &'a str,
    /// Its owner has to choose another one first.
    pub must_change: bool,
}

impl fmt::Debug for NewPassword<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewPassword").field("must_change", &self.must_change).finish_non_exhaustive()
    }
}

/// Table `account`.
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'a> {
    pub(super) database: &'a Database,
}

const COLUMNS: &str = "name, unit, roles, password, password_set_at, must_change, created_at, created_by, ended_at";
/// All that is read of an account.
const READ: &str =
    "name, unit, roles, password, password_set_at, must_change, created_at, created_by, ended_at, totp_secret, totp_begun_at, totp_on";

impl Accounts<'_> {
    /// The account of a name, also one that has ended. Capital letters do not matter.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(self, name: &str) -> Result<Option<Account>> {
        let statement = format!("SELECT {READ} FROM account WHERE id=$1");
        let row = sqlx::query(sql(statement)).bind(name.to_lowercase()).fetch_optional(&self.database.pool).await?;
        row.as_ref().map(account).transpose()
    }

    /// All accounts by name, those that have ended last.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self) -> Result<Vec<Account>> {
        let statement = format!("SELECT {READ} FROM account ORDER BY CASE WHEN ended_at='' THEN 0 ELSE 1 END, id");
        let rows = sqlx::query(sql(statement)).fetch_all(&self.database.pool).await?;
        rows.iter().map(account).collect()
    }

    /// Whether an account in use has a role.
    ///
    /// # Errors
    /// The database fails.
    pub async fn holds_any(self, role: &str) -> Result<bool> {
        Ok(self.list().await?.iter().any(|account| account.ended_at.is_empty() && account.roles.split(',').any(|held| held == role)))
    }

    /// Adds an account. Returns `false` if the name is taken.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add(self, name: &str, unit: &str, roles: &str, password: NewPassword<'_>, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let statement = format!("INSERT INTO account (id, {COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,'') ON CONFLICT (id) DO NOTHING");
        let added = sqlx::query(sql(statement))
            .bind(name.to_lowercase())
            .bind(name)
            .bind(unit)
            .bind(roles)
            .bind(password.hash)
            .bind(entry.at)
            .bind(i64::from(password.must_change))
            .bind(entry.at)
            .bind(entry.who)
            .execute(&mut *transaction)
            .await?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        let object = format!("{name} {unit} {roles}");
        AuditedRows::account(&name.to_lowercase()).record(&mut transaction, entry, "account added", &object).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Sets the password of an account in use, and removes a secret that its owner has yet to confirm: whoever knew the old password may have read
    /// it. Returns `false` if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_password(self, name: &str, password: NewPassword<'_>, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let changed = sqlx::query(
            "UPDATE account SET password=$2, password_set_at=$3, must_change=$4, totp_secret=CASE WHEN totp_on=1 THEN totp_secret ELSE '' END \
             WHERE id=$1 AND ended_at=''",
        )
        .bind(name.to_lowercase())
        .bind(password.hash)
        .bind(entry.at)
        .bind(i64::from(password.must_change))
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        let what = if entry.who == name { "account password changed" } else { "account password reset" };
        AuditedRows::account(&name.to_lowercase()).record(&mut transaction, entry, what, name).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends an account in use. Returns `false` if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end(self, name: &str, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let ended = sqlx::query("UPDATE account SET ended_at=$2 WHERE id=$1 AND ended_at=''")
            .bind(name.to_lowercase())
            .bind(entry.at)
            .execute(&mut *transaction)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        AuditedRows::account(&name.to_lowercase()).record(&mut transaction, entry, "account ended", name).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn account(row: &AnyRow) -> Result<Account> {
    Ok(Account {
        name: text(row, "name")?,
        unit: text(row, "unit")?,
        roles: text(row, "roles")?,
        password: text(row, "password")?,
        password_set_at: text(row, "password_set_at")?,
        must_change: number(row, "must_change")? == 1,
        created_at: text(row, "created_at")?,
        created_by: text(row, "created_by")?,
        ended_at: text(row, "ended_at")?,
        totp_secret: text(row, "totp_secret")?,
        totp_begun_at: text(row, "totp_begun_at")?,
        has_totp: number(row, "totp_on")? == 1,
    })
}
