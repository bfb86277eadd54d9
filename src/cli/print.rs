//! The only way to stdout and stderr. Whatever is printed or logged may hold text of others (sheets, file names, messages of a database or a mail
//! server), so everything passes a filter: [`crate::domain::plain_text`].

use crate::domain::plain_text::{in_json, in_lines, on_one_line};
use std::borrow::Cow;
use std::fmt::Arguments;
use std::io;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

/// Prints one line of a result. That the reader of stdout has ended, as `head` does, is not an error.
macro_rules! print_line {
    ($($arg:tt)*) => { $crate::cli::print::line(format_args!($($arg)*)) };
}

/// Prints one line to stderr.
macro_rules! print_error {
    ($($arg:tt)*) => { $crate::cli::print::error_line(format_args!($($arg)*)) };
}

/// Prints a line; line ends inside it become spaces.
pub(crate) fn line(text: Arguments<'_>) {
    let _ = write_line(&mut io::stdout().lock(), text);
}

/// Prints a line to stderr, as [`line()`].
pub(crate) fn error_line(text: Arguments<'_>) {
    let _ = write_line(&mut io::stderr().lock(), text);
}

fn write_line(out: &mut impl Write, text: Arguments<'_>) -> io::Result<()> {
    let text = text.to_string();
    out.write_all(format!("{}\n", on_one_line(&text)).as_bytes())
}

/// Prints a text of several lines, each of which this program has composed with [`add_line`] or without text of others.
pub(crate) fn block(text: &str) {
    let _ = io::stdout().lock().write_all(format!("{}\n", in_lines(text.trim_end())).as_bytes());
}

/// Prints a value as JSON.
pub(crate) fn json(text: &str) {
    let _ = io::stdout().lock().write_all(format!("{}\n", in_json(text)).as_bytes());
}

/// Prints a text of several lines to stderr, as [`block`].
pub(crate) fn error_block(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{}\n", in_lines(text.trim_end())).as_bytes());
}

/// Adds a line to a text that [`block`] prints.
pub(crate) fn add_line(to: &mut String, text: Arguments<'_>) {
    to.push_str(&on_one_line(&text.to_string()));
    to.push('\n');
}

/// How a long output is filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Of lines.
    Lines,
    /// Of JSON: what would steer a terminal is escaped, so that no value changes.
    Json,
}

/// Stdout for output of any length, with a buffer.
pub(crate) struct Printer<W: Write = BufWriter<StdoutLock<'static>>> {
    out: W,
    filter: Filter,
    /// The beginning of a character whose other bytes come with the next piece.
    rest: Vec<u8>,
}

impl Printer {
    pub(crate) fn to_stdout(filter: Filter) -> Printer {
        Printer::new(BufWriter::new(io::stdout().lock()), filter)
    }
}

impl<W: Write> Printer<W> {
    fn new(out: W, filter: Filter) -> Printer<W> {
        Printer { out, filter, rest: Vec::new() }
    }

    /// Writes a line; line ends inside it become spaces.
    ///
    /// # Errors
    /// The reader of stdout has ended.
    pub(crate) fn line(&mut self, text: Arguments<'_>) -> io::Result<()> {
        write_line(self, text)
    }

    fn write_text(&mut self, text: &str) -> io::Result<()> {
        let filtered: Cow<'_, str> = match self.filter {
            Filter::Lines => in_lines(text),
            Filter::Json => in_json(text),
        };
        self.out.write_all(filtered.as_bytes())
    }
}

impl<W: Write> Write for Printer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut left = all.as_slice();
        loop {
            match std::str::from_utf8(left) {
                Ok(text) => {
                    self.write_text(text)?;
                    return Ok(bytes.len());
                }
                Err(error) => {
                    let (valid, behind) = left.split_at(error.valid_up_to());
                    self.write_text(std::str::from_utf8(valid).unwrap_or_default())?;
                    match error.error_len() {
                        None => {
                            self.rest = behind.to_vec();
                            return Ok(bytes.len());
                        }
                        Some(length) => {
                            self.write_text("\u{fffd}")?;
                            left = &behind[length..];
                        }
                    }
                }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes bytes as they are, for a file or another program; on a terminal they are filtered.
///
/// # Errors
/// The reader of stdout has ended.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    if io::stdout().is_terminal() {
        let mut printer = Printer::to_stdout(Filter::Lines);
        printer.write_all(bytes)?;
        printer.flush()
    } else {
        io::stdout().lock().write_all(bytes)
    }
}

/// Where the log goes: each event is one write and becomes one line on stderr.
#[derive(Debug)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        io::stderr().lock().write_all(format!("{}\n", on_one_line(text.trim_end_matches('\n'))).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets a panic print its message through the filter too.
pub(crate) fn filter_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        error_line(format_args!("{panic}"));
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            error_block(&backtrace.to_string());
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printer_filters_whatever_the_pieces() {
        let text = "甲\u{1b}[31m乙\u{202e}\n\u{85}丙".as_bytes();
        for size in 1..text.len() {
            let mut out = Vec::new();
            let mut printer = Printer::new(&mut out, Filter::Lines);
            for piece in text.chunks(size) {
                printer.write_all(piece).unwrap();
            }
            assert_eq!(String::from_utf8(out).unwrap(), "甲\u{fffd}[31m乙\u{fffd}\n 丙", "{size}");
        }
        let mut out = Vec::new();
        Printer::new(&mut out, Filter::Json).write_all(b"\"\xff\xc2\x9b\"").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\"\u{fffd}\\u009b\"");
    }

    #[test]
    fn a_line_is_one_line() {
        let mut out = String::new();
        add_line(&mut out, format_args!("甲{}", "\r\nerror: forged"));
        assert_eq!(out, "甲 error: forged\n");
    }
}
