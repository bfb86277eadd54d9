//! The routes of the table, each behind the gate.

use crate::web::gate;
use crate::web::pages::health::{Watched, watched};
use crate::web::portal::Portal;
use crate::web::routes::ROUTES;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::{get, on};
use std::net::SocketAddr;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// The routes for machines that watch the service.
pub(crate) fn watch_router(portal: Arc<Portal>) -> Router {
    let answer = |what: Watched| {
        let portal = portal.clone();
        get(move || async move {
            let (status, content_type, text) = watched(&portal, what).await;
            (status, [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")], text)
        })
    };
    let router = Router::new().route("/livez", get(|| async { "ok\n" }));
    router.route("/readyz", answer(Watched::Ready)).route("/metrics", answer(Watched::Metrics)).layer(CatchPanicLayer::new())
}

/// The routes of the portal. A panic of a page is an error of that page alone.
pub(crate) fn router(portal: Arc<Portal>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let portal = portal.clone();
        let handler =
            move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| gate::answer(portal.clone(), Some(route), peer, request);
        router = router.route(route.path, on(route.method, handler));
    }
    let fallback = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| gate::answer(portal.clone(), None, peer, request);
    router.fallback(fallback.clone()).method_not_allowed_fallback(fallback).layer(CatchPanicLayer::new())
}
