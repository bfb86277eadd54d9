//! Checks a configuration: lists its problems and what it will do. Nothing that is written stays.

use crate::app::compose;
use crate::app::page_certificate::server_tls;
use crate::app::rehearsal::{SampleRegister, rehearse_messages, rehearse_workbooks};
use crate::clock::Clock;
use crate::config::load::Config;
use crate::config::portal_settings::PortalSettings;
use crate::config::settings;
use crate::config::source_settings::SourceSettings;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::disk_fault::folder_fault;
use crate::domain::judging::judge::Judged;
use crate::domain::notify::feedback::{Answer, Answers, Proposal};
use crate::domain::notify::form_acts::FormFields;
use crate::domain::notify::inputs::{DataState, PlanInputs, Unsigned};
use crate::domain::notify::plan::plan;
use crate::domain::notify::rehearsal::{draft_rehearsals, rehearsals};
use crate::domain::problem::{Problem, Problems};
use crate::domain::register::ledger::Role;
use crate::domain::register::levels::LevelKind;
use crate::domain::register::record::Record;
use crate::domain::rules::context::{Context as Judging, OldData};
use crate::domain::rules::owner::{Linked, link};
use crate::domain::rules::policy::Policy;
use crate::mail::templates::{TemplateError, Templates};
use crate::mail::transport::Mailer;
use crate::source::child::ParserCommand;
use crate::source::confinement::ConfinementLevel;
use crate::source::sql::Database;
use crate::store::handle::Store;
use crate::worker::deliver::restore_guard;
use crate::worker::deliver::restore_guard::{Counter, CounterFile};
use crate::worker::directory::apply_directory;
use crate::worker::import::input::{Input, read_limits, resolve};
use crate::worker::private_files::{Exposed, PasswordFault, exposed_below, exposed_mode, password_faults};
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// A configuration without problems, and what it will do.
pub(crate) struct Checked {
    pub(crate) config: Config,
    pub(crate) mailer: Mailer,
    pub(crate) sources: Vec<CheckedSource>,
}

/// A source, and what it would read now.
#[derive(Debug)]
pub(crate) struct CheckedSource {
    pub(crate) name: String,
    pub(crate) reads: SourceReads,
    /// The database's address contains a password, which should be in a file of its own.
    pub(crate) password_in_url: bool,
}

/// How far this system lets the processes that read files be confined.
///
/// # Errors
/// Such a process cannot be started.
pub(crate) fn confinement(config: &Config) -> anyhow::Result<ConfinementLevel> {
    let parser = ParserCommand { program: compose::own_program()? };
    Ok(parser.level(read_limits(&config.settings.limits))?)
}

/// Why the pages may not be reached from other machines as the configuration has them; `None` = they may, or are not.
fn weak_pages(config: &Config, level: ConfinementLevel) -> Option<String> {
    let portal = config.settings.portal.as_ref().filter(|portal| portal.is_reached_from_afar())?;
    let is_weak = level == ConfinementLevel::LimitsOnly && config.settings.parser.accept_weak.is_none();
    is_weak.then(|| {
        format!(
            "{}: [portal] listen = \"{}\" is reached from other machines, but the kernel does not confine the processes that read files (hint: a \
             kernel with seccomp; or listen on 127.0.0.1; or accept it with [parser] accept_weak = \"REASON\")",
            settings::FILE,
            portal.listen
        )
    })
}

/// What a source would read. A missing file or database is a warning, because it may come later.
#[derive(Debug)]
pub(crate) enum SourceReads {
    /// The chosen file of a folder and the reason, as a sentence.
    Picked(String),
    File(PathBuf),
    MissingFile(PathBuf),
    MissingDatabase(PathBuf),
    Query {
        rows_max: u64,
        seconds: u64,
    },
    Nothing(String),
}

/// What is rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// The words of all mails.
    Words,
    /// Messages and workbooks too.
    Full,
}

/// Reads the configuration below a root and rehearses its mails and workbooks for a sample register.
///
/// # Errors
/// Every problem of the files, a mail body that cannot be rendered, a password file of mail server or database that is missing, a server name TLS
/// cannot check, or a certificate or token of the pages that cannot be used.
pub(crate) fn check(root: &Path, clock: &Clock) -> anyhow::Result<Checked> {
    check_to(root, clock, Depth::Full)
}

