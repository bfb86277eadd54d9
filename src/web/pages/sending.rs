//! 发送: which mails there are, and what became of them. The office sees all, a unit its own.

use crate::domain::audience::masked_address;
use crate::domain::notify::delivery::DeliveryState;
use crate::web::pages::shown::{ROWS, first_row, local_time, paging};
use crate::web::portal::{Portal, Request, Scope};
use crate::web::reply::{Answer, Reply};
use minijinja::context;

pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    let units = &portal.app.config().policy.units;
    let scope = portal.scope(asked.visitor()?);
    let query = &asked.query;
    let named = query.get("unit").trim();
    let is_office = scope == Scope::Office;
    let unit = match scope {
        Scope::Unit(unit) => units.units[unit].name.clone(),
        Scope::Office => units.named(named).map_or_else(|| named.to_owned(), |unit| units.units[unit].name.clone()),
    };
    // a unit sees what is or may be on its way to it, not what the office has not decided
    let states = match (is_office, DeliveryState::parse(query.get("state"))) {
        (true, Some(state)) => vec![state],
        (true, None) => DeliveryState::ALL.to_vec(),
        (false, _) => DeliveryState::all_that(DeliveryState::may_reach),
    };
    let (mails, total) = portal.app.store().outbox().page(&unit, &states, is_office, first_row(query), ROWS).await?;
    let rows: Vec<_> = mails
        .iter()
        .map(|mail| {
            context! {
                unit => &mail.unit, subject => &mail.subject, word => mail.state.word(), state => mail.state.code(),
                reply => if is_office { mail.reply.as_str() } else { "" }, address => masked_address(&mail.address),
                made => local_time(&mail.created_at), ended => local_time(&mail.ended_at), attempts => mail.attempts, is_test => mail.test,
            }
        })
        .collect();
    let states: Vec<_> = DeliveryState::ALL.iter().map(|state| context! { code => state.code(), word => state.word() }).collect();
    let values = context! {
        rows, states, is_office,
        notes => if is_office { portal.app.deliverer().sending_notes().await? } else { Vec::new() },
        filter => context! { unit => named, state => query.get("state") },
        paging => paging(query, total),
    };
    Ok(Reply::page("sending", "发送", values))
}
