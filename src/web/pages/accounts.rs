//! 账号: who may log in. Accounts are added by `duban portal user add` on the server.

use crate::app::accounts;
use crate::app::person::Person;
use crate::domain::account::AccountRoles;
use crate::web::pages::shown::local_time;
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Reply};
use minijinja::context;

pub(crate) async fn list(portal: &Portal, fault: &str) -> Answer {
    let units = &portal.app.config().policy.units.units;
    let rows: Vec<_> = accounts::list(portal.app.store())
        .await?
        .iter()
        .map(|account| {
            let unit = units.iter().find(|unit| unit.code == account.unit).map_or(account.unit.as_str(), |unit| unit.name.as_str());
            context! {
                name => &account.name, unit, roles => AccountRoles::parse(&account.roles).map(|roles| roles.words()).unwrap_or_default(),
                made => local_time(&account.created_at), by => &account.created_by, ended => local_time(&account.ended_at),
            }
        })
        .collect();
    Ok(Reply::page("accounts", "账号", context! { rows, fault }))
}

/// Ends an account; nobody ends their own.
pub(crate) async fn end(portal: &Portal, asked: &Request) -> Answer {
    let visitor = asked.visitor()?;
    let (name, reason) = (asked.form.get("name"), asked.form.get("reason").trim());
    if name.to_lowercase() == visitor.account.name.to_lowercase() {
        return list(portal, "不能停用自己的账号，请由另一位管理员停用。").await;
    }
    if reason.is_empty() {
        return list(portal, "请写明停用的原因。").await;
    }
    let sessions = portal.sessions().await?;
    match accounts::end(&portal.app, &sessions, name, Person { who: &visitor.account.name, why: reason }).await {
        Ok(()) => {
            portal.tell_once(&visitor.session.id, &format!("账号“{name}”已停用。")).await?;
            Ok(Reply::Redirect("/system/accounts".into()))
        }
        Err(error) => list(portal, &format!("{error}。")).await,
    }
}
