//! 我的账号: the password and the sessions of whoever is logged in.

use crate::app::accounts;
use crate::app::login;
use crate::app::totp;
use crate::web::pages::shown::local_time;
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Reply};
use minijinja::context;

pub(crate) async fn page(portal: &Portal, asked: &Request, fault: &str) -> Answer {
    let visitor = asked.visitor()?;
    let store = portal.sessions().await?;
    let sessions = store.sessions().of_account(&visitor.account.name).await?;
    let sessions: Vec<_> = sessions
        .iter()
        .map(|session| {
            context! {
                began => local_time(&session.began_at), seen => local_time(&session.seen_at), address => &session.address,
                browser => &session.browser, is_here => session.id == visitor.session.id,
            }
        })
        .collect();
    let values = context! {
        fault, sessions,
        roles => visitor.roles.words(),
        password_set => local_time(&visitor.account.password_set_at),
        must_change => visitor.account.must_change,
        has_code => visitor.account.has_totp,
        must_have_code => portal.settings.must_have_code,
        set_up => totp::set_up(&portal.app, &visitor.account).map(|set_up| context! { secret => set_up.secret, address => set_up.address }),
    };
    Ok(Reply::page("account", "我的账号", values))
}

/// What is wrong with the password that somebody gives for an act on the own account; `None` = it is right. Whoever sits at somebody's browser
/// guesses no more often than at the door.
async fn password_fault(portal: &Portal, asked: &Request, password: &str) -> anyhow::Result<Option<&'static str>> {
    let visitor = asked.visitor()?;
    Ok(match portal.passwords.verify(password, Some(&visitor.account.password)).await {
        Err(_) => Some("现在登录的人太多，请过一分钟再试。"),
        Ok(false) => {
            let sessions = portal.sessions().await?;
            login::wrong_password(&portal.app, &sessions, visitor, &asked.client.address.to_string()).await?;
            Some("密码不对，没有更改。")
        }
        Ok(true) => None,
    })
}

/// Makes the secret of a second factor, which the page then shows.
pub(crate) async fn begin_code(portal: &Portal, asked: &Request) -> Answer {
    if let Some(fault) = password_fault(portal, asked, asked.form.get("password")).await? {
        return page(portal, asked, fault).await;
    }
    totp::begin(&portal.app, &asked.visitor()?.account).await?;
    Ok(Reply::Redirect("/account".into()))
}

/// Puts the second factor into use and shows the recovery codes, once.
pub(crate) async fn confirm_code(portal: &Portal, asked: &Request) -> Answer {
    match totp::confirm(&portal.app, &asked.visitor()?.account, asked.form.get("code")).await? {
        Some(codes) => Ok(Reply::page("recovery", "备用码", context! { codes })),
        None => {
            page(portal, asked, "动态码不对，没有启用。请核对手机的时间是否准确，等出现新的动态码后再输入；超过10分钟的，请重新开始设置。")
                .await
        }
    }
}

/// Takes the second factor away.
pub(crate) async fn end_code(portal: &Portal, asked: &Request) -> Answer {
    if let Some(fault) = password_fault(portal, asked, asked.form.get("password")).await? {
        return page(portal, asked, fault).await;
    }
    let visitor = asked.visitor()?;
    totp::end(&portal.app, &visitor.account).await?;
    portal.tell_once(&visitor.session.id, "动态码已停用。").await?;
    Ok(Reply::Redirect("/account".into()))
}

pub(crate) async fn change_password(portal: &Portal, asked: &Request) -> Answer {
    let visitor = asked.visitor()?;
    let (old, new) = (asked.form.get("old"), asked.form.get("password"));
    let fault = if new != asked.form.get("repeated") {
        "两次输入的新密码不同，请重新输入。".to_owned()
    } else if old == new {
        "新密码与原密码相同，请另选一个。".to_owned()
    } else {
        match portal.passwords.verify(old, Some(&visitor.account.password)).await {
            Err(_) => "现在登录的人太多，请过一分钟再试。".to_owned(),
            // whoever sits at somebody's browser guesses no more often than at the door
            Ok(false) => {
                let sessions = portal.sessions().await?;
                login::wrong_password(&portal.app, &sessions, visitor, &asked.client.address.to_string()).await?;
                "原密码不对，没有更改。".to_owned()
            }
            Ok(true) => {
                let (name, session) = (&visitor.account.name, &visitor.session.id);
                let sessions = portal.sessions().await?;
                match accounts::change_own(&portal.app, &sessions, &portal.passwords, name, new, session).await {
                    Ok(()) => {
                        let now = local_time(&crate::clock::stamp(portal.app.clock().now()));
                        portal.tell_once(session, &format!("密码已更改，{now}；其他登录已退出。")).await?;
                        return Ok(Reply::Redirect("/account".into()));
                    }
                    Err(error) => format!("{error}。"),
                }
            }
        }
    };
    page(portal, asked, &fault).await
}

/// Ends the other sessions of the account.
pub(crate) async fn end_sessions(portal: &Portal, asked: &Request) -> Answer {
    let visitor = asked.visitor()?;
    let sessions = portal.sessions().await?;
    sessions.sessions().end_others(&visitor.account.name, &visitor.session.id).await?;
    portal.tell_once(&visitor.session.id, "其他登录已退出。").await?;
    Ok(Reply::Redirect("/account".into()))
}
