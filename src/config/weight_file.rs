//! `[weight]` of `config/rules.toml`: by what a finding weighs more than another.

use crate::domain::bounds::{DAYS_MAX, between};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::record::yi_as_fen;
use crate::domain::rules::rule::Light;
use crate::domain::rules::weight::{Bound, Phase, Weights};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightFile {
    /// Points by light.
    lights: BTreeMap<String, Points>,
    phases: Vec<PhaseFile>,
    #[serde(default)]
    amounts: Vec<AmountFile>,
    #[serde(default)]
    days: Vec<DaysFile>,
    #[serde(default)]
    quarters: QuartersFile,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Points(#[serde(deserialize_with = "between::<0, 100_000, _, _>")] u32);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseFile {
    title: String,
    /// Ids of rules; a `*` at the end means a family.
    rules: Vec<String>,
    points: Points,
    #[serde(default)]
    one_line: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountFile {
    /// In 亿元.
    #[serde(deserialize_with = "between::<1, 10_000, _, _>")]
    from: i64,
    points: Points,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DaysFile {
    #[serde(deserialize_with = "between::<1, DAYS_MAX, _, _>")]
    from: i64,
    points: Points,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuartersFile {
    each: Points,
    most: Points,
}

impl Default for QuartersFile {
    fn default() -> QuartersFile {
        QuartersFile { each: Points(0), most: Points(0) }
    }
}

/// The weights, and by rule (in the order of `ids`) the index of its phase.
pub(crate) fn weights(file: &WeightFile, ids: &[&str], at: &mut ProblemsAt<'_>) -> (Weights, Vec<Option<usize>>) {
    let mut lights = [0; 3];
    for light in Light::ALL {
        match file.lights.get(light.code()) {
            Some(points) => lights[light as usize] = points.0,
            None => at.report(format!("lights.{} is missing", light.code()), None),
        }
    }
    for word in file.lights.keys().filter(|word| Light::from_code(word).is_none()) {
        at.report(format!("light \"{word}\" is unknown"), suggest(word, Light::ALL.into_iter().map(Light::code)));
    }
    let mut phase_of: Vec<Option<usize>> = vec![None; ids.len()];
    for (index, phase) in file.phases.iter().enumerate() {
        for name in &phase.rules {
            let is_named = |id: &str| name.strip_suffix('*').map_or(id == name, |family| id.starts_with(family));
            if !ids.iter().any(|id| is_named(id)) {
                at.report(format!("phase \"{}\": rule \"{name}\" is unknown", phase.title), suggest(name, ids.iter().copied()));
            }
            for (of, id) in phase_of.iter_mut().zip(ids).filter(|(_, id)| is_named(id)) {
                if of.replace(index).is_some_and(|other| other != index) {
                    at.report(format!("phase \"{}\": rule \"{id}\" is in an earlier phase already", phase.title), None);
                }
            }
        }
    }
    for (id, _) in ids.iter().zip(&phase_of).filter(|(_, phase)| phase.is_none()) {
        at.report(format!("rule \"{id}\" is in no phase"), Some("name it in [[weight.phases]], or its findings would come last".into()));
    }
    let phase = |phase: &PhaseFile| Phase { title: phase.title.clone(), points: phase.points.0, shares_line: phase.one_line };
    let weights = Weights {
        lights,
        phases: file.phases.iter().map(phase).collect(),
        amounts: file.amounts.iter().map(|bound| Bound { from: yi_as_fen(bound.from), points: bound.points.0 }).collect(),
        days: file.days.iter().map(|bound| Bound { from: bound.from, points: bound.points.0 }).collect(),
        quarter: file.quarters.each.0,
        quarters_max: file.quarters.most.0,
    };
    for (what, bounds) in [("amounts", &weights.amounts), ("days", &weights.days)] {
        if !bounds.is_sorted_by(|one, next| one.from < next.from) {
            at.report(format!("{what}: the bounds do not rise"), Some("write the lowest bound first".into()));
        }
    }
    (weights, phase_of)
}
