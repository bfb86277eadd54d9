//! How messages leave the outbox: the sender claims them with a lease and a fence token and records each outcome once, many in one
//! transaction. Here are also the hold on all sending and the daily limit of mails.
//!
//! Invariant: every claim and every recording of outcomes increases one counter, which is copied to a file beside the database. A database
//! whose counter is behind that file is a restored copy and lacks what was mailed since.

use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState, Verdict, is_given_up, unknown_verdict};
use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Result, number, parameters, sql, text};
use crate::store::message_events::record_event;
use crate::store::outbox::delivery_state;
use chrono::Duration;
use sqlx::Row;
use std::collections::BTreeMap;

/// A claimed message, without its bytes.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    pub id: String,
    pub address: String,
    pub unit: String,
    pub message_id: String,
    pub created_at: String,
    pub size: u64,
    /// Including this attempt.
    pub attempts: u32,
    pub unknowns: u32,
    pub fence: i64,
    pub bytes_sha256: String,
    /// It was a draft, or is made from another message, so that the audit has a line about it alone.
    pub is_audited_alone: bool,
}

/// Which messages to claim, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// Only messages of this run; `None` = of all runs.
    pub run: Option<&'a str>,
    pub limit: i64,
    /// By the clock of this machine, which decides what is due.
    pub now: &'a str,
    /// By the clock of the database, which decides whose claim holds.
    pub claimed_at: &'a str,
    pub lease_until: &'a str,
    /// Only messages made in test mode.
    pub test: bool,
    /// The day on which the mails count, and the daily limit of mails.
    pub day: &'a str,
    pub daily_max: i64,
}

/// The result of a claim.
#[derive(Clone, Debug)]
pub enum Claims {
    /// The claimed messages and the new counter; no messages = nothing is due.
    Taken { messages: Vec<Claimed>, counter: i64 },
    /// All sending is held.
    Held(Hold),
    /// As many mails as the day allows have been sent.
    DailyLimitReached { sent: i64, allowed: i64 },
}

/// Why all sending is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// The database is behind a file beside it.
    Restored,
    /// A file beside the database cannot be read.
    Damaged,
    /// A person ordered it.
    Person,
}

impl HoldReason {
    pub const ALL: [HoldReason; 3] = [HoldReason::Restored, HoldReason::Damaged, HoldReason::Person];

    pub fn code(self) -> &'static str {
        match self {
            HoldReason::Restored => "restored",
            HoldReason::Damaged => "damaged",
            HoldReason::Person => "person",
        }
    }
}

/// A hold on all sending: reason, time, person and explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub reason: HoldReason,
    pub at: String,
    pub by: String,
    pub why: String,
}

/// The state of sending.
#[derive(Clone, Debug)]
pub struct SendingState {
    pub counter: i64,
    pub hold: Option<Hold>,
    /// Since when nothing is numbered; empty = it is numbered.
    pub numbers_held: String,
    /// Mails that the server accepted, or may have accepted, on the day.
    pub sent: i64,
    /// Mails that a person has allowed that day beyond the daily limit.
    pub extra: i64,
}

/// Claims, outcomes and the state of sending.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    pub(super) database: &'a Database,
}

