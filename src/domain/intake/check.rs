//! Remarks on an accepted row: an unknown place or unit, dates in an order that cannot be. The row is taken as it is.

use super::cell::shown;
use crate::domain::judge::Policy;
use crate::domain::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::record::Cell;

/// A remark on one field of a row.
pub struct Remark {
    pub field: usize,
    pub reason: String,
    pub hint: String,
}

/// Pairs of dates of which the first cannot be later than the second.
const ORDER: [(Role, Role); 6] = [
    (Role::Signed, Role::Produced),
    (Role::Started, Role::Produced),
    (Role::PlannedStart, Role::PlannedProduction),
    (Role::Dispatched, Role::Received),
    (Role::Received, Role::Completed),
    (Role::Granted, Role::Expires),
];

pub fn remarks(policy: &Policy, ledger: &Ledger, cells: &[Cell]) -> Vec<Remark> {
    let mut out = Vec::new();
    let text = |field: usize| cells[field].text().unwrap_or_default();
    match ledger.owner {
        OwnerSpec::Place { place, within } => {
            let within = within.map(text).unwrap_or_default();
            if text(place).is_empty() {
                out.push(Remark {
                    field: place,
                    reason: format!("未填{}，无法落实责任单位", ledger.fields[place].title),
                    hint: "请补填".into(),
                });
            } else if policy.units.find_place(text(place), within).is_none() {
                let reason = match policy.units.find(text(place)) {
                    Some(_) => format!("“{}”不在“{}”", shown(text(place)), shown(within)),
                    None => format!("“{}”不是已知的地区或平台", shown(text(place))),
                };
                out.push(Remark { field: place, reason, hint: nearest(policy, text(place)) });
            }
        }
        OwnerSpec::Unit { unit } => {
            if text(unit).is_empty() {
                out.push(Remark {
                    field: unit,
                    reason: format!("未填{}，无法落实责任单位", ledger.fields[unit].title),
                    hint: "请补填".into(),
                });
            } else if policy.units.find(text(unit)).is_none() {
                out.push(Remark {
                    field: unit,
                    reason: format!("“{}”不是已知的单位", shown(text(unit))),
                    hint: nearest(policy, text(unit)),
                });
            }
        }
        OwnerSpec::Department { .. } => {}
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
    out
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
