//! Findings of each run, the one timeline of each finding, and what each recipient was last told.

use super::{ROWS_PER_STATEMENT, Result, Store, number, sql, text};
use crate::domain::finding::{Change, Identity};
use crate::domain::rule::Light;
use crate::store::runs::{Run, RunInputs};
use chrono::NaiveDate;
use serde::Deserialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// The state of a finding that is over.
pub const RESOLVED: &str = "resolved";

/// A finding as a run stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFinding {
    pub identity: Identity,
    pub unit: String,
    pub light: Option<Light>,
    pub state: String,
    pub change: String,
    /// The JSON that `duban findings` prints.
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
    #[serde(borrow, default)]
    light: Option<Cow<'a, str>>,
    /// open, exempt, unjudged, resolved
    #[serde(borrow)]
    pub state: Cow<'a, str>,
    /// The unit that owes an answer on the project.
    #[serde(borrow, default)]
    pub waiting_on: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub cause: Option<Cow<'a, str>>,
}

impl StoredFacts<'_> {
    pub fn light(&self) -> Option<Light> {
        self.light.as_deref().and_then(light)
    }

    pub fn identity(&self) -> Identity {
        Identity { rule: self.rule.to_string(), ledger: self.ledger.to_string(), key: self.key.to_string() }
    }
}

/// One finding's life so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    pub light: Option<Light>,
    /// open, exempt, unjudged, resolved
    pub state: String,
    pub first_on: NaiveDate,
    pub as_of: NaiveDate,
}

fn light(code: &str) -> Option<Light> {
    Light::NAMES.iter().find(|(name, _)| *name == code).map(|(_, light)| *light)
}

fn identity(row: &AnyRow) -> Result<Identity> {
    Ok(Identity { rule: text(row, "rule")?, ledger: text(row, "ledger")?, key: text(row, "key")? })
}

