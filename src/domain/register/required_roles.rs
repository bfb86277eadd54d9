//! Which roles the fields of a ledger must fill, by the purpose of the ledger.

use crate::domain::register::ledger::{Purpose, Role};

/// Whether an office may leave a required role out of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Never: the code cannot do without it.
    Never,
    /// Where the ledger file states it.
    Stated,
    /// Where the ledger file also gives the reason: without the role, secrecy would be switched off in silence.
    WithReason,
}

/// Roles of every ledger.
const EVERY: [(Role, LeftOut); 3] = [(Role::Code, LeftOut::Never), (Role::Name, LeftOut::Never), (Role::Restricted, LeftOut::WithReason)];

/// The required roles of one purpose beside [`EVERY`].
struct Required {
    purpose: Purpose,
    never: &'static [Role],
    stated: &'static [Role],
}

const REQUIRED: [Required; Purpose::NAMES.len()] = [
    Required {
        purpose: Purpose::Project,
        never: &[
            Role::Place,
            Role::Industry,
            Role::Event,
            Role::Amount,
            Role::Agreement,
            Role::Stage,
            Role::Terminated,
            Role::Signed,
            Role::Started,
            Role::Produced,
        ],
        stated: &[],
    },
    Required {
        purpose: Purpose::Order,
        never: &[Role::Project, Role::Dispatched, Role::Received, Role::Completed],
        stated: &[Role::Holder, Role::Due, Role::FedBack],
    },
    Required { purpose: Purpose::Difficulty, never: &[Role::Project, Role::Answered, Role::Solved], stated: &[Role::Category] },
    Required { purpose: Purpose::Decision, never: &[Role::Completed], stated: &[Role::Assigned, Role::Holder, Role::Due] },
    Required { purpose: Purpose::Contact, never: &[], stated: &[Role::Holder] },
    Required { purpose: Purpose::Evaluation, never: &[Role::Project], stated: &[Role::Holder] },
    Required { purpose: Purpose::Session, never: &[Role::SessionKind, Role::Held], stated: &[Role::Holder] },
    Required {
        purpose: Purpose::Exemption,
        never: &[Role::ExemptRule, Role::ExemptKey, Role::Granted, Role::Expires],
        stated: &[Role::ExemptionKind, Role::Holder],
    },
    Required { purpose: Purpose::Directory, never: &[Role::Holder], stated: &[Role::Mailbox, Role::Phone] },
    Required { purpose: Purpose::Other, never: &[], stated: &[] },
];

/// The required roles of a purpose, and whether each may be left out.
pub fn required_roles(purpose: Purpose) -> impl Iterator<Item = (Role, LeftOut)> {
    let own = REQUIRED.iter().filter(move |required| required.purpose == purpose).flat_map(|required| {
        let groups = [(required.never, LeftOut::Never), (required.stated, LeftOut::Stated)];
        groups.into_iter().flat_map(|(roles, left_out)| roles.iter().map(move |role| (*role, left_out)))
    });
    EVERY.into_iter().chain(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_one_entry() {
        for (name, purpose) in Purpose::NAMES {
            assert_eq!(REQUIRED.iter().filter(|required| required.purpose == purpose).count(), 1, "{name}");
        }
    }
}
