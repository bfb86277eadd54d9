//! The child processes that read what others have made: the parent starts one, limits its time and reads its frames. A child of a file gets
//! descriptors only; one of a query gets the query, with the url of its database, through its standard input.

use crate::source::confinement::{ConfinementLevel, Task, confine, files_of_url};
use crate::source::frame::{Block, FrameReader, FrameWriter, Received};
use crate::source::input_file::InputFile;
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::shared_strings::SharedStrings;
use crate::source::sql::{Database, Query};
use crate::source::{parse, sql};
use std::fs::File;
use std::io::{Error, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The hidden subcommand with which the binary reads the file that is its standard input, and writes frames to stdout.
pub const PARSE: &str = "parse-file";

/// The hidden subcommand with which the binary runs the query that comes through its standard input, and writes frames to stdout.
pub const QUERY: &str = "run-query";

/// mimalloc reserves a gigabyte of addresses at once, which a limit on addresses below that does not admit.
const ALLOCATOR_RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16MiB");

/// The time of a query beyond its own limit, for the answer that it has taken too long.
const QUERY_GRACE_SECONDS: u64 = 10;

/// Starts the child processes.
#[derive(Clone, Debug)]
pub struct ParserCommand {
    pub program: PathBuf,
}

/// Why a child gave no rows, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// It refused them.
    #[error("{0}")]
    Refused(Refusal),
    /// It died, or its time ended: the file may do the same to every reader.
    #[error("{0}")]
    ReaderEnded(Refusal),
}

impl ReadFailure {
    pub fn into_refusal(self) -> Refusal {
        match self {
            ReadFailure::Refused(refusal) | ReadFailure::ReaderEnded(refusal) => refusal,
        }
    }
}

impl ParserCommand {
    fn command(&self, subcommand: &str, limits: ReadLimits, stdin: Stdio) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(subcommand)
            .args(
                [limits.file_mib_max, limits.memory_mib, limits.seconds, u64::from(limits.rows_max), u64::from(limits.columns_max)]
                    .map(|limit| limit.to_string()),
            )
            .env_clear()
            .env(ALLOCATOR_RESERVE.0, ALLOCATOR_RESERVE.1)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Reads a file and calls `take` with each block of frames, until it returns `false`. Blocking.
    ///
    /// # Errors
    /// The file is refused, or the child died or ran out of time or memory.
    pub fn read(&self, file: &mut InputFile, limits: ReadLimits, take: impl FnMut(Block) -> bool) -> Result<(), ReadFailure> {
        let input = file.descriptor().map_err(|error| ReadFailure::Refused(cannot_start(&error)))?;
        let too_slow = Refusal::new(format!("解析超过{}秒，已停止", limits.seconds), "请检查文件是否异常庞大，或另存为xlsx后再导入");
        let died =
            Refusal::new(format!("文件结构异常，解析所需内存超过{}MB或解析中断", limits.memory_mib), "请用Excel或WPS另存为xlsx后再导入");
        let child = self.command(PARSE, limits, Stdio::from(input)).spawn().map_err(|error| ReadFailure::Refused(cannot_start(&error)))?;
        receive(child, limits, take, too_slow, died).map(drop)
    }

    /// Runs a query and calls `take` with each block of frames, until it returns `false`. Returns the fingerprint of all rows, which does not
    /// depend on their order. Blocking.
    ///
    /// # Errors
    /// The database cannot be reached, the query is wrong or does more than read, there are more rows than allowed, or the child died.
    pub fn query(&self, query: &Query, memory_mib: u64, take: impl FnMut(Block) -> bool) -> Result<String, ReadFailure> {
        let limits = ReadLimits {
            file_mib_max: 0,
            memory_mib,
            seconds: query.timeout.as_secs() + QUERY_GRACE_SECONDS,
            rows_max: query.rows_max.saturating_add(1),
            columns_max: query.columns_max,
        };
        let refused = |error: Error| ReadFailure::Refused(cannot_start(&error));
        let task = postcard::to_allocvec(query).map_err(|error| refused(Error::other(error)))?;
        let mut child = self.command(QUERY, limits, Stdio::piped()).spawn().map_err(refused)?;
        if let Some(mut stdin) = child.stdin.take() {
            // a child that has died is noticed by what it sends
            let _ = stdin.write_all(&task);
        }
        let died = Refusal::new(
            format!("查询所需内存超过{memory_mib}MB或读取中断"),
            "请在query中只列出需要的列，不要读取大段内容，或加大parse_memory_mib",
        );
        receive(child, limits, take, query.timed_out(), died)
    }

    /// How well this system lets a child be confined: that of a child which reads an empty file. Blocking.
    ///
    /// # Errors
    /// The child cannot be started, or dies.
    pub fn level(&self, limits: ReadLimits) -> Result<ConfinementLevel, Refusal> {
        let mut child = self.command(PARSE, limits, Stdio::null()).spawn().map_err(|error| cannot_start(&error))?;
        let first = child.stdout.take().and_then(|stdout| FrameReader::new(stdout).read_block().ok().flatten());
        let _ = child.wait();
        match first {
            Some(Received::Level(level)) => Ok(level),
            _ => Err(cannot_start(&Error::other("the child has died"))),
        }
    }
}

