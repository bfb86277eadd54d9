//! Reads the records of snapshots. No other file decodes a record's body, except that `pulls` writes it.
//!
//! Table `record` holds all ledgers, one row for each version of a row:
//! - ledger, source, code, first_seq: the key;
//! - last_seq: the version is in the snapshots first_seq..=last_seq; the largest number means that it is still open;
//! - hash: XXH3-128 of the body, seeded with the layout, without the place of the row;
//! - unit, name, amount (分): for listing and for the brake;
//! - sheet, row_no: where the version began, in the file of snapshot first_seq;
//! - layout, body: the cells, as `domain::register::packed` writes them.

use crate::domain::register::ledger::Ledger;
use crate::domain::register::packed::Layout;
use crate::domain::register::record::{Place, Record};
use crate::store::database::{Database, ROWS_PER_STATEMENT, Result, StoreError, json, number, parameters, sql, text};
use crate::store::open_versions::content_hash;
use crate::store::staged_rows::TAKEN;
use futures_util::TryStreamExt;
use sqlx::Row;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A row by its code and name, with the code of its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRow {
    pub code: String,
    pub unit: String,
    pub name: String,
}

/// The columns that [`stored`] reads, in its order. It reads by position, because finding a column by name takes longer than reading it.
pub(crate) const RECORD_COLUMNS: &str = "r.code, r.first_seq, r.sheet, r.row_no, r.layout, r.body, r.hash";

/// One stored record and the snapshot in which its version began.
pub struct StoredRecord {
    pub record: Record,
    pub first_seq: i64,
}

/// A record that is streamed: the next one replaces it.
pub struct StreamedRecord<'a> {
    pub record: &'a mut Record,
    /// The snapshot in which its version began.
    pub first_seq: i64,
    pub layout: &'a Arc<Layout>,
    /// Its cells as they are stored, packed by the layout.
    pub body: &'a [u8],
    /// The record has other cells than `body`.
    pub has_changed: bool,
}

/// The layouts of a ledger by id, with the one used last: nearly all records of a snapshot have the same.
struct Layouts<'a> {
    by_id: &'a HashMap<i64, Arc<Layout>>,
    last: Option<(i64, &'a Arc<Layout>)>,
}

impl<'a> Layouts<'a> {
    fn get(&mut self, id: i64) -> Option<&'a Arc<Layout>> {
        match self.last {
            Some((known, layout)) if known == id => Some(layout),
            _ => {
                let layout = self.by_id.get(&id)?;
                self.last = Some((id, layout));
                Some(layout)
            }
        }
    }
}

/// Many records of a snapshot in one database row, because the driver's cost per row exceeds the cost of its content.
struct RecordPage {
    /// [`HEAD`] of each record, concatenated.
    heads: String,
    /// The hash and the body of each, concatenated.
    bodies: Vec<u8>,
    /// The code of the last record.
    last: String,
}

/// The head of a record: numbers separated by spaces, then the code, whose length is the last number.
const HEAD: &str =
    "first_seq || ' ' || sheet || ' ' || row_no || ' ' || layout || ' ' || length(body) || ' ' || length(code) || ' ' || code";

/// Bytes of a hash.
const HASH_BYTES: usize = 16;

/// What a person reads of a record that is not as it was stored.
const ALTERED: &str = "与存入时不同：数据库文件损坏，或被越过程序改动。请用备份恢复（docs/OPERATIONS.md“恢复”），或重新导入该台账";

/// Target for the bytes of bodies in a page, and the maximum number of records.
const PAGE_BYTES: usize = 128 * 1024;
const PAGE_RECORDS: usize = 512;

impl RecordPage {
    /// Calls `take` with each record, which is unpacked into `record`. Returns their number.
    fn each(
        &self,
        ledger: &Ledger,
        layouts: &mut Layouts<'_>,
        record: &mut Record,
        take: &mut impl FnMut(StreamedRecord<'_>) -> Result<()>,
    ) -> Result<usize> {
        let (mut heads, mut bodies, mut count) = (self.heads.as_str(), self.bodies.as_slice(), 0);
        while !heads.is_empty() {
            let damaged = |detail: &str| StoreError::Damaged {
                what: "record",
                key: format!("{} {}", ledger.id, self.last),
                detail: detail.to_owned(),
            };
            let mut number = || -> Option<i64> {
                let (digits, rest) = heads.split_once(' ')?;
                heads = rest;
                digits.parse().ok()
            };
            let mut next = || number().ok_or_else(|| damaged("page"));
            let (first_seq, sheet, row, layout, bytes, letters) = (next()?, next()?, next()?, next()?, next()?, next()?);
            let end = heads.char_indices().nth(letters as usize).map_or(heads.len(), |(at, _)| at);
            let (code, rest) = heads.split_at(end);
            heads = rest;
            let (hash, rest) = bodies.split_at_checked(HASH_BYTES).ok_or_else(|| damaged("page"))?;
            let (body, rest) = rest.split_at_checked(bytes as usize).ok_or_else(|| damaged("page"))?;
            bodies = rest;
            if hash != content_hash(layout, body) {
                return Err(StoreError::Damaged { what: "record", key: format!("{} {code}", ledger.id), detail: ALTERED.to_owned() });
            }
            let layout = layouts.get(layout).ok_or_else(|| damaged("unknown layout"))?;
            record.code.clear();
            record.code.push_str(code);
            record.columns = layout.columns;
            record.place = Place { origin: 0, sheet: sheet as u32, row: row as u32 };
            layout.unpack(body, &mut record.cells).ok_or_else(|| damaged("body"))?;
            take(StreamedRecord { record: &mut *record, first_seq, layout, body, has_changed: false })?;
            count += 1;
        }
        Ok(count)
    }
}

/// The snapshots `first_seq..=last_seq` of a source contain a version of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub source: String,
    pub first_seq: i64,
    /// `i64::MAX` = the newest snapshot still contains it.
    pub last_seq: i64,
}

