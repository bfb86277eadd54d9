//! `config/duban.toml` → [`Settings`]: the office, where things are, limits.

use crate::config::load::{FileSet, Problem, Problems, parse_toml, suggest};
use crate::config::source_settings;
use crate::config::source_settings::SourceSettings;
use crate::domain::rules::policy::Policy;
use chrono::NaiveDate;
use serde::Deserialize;

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
    pub brake: Brake,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub feedback: FeedbackSettings,
    pub mail: MailSettings,
}

/// Where filled-in forms are laid down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackSettings {
    /// Relative to the root; every run takes in what has come. `None`: forms are imported by hand.
    pub folder: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// As signed under a mail, e.g. 省投资促进局.
    pub name: String,
    /// Whom to call, without a phone number.
    pub contact: String,
    /// Working days a unit has to object to a digest.
    pub objection_workdays: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// From this day acts above 提醒 run (set by `duban init`).
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
        text.parse().map(StartDate).map_err(|_| serde::de::Error::custom(format!("\"{text}\" is no date; write \"2027-01-01\"")))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:var/duban.db` (relative to the root) or `postgres://user:password@host/name`.
    pub url: String,
}

/// Bounds of the bad-import brake, in percent of the last snapshot in force.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Brake {
    pub rows_fewer_pct: u32,
    pub amount_change_pct: u32,
    pub codes_changed_pct: u32,
    /// One code's amount at least this many times larger or smaller.
    pub amount_times: u32,
}

impl Default for Brake {
    fn default() -> Brake {
        Brake { rows_fewer_pct: 20, amount_change_pct: 30, codes_changed_pct: 10, amount_times: 1000 }
    }
}

/// Limits of reading a file, enforced in the child process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub file_mib_max: u64,
    pub parse_memory_mib: u64,
    pub parse_seconds: u64,
    pub rows_max: u32,
    pub columns_max: u32,
    /// Bytes of one mail's attachment; above it the mail carries a notice instead.
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
    /// Address mails come from.
    pub from: String,
    /// Where answers go: the office.
    pub reply_to: String,
    /// Domains (with their subdomains) that may get more than counts.
    pub allowed_domains: Vec<String>,
    /// Test mode: every mail goes to this address instead, marked with whom it is meant for; no unit counts as told.
    pub test_to: Option<String>,
    /// The fuse: a day on which more mails than this would go out is not an ordinary one.
    #[serde(default = "five_thousand")]
    pub daily_max: i64,
    /// Days after which a mail that could not be sent is given up.
    #[serde(default = "five_days")]
    pub too_late_days: u32,
    pub smtp: Option<SmtpSettings>,
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
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub user: Option<String>,
    /// File that holds the password (mode 0600), relative to the root.
    pub password_file: Option<String>,
    /// Certificate of the office's own authority (PEM), relative to the root.
    pub ca_file: Option<String>,
    /// For each step of the dialogue.
    #[serde(default = "sixty")]
    pub timeout_seconds: u64,
    /// For the reply to a whole message: who gives up early mails twice.
    #[serde(default = "six_hundred")]
    pub final_timeout_seconds: u64,
    #[serde(default = "four")]
    pub connections: u32,
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
    /// TLS from the first byte.
    Implicit,
    /// Plain text: for a relay on this machine only.
    None,
}

impl Settings {
    pub fn enforce_on(&self) -> Option<NaiveDate> {
        self.start.enforce_on.map(|date| date.0)
    }

    pub fn source(&self, name: &str) -> Option<&SourceSettings> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Whether more than counts may go to an address.
    pub fn domain_allowed(&self, address: &str) -> bool {
        let Some((_, domain)) = address.rsplit_once('@') else { return false };
        let domain = domain.to_ascii_lowercase();
        self.mail
            .allowed_domains
            .iter()
            .map(|allowed| allowed.to_ascii_lowercase())
            .any(|allowed| domain == allowed || domain.ends_with(&format!(".{allowed}")))
    }
}

/// Names a source cannot have: `duban import` files rows under it.
pub const IMPORT: &str = "import";

