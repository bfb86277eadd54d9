//! `[[source]]` of `config/duban.toml`: where a register comes from. A file, a folder of files, or a query of a database.

use crate::domain::bounds::some_between;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::problem::ProblemsAt;
use crate::domain::secret::{Secret, hide_all, without_passwords_of_addresses};
use crate::domain::source_choice::pattern_fault;
use serde::Deserialize;

/// One source as it is written; [`SourceSettings::origin`] distinguishes file, folder and database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    pub name: String,
    /// The shipped sample: it is ignored once another source holds projects.
    #[serde(default)]
    pub sample: bool,
    /// A file, relative to the root.
    pub path: Option<String>,
    /// A folder, relative to the root: its newest file is read.
    pub folder: Option<String>,
    pub pattern: Option<String>,
    pub marker: Option<String>,
    #[serde(rename = "settle_seconds", default, deserialize_with = "some_between::<0, 86_400, _, _>")]
    pub quiet_seconds: Option<u32>,
    /// `sqlite:PATH` (relative to the root) or `postgres://user@host/name`.
    pub database: Option<DatabaseUrl>,
    /// Why a database of another machine may be reached without a checked certificate.
    pub accept_plaintext: Option<String>,
    pub query: Option<String>,
    pub password_file: Option<String>,
    #[serde(default, deserialize_with = "some_between::<1, 10_000_000, _, _>")]
    pub rows_max: Option<u32>,
    #[serde(default, deserialize_with = "some_between::<1, 86_400, _, _>")]
    pub timeout_seconds: Option<u32>,
    /// Whether the directory (通讯录) of this source gives units their mailboxes; left out: a folder's does not.
    pub mailboxes: Option<bool>,
}

/// A source that reads the newest file of a folder.
pub struct FolderSource<'a> {
    pub folder: &'a str,
    pub pattern: &'a str,
    /// A file that the folder holds only while it is mounted.
    pub marker: Option<&'a str>,
    /// A file changed less than this long ago may still be written to and is not read.
    pub quiet_seconds: u32,
}

/// A source that reads the rows of a query.
pub struct DatabaseSource<'a> {
    pub url: &'a DatabaseUrl,
    pub query: &'a str,
    /// File that holds the password (mode 0600), relative to the root.
    pub password_file: Option<&'a str>,
    pub rows_max: u32,
    pub timeout_seconds: u32,
}

