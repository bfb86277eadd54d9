//! Runs: one row per (job, slot, revision). This table decides what was done.

use crate::domain::notify::inputs::{Unsigned, Yields};
use crate::domain::register::data_condition::DataCondition;
use crate::store::database::{Database, Result, StoreError, json, number, parameters, sql, text, to_json};
use crate::store::run_result;
use crate::store::run_result::{RunFault, RunResult};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::error::DatabaseError;
use sqlx::{Any, Transaction};
use std::collections::BTreeMap;

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
    /// Ended, but a source could not be read, or a workbook or mail could not be made.
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

    /// The run has findings and workbooks with which later ones compare.
    pub fn has_result(self) -> bool {
        matches!(self, RunState::Done | RunState::Partial)
    }

    /// The states for which a condition holds.
    fn all_that(holds: fn(RunState) -> bool) -> Vec<RunState> {
        RunState::ALL.into_iter().filter(|state| holds(*state)).collect()
    }

    pub fn parse(code: &str) -> RunState {
        RunState::ALL.into_iter().find(|state| state.code() == code).unwrap_or(RunState::Failed)
    }
}

/// A snapshot that a run reads: (ledger, source, seq). Sources are in order of precedence.
pub type Pinned = (String, String, i64);

/// What a run is computed from, fixed when its pull step ends. Stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInputs {
    pub snapshots: Vec<Pinned>,
    /// Configuration path → sha256 of its frozen text.
    pub files: BTreeMap<String, String>,
    /// Only the shipped sample contained projects.
    pub sample: bool,
    /// The day acts above 提醒 begin; `None` on the sample.
    pub enforce_on: Option<NaiveDate>,
    /// What could not be made so far; a run with faults ends as partial.
    pub faults: Vec<RunFault>,
    /// Paths of the 导入报告 of the files that were read.
    #[serde(default)]
    pub intake_reports: Vec<String>,
    /// The number of the last feedback answer that counts.
    #[serde(default)]
    pub answers: i64,
    /// The number of the key of the feedback forms; `None` = the forms go to nobody.
    #[serde(default)]
    pub form_key: Option<i64>,
    /// The id of the job's previous run, with which figures are compared.
    #[serde(default)]
    pub previous_run: Option<String>,
    /// The runs that closed the quarters before this one, newest first and without a gap. The findings red at each quarter's end are read
    /// from them.
    #[serde(default)]
    pub closed: Vec<String>,
    /// Whether the data of each source could be relied on.
    #[serde(default)]
    pub conditions: Vec<DataCondition>,
    /// The inputs of the list of codes that have left the register.
    #[serde(default)]
    pub gone: Option<GonePin>,
    /// The position up to which marks of secrecy count.
    #[serde(default)]
    pub restrictions: i64,
    /// The position up to which events count.
    #[serde(default)]
    pub events: i64,
    /// The position of the data, read before they were selected.
    #[serde(default)]
    pub data: i64,
    /// The run makes only those mails anew that were stopped because of a mark of secrecy.
    #[serde(default)]
    pub remakes_withheld: bool,
    /// The service has made it because data came that an earlier revision could not rely on.
    #[serde(default)]
    pub makes_good: bool,
    /// A person has had papers made although more than half of their data is old.
    #[serde(default)]
    pub accepts_old_data: bool,
    /// The day on which its papers and mails are made, which they bear; `None` = the day of its slot.
    #[serde(default)]
    pub made_on: Option<NaiveDate>,
    /// That of the first edition, with which a revision is compared.
    #[serde(default)]
    pub first_made_on: Option<NaiveDate>,
    /// The drafts that had waited too long for a person when it began.
    #[serde(default)]
    pub unsigned: Unsigned,
    /// The units that it leaves to another job.
    #[serde(default)]
    pub yields: Yields,
}

