//! The states of one delivery (发送): which one follows an attempt, and when the next attempt is due.

use crate::domain::notify::channel::Fault;
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
    use crate::domain::notify::channel::{FaultKind, Phase};

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
    }
}
