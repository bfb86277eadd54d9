//! What the run of the job before this one found, for comparison.

use crate::domain::judging::indicators::Standing;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// The open findings of an earlier run of the job, by rule id and light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviousRun {
    pub as_of: NaiveDate,
    pub open: BTreeMap<(String, Option<Light>), usize>,
    /// The same by the name of the owner too.
    pub by_unit: BTreeMap<(String, String, Light), usize>,
    /// What it and the runs before it came to, each with its as_of, newest first; one that kept none ends the row.
    pub indicator_snapshots: Vec<(NaiveDate, Standing)>,
}

impl PreviousRun {
    /// What the run itself came to.
    pub fn indicator_snapshot(&self) -> Option<&Standing> {
        self.indicator_snapshots.first().filter(|(day, _)| *day == self.as_of).map(|(_, standing)| standing)
    }
}
