//! A day on the command line.

use crate::domain::register::calendar::{YEARS, parse_day};
use chrono::NaiveDate;

/// Parses the value of an option that takes a day.
///
/// # Errors
/// The text is no date, or its year is implausible.
pub(crate) fn day(text: &str) -> Result<NaiveDate, String> {
    parse_day(text).ok_or_else(|| format!("no day of the years {} to {}; write it as 2026-09-30", YEARS.start(), YEARS.end()))
}
