//! How long the steps of runs took, and which slots of a job were run.

use crate::store::database::{Result, number, text};
use crate::store::runs::{Run, RunState, Runs};
use std::collections::BTreeSet;

/// A step of a run that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTimes {
    /// The name of the step.
    pub step: String,
    pub began_at: String,
    pub ended_at: String,
}

impl Runs<'_> {
    /// Records when a step of a run began and ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_step(self, run: &Run, times: &StepTimes) -> Result<()> {
        sqlx::query(
            "INSERT INTO run_step (run, step, began_at, ended_at) VALUES ($1,$2,$3,$4) ON CONFLICT (run, step) DO UPDATE SET \
             began_at=excluded.began_at, ended_at=excluded.ended_at",
        )
        .bind(&run.id)
        .bind(&times.step)
        .bind(&times.began_at)
        .bind(&times.ended_at)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    /// The steps of a run that are done, in the order in which they began.
    ///
    /// # Errors
    /// The database fails.
    pub async fn steps_of(self, run: &str) -> Result<Vec<StepTimes>> {
        let rows = sqlx::query("SELECT step, began_at, ended_at FROM run_step WHERE run=$1 ORDER BY began_at, ended_at")
            .bind(run)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter()
            .map(|row| Ok(StepTimes { step: text(row, "step")?, began_at: text(row, "began_at")?, ended_at: text(row, "ended_at")? }))
            .collect()
    }

    /// The keys of a job's runs, whatever became of them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keys_of(self, job: &str) -> Result<BTreeSet<String>> {
        let rows = sqlx::query("SELECT DISTINCT key FROM run WHERE job=$1").bind(job).fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| text(row, "key")).collect()
    }

    /// The number of runs in each state.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_by_state(self) -> Result<Vec<(RunState, i64)>> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM run GROUP BY state ORDER BY state").fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((RunState::parse(&text(row, "state")?), number(row, "n")?))).collect()
    }

    /// The first slot of a job that was run; `None` = none was.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_slot(self, job: &str) -> Result<Option<String>> {
        let row =
            sqlx::query("SELECT slot FROM run WHERE job=$1 ORDER BY slot LIMIT 1").bind(job).fetch_optional(&self.database.pool).await?;
        row.map(|row| text(&row, "slot")).transpose()
    }
}
