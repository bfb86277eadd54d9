//! The child processes that read what others have made. One parses a file and takes its rows in. A long text file has two, and so has a query: one
//! parses it or runs the query, and meanwhile another takes the rows in. The service starts them, limits their time and reads the frames of the one
//! that takes in. They get descriptors only, but for a query, which comes with the url of its database through the standard input.

use crate::domain::disk_fault::in_words;
use crate::source::bounds::packed_bytes_max;
use crate::source::confinement::{ConfinementLevel, Task, confine, files_of_url};
use crate::source::frame::{Block, FrameWriter};
use crate::source::frame_reader::{BlockReceiver, FrameReader, Received};
use crate::source::input_file::InputFile;
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::shared_strings::SharedStrings;
use crate::source::sql::{Database, Query};
use crate::source::{parse, sql};
use std::fs::File;
use std::io::{Error, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The hidden subcommand with which the binary reads the file that is its standard input, and writes frames to stdout.
pub const PARSE: &str = "parse-file";

/// The hidden subcommand with which the binary runs the query that comes through its standard input, and writes frames to stdout.
pub const QUERY: &str = "run-query";

/// The hidden subcommand with which the binary takes in the rows that another child sends to its standard input. Its standard output is a socket, on
/// which it gets its task and answers, and writes frames.
pub const TAKE_IN: &str = "take-in";

/// The same for a file, which is the standard input: one child parses it and takes it in.
pub const TAKE_IN_FILE: &str = "take-in-file";

/// The longest text file that one child parses and takes in. To start another one takes longer than the two can save by working at once.
const SMALL_BYTES: u64 = 128 * 1024;

/// mimalloc reserves a gigabyte of addresses at once, which a limit on addresses below that does not admit.
const ALLOCATOR_RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16MiB");

/// The time of a query beyond its own limit, for the answer that it has taken too long.
const QUERY_GRACE_SECONDS: u64 = 10;

/// The time of the child that takes in behind the end of the other one, for the marks of the rows that it has read.
const LAST_WORDS_SECONDS: u64 = 5;

/// Starts the child processes.
#[derive(Clone, Debug)]
pub struct ParserCommand {
    pub program: PathBuf,
}

/// A file or a query of which no row is read yet.
#[derive(Debug)]
pub enum Rows {
    File(InputFile),
    Query(Query),
}

impl Rows {
    /// The sha256 of a file.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Rows::File(file) => Some(&file.sha256),
            Rows::Query(_) => None,
        }
    }

    /// The most bytes of its rows once they are packed. Those of a query are bounded by their number.
    pub fn packed_bytes_max(&self) -> u64 {
        match self {
            Rows::File(file) => packed_bytes_max(file.length()),
            Rows::Query(_) => u64::MAX,
        }
    }
}

/// The socket between the service and a child that takes in.
#[derive(Debug)]
pub struct Dialogue {
    ours: UnixStream,
    theirs: UnixStream,
}

/// Answers what a child that takes in asks.
#[derive(Debug)]
pub struct Answers(UnixStream);

impl Dialogue {
    /// # Errors
    /// The system has no descriptors left.
    pub fn new() -> Result<(Dialogue, Answers), Refusal> {
        let pair = || {
            let (ours, theirs) = UnixStream::pair()?;
            let answers = Answers(ours.try_clone()?);
            Ok((Dialogue { ours, theirs }, answers))
        };
        pair().map_err(|error| cannot_start(&error))
    }
}

impl Answers {
    /// Sends an answer, and waits until the child has taken it, or is dead. Blocking.
    pub fn send(&mut self, answer: &[u8]) {
        send_message(&mut self.0, answer);
    }
}

/// What a child gets that takes in.
pub struct TakingIn {
    /// What its parent wants it to do.
    pub task: Vec<u8>,
    pub rows: IncomingRows,
    pub service: Service,
}

/// The service, as a child that takes in knows it.
pub struct Service {
    pub out: FrameWriter<File>,
    answers: File,
}

