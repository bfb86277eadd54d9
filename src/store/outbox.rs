//! The outbox (发件箱): every message as fixed bytes, the findings it reports, and its delivery state. [`crate::store::sending`] claims
//! messages and records their outcomes.

use crate::domain::judging::finding::Identity;
use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use crate::domain::rules::rule::Light;
use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, Dialect, ROWS_PER_STATEMENT, Result, StoreError, json, number, parameters, sql, text, to_json};
use crate::store::message_bytes::sha256_of;
use crate::store::message_events::{record_event, supersede};
use crate::store::named_records::{NamedCodes, insert_named};
use crate::store::notified::{NotifiedFindings, last_before_undelivered};
use crate::store::notify_reasons::{UnitReason, insert_reasons};
use crate::store::run_result;
use crate::store::run_result::RunResult;
use crate::store::runs::{Run, RunInputs, Runs};
use chrono::NaiveDate;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
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
    /// Fingerprint of the content: `--revise` sends no message whose content is unchanged.
    pub digest_sha256: String,
    pub bytes: Vec<u8>,
    /// Code of the act above 催办, for a draft that a person releases; empty for a digest.
    pub act: String,
    /// The id of the letter that this is a copy of, which goes out with it; empty for every other message.
    pub copy_of: String,
    /// The records that its text and its attachment name.
    pub names: NamedCodes,
}

/// The findings of which a unit is notified by its message.
#[derive(Clone, Debug)]
pub struct NewNotified {
    pub unit: String,
    pub findings: BTreeMap<Identity, Option<Light>>,
    /// The unit in whose mail it is notified; empty = its own.
    pub through: String,
}

/// The findings in a draft. A person has yet to release it, so no unit counts as notified.
#[derive(Clone, Debug)]
pub struct NewDraft {
    /// The draft's message id.
    pub message: String,
    pub findings: BTreeMap<Identity, Option<Light>>,
}

/// Everything that the notifying step of a run queues.
#[derive(Clone, Debug, Default)]
pub struct OutboxBatch {
    pub messages: Vec<NewMessage>,
    pub notified: Vec<NewNotified>,
    pub drafts: Vec<NewDraft>,
    /// Why each unit is mailed or not, in administrative order.
    pub reasons: Vec<UnitReason>,
    /// Day of the slot.
    pub notified_on: String,
    pub now: String,
    pub result: RunResult,
    /// When a message that is still unsent is given up.
    pub expires_at: String,
    /// Made in test mode: no unit counts as notified.
    pub test: bool,
    /// The drafts of earlier runs that nobody has decided on are superseded.
    pub replaces_drafts: bool,
}

/// A message without its bytes, as `duban outbox list` shows it.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    pub id: String,
    pub run: String,
    pub address: String,
    pub unit: String,
    pub subject: String,
    pub state: DeliveryState,
    pub attempts: i64,
    pub reply: String,
    pub created_at: String,
    pub ended_at: String,
    /// When it is sent next, while it is pending or unknown.
    pub next_at: String,
    pub expires_at: String,
    /// Attempts after which the server may or may not have accepted it.
    pub unknowns: i64,
    pub test: bool,
    /// The message whose content this one sends to a corrected address.
    pub instead_of: String,
    pub message_id: String,
    /// Code of the act of a draft; empty for a digest.
    pub act: String,
}

/// Which messages a list contains; a field that is `None` excludes nothing.
#[derive(Clone, Debug, Default)]
pub struct OutboxFilter {
    pub run: Option<String>,
    pub state: Option<DeliveryState>,
    /// Unit name.
    pub unit: Option<String>,
    /// Rule and key of a finding.
    pub finding: Option<(String, String)>,
}

/// An event in the life of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEvent {
    pub at: String,
    /// Empty for the service itself.
    pub who: String,
    /// The user of the operating system, where a person acted.
    pub os_user: String,
    pub what: DeliveryEvent,
    pub detail: String,
}

/// One message that notified a unit of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub unit: String,
    /// Day of the slot.
    pub on: String,
    /// `None` = reported as a cell to fill in, without a light.
    pub light: Option<Light>,
    pub run: String,
    /// Id of the message.
    pub message: String,
    pub state: DeliveryState,
    /// When the message was made.
    pub made_at: String,
    /// When the message reached its last state; empty = it has not.
    pub ended_at: String,
}

/// The messages of all runs.
#[derive(Clone, Copy, Debug)]
pub struct Outbox<'a> {
    pub(super) database: &'a Database,
}

