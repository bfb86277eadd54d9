//! 报表: the files that runs have made. The office sees all, a unit its own packs.

use crate::app::accounts::unknown_unit;
use crate::app::restricted::names_restricted;
use crate::clock::stamp;
use crate::store::reports::{FiledReport, ReportFilter, ReportKind};
use crate::web::pages::shown::{ROWS, day, first_row, local_time, paging, size};
use crate::web::portal::{Portal, Request, Scope};
use crate::web::reply::{Answer, Download, Refusal, Reply};
use minijinja::context;

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

pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    let config = portal.app.config();
    let units = &config.policy.units;
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
    };
    let reports = portal.app.store().reports();
    let (files, total) = reports.page(&filter, first_row(query), ROWS).await?;
    let title_of = |job: &str| config.jobs.iter().find(|known| known.name == job).map_or_else(|| job.to_owned(), |job| job.title.clone());
    let rows: Vec<_> = files
        .iter()
        .map(|FiledReport { file, job, as_of, revision, made_at }| {
            let unit = units.units.iter().find(|unit| !file.key.unit.is_empty() && unit.code == file.key.unit);
            context! {
                name => file_name(&file.path), link => file_link(&file.path),
                kind => word(file.key.kind), unit => unit.map_or("", |unit| unit.name.as_str()),
                job => title_of(job), as_of => day(as_of), revision, made => local_time(made_at), size => size(file.bytes),
                sha256 => &file.sha256,
            }
        })
        .collect();
    let days: Vec<_> = reports.days().await?.iter().map(|text| context! { text, shown => day(text) }).collect();
    let jobs: Vec<_> = config.jobs.iter().map(|job| context! { name => &job.name, title => &job.title }).collect();
    let values = context! {
        rows, days, jobs, fault,
        filter => context! { job => filter.job, as_of => filter.as_of, unit => named, name => filter.name },
        is_office => portal.scope(visitor) == Scope::Office,
        paging => paging(query, total),
    };
    Ok(Reply::page("reports", "报表", values))
}

/// The address at which a file is downloaded.
pub(crate) fn file_link(path: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("path", path);
    format!("/reports/file?{}", query.finish())
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
    // a part may be the whole
    if asked.method == axum::http::Method::GET {
        audit.record(&now, &visitor.account.name, "download", path, "").await?;
    }
    Ok(Reply::Download(Download { path: portal.app.root().join(path), name: file_name(path).to_owned() }))
}
