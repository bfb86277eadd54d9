//! The rules of one ledger as they are asked of each of its records: rules share most of their conditions, and a record answers each
//! condition once.

use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Record;
use crate::domain::rules::context::Context;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Condition, Holds, RuleKind};

/// The rules of one ledger that judge single records.
#[derive(Debug, Default)]
pub(crate) struct Docket {
    pub(crate) rules: Vec<Listed>,
    /// Every condition of their scopes, once.
    conditions: Vec<Condition>,
}

/// One rule on a docket.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Index into the policy's rules.
    pub(crate) rule: usize,
    /// Its scope, as numbers of the docket's conditions.
    scope: Vec<usize>,
}

impl Docket {
    pub(crate) fn of(policy: &Policy, ledger: usize) -> Docket {
        let mut docket = Docket::default();
        let single = |kind: &RuleKind| !matches!(kind, RuleKind::Periodic { .. });
        for (index, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.ledger == ledger && single(&rule.kind)) {
            let scope = rule.scope.iter().map(|condition| docket.number(condition)).collect();
            docket.rules.push(Listed { rule: index, scope });
        }
        docket
    }

    fn number(&mut self, condition: &Condition) -> usize {
        self.conditions.iter().position(|known| known == condition).unwrap_or_else(|| {
            self.conditions.push(condition.clone());
            self.conditions.len() - 1
        })
    }

    /// As [`outside`], for a record whose `answers` so far are kept from rule to rule; they start empty.
    pub(crate) fn outside(
        &self,
        listed: &Listed,
        answers: &mut Vec<Option<Holds>>,
        context: &Context<'_>,
        ledger: &Ledger,
        record: &Record,
    ) -> Option<Option<usize>> {
        if answers.is_empty() {
            answers.resize(self.conditions.len(), None);
        }
        outside(listed.scope.iter().map(|number| {
            *answers[*number].get_or_insert_with(|| self.conditions[*number].holds(ledger, record, &context.policy.units, context.as_of))
        }))
    }
}

/// `Some` when a record that answers a rule's conditions so is outside its scope, with the blank cell that put it there, if any.
pub(crate) fn outside(scope: impl Iterator<Item = Holds>) -> Option<Option<usize>> {
    for holds in scope {
        match holds {
            Holds::Yes => {}
            Holds::No => return Some(None),
            Holds::Blank(field) => return Some(Some(field)),
        }
    }
    None
}
