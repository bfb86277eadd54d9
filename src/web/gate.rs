//! The gate before every page: whose request it is, whether it comes from our own pages, whether the visitor may ask for it; and behind it the
//! headers of every answer.

use crate::app::login::{Visitor, visitor};
use crate::clock::stamp;
use crate::store::os_user::as_account;
use crate::web::client::{Client, header};
use crate::web::fields::{self, Fields, link};
use crate::web::pages::place;
use crate::web::portal::{Portal, Request, Scope};
use crate::web::render::{Frame, first_page};
use crate::web::reply::{Answer, Bytes, Download, Made, Page, Refusal, Reply, Streamed};
use crate::web::routes::{Admits, Place, Route};
use axum::body::{Body, to_bytes};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, IF_RANGE, LOCATION, RANGE, REFERRER_POLICY,
    SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::mpsc;
use tower_http::services::ServeFile;

/// The longest form in bytes.
const FORM_BYTES_MAX: usize = 256 * 1024;
/// The time for a form to arrive.
const FORM_TIME: Duration = Duration::from_secs(30);

/// The media type of a download by its name. None that a browser would show as a page.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

/// Nothing but our own files, no script in a page, no page of ours in another.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Answers a request. `route` = `None`: there is no such page.
pub(crate) async fn answer(
    portal: Arc<Portal>,
    route: Option<&'static Route>,
    peer: SocketAddr,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let client = Client::of(&portal.settings, peer, &parts.headers);
    // two machines on the way may each believe another one
    if parts.headers.get_all(HOST).iter().count() > 1
        || parts.uri.authority().is_some_and(|named| !client.host.eq_ignore_ascii_case(named.as_str()))
    {
        return with_headers((StatusCode::BAD_REQUEST, "400: 请求中的主机名不止一个。\n").into_response(), &client);
    }
    let is_of_machine = route.is_some_and(|route| matches!(route.place, Place::Alive | Place::Ready | Place::Metrics));
    if !is_of_machine && !client.is_host_known(&portal.settings) {
        let text = "421: 本服务不使用这个主机名。管理员可在 config/duban.toml 的 [portal] hosts 中加入。\n";
        return with_headers((StatusCode::MISDIRECTED_REQUEST, text).into_response(), &client);
    }
    if !is_of_machine && client.is_past_proxies {
        let text = "403: 请用代理的地址打开网页；直接连接时密码会在网络上明文传输。\n";
        return with_headers((StatusCode::FORBIDDEN, text).into_response(), &client);
    }
    let mut asked = Request {
        rest: parts.uri.path().split('/').skip(2).map(fields::segment).collect(),
        query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        form: Fields::default(),
        method: parts.method.clone(),
        headers: parts.headers,
        visitor: None,
        client,
        target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
    };
    let answer = admitted(&portal, route, &mut asked, body).await;
    let response = respond(&portal, route, &asked, answer).await;
    with_headers(response, &asked.client)
}

/// The name of the cookie of a session, and of the one that vouches for a form before a login.
fn cookie_name(client: &Client, name: &str) -> String {
    // over plain http a browser takes neither the prefix nor the mark
    if client.is_https { format!("__Host-{name}") } else { name.to_owned() }
}

const SESSION: &str = "duban";
const BEFORE_LOGIN: &str = "duban-login";
/// The cookie of big letters, and how long a browser remembers it.
const LETTERS: &str = "duban-letters";
const LETTERS_SECONDS: u32 = 365 * 24 * 60 * 60;

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut of_name = all.filter_map(|pair| pair.trim().split_once('=')).filter(|(known, _)| *known == name);
    of_name.next().map(|(_, value)| value)
}

fn set_cookie(client: &Client, name: &str, value: &str) -> Option<HeaderValue> {
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    let secure = if client.is_https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{end}", cookie_name(client, name))).ok()
}

