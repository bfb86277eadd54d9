//! Judging: (records, rules, calendar, units, exemptions, as_of) → findings, notices, data quality and tallies.
//!
//! The light of a finding is decided in [`crate::domain::judging::verdict`]; [`Judged::record`] asks it for every rule of a record's ledger.
//! The order of questions is fixed: no column (off) → out of scope → `until` happened (met) → `from` later than as_of (not yet) → a needed
//! cell empty (unjudged) → judged.

use crate::domain::judging::finding::{Change, Finding, Notice, State, Subject};
use crate::domain::judging::quality::{Quality, QualityKind};
use crate::domain::judging::verdict::{Verdict, verdict};
use crate::domain::life::office::Office;
use crate::domain::life::rule_owner::responsibility_for;
use crate::domain::life::words::in_words;
use crate::domain::register::calendar::Local;
use crate::domain::register::ledger::Role;
use crate::domain::register::period::Period;
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::compiled::LedgerRules;
use crate::domain::rules::condition::{AGREEMENT_CONTRACT, Holds, STAGE_NEGOTIATING, happened, is_terminated};
use crate::domain::rules::context::Context;
use crate::domain::rules::owner::{Owner, owner_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::{Began, Relation, Rule, RuleKind, RuleOwner, Step};
use chrono::{Datelike, Days, NaiveDate};
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

/// How many records had which outcome for a rule. The records in its scope are found + fine + met + not_yet + unjudged + exempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    pub found: u64,
    pub fine: u64,
    pub met: u64,
    pub not_yet: u64,
    pub unjudged: u64,
    pub exempt: u64,
    pub out_of_scope: u64,
    /// Rows whose source lacks a column that the rule needs.
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
    /// (rule, field whose column the source lacks) → number of rows the rule was off for.
    pub off: BTreeMap<(usize, usize), u64>,
    /// Years that decided a due date although their holiday notice is not on file: only their weekends are known.
    pub missing_calendar_years: BTreeSet<i32>,
    /// Interned texts, shared by many findings.
    words: hashbrown::HashSet<Arc<str>>,
    /// By ledger index.
    ledger_rules: Vec<Arc<LedgerRules>>,
    /// The answers of the current record to the conditions of its ledger's rules; empty before the first rule.
    answers: Vec<Option<Holds>>,
    /// By ledger index: the code judged last.
    last: Vec<String>,
    /// By rule index: whether its records arrived out of the order of their codes.
    mixed: Vec<bool>,
}

static OWNER_ONLY: LazyLock<Arc<[Relation]>> = LazyLock::new(|| Arc::from([Relation::Owner]));

impl Judged {
    pub fn new(policy: &Policy) -> Judged {
        let ledger_rules = (0..policy.ledgers.len()).map(|ledger| Arc::new(LedgerRules::of(policy, ledger))).collect();
        let (last, mixed) = (vec![String::new(); policy.ledgers.len()], vec![false; policy.rules.len()]);
        Judged { tallies: vec![Tally::default(); policy.rules.len()], ledger_rules, last, mixed, ..Judged::default() }
    }

    /// Reserves memory for the findings of `records` records at once, because growing the list step by step would double the peak memory.
    pub fn make_room(&mut self, records: usize) {
        self.findings.reserve(2 * records);
    }

