//! Findings of each run, the one timeline of each finding, and what each recipient was last told.

use super::{ROWS_PER_STATEMENT, Result, Store, number, sql, text};
use crate::domain::finding::Identity;
use crate::domain::rule::Light;
use crate::store::runs::Run;
use chrono::NaiveDate;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, HashMap};

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
    /// Replaces a run's findings, in one transaction with nothing else.
    pub async fn put_findings(&self, run: &Run, findings: &[StoredFinding]) -> Result<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM finding WHERE run=$1").bind(&run.id).execute(&mut *transaction).await?;
        for part in findings.chunks(ROWS_PER_STATEMENT) {
            let statement = format!(
                "INSERT INTO finding (run, rule, ledger, key, unit, light, state, change, body) VALUES {}",
                self.dialect.values(part.len(), 9)
            );
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
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The lights of the findings of a run, by identity; `None` = unjudged.
    pub async fn lights_of(&self, run: &str) -> Result<HashMap<Identity, Option<Light>>> {
        let rows = sqlx::query("SELECT rule, ledger, key, light FROM finding WHERE run=$1").bind(run).fetch_all(&self.pool).await?;
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
            let inputs: super::runs::RunInputs = super::json("run", &id, &text(row, "inputs")?)?;
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

    /// Writes the state of every finding on `as_of`; what was open before and is no more becomes resolved, except `unseen` keys (gone
    /// or not judged this time), which stay.
    pub async fn write_timeline(
        &self,
        run: &Run,
        as_of: NaiveDate,
        sample: bool,
        now: &[(Identity, Option<Light>, String)],
        resolved: &[Identity],
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let as_of = as_of.to_string();
        for part in now.chunks(ROWS_PER_STATEMENT) {
            let statement = format!(
                "INSERT INTO timeline (rule, ledger, key, state, light, first_on, changed_on, as_of, run, sample) VALUES {} \
                 ON CONFLICT (rule, ledger, key) DO UPDATE SET \
                 changed_on=CASE WHEN timeline.state=excluded.state AND timeline.light=excluded.light THEN timeline.changed_on ELSE excluded.as_of END, \
                 first_on=CASE WHEN timeline.sample=excluded.sample THEN timeline.first_on ELSE excluded.first_on END, \
                 state=excluded.state, light=excluded.light, as_of=excluded.as_of, run=excluded.run, sample=excluded.sample",
                self.dialect.values(part.len(), 10)
            );
            let mut query = sqlx::query(sql(statement));
            for (identity, light, state) in part {
                query = query
                    .bind(&identity.rule)
                    .bind(&identity.ledger)
                    .bind(&identity.key)
                    .bind(state)
                    .bind(light.map_or("", Light::code))
                    .bind(&as_of)
                    .bind(&as_of)
                    .bind(&as_of)
                    .bind(&run.id)
                    .bind(i64::from(sample));
            }
            query.execute(&mut *transaction).await?;
        }
        for identity in resolved {
            sqlx::query("UPDATE timeline SET state='resolved', changed_on=$4, as_of=$4, run=$5 WHERE rule=$1 AND ledger=$2 AND key=$3")
                .bind(&identity.rule)
                .bind(&identity.ledger)
                .bind(&identity.key)
                .bind(&as_of)
                .bind(&run.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
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

    /// The latest as_of whose digests a unit got, by unit name.
    pub async fn last_told_on(&self, sample: bool) -> Result<HashMap<String, NaiveDate>> {
        let rows = sqlx::query("SELECT unit, MAX(told_on) AS told_on FROM told WHERE sample=$1 GROUP BY unit")
            .bind(i64::from(sample))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((text(row, "unit")?, text(row, "told_on")?.parse().unwrap_or_default()))).collect()
    }

    /// How many findings a run stored.
    pub async fn finding_count(&self, run: &str) -> Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM finding WHERE run=$1").bind(run).fetch_one(&self.pool).await?;
        number(&row, "n")
    }
}
