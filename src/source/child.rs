//! The parsing child: started, watched and read by the parent.

use crate::source::frame;
use crate::source::frame::{Block, Received};
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::strings::Strings;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The hidden subcommand under which the binary reads one file and writes frames to stdout.
pub const SUBCOMMAND: &str = "parse-file";

/// Starts the child that parses files.
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

    /// Reads a file, handing each block of frames to `take`, which may stop the reading by returning `false`. Blocking.
    ///
    /// # Errors
    /// The file is refused, or the child died or ran out of time or memory.
    pub fn read(&self, path: &Path, limits: ReadLimits, mut take: impl FnMut(Block) -> bool) -> Result<(), Refusal> {
        let failed = |error: std::io::Error| Refusal::new(format!("无法启动解析进程：{error}"), "请联系系统管理员");
        let mut child = self.command(path, limits).spawn().map_err(failed)?;
        let Some(stdout) = child.stdout.take() else { return Err(failed(std::io::Error::other("no stdout"))) };
        let stderr = child.stderr.take();
        let ended = Arc::new(AtomicBool::new(false));
        let (late, watcher) = watch(child.id(), limits.seconds, ended.clone());
        let mut reader = stdout;
        let mut outcome = None;
        let mut strings = Arc::<Strings>::default();
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
        // a child that still writes gets a closed pipe
        drop(reader);
        if outcome.is_none() || !matches!(outcome, Some(Ok(()))) {
            let _ = child.kill();
        }
        let _ = child.wait();
        ended.store(true, Ordering::Release);
        watcher.thread().unpark();
        let _ = watcher.join();
        outcome.unwrap_or_else(|| {
            let mut words = String::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.by_ref().take(2000).read_to_string(&mut words);
            }
            tracing::warn!(path = %path.display(), stderr = words.trim(), "the parsing child died");
            Err(if late.load(Ordering::Acquire) {
                Refusal::new(format!("解析超过{}秒，已停止", limits.seconds), "请检查文件是否异常庞大，或另存为xlsx后再导入")
            } else {
                Refusal::new(format!("文件结构异常，解析所需内存超过{}MB或解析中断", limits.memory_mib), "请用Excel或WPS另存为xlsx后再导入")
            })
        })
    }
}

/// Kills the child when its time is up.
fn watch(pid: u32, seconds: u64, ended: Arc<AtomicBool>) -> (Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let late = Arc::new(AtomicBool::new(false));
    let flag = late.clone();
    let handle = std::thread::spawn(move || {
        // the child limits its own processor time; this is for one that waits for ever
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
    (late, handle)
}

/// Puts the limits on the process itself: the first thing the child does.
pub fn confine(limits: ReadLimits) -> std::io::Result<()> {
    let bytes = limits.memory_mib * 1024 * 1024;
    rlimit::setrlimit(rlimit::Resource::AS, bytes, bytes)?;
    rlimit::setrlimit(rlimit::Resource::CPU, limits.seconds, limits.seconds)?;
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
}