impl Service {
    /// Waits for the next answer of the service.
    ///
    /// # Errors
    /// The service is gone.
    pub fn answer(&mut self) -> std::io::Result<Vec<u8>> {
        self.out.flush()?;
        read_message(&mut self.answers)
    }
}

/// Where the rows come from that a child takes in.
pub enum IncomingRows {
    /// From another child.
    Child(FrameReader<File>),
    /// From a file that this one parses, with a file for what does not fit into memory.
    File { input: File, scratch: Option<File> },
}

impl IncomingRows {
    /// Calls `take` with each block, until it returns `false`.
    ///
    /// # Errors
    /// `take` fails, or the blocks have no end: whoever makes them has died.
    pub fn for_each(self, limits: ReadLimits, mut take: impl FnMut(Received) -> std::io::Result<bool>) -> std::io::Result<()> {
        match self {
            IncomingRows::Child(mut reader) => {
                while take(reader.read_block()?.ok_or_else(|| Error::other("rows without an end"))?)? {}
                Ok(())
            }
            IncomingRows::File { input, scratch } => {
                let mut is_over = false;
                let blocks = BlockReceiver::new(|received| {
                    is_over = !take(received)?;
                    if is_over { Err(Error::other("nothing more is taken in")) } else { Ok(()) }
                });
                let parsed = parse::parse_file(input, scratch, limits, &mut FrameWriter::new(blocks));
                if is_over { Ok(()) } else { parsed }
            }
        }
    }
}

/// Sends a message to a child: its length, then its bytes. A child that has died is noticed by what it sends.
fn send_message(to: &mut UnixStream, bytes: &[u8]) {
    let _ = to.write_all(&(bytes.len() as u64).to_le_bytes()).and_then(|()| to.write_all(bytes));
}

