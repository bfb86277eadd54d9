//! The outbox: what was mailed to whom and whether it arrived, and what a person may change. Every change is recorded with name, time and
//! reason.

use crate::app::explain::rule_named;
use crate::app::person::Person;
use crate::clock::{Clock, stamp};
use crate::domain::audience::masked_address;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::notify::drafts::{RELEASED_ON, answer_within};
use crate::domain::problem::suggest;
use crate::domain::register::period::chinese_date;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, Light};
use crate::mail::message;
use crate::mail::message::{Contents, Correspondent};
use crate::store::audit::AuditEntry;
use crate::store::draft_decisions::{DatedDrafts, DraftDecisions};
use crate::store::handle::Store;
use crate::store::named_records::NamedCodes;
use crate::store::outbox::{NewMessage, OutboxEvent, OutboxFilter, OutboxRow};
use crate::store::sending::HoldReason;
use crate::worker::audit_head::accept_end;
use crate::worker::deliver::deliverer::{Delivered, Deliverer};
use crate::worker::deliver::restore_guard::{Counter, expiry};
use crate::worker::directory::apply_directory;
use crate::worker::numbers_file::{KnownNumbers, NumbersFile};
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::{Context, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};

/// Selects messages, with the words as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListRequest {
    pub(crate) state: Option<String>,
    pub(crate) run: Option<String>,
    pub(crate) unit: Option<String>,
    /// Rule and key of a finding.
    pub(crate) finding: Option<(String, String)>,
}

/// Messages, newest first.
#[derive(Debug)]
pub(crate) struct OutboxList {
    /// Why sending is delayed, as sentences.
    pub(crate) notes: Vec<String>,
    pub(crate) messages: Vec<OutboxEntry>,
    /// The requested rule is not configured now; the messages are from before.
    pub(crate) unknown_rule: bool,
}

/// One message of a list.
#[derive(Debug)]
pub(crate) struct OutboxEntry {
    pub(crate) row: OutboxRow,
    /// The light with which the message names the requested finding: `Some(None)` = without a light, `None` = no finding was requested or the
    /// message does not name it.
    pub(crate) light: Option<Option<Light>>,
}

/// The messages that a request selects.
///
/// # Errors
/// A state, a unit or a rule is unknown (the message suggests one), or the database fails.
pub(crate) async fn list(deliverer: &Deliverer, request: ListRequest) -> anyhow::Result<OutboxList> {
    let policy = &deliverer.config.policy;
    let state = match request.state.as_deref() {
        None => None,
        Some(word) => match DeliveryState::parse(word) {
            Some(state) => Some(state),
            None => bail!(
                "state \"{word}\" is unknown ({})",
                suggest(word, DeliveryState::ALL.into_iter().map(DeliveryState::code)).unwrap_or_default()
            ),
        },
    };
    let unit = match request.unit {
        None => None,
        Some(name) => match policy.units.find(&name) {
            Some(unit) => Some(policy.units.units[unit].name.clone()),
            None => bail!(
                "unit \"{name}\" is unknown ({})",
                suggest(&name, policy.units.units.iter().map(|unit| unit.name.as_str())).unwrap_or_default()
            ),
        },
    };
    let mut unknown_rule = None;
    let finding = request.finding.map(|(rule, key)| match rule_named(policy, &rule) {
        Ok(index) => (policy.rules[index].id.clone(), key),
        // mails may name a rule that the configuration no longer has
        Err(error) => {
            unknown_rule = Some(error);
            (rule, key)
        }
    });
    let notes = deliverer.sending_notes().await?;
    let filter = OutboxFilter { run: request.run, state, unit, finding };
    let mut messages = Vec::new();
    for row in deliverer.store.outbox().list(&filter).await? {
        let light = match &filter.finding {
            None => None,
            Some((rule, key)) => deliverer.store.outbox().light_in(&row, rule, key).await?,
        };
        messages.push(OutboxEntry { row, light });
    }
    match unknown_rule {
        Some(error) if messages.is_empty() => Err(error),
        unknown => Ok(OutboxList { notes, messages, unknown_rule: unknown.is_some() }),
    }
}

/// By id of a run, its job and the key for which it counts.
pub(crate) type RunKeys = BTreeMap<String, (String, String)>;

