//! The mails to one unit: those of a day, and how many did not arrive.

use crate::domain::notify::delivery::DeliveryState;
use crate::store::database::{Result, number, parameters, sql, text};
use crate::store::outbox::Outbox;
use std::collections::BTreeMap;

impl Outbox<'_> {
    /// The ids of the mails of a day to a unit (by name) that have reached it or still may, without those of the test mode.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ids_of_day(self, unit: &str, as_of: &str) -> Result<Vec<String>> {
        let states = DeliveryState::all_that(DeliveryState::may_reach);
        let statement = format!(
            "SELECT o.id FROM outbox o JOIN run r ON r.id=o.run WHERE o.unit=$1 AND r.as_of=$2 AND o.test=0 AND o.state IN ({}) \
             ORDER BY o.created_at, o.id",
            parameters(3, states.len())
        );
        let query = sqlx::query(sql(statement)).bind(unit).bind(as_of);
        let query = states.iter().fold(query, |query, state| query.bind(state.code()));
        query.fetch_all(&self.database.pool).await?.iter().map(|row| text(row, "id")).collect()
    }

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
