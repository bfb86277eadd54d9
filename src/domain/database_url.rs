//! The address of a database as the configuration gives it, parsed once. Neither `Display` nor `Debug` shows its password.

use crate::domain::secret::Secret;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::IpAddr;
use url::Url;

/// `sqlite:PATH` or `postgres://user@host/name`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The path as it is written, relative to the root.
    Sqlite(String),
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: Box<Url>,
    /// Every host it names, as a part or as a parameter.
    hosts: Vec<String>,
    passwords: Vec<Secret>,
}

/// What is wrong with an address, without the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFault {
    pub message: String,
    pub hint: String,
}

/// The parameters that the driver knows; it would log the value of another one.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

impl DatabaseUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// What is wrong with it; the message does not repeat it, because it may hold a password.
    pub fn parse(text: &str) -> Result<DatabaseUrl, UrlFault> {
        let fault = |message: &str, hint: &str| UrlFault { message: message.to_owned(), hint: hint.to_owned() };
        if let Some(path) = text.strip_prefix("sqlite:") {
            if path.contains(['?', '#']) || path.contains("://") {
                let hint = "write \"sqlite:PATH\" alone; an SQLite file has neither parameters nor a password";
                return Err(fault("has more than the path of a file behind sqlite:", hint));
            }
            return Ok(DatabaseUrl::Sqlite(path.to_owned()));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(fault("must begin with sqlite: or postgres://", "write \"sqlite:PATH\" or \"postgres://user@host/database\""));
        }
        const ESCAPES: &str = "in a password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25";
        let url = Url::parse(text).map_err(|error| fault(&format!("cannot be read: {error}"), ESCAPES))?;
        if url.fragment().is_some() {
            return Err(fault("has a part behind #", ESCAPES));
        }
        let mut hosts: Vec<String> = Vec::new();
        hosts.extend(url.host_str().filter(|host| !host.is_empty()).map(decoded));
        let mut passwords: Vec<String> = Vec::new();
        if let Some(password) = url.password() {
            passwords.extend([password.to_owned(), decoded(password)]);
        }
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, plain) = (decoded(key), decoded(&value.replace('+', " ")));
            match key.as_str() {
                "password" => passwords.extend([value.to_owned(), plain]),
                "host" | "hostaddr" => hosts.push(plain),
                known if PARAMETERS.contains(&known) || known.starts_with("options[") => {}
                _ => {
                    let hint = format!("known are {}", PARAMETERS.join(", "));
                    return Err(fault("has a parameter that is unknown or written in capitals", &hint));
                }
            }
        }
        passwords.retain(|password| !password.is_empty());
        // a longer one first: the shorter may be a part of it
        passwords.sort_by_key(|password| std::cmp::Reverse(password.len()));
        passwords.dedup();
        Ok(DatabaseUrl::Postgres(PostgresUrl { url: Box::new(url), hosts, passwords: passwords.into_iter().map(Secret::new).collect() }))
    }

    /// The passwords it holds, as they are written and decoded.
    pub fn passwords(&self) -> &[Secret] {
        match self {
            DatabaseUrl::Sqlite(_) => &[],
            DatabaseUrl::Postgres(postgres) => postgres.passwords(),
        }
    }

    /// The address with a password that is written elsewhere. That of SQLite has none.
    pub fn with_password(&self, password: &Secret) -> DatabaseUrl {
        let DatabaseUrl::Postgres(postgres) = self else { return self.clone() };
        let mut postgres = postgres.clone();
        postgres.url.query_pairs_mut().append_pair("password", password.exposed());
        let written = postgres.url.query().and_then(|query| query.rsplit('=').next()).unwrap_or_default().to_owned();
        postgres.passwords.extend([Secret::new(written), password.clone()]);
        DatabaseUrl::Postgres(postgres)
    }

    /// The address without its password, as it may be stored.
    pub fn without_password(&self) -> String {
        match self {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{path}"),
            DatabaseUrl::Postgres(PostgresUrl { url, .. }) => {
                let mut url = url.clone();
                // fails only for an address without a host, which cannot hold a password
                let _ = url.set_password(None);
                let is_other = |pair: &&str| decoded(pair.split('=').next().unwrap_or_default()) != "password";
                let others: Vec<&str> = url.query().unwrap_or_default().split('&').filter(is_other).collect();
                let others = others.join("&");
                url.set_query((!others.is_empty()).then_some(others.as_str()));
                url.to_string()
            }
        }
    }

    /// Whether rows and passwords cross a network that others may read or answer in: another machine, without a certificate that is checked.
    pub fn is_plain_and_far(&self) -> bool {
        match self {
            DatabaseUrl::Sqlite(_) => false,
            DatabaseUrl::Postgres(postgres) => !postgres.hosts.iter().all(|host| is_this_machine(host)) && !postgres.is_verified(),
        }
    }
}

impl PostgresUrl {
    /// The passwords it holds, as they are written and decoded.
    pub fn passwords(&self) -> &[Secret] {
        &self.passwords
    }

    /// The address with its password, for those who connect.
    pub fn exposed(&self) -> &str {
        self.url.as_str()
    }

