//! The cells of a page: their text as a browser shows it, and the exact values that Excel adds.

use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::unwrapped;
use crate::source::html_tag::UNTICKED;

/// Collects text as a browser shows it: a run of white space is one space, and there is none at the edges.
#[derive(Default)]
pub(crate) struct VisibleText {
    pub text: String,
    /// White space since the last character; `true` = with a line break.
    space: Option<bool>,
}

impl VisibleText {
    pub fn push(&mut self, text: &str) {
        for c in text.chars() {
            if matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
                self.space = Some(self.space == Some(true) || matches!(c, '\n' | '\r'));
                continue;
            }
            if let Some(broken) = self.space.take()
                && let Some(last) = self.text.chars().next_back()
                && last != '\n'
                // a line break in the source between two Chinese characters is no space
                && !(broken && is_wide(last) && is_wide(c))
            {
                self.text.push(' ');
            }
            self.text.push(if c == '\u{a0}' { ' ' } else { c });
        }
    }

    /// Begins a new line.
    pub fn break_line(&mut self) {
        self.space = None;
        self.text.push('\n');
    }

    /// Begins a new line at the start or end of a block, unless there is one already.
    pub fn block_edge(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.break_line();
        }
    }
}

/// Whether a character is Chinese, or another East Asian one of full width.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// A cell that is open.
#[derive(Default)]
pub(crate) struct OpenCell {
    pub column: u32,
    pub shown: VisibleText,
    pub number: Option<String>,
    pub string: Option<String>,
    pub error: bool,
    /// Inside a hidden element: its name, and how many elements of that name are open.
    pub hidden: Option<(String, u32)>,
    /// Inside a struck-out element, in the same way, and the text of such elements.
    pub struck: Option<(String, u32)>,
    pub struck_text: VisibleText,
    /// The cell or its row is struck out.
    pub all_struck: bool,
}

impl OpenCell {
    /// Where the text that comes belongs.
    pub fn text(&mut self) -> &mut VisibleText {
        if self.struck.is_some() { &mut self.struck_text } else { &mut self.shown }
    }

    /// Enters an element that is struck out, or another one of its name within it.
    pub fn enter(&mut self, name: &str, is_struck: bool) {
        match &mut self.struck {
            Some((open, depth)) => *depth += u32::from(open == name),
            None if is_struck => self.struck = Some((name.to_owned(), 1)),
            None => {}
        }
    }

    /// Leaves an element.
    pub fn leave(&mut self, name: &str) {
        if let Some((open, depth)) = &mut self.struck
            && open == name
        {
            *depth -= 1;
            if *depth == 0 {
                self.struck = None;
            }
        }
    }
}

/// The value of a cell; `None` = it is empty.
pub(crate) fn raw(cell: OpenCell) -> Option<Raw<'static>> {
    let struck = cell.struck_text.text.trim();
    let text = cell.shown.text.trim();
    if text.is_empty() && !struck.is_empty() {
        return Some(Raw::Struck(struck.to_owned().into()));
    }
    if cell.all_struck && !text.is_empty() {
        return Some(Raw::Struck(text.to_owned().into()));
    }
    if cell.error {
        return Some(Raw::Error(text.to_owned().into()));
    }
    if let Some(exact) = cell.string.filter(|exact| !exact.trim().is_empty()) {
        return Some(Raw::Text(unwrapped(exact.trim()).to_owned().into()));
    }
    if let Some(exact) = cell.number {
        let exact = if exact.is_empty() { text } else { exact.as_str() };
        if let Some(number) = exact.parse::<f64>().ok().filter(|number| number.is_finite()) {
            match text.strip_suffix('%') {
                Some(percent) if is_figure(percent) => return Some(Raw::Text(format!("{}%", rounded(number * 100.0)).into())),
                // dates are numbers in Excel too: a cell that does not show a number is read as its text
                None if is_figure(text) || text.chars().all(|c| c == '#') => return Some(Raw::Number(number)),
                _ => {}
            }
        }
    }
    // a box to select the row by, which is not ticked, is no content
    let is_empty = text.split_whitespace().all(|part| part == UNTICKED);
    if is_empty { None } else { Some(Raw::Text(unwrapped(text).to_owned().into())) }
}

/// Whether a text is a number with the signs of a number format: `1,234.50`, `¥1,234`, `(12)`.
fn is_figure(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| !" ,，¥￥$()（）+-_".contains(*c)).collect();
    bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') && bare.parse::<f64>().is_ok()
        || text.ends_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// The number with at most ten decimals, without the rounding error of binary fractions.
fn rounded(number: f64) -> String {
    let text = format!("{number:.10}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
