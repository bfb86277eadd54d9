//! The listener of the portal. A client that is slow, silent or half gone is dropped by time and holds up nobody.

use crate::app::page_certificate::server_tls;
use crate::config::portal_settings::PortalSettings;
use crate::web::portal::Portal;
use crate::web::router::{router, watch_router};
use anyhow::{Context, anyhow};
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The time for the head of a request, also of the next one of a connection that stays open.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The time for the answers that are under way when the service stops.
const STOP_TIME: Duration = Duration::from_secs(20);
/// How often the files of the certificate are looked at.
const CERTIFICATE_TIME: Duration = Duration::from_secs(60);

/// Takes the address of the portal.
///
/// # Errors
/// It is taken, or not one of this machine.
pub(crate) fn listen(settings: &PortalSettings) -> anyhow::Result<TcpListener> {
    let address = settings.listen;
    bind(address, "listen")
}

/// Serves the portal until `stop`, and beside it what machines ask about the service.
///
/// # Errors
/// The certificate cannot be read, or the address for the machines is taken.
pub(crate) async fn serve(portal: Portal, root: &Path, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let settings = portal.settings.clone();
    let portal = Arc::new(portal);
    if let Some(address) = settings.health_listen {
        tokio::spawn(watch(bind(address, "health_listen")?, watch_router(portal.clone()), stop.clone()));
    }
    let pages = router(portal).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    tokio::spawn({
        let (handle, stop) = (handle.clone(), stop.clone());
        async move {
            stop.cancelled().await;
            handle.graceful_shutdown(Some(STOP_TIME));
        }
    });
    match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (root.join(certificate), root.join(key));
            let tls = RustlsConfig::from_config(Arc::new(server_tls(&certificate, &key)?));
            tokio::spawn(reload(tls.clone(), certificate, key, stop));
            let mut server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle).first_request_timeout(HEAD_TIME).http1_only();
            server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
            server.serve(pages).await.context("the portal")
        }
        _ => {
            let mut server = axum_server::from_tcp(listener)?.handle(handle).first_request_timeout(HEAD_TIME).http1_only();
            server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
            server.serve(pages).await.context("the portal")
        }
    }
}

/// Why an address cannot be taken, in words.
fn listen_fault(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("{address}已被另一个程序占用"),
        io::ErrorKind::AddrNotAvailable => format!("{address}不是这台机器的地址"),
        io::ErrorKind::PermissionDenied => format!("没有使用{address}的权限（1024以下的端口要由系统管理员授权）"),
        _ => format!("不能使用{address}（{error}）"),
    }
}

/// Takes an address for one of the listeners, named by its key.
fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| anyhow!("[portal] {key}：{}", listen_fault(address, &error)))?;
    listener.set_nonblocking(true).with_context(|| format!("[portal] {key}"))?;
    Ok(listener)
}

/// Answers the machines that watch the service.
async fn watch(listener: TcpListener, routes: Router, stop: CancellationToken) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "answering /readyz and /metrics");
    }
    let handle = Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            stop.cancelled().await;
            handle.graceful_shutdown(Some(STOP_TIME));
        }
    });
    let served = match axum_server::from_tcp(listener) {
        Ok(server) => {
            let mut server = server.handle(handle).first_request_timeout(HEAD_TIME).http1_only();
            server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
            server.serve(routes.into_make_service()).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "/readyz and /metrics are not answered any more");
    }
}

/// Takes a renewed certificate into use. One that cannot be read leaves the old one in use.
async fn reload(tls: RustlsConfig, certificate: std::path::PathBuf, key: std::path::PathBuf, stop: CancellationToken) {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let mut known = (changed(&certificate), changed(&key));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CERTIFICATE_TIME) => {}
        }
        let now = (changed(&certificate), changed(&key));
        if now == known {
            continue;
        }
        known = now;
        match server_tls(&certificate, &key) {
            Ok(read) => {
                tls.reload_from_config(Arc::new(read));
                tracing::info!("the certificate of the portal was read anew");
            }
            Err(error) => {
                tracing::error!(error = %format!("{error:#}"), "the new certificate of the portal cannot be read; the old one stays in use")
            }
        }
    }
}
