//! `findings`: prints what is late, stuck or missing on a day.

use crate::app::audit::record_export;
use crate::app::compose::App;
use crate::app::findings::{Findings, FindingsFilter, find};
use crate::cli::csv_text::CsvPrinter;
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use crate::cli::print::{Filter, Printer};
use crate::domain::audience::masked;
use crate::domain::judging::measure::measure;
use crate::domain::plain_text::shown_name;
use crate::worker::run::finding_facts::FindingFacts;
use chrono::NaiveDate;
use clap::Args;
use std::io::Write;

/// Which findings to print. Values of one option are alternatives; several options must all fit.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FilterArguments {
    /// Rules, by id or title
    #[arg(long, value_delimiter = ',')]
    rule: Vec<String>,
    /// Units that own the finding or are notified of it
    #[arg(long, value_delimiter = ',')]
    unit: Vec<String>,
    /// owner, superior, lead, raiser or office: a unit of this relation is notified (with --unit: that unit)
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

impl From<&FilterArguments> for FindingsFilter {
    fn from(filter: &FilterArguments) -> FindingsFilter {
        let FilterArguments { rule, unit, relation, light, state, ledger } = filter.clone();
        FindingsFilter { rules: rule, units: unit, relations: relation, lights: light, states: state, ledgers: ledger }
    }
}

/// The head of the csv format.
const CSV_HEAD: [&str; 14] = [
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
];

/// Prints the findings of a day that the filter takes, as a table, json or csv. Notes go to stderr, where the format holds data only. That
/// they were handed out is on record.
pub(crate) async fn print(
    app: &App,
    as_of: Option<NaiveDate>,
    filter: &FilterArguments,
    format: &str,
    person: &PersonArguments,
) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    record_export(app, "export findings", &format!("{as_of} {format}"), person.person(&person.who())).await?;
    let found = find(app.evaluator(), as_of, &filter.into()).await?;
    for (ledger, covers_on) in &found.early {
        print_error!("{ledger}：没有截至{as_of}及以前的数据，以最早的一次（截至{covers_on}）代替");
    }
    for (title, id) in &found.never_imported {
        print_error!("{title}（{id}）从未导入，不作判断");
    }
    // the table ends with the note
    if let Some(note) = found.calendar_note.as_ref().filter(|_| format != "table") {
        print_error!("{note}");
    }
    match format {
        "json" => print_json(&found)?,
        "csv" => print_csv(&found)?,
        _ => print_table(&found, filter)?,
    }
    Ok(Exit::Done)
}

fn print_json(found: &Findings) -> anyhow::Result<()> {
    let mut out = Printer::to_stdout(Filter::Json);
    let facts: Vec<FindingFacts> = found.iter().map(|finding| FindingFacts::printed(&found.policy, finding)).collect();
    serde_json::to_writer_pretty(&mut out, &facts)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

fn print_csv(found: &Findings) -> anyhow::Result<()> {
    let mut csv = CsvPrinter::to_stdout();
    csv.row(CSV_HEAD)?;
    for fact in found.iter().map(|finding| FindingFacts::printed(&found.policy, finding)) {
        csv.row([
            fact.rule.as_str(),
            &fact.ledger,
            &fact.key,
            &fact.name,
            &fact.unit,
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
    csv.flush()
}

fn print_table(found: &Findings, filter: &FilterArguments) -> anyhow::Result<()> {
    let mut out = Printer::to_stdout(Filter::Lines);
    let policy = &found.policy;
    let mut count = 0;
    for finding in found.iter() {
        let rule = &policy.rules[finding.rule];
        out.line(format_args!(
            "{} {} {} {} {} {}（{}）",
            finding.light.map_or("无法判定", |light| light.title()),
            rule.title,
            shown_name(&masked(&finding.unit)),
            shown_name(&finding.key),
            shown_name(&masked(&finding.name)),
            measure(policy, finding),
            rule.basis
        ))?;
        count += 1;
    }
    out.line(format_args!("截至{}共{count}件", found.as_of))?;
    if !filter.unit.is_empty() && filter.relation.is_empty() {
        let units = filter.unit.join("、");
        out.line(format_args!(
            "注：所列为责任单位是{units}的和告知{units}的；其下级的，告知了{units}才列出。网页按单位筛选，列出其下级的全部，不列只是告知的"
        ))?;
    }
    if let Some(note) = &found.calendar_note {
        out.line(format_args!("注：{note}"))?;
    }
    Ok(out.flush()?)
}
