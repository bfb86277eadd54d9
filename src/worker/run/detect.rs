//! The detect step: compares the findings with those known before, and stores them.

use crate::config::job_file::JobStep;
use crate::store::database::StoreError;
use crate::store::runs::{Run, RunInputs};
use crate::worker::run::changes::Changes;
use crate::worker::run::context::RunContext;
use crate::worker::run::finding_facts::{FindingFacts, identity, in_order};

impl RunContext<'_> {
    /// Compares the findings with those known before and stores them; the timeline too, if no later as_of has been judged.
    ///
    /// # Errors
    /// The database fails, or the timeline was rewritten by other processes five times in a row.
    pub(crate) async fn detect(&mut self, run: &Run, inputs: &RunInputs) -> anyhow::Result<()> {
        let snapshot = self.register.indicators.snapshot(&self.config.policy, &self.register.judged.findings);
        self.evaluator.store.indicators().save(run, &snapshot).await?;
        let policy = &self.config.policy;
        let mut tries = 0;
        loop {
            tries += 1;
            self.changes =
                self.evaluator.changes(policy, &mut self.register, Some(&self.job.name), self.as_of, self.selection.sample).await?;
            match self.store_findings(run, inputs).await {
                // another process has rewritten the timeline meanwhile: this run compares with the new one
                Err(StoreError::TimelineMoved) if tries < 5 => {}
                done => return Ok(done?),
            }
        }
    }

    async fn store_findings(&self, run: &Run, inputs: &RunInputs) -> Result<(), StoreError> {
        let policy = &self.config.policy;
        let findings = &self.register.judged.findings;
        let stored = in_order(policy, findings).into_iter().map(|index| {
            let finding = &findings[index as usize];
            FindingFacts::of(policy, finding).stored(finding.light)
        });
        let timeline = self.changes.timeline.as_ref().map(|timeline| (timeline, self.as_of));
        self.evaluator.store.findings().commit(run, JobStep::Detect.name(), inputs, stored, &self.changes.resolved, timeline).await
    }

    /// Loads the changes that the detect step has stored, for a run that goes on after it.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn load_changes(&mut self, run: &Run) -> anyhow::Result<()> {
        let (change_of, resolved) = self.evaluator.store.findings().changes_of(&run.id).await?;
        for finding in &mut self.register.judged.findings {
            finding.change = change_of.get(&identity(&self.config.policy, finding)).copied().unwrap_or_default();
        }
        self.changes = Changes { resolved, timeline: None };
        Ok(())
    }
}
