//! Calls an address of the web: one request, one short reply. It is the way to the operator where mail is the trouble.

use crate::domain::disk_fault::in_words;
use crate::domain::web_address::WebAddress;
use crate::mail::smtp::trusting_the_system;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// The whole call takes no longer.
const CALL: Duration = Duration::from_secs(15);
/// A longer reply is none that is expected.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Sends a text as JSON. Returns the body of the reply.
///
/// # Errors
/// Why nobody took it, in Chinese, without the address.
pub async fn post(address: &WebAddress, json: &str) -> Result<String, String> {
    call(address, Method::POST, Some("application/json; charset=utf-8"), json).await
}

/// Calls an address.
///
/// # Errors
/// As [`post`].
pub async fn get(address: &WebAddress) -> Result<String, String> {
    call(address, Method::GET, None, "").await
}

async fn call(address: &WebAddress, method: Method, content: Option<&str>, body: &str) -> Result<String, String> {
    let host = if address.host.contains(':') { format!("[{}]", address.host) } else { address.host.clone() };
    let mut request = Request::builder().method(method).uri(&address.path).header(HOST, &host).header(USER_AGENT, "duban");
    if let Some(content) = content {
        request = request.header(CONTENT_TYPE, content);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).map_err(|error| format!("{host}：{error}"))?;
    let exchanged = timeout(CALL, async {
        let plain = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| in_words(&error))?;
        if !address.is_encrypted {
            return exchange(plain, request).await;
        }
        let name = ServerName::try_from(address.host.clone()).map_err(|_| "名称不合规范".to_owned())?;
        let encrypted = connector()?.connect(name, plain).await.map_err(|error| format!("加密连接未能建立：{error}"))?;
        exchange(encrypted, request).await
    });
    exchanged.await.unwrap_or_else(|_| Err(format!("{}秒内没有应答", CALL.as_secs()))).map_err(|error| format!("{host}：{error}"))
}

/// Sends a request and reads the reply to its end.
async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, request: Request<Full<Bytes>>) -> Result<String, String> {
    let broken = |error: hyper::Error| format!("应答不合规范或中断（{error}）");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let answered = async {
        let reply = sender.send_request(request).await.map_err(broken)?;
        let status = reply.status();
        if !status.is_success() {
            return Err(format!("应答{}", status.as_str()));
        }
        let body =
            Limited::new(reply.into_body(), REPLY_BYTES_MAX).collect().await.map_err(|error| format!("应答中断或过长（{error}）"))?;
        Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
    };
    let answered = answered.await;
    connection.abort();
    answered
}

fn connector() -> Result<TlsConnector, String> {
    static CONNECTOR: OnceLock<Result<TlsConnector, String>> = OnceLock::new();
    CONNECTOR.get_or_init(trusting_the_system).clone()
}
