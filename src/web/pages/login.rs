//! Logging in and out, and the account of the first administrator.

use crate::app::accounts;
use crate::app::login::{self, LoggedIn, LoginAttempt};
use crate::domain::lockout::{Lockout, WINDOW_MINUTES};
use crate::store::os_user::as_account;
use crate::web::client::header;
use crate::web::portal::{Portal, Request};
use crate::web::render::first_page;
use crate::web::reply::{Answer, Reply};
use axum::http::StatusCode;
use minijinja::context;

pub(crate) async fn form(portal: &Portal, asked: &Request) -> Answer {
    if let Some(visitor) = &asked.visitor {
        return Ok(Reply::Redirect(first_page(visitor).into()));
    }
    let is_new = accounts::list(portal.app.store()).await?.is_empty();
    Ok(Reply::page("login", "登录", context! { name => "", fault => "", next => own_path(asked.query.get("next")), is_new }))
}

/// A path of ours to go on with after a login; `/` where it is none.
fn own_path(next: &str) -> &str {
    let is_own =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(|c: char| c == '\\' || c.is_control()) && next.len() < 500;
    if is_own { next } else { "/" }
}

pub(crate) async fn log_in(portal: &Portal, asked: &Request) -> Answer {
    let (name, next) = (asked.form.get("name"), own_path(asked.form.get("next")));
    let address = asked.client.address.to_string();
    let (password, code) = (asked.form.get("password"), asked.form.get("code"));
    let attempt = LoginAttempt { name, password, code, address: &address, browser: header(&asked.headers, "user-agent") };
    let sessions = portal.sessions().await?;
    let (status, fault) = match login::log_in(&portal.app, &sessions, &portal.passwords, attempt).await? {
        LoggedIn::Session(token) => return Ok(Reply::Session { to: next.to_owned(), token: Some(token) }),
        LoggedIn::Wrong => (
            StatusCode::OK,
            "账号或密码不对，或者设置过动态码而动态码不对。请核对大小写后再试；忘记密码、丢失手机请联系管理员重置。".to_owned(),
        ),
        LoggedIn::Locked(Lockout::Locked) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("输错次数过多，已暂停登录，请{WINDOW_MINUTES}分钟后再试，或联系管理员。"))
        }
        LoggedIn::Locked(Lockout::Slowed) => (StatusCode::TOO_MANY_REQUESTS, "这个账号近来输错次数很多，请一分钟后再试。".to_owned()),
        LoggedIn::Busy => (StatusCode::SERVICE_UNAVAILABLE, "现在登录的人太多，请过一分钟再试。".to_owned()),
    };
    Ok(Reply::page_with(status, "login", "登录", context! { name, fault, next, is_new => false }))
}

/// The form with which a code makes the account of an administrator.
pub(crate) async fn first_form(portal: &Portal, asked: &Request, fault: &str) -> Answer {
    let sessions = portal.sessions().await?;
    if !accounts::waits_for_administrator(&portal.app, &sessions).await? {
        let text = "现在没有可用的启用码。需要新的管理员账号时，请管理服务器的人运行 duban portal admin，再打开本页。";
        return Ok(Reply::page_with(StatusCode::NOT_FOUND, "fault", "没有启用码", context! { text }));
    }
    let (code, name) = (asked.form.get("code"), asked.form.get("name"));
    Ok(Reply::page("first", "启用管理员账号", context! { code, name, fault }))
}

pub(crate) async fn first(portal: &Portal, asked: &Request) -> Answer {
    let form = &asked.form;
    if form.get("password") != form.get("repeated") {
        return first_form(portal, asked, "两次输入的密码不同，请重新输入。").await;
    }
    let (code, name) = (form.get("code"), login::stored_name(form.get("name")));
    let address = asked.client.address.to_string();
    let sessions = portal.sessions().await?;
    let added = accounts::add_administrator(&portal.app, &sessions, &portal.passwords, code, &name, form.get("password"), &address);
    match as_account(format!("{name}@{address}"), added).await {
        Ok(()) => Ok(Reply::page("login", "登录", context! { name, fault => "", next => "/", is_new => false })),
        Err(error) => first_form(portal, asked, &format!("{error}。")).await,
    }
}

pub(crate) async fn log_out(portal: &Portal, asked: &Request) -> Answer {
    let sessions = portal.sessions().await?;
    login::log_out(&portal.app, &sessions, asked.visitor()?).await?;
    Ok(Reply::Session { to: "/login".into(), token: None })
}

/// Switches between big and usual letters, for the browser alone.
pub(crate) fn letters(asked: &Request) -> Reply {
    Reply::Letters { to: own_path(asked.form.get("back")).to_owned(), is_big: asked.form.get("big") == "1" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_on_to_our_own_pages_only() {
        for (next, expected) in [
            ("/reports?job=a", "/reports?job=a"),
            ("", "/"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/\t/evil.example", "/"),
        ] {
            assert_eq!(own_path(next), expected, "{next}");
        }
    }
}
