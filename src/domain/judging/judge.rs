//! Judging: (records, rules, calendar, units, exemptions, as_of) → findings. The order of questions is fixed:
//! out of scope → `until` happened (met) → `from` later than as_of (not yet) → a needed cell empty (unjudged) → judged.

use crate::domain::judging::finding::{Change, Finding, Notice, State, Subject};
use crate::domain::judging::quality::{Quality, QualityKind};
use crate::domain::judging::verdict::{Verdict, verdict};
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::{Ledger, PROJECT, Role};
use crate::domain::register::period::Period;
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::compiled::Docket;
use crate::domain::rules::context::Context;
use crate::domain::rules::owner::{Owner, owner_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::{AGREEMENT_CONTRACT, Holds, Relation, RuleKind, STAGE_NEGOTIATING, Step, happened, is_terminated};
use chrono::{Datelike, Days};
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

/// How many records each rule met in which way; `scope` = found + fine + met + not_yet + unjudged + exempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    pub found: u64,
    pub fine: u64,
    pub met: u64,
    pub not_yet: u64,
    pub unjudged: u64,
    pub exempt: u64,
    pub out_of_scope: u64,
    /// Rows whose source has no column the rule needs.
    pub off: u64,
}

/// The result of judging a set of records.
#[derive(Debug, Default)]
pub struct Judged {
    pub findings: Vec<Finding>,
    pub notices: Vec<Notice>,
    pub quality: Vec<Quality>,
    /// By rule index.
    pub tallies: Vec<Tally>,
    /// (rule, field) whose column a source lacks → rows it was off for.
    pub off: BTreeMap<(usize, usize), u64>,
    /// Years without a holiday notice on file whose days decided a due date: of them only the weekends are known.
    pub lacking_years: BTreeSet<i32>,
    words: hashbrown::HashSet<Arc<str>>,
    /// By ledger index.
    dockets: Vec<Arc<Docket>>,
    /// The answers of the record in hand to its docket's conditions.
    answers: Vec<Option<Holds>>,
    /// By ledger index, the code judged last.
    last: Vec<String>,
    /// By rule index: its records did not come in the order of their codes.
    mixed: Vec<bool>,
}

static OWNER_ONLY: LazyLock<Arc<[Relation]>> = LazyLock::new(|| Arc::from([Relation::Owner]));

impl Judged {
    pub fn new(policy: &Policy) -> Judged {
        let dockets = (0..policy.ledgers.len()).map(|ledger| Arc::new(Docket::of(policy, ledger))).collect();
        let (last, mixed) = (vec![String::new(); policy.ledgers.len()], vec![false; policy.rules.len()]);
        Judged { tallies: vec![Tally::default(); policy.rules.len()], dockets, last, mixed, ..Judged::default() }
    }

    /// Makes room for the findings of so many records at once: a list that grows by copying leaves as much behind again.
    pub fn make_room(&mut self, records: usize) {
        self.findings.reserve(2 * records);
    }

    /// Judges one record by every rule of its ledger. Returns its owner.
    pub fn record(&mut self, context: &Context<'_>, ledger_index: usize, record: &Record) -> Option<UnitId> {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        let docket = self.dockets[ledger_index].clone();
        self.answers.clear();
        let mut case: Option<Case<'_>> = None;
        let mut blanks = Vec::new();
        for listed in &docket.rules {
            let rule_index = listed.rule;
            let rule = &policy.rules[rule_index];
            if let Some(field) = rule.lacks(record.columns) {
                self.tallies[rule_index].off += 1;
                *self.off.entry((rule_index, field)).or_default() += 1;
                continue;
            }
            // the owner is looked up once, and only for a record that a rule reaches
            if let Some(blank) = docket.outside(listed, &mut self.answers, context, ledger, record) {
                self.tallies[rule_index].out_of_scope += 1;
                blanks.extend(blank);
                continue;
            }
            let case = case.get_or_insert_with(|| Case::new(context, ledger_index, record));
            let verdict = verdict(context, ledger, record, rule, case.calendar);
            if let (
                Verdict::Fine(Some(due_on)) | Verdict::Found { due_on: Some(due_on), .. },
                RuleKind::Deadline { from, within: Some(within), agreed, roll, .. },
            ) = (&verdict, &rule.kind)
                && !policy.calendar.knows_until(*due_on)
                && agreed.iter().all(|field| record.cell(*field).date().is_none())
                && let Some(began) = from.iter().filter_map(|field| record.cell(*field).date()).find(|date| *date <= context.as_of)
            {
                // a date in a year that is yet to come decides nothing today
                let last = (context.as_of + Days::new(u64::from(rule.notice_days))).year();
                self.lacking_years.extend(case.calendar.lacking(began, *within, *roll).filter(|year| *year <= last));
            }
            self.record_verdict(context, record, rule_index, case, verdict);
        }
        let case = case.unwrap_or_else(|| Case::new(context, ledger_index, record));
        if record.code < self.last[ledger_index] {
            docket.rules.iter().for_each(|listed| self.mixed[listed.rule] = true);
        }
        self.last[ledger_index].clone_from(&record.code);
        self.record_quality(context, ledger_index, record, &case, blanks);
        case.responsibility.owner.unit
    }

