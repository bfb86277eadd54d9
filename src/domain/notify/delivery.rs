//! The states of one delivery (发送): what a reply of a mail server means, which state follows, and when the next attempt is due.

use chrono::Duration;

/// The state of a message in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    Pending,
    Sending,
    /// The server took it.
    Accepted,
    /// The server will never take it.
    Refused,
    /// A claim without a recorded outcome: the message may have arrived. The same bytes are sent once more.
    Unknown,
    /// A person holds it back.
    OnHold,
    /// An act above 催办 that a person has not released yet (待签发).
    Draft,
    /// A draft that a person decided not to send.
    Rejected,
    /// Not sent any more: a newer message to the same unit replaces it, or it went to a corrected address.
    Superseded,
    /// Given up: too late, or unknown too often. It is listed until a person has it resent.
    Dead,
    /// Not sent any more: it names a record that has become restricted since. The next run makes it anew without that record.
    Withheld,
}

impl DeliveryState {
    pub const ALL: [DeliveryState; 11] = [
        DeliveryState::Pending,
        DeliveryState::Sending,
        DeliveryState::Accepted,
        DeliveryState::Refused,
        DeliveryState::Unknown,
        DeliveryState::OnHold,
        DeliveryState::Draft,
        DeliveryState::Rejected,
        DeliveryState::Superseded,
        DeliveryState::Dead,
        DeliveryState::Withheld,
    ];

    pub fn code(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Sending => "sending",
            DeliveryState::Accepted => "accepted",
            DeliveryState::Refused => "refused",
            DeliveryState::Unknown => "unknown",
            DeliveryState::OnHold => "held",
            DeliveryState::Draft => "draft",
            DeliveryState::Rejected => "rejected",
            DeliveryState::Superseded => "superseded",
            DeliveryState::Dead => "dead",
            DeliveryState::Withheld => "withheld",
        }
    }

    pub fn parse(code: &str) -> Option<DeliveryState> {
        DeliveryState::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The states for which a condition holds, as a statement of the store needs them.
    pub fn all_that(holds: fn(DeliveryState) -> bool) -> Vec<DeliveryState> {
        DeliveryState::ALL.into_iter().filter(|state| holds(*state)).collect()
    }

    /// The next attempt begins at its time, without a person.
    pub fn is_queued(self) -> bool {
        matches!(self, DeliveryState::Pending | DeliveryState::Unknown)
    }

    /// It is still to be delivered, or is being delivered.
    pub fn is_undelivered(self) -> bool {
        self.is_queued() || self == DeliveryState::Sending
    }

    /// Nothing happens to it any more by itself.
    pub fn has_ended(self) -> bool {
        self == DeliveryState::Accepted || self.is_lost()
    }

    /// Its delivery failed for good, and a person may have it resent.
    pub fn has_failed(self) -> bool {
        matches!(self, DeliveryState::Refused | DeliveryState::Dead)
    }

    /// It will reach nobody; whether an unknown outcome delivered a copy before is counted apart.
    pub fn is_lost(self) -> bool {
        use DeliveryState::{Accepted, Dead, Draft, OnHold, Pending, Refused, Rejected, Sending, Superseded, Unknown, Withheld};
        match self {
            Refused | Rejected | Superseded | Dead | Withheld => true,
            Pending | Sending | Accepted | Unknown | OnHold | Draft => false,
        }
    }

    /// It has reached its unit, or still may without a newer message.
    pub fn may_reach(self) -> bool {
        !self.is_lost() && self != DeliveryState::Draft
    }

    /// It waits, and no server may have accepted it since it was last queued.
    pub fn is_unsent(self) -> bool {
        matches!(self, DeliveryState::Pending | DeliveryState::OnHold)
    }

    /// A newer message to the same unit replaces it.
    pub fn is_replaceable(self) -> bool {
        self.is_queued() || matches!(self, DeliveryState::OnHold | DeliveryState::Draft)
    }

    /// It may still be sent, by itself or by a person, so it is stopped when it names a record that has become restricted.
    pub fn is_stoppable(self) -> bool {
        self.is_replaceable() || self.has_failed()
    }

    /// A server has it, or may have it.
    pub fn may_have_arrived(self) -> bool {
        matches!(self, DeliveryState::Accepted | DeliveryState::Unknown | DeliveryState::Sending)
    }

    /// Its content may be sent to a corrected address instead.
    pub fn is_readdressable(self) -> bool {
        self.has_failed() || self.is_queued() || self == DeliveryState::OnHold
    }

    /// Whether a message may be in this state after the last decision about it (`None` = there was none). `is_draft`: it was made as a draft.
    pub fn follows(self, decision: Option<DeliveryEvent>, is_draft: bool) -> bool {
        use DeliveryState::{Draft, OnHold, Rejected, Superseded, Withheld};
        match decision {
            Some(DeliveryEvent::OnHold) => self == OnHold,
            Some(DeliveryEvent::Rejected) => self == Rejected,
            Some(DeliveryEvent::Superseded | DeliveryEvent::Readdressed) => self == Superseded,
            Some(DeliveryEvent::Withheld) => self == Withheld,
            None if is_draft => self == Draft,
            _ => !matches!(self, Draft | OnHold | Rejected | Superseded | Withheld),
        }
    }

    /// The state in Chinese, for lists.
    pub fn word(self) -> &'static str {
        match self {
            DeliveryState::Pending => "待发",
            DeliveryState::Sending => "发送中",
            DeliveryState::Accepted => "已送达",
            DeliveryState::Refused => "被拒",
            DeliveryState::Unknown => "结果不明",
            DeliveryState::OnHold => "暂缓",
            DeliveryState::Draft => "待签发",
            DeliveryState::Rejected => "不予签发",
            DeliveryState::Superseded => "已被代替",
            DeliveryState::Dead => "停止发送",
            DeliveryState::Withheld => "不便公开，停发",
        }
    }
}

