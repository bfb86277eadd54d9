//! Text in csv files that a spreadsheet program opens.

/// Text that a spreadsheet would take for a formula gets a leading apostrophe.
pub fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!("'{text}") } else { text.to_owned() }
}
