//! 督办事项: the findings as the register has them today; one with its explanation; the list as a workbook.

use crate::app::accounts::unknown_unit;
use crate::app::current_findings::{Current, CurrentFindings, FindingLine, FindingLines, LineFilter};
use crate::app::explain::explain;
use crate::app::explained_text::explained_text;
use crate::app::picture_lists::GroupOrder;
use crate::clock::stamp;
use crate::domain::audience::{Audience, masked};
use crate::domain::judging::finding::State;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use crate::web::fields::{Fields, link};
use crate::web::pages::shown::{ROWS, day, first_row, local_time, paging};
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Made, Refusal, Reply};
use minijinja::{Value, context};
use std::sync::Arc;

/// The word for a state.
fn word(state: State) -> &'static str {
    match state {
        State::Open => "在督",
        State::Exempt => "豁免",
        State::Unjudged => "无法判定",
    }
}

/// The unit whose part of the findings a visitor sees; `None` = all.
fn reader(portal: &Portal, asked: &Request) -> anyhow::Result<Option<UnitId>> {
    Ok(portal.scope(asked.visitor()?).reader())
}

/// The findings of today, or the page that there is in their place.
pub(crate) async fn current(portal: &Portal, reader: Option<UnitId>) -> anyhow::Result<Result<Arc<CurrentFindings>, Reply>> {
    let page = |text: &str| Ok(Err(Reply::page("fault", "督办事项", context! { text })));
    match portal.pictures.of(reader, portal.app.clock().today()).await? {
        Current::Picture(current) => Ok(Ok(current)),
        Current::Nothing => page("还没有导入台账。"),
        Current::BeingMade => page("台账刚有更新，正在判定，请稍后刷新本页。"),
    }
}

/// What is wrong with the unit that a query names; empty = nothing. A list of all in place of that of a unit would be taken for its own.
fn unit_fault(portal: &Portal, query: &Fields) -> String {
    let (units, named) = (&portal.app.config().policy.units, query.get("unit").trim());
    let is_known = named.is_empty() || units.named(named).is_some();
    if is_known { String::new() } else { format!("{}，没有列出事项。", unknown_unit(units, named)) }
}

/// The filter of a query, and itself in words.
fn filter_of(portal: &Portal, query: &Fields) -> (LineFilter, String) {
    let policy = &portal.app.config().policy;
    let filter = LineFilter {
        light: Light::from_code(query.get("light")),
        state: State::ALL.into_iter().find(|state| state.code() == query.get("state")),
        rule: query.get("rule").to_owned(),
        unit: policy.units.named(query.get("unit").trim()).filter(|_| !query.get("unit").trim().is_empty()),
        text: query.get("text").trim().to_owned(),
        order: match query.get("order") {
            "light" => GroupOrder::Light,
            "unit" => GroupOrder::Owner,
            _ => GroupOrder::Rule,
        },
    };
    let rule = policy.rules.iter().find(|rule| rule.id == filter.rule).map(|rule| rule.title.clone());
    let unit = filter.unit.map(|unit| policy.units.units[unit].name.clone());
    let text = Some(&filter.text).filter(|text| !text.is_empty()).map(|text| format!("含“{text}”"));
    let words = [filter.light.map(|light| light.title().to_owned()), filter.state.map(|state| word(state).to_owned()), rule, unit, text];
    let words: Vec<String> = words.into_iter().flatten().collect();
    (filter, words.join("，"))
}

/// Which findings a list counts, in words: that of a unit holds more than what the office sees where it filters for the unit.
fn counted_words(portal: &Portal, reader: Option<UnitId>, filter: &LineFilter) -> String {
    let name = |unit: UnitId| &portal.app.config().policy.units.units[unit].name;
    let of_filter = filter.unit.map(|unit| format!("责任单位是{}及其下级的事项", name(unit)));
    match (reader, of_filter) {
        (None, None) => "列出全部督办事项，每件只列在责任单位名下。".to_owned(),
        (None, Some(of_filter)) => format!("列出{of_filter}；责任单位是其他单位、只是告知该单位的不在内。"),
        (Some(_), of_filter) => {
            let of_filter = of_filter.map_or_else(String::new, |words| format!("现只列其中{words}。"));
            format!(
                "列出责任单位是本单位及其下级的事项、告知本单位的事项和由本单位牵头的产业的事项；下级洽谈中的项目，告知本单位的才列出。{of_filter}"
            )
        }
    }
}

pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    let query = &asked.query;
    let reader = reader(portal, asked)?;
    let current = match current(portal, reader).await? {
        Ok(current) => current,
        Err(page) => return Ok(page),
    };
    let (filter, _) = filter_of(portal, query);
    let policy = &portal.app.config().policy;
    let fault = unit_fault(portal, query);
    let lines = match fault.is_empty() {
        true => current.lines(&policy.units, reader, &filter, first_row(query) as usize, ROWS as usize).await?,
        false => FindingLines::default(),
    };
    let rules: Vec<Value> =
        policy.rules.iter().map(|rule| context! { id => &rule.id, title => &rule.title, is_here => rule.id == filter.rule }).collect();
    let lights: Vec<Value> = Light::ALL
        .iter()
        .rev()
        .map(|light| context! { code => light.code(), title => light.title(), is_here => filter.light == Some(*light) })
        .collect();
    let states: Vec<Value> = State::ALL
        .iter()
        .map(|state| context! { code => state.code(), title => word(*state), is_here => filter.state == Some(*state) })
        .collect();
    let values = context! {
        as_of => day(&current.as_of.to_string()), made_at => local_time(&current.made_at), is_behind => current.is_behind,
        rules, lights, states, fault, counted => counted_words(portal, reader, &filter),
        filter => context! { unit => query.get("unit").trim(), text => &filter.text }, order => query.get("order"),
        rows => lines.lines.iter().map(|line| row_of_list(line, query)).collect::<Vec<_>>(),
        only_counted => lines.only_counted,
        export => format!("/findings/list.xlsx?{}", query.with_page(1)), has_export => lines.total > 0,
        paging => paging(query, lines.total as i64),
    };
    Ok(Reply::page("findings", "督办事项", values))
}

/// A row of a list, whose finding leads back to the list as it was filtered.
fn row_of_list(line: &FindingLine, query: &Fields) -> Value {
    let list = format!("/findings?{}", query.with_page(query.page()));
    context! { link => link("/findings/one", [("rule", &*line.rule), ("key", &*line.key), ("list", &*list)]), ..row(line) }
}

pub(crate) fn row(line: &FindingLine) -> Value {
    context! {
        link => link("/findings/one", [("rule", &*line.rule), ("key", &*line.key)]), rule => &line.rule_title, key => &line.key, name => &line.name, unit => &line.unit,
        light => line.light.map_or("", Light::code), light_word => line.light.map_or("无法判定", Light::title),
        state => word(line.state), is_exempt => line.state == State::Exempt,
        measure => &line.measure, received => line.received_on.map(chinese_date), answered_at => local_time(&line.answered_at), change => line.change.title(), restricted => line.restricted,
    }
}

/// The filtered list as a workbook.
pub(crate) async fn export(portal: &Portal, asked: &Request) -> Answer {
    let visitor = asked.visitor()?;
    let reader = reader(portal, asked)?;
    let Ok(current) = current(portal, reader).await? else { return Err(Refusal::NotFound) };
    if !unit_fault(portal, &asked.query).is_empty() {
        return Err(Refusal::NotFound);
    }
    let (filter, words) = filter_of(portal, &asked.query);
    let name = format!("督办事项清单（截至{}）.xlsx", current.as_of);
    let now = stamp(portal.app.clock().now());
    portal.app.store().audit().record(&now, &visitor.account.name, "export findings", &words, "").await?;
    let _turn = portal.exports.acquire().await?;
    let app = portal.app.clone();
    let made = move || current.workbook(app.config(), &app.root().join("var"), reader, &filter, words);
    let file = tokio::task::spawn_blocking(made).await??;
    Ok(Reply::Made(Made { name, file }))
}

/// One finding, explained.
pub(crate) async fn one(portal: &Portal, asked: &Request) -> Answer {
    let (rule, key) = (asked.query.get("rule"), asked.query.get("key"));
    let reader = reader(portal, asked)?;
    let Ok(current) = current(portal, reader).await? else { return Err(Refusal::NotFound) };
    if !current.shows(&portal.app.config().policy.units, reader, rule, key).await? {
        return Err(Refusal::NotFound);
    }
    let mut explained = explain(portal.app.evaluator(), rule, key, current.as_of, reader.map_or(Audience::Office, Audience::Unit)).await?;
    if let Some(unit) = reader {
        let own = &portal.app.config().policy.units.units[unit].name;
        explained.notifications.retain(|notification| notification.unit == *own);
    }
    let text = explained_text(&explained);
    let shown = |line: &String| masked(line);
    let sections: Vec<Value> = text
        .sections
        .iter()
        .map(|section| context! { heading => section.heading, lines => section.lines.iter().map(shown).collect::<Vec<_>>() })
        .collect();
    let list = asked.query.get("list");
    let back = if list == "/findings" || list.starts_with("/findings?") { list } else { "/findings" };
    let values = context! { back, about => masked(&text.title), facts => text.facts.iter().map(shown).collect::<Vec<_>>(), sections };
    Ok(Reply::page("finding", "督办事项详情", values))
}
