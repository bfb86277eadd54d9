//! The life of one delivery (发送): what a server's answer means, when to try again.

use chrono::Duration;

/// Where a message stands. `Unknown` = a claim without a settled reply: it may have arrived; the same bytes go again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    Pending,
    Sending,
    Accepted,
    Refused,
    Unknown,
    Held,
}

impl DeliveryState {
    pub const NAMES: [(&'static str, DeliveryState); 6] = [
        ("pending", DeliveryState::Pending),
        ("sending", DeliveryState::Sending),
        ("accepted", DeliveryState::Accepted),
        ("refused", DeliveryState::Refused),
        ("unknown", DeliveryState::Unknown),
        ("held", DeliveryState::Held),
    ];

    pub fn code(self) -> &'static str {
        DeliveryState::NAMES[self as usize].0
    }

    pub fn parse(code: &str) -> Option<DeliveryState> {
        DeliveryState::NAMES.iter().find(|(name, _)| *name == code).map(|(_, state)| *state)
    }
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The server took the message; its reply.
    Accepted(String),
    /// The server will never take it.
    Refused(String),
    /// Try later; nothing was delivered.
    Later(String),
    /// The connection ended where the message may have been taken.
    Unknown(String),
    /// The set-up is wrong (login, TLS): no message can go, none is to blame.
    Channel(String),
}

/// The meaning of an SMTP reply. Chinese providers answer rate limits with 550 (QQ: "frequency limited"; NetEase: HL:, MI:, DT:).
pub fn classify(code: u16, text: &str) -> Attempt {
    let reply = format!("{code} {text}");
    let lower = text.to_ascii_lowercase();
    let limited = ["frequen", "limit", "too many", "hl:", "mi:", "dt:"].iter().any(|word| lower.contains(word));
    match code {
        200..=299 => Attempt::Accepted(reply),
        454 | 530 | 534 | 535 | 538 => Attempt::Channel(reply),
        500..=599 if !limited => Attempt::Refused(reply),
        _ => Attempt::Later(reply),
    }
}

/// The pause before attempt `attempts + 1`: 1, 5, 15, 60 minutes, then doubling to 4 hours.
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

/// Attempts after which a message is given up as refused (about five days).
pub const ATTEMPTS_MAX: u32 = 34;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_is_not_a_refusal() {
        assert!(matches!(classify(550, "Domain frequency limited"), Attempt::Later(_)));
        assert!(matches!(classify(550, "no such user"), Attempt::Refused(_)));
        assert!(matches!(classify(535, "authentication failed"), Attempt::Channel(_)));
        assert!(matches!(classify(421, "try later"), Attempt::Later(_)));
        assert!(matches!(classify(250, "ok"), Attempt::Accepted(_)));
    }
}
