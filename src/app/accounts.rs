//! Accounts of the portal: who may log in, for which unit, in which roles.

use crate::app::compose::App;
use crate::app::passwords::Passwords;
use crate::app::person::Person;
use crate::app::random_bytes::random_bytes;
use crate::clock::stamp;
use crate::domain::account::{AccountRole, AccountRoles, check_name, check_password};
use crate::domain::intake::text::half_width;
use crate::domain::lockout::Lockout;
use crate::domain::problem::nearest;
use crate::domain::register::units::Units;
use crate::store::accounts::{Account, NewPassword};
use crate::store::audit::AuditEntry;
use crate::store::handle::Store;
use anyhow::{Context, bail, ensure};
use chrono::TimeDelta;

/// What the code allows that `duban portal admin` prints.
pub(crate) const FIRST_ADMINISTRATOR: &str = "administrator";

/// Under which wrong codes are counted; no account has such a name.
const CODE_NAME: &str = " code";

/// How long the code is valid.
pub(crate) const CODE_MINUTES: i64 = 30;

/// Bytes of a code, of which a person types the hex digits in groups.
const CODE_BYTES: usize = 10;

/// An account to add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewAccount<'a> {
    pub(crate) name: &'a str,
    /// Code or name of the unit.
    pub(crate) unit: &'a str,
    /// Words or codes, joined by commas.
    pub(crate) roles: &'a str,
    /// Its owner has to choose another password at the first login.
    pub(crate) must_change: bool,
}

/// The refusal of a name that no unit has.
pub(crate) fn unknown_unit(units: &Units, name: &str) -> String {
    let near = nearest(name, units.units.iter().map(|unit| unit.name.as_str()));
    let near = near.map_or_else(String::new, |near| format!("，是不是“{near}”？"));
    format!("没有“{name}”这个单位{near}（单位的名称和代码见config/units.toml）")
}

