//! The way to the mail server: the steps of a session, and what prevents every message from being sent, whichever it is.

use chrono::Duration;

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
    /// The name by which this machine greets is refused.
    HelloName,
    /// The sender address is refused.
    Sender,
    /// The server passes nothing on for this machine.
    Relay,
    /// The address of this machine is refused, mostly because a block list has it.
    Listed,
    /// The first recipients are all refused, with one reason that speaks of none of them.
    Everybody,
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
            FaultKind::HelloName => "邮件服务器不接受本机的名称（EHLO）",
            FaultKind::Sender => "邮件服务器不接受发件地址",
            FaultKind::Relay => "邮件服务器不为本机转发",
            FaultKind::Listed => "邮件服务器拒绝本机的地址",
            FaultKind::Everybody => "邮件服务器以同一理由拒绝了所有收件人",
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
            FaultKind::HelloName => "在[mail.smtp]写hello = \"本机的完整域名\"，如duban.tz.example.gov.cn",
            FaultKind::Sender => "[mail] from须是user本人的地址或其获准的代发地址；答复提到SPF、DKIM、DMARC的，请发信域名的管理员核对设置",
            FaultKind::Relay => "核对[mail.smtp]的user、password_file和port（587或465须登录）；不登录的，请邮件管理员允许本机的地址转发",
            FaultKind::Listed => "请邮件管理员放行本机的地址，或改经本单位的邮件服务器发送",
            FaultKind::Everybody => "请邮件管理员按上面的答复处理；确属邮箱有误的，改正config/units.toml",
            FaultKind::Folder => "核对var/outbox的权限和磁盘空间",
        }
    }

    /// Whether only a person can mend it, in the settings; frequent attempts may lock the account.
    fn needs_person(self) -> bool {
        use FaultKind::{Certificate, Everybody, HelloName, Listed, Login, NoLogin, NoTls, Relay, Sender};
        matches!(self, NoTls | Certificate | NoLogin | Login | HelloName | Sender | Relay | Listed | Everybody)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_person_can_mend_is_tried_seldom() {
        assert!(FaultKind::Login.pause(1) > FaultKind::Unreachable.pause(1));
        assert_eq!(FaultKind::Login.pause(9), Duration::hours(2));
        assert_eq!(FaultKind::Relay.pause(1), Duration::minutes(10));
    }
}
