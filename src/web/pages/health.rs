//! What machines ask: whether the service lives, whether it can work, and the files beside the pages.

use crate::app::health::{Health, health};
use crate::web::assets;
use crate::web::client::header;
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Refusal, Reply};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

pub(crate) fn alive() -> Reply {
    Reply::Text(StatusCode::OK, "ok\n".into())
}

/// What a machine that watches the service may ask on the listener of its own, or by a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watched {
    /// Whether the service can work: its databases answer, it was at work lately, and there is room on the disk.
    Ready,
    /// Its numbers.
    Metrics,
}

async fn state(portal: &Portal) -> anyhow::Result<Health> {
    let sessions = portal.sessions().await?;
    sessions.sessions().get("").await?;
    health(&portal.app).await
}

/// The answer to a machine: status, media type, text.
pub(crate) async fn watched(portal: &Portal, what: Watched) -> (StatusCode, &'static str, String) {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let state = match state(portal).await {
        Ok(state) => state,
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "the databases do not say how the service is");
            return (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "database\n".into());
        }
    };
    match (what, state.faults().join(" ")) {
        (Watched::Metrics, _) => (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", state.metrics()),
        (Watched::Ready, faults) if faults.is_empty() => (StatusCode::OK, PLAIN, "ok\n".into()),
        (Watched::Ready, faults) => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{faults}\n")),
    }
}

/// The answer to a machine on the listener of the pages, which has to know the token.
pub(crate) async fn asked_by_token(portal: &Portal, asked: &Request, what: Watched) -> Answer {
    let sent = header(&asked.headers, AUTHORIZATION.as_str()).strip_prefix("Bearer ").unwrap_or_default().as_bytes();
    if !portal.health_token.as_ref().is_some_and(|token| bool::from(token.exposed().as_bytes().ct_eq(sent))) {
        return Err(Refusal::NotFound);
    }
    let (status, _, text) = watched(portal, what).await;
    Ok(Reply::Text(status, text))
}

/// A file beside the pages.
pub(crate) fn asset(asked: &Request) -> Answer {
    asked.rest.first().and_then(|name| assets::named(name)).map(Reply::Asset).ok_or(Refusal::NotFound)
}
