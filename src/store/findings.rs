//! The findings of each run: deflated JSON lines, some hundred in one row, in the order of (rule, ledger, key), which is also the order of
//! the timeline.

use crate::domain::judging::finding::{Change, Identity};
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, StoreError, number, to_json};
use crate::store::runs::{Run, RunInputs, hold};
use crate::store::timeline::{FindingState, LifePart, RESOLVED, Timeline, TimelineWriter};
use chrono::NaiveDate;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Deserialize;
use sqlx::Row;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};

/// A finding to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFinding {
    pub identity: Identity,
    pub light: Option<Light>,
    /// open, exempt, unjudged
    pub state: &'static str,
    /// It is no part of the timelines: whether it is new will be seen when the data have come.
    pub waits_for_data: bool,
    /// The JSON object that `duban findings` prints, on one line.
    pub body: String,
}

/// The fields that are read of a stored finding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StoredFacts<'a> {
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    #[serde(borrow)]
    pub ledger: Cow<'a, str>,
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// Name of the owner unit.
    #[serde(borrow, default)]
    pub unit: Cow<'a, str>,
    #[serde(borrow, default)]
    light: Option<Cow<'a, str>>,
    /// open, exempt, unjudged, resolved
    #[serde(borrow)]
    pub state: Cow<'a, str>,
    /// Code of the change since the state known before the run; `resolved` = the finding is over.
    #[serde(borrow)]
    pub change: Cow<'a, str>,
    /// The unit that owes an answer on the record.
    #[serde(borrow, default)]
    pub waiting_on: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub cause: Option<Cow<'a, str>>,
    #[serde(default)]
    pub waits_for_data: bool,
    /// The day of its data where they could not be relied on.
    #[serde(borrow, default)]
    pub old_data: Option<Cow<'a, str>>,
}

impl StoredFacts<'_> {
    pub fn light(&self) -> Option<Light> {
        self.light.as_deref().and_then(Light::from_code)
    }

    pub fn identity(&self) -> Identity {
        Identity { rule: self.rule.to_string(), ledger: self.ledger.to_string(), key: self.key.to_string() }
    }
}

/// Bytes of JSON compressed into one row.
const PART_BYTES: usize = 256 * 1024;

/// The findings that runs have stored.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    pub(super) database: &'a Database,
}

/// What the detect step of a run stores beside its findings.
#[derive(Clone, Copy, Debug)]
pub struct Detected<'a> {
    pub as_of: NaiveDate,
    /// The findings of its job that are over.
    pub resolved: &'a [Identity],
    /// The timelines that it writes, each with the lives that are over on its day, in the order of identities.
    pub timelines: &'a [(&'a Timeline, &'a [Identity])],
}

/// Bytes of one transaction: few, so that no other writer waits for long.
const PIECE_BYTES: usize = 512 * 1024;

