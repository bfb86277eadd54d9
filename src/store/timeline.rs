//! The timelines: the life of every finding, in the order of identities, with some hundred in one row. One follows all jobs; each other follows a
//! series of runs, which compare with it: those of one job, or of all jobs with one kind of period.
//!
//! The run of the latest as_of rewrites a whole timeline by merging it with its sorted findings. The merge needs no map, and a register
//! of a million rows takes some hundred statements instead of a million. The rows are written in pieces under the name of their writer;
//! the transaction that ends the step puts them in force.

use crate::domain::judging::finding::Identity;
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, StoreError, number, sql, text};
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
    /// State and code of the light before that day; both empty before the first change.
    before_state: &'a str,
    before_light: &'a str,
}

/// State and light of a life on a day before the one that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier<'a> {
    pub state: &'a str,
    pub light: Option<Light>,
}

impl<'a> Life<'a> {
    pub fn light(&self) -> Option<Light> {
        Light::from_code(self.light)
    }

    /// How it was before a day; `None` = it began on that day. What other runs of the same day have found is left out, so that all of them
    /// find the same changes.
    pub fn before(&self, day: NaiveDate) -> Option<Earlier<'a>> {
        if self.first_on >= day {
            return None;
        }
        let (state, light) = if self.changed_on >= day { (self.before_state, self.before_light) } else { (self.state, self.light) };
        Some(Earlier { state, light: Light::from_code(light) })
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
        Life { rule, ledger, key, light, state: finding.state, first_on: as_of, changed_on: as_of, before_state: "", before_light: "" }
    }
}

/// State and light of one finding in a run.
pub(crate) struct FindingState<'a> {
    pub identity: &'a Identity,
    pub light: Option<Light>,
    pub state: &'a str,
}

/// The lives of the findings of the sample or of the office's register, as read at one time.
#[derive(Debug, Default)]
pub struct Timeline {
    sample: bool,
    /// The runs it follows: those of a job, or of all jobs with one kind of period; empty = all.
    series: String,
    /// The latest as_of a run has written it for.
    pub as_of: Option<NaiveDate>,
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

/// The timelines of the sample and those of the office's register.
#[derive(Clone, Copy, Debug)]
pub struct Timelines<'a> {
    pub(super) database: &'a Database,
}

impl Timelines<'_> {
    /// The timeline of the sample or of the office's register that follows a series of runs; empty = all.
    ///
    /// # Errors
    /// The database fails, or a row of it is damaged.
    pub async fn read(self, sample: bool, series: &str) -> Result<Timeline> {
        let rows = sqlx::query(
            "SELECT h.as_of, h.version, p.part, p.body FROM timeline h \
             LEFT JOIN timeline_part p ON p.sample=h.sample AND p.series=h.series AND p.writer=h.writer AND p.version=h.version \
             WHERE h.sample=$1 AND h.series=$2 ORDER BY p.part",
        )
        .bind(i64::from(sample))
        .bind(series)
        .fetch_all(&self.database.pool)
        .await?;
        let never = Timeline { sample, series: series.to_owned(), ..Timeline::default() };
        let Some(first) = rows.first() else { return Ok(never) };
        let damaged = |detail: String| StoreError::Damaged { what: "timeline", key: series.to_owned(), detail };
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
        Ok(Timeline { as_of: Some(as_of), version: number(first, "version")?, parts, ..never })
    }
}

/// One row of lives that is to be written.
pub(crate) struct LifePart {
    pub part: i64,
    pub body: Vec<u8>,
}

/// Makes the rows of the new version of a timeline while a run stores its findings.
pub(crate) struct TimelineWriter<'a> {
    timeline: &'a Timeline,
    as_of: NaiveDate,
    writer: &'a str,
    ended: std::iter::Peekable<std::slice::Iter<'a, Identity>>,
    old: std::iter::Peekable<Box<dyn Iterator<Item = Life<'a>> + Send + 'a>>,
    part: i64,
    buffer: Vec<u8>,
}

