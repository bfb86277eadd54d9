//! Rebuilds a past run's workbooks from its frozen inputs: the texts of rules, calendar, units and templates, the numbers of the snapshots,
//! the runs that had closed quarters, and the stored changes of its findings. Nothing else is an input, so the bytes are the same.

use crate::config::job_file::JobStep;
use crate::config::load::Config;
use crate::report::archive;
use crate::report::archive::{ArchiveWriter, ArchivedFile};
use crate::store::named_records::NamedCodes;
use crate::store::reports::{ReportKey, ReportKind};
use crate::store::runs::{Run, RunState};
use crate::worker::run::context::RunContext;
use crate::worker::run::earlier_files::EarlierFiles;
use crate::worker::run::packs::Pack;
use crate::worker::run::report::UnpublishedFile;
use crate::worker::run::runner::Runner;
use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use std::io::Write;
use std::path::PathBuf;

/// One rebuilt workbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub path: PathBuf,
    pub sha256: String,
    /// The sha256 that the run stored; `None` = it could not make this workbook.
    pub stored: Option<String>,
}

impl Rebuilt {
    /// Whether the bytes are those the run made.
    pub fn is_identical(&self) -> bool {
        self.stored.as_ref() == Some(&self.sha256)
    }
}

impl Runner {
    /// Makes the workbooks of a run in a folder (default: `var/rebuild/RUN`) and compares each with the stored sha256.
    ///
    /// # Errors
    /// The run is unknown or made no workbooks, or one of its inputs no longer exists.
    pub async fn rebuild(&self, id: &str, to: Option<PathBuf>) -> anyhow::Result<Vec<Rebuilt>> {
        let run = self.run_named(id).await?;
        let id = &run.id;
        let reports = self.store.reports().list(id).await?;
        match run.state {
            RunState::Done | RunState::Partial => {}
            RunState::Running => bail!("run {id} is not over yet; see `duban runs`"),
            RunState::Failed => bail!("run {id} failed before it was done ({}): it has nothing to compare with", run.reason),
        }
        ensure!(!run.inputs.files.is_empty(), "run {id} was cleaned up: the texts it was made with are gone");
        let gone = self.store.frozen_texts().missing(&run.inputs.files).await?;
        ensure!(gone.is_empty(), "run {id} was cleaned up: the frozen texts of {} are gone", gone.join(", "));
        let snapshots = self.store.snapshots().list().await?;
        for (ledger, source, seq) in &run.inputs.snapshots {
            let there = snapshots.iter().any(|known| (&known.ledger, &known.source, known.seq) == (ledger, source, *seq));
            ensure!(there, "run {id} was cleaned up: its snapshot {ledger}/{source}/{seq} is gone");
        }
        for closed in &run.inputs.closed {
            ensure!(
                self.store.runs().get(closed).await?.is_some(),
                "run {id} was cleaned up: run {closed}, which closed a quarter before it, is gone"
            );
        }
        let config = Config::parse(self.store.frozen_texts().read(&run.inputs.files).await?)
            .with_context(|| format!("this duban does not understand the configuration frozen with run {id}"))?;
        let job = config.job(&run.job).with_context(|| format!("run {id} froze no jobs/{}.toml", run.job))?.clone();
        let none = job.workbooks.is_empty() && job.packs.is_empty();
        ensure!(job.steps.contains(&JobStep::Report) && !none, "job {} makes no workbooks", run.job);
        let as_of: NaiveDate = run.as_of.parse().with_context(|| format!("run {id} has no date"))?;
        let inputs = run.inputs.clone();
        let mut context = RunContext::new(&self.evaluator, config, job.clone(), &run, as_of, &inputs).await?;
        context.load_changes(&run).await?;
        let folder = to.unwrap_or_else(|| self.var.join("rebuild").join(id));
        let mut out = Vec::new();
        // each file with its folder below the run's; empty = the run's own folder
        let mut of_office = Vec::new();
        let made = EarlierFiles::until(&self.store, &run).await?;
        for name in &job.workbooks {
            let key = ReportKey { template: name.clone(), kind: ReportKind::Workbook, unit: String::new() };
            let dated = made.day_of(&key).unwrap_or(context.made_on);
            of_office.extend(context.workbook(name, &folder, dated)?.into_iter().map(|file| Ok((String::new(), file))));
        }
        let packs = context.rebuilt_packs(&made).map(|pack| {
            let Pack { level, key, file, bytes } = pack?;
            let mut contents = ArchiveWriter::create(&folder.join(&level))?;
            contents.write_all(&bytes)?;
            anyhow::Ok((level, UnpublishedFile { key, name: file, contents, names: NamedCodes::new() }))
        });
        for made in of_office.into_iter().chain(packs) {
            let (level, UnpublishedFile { key, name, contents, .. }) = made?;
            let there = folder.join(&level).join(archive::safe_name(&name));
            if let Ok(known) = std::fs::read(&there) {
                let same = archive::sha256(&known) == contents.sha256();
                ensure!(same, "{} is there and differs: move it away or name another folder with --to", there.display());
            }
            let ArchivedFile { path, sha256, .. } = contents.publish(&name)?;
            let stored = reports.iter().find(|known| known.key == key).map(|known| known.sha256.clone());
            out.push(Rebuilt { path, sha256, stored });
        }
        Ok(out)
    }

    /// The run of an id; an unknown id is refused with the nearest one.
    ///
    /// # Errors
    /// There is no such run, or the database fails.
    pub(crate) async fn run_named(&self, id: &str) -> anyhow::Result<Run> {
        const RUNS_MAX: i64 = 1000;
        if let Some(run) = self.store.runs().get(id).await? {
            return Ok(run);
        }
        let runs = self.store.runs().list(RUNS_MAX).await?;
        let hint = crate::domain::problem::nearest(id, runs.iter().map(|run| run.id.as_str()))
            .map_or_else(|| "`duban runs` lists the names".to_owned(), |near| format!("did you mean \"{near}\"?"));
        bail!("there is no run \"{id}\" ({hint})")
    }
}
