//! Whether the audit is whole: the chain of its lines, the messages on which persons decided, and the rows that its lines are about. All of it
//! is read as it was at one moment, so that what others do meanwhile is no fault.

use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use crate::store::audit::{
    Audit, AuditEntry, AuditHead, AuditLine, COLUMNS, EVENT, PAGE, PRUNED, end_of_chain, hash_of, insert_audit, is_dated_back, line,
};
use crate::store::audited_rows;
use crate::store::audited_rows::{Audited, AuditedRows, RowsLeft};
use crate::store::database::{Result, number, parameters, sql, text};
use crate::store::mark_rows::position;
use crate::store::message_bytes::{BYTES, has_own_bytes};
use chrono::{DateTime, Duration, Utc};
use futures_util::TryStreamExt;
use ring::digest::{SHA256, digest};
use sqlx::AnyConnection;
use std::collections::BTreeMap;

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
    /// The lines by which persons accepted another end of the audit, or rows that were changed past the program; oldest first.
    pub accepted: Vec<AuditLine>,
}

/// The first place where the audit is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditBreak {
    /// The row with the head of the chain is not there.
    NoHead,
    /// The row with the head of the chain has another hash than the last line, which has this number.
    OtherHead(i64),
    /// The line of this number is not there.
    Missing(i64),
    /// The line of this number is not as it was sealed.
    Changed(Box<AuditLine>),
    /// The lines behind this number were cut off: the head has a higher number.
    CutOff { after: i64, head: i64 },
    /// A line that is not sealed is dated long before the end of the chain: it was inserted later than it states.
    DatedBack(Box<AuditLine>),
    /// What a person did to a message is not in the audit as it is in the record of the message: message and number of the event.
    Event { message: String, no: i64 },
    /// A message is in a state that does not follow from what was done to it.
    State { message: String, state: String },
    /// Rows that only an act changes are not as the last line about them has left them.
    Rows(String),
    /// The file with the head beside the database is not there.
    HeadFileMissing { since: String, sealed: i64 },
    /// The file with the head beside the database holds something else.
    HeadFileDamaged { sealed: i64 },
}

/// The kind of the line on the file with the head that it is missing.
pub const HEAD_MISSING: &str = "audit head missing";
/// The kind of a line by which a person accepts the end of the audit, or rows, as they are.
const ACCEPTED: &str = "audit accepted";

impl AuditBreak {
    /// It is of the chain itself, so that the head elsewhere does not matter.
    pub fn is_in_chain(&self) -> bool {
        matches!(
            self,
            AuditBreak::NoHead | AuditBreak::OtherHead(_) | AuditBreak::Missing(_) | AuditBreak::Changed(_) | AuditBreak::CutOff { .. }
        )
    }
}

