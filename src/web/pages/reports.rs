//! 报表: the files that runs have made, one by one or those of a day as a zip. The office sees all, a unit its own packs.

use crate::app::accounts::unknown_unit;
use crate::app::period::{self, PeriodRequest};
use crate::app::report_copy::{ReportCopy, report_copy};
use crate::app::restricted::names_restricted;
use crate::clock::stamp;
use crate::store::os_user::as_account;
use crate::store::reports::{FiledReport, ReportFilter, ReportKind};
use crate::web::fields::link;
use crate::web::pages::shown::{ROWS, day, first_row, local_time, paging, size};
use crate::web::portal::{Portal, Request, Scope};
use crate::web::reply::{Answer, Download, Refusal, Reply, Streamed};
use minijinja::context;
use std::io::{self, Write};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// A code that no unit has.
const NO_UNIT: &str = "-";

/// The word for a kind of file.
fn word(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Workbook => "工作簿",
        ReportKind::Document => "公文稿",
        ReportKind::Pack => "分单位报表",
    }
}

/// The filter of a query for what the visitor may see, and what is wrong with it.
fn filter_of(portal: &Portal, asked: &Request) -> anyhow::Result<(ReportFilter, String)> {
    let units = &portal.app.config().policy.units;
    let (visitor, query) = (asked.visitor()?, &asked.query);
    let named = query.get("unit").trim();
    let (unit, fault) = match portal.scope(visitor) {
        Scope::Unit(unit) => (units.units[unit].code.clone(), String::new()),
        Scope::Office if named.is_empty() => (String::new(), String::new()),
        Scope::Office => match units.named(named) {
            Some(unit) => (units.units[unit].code.clone(), String::new()),
            None => (NO_UNIT.to_owned(), format!("{}。", unknown_unit(units, named))),
        },
    };
    let filter = ReportFilter {
        job: query.get("job").to_owned(),
        as_of: query.get("as_of").to_owned(),
        unit,
        name: query.get("name").trim().to_owned(),
        with_superseded: query.get("all") == "1",
    };
    Ok((filter, fault))
}

pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    let config = portal.app.config();
    let units = &config.policy.units;
    let (visitor, query) = (asked.visitor()?, &asked.query);
    let named = query.get("unit").trim();
    let (filter, fault) = filter_of(portal, asked)?;
    let reports = portal.app.store().reports();
    let (files, total) = reports.page(&filter, first_row(query), ROWS).await?;
    let title_of = |job: &str| config.jobs.iter().find(|known| known.name == job).map_or_else(|| job.to_owned(), |job| job.title.clone());
    let rows: Vec<_> = files
        .iter()
        .map(|FiledReport { file, job, as_of, revision, made_at, is_superseded }| {
            let unit = units.units.iter().find(|unit| !file.key.unit.is_empty() && unit.code == file.key.unit);
            context! {
                name => file_name(&file.path), link => file_link(&file.path),
                kind => word(file.key.kind), unit => unit.map_or("", |unit| unit.name.as_str()),
                job => title_of(job), as_of => day(as_of), revision, made => local_time(made_at), size => size(file.bytes),
                sha256 => &file.sha256, is_superseded,
            }
        })
        .collect();
    let days: Vec<_> = reports.days().await?.iter().map(|text| context! { text, shown => day(text) }).collect();
    let jobs: Vec<_> = config.jobs.iter().map(|job| context! { name => &job.name, title => &job.title }).collect();
    let values = context! {
        rows, days, jobs, fault,
        filter => context! { job => &filter.job, as_of => &filter.as_of, unit => named, name => &filter.name, all => filter.with_superseded },
        is_office => portal.scope(visitor) == Scope::Office,
        period => (!filter.as_of.is_empty() && total > 0).then(|| format!("/reports/period.zip?{}", query.with_page(1))),
        paging => paging(query, total),
    };
    Ok(Reply::page("reports", "报表", values))
}

