//! The audit: who did what, when and why. A line is inserted in the transaction of the act it records. A beat seals the lines: it gives them
//! numbers in the order in which they were committed, and each the hash of its content and of the line before it. So a line that is changed or
//! missing is found, and the hash of the last one vouches for all.

use crate::domain::notify::delivery::DeliveryEvent;
use crate::store::database::{Database, Result, number, sql, text};
use crate::store::os_user::os_user;
use chrono::{DateTime, Duration, Utc};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};
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

/// The rows that an act wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AboutRows<'a> {
    pub(crate) key: &'a str,
    /// As what it has left them.
    pub(crate) left: &'a str,
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
    /// The rows it is about, and as what it has left them; empty = none that are compared.
    pub row_key: String,
    pub row_hash: String,
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

/// Lines in one page.
pub(crate) const PAGE: i64 = 500;

/// The columns of a line, in the order of [`AuditLine`].
pub(crate) const COLUMNS: &str = "id, at, who, os_user, what, object, reason, row_key, row_hash, no, hash";

/// The kind of a line by which a person has lines removed after their time; without one, nobody has.
pub(crate) const PRUNED: &str = "audit pruned";

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

    /// Whether somebody has a line of a kind about a thing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has(self, who: &str, what: &str, object: &str) -> Result<bool> {
        let statement = "SELECT id FROM audit WHERE object=$1 AND what=$2 AND who=$3 LIMIT 1";
        let found = sqlx::query(statement).bind(object).bind(what).bind(who).fetch_optional(&self.database.pool).await?;
        Ok(found.is_some())
    }

    /// The last `limit` lines, oldest first; `None` = all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self, limit: Option<i64>) -> Result<Vec<AuditLine>> {
        let rows = sqlx::query(sql(format!("SELECT {COLUMNS} FROM audit ORDER BY id DESC LIMIT $1")))
            .bind(limit.unwrap_or(i64::MAX))
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().rev().map(line).collect()
    }

    /// Seals the lines that are not sealed yet. One that is dated long before the end of the chain stays unsealed: nobody knows since when it
    /// has been there. Returns the head of the chain; `None` = the row of the head was removed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn seal(self, now: DateTime<Utc>) -> Result<Option<AuditHead>> {
        let mut passed = String::new();
        let late = self.database.dialect.late();
        loop {
            let open = sqlx::query("SELECT id FROM audit WHERE no=0 AND id>$1 LIMIT 1").bind(&passed);
            if open.fetch_optional(&self.database.pool).await?.is_none() {
                return self.head().await;
            }
            let mut transaction = self.database.begin().await?;
            // the update locks the row, so that one process seals at a time
            let row = sqlx::query("UPDATE audit_chain SET no=no WHERE id=1 RETURNING no, hash").fetch_optional(&mut *transaction).await?;
            let Some(row) = row else { return Ok(None) };
            let mut head = AuditHead { no: number(&row, "no")?, hash: text(&row, "hash")? };
            let end = end_of_chain(&mut transaction, head.no).await?;
            let rows = sqlx::query(sql(format!("SELECT {COLUMNS} FROM audit WHERE no=0 AND id>$1 ORDER BY id LIMIT $2")))
                .bind(&passed)
                .bind(PAGE)
                .fetch_all(&mut *transaction)
                .await?;
            for row in &rows {
                let mut line = line(row)?;
                passed.clone_from(&line.id);
                if is_dated_back(&line, end, now, late) {
                    continue;
                }
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

    /// The head of the chain as the database has it; `None` = its row was removed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn head(self) -> Result<Option<AuditHead>> {
        let row = sqlx::query("SELECT no, hash FROM audit_chain WHERE id=1").fetch_optional(&self.database.pool).await?;
        row.map(|row| Ok(AuditHead { no: number(&row, "no")?, hash: text(&row, "hash")? })).transpose()
    }

    /// Whether the chain still contains a head that it had before, or has removed it after its time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn contains(self, head: &AuditHead) -> Result<bool> {
        let row = sqlx::query("SELECT pruned_no, pruned_hash FROM audit_chain WHERE id=1").fetch_optional(&self.database.pool).await?;
        let Some(row) = row else { return Ok(false) };
        let pruned = AuditHead { no: number(&row, "pruned_no")?, hash: text(&row, "pruned_hash")? };
        if head.no <= pruned.no {
            return Ok(head.no < pruned.no || *head == pruned);
        }
        let found = sqlx::query("SELECT hash FROM audit WHERE no=$1").bind(head.no).fetch_optional(&self.database.pool).await?;
        Ok(found.map(|row| text(&row, "hash")).transpose()?.as_deref() == Some(&head.hash))
    }

    /// Removes the sealed lines before a day, stores the link to the first one that is left, and records who had them removed. Returns how
    /// many were removed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn prune(self, before: &str, entry: AuditEntry<'_>) -> Result<u64> {
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
        let removed = removed.rows_affected();
        let object = format!("{removed} lines before {before}");
        insert_audit(entry.at, entry.who, PRUNED, &object, entry.why).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(removed)
    }
}

