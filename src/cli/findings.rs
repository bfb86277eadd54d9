//! `findings`: prints what is late, stuck or missing on a day.

use crate::app::compose::App;
use crate::app::findings::{FindingsFilter, find};
use crate::cli::csv_text::guarded;
use crate::cli::exit::Exit;
use crate::worker::run::facts::FindingFacts;
use chrono::NaiveDate;
use clap::Args;
use std::io::Write;

/// Which findings to print. Values of one option are alternatives; several options must all fit.
#[derive(Args, Clone, Debug, Default)]
pub struct Filter {
    /// Rules, by id or title
    #[arg(long, value_delimiter = ',')]
    rule: Vec<String>,
    #[arg(help = "Units that own the finding or are told of it")]
    #[arg(long, value_delimiter = ',')]
    unit: Vec<String>,
    #[arg(help = "owner, superior, lead, raiser or office: told by this relation (with --unit: that unit is)")]
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

impl From<&Filter> for FindingsFilter {
    fn from(filter: &Filter) -> FindingsFilter {
        let Filter { rule, unit, relation, light, state, ledger } = filter.clone();
        FindingsFilter { rules: rule, units: unit, relations: relation, lights: light, states: state, ledgers: ledger }
    }
}

pub async fn print(app: &App, as_of: Option<NaiveDate>, filter: &Filter, format: &str) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let found = find(app.evaluator(), as_of, &filter.into()).await?;
    for (ledger, covers_on) in &found.early {
        eprintln!("{ledger}：没有截至{as_of}及以前的数据，以最早的一次（截至{covers_on}）代替");
    }
    for (title, id) in &found.never_imported {
        eprintln!("{title}（{id}）从未导入，不作判断");
    }
    // a table is read by a person; json and csv hold data alone
    if let Some(note) = found.calendar_note.as_ref().filter(|_| format != "table") {
        eprintln!("{note}");
    }
    let policy = &found.policy;
    let facts = found.iter().map(|finding| FindingFacts::of(policy, finding));
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
            for finding in found.iter() {
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
            if let Some(note) = &found.calendar_note {
                writeln!(out, "注：{note}")?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}
