//! The second factor of an account (动态码): set up by its owner, asked for at the login, taken away by its owner or by a reset.

use crate::app::accounts::sha256;
use crate::app::compose::App;
use crate::app::random_bytes::random_bytes;
use crate::clock::stamp;
use crate::domain::intake::text::half_width;
use crate::domain::totp::{SECRET_BYTES, address, base32, step_of};
use crate::store::accounts::Account;
use crate::store::audit::AuditEntry;
use anyhow::Context;
use chrono::TimeDelta;

/// How long a secret waits for its owner to confirm it: a page that stays open somewhere does not show it for ever.
const SET_UP_MINUTES: i64 = 10;

/// Recovery codes of an account, and their bytes; a person types the hex digits.
const RECOVERY_CODES: usize = 8;
const RECOVERY_BYTES: usize = 8;

/// What an owner types into an authenticator.
pub(crate) struct SetUp {
    /// In groups of four.
    pub(crate) secret: String,
    /// For programs: `otpauth://…`.
    pub(crate) address: String,
}

/// The secret of an account that its owner has yet to confirm; `None` = there is none, it has waited too long, or it is in use.
fn unconfirmed(app: &App, account: &Account) -> Option<Vec<u8>> {
    let earliest = stamp(app.clock().now() - TimeDelta::minutes(SET_UP_MINUTES));
    hex::decode(&account.totp_secret).ok().filter(|secret| !secret.is_empty() && !account.has_totp && account.totp_begun_at > earliest)
}

/// What the owner of an account types into an authenticator, before a code of it confirms the secret.
pub(crate) fn set_up(app: &App, account: &Account) -> Option<SetUp> {
    let secret = unconfirmed(app, account)?;
    let text = base32(&secret);
    let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let issuer = format!("{}督办", app.config().settings.office.name);
    Some(SetUp { secret: groups.join(" "), address: address(&issuer, &account.name, &secret) })
}

/// Makes a secret for an account that has none in use.
///
/// # Errors
/// The database fails, or the system gives no random bytes.
pub(crate) async fn begin(app: &App, account: &Account) -> anyhow::Result<()> {
    let secret = hex::encode(random_bytes::<SECRET_BYTES>()?);
    Ok(app.store().accounts().begin_totp(&account.name, &secret, &stamp(app.clock().now())).await?)
}

/// Puts the secret into use, if the code is one of it. Returns the recovery codes, which are shown once; `None` = another code, or it came too
/// late.
///
/// # Errors
/// The database fails, or the system gives no random bytes.
pub(crate) async fn confirm(app: &App, account: &Account, typed: &str) -> anyhow::Result<Option<Vec<String>>> {
    let now = app.clock().now();
    let step = unconfirmed(app, account).and_then(|secret| step_of(&secret, typed, now.timestamp()));
    let Some(step) = step else { return Ok(None) };
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        codes.push(hex::encode(random_bytes::<RECOVERY_BYTES>()?));
    }
    let hashes: Vec<String> = codes.iter().map(|code| sha256(code)).collect();
    let at = stamp(now);
    let entry = AuditEntry { at: &at, who: &account.name, why: "" };
    let is_in_use = app.store().accounts().confirm_totp(&account.name, &account.totp_secret, step, &hashes, entry).await?;
    Ok(is_in_use.then_some(codes))
}

/// Whether somebody who knows the password has the second factor too: a code that was not used yet, or a recovery code, which is used up.
/// An account without one needs none.
///
/// # Errors
/// The database fails.
pub(crate) async fn passes(app: &App, account: &Account, typed: &str) -> anyhow::Result<bool> {
    if !account.has_totp {
        return Ok(true);
    }
    let now = app.clock().now();
    let secret = hex::decode(&account.totp_secret).context("the secret of an account")?;
    if let Some(step) = step_of(&secret, typed, now.timestamp()) {
        return Ok(app.store().accounts().use_step(&account.name, step).await?);
    }
    let code: String = half_width(typed).chars().filter(char::is_ascii_hexdigit).flat_map(char::to_lowercase).collect();
    if code.len() != 2 * RECOVERY_BYTES {
        return Ok(false);
    }
    let at = stamp(now);
    let entry = AuditEntry { at: &at, who: &account.name, why: "" };
    Ok(app.store().accounts().use_recovery(&account.name, &sha256(&code), entry).await?)
}

/// Takes the second factor of an account away at the wish of its owner.
///
/// # Errors
/// The database fails.
pub(crate) async fn end(app: &App, account: &Account) -> anyhow::Result<()> {
    let at = stamp(app.clock().now());
    Ok(app.store().accounts().end_totp(&account.name, AuditEntry { at: &at, who: &account.name, why: "" }).await?)
}