/// The address at which a file is downloaded.
pub(crate) fn file_link(path: &str) -> String {
    link("/reports/file", [("path", path)])
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A file that a run has made. One that names a record which has become restricted since is not given to a unit.
pub(crate) async fn file(portal: &Portal, asked: &Request) -> Answer {
    let path = asked.query.get("path");
    let visitor = asked.visitor()?;
    let Some(report) = portal.app.store().reports().at(path).await? else { return Err(Refusal::NotFound) };
    let scope = portal.scope(visitor);
    let now = stamp(portal.app.clock().now());
    let audit = portal.app.store().audit();
    if let Scope::Unit(unit) = scope
        && report.file.key.unit != portal.app.config().policy.units.units[unit].code
    {
        audit.record(&now, &visitor.account.name, "refused: download", path, "").await?;
        return Err(Refusal::NotFound);
    }
    if scope != Scope::Office && names_restricted(&portal.app, path).await? {
        audit.record(&now, &visitor.account.name, "refused: download of a restricted record", path, "").await?;
        let text = "这份报表中有项目已列为不便公开，不再提供下载；办公室重新生成后会出现新的一份。需要时请与办公室联系。";
        return Ok(Reply::page_with(axum::http::StatusCode::FORBIDDEN, "fault", "不能下载", context! { text }));
    }
    let copy = match report_copy(&portal.app, &report.file).await? {
        ReportCopy::File(copy) => copy,
        ReportCopy::Missing(why) => {
            tracing::error!(path, why = ?why, "a report cannot be handed out");
            let text = format!("这份文件{}，没有下载。请告诉管理员。", why.words());
            return Ok(Reply::page_with(axum::http::StatusCode::GONE, "fault", "不能下载", context! { text }));
        }
    };
    // a part may be the whole
    if asked.method == axum::http::Method::GET {
        audit.record(&now, &visitor.account.name, "download", path, "").await?;
    }
    Ok(Reply::Download(Download { copy, name: file_name(path).to_owned() }))
}

/// Bytes of a piece of a zip.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for a slow reader.
const PIECES_WAITING: usize = 4;

/// The longest that a reader may take for a piece before the zip breaks off: who waits behind it gets a turn.
const PIECE_TIME: Duration = Duration::from_secs(30);
/// How long somebody waits for a turn.
const TURN_TIME: Duration = Duration::from_secs(20);

/// Sends what is written, piece by piece, from a thread that may wait; it waits for a reader that is slow, and fails when there is none any more.
struct PieceWriter {
    handle: Handle,
    pieces: mpsc::Sender<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        match piece.is_empty() {
            true => Ok(()),
            false => {
                let sent = self.handle.block_on(self.pieces.send_timeout(Ok(piece), PIECE_TIME));
                sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

impl Drop for PieceWriter {
    fn drop(&mut self) {
        let _gone = self.flush();
    }
}

/// The files of one day as a zip; a unit gets its own, with the attachments of its mails.
pub(crate) async fn period(portal: &Portal, asked: &Request) -> Answer {
    let visitor = asked.visitor()?;
    let (filter, _) = filter_of(portal, asked)?;
    if filter.as_of.is_empty() {
        return Err(Refusal::NotFound);
    }
    let unit = portal.scope(visitor).reader().map(|unit| portal.app.config().policy.units.units[unit].name.clone());
    let request = PeriodRequest { filter, unit };
    if period::count(&portal.app, &request).await? == 0 {
        return Err(Refusal::NotFound);
    }
    let Ok(turn) = tokio::time::timeout(TURN_TIME, portal.exports.clone().acquire_owned()).await else {
        let text = "现在打包下载的人多，请过一分钟再试，没有下载任何内容。";
        return Ok(Reply::page_with(axum::http::StatusCode::SERVICE_UNAVAILABLE, "fault", "请稍后再试", context! { text }));
    };
    let ReportFilter { job, as_of, unit, name, .. } = &request.filter;
    let object = [as_of, job, unit, name].map(String::as_str).join(" ");
    let now = stamp(portal.app.clock().now());
    // what breaks off has handed out a part: the line at the end is that it was whole
    portal.app.store().audit().record(&now, &visitor.account.name, "download of a period begun", object.trim_end(), "").await?;
    let name = format!("报表（截至{as_of}）.zip");
    let (sender, pieces) = mpsc::channel(PIECES_WAITING);
    let (app, turn, handle) = (portal.app.clone(), turn?, Handle::current());
    let (who, object) = (visitor.account.name.clone(), object.trim_end().to_owned());
    let actor = format!("{who}@{}", asked.client.address);
    tokio::spawn(as_account(actor, async move {
        let out = PieceWriter { handle, pieces: sender.clone(), piece: Vec::new() };
        let written = async {
            period::write_zip(&app, request, out).await?;
            // room for all: every piece was taken
            tokio::time::timeout(PIECE_TIME, sender.reserve_many(PIECES_WAITING)).await??;
            anyhow::Ok(app.store().audit().record(&stamp(app.clock().now()), &who, "download of a period", &object, "").await?)
        };
        if let Err(error) = written.await {
            tracing::warn!(error = %format!("{error:#}"), "a zip of a period ended early");
            // a reader that takes nothing may take this after minutes
            drop(turn);
            let _gone = sender.send(Err(io::Error::other("the zip is not whole"))).await;
        }
    }));
    Ok(Reply::Streamed(Streamed { name, pieces }))
}
