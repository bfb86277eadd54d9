//! Logging in and out of the portal, and the session of a request.

use crate::app::accounts::sha256;
use crate::app::audit::LOCKED;
use crate::app::compose::App;
use crate::app::passwords::Passwords;
use crate::app::random_bytes::random_bytes;
use crate::app::totp;
use crate::clock::stamp;
use crate::domain::account::AccountRoles;
use crate::domain::lockout::{Lockout, WINDOW_MINUTES, WrongLogins};
use crate::domain::register::units::UnitId;
use crate::store::accounts::Account;
use crate::store::handle::Store;
use crate::store::os_user::as_account;
use crate::store::sessions::SessionRow;
use chrono::{DateTime, TimeDelta, Utc};

/// A session ends when it was not used for so long, and when it is so old.
const IDLE_MINUTES: i64 = 30;
const AGE_HOURS: i64 = 12;
/// That a session is in use is noted once in so many seconds.
const SEEN_SECONDS: i64 = 60;

/// The window of the wrong logins in seconds.
const WINDOW_SECONDS: i64 = WINDOW_MINUTES * 60;

/// Bytes of a token; nobody guesses them.
const TOKEN_BYTES: usize = 32;

/// The kind of the audit line on a login.
const LOGIN: &str = "login";

/// Characters of a name and of a browser that are stored.
const NAME_MAX: usize = 64;
const BROWSER_MAX: usize = 120;

/// Who wants to log in, and from where.
pub(crate) struct LoginAttempt<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    /// The second factor; empty = none was typed.
    pub(crate) code: &'a str,
    pub(crate) address: &'a str,
    pub(crate) browser: &'a str,
}

/// How a login ended.
pub(crate) enum LoggedIn {
    /// The token of the new session, which only the browser holds.
    Session(String),
    /// No such account in use, or another password.
    Wrong,
    Locked(Lockout),
    /// Too many log in at the same time.
    Busy,
}

/// Random hex digits.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn token() -> anyhow::Result<String> {
    Ok(hex::encode(random_bytes::<TOKEN_BYTES>()?))
}

/// A name that somebody typed, as far as it is stored.
pub(crate) fn stored_name(typed: &str) -> String {
    typed.trim().chars().take(NAME_MAX).collect()
}

/// Logs in. A locked name is refused before its password is looked at; an unknown one takes as long as a known one. Each outcome is in the audit.
///
/// # Errors
/// The database fails, or the system gives no random bytes.
pub(crate) async fn log_in(app: &App, sessions: &Store, passwords: &Passwords, attempt: LoginAttempt<'_>) -> anyhow::Result<LoggedIn> {
    let now = app.clock().now();
    let name = stored_name(attempt.name);
    let id = name.to_lowercase();
    let actor = format!("{name}@{}", attempt.address);
    let record = |what: &'static str| {
        let (app, name, actor, address) = (app.clone(), name.clone(), actor.clone(), attempt.address.to_owned());
        async move { as_account(actor, app.store().audit().record(&stamp(now), &name, what, &address, "")).await }
    };
    let counting = passwords.counting.lock().await;
    // others may try a name as often as they like: from where its owner has logged in before, the owner still can
    if let Some(lockout) = wrong_logins(app, sessions, &name, attempt.address).await?.lockout() {
        // one line for each quarter of an hour, so that nobody fills the audit
        let window = stamp(DateTime::from_timestamp(now.timestamp() / WINDOW_SECONDS * WINDOW_SECONDS, 0).unwrap_or(now));
        let audit = app.store().audit();
        as_account(actor.clone(), audit.record_change(&stamp(now), &name, LOCKED, attempt.address, &window)).await?;
        return Ok(LoggedIn::Locked(lockout));
    }
    // whoever finds no place has tried no password
    let Ok(place) = passwords.admit() else { return Ok(LoggedIn::Busy) };
    // counted as wrong before its password is looked at, so that many at once are no more than one behind the other
    sessions.sessions().note_login(&id, attempt.address, now, true).await?;
    drop(counting);
    let account = app.store().accounts().get(&name).await?.filter(|account| account.ended_at.is_empty());
    let Ok(is_right) = passwords.verify_in(place, attempt.password, account.as_ref().map(|account| account.password.as_str())).await else {
        return Ok(LoggedIn::Busy);
    };
    let Some(account) = account.filter(|_| is_right) else {
        record("refused: login").await?;
        return Ok(LoggedIn::Wrong);
    };
    // counted as a wrong password is, and answered in the same words
    if !totp::passes(app, &account, attempt.code).await? {
        record("refused: login code").await?;
        return Ok(LoggedIn::Wrong);
    }
    sessions.sessions().forget_wrong_logins(&id, attempt.address).await?;
    let token = token()?;
    let session = SessionRow {
        id: sha256(&token),
        account: account.name,
        form_token: self::token()?,
        began_at: stamp(now),
        seen_at: stamp(now),
        address: attempt.address.to_owned(),
        browser: attempt.browser.chars().filter(|c| !c.is_control()).take(BROWSER_MAX).collect(),
        message: String::new(),
    };
    let name = session.account.clone();
    sessions.sessions().begin(&session).await?;
    as_account(actor, app.store().audit().record(&stamp(now), &name, LOGIN, attempt.address, "")).await?;
    Ok(LoggedIn::Session(token))
}

