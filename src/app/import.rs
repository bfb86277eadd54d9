//! Imports: a file that a person hands in, and the sources of the configuration.

use crate::app::person::{Person, has_name};
use crate::app::reports::ledger_named;
use crate::clock::stamp;
use crate::domain::notify::feedback::FormAccount;
use crate::domain::plain_text::shell_word;
use crate::domain::problem::{nearest, suggest};
use crate::domain::register::ledger::Role;
use crate::domain::rules::policy::Policy;
use crate::domain::secrecy::{HeaderDecision, Polarity, Secrecy, compared_header};
use crate::store::audit::AuditEntry;
use crate::store::os_user::os_user;
use crate::worker::import::feedback::{Clerk, Sender};
use crate::worker::import::importer::Importer;
use crate::worker::import::input::Input;
use crate::worker::import::pull_report::{PullError, PullReport};
use crate::worker::import::puller::{PullOrder, PullRequest};
use crate::worker::import::reading_guard::Initiative;
use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use std::path::PathBuf;
use std::sync::Arc;

/// The ledger under which a returned feedback form is imported.
const FEEDBACK: &str = "feedback";

/// A file to import.
#[derive(Clone, Debug)]
pub(crate) struct ImportRequest {
    pub(crate) file: PathBuf,
    /// Only this ledger, or `feedback` for a form that a unit has sent back.
    pub(crate) ledger: Option<String>,
    /// The source under which the rows are filed.
    pub(crate) source: String,
    /// 数据截至日, where it is given by hand.
    pub(crate) covers_on: Option<NaiveDate>,
    /// Bring it into force even if the brake would hold it.
    pub(crate) accept: bool,
    /// The unit for which a clerk takes a form without a valid number (代录).
    pub(crate) on_behalf: Option<String>,
}

/// What is recorded of an import or a pull on a person's order.
fn order<'a>(what: &'a str, accept: bool, by: Person<'a>) -> PullOrder<'a> {
    PullOrder { what: if accept { format!("{what} --accept") } else { what.to_owned() }, who: by.who, why: by.why }
}

/// The result of an import.
#[derive(Debug)]
pub(crate) enum Imported {
    Register(PullReport),
    Forms(Vec<FormAccount>),
}

/// Imports one file.
///
/// # Errors
/// A name is unknown, the file is refused, or the database fails; nothing is changed then.
pub(crate) async fn import(importer: &Importer, request: ImportRequest, by: Person<'_>) -> anyhow::Result<Imported> {
    let ImportRequest { file, ledger, source, covers_on, accept, on_behalf } = request;
    let config = &importer.config;
    let user = os_user();
    if let Some(unit) = on_behalf {
        ensure!(ledger.as_deref().is_none_or(|ledger| ledger == FEEDBACK), "--for-unit 只用于反馈表，不与 --ledger 同用");
        let clerk = Clerk { unit: unit_named(&config.policy, &unit)?, name: by.who.to_owned() };
        let sender = Sender { user, clerk: Some(clerk), why: by.why.to_owned() };
        return Ok(Imported::Forms(importer.take_form(&config.policy, &file, &sender).await?));
    }
    let sender = Sender { user, clerk: None, why: by.why.to_owned() };
    if ledger.as_deref() == Some(FEEDBACK) {
        return Ok(Imported::Forms(importer.take_form(&config.policy, &file, &sender).await?));
    }
    let named = ledger.is_some();
    let ledger = ledger.map(|name| ledger_named(&config.policy, &name).map(|ledger| ledger.id.clone())).transpose()?;
    ensure!(!source.trim().is_empty() && source.chars().count() <= 64, "source \"{source}\" is no name of a source");
    let sample = config.settings.source(&source).is_some_and(|source| source.sample);
    let request = PullRequest { input: Input::File(file.clone()), source, sample, covers_on, accept, only: ledger };
    match importer.pull_by(&config.policy, &request, &order("import", accept, by)).await {
        // a form of ours that came back needs no word beside it
        Err(PullError::Refused { .. }) if !named && importer.is_form(&config.policy, &file).await? => {
            Ok(Imported::Forms(importer.take_form(&config.policy, &file, &sender).await?))
        }
        pulled => Ok(Imported::Register(pulled?)),
    }
}

