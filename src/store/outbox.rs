//! The outbox (发件箱): every message as fixed bytes, claimed with a lease and a fence, settled once.

use super::{ROWS_PER_STATEMENT, Result, Store, number, sql, text};
use crate::domain::delivery::{ATTEMPTS_MAX, Attempt, DeliveryState};
use crate::domain::finding::Identity;
use crate::domain::rule::Light;
use crate::store::runs::{Run, RunInputs};
use sqlx::Row;
use std::collections::BTreeMap;

/// A message to be queued.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub id: String,
    /// Unique within the run: unit and address.
    pub recipient: String,
    pub address: String,
    /// Unit name.
    pub unit: String,
    pub subject: String,
    pub message_id: String,
    /// Fingerprint of what it says, for `--revise`.
    pub digest_sha256: String,
    pub bytes: Vec<u8>,
    /// Code of the act above 催办 that a person releases; empty for a digest.
    pub act: String,
    pub held: bool,
}

/// What a unit is told with its message.
#[derive(Clone, Debug)]
pub struct NewTold {
    pub unit: String,
    pub told: BTreeMap<Identity, Option<Light>>,
}

/// Everything one run tells.
#[derive(Clone, Debug, Default)]
pub struct OutboxBatch {
    pub messages: Vec<NewMessage>,
    pub told: Vec<NewTold>,
    /// Day of the slot.
    pub told_on: String,
    pub now: String,
    /// What the run prints.
    pub result: String,
}

/// A claimed message.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: String,
    pub address: String,
    pub unit: String,
    pub message_id: String,
    pub bytes: Vec<u8>,
    pub attempts: u32,
    pub fence: i64,
}

/// One line of `duban outbox list`.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: String,
    pub run: String,
    pub address: String,
    pub unit: String,
    pub subject: String,
    pub state: DeliveryState,
    pub attempts: i64,
    pub reply: String,
    pub created_at: String,
    pub settled_at: String,
}