    /// The last mode in the address counts; each of them has to check the certificate.
    fn is_verified(&self) -> bool {
        let mut modes = self.url.query_pairs().filter(|(key, _)| key == "sslmode" || key == "ssl-mode").peekable();
        modes.peek().is_some() && modes.all(|(_, mode)| mode.eq_ignore_ascii_case("verify-full"))
    }
}

/// Whether a host is this machine: a loopback address, `localhost`, or the folder of a socket.
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A part of an address with its escapes resolved.
fn decoded(part: &str) -> String {
    // a form's value is decoded by the parser of addresses; `+` means itself outside of one
    url::form_urlencoded::parse(format!("v={}", part.replace('+', "%2B").replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Where the database is: a path, or host, port and name.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => f.write_str(path),
            DatabaseUrl::Postgres(PostgresUrl { url, hosts, .. }) => {
                f.write_str(&hosts.join(","))?;
                url.port().map_or(Ok(()), |port| write!(f, ":{port}"))?;
                f.write_str(&decoded(url.path()))
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DatabaseUrl, D::Error> {
        let text = String::deserialize(deserializer)?;
        DatabaseUrl::parse(&text).map_err(|fault| serde::de::Error::custom(format!("{} ({})", fault.message, fault.hint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_wherever_it_is_written() {
        for url in [
            "postgres://u:Zq7P@127.0.0.1:1/d",
            "postgres://u:Zq7P%40x@127.0.0.1:1/d?sslmode=require",
            "postgres://127.0.0.1:1/d?user=u&password=Zq7P",
            "postgres://127.0.0.1:1/d?user=u&%70assword=Zq7P@x",
            "postgresql://127.0.0.1:1/d?password=Zq7P&application_name=a@b",
        ] {
            let parsed = DatabaseUrl::parse(url).unwrap();
            assert!(!parsed.passwords().is_empty(), "{url}");
            let shown = format!("{parsed} {parsed:?} {}", parsed.without_password());
            assert!(shown.starts_with("127.0.0.1:1/d DatabaseUrl(127.0.0.1:1/d) postgres"), "{shown}");
            assert!(!shown.contains("Zq7"), "{shown}");
            let DatabaseUrl::Postgres(postgres) = &parsed else { panic!("{url}") };
            assert!(postgres.exposed().contains("Zq7P"));
            assert!(DatabaseUrl::parse(&parsed.without_password()).unwrap().passwords().is_empty());
        }
        for bad in [
            "postgres://u:Zq7P?q@h/d",
            "postgres://u:Zq7P#q@h/d",
            "postgres://u@h/d#Zq7P",
            "postgres://h/d?PASSWORD=Zq7P",
            "postgres://h/d?Zq7P",
            "Zq7P://u@h/d",
            "sqlite:var/duban.db?password=Zq7P",
            "sqlite:var/duban.db#Zq7P",
            "sqlite:postgres://u:Zq7P@h/d",
        ] {
            let fault = DatabaseUrl::parse(bad).unwrap_err();
            assert!(!format!("{fault:?}").contains("Zq7"), "{fault:?}");
        }
        assert_eq!(DatabaseUrl::parse("sqlite:var/a@b.db").unwrap().to_string(), "var/a@b.db");
    }

    #[test]
    fn a_password_of_elsewhere_is_part_of_what_connects_only() {
        for url in ["postgres://u@h:5432/d?sslmode=verify-full", "postgres://u@h/d", "postgres:///d?host=/var/run/postgresql"] {
            let parsed = DatabaseUrl::parse(url).unwrap().with_password(&Secret::new("Zq7 &=P+ß"));
            let DatabaseUrl::Postgres(postgres) = &parsed else { panic!("{url}") };
            let pairs: Vec<(String, String)> = Url::parse(postgres.exposed()).unwrap().query_pairs().into_owned().collect();
            assert_eq!(pairs.last().unwrap(), &("password".to_owned(), "Zq7 &=P+ß".to_owned()));
            assert_eq!(parsed.passwords().len(), 2);
            let shown = format!("{parsed} {parsed:?} {}", parsed.without_password());
            assert!(!shown.contains("Zq7"), "{shown}");
        }
    }

    #[test]
    fn a_far_database_without_a_checked_certificate_is_known() {
        for (url, far) in [
            ("sqlite:var/duban.db", false),
            ("postgres://u@127.0.0.1/d", false),
            ("postgres://u@[::1]:5432/d", false),
            ("postgres://u@localhost/d", false),
            ("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", false),
            ("postgres:///d?host=/var/run/postgresql", false),
            ("postgres:///d", false),
            ("postgres://u@db.example/d", true),
            ("postgres://u@db.example/d?sslmode=require", true),
            ("postgres://u@db.example/d?sslmode=verify-ca", true),
            ("postgres://u@db.example/d?sslmode=verify-full", false),
            ("postgres://u@db.example/d?sslmode=verify-full&sslmode=disable", true),
            ("postgres://localhost/d?host=db.example", true),
            ("postgres://localhost/d?hostaddr=10.0.0.1", true),
            ("postgres://u@127.0.0.1.evil.example/d", true),
            ("postgres://u@10.0.0.1/d", true),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().is_plain_and_far(), far, "{url}");
        }
    }
}
