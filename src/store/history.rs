//! What is known of one finding or one code over time: the runs that closed quarters, who was told when, where a code was held.

use crate::domain::intake::note::Note;
use crate::domain::judging::finding::Identity;
use crate::domain::judging::indicators::Standing;
use crate::domain::rules::rule::Light;
use crate::store::database::{Result, Store, json, number, text};
use crate::store::outbox::Wanted;
use crate::store::runs::RunInputs;
use chrono::NaiveDate;
use std::collections::BTreeMap;

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

    /// What a run's rates were reckoned from; `None` for a run that kept nothing.
    ///
    /// # Errors
    /// The database fails, or what was kept is damaged.
    pub async fn standing(&self, run: &str) -> Result<Option<Standing>> {
        let row = sqlx::query("SELECT body FROM run_indicators WHERE run=$1").bind(run).fetch_optional(&self.pool).await?;
        row.map(|row| json("indicators", run, &text(&row, "body")?)).transpose()
    }

    /// Every message that told a unit of a finding, oldest first, however it ended. Trials that went to the test box told nobody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn told_of(&self, of: &Identity, sample: bool) -> Result<Vec<ToldOnce>> {
        let mut out = Vec::new();
        let wanted = Wanted { finding: Some((of.rule.clone(), of.key.clone())), ..Wanted::default() };
        for message in self.messages(&wanted).await?.into_iter().filter(|message| !message.test && message.act.is_empty()) {
            let Some(light) = self.told_in(&message, &of.rule, &of.key).await? else { continue };
            let Some(run) = self.run(&message.run).await?.filter(|run| run.inputs.sample == sample) else { continue };
            let on = run.slot.get(..10).unwrap_or_default().to_owned();
            let ended = (message.id, message.state.code().to_owned(), message.settled_at);
            out.push(ToldOnce { unit: message.unit, on, light, run: run.id, message: Some(ended) });
        }
        out.sort_by(|a, b| (&a.on, &a.run, &a.unit, &a.message).cmp(&(&b.on, &b.run, &b.unit, &b.message)));
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
