//! The progress of long work, on a terminal.

use crate::domain::plain_text::on_one_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A spinner with a count on a terminal; a hidden one if stderr is not a terminal.
pub(crate) fn progress(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {pos} 行 {elapsed}") {
        bar.set_style(style);
    }
    bar.with_message(on_one_line(what).into_owned())
}
