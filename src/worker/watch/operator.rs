//! Reports troubles to the operator: one message when some begin and one when they end, by mail and to a chat; and calls an address while all is
//! well, so that somebody notices when the service has died.

use crate::clock::{Clock, stamp};
use crate::config::load::Config;
use crate::config::operator_settings::WebhookKind;
use crate::domain::notify::delivery::Attempt;
use crate::domain::trouble::{ReportedTrouble, Trouble};
use crate::domain::web_address::WebAddress;
use crate::mail::message;
use crate::mail::message::{Correspondent, Message};
use crate::mail::smtp::PooledConnection;
use crate::mail::transport::{Mailer, OutgoingFile};
use crate::mail::web_call;
use crate::store::handle::Store;
use crate::store::troubles::OperatorWay;
use crate::worker::private_files::read_password;
use crate::worker::watch::troubles::troubles;
use chrono::{DateTime, Duration, FixedOffset};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A message that could not be sent is tried once more after so many minutes, doubled up to the second number.
const RETRY_MINUTES: (i64, i64) = (5, 120);
/// Messages sent in one beat.
const MESSAGES_MAX: usize = 5;
/// The heartbeat is called at most once in so many seconds.
const HEARTBEAT_SECONDS: i64 = 55;

/// What a process remembers between two beats.
#[derive(Debug, Default)]
struct Memory {
    /// When the heartbeat was called last.
    called_at: Option<DateTime<chrono::Utc>>,
    /// The fault of the database that was reported and is not over.
    database_fault: Option<String>,
}

/// Reports to the operator.
#[derive(Clone)]
pub struct Operator {
    root: PathBuf,
    config: Arc<Config>,
    store: Store,
    clock: Clock,
    mailer: Mailer,
    memory: Arc<Mutex<Memory>>,
}