/// The jobs and keys of the runs of messages.
///
/// # Errors
/// The database fails.
pub(crate) async fn run_keys(store: &Store, messages: &[OutboxRow]) -> anyhow::Result<RunKeys> {
    let mut keys = RunKeys::new();
    for message in messages {
        if !keys.contains_key(&message.run)
            && let Some(run) = store.runs().get(&message.run).await?
        {
            keys.insert(run.id, (run.job, run.key));
        }
    }
    Ok(keys)
}

/// One message with its events and contents.
pub(crate) struct MessageView {
    pub(crate) row: OutboxRow,
    pub(crate) events: Vec<OutboxEvent>,
    /// Attachments and text; `None` = the bytes are not in the format of this program.
    pub(crate) contents: Option<Contents>,
}

/// The state of one message without its contents.
///
/// # Errors
/// There is no message of this id, or the database fails.
pub(crate) async fn row(deliverer: &Deliverer, id: &str) -> anyhow::Result<OutboxRow> {
    deliverer.store.outbox().get(id).await?.with_context(|| missing(id))
}

/// One message. Who looked at it is recorded.
///
/// # Errors
/// There is no message of this id, or the database fails.
pub(crate) async fn show(deliverer: &Deliverer, id: &str, by: Person<'_>) -> anyhow::Result<MessageView> {
    record_look(deliverer, id, by).await?;
    let outbox = deliverer.store.outbox();
    let row = outbox.get(id).await?.with_context(|| missing(id))?;
    let events = outbox.events(id).await?;
    let bytes = outbox.body(id).await?.with_context(|| format!("message {id} has no bytes"))?;
    Ok(MessageView { row, events, contents: message::contents(&bytes) })
}

/// The bytes of one message, as they were or will be sent.
///
/// # Errors
/// As [`show`].
pub(crate) async fn bytes(deliverer: &Deliverer, id: &str, by: Person<'_>) -> anyhow::Result<Vec<u8>> {
    record_look(deliverer, id, by).await?;
    deliverer.store.outbox().body(id).await?.with_context(|| missing(id))
}

/// The name and the bytes of an attachment of a message, by its place; `None` = there is none. Who looked at it is recorded.
///
/// # Errors
/// As [`show`].
pub(crate) async fn attachment(deliverer: &Deliverer, id: &str, place: usize, by: Person<'_>) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    Ok(message::attachment(&bytes(deliverer, id, by).await?, place))
}

/// The reply of a server with the recipient's address masked, because servers repeat it.
pub(crate) fn without_address(message: &OutboxRow, reply: &str) -> String {
    reply.replace(&message.address, &masked_address(&message.address))
}

async fn record_look(deliverer: &Deliverer, id: &str, by: Person<'_>) -> anyhow::Result<()> {
    deliverer.store.outbox().get(id).await?.with_context(|| missing(id))?;
    Ok(deliverer.store.audit().record(&stamp(deliverer.clock.now()), by.who, "look at a mail", id, by.why).await?)
}

fn missing(id: &str) -> String {
    format!("there is no message {id}; see duban outbox list")
}

/// The state of a message; `None` = there is none of this id.
///
/// # Errors
/// The database fails.
pub(crate) async fn state_of(deliverer: &Deliverer, id: &str) -> anyhow::Result<Option<DeliveryState>> {
    Ok(deliverer.store.outbox().get(id).await?.map(|message| message.state))
}

/// The ids of the drafts of an act in a state: those that wait for a person, or those that are stopped.
///
/// # Errors
/// The act is never a draft, or the database fails.
pub(crate) async fn drafts_of(deliverer: &Deliverer, act: &str, state: DeliveryState) -> anyhow::Result<Vec<String>> {
    let Some(known) = Act::ALL.into_iter().find(|known| known.code() == act && *known > Act::Urge) else {
        bail!("act \"{act}\" is no draft (supervise, circulate or interview)");
    };
    let filter = OutboxFilter { state: Some(state), ..OutboxFilter::default() };
    let drafts = deliverer.store.outbox().list(&filter).await?;
    Ok(drafts.into_iter().filter(|draft| draft.act == known.code()).map(|draft| draft.id).collect())
}

