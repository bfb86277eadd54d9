//! The detect step: compares the findings with those known before, and stores them.

use crate::config::job_file::JobStep;
use crate::store::database::StoreError;
use crate::store::findings::Detected;
use crate::store::runs::{Run, RunInputs};
use crate::worker::run::changes::Changes;
use crate::worker::run::context::RunContext;
use crate::worker::run::finding_facts::{FindingFacts, identity, in_order};
use crate::worker::run::picture::{PictureOf, begin_picture, config_sum, write_picture};
use chrono::{DateTime, Utc};

/// How often a run compares with a timeline that others rewrite meanwhile.
const TRIES_MAX: u32 = 20;

impl RunContext<'_> {
    /// Compares the findings with those that the job knew before and stores them; the timelines too that no later as_of has written.
    ///
    /// # Errors
    /// The database fails, or the timeline was rewritten by other runs each time.
    pub(crate) async fn detect(&mut self, run: &Run, inputs: &RunInputs) -> anyhow::Result<()> {
        let snapshot = self.register.indicators.snapshot(&self.config.policy, &self.register.judged.findings);
        self.evaluator.store.indicators().save(run, &snapshot).await?;
        let policy = &self.config.policy;
        let began = self.evaluator.clock.now();
        let mut tries = 0;
        loop {
            tries += 1;
            self.changes = self.evaluator.changes(policy, &mut self.register, Some(&self.job), self.as_of, self.selection.sample).await?;
            match self.store_findings(run, inputs).await {
                // another run has rewritten the timeline meanwhile: this one compares with the new one
                Err(StoreError::TimelineMoved) if tries < TRIES_MAX => {}
                done => {
                    done?;
                    // the step has ended; the pages make the picture where a run could not
                    if let Err(error) = self.make_picture(run, inputs, began).await {
                        tracing::error!(error = %format!("{error:#}"), "a run has made no picture of its findings");
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Makes the picture of the pages, where the job judges the whole register of today and makes no papers of it.
    async fn make_picture(&self, run: &Run, inputs: &RunInputs, began: DateTime<Utc>) -> anyhow::Result<()> {
        let (store, clock) = (&self.evaluator.store, &self.evaluator.clock);
        if self.job.makes_papers() || !self.job.sources.is_empty() || self.as_of != clock.today() {
            return Ok(());
        }
        // papers are read years later; of a job without any only the last findings are
        store.findings().delete_before(run).await?;
        let of = PictureOf {
            policy: &self.config.policy,
            as_of: self.as_of,
            findings: &self.register.judged.findings,
            changes: &self.changes.by_all,
            indicators: &self.register.indicators,
            data: inputs.data,
            restrictions: inputs.restrictions,
            config: config_sum(&self.config),
            began,
            run: &run.id,
        };
        let Some(mut writer) = begin_picture(store, clock, true).await? else { return Ok(()) };
        let written = write_picture(&mut writer, clock, &of).await;
        if written.is_err() {
            let _ = writer.abandon().await;
        }
        Ok(written?)
    }

    async fn store_findings(&self, run: &Run, inputs: &RunInputs) -> Result<(), StoreError> {
        let policy = &self.config.policy;
        let findings = &self.register.judged.findings;
        let stored = in_order(policy, findings).into_iter().map(|index| {
            let finding = &findings[index as usize];
            FindingFacts::of(policy, finding).stored(finding.light)
        });
        let compared = self.changes.timelines.iter().map(|compared| (&compared.timeline, compared.ended.as_slice()));
        let timelines: Vec<_> = compared.collect();
        let detected = Detected { as_of: self.as_of, resolved: &self.changes.resolved, timelines: &timelines };
        self.evaluator.store.findings().commit(run, JobStep::Detect.name(), inputs, stored, detected).await
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
        self.changes = Changes { resolved, ..Changes::default() };
        Ok(())
    }
}
