//! Closed quarters: which runs closed them, and for how many in a row a finding was red at their end.
//!
//! A quarter counts only where this service closed it: a run of the job that closes quarters ended for its last day. A quarter without such
//! a run ends the series, in favour of the unit.

use crate::config::load::Config;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::store::database::Result;
use crate::worker::run::evaluate::Evaluator;
use chrono::NaiveDate;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The maximum number of quarters that are read: ten years.
const QUARTERS_MAX: usize = 40;

impl Evaluator {
    /// The runs that closed the quarters up to a day, newest first, without a gap. `own_job` is the job that judges: if it closes the last
    /// quarter itself, the series begins with the quarter before.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn closed_quarters(
        &self,
        config: &Config,
        own_job: Option<&str>,
        as_of: NaiveDate,
        sample: bool,
    ) -> Result<Vec<String>> {
        let mut runs = Vec::new();
        let Some(job) = config.jobs.iter().find(|job| job.closes_quarter) else { return Ok(runs) };
        let mut quarter = Period::last_closed(PeriodKind::Quarter, as_of);
        if own_job == Some(job.name.as_str()) && quarter.last_day() == as_of {
            quarter = quarter.previous();
        }
        while runs.len() < QUARTERS_MAX {
            let Some(run) = self.store.runs().on_day(&job.name, quarter.last_day(), sample).await? else { break };
            runs.push(run);
            quarter = quarter.previous();
        }
        Ok(runs)
    }

    /// Sets for every red finding the number of closed quarters in a row at whose end it was red. `closes` = this judgement closes a quarter
    /// itself.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn record_red_quarters(
        &self,
        policy: &Policy,
        findings: &mut [Finding],
        closed: &[String],
        closes: bool,
    ) -> Result<()> {
        let own = u32::from(closes);
        // a quarter whose data could not be relied on counts for nobody
        let red = |finding: &Finding| {
            finding.state == State::Open && finding.light == Some(Light::Red) && !(closes && finding.old_data.is_some())
        };
        for finding in findings.iter_mut().filter(|finding| red(finding)) {
            finding.record_red_quarters(policy, own);
        }
        if closed.is_empty() {
            return Ok(());
        }
        // red findings whose series has not ended, by fingerprint: a register of a million rows has hundreds of thousands
        let mut series: HashMap<u64, RedSeries> = findings
            .iter()
            .enumerate()
            .filter(|(_, finding)| red(finding))
            .map(|(index, finding)| {
                let rule = &policy.rules[finding.rule];
                (fingerprint(&rule.id, &policy.ledgers[rule.ledger].id, &finding.key), RedSeries { index: index as u32, quarters: own })
            })
            .collect();
        for (number, run) in closed.iter().enumerate() {
            if series.is_empty() {
                break;
            }
            let reached = own + number as u32 + 1;
            self.store
                .findings()
                .each(run, |stored| {
                    if stored.light() == Some(Light::Red)
                        && stored.state == State::Open.code()
                        && stored.old_data.is_none()
                        && let Some(row) = series.get_mut(&fingerprint(&stored.rule, &stored.ledger, &stored.key))
                    {
                        row.quarters = reached;
                    }
                    Ok(())
                })
                .await?;
            series.retain(|_, row| row.quarters == reached);
            for row in series.values() {
                findings[row.index as usize].record_red_quarters(policy, row.quarters);
            }
        }
        Ok(())
    }
}

/// A finding that was red at the end of every quarter read so far.
struct RedSeries {
    /// Index of the finding.
    index: u32,
    quarters: u32,
}

fn fingerprint(rule: &str, ledger: &str, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (rule, ledger, key).hash(&mut hasher);
    hasher.finish()
}
