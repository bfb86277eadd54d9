//! The rows of a new snapshot of one ledger of one source while a file is read: which are new or changed, and the statements that write them.

use crate::domain::intake::code_marks::CodeMarks;
use crate::domain::intake::file::RowPlace;
use crate::domain::register::codes::Codes;
use crate::store::database::{Dialect, Result};
use crate::store::open_versions::{OPEN, OpenVersion, RowFingerprint};
use sqlx::Arguments;
use sqlx::any::AnyArguments;
use sqlx::error::BoxDynError;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A record to be added to a snapshot.
#[derive(Clone, Debug)]
pub struct NewRecord<'a> {
    pub code: Cow<'a, str>,
    pub unit: Cow<'a, str>,
    pub name: Cow<'a, str>,
    /// The code of the project that a row of another ledger belongs to; empty = none.
    pub project: Cow<'a, str>,
    pub amount: i64,
    pub place: RowPlace,
    /// The packed cells of the layout's fields, in its order.
    pub body: Cow<'a, [u8]>,
    /// By which the next pull recognises the unchanged row; `None` = the next pull must read the row.
    pub row_fingerprint: Option<RowFingerprint>,
}

/// How the new snapshot differs from the last one in force, or from the last one if none is in force.
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

/// Ledger, source and number of a snapshot.
pub(super) type SnapshotKey = (String, String, i64);

/// A row that this snapshot has accepted, with the place of its first copy.
pub(super) struct Seen {
    pub(super) hash: [u8; 16],
    pub(super) amount: i64,
    pub(super) place: RowPlace,
    pub(super) row_fingerprint: Option<RowFingerprint>,
    /// Another row has the same code with other cells: neither is accepted.
    pub(super) withdrawn: bool,
}

/// The most bytes of the bodies in an insert statement, beside those of the last one.
pub(super) const BYTES_PER_STATEMENT: usize = 4 * 1024 * 1024;

/// Versions for the next insert statement.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) count: usize,
    /// Bytes of their bodies.
    pub(super) bytes: usize,
    /// [`COLUMNS`] of each version.
    pub(super) values: AnyArguments,
    /// The codes whose open version is to be closed first.
    pub(super) closing: Vec<String>,
}

/// The columns that differ from version to version in an insert statement.
const COLUMNS: &str = "code, hash, unit, name, project, amount, sheet, row_no, layout, body";
const COLUMNS_COUNT: usize = 10;

/// Writes the new snapshot of one ledger of one source. All writers of a file share one pull.
pub struct SnapshotWriter {
    pub(super) ledger: String,
    pub(super) source: String,
    pub seq: i64,
    /// The open versions before this pull.
    pub(super) previous: Codes<OpenVersion>,
    /// Index in `previous` behind the row added last. The next row is looked for there, because files mostly keep their order.
    pub(super) next: usize,
    /// The last snapshot in force and its versions, if a later snapshot is held or discarded.
    pub(super) base: Option<(i64, Codes<OpenVersion>)>,
    pub(super) batch: Batch,
    /// Full statements of the next piece.
    pub(super) piece: Piece,
    /// Some rows of this snapshot are in the database.
    pub(super) is_staged: bool,
    pub(super) is_open_list_staged: bool,
    /// The rows of this snapshot by code.
    pub(super) seen: Codes<Seen>,
    /// Codes of several rows with different cells.
    pub(super) conflicting: BTreeSet<String>,
    /// Codes whose row in the file is not accepted: their last version stays open.
    pub(super) carried_over: Vec<String>,
    /// Number of versions written or closed; 0 = no row differs from the last snapshot.
    pub(super) written: u64,
    pub(super) rows: i64,
    pub(super) amount: i64,
    /// Field ids → layout id.
    pub(super) layouts: HashMap<Vec<String>, i64>,
    /// The marks of secrecy of this source before the pull: the cell by code.
    pub(super) open_marks: CodeMarks,
}

/// An insert statement with the codes whose open version is to be closed first.
pub(super) struct Statement {
    pub(super) closing: Vec<String>,
    pub(super) sql: String,
    pub(super) values: AnyArguments,
}

/// The statements of one transaction.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) statements: Vec<Statement>,
    pub(super) rows: usize,
    /// Bytes of their bodies.
    pub(super) bytes: usize,
}

impl Batch {
    /// Adds the values of one version.
    pub(super) fn push(&mut self, layout: i64, hash: [u8; 16], record: &NewRecord<'_>) -> std::result::Result<(), BoxDynError> {
        self.values.reserve(COLUMNS_COUNT, 0);
        self.values.add(&*record.code)?;
        self.values.add(&hash[..])?;
        self.values.add(&*record.unit)?;
        self.values.add(&*record.name)?;
        self.values.add(&*record.project)?;
        self.values.add(record.amount)?;
        self.values.add(i64::from(record.place.sheet))?;
        self.values.add(i64::from(record.place.row))?;
        self.values.add(layout)?;
        self.values.add(&*record.body)?;
        self.count += 1;
        self.bytes += record.body.len();
        Ok(())
    }
}

impl SnapshotWriter {
    /// Ledger, source and number of the snapshot.
    pub(super) fn key(&self) -> (&str, &str, i64) {
        (&self.ledger, &self.source, self.seq)
    }

