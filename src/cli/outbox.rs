//! `outbox`: who was told what, when, and did it arrive; and what a person may do about it. Every deed is written down with name, time and
//! reason.

use crate::app::compose::App;
use crate::cli::Exit;
use crate::clock::stamp;
use crate::config::problem::suggest;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::rules::rule::{Act, Light};
use crate::mail::message;
use crate::mail::message::Correspondent;
use crate::store::outbox::{AuditEntry, NewMessage, OutboxFilter, OutboxRow};
use crate::store::sending::HoldReason;
use crate::worker::deliver::deliverer::{Block, masked};
use crate::worker::deliver::restore_guard::expiry;
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, FixedOffset};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum OutboxAction {
    /// Messages, newest first
    List {
        /// pending, sending, accepted, refused, unknown, held, draft, rejected, superseded or dead
        #[arg(long)]
        state: Option<String>,
        #[arg(long)]
        run: Option<String>,
        /// To this unit
        #[arg(long)]
        unit: Option<String>,
        /// That told of this finding, and drafts that list it: the rule's id and the key
        #[arg(long, num_args = 2, value_names = ["RULE", "KEY"])]
        finding: Option<Vec<String>>,
    },
    /// One message: what happened to it, its attachments and its text; or its bytes
    Show {
        id: String,
        /// Write the message itself, as it was sent
        #[arg(long)]
        eml: bool,
    },
    /// Send what failed again (refused and given up; all of it, or the messages named)
    Retry {
        ids: Vec<String>,
        /// To the address the unit has now in config/units.toml
        #[arg(long)]
        corrected: bool,
        #[command(flatten)]
        deed: DeedArguments,
    },
    /// Keep waiting messages back (all of them, or those named)
    Hold {
        ids: Vec<String>,
        /// Stop all sending, also of what is queued later
        #[arg(long, conflicts_with = "ids")]
        sending: bool,
        #[command(flatten)]
        deed: DeedArguments,
    },
    /// Let held messages go (all of them, or those named); release drafts of 督办, 通报 and 约谈 (签发) by name or by act
    Release {
        ids: Vec<String>,
        /// All drafts of this act: supervise, circulate or interview
        #[arg(long, conflicts_with = "ids")]
        act: Option<String>,
        /// Let sending go on: after a restored copy, a stop by hand, or a blown fuse
        #[arg(long, conflicts_with = "ids")]
        sending: bool,
        #[command(flatten)]
        deed: DeedArguments,
    },
    /// Decide that drafts of 督办, 通报 and 约谈 do not go out
    Reject {
        ids: Vec<String>,
        /// All drafts of this act: supervise, circulate or interview
        #[arg(long, conflicts_with = "ids")]
        act: Option<String>,
        #[command(flatten)]
        deed: DeedArguments,
    },
    /// Send what is due now, without waiting for the service
    Send,
}

#[derive(Args)]
pub struct DeedArguments {
    /// Who does it (default: the user who is logged in)
    #[arg(long)]
    by: Option<String>,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
}

impl DeedArguments {
    fn who(&self) -> String {
        let named = |by: &&String| !by.trim().is_empty();
        #[allow(clippy::disallowed_methods, reason = "who typed the command, for the audit; nothing is configured by it")]
        let user =
            || ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
        self.by.as_ref().filter(named).cloned().or_else(user).unwrap_or_else(|| "未署名".into())
    }

    fn why(&self) -> &str {
        if self.reason.trim().is_empty() { "未写明" } else { self.reason.trim() }
    }
}

/// A stored time as people in China read it.
fn local(at: &str) -> String {
    const SHANGHAI_SECONDS: i32 = 8 * 3600;
    match (DateTime::parse_from_rfc3339(at), FixedOffset::east_opt(SHANGHAI_SECONDS)) {
        (Ok(at), Some(zone)) => at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        _ => at.to_owned(),
    }
}