/// What happened to a message beside a first acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// An attempt failed for now.
    Deferred,
    /// The outcome of an attempt is unknown.
    Unknown,
    Accepted,
    Refused,
    Dead,
    /// A newer message replaced it.
    Superseded,
    /// A person put it on hold.
    OnHold,
    /// The first of two persons released the draft.
    Approved,
    /// A person released it, or had it resent.
    Released,
    /// A person decided not to send the draft.
    Rejected,
    /// Its content was queued for a corrected address.
    Readdressed,
    /// It was made from a message to another address.
    Made,
    /// It names a record that has become restricted.
    Withheld,
}

impl DeliveryEvent {
    pub const ALL: [DeliveryEvent; 13] = [
        DeliveryEvent::Deferred,
        DeliveryEvent::Unknown,
        DeliveryEvent::Accepted,
        DeliveryEvent::Refused,
        DeliveryEvent::Dead,
        DeliveryEvent::Superseded,
        DeliveryEvent::OnHold,
        DeliveryEvent::Approved,
        DeliveryEvent::Released,
        DeliveryEvent::Rejected,
        DeliveryEvent::Readdressed,
        DeliveryEvent::Made,
        DeliveryEvent::Withheld,
    ];

    pub fn code(self) -> &'static str {
        match self {
            DeliveryEvent::Deferred => "pending",
            DeliveryEvent::Unknown => "unknown",
            DeliveryEvent::Accepted => "accepted",
            DeliveryEvent::Refused => "refused",
            DeliveryEvent::Dead => "dead",
            DeliveryEvent::Superseded => "superseded",
            DeliveryEvent::OnHold => "held",
            DeliveryEvent::Approved => "approved",
            DeliveryEvent::Released => "released",
            DeliveryEvent::Rejected => "rejected",
            DeliveryEvent::Readdressed => "readdressed",
            DeliveryEvent::Made => "made",
            DeliveryEvent::Withheld => "withheld",
        }
    }

    pub fn parse(code: &str) -> Option<DeliveryEvent> {
        DeliveryEvent::ALL.into_iter().find(|event| event.code() == code)
    }

    /// It decides whether the message goes on its way; the others are steps on it.
    pub fn is_decision(self) -> bool {
        use DeliveryEvent::{OnHold, Readdressed, Rejected, Released, Superseded, Withheld};
        matches!(self, OnHold | Readdressed | Rejected | Released | Superseded | Withheld)
    }

    /// The event of an order of a person that moves a message to a state.
    pub fn of_order(to: DeliveryState) -> DeliveryEvent {
        match to {
            DeliveryState::OnHold => DeliveryEvent::OnHold,
            DeliveryState::Rejected => DeliveryEvent::Rejected,
            _ => DeliveryEvent::Released,
        }
    }

    /// The event of an attempt; `None` = a first attempt that succeeded, or none that counts, is no event. `attempts` includes this one.
    pub fn of_attempt(verdict: &Verdict, attempts: u32) -> Option<DeliveryEvent> {
        Some(match verdict.state {
            _ if !verdict.counts => return None,
            _ if verdict.unknown => DeliveryEvent::Unknown,
            DeliveryState::Accepted if attempts == 1 => return None,
            DeliveryState::Accepted => DeliveryEvent::Accepted,
            DeliveryState::Refused => DeliveryEvent::Refused,
            DeliveryState::Dead => DeliveryEvent::Dead,
            _ => DeliveryEvent::Deferred,
        })
    }

    /// The event in Chinese. `is_draft`: the message is a draft.
    pub fn word(self, is_draft: bool) -> &'static str {
        match self {
            DeliveryEvent::Deferred => "未送出，稍后再试",
            DeliveryEvent::Unknown => "结果不明，对方可能已收到",
            DeliveryEvent::Accepted => "送达",
            DeliveryEvent::Refused => "被拒",
            DeliveryEvent::Dead => "停止发送",
            DeliveryEvent::Superseded => "由新的提醒代替",
            DeliveryEvent::OnHold => "暂缓",
            DeliveryEvent::Approved => "第一人同意签发，待另一人签发",
            DeliveryEvent::Released if is_draft => "签发或重发",
            DeliveryEvent::Released => "放行或重发",
            DeliveryEvent::Rejected => "不予签发",
            DeliveryEvent::Readdressed => "改发至更正后的地址",
            DeliveryEvent::Made => "由原邮件改发而来",
            DeliveryEvent::Withheld => "所列事项已标注为不便公开，停发",
        }
    }
}