impl<'a> TimelineWriter<'a> {
    /// A writer that is to merge a timeline with the findings of a day; `ended` are the lives that are over on it, in the order of identities.
    pub fn new(timeline: &'a Timeline, ended: &'a [Identity], as_of: NaiveDate, writer: &'a str) -> TimelineWriter<'a> {
        let lives: Box<dyn Iterator<Item = Life<'a>> + Send + 'a> = Box::new(timeline.lives());
        TimelineWriter { timeline, as_of, writer, ended: ended.iter().peekable(), old: lives.peekable(), part: 0, buffer: Vec::new() }
    }

    /// Adds the next finding, in the order of identities. Returns a row that is full.
    pub fn add(&mut self, finding: &FindingState<'_>) -> Result<Option<LifePart>> {
        while let Some(identity) = self.ended.next_if(|ended| *ended < finding.identity) {
            self.put_found(&FindingState { identity, light: None, state: RESOLVED })?;
        }
        self.put_found(finding)?;
        Ok(if self.buffer.len() >= PART_BYTES { self.take() } else { None })
    }

    fn put_found(&mut self, finding: &FindingState<'_>) -> Result<()> {
        let Identity { rule, ledger, key } = finding.identity;
        let mut now = Life::of(finding, self.as_of);
        while let Some(life) = self.old.next_if(|life| life.order((rule, ledger, key)) != Ordering::Greater) {
            if life.order((rule, ledger, key)) == Ordering::Less {
                // neither found nor over: the record has left the register, and its finding's life remains unchanged
                self.put(&life)?;
                continue;
            }
            now.first_on = life.first_on;
            if (life.state, life.light) == (now.state, now.light) {
                now.changed_on = life.changed_on;
                (now.before_state, now.before_light) = (life.before_state, life.before_light);
            } else if life.changed_on < self.as_of {
                (now.before_state, now.before_light) = (life.state, life.light);
            } else {
                // the day has changed it before: what it was before the day counts
                (now.before_state, now.before_light) = (life.before_state, life.before_light);
            }
        }
        self.put(&now)
    }

    fn put(&mut self, life: &Life<'_>) -> Result<()> {
        self.buffer =
            postcard::to_extend(life, std::mem::take(&mut self.buffer)).map_err(|error| StoreError::Internal(error.to_string()))?;
        Ok(())
    }

    fn take(&mut self) -> Option<LifePart> {
        let body = std::mem::take(&mut self.buffer);
        self.part += 1;
        (!body.is_empty()).then(|| LifePart { part: self.part - 1, body })
    }

    /// The next row of the lives that follow the last finding; `None` = there is no further one.
    pub fn finish(&mut self) -> Result<Option<LifePart>> {
        while let Some(identity) = self.ended.next() {
            self.put_found(&FindingState { identity, light: None, state: RESOLVED })?;
        }
        while self.buffer.len() < PART_BYTES
            && let Some(life) = self.old.next()
        {
            self.put(&life)?;
        }
        Ok(self.take())
    }

    /// Writes a row. It counts once [`TimelineWriter::put_in_force`] has named its writer.
    pub async fn insert(&self, transaction: &mut Transaction<'static, Any>, row: &LifePart) -> Result<()> {
        sqlx::query("INSERT INTO timeline_part (sample, series, writer, version, part, body) VALUES ($1,$2,$3,$4,$5,$6)")
            .bind(i64::from(self.timeline.sample))
            .bind(&self.timeline.series)
            .bind(self.writer)
            .bind(self.timeline.version + 1)
            .bind(row.part)
            .bind(row.body.as_slice())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Puts the written rows in force; `false` = a run of a later day has written the timeline meanwhile, and its version remains.
    ///
    /// # Errors
    /// [`StoreError::TimelineMoved`]: another run has written it since it was read, so the findings must be compared with the new version.
    pub async fn put_in_force(&self, transaction: &mut Transaction<'static, Any>) -> Result<bool> {
        let Timeline { sample, series, version, .. } = self.timeline;
        let written = sqlx::query(
            "INSERT INTO timeline (sample, series, as_of, version, writer) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (sample, series) DO UPDATE SET \
             as_of=excluded.as_of, version=excluded.version, writer=excluded.writer WHERE timeline.as_of<=excluded.as_of AND timeline.version=$6",
        )
        .bind(i64::from(*sample))
        .bind(series)
        .bind(self.as_of.to_string())
        .bind(version + 1)
        .bind(self.writer)
        .bind(*version)
        .execute(&mut **transaction)
        .await?;
        if written.rows_affected() == 1 {
            return Ok(true);
        }
        let head = sqlx::query("SELECT as_of FROM timeline WHERE sample=$1 AND series=$2");
        let row = head.bind(i64::from(*sample)).bind(series).fetch_one(&mut **transaction).await?;
        if text(&row, "as_of")? > self.as_of.to_string() { Ok(false) } else { Err(StoreError::TimelineMoved) }
    }

    /// Removes the rows of this writer, or, where they are in force, those of older versions: what others write for the next one remains.
    pub async fn sweep(&self, database: &Database, is_in_force: bool) -> Result<()> {
        let condition = if is_in_force { "version<$3" } else { "version=$3 AND writer=$4" };
        let statement = format!("DELETE FROM timeline_part WHERE sample=$1 AND series=$2 AND {condition}");
        let Timeline { sample, series, version, .. } = self.timeline;
        let mut delete = sqlx::query(sql(statement)).bind(i64::from(*sample)).bind(series).bind(version + 1);
        if !is_in_force {
            delete = delete.bind(self.writer);
        }
        delete.execute(&database.pool).await?;
        Ok(())
    }
}