impl Outbox<'_> {
    /// Commits the result of the notifying step in one transaction: messages, reasons, notified findings, the result of the run and the step itself. It is
    /// idempotent.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn commit(self, run: &Run, step: &str, inputs: &RunInputs, batch: &OutboxBatch) -> Result<()> {
        let OutboxBatch { messages, notified, notified_on, now, result, expires_at, test, .. } = batch;
        let mut transaction = self.database.begin().await?;
        crate::store::runs::advance(&mut transaction, run, step, inputs).await?;
        sqlx::query("UPDATE run SET result=$2 WHERE id=$1")
            .bind(&run.id)
            .bind(run_result::to_column(Some(result))?)
            .execute(&mut *transaction)
            .await?;
        for part in messages.chunks(ROWS_PER_STATEMENT) {
            let statement = format!(
                "INSERT INTO outbox (id, run, recipient, address, unit, subject, message_id, digest_sha256, state, fence, lease_until, attempts, \
                 next_at, reply, created_at, ended_at, test, expires_at, size, act, checked, bytes_sha256, copy_of) VALUES {} ON CONFLICT (run, recipient) DO NOTHING",
                self.database.dialect.values(part.len(), 23)
            );
            let mut query = sqlx::query(sql(statement));
            for message in part {
                let state = if message.act.is_empty() { DeliveryState::Pending } else { DeliveryState::Draft };
                query = query
                    .bind(&message.id)
                    .bind(&run.id)
                    .bind(&message.recipient)
                    .bind(&message.address)
                    .bind(&message.unit)
                    .bind(&message.subject)
                    .bind(&message.message_id)
                    .bind(&message.digest_sha256)
                    .bind(state.code())
                    .bind(0i64)
                    .bind("")
                    .bind(0i64)
                    .bind(now)
                    .bind("")
                    .bind(now)
                    .bind("")
                    .bind(i64::from(*test))
                    .bind(expires_at)
                    .bind(message.bytes.len() as i64)
                    .bind(&message.act)
                    .bind(inputs.restrictions)
                    .bind(sha256_of(&message.bytes))
                    .bind(&message.copy_of);
            }
            query.execute(&mut *transaction).await?;
        }
        // bodies contain attachments: a few per statement keep a statement small
        for part in messages.chunks(8) {
            let values = self.database.dialect.values(part.len(), 2);
            let statement = format!("INSERT INTO outbox_body (id, message) VALUES {values} ON CONFLICT (id) DO NOTHING");
            let mut query = sqlx::query(sql(statement));
            for message in part {
                query = query.bind(&message.id).bind(message.bytes.clone());
            }
            query.execute(&mut *transaction).await?;
        }
        let named = messages.iter().map(|message| (message.id.as_str(), &message.names));
        insert_named(self.database.dialect, &mut transaction, &run.id, now, named).await?;
        insert_message_findings(self.database.dialect, &mut transaction, batch).await?;
        record_made(&mut transaction, run, messages, now).await?;
        supersede(&mut transaction, run, &batch.now, batch.test, batch.replaces_drafts).await?;
        insert_reasons(self.database.dialect, &mut transaction, run, &batch.reasons).await?;
        for NewNotified { unit, findings, .. } in notified.iter().filter(|_| !test) {
            let known = match last_before_undelivered(&mut transaction, run, unit).await? {
                Some(last) => last,
                None => {
                    let known =
                        sqlx::query("SELECT rule, ledger, key, light FROM notified WHERE unit=$1 AND sample=$2 ORDER BY rule, ledger, key")
                            .bind(unit)
                            .bind(i64::from(inputs.sample))
                            .fetch_all(&mut *transaction)
                            .await?;
                    known
                        .iter()
                        .map(|row| Ok([text(row, "rule")?, text(row, "ledger")?, text(row, "key")?, text(row, "light")?]))
                        .collect::<Result<NotifiedFindings>>()?
                }
            };
            sqlx::query("INSERT INTO notified_history (run, unit, body) VALUES ($1,$2,$3) ON CONFLICT (run, unit) DO NOTHING")
                .bind(&run.id)
                .bind(unit)
                .bind(to_json(&known)?)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM notified WHERE unit=$1").bind(unit).execute(&mut *transaction).await?;
            let findings: Vec<(&Identity, &Option<Light>)> = findings.iter().collect();
            for part in findings.chunks(ROWS_PER_STATEMENT) {
                let statement = format!(
                    "INSERT INTO notified (unit, rule, ledger, key, light, notified_on, run, sample) VALUES {}",
                    self.database.dialect.values(part.len(), 8)
                );
                let mut query = sqlx::query(sql(statement));
                for (identity, light) in part {
                    query = query
                        .bind(unit)
                        .bind(&identity.rule)
                        .bind(&identity.ledger)
                        .bind(&identity.key)
                        .bind(light.map_or("", Light::code))
                        .bind(notified_on)
                        .bind(&run.id)
                        .bind(i64::from(inputs.sample));
                }
                query.execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The number of messages in each state, of one run or of all. Copies that wait for their letter do not count.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_by_state(self, run: Option<&str>) -> Result<BTreeMap<DeliveryState, i64>> {
        let statement = "SELECT state, COUNT(*) AS n FROM outbox WHERE ($1='' OR run=$1) AND (copy_of='' OR state<>$2) GROUP BY state";
        let rows =
            sqlx::query(statement).bind(run.unwrap_or_default()).bind(DeliveryState::Draft.code()).fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((delivery_state(row)?, number(row, "n")?))).collect()
    }

    /// How many messages of a run were made in test mode, and how many were accepted after an attempt with an unknown outcome.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_marks(self, run: &str) -> Result<(i64, i64)> {
        let row = sqlx::query(
            "SELECT COALESCE(SUM(test), 0) AS tests, COALESCE(SUM(CASE WHEN unknowns>0 AND state=$2 THEN 1 ELSE 0 END), 0) AS repeated \
             FROM (SELECT CAST(test AS INTEGER) AS test, unknowns, state FROM outbox WHERE run=$1) AS mine",
        )
        .bind(run)
        .bind(DeliveryState::Accepted.code())
        .fetch_one(&self.database.pool)
        .await?;
        Ok((number(&row, "tests")?, number(&row, "repeated")?))
    }

    /// Messages, newest first, without copies that wait for their letter.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn list(self, filter: &OutboxFilter) -> Result<Vec<OutboxRow>> {
        let finding = filter.finding.as_ref().map(|(rule, key)| (like(rule, key), rule, key));
        let rows = sqlx::query(
            "SELECT o.id, o.run, o.address, o.unit, o.subject, o.state, o.attempts, o.reply, o.created_at, o.ended_at, o.next_at, \
             o.expires_at, o.unknowns, o.test, o.instead_of, o.message_id, o.act, COALESCE(t.body, '') AS findings FROM outbox o \
             LEFT JOIN outbox_findings t ON $4<>'' AND t.message=CASE WHEN o.instead_of='' THEN o.id ELSE o.instead_of END \
             WHERE ($1='' OR o.run=$1) AND ($2='' OR o.state=$2) AND ($3='' OR o.unit=$3) AND ($4='' OR t.body LIKE $4 ESCAPE '!') \
             AND (o.copy_of='' OR o.state<>$5) ORDER BY o.created_at DESC, o.id",
        )
        .bind(filter.run.as_deref().unwrap_or_default())
        .bind(filter.state.map_or("", DeliveryState::code))
        .bind(filter.unit.as_deref().unwrap_or_default())
        .bind(finding.as_ref().map_or("", |(like, ..)| like.as_str()))
        .bind(DeliveryState::Draft.code())
        .fetch_all(&self.database.pool)
        .await?;
        let mut out = Vec::new();
        for row in &rows {
            if let Some((_, rule, key)) = finding {
                // LIKE ignores upper and lower case on SQLite
                let findings: NotifiedFindings = json("findings of message", &text(row, "id")?, &text(row, "findings")?)?;
                if !findings.iter().any(|[r, _, k, _]| r == rule && k == key) {
                    continue;
                }
            }
            out.push(outbox_row(row)?);
        }
        Ok(out)
    }

    /// A page of messages in one of these states, the newest first, and how many there are. `unit` empty = of all units; `tests`: with those
    /// of the test mode.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn page(self, unit: &str, states: &[DeliveryState], tests: bool, first: i64, count: i64) -> Result<(Vec<OutboxRow>, i64)> {
        let matching = format!(
            "FROM outbox WHERE ($1='' OR unit=$1) AND test<=$2 AND (copy_of='' OR state<>$3) AND state IN ({})",
            parameters(4, states.len())
        );
        let bound = |statement: String| {
            let query = sqlx::query(sql(statement)).bind(unit.to_owned()).bind(i64::from(tests)).bind(DeliveryState::Draft.code());
            states.iter().fold(query, |query, state| query.bind(state.code()))
        };
        let total = bound(format!("SELECT COUNT(*) AS n {matching}")).fetch_one(&self.database.pool).await?;
        let columns = "id, run, address, unit, subject, state, attempts, reply, created_at, ended_at, next_at, expires_at, unknowns, test, \
                       instead_of, message_id, act";
        let (limit, offset) = (states.len() + 4, states.len() + 5);
        let rows = bound(format!("SELECT {columns} {matching} ORDER BY created_at DESC, id LIMIT ${limit} OFFSET ${offset}"))
            .bind(count)
            .bind(first)
            .fetch_all(&self.database.pool)
            .await?;
        Ok((rows.iter().map(outbox_row).collect::<Result<_>>()?, number(&total, "n")?))
    }

    /// One message without its bytes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(self, id: &str) -> Result<Option<OutboxRow>> {
        let row = sqlx::query(
            "SELECT id, run, address, unit, subject, state, attempts, reply, created_at, ended_at, next_at, expires_at, unknowns, test, \
             instead_of, message_id, act FROM outbox WHERE id=$1",
        )
        .bind(id)
        .fetch_optional(&self.database.pool)
        .await?;
        row.as_ref().map(outbox_row).transpose()
    }

    /// The light with which a message reported a finding; `None` = the message does not contain the finding.
    ///
    /// # Errors
    /// The database fails or the row is damaged.
    pub async fn light_in(self, message: &OutboxRow, rule: &str, key: &str) -> Result<Option<Option<Light>>> {
        let id = if message.instead_of.is_empty() { &message.id } else { &message.instead_of };
        let row = sqlx::query("SELECT body FROM outbox_findings WHERE message=$1").bind(id).fetch_optional(&self.database.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let findings: NotifiedFindings = json("findings of message", id, &text(&row, "body")?)?;
        Ok(findings.iter().find(|[r, _, k, _]| r == rule && k == key).map(|[.., code]| Light::from_code(code)))
    }

    /// The findings that the last mail of a day reported to a unit (by name); `None` = it got none for that day.
    ///
    /// # Errors
    /// The database fails or the row is damaged.
    pub async fn findings_sent(self, unit: &str, as_of: NaiveDate) -> Result<Option<NotifiedFindings>> {
        let row = sqlx::query(
            "SELECT o.id, t.body FROM outbox o JOIN run r ON r.id=o.run JOIN outbox_findings t ON t.message=o.id \
             WHERE o.unit=$1 AND r.as_of=$2 AND o.act='' AND o.test=0 ORDER BY o.created_at DESC, o.id LIMIT 1",
        )
        .bind(unit)
        .bind(as_of.to_string())
        .fetch_optional(&self.database.pool)
        .await?;
        row.map(|row| json("findings of message", &text(&row, "id")?, &text(&row, "body")?)).transpose()
    }

    /// Every message that notified a unit of a finding, oldest first, whatever its state. Messages of the test mode and drafts do not count.
    ///
    /// # Errors
    /// The database fails.
    pub async fn notifications_of(self, of: &Identity, sample: bool) -> Result<Vec<Notification>> {
        let mut out = Vec::new();
        let filter = OutboxFilter { finding: Some((of.rule.clone(), of.key.clone())), ..OutboxFilter::default() };
        for message in self.list(&filter).await?.into_iter().filter(|message| !message.test && message.act.is_empty()) {
            let Some(light) = self.light_in(&message, &of.rule, &of.key).await? else { continue };
            let Some(run) = Runs { database: self.database }.get(&message.run).await?.filter(|run| run.inputs.sample == sample) else {
                continue;
            };
            let on = run.slot.get(..10).unwrap_or_default().to_owned();
            let OutboxRow { id: message, unit, state, created_at: made_at, ended_at, .. } = message;
            out.push(Notification { unit, on, light, run: run.id, message, state, made_at, ended_at });
        }
        out.sort_by(|a, b| (&a.on, &a.run, &a.unit, &a.message).cmp(&(&b.on, &b.run, &b.unit, &b.message)));
        Ok(out)
    }

    /// The events of a message, in order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn events(self, id: &str) -> Result<Vec<OutboxEvent>> {
        let rows = sqlx::query("SELECT at, who, os_user, what, detail FROM outbox_event WHERE message=$1 ORDER BY no")
            .bind(id)
            .fetch_all(&self.database.pool)
            .await?;
        let event = |row| {
            let code = text(row, "what")?;
            let damaged = || StoreError::Damaged { what: "event of message", key: id.to_owned(), detail: code.clone() };
            let what = DeliveryEvent::parse(&code).ok_or_else(damaged)?;
            Ok(OutboxEvent {
                at: text(row, "at")?,
                who: text(row, "who")?,
                os_user: text(row, "os_user")?,
                what,
                detail: text(row, "detail")?,
            })
        };
        rows.iter().map(event).collect()
    }

    /// The bytes of one message.
    ///
    /// # Errors
    /// The database fails.
    pub async fn body(self, id: &str) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query("SELECT message FROM outbox_body WHERE id=$1").bind(id).fetch_optional(&self.database.pool).await?;
        Ok(row.map(|row| row.try_get("message")).transpose()?)
    }

    /// The number of messages that are still to be delivered.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_undelivered(self) -> Result<i64> {
        let states = DeliveryState::all_that(DeliveryState::is_undelivered);
        let mut query = sqlx::query(sql(format!("SELECT COUNT(*) AS n FROM outbox WHERE state IN ({})", parameters(1, states.len()))));
        for state in &states {
            query = query.bind(state.code());
        }
        number(&query.fetch_one(&self.database.pool).await?, "n")
    }

    /// Changes messages from some states to another on a person's order; `ids` empty = all messages in these states. A message that had
    /// ended starts anew with all its attempts, until `expires_at`. Each changed message records the order as an event. Returns their ids.
    ///
    /// # Errors
    /// The database fails.
    pub async fn change_state(
        self,
        ids: &[String],
        from: &[DeliveryState],
        to: DeliveryState,
        entry: AuditEntry<'_>,
        expires_at: &str,
    ) -> Result<Vec<String>> {
        // only a message that is sent once more gets a new time limit
        let expires_at = if to.is_queued() { expires_at } else { "" };
        let statement = format!(
            "UPDATE outbox SET state=$1, next_at=$2, attempts=CASE WHEN ended_at='' THEN attempts ELSE 0 END, \
             expires_at=CASE WHEN $4='' THEN expires_at ELSE $4 END, ended_at='' WHERE state IN ({}) AND ($3='' OR id=$3) RETURNING id",
            parameters(5, from.len())
        );
        let all = [String::new()];
        let mut transaction = self.database.begin().await?;
        let mut changed = Vec::new();
        for id in if ids.is_empty() { &all[..] } else { ids } {
            let mut query = sqlx::query(sql(statement.clone())).bind(to.code()).bind(entry.at).bind(id).bind(expires_at);
            for state in from {
                query = query.bind(state.code());
            }
            for row in &query.fetch_all(&mut *transaction).await? {
                changed.push(text(row, "id")?);
            }
        }
        changed.sort();
        for id in &changed {
            record_event(&mut transaction, id, entry.at, entry.who, DeliveryEvent::of_order(to), entry.why).await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// Queues the content of a message for a corrected address, as a new message with the same body; the old one becomes superseded. `false` =
    /// the old one is not in a state from which it can be resent, or this was done before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn readdress(self, old: &str, new: &NewMessage, entry: AuditEntry<'_>, expires_at: &str) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let states = DeliveryState::all_that(DeliveryState::is_readdressable);
        let statement = format!("UPDATE outbox SET state=$3, ended_at=$2 WHERE id=$1 AND state IN ({})", parameters(4, states.len()));
        let mut query = sqlx::query(sql(statement)).bind(old).bind(entry.at).bind(DeliveryState::Superseded.code());
        for state in &states {
            query = query.bind(state.code());
        }
        let done = query.execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let made = sqlx::query(
            "INSERT INTO outbox (id, run, recipient, address, unit, subject, message_id, digest_sha256, state, fence, lease_until, attempts, \
             next_at, reply, created_at, ended_at, test, expires_at, size, instead_of, act, checked, bytes_sha256) \
             SELECT $2, run, $3, $4, unit, subject, $5, digest_sha256, $9, 0, '', 0, $6, '', $6, '', test, $7, CAST($8 AS BIGINT), \
             CASE WHEN instead_of='' THEN id ELSE instead_of END, act, checked, $10 FROM outbox WHERE id=$1 ON CONFLICT (run, recipient) DO NOTHING",
        )
        .bind(old)
        .bind(&new.id)
        .bind(&new.recipient)
        .bind(&new.address)
        .bind(&new.message_id)
        .bind(entry.at)
        .bind(expires_at)
        .bind(new.bytes.len() as i64)
        .bind(DeliveryState::Pending.code())
        .bind(sha256_of(&new.bytes))
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO outbox_body (id, message) VALUES ($1, $2)")
            .bind(&new.id)
            .bind(new.bytes.clone())
            .execute(&mut *transaction)
            .await?;
        record_event(&mut transaction, old, entry.at, entry.who, DeliveryEvent::Readdressed, &format!("{}；{}", new.id, entry.why)).await?;
        record_event(&mut transaction, &new.id, entry.at, entry.who, DeliveryEvent::Made, &format!("{old}；{}", entry.why)).await?;
        AuditedRows::message(&new.id).record(&mut transaction, entry, "message readdressed", &new.id).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Records in the audit which mails and drafts a run has made, so that one that is deleted past the program is missed.
async fn record_made(transaction: &mut Transaction<'static, Any>, run: &Run, messages: &[NewMessage], at: &str) -> Result<()> {
    let entry = AuditEntry { at, who: "duban", why: "" };
    let (mails, drafts): (Vec<&NewMessage>, Vec<&NewMessage>) = messages.iter().partition(|message| message.act.is_empty());
    if !mails.is_empty() {
        AuditedRows::mails(&run.id).record(transaction, entry, "mails made", &format!("{} {}", run.id, mails.len())).await?;
    }
    for draft in drafts {
        AuditedRows::message(&draft.id).record(transaction, entry, "draft made", &draft.id).await?;
    }
    Ok(())
}

/// Stores the findings that each message or draft reports.
async fn insert_message_findings(dialect: Dialect, transaction: &mut Transaction<'static, Any>, batch: &OutboxBatch) -> Result<()> {
    let mut by_unit: BTreeMap<&str, BTreeMap<&Identity, &Option<Light>>> = BTreeMap::new();
    for NewNotified { unit, findings, through } in &batch.notified {
        by_unit.entry(if through.is_empty() { unit } else { through }).or_default().extend(findings);
    }
    let by_draft: BTreeMap<&str, _> =
        batch.drafts.iter().map(|draft| (draft.message.as_str(), draft.findings.iter().collect::<BTreeMap<_, _>>())).collect();
    let mut bodies: Vec<(&str, String)> = Vec::new();
    for message in &batch.messages {
        let findings = if message.act.is_empty() { by_unit.get(message.unit.as_str()) } else { by_draft.get(message.id.as_str()) };
        let Some(findings) = findings else { continue };
        let rows: NotifiedFindings = findings
            .iter()
            .map(|(identity, light)| {
                [identity.rule.clone(), identity.ledger.clone(), identity.key.clone(), light.map_or("", Light::code).to_owned()]
            })
            .collect();
        bodies.push((&message.id, to_json(&rows)?));
    }
    for part in bodies.chunks(ROWS_PER_STATEMENT) {
        let statement = format!(
            "INSERT INTO outbox_findings (message, body) VALUES {} ON CONFLICT (message) DO NOTHING",
            dialect.values(part.len(), 2)
        );
        let mut query = sqlx::query(sql(statement));
        for (id, body) in part {
            query = query.bind(*id).bind(body);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// A pattern for LIKE … ESCAPE '!' that matches a finding's entry in the JSON of a message's findings.
fn like(rule: &str, key: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%[{},%,{},%", quoted(rule), quoted(key))
}

/// The state in a row of table `outbox`.
pub(crate) fn delivery_state(row: &AnyRow) -> Result<DeliveryState> {
    // a state that this version does not know is sent by no one
    Ok(DeliveryState::parse(&text(row, "state")?).unwrap_or(DeliveryState::OnHold))
}

pub(crate) fn outbox_row(row: &AnyRow) -> Result<OutboxRow> {
    Ok(OutboxRow {
        id: text(row, "id")?,
        run: text(row, "run")?,
        address: text(row, "address")?,
        unit: text(row, "unit")?,
        subject: text(row, "subject")?,
        state: delivery_state(row)?,
        attempts: number(row, "attempts")?,
        reply: text(row, "reply")?,
        created_at: text(row, "created_at")?,
        ended_at: text(row, "ended_at")?,
        next_at: text(row, "next_at")?,
        expires_at: text(row, "expires_at")?,
        unknowns: number(row, "unknowns")?,
        test: number(row, "test")? == 1,
        instead_of: text(row, "instead_of")?,
        message_id: text(row, "message_id")?,
        act: text(row, "act")?,
    })
}
