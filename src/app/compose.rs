//! The composition root: opens a root folder and connects the parts of the service.

use crate::app::present::{Present, PresentReader};
use crate::app::published::{in_force, publish_at_start};
use crate::app::session_store::SessionStore;
use crate::clock::{Clock, stamp};
use crate::config::load::{Config, read_files};
use crate::config::portal_settings::PortalSettings;
use crate::config::settings;
use crate::config::settings::{Database, MailSettings, PlainWay, SmtpTls};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::disk_fault::folder_fault;
use crate::domain::secret::Secret;
use crate::mail::smtp::{Server, ServerTls};
use crate::mail::transport::Mailer;
use crate::source::child::ParserCommand;
use crate::store::handle::Store;
use crate::worker::audit_head::{AuditHeadFile, begin_head, seal_audit};
use crate::worker::deliver::deliverer::Deliverer;
use crate::worker::import::importer::Importer;
use crate::worker::numbers_file::move_on;
use crate::worker::private_files::{make_private, read_password, shown_password_file};
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::runner::Runner;
use crate::worker::schedule::scheduler::Scheduler;
use crate::worker::watch::operator::Operator;
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The file of the sessions of the portal, where the database is an SQLite file.
const SESSIONS: &str = "var/session.db";

/// An opened root: its configuration, its store, and the parts that work on them. A use case takes the parts it needs.
#[derive(Clone)]
pub struct App {
    root: PathBuf,
    config: Arc<Config>,
    store: Store,
    clock: Clock,
    importer: Importer,
    evaluator: Evaluator,
    deliverer: Deliverer,
    operator: Operator,
    present: PresentReader,
    /// The number of the configuration in force that a service uses; 0 = that of the folder counts.
    config_no: i64,
    /// The folder has another configuration than the one in force.
    folder_waits: bool,
    /// Without the password of a mail server.
    sends_nothing: bool,
}

impl App {
    /// Opens a root folder. This program is started as a child process to parse files.
    ///
    /// # Errors
    /// The configuration has problems, or the database cannot be opened.
    pub async fn open(root: &Path, clock: Clock) -> anyhow::Result<App> {
        App::open_with(root, clock, own_program()?).await
    }

