//! What machines ask: whether the service lives, whether it can work, and the files beside the pages.

use crate::web::assets;
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Refusal, Reply};
use axum::http::StatusCode;

pub(crate) fn alive() -> Reply {
    Reply::Text(StatusCode::OK, "ok\n".into())
}

/// Whether the databases answer.
pub(crate) async fn ready(portal: &Portal) -> Answer {
    let main = portal.app.store().schedule().handled_until("").await.is_ok();
    let sessions = portal.sessions.sessions().get("").await.is_ok();
    Ok(match main && sessions {
        true => Reply::Text(StatusCode::OK, "ok\n".into()),
        false => Reply::Text(StatusCode::SERVICE_UNAVAILABLE, "database\n".into()),
    })
}

/// A file beside the pages.
pub(crate) fn asset(asked: &Request) -> Answer {
    asked.rest.first().and_then(|name| assets::named(name)).map(Reply::Asset).ok_or(Refusal::NotFound)
}