/// As [`check`], for a service that begins: the words of all mails are rendered, workbooks are not made.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_at_start(root: &Path, clock: &Clock) -> anyhow::Result<Checked> {
    check_to(root, clock, Depth::Words)
}

fn check_to(root: &Path, clock: &Clock, depth: Depth) -> anyhow::Result<Checked> {
    let (config, sources) = look_to(root, clock, depth)?;
    let mailer = compose::mailer(root, &config.settings.mail)?;
    Ok(Checked { config, mailer, sources })
}

/// As [`check`], without the mail server: the pages may not read its password.
///
/// # Errors
/// As [`check`].
pub(crate) fn look(root: &Path, clock: &Clock) -> anyhow::Result<(Config, Vec<CheckedSource>)> {
    look_to(root, clock, Depth::Words)
}

fn look_to(root: &Path, clock: &Clock, depth: Depth) -> anyhow::Result<(Config, Vec<CheckedSource>)> {
    let config = compose::load_config(root)?;
    rehearse(&config, depth)?;
    compose::database_url(root, &config.settings.database)?;
    let sources = sources(root, clock, &config);
    if config.settings.portal.as_ref().is_some_and(PortalSettings::is_reached_from_afar)
        && let Some(problem) = weak_pages(&config, confinement(&config)?)
    {
        bail!("{problem}");
    }
    let pages = config.settings.pages();
    if pages.enabled {
        if let (Some(certificate), Some(key)) = (&pages.certificate, &pages.key) {
            server_tls(&root.join(certificate), &root.join(key))?;
        }
        compose::health_token(root, &pages)?;
    }
    Ok((config, sources))
}

/// Addresses of the pages that another program has; the service itself, where it runs.
pub(crate) fn taken_addresses(pages: &PortalSettings) -> Vec<SocketAddr> {
    let is_taken = |address: &SocketAddr| TcpListener::bind(address).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    [Some(pages.listen), pages.health_listen].into_iter().flatten().filter(is_taken).collect()
}

/// Bytes that are written to find out whether the disk takes them, and removed at once.
const PROBE_BYTES: usize = 1024 * 1024;

/// Why the service cannot write what is its own, with what to do; `None` = it can.
pub(crate) fn unwritable(root: &Path) -> Option<String> {
    let var = root.join("var");
    let folder = if var.exists() { var } else { root.to_owned() };
    let probe = || {
        let mut file = tempfile::tempfile_in(&folder)?;
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    };
    probe().err().map(|error| format!("{}：{}（{error}）", folder.display(), folder_fault(error.kind())))
}

/// What is wrong with the database, with what to do; `None` = it can be used, or is still to be made.
///
/// # Errors
/// Its password file cannot be read.
pub(crate) async fn database_fault(root: &Path, config: &Config) -> anyhow::Result<Option<String>> {
    let url = compose::database_url(root, &config.settings.database)?;
    let opened = match Store::open_existing(root, &url).await {
        Ok(opened) => opened,
        Err(error) => return Ok(Some(error.to_string())),
    };
    if let Some(store) = opened {
        let fault = store.examine(&url.to_string()).await.err().map(|error| error.to_string());
        store.close().await;
        return Ok(fault);
    }
    let DatabaseUrl::Sqlite(path) = &url else { return Ok(None) };
    let state = match std::fs::metadata(root.join(path.trim_start_matches("//"))) {
        Ok(facts) if facts.is_file() && facts.len() > 0 => return Ok(None),
        Ok(facts) if facts.is_file() => "是空的",
        Ok(_) => return Ok(Some(format!("数据库 {path} 不是文件"))),
        Err(_) => "不在了",
    };
    // the file with the end of the audit is made with the database
    Ok(root.join(AUDIT_HEAD).exists().then(|| {
        format!(
            "数据库文件 {path} {state}，而var/中有它的记录：请停止服务，用备份恢复（docs/OPERATIONS.md“恢复”）；确需从头开始的，把var/移走"
        )
    }))
}

