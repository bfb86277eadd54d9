//! Watches the clock: asks what else is known of the time, and records a doubt for all processes that use the database.

use crate::clock::{Around, Clock, stamp};
use crate::config::load::Config;
use crate::domain::clock_trust::{ClockFacts, Doubt, doubt};
use crate::store::handle::Store;
use crate::store::schedule::ClockDoubt;
use anyhow::Context;
use chrono::{DateTime, FixedOffset, Utc};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

/// A file that systemd-timesyncd touches whenever a server has confirmed the time.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";
/// Such a confirmation holds for so long.
const SYNCHRONIZED_MINUTES: i64 = 60;

/// How long files are waited for that are asked for their time.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Judges the clock of this machine.
#[derive(Clone)]
pub struct ClockWatch {
    root: PathBuf,
    config: Arc<Config>,
    store: Store,
    clock: Clock,
    /// Files are asked by one at a time.
    asking: Arc<Semaphore>,
}

impl ClockWatch {
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock) -> ClockWatch {
        ClockWatch { root: root.to_owned(), config, store, clock, asking: Arc::new(Semaphore::new(1)) }
    }

    /// Judges the clock now, and records or ends the doubt. `None` = it is believed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn judge(&self) -> anyhow::Result<Option<ClockDoubt>> {
        let (now, schedule) = (self.clock.now(), self.store.schedule());
        let known = schedule.clock_doubt().await?;
        let facts = self.facts(now, known.as_ref()).await?;
        let Some(found) = doubt(now, &facts) else {
            if known.is_some() {
                schedule.end_clock_doubt().await?;
                tracing::warn!("the clock is believed once more");
            }
            return Ok(None);
        };
        if let Some(known) = known {
            return Ok(Some(known));
        }
        let newest = facts.newest.map(stamp).unwrap_or_default();
        let began = ClockDoubt { since: stamp(now), newest, text: words(now, found) };
        schedule.begin_clock_doubt(&began).await?;
        tracing::error!(text = %began.text, "the clock is not believed; nothing is mailed");
        Ok(Some(began))
    }

    /// The doubt that the service has recorded, if it still holds. A command by hand raises none itself: whoever gives it sees the clock.
    ///
    /// # Errors
    /// The database fails.
    pub async fn recorded(&self) -> anyhow::Result<Option<ClockDoubt>> {
        if self.store.schedule().clock_doubt().await?.is_none() {
            return Ok(None);
        }
        self.judge().await
    }

    async fn facts(&self, now: DateTime<Utc>, known: Option<&ClockDoubt>) -> anyhow::Result<ClockFacts> {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
        let last_seen = self.store.schedule().last_beat().await?.as_deref().and_then(at);
        let around = match self.clock.stated_around() {
            Some(around) => around,
            None => {
                let database = self.store.clock().await?.and_then(DateTime::from_timestamp_millis);
                self.asked_around(now, database).await?
            }
        };
        // what was dated since the doubt began was dated by the clock that is doubted
        let newest = match known {
            Some(doubt) => at(&doubt.newest),
            None => {
                let taken = at(&self.store.snapshots().last_taken_at().await?);
                [last_seen, taken, around.newest].into_iter().flatten().max()
            }
        };
        Ok(ClockFacts { last_seen, newest, witnesses: around.witnesses })
    }

    /// What is stated of the time beside the clock. A folder that does not answer states nothing, and is not asked a second time meanwhile.
    async fn asked_around(&self, now: DateTime<Utc>, database: Option<DateTime<Utc>>) -> anyhow::Result<Around> {
        let silent = || Around { newest: None, witnesses: database.into_iter().collect() };
        let Ok(asking) = self.asking.clone().try_acquire_owned() else { return Ok(silent()) };
        let watch = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let around = watch.around(now, database);
            drop(asking);
            around
        });
        match tokio::time::timeout(ANSWER_TIME, asked).await {
            Ok(around) => around.context("the files are not asked for their time"),
            Err(_) => Ok(silent()),
        }
    }

    /// What files, program and others state of the time.
    fn around(&self, now: DateTime<Utc>, database: Option<DateTime<Utc>>) -> Around {
        let configured = self.config.files.keys().filter_map(|path| changed_at(&self.root.join(path)));
        let program = std::env::current_exe().ok().and_then(|program| changed_at(&program));
        let newest = configured.chain(program).max();
        let sources = self.config.settings.sources.iter();
        let folders = sources.clone().filter_map(|source| source.folder.as_ref()).filter_map(|folder| newest_in(&self.root.join(folder)));
        let files = sources.filter_map(|source| source.path.as_ref()).filter_map(|path| changed_at(&self.root.join(path)));
        let synchronized = changed_at(Path::new(SYNCHRONIZED));
        let synchronized = synchronized.filter(|at| (now - *at).num_minutes().abs() <= SYNCHRONIZED_MINUTES).map(|_| now);
        Around { newest, witnesses: database.into_iter().chain(synchronized).chain(folders.chain(files).max()).collect() }
    }
}

fn changed_at(path: &Path) -> Option<DateTime<Utc>> {
    path.metadata().and_then(|facts| facts.modified()).ok().map(|at: SystemTime| at.into())
}

/// When the newest file of a folder was changed.
fn newest_in(folder: &Path) -> Option<DateTime<Utc>> {
    std::fs::read_dir(folder).ok()?.flatten().filter_map(|entry| changed_at(&entry.path())).max()
}

/// Why the clock is not believed, and what to do.
fn words(now: DateTime<Utc>, doubt: Doubt) -> String {
    let local = |at: DateTime<Utc>| {
        let zone = FixedOffset::east_opt(crate::clock::SHANGHAI_SECONDS);
        zone.map_or_else(String::new, |zone| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
    };
    let why = match doubt {
        Doubt::Behind { last_seen } => format!("本机时钟为{}，早于上次所见的{}", local(now), local(last_seen)),
        Doubt::Ahead { newest, days } => format!("本机时钟为{}，比最近的记录（{}）晚{days}天，没有旁证", local(now), local(newest)),
    };
    format!("{why}。在核对以前不执行任务、不发邮件；时钟有误的，改正后自动恢复；无误的：duban clock trust --by 姓名 --reason 事由")
}
