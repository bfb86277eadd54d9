//! Which findings there are on a day.

use crate::app::explain::rule_named;
use crate::app::reports::ledger_named;
use crate::config::problem::suggest;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::calendar::calendar_note;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Light, Relation};
use crate::worker::run::evaluate::{Evaluator, Reading, read};
use anyhow::{Context, bail};
use chrono::NaiveDate;

/// Which findings are wanted. Values of one field are alternatives; several fields must all fit; an empty one fits everything.
#[derive(Clone, Debug, Default)]
pub struct FindingsFilter {
    /// Rules, by id or title.
    pub rules: Vec<String>,
    /// Units that own a finding or that it is addressed to.
    pub units: Vec<String>,
    /// Relations a finding is addressed to.
    pub relations: Vec<String>,
    pub lights: Vec<String>,
    pub states: Vec<String>,
    /// Ledgers, by id.
    pub ledgers: Vec<String>,
}

/// The findings of a day.
pub struct Findings {
    pub as_of: NaiveDate,
    /// The policy with the units as they are on that day.
    pub policy: Policy,
    /// Ledgers that hold no data of that day or before: their earliest snapshot is judged instead (ledger, its day).
    pub early: Vec<(String, NaiveDate)>,
    /// Ledgers that rules judge and that were never imported (title, id).
    pub never_imported: Vec<(String, String)>,
    /// What to know of years without a calendar.
    pub calendar_note: Option<String>,
    register: Reading,
    chosen: Chosen,
}

impl Findings {
    /// The findings that the filter takes, in the order every output uses.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.register.judged.findings.iter().filter(|finding| self.chosen.takes(&self.policy, finding))
    }
}

/// Judges what is stored.
///
/// # Errors
/// A word of the filter is unknown (the message suggests another), nothing was read yet, or the database fails.
pub async fn find(evaluator: &Evaluator, as_of: NaiveDate, filter: &FindingsFilter) -> anyhow::Result<Findings> {
    let policy = evaluator.config.policy.on(as_of);
    let chosen = Chosen::of(&policy, filter)?;
    let view = evaluator.view(&[], as_of).await?;
    if view.in_force.is_empty() {
        bail!("no register has been read yet; run `duban pull` or `duban import FILE` first");
    }
    let early = view.in_force.iter().filter(|found| found.early);
    let early = early.map(|found| (found.snapshot.ledger.clone(), found.snapshot.covers_on)).collect();
    let judged = |id: &str| policy.rules.iter().any(|rule| policy.ledgers[rule.ledger].id == id);
    let read_once = |id: &str| view.in_force.iter().any(|found| found.snapshot.ledger == id);
    let never = policy.ledgers.iter().filter(|ledger| judged(&ledger.id) && !read_once(&ledger.id));
    let never_imported = never.map(|ledger| (ledger.title.clone(), ledger.id.clone())).collect();
    let mut register = read(&evaluator.store, &policy, &view, as_of, &evaluator.var, Vec::new()).await?;
    evaluator.changes(&policy, &mut register, None, as_of, view.sample).await?;
    let closed = evaluator.closed_quarters(&evaluator.config, None, as_of, view.sample).await?;
    evaluator.record_red_quarters(&policy, &mut register.judged.findings, &closed, false).await?;
    let calendar_note = calendar_note(&register.judged.missing_calendar_years);
    Ok(Findings { as_of, early, never_imported, calendar_note, register, chosen, policy })
}

/// The filter with its words looked up; empty = everything.
struct Chosen {
    rules: Vec<usize>,
    units: Vec<UnitId>,
    relations: Vec<Relation>,
    lights: Vec<Light>,
    states: Vec<State>,
    ledgers: Vec<usize>,
}

/// The meanings of some words of an option.
///
/// # Errors
/// One is unknown; the message suggests another.
fn meant<T: Copy>(option: &str, words: &[String], known: &[T], code: fn(T) -> &'static str) -> anyhow::Result<Vec<T>> {
    words
        .iter()
        .map(|word| {
            let found = known.iter().copied().find(|value| code(*value) == word);
            let hint = || suggest(word, known.iter().map(|value| code(*value))).unwrap_or_default();
            found.with_context(|| format!("{option} \"{word}\" is unknown ({})", hint()))
        })
        .collect()
}

impl Chosen {
    fn of(policy: &Policy, filter: &FindingsFilter) -> anyhow::Result<Chosen> {
        let unit = |name: &String| match policy.units.find(name) {
            Some(unit) => Ok(unit),
            None => {
                let hint = suggest(name, policy.units.units.iter().map(|unit| unit.name.as_str())).filter(|hint| hint.starts_with("did"));
                bail!("unit \"{name}\" is unknown ({})", hint.unwrap_or_else(|| "the names are in config/units.toml".into()));
            }
        };
        let ledger = |name: &String| {
            ledger_named(policy, name)?;
            policy.ledger(name).with_context(|| format!("ledger \"{name}\" is unknown"))
        };
        Ok(Chosen {
            rules: filter.rules.iter().map(|name| rule_named(policy, name)).collect::<anyhow::Result<_>>()?,
            units: filter.units.iter().map(unit).collect::<anyhow::Result<_>>()?,
            relations: meant("relation", &filter.relations, &Relation::ALL, Relation::code)?,
            lights: meant("light", &filter.lights, &Light::ALL, Light::code)?,
            states: meant("state", &filter.states, &State::ALL, State::code)?,
            ledgers: filter.ledgers.iter().map(ledger).collect::<anyhow::Result<_>>()?,
        })
    }

    fn takes(&self, policy: &Policy, finding: &Finding) -> bool {
        let among = |relation: &Relation| self.relations.is_empty() || self.relations.contains(relation);
        // told to one of the units by one of the relations; the owner counts also where a rule tells others only
        let told = || {
            let told = finding.relations().iter().zip(finding.recipients());
            let mut fits = told.filter(|(relation, _)| among(relation)).map(|(_, unit)| unit);
            match self.units.is_empty() {
                true => self.relations.is_empty() || fits.next().is_some(),
                false => {
                    let owns = self.relations.is_empty() && finding.owner.is_some_and(|owner| self.units.contains(&owner));
                    owns || fits.any(|unit| unit.is_some_and(|unit| self.units.contains(&unit)))
                }
            }
        };
        (self.rules.is_empty() || self.rules.contains(&finding.rule))
            && (self.lights.is_empty() || finding.light.is_some_and(|light| self.lights.contains(&light)))
            && (self.states.is_empty() || self.states.contains(&finding.state))
            && (self.ledgers.is_empty() || self.ledgers.contains(&policy.rules[finding.rule].ledger))
            && told()
    }
}
