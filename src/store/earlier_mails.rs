//! The mails that earlier revisions of a slot have made, with which a revision compares its own.

use crate::domain::notify::delivery::DeliveryState;
use crate::store::database::{Result, number, parameters, sql, text};
use crate::store::outbox::Outbox;
use std::collections::{BTreeMap, HashMap, HashSet};

impl Outbox<'_> {
    /// The recipients of the drafts of earlier revisions of a slot that nobody has decided on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undecided_drafts(self, job: &str, slot: &str, revision: i64) -> Result<HashSet<String>> {
        let rows = sqlx::query(
            "SELECT o.recipient FROM outbox o JOIN run r ON r.id=o.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 AND o.state=$4",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .bind(DeliveryState::Draft.code())
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| text(row, "recipient")).collect()
    }

    /// How many drafts wait for the decision of a person, by the time they were made. Copies go with their letters and do not count.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undecided_by_time(self) -> Result<BTreeMap<String, i64>> {
        let rows = sqlx::query("SELECT created_at, COUNT(*) AS n FROM outbox WHERE state=$1 AND copy_of='' AND test=0 GROUP BY created_at")
            .bind(DeliveryState::Draft.code())
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| Ok((text(row, "created_at")?, number(row, "n")?))).collect()
    }

    /// The recipients whom a digest of an earlier revision of a slot has reached, or may have, each with the day on which the last was made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reached_before(self, job: &str, slot: &str, revision: i64) -> Result<HashMap<String, String>> {
        let states = DeliveryState::all_that(DeliveryState::may_have_arrived);
        let statement = format!(
            "SELECT o.recipient, MAX(o.created_at) AS at FROM outbox o JOIN run r ON r.id=o.run \
             WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 AND o.act='' AND o.test=0 AND o.state IN ({}) GROUP BY o.recipient",
            parameters(4, states.len())
        );
        let mut query = sqlx::query(sql(statement)).bind(job).bind(slot).bind(revision);
        for state in &states {
            query = query.bind(state.code());
        }
        let rows = query.fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((text(row, "recipient")?, text(row, "at")?))).collect()
    }

    /// The content fingerprint of the last message that earlier revisions of a slot made for each recipient.
    ///
    /// # Errors
    /// The database fails.
    pub async fn earlier_digests(self, job: &str, slot: &str, revision: i64) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query(
            "SELECT o.recipient, o.digest_sha256 FROM outbox o JOIN run r ON r.id=o.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 AND o.test=0 AND o.state<>$4 ORDER BY r.revision",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .bind(DeliveryState::Withheld.code())
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "recipient")?, text(row, "digest_sha256")?))).collect()
    }
}