/// The prefixes of codes that are given here with which imported codes begin: some day two records would have one code. What is wrong with the
/// database itself is another line of the check.
///
/// # Errors
/// Its password file cannot be read, or the database fails.
pub(crate) async fn taken_prefixes(root: &Path, config: &Config) -> anyhow::Result<Problems> {
    const CODES_MOST: i64 = 10_000;
    let mut problems = Problems::default();
    let Ok(Some(store)) = Store::open_existing(root, &compose::database_url(root, &config.settings.database)?).await else {
        return Ok(problems);
    };
    for (index, ledger) in config.policy.ledgers.iter().enumerate() {
        let Some(life) = config.policy.life(index) else { continue };
        for prefix in std::iter::once(&life.prefix).chain(life.issuers.iter().map(|series| &series.prefix)).filter(|one| !one.is_empty()) {
            let codes = store.records().codes_without_events(&ledger.id, &format!("{prefix}-"), CODES_MOST).await?;
            if let Some(code) = codes.iter().find(|code| life.has_form_of_own(code)) {
                let message = format!("prefix \"{prefix}\" begins codes that were imported and not given here, such as {code}");
                let hint = "choose another prefix, or give those records other codes in their list".to_owned();
                problems.push(&format!("config/ledgers/{}.toml", ledger.id), message, Some(hint));
            }
        }
    }
    store.close().await;
    Ok(problems)
}

/// The copy of the end of the audit, relative to the root.
const AUDIT_HEAD: &str = "var/audit.head";

/// The most files of `var/` that are named.
const EXPOSED_MOST: usize = 20;

/// What others on this machine may read or change, and what is wrong with the files that hold passwords.
///
/// # Errors
/// A folder below `var/` cannot be listed.
pub(crate) fn exposed(root: &Path, config: &Config) -> anyhow::Result<Problems> {
    let mut problems = Problems::default();
    let wide = |mode: u32| format!("others may read or change it (mode {mode:o})");
    let found = exposed_below(root, "var", EXPOSED_MOST).context("cannot look through var/")?;
    for Exposed { path, mode } in &found {
        problems.push(path, wide(*mode), Some("chmod -R go= var".into()));
    }
    if let DatabaseUrl::Sqlite(path) = &config.settings.database.url {
        for ending in ["", "-wal", "-shm"] {
            let name = format!("{}{ending}", path.trim_start_matches("//"));
            if let Ok(Some(mode)) = exposed_mode(&root.join(&name))
                && !found.iter().any(|known| known.path == name)
            {
                problems.push(&name, wide(mode), Some(format!("chmod 600 {name}")));
            }
        }
    }
    if !config.passwords().is_empty()
        && let Ok(Some(mode)) = exposed_mode(&root.join(settings::FILE))
    {
        let hint = "chmod 600 config/duban.toml, or write the password into a file of its own (password_file)";
        problems.push(settings::FILE, format!("it holds a password, and {}", wide(mode)), Some(hint.into()));
    }
    let settings = &config.settings;
    let of_sources = settings.sources.iter().filter_map(|source| source.password_file.as_deref());
    let of_database = settings.database.password_file.as_deref();
    let of_pages = settings.portal.as_ref().and_then(|portal| portal.health_token_file.as_deref());
    let operator = &settings.operator;
    let of_operator = [&operator.webhook_file, &operator.heartbeat_file].into_iter().filter_map(Option::as_deref);
    let of_mails = settings.mail.smtp.iter().filter_map(|smtp| smtp.password_file.as_deref());
    for file in of_mails.chain(of_database).chain(of_sources).chain(of_pages).chain(of_operator) {
        // that a file cannot be read is reported where it is needed
        for fault in password_faults(&root.join(file)).unwrap_or_default() {
            let (message, hint) = match fault {
                PasswordFault::Exposed(mode) => (wide(mode), format!("chmod 600 {file}")),
                PasswordFault::Empty => ("it holds no password".to_owned(), "write the password in one line".to_owned()),
                PasswordFault::ByteOrderMark => ("it begins with a byte order mark".to_owned(), "save it as UTF-8 without BOM".to_owned()),
                PasswordFault::Lines => ("it holds more than one line".to_owned(), "write the password in one line".to_owned()),
            };
            problems.push(file, message, Some(hint));
        }
    }
    problems.0.sort();
    problems.0.dedup();
    Ok(problems)
}

