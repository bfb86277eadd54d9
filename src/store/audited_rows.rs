//! Rows that persons change, or that decide what is secret: each change of them is an act with a line of the audit, and the line holds a hash of
//! what the rows hold since. So rows that somebody changed in the database, past the program, are found by comparing them with the last line.

use crate::store::audit::{AboutRows, AuditEntry, insert_audit_about};
use crate::store::database::{Result, sql, text};
use crate::store::open_versions::OPEN;
use futures_util::TryStreamExt;
use ring::digest::{Context, SHA256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeMap;
use std::fmt;

/// A group of rows that one line of the audit is about.
#[derive(Clone, Debug)]
pub(crate) struct AuditedRows {
    table: Audited,
    key: String,
}

/// The tables with such rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audited {
    /// Marks of secrecy, by the position at which they began, ended or were lifted.
    Marks,
    Keys,
    /// Answers, by the form they came with.
    Answers,
    /// Answers that were taken back.
    Withdrawals,
    Gone,
    Headers,
    Snapshots,
    /// Whether all sending is held.
    Sending,
    Accounts,
    /// The mails that a run has made, without its drafts: what of them never changes.
    Mails,
    /// Drafts, and messages that were made from others: what of them never changes.
    Messages,
    /// The records that texts name, by the run of the messages or the folder of the files.
    Named,
    /// The files of a run.
    Files,
    /// What people did with records, by position.
    Events,
}

/// As what an act has left its rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowsLeft {
    /// How often they had been changed then: the times of two acts at once may lie in another order than the acts.
    pub(crate) times: i64,
    /// Of what they held; empty = none was left.
    pub(crate) hash: String,
}

impl RowsLeft {
    pub(crate) fn parse(text: &str) -> RowsLeft {
        let (times, hash) = text.split_once(' ').unwrap_or_default();
        RowsLeft { times: times.parse().unwrap_or_default(), hash: hash.to_owned() }
    }
}

impl fmt::Display for RowsLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.times, self.hash)
    }
}

/// The hash of the cells of a row.
type RowHash = [u8; 32];

/// What a group of rows holds now.
#[derive(Clone, Debug)]
pub(crate) struct RowsFound {
    pub(crate) hash: String,
    /// When the rows were last changed, as they state it; empty = they do not.
    pub(crate) at: String,
}

impl AuditedRows {
    /// The marks of secrecy that changed at a position.
    pub(crate) fn marks(position: i64) -> AuditedRows {
        AuditedRows { table: Audited::Marks, key: format!("marks {position}") }
    }

    pub(crate) fn key(id: i64) -> AuditedRows {
        AuditedRows { table: Audited::Keys, key: format!("key {id}") }
    }

    /// The answers of a form, by its sha256, that were stored at one time.
    pub(crate) fn answers(form: &str, received_at: &str) -> AuditedRows {
        AuditedRows { table: Audited::Answers, key: format!("answers {received_at} {form}") }
    }

    pub(crate) fn withdrawal(no: i64) -> AuditedRows {
        AuditedRows { table: Audited::Withdrawals, key: format!("withdrawal {no}") }
    }

    pub(crate) fn gone(ledger: &str, source: &str, code: &str, seen_seq: i64) -> AuditedRows {
        AuditedRows { table: Audited::Gone, key: format!("gone {ledger}/{source}/{code}/{seen_seq}") }
    }

    pub(crate) fn header(source: &str, header: &str) -> AuditedRows {
        AuditedRows { table: Audited::Headers, key: format!("header {source} {header}") }
    }

    pub(crate) fn snapshot(ledger: &str, source: &str, seq: i64) -> AuditedRows {
        AuditedRows { table: Audited::Snapshots, key: format!("snapshot {ledger}/{source}/{seq}") }
    }

    pub(crate) fn sending() -> AuditedRows {
        AuditedRows { table: Audited::Sending, key: "sending ".to_owned() }
    }

    /// An account, by its name in small letters.
    pub(crate) fn account(id: &str) -> AuditedRows {
        AuditedRows { table: Audited::Accounts, key: format!("account {id}") }
    }