/// The records of snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    pub(super) database: &'a Database,
}

impl Records<'_> {
    /// Calls `take` with the records of one snapshot in code order, while the database reads the next page. Memory holds two pages.
    ///
    /// # Errors
    /// The database fails, a body is damaged, or `take` returns an error.
    pub async fn each(self, ledger: &Ledger, source: &str, seq: i64, mut take: impl FnMut(StreamedRecord<'_>) -> Result<()>) -> Result<()> {
        let by_id = self.layouts(ledger).await?;
        let mut layouts = Layouts { by_id: &by_id, last: None };
        let mut record = Record::default();
        let mut most = PAGE_RECORDS / 16;
        let mut page = self.page(&ledger.id, source, seq, "", most).await?;
        while let Some(this) = page {
            let (database, id, source, last) = (self.database.clone(), ledger.id.clone(), source.to_owned(), this.last.clone());
            let mut ahead = JoinSet::new();
            ahead.spawn(async move { Records { database: &database }.page(&id, &source, seq, &last, most).await });
            let count = this.each(ledger, &mut layouts, &mut record, &mut take)?;
            page = match ahead.join_next().await {
                Some(read) => read.map_err(|error| StoreError::Internal(format!("reading records: {error}")))??,
                None => None,
            };
            most = (count * PAGE_BYTES / this.bodies.len().max(1)).clamp(1, PAGE_RECORDS);
        }
        Ok(())
    }

    /// The next `most` records of a snapshot whose codes follow `after`; `None` = there are no more.
    async fn page(self, ledger: &str, source: &str, seq: i64, after: &str, most: usize) -> Result<Option<RecordPage>> {
        let joined = self.database.dialect.joined_records();
        let statement = format!(
            "SELECT {joined}, MAX(code) FROM (SELECT code, {HEAD} AS head, hash || body AS body FROM record \
             WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3 AND code>$4 ORDER BY code LIMIT $5) page"
        );
        let row = sqlx::query(sql(statement))
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(after)
            .bind(most as i64)
            .fetch_one(&self.database.pool)
            .await?;
        let Some(heads) = row.try_get::<Option<String>, _>(0)? else { return Ok(None) };
        Ok(Some(RecordPage { heads, bodies: row.try_get(1)?, last: row.try_get(2)? }))
    }

    /// The records with these codes; codes that the snapshot lacks are left out.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub async fn by_code(self, ledger: &Ledger, source: &str, seq: i64, codes: &[String]) -> Result<Vec<StoredRecord>> {
        let layouts = self.layouts(ledger).await?;
        let mut out = Vec::new();
        for part in codes.chunks(200) {
            let list = (0..part.len()).map(|index| format!("${}", index + 4)).collect::<Vec<_>>().join(",");
            let statement = format!(
                "SELECT {RECORD_COLUMNS} FROM record r \
                 WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3 AND code IN ({list}) ORDER BY code"
            );
            let mut query = sqlx::query(sql(statement)).bind(&ledger.id).bind(source).bind(seq);
            for code in part {
                query = query.bind(code);
            }
            for row in &query.fetch_all(&self.database.pool).await? {
                out.push(stored(ledger, &layouts, row)?);
            }
        }
        Ok(out)
    }

    /// At most `most` codes of a snapshot that begin with a text.
    ///
    /// # Errors
    /// The database fails.
    pub async fn codes_with_prefix(self, ledger: &str, source: &str, seq: i64, start: &str, most: i64) -> Result<Vec<String>> {
        // prefixes are compared without LIKE, because a code may contain % and _
        let rows = sqlx::query(
            "SELECT code FROM record WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3 AND substr(code, 1, CAST($4 AS INTEGER))=$5 \
             ORDER BY code LIMIT $6",
        )
        .bind(ledger)
        .bind(source)
        .bind(seq)
        .bind(start.chars().count() as i64)
        .bind(start)
        .bind(most)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| text(row, "code")).collect()
    }

    /// At most `most` codes of a ledger that begin with a text, of whatever source and snapshot, and have no event that counts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn codes_without_events(self, ledger: &str, start: &str, most: i64) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT DISTINCT code FROM record WHERE ledger=$1 AND substr(code, 1, CAST($2 AS INTEGER))=$3 AND NOT EXISTS \
             (SELECT 1 FROM event WHERE event.ledger=record.ledger AND event.code=record.code AND event.no=1 AND event.retracted=0) \
             ORDER BY code LIMIT $4",
        )
        .bind(ledger)
        .bind(start.chars().count() as i64)
        .bind(start)
        .bind(most)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| text(row, "code")).collect()
    }

    /// The names that a source has given to these codes up to a snapshot, each with its code.
    ///
    /// # Errors
    /// The database fails.
    pub async fn names_up_to(self, ledger: &str, source: &str, seq: i64, codes: &[String]) -> Result<Vec<(String, String)>> {
        let mut names = Vec::new();
        for part in codes.chunks(ROWS_PER_STATEMENT) {
            let statement = format!(
                "SELECT DISTINCT code, name FROM record WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND code IN ({}) ORDER BY code, name",
                parameters(4, part.len())
            );
            let mut query = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(seq);
            for code in part {
                query = query.bind(code);
            }
            for row in &query.fetch_all(&self.database.pool).await? {
                names.push((text(row, "code")?, text(row, "name")?));
            }
        }
        Ok(names)
    }

    /// The rows of a snapshot that are wanted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn named(self, ledger: &str, source: &str, seq: i64, mut is_wanted: impl FnMut(&NamedRow) -> bool) -> Result<Vec<NamedRow>> {
        let statement = "SELECT code, unit, name FROM record WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3";
        let mut rows = sqlx::query(statement).bind(ledger).bind(source).bind(seq).fetch(&self.database.pool);
        let mut named = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let row = NamedRow { code: text(&row, "code")?, unit: text(&row, "unit")?, name: text(&row, "name")? };
            if is_wanted(&row) {
                named.push(row);
            }
        }
        Ok(named)
    }

    /// The snapshots that contained a code, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn holdings(self, ledger: &str, code: &str) -> Result<Vec<Holding>> {
        let rows = sqlx::query(sql(format!(
            "SELECT source, first_seq, last_seq FROM record r WHERE ledger=$1 AND code=$2 AND {TAKEN} ORDER BY first_seq DESC, source"
        )))
        .bind(ledger)
        .bind(code)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Holding { source: text(row, "source")?, first_seq: number(row, "first_seq")?, last_seq: number(row, "last_seq")? })
            })
            .collect()
    }

    /// The layouts of a ledger by id.
    pub(crate) async fn layouts(self, ledger: &Ledger) -> Result<HashMap<i64, Arc<Layout>>> {
        let rows = sqlx::query("SELECT id, fields FROM layout WHERE ledger=$1").bind(&ledger.id).fetch_all(&self.database.pool).await?;
        let mut layouts = HashMap::new();
        for row in &rows {
            let ids: Vec<String> = json("layout", &ledger.id, &text(row, "fields")?)?;
            let fields = ids.iter().map(|id| ledger.field(id)).collect();
            let mut layout = Layout::new(ledger.fields.len(), fields);
            layout.columns = layout.columns.joined(ledger.own_fields());
            layouts.insert(number(row, "id")?, Arc::new(layout));
        }
        Ok(layouts)
    }
}

/// The record in a row of [`RECORD_COLUMNS`].
pub(crate) fn stored(ledger: &Ledger, layouts: &HashMap<i64, Arc<Layout>>, row: &sqlx::any::AnyRow) -> Result<StoredRecord> {
    let number = |place: usize| row.try_get::<i64, _>(place);
    let code: String = row.try_get(0)?;
    let damaged = |detail: &str| StoreError::Damaged { what: "record", key: format!("{} {code}", ledger.id), detail: detail.to_owned() };
    let layout = layouts.get(&number(4)?).ok_or_else(|| damaged("unknown layout"))?;
    let place = Place { origin: 0, sheet: number(2)? as u32, row: number(3)? as u32 };
    let mut cells = Vec::new();
    let body: &[u8] = row.try_get(5)?;
    if row.try_get::<&[u8], _>(6)? != content_hash(number(4)?, body) {
        return Err(damaged(ALTERED));
    }
    layout.unpack(body, &mut cells).ok_or_else(|| damaged("body"))?;
    Ok(StoredRecord { record: Record { code, cells, columns: layout.columns, place, ..Record::default() }, first_seq: number(1)? })
}
