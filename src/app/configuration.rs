//! Putting the configuration of a folder in force: by a person (`duban check --apply`), and by a service that runs, once the files have been quiet
//! for a while and nothing of who gets what has changed.

use crate::app::check;
use crate::app::compose::{self, App};
use crate::app::person::Person;
use crate::app::published::{WAITS, in_force, publish};
use crate::clock::{Clock, stamp};
use crate::config::addressees::have_same_addressees;
use crate::config::file_set::FileSet;
use crate::config::load::{Config, read_files};
use crate::store::config_rows::WaitingConfig;
use crate::store::handle::Store;
use anyhow::Context;
use chrono::{DateTime, Utc};
use std::path::Path;
use std::sync::Mutex;

/// For so many minutes the files have to stay as they are before the service takes them: nobody edits all of them at once.
const QUIET_MINUTES: i64 = 10;

/// Puts the configuration of a root's folder in force on a person's order. Returns what differs; `None` = it was in force.
///
/// # Errors
/// The configuration has problems, or the database fails.
pub(crate) async fn apply(root: &Path, clock: &Clock, by: Person<'_>) -> anyhow::Result<Option<String>> {
    let app = App::open(root, clock.clone()).await?;
    let folder = compose::load_config(root)?;
    let changed = publish(app.store(), clock, &folder, by).await?;
    app.seal_audit().await?;
    app.store().close().await;
    Ok(changed)
}

/// Whether the folder holds another configuration than the one in force, and what to do; `None` = it does not, or none was published.
///
/// # Errors
/// The database fails.
pub(crate) async fn waiting(store: &Store, root: &Path) -> anyhow::Result<Option<String>> {
    // a folder with a fault is named by whoever opens it
    let Ok(folder) = compose::load_config(root) else { return Ok(None) };
    let (now, no) = in_force(store, folder.clone()).await?;
    if no == 0 || now.files_without_secrets() == folder.files_without_secrets() {
        return Ok(None);
    }
    Ok(Some(match have_same_addressees(&now, &folder) {
        true => format!(
            "配置已改动，文件{QUIET_MINUTES}分钟不再变动后自动生效（duban serve运行时）；立即生效：duban check --apply --by 姓名 --reason 事由"
        ),
        false => WAITS.to_owned(),
    }))
}

/// As [`waiting`], for whoever has not opened the root; `None` also where there is no database.
///
/// # Errors
/// As there, or the database cannot be reached.
pub(crate) async fn waiting_at(root: &Path, folder: &Config) -> anyhow::Result<Option<String>> {
    let Some(store) = Store::open_existing(root, &compose::database_url(root, &folder.settings.database)?).await? else { return Ok(None) };
    let waits = waiting(&store, root).await;
    store.close().await;
    waits
}

/// What a service that runs has seen of its folder.
#[derive(Default)]
struct Seen {
    files: FileSet,
    since: Option<DateTime<Utc>>,
    /// These files were looked at, and wait.
    is_judged: bool,
}

/// Watches the configuration of a service that runs.
pub(crate) struct ConfigWatch {
    app: Mutex<App>,
    seen: Mutex<Seen>,
}

impl ConfigWatch {
    pub(crate) fn new(app: App) -> ConfigWatch {
        ConfigWatch { app: Mutex::new(app), seen: Mutex::default() }
    }

    /// Looks at the rows and at the folder. Returns the service over another configuration that is in force now; `None` = it is the same.
    ///
    /// # Errors
    /// The database fails, or the configuration in force cannot be used here.
    pub(crate) async fn look(&self) -> anyhow::Result<Option<App>> {
        let app = self.app.lock().map_err(|_| anyhow::anyhow!("a look at the configuration broke off"))?.clone();
        self.look_at_folder(&app).await?;
        let folder = compose::load_config(app.root()).unwrap_or_else(|_| (**app.config()).clone());
        let newest = app.store().config_rows().newest_no().await?;
        if newest == app.config_no() {
            return Ok(None);
        }
        let (config, no) = in_force(app.store(), folder).await?;
        let changed = app.with_config(config, no)?;
        tracing::info!(no, "another configuration is in force");
        *self.app.lock().map_err(|_| anyhow::anyhow!("a look at the configuration broke off"))? = changed.clone();
        Ok(Some(changed))
    }

    /// Publishes the folder once it has been quiet and changes nothing of who gets what; else notes that it waits.
    async fn look_at_folder(&self, app: &App) -> anyhow::Result<()> {
        let now = app.clock().now();
        let rows = app.store().config_rows();
        let files = match read_files(app.root()) {
            Ok(files) => files,
            Err(problems) => return self.wait(app, &format!("配置有误（全部问题：duban check）：{problems}")).await,
        };
        {
            let mut seen = self.seen.lock().map_err(|_| anyhow::anyhow!("a look at the configuration broke off"))?;
            if seen.since.is_none() || seen.files != files {
                *seen = Seen { files: files.clone(), since: Some(now), is_judged: false };
            }
            if seen.is_judged || seen.since.is_some_and(|since| (now - since).num_minutes() < QUIET_MINUTES) {
                return Ok(());
            }
            seen.is_judged = true;
        }
        if files == app.config().files {
            if rows.waiting().await?.is_some() {
                rows.set_waiting(None).await?;
            }
            return Ok(());
        }
        let (root, clock) = (app.root().to_owned(), app.clock().clone());
        let checked = tokio::task::spawn_blocking(move || check::check(&root, &clock)).await.context("the check of the configuration")?;
        let folder = match checked {
            Ok(checked) => checked.config,
            Err(problems) => return self.wait(app, &format!("配置有误（全部问题：duban check）：{problems:#}")).await,
        };
        if !have_same_addressees(app.config(), &folder) {
            return self.wait(app, WAITS).await;
        }
        let by = Person { who: "duban", why: "配置文件已改动并稳定" };
        publish(app.store(), app.clock(), &folder, by).await?;
        Ok(())
    }

    /// Notes once that the folder waits.
    async fn wait(&self, app: &App, text: &str) -> anyhow::Result<()> {
        let rows = app.store().config_rows();
        let text: String = text.lines().next().unwrap_or_default().to_owned();
        if rows.waiting().await?.is_none_or(|waiting| waiting.text != text) {
            tracing::warn!(%text, "the configuration of the folder waits");
            rows.set_waiting(Some(&WaitingConfig { since: stamp(app.clock().now()), text })).await?;
        }
        Ok(())
    }
}
