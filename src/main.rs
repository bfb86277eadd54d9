//! `duban` (督办): supervision of investment projects, unattended.

use libmimalloc_sys::{mi_option_set, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc.h, which the binding does not name: milliseconds for which freed memory is retained. A run's
/// steps free different sizes, so the usual second adds a fifth to its peak, and 0 adds a thirtieth to its time.
const PURGE_DELAY: mi_option_t = 15;

fn main() -> std::process::ExitCode {
    // SAFETY: sets a number that the allocator reads; no other thread runs yet
    unsafe { mi_option_set(PURGE_DELAY, 10) };
    duban::cli::command_line::main()
}
