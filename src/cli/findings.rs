//! `findings`: prints what is late, stuck or missing on a day.

use crate::app::compose::App;
use crate::app::findings::{Findings, FindingsFilter, find};
use crate::cli::csv_text::guarded;
use crate::cli::exit::Exit;
use crate::domain::audience::masked;
use crate::domain::judging::finding::Finding;
use crate::domain::rules::policy::Policy;
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

/// Prints the findings of a day that the filter takes, as a table, json or csv. Notes go to stderr, where the format holds data only.
pub(crate) async fn print(app: &App, as_of: Option<NaiveDate>, filter: &FilterArguments, format: &str) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let found = find(app.evaluator(), as_of, &filter.into()).await?;
    for (ledger, covers_on) in &found.early {
        eprintln!("{ledger}：没有截至{as_of}及以前的数据，以最早的一次（截至{covers_on}）代替");
    }
    for (title, id) in &found.never_imported {
        eprintln!("{title}（{id}）从未导入，不作判断");
    }
    // the table ends with the note
    if let Some(note) = found.calendar_note.as_ref().filter(|_| format != "table") {
        eprintln!("{note}");
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match format {
        "json" => print_json(&mut out, &found)?,
        "csv" => print_csv(&mut out, &found)?,
        _ => print_table(&mut out, &found)?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn print_json(out: &mut impl Write, found: &Findings) -> anyhow::Result<()> {
    let facts: Vec<FindingFacts> = found.iter().map(|finding| FindingFacts::printed(&found.policy, finding)).collect();
    serde_json::to_writer_pretty(&mut *out, &facts)?;
    writeln!(out)?;
    Ok(())
}

fn print_csv(out: &mut impl Write, found: &Findings) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(CSV_HEAD)?;
    for fact in found.iter().map(|finding| FindingFacts::printed(&found.policy, finding)) {
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
    Ok(())
}

fn print_table(out: &mut impl Write, found: &Findings) -> anyhow::Result<()> {
    let policy = &found.policy;
    let mut count = 0;
    for finding in found.iter() {
        let rule = &policy.rules[finding.rule];
        writeln!(
            out,
            "{} {} {} {} {} {}（{}）",
            finding.light.map_or("无法判定", |light| light.title()),
            rule.title,
            masked(&finding.unit),
            finding.key,
            masked(&finding.name),
            measure(policy, finding),
            rule.basis
        )?;
        count += 1;
    }
    writeln!(out, "截至{}共{count}项", found.as_of)?;
    if let Some(note) = &found.calendar_note {
        writeln!(out, "注：{note}")?;
    }
    Ok(())
}

/// How late a record is, how far it lags, or which fields it lacks.
fn measure(policy: &Policy, finding: &Finding) -> String {
    match (finding.overdue_days(), &finding.lag) {
        (Some(days), _) => format!("应于{}前，已超期{days}天", finding.due_on.map(|day| day.to_string()).unwrap_or_default()),
        (_, Some(lag)) => format!("落后{}.{}个百分点", lag.tenths() / 10, lag.tenths() % 10),
        _ => {
            let fields = &policy.ledgers[policy.rules[finding.rule].ledger].fields;
            let missing: Vec<&str> = finding.missing.iter().map(|field| fields[*field].title.as_str()).collect();
            format!("缺{}", missing.join("、"))
        }
    }
}
