//! Accounts of the portal (网页账号): what each role may do, and what a name and a password must be.

use crate::domain::intake::text::half_width;
use std::fmt::{Display, Formatter};

/// What an account may do. One may hold several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountRole {
    /// Looks up and downloads.
    Viewer,
    /// Acts for its unit: receives, answers, reports.
    Handler,
    /// Does the daily work of an office that issues.
    Clerk,
    /// Signs what an office issues.
    Releaser,
    /// Manages accounts and sees the state of the service.
    Administrator,
    /// Reads the audit and nothing else.
    Auditor,
}

impl AccountRole {
    pub const ALL: [AccountRole; 6] = [
        AccountRole::Viewer,
        AccountRole::Handler,
        AccountRole::Clerk,
        AccountRole::Releaser,
        AccountRole::Administrator,
        AccountRole::Auditor,
    ];

    pub fn code(self) -> &'static str {
        match self {
            AccountRole::Viewer => "viewer",
            AccountRole::Handler => "handler",
            AccountRole::Clerk => "clerk",
            AccountRole::Releaser => "releaser",
            AccountRole::Administrator => "administrator",
            AccountRole::Auditor => "auditor",
        }
    }

    /// The role in Chinese.
    pub fn word(self) -> &'static str {
        match self {
            AccountRole::Viewer => "查看",
            AccountRole::Handler => "经办",
            AccountRole::Clerk => "办公",
            AccountRole::Releaser => "签发",
            AccountRole::Administrator => "管理员",
            AccountRole::Auditor => "审计员",
        }
    }

    /// The role of a code or a Chinese word.
    pub fn parse(text: &str) -> Option<AccountRole> {
        AccountRole::ALL.into_iter().find(|role| role.code() == text || role.word() == text)
    }

    /// Whether only a unit that issues papers may have it.
    pub fn is_of_issuer(self) -> bool {
        match self {
            AccountRole::Clerk | AccountRole::Releaser | AccountRole::Administrator | AccountRole::Auditor => true,
            AccountRole::Viewer | AccountRole::Handler => false,
        }
    }
}

/// The roles of one account, each once, in the order of [`AccountRole::ALL`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountRoles(Vec<AccountRole>);

/// Why a set of roles, a name or a password is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountFault {
    NoRole,
    UnknownRole(String),
    /// An auditor looks at what the others do and so holds no other role.
    AuditorAlone,
    /// The unit issues nothing.
    NotIssuer(AccountRole),
    Name,
    PasswordLength,
    PasswordLines,
    PasswordHasName,
    PasswordIsOneSign,
    PasswordIsCommon,
}

impl std::error::Error for AccountFault {}

impl Display for AccountFault {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            AccountFault::NoRole => write!(out, "账号至少要有一个角色：{}", words_of_roles()),
            AccountFault::UnknownRole(word) => write!(out, "没有“{word}”这个角色，可用的角色：{}", words_of_roles()),
            AccountFault::AuditorAlone => write!(out, "审计员不能兼任其他角色，请为其他角色另设账号"),
            AccountFault::NotIssuer(role) => write!(out, "“{}”只能给负责签发的办公室，该单位的账号可用：查看、经办", role.word()),
            AccountFault::Name => {
                write!(out, "账号名须为2至{NAME_CHARS_MAX}个字，只含汉字、字母、数字和 . - _")
            }
            AccountFault::PasswordLength => write!(out, "密码须为{PASSWORD_CHARS_MIN}至{PASSWORD_CHARS_MAX}个字符"),
            AccountFault::PasswordLines => write!(out, "密码须写在一行内，不含换行等看不见的字符"),
            AccountFault::PasswordHasName => write!(out, "密码不能包含账号名"),
            AccountFault::PasswordIsOneSign => write!(out, "密码至少要有{PASSWORD_KINDS_MIN}种不同的字符"),
            AccountFault::PasswordIsCommon => write!(out, "这个密码很多人用过，容易被猜到，请另选一个"),
        }
    }
}

fn words_of_roles() -> String {
    AccountRole::ALL.map(|role| format!("{}（{}）", role.word(), role.code())).join("、")
}

impl AccountRoles {
    /// The roles of words or codes, joined by commas.
    ///
    /// # Errors
    /// A word is no role, or an auditor has another role.
    pub fn parse(text: &str) -> Result<AccountRoles, AccountFault> {
        let words = text.split([',', '，', '、']).map(str::trim).filter(|word| !word.is_empty());
        let mut roles = words
            .map(|word| AccountRole::parse(word).ok_or_else(|| AccountFault::UnknownRole(word.to_owned())))
            .collect::<Result<Vec<_>, _>>()?;
        roles.sort();
        roles.dedup();
        match roles.len() {
            0 => Err(AccountFault::NoRole),
            2.. if roles.contains(&AccountRole::Auditor) => Err(AccountFault::AuditorAlone),
            _ => Ok(AccountRoles(roles)),
        }
    }

