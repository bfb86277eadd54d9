//! The pull step: reads the job's sources and the returned feedback forms, and pins the inputs of the run.

use crate::config::job_file::{Job, JobStep};
use crate::domain::notify::feedback::{FormAccount, RETURNED};
use crate::domain::plain_text::shown_name;
use crate::domain::register::data_condition::{DataCondition, Reader};
use crate::store::handle::Store;
use crate::store::restrictions::FileCount;
use crate::store::run_result::RunFault;
use crate::store::runs::RunInputs;
use crate::worker::import::feedback::FEEDBACK_SOURCE;
use crate::worker::import::importer::Importer;
use crate::worker::import::reading_guard::Initiative;
use crate::worker::pulse::Pulse;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::ensure;
use chrono::NaiveDate;
use std::path::Path;

/// Pulls the job's sources and the returned forms. Returns the inputs of the run; a source that cannot be read is a fault among them.
///
/// # Errors
/// There is no project register or no start day although the job judges, the run is to stop here, or the database fails.
pub(crate) async fn pull_and_pin(
    importer: &Importer,
    evaluator: &Evaluator,
    pulse: &Pulse,
    job: &Job,
    as_of: NaiveDate,
) -> anyhow::Result<RunInputs> {
    let mut inputs = RunInputs::default();
    let own = importer.own_projects().await?;
    for source in &evaluator.config.settings.sources {
        if !job.sources.is_empty() && !job.sources.contains(&source.name) || source.sample && own {
            continue;
        }
        pulse.check()?;
        pulse.beat();
        match importer.pull_source(source, false, Initiative::Service).await {
            Ok(report) => {
                if report.held() {
                    inputs.faults.push(RunFault::SourceHeld { name: source.name.clone() });
                }
                inputs.faults.extend(report.fault.map(|fault| RunFault::Source { name: source.name.clone(), detail: fault.to_string() }));
                inputs.intake_reports.extend(report.workbook);
            }
            Err(error) => {
                tracing::error!(source = %source.name, %error, "a source could not be pulled");
                inputs.faults.push(RunFault::Source { name: source.name.clone(), detail: error.to_string() });
            }
        }
    }
    match importer.take_forms().await {
        Ok(came) => {
            for (file, taken) in came {
                match taken {
                    Ok(accounts) => inputs.faults.extend(sent_back(&file, &accounts).map(|detail| RunFault::Form { detail })),
                    Err(error) => inputs.faults.push(RunFault::Form { detail: error.to_string() }),
                }
            }
        }
        Err(error) => inputs.faults.push(RunFault::Forms { detail: format!("{error:#}") }),
    }
    inputs.answers = evaluator.store.feedback().last_no().await?;
    inputs.form_key = Some(importer.form_key().await?);
    inputs.data = evaluator.store.pictures().look().await?.data;
    ensure_unaltered_marks(&evaluator.store).await?;
    let selection = evaluator.select_snapshots(&job.sources, as_of).await?;
    if job.steps.contains(&JobStep::Detect) && job.makes_papers() {
        ensure!(
            evaluator.config.policy.projects().is_some_and(|ledger| selection.of_ledger(&ledger.id).next().is_some()),
            "there is no project register to judge{}",
            if inputs.faults.is_empty() {
                "; name a source in config/duban.toml or run `duban import FILE`".into()
            } else {
                format!(": {}", inputs.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        );
        ensure!(
            selection.sample || evaluator.config.settings.enforce_on().is_some(),
            "this register has no start day yet (建账期): run `duban init` first, so that every unit can check its rows before acts begin"
        );
    }
    if job.steps.contains(&JobStep::Detect) {
        inputs.enforce_on = evaluator.config.settings.enforce_on();
    }
    inputs.gone = Some(evaluator.gone_pin(&selection).await?);
    inputs.sample = selection.sample;
    inputs.restrictions = selection.restrictions_position;
    inputs.events = selection.events_position;
    inputs.previous_run = evaluator.store.runs().previous(&job.name, as_of, selection.sample).await?;
    inputs.faults.extend(floods(evaluator, &inputs, &selection).await?);
    let projects = selection.restrictions.unsearched_projects();
    if projects > 0 {
        inputs.faults.push(RunFault::UnsearchedProjects { projects });
    }
    inputs.conditions = selection.conditions.clone();
    let old = old_data_faults(evaluator, &selection, as_of);
    // what the brake holds of a source is named with the snapshot
    inputs.faults.retain(|fault| !old.iter().any(|known| is_named_by(known, fault)));
    inputs.faults.extend(old);
    inputs.closed = evaluator.closed_quarters(&evaluator.config, Some(&job.name), as_of, selection.sample).await?;
    inputs.snapshots = selection.pins();
    inputs.files = evaluator.store.frozen_texts().freeze(&evaluator.config.files_without_secrets()).await?;
    Ok(inputs)
}

/// The data of a run that are too old, or behind a snapshot that waits. That a source failed is a fault of its own.
fn old_data_faults(evaluator: &Evaluator, selection: &SnapshotSelection, as_of: NaiveDate) -> Vec<RunFault> {
    let policy = &evaluator.config.policy;
    let title = |id: &str| policy.ledger(id).map_or(id.to_owned(), |index| policy.ledgers[index].title.clone());
    let fault = |condition: &DataCondition| {
        let condition = DataCondition { failure: String::new(), ..condition.clone() };
        let detail = condition.in_words(&title(&condition.ledger), as_of, Reader::Office);
        (!detail.is_empty()).then_some(RunFault::OldData { ledger: condition.ledger, origin: condition.source, detail })
    };
    selection.conditions.iter().filter_map(fault).collect()
}

fn is_named_by(old: &RunFault, fault: &RunFault) -> bool {
    matches!((old, fault), (RunFault::OldData { origin, .. }, RunFault::SourceHeld { name }) if origin == name)
}

/// Nothing is judged or mailed by marks of secrecy that somebody changed past the program.
///
/// # Errors
/// They are not as the audit has them, or the database fails.
pub(crate) async fn ensure_unaltered_marks(store: &Store) -> anyhow::Result<()> {
    let altered = store.audit().altered_marks().await?.unwrap_or_default();
    ensure!(
        altered.is_empty(),
        "不便公开的标注被越过程序改动（{altered}），未作判断，未发邮件。请用备份核对：duban audit --verify；查明后由负责人认可现状：duban audit --accept --by 姓名 --reason 事由"
    );
    Ok(())
}

/// What of a form was sent back, in words; `None` = nothing was.
fn sent_back(file: &Path, accounts: &[FormAccount]) -> Option<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let (taken, returned) = accounts.iter().fold((0, 0), |(taken, returned), form| (taken + form.taken, returned + form.returned));
    let units = accounts.iter().map(|form| form.unit.as_str()).collect::<Vec<_>>().join("、");
    let first = accounts.iter().flat_map(|form| &form.lines).find(|(.., remark)| remark.starts_with(RETURNED));
    let first = first.map_or_else(String::new, |(place, code, remark)| format!("，如{place} {code}：{remark}"));
    (returned > 0).then(|| format!("{}（{units}）：收下{taken}行，退回{returned}行{first}；请告知该单位改正后重新发来", shown_name(&name)))
}

/// The files that have restricted many codes at once, and the forms that have restricted any, since the job's previous run.
async fn floods(evaluator: &Evaluator, inputs: &RunInputs, selection: &SnapshotSelection) -> anyhow::Result<Vec<RunFault>> {
    let store = &evaluator.store;
    let previous = match &inputs.previous_run {
        Some(run) => store.runs().get(run).await?,
        None => None,
    };
    let since = previous.map_or(0, |run| run.inputs.restrictions);
    let counts = store.restrictions().counts_since(since).await?;
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let snapshots = store.snapshots().list().await?;
    let policy = &evaluator.config.policy;
    let mut faults = Vec::new();
    for FileCount { ledger, source, file_sha256, codes } in counts {
        let rows_of =
            |seq: i64, of: &str| snapshots.iter().find(|known| (&*known.ledger, &*known.source, known.seq) == (&*ledger, of, seq));
        let in_force = selection.of_ledger(&ledger).filter_map(|found| rows_of(found.snapshot.seq, &found.snapshot.source));
        let rows = in_force.map(|snapshot| snapshot.rows.unsigned_abs()).sum();
        // what a unit has restricted by a form is looked at, however little it is
        if source == FEEDBACK_SOURCE || policy.secrecy.flood.is_flood(codes, rows) {
            let title = policy.ledger(&ledger).map_or(ledger.clone(), |index| policy.ledgers[index].title.clone());
            faults.push(RunFault::RestrictedFlood { ledger: title, origin: source, file: file_sha256, codes });
        }
    }
    Ok(faults)
}
