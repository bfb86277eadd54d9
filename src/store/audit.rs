//! The audit: who did what, when and why. A line is inserted in the transaction of the act it records. A beat seals the lines: it gives them
//! numbers in the order in which they were committed, and each the hash of its content and of the line before it. So a line that is changed or
//! missing is found, and the hash of the last one vouches for all.

use crate::domain::notify::delivery::DeliveryEvent;
use crate::store::database::{Database, Result, number, text};
use crate::store::os_user::os_user;
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use sqlx::Any;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use std::sync::atomic::{AtomicU64, Ordering};

/// The audit lines.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    pub(super) database: &'a Database,
}

/// When a person acted by hand, who, and why.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    pub at: &'a str,
    pub who: &'a str,
    pub why: &'a str,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Sorts lines by time; unique.
    pub id: String,
    pub at: String,
    /// The name that was given.
    pub who: String,
    /// The user of the operating system.
    pub os_user: String,
    pub what: String,
    pub object: String,
    pub reason: String,
    /// The place in the chain; 0 = not sealed yet.
    pub no: i64,
    /// Empty = not sealed yet.
    pub hash: String,
}

/// The end of the chain: number and hash of its last line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditHead {
    pub no: i64,
    pub hash: String,
}

/// What a check of the chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditVerdict {
    /// The last line that is whole.
    pub head: AuditHead,
    /// Lines up to this number were removed after their time.
    pub pruned: i64,
    /// Lines that no beat has sealed yet.
    pub unsealed: i64,
    pub broken: Option<AuditBreak>,
}

/// The first place where the audit is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditBreak {
    /// The line of this number is not there.
    Missing(i64),
    /// The line of this number is not as it was sealed.
    Changed(Box<AuditLine>),
    /// The lines behind this number were cut off: the head has a higher number.
    CutOff { after: i64, head: i64 },
    /// What a person did to a message is not in the audit as it is in the record of the message: message and number of the event.
    Event { message: String, no: i64 },
}

/// Lines in one page.
const PAGE: i64 = 500;

/// Lines younger than this are never removed.
pub const PRUNE_DAYS_MIN: i64 = 400;

