//! Sessions of the portal, wrong logins, and codes that are used once. On SQLite they are in a file of their own, so that no page waits for a
//! run; nothing of them is worth a backup.

use crate::domain::lockout::{NAME_WINDOW_MINUTES, WINDOW_MINUTES, WrongLogins};
use crate::store::database::{Database, Result, number, text};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sqlx::any::AnyRow;

/// A session of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// sha256 of the token in the cookie, in hex.
    pub id: String,
    /// Name of the account.
    pub account: String,
    /// The token that every form of the session carries.
    pub form_token: String,
    pub began_at: String,
    pub seen_at: String,
    pub address: String,
    pub browser: String,
    /// What the next page shows once: the result of an act.
    pub message: String,
}

/// Tables `session`, `login_attempt` and `one_time_code`.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    pub(super) database: &'a Database,
}

/// A time as these tables have it.
fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Sessions<'_> {
    /// Begins a session.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin(self, session: &SessionRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO session (id, account, form_token, began_at, seen_at, address, browser, message) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
        )
        .bind(&session.id)
        .bind(&session.account)
        .bind(&session.form_token)
        .bind(&session.began_at)
        .bind(&session.seen_at)
        .bind(&session.address)
        .bind(&session.browser)
        .bind(&session.message)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    /// The session of an id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(self, id: &str) -> Result<Option<SessionRow>> {
        let row = sqlx::query("SELECT id, account, form_token, began_at, seen_at, address, browser, message FROM session WHERE id=$1")
            .bind(id)
            .fetch_optional(&self.database.pool)
            .await?;
        row.as_ref().map(session).transpose()
    }

    /// The sessions of an account, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_account(self, account: &str) -> Result<Vec<SessionRow>> {
        let rows = sqlx::query(
            "SELECT id, account, form_token, began_at, seen_at, address, browser, message FROM session WHERE account=$1 ORDER BY began_at DESC",
        )
        .bind(account)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(session).collect()
    }

    /// Notes that a session was seen.
    ///
    /// # Errors
    /// The database fails.
    pub async fn seen(self, id: &str, at: &str) -> Result<()> {
        sqlx::query("UPDATE session SET seen_at=$2 WHERE id=$1").bind(id).bind(at).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Sets what the next page shows once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_message(self, id: &str, message: &str) -> Result<()> {
        sqlx::query("UPDATE session SET message=$2 WHERE id=$1").bind(id).bind(message).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Ends one session of an account.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end(self, account: &str, id: &str) -> Result<()> {
        sqlx::query("DELETE FROM session WHERE account=$1 AND id=$2").bind(account).bind(id).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Ends the sessions of an account but one; `except` empty = all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_others(self, account: &str, except: &str) -> Result<()> {
        sqlx::query("DELETE FROM session WHERE account=$1 AND id<>$2").bind(account).bind(except).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Removes sessions that began or were last seen before these times.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_old(self, began_before: &str, seen_before: &str) -> Result<()> {
        sqlx::query("DELETE FROM session WHERE began_at<$1 OR seen_at<$2")
            .bind(began_before)
            .bind(seen_before)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// The wrong logins of a name and an address before a time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wrong_logins(self, name: &str, address: &str, now: DateTime<Utc>) -> Result<WrongLogins> {
        let since = stamp(now - TimeDelta::minutes(WINDOW_MINUTES));
        let of_pair = sqlx::query(
            "SELECT COUNT(*) AS n FROM login_attempt WHERE name=$1 AND address=$2 AND at>$3 AND wrong=1 AND at>(SELECT COALESCE(MAX(at), '') \
             FROM login_attempt WHERE name=$1 AND address=$2 AND wrong=0)",
        )
        .bind(name)
        .bind(address)
        .bind(&since)
        .fetch_one(&self.database.pool)
        .await?;
        let of_address = sqlx::query("SELECT COUNT(*) AS n FROM login_attempt WHERE address=$1 AND at>$2 AND wrong=1")
            .bind(address)
            .bind(&since)
            .fetch_one(&self.database.pool)
            .await?;
        let of_name =
            sqlx::query("SELECT COUNT(*) AS n, COALESCE(MAX(at), '') AS last FROM login_attempt WHERE name=$1 AND at>$2 AND wrong=1")
                .bind(name)
                .bind(stamp(now - TimeDelta::minutes(NAME_WINDOW_MINUTES)))
                .fetch_one(&self.database.pool)
                .await?;
        let last = DateTime::parse_from_rfc3339(&text(&of_name, "last")?).ok();
        Ok(WrongLogins {
            of_pair: number(&of_pair, "n")?,
            of_address: number(&of_address, "n")?,
            of_name: number(&of_name, "n")?,
            seconds_since_last: last.map(|last| (now - last.to_utc()).num_seconds()),
            is_known_address: false,
        })
    }

    /// Notes a login, and forgets those that count no more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_login(self, name: &str, address: &str, now: DateTime<Utc>, is_wrong: bool) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("DELETE FROM login_attempt WHERE at<$1")
            .bind(stamp(now - TimeDelta::minutes(NAME_WINDOW_MINUTES)))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO login_attempt (name, address, at, wrong) VALUES ($1,$2,$3,$4)")
            .bind(name)
            .bind(address)
            .bind(stamp(now))
            .bind(i64::from(is_wrong))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the wrong logins of a name; `address` empty = from everywhere.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_wrong_logins(self, name: &str, address: &str) -> Result<()> {
        sqlx::query("DELETE FROM login_attempt WHERE name=$1 AND ($2='' OR address=$2) AND wrong=1")
            .bind(name)
            .bind(address)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Stores a code that is used once; one of the same purpose before it is void.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_code(self, purpose: &str, code_sha256: &str, valid_until: &str) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("DELETE FROM one_time_code WHERE purpose=$1").bind(purpose).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO one_time_code (purpose, code, valid_until) VALUES ($1,$2,$3)")
            .bind(purpose)
            .bind(code_sha256)
            .bind(valid_until)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whether a code is valid. It is not used up by the look.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_code(self, purpose: &str, code_sha256: &str, now: &str) -> Result<bool> {
        let row = sqlx::query("SELECT 1 AS n FROM one_time_code WHERE purpose=$1 AND code=$2 AND valid_until>$3")
            .bind(purpose)
            .bind(code_sha256)
            .bind(now)
            .fetch_optional(&self.database.pool)
            .await?;
        Ok(row.is_some())
    }

    /// Whether there is a valid code for a purpose.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_any_code(self, purpose: &str, now: &str) -> Result<bool> {
        let row = sqlx::query("SELECT 1 AS n FROM one_time_code WHERE purpose=$1 AND valid_until>$2 LIMIT 1")
            .bind(purpose)
            .bind(now)
            .fetch_optional(&self.database.pool)
            .await?;
        Ok(row.is_some())
    }

    /// Uses a code up. Returns `false` if it is not valid, or another was faster.
    ///
    /// # Errors
    /// The database fails.
    pub async fn use_code(self, purpose: &str, code_sha256: &str, now: &str) -> Result<bool> {
        let used = sqlx::query("DELETE FROM one_time_code WHERE purpose=$1 AND code=$2 AND valid_until>$3")
            .bind(purpose)
            .bind(code_sha256)
            .bind(now)
            .execute(&self.database.pool)
            .await?;
        Ok(used.rows_affected() == 1)
    }
}

fn session(row: &AnyRow) -> Result<SessionRow> {
    Ok(SessionRow {
        id: text(row, "id")?,
        account: text(row, "account")?,
        form_token: text(row, "form_token")?,
        began_at: text(row, "began_at")?,
        seen_at: text(row, "seen_at")?,
        address: text(row, "address")?,
        browser: text(row, "browser")?,
        message: text(row, "message")?,
    })
}
