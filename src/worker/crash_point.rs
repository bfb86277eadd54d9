//! Points at which a debug build ends itself on request, so that tests can kill it at every step of a run and of a delivery.

use std::sync::atomic::{AtomicU32, Ordering};

/// Ends the process when `moment` is passed for the n-th time, if `DUBAN_CRASH_AFTER` names it (`replied:3`). Debug builds only.
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
