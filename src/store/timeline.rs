//! The timeline: the life of every finding, in the order of identities, with some hundred in one row.
//!
//! The run of the latest as_of rewrites the whole timeline by merging it with its sorted findings. The merge needs no map, and a register
//! of a million rows takes some hundred statements instead of a million.

use crate::domain::judging::finding::Identity;
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, StoreError, number, text};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Transaction};
use std::cmp::Ordering;

/// Code of the state of a resolved finding.
pub const RESOLVED: &str = "resolved";

/// The life of one finding up to the timeline's day. Stored by postcard: the order of the fields is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life<'a> {
    pub rule: &'a str,
    pub ledger: &'a str,
    pub key: &'a str,
    /// Code of the light; empty = unjudged or resolved.
    light: &'a str,
    /// open, exempt, unjudged, resolved
    pub state: &'a str,
    pub first_on: NaiveDate,
    /// The day since which it has had this state and light.
    pub changed_on: NaiveDate,
}

impl<'a> Life<'a> {
    pub fn light(&self) -> Option<Light> {
        Light::from_code(self.light)
    }

    /// Compares with an identity in the order of the timeline.
    pub fn order(&self, identity: (&str, &str, &str)) -> Ordering {
        (self.rule, self.ledger, self.key).cmp(&identity)
    }

    pub fn identity(&self) -> Identity {
        Identity { rule: self.rule.to_owned(), ledger: self.ledger.to_owned(), key: self.key.to_owned() }
    }

    fn of(finding: &'a FindingState<'a>, as_of: NaiveDate) -> Life<'a> {
        let Identity { rule, ledger, key } = finding.identity;
        let light = finding.light.map_or("", Light::code);
        Life { rule, ledger, key, light, state: finding.state, first_on: as_of, changed_on: as_of }
    }
}

/// State and light of one finding in a run.
pub(crate) struct FindingState<'a> {
    pub identity: &'a Identity,
    pub light: Option<Light>,
    pub state: &'a str,
}

/// The lives of all findings of the sample or of the office's register, as read at one time.
#[derive(Debug, Default)]
pub struct Timeline {
    /// The latest as_of a run has written it for.
    pub as_of: Option<NaiveDate>,
    /// The run that wrote it.
    pub run: String,
    /// How often it was written; 0 = never.
    version: i64,
    parts: Vec<Vec<u8>>,
}

impl Timeline {
    /// The lives in the order of their identities.
    pub fn lives(&self) -> impl Iterator<Item = Life<'_>> {
        self.parts.iter().flat_map(|part| LifeIter(part))
    }
}

/// The lives in one row. [`Timelines::read`] has checked that all of them decode.
struct LifeIter<'a>(&'a [u8]);

impl<'a> Iterator for LifeIter<'a> {
    type Item = Life<'a>;

    fn next(&mut self) -> Option<Life<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (life, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(life)
    }
}

/// Bytes of lives in one row.
const PART_BYTES: usize = 32 * 1024;

/// The timeline of the sample and that of the office's register.
#[derive(Clone, Copy, Debug)]
pub struct Timelines<'a> {
    pub(super) database: &'a Database,
}

impl Timelines<'_> {
    /// The timeline of the sample or of the office's register.
    ///
    /// # Errors
    /// The database fails, or a row of it is damaged.
    pub async fn read(self, sample: bool) -> Result<Timeline> {
        let rows = sqlx::query(
            "SELECT h.as_of, h.version, h.run, p.part, p.body FROM timeline h LEFT JOIN timeline_part p ON p.sample=h.sample AND p.version=h.version \
             WHERE h.sample=$1 ORDER BY p.part",
        )
        .bind(i64::from(sample))
        .fetch_all(&self.database.pool)
        .await?;
        let Some(first) = rows.first() else { return Ok(Timeline::default()) };
        let damaged = |detail: String| StoreError::Damaged { what: "timeline", key: String::new(), detail };
        let as_of = text(first, "as_of")?.parse().map_err(|error| damaged(format!("{error}")))?;
        let mut parts = Vec::with_capacity(rows.len());
        for row in &rows {
            let part: Option<Vec<u8>> = sqlx::Row::try_get(row, "body")?;
            let part = part.unwrap_or_default();
            let mut rest = part.as_slice();
            while !rest.is_empty() {
                rest = postcard::take_from_bytes::<Life<'_>>(rest).map_err(|error| damaged(error.to_string()))?.1;
            }
            parts.push(part);
        }
        Ok(Timeline { as_of: Some(as_of), run: text(first, "run")?, version: number(first, "version")?, parts })
    }
}

