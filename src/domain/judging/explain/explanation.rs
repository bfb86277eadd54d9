//! Why a record has a finding of a rule, or has none: the cells used, the reckoning, the step of the ladder, who is told and why, and what
//! comes next.
//!
//! Invariant: what is decided is decided by [`crate::domain::judging::judge`]; here it is only asked again, on this day and on the days around it, and put
//! into words. Nothing here judges.

use crate::domain::judging::explain::reckoning::{reckoning, tenths};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::judge::{Context, ExemptKey, Judged, Verdict, verdict};
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::period::{Period, chinese_date};
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::compiled::outside;
use crate::domain::rules::responsibility::{Seat, owner_of};
use crate::domain::rules::rule::{Act, Every, Holds, Light, Relation, Rule, RuleKind, Step};

use crate::domain::rules::sentence::{clause, sentence};
use chrono::{Days, NaiveDate};
use serde::Serialize;

/// How a rule meets a record on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Found,
    /// Judged, and nothing is wrong yet.
    Fine,
    /// What the rule waits for has happened.
    Met,
    /// The day it counts from lies ahead.
    NotYet,
    /// A cell it needs is empty.
    Unjudged,
    OutOfScope,
    /// The source has no column it needs.
    Off,
    /// The register in force does not hold the record.
    Gone,
}

/// A cell that decided, or that somebody is named by.
#[derive(Clone, Debug, Serialize)]
pub struct CellUse {
    /// Field id.
    pub field: String,
    pub title: String,
    /// What for, in words.
    pub used_for: Vec<&'static str>,
    pub value: String,
    /// Whether the row's source has the column.
    pub has_column: bool,
    /// File, sheet, cell; whoever knows the snapshots fills it in.
    pub place: String,
    /// What the file says, where reading changed or doubted it.
    pub raw: Option<String>,
    /// Source and number of the snapshot the row's version began in.
    pub source: String,
    pub snapshot: i64,
}

/// A step of the ladder.
#[derive(Clone, Debug, Serialize)]
pub struct Rung {
    /// Overdue days, points behind plan, or 1.
    pub from: String,
    pub light: &'static str,
    pub act: &'static str,
    /// The sentence.
    pub words: String,
    /// The day it is reached from on, for a deadline.
    pub on: Option<NaiveDate>,
    /// It is the one that applies.
    pub applies: bool,
}

/// A unit that is told, and why.
#[derive(Clone, Debug, Serialize)]
pub struct ToldUnit {
    pub relation: &'static str,
    /// `None` = the relation resolves to nothing.
    pub unit: Option<String>,
    pub why: String,
    /// The unit that passes it on, where the unit has no mailbox of its own.
    pub forwarded_by: Option<String>,
}

/// What changes by the passing of days alone, the cells staying as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    pub on: NaiveDate,
    pub days: i64,
    pub outcome: Outcome,
    pub light: Option<&'static str>,
    pub act: Option<&'static str>,
    pub words: String,
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
    /// The owner, or what the register writes in its place.
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
    /// The first day of the present outcome and light, the cells staying as they are.
    pub since: Option<NaiveDate>,
    /// Closed quarters in a row with the finding red at their end.
    pub quarters: u32,
    pub cells: Vec<CellUse>,
    pub reckoning: Vec<String>,
    pub ladder: Vec<Rung>,
    /// The acts that closed quarters in a row lead to, in words.
    pub repeated: Vec<String>,
    pub told: Vec<ToldUnit>,
    pub exemption: Option<ExemptionFacts>,
    pub waiting_on: Option<String>,
    pub cause: Option<String>,
    pub cause_from: Option<String>,
    pub next: Option<Next>,
    /// What further closed quarters lead to, where the finding stays red.
    pub next_quarters: Option<String>,
    /// Every unit that a rule of this record could name, for whoever looks up what was told.
    #[serde(skip)]
    pub concerned: Vec<UnitId>,
}

/// How far ahead and back the days around are asked.
pub(crate) const DAYS_MAX: u64 = 3660;

/// What is the same from one day to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    outcome: Outcome,
    /// Index of the step.
    step: Option<usize>,
    /// The notice before the due date has begun.
    noticed: bool,
}

