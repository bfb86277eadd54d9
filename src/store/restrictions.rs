//! The marks of secrecy: what the rows of a source stated of a code, and what a person has lifted. Also what the office has decided about
//! headers that may be of secrecy.
//!
//! Invariant: whatever begins, ends or is lifted takes the next position, so a run that has pinned a position counts the same marks for ever.

use crate::domain::intake::code_marks::{CodeMarks, FoundMark};
use crate::domain::register::codes::Codes;
use crate::domain::restriction;
use crate::domain::restriction::{MarkChange, mark_change};
use crate::domain::secrecy::HeaderDecision;
use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, ROWS_PER_STATEMENT, Result, number, parameters, sql, text};
use crate::store::lock::Exclusive;
use crate::store::mark_rows::{end_marks, lifted_codes, next_part, next_position, position, set_ends_with};
use crate::store::open_versions::OPEN;
use crate::store::pulls::{Pull, Pulls};
use crate::store::snapshot_writer::SnapshotWriter;
use crate::store::snapshots::SnapshotState;
use chrono::NaiveDate;
use futures_util::TryStreamExt;
use sqlx::AnyConnection;
use std::collections::{BTreeMap, BTreeSet};

/// What a file states of the codes of one ledger.
#[derive(Clone, Copy, Debug)]
pub struct FileMarks<'a> {
    pub found: &'a CodeMarks,
    /// The codes that an accepted row states to be open.
    pub stated_open: &'a Codes<()>,
    /// Whether the rows are in force.
    pub in_force: bool,
    pub file_sha256: &'a str,
    pub sample: bool,
    pub at: &'a str,
}

/// One mark, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMark {
    pub ledger: String,
    pub source: String,
    pub code: String,
    pub began: i64,
    pub since: String,
    pub file_sha256: String,
    pub cell: String,
    /// Empty = it counts.
    pub lifted_by: String,
    pub lifted_at: String,
    pub lift_reason: String,
    pub sample: bool,
}

/// The codes of a ledger that one file restricts and no person has lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCount {
    pub ledger: String,
    pub source: String,
    pub file_sha256: String,
    pub codes: u64,
}

/// The source of the lifted marks of records that name a marked project.
const MENTION_SOURCE: &str = "提及";

/// Which marks are lifted.
#[derive(Clone, Copy, Debug)]
pub enum Lifting<'a> {
    Codes(&'a [String]),
    /// All that a file brought, by the beginning of its sha256.
    File(&'a str),
}

/// Table `restriction`.
#[derive(Clone, Copy, Debug)]
pub struct Restrictions<'a> {
    pub(super) database: &'a Database,
}

