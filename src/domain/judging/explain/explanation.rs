//! Why a record has a finding of a rule, or has none: the cells used, the calculation, the step of the ladder, the recipients, and what
//! comes next.
//!
//! Invariant: nothing is judged here. [`crate::domain::judging::judge`] is called for this day and the days around it, and its results are
//! put into words.

use crate::domain::audience::masked;
use crate::domain::judging::explain::cells::CellUse;
use crate::domain::judging::explain::question::{Next, Outcome, Question, act_words};
use crate::domain::judging::explain::recipients::{Recipient, cause_from, recipient};
use crate::domain::judging::explain::reckoning::{reckoning, tenths};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::judge::handled;
use crate::domain::life::rule_owner::responsibility_for;
use crate::domain::register::ledger::Role;
use crate::domain::register::levels::Levels;
use crate::domain::register::period::PeriodKind;
use crate::domain::register::period::{Period, chinese_date};
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::condition::Holds;
use crate::domain::rules::context::Context;
use crate::domain::rules::owner::{Owner, owner_of};
use crate::domain::rules::policy::ExemptKey;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::{Act, Light, Rule, RuleKind};
use crate::domain::rules::sentence::{clause, sentence};
use chrono::{Days, NaiveDate};
use serde::Serialize;

/// A step of the ladder, as printed.
#[derive(Clone, Debug, Serialize)]
pub struct Rung {
    /// Overdue days, points behind plan, or 1.
    pub from: String,
    pub light: &'static str,
    pub act: &'static str,
    /// The step as a sentence.
    pub words: String,
    /// The first day of the step, for a deadline.
    pub on: Option<NaiveDate>,
    /// Whether it is the step that applies.
    pub applies: bool,
}

/// An exemption in force.
#[derive(Clone, Debug, Serialize)]
pub struct ExemptionFacts {
    pub kind: &'static str,
    pub expires_on: NaiveDate,
    pub words: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub rule: String,
    pub title: String,
    pub ledger: String,
    pub key: String,
    pub name: String,
    pub as_of: NaiveDate,
    /// The owner, or the text of the register where it names no known unit.
    pub unit: String,
    pub basis: String,
    pub clause: String,
    pub sentence: String,
    pub outcome: Outcome,
    /// The outcome in one sentence.
    pub reason: String,
    pub light: Option<&'static str>,
    pub act: Option<&'static str>,
    pub state: Option<&'static str>,
    pub due_on: Option<NaiveDate>,
    pub overdue_days: Option<i64>,
    /// One decimal, half up.
    pub lag_points: Option<String>,
    /// The first day of the present outcome and light, by the present cells.
    pub since: Option<NaiveDate>,
    /// Number of closed quarters in a row that ended with the finding red.
    pub quarters: u32,
    pub cells: Vec<CellUse>,
    pub reckoning: Vec<String>,
    pub ladder: Vec<Rung>,
    /// The acts that follow red quarters in a row, as sentences.
    pub repeated: Vec<String>,
    #[serde(rename = "told")]
    pub recipients: Vec<Recipient>,
    pub exemption: Option<ExemptionFacts>,
    pub waiting_on: Option<String>,
    /// What was done about it here, in words: state, who has to act, and the answer.
    pub handled: Option<String>,
    pub cause: Option<String>,
    pub cause_from: Option<String>,
    pub next: Option<Next>,
    /// What follows if the finding is still red at the end of further quarters.
    pub next_quarters: Option<String>,
}

impl Explanation {
    fn of(context: &Context<'_>, rule: &Rule, key: &str) -> Explanation {
        Explanation {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            ledger: context.policy.ledgers[rule.ledger].id.clone(),
            key: key.to_owned(),
            name: String::new(),
            as_of: context.as_of,
            unit: String::new(),
            basis: rule.basis.clone(),
            clause: clause(&rule.basis),
            sentence: sentence(context.policy, rule),
            outcome: Outcome::Gone,
            reason: String::new(),
            light: None,
            act: None,
            state: None,
            due_on: None,
            overdue_days: None,
            lag_points: None,
            since: None,
            quarters: 0,
            cells: Vec::new(),
            reckoning: Vec::new(),
            ladder: ladder(&context.policy.units.levels, rule, None, None),
            repeated: rule
                .repeated
                .iter()
                .map(|step| format!("连续{}个季度末为{}灯起，{}", step.periods, step.light.word(), act_words(step.act)))
                .collect(),
            recipients: Vec::new(),
            exemption: None,
            waiting_on: None,
            handled: None,
            cause: None,
            cause_from: None,
            next: None,
            next_quarters: None,
        }
    }

    /// The explanation for a code that is not in the register in force.
    pub fn gone(context: &Context<'_>, rule: usize, key: &str, reason: String) -> Explanation {
        Explanation { reason, ..Explanation::of(context, &context.policy.rules[rule], key) }
    }

