//! 单位: what each unit gets and when, to which mailbox, who works with it, and what did not arrive. A unit sees itself.

use crate::app::accounts;
use crate::app::outbox::without_address;
use crate::app::records::{Position, RecordFilter, RecordLookup};
use crate::domain::account::AccountRoles;
use crate::domain::audience::masked_address;
use crate::domain::intake::text::search_form;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::register::ledger::Purpose;
use crate::domain::register::units::UnitId;
use crate::domain::schedule::slot_words;
use crate::web::fields::{as_segment, link};
use crate::web::pages::sending::message_link;
use crate::web::pages::shown::{ROWS, first_row, local_time, paging};
use crate::web::portal::{Portal, Request, Scope};
use crate::web::reply::{Answer, Refusal, Reply};
use minijinja::{Value, context};
use std::collections::BTreeMap;

/// Mails and contacts on the page of a unit.
const LISTED: i64 = 10;

/// What a unit gets: the job, what, and the next time.
struct Gets {
    job: String,
    what: &'static str,
    next: String,
}

fn gets(portal: &Portal, unit: UnitId) -> Vec<Gets> {
    let units = &portal.app.config().policy.units;
    let mut all = Vec::new();
    for (job, slots) in portal.app.scheduler().next_slots(1) {
        let next = slots.first().map_or_else(|| "没有下次".to_owned(), |slot| slot_words(slot.runs_at));
        let is_mailed = !job.digest.is_empty() && job.levels.contains(&units.units[unit].level);
        let has_pack = job.packs.iter().any(|pack| pack.units(units).any(|known| known == unit));
        for what in [is_mailed.then_some("提醒邮件"), has_pack.then_some("分单位报表")].into_iter().flatten() {
            all.push(Gets { job: job.title.clone(), what, next: next.clone() });
        }
    }
    all
}

/// The mailbox of a unit in words.
fn mailbox(portal: &Portal, unit: UnitId) -> String {
    let units = &portal.app.config().policy.units;
    match units.mailbox(unit) {
        Some((holder, address)) if holder == unit => masked_address(address),
        Some((holder, address)) => format!("由{}代转（{}）", units.units[holder].name, masked_address(address)),
        None => "没有邮箱，也没有上级可代转".to_owned(),
    }
}

fn unit_link(code: &str) -> String {
    link("/units/one", [("unit", code)])
}

/// All units in administrative order; a unit sees its own page.
pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    if let Scope::Unit(unit) = portal.scope(asked.visitor()?) {
        return page_of(portal, unit, false).await;
    }
    let policy = portal.app.config().policy.on(portal.app.clock().today());
    let units = &policy.units;
    let part = asked.query.get("name").trim();
    let needle = search_form(part);
    let mut accounts: BTreeMap<String, usize> = BTreeMap::new();
    for account in accounts::list(portal.app.store()).await?.into_iter().filter(|account| account.ended_at.is_empty()) {
        *accounts.entry(account.unit).or_default() += 1;
    }
    let failed = portal.app.store().outbox().failed_by_unit().await?;
    let all: Vec<UnitId> =
        (0..units.units.len()).filter(|unit| units.is_active(*unit) && search_form(&units.units[*unit].name).contains(&needle)).collect();
    let shown = all.iter().skip(first_row(&asked.query) as usize).take(ROWS as usize);
    let rows: Vec<Value> = shown
        .map(|unit| {
            let own = &units.units[*unit];
            let gets: Vec<String> = gets(portal, *unit).iter().map(|one| format!("{}（{}）", one.job, one.what)).collect();
            context! {
                link => unit_link(&own.code), name => &own.name, level => units.levels.name(own.level), mailbox => mailbox(portal, *unit),
                gets => gets.join("、"), accounts => accounts.get(&own.code).copied().unwrap_or(0),
                failed => failed.get(&own.name).copied().unwrap_or(0),
            }
        })
        .collect();
    let values = context! { rows, filter => context! { name => part }, paging => paging(&asked.query, all.len() as i64) };
    Ok(Reply::page("units", "单位", values))
}

/// One unit.
pub(crate) async fn one(portal: &Portal, asked: &Request) -> Answer {
    let named = asked.query.get("unit").trim();
    let scope = portal.scope(asked.visitor()?);
    let unit = match scope {
        Scope::Unit(own) if named.is_empty() || portal.app.config().policy.units.named(named) == Some(own) => own,
        Scope::Office if !named.is_empty() => portal.app.config().policy.units.named(named).ok_or(Refusal::NotFound)?,
        Scope::Unit(_) | Scope::Office => return Err(Refusal::NotFound),
    };
    page_of(portal, unit, scope == Scope::Office).await
}

async fn page_of(portal: &Portal, unit: UnitId, is_office: bool) -> Answer {
    let (app, units) = (&portal.app, &portal.app.config().policy.units);
    let own = &units.units[unit];
    let gets: Vec<Value> = gets(portal, unit).iter().map(|one| context! { job => &one.job, what => one.what, next => &one.next }).collect();
    let accounts: Vec<Value> = accounts::list(app.store())
        .await?
        .iter()
        .filter(|account| account.unit == own.code && account.ended_at.is_empty())
        .map(|account| {
            let roles = AccountRoles::parse(&account.roles).map(|roles| roles.words()).unwrap_or_default();
            context! { name => &account.name, roles, made => local_time(&account.created_at) }
        })
        .collect();
    let failed = DeliveryState::all_that(DeliveryState::has_failed);
    let (mails, failed_count) = app.store().outbox().page(&own.name, &failed, false, 0, LISTED).await?;
    let mails: Vec<Value> = mails
        .iter()
        .map(|mail| {
            // what did not arrive is not opened here: the unit was to get it by mail
            let (link, reason) = match is_office {
                true => (message_link(&mail.id), without_address(mail, &mail.reply)),
                false => (String::new(), String::new()),
            };
            context! { link, subject => &mail.subject, word => mail.state.word(), at => local_time(&mail.ended_at), reason }
        })
        .collect();
    let lookup = RecordLookup::new(app, Some(unit)).await?;
    let directory = app.config().policy.ledger_for(Purpose::Directory);
    let mut contacts = Vec::new();
    if let Some(ledger) = directory {
        let filter = RecordFilter { unit: Some(unit), ..RecordFilter::default() };
        let page = lookup.page(ledger, &filter, &Position::default(), LISTED as usize).await?;
        let of_unit = page.lines.iter().filter(|line| line.unit == own.name);
        contacts = of_unit
            .map(
                |line| context! { name => &line.name, link => format!("/records/{}/{}", as_segment(&line.ledger), as_segment(&line.code)) },
            )
            .collect();
    }
    let values = context! {
        name => &own.name, code => &own.code, level => units.levels.name(own.level), mailbox => mailbox(portal, unit),
        gets, accounts, contacts, mails, failed_count,
    };
    Ok(Reply::page("unit", "单位", values))
}
