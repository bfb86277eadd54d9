//! `config/duban.toml` → [`Settings`]: the office, its database, sources, limits and mail server.

use crate::config::brake_settings::Brake;
use crate::config::file_set::{FileSet, parse_toml};
use crate::config::operator_settings::{self, OperatorSettings};
use crate::config::portal_settings::{self, PortalSettings};
use crate::config::source_settings::{self, SourceSettings};
use crate::domain::audience::is_counts_only;
use crate::domain::bounds::between;
use crate::domain::database_url::{DatabaseUrl, is_this_machine};
use crate::domain::mailbox;
use crate::domain::problem::{Problems, ProblemsAt};
use crate::domain::register::calendar::parse_day;
use crate::domain::register::units::Units;
use crate::domain::rules::rule::Act;
use chrono::NaiveDate;
use serde::Deserialize;
use toml::de::DeTable;

pub(crate) const FILE: &str = "config/duban.toml";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub office: Office,
    #[serde(default)]
    pub start: Start,
    pub database: Database,
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceSettings>,
    #[serde(default)]
    pub operator: OperatorSettings,
    #[serde(default)]
    pub brake: Brake,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub parser: ParserSettings,
    #[serde(default)]
    pub feedback: FeedbackSettings,
    pub mail: MailSettings,
    /// `None` = the file does not name it: pages for this machine, once somebody has an account.
    pub portal: Option<PortalSettings>,
}

/// The processes that read files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParserSettings {
    /// Why the office accepts that they are only limited, on a system whose kernel filters no system calls.
    pub accept_weak: Option<String>,
}

/// Where units send filled-in feedback forms.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackSettings {
    /// Relative to the root; every run imports the forms it finds there. `None`: forms are imported by hand.
    pub folder: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// As signed under a mail.
    pub name: String,
    /// The person or desk to call, without a phone number.
    pub contact: String,
    /// Working days a unit has to object to a digest.
    #[serde(deserialize_with = "between::<1, 250, _, _>")]
    pub objection_workdays: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The first day of acts above 提醒; `duban init` sets it.
    pub enforce_on: Option<StartDate>,
}

/// A date written as a TOML string or date.
#[derive(Clone, Copy, Debug)]
pub struct StartDate(pub NaiveDate);

impl<'de> Deserialize<'de> for StartDate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<StartDate, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let text = match &value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Datetime(date) => date.to_string(),
            other => other.to_string(),
        };
        let day = parse_day(&text).map(StartDate);
        day.ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no date; write \"2027-01-01\"")))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:var/duban.db` (relative to the root) or `postgres://user@host/name`.
    pub url: DatabaseUrl,
    /// File that holds the password (mode 0600), relative to the root.
    pub password_file: Option<String>,
    /// Why a database of another machine may be reached without a checked certificate.
    pub accept_plaintext: Option<String>,
}

/// Limits of reading a file, which a child process does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    #[serde(deserialize_with = "between::<1, 65_536, _, _>")]
    pub file_mib_max: u64,
    #[serde(deserialize_with = "between::<1, 1_048_576, _, _>")]
    pub parse_memory_mib: u64,
    #[serde(deserialize_with = "between::<1, 86_400, _, _>")]
    pub parse_seconds: u64,
    #[serde(deserialize_with = "between::<1, 10_000_000, _, _>")]
    pub rows_max: u32,
    #[serde(deserialize_with = "between::<1, 16_384, _, _>")]
    pub columns_max: u32,
    /// Size of a mail's attachment in KiB; a larger one is left out and the mail notes it.
    #[serde(deserialize_with = "between::<0, 1_048_576, _, _>")]
    pub attachment_kib_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_mib_max: 512,
            parse_memory_mib: 2048,
            parse_seconds: 300,
            rows_max: 1_048_576,
            columns_max: 1024,
            attachment_kib_max: 5120,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The address mails come from.
    pub from: String,
    /// The address answers go to.
    pub reply_to: String,
    /// Domains, with their subdomains, whose mail may carry rows and not counts only.
    pub allowed_domains: Vec<String>,
    /// Test mode: every mail goes to this address instead, marked with the unit it is for; no unit counts as notified.
    pub test_to: Option<String>,
    /// The most mails of one day; beyond it sending stops until a person allows more.
    #[serde(default = "five_thousand", deserialize_with = "between::<1, 10_000_000, _, _>")]
    pub daily_max: i64,
    /// Days after which a mail that could not be sent is abandoned.
    #[serde(default = "five_days", deserialize_with = "between::<1, 365, _, _>")]
    pub too_late_days: u32,
    /// The acts whose drafts two persons have to release, 通报 and 约谈 if any.
    #[serde(default)]
    pub two_persons: Vec<TwoPersonAct>,
    pub smtp: Option<SmtpSettings>,
}

