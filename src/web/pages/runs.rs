//! 运行: the runs of the jobs, one with its steps, the next slots, and those that were missed.

use crate::app::runs::{RunDetail, detail, missed};
use crate::domain::register::snapshot::source_title;
use crate::domain::schedule::slot_words;
use crate::web::fields::link;
use crate::web::pages::overview::shown_run;
use crate::web::pages::shown::{day, local_time};
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Refusal, Reply};
use minijinja::{Value, context};
use std::collections::BTreeMap;

/// Runs on the page.
const LISTED: i64 = 100;
/// Slots of a job and missed slots on the page.
const NEXT: usize = 3;
const MISSED: usize = 20;

fn titles(portal: &Portal) -> BTreeMap<&str, &str> {
    portal.app.config().jobs.iter().map(|job| (job.name.as_str(), job.title.as_str())).collect()
}

pub(crate) async fn list(portal: &Portal) -> Answer {
    let titles = titles(portal);
    let runs = portal.app.store().runs().list(LISTED).await?;
    let runs: Vec<Value> = runs.iter().map(|run| shown_run(run, &titles)).collect();
    let next: Vec<Value> = portal
        .app
        .scheduler()
        .next_slots(NEXT)
        .iter()
        .map(|(job, slots)| {
            let slots: Vec<Value> =
                slots.iter().map(|slot| context! { at => slot_words(slot.runs_at), as_of => day(&slot.as_of.to_string()) }).collect();
            context! { title => &job.title, slots }
        })
        .collect();
    let all = missed(&portal.app).await?;
    let shown: Vec<Value> = all
        .iter()
        .take(MISSED)
        .map(|slot| {
            context! { job => &slot.job, at => slot_words(slot.runs_at), as_of => day(&slot.as_of.to_string()), is_due => slot.is_due }
        })
        .collect();
    Ok(Reply::page("runs", "运行", context! { runs, next, missed => shown, missed_more => all.len().saturating_sub(MISSED) }))
}

/// The word for a step.
fn step_word(step: &str) -> &str {
    match step {
        "pull" => "读取来源",
        "detect" => "判定",
        "report" => "生成报表",
        "remind" => "生成提醒",
        other => other,
    }
}

/// One run.
pub(crate) async fn one(portal: &Portal, asked: &Request) -> Answer {
    let RunDetail { run, steps, read, files, mails, reasons } =
        detail(&portal.app, asked.query.get("id")).await?.ok_or(Refusal::NotFound)?;
    let rows: i64 = read.iter().map(|(.., rows)| rows).sum();
    let found = run.result.as_ref().and_then(|result| result.judged.as_ref());
    let handled = |step: &str| match step {
        "pull" => format!("{}份台账，{rows}行", read.len()),
        "detect" => found.map_or_else(String::new, |judged| {
            let counts = &judged.findings;
            format!("红{} 橙{} 黄{}，无法判定{}", counts.red, counts.orange, counts.yellow, counts.unjudged)
        }),
        "report" => format!("{files}个文件"),
        "remind" => format!("{}封邮件", mails.values().sum::<i64>()),
        _ => String::new(),
    };
    let steps: Vec<Value> = steps
        .iter()
        .map(|line| {
            let seconds = format!("{}.{}", line.tenths / 10, line.tenths % 10);
            context! { word => step_word(&line.step), began => local_time(&line.began_at), seconds, handled => handled(&line.step) }
        })
        .collect();
    let read: Vec<Value> =
        read.iter().map(|(ledger, source, seq, rows)| context! { ledger, source => source_title(source), seq, rows }).collect();
    let values = context! {
        run => shown_run(&run, &titles(portal)), steps, read, files,
        reports => link("/reports", [("job", &*run.job), ("as_of", &*run.as_of)]),
        mails => mails.iter().map(|(state, count)| context! { word => state.word(), count }).collect::<Vec<_>>(),
        reasons => reasons.iter().map(|(reason, units)| context! { text => reason.sentence(), units }).collect::<Vec<_>>(),
    };
    Ok(Reply::page("run", "一次运行", values))
}
