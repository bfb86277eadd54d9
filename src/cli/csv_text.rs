//! Text in csv files that a spreadsheet program opens.

/// The text, with a leading apostrophe where a spreadsheet program would take it for a formula.
pub(crate) fn guarded(text: &str) -> String {
    guarded_against(text, &['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// As [`guarded`], for the whole contents of a cell, which can begin with a tab or a carriage return.
pub(crate) fn guarded_cell(text: &str) -> String {
    guarded_against(text, &['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

fn guarded_against(text: &str, beginnings: &[char]) -> String {
    if text.starts_with(beginnings) { format!("'{text}") } else { text.to_owned() }
}
