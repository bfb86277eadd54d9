//! `findings`: what is late, stuck or missing on a day.

use super::Exit;
use crate::config::suggest;
use crate::worker::Service;
use crate::worker::facts::FindingFacts;
use crate::worker::reading::read;
use anyhow::bail;
use chrono::NaiveDate;
use std::io::Write;

pub async fn print(
    service: &Service,
    as_of: Option<NaiveDate>,
    rule: Option<&str>,
    unit: Option<&str>,
    format: &str,
) -> anyhow::Result<Exit> {
    let policy = &service.config.policy;
    let as_of = as_of.unwrap_or_else(|| service.clock.today());
    if let Some(rule) = rule
        && policy.rule(rule).is_none()
    {
        let hint = suggest(rule, policy.rules.iter().map(|rule| rule.id.as_str())).unwrap_or_default();
        bail!("rule \"{rule}\" is unknown ({hint})");
    }
    let unit = match unit {
        None => None,
        Some(name) => match policy.units.find(name) {
            Some(unit) => Some(unit),
            None => {
                let hint = suggest(name, policy.units.units.iter().map(|unit| unit.name.as_str())).unwrap_or_default();
                bail!("unit \"{name}\" is unknown ({hint})");
            }
        },
    };
    let view = service.view(&[], as_of).await?;
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
    let mut reading = read(&service.store, policy, &view, as_of, &service.var()).await?;
    service.changes(policy, &mut reading, None, as_of, view.sample).await?;
    let facts = reading
        .judged
        .findings
        .iter()
        .filter(|finding| rule.is_none_or(|rule| policy.rules[finding.rule].id == rule))
        .filter(|finding| unit.is_none_or(|unit| finding.owner == Some(unit) || finding.told_units.contains(&Some(unit))))
        .map(|finding| FindingFacts::of(policy, finding));
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
            for finding in reading
                .judged
                .findings
                .iter()
                .filter(|finding| rule.is_none_or(|rule| policy.rules[finding.rule].id == rule))
                .filter(|finding| unit.is_none_or(|unit| finding.owner == Some(unit) || finding.told_units.contains(&Some(unit))))
            {
                let rule = &policy.rules[finding.rule];
                let measure = match (finding.overdue_days, finding.lag) {
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
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Text that a spreadsheet would take for a formula gets a leading apostrophe.
pub fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!("'{text}") } else { text.to_owned() }
}
