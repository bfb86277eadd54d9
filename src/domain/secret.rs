//! Secrets: what they are replaced by in texts, and how texts lose those that an address holds.

use std::fmt;

/// What is shown in place of a secret.
pub const HIDDEN: &str = "***";

/// A password. Neither `Display` nor `Debug` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The password itself, for those who log in with it.
    pub fn exposed(&self) -> &str {
        &self.0
    }

    /// The text with every occurrence of the secret replaced.
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, HIDDEN) }
    }
}

/// A text of others with the secrets replaced that a message of a server may repeat.
pub fn hide_all<'a>(text: &str, secrets: impl IntoIterator<Item = &'a Secret>) -> String {
    secrets.into_iter().fold(text.to_owned(), |text, secret| secret.hide_in(&text))
}

/// The schemes of addresses that may hold a password, beside those of the web.
const LOGIN_SCHEMES: [&str; 9] = ["postgres", "postgresql", "mysql", "mariadb", "oracle", "sqlserver", "smtp", "smtps", "sqlite"];

/// A free text (a comment, a query, a message) whose addresses have lost their passwords, in whatever part of the address and however the
/// parameter is written. `of_the_web`: addresses that begin with `http` too.
pub fn without_passwords_of_addresses(text: &str, of_the_web: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let scheme = rest[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
        let begin = at + "://".len();
        let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'<>`".contains(c);
        let end = rest[begin..].find(ends).map_or(rest.len(), |length| begin + length);
        out.push_str(&rest[..begin]);
        let address = &rest[begin..end];
        if LOGIN_SCHEMES.contains(&scheme.as_str()) || of_the_web {
            out.push_str(&without_password(address));
        } else {
            out.push_str(address);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The address behind `://` without its password. Passwords may hold `@`, `?`, `/` and `#` unescaped: in doubt more is left out.
fn without_password(address: &str) -> String {
    let parameters = address.find('?');
    let login_ends = match parameters {
        Some(parameters) => address[..parameters].rfind('@'),
        None => address.rfind('@'),
    };
    if login_ends.is_none() && parameters.is_some_and(|at| address[at..].contains('@')) {
        // either a password with ? in it, or a parameter with @ in it: only what is before both is certain to hold no password
        let certain = address.find([':', '?']).unwrap_or(address.len());
        return format!("{}{HIDDEN}", &address[..certain]);
    }
    let (login, place) = match login_ends {
        Some(at) => (&address[..at], &address[at + 1..]),
        None => ("", address),
    };
    let login = match login.split_once(':') {
        Some((user, _)) => format!("{user}:{HIDDEN}@"),
        None if login.is_empty() => String::new(),
        None => format!("{login}@"),
    };
    let Some((place, parameters)) = place.split_once('?') else { return format!("{login}{place}") };
    let parameters: Vec<String> = parameters
        .split(['&', ';'])
        .map(|parameter| match parameter.split_once('=') {
            Some((key, _)) if is_secret_key(key) => format!("{key}={HIDDEN}"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{login}{place}?{}", parameters.join("&"))
}

/// Whether a parameter of an address holds a secret, by its name in any case and with escapes.
fn is_secret_key(key: &str) -> bool {
    let mut decoded = Vec::new();
    let mut bytes = key.bytes();
    while let Some(byte) = bytes.next() {
        let digits = [bytes.clone().next(), bytes.clone().nth(1)].map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
        match (byte, digits) {
            (b'%', [Some(high), Some(low)]) => {
                decoded.push((high * 16 + low) as u8);
                bytes.nth(1);
            }
            _ => decoded.push(byte),
        }
    }
    let key = String::from_utf8_lossy(&decoded).to_lowercase();
    ["pass", "pwd", "secret", "token", "key"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("Zq7");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(hide_all("Zq7 is Zq7", [&secret, &Secret::new("")]), "*** is ***");
    }

    #[test]
    fn addresses_in_any_text_lose_their_passwords() {
        for (text, expect) in [
            ("# postgres://u:P@h:5432/d old", "# postgres://u:***@h:5432/d old"),
            ("postgres://u:P@@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
            ("a 'postgres://h/d?user=u&password=P' b", "a 'postgres://h/d?user=u&password=***' b"),
            ("postgres://h/d?%70assword=P&PASSWORD=P", "postgres://h/d?%70assword=***&PASSWORD=***"),
            ("postgres://127.0.0.1:1/d?user=u&password=P@x", "postgres://127.0.0.1***"),
            ("postgres://u:P?q@h/d", "postgres://u***"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("mysql://u:P/x@h/d;smtp://a:P@b", "mysql://u:***@b"),
            ("https://gz.example/a?id=5", "https://gz.example/a?id=5"),
            ("https://u:P@gz.example/?token=P", "https://u:***@gz.example/?token=***"),
        ] {
            let bare = without_passwords_of_addresses(text, true);
            assert_eq!(bare, expect);
            assert!(!bare.contains("P@") && !bare.contains("=P"), "{bare}");
        }
        assert_eq!(without_passwords_of_addresses("https://a/?token={{ t }}", false), "https://a/?token={{ t }}");
    }
}