    /// Checks that a unit may have them. `issues`: the unit issues papers.
    ///
    /// # Errors
    /// The unit issues nothing and a role is one of issuers.
    pub fn check_unit(&self, issues: bool) -> Result<(), AccountFault> {
        match self.0.iter().find(|role| role.is_of_issuer() && !issues) {
            Some(role) => Err(AccountFault::NotIssuer(*role)),
            None => Ok(()),
        }
    }

    pub fn holds(&self, role: AccountRole) -> bool {
        self.0.contains(&role)
    }

    /// Whether one of these roles is held.
    pub fn holds_any(&self, roles: &[AccountRole]) -> bool {
        roles.iter().any(|role| self.holds(*role))
    }

    /// The codes, joined by commas, as they are stored.
    pub fn codes(&self) -> String {
        self.0.iter().map(|role| role.code()).collect::<Vec<_>>().join(",")
    }

    /// The Chinese words.
    pub fn words(&self) -> String {
        self.0.iter().map(|role| role.word()).collect::<Vec<_>>().join("、")
    }
}

const NAME_CHARS_MAX: usize = 32;
const PASSWORD_CHARS_MIN: usize = 12;
const PASSWORD_CHARS_MAX: usize = 128;
const PASSWORD_KINDS_MIN: usize = 5;
/// What many people choose, a line for each.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// Checks the name of a new account.
///
/// # Errors
/// It is too short or too long, or has other signs.
pub fn check_name(name: &str) -> Result<(), AccountFault> {
    let length = name.chars().count();
    let fits = (2..=NAME_CHARS_MAX).contains(&length) && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if fits { Ok(()) } else { Err(AccountFault::Name) }
}

/// Checks a new password: its length counts, not its kinds of signs.
///
/// # Errors
/// It is too short or too long, holds the name, repeats a few signs, or is one that many people choose.
pub fn check_password(name: &str, password: &str) -> Result<(), AccountFault> {
    if password.chars().any(char::is_control) {
        return Err(AccountFault::PasswordLines);
    }
    let length = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&length) {
        return Err(AccountFault::PasswordLength);
    }
    if password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(AccountFault::PasswordHasName);
    }
    let mut signs: Vec<char> = password.chars().collect();
    signs.sort_unstable();
    signs.dedup();
    if signs.len() < PASSWORD_KINDS_MIN {
        return Err(AccountFault::PasswordIsOneSign);
    }
    let small = half_width(password).to_lowercase();
    if COMMON_PASSWORDS.lines().any(|line| line == small) { Err(AccountFault::PasswordIsCommon) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_words_or_codes() {
        let roles = AccountRoles::parse("签发, clerk,办公").unwrap();
        assert_eq!((roles.codes().as_str(), roles.words().as_str()), ("clerk,releaser", "办公、签发"));
        assert_eq!(AccountRoles::parse(" "), Err(AccountFault::NoRole));
        assert_eq!(AccountRoles::parse("viewer,主任"), Err(AccountFault::UnknownRole("主任".into())));
        assert_eq!(AccountRoles::parse("auditor,viewer"), Err(AccountFault::AuditorAlone));
        assert_eq!(AccountRoles::parse("auditor").unwrap().codes(), "auditor");
        assert_eq!(roles.check_unit(false), Err(AccountFault::NotIssuer(AccountRole::Clerk)));
        assert_eq!(AccountRoles::parse("经办").unwrap().check_unit(false), Ok(()));
    }

    #[test]
    fn a_password_is_long_and_not_the_name() {
        assert_eq!(check_password("王五", "correct horse battery"), Ok(()));
        assert_eq!(check_password("王五", "short1A!"), Err(AccountFault::PasswordLength));
        assert_eq!(check_password("wangwu", "WangWu-2026-11"), Err(AccountFault::PasswordHasName));
        assert_eq!(check_password("wangwu", "111111111111"), Err(AccountFault::PasswordIsOneSign));
        for common in ["Qwerty123456", "woaini1314520", "１２３４５６７８９０１２", "P@ssw0rd1234"] {
            assert_eq!(check_password("wangwu", common), Err(AccountFault::PasswordIsCommon), "{common}");
        }
        assert_eq!((check_name("王五"), check_name("wang.wu-1")), (Ok(()), Ok(())));
        for name in ["", "王", "a b", "<b>", "a/../b", "名\u{202e}名"] {
            assert_eq!(check_name(name), Err(AccountFault::Name), "{name}");
        }
    }
}
