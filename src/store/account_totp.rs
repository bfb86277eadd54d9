//! The second factor of accounts: the secret of an authenticator, the last step whose code was used, and recovery codes.

use crate::store::accounts::Accounts;
use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::audited_rows::AuditedRows;
use crate::store::database::Result;

impl Accounts<'_> {
    /// Stores a secret that its owner has yet to confirm by a code.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin_totp(self, name: &str, secret: &str, at: &str) -> Result<()> {
        sqlx::query("UPDATE account SET totp_secret=$2, totp_begun_at=$3 WHERE id=$1 AND totp_on=0")
            .bind(name.to_lowercase())
            .bind(secret)
            .bind(at)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Puts a stored secret into use, with the step of the code that confirmed it and the sha256 of the recovery codes. Returns `false` if another
    /// one is stored by now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn confirm_totp(self, name: &str, secret: &str, step: i64, recovery: &[String], entry: AuditEntry<'_>) -> Result<bool> {
        let id = name.to_lowercase();
        let mut transaction = self.database.begin().await?;
        let confirmed = sqlx::query("UPDATE account SET totp_on=1, totp_step=$2 WHERE id=$1 AND totp_on=0 AND totp_secret=$3");
        if confirmed.bind(&id).bind(step).bind(secret).execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM account_recovery WHERE account=$1").bind(&id).execute(&mut *transaction).await?;
        for code in recovery {
            let insert = sqlx::query("INSERT INTO account_recovery (account, code) VALUES ($1,$2)");
            insert.bind(&id).bind(code).execute(&mut *transaction).await?;
        }
        AuditedRows::account(&id).record(&mut transaction, entry, "account code begun", name).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Uses the code of a step up. Returns `false` if it, or a later one, was used before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn use_step(self, name: &str, step: i64) -> Result<bool> {
        let used = sqlx::query("UPDATE account SET totp_step=$2 WHERE id=$1 AND totp_step<$2")
            .bind(name.to_lowercase())
            .bind(step)
            .execute(&self.database.pool)
            .await?;
        Ok(used.rows_affected() == 1)
    }

    /// Uses a recovery code up, by its sha256. Returns `false` if there is none such.
    ///
    /// # Errors
    /// The database fails.
    pub async fn use_recovery(self, name: &str, code_sha256: &str, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let used = sqlx::query("DELETE FROM account_recovery WHERE account=$1 AND code=$2")
            .bind(name.to_lowercase())
            .bind(code_sha256)
            .execute(&mut *transaction)
            .await?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
        insert_audit(entry.at, entry.who, "recovery code used", name, entry.why).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes the second factor of an account away, where it has one, also a secret that nobody has confirmed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_totp(self, name: &str, entry: AuditEntry<'_>) -> Result<()> {
        let id = name.to_lowercase();
        let mut transaction = self.database.begin().await?;
        let ended = sqlx::query("UPDATE account SET totp_secret='', totp_on=0, totp_step=0 WHERE id=$1 AND totp_secret<>''");
        let ended = ended.bind(&id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM account_recovery WHERE account=$1").bind(&id).execute(&mut *transaction).await?;
        if ended.rows_affected() == 1 {
            AuditedRows::account(&id).record(&mut transaction, entry, "account code ended", name).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