    /// The one copy of a text that many findings bear.
    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return word.clone();
        }
        let word: Arc<str> = text.into();
        self.words.insert(word.clone());
        word
    }

    fn record_verdict(&mut self, context: &Context<'_>, record: &Record, rule_index: usize, case: &Case<'_>, verdict: Verdict<'_>) {
        let policy = context.policy;
        let rule = &policy.rules[rule_index];
        let ledger = &policy.ledgers[rule.ledger];
        let tally = &mut self.tallies[rule_index];
        // most records are fine: nothing is made for them
        match &verdict {
            Verdict::Met => return tally.met += 1,
            Verdict::NotYet => return tally.not_yet += 1,
            Verdict::Fine(due_on) => {
                tally.fine += 1;
                if let Some(due_on) =
                    due_on.filter(|due| rule.notice_days > 0 && (*due - context.as_of).num_days() <= i64::from(rule.notice_days))
                {
                    let subject = self.subject(context, ledger, record, case);
                    self.notices.push(Notice { subject, rule: rule_index, due_on, ends: None });
                }
                return;
            }
            Verdict::Unjudged(_) | Verdict::Found { .. } => {}
        }
        let subject = self.subject(context, ledger, record, case);
        match verdict {
            Verdict::Met | Verdict::NotYet | Verdict::Fine(_) => {}
            Verdict::Unjudged(missing) => {
                self.tallies[rule_index].unjudged += 1;
                self.findings.push(Finding {
                    subject,
                    rule: rule_index,
                    light: None,
                    act: None,
                    // the owner fills the gap; nobody else is told of it
                    told: OWNER_ONLY.clone(),
                    due_on: None,
                    overdue: None,
                    lag: None,
                    state: State::Unjudged,
                    missing: missing.into(),
                    cause: Arc::default(),
                    change: Change::New,
                    quarters: 0,
                    exempt: None,
                });
            }
            Verdict::Found { step, due_on, overdue_days, lag, missing } => {
                let found = self.found(context, rule_index, step, subject);
                self.findings.push(Finding {
                    due_on,
                    overdue: overdue_days.and_then(|days| NonZeroU32::new(u32::try_from(days).ok()?)),
                    lag: lag.map(Box::new),
                    missing: missing.into(),
                    cause: case.responsibility.cause(policy, ledger, record).unwrap_or(&rule.cause).clone(),
                    ..found
                });
            }
        }
    }

    /// A rule broken to a step of its ladder, counted, with the notice where its exemption is about to end. Bare of dates and measures.
    fn found(&mut self, context: &Context<'_>, rule_index: usize, step: &Step, subject: Arc<Subject>) -> Finding {
        let rule = &context.policy.rules[rule_index];
        let exempt = context.exemption(rule, &subject.key);
        let tally = &mut self.tallies[rule_index];
        *(if exempt.is_some() { &mut tally.exempt } else { &mut tally.found }) += 1;
        let warned = i64::from(context.policy.exemptions.warn_days);
        if let Some(exemption) = exempt
            && warned > 0
            && (exemption.expires - context.as_of).num_days() <= warned
        {
            let (subject, ends) = (Arc::clone(&subject), Some(exemption.kind));
            self.notices.push(Notice { subject, rule: rule_index, due_on: exemption.expires, ends });
        }
        Finding {
            subject,
            rule: rule_index,
            light: Some(step.light),
            act: Some(step.act),
            told: step.told.clone(),
            due_on: None,
            overdue: None,
            lag: None,
            state: if exempt.is_some() { State::Exempt } else { State::Open },
            missing: Box::default(),
            cause: rule.cause.clone(),
            change: Change::New,
            quarters: 0,
            exempt,
        }
    }

    /// What all findings and notices of a record share.
    fn subject(&mut self, context: &Context<'_>, ledger: &Ledger, record: &Record, case: &Case<'_>) -> Arc<Subject> {
        if let Some(subject) = case.subject.get() {
            return subject.clone();
        }
        let responsibility = &case.responsibility;
        let owner = &responsibility.owner;
        let unit = self.word(owner.unit.map_or(&owner.text, |unit| &context.policy.units.units[unit].name));
        let subject = || {
            let key: Arc<str> = record.code.as_str().into();
            let project = if responsibility.is_project { key.clone() } else { responsibility.linked.clone() };
            Arc::new(Subject {
                name: record.text(ledger.role(Role::Name)).into(),
                owner: owner.unit,
                unit,
                project,
                waiting_on: context.waiting_on.get(&record.code).copied().filter(|_| responsibility.is_project).into(),
                named: responsibility.named(context.policy, context.as_of),
                major: responsibility.major,
                restricted: responsibility.restricted,
                key,
            })
        };
        case.subject.get_or_init(subject).clone()
    }

    /// Lists rows of the exemption ledger that could not be taken for what they say.
    pub fn doubtful_exemptions(&mut self, context: &Context<'_>, ledger_index: usize, records: &[Record], doubts: &[(usize, QualityKind)]) {
        let ledger = &context.policy.ledgers[ledger_index];
        self.quality.extend(doubts.iter().filter_map(|(index, kind)| {
            let record = records.get(*index)?;
            Some(Quality {
                ledger: ledger_index,
                key: record.code.as_str().into(),
                owner: owner_of(context.policy, ledger, record, context.projects).unit,
                kind: *kind,
            })
        }));
    }

    fn record_quality(&mut self, context: &Context<'_>, ledger_index: usize, record: &Record, case: &Case<'_>, mut blanks: Vec<usize>) {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        let mut kinds = Vec::new();
        if ledger.id == PROJECT {
            let negotiating = record.text(ledger.role(Role::Stage)) == STAGE_NEGOTIATING;
            blanks.retain(|field| !(negotiating && Some(*field) == ledger.role(Role::Agreement)));
            let agreement = record.text(ledger.role(Role::Agreement));
            let begun = [Role::Started, Role::Produced]
                .into_iter()
                .filter_map(|role| ledger.role(role))
                .any(|field| !happened(ledger, record, field, context.as_of).is_empty());
            if begun && !agreement.is_empty() && agreement != AGREEMENT_CONTRACT && !is_terminated(ledger, record, context.as_of) {
                kinds.push(QualityKind::StartedUnderFramework);
            }
            if case.responsibility.industry.is_none() && !record.text(ledger.role(Role::Industry)).is_empty() {
                kinds.push(QualityKind::UnknownIndustry);
            }
        }
        blanks.sort_unstable();
        blanks.dedup();
        kinds.extend(blanks.into_iter().map(QualityKind::BlankScope));
        if case.responsibility.owner.unit.is_none() {
            kinds.push(QualityKind::UnknownOwner);
        }
        if kinds.is_empty() {
            return;
        }
        let key = case.subject.get().map_or_else(|| record.code.as_str().into(), |subject| Arc::clone(&subject.key));
        let owner = case.responsibility.owner.unit;
        self.quality.extend(kinds.into_iter().map(|kind| Quality { ledger: ledger_index, key: Arc::clone(&key), owner, kind }));
    }

    /// Judges the periodic rules over the sessions held: each unit in scope has one in the last closed period.
    pub fn periodic(&mut self, context: &Context<'_>, ledger_index: usize, records: &[Record]) {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        for (rule_index, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.ledger == ledger_index) {
            let RuleKind::Periodic { every, levels, units, date, matching } = &rule.kind else { continue };
            let period = Period::last_closed(*every, context.as_of);
            let held: Vec<UnitId> = records
                .iter()
                .filter(|record| record.cell(*date).date().is_some_and(|day| day <= context.as_of && period.contains(day)))
                .filter(|record| {
                    matching.iter().all(|condition| condition.holds(ledger, record, &policy.units, context.as_of) == Holds::Yes)
                })
                .filter_map(|record| owner_of(policy, ledger, record, context.projects).unit)
                .collect();
            for (unit_id, unit) in policy.units.units.iter().enumerate() {
                if !(levels.contains(&unit.level) || units.contains(&unit_id)) || !policy.units.is_there(unit_id) {
                    continue;
                }
                if held.contains(&unit_id) {
                    self.tallies[rule_index].met += 1;
                    continue;
                }
                let Some(step) = rule.step(1, 1) else { continue };
                let key = format!("{}-{}", unit.name, period.code());
                let responsibility = Responsibility::bare(Owner { unit: Some(unit_id), text: unit.name.clone(), city: None });
                let subject = Arc::new(Subject {
                    key: key.into(),
                    name: self.word(&period.title()),
                    owner: Some(unit_id),
                    unit: self.word(&unit.name),
                    project: Arc::default(),
                    waiting_on: None.into(),
                    named: responsibility.named(policy, context.as_of),
                    major: None,
                    restricted: false,
                });
                let found = self.found(context, rule_index, step, subject);
                self.findings.push(found);
            }
        }
    }

    /// Puts findings, notices and quality lines in the order every output uses: rule, administrative order of the owner, key.
    pub fn sort(&mut self) {
        // what moves while sorting is a number, not a finding
        let place = |finding: &Finding| (finding.rule as u32, finding.owner.map_or(u32::MAX, |owner| owner as u32));
        let mut order: Vec<(u32, u32, u32)> =
            self.findings.iter().zip(0..).map(|(finding, index)| (place(finding).0, place(finding).1, index)).collect();
        let key = |index: u32| &*self.findings[index as usize].key;
        // where records came by code, of two findings of one rule and owner the first has the smaller key
        let keys = |a: u32, b: u32, rule: u32| if self.mixed[rule as usize] { key(a).cmp(key(b)) } else { Ordering::Equal };
        order.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| keys(a.2, b.2, a.0)).then(a.2.cmp(&b.2)));
        arrange(&mut self.findings, order.into_iter().map(|(.., index)| index).collect());
        self.notices.sort_by(|a, b| (a.due_on, a.owner, &a.key, a.rule).cmp(&(b.due_on, b.owner, &b.key, b.rule)));
        self.quality.sort_unstable_by(|a, b| (a.ledger, a.kind, a.owner, &a.key).cmp(&(b.ledger, b.kind, b.owner, &b.key)));
    }
}

