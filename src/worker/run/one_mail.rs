//! One mail per unit and day: a job that yields to another leaves the units to it that it mails for the same day, and the mail of a period carries the
//! unit's packs.

use crate::config::job_file::Job;
use crate::domain::audience::Audience;
use crate::domain::notify::inputs::{Rhythm, Yields};
use crate::domain::register::units::UnitId;
use crate::store::runs::{RunInputs, RunState};
use crate::workbook::build::lists_anything;
use crate::workbook::material::Material;
use crate::workbook::template::Template;
use crate::worker::run::context::RunContext;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::mail_files::Making;
use chrono::{NaiveDate, NaiveDateTime};
use std::collections::BTreeSet;

impl Evaluator {
    /// Which units another job mails for the same day: one that has a run for it, or, for a run of the service, a slot that is still ahead.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn yields(&self, job: &Job, as_of: NaiveDate, at: NaiveDateTime, scheduled: bool) -> anyhow::Result<Yields> {
        let Some(other) = job.yield_to.as_ref().and_then(|name| self.config.job(name)) else { return Ok(Yields::Nobody) };
        let runs = self.store.runs().of_day(&other.name, as_of).await?;
        if let Some(run) = runs.iter().rev().find(|run| matches!(run.state, RunState::Done | RunState::Partial)) {
            let reasons = self.store.notify_reasons().of_run(&run.id).await?;
            return Ok(Yields::Notified(reasons.into_iter().filter(|unit| unit.reason.is_notified()).map(|unit| unit.unit).collect()));
        }
        let calendar = self.config.policy.calendar.of(None);
        let is_ahead = || other.schedule.slot_for(as_of, calendar).is_some_and(|slot| slot.runs_at >= at);
        Ok(if scheduled && is_ahead() { Yields::Ahead } else { Yields::Nobody })
    }
}

impl RunContext<'_> {
    /// The units that this run leaves to another job.
    pub(crate) fn covered_by_another(&self, inputs: &RunInputs) -> BTreeSet<UnitId> {
        let units = &self.config.policy.units;
        match &inputs.yields {
            Yields::Nobody => BTreeSet::new(),
            Yields::Notified(mailed) => (0..units.units.len()).filter(|unit| mailed.contains(&units.units[*unit].code)).collect(),
            Yields::Ahead => {
                let other = self.job.yield_to.as_ref().and_then(|name| self.config.job(name));
                let mails = |unit: &UnitId| {
                    other.is_some_and(|other| other.rhythm == Rhythm::Always && other.levels.contains(&units.units[*unit].level))
                };
                (0..units.units.len()).filter(mails).collect()
            }
        }
    }

    /// The templates of the packs that go with the mail of a unit.
    pub(crate) fn packs_mailed_to(&self, unit: UnitId) -> impl Iterator<Item = &Template> {
        let units = &self.config.policy.units;
        let packs = self.job.mail_packs.iter().filter(move |pack| pack.units(units).any(|known| known == unit));
        packs.filter_map(|pack| self.config.templates.get(&pack.template)).filter(|template| self.waits_for_data(template).is_none())
    }

    /// How many packs of the mails' templates have anything to list, whether their unit is mailed or not; without those that another job mails.
    pub(crate) fn packs_of_mails(&self, making: &Making, inputs: &RunInputs) -> usize {
        let Some(reach) = &making.reach else { return 0 };
        let units = &self.config.policy.units;
        let has_rows = |template: &&Template, unit: UnitId| {
            let material: Material<'_> = self.material(Audience::Unit(unit), Some(reach.of(unit)), &making.named);
            lists_anything(template, &material)
        };
        let covered = self.covered_by_another(inputs);
        let units = (0..units.units.len()).filter(|unit| !covered.contains(unit));
        units.map(|unit| self.packs_mailed_to(unit).filter(|template| has_rows(template, unit)).count()).sum()
    }
}