impl Restrictions<'_> {
    /// The present position.
    ///
    /// # Errors
    /// The database fails.
    pub async fn position(self) -> Result<i64> {
        position(&mut *self.database.pool.acquire().await?).await
    }

    /// The marks that count at a position, those of the sample only where `sample`; `projects` is the id of the ledger of the projects.
    ///
    /// # Errors
    /// The database fails.
    pub async fn at(self, position: i64, sample: bool, projects: &str) -> Result<restriction::Restrictions> {
        let mut rows = sqlx::query(
            "SELECT ledger, code, cell, CASE WHEN lifted<=$1 THEN 1 ELSE 0 END AS is_lifted FROM restriction \
             WHERE began<=$1 AND ended>$1 AND sample<=$2 ORDER BY ledger, code, source",
        )
        .bind(position)
        .bind(i64::from(sample))
        .fetch(&self.database.pool);
        let mut restrictions = restriction::Restrictions::new(projects);
        while let Some(row) = rows.try_next().await? {
            let is_lifted = number(&row, "is_lifted")? == 1;
            restrictions.add(&text(&row, "ledger")?, &text(&row, "code")?, &text(&row, "cell")?, is_lifted)?;
        }
        Ok(restrictions)
    }

    /// The names of the rows whose marks count at a position, each with its code.
    ///
    /// # Errors
    /// The database fails.
    pub async fn names_at(self, position: i64, ledger: &str) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query(
            "SELECT DISTINCT code, name FROM restriction WHERE ledger=$1 AND began<=$2 AND ended>$2 AND lifted>$2 AND name<>'' ORDER BY code, name",
        )
        .bind(ledger)
        .bind(position)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "code")?, text(row, "name")?))).collect()
    }

    /// The marks that no row has ended, by ledger, code and source.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self) -> Result<Vec<ListedMark>> {
        let rows = sqlx::query(
            "SELECT ledger, source, code, began, since, file_sha256, cell, lifted_by, lifted_at, lift_reason, sample FROM restriction \
             WHERE ended=$1 ORDER BY ledger, code, source",
        )
        .bind(OPEN)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ListedMark {
                    ledger: text(row, "ledger")?,
                    source: text(row, "source")?,
                    code: text(row, "code")?,
                    began: number(row, "began")?,
                    since: text(row, "since")?,
                    file_sha256: text(row, "file_sha256")?,
                    cell: text(row, "cell")?,
                    lifted_by: text(row, "lifted_by")?,
                    lifted_at: text(row, "lifted_at")?,
                    lift_reason: text(row, "lift_reason")?,
                    sample: number(row, "sample")? == 1,
                })
            })
            .collect()
    }

    /// The marks that began behind a position, count now and are not lifted: by the id of the ledger and the code the position of the last one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begun_since(self, position: i64) -> Result<BTreeMap<String, Codes<i64>>> {
        let mut rows = sqlx::query(
            "SELECT ledger, code, MAX(began) AS began FROM restriction WHERE began>$1 AND ended=$2 AND lifted=$2 GROUP BY ledger, code",
        )
        .bind(position)
        .bind(OPEN)
        .fetch(&self.database.pool);
        let mut begun: BTreeMap<String, Codes<i64>> = BTreeMap::new();
        while let Some(row) = rows.try_next().await? {
            begun.entry(text(&row, "ledger")?).or_default().insert(&text(&row, "code")?, number(&row, "began")?)?;
        }
        Ok(begun)
    }

    /// Whether a mark that counts and is not lifted is on one of these codes of a ledger.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_any(self, ledger: &str, codes: &[String]) -> Result<bool> {
        for part in codes.chunks(ROWS_PER_STATEMENT) {
            let listed = parameters(3, part.len());
            let statement =
                format!("SELECT code FROM restriction WHERE ledger=$1 AND ended=$2 AND lifted=$2 AND code IN ({listed}) LIMIT 1");
            let mut query = sqlx::query(sql(statement)).bind(ledger).bind(OPEN);
            for code in part {
                query = query.bind(code);
            }
            if query.fetch_optional(&self.database.pool).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many codes each file restricts by marks that began behind a position, are not lifted and not of the sample.
    ///
    /// # Errors
    /// The database fails.
    pub async fn counts_since(self, position: i64) -> Result<Vec<FileCount>> {
        let rows = sqlx::query(
            "SELECT ledger, source, file_sha256, COUNT(*) AS codes FROM restriction WHERE began>$1 AND ended=$2 AND lifted=$2 AND sample=0 \
             GROUP BY ledger, source, file_sha256 ORDER BY ledger, source, file_sha256",
        )
        .bind(position)
        .bind(OPEN)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let codes = number(row, "codes")? as u64;
                Ok(FileCount { ledger: text(row, "ledger")?, source: text(row, "source")?, file_sha256: text(row, "file_sha256")?, codes })
            })
            .collect()
    }

    /// Lifts marks in a person's name, and records it. Each lift holds until the cell of the same source changes. Returns the marks that are
    /// lifted now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lift(self, lifting: Lifting<'_>, entry: AuditEntry<'_>) -> Result<Vec<(String, String, String)>> {
        let (condition, keys): (&str, Vec<&str>) = match lifting {
            Lifting::Codes(codes) => ("code=$7", codes.iter().map(String::as_str).collect()),
            Lifting::File(sha256) => ("substr(file_sha256, 1, CAST($8 AS INTEGER))=$7", vec![sha256]),
        };
        let _lock = self.database.lock(Exclusive::Pull).await?;
        let mut transaction = self.database.begin().await?;
        let next = next_position(&mut transaction).await?;
        let mut lifted = Vec::new();
        for key in keys {
            let statement = format!(
                "UPDATE restriction SET lifted=$1, lifted_at=$2, lifted_by=$3, lift_reason=$4 WHERE ended=$5 AND lifted=$6 AND {condition} \
                 AND CAST($8 AS BIGINT)>0 RETURNING ledger, source, code"
            );
            let rows = sqlx::query(sql(statement))
                .bind(next)
                .bind(entry.at)
                .bind(entry.who)
                .bind(entry.why)
                .bind(OPEN)
                .bind(OPEN)
                .bind(key)
                .bind(key.chars().count() as i64)
                .fetch_all(&mut *transaction)
                .await?;
            for row in &rows {
                lifted.push((text(row, "ledger")?, text(row, "source")?, text(row, "code")?));
            }
        }
        lifted.sort();
        if lifted.is_empty() {
            return Ok(lifted);
        }
        let codes: BTreeSet<&str> = lifted.iter().map(|(.., code)| code.as_str()).collect();
        let object = match lifting {
            Lifting::Codes(_) => codes.into_iter().collect::<Vec<_>>().join(" "),
            Lifting::File(sha256) => format!("file {sha256} ({} codes)", codes.len()),
        };
        AuditedRows::marks(next).record(&mut transaction, entry, "restriction lifted", &object).await?;
        transaction.commit().await?;
        Ok(lifted)
    }

    /// Lifts in a person's name that a record names a marked project: `cell` is what its mark would be. The lift is a lifted mark of its own.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lift_mention(self, ledger: &str, code: &str, cell: &str, sample: bool, entry: AuditEntry<'_>) -> Result<()> {
        let _lock = self.database.lock(Exclusive::Pull).await?;
        let mut transaction = self.database.begin().await?;
        let next = next_position(&mut transaction).await?;
        sqlx::query(
            "INSERT INTO restriction (ledger, source, code, name, began, ended, lifted, since, ended_at, lifted_at, lifted_by, lift_reason, \
             file_sha256, cell, header, sample, ends_with) VALUES ($1,$2,$3,'',$4,$5,$4,$6,'',$6,$7,$8,'',$9,'',$10,0)",
        )
        .bind(ledger)
        .bind(MENTION_SOURCE)
        .bind(code)
        .bind(next)
        .bind(OPEN)
        .bind(entry.at)
        .bind(entry.who)
        .bind(entry.why)
        .bind(cell)
        .bind(i64::from(sample))
        .execute(&mut *transaction)
        .await?;
        AuditedRows::marks(next).record(&mut transaction, entry, "restriction lifted", &format!("{code} {cell}")).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records the marks of one ledger of a file that makes no snapshot: only on codes that the store knows.
    ///
    /// # Errors
    /// The database fails.
    pub async fn restrict_known(self, ledger: &str, source: &str, of_file: FileMarks<'_>) -> Result<()> {
        let mut pull = Pulls { database: self.database }.begin().await?;
        let writer = pull.writer(ledger, source).await?;
        let known = known_codes(pull.connection().await?, ledger, of_file.found).await?;
        pull.record_marks(&writer, &FileMarks { found: &known, ..of_file }).await?;
        pull.commit().await
    }

    /// What the office has decided about the headers of a source.
    ///
    /// # Errors
    /// The database fails.
    pub async fn header_decisions(self, source: &str) -> Result<BTreeMap<String, HeaderDecision>> {
        let rows =
            sqlx::query("SELECT header, decision FROM secrecy_header WHERE source=$1").bind(source).fetch_all(&self.database.pool).await?;
        let mut decisions = BTreeMap::new();
        for row in &rows {
            // a decision that this version does not know leaves the header undecided
            if let Some(decision) = HeaderDecision::parse(&text(row, "decision")?) {
                decisions.insert(text(row, "header")?, decision);
            }
        }
        Ok(decisions)
    }

    /// The headers of a source about which the office has decided that they name a field, each with the word that the office named it by,
    /// which a ledger finds its field by.
    ///
    /// # Errors
    /// The database fails.
    pub async fn field_headers(self, source: &str) -> Result<BTreeMap<String, String>> {
        let rows =
            sqlx::query("SELECT header, decision FROM secrecy_header WHERE source=$1").bind(source).fetch_all(&self.database.pool).await?;
        let mut fields = BTreeMap::new();
        for row in &rows {
            if let Some(field) = text(row, "decision")?.strip_prefix(FIELD_DECISION) {
                fields.insert(text(row, "header")?, field.to_owned());
            }
        }
        Ok(fields)
    }

    /// Stores that a header of a source names a field, and records it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn decide_field(self, source: &str, header: &str, word: &str, entry: AuditEntry<'_>) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let decision = format!("{FIELD_DECISION}{word}");
        store_decision(&mut transaction, source, header, &decision, entry).await?;
        let object = format!("{source} {header} {decision}");
        AuditedRows::header(source, header).record(&mut transaction, entry, "header decided", &object).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Stores what the office decides about a header of a source, and records it. The marks that its column has set in doubt end, but those
    /// whose cell restricts by the decision too.
    ///
    /// # Errors
    /// The database fails.
    pub async fn decide_header(
        self,
        source: &str,
        header: &str,
        decision: HeaderDecision,
        restricts: impl Fn(&str) -> bool,
        entry: AuditEntry<'_>,
    ) -> Result<()> {
        let _lock = self.database.lock(Exclusive::Pull).await?;
        let mut transaction = self.database.begin().await?;
        store_decision(&mut transaction, source, header, decision.code(), entry).await?;
        let object = format!("{source} {header} {}", decision.code());
        AuditedRows::header(source, header).record(&mut transaction, entry, "secrecy header decided", &object).await?;
        let cells = sqlx::query("SELECT DISTINCT cell FROM restriction WHERE source=$1 AND header=$2 AND ended=$3")
            .bind(source)
            .bind(header)
            .bind(OPEN)
            .fetch_all(&mut *transaction)
            .await?;
        let cells = cells.iter().map(|row| text(row, "cell")).collect::<Result<Vec<String>>>()?;
        let next = next_position(&mut transaction).await?;
        for cell in cells.iter().filter(|cell| !restricts(cell)) {
            sqlx::query("UPDATE restriction SET ended=$1, ended_at=$2 WHERE source=$3 AND header=$4 AND cell=$5 AND ended=$6")
                .bind(next)
                .bind(entry.at)
                .bind(source)
                .bind(header)
                .bind(cell)
                .bind(OPEN)
                .execute(&mut *transaction)
                .await?;
        }
        if cells.iter().any(|cell| !restricts(cell)) {
            AuditedRows::marks(next).record(&mut transaction, entry, "marks ended", &object).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

impl SnapshotWriter {
    /// Whether a mark of secrecy of this source restricts a code, or has been lifted.
    pub fn has_mark(&self, code: &str) -> bool {
        self.open_marks.has(code)
    }
}

impl Pull {
    /// Whether no snapshot in force of the same source covers a later day.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_newest(&mut self, writer: &SnapshotWriter, covers_on: NaiveDate) -> Result<bool> {
        let (ledger, source, _) = writer.key();
        let later = sqlx::query("SELECT seq FROM snapshot WHERE ledger=$1 AND source=$2 AND state=$3 AND covers_on>$4 LIMIT 1")
            .bind(ledger)
            .bind(source)
            .bind(SnapshotState::InForce.code())
            .bind(covers_on.to_string())
            .fetch_optional(self.connection().await?)
            .await?;
        Ok(later.is_none())
    }

    /// Records what a file states of the codes of a ledger. Returns how many marks begin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_marks(&mut self, writer: &SnapshotWriter, marks: &FileMarks<'_>) -> Result<u64> {
        let (ledger, source, seq) = writer.key();
        let change = |code: &str, found: Option<&str>, states_open: bool| {
            mark_change(writer.open_marks.cell(code), found, states_open, marks.in_force)
        };
        let lifted = lifted_codes(self.connection().await?, ledger, source).await?;
        // an accepted row without a mark ends what a person has lifted: the next mark is a new one
        let is_emptied = |code: &&str| writer.accepts(code) && !marks.found.has(code) && marks.stated_open.get(code).is_none();
        let emptied = || lifted.iter().map(String::as_str).filter(is_emptied);
        let begins = || marks.found.iter().filter(|mark| change(mark.code, Some(mark.cell), false) == MarkChange::Begins);
        let stated_open = || marks.stated_open.iter().map(|(code, _)| code).filter(|code| !marks.found.has(code));
        let ends_by = |wanted: MarkChange| stated_open().filter(move |code| change(code, None, true) == wanted);
        let dialect = self.dialect;
        let connection = self.connection().await?;
        // a mark that the file states once more does not end with an earlier snapshot that was held
        let restated = marks.found.iter().map(|mark| mark.code).filter(|code| writer.open_marks.has(code));
        set_ends_with(connection, (ledger, source), restated, 0).await?;
        set_ends_with(connection, (ledger, source), ends_by(MarkChange::EndsWithSnapshot), seq).await?;
        if !marks.in_force {
            set_ends_with(connection, (ledger, source), emptied(), seq).await?;
        }
        let replaced = begins().map(|mark| mark.code).filter(|code| writer.open_marks.has(code));
        let mut ended = ends_by(MarkChange::Ends).chain(replaced).chain(emptied().filter(|_| marks.in_force)).peekable();
        let mut begun = begins().peekable();
        if begun.peek().is_none() && ended.peek().is_none() {
            return Ok(0);
        }
        let next = next_position(connection).await?;
        let ended = end_marks(connection, (ledger, source), ended, next, marks.at).await?;
        let mut count = 0;
        while let Some(part) = next_part(&mut begun) {
            count += part.len() as u64;
            let statement = format!(
                "INSERT INTO restriction (ledger, source, code, name, began, ended, lifted, since, ended_at, lifted_at, lifted_by, lift_reason, \
                 file_sha256, cell, header, sample, ends_with) VALUES {}",
                dialect.values(part.len(), 17)
            );
            let mut query = sqlx::query(sql(statement));
            for FoundMark { code, name, cell, header } in part {
                query = query.bind(ledger).bind(source).bind(code).bind(name).bind(next).bind(OPEN).bind(OPEN).bind(marks.at);
                query = query.bind("").bind("").bind("").bind("").bind(marks.file_sha256).bind(cell).bind(header);
                query = query.bind(i64::from(marks.sample)).bind(0i64);
            }
            query.execute(&mut *connection).await?;
        }
        let entry = AuditEntry { at: marks.at, who: "duban", why: "" };
        let object = format!("{ledger}/{source}: {count} begun, {ended} ended, sha256 {}", marks.file_sha256);
        AuditedRows::marks(next).record(connection, entry, "marks of a file", &object).await?;
        Ok(count)
    }
}

/// Of some marks those on codes of which a ledger has a record, whatever its source; a code that differs only in how it is written is the same.
async fn known_codes(connection: &mut AnyConnection, ledger: &str, marks: &CodeMarks) -> Result<CodeMarks> {
    let mut known = CodeMarks::default();
    if marks.is_empty() {
        return Ok(known);
    }
    let mut rows = sqlx::query("SELECT code FROM record WHERE ledger=$1").bind(ledger).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let code = text(&row, "code")?;
        if let Some(FoundMark { name, cell, header, .. }) = marks.like(&code) {
            known.add(&code, name, cell, header)?;
        }
    }
    Ok(known)
}

/// What a decision begins with by which a header names a field.
const FIELD_DECISION: &str = "field ";

async fn store_decision(connection: &mut AnyConnection, source: &str, header: &str, decision: &str, entry: AuditEntry<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO secrecy_header (source, header, decision, at, who) VALUES ($1,$2,$3,$4,$5) \
         ON CONFLICT (source, header) DO UPDATE SET decision=excluded.decision, at=excluded.at, who=excluded.who",
    )
    .bind(source)
    .bind(header)
    .bind(decision)
    .bind(entry.at)
    .bind(entry.who)
    .execute(connection)
    .await?;
    Ok(())
}