/// The snapshots and confirmations from which a run lists the codes that have left the register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GonePin {
    /// Confirmations after this time are ignored.
    pub at: String,
    /// (ledger, source, numbers of its snapshots in force up to the one the run reads, ordered by the day they cover).
    pub history: Vec<(String, String, Vec<i64>)>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: String,
    pub job: String,
    /// The period for which it counts, or its slot.
    pub key: String,
    pub slot: String,
    pub revision: i64,
    pub as_of: String,
    pub scheduled: bool,
    pub state: RunState,
    /// The last finished step; empty before the first.
    pub step: String,
    /// Why it failed; why it is partial is in its inputs.
    pub reason: String,
    pub fence: i64,
    pub started_at: String,
    pub finished_at: String,
    pub inputs: RunInputs,
    /// `None` = it has not ended, or it failed.
    pub result: Option<RunResult>,
}

fn run_of_row(row: &AnyRow) -> Result<Run> {
    let id = text(row, "id")?;
    Ok(Run {
        inputs: json("run", &id, &text(row, "inputs")?)?,
        job: text(row, "job")?,
        key: text(row, "key")?,
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
        result: run_result::from_column(&id, &text(row, "result")?)?,
        id,
    })
}

/// The table of runs.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    pub(super) database: &'a Database,
}

