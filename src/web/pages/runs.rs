//! 运行: the runs of the jobs.

use crate::web::pages::overview::shown_run;
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Reply};
use minijinja::context;
use std::collections::BTreeMap;

/// Runs on the page.
const LISTED: i64 = 100;

pub(crate) async fn list(portal: &Portal, _: &Request) -> Answer {
    let titles: BTreeMap<&str, &str> = portal.app.config().jobs.iter().map(|job| (job.name.as_str(), job.title.as_str())).collect();
    let runs = portal.app.store().runs().list(LISTED).await?;
    let runs: Vec<_> = runs.iter().map(|run| shown_run(run, &titles)).collect();
    Ok(Reply::page("runs", "运行", context! { runs }))
}
