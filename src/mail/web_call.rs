//! Calls an address of the web: one request, one short reply. It is the way to the operator where mail is the trouble.

use crate::domain::disk_fault::in_words;
use crate::domain::web_address::WebAddress;
use crate::mail::smtp::trusting_the_system;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// The whole call takes no longer.
const CALL: Duration = Duration::from_secs(15);
/// A longer reply is cut.
const REPLY_BYTES_MAX: u64 = 64 * 1024;

/// Sends a text as JSON. Returns the body of the reply.
///
/// # Errors
/// Why nobody took it, in Chinese, without the address.
pub async fn post(address: &WebAddress, json: &str) -> Result<String, String> {
    let head =
        format!("POST {} HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n", address.path, json.len());
    call(address, &head, json).await
}

/// Calls an address.
///
/// # Errors
/// As [`post`].
pub async fn get(address: &WebAddress) -> Result<String, String> {
    call(address, &format!("GET {} HTTP/1.1\r\n", address.path), "").await
}

async fn call(address: &WebAddress, head: &str, body: &str) -> Result<String, String> {
    let host = if address.host.contains(':') { format!("[{}]", address.host) } else { address.host.clone() };
    let request = format!("{head}Host: {host}\r\nUser-Agent: duban\r\nConnection: close\r\n\r\n{body}");
    let exchanged = timeout(CALL, async {
        let plain = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| in_words(&error))?;
        if !address.is_encrypted {
            return exchange(plain, &request).await.map_err(|error| in_words(&error));
        }
        let name = ServerName::try_from(address.host.clone()).map_err(|_| "名称不合规范".to_owned())?;
        let encrypted = connector()?.connect(name, plain).await.map_err(|error| format!("加密连接未能建立：{error}"))?;
        exchange(encrypted, &request).await.map_err(|error| in_words(&error))
    });
    let reply = exchanged.await.map_err(|_| format!("{}秒内没有应答", CALL.as_secs()))?.map_err(|error| format!("{host}：{error}"))?;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
    let code = head.split(' ').nth(1).unwrap_or_default();
    if code.len() == 3 && code.starts_with('2') { Ok(body.to_owned()) } else { Err(format!("{host}：应答{}", shown(code))) }
}

/// Sends a request and reads the reply to its end.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut reply = Vec::new();
    match stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply).await {
        Ok(_) => {}
        // servers may close an encrypted connection without taking leave
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !reply.is_empty() => {}
        Err(error) => return Err(error),
    }
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

fn connector() -> Result<TlsConnector, String> {
    static CONNECTOR: OnceLock<Result<TlsConnector, String>> = OnceLock::new();
    CONNECTOR.get_or_init(trusting_the_system).clone()
}

fn shown(code: &str) -> String {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    if code.is_empty() { "不合规范".to_owned() } else { code }
}
