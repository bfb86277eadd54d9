//! Runs: one row per (job, slot, revision). The ledger of runs is the truth about what was done.

use crate::domain::judging::indicators::Standing;
use crate::store::database::{ROWS_PER_STATEMENT, Result, Store, json, number, sql, text, to_json};
use chrono::NaiveDate;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
    /// Something that should have been made could not be: a source, a workbook, a mail.
    Partial,
    Failed,
}

impl RunState {
    pub const ALL: [RunState; 4] = [RunState::Running, RunState::Done, RunState::Partial, RunState::Failed];

    pub fn code(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Done => "done",
            RunState::Partial => "partial",
            RunState::Failed => "failed",
        }
    }

    pub fn parse(code: &str) -> RunState {
        RunState::ALL.into_iter().find(|state| state.code() == code).unwrap_or(RunState::Failed)
    }
}

/// A snapshot a run reads: (ledger, source, seq), sources in order of precedence.
pub type Pinned = (String, String, i64);

/// What a run was made from; fixed when its pull step ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInputs {
    pub snapshots: Vec<Pinned>,
    /// Configuration path → sha256 of its frozen text.
    pub files: BTreeMap<String, String>,
    /// Only the shipped sample held projects.
    pub sample: bool,
    /// The day acts above 提醒 begin; `None` on the sample.
    pub enforce_on: Option<NaiveDate>,
    /// What could not be made so far; a run with any is partial.
    pub faults: Vec<String>,
    /// The 导入报告 of the files that were read.
    #[serde(default)]
    pub intake_reports: Vec<String>,
    /// The number of the last answer that counts.
    #[serde(default)]
    pub answers: i64,
    /// The job's run before this one, with which figures are compared.
    #[serde(default)]
    pub before: Option<String>,
    /// The runs that closed the quarters before it, newest first and without a gap: what was red at their ends is read from them.
    #[serde(default)]
    pub closed: Vec<String>,
    /// What fixes the list of codes that have left the register.
    #[serde(default)]
    pub gone: Option<GonePin>,
}

/// The snapshots in force up to those pinned, and until when the office's confirmations count.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GonePin {
    /// Confirmations after this moment were not known.
    pub at: String,
    /// (ledger, source, numbers of its snapshots in force, in order of what they cover).
    pub history: Vec<(String, String, Vec<i64>)>,
}

#[derive(Clone, Debug)]
pub struct Run {
    pub id: String,
    pub job: String,
    pub slot: String,
    pub revision: i64,
    pub as_of: String,
    pub scheduled: bool,
    pub state: RunState,
    /// The last finished step; empty before the first.
    pub step: String,
    pub reason: String,
    pub fence: i64,
    pub started_at: String,
    pub finished_at: String,
    pub inputs: RunInputs,
    /// What was printed when it ended.
    pub result: String,
}

fn run(row: &AnyRow) -> Result<Run> {
    let id = text(row, "id")?;
    Ok(Run {
        inputs: json("run", &id, &text(row, "inputs")?)?,
        job: text(row, "job")?,
        slot: text(row, "slot")?,
        revision: number(row, "revision")?,
        as_of: text(row, "as_of")?,
        scheduled: number(row, "scheduled")? == 1,
        state: RunState::parse(&text(row, "state")?),
        step: text(row, "step")?,
        reason: text(row, "reason")?,
        fence: number(row, "fence")?,
        started_at: text(row, "started_at")?,
        finished_at: text(row, "finished_at")?,
        result: text(row, "result")?,
        id,
    })
}

impl Store {
    /// The newest revision of a run, if the slot was ever run.
    pub async fn run_of(&self, job: &str, slot: &str) -> Result<Option<Run>> {
        let row = sqlx::query("SELECT * FROM run WHERE job=$1 AND slot=$2 ORDER BY revision DESC LIMIT 1")
            .bind(job)
            .bind(slot)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(run).transpose()
    }

    pub async fn run(&self, id: &str) -> Result<Option<Run>> {
        let row = sqlx::query("SELECT * FROM run WHERE id=$1").bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(run).transpose()
    }

    /// The latest runs, newest first.
    pub async fn runs(&self, limit: i64) -> Result<Vec<Run>> {
        let rows = sqlx::query("SELECT * FROM run ORDER BY started_at DESC, id DESC LIMIT $1").bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(run).collect()
    }

