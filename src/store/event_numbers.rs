//! How far events and the numbers of their records have come. A copy of the database from before would give the same numbers once more.

use crate::store::database::{Result, number, text};
use crate::store::events::Events;
use serde::{Deserialize, Serialize};

/// The position of the last event, and the last number of each series.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventNumbers {
    pub position: i64,
    pub series: Vec<SeriesNumber>,
}

/// The last number of a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesNumber {
    pub ledger: String,
    pub series: String,
    pub year: i64,
    pub last: i64,
}

impl EventNumbers {
    /// Whether something of `other` is missing here.
    pub fn is_behind(&self, other: &EventNumbers) -> bool {
        let last = |of: &SeriesNumber| self.find(of).map_or(0, |known| known.last);
        self.position < other.position || other.series.iter().any(|known| last(known) < known.last)
    }

    fn find(&self, of: &SeriesNumber) -> Option<&SeriesNumber> {
        self.series.iter().find(|known| (&known.ledger, &known.series, known.year) == (&of.ledger, &of.series, of.year))
    }
}

impl Events<'_> {
    /// How far events and numbers have come.
    ///
    /// # Errors
    /// The database fails.
    pub async fn numbers(self) -> Result<EventNumbers> {
        let position = self.position().await?;
        let rows = sqlx::query("SELECT ledger, series, year, last FROM event_series ORDER BY ledger, series, year")
            .fetch_all(&self.database.pool)
            .await?;
        let series = rows.iter().map(|row| {
            let (ledger, series) = (text(row, "ledger")?, text(row, "series")?);
            Ok(SeriesNumber { ledger, series, year: number(row, "year")?, last: number(row, "last")? })
        });
        Ok(EventNumbers { position, series: series.collect::<Result<_>>()? })
    }

    /// Moves the numbers to at least those that were given before the database was restored.
    ///
    /// # Errors
    /// The database fails.
    pub async fn raise_numbers(self, least: &EventNumbers) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("UPDATE event_position SET pos=$1 WHERE id=1 AND pos<$1").bind(least.position).execute(&mut *transaction).await?;
        for SeriesNumber { ledger, series, year, last } in &least.series {
            sqlx::query(
                "INSERT INTO event_series (ledger, series, year, last) VALUES ($1, $2, $3, $4) ON CONFLICT (ledger, series, year) DO UPDATE \
                 SET last=excluded.last WHERE event_series.last<excluded.last",
            )
            .bind(ledger)
            .bind(series)
            .bind(year)
            .bind(last)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_behind_where_an_event_or_a_number_is_missing() {
        let of = |position: i64, last: &[(&str, i64)]| EventNumbers {
            position,
            series: last
                .iter()
                .map(|(series, last)| SeriesNumber { ledger: "work-order".into(), series: (*series).into(), year: 2026, last: *last })
                .collect(),
        };
        let known = of(7, &[("a", 3), ("b", 1)]);
        assert!(!known.is_behind(&known) && !of(8, &[("a", 4), ("b", 1), ("c", 1)]).is_behind(&known));
        for behind in [of(6, &[("a", 3), ("b", 1)]), of(9, &[("a", 2), ("b", 1)]), of(9, &[("a", 3)])] {
            assert!(behind.is_behind(&known), "{behind:?}");
        }
        assert!(!known.is_behind(&EventNumbers::default()));
    }
}