/// One rule and one record, with what judging them needs.
pub(crate) struct Question<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) ledger: &'a Ledger,
    pub(crate) record: &'a Record,
    pub(crate) rule: &'a Rule,
    pub(crate) calendar: Local<'a>,
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
            ladder: ladder(rule, None, None),
            repeated: rule
                .repeated
                .iter()
                .map(|step| format!("连续{}个季度末为{}灯起，{}", step.periods, step.light.word(), act_words(step.act)))
                .collect(),
            told: Vec::new(),
            exemption: None,
            waiting_on: None,
            cause: None,
            cause_from: None,
            next: None,
            next_quarters: None,
            concerned: Vec::new(),
        }
    }

    /// Of a code that the register in force does not hold.
    pub fn gone(context: &Context<'_>, rule: usize, key: &str, reason: String) -> Explanation {
        Explanation { reason, ..Explanation::of(context, &context.policy.rules[rule], key) }
    }

    /// Of a rule that judges record by record. `quarters` is history, see [`Finding::quarters`].
    pub fn record(context: &Context<'_>, rule_index: usize, record: &Record, quarters: u32) -> Explanation {
        let policy = context.policy;
        let rule = &policy.rules[rule_index];
        let ledger = &policy.ledgers[rule.ledger];
        let seat = Seat::of(context, rule.ledger, record);
        let question = Question { context, ledger, record, rule, calendar: policy.calendar.of(seat.prefecture(policy)) };
        let mut judged = Judged::new(policy);
        judged.record(context, rule.ledger, record);
        let finding = judged.findings.into_iter().find(|finding| finding.rule == rule_index).map(|mut finding| {
            finding.stood_red(policy, quarters);
            finding
        });
        let standing = question.standing(context.as_of);
        let due_on = question.due_on();
        let mut out = Explanation::of(context, rule, &record.code);
        record.text(ledger.role(Role::Name)).clone_into(&mut out.name);
        out.unit = seat.owner.unit.map_or_else(|| seat.owner.text.clone(), |unit| policy.units.units[unit].name.clone());
        out.outcome = standing.outcome;
        out.reason = question.reason(finding.as_ref());
        out.cells = question.cells();
        if !matches!(standing.outcome, Outcome::Off | Outcome::OutOfScope | Outcome::Gone) {
            out.reckoning = reckoning(&question);
        }
        out.due_on = due_on.filter(|_| !matches!(standing.outcome, Outcome::Off | Outcome::OutOfScope | Outcome::NotYet));
        out.ladder = ladder(rule, standing.step, out.due_on);
        out.since = question.since(standing);
        out.next = question.next(standing);
        out.concerned = Relation::ALL.iter().filter_map(|relation| seat.resolve(policy, *relation, context.as_of)).collect();
        if let Some(finding) = &finding {
            out.found(context, finding, &seat, record);
            out.next_quarters = next_quarters(context, rule, finding);
        }
        out
    }

    /// Of a periodic rule: one unit and one period. `sessions` are the records of its ledger.
    pub fn periodic(context: &Context<'_>, rule_index: usize, unit: UnitId, key: &str, sessions: &[Record]) -> Explanation {
        let policy = context.policy;
        let rule = &policy.rules[rule_index];
        let ledger = &policy.ledgers[rule.ledger];
        let mut out = Explanation::of(context, rule, key);
        let RuleKind::Periodic { every, levels, units, date, matching } = &rule.kind else { return out };
        if !(levels.contains(&policy.units.units[unit].level) || units.contains(&unit)) {
            let who = levels.iter().map(|level| level.title().to_owned());
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
        let mut judged = Judged::new(policy);
        judged.periodic(context, rule.ledger, sessions);
        let finding = judged.findings.into_iter().find(|finding| finding.rule == rule_index && finding.owner == Some(unit));
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
        let before = days(NaiveDate::MIN, period.first_day() - Days::new(1));
        if let (true, Some(last)) = (held.is_empty(), before.last()) {
            out.reckoning.push(format!("在此之前最近一次：{last}"));
        }
        let after = period.last_day() + Days::new(1);
        let following = Period::of(*every, after);
        let judged_on = following.last_day();
        match &finding {
            Some(finding) => {
                out.outcome = Outcome::Found;
                out.reason = format!("{}，{}尚无记录", rule.title, period.title());
                out.ladder = ladder(rule, Some(0), None);
                out.since = Some(period.last_day());
                out.found(context, finding, &Seat::bare(owner_as(context, unit)), &Record::default());
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

    /// What a finding adds.
    fn found(&mut self, context: &Context<'_>, finding: &Finding, seat: &Seat, record: &Record) {
        let policy = context.policy;
        let rule = &policy.rules[finding.rule];
        self.state = Some(finding.state.code());
        self.light = finding.light.map(|light| light.code());
        self.act = finding.act.map(Act::code);
        self.due_on = finding.due_on.or(self.due_on);
        self.overdue_days = finding.overdue_days();
        self.lag_points = finding.lag.as_ref().map(|lag| tenths(lag.tenths()));
        self.quarters = finding.quarters;
        self.told = finding
            .told()
            .iter()
            .zip(finding.told_units())
            .map(|(relation, unit)| told(context, rule, seat, record, *relation, unit))
            .collect();
        self.waiting_on = finding.waiting_on().map(|unit| policy.units.units[unit].name.clone());
        if finding.state != State::Unjudged && !finding.cause.is_empty() {
            self.cause = Some(finding.cause.to_string());
            self.cause_from = Some(cause_from(context, rule, seat, record));
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

pub(crate) fn owner_as(context: &Context<'_>, unit: UnitId) -> crate::domain::rules::responsibility::Owner {
    crate::domain::rules::responsibility::Owner { unit: Some(unit), text: context.policy.units.units[unit].name.clone(), city: None }
}

/// The next thing that closed quarters lead to: an act of the rule, or the accountability list.
pub(crate) fn next_quarters(context: &Context<'_>, rule: &Rule, finding: &Finding) -> Option<String> {
    if finding.state != State::Open || finding.light != Some(Light::Red) {
        return None;
    }
    let acts = rule.repeated.iter().map(|step| (step.periods, act_words(step.act)));
    let listed = context.policy.accountability_quarters.filter(|_| finding.waiting_on().is_none());
    let listed = listed.map(|quarters| (quarters, "可由省级办公室列入责任追究建议清单".to_owned()));
    let (periods, words) = acts.chain(listed).filter(|(periods, _)| *periods > finding.quarters).min()?;
    let mut quarter = Period::of(Every::Quarter, context.as_of + Days::new(1));
    for _ in 1..periods - finding.quarters {
        quarter = Period::of(Every::Quarter, quarter.last_day() + Days::new(1));
    }
    Some(format!("到{}仍为红灯的，即连续{periods}个季度末为红灯，{words}", chinese_date(quarter.last_day())))
}

/// The steps, each with the day it is reached on.
pub(crate) fn ladder(rule: &Rule, applies: Option<usize>, due_on: Option<NaiveDate>) -> Vec<Rung> {
    rule.ladder
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let days = step.from.scaled(0).and_then(|days| u64::try_from(days).ok());
            let on = match rule.kind {
                RuleKind::Deadline { .. } => due_on.zip(days).map(|(due_on, days)| due_on + Days::new(days)),
                _ => None,
            };
            let from = match rule.kind {
                RuleKind::Deadline { .. } => format!("超期{}天起", step.from),
                RuleKind::Lag { .. } => format!("落后{}个百分点起", step.from),
                RuleKind::Missing { .. } | RuleKind::Periodic { .. } => "缺项即".to_owned(),
            };
            let told: Vec<&str> = step.told.iter().map(|relation| relation.title()).collect();
            Rung {
                from: step.from.to_string(),
                light: step.light.code(),
                act: step.act.code(),
                words: format!("{from}{}，{}，告知{}", step.light.title(), act_words(step.act), told.join("、")),
                on,
                applies: applies == Some(index),
            }
        })
        .collect()
}

/// The act; from 督办 on a person releases it.
pub(crate) fn act_words(act: Act) -> String {
    if act > Act::Urge { format!("{}（拟办，由人签发）", act.title()) } else { act.title().to_owned() }
}

pub(crate) fn told(context: &Context<'_>, rule: &Rule, seat: &Seat, record: &Record, relation: Relation, unit: Option<UnitId>) -> ToldUnit {
    let policy = context.policy;
    let units = &policy.units;
    let ledger = &policy.ledgers[rule.ledger];
    let title = |field: usize| ledger.fields[field].title.as_str();
    let name = |unit: UnitId| units.units[unit].name.as_str();
    let owner = seat.owner.unit.map_or(seat.owner.text.as_str(), name);
    let why = match relation {
        Relation::Owner if matches!(rule.kind, RuleKind::Periodic { .. }) => "应当开展的单位".to_owned(),
        Relation::Owner => match ledger.owner {
            OwnerSpec::Place { place, .. } => format!("“{}”为“{}”", title(place), record.text(Some(place))),
            OwnerSpec::Unit { unit } => format!("“{}”为“{}”", title(unit), record.text(Some(unit))),
            OwnerSpec::Department { department, level, project } => format!(
                "“{}”为“{}”，“{}”为“{}”，所属项目{}",
                title(department),
                record.text(Some(department)),
                title(level),
                record.text(Some(level)),
                record.text(Some(project))
            ),
        },
        Relation::Superior => format!("{owner}的上一级"),
        Relation::Lead => match seat.industry {
            Some(industry) => {
                let since = units.lead_since(industry, context.as_of).map_or(String::new(), |since| format!("（自{since}起）"));
                format!("{}产业的牵头部门{since}", units.industries[industry].name)
            }
            None => "产业类别不在重点产业目录内，没有牵头部门".to_owned(),
        },
        Relation::Raiser => format!("提出问题的项目{}的责任单位", seat.linked),
        Relation::Office => "省级办公室".to_owned(),
    };
    let mailbox = unit.and_then(|unit| units.mailbox(unit));
    ToldUnit {
        relation: relation.code(),
        unit: unit.map(|unit| name(unit).to_owned()),
        why: match (unit, mailbox) {
            (None, _) => format!("{why}；没有落实到单位，列入“责任单位待明确”"),
            (Some(_), None) => format!("{why}；没有邮箱，列入“责任单位待明确”"),
            _ => why,
        },
        forwarded_by: mailbox.filter(|(by, _)| Some(*by) != unit).map(|(by, _)| name(by).to_owned()),
    }
}

/// Where the cause was read.
pub(crate) fn cause_from(context: &Context<'_>, rule: &Rule, seat: &Seat, record: &Record) -> String {
    let ledger = &context.policy.ledgers[rule.ledger];
    let text = record.text(ledger.role(Role::Difficulty));
    let word = context.policy.causes.iter().find_map(|(_, words)| words.iter().find(|word| text.contains(word.as_str())));
    match (seat.cause(context.policy, ledger, record).is_some(), word) {
        (true, Some(word)) => format!("单位填报的困难问题中写有“{word}”"),
        _ => "单位未填报，按此规则的一般原因".to_owned(),
    }
}

impl<'a> Question<'a> {
    pub(crate) fn title(&self, field: usize) -> &'a str {
        &self.ledger.fields[field].title
    }

    /// The context of another day.
    pub(crate) fn on(&self, as_of: NaiveDate) -> Context<'a> {
        let Context { policy, projects, waiting, exempt, .. } = *self.context;
        Context { policy, as_of, projects, waiting, exempt }
    }

    pub(crate) fn verdict(&self, as_of: NaiveDate) -> Verdict<'a> {
        verdict(&self.on(as_of), self.ledger, self.record, self.rule, self.calendar)
    }

    fn standing(&self, as_of: NaiveDate) -> Standing {
        let of = |outcome| Standing { outcome, step: None, noticed: false };
        if self.rule.lacks(self.record.columns).is_some() {
            return of(Outcome::Off);
        }
        let scope = self.rule.scope.iter();
        if outside(scope.map(|condition| condition.holds(self.ledger, self.record, &self.context.policy.units, as_of))).is_some() {
            return of(Outcome::OutOfScope);
        }
        match self.verdict(as_of) {
            Verdict::Met => of(Outcome::Met),
            Verdict::NotYet => of(Outcome::NotYet),
            Verdict::Unjudged(_) => of(Outcome::Unjudged),
            Verdict::Fine(due_on) => Standing {
                noticed: self.rule.notice_days > 0
                    && due_on.is_some_and(|due_on| (due_on - as_of).num_days() <= i64::from(self.rule.notice_days)),
                ..of(Outcome::Fine)
            },
            Verdict::Found { step, .. } => {
                Standing { step: self.rule.ladder.iter().position(|known| std::ptr::eq(known, step)), ..of(Outcome::Found) }
            }
        }
    }

    /// The due date by the cells, whether or not it still matters.
    pub(crate) fn due_on(&self) -> Option<NaiveDate> {
        let RuleKind::Deadline { from, within, agreed, roll, .. } = &self.rule.kind else { return None };
        if let Some(due_on) = agreed.iter().find_map(|field| self.record.cell(*field).date()) {
            return Some(due_on);
        }
        let began = from.iter().filter_map(|field| self.record.cell(*field).date()).find(|day| *day <= self.context.as_of)?;
        within.map(|within| self.calendar.due(began, within, *roll))
    }

    /// The first day from which it has stood so without a break.
    fn since(&self, now: Standing) -> Option<NaiveDate> {
        if now.outcome != Outcome::Found {
            return None;
        }
        let mut first = self.context.as_of;
        for _ in 0..DAYS_MAX {
            let before = first - Days::new(1);
            if self.standing(before) != now {
                return Some(first);
            }
            first = before;
        }
        None
    }

    /// What comes by itself.
    fn next(&self, now: Standing) -> Option<Next> {
        let as_of = self.context.as_of;
        let (on, then) = (1..=DAYS_MAX).map(|days| as_of + Days::new(days)).find_map(|day| {
            let then = self.standing(day);
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