    /// Makes the row of a run, or finds the one that is there. Another process that makes it first wins.
    pub async fn open_run(&self, job: &str, slot: &str, revision: i64, as_of: NaiveDate, scheduled: bool, now: &str) -> Result<Run> {
        let id = format!("{job}@{slot}#{revision}");
        sqlx::query(
            "INSERT INTO run (id, job, slot, revision, as_of, scheduled, state, step, reason, fence, lease_until, started_at, finished_at, inputs, result) \
             VALUES ($1,$2,$3,$4,$5,$6,$7,'','',0,'',$8,'',$9,'') ON CONFLICT DO NOTHING",
        )
        .bind(&id)
        .bind(job)
        .bind(slot)
        .bind(revision)
        .bind(as_of.to_string())
        .bind(i64::from(scheduled))
        .bind(RunState::Running.code())
        .bind(now)
        .bind(to_json(&RunInputs::default())?)
        .execute(&self.pool)
        .await?;
        self.run(&id).await?.ok_or_else(|| crate::store::database::StoreError::Lost(format!("run {id} vanished")))
    }

    /// Takes a run that nobody works on. `None` = another process holds it or it has ended.
    pub async fn claim_run(&self, id: &str, now: &str, lease_until: &str) -> Result<Option<Run>> {
        // the row as this claim made it: a second look could already show the fence of the next holder
        let row =
            sqlx::query("UPDATE run SET fence=fence+1, lease_until=$3, holder=$5 WHERE id=$1 AND state=$4 AND lease_until<$2 RETURNING *")
                .bind(id)
                .bind(now)
                .bind(lease_until)
                .bind(RunState::Running.code())
                .bind(&self.holder)
                .fetch_optional(&self.pool)
                .await?;
        row.as_ref().map(run).transpose()
    }

