//! The decisions of persons about held snapshots.

use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Result, sql};
use crate::store::lock::Exclusive;
use crate::store::mark_rows::end_with;
use crate::store::pictures::next_data_position;
use crate::store::snapshots::{SnapshotState, Snapshots};

impl Snapshots<'_> {
    /// Puts a held snapshot into force, with which the marks end whose contrary its rows state, or discards it, and records who did. `false` =
    /// there is no such held snapshot, and the attempt is recorded.
    ///
    /// # Errors
    /// The database fails.
    pub async fn decide_held(self, ledger: &str, source: &str, seq: i64, state: SnapshotState, entry: AuditEntry<'_>) -> Result<bool> {
        // a discarded snapshot still shows why it was held
        let reason = if state == SnapshotState::InForce { "''" } else { "reason" };
        let statement = format!("UPDATE snapshot SET state=$4, reason={reason} WHERE ledger=$1 AND source=$2 AND seq=$3 AND state=$5");
        let _lock = self.database.lock(Exclusive::Pull).await?;
        let mut transaction = self.database.begin().await?;
        let done = sqlx::query(sql(statement))
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(state.code())
            .bind(SnapshotState::Held.code())
            .execute(&mut *transaction)
            .await?;
        let is_decided = done.rows_affected() == 1;
        let object = format!("{ledger}/{source}/{seq}");
        if is_decided {
            let what = format!("snapshot {}", state.code());
            AuditedRows::snapshot(ledger, source, seq).record(&mut transaction, entry, &what, &object).await?;
        } else {
            let what = format!("refused: snapshot {}", state.code());
            insert_audit(entry.at, entry.who, &what, &object, entry.why).execute(&mut *transaction).await?;
        }
        if is_decided {
            next_data_position(&mut transaction).await?;
        }
        if is_decided && state == SnapshotState::InForce {
            end_with(&mut transaction, ledger, source, seq, entry.at).await?;
        }
        transaction.commit().await?;
        Ok(is_decided)
    }
}
