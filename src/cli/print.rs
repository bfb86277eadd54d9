//! Printing of results, to stdout.

/// Prints a line of the result. A reader that has gone away, such as `head`, is no fault.
macro_rules! print_line {
    ($($arg:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($arg)*);
    }};
}
