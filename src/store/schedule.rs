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

/// That the clock is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockDoubt {
    /// By the clock itself.
    pub since: String,
    /// The newest fact when it began; empty = none was known.
    pub newest: String,
    /// Why, and what to do, in Chinese.
    pub text: String,
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

    /// The doubt about the clock; `None` = it is believed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clock_doubt(self) -> Result<Option<ClockDoubt>> {
        let row = sqlx::query("SELECT since, newest, text FROM clock_doubt WHERE id=1").fetch_optional(&self.database.pool).await?;
        row.map(|row| Ok(ClockDoubt { since: text(&row, "since")?, newest: text(&row, "newest")?, text: text(&row, "text")? })).transpose()
    }

    /// Records that the clock is not believed; a doubt that there is already stays as it began.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin_clock_doubt(self, doubt: &ClockDoubt) -> Result<()> {
        sqlx::query("INSERT INTO clock_doubt (id, since, newest, text) VALUES (1,$1,$2,$3) ON CONFLICT (id) DO NOTHING")
            .bind(&doubt.since)
            .bind(&doubt.newest)
            .bind(&doubt.text)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Ends the doubt about the clock.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_clock_doubt(self) -> Result<()> {
        sqlx::query("DELETE FROM clock_doubt WHERE id=1").execute(&self.database.pool).await?;
        Ok(())
    }

    /// Moves this time back, where a clock that was ahead had moved it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_back(self, job: &str, until: &str) -> Result<()> {
        sqlx::query("UPDATE job_state SET handled_until=$2 WHERE job=$1").bind(job).bind(until).execute(&self.database.pool).await?;
        Ok(())
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
