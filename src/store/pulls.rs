//! Pulls: they write the rows of a file piece by piece, each in a short transaction, and the snapshots of all its ledgers in the last one.
//!
//! Invariants: a file counts as a whole or not at all: rows of a snapshot that is not there are in none, and the next pull of the source removes
//! them. Rows have `first_seq` and `last_seq`; a pull writes only what has changed.

use crate::domain::intake::file::{CodeInFile, RowNames};
use crate::domain::intake::note::{Note, SheetAccount};
use crate::domain::register::codes::Codes;
use crate::store::database::{Database, Dialect, ROWS_PER_STATEMENT, Result, StoreError, json, number, sql, text, to_json};
use crate::store::lock::{Exclusive, Lock};
use crate::store::mark_rows;
use crate::store::open_versions::{self, OPEN};
use crate::store::pictures::next_data_position;
use crate::store::snapshot_writer::{
    BYTES_PER_STATEMENT, Batch, Difference, NewRecord, Piece, Seen, SnapshotKey, SnapshotWriter, Statement,
};
use crate::store::snapshots::{FileOrigin, SnapshotState};
use crate::store::staged_rows;
use chrono::NaiveDate;
use ring::digest::{Context, SHA256};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Executor};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The facts of a snapshot, known when it is finished.
#[derive(Clone, Debug)]
pub struct NewSnapshot {
    pub covers_on: NaiveDate,
    /// The day was given by hand or in the file.
    pub is_day_stated: bool,
    pub taken_at: String,
    pub sample: bool,
    pub file_sha256: String,
    pub origin: FileOrigin,
    pub accounts: Vec<SheetAccount>,
    pub notes: Arc<[Note]>,
}

/// The most rows and bytes of a piece, beside those of its last statement: nobody waits long for the write lock of SQLite.
const ROWS_PER_PIECE: usize = 5_000;
const BYTES_PER_PIECE: usize = 8 * 1024 * 1024;

/// Ends the transaction of a piece, and the last one.
const COMMIT: &str = "COMMIT";

/// One pull. A lock admits one at a time, because two concurrent pulls could give two snapshots the same number.
pub struct Pull {
    database: Database,
    pub(super) dialect: Dialect,
    work: Work,
    /// The last transaction has begun: behind it no piece is written any more.
    is_closing: bool,
    /// Ledger, source and number of the snapshots of which rows are in the database.
    staged: Vec<SnapshotKey>,
    /// Held until the last piece is written.
    lock: Arc<Lock>,
}

/// The connection of a pull, which is closed with it: whatever was not committed is undone then, and its pages in memory are freed.
enum Work {
    Idle(PoolConnection<Any>),
    /// Reading goes on while a task writes a piece.
    Writing(JoinHandle<Result<PoolConnection<Any>>>),
    /// A piece has failed.
    Failed,
}

/// Begins pulls.
#[derive(Clone, Copy, Debug)]
pub struct Pulls<'a> {
    pub(super) database: &'a Database,
}

impl Pulls<'_> {
    /// Begins a pull; it waits until other pulls have ended.
    ///
    /// # Errors
    /// The database fails, or another pull does not end.
    pub async fn begin(self) -> Result<Pull> {
        let lock = self.database.lock(Exclusive::Pull).await?;
        let database = self.database.clone();
        let mut connection = database.pool.acquire().await?;
        connection.close_on_drop();
        if let Some(setting) = database.dialect.many_pages() {
            connection.execute(setting).await?;
        }
        let (dialect, work) = (database.dialect, Work::Idle(connection));
        Ok(Pull { database, dialect, work, is_closing: false, staged: Vec::new(), lock: Arc::new(lock) })
    }
}