/// An act whose drafts may need two persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TwoPersonAct {
    /// 通报
    Circulate,
    /// 约谈
    Interview,
}

impl TwoPersonAct {
    /// The code of the act.
    pub fn code(self) -> &'static str {
        match self {
            TwoPersonAct::Circulate => Act::Circulate.code(),
            TwoPersonAct::Interview => Act::Interview.code(),
        }
    }
}

/// The name or address of a machine. The error does not repeat what is none, because people write user and password before it.
fn host_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let host = String::deserialize(deserializer)?;
    let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
    let is_name = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_address || is_name {
        return Ok(host);
    }
    Err(serde::de::Error::custom("is no name or address of a machine; write it alone, port, user and password_file have keys of their own"))
}

fn five_thousand() -> i64 {
    5000
}

fn five_days() -> u32 {
    5
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    #[serde(deserialize_with = "host_name")]
    pub host: String,
    #[serde(deserialize_with = "between::<1, 65_535, _, _>")]
    pub port: u16,
    pub tls: SmtpTls,
    pub user: Option<String>,
    /// File that holds the password (mode 0600), relative to the root.
    pub password_file: Option<String>,
    /// Certificate of the office's own authority (PEM), relative to the root.
    pub ca_file: Option<String>,
    /// The full name of this machine, by which it greets (EHLO).
    pub hello: Option<String>,
    /// For each command of the dialogue.
    #[serde(default = "sixty", deserialize_with = "between::<1, 300, _, _>")]
    pub timeout_seconds: u64,
    /// For the reply to a whole message. A client that stops waiting too early sends the mail a second time.
    #[serde(default = "six_hundred", deserialize_with = "between::<1, 1800, _, _>")]
    pub final_timeout_seconds: u64,
    #[serde(default = "four", deserialize_with = "between::<1, 64, _, _>")]
    pub connections: u32,
    /// Why a server of another machine may be reached without TLS. Its mails carry counts only, unless `plaintext_rows` is set.
    pub accept_plaintext: Option<String>,
    /// Mails that cross the network in plain text may carry rows.
    #[serde(default)]
    pub plaintext_rows: bool,
}

impl SmtpSettings {
    /// Whether mails would leave this machine in plain text.
    pub fn is_plain_and_far(&self) -> bool {
        self.tls == SmtpTls::None && !is_this_machine(&self.host)
    }
}

impl MailSettings {
    /// Whether a mail to this address holds counts only: it leaves `allowed_domains`, or crosses the network in plain text.
    pub fn is_counts_only(&self, address: &str) -> bool {
        let is_plain = self.smtp.as_ref().is_some_and(|smtp| smtp.is_plain_and_far() && !smtp.plaintext_rows);
        is_plain || is_counts_only(address, &self.allowed_domains)
    }
}

/// A way that crosses a network in plain text, and the reason why the office accepts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainWay {
    /// The section of the configuration, such as `source "business"`.
    pub section: String,
    /// The host and database, or host and port.
    pub place: String,
    pub reason: String,
}

fn sixty() -> u64 {
    60
}

fn six_hundred() -> u64 {
    600
}

fn four() -> u32 {
    4
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// STARTTLS, required.
    Starttls,
    /// TLS from the first byte, as on port 465.
    Implicit,
    /// Plain text: for a relay on this machine only.
    None,
}

impl Settings {
    /// How the pages are served, also where the file names nothing.
    pub fn pages(&self) -> PortalSettings {
        self.portal.clone().unwrap_or_default()
    }

    pub fn enforce_on(&self) -> Option<NaiveDate> {
        self.start.enforce_on.map(|date| date.0)
    }