/// Adds an account.
///
/// # Errors
/// The name is taken or has other signs, the unit is unknown, the unit may not have a role, the password is too weak, or the database fails.
pub(crate) async fn add(
    app: &App,
    passwords: &Passwords,
    account: NewAccount<'_>,
    password: &str,
    by: Person<'_>,
) -> anyhow::Result<AccountRoles> {
    let NewAccount { name, unit, roles, must_change } = account;
    let units = &app.config().policy.units;
    check_name(name)?;
    let unit = units.named(unit).with_context(|| unknown_unit(units, unit))?;
    let roles = AccountRoles::parse(roles)?;
    roles.check_unit(unit == units.office())?;
    check_password(name, password)?;
    let hash = passwords.hash(password).await?;
    let now = stamp(app.clock().now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let password = NewPassword { hash: &hash, must_change };
    let added = app.store().accounts().add(name, &units.units[unit].code, &roles.codes(), password, entry).await?;
    ensure!(added, "账号名“{name}”已有人使用（停用的账号名也不再使用），请换一个");
    Ok(roles)
}

/// The accounts, those in use first.
///
/// # Errors
/// The database fails.
pub(crate) async fn list(store: &Store) -> anyhow::Result<Vec<Account>> {
    Ok(store.accounts().list().await?)
}

/// Whether anybody has an account, or a code to make the first one.
///
/// # Errors
/// A database fails.
pub(crate) async fn is_any_in_use(app: &App, sessions: &Store) -> anyhow::Result<bool> {
    if list(app.store()).await?.iter().any(|account| account.ended_at.is_empty()) {
        return Ok(true);
    }
    Ok(sessions.sessions().has_any_code(FIRST_ADMINISTRATOR, &stamp(app.clock().now())).await?)
}

/// Whether an administrator may begin by a code: there is a valid one, or nobody has an account yet.
///
/// # Errors
/// A database fails.
pub(crate) async fn waits_for_administrator(app: &App, sessions: &Store) -> anyhow::Result<bool> {
    let has_code = sessions.sessions().has_any_code(FIRST_ADMINISTRATOR, &stamp(app.clock().now())).await?;
    Ok(has_code || list(app.store()).await?.is_empty())
}

/// Ends an account and its sessions.
///
/// # Errors
/// There is no such account in use, or the database fails.
pub(crate) async fn end(app: &App, sessions: &Store, name: &str, by: Person<'_>) -> anyhow::Result<()> {
    let now = stamp(app.clock().now());
    let ended = app.store().accounts().end(name, AuditEntry { at: &now, who: by.who, why: by.why }).await?;
    ensure!(ended, "没有在用的账号“{name}”，见 duban portal user list");
    end_sessions(app, sessions, name, "").await
}

/// Sets the password of an account for its owner, takes its second factor away, and ends the sessions of the account. `must_change`: the owner has to choose another one at
/// the next login.
///
/// # Errors
/// There is no such account in use, the password is too weak, or the database fails.
pub(crate) async fn reset(
    app: &App,
    sessions: &Store,
    passwords: &Passwords,
    name: &str,
    password: &str,
    must_change: bool,
    by: Person<'_>,
) -> anyhow::Result<()> {
    set_password(app, passwords, name, password, must_change, by).await?;
    let now = stamp(app.clock().now());
    app.store().accounts().end_totp(name, AuditEntry { at: &now, who: by.who, why: by.why }).await?;
    sessions.sessions().forget_wrong_logins(&name.to_lowercase(), "").await?;
    end_sessions(app, sessions, name, "").await
}

/// Sets the password that the owner of an account has chosen, and ends the other sessions of the account.
///
/// # Errors
/// The password is too weak, or the database fails.
pub(crate) async fn change_own(
    app: &App,
    sessions: &Store,
    passwords: &Passwords,
    name: &str,
    password: &str,
    session: &str,
) -> anyhow::Result<()> {
    set_password(app, passwords, name, password, false, Person { who: name, why: "" }).await?;
    end_sessions(app, sessions, name, session).await
}

async fn set_password(
    app: &App,
    passwords: &Passwords,
    name: &str,
    password: &str,
    must_change: bool,
    by: Person<'_>,
) -> anyhow::Result<()> {
    check_password(name, password)?;
    let hash = passwords.hash(password).await?;
    let now = stamp(app.clock().now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let changed = app.store().accounts().set_password(name, NewPassword { hash: &hash, must_change }, entry).await?;
    ensure!(changed, "没有在用的账号“{name}”，见 duban portal user list");
    Ok(())
}

/// Ends the sessions of an account but one.
async fn end_sessions(app: &App, sessions: &Store, name: &str, except: &str) -> anyhow::Result<()> {
    let account = app.store().accounts().get(name).await?.map_or_else(|| name.to_owned(), |account| account.name);
    Ok(sessions.sessions().end_others(&account, except).await?)
}

/// A code with which whoever holds it makes an account of an administrator in the portal, once.
///
/// # Errors
/// The database fails, or the system gives no random bytes.
pub(crate) async fn first_administrator_code(app: &App, sessions: &Store, by: Person<'_>) -> anyhow::Result<String> {
    let code = hex::encode(random_bytes::<CODE_BYTES>()?);
    let now = app.clock().now();
    let until = stamp(now + TimeDelta::minutes(CODE_MINUTES));
    sessions.sessions().set_code(FIRST_ADMINISTRATOR, &sha256(&code), &until).await?;
    app.store().audit().record(&stamp(now), by.who, "administrator code", "", by.why).await?;
    let groups: Vec<&str> = code.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    Ok(groups.join("-"))
}

/// Makes the account of an administrator with a code of [`first_administrator_code`], whose password its owner chooses.
///
/// # Errors
/// The code is not valid, the name or the password is not taken, or the database fails.
pub(crate) async fn add_administrator(
    app: &App,
    sessions: &Store,
    passwords: &Passwords,
    code: &str,
    name: &str,
    password: &str,
    address: &str,
) -> anyhow::Result<()> {
    let code: String = half_width(code).chars().filter(char::is_ascii_hexdigit).flat_map(char::to_lowercase).collect();
    let now = stamp(app.clock().now());
    let known = sessions.sessions().wrong_logins(CODE_NAME, address, app.clock().now()).await?;
    // nobody guesses a code, so what others try from elsewhere slows nobody
    ensure!(known.lockout() != Some(Lockout::Locked), "启用码输错次数过多，请15分钟后再试");
    let refused = "启用码不对，或者已过期、已用过；请管理服务器的人再运行一次 duban portal admin";
    if !sessions.sessions().has_code(FIRST_ADMINISTRATOR, &sha256(&code), &now).await? {
        sessions.sessions().note_login(CODE_NAME, address, app.clock().now(), true).await?;
        app.store().audit().record(&now, name, "refused: administrator code", address, "").await?;
        bail!("{refused}");
    }
    check_name(name)?;
    check_password(name, password)?;
    ensure!(app.store().accounts().get(name).await?.is_none(), "账号名“{name}”已有人使用（停用的账号名也不再使用），请换一个");
    let hash = passwords.hash(password).await?;
    // the code is used up last, so that a typing error does not cost it
    ensure!(sessions.sessions().use_code(FIRST_ADMINISTRATOR, &sha256(&code), &now).await?, "{refused}");
    let units = &app.config().policy.units;
    let entry = AuditEntry { at: &now, who: name, why: "凭启用码建立" };
    let roles = [AccountRole::Clerk, AccountRole::Administrator].map(AccountRole::code).join(",");
    let password = NewPassword { hash: &hash, must_change: false };
    let added = app.store().accounts().add(name, &units.units[units.office()].code, &roles, password, entry).await?;
    ensure!(added, "账号名“{name}”已有人使用，请换一个，并再取一个启用码");
    Ok(())
}

/// The sha256 of a token or a code, in hex: what is stored of it.
pub(crate) fn sha256(text: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
}