/// The step an SMTP session has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Connect,
    Greeting,
    Hello,
    Starttls,
    Tls,
    Login,
    Mail,
    Rcpt,
    Data,
    Body,
    /// The final dot was sent: from here on the server may have taken the message.
    Dot,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Connect => "连接",
            Phase::Greeting => "连接后的问候",
            Phase::Hello => "EHLO",
            Phase::Starttls => "STARTTLS",
            Phase::Tls => "TLS握手",
            Phase::Login => "登录（AUTH）",
            Phase::Mail => "发件人（MAIL FROM）",
            Phase::Rcpt => "收件人（RCPT TO）",
            Phase::Data => "DATA",
            Phase::Body => "正文",
            Phase::Dot => "正文结束",
        }
    }
}

/// Why no message can be sent at present, whichever message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The name of the server cannot be resolved.
    Name,
    /// The connection is refused, or the network does not reach the server.
    Unreachable,
    /// The server does not answer in time.
    Timeout,
    /// The server closed the connection, or its reply is not SMTP.
    Protocol,
    /// The server refuses the connection for now (4xx before login).
    Busy,
    /// The server refuses the connection (5xx before login).
    Rejected,
    /// The server does not offer STARTTLS, or refuses it.
    NoTls,
    /// The certificate has another server name, has expired, or has no trusted issuer.
    Certificate,
    /// The TLS handshake failed.
    Handshake,
    /// The server offers no login mechanism that we support.
    NoLogin,
    /// The user or the password is refused.
    Login,
    /// The sender address is refused.
    Sender,
    /// The folder for mails cannot be written.
    Folder,
}