    /// The mails that a run has made.
    pub(crate) fn mails(run: &str) -> AuditedRows {
        AuditedRows { table: Audited::Mails, key: format!("mails {run}") }
    }

    /// A draft, or a message that was made from another.
    pub(crate) fn message(id: &str) -> AuditedRows {
        AuditedRows { table: Audited::Messages, key: format!("message {id}") }
    }

    /// The records that the texts of a part name.
    pub(crate) fn named(part: &str) -> AuditedRows {
        AuditedRows { table: Audited::Named, key: format!("named {part}") }
    }

    pub(crate) fn files(run: &str) -> AuditedRows {
        AuditedRows { table: Audited::Files, key: format!("files {run}") }
    }

    /// What happened at a position.
    pub(crate) fn event(pos: i64) -> AuditedRows {
        AuditedRows { table: Audited::Events, key: format!("event {pos}") }
    }

    /// The rows of a key that a line gives.
    pub(crate) fn of_key(key: &str) -> Option<AuditedRows> {
        use Audited::{
            Accounts, Answers, Events, Files, Gone, Headers, Keys, Mails, Marks, Messages, Named, Sending, Snapshots, Withdrawals,
        };
        let table = match key.split(' ').next()? {
            "marks" => Marks,
            "key" => Keys,
            "answers" => Answers,
            "withdrawal" => Withdrawals,
            "gone" => Gone,
            "header" => Headers,
            "snapshot" => Snapshots,
            "sending" => Sending,
            "account" => Accounts,
            "mails" => Mails,
            "message" => Messages,
            "named" => Named,
            "files" => Files,
            "event" => Events,
            _ => return None,
        };
        Some(AuditedRows { table, key: key.to_owned() })
    }

    /// Whether they are of one of these tables.
    pub(crate) fn is_of(&self, tables: &[Audited]) -> bool {
        tables.contains(&self.table)
    }

    /// Whether they are as the last line about them has left them; where none is left, nobody knows otherwise.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn is_as_left(&self, connection: &mut AnyConnection) -> Result<bool> {
        let lines = sqlx::query("SELECT row_hash FROM audit WHERE row_key=$1").bind(&self.key).fetch_all(&mut *connection).await?;
        let lines = lines.iter().map(|row| Ok(RowsLeft::parse(&text(row, "row_hash")?))).collect::<Result<Vec<_>>>()?;
        let Some(last) = lines.into_iter().max() else { return Ok(true) };
        let found = self.table.read(connection, &self.key).await?;
        Ok(found.get(&self.key).map_or("", |rows| &rows.hash) == last.hash)
    }

    /// Writes the line of the act that has just written these rows, in the same transaction.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn record(&self, connection: &mut AnyConnection, entry: AuditEntry<'_>, what: &str, object: &str) -> Result<()> {
        let before = sqlx::query("SELECT row_hash FROM audit WHERE row_key=$1").bind(&self.key).fetch_all(&mut *connection).await?;
        let before = before.iter().map(|row| Ok(RowsLeft::parse(&text(row, "row_hash")?).times)).collect::<Result<Vec<i64>>>()?;
        let found = self.table.read(connection, &self.key).await?;
        let hash = found.get(&self.key).map_or_else(String::new, |rows| rows.hash.clone());
        let left = RowsLeft { times: before.into_iter().max().unwrap_or_default() + 1, hash };
        let about = AboutRows { key: &self.key, left: &left.to_string() };
        insert_audit_about(entry.at, entry.who, what, object, entry.why, about).execute(connection).await?;
        Ok(())
    }
}

/// All groups of rows of some tables by their key.
///
/// # Errors
/// The database fails.
pub(crate) async fn all(connection: &mut AnyConnection, tables: &[Audited]) -> Result<BTreeMap<String, RowsFound>> {
    let mut found = BTreeMap::new();
    for table in tables {
        found.append(&mut table.read(connection, "").await?);
    }
    Ok(found)
}

impl Audited {
    pub(crate) const ALL: [Audited; 14] = [
        Audited::Marks,
        Audited::Keys,
        Audited::Answers,
        Audited::Withdrawals,
        Audited::Gone,
        Audited::Headers,
        Audited::Snapshots,
        Audited::Sending,
        Audited::Accounts,
        Audited::Mails,
        Audited::Messages,
        Audited::Named,
        Audited::Files,
        Audited::Events,
    ];