pub async fn outbox(app: &App, action: OutboxAction) -> anyhow::Result<Exit> {
    match action {
        OutboxAction::List { state, run, unit, finding } => list(app, state, run, unit, finding).await,
        OutboxAction::Show { id, eml } => show(app, &id, eml).await,
        OutboxAction::Retry { ids, corrected: false, deed } => retry(app, &ids, &deed).await,
        OutboxAction::Retry { ids, corrected: true, deed } => retry_corrected(app, &ids, &deed).await,
        OutboxAction::Hold { sending: true, deed, .. } => hold_sending(app, &deed).await,
        OutboxAction::Hold { ids, deed, .. } => {
            let waiting = [DeliveryState::Pending, DeliveryState::Unknown];
            moved(app, &ids, &waiting, DeliveryState::OnHold, &deed, "暂缓").await
        }
        OutboxAction::Release { sending: true, deed, .. } => release_sending(app, &deed).await,
        OutboxAction::Release { act: Some(act), deed, .. } => {
            let ids = drafts_of(app, &act).await?;
            decide(app, &ids, DeliveryState::Pending, &deed).await
        }
        OutboxAction::Reject { act: Some(act), deed, .. } => {
            let ids = drafts_of(app, &act).await?;
            decide(app, &ids, DeliveryState::Rejected, &deed).await
        }
        OutboxAction::Reject { ids, deed, .. } => decide(app, &ids, DeliveryState::Rejected, &deed).await,
        OutboxAction::Release { ids, deed, .. } => {
            let drafts = drafts_among(app, &ids).await?;
            if !drafts.is_empty() {
                ensure!(
                    drafts.len() == ids.len(),
                    "drafts and held messages are released apart: {} of {} are drafts",
                    drafts.len(),
                    ids.len()
                );
                return decide(app, &drafts, DeliveryState::Pending, &deed).await;
            }
            moved(app, &ids, &[DeliveryState::OnHold], DeliveryState::Pending, &deed, "放行").await
        }
        OutboxAction::Send => send(app).await,
    }
}

/// The drafts of an act that wait.
async fn drafts_of(app: &App, act: &str) -> anyhow::Result<Vec<String>> {
    let Some(known) = Act::ALL.iter().find(|known| known.code() == act && **known > Act::Urge) else {
        bail!("act \"{act}\" is no draft (supervise, circulate or interview)");
    };
    let wanted = OutboxFilter { state: Some(DeliveryState::Draft), ..OutboxFilter::default() };
    let drafts = app.store().outbox().list(&wanted).await?;
    Ok(drafts.into_iter().filter(|draft| draft.act == known.code()).map(|draft| draft.id).collect())
}

/// Those of the named messages that are drafts.
async fn drafts_among(app: &App, ids: &[String]) -> anyhow::Result<Vec<String>> {
    let mut drafts = Vec::new();
    for id in ids {
        if app.store().outbox().get(id).await?.is_some_and(|message| !message.act.is_empty()) {
            drafts.push(id.clone());
        }
    }
    Ok(drafts)
}

/// 签发 or 不予签发: by a named person, with the reason, written down.
async fn decide(app: &App, ids: &[String], to: DeliveryState, deed: &DeedArguments) -> anyhow::Result<Exit> {
    ensure!(
        deed.by.as_deref().is_some_and(|by| !by.trim().is_empty()) && !deed.reason.trim().is_empty(),
        "a draft is released or rejected by a named person with a reason: --by NAME --reason TEXT"
    );
    let (now, who) = (stamp(app.clock().now()), deed.who());
    let done = if to == DeliveryState::Pending { "签发" } else { "不予签发" };
    let from = [DeliveryState::Draft];
    // no id stands for all, and nobody decides on all by leaving them out
    let moved = match ids {
        [] => Vec::new(),
        ids => {
            app.store()
                .outbox()
                .change_state(
                    ids,
                    &from,
                    to,
                    AuditEntry { at: &now, who: &who, why: deed.why() },
                    &expiry(app.clock(), &app.config().settings),
                )
                .await?
        }
    };
    for id in &moved {
        app.store().audit().record(&now, &who, &format!("draft {}", to.code()), id, deed.why()).await?;
    }
    let left = ids.len() - moved.len();
    say!("{done}{}件{}", moved.len(), if left > 0 { format!("；{left}件不是待签发的拟办件，未作改动") } else { String::new() });
    Ok(if left > 0 { Exit::Partial } else { Exit::Done })
}

