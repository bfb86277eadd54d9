//! `serve`: the jobs at their times, the mails, and the pages.

use crate::app::check;
use crate::app::check::Checked;
use crate::app::check_text::confinement_line;
use crate::app::compose::App;
use crate::app::configuration::ConfigWatch;
use crate::app::published::WAITS;
use crate::cli::exit::Exit;
use crate::cli::waiting::announced;
use crate::clock::Clock;
use crate::domain::schedule::slot_words;
use crate::web::portal::Portal;
use crate::web::server;
use crate::worker::schedule::serving;
use crate::worker::schedule::serving::OtherConfig;
use crate::worker::watch::service_manager;
use anyhow::{Context, ensure};
use clap::ValueEnum;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Which part of the service runs in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Jobs and mails
    Worker,
    /// The pages
    Portal,
}

/// Runs the jobs at their times, delivers mail and answers the pages until SIGINT or SIGTERM. What `check` would refuse is not served.
pub(crate) async fn serve(root: &Path, only: Option<Only>) -> anyhow::Result<Exit> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        service_manager::stopping();
        stopping.cancel();
    });
    match only {
        Some(Only::Worker) => {
            let checked = check::check_at_start(root, &Clock::System)?;
            if let Some(app) = unless_stopped(&stop, open_jobs(root, checked)).await? {
                run_jobs(app, stop).await?;
            }
        }
        Some(Only::Portal) => {
            ensure!(serve_pages(root, stop, true).await?, "config/duban.toml switches the pages off: [portal] enabled = false");
        }
        None => {
            // nothing is opened of a root that is not served, and no page of one that cannot be opened
            let checked = check::check_at_start(root, &Clock::System)?;
            let Some(app) = unless_stopped(&stop, open_jobs(root, checked)).await? else { return Ok(Exit::Done) };
            // the pages have threads of their own, so that neither waits for the other, and may fail alone: mails go on
            let pages = tokio::task::spawn_blocking({
                let (root, stop) = (root.to_owned(), stop.clone());
                move || {
                    let served = tokio::runtime::Runtime::new()
                        .context("cannot start the pages")
                        .and_then(|runtime| runtime.block_on(serve_pages(&root, stop, false)));
                    if let Err(error) = served {
                        print_error!("注意：网页停止服务：{error:#}");
                    }
                }
            });
            let served = run_jobs(app, stop.clone()).await;
            stop.cancel();
            let _ = tokio::time::timeout(PAGES_STOP_TIME, pages).await;
            served?;
        }
    }
    Ok(Exit::Done)
}

/// The result of an opening; `None` = the service was stopped before.
async fn unless_stopped<T>(stop: &CancellationToken, opening: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Option<T>> {
    tokio::select! {
        () = stop.cancelled() => Ok(None),
        opened = opening => opened.map(Some),
    }
}

/// The time for the pages to end behind the jobs, which have had as long by then.
const PAGES_STOP_TIME: Duration = Duration::from_secs(5);

/// How often the audit lines of the pages are sealed.
const SEAL_TIME: Duration = Duration::from_secs(30);

/// How long pages that nobody has an account for, or whose port is taken, wait before the next try.
const WAIT_TIME: Duration = Duration::from_secs(5);

/// Answers the pages until `stop`; `alone`: no jobs run beside them. `false` = the configuration switches them off.
async fn serve_pages(root: &Path, stop: CancellationToken, alone: bool) -> anyhow::Result<bool> {
    let Some(portal) = announced(Portal::open(root, Clock::System)).await? else { return Ok(false) };
    let (app, ended) = (portal.app.clone(), stop.clone());
    tokio::spawn(async move {
        let turn = service_manager::patience().map_or(SEAL_TIME, |patience| SEAL_TIME.min(patience / 3));
        loop {
            if let Err(error) = app.seal_audit().await {
                tracing::error!(error = %format!("{error:#}"), "the audit lines of the pages are not sealed");
            }
            if alone {
                service_manager::works();
            }
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(turn) => {}
            }
        }
    });
    if alone {
        service_manager::ready();
    }
    let Some(listener) = listener(&portal, &stop).await? else { return Ok(true) };
    print_line!("网页：{}", pages_address(&portal, listener.local_addr()?));
    server::serve(portal, root, listener, stop).await?;
    Ok(true)
}

/// What a person types into a browser. A listener on every address is reached by a name of the machine.
fn pages_address(portal: &Portal, address: SocketAddr) -> String {
    let scheme = if portal.settings.certificate.is_some() { "https" } else { "http" };
    match portal.settings.hosts.first().filter(|_| address.ip().is_unspecified()) {
        Some(host) => format!("{scheme}://{host}:{}/", address.port()),
        None => format!("{scheme}://{address}/"),
    }
}

/// The listener of the pages. The usual address is taken once somebody has an account, one that the office has named at once; while another
/// program has it, or the database fails, it is retried. `None` = stopped before that.
async fn listener(portal: &Portal, stop: &CancellationToken) -> anyhow::Result<Option<TcpListener>> {
    let mut reported = String::new();
    loop {
        let is_wanted = if portal.waits_for_account { portal.is_wanted().await } else { Ok(true) };
        let fault = match is_wanted {
            Ok(false) => String::new(),
            Ok(true) => match server::listen(&portal.settings) {
                Ok(listener) => return Ok(Some(listener)),
                Err(error) => {
                    format!("{error:#}。端口空出后自动开放；也可在config/duban.toml的[portal]中用listen写明另一个端口，再重新启动")
                }
            },
            Err(error) => format!("{error:#}。数据库恢复后自动开放"),
        };
        if !fault.is_empty() && fault != reported {
            print_error!("注意：网页暂未开放：{fault}");
        }
        reported = fault;
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(WAIT_TIME) => {}
        }
    }
}

/// Opens a root for its jobs, and prints what about it needs a look.
async fn open_jobs(root: &Path, checked: Checked) -> anyhow::Result<App> {
    let confinement = confinement_line(&checked.config);
    if confinement.starts_with("注意") {
        print_line!("{confinement}");
    }
    let Checked { config, mailer, .. } = checked;
    for problem in check::exposed(root, &config)?.0.iter().chain(&check::taken_prefixes(root, &config).await?.0) {
        print_error!("注意：{problem}");
    }
    announced(App::open_checked(root, Clock::System, config, mailer)).await
}

async fn run_jobs(app: App, stop: CancellationToken) -> anyhow::Result<()> {
    for (job, slots) in app.scheduler().next_slots(1) {
        let next = slots.first().map_or_else(|| "无".to_owned(), |slot| slot_words(slot.runs_at));
        print_line!("{}（{}）下次：{next}", job.title, job.name);
    }
    app.deliverer().guard().await?;
    if app.folder_waits() {
        print_line!("注意：{WAITS}");
    }
    for note in app.deliverer().sending_notes().await? {
        print_line!("{note}");
    }
    service_manager::ready();
    let scheduler = app.scheduler();
    let watch = Arc::new(ConfigWatch::new(app));
    let look = move || -> OtherConfig {
        let watch = watch.clone();
        Box::pin(async move { Ok(watch.look().await?.map(|app| Box::new(app.scheduler()))) })
    };
    serving::serve(scheduler, Arc::new(look), stop).await
}

/// Returns when the process gets SIGINT or SIGTERM.
async fn wait_for_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
