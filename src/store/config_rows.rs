//! The configuration in force, as every service uses it: what was published last. Its texts are stored as runs freeze them.

use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::database::{Database, Result, json, number, text, to_json};
use std::collections::BTreeMap;

/// A configuration that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedConfig {
    pub no: i64,
    /// Path → sha256 of its text.
    pub files: BTreeMap<String, String>,
}

/// That the folder holds another configuration, which waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingConfig {
    pub since: String,
    /// What to do, in Chinese.
    pub text: String,
}

/// The configurations that were published.
#[derive(Clone, Copy, Debug)]
pub struct ConfigRows<'a> {
    pub(super) database: &'a Database,
}

impl ConfigRows<'_> {
    /// The number of the configuration in force; 0 = none was published.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest_no(self) -> Result<i64> {
        let row = sqlx::query("SELECT COALESCE(MAX(no), 0) AS no FROM config_published").fetch_one(&self.database.pool).await?;
        number(&row, "no")
    }

    /// The configuration in force; `None` = none was published.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest(self) -> Result<Option<PublishedConfig>> {
        let row =
            sqlx::query("SELECT no, files FROM config_published ORDER BY no DESC LIMIT 1").fetch_optional(&self.database.pool).await?;
        row.map(|row| {
            let no = number(&row, "no")?;
            Ok(PublishedConfig { no, files: json("configuration", &no.to_string(), &text(&row, "files")?)? })
        })
        .transpose()
    }

    /// Puts a configuration in force behind the one of a number, with its difference from that. `false` = somebody else has published one meanwhile.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish(self, behind: i64, files: &BTreeMap<String, String>, difference: &str, entry: AuditEntry<'_>) -> Result<bool> {
        let no = behind + 1;
        let mut transaction = self.database.begin().await?;
        let added = sqlx::query(
            "INSERT INTO config_published (no, at, who, files, difference) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (no) DO NOTHING",
        )
        .bind(no)
        .bind(entry.at)
        .bind(entry.who)
        .bind(to_json(files)?)
        .bind(difference)
        .execute(&mut *transaction)
        .await?;
        if added.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        sqlx::query("DELETE FROM config_waiting WHERE id=1").execute(&mut *transaction).await?;
        let object = format!("{no} {difference}");
        insert_audit(entry.at, entry.who, "configuration in force", &object, entry.why).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The configuration that waits for a person; `None` = none does.
    ///
    /// # Errors
    /// The database fails.
    pub async fn waiting(self) -> Result<Option<WaitingConfig>> {
        let row = sqlx::query("SELECT since, text FROM config_waiting WHERE id=1").fetch_optional(&self.database.pool).await?;
        row.map(|row| Ok(WaitingConfig { since: text(&row, "since")?, text: text(&row, "text")? })).transpose()
    }

    /// Records that a configuration waits, or that none does any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_waiting(self, waiting: Option<&WaitingConfig>) -> Result<()> {
        match waiting {
            None => sqlx::query("DELETE FROM config_waiting WHERE id=1").execute(&self.database.pool).await?,
            Some(WaitingConfig { since, text }) => {
                sqlx::query(
                    "INSERT INTO config_waiting (id, since, text) VALUES (1,$1,$2) ON CONFLICT (id) DO UPDATE SET text=excluded.text",
                )
                .bind(since)
                .bind(text)
                .execute(&self.database.pool)
                .await?
            }
        };
        Ok(())
    }
}
