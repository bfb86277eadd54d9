//! Commands that work whatever is wrong in the configuration, as long as the database can be found: the emergency stop, and looking.

use crate::app::compose::{App, store_despite_faults, store_to_look};
use crate::app::disk::is_of_disk;
use crate::app::outbox::{hold_sending, run_keys};
use crate::cli::arguments::Command;
use crate::cli::exit::Exit;
use crate::cli::held::{HELD, HELD_BEFORE, hold_by_file};
use crate::cli::intake::{SnapshotAction, list_snapshots};
use crate::cli::outbox::{OutboxAction, line, print_as_json};
use crate::cli::runs;
use crate::cli::with_app::{sealed, with_app};
use crate::clock::Clock;
use crate::domain::problem::Problems;
use crate::store::handle::Store;
use crate::store::outbox::OutboxFilter;
use std::path::Path;

/// Whether a command may run with the configuration of the latest run: it mails nothing and makes nothing.
pub(crate) fn may_run(command: &Command) -> bool {
    use OutboxAction::{Hold, List, Reject, Release, Show};
    match command {
        Command::Outbox { action } => matches!(action, List { .. } | Show { .. } | Hold { .. } | Release { .. } | Reject { .. }),
        Command::Snapshot { action } => matches!(action, SnapshotAction::List),
        Command::Runs { .. } | Command::Audit { .. } => true,
        _ => false,
    }
}

/// Runs a command although the root could not be opened because of `fault`.
///
/// # Errors
/// The fault, where there is no database or nothing in it that helps; or what the command itself fails with.
pub(crate) async fn run(root: &Path, command: Command, fault: anyhow::Error) -> anyhow::Result<Exit> {
    if is_of_disk(&fault) {
        return on_a_disk_that_takes_nothing(root, command, fault).await;
    }
    let Ok(Some(store)) = store_despite_faults(root).await else { return Err(fault) };
    let first = match fault.downcast_ref::<Problems>().and_then(|problems| problems.0.first()) {
        Some(problem) => problem.to_string(),
        None => format!("{fault:#}"),
    };
    let exit = match App::open_as_last_run(root, Clock::System, &store).await? {
        Some(app) => {
            print_error!("注意：配置有误，本命令按最近一次执行时的配置办理（全部问题：duban check）：{first}");
            sealed(&app, command).await
        }
        None => {
            print_error!("注意：配置有误（全部问题：duban check）：{first}");
            without_configuration(&store, command, fault).await
        }
    };
    store.close().await;
    exit
}

/// The emergency stop and the looks where nothing can be written: mails wait by themselves then, because none is sent that cannot be recorded.
async fn on_a_disk_that_takes_nothing(root: &Path, command: Command, fault: anyhow::Error) -> anyhow::Result<Exit> {
    if let Command::Outbox { action: OutboxAction::Hold { sending: true, person, .. } } = &command {
        print_error!("注意：{fault:#}");
        return hold_by_file(&root.join("var"), person);
    }
    let Some(store) = store_to_look(root).await else { return Err(fault) };
    print_error!("注意：{fault:#}。以下只供查看");
    let looks = matches!(
        command,
        Command::Outbox { action: OutboxAction::List { .. } } | Command::Runs { .. } | Command::Snapshot { action: SnapshotAction::List }
    );
    let exit = match App::open_as_last_run(root, Clock::System, &store).await? {
        Some(app) if looks => with_app(&app, command).await,
        Some(_) => Err(fault),
        None => without_configuration(&store, command, fault).await,
    };
    store.close().await;
    exit
}

/// What needs the database alone.
async fn without_configuration(store: &Store, command: Command, fault: anyhow::Error) -> anyhow::Result<Exit> {
    match command {
        Command::Outbox { action: OutboxAction::Hold { sending: true, person, .. } } => {
            let is_held = hold_sending(store, &Clock::System, person.person(&person.who())).await?;
            print_line!("{}", if is_held { HELD } else { HELD_BEFORE });
        }
        Command::Outbox { action: OutboxAction::List { state: None, run, unit: None, finding: None, format } } => {
            let filter = OutboxFilter { run, ..OutboxFilter::default() };
            if format == "json" {
                let rows = store.outbox().list(&filter).await?;
                print_as_json(&rows, &run_keys(store, &rows).await?)?;
                return Ok(Exit::Done);
            }
            for message in store.outbox().list(&filter).await? {
                print_line!("{}", line(&message));
            }
        }
        Command::Runs { run: None, limit, .. } => runs::list_runs(store, limit).await?,
        Command::Snapshot { action: SnapshotAction::List } => list_snapshots(store).await?,
        _ => return Err(fault),
    }
    Ok(Exit::Done)
}
