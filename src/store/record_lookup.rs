//! The look-up of records by unit, by the beginning of their code or by that of their name, each through one index, and what belongs to one record:
//! its versions and the rows of other ledgers on it.

use crate::domain::register::ledger::Ledger;
use crate::store::database::{Dialect, ROWS_PER_STATEMENT, Result, number, parameters, sql, text};
use crate::store::records::{RECORD_COLUMNS, Records, StoredRecord, stored};
use crate::store::staged_rows::TAKEN;
use sqlx::Row;

/// Which rows are looked for, in small or capital letters; an empty text excludes nothing.
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

/// Which index a look-up reads, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupBy<'a> {
    /// The rows that name a unit by this text, by code.
    Unit(&'a str),
    /// All rows, by code.
    Code,
    /// All rows, by name and code.
    Name,
}

/// A row that a look-up has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundCode {
    /// Empty where the rows are not in the order of their names.
    pub name: String,
    pub code: String,
}

impl CodeFilter {
    /// The text by whose beginning the index is searched, in the spellings that occur.
    fn spellings(&self, by: LookupBy<'_>) -> Vec<String> {
        let text = if by == LookupBy::Name { &self.name } else { &self.code };
        let mut signs = text.chars();
        let capital = signs.next().into_iter().flat_map(char::to_uppercase).chain(signs.flat_map(char::to_lowercase)).collect();
        let mut spellings: Vec<String> = Vec::new();
        for spelling in [text.clone(), text.to_uppercase(), text.to_lowercase(), capital] {
            if !spellings.contains(&spelling) {
                spellings.push(spelling);
            }
        }
        spellings
    }
}

/// What a look-up selects behind a row, and the texts that it binds behind ledger, source and snapshot.
fn matching(dialect: Dialect, by: LookupBy<'_>, filter: &CodeFilter, spelling: &str, after: &FoundCode) -> (String, Vec<String>) {
    let mut statement = "FROM record WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3".to_owned();
    let mut texts: Vec<String> = Vec::new();
    let mut bind = |text: &str| {
        texts.push(text.to_owned());
        format!("${}", texts.len() + 3)
    };
    if let LookupBy::Unit(unit) = by {
        statement.push_str(&format!(" AND unit={}", bind(unit)));
    }
    let (ordered, other, beginning) = match by {
        LookupBy::Name => ("name", "code", &filter.code),
        LookupBy::Unit(_) | LookupBy::Code => ("code", "name", &filter.name),
    };
    match by {
        // a text sorts behind its own beginning in every collation
        _ if after.code.is_empty() => statement.push_str(&format!(" AND {ordered}>={}", bind(spelling))),
        LookupBy::Name => {
            let name = bind(&after.name);
            statement.push_str(&format!(" AND name>={name} AND (name>{name} OR code>{})", bind(&after.code)));
        }
        LookupBy::Unit(_) | LookupBy::Code => statement.push_str(&format!(" AND code>{}", bind(&after.code))),
    }
    if !spelling.is_empty() {
        let place = bind(spelling);
        statement.push_str(&format!(" AND substr({ordered}, 1, length({place}))={place}"));
        // only where bytes are compared there is a last text with a beginning
        if dialect == Dialect::Sqlite {
            statement.push_str(&format!(" AND {ordered}<{place} || char(1114111)"));
        }
    }
    if !beginning.is_empty() {
        let place = bind(beginning);
        statement.push_str(&format!(" AND lower(substr({other}, 1, length({place})))=lower({place})"));
    }
    (statement, texts)
}