impl FaultKind {
    /// The fault in Chinese, for the administrator.
    pub fn word(self) -> &'static str {
        match self {
            FaultKind::Name => "找不到邮件服务器的名称",
            FaultKind::Unreachable => "连不上邮件服务器",
            FaultKind::Timeout => "邮件服务器没有应答",
            FaultKind::Protocol => "连接中断或对方不是邮件服务器",
            FaultKind::Busy => "邮件服务器暂不接受连接",
            FaultKind::Rejected => "邮件服务器拒绝连接",
            FaultKind::NoTls => "邮件服务器不支持加密（STARTTLS）",
            FaultKind::Certificate => "邮件服务器的证书不可信",
            FaultKind::Handshake => "加密连接没有建立",
            FaultKind::NoLogin => "邮件服务器没有可用的登录方式",
            FaultKind::Login => "邮件服务器拒绝登录",
            FaultKind::Sender => "邮件服务器不接受发件地址",
            FaultKind::Folder => "邮件文件夹不可写",
        }
    }

    /// What the administrator can do about it, in Chinese.
    pub fn advice(self) -> &'static str {
        match self {
            FaultKind::Name => "核对[mail.smtp] host的写法和本机的域名解析",
            FaultKind::Unreachable => "核对host、port和防火墙；云主机多封闭25端口，请用465或587",
            FaultKind::Timeout => "端口465须设tls = \"implicit\"，587须设\"starttls\"；再查防火墙",
            FaultKind::Protocol => "核对port和tls：465用\"implicit\"，587和25用\"starttls\"",
            FaultKind::Busy => "稍后会自动再试；经常出现时减小connections",
            FaultKind::Rejected => "请邮件管理员放行本机的地址",
            FaultKind::NoTls => "改用465端口和tls = \"implicit\"；不会改用不加密的方式发送",
            FaultKind::Certificate => {
                "host须与证书上的名称一致；单位自签的证书，把签发机构的证书（PEM）写入[mail.smtp] ca_file；过期的请邮件管理员更换"
            }
            FaultKind::Handshake => "核对port和tls：465用\"implicit\"，587和25用\"starttls\"；对方须支持TLS 1.2以上",
            FaultKind::NoLogin => "核对tls；多数服务器只在加密后提供登录",
            FaultKind::Login => "核对user和password_file；163、QQ等邮箱须用授权码，不是登录密码，授权码过期须重新生成",
            FaultKind::Sender => "[mail] from须是user本人的地址或其获准的代发地址",
            FaultKind::Folder => "核对var/outbox的权限和磁盘空间",
        }
    }

    /// Whether only a person can mend it, in the settings; frequent attempts may lock the account.
    fn needs_person(self) -> bool {
        matches!(self, FaultKind::NoTls | FaultKind::Certificate | FaultKind::NoLogin | FaultKind::Login | FaultKind::Sender)
    }

    /// The pause of all sending after the `failures`-th fault in a row. It starts at one minute; at ten minutes where only a person can
    /// mend the fault, because providers lock accounts that keep trying.
    pub fn pause(self, failures: u32) -> Duration {
        let steps: [i64; 4] = if self.needs_person() { [10, 30, 60, 120] } else { [1, 5, 15, 30] };
        Duration::minutes(steps[(failures.max(1) as usize - 1).min(steps.len() - 1)])
    }
}

/// A fault with the message of the system or the reply of the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}：{detail}", phase.name())]
pub struct Fault {
    pub kind: FaultKind,
    pub phase: Phase,
    pub detail: String,
}

/// The outcome of one attempt to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The server took the message; its reply.
    Accepted(String),
    /// The server will never take it.
    Refused(String),
    /// A temporary refusal: nothing was delivered, and the message is retried.
    Deferred(String),
    /// The provider limits the rate: nothing was delivered, and all sending pauses.
    RateLimited(String),
    /// The connection ended after the final dot: the message may have been delivered.
    Unknown(String),
    /// No message can be sent at present; this one was not delivered.
    Channel(Fault),
    /// No attempt was made.
    NotTried,
}

