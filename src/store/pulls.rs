//! Pulls: snapshots being written, one transaction for all ledgers of a file.

use crate::domain::intake::note::{Note, SheetAccount};
use crate::domain::register::codes::{Codes, TooMany};
use crate::store::database::{Database, Dialect, ROWS_PER_STATEMENT, Result, StoreError, json, number, sql, text, to_json};
use crate::store::open_rows;
use crate::store::snapshots::{FileOrigin, SnapshotState};
use chrono::NaiveDate;
use futures_util::TryStreamExt;
use ring::digest::{SHA256, digest};
use sqlx::any::AnyArguments;
use sqlx::error::BoxDynError;
use sqlx::{Any, AnyConnection, Arguments, Executor, Row, Transaction};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use tokio::task::JoinHandle;

/// `last_seq` of a version that the newest snapshot still holds.
const OPEN: i64 = i64::MAX;

/// A record on its way into a snapshot.
#[derive(Clone, Debug)]
pub struct NewRecord<'a> {
    pub code: Cow<'a, str>,
    pub unit: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub amount: i64,
    pub sheet: u32,
    pub row: u32,
    /// The packed cells of the layout's fields, in its order.
    pub body: Cow<'a, [u8]>,
    /// By which the row is known again; `None` where it has to be read every time.
    pub mark: Option<Mark>,
}

/// A row as its file has it, and all that its reading depends on, in brief: where both are the same, it says the same.
pub type Mark = [u8; 16];

/// How the new snapshot differs from the last one in force (from the last one at all where none is).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub added: u64,
    pub changed: u64,
    pub gone: u64,
    /// The largest factor by which one code's amount grew or shrank, with the code.
    pub amount_times: Option<(String, i64)>,
    pub rows: i64,
    pub amount: i64,
}

/// A row version known so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) hash: [u8; 16],
    pub(crate) amount: i64,
    pub(crate) mark: Option<Mark>,
}

/// A row accepted so far, with the place of its first copy.
struct Seen {
    hash: [u8; 16],
    amount: i64,
    sheet: u32,
    row: u32,
    mark: Option<Mark>,
    /// Another row has the same code: neither is taken.
    taken_back: bool,
}

/// What is fixed when a snapshot is finished.
#[derive(Clone, Debug)]
pub struct SnapshotFacts {
    pub covers_on: NaiveDate,
    pub taken_at: String,
    pub sample: bool,
    pub file_sha256: String,
    pub origin: FileOrigin,
    pub accounts: Vec<SheetAccount>,
    pub notes: Vec<Note>,
}

/// Versions that the next statement writes.
#[derive(Default)]
struct Batch {
    count: usize,
    /// For each what [`COLUMNS`] names.
    values: AnyArguments,
    /// The codes whose version before them it closes.
    closing: Vec<String>,
}

/// What a statement that writes versions says of each.
const COLUMNS: &str = "code, hash, unit, name, amount, sheet, row_no, layout, body";
const COLUMNS_COUNT: usize = 9;

/// One ledger of one source being written. All writers of a file share one transaction: the file counts whole or not at all.
pub struct SnapshotWriter {
    ledger: String,
    source: String,
    pub seq: i64,
    previous: Codes<Known>,
    /// The row of `previous` behind the one that came last: a file mostly keeps its order.
    next: usize,
    /// The last snapshot in force and its rows, where a later one is held or discarded.
    base: Option<(i64, Codes<Known>)>,
    batch: Batch,
    /// Accepted codes of this snapshot.
    seen: Codes<Seen>,
    conflicting: Vec<String>,
    /// Codes whose new row is not taken: their last version stays.
    stays: Vec<String>,
    /// Versions written or closed: the snapshot says something new.
    written: u64,
    rows: i64,
    amount: i64,
    layouts: HashMap<Vec<String>, i64>,
}

