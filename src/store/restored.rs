//! That the database is a restored copy which nobody has accepted: it does not know which numbers were given.

use crate::store::database::{Result, text};
use sqlx::AnyConnection;

/// Whether it is such a copy, so that no number may be given.
///
/// # Errors
/// The database fails.
pub(crate) async fn are_numbers_held(connection: &mut AnyConnection) -> Result<bool> {
    let row = sqlx::query("SELECT numbers_held FROM sending WHERE id=1").fetch_one(connection).await?;
    Ok(!text(&row, "numbers_held")?.is_empty())
}