impl Store {
    /// Commits what a run found, with the timeline where it writes one, and the end of the step: all or nothing, so that a run that
    /// broke off compares with what was known before it, not with itself.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn commit_detect(
        &self,
        run: &Run,
        step: &str,
        inputs: &RunInputs,
        found: impl IntoIterator<Item = Result<StoredFinding>>,
        resolved: &[Identity],
        timeline: Option<NaiveDate>,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        super::runs::advance(&mut transaction, run, step, inputs).await?;
        sqlx::query("DELETE FROM finding WHERE run=$1").bind(&run.id).execute(&mut *transaction).await?;
        let over = resolved.iter().map(|identity| {
            Ok(StoredFinding {
                identity: identity.clone(),
                unit: String::new(),
                light: None,
                state: RESOLVED.into(),
                change: RESOLVED.into(),
                body: String::new(),
            })
        });
        let as_of = timeline.map(|as_of| as_of.to_string());
        let mut rows = found.into_iter().chain(over);
        let mut part = Vec::with_capacity(ROWS_PER_STATEMENT);
        loop {
            part.clear();
            for row in rows.by_ref().take(ROWS_PER_STATEMENT) {
                part.push(row?);
            }
            if part.is_empty() {
                break;
            }
            self.write_findings(&mut transaction, run, &part).await?;
            if let Some(as_of) = &as_of {
                self.write_timeline(&mut transaction, run, as_of, i64::from(inputs.sample), &part).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn write_findings(&self, transaction: &mut Transaction<'static, Any>, run: &Run, part: &[StoredFinding]) -> Result<()> {
        let values = self.dialect.values(part.len(), 9);
        let statement = format!("INSERT INTO finding (run, rule, ledger, key, unit, light, state, change, body) VALUES {values}");
        let mut query = sqlx::query(sql(statement));
        for finding in part {
            query = query
                .bind(&run.id)
                .bind(&finding.identity.rule)
                .bind(&finding.identity.ledger)
                .bind(&finding.identity.key)
                .bind(&finding.unit)
                .bind(finding.light.map_or("", Light::code))
                .bind(&finding.state)
                .bind(&finding.change)
                .bind(&finding.body);
        }
        query.execute(&mut **transaction).await?;
        Ok(())
    }

    /// Writes the state of every finding; what is over becomes resolved, what the register no longer holds stays as it was. A life that a
    /// run of a later day wrote meanwhile stays too.
    async fn write_timeline(
        &self,
        transaction: &mut Transaction<'static, Any>,
        run: &Run,
        as_of: &str,
        sample: i64,
        part: &[StoredFinding],
    ) -> Result<()> {
        let statement = format!(
            "INSERT INTO timeline (rule, ledger, key, state, light, first_on, changed_on, as_of, run, sample) VALUES {} \
             ON CONFLICT (rule, ledger, key) DO UPDATE SET \
             changed_on=CASE WHEN timeline.state=excluded.state AND timeline.light=excluded.light AND timeline.sample=excluded.sample \
             THEN timeline.changed_on ELSE excluded.as_of END, \
             first_on=CASE WHEN timeline.sample=excluded.sample THEN timeline.first_on ELSE excluded.first_on END, \
             state=excluded.state, light=excluded.light, as_of=excluded.as_of, run=excluded.run, sample=excluded.sample \
             WHERE timeline.as_of<=excluded.as_of OR timeline.sample<>excluded.sample",
            self.dialect.values(part.len(), 10)
        );
        let mut query = sqlx::query(sql(statement));
        for finding in part {
            query = query
                .bind(&finding.identity.rule)
                .bind(&finding.identity.ledger)
                .bind(&finding.identity.key)
                .bind(&finding.state)
                .bind(finding.light.map_or("", Light::code))
                .bind(as_of)
                .bind(as_of)
                .bind(as_of)
                .bind(&run.id)
                .bind(sample);
        }
        query.execute(&mut **transaction).await?;
        Ok(())
    }

    /// Hands each finding that a run stored, what was over excepted, to `take`, in the order of identities.
    ///
    /// # Errors
    /// The database fails, a row is damaged, or `take` refuses.
    pub async fn each_finding(&self, run: &str, mut take: impl FnMut(&StoredFacts<'_>) -> Result<()>) -> Result<()> {
        let rows = sqlx::query("SELECT body FROM finding WHERE run=$1 AND state<>'resolved' ORDER BY rule, ledger, key")
            .bind(run)
            .fetch_all(&self.pool)
            .await?;
        for row in &rows {
            let body = text(row, "body")?;
            let facts = serde_json::from_str(&body).map_err(|error| super::StoreError::Damaged {
                what: "finding",
                key: run.to_owned(),
                detail: error.to_string(),
            })?;
            take(&facts)?;
        }
        Ok(())
    }

    /// How the findings of a run stood against what was known before it, and what was over.
    pub async fn changes_of(&self, run: &str) -> Result<(HashMap<Identity, Change>, Vec<Identity>)> {
        let rows = sqlx::query("SELECT rule, ledger, key, state, change FROM finding WHERE run=$1 ORDER BY rule, ledger, key")
            .bind(run)
            .fetch_all(&self.pool)
            .await?;
        let (mut changes, mut resolved) = (HashMap::new(), Vec::new());
        for row in &rows {
            let change = text(row, "change")?;
            match Change::NAMES.iter().find(|(name, _)| *name == change) {
                Some((_, change)) => {
                    changes.insert(identity(row)?, *change);
                }
                None => resolved.push(identity(row)?),
            }
        }
        Ok((changes, resolved))
    }

    /// The lights of the findings of a run, by identity; `None` = unjudged.
    pub async fn lights_of(&self, run: &str) -> Result<HashMap<Identity, Option<Light>>> {
        let rows = sqlx::query("SELECT rule, ledger, key, light FROM finding WHERE run=$1 AND state<>'resolved'")
            .bind(run)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((identity(row)?, light(&text(row, "light")?)))).collect()
    }

    /// The last ended run of a job with an as_of before this day.
    pub async fn run_before(&self, job: &str, as_of: NaiveDate, sample: bool) -> Result<Option<String>> {
        // a run on the shipped sample is no history of the office's own register
        let rows = sqlx::query(
            "SELECT id, inputs FROM run WHERE job=$1 AND as_of<$2 AND state IN ('done','partial') ORDER BY as_of DESC, revision DESC",
        )
        .bind(job)
        .bind(as_of.to_string())
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let id = text(row, "id")?;
            let inputs: RunInputs = super::json("run", &id, &text(row, "inputs")?)?;
            if inputs.sample == sample {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Every life known, of the sample or of the office's register.
    pub async fn timeline(&self, sample: bool) -> Result<HashMap<Identity, Life>> {
        let rows = sqlx::query("SELECT * FROM timeline WHERE sample=$1").bind(i64::from(sample)).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let life = Life {
                    light: light(&text(row, "light")?),
                    state: text(row, "state")?,
                    first_on: text(row, "first_on")?.parse().unwrap_or_default(),
                    as_of: text(row, "as_of")?.parse().unwrap_or_default(),
                };
                Ok((identity(row)?, life))
            })
            .collect()
    }

    /// The latest as_of any run has written the timeline for.
    pub async fn timeline_as_of(&self, sample: bool) -> Result<Option<NaiveDate>> {
        let row = sqlx::query("SELECT COALESCE(MAX(as_of), '') AS as_of FROM timeline WHERE sample=$1")
            .bind(i64::from(sample))
            .fetch_one(&self.pool)
            .await?;
        Ok(text(&row, "as_of")?.parse().ok())
    }

    /// What each unit (by name) was last told of.
    pub async fn told(&self, sample: bool) -> Result<HashMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows = sqlx::query("SELECT unit, rule, ledger, key, light FROM told WHERE sample=$1")
            .bind(i64::from(sample))
            .fetch_all(&self.pool)
            .await?;
        let mut out: HashMap<String, BTreeMap<Identity, Option<Light>>> = HashMap::new();
        for row in &rows {
            out.entry(text(row, "unit")?).or_default().insert(identity(row)?, light(&text(row, "light")?));
        }
        Ok(out)
    }

    /// What each unit had been told before the first revision of a slot that told it anything, for revisions before `revision`.
    pub async fn told_before_slot(
        &self,
        job: &str,
        slot: &str,
        revision: i64,
    ) -> Result<BTreeMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows = sqlx::query(
            "SELECT h.unit, h.body FROM told_history h JOIN run r ON r.id=h.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 ORDER BY r.revision, h.unit",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .fetch_all(&self.pool)
        .await?;
        let mut out = BTreeMap::new();
        for row in &rows {
            let unit = text(row, "unit")?;
            let lines: Vec<[String; 4]> = super::json("told", &unit, &text(row, "body")?)?;
            let told = lines.into_iter().map(|[rule, ledger, key, code]| (Identity { rule, ledger, key }, light(&code))).collect();
            out.entry(unit).or_insert(told);
        }
        Ok(out)
    }

    /// The day of the slot of the last digest each unit got, by unit name; the slot asked about does not count.
    pub async fn last_digest_on(&self, sample: bool, job: &str, slot: &str) -> Result<HashMap<String, NaiveDate>> {
        let rows = sqlx::query(
            "SELECT id, slot, inputs FROM run WHERE NOT (job=$1 AND slot=$2) AND EXISTS (SELECT 1 FROM outbox WHERE outbox.run=run.id)",
        )
        .bind(job)
        .bind(slot)
        .fetch_all(&self.pool)
        .await?;
        let mut days: HashMap<String, NaiveDate> = HashMap::new();
        for row in &rows {
            let id = text(row, "id")?;
            let inputs: RunInputs = super::json("run", &id, &text(row, "inputs")?)?;
            let day = text(row, "slot")?.get(..10).and_then(|day| day.parse().ok());
            if let Some(day) = day.filter(|_| inputs.sample == sample) {
                days.insert(id, day);
            }
        }
        let rows = sqlx::query("SELECT DISTINCT unit, run FROM outbox").fetch_all(&self.pool).await?;
        let mut out: HashMap<String, NaiveDate> = HashMap::new();
        for row in &rows {
            if let Some(day) = days.get(&text(row, "run")?) {
                let last = out.entry(text(row, "unit")?).or_insert(*day);
                *last = (*last).max(*day);
            }
        }
        Ok(out)
    }

    /// How many findings a run stored.
    pub async fn finding_count(&self, run: &str) -> Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM finding WHERE run=$1").bind(run).fetch_one(&self.pool).await?;
        number(&row, "n")
    }
}