/// Whether a record was new to its snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    Taken,
    /// The same row once more; `(sheet, row)` of the first.
    Repeated(u32, u32),
    /// Another row with the same code; both are to be quarantined.
    Conflict(u32, u32),
}

/// The transaction of one pull. There is one at a time, on PostgreSQL too: two that number the same snapshot could not both stand.
pub struct Pull {
    work: Work,
    dialect: Dialect,
}

/// Rows are read on while those before them are written.
enum Work {
    Idle(Transaction<'static, Any>),
    Writing(JoinHandle<Result<Transaction<'static, Any>>>),
    /// A statement has failed.
    Lost,
}

/// Beginning pulls.
#[derive(Clone, Copy, Debug)]
pub struct Pulls<'a> {
    pub(super) database: &'a Database,
}

impl Pulls<'_> {
    pub async fn begin(self) -> Result<Pull> {
        let mut transaction = self.database.begin().await?;
        if let Some(lock) = self.database.dialect.lock_pulls() {
            transaction.execute(lock).await?;
        }
        Ok(Pull { work: Work::Idle(transaction), dialect: self.database.dialect })
    }
}

impl Pull {
    /// The transaction, once nothing is being written.
    async fn take(&mut self) -> Result<Transaction<'static, Any>> {
        match std::mem::replace(&mut self.work, Work::Lost) {
            Work::Idle(transaction) => Ok(transaction),
            Work::Writing(task) => task.await.map_err(|error| StoreError::Lost(format!("writing records: {error}")))?,
            Work::Lost => Err(StoreError::Lost("a pull whose statement failed".into())),
        }
    }

    async fn connection(&mut self) -> Result<&mut AnyConnection> {
        let transaction = self.take().await?;
        self.work = Work::Idle(transaction);
        match &mut self.work {
            Work::Idle(transaction) => Ok(transaction),
            Work::Writing(_) | Work::Lost => Err(StoreError::Lost("a pull without its transaction".into())),
        }
    }

    /// Begins the next snapshot of a ledger.
    pub async fn writer(&mut self, ledger: &str, source: &str) -> Result<SnapshotWriter> {
        let connection = self.connection().await?;
        let row = sqlx::query("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM snapshot WHERE ledger=$1 AND source=$2")
            .bind(ledger)
            .bind(source)
            .fetch_one(&mut *connection)
            .await?;
        let last = number(&row, "seq")?;
        let previous = match open_rows::read(connection, ledger, source, last).await? {
            Some(open) => open,
            None => known(connection, ledger, source, "last_seq=$3", OPEN).await?,
        };
        #[cfg(debug_assertions)]
        same(&previous, &known(connection, ledger, source, "last_seq=$3", OPEN).await?);
        let row =
            sqlx::query("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM snapshot WHERE ledger=$1 AND source=$2 AND state=$3")
                .bind(ledger)
                .bind(source)
                .bind(SnapshotState::InForce.code())
                .fetch_one(&mut *connection)
                .await?;
        let in_force = number(&row, "seq")?;
        let base = if in_force == 0 || in_force == last {
            None
        } else {
            Some((in_force, known(connection, ledger, source, "first_seq<=$3 AND last_seq>=$3", in_force).await?))
        };
        let rows = sqlx::query("SELECT id, fields FROM layout WHERE ledger=$1").bind(ledger).fetch_all(&mut *connection).await?;
        let mut layouts = HashMap::new();
        for row in &rows {
            layouts.insert(json("layout", ledger, &text(row, "fields")?)?, number(row, "id")?);
        }
        Ok(SnapshotWriter {
            ledger: ledger.to_owned(),
            source: source.to_owned(),
            seq: last + 1,
            previous,
            next: 0,
            base,
            batch: Batch::default(),
            seen: Codes::default(),
            conflicting: Vec::new(),
            stays: Vec::new(),
            written: 0,
            rows: 0,
            amount: 0,
            layouts,
        })
    }

    /// The id of a layout (ordered field ids), made when new.
    pub async fn layout(&mut self, writer: &mut SnapshotWriter, fields: &[String]) -> Result<i64> {
        if let Some(id) = writer.layouts.get(fields) {
            return Ok(*id);
        }
        let row = sqlx::query("INSERT INTO layout (id, ledger, fields) SELECT COALESCE(MAX(id), 0) + 1, $1, $2 FROM layout RETURNING id")
            .bind(&writer.ledger)
            .bind(to_json(&fields)?)
            .fetch_one(self.connection().await?)
            .await?;
        let id = number(&row, "id")?;
        writer.layouts.insert(fields.to_vec(), id);
        Ok(id)
    }

    /// Adds a record; only a new or changed one is written.
    pub async fn add(&mut self, writer: &mut SnapshotWriter, layout: i64, record: NewRecord<'_>) -> Result<Added> {
        let standing = writer.previous.index(&record.code);
        let known = standing.and_then(|index| writer.previous.at(index)).map(|(_, known)| known.hash);
        let hash = open_rows::fingerprint(layout, &record.body, known);
        if let Some(seen) = writer.seen.get(&record.code) {
            let first = (seen.sheet, seen.row);
            if seen.hash == hash {
                return Ok(Added::Repeated(first.0, first.1));
            }
            if !writer.conflicting.iter().any(|code| *code == record.code) {
                writer.conflicting.push(record.code.into_owned());
            }
            return Ok(Added::Conflict(first.0, first.1));
        }
        let seen = Seen { hash, amount: record.amount, sheet: record.sheet, row: record.row, mark: record.mark, taken_back: false };
        writer.seen.insert(&record.code, seen)?;
        writer.rows += 1;
        writer.amount += record.amount;
        if let Some(index) = standing {
            writer.next = index + 1;
        }
        if known == Some(hash) {
            return Ok(Added::Taken);
        }
        writer.written += 1;
        if standing.is_some() {
            writer.batch.closing.push(record.code.clone().into_owned());
        }
        writer.batch.push(layout, hash, &record).map_err(sqlx::Error::Encode)?;
        if writer.batch.count >= ROWS_PER_STATEMENT {
            self.flush(writer).await?;
        }
        Ok(Added::Taken)
    }

    async fn flush(&mut self, writer: &mut SnapshotWriter) -> Result<()> {
        let Batch { count, mut values, closing } = std::mem::take(&mut writer.batch);
        if count == 0 {
            return Ok(());
        }
        let mut transaction = self.take().await?;
        close(&mut transaction, self.dialect, writer, &closing).await?;
        // what all of them share is said once, behind them
        let rows = self.dialect.values(count, COLUMNS_COUNT);
        let [ledger, source, seq, open] = self.dialect.parameters_behind(count * COLUMNS_COUNT);
        let statement = format!(
            "WITH version ({COLUMNS}) AS (VALUES {rows}) {} INTO record (ledger, source, first_seq, last_seq, {COLUMNS}) \
             SELECT {ledger}, {source}, {seq}, {open}, {COLUMNS} FROM version",
            self.dialect.insert_or_fail()
        );
        let shared = |values: &mut AnyArguments| {
            values.add(writer.ledger.as_str())?;
            values.add(writer.source.as_str())?;
            values.add(writer.seq)?;
            values.add(OPEN)
        };
        shared(&mut values).map_err(sqlx::Error::Encode)?;
        self.work = Work::Writing(tokio::spawn(async move {
            sqlx::query_with(sql(statement), values).execute(&mut *transaction).await?;
            Ok(transaction)
        }));
        Ok(())
    }

    /// The unit and the name of a code as the row taken last has them; both empty where none was.
    pub async fn names_of(&mut self, writer: &mut SnapshotWriter, code: &str) -> Result<(String, String)> {
        self.flush(writer).await?;
        let row = sqlx::query("SELECT unit, name FROM record WHERE ledger=$1 AND source=$2 AND code=$3 AND last_seq=$4")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(code)
            .bind(OPEN)
            .fetch_optional(self.connection().await?)
            .await?;
        row.map_or_else(|| Ok(Default::default()), |row| Ok((text(&row, "unit")?, text(&row, "name")?)))
    }

    /// Ends the rows: what conflicts is taken back, what is missing closes. `kept` are codes whose new row was quarantined; they keep
    /// their last accepted version.
    pub async fn finish_rows(&mut self, writer: &mut SnapshotWriter, kept: &[String]) -> Result<Difference> {
        self.flush(writer).await?;
        let mut kept: HashSet<&str> = kept.iter().map(String::as_str).collect();
        let conflicting = std::mem::take(&mut writer.conflicting);
        for code in &conflicting {
            kept.insert(code);
            let Some(seen) = writer.seen.get_mut(code) else { continue };
            seen.taken_back = true;
            let seen = &*seen;
            writer.rows -= 1;
            writer.amount -= seen.amount;
            let was = writer.previous.get(code);
            // a known code stays with its last version and counts with it
            let standing = writer.base.as_ref().map_or(was, |(_, base)| base.get(code));
            if let Some(standing) = standing {
                writer.rows += 1;
                writer.amount += standing.amount;
            }
            if was.is_none_or(|known| known.hash != seen.hash) {
                writer.written -= 1;
                sqlx::query("DELETE FROM record WHERE ledger=$1 AND source=$2 AND code=$3 AND first_seq=$4")
                    .bind(&writer.ledger)
                    .bind(&writer.source)
                    .bind(code)
                    .bind(writer.seq)
                    .execute(self.connection().await?)
                    .await?;
                sqlx::query("UPDATE record SET last_seq=$5 WHERE ledger=$1 AND source=$2 AND code=$3 AND last_seq=$4")
                    .bind(&writer.ledger)
                    .bind(&writer.source)
                    .bind(code)
                    .bind(writer.seq - 1)
                    .bind(OPEN)
                    .execute(self.connection().await?)
                    .await?;
            }
        }
        let difference = writer.difference(&kept);
        let mut gone: Vec<&str> =
            writer.previous.iter().map(|(code, _)| code).filter(|code| !writer.takes(code) && !kept.contains(code)).collect();
        let mut restored: Vec<&str> = Vec::new();
        if let Some((_, base)) = &writer.base {
            for code in kept.iter().copied().filter(|code| !writer.takes(code)) {
                let (open, standing) = (writer.previous.get(code), base.get(code));
                if open.map(|known| known.hash) != standing.map(|known| known.hash) {
                    gone.extend(open.map(|_| code));
                    restored.extend(standing.map(|_| code));
                }
            }
        }
        gone.sort_unstable();
        restored.sort_unstable();
        let dialect = self.dialect;
        for part in gone.chunks(500) {
            close(self.connection().await?, dialect, writer, part).await?;
        }
        for code in &restored {
            self.restore(writer, code).await?;
        }
        writer.written += (gone.len() + restored.len()) as u64;
        writer.stays = kept.into_iter().filter(|code| !writer.takes(code)).map(str::to_owned).collect();
        Ok(difference)
    }

    /// Begins the version in force once more: a held or discarded snapshot has closed it, and the new row is quarantined.
    async fn restore(&mut self, writer: &SnapshotWriter, code: &str) -> Result<()> {
        const REST: &str = "hash, unit, name, amount, sheet, row_no, layout, body";
        let statement = format!(
            "INSERT INTO record (ledger, source, code, first_seq, last_seq, {REST}) \
             SELECT ledger, source, code, CAST($4 AS BIGINT), CAST($5 AS BIGINT), {REST} FROM record \
             WHERE ledger=$1 AND source=$2 AND code=$3 AND first_seq<=$6 AND last_seq>=$6"
        );
        sqlx::query(sql(statement))
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(code)
            .bind(writer.seq)
            .bind(OPEN)
            .bind(writer.base.as_ref().map_or(0, |(seq, _)| *seq))
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Whether the snapshot would say nothing new: no row differs and the notes are the same as those of the last, which stands.
    pub async fn is_identical(&mut self, writer: &SnapshotWriter, facts: &SnapshotFacts, told: Option<NaiveDate>) -> Result<bool> {
        if writer.written > 0 {
            return Ok(false);
        }
        let row = sqlx::query("SELECT state, notes_hash, covers_on FROM snapshot WHERE ledger=$1 AND source=$2 AND seq=$3")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(writer.seq - 1)
            .fetch_optional(self.connection().await?)
            .await?;
        Ok(match row {
            Some(row) => {
                SnapshotState::parse(&text(&row, "state")?) != SnapshotState::Discarded
                    && text(&row, "notes_hash")? == notes_hash(&facts.notes)?
                    && told.map(|told| told.to_string()).is_none_or(|told| text(&row, "covers_on").is_ok_and(|known| known == told))
            }
            None => false,
        })
    }

    /// Only notes that the last snapshot was looked at again.
    pub async fn touch(&mut self, writer: &SnapshotWriter, checked_at: &str) -> Result<()> {
        sqlx::query("UPDATE snapshot SET checked_at=$4 WHERE ledger=$1 AND source=$2 AND seq=$3")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(writer.seq - 1)
            .bind(checked_at)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Why the last snapshot is held, if it is.
    pub async fn last_held(&mut self, writer: &SnapshotWriter) -> Result<Option<String>> {
        let row = sqlx::query("SELECT reason FROM snapshot WHERE ledger=$1 AND source=$2 AND seq=$3 AND state=$4")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(writer.seq - 1)
            .bind(SnapshotState::Held.code())
            .fetch_optional(self.connection().await?)
            .await?;
        row.map(|row| text(&row, "reason")).transpose()
    }

    /// Brings the last snapshot into force.
    pub async fn release_last(&mut self, writer: &SnapshotWriter) -> Result<()> {
        sqlx::query("UPDATE snapshot SET state=$4, reason='' WHERE ledger=$1 AND source=$2 AND seq=$3")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(writer.seq - 1)
            .bind(SnapshotState::InForce.code())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Writes the snapshot row and its notes.
    pub async fn finish(&mut self, writer: &SnapshotWriter, facts: &SnapshotFacts, state: SnapshotState, reason: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO snapshot (ledger, source, seq, state, covers_on, taken_at, checked_at, sample, row_count, amount, notes_hash, \
             file_sha256, origin, accounts, reason) VALUES ($1,$2,$3,$4,$5,$6,$6,$7,$8,$9,$10,$11,$12,$13,$14)",
        )
        .bind(&writer.ledger)
        .bind(&writer.source)
        .bind(writer.seq)
        .bind(state.code())
        .bind(facts.covers_on.to_string())
        .bind(&facts.taken_at)
        .bind(i64::from(facts.sample))
        .bind(writer.rows)
        .bind(writer.amount)
        .bind(notes_hash(&facts.notes)?)
        .bind(&facts.file_sha256)
        .bind(to_json(&facts.origin)?)
        .bind(to_json(&facts.accounts)?)
        .bind(reason)
        .execute(self.connection().await?)
        .await?;
        for (part_number, part) in facts.notes.chunks(ROWS_PER_STATEMENT).enumerate() {
            let statement = format!(
                "INSERT INTO intake_note (ledger, source, seq, no, kind, code, unit, body) VALUES {}",
                self.dialect.values(part.len(), 8)
            );
            let mut query = sqlx::query(sql(statement));
            for (number, note) in part.iter().enumerate() {
                query = query
                    .bind(&writer.ledger)
                    .bind(&writer.source)
                    .bind(writer.seq)
                    .bind((part_number * ROWS_PER_STATEMENT + number) as i64)
                    .bind(note.kind.code())
                    .bind(&note.code)
                    .bind(&note.unit)
                    .bind(to_json(note)?);
            }
            query.execute(self.connection().await?).await?;
        }
        let key = (writer.ledger.as_str(), writer.source.as_str(), writer.seq);
        // where a snapshot is held or discarded, versions came back that this pull did not see
        let open = writer.base.is_none().then(|| writer.open());
        open_rows::replace(self.connection().await?, key, open).await
    }

    /// The figures of the last snapshot in force: rows and amount.
    pub async fn in_force(&mut self, ledger: &str, source: &str) -> Result<Option<(i64, i64)>> {
        let row =
            sqlx::query("SELECT row_count, amount FROM snapshot WHERE ledger=$1 AND source=$2 AND state=$3 ORDER BY seq DESC LIMIT 1")
                .bind(ledger)
                .bind(source)
                .bind(SnapshotState::InForce.code())
                .fetch_optional(self.connection().await?)
                .await?;
        row.map(|row| Ok((number(&row, "row_count")?, number(&row, "amount")?))).transpose()
    }

    pub async fn commit(mut self) -> Result<()> {
        Ok(self.take().await?.commit().await?)
    }

    pub async fn rollback(mut self) -> Result<()> {
        Ok(self.take().await?.rollback().await?)
    }
}

impl Batch {
    fn push(&mut self, layout: i64, hash: [u8; 16], record: &NewRecord<'_>) -> std::result::Result<(), BoxDynError> {
        self.values.reserve(COLUMNS_COUNT, 0);
        self.values.add(&*record.code)?;
        self.values.add(&hash[..])?;
        self.values.add(&*record.unit)?;
        self.values.add(&*record.name)?;
        self.values.add(record.amount)?;
        self.values.add(i64::from(record.sheet))?;
        self.values.add(i64::from(record.row))?;
        self.values.add(layout)?;
        self.values.add(&*record.body)?;
        self.count += 1;
        Ok(())
    }
}

impl SnapshotWriter {
    /// Whether the snapshot takes a row of this code.
    fn takes(&self, code: &str) -> bool {
        self.seen.get(code).is_some_and(|seen| !seen.taken_back)
    }

    /// Whether a code whose row of this file is not taken was there before: its last accepted version goes on counting.
    pub fn stands_as_before(&self, code: &str) -> bool {
        let before = self.base.as_ref().map_or(&self.previous, |(_, base)| base);
        !self.takes(code) && before.get(code).is_some()
    }

    /// Adds the row behind the one that came last if it has this mark: it is there already and has not changed. `false` = it has to be read
    /// and added.
    ///
    /// # Errors
    /// The codes together are longer than 4 GB.
    pub fn add_again(&mut self, mark: Mark, sheet: u32, row: u32) -> Result<bool> {
        let Some((code, known)) = self.previous.at(self.next) else { return Ok(false) };
        if known.mark != Some(mark) || self.seen.get(code).is_some() {
            return Ok(false);
        }
        let Known { hash, amount, mark } = *known;
        let seen = Seen { hash, amount, sheet, row, mark, taken_back: false };
        self.seen.insert(code, seen)?;
        self.next += 1;
        self.rows += 1;
        self.amount += amount;
        Ok(true)
    }

    /// The codes that stand before this pull.
    pub fn standing(&self) -> impl Iterator<Item = &str> {
        self.base.as_ref().map_or(&self.previous, |(_, base)| base).iter().map(|(code, _)| code)
    }

    /// The open versions after this pull, those of the file in its order.
    fn open(&self) -> impl Iterator<Item = (&str, Known)> {
        let taken = self.seen.iter().filter(|(_, seen)| !seen.taken_back);
        let taken = taken.map(|(code, seen)| (code, Known { hash: seen.hash, amount: seen.amount, mark: seen.mark }));
        let stays = self.stays.iter().filter_map(|code| {
            let known = self.previous.get(code)?;
            // its row in this file was another one
            Some((code.as_str(), Known { mark: None, ..known.clone() }))
        });
        taken.chain(stays)
    }

    /// The accepted rows beside those of the last snapshot in force.
    fn difference(&self, kept: &HashSet<&str>) -> Difference {
        let before = self.base.as_ref().map_or(&self.previous, |(_, base)| base);
        let mut difference = Difference { rows: self.rows, amount: self.amount, ..Difference::default() };
        for (code, seen) in self.seen.iter().filter(|(_, seen)| !seen.taken_back) {
            let Some(known) = before.get(code) else {
                difference.added += 1;
                continue;
            };
            if known.hash == seen.hash {
                continue;
            }
            difference.changed += 1;
            let (less, more) = (known.amount.min(seen.amount), known.amount.max(seen.amount));
            if less > 0 {
                let times = more / less;
                // of several the first code, whatever the order of the map
                let most = difference.amount_times.as_ref();
                if most.is_none_or(|(first, most)| (times, first.as_str()) > (*most, code)) {
                    difference.amount_times = Some((code.to_owned(), times));
                }
            }
        }
        difference.gone = before.iter().filter(|(code, _)| !self.takes(code) && !kept.contains(code)).count() as u64;
        difference
    }
}

/// Holds the packed list against the versions it was made of.
#[cfg(debug_assertions)]
fn same(packed: &Codes<Known>, open: &Codes<Known>) {
    let sorted = |codes: &Codes<Known>| {
        codes.iter().map(|(code, known)| (code.to_owned(), (known.hash, known.amount))).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(sorted(packed), sorted(open), "the list of open rows differs from the records");
}

/// The codes of the rows a condition selects, with what is known of their versions; `values` fill `$3`.
async fn known(connection: &mut AnyConnection, ledger: &str, source: &str, condition: &'static str, seq: i64) -> Result<Codes<Known>> {
    let statement = format!("SELECT code, hash, amount FROM record WHERE ledger=$1 AND source=$2 AND {condition}");
    let mut rows = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(seq).fetch(connection);
    let mut out = Codes::default();
    while let Some(row) = rows.try_next().await? {
        let hash: &[u8] = row.try_get(1)?;
        let hash = hash.try_into().map_err(|_| StoreError::Damaged { what: "record", key: ledger.to_owned(), detail: "hash".into() })?;
        out.insert(row.try_get(0)?, Known { hash, amount: row.try_get(2)?, mark: None })?;
    }
    Ok(out)
}

impl From<TooMany> for StoreError {
    fn from(_: TooMany) -> StoreError {
        StoreError::Lost("a snapshot of more codes than 4 GB hold".into())
    }
}

/// Closes the open versions of codes before this snapshot.
async fn close(connection: &mut AnyConnection, dialect: Dialect, writer: &SnapshotWriter, codes: &[impl AsRef<str>]) -> Result<()> {
    if codes.is_empty() {
        return Ok(());
    }
    let list = match dialect {
        Dialect::Sqlite => vec!["?"; codes.len()].join(","),
        Dialect::Postgres => (0..codes.len()).map(|index| format!("${}", index + 6)).collect::<Vec<_>>().join(","),
    };
    let (a, b, c, d, e) = match dialect {
        Dialect::Sqlite => ("?", "?", "?", "?", "?"),
        Dialect::Postgres => ("$1", "$2", "$3", "$4", "$5"),
    };
    let statement =
        format!("UPDATE record SET last_seq={a} WHERE ledger={b} AND source={c} AND last_seq={d} AND first_seq<{e} AND code IN ({list})");
    let mut query = sqlx::query(sql(statement)).bind(writer.seq - 1).bind(&writer.ledger).bind(&writer.source).bind(OPEN).bind(writer.seq);
    for code in codes {
        query = query.bind(code.as_ref());
    }
    query.execute(connection).await?;
    Ok(())
}

fn notes_hash(notes: &[Note]) -> Result<String> {
    Ok(hex::encode(digest(&SHA256, to_json(&notes)?.as_bytes())))
}