pub fn parse(files: &FileSet, problems: &mut Problems) -> Option<Settings> {
    let settings: Settings = parse_toml(files, FILE, problems)?;
    for (number, source) in settings.sources.iter().enumerate() {
        if source.name == IMPORT || settings.sources[..number].iter().any(|other| other.name == source.name) {
            problems.push(
                FILE,
                format!("source \"{}\": the name is taken", source.name),
                Some("\"import\" is kept for duban import".into()),
            );
        }
        source_settings::check(source, problems);
    }
    let url = &settings.database.url;
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        problems.push(
            FILE,
            "database: url must begin with sqlite: or postgres://",
            suggest(url.split(':').next().unwrap_or_default(), ["sqlite", "postgres"].into_iter()),
        );
    }
    if let Some(smtp) = &settings.mail.smtp {
        if smtp.port == 465 && smtp.tls == SmtpTls::Starttls {
            problems.push(FILE, "mail.smtp: port 465 speaks TLS from the first byte", Some("set tls = \"implicit\"".into()));
        }
        if smtp.user.is_some() != smtp.password_file.is_some() {
            problems.push(FILE, "mail.smtp: user and password_file go together", None);
        }
        let local = ["localhost", "127.0.0.1", "::1"].contains(&smtp.host.as_str());
        if smtp.tls == SmtpTls::None && smtp.user.is_some() && !local {
            problems.push(
                FILE,
                "mail.smtp: the password would cross the network in plain text",
                Some("set tls = \"starttls\" or \"implicit\"".into()),
            );
        }
        for (name, seconds, most) in
            [("timeout_seconds", smtp.timeout_seconds, 300), ("final_timeout_seconds", smtp.final_timeout_seconds, 1800)]
        {
            if !(1..=most).contains(&seconds) {
                problems.push(FILE, format!("mail.smtp: {name} must be between 1 and {most}"), None);
            }
        }
        if !(1..=64).contains(&smtp.connections) {
            problems.push(FILE, "mail.smtp: connections must be between 1 and 64", None);
        }
        if settings.mail.allowed_domains.is_empty() {
            problems.push(FILE, "mail: allowed_domains is empty", Some("name the domains whose mail may carry project rows".into()));
        }
    }
    let from = settings.mail.from.rsplit_once('<').map_or(&*settings.mail.from, |(_, address)| address.trim_end().trim_end_matches('>'));
    if !from.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@')) {
        problems.push(FILE, format!("mail: from \"{}\" is no mail address", settings.mail.from), Some("write name@domain".into()));
    }
    if settings.mail.daily_max < 1 || settings.mail.too_late_days < 1 {
        problems.push(FILE, "mail: daily_max and too_late_days must be at least 1", None);
    }
    if let Some(test_to) = &settings.mail.test_to
        && (!test_to.contains('@') || !settings.domain_allowed(test_to))
    {
        problems.push(
            FILE,
            format!("mail: test_to \"{test_to}\" is no address within allowed_domains"),
            Some("the test box gets what every unit would get".into()),
        );
    }
    Some(settings)
}

/// What can only be said with settings and units together: `.example` mailboxes once SMTP is set.
pub fn cross_check(settings: &Settings, policy: &Policy) -> Option<Vec<Problem>> {
    settings.mail.smtp.as_ref()?;
    if settings.mail.test_to.is_some() {
        // nothing goes to them
        return None;
    }
    let shipped: Vec<&str> = policy
        .units
        .units
        .iter()
        .filter(|unit| unit.mailbox.as_deref().is_some_and(|mailbox| mailbox.ends_with(".example")))
        .map(|unit| unit.name.as_str())
        .collect();
    if shipped.is_empty() {
        return None;
    }
    let names = shipped.iter().take(5).copied().collect::<Vec<_>>().join("、");
    Some(vec![Problem {
        file: "config/units.toml".into(),
        message: format!("{} units still have a shipped .example mailbox: {names} …", shipped.len()),
        hint: Some("replace them by the units' own before mail is sent".into()),
    }])
}