    /// Judges one record by every rule of its ledger. Returns its owner.
    pub fn record(&mut self, context: &Context<'_>, ledger_index: usize, record: &Record) -> Option<UnitId> {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        let ledger_rules = self.ledger_rules[ledger_index].clone();
        self.answers.clear();
        let mut current: Option<CurrentRecord<'_>> = None;
        let mut blanks = Vec::new();
        for compiled in &ledger_rules.rules {
            let rule_index = compiled.rule;
            let rule = policy.rules[rule_index].of(record);
            if let Some(field) = rule.missing_column(record.columns) {
                self.tallies[rule_index].off += 1;
                *self.off.entry((rule_index, field)).or_default() += 1;
                continue;
            }
            // the responsibility is looked up once, and only for a record that is in the scope of a rule
            let in_scope = ledger_rules.in_scope(compiled, &mut self.answers, context, ledger, record);
            if in_scope != Holds::Yes {
                self.tallies[rule_index].out_of_scope += 1;
                if let Holds::Blank(field) = in_scope {
                    blanks.push(field);
                }
                continue;
            }
            let of_another = (rule.owner != RuleOwner::Record).then(|| CurrentRecord::for_rule(context, rule, record));
            let current = match &of_another {
                Some(current) => current,
                None => current.get_or_insert_with(|| CurrentRecord::new(context, ledger_index, record)),
            };
            let found = verdict(&context.for_rule(rule, record), ledger, record, rule, current.calendar);
            self.record_missing_calendar_years(context, record, rule, current.calendar, &found);
            let (findings, is_found) = (self.findings.len(), matches!(found, Verdict::Found { .. }));
            self.record_verdict(context, record, rule_index, current, found);
            if let Some(day) = context.old_data_of(record).filter(|_| is_found) {
                let then = verdict(&context.on(day.min(context.as_of)), ledger, record, rule, current.calendar);
                if !matches!(then, Verdict::Found { .. }) {
                    self.findings[findings..].iter_mut().for_each(Finding::wait_for_data);
                }
            }
        }
        let current = current.unwrap_or_else(|| CurrentRecord::new(context, ledger_index, record));
        if record.code < self.last[ledger_index] {
            ledger_rules.rules.iter().for_each(|compiled| self.mixed[compiled.rule] = true);
        }
        self.last[ledger_index].clone_from(&record.code);
        self.record_quality(context, ledger_index, record, &current, blanks);
        current.responsibility.owner.unit
    }

    /// Notes the years without a holiday notice that decided the due date of a verdict.
    fn record_missing_calendar_years(
        &mut self,
        context: &Context<'_>,
        record: &Record,
        rule: &Rule,
        calendar: Local<'_>,
        verdict: &Verdict<'_>,
    ) {
        let (Verdict::Fine(Some(due_on)) | Verdict::Found { due_on: Some(due_on), .. }) = verdict else { return };
        let RuleKind::Deadline { from, within: Some(within), agreed, roll, .. } = &rule.kind else { return };
        let date = |field: &usize| record.cell(*field).date();
        // an agreed date is taken as written, so no calendar decides it
        if context.policy.calendar.knows_until(*due_on) || agreed.iter().any(|field| date(field).is_some()) {
            return;
        }
        if let Began::On(_, began) = from.began(record, context.as_of) {
            // a missing notice matters only for years that the notice period has reached
            let last = context.as_of.checked_add_days(Days::new(u64::from(rule.notice_days))).unwrap_or(NaiveDate::MAX).year();
            self.missing_calendar_years.extend(calendar.missing_years(began, *within, *roll).filter(|year| *year <= last));
        }
    }

