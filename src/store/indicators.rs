//! The figures a run's rates were computed from, for comparison with later periods.

use crate::domain::judging::indicators::Standing;
use crate::store::database::{Database, Result, json, text, to_json};
use crate::store::runs::{Run, fenced};

/// The stored figures, one row per run.
#[derive(Clone, Copy, Debug)]
pub struct Indicators<'a> {
    pub(super) database: &'a Database,
}

impl Indicators<'_> {
    /// Keeps what a run's rates were reckoned from; judged again, it is the last that counts.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn save(self, run: &Run, standing: &Standing) -> Result<()> {
        let kept = sqlx::query(
            "INSERT INTO run_indicators (run, body) SELECT id, $3 FROM run WHERE id=$1 AND fence=$2 \
             ON CONFLICT (run) DO UPDATE SET body=excluded.body",
        )
        .bind(&run.id)
        .bind(run.fence)
        .bind(to_json(standing)?)
        .execute(&self.database.pool)
        .await?;
        fenced(kept.rows_affected(), run)
    }

    /// What a run's rates were reckoned from; `None` for a run that kept nothing.
    ///
    /// # Errors
    /// The database fails, or what was kept is damaged.
    pub async fn get(self, run: &str) -> Result<Option<Standing>> {
        let row = sqlx::query("SELECT body FROM run_indicators WHERE run=$1").bind(run).fetch_optional(&self.database.pool).await?;
        row.map(|row| json("indicators", run, &text(&row, "body")?)).transpose()
    }
}
