//! What a pull writes about the decision of a person: the line of its order, and snapshots that are held until one decides.

use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Result, text};
use crate::store::pictures::next_data_position;
use crate::store::pulls::Pull;
use crate::store::snapshot_writer::SnapshotWriter;
use crate::store::snapshots::SnapshotState;

impl Pull {
    /// Records the order of a person that this pull follows.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record(&mut self, entry: AuditEntry<'_>, what: &str, object: &str) -> Result<()> {
        insert_audit(entry.at, entry.who, what, object, entry.why).execute(self.connection().await?).await?;
        Ok(())
    }

    /// Why the last snapshot is held; `None` = it is not held.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_held(&mut self, writer: &SnapshotWriter) -> Result<Option<String>> {
        let (ledger, source, seq) = writer.key();
        let row = sqlx::query("SELECT reason FROM snapshot WHERE ledger=$1 AND source=$2 AND seq=$3 AND state=$4")
            .bind(ledger)
            .bind(source)
            .bind(seq - 1)
            .bind(SnapshotState::Held.code())
            .fetch_optional(self.connection().await?)
            .await?;
        row.map(|row| text(&row, "reason")).transpose()
    }

    /// Puts the last snapshot into force.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release_last(&mut self, writer: &SnapshotWriter, entry: AuditEntry<'_>) -> Result<()> {
        let (ledger, source, seq) = writer.key();
        sqlx::query("UPDATE snapshot SET state=$4, reason='' WHERE ledger=$1 AND source=$2 AND seq=$3")
            .bind(ledger)
            .bind(source)
            .bind(seq - 1)
            .bind(SnapshotState::InForce.code())
            .execute(self.connection().await?)
            .await?;
        next_data_position(self.connection().await?).await?;
        let object = format!("{ledger}/{source}/{}", seq - 1);
        AuditedRows::snapshot(ledger, source, seq - 1).record(self.connection().await?, entry, "snapshot in-force", &object).await
    }

    /// Records the snapshot that was just written; if it is held, why.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn record_taken(&mut self, writer: &SnapshotWriter, at: &str, state: SnapshotState, why: &str) -> Result<()> {
        let (ledger, source, seq) = writer.key();
        let entry = AuditEntry { at, who: "duban", why };
        let object = format!("{ledger}/{source}/{seq}");
        let what = if state == SnapshotState::InForce { "snapshot taken" } else { "snapshot held" };
        AuditedRows::snapshot(ledger, source, seq).record(self.connection().await?, entry, what, &object).await
    }
}
