//! The clock of the machine: a person may vouch for it.

use crate::app::compose::App;
use crate::app::person::Person;
use crate::clock::stamp;

/// Records that a person vouches for the clock: the doubt about it ends, and its time is the last one that was seen. Returns the time.
///
/// # Errors
/// The database fails.
pub(crate) async fn trust(app: &App, by: Person<'_>) -> anyhow::Result<String> {
    let now = stamp(app.clock().now());
    app.store().audit().record(&now, by.who, "trust the clock", &now, by.why).await?;
    app.store().schedule().record_beat(&now).await?;
    app.store().schedule().end_clock_doubt().await?;
    Ok(now)
}
