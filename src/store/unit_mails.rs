//! How many mails to each unit did not arrive.

use crate::domain::notify::delivery::DeliveryState;
use crate::store::database::{Result, number, parameters, sql, text};
use crate::store::outbox::Outbox;
use std::collections::BTreeMap;

impl Outbox<'_> {
    /// The number of messages that were refused or given up, by the name of the unit; without those of the test mode.
    ///
    /// # Errors
    /// The database fails.
    pub async fn failed_by_unit(self) -> Result<BTreeMap<String, i64>> {
        let states = DeliveryState::all_that(DeliveryState::has_failed);
        let statement = format!(
            "SELECT unit, COUNT(*) AS n FROM outbox WHERE state IN ({}) AND test=0 GROUP BY unit ORDER BY unit",
            parameters(1, states.len())
        );
        let query = states.iter().fold(sqlx::query(sql(statement)), |query, state| query.bind(state.code()));
        let rows = query.fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((text(row, "unit")?, number(row, "n")?))).collect()
    }
}
