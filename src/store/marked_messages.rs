//! Messages against marks of secrecy that came after they were made: those that wait are stopped, and those that went out are listed.

use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use crate::store::database::{Database, ROWS_PER_STATEMENT, Result, number, parameters, sql, text};
use crate::store::message_events::record_event;
use crate::store::named_records::{NamedCodes, unpack};
use crate::store::outbox::{OutboxRow, outbox_row};
use futures_util::TryStreamExt;
use sqlx::Row;
use std::collections::BTreeSet;

/// A message that may still be sent and has not been checked against the present marks.
#[derive(Clone, Debug)]
pub struct Unchecked {
    pub id: String,
    /// The position against which it was checked.
    pub checked: i64,
    pub names: NamedCodes,
}

/// The slot of a job with messages that were stopped since its newest run began: it has to make them anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedSlot {
    pub job: String,
    pub slot: String,
    pub as_of: String,
    pub messages: i64,
    /// It is the latest slot of its job: the service makes the messages anew by itself.
    pub is_latest: bool,
}

/// The messages of the outbox with the records they name.
#[derive(Clone, Copy, Debug)]
pub struct MarkedMessages<'a> {
    pub(super) database: &'a Database,
}

impl MarkedMessages<'_> {
    /// The messages that may still be sent and were last checked against marks before a position.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn unchecked(self, position: i64) -> Result<Vec<Unchecked>> {
        let states = DeliveryState::all_that(DeliveryState::is_stoppable);
        let statement = format!(
            "SELECT o.id, o.checked, n.body FROM outbox o LEFT JOIN named_records n \
             ON n.object=CASE WHEN o.instead_of='' THEN o.id ELSE o.instead_of END WHERE o.checked<$1 AND o.state IN ({}) ORDER BY o.id",
            parameters(2, states.len())
        );
        let mut query = sqlx::query(sql(statement)).bind(position);
        for state in &states {
            query = query.bind(state.code());
        }
        let rows = query.fetch_all(&self.database.pool).await?;
        rows.iter()
            .map(|row| {
                let id = text(row, "id")?;
                let body: Option<Vec<u8>> = row.try_get("body")?;
                let names = body.map_or_else(|| Ok(NamedCodes::new()), |body| unpack(&id, &body))?;
                Ok(Unchecked { checked: number(row, "checked")?, names, id })
            })
            .collect()
    }

    /// Records that messages were checked against the marks up to a position: those of `withheld`, each with the reason, are not sent any more.
    /// Returns the ids of those that were stopped.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_check(self, position: i64, passed: &[String], withheld: &[(String, String)], now: &str) -> Result<Vec<String>> {
        let mut transaction = self.database.begin().await?;
        let states = DeliveryState::all_that(DeliveryState::is_stoppable);
        for part in passed.chunks(ROWS_PER_STATEMENT) {
            let statement = format!("UPDATE outbox SET checked=$1 WHERE checked<$1 AND id IN ({})", parameters(2, part.len()));
            let mut query = sqlx::query(sql(statement)).bind(position);
            for id in part {
                query = query.bind(id);
            }
            query.execute(&mut *transaction).await?;
        }
        let mut stopped = Vec::new();
        let statement = format!(
            "UPDATE outbox SET state=$1, ended_at=$2, checked=$3, reply=$4 WHERE id=$5 AND state IN ({})",
            parameters(6, states.len())
        );
        for (id, reason) in withheld {
            let query = sqlx::query(sql(statement.clone())).bind(DeliveryState::Withheld.code()).bind(now).bind(position);
            let mut query = query.bind(reason).bind(id);
            for state in &states {
                query = query.bind(state.code());
            }
            if query.execute(&mut *transaction).await?.rows_affected() == 1 {
                record_event(&mut transaction, id, now, "", DeliveryEvent::Withheld, reason).await?;
                stopped.push(id.clone());
            }
        }
        transaction.commit().await?;
        Ok(stopped)
    }

    /// The slots with messages that were stopped since their newest run began, by job and slot.
    ///
    /// # Errors
    /// The database fails.
    pub async fn stopped_slots(self) -> Result<Vec<StoppedSlot>> {
        let rows = sqlx::query(
            "SELECT r.job, r.slot, r.as_of, COUNT(*) AS messages, (SELECT MAX(m.slot) FROM run m WHERE m.job=r.job) AS latest FROM outbox o JOIN run r ON r.id=o.run WHERE o.state=$1 AND o.ended_at> \
             (SELECT n.started_at FROM run n WHERE n.job=r.job AND n.slot=r.slot ORDER BY n.revision DESC LIMIT 1) \
             GROUP BY r.job, r.slot, r.as_of ORDER BY r.job, r.slot",
        )
        .bind(DeliveryState::Withheld.code())
        .fetch_all(&self.database.pool)
        .await?;
        let slot = |row| {
            Ok(StoppedSlot {
                job: text(row, "job")?,
                slot: text(row, "slot")?,
                as_of: text(row, "as_of")?,
                messages: number(row, "messages")?,
                is_latest: text(row, "latest")? == text(row, "slot")?,
            })
        };
        rows.iter().map(slot).collect()
    }

    /// Unit and act of the messages of a slot whose last one before a revision was stopped.
    ///
    /// # Errors
    /// The database fails.
    pub async fn stopped_before(self, job: &str, slot: &str, revision: i64) -> Result<BTreeSet<(String, String)>> {
        let rows = sqlx::query(
            "SELECT o.unit, o.act FROM outbox o JOIN run r ON r.id=o.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 AND o.state=$4 \
             AND NOT EXISTS (SELECT 1 FROM outbox p JOIN run q ON q.id=p.run WHERE q.job=$1 AND q.slot=$2 AND q.revision<$3 \
             AND q.revision>r.revision AND p.unit=o.unit AND p.act=o.act)",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .bind(DeliveryState::Withheld.code())
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "unit")?, text(row, "act")?))).collect()
    }

    /// Calls `take` with every message that has arrived or may have, and the records it names; newest first. Messages of the test mode are
    /// left out.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn each_sent(self, mut take: impl FnMut(OutboxRow, NamedCodes)) -> Result<()> {
        let states = DeliveryState::all_that(DeliveryState::may_have_arrived);
        let statement = format!(
            "SELECT o.id, o.run, o.address, o.unit, o.subject, o.state, o.attempts, o.reply, o.created_at, o.ended_at, o.next_at, \
             o.expires_at, o.unknowns, o.test, o.instead_of, o.message_id, o.act, n.body FROM outbox o JOIN named_records n \
             ON n.object=CASE WHEN o.instead_of='' THEN o.id ELSE o.instead_of END \
             WHERE o.test=0 AND (o.state IN ({}) OR o.unknowns>0) ORDER BY o.created_at DESC, o.id",
            parameters(1, states.len())
        );
        let mut query = sqlx::query(sql(statement));
        for state in &states {
            query = query.bind(state.code());
        }
        // the names of all mails of some years are too many to be held at once
        let mut rows = query.fetch(&self.database.pool);
        while let Some(row) = rows.try_next().await? {
            let message = outbox_row(&row)?;
            let names = unpack(&message.id, row.try_get("body")?)?;
            take(message, names);
        }
        Ok(())
    }
}
