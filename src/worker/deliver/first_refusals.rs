//! The first recipients of a process: where all of them are refused with one text that speaks of none of them, it is us whom the server refuses.

use crate::domain::notify::channel::{Fault, FaultKind, Phase};
use crate::domain::notify::delivery::Attempt;
use crate::domain::notify::replies::compared_refusal;
use crate::store::sending::Claimed;

/// So many recipients are refused before it counts as a fault of the channel.
const RECIPIENTS: usize = 3;

/// What came of the messages of a process until the first was accepted.
#[derive(Debug, Default)]
pub(crate) struct FirstRefusals {
    is_accepted: bool,
    /// The text of the last refusals, without what differs.
    text: String,
    /// The messages that were refused with it, each with its address.
    refused: Vec<(String, String)>,
}

impl FirstRefusals {
    /// The outcomes as they are to be recorded, and the messages whose refusal is to be taken back.
    pub(crate) fn look(&mut self, claimed: &[Claimed], ended: Vec<(usize, Attempt)>) -> (Vec<(usize, Attempt)>, Vec<String>) {
        let mut taken_back = Vec::new();
        let looked = ended.into_iter().map(|(index, attempt)| {
            let attempt = match attempt {
                Attempt::Refused(reply) if !self.is_accepted => self.refusal(&claimed[index], reply, &mut taken_back),
                attempt => attempt,
            };
            self.is_accepted |= matches!(attempt, Attempt::Accepted(_));
            (index, attempt)
        });
        let mut looked: Vec<(usize, Attempt)> = looked.collect();
        // those of this group are not recorded yet
        for (index, attempt) in &mut looked {
            if let Some(at) = taken_back.iter().position(|id| *id == claimed[*index].id)
                && let Attempt::Refused(detail) = attempt
            {
                *attempt = Attempt::Channel(everybody(std::mem::take(detail)));
                taken_back.swap_remove(at);
            }
        }
        (looked, taken_back)
    }

    fn refusal(&mut self, message: &Claimed, reply: String, taken_back: &mut Vec<String>) -> Attempt {
        let Some(text) = compared_refusal(&reply, &message.address) else { return Attempt::Refused(reply) };
        if text != self.text {
            self.text = text;
            self.refused.clear();
        }
        let is_known = self.refused.iter().any(|(_, address)| *address == message.address);
        if !is_known && self.refused.len() < RECIPIENTS {
            self.refused.push((message.id.clone(), message.address.clone()));
        }
        if self.refused.len() < RECIPIENTS {
            return Attempt::Refused(reply);
        }
        taken_back.extend(self.refused.iter_mut().map(|(id, _)| std::mem::take(id)).filter(|id| !id.is_empty() && *id != message.id));
        Attempt::Channel(everybody(reply))
    }
}

fn everybody(detail: String) -> Fault {
    Fault { kind: FaultKind::Everybody, phase: Phase::Rcpt, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Claimed {
        Claimed { id: id.into(), address: format!("{id}@x.cn"), ..Claimed::default() }
    }

    #[test]
    fn one_reason_for_the_first_recipients_is_a_fault_of_the_channel() {
        let claimed: Vec<Claimed> = (0..8).map(|number| message(&format!("unit{number}"))).collect();
        let outcome = |first: &mut FirstRefusals, index: usize, attempt: Attempt| {
            let (ended, taken_back) = first.look(&claimed, vec![(index, attempt)]);
            let word = match &ended[0].1 {
                Attempt::Refused(_) => "refused",
                Attempt::Channel(Fault { kind: FaultKind::Everybody, .. }) => "channel",
                _ => "other",
            };
            (word, taken_back.join(" "))
        };
        let refused = |index: usize| Attempt::Refused(format!("554 5.7.1 <unit{index}@x.cn>: rejected"));
        let mut first = FirstRefusals::default();
        let seen: Vec<_> = (0..5).map(|index| outcome(&mut first, index, refused(index))).collect();
        let none = String::new;
        assert_eq!(
            seen,
            [("refused", none()), ("refused", none()), ("channel", "unit0 unit1".into()), ("channel", none()), ("channel", none())]
        );
        // in one group, none of them is recorded as refused
        let group = (0..5).map(|index| (index, refused(index))).collect();
        let (ended, taken_back) = FirstRefusals::default().look(&claimed, group);
        assert!(ended.iter().all(|(_, attempt)| matches!(attempt, Attempt::Channel(_))) && taken_back.is_empty(), "{ended:?}");
        // a reason of the recipients, several reasons, and a server that has accepted a message
        let mut first = FirstRefusals::default();
        for index in 0..5 {
            let unknown = Attempt::Refused("550 5.1.1 user unknown".into());
            assert_eq!(outcome(&mut first, index, unknown), ("refused", none()));
            let own = Attempt::Refused(format!("554 {}", ["one", "two", "three", "four", "five"][index]));
            assert_eq!(outcome(&mut first, index, own), ("refused", none()));
        }
        outcome(&mut first, 0, Attempt::Accepted("250".into()));
        assert!((0..5).all(|index| outcome(&mut first, index, refused(index)) == ("refused", none())));
    }
}