impl Pull {
    /// Waits for the piece that is being written and takes the connection out.
    async fn take(&mut self) -> Result<PoolConnection<Any>> {
        match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Idle(connection) => Ok(connection),
            Work::Writing(task) => task.await.map_err(|error| StoreError::Internal(format!("writing records: {error}")))?,
            Work::Failed => Err(StoreError::Internal("a pull whose statement failed".into())),
        }
    }

    /// Waits for the piece that is being written. The connection reads what was committed, and in the last transaction what that holds.
    async fn reading(&mut self) -> Result<&mut AnyConnection> {
        let connection = self.take().await?;
        self.work = Work::Idle(connection);
        match &mut self.work {
            Work::Idle(connection) => Ok(connection),
            Work::Writing(_) | Work::Failed => Err(StoreError::Internal("a pull without its connection".into())),
        }
    }

    /// The connection in the last transaction.
    pub(super) async fn connection(&mut self) -> Result<&mut AnyConnection> {
        if !std::mem::replace(&mut self.is_closing, true) {
            let begin = self.dialect.begin();
            self.reading().await?.execute(begin).await?;
        }
        self.reading().await
    }

    /// The connection in the transaction of a piece, which ends with [`COMMIT`].
    async fn begin_piece(&mut self, writer: &mut SnapshotWriter) -> Result<&mut AnyConnection> {
        if self.is_closing {
            return Err(StoreError::Internal("a piece of a pull behind its end".into()));
        }
        let is_first = !std::mem::replace(&mut writer.is_staged, true);
        let (ledger, source, seq) = writer.key();
        if is_first {
            self.staged.push((ledger.to_owned(), source.to_owned(), seq));
        }
        let begin = self.dialect.begin();
        let connection = self.reading().await?;
        connection.execute(begin).await?;
        if is_first {
            sqlx::query("INSERT INTO staged_snapshot (ledger, source, seq) VALUES ($1,$2,$3)")
                .bind(ledger)
                .bind(source)
                .bind(seq)
                .execute(&mut *connection)
                .await?;
        }
        Ok(connection)
    }

    /// Begins the next snapshot of a ledger.
    ///
    /// # Errors
    /// The database fails, or the stored list of open versions is damaged.
    pub async fn writer(&mut self, ledger: &str, source: &str) -> Result<SnapshotWriter> {
        self.reading().await?;
        staged_rows::remove_left(&self.database, ledger, source).await?;
        let connection = self.reading().await?;
        let row = sqlx::query("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM snapshot WHERE ledger=$1 AND source=$2")
            .bind(ledger)
            .bind(source)
            .fetch_one(&mut *connection)
            .await?;
        let last = number(&row, "seq")?;
        let previous = match open_versions::read(connection, ledger, source, last).await? {
            Some(open) => open,
            None => open_versions::versions(connection, ledger, source, "last_seq=$3", OPEN).await?,
        };
        #[cfg(debug_assertions)]
        open_versions::assert_same(&previous, &open_versions::versions(connection, ledger, source, "last_seq=$3", OPEN).await?);
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
            Some((in_force, open_versions::versions(connection, ledger, source, "first_seq<=$3 AND last_seq>=$3", in_force).await?))
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
            piece: Piece::default(),
            is_staged: false,
            is_open_list_staged: false,
            seen: Codes::default(),
            conflicting: BTreeSet::new(),
            carried_over: Vec::new(),
            written: 0,
            rows: 0,
            amount: 0,
            layouts,
            open_marks: mark_rows::open_marks(connection, ledger, source).await?,
        })
    }

    /// The id of a layout (ordered field ids); a new layout is stored.
    ///
    /// # Errors
    /// The database fails.
    pub async fn layout(&mut self, writer: &mut SnapshotWriter, fields: &[String]) -> Result<i64> {
        if let Some(id) = writer.layouts.get(fields) {
            return Ok(*id);
        }
        let row = sqlx::query("INSERT INTO layout (id, ledger, fields) SELECT COALESCE(MAX(id), 0) + 1, $1, $2 FROM layout RETURNING id")
            .bind(&writer.ledger)
            .bind(to_json(&fields)?)
            .fetch_one(self.reading().await?)
            .await?;
        let id = number(&row, "id")?;
        writer.layouts.insert(fields.to_vec(), id);
        Ok(id)
    }

    /// Adds a record, unless the file had its code before. Only a new or changed one is written.
    ///
    /// # Errors
    /// The database fails, or the codes together are longer than 4 GB.
    pub async fn add(&mut self, writer: &mut SnapshotWriter, layout: i64, record: NewRecord<'_>) -> Result<CodeInFile> {
        let index = writer.previous.index(&record.code);
        let known = index.and_then(|index| writer.previous.at(index)).map(|(_, known)| known.hash);
        let hash = open_versions::content_hash(layout, &record.body);
        if let Some(seen) = writer.seen.get(&record.code) {
            let first = seen.place;
            if seen.hash == hash {
                return Ok(CodeInFile::Same(first));
            }
            if !writer.conflicting.contains(&*record.code) {
                writer.conflicting.insert(record.code.into_owned());
            }
            return Ok(CodeInFile::Conflicting(first));
        }
        let seen = Seen { hash, amount: record.amount, place: record.place, row_fingerprint: record.row_fingerprint, withdrawn: false };
        writer.seen.insert(&record.code, seen)?;
        writer.rows += 1;
        writer.amount += record.amount;
        if let Some(index) = index {
            writer.next = index + 1;
        }
        if known == Some(hash) {
            return Ok(CodeInFile::New);
        }
        writer.written += 1;
        if index.is_some() {
            writer.batch.closing.push(record.code.clone().into_owned());
        }
        writer.batch.push(layout, hash, &record).map_err(sqlx::Error::Encode)?;
        if writer.batch.count >= ROWS_PER_STATEMENT || writer.batch.bytes >= BYTES_PER_STATEMENT {
            writer.end_statement(self.dialect).map_err(sqlx::Error::Encode)?;
            if writer.piece.rows >= ROWS_PER_PIECE || writer.piece.bytes >= BYTES_PER_PIECE {
                self.flush(writer).await?;
            }
        }
        Ok(CodeInFile::New)
    }

    /// Starts to write the rows that wait: closes the versions that they replace, and adds them.
    async fn flush(&mut self, writer: &mut SnapshotWriter) -> Result<()> {
        writer.end_statement(self.dialect).map_err(sqlx::Error::Encode)?;
        let Piece { statements, .. } = std::mem::take(&mut writer.piece);
        if statements.is_empty() {
            return Ok(());
        }
        self.begin_piece(writer).await?;
        let mut connection = self.take().await?;
        let (dialect, (ledger, source, seq)) = (self.dialect, writer.owned_key());
        self.work = Work::Writing(tokio::spawn(async move {
            let begin = Instant::now();
            for Statement { closing, sql: statement, values } in statements {
                open_versions::close(&mut connection, dialect, (&ledger, &source, seq), &closing).await?;
                sqlx::query_with(sql(statement), values).execute(&mut *connection).await?;
            }
            connection.execute(COMMIT).await?;
            if dialect == Dialect::Sqlite {
                // whoever waits for its write lock only looks now and then
                tokio::time::sleep(begin.elapsed() / 2).await;
            }
            Ok(connection)
        }));
        Ok(())
    }

    /// Unit and name in the open version of a code; both are empty if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn names_of(&mut self, writer: &mut SnapshotWriter, code: &str) -> Result<RowNames> {
        self.flush(writer).await?;
        let row = sqlx::query("SELECT unit, name FROM record WHERE ledger=$1 AND source=$2 AND code=$3 AND last_seq=$4")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(code)
            .bind(OPEN)
            .fetch_optional(self.reading().await?)
            .await?;
        row.map_or_else(|| Ok(RowNames::default()), |row| Ok(RowNames { unit: text(&row, "unit")?, name: text(&row, "name")? }))
    }

    /// Ends the rows: removes conflicting ones and closes the versions of missing codes. `retained` are codes that keep their last accepted
    /// version, because their new row was quarantined or was not part of an append-only file.
    ///
    /// # Errors
    /// The database fails.
    pub async fn finish_rows(&mut self, writer: &mut SnapshotWriter, retained: &[String]) -> Result<Difference> {
        self.flush(writer).await?;
        let mut retained: HashSet<&str> = retained.iter().map(String::as_str).collect();
        let conflicting = std::mem::take(&mut writer.conflicting);
        let mut withdrawn: Vec<&str> = Vec::new();
        for code in &conflicting {
            retained.insert(code);
            let Some(seen) = writer.seen.get_mut(code) else { continue };
            seen.withdrawn = true;
            let seen = &*seen;
            writer.rows -= 1;
            writer.amount -= seen.amount;
            let open = writer.previous.get(code);
            // a code with an accepted version keeps that version, which counts in the sums
            let accepted = writer.base.as_ref().map_or(open, |(_, base)| base.get(code));
            if let Some(accepted) = accepted {
                writer.rows += 1;
                writer.amount += accepted.amount;
            }
            if open.is_none_or(|known| known.hash != seen.hash) {
                writer.written -= 1;
                withdrawn.push(code);
            }
        }
        for part in withdrawn.chunks(ROWS_PER_PIECE) {
            let connection = self.begin_piece(writer).await?;
            staged_rows::undo(connection, writer.key(), part).await?;
            connection.execute(COMMIT).await?;
        }
        let difference = writer.difference(&retained);
        let mut gone: Vec<String> = writer
            .previous
            .iter()
            .map(|(code, _)| code)
            .filter(|code| !writer.accepts(code) && !retained.contains(code))
            .map(str::to_owned)
            .collect();
        let mut restored: Vec<String> = Vec::new();
        if let Some((_, base)) = &writer.base {
            for code in retained.iter().copied().filter(|code| !writer.accepts(code)) {
                let (open, accepted) = (writer.previous.get(code), base.get(code));
                if open.map(|known| known.hash) != accepted.map(|known| known.hash) {
                    gone.extend(open.map(|_| code.to_owned()));
                    restored.extend(accepted.map(|_| code.to_owned()));
                }
            }
        }
        gone.sort_unstable();
        restored.sort_unstable();
        let dialect = self.dialect;
        for piece in gone.chunks(ROWS_PER_PIECE) {
            let connection = self.begin_piece(writer).await?;
            for part in piece.chunks(500) {
                open_versions::close(connection, dialect, writer.key(), part).await?;
            }
            connection.execute(COMMIT).await?;
        }
        for piece in restored.chunks(ROWS_PER_PIECE) {
            let connection = self.begin_piece(writer).await?;
            for code in piece {
                restore(connection, writer, code).await?;
            }
            connection.execute(COMMIT).await?;
        }
        writer.written += (gone.len() + restored.len()) as u64;
        writer.carried_over = retained.into_iter().filter(|code| !writer.accepts(code)).map(str::to_owned).collect();
        if writer.written > 0 {
            self.stage_open_list(writer).await?;
        }
        Ok(difference)
    }

    /// Whether the new snapshot equals the last one: no row differs, the notes are the same, `covers_on` (if given) is the same, and the last
    /// snapshot is not discarded.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_identical(&mut self, writer: &SnapshotWriter, facts: &NewSnapshot, covers_on: Option<NaiveDate>) -> Result<bool> {
        if writer.written > 0 {
            return Ok(false);
        }
        let row = sqlx::query("SELECT state, notes_hash, covers_on FROM snapshot WHERE ledger=$1 AND source=$2 AND seq=$3")
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(writer.seq - 1)
            .fetch_optional(self.reading().await?)
            .await?;
        Ok(match row {
            Some(row) => {
                SnapshotState::parse(&text(&row, "state")?) != SnapshotState::Discarded
                    && text(&row, "notes_hash")? == notes_hash(&facts.notes)?
                    && covers_on.map(|day| day.to_string()).is_none_or(|day| text(&row, "covers_on").is_ok_and(|known| known == day))
            }
            None => false,
        })
    }

    /// Records that the last snapshot was checked and is still current, and that its day is stated where it is now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn touch(&mut self, writer: &SnapshotWriter, checked_at: &str, is_day_stated: bool) -> Result<()> {
        sqlx::query(
            "UPDATE snapshot SET checked_at=$4, day_stated=CASE WHEN $5=1 THEN 1 ELSE day_stated END WHERE ledger=$1 AND source=$2 AND seq=$3",
        )
            .bind(&writer.ledger)
            .bind(&writer.source)
            .bind(writer.seq - 1)
            .bind(checked_at)
            .bind(i64::from(is_day_stated))
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Writes the snapshot's row, its notes and the list of open versions.
    ///
    /// # Errors
    /// The database fails.
    pub async fn finish(&mut self, writer: &SnapshotWriter, facts: &NewSnapshot, state: SnapshotState, reason: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO snapshot (ledger, source, seq, state, covers_on, taken_at, checked_at, sample, row_count, amount, notes_hash, \
             file_sha256, origin, accounts, reason, day_stated) VALUES ($1,$2,$3,$4,$5,$6,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
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
        .bind(i64::from(facts.is_day_stated))
        .execute(self.connection().await?)
        .await?;
        self.record_taken(writer, &facts.taken_at, state, reason).await?;
        if state == SnapshotState::InForce {
            next_data_position(self.connection().await?).await?;
        }
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
        let connection = self.connection().await?;
        if !writer.is_open_list_staged {
            for part in open_versions::parts(writer.open_list()) {
                open_versions::add(connection, writer.key(), &part?).await?;
            }
        }
        open_versions::remove_others(connection, writer.key()).await
    }

    /// Writes the list of open versions before the snapshot is there, piece by piece.
    async fn stage_open_list(&mut self, writer: &mut SnapshotWriter) -> Result<()> {
        let parts = open_versions::parts(writer.open_list()).collect::<Result<Vec<_>>>()?;
        for piece in parts.chunks(BYTES_PER_PIECE / open_versions::PART_BYTES) {
            let connection = self.begin_piece(writer).await?;
            for part in piece {
                open_versions::add(connection, writer.key(), part).await?;
            }
            connection.execute(COMMIT).await?;
        }
        writer.is_open_list_staged = true;
        Ok(())
    }

    /// Number of rows and total amount (分) of the last snapshot in force.
    ///
    /// # Errors
    /// The database fails.
    pub async fn in_force(&mut self, ledger: &str, source: &str) -> Result<Option<(i64, i64)>> {
        let row =
            sqlx::query("SELECT row_count, amount FROM snapshot WHERE ledger=$1 AND source=$2 AND state=$3 ORDER BY seq DESC LIMIT 1")
                .bind(ledger)
                .bind(source)
                .bind(SnapshotState::InForce.code())
                .fetch_optional(self.reading().await?)
                .await?;
        row.map(|row| Ok((number(&row, "row_count")?, number(&row, "amount")?))).transpose()
    }

    /// Commits the pull: all its snapshots exist from now on.
    ///
    /// # Errors
    /// The database fails, or a piece has failed before.
    pub async fn commit(mut self) -> Result<()> {
        self.lock.ensure_held().await?;
        let staged = std::mem::take(&mut self.staged);
        let connection = self.connection().await?;
        for (ledger, source, _) in &staged {
            sqlx::query("DELETE FROM staged_snapshot WHERE ledger=$1 AND source=$2")
                .bind(ledger)
                .bind(source)
                .execute(&mut *connection)
                .await?;
        }
        connection.execute(COMMIT).await?;
        Ok(self.take().await?.close().await?)
    }

    /// Undoes the pull.
    ///
    /// # Errors
    /// The database fails; what is left then is in no snapshot, and the next pull of the source removes it.
    pub async fn rollback(mut self) -> Result<()> {
        // the connection of a piece that failed is closed already
        if let Ok(connection) = self.take().await {
            connection.close().await?;
        }
        for (ledger, source, _) in &self.staged {
            staged_rows::remove_left(&self.database, ledger, source).await?;
        }
        Ok(())
    }
}

