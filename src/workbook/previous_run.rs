//! What the previous run of the same job found, for comparison.

use crate::domain::judging::indicators::IndicatorSnapshot;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Counts of the previous run's open findings, and its indicators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviousRun {
    pub as_of: NaiveDate,
    /// Open findings by rule id and light.
    pub open: BTreeMap<(String, Option<Light>), usize>,
    /// Open findings by rule id, name of the owner unit, and light.
    pub by_unit: BTreeMap<(String, String, Light), usize>,
    /// Indicators of this run and the runs before it, each with its as_of, newest first. The series ends at the first run without any.
    pub indicator_snapshots: Vec<(NaiveDate, IndicatorSnapshot)>,
}

impl PreviousRun {
    /// The indicators of the previous run itself; `None` if it stored none.
    pub fn indicator_snapshot(&self) -> Option<&IndicatorSnapshot> {
        self.indicator_snapshots.first().filter(|(day, _)| *day == self.as_of).map(|(_, snapshot)| snapshot)
    }
}
