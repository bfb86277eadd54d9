//! The pulse of a piece of long work: whoever has started it sees by it that the work goes on, and may stop it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// When some work went on last, and whether it is to stop.
#[derive(Clone, Debug)]
pub struct Pulse {
    last: Arc<Mutex<Instant>>,
    stop: CancellationToken,
}

impl Pulse {
    /// The pulse of work that begins now and is to stop once `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Pulse {
        Pulse { last: Arc::new(Mutex::new(Instant::now())), stop }
    }

    /// The work has gone on.
    pub fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long the work has not gone on.
    pub fn silence(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Fails where the work is to stop: what is done is stored, and the next start goes on from there.
    ///
    /// # Errors
    /// It is to stop.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.stop.is_cancelled() { Err(Stopped) } else { Ok(()) }
    }
}

impl Default for Pulse {
    /// The pulse of work that nobody stops.
    fn default() -> Pulse {
        Pulse::new(CancellationToken::new())
    }
}

/// The work was stopped between two of its steps.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the service stops; the run goes on at its next start")]
pub struct Stopped;
