//! Findings counted as mails count them.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::digest::Counts;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use std::collections::BTreeMap;

/// The items that findings come to, counted as a digest counts: a project once, by its worst light.
pub(crate) fn items<'f>(policy: &Policy, findings: impl Iterator<Item = &'f Finding>) -> Counts {
    let mut worst: BTreeMap<(Option<usize>, &str), Option<Light>> = BTreeMap::new();
    for finding in findings.filter(|finding| finding.state == State::Open) {
        let item = match finding.project.is_empty() {
            true => (Some(policy.rules[finding.rule].ledger), &*finding.key),
            false => (None, &*finding.project),
        };
        let light = worst.entry(item).or_default();
        *light = (*light).max(finding.light);
    }
    let of = |light: Light| worst.values().filter(|worst| **worst == Some(light)).count();
    Counts { items: worst.len(), red: of(Light::Red), orange: of(Light::Orange), yellow: of(Light::Yellow), ..Counts::default() }
}
