//! What each unit was last notified of.

use crate::domain::judging::finding::Identity;
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, json, sql, text};
use crate::store::runs::{Run, RunInputs};
use chrono::NaiveDate;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use std::collections::{BTreeMap, HashMap};

/// What a unit was told, as it is stored: [rule, ledger, key, light].
pub(crate) type Lines = Vec<[String; 4]>;

/// What each unit was last notified of, and when.
#[derive(Clone, Copy, Debug)]
pub struct Notified<'a> {
    pub(super) database: &'a Database,
}

impl Notified<'_> {
    /// What each unit (by name) was last told of.
    pub async fn last(self, sample: bool) -> Result<HashMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows = sqlx::query("SELECT unit, rule, ledger, key, light FROM told WHERE sample=$1")
            .bind(i64::from(sample))
            .fetch_all(&self.database.pool)
            .await?;
        let mut out: HashMap<String, BTreeMap<Identity, Option<Light>>> = HashMap::new();
        for row in &rows {
            out.entry(text(row, "unit")?).or_default().insert(identity(row)?, light(&text(row, "light")?));
        }
        Ok(out)
    }

    /// What each unit had been told before the first revision of a slot that told it anything, for revisions before `revision`.
    pub async fn before_slot(self, job: &str, slot: &str, revision: i64) -> Result<BTreeMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows = sqlx::query(
            "SELECT h.unit, h.body FROM told_history h JOIN run r ON r.id=h.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 ORDER BY r.revision, h.unit",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .fetch_all(&self.database.pool)
        .await?;
        let mut out = BTreeMap::new();
        for row in &rows {
            let unit = text(row, "unit")?;
            let lines: Lines = json("told", &unit, &text(row, "body")?)?;
            let told = lines.into_iter().map(|[rule, ledger, key, code]| (Identity { rule, ledger, key }, light(&code))).collect();
            out.entry(unit).or_insert(told);
        }
        Ok(out)
    }

    /// What units (by name) count as told, where their last message did not and will not reach them: what they had been told before it. A
    /// message that is still waiting counts so too where the coming one of this job and slot will replace it.
    pub async fn instead_of_undelivered(self, job: &str, slot: &str) -> Result<BTreeMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows =
            sqlx::query(sql(format!("SELECT h.unit, h.body FROM (SELECT DISTINCT unit, run FROM told) t {NOT_TOLD} ORDER BY h.unit")))
                .bind(job)
                .bind(slot)
                .fetch_all(&self.database.pool)
                .await?;
        let mut out = BTreeMap::new();
        for row in &rows {
            let unit = text(row, "unit")?;
            let lines: Lines = json("told", &unit, &text(row, "body")?)?;
            let told = lines.into_iter().map(|[rule, ledger, key, code]| (Identity { rule, ledger, key }, light(&code))).collect();
            out.insert(unit, told);
        }
        Ok(out)
    }

    /// The day of the slot of the last digest each unit got, by unit name; the slot asked about does not count.
    pub async fn last_digest_days(self, sample: bool, job: &str, slot: &str) -> Result<HashMap<String, NaiveDate>> {
        let rows = sqlx::query(
            "SELECT id, slot, inputs FROM run WHERE NOT (job=$1 AND slot=$2) AND EXISTS (SELECT 1 FROM outbox WHERE outbox.run=run.id)",
        )
        .bind(job)
        .bind(slot)
        .fetch_all(&self.database.pool)
        .await?;
        let mut days: HashMap<String, NaiveDate> = HashMap::new();
        for row in &rows {
            let id = text(row, "id")?;
            let inputs: RunInputs = json("run", &id, &text(row, "inputs")?)?;
            let day = text(row, "slot")?.get(..10).and_then(|day| day.parse().ok());
            if let Some(day) = day.filter(|_| inputs.sample == sample) {
                days.insert(id, day);
            }
        }
        let rows = sqlx::query(
            // one that never reached the unit, or was only a test, was no digest
            "SELECT DISTINCT unit, run FROM outbox WHERE act='' AND test=0 AND (unknowns>0 OR state NOT IN ('refused','dead','superseded'))",
        )
        .fetch_all(&self.database.pool)
        .await?;
        let mut out: HashMap<String, NaiveDate> = HashMap::new();
        for row in &rows {
            if let Some(day) = days.get(&text(row, "run")?) {
                let last = out.entry(text(row, "unit")?).or_insert(*day);
                *last = (*last).max(*day);
            }
        }
        Ok(out)
    }
}

/// What had been told before messages (of the runs and units of `t`) that told nobody anything and never will: refused, given up or replaced
/// without ever having been taken, or waiting while a newer one of the same job (`$1`, its slot `$2`) is about to replace it. Another
/// message of the same run may have reached the unit.
const NOT_TOLD: &str = "JOIN told_history h ON h.run=t.run AND h.unit=t.unit JOIN run r ON r.id=t.run \
    JOIN outbox o ON o.run=t.run AND o.unit=t.unit \
    WHERE o.act='' AND o.unknowns=0 AND o.test=0 \
    AND (o.state IN ('refused','dead','superseded') OR (o.state IN ('pending','held') AND r.job=$1 AND r.slot<$2)) \
    AND NOT EXISTS (SELECT 1 FROM outbox a WHERE a.run=o.run AND a.unit=o.unit AND a.act='' AND a.id<>o.id \
    AND (a.unknowns>0 OR a.state IN ('accepted','pending','sending','unknown','held')))";

/// What a unit had been told before a run whose message never reached it, where that run is the last that spoke to it.
pub(crate) async fn not_told(transaction: &mut Transaction<'static, Any>, run: &Run, unit: &str) -> Result<Option<Lines>> {
    let row = sqlx::query(sql(format!("SELECT h.body FROM (SELECT DISTINCT unit, run FROM told WHERE unit=$3) t {NOT_TOLD}")))
        .bind(&run.job)
        .bind(&run.slot)
        .bind(unit)
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| json("told", unit, &text(&row, "body")?)).transpose()
}

pub(crate) fn light(code: &str) -> Option<Light> {
    Light::from_code(code)
}

fn identity(row: &AnyRow) -> Result<Identity> {
    Ok(Identity { rule: text(row, "rule")?, ledger: text(row, "ledger")?, key: text(row, "key")? })
}
