//! The figures from which each run computed its rates, for comparison with later periods.

use crate::domain::judging::indicators::IndicatorSnapshot;
use crate::store::database::{Database, Result, json, text, to_json};
use crate::store::runs::{Run, fenced};

/// The stored figures, one row per run.
#[derive(Clone, Copy, Debug)]
pub struct Indicators<'a> {
    pub(super) database: &'a Database,
}

impl Indicators<'_> {
    /// Stores the figures of a run; they replace those that an earlier evaluation of it stored.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn save(self, run: &Run, figures: &IndicatorSnapshot) -> Result<()> {
        let saved = sqlx::query(
            "INSERT INTO run_indicators (run, body) SELECT id, $3 FROM run WHERE id=$1 AND fence=$2 \
             ON CONFLICT (run) DO UPDATE SET body=excluded.body",
        )
        .bind(&run.id)
        .bind(run.fence)
        .bind(to_json(figures)?)
        .execute(&self.database.pool)
        .await?;
        fenced(saved.rows_affected(), run)
    }

    /// The figures of a run; `None` = it has stored none.
    ///
    /// # Errors
    /// The database fails, or the row is damaged.
    pub async fn get(self, run: &str) -> Result<Option<IndicatorSnapshot>> {
        let row = sqlx::query("SELECT body FROM run_indicators WHERE run=$1").bind(run).fetch_optional(&self.database.pool).await?;
        row.map(|row| json("indicators", run, &text(&row, "body")?)).transpose()
    }
}
