//! Remarks on an accepted row: an unknown place or unit, dates in an order that cannot be. The row is taken as it is.

use crate::domain::intake::cell::shown;
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::record::{Cell, Decimal};
use crate::domain::rules::policy::Policy;
use std::collections::HashSet;

/// A remark on one field of a row.
pub struct Remark {
    pub field: usize,
    pub reason: String,
    pub hint: String,
}

/// Pairs of dates of which the first cannot be later than the second.
const ORDER: [(Role, Role); 7] = [
    (Role::Signed, Role::Started),
    (Role::Signed, Role::Produced),
    (Role::Started, Role::Produced),
    (Role::PlannedStart, Role::PlannedProduction),
    (Role::Dispatched, Role::Received),
    (Role::Received, Role::Completed),
    (Role::Granted, Role::Expires),
];

/// Owner cells that were found to name a known unit: a register says the same few names over and over.
#[derive(Debug, Default)]
pub struct KnownOwners {
    seen: HashSet<String>,
    /// Ledger and cells of the row at hand.
    words: String,
}

impl KnownOwners {
    fn has(&mut self, ledger: &str, owner: &str, within: &str) -> bool {
        self.words.clear();
        for word in [ledger, "\0", owner, "\0", within] {
            self.words.push_str(word);
        }
        self.seen.contains(&self.words)
    }

    /// The row just asked for names a known unit.
    fn remember(&mut self) {
        self.seen.insert(self.words.clone());
    }
}

pub fn remarks(policy: &Policy, ledger: &Ledger, cells: &[Cell], known: &mut KnownOwners) -> Vec<Remark> {
    let mut out = Vec::new();
    let text = |field: usize| cells[field].text().unwrap_or_default();
    let (owner, within) = match ledger.owner {
        OwnerSpec::Place { place, within } => (Some(place), within.map(text).unwrap_or_default()),
        OwnerSpec::Unit { unit } => (Some(unit), ""),
        OwnerSpec::Department { .. } => (None, ""),
    };
    if let Some(field) = owner
        && !known.has(&ledger.id, text(field), within)
    {
        match owner_remark(policy, ledger, field, text(field), within) {
            Some(remark) => out.push(remark),
            None => known.remember(),
        }
    }
    for (first, second) in ORDER {
        let (Some(first), Some(second)) = (ledger.role(first), ledger.role(second)) else { continue };
        if let (Some(before), Some(after)) = (cells[first].date(), cells[second].date())
            && before > after
        {
            let reason = format!("{}（{after}）早于{}（{before}）", ledger.fields[second].title, ledger.fields[first].title);
            out.push(Remark { field: second, reason, hint: "请核对两个日期".into() });
        }
    }
    if let Some(field) = ledger.role(Role::Progress)
        && let Some(progress) = cells[field].decimal()
    {
        let percent = |value| Decimal { mantissa: value, scale: 0 };
        let title = &ledger.fields[field].title;
        if progress.mantissa < 0 || progress.compare(percent(100)).is_gt() {
            out.push(Remark {
                field, reason: format!("{title}不在0至100之间，按所写读取"), hint: "请按百分数填写，如95".into()
            });
        } else if progress.mantissa > 0 && progress.compare(percent(1)).is_lt() {
            let reason = format!("{title}按{progress}%读取");
            out.push(Remark {
                field, reason, hint: "如是95%写成了0.95，请改为95；确为百分之一以下的不用处理".into()
            });
        }
    }
    out
}

fn owner_remark(policy: &Policy, ledger: &Ledger, field: usize, name: &str, within: &str) -> Option<Remark> {
    if name.is_empty() {
        let reason = format!("未填{}，无法落实责任单位", ledger.fields[field].title);
        return Some(Remark { field, reason, hint: "请补填".into() });
    }
    let reason = match ledger.owner {
        OwnerSpec::Place { .. } if policy.units.find_place(name, policy.units.find(within)).is_some() => return None,
        OwnerSpec::Place { .. } if policy.units.find(name).is_some() => format!("“{}”不在“{}”", shown(name), shown(within)),
        OwnerSpec::Place { .. } => format!("“{}”不是已知的地区或平台", shown(name)),
        _ if policy.units.find(name).is_some() => return None,
        _ => format!("“{}”不是已知的单位", shown(name)),
    };
    Some(Remark { field, reason, hint: nearest(policy, name) })
}

/// The three nearest names, for a slip of the pen.
fn nearest(policy: &Policy, name: &str) -> String {
    let mut near: Vec<(usize, &str)> = policy
        .units
        .units
        .iter()
        .filter(|unit| unit.place.is_none())
        .map(|unit| {
            (
                name.chars().filter(|c| !unit.name.contains(*c)).count() + unit.name.chars().count().abs_diff(name.chars().count()),
                unit.name.as_str(),
            )
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    format!("相近的名称：{}", near.iter().take(3).map(|(_, name)| *name).collect::<Vec<_>>().join("、"))
}
