//! `[[source]]` of `config/duban.toml`: where a register comes from. A file, a folder of files, or a query of a database.

use crate::domain::bounds::some_between;
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::source_choice::pattern_fault;
use serde::Deserialize;

/// One source as it is written; [`SourceSettings::origin`] distinguishes file, folder and database.
#[derive(Clone, Deserialize)]
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
    pub database: Option<String>,
    pub query: Option<String>,
    pub password_file: Option<String>,
    #[serde(default, deserialize_with = "some_between::<1, 10_000_000, _, _>")]
    pub rows_max: Option<u32>,
    #[serde(default, deserialize_with = "some_between::<1, 86_400, _, _>")]
    pub timeout_seconds: Option<u32>,
}

/// Leaves out the url, which may hold a password.
impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
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
    pub url: &'a str,
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
    let kinds = [("path", &source.path), ("folder", &source.folder), ("database", &source.database)];
    let given: Vec<&str> = kinds.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| *key).collect();
    let [kind] = given.as_slice() else {
        let message =
            if given.is_empty() { "says not where its rows are".to_owned() } else { format!("has {} at once", given.join(" and ")) };
        at.report(message, Some("give exactly one of path (a file), folder (its newest file), database (a query)".into()));
        return;
    };
    for (key, value) in kinds {
        if let Some(value) = value
            && (value.trim() != value || value.is_empty())
        {
            // a url may hold a password
            let shown = if key == "database" { String::new() } else { format!(" \"{value}\"") };
            at.report(format!("{key}{shown} is empty or has spaces around it"), None);
        }
    }
    for (key, is_given, of) in [
        ("pattern", source.pattern.is_some(), "folder"),
        ("marker", source.marker.is_some(), "folder"),
        ("settle_seconds", source.quiet_seconds.is_some(), "folder"),
        ("query", source.query.is_some(), "database"),
        ("password_file", source.password_file.is_some(), "database"),
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

fn check_database(source: &SourceSettings, url: &str, at: &mut ProblemsAt<'_>) {
    let scheme = url.split(':').next().unwrap_or_default();
    if !["sqlite", "postgres", "postgresql"].contains(&scheme) || !url.contains(':') {
        at.report("database must begin with sqlite: or postgres://", suggest(scheme, ["sqlite", "postgres"].into_iter()));
    }
    match source.query.as_deref().map(query_fault) {
        None => at.report("database without query", Some("write query = \"SELECT … FROM …\"".into())),
        Some(Some(fault)) => {
            at.report(format!("query {fault}"), Some("a source only reads: one SELECT (or WITH … SELECT)".into()));
        }
        Some(None) => {}
    }
    if source.password_file.is_some() && (scheme == "sqlite" || has_password(url)) {
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

/// Whether a database url holds a password, before its host or as a parameter.
pub fn has_password(url: &str) -> bool {
    without_password(url) != url
}

/// A database url without its password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // passwords and parameters may hold @ and ?: the login ends at the last @ before the first ? that has an @ before it
    let ends = rest.match_indices('?').map(|(at, _)| at).chain([rest.len()]);
    let login = ends.filter_map(|end| rest[..end].rfind('@')).next();
    let (login, place) = match login {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (place, parameters) = place.split_once('?').unwrap_or((place, ""));
    let user = login.map(|login| format!("{}@", login.split(':').next().unwrap_or_default())).unwrap_or_default();
    let others: Vec<&str> = parameters.split('&').filter(|part| !part.is_empty() && !part.starts_with("password=")).collect();
    let parameters = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    format!("{scheme}://{user}{place}{parameters}")
}

/// A configuration text without the passwords of its database urls. `urls` are those the text holds. Where the text writes one with
/// escapes, a search misses it: then the whole text is written anew from the parsed table.
pub(crate) fn without_passwords<'a>(text: &str, urls: impl Iterator<Item = &'a String>) -> String {
    let urls: Vec<&String> = urls.filter(|url| has_password(url)).collect();
    let bare = urls.iter().fold(text.to_owned(), |text, url| text.replace(url.as_str(), &without_password(url)));
    let Ok(mut table) = bare.parse::<toml::Table>() else { return bare };
    if strip_passwords(&mut table) { table.to_string() } else { bare }
}

/// Removes the passwords from every url of a table; whether there was one.
fn strip_passwords(table: &mut toml::Table) -> bool {
    let mut found = false;
    for (key, value) in table.iter_mut() {
        match value {
            toml::Value::String(url) if (key == "url" || key == "database") && has_password(url) => {
                *url = without_password(url);
                found = true;
            }
            toml::Value::Table(table) => found |= strip_passwords(table),
            toml::Value::Array(values) => {
                for table in values.iter_mut().filter_map(toml::Value::as_table_mut) {
                    found |= strip_passwords(table);
                }
            }
            _ => {}
        }
    }
    found
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
    fn urls_lose_their_passwords_and_nothing_else() {
        for (url, bare) in [
            ("postgres://u:p@h:5432/d", "postgres://u@h:5432/d"),
            ("postgres://u:p@@h/d?sslmode=require", "postgres://u@h/d?sslmode=require"),
            ("postgres://u:p?q@h/d?application_name=a@b", "postgres://u@h/d?application_name=a@b"),
            ("postgres://h/d?user=u&password=p", "postgres://h/d?user=u"),
            ("postgres://h/d?password=p", "postgres://h/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("sqlite:var/a@b.db", "sqlite:var/a@b.db"),
        ] {
            assert_eq!(without_password(url), bare);
            assert_eq!(has_password(url), url != bare);
        }
        let text = "# kept\n[[source]]\ndatabase = \"postgres://u:p\\\"q@h/d\"\n";
        let bare = without_passwords(text, ["postgres://u:p\"q@h/d".to_owned()].iter());
        assert!(bare.contains("postgres://u@h/d") && !bare.contains("q@"), "{bare}");
    }
}
