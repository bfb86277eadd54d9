//! Reading records of snapshots.

use super::{Result, Store, StoreError, json, number, sql, text};
use crate::domain::ledger::Ledger;
use crate::domain::record::{Cell, Columns, Place, Record, unpack_each};
use futures_util::TryStreamExt;
use sqlx::Row;
use std::collections::HashMap;

/// How a stored layout maps to today's fields of a ledger.
pub(super) struct Layout {
    count: usize,
    /// For each stored cell its field today; `None` = the ledger has no such field any more.
    fields: Vec<Option<usize>>,
    columns: Columns,
}

/// What [`stored`] reads, in its order: by place, since looking a column up by name takes longer than its value.
pub(super) const STORED: &str = "r.code, r.first_seq, r.sheet, r.row_no, r.layout, r.body";

/// One stored record with the snapshot its version began in.
pub struct Stored {
    pub record: Record,
    pub first_seq: i64,
}

impl Store {
    /// Hands the records of one snapshot to `take` in code order, while the database reads on. Memory holds some dozens of them.
    ///
    /// # Errors
    /// The database fails, a body is damaged, or `take` refuses.
    pub async fn each_record(&self, ledger: &Ledger, source: &str, seq: i64, mut take: impl FnMut(Stored) -> Result<()>) -> Result<()> {
        let layouts = self.layouts(ledger).await?;
        let statement =
            format!("SELECT {STORED} FROM record r WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3 ORDER BY code");
        let mut rows = sqlx::query(sql(statement)).bind(&ledger.id).bind(source).bind(seq).fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            take(stored(ledger, &layouts, &row)?)?;
        }
        Ok(())
    }

    /// The records with these codes.
    pub async fn records_by_code(&self, ledger: &Ledger, source: &str, seq: i64, codes: &[String]) -> Result<Vec<Stored>> {
        let layouts = self.layouts(ledger).await?;
        let mut out = Vec::new();
        for part in codes.chunks(200) {
            let list = (0..part.len()).map(|index| format!("${}", index + 4)).collect::<Vec<_>>().join(",");
            let statement = format!(
                "SELECT {STORED} FROM record r \
                 WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3 AND code IN ({list}) ORDER BY code"
            );
            let mut query = sqlx::query(sql(statement)).bind(&ledger.id).bind(source).bind(seq);
            for code in part {
                query = query.bind(code);
            }
            for row in &query.fetch_all(&self.pool).await? {
                out.push(stored(ledger, &layouts, row)?);
            }
        }
        Ok(out)
    }

    pub(super) async fn layouts(&self, ledger: &Ledger) -> Result<HashMap<i64, Layout>> {
        let rows = sqlx::query("SELECT id, fields FROM layout WHERE ledger=$1").bind(&ledger.id).fetch_all(&self.pool).await?;
        let mut layouts = HashMap::new();
        for row in &rows {
            let ids: Vec<String> = json("layout", &ledger.id, &text(row, "fields")?)?;
            let fields: Vec<Option<usize>> = ids.iter().map(|id| ledger.field(id)).collect();
            let columns = fields.iter().copied().flatten().collect();
            layouts.insert(number(row, "id")?, Layout { count: ids.len(), fields, columns });
        }
        Ok(layouts)
    }
}

pub(super) fn stored(ledger: &Ledger, layouts: &HashMap<i64, Layout>, row: &sqlx::any::AnyRow) -> Result<Stored> {
    let code: String = row.try_get(0)?;
    let number = |place: usize| row.try_get::<i64, _>(place);
    let damaged = |detail: &str| StoreError::Damaged { what: "record", key: format!("{} {code}", ledger.id), detail: detail.to_owned() };
    let layout = layouts.get(&number(4)?).ok_or_else(|| damaged("unknown layout"))?;
    let body: &[u8] = row.try_get(5)?;
    let mut cells = vec![Cell::Empty; ledger.fields.len()];
    let take = |index: usize, cell| {
        if let Some(field) = layout.fields[index] {
            cells[field] = cell;
        }
    };
    unpack_each(body, layout.count, take).ok_or_else(|| damaged("body"))?;
    let place = Place { origin: 0, sheet: number(2)? as u32, row: number(3)? as u32 };
    Ok(Stored { record: Record { code, cells, columns: layout.columns, place }, first_seq: number(1)? })
}
