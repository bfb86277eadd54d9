//! Findings of each run, packed some hundred to a row, and what each recipient was last told.

use crate::domain::judging::finding::{Change, Identity};
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, StoreError, number};
use crate::store::runs::{Run, RunInputs};
use crate::store::timeline::{Line, RESOLVED, Rewriting, Timeline};
use chrono::NaiveDate;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Deserialize;
use sqlx::{Any, Row, Transaction};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};

/// A finding as a run stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFinding {
    pub identity: Identity,
    pub light: Option<Light>,
    /// open, exempt, unjudged
    pub state: &'static str,
    /// The JSON object, on one line, that `duban findings` prints.
    pub body: String,
}

/// What is read of a stored finding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StoredFacts<'a> {
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    #[serde(borrow)]
    pub ledger: Cow<'a, str>,
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// The owner as a person reads it.
    #[serde(borrow, default)]
    pub unit: Cow<'a, str>,
    #[serde(borrow, default)]
    light: Option<Cow<'a, str>>,
    /// open, exempt, unjudged, resolved
    #[serde(borrow)]
    pub state: Cow<'a, str>,
    /// How it stood against what was known; `resolved` where it is over.
    #[serde(borrow)]
    pub change: Cow<'a, str>,
    /// The unit that owes an answer on the project.
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

/// Bytes of JSON that are packed into one row.
const PART_BYTES: usize = 256 * 1024;

/// The findings that runs have stored.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    pub(super) database: &'a Database,
}

impl Findings<'_> {
    /// Commits what a run found, in the order of identities, with the timeline where it writes one, and the end of the step: all or
    /// nothing, so that a run that broke off compares with what was known before it, not with itself.
    ///
    /// # Errors
    /// The database fails, another process has taken the run over, two findings have one identity or are out of order, or the timeline
    /// is no longer the one that was compared with.
    pub async fn commit(
        self,
        run: &Run,
        step: &str,
        inputs: &RunInputs,
        found: impl IntoIterator<Item = Result<StoredFinding>>,
        resolved: &[Identity],
        timeline: Option<(&Timeline, NaiveDate)>,
    ) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        crate::store::runs::advance(&mut transaction, run, step, inputs).await?;
        sqlx::query("DELETE FROM finding WHERE run=$1").bind(&run.id).execute(&mut *transaction).await?;
        let mut lives = match timeline {
            Some((old, as_of)) => Rewriting::begin(&mut transaction, old, inputs.sample, as_of, &run.id).await?,
            None => None,
        };
        let mut parts = Parts { run, part: 0, items: 0, text: Vec::with_capacity(PART_BYTES * 2) };
        let mut found = found.into_iter().peekable();
        let mut over = resolved.iter().peekable();
        let mut last: Option<Identity> = None;
        loop {
            let is_over = match (found.peek(), over.peek()) {
                (Some(Ok(finding)), Some(identity)) => **identity < finding.identity,
                (Some(_), _) => false,
                (None, Some(_)) => true,
                (None, None) => break,
            };
            let finding = if is_over {
                let Some(identity) = over.next() else { break };
                over_of(identity)?
            } else {
                let Some(finding) = found.next() else { break };
                finding?
            };
            if last.as_ref().is_some_and(|last| *last >= finding.identity) {
                return Err(StoreError::Lost(format!("a finding out of order: {:?}", finding.identity)));
            }
            if let Some(lives) = &mut lives {
                lives.take(&mut transaction, &Line { identity: &finding.identity, light: finding.light, state: finding.state }).await?;
            }
            parts.take(&mut transaction, &finding.body).await?;
            last = Some(finding.identity);
        }
        parts.write(&mut transaction).await?;
        if let Some(lives) = lives {
            lives.end(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Hands each finding that a run stored to `take`, in the order of identities, what was over among them. Memory holds one part.
    ///
    /// # Errors
    /// The database fails, a row is damaged, or `take` refuses.
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

    /// How the findings of a run stood against what was known before it, and what was over.
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

    /// The findings of a run that did not stand as before, with the light and the change it saw; those that are new are known by their lives.
    pub async fn moved_in(self, run: &str) -> Result<HashMap<Identity, (Option<Light>, Change)>> {
        let mut moved = HashMap::new();
        self.each(run, |finding| {
            let change = [Change::Escalated, Change::Eased, Change::Reopened].into_iter().find(|change| change.code() == finding.change);
            moved.extend(change.map(|change| (finding.identity(), (finding.light(), change))));
            Ok(())
        })
        .await?;
        Ok(moved)
    }

    /// The lights of the findings of a run, by identity; `None` = unjudged.
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

    /// How many findings a run stored, what was over among them.
    pub async fn count(self, run: &str) -> Result<i64> {
        // PostgreSQL adds whole numbers up to a decimal
        let row = sqlx::query("SELECT CAST(COALESCE(SUM(items), 0) AS BIGINT) AS n FROM finding WHERE run=$1")
            .bind(run)
            .fetch_one(&self.database.pool)
            .await?;
        number(&row, "n")
    }
}

fn over_of(identity: &Identity) -> Result<StoredFinding> {
    let Identity { rule, ledger, key } = identity;
    let body = crate::store::database::to_json(
        &serde_json::json!({"rule": rule, "ledger": ledger, "key": key, "state": RESOLVED, "change": RESOLVED}),
    )?;
    Ok(StoredFinding { identity: identity.clone(), light: None, state: RESOLVED, body })
}

/// Findings on their way into rows of [`PART_BYTES`].
struct Parts<'a> {
    run: &'a Run,
    part: i64,
    items: i64,
    text: Vec<u8>,
}

impl Parts<'_> {
    async fn take(&mut self, transaction: &mut Transaction<'static, Any>, line: &str) -> Result<()> {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        self.items += 1;
        if self.text.len() >= PART_BYTES { self.write(transaction).await } else { Ok(()) }
    }

    async fn write(&mut self, transaction: &mut Transaction<'static, Any>) -> Result<()> {
        if self.items == 0 {
            return Ok(());
        }
        // the lines repeat one another: the quickest level already leaves a tenth
        let lost = |error: std::io::Error| StoreError::Lost(error.to_string());
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
