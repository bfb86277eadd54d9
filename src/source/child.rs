//! The parsing child process: the parent starts it, limits its time and reads its frames.

use crate::source::frame;
use crate::source::frame::{Block, Received};
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::shared_strings::SharedStrings;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The hidden subcommand with which the binary reads one file and writes frames to stdout.
pub const SUBCOMMAND: &str = "parse-file";

/// Starts the child processes.
#[derive(Clone, Debug)]
pub struct ParserCommand {
    pub program: PathBuf,
}

impl ParserCommand {
    fn command(&self, path: &Path, limits: ReadLimits) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(SUBCOMMAND)
            .arg(path)
            .args(
                [limits.file_mib_max, limits.memory_mib, limits.seconds, u64::from(limits.rows_max), u64::from(limits.columns_max)]
                    .map(|limit| limit.to_string()),
            )
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Reads a file and calls `take` with each block of frames, until it returns `false`. Blocking.
    ///
    /// # Errors
    /// The file is refused, or the child died or ran out of time or memory.
    pub fn read(&self, path: &Path, limits: ReadLimits, mut take: impl FnMut(Block) -> bool) -> Result<(), Refusal> {
        let failed = |error: std::io::Error| Refusal::new(format!("无法启动解析进程：{error}"), "请联系系统管理员");
        let mut child = self.command(path, limits).spawn().map_err(failed)?;
        let Some(stdout) = child.stdout.take() else { return Err(failed(std::io::Error::other("no stdout"))) };
        let stderr = child.stderr.take();
        let ended = Arc::new(AtomicBool::new(false));
        let (timed_out, timer) = start_timer(child.id(), limits.seconds, ended.clone());
        let mut reader = stdout;
        let mut outcome = None;
        let mut strings = Arc::<SharedStrings>::default();
        loop {
            match frame::read(&mut reader) {
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
                    if !take(Block { bytes, strings: strings.clone() }) {
                        outcome = Some(Ok(()));
                        break;
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
        // a child that is still writing then gets an error from the closed pipe
        drop(reader);
        if outcome.is_none() || !matches!(outcome, Some(Ok(()))) {
            let _ = child.kill();
        }
        let _ = child.wait();
        ended.store(true, Ordering::Release);
        timer.thread().unpark();
        let _ = timer.join();
        outcome.unwrap_or_else(|| {
            let mut message = String::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.by_ref().take(2000).read_to_string(&mut message);
            }
            tracing::warn!(path = %path.display(), stderr = message.trim(), "the parsing child died");
            Err(if timed_out.load(Ordering::Acquire) {
                Refusal::new(format!("解析超过{}秒，已停止", limits.seconds), "请检查文件是否异常庞大，或另存为xlsx后再导入")
            } else {
                Refusal::new(format!("文件结构异常，解析所需内存超过{}MB或解析中断", limits.memory_mib), "请用Excel或WPS另存为xlsx后再导入")
            })
        })
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

/// Limits memory, processor time and core dumps of this process. The child calls it first.
///
/// # Errors
/// The system refuses a limit.
pub fn limit_this_process(limits: ReadLimits) -> std::io::Result<()> {
    let bytes = limits.memory_mib * 1024 * 1024;
    rlimit::setrlimit(rlimit::Resource::AS, bytes, bytes)?;
    rlimit::setrlimit(rlimit::Resource::CPU, limits.seconds, limits.seconds)?;
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
}
