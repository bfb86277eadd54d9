//! The events of messages, and which unsent messages a newer run of the same job replaces.

use crate::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use crate::store::audit::{event_line, insert_audit};
use crate::store::database::{Result, number, parameters, sql, text};
use crate::store::notify_reasons::record_superseded;
use crate::store::os_user::os_user;
use crate::store::runs::Run;
use sqlx::{Any, Transaction};

/// Supersedes the unsent messages of earlier runs of the job for the units that get a newer one now, and, where the batch replaces drafts, every
/// draft that nobody has decided on.
pub(crate) async fn supersede(
    transaction: &mut Transaction<'static, Any>,
    run: &Run,
    now: &str,
    test: bool,
    replaces_drafts: bool,
) -> Result<()> {
    let states = DeliveryState::all_that(DeliveryState::is_replaceable);
    let statement = format!(
        "UPDATE outbox SET state=$7, ended_at=$4 WHERE state IN ({}) AND test=$5 AND run IN \
         (SELECT id FROM run WHERE job=$2 AND (slot<$3 OR (slot=$3 AND revision<$6))) \
         AND (state=$8 AND $9=1 OR EXISTS (SELECT 1 FROM outbox n WHERE n.run=$1 AND n.unit=outbox.unit AND n.act=outbox.act)) \
         RETURNING id, run, unit, act, unknowns",
        parameters(10, states.len())
    );
    let mut query = sqlx::query(sql(statement))
        .bind(&run.id)
        .bind(&run.job)
        .bind(&run.slot)
        .bind(now)
        .bind(i64::from(test))
        .bind(run.revision)
        .bind(DeliveryState::Superseded.code())
        .bind(DeliveryState::Draft.code())
        .bind(i64::from(replaces_drafts));
    for state in &states {
        query = query.bind(state.code());
    }
    let rows = query.fetch_all(&mut **transaction).await?;
    for row in &rows {
        record_event(transaction, &text(row, "id")?, now, "", DeliveryEvent::Superseded, &run.id).await?;
        // a message with an unknown outcome may have reached its unit
        if text(row, "act")?.is_empty() && number(row, "unknowns")? == 0 {
            record_superseded(transaction, &text(row, "run")?, &text(row, "unit")?).await?;
        }
    }
    Ok(())
}

/// Records an event of a message, and in the audit what a person did.
pub(crate) async fn record_event(
    transaction: &mut Transaction<'static, Any>,
    id: &str,
    at: &str,
    who: &str,
    what: DeliveryEvent,
    detail: &str,
) -> Result<()> {
    let user = if who.is_empty() { String::new() } else { os_user() };
    let row = sqlx::query(
        "INSERT INTO outbox_event (message, no, at, who, os_user, what, detail) \
         SELECT $1, COALESCE(MAX(no), 0) + 1, $2, $3, $4, $5, $6 FROM outbox_event WHERE message=$1 RETURNING no",
    )
    .bind(id)
    .bind(at)
    .bind(who)
    .bind(user)
    .bind(what.code())
    .bind(detail)
    .fetch_one(&mut **transaction)
    .await?;
    if !who.is_empty() {
        let (kind, object) = event_line(id, number(&row, "no")?, what);
        insert_audit(at, who, &kind, &object, detail).execute(&mut **transaction).await?;
    }
    Ok(())
}
