//! Csv that a spreadsheet program opens.

use crate::cli::print::{Filter, Printer};
use crate::domain::plain_text::in_lines;

/// Writes rows of csv to stdout. No cell begins like a formula, whatever its column.
pub(crate) struct CsvPrinter(csv::Writer<Printer>);

impl CsvPrinter {
    pub(crate) fn to_stdout() -> CsvPrinter {
        CsvPrinter(csv::Writer::from_writer(Printer::to_stdout(Filter::Lines)))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// The reader of stdout has ended, or the row has another length than the first one.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
        Ok(self.0.write_record(cells.into_iter().map(|cell| guarded(cell.as_ref())))?)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// The reader of stdout has ended.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// The text with its line breaks, which the quotes of a cell hold together, but no other control character; an apostrophe goes before it
/// where a spreadsheet program would take it for a formula.
fn guarded(text: &str) -> String {
    // plus, minus, equals and at in ASCII, in small and in full width, and the minus sign of mathematics
    const BEGINNINGS: [char; 13] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'];
    let is_skipped = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}');
    let is_formula = text.trim_start_matches(is_skipped).starts_with(BEGINNINGS) || text.starts_with(['\t', '\r', '\n']);
    let lines = in_lines(text);
    if is_formula { format!("'{lines}") } else { lines.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula() {
        for (text, cell) in [
            ("=CMD|' /C calc'!A0", "'=CMD|' /C calc'!A0"),
            ("＠SUM(1+1)", "'＠SUM(1+1)"),
            ("\u{feff}-2+3", "'\u{feff}-2+3"),
            (" ﹢1", "' ﹢1"),
            ("\t=1", "' =1"),
            ("\r甲", "' 甲"),
            ("甲\n=1", "甲\n=1"),
            ("GZ1", "GZ1"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), cell);
        }
    }
}
