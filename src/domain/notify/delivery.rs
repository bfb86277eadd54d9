//! The life of one delivery (发送): what a server's answer means, what becomes of the message, when to try again.

use chrono::Duration;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    Pending,
    Sending,
    /// The server took it.
    Accepted,
    /// The server will never take it.
    Refused,
    /// A claim without a settled reply: it may have arrived; the same bytes go again.
    Unknown,
    /// A person keeps it back.
    Held,
    /// An act above 催办 that waits for the person who releases it (待签发).
    Draft,
    /// A draft that is not to go out.
    Rejected,
    /// Not sent any more: a newer message to the same unit says it, or it went to a corrected address.
    Superseded,
    /// Given up: too late, or unknown too often. It stays listed until a person sends it again.
    Dead,
}

impl DeliveryState {
    pub const ALL: [DeliveryState; 10] = [
        DeliveryState::Pending,
        DeliveryState::Sending,
        DeliveryState::Accepted,
        DeliveryState::Refused,
        DeliveryState::Unknown,
        DeliveryState::Held,
        DeliveryState::Draft,
        DeliveryState::Rejected,
        DeliveryState::Superseded,
        DeliveryState::Dead,
    ];

    pub fn code(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Sending => "sending",
            DeliveryState::Accepted => "accepted",
            DeliveryState::Refused => "refused",
            DeliveryState::Unknown => "unknown",
            DeliveryState::Held => "held",
            DeliveryState::Draft => "draft",
            DeliveryState::Rejected => "rejected",
            DeliveryState::Superseded => "superseded",
            DeliveryState::Dead => "dead",
        }
    }

    pub fn parse(code: &str) -> Option<DeliveryState> {
        DeliveryState::ALL.into_iter().find(|state| state.code() == code)
    }

    /// As shown to people.
    pub fn word(self) -> &'static str {
        match self {
            DeliveryState::Pending => "待发",
            DeliveryState::Sending => "发送中",
            DeliveryState::Accepted => "已送达",
            DeliveryState::Refused => "被拒",
            DeliveryState::Unknown => "结果不明",
            DeliveryState::Held => "暂缓",
            DeliveryState::Draft => "待签发",
            DeliveryState::Rejected => "不予签发",
            DeliveryState::Superseded => "已被代替",
            DeliveryState::Dead => "停止发送",
        }
    }
}

/// How far a dialogue with a server has come.
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
    /// The final dot is on its way: from here on the message may have been taken.
    Dot,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Connect => "connect",
            Phase::Greeting => "greeting",
            Phase::Hello => "EHLO",
            Phase::Starttls => "STARTTLS",
            Phase::Tls => "TLS handshake",
            Phase::Login => "AUTH",
            Phase::Mail => "MAIL FROM",
            Phase::Rcpt => "RCPT TO",
            Phase::Data => "DATA",
            Phase::Body => "message",
            Phase::Dot => "final dot",
        }
    }
}

/// Why no message can go at present; none is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The name of the server is not known.
    Name,
    /// Nobody listens there, or the network does not reach it.
    Unreachable,
    /// It does not answer in time.
    Silent,
    /// It closed the connection, or what it says is no SMTP.
    Garbled,
    /// It does not want us now (4xx before login).
    Busy,
    /// It does not want us (5xx before login).
    Unwelcome,
    /// It does not offer STARTTLS, or refuses it.
    NoTls,
    /// The certificate is not that of the named server, has run out, or nobody we trust has signed it.
    Certificate,
    /// TLS could not be agreed on.
    Handshake,
    /// It offers no way to log in that we know.
    NoLogin,
    /// User or password are refused.
    Login,
    /// The sender address is refused.
    Sender,
    /// The folder for mails cannot be written.
    Folder,
}

