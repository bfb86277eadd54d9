//! How the service is at this moment: what needs a person, the latest runs, and the day of the data.

use crate::app::check::{confinement, database_fault};
use crate::app::compose::App;
use crate::app::configuration::waiting;
use crate::app::disk::is_of_disk;
use crate::config::load::Config;
use crate::domain::problem::Problems;
use crate::domain::trouble::{Trouble, TroubleKind};
use crate::source::confinement::ConfinementLevel;
use crate::store::runs::Run;
use crate::worker::snapshot_selection::SnapshotSelection;
use crate::worker::watch::troubles::troubles;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::path::Path;

/// The latest run of a job.
#[derive(Debug)]
pub(crate) struct LastRun {
    pub(crate) job: String,
    pub(crate) title: String,
    pub(crate) run: Run,
}

/// How the service is.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// In the order of their kinds; empty = nothing needs a person.
    pub(crate) troubles: Vec<Trouble>,
    /// How far the processes that read files are confined; `None` = they cannot be started, or the configuration is not known.
    pub(crate) parser: Option<ConfinementLevel>,
    /// Of the jobs that have run, in the order of the configuration.
    pub(crate) last_runs: Vec<LastRun>,
    /// By ledger and source.
    pub(crate) data_days: BTreeMap<String, BTreeMap<String, NaiveDate>>,
}

impl Status {
    pub(crate) fn has(&self, kind: TroubleKind) -> bool {
        self.troubles.iter().any(|trouble| trouble.kind == kind)
    }

    /// The status of a root that cannot be opened because of `fault`.
    pub(crate) fn of_fault(fault: &anyhow::Error) -> Status {
        Status { troubles: vec![trouble_of(fault)], ..Status::default() }
    }
}

/// The fault of a configuration or of a database as a trouble.
pub(crate) fn trouble_of(fault: &anyhow::Error) -> Trouble {
    let of = |kind, text: String| Trouble { kind, about: String::new(), since: String::new(), text };
    match fault.downcast_ref::<Problems>().map(|problems| problems.0.first()) {
        Some(first) => {
            let first = first.map(ToString::to_string).unwrap_or_default();
            of(TroubleKind::ConfigWaiting, format!("配置有误，按最近一次执行时的配置办理（全部问题：duban check）：{first}"))
        }
        None if is_of_disk(fault) => of(TroubleKind::Disk, format!("{fault:#}")),
        None => of(TroubleKind::Database, format!("{fault:#}")),
    }
}

/// How the service is now; `fault` is what is wrong with the configuration of the root.
///
/// # Errors
/// The database fails.
pub(crate) async fn status(app: &App, root: &Path, fault: Option<&anyhow::Error>) -> anyhow::Result<Status> {
    let (store, config, clock) = (app.store(), app.config(), app.clock());
    let mut found = troubles(store, config, clock, &root.join("var")).await?;
    let is_disk_known = found.iter().any(|trouble| trouble.kind == TroubleKind::Disk);
    found.extend(fault.map(trouble_of).filter(|trouble| trouble.kind != TroubleKind::Disk || !is_disk_known));
    if !fault.is_some_and(is_of_disk) {
        let of = |text| Trouble { kind: TroubleKind::Database, about: String::new(), since: String::new(), text };
        found.extend(database_fault(root, config).await?.map(of));
    }
    if fault.is_none()
        && !found.iter().any(|trouble| trouble.kind == TroubleKind::ConfigWaiting)
        && let Some(text) = waiting(store, root).await?
    {
        found.push(Trouble { kind: TroubleKind::ConfigWaiting, about: String::new(), since: String::new(), text });
    }
    let parser = confinement(config).ok();
    found.extend(weak_parser(config, parser));
    found.sort_by(|a, b| (a.kind, &a.about).cmp(&(b.kind, &b.about)));
    let mut last_runs = Vec::new();
    for job in &config.jobs {
        if let Some(run) = store.runs().newest_of(&job.name).await? {
            last_runs.push(LastRun { job: job.name.clone(), title: job.title.clone(), run });
        }
    }
    let mut data_days: BTreeMap<String, BTreeMap<String, NaiveDate>> = BTreeMap::new();
    for condition in SnapshotSelection::unmarked(store, config, &[], clock.today()).await?.conditions {
        data_days.entry(condition.ledger).or_default().insert(condition.source, condition.data_day);
    }
    Ok(Status { troubles: found, parser, last_runs, data_days })
}

/// That the kernel does not confine the processes that read files, and the office has not accepted it.
fn weak_parser(config: &Config, level: Option<ConfinementLevel>) -> Option<Trouble> {
    let of = |text: String| Trouble { kind: TroubleKind::ParserWeak, about: String::new(), since: String::new(), text };
    match level {
        Some(ConfinementLevel::Full) => None,
        _ if config.settings.parser.accept_weak.is_some() => None,
        Some(level) => Some(of(format!("文件解析隔离：{}（{}）", level.code(), level.meaning()))),
        None => Some(of("读取文件的子进程不能启动".to_owned())),
    }
}
