//! `status`: how the service is, for a person or for a machine that asks.

use crate::app::compose::{App, store_despite_faults, store_to_look};
use crate::app::disk::is_of_disk;
use crate::app::status;
use crate::app::status::{LastRun, Status};
use crate::cli::exit::Exit;
use crate::cli::local_time::local;
use crate::cli::print;
use crate::cli::waiting::announced;
use crate::clock::Clock;
use crate::domain::trouble::{Trouble, TroubleKind};
use crate::source::confinement::ConfinementLevel;
use crate::store::runs::RunState;
use serde_json::json;
use std::path::Path;

/// Prints how the service of a root is, also where its configuration or its database has a fault. Exit 1 = something needs a person.
pub(crate) async fn status(root: &Path, as_json: bool) -> anyhow::Result<Exit> {
    let status = read(root).await?;
    if as_json {
        print::json(&serde_json::to_string(&in_json(&status))?);
    } else {
        print_status(&status);
    }
    Ok(if status.troubles.is_empty() { Exit::Done } else { Exit::Failed })
}

async fn read(root: &Path) -> anyhow::Result<Status> {
    let fault = match announced(App::open(root, Clock::System)).await {
        Ok(app) => return status::status(&app, root, None).await,
        Err(fault) => fault,
    };
    let store = match is_of_disk(&fault) {
        true => store_to_look(root).await,
        false => store_despite_faults(root).await.ok().flatten(),
    };
    let Some(store) = store else { return Ok(Status::of_fault(&fault)) };
    match App::open_as_last_run(root, Clock::System, &store).await? {
        Some(app) => status::status(&app, root, Some(&fault)).await,
        None => Ok(Status::of_fault(&fault)),
    }
}

/// The status as machines read it.
fn in_json(status: &Status) -> serde_json::Value {
    let is = |kind, yes: &'static str, no: &'static str| if status.has(kind) { yes } else { no };
    let problem = |Trouble { kind, since, text, .. }: &Trouble| json!({"id": kind.code(), "since": since, "text": text});
    let run = |LastRun { job, run, .. }: &LastRun| {
        json!({
            "id": run.id, "job": job, "key": run.key, "as_of": run.as_of, "revision": run.revision, "state": run.state.code(),
            "started_at": run.started_at, "finished_at": run.finished_at,
        })
    };
    json!({
        "ok": status.troubles.is_empty(),
        "problems": status.troubles.iter().map(problem).collect::<Vec<_>>(),
        "sending": is(TroubleKind::SendingHeld, "held", "on"),
        "clock": is(TroubleKind::Clock, "distrusted", "trusted"),
        "config": is(TroubleKind::ConfigWaiting, "waiting", "in-force"),
        "parser": status.parser.unwrap_or(ConfinementLevel::LimitsOnly).code(),
        "last_runs": status.last_runs.iter().map(run).collect::<Vec<_>>(),
        "data_days": status.data_days,
    })
}

fn print_status(status: &Status) {
    match status.troubles.as_slice() {
        [] => print_line!("一切正常"),
        troubles => {
            print_line!("需要处理{}项：", troubles.len());
            for Trouble { kind, since, text, .. } in troubles {
                let since = if since.contains('T') { local(since) } else { since.clone() };
                let since = if since.is_empty() { String::new() } else { format!("（自{since}）") };
                print_line!("  {text}{since}（{}）", kind.code());
            }
        }
    }
    print_line!("最近的执行：{}", if status.last_runs.is_empty() { "无" } else { "" });
    for LastRun { title, run, .. } in &status.last_runs {
        let state = match run.state {
            RunState::Running => "进行中",
            RunState::Done => "已完成",
            RunState::Partial => "部分完成",
            RunState::Failed => "失败",
        };
        let at = if run.finished_at.is_empty() { &run.started_at } else { &run.finished_at };
        print_line!("  {title}（{}）截至{} {state} {}", run.id, run.as_of, local(at));
    }
    print_line!("数据截至：{}", if status.data_days.is_empty() { "没有数据" } else { "" });
    for (ledger, sources) in &status.data_days {
        for (source, day) in sources {
            print_line!("  {ledger}/{source} {day}");
        }
    }
}