/// The kind of a source, with the defaults filled in.
pub enum Origin<'a> {
    File(&'a str),
    Folder(FolderSource<'a>),
    Database(DatabaseSource<'a>),
}

const PATTERN: &str = "*.xlsx";
const QUIET_SECONDS: u32 = 60;
const ROWS_MAX: u32 = 1_000_000;
const TIMEOUT_SECONDS: u32 = 300;

impl SourceSettings {
    /// Whether its directory gives units their mailboxes. Into a folder whoever may write there lays files, also a unit.
    pub fn sets_mailboxes(&self) -> bool {
        self.mailboxes.unwrap_or(self.folder.is_none())
    }

    /// Folder, database or file. A source that [`check`] passes names exactly one.
    pub fn origin(&self) -> Origin<'_> {
        match (&self.folder, &self.database) {
            (Some(folder), _) => Origin::Folder(FolderSource {
                folder,
                pattern: self.pattern.as_deref().unwrap_or(PATTERN),
                marker: self.marker.as_deref(),
                quiet_seconds: self.quiet_seconds.unwrap_or(QUIET_SECONDS),
            }),
            (None, Some(url)) => Origin::Database(DatabaseSource {
                url,
                query: self.query.as_deref().unwrap_or_default(),
                password_file: self.password_file.as_deref(),
                rows_max: self.rows_max.unwrap_or(ROWS_MAX),
                timeout_seconds: self.timeout_seconds.unwrap_or(TIMEOUT_SECONDS),
            }),
            (None, None) => Origin::File(self.path.as_deref().unwrap_or_default()),
        }
    }
}

/// Reports what is wrong with one source.
pub(crate) fn check(source: &SourceSettings, at: &mut ProblemsAt<'_>) {
    if source.name.trim() != source.name || source.name.is_empty() || source.name.chars().count() > 64 {
        at.report("name is empty, too long or has spaces around it", None);
    }
    let kinds = [("path", source.path.is_some()), ("folder", source.folder.is_some()), ("database", source.database.is_some())];
    let given: Vec<&str> = kinds.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key).collect();
    let [kind] = given.as_slice() else {
        let message =
            if given.is_empty() { "says not where its rows are".to_owned() } else { format!("has {} at once", given.join(" and ")) };
        at.report(message, Some("give exactly one of path (a file), folder (its newest file), database (a query)".into()));
        return;
    };
    for (key, value) in [("path", &source.path), ("folder", &source.folder)] {
        if value.as_ref().is_some_and(|value| value.contains("://")) {
            // it is not repeated, because it may hold a password
            at.report(format!("{key} is an address, not a path"), Some("write a database as database = \"…\" with its query".into()));
        } else if let Some(value) = value
            && (value.trim() != value || value.is_empty())
        {
            at.report(format!("{key} \"{value}\" is empty or has spaces around it"), None);
        }
    }
    for (key, is_given, of) in [
        ("pattern", source.pattern.is_some(), "folder"),
        ("marker", source.marker.is_some(), "folder"),
        ("settle_seconds", source.quiet_seconds.is_some(), "folder"),
        ("query", source.query.is_some(), "database"),
        ("password_file", source.password_file.is_some(), "database"),
        ("accept_plaintext", source.accept_plaintext.is_some(), "database"),
        ("rows_max", source.rows_max.is_some(), "database"),
        ("timeout_seconds", source.timeout_seconds.is_some(), "database"),
    ] {
        if is_given && *kind != of {
            at.report(format!("{key} goes with {of}, not with {kind}"), None);
        }
    }
    if let Some(pattern) = &source.pattern
        && let Some(fault) = pattern_fault(pattern)
    {
        at.report(format!("pattern \"{pattern}\" {fault}"), Some("write it like \"*.xlsx\" or \"项目台账*.xls?\"".into()));
    }
    if source.marker.as_ref().is_some_and(|marker| marker.trim().is_empty() || marker.contains(['/', '\\'])) {
        at.report("marker is no name of a file in the folder", None);
    }
    if let Some(url) = &source.database {
        check_database(source, url, at);
    }
}

fn check_database(source: &SourceSettings, url: &DatabaseUrl, at: &mut ProblemsAt<'_>) {
    match source.query.as_deref().map(query_fault) {
        None => at.report("database without query", Some("write query = \"SELECT … FROM …\"".into())),
        Some(Some(fault)) => {
            at.report(format!("query {fault}"), Some("a source only reads: one SELECT (or WITH … SELECT)".into()));
        }
        Some(None) => {}
    }
    if source.password_file.is_some() && (matches!(url, DatabaseUrl::Sqlite(_)) || !url.passwords().is_empty()) {
        at.report("password_file goes with a postgres url without a password", None);
    }
}

/// Why a query is not a single statement that only reads, judged by its text; the database enforces it.
fn query_fault(query: &str) -> Option<&'static str> {
    let code = code_of(query);
    let code = code.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let first = code.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_lowercase();
    if code.is_empty() {
        Some("is empty")
    } else if code.contains(';') {
        Some("holds more than one statement")
    } else if !["select", "with", "values"].contains(&first.as_str()) {
        Some("is no SELECT")
    } else {
        None
    }
}