/// Writes the new version of a timeline while a run stores its findings.
pub(crate) struct TimelineWriter<'a> {
    sample: i64,
    as_of: NaiveDate,
    version: i64,
    old: std::iter::Peekable<Box<dyn Iterator<Item = Life<'a>> + Send + 'a>>,
    part: i64,
    buffer: Vec<u8>,
}

impl<'a> TimelineWriter<'a> {
    /// Begins; `None` = a run of a later day has written the timeline meanwhile, and its version remains.
    ///
    /// # Errors
    /// [`StoreError::TimelineMoved`]: another run has written it since it was read, so the findings must be compared with the new version.
    pub async fn begin(
        transaction: &mut Transaction<'static, Any>,
        old: &'a Timeline,
        sample: bool,
        as_of: NaiveDate,
        run: &str,
    ) -> Result<Option<TimelineWriter<'a>>> {
        let sample = i64::from(sample);
        let version = old.version + 1;
        let written = sqlx::query(
            "INSERT INTO timeline (sample, as_of, version, run) VALUES ($1,$2,$3,$4) ON CONFLICT (sample) DO UPDATE SET \
             as_of=excluded.as_of, version=excluded.version, run=excluded.run WHERE timeline.as_of<=excluded.as_of AND timeline.version=$5",
        )
        .bind(sample)
        .bind(as_of.to_string())
        .bind(version)
        .bind(run)
        .bind(old.version)
        .execute(&mut **transaction)
        .await?;
        if written.rows_affected() == 1 {
            let lives: Box<dyn Iterator<Item = Life<'a>> + Send + 'a> = Box::new(old.lives());
            return Ok(Some(TimelineWriter { sample, as_of, version, old: lives.peekable(), part: 0, buffer: Vec::new() }));
        }
        let row = sqlx::query("SELECT as_of FROM timeline WHERE sample=$1").bind(sample).fetch_one(&mut **transaction).await?;
        if text(&row, "as_of")? > as_of.to_string() { Ok(None) } else { Err(StoreError::TimelineMoved) }
    }

    /// Adds the next finding, in the order of identities.
    pub async fn add(&mut self, transaction: &mut Transaction<'static, Any>, finding: &FindingState<'_>) -> Result<()> {
        let Identity { rule, ledger, key } = finding.identity;
        let mut now = Life::of(finding, self.as_of);
        while let Some(life) = self.old.next_if(|life| life.order((rule, ledger, key)) != Ordering::Greater) {
            if life.order((rule, ledger, key)) == Ordering::Less {
                // neither found nor resolved: the record has left the register, and its finding's life remains unchanged
                self.put(transaction, &life).await?;
                continue;
            }
            now.first_on = life.first_on;
            if (life.state, life.light) == (now.state, now.light) {
                now.changed_on = life.changed_on;
            }
        }
        self.put(transaction, &now).await
    }

    async fn put(&mut self, transaction: &mut Transaction<'static, Any>, life: &Life<'_>) -> Result<()> {
        self.buffer =
            postcard::to_extend(life, std::mem::take(&mut self.buffer)).map_err(|error| StoreError::Internal(error.to_string()))?;
        if self.buffer.len() >= PART_BYTES { self.write(transaction).await } else { Ok(()) }
    }

    async fn write(&mut self, transaction: &mut Transaction<'static, Any>) -> Result<()> {
        sqlx::query("INSERT INTO timeline_part (sample, version, part, body) VALUES ($1,$2,$3,$4)")
            .bind(self.sample)
            .bind(self.version)
            .bind(self.part)
            .bind(std::mem::take(&mut self.buffer))
            .execute(&mut **transaction)
            .await?;
        self.part += 1;
        Ok(())
    }

    /// Writes the remaining lives and deletes the old version.
    pub async fn finish(mut self, transaction: &mut Transaction<'static, Any>) -> Result<()> {
        while let Some(life) = self.old.next() {
            self.put(transaction, &life).await?;
        }
        if !self.buffer.is_empty() {
            self.write(transaction).await?;
        }
        sqlx::query("DELETE FROM timeline_part WHERE sample=$1 AND version<$2")
            .bind(self.sample)
            .bind(self.version)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }
}