impl FaultKind {
    /// What it is, to the administrator.
    pub fn word(self) -> &'static str {
        match self {
            FaultKind::Name => "找不到邮件服务器的名称",
            FaultKind::Unreachable => "连不上邮件服务器",
            FaultKind::Silent => "邮件服务器没有应答",
            FaultKind::Garbled => "连接中断或对方不是邮件服务器",
            FaultKind::Busy => "邮件服务器暂不接受连接",
            FaultKind::Unwelcome => "邮件服务器拒绝连接",
            FaultKind::NoTls => "邮件服务器不支持加密（STARTTLS）",
            FaultKind::Certificate => "邮件服务器的证书不可信",
            FaultKind::Handshake => "加密连接没有建立",
            FaultKind::NoLogin => "邮件服务器没有可用的登录方式",
            FaultKind::Login => "邮件服务器拒绝登录",
            FaultKind::Sender => "邮件服务器不接受发件地址",
            FaultKind::Folder => "邮件文件夹不可写",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            FaultKind::Name => "核对[mail.smtp] host的写法和本机的域名解析",
            FaultKind::Unreachable => "核对host、port和防火墙；云主机多封闭25端口，请用465或587",
            FaultKind::Silent => "端口465须设tls = \"implicit\"，587须设\"starttls\"；再查防火墙",
            FaultKind::Garbled => "核对port和tls：465用\"implicit\"，587和25用\"starttls\"",
            FaultKind::Busy => "稍后会自动再试；经常出现时减小connections",
            FaultKind::Unwelcome => "请邮件管理员放行本机的地址",
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

    /// Whether trying again soon may lock the account.
    fn is_setting(self) -> bool {
        matches!(self, FaultKind::NoTls | FaultKind::Certificate | FaultKind::NoLogin | FaultKind::Login | FaultKind::Sender)
    }

    /// The pause of all sending behind the `failures`-th fault in a row: minutes at first where time may heal it, longer at once where
    /// only a person can and providers lock accounts that keep trying.
    pub fn pause(self, failures: u32) -> Duration {
        let steps: [i64; 4] = if self.is_setting() { [10, 30, 60, 120] } else { [1, 5, 15, 30] };
        Duration::minutes(steps[(failures.max(1) as usize - 1).min(steps.len() - 1)])
    }
}

/// A fault with what the system or the server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", phase.name())]
pub struct Fault {
    pub kind: FaultKind,
    pub phase: Phase,
    pub detail: String,
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The server took the message; its reply.
    Accepted(String),
    /// The server will never take it.
    Refused(String),
    /// Try later; certainly nothing was delivered.
    Later(String),
    /// The server takes too many mails of ours amiss: all of them wait; nothing was delivered.
    Slow(String),
    /// The connection ended where the message may have been taken.
    Unknown(String),
    /// No message can go, none is to blame; this one was not delivered.
    Channel(Fault),
    /// It was not tried.
    Untried,
}

/// Words by which providers say that the rate is meant, whatever the code: QQ and Tencent "frequency limited", NetEase `HL:` `MI:` `DT:`,
/// Aliyun and Coremail "exceed", "too many".
const RATE: [&str; 11] = ["frequen", "limit", "too many", "too much", "throttl", "rate", "exceed", "hl:", "mi:", "dt:", "rp:"];
/// Words of a message that is too large.
const SIZE: [&str; 4] = ["5.3.4", "size", "too large", "too big"];
/// Words of a mailbox that is full: its owner may empty it.
const FULL: [&str; 6] = ["5.2.2", "4.2.2", "quota", "mailbox full", "is full", "storage"];

/// The meaning of an SMTP reply to a message at a phase from [`Phase::Mail`] on. Chinese providers answer rate limits with 550.
pub fn classify(phase: Phase, code: u16, text: &str) -> Attempt {
    let reply = format!("{code} {text}");
    // words, not parts of them: "corporate" speaks of no rate
    let lower = format!(" {} ", text.to_ascii_lowercase());
    let says = |words: &[&str]| {
        words.iter().any(|word| lower.match_indices(word).any(|(at, _)| !lower[..at].ends_with(|c: char| c.is_alphanumeric())))
    };
    let size = says(&SIZE) && (code == 552 || code == 523 || says(&["5.3.4"]));
    let full = !size && (code == 552 || (code == 452 || code >= 550) && says(&FULL));
    match code {
        200..=299 if phase == Phase::Dot => Attempt::Accepted(reply),
        // a command was not understood where a message was to come: the two are out of step
        500..=504 if phase == Phase::Dot => Attempt::Unknown(reply),
        500..=504 if phase > Phase::Rcpt => Attempt::Later(reply),
        454 | 526 | 530 | 534 | 535 | 538 => Attempt::Channel(Fault { kind: FaultKind::Login, phase, detail: reply }),
        500..=599 if size => Attempt::Refused(reply),
        400..=599 if full => Attempt::Later(reply),
        400..=599 if says(&RATE) => Attempt::Slow(reply),
        500..=599 if phase == Phase::Mail => Attempt::Channel(Fault { kind: FaultKind::Sender, phase, detail: reply }),
        500..=599 => Attempt::Refused(reply),
        400..=499 => Attempt::Later(reply),
        // a reply that belongs to no question: before the dot nothing was taken, behind it nobody knows
        _ if phase == Phase::Dot => Attempt::Unknown(reply),
        _ => Attempt::Later(reply),
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

/// Outcomes of one message that may be unknown before it is given up: each may have put a copy into somebody's box.
pub const UNKNOWNS_MAX: u32 = 5;

/// What becomes of a message by an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub state: DeliveryState,
    /// Until it may be tried again.
    pub pause: Duration,
    /// Whether the attempt counts as one.
    pub counts: bool,
    /// Whether the server may have got the message.
    pub unknown: bool,
    pub reply: String,
}

/// The verdict on an attempt; `attempts` and `unknowns` are those before it, the attempt itself included in `attempts`.
pub fn verdict(attempt: &Attempt, attempts: u32, unknowns: u32) -> Verdict {
    let of = |state, pause, counts, reply: &str| Verdict { state, pause, counts, unknown: false, reply: reply.to_owned() };
    let none = Duration::zero();
    match attempt {
        Attempt::Accepted(reply) => of(DeliveryState::Accepted, none, true, reply),
        Attempt::Refused(reply) => of(DeliveryState::Refused, none, true, reply),
        Attempt::Later(reply) => of(DeliveryState::Pending, backoff(attempts), true, reply),
        Attempt::Slow(reply) => of(DeliveryState::Pending, slow(attempts), true, reply),
        // time for a slow server to end what it does, before a second copy goes
        Attempt::Unknown(reply) => Verdict { unknown: true, ..unknown(unknowns + 1, Duration::minutes(15).max(backoff(attempts)), reply) },
        Attempt::Channel(fault) => of(DeliveryState::Pending, none, false, &fault.to_string()),
        Attempt::Untried => of(DeliveryState::Pending, none, false, ""),
    }
}

/// The verdict on a claim whose sender died, at the `unknowns`-th unknown outcome.
pub fn unknown(unknowns: u32, pause: Duration, reply: &str) -> Verdict {
    let state = if unknowns >= UNKNOWNS_MAX { DeliveryState::Dead } else { DeliveryState::Unknown };
    Verdict { state, pause, counts: true, unknown: true, reply: reply.to_owned() }
}

/// The pause of all sending when a provider speaks of its rate: it counts per hour.
pub fn slow(attempts: u32) -> Duration {
    Duration::minutes(15).max(backoff(attempts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_providers() {
        use Phase::{Dot, Mail, Rcpt};
        let word = |attempt: &Attempt| match attempt {
            Attempt::Accepted(_) => "accepted",
            Attempt::Refused(_) => "refused",
            Attempt::Later(_) => "later",
            Attempt::Slow(_) => "slow",
            Attempt::Unknown(_) => "unknown",
            Attempt::Channel(_) => "channel",
            Attempt::Untried => "untried",
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
    fn an_unknown_outcome_is_repeated_a_few_times_only() {
        let after = |unknowns| verdict(&Attempt::Unknown("cut".into()), unknowns + 1, unknowns);
        for unknowns in 0..UNKNOWNS_MAX - 1 {
            assert_eq!(after(unknowns).state, DeliveryState::Unknown);
            assert!(after(unknowns).pause >= Duration::minutes(15));
        }
        assert_eq!(after(UNKNOWNS_MAX - 1).state, DeliveryState::Dead);
    }

    #[test]
    fn a_fault_of_the_channel_is_no_attempt_of_a_message() {
        let fault = Fault { kind: FaultKind::Login, phase: Phase::Login, detail: "535 no".into() };
        let verdict = verdict(&Attempt::Channel(fault), 40, 0);
        assert_eq!((verdict.state, verdict.counts, verdict.reply.as_str()), (DeliveryState::Pending, false, "AUTH: 535 no"));
        assert!(FaultKind::Login.pause(1) > FaultKind::Unreachable.pause(1));
        assert_eq!(FaultKind::Login.pause(9), Duration::hours(2));
    }
}
