//! `clock`: a person vouches for the clock of the machine.

use crate::app::clock;
use crate::app::compose::App;
use crate::cli::exit::Exit;
use crate::cli::local_time::local;
use crate::cli::person::PersonArguments;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum ClockAction {
    /// The clock of this machine is right: go on by it
    Trust {
        #[command(flatten)]
        person: PersonArguments,
    },
}

/// Records what a person states about the clock.
pub(crate) async fn clock(app: &App, ClockAction::Trust { person }: ClockAction) -> anyhow::Result<Exit> {
    anyhow::ensure!(person.by.as_ref().is_some_and(|by| !by.trim().is_empty()), "--by 姓名：谁核对了时钟？");
    let now = clock::trust(app, person.person(&person.who())).await?;
    print_line!("已按{}认可本机时钟，任务和发送恢复", local(&now));
    Ok(Exit::Done)
}