/// Whether the named messages are drafts.
///
/// # Errors
/// Only some of them are, or the database fails.
pub(crate) async fn are_drafts(deliverer: &Deliverer, ids: &[String]) -> anyhow::Result<bool> {
    let mut drafts = 0;
    for id in ids {
        drafts += usize::from(deliverer.store.outbox().get(id).await?.is_some_and(|message| !message.act.is_empty()));
    }
    let all = ids.len();
    ensure!(drafts == 0 || drafts == all, "drafts and held messages are released apart: {drafts} of {all} are drafts");
    Ok(drafts > 0)
}

/// Checks that messages are as they were made; who wanted them sent is recorded.
pub(crate) async fn ensure_as_made(deliverer: &Deliverer, ids: &[String], entry: AuditEntry<'_>) -> anyhow::Result<()> {
    let altered = deliverer.store.audit().altered_messages(ids).await?;
    for id in &altered {
        deliverer.store.audit().record(entry.at, entry.who, "refused: message altered", id, entry.why).await?;
    }
    ensure!(altered.is_empty(), "{}被越过程序改动，不能发出。请用备份核对：duban audit --verify", altered.join("、"));
    Ok(())
}

/// Checks that drafts to be released are of one run: letters of two days must not be signed as one.
async fn ensure_of_one_run(deliverer: &Deliverer, ids: &[String]) -> anyhow::Result<()> {
    let mut runs = BTreeSet::new();
    for id in ids {
        runs.extend(deliverer.store.outbox().get(id).await?.map(|message| message.run));
    }
    let named = || runs.iter().map(String::as_str).collect::<Vec<_>>().join("、");
    ensure!(runs.len() < 2, "所选拟办件来自{}次执行（{}），请分别签发", runs.len(), named());
    Ok(())
}

/// The bytes of drafts with the day of their release, from which the day to answer counts by the calendar of their recipient.
async fn dated_drafts(deliverer: &Deliverer, ids: &[String]) -> anyhow::Result<DatedDrafts> {
    let policy = policy_now(deliverer).await?;
    let (today, workdays) = (deliverer.clock.today(), deliverer.config.settings.office.objection_workdays);
    let mut dated = DatedDrafts::new();
    for id in ids {
        let Some(message) = deliverer.store.outbox().get(id).await? else { continue };
        let bytes = deliverer.store.outbox().body(id).await?.with_context(|| missing(id))?;
        let division = policy.units.find(&message.unit).and_then(|unit| policy.units.division_of(unit));
        let prefecture = division.map(|division| policy.units.units[division].name.as_str());
        let answer_by = policy.calendar.of(prefecture).after_workdays(today, workdays);
        let words = [(answer_within(workdays), format!("{}前", chinese_date(answer_by))), (RELEASED_ON.to_owned(), chinese_date(today))];
        dated.insert(id.clone(), message::redate(&bytes, deliverer.clock.now().fixed_offset(), &words)?);
    }
    Ok(dated)
}

/// What is about to be decided: how many drafts of each act, of which day.
///
/// # Errors
/// The database fails.
pub(crate) async fn drafts_in_words(deliverer: &Deliverer, ids: &[String]) -> anyhow::Result<String> {
    let mut acts: BTreeMap<Act, usize> = BTreeMap::new();
    let (mut days, mut copies) = (BTreeSet::new(), 0);
    for id in ids {
        let Some(message) = deliverer.store.outbox().get(id).await? else { continue };
        let run = deliverer.store.runs().get(&message.run).await?;
        days.extend(run.and_then(|run| run.as_of.parse().ok()).map(chinese_date));
        if let Some(act) = Act::ALL.into_iter().find(|act| act.code() == message.act) {
            *acts.entry(act).or_default() += 1;
        }
        copies += deliverer.store.outbox().with_copies(std::slice::from_ref(id)).await?.len().saturating_sub(1);
    }
    let acts: Vec<String> = acts.iter().rev().map(|(act, count)| format!("{}{count}件", act.title())).collect();
    let copies = if copies > 0 { format!("，随附抄送{copies}件") } else { String::new() };
    Ok(format!("{}（截至{}{copies}）", acts.join("、"), days.into_iter().collect::<Vec<_>>().join("、")))
}

