//! The time by which claims end: that of the database's own machine, so that machines whose clocks differ agree whether a claim still holds.

use crate::clock::Clock;
use crate::store::database::Result;
use crate::store::handle::Store;
use chrono::{DateTime, Utc};

/// The time by which claims are made and compared now.
///
/// # Errors
/// The database fails.
pub(crate) async fn claim_time(store: &Store, clock: &Clock) -> Result<DateTime<Utc>> {
    // a clock that a test has set is that of every machine
    let of_database = match clock {
        Clock::System => store.clock().await?.and_then(DateTime::from_timestamp_millis),
        Clock::Manual(_) => None,
    };
    Ok(of_database.unwrap_or_else(|| clock.now()))
}
