//! 总览: how far the work is: findings by light, the projects, the last weeks, data days, next and last runs, mails.

use crate::app::current_findings::{Counts, Current, CurrentFindings, LightCounts, ProjectCounts};
use crate::domain::judging::indicators::Ratio;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::register::snapshot::source_title;
use crate::domain::register::units::{UnitId, Units};
use crate::domain::schedule::slot_words;
use crate::store::pictures::DayCounts;
use crate::store::reports::ReportFilter;
use crate::store::runs::{Run, RunState};
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::web::fields::link;
use crate::web::pages::reports::{file_link, file_name};
use crate::web::pages::shown::{day, local_time};
use crate::web::portal::{Portal, Request, Scope};
use crate::web::reply::{Answer, Reply};
use minijinja::{Value, context};
use std::collections::BTreeMap;

/// Runs and files on the page.
const LISTED: i64 = 8;

pub(crate) async fn overview(portal: &Portal, asked: &Request) -> Answer {
    match portal.scope(asked.visitor()?) {
        Scope::Office => office(portal).await,
        Scope::Unit(unit) => of_unit(portal, unit).await,
    }
}

/// A share of a count in words: `40.0%`; empty where there is nothing to share.
fn share(part: u64, whole: u64) -> String {
    let ratio = Ratio { numerator: part.into(), denominator: whole.into() };
    if whole == 0 { String::new() } else { ratio.to_string() }
}

/// The projects of a reader: by stage, and how far the contracts are.
fn projects(current: &CurrentFindings, units: &Units, reader: Option<UnitId>) -> Option<Value> {
    let ProjectCounts { stages, contracts, performed, started, produced } = current.projects(units, reader);
    if stages.iter().all(|(_, count)| *count == 0) && contracts == 0 {
        return None;
    }
    let stages: Vec<Value> = stages.iter().map(|(name, count)| context! { name, count }).collect();
    let step = |(name, count): (&str, u64)| context! { name, count, share => share(count, contracts) };
    let steps: Vec<Value> =
        [("已签合同", contracts), ("已履约", performed), ("已开工", started), ("已投产", produced)].into_iter().map(step).collect();
    Some(context! { stages, steps })
}

/// Height of the chart of the weeks, and width of a week, in the units of the picture.
const CHART_HEIGHT: i64 = 120;
const WEEK_WIDTH: i64 = 40;

/// The open findings week by week as a table and a chart; empty where there is one week only.
fn weeks(days: &[DayCounts]) -> Vec<Value> {
    let most = days.iter().map(|day| day.red + day.orange + day.yellow).max().unwrap_or(0).max(1);
    let height = |count: i64| count * CHART_HEIGHT / most;
    let week = |(place, counts): (usize, &DayCounts)| {
        let DayCounts { day, red, orange, yellow } = *counts;
        let mut top = CHART_HEIGHT;
        let mut bar = |light: &str, count: i64| {
            top -= height(count);
            context! { light, y => top, height => height(count) }
        };
        let bars = vec![bar("red", red), bar("orange", orange), bar("yellow", yellow)];
        context! { day => day.to_string(), label => day.format("%m-%d").to_string(), red, orange, yellow, x => place as i64 * WEEK_WIDTH, bars }
    };
    if days.len() < 2 { Vec::new() } else { days.iter().enumerate().map(week).collect() }
}

/// The findings of today, counted, with the projects and the last weeks; `None` = there is no picture yet.
async fn lights(portal: &Portal, reader: Option<UnitId>) -> anyhow::Result<Option<Value>> {
    let Current::Picture(current) = portal.pictures.of(reader, portal.app.clock().today()).await? else { return Ok(None) };
    let units = &portal.app.config().policy.units;
    let Counts { all, by_rule, by_area, only_counted } = current.counts(units, reader).await?;
    let counted = |counts: &LightCounts| {
        let LightCounts { red, orange, yellow, unjudged, exempt } = counts;
        context! { red, orange, yellow, unjudged, exempt }
    };
    let selected = |name: &str, value: &str| link("/findings", [(name, value)]);
    let rules = by_rule.iter().map(|(id, title, counts)| context! { name => title, link => selected("rule", id), ..counted(counts) });
    let areas = by_area.iter().map(|(name, counts)| context! { name, link => selected("unit", name), ..counted(counts) });
    Ok(Some(context! {
        as_of => day(&current.as_of.to_string()), made_at => local_time(&current.made_at), is_behind => current.is_behind,
        only_counted, projects => projects(&current, units, reader), weeks => weeks(&current.weeks(units, reader).await?),
        rules => rules.collect::<Vec<_>>(), areas => areas.collect::<Vec<_>>(), ..counted(&all)
    }))
}

/// The word for the state of a run.
pub(crate) fn run_word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "进行中",
        RunState::Done => "完成",
        RunState::Partial => "部分完成",
        RunState::Failed => "失败",
    }
}