/// Releases (签发) or rejects (不予签发) drafts.
///
/// # Errors
/// A draft to be released is not as it was made, or the database fails.
pub(crate) async fn decide(deliverer: &Deliverer, ids: &[String], to: DeliveryState, by: Person<'_>) -> anyhow::Result<DraftDecisions> {
    let now = stamp(deliverer.clock.now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let until = expiry(&deliverer.clock, &deliverer.config.settings);
    let mut dated = DatedDrafts::new();
    if to.is_queued() {
        let all = deliverer.store.outbox().with_copies(ids).await?;
        ensure_as_made(deliverer, &all, entry).await?;
        ensure_of_one_run(deliverer, &all).await?;
        dated = dated_drafts(deliverer, &all).await?;
    }
    let two_persons: Vec<&str> = deliverer.config.settings.mail.two_persons.iter().map(|act| act.code()).collect();
    Ok(deliverer.store.outbox().decide_drafts(ids, to, &dated, &two_persons, entry, &until).await?)
}

/// The result of changing the state of messages.
#[derive(Debug)]
pub(crate) struct StateChange {
    /// Ids of the messages that changed.
    pub(crate) changed: Vec<String>,
    /// The named messages that did not change, with their state; `None` = there is no such message.
    pub(crate) unchanged: Vec<(String, Option<DeliveryState>)>,
}

/// Puts messages (all, where none is named) that are not delivered yet on hold.
///
/// # Errors
/// The database fails.
pub(crate) async fn hold(deliverer: &Deliverer, ids: &[String], by: Person<'_>) -> anyhow::Result<StateChange> {
    change_state(deliverer, ids, &DeliveryState::all_that(DeliveryState::is_queued), DeliveryState::OnHold, by).await
}

/// Lets messages on hold (all, where none is named) be sent.
///
/// # Errors
/// The database fails.
pub(crate) async fn release(deliverer: &Deliverer, ids: &[String], by: Person<'_>) -> anyhow::Result<StateChange> {
    change_state(deliverer, ids, &[DeliveryState::OnHold], DeliveryState::Pending, by).await
}

/// Changes the state of messages (all, where none is named) that are in one of the states `from`.
///
/// # Errors
/// The database fails.
async fn change_state(
    deliverer: &Deliverer,
    ids: &[String],
    from: &[DeliveryState],
    to: DeliveryState,
    by: Person<'_>,
) -> anyhow::Result<StateChange> {
    let now = stamp(deliverer.clock.now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let until = expiry(&deliverer.clock, &deliverer.config.settings);
    let changed = deliverer.store.outbox().change_state(ids, from, to, entry, &until).await?;
    let mut unchanged = Vec::new();
    for id in ids.iter().filter(|id| !changed.contains(id)) {
        deliverer.store.audit().record(&now, by.who, &format!("refused: message {}", to.code()), id, by.why).await?;
        unchanged.push((id.clone(), deliverer.store.outbox().get(id).await?.map(|message| message.state)));
    }
    Ok(StateChange { changed, unchanged })
}

async fn failed(deliverer: &Deliverer, ids: &[String]) -> anyhow::Result<Vec<OutboxRow>> {
    let mut out = Vec::new();
    for state in DeliveryState::all_that(DeliveryState::has_failed) {
        out.extend(deliverer.store.outbox().list(&OutboxFilter { state: Some(state), ..OutboxFilter::default() }).await?);
    }
    out.retain(|message| ids.is_empty() || ids.contains(&message.id));
    Ok(out)
}

/// The current mailbox of a unit.
struct Mailbox<'a> {
    code: &'a str,
    /// The name in `To`.
    title: &'a str,
    address: &'a str,
}

/// The policy with the mailboxes of today's directory.
async fn policy_now(deliverer: &Deliverer) -> anyhow::Result<Policy> {
    let mut policy = deliverer.config.policy.clone();
    let selection = SnapshotSelection::on(&deliverer.store, &deliverer.config, &[], deliverer.clock.today()).await?;
    apply_directory(&deliverer.store, &deliverer.config.settings, &mut policy, &selection).await?;
    Ok(policy)
}

fn mailbox_now<'a>(policy: &'a Policy, unit: &str) -> Option<Mailbox<'a>> {
    let units = &policy.units;
    let id = units.find(unit)?;
    let (_, address) = units.mailbox(id)?;
    Some(Mailbox { code: &units.units[id].code, title: &units.units[id].title, address })
}

