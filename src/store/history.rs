//! What is known of one finding or one code over time: the runs that closed quarters, who was told when, where a code was held.

use super::{Result, Store, json, number, text};
use crate::domain::finding::Identity;
use crate::domain::intake::Note;
use crate::domain::rule::Light;
use crate::store::runs::RunInputs;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// A unit was told of a finding by a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldOnce {
    pub unit: String,
    /// Day of the slot.
    pub on: String,
    /// `None` = as a cell to fill.
    pub light: Option<Light>,
    pub run: String,
    /// The message that said it: id, state, when it was settled.
    pub message: Option<(String, String, String)>,
}

/// The snapshots `first_seq..=last_seq` of a source hold a version of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub source: String,
    pub first_seq: i64,
    /// The largest number = it is still held.
    pub last_seq: i64,
}

/// A told line as `told_history` keeps it: rule, ledger, key, light.
type ToldLine = [String; 4];

impl Store {
    /// The last ended run of a job for exactly this day: what a closed quarter is read from.
    ///
    /// # Errors
    /// The database fails.
    pub async fn run_on(&self, job: &str, as_of: NaiveDate, sample: bool) -> Result<Option<String>> {
        let rows = sqlx::query(
            "SELECT id, inputs FROM run WHERE job=$1 AND as_of=$2 AND state IN ('done','partial') ORDER BY slot DESC, revision DESC",
        )
        .bind(job)
        .bind(as_of.to_string())
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let id = text(row, "id")?;
            let inputs: RunInputs = json("run", &id, &text(row, "inputs")?)?;
            // before the start day units only checked their rows: such a quarter counts for nothing
            if inputs.sample == sample && inputs.enforce_on.is_none_or(|start| as_of >= start) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Every time these units, and whoever was last told of it, were told of a finding, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn told_of(&self, of: &Identity, units: &BTreeSet<String>, sample: bool) -> Result<Vec<ToldOnce>> {
        let last = sqlx::query("SELECT unit, light, told_on, run FROM told WHERE rule=$1 AND ledger=$2 AND key=$3 AND sample=$4")
            .bind(&of.rule)
            .bind(&of.ledger)
            .bind(&of.key)
            .bind(i64::from(sample))
            .fetch_all(&self.pool)
            .await?;
        let mut now: BTreeMap<String, Option<Light>> = units.iter().map(|unit| (unit.clone(), None)).collect();
        let mut out = Vec::new();
        for row in &last {
            let unit = text(row, "unit")?;
            let light = Light::NAMES.iter().find(|(code, _)| text(row, "light").is_ok_and(|light| light == *code)).map(|(_, light)| *light);
            out.push(ToldOnce { unit: unit.clone(), on: text(row, "told_on")?, light, run: text(row, "run")?, message: None });
            now.insert(unit, light);
        }
        // what a unit knew before each telling is kept: what it knew after one is what it knew before the next
        let told_ever: BTreeSet<String> = sqlx::query("SELECT DISTINCT unit FROM told_history")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| text(row, "unit"))
            .collect::<Result<_>>()?;
        for unit in now.keys().filter(|unit| told_ever.contains(*unit)) {
            let rows = sqlx::query(
                "SELECT h.run, h.body, r.slot, r.inputs FROM told_history h JOIN run r ON r.id=h.run WHERE h.unit=$1 \
                 ORDER BY r.slot, r.revision, h.run",
            )
            .bind(unit)
            .fetch_all(&self.pool)
            .await?;
            let mut before: Option<(String, String)> = None;
            for row in &rows {
                let run = text(row, "run")?;
                let inputs: RunInputs = json("run", &run, &text(row, "inputs")?)?;
                if inputs.sample != sample {
                    continue;
                }
                if let Some((run, slot)) = before.take() {
                    let lines: Vec<ToldLine> = json("told", unit, &text(row, "body")?)?;
                    let line = lines.iter().find(|[rule, ledger, key, _]| (rule, ledger, key) == (&of.rule, &of.ledger, &of.key));
                    if let Some([.., code]) = line {
                        let light = Light::NAMES.iter().find(|(name, _)| name == code).map(|(_, light)| *light);
                        let on = slot.get(..10).unwrap_or_default().to_owned();
                        out.push(ToldOnce { unit: unit.clone(), on, light, run, message: None });
                    }
                }
                before = Some((run, text(row, "slot")?));
            }
        }
        for told in &mut out {
            let row = sqlx::query("SELECT id, state, settled_at FROM outbox WHERE run=$1 AND unit=$2 ORDER BY id LIMIT 1")
                .bind(&told.run)
                .bind(&told.unit)
                .fetch_optional(&self.pool)
                .await?;
            if let Some(row) = row {
                told.message = Some((text(&row, "id")?, text(&row, "state")?, text(&row, "settled_at")?));
            }
        }
        out.sort_by(|a, b| (&a.on, &a.run, &a.unit).cmp(&(&b.on, &b.run, &b.unit)));
        out.dedup_by(|a, b| (&a.run, &a.unit) == (&b.run, &b.unit));
        Ok(out)
    }

    /// Where a code was ever held, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn holdings(&self, ledger: &str, code: &str) -> Result<Vec<Holding>> {
        let rows =
            sqlx::query("SELECT source, first_seq, last_seq FROM record WHERE ledger=$1 AND code=$2 ORDER BY first_seq DESC, source")
                .bind(ledger)
                .bind(code)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                Ok(Holding { source: text(row, "source")?, first_seq: number(row, "first_seq")?, last_seq: number(row, "last_seq")? })
            })
            .collect()
    }

    /// Codes of a snapshot that begin with a text, at most `most`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn codes_from(&self, ledger: &str, source: &str, seq: i64, start: &str, most: i64) -> Result<Vec<String>> {
        // a comparison of prefixes instead of LIKE: a code may hold % and _
        let rows = sqlx::query(
            "SELECT code FROM record WHERE ledger=$1 AND source=$2 AND first_seq<=$3 AND last_seq>=$3 AND substr(code, 1, CAST($4 AS INTEGER))=$5 \
             ORDER BY code LIMIT $6",
        )
        .bind(ledger)
        .bind(source)
        .bind(seq)
        .bind(start.chars().count() as i64)
        .bind(start)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| text(row, "code")).collect()
    }

    /// What was noted of one code in a snapshot.
    ///
    /// # Errors
    /// The database fails.
    pub async fn notes_of(&self, ledger: &str, source: &str, seq: i64, code: &str) -> Result<Vec<Note>> {
        let rows = sqlx::query("SELECT body FROM intake_note WHERE ledger=$1 AND source=$2 AND seq=$3 AND code=$4 ORDER BY no")
            .bind(ledger)
            .bind(source)
            .bind(seq)
            .bind(code)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| json("note", code, &text(row, "body")?)).collect()
    }

    /// Which of these frozen texts are no longer there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn not_frozen(&self, files: &BTreeMap<String, String>) -> Result<Vec<String>> {
        let mut gone = Vec::new();
        for (path, sha256) in files {
            if sqlx::query("SELECT sha256 FROM frozen WHERE sha256=$1").bind(sha256).fetch_optional(&self.pool).await?.is_none() {
                gone.push(path.clone());
            }
        }
        Ok(gone)
    }
}
