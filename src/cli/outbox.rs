//! `outbox`: prints who was notified of what, when, and whether it arrived, and passes on what a person decides about messages. Every decision
//! is recorded with name, time and reason.

use crate::app::compose::App;
use crate::app::disk::is_of_disk;
use crate::app::draft_release;
use crate::app::draft_release::Released;
use crate::app::outbox;
use crate::app::outbox::{ListRequest, MessageView, Readdressed, Retried, RunKeys, SentNow, StateChange, without_address};
use crate::app::person::Person;
use crate::app::signing;
use crate::cli::exit::Exit;
use crate::cli::held::{HELD, HELD_BEFORE, hold_by_file};
use crate::cli::local_time::local;
use crate::cli::person::PersonArguments;
use crate::cli::print;
use crate::domain::audience::masked_address;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::rules::rule::Light;
use crate::store::draft_decisions::DraftDecisions;
use crate::store::handle::Store;
use crate::store::marked_messages::StoppedSlot;
use crate::store::outbox::OutboxRow;
use crate::worker::deliver::deliverer::{Block, Delivered, Deliverer};
use anyhow::ensure;
use clap::Subcommand;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum OutboxAction {
    /// Messages, newest first
    List {
        /// pending, sending, accepted, refused, unknown, held, draft, rejected, superseded, dead or withheld
        #[arg(long)]
        state: Option<String>,
        #[arg(long)]
        run: Option<String>,
        /// To this unit
        #[arg(long)]
        unit: Option<String>,
        /// That named this finding, and drafts that list it: the rule (id or title) and the key
        #[arg(long, num_args = 2, value_names = ["RULE", "KEY"])]
        finding: Option<Vec<String>>,
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// One message: what happened to it, its attachments and its text; or its bytes
    Show {
        id: String,
        /// Write the message itself, as it was sent
        #[arg(long)]
        eml: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Send failed messages once more (refused or given up; all of them, or those named)
    Retry {
        ids: Vec<String>,
        /// To the address the unit has now in config/units.toml
        #[arg(long)]
        corrected: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Keep waiting messages back (all of them, or those named)
    Hold {
        ids: Vec<String>,
        /// Stop all sending, also of what is queued later
        #[arg(long, conflicts_with = "ids")]
        sending: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Let held messages go (all of them, or those named); release drafts of 督办, 通报 and 约谈 (签发) by name or by act
    Release {
        ids: Vec<String>,
        /// All drafts of this act: supervise, circulate or interview
        #[arg(long, conflicts_with = "ids")]
        act: Option<String>,
        /// What a person has agreed to on a signing list (签发清单)
        #[arg(long, conflicts_with_all = ["ids", "act", "sending"], value_name = "FILE")]
        list: Option<PathBuf>,
        /// Let sending go on: after a restored copy, a stop by hand, or when the daily limit was reached
        #[arg(long, conflicts_with = "ids")]
        sending: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Write the signing list (签发清单): the drafts that wait for a person, to be marked 同意 or 不同意 and released with `release --list`
    SigningList { file: PathBuf },
    /// Decide that drafts of 督办, 通报 and 约谈 do not go out
    Reject {
        ids: Vec<String>,
        /// All drafts of this act: supervise, circulate or interview
        #[arg(long, conflicts_with = "ids")]
        act: Option<String>,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Send what is due now, without waiting for the service
    Send,
}

/// Runs one action on the outbox.
pub(crate) async fn outbox(app: &App, action: OutboxAction) -> anyhow::Result<Exit> {
    let deliverer = app.deliverer();
    // whatever lets a message go looks once more whether it may
    if matches!(action, OutboxAction::Release { .. } | OutboxAction::Retry { .. } | OutboxAction::Send) {
        print_withheld(deliverer, &deliverer.withhold().await?).await?;
    }
    match action {
        OutboxAction::List { state, run, unit, finding, format } => {
            let finding = finding.and_then(|words| <[String; 2]>::try_from(words).ok()).map(|[rule, key]| (rule, key));
            let request = ListRequest { state, run, unit, finding };
            if format == "json" { list_as_json(deliverer, request).await } else { list(deliverer, request).await }
        }
        OutboxAction::Show { id, eml: true, person } => {
            print::bytes(&outbox::bytes(deliverer, &id, person.person(&person.who())).await?)?;
            Ok(Exit::Done)
        }
        OutboxAction::Show { id, eml: false, person } => show(&id, &outbox::show(deliverer, &id, person.person(&person.who())).await?),
        OutboxAction::Retry { ids, corrected: false, person } => retry(deliverer, &ids, &person).await,
        OutboxAction::Retry { ids, corrected: true, person } => retry_corrected(deliverer, &ids, &person).await,
        OutboxAction::Hold { sending: true, person, .. } => {
            match outbox::hold_sending(&deliverer.store, &deliverer.clock, person.person(&person.who())).await {
                Ok(stopped) => print_line!("{}", if stopped { HELD } else { HELD_BEFORE }),
                Err(error) if is_of_disk(&error) => return hold_by_file(&deliverer.var, &person),
                Err(error) => return Err(error),
            }
            Ok(Exit::Done)
        }
        OutboxAction::Hold { ids, person, .. } => print_change(&outbox::hold(deliverer, &ids, person.person(&person.who())).await?, "暂缓"),
        OutboxAction::SigningList { file } => {
            let written = signing::write_list(app.importer(), &file).await?;
            print_line!("{}：待签发{}件", written.path.display(), written.drafts);
            Ok(Exit::Done)
        }
        OutboxAction::Release { list: Some(list), person, .. } => release_list(app, &list, &person).await,
        OutboxAction::Release { sending: true, person, .. } => release_sending(deliverer, &person).await,
        OutboxAction::Release { act: Some(act), person, .. } => {
            let ids = outbox::drafts_of(deliverer, &act, DeliveryState::Draft).await?;
            let withheld = outbox::drafts_of(deliverer, &act, DeliveryState::Withheld).await?;
            print_withheld(deliverer, &withheld).await?;
            let exit = release_drafts(app, &ids, &person).await?;
            Ok(exit.or_worse(if withheld.is_empty() { Exit::Done } else { Exit::Partial }))
        }
        OutboxAction::Reject { act: Some(act), person, .. } => {
            let ids = outbox::drafts_of(deliverer, &act, DeliveryState::Draft).await?;
            reject_drafts(deliverer, &ids, &person).await
        }
        OutboxAction::Reject { ids, person, .. } => reject_drafts(deliverer, &ids, &person).await,
        OutboxAction::Release { ids, person, .. } => {
            if outbox::are_drafts(deliverer, &ids).await? {
                release_drafts(app, &ids, &person).await
            } else {
                print_change(&outbox::release(deliverer, &ids, person.person(&person.who())).await?, "放行")
            }
        }
        OutboxAction::Send => send(deliverer).await,
    }
}

/// Prints messages that are stopped because they name a restricted record, with the reason.
async fn print_withheld(deliverer: &Deliverer, ids: &[String]) -> anyhow::Result<()> {
    for id in ids {
        let message = outbox::row(deliverer, id).await?;
        print_line!("{id} {}：{}，不再发送", message.unit, message.reply);
    }
    if !ids.is_empty() {
        print_stopped(&deliverer.store).await?;
    }
    Ok(())
}

/// Prints by which commands messages are made anew that were stopped because of a mark of secrecy, and which show more.
pub(crate) async fn print_stopped(store: &Store) -> anyhow::Result<()> {
    let stopped = store.marked_messages().stopped_slots().await?;
    for StoppedSlot { job, as_of, messages, is_latest, .. } in &stopped {
        let service = if *is_latest { "（duban serve 运行时自动执行）" } else { "" };
        print_line!("停发的{messages}封尚未另行生成：duban run {job} --as-of {as_of}{service}");
    }
    if !stopped.is_empty() {
        print_line!(
            "停发的清单：duban outbox list --state withheld；标注的编号：duban restricted list；此前已发出的：duban restricted list --sent"
        );
    }
    Ok(())
}

/// Releases drafts in the name of a person.
async fn release_drafts(app: &App, ids: &[String], person: &PersonArguments) -> anyhow::Result<Exit> {
    outbox::named_decision(app.deliverer(), ids, person.by.as_deref(), &person.reason).await?;
    if !ids.is_empty() && !confirmed(&format!("将签发：{}", outbox::drafts_in_words(app.deliverer(), ids).await?))? {
        print_line!("未作改动");
        return Ok(Exit::Failed);
    }
    let Released { decisions, fallen, as_of } = draft_release::release(app, ids, person.person(&person.who())).await?;
    for (id, why) in &fallen {
        print_line!("{id}：{why}");
    }
    let of = as_of.map_or_else(String::new, |day| format!("（截至{day}）"));
    let undecided = ids.iter().filter(|id| fallen.iter().all(|(known, _)| known != *id)).cloned().collect::<Vec<_>>();
    let exit = print_decisions(app.deliverer(), &undecided, &decisions, &format!("签发{}件{of}", decisions.decided.len())).await?;
    Ok(exit.or_worse(if fallen.is_empty() { Exit::Done } else { Exit::Partial }))
}

/// Rejects drafts in the name of a person.
async fn reject_drafts(deliverer: &Deliverer, ids: &[String], person: &PersonArguments) -> anyhow::Result<Exit> {
    outbox::named_decision(deliverer, ids, person.by.as_deref(), &person.reason).await?;
    if !ids.is_empty() && !confirmed(&format!("将不予签发：{}", outbox::drafts_in_words(deliverer, ids).await?))? {
        print_line!("未作改动");
        return Ok(Exit::Failed);
    }
    let decisions = outbox::decide(deliverer, ids, DeliveryState::Rejected, person.person(&person.who())).await?;
    print_decisions(deliverer, ids, &decisions, &format!("不予签发{}件", decisions.decided.len())).await
}

/// Prints what became of drafts on which a person has decided.
async fn print_decisions(deliverer: &Deliverer, ids: &[String], decisions: &DraftDecisions, done: &str) -> anyhow::Result<Exit> {
    let DraftDecisions { decided, approved, same_person } = decisions;
    for id in approved {
        print_line!("{id}：已记录第一人同意签发，须由另一人再次签发后发出（[mail] two_persons）");
    }
    for id in same_person {
        print_line!("{id}：同一人不能两次签发，须由另一人签发，未作改动");
    }
    let rest = ids.len() - decided.len() - approved.len() - same_person.len();
    print_line!("{done}{}", if rest > 0 { format!("；{rest}件不是待签发的拟办件，未作改动") } else { String::new() });
    let mut withheld = Vec::new();
    for id in ids {
        withheld.extend(outbox::state_of(deliverer, id).await?.filter(|state| *state == DeliveryState::Withheld).map(|_| id.clone()));
    }
    print_withheld(deliverer, &withheld).await?;
    Ok(if rest + same_person.len() > 0 { Exit::Partial } else { Exit::Done })
}

/// Releases and rejects the drafts that a signing list names.
async fn release_list(app: &App, file: &Path, person: &PersonArguments) -> anyhow::Result<Exit> {
    let deliverer = app.deliverer();
    let list = signing::read_list(app.importer(), file).await?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let reason = if person.reason.trim().is_empty() { format!("签发清单{name}") } else { person.reason.trim().to_owned() };
    outbox::named_decision(deliverer, &list.agreed, person.by.as_deref(), &reason).await?;
    for (id, reason) in &list.returned {
        print_line!("{id}：{reason}");
    }
    for (ids, word) in [(&list.agreed, "签发"), (&list.refused, "不予签发")] {
        if !ids.is_empty() {
            print_line!("清单：{word}{}", outbox::drafts_in_words(deliverer, ids).await?);
        }
    }
    if !confirmed(&format!("未填意见{}件，不作处理", list.undecided))? {
        print_line!("未作改动");
        return Ok(Exit::Failed);
    }
    let who = person.who();
    let (released, refused) = signing::decide_list(app, &list, Person { who: &who, why: &reason }).await?;
    for (id, why) in &released.fallen {
        print_line!("{id}：{why}");
    }
    let agreed = released.decisions;
    let returned = list.returned.len() + released.fallen.len();
    for id in &agreed.approved {
        print_line!("{id}：已记录第一人同意签发，须由另一人再次签发后发出（[mail] two_persons）");
    }
    for id in &agreed.same_person {
        print_line!("{id}：同一人不能两次签发，须由另一人签发，未作改动");
    }
    print_line!("签发{}件，不予签发{}件，退回{}行", agreed.decided.len(), refused.decided.len(), returned);
    Ok(if returned == 0 && agreed.same_person.is_empty() { Exit::Done } else { Exit::Partial })
}

/// Prints what is about to happen, and asks a person at a terminal whether it is to; a script has decided when it was written.
fn confirmed(what: &str) -> anyhow::Result<bool> {
    print_line!("{what}");
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    print_line!("确认请输入“是”并回车：");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "是" | "y" | "yes"))
}

/// Prints what delays sending, and the messages that a request names.
async fn list(deliverer: &Deliverer, request: ListRequest) -> anyhow::Result<Exit> {
    let finding = request.finding.clone();
    let list = outbox::list(deliverer, request).await?;
    if let (Some((rule, _)), true) = (&finding, list.unknown_rule) {
        tracing::warn!(%rule, "config/rules.toml has no such rule now");
    }
    for note in &list.notes {
        print_line!("{note}");
    }
    for entry in &list.messages {
        // a draft only lists a finding: its unit is notified when the draft is released
        let word = if entry.row.act.is_empty() { "告知" } else { "所列" };
        let light = entry.light.map_or(String::new(), |light| format!(" {word}：{}", light.map_or("无灯", Light::title)));
        print_line!("{}{light}", line(&entry.row));
    }
    if let (Some((rule, key)), true) = (&finding, list.messages.is_empty()) {
        print_line!("没有邮件告知过“{rule} {key}”。");
    }
    if list.messages.iter().any(|entry| entry.row.state == DeliveryState::Withheld) {
        print_stopped(&deliverer.store).await?;
    }
    Ok(Exit::Done)
}

/// Prints the messages that a request names for machines.
async fn list_as_json(deliverer: &Deliverer, request: ListRequest) -> anyhow::Result<Exit> {
    let list = outbox::list(deliverer, request).await?;
    let rows: Vec<OutboxRow> = list.messages.into_iter().map(|entry| entry.row).collect();
    print_as_json(&rows, &outbox::run_keys(&deliverer.store, &rows).await?)?;
    Ok(Exit::Done)
}

/// Prints messages as machines read them.
pub(crate) fn print_as_json(messages: &[OutboxRow], runs: &RunKeys) -> anyhow::Result<()> {
    let line = |message: &OutboxRow| {
        let run = runs.get(&message.run);
        serde_json::json!({
            "id": message.id, "unit": message.unit, "job": run.map(|(job, _)| job), "key": run.map(|(_, key)| key),
            "state": state_code(message), "subject": message.subject, "message_id": message.message_id,
            "attempts": message.attempts, "address": message.address,
        })
    };
    print::json(&serde_json::to_string_pretty(&messages.iter().map(line).collect::<Vec<_>>())?);
    Ok(())
}

/// The state of a message as machines read it: a draft that a person has released is named so until a server has it.
fn state_code(message: &OutboxRow) -> &'static str {
    match message.state {
        DeliveryState::Pending | DeliveryState::Sending if !message.act.is_empty() => "released",
        DeliveryState::Pending | DeliveryState::Sending => "pending",
        DeliveryState::OnHold => "on-hold",
        DeliveryState::Superseded => "covered",
        state => state.code(),
    }
}

/// A message as one line of a list.
pub(crate) fn line(message: &OutboxRow) -> String {
    let mut text = format!(
        "{} {} {} <{}> {} {}",
        message.id,
        message.state.word(),
        message.unit,
        masked_address(&message.address),
        message.subject,
        local(if message.ended_at.is_empty() { &message.created_at } else { &message.ended_at }),
    );
    if message.test {
        text.push_str(" 试发送");
    }
    if message.state.is_queued() && message.attempts > 0 {
        text.push_str(&format!(" 下次{}", local(&message.next_at)));
    }
    if message.unknowns > 0 {
        text.push_str(&match message.state {
            DeliveryState::Accepted => format!(" 曾{}次结果不明，可能重复送达", message.unknowns),
            _ => format!(" {}次结果不明，可能已送达", message.unknowns),
        });
    }
    if !message.reply.is_empty() {
        text.push_str(&format!(" {}", without_address(message, &message.reply)));
    }
    text
}

/// Prints one message: its state, what happened to it, its attachments and its text.
fn show(id: &str, view: &MessageView) -> anyhow::Result<Exit> {
    let message = &view.row;
    print_line!("编号：{}", message.id);
    print_line!(
        "单位：{} <{}>{}",
        message.unit,
        masked_address(&message.address),
        if message.test { "（试发送，单位未收到）" } else { "" }
    );
    print_line!("主题：{}", message.subject);
    print_line!("Message-ID：{}", message.message_id);
    print_line!("执行：{}", message.run);
    print_line!(
        "状态：{}（尝试{}次{}）{}",
        message.state.word(),
        message.attempts,
        if message.unknowns > 0 { format!("，其中{}次结果不明", message.unknowns) } else { String::new() },
        without_address(message, &message.reply)
    );
    if !message.instead_of.is_empty() {
        print_line!("内容同：{}（改发至更正后的地址）", message.instead_of);
    }
    if message.state.is_queued() {
        print_line!("下次发送：{}，至{}仍未送出则停止", local(&message.next_at), local(&message.expires_at));
    }
    print_line!("{} 生成", local(&message.created_at));
    for event in &view.events {
        let event_text = event.what.word(!message.act.is_empty());
        let who = match (event.who.as_str(), event.os_user.as_str()) {
            ("", _) => String::new(),
            (who, "") => format!("（{who}）"),
            (who, user) => format!("（{who}）系统用户{user}"),
        };
        print_line!("{} {event_text}{who} {}", local(&event.at), without_address(message, &event.detail));
    }
    if message.state == DeliveryState::Accepted {
        // a server's reply begins with its code; without a server a file was written
        let by = if message.reply.starts_with(|c: char| c.is_ascii_digit()) { "对方服务器收下：" } else { "" };
        print_line!("{} {by}{}", local(&message.ended_at), without_address(message, &message.reply));
    }
    for (name, size) in view.contents.iter().flat_map(|contents| &contents.attachments) {
        print_line!("附件：{name}（{size}字节）");
    }
    if message.state == DeliveryState::Draft {
        print_line!("签发：duban outbox release {id} --by 姓名 --reason 理由；不予签发：duban outbox reject {id} --by 姓名 --reason 理由");
    }
    print_line!("原文：duban outbox show {id} --eml");
    match &view.contents {
        Some(contents) => print::block(&format!("\n{}", contents.text)),
        None => print_line!("正文不是本程序的格式，请查看原文"),
    }
    Ok(Exit::Done)
}

/// Prints which messages changed their state.
fn print_change(change: &StateChange, word: &str) -> anyhow::Result<Exit> {
    print_line!("{word}{}封", change.changed.len());
    for (id, state) in &change.unchanged {
        match state {
            Some(state) => print_line!("{id}：{}，未作改动", state.word()),
            None => print_line!("{id}：没有这封邮件"),
        }
    }
    Ok(if change.unchanged.is_empty() { Exit::Done } else { Exit::Partial })
}

/// Queues failed messages once more, for the address they went to.
async fn retry(deliverer: &Deliverer, ids: &[String], person: &PersonArguments) -> anyhow::Result<Exit> {
    let Retried { change, readdressable } = outbox::retry(deliverer, ids, person.person(&person.who())).await?;
    let exit = print_change(&change, "重新发送")?;
    if readdressable > 0 {
        print_line!("其中{readdressable}封的单位邮箱已改，以上仍按原地址发送；要发往新地址，执行 duban outbox retry --corrected 编号");
    }
    Ok(exit)
}

/// Queues failed messages once more, for the address that their unit has now.
async fn retry_corrected(deliverer: &Deliverer, ids: &[String], person: &PersonArguments) -> anyhow::Result<Exit> {
    let mut sent = 0;
    let named = !ids.is_empty();
    outbox::retry_corrected(deliverer, ids, person.person(&person.who()), |message| match message {
        Readdressed::Sent { old, new, unit, address } => {
            print_line!("{old} → {new} {unit} <{}>", masked_address(&address));
            sent += 1;
        }
        Readdressed::SameAddress { id, unit } if named => print_line!("{id}：{unit}的邮箱没有变化，未作改动"),
        Readdressed::SameAddress { .. } => {}
        Readdressed::OtherContents { id } => {
            print_line!("{id}：新地址可收的内容与原邮件不同（allowed_domains），请执行 duban run 任务 --as-of 日期 --revise 另行生成");
        }
        Readdressed::Unchanged { id, state } => print_line!("{id}：{}，未作改动", state.word()),
    })
    .await?;
    print_line!("改发{sent}封");
    Ok(Exit::Done)
}

/// Lets sending go on, and prints how many messages wait for it.
async fn release_sending(deliverer: &Deliverer, person: &PersonArguments) -> anyhow::Result<Exit> {
    let Some(released) = outbox::release_sending(deliverer, person.person(&person.who())).await? else {
        print_line!("发送没有暂停，未作改动");
        return Ok(Exit::Done);
    };
    if let Some(extra) = released.extra {
        print_line!("今日再放行{extra}封");
    }
    print_line!("发送已恢复，待发{}封", released.undelivered);
    Ok(Exit::Done)
}

/// Sends what is due now.
///
/// # Errors
/// All sending is held, the daily limit is reached, or the mail server refuses the connection.
async fn send(deliverer: &Deliverer) -> anyhow::Result<Exit> {
    let SentNow { delivered, notes } = outbox::send(deliverer).await?;
    let Delivered { accepted, refused, later, unknown, blocked } = delivered;
    print_line!("送达{accepted} 被拒{refused} 稍后再试{later} 结果不明{unknown}");
    for note in notes {
        print_line!("{note}");
    }
    if let Some(Block::Channel(reason)) = &blocked {
        print_line!("注意：现在发不出去：{reason}");
    }
    ensure!(blocked.is_none(), "发送已停止，没有丢失邮件，恢复后继续");
    Ok(Exit::Done)
}
