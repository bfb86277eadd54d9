//! Counts findings as mails count them.

use crate::domain::judging::finding::{Finding, ItemKey, State};
use crate::domain::notify::digest::Counts;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use std::collections::BTreeMap;

/// Counts the items of the open findings, each with its worst light. Services to offer are no items.
pub(crate) fn count_items<'f>(policy: &Policy, findings: impl Iterator<Item = &'f Finding>) -> Counts {
    let mut worst_lights: BTreeMap<ItemKey, Option<Light>> = BTreeMap::new();
    for finding in findings.filter(|finding| finding.state == State::Open && !finding.is_service(policy)) {
        let worst = worst_lights.entry(finding.item(policy)).or_default();
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