async fn list(
    app: &App,
    state: Option<String>,
    run: Option<String>,
    unit: Option<String>,
    finding: Option<Vec<String>>,
) -> anyhow::Result<Exit> {
    let policy = &app.config().policy;
    let state = match state.as_deref() {
        None => None,
        Some(word) => match DeliveryState::parse(word) {
            Some(state) => Some(state),
            None => bail!(
                "state \"{word}\" is unknown ({})",
                suggest(word, DeliveryState::ALL.iter().map(|state| state.code())).unwrap_or_default()
            ),
        },
    };
    let unit = match unit {
        None => None,
        Some(name) => match policy.units.find(&name) {
            Some(unit) => Some(policy.units.units[unit].name.clone()),
            None => bail!(
                "unit \"{name}\" is unknown ({})",
                suggest(&name, policy.units.units.iter().map(|unit| unit.name.as_str())).unwrap_or_default()
            ),
        },
    };
    let finding = match finding.as_deref() {
        Some([rule, key]) => {
            if !policy.rules.iter().any(|known| known.id == *rule) {
                tracing::warn!(%rule, "config/rules.toml has no such rule now");
            }
            Some((rule.clone(), key.clone()))
        }
        _ => None,
    };
    for note in app.deliverer().sending_notes().await? {
        say!("{note}");
    }
    let wanted = OutboxFilter { run, state, unit, finding };
    let messages = app.store().outbox().list(&wanted).await?;
    for message in &messages {
        let told = match &wanted.finding {
            None => String::new(),
            Some((rule, key)) => {
                // a draft lists it, and tells it only once it is released
                let word = if message.act.is_empty() { "告知" } else { "所列" };
                match app.store().outbox().light_in(message, rule, key).await? {
                    Some(light) => format!(" {word}：{}", light.map_or("无灯", Light::title)),
                    None => String::new(),
                }
            }
        };
        say!("{}{told}", line(message));
    }
    if let (Some((rule, key)), true) = (&wanted.finding, messages.is_empty()) {
        say!("没有邮件告知过“{rule} {key}”。");
    }
    Ok(Exit::Done)
}

fn line(message: &OutboxRow) -> String {
    let mut text = format!(
        "{} {} {} <{}> {} {}",
        message.id,
        message.state.word(),
        message.unit,
        masked(&message.address),
        message.subject,
        local(if message.ended_at.is_empty() { &message.created_at } else { &message.ended_at }),
    );
    if message.test {
        text.push_str(" 试发送");
    }
    if matches!(message.state, DeliveryState::Pending | DeliveryState::Unknown) && message.attempts > 0 {
        text.push_str(&format!(" 下次{}", local(&message.next_at)));
    }
    if message.unknowns > 0 {
        text.push_str(&match message.state {
            DeliveryState::Accepted => format!(" 曾{}次结果不明，可能重复送达", message.unknowns),
            _ => format!(" {}次结果不明，可能已送达", message.unknowns),
        });
    }
    if !message.reply.is_empty() {
        text.push_str(&format!(" {}", quiet(message, &message.reply)));
    }
    text
}

/// What a server said, without the address that servers like to repeat.
fn quiet(message: &OutboxRow, said: &str) -> String {
    said.replace(&message.address, &masked(&message.address))
}

async fn show(app: &App, id: &str, eml: bool) -> anyhow::Result<Exit> {
    let missing = || format!("there is no message {id}; see duban outbox list");
    if eml {
        let bytes = app.store().outbox().body(id).await?.with_context(missing)?;
        std::io::Write::write_all(&mut std::io::stdout().lock(), &bytes)?;
        return Ok(Exit::Done);
    }
    let message = app.store().outbox().get(id).await?.with_context(missing)?;
    say!("编号：{}", message.id);
    say!("单位：{} <{}>{}", message.unit, masked(&message.address), if message.test { "（试发送，单位未收到）" } else { "" });
    say!("主题：{}", message.subject);
    say!("Message-ID：{}", message.message_id);
    say!("执行：{}", message.run);
    say!(
        "状态：{}（尝试{}次{}）{}",
        message.state.word(),
        message.attempts,
        if message.unknowns > 0 { format!("，其中{}次结果不明", message.unknowns) } else { String::new() },
        quiet(&message, &message.reply)
    );
    if !message.instead_of.is_empty() {
        say!("内容同：{}（改发至更正后的地址）", message.instead_of);
    }
    if matches!(message.state, DeliveryState::Pending | DeliveryState::Unknown) {
        say!("下次发送：{}，至{}仍未送出则停止", local(&message.next_at), local(&message.expires_at));
    }
    say!("{} 生成", local(&message.created_at));
    for event in app.store().outbox().events(id).await? {
        let what = match event.what.as_str() {
            "pending" => "未送出，稍后再试",
            "unknown" => "结果不明，对方可能已收到",
            "accepted" => "送达",
            "refused" => "被拒",
            "dead" => "停止发送",
            "superseded" => "由新的提醒代替",
            "held" => "暂缓",
            "released" if !message.act.is_empty() => "签发或重发",
            "rejected" => "不予签发",
            "released" => "放行或重发",
            "readdressed" => "改发至更正后的地址",
            "made" => "由原邮件改发而来",
            other => other,
        };
        let who = if event.who.is_empty() { String::new() } else { format!("（{}）", event.who) };
        say!("{} {what}{who} {}", local(&event.at), quiet(&message, &event.detail));
    }
    if message.state == DeliveryState::Accepted {
        say!("{} 对方服务器收下：{}", local(&message.ended_at), quiet(&message, &message.reply));
    }
    let bytes = app.store().outbox().body(id).await?.with_context(|| format!("message {id} has no bytes"))?;
    let contents = message::contents(&bytes);
    for (name, size) in contents.iter().flat_map(|contents| &contents.attachments) {
        say!("附件：{name}（{size}字节）");
    }
    if message.state == DeliveryState::Draft {
        say!("签发：duban outbox release {id} --by 姓名 --reason 理由；不予签发：duban outbox reject {id} --by 姓名 --reason 理由");
    }
    say!("原文：duban outbox show {id} --eml");
    match contents {
        Some(contents) => say!("\n{}", contents.text.trim_end()),
        None => say!("正文不是本程序的格式，请查看原文"),
    }
    Ok(Exit::Done)
}