/// The index of a unit, by code or name.
///
/// # Errors
/// It is unknown; the message suggests one.
pub(crate) fn unit_named(policy: &Policy, name: &str) -> anyhow::Result<usize> {
    let units = &policy.units;
    let found = units.units.iter().position(|unit| unit.code == name).or_else(|| units.find(name));
    found.with_context(|| match nearest(name, units.units.iter().map(|unit| unit.name.as_str())) {
        Some(near) => format!("没有单位“{name}”，是否“{near}”？"),
        None => format!("没有单位“{name}”；名称和代码见 config/units.toml"),
    })
}

/// The result of pulling one source.
#[derive(Debug)]
pub(crate) enum Pulled {
    Report(PullReport),
    /// The shipped sample, which does not count once other projects are there.
    SampleUnused,
    Failed(anyhow::Error),
}

/// Pulls one source, or all of them; a source that fails does not stop the others. Calls `each` with the result of every source.
///
/// # Errors
/// The source is not configured (the message suggests one), or the database fails.
pub(crate) async fn pull(
    importer: &Importer,
    name: Option<&str>,
    accept: bool,
    by: Person<'_>,
    mut each: impl FnMut(&str, Pulled),
) -> anyhow::Result<()> {
    let settings = &importer.config.settings;
    if let Some(name) = name
        && settings.source(name).is_none()
    {
        let hint = suggest(name, settings.sources.iter().map(|source| source.name.as_str())).unwrap_or_default();
        bail!("source \"{name}\" is not in config/duban.toml ({hint})");
    }
    // a person who names a source may try a file once more that has ended its reader
    let initiative = if name.is_some() { Initiative::Person } else { Initiative::Service };
    for source in settings.sources.iter().filter(|source| name.is_none_or(|name| name == source.name)) {
        let pulled = if source.sample && name.is_none() && importer.own_projects().await? {
            Pulled::SampleUnused
        } else {
            importer
                .pull_source_by(source, accept, initiative, Some(&order("pull", accept, by)))
                .await
                .map_or_else(|error| Pulled::Failed(error.into()), Pulled::Report)
        };
        each(&source.name, pulled);
    }
    Ok(())
}

/// A header about which the office has decided.
#[derive(Debug)]
pub(crate) struct DecidedHeader {
    pub(crate) header: String,
    pub(crate) meaning: HeaderMeaning,
}

/// What the office has decided that a header means.
#[derive(Debug)]
pub(crate) enum HeaderMeaning {
    Secrecy(HeaderDecision),
    /// The field of this title, or of one of these in several ledgers.
    Field(String),
}

/// The words with which a header is left unread.
const IGNORED: [&str; 2] = ["ignore", "忽略"];

/// The source of a file that names none.
const NO_SOURCE: &str = "import";

/// The command that imports a file for a source once more.
pub(crate) fn import_command(file: &str, source: &str) -> String {
    let source = if source == NO_SOURCE { String::new() } else { format!(" --source {}", shell_word(source)) };
    format!("duban import {}{source}", shell_word(file))
}

/// The commands by which the office decides about a header that may be of secrecy, each with what it means. `command` is the import or pull
/// that reads the source anew.
pub(crate) fn ways_to_decide(command: &str, header: &str) -> Vec<String> {
    let way = |decision: HeaderDecision| {
        let map = shell_word(&format!("{header}={}", decision.title()));
        format!("{}：{command} --map {map} --by 姓名", decision.meaning())
    };
    HeaderDecision::ALL.into_iter().map(way).collect()
}

/// The commands by which the office decides about a header that is almost the name of a field.
pub(crate) fn ways_to_name(command: &str, header: &str, title: &str) -> Vec<String> {
    let way = |meaning: String, word: &str| format!("{meaning}：{command} --map {} --by 姓名", shell_word(&format!("{header}={word}")));
    vec![way(format!("就是“{title}”"), title), way("不是，不读取".to_owned(), IGNORED[1])]
}

