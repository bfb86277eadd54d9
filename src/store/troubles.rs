//! What was reported to the operator, and the messages that report it. All processes that use the database share them, so that each trouble is
//! reported once.

use crate::domain::trouble::{ReportedTrouble, Trouble, TroubleChanges, TroubleKind, trouble_changes};
use crate::store::database::{Database, Result, number, text};
use chrono::DateTime;

/// The troubles and the messages to the operator.
#[derive(Clone, Copy, Debug)]
pub struct Troubles<'a> {
    pub(super) database: &'a Database,
}

/// A message to the operator that has not gone by every way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorMessage {
    pub no: i64,
    pub text: String,
    pub made_at: String,
    pub is_mailed: bool,
    pub is_posted: bool,
    pub attempts: i64,
}

/// A way to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorWay {
    Mail,
    Chat,
}

impl Troubles<'_> {
    /// Compares the troubles found now with those reported before, and queues one message where some have begun or ended, in one transaction.
    /// `compose` words it; `None` = there is nothing to report.
    ///
    /// # Errors
    /// The database fails.
    pub async fn report(
        self,
        found: &[Trouble],
        now: &str,
        compose: impl FnOnce(&[&Trouble], &[&ReportedTrouble]) -> String,
    ) -> Result<()> {
        let mut transaction = self.database.begin_numbering("trouble").await?;
        let rows = sqlx::query("SELECT kind, about, text, gone_at FROM trouble ORDER BY kind, about").fetch_all(&mut *transaction).await?;
        let mut reported = Vec::with_capacity(rows.len());
        for row in &rows {
            // a kind that this version does not know is left alone
            let Some(kind) = TroubleKind::parse(&text(row, "kind")?) else { continue };
            let gone_for = minutes_between(&text(row, "gone_at")?, now);
            reported.push(ReportedTrouble { kind, about: text(row, "about")?, text: text(row, "text")?, gone_for });
        }
        let TroubleChanges { begun, ended, gone, back } = trouble_changes(&reported, found);
        for trouble in begun.iter().map(|index| &found[*index]) {
            sqlx::query("INSERT INTO trouble (kind, about, text, began_at, gone_at) VALUES ($1,$2,$3,$4,'')")
                .bind(trouble.kind.code())
                .bind(&trouble.about)
                .bind(&trouble.text)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
        }
        for (indices, statement) in [
            (&ended, "DELETE FROM trouble WHERE kind=$1 AND about=$2 AND $3<>''"),
            (&gone, "UPDATE trouble SET gone_at=$3 WHERE kind=$1 AND about=$2"),
            (&back, "UPDATE trouble SET gone_at='' WHERE kind=$1 AND about=$2 AND $3<>''"),
        ] {
            for known in indices.iter().map(|index| &reported[*index]) {
                sqlx::query(statement).bind(known.kind.code()).bind(&known.about).bind(now).execute(&mut *transaction).await?;
            }
        }
        if !begun.is_empty() || !ended.is_empty() {
            let begun: Vec<&Trouble> = begun.iter().map(|index| &found[*index]).collect();
            let ended: Vec<&ReportedTrouble> = ended.iter().map(|index| &reported[*index]).collect();
            sqlx::query(
                "INSERT INTO operator_message (no, text, made_at, mailed_at, posted_at, next_at, attempts) \
                 SELECT COALESCE(MAX(no), 0) + 1, $1, $2, '', '', $2, 0 FROM operator_message",
            )
            .bind(compose(&begun, &ended))
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes the oldest message that is due and has not gone by these ways; until `until` no other process takes it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take(self, ways: &[OperatorWay], now: &str, until: &str) -> Result<Option<OperatorMessage>> {
        let wants = |way| i64::from(ways.contains(&way));
        let row = sqlx::query(
            "UPDATE operator_message SET next_at=$2, attempts=attempts+1 WHERE no=(SELECT MIN(no) FROM operator_message WHERE next_at<=$1 \
             AND (mailed_at='' AND $3=1 OR posted_at='' AND $4=1)) AND next_at<=$1 \
             RETURNING no, text, made_at, mailed_at, posted_at, attempts",
        )
        .bind(now)
        .bind(until)
        .bind(wants(OperatorWay::Mail))
        .bind(wants(OperatorWay::Chat))
        .fetch_optional(&self.database.pool)
        .await?;
        row.map(|row| {
            Ok(OperatorMessage {
                no: number(&row, "no")?,
                text: text(&row, "text")?,
                made_at: text(&row, "made_at")?,
                is_mailed: !text(&row, "mailed_at")?.is_empty(),
                is_posted: !text(&row, "posted_at")?.is_empty(),
                attempts: number(&row, "attempts")?,
            })
        })
        .transpose()
    }

    /// Sets when a message is tried next.
    ///
    /// # Errors
    /// The database fails.
    pub async fn postpone(self, no: i64, until: &str) -> Result<()> {
        sqlx::query("UPDATE operator_message SET next_at=$2 WHERE no=$1").bind(no).bind(until).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Records that a message went by a way.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sent(self, no: i64, way: OperatorWay, at: &str) -> Result<()> {
        let statement = match way {
            OperatorWay::Mail => "UPDATE operator_message SET mailed_at=$2 WHERE no=$1",
            OperatorWay::Chat => "UPDATE operator_message SET posted_at=$2 WHERE no=$1",
        };
        sqlx::query(statement).bind(no).bind(at).execute(&self.database.pool).await?;
        Ok(())
    }
}

/// Whole minutes between two stamps; `None` = the first is empty.
fn minutes_between(earlier: &str, later: &str) -> Option<i64> {
    let at = |stamp: &str| DateTime::parse_from_rfc3339(stamp).ok();
    Some((at(later)? - at(earlier)?).num_minutes())
}