    /// The explanation for a rule that judges single records. `finding` is what judging found.
    pub fn record(context: &Context<'_>, rule_index: usize, record: &Record, finding: Option<&Finding>) -> Explanation {
        let policy = context.policy;
        let rule = policy.rules[rule_index].of(record);
        let ledger = &policy.ledgers[rule.ledger];
        let responsibility = responsibility_for(context, rule, record);
        let question = Question { context, ledger, record, rule, calendar: policy.calendar.of(responsibility.prefecture(policy)) };
        let state = question.state_on(context.as_of);
        let due_on = question.due_on();
        let mut out = Explanation::of(context, rule, &record.code);
        out.name = masked(record.text(ledger.role(Role::Name)));
        out.unit =
            responsibility.owner.unit.map_or_else(|| masked(&responsibility.owner.text), |unit| policy.units.units[unit].name.clone());
        out.outcome = state.outcome;
        out.reason = question.reason(finding);
        out.cells = question.cells();
        out.handled = handled(context, rule.ledger, record, responsibility.is_project).map(|words| masked(&words));
        if !matches!(state.outcome, Outcome::Off | Outcome::OutOfScope | Outcome::Gone) {
            out.reckoning = reckoning(&question);
        }
        out.due_on = due_on.filter(|_| !matches!(state.outcome, Outcome::Off | Outcome::OutOfScope | Outcome::NotYet));
        out.ladder = ladder(&context.policy.units.levels, rule, state.step, out.due_on);
        out.since = question.since(state);
        out.next = question.next(state);
        if let Some(finding) = finding {
            out.found(context, finding, &responsibility, record);
            out.next_quarters = next_quarters(context, rule, finding);
        }
        out
    }

    /// The explanation for a periodic rule: one unit and the last closed period. `sessions` are the records of its ledger, `finding` is what
    /// judging found.
    pub fn periodic(
        context: &Context<'_>,
        rule_index: usize,
        unit: UnitId,
        key: &str,
        sessions: &[Record],
        finding: Option<&Finding>,
    ) -> Explanation {
        let policy = context.policy;
        let rule = &policy.rules[rule_index];
        let ledger = &policy.ledgers[rule.ledger];
        let mut out = Explanation::of(context, rule, key);
        let RuleKind::Periodic { every, levels, units, date, matching } = &rule.kind else { return out };
        if !(levels.contains(&policy.units.units[unit].level) || units.contains(&unit)) {
            let who = levels.iter().map(|level| policy.units.levels.name(*level).to_owned());
            let named = units.iter().map(|unit| policy.units.units[*unit].name.clone());
            out.outcome = Outcome::OutOfScope;
            out.unit.clone_from(&policy.units.units[unit].name);
            out.reason = format!("不适用：此规则只适用于{}", who.chain(named).collect::<Vec<_>>().join("、"));
            return out;
        }
        let name = policy.units.units[unit].name.clone();
        let period = Period::last_closed(*every, context.as_of);
        out.name = period.title();
        out.unit.clone_from(&name);
        let own: Vec<&Record> = sessions
            .iter()
            .filter(|record| owner_of(policy, ledger, record, context.projects).unit == Some(unit))
            .filter(|record| matching.iter().all(|condition| condition.holds(ledger, record, &policy.units, context.as_of) == Holds::Yes))
            .collect();
        let days = |from: NaiveDate, to: NaiveDate| {
            let mut days: Vec<NaiveDate> =
                own.iter().filter_map(|record| record.cell(*date).date()).filter(|day| *day >= from && *day <= to).collect();
            days.sort_unstable();
            days
        };
        let held = days(period.first_day(), period.last_day().min(context.as_of));
        out.reckoning.push(format!(
            "最近一个已结束的期间：{}（{}至{}），最后一天为截至日的，该期间已结束",
            period.title(),
            period.first_day(),
            period.last_day()
        ));
        let list = |days: &[NaiveDate]| days.iter().map(ToString::to_string).collect::<Vec<_>>().join("、");
        out.reckoning.push(match held.is_empty() {
            true => format!("{name}在此期间的记录：无"),
            false => format!("{name}在此期间的记录：{}（{}）", list(&held), ledger.title),
        });
        let before = days(NaiveDate::MIN, period.previous().last_day());
        if let (true, Some(last)) = (held.is_empty(), before.last()) {
            out.reckoning.push(format!("在此之前最近一次：{last}"));
        }
        let following = period.next();
        let judged_on = following.last_day();
        match finding {
            Some(finding) => {
                out.outcome = Outcome::Found;
                out.reason = format!("{}，{}尚无记录", rule.title, period.title());
                out.ladder = ladder(&context.policy.units.levels, rule, Some(0), None);
                out.since = Some(period.last_day());
                out.found(context, finding, &Responsibility::bare(owner_as(context, unit)), &Record::default());
            }
            None if held.is_empty() => {
                out.outcome = Outcome::OutOfScope;
                out.reason = format!("{}自{}以后才有数据，此前的期间不作判断", ledger.title, period.last_day());
            }
            None => {
                out.outcome = Outcome::Met;
                out.reason = format!("{}已有记录，没有督办事项", period.title());
            }
        }
        out.next = Some(Next {
            on: judged_on,
            days: (judged_on - context.as_of).num_days(),
            outcome: out.outcome,
            light: None,
            act: None,
            words: format!(
                "{}结束时改按{}判断{}",
                chinese_date(judged_on),
                following.title(),
                if finding.is_some() { "；本期未开展的，不再补判" } else { "" }
            ),
        });
        out
    }