    /// The shared copy of a text that many findings contain.
    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return word.clone();
        }
        let word: Arc<str> = text.into();
        self.words.insert(word.clone());
        word
    }

    /// Counts a verdict, and adds its finding or notice.
    fn record_verdict(
        &mut self,
        context: &Context<'_>,
        record: &Record,
        rule_index: usize,
        current: &CurrentRecord<'_>,
        verdict: Verdict<'_>,
    ) {
        let policy = context.policy;
        let rule = policy.rules[rule_index].of(record);
        let ledger = &policy.ledgers[rule.ledger];
        let tally = &mut self.tallies[rule_index];
        // most records are fine and need no further work
        match &verdict {
            Verdict::Met => return tally.met += 1,
            Verdict::NotYet => return tally.not_yet += 1,
            Verdict::Fine(due_on) => {
                tally.fine += 1;
                if let Some(due_on) =
                    due_on.filter(|due| rule.notice_days > 0 && (*due - context.as_of).num_days() <= i64::from(rule.notice_days))
                {
                    let subject = self.subject(context, rule.ledger, record, current);
                    self.notices.push(Notice { subject, rule: rule_index, due_on, ends: None });
                }
                return;
            }
            Verdict::Unjudged(_) | Verdict::Found { .. } => {}
        }
        let subject = self.subject(context, rule.ledger, record, current);
        match verdict {
            Verdict::Met | Verdict::NotYet | Verdict::Fine(_) => {}
            Verdict::Unjudged(missing) => {
                self.tallies[rule_index].unjudged += 1;
                self.findings.push(Finding {
                    subject,
                    rule: rule_index,
                    light: None,
                    act: None,
                    // only the owner can fill the gap, so nobody else is notified
                    relations: OWNER_ONLY.clone(),
                    due_on: None,
                    overdue: None,
                    lag: None,
                    state: State::Unjudged,
                    waits_for_data: false,
                    missing: missing.into(),
                    cause: Arc::default(),
                    change: Change::New,
                    quarters: 0,
                    exempt: None,
                    done_since: None,
                });
            }
            Verdict::Found { step, due_on, overdue_days, lag, missing } => {
                let found = self.found(context, rule_index, step, subject);
                self.findings.push(Finding {
                    due_on,
                    overdue: overdue_days.and_then(|days| NonZeroU32::new(u32::try_from(days).ok()?)),
                    lag: lag.map(Box::new),
                    missing: missing.into(),
                    cause: current.responsibility.cause(policy, ledger, record).unwrap_or(&rule.cause).clone(),
                    ..found
                });
            }
        }
    }

    /// Counts a broken rule and returns its finding without dates and measures. Adds a notice where the exemption ends soon.
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
        let act = subject.bounded(step.act);
        Finding {
            subject,
            rule: rule_index,
            light: Some(step.light),
            act: Some(act),
            relations: step.relations.clone(),
            due_on: None,
            overdue: None,
            lag: None,
            state: if exempt.is_some() { State::Exempt } else { State::Open },
            waits_for_data: false,
            missing: Box::default(),
            cause: rule.cause.clone(),
            change: Change::New,
            quarters: 0,
            exempt,
            done_since: None,
        }
    }

    /// What all findings and notices of a record share.
    fn subject(&mut self, context: &Context<'_>, index: usize, record: &Record, current: &CurrentRecord<'_>) -> Arc<Subject> {
        let ledger = &context.policy.ledgers[index];
        if let Some(subject) = current.subject.get() {
            return subject.clone();
        }
        let responsibility = &current.responsibility;
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
                received_on: ledger.role(Role::Received).and_then(|field| happened(ledger, record, field, context.as_of).date()),
                old_data: context.old_data_of(record),
                is_of_desk: responsibility.is_of_desk,
                waiting_on: context.waiting_on.get(&record.code).copied().filter(|_| responsibility.is_project).into(),
                handled: handled(context, index, record, responsibility.is_project),
                named: responsibility.named(context.policy, context.as_of),
                major: responsibility.major,
                amount: responsibility.amount,
                restricted: responsibility.restricted,
                negotiation_only: responsibility.negotiation_only,
                project_negotiation_only: responsibility.project_negotiation_only,
                key,
            })
        };
        current.subject.get_or_init(subject).clone()
    }

    /// Adds the invalid rows of the exemption ledger to the data quality.
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

    /// Adds the doubts about a record to the data quality. `blanks` are the empty fields that put it out of the scope of rules.
    fn record_quality(
        &mut self,
        context: &Context<'_>,
        ledger_index: usize,
        record: &Record,
        current: &CurrentRecord<'_>,
        mut blanks: Vec<usize>,
    ) {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        let mut kinds = Vec::new();
        if ledger.is_of_projects() {
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
            if current.responsibility.industry.is_none() && !record.text(ledger.role(Role::Industry)).is_empty() {
                kinds.push(QualityKind::UnknownIndustry);
            }
        }
        blanks.sort_unstable();
        blanks.dedup();
        kinds.extend(blanks.into_iter().map(QualityKind::BlankScope));
        if !record.differs.is_empty() {
            let read = policy.states(ledger_index).map_or(ledger.judged, |states| states.fields(ledger).joined(ledger.judged));
            kinds.extend(record.differs.iter().filter(|field| read.contains(*field)).map(QualityKind::DiffersFromEvent));
        }
        if current.responsibility.owner.unit.is_none() {
            kinds.push(QualityKind::UnknownOwner);
        }
        if kinds.is_empty() {
            return;
        }
        let key = current.subject.get().map_or_else(|| record.code.as_str().into(), |subject| Arc::clone(&subject.key));
        let owner = current.responsibility.owner.unit;
        self.quality.extend(kinds.into_iter().map(|kind| Quality { ledger: ledger_index, key: Arc::clone(&key), owner, kind }));
    }

    /// Judges the periodic rules of a ledger: each unit in scope needs a record in the last closed period, unless that is before the first one that
    /// the ledger covers. `first_covered` is the first day of which it has data.
    pub fn periodic(&mut self, context: &Context<'_>, ledger_index: usize, records: &[Record], first_covered: Option<NaiveDate>) {
        let policy = context.policy;
        // what is missing may be in any source of the ledger that cannot be relied on
        let old_data = context.old_data_of_ledger(ledger_index);
        let ledger = &policy.ledgers[ledger_index];
        for (rule_index, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.ledger == ledger_index) {
            let RuleKind::Periodic { every, levels, units, date, matching } = &rule.kind else { continue };
            let period = Period::last_closed(*every, context.as_of);
            if has_not_begun(&period, records, *date, first_covered) {
                continue;
            }
            let held: Vec<UnitId> = records
                .iter()
                .filter(|record| record.cell(*date).date().is_some_and(|day| day <= context.as_of && period.contains(day)))
                .filter(|record| {
                    matching.iter().all(|condition| condition.holds(ledger, record, &policy.units, context.as_of) == Holds::Yes)
                })
                .filter_map(|record| owner_of(policy, ledger, record, context.projects).unit)
                .collect();
            for (unit_id, unit) in policy.units.units.iter().enumerate() {
                if !(levels.contains(&unit.level) || units.contains(&unit_id)) || !policy.units.is_active(unit_id) {
                    continue;
                }
                if held.contains(&unit_id) {
                    self.tallies[rule_index].met += 1;
                    continue;
                }
                let Some(step) = rule.step(1, 1) else { continue };
                let key = format!("{}-{}", unit.name, period.code());
                let responsibility = Responsibility::bare(Owner { unit: Some(unit_id), text: unit.name.clone(), division: None });
                let subject = Arc::new(Subject {
                    key: key.into(),
                    name: self.word(&period.title()),
                    owner: Some(unit_id),
                    unit: self.word(&unit.name),
                    project: Arc::default(),
                    received_on: None,
                    old_data,
                    is_of_desk: false,
                    waiting_on: None.into(),
                    handled: None,
                    named: responsibility.named(policy, context.as_of),
                    major: None,
                    amount: None,
                    restricted: false,
                    negotiation_only: false,
                    project_negotiation_only: false,
                });
                let mut found = self.found(context, rule_index, step, subject);
                if old_data.is_some_and(|day| day <= period.last_day()) {
                    found.wait_for_data();
                }
                self.findings.push(found);
            }
        }
    }

    /// Sorts findings, notices and quality lines into the order that every output uses: rule, administrative order of the owner, key.
    pub fn sort(&mut self) {
        // sort indices, because findings are large
        let place = |finding: &Finding| (finding.rule as u32, finding.owner.map_or(u32::MAX, |owner| owner as u32));
        let mut order: Vec<(u32, u32, u32)> =
            self.findings.iter().zip(0..).map(|(finding, index)| (place(finding).0, place(finding).1, index)).collect();
        let key = |index: u32| &*self.findings[index as usize].key;
        // where the records of a rule arrived in the order of their codes, its findings are in key order already
        let keys = |a: u32, b: u32, rule: u32| if self.mixed[rule as usize] { key(a).cmp(key(b)) } else { Ordering::Equal };
        order.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| keys(a.2, b.2, a.0)).then(a.2.cmp(&b.2)));
        arrange(&mut self.findings, order.into_iter().map(|(.., index)| index).collect());
        self.notices.sort_by(|a, b| (a.due_on, a.owner, &a.key, a.rule).cmp(&(b.due_on, b.owner, &b.key, b.rule)));
        self.quality.sort_unstable_by(|a, b| (a.ledger, a.kind, a.owner, &a.key).cmp(&(b.ledger, b.kind, b.owner, &b.key)));
    }
}