    /// Those that decide what is secret.
    pub(crate) const SECRECY: [Audited; 2] = [Audited::Marks, Audited::Headers];

    /// Selects the rows: key of their group, time, and what else is hashed.
    fn statement(self) -> &'static str {
        match self {
            Audited::Marks => {
                "SELECT 'marks ' || CAST(began AS TEXT) AS row_key, since AS at, CAST(1 AS TEXT) AS kind, ledger, source, code, \
                 file_sha256 AS a, cell AS b, header AS c, CAST(sample AS TEXT) AS d, name AS e FROM restriction WHERE $2>0 \
                 UNION ALL SELECT 'marks ' || CAST(ended AS TEXT), ended_at, CAST(2 AS TEXT), ledger, source, code, \
                 CAST(began AS TEXT), '', '', '', '' FROM restriction WHERE ended<$2 \
                 UNION ALL SELECT 'marks ' || CAST(lifted AS TEXT), lifted_at, CAST(3 AS TEXT), ledger, source, code, \
                 CAST(began AS TEXT), lifted_by, lift_reason, '', '' FROM restriction WHERE lifted<$2"
            }
            Audited::Keys => {
                "SELECT 'key ' || CAST(id AS TEXT) AS row_key, CASE WHEN revoked_at>valid_until AND revoked_at>valid_from THEN revoked_at \
                 WHEN valid_until>valid_from THEN valid_until ELSE valid_from END AS at, purpose, secret, valid_from, valid_until, revoked_at \
                 FROM secret_key WHERE $2>0"
            }
            Audited::Answers => {
                "SELECT 'answers ' || received_at || ' ' || form AS row_key, received_at AS at, CAST(no AS TEXT) AS no, ledger, code, unit, \
                 sender, body FROM feedback WHERE withdraws=0 AND $2>0"
            }
            Audited::Withdrawals => {
                "SELECT 'withdrawal ' || CAST(no AS TEXT) AS row_key, received_at AS at, ledger, code, unit, form, sender, body, \
                 CAST(withdraws AS TEXT) AS withdraws FROM feedback WHERE withdraws<>0 AND $2>0"
            }
            Audited::Gone => {
                "SELECT 'gone ' || ledger || '/' || source || '/' || code || '/' || CAST(seen_seq AS TEXT) AS row_key, confirmed_at AS at, \
                 who, reason FROM gone_confirmed WHERE $2>0"
            }
            Audited::Headers => "SELECT 'header ' || source || ' ' || header AS row_key, at, decision, who FROM secrecy_header WHERE $2>0",
            Audited::Snapshots => {
                "SELECT 'snapshot ' || ledger || '/' || source || '/' || CAST(seq AS TEXT) AS row_key, taken_at AS at, state, covers_on, \
                 CAST(sample AS TEXT) AS sample, CAST(row_count AS TEXT) AS row_count, CAST(amount AS TEXT) AS amount, notes_hash, \
                 file_sha256, origin FROM snapshot WHERE $2>0"
            }
            Audited::Sending => "SELECT 'sending ' AS row_key, hold_at AS at, hold, hold_by, hold_why FROM sending WHERE hold<>'' AND $2>0",
            Audited::Accounts => {
                "SELECT 'account ' || id AS row_key, CASE WHEN ended_at>password_set_at THEN ended_at ELSE password_set_at END AS at, name, \
                 unit, roles, password, password_set_at, CAST(must_change AS TEXT) AS must_change, created_at, created_by, ended_at, \
                 CAST(totp_on AS TEXT) AS totp_on, CASE WHEN totp_on=1 THEN totp_secret ELSE '' END AS totp_secret FROM account WHERE $2>0"
            }
            Audited::Mails => {
                "SELECT 'mails ' || run AS row_key, created_at AS at, id, recipient, address, unit, subject, message_id, digest_sha256, bytes_sha256, \
                 CAST(test AS TEXT) AS test, CAST(size AS TEXT) AS size, \
                 COALESCE((SELECT body FROM outbox_findings WHERE message=outbox.id), '') AS findings FROM outbox WHERE act='' AND instead_of='' AND $2>0"
            }
            Audited::Messages => {
                "SELECT 'message ' || id AS row_key, created_at AS at, run, recipient, address, unit, subject, message_id, digest_sha256, bytes_sha256, \
                 act, instead_of, CAST(test AS TEXT) AS test, CAST(size AS TEXT) AS size, \
                 COALESCE((SELECT body FROM outbox_findings WHERE message=outbox.id), '') AS findings FROM outbox \
                 WHERE (act<>'' OR instead_of<>'') AND $2>0"
            }
            Audited::Files => {
                "SELECT 'files ' || run AS row_key, '' AS at, template, kind, unit, path, sha256, CAST(bytes AS TEXT) AS bytes \
                 FROM report_file WHERE $2>0"
            }
            Audited::Events => {
                "SELECT 'event ' || CAST(pos AS TEXT) AS row_key, CASE WHEN retracted_at>recorded_at THEN retracted_at ELSE recorded_at END AS at, \
                 CAST(act AS TEXT) AS act, ledger, code, CAST(no AS TEXT) AS no, key, issuer, number, CAST(sample AS TEXT) AS sample, day, body, \
                 CAST(retracted AS TEXT) AS retracted, retracted_by, retracted_why FROM event WHERE $2>0"
            }
            Audited::Named => "SELECT 'named ' || part AS row_key, '' AS at, object, body FROM named_records WHERE $2>0",
        }
    }

    /// The condition on an indexed column that holds the rest of the key, where the table grows with every run or act.
    fn condition(self) -> Option<&'static str> {
        match self {
            Audited::Mails | Audited::Files => Some("run=$1"),
            Audited::Messages => Some("id=$1"),
            Audited::Named => Some("part=$1"),
            Audited::Events => Some("pos=CAST($1 AS BIGINT)"),
            _ => None,
        }
    }

    /// The groups of the table, or the one of a key.
    async fn read(self, connection: &mut AnyConnection, key: &str) -> Result<BTreeMap<String, RowsFound>> {
        let (statement, wanted) = match (self.condition(), key.split_once(' ')) {
            (Some(condition), Some((_, rest))) => (format!("{} AND {condition}", self.statement()), rest),
            _ => (format!("SELECT * FROM ({}) AS found WHERE $1='' OR row_key=$1", self.statement()), key),
        };
        let query = sqlx::query(sql(statement)).bind(wanted).bind(OPEN);
        let mut groups: BTreeMap<String, (String, Vec<RowHash>)> = BTreeMap::new();
        // a file may mark a million rows: of each only its hash is held
        let mut rows = query.fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let (at, hashes) = groups.entry(text(&row, "row_key")?).or_default();
            *at = text(&row, "at")?.max(std::mem::take(at));
            hashes.push(hash_of_row(&row)?);
        }
        let found = |(at, mut hashes): (String, Vec<RowHash>)| {
            // the two databases sort texts differently
            hashes.sort_unstable();
            RowsFound { hash: hash_of(&hashes), at }
        };
        Ok(groups.into_iter().map(|(key, group)| (key, found(group))).collect())
    }
}

/// A column of texts or bytes.
fn bytes(row: &AnyRow, column: usize) -> Result<Vec<u8>> {
    match row.try_get::<String, _>(column) {
        Ok(text) => Ok(text.into_bytes()),
        Err(_) => Ok(row.try_get(column)?),
    }
}

/// The hash of a row without its key. Each cell has its length before it, so that no two rows read alike.
fn hash_of_row(row: &AnyRow) -> Result<RowHash> {
    let mut hash = Context::new(&SHA256);
    for column in 1..row.len() {
        let cell = bytes(row, column)?;
        hash.update(&(cell.len() as u64).to_be_bytes());
        hash.update(&cell);
    }
    let mut bytes = RowHash::default();
    bytes.copy_from_slice(hash.finish().as_ref());
    Ok(bytes)
}

/// The hash of rows, in lower-case hex.
fn hash_of(rows: &[RowHash]) -> String {
    let mut hash = Context::new(&SHA256);
    rows.iter().for_each(|row| hash.update(row));
    hex::encode(hash.finish())
}