/// Words of providers for a rate limit, whatever the code: QQ and Tencent "frequency limited", NetEase `HL:` `MI:` `DT:`,
/// Aliyun and Coremail "exceed", "too many".
const RATE: [&str; 11] = ["frequen", "limit", "too many", "too much", "throttl", "rate", "exceed", "hl:", "mi:", "dt:", "rp:"];
/// Words of a message that is too large.
const SIZE: [&str; 4] = ["5.3.4", "size", "too large", "too big"];
/// Words of a mailbox that is full: its owner may empty it.
const FULL: [&str; 6] = ["5.2.2", "4.2.2", "quota", "mailbox full", "is full", "storage"];

/// The meaning of an SMTP reply to a message at a phase from [`Phase::Mail`] on. Chinese providers answer rate limits with 550.
pub fn classify(phase: Phase, code: u16, text: &str) -> Attempt {
    let reply = format!("{code} {text}");
    // only whole words count: "corporate" contains "rate"
    let lower = format!(" {} ", text.to_ascii_lowercase());
    let mentions = |words: &[&str]| {
        words.iter().any(|word| lower.match_indices(word).any(|(at, _)| !lower[..at].ends_with(|c: char| c.is_alphanumeric())))
    };
    let size = mentions(&SIZE) && (code == 552 || code == 523 || mentions(&["5.3.4"]));
    let full = !size && (code == 552 || (code == 452 || code >= 550) && mentions(&FULL));
    match code {
        200..=299 if phase == Phase::Dot => Attempt::Accepted(reply),
        // the server took the message for commands: the two sides are out of step
        500..=504 if phase == Phase::Dot => Attempt::Unknown(reply),
        500..=504 if phase > Phase::Rcpt => Attempt::Deferred(reply),
        454 | 526 | 530 | 534 | 535 | 538 => Attempt::Channel(Fault { kind: FaultKind::Login, phase, detail: reply }),
        500..=599 if size => Attempt::Refused(reply),
        400..=599 if full => Attempt::Deferred(reply),
        400..=599 if mentions(&RATE) => Attempt::RateLimited(reply),
        500..=599 if phase == Phase::Mail => Attempt::Channel(Fault { kind: FaultKind::Sender, phase, detail: reply }),
        500..=599 => Attempt::Refused(reply),
        400..=499 => Attempt::Deferred(reply),
        // a reply that fits no command: before the final dot nothing was taken, after it the outcome is unknown
        _ if phase == Phase::Dot => Attempt::Unknown(reply),
        _ => Attempt::Deferred(reply),
    }
}

/// The pause before attempt `attempts + 1`: 1, 5, 15, 60 minutes, then 2 and 4 hours.
pub fn backoff(attempts: u32) -> Duration {
    Duration::minutes(match attempts {
        0 | 1 => 1,
        2 => 5,
        3 => 15,
        4 => 60,
        5 => 120,
        _ => 240,
    })
}

/// A message is given up after this many unknown outcomes, because each may have delivered a copy.
pub const UNKNOWNS_MAX: u32 = 5;

/// The state of a message after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub state: DeliveryState,
    /// How long until the next attempt.
    pub pause: Duration,
    /// Whether the attempt counts against the message.
    pub counts: bool,
    /// Whether the server may have taken the message.
    pub unknown: bool,
    pub reply: String,
}

