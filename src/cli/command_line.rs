//! Runs the command of the arguments, and turns its result into the exit code.

use crate::app::compose::App;
use crate::app::import::ImportRequest;
use crate::cli::arguments::{Arguments, Command};
use crate::cli::exit::Exit;
use crate::cli::{accountability, check, diff, explain, findings, intake, ledger, outbox, rebuild, restricted, run, runs};
use crate::clock::Clock;
use crate::source::child;
use clap::Parser;
use std::path::Path;
use std::process::ExitCode;

/// Runs the command that the program was called with. Returns its exit code.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Done.into() };
        }
    };
    // a child process confines itself, so it has neither the threads of a runtime nor a log
    let child: Option<std::io::Result<()>> = match &arguments.command {
        Command::ParseFile(limits) => Some(child::parse_standard_input(limits.limits())),
        Command::RunQuery(limits) => Some(child::query_from_standard_input(limits.limits())),
        _ => None,
    };
    if let Some(done) = child {
        return if done.is_ok() { Exit::Done.into() } else { Exit::Failed.into() };
    }
    start_logging();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(dispatch(&arguments.root, arguments.command)) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::Failed.into()
        }
    }
}

/// Whether a result could not be printed because its reader has ended, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}

/// Logs go to stderr; `RUST_LOG` decides how much.
fn start_logging() {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("duban=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Runs one command. A command that needs the database opens the root; the others read the configuration only.
async fn dispatch(root: &Path, command: Command) -> anyhow::Result<Exit> {
    let open = || App::open(root, Clock::System);
    match command {
        Command::Check { connect } => check::check(root, &Clock::System, connect).await,
        Command::Sample { projects, file } => check::sample(root, projects, &file),
        Command::Blank { ledger, file } => ledger::blank(root, &ledger, &file),

        Command::Init => run::init(&open().await?),
        Command::Pull { source, accept } => intake::pull(&open().await?, source.as_deref(), accept).await,
        Command::Import { file, ledger, source, covers, accept, map, by } => {
            let request = ImportRequest { file, ledger, source, covers_on: covers, accept };
            intake::import(&open().await?, request, &map, by.as_deref().unwrap_or_default()).await
        }
        Command::Snapshot { action } => intake::snapshot(&open().await?, action).await,
        Command::Diff { a, b, ledger, format } => diff::diff(&open().await?, &a, &b, ledger.as_deref(), &format).await,

        Command::Run { job, as_of, dry_run, revise } => run::run(&open().await?, job, as_of, dry_run, revise).await,
        Command::Preview { job, as_of } => run::run(&open().await?, job, as_of, true, false).await,
        Command::Serve => run::serve(root).await,
        Command::Runs { run: Some(run), unit, .. } => runs::show(&open().await?, &run, unit.as_deref()).await,
        Command::Runs { run: None, limit, .. } => runs::list(&open().await?, limit).await,
        Command::Outbox { action } => outbox::outbox(&open().await?, action).await,

        Command::Restricted { action } => restricted::restricted(&open().await?, action).await,

        Command::Findings { as_of, filter, format } => findings::print(&open().await?, as_of, &filter, &format).await,
        Command::Explain { rule, key, as_of, format } => explain::explain(&open().await?, &rule, &key, as_of, &format).await,
        Command::Accountability { as_of, file } => accountability::accountability(&open().await?, as_of, &file).await,
        Command::Rebuild { run, to } => rebuild::rebuild(&open().await?, &run, to).await,

        // `run` has done it before the runtime was started
        Command::ParseFile(_) | Command::RunQuery(_) => Ok(Exit::Done),
    }
}