impl Sending<'_> {
    /// The state of sending on a day.
    ///
    /// # Errors
    /// The database fails.
    pub async fn state(self, day: &str) -> Result<SendingState> {
        let row = sqlx::query("SELECT counter, hold, hold_at, hold_by, hold_why, numbers_held FROM sending WHERE id=1")
            .fetch_one(&self.database.pool)
            .await?;
        let today = sqlx::query("SELECT sent, extra FROM sending_day WHERE day=$1").bind(day).fetch_optional(&self.database.pool).await?;
        let of = |column: &str| today.as_ref().map_or(Ok(0), |row| number(row, column));
        Ok(SendingState {
            counter: number(&row, "counter")?,
            hold: hold(&row)?,
            numbers_held: text(&row, "numbers_held")?,
            sent: of("sent")?,
            extra: of("extra")?,
        })
    }

    /// Whether messages that this process has claimed and not sent yet may not go any more: all sending is held, or a mark of secrecy came after they
    /// were checked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn must_stop(self) -> Result<bool> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM sending WHERE id=1 AND hold<>'') AS held, (SELECT COUNT(*) FROM outbox WHERE state=$1 AND holder=$2 AND \
             checked<(SELECT position FROM restriction_position WHERE id=1)) AS unchecked",
        )
        .bind(DeliveryState::Sending.code())
        .bind(&self.database.holder)
        .fetch_one(&self.database.pool)
        .await?;
        Ok(number(&row, "held")? > 0 || number(&row, "unchecked")? > 0)
    }

    /// Claims messages that are due: pending and unknown ones, and those whose lease has expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim(self, claiming: &ClaimRequest<'_>) -> Result<Claims> {
        let ClaimRequest { run, limit, now, claimed_at, lease_until, test, day, daily_max } = *claiming;
        let mut transaction = self.database.begin().await?;
        // this update locks the row, so claims of several processes run one after another and the daily limit is exact
        let row = sqlx::query("UPDATE sending SET counter=counter+1 WHERE id=1 RETURNING counter, hold, hold_at, hold_by, hold_why")
            .fetch_one(&mut *transaction)
            .await?;
        let held = hold(&row)?;
        let counter = number(&row, "counter")?;
        let (sending, queued) = (DeliveryState::Sending.code(), DeliveryState::all_that(DeliveryState::is_queued));
        // the parameters: 1 now, 2 run, 3 test, 4 the state of a claimed message, 5 the time of claims; from `first` on the states of queued ones
        let due = |first: usize| {
            let queued = parameters(first, queued.len());
            format!(
                "((state IN ({queued}) AND next_at<=$1) OR (state=$4 AND lease_until<$5)) AND ($2='' OR run=$2) AND test>=$3 \
                 AND checked>=(SELECT position FROM restriction_position WHERE id=1)"
            )
        };
        let run = run.unwrap_or_default();
        let mut query = sqlx::query(sql(format!("SELECT id FROM outbox WHERE {} LIMIT 1", due(6))));
        query = query.bind(now).bind(run).bind(i64::from(test)).bind(sending).bind(claimed_at);
        for state in &queued {
            query = query.bind(state.code());
        }
        let due_now = query.fetch_optional(&mut *transaction).await?;
        if due_now.is_none() || held.is_some() {
            // nothing is claimed: the rollback restores the counter
            transaction.rollback().await?;
            return Ok(match held {
                Some(held) => Claims::Held(held),
                None => Claims::Taken { messages: Vec::new(), counter: counter - 1 },
            });
        }
        let spent = sqlx::query(
            "SELECT COALESCE((SELECT sent FROM sending_day WHERE day=$1), 0) AS sent, COALESCE((SELECT extra FROM sending_day WHERE day=$1), 0) AS extra, \
             (SELECT COUNT(*) FROM outbox WHERE state=$3 AND lease_until>=$2) AS busy",
        )
        .bind(day)
        .bind(claimed_at)
        .bind(sending)
        .fetch_one(&mut *transaction)
        .await?;
        let (sent, allowed) = (number(&spent, "sent")?, daily_max + number(&spent, "extra")?);
        let left = allowed - sent - number(&spent, "busy")?;
        if left <= 0 {
            transaction.rollback().await?;
            return Ok(Claims::DailyLimitReached { sent, allowed });
        }
        // the subquery locks rows on PostgreSQL, so that two processes never claim the same one; an expired claim counts as an unknown outcome
        // if its sending was begun, and as no attempt if it was not
        let statement = format!(
            "UPDATE outbox SET state=$4, fence=fence+1, lease_until=$6, holder=$7, \
             attempts=attempts+CASE WHEN state=$4 AND begun<>fence THEN 0 ELSE 1 END, \
             unknowns=unknowns+CASE WHEN state=$4 AND begun=fence THEN 1 ELSE 0 END WHERE id IN (\
             SELECT id FROM outbox WHERE {} ORDER BY next_at, id LIMIT $8{}) \
             RETURNING id, address, unit, message_id, size, created_at, attempts, unknowns, fence, bytes_sha256, act, instead_of",
            due(9),
            self.database.dialect.skip_locked()
        );
        let mut query = sqlx::query(sql(statement)).bind(now).bind(run).bind(i64::from(test)).bind(sending).bind(claimed_at);
        query = query.bind(lease_until).bind(&self.database.holder).bind(limit.min(left));
        for state in &queued {
            query = query.bind(state.code());
        }
        let rows = query.fetch_all(&mut *transaction).await?;
        let messages = rows
            .iter()
            .map(|row| {
                Ok(Claimed {
                    id: text(row, "id")?,
                    address: text(row, "address")?,
                    unit: text(row, "unit")?,
                    message_id: text(row, "message_id")?,
                    created_at: text(row, "created_at")?,
                    size: number(row, "size")? as u64,
                    attempts: number(row, "attempts")? as u32,
                    unknowns: number(row, "unknowns")? as u32,
                    fence: number(row, "fence")?,
                    bytes_sha256: text(row, "bytes_sha256")?,
                    is_audited_alone: !text(row, "act")?.is_empty() || !text(row, "instead_of")?.is_empty(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        transaction.commit().await?;
        Ok(Claims::Taken { messages, counter })
    }

    /// Records that the sending of claimed messages begins: from now on a claim that breaks off has an unknown outcome. Returns for each whether it
    /// may be sent; a claim that another process has taken over may not.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin(self, claims: &[&Claimed]) -> Result<Vec<bool>> {
        let mut transaction = self.database.begin().await?;
        let mut mine = Vec::with_capacity(claims.len());
        for claimed in claims {
            let begun = sqlx::query("UPDATE outbox SET begun=fence WHERE id=$1 AND fence=$2 AND state=$3")
                .bind(&claimed.id)
                .bind(claimed.fence)
                .bind(DeliveryState::Sending.code())
                .execute(&mut *transaction)
                .await?;
            mine.push(begun.rows_affected() == 1);
        }
        transaction.commit().await?;
        Ok(mine)
    }

    /// The bytes of messages by id; unknown ids are left out, and those with a text in place of their bytes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn bodies(self, ids: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut query = sqlx::query(sql(format!("SELECT id, message FROM outbox_body WHERE id IN ({})", parameters(1, ids.len()))));
        for id in ids {
            query = query.bind(*id);
        }
        let rows = query.fetch_all(&self.database.pool).await?;
        Ok(rows.iter().filter_map(|row| Some((text(row, "id").ok()?, row.try_get("message").ok()?))).collect())
    }

    /// Records outcomes of claimed messages in one transaction: the verdict on each, and the time of its next attempt. A claim that another
    /// process has taken over records nothing. Returns the counter, and for each message whether its outcome was recorded.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_outcomes(self, outcomes: &[(&Claimed, &Verdict, String)], now: &str, day: &str) -> Result<(i64, Vec<bool>)> {
        let mut transaction = self.database.begin().await?;
        let row = sqlx::query("UPDATE sending SET counter=counter+1 WHERE id=1 RETURNING counter").fetch_one(&mut *transaction).await?;
        let mut recorded = Vec::with_capacity(outcomes.len());
        let mut sent = 0;
        for (claimed, verdict, next_at) in outcomes {
            // PostgreSQL refuses NUL in text, and a message whose outcome cannot be stored would be sent twice
            let reply = verdict.reply.replace('\0', "");
            let rows = sqlx::query(
                "UPDATE outbox SET state=$3, reply=CASE WHEN $4='' THEN reply ELSE $4 END, next_at=$5, ended_at=$6, lease_until='', \
                 attempts=attempts-$7, unknowns=unknowns+$8 WHERE id=$1 AND fence=$2 AND state=$9",
            )
            .bind(&claimed.id)
            .bind(claimed.fence)
            .bind(verdict.state.code())
            .bind(&reply)
            .bind(next_at)
            .bind(if verdict.state.has_ended() { now } else { "" })
            .bind(i64::from(!verdict.counts))
            .bind(i64::from(verdict.unknown))
            .bind(DeliveryState::Sending.code())
            .execute(&mut *transaction)
            .await?;
            let mine = rows.rows_affected() == 1;
            recorded.push(mine);
            if mine && (verdict.unknown || verdict.state == DeliveryState::Accepted) {
                sent += 1;
            }
            if let Some(event) = DeliveryEvent::of_attempt(verdict, claimed.attempts).filter(|_| mine) {
                record_event(&mut transaction, &claimed.id, now, "", event, &reply).await?;
            }
        }
        if sent > 0 {
            count_day(&mut transaction, day, sent, 0).await?;
        }
        transaction.commit().await?;
        Ok((number(&row, "counter")?, recorded))
    }

    /// Queues messages anew whose refusal was about us and not about their recipients.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_back(self, ids: &[String], now: &str) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for id in ids {
            let rows = sqlx::query("UPDATE outbox SET state=$2, next_at=$3, ended_at='', attempts=attempts-1 WHERE id=$1 AND state=$4")
                .bind(id)
                .bind(DeliveryState::Pending.code())
                .bind(now)
                .bind(DeliveryState::Refused.code())
                .execute(&mut *transaction)
                .await?;
            if rows.rows_affected() == 1 {
                record_event(&mut transaction, id, now, "", DeliveryEvent::Deferred, "").await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends the claims of a dead process of this machine and root. A message whose sending was not begun waits as before. The outcome of the others
    /// is unknown, so the same bytes are resent, unless there were too many unknown outcomes before. The caller must hold the delivery lock, which a
    /// live process would hold. Returns the number of those whose outcome is unknown.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_dead_claims(self, now: &str) -> Result<u64> {
        const REPLY: &str = "the sender died";
        let mut transaction = self.database.begin().await?;
        let claims = sqlx::query("SELECT id, fence, begun, unknowns FROM outbox WHERE state=$1 AND holder=$2 ORDER BY id")
            .bind(DeliveryState::Sending.code())
            .bind(&self.database.holder)
            .fetch_all(&mut *transaction)
            .await?;
        let mut ended = 0;
        for claim in &claims {
            let (id, fence, before) = (text(claim, "id")?, number(claim, "fence")?, number(claim, "unknowns")?);
            if number(claim, "begun")? != fence {
                let waiting = if before > 0 { DeliveryState::Unknown } else { DeliveryState::Pending };
                sqlx::query(
                    "UPDATE outbox SET state=$4, attempts=attempts-1, next_at=$5, lease_until='' WHERE id=$1 AND fence=$2 AND state=$3",
                )
                .bind(&id)
                .bind(fence)
                .bind(DeliveryState::Sending.code())
                .bind(waiting.code())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
                continue;
            }
            let unknowns = before + 1;
            let verdict = unknown_verdict(unknowns as u32, Duration::zero(), REPLY);
            let done = sqlx::query(
                "UPDATE outbox SET state=$4, ended_at=$5, unknowns=$6, next_at=$7, reply=$8, lease_until='' WHERE id=$1 AND fence=$2 AND state=$3",
            )
            .bind(&id)
            .bind(fence)
            .bind(DeliveryState::Sending.code())
            .bind(verdict.state.code())
            .bind(if verdict.state.has_ended() { now } else { "" })
            .bind(unknowns)
            .bind(now)
            .bind(&verdict.reply)
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 1 {
                record_event(&mut transaction, &id, now, "", DeliveryEvent::Unknown, REPLY).await?;
                ended += 1;
            }
        }
        transaction.commit().await?;
        Ok(ended)
    }

    /// Gives up unsent messages whose time limit has passed, and messages whose claims have expired too often; claims hold until `claims_until`. Returns
    /// the ids.
    ///
    /// # Errors
    /// The database fails.
    pub async fn expire(self, now: &str, claims_until: &str) -> Result<Vec<String>> {
        let mut transaction = self.database.begin().await?;
        let (sending, queued) = (DeliveryState::Sending.code(), DeliveryState::all_that(DeliveryState::is_queued));
        let statement = format!(
            "SELECT id, state, fence, begun, unknowns, expires_at FROM outbox WHERE (state IN ({}) AND expires_at<$1) \
             OR (state=$2 AND lease_until<$3) \
             ORDER BY id",
            parameters(4, queued.len())
        );
        let mut query = sqlx::query(sql(statement)).bind(now).bind(sending).bind(claims_until);
        for state in &queued {
            query = query.bind(state.code());
        }
        let mut ids = Vec::new();
        for row in &query.fetch_all(&mut *transaction).await? {
            let (id, state, unknowns, fence) = (text(row, "id")?, delivery_state(row)?, number(row, "unknowns")?, number(row, "fence")?);
            let was_begun = state == DeliveryState::Sending && number(row, "begun")? == fence;
            let reached = if was_begun { state } else { DeliveryState::Pending };
            if !is_given_up(reached, unknowns as u32, text(row, "expires_at")?.as_str() < now) {
                continue;
            }
            let done =
                sqlx::query("UPDATE outbox SET state=$4, ended_at=$5, unknowns=$6, lease_until='' WHERE id=$1 AND fence=$2 AND state=$3")
                    .bind(&id)
                    .bind(fence)
                    .bind(state.code())
                    .bind(DeliveryState::Dead.code())
                    .bind(now)
                    .bind(unknowns + i64::from(was_begun))
                    .execute(&mut *transaction)
                    .await?;
            if done.rows_affected() == 1 {
                let detail = "超过发送期限，或多次发送都没有结果";
                record_event(&mut transaction, &id, now, "", DeliveryEvent::Dead, detail).await?;
                ids.push(id);
            }
        }
        transaction.commit().await?;
        Ok(ids)
    }

    /// Holds all sending, and records who did. `false` = it was held before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hold(self, reason: HoldReason, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let done = sqlx::query("UPDATE sending SET hold=$1, hold_at=$2, hold_by=$3, hold_why=$4 WHERE id=1 AND hold=''")
            .bind(reason.code())
            .bind(entry.at)
            .bind(entry.who)
            .bind(entry.why)
            .execute(&mut *transaction)
            .await?;
        let is_held = done.rows_affected() == 1;
        if is_held {
            AuditedRows::sending().record(&mut transaction, entry, "sending held", reason.code()).await?;
        }
        transaction.commit().await?;
        Ok(is_held)
    }

    /// Holds all numbering, and records why. A person who releases sending releases it too.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hold_numbers(self, entry: AuditEntry<'_>) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let done = sqlx::query("UPDATE sending SET numbers_held=$1 WHERE id=1 AND numbers_held=''")
            .bind(entry.at)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 1 {
            insert_audit(entry.at, entry.who, "numbering held", "", entry.why).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Releases sending: ends the hold, moves the counter past `counter_at_least`, and raises the limit of a day by `extra` mails. Pending
    /// messages become due at once. `what` is recorded as what was released. Returns the counter.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release(self, counter_at_least: i64, day: &str, extra: i64, what: &str, entry: AuditEntry<'_>) -> Result<i64> {
        let mut transaction = self.database.begin().await?;
        let row = sqlx::query(
            "UPDATE sending SET hold='', hold_at='', hold_by='', hold_why='', numbers_held='', \
             counter=CASE WHEN counter<$1 THEN $1 ELSE counter END + 1 WHERE id=1 RETURNING counter",
        )
        .bind(counter_at_least)
        .fetch_one(&mut *transaction)
        .await?;
        if extra > 0 {
            count_day(&mut transaction, day, 0, extra).await?;
        }
        sqlx::query("UPDATE outbox SET next_at=$1 WHERE state=$2 AND next_at>$1")
            .bind(entry.at)
            .bind(DeliveryState::Pending.code())
            .execute(&mut *transaction)
            .await?;
        AuditedRows::sending().record(&mut transaction, entry, "sending released", what).await?;
        transaction.commit().await?;
        number(&row, "counter")
    }
}

/// Adds to the mails sent on a day and to those allowed beyond the limit.
async fn count_day(transaction: &mut sqlx::Transaction<'static, sqlx::Any>, day: &str, sent: i64, extra: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO sending_day (day, sent, extra) VALUES ($1, $2, $3) \
         ON CONFLICT (day) DO UPDATE SET sent=sending_day.sent+excluded.sent, extra=sending_day.extra+excluded.extra",
    )
    .bind(day)
    .bind(sent)
    .bind(extra)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The hold in the row of table `sending`.
fn hold(row: &sqlx::any::AnyRow) -> Result<Option<Hold>> {
    let code = text(row, "hold")?;
    if code.is_empty() {
        return Ok(None);
    }
    // a reason that this version does not know is still a hold
    let reason = HoldReason::ALL.into_iter().find(|reason| reason.code() == code).unwrap_or(HoldReason::Person);
    Ok(Some(Hold { reason, at: text(row, "hold_at")?, by: text(row, "hold_by")?, why: text(row, "hold_why")? }))
}
