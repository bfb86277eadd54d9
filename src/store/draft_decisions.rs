//! The decisions of persons about drafts: released, by one person or by two, or rejected.

use crate::domain::intake::text::normalize_name;
use crate::domain::judging::finding::Identity;
use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Result, json, text};
use crate::store::message_bytes::sha256_of;
use crate::store::notified::NotifiedFindings;
use crate::store::outbox::{NewMessage, Outbox, record_event};

/// What became of drafts on which a person decided. A named message that is in no list was not a draft any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftDecisions {
    pub decided: Vec<String>,
    /// Those that wait for a second person now.
    pub approved: Vec<String>,
    /// Those that the same person had released before.
    pub same_person: Vec<String>,
}

impl Outbox<'_> {
    /// The findings that a message reports.
    ///
    /// # Errors
    /// The database fails or the row is damaged.
    pub async fn findings_in(self, id: &str) -> Result<Vec<Identity>> {
        let row = sqlx::query("SELECT body FROM outbox_findings WHERE message=$1").bind(id).fetch_optional(&self.database.pool).await?;
        let Some(row) = row else { return Ok(Vec::new()) };
        let findings: NotifiedFindings = json("findings of message", id, &text(&row, "body")?)?;
        Ok(findings.into_iter().map(|[rule, ledger, key, _]| Identity { rule, ledger, key }).collect())
    }

    /// Replaces the bytes of a draft by those of the day on which a person signs it. `false` = it is no draft any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn date_draft(self, message: &NewMessage, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let done = sqlx::query("UPDATE outbox SET size=CAST($2 AS BIGINT), bytes_sha256=$3 WHERE id=$1 AND state=$4")
            .bind(&message.id)
            .bind(message.bytes.len() as i64)
            .bind(sha256_of(&message.bytes))
            .bind(DeliveryState::Draft.code())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE outbox_body SET message=$2 WHERE id=$1")
            .bind(&message.id)
            .bind(message.bytes.clone())
            .execute(&mut *transaction)
            .await?;
        AuditedRows::message(&message.id).record(&mut transaction, entry, "draft dated anew", &message.id).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Releases or rejects drafts on a person's order. A draft of one of the acts `two_persons` is released by the second of two persons with
    /// different names; the order of the first one is recorded. Every change is an event of the message, every refused order a line of the
    /// audit.
    ///
    /// # Errors
    /// The database fails.
    pub async fn decide_drafts(
        self,
        ids: &[String],
        to: DeliveryState,
        two_persons: &[&str],
        entry: AuditEntry<'_>,
        expires_at: &str,
    ) -> Result<DraftDecisions> {
        let mut transaction = self.database.begin().await?;
        let mut decisions = DraftDecisions::default();
        let until = if to.is_queued() { expires_at } else { "" };
        for id in ids {
            // the update locks the row until the decision is made
            let row = sqlx::query("UPDATE outbox SET state=state WHERE id=$1 AND state=$2 RETURNING act")
                .bind(id)
                .bind(DeliveryState::Draft.code())
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(row) = row else {
                insert_audit(entry.at, entry.who, "refused: message is no draft", id, entry.why).execute(&mut *transaction).await?;
                continue;
            };
            if to.is_queued() && two_persons.contains(&text(&row, "act")?.as_str()) {
                let approvals = sqlx::query("SELECT who FROM outbox_event WHERE message=$1 AND what=$2 ORDER BY no")
                    .bind(id)
                    .bind(DeliveryEvent::Approved.code())
                    .fetch_all(&mut *transaction)
                    .await?;
                let approved = approvals.iter().map(|row| text(row, "who")).collect::<Result<Vec<_>>>()?;
                if approved.is_empty() {
                    record_event(&mut transaction, id, entry.at, entry.who, DeliveryEvent::Approved, entry.why).await?;
                    decisions.approved.push(id.clone());
                    continue;
                }
                if approved.iter().all(|first| normalize_name(first) == normalize_name(entry.who)) {
                    let what = "refused: the same person twice";
                    insert_audit(entry.at, entry.who, what, id, entry.why).execute(&mut *transaction).await?;
                    decisions.same_person.push(id.clone());
                    continue;
                }
            }
            sqlx::query(
                "UPDATE outbox SET state=$2, next_at=$3, expires_at=CASE WHEN $4='' THEN expires_at ELSE $4 END, ended_at='' WHERE id=$1",
            )
            .bind(id)
            .bind(to.code())
            .bind(entry.at)
            .bind(until)
            .execute(&mut *transaction)
            .await?;
            record_event(&mut transaction, id, entry.at, entry.who, DeliveryEvent::of_order(to), entry.why).await?;
            decisions.decided.push(id.clone());
        }
        transaction.commit().await?;
        Ok(decisions)
    }
}
