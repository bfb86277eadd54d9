//! Ladders of `config/rules.toml`: the steps from which a finding gets a light, an act and the relations it is addressed to.

use crate::domain::bounds::{DAYS_MAX, out_of_range, some_between};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::record::Decimal;
use crate::domain::rules::rule::{Act, Light, Relation, Repeat, Step};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// The ladder whose steps give act and relations to steps of the same light that leave them out.
const COMMON: &str = "common";
/// The ladder whose steps follow the steps of every rule that has none for closed quarters.
const REPEATED: &str = "repeated";

/// Ladders by name.
pub(crate) type Ladders = BTreeMap<String, Vec<StepFile>>;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepFile {
    #[serde(default, deserialize_with = "bound")]
    from: Option<Decimal>,
    /// Instead of `from`: the number of closed quarters in a row.
    #[serde(default, deserialize_with = "some_between::<1, 40, _, _>")]
    quarters: Option<u32>,
    light: String,
    act: Option<String>,
    #[serde(rename = "told")]
    relations: Option<Vec<String>>,
}

/// A rule's ladder: the name of one, or steps of its own.
pub(crate) enum LadderFile {
    Named(String),
    Steps(Vec<StepFile>),
}

/// Not by `#[serde(untagged)]`, which forgets in which line and key a step is wrong.
impl<'de> Deserialize<'de> for LadderFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LadderFile, D::Error> {
        struct NameOrSteps;
        impl<'de> Visitor<'de> for NameOrSteps {
            type Value = LadderFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a ladder, or a list of steps")
            }

            fn visit_str<E>(self, name: &str) -> Result<LadderFile, E> {
                Ok(LadderFile::Named(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut steps: A) -> Result<LadderFile, A::Error> {
                let mut read = Vec::new();
                while let Some(step) = steps.next_element()? {
                    read.push(step);
                }
                Ok(LadderFile::Steps(read))
            }
        }
        deserializer.deserialize_any(NameOrSteps)
    }
}

/// The bound from which a step applies, in days or points.
///
/// # Errors
/// The value is no number or lies outside the range.
fn bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let number = match value {
        toml::Value::Integer(whole) => Some(Decimal::new(whole, 0)),
        toml::Value::Float(number) => Decimal::from_f64(number),
        _ => return Err(Error::custom("is no number")),
    };
    let is_allowed = |number: &Decimal| number.compare(Decimal::new(0, 0)).is_ge() && number.compare(Decimal::new(DAYS_MAX, 0)).is_le();
    number.filter(is_allowed).map(Some).ok_or_else(|| Error::custom(out_of_range(value, 0, DAYS_MAX)))
}

/// The steps of a rule.
#[derive(Default)]
pub(crate) struct Ladder {
    pub(crate) steps: Vec<Step>,
    /// Steps that closed quarters in a row lead to.
    pub(crate) repeated: Vec<Repeat>,
}

/// Reports what the common ladder lacks.
pub(crate) fn check_common(ladders: &Ladders, at: &mut ProblemsAt<'_>) {
    match ladders.get(COMMON) {
        None => at.report("ladders: \"common\" is missing", Some("steps that leave out act or told take it from there".into())),
        Some(steps) => {
            for step in steps.iter().filter(|step| step.act.is_none() || step.relations.is_none()) {
                at.report(format!("ladders common: step \"{}\" needs act and told", step.light), None);
            }
        }
    }
}

/// The ladder of a rule. Steps for closed quarters are its own, else those of `[ladders] repeated` for the lights it has.
pub(crate) fn ladder(raw: &LadderFile, ladders: &Ladders, at: &mut ProblemsAt<'_>) -> Ladder {
    let written = match raw {
        LadderFile::Named(name) => match ladders.get(name) {
            Some(steps) => steps.clone(),
            None => {
                at.report(format!("ladder \"{name}\" is unknown"), suggest(name, ladders.keys().map(String::as_str)));
                return Ladder::default();
            }
        },
        LadderFile::Steps(steps) => steps.clone(),
    };
    let (repeated, written): (Vec<StepFile>, Vec<StepFile>) = written.into_iter().partition(|step| step.quarters.is_some());
    if written.is_empty() {
        at.report("the ladder has no step", None);
    }
    let common = ladders.get(COMMON).map_or(&[][..], Vec::as_slice);
    let mut steps: Vec<Step> = Vec::new();
    let mut relations: Vec<Relation> = Vec::new();
    for (number, raw) in written.iter().enumerate() {
        let mut at = at.at(format!("{}: step {}", at.place, number + 1));
        let usual = common.iter().find(|usual| usual.light == raw.light);
        steps.extend(step(raw, usual, steps.last(), &mut relations, &mut at));
    }
    let usual = ladders.get(REPEATED).map_or(&[][..], Vec::as_slice);
    let has_light = |raw: &&StepFile| steps.iter().any(|step| step.light.code() == raw.light);
    let repeated: Vec<StepFile> = if repeated.is_empty() { usual.iter().filter(has_light).cloned().collect() } else { repeated };
    let mut repeats = Vec::new();
    for (number, raw) in repeated.iter().enumerate() {
        repeats.extend(repeat(raw, &mut at.at(format!("{}: step of quarters {}", at.place, number + 1))));
    }
    Ladder { steps, repeated: repeats }
}

/// One step. What it leaves out is taken from the `usual` step of its light. `relations` are those of all steps so far: a higher step is
/// addressed to those of the lower ones too.
fn step(
    raw: &StepFile,
    usual: Option<&StepFile>,
    last: Option<&Step>,
    relations: &mut Vec<Relation>,
    at: &mut ProblemsAt<'_>,
) -> Option<Step> {
    let light = at.coded(&Light::ALL, Light::code, &raw.light, "light")?;
    let act = raw.act.as_deref().or(usual.and_then(|usual| usual.act.as_deref())).unwrap_or_default();
    let act = at.coded(&Act::ALL, Act::code, act, "act")?;
    let words = raw.relations.as_deref().or(usual.and_then(|usual| usual.relations.as_deref())).unwrap_or_default();
    relations.extend(at.all_coded(&Relation::ALL, Relation::code, words, "told"));
    relations.sort_unstable();
    relations.dedup();
    let Some(from) = raw.from else {
        at.report("from is missing", None);
        return None;
    };
    if last.is_some_and(|last| last.from.compare(from).is_ge() || last.light > light) {
        at.report_place("can never be reached", Some("steps rise in `from` and never fall in light".into()));
    }
    if relations.is_empty() {
        at.report_place("tells nobody", Some("name owner, superior, lead, raiser or office in told".into()));
    }
    Some(Step { from, light, act, relations: relations.as_slice().into() })
}

/// A step that closed quarters lead to.
fn repeat(raw: &StepFile, at: &mut ProblemsAt<'_>) -> Option<Repeat> {
    let light = at.coded(&Light::ALL, Light::code, &raw.light, "light")?;
    let act = at.coded(&Act::ALL, Act::code, raw.act.as_deref().unwrap_or_default(), "act")?;
    let periods = raw.quarters.unwrap_or_default();
    if light != Light::Red {
        at.report("closed quarters count red findings", Some("write light = \"red\"".into()));
    }
    if periods == 0 || raw.from.is_some() || raw.relations.is_some() {
        at.report_place(
            "takes quarters (1 or more), light and act",
            Some("it raises the act of those already told: it has no from and no told".into()),
        );
    }
    Some(Repeat { periods, light, act })
}