impl Runs<'_> {
    /// The newest revision of the run of a key; `None` = there was none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest(self, job: &str, key: &str) -> Result<Option<Run>> {
        let row = sqlx::query("SELECT * FROM run WHERE job=$1 AND key=$2 ORDER BY revision DESC LIMIT 1")
            .bind(job)
            .bind(key)
            .fetch_optional(&self.database.pool)
            .await?;
        row.as_ref().map(run_of_row).transpose()
    }

    /// The runs of a job for a day, oldest revision first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_day(self, job: &str, as_of: NaiveDate) -> Result<Vec<Run>> {
        let rows = sqlx::query("SELECT * FROM run WHERE job=$1 AND as_of=$2 ORDER BY slot, revision")
            .bind(job)
            .bind(as_of.to_string())
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(run_of_row).collect()
    }

    /// The inputs of the first edition of a key's run; `None` = there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_inputs(self, job: &str, key: &str) -> Result<Option<RunInputs>> {
        let row = sqlx::query("SELECT * FROM run WHERE job=$1 AND key=$2 ORDER BY revision LIMIT 1")
            .bind(job)
            .bind(key)
            .fetch_optional(&self.database.pool)
            .await?;
        Ok(row.as_ref().map(run_of_row).transpose()?.map(|run| run.inputs))
    }

    /// The revisions before a run that have a result, the first edition first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn earlier_revisions(self, run: &Run) -> Result<Vec<Run>> {
        let rows = sqlx::query("SELECT * FROM run WHERE job=$1 AND key=$2 AND revision<$3 ORDER BY revision")
            .bind(&run.job)
            .bind(&run.key)
            .bind(run.revision)
            .fetch_all(&self.database.pool)
            .await?;
        let runs = rows.iter().map(run_of_row).collect::<Result<Vec<_>>>()?;
        Ok(runs.into_iter().filter(|run| run.state.has_result()).collect())
    }

    /// The newest revision of the run of a job's latest slot; `None` = the job was never run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest_of(self, job: &str) -> Result<Option<Run>> {
        let row = sqlx::query("SELECT * FROM run WHERE job=$1 ORDER BY slot DESC, revision DESC LIMIT 1")
            .bind(job)
            .fetch_optional(&self.database.pool)
            .await?;
        row.as_ref().map(run_of_row).transpose()
    }

    /// The slot of the last run of a job whose slot is not after a time; `None` = there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_slot(self, job: &str, until: &str) -> Result<Option<String>> {
        let row = sqlx::query("SELECT COALESCE(MAX(slot), '') AS slot FROM run WHERE job=$1 AND slot<=$2")
            .bind(job)
            .bind(until)
            .fetch_one(&self.database.pool)
            .await?;
        Ok(Some(text(&row, "slot")?).filter(|slot| !slot.is_empty()))
    }

    /// One run by id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(self, id: &str) -> Result<Option<Run>> {
        let row = sqlx::query("SELECT * FROM run WHERE id=$1").bind(id).fetch_optional(&self.database.pool).await?;
        row.as_ref().map(run_of_row).transpose()
    }

    /// The latest runs, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(self, limit: i64) -> Result<Vec<Run>> {
        let rows =
            sqlx::query("SELECT * FROM run ORDER BY started_at DESC, id DESC LIMIT $1").bind(limit).fetch_all(&self.database.pool).await?;
        rows.iter().map(run_of_row).collect()
    }

    /// The id of the last ended run of a job with an as_of before this day.
    ///
    /// # Errors
    /// The database fails.
    pub async fn previous(self, job: &str, as_of: NaiveDate, sample: bool) -> Result<Option<String>> {
        // runs on the shipped sample are no history of the office's own register
        self.first_result(job, "as_of<$2", "as_of DESC, revision DESC", as_of, |inputs| inputs.sample == sample).await
    }

    /// The id of the last ended run of a job for exactly this day, from which a closed quarter is read.
    ///
    /// # Errors
    /// The database fails.
    pub async fn on_day(self, job: &str, as_of: NaiveDate, sample: bool) -> Result<Option<String>> {
        // a quarter before the start day does not count: units only checked their rows then
        let counts = |inputs: &RunInputs| inputs.sample == sample && inputs.enforce_on.is_none_or(|start| as_of >= start);
        self.first_result(job, "as_of=$2", "slot DESC, revision DESC", as_of, counts).await
    }

    /// The id of the first run of a job with a result whose day (`$2`) a condition selects and whose inputs count.
    async fn first_result(
        self,
        job: &str,
        condition: &'static str,
        order: &'static str,
        as_of: NaiveDate,
        counts: impl Fn(&RunInputs) -> bool,
    ) -> Result<Option<String>> {
        let states = RunState::all_that(RunState::has_result);
        let states_listed = parameters(3, states.len());
        let statement = format!("SELECT id, inputs FROM run WHERE job=$1 AND {condition} AND state IN ({states_listed}) ORDER BY {order}");
        let mut query = sqlx::query(sql(statement)).bind(job).bind(as_of.to_string());
        for state in &states {
            query = query.bind(state.code());
        }
        for row in &query.fetch_all(&self.database.pool).await? {
            let id = text(row, "id")?;
            if counts(&json("run", &id, &text(row, "inputs")?)?) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Returns the run, creating its row with these inputs if it does not exist. If another process creates it first, that row is returned.
    ///
    /// # Errors
    /// The database fails.
    #[allow(clippy::too_many_arguments, reason = "the columns of a run that begins")]
    pub async fn open(
        self,
        job: &str,
        key: &str,
        slot: &str,
        revision: i64,
        as_of: NaiveDate,
        scheduled: bool,
        inputs: &RunInputs,
        now: &str,
    ) -> Result<Run> {
        let id = format!("{job}@{slot}#{revision}");
        let added = sqlx::query(
            "INSERT INTO run (id, job, key, slot, revision, as_of, scheduled, state, step, reason, fence, lease_until, started_at, finished_at, \
             inputs, result) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,'','',0,'',$9,'',$10,'') ON CONFLICT (id) DO NOTHING",
        )
        .bind(&id)
        .bind(job)
        .bind(key)
        .bind(slot)
        .bind(revision)
        .bind(as_of.to_string())
        .bind(i64::from(scheduled))
        .bind(RunState::Running.code())
        .bind(now)
        .bind(to_json(inputs)?)
        .execute(&self.database.pool)
        .await;
        // of two that open it at the same moment, PostgreSQL may refuse one by the other key, which holds the same
        if let Err(error) = added
            && !error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
        {
            return Err(error.into());
        }
        self.get(&id).await?.ok_or_else(|| StoreError::Internal(format!("run {id} vanished")))
    }

    /// Claims a running run whose lease has expired. `None` = another process holds it or it has ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim(self, id: &str, now: &str, lease_until: &str) -> Result<Option<Run>> {
        // RETURNING gives the row as this claim made it; a second query could already read the fence of the next holder
        let row =
            sqlx::query("UPDATE run SET fence=fence+1, lease_until=$3, holder=$5 WHERE id=$1 AND state=$4 AND lease_until<$2 RETURNING *")
                .bind(id)
                .bind(now)
                .bind(lease_until)
                .bind(RunState::Running.code())
                .bind(&self.database.holder)
                .fetch_optional(&self.database.pool)
                .await?;
        row.as_ref().map(run_of_row).transpose()
    }

    /// Ends the claim that a dead process of this machine and root left on a run. The caller must hold the run's file lock, which a live
    /// process would hold.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_dead_claim(self, id: &str) -> Result<()> {
        sqlx::query("UPDATE run SET lease_until='' WHERE id=$1 AND holder=$2 AND state=$3")
            .bind(id)
            .bind(&self.database.holder)
            .bind(RunState::Running.code())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Renews the lease of a claimed run; `false` = another process has taken it over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn renew_lease(self, run: &Run, lease_until: &str) -> Result<bool> {
        let done = sqlx::query("UPDATE run SET lease_until=$3 WHERE id=$1 AND fence=$2 AND state=$4")
            .bind(&run.id)
            .bind(run.fence)
            .bind(lease_until)
            .bind(RunState::Running.code())
            .execute(&self.database.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends the lease of an unfinished run, so that the next start can claim it at once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release(self, run: &Run) -> Result<()> {
        sqlx::query("UPDATE run SET lease_until='' WHERE id=$1 AND fence=$2")
            .bind(&run.id)
            .bind(run.fence)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Records the end of a step with the current inputs.
    ///
    /// # Errors
    /// The database fails, or another process has taken the run over.
    pub async fn finish_step(self, run: &Run, step: &str, inputs: &RunInputs) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        advance(&mut transaction, run, step, inputs).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a run; `reason` is why it failed.
    ///
    /// # Errors
    /// The database fails, another process has taken the run over, or it has ended already.
    pub async fn finish(self, run: &Run, state: RunState, reason: &str, result: Option<&RunResult>, now: &str) -> Result<()> {
        let done = sqlx::query(
            "UPDATE run SET state=$3, reason=$4, result=$5, finished_at=$6, lease_until='' WHERE id=$1 AND fence=$2 AND state=$7",
        )
        .bind(&run.id)
        .bind(run.fence)
        .bind(state.code())
        .bind(reason)
        .bind(run_result::to_column(result)?)
        .bind(now)
        .bind(RunState::Running.code())
        .execute(&self.database.pool)
        .await?;
        fenced(done.rows_affected(), run)
    }

    /// Reopens a failed run from its first step, because the failure may come from the texts that it froze.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reopen(self, id: &str) -> Result<()> {
        sqlx::query("UPDATE run SET state=$2, step='', lease_until='', reason='', finished_at='' WHERE id=$1 AND state=$3")
            .bind(id)
            .bind(RunState::Running.code())
            .bind(RunState::Failed.code())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Unfinished runs that no other machine holds. A run held by this machine is included, because its process may be dead.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orphaned(self, now: &str) -> Result<Vec<Run>> {
        let rows = sqlx::query("SELECT * FROM run WHERE state=$1 AND (lease_until<$2 OR holder=$3) ORDER BY started_at, id")
            .bind(RunState::Running.code())
            .bind(now)
            .bind(&self.database.holder)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(run_of_row).collect()
    }
}

/// Records the end of a step of a claimed run, in the transaction that contains the step's other writes.
///
/// # Errors
/// The database fails, or another process has taken the run over.
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

/// Makes sure in a transaction that this process holds a run until the transaction ends.
///
/// # Errors
/// The database fails, or another process has taken the run over.
pub(crate) async fn hold(transaction: &mut Transaction<'static, Any>, run: &Run) -> Result<()> {
    let held = sqlx::query("UPDATE run SET fence=fence WHERE id=$1 AND fence=$2 AND state=$3")
        .bind(&run.id)
        .bind(run.fence)
        .bind(RunState::Running.code())
        .execute(&mut **transaction)
        .await?;
    fenced(held.rows_affected(), run)
}

/// An error unless the fenced statement has changed exactly one row.
pub(crate) fn fenced(rows: u64, run: &Run) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(StoreError::TakenOver(run.id.clone())) }
}
