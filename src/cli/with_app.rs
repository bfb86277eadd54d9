//! The commands that need the database.

use crate::app::compose::App;
use crate::app::disk::is_of_disk;
use crate::app::import::ImportRequest;
use crate::cli::arguments::Command;
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use crate::cli::run::RunHow;
use crate::cli::{
    accountability, audit, clock, diff, explain, feedback, findings, intake, matters, outbox, rebuild, restricted, run, runs,
};

/// Runs a command that needs the database, and seals the audit lines of what it did.
pub(crate) async fn sealed(app: &App, command: Command) -> anyhow::Result<Exit> {
    let done = with_app(app, command).await;
    let sealed = app.seal_audit().await;
    let exit = done?;
    match sealed {
        // what was done is done, and sealed once the disk takes something
        Err(error) if is_of_disk(&error) => print_error!("注意：{error:#}"),
        sealed => sealed?,
    }
    Ok(exit)
}

/// Runs a command that needs the database.
pub(crate) async fn with_app(app: &App, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Init { person } => run::init(app, &person).await,
        Command::Pull { source, accept, map, person } => intake::pull(app, source.as_deref(), accept, &map, &person).await,
        Command::Import { file, ledger, source, covers, accept, map, for_unit, person } => {
            let request = ImportRequest { file, ledger, source, covers_on: covers, accept, on_behalf: for_unit };
            intake::import(app, request, &map, &person).await
        }
        Command::Feedback { action } => feedback::feedback(app, action).await,
        Command::Key { action } => feedback::key(app, action).await,
        Command::Snapshot { action } => intake::snapshot(app, action).await,
        Command::Diff { a, b, ledger, format, person } => diff::diff(app, &a, &b, ledger.as_deref(), &format, &person).await,

        Command::Run { job, as_of, dry_run: true, person, .. } => run::run(app, job, as_of, RunHow::Rehearse, &person).await,
        Command::Run { job, as_of, accept_old: true, person, .. } => run::run(app, job, as_of, RunHow::ReviseDespiteOldData, &person).await,
        Command::Run { job, as_of, revise: true, person, .. } => run::run(app, job, as_of, RunHow::Revise, &person).await,
        Command::Run { job, as_of, person, .. } => run::run(app, job, as_of, RunHow::Once, &person).await,
        Command::Preview { job, as_of } => run::run(app, job, as_of, RunHow::Rehearse, &PersonArguments::default()).await,
        Command::Runs { run: Some(run), unit, .. } => runs::show(app, &run, unit.as_deref()).await,
        Command::Runs { run: None, limit, .. } => runs::list(app, limit).await,
        Command::Outbox { action } => outbox::outbox(app, action).await,
        Command::Clock { action } => clock::clock(app, action).await,

        Command::Restricted { action } => restricted::restricted(app, action).await,

        Command::Handle(arguments) => matters::handle(app, arguments).await,
        Command::Matters(arguments) => matters::matters(app, arguments).await,
        Command::History { ledger, code, as_of, format } => matters::history(app, &ledger, &code, as_of, &format).await,
        Command::Retract { event, reason } => matters::retract(app, &event, &reason).await,
        Command::ConfirmDay { event } => matters::confirm_day(app, &event).await,

        Command::Findings { as_of, filter, format, person } => findings::print(app, as_of, &filter, &format, &person).await,
        Command::Explain { rule, key, as_of, format } => explain::explain(app, &rule, &key, as_of, &format).await,
        Command::Accountability { as_of, file, person } => accountability::accountability(app, as_of, &file, &person).await,
        Command::Rebuild { run, to, person } => rebuild::rebuild(app, &run, to, &person).await,
        Command::Audit { prune_before: Some(before), person, .. } => audit::prune(app, before, &person).await,
        Command::Audit { accept: true, person, .. } => audit::accept(app, &person).await,
        Command::Audit { verify: true, format, .. } => audit::verify(app, &format).await,
        Command::Audit { limit, format, .. } => audit::list(app, limit, &format).await,

        // they need no database
        Command::Check { .. }
        | Command::Sample { .. }
        | Command::Blank { .. }
        | Command::Serve { .. }
        | Command::Status { .. }
        | Command::Portal { .. }
        | Command::ParseFile(_)
        | Command::RunQuery(_)
        | Command::TakeIn(_)
        | Command::TakeInFile(_) => Ok(Exit::Done),
    }
}
