//! The routes of the table, each behind the gate.

use crate::web::gate;
use crate::web::portal::Portal;
use crate::web::routes::ROUTES;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::routing::on;
use std::net::SocketAddr;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

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