fn sources(root: &Path, clock: &Clock, config: &Config) -> Vec<CheckedSource> {
    let checked = |source: &SourceSettings| {
        let reads = match resolve(root, clock.now(), config.settings.limits.columns_max, source) {
            Err(error) => SourceReads::Nothing(error.to_string()),
            Ok(resolved) => match (resolved.picked, resolved.input) {
                (Some(picked), _) => SourceReads::Picked(picked),
                (None, Input::File(path)) if path.is_file() => SourceReads::File(path),
                (None, Input::File(path)) => SourceReads::MissingFile(path),
                (None, Input::Query(query)) => match &query.database {
                    Database::Sqlite(path) if !path.is_file() => SourceReads::MissingDatabase(path.clone()),
                    _ => SourceReads::Query { rows_max: query.rows_max.into(), seconds: query.timeout.as_secs() },
                },
            },
        };
        let password_in_url = source.database.as_ref().is_some_and(|url| !url.passwords().is_empty());
        CheckedSource { name: source.name.clone(), reads, password_in_url }
    };
    config.settings.sources.iter().map(checked).collect()
}

/// The policy with the mailboxes of today's directory; without a database that of the configuration. The database is read only.
pub(crate) async fn policy_with_directory(root: &Path, clock: &Clock, config: &Config) -> anyhow::Result<Policy> {
    let mut policy = config.policy.clone();
    // what is wrong with the database is another line of the check
    if let Ok(Some(store)) = Store::open_existing(root, &compose::database_url(root, &config.settings.database)?).await {
        let selection = SnapshotSelection::on(&store, config, &[], clock.today()).await?;
        apply_directory(&store, &config.settings, &mut policy, &selection).await?;
        store.close().await;
    }
    Ok(policy)
}

/// Why mails are not sent, as sentences. The database is read only, and may not exist yet.
///
/// # Errors
/// The counter file or the database's state cannot be read.
pub(crate) async fn sending_notes(root: &Path, clock: &Clock, config: &Config) -> anyhow::Result<Vec<String>> {
    let mail = &config.settings.mail;
    let day = clock.today().to_string();
    Ok(match Store::open_existing(root, &compose::database_url(root, &config.settings.database)?).await {
        Ok(None) => restore_guard::notes(mail, None, &Counter::None),
        Ok(Some(store)) => {
            let counter = CounterFile::below(&root.join("var")).read();
            let state = store.sending().state(&day).await?;
            let doubt = store.schedule().clock_doubt().await?.map(|doubt| format!("注意：{}", doubt.text));
            store.close().await;
            doubt.into_iter().chain(restore_guard::notes(mail, Some(&state), &counter)).collect()
        }
        Err(error) => vec![format!("注意：{error}，不知道发件箱的状态")],
    })
}

/// The day the shipped sample describes: year, month, day.
const SAMPLE_AS_OF: (i32, u32, u32) = (2026, 9, 30);

/// The day the shipped sample describes.
///
/// # Errors
/// None in practice: the day is a constant.
pub(crate) fn sample_as_of() -> anyhow::Result<NaiveDate> {
    let (year, month, day) = SAMPLE_AS_OF;
    NaiveDate::from_ymd_opt(year, month, day).context("no such day")
}

/// An error in a template as a problem of its file.
fn problem(error: TemplateError) -> Problem {
    let TemplateError { file, line, message, hint } = error;
    let line = line.map_or(String::new(), |line| format!("line {line}: "));
    Problem { file, message: format!("{line}{message}"), hint }
}

