//! How far the slots of each job have been handled, and when the service last looked.

use crate::store::database::{Database, Result, text};

/// How far the slots of a job have been handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Local time.
    pub until: String,
    /// The cron time by which the slots were reckoned; empty = not known.
    pub slot: String,
}

/// The schedule of each job.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    pub(super) database: &'a Database,
}

impl Schedule<'_> {
    /// How far a job's slots have been run or skipped; `None` = no slot yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn handled(self, job: &str) -> Result<Option<Handled>> {
        let row =
            sqlx::query("SELECT handled_until, slot FROM job_state WHERE job=$1").bind(job).fetch_optional(&self.database.pool).await?;
        row.map(|row| Ok(Handled { until: text(&row, "handled_until")?, slot: text(&row, "slot")? })).transpose()
    }

    /// Records that from a time on a job's slots come by this cron time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reckon_by(self, job: &str, slot: &str, from: &str) -> Result<()> {
        self.advance(job, from).await?;
        sqlx::query("UPDATE job_state SET slot=$2 WHERE job=$1").bind(job).bind(slot).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Records that the service has done what was due.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_beat(self, at: &str) -> Result<()> {
        sqlx::query("INSERT INTO beat (id, at) VALUES (1,$1) ON CONFLICT (id) DO UPDATE SET at=excluded.at")
            .bind(at)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// When the service last did what was due; `None` = never.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_beat(self) -> Result<Option<String>> {
        let row = sqlx::query("SELECT at FROM beat WHERE id=1").fetch_optional(&self.database.pool).await?;
        row.map(|row| text(&row, "at")).transpose()
    }

    /// Moves this time forward; a time before the stored one changes nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn advance(self, job: &str, until: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO job_state (job, handled_until, slot) VALUES ($1,$2,'') ON CONFLICT (job) DO UPDATE SET handled_until=excluded.handled_until \
             WHERE job_state.handled_until < excluded.handled_until",
        )
        .bind(job)
        .bind(until)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }
}
