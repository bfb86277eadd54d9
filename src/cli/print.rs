//! Prints results to stdout.

/// Prints one line of a result. That the reader of stdout has ended, as `head` does, is not an error.
macro_rules! print_line {
    ($($arg:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($arg)*);
    }};
}