impl Audit<'_> {
    /// Checks every line against the one before it, the end against the head of the database and against `known`, a head that was stored
    /// elsewhere, and the lines against what they are about. `now` shows whether the clock lies behind the end of the audit.
    ///
    /// # Errors
    /// The database fails.
    pub async fn verify(self, known: Option<&AuditHead>, now: DateTime<Utc>) -> Result<AuditVerdict> {
        let mut moment = self.database.begin_reading().await?;
        let row = sqlx::query("SELECT no, hash, pruned_no, pruned_hash FROM audit_chain WHERE id=1").fetch_optional(&mut *moment).await?;
        let Some(row) = row else { return Ok(AuditVerdict { broken: Some(AuditBreak::NoHead), ..AuditVerdict::default() }) };
        let last = number(&row, "no")?;
        let mut verdict = AuditVerdict { pruned: number(&row, "pruned_no")?, ..AuditVerdict::default() };
        verdict.head = AuditHead { no: verdict.pruned, hash: text(&row, "pruned_hash")? };
        let unsealed = sqlx::query("SELECT COUNT(*) AS n FROM audit WHERE no=0").fetch_one(&mut *moment).await?;
        verdict.unsealed = number(&unsealed, "n")?;
        verdict.accepted = lines_of(&mut moment, ACCEPTED).await?;
        verdict.broken = first_bad_line(&mut moment, &mut verdict.head, known).await?;
        let ends = [last, known.map_or(0, |known| known.no)].into_iter().max().unwrap_or_default();
        if verdict.broken.is_none() && verdict.head.no < ends {
            verdict.broken = Some(AuditBreak::CutOff { after: verdict.head.no, head: ends });
        }
        if verdict.broken.is_none() && verdict.head.no == last && verdict.head.hash != text(&row, "hash")? {
            verdict.broken = Some(AuditBreak::OtherHead(last));
        }
        let is_pruned = verdict.pruned > 0;
        if verdict.broken.is_none() && is_pruned && lines_of(&mut moment, PRUNED).await?.is_empty() {
            verdict.broken = Some(AuditBreak::Missing(verdict.pruned));
        }
        if verdict.broken.is_none() {
            verdict.broken = first_dated_back(&mut moment, &verdict.head, now, self.database.dialect.late()).await?;
        }
        if verdict.broken.is_none() {
            verdict.broken = first_bad_event(&mut moment, is_pruned).await?;
        }
        if verdict.broken.is_none() {
            verdict.broken = first_bad_state(&mut moment).await?;
        }
        if verdict.broken.is_none() {
            verdict.broken = first_bad_rows(&mut moment, is_pruned, &Audited::ALL).await?;
        }
        if verdict.broken.is_none() {
            verdict.broken = first_bad_text(&mut moment).await?;
        }
        if verdict.broken.is_none() {
            verdict.broken = first_bad_bytes(&mut moment).await?;
        }
        Ok(verdict)
    }

    /// The first marks of secrecy, or decisions about headers, that are not as the last line about them has left them: somebody has changed them
    /// past the program. `None` = nobody has.
    ///
    /// # Errors
    /// The database fails.
    pub async fn altered_marks(self) -> Result<Option<String>> {
        let mut moment = self.database.begin_reading().await?;
        let row = sqlx::query("SELECT pruned_no FROM audit_chain WHERE id=1").fetch_optional(&mut *moment).await?;
        let is_pruned = row.map(|row| number(&row, "pruned_no")).transpose()?.is_some_and(|no| no > 0);
        let broken = first_bad_rows(&mut moment, is_pruned, &Audited::SECRECY).await?;
        Ok(broken.and_then(|broken| if let AuditBreak::Rows(key) = broken { Some(key) } else { None }))
    }

    /// Records that the file with the head of the chain is missing, once. Returns since when it is known.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_missing_head(self, file: &str, at: &str) -> Result<String> {
        let newest = sqlx::query("SELECT at, what FROM audit WHERE object=$1 AND what IN ($2, $3) ORDER BY id DESC LIMIT 1")
            .bind(file)
            .bind(HEAD_MISSING)
            .bind(ACCEPTED)
            .fetch_optional(&self.database.pool)
            .await?;
        if let Some(row) = newest.filter(|row| text(row, "what").is_ok_and(|what| what == HEAD_MISSING)) {
            return text(&row, "at");
        }
        self.record(at, "duban", HEAD_MISSING, file, "").await?;
        Ok(at.to_owned())
    }

    /// Records that a person accepts the audit as it ends now, and sets the head of the chain to its last whole line. `before`: what was wrong.
    /// Returns `false` and changes nothing where the chain is broken before its end.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accept_head(self, file: &str, before: &str, entry: AuditEntry<'_>) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("INSERT INTO audit_chain (id, no, hash, pruned_no, pruned_hash) VALUES (1, 0, '', 0, '') ON CONFLICT (id) DO NOTHING")
            .execute(&mut *transaction)
            .await?;
        let row =
            sqlx::query("UPDATE audit_chain SET no=no WHERE id=1 RETURNING pruned_no, pruned_hash").fetch_one(&mut *transaction).await?;
        let mut head = AuditHead { no: number(&row, "pruned_no")?, hash: text(&row, "pruned_hash")? };
        if first_bad_line(&mut transaction, &mut head, None).await?.is_some() {
            return Ok(false);
        }
        sqlx::query("UPDATE audit_chain SET no=$1, hash=$2 WHERE id=1").bind(head.no).bind(&head.hash).execute(&mut *transaction).await?;
        let why = format!("{}（{before}）", entry.why);
        insert_audit(entry.at, entry.who, ACCEPTED, file, &why).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Records that a person accepts rows as they are. `before`: what was wrong. `false` = the key names none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accept_rows(self, key: &str, before: &str, entry: AuditEntry<'_>) -> Result<bool> {
        let Some(rows) = AuditedRows::of_key(key) else { return Ok(false) };
        let mut transaction = self.database.begin().await?;
        if key == POSITION {
            let last = last_position(&lines_about(&mut transaction, &Audited::SECRECY).await?);
            sqlx::query("UPDATE restriction_position SET position=$1 WHERE id=1").bind(last).execute(&mut *transaction).await?;
        }
        let why = format!("{}（{before}）", entry.why);
        rows.record(&mut transaction, AuditEntry { why: &why, ..entry }, ACCEPTED, key).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The name of a file of this root, as lines about it give it: several roots may share one database.
    pub fn file_of_root(self, name: &str) -> String {
        format!("{}/{name}", self.database.place())
    }
}

