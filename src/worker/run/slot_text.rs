//! A slot as the database stores it.

use chrono::NaiveDateTime;

const FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// Stored form of a slot.
pub(crate) fn slot_text(at: NaiveDateTime) -> String {
    at.format(FORMAT).to_string()
}

/// The slot in a stored text.
///
/// # Errors
/// The text is not a slot.
pub(crate) fn parse_slot(text: &str) -> chrono::ParseResult<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, FORMAT)
}
