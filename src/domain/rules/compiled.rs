//! The rules of one ledger, compiled for judging many records: rules share most of their conditions, so each distinct condition is evaluated
//! once per record.

use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Record;
use crate::domain::rules::condition::{Condition, Holds};
use crate::domain::rules::context::Context;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::RuleKind;

/// The rules of one ledger that judge single records.
#[derive(Debug, Default)]
pub(crate) struct LedgerRules {
    pub(crate) rules: Vec<CompiledRule>,
    /// The distinct conditions of all scopes.
    conditions: Vec<Condition>,
}

/// One rule of [`LedgerRules`].
#[derive(Debug)]
pub(crate) struct CompiledRule {
    /// Index into the policy's rules.
    pub(crate) rule: usize,
    /// Its scope, as indices into the conditions of [`LedgerRules`].
    scope: Vec<usize>,
    /// That of records with events of ours, where it is another.
    handled_scope: Option<Vec<usize>>,
}

impl LedgerRules {
    /// Compiles the rules of a ledger (index); periodic rules are left out.
    pub(crate) fn of(policy: &Policy, ledger: usize) -> LedgerRules {
        let mut ledger_rules = LedgerRules::default();
        let single = |kind: &RuleKind| !matches!(kind, RuleKind::Periodic { .. });
        for (index, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.ledger == ledger && single(&rule.kind)) {
            let scope = rule.scope.iter().map(|condition| ledger_rules.index_of(condition)).collect();
            let handled = rule.handled.as_ref().map(|handled| &handled.scope);
            let handled_scope = handled.map(|scope| scope.iter().map(|condition| ledger_rules.index_of(condition)).collect());
            ledger_rules.rules.push(CompiledRule { rule: index, scope, handled_scope });
        }
        ledger_rules
    }

    /// The index of a condition, which is added if it is new.
    fn index_of(&mut self, condition: &Condition) -> usize {
        self.conditions.iter().position(|known| known == condition).unwrap_or_else(|| {
            self.conditions.push(condition.clone());
            self.conditions.len() - 1
        })
    }

    /// As [`in_scope`], for one rule and record. `answers` caches the record's answers to the conditions; it must be empty before the
    /// first rule of a record.
    pub(crate) fn in_scope(
        &self,
        rule: &CompiledRule,
        answers: &mut Vec<Option<Holds>>,
        context: &Context<'_>,
        ledger: &Ledger,
        record: &Record,
    ) -> Holds {
        if answers.is_empty() {
            answers.resize(self.conditions.len(), None);
        }
        let scope = rule.handled_scope.as_ref().filter(|_| record.has_events).unwrap_or(&rule.scope);
        in_scope(scope.iter().map(|index| {
            *answers[*index].get_or_insert_with(|| self.conditions[*index].holds(ledger, record, &context.policy.units, context.as_of))
        }))
    }
}

/// Whether a record with these answers to the conditions of a scope is in it; the first answer other than yes decides.
pub(crate) fn in_scope(mut scope: impl Iterator<Item = Holds>) -> Holds {
    scope.find(|holds| *holds != Holds::Yes).unwrap_or(Holds::Yes)
}