/// The wrong logins of a name and an address, and whether its account has logged in from there before.
async fn wrong_logins(app: &App, sessions: &Store, name: &str, address: &str) -> anyhow::Result<WrongLogins> {
    // asked for an unknown name too, which takes as long
    let account = app.store().accounts().get(name).await?;
    let known = app.store().audit().has(account.as_ref().map_or(name, |account| &account.name), LOGIN, address).await?;
    let wrong = sessions.sessions().wrong_logins(&name.to_lowercase(), address, app.clock().now()).await?;
    Ok(WrongLogins { is_known_address: known, ..wrong })
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) account: Account,
    pub(crate) roles: AccountRoles,
    pub(crate) unit: UnitId,
    pub(crate) session: SessionRow,
}

/// The visitor of a token. `None` = there is no such session, it is too old, or its account or unit has ended.
///
/// # Errors
/// The database fails.
pub(crate) async fn visitor(app: &App, sessions: &Store, token: &str) -> anyhow::Result<Option<Visitor>> {
    let now = app.clock().now();
    let (oldest, idle) = (stamp(now - TimeDelta::hours(AGE_HOURS)), stamp(now - TimeDelta::minutes(IDLE_MINUTES)));
    let Some(session) = sessions.sessions().get(&sha256(token)).await? else { return Ok(None) };
    if session.began_at < oldest || session.seen_at < idle {
        sessions.sessions().remove_old(&oldest, &idle).await?;
        return Ok(None);
    }
    let account = app.store().accounts().get(&session.account).await?.filter(|account| account.ended_at.is_empty());
    let Some(account) = account else { return Ok(None) };
    let Some(unit) = app.config().policy.units.named(&account.unit) else { return Ok(None) };
    // a unit that issues no more takes the roles of issuers with it
    let Some(roles) =
        AccountRoles::parse(&account.roles).ok().filter(|roles| roles.check_unit(unit == app.config().policy.units.office()).is_ok())
    else {
        return Ok(None);
    };
    if seconds_since(&session.seen_at, now) >= SEEN_SECONDS {
        sessions.sessions().seen(&session.id, &stamp(now)).await?;
    }
    Ok(Some(Visitor { account, roles, unit, session }))
}

fn seconds_since(at: &str, now: DateTime<Utc>) -> i64 {
    DateTime::parse_from_rfc3339(at).map_or(i64::MAX, |at| (now - at.to_utc()).num_seconds())
}

/// Notes a wrong password of somebody who is logged in; as many as lock a login end the session.
///
/// # Errors
/// The database fails.
pub(crate) async fn wrong_password(app: &App, sessions: &Store, visitor: &Visitor, address: &str) -> anyhow::Result<()> {
    let (now, name) = (app.clock().now(), &visitor.account.name);
    sessions.sessions().note_login(&name.to_lowercase(), address, now, true).await?;
    app.store().audit().record(&stamp(now), name, "refused: password", address, "").await?;
    if wrong_logins(app, sessions, name, address).await?.lockout().is_some() {
        sessions.sessions().end(name, &visitor.session.id).await?;
    }
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// The database fails.
pub(crate) async fn log_out(app: &App, sessions: &Store, visitor: &Visitor) -> anyhow::Result<()> {
    sessions.sessions().end(&visitor.account.name, &visitor.session.id).await?;
    Ok(app.store().audit().record(&stamp(app.clock().now()), &visitor.account.name, "logout", &visitor.session.address, "").await?)
}
