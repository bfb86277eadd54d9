//! The arguments of the command line. Comments of fields and variants are the text of `--help`.

use crate::cli::clock::ClockAction;
use crate::cli::day::day;
use crate::cli::feedback::{FeedbackAction, KeyAction};
use crate::cli::findings::FilterArguments;
use crate::cli::intake::SnapshotAction;
use crate::cli::matters::{EventArguments, HandleArguments, MattersArguments};
use crate::cli::outbox::OutboxAction;
use crate::cli::person::PersonArguments;
use crate::cli::portal::PortalAction;
use crate::cli::restricted::RestrictedAction;
use crate::cli::serve::Only;
use crate::source::child::{PARSE, QUERY, TAKE_IN, TAKE_IN_FILE};
use crate::source::refusal::ReadLimits;
use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "duban", version, about = "督办：招商项目落地督办服务", disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Folder that holds config/, jobs/, report-templates/ and var/
    #[arg(long, global = true, default_value = ".")]
    pub(crate) root: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a job of jobs/ now
    Run {
        job: String,
        /// Judge this day (default: what the job's slot today would judge)
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
        /// Print what would be made; write and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Make a further revision of a run that is done; only changed digests are mailed
        #[arg(long)]
        revise: bool,
        /// With --revise: also make papers that wait because their data are old; their first line states the day of the data
        #[arg(long, requires = "revise")]
        accept_old: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Run the jobs at their times, deliver mail and answer the pages, until stopped
    Serve {
        /// Only one part, as a service of its own
        #[arg(long, value_enum)]
        only: Option<Only>,
    },
    /// The accounts of the portal (网页)
    Portal {
        #[command(subcommand)]
        action: PortalAction,
    },
    /// List every problem of the configuration; then next slots, who is mailed, each rule as a sentence
    Check {
        /// Try the mail server too: connect, TLS and login, without sending anything
        #[arg(long)]
        connect: bool,
        /// Put the configuration of the folder in force, where it waits for a person
        #[arg(long)]
        apply: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Who would get what from a job; writes nothing
    Preview {
        job: String,
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
    },
    /// Fix the day from which acts above a reminder begin
    Init {
        #[command(flatten)]
        person: PersonArguments,
    },
    /// The clock of this machine
    Clock {
        #[command(subcommand)]
        action: ClockAction,
    },
    /// How the service is: what needs a person, the latest runs, the days of the data; exit 1 = something needs a person
    Status {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// The latest runs; of one run, how many units it mailed or not, by reason
    Runs {
        /// Name of a run, as the list shows it
        run: Option<String>,
        /// Why this unit (code or name) was mailed by the run or was not
        #[arg(long, requires = "run")]
        unit: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Who was notified of what, when, and did it arrive
    Outbox {
        #[command(subcommand)]
        action: OutboxAction,
    },
    /// Which codes are restricted (涉密、不便公开) and by which file; lift marks that are wrong
    Restricted {
        #[command(subcommand)]
        action: RestrictedAction,
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
        /// Decide what a header of the source means, as with import
        #[arg(long, value_name = "HEADER=FIELD", requires_all = ["by", "source"])]
        map: Vec<String>,
        #[command(flatten)]
        person: PersonArguments,
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
        #[arg(long, value_parser = day)]
        covers: Option<NaiveDate>,
        /// Take a register that the brake would hold
        #[arg(long)]
        accept: bool,
        /// Decide, once for the source, what a header means: 'HEADER=FIELD' (the title or id of a field), 'HEADER=是否涉密' (是 marks the row),
        /// 'HEADER=是否公开' (否 marks it) or 'HEADER=忽略'
        #[arg(long, value_name = "HEADER=FIELD", requires = "by")]
        map: Vec<String>,
        /// Take a feedback form without a valid number for this unit (代录)
        #[arg(long, requires = "by", conflicts_with = "map")]
        for_unit: Option<String>,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// The answers of units: who handed each in; take one back
    Feedback {
        #[command(subcommand)]
        action: FeedbackAction,
    },
    /// The keys that prove feedback forms
    Key {
        #[command(subcommand)]
        action: KeyAction,
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
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Make a transition of records: dispatch, receive, answer, extend, accept … (办理)
    Handle(HandleArguments),
    /// Who has what, in which state, and for whom it waits
    Matters(MattersArguments),
    /// All events of a record, and what it is on a day
    History {
        /// Ledger, by id or title
        ledger: String,
        code: String,
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// Mark an event as wrong; it no longer counts (更正)
    Retract {
        #[command(flatten)]
        event: EventArguments,
        #[arg(long)]
        reason: String,
    },
    /// Confirm the day that a unit stated too late (核实日期)
    ConfirmDay {
        #[command(flatten)]
        event: EventArguments,
    },
    /// Print what is late, stuck or missing on a day
    Findings {
        /// The day to judge (default: today)
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
        #[command(flatten)]
        filter: FilterArguments,
        #[arg(long, value_parser = ["table", "json", "csv"], default_value = "table")]
        format: String,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Why a record has a finding of a rule, or has none: clause, cells, reckoning, who is notified, what comes next
    Explain {
        /// Id or title of the rule
        rule: String,
        /// Code of the record; for a periodic rule the unit, or UNIT-PERIOD
        key: String,
        /// The day to judge (default: today)
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// Write the list of units and persons whose findings stayed red over closed quarters, for the office alone
    Accountability {
        /// The day of the list (default: today)
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
        file: PathBuf,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Rebuild the workbooks of a past run from what was frozen with it, and compare them byte by byte
    Rebuild {
        /// Name of the run, as `duban runs` lists it
        run: String,
        /// Folder to write into (default: var/rebuild/RUN)
        #[arg(long)]
        to: Option<PathBuf>,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// What persons did, when and why, oldest first; or whether the record of it is whole
    Audit {
        /// Check the lines, their end, and the rows and messages they are about: exit 0 whole, 1 broken, with the first bad place
        #[arg(long)]
        verify: bool,
        /// Accept in your name what --verify has found, where that is possible; it is recorded and shown for ever
        #[arg(long, conflicts_with_all = ["verify", "prune_before"])]
        accept: bool,
        /// Only the last N lines
        #[arg(long)]
        limit: Option<u32>,
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
        /// Remove the lines before a day, at least 400 days ago; the chain goes on from the first line that is left
        #[arg(long, value_parser = day, conflicts_with = "verify", requires = "by", requires = "reason")]
        prune_before: Option<NaiveDate>,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// List, release or discard snapshots; export what was accepted; codes that are gone
    Snapshot {
        #[command(subcommand)]
        action: SnapshotAction,
    },
    /// Parse the file that is the standard input, confined, and write frames to stdout
    #[command(name = PARSE, hide = true)]
    ParseFile(ChildLimits),
    /// Run the query that comes through the standard input, confined, and write frames to stdout
    #[command(name = QUERY, hide = true)]
    RunQuery(ChildLimits),
    /// Take in the rows that come through the standard input, confined, and write frames to the socket that is stdout
    #[command(name = TAKE_IN, hide = true)]
    TakeIn(ChildLimits),
    /// Parse the file that is the standard input and take it in, confined, and write frames to the socket that is stdout
    #[command(name = TAKE_IN_FILE, hide = true)]
    TakeInFile(ChildLimits),
}

/// The limits of a child process, in the order of [`crate::source::refusal::ReadLimits`].
#[derive(clap::Args)]
pub(crate) struct ChildLimits {
    file_mib: u64,
    memory_mib: u64,
    seconds: u64,
    rows: u32,
    columns: u32,
}

impl ChildLimits {
    pub(crate) fn limits(&self) -> ReadLimits {
        ReadLimits {
            file_mib_max: self.file_mib,
            memory_mib: self.memory_mib,
            seconds: self.seconds,
            rows_max: self.rows,
            columns_max: self.columns,
        }
    }
}
