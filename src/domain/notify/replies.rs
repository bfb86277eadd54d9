//! What a reply of a mail server to a message means, as tables of the words that servers use. Servers mostly name what they have against the
//! sender at RCPT only (`smtpd_delay_reject` of Postfix), so that a refusal there need not be about the unit.

use crate::domain::notify::channel::{Fault, FaultKind, Phase};
use crate::domain::notify::delivery::Attempt;

/// Words of a refusal that is about us, whichever message it answers, in small letters. They come from Postfix, Exim, Sendmail, Exchange,
/// Coremail and the providers of mailboxes.
const ABOUT_US: [(FaultKind, &[&str]); 5] = [
    (
        FaultKind::HelloName,
        &[
            "helo command rejected",
            "ehlo command rejected",
            "helo/ehlo",
            "fully-qualified hostname",
            "invalid helo",
            "invalid ehlo",
            "bad helo",
            "helo name",
            "ehlo name",
        ],
    ),
    (
        FaultKind::Login,
        &[
            "not logged in",
            "authentication required",
            "authentication is required",
            "must authenticate",
            "must log in",
            "auth first",
            "需要验证",
            "请先登录",
        ],
    ),
    (
        FaultKind::Sender,
        &[
            "sender address rejected",
            "not owned by user",
            "sender rejected",
            "sender denied",
            "sender verify failed",
            "sender domain",
            "mail from must",
            "mail from address must",
            "not allowed to send as",
            "not authorized to send",
            "sendasdenied",
            "spf",
            "dkim",
            "dmarc",
            "5.7.20",
            "5.7.21",
            "5.7.22",
            "5.7.23",
            "5.7.24",
            "5.7.26",
            "发件人地址",
        ],
    ),
    (
        FaultKind::Relay,
        &[
            "relay access denied",
            "relaying denied",
            "relaying not",
            "relay not permitted",
            "relay denied",
            "unable to relay",
            "not permitted to relay",
            "cannot relay",
            "we do not relay",
            "no relaying",
            "not allowed to relay",
        ],
    ),
    (
        FaultKind::Listed,
        &[
            "client host",
            "blocked using",
            "block list",
            "blocklist",
            "blacklist",
            "black list",
            "dnsbl",
            "rbl",
            "spamhaus",
            "barracuda",
            "poor reputation",
            "sending ip",
            "your ip",
            "reverse dns",
            "ptr record",
            "5.7.25",
            "黑名单",
        ],
    ),
];

/// Words that name the recipient: a refusal with them is his, whatever else it mentions.
const ABOUT_HIM: [&str; 12] = [
    "recipient address rejected",
    "user unknown",
    "no such user",
    "user not found",
    "unknown user",
    "mailbox unavailable",
    "mailbox not found",
    "does not exist",
    "5.1.1",
    "5.1.2",
    "5.1.3",
    "invalid recipient",
];

/// What a refusal has against us; `None` = it is about the message or its recipient. `lower` has a space at both ends.
fn about_us(lower: &str, phase: Phase) -> Option<FaultKind> {
    // the words about a content may speak of anything
    if phase > Phase::Data && !has_words(lower, &["spf", "dkim", "dmarc", "5.7.26", "client host", "blocked using"])
        || has_words(lower, &ABOUT_HIM)
    {
        return None;
    }
    ABOUT_US.iter().find(|(_, words)| has_words(lower, words)).map(|(kind, _)| *kind)
}

/// Whether a text has one of the words, which no letter or digit precedes: "corporate" contains "rate".
fn has_words(lower: &str, words: &[&str]) -> bool {
    words.iter().any(|word| lower.match_indices(word).any(|(at, _)| !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric())))
}

/// Whether a refusal names our own address and not the recipient's.
pub fn names_sender(reply: &str, from: &str, to: &str) -> bool {
    let lower = reply.to_ascii_lowercase();
    let names = |address: &str| lower.contains(&address.to_ascii_lowercase());
    names(from) && !names(to)
}

/// A refusal without what differs from recipient to recipient, by which it is compared with others; `None` = it is about its recipient.
pub fn compared_refusal(reply: &str, to: &str) -> Option<String> {
    let lower = format!(" {} ", reply.to_ascii_lowercase());
    let local = to.split('@').next().unwrap_or(to).to_ascii_lowercase();
    // addresses, numbers of messages, times
    let differs = |word: &&str| word.contains(|c: char| c == '@' || c.is_ascii_digit()) || word.contains(&local);
    (!has_words(&lower, &ABOUT_HIM)).then(|| lower.split_whitespace().filter(|word| !differs(word)).collect::<Vec<_>>().join(" "))
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
    let lower = format!(" {} ", text.to_ascii_lowercase());
    let mentions = |words: &[&str]| has_words(&lower, words);
    let size = mentions(&SIZE) && (code == 552 || code == 523 || mentions(&["5.3.4"]));
    let full = !size && (code == 552 || (code == 452 || code >= 550) && mentions(&FULL));
    if let (400..=599, Some(kind)) = (code, about_us(&lower, phase))
        && !(size || full || mentions(&RATE))
    {
        return Attempt::Channel(Fault { kind, phase, detail: reply });
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
            (Rcpt, 504, "5.5.2 <vm>: Helo command rejected: need fully-qualified hostname", "channel"),
            (Rcpt, 450, "4.7.1 <vm>: Helo command rejected: Host not found", "channel"),
            (Rcpt, 553, "5.7.1 <duban@gz.test>: Sender address rejected: not owned by user duban", "channel"),
            (Rcpt, 554, "5.7.1 <x@gz.test>: Relay access denied", "channel"),
            (Rcpt, 550, "5.7.1 Unable to relay", "channel"),
            (Rcpt, 554, "5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org", "channel"),
            (Phase::Data, 554, "5.7.1 Service unavailable; Client host [192.0.2.9] blocked", "channel"),
            (Dot, 550, "5.7.26 This mail is unauthenticated: DMARC policy", "channel"),
            (Dot, 550, "5.7.23 SPF validation failed", "channel"),
            (Rcpt, 553, "sorry, your ip is on the black list", "channel"),
            (Rcpt, 550, "5.7.1 Client not logged in", "channel"),
            (Rcpt, 550, "5.1.1 <a@x.cn>: Recipient address rejected: User unknown in relay recipient table", "refused"),
            (Rcpt, 550, "5.1.1 sorry, no such user, see the blacklist", "refused"),
            (Dot, 554, "spam message, the sender domain is mentioned in it", "refused"),
        ] {
            let attempt = classify(phase, code, text);
            assert_eq!(word(&attempt), expect, "{code} {text}");
        }
    }

    #[test]
    fn a_refusal_is_compared_without_its_recipient() {
        let one = compared_refusal("550 5.7.1 <wa@x.cn>: wa rejected by policy (id 4ab7)", "wa@x.cn");
        assert_eq!(one.as_deref(), Some("rejected by policy (id"));
        assert_eq!(one, compared_refusal("550 5.7.1 <fq@x.cn>: fq rejected by policy (id 99c)", "fq@x.cn"));
        assert_eq!(compared_refusal("550 5.1.1 no such user", "a@x.cn"), None);
        assert!(names_sender("553 5.7.1 <Duban@gz.test> no", "duban@gz.test", "a@x.cn"));
        assert!(!names_sender("550 no", "duban@gz.test", "a@x.cn") && !names_sender("550 <a@x.cn>", "a@x.cn", "a@x.cn"));
    }
}