async fn office(portal: &Portal) -> Answer {
    let (app, config) = (&portal.app, portal.app.config());
    let runs = app.store().runs().list(LISTED).await?;
    let lights = lights(portal, None).await?;
    let mut waiting: Vec<Value> = Vec::new();
    let counts = app.store().outbox().count_by_state(None).await?;
    let count = |state: DeliveryState| counts.get(&state).copied().unwrap_or(0);
    let mut wait = |count: i64, text: String, path: &str| {
        if count > 0 {
            waiting.push(context! { text, path });
        }
    };
    let drafts = count(DeliveryState::Draft);
    wait(drafts, format!("{drafts}件督办、通报、约谈待签发"), "/sending?state=draft");
    let failed = count(DeliveryState::Refused) + count(DeliveryState::Dead);
    wait(failed, format!("{failed}封邮件没有送达"), "/sending?state=refused");
    let withheld = count(DeliveryState::Withheld);
    wait(withheld, format!("{withheld}封邮件因涉及不便公开的项目停发"), "/sending?state=withheld");
    let held = app.store().snapshots().count(SnapshotState::Held).await?;
    wait(held, format!("{held}次导入待确认（duban snapshot list）"), "");
    let broken = runs.iter().filter(|run| matches!(run.state, RunState::Failed | RunState::Partial)).count() as i64;
    wait(broken, format!("最近{}次运行中有{broken}次没有全部完成", runs.len()), "/runs");
    let scheduler = app.scheduler();
    let next: Vec<Value> = scheduler
        .next_slots(1)
        .iter()
        .map(|(job, slots)| {
            let at = slots.first().map_or_else(|| "无".to_owned(), |slot| slot_words(slot.runs_at));
            context! { title => &job.title, at }
        })
        .collect();
    let titles: BTreeMap<&str, &str> = config.jobs.iter().map(|job| (job.name.as_str(), job.title.as_str())).collect();
    let values = context! {
        is_office => true, waiting, lights, next,
        runs => runs.iter().map(|run| shown_run(run, &titles)).collect::<Vec<_>>(),
        ledgers => data_days(portal, &app.present().await?.snapshots),
        notes => app.deliverer().sending_notes().await?,
    };
    Ok(Reply::page("overview", "总览", values))
}

/// A run as lists show it.
pub(crate) fn shown_run(run: &Run, titles: &BTreeMap<&str, &str>) -> Value {
    let faults: Vec<String> = match run.state {
        RunState::Failed => vec![run.reason.clone()],
        RunState::Partial => run.inputs.faults.iter().map(ToString::to_string).collect(),
        RunState::Running | RunState::Done => Vec::new(),
    };
    context! {
        link => link("/runs/one", [("id", &*run.id)]), id => &run.id, title => titles.get(run.job.as_str()).copied().unwrap_or(run.job.as_str()), as_of => day(&run.as_of),
        revision => run.revision, state => run.state.code(), word => run_word(run.state), step => &run.step, faults,
        began => local_time(&run.started_at), ended => local_time(&run.finished_at), is_scheduled => run.scheduled,
    }
}

/// The day of the data of each ledger and source in force.
fn data_days(portal: &Portal, snapshots: &[Snapshot]) -> Vec<Value> {
    let policy = &portal.app.config().policy;
    let mut newest: BTreeMap<(usize, &str), &Snapshot> = BTreeMap::new();
    for snapshot in snapshots.iter().filter(|snapshot| snapshot.state == SnapshotState::InForce) {
        if let Some(ledger) = policy.ledger(&snapshot.ledger) {
            newest.insert((ledger, &snapshot.source), snapshot);
        }
    }
    let line = |((ledger, source), snapshot): (&(usize, &str), &&Snapshot)| {
        context! {
            ledger => &policy.ledgers[*ledger].title, source => source_title(source), covers => day(&snapshot.covers_on.to_string()), rows => snapshot.rows,
            checked => local_time(&snapshot.checked_at), is_sample => snapshot.sample,
        }
    };
    newest.iter().map(line).collect()
}

async fn of_unit(portal: &Portal, unit: usize) -> Answer {
    let (app, units) = (&portal.app, &portal.app.config().policy.units);
    let own = &units.units[unit];
    let filter = ReportFilter { unit: own.code.clone(), ..ReportFilter::default() };
    let (files, _) = app.store().reports().page(&filter, 0, LISTED).await?;
    let files: Vec<Value> = files
        .iter()
        .map(|report| {
            let path = &report.file.path;
            context! { name => file_name(path), link => file_link(path), as_of => day(&report.as_of) }
        })
        .collect();
    let reaching = DeliveryState::all_that(DeliveryState::may_reach);
    let (mails, _) = app.store().outbox().page(&own.name, &reaching, false, 0, LISTED).await?;
    let mails: Vec<Value> = mails
        .iter()
        .map(|mail| context! { subject => &mail.subject, at => local_time(&mail.created_at), word => mail.state.word() })
        .collect();
    Ok(Reply::page("overview", "总览", context! { is_office => false, files, mails, lights => lights(portal, Some(unit)).await? }))
}
