//! The findings and indicators of a job's previous run, with which its workbooks compare.

use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::IndicatorSnapshot;
use crate::store::database::Result;
use crate::store::runs::Run;
use crate::workbook::previous_run::PreviousRun;
use crate::worker::run::evaluate::Evaluator;
use chrono::NaiveDate;

/// The maximum number of earlier runs whose indicators a workbook shows.
const INDICATOR_SNAPSHOTS_MAX: usize = 7;

impl Evaluator {
    /// The open findings of an earlier run; `None` = the run was deleted.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn previous_run(&self, run: &str) -> Result<Option<PreviousRun>> {
        let Some(earlier) = self.store.runs().get(run).await? else { return Ok(None) };
        let Ok(as_of) = earlier.as_of.parse() else { return Ok(None) };
        let mut previous_run = PreviousRun { as_of, ..PreviousRun::default() };
        self.store
            .findings()
            .each(run, |finding| {
                if finding.state == State::Open.code() {
                    *previous_run.open.entry((finding.rule.to_string(), finding.light())).or_default() += 1;
                    if let Some(light) = finding.light() {
                        let key = (finding.rule.to_string(), finding.unit.to_string(), light);
                        *previous_run.by_unit.entry(key).or_default() += 1;
                    }
                }
                Ok(())
            })
            .await?;
        previous_run.indicator_snapshots = self.indicator_history(earlier).await?;
        Ok(Some(previous_run))
    }

    /// The indicators of a run and of the runs before it, newest first. Each run pins its previous run, so the series never changes.
    async fn indicator_history(&self, run: Run) -> Result<Vec<(NaiveDate, IndicatorSnapshot)>> {
        let mut out = Vec::new();
        let mut next = Some(run);
        while let Some(run) = next.take().filter(|_| out.len() < INDICATOR_SNAPSHOTS_MAX) {
            let (Ok(as_of), Some(snapshot)) = (run.as_of.parse(), self.store.indicators().get(&run.id).await?) else { break };
            out.push((as_of, snapshot));
            if let Some(previous) = &run.inputs.previous_run {
                next = self.store.runs().get(previous).await?;
            }
        }
        Ok(out)
    }
}
