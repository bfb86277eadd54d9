//! Where a light is decided: what one rule finds in one record on one day.
//!
//! The order of questions is fixed: `until` happened (met) → `from` later than `as_of` (not yet) → a needed cell empty (unjudged) →
//! judged. The measure (days overdue, points behind plan, or 1) picks the step of the rule's ladder, and the step names the light.

use crate::domain::judging::finding::Lag;
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::{Decimal, Record};
use crate::domain::rules::condition::{Holds, happened};
use crate::domain::rules::context::Context;
use crate::domain::rules::rule::{Began, Rule, RuleKind, Step};
use chrono::NaiveDate;

/// The result of one deadline, lag or missing rule for one record in its scope.
pub(crate) enum Verdict<'a> {
    Met,
    NotYet,
    Unjudged(Vec<usize>),
    /// Judged and fine; the due date where there is one.
    Fine(Option<NaiveDate>),
    Found {
        step: &'a Step,
        due_on: Option<NaiveDate>,
        overdue_days: Option<i64>,
        lag: Option<Lag>,
        missing: Vec<usize>,
    },
}

/// Judges one record by one rule whose scope it is in. `calendar` is that of the owner's prefecture.
pub(crate) fn verdict<'a>(context: &Context<'_>, ledger: &Ledger, record: &Record, rule: &'a Rule, calendar: Local<'_>) -> Verdict<'a> {
    let as_of = context.as_of;
    match &rule.kind {
        RuleKind::Deadline { from, within, agreed, until, roll } => {
            if until.iter().any(|until| !happened(ledger, record, *until, as_of).is_empty()) {
                return Verdict::Met;
            }
            let due_on = match agreed.iter().find_map(|field| record.cell(*field).date()) {
                Some(due_on) => due_on,
                None => match (from.began(record, as_of), within) {
                    (Began::Unknown(field), _) => return Verdict::Unjudged(field.or(agreed.last().copied()).into_iter().collect()),
                    (Began::NotYet, Some(_)) => return Verdict::NotYet,
                    (Began::On(field, began), Some(within)) => match calendar.due(began, *within, *roll) {
                        Some(due_on) => due_on,
                        // no calendar has the day on which the span would end
                        None => return Verdict::Unjudged(vec![field]),
                    },
                    (Began::NotYet | Began::On(..), None) => return Verdict::Unjudged(from.fields().last().copied().into_iter().collect()),
                },
            };
            if as_of <= due_on {
                return Verdict::Fine(Some(due_on));
            }
            let overdue_days = (as_of - due_on).num_days();
            match rule.step(i128::from(overdue_days), 1) {
                Some(step) => {
                    Verdict::Found { step, due_on: Some(due_on), overdue_days: Some(overdue_days), lag: None, missing: Vec::new() }
                }
                None => Verdict::Fine(None),
            }
        }
        RuleKind::Lag { from, to, actual, planned } => {
            let Some(began) = record.cell(*from).date() else { return Verdict::Unjudged(vec![*from]) };
            if began > as_of {
                return Verdict::NotYet;
            }
            let own_plan = planned.and_then(|field| record.cell(field).decimal());
            let ends = record.cell(*to).date();
            let done = record.cell(*actual).decimal();
            let mut missing = Vec::new();
            if ends.is_none() && own_plan.is_none() {
                missing.push(*to);
            }
            if done.is_none() {
                missing.push(*actual);
            }
            let Some(done) = done.filter(|_| missing.is_empty()) else { return Verdict::Unjudged(missing) };
            let lag = behind(began, ends, own_plan, done, as_of);
            match rule.step(lag.numerator, lag.denominator) {
                Some(step) => Verdict::Found { step, due_on: None, overdue_days: None, lag: Some(lag), missing: Vec::new() },
                None => Verdict::Fine(None),
            }
        }
        RuleKind::Missing { must } => {
            let mut missing: Vec<usize> = Vec::new();
            for condition in must {
                if condition.holds(ledger, record, &context.policy.units, as_of) != Holds::Yes {
                    missing.extend(condition.fields(ledger).iter());
                }
            }
            if missing.is_empty() {
                return Verdict::Met;
            }
            match rule.step(1, 1) {
                Some(step) => Verdict::Found { step, due_on: None, overdue_days: None, lag: None, missing },
                None => Verdict::Fine(None),
            }
        }
        // periodic rules are judged per unit, see `Judged::periodic`
        RuleKind::Periodic { .. } => Verdict::Fine(None),
    }
}

/// Planned minus actual progress, in percentage points. The plan is the register's own where there is one; else it rises evenly from 0 on
/// the start day to 100 on the planned production day and stays 100.
pub(crate) fn behind(began: NaiveDate, ends: Option<NaiveDate>, own_plan: Option<Decimal>, done: Decimal, as_of: NaiveDate) -> Lag {
    let scale = 10i128.pow(u32::from(done.scale));
    let (planned, denominator) = match (own_plan, ends) {
        (Some(plan), _) => (i128::from(plan.mantissa), 10i128.pow(u32::from(plan.scale))),
        (None, Some(ends)) if as_of < ends => (100 * i128::from((as_of - began).num_days()), i128::from((ends - began).num_days())),
        (None, _) => (100, 1),
    };
    Lag { numerator: planned * scale - i128::from(done.mantissa) * denominator, denominator: denominator * scale }
}