/// The result of sending failed messages once more.
#[derive(Debug)]
pub(crate) struct Retried {
    pub(crate) change: StateChange,
    /// Number of messages whose unit has another address now.
    pub(crate) readdressable: usize,
}

/// Sends failed messages (all, where none is named) once more to the address they went to.
///
/// # Errors
/// The database fails.
pub(crate) async fn retry(deliverer: &Deliverer, ids: &[String], by: Person<'_>) -> anyhow::Result<Retried> {
    let policy = policy_now(deliverer).await?;
    let readdressable = failed(deliverer, ids)
        .await?
        .iter()
        .filter(|message| !message.test && mailbox_now(&policy, &message.unit).is_some_and(|now| now.address != message.address))
        .count();
    Ok(Retried {
        change: change_state(deliverer, ids, &DeliveryState::all_that(DeliveryState::has_failed), DeliveryState::Pending, by).await?,
        readdressable,
    })
}

/// The result of sending a message to the unit's current address.
#[derive(Debug)]
pub(crate) enum Readdressed {
    /// A new message with the same body was queued.
    Sent { old: String, new: String, unit: String, address: String },
    /// The address is the same, or the message was a test.
    SameAddress { id: String, unit: String },
    /// The current address may not receive the same contents as the old one.
    OtherContents { id: String },
    /// The state of the message allows no second one.
    Unchanged { id: String, state: DeliveryState },
}

/// Sends failed messages (all, where none is named) to the addresses their units have now. Calls `each` with the result of
/// every message.
///
/// # Errors
/// A message or a unit is unknown, or the database fails.
pub(crate) async fn retry_corrected(
    deliverer: &Deliverer,
    ids: &[String],
    by: Person<'_>,
    mut each: impl FnMut(Readdressed),
) -> anyhow::Result<()> {
    let settings = &deliverer.config.settings;
    let outbox = deliverer.store.outbox();
    let mut candidates = Vec::new();
    if ids.is_empty() {
        candidates = failed(deliverer, ids).await?;
    }
    for id in ids {
        candidates.push(outbox.get(id).await?.with_context(|| missing(id))?);
    }
    let policy = policy_now(deliverer).await?;
    let now = stamp(deliverer.clock.now());
    for old in candidates {
        let Some(mailbox) = mailbox_now(&policy, &old.unit) else {
            bail!("config/units.toml has no unit {} any more", old.unit);
        };
        if mailbox.address == old.address || old.test {
            each(Readdressed::SameAddress { id: old.id, unit: old.unit });
            continue;
        }
        if settings.mail.is_counts_only(&old.address) != settings.mail.is_counts_only(mailbox.address) {
            each(Readdressed::OtherContents { id: old.id });
            continue;
        }
        ensure_as_made(deliverer, std::slice::from_ref(&old.id), AuditEntry { at: &now, who: by.who, why: by.why }).await?;
        let bytes = outbox.body(&old.id).await?.with_context(|| format!("message {} has no bytes", old.id))?;
        let (base, times) = match old.id.rsplit_once("-a").map(|(base, times)| (base, times.parse::<u32>())) {
            Some((base, Ok(times))) => (base, times),
            _ => (old.id.as_str(), 0),
        };
        let id = format!("{base}-a{}", times + 1);
        let domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
        let message = NewMessage {
            bytes: message::readdress(&bytes, Correspondent { name: mailbox.title, address: mailbox.address }, &id, domain)?,
            message_id: format!("<{id}@{domain}>"),
            recipient: format!("{} {}", mailbox.code, mailbox.address),
            address: mailbox.address.to_owned(),
            unit: old.unit.clone(),
            subject: old.subject.clone(),
            digest_sha256: String::new(),
            act: old.act.clone(),
            copy_of: String::new(),
            // those of the old one are found by its id
            names: NamedCodes::new(),
            id,
        };
        let why = format!("{} → {}；{}", masked_address(&old.address), masked_address(mailbox.address), by.why);
        let entry = AuditEntry { at: &now, who: by.who, why: &why };
        if outbox.readdress(&old.id, &message, entry, &expiry(&deliverer.clock, settings)).await? {
            each(Readdressed::Sent { old: old.id, new: message.id, unit: old.unit, address: message.address });
        } else {
            each(Readdressed::Unchanged { id: old.id, state: old.state });
        }
    }
    Ok(())
}