    /// The ways that cross a network in plain text, which the office has accepted.
    pub fn plain_ways(&self) -> Vec<PlainWay> {
        let mut ways = Vec::new();
        let mut add = |section: String, place: String, reason: &Option<String>| {
            ways.push(PlainWay { section, place, reason: reason.clone().unwrap_or_default() });
        };
        if self.database.url.is_plain_and_far() {
            add("database".into(), self.database.url.to_string(), &self.database.accept_plaintext);
        }
        for source in &self.sources {
            if let Some(url) = source.database.as_ref().filter(|url| url.is_plain_and_far()) {
                add(format!("source \"{}\"", source.name), url.to_string(), &source.accept_plaintext);
            }
        }
        if let Some(smtp) = self.mail.smtp.as_ref().filter(|smtp| smtp.is_plain_and_far()) {
            add("mail.smtp".into(), format!("{}:{}", smtp.host, smtp.port), &smtp.accept_plaintext);
        }
        ways
    }

    pub fn source(&self, name: &str) -> Option<&SourceSettings> {
        self.sources.iter().find(|source| source.name == name)
    }
}

/// The source that `duban import` stores files under; no configured source may have its name.
pub const IMPORT: &str = "import";

/// The settings, checked. `None` where the file cannot be read at all.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Option<Settings> {
    let known = problems.0.len();
    let Some(settings) = parse_toml::<Settings>(files, FILE, problems) else {
        problems.0[known..].iter_mut().for_each(|problem| problem.message = without_value(&problem.message));
        return None;
    };
    for (number, source) in settings.sources.iter().enumerate() {
        let mut at = problems.at(FILE, format!("source \"{}\"", source.name));
        if source.name == IMPORT || settings.sources[..number].iter().any(|other| other.name == source.name) {
            at.report("the name is taken", Some("\"import\" is kept for duban import".into()));
        }
        source_settings::check(source, &mut at);
    }
    operator_settings::check(&settings.operator, &mut problems.at(FILE, "operator".to_owned()));
    if let Some(portal) = &settings.portal {
        portal_settings::check(portal, &mut problems.at(FILE, "portal".to_owned()));
    }
    for PlainWay { section, place, reason } in settings.plain_ways() {
        if reason.trim().is_empty() {
            let tls = if section == "mail.smtp" { "set tls = \"starttls\" or \"implicit\"" } else { "add ?sslmode=verify-full to the url" };
            problems.at(FILE, section).report(
                format!("{place} is another machine, and what goes there would cross the network in plain text"),
                Some(format!("{tls}; or accept it with accept_plaintext = \"REASON\", which is recorded")),
            );
        }
    }
    if settings.parser.accept_weak.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        problems.at(FILE, "parser").report("accept_weak is empty", Some("write the reason for which the office accepts it".into()));
    }
    let Database { url, password_file, .. } = &settings.database;
    if password_file.is_some() && (matches!(url, DatabaseUrl::Sqlite(_)) || !url.passwords().is_empty()) {
        problems.at(FILE, "database").report("password_file goes with a postgres url without a password", None);
    }
    check_mail(&settings, &mut problems.at(FILE, "mail"));
    if let Some(smtp) = &settings.mail.smtp {
        check_smtp(smtp, &mut problems.at(FILE, "mail.smtp"));
    }
    Some(settings)
}

/// The section of the database in a text that may have faults anywhere; what of it cannot be read is as shipped.
pub(crate) fn database_despite_faults(text: &str) -> Database {
    let (document, _) = DeTable::parse_recoverable(text);
    let section = document.get_ref().get("database").and_then(|section| section.get_ref().as_table());
    let word = |key: &str| section.and_then(|section| section.get(key)?.get_ref().as_str()).map(str::to_owned);
    let url = word("url").and_then(|url| DatabaseUrl::parse(&url).ok());
    let url = url.unwrap_or_else(|| DatabaseUrl::Sqlite(SHIPPED_DATABASE.to_owned()));
    Database { url, password_file: word("password_file"), accept_plaintext: None }
}

/// Where the database is as shipped, relative to the root.
const SHIPPED_DATABASE: &str = "var/duban.db";

/// What serde reports of a value of the wrong type, without the value: it may be a password.
fn without_value(message: &str) -> String {
    let cut = |begin: &str| {
        let (before, rest) = message.split_once(begin)?;
        let (found, expected) = rest.rsplit_once(", expected")?;
        let kind = found.split(['`', '"', '\'']).next().unwrap_or_default().trim_end();
        Some(format!("{before}{begin}{kind}, expected{expected}"))
    };
    cut("invalid type: ").or_else(|| cut("invalid value: ")).unwrap_or_else(|| message.to_owned())
}

