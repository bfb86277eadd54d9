//! What systemd hears of the service, where it has started it: that it is ready, that it works, that it stops.

use sd_notify::NotifyState;
use std::time::Duration;

/// The service is open: its jobs run, or its pages are answered.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The service has gone on with its work.
pub fn works() {
    tell(&[NotifyState::Watchdog]);
}

/// The service stops.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The time within which systemd wants to hear that the service works; `None` = it does not ask.
pub fn patience() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// A service that nobody has asked to report does without: nothing depends on whether the message arrives.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd takes no message");
    }
}
