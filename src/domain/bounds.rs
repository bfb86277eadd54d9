//! Numbers of configuration files, each with the range it may have. A number outside its range is a problem of its file.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::fmt::Display;

/// The longest spans that a configuration may name.
pub(crate) const DAYS_MAX: i64 = 36_500;
pub(crate) const WORKDAYS_MAX: i64 = 3_650;
pub(crate) const MONTHS_MAX: i64 = 1_200;
pub(crate) const YEARS_MAX: i64 = 100;

/// Why a number is refused: `4000000 is out of range (allowed: 0 to 1200)`.
pub(crate) fn out_of_range(number: impl Display, least: i64, most: i64) -> String {
    format!("{number} is out of range (allowed: {least} to {most})")
}

/// A whole number from `LEAST` to `MOST`, for `#[serde(deserialize_with = "between::<1, 300, _, _>")]`.
///
/// # Errors
/// The value is no whole number or lies outside the range.
pub(crate) fn between<'de, const LEAST: i64, const MOST: i64, N, D>(deserializer: D) -> Result<N, D::Error>
where
    N: TryFrom<i64>,
    D: Deserializer<'de>,
{
    let number = i64::deserialize(deserializer)?;
    let allowed = Some(number).filter(|number| (LEAST..=MOST).contains(number));
    allowed.and_then(|number| N::try_from(number).ok()).ok_or_else(|| D::Error::custom(out_of_range(number, LEAST, MOST)))
}

/// As [`between`], for a key that may be left out; `#[serde(default)]` goes with it.
///
/// # Errors
/// As [`between`].
pub(crate) fn some_between<'de, const LEAST: i64, const MOST: i64, N, D>(deserializer: D) -> Result<Option<N>, D::Error>
where
    N: TryFrom<i64>,
    D: Deserializer<'de>,
{
    between::<LEAST, MOST, N, D>(deserializer).map(Some)
}