impl Findings<'_> {
    /// Stores the findings of a run in the order of identities, and the timelines that it writes. The rows are written in pieces; one short
    /// transaction puts the timelines in force and ends the step. A run that was interrupted therefore never compares its findings with its
    /// own timeline.
    ///
    /// # Errors
    /// The database fails, another process has taken the run over, two findings have one identity or are out of order, or a timeline
    /// has changed since it was read. Nothing of it counts then.
    pub async fn commit(
        self,
        run: &Run,
        step: &str,
        inputs: &RunInputs,
        found: impl IntoIterator<Item = Result<NewFinding>>,
        detected: Detected<'_>,
    ) -> Result<()> {
        let writer = format!("{} {}", run.id, run.fence);
        let timelines = detected.timelines.iter();
        let mut lives: Vec<TimelineWriter<'_>> =
            timelines.map(|(timeline, ended)| TimelineWriter::new(timeline, ended, detected.as_of, &writer)).collect();
        let outcome = self.write(run, step, inputs, found, detected.resolved, &mut lives).await;
        let in_force = match &outcome {
            Ok(in_force) => in_force.clone(),
            Err(_) => {
                // where this fails too, the next detect step removes them
                let _ = self.delete(run).await;
                vec![false; lives.len()]
            }
        };
        for (lives, is_in_force) in lives.iter().zip(in_force) {
            // what is left counts for nothing, and the next run removes it
            let _ = lives.sweep(self.database, is_in_force).await;
        }
        outcome.map(|_| ())
    }

    /// Writes the rows and ends the step. Returns which timelines are in force.
    async fn write(
        self,
        run: &Run,
        step: &str,
        inputs: &RunInputs,
        found: impl IntoIterator<Item = Result<NewFinding>>,
        resolved: &[Identity],
        lives: &mut [TimelineWriter<'_>],
    ) -> Result<Vec<bool>> {
        self.delete(run).await?;
        for lives in lives.iter() {
            lives.sweep(self.database, false).await?;
        }
        let mut pieces = Pieces { database: self.database, run, findings: Vec::new(), lives: Vec::new(), bytes: 0 };
        let mut parts = PartPacker { part: 0, items: 0, text: Vec::with_capacity(PART_BYTES * 2) };
        let mut found = found.into_iter().peekable();
        let mut resolved = resolved.iter().peekable();
        let mut last: Option<Identity> = None;
        loop {
            let next_is_resolved = match (found.peek(), resolved.peek()) {
                (Some(Ok(finding)), Some(identity)) => **identity < finding.identity,
                (Some(_), _) => false,
                (None, Some(_)) => true,
                (None, None) => break,
            };
            let finding = if next_is_resolved {
                let Some(identity) = resolved.next() else { break };
                resolved_finding(identity)?
            } else {
                let Some(finding) = found.next() else { break };
                finding?
            };
            if last.as_ref().is_some_and(|last| *last >= finding.identity) {
                return Err(StoreError::Internal(format!("a finding out of order: {:?}", finding.identity)));
            }
            if !next_is_resolved && !finding.waits_for_data {
                let state = FindingState { identity: &finding.identity, light: finding.light, state: finding.state };
                for (index, writer) in lives.iter_mut().enumerate() {
                    pieces.add_lives(index, writer.add(&state)?);
                }
            }
            pieces.add_findings(parts.add(&finding.body)?);
            last = Some(finding.identity);
            if pieces.bytes >= PIECE_BYTES {
                pieces.write(lives).await?;
            }
        }
        pieces.add_findings(parts.take()?);
        for index in 0..lives.len() {
            while let Some(row) = lives[index].finish()? {
                pieces.add_lives(index, Some(row));
                if pieces.bytes >= PIECE_BYTES {
                    pieces.write(lives).await?;
                }
            }
        }
        pieces.write(lives).await?;
        let mut transaction = self.database.begin().await?;
        crate::store::runs::advance(&mut transaction, run, step, inputs).await?;
        let mut in_force = Vec::with_capacity(lives.len());
        for lives in lives.iter() {
            in_force.push(lives.put_in_force(&mut transaction).await?);
        }
        transaction.commit().await?;
        Ok(in_force)
    }

    /// Deletes the findings of a run that this process holds.
    async fn delete(self, run: &Run) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        hold(&mut transaction, run).await?;
        sqlx::query("DELETE FROM finding WHERE run=$1").bind(&run.id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes what the earlier runs of a job have stored.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete_before(self, run: &Run) -> Result<()> {
        sqlx::query("DELETE FROM finding WHERE run IN (SELECT id FROM run WHERE job=$1 AND id<>$2)")
            .bind(&run.job)
            .bind(&run.id)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Calls `take` with each finding that a run stored, resolved ones included, in the order of identities. Memory holds one part.
    ///
    /// # Errors
    /// The database fails, a row is damaged, or `take` returns an error.
    pub async fn each(self, run: &str, mut take: impl FnMut(&StoredFacts<'_>) -> Result<()>) -> Result<()> {
        let damaged = |detail: String| StoreError::Damaged { what: "finding", key: run.to_owned(), detail };
        let mut part = 0;
        let mut lines = String::new();
        loop {
            let row = sqlx::query("SELECT body FROM finding WHERE run=$1 AND part=$2")
                .bind(run)
                .bind(part)
                .fetch_optional(&self.database.pool)
                .await?;
            let Some(row) = row else { return Ok(()) };
            let body: Vec<u8> = row.try_get("body")?;
            lines.clear();
            ZlibDecoder::new(body.as_slice()).read_to_string(&mut lines).map_err(|error| damaged(error.to_string()))?;
            for line in lines.lines() {
                take(&serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?)?;
            }
            part += 1;
        }
    }

    /// The change of each finding of a run since the state known before it, and the resolved findings.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn changes_of(self, run: &str) -> Result<(HashMap<Identity, Change>, Vec<Identity>)> {
        let (mut changes, mut resolved) = (HashMap::new(), Vec::new());
        self.each(run, |finding| {
            match Change::ALL.into_iter().find(|change| change.code() == finding.change) {
                Some(change) => {
                    changes.insert(finding.identity(), change);
                }
                None => resolved.push(finding.identity()),
            }
            Ok(())
        })
        .await?;
        Ok((changes, resolved))
    }

    /// The lights of the unresolved findings of a run, by identity; `None` = unjudged.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn lights_of(self, run: &str) -> Result<HashMap<Identity, Option<Light>>> {
        let mut lights = HashMap::new();
        self.each(run, |finding| {
            if finding.state != RESOLVED && !finding.waits_for_data {
                lights.insert(finding.identity(), finding.light());
            }
            Ok(())
        })
        .await?;
        Ok(lights)
    }

    /// How many findings a run stored, resolved ones included.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(self, run: &str) -> Result<i64> {
        // PostgreSQL sums BIGINT to a decimal type
        let row = sqlx::query("SELECT CAST(COALESCE(SUM(items), 0) AS BIGINT) AS n FROM finding WHERE run=$1")
            .bind(run)
            .fetch_one(&self.database.pool)
            .await?;
        number(&row, "n")
    }
}