    /// Fills in the parts that exist only where there is a finding.
    fn found(&mut self, context: &Context<'_>, finding: &Finding, responsibility: &Responsibility, record: &Record) {
        let policy = context.policy;
        let rule = &policy.rules[finding.rule];
        self.state = Some(finding.state.code());
        self.light = finding.light.map(|light| light.code());
        self.act = finding.act.map(Act::code);
        self.due_on = finding.due_on.or(self.due_on);
        self.overdue_days = finding.overdue_days();
        self.lag_points = finding.lag.as_ref().map(|lag| tenths(lag.tenths()));
        self.quarters = finding.quarters;
        self.recipients = finding
            .relations()
            .iter()
            .zip(finding.recipients())
            .map(|(relation, unit)| recipient(context, rule, responsibility, record, *relation, unit))
            .collect();
        self.waiting_on = finding.waiting_on().map(|unit| policy.units.units[unit].name.clone());
        if finding.state != State::Unjudged && !finding.cause.is_empty() {
            self.cause = Some(finding.cause.to_string());
            self.cause_from = Some(cause_from(context, rule, responsibility, record));
        }
        let key = ExemptKey { rule: rule.id.clone(), key: finding.key.to_string() };
        self.exemption = context.exempt.get(&key).filter(|_| finding.state == State::Exempt).map(|exemption| ExemptionFacts {
            kind: exemption.kind.code(),
            expires_on: exemption.expires,
            words: format!(
                "已批准{}，有效期至{}（还有{}天）；灯色照常计算，期内不催办，到期后恢复",
                exemption.kind.title(),
                chinese_date(exemption.expires),
                (exemption.expires - context.as_of).num_days()
            ),
        });
    }
}

pub(crate) fn owner_as(context: &Context<'_>, unit: UnitId) -> Owner {
    Owner { unit: Some(unit), text: context.policy.units.units[unit].name.clone(), division: None }
}

/// What the next red quarters lead to: an act of the rule, or the accountability list.
pub(crate) fn next_quarters(context: &Context<'_>, rule: &Rule, finding: &Finding) -> Option<String> {
    if finding.state != State::Open || finding.light != Some(Light::Red) {
        return None;
    }
    let acts = rule.repeated.iter().map(|step| (step.periods, act_words(step.act)));
    let listed = context.policy.accountability_quarters.filter(|_| finding.waiting_on().is_none());
    let listed = listed.map(|quarters| (quarters, format!("可由{}列入责任追究建议清单", context.policy.units.levels.office_in_text())));
    let (periods, words) = acts.chain(listed).filter(|(periods, _)| *periods > finding.quarters).min()?;
    let mut quarter = Period::last_closed(PeriodKind::Quarter, context.as_of).next();
    for _ in 1..periods - finding.quarters {
        quarter = quarter.next();
    }
    Some(format!("到{}仍为红灯的，即连续{periods}个季度末为红灯，{words}", chinese_date(quarter.last_day())))
}

/// The steps of the ladder, for a deadline each with its first day.
pub(crate) fn ladder(levels: &Levels, rule: &Rule, applies: Option<usize>, due_on: Option<NaiveDate>) -> Vec<Rung> {
    rule.ladder
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let days = step.from.scaled(0).and_then(|days| u64::try_from(days).ok());
            let on = match rule.kind {
                RuleKind::Deadline { .. } => due_on.zip(days).and_then(|(due_on, days)| due_on.checked_add_days(Days::new(days))),
                _ => None,
            };
            let from = match rule.kind {
                RuleKind::Deadline { .. } => format!("超期{}天起", step.from),
                RuleKind::Lag { .. } => format!("落后{}个百分点起", step.from),
                RuleKind::Missing { .. } | RuleKind::Periodic { .. } => "缺项即".to_owned(),
            };
            let relations: Vec<&str> = step.relations.iter().map(|relation| relation.title(levels)).collect();
            Rung {
                from: step.from.to_string(),
                light: step.light.code(),
                act: step.act.code(),
                words: format!("{from}{}，{}，告知{}", step.light.title(), act_words(step.act), relations.join("、")),
                on,
                applies: applies == Some(index),
            }
        })
        .collect()
}