fn check_mail(settings: &Settings, at: &mut ProblemsAt<'_>) {
    let mail = &settings.mail;
    if mail.smtp.is_some() && mail.allowed_domains.is_empty() {
        at.report("allowed_domains is empty", Some("name the domains whose mail may carry project rows".into()));
    }
    for (key, address) in [("from", &mail.from), ("reply_to", &mail.reply_to)] {
        if let Some(fault) = mailbox::fault(address) {
            let hint = "write one address alone, name@domain; the name that is shown is [office] name";
            at.report(format!("{key} \"{address}\" is no mail address: {fault}"), Some(hint.into()));
        }
    }
    for (number, domain) in mail.allowed_domains.iter().enumerate() {
        if let Some((fault, hint)) = mailbox::domain_fault(domain) {
            at.report(format!("allowed_domains, entry {} \"{domain}\" {fault}", number + 1), Some(hint.into()));
        }
    }
    if let Some(test_to) = &mail.test_to
        && (mailbox::fault(test_to).is_some() || is_counts_only(test_to, &mail.allowed_domains))
    {
        at.report(
            format!("test_to \"{test_to}\" is no address within allowed_domains"),
            Some("the test box gets what every unit would get".into()),
        );
    }
}

fn check_smtp(smtp: &SmtpSettings, at: &mut ProblemsAt<'_>) {
    if smtp.port == 465 && smtp.tls == SmtpTls::Starttls {
        at.report("port 465 speaks TLS from the first byte", Some("set tls = \"implicit\"".into()));
    }
    if let Some(fault) =
        smtp.hello.as_deref().and_then(|hello| if hello.contains('.') { mailbox::host_fault(hello) } else { Some("it has no dot") })
    {
        at.report(format!("hello is no full name of a machine: {fault}"), Some("such as \"duban.tz.example.gov.cn\"".into()));
    }
    if smtp.user.is_some() != smtp.password_file.is_some() {
        at.report("user and password_file go together", None);
    }
    if smtp.is_plain_and_far() && smtp.user.is_some() {
        at.report("the password would cross the network in plain text", Some("set tls = \"starttls\" or \"implicit\"".into()));
    }
}

/// Reports units whose mailbox is still a shipped `.example`, once mail is sent to units.
pub(crate) fn check_mailboxes(settings: &Settings, units: &Units, problems: &mut Problems) {
    // in test mode no mail goes to a unit
    if settings.mail.smtp.is_none() || settings.mail.test_to.is_some() {
        return;
    }
    let is_shipped = |mailbox: &str| mailbox.ends_with(".example");
    let shipped: Vec<&str> =
        units.units.iter().filter(|unit| unit.mailbox.as_deref().is_some_and(is_shipped)).map(|unit| unit.name.as_str()).collect();
    if shipped.is_empty() {
        return;
    }
    let names = shipped.iter().take(5).copied().collect::<Vec<_>>().join("、");
    problems.push(
        "config/units.toml",
        format!("{} units still have a shipped .example mailbox: {names} …", shipped.len()),
        Some("replace them by the units' own before mail is sent".into()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_found_in_a_text_with_faults() {
        let found = |text: &str| database_despite_faults(text).url.to_string();
        for text in [
            "[database]\nurl = \"sqlite:a.db\"\n[mail]\nfrom = \"x\n",
            "x = \n[office\nname = \"甲\"\n[database]\nurl = \"sqlite:a.db\"\n",
            "a = 1\na = 2\n[database]\nunknown = 7\nurl = \"sqlite:a.db\"",
        ] {
            assert_eq!(found(text), "a.db", "{text}");
        }
        for text in ["", "[database]\nurl = 5", "[database]\nurl = \"mysql://x\""] {
            assert_eq!(found(text), SHIPPED_DATABASE, "{text}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        for (message, expect) in [
            ("line 3: a: invalid type: integer `123`, expected a string", "line 3: a: invalid type: integer, expected a string"),
            ("a: invalid type: string \"p, expected x\", expected u32", "a: invalid type: string, expected u32"),
            ("a: invalid value: floating point `1.5`, expected u32", "a: invalid value: floating point, expected u32"),
            ("a: invalid type: map, expected a string", "a: invalid type: map, expected a string"),
            ("a: 0 is not between 1 and 9", "a: 0 is not between 1 and 9"),
        ] {
            assert_eq!(without_value(message), expect);
        }
    }
}
