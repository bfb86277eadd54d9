//! Points at which a debug build ends itself or panics on request, so that tests can break it at every step of a run and of a delivery.

use std::sync::atomic::{AtomicU32, Ordering};

/// When `moment` is passed for the n-th time, ends the process if `DUBAN_CRASH_AFTER` names it (`replied:3`), and panics if
/// `DUBAN_PANIC_AFTER` does. Debug builds only.
pub(crate) fn crash_point(moment: &str) {
    static BEFORE_CRASH: AtomicU32 = AtomicU32::new(0);
    static BEFORE_PANIC: AtomicU32 = AtomicU32::new(0);
    if is_reached("DUBAN_CRASH_AFTER", moment, &BEFORE_CRASH) {
        std::process::abort();
    }
    if is_reached("DUBAN_PANIC_AFTER", moment, &BEFORE_PANIC) {
        std::panic::panic_any(format!("crash point {moment}"));
    }
}

/// Whether a variable names this moment and this is the time it counts to.
fn is_reached(variable: &str, moment: &str, passed: &AtomicU32) -> bool {
    #[allow(clippy::disallowed_methods, reason = "read in debug builds only, by the crash tests")]
    let named = if cfg!(debug_assertions) { std::env::var(variable).ok() } else { None };
    named
        .as_deref()
        .map(|at| at.split_once(':').unwrap_or((at, "1")))
        .is_some_and(|(name, times)| name == moment && passed.fetch_add(1, Ordering::Relaxed) + 1 == times.parse().unwrap_or(1))
}
