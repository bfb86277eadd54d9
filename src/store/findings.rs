//! The findings of each run: deflated JSON lines, some hundred in one row, in the order of (rule, ledger, key), which is also the order of
//! the timeline.

use crate::domain::judging::finding::{Change, Identity};
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, StoreError, number, to_json};
use crate::store::runs::{Run, RunInputs};
use crate::store::timeline::{FindingState, RESOLVED, Timeline, TimelineWriter};
use chrono::NaiveDate;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Deserialize;
use sqlx::{Any, Row, Transaction};
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

impl Findings<'_> {
    /// Commits in one transaction: the findings of a run in the order of identities, the timeline if the run writes it, and the end of the
    /// step. A run that was interrupted therefore never compares its findings with its own timeline.
    ///
    /// # Errors
    /// The database fails, another process has taken the run over, two findings have one identity or are out of order, or the timeline
    /// has changed since it was read.
    pub async fn commit(
        self,
        run: &Run,
        step: &str,
        inputs: &RunInputs,
        found: impl IntoIterator<Item = Result<NewFinding>>,
        resolved: &[Identity],
        timeline: Option<(&Timeline, NaiveDate)>,
    ) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        crate::store::runs::advance(&mut transaction, run, step, inputs).await?;
        sqlx::query("DELETE FROM finding WHERE run=$1").bind(&run.id).execute(&mut *transaction).await?;
        let mut lives = match timeline {
            Some((old, as_of)) => TimelineWriter::begin(&mut transaction, old, inputs.sample, as_of, &run.id).await?,
            None => None,
        };
        let mut parts = PartWriter { run, part: 0, items: 0, text: Vec::with_capacity(PART_BYTES * 2) };
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
            if let Some(lives) = &mut lives {
                lives
                    .add(&mut transaction, &FindingState { identity: &finding.identity, light: finding.light, state: finding.state })
                    .await?;
            }
            parts.add(&mut transaction, &finding.body).await?;
            last = Some(finding.identity);
        }
        parts.write(&mut transaction).await?;
        if let Some(lives) = lives {
            lives.finish(&mut transaction).await?;
        }
        transaction.commit().await?;
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

    /// The findings that a run saw as escalated, eased or reopened, with their light and change. New findings are recognised by their lives
    /// in the timeline.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn moved_in(self, run: &str) -> Result<HashMap<Identity, (Option<Light>, Change)>> {
        let mut changed = HashMap::new();
        self.each(run, |finding| {
            let change = [Change::Escalated, Change::Eased, Change::Reopened].into_iter().find(|change| change.code() == finding.change);
            changed.extend(change.map(|change| (finding.identity(), (finding.light(), change))));
            Ok(())
        })
        .await?;
        Ok(changed)
    }

    /// The lights of the unresolved findings of a run, by identity; `None` = unjudged.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn lights_of(self, run: &str) -> Result<HashMap<Identity, Option<Light>>> {
        let mut lights = HashMap::new();
        self.each(run, |finding| {
            if finding.state != RESOLVED {
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
    Ok(NewFinding { identity: identity.clone(), light: None, state: RESOLVED, body })
}

/// Writes findings in rows of [`PART_BYTES`].
struct PartWriter<'a> {
    run: &'a Run,
    part: i64,
    items: i64,
    text: Vec<u8>,
}

impl PartWriter<'_> {
    async fn add(&mut self, transaction: &mut Transaction<'static, Any>, line: &str) -> Result<()> {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        self.items += 1;
        if self.text.len() >= PART_BYTES { self.write(transaction).await } else { Ok(()) }
    }

    async fn write(&mut self, transaction: &mut Transaction<'static, Any>) -> Result<()> {
        if self.items == 0 {
            return Ok(());
        }
        // the lines are similar: the fastest level already reduces them to a tenth
        let lost = |error: std::io::Error| StoreError::Internal(error.to_string());
        let mut packed = ZlibEncoder::new(Vec::with_capacity(PART_BYTES / 4), Compression::fast());
        packed.write_all(&self.text).map_err(lost)?;
        let body = packed.finish().map_err(lost)?;
        sqlx::query("INSERT INTO finding (run, part, items, body) VALUES ($1,$2,$3,$4)")
            .bind(&self.run.id)
            .bind(self.part)
            .bind(self.items)
            .bind(body)
            .execute(&mut **transaction)
            .await?;
        self.part += 1;
        self.items = 0;
        self.text.clear();
        Ok(())
    }
}
