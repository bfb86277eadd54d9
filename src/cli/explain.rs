//! `explain`: prints why a record has a finding, or has none, in words that a clerk can read out on the telephone.

use crate::app::compose::App;
use crate::app::explain;
use crate::app::explain::Explained;
use crate::app::explained_text::{ExplainedText, Section, explained_text};
use crate::cli::exit::Exit;
use crate::cli::print::{Filter, Printer};
use crate::domain::audience::Audience;
use chrono::NaiveDate;
use std::io::Write;

/// Prints why a rule has or has no finding on a record, as text or json.
pub(crate) async fn explain(app: &App, rule: &str, key: &str, as_of: Option<NaiveDate>, format: &str) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let explained = explain::explain(app.evaluator(), rule, key, as_of, Audience::Office).await?;
    let is_json = format == "json";
    let mut out = Printer::to_stdout(if is_json { Filter::Json } else { Filter::Lines });
    if is_json {
        serde_json::to_writer_pretty(&mut out, &explained)?;
        writeln!(out)?;
    } else {
        print_text(&mut out, &explained)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Prints an explanation as text under numbered headings.
fn print_text(out: &mut Printer, explained: &Explained) -> std::io::Result<()> {
    let ExplainedText { title, facts, sections } = explained_text(explained);
    out.line(format_args!("{title}"))?;
    for fact in facts {
        out.line(format_args!("{fact}"))?;
    }
    let numbers = ["一", "二", "三", "四", "五", "六", "七", "八"].into_iter();
    for (Section { heading, lines }, number) in sections.into_iter().zip(numbers) {
        out.line(format_args!(""))?;
        out.line(format_args!("{number}、{heading}"))?;
        for line in lines {
            out.line(format_args!("  {line}"))?;
        }
    }
    Ok(())
}