/// Stops all sending. Returns `false` if it was stopped already.
///
/// # Errors
/// The database fails.
pub(crate) async fn hold_sending(store: &Store, clock: &Clock, by: Person<'_>) -> anyhow::Result<bool> {
    let now = stamp(clock.now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    Ok(store.sending().hold(HoldReason::Person, entry).await?)
}

/// The result of releasing sending.
#[derive(Debug)]
pub(crate) struct SendingReleased {
    /// Mails allowed today beyond the daily limit; `None` = the limit was not reached.
    pub(crate) extra: Option<i64>,
    /// Number of mails that are not delivered yet.
    pub(crate) undelivered: i64,
}

/// Lets sending go on after a restored copy, after a person has stopped it, or when the daily limit is reached. `None` = it was not stopped.
///
/// # Errors
/// The database fails, or the counter file cannot be written.
pub(crate) async fn release_sending(deliverer: &Deliverer, by: Person<'_>) -> anyhow::Result<Option<SendingReleased>> {
    let now = stamp(deliverer.clock.now());
    deliverer.guard().await?;
    let day = deliverer.clock.today().to_string();
    let sending = deliverer.store.sending();
    let state = sending.state(&day).await?;
    let daily_max = deliverer.config.settings.mail.daily_max;
    let daily_limit_reached = state.sent >= daily_max + state.extra;
    if state.hold.is_none() && state.numbers_held.is_empty() && !daily_limit_reached {
        return Ok(None);
    }
    let extra = daily_limit_reached.then_some(daily_max);
    let file = deliverer.counter_file();
    let what = match &state.hold {
        Some(hold) => hold.reason.code(),
        None => "fuse",
    };
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let known = if let Counter::Known(known) = file.read() { known } else { 0 };
    // before numbers are given once more: beyond those that were given before the copy was restored
    let numbers = NumbersFile::below(&deliverer.var);
    if let KnownNumbers::Known(known) = numbers.read() {
        deliverer.store.events().raise_numbers(&known).await?;
    }
    let counter = sending.release(known, &day, extra.unwrap_or(0), what, entry).await?;
    file.replace(counter).context("cannot write the counter file below var/")?;
    numbers.replace(&deliverer.store.events().numbers().await?).context("cannot write var/numbers")?;
    if state.hold.is_some_and(|hold| hold.reason == HoldReason::Restored) {
        // the person has accepted the restored copy, whose audit ends earlier
        // a copy that is broken inside stays so, and duban audit --verify reports it
        let _inside = accept_end(&deliverer.store, &deliverer.var, "数据库由备份恢复", entry, deliverer.clock.now()).await?;
    }
    Ok(Some(SendingReleased { extra, undelivered: deliverer.store.outbox().count_undelivered().await? }))
}

/// The result of one delivery.
#[derive(Debug)]
pub(crate) struct SentNow {
    pub(crate) delivered: Delivered,
    pub(crate) notes: Vec<String>,
}

/// Sends what is due now.
///
/// # Errors
/// The database fails, or var/ cannot be written.
pub(crate) async fn send(deliverer: &Deliverer) -> anyhow::Result<SentNow> {
    let delivered = deliverer.deliver_all(None).await?;
    Ok(SentNow { delivered, notes: deliverer.sending_notes().await? })
}

/// Checks that a decision on drafts has a person and a reason; one that has not is recorded.
///
/// # Errors
/// One of the two is missing, or the database fails.
pub(crate) async fn named_decision(deliverer: &Deliverer, ids: &[String], by: Option<&str>, reason: &str) -> anyhow::Result<()> {
    let by = Person { who: by.unwrap_or_default(), why: reason };
    let named = by.ensure_named("签发拟办件、不予签发");
    if named.is_err() {
        let now = stamp(deliverer.clock.now());
        let what = "refused: decision without name or reason";
        deliverer.store.audit().record(&now, by.who, what, &ids.join(" "), by.why).await?;
    }
    named
}