/// The lines of a kind, oldest first.
async fn lines_of(connection: &mut AnyConnection, what: &str) -> Result<Vec<AuditLine>> {
    let statement = format!("SELECT {COLUMNS} FROM audit WHERE what=$1 ORDER BY id");
    sqlx::query(sql(statement)).bind(what).fetch_all(connection).await?.iter().map(line).collect()
}

/// Follows the chain from `head` on, which becomes the last line that is whole.
async fn first_bad_line(connection: &mut AnyConnection, head: &mut AuditHead, known: Option<&AuditHead>) -> Result<Option<AuditBreak>> {
    loop {
        let rows = sqlx::query(sql(format!("SELECT {COLUMNS} FROM audit WHERE no>$1 ORDER BY no, id LIMIT $2")))
            .bind(head.no)
            .bind(PAGE)
            .fetch_all(&mut *connection)
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

/// The first line that is not sealed and states a time long before the end of the chain, or one that is numbered as none can be.
async fn first_dated_back(
    connection: &mut AnyConnection,
    head: &AuditHead,
    now: DateTime<Utc>,
    late: Duration,
) -> Result<Option<AuditBreak>> {
    let end = end_of_chain(connection, head.no).await?;
    let rows = sqlx::query(sql(format!("SELECT {COLUMNS} FROM audit WHERE no<=0 ORDER BY id"))).fetch_all(connection).await?;
    for row in &rows {
        let line = line(row)?;
        if line.no < 0 || !line.hash.is_empty() || is_dated_back(&line, end, now, late) {
            return Ok(Some(AuditBreak::DatedBack(Box::new(line))));
        }
    }
    Ok(None)
}

/// The first event of a message that a person made and that is not in the audit, or the other way round. `is_pruned`: lines of old events
/// may have been removed.
async fn first_bad_event(connection: &mut AnyConnection, is_pruned: bool) -> Result<Option<AuditBreak>> {
    let since = if is_pruned { first_time(connection).await? } else { String::new() };
    let bad = sqlx::query(
        "SELECT e.message, e.no FROM outbox_event e WHERE e.who<>'' AND e.at>=$2 AND NOT EXISTS (SELECT 1 FROM audit a WHERE \
         a.object=e.message || '#' || CAST(e.no AS TEXT) AND a.what=$1 || e.what AND a.at=e.at AND a.who=e.who AND a.os_user=e.os_user \
         AND a.reason=e.detail) ORDER BY e.message, e.no LIMIT 1",
    )
    .bind(EVENT)
    .bind(&since)
    .fetch_optional(&mut *connection)
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
    .fetch_optional(connection)
    .await?;
    let Some(row) = bad else { return Ok(None) };
    let object = text(&row, "object")?;
    let (message, no) = object.rsplit_once('#').unwrap_or((&object, "0"));
    Ok(Some(AuditBreak::Event { message: message.to_owned(), no: no.parse().unwrap_or_default() }))
}

/// The time of the first line that is left.
async fn first_time(connection: &mut AnyConnection) -> Result<String> {
    let first = sqlx::query("SELECT at FROM audit ORDER BY at LIMIT 1").fetch_optional(connection).await?;
    first.map_or_else(|| Ok(String::new()), |row| text(&row, "at"))
}

/// The first message whose state does not follow from the last decision about it.
async fn first_bad_state(connection: &mut AnyConnection) -> Result<Option<AuditBreak>> {
    let deciding: Vec<DeliveryEvent> = DeliveryEvent::ALL.into_iter().filter(|event| event.is_decision()).collect();
    let statement = format!(
        "SELECT o.id, o.act, o.instead_of, o.state, COALESCE((SELECT e.what FROM outbox_event e WHERE e.message=o.id AND e.what IN ({}) \
         ORDER BY e.no DESC LIMIT 1), '') AS decision FROM outbox o ORDER BY o.id",
        parameters(1, deciding.len())
    );
    let mut query = sqlx::query(sql(statement));
    for event in &deciding {
        query = query.bind(event.code());
    }
    for row in &query.fetch_all(connection).await? {
        let code = text(row, "state")?;
        let is_draft = !text(row, "act")?.is_empty() && text(row, "instead_of")?.is_empty();
        let follows = DeliveryState::parse(&code)
            .is_some_and(|state| text(row, "decision").is_ok_and(|decision| state.follows(DeliveryEvent::parse(&decision), is_draft)));
        if !follows {
            return Ok(Some(AuditBreak::State { message: text(row, "id")?, state: code }));
        }
    }
    Ok(None)
}

/// The first text of the configuration that runs used and that is not the one of its sha256.
async fn first_bad_text(connection: &mut AnyConnection) -> Result<Option<AuditBreak>> {
    let mut rows = sqlx::query("SELECT sha256, body FROM frozen ORDER BY sha256").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let sha256 = text(&row, "sha256")?;
        if hex::encode(digest(&SHA256, text(&row, "body")?.as_bytes())) != sha256 {
            return Ok(Some(AuditBreak::Rows(format!("frozen {sha256}"))));
        }
    }
    Ok(None)
}

/// The first message whose bytes are not those with which it was made.
async fn first_bad_bytes(connection: &mut AnyConnection) -> Result<Option<AuditBreak>> {
    let mut rows = sqlx::query(sql(format!("{BYTES} ORDER BY o.id"))).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if !has_own_bytes(&row)? {
            return Ok(Some(AuditBreak::Rows(format!("bytes {}", text(&row, "id")?))));
        }
    }
    Ok(None)
}

