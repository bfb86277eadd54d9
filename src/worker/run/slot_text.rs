//! A slot as the database stores it, and the key of its run.

use crate::domain::register::period::Period;
use crate::domain::schedule::{Schedule, Slot};
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

/// For what the run of a slot counts: the period of its job, else the slot.
pub(crate) fn key_of(schedule: &Schedule, slot: &Slot) -> String {
    schedule.period_of(slot).map_or_else(|| slot_text(slot.at), Period::code)
}