    pub(super) fn owned_key(&self) -> SnapshotKey {
        (self.ledger.clone(), self.source.clone(), self.seq)
    }

    /// Makes an insert statement of the rows that wait for one.
    pub(super) fn end_statement(&mut self, dialect: Dialect) -> std::result::Result<(), BoxDynError> {
        let Batch { count, bytes, mut values, closing } = std::mem::take(&mut self.batch);
        if count == 0 {
            return Ok(());
        }
        // the values that all versions share are bound once, behind the others
        let rows = dialect.values(count, COLUMNS_COUNT);
        let [ledger, source, seq, open] = dialect.parameters_behind(count * COLUMNS_COUNT);
        let statement = format!(
            "WITH version ({COLUMNS}) AS (VALUES {rows}) {} INTO record (ledger, source, first_seq, last_seq, {COLUMNS}) \
             SELECT {ledger}, {source}, {seq}, {open}, {COLUMNS} FROM version",
            dialect.insert_or_fail()
        );
        values.add(self.ledger.as_str())?;
        values.add(self.source.as_str())?;
        values.add(self.seq)?;
        values.add(OPEN)?;
        self.piece.rows += count;
        self.piece.bytes += bytes;
        self.piece.statements.push(Statement { closing, sql: statement, values });
        Ok(())
    }

    /// Whether the snapshot has accepted a row of this code.
    pub(super) fn accepts(&self, code: &str) -> bool {
        self.seen.get(code).is_some_and(|seen| !seen.withdrawn)
    }

    /// Whether the code keeps its previous accepted version, because its row in this file is not accepted.
    pub fn has_previous_version(&self, code: &str) -> bool {
        !self.accepts(code) && self.accepted_before().get(code).is_some()
    }

    /// Adds the row that followed the last added one in the previous file, if it has this fingerprint: it is unchanged. `false` = the row must
    /// be read and added.
    ///
    /// # Errors
    /// The codes together are longer than 4 GB.
    pub fn add_unchanged(&mut self, row_fingerprint: RowFingerprint, place: RowPlace) -> Result<bool> {
        let Some((code, known)) = self.previous.at(self.next) else { return Ok(false) };
        // the row of a mark is always read, because it may end the mark
        if known.row_fingerprint != Some(row_fingerprint) || self.seen.get(code).is_some() || self.open_marks.has(code) {
            return Ok(false);
        }
        let OpenVersion { hash, amount, row_fingerprint } = *known;
        let seen = Seen { hash, amount, place, row_fingerprint, withdrawn: false };
        self.seen.insert(code, seen)?;
        self.next += 1;
        self.rows += 1;
        self.amount += amount;
        Ok(true)
    }

    /// The codes before this pull in their order, each with the fingerprint of its row; `None` = [`SnapshotWriter::add_unchanged`] takes no such row.
    pub fn known_rows(&self) -> impl Iterator<Item = (&str, Option<RowFingerprint>)> {
        self.previous.iter().map(|(code, known)| (code, known.row_fingerprint.filter(|_| !self.open_marks.has(code))))
    }

    /// The codes of the rows accepted so far.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(|(code, _)| code)
    }

    /// The codes accepted before this pull.
    pub fn previous_codes(&self) -> impl Iterator<Item = &str> {
        self.accepted_before().iter().map(|(code, _)| code)
    }

    /// The versions of the last snapshot in force, or the open versions if no later snapshot is held or discarded.
    pub(super) fn accepted_before(&self) -> &Codes<OpenVersion> {
        self.base.as_ref().map_or(&self.previous, |(_, base)| base)
    }

    /// The open versions for the next pull. Behind a held or discarded snapshot versions may have been restored that `seen` lacks, so it gets none.
    pub(super) fn open_list(&self) -> impl Iterator<Item = (&str, OpenVersion)> {
        self.base.is_none().then(|| self.open()).into_iter().flatten()
    }

    /// The open versions after this pull; those in the file come first, in its order.
    pub(super) fn open(&self) -> impl Iterator<Item = (&str, OpenVersion)> {
        let taken = self.seen.iter().filter(|(_, seen)| !seen.withdrawn);
        let taken =
            taken.map(|(code, seen)| (code, OpenVersion { hash: seen.hash, amount: seen.amount, row_fingerprint: seen.row_fingerprint }));
        let carried_over = self.carried_over.iter().filter_map(|code| {
            let known = self.previous.get(code)?;
            // the row in this file has other cells, so the next file must be read there
            Some((code.as_str(), OpenVersion { row_fingerprint: None, ..known.clone() }))
        });
        taken.chain(carried_over)
    }

    /// Compares the accepted rows with those of the last snapshot in force.
    pub(super) fn difference(&self, retained: &HashSet<&str>) -> Difference {
        let before = self.accepted_before();
        let mut difference = Difference { rows: self.rows, amount: self.amount, ..Difference::default() };
        for (code, seen) in self.seen.iter().filter(|(_, seen)| !seen.withdrawn) {
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
                // among equal factors the first code wins, whatever the order of the map
                let most = difference.amount_times.as_ref();
                if most.is_none_or(|(first, most)| (times, first.as_str()) > (*most, code)) {
                    difference.amount_times = Some((code.to_owned(), times));
                }
            }
        }
        difference.gone = before.iter().filter(|(code, _)| !self.accepts(code) && !retained.contains(code)).count() as u64;
        difference
    }
}