impl Store {
    /// Commits everything a run tells: its messages, what each unit is told, what is printed, and the step itself. Called twice it
    /// changes nothing.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn commit_outbox(&self, run: &Run, step: &str, inputs: &RunInputs, batch: &OutboxBatch) -> Result<()> {
        let OutboxBatch { messages, told, told_on, now, result } = batch;
        let mut transaction = self.begin().await?;
        super::runs::advance(&mut transaction, run, step, inputs).await?;
        sqlx::query("UPDATE run SET result=$2 WHERE id=$1").bind(&run.id).bind(result).execute(&mut *transaction).await?;
        // messages carry attachments: few per statement, so that a statement stays small
        for part in messages.chunks(8) {
            let statement = format!(
                "INSERT INTO outbox (id, run, recipient, address, unit, subject, message_id, digest_sha256, message, state, fence, lease_until, attempts, \
                 next_at, reply, created_at, settled_at) VALUES {} ON CONFLICT DO NOTHING",
                self.dialect.values(part.len(), 17)
            );
            let mut query = sqlx::query(sql(statement));
            for message in part {
                let state = if message.held { DeliveryState::Held } else { DeliveryState::Pending };
                query = query
                    .bind(&message.id)
                    .bind(&run.id)
                    .bind(&message.recipient)
                    .bind(&message.address)
                    .bind(&message.unit)
                    .bind(&message.subject)
                    .bind(&message.message_id)
                    .bind(&message.digest_sha256)
                    .bind(message.bytes.clone())
                    .bind(state.code())
                    .bind(0i64)
                    .bind("")
                    .bind(0i64)
                    .bind(now)
                    .bind("")
                    .bind(now)
                    .bind("");
            }
            query.execute(&mut *transaction).await?;
        }
        for NewTold { unit, told } in told {
            let known = sqlx::query("SELECT rule, ledger, key, light FROM told WHERE unit=$1 AND sample=$2 ORDER BY rule, ledger, key")
                .bind(unit)
                .bind(i64::from(inputs.sample))
                .fetch_all(&mut *transaction)
                .await?;
            let lines: Vec<[String; 4]> = known
                .iter()
                .map(|row| Ok([text(row, "rule")?, text(row, "ledger")?, text(row, "key")?, text(row, "light")?]))
                .collect::<Result<_>>()?;
            sqlx::query("INSERT INTO told_history (run, unit, body) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING")
                .bind(&run.id)
                .bind(unit)
                .bind(super::to_json(&lines)?)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM told WHERE unit=$1").bind(unit).execute(&mut *transaction).await?;
            let lines: Vec<(&Identity, &Option<Light>)> = told.iter().collect();
            for part in lines.chunks(ROWS_PER_STATEMENT) {
                let statement = format!(
                    "INSERT INTO told (unit, rule, ledger, key, light, told_on, run, sample) VALUES {}",
                    self.dialect.values(part.len(), 8)
                );
                let mut query = sqlx::query(sql(statement));
                for (identity, light) in part {
                    query = query
                        .bind(unit)
                        .bind(&identity.rule)
                        .bind(&identity.ledger)
                        .bind(&identity.key)
                        .bind(light.map_or("", Light::code))
                        .bind(told_on)
                        .bind(&run.id)
                        .bind(i64::from(inputs.sample));
                }
                query.execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What an earlier revision of a run's slot said to each recipient: recipient → fingerprint.
    pub async fn said_before(&self, job: &str, slot: &str, revision: i64) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query(
            "SELECT o.recipient, o.digest_sha256 FROM outbox o JOIN run r ON r.id=o.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 ORDER BY r.revision",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "recipient")?, text(row, "digest_sha256")?))).collect()
    }

    /// Takes messages that are due: pending ones, and ones whose claim ran out (outcome unknown; the same bytes go again).
    pub async fn claim_messages(&self, run: Option<&str>, limit: i64, now: &str, lease_until: &str) -> Result<Vec<Claimed>> {
        // the inner choice locks rows on PostgreSQL, so that two processes never take the same one
        let statement = format!(
            "UPDATE outbox SET state='sending', fence=fence+1, lease_until=$3, holder=$5, attempts=attempts+1 WHERE id IN (\
             SELECT id FROM outbox WHERE ((state IN ('pending','unknown') AND next_at<=$2) OR (state='sending' AND lease_until<$2)) \
             AND ($4='' OR run=$4) ORDER BY next_at, id LIMIT $1{}) RETURNING id, address, unit, message_id, message, attempts, fence",
            self.dialect.skip_locked()
        );
        let rows = sqlx::query(sql(statement))
            .bind(limit)
            .bind(now)
            .bind(lease_until)
            .bind(run.unwrap_or_default())
            .bind(&self.holder)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Claimed {
                    id: text(row, "id")?,
                    address: text(row, "address")?,
                    unit: text(row, "unit")?,
                    message_id: text(row, "message_id")?,
                    bytes: row.try_get("message")?,
                    attempts: number(row, "attempts")? as u32,
                    fence: number(row, "fence")?,
                })
            })
            .collect()
    }

    /// Ends the claims that a dead process of this machine and root left: their outcome is unknown, the same bytes go again. The caller
    /// holds the delivery lock, which a live process would hold.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_back_messages(&self, now: &str) -> Result<u64> {
        let done = sqlx::query(
            "UPDATE outbox SET state='unknown', lease_until='', next_at=$2, reply='the sender died' WHERE state='sending' AND holder=$1",
        )
        .bind(&self.holder)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Settles a claimed message; a claim that was taken over settles nothing. A set-up that let nobody in is no attempt.
    pub async fn settle_message(&self, claimed: &Claimed, attempt: &Attempt, now: &str, next_at: &str) -> Result<bool> {
        let (state, reply) = match attempt {
            Attempt::Accepted(reply) => (DeliveryState::Accepted, reply),
            Attempt::Refused(reply) => (DeliveryState::Refused, reply),
            Attempt::Later(reply) if claimed.attempts >= ATTEMPTS_MAX => (DeliveryState::Refused, reply),
            Attempt::Later(reply) | Attempt::Channel(reply) => (DeliveryState::Pending, reply),
            Attempt::Unknown(reply) => (DeliveryState::Unknown, reply),
        };
        // PostgreSQL takes no NUL, and a message whose outcome cannot be stored would be sent again
        let reply = reply.replace('\0', "");
        let unused = i64::from(matches!(attempt, Attempt::Channel(_)));
        let settled_at = if matches!(state, DeliveryState::Accepted | DeliveryState::Refused) { now } else { "" };
        let done = sqlx::query(
            "UPDATE outbox SET state=$3, reply=$4, next_at=$5, settled_at=$6, lease_until='', attempts=attempts-$7 \
             WHERE id=$1 AND fence=$2 AND state='sending'",
        )
        .bind(&claimed.id)
        .bind(claimed.fence)
        .bind(state.code())
        .bind(reply)
        .bind(next_at)
        .bind(settled_at)
        .bind(unused)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets nothing out before a time: the server does not let us in, and more attempts would only lock the account.
    pub async fn pause_sending(&self, until: &str) -> Result<()> {
        sqlx::query("UPDATE outbox SET next_at=$1 WHERE state IN ('pending', 'unknown') AND next_at<$1")
            .bind(until)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Messages by state, of one run or of all.
    pub async fn delivery_counts(&self, run: Option<&str>) -> Result<BTreeMap<&'static str, i64>> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM outbox WHERE ($1='' OR run=$1) GROUP BY state")
            .bind(run.unwrap_or_default())
            .fetch_all(&self.pool)
            .await?;
        let mut out = BTreeMap::new();
        for row in &rows {
            if let Some(state) = DeliveryState::parse(&text(row, "state")?) {
                out.insert(state.code(), number(row, "n")?);
            }
        }
        Ok(out)
    }

    /// Messages, newest run first.
    pub async fn messages(&self, run: Option<&str>, state: Option<DeliveryState>) -> Result<Vec<Listed>> {
        let rows = sqlx::query(
            "SELECT id, run, address, unit, subject, state, attempts, reply, created_at, settled_at FROM outbox \
             WHERE ($1='' OR run=$1) AND ($2='' OR state=$2) ORDER BY created_at DESC, id",
        )
        .bind(run.unwrap_or_default())
        .bind(state.map_or("", DeliveryState::code))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Listed {
                    id: text(row, "id")?,
                    run: text(row, "run")?,
                    address: text(row, "address")?,
                    unit: text(row, "unit")?,
                    subject: text(row, "subject")?,
                    state: DeliveryState::parse(&text(row, "state")?).unwrap_or(DeliveryState::Held),
                    attempts: number(row, "attempts")?,
                    reply: text(row, "reply")?,
                    created_at: text(row, "created_at")?,
                    settled_at: text(row, "settled_at")?,
                })
            })
            .collect()
    }

    /// The bytes of one message.
    pub async fn message(&self, id: &str) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query("SELECT message FROM outbox WHERE id=$1").bind(id).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get("message")).transpose()?)
    }

    /// The paths of files a message was delivered to need no second writing: ids still to be delivered.
    pub async fn undelivered(&self) -> Result<i64> {
        let row =
            sqlx::query("SELECT COUNT(*) AS n FROM outbox WHERE state IN ('pending','sending','unknown')").fetch_one(&self.pool).await?;
        number(&row, "n")
    }

    /// Moves messages from one state to another; `ids` empty = all of that state. Returns how many. What was settled starts anew, with
    /// all its attempts.
    pub async fn move_messages(&self, ids: &[String], from: DeliveryState, to: DeliveryState, now: &str) -> Result<u64> {
        const MOVE: &str = "UPDATE outbox SET state=$2, next_at=$3, settled_at='', \
             attempts=CASE WHEN settled_at='' THEN attempts ELSE 0 END WHERE state=$1 AND ($4='' OR id=$4)";
        let all = [String::new()];
        let mut moved = 0;
        for id in if ids.is_empty() { &all[..] } else { ids } {
            let done = sqlx::query(MOVE).bind(from.code()).bind(to.code()).bind(now).bind(id).execute(&self.pool).await?;
            moved += done.rows_affected();
        }
        Ok(moved)
    }
}
