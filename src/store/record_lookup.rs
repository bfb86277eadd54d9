//! The look-up of records by unit, code and the beginning of their name, through one index, and what belongs to one record: its versions and
//! the rows of other ledgers on it.

use crate::domain::register::ledger::Ledger;
use crate::store::database::{Dialect, Result, number, sql, text};
use crate::store::records::{RECORD_COLUMNS, Records, StoredRecord, stored};
use sqlx::Row;

/// Which rows of one unit are looked for; an empty text excludes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeFilter {
    /// The beginning of the code.
    pub code: String,
    /// The beginning of the name.
    pub name: String,
}

/// A version of a record, and the last snapshot that has it.
pub struct RecordVersion {
    pub stored: StoredRecord,
    /// `i64::MAX` = the newest snapshot still has it.
    pub last_seq: i64,
}

/// The most rows of other ledgers that one project has on a page.
const OF_PROJECT_MAX: i64 = 500;

/// What a statement selects: the codes behind `$5` of a unit in a snapshot.
fn matching(dialect: Dialect, filter: &CodeFilter) -> String {
    let mut statement = "FROM record WHERE ledger=$1 AND source=$2 AND unit=$3 AND first_seq<=$4 AND last_seq>=$4".to_owned();
    // a text sorts behind its own beginning in every collation; only where bytes are compared there is a last text with a beginning
    statement.push_str(if filter.code.is_empty() { " AND code>$5" } else { " AND code>=$5 AND substr(code, 1, length($6))=$6" });
    if !filter.code.is_empty() && dialect == Dialect::Sqlite {
        statement.push_str(" AND code<$6 || char(1114111)");
    }
    let name = if filter.code.is_empty() { 6 } else { 7 };
    if !filter.name.is_empty() {
        statement.push_str(&format!(" AND substr(name, 1, length(${name}))=${name}"));
    }
    statement
}

/// The number of the parameter behind those of [`matching`].
fn behind(filter: &CodeFilter) -> usize {
    6 + usize::from(!filter.code.is_empty()) + usize::from(!filter.name.is_empty())
}

/// The statement of [`Records::codes_of_unit`].
fn codes_statement(dialect: Dialect, filter: &CodeFilter) -> String {
    format!("SELECT code {} ORDER BY code LIMIT ${}", matching(dialect, filter), behind(filter))
}

/// The statement of [`Records::units`]: from each text of a unit to the next one.
const UNITS: &str = "WITH RECURSIVE known (unit) AS (SELECT MIN(unit) FROM record WHERE ledger=$1 AND source=$2 UNION ALL \
                     SELECT (SELECT MIN(r.unit) FROM record r WHERE r.ledger=$1 AND r.source=$2 AND r.unit>known.unit) FROM known \
                     WHERE known.unit IS NOT NULL) SELECT unit FROM known WHERE unit IS NOT NULL LIMIT $3";

