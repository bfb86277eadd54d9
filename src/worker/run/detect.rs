//! The detect step: compare with what was known, and store the findings.

use crate::config::job_file::JobStep;
use crate::store::database::StoreError;
use crate::store::runs::{Run, RunInputs};
use crate::worker::run::context::Stage;
use crate::worker::run::facts::{Changes, FindingFacts, identity, in_order};

impl Stage<'_> {
    /// Judges, compares with what was known, and stores the findings; the timeline follows if this is the latest as_of.
    pub(crate) async fn detect(&mut self, run: &Run, inputs: &RunInputs) -> anyhow::Result<()> {
        let standing = self.reading.indicators.snapshot(&self.config.policy, &self.reading.judged.findings);
        self.evaluator.store.indicators().save(run, &standing).await?;
        let policy = &self.config.policy;
        let mut tries = 0;
        loop {
            tries += 1;
            self.changes = self.evaluator.changes(policy, &mut self.reading, Some(&self.job.name), self.as_of, self.view.sample).await?;
            match self.commit_found(run, inputs).await {
                // another instance judged meanwhile: its lives are what this run compares with now
                Err(StoreError::TimelineMoved) if tries < 5 => {}
                done => return Ok(done?),
            }
        }
    }

    pub(crate) async fn commit_found(&self, run: &Run, inputs: &RunInputs) -> crate::store::database::Result<()> {
        let policy = &self.config.policy;
        let findings = &self.reading.judged.findings;
        let stored = in_order(policy, findings).into_iter().map(|index| {
            let finding = &findings[index as usize];
            FindingFacts::of(policy, finding).stored(finding.light)
        });
        let timeline = self.changes.timeline.as_ref().map(|timeline| (timeline, self.as_of));
        self.evaluator.store.findings().commit(run, JobStep::Detect.name(), inputs, stored, &self.changes.resolved, timeline).await
    }

    /// After a restart: the changes as the detect step stored them.
    pub(crate) async fn recall(&mut self, run: &Run) -> anyhow::Result<()> {
        let (of, resolved) = self.evaluator.store.findings().changes_of(&run.id).await?;
        for finding in &mut self.reading.judged.findings {
            finding.change = of.get(&identity(&self.config.policy, finding)).copied().unwrap_or_default();
        }
        self.changes = Changes { resolved, timeline: None };
        Ok(())
    }
}