/// The stored form of a resolved finding.
fn resolved_finding(identity: &Identity) -> Result<NewFinding> {
    let Identity { rule, ledger, key } = identity;
    let body = to_json(&serde_json::json!({"rule": rule, "ledger": ledger, "key": key, "state": RESOLVED, "change": RESOLVED}))?;
    Ok(NewFinding { identity: identity.clone(), light: None, state: RESOLVED, waits_for_data: false, body })
}

/// Packs findings into rows of [`PART_BYTES`].
struct PartPacker {
    part: i64,
    items: i64,
    text: Vec<u8>,
}

/// A row of findings that is to be written.
struct FindingPart {
    part: i64,
    items: i64,
    body: Vec<u8>,
}

impl PartPacker {
    /// Adds a finding. Returns a row that is full.
    fn add(&mut self, line: &str) -> Result<Option<FindingPart>> {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        self.items += 1;
        if self.text.len() >= PART_BYTES { self.take() } else { Ok(None) }
    }

    fn take(&mut self) -> Result<Option<FindingPart>> {
        if self.items == 0 {
            return Ok(None);
        }
        // the lines are similar: the fastest level already reduces them to a tenth
        let lost = |error: std::io::Error| StoreError::Internal(error.to_string());
        let mut packed = ZlibEncoder::new(Vec::with_capacity(PART_BYTES / 4), Compression::fast());
        packed.write_all(&self.text).map_err(lost)?;
        let row = FindingPart { part: self.part, items: self.items, body: packed.finish().map_err(lost)? };
        self.part += 1;
        self.items = 0;
        self.text.clear();
        Ok(Some(row))
    }
}

/// Rows that wait for their transaction.
struct Pieces<'a> {
    database: &'a Database,
    run: &'a Run,
    findings: Vec<FindingPart>,
    /// Each with the index of its timeline.
    lives: Vec<(usize, LifePart)>,
    bytes: usize,
}

impl Pieces<'_> {
    fn add_findings(&mut self, row: Option<FindingPart>) {
        self.bytes += row.as_ref().map_or(0, |row| row.body.len());
        self.findings.extend(row);
    }

    fn add_lives(&mut self, timeline: usize, row: Option<LifePart>) {
        self.bytes += row.as_ref().map_or(0, |row| row.body.len());
        self.lives.extend(row.map(|row| (timeline, row)));
    }

    /// Writes what waits in one transaction.
    async fn write(&mut self, lives: &[TimelineWriter<'_>]) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        hold(&mut transaction, self.run).await?;
        for row in self.findings.drain(..) {
            sqlx::query("INSERT INTO finding (run, part, items, body) VALUES ($1,$2,$3,$4)")
                .bind(&self.run.id)
                .bind(row.part)
                .bind(row.items)
                .bind(row.body)
                .execute(&mut *transaction)
                .await?;
        }
        for (timeline, row) in self.lives.drain(..) {
            if let Some(writer) = lives.get(timeline) {
                writer.insert(&mut transaction, &row).await?;
            }
        }
        transaction.commit().await?;
        self.bytes = 0;
        Ok(())
    }
}