/// The statement of [`Records::codes`].
fn codes_statement(by: LookupBy<'_>, matching: &str, limit: usize) -> String {
    match by {
        LookupBy::Name => format!("SELECT name, code {matching} ORDER BY name, code LIMIT ${limit}"),
        LookupBy::Unit(_) | LookupBy::Code => format!("SELECT code {matching} ORDER BY code LIMIT ${limit}"),
    }
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

    /// At most `most` rows of a snapshot behind `after`, which is empty at the beginning.
    ///
    /// # Errors
    /// The database fails.
    pub async fn codes(
        self,
        (ledger, source, seq): (&str, &str, i64),
        by: LookupBy<'_>,
        filter: &CodeFilter,
        after: &FoundCode,
        most: i64,
    ) -> Result<Vec<FoundCode>> {
        let spellings = filter.spellings(by);
        let reached = if by == LookupBy::Name { &after.name } else { &after.code };
        // one spelling follows the other: those before the one of `after` are over
        let begun = spellings.iter().position(|spelling| !after.code.is_empty() && reached.starts_with(spelling)).unwrap_or(0);
        let mut found = Vec::new();
        for (spelling, is_first) in spellings[begun..].iter().zip(std::iter::once(true).chain(std::iter::repeat(false))) {
            let none = FoundCode::default();
            let (matching, texts) = matching(self.database.dialect, by, filter, spelling, if is_first { after } else { &none });
            let statement = codes_statement(by, &matching, texts.len() + 4);
            let query = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(seq);
            let query = texts.iter().fold(query, |query, text| query.bind(text)).bind(most - found.len() as i64);
            for row in &query.fetch_all(&self.database.pool).await? {
                let name = if by == LookupBy::Name { text(row, "name")? } else { String::new() };
                found.push(FoundCode { name, code: text(row, "code")? });
            }
            if found.len() as i64 >= most {
                break;
            }
        }
        Ok(found)
    }

    /// The number of such rows, at most `most`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_codes(
        self,
        (ledger, source, seq): (&str, &str, i64),
        by: LookupBy<'_>,
        filter: &CodeFilter,
        most: i64,
    ) -> Result<i64> {
        let mut count = 0;
        for spelling in filter.spellings(by) {
            let (matching, texts) = matching(self.database.dialect, by, filter, &spelling, &FoundCode::default());
            let statement = format!("SELECT COUNT(*) AS n FROM (SELECT 1 {matching} LIMIT ${}) AS found", texts.len() + 4);
            let query = sqlx::query(sql(statement)).bind(ledger).bind(source).bind(seq);
            let query = texts.iter().fold(query, |query, text| query.bind(text)).bind(most - count);
            count += number(&query.fetch_one(&self.database.pool).await?, "n")?;
        }
        Ok(count)
    }

    /// All versions of a record, the oldest first.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub async fn versions(self, ledger: &Ledger, source: &str, code: &str) -> Result<Vec<RecordVersion>> {
        let layouts = self.layouts(ledger).await?;
        let statement = format!(
            "SELECT {RECORD_COLUMNS}, r.last_seq FROM record r WHERE ledger=$1 AND source=$2 AND code=$3 AND {TAKEN} ORDER BY first_seq"
        );
        let rows = sqlx::query(sql(statement)).bind(&ledger.id).bind(source).bind(code).fetch_all(&self.database.pool).await?;
        let version = |row| Ok(RecordVersion { stored: stored(ledger, &layouts, row)?, last_seq: row.try_get("last_seq")? });
        rows.iter().map(version).collect()
    }

    /// All versions of records, by code and the oldest first.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub async fn versions_of(self, ledger: &Ledger, source: &str, codes: &[String]) -> Result<Vec<RecordVersion>> {
        let layouts = self.layouts(ledger).await?;
        let mut versions = Vec::new();
        for part in codes.chunks(ROWS_PER_STATEMENT) {
            let statement = format!(
                "SELECT {RECORD_COLUMNS}, r.last_seq FROM record r WHERE ledger=$1 AND source=$2 AND code IN ({}) ORDER BY code, first_seq",
                parameters(3, part.len())
            );
            let mut query = sqlx::query(sql(statement)).bind(&ledger.id).bind(source);
            for code in part {
                query = query.bind(code);
            }
            for row in &query.fetch_all(&self.database.pool).await? {
                versions.push(RecordVersion { stored: stored(ledger, &layouts, row)?, last_seq: number(row, "last_seq")? });
            }
        }
        Ok(versions)
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
        let begin = FoundCode::default();
        let behind = FoundCode { name: "年产一万吨".into(), code: "GZ1".into() };
        let by_unit = "SEARCH record USING COVERING INDEX record_unit (ledger=? AND source=? AND unit=? AND code>";
        let by_code = "SEARCH record USING INDEX sqlite_autoindex_record_1 (ledger=? AND source=? AND code>";
        let by_name = "SEARCH record USING COVERING INDEX record_name (ledger=? AND source=? AND name>";
        for (by, filter, expected) in [
            (LookupBy::Unit("瓮安县"), of("", ""), by_unit),
            (LookupBy::Unit("瓮安县"), of("", "年产"), by_unit),
            (LookupBy::Unit("瓮安县"), of("GZ", ""), by_unit),
            (LookupBy::Unit("瓮安县"), of("GZ", "年产"), by_unit),
            (LookupBy::Code, of("GZ", ""), by_code),
            (LookupBy::Name, of("", "年产"), by_name),
            (LookupBy::Name, of("GZ", "年产"), by_name),
        ] {
            for after in [&begin, &behind] {
                for spelling in filter.spellings(by) {
                    let (matching, texts) = matching(Dialect::Sqlite, by, &filter, &spelling, after);
                    let found = plan(&database, &codes_statement(by, &matching, texts.len() + 4), &[]).await;
                    assert!(found.starts_with(expected) && !found.contains(';'), "{by:?} {filter:?}: {found}");
                }
            }
        }
        let units = plan(&database, UNITS, &[]).await;
        assert_eq!(units.matches("SEARCH").count(), 2, "{units}");
        assert!(units.matches("INDEX record_unit (ledger=? AND source=?").count() == 2, "{units}");
        let project = "SELECT code FROM record r WHERE project=$1 AND project<>'' AND ledger=$2 AND source=$3 AND first_seq<=$4";
        let project = plan(&database, project, &[]).await;
        assert!(project.contains("SEARCH r USING INDEX record_project (project=? AND ledger=? AND source=?)"), "{project}");
    }
}