/// What begins the kind of a line about an event of a message; the code of the event follows.
pub(crate) const EVENT: &str = "message ";

/// The kind of a line about an event of a message, and what it is about.
pub(crate) fn event_line(message: &str, no: i64, event: DeliveryEvent) -> (String, String) {
    (format!("{EVENT}{}", event.code()), format!("{message}#{no}"))
}

pub(crate) fn line(row: &AnyRow) -> Result<AuditLine> {
    Ok(AuditLine {
        id: text(row, "id")?,
        at: text(row, "at")?,
        who: text(row, "who")?,
        os_user: text(row, "os_user")?,
        what: text(row, "what")?,
        object: text(row, "object")?,
        reason: text(row, "reason")?,
        row_key: text(row, "row_key")?,
        row_hash: text(row, "row_hash")?,
        no: number(row, "no")?,
        hash: text(row, "hash")?,
    })
}

/// The time of the last line of the chain; `None` = the chain has no line.
pub(crate) async fn end_of_chain(connection: &mut AnyConnection, no: i64) -> Result<Option<DateTime<Utc>>> {
    let row = sqlx::query("SELECT at FROM audit WHERE no=$1 AND no>0").bind(no).fetch_optional(connection).await?;
    Ok(row.map(|row| text(&row, "at")).transpose()?.and_then(|at| at.parse().ok()))
}

/// Whether a line that is not sealed has a time that lies long before the end of the chain, so that a beat would have sealed it long ago, or
/// none at all. Where the clock itself was set back before that end, every line is older than it.
/// `late`: by how much acts may be committed in another order than they began.
pub(crate) fn is_dated_back(line: &AuditLine, end: Option<DateTime<Utc>>, now: DateTime<Utc>, late: Duration) -> bool {
    let Ok(at) = line.at.parse::<DateTime<Utc>>() else { return true };
    !line.id.starts_with(&line.at) || end.is_some_and(|end| now + late >= end && at + late < end)
}

/// The hash of a line and of the one before it, in lower-case hex. Each part has its length before it, so that no two lines read alike.
pub(crate) fn hash_of(line: &AuditLine, before: &str) -> String {
    let mut hash = Context::new(&SHA256);
    let no = line.no.to_string();
    let AuditLine { id, at, who, os_user, what, object, reason, row_key, row_hash, .. } = line;
    for part in [before, &no, id, at, who, os_user, what, object, reason, row_key, row_hash] {
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
    insert_audit_about(at, who, what, object, reason, AboutRows::default())
}

/// As [`insert_audit`], with the rows that the act wrote.
pub(crate) fn insert_audit_about<'a>(
    at: &'a str,
    who: &'a str,
    what: &'a str,
    object: &'a str,
    reason: &'a str,
    about: AboutRows<'a>,
) -> Query<'a, Any, AnyArguments> {
    let statement = "INSERT INTO audit (id, at, who, os_user, what, object, reason, row_key, row_hash, no, hash) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '')";
    sqlx::query(statement)
        .bind(new_id(at))
        .bind(at)
        .bind(who)
        .bind(os_user())
        .bind(what)
        .bind(object)
        .bind(reason)
        .bind(about.key)
        .bind(about.left)
}
