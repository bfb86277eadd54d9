//! The imperative shell: read, decide (a domain call), write. Everything a command does to the store, the files and the mail passes
//! through [`Service`].

mod accountability;
pub mod deliverer;
pub mod explain;
pub mod facts;
pub mod gone;
mod history;
pub mod input;
pub mod intake_report;
mod kept;
mod lock;
pub mod puller;
pub mod reading;
pub mod rebuild;
pub mod runner;
pub mod scheduler;
mod stage;

use crate::clock::Clock;
use crate::config::Config;
use crate::mail::transport::Mailer;
use crate::source::child::ParserCommand;
use crate::store::Store;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

/// What every command works with; built by `app`.
#[derive(Clone)]
pub struct Service {
    pub root: PathBuf,
    pub config: Arc<Config>,
    pub store: Store,
    pub clock: Clock,
    pub parser: ParserCommand,
    pub mailer: Mailer,
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