/// The key of the position of the marks in a break.
const POSITION: &str = "marks position";

/// The last line about each group of rows of some tables: as what it has left them.
async fn lines_about(connection: &mut AnyConnection, tables: &[Audited]) -> Result<BTreeMap<String, RowsLeft>> {
    let mut lines: BTreeMap<String, RowsLeft> = BTreeMap::new();
    for row in &sqlx::query("SELECT row_key, row_hash FROM audit WHERE row_key<>''").fetch_all(connection).await? {
        let key = text(row, "row_key")?;
        if AuditedRows::of_key(&key).is_none_or(|rows| rows.is_of(tables)) {
            let left = RowsLeft::parse(&text(row, "row_hash")?);
            let last = lines.entry(key).or_insert_with(|| left.clone());
            *last = left.max(last.clone());
        }
    }
    Ok(lines)
}

/// The last position at which marks changed, by the lines about them.
fn last_position(lines: &BTreeMap<String, RowsLeft>) -> i64 {
    let positions = lines.keys().filter_map(|key| key.strip_prefix("marks ")?.parse::<i64>().ok());
    positions.max().unwrap_or_default()
}

/// The first rows of some tables that are not as the last line about them has left them. `is_pruned`: the lines about old rows may have been
/// removed.
async fn first_bad_rows(connection: &mut AnyConnection, is_pruned: bool, tables: &[Audited]) -> Result<Option<AuditBreak>> {
    let since = if is_pruned { first_time(connection).await? } else { String::new() };
    let rows = audited_rows::all(connection, tables).await?;
    let lines = lines_about(connection, tables).await?;
    for (key, found) in &rows {
        let is_as_left = match lines.get(key) {
            Some(left) => left.hash == found.hash,
            None => is_pruned && found.at < since,
        };
        if !is_as_left {
            return Ok(Some(AuditBreak::Rows(key.clone())));
        }
    }
    let lost = lines.iter().find(|(key, left)| !left.hash.is_empty() && !rows.contains_key(*key));
    if let Some((key, _)) = lost {
        return Ok(Some(AuditBreak::Rows(key.clone())));
    }
    // a run that pinned an earlier position would count no later mark
    let is_behind = tables.contains(&Audited::Marks) && position(connection).await? < last_position(&lines);
    Ok(is_behind.then(|| AuditBreak::Rows(POSITION.to_owned())))
}
