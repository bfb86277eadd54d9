//! `runs`: the latest runs, and why a run mailed a unit or not.

use crate::app::compose::App;
use crate::app::runs;
use crate::app::runs::{RunReasons, Undelivered, UnitInRun};
use crate::cli::exit::Exit;
use crate::cli::local_time::local;
use crate::cli::outbox::print_stopped;
use crate::cli::restricted::print_blocked;
use crate::cli::run::incomplete_because;
use crate::domain::rules::rule::Act;
use crate::store::handle::Store;
use crate::store::runs::{Run, RunState};

/// Prints the latest runs.
pub(crate) async fn list(app: &App, limit: i64) -> anyhow::Result<Exit> {
    list_runs(app.store(), limit).await?;
    print_stopped(app.store()).await?;
    print_blocked(app).await?;
    Ok(Exit::Done)
}

/// Prints a line for each of the latest runs.
pub(crate) async fn list_runs(store: &Store, limit: i64) -> anyhow::Result<()> {
    for run in store.runs().list(limit).await? {
        print_line!("{}", line(&run, runs::undelivered(store, &run.id).await?));
    }
    Ok(())
}

/// Prints how many units a run mailed or not, by reason; of one unit its reason and the messages to it.
pub(crate) async fn show(app: &App, run: &str, unit: Option<&str>) -> anyhow::Result<Exit> {
    let runner = app.runner();
    match unit {
        None => {
            let reasons = runs::reasons(&runner, run).await?;
            print_reasons(&reasons, runs::undelivered(app.store(), &reasons.run.id).await?);
        }
        Some(unit) => print_unit(&runs::unit_in_run(&runner, run, unit).await?),
    }
    Ok(Exit::Done)
}

/// A run as one line of the list.
fn line(run: &Run, mails: Undelivered) -> String {
    let state = match run.state {
        RunState::Running => "进行中",
        RunState::Done if mails.lost() > 0 => "部分完成",
        RunState::Done if mails.waiting > 0 => "邮件待发",
        RunState::Done => "已完成",
        RunState::Partial => "部分完成",
        RunState::Failed => "失败",
    };
    let at = if run.finished_at.is_empty() { &run.started_at } else { &run.finished_at };
    let reason = incomplete_because(run);
    let reason = if reason.is_empty() { String::new() } else { format!(" {reason}") };
    format!("{} 截至{} {state} {}{}{reason}", run.id, run.as_of, local(at), mails.in_words())
}

fn print_reasons(RunReasons { run, counts }: &RunReasons, mails: Undelivered) {
    print_line!("{}", line(run, mails));
    match (counts.is_empty(), run.state) {
        (true, RunState::Done | RunState::Partial) => print_line!("这次执行不发提醒。"),
        (true, RunState::Running | RunState::Failed) => print_line!("这次执行还没有生成提醒。"),
        (false, _) => print_line!("各单位提醒情况（查看某一单位：duban runs {} --unit 单位）：", run.id),
    }
    for (reason, units) in counts {
        print_line!("  {units}个单位：{}（{}）", reason.sentence(), reason.code());
    }
}

fn print_unit(UnitInRun { reason, messages }: &UnitInRun) {
    print_line!("{}（{}）：{}（{}）。", reason.name, reason.unit, reason.reason.sentence(), reason.reason.code());
    for message in messages {
        let kind =
            Act::ALL.into_iter().find(|act| act.code() == message.act).map_or("提醒".to_owned(), |act| format!("{}拟办件", act.title()));
        let test = if message.test { "，发往测试邮箱，单位未收到" } else { "" };
        print_line!("{kind} {}：{}{test}（duban outbox show {}）", message.subject, message.state.word(), message.id);
    }
}
