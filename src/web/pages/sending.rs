//! 发送: which mails there are, what became of them, and one as it was sent. The office sees all, a unit its own.

use crate::app::accounts::unknown_unit;
use crate::app::outbox::{self, MessageView, without_address};
use crate::app::person::Person;
use crate::app::restricted::names_restricted;
use crate::clock::stamp;
use crate::domain::audience::masked_address;
use crate::domain::notify::delivery::DeliveryState;
use crate::store::outbox::OutboxRow;
use crate::web::fields::link;
use crate::web::pages::shown::{ROWS, first_row, local_time, paging, size};
use crate::web::portal::{Portal, Request, Scope};
use crate::web::reply::{Answer, Bytes, Refusal, Reply};
use minijinja::{Value, context};

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
    // mails to a unit that has another name now are still found by the old one
    let is_unknown = is_office && !named.is_empty() && total == 0 && units.named(named).is_none();
    let fault = if is_unknown { format!("{}。", unknown_unit(units, named)) } else { String::new() };
    let rows: Vec<_> = mails
        .iter()
        .map(|mail| {
            context! {
                link => message_link(&mail.id), unit => &mail.unit, subject => &mail.subject, word => mail.state.word(), state => mail.state.code(),
                reply => if is_office { without_address(mail, &mail.reply) } else { String::new() }, address => masked_address(&mail.address),
                made => local_time(&mail.created_at), ended => local_time(&mail.ended_at), attempts => mail.attempts, is_test => mail.test,
            }
        })
        .collect();
    let states: Vec<_> = DeliveryState::ALL.iter().map(|state| context! { code => state.code(), word => state.word() }).collect();
    let values = context! {
        rows, states, is_office, fault,
        notes => if is_office { portal.app.deliverer().sending_notes().await? } else { Vec::new() },
        filter => context! { unit => named, state => query.get("state") },
        paging => paging(query, total),
    };
    Ok(Reply::page("sending", "发送", values))
}

/// The address of one message.
pub(crate) fn message_link(id: &str) -> String {
    link("/sending/one", [("id", id)])
}

/// The message of a query, if the visitor may read it; an attempt on another's is recorded. `Err` in the answer = it is not given to a unit any more.
async fn permitted(portal: &Portal, asked: &Request) -> Result<Result<OutboxRow, Reply>, Refusal> {
    let (visitor, id) = (asked.visitor()?, asked.query.get("id"));
    let Some(row) = portal.app.store().outbox().get(id).await? else { return Err(Refusal::NotFound) };
    let Scope::Unit(unit) = portal.scope(visitor) else { return Ok(Ok(row)) };
    let audit = portal.app.store().audit();
    let now = stamp(portal.app.clock().now());
    if row.unit != portal.app.config().policy.units.units[unit].name || row.test || !row.state.may_reach() {
        audit.record(&now, &visitor.account.name, "refused: look at a mail", id, "").await?;
        return Err(Refusal::NotFound);
    }
    if names_restricted(&portal.app, id).await? {
        audit.record(&now, &visitor.account.name, "refused: look at a mail of a restricted record", id, "").await?;
        let text = "这封邮件中有项目已列为不便公开，网页上不再显示。需要时请与办公室联系。";
        return Ok(Err(Reply::page_with(axum::http::StatusCode::FORBIDDEN, "fault", "不能查看", context! { text })));
    }
    Ok(Ok(row))
}

/// One message: its state, what happened to it, its text and its attachments. The look is recorded as that of the command is.
pub(crate) async fn one(portal: &Portal, asked: &Request) -> Answer {
    let row = match permitted(portal, asked).await? {
        Ok(row) => row,
        Err(reply) => return Ok(reply),
    };
    let visitor = asked.visitor()?;
    let is_office = portal.scope(visitor) == Scope::Office;
    let by = Person { who: &visitor.account.name, why: "" };
    let MessageView { row: mail, events, contents } = outbox::show(portal.app.deliverer(), &row.id, by).await?;
    let shown_events: Vec<Value> = events
        .iter()
        .filter(|_| is_office)
        .map(|event| {
            let (word, detail) = (event.what.word(!mail.act.is_empty()), without_address(&mail, &event.detail));
            context! { at => local_time(&event.at), word, who => &event.who, detail }
        })
        .collect();
    let attachments: Vec<Value> = contents
        .iter()
        .flat_map(|contents| &contents.attachments)
        .enumerate()
        .map(|(place, (name, bytes))| {
            let link = format!("{}&place={place}", message_link(&mail.id).replace("/sending/one", "/sending/attachment"));
            context! { name, size => size(*bytes as u64), link }
        })
        .collect();
    let values = context! {
        is_office, events => shown_events, attachments,
        subject => &mail.subject, unit => &mail.unit, address => masked_address(&mail.address), word => mail.state.word(),
        state => mail.state.code(), attempts => mail.attempts, is_test => mail.test, run => &mail.run, id => &mail.id,
        reply => if is_office { without_address(&mail, &mail.reply) } else { String::new() },
        made => local_time(&mail.created_at), ended => local_time(&mail.ended_at),
        next => if mail.state.is_queued() { local_time(&mail.next_at) } else { String::new() },
        text => contents.map(|contents| contents.text),
    };
    Ok(Reply::page("message", "一封邮件", values))
}

/// An attachment of a message, as it was sent.
pub(crate) async fn attachment(portal: &Portal, asked: &Request) -> Answer {
    let row = match permitted(portal, asked).await? {
        Ok(row) => row,
        Err(reply) => return Ok(reply),
    };
    let Ok(place) = asked.query.get("place").parse() else { return Err(Refusal::NotFound) };
    let by = Person { who: &asked.visitor()?.account.name, why: "" };
    let found = outbox::attachment(portal.app.deliverer(), &row.id, place, by).await?;
    let (name, bytes) = found.ok_or(Refusal::NotFound)?;
    Ok(Reply::Bytes(Bytes { name, bytes }))
}