/// The titles of the fields that a word names, each ledger having its own; `None` = it names none.
fn titles_of(policy: &Policy, word: &str) -> Option<String> {
    let mut titles: Vec<&str> = Vec::new();
    for ledger in &policy.ledgers {
        let found = ledger.field_meant(word).map(|field| ledger.fields[field].title.as_str());
        titles.extend(found.filter(|title| !titles.contains(title)));
    }
    (!titles.is_empty()).then(|| titles.join("”或“"))
}

/// What a word behind the header means: the title of a shipped header that marks rows by a yes or by a no, or the id of a secrecy field, whose
/// meaning is that of the decided header.
fn decision_named(policy: &Policy, header: &str, word: &str) -> anyhow::Result<HeaderDecision> {
    if IGNORED.contains(&word) {
        return Ok(HeaderDecision::Ignored);
    }
    let secrecy = Secrecy::new(Arc::clone(&policy.secrecy));
    let fields = || policy.ledgers.iter().filter_map(|ledger| Some(&ledger.fields[ledger.role(Role::Restricted)?]));
    if let Some(polarity) = secrecy.polarity(word) {
        return Ok(HeaderDecision::Secrecy(polarity));
    }
    if fields().any(|field| field.title == word) {
        return Ok(HeaderDecision::Secrecy(Polarity::Marks));
    }
    if fields().any(|field| field.id == word) {
        return Ok(HeaderDecision::Secrecy(secrecy.likely_polarity(header)));
    }
    let known = HeaderDecision::ALL.map(HeaderDecision::title).join("、");
    bail!("--map “{header}={word}”：“{word}”不是可选的写法，可选：{known}，或台账的栏名")
}

/// Decides, once for a source, what a header means: `HEADER=是否涉密`, `HEADER=是否公开`, `HEADER=忽略`, or the name of a field.
///
/// # Errors
/// The text has another form, the header is always one of secrecy, or the database fails.
pub(crate) async fn decide_header(importer: &Importer, source: &str, text: &str, by: Person<'_>) -> anyhow::Result<DecidedHeader> {
    ensure!(has_name(by.who), "栏目的含义由具名的人决定：--map 须同时写 --by 姓名");
    let (header, word) = text
        .rsplit_once(['=', '＝'])
        .with_context(|| format!("--map “{text}”：请写“栏名=是否涉密”“栏名=是否公开”“栏名=忽略”或“栏名=台账的栏名”"))?;
    let (header, word) = (header.trim(), word.trim());
    ensure!(!header.is_empty(), "--map “{text}”没有写栏名");
    let policy = &importer.config.policy;
    let secrecy = Secrecy::new(Arc::clone(&policy.secrecy));
    let at = stamp(importer.clock.now());
    let entry = AuditEntry { at: &at, who: by.who, why: by.why };
    let may_be_secrecy = secrecy.polarity(header).is_some() || secrecy.is_doubtful(&[header.to_owned()]);
    if let Some(title) = titles_of(policy, word).filter(|_| !may_be_secrecy) {
        // the word and no field is kept: other ledgers of the source have other fields of the same id
        importer.store.restrictions().decide_field(source, &compared_header(header), word, entry).await?;
        return Ok(DecidedHeader { header: header.to_owned(), meaning: HeaderMeaning::Field(title) });
    }
    let decision = decision_named(policy, header, word)?;
    if let Some(known) = secrecy.polarity(header) {
        ensure!(decision != HeaderDecision::Ignored, "“{header}”是保密栏，不能忽略");
        ensure!(decision == HeaderDecision::Secrecy(known), "“{header}”是保密栏，{}，不能反过来", HeaderDecision::Secrecy(known).meaning());
    }
    // what a mark that was set in doubt means now; its cell is the header with the cell of the row
    let restricts = |cell: &str| match (decision, cell.split_once('：')) {
        (HeaderDecision::Ignored, _) => false,
        (HeaderDecision::Secrecy(polarity), Some((_, value))) => secrecy.read(polarity, value).restricts(),
        (HeaderDecision::Secrecy(_), None) => true,
    };
    importer.store.restrictions().decide_header(source, &compared_header(header), decision, restricts, entry).await?;
    Ok(DecidedHeader { header: header.to_owned(), meaning: HeaderMeaning::Secrecy(decision) })
}
