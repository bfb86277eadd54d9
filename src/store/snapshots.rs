//! Snapshots: each is one pull or import of one ledger of one source. `pulls` writes them as changed rows only.

use crate::domain::intake::note::SheetAccount;
use crate::store::database::{Database, Result, StoreError, json, number, text};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Whether a snapshot counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// A person decides whether it comes into force.
    Held,
    InForce,
    Discarded,
}

impl SnapshotState {
    pub const ALL: [SnapshotState; 3] = [SnapshotState::Held, SnapshotState::InForce, SnapshotState::Discarded];

    pub fn code(self) -> &'static str {
        match self {
            SnapshotState::Held => "held",
            SnapshotState::InForce => "in-force",
            SnapshotState::Discarded => "discarded",
        }
    }

    pub(crate) fn parse(code: &str) -> SnapshotState {
        SnapshotState::ALL.into_iter().find(|state| state.code() == code).unwrap_or(SnapshotState::Held)
    }
}

/// The file a snapshot was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOrigin {
    /// File name without folders.
    pub file: String,
    pub sheets: Vec<String>,
}

/// One snapshot without its rows and notes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub ledger: String,
    pub source: String,
    pub seq: i64,
    pub state: SnapshotState,
    pub covers_on: NaiveDate,
    /// The day was given by hand or in the file; else it is the day of the pull.
    pub is_day_stated: bool,
    pub taken_at: String,
    pub checked_at: String,
    pub sample: bool,
    pub rows: i64,
    /// Sum of the amount field, in 分.
    pub amount: i64,
    pub file_sha256: String,
    pub origin: FileOrigin,
    pub accounts: Vec<SheetAccount>,
    pub reason: String,
}

/// The table of snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Snapshots<'a> {
    pub(super) database: &'a Database,
}

impl Snapshots<'_> {
    /// How many snapshots are in a state.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(self, state: SnapshotState) -> Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM snapshot WHERE state=$1").bind(state.code());
        number(&row.fetch_one(&self.database.pool).await?, "n")
    }

    /// When the last snapshot was taken; empty = there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_taken_at(self) -> Result<String> {
        let row = sqlx::query("SELECT COALESCE(MAX(taken_at), '') AS at FROM snapshot").fetch_one(&self.database.pool).await?;
        text(&row, "at")
    }

    /// All snapshots by ledger and source, oldest first.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn list(self) -> Result<Vec<Snapshot>> {
        let rows = sqlx::query("SELECT * FROM snapshot ORDER BY ledger, source, seq").fetch_all(&self.database.pool).await?;
        rows.iter()
            .map(|row| {
                let key = format!("{}/{}/{}", text(row, "ledger")?, text(row, "source")?, number(row, "seq")?);
                Ok(Snapshot {
                    ledger: text(row, "ledger")?,
                    source: text(row, "source")?,
                    seq: number(row, "seq")?,
                    state: SnapshotState::parse(&text(row, "state")?),
                    covers_on: text(row, "covers_on")?.parse().map_err(|_| StoreError::Damaged {
                        what: "snapshot",
                        key: key.clone(),
                        detail: "covers_on".into(),
                    })?,
                    is_day_stated: number(row, "day_stated")? == 1,
                    taken_at: text(row, "taken_at")?,
                    checked_at: text(row, "checked_at")?,
                    sample: number(row, "sample")? == 1,
                    rows: number(row, "row_count")?,
                    amount: number(row, "amount")?,
                    file_sha256: text(row, "file_sha256")?,
                    origin: json("snapshot", &key, &text(row, "origin")?)?,
                    accounts: json("snapshot", &key, &text(row, "accounts")?)?,
                    reason: text(row, "reason")?,
                })
            })
            .collect()
    }
}