/// Puts `items[order[n]]` at place n, for all n.
fn arrange<T>(items: &mut [T], mut order: Vec<u32>) {
    for start in 0..order.len() {
        let mut place = start;
        // along one circle of exchanges
        loop {
            let from = std::mem::replace(&mut order[place], place as u32) as usize;
            if from == start {
                break;
            }
            items.swap(place, from);
            place = from;
        }
    }
}

/// One record while it is judged.
struct Case<'p> {
    responsibility: Responsibility,
    /// The calendar of the owner's prefecture.
    calendar: Local<'p>,
    /// What the findings and notices of the record share; made with the first of them.
    subject: OnceCell<Arc<Subject>>,
}

impl<'p> Case<'p> {
    fn new(context: &Context<'p>, ledger_index: usize, record: &Record) -> Case<'p> {
        let responsibility = Responsibility::of(context, ledger_index, record);
        let calendar = context.policy.calendar.of(responsibility.prefecture(context.policy));
        Case { responsibility, calendar, subject: OnceCell::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::arrange;

    #[test]
    fn items_are_put_where_the_order_says() {
        // two circles, one of three places and one of two, and one that stays
        let mut items = ["a", "b", "c", "d", "e", "f"];
        arrange(&mut items, vec![2, 4, 3, 0, 1, 5]);
        assert_eq!(items, ["c", "e", "d", "a", "b", "f"]);
        arrange::<u8>(&mut [], Vec::new());
    }
}
