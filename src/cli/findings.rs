//! `findings`: what is late, stuck or missing on a day.

use crate::app::compose::App;
use crate::app::explain::rule_named;
use crate::cli::Exit;
use crate::cli::ledger::known;
use crate::config::problem::suggest;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::calendar::calendar_note;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Light, Relation};
use crate::worker::run::evaluate::read;
use crate::worker::run::facts::FindingFacts;
use anyhow::{Context, bail};
use chrono::NaiveDate;
use clap::Args;
use std::io::Write;

/// Which findings to print. Values of one option are alternatives; several options must all fit.
#[derive(Args, Debug, Default)]
pub struct Filter {
    /// Rules, by id or title
    #[arg(long, value_delimiter = ',')]
    rule: Vec<String>,
    /// Units that own the finding or are told of it
    #[arg(long, value_delimiter = ',')]
    unit: Vec<String>,
    /// owner, superior, lead, raiser or office: told by this relation (with --unit: that unit is)
    #[arg(long, value_delimiter = ',')]
    relation: Vec<String>,
    /// yellow, orange or red
    #[arg(long, value_delimiter = ',')]
    light: Vec<String>,
    /// open, exempt or unjudged
    #[arg(long, value_delimiter = ',')]
    state: Vec<String>,
    /// Ledgers, by id
    #[arg(long, value_delimiter = ',')]
    ledger: Vec<String>,
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
    fn of(policy: &Policy, filter: &Filter) -> anyhow::Result<Chosen> {
        let unit = |name: &String| match policy.units.find(name) {
            Some(unit) => Ok(unit),
            None => {
                let hint = suggest(name, policy.units.units.iter().map(|unit| unit.name.as_str())).filter(|hint| hint.starts_with("did"));
                bail!("unit \"{name}\" is unknown ({})", hint.unwrap_or_else(|| "the names are in config/units.toml".into()));
            }
        };
        let ledger = |name: &String| {
            known(policy, name)?;
            policy.ledger(name).with_context(|| format!("ledger \"{name}\" is unknown"))
        };
        Ok(Chosen {
            rules: filter.rule.iter().map(|name| rule_named(policy, name)).collect::<anyhow::Result<_>>()?,
            units: filter.unit.iter().map(unit).collect::<anyhow::Result<_>>()?,
            relations: meant("relation", &filter.relation, &Relation::ALL, Relation::code)?,
            lights: meant("light", &filter.light, &Light::ALL, Light::code)?,
            states: meant("state", &filter.state, &State::ALL, State::code)?,
            ledgers: filter.ledger.iter().map(ledger).collect::<anyhow::Result<_>>()?,
        })
    }

    fn takes(&self, policy: &Policy, finding: &Finding) -> bool {
        let among = |relation: &Relation| self.relations.is_empty() || self.relations.contains(relation);
        // told to one of the units by one of the relations; the owner counts also where a rule tells others only
        let told = || {
            let told = finding.told().iter().zip(finding.told_units());
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

pub async fn print(app: &App, as_of: Option<NaiveDate>, filter: &Filter, format: &str) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let policy = &app.config().policy.on(as_of);
    let chosen = Chosen::of(policy, filter)?;
    let view = app.evaluator().view(&[], as_of).await?;
    if view.in_force.is_empty() {
        bail!("no register has been read yet; run `duban pull` or `duban import FILE` first");
    }
    for found in view.in_force.iter().filter(|found| found.early) {
        eprintln!("{}：没有截至{as_of}及以前的数据，以最早的一次（截至{}）代替", found.snapshot.ledger, found.snapshot.covers_on);
    }
    for ledger in policy.ledgers.iter().filter(|ledger| policy.rules.iter().any(|rule| policy.ledgers[rule.ledger].id == ledger.id)) {
        if !view.in_force.iter().any(|found| found.snapshot.ledger == ledger.id) {
            eprintln!("{}（{}）从未导入，不作判断", ledger.title, ledger.id);
        }
    }
    let mut reading = read(app.store(), policy, &view, as_of, &app.root().join("var"), Vec::new()).await?;
    app.evaluator().changes(policy, &mut reading, None, as_of, view.sample).await?;
    let closed = app.evaluator().closed_quarters(app.config(), None, as_of, view.sample).await?;
    app.evaluator().stood_red(policy, &mut reading.judged.findings, &closed, false).await?;
    let note = calendar_note(&reading.judged.lacking_years);
    // a table is read by a person; json and csv hold data alone
    if let Some(note) = note.as_ref().filter(|_| format != "table") {
        eprintln!("{note}");
    }
    let found = || reading.judged.findings.iter().filter(|finding| chosen.takes(policy, finding));
    let facts = found().map(|finding| FindingFacts::of(policy, finding));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match format {
        "json" => {
            let facts: Vec<FindingFacts> = facts.collect();
            serde_json::to_writer_pretty(&mut out, &facts)?;
            writeln!(out)?;
        }
        "csv" => {
            let mut csv = csv::Writer::from_writer(&mut out);
            csv.write_record([
                "rule",
                "ledger",
                "key",
                "name",
                "unit",
                "light",
                "act",
                "due_on",
                "overdue_days",
                "lag_points",
                "state",
                "change",
                "basis",
                "missing",
            ])?;
            for fact in facts {
                csv.write_record([
                    fact.rule.as_str(),
                    &fact.ledger,
                    &fact.key,
                    &guarded(&fact.name),
                    &guarded(&fact.unit),
                    fact.light.unwrap_or_default(),
                    fact.act.unwrap_or_default(),
                    fact.due_on.as_deref().unwrap_or_default(),
                    &fact.overdue_days.map(|days| days.to_string()).unwrap_or_default(),
                    &fact.lag_points.map(|points| points.to_string()).unwrap_or_default(),
                    fact.state,
                    fact.change,
                    &fact.basis,
                    &fact.missing.join(" "),
                ])?;
            }
            csv.flush()?;
        }
        _ => {
            let mut count = 0;
            for finding in found() {
                let rule = &policy.rules[finding.rule];
                let measure = match (finding.overdue_days(), &finding.lag) {
                    (Some(days), _) => format!("应于{}前，已超期{days}天", finding.due_on.map(|day| day.to_string()).unwrap_or_default()),
                    (_, Some(lag)) => format!("落后{}.{}个百分点", lag.tenths() / 10, lag.tenths() % 10),
                    _ => format!(
                        "缺{}",
                        finding
                            .missing
                            .iter()
                            .map(|field| policy.ledgers[rule.ledger].fields[*field].title.as_str())
                            .collect::<Vec<_>>()
                            .join("、")
                    ),
                };
                writeln!(
                    out,
                    "{} {} {} {} {} {measure}（{}）",
                    finding.light.map_or("无法判定", |light| light.title()),
                    rule.title,
                    finding.unit,
                    finding.key,
                    finding.name,
                    rule.basis
                )?;
                count += 1;
            }
            writeln!(out, "截至{as_of}共{count}项")?;
            if let Some(note) = note {
                writeln!(out, "注：{note}")?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Text that a spreadsheet would take for a formula gets a leading apostrophe.
pub fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!("'{text}") } else { text.to_owned() }
}