/// Whether a period is before the first one that a ledger covers: all its records and its data are later.
pub(crate) fn has_not_begun(period: &Period, records: &[Record], date: usize, first_covered: Option<NaiveDate>) -> bool {
    let first_record = records.iter().filter_map(|record| record.cell(date).date()).min();
    let began = first_covered.into_iter().chain(first_record).min();
    first_covered.is_some() && began.is_some_and(|began| began > period.last_day())
}

/// Moves `items[order[n]]` to index n, for all n, in place.
fn arrange<T>(items: &mut [T], mut order: Vec<u32>) {
    for start in 0..order.len() {
        let mut place = start;
        // follow one cycle of the permutation
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

/// The record being judged, with what its rules share.
struct CurrentRecord<'p> {
    responsibility: Responsibility,
    /// The calendar of the owner's prefecture.
    calendar: Local<'p>,
    /// What the findings and notices of the record share; made with the first of them.
    subject: OnceCell<Arc<Subject>>,
}

impl<'p> CurrentRecord<'p> {
    fn new(context: &Context<'p>, ledger_index: usize, record: &Record) -> CurrentRecord<'p> {
        CurrentRecord::of(context, Responsibility::of(context, ledger_index, record))
    }

    /// The record with the unit that answers for a rule in place of its owner.
    fn for_rule(context: &Context<'p>, rule: &Rule, record: &Record) -> CurrentRecord<'p> {
        CurrentRecord::of(context, responsibility_for(context, rule, record))
    }

    fn of(context: &Context<'p>, responsibility: Responsibility) -> CurrentRecord<'p> {
        let calendar = context.policy.calendar.of(responsibility.prefecture(context.policy));
        CurrentRecord { responsibility, calendar, subject: OnceCell::new() }
    }
}

/// What was done about a record here, in words.
pub(crate) fn handled(context: &Context<'_>, ledger: usize, record: &Record, is_project: bool) -> Option<Arc<str>> {
    if is_project {
        return context.answered.get(&record.code).cloned();
    }
    let states = context.policy.states(ledger).filter(|_| record.has_events)?;
    let (project_names, persons) = (HashMap::new(), HashMap::new());
    let office = Office { policy: context.policy, ledger, projects: context.projects, project_names: &project_names, persons: &persons };
    in_words(&office, states, record, context.as_of).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::arrange;

    #[test]
    fn items_are_permuted_in_place() {
        // a cycle of three, a cycle of two, and a fixed point
        let mut items = ["a", "b", "c", "d", "e", "f"];
        arrange(&mut items, vec![2, 4, 3, 0, 1, 5]);
        assert_eq!(items, ["c", "e", "d", "a", "b", "f"]);
        arrange::<u8>(&mut [], Vec::new());
    }
}
