//! `[operator]` of `config/duban.toml`: who hears when the service needs a person, and by what way.

use crate::domain::mailbox;
use crate::domain::problem::ProblemsAt;
use serde::Deserialize;

/// Who hears of troubles.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorSettings {
    pub mailbox: Option<String>,
    /// The chat whose robot gets a message.
    pub webhook: Option<WebhookKind>,
    /// File that holds the address of the robot (mode 0600), relative to the root.
    pub webhook_file: Option<String>,
    /// File that holds the address that is called while all is well (mode 0600), relative to the root.
    pub heartbeat_file: Option<String>,
}

/// How the robot of a chat takes a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookKind {
    /// 企业微信
    Wecom,
    /// 钉钉
    Dingtalk,
    /// 飞书
    Feishu,
}

/// Reports what is wrong in the section.
pub(crate) fn check(operator: &OperatorSettings, at: &mut ProblemsAt<'_>) {
    if let Some((address, fault)) = operator.mailbox.as_deref().and_then(|address| Some((address, mailbox::fault(address)?))) {
        at.report(format!("mailbox \"{address}\" is no mail address: {fault}"), Some("write one address alone, name@domain".into()));
    }
    if operator.webhook.is_some() != operator.webhook_file.is_some() {
        let hint = "webhook = \"wecom\" | \"dingtalk\" | \"feishu\", and webhook_file = a file with the robot's address in one line";
        at.report("webhook and webhook_file go together", Some(hint.into()));
    }
}
