//! The decisions of persons about drafts: released, by one person or by two, or rejected.

use crate::domain::intake::text::normalize_name;
use crate::domain::judging::finding::Identity;
use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Result, json, text};
use crate::store::message_bytes::sha256_of;
use crate::store::message_events::record_event;
use crate::store::notified::NotifiedFindings;
use crate::store::outbox::Outbox;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use std::collections::HashMap;

/// What became of drafts on which a person decided. A named message that is in no list was not a draft any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftDecisions {
    pub decided: Vec<String>,
    /// Those that wait for a second person now.
    pub approved: Vec<String>,
    /// Those that the same person had released before.
    pub same_person: Vec<String>,
}

/// The bytes of drafts as they go out, by id: they bear the day of their release.
pub type DatedDrafts = HashMap<String, Vec<u8>>;

/// A draft that waits for a person, with what proves its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingDraft {
    pub id: String,
    pub run: String,
    pub unit: String,
    pub act: String,
    pub bytes_sha256: String,
    /// The findings that it lists.
    pub findings: NotifiedFindings,
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

    /// The drafts that wait for a person, in the order of their runs and ids, without copies.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn waiting_drafts(self) -> Result<Vec<WaitingDraft>> {
        let rows = sqlx::query(
            "SELECT o.id, o.run, o.unit, o.act, o.bytes_sha256, COALESCE(f.body, '[]') AS findings FROM outbox o \
             LEFT JOIN outbox_findings f ON f.message=o.id WHERE o.state=$1 AND o.copy_of='' ORDER BY o.run, o.id",
        )
        .bind(DeliveryState::Draft.code())
        .fetch_all(&self.database.pool)
        .await?;
        let draft = |row: &AnyRow| {
            let id = text(row, "id")?;
            Ok(WaitingDraft {
                run: text(row, "run")?,
                unit: text(row, "unit")?,
                act: text(row, "act")?,
                bytes_sha256: text(row, "bytes_sha256")?,
                findings: json("findings of message", &id, &text(row, "findings")?)?,
                id,
            })
        };
        rows.iter().map(draft).collect()
    }

    /// The drafts among messages with the copies that go out with them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn with_copies(self, ids: &[String]) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for id in ids {
            let rows = sqlx::query("SELECT id FROM outbox WHERE (id=$1 AND copy_of='' OR copy_of=$1) AND state=$2 ORDER BY copy_of, id")
                .bind(id)
                .bind(DeliveryState::Draft.code())
                .fetch_all(&self.database.pool)
                .await?;
            for row in &rows {
                all.push(text(row, "id")?);
            }
        }
        Ok(all)
    }

    /// Releases or rejects drafts on a person's order, with their copies. `dated`: their bytes as they go out. A draft of one of the acts `two_persons` is released by the second of two persons with
    /// different names; the order of the first one is recorded. Every change is an event of the message, every refused order a line of the
    /// audit.
    ///
    /// # Errors
    /// The database fails.
    pub async fn decide_drafts(
        self,
        ids: &[String],
        to: DeliveryState,
        dated: &DatedDrafts,
        two_persons: &[&str],
        entry: AuditEntry<'_>,
        expires_at: &str,
    ) -> Result<DraftDecisions> {
        let mut transaction = self.database.begin().await?;
        let mut decisions = DraftDecisions::default();
        let until = if to.is_queued() { expires_at } else { "" };
        for id in ids {
            // the update locks the row until the decision is made
            let row = sqlx::query("UPDATE outbox SET state=state WHERE id=$1 AND state=$2 AND copy_of='' RETURNING act")
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
            let moved = sqlx::query(
                "UPDATE outbox SET state=$2, next_at=$3, expires_at=CASE WHEN $4='' THEN expires_at ELSE $4 END, ended_at='' \
                 WHERE id=$1 OR (copy_of=$1 AND state=$5) RETURNING id",
            )
            .bind(id)
            .bind(to.code())
            .bind(entry.at)
            .bind(until)
            .bind(DeliveryState::Draft.code())
            .fetch_all(&mut *transaction)
            .await?;
            let mut moved = moved.iter().map(|row| text(row, "id")).collect::<Result<Vec<_>>>()?;
            moved.sort();
            for message in &moved {
                if let Some(bytes) = dated.get(message).filter(|_| to.is_queued()) {
                    replace_bytes(&mut transaction, message, bytes, entry).await?;
                }
                record_event(&mut transaction, message, entry.at, entry.who, DeliveryEvent::of_order(to), entry.why).await?;
            }
            decisions.decided.push(id.clone());
        }
        transaction.commit().await?;
        Ok(decisions)
    }
}

/// Puts the bytes with the day of the release in place of those of the draft, which the audit records.
async fn replace_bytes(transaction: &mut Transaction<'static, Any>, id: &str, bytes: &[u8], entry: AuditEntry<'_>) -> Result<()> {
    sqlx::query("UPDATE outbox SET bytes_sha256=$2, size=CAST($3 AS BIGINT) WHERE id=$1")
        .bind(id)
        .bind(sha256_of(bytes))
        .bind(bytes.len() as i64)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("UPDATE outbox_body SET message=$2 WHERE id=$1").bind(id).bind(bytes.to_vec()).execute(&mut **transaction).await?;
    AuditedRows::message(id).record(transaction, entry, "draft dated", id).await
}
