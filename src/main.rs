//! `duban` (督办): supervision of investment projects, unattended.

use libmimalloc_sys::{mi_option_set, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc.h, which the binding does not name: milliseconds that freed memory is kept. A run's steps follow one
/// another within a second and free different sizes, so what is kept is a fifth of its peak.
const PURGE_DELAY: mi_option_t = 15;

fn main() -> std::process::ExitCode {
    // SAFETY: sets a number that the allocator reads; no other thread runs yet
    unsafe { mi_option_set(PURGE_DELAY, 0) };
    duban::cli::main()
}
