//! Counts findings as mails count them.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::digest::Counts;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use std::collections::BTreeMap;

/// Counts the open findings as a digest counts items: a project, or a record without a project, is one item with its worst light.
pub(crate) fn count_items<'f>(policy: &Policy, findings: impl Iterator<Item = &'f Finding>) -> Counts {
    let mut worst_lights: BTreeMap<(Option<usize>, &str), Option<Light>> = BTreeMap::new();
    for finding in findings.filter(|finding| finding.state == State::Open) {
        let item = match finding.project.is_empty() {
            true => (Some(policy.rules[finding.rule].ledger), &*finding.key),
            false => (None, &*finding.project),
        };
        let worst = worst_lights.entry(item).or_default();
        *worst = (*worst).max(finding.light);
    }
    let count = |light: Light| worst_lights.values().filter(|worst| **worst == Some(light)).count();
    Counts {
        items: worst_lights.len(),
        red: count(Light::Red),
        orange: count(Light::Orange),
        yellow: count(Light::Yellow),
        ..Counts::default()
    }
}