    /// Opens a root folder for the service, whose configuration has been checked, and publishes it where nobody has to look at it first.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) async fn open_checked(root: &Path, clock: Clock, config: Config, mailer: Mailer) -> anyhow::Result<App> {
        App::connect(root, clock, own_program()?, config, mailer, Opening::Service).await
    }

    /// Opens a root folder for the pages, which send no mail: no password of a mail server is read.
    ///
    /// # Errors
    /// As [`App::open`].
    pub(crate) async fn open_for_pages(root: &Path, clock: Clock) -> anyhow::Result<App> {
        let (config, mailer) = (load_config(root)?, Mailer::Directory(root.join("var/outbox")));
        App::connect(root, clock, own_program()?, config, mailer, Opening::Pages).await
    }

    /// The store of the sessions of the portal: on SQLite a file of their own, so that no page waits for a run.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) async fn sessions(&self) -> anyhow::Result<SessionStore> {
        let url = match database_url(&self.root, &self.config.settings.database)? {
            DatabaseUrl::Sqlite(_) => DatabaseUrl::Sqlite(SESSIONS.to_owned()),
            server @ DatabaseUrl::Postgres(_) => server,
        };
        SessionStore::open(&self.root, url).await
    }

    /// The store once more with connections of its own, for pages that only read: they wait for nothing that is being written.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) async fn reading_store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.root, &database_url(&self.root, &self.config.settings.database)?).await?)
    }

    /// As [`App::open`], with another program to parse files.
    ///
    /// # Errors
    /// As [`App::open`].
    pub async fn open_with(root: &Path, clock: Clock, program: PathBuf) -> anyhow::Result<App> {
        let config = load_config(root)?;
        let mailer = mailer(root, &config.settings.mail)?;
        App::connect(root, clock, program, config, mailer, Opening::Command).await
    }

    /// Opens the database of a configuration and connects the parts.
    async fn connect(root: &Path, clock: Clock, program: PathBuf, config: Config, mailer: Mailer, opening: Opening) -> anyhow::Result<App> {
        let var = root.join("var");
        let is_first_use = std::fs::read_dir(&var).map_or(true, |mut files| files.next().is_none());
        make_private(&var)
            .map_err(|error| anyhow::anyhow!("{}：{}（cannot make it private: {error}）", var.display(), folder_fault(error.kind())))?;
        let store = Store::open(root, &database_url(root, &config.settings.database)?).await?;
        if store.is_new() {
            AuditHeadFile::below(&var).begin().context("cannot write var/audit.head")?;
        }
        // a file has one root; a server may have several, and each begins its own copy of the head when it is first used
        if matches!(config.settings.database.url, DatabaseUrl::Postgres(_)) && is_first_use {
            begin_head(&store, &var, clock.now()).await.context("cannot write var/audit.head")?;
        }
        if opening == Opening::Service {
            publish_at_start(&store, &clock, &config).await?;
        }
        // whoever gives a command by hand sees the folder; a service and its pages are one of several
        let of_folder = config.files.clone();
        let (config, config_no) = match opening {
            Opening::Command => (config, 0),
            Opening::Service | Opening::Pages => in_force(&store, config).await?,
        };
        let folder_waits = config.files != of_folder;
        let mailer = if !folder_waits || opening == Opening::Pages { mailer } else { self::mailer(root, &config.settings.mail)? };
        let config = Arc::new(config);
        record_plain_ways(&config, &store, &clock).await?;
        let app = App::assemble(root, clock, program, config, mailer, store);
        let app = App { config_no, folder_waits, sends_nothing: opening == Opening::Pages, ..app };
        // before anything is numbered or sent
        app.deliverer.guard().await?;
        Ok(app)
    }

    /// The parts over a database that is open.
    fn assemble(root: &Path, clock: Clock, program: PathBuf, config: Arc<Config>, mailer: Mailer, store: Store) -> App {
        let parser = ParserCommand { program };
        let evaluator = Evaluator::new(root, config.clone(), store.clone(), clock.clone());
        App {
            present: PresentReader::new(&evaluator),
            importer: Importer::new(root, config.clone(), store.clone(), clock.clone(), parser),
            evaluator,
            deliverer: Deliverer::new(root, config.clone(), store.clone(), clock.clone(), mailer.clone()),
            operator: Operator::new(root, config.clone(), store.clone(), clock.clone(), mailer),
            root: root.to_owned(),
            config,
            store,
            clock,
            config_no: 0,
            folder_waits: false,
            sends_nothing: false,
        }
    }

    /// The parts over another configuration. What the process remembers of the mail server and of its messages to the operator stays.
    ///
    /// # Errors
    /// Its mail server cannot be used here: a password file is missing.
    pub(crate) fn with_config(&self, config: Config, config_no: i64) -> anyhow::Result<App> {
        let mailer =
            if self.sends_nothing { Mailer::Directory(self.root.join("var/outbox")) } else { mailer(&self.root, &config.settings.mail)? };
        let config = Arc::new(config);
        let app = App::assemble(&self.root, self.clock.clone(), own_program()?, config.clone(), mailer.clone(), self.store.clone());
        Ok(App {
            deliverer: self.deliverer.with_config(&self.root, config.clone(), mailer.clone()),
            operator: self.operator.with_config(config, mailer),
            config_no,
            sends_nothing: self.sends_nothing,
            ..app
        })
    }

    /// Whether the folder had another configuration than the one in force when the root was opened.
    pub(crate) fn folder_waits(&self) -> bool {
        self.folder_waits
    }

    /// The number of the configuration in force; 0 = none was published.
    pub(crate) fn config_no(&self) -> i64 {
        self.config_no
    }

    /// Opens a root that cannot be opened otherwise with the configuration of its folder or, where that has faults, of its latest run, for commands that
    /// send nothing and make nothing. `None` = there is none that this program reads.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn open_as_last_run(root: &Path, clock: Clock, store: &Store) -> anyhow::Result<Option<App>> {
        let assembled = |config: Config| -> anyhow::Result<Option<App>> {
            let mailer = Mailer::Directory(root.join("var/outbox"));
            Ok(Some(App::assemble(root, clock.clone(), own_program()?, Arc::new(config), mailer, store.clone())))
        };
        if let Ok(config) = load_config(root) {
            return assembled(config);
        }
        for run in store.runs().list(RUNS_LOOKED_AT).await?.into_iter().filter(|run| !run.inputs.files.is_empty()) {
            let files = store.frozen_texts().read(&run.inputs.files).await?;
            if let Ok(config) = Config::parse(files) {
                return assembled(config);
            }
        }
        Ok(None)
    }

    /// The folder that holds config/, jobs/, report-templates/ and var/.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration as it was read when the root was opened.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn importer(&self) -> &Importer {
        &self.importer
    }

    pub fn evaluator(&self) -> &Evaluator {
        &self.evaluator
    }

    pub fn deliverer(&self) -> &Deliverer {
        &self.deliverer
    }

    /// What is in force today.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn present(&self) -> anyhow::Result<Arc<Present>> {
        self.present.now().await
    }

    /// Seals the audit lines of what was done, and moves the files beside the database on.
    ///
    /// # Errors
    /// The database fails, or the file cannot be written.
    pub async fn seal_audit(&self) -> anyhow::Result<()> {
        let var = self.root.join("var");
        seal_audit(&self.store, &var, self.clock.now()).await?;
        move_on(&self.store, &var).await
    }

    /// The runner of jobs over these parts.
    pub fn runner(&self) -> Runner {
        Runner::new(self.importer.clone(), self.evaluator.clone(), self.deliverer.clone())
    }

    /// The scheduler of these jobs.
    pub fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.runner(), self.operator.clone())
    }
}