impl Audit<'_> {
    /// Writes one line.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record(self, at: &str, who: &str, what: &str, object: &str, reason: &str) -> Result<()> {
        insert_audit(at, who, what, object, reason).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Writes a line, unless the newest line on the same thing gives the same reason.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_change(self, at: &str, who: &str, what: &str, object: &str, reason: &str) -> Result<()> {
        let newest = sqlx::query("SELECT reason FROM audit WHERE what=$1 AND object=$2 ORDER BY id DESC LIMIT 1")
            .bind(what)
            .bind(object)
            .fetch_optional(&self.database.pool)
            .await?;
        if newest.map(|row| text(&row, "reason")).transpose()?.as_deref() == Some(reason) {
            return Ok(());
        }
        self.record(at, who, what, object, reason).await
    }

    /// The things of which a kind of line was written, each once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn objects_of(self, what: &str) -> Result<Vec<String>> {
        let rows = sqlx::query("SELECT DISTINCT object FROM audit WHERE what=$1 ORDER BY object")
            .bind(what)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| text(row, "object")).collect()
    }

    /// The last `limit` lines, oldest first; `None` = all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self, limit: Option<i64>) -> Result<Vec<AuditLine>> {
        let rows = sqlx::query("SELECT id, at, who, os_user, what, object, reason, no, hash FROM audit ORDER BY id DESC LIMIT $1")
            .bind(limit.unwrap_or(i64::MAX))
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().rev().map(line).collect()
    }

    /// Seals the lines that are not sealed yet. Returns the head of the chain.
    ///
    /// # Errors
    /// The database fails.
    pub async fn seal(self) -> Result<AuditHead> {
        loop {
            let open = sqlx::query("SELECT id FROM audit WHERE no=0 LIMIT 1").fetch_optional(&self.database.pool).await?;
            if open.is_none() {
                return self.head().await;
            }
            let mut transaction = self.database.begin().await?;
            // the update locks the row, so that one process seals at a time
            let row = sqlx::query("UPDATE audit_chain SET no=no WHERE id=1 RETURNING no, hash").fetch_one(&mut *transaction).await?;
            let mut head = AuditHead { no: number(&row, "no")?, hash: text(&row, "hash")? };
            let rows =
                sqlx::query("SELECT id, at, who, os_user, what, object, reason, no, hash FROM audit WHERE no=0 ORDER BY id LIMIT $1")
                    .bind(PAGE)
                    .fetch_all(&mut *transaction)
                    .await?;
            for row in &rows {
                let mut line = line(row)?;
                line.no = head.no + 1;
                head = AuditHead { no: line.no, hash: hash_of(&line, &head.hash) };
                sqlx::query("UPDATE audit SET no=$2, hash=$3 WHERE id=$1")
                    .bind(&line.id)
                    .bind(head.no)
                    .bind(&head.hash)
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query("UPDATE audit_chain SET no=$1, hash=$2 WHERE id=1")
                .bind(head.no)
                .bind(&head.hash)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
    }

    /// The head of the chain as the database has it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn head(self) -> Result<AuditHead> {
        let row = sqlx::query("SELECT no, hash FROM audit_chain WHERE id=1").fetch_one(&self.database.pool).await?;
        Ok(AuditHead { no: number(&row, "no")?, hash: text(&row, "hash")? })
    }

    /// Whether the chain still contains a head that it had before, or has removed it after its time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn contains(self, head: &AuditHead) -> Result<bool> {
        let row = sqlx::query("SELECT pruned_no, pruned_hash FROM audit_chain WHERE id=1").fetch_one(&self.database.pool).await?;
        let pruned = AuditHead { no: number(&row, "pruned_no")?, hash: text(&row, "pruned_hash")? };
        if head.no <= pruned.no {
            return Ok(head.no < pruned.no || *head == pruned);
        }
        let found = sqlx::query("SELECT hash FROM audit WHERE no=$1").bind(head.no).fetch_optional(&self.database.pool).await?;
        Ok(found.map(|row| text(&row, "hash")).transpose()?.as_deref() == Some(&head.hash))
    }

    /// Checks every line against the one before it, the end against the head of the database and against `known`, a head that was stored
    /// elsewhere, and what persons did to messages against the lines about it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn verify(self, known: Option<&AuditHead>) -> Result<AuditVerdict> {
        let row = sqlx::query("SELECT no, pruned_no, pruned_hash FROM audit_chain WHERE id=1").fetch_one(&self.database.pool).await?;
        let last = number(&row, "no")?;
        let mut verdict = AuditVerdict { pruned: number(&row, "pruned_no")?, ..AuditVerdict::default() };
        verdict.head = AuditHead { no: verdict.pruned, hash: text(&row, "pruned_hash")? };
        let unsealed = sqlx::query("SELECT COUNT(*) AS n FROM audit WHERE no=0").fetch_one(&self.database.pool).await?;
        verdict.unsealed = number(&unsealed, "n")?;
        verdict.broken = self.first_bad_line(&mut verdict.head, known).await?;
        let ends = [last, known.map_or(0, |known| known.no)].into_iter().max().unwrap_or_default();
        if verdict.broken.is_none() && verdict.head.no < ends {
            verdict.broken = Some(AuditBreak::CutOff { after: verdict.head.no, head: ends });
        }
        if verdict.broken.is_none() {
            verdict.broken = self.first_bad_event(verdict.pruned > 0).await?;
        }
        Ok(verdict)
    }

    /// Follows the chain from `head` on, which becomes the last line that is whole.
    async fn first_bad_line(self, head: &mut AuditHead, known: Option<&AuditHead>) -> Result<Option<AuditBreak>> {
        loop {
            let rows =
                sqlx::query("SELECT id, at, who, os_user, what, object, reason, no, hash FROM audit WHERE no>$1 ORDER BY no, id LIMIT $2")
                    .bind(head.no)
                    .bind(PAGE)
                    .fetch_all(&self.database.pool)
                    .await?;
            for row in &rows {
                let line = line(row)?;
                if line.no > head.no + 1 {
                    return Ok(Some(AuditBreak::Missing(head.no + 1)));
                }
                let is_known = known.is_none_or(|known| known.no != line.no || known.hash == line.hash);
                if line.no <= head.no || line.hash != hash_of(&line, &head.hash) || !is_known {
                    return Ok(Some(AuditBreak::Changed(Box::new(line))));
                }
                *head = AuditHead { no: line.no, hash: line.hash };
            }
            if rows.len() < PAGE as usize {
                return Ok(None);
            }
        }
    }

    /// The first event of a message that a person made and that is not in the audit, or the other way round. `is_pruned`: lines of old events
    /// may have been removed.
    async fn first_bad_event(self, is_pruned: bool) -> Result<Option<AuditBreak>> {
        let since = sqlx::query("SELECT COALESCE(MIN(at), $1) AS at FROM audit").bind("").fetch_one(&self.database.pool).await?;
        let since = if is_pruned { text(&since, "at")? } else { String::new() };
        let bad = sqlx::query(
            "SELECT e.message, e.no FROM outbox_event e WHERE e.who<>'' AND e.at>=$2 AND NOT EXISTS (SELECT 1 FROM audit a WHERE \
             a.object=e.message || '#' || CAST(e.no AS TEXT) AND a.what=$1 || e.what AND a.at=e.at AND a.who=e.who AND a.os_user=e.os_user \
             AND a.reason=e.detail) ORDER BY e.message, e.no LIMIT 1",
        )
        .bind(EVENT)
        .bind(&since)
        .fetch_optional(&self.database.pool)
        .await?;
        if let Some(row) = bad {
            return Ok(Some(AuditBreak::Event { message: text(&row, "message")?, no: number(&row, "no")? }));
        }
        let bad = sqlx::query(
            "SELECT a.object FROM audit a WHERE a.what LIKE $1 AND NOT EXISTS (SELECT 1 FROM outbox_event e WHERE \
             a.object=e.message || '#' || CAST(e.no AS TEXT) AND a.what=$2 || e.what AND a.who=e.who) ORDER BY a.id LIMIT 1",
        )
        .bind(format!("{EVENT}%"))
        .bind(EVENT)
        .fetch_optional(&self.database.pool)
        .await?;
        let Some(row) = bad else { return Ok(None) };
        let object = text(&row, "object")?;
        let (message, no) = object.rsplit_once('#').unwrap_or((&object, "0"));
        Ok(Some(AuditBreak::Event { message: message.to_owned(), no: no.parse().unwrap_or_default() }))
    }

    /// Removes the sealed lines before a time, and stores the link to the first one that is left. Returns how many were removed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn prune(self, before: &str) -> Result<u64> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("UPDATE audit_chain SET no=no WHERE id=1").execute(&mut *transaction).await?;
        // the lines are removed from the beginning only, up to the first one that is younger
        let row = sqlx::query(
            "SELECT no, hash FROM audit WHERE no>0 AND no<(SELECT COALESCE(MIN(no), $2) FROM audit WHERE no>0 AND at>=$1) ORDER BY no DESC LIMIT 1",
        )
        .bind(before)
        .bind(i64::MAX)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(0) };
        let (no, hash) = (number(&row, "no")?, text(&row, "hash")?);
        let removed = sqlx::query("DELETE FROM audit WHERE no>0 AND no<=$1").bind(no).execute(&mut *transaction).await?;
        sqlx::query("UPDATE audit_chain SET pruned_no=$1, pruned_hash=$2 WHERE id=1")
            .bind(no)
            .bind(&hash)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(removed.rows_affected())
    }
}