fn cannot_start(error: &Error) -> Refusal {
    Refusal::new(format!("无法启动解析进程：{error}"), "请联系系统管理员")
}

/// Reads what a child sends, and returns the fingerprint of the rows of a query. `too_slow` and `died` are the refusals where it does not end by
/// itself.
fn receive(
    mut child: Child,
    limits: ReadLimits,
    mut take: impl FnMut(Block) -> bool,
    too_slow: Refusal,
    died: Refusal,
) -> Result<String, ReadFailure> {
    let Some(stdout) = child.stdout.take() else { return Err(ReadFailure::Refused(cannot_start(&Error::other("no stdout")))) };
    let stderr = child.stderr.take();
    let ended = Arc::new(AtomicBool::new(false));
    let (timed_out, timer) = start_timer(child.id(), limits.seconds, ended.clone());
    let mut reader = FrameReader::new(stdout);
    let mut outcome = None;
    let mut strings = Arc::<SharedStrings>::default();
    let mut rows_fingerprint = String::new();
    loop {
        match reader.read_block() {
            Ok(Some(Received::Level(level))) => tracing::debug!(level = level.code(), "a reading child is confined"),
            Ok(Some(Received::Fingerprint(fingerprint))) => rows_fingerprint = fingerprint,
            Ok(Some(Received::End)) => {
                outcome = Some(Ok(()));
                break;
            }
            Ok(Some(Received::Refused { reason, hint })) => {
                outcome = Some(Err(Refusal { reason, hint }));
                break;
            }
            Ok(Some(Received::Strings(known))) => strings = Arc::new(known),
            Ok(Some(Received::Frames(bytes))) => {
                if !take(Block { bytes, strings: strings.clone(), columns_max: limits.columns_max }) {
                    outcome = Some(Ok(()));
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "a reading child has sent what none of ours sends");
                break;
            }
        }
    }
    // a child that is still writing then gets an error from the closed pipe
    drop(reader);
    if !matches!(outcome, Some(Ok(()))) {
        let _ = child.kill();
    }
    let _ = child.wait();
    ended.store(true, Ordering::Release);
    timer.thread().unpark();
    let _ = timer.join();
    match outcome {
        Some(Ok(())) => Ok(rows_fingerprint),
        Some(Err(refusal)) => Err(ReadFailure::Refused(refusal)),
        None => {
            let mut message = String::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.by_ref().take(2000).read_to_string(&mut message);
            }
            let message: String = message.chars().filter(|character| !character.is_control()).collect();
            tracing::warn!(stderr = message.trim(), "a reading child died");
            Err(ReadFailure::ReaderEnded(if timed_out.load(Ordering::Acquire) { too_slow } else { died }))
        }
    }
}

/// Kills the child at the end of its time, unless `ended` is set before. Returns whether it did so, and the thread.
fn start_timer(pid: u32, seconds: u64, ended: Arc<AtomicBool>) -> (Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let timed_out = Arc::new(AtomicBool::new(false));
    let flag = timed_out.clone();
    let handle = std::thread::spawn(move || {
        // the child limits its own processor time; this ends one that waits without using any
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while !ended.load(Ordering::Acquire) {
            let now = Instant::now();
            if now >= deadline {
                flag.store(true, Ordering::Release);
                let _ = Command::new("kill").arg("-9").arg(pid.to_string()).status();
                return;
            }
            std::thread::park_timeout(deadline - now);
        }
    });
    (timed_out, handle)
}

/// The body of the child that parses a file: its standard input, which it reads after it has confined itself.
///
/// # Errors
/// The parent is gone, or the system refuses a limit.
pub fn parse_standard_input(limits: ReadLimits) -> std::io::Result<()> {
    let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    // without space on the disk nothing is spilled there
    let scratch = tempfile::tempfile().ok();
    let level = confine(&Task::Parse, limits)?;
    let mut out = FrameWriter::new(out);
    out.level(level)?;
    parse::parse_file(input, scratch, limits, &mut out)
}

/// The body of the child that runs a query, which comes through its standard input.
///
/// # Errors
/// The parent is gone, the query cannot be understood, or the system refuses a limit.
pub fn query_from_standard_input(limits: ReadLimits) -> std::io::Result<()> {
    let mut task = Vec::new();
    std::io::stdin().lock().read_to_end(&mut task)?;
    let query: Query = postcard::from_bytes(&task).map_err(Error::other)?;
    let out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let task = match &query.database {
        Database::Sqlite(path) => Task::QuerySqlite(path.clone()),
        Database::Postgres { url, .. } => Task::QueryPostgres(files_of_url(url, &std::env::current_dir()?)),
    };
    // one thread: beside it SQLite has one of its own, and name resolution may have. It opens its descriptors before they are denied
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let level = confine(&task, limits)?;
    let mut out = FrameWriter::new(out);
    out.level(level)?;
    sql::run(&runtime, &query, &mut out)
}