/// The answer to a request whose visitor may make it.
async fn admitted(portal: &Portal, route: Option<&'static Route>, asked: &mut Request, body: Body) -> Answer {
    if let Some(token) = cookie(&asked.headers, &cookie_name(&asked.client, SESSION)) {
        let sessions = portal.sessions().await?;
        asked.visitor = visitor(&portal.app, &sessions, token).await?;
    }
    let Some(route) = route else { return Err(Refusal::NotFound) };
    if asked.method == Method::POST {
        let is_form = header(&asked.headers, CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded");
        if !is_form || !asked.client.is_same_origin(&asked.headers) {
            return Err(Refusal::Forged);
        }
        let read = tokio::time::timeout(FORM_TIME, to_bytes(body, FORM_BYTES_MAX)).await;
        let Ok(Ok(bytes)) = read else { return Err(Refusal::Forged) };
        asked.form = Fields::parse(&bytes);
    }
    let needs_login = !matches!(route.admits, Admits::Everybody);
    if needs_login && asked.visitor.is_none() {
        let next = if asked.method == Method::POST { "/" } else { &asked.target };
        return Ok(Reply::Redirect(link("/login", [("next", next)])));
    }
    if asked.method == Method::POST && !holds_token(asked) {
        return Err(Refusal::Forged);
    }
    if let Some(visitor) = asked.visitor.as_ref().filter(|_| needs_login)
        && !route.admits.admit(&visitor.roles, portal.scope(visitor) == Scope::Office)
    {
        if route.place == Place::Overview {
            return Ok(Reply::Redirect(first_page(visitor).into()));
        }
        record_refused(portal, visitor, asked).await?;
        return Err(Refusal::NotFound);
    }
    let has_to_act = |visitor: &Visitor| visitor.account.must_change || portal.settings.must_have_code && !visitor.account.has_totp;
    let is_own = matches!(route.place, Place::Account | Place::ChangePassword | Place::Logout | Place::BeginCode | Place::ConfirmCode);
    if needs_login && asked.visitor.as_ref().is_some_and(has_to_act) && !is_own {
        return Ok(Reply::Redirect("/account".into()));
    }
    match &asked.visitor {
        None => place::answer(portal, route.place, asked).await,
        Some(visitor) => {
            let actor = format!("{}@{}", visitor.account.name, asked.client.address);
            as_account(actor, place::answer(portal, route.place, asked)).await
        }
    }
}

/// Whether a form carries the token of its session, or before a login that of its page.
fn holds_token(asked: &Request) -> bool {
    let expected = match &asked.visitor {
        Some(visitor) => Some(visitor.session.form_token.as_str()),
        None => cookie(&asked.headers, &cookie_name(&asked.client, BEFORE_LOGIN)),
    };
    let sent = asked.form.get("csrf");
    !sent.is_empty() && expected.is_some_and(|expected| bool::from(expected.as_bytes().ct_eq(sent.as_bytes())))
}

/// Records that an account asked for what it may not see.
async fn record_refused(portal: &Portal, visitor: &Visitor, asked: &Request) -> anyhow::Result<()> {
    let actor = format!("{}@{}", visitor.account.name, asked.client.address);
    let path: String = asked.target.chars().take(200).collect();
    let now = stamp(portal.app.clock().now());
    let object = format!("{} {path}", asked.method);
    Ok(as_account(actor, portal.app.store().audit().record(&now, &visitor.account.name, "refused: page", &object, "")).await?)
}

/// The response to an answer.
async fn respond(portal: &Portal, route: Option<&'static Route>, asked: &Request, answer: Answer) -> Response {
    let (reply, status) = match answer {
        Ok(reply) => (reply, None),
        Err(refusal) => {
            let (status, title, text) = match refusal {
                Refusal::NotFound => (StatusCode::NOT_FOUND, "没有这个页面", "没有这个页面，或者您的账号看不到它。"),
                Refusal::Forged => (
                    StatusCode::FORBIDDEN,
                    "请重新提交",
                    "页面已过期，或者提交不是从本系统的页面发出的，没有执行。请回到原页面刷新后再提交。",
                ),
                Refusal::Failed(error) => {
                    tracing::error!(path = route.map_or("", |route| route.path), error = %format!("{error:#}"), "a page failed");
                    (
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "出错了",
                        "这个页面现在打不开，没有改动任何内容。请稍后再试；仍不行时请告诉管理员。",
                    )
                }
            };
            (Reply::page_with(status, "fault", title, minijinja::context! { text }), Some(status))
        }
    };
    let mut response = match reply {
        Reply::Page(page) => page_response(portal, route, asked, page).await,
        Reply::Redirect(to) => redirect(&to),
        Reply::Session { to, token } => {
            let mut response = redirect(&to);
            for (name, value) in [(SESSION, token.as_deref().unwrap_or_default()), (BEFORE_LOGIN, "")] {
                if let Some(cookie) = set_cookie(&asked.client, name, value) {
                    response.headers_mut().append(SET_COOKIE, cookie);
                }
            }
            response
        }
        // the file stays open while it is sent, also where its name goes with this value
        Reply::Download(Download { copy, name }) => serve_file(asked, copy.path(), &name).await,
        Reply::Made(Made { name, file }) => {
            // the file stays open while it is sent, though its name is gone
            serve_file(asked, &file, &name).await
        }
        Reply::Bytes(Bytes { name, bytes }) => {
            let mut response = bytes.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(&name)));
            if let Ok(value) = HeaderValue::from_str(&disposition(&name)) {
                response.headers_mut().insert(CONTENT_DISPOSITION, value);
            }
            response
        }
        Reply::Streamed(Streamed { name, pieces }) => {
            let next = |mut pieces: mpsc::Receiver<std::io::Result<Vec<u8>>>| async move {
                let piece = pieces.recv().await?;
                Some((piece, pieces))
            };
            let mut response = Body::from_stream(futures_util::stream::unfold(pieces, next)).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(&name)));
            if let Ok(value) = HeaderValue::from_str(&disposition(&name)) {
                response.headers_mut().insert(CONTENT_DISPOSITION, value);
            }
            response
        }
        Reply::Letters { to, is_big } => {
            let mut response = redirect(&to);
            let (value, age) = if is_big { ("1", LETTERS_SECONDS) } else { ("", 0) };
            let secure = if asked.client.is_https { "; Secure" } else { "" };
            let name = cookie_name(&asked.client, LETTERS);
            let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age={age}");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Reply::Text(status, text) => (status, text).into_response(),
        Reply::Asset(asset) => {
            let mut response = asset.bytes.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
            response
        }
    };
    // a failure keeps its status where its page could not be made
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    response
}

