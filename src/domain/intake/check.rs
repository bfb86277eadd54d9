//! Remarks on an accepted row: an unknown place or unit, dates in an impossible order, an implausible progress. The row is accepted unchanged.

use crate::domain::intake::text::excerpt;
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::levels::LevelKind;
use crate::domain::register::record::{Cell, Decimal};
use crate::domain::register::units::Units;
use std::collections::HashSet;

/// A remark on one field of a row.
pub(crate) struct Remark {
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

/// Owner cells that name a known unit. A register repeats the same few names, so each is looked up once.
#[derive(Debug, Default)]
pub(crate) struct KnownOwners {
    found: HashSet<String>,
    /// Ledger and owner cells of the present row.
    key: String,
}

impl KnownOwners {
    fn has(&mut self, ledger: &str, owner: &str, within: &str) -> bool {
        self.key.clear();
        for word in [ledger, "\0", owner, "\0", within] {
            self.key.push_str(word);
        }
        self.found.contains(&self.key)
    }

    /// Notes that the owner last asked for is a known unit.
    fn remember(&mut self) {
        self.found.insert(self.key.clone());
    }
}

/// The remarks on the cells of a record.
pub(crate) fn remarks(units: &Units, ledger: &Ledger, cells: &[Cell], known: &mut KnownOwners) -> Vec<Remark> {
    let mut out = Vec::new();
    let text = |field: usize| cells[field].text().unwrap_or_default();
    let (owner, within) = match ledger.owner {
        OwnerSpec::Place { place, within } => (Some(place), within.map(text).unwrap_or_default()),
        OwnerSpec::Unit { unit } => (Some(unit), ""),
        OwnerSpec::Department { department, .. } => (Some(department), ""),
    };
    if let Some(field) = owner
        && !known.has(&ledger.id, text(field), within)
    {
        match owner_remark(units, ledger, field, text(field), within) {
            Some(remark) => out.push(remark),
            None => known.remember(),
        }
    }
    out.extend(date_order_remarks(ledger, cells));
    out.extend(progress_remark(ledger, cells));
    out
}

fn date_order_remarks(ledger: &Ledger, cells: &[Cell]) -> Vec<Remark> {
    let mut out = Vec::new();
    for (first, second) in ORDER {
        let (Some(first), Some(second)) = (ledger.role(first), ledger.role(second)) else { continue };
        if let (Some(earlier), Some(later)) = (cells[first].date(), cells[second].date())
            && earlier > later
        {
            let reason = format!("{}（{later}）早于{}（{earlier}）", ledger.fields[second].title, ledger.fields[first].title);
            out.push(Remark { field: second, reason, hint: "请核对两个日期".into() });
        }
    }
    out
}

fn progress_remark(ledger: &Ledger, cells: &[Cell]) -> Option<Remark> {
    let field = ledger.role(Role::Progress)?;
    let progress = cells[field].decimal()?;
    let percent = |value| Decimal { mantissa: value, scale: 0 };
    let title = &ledger.fields[field].title;
    if progress.mantissa < 0 || progress.compare(percent(100)).is_gt() {
        let reason = format!("{title}不在0至100之间，按所写读取");
        return Some(Remark { field, reason, hint: "请按百分数填写，如95".into() });
    }
    if progress.mantissa > 0 && progress.compare(percent(1)).is_lt() {
        let reason = format!("{title}按{progress}%读取");
        return Some(Remark {
            field, reason, hint: "如是95%写成了0.95，请改为95；确为百分之一以下的不用处理".into()
        });
    }
    None
}

/// The remark on an owner that is empty or names no known place or unit.
fn owner_remark(units: &Units, ledger: &Ledger, field: usize, name: &str, within: &str) -> Option<Remark> {
    if name.is_empty() {
        let reason = format!("未填{}，无法落实责任单位", ledger.fields[field].title);
        return Some(Remark { field, reason, hint: "请补填".into() });
    }
    let reason = match ledger.owner {
        OwnerSpec::Place { .. } if units.find_place(name, units.find(within)).is_some() => return None,
        OwnerSpec::Place { .. } if units.find(name).is_some() => format!("“{}”不在“{}”", excerpt(name), excerpt(within)),
        OwnerSpec::Place { .. } => {
            let levels = &units.levels;
            let park = levels.of_kind(LevelKind::Park).map_or(String::new(), |park| format!("或{}", levels.name(park)));
            format!("“{}”不是已知的地区{park}", excerpt(name))
        }
        OwnerSpec::Unit { .. } if units.responsible(name, Some(None)).is_some() => return None,
        OwnerSpec::Department { .. } if units.is_responsible(name) => return None,
        OwnerSpec::Department { .. } => format!("“{}”不是已知的单位或部门", excerpt(name)),
        OwnerSpec::Unit { .. } => format!("“{}”不是已知的单位", excerpt(name)),
    };
    Some(Remark { field, reason, hint: nearest(units, name) })
}

/// The three names of units and departments nearest to a misspelt one: fewest characters that are not shared, and least difference in length.
fn nearest(units: &Units, name: &str) -> String {
    // no name of a unit is nearly as long
    const COMPARED_CHARS: usize = 60;
    let name = &*name.chars().take(COMPARED_CHARS).collect::<String>();
    let length = name.chars().count();
    let distance = |known: &str| name.chars().filter(|c| !known.contains(*c)).count() + known.chars().count().abs_diff(length);
    let kinds = units.departments.iter().map(|kind| kind.name.as_str());
    let names = units.units.iter().filter(|unit| unit.place.is_none()).map(|unit| unit.name.as_str());
    let mut near: Vec<(usize, &str)> = names.chain(kinds).map(|known| (distance(known), known)).collect();
    near.sort_by_key(|(distance, _)| *distance);
    format!("相近的名称：{}", near.iter().take(3).map(|(_, name)| *name).collect::<Vec<_>>().join("、"))
}
