//! `duban` (督办): supervision of investment projects, unattended.

use libmimalloc_sys::{mi_option_set, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the binding has no name for: milliseconds for which the allocator retains freed memory. The
/// steps of a run use blocks of different sizes, so the default of a second raises the peak memory of a run by a fifth; 0 lengthens a run by
/// a thirtieth.
const PURGE_DELAY: mi_option_t = 15;

fn main() -> std::process::ExitCode {
    // SAFETY: the call only sets a number that the allocator reads, and no other thread runs yet
    unsafe { mi_option_set(PURGE_DELAY, 10) };
    duban::cli::command_line::run()
}
