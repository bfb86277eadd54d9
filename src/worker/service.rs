//! The imperative shell: read, decide (a domain call), write. Everything a command does to the store, the files and the mail passes
//! through [`Service`].

use crate::clock::Clock;
use crate::config::load::Config;
use crate::mail::transport::Mailer;
use crate::source::child::ParserCommand;
use crate::store::handle::Store;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What every command works with; built by `app`.
#[derive(Clone)]
pub struct Service {
    pub root: PathBuf,
    pub config: Arc<Config>,
    pub store: Store,
    pub clock: Clock,
    pub parser: ParserCommand,
    pub mailer: Mailer,
    /// What this process knows about the mail server.
    pub channel: Arc<Mutex<crate::worker::deliver::deliverer::ChannelMemory>>,
}

impl Service {
    /// A spinner with a count on a terminal; nothing elsewhere.
    pub fn progress(&self, what: &str) -> ProgressBar {
        if !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {pos} 行 {elapsed}") {
            bar.set_style(style);
        }
        bar.with_message(what.to_owned())
    }

    /// The folder of everything that duban makes.
    pub fn var(&self) -> PathBuf {
        self.root.join("var")
    }
}

/// A test build dies here on command, at the n-th time it comes by (`replied:3`), so that every step of a run and every moment of a
/// delivery can be shown to survive a kill.
pub(crate) fn crash_point(moment: &str) {
    static PASSED: AtomicU32 = AtomicU32::new(0);
    #[allow(clippy::disallowed_methods, reason = "read in debug builds only, by the crash tests")]
    if cfg!(debug_assertions)
        && let Ok(at) = std::env::var("DUBAN_CRASH_AFTER")
        && let Some((name, times)) = at.split_once(':').or(Some((&at, "1")))
        && name == moment
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 >= times.parse().unwrap_or(1)
    {
        std::process::abort();
    }
}