impl Drop for Pull {
    /// A piece that is being written ends before others may pull: they would clean up behind it too early.
    fn drop(&mut self) {
        let Work::Writing(piece) = std::mem::replace(&mut self.work, Work::Failed) else { return };
        let lock = Arc::clone(&self.lock);
        tokio::spawn(async move {
            // its fault is that of the pull
            drop(piece.await);
            drop(lock);
        });
    }
}

/// Copies the version in force as a new open version. It is needed when a held or discarded snapshot has closed that version and the new row is
/// quarantined.
async fn restore(connection: &mut AnyConnection, writer: &SnapshotWriter, code: &str) -> Result<()> {
    const REST: &str = "hash, unit, name, project, amount, sheet, row_no, layout, body";
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
        .execute(connection)
        .await?;
    Ok(())
}

/// Hash by which the notes of two snapshots are compared: of their JSON, which is not held in memory as a whole.
fn notes_hash(notes: &[Note]) -> Result<String> {
    let mut hasher = Context::new(&SHA256);
    let mut add = |text: &str| hasher.update(text.as_bytes());
    add("[");
    for (number, note) in notes.iter().enumerate() {
        if number > 0 {
            add(",");
        }
        add(&to_json(note)?);
    }
    add("]");
    Ok(hex::encode(hasher.finish()))
}