/// Moves messages and writes the deed down, with each message and in the audit.
async fn moved(
    app: &App,
    ids: &[String],
    from: &[DeliveryState],
    to: DeliveryState,
    deed: &DeedArguments,
    word: &str,
) -> anyhow::Result<Exit> {
    let (now, who) = (stamp(app.clock().now()), deed.who());
    let done = app
        .store()
        .outbox()
        .change_state(ids, from, to, AuditEntry { at: &now, who: &who, why: deed.why() }, &expiry(app.clock(), &app.config().settings))
        .await?;
    let object = if ids.is_empty() { format!("all ({})", done.len()) } else { done.join(" ") };
    app.store().audit().record(&now, &who, &format!("outbox {}", to.code()), &object, deed.why()).await?;
    say!("{word}{}封", done.len());
    for id in ids.iter().filter(|id| !done.contains(id)) {
        match app.store().outbox().get(id).await? {
            Some(message) => say!("{id}：{}，未作改动", message.state.word()),
            None => say!("{id}：没有这封邮件"),
        }
    }
    Ok(if ids.iter().all(|id| done.contains(id)) { Exit::Done } else { Exit::Partial })
}

const FAILED: [DeliveryState; 2] = [DeliveryState::Refused, DeliveryState::Dead];

async fn failed(app: &App, ids: &[String]) -> anyhow::Result<Vec<OutboxRow>> {
    let mut out = Vec::new();
    for state in FAILED {
        out.extend(app.store().outbox().list(&OutboxFilter { state: Some(state), ..OutboxFilter::default() }).await?);
    }
    out.retain(|message| ids.is_empty() || ids.contains(&message.id));
    Ok(out)
}

/// The address a unit has now, with the name that stands in `To`.
fn address_now<'a>(app: &'a App, unit: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let units = &app.config().policy.units;
    let id = units.find(unit)?;
    let (_, mailbox) = units.mailbox(id)?;
    Some((&units.units[id].code, &units.units[id].title, mailbox))
}

async fn retry(app: &App, ids: &[String], deed: &DeedArguments) -> anyhow::Result<Exit> {
    let changed = failed(app, ids)
        .await?
        .iter()
        .filter(|message| !message.test && address_now(app, &message.unit).is_some_and(|(_, _, now)| now != message.address))
        .count();
    let exit = moved(app, ids, &FAILED, DeliveryState::Pending, deed, "重新发送").await?;
    if changed > 0 {
        say!("其中{changed}封的单位邮箱已改，以上仍按原地址发送；要发往新地址，执行 duban outbox retry --corrected 编号");
    }
    Ok(exit)
}