/// Reads a message of the service.
fn read_message(from: &mut File) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::try_from(u64::from_le_bytes(length)).map_err(Error::other)?];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
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

    /// Reads the rows of a file as they are written and calls `take` with each block of frames, until it returns `false`. Blocking.
    ///
    /// # Errors
    /// The file is refused, or the child died or ran out of time or memory.
    pub fn read(&self, file: &mut InputFile, limits: ReadLimits, mut take: impl FnMut(Block) -> bool) -> Result<(), ReadFailure> {
        let refused = |error: Error| ReadFailure::Refused(cannot_start(&error));
        let mut parser = self.start_parser(file, limits).map_err(refused)?;
        let stdout = parser.stdout.take().ok_or_else(|| refused(Error::other("no stdout")))?;
        let mut strings = Arc::<SharedStrings>::default();
        let take = |received: Received| match received {
            Received::Strings(known) => {
                strings = Arc::new(known);
                true
            }
            Received::Frames(bytes) => take(Block { bytes, strings: strings.clone(), columns_max: limits.columns_max }),
            _ => true,
        };
        receive(vec![parser], || FrameReader::new(stdout), limits, take, file_too_slow(limits), file_died(limits)).map(drop)
    }

    /// Has a file or a query read by one child and its rows taken in by another, which gets `task` first and whose blocks of frames come to `take`,
    /// until it returns `false`. Returns the fingerprint of the rows of a query, which does not depend on their order. Blocking.
    ///
    /// # Errors
    /// The file or the query is refused, or a child died or ran out of time or memory.
    pub fn take_in(
        &self,
        rows: &mut Rows,
        limits: ReadLimits,
        dialogue: Dialogue,
        task: &[u8],
        mut take: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<String, ReadFailure> {
        let refused = |error: Error| ReadFailure::Refused(cannot_start(&error));
        let (limits, too_slow, died) = match rows {
            Rows::File(_) => (limits, file_too_slow(limits), file_died(limits)),
            Rows::Query(query) => {
                let limits = ReadLimits {
                    file_mib_max: 0,
                    seconds: query.timeout.as_secs() + QUERY_GRACE_SECONDS,
                    rows_max: query.rows_max.saturating_add(1),
                    columns_max: query.columns_max,
                    ..limits
                };
                let reason = format!("查询所需内存超过{}MB或读取中断", limits.memory_mib);
                let hint = "请在query中只列出需要的列，不要读取大段内容，或加大parse_memory_mib";
                (limits, query.timed_out(), Refusal::new(reason, hint))
            }
        };
        let Dialogue { mut ours, theirs } = dialogue;
        let children = self.start_both(rows, limits, theirs).map_err(refused)?;
        let begin = || {
            send_message(&mut ours, task);
            FrameReader::without_strings(ours)
        };
        let take = |received: Received| match received {
            Received::Frames(bytes) => take(bytes),
            _ => true,
        };
        receive(children, begin, limits, take, too_slow, died)
    }

    /// Starts a child that takes in, and before it one that reads, unless the two could not work at once: the rows of a workbook come only when
    /// all of it is parsed.
    fn start_both(&self, rows: &mut Rows, limits: ReadLimits, out: UnixStream) -> std::io::Result<Vec<Child>> {
        let mut reader = match rows {
            Rows::File(file) if file.length() <= SMALL_BYTES || file.is_workbook() => {
                let input = Stdio::from(file.descriptor()?);
                return Ok(vec![self.command(TAKE_IN_FILE, limits, input).stdout(OwnedFd::from(out)).spawn()?]);
            }
            Rows::File(file) => self.start_parser(file, limits)?,
            Rows::Query(query) => self.start_query(query, limits)?,
        };
        let from = reader.stdout.take().map_or(Stdio::null(), Stdio::from);
        match self.command(TAKE_IN, limits, from).stdout(OwnedFd::from(out)).spawn() {
            Ok(taker) => Ok(vec![taker, reader]),
            Err(error) => {
                let _ = reader.kill();
                let _ = reader.wait();
                Err(error)
            }
        }
    }

    fn start_parser(&self, file: &mut InputFile, limits: ReadLimits) -> std::io::Result<Child> {
        self.command(PARSE, limits, Stdio::from(file.descriptor()?)).spawn()
    }

    fn start_query(&self, query: &Query, limits: ReadLimits) -> std::io::Result<Child> {
        let task = postcard::to_allocvec(query).map_err(Error::other)?;
        let mut child = self.command(QUERY, limits, Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // a child that has died is noticed by what it sends
            let _ = stdin.write_all(&task);
        }
        Ok(child)
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
    Refusal::new(format!("无法启动解析进程：{}", in_words(error)), "请联系系统管理员")
}

/// Reads what the first of some children sends from what `begin` opens, and returns the fingerprint of the rows of a query. `too_slow` and `died` are the refusals where
/// it does not end by itself.
fn receive<R: Read>(
    mut children: Vec<Child>,
    begin: impl FnOnce() -> FrameReader<R>,
    limits: ReadLimits,
    mut take: impl FnMut(Received) -> bool,
    too_slow: Refusal,
    died: Refusal,
) -> Result<String, ReadFailure> {
    let ended = Arc::new(AtomicBool::new(false));
    let pids = children.iter().map(Child::id).collect();
    let (timed_out, timer) = start_timer(pids, limits.seconds, ended.clone());
    let mut reader = begin();
    let mut outcome = None;
    let mut rows_fingerprint = String::new();
    loop {
        match reader.read_block() {
            Ok(Some(Received::Level(level))) => tracing::debug!(level = level.code(), "a reading child is confined"),
            Ok(Some(Received::Fingerprint(fingerprint))) => rows_fingerprint = fingerprint,
            Ok(Some(Received::End)) => {
                outcome = Some(Ok(true));
                break;
            }
            Ok(Some(Received::Refused { reason, hint })) => {
                outcome = Some(Err(Refusal { reason, hint }));
                break;
            }
            Ok(Some(received)) => {
                if !take(received) {
                    outcome = Some(Ok(false));
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
    for child in &mut children {
        if !matches!(outcome, Some(Ok(true))) {
            let _ = child.kill();
        }
        let _ = child.wait();
    }
    ended.store(true, Ordering::Release);
    timer.thread().unpark();
    let _ = timer.join();
    match outcome {
        Some(Ok(_)) => Ok(rows_fingerprint),
        Some(Err(refusal)) => Err(ReadFailure::Refused(refusal)),
        None => {
            let mut message = String::new();
            for stderr in children.iter_mut().filter_map(|child| child.stderr.take()) {
                let _ = stderr.take(2000).read_to_string(&mut message);
            }
            let message: String = message.chars().filter(|character| !character.is_control()).collect();
            tracing::warn!(stderr = message.trim(), "a reading child died");
            Err(ReadFailure::ReaderEnded(if timed_out.load(Ordering::Acquire) { too_slow } else { died }))
        }
    }
}

fn file_too_slow(limits: ReadLimits) -> Refusal {
    Refusal::new(format!("解析超过{}秒，已停止", limits.seconds), "请检查文件是否异常庞大，或另存为xlsx后再导入")
}

fn file_died(limits: ReadLimits) -> Refusal {
    let reason = format!("文件结构异常，解析所需内存超过{}MB或解析中断", limits.memory_mib);
    Refusal::new(reason, "请用Excel或WPS另存为xlsx后再导入")
}

/// Ends the children at the end of their time, unless `ended` is set before: the last one at once, the others if they do not end behind it. Returns
/// whether it did so, and the thread.
fn start_timer(pids: Vec<u32>, seconds: u64, ended: Arc<AtomicBool>) -> (Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let timed_out = Arc::new(AtomicBool::new(false));
    let flag = timed_out.clone();
    let handle = std::thread::spawn(move || {
        // a child limits its own processor time; this ends one that waits without using any
        let mut deadline = Instant::now() + Duration::from_secs(seconds);
        for of in [pids.last().as_slice(), &pids.iter().collect::<Vec<_>>()] {
            while !ended.load(Ordering::Acquire) {
                let now = Instant::now();
                if now >= deadline {
                    break;
                }
                std::thread::park_timeout(deadline - now);
            }
            if ended.load(Ordering::Acquire) {
                return;
            }
            flag.store(true, Ordering::Release);
            let _ = Command::new("kill").arg("-9").args(of.iter().map(|pid| pid.to_string())).status();
            deadline += Duration::from_secs(LAST_WORDS_SECONDS);
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

/// The body of the child that takes in the rows of its standard input with `take_in`, after it has confined itself. What it gets before comes from
/// the service.
///
/// # Errors
/// The parent is gone, the rows are none of a child of ours, or the system refuses a limit.
pub fn take_in_standard_input(
    limits: ReadLimits,
    take_in: impl FnOnce(TakingIn, ReadLimits) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let rows = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    take_in_rows(IncomingRows::Child(FrameReader::new(rows)), limits, take_in)
}

/// As [`take_in_standard_input`], for a file that it parses itself.
///
/// # Errors
/// As there.
pub fn take_in_file(limits: ReadLimits, take_in: impl FnOnce(TakingIn, ReadLimits) -> std::io::Result<()>) -> std::io::Result<()> {
    let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    take_in_rows(IncomingRows::File { input, scratch: tempfile::tempfile().ok() }, limits, take_in)
}

fn take_in_rows(
    rows: IncomingRows,
    limits: ReadLimits,
    take_in: impl FnOnce(TakingIn, ReadLimits) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut answers = out.try_clone()?;
    let task = read_message(&mut answers)?;
    let level = confine(&Task::Parse, limits)?;
    let mut out = FrameWriter::new(out);
    out.level(level)?;
    take_in(TakingIn { task, rows, service: Service { out, answers } }, limits)
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