fn redirect(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            response.headers_mut().insert(LOCATION, to);
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page with the frame that all pages have. The message of the last act is shown once.
async fn page_response(portal: &Portal, route: Option<&'static Route>, asked: &Request, page: Page) -> Response {
    let mut before_login = None;
    let form_token = match &asked.visitor {
        Some(visitor) => visitor.session.form_token.clone(),
        None => {
            let known = cookie(&asked.headers, &cookie_name(&asked.client, BEFORE_LOGIN)).filter(|token| token.len() == 64);
            match known.map(str::to_owned).map_or_else(crate::app::login::token, Ok) {
                Ok(token) => {
                    before_login = set_cookie(&asked.client, BEFORE_LOGIN, &token);
                    token
                }
                Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    let message = asked.visitor.as_ref().map(|visitor| visitor.session.message.clone()).unwrap_or_default();
    if let Some(visitor) = asked.visitor.as_ref().filter(|_| !message.is_empty())
        && let Err(error) = portal.tell_once(&visitor.session.id, "").await
    {
        tracing::warn!(%error, "the message of a session stays");
    }
    let frame = Frame {
        config: portal.app.config(),
        path: route.map_or("", |route| route.path),
        visitor: asked.visitor.as_ref(),
        form_token: &form_token,
        message: &message,
        is_big: cookie(&asked.headers, &cookie_name(&asked.client, LETTERS)) == Some("1"),
        back: if asked.method == Method::GET { &asked.target } else { "/" },
    };
    let is_plain = !asked.client.is_https && portal.settings.insecure_http;
    match portal.templates.page(&page, &frame, is_plain) {
        Ok(text) => {
            let mut response = (page.status, text).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            if let Some(cookie) = before_login {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => {
            tracing::error!(template = page.template, %error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Whether a header asks for one range of bytes: `bytes=0-99`, `bytes=100-` or `bytes=-100`.
fn is_one_range(text: &str) -> bool {
    let number =
        |text: &str| (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<u64>().ok()).flatten();
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else { return false };
    match (number(first), number(last)) {
        (Some(first), Some(last)) => first <= last,
        (Some(_), None) => last.is_empty(),
        (None, Some(_)) => first.is_empty(),
        (None, None) => false,
    }
}

/// A file, or the range of it that was asked for.
async fn serve_file(asked: &Request, path: &Path, name: &str) -> Response {
    let mut request = axum::http::Request::new(Body::empty());
    *request.method_mut() = asked.method.clone();
    *request.headers_mut() = asked.headers.clone();
    // what is not understood is ignored (RFC 9110); whether the file is the one of which a browser has a part is not known here
    if !header(&asked.headers, RANGE.as_str()).is_empty()
        && (!is_one_range(header(&asked.headers, RANGE.as_str())) || asked.headers.contains_key(IF_RANGE))
    {
        request.headers_mut().remove(RANGE);
    }
    // a link in the place of a file would give out whatever it leads to
    let is_file = tokio::fs::symlink_metadata(path).await.is_ok_and(|metadata| metadata.is_file());
    let served = if is_file { ServeFile::new(path).try_call(request).await.ok() } else { None };
    let Some(response) = served else {
        return (StatusCode::GONE, "文件已不在服务器上，请告诉管理员。\n").into_response();
    };
    let mut response = response.map(Body::new);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    if let Ok(value) = HeaderValue::from_str(&disposition(name)) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// The name of a download (RFC 6266): an old browser gets a plain one.
fn disposition(name: &str) -> String {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_plain = !ending.is_empty() && ending.chars().all(|c| c.is_ascii_alphanumeric());
    let plain = if is_plain { format!("report.{ending}") } else { "report".to_owned() };
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// The headers of every answer. A page with data is stored nowhere.
fn with_headers(mut response: Response, client: &Client) -> Response {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 5] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if client.is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_has_its_chinese_name_and_its_range() {
        assert_eq!(
            disposition("瓮安县清单.xlsx"),
            "attachment; filename=\"report.xlsx\"; filename*=UTF-8''%E7%93%AE%E5%AE%89%E5%8E%BF%E6%B8%85%E5%8D%95.xlsx"
        );
        for (range, is_taken) in [
            ("bytes=0-9", true),
            ("bytes=5-", true),
            ("bytes=-5", true),
            ("bytes=9-5", false),
            ("bytes=-", false),
            ("bytes=0-1,4-5", false),
            ("items=0-9", false),
            ("bytes=a-9", false),
            ("bytes=99999999999999999999-", false),
        ] {
            assert_eq!(is_one_range(range), is_taken, "{range}");
        }
        assert_eq!(disposition("a\"b\r\nx"), "attachment; filename=\"report\"; filename*=UTF-8''a%22b%0D%0Ax");
    }
}