/// The same body, to the address the unit has now, as a message of its own.
async fn retry_corrected(app: &App, ids: &[String], deed: &DeedArguments) -> anyhow::Result<Exit> {
    let settings = &app.config().settings;
    let mut candidates = Vec::new();
    if ids.is_empty() {
        candidates = failed(app, ids).await?;
    }
    for id in ids {
        candidates.push(app.store().outbox().get(id).await?.with_context(|| format!("there is no message {id}; see duban outbox list"))?);
    }
    let (now, who) = (stamp(app.clock().now()), deed.who());
    let mut sent = 0;
    for old in candidates {
        let Some((code, title, mailbox)) = address_now(app, &old.unit) else {
            bail!("config/units.toml has no unit {} any more", old.unit);
        };
        if mailbox == old.address || old.test {
            if !ids.is_empty() {
                say!("{}：{}的邮箱没有变化，未作改动", old.id, old.unit);
            }
            continue;
        }
        if settings.domain_allowed(&old.address) != settings.domain_allowed(mailbox) {
            say!("{}：新地址可收的内容与原邮件不同（allowed_domains），请执行 duban run 任务 --as-of 日期 --revise 另行生成", old.id);
            continue;
        }
        let bytes = app.store().outbox().body(&old.id).await?.with_context(|| format!("message {} has no bytes", old.id))?;
        let (base, times) = match old.id.rsplit_once("-a").map(|(base, times)| (base, times.parse::<u32>())) {
            Some((base, Ok(times))) => (base, times),
            _ => (old.id.as_str(), 0),
        };
        let id = format!("{base}-a{}", times + 1);
        let domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
        let message = NewMessage {
            bytes: message::readdress(&bytes, Correspondent { name: title, address: mailbox }, &id, domain)?,
            message_id: format!("<{id}@{domain}>"),
            recipient: format!("{code} {mailbox}"),
            address: mailbox.to_owned(),
            unit: old.unit.clone(),
            subject: old.subject.clone(),
            digest_sha256: String::new(),
            act: old.act.clone(),
            id,
        };
        let why = format!("{} → {}；{}", masked(&old.address), masked(mailbox), deed.why());
        if app
            .store()
            .outbox()
            .readdress(&old.id, &message, AuditEntry { at: &now, who: &who, why: &why }, &expiry(app.clock(), &app.config().settings))
            .await?
        {
            app.store().audit().record(&now, &who, "outbox readdressed", &format!("{} {}", old.id, message.id), &why).await?;
            say!("{} → {} {} <{}>", old.id, message.id, old.unit, masked(mailbox));
            sent += 1;
        } else {
            say!("{}：{}，未作改动", old.id, old.state.word());
        }
    }
    say!("改发{sent}封");
    Ok(Exit::Done)
}

async fn hold_sending(app: &App, deed: &DeedArguments) -> anyhow::Result<Exit> {
    let (now, who) = (stamp(app.clock().now()), deed.who());
    let fresh = app.store().sending().hold(HoldReason::Person, AuditEntry { at: &now, who: &who, why: deed.why() }).await?;
    if fresh {
        app.store().audit().record(&now, &who, "sending held", "all", deed.why()).await?;
    }
    say!(
        "{}",
        if fresh {
            "全部发送已暂停，新的邮件照常生成，留在发件箱；恢复：duban outbox release --sending"
        } else {
            "发送此前已暂停"
        }
    );
    Ok(Exit::Done)
}

async fn release_sending(app: &App, deed: &DeedArguments) -> anyhow::Result<Exit> {
    let (now, who) = (stamp(app.clock().now()), deed.who());
    app.deliverer().guard().await?;
    let day = app.clock().today().to_string();
    let state = app.store().sending().state(&day).await?;
    let daily_max = app.config().settings.mail.daily_max;
    let blown = state.sent >= daily_max + state.extra;
    if state.hold.is_none() && !blown {
        say!("发送没有暂停，未作改动");
        return Ok(Exit::Done);
    }
    let file = app.deliverer().counter_file();
    let counter = app.store().sending().release(file.read()?.unwrap_or_default(), &day, if blown { daily_max } else { 0 }, &now).await?;
    file.write(counter).context("cannot write the counter file below var/")?;
    let what = match &state.hold {
        Some(hold) => hold.reason.code(),
        None => "fuse",
    };
    app.store().audit().record(&now, &who, "sending released", what, deed.why()).await?;
    if blown {
        say!("今日再放行{daily_max}封");
    }
    say!("发送已恢复，待发{}封", app.store().outbox().count_undelivered().await?);
    Ok(Exit::Done)
}

async fn send(app: &App) -> anyhow::Result<Exit> {
    let done = app.deliverer().deliver_all(None).await?;
    say!("送达{} 被拒{} 稍后再试{} 结果不明{}", done.accepted, done.refused, done.later, done.unknown);
    for note in app.deliverer().sending_notes().await? {
        say!("{note}");
    }
    if let Some(Block::Channel(reason)) = &done.blocked {
        say!("注意：现在发不出去：{reason}");
    }
    ensure!(done.blocked.is_none(), "sending stopped; nothing is lost");
    Ok(Exit::Done)
}