impl Operator {
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock, mailer: Mailer) -> Operator {
        Operator { root: root.to_owned(), config, store, clock, mailer, memory: Arc::default() }
    }

    /// One over another configuration, with what this one remembers.
    pub(crate) fn with_config(&self, config: Arc<Config>, mailer: Mailer) -> Operator {
        Operator { config, mailer, ..self.clone() }
    }

    /// Whether somebody is to be notified at all.
    fn has_ways(&self) -> bool {
        let settings = &self.config.settings.operator;
        settings.mailbox.is_some() || settings.webhook.is_some()
    }

    /// Reports the troubles that have begun or ended since the last beat, and sends the messages that are due.
    ///
    /// # Errors
    /// The database fails.
    pub async fn report(&self) -> anyhow::Result<()> {
        if !self.has_ways() {
            return Ok(());
        }
        let mut found = troubles(&self.store, &self.config, &self.clock, &self.root.join("var")).await?;
        found.retain(|trouble| trouble.kind.is_reported());
        let office = &self.config.settings.office.name;
        self.store.troubles().report(&found, &stamp(self.clock.now()), |begun, ended| report_text(office, begun, ended)).await?;
        for _ in 0..MESSAGES_MAX {
            if !self.send_next().await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends the next message that is due by every way it has not gone; `false` = none is due.
    async fn send_next(&self) -> anyhow::Result<bool> {
        let settings = &self.config.settings.operator;
        let mut ways = Vec::new();
        ways.extend(settings.mailbox.as_ref().map(|_| OperatorWay::Mail));
        ways.extend(settings.webhook.map(|_| OperatorWay::Chat));
        let now = self.clock.now();
        let (least, most) = RETRY_MINUTES;
        let Some(message) = self.store.troubles().take(&ways, &stamp(now), &stamp(now + Duration::minutes(least))).await? else {
            return Ok(false);
        };
        let mut is_sent = true;
        if let Some(mailbox) = settings.mailbox.as_ref().filter(|_| !message.is_mailed) {
            match self.mail(mailbox, &format!("operator_{}", message.no), &message.text).await {
                Ok(()) => self.store.troubles().sent(message.no, OperatorWay::Mail, &stamp(self.clock.now())).await?,
                Err(error) => {
                    is_sent = false;
                    tracing::error!(%error, "the operator cannot be mailed");
                }
            }
        }
        if settings.webhook.is_some() && !message.is_posted {
            match self.post(&message.text).await {
                Ok(()) => self.store.troubles().sent(message.no, OperatorWay::Chat, &stamp(self.clock.now())).await?,
                Err(error) => {
                    is_sent = false;
                    tracing::error!(%error, "the chat of the operator takes no message");
                }
            }
        }
        if !is_sent {
            let minutes = (least << (message.attempts - 1).clamp(0, 10)).min(most);
            self.store.troubles().postpone(message.no, &stamp(now + Duration::minutes(minutes))).await?;
        }
        Ok(true)
    }

    /// Mails a text to the operator, past the outbox: sending to units may be what is held.
    async fn mail(&self, mailbox: &str, id: &str, text: &str) -> Result<(), String> {
        let settings = &self.config.settings;
        let domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
        let zone = FixedOffset::east_opt(crate::clock::SHANGHAI_SECONDS).ok_or("no zone")?;
        let subject = text.lines().next().unwrap_or_default();
        let html = text.lines().map(|line| format!("<p>{}</p>", escaped(line))).collect::<String>();
        let bytes = message::build(&Message {
            from: Correspondent { name: &settings.office.name, address: &settings.mail.from },
            to: Correspondent { name: "值守人员", address: mailbox },
            meant_for: None,
            reply_to: Correspondent { name: &settings.office.name, address: &settings.mail.reply_to },
            subject,
            date: self.clock.now().with_timezone(&zone),
            id,
            domain,
            html: &html,
            text,
            attachments: &[],
        })
        .map_err(|error| error.to_string())?;
        let mut connection = PooledConnection::default();
        let attempt = self.mailer.deliver(&mut connection, &OutgoingFile { to: mailbox, file: id, bytes: &bytes }, &|| true).await;
        connection.close().await;
        match attempt {
            Attempt::Accepted(_) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// Posts a text to the chat.
    async fn post(&self, text: &str) -> Result<(), String> {
        let settings = &self.config.settings.operator;
        let (Some(kind), Some(file)) = (settings.webhook, &settings.webhook_file) else { return Ok(()) };
        let reply = web_call::post(&self.address(file)?, &chat_json(kind, text)).await?;
        chat_fault(&reply).map_or(Ok(()), Err)
    }

    /// The address in a file.
    fn address(&self, file: &str) -> Result<WebAddress, String> {
        let text = read_password(&self.root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        WebAddress::parse(text.exposed()).map_err(|fault| format!("{file}: {fault}"))
    }

    /// Calls the heartbeat, where there is one: its plain address while all went well, else the one for failures. That nobody answers is no fault
    /// of the service.
    pub async fn beat(&self, all_went_well: bool) {
        let Some(file) = &self.config.settings.operator.heartbeat_file else { return };
        let now = self.clock.now();
        let is_due = self.memory(|memory| {
            let is_due = memory.called_at.is_none_or(|at| (now - at).num_seconds().abs() >= HEARTBEAT_SECONDS);
            if is_due {
                memory.called_at = Some(now);
            }
            is_due
        });
        if !is_due {
            return;
        }
        let called = match self.address(file) {
            Ok(address) if all_went_well => web_call::get(&address).await,
            Ok(address) => web_call::get(&address.below("/fail")).await,
            Err(fault) => Err(fault),
        };
        if let Err(error) = called {
            tracing::warn!(%error, "the heartbeat was not taken");
        }
    }

    /// Reports that the database fails, or works once more (`None`), by every way that needs none. Once for each beginning and each end.
    pub async fn report_database(&self, fault: Option<&str>) {
        let before = self.memory(|memory| memory.database_fault.clone());
        let office = &self.config.settings.office.name;
        let text = match (&before, fault) {
            (None, Some(fault)) => format!("【督办服务】{office}：出现问题1项\n数据库不能使用：{fault}"),
            (Some(_), None) => format!("【督办服务】{office}：问题已解除1项\n数据库已恢复"),
            _ => return,
        };
        let settings = &self.config.settings.operator;
        let (mut is_taken, mut has_way) = (false, false);
        if let Some(mailbox) = &settings.mailbox {
            has_way = true;
            match self.mail(mailbox, "operator_database", &text).await {
                Ok(()) => is_taken = true,
                Err(error) => tracing::error!(%error, "the operator cannot be mailed"),
            }
        }
        if settings.webhook.is_some() {
            has_way = true;
            match self.post(&text).await {
                Ok(()) => is_taken = true,
                Err(error) => tracing::error!(%error, "the chat of the operator takes no message"),
            }
        }
        // what nobody took is sent once more at the next beat
        if is_taken || !has_way {
            self.memory(|memory| memory.database_fault = fault.map(str::to_owned));
        }
    }

    fn memory<T>(&self, access: impl FnOnce(&mut Memory) -> T) -> T {
        access(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One message on what has begun and what is over.
fn report_text(office: &str, begun: &[&Trouble], ended: &[&ReportedTrouble]) -> String {
    let mut heads = Vec::new();
    if !begun.is_empty() {
        heads.push(format!("出现问题{}项", begun.len()));
    }
    if !ended.is_empty() {
        heads.push(format!("问题已解除{}项", ended.len()));
    }
    let mut lines = vec![format!("【督办服务】{office}：{}", heads.join("，"))];
    lines.extend(begun.iter().map(|trouble| format!("问题：{}", trouble.text)));
    lines.extend(ended.iter().map(|trouble| format!("已解除：{}", trouble.text)));
    lines.push("全部情况：duban status".to_owned());
    lines.join("\n")
}

/// A text as the robot of a chat takes it.
fn chat_json(kind: WebhookKind, text: &str) -> String {
    let json = match kind {
        WebhookKind::Wecom | WebhookKind::Dingtalk => serde_json::json!({"msgtype": "text", "text": {"content": text}}),
        WebhookKind::Feishu => serde_json::json!({"msg_type": "text", "content": {"text": text}}),
    };
    json.to_string()
}

/// Why a robot refused a message, by its reply; `None` = it took it.
fn chat_fault(reply: &str) -> Option<String> {
    let reply: serde_json::Value = serde_json::from_str(reply).ok()?;
    let code = ["errcode", "code", "StatusCode"].iter().find_map(|key| reply.get(key)?.as_i64())?;
    let words = ["errmsg", "msg", "StatusMessage"].iter().find_map(|key| reply.get(key)?.as_str()).unwrap_or_default();
    (code != 0).then(|| format!("{code} {}", words.chars().take(200).collect::<String>()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chat_gets_a_text_as_it_takes_it() {
        assert_eq!(chat_json(WebhookKind::Wecom, "甲\n乙"), r#"{"msgtype":"text","text":{"content":"甲\n乙"}}"#);
        assert_eq!(chat_json(WebhookKind::Dingtalk, "甲"), r#"{"msgtype":"text","text":{"content":"甲"}}"#);
        assert_eq!(chat_json(WebhookKind::Feishu, "甲"), r#"{"content":{"text":"甲"},"msg_type":"text"}"#);
        assert_eq!(chat_fault(r#"{"errcode":0,"errmsg":"ok"}"#), None);
        assert_eq!(chat_fault(r#"{"code":19001,"msg":"param invalid"}"#).as_deref(), Some("19001 param invalid"));
        assert_eq!(chat_fault("ok"), None, "what is not JSON was taken, as its code states");
    }
}