/// What begins the kind of a line about an event of a message; the code of the event follows.
const EVENT: &str = "message ";

/// The kind of a line about an event of a message, and what it is about.
pub(crate) fn event_line(message: &str, no: i64, event: DeliveryEvent) -> (String, String) {
    (format!("{EVENT}{}", event.code()), format!("{message}#{no}"))
}

fn line(row: &AnyRow) -> Result<AuditLine> {
    Ok(AuditLine {
        id: text(row, "id")?,
        at: text(row, "at")?,
        who: text(row, "who")?,
        os_user: text(row, "os_user")?,
        what: text(row, "what")?,
        object: text(row, "object")?,
        reason: text(row, "reason")?,
        no: number(row, "no")?,
        hash: text(row, "hash")?,
    })
}

/// The hash of a line and of the one before it, in lower-case hex. Each part has its length before it, so that no two lines read alike.
fn hash_of(line: &AuditLine, before: &str) -> String {
    let mut hash = Context::new(&SHA256);
    let no = line.no.to_string();
    for part in [before, &no, &line.id, &line.at, &line.who, &line.os_user, &line.what, &line.object, &line.reason] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finish())
}

/// The id of a new line: its time, the order within this process, and a random part that no other process has.
fn new_id(at: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 8];
    // without random bytes, the number of the process differs from that of every other one
    if SystemRandom::new().fill(&mut random).is_err() {
        random = u64::from(std::process::id()).to_be_bytes();
    }
    format!("{at} {:010} {}", COUNT.fetch_add(1, Ordering::Relaxed), hex::encode(random))
}

/// Inserts one line with the user of the operating system.
pub(crate) fn insert_audit<'a>(at: &'a str, who: &'a str, what: &'a str, object: &'a str, reason: &'a str) -> Query<'a, Any, AnyArguments> {
    sqlx::query("INSERT INTO audit (id, at, who, os_user, what, object, reason, no, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '')")
        .bind(new_id(at))
        .bind(at)
        .bind(who)
        .bind(os_user())
        .bind(what)
        .bind(object)
        .bind(reason)
}
