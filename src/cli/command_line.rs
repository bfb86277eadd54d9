//! The arguments of the command line, and the command that each of them runs.

use crate::app::compose::App;
use crate::app::import::ImportRequest;
use crate::cli::exit::Exit;
use crate::cli::{accountability, check, diff, explain, findings, intake, ledger, outbox, rebuild, run};
use crate::clock::Clock;
use crate::source::refusal::ReadLimits;
use crate::source::{child, parse as source};
use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "duban", version, about = "督办：招商项目落地督办服务", disable_help_subcommand = true)]
struct Arguments {
    /// Folder that holds config/, jobs/, report-templates/ and var/
    #[arg(long, global = true, default_value = ".")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a job of jobs/ now
    Run {
        job: String,
        /// Judge this day (default: what the job's slot today would judge)
        #[arg(long)]
        as_of: Option<NaiveDate>,
        #[arg(help = "Say what would be made; write and send nothing")]
        #[arg(long)]
        dry_run: bool,
        /// Make a further revision of a run that is done; only changed digests are mailed
        #[arg(long)]
        revise: bool,
    },
    /// Run the jobs at their times and deliver mail, until stopped
    Serve,
    #[command(about = "List every problem of the configuration; then next slots, who is told, each rule as a sentence")]
    Check {
        /// Try the mail server too: connect, TLS and login, without sending anything
        #[arg(long)]
        connect: bool,
    },
    /// Who would get what from a job; writes nothing
    Preview {
        job: String,
        #[arg(long)]
        as_of: Option<NaiveDate>,
    },
    /// Fix the day from which acts above a reminder begin
    Init,
    /// The latest runs
    Runs {
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    #[command(about = "Who was told what, when, and did it arrive")]
    Outbox {
        #[command(subcommand)]
        action: outbox::OutboxAction,
    },
    /// Write a sample register with N projects
    Sample {
        #[arg(long, default_value_t = 2000)]
        projects: usize,
        file: PathBuf,
    },
    /// Read a source of config/duban.toml, or all of them
    Pull {
        source: Option<String>,
        /// Take a register that the brake would hold
        #[arg(long)]
        accept: bool,
    },
    /// Read a file: every sheet whose header belongs to a ledger
    Import {
        file: PathBuf,
        /// Only this ledger
        #[arg(long)]
        ledger: Option<String>,
        /// File the rows under this source
        #[arg(long, default_value = "import")]
        source: String,
        /// The day the data describe (数据截至日)
        #[arg(long)]
        covers: Option<NaiveDate>,
        /// Take a register that the brake would hold
        #[arg(long)]
        accept: bool,
    },
    /// Write the empty sheet that an office fills in for a ledger
    Blank { ledger: String, file: PathBuf },
    /// What differs between two snapshots: LEDGER/SOURCE/SEQ each, or two days with --ledger
    Diff {
        a: String,
        b: String,
        #[arg(long)]
        ledger: Option<String>,
        #[arg(long, value_parser = ["table", "csv"], default_value = "table")]
        format: String,
    },
    /// Print what is late, stuck or missing on a day
    Findings {
        /// The day to judge (default: today)
        #[arg(long)]
        as_of: Option<NaiveDate>,
        #[command(flatten)]
        filter: findings::Filter,
        #[arg(long, value_parser = ["table", "json", "csv"], default_value = "table")]
        format: String,
    },
    #[command(about = "Why a record has a finding of a rule, or has none: clause, cells, reckoning, who is told, what comes next")]
    Explain {
        /// Id or title of the rule
        rule: String,
        /// Code of the record; for a periodic rule the unit, or UNIT-PERIOD
        key: String,
        /// The day to judge (default: today)
        #[arg(long)]
        as_of: Option<NaiveDate>,
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// Write the list of units and persons whose findings stayed red over closed quarters, for the office alone
    Accountability {
        /// The day of the list (default: today)
        #[arg(long)]
        as_of: Option<NaiveDate>,
        file: PathBuf,
    },
    #[command(about = "Make the workbooks of a past run again from what was frozen with it, and compare them byte by byte")]
    Rebuild {
        /// Name of the run, as `duban runs` lists it
        run: String,
        /// Folder to write into (default: var/rebuild/RUN)
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// List, release or discard snapshots; export what was accepted; codes that are gone
    Snapshot {
        #[command(subcommand)]
        action: intake::SnapshotAction,
    },
    /// Parse one file under limits and write frames to stdout
    #[command(name = "parse-file", hide = true)]
    ParseFile { path: PathBuf, file_mib: u64, memory_mib: u64, seconds: u64, rows: u32, columns: u32 },
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Done.into() };
        }
    };
    if let Command::ParseFile { path, file_mib, memory_mib, seconds, rows, columns } = &arguments.command {
        let limits =
            ReadLimits { file_mib_max: *file_mib, memory_mib: *memory_mib, seconds: *seconds, rows_max: *rows, columns_max: *columns };
        return parse_file(path, limits);
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

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}

fn parse_file(path: &Path, limits: ReadLimits) -> ExitCode {
    let done = child::limit_this_process(limits).and_then(|()| source::parse_file(path, limits, std::io::stdout().lock()));
    if done.is_ok() { Exit::Done.into() } else { Exit::Failed.into() }
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

async fn dispatch(root: &Path, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run { job, as_of, dry_run, revise } => run::run(&App::open(root, Clock::System).await?, job, as_of, dry_run, revise).await,
        Command::Serve => run::serve(&App::open(root, Clock::System).await?).await,
        Command::Check { connect } => check::check(root, &Clock::System, connect).await,
        Command::Preview { job, as_of } => run::run(&App::open(root, Clock::System).await?, job, as_of, true, false).await,
        Command::Init => run::init(&App::open(root, Clock::System).await?),
        Command::Runs { limit } => run::runs(&App::open(root, Clock::System).await?, limit).await,
        Command::Outbox { action } => outbox::outbox(&App::open(root, Clock::System).await?, action).await,
        Command::Sample { projects, file } => check::sample(root, projects, &file),
        Command::Pull { source, accept } => intake::pull(&App::open(root, Clock::System).await?, source.as_deref(), accept).await,
        Command::Import { file, ledger, source, covers, accept } => {
            let request = ImportRequest { file, ledger, source, covers_on: covers, accept };
            intake::import(&App::open(root, Clock::System).await?, request).await
        }
        Command::Blank { ledger, file } => ledger::blank(root, &ledger, &file),
        Command::Diff { a, b, ledger, format } => {
            diff::diff(&App::open(root, Clock::System).await?, &a, &b, ledger.as_deref(), &format).await
        }
        Command::Findings { as_of, filter, format } => {
            findings::print(&App::open(root, Clock::System).await?, as_of, &filter, &format).await
        }
        Command::Explain { rule, key, as_of, format } => {
            explain::explain(&App::open(root, Clock::System).await?, &rule, &key, as_of, &format).await
        }
        Command::Accountability { as_of, file } => {
            accountability::accountability(&App::open(root, Clock::System).await?, as_of, &file).await
        }
        Command::Rebuild { run, to } => rebuild::rebuild(&App::open(root, Clock::System).await?, &run, to).await,
        Command::Snapshot { action } => intake::snapshot(&App::open(root, Clock::System).await?, action).await,
        Command::ParseFile { .. } => Ok(Exit::Done),
    }
}