/// The verdict on an attempt. `attempts` includes this attempt, `unknowns` counts the unknown outcomes before it.
pub fn verdict(attempt: &Attempt, attempts: u32, unknowns: u32) -> Verdict {
    let of = |state, pause, counts, reply: &str| Verdict { state, pause, counts, unknown: false, reply: reply.to_owned() };
    let none = Duration::zero();
    match attempt {
        Attempt::Accepted(reply) => of(DeliveryState::Accepted, none, true, reply),
        Attempt::Refused(reply) => of(DeliveryState::Refused, none, true, reply),
        Attempt::Deferred(reply) => of(DeliveryState::Pending, backoff(attempts), true, reply),
        Attempt::RateLimited(reply) => of(DeliveryState::Pending, rate_limit_pause(attempts), true, reply),
        // gives a slow server time to finish before a second copy is sent
        Attempt::Unknown(reply) => {
            Verdict { unknown: true, ..unknown_verdict(unknowns + 1, Duration::minutes(15).max(backoff(attempts)), reply) }
        }
        Attempt::Channel(fault) => of(DeliveryState::Pending, none, false, &fault.to_string()),
        Attempt::NotTried => of(DeliveryState::Pending, none, false, ""),
    }
}

/// The verdict on the `unknowns`-th unknown outcome, as for a claim whose process died.
pub fn unknown_verdict(unknowns: u32, pause: Duration, reply: &str) -> Verdict {
    let state = if unknowns >= UNKNOWNS_MAX { DeliveryState::Dead } else { DeliveryState::Unknown };
    Verdict { state, pause, counts: true, unknown: true, reply: reply.to_owned() }
}

/// Whether a message is given up although no server has answered: its time limit has passed, or its claim expired and one more unknown outcome
/// is one too many. `unknowns` counts the unknown outcomes before.
pub fn is_given_up(state: DeliveryState, unknowns: u32, is_too_late: bool) -> bool {
    let expired = || unknown_verdict(unknowns + 1, Duration::zero(), "").state;
    is_too_late || state == DeliveryState::Sending && expired() == DeliveryState::Dead
}

