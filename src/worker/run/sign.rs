//! Drafts on the day of their signing: a day to answer is reckoned from it.

use crate::config::load::Config;
use crate::mail::templates::Templates;
use crate::store::outbox::NewMessage;
use crate::store::runs::Run;
use crate::worker::run::context::RunContext;
use crate::worker::run::remind::PlannedMails;
use crate::worker::run::runner::Runner;
use anyhow::{Context, ensure};
use chrono::NaiveDate;
use std::collections::HashMap;

impl Runner {
    /// The drafts of a run by id, made from its frozen inputs as they are when they are signed on a day.
    ///
    /// # Errors
    /// An input of the run no longer exists, a draft cannot be made, or the database fails.
    pub(crate) async fn drafts_signed_on(&self, run: &Run, day: NaiveDate) -> anyhow::Result<HashMap<String, NewMessage>> {
        let gone = self.store.frozen_texts().missing(&run.inputs.files).await?;
        ensure!(gone.is_empty() && !run.inputs.files.is_empty(), "run {} was cleaned up: its frozen texts are gone", run.id);
        let config = Config::parse(self.store.frozen_texts().read(&run.inputs.files).await?)?;
        let job = config.job(&run.job).with_context(|| format!("run {} froze no jobs/{}.toml", run.id, run.job))?.clone();
        let as_of: NaiveDate = run.as_of.parse().with_context(|| format!("run {} has no date", run.id))?;
        let mut context = RunContext::new(&self.evaluator, config, job, run, as_of, &run.inputs).await?;
        context.load_changes(run).await?;
        let PlannedMails { mut drafts, .. } = context.plan(&run.inputs, run.revision, day).await?;
        let templates = Templates::new(&context.config.mail_templates, &context.config.policy.units.levels)
            .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let named = context.inputs_named();
        let mut signed = HashMap::new();
        for draft in &mut drafts {
            let message = context.draft_message(run, draft, day, &templates, &named)?;
            signed.insert(message.id.clone(), message);
        }
        Ok(signed)
    }
}
