//! The findings on a day that a filter selects.

use crate::app::explain::rule_named;
use crate::app::reports::ledger_named;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::Indicators;
use crate::domain::problem::suggest;
use crate::domain::register::calendar::calendar_note;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Light, Relation};
use crate::worker::run::evaluate::{EvaluatedRegister, Evaluator, evaluate};
use anyhow::{Context, bail};
use chrono::NaiveDate;

/// Selects findings. Values of one field are alternatives; all fields must fit; an empty field fits everything.
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
    /// Ledgers without data of that day or before, whose earliest snapshot is judged instead: id, and the day it covers.
    pub early: Vec<(String, NaiveDate)>,
    /// Ledgers that rules judge and that were never imported (title, id).
    pub never_imported: Vec<(String, String)>,
    /// A sentence on the years without a calendar.
    pub calendar_note: Option<String>,
    register: EvaluatedRegister,
    filter: ResolvedFilter,
}

impl Findings {
    /// All findings, whatever the filter.
    pub(crate) fn all(&self) -> &[Finding] {
        &self.register.judged.findings
    }

    /// The counts of the projects.
    pub(crate) fn indicators(&self) -> &Indicators {
        &self.register.indicators
    }

    /// The findings that the filter selects, in the order of every output.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.register.judged.findings.iter().filter(|finding| self.filter.selects(&self.policy, finding))
    }
}

/// Evaluates the stored register.
///
/// # Errors
/// A word of the filter is unknown (the message suggests another), nothing has been read yet, or the database fails.
pub async fn find(evaluator: &Evaluator, as_of: NaiveDate, filter: &FindingsFilter) -> anyhow::Result<Findings> {
    let policy = evaluator.config.policy.on(as_of);
    let filter = ResolvedFilter::new(&policy, filter)?;
    let selection = evaluator.select_snapshots(&[], as_of).await?;
    if selection.in_force.is_empty() {
        bail!("no register has been read yet; run `duban pull` or `duban import FILE` first");
    }
    let early = selection.in_force.iter().filter(|found| found.early);
    let early = early.map(|found| (found.snapshot.ledger.clone(), found.snapshot.covers_on)).collect();
    let judged = |id: &str| policy.rules.iter().any(|rule| policy.ledgers[rule.ledger].id == id);
    let has_snapshot = |id: &str| selection.of_ledger(id).next().is_some();
    let never = policy.ledgers.iter().filter(|ledger| judged(&ledger.id) && !has_snapshot(&ledger.id));
    let never_imported = never.map(|ledger| (ledger.title.clone(), ledger.id.clone())).collect();
    let mut register = evaluate(&evaluator.store, &policy, &selection, as_of, &evaluator.var, Vec::new()).await?;
    evaluator.changes(&policy, &mut register, None, as_of, selection.sample).await?;
    let closed = evaluator.closed_quarters(&evaluator.config, None, as_of, selection.sample).await?;
    evaluator.record_red_quarters(&policy, &mut register.judged.findings, &closed, false).await?;
    let calendar_note = calendar_note(&register.judged.missing_calendar_years);
    Ok(Findings { as_of, early, never_imported, calendar_note, register, filter, policy })
}

/// The filter with its words looked up. An empty field fits everything.
struct ResolvedFilter {
    rules: Vec<usize>,
    units: Vec<UnitId>,
    relations: Vec<Relation>,
    lights: Vec<Light>,
    states: Vec<State>,
    ledgers: Vec<usize>,
}

/// The values that the words of an option name.
///
/// # Errors
/// A word is unknown; the message suggests another.
fn parse_words<T: Copy>(option: &str, words: &[String], known: &[T], code: fn(T) -> &'static str) -> anyhow::Result<Vec<T>> {
    words
        .iter()
        .map(|word| {
            let found = known.iter().copied().find(|value| code(*value) == word);
            let hint = || suggest(word, known.iter().map(|value| code(*value))).unwrap_or_default();
            found.with_context(|| format!("{option} \"{word}\" is unknown ({})", hint()))
        })
        .collect()
}

impl ResolvedFilter {
    fn new(policy: &Policy, filter: &FindingsFilter) -> anyhow::Result<ResolvedFilter> {
        let unit = |name: &String| match policy.units.find(name) {
            Some(unit) => Ok(unit),
            None => {
                let hint = suggest(name, policy.units.units.iter().map(|unit| unit.name.as_str())).filter(|hint| hint.starts_with("did"));
                bail!("unit \"{name}\" is unknown ({})", hint.unwrap_or_else(|| "the names are in config/units.toml".into()));
            }
        };
        let ledger = |name: &String| {
            let id = &ledger_named(policy, name)?.id;
            policy.ledger(id).with_context(|| format!("ledger \"{name}\" is unknown"))
        };
        Ok(ResolvedFilter {
            rules: filter.rules.iter().map(|name| rule_named(policy, name)).collect::<anyhow::Result<_>>()?,
            units: filter.units.iter().map(unit).collect::<anyhow::Result<_>>()?,
            relations: parse_words("relation", &filter.relations, &Relation::ALL, Relation::code)?,
            lights: parse_words("light", &filter.lights, &Light::ALL, Light::code)?,
            states: parse_words("state", &filter.states, &State::ALL, State::code)?,
            ledgers: filter.ledgers.iter().map(ledger).collect::<anyhow::Result<_>>()?,
        })
    }

    fn selects(&self, policy: &Policy, finding: &Finding) -> bool {
        let among = |relation: &Relation| self.relations.is_empty() || self.relations.contains(relation);
        // addressed to one of the units by one of the relations; the owner counts also if the rule addresses other units only
        let addressed = || {
            let recipients = finding.relations().iter().zip(finding.recipients());
            let mut fits = recipients.filter(|(relation, _)| among(relation)).map(|(_, unit)| unit);
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
            && addressed()
    }
}
