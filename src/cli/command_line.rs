//! Runs the command of the arguments, and turns its result into the exit code.

use crate::app::compose::App;
use crate::cli::arguments::{Arguments, Command};
use crate::cli::exit::Exit;
use crate::cli::waiting::announced;
use crate::cli::with_app::sealed;
use crate::cli::{check, despite_faults, ledger, portal, print, serve, status};
use crate::clock::Clock;
use crate::domain::disk_fault::disk_fault;
use crate::domain::problem::Problems;
use crate::source::child;
use crate::worker::import::taker;
use clap::Parser;
use rustix::fs::Mode;
use std::path::Path;
use std::process::ExitCode;

/// Runs the command that the program was called with. Returns its exit code.
pub fn run() -> ExitCode {
    // nobody else may read what this process writes: registers, mails, their database
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    print::filter_panics();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render().to_string();
            if error.use_stderr() {
                print::error_block(&text)
            } else {
                print::block(&text)
            }
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Done.into() };
        }
    };
    // a child process confines itself, so it has neither the threads of a runtime nor a log
    let child: Option<std::io::Result<()>> = match &arguments.command {
        Command::ParseFile(limits) => Some(child::parse_standard_input(limits.limits())),
        Command::RunQuery(limits) => Some(child::query_from_standard_input(limits.limits())),
        Command::TakeIn(limits) => Some(child::take_in_standard_input(limits.limits(), taker::take_in)),
        Command::TakeInFile(limits) => Some(child::take_in_file(limits.limits(), taker::take_in)),
        _ => None,
    };
    if let Some(done) = child {
        return if done.is_ok() { Exit::Done.into() } else { Exit::Failed.into() };
    }
    start_logging();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error!("error: cannot start: {error}");
            return Exit::Failed.into();
        }
    };
    let done = runtime.block_on(dispatch(&arguments.root, arguments.command));
    // a source that does not answer holds a thread, which nobody waits for
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            print_problems(&error);
            Exit::Failed.into()
        }
    }
}

/// Prints an error on one line; every problem of a configuration on a line of its own.
fn print_problems(error: &anyhow::Error) {
    match error.downcast_ref::<Problems>() {
        None => match error.chain().find_map(|cause| disk_fault(cause.downcast_ref::<std::io::Error>()?.kind())) {
            Some(words) => print_error!("error: {words}（{error:#}）"),
            None => print_error!("error: {error:#}"),
        },
        Some(Problems(problems)) => {
            for (number, problem) in problems.iter().enumerate() {
                print_error!("{}{problem}", if number == 0 { "error: " } else { "" });
            }
        }
    }
}

/// Whether a result could not be printed because its reader has ended, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}

/// Logs go to stderr; `RUST_LOG` decides how much.
fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("duban=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| print::Log).with_ansi(false).with_target(false).init();
}

/// Runs one command. A command that needs the database opens the root; the others read the configuration only.
async fn dispatch(root: &Path, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Check { connect, apply: false, .. } => check::check(root, &Clock::System, connect).await,
        Command::Check { connect, apply: true, person } => check::apply(root, &Clock::System, connect, &person).await,
        Command::Sample { projects, file } => check::sample(root, projects, &file),
        Command::Blank { ledger, file } => ledger::blank(root, &ledger, &file),
        Command::Serve { only } => serve::serve(root, only).await,
        Command::Status { json } => status::status(root, json).await,
        Command::Portal { action } => portal::portal(root, action).await,
        // `run` has done it before the runtime was started
        Command::ParseFile(_) | Command::RunQuery(_) | Command::TakeIn(_) | Command::TakeInFile(_) => Ok(Exit::Done),
        command => {
            let app = match announced(App::open(root, Clock::System)).await {
                Ok(app) => app,
                Err(error) if despite_faults::may_run(&command) => return despite_faults::run(root, command, error).await,
                Err(error) => return Err(error),
            };
            sealed(&app, command).await
        }
    }
}