/// The pause of all sending after a rate limit: providers count per hour.
pub fn rate_limit_pause(attempts: u32) -> Duration {
    Duration::minutes(15).max(backoff(attempts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_use_these_states() {
        use DeliveryState::{Accepted, Dead, Draft, OnHold, Pending, Refused, Rejected, Sending, Superseded, Unknown, Withheld};
        type Condition = fn(DeliveryState) -> bool;
        let conditions: [(Condition, &[DeliveryState]); 11] = [
            (DeliveryState::is_queued, &[Pending, Unknown]),
            (DeliveryState::is_undelivered, &[Pending, Sending, Unknown]),
            (DeliveryState::has_ended, &[Accepted, Refused, Rejected, Superseded, Dead, Withheld]),
            (DeliveryState::has_failed, &[Refused, Dead]),
            (DeliveryState::is_lost, &[Refused, Rejected, Superseded, Dead, Withheld]),
            (DeliveryState::may_reach, &[Pending, Sending, Accepted, Unknown, OnHold]),
            (DeliveryState::is_unsent, &[Pending, OnHold]),
            (DeliveryState::is_replaceable, &[Pending, Unknown, OnHold, Draft]),
            (DeliveryState::is_readdressable, &[Pending, Refused, Unknown, OnHold, Dead]),
            (DeliveryState::is_stoppable, &[Pending, Refused, Unknown, OnHold, Draft, Dead]),
            (DeliveryState::may_have_arrived, &[Sending, Accepted, Unknown]),
        ];
        for (number, (holds, states)) in conditions.into_iter().enumerate() {
            assert_eq!(DeliveryState::all_that(holds), states, "condition {number}");
        }
    }

    #[test]
    fn an_expired_claim_is_given_up_once_too_often() {
        assert!(is_given_up(DeliveryState::Pending, 0, true));
        assert!(!is_given_up(DeliveryState::Unknown, UNKNOWNS_MAX, false));
        assert!(!is_given_up(DeliveryState::Sending, UNKNOWNS_MAX - 2, false));
        assert!(is_given_up(DeliveryState::Sending, UNKNOWNS_MAX - 1, false));
    }

    #[test]
    fn replies_of_providers_are_classified() {
        use Phase::{Dot, Mail, Rcpt};
        let word = |attempt: &Attempt| match attempt {
            Attempt::Accepted(_) => "accepted",
            Attempt::Refused(_) => "refused",
            Attempt::Deferred(_) => "later",
            Attempt::RateLimited(_) => "slow",
            Attempt::Unknown(_) => "unknown",
            Attempt::Channel(_) => "channel",
            Attempt::NotTried => "untried",
        };
        for (phase, code, text, expect) in [
            (Dot, 250, "Mail OK queued as gzga-smtp-mta-g2-1", "accepted"),
            (Dot, 354, "go on", "unknown"),
            (Rcpt, 250, "ok", "later"),
            (Rcpt, 550, "no such user", "refused"),
            (Rcpt, 550, "User not found: 522725@163.com", "refused"),
            (Rcpt, 550, "5.1.1 corporate mailbox unavailable", "refused"),
            (Rcpt, 550, "Domain frequency limited.", "slow"),
            (Rcpt, 550, "Ip frequency limited", "slow"),
            (Mail, 550, "Connection frequency limited", "slow"),
            (Mail, 421, "HL:ICC 163 smtp5,D9GowAAHR1qz", "slow"),
            (Dot, 451, "MI:SFQ 163 smtp12", "slow"),
            (Dot, 554, "DT:SPM 126 smtp6", "slow"),
            (Rcpt, 450, "MI:DMC 163 smtp3", "slow"),
            (Rcpt, 452, "Too many recipients received this hour", "slow"),
            (Rcpt, 452, "4.2.2 mailbox full", "later"),
            (Dot, 550, "exceeded the daily quota of mails", "later"),
            (Dot, 554, "Reject by behaviour spam at Rcpt State(Connection IP frequency limit)", "slow"),
            (Rcpt, 421, "Service not available, closing transmission channel", "later"),
            (Rcpt, 451, "4.7.1 Greylisted, come back in 5 minutes", "later"),
            (Mail, 552, "message size exceeds fixed maximum message size", "refused"),
            (Dot, 552, "5.3.4 Message too large", "refused"),
            (Mail, 523, "the message size (12 MB) is beyond the limit", "refused"),
            (Rcpt, 552, "Quota exceeded (mailbox for user is full)", "later"),
            (Rcpt, 554, "5.2.2 mailbox full", "later"),
            (Mail, 501, "mail from address must be same as authorization user", "channel"),
            (Mail, 553, "Mail from must equal authorized user", "channel"),
            (Mail, 535, "Error: authentication failed, system busy", "channel"),
            (Mail, 526, "Authentication failure", "channel"),
            (Rcpt, 530, "Authentication required", "channel"),
            (Dot, 550, "Mail content denied", "refused"),
            (Phase::Data, 503, "5.5.1 bad sequence of commands", "later"),
            (Dot, 502, "5.5.2 command not recognized", "unknown"),
            (Rcpt, 501, "5.1.3 bad recipient address syntax", "refused"),
            (Rcpt, 999, "", "later"),
        ] {
            let attempt = classify(phase, code, text);
            assert_eq!(word(&attempt), expect, "{code} {text}");
        }
    }

    #[test]
    fn a_message_with_unknown_outcomes_is_given_up() {
        let after = |unknowns| verdict(&Attempt::Unknown("cut".into()), unknowns + 1, unknowns);
        for unknowns in 0..UNKNOWNS_MAX - 1 {
            assert_eq!(after(unknowns).state, DeliveryState::Unknown);
            assert!(after(unknowns).pause >= Duration::minutes(15));
        }
        assert_eq!(after(UNKNOWNS_MAX - 1).state, DeliveryState::Dead);
    }

    #[test]
    fn a_channel_fault_does_not_count_against_the_message() {
        let fault = Fault { kind: FaultKind::Login, phase: Phase::Login, detail: "535 no".into() };
        let verdict = verdict(&Attempt::Channel(fault), 40, 0);
        assert_eq!((verdict.state, verdict.counts, verdict.reply.as_str()), (DeliveryState::Pending, false, "登录（AUTH）：535 no"));
        assert!(FaultKind::Login.pause(1) > FaultKind::Unreachable.pause(1));
        assert_eq!(FaultKind::Login.pause(9), Duration::hours(2));
    }
}