/// Renders every mail body for the digests of a sample register, so that a wrong name in a template is found before a run.
fn rehearse(config: &Config, depth: Depth) -> anyhow::Result<()> {
    const PROJECTS: usize = 200;
    let policy = &config.policy;
    let templates = Templates::new(&config.mail_templates, &config.policy.units.levels)
        .map_err(|errors| Problems(errors.into_iter().map(problem).collect()))?;
    let as_of = sample_as_of()?;
    let year = SAMPLE_AS_OF.0;
    let mut records: HashMap<(usize, String), Record> = HashMap::new();
    for (index, rows) in crate::domain::sample::sample(policy, PROJECTS, as_of).ledgers {
        let code = policy.ledgers[index].role(Role::Code).unwrap_or_default();
        for cells in rows {
            let key = cells[code].to_string();
            let columns = (0..cells.len()).collect();
            records.insert((index, key.clone()), Record { code: key, cells, columns, ..Record::default() });
        }
    }
    let projects: HashMap<String, Linked> = records
        .iter()
        .filter(|((index, _), _)| Some(*index) == policy.project_ledger())
        .map(|((index, code), record)| (code.clone(), link(policy, &policy.ledgers[*index], record)))
        .collect();
    let (waiting, answered, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
    let (old_data, answered) = (OldData::none(), &answered);
    let context = Judging { policy, as_of, projects: &projects, waiting_on: &waiting, answered, exempt: &exempt, old_data };
    let mut judged = Judged::new(policy);
    for ((index, _), record) in &records {
        judged.record(&context, *index, record);
    }
    judged.sort();
    // every record has an answer, so that the parts of the templates on answers are rendered too
    let mut answers = Answers::new();
    for (index, code) in records.keys() {
        let ledger = &policy.ledgers[*index];
        let field = |field: usize| ledger.fields[field].id.clone();
        let Some(filled) = FormFields::of(policy, *index).iter().next() else { continue };
        let proposal = |fact| Proposal { field: field(fact), was: String::new(), now: as_of.to_string() };
        let answer = Answer {
            ledger: ledger.id.clone(),
            code: code.clone(),
            unit: String::new(),
            who: "某某".into(),
            filled_on: as_of,
            as_of,
            on_behalf: String::new(),
            verdict: String::new(),
            remark: String::new(),
            values: [(field(filled), "示例".to_owned())].into(),
            proposals: ledger.role(Role::Started).map(proposal).into_iter().collect(),
            acts: Vec::new(),
        };
        answers.insert((ledger.id.clone(), code.clone()), answer);
    }
    if depth == Depth::Full {
        rehearse_messages(config, as_of)?;
        rehearse_workbooks(config, &SampleRegister { context: &context, records: &records, judged: &judged, answers: &answers })?;
    }
    let (last_notified, days, gone, data) = (HashMap::new(), HashMap::new(), BTreeSet::new(), DataState::default());
    for job in config.jobs.iter().filter(|job| !job.digest.is_empty()) {
        for started in [true, false] {
            let plan_inputs = PlanInputs {
                policy,
                as_of,
                sent_on: as_of,
                office_name: &config.settings.office.name,
                contact: &config.settings.office.contact,
                objection_workdays: config.settings.office.objection_workdays,
                judged: &judged,
                records: &records,
                last_notified: &last_notified,
                last_digest_on: &days,
                asked_on: &days,
                unreached: &[],
                gone: &gone,
                rhythm: job.rhythm,
                through_place: &job.through_place,
                covered: &Default::default(),
                drafts: &job.drafts,
                unsigned: Unsigned::default(),
                answers: &answers,
                levels: &job.levels,
                started,
                data: &data,
                source_line: "数据来源：样例",
                // both forms of the line on the next mail are rendered: in the year of the mail, and in another year
                next_on: &|level| NaiveDate::from_ymd_opt(if level.kind() == LevelKind::Base { year } else { year + 1 }, 12, 31),
                is_counts_only: &|_| false,
            };
            let planned = plan(&plan_inputs);
            for draft in planned.acts.drafts.iter().flat_map(|draft| draft.copies.iter().chain([draft])) {
                for draft in draft_rehearsals(draft).iter().chain([draft]) {
                    templates.render(&job.draft, draft)?;
                }
            }
            ensure!(
                planned.coverage.adds_up(),
                "the coverage proof fails on the sample: {}",
                planned.coverage.in_words(&policy.units.levels)
            );
            for digest in &planned.digests {
                for digest in rehearsals(digest).iter().chain([digest]) {
                    templates.render(&job.digest, digest)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_for_other_machines_need_confined_readers() {
        let mut files = crate::config::load::read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut fault = |more: &str, level| {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(settings::FILE)).unwrap();
            files.insert(
                settings::FILE.to_owned(),
                format!("{text}\n[portal]\nhosts = [\"duban.gz.example\"]\ninsecure_http = true\n{more}"),
            );
            weak_pages(&Config::parse(files.clone()).unwrap(), level)
        };
        let afar = "listen = \"192.0.2.1:8080\"\n";
        assert!(fault(afar, ConfinementLevel::LimitsOnly).is_some_and(|text| text.contains("192.0.2.1:8080")));
        assert_eq!(fault(afar, ConfinementLevel::NoLandlock), None);
        assert_eq!(fault("listen = \"127.0.0.1:8080\"\n", ConfinementLevel::LimitsOnly), None);
        assert_eq!(fault(&format!("{afar}[parser]\naccept_weak = \"only inside\"\n"), ConfinementLevel::LimitsOnly), None);
    }
}