    /// Ends the claim that a dead process of this machine and root left on a run. The caller holds the run's file lock, which a live one
    /// would hold.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_back_run(&self, id: &str) -> Result<()> {
        sqlx::query("UPDATE run SET lease_until='' WHERE id=$1 AND holder=$2 AND state=$3")
            .bind(id)
            .bind(&self.holder)
            .bind(RunState::Running.code())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Keeps a claimed run; `false` when it was taken over.
    pub async fn renew_run(&self, run: &Run, lease_until: &str) -> Result<bool> {
        let done = sqlx::query("UPDATE run SET lease_until=$3 WHERE id=$1 AND fence=$2 AND state=$4")
            .bind(&run.id)
            .bind(run.fence)
            .bind(lease_until)
            .bind(RunState::Running.code())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a claimed run back unfinished, so that the next start takes it at once.
    pub async fn release_run(&self, run: &Run) -> Result<()> {
        sqlx::query("UPDATE run SET lease_until='' WHERE id=$1 AND fence=$2").bind(&run.id).bind(run.fence).execute(&self.pool).await?;
        Ok(())
    }

    /// Records the end of a step with the inputs as they now stand.
    pub async fn finish_step(&self, run: &Run, step: &str, inputs: &RunInputs) -> Result<()> {
        let mut transaction = self.begin().await?;
        advance(&mut transaction, run, step, inputs).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a run.
    pub async fn finish_run(&self, run: &Run, state: RunState, reason: &str, result: &str, now: &str) -> Result<()> {
        let done = sqlx::query(
            "UPDATE run SET state=$3, reason=$4, result=$5, finished_at=$6, lease_until='' WHERE id=$1 AND fence=$2 AND state=$7",
        )
        .bind(&run.id)
        .bind(run.fence)
        .bind(state.code())
        .bind(reason)
        .bind(result)
        .bind(now)
        .bind(RunState::Running.code())
        .execute(&self.pool)
        .await?;
        fenced(done.rows_affected(), run)
    }

    /// Opens a run that had failed, to be tried again from its beginning: what made it fail may be in the texts that it froze.
    pub async fn reopen_run(&self, id: &str) -> Result<()> {
        sqlx::query("UPDATE run SET state=$2, step='', lease_until='', reason='', finished_at='' WHERE id=$1 AND state=$3")
            .bind(id)
            .bind(RunState::Running.code())
            .bind(RunState::Failed.code())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Runs that nobody finished and no other machine holds; one that this machine holds may be a dead process's.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orphaned_runs(&self, now: &str) -> Result<Vec<Run>> {
        let rows = sqlx::query("SELECT * FROM run WHERE state=$1 AND (lease_until<$2 OR holder=$3) ORDER BY started_at, id")
            .bind(RunState::Running.code())
            .bind(now)
            .bind(&self.holder)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(run).collect()
    }

    /// The local time up to which a job's slots are settled.
    pub async fn settled_until(&self, job: &str) -> Result<Option<String>> {
        let row = sqlx::query("SELECT settled_until FROM job_state WHERE job=$1").bind(job).fetch_optional(&self.pool).await?;
        row.map(|row| text(&row, "settled_until")).transpose()
    }

    /// Moves a job's schedule on, never back.
    pub async fn settle_until(&self, job: &str, until: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO job_state (job, settled_until) VALUES ($1,$2) ON CONFLICT (job) DO UPDATE SET settled_until=excluded.settled_until \
             WHERE job_state.settled_until < excluded.settled_until",
        )
        .bind(job)
        .bind(until)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stores texts by their sha256 and returns path → sha256.
    pub async fn freeze(&self, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let named: Vec<(String, String, &String)> =
            files.iter().map(|(path, body)| (path.clone(), hex::encode(digest(&SHA256, body.as_bytes())), body)).collect();
        for part in named.chunks(ROWS_PER_STATEMENT) {
            let statement =
                format!("INSERT INTO frozen (sha256, body) VALUES {} ON CONFLICT DO NOTHING", self.dialect.values(part.len(), 2));
            let mut query = sqlx::query(sql(statement));
            for (_, sha256, body) in part {
                query = query.bind(sha256).bind(body.as_str());
            }
            query.execute(&self.pool).await?;
        }
        Ok(named.into_iter().map(|(path, sha256, _)| (path, sha256)).collect())
    }

    /// The texts frozen under path → sha256.
    pub async fn thaw(&self, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let mut out = BTreeMap::new();
        for (path, sha256) in files {
            let row = sqlx::query("SELECT body FROM frozen WHERE sha256=$1").bind(sha256).fetch_one(&self.pool).await?;
            out.insert(path.clone(), text(&row, "body")?);
        }
        Ok(out)
    }

    /// Records workbooks of a run: path, sha256, bytes. One transaction.
    pub async fn add_reports(&self, run: &Run, files: &[(String, String, u64)]) -> Result<()> {
        let mut transaction = self.begin().await?;
        for (path, sha256, bytes) in files {
            sqlx::query(
                "INSERT INTO report_file (run, path, sha256, bytes) VALUES ($1,$2,$3,$4) \
                 ON CONFLICT (run, path) DO UPDATE SET sha256=excluded.sha256, bytes=excluded.bytes",
            )
            .bind(&run.id)
            .bind(path)
            .bind(sha256)
            .bind(*bytes as i64)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Keeps what a run's rates were reckoned from; judged again, it is the last that counts.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn keep_standing(&self, run: &Run, standing: &Standing) -> Result<()> {
        let kept = sqlx::query(
            "INSERT INTO run_indicators (run, body) SELECT id, $3 FROM run WHERE id=$1 AND fence=$2 \
             ON CONFLICT (run) DO UPDATE SET body=excluded.body",
        )
        .bind(&run.id)
        .bind(run.fence)
        .bind(to_json(standing)?)
        .execute(&self.pool)
        .await?;
        fenced(kept.rows_affected(), run)
    }

    /// The workbooks of a run: path, sha256, bytes.
    pub async fn reports(&self, run: &str) -> Result<Vec<(String, String, i64)>> {
        let rows =
            sqlx::query("SELECT path, sha256, bytes FROM report_file WHERE run=$1 ORDER BY path").bind(run).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((text(row, "path")?, text(row, "sha256")?, number(row, "bytes")?))).collect()
    }
}

/// Moves a claimed run past a step, inside the transaction that holds the step's work.
pub(crate) async fn advance(transaction: &mut Transaction<'static, Any>, run: &Run, step: &str, inputs: &RunInputs) -> Result<()> {
    let done = sqlx::query("UPDATE run SET step=$3, inputs=$4 WHERE id=$1 AND fence=$2 AND state=$5")
        .bind(&run.id)
        .bind(run.fence)
        .bind(step)
        .bind(to_json(inputs)?)
        .bind(RunState::Running.code())
        .execute(&mut **transaction)
        .await?;
    fenced(done.rows_affected(), run)
}

fn fenced(rows: u64, run: &Run) -> Result<()> {
    if rows == 1 {
        Ok(())
    } else {
        Err(crate::store::database::StoreError::Lost(format!("run {} was taken over by another process", run.id)))
    }
}
