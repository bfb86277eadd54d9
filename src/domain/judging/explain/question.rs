//! The question an explanation answers: one rule, one record, on `as_of` and on the days around it. The verdict is that of a run
//! ([`crate::domain::judging::verdict`]); nothing is judged here.

use crate::domain::judging::verdict::{Verdict, verdict};
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Record;
use crate::domain::rules::compiled::in_scope;
use crate::domain::rules::condition::Holds;
use crate::domain::rules::context::Context;
use crate::domain::rules::rule::{Act, Began, Rule, RuleKind, Step};
use chrono::{Days, NaiveDate};
use serde::Serialize;

/// The outcome of a rule for a record on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Found,
    /// Judged: the rule is not broken.
    Fine,
    /// What the rule requires has happened.
    Met,
    /// The start date is later than `as_of`.
    NotYet,
    /// A cell it needs is empty.
    Unjudged,
    OutOfScope,
    /// The source lacks a column that the rule needs.
    Off,
    /// The record is not in the register in force.
    Gone,
}

/// The next change that the passing of days alone will bring, if no cell changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    pub on: NaiveDate,
    pub days: i64,
    pub outcome: Outcome,
    pub light: Option<&'static str>,
    pub act: Option<&'static str>,
    pub words: String,
}

/// How many days ahead and back are searched for a change.
pub(crate) const DAYS_MAX: u64 = 3660;

/// The outcome on one day, as compared between days.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct DayState {
    pub(crate) outcome: Outcome,
    /// Index of the step.
    pub(crate) step: Option<usize>,
    /// Whether the notice period before the due date has begun.
    noticed: bool,
}

/// One rule and one record, with the context of judging.
pub(crate) struct Question<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) ledger: &'a Ledger,
    pub(crate) record: &'a Record,
    pub(crate) rule: &'a Rule,
    pub(crate) calendar: Local<'a>,
}

impl<'a> Question<'a> {
    pub(crate) fn title(&self, field: usize) -> &'a str {
        &self.ledger.fields[field].title
    }

    pub(crate) fn verdict(&self, as_of: NaiveDate) -> Verdict<'a> {
        verdict(&self.context.on(as_of), self.ledger, self.record, self.rule, self.calendar)
    }

    pub(crate) fn state_on(&self, as_of: NaiveDate) -> DayState {
        let of = |outcome| DayState { outcome, step: None, noticed: false };
        if self.rule.missing_column(self.record.columns).is_some() {
            return of(Outcome::Off);
        }
        let scope = self.rule.scope.iter();
        if in_scope(scope.map(|condition| condition.holds(self.ledger, self.record, &self.context.policy.units, as_of))) != Holds::Yes {
            return of(Outcome::OutOfScope);
        }
        match self.verdict(as_of) {
            Verdict::Met => of(Outcome::Met),
            Verdict::NotYet => of(Outcome::NotYet),
            Verdict::Unjudged(_) => of(Outcome::Unjudged),
            Verdict::Fine(due_on) => DayState {
                noticed: self.rule.notice_days > 0
                    && due_on.is_some_and(|due_on| (due_on - as_of).num_days() <= i64::from(self.rule.notice_days)),
                ..of(Outcome::Fine)
            },
            Verdict::Found { step, .. } => {
                DayState { step: self.rule.ladder.iter().position(|known| std::ptr::eq(known, step)), ..of(Outcome::Found) }
            }
        }
    }

    /// The due date by the cells, even if the outcome no longer depends on it.
    pub(crate) fn due_on(&self) -> Option<NaiveDate> {
        let RuleKind::Deadline { from, within, agreed, roll, .. } = &self.rule.kind else { return None };
        if let Some(due_on) = agreed.iter().find_map(|field| self.record.cell(*field).date()) {
            return Some(due_on);
        }
        let Began::On(_, began) = from.began(self.record, self.context.as_of) else { return None };
        within.and_then(|within| self.calendar.due(began, within, *roll))
    }

    /// The first day of the present outcome and light without interruption. `None`: no finding, or longer than [`DAYS_MAX`].
    pub(crate) fn since(&self, now: DayState) -> Option<NaiveDate> {
        if now.outcome != Outcome::Found {
            return None;
        }
        let mut first = self.context.as_of;
        for _ in 0..DAYS_MAX {
            let Some(before) = first.pred_opt() else { break };
            if self.state_on(before) != now {
                return Some(first);
            }
            first = before;
        }
        None
    }

    /// The next change without any change of cells, within [`DAYS_MAX`].
    pub(crate) fn next(&self, now: DayState) -> Option<Next> {
        let as_of = self.context.as_of;
        let (on, then) = (1..=DAYS_MAX).map_while(|days| as_of.checked_add_days(Days::new(days))).find_map(|day| {
            let then = self.state_on(day);
            (then != now).then_some((day, then))
        })?;
        let days = (on - as_of).num_days();
        let step: Option<&Step> = then.step.map(|step| &self.rule.ladder[step]);
        let when = format!("再过{days}天");
        let words = match (then.outcome, step) {
            (Outcome::Found, Some(step)) => {
                let verb = if now.outcome == Outcome::Found { "转为" } else { "亮" };
                format!("{when}{verb}{}灯，{}（{on}）", step.light.word(), act_words(step.act))
            }
            (Outcome::Fine, _) if then.noticed && !now.noticed => format!("{when}进入到期前提醒（{on}），只告知责任单位，不亮灯"),
            (Outcome::Fine, _) => format!("{when}不再亮灯（{on}）"),
            (Outcome::Met, _) => format!("台账已填的完成日期为{on}，到那天即为完成（再过{days}天）"),
            (Outcome::OutOfScope, _) => format!("{when}不再适用此规则（{on}），因台账已填有那天的日期"),
            (Outcome::Unjudged, _) => format!("{when}起无法判定（{on}）"),
            (Outcome::NotYet, _) => format!("{when}起尚未起算（{on}）"),
            _ => return None,
        };
        Some(Next {
            on,
            days,
            outcome: then.outcome,
            light: step.map(|step| step.light.code()),
            act: step.map(|step| step.act.code()),
            words,
        })
    }
}

/// The title of an act. From 督办 on it adds that a person has to release it.
pub(crate) fn act_words(act: Act) -> String {
    if act > Act::Urge { format!("{}（拟办，由人签发）", act.title()) } else { act.title().to_owned() }
}