/// For what a root is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Command,
    /// `serve`, which publishes the configuration of its folder.
    Service,
    /// The pages, which send no mail.
    Pages,
}

/// Runs among which one is looked for that froze a configuration.
const RUNS_LOOKED_AT: i64 = 50;

/// The existing database of a root, whatever is wrong in its configuration; `None` = there is none.
///
/// # Errors
/// The database cannot be opened.
pub(crate) async fn store_despite_faults(root: &Path) -> anyhow::Result<Option<Store>> {
    let text = std::fs::read(root.join(settings::FILE)).unwrap_or_default();
    let database = settings::database_despite_faults(String::from_utf8_lossy(&text).trim_start_matches('\u{feff}'));
    let url = database_url(root, &database)?;
    match Store::open_existing(root, &url).await? {
        None => Ok(None),
        Some(existing) => {
            existing.close().await;
            Ok(Some(Store::open(root, &url).await?))
        }
    }
}

/// The existing database of a root to look at only, where nothing can be written; `None` = it cannot be read so.
pub(crate) async fn store_to_look(root: &Path) -> Option<Store> {
    let text = std::fs::read(root.join(settings::FILE)).unwrap_or_default();
    let database = settings::database_despite_faults(String::from_utf8_lossy(&text).trim_start_matches('\u{feff}'));
    Store::open_to_look(root, &database_url(root, &database).ok()?).await
}

/// What begins an audit line on a way that crosses a network in plain text.
const PLAIN_WAY: &str = "plain text accepted";

/// Records which ways cross a network in plain text and why, once for each change.
async fn record_plain_ways(config: &Config, store: &Store, clock: &Clock) -> anyhow::Result<()> {
    let ways = config.settings.plain_ways();
    let (audit, now) = (store.audit(), stamp(clock.now()));
    for PlainWay { section, place, reason } in &ways {
        audit.record_change(&now, "duban", PLAIN_WAY, section, &format!("{place}: {reason}")).await?;
    }
    for section in audit.objects_of(PLAIN_WAY).await? {
        if !ways.iter().any(|way| way.section == section) {
            audit.record_change(&now, "duban", PLAIN_WAY, &section, "not any more").await?;
        }
    }
    Ok(())
}

/// This program's own file, from which the processes that parse files are started.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

/// Reads the configuration below a root.
///
/// # Errors
/// Every problem of the files, one line each.
pub fn load_config(root: &Path) -> anyhow::Result<Config> {
    let files = read_files(root)?;
    Ok(Config::parse(files)?)
}

/// The address of the service's own database, with the password of its file.
///
/// # Errors
/// The password file cannot be read.
pub(crate) fn database_url(root: &Path, database: &Database) -> anyhow::Result<DatabaseUrl> {
    let Some(file) = &database.password_file else { return Ok(database.url.clone()) };
    let path = root.join(file);
    let password = read_password(&path).with_context(|| format!("database: cannot read password_file {}", shown_password_file(&path)))?;
    Ok(database.url.with_password(&password))
}

/// Characters of a token at least: nobody guesses it.
const TOKEN_CHARS_MIN: usize = 32;

/// The token by which machines ask the pages how the service is; `None` = they do not.
///
/// # Errors
/// Its file cannot be read, or holds one that is too short.
pub(crate) fn health_token(root: &Path, settings: &PortalSettings) -> anyhow::Result<Option<Secret>> {
    let Some(file) = &settings.health_token_file else { return Ok(None) };
    let token = read_password(&root.join(file)).with_context(|| format!("[portal] health_token_file：不能读取{file}"))?;
    let is_long = token.exposed().len() >= TOKEN_CHARS_MIN;
    ensure!(is_long, "[portal] health_token_file：{file}中的令牌太短，至少要{TOKEN_CHARS_MIN}个字符");
    Ok(Some(token))
}

/// The mail server or the folder to which the settings send mails.
///
/// # Errors
/// The password file cannot be read, or the server's name is not valid.
pub fn mailer(root: &Path, settings: &MailSettings) -> anyhow::Result<Mailer> {
    let Some(smtp) = &settings.smtp else { return Ok(Mailer::Directory(root.join("var/outbox"))) };
    let login = match (&smtp.user, &smtp.password_file) {
        (Some(user), Some(file)) => {
            let path = root.join(file);
            let password =
                read_password(&path).with_context(|| format!("mail.smtp: cannot read password_file {}", shown_password_file(&path)))?;
            Some((user.clone(), password))
        }
        _ => None,
    };
    let server = Server {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::Starttls => ServerTls::Starttls,
            SmtpTls::Implicit => ServerTls::Implicit,
            SmtpTls::None => ServerTls::Plain,
        },
        ca_file: smtp.ca_file.as_ref().map(|file| root.join(file)),
        login,
        hello: smtp.hello.clone(),
        timeout: Duration::from_secs(smtp.timeout_seconds),
        final_timeout: Duration::from_secs(smtp.final_timeout_seconds),
        connections: smtp.connections,
    };
    Ok(Mailer::smtp(server, &settings.from)?)
}
