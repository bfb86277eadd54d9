//! 台账: the records as the registers in force have them; one with its cells, what changed when, and what other ledgers hold on it.

use crate::app::accounts::unknown_unit;
use crate::app::records::{
    COUNTED_MAX, Position, RecordCount, RecordFilter, RecordLine, RecordLookup, RecordOrder, RecordPage, RecordView,
};
use crate::domain::intake::text::half_width;
use crate::domain::register::ledger::Role;
use crate::domain::register::snapshot::source_title;
use crate::store::record_lookup::CodeFilter;
use crate::web::fields::{as_segment, link};
use crate::web::pages::findings;
use crate::web::pages::shown::{ROWS, day, local_time};
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Refusal, Reply};
use minijinja::{Value, context};

async fn lookup<'a>(portal: &'a Portal, asked: &Request) -> anyhow::Result<RecordLookup<'a>> {
    RecordLookup::new(&portal.app, portal.scope(asked.visitor()?).reader()).await
}

/// The ledgers.
pub(crate) async fn ledgers(portal: &Portal, asked: &Request) -> Answer {
    let lookup = lookup(portal, asked).await?;
    let is_office = portal.scope(asked.visitor()?).reader().is_none();
    let rows: Vec<Value> = lookup
        .ledgers()
        .into_iter()
        .map(|(ledger, rows, covers)| {
            let covers = covers.map_or_else(String::new, |covers| day(&covers.to_string()));
            context! { title => &ledger.title, link => format!("/records/{}", as_segment(&ledger.id)), rows, covers }
        })
        .collect();
    Ok(Reply::page("ledgers", "台账", context! { rows, is_office }))
}

/// The records of one ledger.
pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    let (mut lookup, query) = (lookup(portal, asked).await?, &asked.query);
    // while they are being made, a record whose findings alone would show it is not listed yet
    if let Some(unit) = portal.scope(asked.visitor()?).reader() {
        lookup.findings = findings::current(portal, Some(unit)).await?.ok();
    }
    let ledger = asked.rest.first().and_then(|id| lookup.ledger(id)).ok_or(Refusal::NotFound)?;
    let units = &portal.app.config().policy.units;
    let named = query.get("unit").trim();
    let unit = units.named(named).filter(|_| !named.is_empty());
    let fault = match named.is_empty() || unit.is_some() {
        true => String::new(),
        false => format!("{}，没有列出记录。", unknown_unit(units, named)),
    };
    let start = CodeFilter { code: half_width(query.get("code").trim()), name: half_width(query.get("name").trim()) };
    let is_office = portal.scope(asked.visitor()?).reader().is_none();
    let order = match query.get("order") {
        "code" if is_office => RecordOrder::Code,
        "name" if is_office => RecordOrder::Name,
        _ => RecordOrder::Units,
    };
    let filter = RecordFilter { unit, start, order };
    let after = Position {
        source: query.get("source").parse().unwrap_or_default(),
        text: query.get("of").to_owned(),
        code: query.get("after").to_owned(),
    };
    let page = match fault.is_empty() {
        true => lookup.page(ledger, &filter, &after, ROWS as usize).await?,
        false => RecordPage::default(),
    };
    // counting for a unit reads as many records as a list may go through
    let count = if after == Position::default() && fault.is_empty() { Some(lookup.count(ledger, &filter).await?) } else { None };
    let total = count.map(|count| match count {
        RecordCount::Exact(count) => format!("共{count}条"),
        RecordCount::Over(COUNTED_MAX) => format!("共{COUNTED_MAX}条以上"),
        RecordCount::Over(count) => format!("前{COUNTED_MAX}行中有{count}条"),
    });
    let path = format!("/records/{}", asked.rest.first().map_or_else(String::new, |id| as_segment(id)));
    let page_link = |page: i64, position: Option<&Position>| {
        let (source, page) = position.map_or_else(Default::default, |position| (position.source.to_string(), page.to_string()));
        let (of, after) = position.map_or(("", ""), |position| (&position.text, &position.code));
        let CodeFilter { code, name } = &filter.start;
        let shown = [("unit", named), ("code", code), ("name", name), ("order", query.get("order"))];
        link(&path, shown.into_iter().chain([("source", &*source), ("of", of), ("after", after), ("page", &*page)]))
    };
    let (shape, ..) = lookup.ledgers().into_iter().nth(ledger).ok_or(Refusal::NotFound)?;
    let values = context! {
        about => &shape.title, has_stage => shape.role(Role::Stage).is_some(), has_amount => shape.role(Role::Amount).is_some(), path => &path, fault, total, is_cut => page.is_cut,
        filter => context! { unit => named, code => &filter.start.code, name => &filter.start.name },
        is_office, order => query.get("order"),
        rows => page.lines.iter().map(row).collect::<Vec<_>>(),
        page => query.page(),
        first => (after != Position::default()).then(|| page_link(1, None)),
        next => page.next.as_ref().map(|next| page_link(query.page() + 1, Some(next))),
    };
    Ok(Reply::page("records", "台账", values))
}

fn record_link(line: &RecordLine) -> String {
    format!("/records/{}/{}", as_segment(&line.ledger), as_segment(&line.code))
}

fn row(line: &RecordLine) -> Value {
    context! {
        link => record_link(line), ledger => &line.ledger_title, code => &line.code, name => &line.name, unit => &line.unit,
        amount => &line.amount, stage => &line.stage, restricted => line.restricted,
    }
}

/// One record.
pub(crate) async fn one(portal: &Portal, asked: &Request) -> Answer {
    let lookup = lookup(portal, asked).await?;
    let [id, code] = asked.rest.as_slice() else { return Err(Refusal::NotFound) };
    let ledger = lookup.ledger(id).ok_or(Refusal::NotFound)?;
    let reader = portal.scope(asked.visitor()?).reader();
    // while they are being made, a record whose findings alone would show it is not shown yet
    let (lines, is_judged) = match findings::current(portal, reader).await? {
        Ok(current) => (current.on_record(&portal.app.config().policy.units, reader, id, code).await?, true),
        Err(_) => (Vec::new(), false),
    };
    let view = lookup.one(ledger, code, !lines.is_empty()).await?.ok_or(Refusal::NotFound)?;
    let RecordView { line, source, other_sources, cells, versions, project, linked } = &view;
    let cells: Vec<Value> =
        cells.iter().map(|cell| context! { title => &cell.title, value => &cell.value, place => &cell.place }).collect();
    let oldest = versions.len();
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(place, version)| {
            let is_first = place + 1 == oldest;
            let changes: Vec<Value> = version.changes.iter().map(|(title, was, now)| context! { title, was, now }).collect();
            let covers = day(&version.covers_on.to_string());
            context! { source => &version.source, seq => version.seq, covers, taken => local_time(&version.taken_at), changes, is_first }
        })
        .collect();
    let values = context! {
        other_sources => other_sources.iter().map(|source| source_title(source)).collect::<Vec<_>>().join("、"),
        line => row(line), is_judged, source => source_title(source), cells, versions,
        findings => lines.iter().map(findings::row).collect::<Vec<_>>(),
        project => project.as_ref().map(row),
        linked => linked.iter().map(row).collect::<Vec<_>>(),
        back => format!("/records/{}", as_segment(id)),
    };
    Ok(Reply::page("record", "台账详情", values))
}