impl Records<'_> {
    /// The texts in which rows of a source name their units, at most `most`; also those of earlier snapshots.
    ///
    /// # Errors
    /// The database fails.
    pub async fn units(self, ledger: &str, source: &str, most: i64) -> Result<Vec<String>> {
        let rows = sqlx::query(UNITS).bind(ledger).bind(source).bind(most).fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| text(row, "unit")).collect()
    }

    /// At most `most` codes of a snapshot, behind `after`, whose rows name a unit by this text. In code order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn codes_of_unit(
        self,
        (ledger, source, seq): (&str, &str, i64),
        unit: &str,
        filter: &CodeFilter,
        after: &str,
        most: i64,
    ) -> Result<Vec<String>> {
        let statement = codes_statement(self.database.dialect, filter);
        let from = if after.is_empty() { &filter.code } else { after };
        // one more, because a code that begins like the filter may be `after` itself
        let query = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(unit).bind(seq).bind(from);
        let texts = [&filter.code, &filter.name];
        let query = texts.into_iter().filter(|text| !text.is_empty()).fold(query, |query, text| query.bind(text));
        let rows = query.bind(most + 1).fetch_all(&self.database.pool).await?;
        let codes = rows.iter().map(|row| text(row, "code")).collect::<Result<Vec<String>>>()?;
        Ok(codes.into_iter().filter(|code| code != after).take(most.max(0) as usize).collect())
    }

    /// The number of such codes, at most `most`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_of_unit(self, (ledger, source, seq): (&str, &str, i64), unit: &str, filter: &CodeFilter, most: i64) -> Result<i64> {
        let matching = matching(self.database.dialect, filter);
        let statement = format!("SELECT COUNT(*) AS n FROM (SELECT 1 {matching} LIMIT ${}) AS found", behind(filter));
        let query = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(unit).bind(seq).bind(&filter.code);
        let texts = [&filter.code, &filter.name];
        let query = texts.into_iter().filter(|text| !text.is_empty()).fold(query, |query, text| query.bind(text));
        number(&query.bind(most).fetch_one(&self.database.pool).await?, "n")
    }

    /// All versions of a record, the oldest first.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub async fn versions(self, ledger: &Ledger, source: &str, code: &str) -> Result<Vec<RecordVersion>> {
        let layouts = self.layouts(ledger).await?;
        let statement =
            format!("SELECT {RECORD_COLUMNS}, r.last_seq FROM record r WHERE ledger=$1 AND source=$2 AND code=$3 ORDER BY first_seq");
        let rows = sqlx::query(sql(statement)).bind(&ledger.id).bind(source).bind(code).fetch_all(&self.database.pool).await?;
        let version = |row| Ok(RecordVersion { stored: stored(ledger, &layouts, row)?, last_seq: row.try_get("last_seq")? });
        rows.iter().map(version).collect()
    }

    /// The rows of another ledger's snapshot that belong to a project, in code order.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub async fn of_project(self, ledger: &Ledger, source: &str, seq: i64, project: &str) -> Result<Vec<StoredRecord>> {
        let layouts = self.layouts(ledger).await?;
        let statement = format!(
            "SELECT {RECORD_COLUMNS} FROM record r WHERE project=$1 AND project<>'' AND ledger=$2 AND source=$3 AND first_seq<=$4 \
             AND last_seq>=$4 ORDER BY code LIMIT $5"
        );
        let query = sqlx::query(sql(statement)).bind(project).bind(&ledger.id).bind(source).bind(seq).bind(OF_PROJECT_MAX);
        query.fetch_all(&self.database.pool).await?.iter().map(|row| stored(ledger, &layouts, row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::Database;

    async fn plan(database: &Database, statement: &str, texts: &[&str]) -> String {
        let query = sqlx::query(sql(format!("EXPLAIN QUERY PLAN {statement}")));
        let query = texts.iter().fold(query, |query, text| query.bind((*text).to_owned()));
        let rows = query.fetch_all(&database.pool).await.unwrap();
        rows.iter().map(|row| text(row, "detail").unwrap()).collect::<Vec<_>>().join("; ")
    }

    /// A register of a million rows is not read to find fifty of them.
    #[tokio::test]
    async fn every_lookup_is_a_search_in_one_index() {
        let root = tempfile::tempdir().unwrap();
        let url = crate::domain::database_url::DatabaseUrl::Sqlite("var/duban.db".into());
        let database = Database::open(root.path(), &url).await.unwrap();
        let of = |code: &str, name: &str| CodeFilter { code: code.into(), name: name.into() };
        let by_unit = "SEARCH record USING COVERING INDEX record_unit (ledger=? AND source=? AND unit=? AND code>?";
        for filter in [of("", ""), of("", "年产"), of("GZ", ""), of("GZ", "年产")] {
            let found = plan(&database, &codes_statement(Dialect::Sqlite, &filter), &[]).await;
            assert!(found.starts_with(by_unit) && !found.contains(';'), "{filter:?}: {found}");
        }
        let units = plan(&database, UNITS, &[]).await;
        assert_eq!(units.matches("SEARCH").count(), 2, "{units}");
        assert!(units.matches("INDEX record_unit (ledger=? AND source=?").count() == 2, "{units}");
        let project = "SELECT code FROM record r WHERE project=$1 AND project<>'' AND ledger=$2 AND source=$3 AND first_seq<=$4";
        let project = plan(&database, project, &[]).await;
        assert!(project.contains("SEARCH r USING INDEX record_project (project=? AND ledger=? AND source=?)"), "{project}");
    }
}