/// A statement with a space instead of each comment, text and quoted name.
fn code_of(query: &str) -> String {
    let mut code = String::new();
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if c == '\'' || c == '"' {
            rest[1..].find(c).map_or(rest.len(), |at| at + 2)
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The shortest password that is looked for in texts that are read once more: a shorter one may be a part of any word.
const PASSWORD_LENGTH_MIN: usize = 6;

/// The text of `config/duban.toml` as a run may store it: its addresses without passwords, its queries without anything that is one, and no
/// comments.
pub(crate) fn settings_without_secrets(text: &str, passwords: &[Secret]) -> String {
    let Ok(mut table) = text.parse::<toml::Table>() else { return String::new() };
    strip_table(&mut table, passwords);
    table.to_string()
}

fn strip_table(table: &mut toml::Table, passwords: &[Secret]) {
    for (key, value) in table.iter_mut() {
        strip_value(key, value, passwords);
    }
}

fn strip_value(key: &str, value: &mut toml::Value, passwords: &[Secret]) {
    match value {
        toml::Value::String(text) => {
            *text = match DatabaseUrl::parse(text) {
                Ok(url) if key == "url" || key == "database" => url.without_password(),
                _ => without_passwords_of_addresses(text, true),
            };
            if key == "query" {
                let bare = hide_all(text, passwords);
                // a stored configuration is read once more, and a query that is none would be a problem of it
                *text = if query_fault(&bare).is_none() { bare } else { "SELECT 1".to_owned() };
            }
        }
        toml::Value::Table(table) => strip_table(table, passwords),
        toml::Value::Array(values) => values.iter_mut().for_each(|value| strip_value(key, value, passwords)),
        _ => {}
    }
}

/// Another text of the configuration as a run may store it: without the passwords of addresses and without those of the settings.
pub(crate) fn text_without_secrets(text: &str, passwords: &[Secret]) -> String {
    let long = passwords.iter().filter(|password| password.exposed().len() >= PASSWORD_LENGTH_MIN);
    hide_all(&without_passwords_of_addresses(text, false), long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_one_statement_that_only_reads() {
        for fine in [
            "SELECT * FROM t",
            " with a as (select 1) select * from a ; ",
            "-- the register\nSELECT ';' AS \"a;b\" /* ; */ FROM t;",
            "SELECT 'it''s; fine'",
        ] {
            assert_eq!(query_fault(fine), None, "{fine}");
        }
        for (bad, fault) in [
            ("", "is empty"),
            ("-- nothing", "is empty"),
            ("SELECT 1; DROP TABLE t", "holds more than one statement"),
            ("DELETE FROM t", "is no SELECT"),
            ("/* SELECT */ UPDATE t SET a = 1", "is no SELECT"),
            ("SELECT 1 --\n; SELECT 2", "holds more than one statement"),
        ] {
            assert_eq!(query_fault(bad), Some(fault), "{bad}");
        }
    }

    #[test]
    fn stored_texts_hold_no_password() {
        let url = "postgres://u:Zq7%22SECRET@h/d";
        let text = format!(
            "# old: postgres://a:Zq7OTHER@h/d\n[[source]]\nname = 'a'\ndatabase = \"{url}?sslmode=verify-full\"\n\
             query = '''SELECT dblink('postgres://x:Zq7THIRD@h/d', 'Zq7\"SECRET') -- {url}'''\n"
        );
        let passwords = DatabaseUrl::parse(url).unwrap().passwords().to_vec();
        let bare = settings_without_secrets(&text, &passwords);
        assert!(bare.contains("postgres://u@h/d?sslmode=verify-full") && bare.contains("SELECT dblink("), "{bare}");
        assert!(!bare.contains("Zq7"), "{bare}");
        // a password that is a word of the query leaves a query that can be read
        let bare = settings_without_secrets("query = 'SELECT 1'", &[Secret::new("SELECT")]);
        assert_eq!(bare.trim(), "query = \"SELECT 1\"");
        let bare = text_without_secrets("# postgres://u:Zq7P@h Zq7\"SECRET https://a/?token={{ t }}", &passwords);
        assert_eq!(bare, "# postgres://u:***@h *** https://a/?token={{ t }}");
    }
}
