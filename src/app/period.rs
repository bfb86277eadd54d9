//! The files of a day as one zip: the workbooks that runs have made, and for a unit the attachments of its mails too.

use crate::app::compose::App;
use crate::app::report_copy::{HandedFile, ReportCopy, report_copy};
use crate::app::restricted::names_restricted;
use crate::mail::message;
use crate::report::bundle::{Content, Entry, bundle};
use crate::store::reports::ReportFilter;
use std::io::Write;
use tokio::sync::mpsc;

/// The folder of the files of all runs; the names in a zip begin below it.
const REPORTS: &str = "var/reports/";
/// Files that are read from the database at once.
const ROWS: i64 = 200;
/// Files that wait to be packed.
const WAITING: usize = 2;

/// Whose files of which day.
#[derive(Clone, Debug)]
pub(crate) struct PeriodRequest {
    pub(crate) filter: ReportFilter,
    /// The name of a unit that gets its own files: none that names a record restricted since, and the attachments of its mails.
    pub(crate) unit: Option<String>,
}

/// How many files of a period there are.
///
/// # Errors
/// The database fails.
pub(crate) async fn count(app: &App, request: &PeriodRequest) -> anyhow::Result<i64> {
    let (_, files) = app.store().reports().page(&request.filter, 0, 1).await?;
    let mails = match &request.unit {
        Some(unit) => app.store().outbox().ids_of_day(unit, &request.filter.as_of).await?.len() as i64,
        None => 0,
    };
    Ok(files + mails)
}

/// Writes the zip of a period to `out`, from a thread that may wait.
///
/// # Errors
/// The database fails, or the zip cannot be written: whoever reads it has gone.
pub(crate) async fn write_zip(app: &App, request: PeriodRequest, out: impl Write + Send + 'static) -> anyhow::Result<()> {
    let (sender, mut entries) = mpsc::channel(WAITING);
    let packing = tokio::task::spawn_blocking(move || bundle(out, std::iter::from_fn(move || entries.blocking_recv())));
    let sent = send_entries(app, &request, &sender).await;
    drop(sender);
    for (file, error) in packing.await?? {
        tracing::error!(file, %error, "a file of a zip cannot be read");
    }
    sent
}

/// Sends the files one by one. It ends early where nobody packs them any more.
async fn send_entries(app: &App, request: &PeriodRequest, sender: &mpsc::Sender<Entry>) -> anyhow::Result<()> {
    let (mut left_out, mut mails_left_out) = (Vec::new(), 0);
    let mut first = 0;
    loop {
        let (files, total) = app.store().reports().page(&request.filter, first, ROWS).await?;
        for report in &files {
            let path = &report.file.path;
            let name = path.strip_prefix(REPORTS).unwrap_or(path).to_owned();
            if request.unit.is_some() && names_restricted(app, path).await? {
                left_out.push(name);
                continue;
            }
            let content = match report_copy(app, &report.file).await? {
                ReportCopy::File(HandedFile::Own(path)) => Content::File(path),
                ReportCopy::File(HandedFile::Fetched(path)) => Content::Temporary(path),
                ReportCopy::Missing(why) => Content::Missing(why),
            };
            if sender.send(Entry { name, content }).await.is_err() {
                return Ok(());
            }
        }
        first += ROWS;
        if first >= total {
            break;
        }
    }
    if let Some(unit) = &request.unit {
        for id in app.store().outbox().ids_of_day(unit, &request.filter.as_of).await? {
            if names_restricted(app, &id).await? {
                mails_left_out += 1;
                continue;
            }
            let Some(bytes) = app.store().outbox().body(&id).await? else { continue };
            let attachments = (0..).map_while(|place| message::attachment(&bytes, place));
            for (name, bytes) in attachments {
                if sender.send(Entry { name: format!("邮件附件/{name}"), content: Content::Bytes(bytes) }).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    if mails_left_out > 0 {
        // the subject of a mail may name the project
        left_out.push(format!("{mails_left_out}封邮件的附件"));
    }
    if !left_out.is_empty() {
        let text = format!("以下文件中有项目已列为不便公开，不再提供；需要时请与办公室联系：\r\n{}\r\n", left_out.join("\r\n"));
        let _gone = sender.send(Entry { name: "不再提供的文件.txt".into(), content: Content::Bytes(text.into_bytes()) }).await;
    }
    Ok(())
}
