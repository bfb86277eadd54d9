//! Why each unit was mailed or not by a run, stored with its messages.

use crate::domain::notify::disposition::NotifyReason;
use crate::store::database::{Database, Dialect, ROWS_PER_STATEMENT, Result, StoreError, parameters, sql, text};
use crate::store::runs::Run;
use sqlx::{Any, Transaction};

/// Why one unit was mailed by a run, or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitReason {
    /// Code of the unit.
    pub unit: String,
    pub name: String,
    pub reason: NotifyReason,
}

/// The reasons of runs.
#[derive(Clone, Copy, Debug)]
pub struct NotifyReasons<'a> {
    pub(super) database: &'a Database,
}

impl NotifyReasons<'_> {
    /// The reasons of a run, in administrative order; empty = it has mailed nobody yet, or its job never does.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn of_run(self, run: &str) -> Result<Vec<UnitReason>> {
        let rows = sqlx::query("SELECT unit, name, reason FROM notify_reason WHERE run=$1 ORDER BY no")
            .bind(run)
            .fetch_all(&self.database.pool)
            .await?;
        let of = |row| {
            let (unit, code) = (text(row, "unit")?, text(row, "reason")?);
            let damaged = || StoreError::Damaged { what: "reason of unit", key: format!("{run} {unit}"), detail: code.clone() };
            let reason = NotifyReason::parse(&code).ok_or_else(damaged)?;
            Ok(UnitReason { name: text(row, "name")?, unit, reason })
        };
        rows.iter().map(of).collect()
    }
}

/// Records that the mail of a run to a unit (by name) was superseded before it was sent.
pub(crate) async fn record_superseded(transaction: &mut Transaction<'static, Any>, run: &str, unit: &str) -> Result<()> {
    let mailed: Vec<NotifyReason> = NotifyReason::ALL.into_iter().filter(|reason| reason.is_mailed()).collect();
    let statement = format!("UPDATE notify_reason SET reason=$3 WHERE run=$1 AND name=$2 AND reason IN ({})", parameters(4, mailed.len()));
    let mut query = sqlx::query(sql(statement)).bind(run).bind(unit).bind(NotifyReason::Superseded.code());
    for reason in mailed {
        query = query.bind(reason.code());
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// Stores the reasons of a run, in the transaction that commits its messages.
pub(crate) async fn insert_reasons(
    dialect: Dialect,
    transaction: &mut Transaction<'static, Any>,
    run: &Run,
    reasons: &[UnitReason],
) -> Result<()> {
    let mut numbers = 0i64..;
    for part in reasons.chunks(ROWS_PER_STATEMENT) {
        let statement = format!(
            "INSERT INTO notify_reason (run, unit, name, reason, no) VALUES {} ON CONFLICT (run, unit) DO NOTHING",
            dialect.values(part.len(), 5)
        );
        let mut query = sqlx::query(sql(statement));
        for (UnitReason { unit, name, reason }, no) in part.iter().zip(&mut numbers) {
            query = query.bind(&run.id).bind(unit).bind(name).bind(reason.code()).bind(no);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
